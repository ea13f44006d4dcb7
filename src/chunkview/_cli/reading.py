"""A recorded or live stream, read event by event, with the place of each event in the bytes.

`ChunkDecoder` does not say where in the body an event began, which a message about a broken
recording needs. So a `Framer` cuts the bytes after each event before they are decoded: a chunk or
an error then belongs to the event that was fed last.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from .._chunks import AnthropicCallResponseChunk
from .._stream import AnthropicStream, Framer
from ..errors import ChunkviewError, DecodeError, ProtocolError, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Failure", "Reading"]


@attrs.frozen
class Failure:
    """Why a stream could not be read to its end.

    Attributes:
        problem: What is wrong.
        offset: How many bytes come before the first line of the event that failed. When the
            stream ends between two events, its length; when it is not an event stream at all, 0.
        chunk: The event's chunk view, if the event itself can be read (an error event, or one
            that is refused where it is), else None.
    """

    problem: str
    offset: int
    chunk: AnthropicCallResponseChunk | None = None


class Reading:
    """Iterates over the chunk views of a stream, and knows where in the bytes each one began.

    Attributes:
        stream: The AnthropicStream that does the decoding, for the totals so far.
        failure: After the iteration, what ended it early, or None.
    """

    def __init__(
        self,
        read: Callable[[], bytes],
        *,
        before_read: Callable[[int], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Prepare to read. Nothing is read before the first iteration.

        Args:
            read: Waits for bytes and returns those that have arrived; b"" at the end. It may
                raise OSError.
            before_read: Called before each `read` with the number of bytes read so far. By then,
                every chunk view in those bytes has been yielded.
            clock: As for `AnthropicStream`.
        """
        self.stream = AnthropicStream(self._pieces(), clock=clock)
        self.failure: Failure | None = None
        self._read = read
        self._before_read = before_read
        self._begin = 0
        self._has_ended = False

    def __iter__(self) -> Iterator[tuple[int, AnthropicCallResponseChunk]]:
        """Read to the end, or to the event that fails.

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
        """Iterate likewise, and at the end yield the event that failed, if it can be read."""
        yield from self
        if self.failure is not None and self.failure.chunk is not None:
            yield self.failure.offset, self.failure.chunk

    def _is_about_all(self, error: ChunkviewError) -> bool:
        """Whether the error is about the whole body: it turned out at the end to be no stream.

        An error about one event holds that event, or a line that cannot belong to any event.
        """
        if not self._has_ended or not isinstance(error, DecodeError) or error.event is not None:
            return False
        return (error.received or b"").lstrip()[:1] not in (b"{", b"<")

    def _pieces(self) -> Iterator[bytes]:
        """Read, and give the decoder no more than one event at a time.

        The bytes of an incomplete event are passed on as well, as soon as they arrive: the
        decoder refuses some bodies by their first bytes, and an event that grows too long.
        """
        framer = Framer()
        position = passed_on = 0
        while data := self._data_at(position):
            position += len(data)
            events = framer.feed(data)
            begin = framer.offset - sum(map(len, events))
            for event in events:
                self._begin = begin + _line_ends_before(event)
                yield event[passed_on:]
                passed_on = 0
                begin += len(event)
            self._begin = begin + _line_ends_before(framer.buffer)
            # A slice: a copy of the whole rest at each read would take quadratic time.
            if news := bytes(framer.buffer[passed_on:]):
                passed_on += len(news)
                yield news
        self._has_ended = True

    def _data_at(self, position: int) -> bytes:
        if self._before_read is not None:
            self._before_read(position)
        try:
            return self._read()
        except OSError as error:
            raise _ReadError(f"cannot be read any further: {error.strerror or error}") from error


_LINE_ENDS = re.compile(rb"[\r\n]*")


def _line_ends_before(event: bytes | bytearray) -> int:
    """Count the bytes before the event's first line."""
    found = _LINE_ENDS.match(event)
    return 0 if found is None else found.end()


class _ReadError(Exception):
    """The source failed; its bytes are not at fault."""
