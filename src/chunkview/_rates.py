"""Prices of one model on one day, as a sum of products.

`genai-prices` takes 40 µs for a price: each time it looks for the prices of the day, and sorts out
which of them apply. That is the same for all requests of one day to one model, unless the prompt is
long or the time of day makes a difference. So the prices are looked up once, and multiplied from
then on. Before that, they are compared with what the list charges for some counts.
"""

from __future__ import annotations

import operator
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

import genai_prices
from genai_prices import data_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime
    from decimal import Context

    from .common import CostMetadata

__all__ = ["price_of", "usual_price"]


class _Rates(NamedTuple):
    """The prices of one model on one day.

    Attributes:
        longest: How many tokens a prompt may have: a longer one costs more for each. -1 if the
            prices are no fixed ones, so that the list has to tell.
        dollars: US dollars for one of each count. What has no price is not in it.
        is_listed: Whether the list has the model.
    """

    longest: int
    dollars: dict[str, Decimal]
    is_listed: bool = True


_known: dict[tuple[str, str, date], _Rates] = {}
_known_of: object = None
"""The list that these prices are from. After an update it is another object."""


def price_of(
    counts: Mapping[str, int], model: str, provider: str, when: datetime
) -> Decimal | None:
    """Price a request at standard prices, in the current decimal context.

    Args:
        counts: The counts by the names of the list, where the input includes the cache.
        model: The name of the model.
        provider: Who sends the bill.
        when: The time of the request, in UTC.

    Returns:
        US dollars. None if only the list itself can tell.

    Raises:
        LookupError: The list does not have the model.
    """
    global _known_of
    snapshot = data_snapshot.get_snapshot()
    if snapshot is not _known_of or len(_known) >= _MOST:
        _known.clear()
        _known_of = snapshot
    key = (model, provider, when.date())
    if key not in _known:
        _known[key] = _looked_up(model, provider, when)
    rates = _known[key]
    if not rates.is_listed:
        raise LookupError(model)
    if counts["input_tokens"] > rates.longest:
        return None
    return _sum_of(counts, rates.dollars)


def usual_price(
    of: CostMetadata, provider: str, when: datetime, context: Context
) -> Decimal | None:
    """Price a request at standard prices: the same in a third of the time.

    Args:
        of: The counts. They are of one model, and say how long the cache keeps what was written.
        provider: Who sends the bill.
        when: The time of the request, in UTC.
        context: The decimal context.

    Returns:
        US dollars. None if there is more to look at: then `price_of` is to be asked.
    """
    counts = _counts_in(of)
    if not _INTS.issuperset(map(type, counts)):
        return None
    new, output, read, written, short, long, searches, fetches = [count or 0 for count in counts]
    if written != short + long or min(new, output, read, short, long, searches, fetches) < 0:
        return None
    rates = _known.get((of.model or "", provider, when.date()))
    if (
        rates is None
        or new + read + written > rates.longest
        or max(output, searches, fetches) > _ANY
        or data_snapshot.get_snapshot() is not _known_of
        or None in (counts[0], counts[1])
    ):
        return None
    total = Decimal(0)
    for name, count in zip(_NAMES, (new, read, short, long, output, searches), strict=True):
        if count:
            rate = rates.dollars.get(name)
            if rate is None:
                return None
            total = context.add(total, context.multiply(rate, count))
    return total


def _sum_of(counts: Mapping[str, int], dollars: Mapping[str, Decimal]) -> Decimal | None:
    total = Decimal(0)
    parts = dict(counts)
    parts["cache_write_tokens"] -= counts["cache_write_1h_tokens"]
    parts["input_tokens"] -= counts["cache_read_tokens"] + counts["cache_write_tokens"]
    for name, count in parts.items():
        if count:
            rate = dollars.get(name)
            if rate is None or count < 0:
                return None
            total += rate * count
    return total


def _looked_up(model: str, provider: str, when: datetime) -> _Rates:
    """Look for the prices."""
    try:
        found = _asked({"input_tokens": 1}, model, provider, when)
    except LookupError:
        return _Rates(-1, {}, is_listed=False)
    conditions: Any = getattr(found.model, "prices", None)
    for condition in conditions if isinstance(conditions, list) else ():
        constraint = condition.constraint
        if constraint is not None and not hasattr(constraint, "start_date"):
            return _UNFIXED  # it is about the time of day
    prices = vars(found.model_price)
    dollars: dict[str, Decimal] = {}
    longest = _ANY
    for count, (name, number) in _NAMES.items():
        price = prices.get(name)
        for tier in getattr(price, "tiers", ()):
            longest = min(longest, tier.start)
        price = getattr(price, "base", price)
        if isinstance(price, Decimal):
            dollars[count] = price / number
    probe = {name: count if name in dollars else 0 for name, count in _PROBE.items()}
    if longest < _PROBE["input_tokens"]:
        return _UNFIXED
    is_right = _sum_of(probe, dollars) == _asked(probe, model, provider, when).total_price
    return _Rates(longest, dollars) if is_right else _UNFIXED


def _asked(counts: Mapping[str, int], model: str, provider: str, when: datetime) -> Any:
    return genai_prices.calc_price(
        genai_prices.Usage(**counts), model, provider_id=provider, genai_request_timestamp=when
    )


_NAMES = {
    "input_tokens": ("input_mtok", 1_000_000),
    "cache_read_tokens": ("cache_read_mtok", 1_000_000),
    "cache_write_tokens": ("cache_write_mtok", 1_000_000),
    "cache_write_1h_tokens": ("cache_write_1h_mtok", 1_000_000),
    "output_tokens": ("output_mtok", 1_000_000),
    "web_searches": ("web_searches_kcount", 1_000),
}
"""The price of each count on the list, and for how many it is."""
_counts_in = operator.attrgetter(
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "web_search_requests",
    "web_fetch_requests",
)
_INTS = frozenset({int, NoneType})
_PROBE = {
    "input_tokens": 1_000,
    "cache_read_tokens": 110,
    "cache_write_tokens": 230,
    "cache_write_1h_tokens": 17,
    "output_tokens": 59,
    "web_searches": 3,
}
"""Counts for which the list is asked. They differ, so no price can be mistaken for another one."""
_UNFIXED = _Rates(-1, {})
_ANY = 10**12
_MOST = 4096
"""How many models and days are kept."""
