"""Sums of rows by model, day or other columns."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from ...recordings import Summary

__all__ = ["GROUPS", "Sum", "Sums"]

_MOST_PROBLEMS = 5
_MOST_REASONS = 1_000

GROUPS: dict[str, Callable[[Summary], str | None]] = {
    "model": lambda row: row.model,
    "day": lambda row: None if row.when is None else row.when.date().isoformat(),
    "stop_reason": lambda row: row.stop_reason,
    "tier": lambda row: row.service_tier,
    "geo": lambda row: row.inference_geo,
    "error": lambda row: None if row.error is None else _kind_of(row.error),
    "source": lambda row: row.source,
}
"""What `--by` takes, and which value of a row it means."""

# What differs between two sentences about one kind of problem: the file and the place in it, the
# beginning of the file, and numbers, but for those in names.
_PLACE = re.compile(r"(?:\S+: )?byte \d+: |; it begins with .*", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.-])\d[\d,]*(?![\w.-]*\w)")

_COUNTS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
    "web_search_requests",
)
"""The counts that are added up."""
_NUMBERS = ("streams", "without_price", "errors", "incomplete", "with_findings", "unread")
"""The numbers of rows."""


class Sum:
    """The sum of some rows. What is not known adds nothing.

    Attributes:
        streams: How many rows are about a stream.
        counts: The sum of each count, by its name. None if it is not known of any row.
        cost: The sum of the prices that are known, in US dollars. None if there are none.
        without_price: How many streams have no price.
        errors: How many streams end in an error, or cannot be read to their end.
        incomplete: How many messages are not finished.
        with_findings: How many streams break a rule.
        unread: How many rows are about a file or recording in which no event could be read. They
            count as nothing else.
    """

    __slots__ = (
        "cost",
        "counts",
        "errors",
        "incomplete",
        "streams",
        "unread",
        "with_findings",
        "without_price",
    )

    def __init__(self) -> None:
        self.streams = self.without_price = self.errors = 0
        self.incomplete = self.with_findings = self.unread = 0
        self.counts: dict[str, int | None] = dict.fromkeys(_COUNTS)
        self.cost: Decimal | None = None

    def add(self, row: Summary) -> None:
        """Count a row."""
        if _is_unread(row):
            self.unread += 1
            return
        self.streams += 1
        counts = self.counts
        for name in _COUNTS:
            count = getattr(row, name)
            if count is not None:
                counts[name] = count + (counts[name] or 0)
        if row.cost is None:
            self.without_price += 1
        else:
            self.cost = row.cost + (self.cost or 0)
        self.errors += row.error is not None
        self.incomplete += not row.complete
        self.with_findings += bool(row.findings)

    def merge(self, other: Sum) -> None:
        """Add another sum."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, count in other.counts.items():
            if count is not None:
                self.counts[name] = count + (self.counts[name] or 0)
        if other.cost is not None:
            self.cost = other.cost + (self.cost or 0)

    def to_dict(self) -> dict[str, Any]:
        """Write the sum as plain JSON values. `cost` is a float or None."""
        return {
            "streams": self.streams,
            **self.counts,
            "cost": None if self.cost is None else float(self.cost),
            "without_price": self.without_price,
            "errors": self.errors,
            "incomplete": self.incomplete,
            "with_findings": self.with_findings,
            "unread": self.unread,
        }


def _kind_of(problem: str) -> str:
    """Say what is wrong without what differs between files: `N` is any number."""
    return _NUMBER.sub("N", _PLACE.sub("", problem))


def _is_unread(row: Summary) -> bool:
    return not row.events and row.error is not None


@attrs.define
class Sums:
    """The sums of rows that have the same values in some columns.

    Attributes:
        by: The columns: names of `GROUPS`.
        groups: The sum for each combination of their values.
        reasons: Why streams have no price, and how many.
        problems: The name of a recording in which no event could be read, and why. The first five.
        left_out: How many answers are no rows, since they are to other requests.
    """

    by: tuple[str, ...]
    groups: dict[tuple[str | None, ...], Sum] = attrs.field(factory=dict)
    reasons: Counter[str] = attrs.field(factory=Counter)
    problems: list[tuple[str, str]] = attrs.field(factory=list)
    left_out: int = 0

    def add(self, row: Summary) -> None:
        """Count a row."""
        key = tuple([GROUPS[name](row) for name in self.by])
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Sum()
        group.add(row)
        if _is_unread(row):
            self._note([(row.source, row.error or "")])
        elif row.why_no_cost is not None:
            kind = _kind_of(row.why_no_cost)
            if kind in self.reasons or len(self.reasons) < _MOST_REASONS:
                self.reasons[kind] += 1

    def merge(self, other: Sums) -> None:
        """Add the sums of other rows."""
        for key, one in other.groups.items():
            group = self.groups.get(key)
            if group is None:
                self.groups[key] = one
            else:
                group.merge(one)
        self.reasons.update(other.reasons)
        self.left_out += other.left_out
        self._note(other.problems)

    def _note(self, problems: list[tuple[str, str]]) -> None:
        self.problems += problems[: _MOST_PROBLEMS - len(self.problems)]

    @property
    def total(self) -> Sum:
        """The sum of all rows."""
        total = Sum()
        for one in self.groups.values():
            total.merge(one)
        return total

    def in_order(self) -> list[tuple[tuple[str | None, ...], Sum]]:
        """Give the groups, sorted by their values. What is not known comes last."""

        def key(item: tuple[tuple[str | None, ...], Sum]) -> list[tuple[bool, str]]:
            return [(value is None, value or "") for value in item[0]]

        return sorted(self.groups.items(), key=key)
