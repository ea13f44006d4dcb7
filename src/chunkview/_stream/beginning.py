"""The beginning of a body, which may show that the body is no event stream at all.

The usual mistakes are a compressed body, an error page, and lines that lost their line ends. An
event stream may hold any line, and a decoder skips unknown fields: it would skip all of these
without a word. `Beginning` looks at a body until its first event with data. Its errors name the
remedy. A body that begins with `{` is one JSON object, a `Document`: servers answer that way when
something fails, and some although a stream was asked for.
"""

from __future__ import annotations

import re

from .._model import is_object
from ..errors import DecodeError
from .framing import BYTE_ORDER_MARK, fields_of, lines_of

__all__ = ["Beginning", "Document", "has_only_unknown_fields", "not_a_stream"]


class Beginning:
    """Looks at a body until its first event with data.

    Attributes:
        document: The body, if it is one JSON object.
        has_mark: Whether the body begins with a byte order mark.
    """

    __slots__ = (
        "_has_begun",
        "_has_events",
        "_is_past_mark",
        "_looked_at",
        "_looks",
        "_mark",
        "_max_bytes",
        "_unknown",
        "document",
        "has_mark",
    )

    def __init__(self, max_bytes: int) -> None:
        """Begin a body.

        Args:
            max_bytes: How many bytes may come before the first event with data.
        """
        self.document: Document | None = None
        self.has_mark = False
        self._mark = b""
        self._is_past_mark = False
        self._has_begun = False
        self._looks = 0
        self._looked_at = 0
        """How many bytes the pieces had, all together."""
        self._has_events = False
        self._max_bytes = max_bytes
        self._unknown = bytearray()

    def takes(self, piece: bytes) -> bool:
        """Look whether the body is a document, and if so, keep the piece.

        Args:
            piece: The next piece.

        Raises:
            DecodeError: As by `Document.add`.
        """
        if self.document is None:
            if self._has_begun:
                return False
            piece = self._mark + piece
            if not self._is_past_mark:
                if len(piece) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(piece):
                    self._mark = piece
                    return False
                self._mark, self._is_past_mark = b"", True
                self.has_mark = piece.startswith(BYTE_ORDER_MARK)
                piece = piece.removeprefix(BYTE_ORDER_MARK)
            piece = piece.lstrip()
            self._has_begun = bool(piece)
            if not piece.startswith(b"{"):
                return False
            self.document = Document(self._max_bytes)
        self.document.add(piece)
        return True

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
            raise _refusal(_NO_LINE_ENDS, bytes(rest + piece))
        if len(rest) == self._looked_at:  # no event came before
            for magic, problem in _BINARY.items():
                if (rest + piece[: len(magic)]).startswith(magic):
                    raise _refusal(problem, bytes(rest + piece))
        self._looked_at += len(piece)

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
        return _refusal(_NO_LINE_ENDS, rest)

    def check_end(self) -> None:
        """Check a body that has ended and had no data.

        Raises:
            DecodeError: It had unknown fields, and so is no event stream.
        """
        if self._unknown:
            raise not_a_stream(bytes(self._unknown))


class Document:
    """A body that is one JSON object."""

    __slots__ = ("_body", "_first_line", "_max_bytes", "_searched")

    def __init__(self, max_bytes: int) -> None:
        """Begin a document.

        Args:
            max_bytes: How many bytes it may have.
        """
        self._body = bytearray()
        self._max_bytes = max_bytes
        self._searched = 0
        # Once it has come: the first line, if it is an object by itself, else b"".
        self._first_line: bytes | None = None

    @property
    def body(self) -> bytes:
        """A copy of what has come."""
        return bytes(self._body)

    def add(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            DecodeError: This is more than `max_bytes`, or the body is several objects.
        """
        body = self._body
        body += piece
        # Line ends behind the object do not count.
        if len(body) - 4 + len(body[-4:].rstrip(b"\r\n")) > self._max_bytes:
            problem = f"an event of more than {self._max_bytes} bytes"
            raise DecodeError(problem, received=self.body)
        if self._first_line is None:
            end = _LINE_END.search(body, self._searched)
            self._searched = len(body)
            if end is None:
                return
            line = bytes(body[: end.start()])
            self._first_line = line if is_object(line) else b""
            self._searched = end.start()
        if not self._first_line:
            return
        more = body[self._searched :].strip()
        self._searched = len(body)
        if more.startswith(b"{"):
            raise _refusal(_SEVERAL_OBJECTS, self._first_line)
        if more:
            raise not_a_stream(self._first_line)


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
    return _refusal(problem, body)


def _refusal(problem: str, body: bytes) -> DecodeError:
    """Make the error about a body whose data is no object, since it has none."""
    return DecodeError(problem, received=body, rule="data_not_object")


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
_SEVERAL_OBJECTS = (
    "the body is no event stream, but JSON objects, one a line: give its lines as str, or read it "
    "with chunkview.recordings.read()"
)
_LINE_END = re.compile(rb"[\r\n]")
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
        "(application/vnd.amazon.eventstream): let botocore read a response, and give its events; "
        "read a recording with chunkview.recordings.read()"
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
    _, payload = fields_of(line)
    return payload is not None and payload.endswith(b"}") and is_object(payload)
