"""A run: all functions are compared, and then measured in turns."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from .worker import Function, Job, Result, run_in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .agreement import Agreement
    from .bodies import Row
    from .timing import Effort

__all__ = ["compare", "measure"]


def compare(
    functions: Sequence[Function],
    rows: Sequence[Row],
    segment_size: int | None,
    *,
    tell: Callable[[str], None],
    do: Callable[[Job], Result] = run_in_process,
) -> tuple[dict[str, dict[str, Agreement]], list[str]]:
    """Compare the answers of all functions with chunkview's.

    Args:
        functions: The functions.
        rows: The bodies.
        segment_size: The bytes of a piece, or None for whole bodies.
        tell: Told what is going on, and "" at the end.
        do: Does a job.

    Returns:
        What was found, by function and row; and why functions could not be loaded.
    """
    agreements: dict[str, dict[str, Agreement]] = {}
    problems: list[str] = []
    for function in functions:
        tell(f"comparing the answers of {function.name}")
        result = do(Job(function, tuple(rows), segment_size))
        agreements[function.name] = result.agreements
        if result.problem:
            problems.append(f"{function.name}: {result.problem}")
    tell("")
    return agreements, problems


def measure(
    functions: Sequence[Function],
    rows: Sequence[Row],
    agreements: Mapping[str, Mapping[str, Agreement]],
    segment_size: int | None,
    effort: Effort,
    *,
    tell: Callable[[str], None],
    do: Callable[[Job], Result] = run_in_process,
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
    """
    results: list[tuple[Function, Result]] = []
    for number in range(1, effort.rounds + 1):
        for function in random.sample(list(functions), len(functions)):
            found = agreements[function.name]
            good = tuple(row for row in rows if found[row.name].status != "fails")
            if good:
                tell(f"round {number} of {effort.rounds}: measuring {function.name}")
                results.append((function, do(Job(function, good, segment_size, effort))))
    tell("")
    return results
