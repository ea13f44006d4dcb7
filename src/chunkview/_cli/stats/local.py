"""The cores of this computer: a pool of processes sums up the parts of the work.

The results come in the order of the parts. Only a few parts are in the pool at a time, so memory
does not depend on how many there are. Rows come back encoded. If a part has many, such as a single
large log, they come in a file.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from .rows import Format
from .sums import Sums

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from multiprocessing.context import BaseContext

    from ...recordings import Summary
    from .parts import Part

__all__ = ["Done", "Work", "WorkerDiedError", "sum_up"]

_PARTS_PER_PROCESS = 3
_MOST_ROWS = 4_096
"""So many rows are encoded at a time."""
_MOST_BYTES = 4 * 1024 * 1024
"""More rows than these come back in a file."""
_ROWS_PER_LOOK = 64
"""How many rows come between two looks at whether to stop."""


class WorkerDiedError(Exception):
    """A process of the pool died."""


@attrs.frozen
class Work:
    """What to do with each part. It can be pickled.

    Attributes:
        by: The columns by which to sum up.
        options: The options of `chunkview.recordings.summaries`.
        format: How to encode the rows. None if only the sums are wanted.
        folder: Where the files of rows may be. The caller removes it.
    """

    by: tuple[str, ...]
    options: dict[str, Any] = attrs.field(factory=dict)
    format: Format | None = None
    folder: str = attrs.field(factory=tempfile.gettempdir)


@attrs.frozen
class Done:
    """What a part amounts to.

    Attributes:
        sums: The sums of its rows.
        files: How many files it has.
        pieces: Its rows, encoded.
        spool: A file with more of them, or None.
    """

    sums: Sums
    files: int
    pieces: tuple[bytes, ...] = ()
    spool: str | None = None

    def rows(self) -> Iterator[bytes]:
        """Give the encoded rows, in order. The file goes away."""
        yield from self.pieces
        if self.spool is not None:
            with open(self.spool, "rb") as file:  # noqa: PTH123
                os.unlink(self.spool)  # noqa: PTH108
                while file.peek(1):
                    yield pickle.load(file)  # noqa: S301 - our own process wrote it


def sum_up(parts: Iterable[Part], work: Work, processes: int) -> Iterator[Done]:
    """Sum up the parts, in order.

    Args:
        parts: The parts.
        work: What to do with them.
        processes: How many processes to use. One part alone is done in this process.

    Yields:
        What each part amounts to.

    Raises:
        WorkerDiedError: A process of the pool died.
    """
    waiting = iter(parts)
    first = list(itertools.islice(waiting, 2))
    if processes == 1 or len(first) < 2:
        for part in itertools.chain(first, waiting):
            yield _done(work, part)
        return
    yield from _in_pool(itertools.chain(first, waiting), work, processes)


def _in_pool(parts: Iterator[Part], work: Work, processes: int) -> Iterator[Done]:
    context = _context()
    stop = context.Event()
    pool = ProcessPoolExecutor(processes, context, _begin, (stop,))
    pending: deque[Any] = deque()
    try:
        for part in parts:
            with _uninterrupted():
                pending.append(pool.submit(_done, work, part))
            if len(pending) >= processes * _PARTS_PER_PROCESS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerDiedError("a process died, as if it had too little memory") from error
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _context() -> BaseContext:
    """How to start processes. A fork has all modules already, but only a single thread may fork."""
    can_fork = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if can_fork else "spawn")


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Let Ctrl-C wait for the end of the block. In the middle of a fork, Python only reports it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_stop: Any = None
"""In a process of the pool: says when the work is not wanted any more."""


def _begin(stop: Any) -> None:
    """Begin a process of the pool. Ctrl-C reaches all of them; the first one decides."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _done(work: Work, part: Part) -> Done:
    """Sum up a part."""
    sums = Sums(work.by)
    rows: list[Summary] = []
    spool = None if work.format is None else _Spool(work.format, work.folder)
    for number, row in enumerate(part.rows(sums, **work.options)):
        if number % _ROWS_PER_LOOK == 0 and _stop is not None and _stop.is_set():
            break
        sums.add(row)
        if spool is not None:
            rows.append(row)
            if len(rows) == _MOST_ROWS:
                spool.add(rows)
                rows = []
    if spool is None:
        return Done(sums, len(part.files))
    if rows:
        spool.add(rows)
    return Done(sums, len(part.files), *spool.end())


class _Spool:
    """Encoded rows: in memory, and from a certain size on in a file."""

    def __init__(self, format: Format, folder: str) -> None:  # noqa: A002
        self._format = format
        self._folder = folder
        self._pieces: list[bytes] = []
        self._size = 0
        self._file: Any = None

    def add(self, rows: list[Summary]) -> None:
        """Encode rows."""
        piece = self._format.encode(rows)
        self._size += len(piece)
        if self._size <= _MOST_BYTES:
            self._pieces.append(piece)
            return
        if self._file is None:
            self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - `end` closes it
                dir=self._folder, delete=False
            )
        pickle.dump(piece, self._file)

    def end(self) -> tuple[tuple[bytes, ...], str | None]:
        """Give the pieces, and the name of the file."""
        if self._file is None:
            return tuple(self._pieces), None
        self._file.close()
        return tuple(self._pieces), self._file.name
