"""Searches for a stream that breaks a law about parsers, with Hypothesis."""

from __future__ import annotations

import re
from itertools import cycle
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._chunks import encode
from ..._stream import iter_chunks
from ...errors import ChunkviewError
from ...recordings import Recording, body_of
from .. import strategies as cv
from ._outcomes import Outcome, collected, outcome_of
from ._report import describe, literal, pieces_of, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hypothesis.strategies import DrawFn

    from ..._chunks import ChunkView
    from ._parsers import Parser, Streams

__all__ = [
    "Case",
    "bodies_of",
    "search_agreement",
    "search_cuts",
    "search_exceptions",
    "search_line_endings",
    "settings_of",
    "with_other_endings",
]


def search_cuts(
    parse: Parser,
    streams: Streams | None,
    default: SearchStrategy[bytes],
    settings: hypothesis.settings | None,
) -> None:
    """Search for a body and a way to cut it that changes the answer."""
    caller = _Caller(parse)

    def check(case: Case) -> None:
        caller.compare(
            "What the parser gives depends on where the body is cut.",
            literal(case.body),
            ("parse([body])", [case.body]),
            (f"parse({pieces_of(case.pieces)})", case.pieces),
        )

    _search(check, _cut_bodies(bodies_of(streams, default)), settings)
    caller.require_an_answer()


def search_line_endings(
    parse: Parser,
    endings: Sequence[bytes],
    streams: Streams | None,
    default: SearchStrategy[bytes],
    settings: hypothesis.settings | None,
) -> None:
    """Search for a body that means something else with other line ends."""
    caller = _Caller(parse)

    def check(case: Case) -> None:
        other = b"".join(case.pieces)
        caller.compare(
            "What the parser gives depends on the ends of the lines.",
            f"{literal(case.body)}\n{literal(other, 'other')}",
            ("parse([body])", [case.body]),
            ("parse([other])", [other]),
        )

    _search(check, with_other_endings(bodies_of(streams, default), endings), settings)
    caller.require_an_answer()


def search_exceptions(
    parse: Parser,
    raises: type[Exception] | tuple[type[Exception], ...],
    streams: Streams | None,
    default: SearchStrategy[bytes],
    settings: hypothesis.settings | None,
) -> None:
    """Search for a body that makes the parser raise an exception that it may not raise."""

    def check(case: Case) -> None:
        outcome = outcome_of(parse, case.pieces)
        if outcome.error is not None and not isinstance(outcome.error, raises):
            problem = f"The parser raises {type(outcome.error).__name__}, which it may not."
            call = (f"parse({pieces_of(case.pieces)})", outcome)
            raise AssertionError(report(problem, literal(case.body), call)) from outcome.error

    _search(check, _cut_bodies(bodies_of(streams, default)), settings)


def search_agreement(
    parse: Parser,
    project: Callable[[list[ChunkView]], Any],
    streams: Streams | None,
    default: SearchStrategy[bytes],
    settings: hypothesis.settings | None,
) -> None:
    """Search for a body in which the parser finds something else than chunkview."""

    def check(case: Case) -> None:
        try:
            chunks = list(iter_chunks(case.body))
        except ChunkviewError:
            return
        expected = Outcome(collected(project(chunks)))
        outcome = outcome_of(parse, [case.body])
        if not outcome.agrees(expected):
            problem = "The parser finds something else than chunkview."
            calls = (("parse([body])", outcome), ("project(chunks)", expected))
            raise AssertionError(report(problem, literal(case.body), *calls)) from outcome.error

    _search(check, _whole_bodies(bodies_of(streams, default)), settings)


