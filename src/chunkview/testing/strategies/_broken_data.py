"""How a stream breaks each rule about its data: what the message amounts to."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ._breaking import WORDS, added_block, at_end, place_of, set_stop
from ._cuts import fragments
from ._json import tool_inputs, write_json
from ._objects import TEXT, TOKENS, unknown_tags

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from ._assembly import Stream
    from ._breaking import Break
    from ._objects import Event

__all__ = ["BREAKS"]


def _stop_reason_missing(draw: DrawFn, stream: Stream) -> Stream:
    set_stop(stream, draw(st.sampled_from((None, ""))))
    return stream


def _stop_reason_unknown(draw: DrawFn, stream: Stream) -> Stream:
    set_stop(stream, draw(st.sampled_from(("stop", "length", "tool_calls")) | unknown_tags()))
    return stream


def _tool_use_without_stop_reason(draw: DrawFn, stream: Stream) -> Stream:
    stream = at_end(stream, *added_block(draw, stream, "tool_use"))
    if draw(st.booleans()):
        set_stop(stream, "stop_sequence", draw(TEXT))
    else:
        set_stop(stream, "end_turn")
    return stream


def _stop_reason_without_tool_use(_draw: DrawFn, stream: Stream) -> Stream:
    set_stop(stream, "tool_use")
    return stream


def _tool_input_invalid(draw: DrawFn, stream: Stream) -> Stream:
    deltas: list[Event] = [
        {"type": "input_json_delta", "partial_json": piece} for piece in draw(_INVALID_INPUTS)
    ]
    block = added_block(draw, stream, draw(_TOOLS), *deltas)
    return at_end(_not_cut_off(stream), *block)


def _tool_id_repeated(draw: DrawFn, stream: Stream) -> Stream:
    first = added_block(draw, stream, draw(_TOOLS))
    stream = at_end(stream, *first)
    again = added_block(draw, stream, draw(_TOOLS))
    again[0]["content_block"]["id"] = first[0]["content_block"]["id"]
    return at_end(stream, *again)


def _thinking_without_signature(draw: DrawFn, stream: Stream) -> Stream:
    deltas = draw(st.lists(WORDS.deltas["thinking_delta"], max_size=1))
    start, *rest = added_block(draw, stream, "thinking", *deltas)
    if draw(st.booleans()):
        del start["content_block"]["signature"]
    else:
        start["content_block"]["signature"] = ""
    return at_end(_not_cut_off(stream), start, *rest)


def _not_cut_off(stream: Stream) -> Stream:
    """Give a stream a stop reason with which its last block must be whole."""
    delta = stream[place_of(stream, "message_delta")]["delta"]
    if delta["stop_reason"] != "tool_use":
        set_stop(stream, "end_turn")
    return stream


def _count_falls(draw: DrawFn, stream: Stream) -> Stream:
    name, count = draw(st.sampled_from(_COUNTS)), draw(TOKENS)
    stream[place_of(stream, "message_start")]["message"]["usage"][name] = count + 1
    lower = draw(st.integers(0, count))
    stream[place_of(stream, "message_delta")]["usage"][name] = lower
    return stream


def _error_misshapen(draw: DrawFn, stream: Stream) -> Stream:
    # Before message_delta, since message_stop must not be missed.
    place = draw(st.integers(0, place_of(stream, "message_delta")))
    return [*stream[:place], deepcopy(draw(st.sampled_from(_ERRORS)))]


_TOOLS = st.sampled_from(("tool_use", "server_tool_use", "mcp_tool_use"))
_COUNTS = (
    "output_tokens",
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
_ERRORS: tuple[Event, ...] = (
    {"type": "error"},
    {"type": "error", "error": "Overloaded"},
    {"type": "error", "error": {"message": "Overloaded", "code": 529}},
    {"type": "error", "error": {"type": "overloaded_error", "message": None}},
    {"type": "error", "message": "Overloaded"},
    {"type": "overloaded_error", "message": "Overloaded"},
)


@st.composite
def _beginnings(draw: DrawFn) -> str:
    """The beginning of a tool's input, which is never valid JSON."""
    text = write_json(draw(tool_inputs()))
    return text[: draw(st.integers(1, len(text) - 1))]


_INVALID_INPUTS = (
    _beginnings() | st.sampled_from(("[]", "null", '"{}"', "{}{}", "{'a': 1}"))
).flatmap(fragments)
"""The pieces of what is no JSON object."""

BREAKS: dict[str, Break] = {
    "stop_reason_missing": _stop_reason_missing,
    "stop_reason_unknown": _stop_reason_unknown,
    "tool_use_without_stop_reason": _tool_use_without_stop_reason,
    "stop_reason_without_tool_use": _stop_reason_without_tool_use,
    "tool_input_invalid": _tool_input_invalid,
    "tool_id_repeated": _tool_id_repeated,
    "thinking_without_signature": _thinking_without_signature,
    "count_falls": _count_falls,
    "error_misshapen": _error_misshapen,
}
