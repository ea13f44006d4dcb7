from __future__ import annotations

import contextlib
import copy
import decimal
import importlib
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import attrs
import genai_prices
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkviewError,
    CostMetadata,
    Message,
    Usage,
    accumulate,
    iter_chunks,
)
from chunkview.pricing import cost, why_no_cost
from chunkview.testing import recording
from chunkview.testing import strategies as cv
from support import (
    MESSAGE_STOP,
    block_start,
    block_stop,
    examples,
    message_delta,
    message_start,
    text_delta,
)

SONNET = (
    "claude-sonnet-4-5-20250929"  # per million tokens: 3 in, 15 out, 0.30 read, 3.75 and 6 written
)
MILLION = 1_000_000
# The last list for Python 3.10 lacks the models of 2026.
IS_OLD_LIST = version("genai-prices").startswith("0.1.")
needs_new_list = pytest.mark.skipif(IS_OLD_LIST, reason="the price list lacks the models")


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
        refusal=st.sampled_from([None, "", "bio", "cyber", "unknown"]),
        final=st.sampled_from([None, True, False]),
        iterations=iterations,
    )


any_cost_metadata = st.recursive(
    cost_metadata(st.just(())),
    lambda inner: cost_metadata(st.lists(inner, max_size=3).map(tuple)),
    max_leaves=4,
)
providers = st.sampled_from(["anthropic", "aws", "google", "nobody", "", "\ud800"])
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
    # The list has the prices of batches since 2026-10-14.
    assert cost(metadata(**fields), when=datetime(2026, 11, 1)) == Decimal(dollars)


def test_fast_mode_has_its_price_where_the_list_knows_it() -> None:
    fast = metadata(model="claude-opus-5-5", speed="fast", output_tokens=1_000)
    # The last list for Python 3.10 knows neither the mode nor the model.
    knows = not version("genai-prices").startswith("0.1.")
    assert cost(fast) == (Decimal("0.04") if knows else None)
    assert cost(attrs.evolve(fast, speed="standard")) in (Decimal("0.02"), None)


@needs_new_list
@given(
    st.sampled_from(["claude-haiku-4-5", "claude-opus-4-8", "claude-opus-5-5"]),
    st.sampled_from([None, "standard", "batch"]),
    st.sampled_from([None, "standard", "fast"]),
    st.datetimes(datetime(2026, 9, 1), datetime(2026, 12, 1)),
)
def test_a_variant_has_a_price_only_where_the_list_has_an_active_one_for_all_of_it(
    model: str, tier: str | None, speed: str | None, when: datetime
) -> None:
    of = metadata(model=model, tier=tier, speed=speed, input_tokens=MILLION)
    context = {"processing": "batch"} if tier == "batch" else {}
    context |= {"speed": "fast"} if speed == "fast" else {}
    listed = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=MILLION), model, provider_id="anthropic"
    ).model
    active: list[Any] = [
        variant.prices.input_mtok
        for variant in listed.price_variants or ()
        if variant.when == context
        if variant.constraint is None or variant.constraint.active(when)
    ]
    if context:
        assert cost(of, when=when) == (active[0] if active else None)
    else:
        assert cost(of, when=when) is not None


@needs_new_list
def test_a_batch_has_no_price_before_the_list_has_one() -> None:
    of = metadata(
        model="claude-haiku-4-5", tier="batch", input_tokens=MILLION, output_tokens=MILLION
    )
    assert cost(of, when=datetime(2026, 9, 1)) is None
    assert why_no_cost(of, when=datetime(2026, 9, 1)) == (
        "not on the price list: processing batch of claude-haiku-4-5"
    )
    assert cost(of, when=datetime(2026, 10, 14)) == 3


@needs_new_list
def test_a_fast_batch_has_no_price_where_the_list_has_each_alone() -> None:
    of = metadata(model="claude-opus-4-8", tier="batch", speed="fast", input_tokens=MILLION)
    assert why_no_cost(of, when=datetime(2026, 11, 1)) == (
        "not on the price list: processing batch and speed fast of claude-opus-4-8"
    )
    for alone in (attrs.evolve(of, tier=None), attrs.evolve(of, speed=None)):
        assert cost(alone, when=datetime(2026, 11, 1)) is not None


