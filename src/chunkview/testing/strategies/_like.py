"""Streams made from something given: from the message they amount to, or from a recorded stream."""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from ..._chunks import STRING_DELTAS, ErrorChunk, decode
from ..._model import Message
from ..._repr import concise_repr
from ..._stream import accumulate, iter_chunks
from ...recordings import Recording
from ._cuts import cut, draw_fragments, draw_words
from ._given_blocks import blocks_of, streamed
from ._objects import future_objects
from ._streams import check_count
from ._titled import Titled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import DrawFn, SearchStrategy

    from ..._stream.items import Source
    from ._assembly import Stream
    from ._objects import Event

__all__ = ["streams_like", "streams_of"]


# -- streams of a message ---------------------------------------------------------------------


def streams_of(
    message: Message | Mapping[str, Any],
    *,
    pings: bool = True,
    unknown: bool = True,
    min_deltas: int = 0,
    max_deltas: int = 5,
) -> SearchStrategy[Stream]:
    """The streams that amount to a message: `accumulate` gives an equal one for each.

    The text of a block, its thinking and its tool's input are cut anywhere, or arrive whole with
    the start of the block. JSON text has any format. Some blocks start with some of their text.
    Counts of tokens rise, and `message_delta` repeats those that are known, or leaves them out.
    `chunkview.conformance.check` finds nothing that it does not find in `message.to_events()`.

    Args:
        message: A message, or one as a JSON object.
        pings: Put in `ping` events, at any place.
        unknown: Put in events, and keys of events and deltas, that no API documents.
        min_deltas: How many deltas a block has at least, if its content comes in deltas.
        max_deltas: How many deltas a block has at most.

    Returns:
        A strategy of lists of events: a new list of new dicts for each example. Shrinks to a stream
        whose blocks arrive whole.

    Raises:
        ValueError: No stream amounts to the message: a FallbackBlock names another model than the
            message, for example. Or a number of deltas is negative, or the least above the most.
        DecodeError: The object is no message.
        TypeError: A number of deltas is no int.
    """
    check_count("min_deltas", min_deltas)
    check_count("max_deltas", max_deltas)
    if min_deltas > max_deltas:
        raise ValueError(f"min_deltas is {min_deltas}, and max_deltas is {max_deltas}")
    message = message if isinstance(message, Message) else Message.from_dict(message)
    if accumulate(message.to_events()) != message:
        raise ValueError(f"no stream amounts to this message: {concise_repr(message)}")
    sizes = (min_deltas, max_deltas)
    return _streams_of(Titled(concise_repr(message)[:200], message), pings, unknown, sizes)


@st.composite
def _streams_of(
    draw: DrawFn,
    titled_message: Titled[Message],
    pings: bool,
    unknown: bool,
    sizes: tuple[int, int],
) -> Stream:
    message = titled_message.value
    first, *_, end, stop = message.to_events()
    stream = [first]
    for index, (block, (start, deltas)) in enumerate(
        zip(message.content, blocks_of(message), strict=True)
    ):
        begun, pieces = streamed(draw, block.to_dict(), start, deltas, *sizes)
        place: Event = {"type": "content_block_delta", "index": index}
        stream += [
            {"type": "content_block_start", "index": index, "content_block": begun},
            *({**place, "delta": piece} for piece in pieces),
            {"type": "content_block_stop", "index": index},
        ]
    stream += [end, stop]
    _spread_usage(draw, first["message"].get("usage"), end["usage"])
    _add_meaningless(draw, stream, pings=pings, unknown=unknown)
    return stream


def _spread_usage(draw: DrawFn, at_start: Any, at_end: Event) -> None:
    """Let the count of output tokens rise until the end, and repeat counts that are known."""
    if not isinstance(at_start, dict):
        return
    output_tokens = at_end["output_tokens"]
    if isinstance(output_tokens, int):
        at_start["output_tokens"] = draw(st.integers(0, output_tokens))
    if draw(st.booleans()):
        at_end |= {name: at_start[name] for name in _COUNTS if name in at_start}


_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


# -- streams like a recorded one --------------------------------------------------------------


def streams_like(
    source: Source | Recording,
    *,
    cuts: bool = True,
    pings: bool = True,
    unknown: bool = True,
    dropped: bool = False,
    repeated: bool = False,
    reordered: bool = False,
    cut_off: bool = False,
) -> SearchStrategy[Stream]:
    """A recorded stream, with changes.

    The first three kinds of change are harmless: the stream amounts to the same message, and
    `chunkview.conformance.check` finds what it finds in the recording. So your handler has to give
    the same answer. The other four break rules. They happen where a proxy or a server has a fault:
    your handler may refuse such a stream, but not in a way of its own for each.

    Args:
        source: The recorded stream: what `chunkview.accumulate` takes, or a Recording. It is read
            at once.
        cuts: Cut text, thinking and the input of tools anew: into other pieces, into single
            characters, or not at all.
        pings: Put in `ping` events, at any place.
        unknown: Put in events, and keys of events and deltas, that no API documents.
        dropped: Leave out events.
        repeated: Repeat events.
        reordered: Exchange events with the next one.
        cut_off: Leave out everything after some event.

    Returns:
        A strategy of lists of events: a new list of new dicts for each example. Shrinks to the
        recorded stream. `sse_bodies` makes bytes of it.

    Raises:
        TypeError: The source is none that `accumulate` takes.
        ValueError: There is no event in it.
        DecodeError: The recording cannot be read to its end.
    """
    stream = source.source if isinstance(source, Recording) else source
    events = [chunk.to_event() for chunk in iter_chunks(stream)]
    if not events:
        raise ValueError("source: there is no event in it")
    options = {
        "dropped": dropped,
        "repeated": repeated,
        "reordered": reordered,
        "cut_off": cut_off,
    }
    faults = tuple(name for name, is_wanted in options.items() if is_wanted)
    return _streams_like(Titled(f"{len(events)} events", events), cuts, pings, unknown, faults)


