"""One small body for each rule: the smallest stream that breaks this rule, and it alone.

A valid stream is a list of named events (`BASES`). An example is such a stream with one small edit:
the events in another order, some text of one event replaced, something added after an event, or
another body altogether. `EXAMPLES` has one row for each rule. A digit at the end of an event's name
is the index of its block.
"""

from __future__ import annotations

import json
from typing import NamedTuple

__all__ = ["BASES", "EXAMPLES", "IMPLIED", "Example", "broken_body", "frames_of", "valid_body"]


def broken_body(rule: str) -> bytes:
    """Give the smallest body that breaks a rule, and it alone.

    A few rules cannot be broken without breaking another one: two blocks that interleave overlap as
    well, for example.

    Args:
        rule: The name of a rule, a key of `chunkview.conformance.RULES`.

    Returns:
        The body of a streamed response, in UTF-8: always the same for the same rule.

    Raises:
        ValueError: No rule has this name; the message lists all names.
    """
    return _body(_example(rule).broken)


def valid_body(rule: str) -> bytes:
    """Give the valid stream that `broken_body` makes its body from.

    Args:
        rule: The name of a rule.

    Returns:
        The body. It breaks no rule.

    Raises:
        ValueError: No rule has this name; the message lists all names.
    """
    return _body(_example(rule).valid)


class Example(NamedTuple):
    """A stream that breaks a rule.

    Attributes:
        valid: The frames of the valid stream: an event and its blank line each.
        broken: The frames of the stream that breaks the rule.
    """

    valid: list[str]
    broken: list[str]


def _example(rule: str) -> Example:
    if rule not in EXAMPLES:
        raise ValueError(
            f"no rule of a stream is named {rule!r}; the rules are {', '.join(EXAMPLES)}"
        )
    return EXAMPLES[rule]


def _body(frames: list[str]) -> bytes:
    return "".join(frames).encode()


# -- the events of the valid streams ----------------------------------------------------------

_MESSAGE = (
    '{"model":"claude-sonnet-4-5-20250929","id":"msg_01Example","type":"message",'
    '"role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":'
    '{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
    '"output_tokens":1}}'
)
_START = '{"type":"content_block_start","index":%(index)s,"content_block":'
_DELTA = '{"type":"content_block_delta","index":%(index)s,"delta":'
_DONE = '{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":'

_EVENTS = {
    "start": '{"type":"message_start","message":' + _MESSAGE + "}",
    "text": _START + '{"type":"text","text":""}}',
    "hello": _DELTA + '{"type":"text_delta","text":"Hello"}}',
    "world": _DELTA + '{"type":"text_delta","text":" world"}}',
    "tool": _START + '{"type":"tool_use","id":"toolu_01","name":"weather","input":{}}}',
    "other": _START + '{"type":"tool_use","id":"toolu_02","name":"weather","input":{}}}',
    "city": _DELTA + r'{"type":"input_json_delta","partial_json":"{\"city\":"}}',
    "paris": _DELTA + r'{"type":"input_json_delta","partial_json":"\"Paris\"}"}}',
    # What Python's str() makes of the input.
    "repr_city": _DELTA + """{"type":"input_json_delta","partial_json":"{'city': "}}""",
    "repr_paris": _DELTA + """{"type":"input_json_delta","partial_json":"'Paris'}"}}""",
    "thinking": _START + '{"type":"thinking","thinking":"","signature":""}}',
    "hmm": _DELTA + '{"type":"thinking_delta","thinking":"Hmm"}}',
    "signed": _DELTA + '{"type":"signature_delta","signature":"RXhhbXBsZQ=="}}',
    "stop": '{"type":"content_block_stop","index":%(index)s}',
    "done": _DONE + '{"output_tokens":12}}',
    "called": _DONE.replace("end_turn", "tool_use") + '{"output_tokens":12}}',
    "end": '{"type":"message_stop"}',
    "error": '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
}

TEXT = "start text0 hello0 world0 stop0 done end"
TEXTS = "start text0 hello0 stop0 text1 world1 stop1 done end"
TOOL = "start tool0 city0 paris0 stop0 called end"
TOOLS = "start tool0 city0 paris0 stop0 other1 city1 paris1 stop1 called end"
TEXT_TOOL = "start text0 hello0 stop0 tool1 city1 paris1 stop1 called end"
TOOL_TEXT = "start tool0 city0 paris0 stop0 text1 world1 stop1 called end"
THINKING = "start thinking0 hmm0 signed0 stop0 text1 hello1 stop1 done end"
ERROR = "start text0 hello0 error"

BASES = (TEXT, TEXTS, TOOL, TOOLS, TEXT_TOOL, TOOL_TEXT, THINKING, ERROR)
"""The valid streams, as the names of their events."""


def frames_of(names: str) -> list[str]:
    """The frames of a stream, from the names of its events."""
    return [_named(name) for name in names.split()]


def _named(name: str) -> str:
    return _frame(_EVENTS[name.rstrip("012")] % {"index": name[-1]})


