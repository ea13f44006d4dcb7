"""Hypothesis strategies for lenient and disordered streams, and how often they reach each rule.

Two sources. `_disordered` draws events of a small vocabulary at a few indices, so that they meet in
every order. `_damaged` takes the valid streams of `chunkview.testing.strategies` and changes some
of their events. Fields are dropped, nulled and misfit in both.

`PYTHONPATH=src:tests python -m rules.lenient` prints the figures.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from chunkview.conformance import RULES
from chunkview.testing import strategies as cv
from rules.bodies import Event
from rules.checker import check_body, check_events
from rules.model import read, read_body

__all__ = [
    "ROWS_OF_BODIES",
    "ROWS_OF_STREAMS",
    "figures",
    "lenient_bodies",
    "lenient_streams",
    "rough_bodies",
]

Stream = list[Event]
Change = Callable[[DrawFn, Stream], Stream]


def lenient_streams() -> SearchStrategy[Stream]:
    """Streams as lists of folded events, most of them with something off.

    Shrinks to message_start and message_stop.
    """
    return _disordered() | _damaged() | _damaged()


def lenient_bodies() -> SearchStrategy[bytes]:
    """Bodies, most of them with something off in the framing, the `event:` lines or the events.

    Shrinks to a body without events.
    """
    return _bodies()


def rough_bodies() -> SearchStrategy[bytes]:
    """Bodies of a few lines in any order: names, data, and what is neither.

    Shrinks to an empty body.
    """
    newlines = st.sampled_from(("\n", "\n", "\r\n", "\r"))
    ends = st.sampled_from(("\n", "\n", "\r\n", "\r", ""))
    marks = st.sampled_from(("", "", "", "", "\ufeff"))
    return st.builds(
        lambda mark, lines, newline, end: (mark + newline.join(lines) + end).encode(),
        marks,
        st.lists(_LINES, max_size=10),
        newlines,
        ends,
    )


_ROUGH_NAMES = (
    *("ping", "message_stop", "error", "news", "content_block_stop", "api_error", "", " error"),
)
_ROUGH_DATA = (
    *("", " ", "x", "5", "null", '"x"', "[1]", "[DONE]", " [DONE] ", "{", "}", "{}", '{"a":"\t"}'),
    *(
        '{"a":"\\ud83d"}',
        '{"error":null}',
        '{"error":"x"}',
        '{"type":5,"error":"x"}',
        '{"index":0}',
    ),
    *(
        '{"type":"error"}',
        '{"type":"api_error","message":"x"}',
        '{"message":"x"}',
        '{"type":"ping"}',
    ),
    *('{"type":"message_stop"}', '{"type":"message","content":[]}', '{"code":5,"type":"x"}', "NaN"),
)
_LINES = st.one_of(
    st.builds("event:{}{}".format, st.sampled_from(("", " ")), st.sampled_from(_ROUGH_NAMES)),
    st.builds("data:{}{}".format, st.sampled_from(("", " ")), st.sampled_from(_ROUGH_DATA)),
    st.builds("data:{}{}".format, st.sampled_from(("", " ")), st.sampled_from(_ROUGH_DATA)),
    st.sampled_from(("", "", "", ": hi", "id: 1", "retry", "event", "data", "news: x", "\ufeff")),
    st.sampled_from(("dat", "<p>", " {", '{"type":"ping"}', "\ufeffdata: {}", "\ufeff {}", " ")),
)


# -- a small vocabulary ------------------------------------------------------------------------


def _of(*values: Any) -> SearchStrategy[Any]:
    """One of some JSON values, a new copy each time."""
    return st.sampled_from(values).map(copy.deepcopy)


_INDEX = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 4))
_TEXT = st.sampled_from(("", "a", "b", " ", "\ud83d", "\ude00"))
_JSON_TEXT = st.sampled_from(("", " ", '{"a":', "1}", '{"a":1}', "{}", "[1]", "x", '{"a":1,"a":2}'))
_ID = st.sampled_from(("", "", "t", "t", "u"))

_MESSAGES = _of(
    {"id": "m", "model": "c", "content": [], "usage": {"input_tokens": 10, "output_tokens": 1}},
    {"id": "m", "model": "c", "content": [], "usage": {"input_tokens": 10, "output_tokens": 1}},
    {"id": "", "model": "", "content": None, "usage": {"input_tokens": 0, "output_tokens": 0.0}},
    {"id": "n", "model": "d", "content": [{"type": "text", "text": "so far"}], "usage": None},
    {"id": 5, "model": ["c"], "content": "x", "usage": [], "stop_reason": 7, "surprise": 1},
    {"usage": {"input_tokens": "10", "output_tokens": True, "cache_read_input_tokens": 3.5}},
    {},
    None,
    "m",
)
_MESSAGE_STARTS = st.builds(lambda m: {"type": "message_start", "message": m}, _MESSAGES)

_TOOLS = st.builds(
    lambda tag, id_, name, more: {"type": tag, "id": id_, "name": name, **more},
    st.sampled_from(("tool_use", "tool_use", "tool_use", "server_tool_use", "mcp_tool_use")),
    _ID,
    st.sampled_from(("f", "f", "f", "g")),
    _of(
        {"input": {}},
        {"input": {}},
        {"input": {"a": 1}},
        {"input": '{"a": 1}'},
        {"input": ""},
        {"input": [1]},
        {"input": 5},
        {"input": 2.5},
        {"input": None},
        {},
    ),
)
_TEXT_BLOCKS = _of(
    {"type": "text", "text": ""},
    {"type": "text", "text": ""},
    {"type": "text", "text": "Hi", "citations": [{"type": "char_location"}]},
    {"type": "text"},
    {"type": "text", "text": None, "citations": None},
    {"type": "text", "text": 5, "citations": "x"},
)
_THINKING_BLOCKS = _of(
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking", "thinking": ""},
    {"type": "thinking", "thinking": "hm", "signature": "S"},
    {"type": "thinking", "signature": 5},
)
_OTHER_BLOCKS = _of(
    {"type": "redacted_thinking", "data": "x"},
    {"type": "redacted_thinking", "data": "y"},
    {"type": "web_search_tool_result", "tool_use_id": "t", "content": []},
    {"type": "web_search_tool_result", "tool_use_id": "u", "content": [{"type": "x"}]},
    {"type": "compaction", "content": None},
    {"type": "fallback", "from": {"model": "c"}, "to": {"model": "d"}},
    {"type": "news", "text": "unknown"},
)
_WRONG_BLOCKS = _of(
    {"text": "no type"},
    {"type": None},
    {"type": "tool_use", "id": "t"},
    {"type": "tool_use", "name": None},
    {"type": "server_tool_use", "name": 5},
    None,
    "x",
)
_BLOCKS = st.one_of(
    _TEXT_BLOCKS, _TEXT_BLOCKS, _THINKING_BLOCKS, _THINKING_BLOCKS, _TOOLS, _TOOLS, _OTHER_BLOCKS
)


def _starts(blocks: SearchStrategy[Any]) -> SearchStrategy[Event]:
    return st.builds(
        lambda i, block: {"type": "content_block_start", "index": i, "content_block": block},
        _INDEX,
        blocks,
    )


_TEXT_DELTAS = st.builds(lambda text: {"type": "text_delta", "text": text}, _TEXT)
_THINKING_DELTAS = st.builds(lambda text: {"type": "thinking_delta", "thinking": text}, _TEXT)
_JSON_DELTAS = st.builds(lambda t: {"type": "input_json_delta", "partial_json": t}, _JSON_TEXT)
_SIGNATURES = _of(
    {"type": "signature_delta", "signature": "S"},
    {"type": "signature_delta", "signature": ""},
)
_OTHER_DELTAS = _of(
    {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "a"}},
    {"type": "citations_delta"},
    {"type": "compaction_delta", "content": "sum"},
    {"type": "news_delta", "text": "unknown"},
    {"text": "no type"},
    {"type": None, "thinking": "no type"},
    {"partial_json": "{}", "text": None},
    {"signature": "no type"},
    {"text": "which", "thinking": "of two?"},
    {"type": 5},
    {"type": "text_delta"},
    {"type": "thinking_delta", "thinking": None},
    {"type": "input_json_delta"},
    {"type": "signature_delta", "signature": None},
)
_WRONG_DELTAS = _of(
    None,
    "x",
    {"type": "text_delta", "text": 5},
    {"type": "input_json_delta", "partial_json": {"a": 1}},
    {"type": "thinking_delta", "thinking": ["x"]},
)
_DELTAS = st.one_of(
    _TEXT_DELTAS, _TEXT_DELTAS, _THINKING_DELTAS, _JSON_DELTAS, _JSON_DELTAS, _SIGNATURES,
    _OTHER_DELTAS,
)  # fmt: skip


def _deltas(deltas: SearchStrategy[Any]) -> SearchStrategy[Event]:
    return st.builds(
        lambda i, delta: {"type": "content_block_delta", "index": i, "delta": delta},
        _INDEX,
        deltas,
    )


_STOPS = st.builds(lambda i: {"type": "content_block_stop", "index": i}, _INDEX)

_MESSAGE_DELTAS = _of(
    {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 5}},
    {"delta": {"stop_reason": "tool_use"}, "usage": {"input_tokens": 2, "output_tokens": 9}},
    {"delta": {"stop_reason": "new_reason", "k": 1}, "usage": {"output_tokens": 7.0}, "l": [2]},
    {"delta": {"stop_reason": None, "k": None}, "usage": {"output_tokens": None}, "l": None},
    {"delta": {"stop_reason": None, "stop_sequence": None}, "usage": {"output_tokens": 6}},
    {"delta": {}, "usage": {"output_tokens": "50"}},
    {"delta": {"stop_reason": 5, "container": "x"}, "usage": "x"},
    {"usage": {"output_tokens": 8}},
    {},
).map(lambda event: {"type": "message_delta", **event})

_MESSAGE_STOP = st.builds(lambda: {"type": "message_stop"})
_OTHER_EVENTS = _of({"type": "ping"}, {"type": "news"}, {}, {"error": None}, {"type": "text"})

_ERRORS = _of(
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    {"type": "error", "error": "boom"},
    {"type": "error", "message": {"type": "api_error", "message": "boom"}},
    {"type": "error", "message": "boom", "code": 500},
    {"type": "error", "error": {"code": 500, "message": "boom"}},
    {"type": "error"},
    {"type": "error", "error": None},
    {"type": "error", "error": [1]},
    {"error": {"message": "boom"}},
    {"error": "boom"},
    {"type": None, "error": "boom"},
    {"type": "server_error", "message": "boom"},
    {"type": "overloaded_error", "message": "boom", "code": 529},
)

_CONTENT = st.one_of(
    _starts(_BLOCKS), _starts(_BLOCKS), _deltas(_DELTAS), _deltas(_DELTAS), _deltas(_DELTAS),
    _STOPS,
)  # fmt: skip
_EVENTS = st.one_of(
    *[_CONTENT] * 9,
    _MESSAGE_DELTAS,
    _OTHER_EVENTS,
)


@st.composite
def _disordered(draw: DrawFn) -> Stream:
    if draw(st.integers(0, 14)) == 14:
        return draw(st.lists(_OTHER_EVENTS, max_size=2))
    beginning = draw(st.lists(_OTHER_EVENTS, max_size=1))
    starts = [draw(_MESSAGE_STARTS) for _ in range(draw(st.sampled_from((1, 1, 1, 1, 1, 2, 0))))]
    middle = draw(st.lists(_EVENTS, max_size=12))
    end = draw(st.lists(_MESSAGE_DELTAS, max_size=2))
    end += draw(st.lists(_MESSAGE_STOP, max_size=2))
    end += draw(st.lists(st.one_of(_MESSAGE_DELTAS, _MESSAGE_STARTS, _CONTENT), max_size=1))
    return _changed(draw, [*beginning, *starts, *middle, *end], (0, 1, 1))


@st.composite
def _damaged(draw: DrawFn) -> Stream:
    stream = draw(_PLAIN | cv.message_streams(max_blocks=3, max_deltas=3))
    return _changed(draw, stream, (2, 2, 3))


_PLAIN = _of(
    [
        {"type": "message_start", "message": {"id": "m", "model": "c", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hello"},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
)


def _changed(draw: DrawFn, stream: Stream, numbers: tuple[int, ...]) -> Stream:
    for _ in range(draw(st.sampled_from(numbers))):
        stream = draw(st.sampled_from(_CHANGES))(draw, stream)
    return stream


# -- changes to a stream -----------------------------------------------------------------------


def _place(draw: DrawFn, stream: Stream, *tags: str) -> int | None:
    """The place of one of the events of some types; of any event without types."""
    places = [at for at, event in enumerate(stream) if not tags or event.get("type") in tags]
    return draw(st.sampled_from(places)) if places else None


def _insert(draw: DrawFn, stream: Stream, event: Event) -> Stream:
    at = draw(st.integers(min(1, len(stream)), len(stream)))
    return [*stream[:at], event, *stream[at:]]


def _change_field(draw: DrawFn, stream: Stream) -> Stream:
    """Drop a field, null it, or give it a value of another type."""
    at = _place(draw, stream)
    if at is None:
        return stream
    fields = [
        (place, key)
        for place in _objects_in(stream[at])
        for key in place
        # An event without its type is no event of the message: elsewhere there is plenty of that.
        if place is not stream[at] or key != "type"
    ]
    if not fields:
        return stream
    place, key = draw(st.sampled_from(fields))
    how = draw(st.sampled_from(("drop", "null", "misfit", "misfit")))
    if how == "drop":
        del place[key]
    else:
        place[key] = None if how == "null" else draw(_of(5, 2.5, True, "x", [1], {"x": 1}, -1))
    return stream


def _objects_in(event: Event) -> list[Event]:
    found, level = [], [event]
    while level:
        found += level
        inner = [value for place in level for value in place.values()]
        level = [value for value in inner if isinstance(value, dict)]
    return found


def _wrong_index(draw: DrawFn, stream: Stream) -> Stream:
    at = _place(draw, stream, "content_block_start", "content_block_delta", "content_block_stop")
    if at is not None:
        index = draw(_of("absent", "absent", -1, -1, -2, None, "0", True, 0.5, [0]))
        stream[at]["index"] = index
        if index == "absent":
            del stream[at]["index"]
    return stream


def _float_index(draw: DrawFn, stream: Stream) -> Stream:
    for event in stream:
        if isinstance(event.get("index"), int):
            event["index"] = float(event["index"])
    return stream


def _wrong_block(draw: DrawFn, stream: Stream) -> Stream:
    return _insert(draw, stream, draw(_starts(_WRONG_BLOCKS)))


def _wrong_delta(draw: DrawFn, stream: Stream) -> Stream:
    return _insert(draw, stream, draw(_deltas(_WRONG_DELTAS)))


def _odd_delta(draw: DrawFn, stream: Stream) -> Stream:
    return _insert(draw, stream, draw(_deltas(_OTHER_DELTAS)))


def _without_a_key(draw: DrawFn, stream: Stream) -> Stream:
    """Drop the delta or the content block."""
    at = _place(draw, stream, "content_block_delta", "content_block_start")
    if at is not None:
        stream[at].pop("delta", None)
        stream[at].pop("content_block", None)
    return stream


def _too_deep(draw: DrawFn, stream: Stream) -> Stream:
    value: Any = []
    for _ in range(250):
        value = [value]
    at = _place(draw, stream)
    if at is not None:
        stream[at]["deep"] = value
    return stream


def _repeat_event(draw: DrawFn, stream: Stream) -> Stream:
    at = _place(draw, stream)
    if at is None:
        return stream
    to = draw(st.integers(at, len(stream)))
    return [*stream[:to], copy.deepcopy(stream[at]), *stream[to:]]


def _drop_event(draw: DrawFn, stream: Stream) -> Stream:
    at = _place(draw, stream)
    return stream if at is None else [*stream[:at], *stream[at + 1 :]]


def _move_event(draw: DrawFn, stream: Stream) -> Stream:
    at = _place(draw, stream)
    if at is None:
        return stream
    rest = [*stream[:at], *stream[at + 1 :]]
    to = draw(st.integers(0, len(rest)))
    return [*rest[:to], stream[at], *rest[to:]]


def _delay_stops(draw: DrawFn, stream: Stream) -> Stream:
    """Put the stops of all blocks behind the last block."""
    stops = [event for event in stream if event.get("type") == "content_block_stop"]
    rest = [event for event in stream if event.get("type") != "content_block_stop"]
    last = [at for at, e in enumerate(rest) if e.get("type") == "content_block_delta"][-1:]
    return [*rest[: last[0] + 1], *stops, *rest[last[0] + 1 :]] if last else stream


def _without_stops(draw: DrawFn, stream: Stream) -> Stream:
    return [event for event in stream if event.get("type") != "content_block_stop"]


def _one_index(draw: DrawFn, stream: Stream) -> Stream:
    """Give all blocks one index."""
    index = draw(st.integers(0, 2))
    for event in stream:
        if "index" in event:
            event["index"] = index
    return stream


def _interleave(draw: DrawFn, stream: Stream) -> Stream:
    """Mix the events of two blocks, each in its order."""
    starts = [event for event in stream if event.get("type") == "content_block_start"]
    indices = [event["index"] for event in starts if "index" in event]
    if len(indices) < 2:
        return stream
    chosen = indices[:2]
    mixed = [event for event in stream if event.get("index") in chosen]
    first = [event for event in mixed if event["index"] == chosen[0]]
    second = [event for event in mixed if event["index"] != chosen[0]]
    ordered = []
    while first or second:
        turn = first if not second or (first and draw(st.booleans())) else second
        ordered.append(turn.pop(0))
    taken = iter(ordered)
    return [next(taken) if event.get("index") in chosen else event for event in stream]


def _early_message_delta(draw: DrawFn, stream: Stream) -> Stream:
    return _insert(draw, stream, draw(_MESSAGE_DELTAS))


def _late_signature(draw: DrawFn, stream: Stream) -> Stream:
    """Thinking whose signature comes after its stop, at its index or that of the next block."""
    later = draw(st.booleans())
    block = draw(_of({"type": "thinking", "thinking": "hm"}))
    index = max([e["index"] for e in stream if type(e.get("index")) is int], default=-1) + 1
    signature = draw(_SIGNATURES)
    text = {"type": "text", "text": ""}
    scene = [
        {"type": "content_block_start", "index": index, "content_block": block},
        {"type": "content_block_stop", "index": index},
        {"type": "content_block_start", "index": index + 1, "content_block": text},
        {"type": "content_block_delta", "index": index + later, "delta": signature},
        {"type": "content_block_stop", "index": index + 1},
    ]
    return _before_end(draw, stream, scene)


def _side_blocks(draw: DrawFn, stream: Stream) -> Stream:
    """Text and thinking by turns, behind one of the block's events."""
    at = _place(draw, stream, "content_block_start", "content_block_delta", "content_block_stop")
    if at is None:
        return stream
    deltas = draw(st.lists(_TEXT_DELTAS | _THINKING_DELTAS, min_size=1, max_size=4))
    index = stream[at].get("index", 0)
    events = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [*stream[: at + 1], *events, *stream[at + 1 :]]


