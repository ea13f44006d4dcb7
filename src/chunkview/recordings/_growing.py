"""A recording in the making, of a format that brings one event after the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .._chunks import EVENTS, is_error
from ._sse import Boundary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import DecodeError
    from ._recording import Format, Maker, Recording

__all__ = ["Growing"]


class Growing:
    """The events of one message, as far as they have come.

    Attributes:
        error: Why the recording is not whole, or None. No further event is kept then: a message
            with a gap would look like another message.
    """

    def __init__(self, maker: Maker, format: Format, **place: Any) -> None:  # noqa: A002
        """Begin a recording.

        Args:
            maker: Makes it in the end.
            format: Its format.
            **place: Further attributes of the recording.
        """
        self.error: DecodeError | None = None
        self._maker = maker
        self._format: Format = format
        self._place = place
        self._boundary = Boundary()
        self._items: list[Any] = []
        self._offsets: list[int] = []
        self._size = 0
        self._has_content = self._has_known = False

    def begins_next(self, event: dict[str, Any]) -> bool:
        """Whether an event begins the next message. Each event has to be asked about once."""
        tag = event.get("type")
        if not self._has_known:
            self._has_known = (isinstance(tag, str) and tag in EVENTS) or is_error(event)
        tag = tag if isinstance(tag, str) else "error"
        self._has_content |= tag != "ping"
        return self._boundary.begins(tag) or (self.error is not None and tag == "message_start")

    def add(self, event: dict[str, Any], offset: int, size: int) -> None:
        """Take the next event.

        Args:
            event: The event, or a wrapper with the event.
            offset: Where in the file it begins.
            size: How many bytes it has there.
        """
        if self.error is not None:
            return
        self._size += size
        if self._size > self._maker.max_bytes:
            self.error = self._maker.error(f"more than {self._maker.max_bytes} bytes", offset)
            return
        self._items.append(event)
        self._offsets.append(offset)

    def break_off(self, error: DecodeError) -> None:
        """Note why the recording is not whole. The first reason counts."""
        self.error = self.error or error

    def end(self) -> Iterator[Recording]:
        """Give the recording. Pings alone are none. Objects of unknown types are no events."""
        if self._format == "events" and not self._has_known and self.error is None:
            first = json.dumps(self._items[0]).encode()
            error = self._maker.error_of_unknown(first, self._place["offset"])
            yield self._maker.make((), None, error=error, **self._place)
        elif self._has_content or self.error is not None:
            yield self._maker.make(
                tuple(self._items),
                self._format,
                offsets=tuple(self._offsets),
                size=self._size,
                error=self.error,
                **self._place,
            )
