"""What a failed law shows is code that makes the same bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview.testing.laws._outcomes import Outcome
from chunkview.testing.laws._report import describe, literal, pieces_of, report
from support import examples

REPEATED = st.tuples(st.binary(min_size=1, max_size=9), st.integers(0, 120)).map(
    lambda pair: pair[0] * pair[1]
)


def made_by(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


@examples(2)
@given(
    st.lists(st.binary(max_size=20) | REPEATED, max_size=4).map(b"".join),
    st.lists(st.integers(0, 99), max_size=5),
)
def test_the_code_makes_the_body_and_its_pieces(body: bytes, cuts: list[int]) -> None:
    ends = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(ends)]
    names = made_by(literal(body))
    assert names["body"] == body
    assert eval(pieces_of(pieces), names) == pieces


def test_each_line_of_the_body_is_a_line_of_the_code() -> None:
    code = literal(b"event: ping\r\ndata: {}\n\nrest")
    assert (
        code == "body = (\n    b'event: ping\\r\\n'\n    b'data: {}\\n'\n    b'\\n'\n    b'rest'\n)"
    )


def test_what_is_repeated_is_written_once() -> None:
    assert literal(b"x" + b"[" * 20_000 + b"\n") == "body = (\n    b'x' + b'[' * 20000 + b'\\n'\n)"


def test_what_is_too_long_to_paste_is_cut_and_says_so() -> None:
    code = literal(b"".join(b"%d\n" % number for number in range(100_000)))
    assert len(code) < 60_000
    assert "# ... cut here: body has 588,890 bytes" in code


class Unshowable:
    def __repr__(self) -> str:
        raise KeyError


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Outcome([1]), "[1]"),
        (Outcome(Unshowable()), "<Unshowable>"),
        (Outcome("x" * 9_999), f"'{'x' * 1_999}..."),
        (Outcome(error=ValueError("no")), "ValueError: no"),
        (Outcome(error=ValueError("x" * 9_999)), f"ValueError: {'x' * 2_000}..."),
    ],
)
def test_an_outcome_is_shown_in_short(outcome: Outcome, shown: str) -> None:
    assert describe(outcome) == shown


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ([1, 2], [1, 3], "They differ first at [1]:\n    2\n    3"),
        ([1], [1, 3], "They differ first at [1]:\n    nothing\n    3"),
    ],
)
def test_of_two_lists_the_first_difference_is_shown(
    first: list[int], second: list[int], difference: str
) -> None:
    text = report("It is wrong.", "body", ("f()", Outcome(first)), ("g()", Outcome(second)))
    assert text.split("\n\n") == [
        "It is wrong.",
        "body",
        f"f() gives\n    {first}",
        f"g() gives\n    {second}",
        difference,
    ]