def _tools(draw: DrawFn, stream: Stream) -> Stream:
    """Tools at one index, mostly with one id or none, with all kinds of input."""
    index = draw(_INDEX)
    name = draw(_of({}, {"id": "", "name": "f"}, {"id": "", "name": "f"}, {"id": "t", "name": "f"}))
    scene = []
    for _ in range(draw(st.sampled_from((1, 2, 2, 3)))):
        scene.append({"type": "content_block_start", "content_block": {**draw(_TOOLS), **name}})
        texts = draw(st.just([]) | st.just([""]) | st.lists(_JSON_TEXT, min_size=1, max_size=2))
        for text in texts:
            delta = {"type": "input_json_delta", "partial_json": text}
            scene.append({"type": "content_block_delta", "delta": delta})
    return _before_end(draw, stream, [{**event, "index": index} for event in scene])


def _before_end(draw: DrawFn, stream: Stream, scene: Stream) -> Stream:
    """Insert events in front of the end of the message."""
    at = _place(draw, stream, "message_delta", "message_stop")
    at = len(stream) if at is None else at
    return [*stream[:at], *scene, *stream[at:]]


def _repeated_start(draw: DrawFn, stream: Stream) -> Stream:
    """A block that starts again, with more or less than at first; or after its first delta."""
    blocks = draw(st.sampled_from((_TEXT_BLOCKS, _THINKING_BLOCKS, _OTHER_BLOCKS)))
    deltas = draw(st.lists(_TEXT_DELTAS | _THINKING_DELTAS, max_size=1))
    events: Stream = []
    if draw(st.sampled_from((True, True, False))):
        events.append({"type": "content_block_start", "content_block": draw(blocks)})
    events += [{"type": "content_block_delta", "delta": delta} for delta in deltas]
    events += [{"type": "content_block_start", "content_block": draw(blocks)}]
    index = draw(_INDEX)
    return _before_end(draw, stream, [{**event, "index": index} for event in events])


