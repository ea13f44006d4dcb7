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
from .._model import ABSENT, Key, Record, per_class, schema
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
    "content_block_delta": (Field("delta_type_missing", "delta.type", str),),
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
    delta: Any = event.get("delta")
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
    for outer, fields in _tables_of(chunk):
        place = _place_of(event, outer)
        if place is None:
            continue
        for key, usual, field in fields:
            value = place.get(key, ABSENT)
            if (value.__class__ is usual and value) or _is_proper(value, field):
                continue
            missing.add(field.path)
            was = f"{field.path} is {'missing' if value is ABSENT else _described(value)}"
            faults.setdefault(field.rule, Fault(field.rule, was))
    for path, value in _misfits_of(event, chunk):
        if path not in missing:
            seen = f"{path} is {_described(value)}"
            faults.setdefault("misfit_value", Fault("misfit_value", seen))
    return list(faults.values())


_Table = tuple[tuple[tuple[str, ...], tuple[tuple[str, type, Field], ...]], ...]
"""Fields, each with its key and its usual type, by the keys that lead to its object."""


def _tables_of(chunk: ChunkView) -> _Table:
    """Find the fields that an event should have."""
    if isinstance(chunk, ContentBlockStartChunk):
        return _table(chunk.content_block.type)
    if chunk.type != "content_block_delta":
        return _table(chunk.type)
    delta_type: str = chunk.delta_type  # type: ignore[union-attr]
    return _table_of_delta(delta_type)


@functools.lru_cache(maxsize=64)
def _table(tag: str) -> _Table:
    return _grouped(FIELDS.get(tag, ()))


@functools.lru_cache(maxsize=64)
def _table_of_delta(tag: str) -> _Table:
    return _grouped((*FIELDS["content_block_delta"], *FIELDS.get(tag, ())))


def _grouped(fields: tuple[Field, ...]) -> _Table:
    groups: dict[tuple[str, ...], list[tuple[str, type, Field]]] = {}
    for field in fields:
        *outer, key = field.path.split(".")
        groups.setdefault(tuple(outer), []).append((key, field.kind or str, field))
    return tuple([(outer, tuple(group)) for outer, group in groups.items()])


def _place_of(event: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any] | None:
    """Find the object that some keys lead to, if there is one."""
    place: Any = event
    for name in keys:
        place = place.get(name)
        if not isinstance(place, dict):
            return None
    return place  # type: ignore[no-any-return]


def _is_proper(value: Any, field: Field) -> bool:
    """Whether a field is there. Its type only matters for an object or array."""
    if value is None or value is ABSENT:
        return value is None and field.is_nullable
    if field.kind is not None:
        return isinstance(value, field.kind)
    return value != "" or not field.is_name


def _misfits_of(event: Mapping[str, Any], chunk: ChunkView) -> Iterator[tuple[str, Any]]:
    """Find the values of another type than is due, in the chunk and in its records.

    Yields:
        The path of each, and the value.
    """
    shape = _shape_of(type(chunk))
    for inside, keys in shape.values:
        place = event.get(inside) if inside else event
        if not isinstance(place, dict):
            continue
        for key, default in keys:
            came = place.get(key.wire)
            if came is not None and came.__class__ is not key.exact:
                value = getattr(chunk, key.name)
                if value == default and value != came:
                    yield key.path, came
    for key in shape.records:
        value = getattr(chunk, key.name)
        if isinstance(value, Record):
            if _has_misfits(value):
                yield from _misfits_in(key.path, value)
        elif value is None and (came := _came(event, key)) is not None:
            yield key.path, came
    if isinstance(chunk, ContentBlockStartChunk):
        given = event["content_block"].get("input")
        if given.__class__ is dict or given is None:
            return
        if "input" in schema(type(chunk.content_block)).names and not isinstance(given, dict):
            yield "content_block.input", given


class _Shape(NamedTuple):
    """Where a chunk may have misfits.

    Attributes:
        values: By the key of the object that they are in: the keys of values that are no records,
            each with what the attribute has if the value is a misfit.
        records: The keys of records.
    """

    values: tuple[tuple[str, tuple[tuple[Key, Any], ...]], ...]
    records: tuple[Key, ...]


@per_class
def _shape_of(cls: type[Any]) -> _Shape:
    values: dict[str, list[tuple[Key, Any]]] = {}
    for key in schema(cls).keys:
        if key.exact is not None and not key.missing_rule:
            values.setdefault(key.inside, []).append((key, key.default()))
    grouped = tuple([(inside, tuple(keys)) for inside, keys in values.items()])
    return _Shape(grouped, tuple([key for key in schema(cls).keys if key.exact is None]))


def _came(event: Mapping[str, Any], key: Key) -> Any:
    place = event.get(key.inside) if key.inside else event
    return place.get(key.wire) if isinstance(place, dict) else None


def _misfits_in(path: str, record: Record) -> Iterator[tuple[str, Any]]:
    """Find them in a record."""
    if record.extra:
        for name in schema(type(record)).names.intersection(record.extra):
            yield f"{path}.{name}", record.extra[name]
    for key in _keys_of_records(type(record)):
        value = getattr(record, key.name)
        if isinstance(value, Record):
            yield from _misfits_in(f"{path}.{key.wire}", value)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                yield from _misfits_in(f"{path}.{key.wire}[{index}]", item)


def _has_misfits(record: Record) -> bool:
    """Say whether there are any: most records have none, and need no paths."""
    if record.extra and not schema(type(record)).names.isdisjoint(record.extra):
        return True
    for key in _keys_of_records(type(record)):
        value = getattr(record, key.name)
        if value:
            for item in value if value.__class__ is tuple else (value,):
                if isinstance(item, Record) and _has_misfits(item):
                    return True
    return False


@per_class
def _keys_of_records(cls: type[Any]) -> tuple[Key, ...]:
    """The keys of a class whose values may be records or tuples of records."""
    return tuple([key for key in schema(cls).keys if key.exact is None])


def _described(value: Any) -> str:
    """Describe a value by its type, and show it."""
    if value is None:
        return "null"
    return f"{kind_of(value)} {shown(value, 40)}"
