"""What the replay server answers: bodies and errors, and which of them to which request."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, cycle, islice
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import attrs
from attrs.validators import ge, lt

from ._api import models_of
from ._checks import check_seconds, of_type
from ._cutting import by_event, by_size
from ._faults import Fault
from ._misuse import got, is_body

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Answer",
    "AnsweredRequest",
    "ApiError",
    "NoReplyError",
    "Playback",
    "ReceivedRequest",
    "RecordedAnswer",
    "Replier",
    "Replies",
    "Reply",
    "json_bytes",
]

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
        TypeError: `status` is not an int, or `body` is not a mapping.
        ValueError: `status` is not the status of an error, or HTTP cannot send a header: its name
            is not a valid name, or its value has a line break or a character outside Latin-1.
    """

    status: int = attrs.field(validator=[of_type(int, expected="a status"), ge(400), lt(600)])
    body: Mapping[str, Any] = attrs.field(
        validator=of_type(Mapping, expected="a JSON object"), hash=False
    )
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], validator=_check_headers, hash=False
    )


@attrs.frozen
class Answer:
    """An SSE body with headers of its own, and with a fault.

    ```python
    ReplayServer(Answer(recording("text"), ResetAfter(events=2.5)))
    ```

    A client that does not ask for a stream gets the Message that the body builds, with the same
    headers, and with the same fault in its JSON, which counts as one event.

    Attributes:
        body: The body.
        fault: What goes wrong while it is sent: a `CutAfter`, `ResetAfter`, `StallAfter`, `Trickle`
            or `ErrorAfter`. Nothing, unless you say it.
        headers: Headers to add to the answer, or to replace the server's. Those about the
            connection and the length are the server's own.

    Raises:
        TypeError: `body` is not bytes, or `fault` is not a fault.
        ValueError: HTTP cannot send a header.
    """

    body: bytes = attrs.field(validator=is_body, repr=False)
    fault: Fault = attrs.field(
        factory=Fault, validator=of_type(Fault, expected="a fault such as CutAfter(1000)")
    )
    headers: Mapping[str, str] = attrs.field(
        factory=dict[str, str], validator=_check_headers, hash=False, kw_only=True
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

    @property
    def model(self) -> str:
        """The model that the request names, or ""."""
        model = self.body.get("model")
        return model if isinstance(model, str) else ""


@attrs.frozen
class AnsweredRequest:
    """A line for a log: a request, and what was sent. It has no header and no query.

    Attributes:
        method: The method; "" if what came is no request.
        path: The path, without its query string; "" if what came is no request.
        model: The model that the request names, or "".
        status: The HTTP status; None if the connection ended before it.
        size: The bytes of the body that were sent, without the framing of HTTP.
    """

    method: str
    path: str
    model: str
    status: int | None
    size: int


Reply: TypeAlias = bytes | ApiError | Answer | RecordedAnswer | tuple[int, Mapping[str, Any]]
"""The answer to a request: an SSE body; one with headers or a fault; an error, also as a pair of
its status and body; or an answer that is played as it was recorded."""

Replier: TypeAlias = Callable[[ReceivedRequest], Reply]
"""A function that gives the reply to a request."""

Replies: TypeAlias = Reply | Replier | Sequence[Reply | Replier]
"""One reply, or several that are used in turn. After the last comes the first again."""

Matcher: TypeAlias = str | Callable[[ReceivedRequest], bool]
"""Which requests get a reply: those for a model, or those for which a function is true."""

_Ready: TypeAlias = Answer | ApiError | RecordedAnswer


class NoReplyError(Exception):
    """There is no reply to a request: none of the keys of a mapping fits it."""


class Playback:
    """What the connections of a server share: the next reply, and how to send it.

    Attributes:
        requests: The requests answered with one of the bodies, in order.
        closing: Set when the server closes.
    """

    def __init__(
        self,
        bodies: Replies | Mapping[Any, Replies],
        *,
        segment_size: int | Sequence[int] | None,
        delay: float,
    ) -> None:
        """Check the arguments of a `ReplayServer`, which documents them."""
        self._turns = [
            (matcher, cycle(replies), replies) for matcher, replies in _checked_bodies(bodies)
        ]
        self._sizes = _checked_sizes(segment_size)
        check_seconds("delay", delay)
        self._delay = delay
        self.requests: list[ReceivedRequest] = []
        self.closing = threading.Event()
        self._request_numbers = count(1)
        self._lock = threading.Lock()

    @property
    def models(self) -> list[str]:
        """The models that requests can be for, as far as they are known before a request comes."""
        names = [matcher for matcher, _, _ in self._turns if isinstance(matcher, str)]
        replies = [reply for _, _, replies in self._turns for reply in replies]
        bodies = [reply.body for reply in replies if isinstance(reply, (Answer, RecordedAnswer))]
        return list(dict.fromkeys([*names, *models_of(bodies)]))

    def new_request_id(self) -> str:
        """Number the next request."""
        with self._lock:
            return f"req_replay_{next(self._request_numbers):04}"

    def reply_to(self, request: ReceivedRequest) -> _Ready:
        """Note a request and give the reply to it.

        Raises:
            NoReplyError: There is none.
        """
        fitting = (turns for matcher, turns, _ in self._turns if _fits(matcher, request))
        turns = next(fitting, None)
        if turns is None:
            raise NoReplyError(f"there is no reply for this request; model: {request.model!r}")
        # Under one lock, so that the order of the requests is the order of their replies.
        with self._lock:
            self.requests.append(request)
            reply = next(turns)
        # A function may take its time, or wait for another request.
        return _checked_answer(reply(request)) if callable(reply) else reply

    def segments(self, body: bytes) -> Iterator[bytes]:
        """Cut a body into segments, and wait between them.

        Raises:
            ConnectionAbortedError: The server was closed.
        """
        segments = by_size(body, self._sizes) if self._sizes else iter(by_event(body))
        yield from islice(segments, 1)
        for segment in segments:
            self.wait(self._delay)
            yield segment

    def until(self, seconds: float, *, since: float) -> None:
        """Wait until a moment of a recording.

        Args:
            seconds: The moment, in seconds since the request.
            since: When the request came, by `time.monotonic`.

        Raises:
            ConnectionAbortedError: The server was closed.
        """
        self.wait(max(since + seconds - time.monotonic(), 0.0))

    def wait(self, seconds: float) -> None:
        """Wait for some seconds.

        Raises:
            ConnectionAbortedError: The server was closed.
        """
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


def _checked_bodies(
    bodies: object,
) -> list[tuple[Matcher, list[_Ready | Replier]]]:
    if not isinstance(bodies, Mapping):
        return [(_any_request, _checked_replies(bodies))]
    replies_of = cast("Mapping[object, object]", bodies)
    if not replies_of:
        raise ValueError("bodies: expected at least one")
    for matcher in replies_of:
        if not (isinstance(matcher, str) or callable(matcher)):
            raise TypeError(f"bodies: expected a model or a function as key, got {matcher!r}")
    return [
        (cast("Matcher", matcher), _checked_replies(replies))
        for matcher, replies in replies_of.items()
    ]


def _fits(matcher: Matcher, request: ReceivedRequest) -> bool:
    return matcher == request.model if isinstance(matcher, str) else matcher(request)


def _any_request(_: ReceivedRequest) -> bool:
    return True


def _checked_replies(replies: object) -> list[_Ready | Replier]:
    is_one = isinstance(replies, bytes) or callable(replies) or _is_pair(replies)
    if is_one or not isinstance(replies, Sequence) or isinstance(replies, (str, bytearray)):
        return [_checked_reply(replies)]
    if not replies:
        raise ValueError("bodies: expected at least one")
    return [_checked_reply(reply) for reply in cast("Sequence[object]", replies)]


def _checked_reply(reply: object) -> _Ready | Replier:
    if callable(reply) and not isinstance(reply, type):
        return cast("Replier", reply)
    return _checked_answer(reply)


def _checked_answer(reply: object) -> _Ready:
    if isinstance(reply, (Answer, RecordedAnswer)):
        return reply
    if isinstance(reply, bytes):
        return Answer(reply)
    if isinstance(reply, ApiError):
        error = reply
    elif _is_pair(reply):
        error = ApiError(*cast("tuple[int, Mapping[str, Any]]", reply))
    else:
        raise TypeError(
            "bodies: expected bytes, ApiError, (status, body), Answer, RecordedAnswer or a "
            f"function that gives one of them, {got(reply)}"
        )
    # Raise in the caller's frame now, not in a thread of the server when a request arrives.
    json_bytes(error.body)
    return error


def _is_pair(reply: object) -> bool:
    match reply:
        case (int(), _):  # ApiError says what is wrong with the second
            return True
        case _:
            return False


def _checked_sizes(segment_size: int | Sequence[int] | None) -> tuple[int, ...]:
    if segment_size is None:
        return ()
    problem = f"segment_size: expected one byte or more, got {segment_size!r}"
    sizes = tuple(segment_size) if isinstance(segment_size, Sequence) else (segment_size,)
    if not all(isinstance(size, int) for size in sizes):
        raise TypeError(problem)
    if not sizes or min(sizes) < 1:
        raise ValueError(problem)
    return sizes
