"""What every benchmark shares: the recorded streams, and how a figure finds its place.

A figure belongs to a section (a table of the report), a row in it (one comparison, and a group of
pytest-benchmark) and a column (the peer that was measured).
"""

from __future__ import annotations

import gc
import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chunkview.testing import recording, recording_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    Measure = Callable[..., Any]

CORPUS = os.environ.get("CHUNKVIEW_CORPUS")
PACKAGES = ("anthropic", "attrs", "cattrs", "httpx-sse", "mirascope", "msgspec", "pydantic")


def recorded_streams() -> list[bytes]:
    """The bodies of `CHUNKVIEW_CORPUS` when it names a directory, else the bundled recordings."""
    if CORPUS:
        bodies = [path.read_bytes() for path in sorted(Path(CORPUS).glob("*.sse"))]
    else:
        bodies = [recording(name) for name in recording_names()]
    # An error event makes the SDK raise where it would go on with the comparison.
    return [body for body in bodies if b"event: error" not in body]


@pytest.fixture(scope="session")
def streams() -> list[bytes]:
    return recorded_streams()


@pytest.fixture(scope="session", autouse=True)
def _nothing_old_is_collected() -> Iterator[None]:
    """Keep the collector on, as in a real program, but away from what pytest has loaded."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Measure:
    """Time a call as `measure(section, row, peer, per, function, *arguments)`.

    `per` says how many events, deltas or bytes the call handles. With `rounds`, the call is made
    so many times and no more.
    """

    def timed(
        section: str,
        row: str,
        peer: str,
        per: int,
        function: Callable[..., Any],
        *arguments: Any,
        rounds: int | None = None,
    ) -> Any:
        benchmark.group = f"{section}: {row}"
        benchmark.extra_info.update(section=section, row=row, peer=peer, per=per)
        if rounds is None:
            return benchmark(function, *arguments)
        return benchmark.pedantic(function, args=arguments, rounds=rounds)

    return timed


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Note what was measured, and on which streams."""
    bodies = recorded_streams()
    machine_info["packages"] = {
        name: _version(name) for name in PACKAGES if _version(name) is not None
    }
    machine_info["streams"] = {
        "from": "CHUNKVIEW_CORPUS" if CORPUS else "the bundled recordings",
        "count": len(bodies),
        "bytes": sum(map(len, bodies)),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