def _reason_in_a_block(draw: DrawFn, stream: Stream) -> Stream:
    """A stop reason while a block is open, and then more of the block, or its stop."""
    index = draw(_INDEX)
    tag, start, delta = draw(
        st.sampled_from(
            (
                ("text", "text", "text_delta"),
                ("thinking", "thinking", "thinking_delta"),
            )
        )
    )
    more = {"type": "content_block_delta", "index": index, "delta": {"type": delta, tag: "more"}}
    rest: list[Event] = [more, {"type": "content_block_stop", "index": index}]
    scene: Stream = [
        {"type": "content_block_start", "index": index, "content_block": {"type": start, tag: ""}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        *draw(st.sampled_from((rest, rest[1:], rest[::-1], rest[:1]))),
    ]
    return _before_end(draw, stream, copy.deepcopy(scene))


def _erasing_message_delta(draw: DrawFn, stream: Stream) -> Stream:
    """A message_delta with values, and one that nulls them."""
    values = {"delta": {"stop_reason": "end_turn", "k": 1}, "usage": {"output_tokens": 3}, "l": 2}
    nulls = {"delta": {"stop_reason": None, "k": None}, "usage": {"output_tokens": None}, "l": None}
    at = _place(draw, stream, "message_stop")
    at = len(stream) if at is None else at
    scene: Stream = [{"type": "message_delta", **values}, {"type": "message_delta", **nulls}]
    return [*stream[:at], *scene, *stream[at:]]


def _richer_start(draw: DrawFn, stream: Stream) -> Stream:
    """A start again that brings what the first one left empty."""
    text = {"type": "text", "text": "", "citations": None}
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    first, more = draw(
        _of(
            (text, {"text": "Hello"}),
            (text, {"citations": [{"type": "char_location"}]}),
            (thinking, {"thinking": "hm", "signature": "S"}),
            (tool, {"input": {"a": 1}}),
        )
    )
    index = draw(_INDEX)
    scene: Stream = [
        {"type": "content_block_start", "index": index, "content_block": block}
        for block in (first, {**first, **more})
    ]
    return _before_end(draw, stream, scene)


def _input_twice(draw: DrawFn, stream: Stream) -> Stream:
    """A tool whose input is in the start already, and deltas."""
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": draw(_of({"a": 1}, '{"a":1}'))}
    parts = draw(_of([""], [" ", "\n"], ['{"b":2}'], ['{"b":', "2}"]))
    index = draw(_INDEX)
    scene: Stream = [{"type": "content_block_start", "index": index, "content_block": tool}]
    for part in parts:
        delta = {"type": "input_json_delta", "partial_json": part}
        scene.append({"type": "content_block_delta", "index": index, "delta": delta})
    return _before_end(draw, stream, scene)


def _whole_tool_again(draw: DrawFn, stream: Stream) -> Stream:
    """A tool without an id that starts again, whole or not."""
    tool = {"type": "tool_use", "id": draw(_of("", None)), "name": "f"}
    start = {"type": "content_block_start", "content_block": {**tool, "input": {}}}
    parts = draw(_of(['{"a":1}'], ['{"a":', "1}"], ["{}"], ['{"a":']))
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    call = [start, *[{"type": "content_block_delta", "delta": delta} for delta in deltas]]
    index = draw(_INDEX)
    return _before_end(draw, stream, [{**event, "index": index} for event in [*call, *call]])


def _delta_before_start(draw: DrawFn, stream: Stream) -> Stream:
    """A delta in front of the start of its block."""
    kind = draw(st.sampled_from(("text", "thinking")))
    block = {"type": kind, kind: ""}
    delta = {"type": f"{kind}_delta", kind: draw(_TEXT)}
    index = draw(_INDEX)
    scene: Stream = [
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "content_block_start", "index": index, "content_block": block},
        {"type": "content_block_delta", "index": index, "delta": dict(delta)},
    ]
    return _before_end(draw, stream, scene)


