"""Sums of recordings: against decoding and accumulating them, on two cores, and in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from chunkview import accumulate
from chunkview.recordings import summaries
from chunkview.testing import recording, workload, workload_names

from .conftest import note, recorded_streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from .conftest import Compare

BODIES: dict[str, Callable[[], list[bytes]]] = {
    "recorded": recorded_streams,
    "short streams": lambda: [workload("short", seed=seed) for seed in range(20)],
    "workloads of 200 deltas": lambda: of_each_workload(200),
    "workloads of 2,000 deltas": lambda: of_each_workload(2000),
}


def of_each_workload(deltas: int) -> list[bytes]:
    return [workload(name, deltas) for name in workload_names() if name != "short"]


def written(bodies: list[bytes], count: int, place: Path) -> Path:
    """Write so many recordings to a folder. They take the place on the disk of the bodies alone."""
    folder = place / f"{count} recordings"
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:06}.sse"
        # A file may have 65,000 names.
        first = folder / f"{number % len(bodies) + number // 50_000 * 50_000:06}.sse"
        if first == path or not first.exists():
            path.write_bytes(bodies[number % len(bodies)])
        else:
            os.link(first, path)
    return folder


def by_accumulating(folder: Path) -> list[int | None]:
    messages = [accumulate(path.read_bytes()) for path in sorted(folder.iterdir())]
    return [message.usage.output_tokens for message in messages]


def by_stats(folder: Path) -> list[int | None]:
    return [row.output_tokens for row in summaries(folder)]


def by_stats_without_findings(folder: Path) -> list[int | None]:
    return [row.output_tokens for row in summaries(folder, findings=False)]


@pytest.mark.parametrize("kind", BODIES)
def test_rate(compare: Compare, tmp_path: Path, kind: str) -> None:
    bodies = BODIES[kind]()
    count = len(bodies) * (10 if sum(map(len, bodies)) < 2_000_000 else 1)
    folder = written(bodies, count, tmp_path)
    peers = {
        "stats": by_stats,
        "stats, no findings": by_stats_without_findings,
        "accumulate": by_accumulating,
    }
    found = compare("stats", kind, count, peers, [folder])
    assert found["stats"] == found["stats, no findings"] == found["accumulate"]


PROGRAM = """
import re, resource, sys
from pathlib import Path
from chunkview._cli import main

status = main()
own, pool = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
# ru_maxrss of this process would be at least that of the one which started it.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
seconds = [usage.ru_utime + usage.ru_stime for usage in (own, pool)]
print(*seconds, max(peak, pool.ru_maxrss), file=sys.stderr)
sys.exit(status)
"""

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from /proc/self/status"
)


@attrs.frozen
class Run:
    """What a run of the command took.

    Attributes:
        seconds: CPU time on the longest path: of the command, and of one of its processes.
        clock: Seconds by the clock.
        memory: The largest process, in MiB.
    """

    seconds: float
    clock: float
    memory: float


def stats(folder: Path, *options: str, jobs: int | None = None) -> Run:
    """Run the command."""
    processes = [] if jobs is None else ["--jobs", str(jobs)]
    command = [sys.executable, "-c", PROGRAM, "stats", str(folder), *processes, *options]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    clock = time.perf_counter() - start
    own, pool, peak = map(float, done.stderr.splitlines()[-1].split())
    return Run(own + pool / (jobs or 1), clock, peak / 1024)


@needs_proc
def test_two_processes(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The command as a whole, with its start. Each process has a core of its own."""
    bodies = [*recorded_streams(), *of_each_workload(200)]
    folder = written(bodies, 10_000 if benchmark.enabled else 200, tmp_path)
    jobs = {"one process": 1, "two processes": 2}

    def take_turns() -> dict[str, float]:
        turns = [
            {name: stats(folder, jobs=number).seconds for name, number in jobs.items()}
            for _ in range(3 if benchmark.enabled else 1)
        ]
        return {name: min(turn[name] for turn in turns) for name in jobs}

    figures: dict[str, float] = benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
    note(benchmark, "stats cores", "10,000 recordings", figures=figures)


@needs_proc
@pytest.mark.parametrize("suffix", ["", ".csv", ".parquet"])
def test_memory(benchmark: BenchmarkFixture, tmp_path: Path, suffix: str) -> None:
    few, many = (1_000, 100_000) if benchmark.enabled else (10, 100)
    output = ["-o", str(tmp_path / f"rows{suffix}")] if suffix else []
    folders = {count: written([recording("text")], count, tmp_path) for count in (few, many)}

    def measure() -> dict[str, float]:
        return {f"{n:,}": stats(place, *output, jobs=2).memory for n, place in folders.items()}

    figures: dict[str, float] = benchmark.pedantic(measure)  # type: ignore[no-untyped-call]
    note(benchmark, "stats memory", suffix.removeprefix(".") or "sums", figures=figures)
