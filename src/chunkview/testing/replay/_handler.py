"""One connection of the replay server: its requests are answered one after the other.

The standard library's handler writes the answers; `_requests` reads the requests.
"""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast

from ..._stream import accumulate, iter_chunks
from ...errors import ChunkviewError, StreamError
from ._replies import ApiError, ReceivedRequest, RecordedAnswer, json_bytes
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
    import socket
    from collections.abc import Mapping

    from ._replies import Playback
    from ._requests import Headers

__all__ = ["Handler"]

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

_WITHOUT_BODY = (204, 205, 304)
_NO_HEADERS: Mapping[str, str] = {}


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection. Making an instance does it all."""

    protocol_version = "HTTP/1.1"
    server_version = "chunkview-replay"
    sys_version = ""
    disable_nagle_algorithm = True

    def __init__(self, connection: socket.socket, address: object, playback: Playback) -> None:
        self._playback = playback
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
        line = self.rfile.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        if line in LINE_ENDS:
            # RFC 9112, 2.2: an empty line before a request is ignored.
            self.close_connection = False
            return
        request_id = self._playback.new_request_id()
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
        if self.path.partition("?")[0] != _PATH:
            message = f"this server answers {_PATH} only, not {self.path}"
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
        came = time.monotonic()
        reply = self._playback.reply_to(request)
        asks_for_stream = request.body.get("stream") is True
        if isinstance(reply, ApiError):
            self._send_json(request_id, reply.status, reply.body, reply.headers)
        elif isinstance(reply, RecordedAnswer):
            if reply.is_stream and not asks_for_stream:
                self._send_message(request_id, reply.body)
            else:
                self._play(request_id, reply, came)
        elif asks_for_stream:
            self._stream(request_id, reply)
        else:
            self._send_message(request_id, reply)

    def _stream(self, request_id: str, body: bytes) -> None:
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "request-id": request_id,
        }
        self._begin_stream(200, headers)
        for segment in self._playback.segments(body):
            self._send_segment(segment)
        self._end_stream()

    def _play(self, request_id: str, answer: RecordedAnswer, came: float) -> None:
        headers = {name.lower(): value for name, value in answer.headers.items()}
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

    def _end_stream(self) -> None:
        if self._is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    @property
    def _is_chunked(self) -> bool:
        """Whether the body has chunks. HTTP/1.0 has none: it ends with the connection."""
        return self.request_version != "HTTP/1.0"

    def _send_message(self, request_id: str, body: bytes) -> None:
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
            text = f"the recorded body is not a whole message: {error}"
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
        data = json_bytes(value)
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
