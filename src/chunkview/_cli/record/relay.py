"""The relay: it passes requests and answers on unchanged, and tells a session what comes.

Only headers that are about one connection stay behind. The relay asks the upstream only for a
compression that the client accepts and that it can undo in the copy, or for none.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from .sidecar import ENDED_BY_CLIENT, ENDED_BY_UPSTREAM, ENDED_WHOLE, STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import Receive, Scope, Send

    from .recorder import Recorder, Session
    from .sidecar import Headers

__all__ = ["CutError", "Relay", "new_client"]

_OF_CONNECTION = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
# httpx sets the first two, uvicorn answers the third, the relay sets the last.
_OF_REQUEST = frozenset({"host", "content-length", "expect", "accept-encoding"})
_CODINGS = ("gzip", "x-gzip", "deflate")
_NO_ANSWER = "chunkview record got no answer from the upstream"
_NO_PATH = "chunkview record forwards to one server only: the target must be a path"
# Seconds: how long to connect, and how long the upstream may be silent (the SDK's own time).
_CONNECT, _SILENCE = 10.0, 600.0


class CutError(Exception):
    """The answer cannot be completed. The server cuts the connection to the client."""


class Relay:
    """An ASGI application that forwards every request to one upstream."""

    def __init__(
        self,
        upstream: str,
        client: httpx.AsyncClient,
        recorder: Recorder,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Prepare to forward. This must run in the event loop.

        Args:
            upstream: The URL of the upstream. A path in it comes before that of each request.
            client: What sends the requests.
            recorder: What records the answers.
            clock: Gives the time in seconds and never goes back.
        """
        self._upstream = httpx.URL(upstream)
        self._prefix = self._upstream.raw_path.rstrip(b"/")
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Break off the answers that still run. This must run in the event loop."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        target = b"?".join(filter(None, (scope["raw_path"], scope["query_string"])))
        try:
            body = await request.body()
        except ClientDisconnect:
            return  # There is no whole request to forward.
        try:
            url = self._url_of(target)
        except httpx.InvalidURL:
            await _refuse(request, send, 400, "invalid_request_error", _NO_PATH)
            return
        headers = _pairs(request.headers.raw)
        shown = target.decode("latin-1")
        now = datetime.now(timezone.utc)
        session = self._recorder.session(now, request.method, shown, headers, body)
        exchange = _Exchange(session, self._clock)
        to_send = httpx.Request(  # build_request() would add headers, and others' cookies
            request.method,
            url,
            headers=httpx.Headers(_to_upstream(headers), encoding="latin-1"),
            content=body or None,
            extensions={"timeout": httpx.Timeout(_SILENCE, connect=_CONNECT).as_dict()},
        )

        async def hang_up() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        forwarding = asyncio.create_task(exchange.forward(self._client, to_send, request, send))
        leaving = asyncio.create_task(hang_up())
        stopping = asyncio.create_task(self._stopping.wait())
        tasks: list[asyncio.Task[Any]] = [forwarding, leaving, stopping]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exchange.is_stopped = self._stopping.is_set()
            for task in tasks:
                task.cancel()
            failure, *_ = await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(failure, Exception):
            raise failure
        if exchange.is_cut:
            raise CutError

    def _url_of(self, target: bytes) -> httpx.URL:
        """The URL at the upstream. httpx resolves the dots of a path, and changes nothing else.

        Raises:
            httpx.InvalidURL: The target is not a path and a query.
        """
        if not target.startswith(b"/"):
            raise httpx.InvalidURL(_NO_PATH)
        # The extension "target" of httpx would be exact, but a proxy would get it for CONNECT, too.
        return self._upstream.copy_with(raw_path=self._prefix + target)


class _Exchange:
    """One request and its answer.

    Attributes:
        is_stopped: Whether record is being stopped.
        is_cut: Whether the client has not got the whole answer.
    """

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self.is_stopped = False
        self.is_cut = True
        self._session = session
        self._clock = clock
        self._began = clock()

    async def forward(
        self, client: httpx.AsyncClient, to_send: httpx.Request, request: Request, send: Send
    ) -> None:
        """Forward a request, and its answer piece by piece."""
        session = self._session
        upstream: httpx.Response | None = None
        ended, problem, ended_at = ENDED_BY_CLIENT, "", None
        try:
            upstream = await client.send(to_send, stream=True)
            headers = _pairs(upstream.headers.raw)
            session.begin(self._elapsed(), upstream.status_code, headers)
            start = {
                "type": "http.response.start",
                "status": upstream.status_code,
                "headers": [
                    (name.encode("latin-1"), value.encode("latin-1"))
                    for name, value in _forwarded(headers)
                ],
            }
            await send(start)
            async for piece in upstream.aiter_raw():
                session.add(self._elapsed(), piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            # The client may still be reading.
            ended, ended_at = ENDED_WHOLE, self._elapsed()
            await send({"type": "http.response.body"})
            self.is_cut = False
        except httpx.HTTPError as error:
            ended, ended_at = ENDED_BY_UPSTREAM, self._elapsed()
            problem = f"{type(error).__name__}: {error}".rstrip(": ")
            if upstream is None:
                await _refuse(request, send, 502, "api_error", _NO_ANSWER)
                self.is_cut = False
        except Exception as error:
            ended, problem = ENDED_BY_UPSTREAM, repr(error)
            raise
        finally:
            if ended == ENDED_BY_CLIENT and self.is_stopped:
                ended = STOPPED
            session.end(self._elapsed() if ended_at is None else ended_at, ended, problem)
            if upstream is not None:
                # A connection that cannot be closed is of no use any more.
                with suppress(httpx.HTTPError, OSError):
                    await upstream.aclose()

    def _elapsed(self) -> float:
        """Seconds since the request, to the microsecond."""
        return round(self._clock() - self._began, 6)


def new_client() -> httpx.AsyncClient:
    """Make the client that sends the requests. It keeps cookies of nobody."""
    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=None),  # the default is 100 requests at once
        # A proxy that the environment names cannot reach this machine.
        mounts={f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")},
    )


async def _refuse(request: Request, send: Send, status: int, kind: str, message: str) -> None:
    body = {"type": "error", "error": {"type": kind, "message": message}}
    await JSONResponse(body, status_code=status)(request.scope, request.receive, send)


def _pairs(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw)


def _forwarded(headers: Headers, dropped: frozenset[str] = frozenset()) -> Headers:
    """The headers that are not about one connection, and not in `dropped`."""
    listed = ",".join(value for name, value in headers if name == "connection")
    left = _OF_CONNECTION | dropped | {name.strip().lower() for name in listed.split(",")}
    return tuple((name, value) for name, value in headers if name not in left)


def _to_upstream(headers: Headers) -> list[tuple[str, str]]:
    accepted = ",".join(value for name, value in headers if name == "accept-encoding")
    known = [part.strip() for part in accepted.split(",") if _coding(part) in _CODINGS]
    # `gzip;q=0` refuses it, and is passed on as well.
    return [
        *_forwarded(headers, _OF_REQUEST),
        ("accept-encoding", ", ".join(known) or "identity"),
    ]


def _coding(part: str) -> str:
    return part.partition(";")[0].strip().lower()
