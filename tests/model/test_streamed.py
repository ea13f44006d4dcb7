"""`Message.to_events`: the events of a stream that amounts to a message."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    Accumulator,
    ChunkviewError,
    FallbackBlock,
    FallbackInfo,
    InvalidJson,
    Message,
    RedactedThinkingBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    Usage,
    accumulate,
    read_citation,
)
from chunkview._model import events_of_message
from chunkview.testing import strategies as cv
from rules.lenient import lenient_streams
from stream_support import so_far
from support import block_start, message_delta, text_delta, text_stream
from support import message_start as start_of

CITATION = {"type": "char_location", "cited_text": "a", "document_index": 0}


def message_of(*blocks: Any, **fields: Any) -> Message:
    return Message("msg_1", "claude", blocks, Usage(3, 4), **{"stop_reason": "end_turn", **fields})


def events_of(block: Any) -> list[Any]:
    return message_of(block).to_events()[1:-2]


def start(block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def delta(delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


STOP = {"type": "content_block_stop", "index": 0}


@given(lenient_streams() | st.builds(lambda broken: broken[1], cv.broken_streams()))
def test_counts_in_doubt_stay_in_doubt(events: Any) -> None:
    """Whatever the stream, and also where it broke off."""
    accumulator = Accumulator()
    with contextlib.suppress(ChunkviewError):
        accumulator.extend(events)
    message = accumulator.message
    if message is not None and message.cost_metadata.final is False:
        again = accumulate(message.to_events())
        assert again.cost_metadata.final is False
        assert accumulate(again.to_events()).cost_metadata.final is False


def without_usage(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "usage"}


DOUBTFUL: dict[str, list[Any]] = {
    "no usage at the end": [start_of(), without_usage(message_delta())],
    "no count at the end": [start_of(), message_delta(output_tokens=None)],
    "a misfit": [start_of(), message_delta(output_tokens=5, input_tokens="7")],
    "a count that fell to 0": [start_of(), message_delta(output_tokens=5, input_tokens=0)],
    "no end": [start_of(), block_start(0), text_delta("a")],
}


@pytest.mark.parametrize("events", DOUBTFUL.values(), ids=DOUBTFUL)
def test_where_the_counts_are_in_doubt_the_end_has_no_count(events: list[Any]) -> None:
    message = so_far(*events)
    again = message.to_events()
    assert again[-2]["usage"] == {"output_tokens": None}
    assert message.cost_metadata.final is accumulate(again).cost_metadata.final is False
    if message.stop_reason:
        assert accumulate(again) == message


def test_counts_that_are_final_or_that_nobody_doubts_come_at_the_end() -> None:
    final = accumulate(text_stream("a"))
    by_hand = message_of()
    for message in (final, by_hand, Message.from_dict(final.to_dict())):
        count = message.usage.output_tokens
        assert message.to_events()[-2]["usage"] == {"output_tokens": count}
        assert accumulate(message.to_events()).cost_metadata.final is True


def test_the_json_of_a_message_cannot_say_that_its_counts_are_in_doubt() -> None:
    message = so_far(*DOUBTFUL["no usage at the end"])
    assert message.cost_metadata.final is False
    assert Message.from_dict(message.to_dict()).cost_metadata.final is None
    assert "cost_metadata" in (Message.to_dict.__doc__ or "")


def test_a_message_without_content_starts_and_stops() -> None:
    assert message_of(stop_details={"type": "refusal"}).to_events() == [
        {
            "type": "message_start",
            "message": {
                "type": "message",
                "id": "msg_1",
                "model": "claude",
                "role": "assistant",
                "content": [],
                "usage": {"input_tokens": 3, "output_tokens": 4},
                "stop_reason": None,
                "stop_sequence": None,
            },
        },
        {
            "type": "message_delta",
            "delta": {
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "stop_details": {"type": "refusal"},
            },
            "usage": {"output_tokens": 4},
        },
        {"type": "message_stop"},
    ]


def test_content_of_another_type_stays_at_the_start_of_the_message() -> None:
    message = {"type": "message", "id": "msg_1", "content": "hello"}

    start, *_ = events_of_message(message, (), None)

    assert start["message"]["content"] == "hello"


def test_text_and_its_citations_come_as_deltas() -> None:
    block = TextBlock("Hello", (read_citation(CITATION),))
    assert events_of(block) == [
        start({"type": "text", "text": "", "citations": []}),
        delta({"type": "text_delta", "text": "Hello"}),
        delta({"type": "citations_delta", "citation": CITATION}),
        STOP,
    ]


def test_citations_come_also_without_a_text() -> None:
    citations = (read_citation(CITATION),)
    assert events_of(TextBlock("", citations=citations))[1:-1] == [
        delta({"type": "citations_delta", "citation": CITATION})
    ]


def test_thinking_and_its_signature_come_as_deltas() -> None:
    assert events_of(ThinkingBlock("hm", "c2ln")) == [
        start({"type": "thinking", "thinking": "", "signature": ""}),
        delta({"type": "thinking_delta", "thinking": "hm"}),
        delta({"type": "signature_delta", "signature": "c2ln"}),
        STOP,
    ]
    assert len(events_of(ThinkingBlock("", ""))) == 2


def test_the_input_of_a_tool_comes_as_json_text() -> None:
    for block in (ToolUseBlock, ServerToolUseBlock):
        name = block.type
        assert events_of(block("t", "f", {"a": 1})) == [
            start({"type": name, "id": "t", "name": "f", "input": {}}),
            delta({"type": "input_json_delta", "partial_json": '{"a":1}'}),
            STOP,
        ]
    assert len(events_of(ToolUseBlock("t", "f", {}))) == 2


def test_an_input_that_is_no_json_comes_as_it_is_unless_it_would_be_read_as_something_else() -> (
    None
):
    for text, sent in (
        ('{"a":', '{"a":'),
        ("[1]", "[1]"),
        (" ", '{"INVALID_JSON":" "}'),
        ('{"a":1}', '{"INVALID_JSON":"{\\"a\\":1}"}'),
    ):
        block = ToolUseBlock("t", "f", InvalidJson(text))
        assert events_of(block)[1] == delta({"type": "input_json_delta", "partial_json": sent})
        message = message_of(block)
        assert accumulate(message.to_events()) == message


def test_a_block_without_deltas_comes_whole() -> None:
    assert events_of(RedactedThinkingBlock("x")) == [
        start({"type": "redacted_thinking", "data": "x"}),
        STOP,
    ]


def test_a_fallback_block_changes_the_model_of_the_stream() -> None:
    block = FallbackBlock(FallbackInfo("claude"), FallbackInfo("other"))
    assert accumulate(message_of(block).to_events()).model == "other"
