"""Help texts. They are written for 80 columns, and wrapped between words where there are fewer."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from typing import Any

import attrs

from .console import columns_of
from .wrapping import wrapped

__all__ = ["HELP_COLUMNS", "HelpFormatter", "rewrapped"]

HELP_COLUMNS = 80
"""How wide the help texts are."""

_EXAMPLES = "examples:"
_DEEPER = 4
# The name of an entry such as `  0    success`, with the gap before what it says.
_ENTRY = re.compile(r"( *)\S.*?  +(?=\S)")
_GAP = re.compile(r"(?<=\S)  +")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a help text, as far as the output is wide enough. Cuts no word."""

    def __init__(self, prog: str) -> None:
        self._columns = min(columns_of(sys.stdout) or HELP_COLUMNS, HELP_COLUMNS)
        # argparse, too, leaves two columns free.
        super().__init__(prog, width=self._columns - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        del width, indent  # only texts in groups would have them
        return rewrapped(text, self._columns)

    def _format_usage(self, *arguments: Any, **options: Any) -> str:
        usage = super()._format_usage(*arguments, **options)
        if self._columns >= HELP_COLUMNS:
            return usage
        return wrapped(" ".join(usage.split()), self._columns, indent=" " * _DEEPER) + "\n"

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def rewrapped(text: str, columns: int) -> str:
    """Wrap a text that is written for 80 columns: paragraphs, lists and entries.

    Args:
        text: The text. Columns in it are aligned with spaces.
        columns: How many cells a line has.
    """
    if columns >= HELP_COLUMNS:
        return text
    entries: list[_Entry] = []
    before = ""
    is_example = False
    for line in text.splitlines():
        is_example = line == _EXAMPLES or (is_example and line != "")
        if is_example:
            entries.append(_Entry(line, _indent_of(line) + _DEEPER))
        elif not entries or not entries[-1].takes(line, before):
            entries.append(_Entry(line, _hang_of(line)))
        before = line
    return "".join(_wrapped(entry.text, entry.hang, columns) for entry in entries)


@attrs.define
class _Entry:
    """A line of the text, with those that go on with it.

    Attributes:
        text: All of them as one line.
        hang: The indent of the lines that go on with the first one.
    """

    text: str
    hang: int

    def takes(self, line: str, before: str) -> bool:
        """Add a line if it goes on with this one.

        Args:
            line: The line.
            before: The line before.

        Returns:
            Whether it does.
        """
        if not before.strip() or not line.strip():
            return False
        indent, own = _indent_of(line), _indent_of(self.text)
        # In a list without names, a line goes on only if the one before is full.
        is_full = len(before) + len(line.split()[0]) >= HELP_COLUMNS
        if indent == self.hang and (indent == 0 or indent > own or is_full):
            self.text = f"{self.text.rstrip()} {line.strip()}"
        elif indent > self.hang > 0:
            # A long name has a line of its own.
            self.text = f"{self.text.rstrip()}  {line.strip()}"
            self.hang = indent
        else:
            return False
        return True


def _wrapped(line: str, hang: int, columns: int) -> str:
    if hang > columns // 3:
        line = _GAP.sub("  ", line, count=1)
        hang = _indent_of(line) + _DEEPER
    return wrapped(line, columns, indent=" " * hang) if line else "\n"


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())


def _hang_of(line: str) -> int:
    entry = _ENTRY.match(line)
    return len(entry[0]) if entry else _indent_of(line)
