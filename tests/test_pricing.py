from __future__ import annotations

import decimal
import importlib
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import attrs
import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import AnthropicStream, CostMetadata, accumulate, iter_chunks
from chunkview.pricing import cost
from chunkview.testing import recording

SONNET = (
    "claude-sonnet-4-5-20250929"  # per million tokens: 3 in, 15 out, 0.30 read, 3.75 and 6 written
)
MILLION = 1_000_000


HUGE = 10**400
COUNTS = [field.name for field in attrs.fields(CostMetadata) if str(field.type) == "int | None"]

counts = st.none() | st.integers(0, 3) | st.integers(0, 10**7) | st.integers() | st.just(HUGE)
models = st.sampled_from([SONNET, "claude-3-haiku-20240307", "claude-2.1", "claude-x"]) | st.text(
    st.characters()
)


def cost_metadata(
    iterations: st.SearchStrategy[tuple[CostMetadata, ...]],
) -> st.SearchStrategy[CostMetadata]:
    return st.builds(
        CostMetadata,
        **dict.fromkeys(COUNTS, counts),
        model=st.none() | models,
        tier=st.sampled_from([None, "standard", "batch", "\ud800"]),
        region=st.sampled_from([None, "global", "us"]),
        speed=st.sampled_from([None, "standard", "fast"]),
        iterations=iterations,
    )


any_cost_metadata = st.recursive(
    cost_metadata(st.just(())),
    lambda inner: cost_metadata(st.lists(inner, max_size=3).map(tuple)),
    max_leaves=4,
)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
any_time = st.datetimes(timezones=st.none() | offsets) | st.sampled_from(
    [
        limit.replace(tzinfo=timezone(timedelta(hours=hours)))
        for limit in (datetime.min, datetime.max)
        for hours in (-14, 14)
    ]
)


def metadata(**fields: Any) -> CostMetadata:
    return CostMetadata(**{"input_tokens": 0, "output_tokens": 0, "model": SONNET, **fields})


@pytest.mark.parametrize(
    ("fields", "dollars"),
    [
        ({"input_tokens": 1_000}, "0.003"),
        ({"output_tokens": 1_000}, "0.015"),
        ({"cached_tokens": 1_000}, "0.0003"),
        ({"cache_write_tokens": 1_000}, "0.00375"),
        ({"cache_write_tokens": 1_000, "cache_write_5m_tokens": 1_000}, "0.00375"),
        ({"cache_write_tokens": 1_000, "cache_write_1h_tokens": 1_000}, "0.006"),
        ({"cache_write_1h_tokens": 1_000}, "0.006"),
        (
            {
                "cache_write_tokens": 2_000,
                "cache_write_5m_tokens": 1_000,
                "cache_write_1h_tokens": 1_000,
            },
            "0.00975",
        ),
        ({"web_search_requests": 3}, "0.03"),
        ({"input_tokens": 1_000, "output_tokens": 1_000, "cached_tokens": 1_000}, "0.0183"),
        (
            {"tier": "standard", "speed": "standard", "region": "global", "input_tokens": 1_000},
            "0.003",
        ),
        ({"tier": "batch", "input_tokens": 1_000}, "0.0015"),
        ({}, "0"),
    ],
)
def test_each_kind_of_token_has_its_price(fields: dict[str, Any], dollars: str) -> None:
    assert cost(metadata(**fields)) == Decimal(dollars)


def test_fast_mode_has_its_price_where_the_list_knows_it() -> None:
    fast = metadata(model="claude-opus-5-5", speed="fast", output_tokens=1_000)
    # The last list for Python 3.10 knows neither the mode nor the model.
    knows = not version("genai-prices").startswith("0.1.")
    assert cost(fast) == (Decimal("0.04") if knows else None)
    assert cost(attrs.evolve(fast, speed="standard")) in (Decimal("0.02"), None)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "claude-of-dreams"},
        {"model": None},
        {"input_tokens": None},
        {"output_tokens": None},
        {"tier": "priority"},
        {"speed": "fast"},
        {"speed": "warp"},
        {"region": "us"},
        {"model": "claude-3-haiku-20240307", "tier": "batch"},
    ],
)
def test_what_cannot_be_priced_truly_is_not_priced(fields: dict[str, Any]) -> None:
    assert cost(metadata(**fields)) is None


@given(any_cost_metadata, st.none() | models, st.none() | any_time)
def test_a_cost_is_an_amount_or_none_and_never_an_error(
    of: CostMetadata, model: str | None, when: datetime | None
) -> None:
    """Any counts, any names and any date give a Decimal that is not negative, or None."""
    price = cost(of, model=model, when=when)
    assert price is None or (isinstance(price, Decimal) and price.is_finite() and price >= 0)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize(
    "count", [-1, -HUGE, HUGE, True, 0.5, "7"], ids=lambda count: repr(count)[:9]
)
def test_a_count_that_makes_no_sense_has_no_price_wherever_it_is(name: str, count: Any) -> None:
    odd = metadata(**{name: count})
    assert cost(odd) is None
    assert cost(attrs.evolve(odd, iterations=(metadata(),))) is None
    assert cost(metadata(iterations=(metadata(), odd))) is None


