"""All findings of a source: what is off with it, to its end.

What ends a stream elsewhere is a finding here, and the events after it are looked at, too.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._chunks import ErrorChunk, MessageStartChunk
from .._rules import Fault, Findings
from ..errors import DecodeError, ProtocolError, clipped, shown
from .accumulate import HeadAccumulator
from .inspection import Faults, Inspector, fault_of, received_of
from .intake import Intake
from .items import sync_items_of
from .order import has_form_of_api
from .wire import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import ChunkView
    from .._rules import Finding
    from .items import Source

__all__ = ["check", "check_each"]


def check(source: Source, *, max_event_bytes: int = MAX_EVENT_BYTES) -> list[Finding]:
    """Find which rules a stream breaks.

    It reads the source to its end: it goes on after what raises elsewhere, and looks at each
    message. A `message_start` after a `message_stop` begins a new one. In a body that is a finding;
    in Claude Code's lines it is not.

    An error event breaks a message off, so nothing is missing at the end of it. What follows in a
    body is an `event_after_error`: its bytes and fields are looked at, but not its order. In Claude
    Code's lines, a `message_start` begins the answer to the next request.

    Args:
        source: What `chunkview.iter_chunks` takes.
        max_event_bytes: As for `chunkview.ChunkDecoder`. A longer event ends the reading.

    Returns:
        The findings, message by message: of each at most 100, in the order in which they were
        found. `position` is the number of the event in the source.

    Raises:
        TypeError: As for `chunkview.iter_chunks`.
    """
    return check_each(source, _ignore, max_event_bytes=max_event_bytes)


def check_each(
    source: Source,
    see: Callable[[ChunkView | None, object], None],
    *,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> list[Finding]:
    """Do the same as `check`, and hand over each event.

    Args:
        source: As for `check`.
        see: Called for each event: with its chunk view and None, or with None and what was received
            of an event that cannot be decoded. Its first call is about the event with the position
            0, and so on.
        max_event_bytes: As for `check`.

    Returns:
        As `check` does.
    """
    checker = _Checker(see, max_event_bytes=max_event_bytes)
    for item in sync_items_of(source):
        if not checker.take(item):
            break
    return checker.findings_at_end()


def _ignore(chunk: ChunkView | None, received: object) -> None:
    """See an event, and do nothing."""


class _Checker:
    """Takes the items of a source."""

    __slots__ = ("_current", "_inspector", "_intake", "_messages", "_position", "_see")

    def __init__(self, see: Callable[[ChunkView | None, object], None], **options: Any) -> None:
        self._see = see
        self._inspector = Inspector(Findings())
        self._intake = Intake(inspector=self._inspector, goes_on=True, **options)
        self._messages: list[_Check] = []
        self._current: dict[str | None, _Check] = {}
        """The message of each parent that is under way, or that was the last."""
        self._position = 0

    def take(self, item: Any) -> bool:
        """Take the next item. Say whether to go on."""
        try:
            self._add(self._intake.chunks_of(item))
            self._intake.check()
        except DecodeError as error:
            self._note_broken(error)
        return not self._intake.is_broken

    def findings_at_end(self) -> list[Finding]:
        """Take the end of the source, and give all findings."""
        try:
            self._add(self._intake.end())
            self._intake.check()
        except DecodeError as error:
            if not error.truncated:
                self._note_broken(error)
            else:
                self._add([])  # a byte order mark may be off with half an event, too
                if self._message.is_complete:
                    self._message.note([Fault("last_event_unterminated")], self._position)
        if not self._messages:
            # An empty source lacks a message.
            self._message.note([Fault("stream_cut", "no event came")], 0)
            return self._message.findings
        is_known = not self._intake.is_broken
        return [
            finding
            for message in self._messages
            for finding in message.findings_at_end(is_known=is_known)
        ]

    @property
    def _message(self) -> _Check:
        """The message of the parent whose item came last."""
        return self._current.get(self._intake.parent) or self._begin()

    def _begin(self) -> _Check:
        message = _Check()
        self._current[self._intake.parent] = message
        self._messages.append(message)
        return message

    def _add(self, chunks: list[ChunkView]) -> None:
        found = self._inspector.take()
        at = 0
        for number, chunk in enumerate(chunks):
            while at < len(found) and found[at].number == number and not found[at].gave_chunk:
                self._note(found[at])
                at += 1
            faults: list[Fault] = []
            if at < len(found) and found[at].number == number:
                faults = found[at].faults
                at += 1
            self._add_chunk(chunk, faults)
        for rest in found[at:]:
            self._note(rest)

    def _note(self, found: Faults) -> None:
        """Note what is off with something that gave no chunk view. If broken, it is an event."""
        if found.is_broken:
            self._message.add_broken(found.faults, self._position)
            self._end_event(None, found.event)
        else:
            self._message.note(found.faults, self._position)

    def _add_chunk(self, chunk: ChunkView, faults: list[Fault]) -> None:
        message = self._message
        if isinstance(chunk, MessageStartChunk):
            is_body = not self._intake.has_seen_wrapper
            # An error ends a body, but of an agent only the answer to one request.
            is_over = not is_body if message.is_after_error else message.is_stopped
            if is_over and is_body:
                second = Fault("second_message", "message_start came after message_stop")
                message.note([second], self._position, chunk)
            if is_over:
                message = self._begin()
        message.add(chunk, faults, self._position)
        self._end_event(chunk)

    def _note_broken(self, error: DecodeError) -> None:
        """Note what cannot be decoded."""
        self._add([])
        self._message.add_broken([fault_of(error)], self._position)
        self._end_event(None, received_of(error))

    def _end_event(self, chunk: ChunkView | None, received: object = None) -> None:
        """Hand an event over, and count it."""
        self._see(chunk, received)
        self._position += 1


class _Check:
    """Looks at the events of one message.

    Attributes:
        is_after_error: Whether an error event has come.
    """

    __slots__ = ("_accumulator", "_next_position", "is_after_error")

    def __init__(self) -> None:
        self.is_after_error = False
        self._accumulator = HeadAccumulator(max_bytes=sys.maxsize)  # nothing is left unchecked
        self._next_position = 0
        """The number of the event after the last one of the message."""

    @property
    def is_stopped(self) -> bool:
        """Whether `message_stop` has come."""
        return self._accumulator.is_stopped

    @property
    def is_complete(self) -> bool:
        """Whether the message is finished."""
        return self._accumulator.complete

    def add(self, chunk: ChunkView, faults: list[Fault], position: int) -> None:
        """Take the next event.

        Args:
            chunk: The event.
            faults: What is off with its bytes and fields.
            position: Its number in the source.
        """
        self._next_position = position + 1
        is_read = not (self.is_after_error or isinstance(chunk, ErrorChunk))
        if self.is_after_error:
            faults = [*faults, Fault("event_after_error", clipped(chunk.type))]
        if isinstance(chunk, ErrorChunk):
            # The accumulator would raise, and make the message so far each time.
            self.is_after_error = True
            if not has_form_of_api(chunk):
                faults = [*faults, Fault("error_misshapen", shown(chunk.to_event(), 120))]
        if not is_read:
            self.note(faults, position, chunk)
            return
        accumulator = self._accumulator
        accumulator.go_to(position)
        if faults:
            accumulator.expect([Faults(0, True, False, faults)])
        with suppress(ProtocolError):  # it has its finding
            accumulator.add(chunk)

    def add_broken(self, faults: list[Fault], position: int) -> None:
        """Take the next event, which cannot be decoded: arguments as for `add`."""
        self._next_position = position + 1
        if self.is_after_error:
            faults = [*faults, Fault("event_after_error")]
        self.note(faults, position)

    def note(self, faults: list[Fault], position: int, chunk: ChunkView | None = None) -> None:
        """Note what is off with something that is not added to the message."""
        for fault in faults:
            self._accumulator.noted.note(fault, position, chunk=chunk)

    @property
    def findings(self) -> list[Finding]:
        """The findings so far."""
        return list(self._accumulator.findings)

    def findings_at_end(self, *, is_known: bool) -> tuple[Finding, ...]:
        """Take the end of the message, and give all findings.

        Args:
            is_known: Whether it is known that nothing more comes.
        """
        accumulator = self._accumulator
        # A message that never started cannot be cut.
        never_started = accumulator.head is None and (
            "message_start_missing" in accumulator.noted.known
        )
        if self.is_after_error:
            # What is missing before message_stop is missing because of the error.
            is_at_end = accumulator.is_stopped
        else:
            is_at_end = accumulator.complete or (is_known and not never_started)
        if is_at_end:
            accumulator.go_to(self._next_position)
            accumulator.note_end()
        return accumulator.findings