def bodies_of(streams: Streams | None, default: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """Make a strategy of bodies of what a caller gave as `streams`.

    Raises:
        DecodeError: A recording is broken.
        ValueError: There are no streams.
    """
    if streams is None:
        return default
    if isinstance(streams, SearchStrategy):
        return streams.map(_body)
    given = [streams] if isinstance(streams, (bytes, Recording)) else streams
    bodies = sorted((_body(stream) for stream in given), key=len)
    if not bodies:
        raise ValueError("streams: there are none")
    return st.sampled_from(bodies)


def _body(stream: bytes | Recording | Iterable[Any]) -> bytes:
    if isinstance(stream, bytes):
        return stream
    return body_of(stream) if isinstance(stream, Recording) else b"".join(map(encode, stream))


# Not an attrs class: Hypothesis shows those field by field, and the report has the fields already.
class Case:
    """A body, and what the parser gets in its place."""

    def __init__(self, body: bytes, pieces: list[bytes]) -> None:
        self.body = body
        self.pieces = pieces

    def __repr__(self) -> str:
        return "<the body above>"


@st.composite
def _whole_bodies(draw: DrawFn, bodies: SearchStrategy[bytes]) -> Case:
    body = draw(bodies)
    return Case(body, [body])


@st.composite
def _cut_bodies(draw: DrawFn, bodies: SearchStrategy[bytes]) -> Case:
    """Bodies with pieces. First comes a single cut, so that many cuts shrink to one."""
    body = draw(bodies)
    one_cut = st.integers(0, len(body)).map(lambda at: [body[:at], body[at:]])
    return Case(body, draw(one_cut | cv.segmentations(body)))


@st.composite
def with_other_endings(
    draw: DrawFn, bodies: SearchStrategy[bytes], endings: Sequence[bytes]
) -> Case:
    """Bodies in LF. The pieces have one of the endings, or several in turn."""
    body = re.sub(rb"\r\n|\r", b"\n", draw(bodies))
    newlines = draw(st.lists(st.sampled_from([*endings, b"\n"]), min_size=1, max_size=3))
    pieces: list[bytes] = []
    for line, newline in zip(body.split(b"\n")[:-1], cycle(newlines), strict=False):
        # After a CR, an LF alone would belong to the same line end.
        joins = not line and newline == b"\n" and bool(pieces) and pieces[-1].endswith(b"\r")
        pieces += [line, b"\r\n" if joins else newline]
    return Case(body, [*pieces, body.rpartition(b"\n")[2]])


class _Caller:
    """Calls a parser, and notes whether it has ever answered."""

    def __init__(self, parse: Parser) -> None:
        self._parse = parse
        self._has_answered = False
        self._last: Outcome | None = None

    def compare(
        self,
        problem: str,
        body: str,
        first: tuple[str, list[bytes]],
        second: tuple[str, list[bytes]],
    ) -> None:
        """Assert that two calls agree.

        Raises:
            AssertionError: They do not.
        """
        one, two = outcome_of(self._parse, first[1]), outcome_of(self._parse, second[1])
        self._has_answered |= one.error is None
        self._last = one
        if one.agrees(two):
            return
        again = outcome_of(self._parse, first[1])
        if not again.agrees(one):
            problem = (
                "Two calls with the same pieces give different answers: either the values of the "
                "answer have no `==`, or the parser remembers the call before."
            )
            second, two = first, again
        calls = ((first[0], one), (second[0], two))
        raise AssertionError(report(problem, body, *calls)) from (one.error or two.error)

    def require_an_answer(self) -> None:
        """Assert that at least one call gave an answer.

        Raises:
            AssertionError: All raised an exception. The last one is the cause.
        """
        if self._last is not None and not self._has_answered:
            problem = f"The parser refuses every stream. At last: {describe(self._last)}"
            raise AssertionError(problem) from self._last.error


def _search(
    check: Callable[[Case], None],
    cases: SearchStrategy[Case],
    settings: hypothesis.settings | None,
) -> None:
    """Try a law on many cases. Raise what `check` raises for the smallest that breaks it."""

    def law(case: Case) -> None:
        check(case)

    settings_of(settings)(given(cases)(law))()


def settings_of(settings: hypothesis.settings | None) -> hypothesis.settings:
    """Give the settings that a caller gave, or else those of the profile with a few changes."""
    return settings or hypothesis.settings(
        deadline=None,
        # What Hypothesis explains are lines of this file.
        phases=[phase for phase in hypothesis.settings().phases if phase != Phase.explain],
        report_multiple_bugs=False,
        stateful_step_count=20,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
