"""Shared by the benchmarks: the streams, and the place of a figure in the report.

A figure belongs to a section (a table of the report), to a row (one comparison, which is a group of
pytest-benchmark) and to a column (a peer).
"""

from __future__ import annotations

import gc
import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chunkview.testing import WORKLOAD_VERSION, recording, recording_names, workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    Measure = Callable[..., Any]

CORPUS = os.environ.get("CHUNKVIEW_CORPUS")
PACKAGES = ("anthropic", "attrs", "cattrs", "httpx-sse", "mirascope", "msgspec", "pydantic")


def recorded_streams() -> list[bytes]:
    """The bodies in the directory CHUNKVIEW_CORPUS if it is set, else the bundled recordings."""
    if CORPUS:
        bodies = [path.read_bytes() for path in sorted(Path(CORPUS).glob("*.sse"))]
    else:
        bodies = [recording(name) for name in recording_names()]
    # The SDK raises at an error event, so these streams cannot be compared.
    return [body for body in bodies if b"event: error" not in body]


@pytest.fixture(scope="session")
def streams() -> list[bytes]:
    return recorded_streams()


@pytest.fixture(scope="session")
def shorts() -> list[bytes]:
    """Forty streams of forty events each: twice the mix of `workload("short")`."""
    return [workload("short", seed=seed) for seed in range(40)]


@pytest.fixture(scope="session", autouse=True)
def _nothing_old_is_collected() -> Iterator[None]:
    """Keep the garbage collector on, as in a real program, but hide what pytest has loaded."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--laps", type=int, default=1, help="how often each peer is measured")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Measure all peers of a file in turn, several times: a slow spell then affects them all."""
    laps: Any = metafunc.config.getoption("--laps")
    if laps > 1 and "measure" in metafunc.fixturenames:
        metafunc.fixturenames.append("lap")
        metafunc.parametrize("lap", range(laps), scope="module")


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Measure:
    """Time a call as `measure(section, row, peer, per, function, *arguments)`.

    `per` is the number of events or deltas that the call handles.
    """

    def timed(
        section: str, row: str, peer: str, per: int, function: Callable[..., Any], *arguments: Any
    ) -> Any:
        note(benchmark, section, row, peer=peer, per=per)
        return benchmark(function, *arguments)

    return timed


@pytest.fixture
def measure_once(benchmark: BenchmarkFixture) -> Measure:
    """Like `measure`, for calls that take seconds: two rounds, in the first lap only."""

    def timed(
        section: str, row: str, peer: str, per: int, function: Callable[..., Any], *arguments: Any
    ) -> Any:
        note(benchmark, section, row, peer=peer, per=per)
        return benchmark.pedantic(function, args=arguments, rounds=2)  # type: ignore[no-untyped-call]

    return timed


def note(benchmark: BenchmarkFixture, section: str, row: str, **info: Any) -> None:
    """Note the place of a figure in the report."""
    benchmark.group = f"{section}: {row}"
    benchmark.extra_info.update(section=section, row=row, **info)


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Note the versions of the peers, and the streams."""
    bodies = recorded_streams()
    machine_info["packages"] = {
        name: _version(name) for name in PACKAGES if _version(name) is not None
    }
    machine_info["streams"] = {
        "from": "CHUNKVIEW_CORPUS" if CORPUS else "the bundled recordings",
        "count": len(bodies),
        "bytes": sum(map(len, bodies)),
        "workloads": WORKLOAD_VERSION,
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
