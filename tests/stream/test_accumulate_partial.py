# mypy: disable-error-code="comparison-overlap"
"""The message so far: at any time, and on every error."""

from __future__ import annotations

from typing import Any

import pytest

from chunkview import (
    Accumulator,
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    PingChunk,
    StreamError,
    accumulate,
    decode,
    iter_chunks,
)
from stream_support import ERROR, message_of, so_far
from support import (
    MESSAGE_STOP,
    PING,
    Event,
    block_start,
    block_stop,
    delta,
    message_start,
    sse,
    text_stream,
)


def test_reading_the_message_does_not_disturb_the_stream() -> None:
    events = [*text_stream("a", "b", "c")[:-1], PING, MESSAGE_STOP]
    accumulator = Accumulator()
    texts = []
    for event in events:
        accumulator.add(event)
        texts.append(message_of(accumulator).text)
    assert texts == ["", "", "a", "ab", "abc", "abc", "abc", "abc", "abc"]
    assert accumulator.finish() == accumulate(events)


@pytest.mark.parametrize("end", range(len(text_stream("a", "b")) - 1))
def test_when_a_stream_ends_early_the_error_has_the_message_so_far(end: int) -> None:
    events = text_stream("a", "b")[:end]
    with pytest.raises(IncompleteStreamError) as caught:
        accumulate(events)
    if not events:
        assert caught.value.partial is None
        assert str(caught.value).startswith("the stream ended before message_start: no event came")
    else:
        assert caught.value.partial == so_far(*events)
        assert str(caught.value) == "the stream ended before message_stop"


def test_when_a_body_is_cut_or_broken_the_error_has_the_message_so_far() -> None:
    body = sse(text_stream("a", "b"))
    cut = body[: body.index(b"content_block_stop") + 30]
    with pytest.raises(IncompleteStreamError, match="ends in the middle of an event") as broken_off:
        accumulate(iter_chunks(cut))
    assert broken_off.value.partial is not None
    assert broken_off.value.partial.text == "ab"
    assert isinstance(broken_off.value.__cause__, DecodeError)
    with pytest.raises(DecodeError, match="invalid JSON") as turned_bad:
        accumulate(iter_chunks(sse(text_stream("a", "b")[:4]) + b"data: {\n\n"))
    assert turned_bad.value.partial is not None
    assert turned_bad.value.partial.text == "ab"


def test_an_error_event_raises_with_the_message_before_it() -> None:
    error: Event = {**ERROR, "request_id": "req_1"}
    with pytest.raises(StreamError) as caught:
        accumulate([*text_stream("a", "b")[:-2], error])
    assert str(caught.value) == "overloaded_error: Overloaded"
    assert caught.value.error_type == "overloaded_error"
    assert caught.value.error_message == "Overloaded"
    assert caught.value.request_id == "req_1"
    assert caught.value.chunk == decode(error)
    assert caught.value.partial is not None
    assert caught.value.partial.to_param() == {
        "role": "assistant",
        "content": [{"type": "text", "text": "ab"}],
    }
    with pytest.raises(StreamError) as caught:
        accumulate([ERROR])
    assert caught.value.partial is None


def test_before_message_start_there_is_no_message() -> None:
    accumulator = Accumulator()
    accumulator.add(PingChunk())
    assert accumulator.message is None
    with pytest.raises(IncompleteStreamError, match=r"^the stream ended before message_start$"):
        accumulator.finish()


def test_the_texts_of_errors_are_bounded_for_any_stream() -> None:
    long = "x" * 1_000_000
    streams: list[list[Any]] = [
        [message_start(), delta(long)],
        [message_start(), {"type": "error", "error": {"type": long, "message": long}}],
        [message_start(), block_start(type=long), block_stop(), delta(long)],
        [message_start(), block_start(10**4_000)],
        [message_start(), {"type": "content_block_stop", "index": long}],
        [message_start(), block_start(type="text", text="", citations=[{"type": long}, {"a": 1}])],
    ]
    for events in streams:
        with pytest.raises(ChunkviewError) as caught:
            accumulate(events)
        assert len(str(caught.value)) <= 500