def _poor_usage(draw: DrawFn, stream: Stream) -> Stream:
    """A usage in message_start that lacks a count."""
    at = _place(draw, stream, "message_start")
    message = {} if at is None else stream[at].get("message")
    if isinstance(message, dict):
        message["usage"] = draw(_of({"input_tokens": 3}, {"output_tokens": None}, {}))
    return stream


def _stopped_twice(draw: DrawFn, stream: Stream) -> Stream:
    """The stops of a block again, at once or behind another block."""
    at = _place(draw, stream, "content_block_stop")
    if at is None:
        return stream
    again = [copy.deepcopy(stream[at]) for _ in range(draw(st.integers(1, 2)))]
    to = draw(st.sampled_from((at + 1, min(at + 3, len(stream)))))
    return [*stream[:to], *again, *stream[to:]]


def _one_tool_id(draw: DrawFn, stream: Stream) -> Stream:
    """Two tool uses with one id."""
    index = draw(_INDEX)
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    scene: Stream = []
    for number in (index, index + draw(st.integers(0, 1))):
        start = {"type": "content_block_start", "index": number, "content_block": {**tool}}
        scene += [start, {"type": "content_block_stop", "index": number}]
    return _before_end(draw, stream, scene)


def _misfit_block(draw: DrawFn, stream: Stream) -> Stream:
    """A block with a value of another type in a field that is not essential."""
    blocks = _of(
        {"type": "text", "text": 5},
        {"type": "thinking", "thinking": ["x"], "signature": 1},
        {"type": "tool_use", "id": 5, "name": "f", "input": 5},
        {"type": "tool_use", "id": {}, "name": "f", "input": [1, 2]},
        {"type": "tool_use", "name": "f", "input": True},
    )
    return _before_end(draw, stream, [draw(_starts(blocks))])


