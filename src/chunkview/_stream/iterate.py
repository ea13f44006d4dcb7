"""Any source of a stream to chunk views: bytes, files, events, synchronous or asynchronous."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from .._chunks import (
    EVENTS,
    AnthropicCallResponseChunk,
    Origin,
    UnknownChunk,
    decode,
    decode_object,
    kept_by,
    unwrapped,
)
from .intake import Intake
from .items import items_of, sync_items_of
from .wire import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from .._chunks import ChunkView, MessageStreamEvent
    from .items import AsyncSource, Source

__all__ = ["aiter_chunks", "events_of", "iter_chunks"]


def iter_chunks(
    source: Source,
    *,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Iterator[ChunkView]:
    """Decode a stream from any source.

    Args:
        source: One whole body as bytes; a file opened in binary mode; or an iterable: of pieces
            of a body (bytes, cut anywhere), or of events (mappings, JSON text as `str`, objects
            of the SDK, chunk views). Events may be in a wrapper: a `stream_event` of Claude Code
            (a mapping, a line of its JSON as `str`, or a `StreamEvent` of the Claude Agent SDK), or
            an item of boto3's `invoke_model_with_response_stream`. Then `chunk.chunk` is the
            wrapper, and `to_event()` gives the event. Claude Code's other messages are skipped.
            A whole message, as a mapping, JSON text or an object of the SDK, is read as the events
            that amount to it.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Yields:
        The chunk views, in order. Those that came before a broken event are yielded before the
        error is raised.

    Raises:
        DecodeError: As for `ChunkDecoder.feed` and `close`, and `decode`; and where the items are
            lines or text of a body instead of its bytes.
        TypeError: The source is none of these, such as a path or a response; the error says
            what to give instead. Or `max_event_bytes` is no int.
    """
    items = sync_items_of(source)
    yield from _chunks_of(items, Intake(loads=loads, max_event_bytes=max_event_bytes))


def _chunks_of(items: Iterable[Any], intake: Intake) -> Iterator[ChunkView]:
    for item in items:
        yield from intake.chunks_of(item)
        if not intake.is_sound:
            intake.check()
    yield from intake.end()
    intake.check()


def events_of(source: Source, **options: Any) -> Iterable[MessageStreamEvent]:
    """Give the events of a source to `Accumulator.extend`.

    Plain events (not as text) need not pass through an `Intake`: that makes 2,000 deltas to a
    Message twice as fast (benchmarks/test_accumulate.py). The first item that is none ends this
    short way. Of wrapped events, only those of the first one's parent are given.

    Args:
        source: As for `iter_chunks`.
        **options: As for `iter_chunks`.

    Raises:
        DecodeError: As for `iter_chunks`.
        TypeError: As for `iter_chunks`.
    """
    items = iter(sync_items_of(source))
    for first in items:
        whole = itertools.chain((first,), items)
        if _is_plain_event(first):
            if isinstance(first, AnthropicCallResponseChunk):
                return whole
            return _plain_events_of(whole, Intake(**options, one_parent=True))
        return _chunks_of(whole, Intake(**options, one_parent=True))
    return ()


def _plain_events_of(items: Iterator[Any], intake: Intake) -> Iterator[ChunkView]:
    """Decode items as long as they are plain events, and leave the rest to the intake."""
    intake.follow(None)
    for item in items:
        if item.__class__ is dict:
            try:
                if item["type"] in EVENTS:
                    yield decode_object(item, item)
                    continue
            except (KeyError, TypeError):  # there is no type, or it cannot be hashed
                pass
        elif hasattr(type(item), "model_dump"):
            chunk = decode(item)
            if chunk.__class__ is not UnknownChunk:
                yield chunk
                continue
        yield from _chunks_of(itertools.chain((item,), items), intake)


def _is_plain_event(item: Any) -> bool:
    if isinstance(item, AnthropicCallResponseChunk):
        source = kept_by(item)
        return isinstance(source, (bytes, Origin)) or (
            not isinstance(source, str) and unwrapped(source) is source
        )
    if item.__class__ is dict:
        tag = item.get("type")
        return isinstance(tag, str) and tag in EVENTS
    return hasattr(type(item), "model_dump")


async def aiter_chunks(
    source: AsyncSource,
    *,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> AsyncIterator[ChunkView]:
    """Decode an asynchronous stream from any source.

    Args:
        source: As for `iter_chunks`, or an asynchronous iterable of the same items.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Yields:
        The chunk views, in order. Those that came before a broken event are yielded before the
        error is raised.

    Raises:
        DecodeError: As for `iter_chunks`.
        TypeError: As for `iter_chunks`.
    """
    items = items_of(source)
    if not hasattr(items, "__aiter__"):
        for chunk in iter_chunks(items, loads=loads, max_event_bytes=max_event_bytes):
            yield chunk
        return
    intake = Intake(loads=loads, max_event_bytes=max_event_bytes)
    async for item in items:
        for chunk in intake.chunks_of(item):
            yield chunk
        if not intake.is_sound:
            intake.check()
    for chunk in intake.end():
        yield chunk
    intake.check()
