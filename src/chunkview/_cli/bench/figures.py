"""The figures of a run, from pyperf's statistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from .peers import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .bodies import Row
    from .functions import Function
    from .worker import Result

__all__ = ["ALL", "Figure", "figures_of", "suite_of"]

ALL = "all"
"""The row of the sums."""


@attrs.frozen
class Figure:
    """How long a function takes for the bodies of a row.

    Attributes:
        row: The name of the row, or `ALL`.
        function: The name of the function.
        mean: The mean of the measurements, in seconds.
        std: Their standard deviation, in seconds.
        ratio: The mean divided by chunkview's; None if chunkview has none.
        megabytes_per_second: Bodies, in millions of bytes.
        events_per_second: Events, pings included.
        is_wrong: Whether the function's answer for one of the bodies differs from chunkview's.
    """

    row: str
    function: str
    mean: float
    std: float
    ratio: float | None
    megabytes_per_second: float
    events_per_second: float
    is_wrong: bool = False


def suite_of(results: Iterable[tuple[Function, Result]]) -> Any:
    """Join measurements to a `pyperf.BenchmarkSuite`.

    Args:
        results: The function and the result of each process.

    Returns:
        The suite. A benchmark is named by its row and its function.
    """
    from pyperf import Benchmark, BenchmarkSuite, Run  # type: ignore[import-untyped]

    benchmarks: dict[str, Any] = {}
    for function, result in results:
        for row, timing in result.timings.items():
            name = _name(row, function.name)
            made = Run(
                timing.values,
                warmups=[(timing.loops, timing.warmup)],
                metadata={**result.metadata, "name": name, "loops": timing.loops, "unit": "second"},
                collect_metadata=False,
            )
            if name in benchmarks:
                benchmarks[name].add_run(made)
            else:
                benchmarks[name] = Benchmark([made])
    return BenchmarkSuite(list(benchmarks.values()))


def figures_of(suite: Any, rows: Sequence[Row], functions: Sequence[Function]) -> list[Figure]:
    """Give the figures of all rows, and those of `ALL` if there is more than one row.

    Args:
        suite: The measurements, a `pyperf.BenchmarkSuite`.
        rows: The rows.
        functions: The functions, in the order of the figures within a row.

    Returns:
        The figures, row by row. A function that was not measured for a row has none there, and
        none in `ALL`.
    """
    measured = {benchmark.get_name(): benchmark for benchmark in suite.get_benchmarks()}
    times: dict[str, dict[str, tuple[float, float]]] = {row.name: {} for row in rows}
    for row in rows:
        for function in functions:
            benchmark = measured.get(_name(row.name, function.name))
            if benchmark is not None:
                times[row.name][function.name] = benchmark.mean(), benchmark.stdev()
    figures = [
        figure
        for row in rows
        for figure in _of_row(row.name, times[row.name], row.events, row.size)
    ]
    if len(rows) > 1:
        sums = {
            function.name: _sum(times[row.name][function.name] for row in rows)
            for function in functions
            if all(function.name in times[row.name] for row in rows)
        }
        events, size = sum(row.events for row in rows), sum(row.size for row in rows)
        figures += _of_row(ALL, sums, events, size)
    return figures


def _name(row: str, function: str) -> str:
    return f"{row}: {function}"


def _sum(times: Iterable[tuple[float, float]]) -> tuple[float, float]:
    means, stds = zip(*times, strict=True)
    return sum(means), math.hypot(*stds)


def _of_row(
    row: str, times: dict[str, tuple[float, float]], events: int, size: int
) -> list[Figure]:
    ours = times.get(OURS)
    return [
        Figure(
            row,
            function,
            mean,
            std,
            None if ours is None else mean / ours[0],
            size / mean / 1e6,
            events / mean,
        )
        for function, (mean, std) in times.items()
    ]
