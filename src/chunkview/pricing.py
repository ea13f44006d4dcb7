"""Prices for CostMetadata, from the price lists of `genai-prices` (extra `prices`).

When the true price is not known, there is no price: for an unknown model, for a tier or place of
inference without a price on the list, for counts that make no sense.
"""

from __future__ import annotations

import decimal
from datetime import timezone
from typing import TYPE_CHECKING

from .common import CostMetadata

try:
    import genai_prices
except ImportError as _error:
    raise ImportError(
        "chunkview.pricing needs the price lists: pip install 'chunkview[prices]'"
    ) from _error

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from ._chunks import AnthropicCallResponseChunk
    from ._model import Message
    from ._stream import AnthropicStream

__all__ = ["cost"]

# The price list's names for what makes a price differ from the standard one.
_VARIANTS: dict[str, dict[str, dict[str, str]]] = {
    "tier": {"standard": {}, "batch": {"processing": "batch"}},
    "speed": {"standard": {}, "fast": {"speed": "fast"}},
    # Some models cost more when inference is kept in one country. The list lacks those prices.
    "region": {"global": {}, "not_available": {}},
}

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "web_search_requests",
    "web_fetch_requests",
)

# No response has more tokens, and a price is exact up to this count.
_MOST = 10**12

# The list caches every model name that it is asked for, so names must be of bounded length.
_LONGEST_MODEL = 256

# The price list's names for counts and their prices. Where a model has no price for one of these,
# the list would charge nothing, or the price of the input.
_PRICES = {
    "cache_read_tokens": "cache_read_mtok",
    "cache_write_tokens": "cache_write_mtok",
    "cache_write_1h_tokens": "cache_write_1h_mtok",
    "web_searches": "web_searches_kcount",
}

# The caller's own decimal context may round to a few digits, or raise.
_ARITHMETIC = decimal.Context(
    prec=50,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)


def cost(
    of: CostMetadata | Message | AnthropicStream | AnthropicCallResponseChunk,
    *,
    model: str | None = None,
    when: datetime | None = None,
) -> Decimal | None:
    """Price a response.

    The price includes cache reads, cache writes by their time to live, and web searches. It
    respects prices that depend on the date or on the length of the prompt, batches and fast mode.
    If a request took several sampling iterations, each is priced separately, which is how they
    are billed.

    Args:
        of: CostMetadata, or an object with a `cost_metadata`, such as a Message or a stream.
        model: The model, if `of` does not name it.
        when: The time of the request, in UTC unless it has a time zone; by default now.

    Returns:
        US dollars, 0 or more. None when the model is unknown, when there are no token counts or
        they are not final (`CostMetadata.is_final`), or when the list has no price for the tier,
        speed or place of the response, or for something that it used. None also when the counts
        make no sense, in an iteration too: a count is negative, more than 10**12 or not an int, or
        the tokens written to the cache are not the sum of those kept for five minutes and those
        kept for an hour.
    """
    metadata = of if isinstance(of, CostMetadata) else of.cost_metadata
    if not metadata.is_final or not _makes_sense(metadata):
        return None
    with decimal.localcontext(_ARITHMETIC):
        if not metadata.iterations:
            return _price(metadata, model, when)
        total = _searches(metadata, model, when)
        for iteration in metadata.iterations:
            price = _price(iteration, model, when)
            if price is None or total is None:
                return None
            total += price
        return total


def _makes_sense(metadata: CostMetadata) -> bool:
    return _counts_make_sense(metadata) and all(
        _counts_make_sense(iteration) and not iteration.iterations
        for iteration in metadata.iterations
    )


def _counts_make_sense(metadata: CostMetadata) -> bool:
    for name in _COUNTS:
        count: object = getattr(metadata, name)
        if count is None:
            continue
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST:
            return False
    written = metadata.cache_write_tokens
    five_minutes, one_hour = metadata.cache_write_5m_tokens, metadata.cache_write_1h_tokens
    if written is None:
        return True
    if five_minutes is None:
        return (one_hour or 0) <= written  # what is not kept for an hour is kept for five minutes
    return five_minutes + (one_hour or 0) == written


def _searches(metadata: CostMetadata, model: str | None, when: datetime | None) -> Decimal | None:
    """The price of the server tools alone, which are not counted in iterations."""
    searches = CostMetadata(
        0, 0, model=metadata.model, web_search_requests=metadata.web_search_requests
    )
    return _price(searches, model, when)


def _price(metadata: CostMetadata, model: str | None, when: datetime | None) -> Decimal | None:
    model = metadata.model or model
    if not model or metadata.input_tokens is None or metadata.output_tokens is None:
        return None
    context = _context(metadata)
    if context is None or len(model) > _LONGEST_MODEL:
        return None
    counts = _counts(metadata)
    try:
        price = genai_prices.calc_price(
            genai_prices.Usage(**counts),
            model,
            provider_id="anthropic",
            genai_request_timestamp=None if when is None else _in_utc(when),
            price_context=context,
        )
    except (LookupError, ValueError):  # an unknown model, or counts that the list refuses
        return None
    prices = vars(price.model_price)
    if any(counts[count] and prices.get(name) is None for count, name in _PRICES.items()):
        return None
    # If the list has no price for the variant, it silently uses the standard price.
    variants = [variant.when for variant in price.model.price_variants or ()]
    if any({name: value} not in variants for name, value in context.items()):
        return None
    return price.total_price


def _context(metadata: CostMetadata) -> dict[str, str] | None:
    """What selects one of the model's prices, or None when there is no such price."""
    context: dict[str, str] = {}
    for name, known in _VARIANTS.items():
        value = getattr(metadata, name)
        if value is None:
            continue
        if value not in known:
            return None
        context.update(known[value])
    return context


def _counts(metadata: CostMetadata) -> dict[str, int]:
    """The counts for the price list, where the input includes cache reads and writes."""
    read = metadata.cached_tokens or 0
    one_hour = metadata.cache_write_1h_tokens or 0
    written = metadata.cache_write_tokens
    if written is None:
        written = (metadata.cache_write_5m_tokens or 0) + one_hour
    return {
        "input_tokens": (metadata.input_tokens or 0) + read + written,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": one_hour,
        "output_tokens": metadata.output_tokens or 0,
        "web_searches": metadata.web_search_requests or 0,
    }


def _in_utc(when: datetime) -> datetime:
    if when.utcoffset() is not None:
        try:
            return when.astimezone(timezone.utc)
        except OverflowError:
            # In the years 1 and 9999, a day more or less does not change a price.
            pass
    return when.replace(tzinfo=timezone.utc)
