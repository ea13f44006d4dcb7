"""The package against the slow reader, on streams with their events in disorder."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

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
from rules.bodies import Event
from rules.lenient import lenient_streams
from rules.model import COUNTS, Result, read
from rules.results import MESSAGE_FIELDS, MESSAGE_KEYS
from support import examples

STREAMS = lenient_streams()


def accumulated(events: list[Any], *, at_once: bool) -> tuple[Accumulator, ChunkviewError | None]:
    """What an accumulator has of a stream up to its end or its first error."""
    accumulator = Accumulator()
    try:
        if at_once:
            accumulator.extend(events)
        else:
            for event in events:
                accumulator.add(event)
        accumulator.finish()
    except ChunkviewError as error:
        return accumulator, error
    return accumulator, None


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


@examples(3)
@given(STREAMS, st.booleans(), st.booleans())
def test_the_package_and_the_slow_reader_agree_on_streams_in_disorder(
    events: list[Event], as_chunks: bool, at_once: bool
) -> None:
    result = read(events)
    given_events = as_far_as_decoded(events) if as_chunks else events
    accumulator, error = accumulated(given_events, at_once=at_once)
    assert summary_of(accumulator, error) == summary_of_model(result)


@given(STREAMS)
def test_each_character_of_a_finished_stream_is_in_one_block_or_unhandled(
    events: list[Event],
) -> None:
    accumulator, error = accumulated(events, at_once=True)
    if error is not None:
        return
    message = accumulator.finish()
    chunks: list[Any] = [decode(event) for event in events]
    unhandled = "".join(chunk.content + chunk.thinking for chunk in accumulator.unhandled)
    received = "".join(chunk.content + chunk.thinking for chunk in chunks)
    kept = message.text + message.thinking + unhandled
    # Two halves make one character, so count UTF-16 units.
    assert Counter(units(kept)) == Counter(units(received))


def units(text: str) -> list[bytes]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [data[at : at + 2] for at in range(0, len(data), 2)]
