"""What `serve --as-recorded` plays: recordings with their sidecars."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ...testing import RecordedAnswer
from .sidecar import ENDED_WHOLE, SidecarError, read_times, sidecar_of, times_that_fit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sidecar import Times

__all__ = ["is_whole_message", "recorded_answer", "recordings_in"]

# The server makes these itself, or they are about the connection or the compression that was.
_LEFT_OUT = {
    *("connection", "content-encoding", "content-length", "date", "keep-alive", "server"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
}
_REDACTED = "***"
_MESSAGES = "/v1/messages"


def recordings_in(argument: str) -> list[str]:
    """Give the recordings that an argument of `serve --as-recorded` names.

    Args:
        argument: The path of a body, or of a folder.

    Returns:
        The paths of the bodies. Those of a folder are the answers to `POST /v1/messages`, in the
        order of their names, and those with a sidecar that cannot be read.

    Raises:
        OSError: The folder cannot be read.
        SidecarError: The folder has no recordings.
    """
    if not Path(argument).is_dir():
        return [argument]
    files = list(_messages_in(Path(argument)))
    if not files:
        raise SidecarError(
            "no file in this folder has a sidecar (NAME.times) of POST /v1/messages: chunkview "
            "record writes it"
        )
    return files


def recorded_answer(file: str) -> RecordedAnswer:
    """Read a recording.

    Args:
        file: The path of its body.

    Raises:
        OSError: The body cannot be read.
        SidecarError: There is no sidecar that belongs to it.
    """
    body = Path(file).read_bytes()
    times = times_that_fit(file, len(body))
    if times is None:
        raise SidecarError(f"there is no sidecar {Path(sidecar_of(file)).name} with its times")
    ends = [0]
    for _, length in times.pieces:
        ends.append(ends[-1] + length)
    moments = [at for at, _ in times.pieces]
    cuts = [body[begin:end] for begin, end in pairwise(ends)]
    return RecordedAnswer(
        tuple(zip(moments, cuts, strict=True)),
        status=times.status,
        headers=_played(times),
        to_headers=times.to_headers,
        duration=times.duration,
        is_whole=times.ended == ENDED_WHOLE,
    )


def is_whole_message(answer: RecordedAnswer) -> bool:
    """Whether an answer is one JSON document of success. A client that streams loses it."""
    body = b"".join(data for _, data in answer.pieces)
    return answer.status < 400 and body.lstrip().startswith(b"{")


def _messages_in(folder: Path) -> Iterator[str]:
    for sidecar in sorted(folder.glob(sidecar_of("*"))):
        file = str(sidecar.with_suffix(""))
        try:
            times = read_times(file)
        except SidecarError:
            yield file  # `recorded_answer` raises it again
            continue
        if times is None or times.method != "POST":
            continue
        if times.path.partition("?")[0].endswith(_MESSAGES):
            yield file


def _played(times: Times) -> dict[str, str]:
    return {
        name: value
        for name, value in times.headers
        if name.lower() not in _LEFT_OUT and value != _REDACTED
    }
