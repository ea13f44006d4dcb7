"""The cost of an event does not grow with the events before it. It is counted, not timed."""

from __future__ import annotations

import contextlib
import statistics
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from chunkview import Accumulator, AnthropicStream, ChunkDecoder, ProtocolError, decode
from chunkview._stream.framing import Framer
from chunkview.conformance import check
from floods import FLOODS, OFF_WIRE, flood
from support import (
    MESSAGE_STOP,
    block_start,
    lines_run_by,
    message_delta,
    message_start,
    sse,
    text_delta,
)

COUNT = 200


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


TURN = 6
"""So many events are measured together, since some floods are of two or three events in turn."""


def assert_flat(costs: list[int], few: list[int] | None = None) -> None:
    """The last quarter costs no more than the second: the median, as lists grow by leaps.

    Where `few` are the costs of a shorter flood: no more than there.
    """
    turns, few_turns = turns_of(costs), turns_of(few or costs)
    quarter = len(turns) // 4
    late = statistics.median(turns[-quarter:])
    for early in (turns[quarter : 2 * quarter], few_turns):
        assert late <= 1.25 * statistics.median(early) + 16 * TURN


def turns_of(costs: list[int]) -> list[int]:
    return [sum(costs[at : at + TURN]) for at in range(0, len(costs) - TURN + 1, TURN)]


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


def assert_check_is_linear(source: Callable[[int], Any]) -> None:
    """Four times as much costs `check` four times as much, in lines run and in memory.

    Args:
        source: From a number to a source with so many events.
    """
    few, many = source(COUNT // 4), source(COUNT)
    check(few)  # the first one imports a JSON parser, and fills caches
    assert lines_run_by(lambda: check(many)) <= 1.25 * 4 * lines_run_by(lambda: check(few))
    tracemalloc.start()
    try:
        taken = [bytes_taken_by(lambda s=s: check(s)) for s in (few, many)]  # type: ignore[misc]
        # Exceptions and their frames are in cycles, and so may be gone or not.
        assert taken[1] <= 1.25 * 4 * taken[0] + 65_536
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", FLOODS)
def test_check_takes_linear_time_for_events(kind: str) -> None:
    def source(count: int) -> list[Any]:
        before, events = flood(kind, count)
        return [*before, *events]

    assert_check_is_linear(source)


@pytest.mark.parametrize("kind", OFF_WIRE)
def test_check_takes_linear_time_for_bytes(kind: str) -> None:
    before, make = OFF_WIRE[kind]

    def pieces(count: int) -> list[bytes]:
        return [before, *(make(number) for number in range(count))]

    assert_check_is_linear(pieces)
    assert_check_is_linear(lambda count: b"".join(pieces(count)))


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([], text_delta("a")),
        ([message_start(), text_delta("a")], message_start()),
        ([message_start(), MESSAGE_STOP], block_start()),
        ([message_start(), MESSAGE_STOP], text_delta("a")),
    ],
)
def test_an_event_that_is_refused_costs_the_same_at_any_time(before: Any, event: Any) -> None:
    accumulator = Accumulator()
    accumulator.extend(before)

    def refuse() -> None:
        with pytest.raises(ProtocolError):
            accumulator.add(event)

    assert_flat([lines_run_by(refuse) for _ in range(COUNT)])


def test_a_strict_accumulator_costs_the_same_at_any_time() -> None:
    accumulator = Accumulator(strict=True)
    accumulator.extend([message_start(), block_start()])
    chunks = [decode(text_delta("a")), decode(text_delta("a", 1))] * (COUNT // 2)

    def add(chunk: Any) -> None:
        with contextlib.suppress(ProtocolError):
            accumulator.add(chunk)

    assert_flat([lines_run_by(lambda c=chunk: add(c)) for chunk in chunks])  # type: ignore[misc]
    assert [f.count for f in accumulator.findings] == [COUNT // 2]


def test_a_stream_has_at_most_100_findings() -> None:
    accumulator = Accumulator()
    before, events = flood("indices that are not consecutive", 200)
    accumulator.extend([*before, *events])
    assert len(accumulator.findings) == 100
    accumulator.extend([message_delta(), MESSAGE_STOP])
    accumulator.finish()
    assert len(accumulator.findings) == 100


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
        for count in (1_000, 100_000)
    )
    assert many == few
