# mypy: disable-error-code="comparison-overlap"
"""A stream hands out each tool call when it is finished."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkviewError,
    ContentBlockStopChunk,
    FallbackBlock,
    InvalidJson,
    Message,
    ToolUseBlock,
    decode,
)
from chunkview.testing import strategies as cv
from rules.lenient import lenient_streams
from stream_support import drain
from support import (
    MESSAGE_STOP,
    as_async,
    block_stop,
    json_delta,
    message_delta,
    message_start,
    sse,
    text_delta,
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
    expected = [("message_stop", "get_weather", value) for value in inputs]
    assert tools_of(events) == expected
    assert asyncio.run(drain(AnthropicStream(as_async(events)))) == list(AnthropicStream(events))


def test_a_message_without_message_delta_hands_out_its_tool_calls_at_message_stop() -> None:
    events = [message_start(), tool_start(), json_delta("{}"), MESSAGE_STOP]
    assert tools_of(events) == [("message_stop", "get_weather", {})]


def test_a_chunk_that_completes_several_tool_calls_comes_once_with_each() -> None:
    starts = [event for i in range(3) for event in (tool_start(i), json_delta(f'{{"n": {i}}}', i))]
    events = [message_start(), *starts, message_delta("tool_use"), MESSAGE_STOP]
    assert [value["n"] for _, _, value in tools_of(events)] == [0, 1, 2]


def test_without_message_stop_the_chunk_with_the_stop_reason_comes_again_with_the_tool_call() -> (
    None
):
    start = [message_start(), tool_start(), json_delta('{"a": 1}')]
    end = [message_delta(None), message_delta("tool_use"), message_delta(None)]
    pairs = list(AnthropicStream([*start, *end]))
    tool = ToolUseBlock("toolu_1", "get_weather", {"a": 1})
    assert [pair for pair in pairs if pair[1]] == [(decode(message_delta("tool_use")), tool)]
    assert pairs[:-1] == [(decode(event), None) for event in (*start, *end)]
    body = sse([*start, *end])
    for source in (body, body[:-2], body + b"event: message_st"):
        assert list(AnthropicStream([source])) == pairs
        assert asyncio.run(drain(AnthropicStream(as_async([source])))) == pairs


def test_a_tool_call_that_a_stop_reason_paused_is_not_run_half() -> None:
    start = [message_start(), tool_start(), json_delta("{}"[:1]), message_delta("tool_use")]
    events = [*start, json_delta("}"), block_stop(), MESSAGE_STOP]
    assert tools_of(events) == [("content_block_stop", "get_weather", {})]
    assert tools_of([*start, json_delta("}"), MESSAGE_STOP]) == [
        ("message_stop", "get_weather", {})
    ]
    assert tools_of([*start, json_delta("}")]) == [("message_delta", "get_weather", {})]
    assert tools_of([*start, block_stop()]) == [
        ("content_block_stop", "get_weather", InvalidJson("{"))
    ]


def test_a_tool_call_is_complete_when_the_next_one_takes_its_index() -> None:
    first = [message_start(), tool_start(id="t"), json_delta('{"a": 1}')]
    second = [tool_start(id="u"), json_delta('{"b": 2}'), block_stop()]
    assert tools_of([*first, *second, message_delta("tool_use"), MESSAGE_STOP]) == [
        ("content_block_start", "get_weather", {"a": 1}),
        ("content_block_stop", "get_weather", {"b": 2}),
    ]
    half = [*first[:2], json_delta('{"a":'), *second, message_delta("tool_use"), MESSAGE_STOP]
    assert tools_of(half) == [("content_block_stop", "get_weather", {"b": 2})]


def test_a_tool_call_is_complete_when_the_text_beside_it_is_stopped() -> None:
    events = [message_start(), tool_start(), json_delta("{}"), text_delta("a"), block_stop()]
    assert tools_of([*events, message_delta("tool_use"), MESSAGE_STOP]) == [
        ("content_block_stop", "get_weather", {})
    ]


def test_of_two_equal_tool_calls_with_one_id_the_first_is_handed_out() -> None:
    call = [tool_start(), json_delta("{}"), block_stop()]
    other = [tool_start(), json_delta('{"a": 1}'), block_stop()]
    end = [message_delta("tool_use"), MESSAGE_STOP]
    stream = AnthropicStream([message_start(), *call, *call, *other, *call, *other, *end])
    tools = [tool for _, tool in stream if tool]
    assert [tool.input for tool in tools] == [{}, {"a": 1}]
    assert stream.message is not None
    assert list(stream.message.tool_calls) == tools
    # Null and absent are the same, and so are an object and its text.
    same = [tool_start(caller=None, toolset_name=None, input="{}"), block_stop()]
    assert len(tools_of([message_start(), *call, *same, *end])) == 1
    # Calls without an id cannot be told to be one.
    calls = [event for n in range(2) for event in (tool_start(n, id=""), block_stop(n))]
    assert len(tools_of([message_start(), *calls, *end])) == 2


def test_tool_calls_that_message_start_brings_come_at_the_end_of_the_message() -> None:
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    start = message_start(content=[tool], stop_reason="tool_use")
    assert tools_of([start, MESSAGE_STOP]) == [("message_stop", "f", {"a": 1})]
    assert tools_of([start]) == [("message_start", "f", {"a": 1})]


def test_a_stream_that_is_closed_hands_out_nothing_more() -> None:
    events = [message_start(), tool_start(), json_delta("{}"), message_delta("tool_use")]
    stream = AnthropicStream(events)
    for chunk, tool in stream:
        assert tool is None
        if chunk.finish_reasons:
            stream.close()
    assert stream.finish().tool_calls[0].input == {}


@given(lenient_streams())
def test_every_tool_call_of_a_finished_message_is_handed_out_once(events: Any) -> None:
    stream = AnthropicStream(events)
    tools = []
    try:
        tools = [tool for _, tool in stream if tool is not None]
    except ChunkviewError:
        return
    assert stream.message is not None
    # What is not whole is handed out only if its block was stopped.
    calls = calls_before_and_after_fallbacks(stream.message)
    missing = [tool for tool in calls if tool not in tools]
    assert all(isinstance(tool.input, InvalidJson) or not tool.input for tool in missing)
    assert all(tool in stream.message.content for tool in tools)
    assert len(tools) + len(missing) == len(calls)


def calls_before_and_after_fallbacks(message: Message) -> list[ToolUseBlock]:
    """The calls of a message, also of the models that gave up.

    A stream hands out a call when its block ends. It does not know whether a fallback will follow.
    """
    kept = [block for block in message.content if not isinstance(block, FallbackBlock)]
    return list(attrs.evolve(message, content=tuple(kept)).tool_calls)


@given(cv.message_streams(), st.data())
def test_every_tool_call_of_the_message_is_handed_out_once_in_order(events: Any, data: Any) -> None:
    stops = [at for at, event in enumerate(events) if event["type"] == "content_block_stop"]
    left_out = data.draw(st.sets(st.sampled_from(stops))) if stops else set()
    kept = [event for at, event in enumerate(events) if at not in left_out]
    stream = AnthropicStream(kept)
    handed_out = [tool for _, tool in stream if tool is not None]
    assert stream.message is not None
    of_message = calls_before_and_after_fallbacks(stream.message)
    assert sorted(map(repr, handed_out)) == sorted(
        repr(tool)
        for tool in of_message
        if tool in handed_out or not isinstance(tool.input, InvalidJson)
    ) or stream.message.stop_reason in ("max_tokens", "refusal", "model_context_window_exceeded")
    assert all(tool in of_message for tool in handed_out)
