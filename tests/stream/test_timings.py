"""`AnthropicStream(source, clock=...)`: the times of a stream, by a clock that the tests move."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chunkview
from chunkview import (
    AnthropicStream,
    ChunkDecoder,
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    StreamError,
    Timings,
    encode,
)
from chunkview.testing import strategies as cv
from stream_support import ERROR, PING_BYTES, drain
from support import (
    PING,
    block_start,
    delta,
    json_delta,
    message_start,
    text_delta,
    text_stream,
    tool_start,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

PACKAGE = Path(chunkview.__file__).parent


class Clock:
    """A clock that only the test moves. Its seconds are whole numbers, so sums are exact."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.readings = 0

    def __call__(self) -> float:
        self.readings += 1
        return self.now


@attrs.frozen
class Step:
    """What a source does next: wait, then give an item or raise."""

    wait: float
    item: Any


class Source:
    """A source that waits by moving the clock. It can be iterated over in both ways."""

    def __init__(self, clock: Clock, steps: list[Step], *, wait_for_end: float = 0.0) -> None:
        self._clock = clock
        self._steps = steps
        self._wait_for_end = wait_for_end

    def __iter__(self) -> Iterator[Any]:
        for step in self._steps:
            self._clock.now += step.wait
            if isinstance(step.item, BaseException):
                raise step.item
            yield step.item
        self._clock.now += self._wait_for_end

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self:
            yield item


def timed(*steps: tuple[float, Any], wait_for_end: float = 0.0, work: float = 0.0) -> Timings:
    """The times of a whole stream. The caller works for a while after each chunk."""
    clock = Clock()
    stream = AnthropicStream(
        Source(clock, [Step(*step) for step in steps], wait_for_end=wait_for_end), clock=clock
    )
    for _ in stream:
        clock.now += work
    return timings_of(stream)


def read_async(stream: AnthropicStream) -> list[Any]:
    return asyncio.run(drain(stream))


def timings_of(stream: AnthropicStream) -> Timings:
    assert stream.timings is not None
    return stream.timings


START, BLOCK, DELTA, *END = text_stream("Hello")


def adds_content(event: dict[str, Any]) -> bool:
    """Whether an event adds text, thinking or tool input, read from the event itself."""
    kind = event["type"]
    if kind == "content_block_delta":
        delta = event["delta"]
        return bool(delta.get(PARTS.get(delta["type"])))
    blocks = [event["content_block"]] if kind == "content_block_start" else []
    if kind == "message_start":
        blocks = event["message"].get("content", [])
    tools = ("tool_use", "server_tool_use", "mcp_tool_use")
    return any(
        block.get("text") or block.get("thinking") or block.get("input")
        for block in blocks
        if block["type"] in ("text", "thinking", *tools)
    )


PARTS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
SECONDS = st.integers(0, 5).map(float)


@st.composite
def sources(draw: DrawFn) -> tuple[Step, ...]:
    """The pieces of a body, cut anywhere, with a wait before each. The waits come in turns."""
    body = b"".join(map(encode, draw(cv.message_streams())))
    waits: list[float] = draw(st.lists(SECONDS, min_size=1, max_size=7))
    pieces = draw(cv.segmentations(body))
    return tuple(map(Step, itertools.cycle(waits), pieces))


STEPS = sources()


@given(STEPS, SECONDS, SECONDS)
def test_the_times_are_those_of_the_pieces_that_complete_the_events(
    steps: tuple[Step, ...], wait_for_end: float, work: float
) -> None:
    clock, decoder = Clock(), ChunkDecoder()
    now = waited = 0.0
    events_at: list[tuple[float, float]] = []
    content_at: list[float] = []
    for step in steps:
        now += step.wait
        waited += step.wait
        chunks = decoder.feed(step.item)
        if chunks:
            events_at.append((now, waited))
        content_at += [now] * any(adds_content(chunk.to_event()) for chunk in chunks)
        now += work * len(chunks)
    waits = [waited for _, waited in events_at] + [waited + wait_for_end]

    stream = AnthropicStream(Source(clock, list(steps), wait_for_end=wait_for_end), clock=clock)
    for _ in stream:
        clock.now += work
    assert stream.timings == Timings(
        to_first_event=events_at[0][0],
        to_first_content=content_at[0] if content_at else None,
        longest_gap=max(after - before for before, after in itertools.pairwise(waits)),
        duration=now + wait_for_end,
    )


