"""A body that is one JSON object: a message, or an error document."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkDecoder,
    ContentBlockStartChunk,
    DecodeError,
    Message,
    StreamError,
    accumulate,
    iter_chunks,
)
from chunkview._model.json import stdlib_loads
from chunkview.testing import strategies as cv
from stream_support import BYTE_ORDER_MARK, decoded, one_by_one

MESSAGE: dict[str, Any] = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}


@pytest.mark.parametrize("tag", [{}, {"type": None}, {"type": 5}])
def test_a_message_without_its_type_is_a_message(tag: Any) -> None:
    message = {**{k: v for k, v in MESSAGE.items() if k != "type"}, **tag}
    for source in ([message], [json.dumps(message)], json.dumps(message).encode()):
        assert accumulate(source).text == "Hello"
    for other in ({"role": "user"}, {"content": "Hello"}, {"error": "boom"}, {"role": None}):
        with pytest.raises(StreamError):
            accumulate(json.dumps({**message, **other}).encode())


@given(cv.messages(), st.sampled_from([None, 2]), st.booleans(), st.data())
def test_a_message_is_read_as_the_events_that_amount_to_it_however_it_is_cut(
    message: Any, indent: int | None, is_marked: bool, data: Any
) -> None:
    body = json.dumps(message, indent=indent).encode()
    if is_marked:
        body = BYTE_ORDER_MARK + b"\r\n " + body + b"\n\n"
    pieces = data.draw(cv.segmentations(body))
    loads = data.draw(st.sampled_from([None, stdlib_loads]))
    chunks = decoded(*pieces, loads=loads)
    assert [chunk.chunk for chunk in chunks] == [chunk.to_event() for chunk in chunks]
    # A fallback block changes the model of the message, and a generated message may name another.
    whole = accumulate(chunks)
    assert attrs.evolve(whole, model=message["model"]) == Message.from_dict(message)
    assert accumulate(pieces) == whole
    assert accumulate([message]) == accumulate([json.dumps(message)]) == whole
    assert list(iter_chunks([message])) == chunks


def test_a_stream_over_a_message_hands_out_its_tool_call_and_its_text() -> None:
    stream = AnthropicStream(json.dumps(MESSAGE).encode())
    pairs = list(stream)
    assert "".join(chunk.content for chunk, _ in pairs) == stream.content == "Hello"
    assert [tool.input for _, tool in pairs if tool is not None] == [{"a": 1}]
    assert stream.finish() == Message.from_dict(MESSAGE)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}, "Busy"),
        ({"error": {"message": "Busy", "code": 503}}, "Busy"),
        ({"error": "Busy"}, "Busy"),
        ({"type": "server_error", "message": "Busy"}, "Busy"),
        ({"message": "Busy"}, "Busy"),
        ({"code": 5, "message": "Busy"}, "Busy"),
        ({"type": "ping", "message": "Busy"}, "Busy"),
        ({}, ""),
    ],
)
def test_any_other_object_is_an_error_document_and_accumulate_says_its_words(
    document: Any, words: str
) -> None:
    body = json.dumps(document, indent=1).encode() + b"\n"
    for pieces in ([body], one_by_one(body)):
        with pytest.raises(StreamError) as caught:
            accumulate(pieces)
        assert words in str(caught.value)
        assert caught.value.partial is None


def test_the_chunks_before_a_broken_block_of_a_message_are_returned_before_the_error() -> None:
    content = [MESSAGE["content"][1], {"text": "no type"}, MESSAGE["content"][1]]
    message = {**MESSAGE, "content": content}
    decoder = ChunkDecoder()
    assert decoder.feed(json.dumps(message).encode()) == []
    chunks = decoder.close()
    assert [chunk.type for chunk in chunks] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
    ]
    with pytest.raises(DecodeError, match=r"content_block\.type"):
        decoder.close()
    assert decoder.close() == []
    body = json.dumps(message).encode()
    sources: list[Any] = [body, [message], [body.decode()], [body, {"type": "ping"}]]
    for source in sources:
        got: list[Any] = []
        with pytest.raises(DecodeError, match=r"content_block\.type"):
            got.extend(iter_chunks(source))
        assert got == chunks
        stream = AnthropicStream(source)
        with pytest.raises(DecodeError, match=r"content_block\.type") as caught:
            list(stream)
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hello"


def test_a_document_has_no_more_bytes_than_an_event() -> None:
    body = json.dumps(MESSAGE).encode()
    for end in (b"", b"\n", b"\r\n\r\n"):
        for pieces in ([body + end], one_by_one(body + end)):
            assert len(decoded(*pieces, max_event_bytes=len(body))) == 9
            with pytest.raises(DecodeError, match=f"more than {len(body) - 1} bytes"):
                decoded(*pieces, max_event_bytes=len(body) - 1)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r", b"\n\n"])
def test_several_objects_are_refused_as_soon_as_the_second_begins(newline: bytes) -> None:
    body = b'{"type":"system"}' + newline + b'{"type":"stream_event"'
    at = body.rindex(b"{")
    for pieces in ([body[:at]], one_by_one(body[:at])):
        decoder = ChunkDecoder()
        assert [decoder.feed(piece) for piece in pieces] == [[]] * len(pieces)
        with pytest.raises(DecodeError, match=r"chunkview\.recordings\.read\(\)") as caught:
            decoder.feed(body[at:])
        assert caught.value.received == b'{"type":"system"}'


@pytest.mark.parametrize(
    "body", [b'{"a": 1', b"{", b'{"a": "\t"}', b'{"a": 1} x', b'{"a":1}\nx', b"{'a': 1}\n\n"]
)
def test_what_begins_like_an_object_and_is_none_is_refused(body: bytes) -> None:
    for pieces in ([body], one_by_one(body)):
        with pytest.raises(DecodeError, match="the body is no event stream; it begins with"):
            decoded(*pieces)


def test_a_parser_that_is_interrupted_in_a_document_is_not_hidden() -> None:
    def loads(payload: bytes) -> Any:
        raise TimeoutError

    decoder = ChunkDecoder(loads=loads)
    decoder.feed(b"{}")
    with pytest.raises(TimeoutError):
        decoder.close()
    with pytest.raises(DecodeError, match="interrupted"):
        decoder.close()
    with pytest.raises(DecodeError, match="no event stream"):
        decoded(b"{}", loads=lambda payload: [payload])


def test_a_block_that_is_whole_in_its_start_keeps_what_it_brings() -> None:
    chunks = decoded(json.dumps(MESSAGE).encode())
    starts = [chunk.content_block for chunk in chunks if isinstance(chunk, ContentBlockStartChunk)]
    assert [block.to_dict() for block in starts] == MESSAGE["content"]
