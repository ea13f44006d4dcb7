"""What a price depends on besides the counts: how the message ended, and which models declined."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkviewError,
    CostMetadata,
    Message,
    Meter,
    accumulate,
    decode,
    encode,
)
from chunkview.testing import strategies as cv
from support import (
    MESSAGE_STOP,
    Event,
    block_start,
    block_stop,
    message_delta,
    message_start,
    text_delta,
)

UNKNOWN = "unknown"


def fallback(category: Any = ..., source: str = "a", target: str = "b") -> Event:
    """A fallback block. Without a category, it does not say why the first model declined."""
    models = {"from": {"model": source}, "to": {"model": target}}
    trigger = {} if category is ... else {"trigger": {"type": "refusal", "category": category}}
    return {"type": "fallback", **models, **trigger}


def attempt(model: str | None, output: int, kind: str = "message") -> Event:
    named = {} if model is None else {"model": model}
    return {"type": kind, "input_tokens": 10, "output_tokens": output, **named}


def message(
    *blocks: Event, iterations: list[Event] | None = None, output: int = 5, **fields: Any
) -> Message:
    usage: Event = {"input_tokens": 10, "output_tokens": output}
    if iterations is not None:
        usage["iterations"] = iterations
    whole = {"stop_reason": "end_turn", **fields, "usage": usage, "content": list(blocks)}
    return Message.from_dict({"type": "message", "id": "m", "model": "b", **whole})


TEXT = {"type": "text", "text": "a"}
HOPS = [attempt("a", 0), attempt("b", 5, "fallback_message")]

# Streams that are made of what a bill depends on, in any order.
categories = st.sampled_from([..., None, "cyber", "bio", "x" * 101, 7])
models = st.sampled_from("abc")
blocks = st.just(TEXT) | st.builds(fallback, categories, models, models)
details = st.none() | st.builds(lambda one: {"type": "refusal", "category": one}, st.just("bio"))
attempts = st.builds(
    attempt,
    st.none() | models,
    st.integers(0, 1),
    st.sampled_from(["message", "fallback_message", "compaction"]),
)
starts = st.builds(
    lambda content, stop: message_start(content=content, **stop),
    st.lists(blocks, max_size=2),
    st.sampled_from([{}, {"stop_reason": "refusal"}, {"stop_reason": "refusal", "novelty": 1}]),
)
ends = st.builds(
    lambda reason, stop, output, iterations: {
        **message_delta(reason, output_tokens=output, iterations=iterations),
        "delta": {"stop_reason": reason, "stop_sequence": None, "stop_details": stop},
    },
    st.sampled_from([None, "end_turn", "refusal"]),
    details,
    st.sampled_from([0, 1, None, "1"]),
    st.none() | st.lists(attempts, max_size=4),
)
bodies = st.lists(
    st.builds(lambda block, index: block_start(index, **block), blocks, st.integers(0, 2))
    | st.builds(block_stop, st.integers(0, 2))
    | st.builds(text_delta, st.just("a"), st.integers(0, 2))
    | ends,
    max_size=8,
)


@given(st.lists(starts, min_size=1, max_size=2), bodies, ends, st.booleans())
def test_a_stream_its_message_and_a_meter_agree_on_what_a_price_depends_on(
    begin: list[Event], body: list[Event], end: Event, is_whole: bool
) -> None:
    events = [*begin, *body, end, *[MESSAGE_STOP] * is_whole]
    stream = AnthropicStream(events)
    meter = Meter()
    meter.feed(b"".join(map(encode, events)))
    with contextlib.suppress(ChunkviewError):
        list(stream)
    assert meter.cost_metadata == stream.cost_metadata
    assert meter.cost_metadata.doubt == stream.cost_metadata.doubt
    assert stream.message is not None
    assert stream.message.cost_metadata == stream.cost_metadata
    assert stream.message.cost_metadata.doubt == stream.cost_metadata.doubt


@given(cv.message_streams() | cv.message_streams(beta=True))
def test_whether_counts_are_final_is_known_for_a_stream_and_not_for_a_message_without_one(
    events: Any,
) -> None:
    whole = accumulate(events)
    assert whole.cost_metadata.final is not None
    assert bool(whole.cost_metadata.doubt) is not whole.cost_metadata.final
    alone = Message.from_dict(whole.to_dict()).cost_metadata
    assert alone.final is not True
    if whole.cost_metadata.final:
        assert alone.final is None


def test_a_message_that_has_not_stopped_is_not_final() -> None:
    start: Any = decode(message_start())
    for unfinished in (start, start.message, message(TEXT, stop_reason=None)):
        assert unfinished.cost_metadata.final is False
        assert unfinished.cost_metadata.doubt == "the message is not finished"
    assert message(TEXT).cost_metadata.final is None


def test_a_message_delta_is_not_final_without_its_count_and_its_stop_reason() -> None:
    def metadata(*arguments: Any, **usage: Any) -> CostMetadata:
        return decode(message_delta(*arguments, **usage)).cost_metadata

    assert metadata().final is None
    assert metadata(None).doubt == "the message is not finished"
    no_count = "no message_delta says how many tokens were generated"
    assert metadata(output_tokens=None).doubt == no_count
    assert (metadata("refusal", output_tokens=0).refusal, metadata("refusal").final) == ("", False)


@pytest.mark.parametrize(
    ("details", "category"),
    [
        (None, ""),
        ({"type": "refusal"}, ""),
        ({"type": "refusal", "category": None}, ""),
        ({"type": "refusal", "category": "bio"}, "bio"),
        ({"type": "refusal", "category": 7}, UNKNOWN),
        ({"type": "refusal", "category": "x" * 101}, UNKNOWN),
    ],
)
def test_a_refusal_before_any_output_has_its_category(details: Any, category: str) -> None:
    refused = message(stop_reason="refusal", stop_details=details, output=0)
    assert refused.cost_metadata.refusal == category
    # Bedrock counts a token for it.
    refused = message(stop_reason="refusal", stop_details=details, output=1)
    assert refused.cost_metadata.refusal == category
    in_the_middle = message(TEXT, stop_reason="refusal", stop_details=details)
    assert in_the_middle.cost_metadata.refusal is None
    assert message(stop_details=details).cost_metadata.refusal is None


def refusals(of: Message) -> list[str | None]:
    return [iteration.refusal for iteration in of.cost_metadata.iterations]


@pytest.mark.parametrize(
    ("category", "refusal"),
    [("cyber", "cyber"), ("bio", "bio"), (None, ""), (..., UNKNOWN), (7, UNKNOWN)],
)
def test_the_attempt_of_a_model_that_declined_has_the_category_of_its_fallback(
    category: Any, refusal: str
) -> None:
    assert refusals(message(fallback(category), TEXT, iterations=HOPS)) == [refusal, None]


def test_an_attempt_with_output_is_not_declined_before_any_output() -> None:
    hops = [attempt("a", 3), *HOPS[1:]]
    assert refusals(message(TEXT, fallback("cyber"), TEXT, iterations=hops)) == [None, None]
    # The model used a tool of the server, and declined when it saw the result.
    tools = [attempt("a", 3), attempt("a", 0), *HOPS[1:]]
    assert refusals(message(TEXT, fallback("cyber"), TEXT, iterations=tools)) == [None] * 3


def test_if_all_models_decline_each_has_its_category() -> None:
    hops = [attempt("a", 0), attempt("b", 0), attempt("c", 0, "fallback_message")]
    declined = message(
        fallback("cyber"),
        fallback("bio", "b", "c"),
        iterations=hops,
        stop_reason="refusal",
        stop_details={"type": "refusal", "category": "general_harms"},
        output=0,
    )
    assert refusals(declined) == ["cyber", "bio", "general_harms"]
    assert declined.cost_metadata.final is None


def test_an_iteration_that_is_no_attempt_is_always_billed() -> None:
    hops = [attempt("z", 0, "compaction"), attempt("a", 0), attempt("z", 0, "advisor_message")]
    assert refusals(message(fallback("cyber"), TEXT, iterations=[*hops, HOPS[1]])) == [
        *(None, "cyber"),
        *(None, None),
    ]


def test_an_attempt_that_no_fallback_belongs_to_has_an_unknown_category() -> None:
    assert refusals(message(TEXT, iterations=HOPS)) == [UNKNOWN, None]
    hops = [attempt("a", 0), attempt("b", 0), attempt("c", 1, "fallback_message")]
    assert refusals(message(fallback("cyber"), TEXT, iterations=hops)) == [UNKNOWN, UNKNOWN, None]
    # A later turn goes straight to the model that answered before.
    assert refusals(message(TEXT, iterations=HOPS[1:])) == [None]


def test_a_fallback_that_came_twice_is_one_and_one_with_two_categories_has_none() -> None:
    twice = message(fallback(), fallback("cyber"), fallback(), TEXT, iterations=HOPS)
    assert refusals(twice) == ["cyber", None]
    several = message(fallback("cyber"), fallback("bio"), fallback("cyber"), TEXT, iterations=HOPS)
    assert refusals(several) == [UNKNOWN, None]


def test_more_fallbacks_than_there_can_be_are_not_told_apart() -> None:
    chain = [fallback("cyber", str(at), str(at + 1)) for at in range(20)]
    hops = [attempt(str(at), 0) for at in range(20)] + [attempt("20", 1, "fallback_message")]
    assert refusals(message(*chain, TEXT, iterations=hops)) == [UNKNOWN] * 20 + [None]


def test_a_fallback_without_the_attempts_before_it_is_not_final() -> None:
    for iterations in (None, [], HOPS[1:]):
        doubt = message(fallback("cyber"), TEXT, iterations=iterations).cost_metadata.doubt
        assert doubt == "another model declined first, and no iteration says what that used"


def test_an_attempt_that_may_be_of_several_models_is_not_final() -> None:
    hops = [attempt(None, 3), attempt("b", 5, "fallback_message")]
    first, last = message(TEXT, fallback("cyber"), iterations=hops).cost_metadata.iterations
    assert first.final is False
    assert first.doubt == "an iteration does not say which of several models ran it"
    assert last.final is None
    (alone,) = message(TEXT, iterations=[attempt(None, 3)]).cost_metadata.iterations
    assert (alone.final, alone.model) == (None, "b")


def test_content_for_no_tokens_is_doubtful_unless_an_attempt_has_output() -> None:
    assert message(TEXT, output=0).cost_metadata.doubt == "there is content, but output_tokens is 0"
    # The first model declined in the middle of its answer, the second one before any output.
    hops = [attempt("a", 3), attempt("b", 0, "fallback_message")]
    both = message(TEXT, fallback("cyber"), iterations=hops, output=0, stop_reason="refusal")
    assert both.cost_metadata.doubt == ""
    assert refusals(both) == [None, ""]


def test_a_meter_keeps_no_more_of_the_details_than_their_category() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "x" * 100_000}
    end = message_delta("refusal", output_tokens=0)
    end["delta"]["stop_details"] = details
    meter = Meter()
    meter.feed(encode(message_start()) + encode(end))
    assert meter.cost_metadata.refusal == "bio"
    head = meter._totals.head.message()
    assert head is not None
    assert head.stop_details == {"category": "bio"}


@pytest.mark.parametrize(
    ("counts", "is_sum"),
    [
        ({}, True),
        ({"input_tokens": 10}, True),  # a model that asked an advisor has the first input only
        ({"input_tokens": 11}, False),
        ({"output_tokens": 3}, False),
        ({"output_tokens": 6}, False),
        ({"cache_read_input_tokens": 1}, False),
        ({"cache_creation_input_tokens": 1}, False),
        ({"cache_creation_input_tokens": None, "cache_read_input_tokens": 0}, True),
    ],
)
def test_iterations_that_do_not_add_up_to_the_whole_are_doubtful_unless_a_model_declined(
    counts: Event, is_sum: bool
) -> None:
    def metadata(*iterations: Event) -> CostMetadata:
        usage = {"input_tokens": 20, "output_tokens": 5, **counts, "iterations": list(iterations)}
        whole = {"model": "b", "stop_reason": "end_turn", "content": [TEXT], "usage": usage}
        return Message.from_dict({"type": "message", "id": "m", **whole}).cost_metadata

    own = attempt("b", 3), attempt("z", 7, "advisor_message"), attempt("b", 2)
    assert bool(metadata(*own).doubt) is not is_sum
    assert metadata(*own).final is (None if is_sum else False)
    if not is_sum:
        (odd,) = counts
        assert metadata(*own).doubt == f"the iterations and the whole do not have the same {odd}"
    assert metadata(*own, attempt("c", 5, "fallback_message")).doubt == ""
    assert metadata(own[1]).doubt == ""
