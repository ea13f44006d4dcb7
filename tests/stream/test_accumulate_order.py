# mypy: disable-error-code="comparison-overlap"
"""The order of events: what is taken in spite of it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from chunkview import (
    Accumulator,
    DecodeError,
    IncompleteStreamError,
    InvalidJson,
    Message,
    ProtocolError,
    StreamError,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    Usage,
    accumulate,
    decode,
)
from stream_support import CITATION, ERROR, STARTED, message_of, so_far
from support import (
    MESSAGE_STOP,
    PING,
    Event,
    block_start,
    block_stop,
    delta,
    json_delta,
    message_delta,
    message_start,
    signature,
    text_delta,
    text_stream,
    thinking_delta,
    tool_start,
    tool_stream,
    whole,
)

HELPER = {"type": "text", "text": "a", "snapshot": "a"}
UNKNOWN = {"type": "sunrise"}
THINKING: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}


def shape(*events: Event) -> list[Any]:
    """The blocks of a message: text or thinking as str, a tool's input as it is."""
    return [shape_of(block) for block in accumulate(whole(*events)).content]


def shape_of(block: Any) -> Any:
    match block:
        case TextBlock():
            return block.text
        case ThinkingBlock():
            return ("thinking", block.thinking, block.signature)
        case ToolUseBlock():
            return block.input
    return block.type


def unhandled(*events: Event) -> list[Any]:
    accumulator = Accumulator()
    accumulator.extend(whole(*events))
    return [chunk.to_event() for chunk in accumulator.unhandled]


# -- message_start -----------------------------------------------------------------------------


def test_a_message_start_before_any_other_event_of_the_message_is_merged() -> None:
    first = message_start(id="m", model="", usage={"input_tokens": 1, "output_tokens": 2})
    again = message_start(id="", model="c", usage={"input_tokens": 5, "output_tokens": None})
    message = accumulate([first, PING, UNKNOWN, again, *text_stream("Hi")[1:4], MESSAGE_STOP])
    assert message == Message("m", "c", (TextBlock("Hi"),), Usage(5, 2))


def test_a_merged_message_start_erases_nothing() -> None:
    first = message_start(stop_reason="end_turn", container={"id": "c"}, novelty=1)
    again = message_start(stop_reason=None, container=None, novelty=None, oddity=2)
    message = so_far(first, again)
    assert message.stop_reason == "end_turn"
    assert message.container == {"id": "c"}
    assert message.extra == {"novelty": 1, "oddity": 2}


def test_the_content_of_message_start_never_comes_twice() -> None:
    start = message_start(content=[{"type": "text", "text": "a"}])
    assert so_far(start, start).content == (TextBlock("a"),)
    assert so_far(message_start(), start).content == (TextBlock("a"),)


SECOND_MESSAGES: Any = [
    ([message_start(id="m")], message_start(id="n")),
    (STARTED, message_start()),
    ([message_start(), text_delta("a")], message_start()),
    ([message_start(), block_stop()], message_start()),
    ([message_start(), message_delta(None)], message_start(id="")),
    ([message_start(), MESSAGE_STOP], message_start()),
]


@pytest.mark.parametrize(("before", "event"), SECOND_MESSAGES)
def test_a_message_start_later_or_with_another_id_is_a_second_message(
    before: list[Event], event: Event
) -> None:
    assert_refused(before, event, "second_message", "message_start came a second time")


def assert_refused(before: list[Event], event: Event, rule: str, problem: str) -> None:
    """The event is refused, and the state stays as it was, but for the finding."""
    # As chunk views too: those have a shorter way.
    for first, then in (before, event), (list(map(decode, before)), decode(event)):
        accumulator = Accumulator()
        accumulator.extend(first)
        message, complete = accumulator.message, accumulator.complete
        with pytest.raises(ProtocolError) as caught:
            accumulator.add(then)
        assert (caught.value.rule, str(caught.value)) == (rule, problem)
        assert caught.value.chunk == decode(event)
        assert accumulator.message == message
        assert accumulator.complete == complete
        assert accumulator.findings[-1].rule == rule
        assert accumulator.findings[-1].position == len(before)
        with pytest.raises(ProtocolError) as caught:
            accumulate([*first, then])
        assert caught.value.partial == message


