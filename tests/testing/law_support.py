"""What the tests of the laws share: a right parser to plant bugs in, and how long to search."""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from chunkview import ChunkDecoder, ChunkView, aiter_chunks, iter_chunks

SEARCH = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    stateful_step_count=20,
)
"""Enough to find each planted bug; what it shrinks to is tested once for each kind of report."""

FEW = settings(SEARCH, max_examples=6)
"""For parsers that are right: the tests show that the law runs, not that they are."""


def events_of(chunks: Iterable[ChunkView]) -> list[dict[str, Any]]:
    return [chunk.to_event() for chunk in chunks]


def right(pieces: Iterator[bytes]) -> list[dict[str, Any]]:
    return events_of(iter_chunks(pieces))


def right_generator(pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    yield from right(pieces)


async def right_coroutine(pieces: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    return events_of([chunk async for chunk in aiter_chunks(pieces)])


async def right_async_generator(pieces: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    async for chunk in aiter_chunks(pieces):
        yield chunk.to_event()


class RightCallable:
    async def __call__(self, pieces: AsyncIterator[bytes]) -> list[dict[str, Any]]:
        return await right_coroutine(pieces)


RIGHT = [right, right_generator, right_coroutine, right_async_generator, RightCallable()]


def events_in(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The events in the lines of a body, by the specification but for its byte order mark."""
    data: list[str] = []
    for line in lines:
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        if not line and data:
            if (text := "\n".join(data)).strip():
                yield json.loads(text)
            data.clear()


def text_in(pieces: Iterable[bytes]) -> str:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    return "".join(map(decoder.decode, pieces))


def lines_in(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


class Decoder:
    """A right consumer."""

    def __init__(self) -> None:
        self.decoder = ChunkDecoder()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        return events_of(self.decoder.feed(data))

    def close(self) -> list[dict[str, Any]] | None:
        return events_of(self.decoder.close()) or None