@needs_new_list
def test_a_batch_has_no_price_where_the_list_takes_the_model_from_another_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = metadata(model="claude-haiku-4-5", tier="batch", input_tokens=MILLION)
    calculate = genai_prices.calc_price

    def ignore_context(*arguments: Any, price_context: Any, **options: Any) -> Any:
        return calculate(*arguments, **options)

    assert cost(of, when=datetime(2026, 11, 1)) == Decimal("0.5")
    monkeypatch.setattr(genai_prices, "calc_price", ignore_context)
    assert cost(of, when=datetime(2026, 11, 1)) is None


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


@given(any_cost_metadata, st.none() | models, st.none() | any_time, st.none() | providers)
def test_a_cost_is_an_amount_or_there_is_a_reason_and_never_an_error(
    of: CostMetadata, model: str | None, when: datetime | None, provider: str | None
) -> None:
    """Any counts, any names and any date give a Decimal that is not negative, or None."""
    price = cost(of, model=model, when=when, provider=provider)
    assert price is None or (isinstance(price, Decimal) and price.is_finite() and price >= 0)
    why = why_no_cost(of, model=model, when=when, provider=provider)
    assert (why is None) == (price is not None)
    assert why is None or (0 < len(why) < 300 and why == why.strip())


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
        (0, None, 1, True),  # nothing was written
        (0, 1_000, 0, True),
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
    # The standard prices of a day are asked for only once.
    assert cost(metadata(tier="batch")) is None


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


# Dollars per million tokens: input, output, cache reads, writes for five minutes and for an hour.
PER_MILLION = {
    "claude-sonnet-4-5-20250929": ("3", "15", "0.3", "3.75", "6"),
    "claude-opus-4-8": ("5", "25", "0.5", "6.25", "10"),
    "claude-fable-5": ("10", "50", "1", "12.5", "20"),
}
AFTER = datetime(2026, 10, 1, tzinfo=timezone.utc)

few = st.integers(0, 30_000)  # long prompts have other prices


def counts_of(output: st.SearchStrategy[int] = few) -> st.SearchStrategy[dict[str, Any]]:
    """Usage in which the cache writes add up."""
    return st.builds(
        lambda five, hour, **counts: {
            **counts,
            "cache_creation_input_tokens": five + hour,
            "cache_creation": {
                "ephemeral_5m_input_tokens": five,
                "ephemeral_1h_input_tokens": hour,
            },
        },
        few,
        few,
        input_tokens=few,
        output_tokens=output,
        cache_read_input_tokens=few,
    )


def sum_of(usage: dict[str, Any], model: str) -> Decimal:
    """What the counts cost, written as the page about prices says it."""
    in_, out, read, five, hour = map(Decimal, PER_MILLION[model])
    written = usage["cache_creation"]
    millionths: Decimal = (
        usage["input_tokens"] * in_
        + usage["output_tokens"] * out
        + usage["cache_read_input_tokens"] * read
        + written["ephemeral_5m_input_tokens"] * five
        + written["ephemeral_1h_input_tokens"] * hour
    )
    return millionths / MILLION


FREE = [None, "cyber", "general_harms", "a category of tomorrow"]
BILLED = ["bio", "frontier_llm", "reasoning_extraction"]
some_category = st.sampled_from([*FREE, *BILLED])


@given(counts_of(), st.sampled_from([*PER_MILLION]), st.integers(0, 3))
def test_the_cost_of_a_message_is_the_sum_of_its_parts(
    usage: Any, model: str, searches: int
) -> None:
    usage["server_tool_use"] = {"web_search_requests": searches}
    message = message_of(usage, model, stop_reason="end_turn")
    price = cost(message, when=AFTER)
    assert price in (None, sum_of(usage, model) + searches * Decimal("0.01"))
    assert price is not None or IS_OLD_LIST


@given(counts_of(st.just(0)), st.sampled_from([*PER_MILLION]), some_category)
def test_a_refusal_before_any_output_is_free_unless_its_category_is_billed(
    usage: Any, model: str, category: str | None
) -> None:
    details = {"type": "refusal", "category": category}
    message = message_of(usage, model, stop_reason="refusal", stop_details=details)
    assert message.content == ()
    billed = sum_of(usage, model) if category in BILLED else 0
    assert cost(message, when=AFTER) in (billed, None if IS_OLD_LIST else billed)


