"""The thread that writes the recordings, and the queue to it.

The relay hands over what comes and never waits. If more bytes wait for the disk than the queue may
hold, the recording that the next ones belong to is given up, and its answer goes on.
"""

from __future__ import annotations

import queue
import threading
from itertools import count
from typing import TYPE_CHECKING

from ..console import complain
from .tape import Asked, Tape

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from .folder import Folder
    from .sidecar import Headers

__all__ = ["Recorder", "Session"]

MAX_WAITING_BYTES = 64 * 1024 * 1024
_BYTES_OF_ITEM = 300
"""What an item takes in the queue beside its bytes, about."""


class Recorder:
    """Writes recordings in a thread of its own."""

    def __init__(
        self,
        folder: Folder,
        report: Callable[[Tape], None],
        *,
        keeps_requests: bool = False,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        """Start the thread.

        Args:
            folder: Where the recordings go.
            report: Called in the thread with each answer that has ended.
            keeps_requests: Whether to write the bodies of the requests, too.
            max_waiting_bytes: How many bytes may wait for the disk.
        """
        self._folder = folder
        self._report = report
        self._keeps_requests = keeps_requests
        self._max_waiting = max_waiting_bytes
        self._numbers = count(1)
        self._items: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._open = 0
        # A disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="chunkview-record", daemon=True)
        self._thread.start()

    @property
    def unfinished(self) -> int:
        """How many answers were begun and not reported."""
        return self._open

    def session(
        self, started: datetime, method: str, target: str, headers: Headers, body: bytes
    ) -> Session:
        """Begin to record the answer to a request. The arguments are those of `Asked`."""
        kept = body if self._keeps_requests else b""
        asked = Asked(next(self._numbers), started, method, target, headers, kept)
        with self._lock:
            self._open += 1
        return Session(self, Tape(asked, self._folder, keeps_request=self._keeps_requests))

    def close(self) -> None:
        """Write everything that waits, and end the thread."""
        self._items.put(None)
        self._thread.join()

    def put(self, tape: Tape, step: Callable[[], None], size: int) -> None:
        """Queue a step of a recording. This never waits.

        Args:
            tape: The recording.
            step: The step.
            size: How many bytes it holds.
        """
        if size and tape.is_overrun:
            return
        has_bytes, size = bool(size), size + _BYTES_OF_ITEM
        with self._lock:
            if has_bytes and self._waiting + size > self._max_waiting:
                tape.is_overrun = True
                tape.lost = f"the disk is too slow: {self._waiting:,} bytes wait for it"
                return
            self._waiting += size

        def run() -> None:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the line of the answer says so
                tape.lose(repr(error))
            finally:
                with self._lock:
                    self._waiting -= size

        self._items.put(run)

    def finish(self, tape: Tape) -> None:
        """Queue the report of an answer."""

        def report() -> None:
            try:
                self._report(tape)
            except Exception as error:  # noqa: BLE001 - the thread must go on
                complain(f"answer {tape.asked.number} cannot be reported: {error!r}")
            finally:
                with self._lock:
                    self._open -= 1

        self._items.put(report)

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            item()


class Session:
    """What the relay tells about one answer. No method waits, and none raises."""

    def __init__(self, recorder: Recorder, tape: Tape) -> None:
        self._recorder = recorder
        self._tape = tape

    def begin(self, seconds: float, status: int, headers: Headers) -> None:
        """Tell the status and the headers. The arguments are those of `Tape.begin`."""
        tape = self._tape
        self._recorder.put(tape, lambda: tape.begin(seconds, status, headers), 0)

    def add(self, seconds: float, data: bytes) -> None:
        """Tell the next bytes. The arguments are those of `Tape.add`."""
        tape = self._tape
        self._recorder.put(tape, lambda: tape.add(seconds, data), len(data))

    def end(self, seconds: float, ended: str, problem: str = "") -> None:
        """Tell that the answer has ended. The arguments are those of `Tape.end`."""
        tape = self._tape
        self._recorder.put(tape, lambda: tape.end(seconds, ended, problem), 0)
        self._recorder.finish(tape)