EVENTS_OF_A_MESSAGE: list[Event] = [
    block_start(),
    text_delta("a"),
    delta("scent_delta"),
    block_stop(),
    message_delta(),
    MESSAGE_STOP,
]


@pytest.mark.parametrize("event", EVENTS_OF_A_MESSAGE)
def test_an_event_that_needs_a_message_is_refused_before_message_start(event: Event) -> None:
    problem = f"{event['type']} came before message_start"
    assert_refused([], event, "message_start_missing", problem)
    assert_refused([PING, UNKNOWN, HELPER], event, "message_start_missing", problem)


@pytest.mark.parametrize("event", [block_start(1), text_delta("a"), delta("scent_delta")])
def test_content_is_refused_after_message_stop(event: Event) -> None:
    problem = f"{event['type']} came after message_stop"
    assert_refused(text_stream("Hi"), event, "content_after_message_stop", problem)
    # Also while the block is still open.
    assert_refused([*STARTED, MESSAGE_STOP], event, "content_after_message_stop", problem)


@pytest.mark.parametrize(
    "event", [PING, UNKNOWN, HELPER, block_stop(), block_stop(7), message_delta(None), MESSAGE_STOP]
)
def test_nothing_else_is_refused_after_message_stop(event: Event) -> None:
    assert accumulate([*text_stream("Hi"), event]).content == (TextBlock("Hi"),)


def test_an_error_event_raises_at_any_time() -> None:
    for end in range(len(text_stream("Hi")) + 1):
        events = text_stream("Hi")[:end]
        with pytest.raises(StreamError) as caught:
            accumulate([*events, ERROR, message_start()])
        assert caught.value.partial == (so_far(*events) if events else None)


def test_pings_and_unknown_events_may_come_at_any_time() -> None:
    events = text_stream("a", "b")
    with_pings = [noise for event in events for noise in (PING, UNKNOWN, event, UNKNOWN, PING)]
    assert accumulate(with_pings) == accumulate(events)


def test_the_helper_events_of_the_sdk_repeat_and_do_not_count() -> None:
    events = text_stream("a")
    assert accumulate([HELPER, *events[:3], HELPER, *events[3:], HELPER]) == accumulate(events)


def test_an_event_that_cannot_be_decoded_is_refused() -> None:
    accumulator = Accumulator()
    accumulator.extend(STARTED)
    with pytest.raises(DecodeError, match=r"content_block_delta\.delta\.text"):
        accumulator.add(delta("text_delta", text=5))
    assert message_of(accumulator).text == ""
    # It has a number like any other event.
    accumulator.add(text_delta("a", 1))
    assert accumulator.findings[0].position == 3


def test_a_caller_may_skip_what_is_refused() -> None:
    accumulator = Accumulator()
    with pytest.raises(ProtocolError):
        accumulator.extend([*STARTED, text_delta("a"), message_start(), text_delta("c")])
    accumulator.add(text_delta("d"))
    assert message_of(accumulator).text == "ad"


# -- indices and kinds -------------------------------------------------------------------------


def test_a_delta_goes_to_the_open_block_of_its_index_that_takes_it() -> None:
    events = [tool_start(), json_delta('{"a":'), block_start(), text_delta("hi"), json_delta("1}")]
    assert shape(*events) == [{"a": 1}, "hi"]


def test_all_tool_uses_are_of_one_kind() -> None:
    server_tool: dict[str, Any] = {"type": "server_tool_use", "id": "s", "name": "f", "input": {}}
    message = accumulate(
        whole(tool_start(), json_delta("{}"), block_start(**server_tool), json_delta('{"a":1}'))
    )
    assert [block.input for block in message.content] == [{}, {"a": 1}]  # type: ignore[union-attr]


def test_indices_need_not_be_consecutive_and_the_blocks_are_in_order_of_appearance() -> None:
    events = [block_start(4), text_delta("b", 4), block_start(1), text_delta("a", 1)]
    assert shape(*events, text_delta("c", 4)) == ["bc", "a"]