@needs_new_list
@given(st.lists(st.tuples(counts_of(st.just(0) | few), some_category), max_size=2), counts_of(few))
def test_of_a_fallback_each_attempt_costs_what_its_model_does_unless_it_declined_for_free(
    declined: list[Any], last: Any
) -> None:
    names = [*PER_MILLION][: len(declined) + 1]
    expected = Decimal(0)
    content: list[Any] = []
    iterations: list[Any] = []
    for place, (usage, category) in enumerate(declined):
        expected += sum_of(usage, names[place]) * (
            bool(usage["output_tokens"]) or category in BILLED
        )
        pair = {"from": {"model": names[place]}, "to": {"model": names[place + 1]}}
        trigger = {"type": "refusal", "category": category}
        content.append({"type": "fallback", **pair, "trigger": trigger})
        iterations.append({"type": "message", "model": names[place], **usage})
    expected += sum_of(last, names[-1])
    iterations.append({"type": "fallback_message", "model": names[-1], **last})
    usage = {**last, "iterations": iterations}
    message = message_of(usage, names[-1], stop_reason="end_turn", content=content)
    assert cost(message, when=AFTER) == expected


@given(cv.message_streams(), st.data())
def test_a_cut_after_the_final_usage_changes_no_cost_and_before_it_there_is_none(
    events: Any, data: Any
) -> None:
    (start,) = [event for event in events if event["type"] == "message_start"]
    start["message"]["model"] = SONNET
    whole = accumulate(events)
    last = max(place for place, event in enumerate(events) if event["type"] == "message_delta")
    place = data.draw(st.integers(0, len(events)))
    stream = AnthropicStream(events[:place])
    with contextlib.suppress(ChunkviewError):
        list(stream)
    if place > last:
        assert cost(stream) == cost(whole)
    elif not any(event["type"] == "message_delta" for event in events[:place]):
        assert cost(stream) is None
        if stream.message is not None:
            assert why_no_cost(stream) == "the message is not finished"


def message_of(usage: Any, model: str, **fields: Any) -> Message:
    whole = {"id": "m", "type": "message", "role": "assistant", "content": [], **fields}
    return Message.from_dict({**whole, "model": model, "usage": usage})


def stream_of(start: dict[str, Any], end: dict[str, Any]) -> AnthropicStream:
    """A stream of Sonnet with this usage at its start and at its end."""
    events = [
        message_start(model=SONNET, usage=start),
        block_start(),
        text_delta("a"),
        block_stop(),
        {**message_delta(), "usage": end},
        MESSAGE_STOP,
    ]
    stream = AnthropicStream(events)
    list(stream)
    return stream


def written(five: int, hour: int) -> dict[str, Any]:
    split = {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour}
    return {"cache_creation_input_tokens": five + hour, "cache_creation": split}


@pytest.mark.parametrize(
    ("start", "total", "dollars"),
    [
        (written(0, 1_000), 5_000, None),
        (written(0, 0), 11_350, None),
        (written(1_000, 0), 5_000, None),
        (written(1_000, 0), 500, None),
        (written(1_000, 0), 0, "0.00375"),  # the writes are gone
        (written(0, 1_000), 0, "0.00375"),
        (written(1_000, 0), 1_000, "0.0075"),
        (written(0, 1_000), 1_000, "0.00975"),
        (written(1_000, 0), None, "0.0075"),
    ],
)
def test_a_split_that_the_total_outgrew_has_a_price_only_where_it_makes_no_difference(
    start: dict[str, Any], total: int | None, dollars: str | None
) -> None:
    begin = {"input_tokens": 15, "output_tokens": 1, **start}
    end = {"input_tokens": 1_015, "output_tokens": 47, "cache_creation_input_tokens": total}
    stream = stream_of(begin, end)
    assert stream.cost_metadata.final is True
    assert cost(stream) == (None if dollars is None else Decimal(dollars))
    if dollars is None:
        assert why_no_cost(stream) == (
            f"nothing says how long the cache keeps some of the {total:,} tokens that were "
            "written to it"
        )


