"""The slow reader reads the shared cases as they should be read, and each row of the rules."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from chunkview.conformance import RULES
from rules import bodies, model, results
from rules.bodies import MAX_DEPTH, Ending, Event
from rules.cases import CASES, needs_cases
from rules.lenient import ROWS_OF_BODIES, ROWS_OF_STREAMS, figures
from rules.model import Result, events_of, read, read_body
from support import (
    MESSAGE_STOP,
    PING,
    Recorded,
    block_start,
    block_stop,
    delta,
    json_delta,
    message_delta,
    message_start,
    signature,
    sse,
    text_delta,
    text_stream,
    thinking_delta,
    tool_start,
    tool_stream,
    whole,
)

# Of the rules of section 4 that the model reports, those of severity error.
ERROR_RULES = {
    "message_start_missing",
    "second_message",
    "block_start_repeated",
    "index_reused",
    "index_not_consecutive",
    "delta_without_block",
    "delta_type_mismatch",
    "block_stop_without_start",
    "content_after_message_stop",
    "message_delta_after_message_stop",
    "stop_reason_erased",
    "stream_cut",
    "tool_input_invalid",
}


def test_the_model_imports_nothing_but_the_standard_library_and_itself() -> None:
    for module in (bodies, model, results):
        assert module.__file__ is not None
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [str(node.module)]
            for name in names:
                top = name.partition(".")[0]
                assert top in ("rules", *sys.stdlib_module_names), name


# -- cases and recordings ----------------------------------------------------------------------


@needs_cases
def test_it_reads_every_case_of_a_compatible_server_as_expected() -> None:
    expected = json.loads((CASES / "expected.json").read_text())
    read_cases, wrong = set(), {}
    for name, want in expected.items():
        body = (CASES / name).read_bytes()
        problems = differences(body, want)
        if problems:
            wrong[name] = problems
        read_cases.add(name)
    assert not wrong
    assert read_cases == {path.name for path in CASES.glob("*.sse")}


def differences(body: bytes, want: dict[str, Any]) -> list[Any]:
    result = read_body(body)
    got: dict[str, Any] = {
        "raises": result.error,
        "partial_text": result.text,
        "text": result.text,
        "thinking": result.thinking,
        "tools": result.tools,
        "stop_reason": result.stop_reason,
        "input_tokens": result.counts["input_tokens"],
        "output_tokens": result.counts["output_tokens"],
        "messages": [message.text for message in messages_of(body)],
    }
    problems = [(key, got[key], want[key]) for key in got if key in want and got[key] != want[key]]
    if result.error != want.get("raises"):
        problems.append(("raises", result.error, want.get("raises")))
    if want.get("error_contains", "") not in result.error_type + result.error_message:
        problems.append(("error_contains", result.error_message, want["error_contains"]))
    return problems


def messages_of(body: bytes) -> list[Result]:
    """Each message of a body; a new one begins with a message_start after a message_stop."""
    messages: list[list[Event]] = [[]]
    has_stopped = False
    for event in events_of(body)[0]:
        if event.get("type") == "message_start" and has_stopped:
            messages.append([])
            has_stopped = False
        has_stopped |= event.get("type") == "message_stop"
        messages[-1].append(event)
    return [read(events) for events in messages]


def test_it_reads_recordings_whole_and_finds_no_error(recorded: Recorded) -> None:
    result = read_body(recorded.body)
    assert result.error == ("StreamError" if recorded.breaks_off else None)
    assert not {finding.rule for finding in result.findings} & ERROR_RULES
    for kind, text in (("text", result.text), ("thinking", result.thinking)):
        starts = [event.get("content_block", {}).get(kind, "") for event in recorded.events]
        deltas = [event.get("delta", {}).get(kind, "") for event in recorded.events]
        assert text == "".join(map("".join, zip(starts, deltas, strict=True)))


@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "thorough",
    reason="takes 20 seconds: `make fuzz` runs it",
)
@pytest.mark.hypothesis
def test_lenient_streams_and_bodies_reach_every_row_and_every_finding() -> None:
    number = 1_000
    streams, bodies_ = figures(number)
    # A quarter of the hundredth part that `python -m rules.lenient` asks for: the draws of another
    # release of Hypothesis are others.
    enough = number // 400
    assert [row for row in ROWS_OF_STREAMS if streams[row] < enough] == []
    assert [row for row in ROWS_OF_BODIES if bodies_[row] < enough] == []
    assert {*streams, *bodies_} <= {*ROWS_OF_STREAMS, *ROWS_OF_BODIES, *RULES}
    of_streams = [name for name, rule in RULES.items() if rule.group != "wire"]
    assert [name for name in of_streams if not streams[name]] == []
    assert [name for name in RULES if not bodies_[name]] == []


# -- section 1: bodies -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "folded"),
    [
        (b"event: error\ndata: boom", {"type": "error", "error": "boom"}),
        (b'event: error\ndata: {"message":"m"}', {"type": "error", "message": "m"}),
        (b'event: error\ndata: {"type":"error"}', {"type": "error"}),
        (b"event: error\ndata: [1]", {"type": "error", "error": [1]}),
        (b"event: error", {"type": "error", "error": ""}),
        (
            b'event: error\ndata: {"type":"x_error","code":5}',
            {"type": "error", "error": {"type": "x_error", "code": 5}},
        ),
        (b'event: ping\ndata: {"type":"error"}', {"type": "error"}),
        (b'event: ping\ndata: {"error":"boom"}', {"error": "boom"}),
        (b'event: ping\ndata: {"error":null}', {"type": "ping", "error": None}),
        (b'event: ping\ndata: {"type":5}', {"type": "ping"}),
        (b"event: ping", {"type": "ping"}),
        (b"event: ping\ndata: x", {"type": "ping"}),
        (b"event: message_stop\ndata:", {"type": "message_stop"}),
        (b'event: message_delta\ndata: {"delta":{}}', {"type": "message_delta", "delta": {}}),
        (b'event: ping\ndata: {"type":"news"}', {"type": "news"}),
        (b'event: a\nevent: b\ndata: {"k":1}', {"type": "b", "k": 1}),
        (b'data: {"k":1}', {"k": 1}),
        (b'data: {"k":\ndata: 1}', {"k": 1}),
        (b'data:{"k":1,"k":2}', {"k": 2}),
    ],
)
def test_the_event_line_is_folded_into_the_event(event: bytes, folded: Event) -> None:
    for end in (b"\n", b"\r", b"\r\n"):
        assert events_of(event.replace(b"\n", end) + end + end) == ([folded], Ending("whole"))


@pytest.mark.parametrize(
    "event",
    [
        b"data:",
        b"data: [DONE]",
        b"event: data\ndata: [DONE]",
        b"event: news",
        b"event: message_start\ndata: ",
        b": comment",
        b"id: 1\nretry: 5",
        b"",
    ],
)
def test_an_event_that_holds_nothing_is_skipped(event: bytes) -> None:
    assert events_of(event + b"\n\n") == ([], Ending("whole"))


@pytest.mark.parametrize(
    "event",
    [
        b"data: x",
        b"data: 5",
        b"data: [1]",
        b"data: null",
        b'data: {"a":"\t"}',
        b'data: {"a":NaN}',
        b'data: {"a":1e999}',
        b'data: {"a":"\xff"}',
        b"data: " + b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b'event: ping\ndata: {"type":"ping"}\nevent: message_stop\ndata: {"type":"message_stop"}',
    ],
)
def test_what_is_no_event_ends_the_body_and_leaves_what_came_before(event: bytes) -> None:
    events, ending = events_of(b'data: {"type":"ping"}\n\n' + event + b"\n\n" + b"data: 1\n\n")
    assert events == [PING]
    assert ending.kind == "DecodeError"


def test_the_last_event_needs_no_blank_line_if_it_is_whole() -> None:
    for end in (b"", b"\n", b"\r", b"\r\n"):
        assert events_of(b'data: {"type":"ping"}' + end) == ([PING], Ending("whole"))
        for cut in (b'data: {"type":"pi', b"event: ping", b"event: message_stop\ndata: x"):
            assert events_of(cut + end)[1].kind == "cut"
    assert events_of(b"data: [DONE]") == ([], Ending("whole"))


def test_a_cut_event_ends_a_message_only_if_it_is_not_finished() -> None:
    body = sse(text_stream("Hi")[:-1])
    assert read_body(body + b"event: message_st").error is None
    assert read_body(sse(text_stream("Hi")[:-2]) + b"event: m").error == "IncompleteStreamError"


def test_a_byte_order_mark_is_skipped_at_the_beginning_only() -> None:
    mark = b"\xef\xbb\xbf"
    assert events_of(mark + b'data: {"type":"ping"}\n\n') == ([PING], Ending("whole"))
    assert events_of(mark + mark + b'data: {"type":"ping"}\n\n')[0] == []


def test_a_body_that_is_a_message_is_read_as_its_stream() -> None:
    message = {
        **message_start()["message"],
        "content": [
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    result = read_body(json.dumps(message, indent=1).encode() + b"\n")
    assert result.error is None
    assert result.findings == []
    assert (result.text, result.tools) == ("Hi", [["f", {"a": 1}]])
    assert result.stop_reason == "tool_use"
    assert result.counts["output_tokens"] == 4


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "error", "error": {"type": "a", "message": "b"}}, ("a", "b")),
        ({"error": "b"}, ("", "b")),
        ({"detail": "Not Found"}, ("", "Not Found")),
        ({"error": {"code": 404, "message": "b"}}, ("404", "b")),
        ({"object": "error", "message": "b", "type": "a"}, ("a", "b")),
    ],
)
def test_another_object_for_a_body_is_an_error(document: Event, words: tuple[str, str]) -> None:
    result = read_body(json.dumps(document).encode())
    assert result.error == "StreamError"
    assert (result.error_type, result.error_message) == words


def test_a_body_that_is_no_stream_is_refused() -> None:
    for body in (b"<html></html>", b"[]", b'{"a":', b"null\n"):
        assert read_body(body).error == "DecodeError"
    for body in (b"", b"\n", b": hi\n", b"event: ping\n\n"):
        assert read_body(body).error == "IncompleteStreamError"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "error", "error": {"type": "a", "message": "b"}}, ("a", "b")),
        ({"type": "error", "error": "b"}, ("", "b")),
        ({"type": "error", "message": {"type": "a", "message": "b"}}, ("a", "b")),
        ({"type": "error", "message": "b", "code": 5}, ("5", "b")),
        ({"type": "error", "error": None}, ("", "")),
        ({"type": "error", "error": [1]}, ("", "[1]")),
        ({"type": "error"}, ("", "")),
        ({"error": {"message": "b"}}, ("", "b")),
        ({"type": None, "error": "b"}, ("", "b")),
        ({"type": "server_error", "message": "b"}, ("server_error", "b")),
    ],
)
def test_an_error_of_any_shape_raises_where_it_is(event: Event, words: tuple[str, str]) -> None:
    result = read([message_start(), event, message_start(id="other")])
    assert result.error == "StreamError"
    assert (result.error_type, result.error_message) == words
    assert result.has_message


@pytest.mark.parametrize(
    "event",
    [{"error": None}, {"type": "x", "error": "b"}, {"type": "x_error"}, {"type": ""}, {}],
)
def test_an_unknown_event_is_passed_over(event: Event) -> None:
    assert read([event, *text_stream("Hi"), event]).text == "Hi"


def test_halves_of_characters_are_joined_within_a_block() -> None:
    result = read(text_stream("\ud83d", "\ude00", "\ud83d"))
    assert result.text == "\U0001f600\ud83d"
    apart = [block_start(), text_delta("\ud83d"), block_stop()]
    apart += [block_start(1), text_delta("\ude00", 1), block_stop(1)]
    assert read(whole(*apart)).text == "\ud83d\ude00"


# -- section 2: fields -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_stop"},
        {"type": "content_block_stop", "index": None},
        {"type": "content_block_stop", "index": True},
        {"type": "content_block_stop", "index": -1},
        {"type": "content_block_stop", "index": 0.5},
        {"type": "content_block_stop", "index": "0"},
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": None},
        {"type": "content_block_delta", "index": 0, "delta": "x"},
        {"type": "content_block_start", "index": 0},
        block_start(text="no type"),
        block_start(type=5),
        block_start(type="tool_use", id="t"),
        block_start(type="mcp_tool_use", id="t", name=5),
        delta("text_delta", text=5),
        delta("input_json_delta", partial_json={}),
        delta("thinking_delta", thinking=[]),
        delta("signature_delta", signature=True),
        message_start(content=[{"text": "no type"}]),
        message_start(content=["x"]),
    ],
)
def test_what_is_essential_is_missed(event: Event) -> None:
    assert read([event]).error == "DecodeError"
    assert read([message_start(), event]).error == "DecodeError"


def test_nesting_is_bounded() -> None:
    value: Any = "x"
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert read([{"type": "news", "deep": value}, *text_stream("Hi")]).error is None
    assert read([{"type": "news", "deep": [value]}]).error == "DecodeError"


def test_what_is_absent_null_or_misfit_has_its_default() -> None:
    missing: list[Event] = [
        {"type": "message_start"},
        {"type": "message_start", "message": None},
        {"type": "message_start", "message": "x"},
        {"type": "message_start", "message": {}},
        {"type": "message_start", "message": {"id": 5, "content": {}, "usage": [], "model": []}},
        message_start(id=None, model="", content=None, usage={"input_tokens": "1"}),
        message_start(id="", model=None, usage={"input_tokens": 1.5, "output_tokens": True}),
    ]
    for start in missing:
        result = read([start, MESSAGE_STOP])
        assert (result.error, result.id, result.model, result.blocks) == (None, "", "", [])
        assert set(result.counts.values()) == {None}


def test_integral_floats_are_ints() -> None:
    result = read(
        [message_start(usage={"input_tokens": 10.0}), block_start(0.0), MESSAGE_STOP]  # type: ignore[arg-type]
    )
    assert (result.counts["input_tokens"], result.blocks[0].index) == (10, 0)


def test_blocks_have_defaults() -> None:
    starts = [block_start(0, type="text", text=5, citations="x"), block_start(1, type="thinking")]
    starts += [block_start(2, type="tool_use", name="f", id=5), block_start(3, type="text")]
    text, thinking, tool, _ = read(whole(*starts)).blocks
    assert (text.text, text.citations) == ("", [])
    assert (thinking.thinking, thinking.signature) == ("", "")
    assert (tool.id, tool.name, tool.input) == ("", "f", {})


@pytest.mark.parametrize("tag", [{}, {"type": None}, {"type": 5}])
def test_a_delta_without_a_type_is_told_by_its_one_known_key(tag: Event) -> None:
    def event(**fields: Any) -> Event:
        return {"type": "content_block_delta", "index": 0, "delta": {**fields, **tag}}

    result = read(whole(block_start(), event(text="a"), event(citation={"k": 1}), event(x=1)))
    assert (result.text, result.blocks[0].citations) == ("a", [{"k": 1}])
    assert result.unhandled == [event(x=1)]
    assert read(whole(block_start(), event(text="a", thinking="b"))).text == ""
    assert read(whole(block_start(), event(text="a", thinking=None))).text == "a"
    thinking = read(whole(block_start(type="thinking"), event(thinking="b"), event(signature="S")))
    assert (thinking.thinking, thinking.blocks[0].signature) == ("b", "S")
    assert read(whole(tool_start(), event(partial_json="{}"), reason="tool_use")).error is None


# -- section 3: order --------------------------------------------------------------------------


def shape(events: list[Event]) -> list[Any]:
    """The blocks of a stream: index and type, then the text or the input."""
    result = read(events)
    assert result.error is None
    return [(b.index, b.type, b.own_text if b.input is None else b.input) for b in result.blocks]


def rules(events: list[Event]) -> list[tuple[str, int | None, int, int]]:
    return [(f.rule, f.block, f.position, f.count) for f in read(events).findings]


TEXT = "text"
THINKING = block_start(type="thinking", thinking="", signature="")


def test_a_valid_stream_has_no_findings() -> None:
    assert rules(text_stream("a", "b")) == []
    assert rules(tool_stream('{"a":', "1}")) == []


def test_message_start_again_is_merged() -> None:
    first = message_start(id="m", model="", usage={"input_tokens": 1, "output_tokens": 2})
    again = message_start(id="", model="c", usage={"input_tokens": 5, "output_tokens": None})
    events = [first, PING, again, *text_stream("Hi")[1:-2], MESSAGE_STOP]
    result = read(events)
    assert (result.error, result.id, result.model) == (None, "m", "c")
    assert (result.counts["input_tokens"], result.counts["output_tokens"]) == (5, 2)
    assert rules(events)[0] == ("message_start_repeated", None, 2, 1)


def test_message_start_with_another_id_or_later_is_a_second_message() -> None:
    for events in (
        [message_start(id="m"), message_start(id="n")],
        [message_start(), block_start(), message_start()],
        [*text_stream("Hi"), message_start()],
        [message_start(), message_delta(None), message_start(id="")],
    ):
        result = read(events)
        assert (result.error, result.rule) == ("ProtocolError", "second_message")


def test_an_index_names_open_blocks_by_kind() -> None:
    events = [tool_start(), json_delta('{"a":'), block_start(), text_delta("hi"), json_delta("1}")]
    assert shape(whole(*events)) == [(0, "tool_use", {"a": 1}), (0, TEXT, "hi")]


def test_indices_need_not_be_consecutive_and_order_is_that_of_appearance() -> None:
    events = whole(block_start(4), text_delta("b", 4), block_start(1), text_delta("a", 1))
    assert shape(events) == [(4, TEXT, "b"), (1, TEXT, "a")]
    assert [rule for rule in rules(events) if "index" in rule[0]] == [
        ("index_not_consecutive", 0, 1, 1),
        ("index_not_consecutive", 1, 3, 1),
    ]


def test_a_start_closes_the_open_block_of_its_kind_only() -> None:
    events = [block_start(type=TEXT, text="a"), block_start(type=TEXT, text="b"), text_delta("c")]
    assert shape(whole(*events)) == [(0, TEXT, "a"), (0, TEXT, "bc")]


def test_a_repeated_start_goes_on_and_fills_what_is_empty() -> None:
    events = [block_start(), block_start(type=TEXT, text="Hello"), text_delta(" w"), block_start()]
    assert shape(whole(*events)) == [(0, TEXT, "Hello w")]
    assert rules(whole(*events))[0] == ("block_start_repeated", 0, 2, 2)
    signed = block_start(type="thinking", thinking="", signature="S")
    block = read(whole(THINKING, thinking_delta("a"), signed, thinking_delta("b"))).blocks[0]
    assert (block.thinking, block.signature) == ("ab", "S")
    tool = [tool_start(id="t"), tool_start(id="t", input={"a": 1})]
    assert shape(whole(*tool)) == [(0, "tool_use", {"a": 1})]


def test_a_start_that_differs_is_a_new_block() -> None:
    assert len(shape(whole(tool_start(id="t"), tool_start(id="u")))) == 2
    assert len(shape(whole(tool_start(name="f"), tool_start(name="g")))) == 2
    assert len(shape(whole(tool_start(), block_start(type="server_tool_use", name="f")))) == 2
    # A closed block is not repeated.
    assert len(shape(whole(block_start(), block_stop(), block_start()))) == 2
    result: Event = {"type": "web_search_tool_result", "content": []}
    results_ = [block_start(**result, tool_use_id="t"), block_start(**result, tool_use_id="u")]
    assert len(shape(whole(*results_))) == 2


def test_a_tool_without_an_id_is_not_repeated_once_its_input_is_whole() -> None:
    tool = [tool_start(id=""), json_delta('{"a":1}')]
    assert shape(whole(*tool, *tool)) == [(0, "tool_use", {"a": 1})] * 2
    half = [tool_start(id=""), json_delta('{"a":'), tool_start(id=""), json_delta("1}")]
    assert shape(whole(*half)) == [(0, "tool_use", {"a": 1})]
    assert len(shape(whole(tool_start(id=""), tool_start(id="")))) == 1


def test_text_and_thinking_that_nothing_takes_begin_side_blocks() -> None:
    tool = tool_start()
    assert shape(whole(tool, text_delta("a"), text_delta("b"))) == [
        (0, "tool_use", {}),
        (0, TEXT, "ab"),
    ]
    turns = [text_delta("a"), thinking_delta("k"), text_delta("b")]
    assert shape(whole(tool, *turns))[1:] == [(0, TEXT, "a"), (0, "thinking", "k"), (0, TEXT, "b")]
    # The open text block takes its text, so that the side block stays the newest.
    turns = [text_delta("a"), thinking_delta("K"), text_delta("b"), thinking_delta("L")]
    assert shape(whole(block_start(), *turns)) == [(0, TEXT, "ab"), (0, "thinking", "KL")]


def test_text_for_no_block_and_for_a_closed_block_begins_side_blocks() -> None:
    assert shape(whole(text_delta("a", 3))) == [(3, TEXT, "a")]
    assert rules(whole(text_delta("a", 3)))[0] == ("delta_without_block", None, 1, 1)
    late = whole(block_start(), text_delta("a"), block_stop(), text_delta("b"), text_delta("c"))
    assert shape(late) == [(0, TEXT, "a"), (0, TEXT, "bc")]
    assert rules(late) == [("delta_after_block_stop", 0, 4, 2)]


def test_a_signature_after_the_stop_is_the_one_of_its_block() -> None:
    thought = [THINKING, thinking_delta("t"), block_stop()]
    for rest in ([signature("S")], [block_start(1), signature("S", 1)], [signature("S", 1)]):
        result = read(whole(*thought, *rest))
        assert (result.blocks[0].signature, result.unhandled) == ("S", [])


def test_a_signature_is_not_replaced_late_nor_by_nothing() -> None:
    thought = [THINKING, signature("S"), signature(""), block_stop(), signature("T")]
    result = read(whole(*thought))
    assert (result.blocks[0].signature, result.unhandled) == ("S", [signature("T")])
    # The block before is open: it is not asked.
    result = read(whole(THINKING, block_start(1), signature("S", 1)))
    assert (result.blocks[0].signature, result.unhandled) == ("", [signature("S", 1)])


def test_other_deltas_that_nothing_takes_are_unhandled() -> None:
    others = [
        json_delta("{}"),
        delta("citations_delta", citation={}),
        delta("compaction_delta", content="x"),
        delta("news_delta", text="x"),
        signature("S"),
    ]
    for event in others:
        assert read(whole(event)).unhandled == [event]
    assert read(whole(tool_start(), *others[1:])).unhandled == others[1:]
    unknown = block_start(type="news")
    assert read(whole(unknown, json_delta("{}"))).unhandled == [json_delta("{}")]


def test_a_stop_closes_the_newest_open_block_of_its_index() -> None:
    events = [tool_start(), json_delta('{"a":'), block_start(), block_stop(), json_delta("1}")]
    assert shape(whole(*events))[0] == (0, "tool_use", {"a": 1})
    events.insert(4, block_stop())
    assert read(whole(*events)).unhandled == [json_delta("1}")]


def test_a_stop_closes_a_side_block_and_the_one_beside() -> None:
    events = [tool_start(), json_delta('{"a":'), text_delta("x"), block_stop(), json_delta("1}")]
    result = read(whole(*events))
    assert result.unhandled == [json_delta("1}")]
    assert "block_not_stopped" not in {finding.rule for finding in result.findings}


def test_a_stop_for_nothing_is_passed_over() -> None:
    assert shape(whole(block_stop(7), block_start(), text_delta("a"))) == [(0, TEXT, "a")]
    assert rules([*whole(block_stop(7)), block_stop(7)]) == [
        ("block_stop_without_start", None, 1, 2)
    ]
    twice = whole(block_start(), block_stop(), block_stop())
    assert rules(twice) == [("block_stop_repeated", 0, 3, 1)]


def test_only_a_stop_reason_closes_blocks_and_they_may_go_on() -> None:
    start = [tool_start(), json_delta('{"a":')]
    for reason in (None, "tool_use"):
        events = whole(*start, message_delta(reason), json_delta("1}"), reason="tool_use")
        assert shape(events) == [(0, "tool_use", {"a": 1})]
    # A stop after the stop reason closes for good.
    stopped = [block_start(), message_delta(), block_stop(), text_delta("a")]
    assert shape(whole(*stopped)) == [(0, TEXT, ""), (0, TEXT, "a")]
    # A side block goes on only while it is the newest.
    side = [text_delta("a"), message_delta(), block_start(1), text_delta("b")]
    assert shape(whole(*side)) == [(0, TEXT, "a"), (1, TEXT, ""), (0, TEXT, "b")]


def test_null_and_absence_erase_nothing() -> None:
    first = {**message_delta("end_turn", k=1), "unknown": [2]}
    first["delta"]["stop_sequence"] = "x"
    later: list[Event] = [
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": None}},
        {"type": "message_delta", "unknown": None, "usage": {"output_tokens": "50"}},
        {"type": "message_delta", "delta": 5, "usage": 5},
        {"type": "message_delta"},
    ]
    result = read([message_start(), first, *later, MESSAGE_STOP])
    assert result.error is None
    assert (result.stop_reason, result.fields["stop_sequence"]) == ("end_turn", "x")
    assert (result.counts["output_tokens"], result.unknown) == (5, {"unknown": [2]})


def test_message_delta_after_message_stop_is_merged() -> None:
    late = message_delta(None, output_tokens=9, input_tokens=3)
    result = read([*text_stream("Hi"), late])
    assert (result.error, result.counts["output_tokens"]) == (None, 9)
    assert "count_falls" in {finding.rule for finding in result.findings}


@pytest.mark.parametrize(
    ("start", "parts", "value"),
    [
        ({}, [], {}),
        (None, [], {}),
        ({"a": 1}, [], {"a": 1}),
        ({"a": 1}, ["", " "], {"a": 1}),
        ({"a": 1}, ['{"b":', "2}"], {"b": 2}),
        ('{"a": 1}', [], {"a": 1}),
        ('{"a": 1}', ['{"b":2}'], {"b": 2}),
        ("x", [], {"INVALID_JSON": "x"}),
        ("", [], {"INVALID_JSON": ""}),
        ([1], [], {"INVALID_JSON": "[1]"}),
        (5, [], {"INVALID_JSON": "5"}),
        ({}, ["[1]"], {"INVALID_JSON": "[1]"}),
        ({}, ['{"a":'], {"INVALID_JSON": '{"a":'}),
        ({}, ['{"a":NaN}'], {"INVALID_JSON": '{"a":NaN}'}),
    ],
)
def test_a_tools_input_is_an_object_or_invalid(start: Any, parts: list[str], value: Any) -> None:
    assert read(tool_stream(*parts, input=start)).tools == [["get_weather", value]]


def test_message_stop_or_a_stop_reason_finishes_a_message() -> None:
    assert read(text_stream("Hi")[:-1]).error is None
    assert read([message_start(), MESSAGE_STOP]).error is None
    assert read([message_start(stop_reason="end_turn")]).error is None
    for events in ([], [PING], [message_start()], [message_start(), message_delta(None)]):
        assert read(events).error == "IncompleteStreamError"


@pytest.mark.parametrize(
    "event",
    [block_start(), text_delta("a"), block_stop(), message_delta(), MESSAGE_STOP],
)
def test_an_event_of_a_message_needs_message_start(event: Event) -> None:
    result = read([PING, {"type": "news"}, event])
    assert (result.error, result.rule) == ("ProtocolError", "message_start_missing")


def test_nothing_but_content_is_refused_after_message_stop() -> None:
    for event in (block_start(1), text_delta("a")):
        result = read([*text_stream("Hi"), event])
        assert (result.error, result.rule) == ("ProtocolError", "content_after_message_stop")
        assert result.text == "Hi"
    for event in (PING, {"type": "news"}, block_stop(), message_delta(None), MESSAGE_STOP):
        assert read([*text_stream("Hi"), event]).error is None


def test_findings_are_one_for_a_rule_and_block() -> None:
    overlap = [block_start(0), block_start(1), text_delta("a"), text_delta("b")]
    assert rules(whole(*overlap)) == [
        ("blocks_overlap", 1, 2, 1),
        ("blocks_interleave", 0, 3, 2),
        ("block_not_stopped", 0, 6, 1),
        ("block_not_stopped", 1, 6, 1),
    ]