def test_iterations_within_an_iteration_have_no_price() -> None:
    assert cost(metadata(iterations=(metadata(iterations=(metadata(),)),))) is None


@pytest.mark.parametrize(
    ("written", "five_minutes", "one_hour", "is_priced"),
    [
        (1_000, 500, 500, True),
        (1_000, None, 500, True),  # the rest is the other kind
        (1_000, None, 1_001, False),
        (1_000, 1_001, None, False),
        (1_000, 500, None, False),
        (1_000, 500, 499, False),
        (1_000, 500, 501, False),
        (1_000, 0, 0, False),
        (0, None, 1, False),
        (None, 500, 501, True),
    ],
)
def test_a_cache_breakdown_that_does_not_add_up_has_no_price(
    written: int | None, five_minutes: int | None, one_hour: int | None, is_priced: bool
) -> None:
    of = metadata(
        cache_write_tokens=written,
        cache_write_5m_tokens=five_minutes,
        cache_write_1h_tokens=one_hour,
    )
    assert (cost(of) is not None) == is_priced
    assert (cost(metadata(iterations=(of,))) is not None) == is_priced


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "claude-3-haiku-20240307", "web_search_requests": 1},
        {"model": "claude-2.1", "cached_tokens": 1},
        {"model": "claude-2.1", "cache_write_tokens": 1},
        {"model": "claude-2.1", "cache_write_1h_tokens": 1},
    ],
)
def test_what_a_model_has_no_price_for_is_neither_free_nor_something_else(
    fields: dict[str, Any],
) -> None:
    assert cost(metadata(**fields)) is None
    assert cost(metadata(**dict.fromkeys(fields, 0) | {"model": fields["model"]})) == 0


def test_a_count_that_the_price_list_refuses_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("Invalid usage data")

    monkeypatch.setattr(genai_prices, "calc_price", refuse)
    assert cost(metadata()) is None


@pytest.mark.parametrize(
    "model",
    ["", " ", "x" * 1_000_000, SONNET + "x" * 1_000_000, "\ud800"],
    ids=lambda model: ascii(model[:30]),
)
def test_an_odd_model_has_no_price(model: str) -> None:
    assert cost(metadata(model=model)) is None
    assert cost(metadata(model=None), model=model) is None


@pytest.mark.parametrize("limit", [datetime.min, datetime.max])
@pytest.mark.parametrize("hours", [-14, 0, 14])
def test_the_ends_of_time_have_a_price(limit: datetime, hours: int) -> None:
    when = limit.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert cost(metadata(input_tokens=1_000), when=when) == Decimal("0.003")


def test_a_time_without_a_zone_is_utc() -> None:
    long_prompt = metadata(model="claude-opus-4-6", input_tokens=300_000)
    when = datetime(2026, 3, 13)
    assert cost(long_prompt, when=when) == cost(long_prompt, when=when.replace(tzinfo=timezone.utc))


def test_the_decimal_context_of_the_caller_does_not_matter() -> None:
    of = metadata(input_tokens=1_234_567, output_tokens=7, web_search_requests=1)
    of = attrs.evolve(of, iterations=(of, of))
    price = cost(of)
    with decimal.localcontext(decimal.Context(prec=1, Emax=1, Emin=0, traps=[decimal.Inexact])):
        assert cost(of) == price


def test_prices_depend_on_the_date() -> None:
    long_prompt = metadata(model="claude-opus-4-6", input_tokens=300_000)
    before = cost(long_prompt, when=datetime(2026, 3, 1, tzinfo=timezone.utc))
    after = cost(long_prompt, when=datetime(2026, 4, 1, tzinfo=timezone.utc))
    assert (before, after) == (Decimal(3), Decimal("1.5"))


def test_of_several_iterations_each_is_priced_and_searches_once() -> None:
    iterations = (
        metadata(input_tokens=1_000),
        metadata(output_tokens=1_000, model="claude-opus-5-5"),
    )
    whole = metadata(input_tokens=1_000, iterations=iterations, web_search_requests=1)
    assert cost(whole) == Decimal("0.003") + Decimal("0.02") + Decimal("0.01")
    unknown = attrs.evolve(whole, iterations=(*iterations, metadata(model="x")))
    assert cost(unknown) is None


def test_a_message_and_a_stream_have_the_same_cost() -> None:
    message = accumulate(iter_chunks(recording("citations")))
    stream = AnthropicStream(recording("citations"))
    assert cost(stream) is None
    list(stream)
    assert cost(stream) == cost(message) == cost(message.cost_metadata)
    price = cost(message)
    assert price is not None
    assert price > 0


def test_the_model_may_be_given_where_it_is_not_known() -> None:
    assert cost(metadata(model=None, input_tokens=1_000), model=SONNET) == Decimal("0.003")
    *_, delta, _stop = iter_chunks(recording("text"))
    assert cost(delta) is None


def test_without_the_price_lists_the_error_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    monkeypatch.delitem(sys.modules, "chunkview.pricing")
    with pytest.raises(ImportError, match=r"pip install 'chunkview\[prices\]'"):
        importlib.import_module("chunkview.pricing")
