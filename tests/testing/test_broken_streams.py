"""`broken_streams` and `broken_bodies`: each breaks its rule, and nothing that it need not break."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    StreamError,
    accumulate,
    decode,
)
from chunkview._stream.fastpath import MEMORY
from chunkview.conformance import RULES, Finding, check
from chunkview.testing import strategies as cv
from testing.drawing import Stream, few, inside
from testing.implications import IMPLIES

WIRE = [name for name, rule in RULES.items() if rule.group == "wire"]
OF_EVENTS = [name for name in RULES if name not in WIRE]

RAISES: dict[str, type[ChunkviewError]] = {
    **{name: DecodeError for name, rule in RULES.items() if rule.group == "essential"},
    "message_start_missing": ProtocolError,
    "second_message": ProtocolError,
    "content_after_message_stop": ProtocolError,
    "stream_cut": IncompleteStreamError,
    "event_after_error": StreamError,
    "error_misshapen": StreamError,
    "body_is_error": StreamError,
    "control_character": DecodeError,
}
"""What `accumulate` raises, by the rule that is broken. It takes the other streams."""

each_rule = pytest.mark.parametrize("rule", RULES)


def drawn(data: st.DataObject, rule: str) -> list[Any]:
    """Draw a source that breaks a rule: a body, and mostly events. The rule is named."""
    named, body = data.draw(cv.broken_bodies(rule))
    assert named == rule
    if rule in WIRE:
        return [body]
    named, stream = data.draw(cv.broken_streams(rule))
    assert named == rule
    return [body, stream]


def error_of(read: Any) -> ChunkviewError | None:
    try:
        read()
    except ChunkviewError as error:
        return error
    return None


@each_rule
@few
@given(data=st.data())
def test_a_rule_is_found_where_it_is_broken_and_no_other_one_that_is_not_implied(
    rule: str, data: st.DataObject
) -> None:
    for source in drawn(data, rule):
        found = {finding.rule for finding in check(source)}
        assert {rule} <= found <= {rule} | IMPLIES.get(rule, set())


@each_rule
@few
@given(data=st.data())
def test_accumulate_raises_what_is_said_about_the_rule_or_takes_the_stream(
    rule: str, data: st.DataObject
) -> None:
    for source in drawn(data, rule):
        error = error_of(lambda source=source: accumulate(source))
        if rule == "data_not_object":
            assert error is None or type(error) is DecodeError
        else:
            assert (None if error is None else type(error)) is RAISES.get(rule)
        if error is not None and not isinstance(error, StreamError):
            assert error.rule == rule


@each_rule
@few
@given(data=st.data())
def test_strict_all_raises_an_error_of_the_rule_or_of_an_implied_one(
    rule: str, data: st.DataObject
) -> None:
    for source in drawn(data, rule):
        for error in strict_errors_of(source, "all"):
            assert error is not None
            if RAISES.get(rule) is StreamError:
                assert type(error) is StreamError
            else:
                assert error.rule in {rule} | IMPLIES.get(rule, set())


@each_rule
@few
@given(data=st.data())
def test_strict_raises_exactly_for_a_finding_of_severity_error_or_where_anything_raises(
    rule: str, data: st.DataObject
) -> None:
    for source in drawn(data, rule):
        severities = {RULES[finding.rule].severity for finding in check(source)}
        is_due = "error" in severities or error_of(lambda source=source: accumulate(source))
        for error in strict_errors_of(source, True):
            assert (error is not None) is bool(is_due)


def strict_errors_of(source: Any, strict: Any) -> list[ChunkviewError | None]:
    """What is raised with `strict`, by everything that reads a source."""
    ways: list[Any] = [
        lambda: accumulate(source, strict=strict),
        lambda: list(AnthropicStream(source, strict=strict)),
    ]
    if isinstance(source, bytes):
        pieces = [source[place : place + 1] for place in range(len(source))]
        ways += [
            lambda: accumulate(pieces, strict=strict),
            lambda: list(AnthropicStream(pieces, strict=strict)),
        ]
    return [error_of(way) for way in ways]


def places(findings: Any) -> list[tuple[str, int, int]]:
    return sorted((finding.rule, finding.position, finding.count) for finding in findings)


@each_rule
@few
@given(data=st.data())
def test_a_stream_that_is_read_to_its_end_has_the_findings_of_check(
    rule: str, data: st.DataObject
) -> None:
    for source in drawn(data, rule):
        whole = [source] if isinstance(source, bytes) else source
        bytewise = [
            piece[at : at + 1]
            for piece in whole
            if isinstance(piece, bytes)
            for at in range(len(piece))
        ]
        for items in (whole, bytewise or whole):
            expected: list[Finding] = check(items)
            MEMORY.clear()
            for _ in ("cold", "warm", "warm"):
                stream = AnthropicStream(items)
                if error_of(lambda stream=stream: list(stream)) is None:
                    assert places(stream.findings) == places(expected)


@pytest.mark.parametrize("memory", ["cold", "warm"])
@given(data=st.data())
def test_all_rules_together(memory: str, data: st.DataObject) -> None:
    rule, body = data.draw(cv.broken_bodies())
    if memory == "cold":
        MEMORY.clear()
    assert rule in {finding.rule for finding in check(body)}


@few
@given(cv.broken_streams())
def test_the_events_are_new_and_share_nothing(broken: tuple[str, Stream]) -> None:
    _, stream = broken
    parts = [id(part) for part in inside(stream) if isinstance(part, (dict, list))]
    assert len(set(parts)) == len(parts)


@pytest.mark.parametrize("strategy", [cv.broken_streams, cv.broken_bodies])
def test_an_unknown_rule_is_refused(strategy: Any) -> None:
    with pytest.raises(ValueError, match="no rule is named 'nonsense'; the rules are event_line_m"):
        strategy("nonsense")


@pytest.mark.parametrize("rule", WIRE)
def test_no_list_of_events_breaks_a_rule_about_bytes(rule: str) -> None:
    with pytest.raises(ValueError, match=rf"'{rule}' is about bytes.*: use broken_bodies"):
        cv.broken_streams(rule)
