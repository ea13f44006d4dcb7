"""Prices for CostMetadata, from the price lists of `genai-prices` (extra `prices`).

When the true price is not known, there is no price: for an unknown model, for a tier or place of
inference without a price on the list, for counts that make no sense. `why_no_cost` says why.
"""

from __future__ import annotations

import decimal
import itertools
import operator
import re
from datetime import datetime, timezone
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, NamedTuple

import attrs

from .common import CostMetadata
from .errors import clipped, kind_of, shown

try:
    import genai_prices
except ImportError as _error:
    raise ImportError(
        "chunkview.pricing needs the price lists: pip install 'chunkview[prices]'"
    ) from _error
from ._rates import price_of, usual_price

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from genai_prices.types import PriceCalculation

    from ._chunks import AnthropicCallResponseChunk
    from ._model import Message
    from ._stream import AnthropicStream, Meter

    Priced: TypeAlias = (
        CostMetadata | Message | AnthropicStream | Meter | AnthropicCallResponseChunk
    )

__all__ = ["cost", "why_no_cost"]

# The price list's names for what makes a price differ from the standard one.
_VARIANTS: dict[str, dict[str, dict[str, str]]] = {
    "tier": {"standard": {}, "batch": {"processing": "batch"}},
    "speed": {"standard": {}, "fast": {"speed": "fast"}},
    # Some models cost more when inference is kept in one country. The list lacks those prices.
    "region": {"global": {}, "not_available": {}},
}

_USUAL = frozenset(
    itertools.product(
        *[
            [None, *(value for value, context in known.items() if not context)]
            for known in _VARIANTS.values()
        ]
    )
)
"""What is usual of these three, in this order: it has the standard price."""

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

_counts_in = operator.attrgetter(*_COUNTS)

# No response has more tokens, and a price is exact up to this count.
_MOST = 10**12

# A price is no more than this, so that a sum of prices does not overflow.
_MOST_DOLLARS = 10**24

# The list caches every model name that it is asked for, so names must be of bounded length.
_LONGEST_MODEL = 256

# The price list's names for counts and their prices, and ours. Where a model has no price for one
# of these, the list would charge nothing, or the price of the input.
_PRICES = {
    "cache_read_tokens": ("cache_read_mtok", "cache reads"),
    "cache_write_tokens": ("cache_write_mtok", "cache writes"),
    "cache_write_1h_tokens": ("cache_write_1h_mtok", "cache writes for an hour"),
    "web_searches": ("web_searches_kcount", "web searches"),
}

# When a refusal before any output became free, and the categories that have been billed again
# since the second date. The release notes of the API have the first date for the Claude API. The
# page below has the categories, for every platform.
# https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback (How refusals are
# billed); https://platform.claude.com/docs/en/release-notes/overview (June 2, 2026)
_FREE_SINCE = datetime(2026, 6, 2, tzinfo=timezone.utc)
_BILLED_AGAIN_SINCE = datetime(2026, 9, 24, tzinfo=timezone.utc)
_BILLED_AGAIN = frozenset({"bio", "frontier_llm", "reasoning_extraction"})
_UNKNOWN_CATEGORY = "unknown"

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
    of: Priced,
    *,
    model: str | None = None,
    when: datetime | None = None,
    provider: str | None = None,
    prices: Callable[[CostMetadata], Decimal | None] | None = None,
) -> Decimal | None:
    """Price a response.

    The price includes cache reads, cache writes by their time to live, and web searches. It
    respects prices that depend on the date or on the length of the prompt, batches and fast mode.
    If a request took several sampling iterations, each is priced separately, which is how they
    are billed. A model that declines before any output is free or not, by the category of the
    refusal. Other models that a fallback tried are part of the price.

    Args:
        of: CostMetadata, or an object with a `cost_metadata`, such as a Message or a stream.
        model: The model as the request named it. It counts if `of` names no model, or names the
            same one with less: `us.anthropic.claude-opus-4-8` for `claude-opus-4-8`, say.
        when: The time of the request, in UTC unless it has a time zone; by default now.
        provider: Who sends the bill, as `genai-prices` calls them: `anthropic`, `aws` (Bedrock),
            `google` (Vertex). By default, the model's name tells. On Bedrock, a name without
            `global.` means the price in a region.
        prices: A price list of your own, instead of `genai-prices`. It is called with the counts of
            one model, where the kinds of cache writes add up and `iterations` is empty. It gives
            US dollars, or None for no price. It is not called for what is free.

    Returns:
        US dollars, 0 or more. None when the model is unknown, when there are no token counts or
        they are not final (`CostMetadata.final` is False), or when the list has no price for the
        tier, speed or place of the response, or for something that it used. None also when the
        counts make no sense, in an iteration too: a count is negative, more than 10**12 or not an
        int, or the price depends on how long the cache keeps tokens, and the counts contradict
        each other there. None also when `prices` gives an amount that is negative, not finite or
        more than 10**24.

    Raises:
        TypeError: `of` is none of these, such as None, or `prices` gives something other than a
            Decimal or None.
    """
    return price_or_reason(of, model=model, when=when, provider=provider, prices=prices)[0]


