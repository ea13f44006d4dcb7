"""What `Message.to_param` makes is what the API accepts, and `tool_calls` are the calls to run."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import pickle
import re
import typing
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from typing_extensions import is_typeddict

from chunkview import (
    Accumulator,
    ChunkviewError,
    FallbackBlock,
    Message,
    UnknownBlock,
    accumulate,
)
from chunkview._model import TURN_RULES
from chunkview.testing import strategies as cv
from chunkview.testing.laws import assert_sendable
from rules.lenient import lenient_streams
from support import Event, block_start, block_stop, examples, message_delta, message_start
from testing.test_laws import (
    ANSWER,
    COMPACTION,
    FALLBACK,
    FOUND,
    MCP,
    NARRATION,
    NO_CONTENT,
    REDACTED,
    SEARCH,
    TEXT,
    THINKING,
    TOOL,
    WHOLE,
    WITH_CONTENT,
    without,
)

ROOT = Path(__file__).parent.parent


def message_of(*blocks: Event, stop_reason: str | None = None, **rest: Any) -> Message:
    return Message.from_dict({"content": [*blocks], "stop_reason": stop_reason, **rest})


def turn_of(*blocks: Event, stop_reason: str | None = None) -> list[Event]:
    """The content of the turn, which passes the law."""
    message = message_of(*blocks, stop_reason=stop_reason)
    param = message.to_param(check=True)
    assert_sendable(param, stop_reason=stop_reason, answer=message.to_dict())
    content: list[Event] = param["content"]
    return content


def cut(events: list[Event], data: Any) -> Message | None:
    """The message of a stream that is read to its end, or that breaks off anywhere."""
    accumulator = Accumulator()
    accumulator.extend(events[: data.draw(st.integers(1, len(events)))])
    return accumulator.message


# -- properties ------------------------------------------------------------------------------------


@examples(3)
@given(cv.message_streams(), st.data())
def test_the_turn_of_a_stream_finished_or_cut_anywhere_is_sendable(events: Any, data: Any) -> None:
    for message in (accumulate(events), cut(events, data)):
        if message is not None:
            param = message.to_param(check=True)
            answer = message.to_dict()
            assert_sendable(param, stop_reason=message.stop_reason, answer=answer)
            calls = [block["id"] for block in param["content"] if block["type"] == "tool_use"]
            assert calls == [call.id for call in message.tool_calls]


@examples(2)
@given(lenient_streams() | cv.broken_streams().map(lambda stream: stream[0]))
def test_check_raises_exactly_where_the_turn_is_not_sendable(events: Any) -> None:
    accumulator = Accumulator()
    with contextlib.suppress(ChunkviewError):
        accumulator.extend(events)
    message = accumulator.message
    if message is None:
        return
    try:
        assert_sendable(message.to_param(), stop_reason=message.stop_reason)
    except AssertionError:  # the two may name different breaches, if there are several
        with pytest.raises(ValueError, match=r"^(key_invalid|tool_id_invalid|tool_id_repeated): "):
            message.to_param(check=True)
    else:
        assert message.to_param(check=True) == message.to_param()


def params_of(annotation: Any) -> Iterator[Any]:
    """The classes of blocks in the SDK's type of a request's content, without those of answers."""
    if is_typeddict(annotation):
        yield annotation
    else:
        for part in typing.get_args(annotation):
            yield from params_of(part)


@functools.cache
def adapters(*, beta: bool) -> dict[str, TypeAdapter[Any]]:
    """What checks a block against the SDK's type of a request, by the type of the block."""
    # Old releases have no such types, and leave the test out that needs them.
    module, name = (
        ("types.beta", "BetaContentBlockParam") if beta else ("types", "ContentBlockParam")
    )
    annotation = getattr(importlib.import_module(f"anthropic.{module}"), name)
    return {
        tag: TypeAdapter(cls)
        for cls in params_of(annotation)
        for tag in typing.get_args(typing.get_type_hints(cls)["type"])
    }