def _halves(draw: DrawFn, stream: Stream) -> Stream:
    """A character in two halves, in two deltas."""
    halves: Stream = [{"type": "text_delta", "text": half} for half in ("\ud83d", "\ude00")]
    index = draw(_INDEX)
    events = [{"type": "content_block_delta", "index": index, "delta": half} for half in halves]
    return _before_end(draw, stream, events)


def _late_message_delta(draw: DrawFn, stream: Stream) -> Stream:
    return [*stream, draw(_MESSAGE_DELTAS)]


def _other_id(draw: DrawFn, stream: Stream) -> Stream:
    """The message_start again, at once, with another id."""
    first = _place(draw, stream, "message_start")
    if first is None:
        return stream
    message = draw(_of({"id": "other"}, {"id": "other", "model": "e"}))
    again = {"type": "message_start", "message": message}
    return [*stream[: first + 1], again, *stream[first + 1 :]]


def _error(draw: DrawFn, stream: Stream) -> Stream:
    return _insert(draw, stream, draw(_ERRORS))


def _second_start(draw: DrawFn, stream: Stream) -> Stream:
    """A message_start right behind the first one, or anywhere."""
    first = _place(draw, stream, "message_start")
    if first is None:
        return stream
    at = first + 1 if draw(st.booleans()) else draw(st.integers(first + 1, len(stream)))
    another = draw(_MESSAGE_STARTS | st.just(stream[first]).map(copy.deepcopy))
    return [*stream[:at], another, *stream[at:]]


