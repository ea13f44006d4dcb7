# mypy: disable-error-code="comparison-overlap"
"""A stream hands out each tool call when it is finished."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ContentBlockStopChunk,
    InvalidJson,
    ToolUseBlock,
)
from chunkview.testing import strategies as cv
from stream_support import drain
from support import (
    MESSAGE_STOP,
    as_async,
    json_delta,
    message_delta,
    message_start,
    tool_start,
    tool_stream,
)


def test_a_finished_tool_call_comes_with_the_stop_of_its_block() -> None:
    pairs = list(AnthropicStream(tool_stream('{"x"', ": 1}")))
    tools = [(chunk, tool) for chunk, tool in pairs if tool is not None]
    assert tools == [(ContentBlockStopChunk(0), ToolUseBlock("toolu_1", "get_weather", {"x": 1}))]


def test_a_tool_call_cut_short_is_kept_in_the_message() -> None:
    events = tool_stream('{"x": [1')
    del events[-3]  # the block's stop
    stream = AnthropicStream(events)
    assert all(tool is None for _, tool in stream)
    assert stream.message is not None
    assert stream.message.tool_calls[0].input == InvalidJson('{"x": [1')


def test_a_server_tool_is_not_handed_out() -> None:
    events = tool_stream("{}", type="server_tool_use")
    assert all(tool is None for _, tool in AnthropicStream(events))


def tools_of(events: list[Any]) -> list[Any]:
    return [(chunk.type, tool.name, tool.input) for chunk, tool in AnthropicStream(events) if tool]


UNSTOPPED: Any = [
    ([json_delta('{"a": 1}')], "tool_use", [{"a": 1}]),
    ([json_delta('{"a": 1}')], "max_tokens", [{"a": 1}]),
    ([json_delta('{"a": ')], "max_tokens", []),
    ([json_delta('{"a": ')], "tool_use", []),
    ([], "tool_use", [{}]),
    ([], "max_tokens", []),
]


@pytest.mark.parametrize(("deltas", "stop_reason", "inputs"), UNSTOPPED)
def test_a_tool_call_whose_block_was_never_stopped_comes_with_the_end_of_the_message(
    deltas: list[Any], stop_reason: str, inputs: list[Any]
) -> None:
    events = [message_start(), tool_start(), *deltas, message_delta(stop_reason), MESSAGE_STOP]
    expected = [("message_delta", "get_weather", value) for value in inputs]
    assert tools_of(events) == expected
    assert asyncio.run(drain(AnthropicStream(as_async(events)))) == list(AnthropicStream(events))


def test_a_message_without_message_delta_hands_out_its_tool_calls_at_message_stop() -> None:
    events = [message_start(), tool_start(), json_delta("{}"), MESSAGE_STOP]
    assert tools_of(events) == [("message_stop", "get_weather", {})]


def test_a_chunk_that_completes_several_tool_calls_comes_once_with_each() -> None:
    starts = [event for i in range(3) for event in (tool_start(i), json_delta(f'{{"n": {i}}}', i))]
    events = [message_start(), *starts, message_delta("tool_use"), MESSAGE_STOP]
    assert [value["n"] for _, _, value in tools_of(events)] == [0, 1, 2]


@given(cv.message_streams(), st.data())
def test_every_tool_call_of_the_message_is_handed_out_once_in_order(events: Any, data: Any) -> None:
    stops = [at for at, event in enumerate(events) if event["type"] == "content_block_stop"]
    left_out = data.draw(st.sets(st.sampled_from(stops))) if stops else set()
    kept = [event for at, event in enumerate(events) if at not in left_out]
    stream = AnthropicStream(kept)
    handed_out = [tool for _, tool in stream if tool is not None]
    assert stream.message is not None
    of_message = list(stream.message.tool_calls)
    assert sorted(map(repr, handed_out)) == sorted(
        repr(tool)
        for tool in of_message
        if tool in handed_out or not isinstance(tool.input, InvalidJson)
    ) or stream.message.stop_reason in ("max_tokens", "refusal", "model_context_window_exceeded")
    assert all(tool in of_message for tool in handed_out)
