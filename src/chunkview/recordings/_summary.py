"""Summaries: a row for each recorded stream, with its totals, its price and its findings.

Most files hold streams that keep every rule. `read_conforming` reads these straight from the bytes
of the file. All others become recordings, and cost several times as much.
"""

from __future__ import annotations

import functools
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from .._chunks import MessageStopChunk
from .._stream import (
    AnthropicStream,
    Meter,
    begins_like_conforming,
    read_conforming,
    totals_of,
)
from ..conformance import check
from ..errors import ChunkviewError
from ._ahead import Ahead
from ._places import places_of
from ._read import MAX_BYTES, read_place
from ._recording import RecordingError
from ._sse import tag_of_sse

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterator

    from .._stream import Totals
    from ..common import CostMetadata
    from ._recording import Maker, Readable, Recording

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
            once. None if nobody looked, if the recording is broken, or if its request did not ask
            for a stream or was refused: `Recording.is_stream_due` is False.
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
    head = functools.partial(_conforming, findings=findings, provider=provider)
    for place in places_of(source):
        if not (place.is_named or place.is_for_messages()):
            continue
        for one in read_place(place, max_bytes, head):
            if isinstance(one, Summary):
                yield one
            else:
                yield _summary_of(one, findings=findings, provider=provider)


def _conforming(
    pieces: Iterator[bytes], maker: Maker, *, findings: bool, provider: str | None
) -> Generator[Summary, None, tuple[Iterator[bytes], int] | None]:
    """Sum up the first streams of a file, as long as each keeps every rule.

    Args:
        pieces: The bytes of the file.
        maker: Names the streams.
        findings: As for `summaries`, as `provider` is.
        provider: Who sends the bill.

    Returns:
        The other bytes, and how many come before them; None if there are none.
    """
    source = Ahead(pieces)
    none_found = () if findings else None
    while source.holds_stream():
        data, at = source.data, source.at
        found = read_conforming(data, at, checks_strings=findings)
        if found is None:
            break
        totals, end = found
        # What follows the stream belongs to it, unless it begins the next one.
        is_whole = source.has_ended if end == len(data) else _begins_stream(data, end)
        if not is_whole or end - at > maker.max_bytes:
            break
        yield _row(maker.next_name(), maker.when, end - at, totals, provider, findings=none_found)
        source.at = end
    return source.rest()


def _begins_stream(data: bytes, at: int) -> bool:
    """Whether the next event begins a stream: it can be decoded, and is a `message_start`."""
    end = data.find(b"\n\n", at) + 2
    return begins_like_conforming(data, at) and tag_of_sse(data[at:end]) == "message_start"


def _summary_of(recording: Recording, *, findings: bool, provider: str | None) -> Summary:
    source = recording.source
    names: tuple[str, ...] | None = None
    error: Exception | None = None
    if isinstance(source, bytes):
        found = read_conforming(source, checks_strings=findings)
        if found is not None and found[1] == len(source):
            totals, names = found[0], ()
        else:
            totals, error = _by_meter(source)
    else:
        totals, error = _by_stream(source)
    is_checked = findings and recording.is_stream_due is not False
    if names is None and is_checked and recording.error is None:
        names = tuple(dict.fromkeys(finding.rule for finding in check(source)))
    return _row(
        recording.name,
        recording.when,
        recording.size,
        totals,
        provider,
        error=_sentence_of(error or recording.error),
        findings=names if is_checked else None,
    )


def _row(
    name: str,
    when: datetime | None,
    size: int,
    totals: Totals,
    provider: str | None,
    *,
    error: str | None = None,
    findings: tuple[str, ...] | None,
) -> Summary:
    cost, why_no_cost = _price(totals.cost_metadata, when, provider)
    return Summary(
        name,
        when,
        totals.id,
        totals.model,
        totals.stop_reason,
        totals.input_tokens,
        totals.cache_read_input_tokens,
        totals.cache_creation_input_tokens,
        totals.ephemeral_5m_input_tokens,
        totals.ephemeral_1h_input_tokens,
        totals.output_tokens,
        totals.web_search_requests,
        totals.service_tier,
        totals.inference_geo,
        cost,
        why_no_cost,
        totals.events,
        size,
        totals.complete,
        error,
        findings,
    )


def _by_meter(body: bytes) -> tuple[Totals, ChunkviewError | None]:
    meter = Meter()
    meter.feed(body)
    meter.close()
    names = (meter.id, meter.model, meter.stop_reason)
    events, complete = meter.events, meter.complete
    totals = totals_of(names, meter.usage, meter.cost_metadata, events, complete=complete)
    return totals, meter.error


def _by_stream(source: Any) -> tuple[Totals, Exception | None]:
    """Read events, or a recording that breaks."""
    stream = AnthropicStream(source)
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
    names = (stream.id, stream.model, next(iter(stream.finish_reasons or ()), None))
    is_complete = is_stopped or names[2] is not None
    totals = totals_of(names, stream.usage, stream.cost_metadata, events, complete=is_complete)
    return totals, error


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
    look_up = _price_or_reason()
    if isinstance(look_up, str):
        return None, look_up
    found: tuple[Decimal | None, str | None] = look_up(metadata, when=when, provider=provider)
    return found


@functools.cache
def _price_or_reason() -> Any:
    """What looks up a price. Without the extra, it is the sentence that names it."""
    try:
        from ..pricing import price_or_reason
    except ImportError as missing:
        return str(missing)
    return price_or_reason
