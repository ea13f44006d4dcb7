"""A recording proxy in this process, and what the tests read of it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from chunkview._cli.record.folder import Folder
from chunkview._cli.record.recorder import Recorder
from chunkview._cli.record.server import Proxy
from chunkview._cli.record.sidecar import Times, read_times
from chunkview._cli.record.tape import Tape

# Seconds. A test that waits so long fails.
TOO_LONG = 60.0


class Recording:
    """A proxy that runs, the folder that it writes to, and the answers that it reported."""

    def __init__(self, proxy: Proxy, recorder: Recorder, folder: Path) -> None:
        self.proxy, self.recorder, self.folder = proxy, recorder, folder
        self.tapes: queue.Queue[Tape] = queue.Queue()

    @property
    def url(self) -> str:
        return self.proxy.url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def next(self) -> Tape:
        """The next answer that has ended. All that is recorded of it is on the disk."""
        return self.tapes.get(timeout=TOO_LONG)

    def body(self, tape: Tape) -> bytes:
        assert tape.name, tape.lost
        return (self.folder / tape.name).read_bytes()

    def times(self, tape: Tape) -> Times:
        times = read_times(str(self.folder / tape.name))
        assert times is not None
        return times

    def raw(self, path: str = "/v1/messages", **how: Any) -> tuple[httpx.Response, bytes]:
        """Send a request, and give the response with the bytes of its body."""
        how = {"json": {"stream": True}, **how}
        with httpx.stream("POST", self.url + path, timeout=TOO_LONG, **how) as response:
            return response, b"".join(response.iter_raw())


@contextmanager
def recording_from(upstream: str, folder: Path, **how: Any) -> Iterator[Recording]:
    """Record what an upstream answers."""
    tapes: queue.Queue[Tape] = queue.Queue()
    recorder = Recorder(Folder(folder), tapes.put, **how)
    with Proxy(upstream, recorder) as proxy:
        running = Recording(proxy, recorder, folder)
        running.tapes = tapes
        yield running
    recorder.close()
    assert recorder.unfinished == 0


def written(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