def look_at_all(value: Any) -> None:
    """Validate what pydantic would validate only when somebody iterates over it."""
    if isinstance(value, dict):
        for item in value.values():
            look_at_all(item)
    elif not isinstance(value, (str, bytes)) and hasattr(value, "__iter__"):
        for item in value:
            look_at_all(item)


@pytest.mark.parametrize("beta", [False, True])
@examples(2)
@given(st.data())
def test_the_official_sdk_accepts_the_turn_by_its_types(beta: bool, data: Any) -> None:
    events = data.draw(cv.message_streams(beta=beta, unknown=False))
    message = cut(events, data)
    for block in [] if message is None else message.to_param()["content"]:
        valid = adapters(beta=beta)[block["type"]].validate_python(block)
        if not (block["type"] == "web_search_tool_result" and isinstance(block["content"], dict)):
            # There pydantic takes the keys of an error for pages that were found.
            look_at_all(valid)


# -- rule by rule ----------------------------------------------------------------------------------


def test_what_the_api_accepts_comes_back_as_it_was() -> None:
    before = deepcopy(WHOLE)
    assert turn_of(*WHOLE) == before
    assert before == WHOLE


def test_text_without_text_is_left_out() -> None:
    assert turn_of({**TEXT, "text": ""}, TEXT, {**TEXT, "text": ""}) == [TEXT]


def test_white_space_stays_beside_visible_text_and_is_left_out_alone() -> None:
    blank = {**TEXT, "text": "\n\n"}
    assert turn_of(blank, TEXT, blank) == [blank, TEXT, blank]
    assert turn_of(blank, TOOL, {**TEXT, "text": " "}) == [TOOL]
    assert turn_of(blank) == []


def test_thinking_without_signature_is_left_out() -> None:
    unsigned = {**THINKING, "signature": ""}
    assert turn_of(THINKING, unsigned, without(THINKING, "signature"), TEXT) == [THINKING, TEXT]
    assert turn_of({**THINKING, "thinking": None}, TEXT) == [{**THINKING, "thinking": ""}, TEXT]
    assert turn_of(without(THINKING, "thinking"), TEXT) == [{**THINKING, "thinking": ""}, TEXT]


def test_thinking_at_the_end_is_left_out() -> None:
    assert turn_of(TEXT, THINKING, REDACTED) == [TEXT]
    assert turn_of(THINKING, REDACTED, TOOL) == [THINKING, REDACTED, TOOL]
    assert turn_of(TEXT, THINKING, {**TEXT, "text": ""}) == [TEXT]
    assert turn_of(THINKING, {**TEXT, "text": " "}) == []


@pytest.mark.parametrize("call", [TOOL, SEARCH, MCP], ids=lambda call: call["type"])
@pytest.mark.parametrize("deltas", [[], ["null"], ["[1]"], ['"x"'], ["42"], ["", '{"a": [']])
@pytest.mark.parametrize("start", [{}, None, ..., "null", "[1]", [1], 42, "{"])
def test_an_input_is_always_an_object(call: Event, deltas: list[str], start: Any) -> None:
    begun = {**without(call, "input"), **({} if start is ... else {"input": start})}
    events = [
        message_start(),
        block_start(0, **begun),
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": text},
            }
            for text in deltas
        ),
        message_delta("pause_turn"),
    ]
    (block,) = accumulate(events).to_param(check=True)["content"]
    text = "".join(deltas)
    if not text and start not in ({}, None, ...):
        text = start if isinstance(start, str) else json.dumps(start)
    assert block == {**call, "input": {"INVALID_JSON": text} if text else {}}


