"""Chunk views to a Message: the order of events.

Theory of operation
===================

The accumulator is lenient about order: it refuses an event only where taking it would make the
message a lie. What is off is noted as a finding: order.py says what is off, and `_rules` how bad
that is.

1) The stream is in one of three phases:

       before  --message_start-->  during  --message_stop-->  after

   A phase is a table (`_Phase`): how it takes an event, by the event's class. An event without a
   row is refused: an event of a message before `message_start`, and content after `message_stop`.
   A second message is refused in all phases. Only `message_start` and `message_stop` change the
   phase.

2) An index names blocks by their kind (blocks.py). A delta goes to the open block of its index that
   takes it. Where there is none, text and thinking begin a side block, a signature may be for
   thinking that was closed before, and anything else goes to `unhandled`.

3) A block is open until its `content_block_stop`, or until a start of the same kind takes its
   index. A stop reason only pauses it: some servers send the stop reason first, and then the rest.

4) A block is a `Draft` (drafts.py), which takes deltas, and a repetition of its start. Everything
   else about the message is the `Head` (head.py).

A refused event raises ProtocolError, and the state stays as it was, but for its finding. So a
caller can skip the event and go on.

Nobody knows how long a stream will be, so every event costs O(1), amortised, however many came
before it. No step may copy or walk what was received: not the blocks, not their text, not unknown
keys. `message` does that, when it is asked for, and `message_stop` and `finish` walk the blocks.

`add` and `extend` have a short way past the tables for the most frequent events: deltas to the
newest block. It must do exactly what the tables do. So it is closed wherever such a delta needs
more than to be appended: after a stop reason, say, each delta is a finding.

What is kept of the events is counted against `max_bytes` (size.py). An event that does not fit is
refused before anything takes it.

A finding has the number of its event. The short way does not count: it appends one part for each
event, so the number is that of the parts, plus `_offset`. The tables set the offset anew after each
event that they take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

import attrs

from .._chunks import (
    DELTAS,
    AnthropicCallResponseChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    ErrorChunk,
    FinishReason,
    HelperEventChunk,
    MessageDeltaChunk,
    MessageStartChunk,
    MessageStopChunk,
    PingChunk,
    SignatureDeltaChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    UnknownChunk,
    UnknownDeltaChunk,
    decode,
)
from .._model import (
    AnyContentBlock,
    FallbackBlock,
    Message,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    evolved,
)
from .._rules import MAX_FINDINGS, RULES, Fault, Finding, Findings
from ..errors import (
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
    clipped,
    shown,
)
from .blocks import Blocks
from .drafts import (
    TAKERS,
    Draft,
    InputDraft,
    PartsDraft,
    State,
    draft_of,
    row_of,
)
from .failures import NOTHING_CAME, end_without_message, mistake_of
from .head import Head
from .limits import checked_limit
from .order import (
    beginning_of,
    fault_of_delta,
    faults_at_end,
    faults_of_start,
    has_form_of_api,
    lacks_stop,
)
from .size import EVENT_SIZE, MAX_BYTES, size_of
from .summary import summary_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._chunks import ChunkView, MessageStreamEvent
    from ..common import CostMetadata
    from .inspection import Faults

__all__ = [
    "Accumulator",
    "HeadAccumulator",
    "Strict",
]

Strict = bool | Literal["all"]
"""How strict to be about findings: see `Accumulator`."""


@attrs.frozen(eq=False, repr=False)
class _Phase:
    """Where in a stream we are.

    Attributes:
        rule: The rule that an event without a row in `takes` breaks.
        problem: What is wrong with such an event, after its type.
        takes: How an event is taken, by its class.
    """

    rule: str
    problem: str
    takes: Mapping[type, Callable[[Any, Any], None]]


_SIDE_BLOCKS: dict[type, Callable[[], AnyContentBlock]] = {
    TextDeltaChunk: lambda: TextBlock(""),
    ThinkingDeltaChunk: lambda: ThinkingBlock(""),
}
"""The side block that a delta begins where no open block takes it."""

_NO_PARTS: list[str] = []
"""What `extend` appends to while there is no such block: nothing ever is appended to it."""

_STOP_REASONS = frozenset(get_args(FinishReason))

_RAISES: dict[Any, frozenset[str]] = {
    False: frozenset(),
    True: frozenset({"error"}),
    "all": frozenset({"error", "warning"}),
}
"""The severities of the findings that raise, by the value of `strict`."""


class Accumulator:
    """Builds a Message from chunk views, one by one. Each event costs O(1), amortised.

    It takes events in almost any order, and notes what is off with the order in `findings`. It
    refuses an event, with a ProtocolError, only if the event needs a message and there is none
    yet, if it begins a second message, or if it is content after `message_stop`.

    Several blocks may be open at one index, at most one of each kind (text, thinking, tool use,
    …). Text and thinking that no open block of their index takes become a block of their own. A
    block that is open when a stop reason comes, as in streams cut by `max_tokens`, ends there.

    Args:
        strict: With True, an event that gets a finding of severity "error" raises ProtocolError,
            as does one of any severity with "all". So does `finish`, for what shows only at the
            end. The event is taken before that.
        max_bytes: How much the message may hold. An event that does not fit is refused. A delta
            counts its characters and 64 bytes, any other event about as many bytes as its JSON has,
            and an event that adds nothing counts nothing. This bounds the memory that a stream
            without end can take.

    Attributes:
        unhandled: Deltas that no block took, in order: unknown deltas, deltas to blocks of an
            unknown type, and deltas that fit no open block of their index, unless they are text or
            thinking.

    Raises:
        TypeError: `max_bytes` is no int.
        ValueError: `strict` is none of its values.
    """

    __slots__ = (
        "_append",
        "_at_end",
        "_blocks",
        "_chunk",
        "_ended_at",
        "_expected",
        "_findings",
        "_had_delta",
        "_had_reason",
        "_head",
        "_index",
        "_is_beginning",
        "_left",
        "_max_bytes",
        "_mistake",
        "_offence",
        "_offset",
        "_part_of",
        "_parts",
        "_phase",
        "_position",
        "_raises",
        "_taken",
        "_tool_ids",
        "unhandled",
    )

    def __init__(self, *, strict: Strict = False, max_bytes: int = MAX_BYTES) -> None:
        if not (isinstance(strict, bool) or strict == "all"):
            raise ValueError(f"expected strict to be False, True or 'all', got {shown(strict)}")
        self.unhandled: list[ChunkView] = []
        self._raises = _RAISES[strict]
        self._max_bytes = checked_limit("max_bytes", max_bytes)
        self._left = max_bytes
        """How many bytes may still come."""
        self._mistake = NOTHING_CAME
        """What may be the reason for it that there is no message."""
        self._phase = self._BEFORE
        self._head = Head()
        self._blocks = Blocks()
        self._tool_ids: set[str] = set()
        self._is_beginning = False
        """Whether message_start was the last event of the message."""
        self._had_delta = False
        """Whether a message_delta came."""
        self._had_reason = False
        """Whether a message_delta brought a stop reason."""
        self._findings = Findings()
        self._at_end: tuple[Finding, ...] = ()
        self._ended_at = -1
        """What `finish` found, and the number that the next event would have had."""
        self._chunk: ChunkView | None = None
        """The event that is being taken, and its number."""
        self._position = 0
        self._offence: Finding | None = None
        """The first finding that `strict` does not allow, until it is raised."""
        self._expected: dict[int, list[tuple[Fault, bool]]] = {}
        """What is known to be off with the next events, by their numbers.

        The flag says whether it is about the event, or about something skipped before it.
        """
        self._offset = 0
        self._taken: type | None
        """The class of the deltas that go straight to the parts, and the index of these deltas."""
        self._index: int
        self._append_to(None)

    def __repr__(self) -> str:
        """The message so far, at a bounded length."""
        return f"<{type(self).__name__}: {summary_of(self.message)}>"

    def add(self, chunk: MessageStreamEvent) -> None:
        """Take the next chunk view.

        Args:
            chunk: A chunk view, or an event that `decode` takes.

        Raises:
            ProtocolError: The event is refused: the state stays as it was, but for the finding. Or
                it does not fit into `max_bytes`: then it gets no finding. Or the event is taken,
                and has a finding that `strict` does not allow.
            StreamError: It is an error event; `partial` is the message so far.
            DecodeError: It is an event that cannot be decoded.
        """
        if chunk.__class__ is self._taken and chunk.index == self._index:  # type: ignore[union-attr]
            part = self._part_of(chunk)
            left = self._left - len(part) - EVENT_SIZE
            if left >= 0:
                self._left = left
                self._append(part)
                return
        if isinstance(chunk, AnthropicCallResponseChunk):
            self._add(chunk)  # type: ignore[arg-type]
        else:
            self._add_event(chunk)

    def extend(self, chunks: Iterable[MessageStreamEvent]) -> None:
        """Take several chunk views: the same as `add` for each, at less cost per chunk.

        Args:
            chunks: Chunk views, or events that `decode` takes.

        Raises:
            ProtocolError: As for `add`. The chunks before the offending one are accumulated.
            StreamError: As for `add`.
            DecodeError: As for `add`.
        """
        # What this does for each delta decides what accumulating costs. So the room that is left is
        # in a local variable, but for the way through the tables, which takes seven times as long.
        left = self._left
        try:
            for chunk in chunks:
                kind: Any = chunk.__class__
                if kind is self._taken and chunk.index == self._index:  # type: ignore[union-attr]
                    # To read the attribute by its name takes half the time.
                    part = chunk.text if kind is TextDeltaChunk else self._part_of(chunk)  # type: ignore[union-attr]
                    left -= len(part) + EVENT_SIZE
                    if left >= 0:
                        self._append(part)
                        continue
                    left += len(part) + EVENT_SIZE
                self._left = left
                self.add(chunk)
                left = self._left
        finally:
            self._left = left

    @property
    def message(self) -> Message | None:
        """The message so far; None before `message_start`. The accumulator can go on afterwards.

        In a block that is still open, a tool input that cannot be parsed yet is an InvalidJson.
        """
        head = self._head.message()
        if head is None:
            return None
        content = tuple([draft.block() for draft in self._blocks])
        doubt = self._head.doubt(is_complete=self.complete)
        return evolved(head, content=content, doubt=doubt)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is off with the order and the data of the stream so far.

        There is one finding for each rule and block, and at most 100. What shows only at the end,
        such as a missing stop reason, is there after `finish`.
        """
        at_end = self._at_end if self._ended_at == self._next_position else ()
        return (*self._findings, *at_end)[:MAX_FINDINGS]

    @property
    def complete(self) -> bool:
        """Whether the message is finished: `message_stop` or a stop reason has come."""
        return self._phase is self._AFTER or bool(self._head.stop_reason)

    def finish(self) -> Message:
        """Give the finished message. The findings that show only at the end are noted.

        Returns:
            The Message.

        Raises:
            IncompleteStreamError: There was no `message_stop` and no stop reason; `partial` is the
                message so far.
            ProtocolError: There is a finding that shows only at the end, and that `strict` does not
                allow; `partial` is the message.
        """
        message = self.message
        self._note_end()
        if message is None:
            raise end_without_message(self._mistake)
        if not self.complete:
            raise IncompleteStreamError("the stream ended before message_stop", partial=message)
        for finding in self._at_end:
            self._note(finding)
        if self._offence is not None:
            raise _refused_by_strict(self._offence, partial=message)
        return message

    def _note_end(self) -> None:
        """Note what shows only at the end."""
        self._note_rest()
        self._ended_at = self._next_position
        self._at_end = tuple(self._findings_at_end())

    def block(self, index: int) -> AnyContentBlock:
        """Give the newest content block of an index, as far as it was received.

        Args:
            index: The index of the block on the wire, from 0.

        Returns:
            The block.

        Raises:
            ProtocolError: The index has no block.
        """
        return self._draft(index).block()

    def partial_input(self, index: int) -> Any:
        """Read the part of a tool's input that was received.

        Each call parses the whole text so far (by jiter, extra `partial`). So call it when you
        want to show something, rather than for every delta.

        Args:
            index: The index on the wire, from 0, of the tool use; of several, the newest counts.

        Returns:
            A dict with the keys and values so far; the last string may be incomplete. Before any
            text: the input that the block started with, as a rule {}. An InvalidJson when the
            text cannot be the beginning of a JSON object.

        Raises:
            ProtocolError: The index has no block, or no tool use.
            ImportError: jiter is not installed.
        """
        self._draft(index)
        draft = self._blocks.newest(index, InputDraft)
        if not isinstance(draft, InputDraft):
            raise ProtocolError(f"block {shown(index)} has no tool input")
        return draft.partial_input()

    def _draft(self, index: int) -> Draft:
        draft = self._blocks.last(index)
        if draft is None:
            raise ProtocolError(f"block {shown(index)} has not started")
        return draft

    # -- taking an event -----------------------------------------------------------------------

    def _add_event(self, event: MessageStreamEvent) -> None:
        """Take an event that is not decoded yet."""
        try:
            chunk = decode(event)
        except BaseException:
            self._offset += 1  # it counts
            raise
        self.add(chunk)

    def _add(self, chunk: ChunkView) -> None:
        """Take a chunk view by the tables."""
        position = self._position = self._offset + len(self._parts)
        expected = self._expected.pop(position, ()) if self._expected else ()
        if expected:
            self._note_skipped(expected)
        self._chunk = chunk
        try:
            phase = self._phase
            take = phase.takes.get(chunk.__class__) or row_of(phase.takes, chunk.__class__)
            if take is None:
                self._refuse(phase.rule, f"{clipped(chunk.type)} {phase.problem}")
            self._make_room(chunk)
            take(self, chunk)
        finally:
            for fault, is_of_event in expected:
                if is_of_event:
                    self._note_fault(fault)
            self._offset = position + 1 - len(self._parts)
            offence, self._offence = self._offence, None
        if offence is not None:
            raise _refused_by_strict(offence, chunk=chunk)

    def _make_room(self, chunk: ChunkView) -> None:
        """Count an event against `max_bytes`.

        Raises:
            ProtocolError: It does not fit.
        """
        size = size_of(chunk)
        if size > self._left:
            problem = f"the message would hold more than max_bytes ({self._max_bytes:,})"
            raise ProtocolError(problem, chunk=chunk)
        self._left -= size

    def _note_rest(self) -> None:
        """Note what was skipped after the last event."""
        for position in sorted(self._expected):
            self._position = position
            self._note_skipped(self._expected.pop(position))

    def _note_skipped(self, expected: Iterable[tuple[Fault, bool]]) -> None:
        """Note what is off with something that was skipped before an event."""
        self._chunk = None
        for fault, is_of_event in expected:
            if not is_of_event:
                self._found(*fault)

    def _note_fault(self, fault: Fault) -> None:
        """Note what is off with the bytes or the fields of the event that was taken."""
        index: int | None = None
        if RULES[fault.rule].group == "fields":
            index = getattr(self._chunk, "index", None)
        draft = None if index is None else self._blocks.last(index)
        self._found(*fault, draft=draft, index=index)

    @property
    def _next_position(self) -> int:
        """The number that the next event has."""
        return self._offset + len(self._parts)

    def _append_to(self, draft: Draft | None) -> None:
        """Note to which block `add` and `extend` append deltas straight away."""
        # The short way does not look at what is known to be off with the next events.
        if isinstance(draft, PartsDraft) and not self._expected:
            self._taken, self._part_of = draft.part
            self._index = draft.index
            self._parts = draft.parts
        else:
            self._taken = None
            self._parts = _NO_PARTS
        self._append = self._parts.append

    def _start_message(self, chunk: MessageStartChunk) -> None:
        self._head.start(chunk.message)
        self._phase = self._DURING
        self._is_beginning = True
        self._add_content(chunk.message)

    def _start_again(self, chunk: MessageStartChunk) -> None:
        old, new = self._head.id, chunk.message.id
        if not self._is_beginning or (old and new and old != new):
            self._refuse("second_message", "message_start came a second time")
        self._found("message_start_repeated")
        self._head.start(chunk.message)
        if not self._blocks.drafts:
            self._add_content(chunk.message)

    def _add_content(self, message: Message) -> None:
        """Take the blocks that came with message_start."""
        for index, block in enumerate(message.content):
            self._head.note_block(block)
            draft = draft_of(block, index)
            self._blocks.add_closed(draft)
            if isinstance(draft, InputDraft):
                self._note_tool(draft)

    def _note_tool(self, draft: InputDraft) -> bool:
        """Note a new tool use. Say whether it has an id that another one has."""
        is_known = draft.id in self._tool_ids
        if draft.id:
            self._tool_ids.add(draft.id)
        return is_known

    def _start_block(self, chunk: ContentBlockStartChunk) -> None:
        self._is_beginning = False
        blocks, index, block = self._blocks, chunk.index, chunk.content_block
        self._head.note_block(block)
        draft = draft_of(block, index)
        old = blocks.newest(index, draft.kind)
        if old is not None and old.state is State.OPEN:
            if old.is_repeated_by(block):
                self._repeat_start(old, block)
                return
            self._close(old)
        draft.place = len(blocks.drafts)
        for fault in faults_of_start(blocks, index):
            self._found(*fault, draft=draft)
        self._find_late_content(draft)
        if isinstance(draft, InputDraft) and self._note_tool(draft):
            self._found("tool_id_repeated", shown(draft.id), draft=draft)
        blocks.start(draft)
        self._append_to(None if self._had_reason else draft)
        if isinstance(block, FallbackBlock):
            self._head.change_model(block.to.model)

    def _repeat_start(self, draft: Draft, again: AnyContentBlock) -> None:
        draft.fill(again)
        if draft.is_side:
            self._blocks.make_ordinary(draft)
            self._append_to(None if self._had_reason else draft)
        else:
            self._found("block_start_repeated", draft=draft)
        self._find_late_content(draft)

    def _delta(self, chunk: Any) -> None:
        self._is_beginning = False
        kind = row_of(TAKERS, chunk.__class__)
        draft = self._taker(chunk, kind)
        fault = fault_of_delta(self._blocks, chunk, kind, draft)
        if fault is not None:
            self._found(*fault[0], draft=fault[1], index=chunk.index)
        if draft is None:
            self._blocks.lack(chunk.index)
            draft = self._other_taker(chunk)
        self._find_late_content(draft)
        if draft is None:
            self.unhandled.append(chunk)
            return
        if draft.state is State.PAUSED:
            self._blocks.resume(draft)
        row_of(draft.takes, chunk.__class__)(draft, chunk)

    def _taker(self, chunk: Any, kind: type[Draft] | None) -> Draft | None:
        """The block of the delta's index that takes it."""
        draft = self._blocks.newest(chunk.index, kind)
        return None if draft is None or draft.state is State.CLOSED else draft

    def _other_taker(self, chunk: Any) -> Draft | None:
        """The block of a delta that no block of its index takes; None where there is none."""
        if isinstance(chunk, SignatureDeltaChunk):
            return self._blocks.unsigned(chunk.index)
        begin = row_of(_SIDE_BLOCKS, chunk.__class__)
        if begin is None:
            return None
        draft = draft_of(begin(), chunk.index)
        self._blocks.start_side(draft)
        self._head.note_block(None)
        # The block that started last is no longer the newest.
        self._append_to(None)
        return draft

    def _stop_block(self, chunk: ContentBlockStopChunk) -> None:
        self._is_beginning = False
        blocks, index = self._blocks, chunk.index
        draft = blocks.newest_open(index)
        if draft is not None:
            self._stop(draft)
            if draft.beside is not None:
                self._stop(draft.beside)
            return
        # The stop may be that of a block which the stop reason paused.
        draft = blocks.newest_paused(index)
        if draft is not None:
            self._stop(draft)
            return
        started = blocks.started(index)
        rule = "block_stop_without_start" if started is None else "block_stop_repeated"
        self._found(rule, draft=started, index=index)

    def _stop(self, draft: Draft) -> None:
        draft.was_stopped = True
        self._close(draft)

    def _close(self, draft: Draft) -> None:
        """Close a block for good."""
        self._blocks.close(draft)
        if self._taken is not None and draft.index == self._index:
            self._append_to(None)

    def _message_delta(self, chunk: MessageDeltaChunk) -> None:
        self._is_beginning = False
        self._had_delta = True
        if self._phase is self._AFTER:
            self._found("message_delta_after_message_stop")
        if chunk.stop_reason:  # "" is none
            self._blocks.pause()
            self._had_reason = True
            self._append_to(None)
            if chunk.stop_reason not in _STOP_REASONS:
                self._found("stop_reason_unknown", shown(chunk.stop_reason))
        elif self._head.stop_reason:
            self._found("stop_reason_erased", f"it was {shown(self._head.stop_reason)}")
        for falling in self._head.update(chunk):
            self._found("count_falls", falling)

    def _stop_message(self, _chunk: MessageStopChunk) -> None:
        self._is_beginning = False
        if self._phase is self._AFTER:
            self._found("message_stop_repeated")
            return
        self._phase = self._AFTER
        self._append_to(None)
        if not self._had_delta:
            self._found("message_delta_missing")
        for draft in self._blocks:
            draft.end()
            if lacks_stop(draft):
                self._found("block_not_stopped", beginning_of(draft), draft=draft)

    def _raise_error(self, chunk: ErrorChunk) -> None:
        if not has_form_of_api(chunk):
            self._found("error_misshapen", shown(chunk.to_event(), 120))
        raise StreamError(
            _problem_of(chunk),
            error_type=chunk.error_type,
            error_message=chunk.error_message,
            request_id=chunk.request_id,
            chunk=chunk,
            partial=self.message,
        )

    def _ignore(self, _chunk: ChunkView) -> None:
        """Take an event that adds nothing to the message."""

    def _look_at(self, chunk: ChunkView) -> None:
        """Take an event that comes before any message. It may show that none will come."""
        self._mistake = mistake_of(chunk, self._mistake)

    # -- findings ------------------------------------------------------------------------------

    def _found(
        self, rule: str, seen: str = "", *, draft: Draft | None = None, index: int | None = None
    ) -> None:
        """Note that the event breaks a rule.

        Args:
            rule: The name of the rule.
            seen: What came, and what was due.
            draft: The block that this is about.
            index: The index that the event names, if there is no such block.
        """
        finding = self._findings.note(
            Fault(rule, seen),
            self._position,
            chunk=self._chunk,
            place=None if draft is None else draft.place,
            index=index if draft is None else draft.index,
        )
        self._note(finding)

    def _note(self, finding: Finding) -> None:
        if self._raises and self._offence is None and RULES[finding.rule].severity in self._raises:
            self._offence = finding

    def _find_late_content(self, draft: Draft | None) -> None:
        if self._had_reason:
            self._found("content_after_stop_reason", draft=draft)

    def _refuse(self, rule: str, problem: str) -> NoReturn:
        self._found(rule, problem)
        raise ProtocolError(problem, rule=rule, chunk=self._chunk)

    def _findings_at_end(self) -> Findings:
        """What shows only at the end. Nothing of it is raised here."""
        findings = Findings()
        for fault, draft in faults_at_end(
            self._blocks,
            self._head.stop_reason,
            is_complete=self.complete,
            is_stopped=self._phase is self._AFTER,
        ):
            place, index = (None, None) if draft is None else (draft.place, draft.index)
            findings.note(fault, self._ended_at, place=place, index=index)
        return findings

    _AFTER = _Phase(
        "content_after_message_stop",
        "came after message_stop",
        {
            PingChunk: _ignore,
            UnknownChunk: _ignore,
            HelperEventChunk: _ignore,
            ErrorChunk: _raise_error,
            MessageStartChunk: _start_again,
            ContentBlockStopChunk: _stop_block,
            MessageDeltaChunk: _message_delta,
            MessageStopChunk: _stop_message,
        },
    )
    _DURING = _Phase(
        "",
        "",
        {
            **_AFTER.takes,
            ContentBlockStartChunk: _start_block,
            **dict.fromkeys((*DELTAS.values(), UnknownDeltaChunk), _delta),
        },
    )
    _BEFORE = _Phase(
        "message_start_missing",
        "came before message_start",
        {
            PingChunk: _look_at,
            UnknownChunk: _look_at,
            HelperEventChunk: _look_at,
            ErrorChunk: _raise_error,
            MessageStartChunk: _start_message,
        },
    )


