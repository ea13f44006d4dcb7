"""Import time and memory.

Each figure comes from a fresh interpreter that runs `footprint.py`. The peers take turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chunkview.testing import workload

from .conftest import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture

needs_statm = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc/self/statm"
)


def fresh(*command: str) -> float:
    """Run a function of `footprint.py` in a fresh interpreter."""
    script = Path(__file__).with_name("footprint.py")
    # Installed packages have their byte code on disk. chunkview's must be kept too.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    result = subprocess.run(
        [sys.executable, str(script), *command],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    return float(result.stdout)


def record(
    benchmark: BenchmarkFixture,
    row: str,
    commands: Mapping[str, tuple[str, ...]],
    turns: int = 1,
    best: Callable[[Iterable[float]], float] = min,
) -> dict[str, float]:
    """Run one command for each peer in turn, and record the best figure of each."""

    def take_turns() -> dict[str, float]:
        figures = [
            {peer: fresh(*command) for peer, command in commands.items()}
            for _ in range(turns if benchmark.enabled else 1)
        ]
        return {peer: best(turn[peer] for turn in figures) for peer in commands}

    figures: dict[str, float] = benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
    note(benchmark, "footprint", row, figures=figures)
    return figures


def test_import_time(benchmark: BenchmarkFixture) -> None:
    modules = {"chunkview": "chunkview", "SDK": "anthropic", "attrs": "attrs"}
    commands = {peer: ("import_time", module) for peer, module in modules.items()}
    for command in commands.values():  # writes the byte code and warms the file cache
        fresh(*command)
    record(benchmark, "import, ms", commands, turns=9)


def test_first_body_of_a_process(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Forty events of most types: text, cited text, a server tool and its result."""
    body = tmp_path / "short.sse"
    body.write_bytes(workload("short", seed=3))
    commands = {
        "chunkview": ("first_body_by_chunkview", str(body)),
        "SDK": ("first_body_by_sdk", str(body)),
    }
    record(benchmark, "first body, ms", commands, turns=9)


@needs_statm
def test_import_memory(benchmark: BenchmarkFixture) -> None:
    commands = {"chunkview": ("import_memory", "chunkview"), "SDK": ("import_memory", "anthropic")}
    record(benchmark, "import, bytes", commands, turns=3)


def test_memory_of_kept_text_chunks(benchmark: BenchmarkFixture) -> None:
    commands = {"chunkview": ("kept_by_chunkview",), "SDK": ("kept_by_sdk",)}
    record(benchmark, "a kept text chunk, bytes", commands)


@pytest.mark.parametrize(("state", "feeds"), [("new", "0"), ("in mid-stream", "3")])
def test_idle_decoders(benchmark: BenchmarkFixture, state: str, feeds: str) -> None:
    record(benchmark, f"idle decoder {state}, bytes", {"chunkview": ("idle_decoder", feeds)})


@needs_statm
def test_interleaved_streams(benchmark: BenchmarkFixture) -> None:
    row = "10,000 interleaved streams, bytes each"
    commands = {"chunkview": ("interleaved_memory",)}
    record(benchmark, row, commands)


@needs_statm
def test_speed_of_interleaved_streams(benchmark: BenchmarkFixture) -> None:
    row = "10,000 interleaved streams, chunks per second"
    record(benchmark, row, {"chunkview": ("interleaved_speed",)}, turns=3, best=max)


@needs_statm
def test_dropped_chunks_leave_nothing_behind(benchmark: BenchmarkFixture) -> None:
    count = "1000000" if benchmark.enabled else "100000"
    row = "growth after a million chunks, bytes"
    grown = record(benchmark, row, {"chunkview": ("dropped", count)})
    assert grown["chunkview"] < 1_000_000
