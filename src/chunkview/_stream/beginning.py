"""The beginning of a body, which may show that the body is no event stream at all.

The usual mistakes are a compressed body, an error page, a JSON document, and lines that lost their
line ends. An event stream may hold any line, and a decoder skips unknown fields: it would skip all
of these without a word. `Beginning` looks at a body until its first event with data. Its
errors name the remedy.
"""

from __future__ import annotations

import re

from .._model import stdlib_loads
from ..errors import DecodeError
from .framing import BYTE_ORDER_MARK, data_of, lines_of

__all__ = ["Beginning", "has_only_unknown_fields", "not_a_stream"]


class Beginning:
    """Looks at a body until its first event with data."""

    __slots__ = ("_has_events", "_looks", "_max_bytes", "_unknown")

    def __init__(self, max_bytes: int) -> None:
        """Begin a body.

        Args:
            max_bytes: How many bytes may come before the first event with data.
        """
        self._looks = 0
        self._has_events = False
        self._max_bytes = max_bytes
        self._unknown = bytearray()

    def look_at(self, rest: bytes | bytearray, piece: bytes) -> None:
        """Look at one of the first pieces of the body.

        Args:
            rest: The incomplete event before the piece.
            piece: The piece.

        Raises:
            DecodeError: The body is binary, or its lines have no line ends.
        """
        if self._looks == _MAX_LOOKS or not piece:
            return
        self._looks += 1
        if rest and piece.startswith((b"data:", b"event:")) and _is_whole_line(rest):
            raise DecodeError(_NO_LINE_ENDS, received=bytes(rest + piece))
        for magic, problem in _BINARY.items():
            if (rest + piece[: len(magic)]).startswith(magic):
                raise DecodeError(problem, received=bytes(rest + piece))

    def without_mark(self, event: bytes) -> bytes:
        """Take the byte order mark from an event, if it is the first one.

        Args:
            event: The next event of the body.
        """
        is_first, self._has_events = not self._has_events, True
        return event.removeprefix(BYTE_ORDER_MARK) if is_first else event

    def keep(self, event: bytes) -> None:
        """Keep an event that has only unknown fields. It may be part of a document.

        Raises:
            DecodeError: This is more than `max_bytes`.
        """
        self._unknown += event
        if len(self._unknown) > self._max_bytes:
            raise not_a_stream(bytes(self._unknown))

    def is_cut(self, rest: bytes) -> bool:
        """Whether a body that ends here ends in the middle of its first event.

        Args:
            rest: The lines after the last blank line, without a data line.
        """
        last = rest[max(rest.rfind(b"\n"), rest.rfind(b"\r")) + 1 :]
        if last and any(name.startswith(last) for name in _NAMES):
            return True
        return any(name == b"event" for name, _ in lines_of(rest))

    def mistake_at_end(self, rest: bytes) -> DecodeError | None:
        """Say whether a body that ends here is lines without their line ends.

        Args:
            rest: The lines after the last blank line.

        Returns:
            The error that says so, or None.
        """
        if 0x0A in rest or 0x0D in rest or _JOINED_LINES.search(rest) is None:
            return None
        return DecodeError(_NO_LINE_ENDS, received=rest)

    def check_end(self) -> None:
        """Check a body that has ended and had no data.

        Raises:
            DecodeError: It had unknown fields, and so is no event stream.
        """
        if self._unknown:
            raise not_a_stream(bytes(self._unknown))


def has_only_unknown_fields(event: bytes) -> bool:
    """Whether an event has lines, and none of them is a field or a comment."""
    has_lines = False
    for name, _ in lines_of(event):
        if name in _FIELDS:
            return False
        has_lines = True
    return has_lines


def not_a_stream(body: bytes) -> DecodeError:
    """Make the error that says that a body is no event stream, and shows how it begins."""
    start = body.strip()[:80].decode(errors="replace")
    problem = f"the body is no event stream; it begins with {start!r}"
    return DecodeError(problem, received=body)


_MAX_LOOKS = 8
"""How many pieces are looked at. Lines without line ends show in the third at the latest."""
_FIELDS = frozenset((b"data", b"event", b"id", b"retry", b""))
"""The fields of an event; a comment is a field without a name."""
_NAMES = (BYTE_ORDER_MARK, b"data", b"event", b"id", b"retry")
"""What the first line of an event begins with."""
_NO_LINE_ENDS = (
    "the lines have no line ends, as iter_lines() gives them: feed the bytes of iter_bytes() "
    "(httpx), iter_content(None) (requests) or content.iter_any() (aiohttp)"
)
_EVENT_LINE = re.compile(rb"event: ?\w+")
_JOINED_LINES = re.compile(rb"(?:event: ?\w+|\})data: ?\{")
_COMPRESSED = (
    "the body is compressed with {}: read it with iter_bytes() instead of iter_raw(), or "
    "decompress it first"
)
_BINARY = {
    b"\x1f\x8b": _COMPRESSED.format("gzip"),
    b"\x28\xb5\x2f\xfd": _COMPRESSED.format("zstd"),
    b"\x00": (
        "the body is no text; it may hold the frames of AWS "
        "(application/vnd.amazon.eventstream): let botocore read them, and decode the bytes of "
        "each event"
    ),
}
"""How binary bodies begin, and what to do about them."""


def _is_whole_line(rest: bytes | bytearray) -> bool:
    """Whether this is one line without a line end that can only have ended here."""
    if 0x0A in rest or 0x0D in rest:
        return False
    line = bytes(rest)
    if _EVENT_LINE.fullmatch(line):
        return True
    payload = data_of(line)
    if not payload or not payload.endswith(b"}"):
        return False
    try:
        stdlib_loads(payload)
    except DecodeError:
        return False
    return True