def test_a_start_closes_the_open_block_of_its_kind_and_leaves_the_others_open() -> None:
    first, second = block_start(type="text", text="a"), block_start(type="text", text="b")
    events = [tool_start(), json_delta('{"a":'), first, second, text_delta("c"), json_delta("1}")]
    assert shape(*events) == [{"a": 1}, "a", "bc"]


def test_blocks_of_unknown_types_are_told_apart_by_type() -> None:
    accumulator = Accumulator()
    starts = [block_start(type=kind) for kind in ("scent", "sound", "scent", "sound")]
    accumulator.extend([message_start(), *starts])
    assert [block.type for block in message_of(accumulator).content] == ["scent", "sound"]
    assert {finding.rule for finding in accumulator.findings} == {
        "index_reused",
        "block_start_repeated",
    }


# -- repeated starts ---------------------------------------------------------------------------


def test_a_repeated_start_goes_on() -> None:
    events = [block_start(), text_delta("a"), block_start(), text_delta("b")]
    assert shape(*events) == ["ab"]
    tool = tool_start(id="t")
    assert shape(tool, json_delta('{"a":'), tool, json_delta("1}")) == [{"a": 1}]


def test_a_repeated_start_fills_what_is_empty() -> None:
    with_text = block_start(type="text", text="a", citations=[CITATION], novelty=1)
    events = whole(block_start(), with_text, text_delta("b"))
    citations = accumulate(whole(with_text)).content[0].citations  # type: ignore[union-attr]
    assert accumulate(events).content == (TextBlock("ab", citations, extra={"novelty": 1}),)
    signed = block_start(type="thinking", thinking="", signature="S")
    thought = [block_start(**THINKING), thinking_delta("a"), signed, thinking_delta("b")]
    assert shape(*thought) == [("thinking", "ab", "S")]
    assert shape(tool_start(), tool_start(input={"a": 1})) == [{"a": 1}]
    assert shape(block_start(type="compaction"), block_start(type="compaction", content="a"))
    unknown = [block_start(type="scent", a=None), block_start(type="scent", a=1, b=2)]
    (block,) = accumulate(whole(*unknown)).content
    assert block.to_dict() == {"type": "scent", "a": 1, "b": 2}


def test_a_repeated_start_replaces_nothing() -> None:
    first = block_start(type="text", text="", novelty=1, citations=[CITATION])
    again = block_start(type="text", text="", novelty=2, citations=[])
    assert accumulate(whole(first, again)) == accumulate(whole(first))
    cited = delta("citations_delta", citation={**CITATION, "cited_text": "d"})
    start = block_start(type="text", text="", citations=[CITATION])
    assert accumulate(whole(block_start(), cited, start)) == accumulate(
        whole(block_start(), cited, block_start(type="text", text="", citations=[]))
    )
    signed = block_start(type="thinking", thinking="", signature="T")
    assert shape(block_start(**THINKING), signature("S"), signed) == [("thinking", "", "S")]
    tool = [tool_start(), json_delta('{"a":1}'), tool_start(input={"b": 2})]
    assert shape(*tool) == [{"a": 1}]
    assert shape(tool_start(input={"a": 1}), tool_start(input={"b": 2})) == [{"a": 1}]


def test_blank_deltas_leave_room_for_the_input_of_a_repeated_start() -> None:
    events = [tool_start(), json_delta(" "), json_delta(""), tool_start(input={"a": 1})]
    assert shape(*events) == [{"a": 1}]


def test_a_start_with_text_of_its_own_is_no_repetition_of_a_block_that_has_some() -> None:
    start = block_start(type="text", text="b")
    assert shape(block_start(), text_delta("a"), start) == ["a", "b"]
    assert shape(block_start(type="text", text="a"), start, text_delta("c")) == ["a", "bc"]
    assert shape(block_start(), text_delta(""), start) == ["b"]
    assert shape(block_start(), text_delta(""), block_start(), text_delta("a"), start) == ["a", "b"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (tool_start(id="t"), tool_start(id="u")),
        (tool_start(name="f"), tool_start(name="g")),
        (tool_start(id="t"), tool_start(id="")),
        (
            block_start(type="web_search_tool_result", tool_use_id="t", content=[]),
            block_start(type="web_search_tool_result", tool_use_id="u", content=[]),
        ),
        (block_start(type="scent", of="rose"), block_start(type="scent", of="lily")),
    ],
)
def test_a_start_that_differs_is_a_new_block(first: Event, second: Event) -> None:
    assert len(accumulate(whole(first, second)).content) == 2
    assert len(accumulate(whole(first, first)).content) == 1


