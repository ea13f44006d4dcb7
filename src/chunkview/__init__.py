"""chunkview: Anthropic's stream events as small frozen values.

`decode` turns one event into a chunk view, `encode` writes one as bytes, `ChunkDecoder` and
`iter_chunks` turn the bytes of a stream into chunk views, `accumulate` and `iter_messages` turn
chunk views into `Message`s, and `AnthropicStream` does all of it while you iterate.

`ChunkView`, `AnyContentBlock` and `AnyCitation` are the unions of all chunk views, blocks and
citations, for an exhaustive `match`.

Import everything from here. The modules to import by name are `chunkview.anthropic`,
`chunkview.arrow`, `chunkview.call_response_chunk`, `chunkview.common`, `chunkview.conformance`,
`chunkview.interop`, `chunkview.pricing`, `chunkview.recordings`, `chunkview.testing`,
`chunkview.testing.laws` and `chunkview.testing.strategies`.
"""

from __future__ import annotations

import sys as _sys
from types import FunctionType
from typing import Any, ClassVar, Literal  # noqa: F401  # pyright: ignore[reportUnusedImport]

from ._chunks import (
    AnthropicCallResponseChunk,
    BaseCallResponseChunk,
    ChunkView,
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    ErrorChunk,
    FinishReason,
    HelperEventChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageStartChunk,
    MessageStopChunk,
    MessageStreamEvent,
    PingChunk,
    SignatureDeltaChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    UnknownChunk,
    UnknownDeltaChunk,
    decode,
    encode,
)
from ._model import (
    AnyCitation,
    AnyContentBlock,
    CacheCreation,
    CharLocationCitation,
    Citation,
    CompactionBlock,
    ContainerUploadBlock,
    ContentBlock,
    ContentBlockLocationCitation,
    FallbackBlock,
    FallbackInfo,
    InvalidJson,
    IterationUsage,
    McpToolListingBlock,
    McpToolUseBlock,
    Message,
    MessageDeltaUsage,
    OutputTokensDetails,
    PageLocationCitation,
    RedactedThinkingBlock,
    SearchResultLocationCitation,
    ServerToolUsage,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UnknownCitation,
    Usage,
    WebSearchResultLocationCitation,
    read_block,
    read_citation,
)
from ._stream import (
    EVERY_PARENT,
    Accumulator,
    AnthropicStream,
    AsyncSource,
    ChunkDecoder,
    EveryParent,
    Meter,
    Pair,
    Piece,
    Source,
    Strict,
    Timings,
    aaccumulate,
    accumulate,
    aiter_chunks,
    aiter_messages,
    iter_chunks,
    iter_messages,
)
from .common import CostMetadata
from .errors import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
)

__version__ = "0.1.0"

__all__ = [
    "EVERY_PARENT",
    "Accumulator",
    "AnthropicCallResponseChunk",
    "AnthropicStream",
    "AnyCitation",
    "AnyContentBlock",
    "AsyncSource",
    "BaseCallResponseChunk",
    "CacheCreation",
    "CharLocationCitation",
    "ChunkDecoder",
    "ChunkView",
    "ChunkviewError",
    "Citation",
    "CitationsDeltaChunk",
    "CompactionBlock",
    "CompactionDeltaChunk",
    "ContainerUploadBlock",
    "ContentBlock",
    "ContentBlockLocationCitation",
    "ContentBlockStartChunk",
    "ContentBlockStopChunk",
    "CostMetadata",
    "DecodeError",
    "ErrorChunk",
    "EveryParent",
    "FallbackBlock",
    "FallbackInfo",
    "FinishReason",
    "HelperEventChunk",
    "IncompleteStreamError",
    "InputJsonDeltaChunk",
    "InvalidJson",
    "IterationUsage",
    "McpToolListingBlock",
    "McpToolUseBlock",
    "Message",
    "MessageDeltaChunk",
    "MessageDeltaUsage",
    "MessageStartChunk",
    "MessageStopChunk",
    "MessageStreamEvent",
    "Meter",
    "OutputTokensDetails",
    "PageLocationCitation",
    "Pair",
    "Piece",
    "PingChunk",
    "ProtocolError",
    "RedactedThinkingBlock",
    "SearchResultLocationCitation",
    "ServerToolUsage",
    "ServerToolUseBlock",
    "SignatureDeltaChunk",
    "Source",
    "StreamError",
    "Strict",
    "TextBlock",
    "TextDeltaChunk",
    "ThinkingBlock",
    "ThinkingDeltaChunk",
    "Timings",
    "ToolResultBlock",
    "ToolUseBlock",
    "UnknownBlock",
    "UnknownChunk",
    "UnknownCitation",
    "UnknownDeltaChunk",
    "Usage",
    "WebSearchResultLocationCitation",
    "aaccumulate",
    "accumulate",
    "aiter_chunks",
    "aiter_messages",
    "decode",
    "encode",
    "iter_chunks",
    "iter_messages",
    "read_block",
    "read_citation",
]

# What is public belongs to this module, so that pickles, reprs and tracebacks do not depend on the
# private file that defines it. `typing.get_type_hints` then resolves the annotations of a class
# here: they name public classes, and Any, ClassVar and Literal.
for _public in [globals()[name] for name in __all__]:
    if isinstance(_public, (type, FunctionType)):
        _public.__module__ = __name__

# If Hypothesis was imported before, it has loaded its entry point, which waits for the classes.
if (_entry_point := _sys.modules.get("_chunkview_hypothesis")) is not None:
    _entry_point.register()
