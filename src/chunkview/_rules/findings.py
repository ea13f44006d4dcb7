"""Findings: which rules one stream breaks, where, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from .._chunks import ChunkView
from .._repr import concise_repr, rich_repr
from .table import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_FINDINGS", "Fault", "Finding", "Findings"]

MAX_FINDINGS: Final = 100
"""The most findings that one stream can have."""


class Fault(NamedTuple):
    """A rule that one event breaks.

    Attributes:
        rule: The name of the rule.
        seen: What came, and what was due, for a person to read; "" where the rule says it all.
    """

    rule: str
    seen: str = ""


@attrs.frozen(repr=False, weakref_slot=False)
class Finding:
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

    __repr__ = concise_repr
    __rich_repr__ = rich_repr


class Findings:
    """The findings of one stream. It keeps the first 100, and noting one costs O(1)."""

    __slots__ = ("_findings",)

    def __init__(self) -> None:
        self._findings: dict[tuple[str, int | None], Finding] = {}

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings.values())

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
            The finding of this rule and block, with this breach counted.
        """
        rule, seen = fault
        known = self._findings.get((rule, place))
        if known is not None:
            finding = attrs.evolve(known, count=known.count + 1)
        else:
            problem = RULES[rule].problem
            message = problem if index is None else f"block {index}: {problem}"
            if seen:
                message = f"{message}: {seen}"
            finding = Finding(rule, message, position, chunk=chunk)
        if known is not None or len(self._findings) < MAX_FINDINGS:
            self._findings[rule, place] = finding
        return finding
