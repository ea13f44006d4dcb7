"""`read_conforming` proves that a stream keeps every rule. The slow ways have to agree with it."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import Meter
from chunkview._stream import Totals, read_conforming, totals_of
from chunkview.conformance import RULES, check
from chunkview.testing import recording, recording_names, workload, workload_names
from chunkview.testing import strategies as cv
from support import (
    MESSAGE_STOP,
    Event,
    block_stop,
    examples,
    message_delta,
    message_start,
    sse,
    text_stream,
    tool_stream,
    whole,
)

CORPUS = os.environ.get("CHUNKVIEW_CORPUS")
RECORDED = [recording(name) for name in recording_names()]
RECORDED += [path.read_bytes() for path in sorted(Path(CORPUS).glob("*.sse"))] if CORPUS else []
WORKLOADS = [workload(name, deltas=60, seed=seed) for name in workload_names() for seed in range(6)]
SEPARATORS = (",", ":")


def by_meter(body: bytes) -> tuple[Totals, Exception | None]:
    meter = Meter()
    meter.feed(body)
    meter.close()
    names = (meter.id, meter.model, meter.stop_reason)
    events, complete = meter.events, meter.complete
    totals = totals_of(names, meter.usage, meter.cost_metadata, events, complete=complete)
    return totals, meter.error


def assert_sound(data: bytes) -> bool:
    """What is proven is true. Say whether something is."""
    for checks_strings in (True, False):
        found = read_conforming(data, checks_strings=checks_strings)
        if found is not None:
            totals, end = found
            assert by_meter(data[:end]) == (totals, None)
            if checks_strings:
                assert check(data[:end]) == []
    return read_conforming(data) is not None


def is_proven(data: bytes) -> bool:
    found = read_conforming(data)
    return assert_sound(data) and found is not None and found[1] == len(data)


@given(cv.message_streams(), st.sampled_from([None, SEPARATORS]))
@examples(2)
def test_what_is_proven_of_a_stream_is_true(events: list[Event], separators: Any) -> None:
    """Where there are totals, they are those of a Meter, and `check` finds nothing."""
    assert_sound(sse(events, separators=separators))


@given(st.one_of(cv.sse_bodies(), cv.sse_bodies(plain=True), cv.corrupted_bodies()))
@examples(2)
def test_what_is_proven_of_a_body_is_true(body: bytes) -> None:
    """The same for bodies in all formats, and for damaged ones."""
    assert_sound(body)


@pytest.mark.parametrize("rule", RULES)
@given(data=st.data())
@examples(0.2)
def test_a_body_that_breaks_a_rule_is_never_proven(rule: str, data: st.DataObject) -> None:
    broken, body = data.draw(cv.broken_bodies(rule))
    assert broken == rule
    found = read_conforming(body)
    assert found is None or check(body[: found[1]]) == []
    assert not is_proven(body)


@given(st.sampled_from(RECORDED + WORKLOADS), st.integers(0, 2**32))
@examples(6)
def test_what_is_proven_of_a_changed_recording_is_true(body: bytes, seed: int) -> None:
    """The same for recordings in which bytes, values or events were changed."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        body = chance.choice(CHANGES)(body, chance)
    assert_sound(body)


def changed_bytes(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) + 1)
    new = bytes(chance.choice(b'"\\{}[]:, \n\r01au\x00\x1f\xff\xc3') for _ in range(3))
    return body[:at] + new[: chance.randint(0, 3)] + body[at + chance.randint(0, 3) :]


def changed_value(body: bytes, chance: random.Random) -> bytes:
    values = list(re.finditer(rb'\b\d+\b|null|"[a-z_]+"', body))
    if not values:
        return body
    one = chance.choice(values)
    words = (b"0", b"7", b"null", b"true", b'""', b'"x"', b'"text"', b'"tool_use"', b"[]", b"{}")
    return body[: one.start()] + chance.choice(words) + body[one.end() :]


def changed_events(body: bytes, chance: random.Random) -> bytes:
    events = body.split(b"\n\n")
    one, other = chance.randrange(len(events)), chance.randrange(len(events))
    if chance.random() < 0.5:
        events[one], events[other] = events[other], events[one]
    else:
        events[one : one + 1] = [events[other]] * chance.choice([0, 1, 2])
    return b"\n\n".join(events)


CHANGES = (changed_bytes, changed_value, changed_events)


@pytest.mark.parametrize("body", WORKLOADS + RECORDED)
def test_a_stream_of_the_api_is_proven(body: bytes) -> None:
    """What the API sends takes the fast way: all workloads and recordings without an error."""
    assert is_proven(body) == (check(body) == [] and b"event: error" not in body)


def test_each_of_several_streams_is_read_where_it_begins() -> None:
    bodies = [workload("short", seed=seed) for seed in range(6)]
    data, at = b"".join(bodies), 0
    for body in bodies:
        found = read_conforming(data, at)
        assert found is not None
        assert found == (by_meter(body)[0], at + len(body))
        at = found[1]
    assert read_conforming(data, at) is None
    assert read_conforming(data, 1) is None


