"""The server: the relay on a port of this machine, with an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ..console import complain

try:
    import uvicorn

    from .relay import CutError, Relay, new_client
except ImportError as _error:
    raise ImportError(
        f"record needs more packages: pip install 'chunkview[record]' ({_error})"
    ) from _error

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from .recorder import Recorder

__all__ = ["Proxy"]

_LOGGER = "uvicorn.error"


class Proxy:
    """Forwards requests to an upstream until it is closed. It is a context manager.

    Attributes:
        url: What to give a client as its base URL.
    """

    def __init__(
        self,
        upstream: str,
        recorder: Recorder,
        *,
        port: int = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Listen on 127.0.0.1.

        Args:
            upstream: The URL of the upstream.
            recorder: What records the answers.
            port: The port; 0 is any free one.
            clock: Gives the time in seconds and never goes back.

        Raises:
            OSError: The port is taken.
        """
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._upstream = upstream
        self._recorder = recorder
        self._clock = clock
        self._stop: Callable[[], None] | None = None
        self._has_begun = threading.Event()
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chunkview-relay", daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._has_begun.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._stop()
        self._thread.join()

    def wait(self) -> None:
        """Wait until the server fails, which it should not.

        Raises:
            RuntimeError: It has failed.
        """
        # On Windows, Ctrl-C does not interrupt a wait without end. An interrupted join() may take
        # the thread for ended, though it runs (CPython 3.11).
        while not self._has_ended.wait(0.5):
            pass
        raise RuntimeError(f"the server has ended: {self._error!r}")

    def _run(self) -> None:
        logger = logging.getLogger(_LOGGER)
        handler = _Complaints()
        propagates, logger.propagate = logger.propagate, False
        logger.addHandler(handler)
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - wait() raises it
            self._error = error
        finally:
            logger.removeHandler(handler)
            logger.propagate = propagates
            self._listener.close()
            self._has_begun.set()
            self._has_ended.set()

    async def _serve(self) -> None:
        async with new_client() as client:
            relay = Relay(self._upstream, client, self._recorder, clock=self._clock)
            config = uvicorn.Config(
                relay,
                http="h11",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                # The headers have the server and the date of the upstream.
                server_header=False,
                date_header=False,
            )
            server = uvicorn.Server(config)
            loop = asyncio.get_running_loop()

            def stop() -> None:
                relay.stop()
                server.should_exit = True

            def stop_soon() -> None:
                # The loop has ended if the server failed.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(stop)

            self._stop = stop_soon
            self._has_begun.set()
            await server.serve(sockets=[self._listener])


class _Complaints(logging.Handler):
    """Writes the warnings of the server to standard error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, CutError):
            return  # This is how an answer is cut.
        complain(record.getMessage().strip() + (f": {error!r}" if error else ""))
