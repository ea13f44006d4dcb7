"""How a stream breaks each rule of order."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ._breaking import (
    CONTENT,
    WORDS,
    added_block,
    at_end,
    during,
    inserted,
    later,
    one_of,
    place_of,
    places_of,
    start_count,
    started,
    text_block,
)
from ._objects import any_of
from ._wide_blocks import TAKES

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from ._assembly import Stream
    from ._breaking import Break

__all__ = ["BREAKS"]

_ORDERED = CONTENT | any_of(
    {tag: WORDS.events[tag] for tag in ("message_stop", "content_block_stop", "message_delta")}
)
"""Events that need a message."""


def _message_start_missing(draw: DrawFn, stream: Stream) -> Stream:
    place = place_of(stream, "message_start")
    if draw(st.booleans()):
        return _without(stream, place)
    return inserted(stream, draw(st.integers(0, place)), draw(_ORDERED))


def _message_start_repeated(_draw: DrawFn, stream: Stream) -> Stream:
    place = place_of(stream, "message_start")
    return inserted(stream, place + 1, deepcopy(stream[place]))


def _second_message(draw: DrawFn, stream: Stream) -> Stream:
    if draw(st.booleans()):
        return [*stream, *deepcopy(stream)]
    # An event of the message must be between the two.
    place = later(draw, stream, place_of(stream, "content_block_start"))
    return inserted(stream, place, draw(WORDS.events["message_start"]))


def _block_start_repeated(draw: DrawFn, stream: Stream) -> Stream:
    start, *rest = text_block(draw, start_count(stream))
    return at_end(stream, start, deepcopy(start), *rest)


def _index_reused(draw: DrawFn, stream: Stream) -> Stream:
    place = one_of(draw, stream, "content_block_stop")
    return inserted(stream, place + 1, *text_block(draw, stream[place]["index"]))


def _index_not_consecutive(draw: DrawFn, stream: Stream) -> Stream:
    first, gap = draw(st.integers(0, start_count(stream) - 1)), draw(st.integers(1, 3))
    for event in stream:
        if event["type"].startswith("content_block_") and event["index"] >= first:
            event["index"] += gap
    return stream


def _blocks_overlap(draw: DrawFn, stream: Stream) -> Stream:
    last = places_of(stream, "content_block_stop")[-1]
    return inserted(stream, last, *text_block(draw, start_count(stream)))


def _blocks_interleave(draw: DrawFn, stream: Stream) -> Stream:
    start, delta, stop = text_block(draw, start_count(stream))
    other_start, *rest = text_block(draw, start_count(stream) + 1)
    return at_end(stream, start, other_start, delta, stop, *rest)


def _delta_without_block(draw: DrawFn, stream: Stream) -> Stream:
    delta = draw(WORDS.events["content_block_delta"])
    delta["index"] += start_count(stream)
    return inserted(stream, during(draw, stream), delta)


def _delta_after_block_stop(draw: DrawFn, stream: Stream) -> Stream:
    place = one_of(draw, stream, "content_block_stop")
    index = stream[place]["index"]
    fitting = TAKES.get(started(stream)[index]["type"], tuple(WORDS.deltas))
    delta = draw(st.sampled_from(fitting).flatmap(WORDS.deltas.__getitem__))
    late = {"type": "content_block_delta", "index": index, "delta": delta}
    return inserted(stream, later(draw, stream, place), late)


def _delta_type_mismatch(draw: DrawFn, stream: Stream) -> Stream:
    # Add a block after those of the stream, which may not have one that refuses a delta.
    tag = draw(st.sampled_from(tuple(WORDS.deltas)))
    block = draw(st.sampled_from([name for name in WORDS.blocks if tag not in TAKES.get(name, ())]))
    return at_end(stream, *added_block(draw, stream, block, draw(WORDS.deltas[tag])))


def _block_stop_without_start(draw: DrawFn, stream: Stream) -> Stream:
    stop = draw(WORDS.events["content_block_stop"])
    stop["index"] += start_count(stream)
    return inserted(stream, during(draw, stream), stop)


def _block_stop_repeated(draw: DrawFn, stream: Stream) -> Stream:
    place = one_of(draw, stream, "content_block_stop")
    return inserted(stream, later(draw, stream, place), deepcopy(stream[place]))


def _block_not_stopped(_draw: DrawFn, stream: Stream) -> Stream:
    # The stop of the last block: others would overlap.
    return _without(stream, places_of(stream, "content_block_stop")[-1])


def _content_after_stop_reason(draw: DrawFn, stream: Stream) -> Stream:
    place = place_of(stream, "message_delta") + 1
    return inserted(stream, place, *text_block(draw, start_count(stream)))


def _content_after_message_stop(draw: DrawFn, stream: Stream) -> Stream:
    return inserted(stream, _after_stop(draw, stream), draw(CONTENT))


def _message_delta_missing(_draw: DrawFn, stream: Stream) -> Stream:
    return _without(stream, place_of(stream, "message_delta"))


def _message_delta_after_message_stop(draw: DrawFn, stream: Stream) -> Stream:
    late = deepcopy(stream[place_of(stream, "message_delta")])
    return inserted(stream, _after_stop(draw, stream), late)


def _stop_reason_erased(_draw: DrawFn, stream: Stream) -> Stream:
    place = place_of(stream, "message_delta")
    again = deepcopy(stream[place])
    again["delta"] = {"stop_reason": None, "stop_sequence": None}
    return inserted(stream, place + 1, again)


def _message_stop_missing(_draw: DrawFn, stream: Stream) -> Stream:
    return _without(stream, place_of(stream, "message_stop"))


def _message_stop_repeated(draw: DrawFn, stream: Stream) -> Stream:
    return inserted(stream, _after_stop(draw, stream), {"type": "message_stop"})


def _stream_cut(draw: DrawFn, stream: Stream) -> Stream:
    return stream[: draw(st.integers(0, place_of(stream, "message_delta")))]


def _event_after_error(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(0, len(stream) - 1))
    return inserted(stream, place, draw(WORDS.events["error"]))


def _without(stream: Stream, place: int) -> Stream:
    return [*stream[:place], *stream[place + 1 :]]


def _after_stop(draw: DrawFn, stream: Stream) -> int:
    """A place after `message_stop`."""
    return draw(st.integers(place_of(stream, "message_stop") + 1, len(stream)))


BREAKS: dict[str, Break] = {
    "message_start_missing": _message_start_missing,
    "message_start_repeated": _message_start_repeated,
    "second_message": _second_message,
    "block_start_repeated": _block_start_repeated,
    "index_reused": _index_reused,
    "index_not_consecutive": _index_not_consecutive,
    "blocks_overlap": _blocks_overlap,
    "blocks_interleave": _blocks_interleave,
    "delta_without_block": _delta_without_block,
    "delta_after_block_stop": _delta_after_block_stop,
    "delta_type_mismatch": _delta_type_mismatch,
    "block_stop_without_start": _block_stop_without_start,
    "block_stop_repeated": _block_stop_repeated,
    "block_not_stopped": _block_not_stopped,
    "content_after_stop_reason": _content_after_stop_reason,
    "content_after_message_stop": _content_after_message_stop,
    "message_delta_missing": _message_delta_missing,
    "message_delta_after_message_stop": _message_delta_after_message_stop,
    "stop_reason_erased": _stop_reason_erased,
    "message_stop_missing": _message_stop_missing,
    "message_stop_repeated": _message_stop_repeated,
    "stream_cut": _stream_cut,
    "event_after_error": _event_after_error,
}
