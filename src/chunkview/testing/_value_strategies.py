"""Values of chunkview's classes: what `st.from_type` gives for each of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

from .. import blocks, chunks, common, errors, usage
from ..accumulate import Accumulator
from ..call_response_chunk import AnthropicCallResponseChunk, BaseCallResponseChunk
from ..decode import decode
from ..message import Message
from ..stream import AnthropicStream
from ..wire import ChunkDecoder
from ._block_strategies import FALLBACK_INFO
from ._event_strategies import (
    CACHE_CREATION,
    ITERATION,
    OUTPUT_TOKENS_DETAILS,
    SERVER_TOOL_USE,
    content_block_deltas,
    vocabulary,
)
from ._json_strategies import json_objects, texts, write_json
from ._object_strategies import UNKNOWN, any_of, extended
from ._stream_strategies import message_streams

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from .._record import Record
    from ._object_strategies import Event

__all__ = ["values_of"]


def values_of(cls: type[Any]) -> SearchStrategy[Any]:
    """Values of a public class.

    Args:
        cls: A class that `chunkview` exports, or `chunkview.common.Usage`. A base class stands
            for all its variants.

    Returns:
        A strategy. Chunk views are as `decode` makes them. Blocks, citations, usage and messages
        are as they are read from the wire, but that a tool's input may also be an InvalidJson,
        as in a message that was cut off.
    """
    return _table()[cls]


@functools.cache
def _table() -> dict[type[Any], SearchStrategy[Any]]:
    return {**_chunks(), **_records(), **_others()}


_WORDS = vocabulary(beta=True, unknown=True)


def _decoded(events: SearchStrategy[Event]) -> SearchStrategy[AnthropicCallResponseChunk]:
    return extended(events).map(decode)


def _chunks() -> dict[type[Any], SearchStrategy[Any]]:
    deltas: dict[type[Any], str] = {
        chunks.SignatureDeltaChunk: "signature_delta",
        chunks.TextDeltaChunk: "text_delta",
        chunks.ThinkingDeltaChunk: "thinking_delta",
        chunks.InputJsonDeltaChunk: "input_json_delta",
        chunks.CitationsDeltaChunk: "citations_delta",
        chunks.CompactionDeltaChunk: "compaction_delta",
        chunks.UnknownDeltaChunk: UNKNOWN,
    }
    events: dict[type[Any], str] = {
        chunks.PingChunk: "ping",
        chunks.MessageStopChunk: "message_stop",
        chunks.ContentBlockStopChunk: "content_block_stop",
        chunks.ContentBlockStartChunk: "content_block_start",
        chunks.MessageDeltaChunk: "message_delta",
        chunks.MessageStartChunk: "message_start",
        chunks.ErrorChunk: "error",
        chunks.UnknownChunk: UNKNOWN,
    }
    variants: dict[type[Any], SearchStrategy[Any]] = {
        **{cls: _decoded(_WORDS.events[tag]) for cls, tag in events.items()},
        **{cls: _decoded(content_block_deltas(_WORDS.deltas[tag])) for cls, tag in deltas.items()},
        chunks.HelperEventChunk: _decoded(any_of(_WORDS.helper_events)),
    }
    any_chunk = st.one_of(*variants.values())
    return {
        **variants,
        AnthropicCallResponseChunk: any_chunk,
        BaseCallResponseChunk: any_chunk,
    }


def _read(cls: type[Record], data: SearchStrategy[Event]) -> SearchStrategy[Any]:
    return extended(data).map(cls.from_dict)


def _records() -> dict[type[Any], SearchStrategy[Any]]:
    tags_of_block: dict[type[blocks.ContentBlock], list[str]] = {}
    for tag, block in blocks.BLOCKS.items():
        tags_of_block.setdefault(block, []).append(tag)
    tags_of_block[blocks.UnknownBlock] = [UNKNOWN]
    any_block = {
        cls: _read(cls, st.one_of([_WORDS.blocks[tag] for tag in tags]))
        for cls, tags in tags_of_block.items()
    }
    for cls in (blocks.ToolUseBlock, blocks.ServerToolUseBlock, blocks.McpToolUseBlock):
        any_block[cls] |= st.builds(_with_input, any_block[cls], _invalid_json())
    any_citation = {
        cls: _read(cls, _WORDS.citations[tag]) for tag, cls in blocks.CITATIONS.items()
    } | {
        blocks.UnknownCitation: _read(blocks.UnknownCitation, _WORDS.citations[UNKNOWN]),
    }
    return {
        **any_block,
        blocks.ContentBlock: st.one_of(*any_block.values()),
        **any_citation,
        blocks.Citation: st.one_of(*any_citation.values()),
        blocks.InvalidJson: _invalid_json(),
        blocks.FallbackInfo: _read(blocks.FallbackInfo, FALLBACK_INFO),
        usage.CacheCreation: _read(usage.CacheCreation, CACHE_CREATION),
        usage.ServerToolUsage: _read(usage.ServerToolUsage, SERVER_TOOL_USE),
        usage.OutputTokensDetails: _read(usage.OutputTokensDetails, OUTPUT_TOKENS_DETAILS),
        usage.IterationUsage: _read(usage.IterationUsage, ITERATION),
        usage.Usage: _read(usage.Usage, _WORDS.usage),
        usage.MessageDeltaUsage: _read(usage.MessageDeltaUsage, _WORDS.delta_usage),
        Message: st.builds(
            _with_content,
            _read(Message, _WORDS.started_message),
            st.lists(st.one_of(*any_block.values()), max_size=3).map(tuple),
            st.none() | st.sampled_from(_WORDS.stop_reasons),
        ),
    }


def _with_content(
    message: Message, content: tuple[blocks.ContentBlock, ...], stop_reason: str | None
) -> Message:
    return attrs.evolve(message, content=content, stop_reason=stop_reason)


def _with_input(block: Any, tool_input: blocks.InvalidJson) -> Any:
    return attrs.evolve(block, input=tool_input)


@st.composite
def _invalid_json(draw: DrawFn) -> blocks.InvalidJson:
    """The beginning of a JSON object, which is never JSON."""
    text = draw(json_objects().map(write_json))
    return blocks.InvalidJson(text[: draw(st.integers(1, len(text) - 1))])


_COUNTS = st.none() | st.integers(0, 10**9)


def _others() -> dict[type[Any], SearchStrategy[Any]]:
    known = _chunks()
    chunk = st.none() | known[AnthropicCallResponseChunk]
    partial = st.none() | _records()[Message]
    problem = texts()
    by_error: dict[type[Any], SearchStrategy[Any]] = {
        errors.DecodeError: st.builds(
            errors.DecodeError, problem, path=st.sampled_from(("", "type", "ping.type"))
        ),
        errors.ProtocolError: st.builds(
            errors.ProtocolError, problem, chunk=chunk, partial=partial
        ),
        errors.IncompleteStreamError: st.builds(
            errors.IncompleteStreamError, problem, partial=partial
        ),
        errors.StreamError: st.builds(_stream_error, known[chunks.ErrorChunk], partial),
    }
    return {
        **by_error,
        errors.ChunkviewError: st.one_of(*by_error.values()),
        common.CostMetadata: st.builds(
            common.CostMetadata,
            _COUNTS,
            _COUNTS,
            _COUNTS,
            model=st.none() | st.just("claude"),
            cache_write_tokens=_COUNTS,
            cache_write_5m_tokens=_COUNTS,
            cache_write_1h_tokens=_COUNTS,
            web_search_requests=_COUNTS,
            web_fetch_requests=_COUNTS,
            tier=st.none() | st.sampled_from(("standard", "priority", "batch")),
            region=st.none() | st.just("us"),
            speed=st.none() | st.sampled_from(("standard", "fast")),
        ),
        common.Usage: st.builds(common.Usage.from_counts, st.integers(0, 10**9), _COUNTS, _COUNTS),
        Accumulator: _accumulators(),
        AnthropicStream: st.builds(AnthropicStream, message_streams()),
        ChunkDecoder: st.builds(ChunkDecoder),
    }


def _stream_error(chunk: chunks.ErrorChunk, partial: Message | None) -> errors.StreamError:
    return errors.StreamError(
        f"{chunk.error_type}: {chunk.error_message}",
        error_type=chunk.error_type,
        error_message=chunk.error_message,
        request_id=chunk.request_id,
        chunk=chunk,
        partial=partial,
    )


@st.composite
def _accumulators(draw: DrawFn) -> Accumulator:
    """Accumulators at any point of a stream."""
    events = draw(message_streams())
    accumulator = Accumulator()
    accumulator.extend(events[: draw(st.integers(0, len(events)))])
    return accumulator
