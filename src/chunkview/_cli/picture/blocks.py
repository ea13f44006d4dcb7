"""What the picture shows of a content block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._model import (
    InvalidJson,
    McpToolUseBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)
from ..display import printable, printable_text
from .texts import name_shown, pretty_json

if TYPE_CHECKING:
    from ..._model import Citation, ContentBlock

__all__ = ["facts_of_block", "head_of_block"]

_TOOL_USES = (ToolUseBlock, ServerToolUseBlock, McpToolUseBlock)


def head_of_block(block: ContentBlock) -> str:
    """Name a block: its type, and of a tool call the tool.

    Args:
        block: The block.

    Returns:
        A text that is not escaped yet.
    """
    return f"{block.type} {block.name}" if isinstance(block, _TOOL_USES) else block.type


def facts_of_block(block: ContentBlock) -> dict[str, Any]:
    """Collect what to show of a block.

    Args:
        block: The block.

    Returns:
        `head`; `form` ("text", "thinking", "json" or "invalid JSON"); `text`; and `notes`, one for
        each citation.
    """
    form, text = "json", ""
    notes: list[str] = []
    if isinstance(block, TextBlock):
        form, text = "text", block.text
        notes = [printable(_note_of(citation)) for citation in block.citations or ()]
    elif isinstance(block, ThinkingBlock):
        form, text = "thinking", block.thinking
    elif not isinstance(block, _TOOL_USES):
        text = pretty_json(block.to_dict())
    elif isinstance(block.input, InvalidJson):
        form, text = "invalid JSON", block.input.text
    else:
        text = pretty_json(block.input)
    return {
        "head": name_shown(head_of_block(block)),
        "form": form,
        "text": printable_text(text, is_terminal=True),
        "notes": notes,
    }


def _note_of(citation: Citation) -> str:
    """Write a citation as a note: where the words are from, and the words."""
    places = (getattr(citation, key, None) for key in ("document_title", "title", "url", "source"))
    parts = [str(place) for place in places if place]
    words = getattr(citation, "cited_text", None)
    return ": ".join(filter(None, [", ".join(parts) or citation.type, str(words or "")]))
