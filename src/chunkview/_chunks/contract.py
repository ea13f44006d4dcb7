"""The contract: the attributes that every chunk view has, for each type of event.

`BaseCallResponseChunk` is provider-agnostic. `AnthropicCallResponseChunk` is the base of the
chunk views. Both have the defaults ("" and None), and a chunk view overrides those that its event
has an answer to. So reading an attribute never asks what type the event has.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, Union

import attrs

from .. import common
from .._model import MessageDeltaUsage, Usage, cost_metadata
from ..common import CostMetadata

__all__ = [
    "AnthropicCallResponseChunk",
    "BaseCallResponseChunk",
    "FinishReason",
    "MessageStreamEvent",
    "WrappedEvent",
    "common_finish_reasons",
]

FinishReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "compaction",
    "refusal",
    "model_context_window_exceeded",
]
"""Anthropic's stop reasons. A reason that is not listed here is passed on unchanged, as a str.

Source: https://docs.anthropic.com/en/api/handling-stop-reasons.
"""

_COMMON: dict[str, common.FinishReason] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "pause_turn": "stop",
    "compaction": "stop",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
}


def common_finish_reasons(stop_reason: str | None) -> list[common.FinishReason] | None:
    """Translate a stop reason into provider-agnostic words.

    Args:
        stop_reason: Anthropic's stop reason, or None.

    Returns:
        A one-element list; None for None, and for a reason that has no counterpart.
    """
    reason = _COMMON.get(stop_reason) if stop_reason is not None else None
    return None if reason is None else [reason]


class SdkEvent(Protocol):
    """An event object of the `anthropic` SDK, of any version, beta or not."""

    @property
    def type(self) -> str:
        """The tag of the event."""
        ...


class WrappedEvent(Protocol):
    """An object that holds an event, such as `StreamEvent` of the Claude Agent SDK."""

    @property
    def event(self) -> Mapping[str, Any]:
        """The event."""
        ...


ChunkT = TypeVar("ChunkT")
FinishReasonT = TypeVar("FinishReasonT")

_NOTHING_KNOWN = cost_metadata(None)


@attrs.frozen(init=False, eq=False, repr=False, weakref_slot=False)
class BaseCallResponseChunk(Generic[ChunkT, FinishReasonT]):
    """The attributes of a chunk of any provider's stream. All are read-only.

    Do not make this class or `AnthropicCallResponseChunk` directly. `chunkview.decode(event)`
    finds the class that fits the event.

    Attributes:
        chunk: The original event, exactly as it was given; None on a chunk made by hand.
    """

    chunk: ChunkT | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        raise TypeError(
            f"{type(self).__name__} is the base class of the chunk views and cannot hold an event; "
            "use chunkview.decode(event), which finds the class that fits"
        )

    def __str__(self) -> str:
        """The visible text that this chunk adds."""
        return self.content

    @property
    def content(self) -> str:
        """The visible text that this chunk adds, else ""."""
        return ""

    @property
    def finish_reasons(self) -> list[FinishReasonT | str] | None:
        """The stop reason as a one-element list, or None.

        A reason that the provider's list of reasons lacks is passed on as a str.
        """
        return None

    @property
    def model(self) -> str | None:
        """The model that answers; on `message_start` only, else None."""
        return None

    @property
    def id(self) -> str | None:
        """The message's id; on `message_start` only, else None."""
        return None

    @property
    def usage(self) -> Any:
        """The event's usage, in the provider's own shape, or None."""
        return None

    @property
    def input_tokens(self) -> int | None:
        """Prompt tokens, without cache reads and writes, from this event's usage, or None."""
        return None

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens read from the cache, from this event's usage, or None."""
        return None

    @property
    def output_tokens(self) -> int | None:
        """Tokens generated, from this event's usage, or None."""
        return None

    @property
    def cost_metadata(self) -> CostMetadata:
        """What this event says of what a price calculation needs. Never None."""
        return _NOTHING_KNOWN

    @property
    def common_finish_reasons(self) -> list[common.FinishReason] | None:
        """The stop reason in provider-agnostic words, as a one-element list, or None.

        None also for a reason that has no counterpart.
        """
        return None

    @property
    def common_usage(self) -> common.Usage | None:
        """Provider-agnostic token counts.

        None when this event has no counts at all. Otherwise a missing count is 0, as the
        reference has it: where the difference matters, ask `usage`. Its input and its total leave
        out the cache: `usage.total_input_tokens` does not.
        """
        return common.Usage.from_counts(self.input_tokens, self.cached_tokens, self.output_tokens)


class AnthropicCallResponseChunk(BaseCallResponseChunk["MessageStreamEvent", FinishReason]):
    """A chunk view: one event of Anthropic's stream, decoded.

    To save memory, chunk views cannot be weakly referenced (`weakref.ref` raises TypeError).

    Example:
        ```python
        for chunk in chunkview.iter_chunks(response.iter_bytes()):
            print(chunk.content, end="", flush=True)
        ```

    Attributes:
        chunk: The original event, exactly as it was given (from the wire: the payload's bytes);
            None on a chunk made by hand. Equality, hash and repr leave it out.
        type: The tag of the event on the wire.
    """

    __slots__ = ()

    type: ClassVar[str]

    @property
    def thinking(self) -> str:
        """The text of thinking that this chunk adds, else ""."""
        return ""

    @property
    def signature(self) -> str:
        """The signature that this chunk brings, else ""."""
        return ""

    @property
    def usage(self) -> Usage | MessageDeltaUsage | None:
        """The event's usage: a Usage, a MessageDeltaUsage, or None."""
        return None

    def to_event(self) -> dict[str, Any]:
        """Write the chunk as the event on the wire.

        Returns:
            A new dict. For a decoded chunk it equals the event that was decoded, with its unknown
            keys and explicit nulls. Where `attrs.evolve` changed a field, the field wins. A chunk
            made by hand is written from its fields.

        Raises:
            DecodeError: `chunk` is not the event that `decode` read: it was changed since, it is
                an object that gives something else when it is read again, or the chunk view was
                made by hand.
        """
        raise NotImplementedError


# Written with Union because `|` cannot join a string, and the string is needed for a class that
# is its own parameter.
MessageStreamEvent = Union[  # noqa: UP007
    Mapping[str, Any], str, bytes, bytearray, memoryview, SdkEvent, AnthropicCallResponseChunk
]
"""What `decode` takes: an event as a mapping, as JSON text, as an object of the `anthropic` SDK,
or a chunk view."""