def test_of_two_equal_calls_the_first_stays_and_two_different_ones_are_a_breach() -> None:
    assert turn_of(TOOL, TEXT, TOOL) == [TOOL, TEXT]
    message = message_of(TOOL, {**TOOL, "input": {"x": 1}})
    assert len(message.to_param()["content"]) == len(message.tool_calls) == 2
    problem = (
        "tool_id_repeated: content[1].id of a tool_use is 'toolu_1', and so is that of an earlier "
        "one"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        message.to_param(check=True)


CALL = {**TOOL, "input": {"a": 1, "b": {}}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CALL, {**CALL, "caller": None}),
        (CALL, {**CALL, "toolset_name": None}),
        (CALL, {**CALL, "input": json.dumps(CALL["input"])}),
        (CALL, {**CALL, "input": {"b": {}, "a": 1.0}}),
        (TOOL, {**TOOL, "input": None}),
        (TOOL, without(TOOL, "input")),
        ({**TOOL, "input": "["}, {**TOOL, "input": {"INVALID_JSON": "["}}),
    ],
)
def test_equal_calls_are_one_however_they_are_written(first: Event, second: Event) -> None:
    for pair in ((first, second), (second, first)):
        message = message_of(*pair)
        assert message.content[0] == message.content[1]
        assert message.tool_calls == message.content[:1]
        assert len(message.to_param(check=True)["content"]) == 1


@pytest.mark.parametrize(
    "other",
    [
        {**CALL, "name": "g"},
        {**CALL, "input": {"a": "1", "b": {}}},
        {**CALL, "input": {"a": True, "b": {}}},
        {**CALL, "input": {"a": 1, "b": {}, "c": None}},
        {**CALL, "caller": {"type": "direct"}},
        {**CALL, "caller": 5},
        {**CALL, "toolset_name": "s"},
        {**CALL, "later": None},
    ],
)
def test_calls_that_mean_different_things_stay_both(other: Event) -> None:
    assert len(message_of(CALL, other).tool_calls) == 2


NUMBERS = st.integers(-3, 3) | st.integers(-3, 3).map(float) | st.none()
INPUTS = st.dictionaries(st.sampled_from("ab"), NUMBERS | st.lists(NUMBERS, max_size=2), max_size=2)
CALLS = st.fixed_dictionaries(
    {"name": st.sampled_from(["f", "g"]), "input": st.none() | INPUTS | INPUTS.map(json.dumps)},
    optional={
        "caller": st.sampled_from([None, {"type": "direct"}]),
        "toolset_name": st.sampled_from([None, "s"]),
        "later": st.sampled_from([None, 1]),
    },
).map(lambda call: {"type": "tool_use", "id": "toolu_1", **call})


@examples(2)
@given(st.lists(CALLS, max_size=5))
def test_the_calls_with_one_id_are_those_that_differ(calls: list[Event]) -> None:
    different: list[Any] = []
    for block in message_of(*calls).content:
        if block not in different:
            different.append(block)
    assert list(message_of(*calls).tool_calls) == different


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ({**TOOL, "id": "f:0"}, "tool_id_invalid: content[1].id of a tool_use is 'f:0'"),
        (
            {**SEARCH, "id": "s"},
            "tool_id_invalid: content[1].id of a server_tool_use is 's'",
        ),
        (without(TOOL, "id"), "key_invalid: content[1].id of a tool_use is missing"),
        ({**TOOL, "id": 5}, "key_invalid: content[1].id of a tool_use is 5"),
        ({**TOOL, "name": ""}, "key_invalid: content[1].name of a tool_use is empty"),
        ({**FOUND, "tool_use_id": None}, "key_invalid: content[1].tool_use_id of a "),
        (
            {**MCP, "server_name": [1]},
            "key_invalid: content[1].server_name of a mcp_tool_use is [1]",
        ),
        ({**TEXT, "citations": 5}, "key_invalid: content[1].citations of a text is 5"),
        (
            {**TEXT, "citations": [{"type": "x"}, {"type": "char_location"}]},
            "key_invalid: content[1].citations[1].cited_text of a text is missing",
        ),
        *(
            (block, f"key_invalid: content[1].content of a {tag} is missing")
            for tag in WITH_CONTENT
            for block in ({**FOUND, "type": tag, "content": None}, {**NO_CONTENT, "type": tag})
        ),
        *(
            ({**block, key: {"x": [value]}}, f"not_json: content[1], a {block['type']}, cannot be ")
            for block, key in ((TOOL, "input"), (SEARCH, "input"), (FOUND, "content"))
            for value in (float("nan"), float("inf"), -float("inf"), 10**5000)
        ),
        ({"type": "hologram", "x": float("nan")}, "not_json: content[1], a hologram, cannot be "),
        ({"type": "fallback", "from": {"model": "a"}}, "key_invalid: content[1].to of a fallback "),
    ],
)
def test_what_cannot_be_mended_is_named_if_asked(block: Event, problem: str) -> None:
    message = message_of(TEXT, block, stop_reason="pause_turn")
    assert message.to_param()["content"][0] == TEXT
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        message.to_param(check=True)