def _cut(draw: DrawFn, stream: Stream) -> Stream:
    return stream[: draw(st.integers(0, len(stream)))]


_CHANGES: tuple[Change, ...] = (
    *[_change_field] * 3,
    *[_wrong_index] * 5,
    *[_float_index] * 2,
    *[_wrong_block] * 5,
    *[_wrong_delta] * 3,
    *[_halves] * 3,
    *[_odd_delta] * 3,
    *[_without_a_key] * 4,
    *[_poor_usage] * 3,
    *[_stopped_twice] * 2,
    *[_one_tool_id] * 3,
    *[_too_deep] * 2,
    _repeat_event,
    _drop_event,
    _move_event,
    _delay_stops,
    _without_stops,
    _one_index,
    _interleave,
    _early_message_delta,
    *[_late_signature] * 5,
    *[_side_blocks] * 4,
    *[_tools] * 2,
    *[_repeated_start] * 2,
    *[_richer_start] * 2,
    *[_input_twice] * 3,
    *[_reason_in_a_block] * 2,
    *[_erasing_message_delta] * 2,
    *[_error] * 3,
    *[_second_start] * 3,
    *[_other_id] * 2,
    _late_message_delta,
    *[_misfit_block] * 4,
    *[_whole_tool_again] * 3,
    *[_delta_before_start] * 2,
    _cut,
)


