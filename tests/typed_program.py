"""A user's program, for the type checkers: `make lint` reads it, and test_typed_program runs it.

Each `assert_type` states what mypy and pyright must both infer, and each `assert_never` that a
`match` has a case for every class.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import attrs

import chunkview
from chunkview import (
    AnthropicCallResponseChunk,
    AnthropicStream,
    AnyCitation,
    AnyContentBlock,
    CharLocationCitation,
    ChunkView,
    ChunkviewError,
    CitationsDeltaChunk,
    CompactionBlock,
    CompactionDeltaChunk,
    ContainerUploadBlock,
    ContentBlockLocationCitation,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    ErrorChunk,
    FallbackBlock,
    FinishReason,
    HelperEventChunk,
    InputJsonDeltaChunk,
    InvalidJson,
    McpToolListingBlock,
    McpToolUseBlock,
    MessageDeltaChunk,
    MessageDeltaUsage,
    MessageStartChunk,
    MessageStopChunk,
    PageLocationCitation,
    PingChunk,
    RedactedThinkingBlock,
    SearchResultLocationCitation,
    ServerToolUseBlock,
    SignatureDeltaChunk,
    TextBlock,
    TextDeltaChunk,
    ThinkingBlock,
    ThinkingDeltaChunk,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UnknownChunk,
    UnknownCitation,
    UnknownDeltaChunk,
    Usage,
    WebSearchResultLocationCitation,
)

if sys.version_info >= (3, 11):
    from typing import assert_never, assert_type
else:
    from typing_extensions import assert_never, assert_type

if TYPE_CHECKING:
    from collections.abc import Iterable


def handle(chunk: AnthropicCallResponseChunk) -> str:
    """Match on chunk views, positionally and by keyword."""
    assert_type(chunk.type, str)
    assert_type(chunk.content, str)
    reasons: list[FinishReason | str] | None = chunk.finish_reasons
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
        case MessageDeltaChunk(_, _, usage):
            assert_type(usage, MessageDeltaUsage | None)
            return f"[{', '.join(reasons or [])}, {usage.output_tokens if usage else None}]"
        case MessageStartChunk(message):
            assert_type(message.usage, Usage)
            return f"{message.model}: "
        case UnknownChunk(event_type, event):
            assert_type(event, "dict[str, Any]")
            return f"<{event_type}>"
        case _:
            return ""


def tag_of_chunk(chunk: ChunkView) -> str:
    """Name each chunk view by the tag of its class."""
    match chunk:
        case TextDeltaChunk():
            assert_type(chunk.type, Literal["content_block_delta"])
            assert_type(chunk.delta_type, Literal["text_delta"])
            return chunk.delta_type
        case (
            InputJsonDeltaChunk()
            | ThinkingDeltaChunk()
            | SignatureDeltaChunk()
            | CitationsDeltaChunk()
            | CompactionDeltaChunk()
        ):
            return chunk.delta_type
        case UnknownDeltaChunk():
            assert_type(chunk.delta_type, str)
            return chunk.delta_type
        case MessageStartChunk() | MessageDeltaChunk() | MessageStopChunk():
            return chunk.type
        case ContentBlockStartChunk():
            return tag_of_block(chunk.content_block)
        case ContentBlockStopChunk(index):
            return f"{chunk.type} {index}"
        case PingChunk():
            assert_type(chunk.type, Literal["ping"])
            return chunk.type
        case ErrorChunk():
            return chunk.error_type
        case HelperEventChunk() | UnknownChunk():
            assert_type(chunk.type, str)
            return chunk.type
        case _:
            assert_never(chunk)


def tag_of_block(block: AnyContentBlock) -> str:
    """Name each block by the tag of its class."""
    match block:
        case TextBlock():
            assert_type(block.type, Literal["text"])
            for citation in block.citations or ():
                tag_of_citation(citation)
            return block.type
        case ThinkingBlock() | RedactedThinkingBlock() | CompactionBlock() | FallbackBlock():
            return block.type
        case ToolUseBlock() | ServerToolUseBlock() | McpToolUseBlock():
            return block.name
        case ToolResultBlock():
            assert_type(block.type, str)
            return block.tool_use_id
        case ContainerUploadBlock() | McpToolListingBlock():
            return block.type
        case UnknownBlock():
            assert_type(block.type, str)
            return block.type
        case _:
            assert_never(block)


def tag_of_citation(citation: AnyCitation) -> str:
    """Name each citation by the tag of its class."""
    match citation:
        case CharLocationCitation() | PageLocationCitation() | ContentBlockLocationCitation():
            return citation.document_title or citation.type
        case WebSearchResultLocationCitation() | SearchResultLocationCitation():
            return citation.title or citation.type
        case UnknownCitation():
            assert_type(citation.data, "dict[str, Any]")
            return citation.type
        case _:
            assert_never(citation)


def tags(events: Iterable[dict[str, Any]]) -> list[str]:
    """Read events, a block and a citation, each as a closed union of classes."""
    decoder = chunkview.ChunkDecoder()
    assert_type(decoder.feed(b""), list[ChunkView])
    assert_type(decoder.close(), list[ChunkView])
    chunks = [chunkview.decode(event) for event in events]
    assert_type(chunks, list[ChunkView])
    block = chunkview.read_block({"type": "text", "text": ""})
    assert_type(block, AnyContentBlock)
    citation = chunkview.read_citation({"type": "dream"})
    assert_type(citation, AnyCitation)
    assert_type(TextBlock.from_dict({"type": "text", "text": ""}), TextBlock)
    return [*map(tag_of_chunk, chunks), tag_of_block(block), tag_of_citation(citation)]


def salvaged(events: Iterable[dict[str, Any]]) -> str:
    """Keep what a broken stream has brought."""
    try:
        message = chunkview.accumulate(events)
    except ChunkviewError as error:
        assert_type(error.partial, "chunkview.Message | None")
        return "" if error.partial is None else error.partial.text
    assert_type(message.content, tuple[AnyContentBlock, ...])
    return message.text


def replay(events: Iterable[dict[str, Any]]) -> tuple[str, list[ToolUseBlock]]:
    """Everything that a handler does with a stream."""
    tools: list[ToolUseBlock] = []
    shown: list[str] = []
    with AnthropicStream(events) as stream:
        for chunk, tool in stream:
            assert_type(chunk, ChunkView)
            shown.append(handle(chunk))
            if tool is not None:
                tools.append(tool)
                if not isinstance(tool.input, InvalidJson):
                    assert_type(tool.input, "dict[str, Any]")
    rules = [finding.rule for finding in stream.findings if finding.count > 1]
    assert_type(rules, list[str])
    message = chunkview.accumulate((chunkview.decode(event) for event in events), strict="all")
    assert_type(message, chunkview.Message)
    assert_type(message.text, str)
    return "".join(shown), tools


def shout(chunk: TextDeltaChunk) -> TextDeltaChunk:
    """Make a changed copy of a chunk view."""
    return attrs.evolve(chunk, text=chunk.text.upper())
