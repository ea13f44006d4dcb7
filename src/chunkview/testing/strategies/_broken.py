"""Streams that each break one rule, with the name of the rule.

Each rule has one function here, which takes a valid stream and breaks it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias

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
    """Streams that break a rule, and its name.

    Apart from the break and its consequences, the stream is valid.

    Args:
        rule: One of `RULES`, by default any.

    Returns:
        A strategy of pairs: the rule, and the events (a new list of new dicts each time). `RULES`
        says what `chunkview.accumulate` does with them. Shrinks to a stream of a few short events.

    Raises:
        ValueError: There is no such rule.
    """
    if rule is None:
        return _broken_in_any_way()
    if rule not in RULES:
        raise ValueError(f"no rule is named {rule!r}; the rules are {', '.join(RULES)}")
    return _broken(rule)


@st.composite
def _broken_in_any_way(draw: DrawFn) -> tuple[str, Stream]:
    return draw(_broken(draw(st.sampled_from(tuple(RULES)))))


@st.composite
def _broken(draw: DrawFn, rule: str) -> tuple[str, Stream]:
    _, break_it = _TABLE[rule]
    return rule, break_it(draw, draw(_VALID))


# All blocks end: while a block is open, "twice" and "after" would be ambiguous. The only
# message_delta brings the stop reason.
_VALID = message_streams(
    cut_off=False, min_blocks=1, max_blocks=3, max_deltas=2, max_message_deltas=1
)
_WORDS = vocabulary(beta=True, unknown=False)
_CONTENT = st.one_of([_WORDS.events[tag] for tag in ("content_block_delta", "content_block_start")])
"""Events that bring content."""
_ORDERED = st.one_of(
    [
        _CONTENT,
        *(_WORDS.events[tag] for tag in ("message_stop", "content_block_stop", "message_delta")),
    ]
)
"""Events that need a message."""


def _types(stream: Stream) -> list[str]:
    return [event["type"] for event in stream]


def _during(draw: DrawFn, stream: Stream) -> int:
    """A place after `message_start` and not after `message_delta`."""
    types = _types(stream)
    return draw(st.integers(types.index("message_start") + 1, types.index("message_delta")))


def _one_of(draw: DrawFn, stream: Stream, tag: str) -> int:
    """The place of one of the events of a type."""
    return draw(st.sampled_from(_places(stream, tag)))


def _places(stream: Stream, tag: str) -> list[int]:
    return [at for at, other in enumerate(_types(stream)) if other == tag]


def _later(draw: DrawFn, stream: Stream, place: int) -> int:
    """A place after another, and not after `message_delta`."""
    return draw(st.integers(place + 1, _types(stream).index("message_delta")))


def _inserted(stream: Stream, place: int, *events: Event) -> Stream:
    return [*stream[:place], *events, *stream[place:]]


def _without(stream: Stream, place: int) -> Stream:
    return [*stream[:place], *stream[place + 1 :]]


def _started(stream: Stream) -> int:
    """How many blocks start, which is the number of the next one."""
    return len(_places(stream, "content_block_start"))


def _start(index: int, block: Event) -> Event:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index: int, delta: Event) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _stop(index: int) -> Event:
    return {"type": "content_block_stop", "index": index}


def _text_block(draw: DrawFn, index: int) -> Stream:
    delta = draw(_WORDS.deltas["text_delta"])
    return [_start(index, {"type": "text", "text": ""}), _delta(index, delta), _stop(index)]


# -- order: what is refused -------------------------------------------------------------------


def _message_start_missing(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(0, _types(stream).index("message_start")))
    return _inserted(stream, place, draw(_ORDERED))


def _second_message(draw: DrawFn, stream: Stream) -> Stream:
    # An event of the message must be between the two.
    first = min(_places(stream, "content_block_start"))
    return _inserted(stream, _later(draw, stream, first), draw(_WORDS.events["message_start"]))


def _content_after_message_stop(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(_types(stream).index("message_stop") + 1, len(stream)))
    return _inserted(stream, place, draw(_CONTENT))


def _stream_cut(draw: DrawFn, stream: Stream) -> Stream:
    return stream[: draw(st.integers(0, _types(stream).index("message_delta")))]


def _event_after_error(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(0, len(stream) - 1))
    return _inserted(stream, place, draw(_WORDS.events["error"]))


# -- order: what is taken ---------------------------------------------------------------------


def _message_start_repeated(_draw: DrawFn, stream: Stream) -> Stream:
    place = _types(stream).index("message_start")
    return _inserted(stream, place + 1, stream[place])


def _block_start_repeated(draw: DrawFn, stream: Stream) -> Stream:
    index = _started(stream)
    start, *rest = _text_block(draw, index)
    at_end = _types(stream).index("message_delta")
    return _inserted(stream, at_end, start, start, *rest)


def _index_reused(draw: DrawFn, stream: Stream) -> Stream:
    place = _one_of(draw, stream, "content_block_stop")
    block = _text_block(draw, stream[place]["index"])
    return _inserted(stream, place + 1, *block)


def _index_not_consecutive(draw: DrawFn, stream: Stream) -> Stream:
    place = _one_of(draw, stream, "content_block_start")
    first, gap = stream[place]["index"], draw(st.integers(1, 3))
    return [
        {**event, "index": event["index"] + gap}
        if event["type"].startswith("content_block_") and event["index"] >= first
        else event
        for event in stream
    ]


def _blocks_overlap(draw: DrawFn, stream: Stream) -> Stream:
    last = max(_places(stream, "content_block_stop"))
    return _inserted(stream, last, *_text_block(draw, _started(stream)))


def _blocks_interleave(draw: DrawFn, stream: Stream) -> Stream:
    index = _started(stream)
    start, delta, stop = _text_block(draw, index)
    other_start, other_delta, other_stop = _text_block(draw, index + 1)
    at_end = _types(stream).index("message_delta")
    turns = (start, delta, other_start, other_delta, delta, stop, other_stop)
    return _inserted(stream, at_end, *turns)


def _delta_without_block(draw: DrawFn, stream: Stream) -> Stream:
    place = _during(draw, stream)
    delta = draw(any_of(_WORDS.deltas))
    index = _started(stream) + draw(st.integers(0, 2))
    return _inserted(stream, place, _delta(index, delta))


def _delta_after_block_stop(draw: DrawFn, stream: Stream) -> Stream:
    place = _one_of(draw, stream, "content_block_stop")
    index = stream[place]["index"]
    start = [event for event in stream if event["type"] == "content_block_start"][index]
    fitting = TAKES.get(start["content_block"]["type"], tuple(_WORDS.deltas))
    delta = draw(st.sampled_from(fitting).flatmap(_WORDS.deltas.__getitem__))
    return _inserted(stream, _later(draw, stream, place), _delta(index, delta))


def _delta_type_mismatch(draw: DrawFn, stream: Stream) -> Stream:
    # Add a block after those of the stream, which may not have one that refuses a delta.
    tag = draw(st.sampled_from(tuple(_WORDS.deltas)))
    others = [block for name, block in _WORDS.blocks.items() if tag not in TAKES.get(name, ())]
    index = _started(stream)
    return _inserted(
        stream,
        _types(stream).index("message_delta"),
        _start(index, draw(st.one_of(others))),
        _delta(index, draw(_WORDS.deltas[tag])),
        _stop(index),
    )


def _block_stop_without_start(draw: DrawFn, stream: Stream) -> Stream:
    index = _started(stream) + draw(st.integers(0, 2))
    return _inserted(stream, _during(draw, stream), _stop(index))


def _block_stop_repeated(draw: DrawFn, stream: Stream) -> Stream:
    place = _one_of(draw, stream, "content_block_stop")
    return _inserted(stream, _later(draw, stream, place), stream[place])


def _block_not_stopped(draw: DrawFn, stream: Stream) -> Stream:
    return _without(stream, _one_of(draw, stream, "content_block_stop"))


def _content_after_stop_reason(draw: DrawFn, stream: Stream) -> Stream:
    place = _types(stream).index("message_delta") + 1
    return _inserted(stream, place, *_text_block(draw, _started(stream)))


def _message_delta_missing(_draw: DrawFn, stream: Stream) -> Stream:
    return _without(stream, _types(stream).index("message_delta"))


def _message_delta_after_message_stop(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(_types(stream).index("message_stop") + 1, len(stream)))
    late = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 1}}
    return _inserted(stream, place, late)


def _stop_reason_erased(_draw: DrawFn, stream: Stream) -> Stream:
    place = _types(stream).index("message_delta")
    nulls: Event = {"stop_reason": None, "stop_sequence": None}
    return _inserted(stream, place + 1, {**stream[place], "delta": nulls})


def _message_stop_missing(_draw: DrawFn, stream: Stream) -> Stream:
    return _without(stream, _types(stream).index("message_stop"))


def _message_stop_repeated(draw: DrawFn, stream: Stream) -> Stream:
    place = draw(st.integers(_types(stream).index("message_stop") + 1, len(stream)))
    return _inserted(stream, place, {"type": "message_stop"})


# -- fields -----------------------------------------------------------------------------------


def _missing(draw: DrawFn, stream: Stream, *, tag: str, path: str) -> Stream:
    """Take a key from one of the events of a type, or make it null."""
    return _changed(draw, stream, tag, path, lambda place, name: place.pop(name), None)


def _misfit(draw: DrawFn, stream: Stream, *, tag: str, path: str) -> Stream:
    """Put a value of another type for a key of one of the events of a type."""

    def change(place: Event, name: str) -> None:
        place[name] = [] if isinstance(place[name], dict) else {}

    return _changed(draw, stream, tag, path, change)


def _changed(
    draw: DrawFn,
    stream: Stream,
    tag: str,
    path: str,
    *changes: Callable[[Event, str], object] | None,
) -> Stream:
    event = stream[_one_of(draw, stream, tag)]
    *outer, name = path.split(".")
    place: Any = functools.reduce(dict.__getitem__, outer, event)
    change = draw(st.sampled_from(changes))
    if change is None:
        place[name] = None
    else:
        change(place, name)
    return stream


def _in_added_block(
    draw: DrawFn, stream: Stream, *, block: str, delta: str | None, broken: _Break
) -> Stream:
    """Add a block of a type, so that the stream has one that can be broken."""
    index = _started(stream)
    events = [_start(index, draw(_WORDS.blocks[block]))]
    if delta is not None:
        events.append(_delta(index, draw(_WORDS.deltas[delta])))
    added = broken(draw, [*events, _stop(index)])
    return _inserted(stream, _types(stream).index("message_delta"), *added)


def _block_missing(block: str, key: str) -> _Break:
    broken = functools.partial(_missing, tag="content_block_start", path=f"content_block.{key}")
    return functools.partial(_in_added_block, block=block, delta=None, broken=broken)


def _delta_broken(change: Any, key: str) -> _Break:
    broken = functools.partial(change, tag="content_block_delta", path=f"delta.{key}")
    return functools.partial(_in_added_block, block="text", delta="text_delta", broken=broken)


def _too_deep(draw: DrawFn, stream: Stream) -> Stream:
    deep: Any = []
    for _ in range(250):
        deep = [deep]
    return _inserted(stream, _during(draw, stream), {"type": "ping", "deep": deep})


def _key_missing(tag: str, path: str) -> _Break:
    return functools.partial(_missing, tag=tag, path=path)


_Break: TypeAlias = "Callable[[DrawFn, Stream], Stream]"
_Row: TypeAlias = "tuple[type[ChunkviewError] | None, _Break]"

_TABLE: dict[str, _Row] = {
    # order
    "message_start_missing": (ProtocolError, _message_start_missing),
    "message_start_repeated": (None, _message_start_repeated),
    "second_message": (ProtocolError, _second_message),
    "block_start_repeated": (None, _block_start_repeated),
    "index_reused": (None, _index_reused),
    "index_not_consecutive": (None, _index_not_consecutive),
    "blocks_overlap": (None, _blocks_overlap),
    "blocks_interleave": (None, _blocks_interleave),
    "delta_without_block": (None, _delta_without_block),
    "delta_after_block_stop": (None, _delta_after_block_stop),
    "delta_type_mismatch": (None, _delta_type_mismatch),
    "block_stop_without_start": (None, _block_stop_without_start),
    "block_stop_repeated": (None, _block_stop_repeated),
    "block_not_stopped": (None, _block_not_stopped),
    "content_after_stop_reason": (None, _content_after_stop_reason),
    "content_after_message_stop": (ProtocolError, _content_after_message_stop),
    "message_delta_missing": (None, _message_delta_missing),
    "message_delta_after_message_stop": (None, _message_delta_after_message_stop),
    "stop_reason_erased": (None, _stop_reason_erased),
    "message_stop_missing": (None, _message_stop_missing),
    "message_stop_repeated": (None, _message_stop_repeated),
    "stream_cut": (IncompleteStreamError, _stream_cut),
    "event_after_error": (StreamError, _event_after_error),
    # essential
    "index_missing": (DecodeError, _key_missing("content_block_stop", "index")),
    "content_block_missing": (
        DecodeError,
        _key_missing("content_block_start", "content_block"),
    ),
    "block_type_missing": (DecodeError, _key_missing("content_block_start", "content_block.type")),
    "tool_name_missing": (DecodeError, _block_missing("tool_use", "name")),
    "delta_missing": (
        DecodeError,
        functools.partial(
            _in_added_block,
            block="text",
            delta="text_delta",
            broken=_key_missing("content_block_delta", "delta"),
        ),
    ),
    "delta_string_misfit": (DecodeError, _delta_broken(_misfit, "text")),
    "too_deep": (DecodeError, _too_deep),
    # fields
    "message_missing": (None, _key_missing("message_start", "message")),
    "message_content_missing": (None, _key_missing("message_start", "message.content")),
    "message_usage_missing": (None, _key_missing("message_start", "message.usage")),
    "message_id_missing": (None, _key_missing("message_start", "message.id")),
    "message_type_missing": (None, _key_missing("message_start", "message.type")),
    "message_role_missing": (None, _key_missing("message_start", "message.role")),
    "message_model_missing": (None, _key_missing("message_start", "message.model")),
    "count_missing": (None, _key_missing("message_start", "message.usage.input_tokens")),
    "message_delta_delta_missing": (None, _key_missing("message_delta", "delta")),
    "final_usage_missing": (None, _key_missing("message_delta", "usage")),
    "final_count_missing": (None, _key_missing("message_delta", "usage.output_tokens")),
    "block_string_missing": (None, _block_missing("text", "text")),
    "delta_string_missing": (None, _delta_broken(_missing, "text")),
    "delta_type_missing": (None, _delta_broken(_missing, "type")),
    "tool_input_missing": (None, _block_missing("tool_use", "input")),
    "tool_id_missing": (None, _block_missing("tool_use", "id")),
    "misfit_value": (
        None,
        functools.partial(_misfit, tag="message_start", path="message.usage.input_tokens"),
    ),
}

RULES: dict[str, type[ChunkviewError] | None] = {rule: error for rule, (error, _) in _TABLE.items()}
"""The rules that a stream can break, each with the error that `chunkview.accumulate` raises; None
where it takes the stream."""
