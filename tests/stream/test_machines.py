"""Two state machines: the accumulator and the decoder, each against a simple model of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chunkview import Accumulator, ChunkDecoder, DecodeError, InvalidJson, ProtocolError, decode
from chunkview.testing import strategies as cv
from support import (
    MESSAGE_STOP,
    PING,
    block_start,
    block_stop,
    delta,
    json_delta,
    message_delta,
    message_start,
    text_delta,
    tool_start,
)

KINDS = {
    "text": block_start(type="text", text="")["content_block"],
    "thinking": block_start(type="thinking", thinking="", signature="")["content_block"],
    "tool_use": tool_start()["content_block"],
}
FIELDS = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}
DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}


class AccumulatorMachine(RuleBasedStateMachine):
    """The model is a list of blocks: kind, text, whether open; and the last usage."""

    def __init__(self) -> None:
        super().__init__()
        self.accumulator = Accumulator()
        self.started = self.stopped = False
        self.blocks: list[dict[str, Any]] = []
        self.output_tokens = 1
        self.input_tokens = 10

    def add(self, event: Any, *, allowed: bool) -> bool:
        if allowed:
            self.accumulator.add(decode(event))
        else:
            with pytest.raises(ProtocolError):
                self.accumulator.add(decode(event))
        return allowed

    @property
    def running(self) -> bool:
        return self.started and not self.stopped

    @rule()
    def start(self) -> None:
        if self.add(message_start(), allowed=not self.started):
            self.started = True

    @precondition(lambda self: self.started)
    @rule(kind=st.sampled_from(sorted(KINDS)), skipped=st.sampled_from([0, 0, 0, 0, 1, -1]))
    def start_block(self, kind: str, skipped: int) -> None:
        event = block_start(len(self.blocks) + skipped, **KINDS[kind])
        if self.add(event, allowed=self.running and skipped == 0):
            self.blocks.append({"kind": kind, "text": "", "open": True})

    @precondition(lambda self: self.started)
    @rule(kind=st.sampled_from(sorted(KINDS)), index=st.integers(-1, 3), text=st.text(max_size=3))
    def add_delta(self, kind: str, index: int, text: str) -> None:
        block = self.blocks[index] if 0 <= index < len(self.blocks) else None
        fits = block is not None and block["open"] and block["kind"] == kind
        event = delta(DELTAS[kind], index, **{FIELDS[kind]: text})
        if self.add(event, allowed=self.running and fits) and block is not None:
            block["text"] += text

    @precondition(lambda self: any(block["open"] for block in self.blocks) and self.running)
    @rule(text=st.text(max_size=3), data=st.data())
    def add_fitting_delta(self, text: str, data: Any) -> None:
        index = data.draw(st.sampled_from([i for i, b in enumerate(self.blocks) if b["open"]]))
        self.add_delta(self.blocks[index]["kind"], index, text)

    @precondition(lambda self: self.started)
    @rule(index=st.integers(-1, 3))
    def stop_block(self, index: int) -> None:
        block = self.blocks[index] if 0 <= index < len(self.blocks) else None
        open_block = block is not None and block["open"]
        if self.add(block_stop(index), allowed=self.running and open_block) and block is not None:
            block["open"] = False

    @rule(output_tokens=st.integers(0, 99), input_tokens=st.none() | st.integers(0, 99))
    def update(self, output_tokens: int, input_tokens: int | None) -> None:
        event = message_delta(output_tokens=output_tokens, input_tokens=input_tokens)
        if self.add(event, allowed=self.running):
            self.output_tokens = output_tokens
            self.input_tokens = self.input_tokens if input_tokens is None else input_tokens
            for block in self.blocks:
                block["open"] = False

    @rule()
    def ping(self) -> None:
        self.add(PING, allowed=True)

    @precondition(lambda self: len(self.blocks) > 1)
    @rule()
    def stop(self) -> None:
        if self.add(MESSAGE_STOP, allowed=self.running):
            self.stopped = True

    @invariant()
    def agrees(self) -> None:
        assert self.accumulator.complete is self.stopped
        message = self.accumulator.message
        if not self.started:
            assert message is None
            return
        assert message is not None
        assert message.usage.output_tokens == self.output_tokens
        assert message.usage.input_tokens == self.input_tokens
        assert [block.type for block in message.content] == [b["kind"] for b in self.blocks]
        block: Any
        for block, model in zip(message.content, self.blocks, strict=True):
            match model["kind"]:
                case "text":
                    assert block.text == model["text"]
                case "thinking":
                    assert block.thinking == model["text"]
                case _:
                    assert as_text(block.input) == reparsed(model["text"])


def as_text(value: Any) -> Any:
    return ("invalid", value.text) if isinstance(value, InvalidJson) else value


def reparsed(text: str) -> Any:
    if text == "":
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return ("invalid", text)


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


def test_the_deltas_of_the_models_fit_their_blocks() -> None:
    for kind, block in KINDS.items():
        accumulator = Accumulator()
        accumulator.extend([message_start(), block_start(0, **block)])
        accumulator.add(delta(DELTAS[kind], 0, **{FIELDS[kind]: "1"}))
    assert json_delta("1") == delta(DELTAS["tool_use"], 0, partial_json="1")
    assert text_delta("1") == delta(DELTAS["text"], 0, text="1")
