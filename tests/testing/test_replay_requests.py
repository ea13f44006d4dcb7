"""The requests and replies of the replay server, and the arguments that it refuses."""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview import accumulate
from chunkview.recordings import Recording
from chunkview.testing import ApiError, CutAfter, Fault, ReceivedRequest, ReplayServer
from support import sse, text_stream
from testing.clients import (
    HEAD,
    OVERLOADED,
    TEXT,
    ask,
    exchange,
    exchange_to_the_end,
    http_connection,
    http_request,
    text_of,
)

if TYPE_CHECKING:
    from chunkview.testing import Reply


def test_bodies_are_sent_in_turn_and_then_from_the_first_again() -> None:
    bodies: list[Reply] = [
        sse(text_stream("one")),
        ApiError(529, OVERLOADED),
        sse(text_stream("three")),
    ]
    seen: list[str | int] = []
    with ReplayServer(bodies) as server, http_connection(server) as connection:
        for _ in range(5):
            response = ask(connection)
            body = response.read()
            seen.append(text_of(body) if response.status == 200 else response.status)
    assert seen == ["one", 529, "three", "one", 529]


def test_requests_from_many_threads_share_the_bodies_evenly() -> None:
    bodies = [sse(text_stream(str(number))) for number in range(5)]

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


@pytest.mark.parametrize("length", [b"2\r\ncontent-length: 2", b" 2 ", b"\t0002"])
def test_a_content_length_may_be_repeated_or_have_zeros_or_spaces(length: bytes) -> None:
    with ReplayServer(TEXT) as server:
        head, _ = exchange(server, HEAD + b"content-length:" + length + b"\r\n\r\n{}")
    assert head.startswith(b"HTTP/1.1 200 ")


def test_empty_lines_before_a_request_are_ignored() -> None:
    with ReplayServer(TEXT) as server:
        answer = exchange_to_the_end(server, b"\r\n\n" + http_request() + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert len(server.requests) == 1


def test_a_client_that_expects_100_continue_gets_it_unless_its_body_is_too_large() -> None:
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
def test_the_version_and_the_client_decide_whether_a_connection_is_kept(
    version: str, option: str, kept: bool
) -> None:
    one = http_request(b"[]", version=version, headers=f"connection: {option}")
    with ReplayServer(TEXT) as server:
        answer = exchange_to_the_end(server, one + one)
    assert answer.count(b"HTTP/1.1 400 ") == (2 if kept else 1)


def test_a_half_character_is_sent_as_its_escape() -> None:
    half = {"error": {"type": "api_error", "message": "\ud83d"}}
    with ReplayServer(ApiError(500, half)) as server, http_connection(server) as connection:
        body = ask(connection).read()
    assert b'"message": "\\ud83d"' in body
    assert json.loads(body) == half


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
    ({"bodies": "text.sse"}, TypeError, r"got str; recording\(name\) gives "),
    ({"bodies": Path("text.sse")}, TypeError, r"got \w+Path; read it: path.read_b"),
    ({"bodies": bytearray(TEXT)}, TypeError, r"got bytearray; make it bytes: bytes\(body\)$"),
    (
        {"bodies": CutAfter(10)},
        TypeError,
        r"got CutAfter; wrap it: Answer\(body, CutAfter\(size=10",
    ),
    ({"bodies": CutAfter}, TypeError, "got the class CutAfter$"),
    ({"bodies": [TEXT, Fault()]}, TypeError, r"got Fault; wrap it: Answer\(body, Fault\(\)\)$"),
    ({"bodies": [TEXT, [TEXT]]}, TypeError, "got list; give its members one by one$"),
    ({"bodies": [{"type": "ping"}]}, TypeError, r"got dict; an event is sent as encode\(event\), "),
    (
        {"bodies": accumulate(TEXT)},
        TypeError,
        r"got Message; .*map\(encode, message.to_events\(\)",
    ),
    ({"bodies": Recording("x", TEXT, "sse")}, TypeError, r"chunkview.recordings.body_of\(recordi"),
    ({"bodies": 529}, TypeError, "got int"),
    ({"bodies": [TEXT, None]}, TypeError, "got NoneType"),
    ({"bodies": [TEXT, 529]}, TypeError, "got int"),
    ({"bodies": (529, "x")}, TypeError, "body: expected a JSON object, got 'x'"),
    ({"bodies": [TEXT, (529, "x")]}, TypeError, "body: expected a JSON object, got 'x'"),
    ({"bodies": (200, {})}, ValueError, "status"),
    ({"bodies": (529, {"x": b""})}, TypeError, "serializable"),
    ({"bodies": TEXT, "segment_size": 0}, ValueError, "segment_size"),
    ({"bodies": TEXT, "segment_size": []}, ValueError, "segment_size"),
    ({"bodies": TEXT, "segment_size": [5, 0]}, ValueError, "segment_size"),
    ({"bodies": TEXT, "segment_size": "7"}, TypeError, "segment_size: .* got '7'"),
    ({"bodies": TEXT, "segment_size": 7.0}, TypeError, "segment_size: .* got 7.0"),
    ({"bodies": TEXT, "delay": "1"}, TypeError, "delay: expected seconds, 0 or more, got '1'"),
    ({"bodies": TEXT, "delay": -1}, ValueError, "delay"),
    ({"bodies": TEXT, "delay": float("nan")}, ValueError, "delay"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), UNPLAYABLE)
def test_invalid_arguments_of_the_server_are_refused_at_once(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ReplayServer(**arguments)
