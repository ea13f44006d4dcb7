"""What the command line shows, as strings. Nothing here reads or writes.

There is a transcript of a stream as it arrives, a line for a chunk, the summary of a message, and
the totals of several.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from .._chunks import common_finish_reasons
from .._model import (
    InvalidJson,
    McpToolUseBlock,
    ServerToolUseBlock,
    ToolUseBlock,
    with_whole_characters,
)
from ..common import CostMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._chunks import AnthropicCallResponseChunk
    from .._model import ContentBlock, Message
    from .._stream import Timings
    from ..pricing import Priced

__all__ = [
    "TOTALS_HEAD",
    "TOTALS_WORDS",
    "Transcript",
    "as_json",
    "as_number",
    "as_sum",
    "as_table",
    "json_escaped",
    "price_of",
    "printable",
    "printable_name",
    "printable_text",
    "shortened",
    "summary",
    "totals",
]

_DIM, _PLAIN = "\033[2m", "\033[0m"
_THINKING = "| "

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

# How many characters are shown of a model's or a tool's name, and of a tool's input.
_LONGEST_NAME = 200
_LONGEST_INPUT = 10_000
# A higher count makes no sense, and dividing an integer of hundreds of digits raises.
_MOST_TOKENS = 10**12
# A column is never padded to more characters than this.
_WIDEST = 200


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


class Transcript:
    """The text and the thinking of one stream as they arrive, the thinking marked with `| `."""

    def __init__(self, *, is_terminal: bool, color: bool) -> None:
        """Begin a transcript.

        Args:
            is_terminal: Whether a terminal will show it. Then control characters are escaped.
                Otherwise the text is unchanged, except that half a character without the other
                half is U+FFFD, since it cannot be encoded.
            color: Whether thinking is also dimmed.
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
            The text to write, often "". Half a character at its end is held back until the
            other half arrives.
        """
        return self._add("thinking", chunk.thinking) + self._add("text", chunk.content)

    def end(self) -> str:
        """End the transcript, so that something else can follow.

        Returns:
            A line feed if one is missing, and an empty line; "" if nothing was written.
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
        """What ends the current line of the text or the thinking."""
        half, self._half = self._half, ""
        written = self._shown(half)
        is_missing = not self._at_line_start
        self._at_line_start = True
        return written + "\n" * is_missing

    def _shown(self, text: str) -> str:
        if not text:
            return ""
        text = printable_text(text, is_terminal=self._is_terminal)
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
        file: The file that the chunk was read from.
        offset: The byte offset of its event in the file.
        chunk: The chunk view.
        ascii_only: Whether to write characters beyond ASCII as JSON escapes.
        is_terminal: Whether a terminal will show it: then control characters are JSON escapes,
            which mean the same.

    Returns:
        A JSON object on one line, always with the same keys. UTF-8 can encode it.
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
    return json_escaped(text, is_terminal=is_terminal)


def json_escaped(text: str, *, is_terminal: bool) -> str:
    """Replace characters with JSON escapes. In JSON text, they occur in strings only.

    Args:
        text: JSON text.
        is_terminal: Whether to escape all that a terminal would obey. Otherwise only half a
            character is escaped, which cannot be encoded.
    """
    characters = _HARMFUL_OR_HALF if is_terminal else _HALF
    return characters.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def summary(message: Message, timings: Timings | None = None) -> str:
    """Describe a message and its costs in a few lines.

    Args:
        message: A Message, finished or not.
        timings: How long its stream took, if it was live.

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
    price = price_of(message)
    rows = [
        ("model", shortened(message.model, _LONGEST_NAME)),
        ("id", shortened(message.id, _LONGEST_NAME)),
        ("finish reason", _finish_reason(message)),
        ("tokens", ", ".join(f"{as_number(count)} {name}" for name, count in tokens.items())),
        ("timing", "" if timings is None else _timing(timings, counts)),
        ("cost metadata", _further_costs(counts)),
        ("cost", price if isinstance(price, str) else as_number(price)),
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
        A row for each file and one for their sum, with the columns `TOTALS_HEAD`. If a part of
        a sum is not known, it is "at least" the sum of the others.
    """
    rows: list[tuple[str, ...]] = []
    columns: list[list[int | Decimal | None]] = [[], [], [], [], []]
    for file, message in messages:
        counts = CostMetadata() if message is None else message.cost_metadata
        price = None if message is None else price_of(message)
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
        rows.append((printable_name(file), reason, *map(as_number, numbers)))
    return [*rows, ("total", "", *map(as_sum, columns))]


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


def _timing(timings: Timings, counts: CostMetadata) -> str:
    """The time to the first token, and the output tokens per second, where they are known."""
    parts: list[str] = []
    if timings.to_first_content is not None:
        parts.append(f"{timings.to_first_content:.2f} s to the first token")
    # The first event comes when the model begins. It may think unseen before the first content.
    seconds = (timings.duration or 0.0) - (timings.to_first_event or 0.0)
    tokens = counts.output_tokens
    if counts.final and tokens is not None and 0 < tokens < _MOST_TOKENS and seconds > 0:
        parts.append(f"{tokens / seconds:,.1f} output tokens per second")
    return ", ".join(parts)


def _further_costs(counts: CostMetadata) -> str:
    """The other facts that the price depends on, if they are known."""
    values = {
        "5-minute cache write": counts.cache_write_5m_tokens,
        "1-hour cache write": counts.cache_write_1h_tokens,
        "web searches": counts.web_search_requests,
        "web fetches": counts.web_fetch_requests,
        "iterations": len(counts.iterations) or None,
        "tier": counts.tier,
        "region": counts.region,
        "speed": counts.speed,
        "refusal": counts.refusal or None,
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
    return kind, f"{name} {json_escaped(text, is_terminal=True)}"


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
