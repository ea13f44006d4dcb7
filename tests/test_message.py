from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    Accumulator,
    ContentBlock,
    CostMetadata,
    DecodeError,
    InvalidJson,
    McpToolUseBlock,
    Message,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UnknownBlock,
    Usage,
    decode,
    read_block,
)
from chunkview.testing import strategies as cv
from support import block_start, json_delta, message_start

WIRE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-test",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": [1]}},
        {"type": "text", "text": " there", "citations": None},
        {"type": "hologram", "light": 1},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": None,
    "usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3},
    "container": {"id": "c", "expires_at": "2026-01-01T00:00:00Z"},
    "novelty": [None],
}


def test_a_message_is_written_unchanged() -> None:
    message = Message.from_dict(WIRE)
    assert message.to_dict() == WIRE
    assert json.loads(json.dumps(message.to_dict())) == WIRE
    assert Message.from_dict(message.to_dict()) == message


def test_a_message_gives_its_text_thinking_and_tool_calls() -> None:
    message = Message.from_dict(WIRE)
    assert message.text == "Hello there"
    assert message.thinking == "Hm."
    assert message.signature == "c2ln"
    assert message.tool_calls == (ToolUseBlock("toolu_1", "f", {"x": [1]}),)
    assert message.cost_metadata == CostMetadata(1, 2, 3, model="claude-test")
    assert message.extra == {"novelty": [None]}
    assert message.content[-1] == UnknownBlock("hologram", {"type": "hologram", "light": 1})


def test_to_param_gives_the_turn_to_send_back() -> None:
    assert Message.from_dict(WIRE).to_param() == {"role": "assistant", "content": WIRE["content"]}


def test_to_param_leaves_out_blocks_that_the_api_refuses() -> None:
    message = Message(
        "msg_1",
        "claude-test",
        (
            ThinkingBlock("cut short"),
            ThinkingBlock("cut short", ""),
            TextBlock(""),
            ToolUseBlock("toolu_1", "f", InvalidJson('{"x": [1')),
        ),
        Usage(1, 2),
    )
    assert message.to_param()["content"] == [
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"INVALID_JSON": '{"x": [1'}}
    ]
    assert len(message.to_dict()["content"]) == 4


def test_a_message_made_by_hand_is_written_as_the_api_writes_one() -> None:
    assert Message("msg_1", "m", (), Usage(1, 2)).to_dict() == {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": {"input_tokens": 1, "output_tokens": 2},
        "stop_reason": None,
        "stop_sequence": None,
    }


def test_a_message_may_lack_any_key() -> None:
    assert Message.from_dict({}) == Message("", "", (), Usage())
    assert Message.from_dict({}).to_dict() == {}
    defaults = {"id": "", "role": "assistant", "model": "", "content": (), "usage": Usage()}
    for key in WIRE:
        without = {name: value for name, value in WIRE.items() if name != key}
        message = Message.from_dict(without)
        assert message.to_dict() == without
        if key in ("type", "novelty"):
            continue
        assert getattr(message, key) == defaults.get(key)
        null = Message.from_dict({**WIRE, key: None})
        assert null == message
        assert null.to_dict() == {**WIRE, key: None}
        misfit = Message.from_dict({**WIRE, key: 5})
        assert misfit == attrs.evolve(message, extra={**message.extra, key: 5})
        assert misfit.to_dict() == {**WIRE, key: 5}


def test_the_type_of_a_message_may_be_anything_and_is_kept() -> None:
    for name in ("massage", 5):
        message = Message.from_dict({**WIRE, "type": name})
        assert message.extra == {"novelty": [None], "type": name}
        assert message.type == "message"
        assert message.to_dict() == {**WIRE, "type": name}


def test_a_message_with_a_block_that_lacks_what_is_essential_is_refused_with_the_place() -> None:
    for block, problem in {
        "{}": r"^content\[1\]\.type: required, but missing$",
        '{"type": "tool_use"}': r"^content\[1\]\.name: required, but missing$",
        "null": r"^content\[1\]: expected object, got null$",
    }.items():
        with pytest.raises(DecodeError, match=problem):
            Message.from_dict({**WIRE, "content": [{"type": "text"}, json.loads(block)]})


@given(cv.message_streams() | cv.message_streams(beta=True), st.data())
def test_a_message_of_a_stream_cut_anywhere_reads_back_as_it_was(events: Any, data: Any) -> None:
    accumulator = Accumulator()
    accumulator.extend(events[: data.draw(st.integers(1, len(events)))])
    message = accumulator.message
    if message is not None:
        written = message.to_dict()
        assert Message.from_dict(written) == message
        assert Message.from_dict(json.loads(json.dumps(written))) == message
        assert Message.from_dict(written).to_dict() == written


TOOL_USES: list[tuple[type[ContentBlock], dict[str, Any]]] = [
    (ToolUseBlock, {"type": "tool_use", "id": "t", "name": "f"}),
    (ServerToolUseBlock, {"type": "server_tool_use", "id": "t", "name": "f"}),
    (McpToolUseBlock, {"type": "mcp_tool_use", "id": "t", "name": "f", "server_name": "s"}),
]


@pytest.mark.parametrize(("cls", "wire"), TOOL_USES)
@pytest.mark.parametrize("text", ["", "{", '{"x": [1', "[1]", "null", "42", '"x"', "\ud83d"])
def test_an_input_that_is_not_valid_json_is_invalid_json_again_after_reading(
    cls: type[ContentBlock], wire: dict[str, Any], text: str
) -> None:
    written = {**wire, "input": {"INVALID_JSON": text}}
    block: Any = read_block(written)
    assert block.input == InvalidJson(text)
    assert block == cls.from_dict(written)
    assert block.to_dict() == written
    event = block_start(**written)
    assert decode(event).to_event() == event


@pytest.mark.parametrize(
    "value",
    [{"INVALID_JSON": 1}, {"INVALID_JSON": "{", "x": 1}, {"invalid_json": "{"}, {}],
)
def test_an_input_that_only_resembles_invalid_json_is_an_input(value: dict[str, Any]) -> None:
    block: Any = read_block({**TOOL_USES[0][1], "input": value})
    assert block.input == value


def test_an_input_as_deep_as_json_may_be_fits_into_a_message() -> None:
    accumulator = Accumulator()
    start = block_start(type="tool_use", id="t", name="f", input={})
    deep = json_delta('{"x":' + "[" * 199 + "]" * 199 + "}")
    accumulator.extend([message_start(), start, deep, {"type": "content_block_stop", "index": 0}])
    message = accumulator.message
    assert message is not None
    assert Message.from_dict(message.to_dict()) == message
    assert isinstance(message.tool_calls[0].input, dict)
