"""Sums of recordings on a Dask cluster of this machine, against the command's own processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .conftest import note, recorded_streams
from .test_stats import of_each_workload, stats, written

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

distributed: Any = pytest.importorskip("distributed")


def test_overhead_of_dask(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The command as a whole, with its start: by the clock, so it needs an idle machine.

    The cluster runs already. Its workers have read recordings before.
    """
    bodies = [*recorded_streams(), *of_each_workload(200)]
    folder = written(bodies, 10_000 if benchmark.enabled else 200, tmp_path)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        options = {
            "two processes": ("--jobs", "2"),
            "Dask": ("--dask", cluster.scheduler_address),
        }

        def take_turns() -> dict[str, float]:
            turns = [
                {name: stats(folder, *some).clock for name, some in options.items()}
                for _ in range(4 if benchmark.enabled else 1)
            ]
            return {name: min(turn[name] for turn in turns) for name in options}

        figures: dict[str, float] = benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
    note(benchmark, "stats cluster", "10,000 recordings, seconds", figures=figures)
