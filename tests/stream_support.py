# mypy: disable-error-code="comparison-overlap"
"""What the tests of the stream share: small events, and the plainest loops over a stream."""

from __future__ import annotations

from typing import Any

import pytest

from chunkview import (
    Accumulator,
    AnthropicStream,
    ChunkDecoder,
    ChunkView,
    CostMetadata,
    DecodeError,
    Message,
    aiter_chunks,
    common,
)
from chunkview._chunks.contract import common_finish_reasons
from support import block_start, message_start

PING_BYTES = b'event: ping\ndata: {"type": "ping"}\n\n'
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE_ENDINGS = [b"\n", b"\r\n", b"\r"]
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
CITATION = {
    "type": "char_location",
    "cited_text": "c",
    "document_index": 0,
    "document_title": "t",
    "start_char_index": 0,
    "end_char_index": 1,
}
STARTED = [message_start(), block_start(0)]


def decoded(*pieces: bytes, **options: Any) -> list[ChunkView]:
    decoder = ChunkDecoder(**options)
    return [chunk for piece in pieces for chunk in decoder.feed(piece)] + decoder.close()


def one_by_one(body: bytes) -> list[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


def until_it_fails(decoder: ChunkDecoder, pieces: list[bytes]) -> tuple[list[Any], DecodeError]:
    """What the plain loop sees before a decoder raises, at the end if not before; the error."""
    chunks: list[Any] = []
    try:
        for piece in pieces:
            chunks += decoder.feed(piece)
        chunks += decoder.close()
    except DecodeError as error:
        return chunks, error
    pytest.fail("nothing was wrong")


async def collected(source: Any, **options: Any) -> list[Any]:
    return [chunk async for chunk in aiter_chunks(source, **options)]


def so_far(*events: Any) -> Message:
    accumulator = Accumulator()
    accumulator.extend(events)
    return message_of(accumulator)


def message_of(accumulator: Accumulator) -> Message:
    assert accumulator.message is not None
    return accumulator.message


def message_after(events: list[Any]) -> Message | None:
    accumulator = Accumulator()
    accumulator.extend(events)
    return accumulator.message


async def drain(stream: AnthropicStream) -> list[Any]:
    return [pair async for pair in stream]


def assert_totals(stream: AnthropicStream, message: Message | None) -> None:
    """The totals of a stream are those of the message so far."""
    assert stream.message == message
    if message is None:
        assert stream.usage is stream.id is stream.model is None
        assert stream.finish_reasons is stream.common_finish_reasons is stream.common_usage is None
        assert stream.input_tokens is stream.cached_tokens is stream.output_tokens is None
        assert stream.content == stream.thinking == stream.signature == ""
        assert stream.cost_metadata == CostMetadata(final=False)
        return
    assert stream.content == message.text
    assert (stream.thinking, stream.signature) == (message.thinking, message.signature)
    assert (stream.id, stream.model) == (message.id or None, message.model or None)
    assert stream.usage == message.usage
    assert stream.input_tokens == message.usage.input_tokens
    assert stream.cached_tokens == message.usage.cache_read_input_tokens
    assert stream.output_tokens == message.usage.output_tokens
    reason = message.stop_reason
    assert stream.finish_reasons == (None if reason is None else [reason])
    assert stream.common_finish_reasons == common_finish_reasons(reason)
    assert stream.cost_metadata == message.cost_metadata
    assert stream.common_usage == common.Usage.from_counts(
        stream.input_tokens, stream.cached_tokens, stream.output_tokens
    )
