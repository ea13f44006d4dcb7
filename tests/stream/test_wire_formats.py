"""Every legal form of an event stream decodes to the same chunks."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chunkview
from chunkview import (
    ChunkDecoder,
    DecodeError,
    MessageStopChunk,
    PingChunk,
    decode,
)
from chunkview._model.json import stdlib_loads
from chunkview._stream import framing as _framing
from stream_support import (
    LINE_ENDINGS,
    PING_BYTES,
    decoded,
    one_by_one,
)
from support import (
    PING,
    Recorded,
    block_start,
    block_stop,
    json_delta,
    sse,
    text_delta,
    text_stream,
)


@pytest.mark.parametrize("newline", LINE_ENDINGS)
def test_a_recorded_body_decodes_the_same_however_it_is_cut(
    recorded: Recorded, newline: bytes
) -> None:
    expected = [decode(event) for event in recorded.events]
    body = recorded.body.replace(b"\n", newline)
    for size in (1, 2, 3, 7, 64, 1_400, len(body)):
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        chunks = decoded(*pieces)
        assert chunks == expected
        assert [chunk.chunk for chunk in chunks] == recorded.payloads
    assert decoded(*pieces, loads=stdlib_loads) == expected


def lines_of_event(event: dict[str, Any], form: str, *, ascii_only: bool) -> list[bytes]:
    payload = json.dumps(event, ensure_ascii=ascii_only).encode()
    name = b"event: " + event["type"].encode()
    return {
        "as the API": [name, b"data: " + payload],
        "data only": [b"data: " + payload],
        "data first": [b"data:" + payload, name],
        "with an id": [b"id: 1", name, b"data: " + payload],
    }[form]


FORMS = ["as the API", "data only", "data first", "with an id"]
TEXTS = [
    "",
    " word",
    '"}}',
    "\\",
    "\r\n",
    "é",
    "日本",
    "\u2028",
    "\ufeff",
    "\x85",
    "\x00",
    "x" * 600,
]


@given(
    st.lists(
        st.builds(text_delta, st.sampled_from(TEXTS), st.sampled_from((0, 0, 0, 1)))
        | st.builds(json_delta, st.sampled_from(TEXTS))
        | st.sampled_from((PING, block_start(type="text", text=""), block_stop(), block_stop(1))),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from((*FORMS, *FORMS, "mixed")),
    st.sampled_from((b"\n", b"\n", b"\r\n", b"\r\n", b"\r", None)),
    st.sampled_from((1, 1, 1, 20)),
    st.sampled_from((1, 5, 80, 700, 1_400, 20_000, 10**9)),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_no_form_of_a_body_and_no_cut_makes_a_difference(
    events: list[dict[str, Any]],
    form: str,
    newline: bytes | None,
    times: int,
    size: int,
    ascii_only: bool,
    random: Random,
) -> None:
    body, payloads = b"", []
    for event in events * (times if size >= 80 else 1):
        kind = random.choice(FORMS) if form == "mixed" else form
        lines = lines_of_event(event, kind, ascii_only=ascii_only)
        lines += [b""] * (1 if random.random() < 0.9 else random.choice((2, 3)))
        body += b"".join([line + (newline or random.choice((b"\n", b"\r\n"))) for line in lines])
        payloads.append(json.dumps(event, ensure_ascii=ascii_only).encode())
    chunks = decoded(*(body[at : at + size] for at in range(0, len(body), size)))
    assert [chunk.chunk for chunk in chunks] == payloads
    assert chunks == [decode(payload) for payload in payloads]


def test_the_chunk_is_the_payload_and_holds_no_more_than_it() -> None:
    (chunk,) = decoded(b"x: y\n" + PING_BYTES)
    assert chunk.chunk == b'{"type": "ping"}'
    assert chunk.to_event() == PING


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"type": "ping"}\n\n',
        b'data:{"type": "ping"}\n\n',
        b'data:  {"type": "ping"}\n\n',
        b'event: message_stop\ndata: {"type": "ping"}\n\n',
        b'data: {"type": "ping"}\nevent: ping\n\n',
        b'\xef\xbb\xbfevent: ping\ndata: {"type": "ping"}\n\n',
        b'\xef\xbb\xbfdata: {"type": "ping"}\n\n',
        b'\n\n\n: hello\n\n:\nevent: ping\n: there\ndata: {"type": "ping"}\n\n\n\n',
        b'data: {"type":\ndata: "ping"}\n\n',
        b'event: ping\ndata: {"type":\ndata: "ping"\ndata: }\n\n',
        b'event: ping\ndata:{"type":\ndata: "ping"}\n\n',
        b'event\ndata: {"type": "ping"}\n\n',
        b'id: 7\nretry: 100\nfoo: bar\nfoobar\ndata: {"type": "ping"}\n\n',
        b'data: {"type": "ping"}\nid\n\n',
        b'data: {"type": "ping"}\n\nevent: done\ndata: [DONE]\n\n',
        b'data: [DONE]\n\ndata: {"type": "ping"}\n\ndata:  [DONE] \n\n',
        b'data: [DONE]\n\ndata: {"type": "ping"}\n\ndata: [DONE]',
        b'data: {"type": "ping"}\n\ndata\n\ndata:\n\ndata: \n\n',
        b'data: {"type": "ping"}\n\nid: 8',
        b'data: {"type": "ping"}\n\nretry: 8\n',
        b'data: {"type": "ping"}\n\nretry: 8\nid: 7\n: bye',
        b'data: {"type": "ping"}\n\ndata:\n',
        b'data: {"type": "ping"}\n\n: bye',
        b'data: {"type": "ping"}\n',
        b'event: ping\ndata: {"type": "ping"}',
        b'\xef\xbb\xbfdata: {"type": "ping"}',
        b'datatype: x\ndata: {"type": "ping"}\ndat: x\n\n',
        b'unknown: fields\n\nonly: here\n\ndata: {"type": "ping"}\n\n',
    ],
)
@pytest.mark.parametrize("newline", LINE_ENDINGS)
def test_every_legal_format_is_read(body: bytes, newline: bytes) -> None:
    body = body.replace(b"\n", newline)
    assert decoded(body) == [PingChunk()]
    assert decoded(*one_by_one(body)) == [PingChunk()]


def test_events_of_every_length_are_found() -> None:
    """The search for a blank line changes its way where lines are long."""
    comment = PING_BYTES[:-2] + b"\n: "
    for length in [*range(400, 640), 5_000, 70_000]:
        event = text_delta("x" * length)
        assert decoded(sse([event]) + PING_BYTES, loads=json.loads) == [decode(event), PingChunk()]
        assert decoded(comment + b"x" * length + b"\n\n" + PING_BYTES) == [PingChunk()] * 2


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"\r\n\r\n", b": only\n\n: comments\n", b"\xef\xbb\xbf"]
)
def test_a_body_without_events_gives_nothing(body: bytes) -> None:
    assert decoded(body) == decoded(*one_by_one(body)) == []


def test_mixed_line_endings_are_read() -> None:
    body = b'data: {"type": "ping"}\r\n\ndata: {"type": "ping"}\n\r\ndata: {"type": "ping"}\r\rdata'
    body += b': {"type": "ping"}\n\rdata: {"type": "ping"}\r\n\r\n'
    assert decoded(body) == decoded(*one_by_one(body)) == [PingChunk()] * 5


def test_a_crlf_that_is_split_between_two_feeds_is_one_line_ending() -> None:
    assert decoded(b"event: ping\r", b'\ndata: {"type": "ping"}\r', b"\n\r", b"\n") == [PingChunk()]
    assert decoded(b"event: ping\r", b"", b'\ndata: {"type":\r', b'data: "ping"}\r\r') == [
        PingChunk()
    ]


def test_an_event_is_given_as_soon_as_it_is_complete() -> None:
    decoder = ChunkDecoder()
    assert decoder.feed(PING_BYTES[:-1]) == []
    assert decoder.feed(b"\n") == [PingChunk()]
    assert decoder.feed(PING_BYTES.replace(b"\n", b"\r")) == [PingChunk()]


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_bytes_of_any_kind_are_taken_and_may_be_changed_afterwards(make: Any) -> None:
    buffer = bytearray(sse(text_stream("a", "b")))
    decoder = ChunkDecoder()
    chunks = decoder.feed(make(buffer))
    expected = list(map(decode, text_stream("a", "b")))
    buffer[:] = b"x" * len(buffer)
    assert chunks == expected
    assert [chunk.to_event() for chunk in chunks] == text_stream("a", "b")


def test_feed_refuses_anything_but_bytes() -> None:
    with pytest.raises(TypeError, match="feed takes bytes, got str"):
        ChunkDecoder().feed("data: {}")  # type: ignore[arg-type]


def test_what_the_api_sends_is_not_split_into_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_framing, "lines_of")
    events = text_stream("a", "b")
    chunks = ChunkDecoder(loads=json.loads).feed(sse(events))
    assert chunks == [decode(event) for event in events]


def test_a_last_event_without_its_blank_line_comes_on_close() -> None:
    decoder = ChunkDecoder()
    assert decoder.feed(b'data: {"type": "message_stop"}') == []
    assert decoder.close() == [MessageStopChunk()]
    assert decoder.close() == []
    with pytest.raises(DecodeError, match="fed any more: the decoder was closed") as caught:
        decoder.feed(PING_BYTES)
    assert caught.value.received == PING_BYTES


def test_the_public_names_are_the_same_objects() -> None:
    assert chunkview.ChunkDecoder is ChunkDecoder
