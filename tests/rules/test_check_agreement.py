"""`check` against the slow checker, on streams and bodies in which anything may be off."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from chunkview.conformance import check
from chunkview.testing import strategies as cv
from rules.bodies import Event
from rules.checker import check_body, check_events, summary_of_findings
from rules.lenient import lenient_bodies, lenient_streams
from support import examples

Summary = Counter[tuple[str, int, int]]


def checked(source: Any) -> Summary:
    return Counter((f.rule, f.position, f.count) for f in check(source))


@examples(4)
@given(lenient_streams())
def test_check_and_the_slow_checker_agree_on_events(events: list[Event]) -> None:
    assert checked(events) == summary_of_findings(check_events(events))


@examples(4)
@given(lenient_bodies(), st.data())
def test_check_and_the_slow_checker_agree_on_bodies(body: bytes, data: Any) -> None:
    note(body)
    want = summary_of_findings(check_body(body))
    assert checked(body) == want
    assert checked(data.draw(cv.segmentations(body))) == want
    assert checked(body[at : at + 1] for at in range(len(body))) == want
