"""`assert_line_endings_do_not_matter` finds planted bugs, and shows both bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview.testing import laws, recording
from chunkview.testing.laws._cases import Case, with_other_line_ends
from support import examples
from testing.law_support import FEW, RIGHT, SEARCH, events_in, lines_in, text_in


def blank_lines_in_lf(pieces: Iterator[bytes]) -> list[bytes]:
    return b"".join(pieces).split(b"\n\n")


def cr_kept(pieces: Iterator[bytes]) -> list[str]:
    return [line for line in text_in(pieces).split("\n") if line.startswith("event")]


def cr_not_known(pieces: Iterator[bytes]) -> list[Any]:
    return list(events_in(text_in(pieces).replace("\r\n", "\n").split("\n")))


def first_end_is_taken_for_all(pieces: Iterator[bytes]) -> list[Any]:
    text = text_in(pieces)
    first = re.search("\r\n|\n|\r", text)
    return list(events_in(text.split(first[0]))) if first else []


@pytest.mark.parametrize("parse", RIGHT)
def test_a_right_parser_passes(parse: laws.Parser) -> None:
    laws.assert_line_endings_do_not_matter(parse, settings=FEW)


@pytest.mark.parametrize(
    "parse", [blank_lines_in_lf, cr_kept, cr_not_known, first_end_is_taken_for_all]
)
def test_a_planted_bug_is_found(parse: laws.Parser) -> None:
    with pytest.raises(AssertionError, match="depends on the ends of the lines"):
        laws.assert_line_endings_do_not_matter(parse, settings=SEARCH)


def test_a_line_end_may_be_left_out() -> None:
    laws.assert_line_endings_do_not_matter(cr_not_known, endings=[b"\r\n"], settings=FEW)


def test_the_error_is_code_that_shows_the_bug() -> None:
    with pytest.raises(AssertionError) as caught:
        laws.assert_line_endings_do_not_matter(
            blank_lines_in_lf, streams=recording("text"), settings=SEARCH
        )
    names: dict[str, Any] = {}
    exec(str(caught.value).split("\n\n")[1], names)
    body, other = names["body"], names["other"]
    assert body == recording("text")
    assert other != body
    assert lines_in(other.decode()) == lines_in(body.decode())
    assert "parse([body]) gives\n" in str(caught.value)
    assert "parse([other]) gives\n" in str(caught.value)


@examples(2)
@given(
    st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"x"]))
    .map(b"".join)
    .flatmap(lambda body: with_other_line_ends(st.just(body), [b"\r\n", b"\r"]))
)
def test_the_lines_are_the_same_with_all_ends(case: Case) -> None:
    """No two line ends may become one, and none may become two."""
    assert lines_in(b"".join(case.pieces).decode()) == lines_in(case.body.decode())
