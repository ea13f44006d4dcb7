"""Cassettes, HAR files, frames and headers: examples of what they hold, and of what goes wrong."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zlib
from typing import Any

import pytest
import yaml

from chunkview import DecodeError, IncompleteStreamError, StreamError, accumulate
from chunkview.conformance import check
from chunkview.recordings import Recording, RecordingError, read
from chunkview.testing import recording
from recordings.writers import cassette, curl_output, event_frame, frame, frames, zstd
from support import sse, text_stream

TEXT = recording("text")
STREAM = text_stream("Hi")
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "content": [], "model": "m"}
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def read_bytes(data: bytes, **options: Any) -> list[Recording]:
    return list(read(io.BytesIO(data), **options))


def problem(one: Recording) -> str:
    assert isinstance(one.error, RecordingError)
    return one.error.problem


def har(*responses: Any) -> list[Recording]:
    entries = [{"response": one} for one in responses]
    return read_bytes(json.dumps({"log": {"entries": entries}}).encode())


def answer(body: Any, kind: str = "text/event-stream", **fields: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"content": {"mimeType": kind, "text": text, **fields}}


def test_answers_of_other_servers_are_left_out_of_a_har_file() -> None:
    json_type = "application/json"
    found = har(
        answer("<html>data: x</html>", "text/html"),
        answer({"input_tokens": 5}, json_type),
        answer([1, 2], json_type),
        answer("{broken", json_type),
        answer("data: [DONE]\n\n", "text/plain"),
        {"content": {"mimeType": "image/png", "size": 10}},
        {"content": {"mimeType": "image/png", "size": 10, "text": ""}},
        {},
        answer(MESSAGE, json_type),
        answer(ERROR, json_type),
        answer(TEXT.decode(), "text/event-stream"),
    )
    assert [one.name for one in found] == ["#5", "#9", "#10", "#11"]
    assert accumulate(found[1].source).id == "m"
    with pytest.raises(StreamError, match="Overloaded"):
        accumulate(found[2].source)
    assert found[3].source == TEXT


def test_a_har_file_without_the_body_of_a_stream_says_so() -> None:
    (one,) = har({"content": {"mimeType": "text/event-stream", "size": 500}})
    assert "the HAR file has no body of this event stream" in problem(one)


def test_bodies_of_a_har_file_may_be_base64_and_compressed() -> None:
    def encoded(body: bytes, **headers: str) -> dict[str, Any]:
        text = base64.b64encode(body).decode()
        pairs = [{"name": name, "value": value} for name, value in headers.items()]
        return {**answer(text, encoding="base64"), "headers": pairs}

    raw = zlib.compressobj(wbits=-15)
    deflated = raw.compress(TEXT) + raw.flush()
    found = har(
        encoded(TEXT),
        encoded(gzip.compress(TEXT)),
        encoded(zstd(TEXT)),
        encoded(zlib.compress(TEXT), **{"Content-Encoding": "deflate"}),
        encoded(deflated, **{"content-encoding": "deflate"}),
        encoded(TEXT, **{"Content-Encoding": "br"}),  # the recorder has decompressed it
        encoded(frames([STREAM])),
    )
    assert [one.source for one in found[:-1]] == [TEXT] * 6
    assert accumulate(found[-1].source) == accumulate(STREAM)
    broken = har(
        encoded(b"\x0b\x80\xff\x00", **{"Content-Encoding": "br"}),
        encoded(gzip.compress(TEXT)[:-10]),
        encoded(zlib.compress(TEXT)[:-10], **{"Content-Encoding": "deflate"}),
        answer("x", encoding="base64"),
    )
    assert [problem(one) for one in broken[:3]] == [
        "the body is compressed with br: record it with `accept-encoding: gzip`",
        "the gzip data ends early",
        "the deflate data ends early",
    ]
    assert problem(broken[3]).startswith("the body is no base64: ")


def test_an_exchange_without_a_response_is_broken_and_the_others_go_on() -> None:
    text = json.dumps({"log": {"entries": [5, {}, {"response": None}, {"response": answer(":")}]}})
    found = read_bytes(text.encode())
    assert [one.error is None for one in found] == [False, False, False, True]
    assert problem(found[1]) == "exchange 2 has no response"
    with pytest.raises(IncompleteStreamError):
        accumulate(found[3].source)


def test_an_answer_of_several_messages_has_a_recording_for_each() -> None:
    found = har(answer((TEXT + TEXT).decode()), answer(TEXT.decode()))
    assert [one.name for one in found] == ["#1", "#1#2", "#2"]


OLD = "- request: {uri: x}\n  response:\n    body: {string: 'data: 1\n\n\n      '}\n"


def test_cassettes_of_other_libraries_are_read() -> None:
    """Those of betamax and VCR for Ruby, of httpx in older releases, and from before VCR.py 1.0."""
    text = TEXT.decode()
    encoded = base64.b64encode(TEXT).decode()
    for response in (
        {"body": {"encoding": "utf-8", "string": text}},
        {"body": {"encoding": "utf-8", "base64_string": encoded}},
        {"body": text, "headers": {"content-type": "text/event-stream"}},
        {"content": text, "status_code": 200, "http_version": "HTTP/1.1"},
    ):
        for value in ({"http_interactions": [{"response": response}], "recorded_with": "x"},):
            for data in (json.dumps(value), "---\n" + yaml.dump(value)):
                (one,) = read_bytes(data.encode())
                assert (one.source, one.format, one.name) == (TEXT, "cassette", "#1")
    listed: list[Any] = [{"request": {}, "response": {"body": {"string": text}}}]
    for data in (json.dumps(listed), json.dumps(listed, indent=1), yaml.dump(listed)):
        (one,) = read_bytes(data.encode())
        assert one.source == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "interactions: [",
        "interactions: 5",
        "interactions:\n- \x01",
        "interactions: !!binary x",
        "interactions: &a [*a]",
        "version: 1\nother: []",
        "interactions: []",
        "interactions: " + "[" * 100_000,
        "interactions:\n- !!python/object/apply:os.system ['false']",
        "interactions:\n- response: {body: {string: !!binary 'x'}}",
    ],
)
def test_a_broken_cassette_is_an_error(text: str) -> None:
    (one,) = read_bytes(text.encode())
    with pytest.raises(DecodeError):
        accumulate(one.source)


def test_two_cassettes_in_one_file_are_an_error() -> None:
    """YAML would let the second one replace the first."""
    part = b"interactions:\n- response: {body: {string: 'data: {}'}}\n"
    assert problem(*read_bytes(part * 2)) == "no YAML: line 1: a key comes twice in one mapping"
    assert "duplicate anchor" in problem(*read_bytes(cassette([STREAM]) * 2))


def test_without_the_parser_in_c_a_cassette_is_read_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(yaml, "CBaseLoader", raising=False)
    (one,) = read_bytes(cassette([STREAM]))
    assert accumulate(one.source) == accumulate(STREAM)


def test_exceptions_and_errors_of_aws_are_error_events() -> None:
    start = event_frame(STREAM[0])
    cut = start + frame(
        b'{"message": "Slow down"}', exception_type="throttlingException", message_type="exception"
    )
    (one,) = read_bytes(cut)
    with pytest.raises(StreamError, match="throttlingException: Slow down"):
        accumulate(one.source)
    (one,) = read_bytes(
        frame(b"", message_type="error", error_code="InternalError", error_message="Sorry")
    )
    with pytest.raises(StreamError, match="InternalError: Sorry"):
        accumulate(one.source)


def test_a_broken_frame_breaks_its_message_and_the_next_one_is_read() -> None:
    data = frames([STREAM, STREAM])
    half = len(data) // 2
    for at in (0, 5, 9, 40, 200, half - 1):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        found = read_bytes(bytes(changed))
        assert found[0].error is not None
        assert accumulate(found[-1].source) == accumulate(STREAM)
        with pytest.raises(DecodeError):
            accumulate(found[0].source)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (frame(b'{"contentBlockIndex": 0}', event_type="contentBlockDelta"), "converse_stream"),
        (frame(b"[]"), "the payload of a frame is no object"),
        (frame(b'{"bytes": "*"}'), "no base64"),
        (frame(b'{"bytes": "NQ=="}'), "the event in a frame is no object"),
        (frame(b'{"bytes": "ew=="}'), "invalid JSON"),
        (frame(b"", **{"x" * 200: "y"}).replace(b":xx", b"\xff" * 3), "the checksum"),
        (event_frame(STREAM[0])[:-3], "the last frame is cut"),
        (b"\0" * 100, "the prelude of a frame is broken"),
    ],
)
def test_a_frame_that_holds_no_event_is_an_error(data: bytes, said: str) -> None:
    found = read_bytes(data)
    assert said in problem(found[0])


def test_the_first_frame_of_some_services_brings_no_event() -> None:
    data = frame(b"{}", event_type="initial-response") + frames([STREAM])
    (one,) = read_bytes(data)
    assert accumulate(one.source) == accumulate(STREAM)


def test_headers_may_be_of_every_type() -> None:
    head = b"\x01a\x00\x01b\x02\x05\x01c\x06\x00\x01x\x01d\x08" + b"\0" * 8
    payload = frame(b'{"bytes": "%s"}' % base64.b64encode(json.dumps(STREAM[0]).encode()))[12:-4]
    for extra, is_good in ((head, True), (head + b"\x01e\x63", False), (b"\x09ab", False)):
        prelude = (16 + len(extra) + len(payload)).to_bytes(4, "big")
        prelude += len(extra).to_bytes(4, "big")
        body = prelude + zlib.crc32(prelude).to_bytes(4, "big") + extra + payload
        (one,) = read_bytes(body + zlib.crc32(body).to_bytes(4, "big"))
        assert (one.error is None) is is_good


def test_the_output_of_curl_may_have_several_heads_and_a_compressed_body() -> None:
    assert [one.source for one in read_bytes(curl_output([STREAM]))] == [sse(STREAM)]
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n"
    for name, body in ((b"gzip", gzip.compress(TEXT)), (b"deflate", zlib.compress(TEXT))):
        (one,) = read_bytes(head % name + body)
        assert (one.source, one.offset) == (TEXT, 0)
    (one,) = read_bytes(head % b"br" + b"\x0b\x80")
    assert problem(one) == "the body is compressed with br: call curl with --compressed"
    (one,) = read_bytes(b"HTTP/1.1 429 Too Many\r\n\r\n" + json.dumps(ERROR).encode())
    with pytest.raises(StreamError, match="Overloaded"):
        accumulate(one.source)
    (one,) = read_bytes(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 60_000)
    assert problem(one) == "headers of an answer that do not end"


def test_a_whole_message_is_a_body_that_check_looks_at() -> None:
    (one,) = read_bytes(json.dumps(MESSAGE, indent=2).encode())
    assert (one.format, type(one.source)) == ("message", bytes)
    assert "body_is_message" in [finding.rule for finding in check(one.source)]


def test_lists_of_messages_and_events_are_read() -> None:
    values: list[Any] = [MESSAGE, *STREAM]
    found = read_bytes(json.dumps(values).encode())
    assert [one.format for one in found] == ["message", "events"]
    assert accumulate(found[1].source) == accumulate(STREAM)


def test_a_document_that_breaks_after_a_good_one_is_an_error() -> None:
    good = json.dumps(MESSAGE, indent=2).encode()
    found = read_bytes(good + b"\n" + good[:-5])
    assert [one.error is None for one in found] == [True, False]
    assert found[1].offset == len(good) + 1


def test_what_is_too_long_is_an_error() -> None:
    for data in (
        json.dumps([MESSAGE] * 100, indent=1).encode(),
        json.dumps([MESSAGE] * 100).encode(),
        cassette([text_stream("x" * 3_000)]),
        TEXT,
        b"data: " + b"x" * 3_000,
    ):
        found = read_bytes(data, max_bytes=2_000)
        assert "more than 2000 bytes" in problem(found[-1])


def test_a_bomb_is_not_decompressed_at_once() -> None:
    """A megabyte of zeros a few hundred times is 100 KiB of gzip, and far more of it is refused."""
    bomb = b"event: x\ndata: " + b" " * 50_000_000
    for packed in (gzip.compress(bomb), zstd(bomb), zstd(gzip.compress(bomb))):
        (one,) = read_bytes(packed, max_bytes=1_000_000)
        assert "more than 1000000 bytes" in problem(one)
    layers = TEXT
    for _ in range(12):
        layers = gzip.compress(layers)
    (one,) = read_bytes(layers)
    assert problem(one) == "it is compressed too many times"


def test_a_message_after_an_error_or_a_stop_begins_a_recording() -> None:
    body = recording("error") + TEXT + sse([{"type": "ping"}]) + TEXT
    found = read_bytes(body)
    assert [len(one.source) for one in found] == [
        len(recording("error")),
        len(TEXT + sse([{"type": "ping"}])),
        len(TEXT),
    ]
    assert b"".join(one.source for one in found) == body
    assert [one.name for one in found] == ["", "#2", "#3"]
