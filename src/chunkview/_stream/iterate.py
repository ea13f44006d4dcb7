"""Any source of a stream to chunk views: bytes, files, events, synchronous or asynchronous.

`items_of` says how to iterate over a source, and names the remedy for the usual mistakes. An item
is a piece of a body, an event, an event in a wrapper, or a whole message. `Intake` turns items into
chunk views.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from .._chunks import (
    EVENTS,
    AnthropicCallResponseChunk,
    decode,
    decode_object,
    event_dict,
    events_of_message,
    is_error,
    is_message,
    is_other_message,
    parent_of,
    text_event_dict,
    unwrapped,
)
from ..errors import DecodeError, kind_of
from .wire import MAX_EVENT_BYTES, ChunkDecoder

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
    from typing import BinaryIO

    from .._chunks import ChunkView, MessageStreamEvent, WrappedEvent
    from .wire import Piece

    Item = MessageStreamEvent | WrappedEvent
    Source = Iterable[Item] | BinaryIO | Piece
    AsyncSource = AsyncIterable[Item] | Source

__all__ = ["Intake", "aiter_chunks", "events_of", "items_of", "iter_chunks", "sync_items_of"]


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
            A whole message, as a mapping or as JSON text, is read as the events that amount to it.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Yields:
        The chunk views, in order. Those that came before a broken event are yielded before the
        error is raised.

    Raises:
        DecodeError: As for `ChunkDecoder.feed` and `close`, and `decode`; and where the items are
            lines or text of a body instead of its bytes.
        TypeError: The source is none of these, such as a path or a response; the error says
            what to give instead.
    """
    items = sync_items_of(source)
    yield from _chunks_of(items, Intake(loads=loads, max_event_bytes=max_event_bytes))


def _chunks_of(items: Iterable[Any], intake: Intake) -> Iterator[ChunkView]:
    for item in items:
        yield from intake.chunks_of(item)
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
            yield decode(item)
            continue
        yield from _chunks_of(itertools.chain((item,), items), intake)