def _frame(data: str) -> str:
    return f"event: {json.loads(data)['type']}\ndata: {data}\n\n"


# -- the edits --------------------------------------------------------------------------------


def _reordered(base: str, names: str) -> Example:
    """The events of another list of names."""
    return Example(frames_of(base), frames_of(names))


def _replaced(base: str, name: str, old: str, new: str) -> Example:
    """Replace some text of one event; it must be there once."""
    before, after = _named(name).split(old)
    return _with(base, name, before + new + after)


def _with(base: str, name: str, *frames: str) -> Example:
    """Put frames in the place of one event."""
    at = base.split().index(name)
    valid = frames_of(base)
    return Example(valid, [*valid[:at], *frames, *valid[at + 1 :]])


def _added(base: str, name: str, data: str) -> Example:
    """Add an event after another one."""
    return _with(base, name, _named(name), _frame(data))


def _added_raw(base: str, name: str, frame: str) -> Example:
    """Add a frame, which may be anything, after an event."""
    return _with(base, name, _named(name), frame)


def _instead(base: str, body: str) -> Example:
    """Put another body in the place of the whole stream."""
    return Example(frames_of(base), [body])


_AT_0 = '"index":0'
_BARE_START = '{"type":"content_block_start","index":1}'
_WHOLE = (
    _MESSAGE.replace('"content":[]', '"content":[{"type":"text","text":"Hello world"}]')
    .replace('"stop_reason":null', '"stop_reason":"end_turn"')
    .replace('"output_tokens":1', '"output_tokens":12')
)

