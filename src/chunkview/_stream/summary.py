"""What the `repr` of an object that reads a stream says about the message so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import clipped, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Message

__all__ = ["summary", "summary_of"]


def summary_of(message: Message | None) -> str:
    """Sum up a message, at a bounded length."""
    if message is None:
        return "no message yet"
    tools = [tool.name for tool in message.tool_calls]
    name = f"{message.model} {message.id}"
    return summary(name, message.stop_reason, tools, message.usage.output_tokens, text=message.text)


def summary(
    name: str,
    stop_reason: str | None,
    tools: Sequence[str],
    output_tokens: int | None,
    *,
    text: str = "",
) -> str:
    """Sum up what is known of a message, at a bounded length.

    Args:
        name: The model and the id.
        stop_reason: The stop reason, or None.
        tools: The names of the tools that are called.
        output_tokens: How many tokens were generated.
        text: The text.
    """
    parts = [clipped(name), clipped(stop_reason or "unfinished")]
    if text:
        parts.append(shown(text))
    if tools:
        parts.append("calls " + clipped(", ".join(map(clipped, tools))))
    parts.append(f"{output_tokens} output tokens")
    return ", ".join(parts)