def test_the_result_of_an_mcp_tool_may_be_without_content() -> None:
    assert turn_of(MCP, without(ANSWER, "content")) == [MCP, without(ANSWER, "content")]


def test_null_callers_are_left_out_and_others_stay() -> None:
    caller = {"type": "direct"}
    calls = [{**TOOL, "caller": caller}, {**SEARCH, "caller": caller}, {**FOUND, "caller": caller}]
    assert turn_of(*calls) == calls
    nulls: list[Event] = [{**call, "caller": None} for call in (TOOL, SEARCH, FOUND)]
    nulls += [{**MCP}, {**ANSWER, "is_error": None}]
    assert turn_of(*nulls) == [TOOL, SEARCH, FOUND, MCP, without(ANSWER, "is_error")]


def called_by(call: Event, parent: str = "srvtoolu_1") -> Event:
    caller = {"type": "code_execution_20250825", "tool_id": parent}
    return {**call, "caller": caller}


def test_a_call_whose_caller_is_left_out_is_left_out() -> None:
    call = called_by(TOOL)
    search = called_by({**SEARCH, "id": "srvtoolu_2"})
    found = {**FOUND, "tool_use_id": "srvtoolu_2"}
    inner = called_by({**TOOL, "id": "toolu_2"}, "srvtoolu_2")
    for blocks in ([SEARCH, call], [inner, call, SEARCH, search, found, inner, called_by(found)]):
        for reason in (None, "end_turn", "max_tokens"):
            message = message_of(TEXT, *blocks, stop_reason=reason)
            assert turn_of(TEXT, *blocks, stop_reason=reason) == [TEXT]
            assert message.tool_calls == ()
            assert turn_of(TEXT, SEARCH, FALLBACK, call, stop_reason=reason) == [TEXT, FALLBACK]
    # The caller stays, or is in an earlier turn.
    for open_reason in ("pause_turn", "tool_use"):
        assert turn_of(SEARCH, call, stop_reason=open_reason) == [SEARCH, call]
    assert turn_of(SEARCH, call, FOUND) == [SEARCH, call, FOUND]
    assert turn_of(call) == [call]
    odd: Event = {**TOOL, "caller": {"tool_id": ["srvtoolu_1"]}}
    assert turn_of(SEARCH, odd) == [odd]


PARENTS = ("srvtoolu_1", "srvtoolu_2", "srvtoolu_3")
CHILDREN = st.sampled_from(
    [
        called_by(call, parent)
        for parent in PARENTS
        for call in (
            {**TOOL, "id": f"toolu_{parent}"},
            *({**SEARCH, "id": own} for own in PARENTS),
            *({**FOUND, "tool_use_id": own} for own in PARENTS),
        )
    ]
)


@examples(2)
@given(
    st.lists(CHILDREN | st.sampled_from([SEARCH, FOUND, TEXT, FALLBACK]), max_size=7),
    st.sampled_from([None, "end_turn", "pause_turn"]),
)
def test_no_caller_in_a_turn_is_a_call_that_was_left_out(blocks: Any, reason: Any) -> None:
    turn_of(*blocks, stop_reason=reason)


