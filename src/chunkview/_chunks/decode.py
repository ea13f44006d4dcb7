"""Tagged dispatch: an event in, its chunk view out.

Two look-ups find the class of an event: `EVENTS` by its `type`, and for a delta `DELTAS` by the
type of the delta. A new event type is one class in `variants` and one row here. An event without a
row is kept whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .._model import REQUIRED_KEY, MisfitError, bounded, maker
from ..errors import DecodeError, kind_of
from .contract import AnthropicCallResponseChunk
from .error import ErrorChunk, is_error, read_usual_error
from .event import put_event_reader
from .sources import sdk_event_dict, text_event_dict
from .variants import (
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
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
    told_by_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contract import MessageStreamEvent
    from .variants import ChunkView


__all__ = ["DELTAS", "EVENTS", "STRING_DELTAS", "decode", "decode_object"]


def decode(event: MessageStreamEvent) -> ChunkView:
    """Decode one event into its chunk view.

    Args:
        event: An event of Anthropic's stream: a mapping (parsed JSON), JSON text (`str`, or UTF-8
            as `bytes`, `bytearray` or `memoryview`), an event object of the `anthropic` SDK
            (of any version, beta or not), or a chunk view, which is returned as it is. It is
            never changed.

    Returns:
        The chunk view; its `chunk` is the event given (a `bytearray` or `memoryview` as bytes).
        A field whose key is absent, null or of another type has a default: "" for a string, None
        for a count, an empty object elsewhere. An event or delta of a type that this version does
        not know, or without a type, is kept whole in an UnknownChunk or UnknownDeltaChunk. Parts of
        an event that are mappings other than dicts become dicts, and tuples become lists.

    Raises:
        DecodeError: The event is no object, or something essential is missing or of the wrong
            type: the `index` of a block, `content_block` and its `type`, the `name` of a tool,
            `delta`; or the one string of a delta is something else. Or an object's own methods
            failed. Or the event is nested deeper than 200 levels, holds itself, or grows beyond
            all bounds by shared references. The error says where, and carries the event.
    """
    kind = event.__class__
    if kind is dict:
        return decode_object(event, event)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    if kind is str or kind is bytes:
        return _decode_text(event)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return _decode_other(event)


def decode_object(
    event: dict[str, Any],
    source: Any,
    is_unchecked: bool = False,
) -> ChunkView:
    """Decode an event that has been parsed.

    Args:
        event: The event. Unless it is unchecked, or its own source, it has passed `bounded` or
            comes from text.
        source: What the chunk view shall keep as its `chunk`.
        is_unchecked: Whether the event has yet to pass `bounded`.

    Returns:
        The chunk view.

    Raises:
        DecodeError: As for `decode`.
    """
    # The hot path, for a delta that is one string. Two calls fewer than by way of the tables make
    # it 25% faster (benchmarks/test_decode.py). A delta that is unusual in any way goes there.
    try:
        if event["type"] == "content_block_delta":
            delta = event["delta"]
            make, name = _MAKERS[delta["type"]]
            index, value = event["index"], delta[name]
            # Exact types: a bool is not an index, and str subclasses take the general path. No
            # further keys either, such as the estimated_tokens of a thinking delta.
            if (
                index.__class__ is int
                and value.__class__ is str
                and delta.__class__ is dict
                and len(delta) == 2
                and len(event) == 3
                and index >= 0
            ):
                return make(source, index, value)
            return _DELTA_READERS[delta["type"]](event, source, is_unchecked or event is source)
        return _EVENT_READERS[event["type"]](event, source, is_unchecked or event is source)
    except (MemoryError, OSError):
        raise
    except Exception:  # noqa: BLE001, S110 - the general path meets it again and reports it
        pass
    return _decode_generally(event, source, is_unchecked or event is source)


def _decode_generally(event: dict[str, Any], source: Any, is_unchecked: bool) -> ChunkView:
    """Decode any event, or say what is wrong with it."""
    tag: Any = event.get("type")
    try:
        if is_unchecked:
            event = bounded(event)
        read = _READERS.get(tag) if isinstance(tag, str) else None
        if read is None:
            read = ErrorChunk.from_event if is_error(event) else UnknownChunk.from_event
        return read(event, source)
    except DecodeError as error:
        error.event = source
        if isinstance(tag, str):
            error.under(tag)
        raise


def _decode_text(text: str | bytes) -> ChunkView:
    try:
        event = text_event_dict(text)
    except DecodeError as error:
        error.event = text
        raise
    return decode_object(event, text)


def _decode_other(event: Any) -> ChunkView:
    if isinstance(event, AnthropicCallResponseChunk):
        return cast("ChunkView", event)
    # The hot path, for an SDK object that is a usual delta of one string. It is read by attribute:
    # to dump it takes more than four times as long. A function of its own would cost another tenth.
    try:
        if event.type == "content_block_delta":
            delta = event.delta
            make, name = STRING_DELTAS[delta.type]
            index, value = event.index, getattr(delta, name)
            # The SDK keeps unknown keys in its models' extra, and nobody would check their values.
            # Only models have the attribute: a mapping with attributes does not get through.
            if (
                index.__class__ is int
                and value.__class__ is str
                and index >= 0
                and (name != "thinking" or _has_no_estimate(delta))
                and not delta.__pydantic_extra__
                and not event.__pydantic_extra__
            ):
                return make(event, index, value)
    except (MemoryError, OSError):
        raise
    except Exception:  # noqa: BLE001, S110 - the general path meets it again and reports it
        pass
    return _decode_slowly(event)


def _decode_slowly(event: Any) -> ChunkView:
    """Decode what is no dict, no plain text and no usual delta of the SDK."""
    if isinstance(event, (str, bytes)):
        return _decode_text(event)
    if isinstance(event, (bytearray, memoryview)):
        return _decode_text(bytes(event))
    try:
        parsed: Any = event if isinstance(event, Mapping) else sdk_event_dict(event)
        if parsed.__class__ is not dict:
            parsed = bounded(parsed)
    except DecodeError as error:
        error.event = event
        raise
    return decode_object(parsed, event, True)


def _has_no_estimate(delta: Any) -> bool:
    """Whether an SDK object for a thinking delta has no `estimated_tokens`."""
    # Do not ask for the attribute: where there is none, pydantic takes 2 microseconds to say so.
    return delta.__dict__.get("estimated_tokens") is None


def _read_delta(event: dict[str, Any], source: Any) -> ChunkView:
    delta = event.get("delta")
    if not isinstance(delta, dict):
        problem = f"expected object, got {kind_of(delta)}" if "delta" in event else REQUIRED_KEY
        raise DecodeError(problem, path="delta", rule="delta_missing")
    tag = delta.get("type")
    if not isinstance(tag, str):
        tag = told_by_key(delta)
    return DELTAS.get(tag, UnknownDeltaChunk).from_event(event, source)


_SIMPLE_EVENTS: dict[str, type[ChunkView]] = {
    "message_start": MessageStartChunk,
    "content_block_start": ContentBlockStartChunk,
    "content_block_stop": ContentBlockStopChunk,
    "message_delta": MessageDeltaChunk,
    "message_stop": MessageStopChunk,
    "ping": PingChunk,
}
"""The classes of events that are read by their schema alone."""

EVENTS: dict[str, type[ChunkView]] = {
    **_SIMPLE_EVENTS,
    "content_block_delta": UnknownDeltaChunk,  # unless `DELTAS` has the delta's type
    "error": ErrorChunk,
    # Events that the SDK's `client.messages.stream()` adds.
    "text": HelperEventChunk,
    "thinking": HelperEventChunk,
    "signature": HelperEventChunk,
    "citation": HelperEventChunk,
    "input_json": HelperEventChunk,
    "compaction": HelperEventChunk,
}
"""The class of an event, by its type; else an UnknownChunk."""

DELTAS: dict[str, type[ChunkView]] = {
    "text_delta": TextDeltaChunk,
    "input_json_delta": InputJsonDeltaChunk,
    "thinking_delta": ThinkingDeltaChunk,
    "signature_delta": SignatureDeltaChunk,
    "citations_delta": CitationsDeltaChunk,
    "compaction_delta": CompactionDeltaChunk,
}
"""The class of a `content_block_delta`, by the type of its delta; else an UnknownDeltaChunk."""

_READERS: dict[str, Callable[[dict[str, Any], Any], ChunkView]] = {
    **{tag: cls.from_event for tag, cls in EVENTS.items()},
    "content_block_delta": _read_delta,
}

STRING_DELTAS: dict[str, tuple[Callable[..., ChunkView], str]] = {
    tag: (maker(DELTAS[tag], "chunk"), name)
    for tag, name in (
        ("text_delta", "text"),
        ("input_json_delta", "partial_json"),
        ("thinking_delta", "thinking"),
        ("signature_delta", "signature"),
    )
}
"""Deltas that are one string: how to make the chunk view, and the string's key on the delta."""


def _not_a_string(*_: Any) -> ChunkView:
    raise MisfitError


def _compaction(source: Any, index: int, summary: str) -> ChunkView:
    return CompactionDeltaChunk(index, summary, chunk=source)


_MAKERS = {
    **STRING_DELTAS,
    "citations_delta": (_not_a_string, "citation"),
    "compaction_delta": (_compaction, "content"),
}
"""The same, and the other deltas. (A look-up that fails costs half as much as to read a citation.)
"""


def _readers_of(classes: dict[str, type[ChunkView]]) -> dict[str, Callable[..., ChunkView]]:
    readers: dict[str, Callable[..., ChunkView]] = {}
    for tag, cls in classes.items():
        put_event_reader(readers, tag, cls)
    return readers


_EVENT_READERS = _readers_of(_SIMPLE_EVENTS)
_EVENT_READERS["error"] = read_usual_error
_DELTA_READERS = _readers_of(DELTAS)
