"""Lines that break between words, in text that arrives in pieces.

The last word is held back until it is known to be whole. A word that is longer than a line gets a
line of its own and is not cut: the terminal folds it, so that a URL can be copied in one piece.
"""

from __future__ import annotations

import re

from .cells import cells_of, may_break, width_of

__all__ = ["Wrapper", "wrapped"]

_TAB_STOP = 8
# A run of spaces, a run of characters that a line may not break between, or one character.
_PART = re.compile(r' +|[!-~]+?,(?=["[{])|[!-~]+|.', re.DOTALL)


class Wrapper:
    """Breaks lines. Nothing is lost: the line breaks and marks are added to the text."""

    def __init__(self, columns: int | None, *, mark: str = "", indent: str = "") -> None:
        """Begin a text.

        Args:
            columns: How many cells a line of the terminal has. None: no line is broken.
            mark: What each line begins with. It is narrow.
            indent: What follows the mark on a line that a break begins.
        """
        self._breaks = columns is not None
        self._columns = columns or 0
        # The last cell of a line is for the space after a word.
        self._limit = self._columns - 1
        self._mark = mark
        self._indent = indent
        self._margin = len(mark) + len(indent)
        self._has_begun = False
        self._column = 0
        """How many cells of the current line are taken."""
        self._word = ""
        self._width = 0
        self._is_too_long = False
        """Whether the current word is longer than a line, and so has no part held back."""
        self._out: list[str] = []

    def add(self, text: str) -> str:
        """Take the next piece of the text.

        Args:
            text: Any piece, without control characters but line feeds and tabs.

        Returns:
            What can be written.
        """
        if not text:
            return ""
        if not self._has_begun:
            self._has_begun = True
            self._out.append(self._mark)
            self._column = len(self._mark)
        if not self._breaks:
            self._out.append(text.replace("\n", f"\n{self._mark}"))
            # Here it only says whether the line has anything.
            self._column = 0 if text.endswith("\n") and not self._mark else 1
            return self._written()
        for part in _PART.findall(text):
            if part == "\n":
                self._end_word()
                self._break(indent="")
            elif part == "\t":
                self._end_word()
                self._out.append(part)
                next_stop = (self._column // _TAB_STOP + 1) * _TAB_STOP
                self._column = min(next_stop, self._columns - 1)
            elif part[0] == " ":
                self._end_word()
                self._add_spaces(len(part))
            else:
                self._add_to_word(part)
        return self._written()

    def end_line(self) -> str:
        """End the text.

        Returns:
            What was held back, and a line feed if the last line has anything.
        """
        self._end_word()
        if self._column:
            self._out.append("\n")
            self._column = 0
        self._has_begun = False
        return self._written()

    def _written(self) -> str:
        written = "".join(self._out)
        self._out.clear()
        return written

    def _break(self, indent: str) -> None:
        self._out.append(f"\n{self._mark}{indent}")
        self._column = len(self._mark) + len(indent)

    def _add_spaces(self, count: int) -> None:
        while count:
            if self._column >= self._columns:
                self._break(self._indent)
            # At least one, in a terminal that is narrower than the mark.
            fitting = min(count, max(self._columns - self._column, 1))
            self._out.append(" " * fitting)
            self._column += fitting
            count -= fitting

    def _add_to_word(self, text: str) -> None:
        if self._word and may_break(self._word[-1], text[0]):
            self._end_word()
        if self._is_too_long:
            self._word = text[-1]
            self._write_folded(text)
            return
        self._word += text
        self._width += width_of(text)
        if self._width > self._limit - self._margin:
            # Otherwise the next line has no more room.
            if self._column > self._margin:
                self._break(self._indent)
            self._is_too_long = True
            self._write_folded(self._word)

    def _end_word(self) -> None:
        if self._word and not self._is_too_long:
            if self._column + self._width > self._limit:
                self._break(self._indent)
            self._out.append(self._word)
            self._column += self._width
        self._word = ""
        self._width = 0
        self._is_too_long = False

    def _write_folded(self, text: str) -> None:
        """Write a part of a word that the terminal folds."""
        self._out.append(text)
        for character in text:
            width = cells_of(character)
            if self._column + width > self._columns:
                self._column = 0
            self._column += width


def wrapped(text: str, columns: int | None, *, mark: str = "", indent: str = "") -> str:
    """Break the lines of a whole text.

    Args:
        text: As for `Wrapper.add`.
        columns: As for `Wrapper`.
        mark: As for `Wrapper`.
        indent: As for `Wrapper`.

    Returns:
        The lines, each with its line feed.
    """
    wrapper = Wrapper(columns, mark=mark, indent=indent)
    return wrapper.add(text) + wrapper.end_line()
