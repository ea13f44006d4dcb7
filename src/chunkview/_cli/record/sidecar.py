"""The sidecar of a recording: when each piece of the answer came, and what HTTP said about it.

Beside the body `NAME.sse` there is `NAME.sse.times`, one JSON object. docs/recording.md describes
its keys.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ENDED_BY_CLIENT",
    "ENDED_BY_UPSTREAM",
    "ENDED_WHOLE",
    "STOPPED",
    "Headers",
    "PacedFile",
    "SidecarError",
    "Times",
    "read_times",
    "sidecar_of",
    "times_that_fit",
]

_FORMAT = 1
_LONGEST = 1_000_000.0
"""Seconds. `threading` overflows on longer timeouts."""

ENDED_WHOLE = "whole"
ENDED_BY_UPSTREAM = "upstream"
ENDED_BY_CLIENT = "client"
STOPPED = "stopped"
_ENDS = (ENDED_WHOLE, ENDED_BY_UPSTREAM, ENDED_BY_CLIENT, STOPPED)

Headers = tuple[tuple[str, str], ...]


class SidecarError(ValueError):
    """A sidecar is not one, or does not belong to its body."""


@attrs.frozen
class Times:
    """What a sidecar says. All times are seconds since the request was sent.

    Attributes:
        started: The time of the request, in UTC, as ISO 8601 writes it.
        method: The method of the request.
        path: The path and the query of the request, without secrets.
        request_headers: The names and values of the request's headers, without secrets.
        status: The status of the answer.
        headers: The names and values of the answer's headers, without secrets.
        to_headers: When the status and the headers came.
        pieces: For each piece of the body, when it came, and how many bytes of the recorded body
            it brought.
        duration: When the answer ended.
        ended: How it ended: "whole", or broken off by the "upstream" or the "client", or because
            record was "stopped".
        problem: Why the upstream broke off, or "".
    """

    started: str
    method: str
    path: str
    request_headers: Headers
    status: int
    headers: Headers
    to_headers: float
    pieces: tuple[tuple[float, int], ...]
    duration: float
    ended: str
    problem: str = ""

    @property
    def size(self) -> int:
        """How many bytes the body has."""
        return sum(length for _, length in self.pieces)

    def to_bytes(self) -> bytes:
        """Write the sidecar."""
        value = {
            "format": _FORMAT,
            "request": {
                "started": self.started,
                "method": self.method,
                "path": self.path,
                "headers": self.request_headers,
            },
            "response": {"status": self.status, "headers": self.headers},
            "to_headers": self.to_headers,
            "pieces": self.pieces,
            "duration": self.duration,
            "ended": self.ended,
            "problem": self.problem,
        }
        return json.dumps(value).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Times:
        """Read a sidecar.

        Raises:
            SidecarError: It is not one, or a newer version of chunkview wrote it.
        """
        try:
            value = json.loads(data)
            version = value["format"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise SidecarError("it is not a sidecar of chunkview record") from None
        if version != _FORMAT:
            raise SidecarError(f"its format is {version!r:.20}; this version reads {_FORMAT}")
        try:
            times = cls._from_value(value)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise SidecarError(f"it is damaged: {error!r:.200}") from error
        moments = [0.0, times.to_headers, *(at for at, _ in times.pieces), times.duration]
        if not all(map(math.isfinite, moments)) or moments != sorted(moments):
            raise SidecarError("it is damaged: a time is before the one that precedes it")
        if times.duration > _LONGEST or any(length < 0 for _, length in times.pieces):
            raise SidecarError("it is damaged: a number is out of range")
        if times.ended not in _ENDS or not 200 <= times.status <= 599:
            raise SidecarError("it is damaged: the end or the status is not a known one")
        return times

    @classmethod
    def _from_value(cls, value: dict[str, Any]) -> Times:
        request, response = value["request"], value["response"]
        return cls(
            started=str(request["started"]),
            method=str(request["method"]),
            path=str(request["path"]),
            request_headers=_headers(request["headers"]),
            status=int(response["status"]),
            headers=_headers(response["headers"]),
            to_headers=float(value["to_headers"]),
            pieces=tuple((float(at), int(length)) for at, length in value["pieces"]),
            duration=float(value["duration"]),
            ended=str(value["ended"]),
            problem=str(value["problem"]),
        )


class PacedFile:
    """Reads a recorded body piece by piece, with a clock that shows when each piece came."""

    def __init__(self, read: Callable[[int], bytes | None], times: Times) -> None:
        """Prepare to read.

        Args:
            read: Reads about so many bytes of the body; b"" at its end.
            times: When its pieces came.
        """
        self._read = read
        self._pieces = iter(times.pieces)
        self._duration = times.duration
        self._now = 0.0
        self._missing = 0
        self._ahead = b""

    def clock(self) -> float:
        """When the bytes came that were read last, in seconds since the request."""
        return self._now

    def read(self) -> bytes:
        """Read the next piece, or b"" at the end.

        Raises:
            OSError: The file cannot be read.
        """
        while not self._missing:
            piece = next(self._pieces, None)
            if piece is None:
                self._now = self._duration
                return b""
            self._now, self._missing = piece
        data = self._ahead or self._read(self._missing) or b""
        data, self._ahead = data[: self._missing], data[self._missing :]
        self._missing -= len(data)
        return data


def sidecar_of(file: str) -> str:
    """Name the sidecar of a body."""
    return f"{file}.times"


def read_times(file: str) -> Times | None:
    """Read the sidecar of a body.

    Args:
        file: The path of the body.

    Returns:
        What it says, or None if there is none.

    Raises:
        SidecarError: It cannot be read, is no sidecar, or a newer version of chunkview wrote it.
            The message names it.
    """
    sidecar = sidecar_of(file)
    try:
        return Times.from_bytes(Path(sidecar).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SidecarError(f"{sidecar}: {error.strerror or error}") from error
    except SidecarError as error:
        raise SidecarError(f"{sidecar}: {error}") from error


def times_that_fit(file: str, size: int) -> Times | None:
    """Read the sidecar of a body, and compare the number of bytes.

    Args:
        file: The path of the body.
        size: How many bytes the body has.

    Returns:
        What it says, or None if there is none.

    Raises:
        SidecarError: As for `read_times`, or the body has another number of bytes.
    """
    times = read_times(file)
    if times is not None and times.size != size:
        sidecar = sidecar_of(file)
        raise SidecarError(f"{sidecar}: it is about {times.size} bytes, and the body has {size}")
    return times


def _headers(value: Any) -> Headers:
    return tuple((str(name), str(text)) for name, text in value)
