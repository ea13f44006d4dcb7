"""`check` after an error event: what the error broke off is not missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview._stream import check_each
from chunkview.conformance import check
from chunkview.testing import strategies as cv
from stream_support import ERROR
from support import (
    MESSAGE_STOP,
    PING,
    Event,
    block_start,
    block_stop,
    message_delta,
    message_start,
    sse,
    text_delta,
    tool_start,
)

BEGUN = [message_start(), block_start(0), text_delta("a")]
ENDED = [block_stop(0), message_delta(), MESSAGE_STOP]


def wrapped(event: Event) -> Event:
    """An event as Claude Code prints it."""
    return {"type": "stream_event", "event": event, "parent_tool_use_id": None}


def found(source: Any) -> list[tuple[str, int, int]]:
    return [(finding.rule, finding.position, finding.count) for finding in check(source)]


@pytest.mark.parametrize(
    "after",
    [
        [],
        [PING],
        [MESSAGE_STOP],
        [message_delta()],
        ENDED,
        ENDED[1:],
        [block_stop(7), text_delta("b", 3)],
        [*BEGUN, *ENDED],
        [MESSAGE_STOP, *BEGUN, MESSAGE_STOP],
    ],
    ids=lambda events: " ".join(event["type"] for event in events) or "nothing",
)
def test_what_an_error_breaks_off_is_not_missing(after: list[Event]) -> None:
    expected = [("event_after_error", 4, len(after))] if after else []
    assert found(sse([*BEGUN, ERROR, *after])) == expected
    assert found([*BEGUN, ERROR, *after]) == expected


def test_an_error_breaks_off_a_message_that_has_its_stop_reason() -> None:
    assert found([*BEGUN, ENDED[1], ERROR]) == []
    half_call = [message_start(), tool_start(), message_delta("tool_use")]
    assert found([*half_call, ERROR, MESSAGE_STOP]) == [("event_after_error", 4, 1)]


def test_what_was_off_before_an_error_stays_off() -> None:
    no_reason = [*BEGUN, block_stop(0), MESSAGE_STOP]
    rules = ["message_delta_missing", "stop_reason_missing"]
    assert [rule for rule, *_ in found([*no_reason, ERROR])] == rules
    assert [rule for rule, *_ in found([*no_reason, ERROR, PING])] == [
        "message_delta_missing",
        "event_after_error",
        "stop_reason_missing",
    ]
    assert found([text_delta("a"), ERROR]) == [("message_start_missing", 0, 1)]


def test_the_bytes_and_the_fields_of_what_follows_an_error_are_looked_at() -> None:
    untyped = {"type": "content_block_delta", "index": 0, "delta": {"text": "b"}}
    body = sse([*BEGUN, ERROR, untyped, untyped, {"type": "error"}]) + b"data: {\n\n"
    assert found(body) == [
        ("delta_type_missing", 4, 2),
        ("event_after_error", 4, 4),
        ("error_misshapen", 6, 1),
        ("event_line_missing", 7, 1),
        ("data_not_object", 7, 1),
    ]


@pytest.mark.parametrize(
    ("source", "received"),
    [
        (sse([PING]) + b"data: {\n\n" + sse([PING]), b"data: {"),
        (b'data: {"type": "content_block_stop"}', b'data: {"type": "content_block_stop"}'),
        (b"{", b"{"),
        ([{"type": "content_block_stop"}], {"type": "content_block_stop"}),
        (["{"], "{"),
    ],
    ids=["within a body", "at its end", "no stream", "event", "line"],
)
def test_what_was_received_of_a_broken_event_is_handed_over(source: Any, received: Any) -> None:
    seen: list[Any] = []
    check_each(source, lambda *event: seen.append(event))
    assert [rest for chunk, rest in seen if chunk is None] == [received]


@pytest.mark.parametrize("source", [b"", b": keep-alive\n\n", []])
def test_of_a_source_without_an_event_it_is_said_that_none_came(source: Any) -> None:
    (finding,) = check(source)
    assert (finding.rule, finding.position, finding.count) == ("stream_cut", 0, 1)
    assert finding.message.endswith(": no event came")


def test_after_an_error_an_agent_may_ask_again() -> None:
    lines = [wrapped(event) for event in [*BEGUN, ERROR, PING, *BEGUN, *ENDED]]
    assert found(lines) == [("event_after_error", 4, 1)]
    cut = [wrapped(event) for event in [ERROR, *BEGUN]]
    assert found(cut) == [("stream_cut", 4, 1)]


@given(cv.message_streams(), st.data())
def test_an_error_anywhere_in_a_valid_stream_breaks_no_other_rule(
    events: list[Event], data: Any
) -> None:
    place = data.draw(st.integers(0, len(events)))
    tail = data.draw(st.lists(st.sampled_from(events), max_size=5))
    rules = {"event_after_error"} if tail else set()
    assert {rule for rule, *_ in found([*events[:place], ERROR, *tail])} == rules
