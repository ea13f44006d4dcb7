"""Counts in the conventions of others. The packages of the others say what these are."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from opentelemetry.semconv import schemas
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from chunkview import (
    AnthropicStream,
    Message,
    MessageDeltaUsage,
    Meter,
    Usage,
    accumulate,
    decode,
    iter_chunks,
)
from chunkview.interop import (
    _ATTRIBUTES,
    SEMCONV,
    langchain_usage_metadata,
    langfuse_usage_details,
    openai_usage,
    otel_attributes,
)
from chunkview.testing import recording
from chunkview.testing import strategies as cv
from support import message_delta

NAMES = {
    value
    for name, value in vars(gen_ai_attributes).items()
    if name.startswith("GEN_AI_") and isinstance(value, str)
}
# A request with cache reads and writes, and with thinking.
WIRE: Any = {
    "input_tokens": 5,
    "output_tokens": 70,
    "cache_read_input_tokens": 300,
    "cache_creation_input_tokens": 2_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 1_500},
    "output_tokens_details": {"thinking_tokens": 30},
}
USAGE = Usage.from_dict(WIRE)

counts = st.none() | st.integers(0, 10**6)


@st.composite
def _usages(draw: st.DrawFn) -> Usage | MessageDeltaUsage:
    """Usage whose parts make sense: no more thinking than output, no more for an hour than all."""
    written, output = draw(counts), draw(counts)
    wire: dict[str, Any] = {
        "input_tokens": draw(counts),
        "output_tokens": output,
        "cache_read_input_tokens": draw(counts),
        "cache_creation_input_tokens": written,
    }
    if output is not None and draw(st.booleans()):
        wire["output_tokens_details"] = {"thinking_tokens": draw(st.integers(0, output))}
    if draw(st.booleans()):
        five = draw(st.integers(0, written or 9))
        # Of a stream that wrote to the cache again, the split is too old.
        rest = (written or 9) - five if draw(st.booleans()) else draw(st.integers(0, 9))
        wire["cache_creation"] = {
            "ephemeral_5m_input_tokens": five,
            "ephemeral_1h_input_tokens": rest,
        }
    return Usage.from_dict(wire) if draw(st.booleans()) else MessageDeltaUsage.from_dict(wire)


@given(_usages())
def test_the_whole_input_is_the_sum_of_its_three_counts(usage: Usage | MessageDeltaUsage) -> None:
    if usage.input_tokens is None:
        assert usage.total_input_tokens is None
    else:
        parts = (usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
        assert usage.total_input_tokens == usage.input_tokens + sum(part or 0 for part in parts)


@given(_usages())
def test_the_parts_add_up_to_the_whole_in_each_convention(
    usage: Usage | MessageDeltaUsage,
) -> None:
    """The whole is input and output; the tokens of the cache are in it once."""
    details = langfuse_usage_details(usage)
    whole, output = usage.total_input_tokens, usage.output_tokens
    if whole is None or output is None:
        assert openai_usage(usage) is langchain_usage_metadata(usage) is None
        return
    assert sum(details.values()) == whole + output
    assert sum(count for name, count in details.items() if "input" in name) == whole

    assert_parts(openai_usage(usage), "prompt_tokens", "completion_tokens", usage)
    assert_parts(langchain_usage_metadata(usage), "input_tokens", "output_tokens", usage)

    attributes = otel_attributes(usage)
    assert attributes["gen_ai.usage.input_tokens"] == whole
    assert attributes["gen_ai.usage.output_tokens"] == output
    cache = [attributes.get(f"gen_ai.usage.{one}.input_tokens", 0) for one in CACHE]
    assert whole - sum(cache) == usage.input_tokens
    assert attributes.get("gen_ai.usage.reasoning.output_tokens", 0) <= output


CACHE = ("cache_read", "cache_creation")


def assert_parts(
    counts: dict[str, Any] | None, input_: str, output: str, usage: Usage | MessageDeltaUsage
) -> None:
    assert counts is not None
    details = {name: part for name, part in counts.items() if isinstance(part, dict)}
    assert counts[input_] == usage.total_input_tokens
    assert counts[output] == usage.output_tokens
    assert counts["total_tokens"] == counts[input_] + counts[output]
    (of_input,) = [part for name, part in details.items() if name[:5] == input_[:5]] or [{}]
    (of_output,) = [part for name, part in details.items() if name[:6] == output[:6]] or [{}]
    assert counts[input_] - sum(of_input.values()) == usage.input_tokens
    assert sum(of_output.values()) <= counts[output]


any_count = st.none() | st.integers(-9, 9)
odd_usages = st.builds(
    lambda five, hour, thinking, **wire: Usage.from_dict(
        {
            **wire,
            "cache_creation": {
                "ephemeral_5m_input_tokens": five,
                "ephemeral_1h_input_tokens": hour,
            },
            "output_tokens_details": {"thinking_tokens": thinking},
        }
    ),
    any_count,
    any_count,
    any_count,
    input_tokens=any_count,
    output_tokens=any_count,
    cache_read_input_tokens=any_count,
    cache_creation_input_tokens=any_count,
)


def numbers_in(made: Any) -> list[int]:
    if isinstance(made, dict):
        return [number for one in made.values() for number in numbers_in(one)]
    return [made] if isinstance(made, int) else []


@given(odd_usages)
@example(Usage.from_dict({"output_tokens": 2, "output_tokens_details": {"thinking_tokens": 7}}))
@example(Usage.from_dict({"input_tokens": -3, "output_tokens": 1}))
@example(Usage.from_dict({"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": -3}))
@example(
    Usage.from_dict(
        {
            "cache_creation_input_tokens": 4,
            "cache_creation": {"ephemeral_5m_input_tokens": -1, "ephemeral_1h_input_tokens": 5},
        }
    )
)
def test_no_count_is_negative_and_no_part_is_more_than_its_whole(usage: Usage) -> None:
    openai, langchain = openai_usage(usage), langchain_usage_metadata(usage)
    attributes, langfuse = otel_attributes(usage), langfuse_usage_details(usage)
    for made in (openai, langchain, attributes, langfuse):
        assert all(number >= 0 for number in numbers_in(made))
    counted = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_input_tokens or 0,
        usage.cache_creation_input_tokens or 0,
    )
    is_known = all(count is not None and count >= 0 for count in counted)
    assert (openai is not None) is (langchain is not None) is is_known
    if openai is not None and langchain is not None:
        assert_parts(openai, "prompt_tokens", "completion_tokens", usage)
        assert_parts(langchain, "input_tokens", "output_tokens", usage)
        assert sum(langfuse.values()) == openai["total_tokens"]
    if usage.output_tokens is not None:
        reasoning = attributes.get("gen_ai.usage.reasoning.output_tokens", 0)
        assert reasoning <= max(usage.output_tokens, 0)


@given(_usages())
def test_what_is_made_can_be_written_as_json_and_has_no_nulls(
    usage: Usage | MessageDeltaUsage,
) -> None:
    for make in (otel_attributes, openai_usage, langchain_usage_metadata, langfuse_usage_details):
        made: Any = make(usage)
        assert json.loads(json.dumps(made)) == made
        assert made is None or "null" not in json.dumps(made)


def test_each_attribute_of_the_table_is_one_of_the_conventions() -> None:
    assert {attribute.name for attribute in _ATTRIBUTES.values()} <= NAMES


def test_the_version_of_the_conventions_is_one_that_the_package_names() -> None:
    assert any(one.value.endswith(f"/{SEMCONV}") for one in schemas.Schemas)


def test_openai_and_langchain_and_langfuse_and_opentelemetry_have_the_same_request() -> None:
    assert openai_usage(USAGE) == {
        "prompt_tokens": 2_305,
        "completion_tokens": 70,
        "total_tokens": 2_375,
        "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 2_000},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    assert langchain_usage_metadata(USAGE) == {
        "input_tokens": 2_305,
        "output_tokens": 70,
        "total_tokens": 2_375,
        "input_token_details": {"cache_read": 300, "cache_creation": 2_000},
        "output_token_details": {"reasoning": 30},
    }
    assert langfuse_usage_details(USAGE) == {
        "input": 5,
        "cache_read_input_tokens": 300,
        "input_cache_creation_5m": 500,
        "input_cache_creation_1h": 1_500,
        "output": 70,
    }
    assert otel_attributes(USAGE) == {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 2_305,
        "gen_ai.usage.output_tokens": 70,
        "gen_ai.usage.cache_read.input_tokens": 300,
        "gen_ai.usage.cache_creation.input_tokens": 2_000,
        "gen_ai.usage.reasoning.output_tokens": 30,
    }


@pytest.mark.parametrize(
    "split",
    [None, {}, {"ephemeral_5m_input_tokens": 2_000}, {"ephemeral_1h_input_tokens": 7}],
)
def test_langfuse_gets_one_count_of_cache_writes_unless_some_are_known_to_be_for_an_hour(
    split: Any,
) -> None:
    details = langfuse_usage_details(Usage.from_dict({**WIRE, "cache_creation": split}))
    assert details["cache_creation_input_tokens"] == 2_000
    assert not any("_1h" in name for name in details)


def test_langchain_takes_what_is_made_for_it() -> None:
    made: Any = langchain_usage_metadata(USAGE)
    message = AIMessage(content="", usage_metadata=made)
    assert message.usage_metadata == made
    assert made.keys() == UsageMetadata.__annotations__.keys()
    assert made["input_token_details"].keys() <= InputTokenDetails.__annotations__.keys()
    assert made["output_token_details"].keys() <= OutputTokenDetails.__annotations__.keys()


@given(cv.message_streams())
def test_a_message_a_stream_and_a_meter_have_the_same_attributes(events: Any) -> None:
    message = accumulate(events)
    stream = AnthropicStream(events)
    list(stream)
    body = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)
    meter = Meter()
    meter.feed(body)
    meter.close()
    attributes = otel_attributes(message)
    assert attributes == otel_attributes(stream) == otel_attributes(meter)
    assert attributes["gen_ai.response.id"] == message.id
    assert attributes["gen_ai.response.model"] == message.model
    assert len(attributes["gen_ai.response.finish_reasons"]) == 1


@pytest.mark.parametrize(
    ("reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_call"),
        ("refusal", "refusal"),
        ("a reason of tomorrow", "a reason of tomorrow"),
    ],
)
def test_a_stop_reason_is_in_the_words_of_opentelemetrys_own_instrumentation(
    reason: str, finish_reason: str
) -> None:
    for of in (decode(message_delta(reason)), Message("m", "x", (), Usage(1, 2), reason)):
        assert otel_attributes(of)["gen_ai.response.finish_reasons"] == [finish_reason]


def test_the_request_and_the_provider_are_what_the_caller_says() -> None:
    options: Any = {"provider": "aws.bedrock", "operation": "invoke_agent", "request_model": "m"}
    assert otel_attributes(Usage(1), **options) == {
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 1,
    }


def test_the_time_to_the_first_chunk_is_that_of_the_timings() -> None:
    timed: Any = SimpleNamespace(usage=Usage(1, 2), timings=SimpleNamespace(to_first_content=0.25))
    assert otel_attributes(timed)["gen_ai.response.time_to_first_chunk"] == 0.25
    untimed: Any = SimpleNamespace(usage=Usage(1, 2), timings=None)
    assert "gen_ai.response.time_to_first_chunk" not in otel_attributes(untimed)


@pytest.mark.parametrize(
    ("semconv", "missing"),
    [
        ("1.44.0", set()),
        ("1.41.1", set()),
        ("1.41", set()),
        ("1.40.0", {"reasoning", "first_chunk"}),
        ("1.38.0", {"reasoning", "first_chunk", "cache_read", "cache_creation"}),
        ("1.36.0", {"reasoning", "first_chunk", "cache_read", "cache_creation", "provider"}),
        ("1.27.0", {"reasoning", "first_chunk", "cache_read", "cache_creation", "provider"}),
    ],
)
def test_an_older_version_of_the_conventions_lacks_attributes(
    semconv: str, missing: set[str]
) -> None:
    timed: Any = SimpleNamespace(
        usage=USAGE,
        model="m",
        id="i",
        stop_reason="end_turn",
        timings=SimpleNamespace(to_first_content=1.0),
    )
    made = otel_attributes(timed, semconv=semconv, request_model="m")
    lacking = missing | (set() if "provider" in missing else {"system"})
    names = {_ATTRIBUTES[key].name for key in _ATTRIBUTES.keys() - lacking}
    assert made.keys() == names
    assert made["gen_ai.usage.input_tokens"] == 2_305


@pytest.mark.parametrize(
    "semconv", ["", "1", "1.26.0", "0.66b0", "1.41.1.1", "latest", "1.4\uff11"]
)
def test_what_is_no_version_of_the_conventions_is_refused(semconv: str) -> None:
    with pytest.raises(ValueError, match="expected semconv to be a version"):
        otel_attributes(Usage(1, 2), semconv=semconv)


def test_what_has_no_counts_yet_gives_none() -> None:
    ping: Any = decode({"type": "ping"})
    for of in (Meter(), AnthropicStream([]), ping, Usage()):
        assert openai_usage(of) is langchain_usage_metadata(of) is None
        assert langfuse_usage_details(of) == {}
        assert otel_attributes(of).keys() == {"gen_ai.provider.name", "gen_ai.operation.name"}
    delta: Any = decode(message_delta())
    assert openai_usage(delta) is None
    assert langfuse_usage_details(delta) == {"output": 5}
    for of in iter_chunks(recording("text")):
        otel_attributes(of)


@pytest.mark.parametrize("of", [None, WIRE, 5, SimpleNamespace(usage=WIRE)])
def test_what_can_have_no_counts_is_refused(of: Any) -> None:
    for make in (otel_attributes, openai_usage, langchain_usage_metadata, langfuse_usage_details):
        with pytest.raises(TypeError, match="expected a Usage, or an object with one as its usage"):
            make(of)


def test_importing_the_package_does_not_import_the_conventions_nor_they_the_others() -> None:
    program = (
        "import sys, chunkview; print('chunkview.interop' in sys.modules);"
        "import chunkview.interop; print({'opentelemetry', 'langchain_core'} & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["False", "set()"]
