"""How fast Hypothesis draws streams: the CPU time of an example."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from chunkview.testing import strategies as cv

from .conftest import note

if TYPE_CHECKING:
    import pytest
    from hypothesis.strategies import SearchStrategy
    from pytest_benchmark.fixture import BenchmarkFixture

STREAMS: dict[str, SearchStrategy[Any]] = {
    "default": cv.message_streams(),
    "realistic=False": cv.message_streams(realistic=False),
}


def test_an_example_of_a_stream(
    benchmark: BenchmarkFixture, request: pytest.FixtureRequest
) -> None:
    laps: Any = request.config.getoption("--laps")
    examples, rounds = (400, 2 * laps) if benchmark.enabled else (10, 1)
    best = dict.fromkeys(STREAMS, math.inf)

    def take_turns() -> None:
        # The first round builds the strategies, which a program does once.
        for number in range(rounds + 1):
            for name, streams in STREAMS.items():
                taken = time_of(streams, examples, number)
                if number or rounds == 1:
                    best[name] = min(best[name], taken / examples)

    benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
    figures = {name: seconds * 1e3 for name, seconds in best.items()}
    note(benchmark, "strategies", "message_streams()", figures=figures)


def time_of(streams: SearchStrategy[Any], examples: int, number: int) -> float:
    """The seconds of CPU time that a test with so many examples takes, if it does nothing."""
    profile = settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run: Any = seed(number)(profile(given(streams)(lambda _events: None)))
    start = time.thread_time()
    run()
    return time.thread_time() - start