def test_a_split_makes_no_difference_where_iterations_are_billed() -> None:
    split = metadata(cache_write_tokens=5, cache_write_5m_tokens=1, cache_write_1h_tokens=0)
    assert cost(split) is None
    billed = metadata(output_tokens=1_000)
    assert cost(attrs.evolve(split, iterations=(billed,))) == Decimal("0.015")
    assert cost(metadata(iterations=(split,))) is None


@pytest.mark.parametrize("of", [None, 5, "claude", Usage(1, 2), {"cost_metadata": None}])
def test_what_has_no_counts_to_price_is_a_type_error(of: Any) -> None:
    for price in (cost, why_no_cost):
        with pytest.raises(TypeError, match="expected a message, a chunk, a stream, a meter or a"):
            price(of)


@given(cv.message_streams())
def test_a_price_that_is_not_certain_stays_so_in_the_events_of_the_message(events: Any) -> None:
    events = [{**one, "usage": {}} if one["type"] == "message_delta" else one for one in events]
    message = accumulate(events)
    assert cost(message) is None
    assert cost(accumulate(message.to_events())) is None


@needs_new_list
def test_the_example_of_the_page_about_refusals_costs_what_its_second_model_did() -> None:
    iterations = [
        {"type": "message", "model": "claude-fable-5", "input_tokens": 535, "output_tokens": 0},
        {
            "type": "fallback_message",
            "model": "claude-opus-4-8",
            "input_tokens": 412,
            "output_tokens": 264,
        },
    ]
    pair = {"from": {"model": "claude-fable-5"}, "to": {"model": "claude-opus-4-8"}}
    declined = {"type": "fallback", **pair, "trigger": {"type": "refusal", "category": "cyber"}}
    usage = {"input_tokens": 412, "output_tokens": 264, "iterations": iterations}
    end = {"stop_reason": "end_turn", "content": [declined, {"type": "text", "text": "Hi!"}]}
    message = message_of(usage, "claude-opus-4-8", **end)
    assert cost(message) == Decimal("0.00866")
    streamed = accumulate(message.to_events())
    assert cost(streamed) == Decimal("0.00866")
    assert streamed.cost_metadata.final is True
    declined["trigger"] = {"type": "refusal", "category": "bio"}
    billed = message_of(usage, "claude-opus-4-8", **end)
    assert cost(billed, when=AFTER) == Decimal("0.00866") + Decimal("0.00535")
    del declined["trigger"]
    silent = message_of(usage, "claude-opus-4-8", **end)
    assert cost(silent, when=AFTER) is None
    assert why_no_cost(silent, when=AFTER) == (
        "a model declined, and nothing says for which category of policy"
    )


@pytest.mark.parametrize(
    ("when", "refusal", "dollars"),
    [
        (datetime(2026, 6, 1), "cyber", "0.003"),
        (datetime(2026, 6, 2), "bio", "0"),
        (datetime(2026, 6, 2), "unknown", "0"),
        (datetime(2026, 9, 23), "bio", "0"),
        (datetime(2026, 9, 24), "bio", "0.003"),
        (datetime(2026, 9, 24), "cyber", "0"),
        (datetime(2026, 9, 24), "", "0"),
        (datetime(2026, 9, 24), "unknown", None),
        (datetime(2026, 9, 24), None, "0.003"),
        (None, "reasoning_extraction", "0.003"),
        (None, "cyber", "0"),
    ],
)
def test_which_refusals_are_billed_depends_on_the_date(
    when: datetime | None, refusal: str | None, dollars: str | None
) -> None:
    of = metadata(input_tokens=1_000, refusal=refusal)
    assert cost(of, when=when) == (None if dollars is None else Decimal(dollars))


def test_what_is_free_is_free_for_any_model_but_not_where_the_counts_are_doubtful() -> None:
    declined = CostMetadata(7, 0, model="no-such-model", tier="priority", refusal="cyber")
    assert cost(declined) == 0
    assert cost(attrs.evolve(declined, input_tokens=-7)) is None
    assert cost(attrs.evolve(declined, final=False)) is None


