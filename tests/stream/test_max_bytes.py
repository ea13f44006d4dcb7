"""`max_bytes` bounds a message."""

from __future__ import annotations

import asyncio
import io
import itertools
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    Accumulator,
    AnthropicStream,
    ChunkDecoder,
    Message,
    Meter,
    ProtocolError,
    TextDeltaChunk,
    aaccumulate,
    accumulate,
    aiter_chunks,
    aiter_messages,
    decode,
    iter_chunks,
    iter_messages,
    recordings,
)
from chunkview.conformance import check
from chunkview.testing import recording
from chunkview.testing import strategies as cv
from floods import FLOODS
from support import (
    Event,
    as_async,
    block_start,
    examples,
    json_delta,
    message_start,
    sse,
    text_delta,
    text_stream,
    tool_start,
)

Outcome = tuple[Message | None, str, Any]


def outcome_of(read: Callable[[], Message]) -> Outcome:
    """The message, or how far it came and what ended it."""
    try:
        return read(), "", None
    except ProtocolError as error:
        return error.partial, str(error), error.chunk


def by_add(events: list[Event], limit: int) -> Message:
    accumulator = Accumulator(max_bytes=limit)
    try:
        for event in events:
            accumulator.add(event)
    except ProtocolError as error:
        error.partial = accumulator.message
        raise
    return accumulator.finish()


def by_stream(events: list[Event], limit: int) -> Message:
    stream = AnthropicStream(events, max_bytes=limit)
    for _ in stream:
        pass
    message = stream.message
    assert message is not None
    return message


def messages_of(events: Any, limit: int) -> Message:
    (message,) = iter_messages(events, max_bytes=limit)
    return message


async def last_message(events: Any, limit: int) -> Message:
    return [one async for one in aiter_messages(as_async(events), max_bytes=limit)][-1]


READERS: list[Callable[[list[Event], int], Message]] = [
    lambda events, limit: accumulate(events, max_bytes=limit),
    lambda events, limit: accumulate(events, max_bytes=limit, strict=True),
    lambda events, limit: asyncio.run(aaccumulate(as_async(events), max_bytes=limit)),
    lambda events, limit: asyncio.run(aaccumulate(events, max_bytes=limit)),
    lambda events, limit: asyncio.run(last_message(events, limit)),
    messages_of,
    by_stream,
]


@pytest.mark.parametrize("limit", [None, True, False, "1000", 1e6])
def test_a_limit_that_is_no_int_is_refused_at_once(limit: Any) -> None:
    """Whatever the source has: its first event would be too late."""

    async def read_async(read: Any, **options: Any) -> None:
        async for _ in read(as_async([]), **options):
            pass

    both: list[Callable[..., Any]] = [
        lambda **options: AnthropicStream([], **options),
        lambda **options: accumulate([], **options),
        lambda **options: accumulate([], strict=True, **options),
        lambda **options: asyncio.run(aaccumulate(as_async([]), **options)),
        lambda **options: list(iter_messages([], **options)),
        lambda **options: asyncio.run(read_async(aiter_messages, **options)),
    ]
    of_message: list[Callable[..., Any]] = [
        *both,
        Accumulator,
        lambda **options: list(recordings.read(io.BytesIO(b"{}"), **options)),
    ]
    of_event: list[Callable[..., Any]] = [
        *both,
        ChunkDecoder,
        Meter,
        lambda **options: list(iter_chunks([], **options)),
        lambda **options: asyncio.run(read_async(aiter_chunks, **options)),
        lambda **options: check([], **options),
    ]
    for name, readers in {"max_bytes": of_message, "max_event_bytes": of_event}.items():
        for read_nothing in readers:
            with pytest.raises(TypeError) as caught:
                read_nothing(**{name: limit})
            assert str(caught.value) == (
                f"expected {name} to be an int (sys.maxsize: no limit), got {limit!r}"
            )


def test_a_value_that_strict_does_not_have_is_refused_at_once() -> None:
    strict: Any = "some"
    with pytest.raises(ValueError, match="expected strict to be False, True or"):
        list(iter_messages([], strict=strict))