def why_no_cost(
    of: Priced,
    *,
    model: str | None = None,
    when: datetime | None = None,
    provider: str | None = None,
    prices: Callable[[CostMetadata], Decimal | None] | None = None,
) -> str | None:
    """Say why `cost` gives None.

    Args:
        of: As for `cost`, as the other arguments are.
        model: The model.
        when: The time of the request.
        provider: Who sends the bill.
        prices: A price list of your own.

    Returns:
        A short sentence, without a full stop; None if there is a price.

    Raises:
        TypeError: As for `cost`.
    """
    return price_or_reason(of, model=model, when=when, provider=provider, prices=prices)[1]


def price_or_reason(
    of: Priced,
    *,
    model: str | None = None,
    when: datetime | None = None,
    provider: str | None = None,
    prices: Callable[[CostMetadata], Decimal | None] | None = None,
) -> tuple[Decimal | None, str | None]:
    """Give what `cost` gives, and what `why_no_cost` gives: one of them is None."""
    if prices is None and model is None and when is not None and isinstance(of, CostMetadata):
        usual = _usual_price(of, when, provider)
        if usual is not None:
            return usual, None
    try:
        return _price(of, _Asked(model, when, provider, prices)), None
    except _NoPriceError as reason:
        return None, str(reason)


def _usual_price(of: CostMetadata, when: datetime, provider: str | None) -> Decimal | None:
    """Price a request about which there is nothing special. None if there is, or may be."""
    if (
        of.iterations
        or of.refusal is not None
        or of.final is False
        or not of.model
        or (of.tier, of.speed, of.region) not in _USUAL
    ):
        return None
    return usual_price(of, provider or _provider_of(of.model), _in_utc(when), _ARITHMETIC)


class _NoPriceError(Exception):
    """Says why there is no price. It never leaves this module."""


class _Asked(NamedTuple):
    """What the caller says about the request."""

    model: str | None
    when: datetime | None
    provider: str | None
    prices: Callable[[CostMetadata], Decimal | None] | None

    @property
    def time(self) -> datetime:
        """The time of the request, in UTC."""
        return datetime.now(timezone.utc) if self.when is None else _in_utc(self.when)

    def name_of(self, model: str | None, answered: str | None) -> str:
        """The name by which to look for the price.

        Args:
            model: The model that the counts are of.
            answered: The model that the response names.
        """
        asked = self.model
        if model is None or (asked and model == answered and _is_more(asked, model)):
            return asked or ""
        return model


def _is_more(name: str, model: str) -> bool:
    """Whether a name is that of the model with a region before or a version behind it."""
    if len(name) > _LONGEST_MODEL:
        return False
    return re.search(rf"(?:^|[./]){re.escape(model)}(?:-v\d[\w:]*|[:@].*)?$", name) is not None


def _price(of: Priced, asked: _Asked) -> Decimal:
    """Price a response.

    Raises:
        _NoPriceError: There is no price.
    """
    metadata = of if isinstance(of, CostMetadata) else getattr(of, "cost_metadata", None)
    if not isinstance(metadata, CostMetadata):
        raise TypeError(
            "expected a message, a chunk, a stream, a meter or a CostMetadata to price, "
            f"got {kind_of(of)}"
        )
    for part in (metadata, *metadata.iterations):
        if part.final is False:
            raise _NoPriceError(part.doubt or "the counts are not those of the whole response")
        _check_counts(part)
    if any(iteration.iterations for iteration in metadata.iterations):
        raise _NoPriceError("an iteration has iterations")
    with decimal.localcontext(_ARITHMETIC):
        if not metadata.iterations:
            return _price_of_part(metadata, metadata, asked)
        # Iterations do not count server tools.
        total = _price_of_searches(metadata, metadata, asked)
        for iteration in _with_splits(metadata):
            total += _price_of_part(iteration, metadata, asked)
        return total


