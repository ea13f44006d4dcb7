"""One connection of the replay server: its requests are answered one after the other.

The standard library's handler writes the answers; `_requests` reads the requests.
"""

from __future__ import annotations

import itertools
import socket
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast

from ..._stream import accumulate
from ...errors import ChunkviewError, StreamError
from ._api import COUNT_TOKENS, MESSAGES, MODELS, model, models, token_count
from ._faults import Fault, ResetWanted
from ._replies import (
    Answer,
    AnsweredRequest,
    ApiError,
    NoReplyError,
    ReceivedRequest,
    RecordedAnswer,
    json_bytes,
)
from ._requests import (
    LINE_ENDS,
    MAX_LINE_BYTES,
    RefusedError,
    is_last_request,
    json_object,
    read_body,
    read_headers,
    request_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ._replies import Playback
    from ._requests import Headers

__all__ = ["Handler"]

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

_WITHOUT_BODY = (204, 205, 304)
_NO_HEADERS: Mapping[str, str] = {}
_NO_FAULT = Fault()

# A connection that is closed with these socket options is reset: it lingers, for no time at all.
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection. Making an instance does it all."""

    protocol_version = "HTTP/1.1"
    server_version = "chunkview-replay"
    sys_version = ""
    disable_nagle_algorithm = True

    def __init__(
        self,
        connection: socket.socket,
        address: object,
        playback: Playback,
        on_answer: Callable[[AnsweredRequest], None] | None = None,
    ) -> None:
        self._playback = playback
        self._on_answer = on_answer
        # The third argument should be a socketserver. The base class only stores it.
        super().__init__(connection, address, cast("Any", None))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing; the base class writes an access log to stderr."""

    def handle_one_request(self) -> None:
        """Read a request and answer it. The base class calls this until `close_connection`."""
        # Until a request is read in full, nobody knows where the next one begins.
        self.close_connection = True
        # The base class and _send_json() read these, also when there is no request line.
        self.requestline = self.command = self.path = ""
        self.request_version = self.protocol_version
        self._model = ""
        self._status: int | None = None
        self._sent_bytes = 0
        line = self.rfile.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        if line in LINE_ENDS:
            # RFC 9112, 2.2: an empty line before a request is ignored.
            self.close_connection = False
            return
        try:
            self._read_and_answer(line, self._playback.new_request_id())
        except ResetWanted:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            raise
        finally:
            if self._on_answer is not None:
                self._on_answer(self._answered())

    def _answered(self) -> AnsweredRequest:
        path = self.path.partition("?")[0]
        return AnsweredRequest(self.command, path, self._model, self._status, self._sent_bytes)

    def _read_and_answer(self, line: bytes, request_id: str) -> None:
        try:
            self.command, self.path, self.request_version = request_line(line)
            headers = read_headers(self.rfile)
            payload = read_body(self.rfile, headers, before_read=lambda: self._allow_body(headers))
            body = json_object(payload)
        except RefusedError as error:
            self._refuse(request_id, error.status, str(error), error_type=error.error_type)
        except MemoryError:
            message = "there is not enough memory for the request"
            self._refuse(request_id, 500, message, error_type="api_error")
        else:
            self.close_connection = is_last_request(headers, self.request_version)
            self._answer(request_id, headers, body)

    def _allow_body(self, headers: Headers) -> None:
        expected = [value.lower() for value in headers.get("expect", ())]
        if "100-continue" in expected and self.request_version == "HTTP/1.1":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self, request_id: str, headers: Headers, body: dict[str, Any] | None) -> None:
        path = self.path.partition("?")[0]
        is_models = path == MODELS or path.startswith(f"{MODELS}/")
        if not is_models and path not in (MESSAGES, COUNT_TOKENS):
            paths = f"{MESSAGES}, {COUNT_TOKENS} and {MODELS}"
            message = f"this server answers {paths} only, not {self.path}"
            self._refuse(request_id, 404, message, error_type="not_found_error")
            return
        method = "GET" if is_models else "POST"
        if self.command != method:
            message = f"{path} takes {method}, not {self.command}"
            self._refuse(request_id, 405, message, headers={"allow": method})
        elif is_models:
            name = path[len(MODELS) + 1 :]
            value = model(name) if name else models(self._playback.models)
            self._send_json(request_id, 200, value)
        elif body is None:
            self._refuse(request_id, 400, "the request body is not a JSON object")
        else:
            last_values = {name: values[-1] for name, values in headers.items()}
            request = ReceivedRequest(self.path, last_values, body)
            self._model = request.model
            if path == COUNT_TOKENS:
                self._send_json(request_id, 200, token_count(body))
            else:
                self._reply(request_id, request)

    def _reply(self, request_id: str, request: ReceivedRequest) -> None:
        came = time.monotonic()
        try:
            reply = self._playback.reply_to(request)
        except NoReplyError as error:
            self._refuse(request_id, 404, str(error), error_type="not_found_error")
            return
        asks_for_stream = request.body.get("stream") is True
        if isinstance(reply, ApiError):
            self._send_json(request_id, reply.status, reply.body, reply.headers)
        elif isinstance(reply, RecordedAnswer):
            if reply.is_stream and not asks_for_stream:
                self._send_message(request_id, Answer(reply.body))
            else:
                self._play(request_id, reply, came)
        elif asks_for_stream:
            self._stream(request_id, reply)
        else:
            self._send_message(request_id, reply)

    def _stream(self, request_id: str, answer: Answer) -> None:
        body = answer.fault.body_of(answer.body)
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "request-id": request_id,
            **_lower(answer.headers),
        }
        segments = self._playback.segments(body)
        pieces = _begun(answer.fault.sent(segments, body, self._playback.wait))
        self._begin_stream(200, headers)
        for piece in pieces:
            self._send_segment(piece)
        self._end_stream()

    def _play(self, request_id: str, answer: RecordedAnswer, came: float) -> None:
        headers = _lower(answer.headers)
        self._playback.until(answer.to_headers, since=came)
        if answer.status in _WITHOUT_BODY:
            self._send_head(answer.status, {"request-id": request_id, **headers})
            return
        self._begin_stream(answer.status, {"request-id": request_id, **headers})
        for seconds, data in answer.pieces:
            self._playback.until(seconds, since=came)
            # An empty chunk would end the body.
            if data:
                self._send_segment(data)
        if answer.duration is not None:
            self._playback.until(answer.duration, since=came)
        if not answer.is_whole:
            raise ConnectionAbortedError("the recorded answer was cut")
        self._end_stream()

    def _begin_stream(self, status: int, headers: Mapping[str, str]) -> None:
        framing = {"transfer-encoding": "chunked"} if self._is_chunked else {"connection": "close"}
        self._send_head(status, {**headers, **framing})

    def _send_segment(self, data: bytes) -> None:
        # In one write, so that a client that reads all there is sees the whole segment.
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)
        self._sent_bytes += len(data)

    def _end_stream(self) -> None:
        if self._is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    @property
    def _is_chunked(self) -> bool:
        """Whether the body has chunks. HTTP/1.0 has none: it ends with the connection."""
        return self.request_version != "HTTP/1.0"

    def _send_message(self, request_id: str, answer: Answer) -> None:
        try:
            message = accumulate(answer.fault.body_of(answer.body))
        except StreamError as error:
            error_type = error.error_type or "api_error"
            self._refuse(
                request_id,
                _STATUS_OF_ERROR.get(error_type, 500),
                error.error_message or str(error),
                error_type=error_type,
            )
        except ChunkviewError as error:
            text = f"the recorded body is not a whole message: {error}"
            self._refuse(request_id, 500, text, error_type="api_error")
        else:
            self._send_json(request_id, 200, message.to_dict(), answer.headers, answer.fault)

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
        fault: Fault = _NO_FAULT,
    ) -> None:
        data = json_bytes(value)
        all_headers = {
            "content-type": "application/json",
            "request-id": request_id,
            **_lower(headers),
            "content-length": str(len(data)),
        }
        if self.close_connection:
            all_headers["connection"] = "close"
        pieces = _begun(fault.sent((data,), data, self._playback.wait))
        self._send_head(status, all_headers)
        if self.command != "HEAD":
            for piece in pieces:
                self.wfile.write(piece)
                self._sent_bytes += len(piece)

    def _send_head(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Wait for the first piece: a fault at the very beginning comes before the status."""
    return itertools.chain(list(itertools.islice(pieces, 1)), pieces)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
