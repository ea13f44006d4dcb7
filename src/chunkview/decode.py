"""Tagged dispatch: an event in, its chunk view out.

Two look-ups find the reader of an event: `EVENTS` by its `type`, and for a delta `DELTAS` by the
type of the delta. A new event type is one class in `chunks` and one row here. What has no row is
kept whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._event import new_event_dict
from ._json import check_depth, loads
from ._make import maker
from ._record import keys_reader, per_class, read_object, schema
from .blocks import read_tag
from .call_response_chunk import AnthropicCallResponseChunk
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
from .errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call_response_chunk import MessageStreamEvent

    Chunk = AnthropicCallResponseChunk
    EventReader = Callable[[dict[str, Any], Any], Chunk]

__all__ = ["DELTAS", "EVENTS", "STRING_DELTAS", "decode", "decode_object"]


def decode(event: MessageStreamEvent) -> AnthropicCallResponseChunk:
    """Decode one event into its chunk view.

    Args:
        event: An event of Anthropic's stream: a mapping (parsed JSON), JSON text (`str`, or UTF-8
            as `bytes`, `bytearray` or `memoryview`), an event object of the `anthropic` SDK
            (of any version, beta or not), or a chunk view, which is returned as it is. It is
            never changed.

    Returns:
        The chunk view; its `chunk` is the event given (a `bytearray` or `memoryview` as bytes).
        An event or delta of a type that this version does not know is kept whole in an
        UnknownChunk or UnknownDeltaChunk.

    Raises:
        DecodeError: The event is no event at all, or a required field is missing or of the wrong
            type. The error says where, and carries the event.
    """
    if event.__class__ is dict:
        return decode_object(event, event)  # pyright: ignore[reportArgumentType]
    if event.__class__ in (str, bytes):
        return _decode_text(event)
    return _decode_other(event)


def decode_object(event: dict[str, Any], source: Any) -> AnthropicCallResponseChunk:
    """Decode an event that has been parsed.

    Args:
        event: The event.
        source: What the chunk view shall keep as its `chunk`.

    Returns:
        The chunk view.

    Raises:
        DecodeError: As for `decode`.
    """
    # The hot path, a delta that is one string, stands here rather than behind the tables: two
    # calls less make it a quarter faster (benchmarks/test_decode.py). Whatever is unusual about
    # such a delta is left to its reader.
    try:
        if event["type"] == "content_block_delta":
            delta = event["delta"]
            make, name = STRING_DELTAS[delta["type"]]
            index, value = event["index"], delta[name]
            # Exact types: a bool is no index, and a subclass of str is no business of this path.
            if index.__class__ is int and value.__class__ is str:
                return make(source, index, value)
    except (KeyError, TypeError):
        pass
    try:
        read = EVENTS[event["type"]]
    except (KeyError, TypeError):
        read = _read_unlisted
    try:
        return read(event, source)
    except DecodeError as error:
        tag = event.get("type")
        error.event = source
        if isinstance(tag, str):
            error.under(tag)
        raise


def _decode_text(text: Any) -> Chunk:
    if not isinstance(text, (str, bytes)):
        text = bytes(text)
    try:
        event = read_object(loads(text))
    except DecodeError as error:
        error.event = text
        raise
    return decode_object(event, text)


def _decode_other(event: Any) -> Chunk:
    if isinstance(event, AnthropicCallResponseChunk):
        return event
    # The SDK's hot deltas are read by attribute; whatever is unusual about one sends it the long
    # way round, which either decodes it or says what is wrong.
    try:
        if event.type == "content_block_delta":
            delta = event.delta
            make, name = STRING_DELTAS[delta.type]
            index, value = event.index, getattr(delta, name)
            if index.__class__ is int and value.__class__ is str:
                return make(event, index, value)
    except (AttributeError, KeyError, TypeError):
        pass
    if isinstance(event, (str, bytes, bytearray, memoryview)):
        return _decode_text(event)
    try:
        parsed = new_event_dict(event)
    except DecodeError as error:
        error.event = event
        raise
    return decode_object(parsed, event)


STRING_DELTAS: dict[str, tuple[Callable[..., Chunk], str]] = {
    cls.delta_type: (maker(cls, "chunk"), name)
    for cls, name in (
        (TextDeltaChunk, "text"),
        (InputJsonDeltaChunk, "partial_json"),
        (ThinkingDeltaChunk, "thinking"),
        (SignatureDeltaChunk, "signature"),
    )
}
"""Deltas that are one string: how to make the chunk view, and the string's key on the delta."""


