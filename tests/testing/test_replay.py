"""The replay server, seen by the real `anthropic` client and on the bare socket."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import re
import selectors
import socket
import struct
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import Anthropic, APIConnectionError, APIStatusError, AsyncAnthropic
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview import accumulate, iter_chunks
from chunkview.testing import (
    ApiError,
    ReceivedRequest,
    ReplayServer,
    recording,
    recording_names,
    replay,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from anthropic.types import Message, MessageParam
    from anthropic.types.beta import BetaMessageParam, BetaRawMessageStreamEvent

    from chunkview.testing import Reply

TEXT = recording("text")
# What each recording that ends as it should amounts to: see `summary`.
COMPLETE = {
    "text": ("end_turn", 104, ["text"]),
    "thinking_tool_call": ("tool_use", 187, ["thinking", "text", "tool_use"]),
    "citations": (
        "end_turn",
        213,
        ["text", "server_tool_use", "web_search_tool_result", "text", "text", "text", "text"],
    ),
}
MODEL = "claude-3-5-sonnet-20240620"
MESSAGES: list[MessageParam] = [{"role": "user", "content": "Recommend a fantasy book"}]
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
# Longer than any test may take: who waits for it, hangs.
FOREVER = 3600.0


def message_body(text: str, *, error: str | None = None) -> bytes:
    """Make the shortest body that says `text`, or breaks off with an error of the type `error`."""
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    delta = {"type": "text_delta", "text": text}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": delta},
    ]
    if error is None:
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        events += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]
    else:
        events.append({"type": "error", "error": {"type": error, "message": "No more"}})
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


def text_of(body: bytes) -> str:
    """Join the text deltas of a body, by means of the standard library only."""
    events = (json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: "))
    return "".join(event.get("delta", {}).get("text", "") for event in events)


def text_of_event(event: BetaRawMessageStreamEvent) -> str:
    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        return event.delta.text
    return ""


def summary(message: Message) -> tuple[str | None, int, list[str]]:
    """Say why a message ended, how many tokens it has, and what its blocks are."""
    types: list[str] = [block.type for block in message.content]
    return message.stop_reason, message.usage.output_tokens, types


def sync_client(server: ReplayServer, *, max_retries: int = 0) -> Anthropic:
    return Anthropic(base_url=server.url, api_key="none", max_retries=max_retries)


def async_client(server: ReplayServer) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=server.url, api_key="none", max_retries=0)


def http_connection(server: ReplayServer) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("127.0.0.1", server.port))


def ask(
    connection: http.client.HTTPConnection,
    payload: object = None,
    *,
    method: str = "POST",
    path: str = "/v1/messages",
) -> http.client.HTTPResponse:
    body = json.dumps({"stream": True} if payload is None else payload)
    connection.request(method, path, body)
    return connection.getresponse()


def http_request(
    body: bytes = b'{"stream": true}', *, version: str = "1.1", headers: str = "connection: close"
) -> bytes:
    head = f"POST /v1/messages HTTP/{version}\r\ncontent-length: {len(body)}\r\n{headers}\r\n\r\n"
    return head.encode() + body


def exchange(server: ReplayServer, request: bytes) -> tuple[bytes, bytes]:
    """Send `request` as it is and return the answer's head and body as they came."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    return head, body


def exchange_to_the_end(server: ReplayServer, request: bytes) -> bytes:
    """Send `request`, and then the end of the connection, and return everything that came back."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            return file.read()


def http_chunks(body: bytes) -> Iterator[bytes]:
    """Take a chunked body apart by RFC 9112, 7.1, without trailers."""
    while True:
        size, _, body = body.partition(b"\r\n")
        end = int(size, 16)
        chunk, line_end, body = body[:end], body[end : end + 2], body[end + 2 :]
        assert line_end == b"\r\n"
        if not chunk:
            assert body == b""
            return
        yield chunk


def chunks_of(server: ReplayServer) -> list[bytes]:
    return list(http_chunks(exchange(server, http_request())[1]))


def hang_up(connection: socket.socket) -> None:
    """Close `connection` at once, with what is under way thrown away."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# The anthropic client


@pytest.mark.parametrize("name", COMPLETE)
def test_the_sync_client_accumulates_every_complete_recording(name: str) -> None:
    with (
        ReplayServer(recording(name)) as server,
        sync_client(server) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
    ):
        assert summary(stream.get_final_message()) == COMPLETE[name]


@pytest.mark.parametrize("name", COMPLETE)
def test_the_async_client_accumulates_every_complete_recording(name: str) -> None:
    async def final_message(server: ReplayServer) -> Message:
        async with (
            async_client(server) as client,
            client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
        ):
            return await stream.get_final_message()

    with ReplayServer(recording(name)) as server:
        assert summary(asyncio.run(final_message(server))) == COMPLETE[name]


def test_the_beta_clients_get_the_same_text() -> None:
    messages: list[BetaMessageParam] = [{"role": "user", "content": "Recommend a book"}]

    async def async_text(server: ReplayServer) -> str:
        async with async_client(server) as client:
            stream = await client.beta.messages.create(
                model=MODEL, max_tokens=100, messages=messages, stream=True
            )
            return "".join([text_of_event(event) async for event in stream])

    with ReplayServer(TEXT) as server:
        with sync_client(server) as client:
            stream = client.beta.messages.create(
                model=MODEL, max_tokens=100, messages=messages, stream=True
            )
            assert "".join(map(text_of_event, stream)) == text_of(TEXT)
        assert asyncio.run(async_text(server)) == text_of(TEXT)
    assert len(server.requests) == 2