def _check_counts(metadata: CostMetadata) -> None:
    counts = _counts_in(metadata)
    if {int, NoneType}.issuperset(map(type, counts)) and all(
        0 <= count <= _MOST for count in counts if count
    ):
        return  # most
    for name in _COUNTS:
        count: object = getattr(metadata, name)
        if count is None:
            continue
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST:
            raise _NoPriceError(f"{name} makes no sense: {shown(count)}")


def _price_of_part(part: CostMetadata, whole: CostMetadata, asked: _Asked) -> Decimal:
    """Price what one model did."""
    if _is_free(part, asked):
        return _price_of_searches(part, whole, asked)
    for name in ("input_tokens", "output_tokens"):
        if getattr(part, name) is None:
            raise _NoPriceError(f"{name} is not known")
    found = {_look_up(one, whole, asked) for one in _by_lifetime(part)}
    if len(found) > 1:
        raise _NoPriceError(
            "nothing says how long the cache keeps some of the "
            f"{part.cache_write_tokens:,} tokens that were written to it"
        )
    return found.pop()


def _is_free(part: CostMetadata, asked: _Asked) -> bool:
    """Whether the tokens are not billed, because the model declined before any output."""
    if part.refusal is None or asked.time < _FREE_SINCE:
        return False
    if asked.time < _BILLED_AGAIN_SINCE:
        return True
    if part.refusal == _UNKNOWN_CATEGORY:
        raise _NoPriceError("a model declined, and nothing says for which category of policy")
    return part.refusal not in _BILLED_AGAIN


def _by_lifetime(part: CostMetadata) -> list[CostMetadata]:
    """Split the cache writes by the time that the cache keeps them.

    `message_delta` has a later total than `message_start`, and no split. Where they contradict
    each other, the true split is between two extremes.

    Returns:
        The counts with the true split, or with each extreme.
    """
    written = part.cache_write_tokens
    five_minutes, one_hour = part.cache_write_5m_tokens, part.cache_write_1h_tokens
    short, long = five_minutes or 0, one_hour or 0
    if written == short + long and None not in (five_minutes, one_hour) and not part.iterations:
        return [part]  # most
    if written is None:
        extremes = {(short, long)}
    elif five_minutes is None and long <= written:
        # Five minutes is what the API does unless it is asked for more.
        extremes = {(written - long, long)}
    elif short + long <= written:
        extremes = {(written - long, long), (short, written - short)}
    else:
        extremes = {(written, 0), (0, written)}
    return [
        attrs.evolve(
            part,
            cache_write_tokens=short + long,
            cache_write_5m_tokens=short,
            cache_write_1h_tokens=long,
            iterations=(),
        )
        for short, long in extremes
    ]


def _with_splits(whole: CostMetadata) -> list[CostMetadata]:
    """Find how long the cache keeps what each iteration wrote, where only the whole says it.

    Returns:
        The iterations. Those that lack a split have one where it follows from the whole. Where it
        does not follow, they have the split 0 and 0, which leaves any split possible. They keep
        None if the whole has no split, or if all that it wrote is kept for five minutes.
    """
    iterations = list(whole.iterations)
    lacking = [place for place, one in enumerate(iterations) if _lacks_split(one)]
    if not lacking or (whole.cache_write_5m_tokens, whole.cache_write_1h_tokens) == (None, None):
        return iterations
    splits = _splits_of_rest(whole, iterations, lacking)
    if splits is None:
        return iterations
    for place, (short, long) in zip(lacking, splits, strict=True):
        iterations[place] = attrs.evolve(
            iterations[place], cache_write_5m_tokens=short, cache_write_1h_tokens=long
        )
    return iterations


def _lacks_split(part: CostMetadata) -> bool:
    split = (part.cache_write_5m_tokens, part.cache_write_1h_tokens)
    return bool(part.cache_write_tokens) and split == (None, None)


def _splits_of_rest(
    whole: CostMetadata, iterations: list[CostMetadata], lacking: list[int]
) -> list[tuple[int, int]] | None:
    """Split the writes of the iterations that lack a split: what the others leave of the whole.

    Returns:
        A split for each of them; None if all writes are kept for five minutes.
    """
    unknown = [(0, 0)] * len(lacking)
    known = [_by_lifetime(whole)]
    known += [_by_lifetime(one) for at, one in enumerate(iterations) if at not in lacking]
    if any(len(possible) > 1 for possible in known):
        return unknown
    (total, *others) = [only for (only,) in known]
    short = (total.cache_write_5m_tokens or 0) - sum(
        one.cache_write_5m_tokens or 0 for one in others
    )
    long = (total.cache_write_1h_tokens or 0) - sum(
        one.cache_write_1h_tokens or 0 for one in others
    )
    written = [iterations[at].cache_write_tokens or 0 for at in lacking]
    if sum(written) == short + long and short >= 0 and long >= 0:
        if len(lacking) == 1:
            return [(short, long)]
        if not short:
            return [(0, count) for count in written]
        return unknown if long else [(count, 0) for count in written]
    # The top level leaves out compaction, for example. No write of the request asks for an hour.
    is_short = total.cache_write_tokens and not total.cache_write_1h_tokens
    return None if is_short and not any(one.cache_write_1h_tokens for one in others) else unknown


