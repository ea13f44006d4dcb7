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
    AnyCitation,
    AnyContentBlock,
    Message,
    MessageDeltaUsage,
    TextBlock,
    ThinkingBlock,
    Usage,
    copy_json,
    cost_metadata,
    per_class,
    read_tag,
    reader,
    record,
    schema,
    to_json,
)
from .._repr import concise_repr, rich_repr
from .contract import AnthropicCallResponseChunk, FinishReason, common_finish_reasons
from .sources import new_event_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from ..common import CostMetadata

__all__ = [
    "ChunkView",
    "CitationsDeltaChunk",
    "CompactionDeltaChunk",
    "ContentBlockStartChunk",
    "ContentBlockStopChunk",
    "ErrorChunk",
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
]


IN_DELTA = {"inside": "delta"}
"""Marks a field whose key is in the event's `delta`."""


class Variant(AnthropicCallResponseChunk):
    """How a chunk is read from its event, and written back.

    Both follow the schema of the class: `IN_DELTA` on a field says in which object of the event
    its key is.
    """

    __slots__ = ()
    __repr__ = concise_repr
    __rich_repr__ = rich_repr

    @classmethod
    def from_event(cls, event: dict[str, Any], source: Any) -> Self:
        """Read an event of this class.

        Args:
            event: The event, which has passed `bounded` or comes from text.
            source: What the chunk keeps as its `chunk`.

        Returns:
            The chunk view.

        Raises:
            DecodeError: A required key is missing, or a value is of the wrong type.
        """
        made: Self = _event_reader(cls)(event, source)
        return made

    def to_event(self) -> dict[str, Any]:
        event: dict[str, Any] = {} if self.chunk is None else new_event_dict(self.chunk)
        event["type"] = self.type
        for key in schema(type(self)).keys:
            place = event.setdefault(key.inside, {}) if key.inside else event
            value = to_json(getattr(self, key.name))
            if value is not None or key.wire in place or (self.chunk is None and key.always):
                place[key.wire] = value
        return event


@per_class
def _event_reader(cls: type[Any]) -> Callable[[dict[str, Any], Any], Any]:
    return reader(cls, schema(cls).keys, given=("chunk",))


class _UsageChunk(Variant):
    """A chunk of an event with usage, which `_counts` gives."""

    __slots__ = ()

    @property
    def _counts(self) -> Usage | MessageDeltaUsage:
        raise NotImplementedError

    @property
    def input_tokens(self) -> int | None:
        """Prompt tokens, without cache reads and writes, or None."""
        return self._counts.input_tokens

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens read from the cache, or None."""
        return self._counts.cache_read_input_tokens

    @property
    def output_tokens(self) -> int | None:
        """Tokens generated so far."""
        return self._counts.output_tokens

    @property
    def cost_metadata(self) -> CostMetadata:
        """What a price calculation needs, as far as this event tells."""
        return cost_metadata(self._counts, self.model)


@final
@record
class MessageStartChunk(_UsageChunk):
    """`message_start`: the message without its content.

    Attributes:
        message: The Message. Usually it has no content and no stop reason yet.
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
        """The model that answers."""
        return self.message.model

    @property
    def id(self) -> str | None:
        """The message's id."""
        return self.message.id

    @property
    def usage(self) -> Usage:
        """The message's usage. Most of the output is not counted yet."""
        return self.message.usage

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

    index: int
    content_block: AnyContentBlock

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
        return block.signature or "" if isinstance(block, ThinkingBlock) else ""


@record(eq=False)
class _DeltaChunk(Variant):
    """A `content_block_delta`.

    Attributes:
        delta_type: The delta's tag on the wire.
        index: Which block of the message, from 0.
    """

    type: ClassVar[Literal["content_block_delta"]] = "content_block_delta"
    delta_type: ClassVar[str]

    index: int

    def to_event(self) -> dict[str, Any]:
        event = super().to_event()
        event["delta"]["type"] = self.delta_type
        return event


@final
@record
class TextDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `text_delta`: more text.

    Attributes:
        text: The text to append.
    """

    delta_type: ClassVar[Literal["text_delta"]] = "text_delta"

    text: str = attrs.field(metadata=IN_DELTA)

    @property
    def content(self) -> str:
        """The text to append."""
        return self.text


@final
@record
class InputJsonDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `input_json_delta`: more of a tool input's JSON text.

    Attributes:
        partial_json: The text to append, cut anywhere.
    """

    delta_type: ClassVar[Literal["input_json_delta"]] = "input_json_delta"

    partial_json: str = attrs.field(metadata=IN_DELTA)


@final
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

    thinking: str = attrs.field(metadata=IN_DELTA)  # pyright: ignore[reportIncompatibleMethodOverride]
    estimated_tokens: int | None = attrs.field(default=None, metadata=IN_DELTA)


