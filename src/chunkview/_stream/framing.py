"""The framing of an event stream: bytes to events, and an event to its name and its data.

Lines end in LF, CR or CRLF. A blank line ends an event. `Framer` cuts an event off together with
its blank line, so the events and the rest join to the bytes that were fed. One byte may be missing:
the LF of a CRLF whose CR ended an event in the piece before.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Data = bytes | bytearray

__all__ = [
    "BYTE_ORDER_MARK",
    "Framer",
    "end_of_event",
    "fields_of",
    "fields_of_one",
    "lines_of",
]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""U+FEFF in UTF-8. One may precede the first event."""


class Framer:
    """Collects bytes and gives back whole events.

    The time taken is linear in the bytes for every cut: no byte is searched twice.

    Attributes:
        buffer: The bytes of the event that is still incomplete. You may append bytes without a line
            end, as long as it is not too long then.
        offset: How many bytes `feed` has cut off so far: those of the body before the event that is
            still incomplete, if nothing but `feed` is called.
        is_after_cr: Whether the last event ended with a CR. An LF that comes next belongs to it.
        is_too_long: Whether an event was longer than allowed. That event is then in `rest`. Do
            not feed the framer further.
    """

    __slots__ = ("_line_ends", "_max_event_bytes", "buffer", "is_after_cr", "is_too_long", "offset")

    def __init__(self, max_event_bytes: int | None = None) -> None:
        """Make a framer for one body.

        Args:
            max_event_bytes: How many bytes an event may have, without the line ends after it.
                None allows any number.
        """
        self.buffer = bytearray()
        self.offset = 0
        self.is_too_long = False
        self._max_event_bytes = sys.maxsize if max_event_bytes is None else max_event_bytes
        self._line_ends = 0
        self.is_after_cr = False

    @property
    def rest(self) -> bytes:
        """A copy of `buffer`."""
        return bytes(self.buffer)

    def take_rest(self) -> bytes:
        """Give what is in the buffer, and drop it."""
        rest = bytes(self.buffer)
        self.buffer.clear()
        return rest

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the body.

        Args:
            data: Bytes, cut anywhere.

        Returns:
            The events that these bytes complete, each with the blank line that ends it. Further
            blank lines are an event of their own. When an event is too long: the events before it.
        """
        buffer = self.buffer
        if buffer and 0x0A not in data and 0x0D not in data:
            self.extend(data)
            return []
        if self.is_after_cr and data:
            data = self._without_half_a_newline(data)
        if not data:
            return []
        if not buffer:
            return self._cut(data, _kind_of_line_ends(data))
        end = self._join(data)
        if end < 0:
            self._check_rest()
            return []
        data = bytes(buffer)
        buffer.clear()
        return self._cut(data, self._line_ends, end)

    def complete(self, data: bytes) -> tuple[bytes, bytes]:
        """Take the next bytes of the body as far as they complete the event in the buffer.

        Args:
            data: Bytes, cut anywhere. There is an incomplete event before them.

        Returns:
            The event, with the blank line that ends it, and the rest of the bytes. b"" for both if
            the event is not complete.
        """
        end = self._join(data)
        if end < 0:
            self._check_rest()
            return b"", b""
        joined = bytes(self.buffer)
        if end > self._max_event_bytes and _content_length(joined[:end]) > self._max_event_bytes:
            del self.buffer[end:]
            self.is_too_long = True
            return b"", b""
        self.buffer.clear()
        self.is_after_cr = end == len(joined) and joined.endswith(b"\r")
        return joined[:end], joined[end:]

    def extend(self, data: bytes) -> None:
        """Add bytes without a line end to the incomplete event in the buffer."""
        buffer = self.buffer
        buffer += data
        if len(buffer) > self._max_event_bytes:
            self._check_rest()

    def keep(self, rest: bytes) -> None:
        """Put the beginning of an event into the buffer, which is empty."""
        buffer = self.buffer
        buffer += rest
        self._line_ends = _kind_of_line_ends(rest) if 0x0D in rest else 0
        if len(rest) > self._max_event_bytes:
            self._check_rest()

    def _without_half_a_newline(self, data: bytes) -> bytes:
        """Drop the LF of a CRLF that ended the last event with its CR."""
        self.is_after_cr = False
        if not data.startswith(b"\n"):
            return data
        self.offset += 1
        return data[1:]

    def _join(self, data: bytes) -> int:
        """Add bytes to the buffer, and find where its first event ends, or -1."""
        buffer = self.buffer
        searched = len(buffer) - 1  # a blank line may begin with the last byte
        self._line_ends = max(self._line_ends, _kind_of_line_ends(buffer[-1:] + data))
        buffer += data
        return _FIND_END[self._line_ends](buffer, searched)

    def _cut(self, data: bytes, line_ends: int, end: int | None = None) -> list[bytes]:
        """Cut bytes into events, and keep the rest in the buffer.

        Args:
            data: The bytes, which begin with an event.
            line_ends: Which line ends there are: a place in `_FIND_END`.
            end: Where the first event ends, if that is known.
        """
        find_end, limit = _FIND_END[line_ends], self._max_event_bytes
        events: list[bytes] = []
        start, size = 0, len(data)
        while start < size:
            if end is None:
                end = find_end(data, start)
            if end < 0:
                break
            if end - start < _SHORTEST:
                end = max(end, _skip_newlines(data, start))
            if end - start > limit and _content_length(data[start:end]) > limit:
                size = end  # what follows an event that is too long is dropped
                break
            events.append(data[start:end])
            start, end = end, None
        self.offset += start
        if start < size:
            self.keep(data[start:size])
        else:
            self.is_after_cr = data.endswith(b"\r")
        return events

    def clear(self) -> None:
        """Drop the incomplete event."""
        self.buffer.clear()

    def _check_rest(self) -> None:
        # Line ends around an event do not count: they belong to its blank line or the one before.
        first, last = self.buffer[:4], self.buffer[-4:]
        around = len(first) - len(first.lstrip(b"\r\n")) + len(last) - len(last.rstrip(b"\r\n"))
        self.is_too_long = len(self.buffer) - around > self._max_event_bytes


def fields_of(event: bytes) -> tuple[bytes, bytes | None]:
    """Read the name and the data of an event.

    Args:
        event: The lines of the event, with or without its blank line.

    Returns:
        The value of the last `event` line, or b"". And the values of the `data` lines, joined with
        line feeds; None when there is no data line.
    """
    return fields_of_one(event) or _fields_of_lines(event)


def fields_of_one(event: bytes) -> tuple[bytes, bytes] | None:
    """Read the name and the data of an event that is written as most servers write it.

    Args:
        event: Bytes that may be one event with its blank line.

    Returns:
        The value of the `event` line, or b"", and that of the `data` line. None if there are other
        lines, or if some lines end in LF and others in CR or CRLF.
    """
    first = event.find(b"\n")
    if event.startswith(b"event: "):
        begin = first + 7
        if not event.startswith(b"data: ", first + 1):
            return None
        end = event.find(b"\n", begin)
    elif event.startswith(b"data: "):
        begin, end = 6, first
    else:
        return None
    name = event[7:first] if begin > 6 else b""
    if end + 2 == len(event) and event.endswith(b"\n") and 0x0D not in event:
        return name, event[begin:end]
    if end + 3 == len(event) and event.endswith(b"\r\n"):
        payload = event[begin : end - 1]
        is_crlf = event[end - 1] == 0x0D and (not name or name.endswith(b"\r"))
        if is_crlf and 0x0D not in payload and 0x0D not in name[:-1]:
            return name[:-1], payload
    return None


def lines_of(event: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split an event into its lines, one by one: many short lines then take no memory.

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


def _fields_of_lines(event: bytes) -> tuple[bytes, bytes | None]:
    event_name = b""
    data: bytearray | None = None
    for name, value in lines_of(event):
        if name == b"event":
            event_name = value
        elif name == b"data":
            if data is None:
                data = bytearray(value)
            else:
                data += b"\n"
                data += value
    return event_name, None if data is None else bytes(data)


def end_of_event(data: Data, start: int, blank: bytes) -> int:
    """Find where an event ends.

    Args:
        data: Bytes of an event stream.
        start: Where the event begins, or a place in it before its blank line.
        blank: The line ends that end an event here: LF twice, or CRLF twice.

    Returns:
        The place after its blank line, or -1.
    """
    return _end_after_lf(data, start) if blank == b"\n\n" else _end_after_crlf(data, start)


_SHORTEST = 5  # bytes; a pair of line ends has four at most


def _kind_of_line_ends(data: Data) -> int:
    """Say which line ends there are: a place in `_FIND_END`."""
    # `0x0D in data` is a memchr. `b"\r" in data` is ten times slower.
    if 0x0D not in data:
        return 0
    lone = data.count(b"\r") - data.count(b"\r\n") - data.endswith(b"\r")
    return 2 if lone else 1


def _end_after_lf(data: Data, start: int) -> int:
    """Find the end of the first event: after its blank line, or -1. Here lines end in LF."""
    end = data.find(b"\n\n", start, start + _NEAR)
    if end >= 0:
        return end + 2
    # Go line by line, which is a memchr each: on a long line, a search for two bytes is 20 times
    # slower.
    end = data.find(b"\n", start + _NEAR - 1)
    while end >= 0:
        if data.startswith(b"\n", end + 1):
            return end + 2
        end = data.find(b"\n", end + 1)
    return -1


_NEAR = 512
"""How many bytes are searched for two LFs at once. Most events are shorter."""


def _end_after_crlf(data: Data, start: int) -> int:
    """Find the same where lines end in CRLF or LF."""
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
    """Find the same where lines end in any way. This is three times slower."""
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
    return len(event.strip(b"\r\n"))
