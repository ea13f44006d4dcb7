"""What the command line shows, as strings: nothing here reads or writes.

A transcript of a stream as it arrives, a line for a chunk, the summary of a message, and the
totals of several.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from .._chunks import common_finish_reasons
from .._model import InvalidJson, McpToolUseBlock, ServerToolUseBlock, ToolUseBlock
from ..common import CostMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._chunks import AnthropicCallResponseChunk
    from .._model import ContentBlock, Message

__all__ = [
    "TOTALS_HEAD",
    "TOTALS_WORDS",
    "Transcript",
    "as_json",
    "as_table",
    "printable",
    "printable_name",
    "shortened",
    "summary",
    "totals",
]

_DIM, _PLAIN = "\033[2m", "\033[0m"
_THINKING = "| "

# What a terminal would obey rather than show; a stream may hold anything. The controls of ASCII
# and Latin-1, those of the direction of writing, and the separators of lines and paragraphs.
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
# Bytes of a file's name that are not in the file system's encoding: Python has them as halves.
_BYTES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}

# Half a character cannot be encoded. In JSON it can be written as an escape.
_HALF = re.compile("[\ud800-\udfff]")
_HARMFUL_OR_HALF = re.compile(f"[{re.escape(''.join(map(chr, _HARMFUL)))}\ud800-\udfff]")

# The most characters that are shown of a model's or a tool's name, and of a tool's input.
_LONGEST_NAME = 200
_LONGEST_INPUT = 10_000
# The most spaces that one long cell adds to the others of its column.
_WIDEST = 200


def printable(text: str) -> str:
    """Write control characters as escapes, so that a terminal shows them and stays on the line.

    Args:
        text: Something short from a stream.

    Returns:
        The text, without control characters, those of the direction of writing among them. Half
        a character is U+FFFD.
    """
    return text.translate(_ESCAPES).translate(_MARKS)


def printable_name(file: str) -> str:
    """Write a file's name like `printable`, and its bytes that are no characters as escapes.

    Args:
        file: The name, as Python decodes it.

    Returns:
        The name as it can be shown; no longer one to open a file with.
    """
    return printable(file.translate(_BYTES))


def shortened(text: str, longest: int) -> str:
    """Cut a text that is absurdly long, and say how long it was.

    Args:
        text: Any text.
        longest: The most characters to show of it.

    Returns:
        The text, or its beginning, an ellipsis and the number of its characters.
    """
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


class Transcript:
    """The text and the thinking of one stream as they arrive, the thinking marked with `| `."""

    def __init__(self, *, is_terminal: bool, color: bool) -> None:
        """Begin a transcript.

        Args:
            is_terminal: Whether a terminal will show it, which must not obey what it shows. For
                anything else the text stays exactly as it is, but for half a character that
                stays alone: it is U+FFFD, since no encoding has it.
            color: Whether thinking is dimmed besides.
        """
        self._is_terminal = is_terminal
        self._color = color
        self._kind = ""
        self._half = ""
        self._at_line_start = True

    def add(self, chunk: AnthropicCallResponseChunk) -> str:
        """Take the next chunk view.

        Args:
            chunk: The chunk view.

        Returns:
            What is to be written for it, often "". Half a character at its end is kept until the
            other half comes.
        """
        return self._add("thinking", chunk.thinking) + self._add("text", chunk.content)

    def end(self) -> str:
        """End the transcript, so that something else can follow.

        Returns:
            The line feed that is missing and an empty line; nothing after nothing.
        """
        return f"{self._kind_end()}\n" if self._kind else ""

    def _add(self, kind: str, text: str) -> str:
        if not text:
            return ""
        before = ""
        if kind != self._kind:
            # An empty line between thinking and text.
            before = f"{self._kind_end()}\n" if self._kind else ""
            self._kind = kind
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        return before + self._shown(text[:-1] if self._half else text)

    def _kind_end(self) -> str:
        """What is missing of the text or the thinking, up to the end of its line."""
        half, self._half = self._half, ""
        written = self._shown(half)
        is_missing = not self._at_line_start
        self._at_line_start = True
        return written + "\n" * is_missing

    def _shown(self, text: str) -> str:
        if not text:
            return ""
        if _HALF.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if self._is_terminal:
            text = text.translate(_ESCAPES_IN_TEXT)
        if self._kind == "text":
            self._at_line_start = text.endswith("\n")
            return text
        text = text.replace("\n", f"\n{_THINKING}")
        if self._at_line_start:
            text = _THINKING + text
        self._at_line_start = False
        return f"{_DIM}{text}{_PLAIN}" if self._color else text


def as_json(
    file: str,
    offset: int,
    chunk: AnthropicCallResponseChunk,
    *,
    ascii_only: bool,
    is_terminal: bool,
) -> str:
    """Write a chunk view for other programs.

    Args:
        file: What the chunk was read from.
        offset: How many bytes come before its event there.
        chunk: The chunk view.
        ascii_only: Whether characters beyond ASCII are written as JSON escapes.
        is_terminal: Whether a terminal will show it: what it would obey is written as JSON
            escapes, so that the JSON means the same.

    Returns:
        A JSON object on one line, always with the same keys, which UTF-8 can encode.
    """
    usage = chunk.usage
    text = json.dumps(
        {
            "file": file,
            "offset": offset,
            "type": chunk.type,
            "delta_type": getattr(chunk, "delta_type", None),
            "index": getattr(chunk, "index", None),
            "content": chunk.content,
            "thinking": chunk.thinking,
            "finish_reasons": chunk.finish_reasons,
            "common_finish_reasons": chunk.common_finish_reasons,
            "model": chunk.model,
            "id": chunk.id,
            "usage": None if usage is None else usage.to_dict(),
            "input_tokens": chunk.input_tokens,
            "cached_tokens": chunk.cached_tokens,
            "output_tokens": chunk.output_tokens,
            "event": chunk.to_event(),
        },
        ensure_ascii=ascii_only,
    )
    return _json_escaped(text, _HARMFUL_OR_HALF if is_terminal else _HALF)


def _json_escaped(text: str, characters: re.Pattern[str]) -> str:
    """Write characters, which JSON text has in its strings only, as JSON's escapes."""
    return characters.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def summary(message: Message) -> str:
    """Say in a few lines what a message is and what it took.

    Args:
        message: A Message, finished or not.

    Returns:
        Lines, each with its line feed.
    """
    counts = message.cost_metadata
    tokens = {
        "input": counts.input_tokens,
        "cached": counts.cached_tokens,
        "cache write": counts.cache_write_tokens,
        "output": counts.output_tokens,
    }
    price = _price(message)
    rows = [
        ("model", shortened(message.model, _LONGEST_NAME)),
        ("id", shortened(message.id, _LONGEST_NAME)),
        ("finish reason", _finish_reason(message)),
        ("tokens", ", ".join(f"{_number(count)} {name}" for name, count in tokens.items())),
        ("cost metadata", _further_costs(counts)),
        ("cost", price if isinstance(price, str) else _number(price)),
        *(row for block in message.content if (row := _tool_call(block))),
    ]
    return as_table([(name, printable(value)) for name, value in rows if value], words=2)


