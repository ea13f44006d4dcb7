"""Sums of recordings on a Dask cluster of this machine, against the command's own processes."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import note, recorded_streams
from .test_stats import of_each_workload, written

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

distributed: Any = pytest.importorskip("distributed")
resource = pytest.importorskip("resource")


def test_overhead_of_dask(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The CPU time of all processes: of the command with its start, of workers and scheduler."""
    bodies = [*recorded_streams(), *of_each_workload(200)]
    folder = written(bodies, 10_000 if benchmark.enabled else 200, tmp_path)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):

        def spent() -> float:
            """Seconds of all processes, from their beginning."""
            commands = resource.getrusage(resource.RUSAGE_CHILDREN)
            workers = client.run(time.process_time)
            own = time.process_time()  # the scheduler's, too
            return float(own + sum(workers.values()) + commands.ru_utime + commands.ru_stime)

        def stats(*options: str) -> float:
            """Run the command. Give the seconds that it took of all processes."""
            command = [sys.executable, "-m", "chunkview", "stats", str(folder), *options]
            before = spent()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return spent() - before

        options = {
            "two processes": ("--jobs", "2"),
            "Dask": ("--dask", cluster.scheduler_address),
        }

        def take_turns() -> dict[str, float]:
            # In the first turn, the workers import what they need.
            turns = [
                {name: stats(*some) for name, some in options.items()}
                for _ in range(4 if benchmark.enabled else 1)
            ]
            return {name: min(turn[name] for turn in turns) for name in options}

        figures: dict[str, float] = benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
    note(benchmark, "stats cluster", "10,000 recordings", figures=figures)
