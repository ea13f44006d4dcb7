"""The cost of an event does not grow with the events before it. It is counted, not timed."""

from __future__ import annotations

import statistics
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from chunkview import Accumulator, AnthropicStream, ChunkDecoder, decode
from chunkview._stream.framing import Framer
from floods import FLOODS, flood
from support import sse, text_delta

COUNT = 200


def lines_run_by(step: Callable[[], object]) -> int:
    """How many lines of Python a step runs."""
    lines = 0

    def trace(_frame: Any, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        step()
    finally:
        sys.settrace(before)
    return lines


def bytes_taken_by(step: Callable[[], object]) -> int:
    """How much memory a step takes at its peak, beyond what was there before."""
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    step()
    return tracemalloc.get_traced_memory()[1] - before


def costs_of(kind: str, count: int, measure: Callable[[Callable[[], object]], int]) -> list[int]:
    """What each of so many events of a kind costs the accumulator."""
    before, events = flood(kind, count)
    chunks = [decode(event) for event in events]
    accumulator = Accumulator()
    accumulator.extend(before)
    return [measure(lambda c=chunk: accumulator.add(c)) for chunk in chunks]  # type: ignore[misc]


def assert_flat(costs: list[int], few: list[int] | None = None) -> None:
    """The last quarter costs no more than the second: the median, as lists grow by leaps.

    Where `few` are the costs of a shorter flood: no more than there.
    """
    quarter = len(costs) // 4
    late = statistics.median(costs[-quarter:])
    for early in (costs[quarter : 2 * quarter], few or costs):
        assert late <= 1.25 * statistics.median(early) + 16


@pytest.mark.parametrize("kind", FLOODS)
def test_an_event_of_any_kind_costs_the_accumulator_the_same_at_any_time(
    kind: str,
) -> None:
    assert_flat(
        costs_of(kind, COUNT, lines_run_by),
        costs_of(kind, COUNT // 4, lines_run_by),
    )
    tracemalloc.start()
    try:
        few, many = (costs_of(kind, count, bytes_taken_by) for count in (COUNT // 4, COUNT))
    finally:
        tracemalloc.stop()
    assert_flat(many, few)


@pytest.mark.parametrize("kind", FLOODS)
def test_an_event_of_any_kind_costs_a_stream_the_same_at_any_time(kind: str) -> None:
    before, events = flood(kind, COUNT)
    pairs = iter(AnthropicStream([*before, *events, text_delta("a")]))
    for _ in before:
        next(pairs)
    assert_flat([lines_run_by(lambda: next(pairs)) for _ in events])


@pytest.mark.parametrize("make", [Framer, ChunkDecoder])
@pytest.mark.parametrize(
    "piece",
    [b"\n", b"\r", b"\r\n", b":\n\n", b"\n\r", b"x", b"data: {", sse([text_delta("a")])],
)
def test_a_piece_costs_the_same_at_any_time(piece: bytes, make: Any) -> None:
    target = make()
    target.feed(b"data: " if piece in (b"x", b"data: {") else sse([text_delta("a")]))
    costs = [lines_run_by(lambda: target.feed(piece)) for _ in range(COUNT)]
    assert_flat(costs)


@pytest.mark.parametrize("newline", [b"\n", b"\r", b"\r\n"])
def test_a_flood_of_blank_lines_costs_one_event(newline: bytes) -> None:
    ChunkDecoder()  # the first one imports a JSON parser
    few, many = (
        lines_run_by(lambda n=count: ChunkDecoder().feed(newline * n))  # type: ignore[misc]
        for count in (100, 100_000)
    )
    assert many == few
