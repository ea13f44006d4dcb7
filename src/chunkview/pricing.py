"""CostMetadata to money, by the price lists that `genai-prices` keeps (extra `prices`).

What cannot be priced truly is not priced at all: an unknown model, a tier or place of inference
whose price is not on the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import CostMetadata

try:
    import genai_prices
except ImportError as error:
    raise ImportError(
        "chunkview.pricing needs the price lists: pip install 'chunkview[prices]'"
    ) from error

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from .call_response_chunk import AnthropicCallResponseChunk
    from .message import Message
    from .stream import AnthropicStream

__all__ = ["cost"]

# How the price list names what makes a price differ from the standard one.
_VARIANTS: dict[str, dict[str, dict[str, str]]] = {
    "tier": {"standard": {}, "batch": {"processing": "batch"}},
    "speed": {"standard": {}, "fast": {"speed": "fast"}},
    # Inference in one country costs more on some models, which the list does not know.
    "region": {"global": {}, "not_available": {}},
}


def cost(
    of: CostMetadata | Message | AnthropicStream | AnthropicCallResponseChunk,
    *,
    model: str | None = None,
    when: datetime | None = None,
) -> Decimal | None:
    """Price a response.

    Cache reads and writes by their time to live, web searches, prices that depend on the date or
    on the length of the prompt, batches and fast mode are taken into account. Of a request that
    took several sampling iterations each is priced by itself, since they are what is billed.

    Args:
        of: What the response cost in tokens: CostMetadata, or anything that has it as its
            `cost_metadata`, such as a Message or a stream.
        model: The model, where `of` does not say.
        when: When the request was made; now unless given.

    Returns:
        US dollars; None when the model is unknown, when there are no token counts, or when the
        response came by a tier, speed or place whose price is not on the list.
    """
    metadata = of if isinstance(of, CostMetadata) else of.cost_metadata
    if not metadata.iterations:
        return _price(metadata, model, when)
    total = _searches(metadata, model, when)
    for iteration in metadata.iterations:
        price = _price(iteration, model, when)
        if price is None or total is None:
            return None
        total += price
    return total


def _searches(metadata: CostMetadata, model: str | None, when: datetime | None) -> Decimal | None:
    """The price of the server tools alone, which iterations do not count."""
    searches = CostMetadata(
        0, 0, model=metadata.model, web_search_requests=metadata.web_search_requests
    )
    return _price(searches, model, when)


def _price(metadata: CostMetadata, model: str | None, when: datetime | None) -> Decimal | None:
    model = metadata.model or model
    if model is None or metadata.input_tokens is None or metadata.output_tokens is None:
        return None
    context = _context(metadata)
    if context is None:
        return None
    try:
        price = genai_prices.calc_price(
            _usage(metadata),
            model,
            provider_id="anthropic",
            genai_request_timestamp=when,
            price_context=context,
        )
    except LookupError:
        return None
    # Where the list has no price for the variant it would fall back to the standard price.
    variants = [variant.when for variant in price.model.price_variants or ()]
    if any({name: value} not in variants for name, value in context.items()):
        return None
    return price.total_price


def _context(metadata: CostMetadata) -> dict[str, str] | None:
    """What selects the price among a model's, or None when there is no such price."""
    context: dict[str, str] = {}
    for name, known in _VARIANTS.items():
        value = getattr(metadata, name)
        if value is None:
            continue
        if value not in known:
            return None
        context.update(known[value])
    return context


def _usage(metadata: CostMetadata) -> genai_prices.Usage:
    """The counts as the price list wants them: there, input includes what the cache holds."""
    read = metadata.cached_tokens or 0
    by_time = (metadata.cache_write_5m_tokens or 0) + (metadata.cache_write_1h_tokens or 0)
    written = max(metadata.cache_write_tokens or 0, by_time)
    return genai_prices.Usage(
        input_tokens=(metadata.input_tokens or 0) + read + written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=metadata.cache_write_1h_tokens or 0,
        output_tokens=metadata.output_tokens,
        web_searches=metadata.web_search_requests or 0,
    )
