"""What is off with the bytes and the fields of a stream is in its findings, and `strict` raises."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from chunkview import (
    AnthropicStream,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    aaccumulate,
    accumulate,
    aiter_messages,
    decode,
    iter_messages,
)
from chunkview._stream.fastpath import MEMORY
from chunkview.conformance import Finding, check
from chunkview.testing import broken_body
from support import (
    MESSAGE_STOP,
    PING,
    Event,
    as_async,
    block_start,
    block_stop,
    message_delta,
    message_start,
    sdk_event,
    text_delta,
    text_stream,
    tool_stream,
)

TEXT = text_stream("a", "b", "c", "d")


def body_of(events: list[Event], *, names: bool = True, newline: str = "\n") -> bytes:
    """The events as the API writes them, or without their `event:` lines."""
    return "".join(
        (f"event: {event['type']}{newline}" if names else "")
        + f"data: {json.dumps(event)}{newline}{newline}"
        for event in events
    ).encode()


def read(source: Any) -> tuple[Finding, ...]:
    stream = AnthropicStream(source)
    for _ in stream:
        pass
    return stream.findings


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def summary(findings: Any) -> list[tuple[str, int, int]]:
    return [(finding.rule, finding.position, finding.count) for finding in findings]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("is_known", [False, True], ids=["cold", "warm"])
def test_each_event_without_its_line_is_counted_also_by_the_fast_path(
    size: int, is_known: bool
) -> None:
    MEMORY.clear()
    body = body_of([*TEXT[:3], PING, *TEXT[3:]], names=False)
    if is_known:
        read(body)
    assert summary(read(pieces(body, size))) == [("event_line_missing", 0, 10)]


def test_one_event_a_piece_is_counted_by_the_fast_path() -> None:
    events = [body_of([event], names=event["type"] != "content_block_delta") for event in TEXT]
    for _ in range(2):  # the second time, the first delta is known, too
        assert summary(read(events)) == [("event_line_missing", 2, 4)]


def test_a_bare_event_without_its_line_is_counted_also_when_it_is_known() -> None:
    events = [body_of([event], names=event["type"] != "content_block_stop") for event in TEXT]
    for _ in range(2):
        assert summary(read(events)) == [("event_line_missing", 6, 1)]
    two = [*TEXT[:-2], block_start(1), text_delta("e", 1), block_stop(1), *TEXT[-2:]]
    events = [body_of([event], names=event["type"] != "content_block_stop") for event in two]
    for _ in range(2):
        assert summary(read(events)) == [("event_line_missing", 6, 2)]


def test_a_finding_about_a_field_is_about_a_block() -> None:
    untyped = [{**text_delta(text), "delta": {"text": text}} for text in "xy"]
    events = [*TEXT[:2], *untyped, *TEXT[-3:]]
    chunk = decode(untyped[0])
    expected = (
        Finding(
            "delta_type_missing",
            "block 0: the delta of content_block_delta has no type: delta.type is missing",
            2,
            2,
            chunk,
        ),
    )
    assert read(events) == expected
    for _ in range(2):
        assert summary(read(body_of(events))) == summary(expected)
        assert summary(read([body_of([event]) for event in events])) == summary(expected)
    assert tuple(check(events)) == expected


def test_events_of_every_kind_of_source_are_looked_at() -> None:
    start = message_start()
    del start["message"]["role"]
    events = [start, *TEXT[1:]]
    found = [("message_role_missing", 0, 1)]
    assert summary(read(events)) == found
    assert summary(read(map(json.dumps, events))) == found
    assert summary(read([{"type": "stream_event", "event": event} for event in events])) == found
    boto3 = [{"chunk": {"bytes": json.dumps(event).encode()}} for event in events]
    assert summary(read(boto3)) == found
    # A chunk view is neither bytes nor an event.
    assert read(map(decode, events)) == ()


def test_objects_of_the_sdk_are_looked_at() -> None:
    start = message_start()
    del start["message"]["usage"]["output_tokens"]
    empty = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}
    events = [start, TEXT[1], text_delta("a"), empty, text_delta(""), *TEXT[-3:]]
    found = [("count_missing", 0, 1), ("delta_string_missing", 3, 1)]
    assert summary(read(map(sdk_event, events))) == found


def test_what_is_no_event_has_the_number_that_an_event_would_have() -> None:
    body = body_of(TEXT[:3]) + b"data: [DONE]\n\n" + body_of(TEXT[3:]) + b"data: [DONE]\n\n"
    for source in (body, pieces(body, 1), [body_of(TEXT[:3]), body[len(body_of(TEXT[:3])) :]]):
        (finding,) = read(source)
        assert (finding.rule, finding.position, finding.count) == ("done_marker", 3, 2)
        assert finding.chunk is None


def test_bytes_before_an_event_keep_their_places() -> None:
    start = body_of(TEXT[:1], names=False)
    late: Event = {**message_delta("end_turn"), "usage": None}
    source = [start, *TEXT[1:-2], late, TEXT[-1]]
    found = [("event_line_missing", 0, 1), ("final_usage_missing", 7, 1)]
    assert summary(read(source)) == found
    unterminated = body_of(TEXT[:1], names=False).rstrip()
    found = [
        ("event_line_missing", 0, 1),
        ("last_event_unterminated", 0, 1),
        ("message_role_missing", 1, 1),
        ("message_start_repeated", 1, 1),
    ]
    again = message_start()
    del again["message"]["role"]
    assert sorted(summary(read([unterminated, again, *TEXT[1:]]))) == sorted(found)


@pytest.mark.parametrize("rule", ["index_missing", "control_character", "data_not_object"])
def test_what_ends_a_stream_is_a_finding_of_its_name(rule: str) -> None:
    stream = AnthropicStream(broken_body(rule))
    with pytest.raises(DecodeError) as caught:
        list(stream)
    assert caught.value.rule == rule
    assert [finding.rule for finding in stream.findings] == [rule]
    assert stream.findings[0].chunk is None
    assert str(caught.value) in stream.findings[0].message


def test_the_lines_of_a_broken_event_are_looked_at_too() -> None:
    stream = AnthropicStream(body_of(TEXT[:3]) + b"data: {\n\n")
    with pytest.raises(DecodeError):
        list(stream)
    assert summary(stream.findings) == [("event_line_missing", 3, 1), ("data_not_object", 3, 1)]


def test_a_body_that_breaks_off_has_a_finding() -> None:
    stream = AnthropicStream(body_of(TEXT[:3]) + b"event: content_block_delta\nda")
    with pytest.raises(IncompleteStreamError):
        list(stream)
    assert summary(stream.findings) == [("stream_cut", 3, 1)]
    after_the_end = body_of(TEXT) + b"event: ping\nda"
    assert summary(read(after_the_end)) == [("last_event_unterminated", 9, 1)]
    assert summary(check(after_the_end)) == [("last_event_unterminated", 9, 1)]


@pytest.mark.parametrize(
    ("last", "lost"),
    [
        (MESSAGE_STOP, "clients lose message_stop, and no content"),
        ({"type": "error", "error": {"type": "a", "message": "b"}}, "clients lose error"),
        (message_delta(), "clients lose message_delta"),
    ],
    ids=["stop", "error", "delta"],
)
def test_a_last_event_without_its_blank_line_is_named(last: Event, lost: str) -> None:
    body = body_of([*TEXT[:-2], last])[:-1]
    (finding,) = [one for one in check(body) if one.rule == "last_event_unterminated"]
    assert finding.message == f"the last event has no blank line after it: {lost}"


def test_strict_raises_for_bytes_and_fields_with_the_chunks_before() -> None:
    body = body_of(TEXT[:3]) + body_of(TEXT[3:], names=False)
    stream = AnthropicStream(body, strict=True)
    given: list[Any] = []
    with pytest.raises(ProtocolError, match=r"^event_line_missing: an event has no") as caught:
        given.extend(stream)
    assert len(given) == 3
    assert caught.value.rule == "event_line_missing"
    assert caught.value.chunk == decode(TEXT[3])
    assert caught.value.partial is not None
    assert caught.value.partial.text == "ab"


def all_readings(body: bytes, strict: Any) -> list[Any]:
    async def messages() -> list[Any]:
        return [message async for message in aiter_messages(as_async([body]), strict=strict)]

    return [
        lambda: accumulate(body, strict=strict),
        lambda: asyncio.run(aaccumulate(as_async([body]), strict=strict)),
        lambda: list(iter_messages(body, strict=strict)),
        lambda: asyncio.run(messages()),
        lambda: list(AnthropicStream(body, strict=strict)),
    ]


@pytest.mark.parametrize(
    "rule", ["event_line_missing", "final_usage_missing", "byte_order_mark", "body_is_message"]
)
def test_every_way_of_reading_is_strict_about_bytes_and_fields(rule: str) -> None:
    for reading in all_readings(broken_body(rule), strict=True):
        with pytest.raises(ProtocolError) as caught:
            reading()
        assert caught.value.rule == rule
    for reading in all_readings(broken_body(rule), strict=False):
        assert reading()


def test_strict_takes_what_is_a_warning_and_all_does_not() -> None:
    for reading in all_readings(broken_body("done_marker"), strict=True):
        assert reading()
    whole = all_readings(broken_body("message_role_missing"), strict="all")
    for reading in whole:
        with pytest.raises(ProtocolError, match=r"^message_role_missing: "):
            reading()


def test_strict_raises_at_the_end_for_what_comes_after_the_last_event() -> None:
    body = broken_body("done_marker")
    stream = AnthropicStream(body, strict="all")
    given: list[Any] = []
    with pytest.raises(ProtocolError, match=r"^done_marker: "):
        given.extend(stream)
    assert given[-1][0].type == "message_stop"
    with pytest.raises(ProtocolError, match=r"^done_marker: "):
        accumulate(body, strict="all")


@pytest.mark.parametrize("rule", ["done_marker", "done_marker_named", "last_event_unterminated"])
@pytest.mark.parametrize("size", [1, 10_000])
def test_messages_one_by_one_are_strict_about_what_gives_no_chunk(rule: str, size: int) -> None:
    source = pieces(broken_body(rule), size)
    if rule == "last_event_unterminated":
        source = pieces(body_of(TEXT) + b"event: ping\nda", size)
    given: list[Any] = []
    with pytest.raises(ProtocolError) as caught:
        given.extend(iter_messages(source, strict="all"))
    assert caught.value.rule == rule
    assert len(given) == 1  # what is skipped after a message does not unmake it
    assert len(list(iter_messages(source))) == 1


def test_an_end_mark_between_two_messages_is_raised_with_the_next_one() -> None:
    body = body_of(TEXT) + b"data: [DONE]\n\n" + body_of(TEXT)
    for source in ([body], pieces(body, 1)):
        with pytest.raises(ProtocolError, match="done_marker"):
            list(iter_messages(source, strict="all"))


def test_the_first_thing_that_is_off_is_raised_also_if_the_event_is_refused() -> None:
    late: Event = {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}
    stream = AnthropicStream([*TEXT, late], strict="all")
    with pytest.raises(ProtocolError, match="came after message_stop"):
        list(stream)
    rules = [finding.rule for finding in stream.findings]
    assert rules == ["content_after_message_stop", "block_string_missing"]


def test_a_sub_agent_that_is_not_followed_has_no_findings() -> None:
    start = message_start()
    del start["message"]["usage"]
    lines = [
        {"type": "stream_event", "parent_tool_use_id": parent, "event": event}
        for main, other in zip(TEXT, [start, *TEXT[1:]], strict=True)
        for parent, event in ((None, main), ("toolu_1", other))
    ]
    assert read(lines) == ()
    assert summary(check(lines)) == [("message_usage_missing", 1, 1)]
    with pytest.raises(ProtocolError, match="message_usage_missing"):
        list(iter_messages(lines, strict=True))
    assert len(list(iter_messages(lines, strict=True, parent=None))) == 1


def test_what_means_the_same_and_unknown_keys_are_no_misfits() -> None:
    thinking = {"type": "thinking_delta", "thinking": "", "estimated_tokens": 5.0}
    events = [
        TEXT[0],
        {**block_start(0, type="text", text="", input="x")},
        block_stop(0),
        block_start(1, type="thinking", thinking="", signature="s"),
        {"type": "content_block_delta", "index": 1, "delta": thinking},
        block_stop(1),
        *TEXT[-2:],
    ]
    assert read(events) == ()


def test_data_that_the_callers_own_parser_refuses_is_a_finding() -> None:
    stream = AnthropicStream(body_of(TEXT[:2]) + b"event: ping2\ndata: {\n\n", loads=json.loads)
    with pytest.raises(DecodeError):
        list(stream)
    assert summary(stream.findings) == [("data_not_object", 2, 1)]


def test_an_input_in_another_type_is_a_misfit() -> None:
    events = tool_stream("")
    events[1]["content_block"]["input"] = '{"a": 1}'
    assert summary(read(events)) == [("misfit_value", 1, 1)]


def test_a_misfit_is_found_at_every_depth() -> None:
    start = message_start()
    start["message"]["usage"]["cache_creation"] = {"ephemeral_5m_input_tokens": "x"}
    delta = message_delta("end_turn")
    delta["delta"]["stop_sequence"] = 5
    citation = {"type": "char_location", "cited_text": 1}
    cited = block_start(0, type="text", text="", citations=[citation])
    thinking = {"type": "thinking_delta", "thinking": "", "estimated_tokens": "many"}
    events = [
        start,
        cited,
        {"type": "content_block_delta", "index": 0, "delta": thinking},
        block_stop(0),
        delta,
        TEXT[-1],
    ]
    misfits = [finding for finding in read(events) if finding.rule == "misfit_value"]
    assert [finding.message.rpartition(": ")[2] for finding in misfits] == [
        "message.usage.cache_creation.ephemeral_5m_input_tokens is str 'x'",
        "content_block.citations[0].cited_text is int 1",
        "delta.estimated_tokens is str 'many'",
    ]
    # A message has one finding for all that is not about a block.
    assert [finding.count for finding in misfits] == [2, 1, 1]
