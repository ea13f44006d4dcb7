"""A handler that turns Anthropic's events into OpenAI's chunks, and ten bugs to plant in it.

It is the kind of program that the strategies are for. Each bug is one of those that gateways have
had. `broken_by` says what a test of the handler would say.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from support import Event

BUGS = (
    "text stripped",
    "second tool lost",
    "indices mixed",
    "usage added",
    "stop reason lost",
    "surrogate cut",
    "ping crash",
    "empty delta crash",
    "unknown block crash",
    "thinking in the text",
)

FINISH_REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
KNOWN_BLOCKS = re.compile(
    "text|thinking|redacted_thinking|compaction|fallback|container_upload|mcp_tool_listing"
    "|(server_|mcp_)?tool_use|.*_tool_result"
)


def openai_chunks(events: Iterable[Event], bug: str = "") -> Iterator[Event]:
    """Turn Anthropic's events into OpenAI's chunks.

    Args:
        events: The events of one stream.
        bug: One of BUGS, which the handler then has.
    """
    numbers: dict[int, int] = {}
    output_tokens = 0
    for event in events:
        match event:
            case {"type": "message_start", "message": message}:
                output_tokens = message["usage"]["output_tokens"]
            case {"type": "content_block_start", "index": index, "content_block": block}:
                if bug == "unknown block crash" and not KNOWN_BLOCKS.fullmatch(block["type"]):
                    raise KeyError(block["type"])
                if block["type"] == "text" and block["text"]:
                    yield chunk(content=block["text"])
                if block["type"] == "tool_use":
                    if bug == "second tool lost" and numbers:
                        continue
                    numbers[index] = index if bug == "indices mixed" else len(numbers)
                    arguments = json.dumps(block["input"]) if block["input"] else ""
                    function = {"name": block["name"], "arguments": arguments}
                    yield tool_chunk(numbers[index], id=block["id"], function=function)
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                yield from of_delta(index, delta, numbers, bug)
            case {"type": "message_delta", "delta": delta, "usage": usage}:
                before = output_tokens if bug == "usage added" else 0
                output_tokens = before + usage["output_tokens"]
                reason = delta.get("stop_reason")
                if reason and bug != "stop reason lost":
                    yield chunk(finish_reason=FINISH_REASONS.get(reason, "stop"))
            case {"type": "ping"} if bug == "ping crash":
                raise ValueError("ping")
    yield {"choices": [], "usage": {"completion_tokens": output_tokens}}


def of_delta(index: int, delta: Event, numbers: dict[int, int], bug: str) -> Iterator[Event]:
    match delta:
        case {"type": "text_delta", "text": text}:
            yield chunk(content=text.strip() if bug == "text stripped" else text)
        case {"type": "thinking_delta", "thinking": text} if bug == "thinking in the text":
            yield chunk(content=text)
        case {"type": "input_json_delta", "partial_json": text} if index in numbers:
            if bug == "empty delta crash":
                assert text[0]
            if bug == "surrogate cut":
                text = readable(text)
            yield tool_chunk(numbers[index], function={"arguments": text})


def readable(text: str) -> str:
    """Write escapes as characters. That is right for a whole text, but not for each piece."""
    escapes = re.compile(r"(?:(?<!\\)\\u(?!00[01]|0022|005c)[0-9a-f]{4})+")
    text = escapes.sub(lambda match: str(json.loads(f'"{match[0]}"')), text)
    return text.encode().decode()


def chunk(*, finish_reason: str | None = None, **delta: Any) -> Event:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def tool_chunk(number: int, **fields: Any) -> Event:
    return chunk(tool_calls=[{"index": number, "type": "function", **fields}])
