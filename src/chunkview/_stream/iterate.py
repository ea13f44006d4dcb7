"""Any source of a stream to chunk views: bytes, files, events, synchronous or asynchronous.

`items_of` says how to iterate over a source, and names the remedy for the usual mistakes. An item
is a piece of a body or an event. `Intake` turns items into chunk views.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .._chunks import decode
from ..errors import DecodeError, kind_of
from .wire import MAX_EVENT_BYTES, ChunkDecoder

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
    from typing import BinaryIO

    from .._chunks import ChunkView, MessageStreamEvent
    from .wire import Piece

    Source = Iterable[MessageStreamEvent] | BinaryIO | Piece
    AsyncSource = AsyncIterable[MessageStreamEvent] | Source

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
            of the SDK, chunk views).
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
    intake = Intake(loads=loads, max_event_bytes=max_event_bytes)
    for item in sync_items_of(source):
        yield from intake.chunks_of(item)
        intake.check()
    yield from intake.end()


def events_of(source: Source, **options: Any) -> Iterable[MessageStreamEvent]:
    """Give the events of a source to `Accumulator.extend`, which decodes them itself.

    A source that begins with an event (not as text) holds nothing else, so its items need not pass
    through `iter_chunks`: that makes 2,000 deltas to a Message six times as fast
    (benchmarks/test_accumulate.py).

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
        if isinstance(first, (str, bytes, bytearray, memoryview)):
            return iter_chunks(whole, **options)
        return whole
    return ()


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


class Intake:
    """Takes the items of a source, pieces of a body or events, and gives chunk views.

    The synchronous and the asynchronous iterators share it.
    """

    __slots__ = ("_decoder", "_has_seen_text", "_options")

    def __init__(self, **options: Any) -> None:
        """Prepare to take items.

        Args:
            **options: The options of `ChunkDecoder`.
        """
        self._options = options
        self._decoder: ChunkDecoder | None = None
        self._has_seen_text = False

    def chunks_of(self, item: Any) -> list[ChunkView]:
        """Take one item of the source.

        Raises:
            DecodeError: The item is broken, and no chunk view precedes the fault.
        """
        if isinstance(item, (bytes, bytearray, memoryview)):
            if self._decoder is None:
                self._decoder = ChunkDecoder(**self._options)
            return self._decoder.feed(item)
        if isinstance(item, str):
            if not item.strip():
                return []
            if not self._has_seen_text:
                _refuse_lines(item)
                self._has_seen_text = True
        if self._decoder is None:
            return [decode(item)]
        # An event after bytes ends their body, so that the chunks keep the order of the source.
        before, self._decoder = self._decoder.close(), None
        return [*before, decode(item)]

    def check(self) -> None:
        """Raise the error that follows the last chunk views, if there is one.

        Raises:
            DecodeError: There is one.
        """
        if self._decoder is not None and self._decoder.error is not None:
            self._decoder.close()

    def end(self) -> list[ChunkView]:
        """Take the end of the source.

        Returns:
            The chunk view of a last event without its blank line, else nothing.

        Raises:
            DecodeError: The source has ended too early.
        """
        return [] if self._decoder is None else self._decoder.close()


def sync_items_of(source: Any) -> Any:
    """Do the same as `items_of` for a source that must not be asynchronous.

    Raises:
        TypeError: As by `items_of`, or the source is asynchronous.
    """
    items = items_of(source)
    if not hasattr(items, "__iter__"):
        raise TypeError(
            f"expected an iterable, got {kind_of(source)}, which is asynchronous: use "
            "aiter_chunks(), or AnthropicStream with `async for`"
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
