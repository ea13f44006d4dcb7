"""The objects that `chunkview show --json` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..display import json_escaped

if TYPE_CHECKING:
    from ..._chunks import AnthropicCallResponseChunk

__all__ = ["as_json"]


def as_json(
    file: str,
    offset: int,
    chunk: AnthropicCallResponseChunk,
    *,
    ascii_only: bool,
    is_terminal: bool,
) -> str:
    """Write a chunk view for other programs.

    Args:
        file: The file that the chunk was read from.
        offset: The byte offset of its event in the file.
        chunk: The chunk view.
        ascii_only: Whether to write characters beyond ASCII as JSON escapes.
        is_terminal: Whether a terminal will show it: then control characters are JSON escapes,
            which mean the same.

    Returns:
        A JSON object on one line, always with the same keys. UTF-8 can encode it.
    """
    usage = chunk.usage
    text = json.dumps(
        {
            "file": file,
            "offset": offset,
            "type": chunk.type,
            "delta_type": getattr(chunk, "delta_type", None),
            "index": getattr(chunk, "index", None),
            "content": chunk.content,
            "thinking": chunk.thinking,
            "finish_reasons": chunk.finish_reasons,
            "common_finish_reasons": chunk.common_finish_reasons,
            "model": chunk.model,
            "id": chunk.id,
            "usage": None if usage is None else usage.to_dict(),
            "input_tokens": chunk.input_tokens,
            "cached_tokens": chunk.cached_tokens,
            "output_tokens": chunk.output_tokens,
            "event": chunk.to_event(),
        },
        ensure_ascii=ascii_only,
    )
    return json_escaped(text, is_terminal=is_terminal)