def test_a_closed_or_paused_block_is_not_repeated() -> None:
    assert shape(block_start(), block_stop(), block_start()) == ["", ""]
    assert shape(block_start(), message_delta(), block_start()) == ["", ""]


@pytest.mark.parametrize(
    ("events", "inputs"),
    [
        ([tool_start(id=""), json_delta('{"a":1}')], [{"a": 1}, {"a": 1}]),
        ([tool_start(id=""), json_delta("{}")], [{}, {}]),
        ([tool_start(id=""), json_delta(' {"a":'), json_delta("1} \n")], [{"a": 1}, {"a": 1}]),
        ([tool_start(id="", input={"a": 1})], [{"a": 1}, {"a": 1}]),
        ([tool_start(id="", input={"a": 1}), json_delta(" ")], [{"a": 1}, {"a": 1}]),
        ([tool_start(id=""), json_delta('{"a":"}\\"')], [InvalidJson('{"a":"}\\"' * 2)]),
        ([tool_start(id=""), json_delta("{a}")], [InvalidJson("{a}{a}")]),
        ([tool_start(id=""), json_delta("[1]")], [InvalidJson("[1][1]")]),
        ([tool_start(id=""), json_delta("{}x")], [InvalidJson("{}x{}x")]),
        ([tool_start(id=""), json_delta('{"a":[')], [InvalidJson('{"a":[' * 2)]),
        ([tool_start(id="")], [{}]),
        ([tool_start(id="t"), json_delta("{")], [InvalidJson("{{")]),
    ],
)
def test_a_tool_without_an_id_whose_input_is_whole_is_not_repeated(
    events: list[Event], inputs: list[Any]
) -> None:
    assert shape(*events, *events) == inputs


def test_a_tool_without_an_id_is_repeated_until_its_input_is_whole() -> None:
    start = tool_start(id="")
    pieces = [event for piece in '{"a":"\\\\}"}' for event in (json_delta(piece), start)]
    # The last start is that of the next call.
    assert shape(start, *pieces) == [{"a": "\\}"}, {}]
    invalid = [event for piece in "{a}  " for event in (json_delta(piece), start)]
    assert shape(start, *invalid) == [InvalidJson("{a}  ")]


# -- side blocks -------------------------------------------------------------------------------


def test_text_and_thinking_that_no_open_block_takes_begin_a_side_block() -> None:
    assert shape(tool_start(), text_delta("a")) == [{}, "a"]
    assert shape(tool_start(), thinking_delta("a")) == [{}, ("thinking", "a", "")]
    assert shape(text_delta("a", 3)) == ["a"]
    assert shape(block_start(), text_delta("a"), block_stop(), text_delta("b")) == ["a", "b"]
    assert shape(block_start(type="scent"), text_delta("")) == ["scent", ""]


def test_a_side_block_goes_on_as_long_as_it_is_the_newest_block() -> None:
    turns = [text_delta("a"), text_delta("b"), thinking_delta("k"), text_delta("c")]
    assert shape(tool_start(), *turns) == [{}, "ab", ("thinking", "k", ""), "c"]
    assert shape(text_delta("a"), block_start(1), text_delta("b")) == ["a", "", "b"]
    # The open text block takes its text, so that the side block remains the newest.
    turns = [text_delta("a"), thinking_delta("k"), text_delta("b"), thinking_delta("l")]
    assert shape(block_start(), *turns) == ["ab", ("thinking", "kl", "")]


def test_a_side_block_takes_its_signature_and_its_citations() -> None:
    events = [tool_start(), thinking_delta("a"), signature("S")]
    assert shape(*events) == [{}, ("thinking", "a", "S")]
    cited = [text_delta("a"), delta("citations_delta", citation=CITATION)]
    assert accumulate(whole(*cited)) == accumulate(whole(block_start(), *cited))


