"""`assert_total` finds planted bugs, and shows the body and the exception."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chunkview import ChunkviewError
from chunkview.testing import laws
from testing.law_support import FEW, RIGHT, SEARCH, events_in, lines_in


class ParseError(Exception):
    pass


def lenient(pieces: Iterator[bytes]) -> list[str]:
    return lines_in(b"".join(pieces).decode(errors="replace"))


def wrapping(*errors: type[Exception]) -> Callable[[Iterator[bytes]], list[Any]]:
    """A parser that knows some errors only."""

    def parse(pieces: Iterator[bytes]) -> list[Any]:
        try:
            return [event["type"] for event in events_in(lines_in(b"".join(pieces).decode()))]
        except errors as error:
            raise ParseError from error

    return parse


@pytest.mark.parametrize("parse", RIGHT)
def test_a_parser_that_raises_only_what_it_says_passes(parse: laws.Parser) -> None:
    laws.assert_total(parse, raises=ChunkviewError, settings=FEW)


def test_a_parser_that_raises_nothing_passes() -> None:
    laws.assert_total(lenient, settings=FEW)


EVERYTHING = (ValueError, KeyError, TypeError, RecursionError)
DEEP = b'data: {"type": ' + b"[" * 200_000 + b"\n\n"


@pytest.mark.parametrize(
    ("known", "leaked", "streams"),
    [
        ((UnicodeDecodeError, KeyError, TypeError, RecursionError), ValueError, None),
        ((ValueError, TypeError, RecursionError), KeyError, None),
        ((ValueError, KeyError, RecursionError), TypeError, None),
        ((json.JSONDecodeError, KeyError, TypeError, RecursionError), UnicodeDecodeError, None),
        ((ValueError, KeyError, TypeError), RecursionError, DEEP),
    ],
)
def test_a_planted_bug_is_found(
    known: tuple[type[Exception], ...], leaked: type[Exception], streams: laws.Streams | None
) -> None:
    with pytest.raises(AssertionError, match=r"raises \w+, which it may not") as caught:
        laws.assert_total(wrapping(*known), raises=ParseError, streams=streams, settings=SEARCH)
    assert isinstance(caught.value.__cause__, leaked)


def test_a_body_of_nested_json_is_shown_in_a_line() -> None:
    with pytest.raises(AssertionError, match=r"\+ b'\[' \* 200000 \+") as caught:
        laws.assert_total(wrapping(ValueError), streams=DEEP, settings=SEARCH)
    assert len(str(caught.value)) < 1_000


def test_of_several_exceptions_each_is_right() -> None:
    laws.assert_total(wrapping(), raises=EVERYTHING, settings=FEW)


def test_what_is_no_exception_is_no_breach() -> None:
    def leave(_: Any) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        laws.assert_total(leave, settings=FEW)
