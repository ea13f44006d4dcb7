"""Bodies of event streams, also behind the status line and the headers that `curl -i` writes.

A `message_start` after a `message_stop` or an error begins the next message, and so the next
recording.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._stream import ChunkDecoder, Framer
from ..errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._input import Input
    from ._recording import Maker, Recording

__all__ = ["Boundary", "begins_like_sse", "read_head", "read_sse", "tag_of_sse"]

_FIELD = re.compile(rb"^(?:\xef\xbb\xbf)?(?:event|data):|^:|^(?:id|retry): ?\w", re.MULTILINE)
_MAY_BOUND = re.compile(rb"message_st(?:art|op)|error")
# The headers of an answer. Python's http.client takes 100 lines of 64 KiB.
_LONGEST_HEAD = 256 * 1024


def begins_like_sse(start: bytes) -> bool:
    """Whether one of the first lines of a body is a line of an event stream."""
    return _FIELD.search(start.replace(b"\r", b"\n")) is not None


class Boundary:
    """Says at which event the next message of a stream begins.

    Attributes:
        is_over: Whether the current message has ended.
    """

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over: bool = False

    def begins(self, tag: str) -> bool:
        """Take the type of the next event. Say whether it begins the next message."""
        if tag == "message_start" and self.is_over:
            self.is_over = False
            return True
        self.is_over |= tag in ("message_stop", "error")
        return False


def tag_of_sse(event: bytes) -> str:
    """Say of which type an event of a body is. "" if it cannot begin or end a message."""
    if _MAY_BOUND.search(event) is None:
        return ""
    try:
        chunks = ChunkDecoder().feed(event)
    except DecodeError:
        return ""
    return chunks[0].type if chunks else ""


def read_sse(source: Input, maker: Maker) -> Iterator[Recording]:
    """Give the messages of a body."""
    boundary, framer = Boundary(), Framer(source.max_bytes)
    base = begin = end = source.offset
    body = bytearray()
    for piece in source.pieces():
        body += piece
        events = framer.feed(piece)
        end = base + framer.offset - sum(map(len, events))
        for event in events:
            if boundary.begins(tag_of_sse(event)):
                yield _made(maker, bytes(body[: end - begin]), begin)
                del body[: end - begin]
                begin = end
            end += len(event)
        if framer.is_too_long or len(body) > source.max_bytes:
            # What follows cannot be told apart from it, so that nothing more is read.
            error: DecodeError = maker.error(f"more than {source.max_bytes} bytes", begin)
            yield _made(maker, bytes(body), begin, error)
            return
    ended = source.take_error()
    if framer.buffer and boundary.is_over and b"message_start" in framer.buffer:
        yield _made(maker, bytes(body[: end - begin]), begin)
        del body[: end - begin]
        begin = end
    if body or ended or not maker.count:
        yield _made(maker, bytes(body), begin, ended)


def _made(maker: Maker, body: bytes, offset: int, error: DecodeError | None = None) -> Recording:
    return maker.make(body, "sse", offset=offset, size=len(body), error=error)


def read_head(source: Input) -> dict[str, str] | None:
    """Take the status line and the headers of an answer, and of those before it (redirects).

    Returns:
        The headers of the last answer, with their names in lower case. None if they do not end.
    """
    headers: dict[str, Any] = {}
    while source.peek(5).startswith(b"HTTP/"):
        start = b""
        for size in (4 * 1024, _LONGEST_HEAD):
            start = source.peek(size)
            found = re.search(rb"\r?\n\r?\n", start)
            if found:
                break
        else:
            return None
        lines = start[: found.start()].decode("latin-1").splitlines()[1:]
        pairs = [line.partition(":") for line in lines]
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        source.skip(found.end())
    return headers
