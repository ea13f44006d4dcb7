"""The programs of docs/relay.md, run as real servers, between an upstream and real clients."""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import queue
import re
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import CodeType
from typing import Any
from unittest import mock

import httpx
import pytest
import uvicorn
from aiohttp import web
from aiohttp.web_runner import GracefulExit
from anthropic import Anthropic, APIStatusError, InternalServerError
from typing_extensions import Self

from chunkview import Meter, accumulate
from chunkview.testing import Answer, ApiError, ReplayServer, StallAfter, recording
from testing.clients import (
    COMPLETE,
    FOREVER,
    MESSAGES,
    MODEL,
    OVERLOADED,
    TEXT,
    summary,
    text_of,
)

PAGE = (Path(__file__).parent.parent / "docs" / "relay.md").read_text(encoding="utf-8")
SHARED, AIOHTTP, STARLETTE, TEXT_METER = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PROGRAMS: dict[str, CodeType] = {
    name: compile(f"{SHARED}\n\n{source}", f"relay_{name}.py", "exec")
    for name, source in (("aiohttp", AIOHTTP), ("starlette", STARLETTE))
}
# Seconds. A test that waits so long fails.
TOO_LONG = 60.0
LOGGERS = ("relay", "aiohttp.server")
FIRST_EVENT = TEXT[: TEXT.index(b"\n\n") + 2]
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
)


# --- the upstream, the relay, and what it logs ----------------------------------------------------


class Upstream:
    """A server that answers every request with the same bytes, and notes when a client hangs up.

    Args:
        answer: What to send: the head and the body, in pieces.
        stays_open: Whether to wait for the client to hang up. Otherwise the connection is closed.
    """

    def __init__(self, *answer: bytes, stays_open: bool = False) -> None:
        self.answer, self.stays_open = answer, stays_open
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.has_request = threading.Event()
        self.was_left = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.by_name = self.url.replace("127.0.0.1", "localhost")  # aiohttp keeps no IP's cookies
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TOO_LONG)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                self._read(iter(file.readline, b"\r\n"), file.read)
                try:
                    for piece in self.answer:
                        connection.sendall(piece)
                    while self.stays_open and file.read(1):
                        pass
                except ConnectionError:
                    pass  # The client hung up in the middle of a piece.
                if self.stays_open:
                    self.was_left.set()

    def _read(self, lines: Iterator[bytes], read: Callable[[int], bytes]) -> None:
        head = b"".join(lines)
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        self.heads.append(head)
        self.bodies.append(read(int(length[1])) if length else b"")
        self.has_request.set()

    def headers(self) -> list[tuple[str, str]]:
        """The headers of the only request."""
        (head,) = self.heads
        _, *lines = head.decode().splitlines()
        pairs = [line.partition(":") for line in lines]
        return [(name.lower(), value.strip()) for name, _, value in pairs]


