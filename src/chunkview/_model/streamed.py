"""A message and its blocks as the events of a stream that brings them.

Source: https://docs.anthropic.com/en/api/messages-streaming.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .blocks import (
    AnyContentBlock,
    InvalidJson,
    McpToolUseBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    parsed_input,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Event = dict[str, Any]

__all__ = ["events_of_block", "events_of_message"]


def events_of_message(
    message: Mapping[str, Any], blocks: Iterable[Event], usage: Any
) -> list[Event]:
    """Make the events of a message around those of its blocks.

    Args:
        message: The message in JSON, as the API gives it without streaming. It is not checked. What
            is of another type than it should be stays in `message_start`: a `message_delta` would
            not take it.
        blocks: The events of its blocks.
        usage: The usage that `message_delta` brings.

    Returns:
        New dicts, from `message_start` to `message_stop`. They share their parts with the message.
    """
    start, at_end = dict(message), dict[str, Any](stop_reason=None, stop_sequence=None)
    for name, kind in _AT_END.items():
        if isinstance(message.get(name), kind):
            at_end[name] = start.pop(name)
    if isinstance(message.get("content"), (list, tuple, type(None))):
        start["content"] = []
    start = {"stop_reason": None, "stop_sequence": None, **start}
    return [
        {"type": "message_start", "message": start},
        *blocks,
        {"type": "message_delta", "delta": at_end, "usage": usage},
        {"type": "message_stop"},
    ]


_AT_END: dict[str, type] = {"stop_reason": str, "stop_sequence": str, "stop_details": dict}
"""What a stream says at its end, and of which type it is."""


def events_of_block(index: int, block: AnyContentBlock) -> list[dict[str, Any]]:
    """Make the start, the deltas and the stop of a block.

    Args:
        index: The number of the block.
        block: The block. Its text and so on come as deltas; a block that takes none comes whole.

    Returns:
        New dicts.
    """
    start, deltas = block.to_dict(), _deltas_of(block)
    for delta in deltas:
        name = _EMPTIED_BY[delta["type"]]
        start[name] = _EMPTY[name]()
    place = {"type": "content_block_delta", "index": index}
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({**place, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


_EMPTIED_BY = {
    "text_delta": "text",
    "citations_delta": "citations",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "input",
}
"""What a start does not bring, because deltas of a type do."""

_EMPTY: dict[str, Any] = {
    "text": str,
    "citations": list,
    "thinking": str,
    "signature": str,
    "input": dict,
}


def _deltas_of(block: AnyContentBlock) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    if isinstance(block, TextBlock):
        if block.text:
            deltas.append({"type": "text_delta", "text": block.text})
        deltas += [
            {"type": "citations_delta", "citation": citation.to_dict()}
            for citation in block.citations or ()
        ]
    elif isinstance(block, ThinkingBlock):
        if block.thinking:
            deltas.append({"type": "thinking_delta", "thinking": block.thinking})
        if block.signature:
            deltas.append({"type": "signature_delta", "signature": block.signature})
    elif isinstance(block, (ToolUseBlock, ServerToolUseBlock, McpToolUseBlock)) and block.input:
        deltas.append({"type": "input_json_delta", "partial_json": _json_text(block.input)})
    return deltas


def _json_text(tool_input: dict[str, Any] | InvalidJson) -> str:
    if not isinstance(tool_input, InvalidJson):
        return json.dumps(tool_input, separators=(",", ":"))
    text = tool_input.text
    # A text that would be taken for something else is written as `to_dict` writes it.
    is_itself = text.strip() and parsed_input(text) == tool_input
    return text if is_itself else json.dumps(tool_input.to_dict(), separators=(",", ":"))
