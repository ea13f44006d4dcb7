"""A source to its messages: to the only one, or one by one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from .._chunks import ErrorChunk, MessageStartChunk, MessageStopChunk
from .._rules import Findings
from ..errors import DecodeError, ProtocolError
from .accumulate import Accumulator, HeadAccumulator
from .failures import is_cut_after_end, raise_unless_finished, raise_with_partial
from .inspection import Inspector
from .intake import EVERY_PARENT, EveryParent, Intake
from .items import items_of, sync_items_of
from .iterate import events_of
from .size import MAX_BYTES
from .wire import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator

    from .._chunks import ChunkView
    from .._model import Message
    from .accumulate import Strict
    from .inspection import Faults
    from .items import AsyncSource, Source

__all__ = ["aaccumulate", "accumulate", "aiter_messages", "iter_messages"]


def accumulate(
    source: Source,
    *,
    strict: Strict = False,
    max_bytes: int = MAX_BYTES,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Message:
    """Accumulate a whole stream into its Message.

    Args:
        source: What `iter_chunks` takes: one whole body as bytes, a file opened in binary mode,
            or an iterable of pieces of a body or of events. Of Claude Code's interleaved
            sub-agents, only the one of the first event is followed; `iter_messages` gives all.
        strict: As for `Accumulator`.
        max_bytes: As for `Accumulator`.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Returns:
        The finished Message.

    Raises:
        ProtocolError: An event is refused (see `Accumulator`), does not fit into `max_bytes`, or
            has a finding that `strict` does not allow; `partial` is the message so far.
        StreamError: The stream holds an error event; `partial` is the message before it.
        IncompleteStreamError: The stream ended before `message_stop` or a stop reason; `partial`
            is the message so far.
        DecodeError: An event cannot be decoded; `partial` is the message before it.
        TypeError: As for `iter_chunks`.
        ValueError: `strict` is none of its values.
    """
    reading = _Reading(strict, max_bytes, loads=loads, max_event_bytes=max_event_bytes)
    with reading.failures():
        if strict:
            for item in sync_items_of(source):
                reading.take(item)
            reading.end()
        else:
            options: dict[str, Any] = {"loads": loads, "max_event_bytes": max_event_bytes}
            reading.accumulator.extend(events_of(source, **options))
    return reading.accumulator.finish()


async def aaccumulate(
    source: AsyncSource,
    *,
    strict: Strict = False,
    max_bytes: int = MAX_BYTES,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Message:
    """Accumulate a whole stream into its Message: as `accumulate`, for an asynchronous source.

    Args:
        source: What `aiter_chunks` takes.
        strict: As for `Accumulator`.
        max_bytes: As for `Accumulator`.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Returns:
        The finished Message.

    Raises:
        ChunkviewError: As for `accumulate`.
        TypeError: As for `iter_chunks`.
        ValueError: As for `accumulate`.
    """
    items = items_of(source)
    if not hasattr(items, "__aiter__"):
        options: dict[str, Any] = {"loads": loads, "max_event_bytes": max_event_bytes}
        return accumulate(items, strict=strict, max_bytes=max_bytes, **options)
    reading = _Reading(strict, max_bytes, loads=loads, max_event_bytes=max_event_bytes)
    with reading.failures():
        async for item in items:
            reading.take(item)
        reading.end()
    return reading.accumulator.finish()


class _Reading:
    """Takes the items of a source into one accumulator.

    Attributes:
        accumulator: The accumulator.
    """

    __slots__ = ("_inspector", "_intake", "accumulator")

    def __init__(self, strict: Strict, max_bytes: int, **options: Any) -> None:
        """Prepare to take items.

        Args:
            strict: As for `Accumulator`. If it is False, nobody wants the findings.
            max_bytes: As for `Accumulator`.
            **options: The options of `ChunkDecoder`.
        """
        self.accumulator = HeadAccumulator(strict=strict, max_bytes=max_bytes)
        self._inspector = Inspector(self.accumulator.noted) if strict else None
        self._intake = Intake(one_parent=True, inspector=self._inspector, **options)

    def take(self, item: Any) -> None:
        """Take the next item."""
        self._add(self._intake.chunks_of(item))

    def end(self) -> None:
        """Take the end of the source."""
        self._add(self._intake.end())

    def _add(self, chunks: list[ChunkView]) -> None:
        if self._inspector is not None and self._inspector.found:
            self.accumulator.expect(self._inspector.take())
        self.accumulator.extend(chunks)
        if self._inspector is not None:
            self._inspector.repeats.clear()  # nobody wants the numbers
        self._intake.check()

    @contextmanager
    def failures(self) -> Generator[None]:
        """Give the errors that end the stream the message so far."""
        try:
            yield
        except (DecodeError, ProtocolError) as error:
            raise_unless_finished(error, self.accumulator)
            self.accumulator.note_error(error)


def iter_messages(
    source: Source,
    *,
    parent: str | EveryParent | None = EVERY_PARENT,
    strict: Strict = False,
    max_bytes: int = MAX_BYTES,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Iterator[Message]:
    """Accumulate the messages of a source, one after the other.

    A `message_start` after a `message_stop` begins a new message. Of Claude Code's interleaved
    sub-agents, each has messages of its own.

    Args:
        source: What `iter_chunks` takes.
        parent: Whose messages to give: the id of the tool call that started a sub-agent
            (`parent_tool_use_id`), or None for the main agent. By default those of all.
        strict: As for `Accumulator`.
        max_bytes: As for `Accumulator`, for each message.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Yields:
        Each Message as soon as its `message_stop` has come; at the end of the source those that
        have a stop reason, but no `message_stop`. If several messages are unfinished then, they are
        yielded too, before IncompleteStreamError is raised. What comes after a `message_stop` and
        belongs to no new message is checked, but changes nothing.

    Raises:
        ChunkviewError: As for `accumulate`: `partial` is the message that the error broke, and all
            messages before it have been yielded. A source without any message raises, too.
        TypeError: As for `iter_chunks`.
        ValueError: `strict` is none of its values.
    """
    options: dict[str, Any] = {"loads": loads, "max_event_bytes": max_event_bytes}
    messages = _Messages(parent, strict=strict, max_bytes=max_bytes, **options)
    yield from messages.of_items(sync_items_of(source))


async def aiter_messages(
    source: AsyncSource,
    *,
    parent: str | EveryParent | None = EVERY_PARENT,
    strict: Strict = False,
    max_bytes: int = MAX_BYTES,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> AsyncIterator[Message]:
    """Accumulate the messages of a source, asynchronous or not: as `iter_messages`.

    Args:
        source: What `aiter_chunks` takes.
        parent: As for `iter_messages`.
        strict: As for `Accumulator`.
        max_bytes: As for `Accumulator`, for each message.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Yields:
        As for `iter_messages`.

    Raises:
        ChunkviewError: As for `iter_messages`.
        TypeError: As for `iter_chunks`.
        ValueError: As for `iter_messages`.
    """
    items = items_of(source)
    options: dict[str, Any] = {"loads": loads, "max_event_bytes": max_event_bytes}
    messages = _Messages(parent, strict=strict, max_bytes=max_bytes, **options)
    if not hasattr(items, "__aiter__"):
        for message in messages.of_items(items):
            yield message
        return
    async for item in items:
        for message in messages.of_item(item):
            yield message
    for message in messages.at_end():
        yield message


class _Messages:
    """Takes the items of a source and gives the messages that they finish.

    One accumulator for each parent has its current message, or the last one, until the next
    begins.
    """

    __slots__ = (
        "_accumulators",
        "_finished",
        "_inspector",
        "_intake",
        "_max_bytes",
        "_strict",
        "_without_events",
    )

    def __init__(
        self,
        parent: str | EveryParent | None,
        *,
        strict: Strict,
        max_bytes: int,
        **options: Any,
    ) -> None:
        """Prepare to take items.

        Args:
            parent: As for `iter_messages`.
            strict: As for `Accumulator`.
            max_bytes: As for `Accumulator`, for each message.
            **options: The options of `Intake`.
        """
        # This also checks the options before the first item comes.
        self._without_events = Accumulator(strict=strict, max_bytes=max_bytes)
        self._strict: Strict = strict
        self._max_bytes = max_bytes
        self._inspector = Inspector(Findings()) if strict else None
        self._intake = Intake(inspector=self._inspector, **options)
        if not isinstance(parent, EveryParent):
            self._intake.follow(parent)
        self._accumulators: dict[str | None, HeadAccumulator] = {}
        # Those whose current message has been given.
        self._finished: set[str | None] = set()

    def of_items(self, items: Iterable[Any]) -> Iterator[Message]:
        """Take all items of a source that is not asynchronous."""
        for item in items:
            yield from self.of_item(item)
        yield from self.at_end()

    def of_item(self, item: Any) -> Iterator[Message]:
        """Take the next item."""
        try:
            yield from self._of_chunks(self._intake.chunks_of(item))
            self._intake.check()
        except (DecodeError, ProtocolError) as error:
            self._raise(error)

    def at_end(self) -> Iterator[Message]:
        """Take the end of the source: give what is finished, and raise for what is not."""
        try:
            yield from self._of_chunks(self._intake.end())
            self._intake.check()
        except (DecodeError, ProtocolError) as error:
            current = self._current or HeadAccumulator()
            if not is_cut_after_end(error, current):
                self._raise(error)
            current.note_error(error)
        if self._strict:
            for parent in self._finished:
                self._accumulators[parent].finish()
        rest = [
            accumulator
            for parent, accumulator in self._accumulators.items()
            if parent not in self._finished
        ]
        is_empty = not self._finished
        for accumulator in rest:
            if accumulator.complete:
                is_empty = False
                yield accumulator.finish()
        # Pings alone are no message. But an answer that is missing altogether is an error.
        unfinished = [
            (accumulator, message)
            for accumulator in rest
            if not accumulator.complete and (message := accumulator.message) is not None
        ]
        if len(unfinished) > 1:  # an error has room for one message
            yield from [message for _, message in unfinished]
        if unfinished:
            unfinished[0][0].finish()
        elif is_empty:
            next(iter(rest), self._without_events).finish()

    def _of_chunks(self, chunks: list[ChunkView]) -> Iterator[Message]:
        parent = self._intake.parent
        found = [] if self._inspector is None else self._inspector.take()
        faults: dict[int, list[Faults]] = {}
        for one in found:
            faults.setdefault(one.number, []).append(one._replace(number=0))
        for number, chunk in enumerate(chunks):
            if parent in self._finished and isinstance(chunk, (MessageStartChunk, ErrorChunk)):
                self._finished.remove(parent)
                given = self._accumulators.pop(parent)
                if self._strict:  # something may be off after the message was given
                    given.finish()
            accumulator = self._accumulators.get(parent)
            if accumulator is None:
                accumulator = HeadAccumulator(strict=self._strict, max_bytes=self._max_bytes)
                self._accumulators[parent] = accumulator
            if number in faults:
                accumulator.expect(faults[number])
            accumulator.add(chunk)
            if isinstance(chunk, MessageStopChunk) and parent not in self._finished:
                self._finished.add(parent)
                yield accumulator.finish()
        current = self._current
        if len(chunks) in faults and current is not None:  # of what was skipped at the end
            current.expect(faults[len(chunks)])

    @property
    def _current(self) -> HeadAccumulator | None:
        """What has the message that the last item belongs to."""
        return self._accumulators.get(self._intake.parent)

    def _raise(self, error: DecodeError | ProtocolError) -> NoReturn:
        """Raise an error with the message that it broke. A message that was given is not broken."""
        current = None if self._intake.parent in self._finished else self._current
        raise_with_partial(error, None if current is None else current.message)