@pytest.mark.parametrize("segment_size", [1, 7, 4096, (1, 2, 300), None])
def test_the_client_reads_the_same_text_however_the_body_is_cut(
    segment_size: int | tuple[int, ...] | None,
) -> None:
    with (
        ReplayServer(TEXT, segment_size=segment_size) as server,
        sync_client(server) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
    ):
        assert "".join(stream.text_stream) == text_of(TEXT)


def test_a_stream_may_be_left_early() -> None:
    with ReplayServer(TEXT) as server, sync_client(server) as client:
        for _ in range(5):
            with client.messages.create(
                model=MODEL, max_tokens=100, messages=MESSAGES, stream=True
            ) as stream:
                assert next(iter(stream)).type == "message_start"
        assert client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES).content
    assert len(server.requests) == 6


def test_an_error_event_reaches_the_client_after_the_text_before_it() -> None:
    text: list[str] = []
    with (
        ReplayServer(recording("error")) as server,
        sync_client(server) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
        pytest.raises(APIStatusError, match="Overloaded"),
    ):
        text.extend(stream.text_stream)
    assert "".join(text) == text_of(recording("error")) != ""


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("reply", [ApiError(529, OVERLOADED), (529, OVERLOADED)])
def test_an_api_error_is_answered_whether_a_stream_is_asked_for_or_not(
    reply: ApiError | tuple[int, Mapping[str, Any]], stream: bool
) -> None:
    with (
        ReplayServer(reply) as server,
        sync_client(server) as client,
        pytest.raises(APIStatusError) as caught,
    ):
        client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES, stream=stream)
    assert caught.value.status_code == 529
    assert caught.value.body == OVERLOADED
    assert caught.value.request_id == "req_replay_0001"


def test_a_client_that_tries_again_gets_the_next_body() -> None:
    # `retry-after-ms` spares the client's own wait before the second try.
    busy = ApiError(529, OVERLOADED, headers={"Retry-After-Ms": "1"})
    with ReplayServer([busy, TEXT]) as server, sync_client(server, max_retries=1) as client:
        with client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream:
            assert stream.get_final_text() == text_of(TEXT)
        assert stream.response.headers["request-id"] == "req_replay_0002"
    assert len(server.requests) == 2


# Without a stream


@pytest.mark.parametrize("name", COMPLETE)
def test_a_request_without_stream_gets_the_message_that_the_body_amounts_to(name: str) -> None:
    with ReplayServer(recording(name)) as server:
        with sync_client(server) as client:
            whole = client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
        with http_connection(server) as connection:
            answer = json.load(ask(connection, {"stream": False}))
    assert summary(whole) == COMPLETE[name]
    assert answer == accumulate(iter_chunks(recording(name))).to_dict()


@pytest.mark.parametrize(
    ("error_type", "status"),
    [
        ("invalid_request_error", 400),
        ("authentication_error", 401),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("request_too_large", 413),
        ("rate_limit_error", 429),
        ("api_error", 500),
        ("timeout_error", 504),
        ("overloaded_error", 529),
        ("an_error_of_next_year", 500),
    ],
)
def test_an_error_event_is_answered_as_that_error_when_no_stream_is_asked_for(
    error_type: str, status: int
) -> None:
    body = message_body("Once", error=error_type)
    with ReplayServer(body) as server, http_connection(server) as connection:
        response = ask(connection, {"stream": False})
        answer = json.load(response)
    assert response.status == status
    assert answer == {
        "type": "error",
        "error": {"type": error_type, "message": "No more"},
        "request_id": response.headers["request-id"],
    }


@pytest.mark.parametrize("body", [b"", b"<html>", message_body("Once")[:-20], b"data: {}\n\n"])
def test_a_body_that_is_no_message_is_an_api_error_when_no_stream_is_asked_for(
    body: bytes,
) -> None:
    with ReplayServer(body) as server, http_connection(server) as connection:
        response = ask(connection, {})
        answer = json.load(response)
    assert (response.status, answer["error"]["type"]) == (500, "api_error")
    assert answer["error"]["message"].startswith("the recorded body amounts to no message: ")


# What the client sees of the cut


@pytest.mark.parametrize("size", [1, 2, 100, len(TEXT) - 1, len(TEXT), len(TEXT) + 1])
def test_each_segment_is_one_http_chunk_of_the_given_size(size: int) -> None:
    with ReplayServer(TEXT, segment_size=size) as server:
        chunks = chunks_of(server)
    assert b"".join(chunks) == TEXT
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}
    assert 1 <= len(chunks[-1]) <= size


def test_several_sizes_are_used_in_turn() -> None:
    with ReplayServer(b"abcdefghijk", segment_size=[1, 3, 2]) as server:
        assert chunks_of(server) == [b"a", b"bcd", b"ef", b"g", b"hij", b"k"]


def test_without_a_size_each_event_is_one_http_chunk() -> None:
    with ReplayServer(TEXT) as server:
        chunks = chunks_of(server)
    assert chunks == [event + b"\n\n" for event in TEXT.split(b"\n\n")[:-1]]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_events_are_told_apart_at_every_line_ending(end: bytes) -> None:
    events = [b"event: ping" + end + b"data: {}" + end + end, b": x" + end + end + end, b"data: 1"]
    with ReplayServer(b"".join(events)) as server:
        assert chunks_of(server) == events


