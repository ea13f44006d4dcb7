"""The chunk views: one frozen class per variant of Anthropic's stream events.

Each is flat: a delta's fields are on the chunk. It overrides those attributes of the contract for
which its event has a value. `decode` tells the events apart.

Source: https://docs.anthropic.com/en/api/messages-streaming (event types).
"""

# The tag of a class is narrower than the `str` of its base, or it is a field.
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import attrs

from .. import common  # noqa: TC001 - users may resolve annotations
from .._model import (
    NO_FINAL_USAGE,
    NOT_FINISHED,
    AnyCitation,
    AnyContentBlock,
    Message,
    MessageDeltaUsage,
    TextBlock,
    ThinkingBlock,
    Usage,
    copy_json,
    cost_metadata,
    record,
    refusal_of,
)
from .contract import FinishReason, common_finish_reasons
from .error import ErrorChunk
from .event import IN_DELTA, INDEX, ONE_STRING, Variant
from .origin import keeps_origin, kept_by
from .sources import new_event_dict, object_in

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..common import CostMetadata

__all__ = [
    "ChunkView",
    "CitationsDeltaChunk",
    "CompactionDeltaChunk",
    "ContentBlockStartChunk",
    "ContentBlockStopChunk",
    "HelperEventChunk",
    "InputJsonDeltaChunk",
    "MessageDeltaChunk",
    "MessageStartChunk",
    "MessageStopChunk",
    "PingChunk",
    "SignatureDeltaChunk",
    "TextDeltaChunk",
    "ThinkingDeltaChunk",
    "UnknownChunk",
    "UnknownDeltaChunk",
    "told_by_key",
]


class _UsageChunk(Variant):
    """A chunk of an event with usage, which `_counts` gives."""

    __slots__ = ()

    @property
    def _counts(self) -> Usage | MessageDeltaUsage | None:
        raise NotImplementedError

    @property
    def input_tokens(self) -> int | None:
        """Prompt tokens, without cache reads and writes, or None."""
        counts = self._counts
        return None if counts is None else counts.input_tokens

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens read from the cache, or None."""
        counts = self._counts
        return None if counts is None else counts.cache_read_input_tokens

    @property
    def output_tokens(self) -> int | None:
        """Tokens generated so far, or None."""
        counts = self._counts
        return None if counts is None else counts.output_tokens

    @property
    def cost_metadata(self) -> CostMetadata:
        """What a price calculation needs, as far as this event tells."""
        return cost_metadata(self._counts, self.model, doubt=NOT_FINISHED)


_NO_USAGE = Usage()
_UNKNOWN_OUTPUT = "one event does not say whether the model declined before any output"


@final
@record
class MessageStartChunk(_UsageChunk):
    """`message_start`: the message without its content.

    Attributes:
        message: The Message. Usually it has no content and no stop reason yet. An empty one when
            the event brings none.
    """

    type: ClassVar[Literal["message_start"]] = "message_start"

    message: Message

    @property
    def _counts(self) -> Usage:
        return self.message.usage

    @property
    def content(self) -> str:
        """The text that the message starts with, usually ""."""
        return self.message.text

    @property
    def thinking(self) -> str:
        """The thinking that the message starts with, usually ""."""
        return self.message.thinking

    @property
    def signature(self) -> str:
        """The signatures that the message starts with, usually ""."""
        return self.message.signature

    @property
    def model(self) -> str | None:
        """The model that answers, or None."""
        return self.message.model or None

    @property
    def id(self) -> str | None:
        """The message's id, or None."""
        return self.message.id or None

    @property
    def usage(self) -> Usage | None:
        """The message's usage, or None. Most of the output is not counted yet."""
        usage = self.message.usage
        return None if usage == _NO_USAGE else usage

    @property
    def finish_reasons(self) -> list[FinishReason | str] | None:
        """The stop reason, usually None: the message has only begun."""
        return _finish_reasons(self.message.stop_reason)

    @property
    def common_finish_reasons(self) -> list[common.FinishReason] | None:
        """The same in provider-agnostic words."""
        return common_finish_reasons(self.message.stop_reason)


@final
@record
class ContentBlockStartChunk(Variant):
    """`content_block_start`: a block begins: empty, or whole (tool results, for example).

    Attributes:
        index: Which block of the message, from 0.
        content_block: The block as it starts.
    """

    type: ClassVar[Literal["content_block_start"]] = "content_block_start"

    index: int = attrs.field(metadata=INDEX)
    content_block: AnyContentBlock = attrs.field(metadata={"missing_rule": "content_block_missing"})

    @property
    def content(self) -> str:
        """The text that the block starts with, usually ""."""
        block = self.content_block
        return block.text if isinstance(block, TextBlock) else ""

    @property
    def thinking(self) -> str:
        """The thinking that the block starts with, usually ""."""
        block = self.content_block
        return block.thinking if isinstance(block, ThinkingBlock) else ""

    @property
    def signature(self) -> str:
        """The signature that the block starts with, usually ""."""
        block = self.content_block
        return block.signature if isinstance(block, ThinkingBlock) else ""


