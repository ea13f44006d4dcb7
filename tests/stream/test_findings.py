"""What is off with the order and the data of a stream, and `strict`, which does not allow it."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Iterable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    Accumulator,
    AnthropicStream,
    ChunkviewError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
    accumulate,
    decode,
)
from chunkview.conformance import RULES, Finding
from chunkview.testing import strategies as cv
from rules.lenient import lenient_streams
from stream_support import ERROR, STARTED
from support import (
    PING,
    Event,
    Recorded,
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

TEXT = text_stream("a")
TOOL = tool_stream("{}")


def before_end(*events: Event) -> list[Event]:
    return [*TEXT[:-2], *events, *TEXT[-2:]]


BREACHES: dict[str, list[Event]] = {
    "message_start_missing": [text_delta("a"), *TEXT],
    "message_start_repeated": [TEXT[0], *TEXT],
    "second_message": [*TEXT, TEXT[0]],
    "block_start_repeated": [*TEXT[:2], *TEXT[1:]],
    "index_reused": before_end(block_start(0), block_stop(0)),
    "index_not_consecutive": before_end(block_start(2), block_stop(2)),
    "blocks_overlap": [*TEXT[:3], block_start(1), block_stop(1), *TEXT[3:]],
    "blocks_interleave": [*TEXT[:2], block_start(1), *TEXT[2:4], block_stop(1), *TEXT[4:]],
    "delta_without_block": before_end(text_delta("b", 1)),
    "delta_after_block_stop": before_end(text_delta("b")),
    "delta_type_mismatch": [*TEXT[:2], json_delta("1"), *TEXT[2:]],
    "block_stop_without_start": before_end(block_stop(1)),
    "block_stop_repeated": before_end(block_stop(0)),
    "block_not_stopped": [*TEXT[:3], *TEXT[4:]],
    "content_after_stop_reason": [*TEXT[:-1], block_start(1), block_stop(1), TEXT[-1]],
    "content_after_message_stop": [*TEXT, text_delta("b")],
    "message_delta_missing": [*TEXT[:-2], TEXT[-1]],
    "message_delta_after_message_stop": [*TEXT, TEXT[-2]],
    "stop_reason_erased": [*TEXT[:-1], message_delta(None), TEXT[-1]],
    "message_stop_missing": TEXT[:-1],
    "message_stop_repeated": [*TEXT, TEXT[-1]],
    "stream_cut": TEXT[:-2],
    "stop_reason_missing": [*TEXT[:-2], message_delta(None), TEXT[-1]],
    "stop_reason_unknown": [*TEXT[:-2], message_delta("tired"), TEXT[-1]],
    "tool_use_without_stop_reason": [*TOOL[:-2], *TEXT[-2:]],
    "stop_reason_without_tool_use": [*TEXT[:-2], message_delta("tool_use"), TEXT[-1]],
    "tool_input_invalid": tool_stream("{"),
    "tool_id_repeated": [*TOOL[:-2], tool_start(1), block_stop(1), *TOOL[-2:]],
    "thinking_without_signature": before_end(
        block_start(1, type="thinking", thinking="a"), block_stop(1)
    ),
    "count_falls": [*TEXT[:-1], message_delta("end_turn", input_tokens=9), TEXT[-1]],
    "error_misshapen": [*TEXT[:3], {"type": "error", "error": "boom"}],
}
"""For each rule a stream that breaks it; few of them break another, too."""

CONSEQUENCES = {
    "message_delta_missing": {"stop_reason_missing"},
    "blocks_interleave": {"blocks_overlap"},
    "error_misshapen": {"stream_cut"},
}
"""The other rules that such a stream breaks."""

LEFT_OUT = {
    # What follows an error event is not read.
    "event_after_error",
}


def findings_of(events: list[Any]) -> tuple[Finding, ...]:
    accumulator = Accumulator()
    for event in events:
        with contextlib.suppress(ChunkviewError):
            accumulator.add(event)
    with contextlib.suppress(ChunkviewError):
        accumulator.finish()
    return accumulator.findings


@pytest.mark.parametrize("rule", BREACHES)
def test_a_breach_of_each_rule_is_a_finding_of_its_name(rule: str) -> None:
    found = {finding.rule for finding in findings_of(BREACHES[rule])}
    assert found == {rule} | CONSEQUENCES.get(rule, set())


def test_every_rule_of_the_table_is_tested() -> None:
    order_and_data = {name for name, rule in RULES.items() if rule.group in ("order", "data")}
    assert set(BREACHES) | LEFT_OUT == order_and_data
    for name, rule in RULES.items():
        assert name == rule.name
        assert rule.severity in ("error", "warning")


@given(cv.message_streams(cut_off=False, min_blocks=1, unknown=False))
def test_a_valid_stream_has_no_findings_of_order(events: list[Event]) -> None:
    assert [f for f in findings_of(events) if RULES[f.rule].group == "order"] == []


def test_a_recorded_stream_has_no_finding_of_severity_error(recorded: Recorded) -> None:
    found = findings_of(recorded.events)
    cut = {"stream_cut"} if recorded.breaks_off else set()
    assert {f.rule for f in found if RULES[f.rule].severity == "error"} <= cut


def test_a_finding_says_what_where_how_often_and_which_event() -> None:
    events = [*STARTED, text_delta("a"), PING, json_delta("1"), json_delta("2"), *TEXT[3:]]
    assert findings_of(events) == (
        Finding(
            "delta_type_mismatch",
            "block 0: content_block_delta has a delta that does not fit the open block: "
            "input_json_delta in a block of type text",
            4,
            2,
            decode(json_delta("1")),
        ),
    )


def test_there_is_one_finding_for_each_rule_and_block() -> None:
    starts = [tool_start(0), tool_start(1, id="u"), tool_start(2, id="v")]
    deltas = [text_delta("a", index) for index in (0, 1, 0, 1)]
    found = findings_of([message_start(), *starts, *deltas])
    mismatches = [f for f in found if f.rule == "delta_type_mismatch"]
    assert [(f.message[:7], f.position, f.count) for f in mismatches] == [
        ("block 0", 4, 2),
        ("block 1", 5, 2),
    ]
    # Blocks of one index are two blocks.
    again = [block_start(), text_delta("a"), block_start(type="text", text="b")]
    found = findings_of([message_start(), *again, block_start(), text_delta("c"), block_start()])
    repeated = [f for f in found if f.rule == "block_start_repeated"]
    assert [(f.position, f.count) for f in repeated] == [(4, 2)]


def test_the_position_of_a_finding_counts_every_event_that_came_before() -> None:
    # Deltas to the newest block take a short way, which does not count.
    deltas: list[Any] = [decode(text_delta("a"))] * 100
    wrong = decode(json_delta("1"))
    for reads in (False, True):
        accumulator = Accumulator()
        accumulator.extend([*STARTED, *deltas])
        if reads:
            assert accumulator.message is not None
        accumulator.extend([PING, *deltas, wrong, *deltas, block_start(1), decode(block_stop(7))])
        assert [f.position for f in accumulator.findings] == [203, 304, 305]


@pytest.mark.parametrize("end", range(len(TEXT) + 1))
def test_what_shows_only_at_the_end_is_noted_once(end: int) -> None:
    accumulator = Accumulator()
    accumulator.extend(TEXT[:end])
    assert not accumulator.findings
    for _ in range(3):
        try:
            accumulator.finish()
        except IncompleteStreamError:
            assert [f.rule for f in accumulator.findings] == ["stream_cut"]
        else:
            rules = ["message_stop_missing"] if end < len(TEXT) else []
            assert [f.rule for f in accumulator.findings] == rules
        assert all(f.position == end and f.chunk is None for f in accumulator.findings)


def test_what_showed_at_the_end_is_gone_if_the_stream_goes_on() -> None:
    accumulator = Accumulator()
    accumulator.extend(STARTED)
    for event in (decode(text_delta("a")), block_stop()):
        with pytest.raises(IncompleteStreamError):
            accumulator.finish()
        assert [f.rule for f in accumulator.findings] == ["stream_cut"]
        accumulator.add(event)
        assert not accumulator.findings


def test_a_stream_has_the_findings_of_its_accumulator() -> None:
    for rule in ("block_stop_repeated", "message_stop_missing", "thinking_without_signature"):
        stream = AnthropicStream(BREACHES[rule])
        assert not stream.findings
        list(stream)
        assert stream.findings == findings_of(BREACHES[rule])
        assert [finding.rule for finding in stream.findings] == [rule]


def test_a_finding_is_a_value() -> None:
    (finding,) = findings_of(BREACHES["block_stop_repeated"])
    assert pickle.loads(pickle.dumps(finding)) == finding
    assert hash(finding) == hash(attrs.evolve(finding))
    with pytest.raises(AttributeError):
        finding.count = 2  # type: ignore[misc]


# -- strict ------------------------------------------------------------------------------------

RAISE_SOMETHING_ELSE = {"stream_cut": IncompleteStreamError, "error_misshapen": StreamError}


@pytest.mark.parametrize("strict", [True, "all"])
@pytest.mark.parametrize("rule", BREACHES)
def test_strict_raises_at_the_first_finding(rule: str, strict: Any) -> None:
    events = BREACHES[rule]
    is_raised = RULES[rule].severity == "error" or strict == "all"
    due = RAISE_SOMETHING_ELSE.get(rule, ProtocolError)
    for read in (
        lambda: accumulate(events, strict=strict),
        lambda: list(AnthropicStream(events, strict=strict)),
        lambda: list(AnthropicStream(map(decode, events), strict=strict)),
    ):
        if not is_raised and rule not in RAISE_SOMETHING_ELSE:
            read()
            continue
        with pytest.raises(due) as caught:
            read()
        if isinstance(caught.value, ProtocolError):
            finding = next(f for f in findings_of(events) if f.rule == caught.value.rule)
            assert finding.rule in {rule} | CONSEQUENCES.get(rule, set())
            assert caught.value.chunk == finding.chunk
            has_message = rule != "message_start_missing"
            assert (caught.value.partial is not None) is has_message


def test_the_event_that_strict_raises_for_is_taken() -> None:
    accumulator = Accumulator(strict=True)
    accumulator.extend(STARTED)
    for count in (1, 2):
        with pytest.raises(ProtocolError, match="does not fit the open block") as caught:
            accumulator.add(delta("thinking_delta", thinking="k"))
        assert caught.value.rule == "delta_type_mismatch"
        assert [finding.count for finding in accumulator.findings] == [count]
    accumulator.add(text_delta("a"))
    assert accumulator.message is not None
    assert (accumulator.message.text, accumulator.message.thinking) == ("a", "kk")


def test_after_an_error_strict_raises_for_later_events_only() -> None:
    accumulator = Accumulator(strict="all")
    accumulator.extend(STARTED)
    with pytest.raises(StreamError):
        accumulator.add({"type": "error", "error": "boom"})
    with pytest.raises(ProtocolError):
        accumulator.add(message_start())
    accumulator.add(PING)
    with pytest.raises(StreamError):
        accumulator.add(ERROR)


@pytest.mark.parametrize("strict", ["none", None, 0, 1, "", "ALL", []])
def test_another_value_of_strict_is_refused(strict: Any) -> None:
    for make in (
        lambda: Accumulator(strict=strict),
        lambda: AnthropicStream([], strict=strict),
        lambda: accumulate([], strict=strict),
    ):
        with pytest.raises(ValueError, match="expected strict to be False, True or 'all', got"):
            make()


@given(lenient_streams(), st.sampled_from([True, "all"]))
def test_strict_raises_exactly_where_there_is_a_finding_that_it_does_not_allow(
    events: list[Event], strict: Any
) -> None:
    loose = AnthropicStream(events)
    error: Exception | None = None
    try:
        list(loose)
    except ChunkviewError as failure:
        error = failure
    severities = {"error", "warning"} if strict == "all" else {"error"}
    forbidden = [f for f in loose.findings if RULES[f.rule].severity in severities]
    try:
        accumulate(events, strict=strict)
    except ProtocolError as failure:
        assert failure.rule in {f.rule for f in forbidden}
    except ChunkviewError as failure:
        assert type(failure) is type(error)
    else:
        assert error is None
        assert forbidden == []


LINES = st.sampled_from(("data only", "other name", "no delta type"))


def written(event: Event, form: str) -> bytes:
    """Write an event so that it breaks a rule of the lines or the fields."""
    if form == "no delta type" and "delta" in event and event["type"] == "content_block_delta":
        event = {**event, "delta": {"text": event["delta"].get("text", "")}}
    name = b"event: other\n" if form == "other name" else b""
    return name + b"data: " + json.dumps(event).encode() + b"\n\n"


@given(
    st.lists(
        st.sampled_from((text_delta("a"), text_delta("b"), PING, block_stop(), block_start())),
        max_size=12,
    ),
    LINES,
    st.sampled_from((ERROR, TEXT[0], PING)),
    st.integers(0, 20),
    st.data(),
)
def test_findings_do_not_depend_on_the_cut_nor_on_what_comes_after_the_end(
    events: list[Event], form: str, middle: Event, stop: int, data: Any
) -> None:
    pieces = [written(event, form) for event in [*TEXT[:3], *events, middle, *events]]
    body = b"".join(pieces)

    def findings_of(source: Iterable[bytes]) -> Any:
        stream = AnthropicStream(iter(source))
        with contextlib.suppress(ChunkviewError):
            for number, _ in enumerate(stream):
                if number == stop:
                    break
        return stream.findings

    by_event = findings_of(pieces)
    assert findings_of([body]) == by_event
    assert findings_of(data.draw(cv.segmentations(body))) == by_event
