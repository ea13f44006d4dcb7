"""A folder of many recordings in every format, as a gateway would fill a bucket in a few days."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from chunkview import ChunkviewError, iter_chunks
from chunkview.testing import recording, recording_names, workload, workload_names
from recordings.writers import COMPRESSIONS, FORMATS

DAYS = 5


def write_recordings(folder: Path, count: int) -> None:
    """Write so many files: `day=2026-11-01/00000.dat` and so on, with a day in each fifth.

    Half of them are bodies. The others are in the other formats, and compressed. Every tenth is
    damaged.
    """
    for day in range(1, DAYS + 1):
        (folder / f"day=2026-11-{day:02}").mkdir(parents=True)
    made = list(contents())
    for number in range(count):
        content = made[number % len(made)]
        # So that no two files are the same. Compressed files have no such text in them.
        content = content.replace(b'"id":"msg_', b'"id":"msg_%07d_' % number, 1)
        if number % 10 == 9:
            content = damaged(content, number)
        day = 1 + number * DAYS // count
        Path(folder, f"day=2026-11-{day:02}", f"{number:05}.dat").write_bytes(content)


def contents() -> Iterator[bytes]:
    """The contents of some hundred files."""
    bodies = [recording(name) for name in recording_names()]
    bodies += [workload("short", seed=seed) for seed in range(20)]
    bodies += [workload(name, 40) for name in workload_names()]
    streams = [events for body in bodies if (events := events_of(body))]
    writers = itertools.cycle(
        (write, compress) for compress in COMPRESSIONS.values() for write, _ in FORMATS.values()
    )
    for number, body in enumerate(4 * bodies):
        yield body
        write, compress = next(writers)
        some = [streams[number % len(streams)], streams[7 * number % len(streams)]]
        yield compress(write(some[: 1 + number % 2]))


def events_of(body: bytes) -> list[dict[str, object]]:
    """The events of a stream, or none if it breaks off: not every format can keep such a stream."""
    try:
        return [chunk.to_event() for chunk in iter_chunks(body)]
    except ChunkviewError:
        return []


def damaged(content: bytes, number: int) -> bytes:
    """Cut a file short, or change a byte in it."""
    place = number * 7919 % max(len(content), 1)
    if number % 20 < 10:
        return content[:place]
    return content[:place] + bytes([content[place] ^ 0x15]) + content[place + 1 :]