def told_by_key(delta: dict[str, Any]) -> str:
    """Find the type of a delta without a `type`, or ""."""
    told = [tag for key, tag in _TOLD_BY_KEY.items() if delta.get(key) is not None]
    return told[0] if len(told) == 1 else ""


_TOLD_BY_KEY = {
    "text": "text_delta",
    "partial_json": "input_json_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
    "citation": "citations_delta",
}
"""The key that tells the type of a delta without a `type`, if it has no other one of these."""


@record
class _DeltaChunk(Variant):
    """A `content_block_delta`.

    Attributes:
        delta_type: The delta's tag on the wire.
        index: Which block of the message, from 0.
    """

    type: ClassVar[Literal["content_block_delta"]] = "content_block_delta"
    delta_type: ClassVar[str]

    index: int = attrs.field(metadata=INDEX)

    def to_event(self) -> dict[str, Any]:
        event = super().to_event()
        delta = event["delta"]
        # A delta without a type is told by its key, unless the field has been set to None.
        is_told = isinstance(delta.get("type"), str) or told_by_key(delta) == self.delta_type
        if kept_by(self) is None or not is_told:
            delta["type"] = self.delta_type
        return event


@final
@keeps_origin("text")
@record
class TextDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `text_delta`: more text.

    Attributes:
        text: The text to append.
    """

    delta_type: ClassVar[Literal["text_delta"]] = "text_delta"

    text: str = attrs.field(metadata=ONE_STRING)

    @property
    def content(self) -> str:
        """The text to append."""
        return self.text


@final
@keeps_origin("partial_json")
@record
class InputJsonDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `input_json_delta`: more of a tool input's JSON text.

    Attributes:
        partial_json: The text to append, cut anywhere.
    """

    delta_type: ClassVar[Literal["input_json_delta"]] = "input_json_delta"

    partial_json: str = attrs.field(metadata=ONE_STRING)


@final
@keeps_origin("thinking")
@record
class ThinkingDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `thinking_delta`: more thinking.

    Source of `estimated_tokens`: the type `BetaThinkingDelta` of the official SDK,
    https://github.com/anthropics/anthropic-sdk-python (`types/beta/beta_thinking_delta.py`).

    Attributes:
        thinking: The text to append.
        estimated_tokens: About how many tokens of thinking this delta adds, or None (beta
            `thinking-token-count-2026-05-13`, when the request asks for the thinking to be
            omitted). The sum over the deltas of a block is a rough estimate, made to show
            progress. It is no count to bill by: that is `usage.output_tokens`.
    """

    delta_type: ClassVar[Literal["thinking_delta"]] = "thinking_delta"

    thinking: str = attrs.field(metadata=ONE_STRING)  # pyright: ignore[reportIncompatibleMethodOverride]
    estimated_tokens: int | None = attrs.field(default=None, metadata=IN_DELTA)


@final
@record
class SignatureDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `signature_delta`: the thinking block's signature.

    Attributes:
        signature: The whole signature; it replaces what was there.
    """

    delta_type: ClassVar[Literal["signature_delta"]] = "signature_delta"

    signature: str = attrs.field(metadata=ONE_STRING)  # pyright: ignore[reportIncompatibleMethodOverride]


@final
@record
class CitationsDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `citations_delta`: one more citation of a text block.

    Attributes:
        citation: The citation; None when the delta brings none.
    """

    delta_type: ClassVar[Literal["citations_delta"]] = "citations_delta"

    citation: AnyCitation | None = attrs.field(metadata=IN_DELTA)


@final
@record
class CompactionDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `compaction_delta`: the content of a compaction block (beta).

    Attributes:
        summary: The whole summary (`content` on the wire), or None when compaction failed. It
            is no text for the user, so `content` is "".
        encrypted_content: What the API wants back with the block, opaque, or None.
    """

    delta_type: ClassVar[Literal["compaction_delta"]] = "compaction_delta"

    summary: str | None = attrs.field(metadata={**IN_DELTA, "wire": "content"})
    encrypted_content: str | None = attrs.field(default=None, metadata=IN_DELTA)


@final
@record
class UnknownDeltaChunk(_DeltaChunk):
    """A `content_block_delta` of a kind that this version does not know.

    Attributes:
        delta_type: The delta's tag; "" where it has none, and its keys do not tell either.
        delta: The whole delta, unchanged.
    """

    delta_type: str = attrs.field(  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
        metadata={**IN_DELTA, "wire": "type"}
    )
    delta: dict[str, Any] = attrs.field(hash=False, metadata={"missing_rule": "delta_missing"})

    def to_event(self) -> dict[str, Any]:
        event = super().to_event()
        delta = event["delta"] = copy_json(self.delta)
        if self.delta_type or isinstance(delta.get("type"), str):
            delta["type"] = self.delta_type
        return event


@final
@record
class ContentBlockStopChunk(Variant):
    """`content_block_stop`: a block is complete.

    Attributes:
        index: Which block of the message, from 0.
    """

    type: ClassVar[Literal["content_block_stop"]] = "content_block_stop"

    index: int = attrs.field(metadata=INDEX)


