"""chunkview: Anthropic's stream events as small frozen values.

`decode` turns one event into a chunk view, `ChunkDecoder` and `iter_chunks` turn the bytes of a
stream into chunk views, `accumulate` turns chunk views into a `Message`, and `AnthropicStream`
does all of it while you iterate.

What this package exports stands in `chunkview.accumulate`, `chunkview.blocks`,
`chunkview.call_response_chunk`, `chunkview.chunks`, `chunkview.decode`, `chunkview.errors`,
`chunkview.message`, `chunkview.stream`, `chunkview.usage` and `chunkview.wire`. To be imported by
name: `chunkview.anthropic`, `chunkview.common`, `chunkview.pricing`, `chunkview.cli`,
`chunkview.testing` and `chunkview.testing.strategies`.
"""

from __future__ import annotations

from ._iterate import aiter_chunks, iter_chunks
from .accumulate import Accumulator, accumulate
from .blocks import (
    CharLocationCitation,
    Citation,
    CompactionBlock,
    ContainerUploadBlock,
    ContentBlock,
    ContentBlockLocationCitation,
    FallbackBlock,
    FallbackInfo,
    InvalidJson,
    McpToolListingBlock,
    McpToolUseBlock,
    PageLocationCitation,
    RedactedThinkingBlock,
    SearchResultLocationCitation,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UnknownCitation,
    WebSearchResultLocationCitation,
)
from .call_response_chunk import (
    AnthropicCallResponseChunk,
    BaseCallResponseChunk,
    FinishReason,
    MessageStreamEvent,
)
from .chunks import (
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    ErrorChunk,
    HelperEventChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageStartChunk,
    MessageStopChunk,
    PingChunk,
    SignatureDeltaChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    UnknownChunk,
    UnknownDeltaChunk,
)
from .common import CostMetadata
from .decode import decode
from .errors import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
)
from .message import Message
from .stream import AnthropicStream
from .usage import (
    CacheCreation,
    IterationUsage,
    MessageDeltaUsage,
    OutputTokensDetails,
    ServerToolUsage,
    Usage,
)
from .wire import ChunkDecoder

__version__ = "0.1.0"

__all__ = [
    "Accumulator",
    "AnthropicCallResponseChunk",
    "AnthropicStream",
    "BaseCallResponseChunk",
    "CacheCreation",
    "CharLocationCitation",
    "ChunkDecoder",
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
    "OutputTokensDetails",
    "PageLocationCitation",
    "PingChunk",
    "ProtocolError",
    "RedactedThinkingBlock",
    "SearchResultLocationCitation",
    "ServerToolUsage",
    "ServerToolUseBlock",
    "SignatureDeltaChunk",
    "StreamError",
    "TextBlock",
    "TextDeltaChunk",
    "ThinkingBlock",
    "ThinkingDeltaChunk",
    "ToolResultBlock",
    "ToolUseBlock",
    "UnknownBlock",
    "UnknownChunk",
    "UnknownCitation",
    "UnknownDeltaChunk",
    "Usage",
    "WebSearchResultLocationCitation",
    "accumulate",
    "aiter_chunks",
    "decode",
    "iter_chunks",
]
