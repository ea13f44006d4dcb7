"""Chunk views to a Message: the order of events.

Theory of operation. A stream is in one of three phases: before `message_start`, during the message,
after `message_stop`. Each phase has a table that says how it takes an event, by the event's class;
an event that is not in the table breaks the phase's rule. The content blocks in the making are
`Draft`s, one for each block; a draft's own table says which deltas it takes. Everything that a
`message_delta` changes is collected, and put together when somebody asks for the message.

Every event costs O(1), amortised, whatever came before it. So nothing here may copy or walk what
has been received: not the blocks, not their text, not the unknown keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from .._chunks import (
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    ErrorChunk,
    HelperEventChunk,
    InputJsonDeltaChunk,
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
from .._model import BLOCKS, AnyContentBlock, FallbackBlock, Message, later_counts, schema
from ..errors import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
    clipped,
    shown,
)
from .drafts import (
    Draft,
    InputDraft,
    PartsDraft,
    TextDraft,
    ThinkingDraft,
    draft_of,
    row_of,
)
from .iterate import iter_chunks
from .wire import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._chunks import ChunkView, MessageStreamEvent
    from .iterate import Source

__all__ = ["Accumulator", "accumulate"]


def accumulate(
    source: Source,
    *,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Message:
    """Accumulate a whole stream into its Message.

    Args:
        source: What `iter_chunks` takes: one whole body as bytes, a file opened in binary mode,
            or an iterable of pieces of a body or of events.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Returns:
        The finished Message.

    Raises:
        ProtocolError: The events are out of order; `partial` is the message before that.
        StreamError: The stream holds an error event; `partial` is the message before it.
        IncompleteStreamError: The stream ended before `message_stop`; `partial` is the message
            so far.
        DecodeError: An event cannot be decoded; `partial` is the message before it.
        TypeError: As for `iter_chunks`.
    """
    accumulator = Accumulator()
    try:
        accumulator.extend(iter_chunks(source, loads=loads, max_event_bytes=max_event_bytes))
    except (DecodeError, ProtocolError) as error:
        failure = accumulator.with_partial(error)
        raise failure from failure.__cause__
    return accumulator.finish()


@attrs.frozen
class _Phase:
    """Where in a stream we are.

    Attributes:
        rule: The rule that an event breaks which is not in `takes`.
        refusal: The same in words.
        takes: How an event is taken, by its class.
    """

    rule: str
    refusal: str
    takes: Mapping[type, Callable[[Any, Any], None]]


class Accumulator:
    """Builds a Message from chunk views, one by one. Each event costs O(1), amortised.

    The order of events that it accepts is that of the API: `message_start` first, content blocks
    numbered from 0 without gaps, each with one start and at most one stop, and nothing but pings
    and unknown events before the start and after `message_stop`. A block that is still open at
    `message_delta`, as in streams cut by `max_tokens`, is closed there.

    Attributes:
        unhandled: Deltas that no rule covers, in order: unknown deltas, and deltas to blocks of
            an unknown type.
    """

    __slots__ = (
        "_append",
        "_changes",
        "_counts",
        "_drafts",
        "_extra",
        "_extra_counts",
        "_head",
        "_input_index",
        "_open",
        "_phase",
        "_start",
        "_text_index",
        "_thinking_index",
        "unhandled",
    )

    def __init__(self) -> None:
        self.unhandled: list[ChunkView] = []
        self._start: Message | None = None
        self._head: Message | None = None
        self._changes: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._counts: dict[str, Any] = {}
        self._extra_counts: dict[str, Any] = {}
        self._drafts: list[Draft] = []
        self._open: dict[int, Draft] = {}
        self._phase = self._BEFORE
        self._append_to(None, None)

    def add(self, chunk: MessageStreamEvent) -> None:
        """Take the next chunk view.

        Args:
            chunk: A chunk view, or an event that `decode` takes.

        Raises:
            ProtocolError: It is out of order, or a delta that does not fit its block. The state
                stays as it was.
            StreamError: It is an error event; `partial` is the message so far.
            DecodeError: It is an event that cannot be decoded.
        """
        self.extend((chunk,))

    def extend(self, chunks: Iterable[MessageStreamEvent]) -> None:
        """Take several chunk views: the same as `add` for each, at less cost per chunk.

        Args:
            chunks: Chunk views, or events that `decode` takes.

        Raises:
            ProtocolError: As for `add`. What came before the offending chunk is accumulated.
            StreamError: As for `add`.
            DecodeError: As for `add`.
        """
        for chunk in chunks:
            # The next delta of the block that began last goes straight to its parts, in a seventh
            # of the time of the way by the tables.
            kind: Any = chunk.__class__
            if kind is TextDeltaChunk and chunk.index == self._text_index:  # type: ignore[union-attr]
                self._append(chunk.text)  # type: ignore[union-attr]
            elif kind is InputJsonDeltaChunk and chunk.index == self._input_index:  # type: ignore[union-attr]
                self._append(chunk.partial_json)  # type: ignore[union-attr]
            elif kind is ThinkingDeltaChunk and chunk.index == self._thinking_index:  # type: ignore[union-attr]
                self._append(chunk.thinking)  # type: ignore[union-attr]
            else:
                self._add(decode(chunk))

    def message(self) -> Message:
        """Give the message as far as it has come. The accumulator can go on afterwards.

        Returns:
            A Message. In a block that is still open, a tool input that cannot be parsed yet is
            an InvalidJson.

        Raises:
            ProtocolError: There was no `message_start` yet.
        """
        head = self.head
        if head is None:
            raise ProtocolError("no message yet: message_start has not come")
        return attrs.evolve(head, content=tuple([draft.block() for draft in self._drafts]))

    @property
    def partial(self) -> Message | None:
        """The message as far as it has come, or None before `message_start`."""
        return None if self._start is None else self.message()

    @property
    def head(self) -> Message | None:
        """The message so far, but for the content that the stream has brought.

        Cheap at any time, where `message()` makes every block that is still open. None before
        `message_start`.
        """
        if self._head is None and self._start is not None:
            start = self._start
            usage = attrs.evolve(
                start.usage, **self._counts, extra={**start.usage.extra, **self._extra_counts}
            )
            extra = {**start.extra, **self._extra}
            self._head = attrs.evolve(start, usage=usage, extra=extra, **self._changes)
        return self._head

    @property
    def complete(self) -> bool:
        """Whether `message_stop` has come."""
        return self._phase is self._AFTER

    @property
    def open_blocks(self) -> tuple[int, ...]:
        """The indices of the blocks that have started and not ended, in the order of starting."""
        return tuple(self._open)

    def finish(self) -> Message:
        """Give the finished message.

        Returns:
            The Message.

        Raises:
            IncompleteStreamError: There was no `message_stop`; `partial` is the message so far.
        """
        if not self.complete:
            missing = "message_start" if self._start is None else "message_stop"
            raise IncompleteStreamError(f"the stream ended before {missing}", partial=self.partial)
        return self.message()

    def with_partial(self, error: DecodeError | ProtocolError) -> ChunkviewError:
        """Give an error that ends the stream the message as far as it has come.

        Args:
            error: What the source or `add` raised.

        Returns:
            The same error with its `partial`. A body cut inside an event is reported like one cut
            between two events: by an IncompleteStreamError.
        """
        if isinstance(error, DecodeError) and error.truncated:
            broken_off = IncompleteStreamError(
                f"the stream ended early: {error}", partial=self.partial
            )
            broken_off.__cause__ = error
            return broken_off
        error.partial = self.partial
        return error

    def block(self, index: int) -> AnyContentBlock:
        """Give a content block as far as it has come.

        Args:
            index: Which block of the message, from 0.

        Returns:
            The block.

        Raises:
            ProtocolError: The block has not started.
        """
        return self._draft(index).block()

    def partial_input(self, index: int) -> Any:
        """Read what has come of a tool's input, tolerant of the missing end.

        The text so far is parsed anew at each call (by jiter, extra `partial`), so call it when
        something is to be shown rather than for every delta.

        Args:
            index: Which block of the message, from 0.

        Returns:
            A dict with the keys and values so far, the last string as far as it goes; the input
            that the block started with, as a rule {}, while no text has come; an InvalidJson when
            the text cannot be the beginning of a JSON object.

        Raises:
            ProtocolError: The block has not started, or is no tool use.
            ImportError: jiter is not installed.
        """
        draft = self._draft(index)
        if not isinstance(draft, InputDraft):
            raise ProtocolError(f"block {shown(index)} has no tool input")
        return draft.partial_input()

    def _draft(self, index: int) -> Draft:
        if 0 <= index < len(self._drafts):
            return self._drafts[index]
        raise ProtocolError(f"block {shown(index)} has not started")

    def _append_to(self, index: int | None, draft: Draft | None) -> None:
        """Note which block's deltas `extend` appends straight away."""
        self._text_index = index if isinstance(draft, TextDraft) else None
        self._input_index = index if isinstance(draft, InputDraft) else None
        self._thinking_index = index if isinstance(draft, ThinkingDraft) else None
        parts: list[str] = draft.parts if isinstance(draft, PartsDraft) else []
        self._append = parts.append

    def _add(self, chunk: ChunkView) -> None:
        phase = self._phase
        take = phase.takes.get(chunk.__class__) or row_of(phase.takes, chunk.__class__)
        if take is None:
            raise _broken(phase.rule, f"{clipped(chunk.type)} {phase.refusal}", chunk)
        take(self, chunk)

    def _start_message(self, chunk: MessageStartChunk) -> None:
        self._start = chunk.message
        self._drafts = [draft_of(block, is_open=False) for block in chunk.message.content]
        self._phase = self._DURING

    def _start_block(self, chunk: ContentBlockStartChunk) -> None:
        expected = len(self._drafts)
        if chunk.index != expected:
            twice = 0 <= chunk.index < expected
            raise _broken(
                "block_started_twice" if twice else "block_number_skipped",
                f"block {shown(chunk.index)} started where {expected} is next",
                chunk,
            )
        draft = draft_of(chunk.content_block, is_open=True)
        self._drafts.append(draft)
        self._open[chunk.index] = draft
        self._append_to(chunk.index, draft)
        if isinstance(chunk.content_block, FallbackBlock):
            self._changes["model"] = chunk.content_block.to.model
            self._head = None

    def _delta(self, chunk: Any) -> None:
        index, delta_type = chunk.index, chunk.delta_type
        draft = self._open.get(index)
        if draft is None:
            if not 0 <= index < len(self._drafts):
                problem = f"block {shown(index)} has not started"
                raise _broken("delta_before_its_block", problem, chunk)
            problem = f"{clipped(delta_type)} for block {index}, which has ended"
            raise _broken("delta_after_its_block", problem, chunk)
        take = row_of(draft.takes, chunk.__class__)
        if take is not None:
            take(draft, chunk)
        elif isinstance(chunk, UnknownDeltaChunk) or draft.start.type not in BLOCKS:
            self.unhandled.append(chunk)
        else:
            raise _broken(
                f"{delta_type}_in_wrong_block",
                f"{delta_type} does not fit block {index}, a {draft.start.type} block",
                chunk,
            )

    def _stop_block(self, chunk: ContentBlockStopChunk) -> None:
        index = chunk.index
        draft = self._open.pop(index, None)
        if draft is None:
            if not 0 <= index < len(self._drafts):
                problem = f"block {shown(index)} has not started"
                raise _broken("stop_before_its_block", problem, chunk)
            rule = (
                "block_stopped_after_message_delta"
                if self._drafts[index].ended_with_message
                else "block_stopped_twice"
            )
            raise _broken(rule, f"block {index} has ended already", chunk)
        draft.close()
        if index in (self._text_index, self._input_index, self._thinking_index):
            self._append_to(None, None)

    def _close_blocks(self) -> None:
        for draft in self._open.values():
            draft.close()
            draft.ended_with_message = True
        self._open.clear()
        self._append_to(None, None)

    def _message_delta(self, chunk: MessageDeltaChunk) -> None:
        self._close_blocks()
        changes = self._changes
        changes["stop_reason"] = chunk.stop_reason
        changes["stop_sequence"] = chunk.stop_sequence
        changes["stop_details"] = chunk.stop_details
        for name in ("container", "context_management", "input_transformations"):
            value = getattr(chunk, name)
            if value is not None:
                changes[name] = value
        self._extra.update(_unknown_keys(chunk))
        counts, extra_counts = later_counts(chunk.usage)
        self._counts.update(counts)
        self._extra_counts.update(extra_counts)
        self._head = None

    def _stop_message(self, _chunk: MessageStopChunk) -> None:
        self._close_blocks()
        self._phase = self._AFTER

    def _fail(self, chunk: ErrorChunk) -> None:
        raise StreamError(
            clipped(f"{chunk.error_type}: {chunk.error_message}", 500),
            error_type=chunk.error_type,
            error_message=chunk.error_message,
            request_id=chunk.request_id,
            chunk=chunk,
            partial=self.partial,
        )

    def _pass(self, _chunk: ChunkView) -> None:
        """Take an event that adds nothing to the message."""

    _AFTER = _Phase(
        "event_after_message_stop",
        "came after message_stop",
        {PingChunk: _pass, UnknownChunk: _pass},
    )
    _BEFORE = _Phase(
        "event_before_message_start",
        "came before message_start",
        {**_AFTER.takes, MessageStartChunk: _start_message, ErrorChunk: _fail},
    )
    _DURING = _Phase(
        "second_message_start",
        "came a second time",
        {
            **_AFTER.takes,
            ContentBlockStartChunk: _start_block,
            TextDeltaChunk: _delta,
            InputJsonDeltaChunk: _delta,
            ThinkingDeltaChunk: _delta,
            SignatureDeltaChunk: _delta,
            CitationsDeltaChunk: _delta,
            CompactionDeltaChunk: _delta,
            UnknownDeltaChunk: _delta,
            ContentBlockStopChunk: _stop_block,
            MessageDeltaChunk: _message_delta,
            MessageStopChunk: _stop_message,
            ErrorChunk: _fail,
            HelperEventChunk: _pass,
        },
    )


def _broken(rule: str, problem: str, chunk: ChunkView) -> ProtocolError:
    return ProtocolError(problem, rule=rule, chunk=chunk)


def _unknown_keys(chunk: MessageDeltaChunk) -> dict[str, Any]:
    """The keys of a `message_delta` event that no class names, of the delta and of the event."""
    if chunk.chunk is None:
        return {}
    event = chunk.to_event()
    delta = event.pop("delta")
    return {
        name: value
        for name, value in {**delta, **event}.items()
        if name not in schema(Message).names
    }
