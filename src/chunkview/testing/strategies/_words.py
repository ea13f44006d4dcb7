"""Text as a model writes it: a delta has a few words, most of them begin with a blank.

Of the 911 text deltas of 32 recorded streams, 630 begin with a blank or a line end, 9 more end with
one, and 5 have a character beyond ASCII. The generated ones have more of such characters, some
empty deltas, and texts that readers of event streams get wrong.

A list of pieces is drawn as one text, in which each character selects a piece from a table. That
is one choice for Hypothesis, and takes half the time of a list of choices. It shrinks to fewer
pieces, and each piece towards the beginning of the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ._json import AWKWARD_TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

__all__ = ["phrases", "pieces", "sentences"]

_SIMPLE = ("", "a", " a", ".", "\n")
_AFTER_BLANKS = (
    *(" is", " the", " of", " and", " to", " in", " it", " you", " for", " that", " not", " can"),
    *(" weather", " answer", " result", " first", " next", " tool", " value", " data", " 42"),
    *(" let me look", " up the", " in the table", " I'll", " don't", " (see", ' "quoted"'),
    *(" **bold**", " `code`", " $87,000", " 2026-01-31", " https://a.test/?q=1"),
    *("\n\n", "\n- item", "\n```json\n{", "\n  ", "\tcell"),
)
_OTHERS = (
    *("I", "The", "Sure", "'ll look", "ing", "s", ", which", ": the", "!", "?", ")", ",", "-X."),
    *("{", '": "', "}", "1", "trailing ", "both  ", " both ", " ", "  ", " \n"),
)
_WORDS = (*_AFTER_BLANKS, *_AFTER_BLANKS, *_OTHERS)
_BEYOND_ASCII = (
    *(" caf\u00e9", " na\u00efve", " Z\u00fcrich", " 20\u00a0\u20ac", "\u2014", "\u2026"),
    *("\u2019s", "\u6771\u4eac", "\u306f", " \u0645\u0631\u062d\u0628\u0627", " e\u0301"),
    *("\U0001f600", " \U0001f44b\U0001f3fd", "\U0001f469\u200d\U0001f4bb", " \U0001d54f"),
)
_TEXT_PIECES = (*_SIMPLE, *_WORDS, *_BEYOND_ASCII, *AWKWARD_TEXTS)
# What JSON escapes comes more often in a tool's input, which is cut anywhere.
_ESCAPED = ('"', "\\", "\n", *_BEYOND_ASCII)
_INPUT_PIECES = ("", "a", " a", *_ESCAPED, *_ESCAPED, *_ESCAPED, *_AFTER_BLANKS, *AWKWARD_TEXTS)

# Characters for private use: none is in the texts that Hypothesis takes from source files.
_FIRST_CODE = 0xE000


def _drawn_from(table: Sequence[str], min_size: int, max_size: int) -> SearchStrategy[list[str]]:
    codes = st.characters(min_codepoint=_FIRST_CODE, max_codepoint=_FIRST_CODE + len(table) - 1)
    selected = st.text(codes, min_size=min_size, max_size=max_size)
    return selected.map(lambda text: [table[ord(code) - _FIRST_CODE] for code in text])


def pieces(min_size: int, max_size: int) -> SearchStrategy[list[str]]:
    """The text of one block, cut into deltas. Shrinks to as few empty pieces as may be."""
    return _drawn_from(_TEXT_PIECES, min_size, max_size)


def sentences() -> SearchStrategy[str]:
    """A few words in one text. Shrinks to ""."""
    return pieces(0, 6).map("".join)


def phrases() -> SearchStrategy[str]:
    """A text in a tool's input, with much that JSON escapes. Shrinks to ""."""
    return _drawn_from(_INPUT_PIECES, 1, 6).map("".join)