@pytest.mark.parametrize("final", [True, None])
def test_there_is_a_price_unless_the_counts_are_known_not_to_be_final(final: bool | None) -> None:
    of = metadata(input_tokens=1_000, final=final)
    assert cost(of) == Decimal("0.003")
    doubtful = attrs.evolve(of, final=False)
    assert cost(doubtful) is None
    assert why_no_cost(doubtful) == "the counts are not those of the whole response"
    assert why_no_cost(attrs.evolve(doubtful, doubt="it rains")) == "it rains"
    assert why_no_cost(metadata(iterations=(of, doubtful))) is not None


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (metadata(model="claude-x"), "not on the price list: claude-x"),
        (metadata(model=None), "the model is not known"),
        (metadata(output_tokens=None), "output_tokens is not known"),
        (metadata(input_tokens=-1), "input_tokens makes no sense: -1"),
        (metadata(tier="priority"), "not on the price list: tier priority"),
        (metadata(speed="fast"), f"not on the price list: speed fast of {SONNET}"),
        (metadata(region="us"), "not on the price list: region us"),
        (
            metadata(model="claude-2.1", cached_tokens=1),
            "not on the price list: cache reads of claude-2.1",
        ),
        (
            metadata(model="eu.anthropic.claude-x"),
            "not on the price list of aws: eu.anthropic.claude-x",
        ),
        (metadata(iterations=(metadata(iterations=(metadata(),)),)), "an iteration has iterations"),
        (metadata(), None),
    ],
)
def test_the_reason_for_no_price_is_a_short_sentence(of: CostMetadata, why: str | None) -> None:
    assert why_no_cost(of) == why
    assert (cost(of) is None) is (why is not None)


@pytest.mark.parametrize(
    ("model", "provider", "dollars"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", None, "0.0033"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", "0.0033"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock", "0.0033"),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", None, "0.0011"),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", None, "0.003"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", None),
        ("arn:aws:bedrock:x:1:y/us.anthropic.claude-sonnet-4-5-20250929-v1:0", None, "0.0033"),
        ("claude-sonnet-4-5@20250929", None, "0.003"),
        ("claude-sonnet-4-5@20250929", "vertex", "0.003"),
        ("claude-sonnet-4-5", "google", "0.003"),
        (SONNET, "nobody", None),
        ("anthropic/claude-sonnet-4-5", None, None),
    ],
)
def test_bedrock_and_vertex_have_prices_of_their_own(
    model: str, provider: str | None, dollars: str | None
) -> None:
    price = cost(metadata(model=model, input_tokens=1_000), provider=provider)
    assert price == (None if dollars is None else Decimal(dollars))


def test_a_name_with_its_region_counts_if_the_response_has_the_name_without() -> None:
    regional = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    of = metadata(input_tokens=1_000, iterations=(metadata(input_tokens=1_000),))
    assert cost(of) == Decimal("0.003")
    assert cost(of, model=regional) == Decimal("0.0033")
    # Another model answered than the one that was asked for.
    for other in (
        "claude-3-haiku-20240307",
        "us.anthropic.claude-opus-4-8",
        SONNET + "-5",
        "-" * 999,
    ):
        assert cost(of, model=other) == Decimal("0.003")


def test_a_price_list_of_ones_own_gets_the_counts_of_one_model_at_a_time() -> None:
    seen: list[CostMetadata] = []

    def prices(part: CostMetadata) -> Decimal | None:
        seen.append(part)
        return None if part.model == "dear" else Decimal(1)

    iterations = (
        metadata(model="a", output_tokens=2, cache_write_tokens=3),
        metadata(model="a", refusal="cyber"),
    )
    of = metadata(model="b", web_search_requests=4, iterations=iterations, region="moon")
    assert cost(of, prices=prices) == 2
    assert [(part.model, part.iterations) for part in seen] == [("b", ()), ("a", ())]
    assert seen[0] == CostMetadata(0, 0, model="b", web_search_requests=4)
    assert (seen[1].cache_write_5m_tokens, seen[1].cache_write_1h_tokens) == (3, 0)
    assert cost(metadata(model="dear"), prices=prices) is None
    assert why_no_cost(metadata(model="dear"), prices=prices) == "not on the price list: dear"
    assert cost(metadata(region="moon", tier="my own"), prices=prices) == 1


