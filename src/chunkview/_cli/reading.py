"""A recorded or live stream, read event by event, with the place of each event in the bytes.

`ChunkDecoder` does not say where in the body an event began, which a message about a broken
recording needs. So a `Framer` cuts the bytes after each event before they are decoded: a chunk or
an error then belongs to the event that was fed last.
"""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from .._chunks import AnthropicCallResponseChunk
from .._stream import AnthropicStream, Framer
from ..errors import ChunkviewError, DecodeError, ProtocolError, StreamError
from ..recordings import Boundary, RecordingError, tag_of_sse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..recordings import Recording

__all__ = ["Body", "Failure", "Item", "Kept", "Reading"]


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
        self._use(Body(read, before_read=before_read), clock)

    @classmethod
    def of(cls, items: Body | Recording, *, clock: Callable[[], float] | None = None) -> Reading:
        """Prepare to read the next message of a body, or a recording.

        Args:
            items: The body, or the recording.
            clock: As for `AnthropicStream`.
        """
        reading = cls.__new__(cls)
        if isinstance(items, Body):
            reading._use(items, clock)
        else:
            reading._use(_Items(items) if items.offsets else _body_of(items), clock)
        return reading

    def _use(self, items: Body | _Items, clock: Callable[[], float] | None) -> None:
        self._items: Body | _Items = items
        self._clock = clock
        self.stream = AnthropicStream(items.pieces(), clock=clock)
        self.failure: Failure | None = None

    def keep(self) -> Kept:
        """Keep what is read. Call this before the iteration, at most once.

        Returns:
            What will have been read. Its memory grows with the source.
        """
        kept = Kept(self._items, self._clock)
        self.stream = AnthropicStream(kept, clock=kept.clock)
        return kept

    def __iter__(self) -> Iterator[tuple[int, AnthropicCallResponseChunk]]:
        """Read to the end, or to the event that fails.

        Yields:
            `(offset, chunk)`: how many bytes come before the event's first line, and its chunk
            view. Each is yielded as soon as its event is complete.
        """
        items = self._items
        try:
            for chunk, _tool in self.stream:
                yield items.begin, chunk
        except ChunkviewError as error:
            self.failure = self._failure_of(error)
        except ReadError as error:
            self.failure = Failure(problem=str(error), offset=items.begin)
        if self.failure is None and items.error is not None:
            # The message was finished before the file broke.
            self.failure = self._failure_of(items.error)

    def _failure_of(self, error: ChunkviewError) -> Failure:
        cause = error if isinstance(error, RecordingError) else error.__cause__
        if isinstance(cause, RecordingError):
            return Failure(problem=cause.problem, offset=cause.offset)
        return Failure(
            problem=f"the server sent an error event: {error}"
            if isinstance(error, StreamError)
            else str(error),
            offset=self._items.start if self._items.is_about_all(error) else self._items.begin,
            chunk=error.chunk if isinstance(error, (ProtocolError, StreamError)) else None,
        )

    def with_last(self) -> Iterator[tuple[int, AnthropicCallResponseChunk]]:
        """Iterate likewise, and at the end yield the event that failed, if it can be read."""
        yield from self
        if self.failure is not None and self.failure.chunk is not None:
            yield self.failure.offset, self.failure.chunk


@attrs.frozen
class Item:
    """A piece of a body, or an event, as it was read.

    Attributes:
        value: What was read: of a body no more than one event, otherwise an event.
        offset: How many bytes come before the first line of the event.
        seconds: When it came, counted from the start of reading, or from the request if the file
            tells that; None if nobody knows.
    """

    value: Any
    offset: int
    seconds: float | None


class Kept:
    """Iterates over the items of a source, and keeps them.

    Attributes:
        items: What was read so far.
        clock: The clock that says when; None if nobody knows.
    """

    def __init__(self, source: Body | _Items, clock: Callable[[], float] | None) -> None:
        """Prepare to read.

        Args:
            source: The source.
            clock: As for `AnthropicStream`.
        """
        self.items: list[Item] = []
        self.clock = None if clock is None else _from_zero(clock)
        self._source = source
        self._pieces = source.pieces()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        value = next(self._pieces)
        seconds = None if self.clock is None else self.clock()
        self.items.append(Item(value, self._source.begin, seconds))
        return value

    def keep_rest(self) -> None:
        """Read the source to its end, or to where it cannot be read any further."""
        with suppress(ReadError, DecodeError):
            for _ in self:
                pass


