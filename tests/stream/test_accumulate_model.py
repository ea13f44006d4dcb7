# mypy: disable-error-code="comparison-overlap"
"""The accumulator against the plainest model of it, and against the SDK."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    Accumulator,
    Message,
    accumulate,
    decode,
)
from chunkview._model.blocks import BLOCKS
from chunkview.testing import strategies as cv
from chunkview.testing.strategies._wide_blocks import TAKES
from support import (
    MESSAGE_STOP,
    Event,
    Recorded,
    any_streams,
    examples,
    sdk_accumulate,
    without_nulls,
)


class Model:
    """The message by the plainest means: dicts that are changed event by event."""

    def __init__(self, events: list[Event]) -> None:
        self.message: Event | None = None
        self.inputs: dict[int, str] = {}
        self.starts: list[Event] = []
        self.unhandled: list[Event] = []
        for event in copy.deepcopy(events):
            self.take(event)
        for index, text in self.inputs.items():
            if text.strip(" \t\r\n"):
                self.content[index]["input"] = parsed(text)

    @property
    def content(self) -> list[Event]:
        assert self.message is not None
        content: list[Event] = self.message["content"]
        return content

    def take(self, event: Event) -> None:
        match event:
            case {"type": "message_start", "message": message}:
                self.message = message
                self.starts = list(message["content"])
            case {"type": "content_block_start", "content_block": block}:
                self.content.append(block)
                self.starts.append(dict(block))
                if block["type"] == "fallback" and self.message is not None:
                    self.message["model"] = block["to"]["model"]
            case {"type": "content_block_delta", "index": index}:
                self.take_delta(event, self.content[index], event["delta"])
            case {"type": "message_delta", "delta": delta, "usage": usage, **rest}:
                assert self.message is not None
                self.message["usage"] |= without_nulls(usage)
                # Null erases nothing.
                self.message |= without_nulls({**delta, **rest}) | {"type": "message"}

    def take_delta(self, event: Event, block: Event, delta: Event) -> None:
        match block["type"], delta["type"]:
            case "text", "text_delta":
                block["text"] += delta["text"]
            case "text", "citations_delta":
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            case "thinking", "thinking_delta":
                block["thinking"] += delta["thinking"]
            case "thinking", "signature_delta":
                block["signature"] = delta["signature"] or block["signature"]
            case "compaction", "compaction_delta":
                replaced = {"encrypted_content": None, **delta, "type": "compaction"}
                self.content[event["index"]] = self.starts[event["index"]] | replaced
            case (("tool_use" | "server_tool_use" | "mcp_tool_use"), "input_json_delta"):
                index = event["index"]
                self.inputs[index] = self.inputs.get(index, "") + delta["partial_json"]
            case _:
                self.unhandled.append(event)


def parsed(text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return {"INVALID_JSON": text}
    return value if isinstance(value, dict) else {"INVALID_JSON": text}


STREAMS = st.one_of(
    any_streams(),
    any_streams(min_blocks=2, max_blocks=5),
    any_streams(max_blocks=1, tools=False, cut_off=False),  # ends for any reason
)


@examples(3)
@given(STREAMS, st.data())
def test_the_message_is_the_sum_of_its_events_at_any_time(events: Any, data: Any) -> None:
    end = data.draw(st.integers(1, len(events)))
    accumulator = Accumulator()
    for event in events[:end]:
        accumulator.add(event)
    model = Model(events[:end])
    assert [chunk.chunk for chunk in accumulator.unhandled] == model.unhandled
    message = accumulator.message
    has_stopped = any(event["type"] == "message_stop" for event in events[:end])
    assert accumulator.complete is (
        has_stopped or (message is not None and message.stop_reason is not None)
    )
    if model.message is None:
        assert message is None
    else:
        assert message is not None
        assert without_nulls(message.to_dict()) == without_nulls(model.message)
        assert message.content == tuple(map(accumulator.block, range(len(message.content))))
    # Nothing of this makes a difference to what comes after.
    accumulator.extend(map(decode, events[end:]))
    assert accumulator.finish() == accumulate(events)


@pytest.mark.parametrize("tag", [*BLOCKS, "unknown"])
@examples(1 / 6)
@given(st.data())
def test_a_block_of_each_type_and_any_message_delta_agree_with_the_model(
    tag: str, data: Any
) -> None:
    start = data.draw(cv.events("message_start"))
    block = data.draw(cv.content_blocks(tag))
    index = len(start["message"]["content"])
    deltas = [data.draw(cv.deltas(kind)) for kind in 2 * TAKES.get(tag, ())]
    ends = [data.draw(cv.events("message_delta")) for _ in range(2)]
    for end in ends:
        end["delta"]["stop_details"] = data.draw(st.sampled_from([None, {"type": "refusal"}]))
    events = [
        start,
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        *ends,
        MESSAGE_STOP,
    ]
    assert without_nulls(accumulate(events).to_dict()) == without_nulls(Model(events).message)


def test_recorded_streams_give_the_message_of_the_sdk(whole: Recorded) -> None:
    message = accumulate(whole.events)
    for beta in (False, True):
        sdk = without_nulls(sdk_accumulate(whole.events, beta=beta))
        assert without_nulls(message.to_dict()) == sdk
    assert Message.from_dict(message.to_dict()) == message
