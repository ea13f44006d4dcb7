"""Findings: which rules one stream breaks, where, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from .._chunks import ChunkView
from .._value import Value, value
from .table import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_FINDINGS", "Fault", "Finding", "Findings"]

MAX_FINDINGS: Final = 100
"""The most findings that one stream can have."""

_OF_INDEX = frozenset({"index_not_consecutive", "index_reused"})
"""Rules about the index itself. It does not tell which block is meant."""


class Fault(NamedTuple):
    """A rule that one event breaks.

    Attributes:
        rule: The name of the rule.
        seen: What came, and what was due, for a person to read; "" where the rule says it all.
    """

    rule: str
    seen: str = ""


@value
class Finding(Value):
    """A rule that a stream breaks.

    There is one finding for each rule and block, or for each rule where it is not about a block.

    Attributes:
        rule: The name of the rule, a key of `RULES`.
        message: What is wrong, for a person to read: what came, and what was due.
        position: The number of the first event that breaks the rule, counted from 0, pings
            included. What shows only at the end has the number that the next event would have.
        count: How many times the rule is broken.
        chunk: The first event that breaks the rule; None where the event cannot be decoded, and
            for what shows only at the end.
    """

    rule: str
    message: str
    position: int
    count: int = 1
    chunk: ChunkView | None = None


class Findings:
    """The findings of one stream. It keeps the first 100, and noting one costs O(1).

    Attributes:
        tallies: How many more times a rule was broken, by its name: only for a rule that is about
            no block, and that has a finding.
        known: The rules about no block that were noted.
    """

    __slots__ = ("_counts", "_findings", "known", "tallies")

    def __init__(self) -> None:
        self.tallies: dict[str, int] = {}
        self.known: set[str] = set()
        self._findings: dict[_Key, Finding] = {}
        self._counts: dict[_Key, int] = {}

    def __iter__(self) -> Iterator[Finding]:
        for key, finding in self._findings.items():
            rule, place = key
            count = self._counts[key] + (self.tallies.get(rule, 0) if place is None else 0)
            yield finding if count == 1 else attrs.evolve(finding, count=count)

    def note(
        self,
        fault: Fault,
        position: int,
        *,
        chunk: ChunkView | None = None,
        place: int | None = None,
        index: int | None = None,
    ) -> Finding:
        """Note that a rule is broken.

        Args:
            fault: The rule, and what was seen.
            position: The number of the event.
            chunk: The event.
            place: The place in the message of the block that the breach is about, if any.
            index: The index on the wire of that block, or that the event names. The message
                mentions it.

        Returns:
            The finding of this rule and block.
        """
        rule, seen = fault
        key = rule, place
        finding = self._findings.get(key)
        if finding is not None:
            self._counts[key] += 1
            return finding
        problem = RULES[rule].problem
        message = problem if index is None or rule in _OF_INDEX else f"block {index}: {problem}"
        finding = Finding(rule, f"{message}: {seen}" if seen else message, position, chunk=chunk)
        if len(self._findings) < MAX_FINDINGS:
            self._findings[key] = finding
            self._counts[key] = 1
            if place is None:
                self.known.add(rule)
        return finding


_Key = tuple[str, int | None]
"""A rule, and the place in the message of the block that the breach is about, if any."""