def test_a_delay_stands_between_the_segments_and_changes_none() -> None:
    with ReplayServer(b"abc", segment_size=1, delay=0.001) as server:
        assert chunks_of(server) == [b"a", b"b", b"c"]


def test_the_first_segment_comes_without_delay() -> None:
    with (
        ReplayServer(b"abc", segment_size=1, delay=FOREVER) as server,
        http_connection(server) as connection,
    ):
        assert ask(connection).read1() == b"a"


def test_an_empty_body_is_an_empty_stream() -> None:
    with ReplayServer(b"") as server:
        assert chunks_of(server) == []


def test_the_head_of_a_stream_is_that_of_the_api() -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        response = ask(connection)
        response.read()
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.headers["request-id"] == "req_replay_0001"


def test_an_http_1_0_client_gets_the_body_without_chunks() -> None:
    with ReplayServer(TEXT, segment_size=100) as server:
        head, body = exchange(server, http_request(version="1.0", headers="accept: */*"))
    assert b"transfer-encoding" not in head.lower()
    assert body == TEXT


# Requests and replies


def test_bodies_are_sent_in_turn_and_then_from_the_first_again() -> None:
    bodies: list[Reply] = [message_body("one"), ApiError(529, OVERLOADED), message_body("three")]
    seen: list[str | int] = []
    with ReplayServer(bodies) as server, http_connection(server) as connection:
        for _ in range(5):
            response = ask(connection)
            body = response.read()
            seen.append(text_of(body) if response.status == 200 else response.status)
    assert seen == ["one", 529, "three", "one", 529]


def test_requests_from_many_threads_share_the_bodies_evenly() -> None:
    bodies = [message_body(str(number)) for number in range(5)]

    def texts(_: int) -> list[str]:
        with http_connection(server) as connection:
            return [text_of(ask(connection).read()) for _ in range(10)]

    with ReplayServer(bodies) as server, ThreadPoolExecutor(10) as pool:
        counts = Counter(text for many in pool.map(texts, range(10)) for text in many)
    assert counts == {str(number): 20 for number in range(5)}
    assert len(server.requests) == 100


def test_requests_are_recorded_in_order_with_path_headers_and_body() -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        for number, path in enumerate(["/v1/messages", "/v1/messages?beta=true"]):
            payload = json.dumps({"stream": True, "max_tokens": number})
            connection.request("POST", path, payload, {"X-Api-Key": f"key {number}"})
            connection.getresponse().read()
    paths = [request.path for request in server.requests]
    assert paths == ["/v1/messages", "/v1/messages?beta=true"]
    assert [request.headers["x-api-key"] for request in server.requests] == ["key 0", "key 1"]
    assert [request.body for request in server.requests] == [
        {"stream": True, "max_tokens": 0},
        {"stream": True, "max_tokens": 1},
    ]


def test_a_received_request_is_frozen_hashable_and_keeps_its_headers_out_of_repr() -> None:
    request = ReceivedRequest("/v1/messages", {"x-api-key": "a secret"}, {"stream": True})
    assert "secret" not in repr(request)
    assert hash(request) == hash(ReceivedRequest("/v1/messages", {}, {}))
    with pytest.raises(AttributeError):
        request.path = "/"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_connection_is_kept_alive_over_every_kind_of_answer() -> None:
    statuses: list[int] = []
    with (
        ReplayServer([TEXT, ApiError(529, OVERLOADED)]) as server,
        http_connection(server) as connection,
    ):
        connection.connect()
        socket_at_first = connection.sock
        for method, path, payload in [
            ("POST", "/v1/messages", {"stream": True}),
            ("POST", "/v1/messages", {"stream": True}),
            ("POST", "/v1/messages", {}),
            ("POST", "/v1/messages", "not an object"),
            ("PUT", "/v1/messages", {}),
            ("HEAD", "/", None),
            ("POST", "/v2", {}),
            ("POST", "/v1/messages", {}),
        ]:
            response = ask(connection, payload, method=method, path=path)
            response.read()
            statuses.append(response.status)
        assert connection.sock is socket_at_first
    assert statuses == [200, 529, 200, 400, 405, 404, 404, 529]


def test_request_ids_count_every_answer() -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        ids: list[str] = []
        for path in ["/v1/messages", "/nowhere", "/v1/messages"]:
            response = ask(connection, path=path)
            response.read()
            ids.append(response.headers["request-id"])
    assert ids == ["req_replay_0001", "req_replay_0002", "req_replay_0003"]


def test_a_request_body_may_come_in_chunks() -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        for _ in range(2):
            pieces = (piece for piece in [b'{"stream"', b": true, ", b'"n": 1}'])
            connection.request("POST", "/v1/messages", pieces, encode_chunked=True)
            assert connection.getresponse().read() == TEXT
    assert [request.body for request in server.requests] == [{"stream": True, "n": 1}] * 2


def test_a_request_body_in_chunks_may_have_extensions_and_trailers() -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b'A;x=1\r\n{"stream":\r\n5\r\ntrue}\r\n0\r\nchecksum: 1\r\n\r\n'
    with ReplayServer(TEXT) as server:
        exchange(server, head + body)
    assert [request.body for request in server.requests] == [{"stream": True}]


def test_a_large_request_body_is_read_before_the_answer() -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        assert ask(connection, {"stream": True, "x": "y" * 5_000_000}).read() == TEXT
        response = ask(connection, {"x": "y" * 5_000_000}, path="/elsewhere")
        assert response.status == 404
        response.read()
        assert ask(connection).read() == TEXT


# Refusals


