"""The `event:` line is folded into the event: one test for each sentence of the rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chunkview import (
    ChunkDecoder,
    DecodeError,
    ErrorChunk,
    PingChunk,
    TextDeltaChunk,
    UnknownChunk,
    accumulate,
)
from chunkview._model.json import stdlib_loads
from stream_support import decoded
from support import sse, text_stream


def event(name: str, data: str | None) -> bytes:
    lines = [f"event: {name}"] if name else []
    lines += [] if data is None else [f"data: {data}"]
    return "\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("data", "folded"),
    [
        ("Internal server error", {"type": "error", "error": "Internal server error"}),
        ('"words"', {"type": "error", "error": "words"}),
        ("null", {"type": "error", "error": None}),
        ("[1]", {"type": "error", "error": [1]}),
        ("", {"type": "error", "error": ""}),
        (None, {"type": "error", "error": ""}),
        ("[DONE]", {"type": "error", "error": "[DONE]"}),
        ('{"message":"m"}', {"type": "error", "message": "m"}),
        ('{"type":null,"message":"m"}', {"type": "error", "message": "m"}),
        ('{"type":"error","error":{}}', {"type": "error", "error": {}}),
        ('{"type":"ping"}', {"type": "error", "error": {"type": "ping"}}),
    ],
)
def test_event_error_is_an_error_whatever_its_data_is(data: str | None, folded: Any) -> None:
    (chunk,) = decoded(event("error", data))
    assert type(chunk) is ErrorChunk
    assert chunk.to_event() == folded
    assert chunk.chunk == (data or "").encode()


@pytest.mark.parametrize("name", ["", "ping", "content_block_delta", "news"])
@pytest.mark.parametrize(
    "data",
    [
        '{"type":"error","error":{"type":"api_error","message":"m"}}',
        '{"error":{"message":"m"}}',
        '{"type":5,"error":"m"}',
        '{"type":"api_error","message":"m"}',
    ],
)
def test_an_error_in_the_data_is_an_error_whatever_the_line_says(name: str, data: str) -> None:
    (chunk,) = decoded(event(name, data))
    assert isinstance(chunk, ErrorChunk)
    assert chunk.error_message == "m"
    assert chunk.to_event() == json.loads(data)


def test_an_error_that_is_null_is_none() -> None:
    (chunk,) = decoded(event("news", '{"error":null}'))
    assert chunk == UnknownChunk("news", {"error": None, "type": "news"})


def test_the_name_of_the_line_is_the_type_where_the_data_has_none() -> None:
    body = sse(text_stream("a", "b")).replace(b'"type": "content_block_delta", ', b"")
    assert accumulate(body) == accumulate(text_stream("a", "b"))
    data = '{"index":0,"delta":{"type":"text_delta","text":"a"}}'
    (chunk,) = decoded(event("content_block_delta", data))
    assert chunk == TextDeltaChunk(0, "a")
    assert chunk.chunk == data.encode()
    assert chunk.to_event() == {**json.loads(data), "type": "content_block_delta"}


def test_deltas_whose_type_is_in_the_line_only_make_a_run_too() -> None:
    data = '{"index":0,"delta":{"type":"text_delta","text":"TEXT"}}'
    first, second = (event("content_block_delta", data.replace("TEXT", text)) for text in "ab")
    decoder = ChunkDecoder()
    assert decoder.feed(first) == [TextDeltaChunk(0, "a")]

    def refuse(payload: bytes) -> Any:
        raise AssertionError(payload)

    decoder._loads = refuse
    (chunk,) = decoder.feed(second)
    assert chunk == TextDeltaChunk(0, "b")
    assert chunk.to_event()["type"] == "content_block_delta"


def test_a_type_in_the_data_wins_over_the_line() -> None:
    assert decoded(event("message_stop", '{"type":"ping"}')) == [PingChunk()]


def test_the_last_event_line_counts() -> None:
    assert decoded(b"event: news\nevent: ping\ndata: x\n\n") == [PingChunk()]
    assert decoded(b"event: ping\nevent:\ndata: {}\n\n") == [UnknownChunk("", {})]


@pytest.mark.parametrize("name", ["ping", "message_stop"])
@pytest.mark.parametrize("data", [None, "", " ", "null", "pong", "[1]", "[DONE]", "{broken", "{}"])
def test_ping_and_message_stop_need_no_data(name: str, data: str | None) -> None:
    (chunk,) = decoded(event(name, data))
    assert chunk.type == name
    assert chunk.to_event() == {"type": name}
    assert chunk.chunk == (data or "").encode()


@pytest.mark.parametrize("data", [None, "", " ", "[DONE]", " [DONE] "])
@pytest.mark.parametrize("name", ["", "news", "data", "content_block_stop"])
def test_empty_data_and_the_end_mark_are_skipped_under_another_name(
    name: str, data: str | None
) -> None:
    assert decoded(event(name, data)) == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("null", "expected object, got null"),
        ("[1]", "expected object, got list"),
        ("x", "invalid JSON: no JSON value at character 0"),
    ],
)
@pytest.mark.parametrize("name", ["", "news", "message_start"])
def test_other_data_that_is_no_object_is_refused(name: str, data: str, problem: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decoded(event(name, data))
    assert str(caught.value) == problem
    assert caught.value.event == data.encode()


@pytest.mark.parametrize("loads", [None, stdlib_loads])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_events_without_blank_lines_between_them_are_refused_and_the_error_says_so(
    end: str, loads: Any
) -> None:
    events = [event("content_block_stop", '{"index":0}'), event("message_stop", "{}")]
    body = b"".join(events).replace(b"\n\n", b"\n").rstrip() + end.encode()
    with pytest.raises(DecodeError) as caught:
        decoded(body, loads=loads)
    assert str(caught.value) == (
        "events that are not separated by blank lines: each one has to end with one"
    )
    assert not caught.value.truncated


def test_a_trailer_without_any_type_is_an_unknown_chunk() -> None:
    data = '{"amazon-bedrock-invocationMetrics":{"inputTokenCount":9}}'
    assert decoded(event("", data)) == [UnknownChunk("", json.loads(data))]


@pytest.mark.parametrize("newline", ["", "\n", "\r\n", "\r"])
def test_the_last_event_needs_no_blank_line_if_its_data_is_a_whole_object(newline: str) -> None:
    for name in ("message_stop", "news"):
        (chunk,) = decoded(f"event: {name}\ndata: {{}}{newline}".encode())
        assert chunk.type == name
    (error,) = decoded(b'event: error\ndata: {"message":"m"}')
    assert isinstance(error, ErrorChunk)


@pytest.mark.parametrize(
    "rest", ["event: ping", "event: ping\n", "event: ping\ndata:\n", "event: error\ndata: words\n"]
)
def test_a_last_event_without_a_whole_object_is_cut(rest: str) -> None:
    with pytest.raises(DecodeError, match="ends in the middle") as caught:
        decoded(rest.encode())
    assert caught.value.truncated
    assert caught.value.received == rest.encode()


def test_half_characters_are_taken_in_runs_as_well() -> None:
    texts = ["a", "\ud83d", "\ude00", "b"]
    body = b"".join(
        event(
            "content_block_delta",
            json.dumps(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": text},
                }
            ),
        )
        for text in texts
    )
    for loads in (None, stdlib_loads):
        assert [chunk.content for chunk in decoded(body, loads=loads)] == texts
