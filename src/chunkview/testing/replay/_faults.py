"""Faults: what can go wrong while an answer is sent.

A fault is a small value. `Answer` puts it together with a body. It changes either the body, or how
the server sends it.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import attrs
from attrs.validators import ge, optional

from ..._chunks import encode
from ._checks import check_seconds, of_type
from ._cutting import by_event, by_size, interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "CutAfter",
    "ErrorAfter",
    "Fault",
    "Interruption",
    "ResetAfter",
    "ResetWanted",
    "StallAfter",
    "Trickle",
]


class ResetWanted(ConnectionAbortedError):  # noqa: N818 - not an error: it asks for a reset
    """The server should reset the connection instead of closing it."""


@attrs.frozen
class Fault:
    """The base class of all faults. By itself it is no fault: the answer is sent as it is."""

    def body_of(self, body: bytes) -> bytes:
        """Give the body that is sent instead of `body`."""
        return body

    def sent(
        self, segments: Iterable[bytes], body: bytes, wait: Callable[[float], None]
    ) -> Iterator[bytes]:
        """Give what is sent.

        Args:
            segments: The body in segments.
            body: The body as a whole.
            wait: Waits for some seconds.

        Raises:
            ConnectionAbortedError: The connection ends here, or the server was closed.
        """
        yield from segments


def _are_seconds(_: object, field: attrs.Attribute[float], seconds: float) -> None:
    check_seconds(field.name, seconds)


@attrs.frozen
class Interruption(Fault):
    """A fault at one place of the body.

    Attributes:
        size: The number of bytes of the body that are sent before. 0: not even the status and the
            headers are sent.
        events: The number of events that are sent before, instead of `size`. With 2.5, two events
            and half of the bytes of the third are sent.

    Raises:
        TypeError: `size` or `events` is no such number.
        ValueError: Both `size` and `events` are given, or neither, or one is negative.
    """

    size: int | None = attrs.field(
        default=None, validator=optional(of_type(int, expected="a number of bytes"))
    )
    events: float | None = attrs.field(
        default=None,
        kw_only=True,
        validator=optional(of_type(int, float, expected="a number of events")),
    )

    def __attrs_post_init__(self) -> None:
        place = self.size if self.events is None else self.events
        if place is None or None not in (self.size, self.events):
            raise ValueError("expected either size or events")
        # NaN compares with nothing, and no number of events is infinite.
        if not 0 <= place < math.inf:
            raise ValueError(f"expected 0 or more, got {place!r}")

    def sent(
        self, segments: Iterable[bytes], body: bytes, wait: Callable[[float], None]
    ) -> Iterator[bytes]:
        return interrupted(segments, self._place_in(body), lambda: self._interrupt(wait))

    def _place_in(self, body: bytes) -> int:
        """Give the number of bytes before the fault."""
        if self.events is None:
            return self.size or 0
        whole = int(self.events)
        events = by_event(body)
        size = sum(map(len, events[:whole]))
        for event in events[whole : whole + 1]:
            size += int((self.events - whole) * len(event))
        return size

    def _interrupt(self, wait: Callable[[float], None]) -> None:
        raise NotImplementedError


@attrs.frozen
class CutAfter(Interruption):
    """The connection ends within the answer, which a client notices by the missing last chunk.

    `CutAfter(1000)` ends it after 1,000 bytes, `CutAfter(events=3)` after three events. If the body
    is shorter, all of it is sent, and its proper end is missing.
    """

    def _interrupt(self, wait: Callable[[float], None]) -> None:
        raise ConnectionAbortedError("the answer is cut here")


@attrs.frozen
class ResetAfter(Interruption):
    """The connection is reset (a TCP RST), as when a server or a load balancer dies.

    `ResetAfter(events=2.5)` sends two events and half of the third before. A client may get less:
    some systems discard what it has not read before the reset.
    """

    def _interrupt(self, wait: Callable[[float], None]) -> None:
        raise ResetWanted("the connection is reset here")


@attrs.frozen
class StallAfter(Interruption):
    """Nothing more comes for a while, and the connection stays open.

    Attributes:
        seconds: How long it takes until the rest comes. None: it does not come until the server is
            closed, which cuts the answer.
    """

    seconds: float | None = attrs.field(
        default=None, kw_only=True, validator=optional(_are_seconds)
    )

    def _interrupt(self, wait: Callable[[float], None]) -> None:
        wait(threading.TIMEOUT_MAX if self.seconds is None else self.seconds)


@attrs.frozen
class Trickle(Fault):
    """The body comes in small pieces, with a pause after each.

    Attributes:
        seconds: The pause, in seconds.
        size: The bytes of a piece.

    Raises:
        TypeError: `seconds` or `size` is no such number.
        ValueError: `seconds` is negative, or `size` is below 1.
    """

    seconds: float = attrs.field(validator=_are_seconds)
    size: int = attrs.field(
        default=1, validator=[of_type(int, expected="a number of bytes"), ge(1)]
    )

    def sent(
        self, segments: Iterable[bytes], body: bytes, wait: Callable[[float], None]
    ) -> Iterator[bytes]:
        for segment in segments:
            for piece in by_size(segment, (self.size,)):
                yield piece
                wait(self.seconds)


@attrs.frozen
class ErrorAfter(Fault):
    """A stream with status 200 turns into an error: an `error` event comes instead of the rest.

    A client that does not ask for a stream gets the error with its status, as for any body with an
    error event.

    Attributes:
        events: The number of events that are sent before.
        error_type: The type of the error in the API's terms, such as `api_error`.
        message: The text of the error.

    Raises:
        TypeError: `events` is no such number.
        ValueError: `events` is negative.
    """

    events: int = attrs.field(validator=[of_type(int, expected="a number of events"), ge(0)])
    error_type: str = "overloaded_error"
    message: str = "Overloaded"

    def body_of(self, body: bytes) -> bytes:
        error = {"type": self.error_type, "message": self.message}
        return b"".join(by_event(body)[: self.events]) + encode({"type": "error", "error": error})
