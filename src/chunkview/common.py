"""What all providers have in common: finish reasons, token counts, what a price depends on.

Nothing here knows Anthropic's events. The classes have the names that Mirascope 1.x gave them, so
that code that reads them works unchanged.
"""

from __future__ import annotations

from typing import Literal, final

import attrs

from ._value import Value, value

__all__ = ["CostMetadata", "FinishReason", "Usage"]

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why generation ended, in provider-agnostic words."""


@final
@value
class Usage(Value):
    """Provider-agnostic token counts.

    Attributes:
        input_tokens: Tokens of the prompt, as the provider counts them. Anthropic's count leaves
            out the tokens that were read from or written to the prompt cache.
        cached_tokens: Tokens read from the prompt cache.
        output_tokens: Tokens generated.
        total_tokens: `input_tokens + output_tokens`, as the reference has it. So with Anthropic's
            counts this leaves out the cache, too. `chunkview.Usage.total_input_tokens` includes
            it, and `chunkview.interop` has the counts of other conventions, which include it.
    """

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    total_tokens: int

    @classmethod
    def from_counts(
        cls, input_tokens: int | None, cached_tokens: int | None, output_tokens: int | None
    ) -> Usage | None:
        """Make a Usage from counts that may be missing.

        Args:
            input_tokens: Tokens, or None when unknown.
            cached_tokens: Tokens, or None when unknown.
            output_tokens: Tokens, or None when unknown.

        Returns:
            None when all three are None. Otherwise a Usage, in which a missing count is 0.
        """
        if input_tokens is None and cached_tokens is None and output_tokens is None:
            return None
        read, written = input_tokens or 0, output_tokens or 0
        return cls(read, cached_tokens or 0, written, read + written)


@final
@value
class CostMetadata(Value):
    """What a price calculation needs to know about one response. None means: not known.

    Attributes:
        input_tokens: Prompt tokens that were neither read from nor written to the cache.
        output_tokens: Tokens generated.
        cached_tokens: Prompt tokens read from the cache.
        model: The model that answered.
        cache_write_tokens: All prompt tokens written to the cache.
        cache_write_5m_tokens: Those that the cache keeps for five minutes.
        cache_write_1h_tokens: Those that the cache keeps for an hour.
        web_search_requests: Searches made by the server tool. Each is billed.
        web_fetch_requests: Fetches made by the server tool.
        tier: The service tier (`standard`, `priority`, `batch`).
        region: Where inference ran, when the API says so (`inference_geo`).
        speed: `standard` or `fast`.
        iterations: What each sampling iteration cost, for a request that took several (beta).
            The API bills the iterations. The counts above leave out compaction, for example.
        refusal: If the model declined before any output: the category of the refusal, "" if it
            has none, "unknown" if nothing says which it was. Whether the tokens are billed
            depends on it. None if there was output, or no refusal.
        final: Whether these are the counts of the whole response. True for a stream that was read
            to its end. False for an event that precedes the end, for a message that was cut off,
            and where the counts are doubtful: none came with the end, one cannot be read, the
            input fell to 0, or there is content for 0 tokens. None if nobody said: for an
            iteration, for a message that did not come from a stream, and for counts made by hand.
        doubt: Why `final` is False. Otherwise "". Equality leaves it out.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    model: str | None = attrs.field(default=None, kw_only=True)
    cache_write_tokens: int | None = attrs.field(default=None, kw_only=True)
    cache_write_5m_tokens: int | None = attrs.field(default=None, kw_only=True)
    cache_write_1h_tokens: int | None = attrs.field(default=None, kw_only=True)
    web_search_requests: int | None = attrs.field(default=None, kw_only=True)
    web_fetch_requests: int | None = attrs.field(default=None, kw_only=True)
    tier: str | None = attrs.field(default=None, kw_only=True)
    region: str | None = attrs.field(default=None, kw_only=True)
    speed: str | None = attrs.field(default=None, kw_only=True)
    iterations: tuple[CostMetadata, ...] = attrs.field(default=(), kw_only=True)
    refusal: str | None = attrs.field(default=None, kw_only=True)
    final: bool | None = attrs.field(default=None, kw_only=True)
    doubt: str = attrs.field(default="", kw_only=True, eq=False)

    @property
    def batch_mode(self) -> bool:
        """Whether the response comes from the batch API, which has its own prices."""
        return self.tier == "batch"

    @property
    def cache_write(self) -> bool | None:
        """Whether the prompt cache was written to; None when that is not known."""
        return None if self.cache_write_tokens is None else self.cache_write_tokens > 0
