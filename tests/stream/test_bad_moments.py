"""Closing and ending at a bad moment: inside of a read, and at the end of a body without lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chunkview import AnthropicStream, ChunkDecoder, DecodeError, IncompleteStreamError
from support import block_start, message_start, text_delta


def test_an_async_stream_that_is_closed_within_a_read_gives_nothing_more() -> None:
    async def read() -> AnthropicStream:
        async def source() -> AsyncIterator[Any]:
            yield message_start()
            yield block_start()
            yield text_delta("in time")
            await stream.aclose()  # as another task would
            yield text_delta("too late")

        stream = AnthropicStream(source())
        with pytest.raises(IncompleteStreamError):
            _ = [pair async for pair in stream]
        return stream

    assert asyncio.run(read()).content == "in time"


def test_a_broken_last_event_names_the_lost_line_ends_if_they_are_the_cause() -> None:
    decoder = ChunkDecoder()
    assert decoder.feed(b'data: {"type": "ping"}data: {"type": "ping"}') == []
    with pytest.raises(DecodeError, match="line"):
        decoder.close()