def test_a_citation_has_a_title_that_may_be_null() -> None:
    page = {"type": "page_location", "cited_text": "x", "document_index": 0}
    found = {"type": "search_result_location", "cited_text": "x", "source": "s", "title": "t"}
    (block,) = turn_of({**TEXT, "citations": [page, found, {"type": "later"}]})
    assert block["citations"] == [{**page, "document_title": None}, found, {"type": "later"}]


@pytest.mark.parametrize("tag", ["char_location", "page_location", "content_block_location"])
@pytest.mark.parametrize("file_id", [None, "file_1", 5])
def test_the_citation_of_a_document_goes_back_without_file_id(tag: str, file_id: Any) -> None:
    citation = {"type": tag, "cited_text": "x", "document_index": 0, "document_title": None}
    later = {"type": "later", "file_id": "file_1"}
    cited = {**TEXT, "citations": [{**citation, "file_id": file_id}, later]}
    assert turn_of(cited) == [{**TEXT, "citations": [citation, later]}]
    assert message_of(cited).to_dict()["content"] == [cited]


@pytest.mark.parametrize(("call", "result"), [(SEARCH, FOUND), (MCP, ANSWER)])
def test_the_call_of_a_server_tool_without_result_stays_only_in_an_open_turn(
    call: Event, result: Event
) -> None:
    for open_reason in ("pause_turn", "tool_use"):
        assert turn_of(TEXT, call, stop_reason=open_reason) == [TEXT, call]
    for stop_reason in (None, "end_turn", "max_tokens", "refusal"):
        assert turn_of(TEXT, call, stop_reason=stop_reason) == [TEXT]
        assert turn_of(TEXT, call, result, stop_reason=stop_reason) == [TEXT, call, result]
        # The result answers a call of an earlier turn.
        assert turn_of(result, TEXT, call, stop_reason=stop_reason) == [result, TEXT]


def test_before_the_last_fallback_only_text_and_answered_server_tools_stay() -> None:
    mcp = [{**MCP, "id": "mcptoolu_2"}, MCP, ANSWER]
    alone = {**SEARCH, "id": "srvtoolu_2"}
    before = [THINKING, REDACTED, NARRATION, TEXT, SEARCH, FOUND, TOOL, *mcp, alone]
    kept = [TEXT, SEARCH, FOUND, MCP, ANSWER]
    after = [THINKING, TEXT, NARRATION, {**TOOL, "id": "toolu_2"}]
    reasons = ("end_turn", "tool_use", "pause_turn", None)
    for reason in reasons:
        blocks = (*before, FALLBACK, TOOL, FALLBACK, *after)
        assert turn_of(*blocks, stop_reason=reason) == [*kept, FALLBACK, FALLBACK, *after]
        message = message_of(*blocks, stop_reason=reason)
        assert [call.id for call in message.tool_calls] == ["toolu_2"]


def test_a_declined_call_does_not_hide_an_equal_one_of_the_model_that_goes_on() -> None:
    assert turn_of(TEXT, TOOL, FALLBACK, TOOL) == [TEXT, FALLBACK, TOOL]
    assert len(message_of(TEXT, TOOL, FALLBACK, TOOL).tool_calls) == 1


def test_a_compaction_with_an_empty_summary_is_left_out() -> None:
    failed = {**COMPACTION, "content": None}
    assert turn_of({**COMPACTION, "content": ""}, failed, TEXT) == [failed, TEXT]


def test_the_role_is_always_that_of_the_assistant() -> None:
    assert message_of(role="model").to_param() == {"role": "assistant", "content": []}


# -- half a block ----------------------------------------------------------------------------------


def narrated(*deltas: Event, start: Event | None = None, stops: bool = True) -> list[Event]:
    return [
        message_start(),
        block_start(0, **(start or {"type": "hologram", "light": ""})),
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        *([block_stop(0)] if stops else []),
        block_start(1, **TEXT),
        block_stop(1),
        message_delta("end_turn"),
    ]


