"""The report: the table of the figures, what the answers are like, and the same as JSON."""

from __future__ import annotations

import json
import platform
from contextlib import suppress
from functools import partial
from importlib import metadata
from itertools import groupby
from typing import TYPE_CHECKING, Any

import attrs

from ... import __version__
from ...testing import WORKLOAD_VERSION
from ..display import as_table_that_fits, printable, printable_name, shortened, styled
from ..wrapping import wrapped
from .agreement import BAD
from .worker import CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .agreement import Agreement
    from .figures import Figure

__all__ = ["HEAD", "WORDS", "as_json", "as_text", "cells_of"]

HEAD = ("bodies", "function", "time", "+-", "ratio", "MB/s", "events/s")
"""The columns of the table."""
WORDS = 2
"""How many of them have words."""

# A larger share of the mean is noise, by pyperf's own measure.
_NOISY = 0.1
_WRONG = " (wrong)"
# Red, as an error of check.
_BAD = "1;31"
_INDENT = "  "
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
    """Write a time with three digits, also if the last ones are zeros."""
    seconds = float(f"{seconds:.2e}")
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}"


def as_text(
    figures: Sequence[Figure],
    agreements: Sequence[tuple[str, Agreement]],
    segment_size: int | None,
    *,
    columns: int | None,
    color: bool,
) -> str:
    """Say what was measured, with the table, and how the answers compare.

    Args:
        figures: The figures, row by row.
        agreements: The name of each function but chunkview, with a result. It may have several.
        segment_size: The bytes of a piece, or None for whole bodies.
        columns: As for `Wrapper`.
        color: Whether there may be colors.

    Returns:
        Lines, each with its line feed.
    """
    about = _about(segment_size)
    versions = [f"{name} {version}" for name, version in about["packages"].items()]
    cut = "whole bodies" if segment_size is None else f"pieces of {segment_size:,} bytes"
    lines_of = partial(wrapped, columns=columns, indent=_INDENT)
    out = [
        lines_of(f"Python {about['python']}, chunkview {__version__}, {', '.join(versions)}"),
        lines_of(f"{cut}, {CLOCK}"),
        "\n",
    ]
    lines = [line for group in cells_of(figures) for line in group]
    out.append(
        as_table_that_fits([HEAD, *lines], columns=columns, words=WORDS, names=WORDS, parts=_parts)
    )
    out.append("\nAnswers, compared with chunkview's:\n")
    for name, agreement in agreements:
        style = _BAD if agreement.status in BAD else ""
        shown = "".join(lines_of(line, mark=_INDENT) for line in _lines_of(name, agreement))
        out += [styled(shown.removesuffix("\n"), style, color=color), "\n"]
    if noisy := _noisy(figures):
        noise = (
            f"The times of {', '.join(noisy)} vary by more than {_NOISY:.0%}: let the machine do "
            "nothing else, or measure with --rigorous."
        )
        out += ["\n", wrapped(noise, columns)]
    return "".join(out)


def _parts(cells: Sequence[str]) -> list[str]:
    time, std, ratio, *speeds = cells
    parts = [f"{speed} {name}" for speed, name in zip(speeds, HEAD[-2:], strict=True)]
    return [f"{time} +- {std}", *([ratio] if ratio else ()), *parts]


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


def as_json(
    figures: Sequence[Figure],
    agreements: Sequence[tuple[str, Agreement]],
    segment_size: int | None,
) -> str:
    """Write the report as a JSON object. The arguments are those of `as_text`."""
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
