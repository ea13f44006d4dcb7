"""How long a stream took: the times of an AnthropicStream that was given a clock.

A stopwatch reads the clock before and after each wait for the source. Only a stream with a clock
wraps its source and its intake for that; the loop over them is the same for all streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._chunks import ContentBlockStartChunk, InputJsonDeltaChunk, MessageStartChunk
from .._model import McpToolUseBlock, ServerToolUseBlock, ToolUseBlock
from .._value import Value, value
from .intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import ChunkView
    from .._model import ContentBlock

__all__ = ["Stopwatch", "TimedIntake", "TimedItems", "Timings", "has_content"]


@value
class Timings(Value):
    """How long a stream took, in seconds.

    Time begins when the stream first waits for its source, at the first step of the iteration.
    All events in one piece of a body have the time at which the piece came.

    Attributes:
        to_first_event: The time to the first event, of any type. None before it comes.
        to_first_content: The time to the first text, thinking or tool input. None before it comes.
            Empty deltas do not count.
        longest_gap: After the first event, the longest wait for the next event or for the end of
            the source. None before the first event. Only time in which the stream waits counts,
            not the time that your code takes between two chunks. The server may go on sending
            during that time, so slow code can make a gap shorter, but never longer.
        duration: The time until the source last gave something, ended or failed. None before
            that. It includes the time that your code takes between two chunks.
    """

    to_first_event: float | None = None
    to_first_content: float | None = None
    longest_gap: float | None = None
    duration: float | None = None


class Stopwatch:
    """Measures how long one stream waits for its source."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Prepare to measure. The clock is first read when the first wait begins.

        Args:
            clock: Gives the time in seconds, counted from any moment. It never goes back.
        """
        self._clock = clock
        self._begin: float | None = None
        self._wait_began = 0.0
        self._wait_ended: float | None = None
        self._zero = 0.0
        """No time, of the type that the clock's differences have: a Decimal, say."""
        self._waited = 0.0
        """Seconds of waiting since the last event."""
        self._longest = 0.0
        """Seconds of waiting between two events, at most."""
        self._to_first_event: float | None = None
        self._to_first_content: float | None = None

    @property
    def timings(self) -> Timings:
        """The times up to the end of the last wait."""
        is_empty = self._to_first_event is None
        return Timings(
            to_first_event=self._to_first_event,
            to_first_content=self._to_first_content,
            # The last wait may have ended without an event: the source ended, or failed.
            longest_gap=None if is_empty else max(self._longest, self._waited),
            duration=self._elapsed(),
        )

    def begin_wait(self) -> None:
        """Note that the stream begins to wait for its source.

        Raises:
            RuntimeError: The clock raised StopIteration or StopAsyncIteration.
        """
        self._wait_began = self._read()
        if self._begin is None:
            self._begin = self._wait_began
            self._zero = self._waited = self._longest = self._begin - self._begin

    def end_wait(self) -> None:
        """Note that the source gave something, ended, or failed.

        Raises:
            RuntimeError: The clock raised StopIteration or StopAsyncIteration.
        """
        self._wait_ended = self._read()
        self._waited += self._wait_ended - self._wait_began

    def note(self, chunks: list[ChunkView]) -> None:
        """Take the events that the last wait completed.

        Args:
            chunks: Their chunk views, possibly none.
        """
        if not chunks:
            return
        if self._to_first_event is None:
            self._to_first_event = self._elapsed()
        else:
            self._longest = max(self._longest, self._waited)
        self._waited = self._zero
        if self._to_first_content is None and any(map(has_content, chunks)):
            self._to_first_content = self._elapsed()

    def _read(self) -> float:
        try:
            return self._clock()
        except (StopIteration, StopAsyncIteration) as error:
            # The loop over the source would take it for the end of the source.
            raise RuntimeError(f"the clock raised {type(error).__name__}") from error

    def _elapsed(self) -> float | None:
        if self._begin is None or self._wait_ended is None:
            return None
        return self._wait_ended - self._begin


class TimedItems:
    """A source, or an iterator over it, that tells a stopwatch when it is waited for."""

    def __init__(self, items: Any, stopwatch: Stopwatch) -> None:
        """Wrap a source.

        Args:
            items: An iterable, an asynchronous iterable, or an iterator of either kind.
            stopwatch: What is told.
        """
        self._items = items
        self._stopwatch = stopwatch

    def __iter__(self) -> TimedItems:
        return TimedItems(iter(self._items), self._stopwatch)

    def __next__(self) -> Any:
        self._stopwatch.begin_wait()
        try:
            return next(self._items)
        finally:
            self._stopwatch.end_wait()

    def __aiter__(self) -> TimedItems:
        return TimedItems(aiter(self._items), self._stopwatch)

    async def __anext__(self) -> Any:
        self._stopwatch.begin_wait()
        try:
            return await anext(self._items)
        finally:
            self._stopwatch.end_wait()


class TimedIntake(Intake):
    """An intake that tells a stopwatch which events are complete."""

    __slots__ = ("_stopwatch",)

    def __init__(self, stopwatch: Stopwatch, **options: Any) -> None:
        """Prepare to take items.

        Args:
            stopwatch: What is told.
            **options: The arguments of `Intake`.
        """
        super().__init__(**options)
        self._stopwatch = stopwatch

    def chunks_of(self, item: Any) -> list[ChunkView]:
        """Do the same as `Intake.chunks_of`, and note the chunk views."""
        chunks = super().chunks_of(item)
        self._stopwatch.note(chunks)
        return chunks

    def end(self) -> list[ChunkView]:
        """Do the same as `Intake.end`, and note the chunk views."""
        chunks = super().end()
        self._stopwatch.note(chunks)
        return chunks


def has_content(chunk: ChunkView) -> bool:
    """Whether a chunk view adds text, thinking or tool input."""
    if chunk.content or chunk.thinking:
        return True
    if isinstance(chunk, InputJsonDeltaChunk):
        return bool(chunk.partial_json)
    blocks: tuple[ContentBlock, ...] = ()
    if isinstance(chunk, ContentBlockStartChunk):
        blocks = (chunk.content_block,)
    elif isinstance(chunk, MessageStartChunk):
        blocks = chunk.message.content
    return any(
        isinstance(block, (ToolUseBlock, ServerToolUseBlock, McpToolUseBlock)) and bool(block.input)
        for block in blocks
    )
