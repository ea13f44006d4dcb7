"""No law passes that has seen no answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from chunkview.testing import laws, recording
from testing.law_support import FEW, right

GIVES_NOTHING = "gives nothing for any stream. At last: "


async def forgets_to_return(pieces: Any) -> None:
    async for _ in pieces:
        pass


def agrees_with_itself(parse: Any, **options: Any) -> None:
    laws.assert_agrees(parse, lambda chunks: parse(iter(chunks)), **options)


LAWS: list[Callable[..., None]] = [
    laws.assert_cuts_do_not_matter,
    laws.assert_line_endings_do_not_matter,
    agrees_with_itself,
]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(
    ("empty", "shown"), [(None, "None"), ([], "[]"), ("", "''"), (iter(()), "[]"), ({}, "{}")]
)
def test_a_parser_that_gives_nothing_for_any_stream_does_not_pass(
    law: Callable[..., None], empty: Any, shown: str
) -> None:
    with pytest.raises(AssertionError, match=f"{re.escape(GIVES_NOTHING + shown)}$"):
        law(lambda pieces: empty, settings=FEW)


@pytest.mark.parametrize("law", LAWS[:2])
def test_a_coroutine_that_forgets_to_return_does_not_pass(law: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match=GIVES_NOTHING):
        law(forgets_to_return, settings=FEW)


@pytest.mark.parametrize("law", LAWS)
def test_a_stream_of_ones_own_may_have_nothing_but_none_is_no_answer(
    law: Callable[..., None],
) -> None:
    own = recording("text")
    law(lambda pieces: "", streams=own, settings=FEW)
    with pytest.raises(AssertionError, match=f"{GIVES_NOTHING}None$"):
        law(lambda pieces: None, streams=own, settings=FEW)


@pytest.mark.parametrize("law", LAWS)
def test_zero_and_false_are_answers(law: Callable[..., None]) -> None:
    law(lambda pieces: 0, settings=FEW)
    law(lambda pieces: False, settings=FEW)


@pytest.mark.parametrize("endings", [[], [b"\n"], ["\r\n"], [b"\r\n", b";"]])
def test_endings_that_prove_nothing_are_refused(endings: Any) -> None:
    with pytest.raises(ValueError, match=r"^endings: expected b'\\r\\n', b'\\r' or both in a list"):
        laws.assert_line_endings_do_not_matter(right, endings=endings)


def test_lf_may_be_among_the_endings() -> None:
    laws.assert_line_endings_do_not_matter(right, endings=[b"\n", b"\r"], settings=FEW)


@pytest.mark.parametrize(
    ("law", "options", "problem"),
    [
        (laws.assert_total, {"raises": [ValueError]}, "raises: expected an exception class, "),
        (laws.assert_total, {"raises": ("x",)}, "raises: expected an exception class, .* 'x'"),
        (laws.assert_agrees, {"project": []}, "project: expected a function, got list"),
        (laws.assert_total, {"settings": 20}, r"settings: expected hypothesis\.settings\(max"),
        (LAWS[1], {"endings": "\r\n"}, "endings: expected a list of bytes, got str"),
    ],
)
def test_a_wrong_argument_is_refused_in_words(
    law: Callable[..., None], options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(TypeError, match=f"^{problem}"):
        law(right, **options)


def test_a_turn_that_is_no_object_is_refused_in_words() -> None:
    turn: Any = []
    with pytest.raises(TypeError, match=r"^param: expected a turn, as Message\.to_param\(\) gives"):
        laws.assert_sendable(turn)
