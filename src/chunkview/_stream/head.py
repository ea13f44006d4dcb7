"""The message but for its content: what `message_start` and the `message_delta` events say.

It is made only when somebody asks for it, so an event costs O(1) however many came before. What is
null or absent erases nothing.
"""

from __future__ import annotations

import functools
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .._chunks import new_event_dict
from .._model import (
    NO_FINAL_USAGE,
    NOT_FINISHED,
    UNREADABLE,
    Declined,
    FallbackBlock,
    Message,
    Usage,
    changer,
    copy_json,
    cost_metadata,
    evolved,
    later_counts,
    note_declined,
    refusal_of,
    schema,
)
from ..errors import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import MessageDeltaChunk
    from .._model import AnyContentBlock, MessageDeltaUsage
    from ..common import CostMetadata

__all__ = ["Head"]

_FIELDS = (
    "stop_reason",
    "stop_sequence",
    "stop_details",
    "container",
    "context_management",
    "input_transformations",
)
"""The fields of a message that `message_delta` brings, too."""
_fields_of = attrgetter(*_FIELDS)

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
"""The counts that never fall in a stream of the API."""
_COUNTED = frozenset(_COUNTS)

_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""The counts that add up to the prompt."""


class Head:
    """The id, model, stop reason, usage and so on of a message in the making.

    Attributes:
        has_content: Whether the message has a block, other than the fallback blocks.
    """

    __slots__ = (
        "_changes",
        "_counts",
        "_declined",
        "_doubtful",
        "_extra",
        "_extra_counts",
        "_fallen",
        "_had_output",
        "_message",
        "_start",
        "_usage",
        "has_content",
    )

    def __init__(self) -> None:
        self._start: Message | None = None
        self._changes: dict[str, Any] = {}
        self._counts: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._extra_counts: dict[str, Any] = {}
        self._message: Message | None = None
        self._usage: Usage | None = None
        self._had_output = False
        """Whether a message_delta said how many tokens were generated."""
        self._doubtful: set[str] = set()
        """The counts that came as something else, and did not come since."""
        self._fallen: dict[str, int] = {}
        """The counts of the input that fell to 0, and are 0; how long the prompt was before."""
        self._declined: Declined = {}
        """The models that declined, and why."""
        self.has_content = False

    @property
    def id(self) -> str:
        """The message's id, "" where there is none."""
        return self._value("id") or ""

    @property
    def stop_reason(self) -> str | None:
        """The stop reason so far."""
        reason: str | None = self._value("stop_reason")
        return reason

    @property
    def model(self) -> str:
        """The model that answers, "" where there is none."""
        return self._value("model") or ""

    @property
    def usage(self) -> Usage | None:
        """The usage so far; None before `message_start`."""
        if self._usage is None and self._start is not None:
            self._usage = self._changed(self._start.usage)
        return self._usage

    def _changed(self, usage: Usage) -> Usage:
        counts = self._counts
        if usage.extra or self._extra_counts or not _COUNTED.issuperset(counts):
            return evolved(usage, self._extra_counts, **counts)
        # Most streams change no other counts. This takes a tenth of the time of `evolved`.
        return _with_counts()(usage, *[counts.get(name, getattr(usage, name)) for name in _COUNTS])

    def message(self) -> Message | None:
        """Make the message. Its content is what `message_start` brought; None before that."""
        start = self._start
        if self._message is None and start is not None:
            self._message = evolved(start, self._extra, usage=self.usage, **self._changes)
        return self._message

    def start(self, message: Message) -> None:
        """Take the message of a `message_start`. A later one is merged into the first."""
        if self._start is None:
            self._start = message
            return
        self._change({name: getattr(message, name) or None for name in ("id", "model")})
        self._change({name: getattr(message, name) for name in (*_FIELDS, "diagnostics")})
        self._extra.update(_unknown(Message, message.extra))
        self._take_counts(message.usage)

    def change_model(self, model: str) -> None:
        """Note that another model goes on with the answer."""
        self._change({"model": model or None})

    def update(self, chunk: MessageDeltaChunk) -> list[str]:
        """Take what a `message_delta` says. Its counts replace the earlier ones.

        Args:
            chunk: The `message_delta`.

        Returns:
            For each of its token counts that is lower than before: which one, and from what to what
            it falls.
        """
        self._change(dict(zip(_FIELDS, _fields_of(chunk), strict=True)))
        self._extra.update(_unknown_keys(chunk))
        if chunk.usage is None:
            return []
        self._had_output |= chunk.usage.output_tokens is not None
        return self._take_counts(chunk.usage)

    def note_block(self, block: AnyContentBlock | None) -> None:
        """Note that a block starts, or starts once more: a bill depends on what kinds there are.

        Args:
            block: The block, or None for one that a delta begins.
        """
        if isinstance(block, FallbackBlock):
            note_declined(self._declined, block)
        else:
            self.has_content = True

    def doubt(self, *, is_complete: bool) -> str:
        """Why the counts are not those of the whole response: what a price must not guess.

        Args:
            is_complete: Whether the message is finished.

        Returns:
            The reason; "" if there is none to doubt them.
        """
        if not is_complete:
            return NOT_FINISHED
        if self._doubtful:
            return UNREADABLE.format(", ".join(sorted(self._doubtful)))
        # The tokens of the cache may be counted as others: then the prompt does not get shorter.
        fallen = [
            name
            for name, before in self._fallen.items()
            if name == "input_tokens" or self._prompt() < before
        ]
        if fallen:
            return f"{', '.join(sorted(fallen))} fell to 0"
        return "" if self._had_output else NO_FINAL_USAGE

    def cost_metadata(self, *, is_complete: bool) -> CostMetadata:
        """What a price calculation needs.

        Args:
            is_complete: Whether the message is finished.
        """
        usage = self.usage
        if usage is None:
            return cost_metadata(None)
        return cost_metadata(
            usage,
            self.model or None,
            doubt=self.doubt(is_complete=is_complete),
            has_content=self.has_content,
            refusal=refusal_of(self.stop_reason, self._value("stop_details")),
            declined=self._declined,
        )

    def _value(self, name: str) -> Any:
        return self._changes.get(name, getattr(self._start, name, None))

    def _change(self, values: dict[str, Any]) -> None:
        if values.get("stop_reason") == "" and self.stop_reason:
            del values["stop_reason"]  # "" is none, and so erases none
        self._changes.update(_without_nulls(values))
        self._message = None

    def _take_counts(self, usage: Usage | MessageDeltaUsage) -> list[str]:
        """Replace the counts by later ones. Say which of them fall."""
        later, extra = later_counts(usage)
        falling = {
            name: f"{name} falls from {shown(old)} to {shown(later[name])}"
            for name in _COUNTS
            if name in later and (old := self._count(name)) is not None and later[name] < old
        }
        # A later count makes up for a misfit, and one that is not 0 for a count that fell to 0.
        if self._doubtful:
            self._doubtful.difference_update(later)
        if usage.extra:
            self._doubtful.update(schema(type(usage)).names.intersection(usage.extra))
        if self._fallen:
            self._fallen = {
                name: before for name, before in self._fallen.items() if not later.get(name)
            }
        if falling:
            prompt = self._prompt()
            for name in falling:
                if later[name] == 0 and name in _INPUT:
                    self._fallen.setdefault(name, prompt)
        self._counts.update(later)
        self._extra_counts.update(extra)
        self._usage = None
        return list(falling.values())

    def _prompt(self) -> int:
        """How many tokens the prompt has, by the counts so far."""
        return sum(self._count(name) or 0 for name in _INPUT)

    def _count(self, name: str) -> int | None:
        count: int | None = self._counts.get(name)
        if count is None and self._start is not None:
            count = getattr(self._start.usage, name)
        return count


@functools.cache
def _with_counts() -> Callable[..., Usage]:
    return changer(Usage, *_COUNTS)


def _without_nulls(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _unknown(cls: type[Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The keys of an `extra` that a class does not name, so no misfits; and no nulls."""
    names = schema(cls).names
    return {k: v for k, v in extra.items() if v is not None and k not in names}


def _unknown_keys(chunk: MessageDeltaChunk) -> dict[str, Any]:
    """The keys of a `message_delta` event that no class names, of the delta and of the event."""
    event: Any = chunk.chunk
    if event is None:
        return {}
    # Most events have no unknown keys. Do not copy those that can be looked at.
    if event.__class__ is not dict or event.get("type") != chunk.type:
        event = new_event_dict(event)
    delta = event.get("delta")
    inside = delta if isinstance(delta, dict) else {}
    found = _unknown(Message, {**inside, **event})
    found.pop("delta", None)
    return {name: copy_json(value) for name, value in found.items()}
