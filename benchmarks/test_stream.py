"""Whole streams: iterating over chunks, with and without totals, against `messages.stream()`.

Each is compared with `ChunkDecoder` alone on the same pieces. All use msgspec if it is installed,
as a program does that sets nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chunkview import Accumulator, AnthropicStream, ChunkDecoder, accumulate, iter_chunks

from .peers import sdk_stream
from .test_wire import CUTS, by_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Compare


def decode(pieces: list[bytes]) -> None:
    decoder = ChunkDecoder()
    for piece in pieces:
        for _ in decoder.feed(piece):
            pass
    decoder.close()


def iterate(pieces: list[bytes]) -> None:
    for _ in iter_chunks(pieces):
        pass


def decode_and_accumulate(pieces: list[bytes]) -> Any:
    decoder, accumulator = ChunkDecoder(), Accumulator()
    for piece in pieces:
        for chunk in decoder.feed(piece):
            accumulator.add(chunk)
    for chunk in decoder.close():
        accumulator.add(chunk)
    return accumulator.finish()


def stream(pieces: list[bytes]) -> Any:
    stream = AnthropicStream(pieces)
    for _chunk, _tool in stream:
        pass
    return stream.finish()


def stream_and_read_totals(pieces: list[bytes]) -> Any:
    stream = AnthropicStream(pieces)
    for _chunk, _tool in stream:
        stream.output_tokens  # noqa: B018
    return stream.finish()


READERS: dict[str, Callable[[list[bytes]], Any]] = {
    "ChunkDecoder": decode,
    "iter_chunks": iterate,
    "ChunkDecoder + Accumulator": decode_and_accumulate,
    "AnthropicStream": stream,
    "AnthropicStream, a total read per chunk": stream_and_read_totals,
    "messages.stream()": sdk_stream,
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("bodies", ["recorded", "short"])
def test_streams(
    compare: Compare, streams: list[bytes], shorts: list[bytes], bodies: str, cut: str
) -> None:
    originals = streams if bodies == "recorded" else shorts
    pieces = [CUTS[cut](body) for body in originals]
    events = sum(len(by_event(body)) for body in originals)
    read = compare("stream", f"{bodies}, {cut}", events, READERS, pieces)
    for reader in READERS:
        for message, body in zip(read[reader], originals, strict=True):
            if message is not None:
                ours = accumulate(body)
                assert message.id == ours.id
                assert message.usage.output_tokens == ours.usage.output_tokens
                texts = [getattr(block, "text", "") for block in message.content]
                assert texts == [getattr(block, "text", "") for block in ours.content]
