"""`broken_body`: the example of each rule breaks this rule, and no other."""

from __future__ import annotations

import pytest

from chunkview.conformance import RULES, check
from chunkview.testing import _examples, broken_body


def rules_broken_by(body: bytes) -> set[str]:
    return {finding.rule for finding in check(body)}


@pytest.mark.parametrize("rule", RULES)
def test_the_example_of_a_rule_breaks_it_alone(rule: str) -> None:
    implied, _ = _examples.IMPLIED.get(rule, (rule, ""))
    assert rules_broken_by(broken_body(rule)) == {rule, implied}


@pytest.mark.parametrize("names", _examples.BASES)
def test_the_streams_that_are_edited_break_no_rule(names: str) -> None:
    assert rules_broken_by("".join(_examples.frames_of(names)).encode()) == set()


@pytest.mark.parametrize("rule", RULES)
def test_an_example_is_another_body_than_the_valid_stream_it_is_made_from(rule: str) -> None:
    assert broken_body(rule) != _examples.valid_body(rule)
    assert _examples.valid_body(rule).decode() in {
        "".join(_examples.frames_of(names)) for names in _examples.BASES
    }


def test_there_is_an_example_of_each_rule_in_the_order_of_the_table() -> None:
    assert list(_examples.EXAMPLES) == list(RULES)


def test_an_unknown_rule_is_refused_with_the_names_of_all_rules() -> None:
    with pytest.raises(
        ValueError, match="no rule of a stream is named 'nonsense'; the rules are eve"
    ):
        broken_body("nonsense")
