"""The summary of a message, and the totals of several."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..._chunks import common_finish_reasons
from ...common import CostMetadata
from ..display import (
    LONGEST_NAME,
    as_number,
    as_sum,
    as_table_that_fits,
    price_of,
    printable,
    printable_name,
    shortened,
)
from ..wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..._model import Message
    from ..._stream import Timings

__all__ = ["as_totals", "summary", "totals"]

_HEAD = ("file", "finish reason", "input", "cached", "cache write", "output", "cost")
_WORDS = 2
# A higher count makes no sense, and dividing an integer of hundreds of digits raises.
_MOST_TOKENS = 10**12


def summary(message: Message, timings: Timings | None = None, *, columns: int | None = None) -> str:
    """Describe a message and its costs in a few lines.

    Args:
        message: A Message, finished or not.
        timings: How long its stream took, if it was live.
        columns: As for `Wrapper`.

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
        ("model", shortened(message.model, LONGEST_NAME)),
        ("id", shortened(message.id, LONGEST_NAME)),
        ("finish reason", _finish_reason(message)),
        ("tokens", ", ".join(f"{as_number(count)} {name}" for name, count in tokens.items())),
        ("timing", "" if timings is None else _timing(timings, counts)),
        ("cost metadata", _further_costs(counts)),
        ("cost", price if isinstance(price, str) else as_number(price)),
    ]
    rows = [(name, printable(value)) for name, value in rows if value]
    width = max(len(name) for name, _ in rows) + 2
    return "".join(
        wrapped(f"{name:<{width}}{value}", columns, indent=" " * width) for name, value in rows
    )


def totals(messages: Iterable[tuple[str, Message | None]]) -> list[tuple[str, ...]]:
    """Add up several messages.

    Args:
        messages: The name of each file and what was read from it, or None.

    Returns:
        A row for each file and one for their sum, with its name, its finish reason, its counts and
        its price. If a part of a sum is not known, it is "at least" the sum of the others.
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
        reason = printable(shortened(reason, LONGEST_NAME))
        rows.append((printable_name(file), reason, *map(as_number, numbers)))
    return [*rows, ("total", "", *map(as_sum, columns))]


def as_totals(rows: Sequence[Sequence[str]], *, columns: int | None) -> str:
    """Write totals as a table that fits.

    Args:
        rows: What `totals` gave.
        columns: As for `Wrapper`.
    """
    return as_table_that_fits([_HEAD, *rows], columns=columns, words=_WORDS, names=1, parts=_parts)


def _parts(cells: Sequence[str]) -> list[str]:
    reason, *counts, price = cells
    parts = [f"{count} {name}" for count, name in zip(counts, _HEAD[2:], strict=False)]
    return [*([reason] if reason else ()), *parts, f"cost {price}"]


def _finish_reason(message: Message) -> str:
    reason = message.stop_reason
    if reason is None:
        return "none, the message is not finished"
    common = ", ".join(common_finish_reasons(reason) or ["no common counterpart"])
    shown = f"{shortened(reason, LONGEST_NAME)} ({common})"
    if not message.stop_sequence:
        return shown
    return f"{shown}, at {shortened(repr(message.stop_sequence), LONGEST_NAME)}"


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
        f"{name} {shortened(str(value), LONGEST_NAME)}"
        for name, value in values.items()
        if value is not None
    )