def test_a_price_list_of_ones_own_may_price_all_cache_writes_alike() -> None:
    split = metadata(cache_write_tokens=5, cache_write_5m_tokens=1, cache_write_1h_tokens=0)

    def prices(part: CostMetadata) -> Decimal:
        assert part.cache_write_5m_tokens is not None
        assert part.cache_write_1h_tokens is not None
        assert part.cache_write_5m_tokens + part.cache_write_1h_tokens == 5
        return Decimal(part.cache_write_tokens or 0)

    assert cost(split, prices=prices) == 5


@pytest.mark.parametrize("price", [0, 1.5, True, "1", [], float("nan")])
@pytest.mark.parametrize("iterations", [(), (metadata(), metadata())])
def test_a_price_that_is_no_decimal_is_refused_at_once(price: Any, iterations: Any) -> None:
    calls: list[CostMetadata] = []

    def prices(part: CostMetadata) -> Any:
        calls.append(part)
        return price

    for ask in (cost, why_no_cost):
        calls.clear()
        with pytest.raises(TypeError, match="expected prices to give a Decimal or None, got "):
            ask(metadata(iterations=iterations), prices=prices)
        assert len(calls) == 1


@given(st.lists(st.decimals(), min_size=2, max_size=2))
@example([Decimal("9E+999999"), Decimal("9E+999999")])
@example([Decimal("-0.01"), Decimal(1)])
@example([Decimal("sNaN"), Decimal(1)])
def test_a_price_that_makes_no_sense_is_no_price_and_has_a_reason(amounts: list[Decimal]) -> None:
    of = metadata(iterations=(metadata(output_tokens=0), metadata(output_tokens=1)))

    def prices(part: CostMetadata) -> Decimal:
        return amounts[part.output_tokens or 0]

    price, why = cost(of, prices=prices), why_no_cost(of, prices=prices)
    is_odd = not all(one.is_finite() and 0 <= one <= 10**24 for one in amounts)
    assert (price is None) is (why is not None) is is_odd
    assert price is None or (price.is_finite() and price >= 0)
    assert why is None or why.startswith("the price makes no sense: ")


def test_without_the_price_lists_the_error_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    monkeypatch.delitem(sys.modules, "chunkview.pricing")
    with pytest.raises(ImportError, match=r"pip install 'chunkview\[prices\]'"):
        importlib.import_module("chunkview.pricing")


def iteration(writes: int, split: tuple[int, int] | None = None, **fields: Any) -> dict[str, Any]:
    one = {"type": "message", "model": "claude-opus-4-8", "input_tokens": 0, "output_tokens": 1}
    counts: dict[str, Any] = {"cache_creation_input_tokens": writes}
    if split is not None:
        counts = written(*split)
    return {**one, **counts, **fields}


def opus_message(split: tuple[int, int], *iterations: dict[str, Any]) -> Message:
    """A message of Opus 4.8: 5 and 25 dollars, writes for 6.25 and 10."""
    own = [one for one in iterations if one["type"] == "message"]
    usage = {
        "input_tokens": 0,
        "output_tokens": sum(one["output_tokens"] for one in own),
        **written(*split),
        "iterations": list(iterations),
    }
    return message_of(usage, "claude-opus-4-8", stop_reason="end_turn")


@needs_new_list
@given(st.lists(st.tuples(few, few, st.booleans()), min_size=1, max_size=4))
def test_iterations_without_a_split_cost_what_those_with_it_do_or_nothing_is_known(
    parts: list[tuple[int, int, bool]],
) -> None:
    five, hour = sum(short for short, _, _ in parts), sum(long for _, long, _ in parts)
    told = [iteration(0, (short, long)) for short, long, _ in parts]
    some = [
        iteration(short + long, None if is_silent else (short, long))
        for short, long, is_silent in parts
    ]
    price = cost(opus_message((five, hour), *told))
    assert price is not None
    lacking = [(short, long) for short, long, is_silent in parts if is_silent and short + long]
    is_known = len(lacking) < 2 or not all(map(any, zip(*lacking, strict=True)))
    assert cost(opus_message((five, hour), *some)) == (price if is_known else None)


@needs_new_list
def test_the_split_of_the_whole_is_that_of_its_only_iteration() -> None:
    of = opus_message((0, MILLION), iteration(MILLION))
    assert cost(of) == Decimal("10.000025")


