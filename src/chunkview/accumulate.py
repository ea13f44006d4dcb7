"""Chunk views to a Message, in time linear in what is received.

Parts are collected and joined once, and a tool's input is parsed once. What may follow what is
data: `_DRAFTS` says which deltas a block takes; `_BEFORE`, `_DURING` and `_AFTER` which events are
taken before the message, during it and after it.
"""

# The tables at the end name methods of the classes above them.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from ._json import loads
from ._record import schema
from .blocks import (
    BLOCKS,
    Citation,
    CompactionBlock,
    ContentBlock,
    FallbackBlock,
    InvalidJson,
    McpToolUseBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)
from .chunks import (
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
)
from .decode import decode
from .errors import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
    shown,
)
from .message import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .call_response_chunk import AnthropicCallResponseChunk, MessageStreamEvent

__all__ = ["Accumulator", "accumulate"]


def accumulate(chunks: Iterable[MessageStreamEvent]) -> Message:
    """Accumulate a whole stream into its Message.

    Args:
        chunks: Chunk views, or events that `decode` takes, in the order of the stream.

    Returns:
        The finished Message.

    Raises:
        ProtocolError: The events are out of order; `partial` is the message before that.
        StreamError: The stream holds an error event; `partial` is the message before it.
        IncompleteStreamError: The stream ended before `message_stop`; `partial` is the message
            as far as it came.
        DecodeError: An event cannot be decoded; `partial` is the message before it.
    """
    accumulator = Accumulator()
    try:
        accumulator.extend(chunks)
    except (DecodeError, ProtocolError) as error:
        failure = accumulator.with_partial(error)
        raise failure from failure.__cause__
    return accumulator.finish()


