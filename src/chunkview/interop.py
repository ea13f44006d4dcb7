"""Token counts and attributes in the conventions of others, as plain dicts.

There are two schools. In Anthropic's, the input is in three counts that have nothing in common:
`input_tokens`, cache reads and cache writes. In that of OpenTelemetry, OpenAI and LangChain, one
count is the whole input, and the tokens of the cache are a part of it. Langfuse adds up all that
it gets, so its counts have nothing in common either. A count that goes from one school to the other
unchanged is counted twice or not at all. The functions here translate: in each dict, the parts add
up to the whole.

They all take the same, `of`: a Usage or a MessageDeltaUsage, or an object that has one as its
`usage`: a Message, a Meter, an AnthropicStream or a chunk view. Of an Accumulator, give its
`message`. They read what is known so far, so give a stream that has ended. A count that is not
known is left out. It is never 0. A negative count is not known, nor is the whole that it is a part
of. A part that is more than its whole is left out.

The counts are those of the model that answered (the `usage` of the message). What compaction, the
advisor or a model that declined used is in `usage.iterations` only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ._model import CacheCreation, MessageDeltaUsage, Usage
from .errors import kind_of, shown

if TYPE_CHECKING:
    from typing import TypeAlias

    from ._chunks import AnthropicCallResponseChunk
    from ._model import Message
    from ._stream import AnthropicStream, Meter

    Counted: TypeAlias = (
        Usage | MessageDeltaUsage | Message | Meter | AnthropicStream | AnthropicCallResponseChunk
    )

__all__ = [
    "SEMCONV",
    "langchain_usage_metadata",
    "langfuse_usage_details",
    "openai_usage",
    "otel_attributes",
]

SEMCONV = "1.41.1"
"""The version of OpenTelemetry's semantic conventions that `otel_attributes` follows by default.

It is the last one with the conventions for generative AI. They have a repository of their own
since, which has the same names.
"""


class _Attribute(NamedTuple):
    """An attribute of a span.

    Attributes:
        name: Its name.
        since: The first version of the conventions that has it: major and minor number.
        until: The first version that has not.
    """

    name: str
    since: tuple[int, int]
    until: tuple[int, int] = (99, 0)


_OLDEST = (1, 27)
"""The first version that has `gen_ai.usage.input_tokens`. The one before had other names."""

_ATTRIBUTES = {
    "provider": _Attribute("gen_ai.provider.name", (1, 37)),
    "system": _Attribute("gen_ai.system", _OLDEST, (1, 37)),
    "operation": _Attribute("gen_ai.operation.name", _OLDEST),
    "request_model": _Attribute("gen_ai.request.model", _OLDEST),
    "model": _Attribute("gen_ai.response.model", _OLDEST),
    "id": _Attribute("gen_ai.response.id", _OLDEST),
    "finish_reasons": _Attribute("gen_ai.response.finish_reasons", _OLDEST),
    "input": _Attribute("gen_ai.usage.input_tokens", _OLDEST),
    "output": _Attribute("gen_ai.usage.output_tokens", _OLDEST),
    "cache_read": _Attribute("gen_ai.usage.cache_read.input_tokens", (1, 40)),
    "cache_creation": _Attribute("gen_ai.usage.cache_creation.input_tokens", (1, 40)),
    "reasoning": _Attribute("gen_ai.usage.reasoning.output_tokens", (1, 41)),
    "first_chunk": _Attribute("gen_ai.response.time_to_first_chunk", (1, 41)),
}

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_call",
}
"""OpenTelemetry's words, as its instrumentation of the SDK has them. Others stay as they are."""


