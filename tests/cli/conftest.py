"""The files, the processes and the folder that the tests of the command line use."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chunkview._cli.bench import command, running
from chunkview._cli.bench.timing import Effort
from chunkview._cli.bench.worker import run
from cli.console import GUARD_SECONDS, Files, Process, Start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO


@pytest.fixture(scope="session", autouse=True)
def _any_width() -> Iterator[None]:
    """Let the lines of a pipe have any length, as most users do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        yield


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write bodies to files, by name, and give their paths."""

    def write(**bodies: bytes) -> list[str]:
        paths = [tmp_path / f"{name}.sse" for name in bodies]
        for path, body in zip(paths, bodies.values(), strict=True):
            path.write_bytes(body)
        return [str(path) for path in paths]

    return write


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `python` with pipes. A process that hangs is killed, and the test fails."""
    with contextlib.ExitStack() as stack:

        def start_python(
            *arguments: str,
            stdin: int | IO[bytes] = subprocess.PIPE,
            stdout: int | IO[bytes] = subprocess.PIPE,
            stderr: int | IO[bytes] = subprocess.PIPE,
            **environment: str,
        ) -> Process:
            # A shell ignores SIGINT for background jobs, and child processes inherit that. They do
            # not inherit a handler.
            before = signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                process = subprocess.Popen(
                    [sys.executable, *arguments],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "", **environment},
                )
            finally:
                signal.signal(signal.SIGINT, before)
            guard = threading.Timer(GUARD_SECONDS, process.kill)
            guard.start()
            stack.callback(guard.cancel)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start_python


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let bench do without processes, and measure as little as possible."""
    ticks = count(1)
    monkeypatch.setattr(
        running, "run_in_process", lambda job: run(job, timer=lambda: float(next(ticks)))
    )
    monkeypatch.setattr(command, "_QUICK", Effort(rounds=1, values=2, least=0.0))
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("harmful")
