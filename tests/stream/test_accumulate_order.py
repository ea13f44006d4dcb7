# mypy: disable-error-code="comparison-overlap"
"""Events out of order are refused; events that may come anywhere are not."""

from __future__ import annotations

from typing import Any

import pytest

from chunkview import (
    Accumulator,
    DecodeError,
    ProtocolError,
    accumulate,
    decode,
)
from stream_support import CITATION, ERROR, STARTED, message_of
from support import (
    MESSAGE_STOP,
    PING,
    Event,
    block_start,
    block_stop,
    delta,
    json_delta,
    message_delta,
    message_start,
    text_delta,
    text_stream,
    tool_start,
    tool_stream,
)

HELPER = {"type": "text", "text": "a", "snapshot": "a"}


UNKNOWN = {"type": "sunrise"}


BLOCKS_AND_THEIR_DELTAS: list[tuple[dict[str, Any], set[str]]] = [
    ({"type": "text", "text": ""}, {"text_delta", "citations_delta"}),
    ({"type": "thinking", "thinking": ""}, {"thinking_delta", "signature_delta"}),
    ({"type": "tool_use", "id": "t", "name": "n", "input": {}}, {"input_json_delta"}),
    ({"type": "compaction"}, {"compaction_delta"}),
    ({"type": "redacted_thinking", "data": ""}, set()),
    ({"type": "mcp_tool_result", "tool_use_id": "t", "content": ""}, set()),
]


DELTAS: dict[str, dict[str, Any]] = {
    "text_delta": {"text": "a"},
    "citations_delta": {"citation": CITATION},
    "thinking_delta": {"thinking": "a"},
    "signature_delta": {"signature": "a"},
    "input_json_delta": {"partial_json": "a"},
    "compaction_delta": {"content": "a"},
}


OUT_OF_ORDER: Any = [
    ([], block_start(), "content_block_start came before message_start"),
    ([], text_delta("a"), "content_block_delta came before message_start"),
    ([], block_stop(), "content_block_stop came before message_start"),
    ([], message_delta(), "message_delta came before message_start"),
    ([], MESSAGE_STOP, "message_stop came before message_start"),
    ([], HELPER, "text came before message_start"),
    (STARTED, message_start(), "message_start came a second time"),
    (STARTED, block_start(0), "block 0 started where 1 is next"),
    (STARTED, block_start(2), "block 2 started where 1 is next"),
    (STARTED, block_start(-1), "block -1 started where 1 is next"),
    (STARTED, block_start(10**5_000), "block <int> started where 1 is next"),
    (STARTED, text_delta("a", 1), "block 1 has not started"),
    (STARTED, text_delta("a", -1), "block -1 has not started"),
    (STARTED, text_delta("a", 10**5_000), "block <int> has not started"),
    (STARTED, block_stop(1), "block 1 has not started"),
    ([*STARTED, block_stop()], block_stop(), "block 0 has ended already"),
    ([*STARTED, block_stop()], text_delta("a"), "text_delta for block 0, which has ended"),
    (
        [*STARTED, block_stop()],
        delta("scent_delta"),
        "scent_delta for block 0, which has ended",
    ),
    (
        [message_start(content=[{"type": "text", "text": ""}])],
        text_delta("a"),
        "text_delta for block 0, which has ended",
    ),
    *[
        ([*STARTED, MESSAGE_STOP], event, f"{event['type']} came after message_stop")
        for event in (
            message_start(),
            block_start(1),
            text_delta("a"),
            block_stop(),
            message_delta(),
            MESSAGE_STOP,
            ERROR,
            HELPER,
        )
    ],
    *[
        (
            [message_start(), block_start(0, **block)],
            delta(kind, **fields),
            f"{kind} does not fit block 0, a {block['type']} block",
        )
        for block, fits in BLOCKS_AND_THEIR_DELTAS
        for kind, fields in DELTAS.items()
        if kind not in fits
    ],
]


@pytest.mark.parametrize(("before", "event", "problem"), OUT_OF_ORDER)
def test_an_event_out_of_order_is_refused_and_does_not_change_the_state(
    before: list[Event], event: Event, problem: str
) -> None:
    # As chunk views too: those have a shorter way.
    for first, then in (before, event), (list(map(decode, before)), decode(event)):
        accumulator = Accumulator()
        accumulator.extend(first)
        message, complete = accumulator.message, accumulator.complete
        with pytest.raises(ProtocolError) as caught:
            accumulator.add(then)
        assert str(caught.value) == problem
        assert caught.value.chunk == decode(event)
        assert accumulator.message == message
        assert accumulator.complete == complete
        with pytest.raises(ProtocolError) as caught:
            accumulate([*first, then])
        assert caught.value.partial == message


def test_pings_and_unknown_events_may_come_at_any_time() -> None:
    events = text_stream("a", "b")
    with_pings = [noise for event in events for noise in (PING, UNKNOWN, event, UNKNOWN, PING)]
    assert accumulate(with_pings) == accumulate(events)


def test_the_helper_events_of_the_sdk_repeat_and_do_not_count() -> None:
    events = text_stream("a")
    assert accumulate([*events[:3], HELPER, *events[3:]]) == accumulate(events)


def test_an_event_that_cannot_be_decoded_is_refused() -> None:
    accumulator = Accumulator()
    accumulator.extend(STARTED)
    with pytest.raises(DecodeError, match=r"content_block_delta\.delta\.text"):
        accumulator.add(delta("text_delta"))
    assert message_of(accumulator).text == ""


def test_the_events_before_one_out_of_order_are_accumulated() -> None:
    accumulator = Accumulator()
    with pytest.raises(ProtocolError):
        accumulator.extend([*STARTED, text_delta("a"), text_delta("b", 1), text_delta("c")])
    accumulator.add(text_delta("d"))
    assert message_of(accumulator).text == "ad"


def test_add_and_extend_are_the_same() -> None:
    one, other = Accumulator(), Accumulator()
    events = [*text_stream("a", "b")[:-2], tool_start(1), json_delta("{}", 1)]
    for event in events:
        one.add(event)
    other.extend(events)
    assert one.message == other.message


def test_accumulating_does_not_change_the_events() -> None:
    events = tool_stream('{"x": 1}', input={"y": []})
    chunks = [decode(event) for event in events]
    accumulate(chunks)
    assert events == tool_stream('{"x": 1}', input={"y": []})
    assert chunks == [decode(event) for event in events]