def otel_attributes(
    of: Counted,
    *,
    semconv: str = SEMCONV,
    provider: str = "anthropic",
    operation: str = "chat",
    request_model: str | None = None,
) -> dict[str, Any]:
    """Make the attributes of a span, by OpenTelemetry's conventions for generative AI.

    `gen_ai.usage.input_tokens` is the whole input: the conventions say that it SHOULD include the
    tokens of the cache, and how to add up Anthropic's counts. Cache reads and writes are parts of
    it, and reasoning is a part of the output.

    Sources: https://github.com/open-telemetry/semantic-conventions-genai (docs/gen-ai/anthropic.md)
    and the package `opentelemetry-semantic-conventions`.

    Args:
        of: What has the counts. A Message, a Meter or an AnthropicStream also has the model, the
            id and the stop reason; a stream with `timings` has the time to the first chunk
            (`timings.to_first_content`, in seconds).
        semconv: The version of the conventions, such as "1.41.1". Attributes that it does not have
            are left out.
        provider: `gen_ai.provider.name`: `anthropic`, `aws.bedrock` or `gcp.vertex_ai`.
        operation: `gen_ai.operation.name`.
        request_model: `gen_ai.request.model`, which the response does not tell.

    Returns:
        Attributes by their names. `span.set_attributes` takes them.

    Raises:
        ValueError: `semconv` is no version, or older than 1.27.
        TypeError: `of` is none of these.
    """
    version = _version(semconv)
    counts = _Counts.of(of)
    reason = _stop_reason(of)
    values = {
        "provider": provider,
        "system": provider,
        "operation": operation,
        "request_model": request_model,
        "model": getattr(of, "model", None) or None,
        "id": getattr(of, "id", None) or None,
        "finish_reasons": None if reason is None else [_FINISH_REASONS.get(reason, reason)],
        "input": counts.whole_input,
        "output": counts.output,
        "cache_read": counts.cache_read,
        "cache_creation": counts.cache_write,
        "reasoning": counts.reasoning,
        "first_chunk": getattr(getattr(of, "timings", None), "to_first_content", None),
    }
    return {
        attribute.name: values[key]
        for key, attribute in _ATTRIBUTES.items()
        if values[key] is not None and attribute.since <= version < attribute.until
    }


def openai_usage(of: Counted) -> dict[str, Any] | None:
    """Make the `usage` of a chat completion of OpenAI, where the prompt includes the cache.

    Source: `openai.types.CompletionUsage` (`cache_write_tokens` is there since version 3).

    Args:
        of: What has the counts.

    Returns:
        `prompt_tokens`, `completion_tokens` and `total_tokens`; and as parts of these
        `prompt_tokens_details` and `completion_tokens_details`, with what is known. None if the
        input or the output is not known.

    Raises:
        TypeError: `of` has no counts.
    """
    counts = _Counts.of(of)
    whole, output = counts.whole_input, counts.output
    if whole is None or output is None:
        return None
    return {
        "prompt_tokens": whole,
        "completion_tokens": output,
        "total_tokens": whole + output,
        **_details(
            prompt_tokens_details={
                "cached_tokens": counts.cache_read,
                "cache_write_tokens": counts.cache_write,
            },
            completion_tokens_details={"reasoning_tokens": counts.reasoning},
        ),
    }


def langchain_usage_metadata(of: Counted) -> dict[str, Any] | None:
    """Make the `usage_metadata` of an AIMessage of LangChain, where the input includes the cache.

    Source: `langchain_core.messages.ai.UsageMetadata`. `langchain-anthropic` also splits the cache
    writes by their time to live, under keys of its own, and then sets `cache_creation` to 0. The
    keys here are those that LangChain names.

    Args:
        of: What has the counts.

    Returns:
        `input_tokens`, `output_tokens` and `total_tokens`; and as parts of these
        `input_token_details` and `output_token_details`, with what is known. None if the input or
        the output is not known.

    Raises:
        TypeError: `of` has no counts.
    """
    counts = _Counts.of(of)
    whole, output = counts.whole_input, counts.output
    if whole is None or output is None:
        return None
    return {
        "input_tokens": whole,
        "output_tokens": output,
        "total_tokens": whole + output,
        **_details(
            input_token_details={
                "cache_read": counts.cache_read,
                "cache_creation": counts.cache_write,
            },
            output_token_details={"reasoning": counts.reasoning},
        ),
    }


