"""`assert_sendable` finds each breach of the rules of the next turn, and names rule and block."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest

from chunkview._model import TURN_RULES
from chunkview.testing.laws import assert_sendable
from support import Event

TEXT: Event = {"type": "text", "text": "Hello"}
THINKING: Event = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
REDACTED: Event = {"type": "redacted_thinking", "data": "eA=="}
TOOL: Event = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
SEARCH: Event = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND: Event = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
MCP: Event = {
    "type": "mcp_tool_use",
    "id": "mcptoolu_1",
    "name": "f",
    "input": {},
    "server_name": "s",
}
ANSWER: Event = {
    "type": "mcp_tool_result",
    "tool_use_id": "mcptoolu_1",
    "content": "x",
    "is_error": False,
}
FALLBACK: Event = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
NARRATION: Event = {"type": "connector_text", "connector_text": "Now I look."}
COMPACTION: Event = {"type": "compaction", "content": "So far."}
CITED: Event = {
    **TEXT,
    "citations": [
        {"type": "char_location", "cited_text": "x", "document_title": None},
        {"type": "search_result_location", "cited_text": "x", "source": "s", "title": "t"},
    ],
}
WHOLE: list[Event] = [
    TEXT,
    SEARCH,
    FOUND,
    MCP,
    ANSWER,
    FALLBACK,
    THINKING,
    REDACTED,
    {**TEXT, "text": " "},
    NARRATION,
    COMPACTION,
    CITED,
    {"type": "container_upload", "file_id": "file_1"},
    {"type": "mcp_tool_listing", "mcp_server_name": "s", "tools": []},
    {"type": "hologram", "light": 1},
    TOOL,
]


def turn(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def without(block: Event, name: str) -> Event:
    return {key: value for key, value in block.items() if key != name}


NO_CONTENT = without(FOUND, "content")
WITH_CONTENT = (
    "web_search_tool_result",
    "web_fetch_tool_result",
    "advisor_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
)

BREACHES: list[tuple[str, Any, Any]] = [
    # The rule, the turn, and what the error shows.
    ("text_empty", turn(TEXT, {**TEXT, "text": ""}), {**TEXT, "text": ""}),
    ("text_blank", turn({**TEXT, "text": " \n"}, TOOL), {**TEXT, "text": " \n"}),
    ("thinking_unsigned", turn({**THINKING, "signature": ""}, TEXT), {**THINKING, "signature": ""}),
    (
        "thinking_unsigned",
        turn(without(THINKING, "signature"), TEXT),
        without(THINKING, "signature"),
    ),
    ("thinking_last", turn(TEXT, THINKING), THINKING),
    ("thinking_last", turn(TEXT, REDACTED), REDACTED),
    *[
        ("input_not_object", turn({**call, "input": value}), {**call, "input": value})
        for call in (TOOL, SEARCH, MCP)
        for value in (None, [1], "x", 42, '{"a": 1}')
    ],
    ("input_not_object", turn(without(TOOL, "input")), without(TOOL, "input")),
    ("tool_id_repeated", turn(TOOL, {**TOOL, "name": "g"}), {**TOOL, "name": "g"}),
    ("tool_id_invalid", turn({**TOOL, "id": ""}), {**TOOL, "id": ""}),
    ("tool_id_invalid", turn({**TOOL, "id": "f:0"}), {**TOOL, "id": "f:0"}),
    ("tool_id_invalid", turn({**SEARCH, "id": "toolu_1"}), {**SEARCH, "id": "toolu_1"}),
    ("caller_null", turn({**TOOL, "caller": None}), {**TOOL, "caller": None}),
    (
        "citation_title_missing",
        turn({**TEXT, "citations": [{"type": "page_location", "cited_text": "x"}]}),
        {**TEXT, "citations": [{"type": "page_location", "cited_text": "x"}]},
    ),
    *[
        (
            "citation_file_id",
            turn({**CITED, "citations": [{**CITED["citations"][0], "file_id": value}]}),
            {**CITED, "citations": [{**CITED["citations"][0], "file_id": value}]},
        )
        for value in (None, "file_1")
    ],
    ("declined_block", turn(TEXT, THINKING, FALLBACK, TEXT), THINKING),
    ("declined_block", turn(TEXT, REDACTED, FALLBACK, TEXT), REDACTED),
    ("declined_block", turn(TEXT, NARRATION, FALLBACK, TEXT), NARRATION),
    ("declined_block", turn(TEXT, FALLBACK, TOOL, FALLBACK, TEXT), TOOL),
    ("declined_server_tool_unanswered", turn(SEARCH, FALLBACK, TEXT), SEARCH),
    ("declined_server_tool_unanswered", turn(FOUND, SEARCH, FALLBACK, TEXT), SEARCH),
    ("declined_server_tool_unanswered", turn(MCP, FALLBACK, TEXT, SEARCH), MCP),
    ("block_half", turn({**NARRATION, "connector_text": ""}), {**NARRATION, "connector_text": ""}),
    ("compaction_empty", turn({**COMPACTION, "content": ""}), {**COMPACTION, "content": ""}),
    ("role_other", {"role": "user", "content": []}, {"role": "user", "content": []}),
    ("key_invalid", turn({"text": "x"}), {"text": "x"}),
    ("key_invalid", turn({**TEXT, "text": None}), {**TEXT, "text": None}),
    ("key_invalid", turn(without(TOOL, "id")), without(TOOL, "id")),
    ("key_invalid", turn({**TOOL, "name": ""}), {**TOOL, "name": ""}),
    ("key_invalid", turn(without(FOUND, "tool_use_id")), without(FOUND, "tool_use_id")),
    ("key_invalid", turn(without(MCP, "server_name")), without(MCP, "server_name")),
    ("key_invalid", turn({**TEXT, "citations": ["x"]}), {**TEXT, "citations": ["x"]}),
    (
        "key_invalid",
        turn({**TEXT, "citations": [{"type": "char_location", "document_title": None}]}),
        {**TEXT, "citations": [{"type": "char_location", "document_title": None}]},
    ),
    ("key_invalid", turn({**TEXT, "citations": 5}), {**TEXT, "citations": 5}),
    *[
        ("key_invalid", turn({**block, name: value}), {**block, name: value})
        for block, name, value in (
            (TOOL, "caller", 5),
            (SEARCH, "caller", "direct"),
            (FOUND, "caller", []),
            (FOUND, "is_error", None),
            (ANSWER, "is_error", None),
            (ANSWER, "is_error", "no"),
        )
    ],
    *[
        ("key_invalid", turn(block), block)
        for tag in WITH_CONTENT
        for block in ({**FOUND, "type": tag, "content": None}, {**NO_CONTENT, "type": tag})
    ],
    ("text_empty", {**turn(), "content": ""}, {**turn(), "content": ""}),
    ("text_blank", {**turn(), "content": " \n"}, {**turn(), "content": " \n"}),
    ("content_invalid", {"role": "assistant"}, {"role": "assistant"}),
    ("content_invalid", turn("Hello"), turn("Hello")),
    ("not_json", turn({**TEXT, "text": "\ud83d"}), turn({**TEXT, "text": "\ud83d"})),
    (
        "not_json",
        turn({**TOOL, "input": {"x": float("inf")}}),
        turn({**TOOL, "input": {"x": float("inf")}}),
    ),
]


@pytest.mark.parametrize(("rule", "param", "shown"), BREACHES)
def test_a_planted_breach_is_named_with_its_block(rule: str, param: Any, shown: Any) -> None:
    before = deepcopy(param)
    with pytest.raises(AssertionError) as caught:
        assert_sendable(param)
    assert str(caught.value).startswith(f"{rule}: ")
    assert str(caught.value).endswith(repr(shown))
    assert param == before


@pytest.mark.parametrize("call", [SEARCH, MCP])
@pytest.mark.parametrize("stop_reason", [None, "end_turn", "max_tokens", "refusal"])
def test_a_server_tool_waits_for_its_result_only_in_an_open_turn(
    call: dict[str, Any], stop_reason: str | None
) -> None:
    param = turn(TEXT, call)
    assert_sendable(param)
    assert_sendable(param, stop_reason="pause_turn")
    assert_sendable(param, stop_reason="tool_use")
    with pytest.raises(AssertionError, match=r"^server_tool_unanswered: ") as caught:
        assert_sendable(param, stop_reason=stop_reason)
    assert str(caught.value).endswith(repr(call))


@pytest.mark.parametrize("call", [TOOL, {**SEARCH, "id": "srvtoolu_2"}])
def test_a_caller_that_the_answer_has_and_the_turn_has_not_is_a_breach(call: Event) -> None:
    called = {**call, "caller": {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}}
    assert_sendable(turn(TEXT, called))
    assert_sendable(turn(TEXT, called), answer=turn(TEXT, called))
    assert_sendable(turn(SEARCH, called), answer=turn(SEARCH, called))
    with pytest.raises(AssertionError, match=r"^caller_left_out: ") as caught:
        assert_sendable(turn(TEXT, called), answer=turn(TEXT, SEARCH, called))
    assert str(caught.value).endswith(repr(called))


def test_a_breach_of_every_rule_is_planted() -> None:
    planted = {rule for rule, _, _ in BREACHES} | {"server_tool_unanswered", "caller_left_out"}
    assert planted - {"content_invalid", "not_json"} == set(TURN_RULES)


def test_a_turn_of_all_kinds_of_blocks_and_one_without_content_pass() -> None:
    assert_sendable(turn(*WHOLE), stop_reason=None)
    assert_sendable(turn())
    assert_sendable({"role": "assistant", "content": "Hello"}, stop_reason=None, answer=turn(TEXT))
    assert_sendable(turn(TEXT), answer={"role": "assistant", "content": "Hello"})
    assert_sendable(turn({**TEXT, "citations": None}, without(ANSWER, "content")))
    assert_sendable(turn({"type": "hologram", "caller": None, "is_error": None}))


class Unshowable:
    def __repr__(self) -> str:
        raise KeyError("no text")


@pytest.mark.parametrize("value", [10**5000, Unshowable()], ids=["digits", "object"])
def test_a_value_that_python_cannot_show_is_a_breach_like_any_other(value: Any) -> None:
    with pytest.raises(AssertionError, match=r"^not_json: "):
        assert_sendable(turn({**TOOL, "input": {"x": value}}))


def test_a_turn_nested_beyond_all_bounds_is_a_breach() -> None:
    deep: Any = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(AssertionError, match=r"^not_json: "):
        assert_sendable(turn({**TOOL, "input": {"x": deep}}))


def test_the_text_of_a_breach_is_bounded() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_sendable(turn({**TOOL, "input": "x" * 1_000_000}))
    assert len(str(caught.value)) < 1_000


def test_the_laws_need_neither_hypothesis_nor_the_implementation() -> None:
    program = (
        "import json, sys, chunkview.testing.laws as laws; "
        "print(json.dumps([sorted(vars(laws)), 'hypothesis' in sys.modules]))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    names, has_hypothesis = json.loads(shown.stdout)
    assert not has_hypothesis
    assert not {"Message", "TURN_RULES", "chunkview"} & set(names)