def _price_of_searches(part: CostMetadata, whole: CostMetadata, asked: _Asked) -> Decimal:
    """Price the server tools alone."""
    if not part.web_search_requests:
        return Decimal(0)
    searches = CostMetadata(0, 0, model=part.model, web_search_requests=part.web_search_requests)
    return _look_up(searches, whole, asked)


def _look_up(part: CostMetadata, whole: CostMetadata, asked: _Asked) -> Decimal:
    model = asked.name_of(part.model, whole.model)
    if not model:
        raise _NoPriceError("the model is not known")
    if asked.prices is None:
        return _list_price(part, model, asked)
    price: object = asked.prices(attrs.evolve(part, model=model))
    if price is None:
        raise _NoPriceError(f"not on the price list: {clipped(model)}")
    if not isinstance(price, Decimal):
        raise TypeError(f"expected prices to give a Decimal or None, got {kind_of(price)}")
    if not price.is_finite() or not 0 <= price <= _MOST_DOLLARS:
        raise _NoPriceError(f"the price makes no sense: {shown(price)}")
    return price


def _list_price(part: CostMetadata, model: str, asked: _Asked) -> Decimal:
    """Look for a price in the lists of `genai-prices`."""
    context = _context(part)
    counts = _counts(part)
    timestamp = asked.time
    provider = asked.provider or _provider_of(model)
    place = "" if provider == "anthropic" else f" of {clipped(provider)}"
    if len(model) > _LONGEST_MODEL:
        raise _NoPriceError(f"not on the price list{place}: {clipped(model)}")
    try:
        if not context:
            usual = price_of(counts, model, provider, timestamp)
            if usual is not None:
                return usual
        price = genai_prices.calc_price(
            genai_prices.Usage(**counts),
            model,
            provider_id=provider,
            genai_request_timestamp=timestamp,
            price_context=context,
        )
    except LookupError:
        raise _NoPriceError(f"not on the price list{place}: {clipped(model)}") from None
    except ValueError as error:
        raise _NoPriceError(f"the price list refuses the counts: {clipped(str(error))}") from None
    known = vars(price.model_price)
    for count, (name, what) in _PRICES.items():
        if counts[count] and known.get(name) is None:
            raise _NoPriceError(f"not on the price list{place}: {what} of {clipped(model)}")
    if context and not _has_variant(price, context, timestamp):
        names = " and ".join(f"{name} {value}" for name, value in context.items())
        raise _NoPriceError(f"not on the price list{place}: {names} of {clipped(model)}")
    return price.total_price


def _has_variant(price: PriceCalculation, context: dict[str, str], timestamp: datetime) -> bool:
    """Whether a price is that of the variant.

    Without a variant that is active and has the whole context, the list silently uses the standard
    price, or the price of a part of the context. It also ignores the context where it took the
    model from the list of another provider.
    """
    charged = vars(price.model_price)
    return any(
        variant.when == context
        and (variant.constraint is None or variant.constraint.active(timestamp))
        and all(
            charged.get(name) == one
            for name, one in vars(variant.prices).items()
            if one is not None
        )
        for variant in price.model.price_variants or ()
    )


def _provider_of(model: str) -> str:
    """Who sends the bill, as far as a model's name tells: Bedrock and Vertex have their own."""
    if "anthropic." in model:
        return "aws"
    return "google" if "@" in model else "anthropic"


def _context(metadata: CostMetadata) -> dict[str, str]:
    """What selects one of the model's prices."""
    context: dict[str, str] = {}
    for name, known in _VARIANTS.items():
        value = getattr(metadata, name)
        if value is None:
            continue
        if value not in known:
            raise _NoPriceError(f"not on the price list: {name} {clipped(value)}")
        context.update(known[value])
    return context


def _counts(metadata: CostMetadata) -> dict[str, int]:
    """The counts for the price list, where the input includes cache reads and writes."""
    read = metadata.cached_tokens or 0
    written = metadata.cache_write_tokens or 0
    return {
        "input_tokens": (metadata.input_tokens or 0) + read + written,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": metadata.cache_write_1h_tokens or 0,
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