@final
@record
class SignatureDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `signature_delta`: the thinking block's signature.

    Attributes:
        signature: The whole signature; it replaces what was there.
    """

    delta_type: ClassVar[Literal["signature_delta"]] = "signature_delta"

    signature: str = attrs.field(metadata=IN_DELTA)  # pyright: ignore[reportIncompatibleMethodOverride]


@final
@record
class CitationsDeltaChunk(_DeltaChunk):
    """`content_block_delta` / `citations_delta`: one more citation of a text block.

    Attributes:
        citation: The citation.
    """

    delta_type: ClassVar[Literal["citations_delta"]] = "citations_delta"

    citation: AnyCitation = attrs.field(metadata=IN_DELTA)


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
        delta_type: The delta's tag.
        delta: The whole delta, unchanged.
    """

    delta_type: str = attrs.field(  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
        metadata={**IN_DELTA, "wire": "type"}
    )
    delta: dict[str, Any] = attrs.field(hash=False)


@final
@record
class ContentBlockStopChunk(Variant):
    """`content_block_stop`: a block is complete.

    Attributes:
        index: Which block of the message, from 0.
    """

    type: ClassVar[Literal["content_block_stop"]] = "content_block_stop"

    index: int


@final
@record
class MessageDeltaChunk(_UsageChunk):
    """`message_delta`: why the message stopped, and the usage so far.

    Attributes:
        stop_reason: Anthropic's stop reason, or None.
        stop_sequence: The stop sequence that was met, or None.
        usage: Cumulative token counts: they replace those of `message_start`.
        stop_details: More about the stop, unchanged, or None.
        container: The container of the code execution tool, unchanged, or None.
        context_management: What context management did (beta), unchanged, or None.
        input_transformations: What the API changed in the input (beta), unchanged, or None.
    """

    type: ClassVar[Literal["message_delta"]] = "message_delta"

    stop_reason: str | None = attrs.field(metadata=IN_DELTA)
    stop_sequence: str | None = attrs.field(metadata=IN_DELTA)
    usage: MessageDeltaUsage  # pyright: ignore[reportIncompatibleMethodOverride]
    stop_details: dict[str, Any] | None = attrs.field(
        default=None, kw_only=True, hash=False, metadata=IN_DELTA
    )
    container: dict[str, Any] | None = attrs.field(
        default=None, kw_only=True, hash=False, metadata=IN_DELTA
    )
    context_management: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    input_transformations: list[Any] | None = attrs.field(default=None, kw_only=True, hash=False)

    @property
    def _counts(self) -> MessageDeltaUsage:
        return self.usage

    @property
    def finish_reasons(self) -> list[FinishReason | str] | None:
        """The stop reason as a one-element list, or None."""
        return _finish_reasons(self.stop_reason)

    @property
    def common_finish_reasons(self) -> list[common.FinishReason] | None:
        """The same in provider-agnostic words."""
        return common_finish_reasons(self.stop_reason)


@final
@record
class MessageStopChunk(Variant):
    """`message_stop`: the stream is complete."""

    type: ClassVar[Literal["message_stop"]] = "message_stop"


@final
@record
class PingChunk(Variant):
    """`ping`: the connection is alive."""

    type: ClassVar[Literal["ping"]] = "ping"


@final
@record
class ErrorChunk(Variant):
    """`error`: the API gave up in mid-stream.

    Source: https://docs.anthropic.com/en/api/errors; of `details`, the class `APIStatusError` of
    the official SDK, https://github.com/anthropics/anthropic-sdk-python (`_exceptions.py`).

    Attributes:
        error_type: For example `overloaded_error`.
        error_message: The API's message.
        request_id: The request's id, or None.
        details: More about the cause, for programs: an object, unchanged, or None. Its
            `error_code` names the cause, and does not change as the wording of the message may.
    """

    type: ClassVar[Literal["error"]] = "error"

    error_type: str = attrs.field(metadata={"inside": "error", "wire": "type"})
    error_message: str = attrs.field(metadata={"inside": "error", "wire": "message"})
    request_id: str | None = None
    details: dict[str, Any] | None = attrs.field(
        default=None, kw_only=True, hash=False, metadata={"inside": "error"}
    )


@record(eq=False)
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
        return cls(read_tag(event), event, chunk=source)

    def to_event(self) -> dict[str, Any]:
        return {**copy_json(self.event), "type": self.event_type}


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
        event_type: The event's tag.
        event: The whole event as a dict.
    """


def _finish_reasons(stop_reason: str | None) -> list[FinishReason | str] | None:
    return None if stop_reason is None else [stop_reason]


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
