"""`message_streams` with a test's own models, tools and blocks; `streams_of` and `streams_like`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.internal.conjecture.utils import many
from hypothesis_jsonschema import from_schema

from chunkview import ChunkviewError, DecodeError, Message, ToolUseBlock, accumulate, encode
from chunkview.conformance import RULES, check
from chunkview.recordings import read
from chunkview.testing import recording, recording_names
from chunkview.testing import strategies as cv
from support import Recorded, any_streams, drawn, examples
from testing.drawing import deltas, few, forget, has_unknown, occurs, smallest, starts, tags

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

    from testing.drawing import Stream

EITHER_STYLE = st.sampled_from((True, False))


def rules(stream: Stream) -> set[str]:
    return {finding.rule for finding in check(stream)}


def result_of(stream: Stream) -> object:
    """The message, or the class of the error and what it has of the message."""
    try:
        return accumulate(stream)
    except ChunkviewError as error:
        return type(error), error.partial


def strings_of(stream: Stream, name: str) -> list[str]:
    return [delta[name] for delta in deltas(stream) if name in delta]


# -- models and tools ------------------------------------------------------------------------------


@few
@given(EITHER_STYLE, st.data())
def test_the_model_is_the_one_that_is_asked_for(realistic: bool, data: st.DataObject) -> None:
    unchanged: Any = {"realistic": realistic, "beta": False, "unknown": False}
    stream = data.draw(cv.message_streams(model="my-model", **unchanged))
    assert accumulate(stream).model == "my-model"
    either = data.draw(cv.message_streams(model=st.sampled_from("ab"), **unchanged))
    assert accumulate(either).model in {"a", "b"}


SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: dict[str, Any] = {"weather": from_schema(SCHEMA), "time": st.just({})}
needs_many = pytest.mark.skipif(
    not hasattr(many, "more"),
    reason="hypothesis-jsonschema 0.23.1 draws objects only with Hypothesis up to 6.170.9",
)


@needs_many
@given(EITHER_STYLE, st.data())
def test_own_tools_get_inputs_that_their_schemas_allow(
    realistic: bool, data: st.DataObject
) -> None:
    stream = data.draw(cv.message_streams(tools=TOOLS, realistic=realistic, cut_off=False))
    for call in accumulate(stream).content:
        if isinstance(call, ToolUseBlock):
            assert isinstance(call.input, dict)
            if call.name == "time":
                assert call.input == {}
            else:
                assert call.name == "weather"
                assert isinstance(call.input["city"], str)
                assert call.input.keys() <= {"city", "days"}


OWN_INPUTS: dict[str, Any] = {
    "weather": st.fixed_dictionaries({"city": st.text()}, optional={"days": st.integers()}),
    "time": st.just({}),
}


@given(EITHER_STYLE, st.data())
def test_own_tools_get_the_inputs_of_their_strategies(realistic: bool, data: st.DataObject) -> None:
    stream = data.draw(cv.message_streams(tools=OWN_INPUTS, realistic=realistic, cut_off=False))
    for call in accumulate(stream).content:
        if isinstance(call, ToolUseBlock):
            assert isinstance(call.input, dict)
            assert call.name in OWN_INPUTS
            assert (call.input == {}) is (call.name == "time")
            assert set(call.input) <= {"city", "days"}


@pytest.mark.parametrize(
    ("what", "place"),
    [
        ("a key", '{"ci'),
        ("an escape", r'{"city": "\u00'),
        ("a pair", r'{"city": "\ud83d'),
        ("the start", ""),
    ],
)
def test_the_input_of_an_own_tool_is_cut_anywhere(what: str, place: str) -> None:
    tools = {"weather": st.just({"city": "\U0001f600\u00e9"}), "more": st.just({"city": "\u00e9"})}
    streams = cv.message_streams(tools=tools, blocks=["tool_use"], cut_off=False, unknown=False)
    assert occurs(
        streams, lambda stream: (strings_of(stream, "partial_json") or ["no"])[0] == place
    )


def test_no_tools_are_no_calls() -> None:
    streams = drawn(cv.message_streams(tools={}), 1)
    assert not any("tool_use" in tags(stream) for stream in streams)


# -- blocks ----------------------------------------------------------------------------------------

WHOLE: list[Any] = [
    {"type": "thinking", "thinking": "Let me think.", "signature": "EqgB"},
    {"type": "text", "text": "Gr\u00fc\u00dfe aus \u6771\u4eac", "citations": None},
    {"type": "tool_use", "id": "toolu_9", "name": "f", "input": {"x": ["\u00e9", 1.5, None]}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
]


@given(EITHER_STYLE, st.data())
def test_the_blocks_are_those_that_are_given_in_this_order(
    realistic: bool, data: st.DataObject
) -> None:
    blocks = [*WHOLE, "text", "tool_use", st.just("thinking"), st.just(WHOLE[1])]
    stream = data.draw(
        cv.message_streams(blocks=blocks, realistic=realistic, cut_off=False, unknown=False)
    )
    content = accumulate(stream).content
    assert [block.type for block in content[4:]] == ["text", "tool_use", "thinking", "text"]
    expected = Message.from_dict({"content": WHOLE}).content
    assert content[:4] == expected
    assert content[7] == expected[1]


@given(st.data())
def test_a_strategy_says_which_blocks_there_are(data: st.DataObject) -> None:
    wanted: list[Any] = []
    lists = st.lists(st.sampled_from(("text", "tool_use")), min_size=2, max_size=3)

    def noted(kinds: list[str]) -> list[str]:
        wanted.append(kinds)
        return kinds

    stream = data.draw(cv.message_streams(blocks=lists.map(noted)))
    assert [block["type"] for block in starts(stream)] == wanted[-1]


def test_whole_blocks_come_in_many_ways() -> None:
    streams = drawn(cv.message_streams(blocks=WHOLE[1:3], unknown=False), 1)
    texts = {tuple(strings_of(stream, "text")) for stream in streams}
    inputs = {tuple(strings_of(stream, "partial_json")) for stream in streams}
    assert len(texts) > 10
    assert len(inputs) > 15


def test_the_given_blocks_are_not_changed() -> None:
    given_blocks = json.loads(json.dumps(WHOLE))
    for stream in drawn(cv.message_streams(blocks=given_blocks), 1)[:20]:
        forget(stream)
    assert given_blocks == WHOLE


def test_blocks_that_are_none_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no block has the type 'texts'; the types are text, "):
        cv.message_streams(blocks=["texts"])
    with pytest.raises(ValueError, match="'fallback'"):
        cv.message_streams(blocks=["fallback"], beta=False)
    with pytest.raises(DecodeError):
        cv.message_streams(blocks=[{"text": "Hello"}])
    with pytest.raises(TypeError, match="got 7"):
        cv.message_streams(blocks=[7])  # type: ignore[list-item]


def test_tools_that_are_none_are_refused_at_once() -> None:
    schema: Any = {"type": "object"}
    with pytest.raises(TypeError, match=r"for 'a', got dict; hypothesis_jsonschema\.from_schema"):
        cv.message_streams(tools={"a": schema})
    with pytest.raises(TypeError, match="tools: expected a bool or a mapping, got list"):
        cv.message_streams(tools=["a"])  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument):
        cv.message_streams(tools={"a": st.integers(2, 1)})  # type: ignore[dict-item]


def test_an_input_that_is_no_object_is_refused_when_it_is_drawn() -> None:
    texts: Any = {"a": st.text()}
    with pytest.raises(TypeError, match="tools: the input of 'a' has to be a dict, got str"):
        drawn(cv.message_streams(tools=texts, blocks=["tool_use"]), 1)


def test_a_tool_is_not_made_up_when_there_are_none() -> None:
    with pytest.raises(ValueError, match="blocks has 'tool_use', and tools has no tool to call"):
        cv.message_streams(tools={}, blocks=["text", "tool_use"])
    for stream in drawn(cv.message_streams(tools={}), 1):
        assert "tool_use" not in [block["type"] for block in starts(stream)]


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"blocks": "text"}, TypeError, "blocks: expected a list of blocks, got str"),
        ({"blocks": WHOLE[0]}, TypeError, "blocks: expected a list of blocks, got dict"),
        ({"blocks": 1}, TypeError, "blocks: expected a list of blocks, got int"),
        ({"blocks": [{"type": "text", "txt": ""}]}, ValueError, "'text' needs the key 'text'"),
        ({"blocks": [{"type": "tool_use", "name": "a"}]}, ValueError, "needs the key 'input'"),
        ({"min_blocks": -1}, ValueError, "min_blocks: expected 0 or more, got -1"),
        ({"max_blocks": "3"}, TypeError, "max_blocks: expected an int, got str"),
        ({"max_message_deltas": 1.0}, TypeError, "max_message_deltas: expected an int, got float"),
        ({"model": 3}, TypeError, "model: expected a str or a strategy, got int"),
    ],
)
def test_an_argument_of_another_kind_is_refused_in_words(
    options: dict[str, Any], error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        cv.message_streams(**options)


@pytest.mark.parametrize(
    ("strategy", "problem"),
    [
        (cv.sse_bodies, r"streams: expected a strategy, such as st\.just\(events\), got list"),
        (cv.segmentations, "body: expected bytes, got list"),
        (cv.broken_streams, "rule: expected the name of a rule, got list"),
        (cv.broken_bodies, "rule: expected the name of a rule, got list"),
    ],
)
def test_other_strategies_refuse_a_list_in_words(strategy: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=f"^{problem}$"):
        strategy([])


def test_numbers_of_the_deltas_of_a_message_are_looked_at() -> None:
    with pytest.raises(ValueError, match="min_deltas is 6, and max_deltas is 5"):
        cv.streams_of({"content": WHOLE}, min_deltas=6)
    with pytest.raises(ValueError, match="max_deltas: expected 0 or more, got -1"):
        cv.streams_of({"content": WHOLE}, max_deltas=-1)


@pytest.mark.parametrize("empty", [b"", []])
def test_a_recording_without_an_event_is_refused(empty: Any) -> None:
    with pytest.raises(ValueError, match=r"^source: there is no event in it$"):
        cv.streams_like(empty)


def test_what_the_inputs_of_tools_need_once_is_not_done_in_an_example() -> None:
    made: list[bool] = []

    def make() -> SearchStrategy[dict[str, Any]]:
        made.append(True)
        return st.just({})

    inputs = st.deferred(make)
    cv.message_streams(tools={"a": inputs})
    assert made


def test_numbers_that_contradict_each_other_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="leave out their numbers"):
        cv.message_streams(blocks=["text"], max_blocks=1)
    with pytest.raises(ValueError, match="min_deltas is 6, and max_deltas is 5"):
        cv.message_streams(min_deltas=6)
    with pytest.raises(ValueError, match="min_blocks is 3, and max_blocks is 2"):
        cv.message_streams(min_blocks=3, max_blocks=2)
    assert len(starts(drawn(cv.message_streams(min_blocks=6), 1)[0])) == 6


# -- streams of a message --------------------------------------------------------------------------


@examples(3)
@given(any_streams(), st.data())
def test_the_streams_of_a_message_amount_to_it_and_break_no_rule_more(
    events: Stream, data: st.DataObject
) -> None:
    message = accumulate(events)
    stream = data.draw(cv.streams_of(message))
    assert accumulate(stream) == message
    assert rules(stream) <= rules(message.to_events())


def test_the_streams_of_a_message_differ() -> None:
    message = Message.from_dict(
        {
            "content": WHOLE,
            "usage": {"input_tokens": 5, "output_tokens": 9},
            "stop_reason": "end_turn",
        }
    )
    streams = drawn(cv.streams_of(message), 2)
    assert len({json.dumps(stream) for stream in streams}) > 100
    assert any("ping" in tags(stream) for stream in streams)
    assert any(has_unknown(stream) for stream in streams)
    usages = [
        event["message"]["usage"]["output_tokens"]
        for stream in streams
        for event in stream
        if event["type"] == "message_start"
    ]
    assert set(usages) == set(range(10))
    plain = drawn(cv.streams_of(message.to_dict(), pings=False, unknown=False, max_deltas=2), 1)
    for stream in plain:
        assert tags(stream) & {"ping", "unknown"} == set()
        assert len(deltas(stream)) <= 6


def test_a_message_that_no_stream_amounts_to_is_refused() -> None:
    model = {"model": "a"}
    fallback = {"type": "fallback", "from": model, "to": {"model": "b"}}
    with pytest.raises(ValueError, match="no stream amounts to this message"):
        cv.streams_of({"model": "c", "content": [fallback]})
    with pytest.raises(DecodeError):
        cv.streams_of({"content": [{}]})


# -- streams like a recorded one -------------------------------------------------------------------


@examples(3)
@given(any_streams() | cv.message_streams(errors=True), st.data())
def test_harmless_changes_change_neither_the_message_nor_the_findings(
    events: Stream, data: st.DataObject
) -> None:
    stream = data.draw(cv.streams_like(events))
    assert result_of(stream) == result_of(events)
    assert rules(stream) == rules(events)


@given(cv.broken_streams(), st.data())
def test_harmless_changes_of_a_broken_stream_change_nothing_either(
    broken: tuple[str, Stream], data: st.DataObject
) -> None:
    rule, events = broken
    # A stream of this group cannot be read, and one without an event cannot be changed.
    if events and RULES[rule].group != "essential":
        stream = data.draw(cv.streams_like(events))
        assert result_of(stream) == result_of(events)
        assert rules(stream) == rules(events)


@few
@given(st.data())
def test_harmless_changes_of_a_real_stream_change_nothing(
    recorded: Recorded, data: st.DataObject
) -> None:
    stream = data.draw(cv.streams_like(recorded.body))
    assert result_of(stream) == result_of(recorded.events)
    assert rules(stream) == rules(recorded.events)


def test_nothing_harmless_follows_an_error() -> None:
    streams = drawn(cv.streams_like(recording("error")), 1)
    assert {stream[-1]["type"] for stream in streams} == {"error"}


FAULTS: dict[str, Callable[[list[int]], bool]] = {
    "dropped": lambda places: places[-1] == 9 and len(places) < 10,
    "repeated": lambda places: len(places) > 10,
    "reordered": lambda places: len(places) == 10 and places != sorted(places),
    "cut_off": lambda places: places == list(range(len(places))) and len(places) < 10,
}
"""What a fault makes of ten events: their numbers afterwards."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_occurs_when_it_is_asked_for_and_no_other_one(fault: str) -> None:
    events = [{"type": "unknown", "number": number} for number in range(10)]
    options: Any = {"cuts": False, "pings": False, "unknown": False, fault: True}
    streams = drawn(cv.streams_like(events, **options), 1)
    found = [[event["number"] for event in stream] for stream in streams]
    assert list(range(10)) in found
    assert any(FAULTS[fault](places) for places in found)
    for places in found:
        assert fault == "reordered" or places == sorted(places)
        assert fault == "repeated" or len(places) == len(set(places))
        assert fault in ("dropped", "cut_off") or set(places) == set(range(10))