@needs_new_list
@pytest.mark.parametrize(
    ("split", "dollars"), [((7, MILLION), None), ((0, 0), None), ((MILLION, 0), "12.50005")]
)
def test_writes_that_are_not_part_of_the_whole_may_be_kept_for_an_hour_if_others_are(
    split: tuple[int, int], dollars: str | None
) -> None:
    compaction = iteration(MILLION, type="compaction")
    of = opus_message(split, compaction, iteration(sum(split)))
    assert cost(of) == (None if dollars is None else Decimal(dollars))
    if dollars is None:
        assert why_no_cost(of) is not None


@needs_new_list
def test_a_split_of_the_whole_that_contradicts_it_is_not_that_of_its_iterations() -> None:
    half = metadata(output_tokens=1, cache_write_tokens=500)
    for split in ({"cache_write_1h_tokens": 2_000}, {"cache_write_5m_tokens": 500}):
        assert cost(metadata(cache_write_tokens=1_000, iterations=(half, half), **split)) is None
        assert cost(metadata(cache_write_tokens=1_000, iterations=(half,), **split)) is None


@given(
    model=st.sampled_from(
        ["claude-sonnet-4-5-20250929", "claude-opus-4-5", "claude-3-haiku-20240307"]
    ),
    counts=st.lists(st.integers(0, 300_000), min_size=5, max_size=5),
    searches=st.integers(0, 20),
    day=st.dates(date(2024, 1, 1), date(2027, 1, 1)),
)
@examples(2)
def test_an_ordinary_request_has_the_price_that_the_list_charges(
    model: str, counts: list[int], searches: int, day: date
) -> None:
    """The prices of a day are looked up once. What they amount to is what the list says."""
    new, read, short, long, output = counts
    when = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    of = CostMetadata(
        new,
        output,
        read,
        model=model,
        cache_write_tokens=short + long,
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
        web_search_requests=searches,
    )
    usage = genai_prices.Usage(
        input_tokens=new + read + short + long,
        cache_read_tokens=read,
        cache_write_tokens=short + long,
        cache_write_1h_tokens=long,
        output_tokens=output,
        web_searches=searches,
    )
    listed = genai_prices.calc_price(
        usage, model, provider_id="anthropic", genai_request_timestamp=when
    )
    assert cost(of, when=when) in (listed.total_price, None)
    assert cost(of, when=when) == cost(attrs.evolve(of, web_fetch_requests=1), when=when)
    if model != "claude-3-haiku-20240307":
        assert cost(of, when=when) == listed.total_price


def test_prices_of_a_new_list_replace_those_that_were_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = cost(metadata(input_tokens=MILLION))
    assert before is not None
    snapshot = copy.deepcopy(genai_prices.data_snapshot.get_snapshot())
    for provider in snapshot.providers:
        for listed in provider.models:
            listed.prices = genai_prices.types.ModelPrice(input_mtok=Decimal(7))
    monkeypatch.setattr(genai_prices.data_snapshot, "_custom_snapshot", snapshot)
    assert cost(metadata(input_tokens=MILLION)) == 7
    monkeypatch.undo()
    assert cost(metadata(input_tokens=MILLION)) == before


def test_a_price_that_depends_on_the_time_of_day_is_looked_up_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    types = genai_prices.types
    snapshot = copy.deepcopy(genai_prices.data_snapshot.get_snapshot())
    night = types.TimeOfDateConstraint(
        start_time=time(0, tzinfo=timezone.utc), end_time=time(6, tzinfo=timezone.utc)
    )
    prices = [
        types.ConditionalPrice(prices=types.ModelPrice(input_mtok=Decimal(7))),
        types.ConditionalPrice(constraint=night, prices=types.ModelPrice(input_mtok=Decimal(3))),
    ]
    for provider in snapshot.providers:
        for listed in provider.models:
            listed.prices = prices
    monkeypatch.setattr(genai_prices.data_snapshot, "_custom_snapshot", snapshot)
    for hour, dollars in ((1, 3), (12, 7), (2, 3)):
        when = datetime(2026, 11, 26, hour, tzinfo=timezone.utc)
        assert cost(metadata(input_tokens=MILLION), when=when) == dollars
