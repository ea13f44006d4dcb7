"""Meter: the totals are those of an AnthropicStream, and nothing that is fed makes it raise."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkDecoder,
    ChunkviewError,
    CostMetadata,
    DecodeError,
    IncompleteStreamError,
    Meter,
    ProtocolError,
    StreamError,
    ToolUseBlock,
    encode,
)
from chunkview._stream.deltas import Deltas
from chunkview.testing import strategies as cv
from rules.lenient import lenient_bodies, lenient_streams
from stream_support import ERROR, PING_BYTES, one_by_one
from support import Recorded, block_start, examples, message_start, sse, text_delta


class Totals:
    """What an AnthropicStream has of a body, to compare with a meter."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.meter = Meter()
        self.checks = False
        self.stream = AnthropicStream(self.source())
        self.error: ChunkviewError | None = None

    def source(self) -> Any:
        for piece in self.pieces:
            self.meter.feed(piece)
            yield piece
            if self.checks:
                self.assert_same()

    def read(self, *, checks: bool) -> None:
        self.checks = checks
        try:
            for _ in self.stream:
                pass
        except ChunkviewError as error:
            self.error = error
        self.meter.close()

    def assert_same(self) -> None:
        meter, stream = self.meter, self.stream
        message = stream.message
        assert (meter.id, meter.model, meter.usage) == (stream.id, stream.model, stream.usage)
        assert meter.cost_metadata == stream.cost_metadata
        assert [meter.stop_reason] == (stream.finish_reasons or [None])
        assert meter.complete == stream._accumulator.complete
        if message is not None and meter.usage is not None:
            assert meter.usage.to_dict() == message.usage.to_dict()
        blocks = () if message is None else message.content
        assert meter.tool_names == tuple(names_of(blocks))
        assert meter.events == stream._accumulator._next_position


def names_of(blocks: Any) -> list[str]:
    """The names of tool calls; of several with the same id and name, the first one's."""
    seen = set()
    names = []
    for block in blocks:
        if isinstance(block, ToolUseBlock) and (block.id, block.name) not in seen:
            names.append(block.name)
            if block.id:
                seen.add((block.id, block.name))
    return names


def assert_agreement(pieces: list[bytes], *, checks: bool = False) -> None:
    """The meter has the totals of a stream that reads the same pieces, and its error."""
    totals = Totals(pieces)
    totals.read(checks=checks)
    meter, error = totals.meter, totals.error
    if isinstance(error, DecodeError) and not isinstance(meter.error, DecodeError):
        return  # a fault inside a delta, of which the meter says nothing
    totals.assert_same()
    assert type(meter.error) is type(error)
    assert str(meter.error) == str(error)
    assert meter.error is None or meter.error.partial is None
    assert meter.bytes <= sum(map(len, pieces))


def with_cuts(bodies: Any) -> Any:
    return bodies.flatmap(lambda body: st.tuples(cv.segmentations(body), st.booleans()))


@given(with_cuts(cv.sse_bodies()))
def test_a_meter_agrees_with_the_stream_on_valid_bodies(drawn: Any) -> None:
    pieces, checks = drawn
    assert_agreement(pieces, checks=checks)


@given(with_cuts(cv.corrupted_bodies() | st.binary(max_size=200)))
def test_a_meter_agrees_with_the_stream_on_corrupted_bodies(drawn: Any) -> None:
    pieces, checks = drawn
    assert_agreement(pieces, checks=checks)


@examples(3)
@given(with_cuts(lenient_bodies()))
def test_a_meter_agrees_with_the_stream_on_bodies_in_disorder(drawn: Any) -> None:
    pieces, checks = drawn
    assert_agreement(pieces, checks=checks)
