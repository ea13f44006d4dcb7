"""The report: the table of the figures, what the answers are like, and the same as JSON."""

from __future__ import annotations

import json
import platform
import sys
from contextlib import suppress
from importlib import metadata
from itertools import groupby
from typing import TYPE_CHECKING, Any

import attrs

from ... import __version__
from ...testing import WORKLOAD_VERSION
from ..display import as_table, printable, printable_name, shortened
from .worker import CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .agreement import Agreement
    from .figures import Figure

__all__ = ["HEAD", "WORDS", "cells_of", "json_of", "print_report"]

HEAD = ("bodies", "function", "time", "+-", "ratio", "MB/s", "events/s")
"""The columns of the table."""
WORDS = 2
"""How many of them have words."""

# A larger share of the mean is noise, by pyperf's own measure.
_NOISY = 0.1
_WRONG = " (wrong)"
_LONGEST_VALUE = 300
_MOST_KEYS = 3
_PACKAGES = ("anthropic", "msgspec", "pyperf")
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def cells_of(figures: Iterable[Figure]) -> list[list[tuple[str, ...]]]:
    """Write figures as cells of a table.

    Returns:
        The rows of the table in groups, one for each row of bodies. Only the first line of a group
        names it.
    """
    groups: list[list[tuple[str, ...]]] = []
    for row, group in groupby(figures, key=lambda figure: figure.row):
        lines = [
            (
                printable_name(figure.function) + _WRONG * figure.is_wrong,
                _duration(figure.mean),
                f"{figure.std / figure.mean:.0%}",
                "" if figure.ratio is None else f"{figure.ratio:.2f}x",
                f"{figure.megabytes_per_second:,.1f}",
                f"{figure.events_per_second:,.0f}",
            )
            for figure in group
        ]
        names = [printable_name(row), *[""] * (len(lines) - 1)]
        groups.append([(name, *line) for name, line in zip(names, lines, strict=True)])
    return groups


def _duration(seconds: float) -> str:
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"


def print_report(
    figures: Sequence[Figure],
    agreements: Sequence[tuple[str, Agreement]],
    segment_size: int | None,
    *,
    color: bool,
) -> None:
    """Print what was measured, the table, and how the answers compare.

    Args:
        figures: The figures, row by row.
        agreements: The name of each function but chunkview, with a result. It may have several.
        segment_size: The bytes of a piece, or None for whole bodies.
        color: Whether there may be colors.
    """
    about = _about(segment_size)
    versions = [f"{name} {version}" for name, version in about["packages"].items()]
    cut = "whole bodies" if segment_size is None else f"pieces of {segment_size:,} bytes"
    print(f"Python {about['python']}, chunkview {__version__}, {', '.join(versions)}")
    print(f"{cut}, {CLOCK}\n")
    _print_table(cells_of(figures), color=color)
    print("\nAnswers, compared with chunkview's:")
    for name, agreement in agreements:
        print(*(f"  {line}" for line in _lines_of(name, agreement)), sep="\n")
    if noisy := _noisy(figures):
        print(
            f"\nThe times of {', '.join(noisy)} vary by more than {_NOISY:.0%}: let the machine do "
            "nothing else, or measure with --rigorous."
        )


def _print_table(groups: list[list[tuple[str, ...]]], *, color: bool) -> None:
    if sys.stdout.isatty():
        with suppress(ImportError):
            _print_rich_table(groups, color=color)
            return
    lines = [line for group in groups for line in group]
    print(as_table([HEAD, *lines], words=WORDS), end="")


def _print_rich_table(groups: list[list[tuple[str, ...]]], *, color: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for number, name in enumerate(HEAD):
        if number < WORDS:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right")
    for group in groups:
        for line in group:
            table.add_row(*line)
        table.add_section()
    Console(
        file=sys.stdout, color_system="auto" if color else None, markup=False, emoji=False
    ).print(table)


def _lines_of(name: str, agreement: Agreement) -> list[str]:
    """Say in words how the answers of a function compare with chunkview's."""
    name = printable_name(name)
    if agreement.status == "agrees":
        return [f"{name}: the same {agreement.compared}"]
    if agreement.status == "leaves out":
        shown = ", ".join(agreement.missing[:_MOST_KEYS])
        more = len(agreement.missing) - _MOST_KEYS
        rest = f", and {more} more" if more > 0 else ""
        return [
            f"{name}: the same events, but for keys that it leaves out: {printable(shown)}{rest}"
        ]
    problem = printable(shortened(agreement.problem, _LONGEST_VALUE))
    if agreement.status == "not compared":
        return [f"{name}: not compared: {problem}"]
    if agreement.status == "fails":
        return [f"{name}: FAILS for {printable(agreement.file)}: {problem}"]
    return [
        f"{name}: DIFFERS for {printable(agreement.file)}: {problem}",
        f"  chunkview gives {_value(agreement.expected)}",
        f"  {name} gives {_value(agreement.given)}",
    ]


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    return printable(shortened(json.dumps(value, ensure_ascii=False), _LONGEST_VALUE))


def _noisy(figures: Sequence[Figure]) -> list[str]:
    """Name the functions that vary too much in the last row, which has the sums of all."""
    last = [figure for figure in figures if figure.row == figures[-1].row]
    return [figure.function for figure in last if figure.std > _NOISY * figure.mean]


def json_of(
    figures: Sequence[Figure],
    agreements: Sequence[tuple[str, Agreement]],
    segment_size: int | None,
) -> str:
    """Write the report as a JSON object. The arguments are those of `print_report`."""
    value = {
        **_about(segment_size),
        "figures": [attrs.asdict(figure) for figure in figures],
        "answers": [
            {"function": name, **attrs.asdict(agreement)} for name, agreement in agreements
        ],
    }
    return json.dumps(value, indent=2)


def _about(segment_size: int | None) -> dict[str, Any]:
    packages: dict[str, str] = {}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            packages[name] = metadata.version(name)
    return {
        "chunkview": __version__,
        "python": platform.python_version(),
        "packages": packages,
        "workload_version": WORKLOAD_VERSION,
        "segments": segment_size,
    }
