"""A user's program, for the type checkers: `make lint` reads it, and test_typed_program runs it.

Each `assert_type` states what mypy and pyright must both infer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import attrs

import chunkview
from chunkview import (
    AnthropicCallResponseChunk,
    AnthropicStream,
    ContentBlockStartChunk,
    FinishReason,
    InvalidJson,
    MessageDeltaChunk,
    MessageDeltaUsage,
    MessageStartChunk,
    TextBlock,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    ToolUseBlock,
    UnknownChunk,
    Usage,
)

if sys.version_info >= (3, 11):
    from typing import assert_type
else:
    from typing_extensions import assert_type

if TYPE_CHECKING:
    from collections.abc import Iterable


def handle(chunk: AnthropicCallResponseChunk) -> str:
    """Match on chunk views, positionally and by keyword."""
    assert_type(chunk.content, str)
    assert_type(chunk.finish_reasons, list[FinishReason] | None)
    assert_type(chunk.usage, "Usage | MessageDeltaUsage | None")
    assert_type(chunk.input_tokens, "int | None")
    match chunk:
        case TextDeltaChunk(index, text):
            assert_type(index, int)
            assert_type(text, str)
            return text
        case ThinkingDeltaChunk(thinking=thinking):
            assert_type(thinking, str)
            return f"({thinking})"
        case ContentBlockStartChunk(_, ToolUseBlock(id=call, name=name)):
            assert_type(call, str)
            return f"{name}!"
        case ContentBlockStartChunk(_, TextBlock(text=text)):
            return text
        case MessageDeltaChunk(stop_reason, _, usage):
            assert_type(stop_reason, "str | None")
            assert_type(usage, MessageDeltaUsage)
            return f"[{stop_reason}, {usage.output_tokens}]"
        case MessageStartChunk(message):
            assert_type(message.usage, Usage)
            return f"{message.model}: "
        case UnknownChunk(event_type, event):
            assert_type(event, "dict[str, Any]")
            return f"<{event_type}>"
        case _:
            return ""


def replay(events: Iterable[dict[str, Any]]) -> tuple[str, list[ToolUseBlock]]:
    """Everything that a handler does with a stream."""
    tools: list[ToolUseBlock] = []
    shown: list[str] = []
    with AnthropicStream(events) as stream:
        for chunk, tool in stream:
            assert_type(chunk, AnthropicCallResponseChunk)
            shown.append(handle(chunk))
            if tool is not None:
                tools.append(tool)
                if not isinstance(tool.input, InvalidJson):
                    assert_type(tool.input, "dict[str, Any]")
    message = chunkview.accumulate(chunkview.decode(event) for event in events)
    assert_type(message, chunkview.Message)
    assert_type(message.text, str)
    return "".join(shown), tools


def shout(chunk: TextDeltaChunk) -> TextDeltaChunk:
    """Chunk views are changed by making another."""
    return attrs.evolve(chunk, text=chunk.text.upper())