EXAMPLES: dict[str, Example] = {
    # wire
    "event_line_missing": _replaced(TEXT, "world0", "event: content_block_delta\n", ""),
    "event_line_differs": _replaced(TEXT, "world0", "event: content_block_delta", "event: message"),
    "event_type_missing": _replaced(TEXT, "world0", '"type":"content_block_delta",', ""),
    "data_not_object": _added_raw(TEXT, "world0", "event: content_block_delta\ndata: null\n\n"),
    "done_marker": _added_raw(TEXT, "end", "data: [DONE]\n\n"),
    "done_marker_named": _added_raw(TEXT, "end", "event: data\ndata: [DONE]\n\n"),
    "byte_order_mark": _replaced(TEXT, "start", "event: ", "\ufeffevent: "),
    "last_event_unterminated": _replaced(ERROR, "error", "}\n\n", "}\n"),
    "control_character": _replaced(TEXT, "world0", " world", "\tworld"),
    "half_character": _replaced(TEXT, "world0", " world", r" world\ud83d"),
    "body_is_message": _instead(TEXT, _WHOLE),
    "body_is_error": _instead(ERROR, _EVENTS["error"]),
    # order
    "message_start_missing": _reordered(TEXT, "text0 hello0 world0 stop0 done end"),
    "message_start_repeated": _reordered(TEXT, "start start text0 hello0 world0 stop0 done end"),
    "second_message": _added(
        TEXT, "hello0", _EVENTS["start"].replace("msg_01Example", "msg_02Example")
    ),
    "block_start_repeated": _reordered(TOOL, "start tool0 tool0 city0 paris0 stop0 called end"),
    "index_reused": _reordered(
        TEXT_TOOL, "start text0 hello0 stop0 tool0 city0 paris0 stop0 called end"
    ),
    "index_not_consecutive": _reordered(
        TEXT_TOOL, "start text0 hello0 stop0 tool2 city2 paris2 stop2 called end"
    ),
    "blocks_overlap": _reordered(
        TEXT_TOOL, "start text0 hello0 tool1 stop0 city1 paris1 stop1 called end"
    ),
    "blocks_interleave": _reordered(
        TEXT_TOOL, "start text0 tool1 hello0 stop0 city1 paris1 stop1 called end"
    ),
    "delta_without_block": _reordered(TEXTS, "start text0 hello0 stop0 world1 done end"),
    "delta_after_block_stop": _reordered(TEXT, "start text0 hello0 stop0 world0 done end"),
    "delta_type_mismatch": _reordered(
        TOOL_TEXT, "start tool0 city0 paris0 world0 stop0 called end"
    ),
    "block_stop_without_start": _reordered(TEXT, "start text0 hello0 world0 stop0 stop1 done end"),
    "block_stop_repeated": _reordered(TEXT, "start text0 hello0 world0 stop0 stop0 done end"),
    "block_not_stopped": _reordered(TEXT, "start text0 hello0 world0 done end"),
    "content_after_stop_reason": _reordered(
        TEXTS, "start text0 hello0 stop0 done text1 world1 stop1 end"
    ),
    "content_after_message_stop": _reordered(
        TEXTS, "start text0 hello0 stop0 done end text1 world1"
    ),
    "message_delta_missing": _reordered(TEXT, "start text0 hello0 world0 stop0 end"),
    "message_delta_after_message_stop": _reordered(
        TEXT, "start text0 hello0 world0 stop0 done end done"
    ),
    "stop_reason_erased": _added(
        TEXT, "done", (_DONE + '{"output_tokens":12}}').replace('"end_turn"', "null")
    ),
    "message_stop_missing": _reordered(TEXT, "start text0 hello0 world0 stop0 done"),
    "message_stop_repeated": _reordered(TEXT, "start text0 hello0 world0 stop0 done end end"),
    "stream_cut": _reordered(TEXT, "start text0 hello0 world0"),
    "event_after_error": _reordered(ERROR, "start text0 hello0 error stop0"),
    # essential
    "index_missing": _replaced(TEXT, "world0", _AT_0 + ",", ""),
    "content_block_missing": _added(TEXT, "stop0", _BARE_START),
    "block_type_missing": _added(TEXT, "stop0", _BARE_START[:-1] + ',"content_block":{"text":""}}'),
    "tool_name_missing": _added(
        TOOL,
        "stop0",
        _BARE_START[:-1] + ',"content_block":{"type":"tool_use","id":"toolu_02","input":{}}}',
    ),
    "delta_missing": _added(TEXT, "world0", '{"type":"content_block_delta","index":0}'),
    "delta_string_misfit": _added(
        TEXT, "world0", _DELTA % {"index": 0} + '{"type":"text_delta","text":5}}'
    ),
    "too_deep": _replaced(TEXT, "world0", _AT_0, _AT_0 + ',"deep":' + 250 * "[" + 250 * "]"),
    # fields
    "message_missing": _replaced(TEXT, "start", ',"message":' + _MESSAGE, ""),
    "message_content_missing": _replaced(TEXT, "start", '"content":[],', ""),
    "message_usage_missing": _replaced(TEXT, "start", _MESSAGE[_MESSAGE.index(',"usage"') :], "}"),
    "message_id_missing": _replaced(TEXT, "start", '"id":"msg_01Example",', ""),
    "message_type_missing": _replaced(TEXT, "start", '"type":"message",', ""),
    "message_role_missing": _replaced(TEXT, "start", '"role":"assistant",', ""),
    "message_model_missing": _replaced(TEXT, "start", '"model":"claude-sonnet-4-5-20250929",', ""),
    "message_stop_fields_missing": _replaced(TEXT, "start", '"stop_sequence":null,', ""),
    "count_missing": _replaced(TEXT, "start", '"input_tokens":25,', ""),
    "message_delta_delta_missing": _added(
        TEXT, "stop0", '{"type":"message_delta","usage":{"output_tokens":12}}'
    ),
    "message_delta_fields_missing": _replaced(TEXT, "done", ',"stop_sequence":null', ""),
    "final_usage_missing": _replaced(TEXT, "done", ',"usage":{"output_tokens":12}', ""),
    "final_count_missing": _replaced(TEXT, "done", '"output_tokens":12', ""),
    "block_string_missing": _replaced(TEXT, "text0", ',"text":""', ""),
    "delta_string_missing": _added(
        TEXT, "world0", _DELTA % {"index": 0} + '{"type":"text_delta"}}'
    ),
    "delta_type_missing": _replaced(TEXT, "world0", '"type":"text_delta",', ""),
    "tool_input_missing": _replaced(TOOL, "tool0", ',"input":{}', ""),
    "tool_id_missing": _replaced(TOOL, "tool0", '"id":"toolu_01",', ""),
    "misfit_value": _replaced(TEXT, "start", '"input_tokens":25', '"input_tokens":"25"'),
    # data
    "stop_reason_missing": _replaced(TEXT, "done", '"end_turn"', "null"),
    "stop_reason_unknown": _replaced(TEXT, "done", "end_turn", "finished"),
    "tool_use_without_stop_reason": _reordered(TOOL, TOOL.replace("called", "done")),
    "stop_reason_without_tool_use": _reordered(TEXT, TEXT.replace("done", "called")),
    "tool_input_invalid": _reordered(TOOL, "start tool0 repr_city0 repr_paris0 stop0 called end"),
    "tool_id_repeated": _replaced(TOOLS, "other1", "toolu_02", "toolu_01"),
    "thinking_without_signature": _reordered(
        THINKING, "start thinking0 hmm0 stop0 text1 hello1 stop1 done end"
    ),
    "count_falls": _replaced(TEXT, "start", '"output_tokens":1', '"output_tokens":100'),
    "error_misshapen": _replaced(
        ERROR, "error", '{"type":"overloaded_error","message":"Overloaded"}', '"Overloaded"'
    ),
}
"""The examples, by the name of the rule."""

IMPLIED: dict[str, tuple[str, str]] = {
    "blocks_interleave": (
        "blocks_overlap",
        "a delta can only come late for a block that is open when the next one starts",
    ),
    "message_delta_missing": (
        "stop_reason_missing",
        "message_delta is the event that brings the stop_reason",
    ),
}
"""Rules that cannot be broken alone: the other rule that is broken with each, and why."""
