"""How much of an event stays in a message.

It is an estimate. A delta of a string counts its characters, and any other event about as many
bytes as its JSON has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._chunks import (
    ContentBlockStopChunk,
    ErrorChunk,
    HelperEventChunk,
    MessageStopChunk,
    PingChunk,
    UnknownChunk,
)
from .drafts import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import ChunkView

__all__ = ["EVENT_SIZE", "MAX_BYTES", "size_of"]

MAX_BYTES = 256 * 1024 * 1024
EVENT_SIZE = 64
"""What each event counts besides its strings: the objects that it becomes."""
_VALUE_SIZE = 8


def size_of(chunk: ChunkView) -> int:
    """Estimate how many bytes of an event stay in a message, in time linear in its size."""
    return _SIZES.get(chunk.__class__, _size_of_event)(chunk)


def _nothing(_chunk: ChunkView) -> int:
    return 0


def _size_of_part(part_of: Callable[[Any], str]) -> Callable[[Any], int]:
    return lambda chunk: EVENT_SIZE + len(part_of(chunk))


def _size_of_event(chunk: ChunkView) -> int:
    event: Any = chunk.chunk
    if isinstance(event, (bytes, str)):
        return len(event)
    size = EVENT_SIZE
    waiting: list[Any] = [event if event.__class__ is dict else chunk.to_event()]
    for value in waiting:
        kind = value.__class__
        if kind is str:
            size += len(value)
        elif kind is dict:
            waiting += value
            waiting += value.values()
        elif kind is list:
            waiting += value
        else:
            size += _VALUE_SIZE
    return size


_SIZES: dict[type, Callable[[Any], int]] = {
    **{delta: _size_of_part(part_of) for delta, part_of in PARTS},
    **dict.fromkeys(
        (
            PingChunk,
            UnknownChunk,
            HelperEventChunk,
            ErrorChunk,
            ContentBlockStopChunk,
            MessageStopChunk,
        ),
        _nothing,
    ),
}
"""How the size is estimated, by the class of the chunk view. `_size_of_event` does the others."""
