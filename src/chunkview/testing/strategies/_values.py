"""Values of chunkview's classes: what `st.from_type` gives for each of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

import chunkview

from ... import common, errors
from ..._model import BLOCKS, CITATIONS
from ._blocks import FALLBACK_INFO
from ._events import (
    CACHE_CREATION,
    ITERATION,
    OUTPUT_TOKENS_DETAILS,
    SERVER_TOOL_USE,
    content_block_deltas,
    vocabulary,
)
from ._json import json_objects, texts, write_json
from ._objects import UNKNOWN, any_of, extended
from ._streams import message_streams

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from ..._model import Record
    from ._objects import Event

__all__ = ["values_of"]


def values_of(cls: type[Any]) -> SearchStrategy[Any]:
    """Values of a public class.

    Args:
        cls: A class that `chunkview` exports, or `chunkview.common.Usage`. For a base class, all
            its variants are generated.

    Returns:
        A strategy. Chunk views are made by `decode`; blocks, citations, usage and messages are
        read from what the API sends. A tool's input may also be an InvalidJson, like in a
        message that was cut off.
    """
    return _table()[cls]


@functools.cache
def _table() -> dict[type[Any], SearchStrategy[Any]]:
    return {**_chunks(), **_records(), **_others()}


_WORDS = vocabulary(beta=True, unknown=True)


def _decoded(events: SearchStrategy[Event]) -> SearchStrategy[chunkview.AnthropicCallResponseChunk]:
    return extended(events).map(chunkview.decode)


def _chunks() -> dict[type[Any], SearchStrategy[Any]]:
    deltas: dict[type[Any], str] = {
        chunkview.SignatureDeltaChunk: "signature_delta",
        chunkview.TextDeltaChunk: "text_delta",
        chunkview.ThinkingDeltaChunk: "thinking_delta",
        chunkview.InputJsonDeltaChunk: "input_json_delta",
        chunkview.CitationsDeltaChunk: "citations_delta",
        chunkview.CompactionDeltaChunk: "compaction_delta",
        chunkview.UnknownDeltaChunk: UNKNOWN,
    }
    events: dict[type[Any], str] = {
        chunkview.PingChunk: "ping",
        chunkview.MessageStopChunk: "message_stop",
        chunkview.ContentBlockStopChunk: "content_block_stop",
        chunkview.ContentBlockStartChunk: "content_block_start",
        chunkview.MessageDeltaChunk: "message_delta",
        chunkview.MessageStartChunk: "message_start",
        chunkview.ErrorChunk: "error",
        chunkview.UnknownChunk: UNKNOWN,
    }
    variants: dict[type[Any], SearchStrategy[Any]] = {
        **{cls: _decoded(_WORDS.events[tag]) for cls, tag in events.items()},
        **{cls: _decoded(content_block_deltas(_WORDS.deltas[tag])) for cls, tag in deltas.items()},
        chunkview.HelperEventChunk: _decoded(any_of(_WORDS.helper_events)),
    }
    any_chunk = st.one_of(*variants.values())
    return {
        **variants,
        chunkview.AnthropicCallResponseChunk: any_chunk,
        chunkview.BaseCallResponseChunk: any_chunk,
    }


def _read(cls: type[Record], data: SearchStrategy[Event]) -> SearchStrategy[Any]:
    return extended(data).map(cls.from_dict)


def _records() -> dict[type[Any], SearchStrategy[Any]]:
    tags_of_block: dict[type[chunkview.ContentBlock], list[str]] = {}
    for tag, block in BLOCKS.items():
        tags_of_block.setdefault(block, []).append(tag)
    tags_of_block[chunkview.UnknownBlock] = [UNKNOWN]
    any_block = {
        cls: _read(cls, st.one_of([_WORDS.blocks[tag] for tag in tags]))
        for cls, tags in tags_of_block.items()
    }
    for cls in (chunkview.ToolUseBlock, chunkview.ServerToolUseBlock, chunkview.McpToolUseBlock):
        any_block[cls] |= st.builds(_with_input, any_block[cls], _invalid_json())
    any_citation = {cls: _read(cls, _WORDS.citations[tag]) for tag, cls in CITATIONS.items()} | {
        chunkview.UnknownCitation: _read(chunkview.UnknownCitation, _WORDS.citations[UNKNOWN]),
    }
    return {
        **any_block,
        chunkview.ContentBlock: st.one_of(*any_block.values()),
        **any_citation,
        chunkview.Citation: st.one_of(*any_citation.values()),
        chunkview.InvalidJson: _invalid_json(),
        chunkview.FallbackInfo: _read(chunkview.FallbackInfo, FALLBACK_INFO),
        chunkview.CacheCreation: _read(chunkview.CacheCreation, CACHE_CREATION),
        chunkview.ServerToolUsage: _read(chunkview.ServerToolUsage, SERVER_TOOL_USE),
        chunkview.OutputTokensDetails: _read(chunkview.OutputTokensDetails, OUTPUT_TOKENS_DETAILS),
        chunkview.IterationUsage: _read(chunkview.IterationUsage, ITERATION),
        chunkview.Usage: _read(chunkview.Usage, _WORDS.usage),
        chunkview.MessageDeltaUsage: _read(chunkview.MessageDeltaUsage, _WORDS.delta_usage),
        chunkview.Message: st.builds(
            _with_content,
            _read(chunkview.Message, _WORDS.started_message),
            st.lists(st.one_of(*any_block.values()), max_size=3).map(tuple),
            st.none() | st.sampled_from(_WORDS.stop_reasons),
        ),
    }


def _with_content(
    message: chunkview.Message,
    content: tuple[chunkview.AnyContentBlock, ...],
    stop_reason: str | None,
) -> chunkview.Message:
    return attrs.evolve(message, content=content, stop_reason=stop_reason)


def _with_input(block: Any, tool_input: chunkview.InvalidJson) -> Any:
    return attrs.evolve(block, input=tool_input)


@st.composite
def _invalid_json(draw: DrawFn) -> chunkview.InvalidJson:
    """The beginning of a JSON object, which is never valid JSON."""
    text = draw(json_objects().map(write_json))
    return chunkview.InvalidJson(text[: draw(st.integers(1, len(text) - 1))])


_COUNTS = st.none() | st.integers(0, 10**9)


def _others() -> dict[type[Any], SearchStrategy[Any]]:
    known = _chunks()
    chunk = st.none() | known[chunkview.AnthropicCallResponseChunk]
    partial = st.none() | _records()[chunkview.Message]
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
        errors.StreamError: st.builds(_stream_error, known[chunkview.ErrorChunk], partial),
    }
    return {
        **by_error,
        errors.ChunkviewError: st.one_of(*by_error.values()),
        chunkview.EveryParent: st.just(chunkview.EVERY_PARENT),
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
        chunkview.Accumulator: _accumulators(),
        chunkview.AnthropicStream: st.builds(chunkview.AnthropicStream, message_streams()),
        chunkview.ChunkDecoder: st.builds(chunkview.ChunkDecoder),
        chunkview.Meter: _meters(),
        chunkview.Timings: _timings(),
    }


def _stream_error(
    chunk: chunkview.ErrorChunk, partial: chunkview.Message | None
) -> errors.StreamError:
    return errors.StreamError(
        f"{chunk.error_type}: {chunk.error_message}",
        error_type=chunk.error_type,
        error_message=chunk.error_message,
        request_id=chunk.request_id,
        chunk=chunk,
        partial=partial,
    )


@st.composite
def _accumulators(draw: DrawFn) -> chunkview.Accumulator:
    """Accumulators at any point of a stream."""
    events = draw(message_streams())
    accumulator = chunkview.Accumulator()
    accumulator.extend(events[: draw(st.integers(0, len(events)))])
    return accumulator


@st.composite
def _meters(draw: DrawFn) -> chunkview.Meter:
    """Meters at any point of a stream."""
    events = draw(message_streams())
    meter = chunkview.Meter()
    for event in events[: draw(st.integers(0, len(events)))]:
        meter.feed(chunkview.encode(event))
    return meter


_SECONDS = st.floats(0, 3600, allow_subnormal=False)


@st.composite
def _timings(draw: DrawFn) -> chunkview.Timings:
    """The times of a stream of which nothing, a part or all has come."""
    first, second, duration = sorted(draw(st.tuples(_SECONDS, _SECONDS, _SECONDS)))
    return draw(
        st.sampled_from(
            (
                chunkview.Timings(),
                chunkview.Timings(duration=duration),
                chunkview.Timings(first, None, duration - first, duration),
                chunkview.Timings(first, second, duration - second, duration),
            )
        )
    )