class Accumulator:
    """Builds a Message from chunk views, one by one. Each delta costs O(1), amortised.

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
        "_drafts",
        "_input_run",
        "_message",
        "_phase",
        "_text_run",
        "_thinking_run",
        "unhandled",
    )

    def __init__(self) -> None:
        self.unhandled: list[AnthropicCallResponseChunk] = []
        self._message: Message | None = None
        self._drafts: list[_Draft] = []
        self._phase = _BEFORE
        self._run(None, None)

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

    def extend(self, chunks: Iterable[Any]) -> None:
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
            kind = chunk.__class__
            if kind is TextDeltaChunk and chunk.index == self._text_run:
                self._append(chunk.text)
            elif kind is InputJsonDeltaChunk and chunk.index == self._input_run:
                self._append(chunk.partial_json)
            elif kind is ThinkingDeltaChunk and chunk.index == self._thinking_run:
                self._append(chunk.thinking)
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
        if self._message is None:
            raise ProtocolError("no message yet: message_start has not come")
        content = tuple([draft.block() for draft in self._drafts])
        return attrs.evolve(self._message, content=content)

    @property
    def partial(self) -> Message | None:
        """The message as far as it has come, or None before `message_start`."""
        return None if self._message is None else self.message()

    @property
    def head(self) -> Message | None:
        """The message so far, but for the content that the stream has brought.

        Cheap at any time, where `message()` makes every block that is still open. None before
        `message_start`.
        """
        return self._message

    @property
    def complete(self) -> bool:
        """Whether `message_stop` has come."""
        return self._phase is _AFTER

    def finish(self) -> Message:
        """Give the finished message.

        Returns:
            The Message.

        Raises:
            IncompleteStreamError: There was no `message_stop`; `partial` is the message so far.
        """
        if not self.complete:
            missing = "message_start" if self._message is None else "message_stop"
            raise IncompleteStreamError(f"the stream ended before {missing}", partial=self.partial)
        return self.message()

    def with_partial(self, error: DecodeError | ProtocolError) -> ChunkviewError:
        """Give an error that ends the stream the message as far as it has come.

        Args:
            error: What the source or `add` raised.

        Returns:
            The same error with its `partial`; where a body broke off in the middle of an event,
            an IncompleteStreamError: whether within an event or between two is all the same.
        """
        if isinstance(error, DecodeError) and error.truncated:
            broken_off = IncompleteStreamError(
                f"the stream ended early: {error}", partial=self.partial
            )
            broken_off.__cause__ = error
            return broken_off
        error.partial = self.partial
        return error

    def block(self, index: int) -> ContentBlock:
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
            the text is no beginning of JSON.

        Raises:
            ProtocolError: The block has not started, or is no tool use.
            ImportError: jiter is not installed.
        """
        draft = self._draft(index)
        if not isinstance(draft, _InputDraft):
            raise ProtocolError(f"block {shown(index)} has no tool input")
        return draft.partial_input()

    def _draft(self, index: int, chunk: AnthropicCallResponseChunk | None = None) -> _Draft:
        if 0 <= index < len(self._drafts):
            return self._drafts[index]
        raise ProtocolError(f"block {shown(index)} has not started", chunk=chunk)

    def _run(self, index: int | None, draft: _Draft | None) -> None:
        """Note which block's deltas `extend` appends straight away."""
        self._text_run = index if isinstance(draft, _TextDraft) else None
        self._input_run = index if isinstance(draft, _InputDraft) else None
        self._thinking_run = index if isinstance(draft, _ThinkingDraft) else None
        parts: list[str] = draft.parts if isinstance(draft, _PartsDraft) else []
        self._append = parts.append

    def _add(self, chunk: AnthropicCallResponseChunk) -> None:
        take = self._phase.takes.get(chunk.__class__)
        if take is None:
            raise ProtocolError(f"{chunk.type} {self._phase.refusal}", chunk=chunk)
        take(self, chunk)

    def _start(self, chunk: MessageStartChunk) -> None:
        self._message = chunk.message
        self._drafts = [_draft_of(block, is_open=False) for block in chunk.message.content]
        self._phase = _DURING

    def _start_block(self, chunk: ContentBlockStartChunk) -> None:
        if chunk.index != len(self._drafts):
            raise ProtocolError(
                f"block {shown(chunk.index)} started where {len(self._drafts)} is next",
                chunk=chunk,
            )
        draft = _draft_of(chunk.content_block, is_open=True)
        self._drafts.append(draft)
        self._run(chunk.index, draft)
        if isinstance(chunk.content_block, FallbackBlock) and self._message is not None:
            self._message = attrs.evolve(self._message, model=chunk.content_block.to.model)

    def _delta(self, chunk: Any) -> None:
        draft = self._draft(chunk.index, chunk)
        if not draft.is_open:
            raise ProtocolError(
                f"{chunk.delta_type} for block {chunk.index}, which has ended", chunk=chunk
            )
        take = draft.takes.get(chunk.__class__)
        if take is not None:
            take(draft, chunk)
        elif isinstance(chunk, UnknownDeltaChunk) or draft.start.type not in BLOCKS:
            self.unhandled.append(chunk)
        else:
            raise ProtocolError(
                f"{chunk.delta_type} does not fit block {chunk.index}, a {draft.start.type} block",
                chunk=chunk,
            )

    def _stop_block(self, chunk: ContentBlockStopChunk) -> None:
        draft = self._draft(chunk.index, chunk)
        if not draft.is_open:
            raise ProtocolError(f"block {chunk.index} has ended already", chunk=chunk)
        draft.close()
        if chunk.index in (self._text_run, self._input_run, self._thinking_run):
            self._run(None, None)

    def _close_blocks(self) -> None:
        for draft in self._drafts:
            if draft.is_open:
                draft.close()
        self._run(None, None)

    def _message_delta(self, chunk: MessageDeltaChunk) -> None:
        message: Any = self._message
        later = {
            name: value
            for name in ("container", "context_management", "input_transformations")
            if (value := getattr(chunk, name)) is not None
        }
        extra = {**message.extra, **_unnamed(chunk)}
        self._close_blocks()
        self._message = attrs.evolve(
            message,
            stop_reason=chunk.stop_reason,
            stop_sequence=chunk.stop_sequence,
            stop_details=chunk.stop_details,
            usage=message.usage.updated(chunk.usage),
            extra=extra,
            **later,
        )

    def _stop(self, _chunk: MessageStopChunk) -> None:
        self._close_blocks()
        self._phase = _AFTER

    def _fail(self, chunk: ErrorChunk) -> None:
        raise StreamError(
            f"{chunk.error_type}: {chunk.error_message}",
            error_type=chunk.error_type,
            error_message=chunk.error_message,
            request_id=chunk.request_id,
            chunk=chunk,
            partial=self.partial,
        )

    def _pass(self, _chunk: AnthropicCallResponseChunk) -> None:
        """Take an event that adds nothing to the message."""


