"""What the replay server answers: bodies and errors, in turn, cut into segments."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from itertools import count, cycle, islice
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import attrs
from attrs.validators import ge, lt

from ..._stream import Framer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ApiError", "Playback", "ReceivedRequest", "RecordedAnswer", "Reply", "json_bytes"]

# No character of a sent header may end its name or its line.
_SENT_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SENT_VALUE = re.compile(r"[\t -~\x80-\xff]*")


def _check_headers(_: object, __: object, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        # A value may be a number, which is written as its digits.
        if not (_SENT_NAME.fullmatch(name) and _SENT_VALUE.fullmatch(str(value))):
            raise ValueError(f"headers: HTTP cannot send {name!r}: {value!r}")


@attrs.frozen
class ApiError:
    """An error that the API answers instead of a stream.

    Documented at https://docs.anthropic.com/en/api/errors.

    Attributes:
        status: The HTTP status, 400 to 599.
        body: The whole JSON body, sent unchanged; the API's own have the shape
            `{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}`.
        headers: Headers to add to the answer, for example `{"retry-after": "1"}`.

    Raises:
        ValueError: `status` is not the status of an error, or HTTP cannot send a header: its name
            is not a valid name, or its value has a line break or a character outside Latin-1.
    """

    status: int = attrs.field(validator=[ge(400), lt(600)])
    body: Mapping[str, Any] = attrs.field(hash=False)
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], validator=_check_headers, hash=False
    )


def _pairs(pieces: Iterable[tuple[float, bytes]]) -> tuple[tuple[float, bytes], ...]:
    checked: list[tuple[float, bytes]] = []
    for seconds, data in pieces:
        if not isinstance(data, bytes):
            raise TypeError(f"pieces: expected bytes, got {type(data).__name__}")
        checked.append((seconds, data))
    return tuple(checked)


@attrs.frozen
class RecordedAnswer:
    """An answer that is played as it was recorded: with its status, its cuts and its times.

    A client that does not ask for a stream gets the Message that a recorded stream builds.

    Attributes:
        pieces: When each piece of the body came, in seconds since the request, and its bytes. Each
            piece is sent as one HTTP chunk. The times never fall.
        status: The HTTP status, 200 to 599.
        headers: The headers, without those about the connection and the length. A `request-id` is
            added if there is none.
        to_headers: When the status and the headers came, in seconds since the request.
        duration: When the answer ended, in seconds since the request. None: with the last piece.
        is_whole: Whether the answer ended properly. Otherwise the connection is cut at its end.

    Raises:
        TypeError: A piece is no pair of a number and bytes.
        ValueError: A time is out of range or before the one that precedes it, the status is out of
            range, or HTTP cannot send a header.
    """

    pieces: Sequence[tuple[float, bytes]] = attrs.field(converter=_pairs, repr=False)
    status: int = attrs.field(default=200, validator=[ge(200), lt(600)])
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], validator=_check_headers, hash=False
    )
    to_headers: float = 0.0
    duration: float | None = None
    is_whole: bool = True

    def __attrs_post_init__(self) -> None:
        times = [self.to_headers, *(seconds for seconds, _ in self.pieces)]
        if self.duration is not None:
            times.append(self.duration)
        # NaN compares with nothing.
        if not all(before <= after for before, after in zip([0.0, *times], times, strict=False)):
            raise ValueError("pieces: the times must begin at 0 or later, and never fall")
        if times[-1] > threading.TIMEOUT_MAX:
            raise ValueError(f"pieces: a time is at most {threading.TIMEOUT_MAX:.0f} seconds")

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(data for _, data in self.pieces)

    @property
    def is_stream(self) -> bool:
        """Whether the body is an event stream."""
        types = [value for name, value in self.headers.items() if name.lower() == "content-type"]
        return self.status == 200 and all(
            value.lower().startswith("text/event-stream") for value in types
        )


Reply: TypeAlias = bytes | ApiError | RecordedAnswer | tuple[int, Mapping[str, Any]]
"""The answer to a request: an SSE body; an error, also as a pair of its status and body; or an
answer that is played as it was recorded."""


@attrs.frozen
class ReceivedRequest:
    """A request as the server received it.

    Attributes:
        path: The request target, with its query string: `/v1/messages?beta=true`.
        headers: The headers by lower-case name. They may hold an API key, so `repr` leaves them
            out.
        body: The parsed JSON body.
    """

    path: str
    headers: Mapping[str, str] = attrs.field(repr=False, hash=False)
    body: Mapping[str, Any] = attrs.field(hash=False)


class Playback:
    """What the connections of a server share: the next reply, and how to send it.

    Attributes:
        requests: The requests answered with one of the bodies, in order.
        closing: Set when the server closes.
    """

    def __init__(
        self,
        bodies: Reply | Sequence[Reply],
        *,
        segment_size: int | Sequence[int] | None,
        delay: float,
    ) -> None:
        """Check the arguments of a `ReplayServer`, which documents them."""
        self._replies = cycle(_checked_replies(bodies))
        self._sizes = _checked_sizes(segment_size)
        if not 0 <= delay <= threading.TIMEOUT_MAX:
            raise ValueError(f"delay: expected seconds, 0 or more, got {delay!r}")
        self._delay = delay
        self.requests: list[ReceivedRequest] = []
        self.closing = threading.Event()
        self._request_numbers = count(1)
        self._lock = threading.Lock()

    def new_request_id(self) -> str:
        """Number the next request."""
        with self._lock:
            return f"req_replay_{next(self._request_numbers):04}"

    def reply_to(self, request: ReceivedRequest) -> bytes | ApiError | RecordedAnswer:
        """Note a request and give the reply to it."""
        # Under one lock, so that the order of the requests is the order of their replies.
        with self._lock:
            self.requests.append(request)
            return next(self._replies)

    def segments(self, body: bytes) -> Iterator[bytes]:
        """Cut a body into segments, and wait between them.

        Raises:
            ConnectionAbortedError: The server was closed.
        """
        segments = _cut(body, self._sizes) if self._sizes else iter(_events_of(body))
        yield from islice(segments, 1)
        for segment in segments:
            self._wait(self._delay)
            yield segment

    def until(self, seconds: float, *, since: float) -> None:
        """Wait until a moment of a recording.

        Args:
            seconds: The moment, in seconds since the request.
            since: When the request came, by `time.monotonic`.

        Raises:
            ConnectionAbortedError: The server was closed.
        """
        self._wait(max(since + seconds - time.monotonic(), 0.0))

    def _wait(self, seconds: float) -> None:
        if self.closing.wait(seconds):
            raise ConnectionAbortedError("the server was closed")


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Write a JSON body.

    Raises:
        TypeError: The value is not JSON.
    """
    # UTF-8 cannot encode half a character. JSON has an escape for it, \ud83d, which is also how
    # `backslashreplace` writes it.
    return json.dumps(dict(value), ensure_ascii=False).encode(errors="backslashreplace")