# -- bodies ------------------------------------------------------------------------------------

_DAMAGES = (
    *["none"] * 4,
    "byte order mark",
    "joined",
    "no last blank line",
    "cut",
    "message",
    "document",
    "no stream",
)
_OTHER_DATA = st.sampled_from(
    (
        b"",
        b"x",
        b"[1]",
        b'"text"',
        b'{"a":"\t"}',
        b'{"a":"\x00"}',
        b'{"a":1}',
        b"[DONE]",
        b"[DONE]",
        b"\xff",
    )
)
_NAMES = st.sampled_from(("ping", "message_stop", "error", "news", "message", "api_error", ""))


@st.composite
def _bodies(draw: DrawFn) -> bytes:
    stream = draw(lenient_streams())
    damage = draw(st.sampled_from(_DAMAGES))
    if damage == "message":
        return json.dumps(draw(cv.messages())).encode()
    if damage == "document":
        documents = _ERRORS | _of({"detail": "Not Found"}, {"type": "ping"}, {})
        return json.dumps(draw(documents)).encode()
    if damage == "no stream":
        return draw(st.sampled_from((b"<html>", b"{", b"[]", b"null", b"", b"\n", b": hi\n")))
    if draw(st.booleans()):
        stream = _insert(draw, stream, draw(_ERRORS))
    events = [draw(_written(event)) for event in stream]
    for event in draw(st.lists(_odd_events(), max_size=2)):
        at = draw(st.integers(0, len(events)))
        events.insert(at, event)
    body = b"".join(events) if damage == "joined" else b"".join(e + b"\n" for e in events)
    if damage == "byte order mark":
        return b"\xef\xbb\xbf" + body
    if damage == "no last blank line":
        return body[: -draw(st.integers(1, 2))] if body else body
    if damage == "cut":
        return body[: draw(st.integers(0, len(body)))]
    return body


@st.composite
def _written(draw: DrawFn, event: Event) -> bytes:
    """An event with its lines, without the blank line."""
    event = dict(event)
    name = event.get("type")
    how = draw(st.sampled_from(("same", "same", "same", "absent", "other", "line only")))
    if how == "other":
        name = draw(_NAMES)
    if how == "line only":
        event.pop("type", None)
    line = b"" if how == "absent" or not isinstance(name, str) else b"event: %s\n" % name.encode()
    ascii_only = draw(st.booleans()) or "\\ud" in json.dumps(event)
    return line + b"data: %s\n" % json.dumps(event, ensure_ascii=ascii_only).encode()


@st.composite
def _odd_events(draw: DrawFn) -> bytes:
    name, data = draw(_NAMES), draw(_OTHER_DATA | _OTHER_DATA | st.none())
    if data == b"[DONE]":
        name = draw(st.sampled_from((name, "", "data")))
    line = b"event: %s\n" % name.encode() if name else b": comment\n"
    return line + (b"" if data is None else b"data: %s\n" % data)


# -- figures -----------------------------------------------------------------------------------


def figures(number: int = 2_000) -> tuple[Counter[str], Counter[str]]:
    """Count in how many streams, and in how many bodies, each row of the rules is reached.

    A finding is a row, too: by the name of its rule.

    Args:
        number: How many examples of each, a multiple of 25. They are the
            same ones in each run with one release of Hypothesis.
    """
    streams: Counter[str] = Counter()
    bodies: Counter[str] = Counter()

    def count_stream(stream: Stream) -> None:
        streams.update(read(stream).reached | {f.rule for f in check_events(stream)})

    def count_body(body: bytes) -> None:
        bodies.update(read_body(body).reached | {f.rule for f in check_body(body)})

    _draw(lenient_streams(), number, count_stream)
    _draw(lenient_bodies(), number, count_body)
    return streams, bodies


