from __future__ import annotations

import functools
import json
import operator
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    CacheCreation,
    CostMetadata,
    IterationUsage,
    MessageDeltaUsage,
    OutputTokensDetails,
    ServerToolUsage,
    Usage,
)
from chunkview._model import cost_metadata
from chunkview.testing import strategies as cv

WIRE = {
    "input_tokens": 25,
    "output_tokens": 1,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 40,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "service_tier": "standard",
    "output_tokens_details": {"thinking_tokens": 1},
    "inference_geo": "global",
    "speed": None,
    "iterations": [{"type": "message", "input_tokens": 25, "output_tokens": 1}],
    "fallback_credit": {"status": {"type": "redeemed"}},
    "price_of_tea": 3,
}


@given(cv.usages(), cv.delta_usages() | cv.usages())
def test_a_later_count_replaces_an_earlier_one_unless_it_is_null(before: Any, later: Any) -> None:
    updated = Usage.from_dict(before).updated(MessageDeltaUsage.from_dict(later))
    new_counts = {name: count for name, count in later.items() if count is not None}
    assert updated == Usage.from_dict({**before, **new_counts})
    assert updated == Usage.from_dict(MappingProxyType({**before, **new_counts}))


# Several in one have more of the keys.
FULL_USAGES = st.lists(cv.usages() | cv.delta_usages(), min_size=1, max_size=4).map(
    lambda usages: functools.reduce(operator.or_, usages)
)


@given(FULL_USAGES, st.none() | st.just("claude"))
def test_cost_metadata_has_the_counts_of_the_usage(wire: Any, model: str | None) -> None:
    assert cost_metadata(None, model) == CostMetadata(model=model, final=False)
    usage = MessageDeltaUsage if wire.get("input_tokens") is None else Usage
    cost = cost_metadata(usage.from_dict(wire), model)

    def counts(wire: Any) -> dict[str, Any]:
        written = wire.get("cache_creation") or {}
        return {
            "input_tokens": wire.get("input_tokens"),
            "output_tokens": wire["output_tokens"],
            "cached_tokens": wire.get("cache_read_input_tokens"),
            "cache_write_tokens": wire.get("cache_creation_input_tokens"),
            "cache_write_5m_tokens": written.get("ephemeral_5m_input_tokens"),
            "cache_write_1h_tokens": written.get("ephemeral_1h_input_tokens"),
        }

    tools = wire.get("server_tool_use") or {}
    terms = {
        "tier": wire.get("service_tier"),
        "region": wire.get("inference_geo"),
        "speed": wire.get("speed"),
    }
    iterations = tuple(
        CostMetadata(**counts(iteration), **terms, model=iteration.get("model") or model)
        for iteration in wire.get("iterations") or ()
    )
    # Which of the iterations are billed is another question (tests/model/test_costs.py).
    found = tuple(
        attrs.evolve(iteration, refusal=None, final=None) for iteration in cost.iterations
    )
    assert attrs.evolve(cost, iterations=found, final=None) == CostMetadata(
        **counts(wire),
        **terms,
        model=model,
        web_search_requests=tools.get("web_search_requests"),
        web_fetch_requests=tools.get("web_fetch_requests"),
        iterations=iterations,
    )


def test_every_count_has_an_attribute_and_unknown_keys_are_kept() -> None:
    usage = Usage.from_dict(WIRE)
    assert usage.cache_creation == CacheCreation(10, 20)
    assert usage.server_tool_use == ServerToolUsage(2, 1)
    assert usage.output_tokens_details == OutputTokensDetails(1)
    assert usage.iterations == (IterationUsage("message", 25, 1),)
    assert usage.fallback_credit == {"status": {"type": "redeemed"}}
    assert usage.extra == {"price_of_tea": 3}
    assert usage.to_dict() == WIRE


def test_later_counts_replace_earlier_ones_and_are_never_added() -> None:
    later = MessageDeltaUsage(100, 25, cache_read_input_tokens=40)
    assert Usage(25, 1, 30, 40).updated(later) == Usage(25, 100, 30, 40)


