"""A run: all functions are compared, and then measured in turns."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from .worker import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .agreement import Agreement
    from .bodies import Row
    from .functions import Function
    from .timing import Effort
    from .worker import Result

__all__ = ["BenchError", "compare", "measure"]


class BenchError(Exception):
    """A function cannot be measured; the text says which, and why."""


def compare(
    functions: Sequence[Function],
    rows: Sequence[Row],
    segment_size: int | None,
    *,
    tell: Callable[[str], None],
    do: Callable[[Job], Result],
) -> dict[str, dict[str, Agreement]]:
    """Compare the answers of all functions with chunkview's.

    Args:
        functions: The functions.
        rows: The bodies.
        segment_size: The bytes of a piece, or None for whole bodies.
        tell: Told what is going on, and "" at the end.
        do: Does a job.

    Returns:
        What was found, by function and row.

    Raises:
        BenchError: A function cannot be loaded.
    """
    agreements: dict[str, dict[str, Agreement]] = {}
    for function in functions:
        tell(f"comparing the answers of {function.name}")
        result = _done(do, Job(function, tuple(rows), segment_size))
        agreements[function.name] = result.agreements
    tell("")
    return agreements


def measure(
    functions: Sequence[Function],
    rows: Sequence[Row],
    agreements: Mapping[str, Mapping[str, Agreement]],
    segment_size: int | None,
    effort: Effort,
    *,
    tell: Callable[[str], None],
    do: Callable[[Job], Result],
) -> list[tuple[Function, Result]]:
    """Measure all functions, each with the bodies for which it does not fail.

    They take turns, in another order in each round: a slow spell of the machine then affects them
    all.

    Args:
        functions: The functions.
        rows: The bodies.
        agreements: What `compare` found.
        segment_size: The bytes of a piece, or None for whole bodies.
        effort: How much to measure.
        tell: Told what is going on, and "" at the end.
        do: Does a job.

    Returns:
        The function and the result of each process.

    Raises:
        BenchError: A function cannot be loaded, or its process ended.
    """
    results: list[tuple[Function, Result]] = []
    for number in range(1, effort.rounds + 1):
        for function in random.sample(list(functions), len(functions)):
            found = agreements[function.name]
            good = tuple(row for row in rows if found[row.name].status != "fails")
            if good:
                tell(f"round {number} of {effort.rounds}: measuring {function.name}")
                results.append((function, _done(do, Job(function, good, segment_size, effort))))
    tell("")
    return results


def _done(do: Callable[[Job], Result], job: Job) -> Result:
    result = do(job)
    if result.problem:
        raise BenchError(f"{job.function.name}: {result.problem}")
    return result