TOTALS_WORDS = 2
TOTALS_HEAD = ("file", "finish reason", "input", "cached", "cache write", "output", "cost")


def totals(messages: Iterable[tuple[str, Message | None]]) -> list[tuple[str, ...]]:
    """Add up several messages.

    Args:
        messages: The name of each file and what was read from it, or None.

    Returns:
        A row for each file and one for their sum, each with a cell for each of `TOTALS_HEAD`.
        Where something is not known, it says "at least" the sum of the rest.
    """
    rows: list[tuple[str, ...]] = []
    columns: list[list[int | Decimal | None]] = [[], [], [], [], []]
    for file, message in messages:
        counts = CostMetadata() if message is None else message.cost_metadata
        price = None if message is None else _price(message)
        numbers = [
            counts.input_tokens,
            counts.cached_tokens,
            counts.cache_write_tokens,
            counts.output_tokens,
            price if isinstance(price, Decimal) else None,
        ]
        for column, number in zip(columns, numbers, strict=True):
            column.append(number)
        reason = "unreadable" if message is None else message.stop_reason or "none"
        reason = printable(shortened(reason, _LONGEST_NAME))
        rows.append((printable_name(file), reason, *map(_number, numbers)))
    return [*rows, ("total", "", *map(_sum, columns))]


def as_table(rows: Sequence[Sequence[str]], *, words: int) -> str:
    """Align columns by means of spaces.

    A cell of more than 200 characters moves the rest of its own row to the right and no other
    row, or the table would grow with the product of its longest cell and its rows.

    Args:
        rows: Cells, equally many in each row.
        words: How many columns hold words; the others hold numbers and are aligned to the right.

    Returns:
        Lines, each with its line feed.
    """
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:words], widths, strict=False)]
        cells += [
            cell.rjust(width) for cell, width in zip(row[words:], widths[words:], strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "".join(f"{line}\n" for line in lines)


def _finish_reason(message: Message) -> str:
    reason = message.stop_reason
    if reason is None:
        return "none, the message is not finished"
    common = ", ".join(common_finish_reasons(reason) or ["no common counterpart"])
    shown = f"{shortened(reason, _LONGEST_NAME)} ({common})"
    if not message.stop_sequence:
        return shown
    return f"{shown}, at {shortened(repr(message.stop_sequence), _LONGEST_NAME)}"


def _further_costs(counts: CostMetadata) -> str:
    """What else the price depends on, as far as it is known."""
    values = {
        "5-minute cache write": counts.cache_write_5m_tokens,
        "1-hour cache write": counts.cache_write_1h_tokens,
        "web searches": counts.web_search_requests,
        "web fetches": counts.web_fetch_requests,
        "iterations": len(counts.iterations) or None,
        "tier": counts.tier,
        "region": counts.region,
        "speed": counts.speed,
    }
    return ", ".join(
        f"{name} {shortened(str(value), _LONGEST_NAME)}"
        for name, value in values.items()
        if value is not None
    )


def _tool_call(block: ContentBlock) -> tuple[str, str] | None:
    if not isinstance(block, (ToolUseBlock, ServerToolUseBlock, McpToolUseBlock)):
        return None
    kind = "tool call" if isinstance(block, ToolUseBlock) else "server tool"
    name = shortened(block.name, _LONGEST_NAME)
    if isinstance(block.input, InvalidJson):
        return kind, f"{name} with invalid JSON: {shortened(block.input.text, _LONGEST_INPUT)}"
    text = shortened(json.dumps(block.input, ensure_ascii=False), _LONGEST_INPUT)
    return kind, f"{name} {_json_escaped(text, _HARMFUL_OR_HALF)}"


def _price(message: Message) -> Decimal | str:
    """US dollars, or why they are not known."""
    try:
        from ..pricing import cost
    except ImportError as error:
        return f"not known: {error}"
    price = cost(message)
    return "not known: not on the price list" if price is None else price


def _number(number: int | Decimal | None) -> str:
    if number is None:
        return "?"
    return f"${number:.6f}" if isinstance(number, Decimal) else f"{number:,}"


def _sum(column: Sequence[int | Decimal | None]) -> str:
    known = [number for number in column if number is not None]
    if not known:
        return "?"
    total = _number(sum(known[1:], known[0]))
    return total if len(known) == len(column) else f"at least {total}"