def _is_plain_event(item: Any) -> bool:
    if isinstance(item, AnthropicCallResponseChunk):
        source = item.chunk
        return isinstance(source, bytes) or (
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
        intake.check()
    for chunk in intake.end():
        yield chunk
    intake.check()


_EVERY_PARENT, _NO_PARENT_YET = object(), object()


class Intake:
    """Takes the items of a source and gives chunk views.

    The synchronous and the asynchronous iterators share it.

    Attributes:
        parent: Of the last item with an event, broken or not: the tool call that started the
            sub-agent (`parent_tool_use_id`), or None.
    """

    __slots__ = (
        "_decoder",
        "_error",
        "_followed",
        "_has_seen_text",
        "_has_seen_wrapper",
        "_options",
        "parent",
    )

    def __init__(self, *, one_parent: bool = False, **options: Any) -> None:
        """Prepare to take items.

        Args:
            one_parent: Whether to give only the chunk views of the parent of the first event.
            **options: The options of `ChunkDecoder`.
        """
        self.parent: str | None = None
        self._followed: Any = _NO_PARENT_YET if one_parent else _EVERY_PARENT
        self._options = options
        self._decoder: ChunkDecoder | None = None
        self._error: DecodeError | None = None
        self._has_seen_text = False
        self._has_seen_wrapper = False

    def follow(self, parent: str | None) -> None:
        """Give only the chunk views of one parent from now on.

        Args:
            parent: The id of the tool call that started the sub-agent; None for the main agent.
        """
        self._followed = parent

    def chunks_of(self, item: Any) -> list[ChunkView]:
        """Take one item of the source.

        Returns:
            Its chunk views. If it is broken, those before the fault; `check` raises.

        Raises:
            DecodeError: The item is broken, and no chunk view precedes the fault.
        """
        # Chunk views and plain events are told first, and take the shortest way.
        if self._decoder is None:
            if isinstance(item, AnthropicCallResponseChunk):
                source: Any = item.chunk
                if source.__class__ is bytes or (
                    source.__class__ is dict and "event" not in source
                ):
                    return self._of_parent(None, [cast("ChunkView", item)])
                return self._of_parent(parent_of(source), [cast("ChunkView", item)])
            if item.__class__ is dict:
                tag = item.get("type")
                if tag.__class__ is str and tag in EVENTS:
                    return self._of_parent(None, [decode_object(item, item)])
        if isinstance(item, (bytes, bytearray, memoryview)):
            if self._decoder is None:
                self._decoder = ChunkDecoder(**self._options)
            return self._of_parent(None, self._decoder.feed(item))
        if self._decoder is None:
            return self._chunks_of_event(item)
        if isinstance(item, str) and not item.strip():
            return []
        # An event after bytes ends their body, so that the chunks keep the order of the source.
        before = self._decoder.close()
        if self._decoder.error is not None:
            return before
        self._decoder = None
        return before + self.chunks_of(item)

    def check(self) -> None:
        """Raise the error that follows the last chunk views, if there is one.

        Raises:
            DecodeError: There is one.
        """
        if self._error is not None:
            raise self._error
        if self._decoder is not None and self._decoder.error is not None:
            self._decoder.close()

    def end(self) -> list[ChunkView]:
        """Take the end of the source.

        Returns:
            The chunk views that only the end completes, mostly none. If what is left is broken,
            those before the fault; `check` raises.

        Raises:
            DecodeError: The source has ended too early, and there is no chunk view to return.
        """
        return [] if self._decoder is None else self._of_parent(None, self._decoder.close())

    def _chunks_of_event(self, item: Any) -> list[ChunkView]:
        """Take an item that is neither bytes nor a chunk view."""
        if isinstance(item, str):
            if not item.strip():
                return []
            if not self._has_seen_text:
                _refuse_lines(item)
                self._has_seen_text = True
                item = item.removeprefix("\ufeff")  # the byte order mark of a file of lines
            event: Any = _parsed(item)
        else:
            event = item
        if event.__class__ is not dict and isinstance(event, Mapping):
            event = _plain(event)
        if event.__class__ is dict:
            tag = event.get("type")
            if tag.__class__ is str and tag in EVENTS:
                return self._of_parent(None, [_decoded(event, item)])
        elif hasattr(type(event), "model_dump"):
            return self._of_parent(None, [decode(event)])
        elif is_other_message(event):
            return []
        inner = unwrapped(event)
        if inner is not event:
            self._has_seen_wrapper = True
            # What is not followed is not read, and so cannot break what is.
            is_followed = self._follows(parent_of(event))
            return [_decoded(inner, item)] if is_followed else []
        if event.__class__ is dict:
            if is_message(event):
                return self._of_parent(None, self._chunks_of_message(event))
            if not is_error(event) and (self._has_seen_wrapper or "session_id" in event):
                return []
        return self._of_parent(None, [_decoded(event, item)])

    def _chunks_of_message(self, message: dict[str, Any]) -> list[ChunkView]:
        chunks: list[ChunkView] = []
        try:
            chunks.extend(decode_object(event, event) for event in events_of_message(message))
        except DecodeError as error:
            if not chunks:
                raise
            self._error = error
        return chunks

    def _of_parent(self, parent: str | None, chunks: list[ChunkView]) -> list[ChunkView]:
        """Note whose chunk views these are, and leave them out if another parent is followed."""
        followed = self._followed
        if followed is parent or followed is _EVERY_PARENT:  # most items
            self.parent = parent
            return chunks
        return chunks if self._follows(parent) else []

    def _follows(self, parent: str | None) -> bool:
        """Note whose event the item brings, and say whether that parent is followed."""
        self.parent = parent
        followed = self._followed
        if followed is parent or followed is _EVERY_PARENT or followed == parent:
            return True
        if followed is not _NO_PARENT_YET:
            return False
        self._followed = parent
        return True


def _parsed(text: str) -> dict[str, Any]:
    try:
        return text_event_dict(text)
    except DecodeError as error:
        error.event = text
        raise


def _plain(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return event_dict(event)
    except DecodeError as error:
        error.event = event
        raise


def _decoded(event: Any, item: Any) -> ChunkView:
    """Decode the event of an item, which becomes the `chunk`.

    Args:
        event: The item itself, its JSON, or the event in a wrapper: a mapping, or JSON text.
        item: The item of the source.
    """
    if event is item:
        return decode(item)
    if isinstance(item, str):
        return decode_object(event, item)
    try:
        # What is in a wrapper has not been checked.
        event = text_event_dict(event) if isinstance(event, bytes) else event_dict(event)
    except DecodeError as error:
        error.event = item
        raise
    return decode_object(event, item)


def sync_items_of(source: Any) -> Any:
    """Do the same as `items_of` for a source that must not be asynchronous.

    Raises:
        TypeError: As by `items_of`, or the source is asynchronous.
    """
    items = items_of(source)
    if not hasattr(items, "__iter__"):
        raise TypeError(
            f"expected an iterable, got {kind_of(source)}, which is asynchronous: use "
            "aaccumulate(), aiter_messages() or aiter_chunks(), or AnthropicStream with `async for`"
        )
    return items


def items_of(source: Any) -> Any:
    """Say how to iterate over a source.

    Args:
        source: What the caller gave.

    Returns:
        An iterable or an asynchronous iterable of pieces of a body or of events. A whole body is
        one item.

    Raises:
        TypeError: The source cannot be iterated over, or not in a way that makes sense. The error
            says what to give instead.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return (source,)
    if isinstance(source, (io.BufferedIOBase, io.RawIOBase)):
        return _pieces_of_file(source)
    remedy = _remedy(source)
    if remedy:
        raise TypeError(f"expected an iterable of events or bytes, got {kind_of(source)}: {remedy}")
    return source


def _pieces_of_file(file: Any) -> Iterator[bytes]:
    """Read a file piece by piece: lines would be three pieces for each event."""
    read = getattr(file, "read1", file.read)
    while True:
        data = read(_READ_SIZE)
        if data is None:
            raise BlockingIOError("the file is in non-blocking mode and has nothing to read yet")
        if not data:
            return
        yield data


_READ_SIZE = 64 * 1024


def _remedy(source: Any) -> str:
    """Say what to give instead of something that is no source. "" for a source."""
    for kind, remedy in _WRONG_KINDS.items():
        if isinstance(source, kind):
            return remedy
    if hasattr(source, "__iter__") or hasattr(source, "__aiter__"):
        return ""
    for attribute, remedy in _WRONG_ATTRIBUTES.items():
        if _has(source, attribute):
            return remedy
    return "there is nothing to iterate over"


def _has(source: Any, attribute: str) -> bool:
    try:
        attrgetter(attribute)(source)
    except AttributeError:
        return False
    return True


_GIVE_BYTES = "give bytes, or an open file (open(path, 'rb'))"
_GIVE_BYTES_OF_RESPONSE = "give its iter_bytes(), or its aiter_bytes() where it is asynchronous"
_ENTER = "enter it with a `with` statement first, and give what that gives"
_WRONG_KINDS: dict[type, str] = {
    str: _GIVE_BYTES,
    io.TextIOBase: "open the file in binary mode (open(path, 'rb'))",
    Mapping: "it is one event, or a response that holds a stream; give an iterable of events",
}
_WRONG_ATTRIBUTES = {
    "__await__": "await it first",
    "iter_bytes": _GIVE_BYTES_OF_RESPONSE,  # httpx, and raw responses of the SDK
    "content.iter_any": "give its content.iter_any()",  # aiohttp
    "__fspath__": _GIVE_BYTES,
    "__enter__": _ENTER,
    "__aenter__": _ENTER,
}
"""What to do with an object that has the attribute; the first one counts."""


def _refuse_lines(text: str) -> None:
    """Refuse the items of `iter_lines()` and `iter_text()`.

    Raises:
        DecodeError: The text belongs to the body of an event stream.
    """
    if text.lstrip("\ufeff \t\r\n").startswith(("event:", "data:", "id:", "retry:", ":")):
        raise DecodeError(
            "the items are text of an event stream, as iter_lines() and iter_text() give it: "
            "give the bytes of iter_bytes() (httpx), iter_content(None) (requests) or "
            "content.iter_any() (aiohttp)",
            event=text,
        )
