"""Many events: framing, decoding, accumulating and iterating over a stream."""

from __future__ import annotations

from .accumulate import Accumulator, Strict
from .check import check, check_each
from .conforming import begins_like_conforming, read_conforming
from .framing import Framer
from .intake import EVERY_PARENT, EveryParent
from .items import AsyncSource, Source
from .iterate import aiter_chunks, iter_chunks
from .limits import checked_limit
from .messages import aaccumulate, accumulate, aiter_messages, iter_messages
from .meter import Meter
from .stream import AnthropicStream, Pair
from .timings import Timings, has_content
from .totals import Totals, totals_of
from .wire import ChunkDecoder, Piece

__all__ = [
    "EVERY_PARENT",
    "Accumulator",
    "AnthropicStream",
    "AsyncSource",
    "ChunkDecoder",
    "EveryParent",
    "Framer",
    "Meter",
    "Pair",
    "Piece",
    "Source",
    "Strict",
    "Timings",
    "Totals",
    "aaccumulate",
    "accumulate",
    "aiter_chunks",
    "aiter_messages",
    "begins_like_conforming",
    "check",
    "check_each",
    "checked_limit",
    "has_content",
    "iter_chunks",
    "iter_messages",
    "read_conforming",
    "totals_of",
]