@st.composite
def _streams_like(
    draw: DrawFn,
    titled_events: Titled[Stream],
    cuts: bool,
    pings: bool,
    unknown: bool,
    faults: tuple[str, ...],
) -> Stream:
    stream = deepcopy(titled_events.value)
    if cuts:
        stream = _cut_anew(draw, stream)
    if faults:
        _make_faults(draw, stream, faults)
    _add_meaningless(draw, stream, pings=pings, unknown=unknown)
    return stream


def _cut_anew(draw: DrawFn, stream: Stream) -> Stream:
    """Draw other pieces for each run of deltas of one string."""
    way = draw(_WAYS_TO_CUT)
    if way == "as recorded":
        return stream
    size = draw(st.integers(1, 7)) if way == "evenly" else 0
    changed: Stream = []
    for key, run in itertools.groupby(stream, _string_of):
        if key is None:
            changed += run
            continue
        index, tag, name = key
        text = "".join([event["delta"][name] for event in run])
        pieces = [text]
        if way == "evenly":
            step = max(size, len(text) // _MOST_PIECES)
            pieces = cut(text, range(step, len(text), step))
        elif way == "anywhere":
            draw_pieces = draw_fragments if name == "partial_json" else draw_words
            pieces = draw_pieces(draw, text, 1, 9)
        changed += [
            {"type": "content_block_delta", "index": index, "delta": {"type": tag, name: piece}}
            for piece in pieces
        ]
    return changed


_WAYS_TO_CUT = st.sampled_from(("as recorded", "joined", "anywhere", "anywhere", "evenly"))
# Cut evenly, one long text would be as many events as all the others together.
_MOST_PIECES = 200


def _string_of(event: Event) -> tuple[int, str, str] | None:
    """The index of the delta of a string, its type, and the key of the string.

    None for other events, and for a delta that has more than its string.
    """
    match event:
        case {
            "type": "content_block_delta",
            "index": int(index),
            "delta": {"type": str(tag), **rest},
        }:
            name = _CUTTABLE.get(tag)
            is_plain = len(event) == 3 and len(rest) == 1 and isinstance(rest.get(name), str)
            return (index, tag, name) if name is not None and is_plain else None
        case _:
            return None


_CUTTABLE = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


def _make_faults(draw: DrawFn, stream: Stream, faults: tuple[str, ...]) -> None:
    for fault, number in draw(st.lists(st.tuples(st.sampled_from(faults), _PLACES), max_size=3)):
        if not stream:
            return
        place = number % len(stream)
        if fault == "dropped":
            del stream[place]
        elif fault == "repeated":
            stream.insert(place, deepcopy(stream[place]))
        elif fault == "reordered":
            stream[place : place + 2] = reversed(stream[place : place + 2])
        else:
            del stream[place + 1 :]


# -- what changes nothing ---------------------------------------------------------------------


def _add_meaningless(draw: DrawFn, stream: Stream, *, pings: bool, unknown: bool) -> None:
    """Put in what makes no difference to a message. Shrinks to nothing."""
    kinds = ["ping"] * pings + ["event", "key"] * unknown
    if not kinds:
        return
    for kind, number in draw(st.lists(st.tuples(st.sampled_from(kinds), _PLACES), max_size=3)):
        if kind == "key":
            objects = [place for event in stream for place in _extensible(event)]
            if objects:
                objects[number % len(objects)]["unknown"] = number
        else:
            event: Event = {"type": "ping"} if kind == "ping" else draw(future_objects())
            stream.insert(number % (_length(stream) + 1), event)


def _length(stream: Stream) -> int:
    """How many events come before an error. Nothing may follow an error."""
    for place, event in enumerate(stream):
        if isinstance(decode(event), ErrorChunk):
            return place
    return len(stream)


# Enough for every place of a long recording; used modulo its length.
_PLACES = st.integers(0, 2**14)


def _extensible(event: Event) -> list[Event]:
    """The event and its delta, as far as a message keeps no unknown keys of them."""
    if event.get("type") not in _WITHOUT_MEMORY:
        return []
    delta: Any = event.get("delta")
    is_string = isinstance(delta, dict) and delta.get("type") in STRING_DELTAS
    return [event, delta] if is_string else [event]


_WITHOUT_MEMORY = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_stop",
        "ping",
    }
)
