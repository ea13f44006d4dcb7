"""How to iterate over a source: bytes, files, events, synchronous or asynchronous.

The usual mistakes get an error that names the remedy.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from .._chunks import AnthropicCallResponseChunk, MessageStreamEvent, WrappedEvent
from .._model import Message
from ..errors import kind_of
from .wire import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AsyncSource", "Source", "items_of", "sync_items_of"]

Source: TypeAlias = Iterable[MessageStreamEvent | WrappedEvent] | BinaryIO | Piece
"""What `iter_chunks` takes: pieces of a body or events, a whole body, or a file in binary mode."""

AsyncSource: TypeAlias = AsyncIterable[MessageStreamEvent | WrappedEvent] | Source
"""What `aiter_chunks` takes: a `Source`, or an asynchronous iterable of the same items."""


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
    if hasattr(type(source), "model_dump"):  # one that can be iterated over gives its fields
        return _WRAP
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


_OPEN = "open the file (open(path, 'rb'))"
_WRAP = "wrap it in a list if it is an event or a message"
_GIVE_BYTES_OF_RESPONSE = "give its iter_bytes(), or its aiter_bytes() where it is asynchronous"
_ENTER = "enter it with a `with` statement first, and give what that gives"
_WRONG_KINDS: dict[type, str] = {
    str: f"encode it if it is a body (text.encode()), and if it is a path, {_OPEN}",
    io.TextIOBase: (
        "open the file in binary mode (open(path, 'rb')); if each line is JSON, give the lines "
        "(text.splitlines())"
    ),
    Mapping: f"{_WRAP}, and give the stream if it is a response that holds one",
    AnthropicCallResponseChunk: _WRAP,
    Message: "give its to_events()",
}
_WRONG_ATTRIBUTES = {
    "__await__": "await it first",
    "iter_bytes": _GIVE_BYTES_OF_RESPONSE,  # httpx, and raw responses of the SDK
    "content.iter_any": "give its content.iter_any()",  # aiohttp
    "__fspath__": _OPEN,
    "__enter__": _ENTER,
    "__aenter__": _ENTER,
    "__call__": "call it",
}
"""What to do with an object that has the attribute; the first one counts."""