@pytest.mark.parametrize(
    ("method", "path", "status", "error_type"),
    [
        ("POST", "/", 404, "not_found_error"),
        ("POST", "/v1/messages/count_tokens", 404, "not_found_error"),
        ("POST", "/v1/messages/", 404, "not_found_error"),
        ("GET", "/v1/models", 404, "not_found_error"),
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("DELETE", "/v1/messages?beta=true", 405, "invalid_request_error"),
        ("BREW", "/v1/messages", 405, "invalid_request_error"),
    ],
)
def test_other_paths_and_methods_are_refused_in_the_shape_of_the_api(
    method: str, path: str, status: int, error_type: str
) -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        response = ask(connection, method=method, path=path)
        answer = json.load(response)
        assert response.status == status
        assert response.headers["content-type"] == "application/json"
        assert answer["type"] == "error"
        assert answer["error"]["type"] == error_type
        assert answer["request_id"] == response.headers["request-id"]
        assert ask(connection).read() == TEXT
    assert len(server.requests) == 1


def test_a_head_request_gets_no_body() -> None:
    with ReplayServer(TEXT) as server:
        head, body = exchange(server, b"HEAD / HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert body == b""


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 200_000, b"stream=true"]
)
def test_a_request_body_that_is_no_json_object_is_an_invalid_request(payload: bytes) -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        connection.request("POST", "/v1/messages", payload)
        response = connection.getresponse()
        answer = json.load(response)
    assert response.status == 400
    assert answer["error"]["type"] == "invalid_request_error"
    assert server.requests == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /v1/messages HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n",
        b"POST /v1/messages HTTP/9\r\n",
        b"POST\r\n",
        b"  \r\n",
        b"\xa0\r\n",
        b"POST /v1/\0messages HTTP/1.1\r\n",
        b"GET /v1/messages\r\n",
        b"POST /v1/messages HTTP/\xb2.1\r\n",
        b"POST /v1/messages HTTP/" + b"1" * 5_000 + b".1\r\n",
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(request_bytes: bytes) -> None:
    with ReplayServer(TEXT) as server:
        head, body = exchange(server, request_bytes)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert server.errors == []


# What a client may send


HEAD = b"POST /v1/messages HTTP/1.1\r\nconnection: close\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
CHUNKED_REQUEST = CHUNKED + b'A;x=1\r\n{"stream":\r\n5\r\ntrue}\r\n0\r\nchecksum: 1\r\n\r\n'
# What has upset a server before, or is about to be misread by one.
AWKWARD = [
    *(b"\r\n", b"\r", b"\n", b" ", b":", b",", b";", b"\0", b"\x0b", b"\x85", b"\xb2", b"\xff"),
    *(b"0", b"-1", b"+5", b"1_0", b"0x10", b"9" * 23, b"9" * 5_000, b"F" * 20, b"F" * 300),
    *(b"{", b"[" * 5_000, b'"\\ud800"', b"chunked", b"gzip", b"keep-alive", b"100-continue"),
    *(b"content-length: ", b"transfer-encoding: ", b"expect: ", b"connection: ", b"a: b\r\n" * 101),
    *(b"HTTP/0.9", b"HTTP/1.0", b"HTTP/2.0", b"//", b"GET ", b"HEAD "),
    b"content-type: multipart/x; boundary*" + b"9" * 5_000 + b"=x\r\n",
    b"content-type: multipart/x; boundary*=x; boundary*0*=x\r\n",
    b"content-type: multipart/x; boundary*=\"a\0b''x\"\r\n",
]


@st.composite
def mutated_requests(draw: st.DrawFn) -> bytes:
    """Draw a good request in which a few stretches are lost, doubled, or replaced."""
    request = draw(st.sampled_from([http_request(), CHUNKED_REQUEST]))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(request)))
        end = draw(st.integers(start, min(start + 20, len(request))))
        put_in = draw(st.sampled_from([*AWKWARD, b"", request[start:end] * 2]) | st.binary())
        request = request[:start] + put_in + request[end:]
    return request


@given(requests=st.lists(st.binary() | mutated_requests(), min_size=1, max_size=3))
@example(requests=[HEAD + b"content-length: " + b"9" * 23 + b"\r\n\r\n"])
@example(requests=[CHUNKED + b"F" * 23 + b"\r\n"])
# The parser of emails, which is also the standard library's parser of headers, raises on these.
@example(requests=[HEAD + b"content-type: multipart/a; boundary*" + b"9" * 5_000 + b"=b\r\n\r\n"])
@example(requests=[HEAD + b"content-type: multipart/a; boundary*=b; boundary*0*=b\r\n\r\n"])
@example(requests=[HEAD + b"content-type: multipart/a; boundary*=a\0b''c\r\n\r\n"])
def test_whatever_was_sent_the_server_answers_the_next_request_and_closes_without_error(
    requests: list[bytes],
) -> None:
    sent = b"".join(requests)
    with ReplayServer(b"data: {}\n\n") as server:
        answer = exchange_to_the_end(server, sent)
        is_more_than_empty_lines = re.fullmatch(rb"(\r?\n)*", sent) is None
        assert answer.startswith(b"HTTP/1.1 ") is is_more_than_empty_lines
        assert chunks_of(server) == [b"data: {}\n\n"]
    assert server.errors == []


