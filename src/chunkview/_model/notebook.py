"""How a notebook shows a message: a table of its blocks, with its usage below."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from .blocks import TextBlock, ThinkingBlock, ToolUseBlock
from .characters import with_whole_characters

if TYPE_CHECKING:
    from .blocks import AnyContentBlock
    from .message import Message

__all__ = ["html_of"]

_MOST_BLOCKS = 100
_MOST_CHARACTERS = 10_000
"""How much of a block is shown."""
_CELL = "text-align:left;vertical-align:top"
_TEXT = "white-space:pre-wrap;unicode-bidi:isolate"


def html_of(message: Message) -> str:
    """Write a message as HTML. All that it says is text there, whatever it looks like.

    Returns:
        A table: at most 100 blocks, and 10,000 characters of each.
    """
    rows = [_row(block.type, _text_of(block)) for block in message.content[:_MOST_BLOCKS]]
    left_out = len(message.content) - len(rows)
    if left_out:
        rows.append(_row("…", f"{left_out} more blocks"))
    usage = message.usage
    counts = (("in", usage.total_input_tokens), ("out", usage.output_tokens))
    facts = [
        message.model or "no model",
        message.stop_reason or "not finished",
        *(f"{count:,} tokens {where}" for where, count in counts if count is not None),
    ]
    return f"<table>{''.join(rows)}</table><div>{_escaped(' · '.join(facts))}</div>"


def _row(name: str, text: str) -> str:
    return (
        f'<tr><th style="{_CELL}">{_escaped(name)}</th>'
        f'<td style="{_CELL};{_TEXT}">{_escaped(text)}</td></tr>'
    )


def _text_of(block: AnyContentBlock) -> str:
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, ThinkingBlock):
        return block.thinking
    data: Any = block.to_dict()
    if isinstance(block, ToolUseBlock):
        data = data["input"]
        return f"{block.name}\n{json.dumps(data, ensure_ascii=False, indent=1)}"
    return json.dumps(
        {key: data[key] for key in data if key != "type"}, ensure_ascii=False, indent=1
    )


def _escaped(text: str) -> str:
    more = len(text) - _MOST_CHARACTERS
    if more > 0:
        text = f"{text[:_MOST_CHARACTERS]}… ({more:,} more characters)"
    whole: str = with_whole_characters(text)
    return html.escape(whole)
