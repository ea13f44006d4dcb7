"""Chunk views to a Message: the order of events.

Theory of operation
===================

The accumulator is a state machine over events, and one smaller machine for each block.

1) The stream is in one of three phases:

       before  --message_start-->  during  --message_stop-->  after

   A phase is a table (`_Phase`): how it takes an event, by the event's class. An event without a
   row breaks the rule of that phase. Pings and unknown events have a row in every table. Only
   `message_start` and `message_stop` change the phase.

2) A content block is absent, open, or ended. `content_block_start` opens the next index, and
   `content_block_stop` ends it. `message_delta` and `message_stop` end every block that is still
   open: a stream that is cut by `max_tokens` never stops its last block. A block that came with
   `message_start` has ended already.

3) An open block is a `Draft` (drafts.py). Its class has a table too: which deltas it takes, and
   how. A delta without a row breaks a rule, unless the delta or the block is of an unknown type:
   then it goes to `unhandled`.

4) Everything else about the message is the `Head` (head.py).

A broken rule raises ProtocolError, and the state stays as it was. So a caller can skip the event
and go on.

Nobody knows how long a stream will be, so every event costs O(1), amortised, however many came
before it. No step may copy or walk what was received: not the blocks, not their text, not unknown
keys. `message` does that, when it is asked for.

`extend` has a short way past the tables for the most frequent events: deltas to the block that
started last. It must do exactly what the tables do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from .._chunks import (
    DELTAS,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    ErrorChunk,
    HelperEventChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageStartChunk,
    MessageStopChunk,
    PingChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    UnknownChunk,
    UnknownDeltaChunk,
    decode,
)
from .._model import BLOCKS, AnyContentBlock, FallbackBlock, Message
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
from .head import Head
from .iterate import events_of
from .wire import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._chunks import ChunkView, MessageStreamEvent
    from .iterate import Source

__all__ = ["Accumulator", "HeadAccumulator", "accumulate", "with_partial"]


def accumulate(
    source: Source,
    *,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Message:
    """Accumulate a whole stream into its Message.

    Args:
        source: What `iter_chunks` takes: one whole body as bytes, a file opened in binary mode,
            or an iterable of pieces of a body or of events. Of Claude Code's interleaved
            sub-agents, only the one of the first event is followed; `iter_messages` gives all.
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
        accumulator.extend(events_of(source, loads=loads, max_event_bytes=max_event_bytes))
    except (DecodeError, ProtocolError) as error:
        failure = with_partial(error, accumulator.message)
        raise failure from failure.__cause__
    return accumulator.finish()


def with_partial(error: DecodeError | ProtocolError, partial: Message | None) -> ChunkviewError:
    """Give an error that ends a stream the message so far.

    Args:
        error: What the source or `Accumulator.add` raised.
        partial: The message so far.

    Returns:
        The same error with its `partial`. A body that ends inside an event gets the same error as
        one that ends between two events: an IncompleteStreamError.
    """
    if isinstance(error, DecodeError) and error.truncated:
        incomplete = IncompleteStreamError(f"the stream ended early: {error}", partial=partial)
        incomplete.__cause__ = error
        return incomplete
    error.partial = partial
    return error


@attrs.frozen
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


