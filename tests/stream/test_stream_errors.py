# mypy: disable-error-code="comparison-overlap"
"""A stream that fails keeps the message so far."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    Accumulator,
    AnthropicStream,
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
    accumulate,
    conformance,
    iter_chunks,
)
from chunkview.testing import strategies as cv
from stream_support import ERROR, assert_totals, drain, message_after
from support import (
    MESSAGE_STOP,
    as_async,
    block_stop,
    message_delta,
    message_start,
    sse,
    text_stream,
    tool_start,
)


@given(cv.message_streams(), st.data())
def test_an_exception_of_the_source_passes_through_anywhere(events: Any, data: Any) -> None:
    end = data.draw(st.integers(0, len(events)))
    failure = ConnectionResetError("gone")

    def failing() -> Iterator[Any]:
        yield from events[:end]
        raise failure

    async def failing_async() -> AsyncIterator[Any]:
        for event in failing():
            yield event

    message = message_after(events[:end])
    is_whole = is_finished(events[:end])
    stream = AnthropicStream(failing())
    with pytest.raises(ConnectionResetError) as caught:
        list(stream)
    assert caught.value is failure
    assert_totals(stream, message)
    with contextlib.nullcontext() if is_whole else pytest.raises(IncompleteStreamError):
        assert list(stream) == []

    stream = AnthropicStream(failing_async())
    with pytest.raises(ConnectionResetError) as caught:
        asyncio.run(drain(stream))
    assert caught.value is failure
    assert_totals(stream, message)
    with contextlib.nullcontext() if is_whole else pytest.raises(IncompleteStreamError):
        assert asyncio.run(drain(stream)) == []


def is_finished(events: list[Any]) -> bool:
    """Whether the message is finished: there was message_stop or a stop reason."""
    accumulator = Accumulator()
    accumulator.extend(events)
    return accumulator.complete


@given(cv.message_streams(), st.data())
def test_a_body_cut_anywhere_ends_early_and_keeps_the_message_so_far(
    events: Any, data: Any
) -> None:
    body = sse(events)
    end = data.draw(st.integers(0, len(body) - len(b"\n\n") - 1))
    pieces = data.draw(cv.segmentations(body[:end]))
    whole = [event for n, event in enumerate(events) if len(sse(events[: n + 1])) - 2 <= end]
    message = message_after(whole)
    if is_finished(whole):
        # Nothing is missing but what may follow the message.
        assert accumulate(iter_chunks(pieces)) == message
        stream = AnthropicStream(pieces)
        list(stream)
        assert_totals(stream, message)
        return
    stream = AnthropicStream(pieces)
    with pytest.raises(IncompleteStreamError) as caught:
        list(stream)
    assert caught.value.partial == message
    assert_totals(stream, message)
    with pytest.raises(IncompleteStreamError) as again:
        accumulate(iter_chunks(pieces))
    assert again.value.partial == message
    assert str(again.value) == str(caught.value)


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([*text_stream("a")[:-2]], IncompleteStreamError),
        ([*text_stream("a")[:3], message_start()], ProtocolError),
        (
            [*text_stream("a")[:3], {"type": "error", "error": {"type": "t", "message": "m"}}],
            StreamError,
        ),
    ],
)
def test_a_stream_that_fails_keeps_the_message_so_far(events: list[Any], error: type[Any]) -> None:
    async def consume(stream: AnthropicStream) -> None:
        await drain(stream)

    runs: list[tuple[AnthropicStream, Callable[[AnthropicStream], Any]]] = [
        (AnthropicStream(events), list),
        (AnthropicStream(sse(events)), list),
        (AnthropicStream(as_async(events)), lambda stream: asyncio.run(consume(stream))),
    ]
    for stream, run in runs:
        with pytest.raises(error) as caught:
            run(stream)
        assert caught.value.partial == stream.message
        assert stream.content == "a"


def test_an_event_that_cannot_be_decoded_leaves_the_message_so_far() -> None:
    stream = AnthropicStream(sse(text_stream("a")[:3]) + b"data: {\n\n")
    with pytest.raises(DecodeError):
        list(stream)
    assert stream.content == "a"


def test_a_stream_that_has_failed_says_so_again() -> None:
    async def twice(stream: AnthropicStream) -> None:
        for _ in range(3):
            with pytest.raises(IncompleteStreamError):
                await drain(stream)

    stream = AnthropicStream(text_stream("a")[:-2])
    for _ in range(3):
        with pytest.raises(IncompleteStreamError) as caught:
            list(stream)
        assert caught.value.partial == stream.message
    asyncio.run(twice(AnthropicStream(as_async(text_stream("a")[:-2]))))


def test_a_connection_that_breaks_within_an_event_ends_the_stream_early() -> None:
    body = sse(text_stream("a", "b"))
    for end in range(len(sse(text_stream("a")[:3])), len(sse(text_stream("a", "b")[:-1])) - 2):
        stream = AnthropicStream([body[:end]])
        with pytest.raises(IncompleteStreamError) as caught:
            list(stream)
        assert caught.value.partial == stream.message
        assert stream.content in ("a", "ab")


def test_exceptions_of_the_source_pass_through_and_leave_the_message_so_far() -> None:
    def source() -> Iterator[Any]:
        yield from text_stream("a")[:3]
        raise ConnectionResetError("gone")

    stream = AnthropicStream(source())
    with pytest.raises(ConnectionResetError):
        list(stream)
    assert stream.content == "a"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"error": "busy"}, "busy"),
        ({"error": {"type": "api_error"}}, "api_error"),
        ({"novelty": "sunset"}, "an error event without words: {.*'novelty': 'sunset'}"),
        ({"novelty": "x" * 10_000}, "an error event without words: .{400}"),
    ],
)
def test_the_text_of_an_error_event_has_words_or_the_event(error: Any, text: str) -> None:
    with pytest.raises(StreamError, match=f"^{text}$"):
        accumulate([{"type": "error", **error}])


def test_the_words_of_an_error_event_are_in_the_text_of_the_exception() -> None:
    words = "overloaded " * 30
    error = {"type": "error", "error": {"type": "overloaded_error", "message": words}}
    with pytest.raises(StreamError) as caught:
        list(AnthropicStream([message_start(), error]))
    assert str(caught.value) == f"overloaded_error: {words}"


def test_the_repr_of_a_stream_names_its_tool_calls() -> None:
    calls = [event for i in range(2) for event in (tool_start(i, name=f"tool_{i}"), block_stop(i))]
    stream = AnthropicStream([message_start(), *calls, message_delta("tool_use"), MESSAGE_STOP])
    list(stream)
    assert repr(stream) == (
        "<AnthropicStream: claude-test msg_1, tool_use, calls tool_0, tool_1, 5 output tokens>"
    )


def test_every_error_has_the_rule_about_the_order_that_was_broken() -> None:
    sources: dict[str, Any] = {
        "stream_cut": [message_start()],
        "second_message": [*text_stream("a"), message_start()],
        "": [ERROR],
    }
    for rule, source in sources.items():
        with pytest.raises(ChunkviewError) as caught:
            accumulate(source)
        assert caught.value.rule == rule
        assert rule == "" or rule in conformance.RULES
