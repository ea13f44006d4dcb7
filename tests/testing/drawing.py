"""What the tests of the strategies share: looking for examples, and the parts of a stream."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

from chunkview._model import BLOCKS
from support import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy


Stream: TypeAlias = list[Event]
Predicate: TypeAlias = Callable[[Any], object]

few = settings(max_examples=15)


def occurs(strategy: SearchStrategy[Any], predicate: Predicate) -> bool:
    """Whether a strategy soon gives a value like this. Nothing is shrunk."""
    quick = settings(
        max_examples=8000, phases=[Phase.generate], derandomize=True, database=None, deadline=None
    )
    try:
        find(strategy, lambda value: bool(predicate(value)), settings=quick)
    except NoSuchExample:
        return False
    return True


def smallest(strategy: SearchStrategy[Any], predicate: Predicate = lambda _: True) -> Any:
    """What the values like this shrink to."""
    plain = settings(
        max_examples=1000,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
    )
    return find(strategy, lambda value: bool(predicate(value)), settings=plain)


def forget(value: Any) -> None:
    """Empty a JSON value, with all its parts, to reveal parts that are shared."""
    items = list(value.values() if isinstance(value, dict) else value)
    for item in items:
        if isinstance(item, (dict, list)):
            forget(item)
    value.clear()


def starts(stream: Stream) -> list[Event]:
    return [event["content_block"] for event in stream if event["type"] == "content_block_start"]


def deltas(stream: Stream) -> list[Event]:
    return [event["delta"] for event in stream if event["type"] == "content_block_delta"]


def tags(stream: Stream) -> set[str]:
    """The types of events, blocks and deltas."""
    return {item["type"] for item in (*stream, *starts(stream), *deltas(stream))}


def left_open(stream: Stream) -> bool:
    types = [event["type"] for event in stream]
    return types.count("content_block_start") > types.count("content_block_stop")


def inside(value: Any) -> Iterator[Any]:
    """A JSON value and everything in it, keys included."""
    yield value
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from inside(item)
    elif isinstance(value, list):
        for item in value:
            yield from inside(item)


def keys(value: Any) -> Iterator[str]:
    """The keys in a JSON value, and its texts."""
    return (item for item in inside(value) if isinstance(item, str))


def has_unknown(value: Any) -> bool:
    """Whether a tag or a key that no API documents is in a JSON value."""
    # Not in texts: Hypothesis may draw a word that it finds in a source file.
    named = [*named_keys(value), *types_and_reasons(value)]
    return any(re.fullmatch("unknown(_[a-z]+)?", name) for name in named)


def named_keys(value: Any) -> Iterator[str]:
    for item in inside(value):
        if isinstance(item, dict):
            yield from item


def types_and_reasons(value: Any) -> Iterator[str]:
    for item in inside(value):
        for key in ("type", "stop_reason") if isinstance(item, dict) else ():
            if isinstance(item.get(key), str):
                yield item[key]


BETA_TAGS = {tag for tag in BLOCKS if tag.startswith("mcp_")} | {
    "advisor_tool_result",
    "compaction",
    "fallback",
    "compaction_delta",
}
BETA_KEYS = {
    "iterations",
    "fallback_credit",
    "context_management",
    "input_transformations",
    "estimated_tokens",
}
