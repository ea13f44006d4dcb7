"""The framing of an event stream: bytes to events, and an event to its data.

Lines end in LF, CR or CRLF, and a blank line ends an event. An event is cut off together with its
blank line, so the events and the rest join to what was fed. The decoder, the reader of recordings
and the replay server all cut this way.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Data = bytes | bytearray

__all__ = ["BYTE_ORDER_MARK", "Framer", "data_of", "lines_of"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""UTF-8's, which may precede the first event."""


class Framer:
    """Collects bytes and gives back whole events.

    The time taken is linear in the bytes, whatever the cut: no byte is searched twice.

    Attributes:
        buffer: The bytes of the event that is still incomplete. Not to be changed.
        offset: How many bytes of the body came before the event that is still incomplete.
        is_too_long: Whether an event was longer than allowed. It is then in `rest`, and nothing
            can be fed any more.
    """

    __slots__ = ("_after_cr", "_max_event_bytes", "_newlines", "buffer", "is_too_long", "offset")

    def __init__(self, max_event_bytes: int | None = None) -> None:
        """Make a framer for one body.

        Args:
            max_event_bytes: How many bytes an event may have, without the line ends behind it;
                None for any number.
        """
        self.offset = 0
        self.is_too_long = False
        self._max_event_bytes = sys.maxsize if max_event_bytes is None else max_event_bytes
        self.buffer = bytearray()
        self._newlines = 0
        self._after_cr = False

    @property
    def rest(self) -> bytes:
        """A copy of `buffer`."""
        return bytes(self.buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the body.

        Args:
            data: Bytes, cut anywhere.

        Returns:
            The events that these bytes complete, each with the blank line that ends it. Further
            blank lines are an event of their own. Where an event is too long, those before it.
        """
        if self._after_cr and data:
            # The blank line ended in CR. An LF that follows belongs to the same line end.
            self._after_cr = False
            if data.startswith(b"\n"):
                self.offset += 1
                data = data[1:]
        buffer = self.buffer
        start, end = 0, None
        if buffer:
            if 0x0A not in data and 0x0D not in data:
                buffer += data
                if len(buffer) > self._max_event_bytes:
                    self._check_rest()
                return []
            newlines = self._newlines = max(self._newlines, _newlines(buffer[-1:] + data))
            searched = len(buffer) - 1
            buffer += data
            end = _FIND_END[newlines](buffer, searched)
            if end < 0:
                self._check_rest()
                return []
            data = bytes(buffer)
            buffer.clear()
            find_end = _FIND_END[newlines]
        else:
            find_end = _FIND_END[_newlines(data)]
        limit = self._max_event_bytes
        events: list[bytes] = []
        size = len(data)
        while start < size:
            if end is None:
                end = find_end(data, start)
                if end < 0:
                    break
            if end - start < _SHORTEST:
                end = max(end, _skip_newlines(data, start))
            if end - start > limit and _content_length(data[start:end]) > limit:
                size = end
                break
            events.append(data[start:end])
            start, end = end, None
        self.offset += start
        if start < size:
            buffer += data[start:size]
            self._newlines = _newlines(buffer)
            self._check_rest()
        else:
            self._after_cr = data.endswith(b"\r")
        return events

    def clear(self) -> None:
        """Drop the incomplete event."""
        self.buffer.clear()

    def _check_rest(self) -> None:
        # The last line ends are no part of the event: they may belong to its blank line.
        newlines = len(self.buffer[-4:]) - _content_length(self.buffer[-4:])
        self.is_too_long = len(self.buffer) - newlines > self._max_event_bytes


_SHORTEST = 5  # bytes; a pair of line ends has four at most


def _newlines(data: Data) -> int:
    """Say which line ends there are: a place in `_FIND_END`."""
    # An int is found by memchr; a bytes of length 1 takes ten times as long.
    if 0x0D not in data:
        return 0
    lone = data.count(b"\r") - data.count(b"\r\n") - data.endswith(b"\r")
    return 2 if lone else 1


def _end_after_lf(data: Data, start: int) -> int:
    """Find where an event ends whose lines end in LF: after its blank line, or -1."""
    end = data.find(b"\n\n", start, start + _NEAR)
    if end >= 0:
        return end + 2
    # Line by line, by memchr: searching for two bytes takes 20 times as long on a long line.
    end = data.find(b"\n", start + _NEAR - 1)
    while end >= 0:
        if data.startswith(b"\n", end + 1):
            return end + 2
        end = data.find(b"\n", end + 1)
    return -1


_NEAR = 512


def _end_after_crlf(data: Data, start: int) -> int:
    """The same where lines end in CRLF or LF."""
    end = data.find(b"\n", start)
    while end >= 0:
        if data.startswith(b"\r\n", end + 1):
            return end + 3
        if data.startswith((b"\n", b"\r"), end + 1):
            return end + 2
        end = data.find(b"\n", end + 1)
    return -1


_ANY_END = re.compile(rb"\n(?:\n|\r\n?)|\r\r\n?")


def _end_after_any(data: Data, start: int) -> int:
    """The same where lines end in any way. Three times as slow."""
    found = _ANY_END.search(data, start)
    return -1 if found is None else found.end()


_FIND_END: tuple[Callable[[Data, int], int], ...] = (
    _end_after_lf,
    _end_after_crlf,
    _end_after_any,
)

_NEWLINES = re.compile(rb"[\r\n]*")


def _skip_newlines(data: Data, start: int) -> int:
    found = _NEWLINES.match(data, start)
    return start if found is None else found.end()


def _content_length(event: Data) -> int:
    return len(event.rstrip(b"\r\n"))


def data_of(event: bytes) -> bytes | None:
    """Join the data lines of an event.

    Args:
        event: The lines of the event, with or without its blank line.

    Returns:
        The data; None when there is no data line.
    """
    if 0x0D in event:
        event = event.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # What servers send: one data line, mostly behind an event line.
    if event.endswith(b"\n\n"):
        if event.startswith(b"event: "):
            begin = event.find(b"\ndata: ")
            if begin >= 0 and event.count(b"\n") == 3:
                return event[begin + 7 : -2]
        elif event.startswith(b"data: ") and event.count(b"\n") == 2:
            return event[6:-2]
    data: bytearray | None = None
    for name, value in lines_of(event):
        if name == b"data":
            if data is None:
                data = bytearray(value)
            else:
                data += b"\n"
                data += value
    return None if data is None else bytes(data)


def lines_of(event: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split an event into its lines, one by one, so that many short ones take no memory.

    Args:
        event: The lines of the event, with or without its blank line.

    Yields:
        `(name, value)` of each line; the name of a comment is empty. Blank lines are left out.
    """
    event = event.strip(b"\r\n")
    if 0x0D in event:
        event = event.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start, size = 0, len(event)
    while start < size:
        end = event.find(b"\n", start)
        end = size if end < 0 else end
        if end > start:
            name, _, value = event[start:end].partition(b":")
            yield name, value[1:] if value.startswith(b" ") else value
        start = end + 1
