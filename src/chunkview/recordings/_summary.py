"""Summaries: a row for each recorded stream, with its totals, its price and its findings."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from .._chunks import MessageStopChunk
from .._stream import AnthropicStream, Meter
from ..conformance import check
from ..errors import ChunkviewError
from ._read import MAX_BYTES, read
from ._recording import RecordingError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from .._model import Usage
    from ..common import CostMetadata
    from ._recording import Readable, Recording

__all__ = ["Summary", "summaries"]


@attrs.frozen
class Summary:
    """What one recorded stream amounts to. None means that it is not known.

    The counts have the names that they have in `chunkview.Usage`.

    Attributes:
        source: The name of the recording, as `Recording` has it.
        when: When the stream was recorded, in UTC, as `Recording` has it.
        id: The message's id.
        model: The model that answered.
        stop_reason: Why generation ended.
        input_tokens: Prompt tokens, without cache reads and writes.
        cache_read_input_tokens: Tokens read from the cache.
        cache_creation_input_tokens: Tokens written to the cache.
        ephemeral_5m_input_tokens: Those of them that the cache keeps for five minutes.
        ephemeral_1h_input_tokens: Those of them that the cache keeps for an hour.
        output_tokens: Tokens generated.
        web_search_requests: Searches made by the server tool.
        service_tier: `standard`, `priority` or `batch`.
        inference_geo: Where inference ran.
        cost: The price in US dollars, as `chunkview.pricing.cost` gives it for `when`.
        why_no_cost: Why `cost` is None, or None.
        events: How many events the stream has.
        bytes: How many bytes of the file belong to it: `Recording.size`.
        complete: Whether the message is finished.
        error: Why the stream cannot be read to its end, or is no whole message; None if it is one.
        findings: The names of the rules that the stream breaks, in the order of the findings, each
            once. None if nobody looked, or if the recording is broken.
    """

    source: str
    when: datetime | None = None
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None
    output_tokens: int | None = None
    web_search_requests: int | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    cost: Decimal | None = None
    why_no_cost: str | None = None
    events: int = 0
    bytes: int = 0
    complete: bool = False
    error: str | None = None
    findings: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Write the summary as plain JSON values, in the order of the attributes.

        Returns:
            A new dict. `when` is ISO 8601, `cost` is a float, and `findings` is a list.
        """
        row = {name: getattr(self, name) for name in _NAMES}
        if self.when is not None:
            row["when"] = self.when.isoformat()
        if self.cost is not None:
            row["cost"] = float(self.cost)
        if self.findings is not None:
            row["findings"] = list(self.findings)
        return row


_NAMES = tuple(field.name for field in attrs.fields(Summary))


def summaries(
    source: str | os.PathLike[str] | Readable,
    *,
    findings: bool = True,
    provider: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Iterator[Summary]:
    """Sum up recorded streams, one by one: each that `read` gives, in the same order.

    Args:
        source: As for `read`.
        findings: Whether to look for the rules that the streams break.
        provider: Who sends the bill: as for `chunkview.pricing.cost`.
        max_bytes: As for `read`.

    Yields:
        The summary of each stream. What cannot be read has an `error`, and the others go on.
        Without the extra `prices`, no stream has a `cost`, and `why_no_cost` names the extra.

    Raises:
        OSError: As for `read`, as the other errors are.
        ImportError: It is a URL, and a library for it is missing.
        TypeError: The source is nothing that can be read.
        ValueError: fsspec does not know such URLs.
    """
    for recording in read(source, max_bytes=max_bytes):
        yield _summary_of(recording, findings=findings, provider=provider)


def _summary_of(recording: Recording, *, findings: bool, provider: str | None) -> Summary:
    totals = _by_meter(recording) if isinstance(recording.source, bytes) else _by_stream(recording)
    if findings and recording.error is None:
        totals["findings"] = _findings_of(recording)
    error = totals.pop("error")
    metadata: CostMetadata = totals.pop("cost_metadata")
    cost, why = _price(metadata, recording.when, provider)
    return Summary(
        recording.name,
        recording.when,
        bytes=recording.size,
        cost=cost,
        why_no_cost=why,
        error=_sentence_of(error),
        **_counts_of(totals.pop("usage")),
        **totals,
    )


def _by_meter(recording: Recording) -> dict[str, Any]:
    meter = Meter()
    meter.feed(recording.source)
    meter.close()
    return {
        "id": meter.id,
        "model": meter.model,
        "stop_reason": meter.stop_reason,
        "usage": meter.usage,
        "cost_metadata": meter.cost_metadata,
        "events": meter.events,
        "complete": meter.complete,
        "error": meter.error or recording.error,
    }


def _by_stream(recording: Recording) -> dict[str, Any]:
    """Read a recording that is no body, or that breaks."""
    stream = AnthropicStream(recording.source)
    events = 0
    last: Any = None
    is_stopped = False
    error: ChunkviewError | OSError | None = None
    try:
        for chunk, _ in stream:
            events += chunk is not last  # it comes once for each tool call that it completes
            last = chunk
            is_stopped = is_stopped or isinstance(chunk, MessageStopChunk)
    except (ChunkviewError, OSError) as failure:
        error = failure
        events += getattr(failure, "chunk", None) is not None
    stop_reason = next(iter(stream.finish_reasons or ()), None)
    return {
        "id": stream.id,
        "model": stream.model,
        "stop_reason": stop_reason,
        "usage": stream.usage,
        "cost_metadata": stream.cost_metadata,
        "events": events,
        "complete": is_stopped or stop_reason is not None,
        "error": error or recording.error,
    }


def _counts_of(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    by_lifetime, tools = usage.cache_creation, usage.server_tool_use
    return {
        "input_tokens": usage.input_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "cache_creation_input_tokens": usage.cache_creation_input_tokens,
        "ephemeral_5m_input_tokens": by_lifetime and by_lifetime.ephemeral_5m_input_tokens,
        "ephemeral_1h_input_tokens": by_lifetime and by_lifetime.ephemeral_1h_input_tokens,
        "output_tokens": usage.output_tokens,
        "web_search_requests": tools and tools.web_search_requests,
        "service_tier": usage.service_tier,
        "inference_geo": usage.inference_geo,
    }


def _findings_of(recording: Recording) -> tuple[str, ...]:
    """Name the rules that a recording breaks."""
    return tuple(dict.fromkeys(finding.rule for finding in check(recording.source)))


def _sentence_of(error: Exception | None) -> str | None:
    """Say what is wrong. The row names the file already."""
    if isinstance(error, RecordingError):
        return f"byte {error.offset}: {error.problem}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return None if error is None else str(error) or type(error).__name__


def _price(
    metadata: CostMetadata, when: datetime | None, provider: str | None
) -> tuple[Decimal | None, str | None]:
    """Look up a price, or why there is none."""
    try:
        from .. import pricing
    except ImportError as missing:
        return None, str(missing)
    price = pricing.cost(metadata, when=when, provider=provider)
    if price is not None:
        return price, None
    return None, pricing.why_no_cost(metadata, when=when, provider=provider)
