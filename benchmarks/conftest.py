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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--laps", type=int, default=1, help="how often to go round all the peers")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Go round the peers of a file several times: a slow spell of the machine meets them all."""
    laps: Any = metafunc.config.getoption("--laps")
    if laps > 1 and "measure" in metafunc.fixturenames:
        metafunc.fixturenames.append("lap")
        metafunc.parametrize("lap", range(laps), scope="module")


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Measure:
    """Time a call as `measure(section, row, peer, per, function, *arguments)`.

    `per` says how many events or deltas the call handles.
    """

    def timed(
        section: str, row: str, peer: str, per: int, function: Callable[..., Any], *arguments: Any
    ) -> Any:
        note(benchmark, section, row, peer=peer, per=per)
        return benchmark(function, *arguments)

    return timed


@pytest.fixture
def measure_once(benchmark: BenchmarkFixture) -> Measure:
    """As `measure`, for what takes seconds: two rounds, in the first lap only."""

    def timed(
        section: str, row: str, peer: str, per: int, function: Callable[..., Any], *arguments: Any
    ) -> Any:
        note(benchmark, section, row, peer=peer, per=per)
        return benchmark.pedantic(function, args=arguments, rounds=2)  # type: ignore[no-untyped-call]

    return timed


def note(benchmark: BenchmarkFixture, section: str, row: str, **info: Any) -> None:
    """Say where in the report a figure belongs."""
    benchmark.group = f"{section}: {row}"
    benchmark.extra_info.update(section=section, row=row, **info)


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
