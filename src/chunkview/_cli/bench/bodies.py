"""What is measured: the bodies of files, or of the workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..._stream import iter_chunks
from ...errors import ChunkviewError
from ...recordings import is_other_file

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Body", "Row", "rows_of_files", "rows_of_workloads"]

# Enough that setting up a parser does not count, and few enough for a quick run.
_DELTAS = 500
_SHORT = 20
"""Twenty seeds in a row have the mix of `workload("short")`."""


@attrs.frozen
class Body:
    """A body to parse.

    Attributes:
        name: Where it is from.
        data: The body.
        events: How many events it has.
    """

    name: str
    data: bytes = attrs.field(repr=False)
    events: int


@attrs.frozen
class Row:
    """Bodies that have one figure together: of a workload, or of an argument FILE.

    Attributes:
        name: The workload, or the argument.
        bodies: The bodies, one or more. Each is parsed by itself.
    """

    name: str
    bodies: tuple[Body, ...]

    @property
    def events(self) -> int:
        """The number of events in all bodies."""
        return sum(body.events for body in self.bodies)

    @property
    def size(self) -> int:
        """The bytes of all bodies."""
        return sum(len(body.data) for body in self.bodies)


def rows_of_workloads() -> list[Row]:
    """Make the workloads of `chunkview.testing`: 500 deltas each, and 20 short bodies."""
    from ...testing import workload, workload_names

    rows: list[Row] = []
    for name in workload_names():
        if name == "short":
            bodies = [(f"{name} {seed}", workload(name, seed=seed)) for seed in range(_SHORT)]
        else:
            bodies = [(name, workload(name, _DELTAS))]
        rows.append(_row(name, bodies))
    return rows


def rows_of_files(files: Iterable[str]) -> list[Row]:
    """Read files.

    Args:
        files: Paths, folders, patterns or URLs, or `-` for standard input.

    Raises:
        OSError: One cannot be read.
        ImportError: It is a URL, and a library for it is missing.
        ValueError: It has no stream, or one that cannot be decoded; the error says which.
    """
    from ..streams import bodies_of

    return [
        _row(file, bodies_of(file, skips=lambda recording, _: is_other_file(recording)))
        for file in dict.fromkeys(files)
    ]


def _row(name: str, bodies: Iterable[tuple[str, bytes]]) -> Row:
    made: list[Body] = []
    for one, data in bodies:
        try:
            events = sum(1 for _ in iter_chunks(data))
        except ChunkviewError as error:
            raise ValueError(f"{one}: {error}") from error
        if not events:
            raise ValueError(f"{one}: there is no event in it")
        made.append(Body(one, data, events))
    if not made:
        raise ValueError(f"{name}: there is no stream in it")
    return Row(name, tuple(made))
