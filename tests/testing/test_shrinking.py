"""What the strategies shrink to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import Phase, find, settings

from chunkview.testing import strategies as cv
from testing.drawing import Predicate, deltas

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def smallest(strategy: SearchStrategy[Any], predicate: Predicate = lambda _: True) -> Any:
    """What the values like this shrink to."""
    plain = settings(
        max_examples=1000,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
    )
    return find(strategy, lambda value: bool(predicate(value)), settings=plain)


MESSAGE_START = {
    "type": "message_start",
    "message": {
        "id": "msg_0",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    },
}
MESSAGE_DELTA = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 0},
}
MESSAGE_STOP = {"type": "message_stop"}


def test_the_smallest_stream_is_a_message_without_content() -> None:
    assert smallest(cv.message_streams()) == [MESSAGE_START, MESSAGE_DELTA, MESSAGE_STOP]
    without_delta = cv.message_streams(min_message_deltas=0)
    assert smallest(without_delta) == [MESSAGE_START, MESSAGE_STOP]


def test_a_stream_shrinks_to_the_events_that_a_failure_needs() -> None:
    stream = smallest(
        cv.message_streams(), lambda stream: any(delta.get("text") for delta in deltas(stream))
    )
    text = deltas(stream)[0]["text"]
    assert len(text) == 1
    assert stream == [
        MESSAGE_START,
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        },
        {"type": "content_block_stop", "index": 0},
        MESSAGE_DELTA,
        MESSAGE_STOP,
    ]


def test_a_body_shrinks_to_what_the_api_sends() -> None:
    body = smallest(cv.sse_bodies(cv.message_streams(min_message_deltas=0)))
    start, stop = (
        json.dumps(event, separators=(",", ":")) for event in (MESSAGE_START, MESSAGE_STOP)
    )
    written = f"event: message_start\ndata: {start}\n\nevent: message_stop\ndata: {stop}\n\n"
    assert body == written.encode()


def test_a_broken_stream_shrinks_to_a_few_events() -> None:
    rule, stream = smallest(cv.broken_streams("block_stop_repeated"))
    assert rule == "block_stop_repeated"
    assert [event["type"] for event in stream] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_the_other_strategies_shrink_to_the_smallest_value() -> None:
    assert smallest(cv.events()) == {"type": "ping"}
    assert smallest(cv.deltas("text_delta")) == {"type": "text_delta", "text": ""}
    assert smallest(cv.delta_usages()) == {"output_tokens": 0}
    assert smallest(cv.segmentations(b"abc")) == [b"abc"]
    assert smallest(cv.corrupted_bodies()) == b""
