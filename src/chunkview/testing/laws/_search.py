"""Searches for a stream that breaks a law about parsers, with Hypothesis."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given

from ..._stream import iter_chunks
from ...errors import ChunkviewError
from ._cases import cut_bodies, fewest_cuts, whole_bodies, with_other_line_ends
from ._outcomes import Outcome, collected, outcome_of, outcome_of_call
from ._report import describe, literal, pieces_of, report, shortly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import SearchStrategy

    from ..._chunks import ChunkView
    from ._cases import Case
    from ._laws import Parser

__all__ = [
    "search_agreement",
    "search_cuts",
    "search_exceptions",
    "search_line_endings",
    "settings_of",
]

__tracebackhide__ = True


def search_cuts(
    parse: Parser,
    bodies: SearchStrategy[bytes],
    settings: hypothesis.settings | None,
    *,
    may_be_empty: bool,
) -> None:
    """Search for a body and a way to cut it that changes the answer.

    Args:
        parse: The parser.
        bodies: What it is tried on.
        settings: Hypothesis's settings, or None for the laws' own.
        may_be_empty: Whether each answer may be empty: there may be no text in a user's streams.
    """
    comparison = _Comparison(parse, may_be_empty=may_be_empty)

    def check(case: Case) -> None:
        whole = [case.body]
        if comparison.agrees(whole, case.pieces):
            return
        pieces = fewest_cuts(case, lambda pieces: not comparison.agrees(whole, pieces))
        comparison.fail(
            "What the parser gives depends on where the body is cut.",
            literal(case.body),
            ("[body]", whole),
            (pieces_of(pieces), pieces),
        )

    _search(check, cut_bodies(bodies), settings)
    comparison.answers.require("The parser")


def search_line_endings(
    parse: Parser,
    endings: Sequence[bytes],
    bodies: SearchStrategy[bytes],
    settings: hypothesis.settings | None,
    *,
    may_be_empty: bool,
) -> None:
    """Search for a body that means something else with other line ends.

    The arguments are those of `search_cuts`, and what to write in place of LF.
    """
    comparison = _Comparison(parse, may_be_empty=may_be_empty)

    def check(case: Case) -> None:
        body, other = [case.body], [b"".join(case.pieces)]
        if not comparison.agrees(body, other):
            comparison.fail(
                "What the parser gives depends on the ends of the lines.",
                f"{literal(body[0])}\n{literal(other[0], 'other')}",
                ("[body]", body),
                ("[other]", other),
            )

    _search(check, with_other_line_ends(bodies, endings), settings)
    comparison.answers.require("The parser")


def search_exceptions(
    parse: Parser,
    raises: type[Exception] | tuple[type[Exception], ...],
    bodies: SearchStrategy[bytes],
    settings: hypothesis.settings | None,
) -> None:
    """Search for a body that makes the parser raise an exception that it may not raise."""

    def check(case: Case) -> None:
        error = outcome_of(parse, case.pieces).error
        if error is None or isinstance(error, raises):
            return
        kind = type(error)
        pieces = fewest_cuts(case, lambda pieces: type(outcome_of(parse, pieces).error) is kind)
        problem = f"The parser raises {kind.__name__}, which it may not."
        call = (f"parse({pieces_of(pieces)})", Outcome(error=error))
        raise AssertionError(report(problem, literal(case.body), call)) from error

    _search(check, cut_bodies(bodies), settings)


def search_agreement(
    parse: Parser,
    project: Callable[[list[ChunkView]], Any],
    bodies: SearchStrategy[bytes],
    settings: hypothesis.settings | None,
    *,
    may_be_empty: bool,
) -> None:
    """Search for a body in which the parser finds something else than chunkview.

    The arguments are those of `search_cuts`, and what the parser should give.
    """
    answers = _Answers(may_be_empty=may_be_empty)

    def check(case: Case) -> None:
        try:
            chunks = list(iter_chunks(case.body))
        except ChunkviewError as error:
            answers.note(Outcome(error=error))
            return
        expected = outcome_of_call(lambda: collected(project(chunks)))
        answers.note(expected)
        if expected.error is not None:
            problem = f"project raises {type(expected.error).__name__}."
            text = report(problem, literal(case.body), ("project(chunks)", expected))
            raise AssertionError(text) from expected.error
        outcome = outcome_of(parse, case.pieces)
        if not outcome.agrees(expected):
            problem = "The parser finds something else than chunkview."
            calls = (("parse([body])", outcome), ("project(chunks)", expected))
            raise AssertionError(report(problem, literal(case.body), *calls)) from outcome.error

    _search(check, whole_bodies(bodies), settings)
    answers.require("project" if answers.has_answered else "chunkview")


class _Answers:
    """Notes whether there is ever an answer. A law that never sees one proves nothing.

    Attributes:
        has_answered: Whether a call did not raise an exception.
    """

    def __init__(self, *, may_be_empty: bool) -> None:
        self._may_be_empty = may_be_empty
        self._last: Outcome | None = None
        self._has_given = False
        self.has_answered = False

    def note(self, outcome: Outcome) -> None:
        """Note what a call gave."""
        self._last = outcome
        self.has_answered |= outcome.error is None
        is_empty = isinstance(outcome.answer, Sized) and len(outcome.answer) == 0
        if outcome.answer is not None and (self._may_be_empty or not is_empty):
            self._has_given = True

    def require(self, name: str) -> None:
        """Assert that at least one call gave something.

        Raises:
            AssertionError: None did. The last exception, if there is one, is the cause.
        """
        if self._last is not None and not self._has_given:
            what = "gives nothing for any" if self.has_answered else "refuses every"
            problem = f"{name} {what} stream. At last: {describe(self._last)}"
            raise AssertionError(problem) from self._last.error


class _Comparison:
    """Compares what a parser gives for different pieces."""

    def __init__(self, parse: Parser, *, may_be_empty: bool) -> None:
        self._parse = parse
        self.answers = _Answers(may_be_empty=may_be_empty)

    def agrees(self, first: list[bytes], second: list[bytes]) -> bool:
        """Whether a parser gives the same for both."""
        outcome = outcome_of(self._parse, first)
        self.answers.note(outcome)
        return outcome.agrees(outcome_of(self._parse, second))

    def fail(
        self,
        problem: str,
        body: str,
        first: tuple[str, list[bytes]],
        second: tuple[str, list[bytes]],
    ) -> None:
        """Say for which pieces the answers differ.

        Args:
            problem: What is wrong.
            body: The lines that define the names in `first` and `second`.
            first: The code that makes a list of pieces, and the pieces.
            second: The same for the other list.

        Raises:
            AssertionError: Always.
        """
        one, two, again = (outcome_of(self._parse, some[1]) for some in (first, second, first))
        if not again.agrees(one):
            problem = (
                "Two calls with the same pieces give different answers: either the values of the "
                "answer have no `==`, or the parser remembers the call before."
            )
            second, two = first, again
        calls = ((f"parse({first[0]})", one), (f"parse({second[0]})", two))
        raise AssertionError(report(problem, body, *calls)) from (one.error or two.error)


def _search(
    check: Callable[[Case], None],
    cases: SearchStrategy[Case],
    settings: hypothesis.settings | None,
) -> None:
    """Try a law on many cases. Raise what `check` raises for the smallest that breaks it."""

    def law(case: Case) -> None:
        check(case)

    shortly(settings_of(settings)(given(cases)(law)))


def settings_of(settings: hypothesis.settings | None) -> hypothesis.settings:
    """Give the settings that a caller gave, or else those of the profile with a few changes.

    Raises:
        TypeError: They are no settings.
    """
    if settings is None:
        settings = hypothesis.settings(
            deadline=None,
            # What Hypothesis explains are lines of this file.
            phases=[phase for phase in hypothesis.settings().phases if phase != Phase.explain],
            report_multiple_bugs=False,
            stateful_step_count=20,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
    if not isinstance(settings, hypothesis.settings):
        raise TypeError(
            "settings: expected hypothesis.settings(max_examples=...), got "
            f"{type(settings).__name__}"
        )
    if settings.verbosity is Verbosity.normal:
        # The report has the body as code. Hypothesis would add the call of a function of this file,
        # and, in CI, a decorator for that function.
        settings = hypothesis.settings(settings, verbosity=Verbosity.quiet, print_blob=False)
    return settings