@given(
    value=st.from_regex(r"[ \t]*[0-9]{1,12}[ \t]*", fullmatch=True)
    | st.text(st.characters(max_codepoint=0xFF), max_size=30)
    | st.integers(0, 10**6000).map(lambda digits: "9" * (digits % 6000 + 1))
)
@example(value="+5")
@example(value="1_0")
@example(value="5\xa0")
@example(value="\xb2")
@example(value="5, 5")
@example(value="0x5")
@example(value="")
@example(value="0" * 5_000 + "2")
@example(value="33554432")
@example(value="33554433")
def test_a_content_length_is_decimal_digits_and_bounded_or_it_is_refused(value: str) -> None:
    with ReplayServer(TEXT) as server:
        answer = exchange_to_the_end(
            server, HEAD + b"content-length: " + value.encode("latin-1") + b"\r\n\r\n{}"
        )
    digits = value.strip(" \t")
    number = digits.lstrip("0") if digits.isascii() and digits.isdigit() else None
    if number is not None and (len(number) > 8 or int(number or "0") > 32 * 1024 * 1024):
        assert b" 413 " in answer
    else:
        assert answer.startswith(b"HTTP/1.1 200 " if number == "2" else b"HTTP/1.1 ")
        assert number == "2" or b" 400 " in answer or b" 404 " in answer
    assert server.errors == []


