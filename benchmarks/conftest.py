"""Shared by the benchmarks: the streams, and the place of a figure in the report.

A figure belongs to a section (a table of the report), to a row (one comparison, which is a group of
pytest-benchmark) and to a column (a peer).
"""

from __future__ import annotations

import gc
import math
import os
import random
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from chunkview._cli.streams import bodies_of
from chunkview.recordings import is_other_file
from chunkview.testing import WORKLOAD_VERSION, recording, recording_names, workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    Measure = Callable[..., Any]
    Compare = Callable[..., dict[str, list[Any]]]
    Growth = Callable[..., None]

CORPUS = os.environ.get("CHUNKVIEW_CORPUS")
PACKAGES = ("anthropic", "attrs", "cattrs", "httpx-sse", "mirascope", "msgspec", "pydantic")


def recorded_streams() -> list[bytes]:
    """The streams in the folder CHUNKVIEW_CORPUS and below if it is set, else the bundled ones."""
    if CORPUS:
        found = bodies_of(CORPUS, skips=lambda recording, _: is_other_file(recording))
        bodies = [body for _, body in found]
        if not bodies:
            raise pytest.UsageError(f"CHUNKVIEW_CORPUS={CORPUS} holds no stream")
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
def compare(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Compare:
    """Time peers on bodies as `compare(section, row, per, peers, bodies)`.

    The peers take turns at each body, in a random order, four times a lap. Each body is read once
    to warm the caches, and then again. A figure is the sum of the best times of all bodies: a
    slow spell of the machine spoils one time of one body, not the whole. It is CPU time, so what
    other programs do meanwhile does not count.

    `per` is the number of events in all bodies. The result is what each peer made of each body.
    """
    laps: Any = request.config.getoption("--laps")
    rounds = 4 * laps if benchmark.enabled else 1

    def timed(
        section: str, row: str, per: int, peers: dict[str, Callable[[Any], Any]], bodies: list[Any]
    ) -> dict[str, list[Any]]:
        best = {peer: [math.inf] * len(bodies) for peer in peers}
        order = list(peers)

        def take_turns() -> None:
            for _ in range(rounds):
                for at, body in enumerate(bodies):
                    random.shuffle(order)
                    for peer in order:
                        best[peer][at] = min(best[peer][at], time_of(peers[peer], body))

        benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
        figures = {peer: sum(times) / per * 1e9 for peer, times in best.items()}
        note(benchmark, section, row, figures=figures)
        return {peer: [function(body) for body in bodies] for peer, function in peers.items()}

    return timed


def time_of(function: Callable[[Any], Any], body: Any) -> float:
    """The seconds of CPU time that a call takes when it was made just before."""
    function(body)
    start = time.thread_time()
    function(body)
    return time.thread_time() - start


@pytest.fixture
def growth(benchmark: BenchmarkFixture) -> Growth:
    """Time few and many events as `growth(section, row, prepare)`.

    `prepare(count)` gives the events, which are not timed, and what takes them. The figures are CPU
    time per event, the best of two turns: the larger count takes too long to be left undisturbed.
    """

    def timed(
        section: str, row: str, prepare: Callable[[int], tuple[list[Any], Callable[[Any], Any]]]
    ) -> None:
        few, many, least = (100, 100_000, 20_000) if benchmark.enabled else (1, 1000, 1)
        prepared = {count: prepare(count) for count in (few, many)}
        # The collector would look at the events again and again. A program does not keep them.
        gc.collect()
        gc.freeze()
        best = dict.fromkeys(prepared, math.inf)

        def take_turns() -> None:
            for count in [*prepared, *prepared]:
                events, take = prepared[count]
                times = max(1, least // count)  # a short time would be lost in the noise
                start = time.thread_time()
                for _ in range(times):
                    take(events)
                taken = time.thread_time() - start
                best[count] = min(best[count], taken / times / len(events))

        benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
        note(benchmark, section, row, figures={f"{n:,}": best[n] * 1e9 for n in prepared})

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