def _unnamed(chunk: MessageDeltaChunk) -> dict[str, Any]:
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


class _Draft:
    """A content block in the making. This one takes no deltas: the block arrived whole."""

    __slots__ = ("done", "is_open", "start")

    takes: ClassVar[dict[type, Callable[[Any, Any], None]]] = {}
    """How the draft takes a delta, by the delta's class."""

    def __init__(self, start: ContentBlock, *, is_open: bool) -> None:
        self.start = start
        self.is_open = is_open
        self.done: ContentBlock | None = None if is_open else start

    def block(self) -> ContentBlock:
        """The block as far as it has come."""
        return self.finished() if self.done is None else self.done

    def close(self) -> None:
        """End the block, and let go of the parts that it was made of."""
        self.done = self.finished()
        self.is_open = False

    def finished(self) -> ContentBlock:
        """Make the block from its start and the deltas so far."""
        return self.start


class _PartsDraft(_Draft):
    """A block whose deltas are pieces of one string."""

    __slots__ = ("parts",)

    def __init__(self, start: ContentBlock, *, is_open: bool) -> None:
        super().__init__(start, is_open=is_open)
        self.parts: list[str] = []

    def close(self) -> None:
        super().close()
        self.parts = []

    def joined(self) -> str:
        """The string so far; the next call does not join the same parts again."""
        if len(self.parts) > 1:
            self.parts[:] = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


class _TextDraft(_PartsDraft):
    __slots__ = ("citations",)

    start: TextBlock

    def __init__(self, start: ContentBlock, *, is_open: bool) -> None:
        super().__init__(start, is_open=is_open)
        self.citations: list[Citation] = []

    def add_text(self, chunk: TextDeltaChunk) -> None:
        self.parts.append(chunk.text)

    def add_citation(self, chunk: CitationsDeltaChunk) -> None:
        self.citations.append(chunk.citation)

    def finished(self) -> ContentBlock:
        citations = self.start.citations
        if self.citations:
            citations = (*(citations or ()), *self.citations)
        return attrs.evolve(self.start, text=self.start.text + self.joined(), citations=citations)

    takes: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        TextDeltaChunk: add_text,
        CitationsDeltaChunk: add_citation,
    }


class _ThinkingDraft(_PartsDraft):
    __slots__ = ("signature",)

    start: ThinkingBlock

    def __init__(self, start: ContentBlock, *, is_open: bool) -> None:
        super().__init__(start, is_open=is_open)
        self.signature = self.start.signature

    def add_thinking(self, chunk: ThinkingDeltaChunk) -> None:
        self.parts.append(chunk.thinking)

    def set_signature(self, chunk: SignatureDeltaChunk) -> None:
        self.signature = chunk.signature

    def finished(self) -> ContentBlock:
        thinking = self.start.thinking + self.joined()
        return attrs.evolve(self.start, thinking=thinking, signature=self.signature)

    takes: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        ThinkingDeltaChunk: add_thinking,
        SignatureDeltaChunk: set_signature,
    }


