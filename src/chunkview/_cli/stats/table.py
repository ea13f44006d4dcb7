"""The sums, as a table for people or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..display import as_number, as_table, as_table_that_fits, printable, shortened

if TYPE_CHECKING:
    from .sums import Sum, Sums

__all__ = ["as_json", "as_text"]

_HEAD = (
    "streams",
    "input",
    "cache read",
    "cache write",
    "output",
    "searches",
    "cost",
    "no price",
    "errors",
    "incomplete",
    "findings",
    "not read",
)
_RARE = frozenset({"cache write", "searches", *_HEAD[_HEAD.index("no price") :]})
_LONGEST = 200
"""How many characters of a value are shown."""


def as_json(sums: Sums) -> dict[str, Any]:
    """Write the sums as plain JSON values."""
    groups = [
        {**dict(zip(sums.by, key, strict=True)), **one.to_dict()} for key, one in sums.in_order()
    ]
    return {"groups": groups, "total": sums.total.to_dict()}


def as_text(sums: Sums, *, columns: int | None) -> str:
    """Write a row for each group, and the total.

    Args:
        sums: The sums.
        columns: The width of the output, in cells. It gets no column of nothing but zeros, and a
            table that fits. None for any width: it gets the whole table.

    Returns:
        Lines, each with its line feed.
    """
    words = len(sums.by)
    rows = [(*map(_word, key), *_numbers(one)) for key, one in sums.in_order()] if words else []
    total = ["total", *[""] * words][:words]
    rows.append((*total, *_numbers(sums.total)))
    head: tuple[str, ...] = (*sums.by, *_HEAD)
    if columns is None:
        return as_table([head, *rows], words=words)
    head, *rows = _without_zeros([head, *rows], words)
    return as_table_that_fits(
        [head, *rows],
        columns=columns,
        words=words,
        names=words,
        parts=lambda numbers: [
            f"{name} {number}"
            for name, number in zip(head[words:], numbers, strict=True)
            if not _is_nothing(name, number)
        ],
    )


def _is_nothing(name: str, *numbers: str) -> bool:
    """Whether numbers of this name are mostly 0, and these are, too."""
    return name in _RARE and {"0", "?"}.issuperset(numbers)


def _without_zeros(rows: list[tuple[str, ...]], words: int) -> list[tuple[str, ...]]:
    """Leave out what is rarely anything else than 0, where it is 0 in all rows."""
    kept = [
        at
        for at, (name, *numbers) in enumerate(zip(*rows, strict=True))
        if at < words or not _is_nothing(name, *numbers)
    ]
    return [tuple(row[at] for at in kept) for row in rows]


def _word(value: str | None) -> str:
    return "-" if value is None else printable(shortened(value, _LONGEST))


def _numbers(one: Sum) -> tuple[str, ...]:
    is_part = one.cost is not None and one.without_price > 0
    return (
        *map(as_number, (one.streams, *one.counts.values())),
        f"{'at least ' * is_part}{as_number(one.cost)}",
        *map(as_number, (one.without_price, one.errors, one.incomplete)),
        *map(as_number, (one.with_findings, one.unread)),
    )
