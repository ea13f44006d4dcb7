"""Streams that each break one rule, with the name of the rule.

Each rule has one function here, which takes a valid stream and breaks it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

from ...errors import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
)
from ._events import vocabulary
from ._objects import Event, any_of
from ._streams import TAKES, Stream, message_streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["RULES", "broken_streams"]


def broken_streams(rule: str | None = None) -> SearchStrategy[tuple[str, Stream]]:
    """Streams that break exactly one rule, and its name.

    Apart from the break and its consequences, the stream is valid.

    Args:
        rule: One of `RULES`, by default any.

    Returns:
        A strategy of pairs: the rule, and the events (a new list of new dicts each time). `RULES`
        says which error `chunkview.accumulate` raises for them. Shrinks to a stream of a few
        short events.

    Raises:
        ValueError: There is no such rule.
    """
    if rule is None:
        return st.sampled_from(tuple(RULES)).flatmap(_broken)
    if rule not in RULES:
        raise ValueError(f"no rule is named {rule!r}; the rules are {', '.join(RULES)}")
    return _broken(rule)


@st.composite
def _broken(draw: DrawFn, rule: str) -> tuple[str, Stream]:
    _, break_it = _TABLE[rule]
    return rule, break_it(draw, draw(_VALID))


# All blocks end: while a block is open, "twice" and "after" would be ambiguous.
_VALID = message_streams(cut_off=False, min_blocks=1, max_blocks=3, max_deltas=2)
_WORDS = vocabulary(beta=True, unknown=False)
_ORDERED = st.one_of(
    [
        _WORDS.events[tag]
        for tag in (
            "message_stop",
            "content_block_stop",
            "content_block_delta",
            "content_block_start",
            "message_delta",
        )
    ]
)
"""Events that are only allowed at certain places of a stream."""


def _types(stream: Stream) -> list[str]:
    return [event["type"] for event in stream]


def _during(draw: DrawFn, stream: Stream) -> int:
    """A place after `message_start` and not after `message_stop`."""
    types = _types(stream)
    return draw(st.integers(types.index("message_start") + 1, types.index("message_stop")))


def _one_of(draw: DrawFn, stream: Stream, tag: str) -> int:
    """The place of one of the events of a type."""
    return draw(st.sampled_from([at for at, other in enumerate(_types(stream)) if other == tag]))


def _later(draw: DrawFn, stream: Stream, place: int) -> int:
    """A place after another, and not after `message_stop`."""
    return draw(st.integers(place + 1, _types(stream).index("message_stop")))


def _inserted(stream: Stream, place: int, *events: Event) -> Stream:
    return [*stream[:place], *events, *stream[place:]]


def _not_started(draw: DrawFn, stream: Stream, place: int) -> int:
    """The number of a block that has not started before a place."""
    started = _types(stream[:place]).count("content_block_start")
    return started + draw(st.integers(0, 2))


def _delta(index: int, delta: Event) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _event_before_message_start(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(0, _types(stream).index("message_start")))
    return _inserted(stream, place, draw(_ORDERED))


def _second_message_start(draw: DrawFn, stream: Stream) -> Stream:
    return _inserted(stream, _during(draw, stream), draw(_WORDS.events["message_start"]))


def _block_number_skipped(draw: DrawFn, stream: Stream) -> Stream:
    place = _one_of(draw, stream, "content_block_start")
    first, gap = stream[place]["index"], draw(st.integers(1, 3))
    return [
        {**event, "index": event["index"] + gap}
        if event["type"].startswith("content_block_") and event["index"] >= first
        else event
        for event in stream
    ]


def _block_started_twice(draw: DrawFn, stream: Stream) -> Stream:
    place = _one_of(draw, stream, "content_block_start")
    return _inserted(stream, _later(draw, stream, place), stream[place])


def _delta_before_its_block(draw: DrawFn, stream: Stream) -> Stream:
    place = _during(draw, stream)
    delta = draw(any_of(_WORDS.deltas))
    return _inserted(stream, place, _delta(_not_started(draw, stream, place), delta))


def _delta_after_its_block(draw: DrawFn, stream: Stream) -> Stream:
    place = _one_of(draw, stream, "content_block_stop")
    index = stream[place]["index"]
    start = [event for event in stream if event["type"] == "content_block_start"][index]
    fitting = TAKES.get(start["content_block"]["type"], tuple(_WORDS.deltas))
    delta = draw(st.sampled_from(fitting).flatmap(_WORDS.deltas.__getitem__))
    return _inserted(stream, _later(draw, stream, place), _delta(index, delta))


def _delta_in_wrong_block(draw: DrawFn, stream: Stream, *, tag: str) -> Stream:
    others = [block for name, block in _WORDS.blocks.items() if tag not in TAKES.get(name, ())]
    # Add a block after those of the stream, which may not have one that refuses this delta.
    types = _types(stream)
    index = types.count("content_block_start")
    at_end = types.index("message_delta")
    return _inserted(
        stream,
        at_end,
        {"type": "content_block_start", "index": index, "content_block": draw(st.one_of(others))},
        _delta(index, draw(_WORDS.deltas[tag])),
        {"type": "content_block_stop", "index": index},
    )


def _stop_before_its_block(draw: DrawFn, stream: Stream) -> Stream:
    place = _during(draw, stream)
    index = _not_started(draw, stream, place)
    return _inserted(stream, place, {"type": "content_block_stop", "index": index})


def _block_stopped_twice(draw: DrawFn, stream: Stream) -> Stream:
    place = _one_of(draw, stream, "content_block_stop")
    return _inserted(stream, _later(draw, stream, place), stream[place])


def _block_stopped_after_message_delta(draw: DrawFn, stream: Stream) -> Stream:
    # A message_delta closes the open blocks, so this stop comes too late.
    last = max(at for at, tag in enumerate(_types(stream)) if tag == "content_block_stop")
    place = _one_of(draw, stream, "message_delta")
    moved = _inserted(stream, _later(draw, stream, place), stream[last])
    return [*moved[:last], *moved[last + 1 :]]


def _event_after_message_stop(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(_types(stream).index("message_stop") + 1, len(stream)))
    return _inserted(stream, place, draw(_ORDERED | _WORDS.events["message_start"]))


def _end_before_message_start(draw: DrawFn, stream: Stream) -> Stream:
    return stream[: draw(st.integers(0, _types(stream).index("message_start")))]


def _end_before_message_stop(draw: DrawFn, stream: Stream) -> Stream:
    return stream[: _during(draw, stream)]


def _error_event(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(0, _types(stream).index("message_stop")))
    return [*stream[:place], draw(_WORDS.events["error"])]


def _key_missing(draw: DrawFn, stream: Stream) -> Stream:
    return _changed(draw, stream, lambda place, name: place.pop(name))


def _value_of_wrong_type(draw: DrawFn, stream: Stream) -> Stream:
    def change(place: Event, name: str) -> None:
        place[name] = [] if isinstance(place[name], dict) else {}

    return _changed(draw, stream, change)


_REQUIRED: dict[str, tuple[str, ...]] = {
    "message_start": (
        "message",
        "message.id",
        "message.model",
        "message.content",
        "message.usage",
        "message.usage.input_tokens",
        "message.usage.output_tokens",
    ),
    "content_block_start": ("index", "content_block", "content_block.type"),
    "content_block_delta": ("index", "delta", "delta.type"),
    "content_block_stop": ("index",),
    "message_delta": ("delta", "usage", "usage.output_tokens"),
}
"""The path of each required key, by type of event."""


def _changed(draw: DrawFn, stream: Stream, change: Callable[[Event, str], object]) -> Stream:
    """Change one required key of one event."""
    places = [at for at, event in enumerate(stream) if event["type"] in _REQUIRED]
    event = stream[draw(st.sampled_from(places))]
    *path, name = draw(st.sampled_from(("type", *_REQUIRED[event["type"]]))).split(".")
    change(functools.reduce(dict.__getitem__, path, event), name)
    return stream


_Break: TypeAlias = "Callable[[DrawFn, Stream], Stream]"

_TABLE: dict[str, tuple[type[ChunkviewError], _Break]] = {
    "event_before_message_start": (ProtocolError, _event_before_message_start),
    "second_message_start": (ProtocolError, _second_message_start),
    "block_number_skipped": (ProtocolError, _block_number_skipped),
    "block_started_twice": (ProtocolError, _block_started_twice),
    "delta_before_its_block": (ProtocolError, _delta_before_its_block),
    "delta_after_its_block": (ProtocolError, _delta_after_its_block),
    **{
        f"{tag}_in_wrong_block": (
            ProtocolError,
            functools.partial(_delta_in_wrong_block, tag=tag),
        )
        for tag in _WORDS.deltas
    },
    "stop_before_its_block": (ProtocolError, _stop_before_its_block),
    "block_stopped_twice": (ProtocolError, _block_stopped_twice),
    "block_stopped_after_message_delta": (ProtocolError, _block_stopped_after_message_delta),
    "event_after_message_stop": (ProtocolError, _event_after_message_stop),
    "end_before_message_start": (IncompleteStreamError, _end_before_message_start),
    "end_before_message_stop": (IncompleteStreamError, _end_before_message_stop),
    "error_event": (StreamError, _error_event),
    "key_missing": (DecodeError, _key_missing),
    "value_of_wrong_type": (DecodeError, _value_of_wrong_type),
}

RULES: dict[str, type[ChunkviewError]] = {rule: error for rule, (error, _) in _TABLE.items()}
"""The rules that a stream can break, with the error that `chunkview.accumulate` raises for each."""