@given(STEPS, SECONDS, st.data())
def test_the_times_are_in_order_at_every_moment(
    steps: tuple[Step, ...], work: float, data: Any
) -> None:
    clock = Clock()
    position = data.draw(st.integers(0, len(steps)))
    steps = (*steps[:position], Step(data.draw(SECONDS), OSError("reset")))
    stream = AnthropicStream(Source(clock, list(steps)), clock=clock)
    seen = [timings_of(stream)]
    with contextlib.suppress(OSError):
        for _ in stream:
            seen.append(timings_of(stream))
            clock.now += work
    seen.append(timings_of(stream))
    for times in seen:
        known = [
            time
            for time in (times.to_first_event, times.to_first_content, times.duration)
            if time is not None
        ]
        assert known == sorted(known)
        assert (times.longest_gap is None) == (times.to_first_event is None)
        assert (times.longest_gap or 0.0) <= (times.duration or 0.0)
    for before, after in itertools.pairwise(seen):
        assert before.to_first_event in (None, after.to_first_event)
        assert before.to_first_content in (None, after.to_first_content)
        assert (before.longest_gap or 0.0) <= (after.longest_gap or 0.0)
        assert (before.duration or 0.0) <= (after.duration or 0.0)


@given(STEPS, SECONDS)
def test_both_ways_of_iterating_measure_the_same(
    steps: tuple[Step, ...], wait_for_end: float
) -> None:
    clocks = Clock(), Clock()
    one, other = (
        AnthropicStream(Source(clock, list(steps), wait_for_end=wait_for_end), clock=clock)
        for clock in clocks
    )
    assert list(one) == read_async(other)
    assert one.timings == other.timings
    assert clocks[0].readings == clocks[1].readings


@given(STEPS)
def test_a_clock_changes_nothing_else(steps: tuple[Step, ...]) -> None:
    pieces = [step.item for step in steps]
    plain, measured = AnthropicStream(pieces), AnthropicStream(pieces, clock=Clock())
    assert list(plain) == list(measured)
    assert plain.finish() == measured.finish()
    assert plain.findings == measured.findings
    assert plain.timings is None


@given(STEPS)
def test_the_clock_is_read_twice_for_each_wait(steps: tuple[Step, ...]) -> None:
    clock = Clock()
    list(AnthropicStream([step.item for step in steps], clock=clock))
    assert clock.readings == 2 * (len(steps) + 1)


def test_time_begins_with_the_iteration() -> None:
    clock = Clock()
    stream = AnthropicStream(Source(clock, [Step(2, START), Step(3, BLOCK)]), clock=clock)
    assert (clock.readings, stream.timings) == (0, Timings())
    clock.now += 100
    pairs = iter(stream)
    clock.now += 100
    next(pairs)
    assert stream.timings == Timings(2, None, 0, 2)


def test_a_request_that_the_source_itself_sends_is_counted() -> None:
    clock = Clock()

    def answer() -> Iterator[Any]:
        clock.now += 4  # the request
        yield from Source(clock, [Step(1, event) for event in text_stream("Hi")])

    stream = AnthropicStream(answer(), clock=clock)
    clock.now += 100
    list(stream)
    assert timings_of(stream).to_first_event == 5


def test_the_events_of_one_piece_come_at_the_same_time() -> None:
    body = b"".join(map(encode, text_stream("Hello")))
    assert timed((3, body), work=7) == Timings(3, 3, 0, 3 + 7 * len(text_stream("Hello")))


def test_the_time_of_the_caller_is_part_of_the_duration_but_of_no_gap() -> None:
    steps = [(1, event) for event in text_stream("Hello")]
    slow = timed(*steps, work=50)
    assert slow.longest_gap == timed(*steps).longest_gap == 1
    assert slow.duration == 51 * len(steps)


def test_a_gap_goes_on_while_pieces_complete_no_event() -> None:
    whole = encode(DELTA)
    pieces = [(1, encode(START)), (1, encode(BLOCK)), (2, whole[:9]), (2, b""), (2, whole[9:])]
    rest = [(1, encode(event)) for event in END]
    assert timed(*pieces, (3, b": comment\n"), *rest).longest_gap == 6


def test_the_wait_before_the_first_event_is_no_gap() -> None:
    assert timed((9, START), *[(1, event) for event in (BLOCK, DELTA, *END)]).longest_gap == 1


