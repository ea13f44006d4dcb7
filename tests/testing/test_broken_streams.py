"""`broken_streams`: each broken rule raises its error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import ChunkviewError, accumulate
from chunkview.testing import strategies as cv
from testing.drawing import Stream, few

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize("rule", cv.RULES)
@few
@given(data=st.data())
def test_a_broken_rule_raises_exactly_its_error(rule: str, data: st.DataObject) -> None:
    named, stream = data.draw(cv.broken_streams(rule))
    assert named == rule
    with pytest.raises(ChunkviewError) as caught:
        accumulate(stream)
    assert type(caught.value) is cv.RULES[rule]


@given(cv.broken_streams())
def test_any_rule_may_be_broken(broken: tuple[str, Stream]) -> None:
    rule, stream = broken
    with pytest.raises(cv.RULES[rule]):
        accumulate(stream)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="no rule is named 'nonsense'; the rules are event_before"):
        cv.broken_streams("nonsense")