LIGHT = {"type": "hologram_delta", "light": "on"}


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize(
    "delta",
    [LIGHT, {"type": "text_delta", "text": ""}, {"type": "signature_delta", "signature": "s"}],
)
def test_an_unknown_block_that_got_deltas_is_not_sent_half(delta: Event, stops: bool) -> None:
    events = narrated(delta, delta, stops=stops)
    message = accumulate(events)
    assert message.to_param()["content"] == [TEXT]
    assert accumulate(narrated(stops=stops)).to_param()["content"] == [
        {"type": "hologram", "light": ""},
        TEXT,
    ]


def test_a_delta_after_its_block_ended_makes_it_half_too() -> None:
    events = [*narrated(), {"type": "content_block_delta", "index": 0, "delta": LIGHT}]
    assert accumulate(events).to_param()["content"] == [TEXT]
    lost = {"type": "content_block_delta", "index": 7, "delta": LIGHT}
    assert len(accumulate([*narrated(), lost]).to_param()["content"]) == 2


def test_half_a_block_is_what_it_was_but_for_the_turn() -> None:
    message = accumulate(narrated(LIGHT))
    block = message.content[0]
    assert block == UnknownBlock("hologram", {"type": "hologram", "light": ""})
    assert Message.from_dict(message.to_dict()) == message
    for again in (pickle.loads(pickle.dumps(message)), deepcopy(message)):
        assert again == message
        assert again.to_param() == message.to_param()
    assert repr(block) == repr(UnknownBlock("hologram", {"type": "hologram", "light": ""}))


def test_narration_without_text_is_left_out_also_of_a_message_that_was_stored() -> None:
    delta = {"type": "connector_text_delta", "connector_text": "Now I look."}
    message = accumulate(narrated(delta, start={**NARRATION, "connector_text": ""}))
    assert message.to_param()["content"] == [TEXT]
    assert Message.from_dict(message.to_dict()).to_param()["content"] == [TEXT]
    assert turn_of(NARRATION, TEXT) == [NARRATION, TEXT]


# -- the page --------------------------------------------------------------------------------------


def test_the_page_about_the_next_turn_has_the_table_of_rules() -> None:
    page = (ROOT / "docs" / "the-next-turn.md").read_text(encoding="utf-8")
    rows = [
        f"| `{rule.name}` | {rule.refused} | {rule.does} | [source]({rule.source}) |"
        for rule in TURN_RULES.values()
    ]
    head = "| rule | what the API refuses | what `to_param()` does | who says so |"
    table = "\n".join([head, "| --- | --- | --- | --- |", *rows])
    assert table in page, f"put this table into the page:\n{table}"


def test_every_rule_names_a_page_of_the_documentation_or_a_public_report() -> None:
    for rule in TURN_RULES.values():
        assert re.match(
            r"https://(platform\.claude\.com/docs/en/|github\.com/.*/\d+$)", rule.source
        )


def test_a_fallback_alone_is_left_as_it_is() -> None:
    # The documentation does not say whether the API takes a turn that has nothing else.
    assert turn_of(FALLBACK) == [FALLBACK]
    assert isinstance(message_of(FALLBACK).content[0], FallbackBlock)


def test_of_two_calls_with_one_id_the_one_that_is_left_out_takes_no_other_with_it() -> None:
    def call(call_id: str, **fields: Any) -> dict[str, Any]:
        return {"type": "server_tool_use", "id": call_id, "name": "n", "input": {}, **fields}

    caller = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
    kept = call("srvtoolu_2")
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_2", "content": []}
    content = [call("srvtoolu_1"), call("srvtoolu_2", caller=caller), kept, result]
    message = Message.from_dict({"content": content, "stop_reason": None, "usage": {}})
    assert message.to_param()["content"] == [kept, result]
