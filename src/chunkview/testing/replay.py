"""A loopback stand-in for Anthropic's API that streams recorded bodies.

It speaks as much of the Messages API as a client needs to stream from it, over real sockets, so
that code written against the `anthropic` package runs offline and unchanged. The bodies come from
the caller; the bundled ones stand in `recordings/`. Nothing here judges a body: a broken one is
streamed as it is.

Requests are read by RFC 9112, within the bounds below. Of the standard library's handler only the
writing of answers is used: its reader takes more than HTTP allows, and raises on some of it.
"""

from __future__ import annotations

import errno
import json
import re
import selectors
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler
from itertools import count, cycle, islice
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import attrs
from attrs.validators import ge, lt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["ApiError", "ReceivedRequest", "ReplayServer", "Reply"]

_PATH = "/v1/messages"

# https://docs.anthropic.com/en/api/errors
_STATUS_OF_ERROR = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

# An event ends with its blank line. LF, CR and CRLF all end a line, and the CR of a CRLF is no
# line end of its own.
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2,}")

_NO_HEADERS: Mapping[str, str] = {}

# The API takes 32 MB: https://docs.anthropic.com/en/api/errors#request-size-limits
_MAX_BODY_BYTES = 32 * 1024 * 1024
# The bounds of the standard library's own reader.
_MAX_LINE_BYTES = 65536
_MAX_HEADERS = 100
_MAX_CHUNK_LINE_BYTES = 256
_READ_BYTES = 65536

# Each pattern is matched against a whole line, and takes time linear in it.
_REQUEST_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([!-~\x80-\xff]+) +HTTP/([0-9])\.([0-9]) *\r?\n"
)
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\0\r\n]*)\r?\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\0\r\n]*)?\r?\n")
_LINE_ENDS = (b"\r\n", b"\n")
_CONTENT_LENGTH = re.compile(r"[0-9]+")
# What a header of an answer may be: nothing in it can end its name or its line.
_SENT_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SENT_VALUE = re.compile(r"[\t -~\x80-\xff]*")

# What accept() may raise without any fault of the listener. The machine is short of something, or
# (see accept(2)) the new connection failed before it was taken. Not every system has each of them.
_PASSING_ERRORS = {
    getattr(errno, name)
    for name in (
        *("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "WSAEMFILE", "WSAENOBUFS"),
        *("EPERM", "EPROTO", "ENOPROTOOPT", "ETIMEDOUT", "ENONET"),
        *("ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH"),
    )
    if hasattr(errno, name)
}
# How long to wait, in seconds, before accept() is tried again.
_SHORTAGE_PAUSE = 0.05


def _check_headers(_: ApiError, __: object, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        # A value may be a number, which is written as its digits.
        if not (_SENT_NAME.fullmatch(name) and _SENT_VALUE.fullmatch(str(value))):
            raise ValueError(f"headers: HTTP cannot send {name!r}: {value!r}")


@attrs.frozen
class ApiError:
    """An error that the API answers instead of a stream.

    Documented at https://docs.anthropic.com/en/api/errors.

    Attributes:
        status: The HTTP status, 400 to 599.
        body: The whole JSON body, sent as it is; the API's own have the shape
            `{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}`.
        headers: Headers to add to the answer, for example `{"retry-after": "1"}`.

    Raises:
        ValueError: `status` is not the status of an error, or HTTP cannot send a header: its name
            is no name, or its value has a line break or a character that is not in Latin-1.
    """

    status: int = attrs.field(validator=[ge(400), lt(600)])
    body: Mapping[str, Any] = attrs.field(hash=False)
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], validator=_check_headers, hash=False
    )


Reply: TypeAlias = bytes | ApiError | tuple[int, Mapping[str, Any]]
"""What a request is answered with: an SSE body, or an error (as a pair: its status and body)."""


@attrs.frozen
class ReceivedRequest:
    """A request as the server received it.

    Attributes:
        path: The request target, with its query string: `/v1/messages?beta=true`.
        headers: The headers by lower-case name. They may hold an API key, so `repr` leaves them
            out.
        body: The parsed JSON body.
    """

    path: str
    headers: Mapping[str, str] = attrs.field(repr=False, hash=False)
    body: Mapping[str, Any] = attrs.field(hash=False)


