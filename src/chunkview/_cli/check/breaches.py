"""What is reported: which rules a file or an answer breaks, and the same by rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from .rules import AnyRule, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...conformance import Finding

__all__ = ["Breach", "BrokenRule", "Checked", "breach_of", "by_rule", "plural", "unique"]

# An event is shown up to this many characters.
_LONGEST_EVENT = 400


@attrs.frozen
class Breach:
    """A rule that one file or one answer breaks.

    Attributes:
        rule: The rule.
        message: What was seen.
        position: The number of the event, from 0; None where it is not about the events.
        count: How many times the rule is broken.
        event: The event, or its beginning, as it was sent; "" where there is none.
    """

    rule: AnyRule
    message: str
    position: int | None = None
    count: int = 1
    event: str = ""


@attrs.frozen
class Checked:
    """A file, or a request to a server, that was checked.

    Attributes:
        name: The file or the request.
        breaches: The rules that it breaks.
        is_stream: Whether there was a stream to check.
        answer: Facts about the answer of a server, for programs; empty for a file.
        seconds: How long it took.
        problem: Why a file could not be read; "" if it could.
    """

    name: str
    breaches: tuple[Breach, ...] = ()
    is_stream: bool = True
    answer: dict[str, Any] = attrs.field(factory=dict)
    seconds: float = 0.0
    problem: str = ""

    def count(self, severity: str) -> int:
        """Count the broken rules of one severity."""
        return sum(breach.rule.severity == severity for breach in unique(self.breaches))

    def failing(self, *, is_strict: bool) -> list[Breach]:
        """Give the first breach of each rule that makes the check fail.

        Args:
            is_strict: Whether a warning does, too.
        """
        return [
            breach
            for breach in unique(self.breaches)
            if is_strict or breach.rule.severity == "error"
        ]


@attrs.frozen
class BrokenRule:
    """A rule that files or answers break.

    Attributes:
        rule: The rule.
        names: The files or the requests, in order.
        first: The first breach; it is in the first of them.
        count: How many times the rule is broken in all.
    """

    rule: AnyRule
    names: tuple[str, ...]
    first: Breach
    count: int


def unique(breaches: Iterable[Breach]) -> list[Breach]:
    """Give the first breach of each rule, so without those in further blocks."""
    first: dict[str, Breach] = {}
    for breach in breaches:
        first.setdefault(breach.rule.name, breach)
    return list(first.values())


def breach_of(finding: Finding) -> Breach:
    """Make a breach of what the check of a stream found."""
    return Breach(
        rule_of(finding.rule),
        finding.message,
        finding.position,
        finding.count,
        "" if finding.chunk is None else _text_of(finding.chunk.chunk),
    )


def by_rule(checked: Sequence[Checked]) -> list[BrokenRule]:
    """Group the breaches by rule: first the errors, then the warnings, each by first place."""
    found: dict[str, list[tuple[str, Breach]]] = {}
    for one in checked:
        for breach in one.breaches:
            found.setdefault(breach.rule.name, []).append((one.name, breach))
    rows = [
        BrokenRule(
            places[0][1].rule,
            tuple(dict.fromkeys(name for name, _ in places)),
            places[0][1],
            sum(breach.count for _, breach in places),
        )
        for places in found.values()
    ]
    return sorted(rows, key=lambda row: row.rule.severity != "error")


def plural(number: int, word: str) -> str:
    """Write a number and a word, such as "1 error" and "2 errors"."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _text_of(event: Any) -> str:
    """The beginning of an event as it was sent."""
    if isinstance(event, bytes):
        text = event[: 4 * _LONGEST_EVENT].decode(errors="replace")
    elif isinstance(event, str):
        text = event
    else:
        text = json.dumps(event, default=repr)
    return text.strip() if len(text) <= _LONGEST_EVENT else f"{text[:_LONGEST_EVENT]}..."
