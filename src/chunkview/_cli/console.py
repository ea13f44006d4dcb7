"""The inputs and outputs of the process, as every command uses them.

Data goes to standard output, messages go to standard error.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .display import printable, printable_name, shortened
from .wrapping import wrapped

if TYPE_CHECKING:
    from typing import TextIO

    from ..testing import AnsweredRequest

__all__ = [
    "LONGEST_PROBLEM",
    "columns_of",
    "complain",
    "has_color",
    "is_regular",
    "log_answer",
    "name_of",
    "opened",
    "reason_of",
]

LONGEST_PROBLEM = 2_000
"""A message about a problem is cut to this many characters."""

# Longer lines are hard to read.
_MOST_COLUMNS = 200
# The width of a terminal that does not tell its own.
_USUAL_COLUMNS = 80
# What begins the further lines of a message.
_INDENT = "  "


def complain(problem: str, *, file: str = "") -> None:
    """Write a message to standard error.

    Args:
        problem: What is wrong.
        file: The argument FILE that it is about, if any.
    """
    about = f"{printable_name(name_of(file))}: " if file else ""
    shown = printable(shortened(problem, LONGEST_PROBLEM))
    lines = wrapped(f"chunkview: {about}{shown}", columns_of(sys.stderr), indent=_INDENT)
    with suppress(OSError):
        sys.stderr.write(lines)
        sys.stderr.flush()


def log_answer(answer: AnsweredRequest) -> None:
    """Write a line about an answer of a server to standard error."""
    words = [
        printable_name(shortened(word, LONGEST_PROBLEM)) or "-"
        for word in (answer.method, answer.path, answer.model)
    ]
    line = f"{time.strftime('%H:%M:%S')} {' '.join(words)} {answer.status or '-'} {answer.size} B"
    # In one write, since several threads write. Nobody may read the lines any more.
    with suppress(OSError, ValueError):
        sys.stderr.write(wrapped(line, columns_of(sys.stderr), indent=_INDENT))
        sys.stderr.flush()


def reason_of(error: OSError) -> str:
    """Say why the operating system refused something."""
    return error.strerror or str(error)


def name_of(file: str) -> str:
    """Name the argument FILE in a message."""
    return "standard input" if file == "-" else file


def opened(file: str) -> io.FileIO:
    """Open the argument FILE without a buffer, so that a read returns what has arrived.

    Raises:
        OSError: The file cannot be opened.
    """
    is_stdin = file == "-"
    return io.FileIO(0 if is_stdin else file, closefd=not is_stdin)


def is_regular(source: io.FileIO) -> bool:
    """Say whether an input is a file on a disk. A pipe, a socket or a terminal may be live."""
    return stat.S_ISREG(os.fstat(source.fileno()).st_mode)


def has_color(stream: TextIO, *, is_refused: bool) -> bool:
    """Say whether an output gets colors.

    `--no-color` decides, then NO_COLOR, then FORCE_COLOR, as in Python's own tools. Otherwise a
    terminal gets colors.

    Sources: https://no-color.org, https://force-color.org.

    Args:
        stream: The output.
        is_refused: Whether `--no-color` was given.
    """
    if is_refused or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def columns_of(stream: TextIO) -> int | None:
    """Give the width of an output, in cells; None if its lines may be of any length.

    COLUMNS in the environment decides, also for a pipe or a file, as in argparse and rich.
    Otherwise a terminal has a width, and nothing else has.

    Args:
        stream: The output.
    """
    columns = 0
    with suppress(ValueError):
        columns = max(int(os.environ.get("COLUMNS", "")), 0)
    if not columns:
        if not stream.isatty():
            return None
        # Some terminals say 0.
        with suppress(OSError, ValueError):
            columns = os.get_terminal_size(stream.fileno()).columns
    return min(columns or _USUAL_COLUMNS, _MOST_COLUMNS)