class _InputDraft(_PartsDraft):
    __slots__ = ()

    start: ToolUseBlock | ServerToolUseBlock | McpToolUseBlock

    def add_json(self, chunk: InputJsonDeltaChunk) -> None:
        self.parts.append(chunk.partial_json)

    def finished(self) -> ContentBlock:
        text = self.joined()
        if not text:
            return self.start
        tool_input: Any
        try:
            tool_input = loads(text)
        except DecodeError:
            tool_input = InvalidJson(text)
        return attrs.evolve(self.start, input=tool_input)

    def partial_input(self) -> Any:
        if self.done is not None:
            return self.done.input  # type: ignore[attr-defined]
        text = self.joined()
        if not text:
            return self.start.input
        try:
            from jiter import from_json
        except ImportError as error:
            raise ImportError(
                "reading a tool input that is not complete needs jiter: "
                "pip install 'chunkview[partial]'"
            ) from error
        try:
            return from_json(text.encode(), partial_mode="trailing-strings", allow_inf_nan=False)
        except ValueError:
            return InvalidJson(text)

    takes: ClassVar[dict[type, Callable[[Any, Any], None]]] = {InputJsonDeltaChunk: add_json}


class _CompactionDraft(_Draft):
    __slots__ = ("made",)

    start: CompactionBlock

    def __init__(self, start: ContentBlock, *, is_open: bool) -> None:
        super().__init__(start, is_open=is_open)
        self.made = self.start

    def replace(self, chunk: CompactionDeltaChunk) -> None:
        # The delta is the block's content, whole: keys that the chunk does not name replace too,
        # and must be what the block takes.
        data = {**self.start.to_dict(), "encrypted_content": None, **chunk.to_event()["delta"]}
        self.made = CompactionBlock.from_dict({**data, "type": "compaction"})

    def finished(self) -> ContentBlock:
        return self.made

    takes: ClassVar[dict[type, Callable[[Any, Any], None]]] = {CompactionDeltaChunk: replace}


_DRAFTS: dict[type[ContentBlock], type[_Draft]] = {
    TextBlock: _TextDraft,
    ThinkingBlock: _ThinkingDraft,
    ToolUseBlock: _InputDraft,
    ServerToolUseBlock: _InputDraft,
    McpToolUseBlock: _InputDraft,
    CompactionBlock: _CompactionDraft,
}


def _draft_of(block: ContentBlock, *, is_open: bool) -> _Draft:
    return _DRAFTS.get(type(block), _Draft)(block, is_open=is_open)


@attrs.frozen
class _Phase:
    """Where in a stream we are.

    Attributes:
        refusal: Why an event that is not in `takes` is refused.
        takes: How an event is taken, by its class.
    """

    refusal: str
    takes: dict[type, Callable[[Any, Any], None]]


_ANYWHERE: dict[type, Callable[[Any, Any], None]] = {
    PingChunk: Accumulator._pass,
    UnknownChunk: Accumulator._pass,
}
_DELTAS = (
    TextDeltaChunk,
    InputJsonDeltaChunk,
    ThinkingDeltaChunk,
    SignatureDeltaChunk,
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    UnknownDeltaChunk,
)

_BEFORE = _Phase(
    "came before message_start",
    {
        **_ANYWHERE,
        MessageStartChunk: Accumulator._start,
        ErrorChunk: Accumulator._fail,
    },
)
_DURING = _Phase(
    "came a second time",
    {
        **_ANYWHERE,
        ContentBlockStartChunk: Accumulator._start_block,
        **dict.fromkeys(_DELTAS, Accumulator._delta),
        ContentBlockStopChunk: Accumulator._stop_block,
        MessageDeltaChunk: Accumulator._message_delta,
        MessageStopChunk: Accumulator._stop,
        ErrorChunk: Accumulator._fail,
        HelperEventChunk: Accumulator._pass,
    },
)
_AFTER = _Phase("came after message_stop", _ANYWHERE)
