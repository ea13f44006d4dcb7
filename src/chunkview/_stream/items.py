"""How to iterate over a source: bytes, files, events, synchronous or asynchronous.

The usual mistakes get an error that names the remedy.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ..errors import kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Iterator
    from typing import BinaryIO, TypeAlias

    from .._chunks import MessageStreamEvent, WrappedEvent
    from .wire import Piece

    Item: TypeAlias = MessageStreamEvent | WrappedEvent
    Source: TypeAlias = Iterable[Item] | BinaryIO | Piece
    AsyncSource: TypeAlias = AsyncIterable[Item] | Source

__all__ = ["items_of", "sync_items_of"]


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
    io.TextIOBase: (
        "open the file in binary mode (open(path, 'rb')); if each line is JSON, give the lines "
        "(text.splitlines())"
    ),
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
