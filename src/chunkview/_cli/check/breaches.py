"""What is reported: which rules a file or an answer breaks, and the same by rule."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import attrs

from ..._rules import MAX_FINDINGS
from ..._stream import check_each
from .rules import AnyRule, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..._chunks import ChunkView
    from ...conformance import Finding

__all__ = [
    "Breach",
    "BrokenRule",
    "Checked",
    "breaches_in",
    "by_rule",
    "excerpt",
    "plural",
    "unique",
]

# An event or a body is shown up to this many characters.
_LONGEST_EVENT = 400
# A source that is one JSON object. The events that the check looks at are made of it.
_OF_DOCUMENTS = frozenset({"body_is_error", "body_is_message"})
# What follows the last event, or shows when no further event comes. Without an event, the rules of
# the other groups are about one that cannot be decoded.
_AFTER_EVENTS = frozenset({"done_marker", "done_marker_named", "last_event_unterminated"})
_AT_THE_END = ("data", "order")
# A warning, but the request was not checked.
_LIMIT = "rate_limited"
# How the message of a finding begins if it is about a block.
_BLOCK = re.compile(r"(block \d+): ")


@attrs.frozen
class Breach:
    """A rule that one file or one answer breaks.

    Attributes:
        rule: The rule.
        message: What was seen.
        position: The number of the event, from 0; None where it is not about the events.
        count: How many times the rule is broken.
        event: The beginning of what was sent: the event, or a body that is one JSON object; ""
            where there is none.
        place: Where the event is, for a person; "" where it is not about the events.
    """

    rule: AnyRule
    message: str
    position: int | None = None
    count: int = 1
    event: str = ""
    place: str = ""


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
        skipped: Why a file was not checked; "" if it was.
        asks: What the request asks for; "" for a file.
    """

    name: str
    breaches: tuple[Breach, ...] = ()
    is_stream: bool = True
    answer: dict[str, Any] = attrs.field(factory=dict)
    seconds: float = 0.0
    problem: str = ""
    skipped: str = ""
    asks: str = ""

    @property
    def waited(self) -> float:
        """How many seconds check waited, because the server said so, before it asked again."""
        return float(self.answer.get("waited_seconds") or 0)

    @property
    def is_limited(self) -> bool:
        """Whether the request was not answered because there were too many."""
        return any(breach.rule.name == _LIMIT for breach in self.breaches)

    def count(self, severity: str) -> int:
        """Count the broken rules of one severity."""
        return sum(breach.rule.severity == severity for breach in unique(self.breaches))

    @property
    def is_checked(self) -> bool:
        """Whether there was something to check."""
        return not (self.problem or self.skipped or self.is_limited)

    def failing(self, *, is_strict: bool) -> list[Breach]:
        """Give the first breach of each rule that makes the check fail.

        Args:
            is_strict: Whether any warning does, too. A request that was not checked always does.
        """
        return [
            breach
            for breach in unique(self.breaches)
            if is_strict or breach.rule.severity == "error" or breach.rule.name == _LIMIT
        ]


@attrs.frozen
class BrokenRule:
    """A rule that files or answers break.

    Attributes:
        rule: The rule.
        names: The files or the requests, in order.
        first: The first breach; it is in the first of them.
        asks: What the first request asks for; "" for a file.
        count: How many times the rule is broken in all.
    """

    rule: AnyRule
    names: tuple[str, ...]
    first: Breach
    asks: str
    count: int


def unique(breaches: Iterable[Breach]) -> list[Breach]:
    """Give the first breach of each rule, so without those in further blocks."""
    first: dict[str, Breach] = {}
    for breach in breaches:
        first.setdefault(breach.rule.name, breach)
    return list(first.values())


def breaches_in(source: Any, start: bytes | bytearray) -> list[Breach]:
    """Check a source.

    Args:
        source: What `conformance.check` takes.
        start: The beginning of the source, if it is bytes, once the source was read. It is shown
            where the source is one JSON object, because the events that the check looks at were
            never sent.
    """
    broken: dict[int, str] = {}
    """The beginnings of the events that cannot be decoded, by position."""
    position = 0

    def see(chunk: ChunkView | None, received: object) -> None:
        nonlocal position
        if chunk is None and len(broken) < MAX_FINDINGS:
            if isinstance(received, bytes):  # the whole event, of which others give the data alone
                received = b" ".join(received[: 4 * _LONGEST_EVENT + 1].splitlines())
            broken[position] = "" if received is None else _text_of(received)
        position += 1

    findings = check_each(source, see)
    breaches = [
        Breach(
            rule_of(finding.rule),
            finding.message,
            finding.position,
            finding.count,
            _sent(finding, broken),
            _place_of(finding),
        )
        for finding in findings
    ]
    if any(breach.rule.name in _OF_DOCUMENTS for breach in breaches):
        sent = excerpt(start, _LONGEST_EVENT)
        return [attrs.evolve(one, position=None, event=sent, place="") for one in breaches]
    return breaches


def excerpt(body: bytes | bytearray, longest: int) -> str:
    """Give the beginning of a body on one line.

    Args:
        body: The body.
        longest: How many characters may be shown.
    """
    if not body.strip():
        return "an empty body"
    text = " ".join(body[: 4 * longest].decode(errors="replace").split())
    return text if len(text) <= longest else f"{text[:longest]}..."


def by_rule(checked: Sequence[Checked]) -> list[BrokenRule]:
    """Group the breaches by rule: first the errors, then the warnings, each by first place."""
    found: dict[str, list[tuple[Checked, Breach]]] = {}
    for one in checked:
        for breach in one.breaches:
            found.setdefault(breach.rule.name, []).append((one, breach))
    rows = [
        BrokenRule(
            places[0][1].rule,
            tuple(dict.fromkeys(one.name for one, _ in places)),
            places[0][1],
            places[0][0].asks,
            sum(breach.count for _, breach in places),
        )
        for places in found.values()
    ]
    return sorted(rows, key=lambda row: row.rule.severity != "error")


def plural(number: int, word: str) -> str:
    """Write a number and a word, such as "1 error" and "2 errors"."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _sent(finding: Finding, broken: Mapping[int, str]) -> str:
    """Give the event of a finding, also if it cannot be decoded; "" if it is about none."""
    if finding.chunk is not None:
        return _text_of(finding.chunk.chunk)
    return broken.get(finding.position, "") if _is_about_event(finding) else ""


def _is_about_event(finding: Finding) -> bool:
    """Whether a finding is about the event at its position, and not about what precedes that."""
    rule = rule_of(finding.rule)
    is_after = rule.group in _AT_THE_END or rule.name in _AFTER_EVENTS
    return finding.chunk is not None or not is_after


def _place_of(finding: Finding) -> str:
    """Say where an event is. What shows only at the end has the number of the next event."""
    position = finding.position
    if _is_about_event(finding):
        return f"event {position:,}"
    is_at_end = rule_of(finding.rule).group in _AT_THE_END
    after = f"after event {position - 1:,}" if position else "before the first event"
    if not (position and is_at_end):
        return after
    block = _BLOCK.match(finding.message)
    return f"{f'{block[1]}, seen ' if block else ''}at the end of the message, {after}"


def _text_of(event: Any) -> str:
    """The beginning of an event as it was sent."""
    if isinstance(event, bytes):
        text = event[: 4 * _LONGEST_EVENT].decode(errors="replace")
    elif isinstance(event, str):
        text = event
    else:
        text = json.dumps(event, default=repr)
    return text.strip() if len(text) <= _LONGEST_EVENT else f"{text[:_LONGEST_EVENT]}..."
