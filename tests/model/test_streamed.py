"""`Message.to_events`: the events of a stream that amounts to a message."""

from __future__ import annotations

from typing import Any

from chunkview import (
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