def _checked_replies(bodies: object) -> list[bytes | ApiError | RecordedAnswer]:
    if isinstance(bodies, (bytes, ApiError, RecordedAnswer)) or _is_pair(bodies):
        return [_checked_reply(bodies)]
    if isinstance(bodies, (str, bytearray)) or not isinstance(bodies, Sequence):
        raise TypeError(_not_a_reply(bodies))
    if not bodies:
        raise ValueError("bodies: expected at least one")
    return [_checked_reply(body) for body in cast("Sequence[object]", bodies)]


def _checked_reply(body: object) -> bytes | ApiError | RecordedAnswer:
    if isinstance(body, (bytes, RecordedAnswer)):
        return body
    if isinstance(body, ApiError):
        error = body
    elif _is_pair(body):
        error = ApiError(*cast("tuple[int, Mapping[str, Any]]", body))
    else:
        raise TypeError(_not_a_reply(body))
    # Raise in the caller's frame now, not in a thread of the server when a request arrives.
    json_bytes(error.body)
    return error


def _is_pair(body: object) -> bool:
    match body:
        case (int(), Mapping()):
            return True
        case _:
            return False


def _not_a_reply(body: object) -> str:
    return (
        "bodies: expected bytes, ApiError, (status, body) or RecordedAnswer, "
        f"got {type(body).__name__}"
    )


def _checked_sizes(segment_size: int | Sequence[int] | None) -> tuple[int, ...]:
    if segment_size is None:
        return ()
    sizes = (segment_size,) if isinstance(segment_size, int) else tuple(segment_size)
    if not sizes or min(sizes) < 1:
        raise ValueError(f"segment_size: expected one byte or more, got {segment_size!r}")
    return sizes


def _cut(body: bytes, sizes: tuple[int, ...]) -> Iterator[bytes]:
    start, next_sizes = 0, cycle(sizes)
    while start < len(body):
        end = start + next(next_sizes)
        yield body[start:end]
        start = end


def _events_of(body: bytes) -> list[bytes]:
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
