"""JSON objects as the API writes them, and the small values in them.

`_blocks` and `_events` say which objects the API has, and what is in each.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

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
    "MODELS",
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
    "future_objects",
    "ids",
    "objects",
    "or_null",
    "tagged",
    "unknown_objects",
    "unknown_tags",
    "weighted",
]

T = TypeVar("T")

Event: TypeAlias = dict[str, Any]
"""A JSON object of the API, parsed."""

Events: TypeAlias = SearchStrategy[Event]
"""Strategies of such objects."""

UNKNOWN = "unknown"
"""Selects things with a tag that no API documents. Such a tag begins with this word."""

TEXT = texts()
INDEX = st.integers(0, 9)
NUMBER = st.integers(0, 10**6)
TOKENS = st.integers(0, 10**9)
MODELS = ("claude", "claude-sonnet-4-5", "claude-opus-4-1-20250805")
MODEL = st.sampled_from(MODELS)
OPAQUE = st.text("AQg+/=", max_size=20)
URL = NUMBER.map("https://example.com/{}".format)


def any_of(table: Mapping[str, SearchStrategy[Event]]) -> SearchStrategy[Event]:
    """Values of any row of a table. Shrinks towards the first row."""
    return st.one_of(*table.values())


def weighted(*choices: tuple[int, SearchStrategy[T]]) -> SearchStrategy[T]:
    """One of several strategies, each as often as its number says. Shrinks to the first."""
    strategies = [strategy for weight, strategy in choices for _ in range(weight)]
    return _chosen(Titled("...", st.sampled_from(strategies)))


@st.composite
def _chosen(draw: DrawFn, strategies: Titled[SearchStrategy[SearchStrategy[T]]]) -> T:
    return draw(draw(strategies.value))


def objects(
    required: Mapping[str, SearchStrategy[Any]],
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[Event]:
    """JSON objects, new ones each time. Shrinks to the required keys alone."""
    return _objects(_shape(None, required, optional))


def tagged(
    tag: str,
    required: Mapping[str, SearchStrategy[Any]] | None = None,
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[Event]:
    """JSON objects with a fixed `type`. Shrinks to the required keys alone."""
    return _objects(_shape(tag, required or {}, optional))


@attrs.frozen
class _Shape:
    """The tag of an object, the keys it always has, and those it may have."""

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


# `st.fixed_dictionaries` also draws an order for the keys, which takes several times as long. Order
# only matters in text, so `write_json` changes it there.
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


# The prefix separates these from the API's own names, also from future ones.
_UNKNOWN_KEYS = st.dictionaries(
    st.just("unknown") | names().map("unknown_{}".format), json_values(), min_size=1, max_size=2
)
# The number selects an object, modulo the number of objects, so one strategy fits every value.
_ADDITIONS = st.lists(st.tuples(st.integers(0, 99), _UNKNOWN_KEYS), max_size=3)

# What future events may well have: keys that are known elsewhere, with a meaning of their own.
_FUTURE: tuple[Event, ...] = (
    {},
    {"unknown": None},
    {"index": 0},
    {"text": " new"},
    {"index": 1, "delta": {"type": "text_delta", "text": " new"}},
    {"usage": {"output_tokens": 7}, "unknown": [True, 1.5]},
    {"message": {"id": "msg_7", "content": []}},
)
_FEW_ADDITIONS = st.lists(
    st.tuples(
        st.integers(0, 99),
        st.sampled_from([{f"unknown_{n}": fields} for n, fields in enumerate(_FUTURE)]),
    ),
    min_size=1,
    max_size=2,
).map(deepcopy)


def add_unknown_keys(draw: DrawFn, value: Any, *, few: bool = False) -> None:
    """Add keys that no API documents to up to three objects in a JSON value. Shrinks to none.

    Args:
        draw: The `draw` of `st.composite`.
        value: An object, or an array of objects, changed in place. An `input` is the tool's own
            data and gets no keys.
        few: Add one or two, with values from a table, which is much faster.
    """
    objects = list(_objects_in(value))
    for place, keys in draw(_FEW_ADDITIONS if few else _ADDITIONS):
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
    """The given objects, with keys that no API documents if `unknown` is set."""
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
    """Objects whose tag no API documents, with any content. Shrinks to the tag alone."""
    return _unknown_objects()


@st.composite
def _unknown_objects(draw: DrawFn) -> Event:
    return {**draw(json_objects()), "type": draw(unknown_tags())}


def future_objects() -> SearchStrategy[Event]:
    """Objects whose tag no API documents, from a table, which is much faster."""
    tags = st.sampled_from((UNKNOWN, "unknown_note"))
    return st.builds(_tagged_copy, tags, st.sampled_from(_FUTURE))


def _tagged_copy(tag: str, fields: Event) -> Event:
    return {**deepcopy(fields), "type": tag}


def ids(prefix: str) -> SearchStrategy[str]:
    """Ids like those of the API. Shrinks to `<prefix>_0`."""
    return st.integers(0, 10**6).map(f"{prefix}_{{}}".format)


def or_null(values: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """The given values, or null. Shrinks to null."""
    return st.none() | values
