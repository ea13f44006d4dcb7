# mypy: disable-error-code="comparison-overlap"
"""The attributes of a stream are the totals so far."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given

from chunkview import (
    Accumulator,
    AnthropicStream,
    ContentBlockStopChunk,
    CostMetadata,
    IncompleteStreamError,
    MessageDeltaChunk,
    MessageStopChunk,
    ToolUseBlock,
    Usage,
    accumulate,
    decode,
)
from chunkview.testing import strategies as cv
from stream_support import assert_totals, message_after
from support import (
    MESSAGE_STOP,
    PING,
    Recorded,
    block_start,
    block_stop,
    delta,
    message_delta,
    message_start,
    text_delta,
    text_stream,
    tool_stream,
)


@given(cv.message_streams())
def test_the_totals_are_those_of_the_message_so_far(events: Any) -> None:
    stream = AnthropicStream(events)
    assert_totals(stream, None)
    number, last = 0, None
    for chunk, tool in stream:
        # A chunk that completes several tool calls comes once with each.
        number += chunk is not last
        last = chunk
        assert chunk == decode(events[number - 1])
        message = message_after(events[:number])
        assert_totals(stream, message)
        if message is None:
            assert tool is None
            continue
        assert tool is None or tool in message.content
        if isinstance(chunk, ContentBlockStopChunk):
            block = message.content[chunk.index]
            assert tool == (block if isinstance(block, ToolUseBlock) else None)
    assert number == len(events)
    assert list(stream) == []
    assert_totals(stream, accumulate(events))


def test_a_stream_gives_each_chunk_and_keeps_the_totals(whole: Recorded) -> None:
    message = accumulate(whole.events)
    stream = AnthropicStream(whole.events)
    pairs = list(stream)
    assert [chunk for chunk, _ in pairs] == [decode(event) for event in whole.events]
    assert [tool for _, tool in pairs if tool is not None] == list(message.tool_calls)
    assert stream.message == message
    assert stream.content == message.text == "".join(chunk.content for chunk, _ in pairs)
    assert stream.thinking == message.thinking == "".join(chunk.thinking for chunk, _ in pairs)
    assert stream.signature == message.signature
    assert (stream.id, stream.model) == (message.id, message.model)
    assert stream.usage == message.usage
    assert stream.input_tokens == message.usage.input_tokens
    assert stream.output_tokens == message.usage.output_tokens
    assert stream.cached_tokens == message.usage.cache_read_input_tokens
    assert stream.finish_reasons == [message.stop_reason]
    assert stream.common_finish_reasons is not None
    assert stream.cost_metadata == message.cost_metadata


def test_before_the_first_event_nothing_is_known() -> None:
    stream = AnthropicStream(text_stream("a"))
    assert stream.message is stream.usage is None
    assert stream.id is stream.model is stream.finish_reasons is None
    assert stream.common_finish_reasons is stream.input_tokens is stream.output_tokens is None
    assert stream.cached_tokens is None
    assert stream.content == stream.thinking == stream.signature == ""
    assert stream.cost_metadata == CostMetadata(final=False)


def test_the_totals_are_those_so_far() -> None:
    stream = AnthropicStream(text_stream("a", "b"))
    pairs = iter(stream)
    for _ in range(3):
        next(pairs)
    assert stream.content == "a"
    assert stream.usage == Usage(10, 1)
    assert stream.finish_reasons is None
    assert [chunk.content for chunk, _ in stream] == ["b", "", "", ""]
    assert stream.usage == Usage(10, 5)
    assert list(stream) == []


READ = message_delta(cache_read_input_tokens=5)


@pytest.mark.parametrize(
    ("ends", "is_final"),
    [
        ([message_delta()], True),
        ([message_delta(output_tokens=None)], False),
        ([message_delta(output_tokens="5")], False),
        ([message_delta(output_tokens="5"), message_delta()], True),
        ([message_delta(output_tokens=0)], False),
        ([message_delta(input_tokens=0)], False),
        ([message_delta(input_tokens=0), message_delta(input_tokens=0)], False),
        ([message_delta(input_tokens=0), message_delta()], False),
        ([message_delta(input_tokens=0), message_delta(input_tokens=10)], True),
        ([READ, message_delta(cache_read_input_tokens=0)], False),
        # What the cache had is counted as other input.
        ([READ, message_delta(cache_read_input_tokens=0, input_tokens=15)], True),
        ([message_delta(input_tokens=0, cache_read_input_tokens=10)], False),
        ([message_delta(cache_read_input_tokens=[])], False),
        ([message_delta(input_tokens=[]), message_delta(input_tokens=10)], True),
        ([message_delta(server_tool_use={"web_search_requests": "1"})], False),
    ],
)  # fmt: skip
def test_the_counts_are_final_unless_they_are_missing_doubtful_or_fell_to_0(
    ends: list[Any], is_final: bool
) -> None:
    events = [message_start(), block_start(), text_delta("a"), block_stop(), *ends, MESSAGE_STOP]
    stream = AnthropicStream(events)
    for chunk, _ in stream:
        if not isinstance(chunk, (MessageDeltaChunk, MessageStopChunk)):
            assert not stream.cost_metadata.final
        assert stream.message is not None
        assert stream.message.cost_metadata == stream.cost_metadata
    assert stream.cost_metadata.final is is_final
    assert accumulate(events).cost_metadata.final is is_final
    cut = Accumulator()
    cut.extend(events[:4])
    assert cut.message is not None
    assert not cut.message.cost_metadata.final


def test_totals_never_add_up() -> None:
    events = [
        message_start(),
        block_start(),
        text_delta("a"),
        block_stop(),
        message_delta(None, output_tokens=50),
        PING,
        message_delta(output_tokens=90),
        MESSAGE_STOP,
    ]
    stream = AnthropicStream(events)
    list(stream)
    assert (stream.input_tokens, stream.output_tokens) == (10, 90)


def test_unknown_deltas_do_not_end_the_stream() -> None:
    events = text_stream("a")
    events.insert(3, delta("scent_delta", smell="rose"))
    stream = AnthropicStream(events)
    assert len(list(stream)) == len(events)


def test_the_repr_of_a_stream_says_what_it_has_so_far() -> None:
    stream = AnthropicStream([*text_stream("x" * 100_000)[:-1], PING, MESSAGE_STOP])
    assert repr(stream) == "<AnthropicStream: no message yet>"
    pairs = iter(stream)
    for _ in range(3):
        next(pairs)
    assert "claude-test msg_1, unfinished, 'xxx" in repr(stream)
    list(stream)
    assert "end_turn" in repr(stream)
    assert "5 output tokens" in repr(stream)
    assert len(repr(stream)) < 400
    tools = AnthropicStream(tool_stream('{"a": 1}'))
    list(tools)
    assert "calls get_weather" in repr(tools)


@pytest.mark.parametrize("end", range(len(text_stream("a")) + 1))
def test_message_and_finish_mean_the_same_on_an_accumulator_and_on_a_stream(end: int) -> None:
    events = text_stream("a")[:end]
    accumulator, stream = Accumulator(), AnthropicStream(events)
    accumulator.extend(events)
    with contextlib.suppress(IncompleteStreamError):
        list(stream)
    assert stream.message == accumulator.message
    results: list[Any] = []
    for each in (accumulator, stream):
        try:
            results.append(each.finish())
        except IncompleteStreamError as error:
            results.append((str(error), error.partial))
    assert results[0] == results[1]
    is_whole = end >= len(text_stream("a")) - 1
    assert results[0] == (stream.message if is_whole else (results[0][0], stream.message))


def test_finish_on_a_closed_stream_says_that_it_was_closed() -> None:
    stream = AnthropicStream(text_stream("a"))
    next(iter(stream))
    stream.close()
    with pytest.raises(IncompleteStreamError, match="the stream was closed before its end") as e:
        stream.finish()
    assert e.value.partial == stream.message == message_after(text_stream("a")[:1])
    whole = AnthropicStream(text_stream("a"))
    list(whole)
    whole.close()
    assert whole.finish() == accumulate(text_stream("a"))


def test_the_message_so_far_has_one_name() -> None:
    other_names = {"partial", "head", "with_partial", "message_param", "open_blocks"}
    for cls in (Accumulator, AnthropicStream):
        assert {"message", "finish"} <= set(dir(cls))
        assert not other_names & set(dir(cls))
