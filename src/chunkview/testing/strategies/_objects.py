"""JSON objects as the API writes them, and the small values that they are made of.

What the objects of the API are called, and what is in each, stands in `_block_strategies` and
`_event_strategies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ._json import json_objects, json_values, names, texts
from ._titled import Titled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hypothesis.strategies import DrawFn

__all__ = [
    "INDEX",
    "MODEL",
    "NUMBER",
    "OPAQUE",
    "TEXT",
    "TOKENS",
    "UNKNOWN",
    "URL",
    "Event",
    "Events",
    "add_unknown_keys",
    "any_of",
    "extended",
    "ids",
    "objects",
    "or_null",
    "tagged",
    "unknown_objects",
    "unknown_tags",
]

Event: TypeAlias = dict[str, Any]
"""A JSON object of the API, parsed."""

Events: TypeAlias = SearchStrategy[Event]
"""Strategies of such objects."""

UNKNOWN = "unknown"
"""Asks for a thing whose tag no API documents; such a tag is `unknown` or begins with it."""

TEXT = texts()
INDEX = st.integers(0, 9)
NUMBER = st.integers(0, 10**6)
TOKENS = st.integers(0, 10**9)
MODEL = st.sampled_from(("claude", "claude-sonnet-4-5", "claude-opus-4-1-20250805"))
OPAQUE = st.text("AQg+/=", max_size=20)
URL = NUMBER.map("https://example.com/{}".format)


def any_of(table: Mapping[str, SearchStrategy[Event]]) -> SearchStrategy[Event]:
    """Any row of a table. Shrinks towards the first."""
    return st.one_of(*table.values())


def objects(
    required: Mapping[str, SearchStrategy[Any]],
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[Event]:
    """JSON objects, made anew each time. Shrinks to the required keys alone."""
    return _objects(_shape(None, required, optional))


def tagged(
    tag: str,
    required: Mapping[str, SearchStrategy[Any]] | None = None,
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[Event]:
    """JSON objects with a fixed `type`."""
    return _objects(_shape(tag, required or {}, optional))


@attrs.frozen
class _Shape:
    """What an object has: its tag, the keys it always has, and those it may have."""

    tag: str | None
    required: dict[str, SearchStrategy[Any]]
    optional: dict[str, SearchStrategy[Any]]


def _shape(
    tag: str | None,
    required: Mapping[str, SearchStrategy[Any]],
    optional: Mapping[str, SearchStrategy[Any]] | None,
) -> Titled[_Shape]:
    title = repr(tag or ", ".join(required))
    return Titled(title, _Shape(tag, dict(required), dict(optional or {})))


# `st.fixed_dictionaries` also draws an order for the keys, which takes several times as long; the
# order is drawn where it matters, when events are written as text.
@st.composite
def _objects(draw: DrawFn, titled_shape: Titled[_Shape]) -> Event:
    shape = titled_shape.value
    drawn: Event = {} if shape.tag is None else {"type": shape.tag}
    for name, values in shape.required.items():
        drawn[name] = draw(values)
    if shape.optional:
        present = draw(st.integers(0, 2 ** len(shape.optional) - 1))
        for bit, (name, values) in enumerate(shape.optional.items()):
            if present >> bit & 1:
                drawn[name] = draw(values)
    return drawn


# The prefix keeps these apart from every name that the API has, now or later.
_UNKNOWN_KEYS = st.dictionaries(
    st.just("unknown") | names().map("unknown_{}".format), json_values(), min_size=1, max_size=2
)
# The number says which object; taken modulo how many there are, so that the strategy can be one.
_ADDITIONS = st.lists(st.tuples(st.integers(0, 99), _UNKNOWN_KEYS), max_size=3)


def add_unknown_keys(draw: DrawFn, value: Any) -> None:
    """Add keys that no API documents to up to three objects in a JSON value. Shrinks to none.

    Args:
        draw: Hypothesis's own, within `st.composite`.
        value: An object, or an array of some; they are changed in place. An `input` is the tool's
            own data and gets no keys.
    """
    objects = list(_objects_in(value))
    for place, keys in draw(_ADDITIONS):
        objects[place % len(objects)].update(keys)


def _objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for name, item in value.items():
            if name != "input":
                yield from _objects_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects_in(item)


def extended(values: SearchStrategy[Event], *, unknown: bool = True) -> SearchStrategy[Event]:
    """The same objects, with keys that no API documents when these are asked for."""
    return _extended(Titled("...", values)) if unknown else values


@st.composite
def _extended(draw: DrawFn, values: Titled[SearchStrategy[Event]]) -> Event:
    value = draw(values.value)
    add_unknown_keys(draw, value)
    return value


def unknown_tags() -> SearchStrategy[str]:
    """Tags that no API documents. Shrinks to "unknown"."""
    return st.just(UNKNOWN) | names().map("unknown_{}".format)


def unknown_objects() -> SearchStrategy[Event]:
    """Objects whose tag no API documents, with anything in them."""
    return _unknown_objects()


@st.composite
def _unknown_objects(draw: DrawFn) -> Event:
    return {**draw(json_objects()), "type": draw(unknown_tags())}


def ids(prefix: str) -> SearchStrategy[str]:
    return st.integers(0, 10**6).map(f"{prefix}_{{}}".format)


def or_null(values: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.none() | values