def langfuse_usage_details(of: Counted) -> dict[str, int]:
    """Make the `usage_details` of a generation in Langfuse, which adds up all of them.

    Langfuse has a price for each of these keys with Anthropic's models. It has none for thinking,
    which is in `output`. There is no `total`: Langfuse makes it.

    Sources: https://langfuse.com/docs/observability/features/token-and-cost-tracking, and the
    prices in its repository (worker/src/constants/default-model-prices.json).

    Args:
        of: What has the counts.

    Returns:
        `input` (without the cache), `output`, `cache_read_input_tokens`, and the cache writes:
        `input_cache_creation_5m` and `input_cache_creation_1h` where it is known that some are
        kept for an hour, `cache_creation_input_tokens` otherwise. Their sum is the whole.

    Raises:
        TypeError: `of` has no counts.
    """
    counts = _Counts.of(of)
    one_hour = counts.one_hour
    writes: dict[str, int | None] = {"cache_creation_input_tokens": counts.cache_write}
    if one_hour and counts.cache_write is not None:
        writes = {
            "input_cache_creation_5m": counts.cache_write - one_hour,
            "input_cache_creation_1h": one_hour,
        }
    return _known(
        {
            "input": counts.input,
            "cache_read_input_tokens": counts.cache_read,
            **writes,
            "output": counts.output,
        }
    )


class _Counts(NamedTuple):
    """Anthropic's counts. None means: not known.

    Attributes:
        whole_input: The tokens of the whole prompt.
        input: Those that were neither read from the cache nor written to it.
        cache_read: Those read from it.
        cache_write: Those written to it.
        one_hour: Those of the written ones that the cache keeps for an hour; None if the split does
            not add up.
        output: Tokens generated.
        reasoning: Those of the generated ones that are thinking; None if these are more than all.
    """

    whole_input: int | None = None
    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    one_hour: int | None = None
    output: int | None = None
    reasoning: int | None = None

    @classmethod
    def of(cls, of: Any) -> _Counts:
        usage = getattr(of, "usage", of)
        if usage is None and of is not None:
            return cls()
        if not isinstance(usage, (Usage, MessageDeltaUsage)):
            kind = kind_of(of)
            raise TypeError(f"expected a Usage, or an object with one as its usage, got {kind}")
        input_, output = _count(usage.input_tokens), _count(usage.output_tokens)
        read = _count(usage.cache_read_input_tokens)
        written = _count(usage.cache_creation_input_tokens)
        # A count of the cache that is missing counts as 0. One that is negative does not.
        is_odd = (read, written) != (
            usage.cache_read_input_tokens,
            usage.cache_creation_input_tokens,
        )
        split = usage.cache_creation or CacheCreation()
        one_hour = _count(split.ephemeral_1h_input_tokens)
        five_minutes = split.ephemeral_5m_input_tokens or 0
        if one_hour and (five_minutes < 0 or five_minutes + one_hour != written):
            one_hour = None
        details = usage.output_tokens_details
        thinking = None if details is None else _count(details.thinking_tokens)
        whole_output = usage.output_tokens
        if thinking is not None and whole_output is not None and thinking > whole_output:
            thinking = None
        return cls(
            None if input_ is None or is_odd else usage.total_input_tokens,
            input_,
            read,
            written,
            one_hour,
            output,
            thinking,
        )


def _count(count: int | None) -> int | None:
    """A count, or None if it is negative: then it is not known."""
    return None if count is None or count < 0 else count


def _stop_reason(of: Any) -> str | None:
    reasons = getattr(of, "finish_reasons", None)
    reason: str | None = reasons[0] if reasons else getattr(of, "stop_reason", None)
    return reason or None


def _version(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})(\.\d{1,3})?", text, re.ASCII)
    version = (int(match[1]), int(match[2])) if match else None
    if version is None or version < _OLDEST:
        raise ValueError(f'expected semconv to be a version from "1.27" on, got {shown(text)}')
    return version


def _known(counts: dict[str, int | None]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count is not None}


def _details(**parts: dict[str, int | None]) -> dict[str, dict[str, int]]:
    """The parts of which a count is known."""
    return {name: known for name, counts in parts.items() if (known := _known(counts))}
