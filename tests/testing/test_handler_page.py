"""The tests of docs/testing-your-handler.md pass for its handler, and fail for one with a fault."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, settings

from test_docs import run_page
from test_readme import ROOT

PAGE = ROOT / "docs" / "testing-your-handler.md"
NAMES = run_page(PAGE)
QUICK = settings(
    max_examples=60,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    report_multiple_bugs=False,
)
TESTS = {name: QUICK(test) for name, test in NAMES.items() if name.startswith("test_")}
HARMLESS_FAULTS = {
    "test_every_call_is_one_that_the_tool_takes",
    "test_a_faulty_stream_gives_an_answer_or_one_kind_of_error",
    "test_a_stream_that_breaks_a_rule_gives_an_answer_or_one_kind_of_error",
}


@pytest.mark.parametrize("name", TESTS)
def test_a_test_of_the_page_passes(name: str) -> None:
    TESTS[name]()


@pytest.mark.parametrize("name", sorted(TESTS.keys() - HARMLESS_FAULTS))
def test_a_test_of_the_page_finds_a_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = NAMES["my_handler"]

    def forgetful(events: list[dict[str, Any]]) -> Any:
        text, calls = right(events)
        return text.strip(), calls[:1] if len(events) % 2 else []

    monkeypatch.setitem(NAMES, "my_handler", forgetful)
    with pytest.raises(AssertionError):
        TESTS[name]()
