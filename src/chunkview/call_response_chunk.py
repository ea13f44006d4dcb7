"""The names of Mirascope 1.x's module `mirascope.core.anthropic.call_response_chunk`.

Code that imports from there runs with only the package's name changed.
"""

from __future__ import annotations

from ._chunks import (
    AnthropicCallResponseChunk,
    BaseCallResponseChunk,
    FinishReason,
    MessageStreamEvent,
)

__all__ = [
    "AnthropicCallResponseChunk",
    "BaseCallResponseChunk",
    "FinishReason",
    "MessageStreamEvent",
]