def test_a_side_block_that_gets_its_start_goes_on_like_any_other() -> None:
    events = [tool_start(), json_delta('{"a":'), text_delta("a"), block_start(), text_delta("b")]
    # Its stop is its own, then.
    assert shape(*events, block_stop(), json_delta("1}"), block_stop()) == [{"a": 1}, "ab"]


@pytest.mark.parametrize(
    ("rule", "index"), [("delta_type_mismatch", 0), ("delta_without_block", 1)]
)
def test_a_side_block_is_no_block_that_started_so_the_one_beside_it_does_not_interleave(
    rule: str, index: int
) -> None:
    events = [tool_start(), json_delta("{"), text_delta("a", index), json_delta("}"), block_stop()]
    accumulator = Accumulator()
    accumulator.extend(whole(*events))
    assert [finding.rule for finding in accumulator.findings] == [rule]


# -- signatures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rest",
    [
        [signature("S")],
        [signature("S", 1)],
        [block_start(1), signature("S", 1)],
        [text_delta("a"), signature("S")],
        [message_delta(), signature("S")],
    ],
)
def test_a_signature_after_the_stop_is_that_of_the_thinking_which_has_none(
    rest: list[Event],
) -> None:
    thought = [block_start(**THINKING), thinking_delta("t"), block_stop()]
    assert shape(*thought, *rest)[0] == ("thinking", "t", "S")
    assert unhandled(*thought, *rest) == []


def test_of_several_the_newest_thinking_without_a_signature_is_signed() -> None:
    thought = [block_start(**THINKING), block_stop()]
    events = [*thought, *thought, signature("S"), signature("T"), signature("U")]
    assert shape(*events) == [("thinking", "", "T"), ("thinking", "", "S")]
    assert unhandled(*events) == [signature("U")]


def test_a_signature_replaces_the_one_before_while_the_thinking_is_open() -> None:
    events = [block_start(**THINKING), signature("S"), signature("T")]
    assert shape(*events) == [("thinking", "", "T")]


def test_an_empty_signature_replaces_none_and_a_late_one_replaces_nothing() -> None:
    thought = [block_start(**THINKING), signature("S"), signature(""), block_stop()]
    assert shape(*thought, signature("T")) == [("thinking", "", "S")]
    assert unhandled(*thought, signature("T")) == [signature("T")]


def test_thinking_that_is_open_at_another_index_is_not_signed() -> None:
    events = [block_start(**THINKING), block_start(1), signature("S", 1)]
    assert unhandled(*events) == [signature("S", 1)]


# -- what nothing takes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        json_delta("{}"),
        delta("citations_delta", citation=CITATION),
        delta("compaction_delta", content="x"),
        delta("scent_delta", text="x"),
        signature("S"),
    ],
)
def test_another_delta_that_nothing_takes_is_kept_in_unhandled(event: Event) -> None:
    assert unhandled(event) == [event]
    assert unhandled(block_start(type="scent"), event) == [event]
    assert unhandled(block_start(), block_stop(), event) == [event]


# -- stops -------------------------------------------------------------------------------------


def test_a_stop_closes_the_newest_open_block_of_its_index() -> None:
    events = [tool_start(), json_delta('{"a":'), block_start(), block_stop(), json_delta("1}")]
    assert shape(*events) == [{"a": 1}, ""]
    events.insert(4, block_stop())
    assert unhandled(*events) == [json_delta("1}")]


def test_a_stop_closes_a_side_block_and_the_block_beside_which_it_began() -> None:
    events = [tool_start(), json_delta('{"a":'), text_delta("x"), block_stop(), json_delta("1}")]
    assert unhandled(*events) == [json_delta("1}")]


def test_a_stop_for_nothing_is_passed_over() -> None:
    assert shape(block_stop(7), block_start(), text_delta("a"), block_stop(7)) == ["a"]
    assert shape(block_start(), text_delta("a"), block_stop(), block_stop()) == ["a"]


