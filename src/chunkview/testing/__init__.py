"""Tools for testing code that consumes Anthropic's streams.

Here are a replay server, a few recordings for it, a small broken stream for each rule, and
workloads for benchmarks. They need nothing beyond chunkview itself. The Hypothesis strategies are
in `chunkview.testing.strategies`, which needs the `testing` extra.
"""

from __future__ import annotations

from importlib.resources import files

from ._examples import broken_body
from .replay import (
    Answer,
    AnsweredRequest,
    ApiError,
    CutAfter,
    ErrorAfter,
    Fault,
    Interruption,
    ReceivedRequest,
    RecordedAnswer,
    ReplayServer,
    Replier,
    Replies,
    Reply,
    ResetAfter,
    StallAfter,
    Trickle,
)
from .workloads import WORKLOAD_VERSION, workload, workload_names

__all__ = [
    "WORKLOAD_VERSION",
    "Answer",
    "AnsweredRequest",
    "ApiError",
    "CutAfter",
    "ErrorAfter",
    "Fault",
    "Interruption",
    "ReceivedRequest",
    "RecordedAnswer",
    "ReplayServer",
    "Replier",
    "Replies",
    "Reply",
    "ResetAfter",
    "StallAfter",
    "Trickle",
    "broken_body",
    "recording",
    "recording_names",
    "workload",
    "workload_names",
]

_SUFFIX = ".sse"


def recording_names() -> tuple[str, ...]:
    """Name the bundled recordings.

    They have the shapes that Anthropic documents at
    https://docs.anthropic.com/en/api/messages-streaming. Their text was written for this package,
    not by a model.

    Returns:
        The names that `recording` takes, sorted.
    """
    names = (entry.name for entry in (files(__name__) / "recordings").iterdir())
    return tuple(sorted(name[: -len(_SUFFIX)] for name in names if name.endswith(_SUFFIX)))


def recording(name: str) -> bytes:
    """Read a bundled recording: the body of a streamed response, as the API sends it.

    Args:
        name: One of `recording_names()`, for example `text`.

    Returns:
        The body, a `text/event-stream` in UTF-8.

    Raises:
        ValueError: No recording has this name; the message lists all names.
    """
    if name not in (names := recording_names()):
        raise ValueError(f"no recording is named {name!r}; the names are {', '.join(names)}")
    return (files(__name__) / "recordings" / f"{name}{_SUFFIX}").read_bytes()
