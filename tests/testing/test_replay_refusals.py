"""Requests that the replay server refuses, and everything else that a client may send."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview.testing import ReplayServer
from chunkview.testing.replay import _requests
from testing.clients import (
    CHUNKED,
    CHUNKED_REQUEST,
    HEAD,
    TEXT,
    ask,
    chunks_of,
    exchange,
    exchange_to_the_end,
    http_connection,
    http_request,
)


@pytest.mark.parametrize(
    ("method", "path", "status", "error_type"),
    [
        ("POST", "/", 404, "not_found_error"),
        ("POST", "/v1/messages/", 404, "not_found_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("GET", "/v1/messages/count_tokens", 405, "invalid_request_error"),
        ("POST", "/v1/models", 405, "invalid_request_error"),
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
def test_a_request_body_that_is_not_a_json_object_is_an_invalid_request(payload: bytes) -> None:
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
def test_bytes_that_are_not_http_are_refused_and_the_connection_closed(
    request_bytes: bytes,
) -> None:
    with ReplayServer(TEXT) as server:
        head, body = exchange(server, request_bytes)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert server.errors == []


# Pieces that servers have misread.
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
    """Draw a valid request with a few parts lost, doubled or replaced."""
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
# The standard library's parser of headers (made for emails) raises on these.
@example(requests=[HEAD + b"content-type: multipart/a; boundary*" + b"9" * 5_000 + b"=b\r\n\r\n"])
@example(requests=[HEAD + b"content-type: multipart/a; boundary*=b; boundary*0*=b\r\n\r\n"])
@example(requests=[HEAD + b"content-type: multipart/a; boundary*=a\0b''c\r\n\r\n"])
def test_after_any_bytes_the_server_answers_the_next_request_and_closes_without_error(
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
def test_a_content_length_other_than_a_bounded_decimal_number_is_refused(value: str) -> None:
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
def test_a_bad_request_is_refused_at_once_even_if_the_client_sends_more(
    status: int, sent: bytes
) -> None:
    with ReplayServer(TEXT) as server:
        for more in [b"", b"x" * 1_000_000]:
            head, body = exchange(server, sent + more)
            assert head.startswith(b"HTTP/1.1 %d " % status)
            answer = json.loads(body)
            expected = "request_too_large" if status == 413 else "invalid_request_error"
            assert answer["error"]["type"] == expected
    assert (server.requests, server.errors) == ([], [])


@pytest.mark.parametrize("cut", [3, 30, len(CHUNKED) + 5, len(CHUNKED_REQUEST) - 1])
def test_a_request_that_breaks_off_is_refused(cut: int) -> None:
    with ReplayServer(TEXT) as server:
        answer = exchange_to_the_end(server, CHUNKED_REQUEST[:cut])
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (server.requests, server.errors) == ([], [])


def test_a_client_that_sends_too_much_can_read_the_refusal() -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        connection.request("POST", "/v1/messages", b"x" * (32 * 1024 * 1024 + 1))
        response = connection.getresponse()
        assert response.status == 413
        assert json.load(response)["error"]["type"] == "request_too_large"
        assert ask(connection).read() == TEXT


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_of_exactly_the_largest_size_is_accepted(
    monkeypatch: pytest.MonkeyPatch, chunked: bool
) -> None:
    monkeypatch.setattr(_requests, "_MAX_BODY_BYTES", 100)
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
def test_json_that_python_cannot_parse_is_an_invalid_request(payload: bytes) -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        connection.request("POST", "/v1/messages", payload)
        response = connection.getresponse()
        assert response.status == 400
        message = json.load(response)["error"]["message"]
        assert message == "the request body is not a JSON object"
        assert ask(connection).read() == TEXT


@pytest.mark.parametrize("path", ["/\xff\x80", "/%ED%A0%80", "//elsewhere", "/" + "x" * 60_000])
def test_any_path_can_be_named_in_a_refusal(path: str) -> None:
    with ReplayServer(TEXT) as server:
        request = f"GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n".encode("latin-1")
        _, body = exchange(server, request)
    message = json.loads(body)["error"]["message"]
    paths = "/v1/messages, /v1/messages/count_tokens and /v1/models"
    assert message == f"this server answers {paths} only, not {path.replace('//', '/')}"