# -- message_delta -----------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, "tool_use", ""])
def test_a_block_goes_on_after_message_delta_if_input_comes_for_it(reason: str | None) -> None:
    start = [tool_start(), json_delta('{"a":'), message_delta(reason)]
    assert shape(*start, json_delta("1}")) == [{"a": 1}]
    assert shape(*start, block_start(1), json_delta("1}")) == [{"a": 1}, ""]


def test_a_stop_after_the_stop_reason_closes_for_good() -> None:
    assert shape(block_start(), message_delta(), block_stop(), text_delta("a")) == ["", "a"]
    # The newest block first.
    events = [tool_start(), block_start(), message_delta(), block_stop(), json_delta("{}")]
    assert unhandled(*events) == []
    assert unhandled(*events[:3], block_stop(), *events[3:]) == [json_delta("{}")]


def test_of_the_blocks_that_go_on_the_newest_one_is_stopped() -> None:
    start = [tool_start(), block_start(), message_delta()]
    going_on = [text_delta("a"), json_delta("{")]
    for first, second in (going_on, going_on[::-1]):
        events = [*start, first, second, block_stop(), json_delta("}"), text_delta("b")]
        assert shape(*events) == [{}, "a", "b"]


def test_several_message_deltas_are_merged_and_null_or_absent_erases_nothing() -> None:
    first = {**message_delta("end_turn", novel_tokens=1), "novelty": [2]}
    first["delta"]["stop_sequence"] = "x"
    later: list[Event] = [
        {**message_delta(None), "usage": {"output_tokens": None, "novel_tokens": None}},
        {"type": "message_delta", "novelty": None, "usage": {"output_tokens": "50"}},
        {"type": "message_delta", "delta": 5, "usage": 5},
        {"type": "message_delta"},
    ]
    message = accumulate([message_start(), first, *later, MESSAGE_STOP])
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", "x")
    assert message.usage == Usage(10, 5, extra={"novel_tokens": 1})
    assert message.extra == {"novelty": [2]}


def test_a_message_delta_after_message_stop_is_merged() -> None:
    late = message_delta("max_tokens", output_tokens=9, input_tokens=3)
    message = accumulate([*text_stream("Hi"), late])
    assert (message.stop_reason, message.usage) == ("max_tokens", Usage(3, 9))


# -- the end -----------------------------------------------------------------------------------


def test_message_stop_or_a_stop_reason_makes_a_message_finished() -> None:
    assert accumulate(text_stream("Hi")[:-1]).text == "Hi"
    assert accumulate([message_start(), MESSAGE_STOP]).content == ()
    assert accumulate([message_start(stop_reason="end_turn")]).stop_reason == "end_turn"
    accumulator = Accumulator()
    for event, is_complete in zip(text_stream("Hi"), [False] * 4 + [True] * 2, strict=True):
        accumulator.add(event)
        assert accumulator.complete is is_complete


@pytest.mark.parametrize(
    ("events", "where"),
    [
        ([PING, UNKNOWN], "message_start"),
        ([message_start()], "message_stop"),
        ([message_start(), message_delta(None)], "message_stop"),
        (text_stream("Hi")[:-2], "message_stop"),
    ],
)
def test_a_message_that_is_not_finished_is_incomplete(events: list[Event], where: str) -> None:
    with pytest.raises(IncompleteStreamError, match=f"^the stream ended before {where}$") as caught:
        accumulate(events)
    assert caught.value.partial == (so_far(*events) if where == "message_stop" else None)


# -- half characters ---------------------------------------------------------------------------


def test_an_empty_stop_reason_is_none() -> None:
    start = message_start(stop_reason="")
    assert decode(start).finish_reasons is None
    with pytest.raises(IncompleteStreamError):
        accumulate([start, block_start(), text_delta("a")])
    with pytest.raises(IncompleteStreamError):
        accumulate([message_start(), message_delta("")])
    for last in ([], [MESSAGE_STOP]):
        again = [message_start(), message_delta("end_turn"), message_delta(""), *last]
        accumulator = Accumulator()
        accumulator.extend(again)
        assert accumulator.finish().stop_reason == "end_turn"
        assert "stop_reason_erased" in {finding.rule for finding in accumulator.findings}
    assert accumulate([message_start(), message_delta(""), MESSAGE_STOP]).stop_reason == ""


