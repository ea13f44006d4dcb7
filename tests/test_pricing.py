from __future__ import annotations

import importlib
import sys
from datetime import datetime, timezone
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import attrs
import pytest

from chunkview import AnthropicStream, CostMetadata, accumulate, iter_chunks
from chunkview.pricing import cost
from chunkview.testing import recording

SONNET = (
    "claude-sonnet-4-5-20250929"  # per million tokens: 3 in, 15 out, 0.30 read, 3.75 and 6 written
)
MILLION = 1_000_000


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
