"""What the command does: it reads the bodies, compares, measures and reports."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from ..console import columns_of, complain, has_color, reason_of
from ..display import printable_name
from .agreement import BAD, worst_of
from .bodies import rows_of_files, rows_of_workloads
from .figures import ALL, figures_of, suite_of
from .measuring import BenchError, compare, measure
from .peers import OURS
from .report import as_json, as_text
from .worker import run_in_process

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping

    from .agreement import Agreement
    from .figures import Figure
    from .functions import Function

__all__ = ["run_bench"]


def run_bench(functions: list[Function], arguments: argparse.Namespace) -> int:
    """Compare and measure functions, and print the report.

    Args:
        functions: The functions, in the order of the table.
        arguments: The arguments of the command.

    Returns:
        The exit status.
    """
    try:
        rows = rows_of_files(arguments.files) if arguments.files else rows_of_workloads()
    except OSError as error:
        complain(reason_of(error), file=error.filename or "")
        return 1
    except (ImportError, ValueError) as error:
        complain(str(error))
        return 1
    segment_size: int | None = arguments.segments
    try:
        agreements = compare(functions, rows, segment_size, tell=_tell, do=run_in_process)
        results = measure(
            functions,
            rows,
            agreements,
            segment_size,
            arguments.effort,
            tell=_tell,
            do=run_in_process,
        )
    except BenchError as error:
        _tell("")
        complain(str(error))
        return 1
    suite = suite_of(results)
    if arguments.pyperf:
        suite.dump(arguments.pyperf, replace=True)
    figures = [
        attrs.evolve(figure, is_wrong=_is_wrong(figure, agreements[figure.function]))
        for figure in figures_of(suite, rows, functions)
    ]
    answers = [
        (name, one)
        for name, by_row in agreements.items()
        if name != OURS
        for one in _of_note(by_row.values())
    ]
    if arguments.json:
        print(as_json(figures, answers, segment_size))
    else:
        color = has_color(sys.stdout, is_refused=arguments.no_color)
        columns = columns_of(sys.stdout)
        print(as_text(figures, answers, segment_size, columns=columns, color=color), end="")
    # The built-in peers do not know every form of a body. That is no fault of the user's functions.
    own = {function.name for function in functions if not function.takes_pieces}
    return int(any(one.status in BAD for name, one in answers if name in own))


def _is_wrong(figure: Figure, by_row: Mapping[str, Agreement]) -> bool:
    found = by_row.values() if figure.row == ALL else (by_row[figure.row],)
    return any(one.status in BAD for one in found)


def _of_note(by_row: Collection[Agreement]) -> list[Agreement]:
    """Give each bad result; if there is none, what holds for all rows."""
    return [one for one in by_row if one.status in BAD] or [worst_of(by_row)]


def _tell(text: str) -> None:
    """Show on a terminal what is going on, in place of what was shown before."""
    if sys.stderr.isatty():
        # What is erased later has to be on one line.
        shown = printable_name(text)[: (columns_of(sys.stderr) or 0) - 1]
        with suppress(OSError):
            print(f"\r\x1b[K{shown}", end="", file=sys.stderr, flush=True)
