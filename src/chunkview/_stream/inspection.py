"""Which rules the bytes and the fields of a stream break.

The decoders here note it as they decode. Only the caller knows how many chunk views came before
those that one call of `feed` or `close` gives. So what is noted has the number of its event among
these, and the caller calls `take` after each call.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from .._chunks import DONE, MessageStopChunk, is_message
from .._rules import Fault, Findings, faults_of_fields, faults_of_lines
from ..errors import DecodeError, clipped
from .fastpath import InspectedFastPath, NoFastPath
from .framing import fields_of
from .wire import ChunkDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._chunks import ChunkView
    from .beginning import Beginning
    from .wire import Fields

__all__ = ["CheckingDecoder", "Faults", "InspectedDecoder", "Inspector", "fault_of", "received_of"]


class Faults(NamedTuple):
    """What is off with one event.

    Attributes:
        number: How many chunk views of the same call came before it.
        gave_chunk: Whether a chunk view came of it. If not, it was skipped, or is broken.
        is_broken: Whether it cannot be decoded.
        faults: The rules that it breaks.
        event: What was received of it, if it is broken.
    """

    number: int
    gave_chunk: bool
    is_broken: bool
    faults: list[Fault]
    event: object = None


class Inspector:
    """Collects what is off with the events that are being decoded.

    Attributes:
        findings: The findings of the stream.
        found: What `take` will give.
        number: How many chunk views of this call came before the event that is being decoded.
        repeats: The chunk views of this call, in order, whose events break nothing but rules that
            have a finding each, with these rules. `count` counts the first one.
    """

    __slots__ = ("_of_event", "findings", "found", "number", "repeats")

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.number = 0
        self.repeats: deque[tuple[ChunkView, tuple[str, ...]]] = deque()
        self._of_event: list[Fault] = []
        self.found: list[Faults] = []

    def note(self, faults: Iterable[Fault]) -> None:
        """Note what is off with the event that is being decoded."""
        self._of_event.extend(faults)

    def end_event(self, *, gave_chunk: bool, is_broken: bool = False, event: object = None) -> None:
        """Take note that an event has been decoded, skipped, or found to be broken."""
        if self._of_event:
            found = Faults(self.number, gave_chunk, is_broken, self._of_event, event)
            self.found.append(found)
            self._of_event = []

    def look_at(self, event: Mapping[str, Any], chunk: ChunkView) -> None:
        """Note which fields of an event are missing or do not fit. It is the only one of its call.

        Args:
            event: The event.
            chunk: Its chunk view.
        """
        self.number = 0
        self.note(faults_of_fields(event, chunk))
        self.end_event(gave_chunk=True)

    def knows(self, rules: tuple[str, ...]) -> bool:
        """Whether each of these rules has a finding."""
        return self.findings.known.issuperset(rules)

    def count(self) -> None:
        """Count the first of the `repeats`, which is being taken."""
        tallies = self.findings.tallies
        for rule in self.repeats.popleft()[1]:
            tallies[rule] = tallies.get(rule, 0) + 1

    def take(self) -> list[Faults]:
        """Give what was noted, in order, and forget it."""
        found, self.found = self.found, []
        return found

    def put_before(self, found: list[Faults], count: int) -> None:
        """Put back what was taken, before what was noted since.

        Args:
            found: What `take` gave.
            count: How many chunk views came before those of what was noted since.
        """
        self.found = [*found, *(new._replace(number=new.number + count) for new in self.found)]


class InspectedDecoder(ChunkDecoder):
    """A decoder that notes which rules the bytes and the fields break."""

    __slots__ = ("_inspector",)

    def __init__(self, inspector: Inspector, **options: Any) -> None:
        """Make a decoder for one body.

        Args:
            inspector: Takes the faults.
            **options: The options of `ChunkDecoder`.
        """
        super().__init__(**options)
        self._inspector = inspector
        if not isinstance(self._fast, NoFastPath):
            self._fast = InspectedFastPath(inspector)

    def _take_generally(self, event: bytes, chunks: list[ChunkView], fields: Fields | None) -> None:
        self._inspector.number = len(chunks)
        super()._take_generally(event, chunks, fields)

    def _decode(self, event: bytes, fields: Fields | None) -> ChunkView | None:
        chunk: ChunkView | None = None
        beginning = self._beginning
        try:
            chunk = super()._decode(event, fields)
        finally:
            self._end_event(beginning, gave_chunk=chunk is not None)
        return chunk

    def _decode_value(self, name: bytes, value: Any, payload: bytes) -> ChunkView | None:
        faults = faults_of_lines(name, value, payload)
        try:
            chunk = super()._decode_value(name, value, payload)
        except DecodeError as error:
            # The error tells of one of them. Whoever takes it notes that one.
            self._inspector.note([fault for fault in faults if fault.rule != error.rule])
            raise
        self._inspector.note(faults)
        if chunk is not None and value.__class__ is dict:
            self._inspector.note(faults_of_fields(value, chunk))
        return chunk

    def _decode_without_data(
        self, event: bytes, name: bytes, payload: bytes | None
    ) -> ChunkView | None:
        self._inspector.note(faults_of_lines(name, None, b""))
        return super()._decode_without_data(event, name, payload)

    def _decode_last(self, rest: bytes) -> ChunkView | None:
        chunk: ChunkView | None = None
        beginning = self._beginning
        self._inspector.number = 0
        if beginning is not None:
            rest = beginning.without_mark(rest)
        try:
            chunk = super()._decode_last(rest)
            if chunk is not None:
                self._inspector.note([Fault("last_event_unterminated", _lost(chunk))])
            else:
                self._note_done(rest)
        except DecodeError as error:
            if not error.truncated and fields_of(rest)[1]:
                self._inspector.note([Fault("last_event_unterminated")])
            raise
        finally:
            self._end_event(beginning, gave_chunk=chunk is not None)
        return chunk

    def _note_done(self, rest: bytes) -> None:
        """Note an end mark that lacks its blank line. It is skipped like any other."""
        name, payload = fields_of(rest)
        if payload is not None and payload.strip() == DONE:
            self._inspector.note(faults_of_lines(name, None, payload))

    def _decode_parsed_document(self, document: dict[str, Any], chunks: list[ChunkView]) -> None:
        beginning, self._beginning = self._beginning, None
        rule = "body_is_message" if is_message(document) else "body_is_error"
        self._inspector.number = 0
        self._inspector.note([Fault(rule)])
        self._end_event(beginning, gave_chunk=True)
        super()._decode_parsed_document(document, chunks)

    def _end_event(self, beginning: Beginning | None, *, gave_chunk: bool) -> None:
        """End an event. The first one with data has the byte order mark."""
        if beginning is not None and beginning.has_mark and self._beginning is None:
            self._inspector.note([Fault("byte_order_mark")])
        self._inspector.end_event(gave_chunk=gave_chunk)


class CheckingDecoder(InspectedDecoder):
    """A decoder that notes a broken event and goes on with the next one.

    It has no fast path, so that each fault belongs to its own event.
    """

    __slots__ = ()

    def __init__(self, inspector: Inspector, **options: Any) -> None:
        """Make a decoder for one body: as `InspectedDecoder`."""
        super().__init__(inspector, **options)
        self._fast = NoFastPath()

    def _decode(self, event: bytes, fields: Fields | None) -> ChunkView | None:
        try:
            return super()._decode(event, fields)
        except DecodeError as error:
            self._note_broken(error)
            return None

    def _decode_last(self, rest: bytes) -> ChunkView | None:
        try:
            return super()._decode_last(rest)
        except DecodeError as error:
            if error.truncated:
                raise
            self._note_broken(error)
            return None

    def _note_broken(self, error: DecodeError) -> None:
        """Note a broken event.

        Raises:
            DecodeError: No event came before it: the body is no event stream.
        """
        if self._beginning is not None:
            raise error
        self._inspector.note([fault_of(error)])
        self._inspector.end_event(gave_chunk=False, is_broken=True, event=received_of(error))


def _lost(chunk: ChunkView) -> str:
    """Say what a client loses that drops the last event."""
    no_more = ", and no content" if isinstance(chunk, MessageStopChunk) else ""
    return f"clients lose {clipped(chunk.type)}{no_more}"


def received_of(error: DecodeError) -> object:
    """What was received of an event that cannot be decoded."""
    return error.event if error.received is None else error.received


def fault_of(error: DecodeError) -> Fault:
    """The rule that an event breaks which cannot be decoded."""
    return Fault(error.rule or "data_not_object", str(error))