class Body:
    """The bytes of a body, event by event. It may hold several messages.

    Attributes:
        start: How many bytes come before the current message.
        begin: How many bytes come before the first line of the event that was given last.
        error: Why the file that the body is from is not whole, or None.
    """

    def __init__(
        self,
        read: Callable[[], bytes],
        *,
        before_read: Callable[[int], None] | None = None,
        start: int = 0,
    ) -> None:
        """Begin a body.

        Args:
            read: As for `Reading`.
            before_read: As for `Reading`.
            start: How many bytes come before the body.
        """
        self.start = self.begin = start
        self.error: ChunkviewError | None = None
        self._base = start
        self._read = read
        self._before_read = before_read
        self._framer = Framer()
        self._boundary = Boundary()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._passed_on = 0
        self._position = 0
        self._has_ended = self._has_next = False

    def pieces(self) -> Iterator[bytes]:
        """Read the current message, and give the decoder no more than one event at a time.

        The bytes of an incomplete event are passed on as well, as soon as they arrive: the
        decoder refuses some bodies by their first bytes, and an event that grows too long.
        """
        framer = self._framer
        while True:
            yield from self._events()
            if self._has_next:
                return
            self.begin = self._base + framer.offset + _line_ends_before(framer.buffer)
            # After the end of a message, the beginning of an event may belong to the next one.
            if not self._boundary.is_over:
                yield from self._news()
            if not (data := self._data()):
                break
            self._position += len(data)
            events = framer.feed(data)
            begin = self._base + framer.offset - sum(map(len, events))
            for event in events:
                self._waiting.append((begin, event))
                begin += len(event)
        self._has_ended = True
        yield from self._news()

    def goes_on(self) -> bool:
        """Pass over the rest of the current message. Say whether there is another one.

        What comes after half an event, or is no event stream, is not looked at.
        """
        if self._passed_on or self._has_ended:
            return False
        if not self._has_next:
            with suppress(ReadError):
                for _ in self.pieces():
                    if self._passed_on > _LONGEST:
                        return False
        has_next, self._has_next = self._has_next, False
        return has_next

    def is_about_all(self, error: ChunkviewError) -> bool:
        """Whether the error is about the whole body: it turned out at the end to be no stream.

        An error about one event holds that event, or a line that cannot belong to any event.
        """
        if not self._has_ended or not isinstance(error, DecodeError) or error.event is not None:
            return False
        return (error.received or b"").lstrip()[:1] not in (b"{", b"<")

    def _events(self) -> Iterator[bytes]:
        """Give the events that wait, up to the one that begins the next message."""
        while self._waiting:
            begin, event = self._waiting[0]
            if self._boundary.begins(tag_of_sse(event)):
                self._has_next = True
                self.start = begin
                return
            self._waiting.popleft()
            self.begin = begin + _line_ends_before(event)
            passed_on, self._passed_on = self._passed_on, 0
            yield event[passed_on:]

    def _news(self) -> Iterator[bytes]:
        """Give what is new of the incomplete event."""
        # A slice: a copy of the whole rest at each read would take quadratic time.
        if news := bytes(self._framer.buffer[self._passed_on :]):
            self._passed_on += len(news)
            yield news

    def _data(self) -> bytes:
        if self._before_read is not None:
            self._before_read(self._position)
        try:
            return self._read()
        except OSError as error:
            raise ReadError(f"cannot be read any further: {error.strerror or error}") from error


class _Items:
    """The source of a recording.

    Attributes:
        start: How many bytes of the file come before the recording.
        begin: How many bytes of the file come before the item that was given last.
        error: Why the recording is not whole, or None.
    """

    def __init__(self, recording: Recording) -> None:
        self.start = self.begin = recording.offset
        self.error = recording.error if isinstance(recording.error, ChunkviewError) else None
        self._recording = recording

    def pieces(self) -> Iterator[Any]:
        """Give the events."""
        offsets = iter(self._recording.offsets)
        for item in self._recording.source:
            self.begin = next(offsets, self.begin)
            yield item

    def is_about_all(self, error: ChunkviewError) -> bool:
        """Whether the error is about the whole body: there is none."""
        return False


def _body_of(recording: Recording) -> Body:
    source = recording.source
    pieces = iter((source,) if isinstance(source, bytes) else source)
    body = Body(lambda: next(pieces, b""), start=recording.offset)
    body.error = recording.error if isinstance(recording.error, ChunkviewError) else None
    return body


def _from_zero(clock: Callable[[], float]) -> Callable[[], float]:
    """A clock that shows 0 at the first look."""
    start: float | None = None

    def seconds() -> float:
        nonlocal start
        now = clock()
        if start is None:
            start = now
        return now - start

    return seconds


# An event may be as long.
_LONGEST = 64 * 1024 * 1024
_LINE_ENDS = re.compile(rb"[\r\n]*")


def _line_ends_before(event: bytes | bytearray) -> int:
    """Count the bytes before the event's first line."""
    found = _LINE_ENDS.match(event)
    return 0 if found is None else found.end()


class ReadError(Exception):
    """The source failed; its bytes are not at fault."""
