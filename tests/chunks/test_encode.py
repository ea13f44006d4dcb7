"""`encode`: an event to the bytes that decode to it."""

from __future__ import annotations

import json
from typing import Any

import httpx_sse
import pytest
from httpx_sse._decoders import SSEDecoder
from hypothesis import given
from hypothesis import strategies as st

from chunkview import ChunkDecoder, DecodeError, TextDeltaChunk, UnknownChunk, decode, encode
from chunkview.testing import strategies as cv
from rules.lenient import lenient_streams
from support import PING, Recorded, sdk_event, sse, text_delta


def same_json(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(st.one_of(cv.message_streams(), lenient_streams()))
def test_what_is_encoded_decodes_to_the_chunk(events: Any) -> None:
    chunks = []
    for event in events:
        try:
            chunks.append(decode(event))
        except DecodeError:
            continue
    for chunk in chunks:
        body = encode(chunk)
        (again,) = ChunkDecoder().feed(body)
        assert again == chunk
        assert same_json(again.to_event(), chunk.to_event())
        assert encode(again) == body
        assert encode(chunk.to_event()) == body
    decoder = ChunkDecoder()
    whole = b"".join(map(encode, chunks))
    assert decoder.feed(whole) + decoder.close() == chunks


ANY_TEXT = st.text(st.characters() | st.sampled_from("\ud800\udbff\udc00\udfff"), max_size=20)
TAGS = st.one_of(
    st.sampled_from(["error", "ping", "a\nb", "a\rb", "", " a", "a:b", "\ufeffx", "x_error", "\0"]),
    ANY_TEXT,
)


def has_split_pair(text: str) -> bool:
    """Whether two halves of a character meet: JSON text writes them as the one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") != text


@given(TAGS, ANY_TEXT)
def test_an_event_of_any_type_and_text_comes_back(tag: str, text: str) -> None:
    if has_split_pair(tag) or has_split_pair(text):
        return
    for event in ({"type": tag, "text": text}, {"type": tag, text: [text]}, text_delta(text)):
        chunk = decode(event)
        (again,) = ChunkDecoder().feed(encode(chunk))
        assert again == chunk
        assert again.to_event() == event


def test_two_halves_that_meet_become_one_character() -> None:
    (chunk,) = ChunkDecoder().feed(encode(TextDeltaChunk(0, "\ud83d\ude00")))
    assert chunk.content == "\U0001f600"


@pytest.mark.parametrize(
    ("event", "body"),
    [
        (PING, b'event: ping\ndata: {"type":"ping"}\n\n'),
        ({"a": "\u00e9"}, b'data: {"a":"\xc3\xa9"}\n\n'),
        ({"type": ""}, b'data: {"type":""}\n\n'),
        ({"type": 5}, b'data: {"type":5}\n\n'),
        ({"type": "a\nb"}, b'data: {"type":"a\\nb"}\n\n'),
        ({"type": "\ud800"}, b'data: {"type":"\\ud800"}\n\n'),
        ({"type": "a", "b": "\udc00"}, b'event: a\ndata: {"type":"a","b":"\\udc00"}\n\n'),
    ],
)
def test_the_bytes_are_these(event: Any, body: bytes) -> None:
    text = json.dumps(event)
    sources: list[Any] = [event, text, text.encode(), bytearray(text.encode()), decode(event)]
    for source in sources:
        assert encode(source) == body
    assert ChunkDecoder().feed(body) == [decode(event)]


def test_an_object_of_the_sdk_is_encoded() -> None:
    assert ChunkDecoder().feed(encode(sdk_event(text_delta("a")))) == [decode(text_delta("a"))]


def test_httpx_sse_reads_the_name_and_the_data(recorded: Recorded) -> None:
    decoder = SSEDecoder()
    for event in recorded.events:
        lines = encode(event).decode().split("\n")
        read = [decoder.decode(line) for line in lines[:-1]]
        (found,) = [event for event in read if event is not None]
        assert isinstance(found, httpx_sse.ServerSentEvent)
        assert found.event == event["type"]
        assert json.loads(found.data) == event


def test_a_folded_event_is_written_with_its_type() -> None:
    (chunk,) = ChunkDecoder().feed(b'event: news\ndata: {"a": 1}\n\n')
    assert encode(chunk) == sse([{"a": 1, "type": "news"}], separators=(",", ":"))
    assert chunk == UnknownChunk("news", {"a": 1, "type": "news"})


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (5, DecodeError),
        ("[]", DecodeError),
        ({"a": float("nan")}, ValueError),
        ({"a": {1}}, TypeError),
    ],
)
def test_what_is_no_json_cannot_be_encoded(event: Any, error: Any) -> None:
    with pytest.raises(error):
        encode(event)
