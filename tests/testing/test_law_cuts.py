"""`assert_cuts_do_not_matter` finds planted bugs, and shows the cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import Phase, Verbosity, assume, settings

from chunkview.testing import laws, recording
from chunkview.testing.laws._search import settings_of
from testing.law_support import FEW, RIGHT, SEARCH, events_in, lines_in, right, text_in


def characters_cut(pieces: Iterator[bytes]) -> list[Any]:
    text = "".join(piece.decode(errors="replace") for piece in pieces)
    return list(events_in(lines_in(text.removeprefix("\ufeff"))))


def lines_cut(pieces: Iterator[bytes]) -> list[Any]:
    return list(events_in(line for piece in pieces for line in lines_in(piece.decode())))


def edges_stripped(pieces: Iterator[bytes]) -> list[Any]:
    return list(events_in(lines_in(text_in(piece.strip() for piece in pieces))))


def ends_at_an_empty_piece(pieces: Iterator[bytes]) -> list[Any]:
    return list(events_in(lines_in(text_in(iter(lambda: next(pieces, b""), b"")))))


def blank_lines_counted(pieces: Iterator[bytes]) -> int:
    return sum(
        line in (b"\r\n", b"\n", b"\r") for piece in pieces for line in piece.splitlines(True)
    )


@pytest.mark.parametrize("parse", RIGHT)
def test_a_right_parser_passes(parse: laws.Parser) -> None:
    laws.assert_cuts_do_not_matter(parse, settings=FEW)


@pytest.mark.parametrize(
    "parse",
    [characters_cut, lines_cut, edges_stripped, ends_at_an_empty_piece, blank_lines_counted],
)
def test_a_planted_bug_is_found(parse: laws.Parser) -> None:
    with pytest.raises(AssertionError, match=r"depends on where the body is cut"):
        laws.assert_cuts_do_not_matter(parse, settings=SEARCH)


def test_the_error_is_code_that_shows_the_bug_with_a_single_cut() -> None:
    with pytest.raises(AssertionError) as caught:
        laws.assert_cuts_do_not_matter(
            lines_cut,
            streams=recording("text"),
            settings=settings(SEARCH, phases=settings().phases),
        )
    text = str(caught.value)
    names: dict[str, Any] = {}
    exec(text.split("\n\n")[1], names)
    whole, cut = re.findall(r"parse\((.*)\) gives\n", text)
    assert lines_cut(iter(eval(whole, names))) != lines_cut(iter(eval(cut, names)))
    assert re.fullmatch(r"\[body\[:(\d+)\], body\[\1:\]\]", cut)


def test_a_stream_of_ones_own_is_shown_with_its_cuts() -> None:
    with pytest.raises(AssertionError, match=r"body = \(\n    b'event: message_start\\n'"):
        laws.assert_cuts_do_not_matter(lines_cut, streams=recording("text"), settings=SEARCH)


class NoEquality:
    pass


@pytest.mark.parametrize(
    "parse", [lambda _: NoEquality(), lambda _, count=[0]: count.append(0) or len(count)]
)
def test_answers_that_differ_for_the_same_pieces_are_told_apart(parse: laws.Parser) -> None:
    with pytest.raises(
        AssertionError, match="the values of the answer have no `==`, or the parser rem"
    ):
        laws.assert_cuts_do_not_matter(parse, settings=SEARCH)


def refuses_everything(pieces: Iterator[bytes]) -> Any:
    raise KeyError(b"".join(pieces)[:5])


def test_a_parser_that_refuses_every_stream_does_not_pass() -> None:
    with pytest.raises(
        AssertionError, match=r"refuses every stream\. At last: KeyError: "
    ) as caught:
        laws.assert_cuts_do_not_matter(refuses_everything, settings=FEW)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_refused_stream_has_to_be_refused_with_every_cut() -> None:
    def refuses_half_a_line(pieces: Iterator[bytes]) -> list[Any]:
        given = list(pieces)
        if given and given[0].endswith(b"data"):
            raise ValueError("half a line")
        return right(iter(given))

    with pytest.raises(AssertionError, match=r"gives\n    ValueError: half a line") as caught:
        laws.assert_cuts_do_not_matter(
            refuses_half_a_line, streams=b'data: {"type": "ping"}\n\n', settings=SEARCH
        )
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_parser_may_leave_a_stream_out() -> None:
    def parse(pieces: Iterator[bytes]) -> list[Any]:
        assume(len(given := list(pieces)) == 1)
        return right(iter(given))

    laws.assert_cuts_do_not_matter(parse, streams=recording("text"), settings=FEW)


def test_without_settings_those_of_the_profile_count_but_for_what_disturbs() -> None:
    ours, profile = settings_of(None), settings()
    assert set(profile.phases) - set(ours.phases) <= {Phase.explain}
    assert ours.max_examples == profile.max_examples
    assert ours.deadline is None
    quiet = settings(FEW, verbosity=Verbosity.quiet, print_blob=False)
    assert str(settings_of(FEW)) == str(quiet)
    loud = settings(FEW, verbosity=Verbosity.verbose)
    assert settings_of(loud) is loud


def test_a_parser_that_only_gives_something_to_await_is_an_error() -> None:
    async def read(pieces: Any) -> list[Any]:
        return list(pieces)

    parse: Callable[[Any], Any] = lambda pieces: read(pieces)  # noqa: E731
    with pytest.raises(TypeError, match="Write it as `async def`"):
        laws.assert_cuts_do_not_matter(parse, settings=FEW)


def test_without_streams_there_is_nothing_to_assert() -> None:
    with pytest.raises(ValueError, match="streams: there are none"):
        laws.assert_cuts_do_not_matter(right, streams=[])
