"""How a body is cut into the segments that are sent."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from ..._stream import Framer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["by_event", "by_size", "interrupted"]


def by_event(body: bytes) -> list[bytes]:
    """Cut a body after each event. Further blank lines belong to the event before them."""
    framer = Framer()
    segments: list[bytes] = []
    for event in (*framer.feed(body), framer.rest):
        lines = event.lstrip(b"\r\n") if segments else event
        if segments:
            segments[-1] += event[: len(event) - len(lines)]
        if lines:
            segments.append(lines)
    return segments


def by_size(body: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """Cut a body into segments of these sizes, in bytes, used in turn."""
    start, next_sizes = 0, cycle(sizes)
    while start < len(body):
        end = start + next(next_sizes)
        yield body[start:end]
        start = end


def interrupted(
    segments: Iterable[bytes], size: int, interrupt: Callable[[], None]
) -> Iterator[bytes]:
    """Give the segments, and interrupt them once.

    Args:
        segments: Bytes to send.
        size: After how many bytes to interrupt. If there are fewer, it happens at the end.
        interrupt: What happens there. If it raises, the rest is not sent.
    """
    is_due = True
    for segment in segments:
        rest = segment
        if is_due and size <= len(segment):
            if size:
                yield segment[:size]
            interrupt()
            is_due = False
            rest = segment[size:]
        size -= len(segment)
        if rest:
            yield rest
    if is_due:
        interrupt()
