"""The sums, as a table for people or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cells import width_of
from ..display import as_number, as_table, printable, shortened
from ..wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

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
)
_RARE = frozenset({"cache write", "searches", "no price", "errors", "incomplete", "findings"})
_INDENT = "  "
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
        columns: The width of the terminal, in cells. It gets no column of nothing but zeros, and a
            form that fits: each group on a line of its own, above its numbers, or the numbers one
            after the other. None for an output that is no terminal: it gets the whole table.

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
    table = as_table([head, *rows], words=words)
    if _width(table) <= columns:
        return table
    names = [wrapped("  ".join(filter(None, row[:words])), columns) for row in (head, *rows)]
    numbers = as_table([head[words:], *(row[words:] for row in rows)], words=0).splitlines()
    if len(_INDENT) + max(map(len, numbers)) <= columns:
        lines = [f"{_INDENT}{line}\n" for line in numbers]
    else:
        names = names[1:]
        lines = [_sentence(head[words:], row[words:], columns) for row in rows]
    return "".join(name * bool(words) + line for name, line in zip(names, lines, strict=True))


def _sentence(names: Sequence[str], numbers: Sequence[str], columns: int) -> str:
    """Write numbers one after the other, with what they are."""
    pairs = zip(names, numbers, strict=True)
    parts = [f"{name} {number}" for name, number in pairs if not _is_nothing(name, number)]
    return wrapped(", ".join(parts), columns, mark=_INDENT)


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


def _width(table: str) -> int:
    return max(map(width_of, table.splitlines()))


def _word(value: str | None) -> str:
    return "-" if value is None else printable(shortened(value, _LONGEST))


def _numbers(one: Sum) -> tuple[str, ...]:
    numbers = (
        one.streams,
        *one.counts.values(),
        one.cost,
        one.without_price,
        one.errors,
        one.incomplete,
        one.with_findings,
    )
    return tuple(map(as_number, numbers))
