"""A loopback stand-in for Anthropic's API that streams recorded bodies.

It speaks as much of the Messages API as a client needs to stream from it, over real sockets, so
that code written against the `anthropic` package runs offline and unchanged. The bodies come from
the caller; the bundled ones stand in `recordings/`. Nothing here judges a body: a broken one is
streamed as it is.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
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
        ValueError: `status` is not the status of an error.
    """

    status: int = attrs.field(validator=[ge(400), lt(600)])
    body: Mapping[str, Any] = attrs.field(hash=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)


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

    A client that hangs up is no error. When the server itself fails, it drops the connection,
    keeps the exception in `errors`, and raises the first of them when it is closed. (An exception
    that leaves a `with` block goes before; it gets a note.)

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
            OSError: The port is taken.
            RuntimeError: The server was closed.
        """
        with self._lock:
            if self._playback.closing.is_set():
                raise RuntimeError("a closed server cannot be started again")
            if self._acceptor is None:
                listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
                self._port = cast("int", listener.getsockname()[1])
                self._waker, woken = socket.socketpair()
                self._acceptor = threading.Thread(
                    target=self._accept,
                    args=(listener, woken),
                    name="chunkview-replay",
                    daemon=True,
                )
                self._acceptor.start()
        return self

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

    def _accept(self, listener: socket.socket, woken: socket.socket) -> None:
        try:
            with listener, woken, selectors.DefaultSelector() as selector:
                # A client may be gone again between select() and accept().
                listener.setblocking(False)
                selector.register(listener, selectors.EVENT_READ)
                selector.register(woken, selectors.EVENT_READ)
                while all(key.fileobj is listener for key, _ in selector.select()):
                    with suppress(BlockingIOError, ConnectionError):
                        self._serve_in_thread(*listener.accept())
        except Exception as error:  # noqa: BLE001 - it is for close() to raise
            self.errors.append(error)

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
            thread.start()
            self._connections[thread] = connection

    def _serve(self, connection: socket.socket, address: object) -> None:
        try:
            with connection:
                _Handler(connection, address, self._playback)
        except OSError:
            pass  # The client hung up, or close() cut the connection.
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

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what the base class could not read as HTTP, in the API's shape, and hang up."""
        self.close_connection = True
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._refuse(self._playback.new_request_id(), code, message or HTTPStatus(code).phrase)

    def _answer(self) -> None:
        request_id = self._playback.new_request_id()
        try:
            payload = self._read_body()
        except ValueError as error:
            # Where the next request begins is anyone's guess.
            self.close_connection = True
            self._refuse(request_id, 400, f"the request body cannot be read: {error}")
            return
        if self.path.partition("?")[0] != _PATH:
            message = f"only {_PATH} is answered here, not {self.path}"
            self._refuse(request_id, 404, message, error_type="not_found_error")
        elif self.command != "POST":
            message = f"{_PATH} takes POST, not {self.command}"
            self._refuse(request_id, 405, message, headers={"allow": "POST"})
        elif (body := _json_object(payload)) is None:
            self._refuse(request_id, 400, "the request body is not a JSON object")
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._reply(request_id, ReceivedRequest(self.path, headers, body))

    # The names are those that the base class looks for.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

    def _read_body(self) -> bytes:
        if "transfer-encoding" in self.headers:
            return b"".join(self._request_chunks())
        length = int(self.headers.get("content-length", "0"))
        if length < 0:
            raise ValueError("negative content-length")
        return self._read_exactly(length)

    def _request_chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(256).partition(b";")[0], 16):
            if size < 0:
                raise ValueError("negative chunk size")
            yield self._read_exactly(size)
            self.rfile.readline(256)
        while self.rfile.readline(65536).strip():
            pass  # Trailers say nothing that matters here.

    def _read_exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionAbortedError("the client hung up in the middle of its request")
        return data

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
        from .._iterate import iter_chunks
        from ..accumulate import accumulate
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


def _json_object(payload: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(value), ensure_ascii=False).encode()