class HeadAccumulator(Accumulator):
    """An accumulator for the stream of a source.

    It also tells of finished tool calls, and notes what others find off with bytes and fields.

    Attributes:
        closed: The caller's own tool uses that were closed since the last `take_closed`.
        waiting: The caller's own tool uses that are not closed yet, and those that came with
            message_start, by their place in the message.
    """

    __slots__ = ("closed", "waiting")

    def __init__(self, *, strict: Strict = False, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(strict=strict, max_bytes=max_bytes)
        self.waiting: dict[int, Draft] = {}
        self.closed: list[Draft] = []

    @property
    def head(self) -> Message | None:
        """The message but for its content; None before `message_start`.

        `message` makes every block that is still open, `head` makes none.
        """
        return self._head.message()

    @property
    def noted(self) -> Findings:
        """The findings but for those that show only at the end, to note more of them."""
        return self._findings

    def expect(self, found: Iterable[Faults]) -> None:
        """Get to know what is off with the bytes and the fields of the next events.

        Args:
            found: What is off with each, by its number among the next chunk views.
        """
        first = self._next_position
        self._append_to(None)
        self.go_to(first)
        for number, gave_chunk, _, faults, _ in found:
            expected = self._expected.setdefault(first + number, [])
            expected.extend((fault, gave_chunk) for fault in faults)

    def go_to(self, position: int) -> None:
        """Set the number of the next event."""
        self._offset = position - len(self._parts)

    @property
    def is_stopped(self) -> bool:
        """Whether `message_stop` has come."""
        return self._phase is self._AFTER

    def note_end(self) -> None:
        """Note what shows only at the end, as `finish` does."""
        self._note_end()

    def note_error(self, error: DecodeError | ProtocolError) -> None:
        """Note which rule the error that ends the stream is about, unless that was noted.

        Args:
            error: What the source or `add` raised.
        """
        if isinstance(error, ProtocolError):
            return
        if not error.truncated:
            self._note_rest()
            if error.rule:
                self.noted.note(Fault(error.rule, str(error)), self._next_position)
        elif self.complete:
            self._note(self.noted.note(Fault("last_event_unterminated"), self._next_position))
        else:
            self._note_end()

    @property
    def cost_metadata(self) -> CostMetadata:
        """The same as that of the message, without making its blocks."""
        return self._head.cost_metadata(is_complete=self.complete)

    def take_closed(self) -> list[Draft]:
        """Give what is `closed`, and forget it."""
        closed, self.closed = self.closed, []
        return closed

    def take_waiting(self) -> list[Draft]:
        """Give those that are waiting. They are waiting no longer."""
        waiting, self.waiting = self.waiting, {}
        return list(waiting.values())

    def _note_tool(self, draft: InputDraft) -> bool:
        if isinstance(draft.start, ToolUseBlock):
            self.waiting[draft.place] = draft
        return super()._note_tool(draft)

    def _close(self, draft: Draft) -> None:
        super()._close(draft)
        if self.waiting.pop(draft.place, None) is not None:
            self.closed.append(draft)


def _refused_by_strict(
    finding: Finding, *, chunk: ChunkView | None = None, partial: Message | None = None
) -> ProtocolError:
    problem = f"{finding.rule}: {finding.message}"
    return ProtocolError(problem, rule=finding.rule, chunk=chunk, partial=partial)


def _problem_of(chunk: ErrorChunk) -> str:
    """What an error event says, at a bounded length; the event itself where it has no words."""
    words = ": ".join(filter(None, (chunk.error_type, chunk.error_message)))
    return clipped(words, 500) or f"an error event without words: {shown(chunk.to_event(), 400)}"
