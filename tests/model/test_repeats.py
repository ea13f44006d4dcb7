"""Tool calls that come twice with one id."""

from __future__ import annotations

from typing import Any

from chunkview import Message, TextBlock, ToolUseBlock, Usage


def message_of(*blocks: Any) -> Message:
    return Message("m", "c", blocks, Usage())


def test_of_two_equal_calls_with_one_id_the_first_counts() -> None:
    call, other = ToolUseBlock("t", "f", {"a": 1}), ToolUseBlock("t", "f", {"a": 2})
    again = ToolUseBlock("t", "f", {"a": 1})
    message = message_of(call, TextBlock("x"), again, other, call)
    assert message.tool_calls == (call, other)
    assert message.tool_calls[0] is call
    assert [block.get("input") for block in message.to_param()["content"]] == [
        {"a": 1},
        None,
        {"a": 2},
    ]
    assert len(message.content) == 5


def test_calls_without_an_id_are_never_repetitions() -> None:
    call = ToolUseBlock("", "f", {})
    assert message_of(call, call).tool_calls == (call, call)


def test_calls_whose_input_is_no_json_are_never_repetitions() -> None:
    calls = [ToolUseBlock("t", "f", {"a": {1, 2}}) for _ in range(2)]
    assert message_of(*calls).tool_calls == tuple(calls)
