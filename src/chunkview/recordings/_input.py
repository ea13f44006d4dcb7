"""The bytes of a file, read piece by piece, with their places and within bounds.

What goes wrong while the file is read ends the input. The error is kept, so that a reader can first
give what came before it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import DecodeError
from ._recording import RecordingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Input", "Line", "pieces_of"]

_READ_SIZE = 64 * 1024
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


class Line(NamedTuple):
    """A line of a file.

    Attributes:
        data: The line with its line end. None if it is longer than allowed.
        offset: How many bytes come before it.
        number: Its number, from 1.
    """

    data: bytes | None
    offset: int
    number: int

    @property
    def text(self) -> bytes:
        """The line without a byte order mark, and without the white space around it."""
        return (self.data or b"").removeprefix(b"\xef\xbb\xbf").strip()


def pieces_of(file: Any, name: str) -> Iterator[bytes]:
    """Read a file that is open in binary mode.

    Raises:
        RecordingError: The file cannot be read any further.
    """
    read = getattr(file, "read1", file.read)
    offset = 0
    while True:
        try:
            data = read(_READ_SIZE)
            if data is None:
                raise BlockingIOError("it is in non-blocking mode and has nothing to read yet")
        except OSError as error:
            problem = f"cannot be read any further: {error.strerror or error}"
            raise RecordingError(problem, file=name, offset=offset) from error
        if not data:
            return
        offset += len(data)
        yield bytes(data)


class Input:
    """The bytes of a file.

    Attributes:
        name: The name of the file, or "".
        offset: How many bytes of the file have been taken.
        max_bytes: How many bytes a line or a document may have.
        error: What ended the input early, or None.
    """

    def __init__(
        self, pieces: Iterator[bytes], name: str, *, max_bytes: int, offset: int = 0
    ) -> None:
        """Begin.

        Args:
            pieces: The bytes of the file. It may raise DecodeError.
            name: The name of the file, or "".
            max_bytes: How many bytes a line or a document may have.
            offset: Where in the file the pieces begin.
        """
        self.name = name
        self.offset = offset
        self.max_bytes = max_bytes
        self.error: DecodeError | None = None
        self._pieces = pieces
        self._start = b""

    def peek(self, size: int) -> bytes:
        """Look at the next bytes: at least `size`, if there are as many."""
        return self._peek_until(lambda start: len(start) >= size)

    def peek_text(self) -> bytes:
        """Look at the next bytes until one of them is no white space. Give a whole piece."""
        return self._peek_until(
            lambda start: len(start.lstrip(b"\xef\xbb\xbf \t\r\n")) > 0 or len(start) > _READ_SIZE
        )

    def _peek_until(self, is_enough: Callable[[bytes], bool]) -> bytes:
        while not is_enough(self._start):
            piece = self._next()
            if not piece:
                break
            self._start += piece
        return self._start

    def skip(self, size: int) -> None:
        """Take bytes that were looked at."""
        self._start = self._start[size:]
        self.offset += size

    def pieces(self) -> Iterator[bytes]:
        """Take the rest, piece by piece. `offset` is the end of the piece."""
        while piece := self._start or self._next():
            self._start = b""
            self.offset += len(piece)
            yield piece

    def rest(self) -> bytes:
        """Take the rest. If it is too long, `error` says so, and the beginning is given."""
        parts: list[bytes] = []
        begin = self.offset
        for piece in self.pieces():
            parts.append(piece)
            if self.offset - begin > self.max_bytes:
                problem = f"a document of more than {self.max_bytes} bytes"
                self.error = RecordingError(problem, file=self.name, offset=begin)
                break
        return b"".join(parts)

    def lines(self) -> Iterator[Line]:
        """Take the rest, line by line. Only a line feed ends a line."""
        parts: list[bytes] = []
        begin, size, number = self.offset, 0, 1
        for piece in self.pieces():
            for part in _LINE.findall(piece):
                size += len(part)
                if size <= self.max_bytes:
                    parts.append(part)
                else:
                    parts.clear()
                if part.endswith(b"\n"):
                    yield Line(b"".join(parts) if parts else None, begin, number)
                    begin, size, number = begin + size, 0, number + 1
                    parts.clear()
        if size:
            yield Line(b"".join(parts) if parts else None, begin, number)

    def take_error(self) -> DecodeError | None:
        """Give what ended the input early, if it was not yet given."""
        error, self.error = self.error, None
        return error

    def _next(self) -> bytes:
        try:
            for piece in self._pieces:
                if piece:
                    return piece
        except DecodeError as error:
            self.error = error
        self._pieces = iter(())
        return b""
