"""The message but for its content: what `message_start` and the `message_delta` events say.

It is made only when somebody asks for it, so an event costs O(1) however many came before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from .._model import Message, later_counts, schema

if TYPE_CHECKING:
    from .._chunks import MessageDeltaChunk

__all__ = ["Head"]


class Head:
    """The id, model, stop reason, usage and so on of a message in the making."""

    __slots__ = ("_changes", "_counts", "_extra", "_extra_counts", "_message", "_start")

    def __init__(self) -> None:
        self._start: Message | None = None
        self._changes: dict[str, Any] = {}
        self._counts: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._extra_counts: dict[str, Any] = {}
        self._message: Message | None = None

    def message(self) -> Message | None:
        """Make the message. Its content is what `message_start` brought; None before that."""
        start = self._start
        if self._message is None and start is not None:
            counts = {**self._counts, "extra": {**start.usage.extra, **self._extra_counts}}
            self._message = attrs.evolve(
                start,
                usage=attrs.evolve(start.usage, **counts),
                extra={**start.extra, **self._extra},
                **self._changes,
            )
        return self._message

    def start(self, message: Message) -> None:
        """Take the message of `message_start`."""
        self._start = message

    def change_model(self, model: str) -> None:
        """Note that another model goes on with the answer."""
        self._changes["model"] = model
        self._message = None

    def update(self, chunk: MessageDeltaChunk) -> None:
        """Take what a `message_delta` says. Its counts replace the earlier ones."""
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
        self._message = None


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
