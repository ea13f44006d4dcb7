"""`chunkview show --html`: read the streams, and write the file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import complain
from ..display import printable_name
from ..replacing import replacing
from ..streams import streams_of
from .facts import facts_of
from .page import START, page_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw"]


def draw(files: Sequence[str], target: str) -> int:
    """Write a picture of the streams in some files.

    Args:
        files: The arguments FILE.
        target: The path of the picture; `-` is standard output.

    Returns:
        The exit status: 1 if a stream could not be read to its end, if there is no event in any, or
        if the target is a file that is no picture. Such a file is left alone: it may be a
        recording. Without an event, an older picture stays.

    Raises:
        OSError: The target cannot be written.
    """
    if target != "-" and not _may_be_replaced(Path(target)):
        complain("it is a file, and no picture: it is not replaced", file=target)
        return 1
    status = 0
    streams: list[dict[str, Any]] = []
    for file in files:
        for stream in streams_of(file, before_read=lambda _: None, clock=time.perf_counter):
            facts, problem = facts_of(stream)
            streams.append(facts)
            if problem:
                complain(problem, file=stream.name)
                status = 1
    if not any(stream["events"] for stream in streams):
        complain("there is no event to draw: the picture is not written", file=target)
        return 1
    page = page_of(streams)
    if target == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(page)
        return status
    with replacing(target) as out:
        out.write(page)
    print(f"{printable_name(target)}: {_count(streams)}")
    return status


def _may_be_replaced(target: Path) -> bool:
    """Whether there is no such file, or an older picture; an empty file or a device, too."""
    try:
        if not target.is_file():
            return True
        with target.open("rb") as file:
            return file.read(len(START)) in (b"", START)
    except OSError:
        return True  # writing says what is wrong


def _count(streams: Sequence[dict[str, Any]]) -> str:
    """Say what is in the picture."""
    parts = [
        (len(streams), "stream"),
        (sum(len(stream["events"]) for stream in streams), "event"),
        (sum(len(stream["findings"]) for stream in streams), "finding"),
    ]
    return ", ".join(f"{count:,} {noun}{'s' * (count != 1)}" for count, noun in parts)
