"""`broken_streams`: each broken rule raises its error, or is noted as a finding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import Accumulator, ChunkviewError, Message, ProtocolError, accumulate
from chunkview import conformance as rules
from chunkview.testing import strategies as cv
from testing.drawing import Stream, few

LENIENT = [rule for rule, error in cv.RULES.items() if error is None]
ORDER = [rule for rule in LENIENT if rule in rules.RULES]


def result_of(stream: Stream) -> type[ChunkviewError] | None:
    try:
        assert isinstance(accumulate(stream), Message)
    except ChunkviewError as error:
        return type(error)
    return None


@pytest.mark.parametrize("rule", cv.RULES)
@few
@given(data=st.data())
def test_a_broken_rule_raises_exactly_its_error_or_is_taken(rule: str, data: st.DataObject) -> None:
    named, stream = data.draw(cv.broken_streams(rule))
    assert named == rule
    assert result_of(stream) is cv.RULES[rule]


@pytest.mark.parametrize("rule", ORDER)
@few
@given(data=st.data())
def test_a_broken_order_is_a_finding_of_its_name(rule: str, data: st.DataObject) -> None:
    _, stream = data.draw(cv.broken_streams(rule))
    accumulator = Accumulator()
    accumulator.extend(stream)
    accumulator.finish()
    assert rule in [finding.rule for finding in accumulator.findings]


@pytest.mark.parametrize("rule", ORDER)
@few
@given(data=st.data())
def test_strict_raises_for_a_broken_order(rule: str, data: st.DataObject) -> None:
    _, stream = data.draw(cv.broken_streams(rule))
    with pytest.raises(ProtocolError) as caught:
        accumulate(stream, strict="all")
    assert caught.value.rule in rules.RULES


@given(cv.broken_streams())
def test_any_rule_may_be_broken(broken: tuple[str, Stream]) -> None:
    rule, stream = broken
    assert result_of(stream) is cv.RULES[rule]


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="no rule is named 'nonsense'; the rules are message_st"):
        cv.broken_streams("nonsense")