TOOL = tool_stream('{"a": "', "b\\n", '\\"', '", "c": [1]}')


def body_of(events: list[Event], separators: Any = SEPARATORS) -> bytes:
    return sse(events, separators=separators)


def with_start(**changes: Any) -> list[Event]:
    events = text_stream("x")
    events[0]["message"].update(changes)
    return events


def with_end(**changes: Any) -> list[Event]:
    events = text_stream("x")
    events[-2]["usage"].update(changes)
    return events


def with_block(block: Event, *deltas: Event, reason: str = "end_turn") -> list[Event]:
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    more = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    return whole(start, *more, block_stop(), reason=reason)


@pytest.mark.parametrize(
    "events",
    [
        text_stream("x", "y"),
        text_stream(""),
        TOOL,
        tool_stream(),
        tool_stream(""),
        whole(),
        with_start(unknown=1),
        with_end(input_tokens=None),
        with_end(unknown={"a": 1}),
        with_block({"type": "text", "text": "a", "citations": None}),
        with_block({"type": "text", "text": ""}, {"type": "text_delta", "text": "\U0001f600"}),
        with_block({"type": "redacted_thinking", "data": "x"}),
        with_block({"type": "thinking", "thinking": "x", "signature": ""}, reason="max_tokens"),
        with_block(
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "x"},
            {"type": "signature_delta", "signature": "y"},
        ),
        with_block(
            {"type": "server_tool_use", "id": "t", "name": "web_search", "input": {}, "extra": 1},
            {"type": "input_json_delta", "partial_json": '{"query": "x\\\\"}'},
        ),
    ],
)
@pytest.mark.parametrize("separators", [SEPARATORS, None])
def test_what_is_said_of_other_forms_is_true(events: list[Event], separators: Any) -> None:
    assert_sound(body_of(events, separators))