class Accumulator:
    """Builds a Message from chunk views, one by one. Each event costs O(1), amortised.

    It accepts the order of events that the API promises: `message_start` first; content blocks
    numbered from 0 without gaps, each with one start and at most one stop; nothing but pings and
    unknown events before the start and after `message_stop`. A block that is still open at
    `message_delta`, as in streams cut by `max_tokens`, ends there.

    Attributes:
        unhandled: Deltas that no rule covers, in order: unknown deltas, and deltas to blocks of
            an unknown type.
    """

    __slots__ = (
        "_append",
        "_drafts",
        "_head",
        "_input_index",
        "_open",
        "_phase",
        "_text_index",
        "_thinking_index",
        "unhandled",
    )

    def __init__(self) -> None:
        self.unhandled: list[ChunkView] = []
        self._phase = self._BEFORE
        self._head = Head()
        self._drafts: list[Draft] = []
        self._open: dict[int, Draft] = {}
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
            ProtocolError: As for `add`. The chunks before the offending one are accumulated.
            StreamError: As for `add`.
            DecodeError: As for `add`.
        """
        for chunk in chunks:
            # A delta to the block that started last goes straight to its parts. The way through
            # the tables takes seven times as long.
            kind: Any = chunk.__class__
            if kind is TextDeltaChunk and chunk.index == self._text_index:  # type: ignore[union-attr]
                self._append(chunk.text)  # type: ignore[union-attr]
            elif kind is InputJsonDeltaChunk and chunk.index == self._input_index:  # type: ignore[union-attr]
                self._append(chunk.partial_json)  # type: ignore[union-attr]
            elif kind is ThinkingDeltaChunk and chunk.index == self._thinking_index:  # type: ignore[union-attr]
                self._append(chunk.thinking)  # type: ignore[union-attr]
            else:
                self._add(decode(chunk))

    @property
    def message(self) -> Message | None:
        """The message so far; None before `message_start`. The accumulator can go on afterwards.

        In a block that is still open, a tool input that cannot be parsed yet is an InvalidJson.
        """
        head = self._head.message()
        if head is None:
            return None
        return attrs.evolve(head, content=tuple([draft.block() for draft in self._drafts]))

    @property
    def complete(self) -> bool:
        """Whether `message_stop` has come."""
        return self._phase is self._AFTER

    def finish(self) -> Message:
        """Give the finished message.

        Returns:
            The Message.

        Raises:
            IncompleteStreamError: There was no `message_stop`; `partial` is the message so far.
        """
        message = self.message
        if message is None:
            raise IncompleteStreamError("the stream ended before message_start")
        if not self.complete:
            raise IncompleteStreamError("the stream ended before message_stop", partial=message)
        return message

    def block(self, index: int) -> AnyContentBlock:
        """Give a content block, as far as it was received.

        Args:
            index: Which block of the message, from 0.

        Returns:
            The block.

        Raises:
            ProtocolError: The block has not started.
        """
        return self._draft(index).block()

    def partial_input(self, index: int) -> Any:
        """Read the part of a tool's input that was received.

        Each call parses the whole text so far (by jiter, extra `partial`). So call it when you
        want to show something, rather than for every delta.

        Args:
            index: Which block of the message, from 0.

        Returns:
            A dict with the keys and values so far; the last string may be incomplete. Before any
            text: the input that the block started with, as a rule {}. An InvalidJson when the
            text cannot be the beginning of a JSON object.

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
        """Note to which block `extend` appends deltas straight away."""
        self._text_index = index if isinstance(draft, TextDraft) else None
        self._input_index = index if isinstance(draft, InputDraft) else None
        self._thinking_index = index if isinstance(draft, ThinkingDraft) else None
        parts: list[str] = draft.parts if isinstance(draft, PartsDraft) else []
        self._append = parts.append

    def _add(self, chunk: ChunkView) -> None:
        phase = self._phase
        take = phase.takes.get(chunk.__class__) or row_of(phase.takes, chunk.__class__)
        if take is None:
            raise _broken(phase.rule, f"{clipped(chunk.type)} {phase.problem}", chunk)
        take(self, chunk)

    def _start_message(self, chunk: MessageStartChunk) -> None:
        self._head.start(chunk.message)
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
            self._head.change_model(chunk.content_block.to.model)

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
        draft.end()
        if index in (self._text_index, self._input_index, self._thinking_index):
            self._append_to(None, None)

    def _end_open_blocks(self) -> None:
        for draft in self._open.values():
            draft.end()
            draft.ended_with_message = True
        self._open.clear()
        self._append_to(None, None)

    def _message_delta(self, chunk: MessageDeltaChunk) -> None:
        self._end_open_blocks()
        self._head.update(chunk)

    def _stop_message(self, _chunk: MessageStopChunk) -> None:
        self._end_open_blocks()
        self._phase = self._AFTER

    def _raise_error(self, chunk: ErrorChunk) -> None:
        raise StreamError(
            clipped(f"{chunk.error_type}: {chunk.error_message}", 500),
            error_type=chunk.error_type,
            error_message=chunk.error_message,
            request_id=chunk.request_id,
            chunk=chunk,
            partial=self.message,
        )

    def _ignore(self, _chunk: ChunkView) -> None:
        """Take an event that adds nothing to the message."""

    _AFTER = _Phase(
        "event_after_message_stop",
        "came after message_stop",
        {PingChunk: _ignore, UnknownChunk: _ignore},
    )
    _BEFORE = _Phase(
        "event_before_message_start",
        "came before message_start",
        {**_AFTER.takes, MessageStartChunk: _start_message, ErrorChunk: _raise_error},
    )
    _DURING = _Phase(
        "second_message_start",
        "came a second time",
        {
            **_AFTER.takes,
            ContentBlockStartChunk: _start_block,
            **dict.fromkeys((*DELTAS.values(), UnknownDeltaChunk), _delta),
            ContentBlockStopChunk: _stop_block,
            MessageDeltaChunk: _message_delta,
            MessageStopChunk: _stop_message,
            ErrorChunk: _raise_error,
            HelperEventChunk: _ignore,
        },
    )


class HeadAccumulator(Accumulator):
    """An accumulator that also gives the message without its blocks, for AnthropicStream.

    `message` makes every block that is still open, `head` makes none.
    """

    __slots__ = ()

    @property
    def head(self) -> Message | None:
        """The message but for its content; None before `message_start`."""
        return self._head.message()


def _broken(rule: str, problem: str, chunk: ChunkView) -> ProtocolError:
    return ProtocolError(problem, rule=rule, chunk=chunk)