def test_without_changes_it_is_the_recorded_stream() -> None:
    events = Recorded("", recording("text")).events
    streams = drawn(cv.streams_like(events, cuts=False, pings=False, unknown=False), 1)
    assert all(stream == events for stream in streams)


@pytest.mark.parametrize("name", recording_names())
def test_the_text_of_a_recording_is_cut_in_many_ways(name: str) -> None:
    streams = drawn(cv.streams_like(recording(name), pings=False, unknown=False), 1)
    assert len({json.dumps(stream) for stream in streams}) > 10
    lengths = {len(stream) for stream in streams}
    assert min(lengths) < len(Recorded("", recording(name)).events) < max(lengths)


def test_a_recording_may_be_anything_that_accumulate_takes(tmp_path: Path) -> None:
    body = recording("text")
    events = Recorded("", body).events
    path = tmp_path / "text.sse"
    path.write_bytes(body)
    with path.open("rb") as file:
        sources: list[Any] = [body, events, map(encode, events), file, *read(path)]
        streams = [cv.streams_like(source, cuts=False, pings=False) for source in sources]
    assert [smallest(stream) for stream in streams] == [events] * 5
    with path.open(encoding="utf-8") as lines, pytest.raises(TypeError, match="in binary mode"):
        cv.streams_like(lines)


def test_faults_may_leave_nothing() -> None:
    faults: Any = dict.fromkeys(FAULTS, True)
    assert [] in drawn(cv.streams_like([{"type": "ping"}], **faults), 1)


@few
@given(cv.streams_like(recording("thinking_tool_call")), cv.streams_of({"content": WHOLE}))
def test_every_stream_is_new_and_may_be_changed(like: Stream, of: Stream) -> None:
    forget(like)
    forget(of)


def test_both_shrink_to_the_smallest_change() -> None:
    body = recording("text")
    events = Recorded("", body).events
    assert smallest(cv.streams_like(body)) == events
    pinged = smallest(cv.streams_like(body), lambda stream: stream[0] == {"type": "ping"})
    assert pinged == [{"type": "ping"}, *events]
    cut = smallest(cv.streams_of({"content": WHOLE[1:2]}), lambda stream: len(deltas(stream)) > 1)
    assert len(cut) == 7
