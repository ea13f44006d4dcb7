"""Token counts in Anthropic's own shape: on the message, and on `message_delta`.

Source: https://docs.anthropic.com/en/api/messages (`usage`). All counts are tokens unless an
attribute says otherwise.
"""

from __future__ import annotations

from typing import Any, final

import attrs

from .record import Record, evolved, record, schema

__all__ = [
    "CacheCreation",
    "IterationUsage",
    "MessageDeltaUsage",
    "OutputTokensDetails",
    "ServerToolUsage",
    "Usage",
    "later_counts",
]


@final
@record
class CacheCreation(Record):
    """Tokens written to the prompt cache, by their time to live.

    Attributes:
        ephemeral_5m_input_tokens: Tokens kept for five minutes.
        ephemeral_1h_input_tokens: Tokens kept for an hour.
    """

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


@final
@record
class ServerToolUsage(Record):
    """How often server tools ran: requests, not tokens.

    Attributes:
        web_search_requests: Number of searches.
        web_fetch_requests: Number of fetches.
    """

    web_search_requests: int | None = None
    web_fetch_requests: int | None = None


@final
@record
class OutputTokensDetails(Record):
    """What the output tokens were spent on.

    Attributes:
        thinking_tokens: Tokens of thinking, a part of `output_tokens`.
    """

    thinking_tokens: int | None = None


@final
@record
class IterationUsage(Record):
    """The usage of one sampling iteration of a request that took several (beta).

    Attributes:
        type: `message`, `compaction`, `advisor_message`, `fallback_message`, or a later kind.
        input_tokens: Prompt tokens, without cache reads and writes.
        output_tokens: Tokens generated.
        cache_creation_input_tokens: Tokens written to the cache.
        cache_read_input_tokens: Tokens read from the cache.
        cache_creation: The tokens written, by their time to live.
        model: The model that ran this iteration.
    """

    type: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    model: str | None = None

    @property
    def total_input_tokens(self) -> int | None:
        """The tokens of the whole prompt: with cache reads and writes. None if not known.

        A count of the cache that is missing counts as 0.
        """
        return _total_input(self)


@final
@record
class Usage(Record):
    """What a message cost, in tokens. None means that nobody said.

    The tokens of the whole prompt are the sum of `input_tokens`, `cache_creation_input_tokens`
    and `cache_read_input_tokens`: `total_input_tokens`.

    Attributes:
        input_tokens: Prompt tokens, without cache reads and writes.
        output_tokens: Tokens generated.
        cache_creation_input_tokens: Tokens written to the cache.
        cache_read_input_tokens: Tokens read from the cache.
        cache_creation: The tokens written, by their time to live.
        server_tool_use: How often server tools ran.
        service_tier: `standard`, `priority` or `batch`.
        output_tokens_details: What the output tokens were spent on.
        inference_geo: Where inference ran.
        speed: `standard` or `fast`.
        iterations: The usage of each sampling iteration (beta).
        fallback_credit: Whether a fallback credit was redeemed (beta), unchanged.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerToolUsage | None = None
    service_tier: str | None = None
    output_tokens_details: OutputTokensDetails | None = None
    inference_geo: str | None = attrs.field(default=None, kw_only=True)
    speed: str | None = attrs.field(default=None, kw_only=True)
    iterations: tuple[IterationUsage, ...] | None = attrs.field(default=None, kw_only=True)
    fallback_credit: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)

    @property
    def total_input_tokens(self) -> int | None:
        """The tokens of the whole prompt: with cache reads and writes. None if not known.

        A count of the cache that is missing counts as 0.
        """
        return _total_input(self)

    def updated(self, later: MessageDeltaUsage) -> Usage:
        """Bring the counts up to date with those of a `message_delta`.

        The counts on `message_delta` are cumulative: each one replaces the earlier one, and
        nothing is added up. A count that is null or absent changes nothing.

        Args:
            later: The usage of the `message_delta`.

        Returns:
            A new Usage.
        """
        counts, extra = later_counts(later)
        return evolved(self, extra, **counts)


@final
@record
class MessageDeltaUsage(Record):
    """The usage on `message_delta`: cumulative counts, which replace the earlier ones.

    The API always sends `output_tokens`. The fields are those of `Usage`. So far, the API sends
    the last four of them on `message_start` only.

    Attributes:
        output_tokens: Tokens generated so far.
        input_tokens: Prompt tokens, without cache reads and writes.
        cache_creation_input_tokens: Tokens written to the cache.
        cache_read_input_tokens: Tokens read from the cache.
        server_tool_use: How often server tools ran.
        output_tokens_details: What the output tokens were spent on.
        iterations: The usage of each sampling iteration (beta).
        fallback_credit: Whether a fallback credit was redeemed (beta), unchanged.
        cache_creation: The tokens written to the cache, by their time to live.
        service_tier: `standard`, `priority` or `batch`.
        inference_geo: Where inference ran.
        speed: `standard` or `fast`.
    """

    output_tokens: int | None = None
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    server_tool_use: ServerToolUsage | None = None
    output_tokens_details: OutputTokensDetails | None = None
    iterations: tuple[IterationUsage, ...] | None = attrs.field(default=None, kw_only=True)
    fallback_credit: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    cache_creation: CacheCreation | None = attrs.field(default=None, kw_only=True)
    service_tier: str | None = attrs.field(default=None, kw_only=True)
    inference_geo: str | None = attrs.field(default=None, kw_only=True)
    speed: str | None = attrs.field(default=None, kw_only=True)

    @property
    def total_input_tokens(self) -> int | None:
        """The tokens of the whole prompt: with cache reads and writes. None if not known.

        A count of the cache that is missing counts as 0.
        """
        return _total_input(self)


def _total_input(usage: Usage | MessageDeltaUsage | IterationUsage) -> int | None:
    if usage.input_tokens is None:
        return None
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    return usage.input_tokens + (read or 0) + (written or 0)


def later_counts(later: Usage | MessageDeltaUsage) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find what a later usage changes in an earlier one: what is not null, nor a misfit.

    Args:
        later: The usage of a `message_delta`, or of a repeated `message_start`.

    Returns:
        The fields of Usage that it replaces, and the unknown keys that it replaces.
    """
    counts = {
        key.name: value
        for key in schema(type(later)).keys
        if (value := getattr(later, key.name)) is not None
    }
    named = schema(Usage).names
    extra = {
        name: value
        for name, value in later.extra.items()
        if value is not None and name not in named
    }
    return counts, extra