def test_the_wait_for_the_end_is_a_gap() -> None:
    steps = [(1, event) for event in text_stream("Hello")]
    assert timed(*steps, wait_for_end=8) == Timings(1, 3, 8, len(steps) + 8)


def test_a_ping_is_an_event_and_no_content() -> None:
    steps = [(2, PING_BYTES), *[(1, encode(event)) for event in text_stream("Hello")]]
    assert timed(*steps).to_first_event == 2
    assert timed(*steps).to_first_content == 5


def test_an_event_that_only_the_end_completes_has_the_time_of_the_end() -> None:
    # A body without the last line feed.
    pieces = [(1, encode(event)) for event in (START, BLOCK, DELTA, *END)]
    wait, last = pieces.pop()
    times = timed(*pieces, (wait, last[:-1]), wait_for_end=4)
    assert (times.longest_gap, times.duration) == (5, len(pieces) + 5)


THINKING_START = block_start(0, type="thinking", thinking="", signature="")


@pytest.mark.parametrize(
    ("events", "first"),
    [
        ([block_start(0), text_delta(""), text_delta("a")], 3),
        ([block_start(0, type="text", text="a")], 1),
        ([THINKING_START, delta("thinking_delta", thinking="Hm")], 2),
        ([THINKING_START, delta("signature_delta", signature="c2ln")], None),
        ([tool_start(0), json_delta(""), json_delta('{"a')], 3),
        ([tool_start(0, input={"a": 1})], 1),
        ([tool_start(0)], None),
        ([PING, block_start(0)], None),
    ],
)
def test_content_is_text_thinking_or_tool_input(
    events: list[dict[str, Any]], first: float | None
) -> None:
    clock = Clock()
    stream = AnthropicStream(
        Source(clock, [Step(0, message_start()), *[Step(1, event) for event in events]]),
        clock=clock,
    )
    with pytest.raises(IncompleteStreamError):
        list(stream)
    assert timings_of(stream).to_first_content == first


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
    ],
    ids=["text", "tool_use"],
)
def test_content_that_the_start_of_the_message_brings_counts(block: dict[str, Any]) -> None:
    clock = Clock()
    stream = AnthropicStream(Source(clock, [Step(2, message_start(content=[block]))]), clock=clock)
    with pytest.raises(IncompleteStreamError):
        list(stream)
    assert timings_of(stream).to_first_content == 2


BROKEN = b"event: content_block_delta\ndata: {\n\n"


