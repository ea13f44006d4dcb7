"""The life of a replay server: listening, a thread for each connection, and the end of all."""

from __future__ import annotations

import errno
import selectors
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, cast

from ._handler import Handler
from ._replies import Playback
from ._requests import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from ._replies import AnsweredRequest, ReceivedRequest, Replies

__all__ = ["ReplayServer"]

# Errors of accept() that are not the listener's fault: the machine is short of something, or the
# new connection failed before it was accepted (see accept(2)). No system has all of them.
_PASSING_ERRORS = {
    getattr(errno, name)
    for name in (
        *("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "WSAEMFILE", "WSAENOBUFS"),
        *("EPERM", "EPROTO", "ENOPROTOOPT", "ETIMEDOUT", "ENONET"),
        *("ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH"),
    )
    if hasattr(errno, name)
}
# How long to wait, in seconds, before accept() is tried again.
_SHORTAGE_PAUSE = 0.05


class ReplayServer:
    """A server on 127.0.0.1 that answers `POST /v1/messages` with recorded bodies.

    ```python
    from anthropic import Anthropic
    from chunkview.testing import ReplayServer, recording

    with (
        ReplayServer(recording("text")) as server,
        Anthropic(base_url=server.url, api_key="none") as client,
    ):
        ...
    ```

    It also answers `POST /v1/messages/count_tokens` (one token for each four characters of the
    messages, the system prompt and the tools), `GET /v1/models` (the models that its bodies name)
    and `GET /v1/models/{id}` (any id).

    A request with `"stream": true` gets the next body unchanged, cut into segments; each segment
    is one HTTP chunk. A request without it gets the Message that the body's events build, or the
    API error in the body. Connections are kept alive, every answer has a `request-id`, and
    requests may come from any number of threads.

    Clients may send anything and hang up at any time without an error in the server. It refuses,
    in the API's shape, what is not HTTP and any request body of more than 32 MiB. When the machine
    is short of threads or memory, the server drops connections; when it is short of file
    descriptors, connections wait. It recovers when the shortage is over.

    When the server itself fails, or a function that you gave it, it drops the connection and keeps
    the exception in `errors`. `close` raises the first of them. An exception that leaves a `with`
    block takes precedence; it gets a note about the server's failures.

    Args:
        bodies: One reply or several. Several are used in turn, starting over after the last. An
            SSE body is `bytes`, an API error an `ApiError` or `(status, body)`. An `Answer` has
            headers and a fault. A `RecordedAnswer` has cuts and times of its own. A function gets
            the request and gives one of these. Or a mapping: the first key that fits a request
            decides, and its reply or replies are used. A key is a model, or a function that gets
            the request and says whether it fits. Without one that fits, the answer is a
            `not_found_error`.
        segment_size: How to cut a body: a number of bytes; several numbers, used in turn; or None
            for one whole event at a time.
        delay: Seconds to wait between two segments.
        port: The port to listen on; 0 takes any free one.
        on_answer: Called after each answer, also one that broke off, in a thread of the server: for
            a log.

    Attributes:
        requests: The requests that were answered with one of the bodies, in order: the first got
            the first body, and so on. You may clear the list.
        errors: The exceptions that the server itself failed with.

    Raises:
        TypeError: A body is none of these, or an error's body is not JSON.
        ValueError: There is no body, or a status, a size or the delay is out of range.
    """

    def __init__(
        self,
        bodies: Replies | Mapping[Any, Replies],
        *,
        segment_size: int | Sequence[int] | None = None,
        delay: float = 0.0,
        port: int = 0,
        on_answer: Callable[[AnsweredRequest], None] | None = None,
    ) -> None:
        self._playback = Playback(bodies, segment_size=segment_size, delay=delay)
        self.requests: list[ReceivedRequest] = self._playback.requests
        self.errors: list[Exception] = []
        self._port = port
        self._on_answer = on_answer
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._acceptor: threading.Thread | None = None
        self._waker: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that the server listens on.

        Raises:
            RuntimeError: The server was not started.
        """
        if self._acceptor is None:
            raise RuntimeError("the server has no port before start()")
        return self._port

    @property
    def url(self) -> str:
        """What to give a client as its base URL: `http://127.0.0.1:<port>`.

        Raises:
            RuntimeError: The server was not started.
        """
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Listen, and answer requests in background threads. A second call does nothing.

        Returns:
            This server.

        Raises:
            OSError: The port is taken, or the machine is short of file descriptors.
            RuntimeError: The server was closed, or the machine is short of threads.
        """
        with self._lock:
            if self._playback.closing.is_set():
                raise RuntimeError("a closed server cannot be started again")
            if self._acceptor is None:
                self._start()
        return self

    def _start(self) -> None:
        # A start that fails halfway leaves nothing behind, so it may be tried again.
        with ExitStack() as stack:
            listener = stack.enter_context(
                socket.create_server(("127.0.0.1", self._port), backlog=128)
            )
            waker, woken = map(stack.enter_context, socket.socketpair())
            selector = stack.enter_context(selectors.DefaultSelector())
            # A client may hang up between select() and accept(), which must not block then.
            listener.setblocking(False)
            selector.register(listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            port = cast("int", listener.getsockname()[1])
            acceptor = threading.Thread(
                target=self._accept,
                args=(selector, listener, woken),
                name="chunkview-replay",
                daemon=True,
            )
            acceptor.start()
            # From now on the acceptor closes the others, and _stop() closes the waker.
            stack.pop_all()
        self._port, self._waker, self._acceptor = port, waker, acceptor

    def close(self) -> None:
        """Stop listening, cut every connection, and wait for the threads to end.

        A stream that is being sent ends without its last HTTP chunk, so its client sees a broken
        response. A second call does nothing.

        Raises:
            Exception: The first of `errors`, if there are any.
        """
        if self._stop() and self.errors:
            raise self.errors[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            self.close()
            return
        # The block's exception is the one to raise. The server's failure may be its cause.
        self._stop()
        if sys.version_info >= (3, 11):
            for error in self.errors:
                exc.add_note(f"The replay server itself failed: {error!r}")

    def _stop(self) -> bool:
        with self._lock:
            acceptor, waker = self._acceptor, self._waker
            self._waker = None
            if acceptor is None or waker is None:
                return False
            self._playback.closing.set()
        waker.close()
        acceptor.join()
        with self._lock:
            connections = list(self._connections.items())
        for _, connection in connections:
            # Wakes a thread that waits for its client, to read or to write.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread, _ in connections:
            thread.join()
        return True

    def _accept(
        self, selector: selectors.BaseSelector, listener: socket.socket, woken: socket.socket
    ) -> None:
        try:
            with selector, listener, woken:
                while not self._playback.closing.is_set():
                    if all(key.fileobj is listener for key, _ in selector.select()):
                        self._accept_one(listener)
        except Exception as error:  # noqa: BLE001 - close() raises it
            self.errors.append(error)

    def _accept_one(self, listener: socket.socket) -> None:
        try:
            connection, address = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except (OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno not in _PASSING_ERRORS:
                raise
            # The connection is still waiting, so select() would return at once.
            self._playback.closing.wait(_SHORTAGE_PAUSE)
            return
        try:
            self._serve_in_thread(connection, address)
        except (OSError, RuntimeError, MemoryError):
            # The machine has no thread to spare. Drop this client; the next may be luckier.
            connection.close()

    def _serve_in_thread(self, connection: socket.socket, address: object) -> None:
        connection.setblocking(True)
        thread = threading.Thread(
            target=self._serve,
            args=(connection, address),
            name="chunkview-replay-connection",
            daemon=True,
        )
        # The thread removes itself at its end, so it must be in the table before it starts.
        with self._lock:
            self._connections[thread] = connection
            try:
                thread.start()
            except Exception:
                del self._connections[thread]
                raise

    def _serve(self, connection: socket.socket, address: object) -> None:
        try:
            with connection:
                Handler(connection, address, self._playback, self._on_answer)
                # Closing a connection with unread data resets it, and a client that is still
                # sending would lose the answer. So end our side, and read until the client ends.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(READ_BYTES):
                    pass
        except (OSError, MemoryError):
            pass  # The client hung up, close() cut the connection, or memory is short.
        except Exception as error:  # noqa: BLE001 - close() raises it
            self.errors.append(error)
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]
