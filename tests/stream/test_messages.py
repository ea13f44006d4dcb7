"""`iter_messages`, `aiter_messages` and `aaccumulate`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chunkview
from chunkview import (
    DecodeError,
    IncompleteStreamError,
    Message,
    ProtocolError,
    StreamError,
    aaccumulate,
    accumulate,
    aiter_messages,
    iter_messages,
)
from chunkview._model.json import stdlib_loads
from chunkview._stream.intake import EVERY_PARENT
from chunkview.testing import strategies as cv
from stream_support import ERROR, PING_BYTES
from support import (
    MESSAGE_STOP,
    PING,
    as_async,
    block_start,
    block_stop,
    message_start,
    sse,
    text_delta,
    text_stream,
)


def synchronous(source: Any, **options: Any) -> Iterator[Message]:
    return iter_messages(source, **options)


def asynchronous(source: Any, **options: Any) -> Iterator[Message]:
    """`aiter_messages` as a synchronous iterator, over an asynchronous source where it can be."""
    items = source if isinstance(source, bytes) else as_async(source)
    messages = aiter_messages(items, **options)
    loop = asyncio.new_event_loop()
    try:
        while True:
            try:
                message = loop.run_until_complete(messages.__anext__())
            except StopAsyncIteration:
                return
            yield message
    finally:
        loop.close()


READERS: list[Callable[..., Iterator[Message]]] = [synchronous, asynchronous]


def until_it_fails(messages: Iterator[Message]) -> tuple[list[Message], Any]:
    got: list[Message] = []
    with pytest.raises(chunkview.ChunkviewError) as caught:
        got.extend(messages)
    return got, caught.value


def of(parent: str | None, event: Any) -> dict[str, Any]:
    return {"type": "stream_event", "event": event, "parent_tool_use_id": parent}


def test_a_broken_event_breaks_the_message_of_its_own_parent() -> None:
    broken = of("tool", {"type": "content_block_start"})
    items = [
        of(None, message_start(id="main")),
        of("tool", message_start(id="side")),
        *(of(None, event) for event in text_stream("a")[1:-1]),
        broken,
        of(None, MESSAGE_STOP),
    ]
    for read in READERS:
        got, error = until_it_fails(read(items))
        assert (got, error.partial.id) == ([], "side")
        assert [message.text for message in read(items, parent=None)] == ["a"]
    assert accumulate(items).text == "a"
    assert asyncio.run(aaccumulate(as_async(items))).text == "a"


@given(st.lists(cv.message_streams(), min_size=1, max_size=3), st.data())
def test_a_message_start_after_a_message_stop_begins_a_new_message(
    streams: list[Any], data: Any
) -> None:
    expected = [accumulate(events) for events in streams]
    events = [event for stream in streams for event in stream]
    pieces = data.draw(cv.segmentations(sse(events)))
    for source in (events, pieces, sse(events)):
        for read in READERS:
            assert list(read(source)) == expected


def test_each_message_is_given_as_soon_as_it_has_stopped() -> None:
    taken: list[Any] = []

    def source() -> Iterator[Any]:
        for event in [*text_stream("a"), *text_stream("b")]:
            taken.append(event)
            yield event

    messages = iter_messages(source())
    assert next(messages).text == "a"
    assert taken[-1] == MESSAGE_STOP
    assert len(taken) == len(text_stream("a"))
    assert next(messages).text == "b"


@pytest.mark.parametrize("read", READERS)
def test_what_follows_a_message_stop_changes_nothing(read: Any) -> None:
    events = [PING, *text_stream("a"), PING, {"type": "news"}, *text_stream("b"), PING]
    assert [message.text for message in read(events)] == ["a", "b"]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("rest", "kind", "partial"),
    [
        (text_stream("b")[:-2], IncompleteStreamError, "b"),
        ([*text_stream("b")[:3], ERROR], StreamError, "b"),
        ([ERROR], StreamError, None),
        ([*text_stream("b")[:3], message_start(id="other")], ProtocolError, "b"),
        ([text_delta("late")], ProtocolError, None),
        (["{"], DecodeError, None),
        ([*text_stream("b")[:3], "{"], DecodeError, "b"),
    ],
)
def test_an_error_in_one_message_comes_after_the_messages_before_it(
    rest: Any, kind: Any, partial: str | None, read: Any
) -> None:
    got, error = until_it_fails(read([*text_stream("a"), *rest]))
    assert [message.text for message in got] == ["a"]
    assert type(error) is kind
    assert (error.partial and error.partial.text) == partial


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("source", [b"", [], PING_BYTES, [PING]])
def test_a_source_without_a_message_raises(source: Any, read: Any) -> None:
    got, error = until_it_fails(read(source))
    assert got == []
    assert type(error) is IncompleteStreamError
    nothing_came = ": no event came (was the source empty, or read before?)"
    is_empty = source in (b"", [])
    assert str(error) == "the stream ended before message_start" + nothing_came * is_empty


@pytest.mark.parametrize("read", READERS)
def test_a_body_that_is_cut_raises_only_where_the_message_is_not_finished(read: Any) -> None:
    body = sse(text_stream("a"))
    assert [message.text for message in read([body + b"event: mess"])] == ["a"]
    assert asyncio.run(aaccumulate(as_async([body + b"event: mess"]))).text == "a"
    got, error = until_it_fails(read([body + body[: len(body) // 2]]))
    assert [message.text for message in got] == ["a"]
    assert type(error) is IncompleteStreamError
    assert isinstance(error.__cause__, DecodeError)


def test_the_options_are_those_of_the_decoder() -> None:
    body = sse(text_stream("a"))
    for read in READERS:
        _, error = until_it_fails(read(body, max_event_bytes=20))
        assert "more than 20 bytes" in str(error)
        seen: list[bytes] = []

        def loads(payload: bytes, seen: list[bytes] = seen) -> Any:
            seen.append(payload)
            return stdlib_loads(payload)

        assert len(list(read(body, loads=loads))) == 1
        assert len(seen) == len(text_stream("a"))
    assert repr(EVERY_PARENT) == "EVERY_PARENT"


def test_strict_raises_at_a_finding_in_every_message() -> None:
    gap = [message_start(), block_start(4), text_delta("b", 4), block_stop(4), MESSAGE_STOP]
    events = [*text_stream("a"), *gap]
    for read in READERS:
        assert [message.text for message in read(events)] == ["a", "b"]
        got, error = until_it_fails(read(events, strict=True))
        assert [message.text for message in got] == ["a"]
        assert type(error) is ProtocolError
        assert error.rule == "index_not_consecutive"
    assert asyncio.run(aaccumulate(as_async(gap))).text == "b"
    with pytest.raises(ProtocolError):
        asyncio.run(aaccumulate(as_async(gap), strict=True))


@given(cv.message_streams(), st.data())
def test_aaccumulate_is_accumulate_for_asynchronous_sources(events: Any, data: Any) -> None:
    body = sse(events)
    pieces = data.draw(cv.segmentations(body))
    expected = accumulate(events)
    sources: list[Any] = [body, pieces, events, as_async(pieces), as_async(events)]
    for source in sources:
        assert asyncio.run(aaccumulate(source)) == expected


@pytest.mark.parametrize(
    "source", [b"data: {\n\n", [message_start(), "{"], sse(text_stream("a"))[:-250], [ERROR], b""]
)
def test_aaccumulate_raises_what_accumulate_raises(source: Any) -> None:
    with pytest.raises(chunkview.ChunkviewError) as due:
        accumulate(source)
    items = [source] if isinstance(source, bytes) else source
    for given_source in (source, as_async(items)):
        with pytest.raises(chunkview.ChunkviewError) as caught:
            asyncio.run(aaccumulate(given_source))
        assert type(caught.value) is type(due.value)
        assert str(caught.value) == str(due.value)
        assert caught.value.partial == due.value.partial


def test_a_source_that_is_none_is_refused_by_all() -> None:
    for read in READERS:
        with pytest.raises(TypeError):
            list(read(5) if read is synchronous else asynchronous_without_items(5))
    with pytest.raises(TypeError, match="nothing to iterate over"):
        asyncio.run(aaccumulate(5))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"use aaccumulate\(\), aiter_messages\(\)"):
        list(iter_messages(as_async([])))  # type: ignore[arg-type]


async def collect(source: Any) -> list[Message]:
    return [message async for message in aiter_messages(source)]


def asynchronous_without_items(source: Any) -> list[Message]:
    return asyncio.run(collect(source))


def test_an_asynchronous_message_without_message_stop_comes_at_the_end_of_the_source() -> None:
    events = text_stream("a")[:-1]
    assert [message.text for message in asyncio.run(collect(as_async(events)))] == ["a"]
    assert [message.text for message in iter_messages(events)] == ["a"]


def test_a_body_that_ends_in_an_event_breaks_the_message_that_was_under_way() -> None:
    body = sse(text_stream("a")) + sse(text_stream("b")[:3]) + b"event: content_block_delta\nda"
    given_messages: list[Message] = []
    with pytest.raises(IncompleteStreamError) as caught:
        given_messages.extend(iter_messages(iter([body])))
    assert [message.text for message in given_messages] == ["a"]
    assert caught.value.partial is not None
    assert caught.value.partial.text == "b"


def test_of_several_unfinished_messages_each_is_given_before_the_error() -> None:
    def wrapped(event: Any, parent: str | None) -> Any:
        return {"type": "stream_event", "event": event, "parent_tool_use_id": parent}

    cut = text_stream("a")[:3]
    source = [wrapped(event, parent) for event in cut for parent in (None, "toolu_1")]
    texts: list[str] = []
    with pytest.raises(IncompleteStreamError) as caught:
        texts.extend(message.text for message in iter_messages(source))
    assert texts == ["a", "a"]
    assert caught.value.partial is not None
    texts.clear()
    with pytest.raises(IncompleteStreamError):
        texts.extend(message.text for message in iter_messages(cut))
    assert texts == []