@final
@record
class MessageDeltaChunk(_UsageChunk):
    """`message_delta`: why the message stopped, and the usage so far.

    Attributes:
        stop_reason: Anthropic's stop reason, or None.
        stop_sequence: The stop sequence that was met, or None.
        usage: Cumulative token counts, which replace those of `message_start`; None when the event
            brings none.
        stop_details: More about the stop, unchanged, or None.
        container: The container of the code execution tool, unchanged, or None.
        context_management: What context management did (beta), unchanged, or None.
        input_transformations: What the API changed in the input (beta), unchanged, or None.
    """

    type: ClassVar[Literal["message_delta"]] = "message_delta"

    stop_reason: str | None = attrs.field(metadata=IN_DELTA)
    stop_sequence: str | None = attrs.field(metadata=IN_DELTA)
    usage: MessageDeltaUsage | None  # pyright: ignore[reportIncompatibleMethodOverride]
    stop_details: dict[str, Any] | None = attrs.field(
        default=None, kw_only=True, hash=False, metadata=IN_DELTA
    )
    container: dict[str, Any] | None = attrs.field(
        default=None, kw_only=True, hash=False, metadata=IN_DELTA
    )
    context_management: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    input_transformations: list[Any] | None = attrs.field(default=None, kw_only=True, hash=False)

    @property
    def _counts(self) -> MessageDeltaUsage | None:
        return self.usage

    @property
    def cost_metadata(self) -> CostMetadata:
        """What a price calculation needs, as far as this event tells.

        `final` is None if it has the stop reason and `output_tokens`: what came before is not
        known here. Without these it is False. It is also False for a refusal with output tokens,
        because whether there was output before the refusal is not known.
        """
        refusal = refusal_of(self.stop_reason, self.stop_details)
        doubt: str | None = None
        if self.output_tokens is None:
            doubt = NO_FINAL_USAGE
        elif self.stop_reason is None:
            doubt = NOT_FINISHED
        elif refusal is not None and self.output_tokens:
            doubt = _UNKNOWN_OUTPUT
        return cost_metadata(self.usage, doubt=doubt, refusal=refusal)

    @property
    def finish_reasons(self) -> list[FinishReason | str] | None:
        """The stop reason as a one-element list, or None."""
        return _finish_reasons(self.stop_reason)

    @property
    def common_finish_reasons(self) -> list[common.FinishReason] | None:
        """The same in provider-agnostic words."""
        return common_finish_reasons(self.stop_reason)


class _BareChunk(Variant):
    """A chunk of an event that says nothing but its type. On the wire it may have no data."""

    __slots__ = ()

    def to_event(self) -> dict[str, Any]:
        source: Any = self.chunk
        if source is None:
            return {"type": self.type}
        # The event line was enough. So the data may be empty, or no object.
        event = object_in(source) if isinstance(source, bytes) else new_event_dict(source)
        return {**(event or {}), "type": self.type}


@final
@record
class MessageStopChunk(_BareChunk):
    """`message_stop`: the stream is complete."""

    type: ClassVar[Literal["message_stop"]] = "message_stop"


@final
@record
class PingChunk(_BareChunk):
    """`ping`: the connection is alive."""

    type: ClassVar[Literal["ping"]] = "ping"


@record
class _WholeEventChunk(Variant):
    """An event that is kept whole."""

    event_type: str
    event: dict[str, Any] = attrs.field(hash=False)

    @property
    def type(self) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The tag of the event on the wire."""
        return self.event_type

    @classmethod
    def from_event(cls, event: dict[str, Any], source: Any) -> Self:
        tag = event.get("type")
        return cls(tag if isinstance(tag, str) else "", event, chunk=source)

    def to_event(self) -> dict[str, Any]:
        event: dict[str, Any] = copy_json(self.event)
        if self.event_type or isinstance(event.get("type"), str):
            event["type"] = self.event_type
        return event


@final
@record
class HelperEventChunk(_WholeEventChunk):
    """An event that the SDK's `client.messages.stream()` adds.

    It repeats what a delta said already, so its `content` is "" and joining `content` over that
    stream gives each text once.

    Attributes:
        event_type: `text`, `thinking`, `signature`, `citation`, `input_json` or `compaction`.
        event: The whole event as a dict.
    """


@final
@record
class UnknownChunk(_WholeEventChunk):
    """An event of a type that this version does not know.

    Attributes:
        event_type: The event's tag; "" where it has none.
        event: The whole event as a dict.
    """


def _finish_reasons(stop_reason: str | None) -> list[FinishReason | str] | None:
    # "" is no reason: servers write it for null.
    return [stop_reason] if stop_reason else None


ChunkView = (
    MessageStartChunk
    | ContentBlockStartChunk
    | TextDeltaChunk
    | InputJsonDeltaChunk
    | ThinkingDeltaChunk
    | SignatureDeltaChunk
    | CitationsDeltaChunk
    | CompactionDeltaChunk
    | UnknownDeltaChunk
    | ContentBlockStopChunk
    | MessageDeltaChunk
    | MessageStopChunk
    | PingChunk
    | ErrorChunk
    | HelperEventChunk
    | UnknownChunk
)
"""Every class of chunk view: what `decode` gives, for an exhaustive `match`."""
