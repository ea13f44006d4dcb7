"""How many cells of a terminal a character takes, and between which characters a line may break.

A terminal shows most characters in one cell, those of East Asian scripts and most emoji in two, and
combining marks in none. Where terminals differ, the larger number is given: a line that is broken
too early does no harm.

Sources: https://www.unicode.org/reports/tr11/ (widths), https://www.unicode.org/reports/tr14/ (line
breaks, of which this is a small part).
"""

from __future__ import annotations

import functools
import unicodedata

__all__ = ["cells_of", "may_break", "width_of"]

# Vowels and final consonants of Korean syllables that are written in parts.
_PARTS_OF_SYLLABLES = range(0x1160, 0x1200)
# It makes an emoji of the character before it, which then takes one cell more.
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"
# It makes one emoji of two.
_JOINER = "\N{ZERO WIDTH JOINER}"
_NO_WIDTH = ("Mn", "Me", "Cf")
# Before marks, closing brackets and quotes, punctuation, and the colors of skin.
_NO_BREAK_BEFORE = ("Mn", "Me", "Mc", "Cf", "Pe", "Pf", "Po", "Sk", "Lm")
_NO_BREAK_AFTER = ("Ps", "Pi")


@functools.lru_cache(maxsize=4096)
def cells_of(character: str) -> int:
    """Give the width of a character that is no control character: 0, 1 or 2 cells."""
    if character == _EMOJI_STYLE:
        return 1
    if unicodedata.category(character) in _NO_WIDTH or ord(character) in _PARTS_OF_SYLLABLES:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width_of(text: str) -> int:
    """Give the width of a text without control characters, in cells."""
    return len(text) if text.isascii() else sum(map(cells_of, text))


@functools.lru_cache(maxsize=4096)
def may_break(before: str, after: str) -> bool:
    """Whether a line may break between two characters of which none is white space.

    It may before and after a character of two cells, but for marks and punctuation. And it may
    between the members of JSON that has no spaces.

    Args:
        before: The last character so far.
        after: The next one.
    """
    if cells_of(before) < 2 and cells_of(after) < 2:
        return before == "," and after in '"[{'
    return not (
        before == _JOINER
        or unicodedata.category(before) in _NO_BREAK_AFTER
        or unicodedata.category(after) in _NO_BREAK_BEFORE
        or after == _EMOJI_STYLE
    )