def _reader(cls: type[Chunk]) -> EventReader:
    """Make the reader of a variant from the schema of its class."""

    def read(event: dict[str, Any], source: Any) -> Chunk:
        make, places = _plan(cls)
        values: list[Any] = []
        for inside, read_keys in places:
            if not inside:
                values += read_keys(event)[0]
                continue
            place = _object_at(event, inside)
            try:
                values += read_keys(place)[0]
            except DecodeError as error:
                raise error.under(inside) from None
        return make(source, *values)

    return read


@per_class
def _plan(cls: type[Any]) -> tuple[Callable[..., Chunk], list[tuple[str, Callable[..., Any]]]]:
    """How to make a variant, and how to read its keys from each object that they stand in."""
    keys = schema(cls).keys
    places = [
        (inside, tuple(key for key in keys if key.inside == inside))
        for inside in dict.fromkeys(key.inside for key in keys)
    ]
    names = [key.name for _, place in places for key in place]
    readers = [(inside, keys_reader(place)) for inside, place in places]
    return maker(cls, "chunk", *names), readers


def _read_content_block_delta(event: dict[str, Any], source: Any) -> Chunk:
    try:
        read = DELTAS[event["delta"]["type"]]
    except (KeyError, TypeError):
        read = _read_unlisted_delta
    return read(event, source)


def _read_unlisted_delta(event: dict[str, Any], source: Any) -> Chunk:
    _, ((_, read_index_and_delta), _) = _plan(UnknownDeltaChunk)
    (index, delta), _ = read_index_and_delta(event)
    try:
        tag = read_tag(delta)
    except DecodeError as error:
        raise error.under("delta") from None
    return UnknownDeltaChunk(index, tag, delta, chunk=source)


def _read_helper_event(event: dict[str, Any], source: Any) -> Chunk:
    check_depth(event)
    return HelperEventChunk(event["type"], event, chunk=source)


def _read_unlisted(event: dict[str, Any], source: Any) -> Chunk:
    check_depth(event)
    return UnknownChunk(read_tag(event), event, chunk=source)


def _object_at(event: dict[str, Any], name: str) -> dict[str, Any]:
    """Read an object that stands on the event."""
    if name not in event:
        raise DecodeError("required, but missing", path=name)
    try:
        return read_object(event[name])
    except DecodeError as error:
        raise error.under(name) from None


DELTAS: dict[str, EventReader] = {
    "text_delta": _reader(TextDeltaChunk),
    "input_json_delta": _reader(InputJsonDeltaChunk),
    "thinking_delta": _reader(ThinkingDeltaChunk),
    "signature_delta": _reader(SignatureDeltaChunk),
    "citations_delta": _reader(CitationsDeltaChunk),
    "compaction_delta": _reader(CompactionDeltaChunk),
}
"""How to read a `content_block_delta`, by the type of its delta."""

EVENTS: dict[str, EventReader] = {
    "message_start": _reader(MessageStartChunk),
    "content_block_start": _reader(ContentBlockStartChunk),
    "content_block_delta": _read_content_block_delta,
    "content_block_stop": _reader(ContentBlockStopChunk),
    "message_delta": _reader(MessageDeltaChunk),
    "message_stop": _reader(MessageStopChunk),
    "ping": _reader(PingChunk),
    "error": _reader(ErrorChunk),
    # What the SDK's `client.messages.stream()` adds on its own account.
    "text": _read_helper_event,
    "thinking": _read_helper_event,
    "signature": _read_helper_event,
    "citation": _read_helper_event,
    "input_json": _read_helper_event,
    "compaction": _read_helper_event,
}
"""How to read an event, by its type."""
