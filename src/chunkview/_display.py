"""What the command line shows, as strings: nothing here reads or writes.

A transcript of a stream as it arrives, a line for a chunk, the summary of a message, and the
totals of several.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from .blocks import InvalidJson, McpToolUseBlock, ServerToolUseBlock, ToolUseBlock
from .call_response_chunk import common_finish_reasons
from .common import CostMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .blocks import ContentBlock
    from .call_response_chunk import AnthropicCallResponseChunk
    from .message import Message

__all__ = [
    "TOTALS_HEAD",
    "TOTALS_WORDS",
    "Transcript",
    "as_json",
    "as_table",
    "printable",
    "summary",
    "totals",
]

_DIM, _PLAIN = "\033[2m", "\033[0m"
_THINKING = "| "

# What a terminal would obey rather than show; a stream may hold anything.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROLS_IN_TEXT = {code: _CONTROLS[code] for code in _CONTROLS if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """Write control characters as escapes, so that a terminal shows them and stays on the line.

    Args:
        text: A file's name, or something short from a stream.

    Returns:
        The text, without control characters.
    """
    return text.translate(_CONTROLS)


class Transcript:
    """The text and the thinking of one stream as they arrive, the thinking marked with `| `."""

    def __init__(self, *, is_terminal: bool, color: bool) -> None:
        """Begin a transcript.

        Args:
            is_terminal: Whether a terminal will show it, which must not obey what it shows. For
                anything else the text stays exactly as it is.
            color: Whether thinking is dimmed besides.
        """
        self._is_terminal = is_terminal
        self._color = color
        self._kind = ""
        self._at_line_start = True

    def add(self, chunk: AnthropicCallResponseChunk) -> str:
        """Take the next chunk view.

        Args:
            chunk: The chunk view.

        Returns:
            What is to be written for it, often "".
        """
        written = ""
        if chunk.thinking:
            written += self._turn_to("thinking")
            thinking = self._harmless(chunk.thinking).replace("\n", f"\n{_THINKING}")
            if self._at_line_start:
                thinking = _THINKING + thinking
            written += f"{_DIM}{thinking}{_PLAIN}" if self._color else thinking
            self._at_line_start = False
        if chunk.content:
            written += self._turn_to("text") + self._harmless(chunk.content)
            self._at_line_start = chunk.content.endswith("\n")
        return written

    def end(self) -> str:
        """End the transcript, so that something else can follow.

        Returns:
            The line feed that is missing and an empty line; nothing after nothing.
        """
        return f"{self._line_end()}\n" if self._kind else ""

    def _turn_to(self, kind: str) -> str:
        """Leave an empty line between thinking and text."""
        before, self._kind = self._kind, kind
        return "" if before in ("", kind) else f"{self._line_end()}\n"

    def _line_end(self) -> str:
        is_missing = not self._at_line_start
        self._at_line_start = True
        return "\n" * is_missing

    def _harmless(self, text: str) -> str:
        return text.translate(_CONTROLS_IN_TEXT) if self._is_terminal else text


def as_json(file: str, offset: int, chunk: AnthropicCallResponseChunk, *, ascii_only: bool) -> str:
    """Write a chunk view for other programs.

    Args:
        file: What the chunk was read from.
        offset: How many bytes come before its event there.
        chunk: The chunk view.
        ascii_only: Whether characters beyond ASCII are written as JSON escapes.

    Returns:
        A JSON object on one line, always with the same keys.
    """
    usage = chunk.usage
    return json.dumps(
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
        ("model", message.model),
        ("id", message.id),
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
        rows.append((printable(file), printable(reason), *map(_number, numbers)))
    return [*rows, ("total", "", *map(_sum, columns))]


def as_table(rows: Sequence[Sequence[str]], *, words: int) -> str:
    """Align columns by means of spaces.

    Args:
        rows: Cells, equally many in each row.
        words: How many columns hold words; the others hold numbers and are aligned to the right.

    Returns:
        Lines, each with its line feed.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
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
    shown = f"{reason} ({', '.join(common_finish_reasons(reason) or ['no common counterpart'])})"
    return f"{shown}, at {message.stop_sequence!r}" if message.stop_sequence else shown


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
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


def _tool_call(block: ContentBlock) -> tuple[str, str] | None:
    if not isinstance(block, (ToolUseBlock, ServerToolUseBlock, McpToolUseBlock)):
        return None
    name = "tool call" if isinstance(block, ToolUseBlock) else "server tool"
    if isinstance(block.input, InvalidJson):
        return name, f"{block.name} with invalid JSON: {block.input.text}"
    return name, f"{block.name} {json.dumps(block.input, ensure_ascii=False)}"


def _price(message: Message) -> Decimal | str:
    """US dollars, or why they are not known."""
    try:
        from .pricing import cost
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
