"""Sums of recordings: against decoding and accumulating them, on two cores, and in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from chunkview import accumulate
from chunkview.recordings import summaries
from chunkview.testing import recording, workload, workload_names

from .conftest import note, recorded_streams

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


def stats(folder: Path, *options: str) -> dict[str, Any]:
    """Run the command. Give its sums, the seconds that it took, and its memory in MiB."""
    program = (
        "import resource, sys; from chunkview._cli import main; status = main(); "
        "usages = [resource.getrusage(kind).ru_maxrss for kind in "
        "(resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]; "
        "print(max(usages), file=sys.stderr); sys.exit(status)"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, "stats", str(folder), "--json", *options],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - start
    return {
        "total": json.loads(done.stdout)["total"],
        "seconds": seconds,
        "memory": int(done.stderr.splitlines()[-1]) / 1024,
    }


def test_two_processes(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The command as a whole, with its start: by the clock, so it needs an idle machine."""
    bodies = [*recorded_streams(), *of_each_workload(200)]
    folder = written(bodies, 10_000 if benchmark.enabled else 200, tmp_path)
    jobs = {"one process": "1", "two processes": "2"}

    def take_turns() -> dict[str, float]:
        turns = [
            {name: stats(folder, "--jobs", number)["seconds"] for name, number in jobs.items()}
            for _ in range(3 if benchmark.enabled else 1)
        ]
        return {name: min(turn[name] for turn in turns) for name in jobs}

    figures: dict[str, float] = benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
    note(benchmark, "stats cores", "10,000 recordings, seconds", figures=figures)


@pytest.mark.parametrize("suffix", ["", ".csv", ".parquet"])
def test_memory(benchmark: BenchmarkFixture, tmp_path: Path, suffix: str) -> None:
    few, many = (1_000, 100_000) if benchmark.enabled else (10, 100)
    output = ["-o", str(tmp_path / f"rows{suffix}")] if suffix else []
    folders = {count: written([recording("text")], count, tmp_path) for count in (few, many)}

    def measure() -> dict[str, float]:
        return {f"{n:,}": stats(folder, *output)["memory"] for n, folder in folders.items()}

    figures: dict[str, float] = benchmark.pedantic(measure)  # type: ignore[no-untyped-call]
    row = f"recordings, {suffix.removeprefix('.') or 'sums'}, MiB"
    note(benchmark, "stats memory", row, figures=figures)