def test_halves_of_a_character_are_joined_within_a_block() -> None:
    assert shape(block_start(), text_delta("\ud83d"), text_delta("\ude00")) == ["\U0001f600"]
    assert shape(block_start(type="text", text="é\ud83d"), text_delta("\ude00")) == ["é\U0001f600"]
    assert shape(thinking_delta("\ud83d"), thinking_delta("\ude00")) == [
        ("thinking", "\U0001f600", "")
    ]
    halves = [json_delta('{"a":"\ud83d'), json_delta('\ude00"}')]
    assert shape(tool_start(), *halves) == [{"a": "\U0001f600"}]


def test_a_half_that_is_alone_remains() -> None:
    assert shape(block_start(), text_delta("a\ud83d"), text_delta("\ud83d\ude00")) == [
        "a\ud83d\U0001f600"
    ]
    apart = [text_delta("\ud83d"), block_stop(), block_start(1), text_delta("\ude00", 1)]
    assert shape(block_start(), *apart) == ["\ud83d", "\ude00"]


def test_a_half_is_joined_after_the_message_was_read() -> None:
    accumulator = Accumulator()
    accumulator.extend([*STARTED, text_delta("\ud83d")])
    assert message_of(accumulator).text == "\ud83d"
    accumulator.add(text_delta("\ude00"))
    assert message_of(accumulator).text == "\U0001f600"


# -- blocks by index ---------------------------------------------------------------------------


def test_of_several_blocks_at_an_index_the_newest_is_given() -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start(), json_delta('{"a":1'), text_delta("a")])
    assert accumulator.block(0) == TextBlock("a")
    assert accumulator.partial_input(0) == {"a": 1}
    for index in (1, -1, 10**5_000):
        with pytest.raises(ProtocolError, match=r"^block .* has not started$") as caught:
            accumulator.block(index)
        assert caught.value.rule == ""


# -- one way or another ------------------------------------------------------------------------


def test_add_and_extend_are_the_same() -> None:
    one, other = Accumulator(), Accumulator()
    events = [*text_stream("a", "b")[:-2], tool_start(1), json_delta("{}", 1)]
    for event in events:
        one.add(event)
    other.extend(events)
    assert one.message == other.message


def test_accumulating_does_not_change_the_events() -> None:
    events = tool_stream('{"x": 1}', input={"y": []})
    chunks = [decode(event) for event in events]
    accumulate(chunks)
    assert events == tool_stream('{"x": 1}', input={"y": []})
    assert chunks == [decode(event) for event in events]


def test_a_block_that_was_given_does_not_change_when_its_start_is_repeated() -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), block_start(type="text", text="", a=1)])
    accumulator.add(block_start(type="text", text="", b=2))
    before = accumulator.block(0)
    accumulator.add(block_start(type="text", text="", c=3))
    assert before == TextBlock("", extra={"a": 1, "b": 2})
    assert accumulator.block(0) == TextBlock("", extra={"a": 1, "b": 2, "c": 3})


def test_a_stop_after_the_stop_reason_closes_the_side_block_that_it_paused() -> None:
    accumulator = Accumulator()
    accumulator.extend(
        [message_start(), text_delta("a"), message_delta(), block_stop(), text_delta("b")]
    )
    assert [shape_of(block) for block in accumulator.finish().content] == ["a", "b"]
    assert [f.rule for f in accumulator.findings if f.rule.startswith("block_stop")] == []


def test_an_unknown_key_is_filled_once_by_the_repetitions_of_a_start() -> None:
    starts = [
        block_start(type="text", text="", **extra) for extra in ({}, {"k": 1}, {"k": 2}, {"l": 3})
    ]
    (block,) = accumulate(whole(*starts, block_stop())).content
    assert block.extra == {"k": 1, "l": 3}


def test_a_citation_that_is_absent_adds_nothing() -> None:
    citation = delta("citations_delta")
    (block,) = accumulate(whole(block_start(), citation, text_delta("a"), block_stop())).content
    assert block == TextBlock("a")
