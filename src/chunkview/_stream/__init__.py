"""Many events: framing, decoding, accumulating and iterating over a stream."""

from __future__ import annotations

from .accumulate import Accumulator, accumulate
from .framing import Framer
from .iterate import aiter_chunks, iter_chunks
from .stream import AnthropicStream
from .wire import ChunkDecoder

__all__ = [
    "Accumulator",
    "AnthropicStream",
    "ChunkDecoder",
    "Framer",
    "accumulate",
    "aiter_chunks",
    "iter_chunks",
]
