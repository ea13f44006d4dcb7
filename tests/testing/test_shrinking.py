"""What the strategies shrink to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from chunkview.testing import strategies as cv
from testing.drawing import deltas, smallest

if TYPE_CHECKING:
    pass


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


START, DELTA, STOP = "content_block_start", "content_block_delta", "content_block_stop"
BROKEN: dict[str, tuple[str, ...]] = {
    "block_stop_repeated": (START, STOP, STOP),
    "delta_without_block": (DELTA,),
    "index_missing": (START,),
    "tool_name_missing": (START,),
    "delta_missing": (START, DELTA, STOP),
    "count_missing": (),
    "delta_string_missing": (START, DELTA, STOP),
    "misfit_value": (),
    "tool_id_repeated": (START, STOP, START, STOP),
    "count_falls": (),
}
"""The events between `message_start` and `message_delta`, by the rule that is broken."""


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_stream_shrinks_to_the_events_that_the_rule_needs(rule: str) -> None:
    _, stream = smallest(cv.broken_streams(rule))
    types = ["message_start", *BROKEN[rule], "message_delta", "message_stop"]
    assert [event["type"] for event in stream] == types


def test_a_broken_body_shrinks_to_what_the_api_sends_but_for_the_break() -> None:
    plain = smallest(cv.sse_bodies(plain=True))
    _, body = smallest(cv.broken_bodies("done_marker"))
    assert body == plain + b"data: [DONE]\n\n"
    _, body = smallest(cv.broken_bodies("message_stop_missing"))
    assert body == plain[: plain.index(b"event: message_stop")]


def test_the_other_strategies_shrink_to_the_smallest_value() -> None:
    assert smallest(cv.events()) == {"type": "ping"}
    assert smallest(cv.deltas("text_delta")) == {"type": "text_delta", "text": ""}
    assert smallest(cv.delta_usages()) == {"output_tokens": 0}
    assert smallest(cv.segmentations(b"abc")) == [b"abc"]
    assert smallest(cv.corrupted_bodies()) == b""