@pytest.mark.parametrize(
    "events",
    [
        with_start(unknown=1),
        with_end(unknown={"a": 1}),
        with_block({"type": "text", "text": "a", "citations": None}),
        with_block({"type": "redacted_thinking", "data": "x"}),
        with_block(
            {"type": "thinking", "thinking": "", "signature": "", "extra": 1},
            {"type": "signature_delta", "signature": "y"},
        ),
        with_block(
            {"type": "tool_use", "id": "t", "name": "f", "input": {}, "extra": 1},
            reason="tool_use",
        ),
        with_block({"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"a": "b"}]}),
    ],
)
def test_an_event_in_another_form_is_proven_by_its_fields(events: list[Event]) -> None:
    """A key that a later API adds does not make every stream slow."""
    assert is_proven(body_of(events))


def cut_after(body: bytes, part: bytes) -> bytes:
    return body[: body.index(part) + len(part)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"event: ping\ndata: {}\n\n",
        cut_after(body_of(TOOL), b"event: content_block_stop"),
        cut_after(body_of(TOOL), b'"name":'),
        cut_after(body_of(TOOL), b"event: message_delta"),
        cut_after(body_of(text_stream("x")), b'"stop_reason":"end_turn"'),
        body_of([*text_stream("x")[:-1]]),
        body_of(text_stream("x")).replace(b"event: message_start", b"event: message_start\r"),
        body_of(text_stream("x")).replace(b"\n", b"\r\n"),
        body_of(text_stream("x")).replace(b'"x"', b'"\xff"'),
        body_of(text_stream("x")).replace(b'"x"', b'"\\ud83d"'),
        body_of(text_stream("x")).replace(b'"x"', b'"\\u12"'),
        body_of(TOOL).replace(b"b\\\\n", b"\xff"),
        body_of(TOOL).replace(b"b\\\\n", b"\\ud83d"),
        body_of(TOOL).replace(b"b\\\\n", b"\0"),
        body_of(TOOL).replace(b"b\\\\n", b"b\\\\\0\1"),
        body_of(TOOL).replace(b"b\\\\n", b"\0\2"),
        body_of(TOOL).replace(b"b\\\\n", b"\r"),
        body_of(TOOL).replace(b"[1]}", b"[1"),
        body_of(TOOL).replace(b"[1]}", b"[1]} x"),
        body_of(TOOL).replace(b"b\\\\n", b'"'),
        body_of(TOOL).replace(b'b\\\\n"}}', b"b\\\\n}}"),
        body_of(tool_stream("[]")),
        body_of(tool_stream('{"INVALID_JSON": "x"}')),
        body_of([*TOOL[:-2], message_delta("end_turn"), MESSAGE_STOP]),
        body_of([*text_stream("x")[:-2], message_delta("tool_use"), MESSAGE_STOP]),
        body_of([*text_stream("x")[:-2], message_delta("other"), MESSAGE_STOP]),
        body_of([*TOOL[:-2], *[dict(one, index=1) for one in TOOL[1:-2]], *TOOL[-2:]]),
        body_of([message_start(), *TOOL[:0], block_stop(), message_delta(), MESSAGE_STOP]),
        body_of(with_start(content=[{"type": "text", "text": "x"}])),
        body_of(with_start(stop_reason="end_turn")),
        body_of(with_start(usage={"input_tokens": 1})),
        body_of(with_end(output_tokens=0)),
        body_of([message_start(), message_start(), *text_stream("x")[1:]]),
        body_of(with_block({"type": "text", "text": ""}, {"type": "other_delta"})),
        body_of(
            with_block({"type": "text", "text": ""}, {"type": "thinking_delta", "thinking": ""})
        ),
        body_of(with_block({"type": "thinking", "thinking": "", "signature": ""})),
        body_of(with_block({"type": "thinking", "thinking": "", "signature": "x"})),
        body_of(with_block({"type": "tool_use", "id": "", "name": "f", "input": {}})),
        body_of(with_block({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}})),
        body_of(with_block({"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}})),
    ],
)
def test_what_breaks_a_rule_or_is_unusual_is_not_proven(body: bytes) -> None:
    assert not is_proven(body)


def with_index(body: bytes, event: bytes, index: int) -> bytes:
    """The body with another index in the first event of a kind."""
    return re.sub(rb'("type":"%b","index":)\d+' % event, rb"\g<1>%d" % index, body, count=1)


@pytest.mark.parametrize("kind", ["tool_call", "citations", "thinking", "chat"])
@pytest.mark.parametrize(
    "event", [b"content_block_start", b"content_block_delta", b"content_block_stop"]
)
def test_each_index_has_to_be_that_of_the_block(kind: str, event: bytes) -> None:
    body = workload(kind, deltas=60)
    assert is_proven(body)
    assert not is_proven(with_index(body, event, 7))


def test_the_input_of_a_tool_belongs_to_its_block() -> None:
    body = body_of(TOOL)
    of_input = re.compile(rb'("index":)\d+(,"delta":\{"type":"input_json_delta")')
    assert is_proven(body)
    assert of_input.search(body)
    assert not is_proven(of_input.sub(rb"\g<1>7\g<2>", body, count=1))


def test_a_citation_belongs_to_its_block() -> None:
    body = workload("citations", deltas=60)
    cited = re.compile(rb'("index":)\d+(,"delta":\{"type":"citations_delta")')
    assert cited.search(body)
    assert not is_proven(cited.sub(rb"\g<1>7\g<2>", body, count=1))
    thinking = body_of(
        with_block(
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "citations_delta", "citation": {"type": "x", "cited_text": "y"}},
        )
    )
    assert not is_proven(thinking)


def test_the_input_of_a_tool_may_hold_pings_and_nothing_else() -> None:
    body = workload("tool_call", deltas=60)
    delta = b"event: content_block_delta\ndata: "
    second = body.index(delta, body.index(b"input_json_delta", body.index(b"input_json_delta") + 9))
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    assert is_proven(body[:second] + ping + body[second:])
    assert is_proven(body[:second] + ping * 3 + body[second:])
    other = b'event: other\ndata: {"type": "other"}\n\n'
    assert not is_proven(body[:second] + other + body[second:])


def test_counts_that_fall_are_not_proven() -> None:
    body = recording("text")
    assert is_proven(body)
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    for name in (*map(str.encode, names), b"output_tokens"):
        counts = re.compile(rb'"%b":\d+' % name)
        first = counts.search(body)
        assert first is not None
        rising = body[: first.start()] + b'"%b":999999' % name + body[first.end() :]
        assert not is_proven(rising)


def test_a_refusal_is_read_with_its_details() -> None:
    events = [*text_stream("x")[:-2], message_delta("refusal"), MESSAGE_STOP]
    assert is_proven(body_of(events))
    body = recording("text").replace(b'"stop_reason":"end_turn"', b'"stop_reason":"refusal"')
    assert is_proven(body)


def test_a_longer_stream_than_others_allow_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    body = recording("text")
    monkeypatch.setattr("chunkview._stream.conforming._LONGEST", len(body) - 1)
    assert not is_proven(body)
    monkeypatch.setattr("chunkview._stream.conforming._LONGEST", len(body))
    assert is_proven(body)


def test_the_last_counts_may_be_those_of_the_output_alone() -> None:
    body = recording("text")
    prompt = re.compile(
        rb'("usage":\{)"input_tokens":\d+[^{}]*?("output_tokens":\d+\})(?= *\}\n\n.*stop)'
    )
    (start, end) = body.split(b"event: message_delta")
    shorter = start + b"event: message_delta" + prompt.sub(rb"\1\2", end)
    assert shorter != body
    assert is_proven(shorter)
