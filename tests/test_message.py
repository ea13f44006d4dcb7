from __future__ import annotations

import json

import pytest

from chunkview import (
    CostMetadata,
    DecodeError,
    InvalidJson,
    Message,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UnknownBlock,
    Usage,
)

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


def test_a_message_is_written_as_it_was_read() -> None:
    message = Message.from_dict(WIRE)
    assert message.to_dict() == WIRE
    assert json.loads(json.dumps(message.to_dict())) == WIRE
    assert Message.from_dict(message.to_dict()) == message


def test_the_parts_of_a_message_are_at_hand() -> None:
    message = Message.from_dict(WIRE)
    assert message.text == "Hello there"
    assert message.thinking == "Hm."
    assert message.signature == "c2ln"
    assert message.tool_calls == (ToolUseBlock("toolu_1", "f", {"x": [1]}),)
    assert message.cost_metadata == CostMetadata(1, 2, 3, model="claude-test")
    assert message.extra == {"novelty": [None]}
    assert message.content[-1] == UnknownBlock("hologram", {"type": "hologram", "light": 1})


def test_to_param_is_the_turn_to_send_back() -> None:
    assert Message.from_dict(WIRE).to_param() == {"role": "assistant", "content": WIRE["content"]}


def test_to_param_leaves_out_what_the_api_refuses() -> None:
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


def test_a_message_made_by_hand_is_written_as_the_api_does() -> None:
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


def test_a_message_that_lacks_something_is_refused_with_the_place() -> None:
    for key in ("id", "type", "role", "model", "content", "usage"):
        with pytest.raises(DecodeError, match=f"^{key}: required, but missing"):
            Message.from_dict({name: value for name, value in WIRE.items() if name != key})
    with pytest.raises(DecodeError, match=r"^type: expected message, got 'massage'"):
        Message.from_dict({**WIRE, "type": "massage"})
    with pytest.raises(DecodeError, match=r"^content\[0\].text: expected str, got null"):
        Message.from_dict({**WIRE, "content": [{"type": "text", "text": None}]})
