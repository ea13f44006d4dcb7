"""How a stream breaks each rule about fields: the essential ones, and the others.

The rules about a field that is missing follow `FIELDS`, which has the path of each field. If a rule
has several, any of them is broken.
"""

from __future__ import annotations

import functools
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from ..._chunks import EVENTS, STRING_DELTAS, decode
from ..._model import BLOCKS, Message, Record, schema
from ..._rules import FIELDS, Field
from ._breaking import (
    WORDS,
    added_block,
    at_end,
    block_events,
    block_for,
    delta_for,
    during,
    inserted,
    place_of,
    start_count,
    text_block,
)
from ._json import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DrawFn, SearchStrategy

    from ._assembly import Stream
    from ._breaking import Break
    from ._objects import Event

__all__ = ["BREAKS"]

_ABSENT: Any = object()


def _without(draw: DrawFn, event: Event, path: str, *values: Any) -> None:
    """Take a field from an event, or give it a value that is no better than none.

    Args:
        draw: The `draw` of `st.composite`.
        event: The event. It is changed.
        path: Where the field is: the keys, joined by dots.
        *values: The values that are no better than none.
    """
    *outer, key = path.split(".")
    place: Any = functools.reduce(dict.__getitem__, outer, event)
    value = draw(st.sampled_from((_ABSENT, *values)))
    if value is _ABSENT:
        del place[key]
    else:
        place[key] = value


# -- essential --------------------------------------------------------------------------------


def _index_missing(draw: DrawFn, stream: Stream) -> Stream:
    # A block's event more than there should be: without one of its own, a block breaks other rules.
    event = draw(st.sampled_from(text_block(draw, 0)))
    _without(draw, event, "index", None, -1, 0.5, "0", False)
    return inserted(stream, during(draw, stream), event)


def _start_broken(path: str, *values: Any, tags: tuple[str, ...] = ("text",)) -> Break:
    def break_it(draw: DrawFn, stream: Stream) -> Stream:
        # The start alone: since the block never starts, its other events would break rules.
        block = block_for(draw, stream, draw(st.sampled_from(tags)))
        start, _ = block_events(start_count(stream), block)
        _without(draw, start, path, None, *values)
        return at_end(stream, start)

    return break_it


def _delta_missing(draw: DrawFn, stream: Stream) -> Stream:
    start, delta, stop = text_block(draw, start_count(stream))
    _without(draw, delta, "delta", None, "", 0)
    return at_end(stream, start, delta, stop)


def _delta_string_misfit(draw: DrawFn, stream: Stream) -> Stream:
    tag = draw(st.sampled_from(tuple(STRING_DELTAS)))
    block, delta = delta_for(draw, tag)
    _, name = STRING_DELTAS[tag]
    delta[name] = draw(_MISFITS[str])
    return at_end(stream, *added_block(draw, stream, block, delta))


def _too_deep(draw: DrawFn, stream: Stream) -> Stream:
    deep: Any = []
    for _ in range(250):
        deep = [deep]
    start, delta, stop = text_block(draw, start_count(stream))
    return at_end(stream, start, {**delta, "deep": deep}, stop)


# -- fields -----------------------------------------------------------------------------------


def _field_missing(rule: str) -> Break:
    fields = [(tag, field) for tag, row in FIELDS.items() for field in row if field.rule == rule]

    def break_it(draw: DrawFn, stream: Stream) -> Stream:
        tag, field = draw(st.sampled_from(fields))
        if tag in BLOCKS:
            start, stop = added_block(draw, stream, tag)
            _lose(draw, start, field)
            return at_end(stream, start, stop)
        if tag in WORDS.deltas or tag == "content_block_delta":
            tag = draw(st.sampled_from(_DELTAS)) if tag == "content_block_delta" else tag
            block, delta = delta_for(draw, tag)
            start, event, stop = added_block(draw, stream, block, delta)
            _lose(draw, event, field)
            return at_end(stream, start, event, stop)
        place = place_of(stream, tag)
        if field.path.startswith("delta"):
            # Another message_delta after it brings the stop reason.
            stream = inserted(stream, place, deepcopy(stream[place]))
            stream[place]["delta"] = {"stop_reason": None, "stop_sequence": None}
        _lose(draw, stream[place], field)
        return stream

    return break_it


_DELTAS = tuple(WORDS.deltas)


def _lose(draw: DrawFn, event: Event, field: Field) -> None:
    """Take a field from an event, in one of the ways that count as missing."""
    values = [
        value
        for value, counts in ((None, not field.is_nullable), ("", field.is_name), (0, field.kind))
        if counts
    ]
    _without(draw, event, field.path, *values)


def _misfit_value(draw: DrawFn, stream: Stream) -> Stream:
    events = [event for event in stream if event["type"] in EVENTS]
    places = [place for event in events for place in _scalars_in(event, decode(event))]
    place, key, kind = draw(st.sampled_from(places))
    place[key] = write_json(place[key]) if kind is dict else draw(_MISFITS[kind])
    return stream


def _scalars_in(value: Event, read: Any) -> Iterator[tuple[Event, str, Any]]:
    """Find the fields of an event, or of an object in it, that have a scalar.

    Args:
        value: The event or object.
        read: Its chunk view or record.

    Yields:
        The object that has the field, its key, and the type of the scalar. A tool's input is
        among them, with the type dict: a string is a misfit there.
    """
    if isinstance(read, Message):
        yield value, "type", str
    for key in schema(type(read)).keys:
        place = value[key.inside] if key.inside else value
        came, part = place.get(key.wire), getattr(read, key.name)
        if isinstance(came, dict) and isinstance(part, Record):
            yield from _scalars_in(came, part)
        elif isinstance(came, list) and isinstance(part, tuple):
            for item, record in zip(came, part, strict=True):
                yield from _scalars_in(item, record)
        elif isinstance(came, dict) and key.wire == "input":
            yield place, key.wire, dict
        elif key.wire == "type" or key.missing_rule or key.misfit_rule:
            continue  # a misfit there breaks another rule, or makes something else of the object
        elif key.wire in place and key.exact in _MISFITS:
            yield place, key.wire, key.exact


_MISFITS: dict[Any, SearchStrategy[Any]] = {
    str: st.sampled_from((0, 0.5, False)) | st.builds(list),
    int: st.sampled_from(("", 0.5, False)) | st.builds(list),
    bool: st.sampled_from(("", 0, 0.5)) | st.builds(list),
}
"""Values of another JSON type, by the type that is due."""

_TOOLS = ("tool_use", "server_tool_use", "mcp_tool_use")

BREAKS: dict[str, Break] = {
    "index_missing": _index_missing,
    "content_block_missing": _start_broken("content_block", "", 0),
    "block_type_missing": _start_broken("content_block.type", 0),
    "tool_name_missing": _start_broken("content_block.name", 0, tags=_TOOLS),
    "delta_missing": _delta_missing,
    "delta_string_misfit": _delta_string_misfit,
    "too_deep": _too_deep,
    **{field.rule: _field_missing(field.rule) for fields in FIELDS.values() for field in fields},
    "misfit_value": _misfit_value,
}