class ReplayServer:
    """A server on 127.0.0.1 that answers `POST /v1/messages` with recorded bodies.

    ```python
    from anthropic import Anthropic
    from chunkview.testing import ReplayServer, recording

    with (
        ReplayServer(recording("text")) as server,
        Anthropic(base_url=server.url, api_key="none") as client,
    ):
        ...
    ```

    A request with `"stream": true` gets the next body as it is, cut into segments, each in an
    HTTP chunk of its own. A request without it gets the Message that the body amounts to, or the
    API error that stands in it. Connections are kept alive, every answer carries a `request-id`,
    and requests may come from any number of threads.

    Nothing that a client sends is an error of the server, and no client that hangs up. What is not
    HTTP is refused, in the API's shape. So is a request body of more than 32 MiB. When the machine
    is short of threads or memory, the server drops connections; when it is short of file
    descriptors, connections wait. It goes on when the shortage is over.

    When the server itself fails, it drops the connection, keeps the exception in `errors`, and
    raises the first of them when it is closed. (An exception that leaves a `with` block goes
    before; it gets a note.)

    Args:
        bodies: What to answer: one reply or several, in turn, and from the first again after the
            last. An SSE body is `bytes`, an API error an `ApiError` or `(status, body)`.
        segment_size: How to cut a body: a number of bytes; several, which are used in turn and
            from the first again after the last; or None for a whole event at a time.
        delay: Seconds to wait between two segments.
        port: The port to listen on; 0 takes any free one.

    Attributes:
        requests: The requests that were answered with one of the bodies, in that order: the
            first got the first body, and so on. May be cleared.
        errors: The exceptions that the server itself failed with.

    Raises:
        TypeError: A body is neither bytes nor an error, or an error's body is not JSON.
        ValueError: There is no body, or a status, a size or the delay is out of range.
    """

    def __init__(
        self,
        bodies: Reply | Sequence[Reply],
        *,
        segment_size: int | Sequence[int] | None = None,
        delay: float = 0.0,
        port: int = 0,
    ) -> None:
        self._playback = _Playback(_checked_replies(bodies), _checked_sizes(segment_size), delay)
        self.requests: list[ReceivedRequest] = self._playback.requests
        self.errors: list[Exception] = []
        self._port = port
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._acceptor: threading.Thread | None = None
        self._waker: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that the server listens on.

        Raises:
            RuntimeError: The server was not started.
        """
        if self._acceptor is None:
            raise RuntimeError("the server has no port before start()")
        return self._port

    @property
    def url(self) -> str:
        """What to give a client as its base URL: `http://127.0.0.1:<port>`.

        Raises:
            RuntimeError: The server was not started.
        """
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Listen, and answer in threads of its own. A second call does nothing.

        Returns:
            This server.

        Raises:
            OSError: The port is taken, or the machine is short of file descriptors.
            RuntimeError: The server was closed, or the machine is short of threads.
        """
        with self._lock:
            if self._playback.closing.is_set():
                raise RuntimeError("a closed server cannot be started again")
            if self._acceptor is None:
                self._start()
        return self

    def _start(self) -> None:
        # Nothing is kept of a start that fails halfway, so that it may be tried again.
        with ExitStack() as stack:
            listener = stack.enter_context(
                socket.create_server(("127.0.0.1", self._port), backlog=128)
            )
            waker, woken = map(stack.enter_context, socket.socketpair())
            selector = stack.enter_context(selectors.DefaultSelector())
            # A client may be gone again between select() and accept().
            listener.setblocking(False)
            selector.register(listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            port = cast("int", listener.getsockname()[1])
            acceptor = threading.Thread(
                target=self._accept,
                args=(selector, listener, woken),
                name="chunkview-replay",
                daemon=True,
            )
            acceptor.start()
            # From here on the acceptor closes them, and _stop() the waker.
            stack.pop_all()
        self._port, self._waker, self._acceptor = port, waker, acceptor

    def close(self) -> None:
        """Stop listening, cut every connection, and wait for the threads to end.

        A stream under way ends without its last chunk, so its client sees a broken response and
        not a complete one. A second call does nothing.

        Raises:
            Exception: The first of `errors`, if there are any.
        """
        if self._stop() and self.errors:
            raise self.errors[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            self.close()
            return
        # The failure of the block stays the news, but that of the server may be its cause.
        self._stop()
        if sys.version_info >= (3, 11):
            for error in self.errors:
                exc.add_note(f"The replay server itself failed: {error!r}")

    def _stop(self) -> bool:
        with self._lock:
            acceptor, waker = self._acceptor, self._waker
            self._waker = None
            if acceptor is None or waker is None:
                return False
            self._playback.closing.set()
        waker.close()
        acceptor.join()
        with self._lock:
            connections = list(self._connections.items())
        for _, connection in connections:
            # Wakes a thread that waits for its client, to read or to write.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread, _ in connections:
            thread.join()
        return True

    def _accept(
        self, selector: selectors.BaseSelector, listener: socket.socket, woken: socket.socket
    ) -> None:
        try:
            with selector, listener, woken:
                while not self._playback.closing.is_set():
                    if all(key.fileobj is listener for key, _ in selector.select()):
                        self._accept_one(listener)
        except Exception as error:  # noqa: BLE001 - it is for close() to raise
            self.errors.append(error)

    def _accept_one(self, listener: socket.socket) -> None:
        try:
            connection, address = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except (OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno not in _PASSING_ERRORS:
                raise
            # The connection is still there to be accepted, so select() would not wait.
            self._playback.closing.wait(_SHORTAGE_PAUSE)
            return
        try:
            self._serve_in_thread(connection, address)
        except (OSError, RuntimeError, MemoryError):
            # The machine has no thread to spare. This client goes unanswered, the next may not.
            connection.close()

    def _serve_in_thread(self, connection: socket.socket, address: object) -> None:
        connection.setblocking(True)
        thread = threading.Thread(
            target=self._serve,
            args=(connection, address),
            name="chunkview-replay-connection",
            daemon=True,
        )
        # The thread takes itself off the list at its end, so it must be on it before that.
        with self._lock:
            self._connections[thread] = connection
            try:
                thread.start()
            except Exception:
                del self._connections[thread]
                raise

    def _serve(self, connection: socket.socket, address: object) -> None:
        try:
            with connection:
                _Handler(connection, address, self._playback)
                # To close a connection with data unread would reset it, and a client that still
                # sends would lose the answer. So let it read the end, and wait for its own.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(_READ_BYTES):
                    pass
        except (OSError, MemoryError):
            pass  # The client hung up, close() cut the connection, or the machine is short.
        except Exception as error:  # noqa: BLE001 - it is for close() to raise
            self.errors.append(error)
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]


class _Playback:
    """The part of a server that its connections share: what comes next, and how."""

    def __init__(
        self, replies: list[bytes | ApiError], sizes: tuple[int, ...], delay: float
    ) -> None:
        if not 0 <= delay <= threading.TIMEOUT_MAX:
            raise ValueError(f"delay: expected seconds, 0 or more, got {delay!r}")
        self.requests: list[ReceivedRequest] = []
        self.closing = threading.Event()
        self._replies = cycle(replies)
        self._request_numbers = count(1)
        self._sizes = sizes
        self._delay = delay
        self._lock = threading.Lock()

    def new_request_id(self) -> str:
        with self._lock:
            return f"req_replay_{next(self._request_numbers):04}"

    def reply_to(self, request: ReceivedRequest) -> bytes | ApiError:
        # Under one lock, so that the order of the requests is the order of their replies.
        with self._lock:
            self.requests.append(request)
            return next(self._replies)

    def segments(self, body: bytes) -> Iterator[bytes]:
        segments = _cut(body, self._sizes) if self._sizes else _cut_after_events(body)
        yield from islice(segments, 1)
        for segment in segments:
            if self.closing.wait(self._delay):
                raise ConnectionAbortedError("the server was closed")
            yield segment


class _RefusedError(Exception):
    """A request that gets no reply but a refusal, after which the server hangs up.

    Attributes:
        status: The HTTP status of the refusal.
        error_type: The type of the error in the API's terms.
    """

    def __init__(
        self, status: int, message: str, *, error_type: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "chunkview-replay"
    sys_version = ""
    disable_nagle_algorithm = True

    def __init__(self, connection: socket.socket, address: object, playback: _Playback) -> None:
        self._playback = playback
        # The base class only stores its third argument, a socketserver, which there is not.
        super().__init__(connection, address, cast("Any", None))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing; the base class writes an access log to stderr."""

    def handle_one_request(self) -> None:
        """Read a request and answer it. The base class calls this until `close_connection`."""
        # Until a request is read in full, it is anyone's guess where the next one begins.
        self.close_connection = True
        # What the base class and _send_json() look at, should there be no request line.
        self.requestline = self.command = self.path = ""
        self.request_version = self.protocol_version
        line = self.rfile.readline(_MAX_LINE_BYTES + 1)
        if not line:
            return
        if line in _LINE_ENDS:
            # RFC 9112, 2.2: an empty line before a request is ignored.
            self.close_connection = False
            return
        request_id = self._playback.new_request_id()
        try:
            self._read_request_line(line)
            headers = self._read_headers()
            body = _json_object(self._read_body(headers))
        except _RefusedError as error:
            self._refuse(request_id, error.status, str(error), error_type=error.error_type)
        except MemoryError:
            message = "there is not enough memory for the request"
            self._refuse(request_id, 500, message, error_type="api_error")
        else:
            self.close_connection = self._is_last(headers)
            self._answer(request_id, headers, body)

    def _read_request_line(self, line: bytes) -> None:
        if len(line) > _MAX_LINE_BYTES:
            raise _RefusedError(414, "the request line is too long")
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            raise _RefusedError(400, "the first line is no request line of HTTP/1.1")
        method, target, major, minor = (group.decode("latin-1") for group in match.groups())
        if major != "1":
            raise _RefusedError(505, f"HTTP/1.1 is spoken here, not HTTP/{major}.{minor}")
        self.command = method
        # As in the base class: a target that begins with // would be a host to some.
        self.path = "/" + target.lstrip("/") if target.startswith("//") else target
        # RFC 9110, 2.5: a higher minor version is read like the highest that is known.
        self.request_version = "HTTP/1.0" if minor == "0" else "HTTP/1.1"

    def _read_headers(self) -> dict[str, list[str]]:
        headers: dict[str, list[str]] = {}
        for line in self._lines_before_the_empty_one():
            match = _HEADER_LINE.fullmatch(line)
            if match is None:
                raise _RefusedError(
                    400, "a line between the request line and the body is no header"
                )
            name, value = (group.decode("latin-1") for group in match.groups())
            headers.setdefault(name.lower(), []).append(value.strip(" \t"))
        return headers

    def _lines_before_the_empty_one(self) -> Iterator[bytes]:
        for _ in range(_MAX_HEADERS + 1):
            line = self._read_line(_MAX_LINE_BYTES, 431, "a header is too long")
            if line in _LINE_ENDS:
                return
            yield line
        raise _RefusedError(431, f"there are more than {_MAX_HEADERS} headers")

    def _read_line(self, limit: int, status: int, too_long: str) -> bytes:
        line = self.rfile.readline(limit + 1)
        if len(line) > limit:
            raise _RefusedError(status, too_long)
        if not line.endswith(b"\n"):
            raise _broken_off()
        return line

    def _read_body(self, headers: Mapping[str, list[str]]) -> bytearray:
        # One that grows, for what a client sends and not for what it announces. And not a list of
        # pieces: a piece of two bytes would take forty.
        body = bytearray()
        lengths = headers.get("content-length")
        codings = headers.get("transfer-encoding")
        if codings is not None:
            if lengths is not None:
                # RFC 9112, 6.1: it may be an attempt to smuggle a request.
                raise _RefusedError(400, "there are both a content-length and a transfer-encoding")
            if [coding.lower() for coding in codings] != ["chunked"]:
                raise _RefusedError(501, "chunked is the one transfer-encoding that is read here")
            self._allow_body(headers)
            self._read_chunks(body)
        elif size := _content_length(lengths):
            self._allow_body(headers)
            self._read_exactly(size, body)
        return body

    def _allow_body(self, headers: Mapping[str, list[str]]) -> None:
        expected = [value.lower() for value in headers.get("expect", ())]
        if "100-continue" in expected and self.request_version == "HTTP/1.1":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_chunks(self, body: bytearray) -> None:
        while size := self._read_chunk_size(_MAX_BODY_BYTES - len(body)):
            self._read_exactly(size, body)
            if self.rfile.readline(2) not in _LINE_ENDS:
                raise _RefusedError(400, "a chunk does not end at its size")
        for _ in self._lines_before_the_empty_one():
            pass  # Trailers say nothing that matters here.

    def _read_chunk_size(self, room: int) -> int:
        line = self._read_line(_MAX_CHUNK_LINE_BYTES, 400, "the line of a chunk's size is too long")
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise _RefusedError(400, "a chunk begins without its size in hexadecimal digits")
        size = int(match[1], 16)
        if size > room:
            raise _too_large()
        return size

    def _read_exactly(self, size: int, body: bytearray) -> None:
        end = len(body) + size
        while len(body) < end:
            piece = self.rfile.read1(min(end - len(body), _READ_BYTES))
            if not piece:
                raise _broken_off()
            body += piece

    def _is_last(self, headers: Mapping[str, list[str]]) -> bool:
        values = ",".join(headers.get("connection", ())).lower()
        options = [option.strip(" \t") for option in values.split(",")]
        if self.request_version == "HTTP/1.1":
            return "close" in options
        # RFC 9112, 6.1: chunks are nothing that HTTP/1.0 knows, so they may not have been meant.
        return "keep-alive" not in options or "transfer-encoding" in headers

    def _answer(
        self, request_id: str, headers: Mapping[str, list[str]], body: dict[str, Any] | None
    ) -> None:
        if self.path.partition("?")[0] != _PATH:
            message = f"only {_PATH} is answered here, not {self.path}"
            self._refuse(request_id, 404, message, error_type="not_found_error")
        elif self.command != "POST":
            message = f"{_PATH} takes POST, not {self.command}"
            self._refuse(request_id, 405, message, headers={"allow": "POST"})
        elif body is None:
            self._refuse(request_id, 400, "the request body is not a JSON object")
        else:
            last_values = {name: values[-1] for name, values in headers.items()}
            self._reply(request_id, ReceivedRequest(self.path, last_values, body))

    def _reply(self, request_id: str, request: ReceivedRequest) -> None:
        reply = self._playback.reply_to(request)
        if isinstance(reply, ApiError):
            self._send_json(request_id, reply.status, reply.body, reply.headers)
        elif request.body.get("stream") is True:
            self._stream(request_id, reply)
        else:
            self._send_message(request_id, reply)

    def _stream(self, request_id: str, body: bytes) -> None:
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "request-id": request_id,
        }
        # HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
        chunked = self.request_version != "HTTP/1.0"
        headers |= {"transfer-encoding": "chunked"} if chunked else {"connection": "close"}
        self._send_head(200, headers)
        for segment in self._playback.segments(body):
            # In one write, for a client that reads as much as there is to see the whole segment.
            self.wfile.write(b"%x\r\n%b\r\n" % (len(segment), segment) if chunked else segment)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _send_message(self, request_id: str, body: bytes) -> None:
        # Here and not above: who only streams needs none of it.
        from .._stream import accumulate, iter_chunks
        from ..errors import ChunkviewError, StreamError

        try:
            message = accumulate(iter_chunks(body))
        except StreamError as error:
            error_type = error.error_type or "api_error"
            self._refuse(
                request_id,
                _STATUS_OF_ERROR.get(error_type, 500),
                error.error_message or str(error),
                error_type=error_type,
            )
        except ChunkviewError as error:
            text = f"the recorded body amounts to no message: {error}"
            self._refuse(request_id, 500, text, error_type="api_error")
        else:
            self._send_json(request_id, 200, message.to_dict())

    def _refuse(
        self,
        request_id: str,
        status: int,
        message: str,
        *,
        error_type: str = "invalid_request_error",
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        error = {"type": error_type, "message": message}
        body = {"type": "error", "error": error, "request_id": request_id}
        self._send_json(request_id, status, body, headers)

    def _send_json(
        self,
        request_id: str,
        status: int,
        value: Mapping[str, Any],
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        data = _json_bytes(value)
        all_headers = {
            "content-type": "application/json",
            "request-id": request_id,
            **{name.lower(): text for name, text in headers.items()},
            "content-length": str(len(data)),
        }
        if self.close_connection:
            all_headers["connection"] = "close"
        self._send_head(status, all_headers)
        if self.command != "HEAD":
            self.wfile.write(data)

    def _send_head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _content_length(values: list[str] | None) -> int:
    if values is None:
        return 0
    # Not int() alone: it takes "+5", "1_000", and spaces that are none in HTTP.
    if len(set(values)) > 1 or _CONTENT_LENGTH.fullmatch(values[0]) is None:
        raise _RefusedError(400, "content-length is not one number in decimal digits")
    digits = values[0].lstrip("0") or "0"
    # The number of digits first: int() refuses thousands of them.
    if len(digits) > len(str(_MAX_BODY_BYTES)) or int(digits) > _MAX_BODY_BYTES:
        raise _too_large()
    return int(digits)


def _too_large() -> _RefusedError:
    message = f"the request body has more than {_MAX_BODY_BYTES} bytes"
    return _RefusedError(413, message, error_type="request_too_large")


def _broken_off() -> _RefusedError:
    return _RefusedError(400, "the request breaks off")


def _checked_replies(bodies: object) -> list[bytes | ApiError]:
    if isinstance(bodies, (bytes, ApiError)) or _is_pair(bodies):
        return [_checked_reply(bodies)]
    if isinstance(bodies, (str, bytearray)) or not isinstance(bodies, Sequence):
        raise TypeError(_not_a_reply(bodies))
    if not bodies:
        raise ValueError("bodies: expected at least one")
    return [_checked_reply(body) for body in cast("Sequence[object]", bodies)]


def _checked_reply(body: object) -> bytes | ApiError:
    if isinstance(body, bytes):
        return body
    if isinstance(body, ApiError):
        error = body
    elif _is_pair(body):
        error = ApiError(*cast("tuple[int, Mapping[str, Any]]", body))
    else:
        raise TypeError(_not_a_reply(body))
    # Now, in the caller's own frame, rather than when a request comes.
    _json_bytes(error.body)
    return error


def _is_pair(body: object) -> bool:
    match body:
        case (int(), Mapping()):
            return True
        case _:
            return False


def _not_a_reply(body: object) -> str:
    return f"bodies: expected bytes, ApiError or (status, body), got {type(body).__name__}"


def _checked_sizes(segment_size: int | Sequence[int] | None) -> tuple[int, ...]:
    if segment_size is None:
        return ()
    sizes = (segment_size,) if isinstance(segment_size, int) else tuple(segment_size)
    if not sizes or min(sizes) < 1:
        raise ValueError(f"segment_size: expected one byte or more, got {segment_size!r}")
    return sizes


def _cut(body: bytes, sizes: tuple[int, ...]) -> Iterator[bytes]:
    start, next_sizes = 0, cycle(sizes)
    while start < len(body):
        end = start + next(next_sizes)
        yield body[start:end]
        start = end


def _cut_after_events(body: bytes) -> Iterator[bytes]:
    start = 0
    for end in _EVENT_END.finditer(body):
        yield body[start : end.end()]
        start = end.end()
    if start < len(body):
        yield body[start:]


def _json_object(payload: bytearray) -> dict[str, Any] | None:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    # UTF-8 has no half of a character, but JSON has: \ud83d, which Python writes the same way.
    return json.dumps(dict(value), ensure_ascii=False).encode(errors="backslashreplace")