def test_sys_maxsize_is_no_limit() -> None:
    options = {"max_bytes": sys.maxsize, "max_event_bytes": sys.maxsize}
    assert accumulate(sse(text_stream("a")), **options).text == "a"  # type: ignore[arg-type]


@given(cv.message_streams(), st.integers(0, 3_000))
@examples(1)
def test_all_ways_of_reading_stop_at_the_same_event(events: list[Event], limit: int) -> None:
    expected = outcome_of(lambda: by_add(events, limit))
    for read in READERS:
        assert outcome_of(lambda read=read: read(events, limit)) == expected  # type: ignore[misc]


@given(cv.message_streams(), st.integers(0, 3_000))
@examples(1)
def test_a_message_that_fits_is_as_without_a_bound(events: list[Event], limit: int) -> None:
    """And one that does not is the message before the event that does not fit."""
    whole = accumulate(events)
    message, problem, chunk = outcome_of(lambda: by_add(events, limit))
    if not problem:
        assert message == whole
        assert outcome_of(lambda: by_add(events, limit + 1)) == (whole, "", None)
    else:
        assert problem == f"the message would hold more than max_bytes ({limit:,})"
        before = Accumulator()
        before.extend(itertools.takewhile(lambda one: one != chunk, iter_chunks(events)))
        assert message == before.message


@pytest.mark.parametrize("kind", FLOODS)
def test_a_stream_without_end_takes_bounded_memory(kind: str) -> None:
    """Each kind of event is refused at last, or keeps nothing."""
    make_before, make = FLOODS[kind]
    count = 3_000
    accumulator = Accumulator()
    accumulator.extend(make_before(1))
    accumulator._left = 3_000  # `before` may be large
    tracemalloc.start()
    try:
        for number in range(count):
            try:
                accumulator.add(make(number))
            except ProtocolError as error:
                if not error.rule:
                    break
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 40 * count


def test_a_delta_counts_64_bytes_and_its_string() -> None:
    start = sse([message_start(), block_start()])
    originals: list[Any] = [chunk.chunk for chunk in iter_chunks(start)]
    room = sum(map(len, originals))
    for reader in (Accumulator.add, lambda one, chunk: one.extend([chunk])):
        accumulator = Accumulator(max_bytes=room + 64 + 5)
        accumulator.extend(iter_chunks(start))
        with pytest.raises(ProtocolError, match="max_bytes") as caught:
            reader(accumulator, decode(text_delta("six...")))
        assert isinstance(caught.value.chunk, TextDeltaChunk)
        assert accumulator.message == accumulate_so_far(start)
        reader(accumulator, decode(text_delta("five.")))
        assert accumulator.findings == ()


def accumulate_so_far(body: bytes) -> Message | None:
    accumulator = Accumulator()
    accumulator.extend(iter_chunks(body))
    return accumulator.message


@pytest.mark.parametrize("event", [text_delta("a" * 500, 0), json_delta("1" * 500, 1)])
def test_a_delta_counts_the_same_if_its_block_is_not_the_newest(event: Event) -> None:
    events = [message_start(), block_start(0), tool_start(1), event]
    newest, older = Accumulator(), Accumulator()
    newest.extend(events[:3])
    older.extend([events[0], *events[2:0:-1]])
    for one in (newest, older):
        one.add(event)
    assert newest._left == older._left


def test_an_event_in_objects_counts_about_what_its_json_has() -> None:
    for whole in (recording("citations"), recording("thinking_tool_call")):
        by_bytes, by_objects = Accumulator(), Accumulator()
        by_bytes.extend(iter_chunks(whole))
        by_objects.extend([chunk.to_event() for chunk in iter_chunks(whole)])
        sizes = [one._max_bytes - one._left for one in (by_bytes, by_objects)]
        assert 0.6 < sizes[0] / sizes[1] < 1.6


def test_what_is_not_kept_takes_no_room() -> None:
    events = text_stream("a")
    nothing = [{"type": "ping"}, {"type": "scent", "of": "a" * 10_000}]
    accumulator = Accumulator(max_bytes=2_000)
    for event in events:
        accumulator.extend([*nothing * 10, event])
    assert accumulator.finish() == accumulate(events)
