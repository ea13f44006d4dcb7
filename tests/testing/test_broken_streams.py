"""`broken_streams` and `broken_bodies`: each breaks its rule, and no other one without need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import AnthropicStream, ChunkviewError, DecodeError, StreamError, accumulate
from chunkview._rules import FIELDS
from chunkview._stream.fastpath import MEMORY
from chunkview.conformance import RULES, check
from chunkview.testing import strategies as cv
from support import examples
from testing.breaches import IMPLIES, RAISES, WIRE
from testing.drawing import few, inside, occurs, types_and_reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chunkview._rules import Field
    from chunkview.conformance import Finding
    from testing.drawing import Stream

each_rule = pytest.mark.parametrize("rule", RULES)


def drawn_source(data: st.DataObject, rule: str) -> Any:
    """Draw a body or events that break a rule."""
    strategies = [cv.broken_bodies] if rule in WIRE else [cv.broken_streams, cv.broken_bodies]
    named, source = data.draw(data.draw(st.sampled_from(strategies))(rule))
    assert named == rule
    return source


def pieces_of(source: Any) -> list[Any]:
    """The ways to give a source: as it is, and a body byte by byte."""
    if not isinstance(source, bytes):
        return [source]
    return [source, [source[at : at + 1] for at in range(len(source))]]


def error_of(read: Callable[[], object]) -> ChunkviewError | None:
    try:
        read()
    except ChunkviewError as error:
        return error
    return None


def implied_by(rule: str) -> set[str]:
    return {rule} | IMPLIES.get(rule, set())


@each_rule
@few
@given(data=st.data())
def test_a_rule_is_found_where_it_is_broken_and_no_other_one_that_is_not_implied(
    rule: str, data: st.DataObject
) -> None:
    found = {finding.rule for finding in check(drawn_source(data, rule))}
    assert rule in found
    assert found <= implied_by(rule)


@each_rule
@examples(1 / 20)
@given(data=st.data())
def test_accumulate_raises_what_is_said_about_the_rule_or_takes_the_stream(
    rule: str, data: st.DataObject
) -> None:
    source = drawn_source(data, rule)
    error = error_of(lambda: accumulate(source))
    if rule == "data_not_object":
        assert isinstance(error, DecodeError | None)
    else:
        assert (None if error is None else type(error)) is RAISES.get(rule)
    if error is not None:
        # The stream is not to blame for an error that the server tells of.
        assert error.rule == ("" if isinstance(error, StreamError) else rule)


@each_rule
@examples(1 / 20)
@given(data=st.data())
def test_strict_all_raises_an_error_of_the_rule_or_of_an_implied_one(
    rule: str, data: st.DataObject
) -> None:
    for error in strict_errors_of(drawn_source(data, rule), "all"):
        assert error is not None
        if RAISES.get(rule) is StreamError:
            assert isinstance(error, StreamError) or error.rule == rule
        else:
            assert error.rule in implied_by(rule)


@each_rule
@examples(1 / 20)
@given(data=st.data())
def test_strict_raises_exactly_for_a_finding_of_severity_error_or_where_anything_raises(
    rule: str, data: st.DataObject
) -> None:
    source = drawn_source(data, rule)
    severities = {RULES[finding.rule].severity for finding in check(source)}
    is_due = "error" in severities or error_of(lambda: accumulate(source)) is not None
    for error in strict_errors_of(source, True):
        assert (error is not None) is is_due


def strict_errors_of(source: Any, strict: Any) -> list[ChunkviewError | None]:
    """What is raised with `strict`, however the source is read."""
    return [
        error_of(lambda items=items, read=read: read(items, strict=strict))  # type: ignore[misc]
        for items in pieces_of(source)
        for read in (accumulate, read_whole)
    ]


def read_whole(items: Any, strict: Any = False) -> AnthropicStream:
    stream = AnthropicStream(items, strict=strict)
    for _ in stream:
        pass
    return stream


@each_rule
@examples(1 / 20)
@given(data=st.data())
def test_a_stream_that_is_read_to_its_end_has_the_findings_of_check(
    rule: str, data: st.DataObject
) -> None:
    for items in pieces_of(drawn_source(data, rule)):
        expected = places(check(items))
        MEMORY.clear()
        for memory in ("cold", "warm"):
            try:
                stream = read_whole(items)
            except ChunkviewError:
                continue
            assert places(stream.findings) == expected, memory


def places(findings: Iterable[Finding]) -> list[tuple[str, int, int]]:
    return sorted((finding.rule, finding.position, finding.count) for finding in findings)


@given(cv.message_streams(cut_off=False, min_message_deltas=1))
def test_a_valid_stream_has_no_findings_but_for_an_unknown_stop_reason(stream: Stream) -> None:
    assert {finding.rule for finding in check(stream)} <= {"stop_reason_unknown"}


@given(cv.message_streams(cut_off=False, unknown=False))
def test_a_valid_stream_of_what_the_api_documents_has_no_findings(stream: Stream) -> None:
    assert check(stream) == []


@few
@given(cv.message_streams(cut_off=True))
def test_a_stream_that_is_cut_off_only_lacks_its_end(stream: Stream) -> None:
    assert {finding.rule for finding in check(stream)} <= {
        "block_not_stopped",
        "stop_reason_unknown",
    }


@given(cv.sse_bodies(cv.message_streams(cut_off=False, unknown=False), plain=True))
def test_a_plain_body_has_no_findings(body: bytes) -> None:
    assert check(body) == []


@few
@given(cv.broken_streams())
def test_any_rule_of_events_may_be_broken(broken: tuple[str, Stream]) -> None:
    rule, stream = broken
    assert rule in {finding.rule for finding in check(stream)}


@few
@given(cv.broken_bodies())
def test_any_rule_may_be_broken(broken: tuple[str, bytes]) -> None:
    rule, body = broken
    assert rule in {finding.rule for finding in check(body)}


@given(cv.broken_streams())
def test_the_events_are_new_and_share_nothing(broken: tuple[str, Stream]) -> None:
    _, stream = broken
    parts = [id(part) for part in inside(stream) if isinstance(part, (dict, list))]
    assert len(set(parts)) == len(parts)


@pytest.mark.parametrize("strategy", [cv.broken_streams, cv.broken_bodies])
def test_an_unknown_rule_is_refused(strategy: Any) -> None:
    with pytest.raises(
        ValueError, match="no rule of a stream is named 'nonsense'; the rules are eve"
    ):
        strategy("nonsense")


@pytest.mark.parametrize("rule", WIRE)
def test_no_list_of_events_breaks_a_rule_about_bytes(rule: str) -> None:
    with pytest.raises(ValueError, match=rf"'{rule}' is about bytes.*: use broken_bodies"):
        cv.broken_streams(rule)


FIELD_ROWS = [(tag, field) for tag, fields in FIELDS.items() for field in fields]


@pytest.mark.parametrize(("tag", "field"), FIELD_ROWS, ids=lambda row: getattr(row, "path", row))
def test_each_field_of_a_rule_may_be_the_one_that_is_missing(tag: str, field: Field) -> None:
    def lacks_it(broken: tuple[str, Stream]) -> bool:
        _, stream = broken
        is_there = tag in types_and_reasons(stream)
        return is_there and finds(stream, field.rule, f"{field.path} is ")

    assert occurs(cv.broken_streams(field.rule), lacks_it)


def finds(stream: Stream, rule: str, seen: str) -> bool:
    return any(finding.rule == rule and seen in finding.message for finding in check(stream))


@pytest.mark.parametrize(
    "path",
    [
        "message.type",
        "message.usage.input_tokens",
        "message.usage.cache_creation.ephemeral_5m_input_tokens",
        "content_block.id",
        "content_block.input",
        "delta.stop_sequence",
        "usage.output_tokens",
    ],
)
def test_each_scalar_may_be_a_misfit(path: str) -> None:
    assert occurs(
        cv.broken_streams("misfit_value"),
        lambda broken: finds(broken[1], "misfit_value", f" {path} is "),
    )
