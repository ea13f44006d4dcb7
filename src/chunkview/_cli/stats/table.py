"""The sums, as a table for people or as JSON."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..display import as_number, as_table, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sums import Sum, Sums

__all__ = ["as_json", "print_table"]

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
_LONGEST = 200
"""How many characters of a value are shown."""


def as_json(sums: Sums) -> dict[str, Any]:
    """Write the sums as plain JSON values."""
    groups = [
        {**dict(zip(sums.by, key, strict=True)), **one.to_dict()} for key, one in sums.in_order()
    ]
    return {"groups": groups, "total": sums.total.to_dict()}


def print_table(sums: Sums, *, color: bool) -> None:
    """Print a row for each group, and the total.

    Args:
        sums: The sums.
        color: Whether a terminal gets colors.
    """
    words = len(sums.by)
    rows = [(*map(_word, key), *_numbers(one)) for key, one in sums.in_order()] if words else []
    total = ["total", *[""] * words][:words]
    rows.append((*total, *_numbers(sums.total)))
    head = (*sums.by, *_HEAD)
    if sys.stdout.isatty():
        with suppress(ImportError):
            _print_rich(head, rows, words=words, color=color)
            return
    print(as_table([head, *rows], words=words), end="")


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


def _print_rich(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int, color: bool
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for at, name in enumerate(head):
        if at < words:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right")
    for row in rows[:-1]:
        table.add_row(*row)
    table.add_section()
    table.add_row(*rows[-1])
    Console(
        file=sys.stdout, color_system="auto" if color else None, markup=False, emoji=False
    ).print(table)