@pytest.mark.parametrize(
    ("last", "error", "duration"),
    [
        (Step(6, OSError("reset")), OSError, 9),
        (Step(6, KeyboardInterrupt()), KeyboardInterrupt, 9),
        (Step(6, b""), IncompleteStreamError, 9 + 4),
        (Step(6, encode(ERROR)), StreamError, 9),
        (Step(6, BROKEN), DecodeError, 9),
        (Step(6, encode(START)), ChunkviewError, 9),
        (Step(6, b"event: ping\nda"), IncompleteStreamError, 9 + 4),
    ],
    ids=["reset", "Ctrl-C", "cut", "error event", "broken event", "refused event", "half an event"],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_stream_that_fails_still_has_times(
    last: Step, error: type[BaseException], duration: float, is_async: bool
) -> None:
    clock = Clock()
    steps = [Step(1, encode(event)) for event in (START, BLOCK, DELTA)]
    stream = AnthropicStream(Source(clock, [*steps, last], wait_for_end=4), clock=clock)
    read_all = read_async if is_async else list
    with pytest.raises(error):
        read_all(stream)
    times = timings_of(stream)
    assert (times.to_first_event, times.to_first_content) == (1, 3)
    assert (times.longest_gap, times.duration) == (10 if duration == 13 else 6, duration)
    # Another iteration reads nothing.
    clock.now += 100
    readings = clock.readings
    with pytest.raises(IncompleteStreamError):
        read_all(stream)
    assert (stream.timings, clock.readings) == (times, readings)


def test_a_stream_that_fails_before_its_first_event_has_a_duration_only() -> None:
    clock = Clock()
    stream = AnthropicStream(Source(clock, [Step(6, OSError("reset"))]), clock=clock)
    with pytest.raises(OSError, match="reset"):
        list(stream)
    assert stream.timings == Timings(duration=6)


def test_a_task_that_is_cancelled_while_it_waits_has_waited_until_then() -> None:
    clock = Clock()
    steps = [Step(1, START), Step(6, asyncio.CancelledError())]
    stream = AnthropicStream(Source(clock, steps), clock=clock)
    with pytest.raises(asyncio.CancelledError):
        read_async(stream)
    assert stream.timings == Timings(1, None, 6, 7)


def test_a_stream_that_is_left_early_keeps_its_times() -> None:
    clock = Clock()
    with AnthropicStream(
        Source(clock, [Step(1, event) for event in text_stream("Hello")]), clock=clock
    ) as stream:
        for chunk, _ in stream:
            if chunk.content:
                break
        clock.now += 100
    assert list(stream) == []
    assert stream.timings == Timings(1, 3, 1, 3)


def test_an_iteration_that_goes_on_later_counts_the_pause_as_the_callers_time() -> None:
    clock = Clock()
    stream = AnthropicStream(
        Source(clock, [Step(1, event) for event in text_stream("Hello")]), clock=clock
    )
    next(iter(stream))
    clock.now += 100
    list(stream)
    assert stream.timings == Timings(1, 103, 1, 100 + len(text_stream("Hello")))


def test_a_stream_that_is_closed_while_it_is_read_has_times_until_then() -> None:
    clock = Clock()

    class Closing:
        """Another thread closes the stream while this waits."""

        def __init__(self) -> None:
            self.events = iter([START, BLOCK, DELTA])

        def __iter__(self) -> Closing:
            return self

        def __next__(self) -> Any:
            clock.now += 1
            event = next(self.events)
            if event is DELTA:
                stream.close()
                clock.now += 5
            return event

        def close(self) -> None:
            pass

    stream = AnthropicStream(Closing(), clock=clock)
    with pytest.raises(IncompleteStreamError, match="closed"):
        list(stream)
    assert timings_of(stream).duration == 8


def test_a_synchronous_source_is_measured_in_an_asynchronous_iteration() -> None:
    clock = Clock()
    body = b"".join(map(encode, text_stream("Hello")))
    stream = AnthropicStream(body, clock=clock)
    read_async(stream)
    assert stream.timings == Timings(0, 0, 0, 0)


@pytest.mark.parametrize("read", [list, read_async])
@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
@given(readings=st.integers(0, 13))
def test_a_clock_that_stops_is_an_error_and_never_the_end_of_the_source(
    read: Callable[[AnthropicStream], list[Any]], kind: type[Exception], readings: int
) -> None:
    left = iter(range(readings))

    def clock() -> float:
        for now in left:
            return now
        raise kind

    # The source is waited for seven times: for six events, and for its end.
    stream = AnthropicStream(text_stream("Hello"), clock=clock)
    with pytest.raises(RuntimeError, match=rf"^the clock raised {kind.__name__}$"):
        read(stream)


def reading(clock: Clock, number: Any) -> Callable[[], Any]:
    return lambda: number(clock())


@given(STEPS, SECONDS, SECONDS, st.sampled_from([Decimal, Fraction]))
def test_the_times_of_an_exact_clock_are_exact(
    steps: tuple[Step, ...], wait_for_end: float, work: float, number: Any
) -> None:
    clocks = Clock(), Clock()
    plain, exact = (
        AnthropicStream(
            Source(clock, list(steps), wait_for_end=wait_for_end),
            clock=reading(clock, kind),
        )
        for clock, kind in zip(clocks, (float, number), strict=True)
    )
    for _ in zip(plain, exact, strict=True):
        for clock in clocks:
            clock.now += work
        assert exact.timings == plain.timings
        seconds = attrs.astuple(timings_of(exact))
        assert all(isinstance(one, number) for one in seconds if one is not None)


@pytest.mark.parametrize("clock", [True, 12.5, "time.perf_counter"])
def test_a_clock_that_cannot_be_called_is_refused_at_once(clock: Any) -> None:
    with pytest.raises(TypeError, match=r"such as time\.perf_counter, not (bool|float|str)$"):
        AnthropicStream([], clock=clock)


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("_model", "_chunks", "_rules", "_stream")
        for path in sorted((PACKAGE / folder).glob("*.py"))
    ],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_core_has_no_clock_of_its_own(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) if node.module}
    assert imported.isdisjoint({"time", "timeit", "sched"})
    called = {
        node.func.attr
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert called.isdisjoint({"now", "utcnow", "today"})