def test_a_later_count_that_is_null_or_absent_changes_nothing() -> None:
    usage = Usage.from_dict(WIRE)
    later = MessageDeltaUsage.from_dict({"output_tokens": 7, "input_tokens": None})
    assert usage.updated(later).to_dict() == {**WIRE, "output_tokens": 7}


def test_zero_is_a_count() -> None:
    assert Usage(25, 1, cache_read_input_tokens=4).updated(
        MessageDeltaUsage(0, 0, cache_read_input_tokens=0)
    ) == Usage(0, 0, cache_read_input_tokens=0)


def test_every_field_of_a_message_delta_reaches_the_usage() -> None:
    later = MessageDeltaUsage.from_dict({**WIRE, "speed": "fast", "price_of_tea": None, "new": 1})
    updated = Usage(0, 0, extra={"price_of_tea": 3}).updated(later)
    assert updated.to_dict() == {**WIRE, "speed": "fast", "new": 1}


def test_cost_metadata_has_all_that_a_price_depends_on() -> None:
    metadata = cost_metadata(Usage.from_dict(WIRE), "claude-test")
    assert metadata == CostMetadata(
        25,
        1,
        40,
        model="claude-test",
        cache_write_tokens=30,
        cache_write_5m_tokens=10,
        cache_write_1h_tokens=20,
        web_search_requests=2,
        web_fetch_requests=1,
        tier="standard",
        region="global",
        iterations=(CostMetadata(25, 1, model="claude-test", tier="standard", region="global"),),
        final=False,  # the iteration lacks the cache reads and writes
    )


def test_the_speed_is_part_of_what_a_price_depends_on() -> None:
    usage = Usage(1, 2, speed="fast", iterations=(IterationUsage("message", 1, 2),))
    metadata = cost_metadata(usage)
    assert metadata.speed == "fast"
    assert metadata.iterations[0].speed == "fast"


def test_an_iteration_may_have_been_run_by_another_model() -> None:
    usage = Usage(1, 2, iterations=(IterationUsage("advisor_message", 3, 4, model="wise"),))
    (iteration,) = cost_metadata(usage, "quick").iterations
    assert iteration == CostMetadata(3, 4, model="wise")


def test_without_usage_cost_metadata_has_no_more_than_the_model() -> None:
    assert cost_metadata(None) == CostMetadata(final=False)
    assert cost_metadata(None, "m") == CostMetadata(model="m", final=False)


@pytest.mark.parametrize("count", ["1", 1.5, True, [], {}])
def test_a_count_that_is_no_number_is_none_and_kept_until_a_count_comes(count: object) -> None:
    wire = {"input_tokens": 1, "output_tokens": count}
    usage = Usage.from_dict(wire)
    assert usage == Usage(1, extra={"output_tokens": count})
    assert usage.to_dict() == wire
    assert cost_metadata(usage).doubt == "output_tokens cannot be read"
    assert cost_metadata(usage).final is False
    assert usage.updated(MessageDeltaUsage()) == usage
    assert usage.updated(MessageDeltaUsage.from_dict(wire)) == usage
    assert usage.updated(MessageDeltaUsage(2)) == Usage(1, 2)


def test_a_count_is_none_where_it_is_absent_or_null() -> None:
    for wire in ({"input_tokens": 1}, {"input_tokens": 1, "output_tokens": None}):
        usage = Usage.from_dict(wire)
        assert usage == Usage(1)
        assert usage.output_tokens is None
        assert usage.to_dict() == wire


def test_a_whole_number_with_a_decimal_point_is_a_count_and_written_with_it() -> None:
    usage = Usage.from_dict({"input_tokens": 1.0, "output_tokens": 2})
    assert usage == Usage(1, 2)
    assert type(usage.input_tokens) is int
    assert json.dumps(usage.to_dict()) == '{"input_tokens": 1.0, "output_tokens": 2}'
    assert json.dumps(attrs.evolve(usage, input_tokens=3).to_dict()["input_tokens"]) == "3"


def test_the_whole_input_of_an_iteration_is_the_size_of_its_context() -> None:
    iteration = IterationUsage("message", 3, 5, 20, 100)
    assert iteration.total_input_tokens == 123
    assert IterationUsage("message").total_input_tokens is None
    assert Usage.from_dict(WIRE).total_input_tokens == 95