def _draw(strategy: SearchStrategy[Any], number: int, use: Callable[[Any], object]) -> None:
    # In short rounds, since what one run of Hypothesis draws is far from independent.
    quick = settings(
        max_examples=25,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    for round_ in range(number // 25):
        seed(round_)(quick(given(strategy)(use)))()  # type: ignore[arg-type]


ROWS_OF_STREAMS = (
    "2 block string absent",
    "2 block string misfit",
    "2 block type missing",
    "2 content absent",
    "2 content misfit",
    "2 content_block missing",
    "2 count absent on message",
    "2 count absent on message_delta",
    "2 count misfit on message",
    "2 count misfit on message_delta",
    "2 delta missing",
    "2 delta string absent",
    "2 delta string misfit",
    "2 delta without type, told",
    "2 delta without type, unknown",
    "2 index absent",
    "2 index misfit",
    "2 index negative",
    "1 halves of a character joined",
    "2 integral float",
    "2 integral float as index",
    "2 later value replaces a misfit",
    "2 message absent",
    "2 message field misfit",
    "2 message id absent",
    "2 message id misfit",
    "2 message misfit",
    "2 message model absent",
    "2 message model misfit",
    "2 message_delta without delta",
    "2 too deep",
    "2 tool id absent",
    "2 tool id misfit",
    "2 tool input a string",
    "2 tool input absent",
    "2 tool input no object",
    "2 tool name missing",
    "2 usage absent on message",
    "2 usage absent on message_delta",
    "2 usage misfit on message",
    "2 usage misfit on message_delta",
    "3 another side block begins",
    "3 blank deltas leave the start's input",
    "3 block goes on after a stop reason",
    "3 blocks overlap",
    "3 content after message_stop",
    "3 deltas replace the start's input",
    "3 empty signature",
    "3 error event",
    "3 finished by a stop reason",
    "3 finished by message_stop",
    "3 incomplete",
    "3 incomplete: no message",
    "3 index not consecutive",
    "3 index reused",
    "3 late signature, of its index",
    "3 late signature, of the block just before",
    "3 message_delta after message_stop",
    "3 message_delta without reason closes nothing",
    "3 message_start merged",
    "3 message_stop repeated",
    "3 no message_start",
    "3 null erases no stop reason",
    "3 null erases no unknown key",
    "3 repeated start fills what is empty",
    "3 second message: ids",
    "3 second message: late",
    "3 several message_deltas",
    "3 side block begins",
    "3 side block begins without text",
    "3 side block gets its start",
    "3 side block goes on",
    "3 start closes the open block of its kind",
    "3 start leaves blocks of other kinds open",
    "3 start repeated",
    "3 stop after the stop reason",
    "3 stop closes a block",
    "3 stop closes a side block and the one beside",
    "3 stop for nothing",
    "3 stop reason closes a block",
    "3 tool input invalid",
    "3 tool without id, input whole: a new block",
    "3 unhandled",
)
"""The rows of sections 2 and 3, as `Result.reached` names them."""

ROWS_OF_BODIES = (
    "1 [DONE]",
    "1 body is a message",
    "1 body is an error document",
    "1 byte order mark",
    "1 control character",
    "1 cut inside an event",
    "1 data that is no JSON",
    "1 data that is no object",
    "1 empty data",
    "1 error of another shape",
    "1 events without blank lines",
    "1 last event without its blank line",
    "1.1 event: error",
    "1.2 type error",
    "1.3 error without a type",
    "1.4 message_stop without an object",
    "1.4 ping without an object",
    "1.4 type from the event line",
    "1.5 type ends in _error",
    "1.6 no type at all",
)
"""The rows of section 1."""


def main() -> None:
    """Print the figures, and fail where a row is reached too seldom.

    1% of the examples are enough for a row, 0.5% for a finding.
    """
    number = 2_000
    seldom = []
    # The group wire is about bytes.
    of_streams = [name for name, rule in RULES.items() if rule.group != "wire"]
    rows = ((ROWS_OF_STREAMS, of_streams), (ROWS_OF_BODIES, list(RULES)))
    for title, counted, all_due in zip(("streams", "bodies"), figures(number), rows, strict=True):
        for what, due, part in zip(("row", "finding"), all_due, (0.01, 0.005), strict=True):
            print(f"{number:,} {title}: in how many each {what} is reached")
            for row in due:
                print(f"{counted[row]:6,} {counted[row] / number:6.1%}  {row}")
            seldom += [f"{row} ({title})" for row in due if counted[row] < part * number]
    if seldom:
        raise SystemExit(f"too seldom: {', '.join(seldom)}")


if __name__ == "__main__":
    main()
