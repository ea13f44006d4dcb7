"""Sends a request to a server, and takes its answer, within bounds of size and time.

httpx sends it, with the headers of the official SDK. Each request has a connection of its own, so
no answer depends on the one before. Where the server does not answer as HTTP requires, that is a
`Fault` of the answer, and never an exception.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import attrs

from ... import __version__
from ...errors import kind_of

try:
    import httpx
except ImportError as _error:
    raise ImportError(
        "check --url needs an HTTP client: pip install 'chunkview[check]'"
    ) from _error

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from typing_extensions import Self

__all__ = ["Answer", "Fault", "Server", "Watch", "messages_url", "shown_url"]

# The longest answer that is asked for has 2,048 tokens.
_MAX_BODY_BYTES = 16 * 1024 * 1024
# A whole answer may take this many timeouts. The timeout is between two pieces of it.
_MOST_TIMEOUTS = 10

# A date has 29 characters.
_LONGEST_RETRY_AFTER = 40

_VERSION_OF_API = "2023-06-01"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@attrs.frozen
class Fault:
    """A rule that the transport of an answer breaks.

    Attributes:
        rule: The name of the rule, a key of `SERVER_RULES`.
        seen: What was seen.
    """

    rule: str
    seen: str


@attrs.define
class Answer:
    """What a server has answered so far.

    Attributes:
        status: The HTTP status; None if there was no answer.
        content_type: The media type, in lower case and without parameters; "" if there is none.
        location: Where a redirect leads; "" if it is none.
        retry_after: The header Retry-After; "" if there is none.
        size: How many bytes of the body have been read.
        first_byte: Seconds until the first byte of the body; None if there was none.
        longest_gap: The longest time between two pieces of the body, in seconds.
        fault: Why the answer could not be read to its end, or None.
    """

    status: int | None = None
    content_type: str = ""
    location: str = ""
    retry_after: str = ""
    size: int = 0
    first_byte: float | None = None
    longest_gap: float = 0.0
    fault: Fault | None = None


def messages_url(url: str) -> str:
    """Give the URL that requests go to.

    Args:
        url: The URL of a server, with or without `/v1` or `/v1/messages`, as SDKs and documents
            give it.
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/messages").removesuffix("/v1")
    return urlunsplit(parts._replace(path=f"{path}/v1/messages", fragment=""))


def shown_url(url: str) -> str:
    """Give a URL for reports: without user name, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Server:
    """A server that imitates the Messages API. Use it as a context manager.

    Attributes:
        shown_url: The URL that requests go to, for reports.
    """

    def __init__(self, url: str, *, key: str, headers: Mapping[str, str], timeout: float) -> None:
        """Prepare to send requests.

        Args:
            url: The URL of the server.
            key: The API key; "" for none.
            headers: Further headers.
            timeout: How many seconds the server may be silent. A whole answer may take ten times
                as long.

        Raises:
            httpx.InvalidURL: httpx cannot read the URL.
        """
        self._url = messages_url(url)
        self.shown_url = shown_url(self._url)
        self._timeout = timeout
        httpx.URL(self._url)
        self._client = httpx.Client(
            headers={
                "user-agent": f"chunkview/{__version__}",
                "accept": "application/json",
                "anthropic-version": _VERSION_OF_API,
                **({"x-api-key": key} if key else {}),
                **headers,
                "content-type": "application/json",
            },
            timeout=timeout,
            limits=httpx.Limits(max_keepalive_connections=0),
            # A proxy named in the environment cannot reach this machine.
            mounts={f"all://{host}": None for host in _LOOPBACK},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.close()

    def ask(self, body: bytes, query: str = "") -> tuple[Answer, Generator[bytes]]:
        """Send a request.

        Args:
            body: Its body.
            query: What to add to the query of the URL.

        Returns:
            The answer, and the pieces of its body as they arrive. The request is sent when the
            first piece is asked for. After the last piece the answer is complete.
        """
        answer = Answer()
        parts = urlsplit(self._url)
        query = "&".join(filter(None, (parts.query, query)))
        return answer, self._pieces(urlunsplit(parts._replace(query=query)), body, answer)

    def _pieces(self, url: str, body: bytes, answer: Answer) -> Generator[bytes]:
        watch = Watch(self._timeout * _MOST_TIMEOUTS)
        begin = last = time.perf_counter()
        try:
            with (
                watch,
                self._client.stream(
                    "POST", url, content=body, extensions={"trace": watch.trace}
                ) as response,
            ):
                answer.status = response.status_code
                kind = response.headers.get("content-type", "")
                answer.content_type = kind.partition(";")[0].strip().lower()
                answer.location = response.headers.get("location", "")
                answer.retry_after = response.headers.get("retry-after", "")[:_LONGEST_RETRY_AFTER]
                for piece in response.iter_bytes():
                    now = time.perf_counter()
                    if answer.first_byte is None:
                        answer.first_byte = now - begin
                    else:
                        answer.longest_gap = max(answer.longest_gap, now - last)
                    answer.size += len(piece)
                    if answer.size > _MAX_BODY_BYTES:
                        answer.fault = Fault(
                            "answer_endless", f"a body of more than {_MAX_BODY_BYTES:,} bytes"
                        )
                        return
                    yield piece
                    last = time.perf_counter()
                if watch.has_ended:
                    answer.fault = self._too_long()
        except httpx.HTTPError as error:
            answer.fault = self._too_long() if watch.has_ended else self._fault(error, answer)

    def _too_long(self) -> Fault:
        seconds = self._timeout * _MOST_TIMEOUTS
        return Fault("answer_endless", f"the answer went on for more than {seconds:g} seconds")

    def _fault(self, error: httpx.HTTPError, answer: Answer) -> Fault:
        """Say which rule an exception of httpx is about."""
        has_status = answer.status is not None
        if isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout)):
            place = f"after {answer.size:,} bytes of the body" if has_status else "no answer"
            return Fault("answer_hangs", f"{place}, then nothing for {self._timeout:g} seconds")
        if isinstance(error, (httpx.ReadError, httpx.WriteError)) or _INCOMPLETE in str(error):
            if has_status:
                return Fault("answer_breaks_off", f"after {answer.size:,} bytes: {_words(error)}")
            return Fault("answer_missing", _words(error))
        if _NO_RESPONSE in str(error):
            return Fault("answer_missing", _words(error))
        if isinstance(error, (httpx.RemoteProtocolError, httpx.DecodingError)):
            return Fault("answer_not_http", _words(error))
        return Fault("server_unreachable", f"{self.shown_url}: {_words(error)}")


# The words of h11 and of httpcore, which both raise the same class for everything.
_INCOMPLETE = "without sending complete message body"
_NO_RESPONSE = "without sending a response"


def _words(error: httpx.HTTPError) -> str:
    return f"{kind_of(error)}: {error}" if str(error) else kind_of(error)


class Watch:
    """Shuts the connection down when an answer takes too long in all.

    The timeouts of httpx are for one read each, so a server that sends a byte now and then would
    hold it for ever, in the headers or in the body.
    """

    def __init__(self, seconds: float) -> None:
        """Prepare to watch. The time begins with the `with` block."""
        self.has_ended = False
        self._stream: Any = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note the connection. httpx calls this: see https://www.python-httpx.org/advanced/extensions/#trace."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._stream = info["return_value"]
            if self.has_ended:
                self._shut_down()

    def _end(self) -> None:
        self.has_ended = True
        if self._stream is not None:
            self._shut_down()

    def _shut_down(self) -> None:
        connection = self._stream.get_extra_info("socket")
        # The method of an SSL socket would take away what the reading thread is using.
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
