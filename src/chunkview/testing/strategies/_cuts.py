"""Texts and bodies cut into pieces.

The places of all cuts are drawn at once, as bytes. That is one choice for Hypothesis, and takes
less than half the time of a list of integers. The shrinker takes cuts away as easily.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, AnyStr

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["cut", "draw_cuts", "draw_fragments", "draw_words", "fragments"]

_MAX_CUTS = 8


def fragments(
    text: str, max_pieces: int = _MAX_CUTS + 1, *, min_pieces: int = 1
) -> SearchStrategy[list[str]]:
    """JSON text cut anywhere, like the deltas of a tool's input. See `draw_fragments`."""
    return _fragments(text, min_pieces, max_pieces)


@st.composite
def _fragments(draw: DrawFn, text: str, min_pieces: int, max_pieces: int) -> list[str]:
    return draw_fragments(draw, text, min_pieces, max_pieces)


def draw_fragments(draw: DrawFn, text: str, min_pieces: int, max_pieces: int) -> list[str]:
    """Draw a way to cut JSON text anywhere, like the deltas of a tool's input.

    Cuts inside an escape are more frequent than by chance. Those between the two escapes of a
    surrogate pair are half of all where there is one.

    Args:
        draw: The `draw` of `st.composite`.
        text: The JSON text.
        min_pieces: How many pieces there are at least.
        max_pieces: How many pieces there are at most.

    Returns:
        The pieces, which join to `text`. Shrinks to `[text]`, or to empty pieces before it.
    """
    escapes: list[int] = []
    pairs: list[int] = []
    if "\\" in text:
        escapes = [
            match.start() + n
            for match in re.finditer(r"\\(u....|.)", text)
            for n in range(1, len(match[0]))
        ]
        pairs = [match.end() for match in re.finditer(r"\\ud[89ab]..(?=\\u)", text)]
    places = draw_cuts(
        draw, len(text), escapes, pairs, pairs, min_cuts=min_pieces - 1, max_cuts=max_pieces - 1
    )
    return cut(text, places)


def draw_words(draw: DrawFn, text: str, min_pieces: int, max_pieces: int) -> list[str]:
    """Draw a way to cut text, mostly before a blank. As `draw_fragments` otherwise."""
    blanks = [match.start() for match in re.finditer(r"\s+", text)]
    places = draw_cuts(
        draw, len(text), blanks, blanks, min_cuts=min_pieces - 1, max_cuts=max_pieces - 1
    )
    return cut(text, places)


def draw_cuts(
    draw: DrawFn,
    length: int,
    *favoured: Sequence[int],
    min_cuts: int = 0,
    max_cuts: int = _MAX_CUTS,
) -> list[int]:
    """Draw places at which to cut something. A place drawn twice makes an empty piece.

    Args:
        draw: The `draw` of `st.composite`.
        length: How long the thing is.
        *favoured: Places to choose more often than by chance, a sequence for each kind.
        min_cuts: How many cuts there are at least.
        max_cuts: How many cuts there are at most.

    Returns:
        The places, sorted. Shrinks to as few cuts as may be, at 0.
    """
    kinds = [range(length + 1), *filter(None, favoured)]
    width = 2 if len(kinds) * (length + 1) <= 2**16 else 4
    data = draw(_numbers(width, min_cuts, max_cuts))
    places: list[int] = []
    for at in range(0, len(data) - width + 1, width):
        which, kind = divmod(int.from_bytes(data[at : at + width], "big"), len(kinds))
        places.append(kinds[kind][which % len(kinds[kind])])
    return sorted(places)


@functools.cache
def _numbers(width: int, fewest: int, most: int) -> SearchStrategy[bytes]:
    return st.binary(min_size=width * fewest, max_size=width * most)


def cut(whole: AnyStr, places: Sequence[int]) -> list[AnyStr]:
    """Cut a string at the given places.

    Args:
        whole: The string.
        places: Where to cut, sorted.

    Returns:
        One piece more than there are places.
    """
    return [whole[i:j] for i, j in zip((0, *places), (*places, len(whole)), strict=True)]
