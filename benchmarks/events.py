"""One event of each kind, as parsed JSON."""

from __future__ import annotations

from typing import Any


def delta(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}}


def start(kind: str, **fields: Any) -> dict[str, Any]:
    block = {"type": kind, **fields}
    return {"type": "content_block_start", "index": 1, "content_block": block}


TOOL_ID = "toolu_01T1x1fJ34qAmk2tNTrN7Up6"

EVENTS: dict[str, dict[str, Any]] = {
    "text_delta": delta("text_delta", text=" and the lamp"),
    "input_json_delta": delta("input_json_delta", partial_json='{"city": "Li'),
    "thinking_delta": delta("thinking_delta", thinking="The log gives the date"),
    "signature_delta": delta("signature_delta", signature="ErUBCkYIBxgCIkDbEx" * 16),
    "citations_delta": delta(
        "citations_delta",
        citation={
            "type": "web_search_result_location",
            "cited_text": "The lamp was lit on 4 May.",
            "url": "https://example.org/lamp",
            "title": "The lamp",
            "encrypted_index": "Eo8BCioIBhgBIiQ" * 8,
        },
    ),
    "citations_delta, char_location": delta(
        "citations_delta",
        citation={
            "type": "char_location",
            "cited_text": "The lamp was lit on 4 May.",
            "document_index": 0,
            "document_title": "The log",
            "start_char_index": 118,
            "end_char_index": 144,
            "file_id": None,
        },
    ),
    "compaction_delta": delta("compaction_delta", content="The lamp was lit on 4 May."),
    "content_block_start": start("text", text=""),
    "content_block_start, thinking": start("thinking", thinking="", signature=""),
    "content_block_start, redacted_thinking": start("redacted_thinking", data="EmwKAhgBEgyD" * 12),
    "content_block_start, tool_use": start("tool_use", id=TOOL_ID, name="get_weather", input={}),
    "content_block_start, server_tool_use": start(
        "server_tool_use", id=f"srv{TOOL_ID}", name="web_search", input={}
    ),
    "content_block_start, web_search_tool_result": start(
        "web_search_tool_result",
        tool_use_id=f"srv{TOOL_ID}",
        content=[
            {
                "type": "web_search_result",
                "title": f"The lamp, part {part}",
                "url": f"https://example.org/lamp/{part}",
                "encrypted_content": "EqgfCioIARgBIiQ3" * 160,
                "page_age": "March 4, 2025",
            }
            for part in range(8)
        ],
    ),
    "content_block_start, compaction": start("compaction", content=None),
    "content_block_stop": {"type": "content_block_stop", "index": 0},
    "message_start": {
        "type": "message_start",
        "message": {
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 2318,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 0,
                    "ephemeral_1h_input_tokens": 0,
                },
                "output_tokens": 3,
                "service_tier": "standard",
            },
        },
    },
    "message_delta": {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 2318, "output_tokens": 412, "cache_read_input_tokens": 0},
    },
    "message_delta, server tools": {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 9874,
            "cache_creation_input_tokens": 7621,
            "cache_read_input_tokens": 28247,
            "output_tokens": 574,
            "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 0},
        },
    },
    "message_stop": {"type": "message_stop"},
    "ping": {"type": "ping"},
    "error": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
}
"""By the event or its delta; after a comma, by what is in it."""

NOT_OF_THE_SDK = ("compaction_delta", "content_block_start, compaction", "ping", "error")
"""The events for which the SDK's stream has no class: it skips, raises or has them in a beta."""
