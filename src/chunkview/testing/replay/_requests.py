"""Requests as RFC 9112 defines them, read from a file object within fixed bounds.

The standard library's reader accepts more than HTTP allows, and raises on some of it; so requests
are read here. What is not a request is a `RefusedError`, which says how to answer it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "LINE_ENDS",
    "MAX_LINE_BYTES",
    "READ_BYTES",
    "Headers",
    "RefusedError",
    "RequestLine",
    "is_last_request",
    "json_object",
    "read_body",
    "read_headers",
    "request_line",
]

Headers = dict[str, list[str]]
"""The values of each header, by its lower-case name."""

# The API accepts 32 MB: https://docs.anthropic.com/en/api/errors#request-size-limits
_MAX_BODY_BYTES = 32 * 1024 * 1024
# The bounds of the standard library's own reader.
MAX_LINE_BYTES = 65536
_MAX_HEADERS = 100
_MAX_CHUNK_LINE_BYTES = 256
READ_BYTES = 65536

# Each pattern is matched against a whole line, in time linear in its length.
_REQUEST_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([!-~\x80-\xff]+) +HTTP/([0-9])\.([0-9]) *\r?\n"
)
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\0\r\n]*)\r?\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\0\r\n]*)?\r?\n")
LINE_ENDS = (b"\r\n", b"\n")
_CONTENT_LENGTH = re.compile(r"[0-9]+")


class Source(Protocol):
    """What a request is read from: a buffered binary file."""

    def readline(self, size: int, /) -> bytes:
        """Read a line, or as much of it as `size` bytes."""
        ...

    def read1(self, size: int, /) -> bytes:
        """Wait for bytes, and return up to `size` of them; b"" at the end."""
        ...


class RefusedError(Exception):
    """A request that the server refuses. The server then hangs up.

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


class RequestLine(NamedTuple):
    """The first line of a request.

    Attributes:
        method: The method, for example `POST`.
        path: The target, for example `/v1/messages?beta=true`.
        version: `HTTP/1.0` or `HTTP/1.1`.
    """

    method: str
    path: str
    version: str


def request_line(line: bytes) -> RequestLine:
    """Parse the first line of a request.

    Args:
        line: Up to `MAX_LINE_BYTES + 1` bytes.

    Raises:
        RefusedError: It is not a request line of HTTP/1.x, or is too long.
    """
    if len(line) > MAX_LINE_BYTES:
        raise RefusedError(414, "the request line is too long")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise RefusedError(400, "the first line is not a request line of HTTP/1.1")
    method, target, major, minor = (group.decode("latin-1") for group in match.groups())
    if major != "1":
        raise RefusedError(505, f"this server speaks HTTP/1.1, not HTTP/{major}.{minor}")
    # Like the standard library's handler: some clients read a target that begins with // as a
    # host.
    path = "/" + target.lstrip("/") if target.startswith("//") else target
    # RFC 9110, 2.5: a higher minor version is read like the highest that is known.
    return RequestLine(method, path, "HTTP/1.0" if minor == "0" else "HTTP/1.1")


def read_headers(source: Source) -> Headers:
    """Read the headers and the empty line after them.

    Raises:
        RefusedError: A line is not a header, or one is too long, or there are too many.
    """
    headers: Headers = {}
    for line in _lines_before_the_empty_one(source):
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            raise RefusedError(400, "a line between the request line and the body is not a header")
        name, value = (group.decode("latin-1") for group in match.groups())
        headers.setdefault(name.lower(), []).append(value.strip(" \t"))
    return headers


def read_body(source: Source, headers: Headers, *, before_read: Callable[[], None]) -> bytearray:
    """Read the body of a request: one with a content-length, or one in chunks.

    Args:
        source: The file, at the beginning of the body.
        headers: The headers of the request.
        before_read: Called before a body is read, once its announced size is allowed.

    Raises:
        RefusedError: The body is too large, or its framing is wrong.
    """
    # It grows with what the client sends, not with what it announces. A list of pieces would
    # take more memory: forty bytes for a piece of two.
    body = bytearray()
    lengths = headers.get("content-length")
    codings = headers.get("transfer-encoding")
    if codings is not None:
        if lengths is not None:
            # RFC 9112, 6.1: it may be an attempt to smuggle a request.
            raise RefusedError(400, "there are both a content-length and a transfer-encoding")
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise RefusedError(501, "chunked is the only transfer-encoding that is supported")
        before_read()
        _read_chunks(source, body)
    elif size := _content_length(lengths):
        before_read()
        _read_exactly(source, size, body)
    return body


def is_last_request(headers: Headers, version: str) -> bool:
    """Say whether the connection ends after a request."""
    values = ",".join(headers.get("connection", ())).lower()
    options = [option.strip(" \t") for option in values.split(",")]
    if version == "HTTP/1.1":
        return "close" in options
    # RFC 9112, 6.1: HTTP/1.0 has no chunks, so they may not have been meant as chunks.
    return "keep-alive" not in options or "transfer-encoding" in headers


def json_object(payload: bytearray) -> dict[str, Any] | None:
    """Parse a body; None when it is not a JSON object."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _lines_before_the_empty_one(source: Source) -> Iterator[bytes]:
    for _ in range(_MAX_HEADERS + 1):
        line = _read_line(source, MAX_LINE_BYTES, 431, "a header is too long")
        if line in LINE_ENDS:
            return
        yield line
    raise RefusedError(431, f"there are more than {_MAX_HEADERS} headers")


def _read_line(source: Source, limit: int, status: int, too_long: str) -> bytes:
    line = source.readline(limit + 1)
    if len(line) > limit:
        raise RefusedError(status, too_long)
    if not line.endswith(b"\n"):
        raise _broken_off()
    return line


def _read_chunks(source: Source, body: bytearray) -> None:
    while size := _read_chunk_size(source, _MAX_BODY_BYTES - len(body)):
        _read_exactly(source, size, body)
        if source.readline(2) not in LINE_ENDS:
            raise RefusedError(400, "a chunk does not end at its size")
    for _ in _lines_before_the_empty_one(source):
        pass  # The server has no use for trailers.


def _read_chunk_size(source: Source, room: int) -> int:
    too_long = "the line of a chunk's size is too long"
    match = _CHUNK_LINE.fullmatch(_read_line(source, _MAX_CHUNK_LINE_BYTES, 400, too_long))
    if match is None:
        raise RefusedError(400, "a chunk does not begin with its size in hexadecimal digits")
    size = int(match[1], 16)
    if size > room:
        raise _too_large()
    return size


def _read_exactly(source: Source, size: int, body: bytearray) -> None:
    end = len(body) + size
    while len(body) < end:
        piece = source.read1(min(end - len(body), READ_BYTES))
        if not piece:
            raise _broken_off()
        body += piece


def _content_length(values: list[str] | None) -> int:
    if values is None:
        return 0
    # int() alone would accept "+5", "1_000", and spaces that HTTP does not have.
    if len(set(values)) > 1 or _CONTENT_LENGTH.fullmatch(values[0]) is None:
        raise RefusedError(400, "content-length is not one number in decimal digits")
    digits = values[0].lstrip("0") or "0"
    # Count the digits first: int() refuses thousands of them.
    if len(digits) > len(str(_MAX_BODY_BYTES)) or int(digits) > _MAX_BODY_BYTES:
        raise _too_large()
    return int(digits)


def _too_large() -> RefusedError:
    message = f"the request body has more than {_MAX_BODY_BYTES} bytes"
    return RefusedError(413, message, error_type="request_too_large")


def _broken_off() -> RefusedError:
    return RefusedError(400, "the request breaks off")
