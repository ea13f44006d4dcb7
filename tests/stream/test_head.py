# mypy: disable-error-code="comparison-overlap"
"""What `message_delta` and fallback blocks change in the message."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given

import chunkview
from chunkview import (
    Accumulator,
    Usage,
    accumulate,
)
from chunkview._stream.accumulate import HeadAccumulator
from chunkview.testing import strategies as cv
from stream_support import message_of, so_far
from support import (
    MESSAGE_STOP,
    Event,
    block_start,
    message_delta,
    message_start,
)


def test_a_fallback_renames_the_model() -> None:
    fallback: Any = {"from": {"model": "claude-test"}, "to": {"model": "other"}, "trigger": None}
    message = so_far(message_start(), block_start(type="fallback", **fallback))
    assert message.model == "other"


def test_usage_is_replaced_count_by_count() -> None:
    start = message_start(
        usage={
            "input_tokens": 10,
            "output_tokens": 1,
            "cache_read_input_tokens": 4,
            "service_tier": "standard",
        }
    )
    deltas = [
        message_delta(None, output_tokens=50, input_tokens=11),
        message_delta(output_tokens=90, cache_read_input_tokens=None),
    ]
    message = accumulate([start, *deltas, MESSAGE_STOP])
    assert message.usage == Usage(11, 90, cache_read_input_tokens=4, service_tier="standard")
    assert message.stop_reason == "end_turn"


def test_the_fields_of_message_delta_replace_and_its_nulls_keep() -> None:
    first: Event = {
        **message_delta("refusal"),
        "context_management": {"applied_edits": []},
        "input_transformations": [],
        "novelty": 1,
    }
    first["delta"] |= {
        "container": {"id": "c"},
        "stop_details": {"type": "refusal"},
        "stop_sequence": "###",
        "oddity": 2,
    }
    second: Event = {
        **message_delta(None),
        "context_management": None,
        "input_transformations": None,
    }
    second["delta"] |= {"container": None, "stop_details": None, "oddity": None}
    second["novelty"] = None
    start = message_start(container={"id": "old"}, input_transformations=[1])

    message = so_far(start, first)
    assert message.container == {"id": "c"}
    assert message.context_management == {"applied_edits": []}
    assert message.input_transformations == []
    assert (message.stop_reason, message.stop_sequence) == ("refusal", "###")
    assert message.stop_details == {"type": "refusal"}
    assert message.extra == {"novelty": 1, "oddity": 2}

    message = so_far(start, first, second)
    assert message.container == {"id": "c"}
    assert message.context_management == {"applied_edits": []}
    assert message.input_transformations == []
    assert (message.stop_reason, message.stop_sequence) == ("refusal", "###")
    assert message.stop_details == {"type": "refusal"}
    assert message.extra == {"novelty": 1, "oddity": 2}


def test_a_message_delta_made_by_hand_has_no_unknown_keys() -> None:
    chunk = chunkview.MessageDeltaChunk("end_turn", None, chunkview.MessageDeltaUsage(5))
    accumulator = Accumulator()
    accumulator.extend([message_start(), chunk])
    assert message_of(accumulator).extra == {}


def test_an_unknown_key_never_takes_the_place_of_a_known_one() -> None:
    event = message_delta()
    event["delta"] |= {"id": "msg_2", "content": "none", "role": "user"}
    message = so_far(message_start(), event)
    assert message.id == "msg_1"
    assert message.to_dict()["content"] == []


@given(cv.message_streams())
def test_the_head_is_the_message_without_its_blocks_at_any_time(events: Any) -> None:
    accumulator = HeadAccumulator()
    assert accumulator.head is None
    for event in events:
        accumulator.add(event)
        head = accumulator.head
        if accumulator.message is None:
            assert head is None
        else:
            assert head is not None
            assert head is accumulator.head  # it is not made again
            assert head == attrs.evolve(accumulator.message, content=head.content)
            assert head.content == accumulator.message.content[: len(head.content)]
