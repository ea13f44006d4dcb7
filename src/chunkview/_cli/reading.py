"""A recorded or live stream, read event by event, with the place of each in the bytes.

`ChunkDecoder` does not count bytes, and whoever embeds it seldom needs them counted. Who looks
at a broken recording does: here the bytes are cut after each blank line before they are decoded,
so that it is known which of them any chunk or error came from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from .._chunks import AnthropicCallResponseChunk
from .._stream import AnthropicStream
from ..errors import ChunkviewError, DecodeError, ProtocolError, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Failure", "Reading"]

# LF, CR and CRLF all end a line; the CR of a CRLF is no line end of its own.
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")


@attrs.frozen
class Failure:
    """Why a stream could not be read to its end.

    Attributes:
        problem: What is wrong.
        offset: How many bytes come before the first line of the event that was not taken. When
            the stream ends between two events, its length; when it is no event stream at all, 0.
        chunk: The event's chunk view, where the event itself can be read (an error event, or one
            that is out of order), else None.
    """

    problem: str
    offset: int
    chunk: AnthropicCallResponseChunk | None = None


class Reading:
    """Iterates over the chunk views of a stream and knows where in the bytes each one began.

    Attributes:
        stream: The AnthropicStream underneath, for the totals so far.
        failure: After the iteration, what ended it early, or None.
    """

    def __init__(
        self, read: Callable[[], bytes], *, before_read: Callable[[int], None] | None = None
    ) -> None:
        """Prepare to read. Nothing is read before the first iteration.

        Args:
            read: Gives the bytes that have come, waiting until there are some; b"" at the end.
                It may raise OSError.
            before_read: Called before each `read`, when everything that came has been handed
                out, with the number of bytes so far.
        """
        self.stream = AnthropicStream(self._pieces())
        self.failure: Failure | None = None
        self._read = read
        self._before_read = before_read
        self._begin = 0
        self._has_ended = False

    def __iter__(self) -> Iterator[tuple[int, AnthropicCallResponseChunk]]:
        """Read on to the end, or to the event that cannot be taken.

        Yields:
            `(offset, chunk)`: how many bytes come before the event's first line, and its chunk
            view. Each is yielded as soon as its event is complete.
        """
        try:
            for chunk, _tool in self.stream:
                yield self._begin, chunk
        except ChunkviewError as error:
            self.failure = Failure(
                problem=f"error event: {error}" if isinstance(error, StreamError) else str(error),
                offset=0 if self._is_about_all(error) else self._begin,
                chunk=error.chunk if isinstance(error, (ProtocolError, StreamError)) else None,
            )
        except _ReadError as error:
            self.failure = Failure(problem=str(error), offset=self._begin)

    def with_last(self) -> Iterator[tuple[int, AnthropicCallResponseChunk]]:
        """The same, and in the end the event that was not taken, if it can be read."""
        yield from self
        if self.failure is not None and self.failure.chunk is not None:
            yield self.failure.offset, self.failure.chunk

    def _is_about_all(self, error: ChunkviewError) -> bool:
        """Whether the decoder found only at the end that it was fed no event stream.

        An event that is broken comes with the error, and so does a line that no event can hold.
        """
        if not self._has_ended or not isinstance(error, DecodeError) or error.event is not None:
            return False
        return (error.received or b"").lstrip()[:1] not in (b"{", b"<")

    def _pieces(self) -> Iterator[bytes]:
        """Read, and keep count.

        No piece holds more than one event, so `_begin` is right for the chunk or the error that
        the piece gives rise to.
        """
        cutter = _Cutter()
        position = 0
        is_between = True  # nothing but line ends has come since the last blank line
        while data := self._data_at(position):
            for piece, ends_event in cutter.cut(data):
                if is_between:
                    event = piece.lstrip(b"\r\n")
                    self._begin = position + len(piece) - len(event)
                    is_between = not event
                position += len(piece)
                if piece:
                    yield piece
                is_between = is_between or ends_event
        self._has_ended = True

    def _data_at(self, position: int) -> bytes:
        if self._before_read is not None:
            self._before_read(position)
        try:
            return self._read()
        except OSError as error:
            raise _ReadError(f"cannot be read any further: {error.strerror or error}") from error


class _Cutter:
    """Cuts bytes after each blank line, also after one that is split between two reads."""

    def __init__(self) -> None:
        self._tail = b""

    def cut(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Cut what was read.

        Yields:
            `(piece, ends_event)`: the pieces join to `data`; the last one is what has come of
            the next event, perhaps nothing.
        """
        joined = self._tail + data
        start, end = len(self._tail), 0
        for blank_line in _BLANK_LINE.finditer(joined):
            end = blank_line.end()
            yield joined[start:end], True
            start = end
        yield joined[start:], False
        self._tail = joined[max(end, len(joined) - len(b"\r\n\r")) :]


class _ReadError(Exception):
    """The source failed, which is not the fault of its bytes."""