REFUSED: list[tuple[int, bytes]] = [
    (413, HEAD + b"content-length: 33554433\r\n\r\n"),
    (413, HEAD + b"content-length: " + b"9" * 23 + b"\r\n\r\n"),
    (413, HEAD + b"content-length: " + b"9" * 5_000 + b"\r\n\r\n"),
    (413, CHUNKED + b"2000001\r\n"),
    (413, CHUNKED + b"1\r\n{\r\n2000000\r\n"),
    (413, CHUNKED + b"F" * 200 + b"\r\n"),
    (400, HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
    (400, HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"),
    (501, HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n"),
    (501, HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n"),
    (400, CHUNKED + b"\r\n"),
    (400, CHUNKED + b"0x10\r\n"),
    (400, CHUNKED + b"+5\r\n"),
    (400, CHUNKED + b" 5\r\n"),
    (400, CHUNKED + b"1_0\r\n"),
    (400, CHUNKED + b"\xb2\r\n"),
    (400, CHUNKED + b"5 x\r\n"),
    (400, CHUNKED + b"F" * 300),
    (400, CHUNKED + b"1;" + b"x" * 300),
    (400, CHUNKED + b"1\r\n{}\r\n"),
    (431, CHUNKED + b"0\r\n" + b"a: b\r\n" * 101),
    (431, CHUNKED + b"0\r\n" + b"a" * 65_537),
    (431, HEAD + b"a: b\r\n" * 100),
    (431, HEAD + b"a" * 65_537),
    (400, HEAD + b"no header\r\n"),
    (400, HEAD + b" folded: 1\r\n"),
    (400, HEAD + b"content-length : 2\r\n"),
    (400, HEAD + b"a: b\rc: d\r\n"),
    (414, b"POST /" + b"x" * 65_531),
    (505, b"POST /v1/messages HTTP/2.0\r\n"),
    (505, b"POST /v1/messages HTTP/0.9\r\n"),
]


@pytest.mark.parametrize(("status", "sent"), REFUSED)
def test_a_refusal_comes_as_soon_as_it_is_due_and_more_may_follow(status: int, sent: bytes) -> None:
    with ReplayServer(TEXT) as server:
        for more in [b"", b"x" * 1_000_000]:
            head, body = exchange(server, sent + more)
            assert head.startswith(b"HTTP/1.1 %d " % status)
            answer = json.loads(body)
            expected = "request_too_large" if status == 413 else "invalid_request_error"
            assert answer["error"]["type"] == expected
    assert (server.requests, server.errors) == ([], [])


@pytest.mark.parametrize("cut", [3, 30, len(CHUNKED) + 5, len(CHUNKED_REQUEST) - 1])
def test_a_request_that_breaks_off_is_refused_when_the_client_still_listens(cut: int) -> None:
    with ReplayServer(TEXT) as server:
        answer = exchange_to_the_end(server, CHUNKED_REQUEST[:cut])
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (server.requests, server.errors) == ([], [])


def test_a_client_that_sends_too_much_in_one_go_reads_the_refusal() -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        connection.request("POST", "/v1/messages", b"x" * (32 * 1024 * 1024 + 1))
        response = connection.getresponse()
        assert response.status == 413
        assert json.load(response)["error"]["type"] == "request_too_large"
        assert ask(connection).read() == TEXT


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_of_exactly_the_bound_is_taken(
    monkeypatch: pytest.MonkeyPatch, chunked: bool
) -> None:
    monkeypatch.setattr(replay, "_MAX_BODY_BYTES", 100)
    statuses: list[int] = []
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        for size in [100, 101]:
            body = b'{"stream": true}'.ljust(size)
            pieces = (body[start : start + 50] for start in range(0, size, 50))
            if chunked:
                connection.request("POST", "/v1/messages", pieces, encode_chunked=True)
            else:
                connection.request("POST", "/v1/messages", body)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    assert statuses == [200, 413]


@pytest.mark.parametrize("length", [b"2\r\ncontent-length: 2", b" 2 ", b"\t0002"])
def test_a_content_length_may_be_repeated_padded_and_among_spaces(length: bytes) -> None:
    with ReplayServer(TEXT) as server:
        head, _ = exchange(server, HEAD + b"content-length:" + length + b"\r\n\r\n{}")
    assert head.startswith(b"HTTP/1.1 200 ")


def test_empty_lines_before_a_request_are_passed_over() -> None:
    with ReplayServer(TEXT) as server:
        answer = exchange_to_the_end(server, b"\r\n\n" + http_request() + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert len(server.requests) == 1


def test_a_client_that_waits_for_leave_to_send_gets_it_unless_it_means_to_send_too_much() -> None:
    with (
        ReplayServer(TEXT) as server,
        socket.create_connection(("127.0.0.1", server.port)) as connection,
        connection.makefile("rb") as file,
    ):
        connection.sendall(
            b"POST /v1/messages HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        )
        assert [file.readline(), file.readline()] == [b"HTTP/1.1 100 Continue\r\n", b"\r\n"]
        connection.sendall(
            b"[]" + HEAD + b"expect: 100-continue\r\ncontent-length: 40000000\r\n\r\n"
        )
        statuses = re.findall(rb"HTTP/1.1 (\d+)", file.read())
    assert statuses == [b"400", b"413"]


@pytest.mark.parametrize(
    ("version", "option", "kept"),
    [
        ("1.1", "", True),
        ("1.1", "close", False),
        ("1.1", "x, Close", False),
        ("1.2", "keep-alive", True),
        ("1.0", "", False),
        ("1.0", "Keep-Alive", True),
    ],
)
def test_a_connection_is_kept_as_the_version_and_the_client_say(
    version: str, option: str, kept: bool
) -> None:
    one = http_request(b"[]", version=version, headers=f"connection: {option}")
    with ReplayServer(TEXT) as server:
        answer = exchange_to_the_end(server, one + one)
    assert answer.count(b"HTTP/1.1 400 ") == (2 if kept else 1)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"x": ' + b"9" * 5_000 + b"}",
        b'{"x": ' + b"[" * 200_000,
        b'{"x": "\xff"}',
        b"\xff\xfe\x00",
        b'{"x": "\x00"}',
    ],
)
def test_json_that_python_cannot_hold_is_an_invalid_request(payload: bytes) -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        connection.request("POST", "/v1/messages", payload)
        response = connection.getresponse()
        assert response.status == 400
        message = json.load(response)["error"]["message"]
        assert message == "the request body is not a JSON object"
        assert ask(connection).read() == TEXT


@pytest.mark.parametrize("path", ["/\xff\x80", "/%ED%A0%80", "//elsewhere", "/" + "x" * 60_000])
def test_a_path_that_is_echoed_may_be_anything(path: str) -> None:
    with ReplayServer(TEXT) as server:
        request = f"GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n".encode("latin-1")
        _, body = exchange(server, request)
    message = json.loads(body)["error"]["message"]
    assert message == f"only /v1/messages is answered here, not {path.replace('//', '/')}"


def test_a_half_character_is_sent_as_its_escape() -> None:
    half = {"error": {"type": "api_error", "message": "\ud83d"}}
    with ReplayServer(ApiError(500, half)) as server, http_connection(server) as connection:
        body = ask(connection).read()
    assert b'"message": "\\ud83d"' in body
    assert json.loads(body) == half


def peak_of(action: Callable[[], object]) -> int:
    """Count the most bytes that Python held at one time during `action`, on every thread."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_body_takes_the_memory_of_what_is_sent_not_of_what_is_announced() -> None:
    with ReplayServer(TEXT) as server:
        announced = HEAD + b"content-length: 33554432\r\n\r\n{"
        assert peak_of(lambda: exchange_to_the_end(server, announced)) < 500_000
        announced = CHUNKED + b"2000000\r\n{"
        assert peak_of(lambda: exchange_to_the_end(server, announced)) < 500_000


def test_a_body_in_small_chunks_takes_no_more_memory_than_in_one() -> None:
    size = 400_000
    sent = CHUNKED + b"2\r\n  \r\n" * (size // 2) + b"0\r\n\r\n"
    with ReplayServer(TEXT) as server:
        assert peak_of(lambda: exchange_to_the_end(server, sent)) < 4 * size


# The machine runs short


def test_a_request_for_which_there_is_no_memory_is_answered_and_the_next_one_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: bytearray) -> None:
        raise MemoryError

    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(replay, "_json_object", fail)
            response = ask(connection)
            assert response.status == 500
            assert json.load(response)["error"]["type"] == "api_error"
        assert ask(connection).read() == TEXT


def test_an_answer_for_which_there_is_no_memory_is_dropped_and_the_next_one_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> bytes:
        raise MemoryError

    with ReplayServer(TEXT) as server:
        with monkeypatch.context() as patch:
            patch.setattr(replay, "_json_bytes", fail)
            assert exchange(server, http_request(b"[]")) == (b"", b"")
        assert b"".join(chunks_of(server)) == TEXT


PASSING = [
    *(OSError(getattr(errno, name), name) for name in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM")),
    *(OSError(getattr(errno, name), name) for name in ("EPROTO", "EPERM", "ENETDOWN")),
    *(ConnectionAbortedError(), MemoryError()),
]


@pytest.mark.parametrize("shortage", PASSING, ids=repr)
def test_the_server_goes_on_when_a_shortage_is_over(
    monkeypatch: pytest.MonkeyPatch, shortage: Exception
) -> None:
    accept = socket.socket.accept
    failures = iter([shortage] * 3)

    def accept_when_there_is_room(listener: socket.socket) -> tuple[socket.socket, Any]:
        for error in failures:
            raise error
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", accept_when_there_is_room)
    with ReplayServer(TEXT) as server:
        assert b"".join(chunks_of(server)) == TEXT
    assert next(failures, None) is None
    assert server.errors == []


def test_the_server_neither_spins_in_a_shortage_nor_keeps_close_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = threading.Semaphore(0)

    def fail(_: socket.socket) -> None:
        tried.release()
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "accept", fail)
    monkeypatch.setattr(replay, "_SHORTAGE_PAUSE", FOREVER)
    with ReplayServer(TEXT) as server:
        with socket.create_connection(("127.0.0.1", server.port)):
            tried.acquire()
    assert not tried.acquire(blocking=False)


def test_a_client_is_served_once_real_file_descriptors_are_free_again() -> None:
    resource = pytest.importorskip("resource")
    assert resource.RLIMIT_NOFILE
    code = """if True:
        import os, resource, socket, sys
        from chunkview.testing import ReplayServer, recording, replay

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        with ReplayServer(recording("text")) as server:
            client, held = socket.socket(), []
            pause = server._playback.closing.wait
            def waiting(seconds):
                while held:
                    os.close(held.pop())
                return pause(seconds)
            server._playback.closing.wait = waiting
            try:
                while True:
                    held.append(os.dup(1))
            except OSError:
                pass
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            print(client.recv(12), held)
        """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("b'HTTP/1.1 404' []\n", "")


def no_thread_called(name: str) -> Callable[[threading.Thread], None]:
    """Make a `Thread.start` that fails, for threads of one name, as at the limit of a machine."""
    start = threading.Thread.start

    def start_if_there_is_room(thread: threading.Thread) -> None:
        if thread.name == name:
            raise RuntimeError("can't start new thread")
        start(thread)

    return start_if_there_is_room


def test_a_client_for_which_there_is_no_thread_is_dropped_and_the_next_one_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ReplayServer(TEXT) as server:
        with monkeypatch.context() as patch:
            patch.setattr(
                threading.Thread, "start", no_thread_called("chunkview-replay-connection")
            )
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                assert connection.recv(1) == b""
        assert b"".join(chunks_of(server)) == TEXT
    assert server.errors == []


def no_descriptor(*_: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("owner", "name", "failing"),
    [
        (socket, "socketpair", no_descriptor),
        (selectors, "DefaultSelector", no_descriptor),
        (threading.Thread, "start", no_thread_called("chunkview-replay")),
    ],
)
def test_a_start_that_fails_keeps_nothing_and_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, failing: Callable[..., None]
) -> None:
    server = ReplayServer(TEXT)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing)
        with pytest.raises((OSError, RuntimeError)):
            server.start()
    server.close()
    with pytest.raises(RuntimeError, match="start"):
        _ = server.port
    with server:
        assert b"".join(chunks_of(server)) == TEXT


# Starting, closing, and what goes wrong


def test_a_client_that_hangs_up_in_mid_stream_neither_stops_nor_upsets_the_server(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with ReplayServer([b"x" * 10_000_000, TEXT]) as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(http_request())
        assert connection.recv(1) == b"H"
        hang_up(connection)
        assert b"".join(chunks_of(server)) == TEXT
    assert server.errors == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("sent", [b"", b"POST /v1/mess", http_request()[:-1]])
def test_a_client_that_hangs_up_in_mid_request_upsets_nothing(sent: bytes) -> None:
    with ReplayServer(TEXT) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(sent)
        assert b"".join(chunks_of(server)) == TEXT
    assert (len(server.requests), server.errors) == (1, [])


def test_close_cuts_a_stream_that_waits_between_two_segments() -> None:
    server = ReplayServer(TEXT, delay=FOREVER).start()
    with http_connection(server) as connection:
        response = ask(connection)
        assert response.read1().startswith(b"event: message_start\n")
        server.close()
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_close_cuts_a_stream_whose_client_does_not_read() -> None:
    server = ReplayServer(b"x" * 50_000_000, segment_size=50_000_000).start()
    with http_connection(server) as connection:
        response = ask(connection)
        server.close()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()


def test_close_cuts_an_idle_connection() -> None:
    server = ReplayServer(TEXT).start()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(http_request(headers="accept: */*"))
        with connection.makefile("rb") as file:
            while file.readline() != b"0\r\n":
                pass
            server.close()
            assert file.read() == b"\r\n"


def test_the_client_notices_a_stream_that_close_cut() -> None:
    server = ReplayServer(TEXT, delay=FOREVER).start()
    with (
        sync_client(server) as client,
        client.messages.create(
            model=MODEL, max_tokens=100, messages=MESSAGES, stream=True
        ) as stream,
    ):
        assert next(stream).type == "message_start"
        server.close()
        with pytest.raises(Exception, match="incomplete"):
            next(stream)
        with pytest.raises(APIConnectionError):
            client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)


def test_close_ends_every_thread_and_frees_the_port() -> None:
    server = ReplayServer(TEXT, delay=FOREVER).start()
    with http_connection(server) as one, http_connection(server) as other:
        ask(one).read1()
        ask(other).read1()
        server.close()
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith("chunkview")]
        with pytest.raises(ConnectionRefusedError):
            exchange(server, http_request())
        with ReplayServer(TEXT, port=server.port) as next_server:
            assert next_server.port == server.port
            assert b"".join(chunks_of(next_server)) == TEXT


def test_start_and_close_may_be_called_twice() -> None:
    server = ReplayServer(TEXT)
    server.close()
    assert server.start() is server
    port = server.port
    with server:
        assert server.port == port
        assert server.url == f"http://127.0.0.1:{port}"
        assert b"".join(chunks_of(server)) == TEXT
    server.close()
    assert server.port == port


def test_a_closed_server_cannot_be_started_again() -> None:
    with ReplayServer(TEXT) as server:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        server.start()


def test_there_is_no_url_before_the_start() -> None:
    server = ReplayServer(TEXT)
    with pytest.raises(RuntimeError, match="start"):
        _ = server.url


def test_a_port_that_is_taken_is_an_error() -> None:
    with ReplayServer(TEXT) as server, pytest.raises(OSError, match="in use"):
        ReplayServer(TEXT, port=server.port).start()


def unspeakable() -> ApiError:
    """Make a reply that the server cannot send: no header holds a euro sign."""
    headers = {"price": "1"}
    error = ApiError(400, OVERLOADED, headers=headers)
    headers["price"] = "1 €"
    return error


def test_a_failure_of_the_server_itself_is_raised_when_it_is_closed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    server = ReplayServer([unspeakable(), TEXT]).start()
    assert exchange(server, http_request()) == (b"", b"")
    assert b"".join(chunks_of(server)) == TEXT
    with pytest.raises(UnicodeEncodeError):
        server.close()
    assert [type(error) for error in server.errors] == [UnicodeEncodeError]
    assert capfd.readouterr() == ("", "")
    server.close()


def test_a_failure_of_the_server_does_not_hide_one_of_the_block() -> None:
    server = ReplayServer(unspeakable())

    def fail() -> None:
        with server:
            exchange(server, http_request())
            raise KeyError

    with pytest.raises(KeyError) as caught:
        fail()
    assert [type(error) for error in server.errors] == [UnicodeEncodeError]
    if sys.version_info >= (3, 11):
        assert "UnicodeEncodeError" in caught.value.__notes__[0]


def test_a_server_that_can_accept_no_more_says_so_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: socket.socket) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(socket.socket, "accept", fail)
    server = ReplayServer(TEXT).start()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        with suppress(ConnectionError):
            assert connection.recv(1) == b""
    with pytest.raises(OSError, match="descriptor"):
        server.close()


@given(
    name=st.text("aX1-_:\r\n é", max_size=3),
    value=st.text(st.characters(max_codepoint=0x120), max_size=5),
)
@example(name="retry-after", value="1")
@example(name="a", value="1\r\nb: 2")
@example(name="a", value="1\n")
@example(name="a\n", value="1")
@example(name="a: ", value="")
@example(name="a", value="é\x85")
@example(name="a", value="1 €")
def test_a_header_of_an_error_is_refused_at_once_or_sent_as_one_header(
    name: str, value: str
) -> None:
    try:
        error = ApiError(429, OVERLOADED, headers={name: value})
    except ValueError as refusal:
        assert "headers: HTTP cannot send" in str(refusal)
        return
    with ReplayServer(error) as server:
        head, _ = exchange(server, http_request())
    usual = {b"Server", b"Date", b"content-type", b"request-id", b"connection", b"content-length"}
    lines = dict(line.split(b": ", 1) for line in re.split(rb"\r\n|\r|\n", head)[1:])
    assert lines.keys() - usual == {name.lower().encode()}
    assert lines[name.lower().encode()] == value.encode("latin-1")


UNPLAYABLE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"bodies": []}, ValueError, "at least one"),
    ({"bodies": "text.sse"}, TypeError, "got str"),
    ({"bodies": bytearray(TEXT)}, TypeError, "got bytearray"),
    ({"bodies": 529}, TypeError, "got int"),
    ({"bodies": [TEXT, None]}, TypeError, "got NoneType"),
    ({"bodies": [TEXT, 529]}, TypeError, "got int"),
    ({"bodies": (200, {})}, ValueError, "status"),
    ({"bodies": (529, {"x": b""})}, TypeError, "serializable"),
    ({"bodies": TEXT, "segment_size": 0}, ValueError, "segment_size"),
    ({"bodies": TEXT, "segment_size": []}, ValueError, "segment_size"),
    ({"bodies": TEXT, "segment_size": [5, 0]}, ValueError, "segment_size"),
    ({"bodies": TEXT, "delay": -1}, ValueError, "delay"),
    ({"bodies": TEXT, "delay": float("nan")}, ValueError, "delay"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), UNPLAYABLE)
def test_what_cannot_be_replayed_is_refused_at_once(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ReplayServer(**arguments)


# Recordings


def test_the_bundled_recordings_are_named() -> None:
    assert recording_names() == ("citations", "error", "text", "thinking_tool_call")


def test_an_unknown_recording_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'tetx'; the names are citations, error, text, thinking"):
        recording("tetx")


@pytest.mark.parametrize("name", recording_names())
def test_a_recording_has_the_wire_format_of_the_api(name: str) -> None:
    events = recording(name).decode().split("\n\n")
    assert events.pop() == ""
    for event in events:
        head, data = event.split("\n")
        assert head == f"event: {json.loads(data.removeprefix('data: '))['type']}"
    assert any(event.endswith("  }") for event in events)


def test_the_recordings_hold_what_their_names_promise() -> None:
    assert {*COMPLETE, "error"} == {*recording_names()}
    assert "🐉" in text_of(TEXT)
    assert b'"type":"char_location"' in recording("citations")
    assert b'"type":"web_search_result_location"' in recording("citations")
    assert b"event: error\n" in recording("error")


def test_importing_the_server_imports_neither_hypothesis_nor_a_client() -> None:
    code = (
        "import sys, chunkview.testing; "
        "print(*{'hypothesis', 'anthropic', 'asyncio', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
