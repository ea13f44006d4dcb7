"""Events inside something else: Claude Code's `stream_event` lines, and the events of boto3.

Sources: https://docs.claude.com/en/docs/claude-code/headless (stream-json, partial messages);
`StreamEvent` of https://github.com/anthropics/claude-agent-sdk-python (`types.py`);
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._model import loads
from ..errors import DecodeError

__all__ = ["is_other_message", "parent_of", "unwrapped"]


def unwrapped(source: Any) -> Any:
    """Give the event inside a wrapper.

    Args:
        source: A mapping that does not fail, or any other object.

    Returns:
        The event: a mapping; of boto3, the bytes of its JSON. The source itself when it is no
        wrapper.
    """
    if source.__class__ is dict or isinstance(source, Mapping):
        if source.get("type") == "stream_event":
            event = source.get("event")
            return event if isinstance(event, Mapping) else source
        return _event_of_boto3(source) if len(source) == 1 else source
    if isinstance(source, (str, bytes)) or hasattr(type(source), "model_dump"):
        return source
    try:
        event = source.event
    except (MemoryError, OSError):
        raise
    except Exception:  # noqa: BLE001 - no attribute, or one that fails: no wrapper
        return source
    return event if isinstance(event, Mapping) else source


def _event_of_boto3(source: Mapping[str, Any]) -> Any:
    """Give the event inside an item of `invoke_model_with_response_stream`."""
    ((name, member),) = source.items()
    if not isinstance(member, Mapping):
        return source
    if name == "chunk":
        payload = member.get("bytes")
        return payload if isinstance(payload, bytes) else source
    if name in _EXCEPTIONS_OF_BOTO3:
        return {"type": "error", "error": {**member, "type": name}}
    return source


_EXCEPTIONS_OF_BOTO3 = frozenset(
    {
        "internalServerException",
        "modelStreamErrorException",
        "modelTimeoutException",
        "serviceUnavailableException",
        "throttlingException",
        "validationException",
    }
)
"""The members of a `ResponseStream` that are errors."""


def parent_of(source: Any) -> str | None:
    """Say which tool call of the main agent a wrapped event belongs to.

    Args:
        source: A wrapper, or any other event.

    Returns:
        The id of the tool call that started the sub-agent; None for the main agent, and for an
        event without a wrapper.
    """
    if isinstance(source, str):
        # Few events are wrapped, and parsing takes long.
        if "stream_event" not in source:
            return None
        try:
            source = loads(source)
        except DecodeError:
            return None
    if source is None or isinstance(source, bytes) or unwrapped(source) is source:
        return None
    parent = (
        source.get("parent_tool_use_id")
        if isinstance(source, Mapping)
        else getattr(source, "parent_tool_use_id", None)
    )
    return parent if isinstance(parent, str) else None


def is_other_message(source: Any) -> bool:
    """Whether an object is a message of the Claude Agent SDK that holds no event."""
    module = type(source).__module__
    return module.partition(".")[0] in _AGENT_SDKS and not hasattr(source, "event")


_AGENT_SDKS = ("claude_agent_sdk", "claude_code_sdk")
