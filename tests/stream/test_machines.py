"""Two state machines: the accumulator and the decoder, each against a simple model of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chunkview import Accumulator, ChunkDecoder, DecodeError, ProtocolError, decode
from chunkview.testing import strategies as cv
from rules.model import Reader
from rules.summaries import summary_of, summary_of_model
from support import MESSAGE_STOP, PING, block_start, block_stop, message_delta, message_start

INDICES = st.integers(0, 2)
BLOCKS = st.sampled_from(
    [
        {"type": "text", "text": ""},
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "tool_use", "id": "", "name": "f", "input": {}},
        {"type": "scent"},
    ]
)
DELTAS = st.sampled_from(
    [
        {"type": "text_delta", "text": "a"},
        {"type": "thinking_delta", "thinking": "a"},
        {"type": "signature_delta", "signature": "s"},
        {"type": "input_json_delta", "partial_json": "{"},
        {"type": "input_json_delta", "partial_json": "}"},
        {"type": "scent_delta"},
    ]
)


class AccumulatorMachine(RuleBasedStateMachine):
    """The model is the slow reader. An event that is refused is skipped by both."""

    def __init__(self) -> None:
        super().__init__()
        self.accumulator = Accumulator()
        self.reader = Reader()

    def add(self, event: Any) -> None:
        result = self.reader.result
        self.reader.take(event)
        self.reader.position += 1
        chunk, error = decode(event), result.error
        result.error = None
        if error is None:
            self.accumulator.add(chunk)
            return
        with pytest.raises(ProtocolError) as caught:
            self.accumulator.add(chunk)
        assert caught.value.rule == result.rule
        assert caught.value.chunk is chunk
        result.rule = None

    @rule(message_id=st.sampled_from(["", "m", "m", "n"]))
    def start(self, message_id: str) -> None:
        self.add(message_start(id=message_id))

    @rule(index=INDICES, block=BLOCKS)
    def start_block(self, index: int, block: Any) -> None:
        self.add(block_start(index, **block))

    @rule(index=INDICES, delta=DELTAS)
    def add_delta(self, index: int, delta: Any) -> None:
        self.add({"type": "content_block_delta", "index": index, "delta": delta})

    @rule(index=INDICES, delta=DELTAS, number=st.integers(2, 4))
    def add_deltas(self, index: int, delta: Any, number: int) -> None:
        for _ in range(number):
            self.add_delta(index, delta)

    @rule(index=INDICES)
    def stop_block(self, index: int) -> None:
        self.add(block_stop(index))

    @rule(reason=st.sampled_from([None, "end_turn"]), tokens=st.integers(0, 99))
    def update(self, reason: str | None, tokens: int) -> None:
        self.add(message_delta(reason, output_tokens=tokens))

    @rule()
    def ping(self) -> None:
        self.add(PING)

    @precondition(lambda self: len(self.reader.result.blocks) > 2)
    @rule()
    def stop(self) -> None:
        self.add(MESSAGE_STOP)

    @invariant()
    def agrees(self) -> None:
        expected = summary_of_model(self.reader.result)
        assert summary_of(self.accumulator, None) == expected
        assert self.accumulator.complete is (
            self.reader.has_stopped or self.reader.result.stop_reason is not None
        )


class DecoderMachine(RuleBasedStateMachine):
    """The model is the bytes so far: what is complete in them has been given, in order."""

    @initialize(pair=cv.streams_with_bodies(cv.message_streams(max_blocks=2, max_deltas=3)))
    def begin(self, pair: Any) -> None:
        events, self.body = pair
        self.expected = [decode(event) for event in events]
        self.decoder = ChunkDecoder()
        self.place = 0
        self.got: list[Any] = []
        self.closed = False

    @precondition(lambda self: not self.closed)
    @rule(size=st.integers(0, 40), make=st.sampled_from([bytes, bytearray, memoryview]))
    def feed(self, size: int, make: Any) -> None:
        piece = self.body[self.place : self.place + size]
        self.place += len(piece)
        self.got += self.decoder.feed(make(piece))

    @precondition(lambda self: not self.closed)
    @rule()
    def feed_the_rest(self) -> None:
        self.got += self.decoder.feed(self.body[self.place :])
        self.place = len(self.body)

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        try:
            self.got += self.decoder.close()
        except DecodeError as error:
            assert self.place < len(self.body)
            # A body may begin with a field of its own, and so do many that are no event stream.
            assert error.truncated or (not self.got and "no event stream" in str(error))
            self.closed = True
            return
        self.closed = True
        if self.place == len(self.body):
            assert self.got == self.expected

    @precondition(lambda self: self.closed)
    @rule()
    def feed_after_the_end(self) -> None:
        error = self.decoder.error
        with pytest.raises(
            DecodeError, match=str(error) if error else "nothing can be fed any more"
        ) as e:
            self.decoder.feed(b"x")
        assert error is None or (str(e.value), e.value.__cause__) == (str(error), error)

    @precondition(lambda self: self.closed)
    @rule()
    def close_after_the_end(self) -> None:
        assert self.decoder.close() == []

    @invariant()
    def gives_a_beginning_of_the_stream(self) -> None:
        if hasattr(self, "got"):
            assert self.got == self.expected[: len(self.got)]


TestAccumulator = AccumulatorMachine.TestCase
TestDecoder = DecoderMachine.TestCase
TestAccumulator.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestDecoder.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
