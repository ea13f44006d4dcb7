"""What the commands show, as strings: names and texts, tables, counts and prices.

Nothing here reads or writes.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from .._model import with_whole_characters
from .cells import width_of
from .wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..pricing import Priced

__all__ = [
    "BOLD",
    "DIM",
    "LONGEST_ADDRESS",
    "LONGEST_NAME",
    "as_number",
    "as_sum",
    "as_table",
    "as_table_that_fits",
    "json_escaped",
    "price_of",
    "printable",
    "printable_name",
    "printable_text",
    "shortened",
    "styled",
]

BOLD = "1"
"""The code of a style, for `styled`."""

DIM = "2"
"""The code of a style, for `styled`."""

LONGEST_ADDRESS = 2_000
"""How many characters are shown of a URL from a stream."""

LONGEST_NAME = 200
"""How many characters are shown of a name from a stream: of a model or a tool, for example."""

# What a terminal would obey instead of showing it: the control characters of ASCII and Latin-1,
# those for the direction of text, and the separators of lines and paragraphs.
_HARMFUL = (
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
)
_HALVES = range(0xD800, 0xE000)
_ESCAPES = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _HARMFUL}
_ESCAPES_IN_TEXT = {code: _ESCAPES[code] for code in _HARMFUL if chr(code) not in "\n\t"}
_MARKS = dict.fromkeys(_HALVES, "\N{REPLACEMENT CHARACTER}")
# Python decodes bytes of a file name that are not in the file system's encoding to surrogates.
_BYTES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}

# A lone surrogate, half a character, cannot be encoded. In JSON it can be written as an escape.
_HALF = re.compile("[\ud800-\udfff]")
_HARMFUL_OR_HALF = re.compile(f"[{re.escape(''.join(map(chr, _HARMFUL)))}\ud800-\udfff]")

# A column is never padded to more characters than this.
_WIDEST = 200
_GAP = _INDENT = "  "
_NO_BREAK = "\N{NO-BREAK SPACE}"


def printable(text: str) -> str:
    """Write control characters as escapes, so that a terminal shows them on one line.

    Args:
        text: A short text from a stream.

    Returns:
        The text, with escapes for control characters and for those that change the direction of
        text. Half a character is U+FFFD.
    """
    return text.translate(_ESCAPES).translate(_MARKS)


def printable_text(text: str, *, is_terminal: bool) -> str:
    """Prepare text of many lines for an output.

    Args:
        text: The text. A pair of surrogates is joined, and half a pair is U+FFFD.
        is_terminal: Whether to escape what a terminal would obey, but for line feeds and tabs.
    """
    text = with_whole_characters(text)
    return text.translate(_ESCAPES_IN_TEXT) if is_terminal else text


def printable_name(file: str) -> str:
    """Write a file's name like `printable`, with escapes for bytes that are not characters.

    Args:
        file: The name, as Python decodes it.

    Returns:
        The name to show, which cannot be used to open the file.
    """
    return printable(file.translate(_BYTES))


def shortened(text: str, longest: int) -> str:
    """Cut a text that is too long, and say how long it was.

    Args:
        text: Any text.
        longest: How many characters of it may be shown.

    Returns:
        The text, or its beginning, an ellipsis and the number of its characters.
    """
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


def json_escaped(text: str, *, is_terminal: bool) -> str:
    """Replace characters with JSON escapes. In JSON text, they occur in strings only.

    Args:
        text: JSON text.
        is_terminal: Whether to escape all that a terminal would obey. Otherwise only half a
            character is escaped, which cannot be encoded.
    """
    characters = _HARMFUL_OR_HALF if is_terminal else _HALF
    return characters.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def styled(text: str, style: str, *, color: bool) -> str:
    """Give a text its style.

    Args:
        text: The text.
        style: The codes of the style, with semicolons between them; "" for none.
        color: Whether the output gets colors and styles.
    """
    return f"\033[{style}m{text}\033[0m" if color and style and text else text


def as_table(rows: Sequence[Sequence[str]], *, words: int) -> str:
    """Align columns with spaces.

    A cell of more than 200 characters is not aligned with: it only moves the rest of its own row.
    Otherwise the table could grow with its longest cell times its rows.

    Args:
        rows: Cells, equally many in each row.
        words: How many columns have words; the others have numbers and are aligned right.

    Returns:
        Lines, each with its line feed.
    """
    widths = [min(max(map(width_of, column)), _WIDEST) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        cells: list[str] = []
        for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
            padding = " " * (width - width_of(cell))
            cells.append(cell + padding if number < words else padding + cell)
        lines.append(_GAP.join(cells).rstrip())
    return "".join(f"{line}\n" for line in lines)


def as_table_that_fits(
    rows: Sequence[Sequence[str]],
    *,
    columns: int | None,
    words: int,
    names: int,
    parts: Callable[[Sequence[str]], Sequence[str]],
) -> str:
    """Align columns with spaces, as far as the terminal is wide enough.

    Args:
        rows: As for `as_table`. The first one is the head.
        columns: As for `Wrapper`.
        words: As for `as_table`.
        names: How many of the columns with words name a row.
        parts: Makes parts of a sentence of the cells of a row that come after its names.

    Returns:
        A table. If it does not fit, each name is on a line of its own, above its numbers. If these
        do not fit either, they are a sentence, with lines that break between its parts.
    """
    table = as_table(rows, words=words)
    if columns is None or _width_of(table) <= columns:
        return table
    heads = [wrapped(_GAP.join(filter(None, row[:names])), columns) for row in rows]
    numbers = as_table([row[names:] for row in rows], words=words - names)
    lines = [f"{_INDENT}{line}" for line in numbers.splitlines(keepends=True)]
    if _width_of("".join(lines)) > columns:
        heads = heads[1:]
        lines = [_sentence(parts(row[names:]), columns) for row in rows[1:]]
    return "".join(head + line for head, line in zip(heads, lines, strict=True))


def _sentence(parts: Sequence[str], columns: int) -> str:
    room = columns - len(_INDENT) - len(", ")
    whole = [part.replace(" ", _NO_BREAK) if width_of(part) <= room else part for part in parts]
    return wrapped(", ".join(whole), columns, mark=_INDENT).replace(_NO_BREAK, " ")


def _width_of(lines: str) -> int:
    return max(map(width_of, lines.splitlines()))


def price_of(message: Priced) -> Decimal | str:
    """Price a response: US dollars, or why the price is not known."""
    try:
        from ..pricing import cost, why_no_cost
    except ImportError as error:
        return f"not known: {error}"
    price = cost(message)
    return f"not known: {why_no_cost(message)}" if price is None else price


def as_number(number: int | Decimal | None) -> str:
    """Write a count, or a price in US dollars. `?` is what is not known."""
    if number is None:
        return "?"
    return f"${number:.6f}" if isinstance(number, Decimal) else f"{number:,}"


def as_sum(column: Sequence[int | Decimal | None]) -> str:
    """Add up counts or prices. If one is not known, the sum is "at least" that of the others."""
    known = [number for number in column if number is not None]
    if not known:
        return "?"
    total = as_number(sum(known[1:], known[0]))
    return total if len(known) == len(column) else f"at least {total}"
