"""What a package's accumulator and the slow reader have of a stream, in a form to compare."""

from __future__ import annotations

from collections import Counter
from typing import Any

from chunkview import (
    Accumulator,
    ChunkviewError,
    DecodeError,
    InvalidJson,
    ProtocolError,
    TextBlock,
    ThinkingBlock,
    decode,
)
from rules.results import COUNTS, MESSAGE_FIELDS, MESSAGE_KEYS, Result

__all__ = ["as_far_as_decoded", "summary_of", "summary_of_model"]


def as_far_as_decoded(events: list[Any]) -> list[Any]:
    """The chunk views of a stream. An event that cannot be decoded ends it."""
    chunks: list[Any] = []
    for event in events:
        try:
            chunks.append(decode(event))
        except DecodeError:
            return [*chunks, event]
    return chunks


def summary_of(accumulator: Accumulator, error: ChunkviewError | None) -> dict[str, Any]:
    message = accumulator.message
    content: Any = () if message is None else message.content
    usage = None if message is None else message.usage
    return {
        "error": None if error is None else type(error).__name__,
        "rule": error.rule if isinstance(error, ProtocolError) else None,
        "id": "" if message is None else message.id,
        "model": "" if message is None else message.model,
        "blocks": [
            (
                block.type,
                getattr(block, "text", "") if isinstance(block, TextBlock) else "",
                getattr(block, "thinking", "") if isinstance(block, ThinkingBlock) else "",
                (block.signature or "") if isinstance(block, ThinkingBlock) else "",
                input_of(block),
                citations_of(block),
            )
            for block in content
        ],
        "fields": {name: getattr(message, name, None) for name in MESSAGE_FIELDS},
        "unknown": {
            key: value
            for key, value in (message.extra if message else {}).items()
            if value is not None and key not in MESSAGE_KEYS
        },
        "counts": {name: getattr(usage, name, None) for name in COUNTS},
        "unhandled": [chunk.to_event() for chunk in accumulator.unhandled],
        "findings": Counter((f.rule, f.position, f.count) for f in accumulator.findings),
    }


def summary_of_model(result: Result) -> dict[str, Any]:
    return {
        "error": result.error,
        "rule": result.rule,
        "id": result.id,
        "model": result.model,
        "blocks": [
            (
                block.type,
                block.text,
                block.thinking,
                block.signature,
                block.input,
                block.citations,
            )
            for block in result.blocks
        ],
        "fields": result.fields,
        "unknown": result.unknown,
        "counts": result.counts,
        "unhandled": result.unhandled,
        "findings": Counter((f.rule, f.position, f.count) for f in result.findings),
    }


def citations_of(block: Any) -> Any:
    citations = block.citations if isinstance(block, TextBlock) else None
    return [citation.to_dict() for citation in citations or ()]


def input_of(block: Any) -> Any:
    value = getattr(block, "input", None)
    return value.to_dict() if isinstance(value, InvalidJson) else value