class Logged(logging.Handler):
    """Keeps what a relay logs, and can wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: queue.Queue[logging.LogRecord] = queue.Queue()
        self.is_all_expected = True
        """Whether a record that no test took is a failure."""

    def emit(self, record: logging.LogRecord) -> None:
        self.records.put(record)

    def next(self) -> logging.LogRecord:
        return self.records.get(timeout=TOO_LONG)

    def totals(self) -> dict[str, str]:
        """The next line, which must be the totals of a response."""
        line = self.next().getMessage()
        match = re.fullmatch(r"(\w+ /\S*(?: \d+)?), ([^:]*.*?): (model=.*) error=(.*)", line)
        assert match, line
        values = dict(pair.split("=", 1) for pair in match[3].split(" "))
        return {"response": match[1], "ended": match[2], "error": match[4], **values}


class Relay:
    """A program that runs: its URL, its names, and what it logs."""

    def __init__(self, url: str, names: dict[str, Any], logged: Logged) -> None:
        self.url, self.names, self.logged = url, names, logged

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self) -> Anthropic:
        return Anthropic(base_url=self.url, api_key="none", max_retries=0)

    def raw(self, body: dict[str, Any] | None = None) -> tuple[httpx.Response, bytes]:
        """Send a request, and give the response with the bytes of its body."""
        with httpx.stream(
            "POST", f"{self.url}/v1/messages", json=body or {"stream": True}, timeout=TOO_LONG
        ) as response:
            return response, b"".join(response.iter_raw())


@contextmanager
def serving(run: Callable[..., Any], app: Any, options: dict[str, Any]) -> Iterator[str]:
    """Run a server as the program does, but on a free port and in a thread."""
    options = {name: value for name, value in options.items() if name not in ("host", "port")}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if run is web.run_app:
            loops: queue.Queue[Any] = queue.Queue()

            async def note_loop(app: web.Application) -> None:
                loops.put(asyncio.get_running_loop())

            app.on_startup.append(note_loop)
            options |= {"sock": listener, "handle_signals": False, "print": None}
            thread = threading.Thread(target=run, args=(app,), kwargs=options)
            thread.start()
            loop = loops.get(timeout=TOO_LONG)

            def exit_loop() -> None:
                raise GracefulExit

            def stop() -> None:
                loop.call_soon_threadsafe(exit_loop)
        else:
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, **options))
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()

            def stop() -> None:
                server.should_exit = True

        try:
            yield url
        finally:
            stop()
            thread.join(TOO_LONG)
            assert not thread.is_alive()


@contextmanager
def relaying(program: str, upstream: str) -> Iterator[Relay]:
    """Run a program of the page until the block ends."""
    logged = Logged()
    calls: list[tuple[Callable[..., Any], Any, dict[str, Any]]] = []
    names: dict[str, Any] = {"__name__": "__main__"}
    run_app, run = web.run_app, uvicorn.run
    with (
        mock.patch.dict(os.environ, UPSTREAM=upstream),
        mock.patch("logging.basicConfig"),
        mock.patch.object(logging.getLogger("httpx"), "setLevel"),
        mock.patch.object(web, "run_app", lambda app, **how: calls.append((run_app, app, how))),
        mock.patch.object(uvicorn, "run", lambda app, **how: calls.append((run, app, how))),
    ):
        exec(PROGRAMS[program], names)
    (call,) = calls
    with ExitStack() as stack:
        for name in LOGGERS:
            logger = logging.getLogger(name)
            stack.enter_context(mock.patch.multiple(logger, level=logging.INFO, propagate=False))
            logger.addHandler(logged)
            stack.callback(logger.removeHandler, logged)
        yield Relay(stack.enter_context(serving(*call)), names, logged)
    if logged.is_all_expected and not logged.records.empty():
        raise AssertionError(logged.next().getMessage())


programs = pytest.mark.parametrize("program", PROGRAMS)


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(totals: dict[str, str]) -> bool:
    return (totals["ended"], totals["complete"], totals["error"]) == ("whole", "True", "None")


# --- what passes ----------------------------------------------------------------------------------


@programs
@pytest.mark.parametrize("name", COMPLETE)
def test_the_official_client_gets_every_stream_and_the_totals_are_logged(
    program: str, name: str
) -> None:
    with (
        ReplayServer(recording(name)) as server,
        relaying(program, server.url) as relay,
        relay.client() as client,
    ):
        with client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream:
            message = stream.get_final_message()
        totals = relay.logged.totals()
    assert summary(message) == COMPLETE[name]
    assert whole(totals), totals
    assert totals["response"] == "POST /v1/messages 200"
    assert (totals["model"], totals["id"]) == (message.model, message.id)
    assert (totals["stop"], totals["final"]) == (message.stop_reason, "True")
    usage = accumulate(recording(name)).usage  # an old SDK ignores the input tokens at the end
    assert totals["in"] == str(usage.input_tokens)
    assert totals["cached"] == str(usage.cache_read_input_tokens)
    assert totals["out"] == str(usage.output_tokens)


@programs
def test_the_official_client_gets_a_message_that_is_not_streamed(program: str) -> None:
    with (
        ReplayServer(recording("thinking_tool_call")) as server,
        relaying(program, server.url) as relay,
        relay.client() as client,
    ):
        message = client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
        totals = relay.logged.totals()
    assert summary(message) == COMPLETE["thinking_tool_call"]
    assert whole(totals), totals
    assert (totals["id"], totals["final"]) == (message.id, "True")


@programs
@pytest.mark.parametrize("size", [1, 7, 4096, None])
def test_the_bytes_are_those_of_the_upstream(program: str, size: int | None) -> None:
    body = recording("citations") if size != 1 else TEXT
    with ReplayServer(body, segment_size=size) as server, relaying(program, server.url) as relay:
        response, received = relay.raw()
        assert whole(relay.logged.totals())
        direct = httpx.post(f"{server.url}/v1/messages", json={"stream": True})
    assert received == direct.content == body
    assert response.status_code == 200
    assert response.headers["request-id"] == "req_replay_0001"
    changing = ("request-id", "date")
    for headers in (response.headers, direct.headers):
        assert all(len(headers.get_list(name)) == 1 for name in headers)
        for name in changing:
            del headers[name]
    assert dict(response.headers) == dict(direct.headers)


@programs
def test_each_piece_is_forwarded_before_the_next_one_comes(program: str) -> None:
    server = ReplayServer(TEXT, delay=FOREVER).start()
    with relaying(program, server.url) as relay, relay.client() as client:
        with client.messages.create(
            model=MODEL, max_tokens=100, messages=MESSAGES, stream=True
        ) as stream:
            assert next(iter(stream)).type == "message_start"  # the second comes in an hour
            server.close()
            with pytest.raises(Exception, match="incomplete"):
                list(stream)
        assert relay.logged.totals()["ended"].startswith("the upstream broke off")


@programs
@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("status", [400, 429, 529])
def test_the_official_client_gets_the_errors_of_the_api(
    program: str, status: int, is_stream: bool
) -> None:
    reply = ApiError(status, OVERLOADED, {"retry-after": "7", "request-id": "req_of_upstream"})
    with (
        ReplayServer(reply) as server,
        relaying(program, server.url) as relay,
        relay.client() as client,
    ):
        with pytest.raises(APIStatusError) as caught:
            client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES, stream=is_stream)
        totals = relay.logged.totals()
    assert (caught.value.status_code, caught.value.body) == (status, OVERLOADED)
    assert caught.value.request_id == "req_of_upstream"
    assert caught.value.response.headers["retry-after"] == "7"
    assert totals["response"] == f"POST /v1/messages {status}"
    assert (totals["ended"], totals["error"]) == ("whole", "overloaded_error: Overloaded")
    assert (totals["final"], totals["complete"]) == ("False", "False")


@programs
def test_an_error_in_the_stream_passes_and_is_logged_with_the_partial_totals(program: str) -> None:
    body = recording("error")
    with ReplayServer(body) as server, relaying(program, server.url) as relay:
        assert relay.raw()[1] == body
        totals = relay.logged.totals()
    assert (totals["ended"], totals["error"]) == ("whole", "overloaded_error: Overloaded")
    assert (totals["id"], totals["final"]) == ("msg_01ReplayFail7bTzC3qHwSd9", "False")


@programs
def test_a_request_passes_without_the_headers_of_its_connection(program: str) -> None:
    head = (
        b"POST /v1/messages?beta=true&q=%2F HTTP/1.1\r\nHost: relay\r\nX-Api-Key: secret\r\n"
        b"anthropic-version: 2023-06-01\r\nanthropic-beta: one\r\nanthropic-beta: two\r\n"
        b"Connection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\n"
        b"Expect: 100-continue\r\nAccept-Encoding: gzip, br\r\nContent-Length: 2\r\n\r\n{}"
    )
    with (
        Upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as upstream,
        relaying(program, upstream.url) as relay,
        socket.create_connection(("127.0.0.1", relay.port)) as client,
    ):
        client.sendall(head)
        with client.makefile("rb") as file:
            assert b"200 OK" in file.read()
        relay.logged.totals()
    assert upstream.heads[0].startswith(b"POST /v1/messages?beta=true&q=%2F HTTP/1.1\r\n")
    assert upstream.bodies == [b"{}"]
    # Some HTTP clients always send `connection: keep-alive`, which is about their own connection.
    sent = [pair for pair in upstream.headers() if pair != ("connection", "keep-alive")]
    assert sorted(sent) == [
        ("accept-encoding", "identity"),
        ("anthropic-beta", "one"),
        ("anthropic-beta", "two"),
        ("anthropic-version", "2023-06-01"),
        ("content-length", "2"),
        ("host", upstream.url.removeprefix("http://")),
        ("x-api-key", "secret"),
    ]


@programs
@pytest.mark.parametrize("base", ["", "/", "/base", "/a%2Fb/"])
def test_the_path_of_the_upstream_comes_before_that_of_the_request(program: str, base: str) -> None:
    with (
        Upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as upstream,
        relaying(program, upstream.url + base) as relay,
    ):
        httpx.get(f"{relay.url}/v1/models?a=%2F")
        assert relay.logged.next().getMessage() == "GET /v1/models 200, whole, not metered"
    (head,) = upstream.heads
    assert head.startswith(f"GET {base.rstrip('/')}/v1/models?a=%2F HTTP/1.1\r\n".encode())


@programs
@pytest.mark.parametrize(
    "target", ["//{}/x", "/@{}/x", "@{}/x", "%2F@{}/x", "http://{}/x", "x:@{}/"]
)
def test_no_target_of_a_request_leads_to_another_server(program: str, target: str) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    with (
        Upstream(answer) as upstream,
        Upstream(answer) as other,
        relaying(program, upstream.url) as relay,
    ):
        path = target.format(other.url.removeprefix("http://"))
        with socket.create_connection(("127.0.0.1", relay.port)) as client:
            client.sendall(
                f"GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n".encode()
            )
            with client.makefile("rb") as file:
                status = file.readline()
        relay.logged.is_all_expected = False  # some targets are refused before they are logged
    assert status.startswith(b"HTTP/1.")
    assert other.heads == []


@programs
def test_a_large_request_passes(program: str) -> None:
    text = "x" * 3_000_000
    with ReplayServer(TEXT) as server, relaying(program, server.url) as relay:
        assert relay.raw({"stream": True, "text": text})[1] == TEXT
        assert whole(relay.logged.totals())
    assert server.requests[0].body["text"] == text


@programs
def test_a_compressed_request_arrives_as_what_its_headers_say(program: str) -> None:
    with (
        Upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as upstream,
        relaying(program, upstream.url) as relay,
    ):
        httpx.post(
            f"{relay.url}/v1/models",
            content=gzip.compress(b"{}"),
            headers={"content-encoding": "gzip"},
        )
        assert relay.logged.next().getMessage() == "POST /v1/models 200, whole, not metered"
    (body,) = upstream.bodies
    is_compressed = ("content-encoding", "gzip") in upstream.headers()
    assert (gzip.decompress(body) if is_compressed else body) == b"{}"


@programs
def test_a_response_passes_without_the_headers_of_its_connection(program: str) -> None:
    head = (
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/elsewhere\r\nset-cookie: a=1\r\n"
        b"set-cookie: b=2\r\nserver: upstream\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
        b"connection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n"
        b"content-type: text/plain\r\ncontent-length: 5\r\n\r\n"
    )
    with Upstream(head, b"moved") as upstream, relaying(program, upstream.by_name) as relay:
        with httpx.Client(base_url=relay.url) as client:
            first = client.post("/v1/models", content=b"")
            client.cookies.clear()
            client.post("/v1/models", content=b"")
        for _ in range(2):
            assert relay.logged.next().getMessage() == "POST /v1/models 307, whole, not metered"
    assert (first.status_code, first.content) == (307, b"moved")
    assert sorted(first.headers.multi_items()) == [
        ("content-length", "5"),
        ("content-type", "text/plain"),
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("location", "/v1/elsewhere"),
        ("server", "upstream"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]
    # The relay did not follow the redirect, and keeps no cookies of one client for another.
    assert len(upstream.heads) == 2
    assert b"cookie" not in upstream.heads[1].lower()


@programs
@pytest.mark.parametrize("value", ["caf\u00e9".encode(), "\u65e5".encode(), b"caf\xe9"])
def test_the_values_of_headers_pass_byte_by_byte(program: str, value: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nx-note: %b\r\ncontent-length: 0\r\n\r\n" % value
    request = b"GET / HTTP/1.1\r\nhost: relay\r\nconnection: close\r\nx-note: %b\r\n\r\n" % value
    with (
        Upstream(head) as upstream,
        relaying(program, upstream.url) as relay,
        socket.create_connection(("127.0.0.1", relay.port)) as client,
    ):
        client.sendall(request)
        with client.makefile("rb") as file:
            response = file.read()
        assert relay.logged.next().getMessage() == "GET / 200, whole, not metered"
    # The page says that aiohttp drops the bytes that are not UTF-8.
    passed = value.decode(errors="ignore").encode() if program == "aiohttp" else value
    for part in (response, *upstream.heads):
        assert b"x-note: %b\r\n" % passed in part.replace(b"X-Note", b"x-note")


# --- compression ----------------------------------------------------------------------------------


@programs
@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("GZip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("Deflate", zlib.compress),
    ],
)
def test_a_compressed_body_passes_unchanged_and_is_metered(
    program: str, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = compress(TEXT)
    head = STREAM_HEAD + b"content-encoding: %b\r\n\r\n" % encoding.encode()
    pieces = [http_chunk(body[at : at + 10]) for at in range(0, len(body), 10)]
    with (
        Upstream(head, *pieces, http_chunk(b"")) as upstream,
        relaying(program, upstream.url) as relay,
        relay.client() as client,
    ):
        response, received = relay.raw()
        raw_totals = relay.logged.totals()
        with client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream:
            # httpx knows no x-gzip.
            assert encoding == "x-gzip" or "".join(stream.text_stream) == text_of(TEXT)
        assert relay.logged.totals() == raw_totals
    assert (response.headers["content-encoding"], received) == (encoding, body)
    assert whole(raw_totals), raw_totals
    assert (raw_totals["out"], raw_totals["final"]) == ("104", "True")


@programs
def test_an_error_with_a_compressed_body_passes_unchanged(program: str) -> None:
    body = gzip.compress(b'{"type":"error","error":{"type":"api_error","message":"no"}}')
    head = (
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\n"
        b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    )
    with (
        Upstream(head, body) as upstream,
        relaying(program, upstream.url) as relay,
        relay.client() as client,
    ):
        assert relay.raw()[1] == body
        assert relay.logged.totals()["error"] == "api_error: no"
        with pytest.raises(InternalServerError, match="no"):
            client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
        assert relay.logged.totals()["error"] == "api_error: no"


@programs
def test_a_compression_that_the_relay_does_not_know_passes_unchanged(program: str) -> None:
    body = bytes.fromhex("28b52ffd") + bytes(range(256))
    head = STREAM_HEAD + b"content-encoding: zstd\r\n\r\n"
    with (
        Upstream(head, http_chunk(body), http_chunk(b"")) as upstream,
        relaying(program, upstream.url) as relay,
    ):
        response, received = relay.raw()
        totals = relay.logged.totals()
    assert (response.headers["content-encoding"], received) == ("zstd", body)
    assert (totals["ended"], totals["final"]) == ("whole", "False")
    assert "compressed with zstd" in totals["error"]


@programs
def test_bytes_that_are_not_what_their_encoding_says_pass_and_metering_fails_once(
    program: str,
) -> None:
    head = STREAM_HEAD + b"content-encoding: gzip\r\n\r\n"
    pieces = [http_chunk(TEXT[:100]), http_chunk(TEXT[100:]), http_chunk(b"")]
    with Upstream(head, *pieces) as upstream, relaying(program, upstream.url) as relay:
        assert relay.raw()[1] == TEXT
        failure = relay.logged.next()
        assert (failure.levelname, relay.logged.totals()["ended"]) == ("ERROR", "whole")
    assert failure.getMessage() == "POST /v1/messages 200: metering failed"
    assert failure.exc_info
    assert failure.exc_info[0] is zlib.error


# --- what breaks ----------------------------------------------------------------------------------


@programs
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("encoding", [b"", b"content-encoding: gzip\r\n"])
def test_a_stream_that_is_cut_arrives_as_far_as_it_came_and_as_cut(
    program: str, fraction: float, encoding: bytes
) -> None:
    body = gzip.compress(TEXT) if encoding else TEXT
    body = body[: int(len(body) * fraction)]
    received: list[bytes] = []
    with (
        Upstream(STREAM_HEAD + encoding + b"\r\n", http_chunk(body)) as upstream,
        relaying(program, upstream.url) as relay,
    ):
        with (
            httpx.stream("POST", f"{relay.url}/v1/messages", json={"stream": True}) as response,
            pytest.raises(httpx.RemoteProtocolError, match="incomplete"),
        ):
            received.extend(response.iter_raw())
        totals = relay.logged.totals()
    assert b"".join(received) == body
    assert totals["ended"].startswith("the upstream broke off")
    assert totals["error"].startswith("the stream ended")
    assert (totals["final"], totals["complete"]) == ("False", "False")
    if fraction == 0.5 and not encoding:
        assert (totals["id"], totals["in"]) == ("msg_01ReplayText4vWqT8mZrKd2", "12")


@programs
def test_a_cut_is_one_line_of_the_log_and_no_traceback(
    program: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with (
        Upstream(STREAM_HEAD + b"\r\n", http_chunk(TEXT[:1500])) as upstream,
        relaying(program, upstream.url) as relay,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            relay.raw()
        assert relay.logged.totals()["ended"].startswith("the upstream broke off")
    assert not {"aiohttp.access", "uvicorn.access"} & {record.name for record in caplog.records}
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not any(record.exc_info for record in lines)
    of_uvicorn = ["ASGI callable returned without completing response."]
    assert [line.getMessage() for line in lines] == (of_uvicorn if program == "starlette" else [])


@programs
def test_a_body_with_a_length_that_is_cut_arrives_as_cut(program: str) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"
    with Upstream(head, b"{}") as upstream, relaying(program, upstream.url) as relay:
        with pytest.raises(httpx.RemoteProtocolError):
            relay.raw()
        assert relay.logged.totals()["ended"].startswith("the upstream broke off")


@programs
def test_the_official_client_sees_that_a_stream_was_cut(program: str) -> None:
    text: list[str] = []
    with (
        Upstream(STREAM_HEAD + b"\r\n", http_chunk(TEXT[:1500])) as upstream,
        relaying(program, upstream.url) as relay,
        relay.client() as client,
    ):
        with (
            client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
            pytest.raises(Exception, match="incomplete"),
        ):
            text.extend(stream.text_stream)
        assert relay.logged.totals()["error"].startswith("the stream ended early")
    assert "".join(text) == text_of(TEXT[: TEXT[:1500].rindex(b"\n\n")])


@programs
def test_an_upstream_that_gives_no_answer_is_an_error_of_the_api(program: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with relaying(program, f"http://127.0.0.1:{port}") as relay, relay.client() as client:
        with pytest.raises(InternalServerError, match="no answer from the upstream") as caught:
            client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
        totals = relay.logged.totals()
    assert caught.value.status_code == 502
    assert totals["response"] == "POST /v1/messages"
    assert totals["ended"].startswith("the upstream broke off")


@programs
def test_a_client_that_hangs_up_ends_the_request_to_a_silent_upstream(program: str) -> None:
    with (
        Upstream(STREAM_HEAD + b"\r\n", http_chunk(FIRST_EVENT), stays_open=True) as upstream,
        relaying(program, upstream.url) as relay,
        relay.client() as client,
    ):
        with client.messages.create(
            model=MODEL, max_tokens=100, messages=MESSAGES, stream=True
        ) as stream:
            assert next(iter(stream)).type == "message_start"
        assert upstream.was_left.wait(TOO_LONG)
        totals = relay.logged.totals()
    assert totals["ended"] == "the client hung up"
    assert (totals["id"], totals["in"]) == ("msg_01ReplayText4vWqT8mZrKd2", "12")
    assert (totals["final"], totals["complete"]) == ("False", "False")
    assert totals["error"].startswith("the stream ended")


@programs
def test_a_client_that_hangs_up_before_the_answer_ends_the_request(program: str) -> None:
    request = b"POST /v1/messages HTTP/1.1\r\nhost: relay\r\ncontent-length: 2\r\n\r\n{}"
    with Upstream(stays_open=True) as upstream, relaying(program, upstream.url) as relay:
        with socket.create_connection(("127.0.0.1", relay.port)) as client:
            client.sendall(request)
            assert upstream.has_request.wait(TOO_LONG)
        assert upstream.was_left.wait(TOO_LONG)
        totals = relay.logged.totals()
    assert (totals["response"], totals["ended"]) == ("POST /v1/messages", "the client hung up")


@programs
def test_a_client_that_hangs_up_while_it_sends_its_body_is_logged(
    program: str, caplog: pytest.LogCaptureFixture
) -> None:
    request = b"POST /v1/messages HTTP/1.1\r\nhost: relay\r\ncontent-length: 99\r\n\r\n{}"
    with Upstream() as upstream, relaying(program, upstream.url) as relay:
        watch, has_request = relay.names["Watch"], threading.Event()

        class Noted(watch):  # type: ignore[misc, valid-type]
            def __init__(self, *values: str) -> None:
                super().__init__(*values)
                has_request.set()

        relay.names["Watch"] = Noted
        with socket.create_connection(("127.0.0.1", relay.port)) as client:
            client.sendall(request)
            assert has_request.wait(TOO_LONG)
        totals = relay.logged.totals()
    assert (totals["response"], totals["ended"]) == ("POST /v1/messages", "the client hung up")
    assert upstream.heads == []
    assert "Traceback" not in caplog.text


def test_a_request_that_is_too_large_is_refused_and_logged_as_such() -> None:
    with Upstream() as upstream, relaying("aiohttp", upstream.url) as relay:
        relay.names["app"]._client_max_size = 9
        assert httpx.post(f"{relay.url}/v1/messages", content=b"x" * 99).status_code == 413
        assert relay.logged.totals()["ended"].startswith("the relay refused the request")
    assert upstream.heads == []


@programs
@pytest.mark.parametrize("target", [b"/a#b", b"/v1/messages?x#y", b"/" + b"x" * 8000, b"a:b#c"])
def test_a_target_that_the_relay_cannot_forward_is_not_a_fault_of_the_relay(
    program: str, target: bytes
) -> None:
    with (
        Upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as upstream,
        relaying(program, upstream.url) as relay,
        socket.create_connection(("127.0.0.1", relay.port)) as client,
    ):
        client.sendall(b"GET %b HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n" % target)
        with client.makefile("rb") as file:
            status = int(file.readline().split()[1])
        if target.startswith(b"/"):
            assert "the relay failed" not in relay.logged.next().getMessage()
        relay.logged.is_all_expected = False
    assert status in (200, 400, 404)


@programs
def test_a_client_that_stops_reading_and_hangs_up_ends_the_request(program: str) -> None:
    piece = http_chunk(b": a comment\n" * 100_000)
    with (
        Upstream(STREAM_HEAD + b"\r\n", *[piece] * 50, stays_open=True) as upstream,
        relaying(program, upstream.url) as relay,
    ):
        with httpx.stream("POST", f"{relay.url}/v1/messages", json={}) as response:
            next(response.iter_raw())
        assert upstream.was_left.wait(TOO_LONG)
        totals = relay.logged.totals()
    assert totals["ended"] == "the client hung up"


@programs
@pytest.mark.parametrize("method", ["begin", "feed"])
def test_a_fault_of_the_relay_is_not_called_a_client_that_hung_up(
    program: str, method: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the relay")

    with ReplayServer(TEXT) as server, relaying(program, server.url) as relay:
        setattr(relay.names["Watch"], method, fail)
        with suppress(httpx.RemoteProtocolError):
            assert relay.raw()[0].status_code == 500
        assert relay.logged.totals()["ended"] == "the relay failed"
        relay.logged.is_all_expected = False  # aiohttp logs the traceback


# --- what is logged -------------------------------------------------------------------------------


@programs
@pytest.mark.parametrize("path", ["/x%0DINFO:relay:%1B[31m", "/%C2%85%E2%80%AE%FF", "/%20200,"])
def test_no_path_of_a_request_forges_a_line_of_the_log(program: str, path: str) -> None:
    with (
        Upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as upstream,
        relaying(program, upstream.url) as relay,
    ):
        httpx.get(relay.url + path)
        line = relay.logged.next().getMessage()
    assert line.isascii()
    assert line.isprintable()
    assert re.fullmatch(r"GET /\S* 200, whole, not metered", line), line


@programs
def test_no_answer_of_the_upstream_forges_a_line_of_the_log(program: str) -> None:
    error = {"type": "api_error\x1b", "message": "no\r\nINFO:relay:\x85\u202e"}
    reply = ApiError(500, {"type": "error", "error": error}, {})
    with ReplayServer(reply) as server, relaying(program, server.url) as relay:
        relay.raw()
        assert relay.logged.next().getMessage().isprintable()
    model = TEXT.replace(b'"model":"', b'"model":"\\u001b\\n')
    assert model != TEXT
    with ReplayServer(model) as server, relaying(program, server.url) as relay:
        relay.raw()
        assert relay.logged.next().getMessage().isprintable()


# --- metering that fails --------------------------------------------------------------------------


@programs
@pytest.mark.parametrize("method", ["feed", "close", "cost_metadata"])
def test_the_bytes_arrive_when_metering_raises_and_that_is_logged_once(
    program: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the meter")

    monkeypatch.setattr(Meter, method, property(fail) if method == "cost_metadata" else fail)
    with ReplayServer(TEXT) as server, relaying(program, server.url) as relay:
        assert relay.raw()[1] == TEXT
        failure = relay.logged.next()
        if method == "feed":
            assert relay.logged.totals()["ended"] == "whole"
        assert relay.raw()[1] == TEXT  # it goes on
        assert relay.logged.next().levelname == "ERROR"
        if method == "feed":
            assert relay.logged.totals()["ended"] == "whole"
    assert failure.levelname == "ERROR"
    assert failure.getMessage().endswith("metering failed")
    assert failure.exc_info
    assert str(failure.exc_info[1]) == "a fault of the meter"


# --- the text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["text", "error"])
def test_the_meter_with_text_has_the_text_of_every_part(name: str) -> None:
    names: dict[str, Any] = {"Meter": Meter}
    exec(TEXT_METER, names)
    body = recording(name)
    for cut in range(0, len(body) + 1, 50):
        meter = names["TextMeter"]()
        assert meter.text == ""
        for at in range(0, cut, 9):
            meter.feed(body[at : min(at + 9, cut)])
        meter.close()
        whole_events = body[:cut][: body[:cut].rfind(b"\n\n") + 1]
        assert meter.text == text_of(whole_events)


def test_the_meter_with_text_has_no_text_of_a_whole_message_as_the_page_says() -> None:
    names: dict[str, Any] = {"Meter": Meter}
    exec(TEXT_METER, names)
    meter = names["TextMeter"]()
    with ReplayServer(TEXT) as server:
        meter.feed(httpx.post(f"{server.url}/v1/messages", json={}).content)
    meter.close()
    assert (meter.text, meter.error, meter.complete) == ("", None, True)
    assert "It has the text of streams only" in PAGE


def use_text_meter(relay: Relay) -> list[Any]:
    """Let a relay use the meter with text. Give the list of those that it makes."""
    exec(TEXT_METER, relay.names)
    meters: list[Any] = []

    def make() -> Any:
        meters.append(relay.names["TextMeter"]())
        return meters[-1]

    relay.names["Meter"] = make
    return meters


@programs
def test_the_time_to_the_first_text_counts_from_the_request(program: str) -> None:
    stall = 0.2  # seconds before the status
    answer = Answer(TEXT, StallAfter(0, seconds=stall))
    with ReplayServer(answer) as server, relaying(program, server.url) as relay:
        meters = use_text_meter(relay)
        assert relay.raw()[1] == TEXT
        assert whole(relay.logged.totals())
    assert meters[0].to_first_text >= stall


@programs
def test_the_relay_may_use_the_meter_with_text(program: str) -> None:
    with (
        Upstream(STREAM_HEAD + b"\r\n", http_chunk(TEXT[:1500])) as upstream,
        relaying(program, upstream.url) as relay,
    ):
        meters = use_text_meter(relay)
        with pytest.raises(httpx.RemoteProtocolError):
            relay.raw()
        assert relay.logged.totals()["final"] == "False"
    assert [meter.text for meter in meters] == [text_of(TEXT[: TEXT[:1500].rindex(b"\n\n")])]
