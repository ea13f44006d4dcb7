"""Which fields of an event are missing, or have a value of another type.

`FIELDS` has the fields that the API always sends. Whether a value is of the right type is known
already: a record keeps a misfit under its key in `extra`, and a chunk has the default of its field.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from .._chunks import (
    DELTAS,
    EVENTS,
    STRING_DELTAS,
    ContentBlockStartChunk,
    ErrorChunk,
    HelperEventChunk,
    UnknownChunk,
)
from .._model import Record, schema
from ..errors import kind_of, shown
from .findings import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .._chunks import ChunkView

__all__ = ["FIELDS", "Field", "faults_of_fields", "has_its_string"]


class Field(NamedTuple):
    """A field that the API always sends.

    Attributes:
        rule: The rule that is broken where it is missing.
        path: Where it is in the event: the keys, joined by dots.
        kind: Of an object or array: its type, since another value is no better than none. None for
            other values: one of another type breaks a rule of its own.
        is_nullable: Whether null is a proper value.
        is_name: Whether "" is no better than none.
    """

    rule: str
    path: str
    kind: type | None = None
    is_nullable: bool = False
    is_name: bool = False


_TOOL = (
    Field("tool_id_missing", "content_block.id", is_name=True),
    Field("tool_input_missing", "content_block.input"),
)

FIELDS: dict[str, tuple[Field, ...]] = {
    "message_start": (
        Field("message_missing", "message", dict),
        Field("message_content_missing", "message.content", list),
        Field("message_usage_missing", "message.usage", dict),
        Field("message_id_missing", "message.id", is_name=True),
        Field("message_type_missing", "message.type"),
        Field("message_role_missing", "message.role"),
        Field("message_model_missing", "message.model", is_name=True),
        Field("message_stop_fields_missing", "message.stop_reason", is_nullable=True),
        Field("message_stop_fields_missing", "message.stop_sequence", is_nullable=True),
        Field("count_missing", "message.usage.input_tokens"),
        Field("count_missing", "message.usage.output_tokens"),
    ),
    "message_delta": (
        Field("message_delta_delta_missing", "delta", dict),
        Field("message_delta_fields_missing", "delta.stop_reason", is_nullable=True),
        Field("message_delta_fields_missing", "delta.stop_sequence", is_nullable=True),
        Field("final_usage_missing", "usage", dict),
        Field("final_count_missing", "usage.output_tokens"),
    ),
    # Of blocks, by their type.
    "text": (Field("block_string_missing", "content_block.text"),),
    "thinking": (Field("block_string_missing", "content_block.thinking"),),
    "redacted_thinking": (Field("block_string_missing", "content_block.data"),),
    "tool_use": _TOOL,
    "server_tool_use": _TOOL,
    "mcp_tool_use": _TOOL,
    # Of deltas, by their type.
    **{
        tag: (Field("delta_string_missing", f"delta.{name}"),)
        for tag, (_, name) in STRING_DELTAS.items()
    },
    "citations_delta": (Field("delta_string_missing", "delta.citation"),),
}
"""The fields, by the type of the event, of the block that it starts, or of its delta."""

_STRINGS: dict[type, str] = {DELTAS[tag]: name for tag, (_, name) in STRING_DELTAS.items()}
"""The one string of a delta, by the class of the chunk."""


def has_its_string(chunk: ChunkView) -> bool:
    """Whether a chunk is that of a delta whose one string came, and is not empty."""
    name = _STRINGS.get(chunk.__class__)
    return name is not None and bool(getattr(chunk, name))


_WITHOUT_FIELDS = frozenset(
    {
        ErrorChunk,
        HelperEventChunk,
        UnknownChunk,
        *(EVENTS[tag] for tag in ("content_block_stop", "message_stop", "ping")),
    }
)


def faults_of_fields(event: Mapping[str, Any], chunk: ChunkView) -> list[Fault]:
    """Find the fields of an event that are missing or do not fit.

    Args:
        event: The event, after folding.
        chunk: Its chunk view.

    Returns:
        The rules that it breaks, each once, with what was seen.
    """
    cls = chunk.__class__
    if cls in _WITHOUT_FIELDS:
        return []
    delta = event.get("delta")
    name = _STRINGS.get(cls)
    if (
        name is not None
        and delta.__class__ is dict
        and len(delta) == 2
        and delta.get("type").__class__ is str
        and delta.get(name).__class__ is str
    ):
        return []  # most deltas
    faults: dict[str, Fault] = {}
    missing: set[str] = set()
    for field in _fields_of(event, chunk):
        if field.path in missing:
            continue
        place, key = _place_of(event, field.path)
        if place is None or _has(place, key, field):
            continue
        missing.add(field.path)
        was = f"{field.path} is {'missing' if key not in place else _described(place[key])}"
        faults.setdefault(field.rule, Fault(field.rule, was))
    for path, value in _misfits_of(event, chunk):
        if path not in missing:
            faults.setdefault(
                "misfit_value", Fault("misfit_value", f"{path} is {_described(value)}")
            )
    return list(faults.values())


def _fields_of(event: Mapping[str, Any], chunk: ChunkView) -> tuple[Field, ...]:
    if isinstance(chunk, ContentBlockStartChunk):
        return FIELDS.get(chunk.content_block.type, ())
    if chunk.type != "content_block_delta":
        return FIELDS.get(chunk.type, ())
    delta_type: str = chunk.delta_type  # type: ignore[union-attr]
    return (_DELTA_TYPE, *FIELDS.get(delta_type, ()))


_DELTA_TYPE = Field("delta_type_missing", "delta.type", str)


def _place_of(event: Mapping[str, Any], path: str) -> tuple[Any, str]:
    """Find the object that a path leads to, and the key in it; None where there is none."""
    outer, key = _keys_of(path)
    place: Any = event
    for name in outer:
        place = place.get(name)
        if not isinstance(place, dict):
            return None, key
    return place, key


@functools.cache
def _keys_of(path: str) -> tuple[tuple[str, ...], str]:
    *outer, key = path.split(".")
    return tuple(outer), key


def _has(place: Mapping[str, Any], key: str, field: Field) -> bool:
    if field.is_nullable:
        return key in place
    value = place.get(key)
    if field.is_name and value == "":
        return False
    return value is not None if field.kind is None else isinstance(value, field.kind)


def _misfits_of(event: Mapping[str, Any], chunk: ChunkView) -> Iterator[tuple[str, Any]]:
    """Find the values of another type than is due, in the chunk and in its records.

    Yields:
        The path of each, and the value.
    """
    for key in schema(type(chunk)).keys:
        value = getattr(chunk, key.name)
        if isinstance(value, Record):
            yield from _misfits_in(key.path, value)
            continue
        place = event.get(key.inside) if key.inside else event
        came = place.get(key.wire) if isinstance(place, dict) else None
        if came is not None and value == key.default() and value != came:
            yield key.path, came
    if (
        isinstance(chunk, ContentBlockStartChunk)
        and "input" in schema(type(chunk.content_block)).names
    ):
        came = event["content_block"].get("input")
        if came is not None and not isinstance(came, dict):
            yield "content_block.input", came


def _misfits_in(path: str, record: Record) -> Iterator[tuple[str, Any]]:
    """Find them in a record."""
    shape = schema(type(record))
    for name in shape.names.intersection(record.extra):
        yield f"{path}.{name}", record.extra[name]
    for key in shape.keys:
        if key.exact is str or key.exact is int:
            continue
        value = getattr(record, key.name)
        if isinstance(value, Record):
            yield from _misfits_in(f"{path}.{key.wire}", value)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                if isinstance(item, Record):
                    yield from _misfits_in(f"{path}.{key.wire}[{index}]", item)


def _described(value: Any) -> str:
    """Describe a value by its type, and show it."""
    if value is None:
        return "null"
    return f"{kind_of(value)} {shown(value, 40)}"
