"""What the breakers of all groups of rules share: places in a stream, and blocks to add to it.

A breaker takes a valid stream (`streams_without_findings`) and breaks one rule. It may change the
stream that it gets, and it gives the broken one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

from ._assembly import Stream, unused_id
from ._events import vocabulary
from ._json import write_json
from ._objects import any_of
from ._wide_blocks import TAKES

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn

    from ._objects import Event

__all__ = [
    "CONTENT",
    "WORDS",
    "Break",
    "added_block",
    "at_end",
    "block_events",
    "block_for",
    "delta_for",
    "during",
    "inserted",
    "later",
    "one_of",
    "place_of",
    "places_of",
    "set_stop",
    "start_count",
    "started",
    "text_block",
]

Break: TypeAlias = "Callable[[DrawFn, Stream], Stream]"
"""Breaks a rule."""

WORDS = vocabulary(beta=True, unknown=False)
CONTENT = any_of({tag: WORDS.events[tag] for tag in ("content_block_delta", "content_block_start")})
"""Events that bring content."""


# -- places -----------------------------------------------------------------------------------


def places_of(stream: Stream, tag: str) -> list[int]:
    """The places of the events of a type."""
    return [place for place, event in enumerate(stream) if event["type"] == tag]


def place_of(stream: Stream, tag: str) -> int:
    """The place of the first event of a type."""
    return places_of(stream, tag)[0]


def one_of(draw: DrawFn, stream: Stream, tag: str) -> int:
    """The place of one of the events of a type."""
    return draw(st.sampled_from(places_of(stream, tag)))


def during(draw: DrawFn, stream: Stream) -> int:
    """A place after `message_start` and not after `message_delta`."""
    return later(draw, stream, place_of(stream, "message_start"))


def later(draw: DrawFn, stream: Stream, place: int) -> int:
    """A place after another, and not after `message_delta`."""
    return draw(st.integers(place + 1, place_of(stream, "message_delta")))


def inserted(stream: Stream, place: int, *events: Event) -> Stream:
    """A stream with events inserted before a place."""
    return [*stream[:place], *events, *stream[place:]]


def at_end(stream: Stream, *events: Event) -> Stream:
    """A stream with events inserted after its last block."""
    return inserted(stream, place_of(stream, "message_delta"), *events)


# -- blocks -----------------------------------------------------------------------------------


def start_count(stream: Stream) -> int:
    """How many blocks start, which is the number of the next one."""
    return len(places_of(stream, "content_block_start"))


def started(stream: Stream) -> list[Event]:
    """The blocks, as they start."""
    return [stream[place]["content_block"] for place in places_of(stream, "content_block_start")]


def block_for(draw: DrawFn, stream: Stream, tag: str) -> Event:
    """Draw a block of a type that may be added to the stream, as it starts."""
    block = draw(WORDS.blocks[tag])
    if tag == "thinking":
        block["signature"] = block["signature"] or "="
    if "id" in block:
        block["id"] = unused_id(block["id"], [other.get("id", "") for other in started(stream)])
    return block


def added_block(draw: DrawFn, stream: Stream, tag: str, *deltas: Event) -> list[Event]:
    """Draw the events of a block that may be added to the stream, which stays valid.

    Args:
        draw: The `draw` of `st.composite`.
        stream: The stream. For a tool use, its stop reason is changed.
        tag: The type of the block.
        *deltas: The deltas of the block.

    Returns:
        Its start, its deltas and its stop.
    """
    if tag == "tool_use":
        set_stop(stream, "tool_use")
    return block_events(start_count(stream), block_for(draw, stream, tag), *deltas)


def block_events(index: int, block: Event, *deltas: Event) -> list[Event]:
    """Give the events of a block: its start, its deltas and its stop."""
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *[{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": index},
    ]


def text_block(draw: DrawFn, index: int) -> list[Event]:
    """Draw the events of a text block: start, one delta, stop."""
    return block_events(index, {"type": "text", "text": ""}, draw(WORDS.deltas["text_delta"]))


def delta_for(draw: DrawFn, tag: str) -> tuple[str, Event]:
    """Draw a delta, and the type of a block that takes it. A tool's input comes whole."""
    block = draw(st.sampled_from([block for block, taken in TAKES.items() if tag in taken]))
    delta = draw(WORDS.deltas[tag])
    if tag == "input_json_delta":
        delta["partial_json"] = write_json(draw(WORDS.blocks["tool_use"])["input"])
    return block, delta


def set_stop(stream: Stream, reason: str | None, sequence: str | None = None) -> None:
    """Change the stop reason of a stream."""
    delta = stream[place_of(stream, "message_delta")]["delta"]
    delta.pop("stop_details", None)
    delta |= {"stop_reason": reason, "stop_sequence": sequence}
