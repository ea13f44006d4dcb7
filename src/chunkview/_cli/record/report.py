"""What record prints: a line for each answer, and a summary at the end."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..display import as_number, as_sum, price_of, printable, shortened
from .sidecar import ENDED_BY_CLIENT, ENDED_BY_UPSTREAM, STOPPED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...common import CostMetadata
    from .tape import Tape

__all__ = ["Sums", "line_of"]

_LONGEST = 200
_ENDS = {
    ENDED_BY_UPSTREAM: "the upstream broke off",
    ENDED_BY_CLIENT: "the client hung up",
    STOPPED: "record was stopped",
}


def line_of(tape: Tape, price: Decimal | str) -> str:
    """Describe an answer that has ended.

    Args:
        tape: The answer.
        price: Its price in US dollars, or why that is not known.

    Returns:
        A line, without its line feed.
    """
    status = "no answer" if tape.status is None else str(tape.status)
    request = f"{tape.asked.method} {tape.shown_target}"
    parts: list[str] = []
    if tape.is_metered and tape.meter.usage is not None:
        parts.append(tape.meter.model or "no model")
        parts += _tokens(_counts(tape.meter.cost_metadata))
        parts.append(f"cost {price}" if isinstance(price, str) else as_number(price))
    if tape.to_first_token is not None:
        parts.append(f"{tape.to_first_token:.2f} s to the first token")
    parts.append(f"{tape.duration:.2f} s in all")
    if tape.ended in _ENDS:
        problem = f" ({tape.problem})" if tape.problem else ""
        parts.append(_ENDS[tape.ended] + problem)
    elif tape.is_metered and tape.meter.error is not None:
        parts.append(str(tape.meter.error))
    if tape.note:
        parts.append(tape.note)
    if tape.lost:
        parts.append(f"NOT RECORDED: {tape.lost}")
    elif tape.name:
        parts.append(tape.name)
    shown = [f"{request} {status}", *parts]
    return ", ".join(printable(shortened(part, _LONGEST)) for part in shown)


class Sums:
    """Adds up the answers."""

    def __init__(self) -> None:
        self._answers = 0
        self._recorded = 0
        self.lost = 0
        self._counts: list[tuple[int | None, ...]] = []
        self._prices: list[Decimal | None] = []

    def add(self, tape: Tape) -> str:
        """Take an answer that has ended, and describe it in a line."""
        self._answers += 1
        self._recorded += bool(tape.name)
        self.lost += bool(tape.lost)
        price: Decimal | str = ""
        if tape.is_metered and tape.meter.usage is not None:
            price = price_of(tape.meter)
            self._counts.append(_counts(tape.meter.cost_metadata))
            self._prices.append(price if isinstance(price, Decimal) else None)
        return line_of(tape, price)

    def lines(self, folder: str, unfinished: int) -> list[str]:
        """Describe all answers.

        Args:
            folder: Where the recordings are.
            unfinished: How many more answers there were, which are not on the disk.
        """
        answers = self._answers + unfinished
        lost = self.lost + unfinished
        first = f"{answers:,} {'answer' if answers == 1 else 'answers'}, "
        first += f"{self._recorded:,} recorded in {printable(folder)}"
        lines = [first + (f", {lost:,} NOT RECORDED" if lost else "")]
        if self._counts:
            # A count that only some answers do not name is rather none than not known.
            known = [
                [count for count in column if count is not None]
                for column in zip(*self._counts, strict=True)
            ]
            parts = _tokens([sum(column) if column else None for column in known])
            is_priced = any(price is not None for price in self._prices)
            parts.append(as_sum(self._prices) if is_priced else "cost not known")
            lines.append(", ".join(parts))
        return lines


def _counts(costs: CostMetadata) -> tuple[int | None, ...]:
    counts = (costs.input_tokens, costs.cached_tokens, costs.cache_write_tokens)
    return (*counts, costs.output_tokens)


def _tokens(counts: Sequence[int | None]) -> list[str]:
    """Name the counts that are known: at most one part of a line."""
    names = ("input", "cached", "cache write", "output")
    parts = [
        f"{as_number(count)} {name}"
        for count, name in zip(counts, names, strict=True)
        if count is not None
    ]
    return [f"{', '.join(parts)} tokens"] if parts else []
