"""The parts of the work: some files each, whose rows make one part of the output."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ...recordings import Place, Summary, is_url, summaries
from ..console import reason_of
from ..streams import places_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .sums import Sums

__all__ = ["Part", "absolute", "parts_of"]

_FEWEST_FILES = 50
_MOST_FILES = 2_000
"""A part has 50 files, the next one 51, and so on. Few files use all workers, and ten million files
make about 6,000 parts."""


@attrs.frozen
class Part:
    """Files that one task sums up.

    Attributes:
        number: The number of the part, from 0.
        files: Where they are.
    """

    number: int
    files: tuple[Place, ...]

    def __str__(self) -> str:
        names = [file.name for file in self.files]
        return " to ".join(filter(None, dict.fromkeys((*names[:1], *names[-1:])))) or "no file"

    def rows(self, sums: Sums, **options: Any) -> Iterator[Summary]:
        """Sum up the streams of the files. A file that cannot be opened gives a row, too.

        Args:
            sums: Counts the answers that are left out.
            **options: The options of `chunkview.recordings.summaries`.
        """
        for file in self.files:
            if not file.is_named and not file.is_for_messages():
                sums.left_out += 1
                continue
            yield from _rows_of(file, options)


def _rows_of(file: Any, options: dict[str, Any]) -> Iterator[Summary]:
    try:
        yield from summaries(file, **options)
    except OSError as error:
        yield Summary(file.name, error=reason_of(error))


def parts_of(paths: Iterable[str | Place]) -> Iterator[Part]:
    """Find the files, and cut them into parts. The same files give the same parts.

    Without a file there is one part, without files.

    Args:
        paths: Paths, folders, patterns, URLs and places.

    Raises:
        OSError: No file fits a pattern, a folder is empty, or a place cannot be listed.
        ImportError: A library for a URL is missing.
        ValueError: fsspec does not know such URLs.
    """
    files = itertools.chain.from_iterable(map(places_in, paths))
    for number in itertools.count():
        size = min(_FEWEST_FILES + number, _MOST_FILES)
        some = tuple(itertools.islice(files, size))
        if number and not some:
            return
        yield Part(number, some)


def absolute(path: str) -> str:
    """Make a path mean the same in the folder of another process. A URL always does."""
    return path if is_url(path) else str(Path(path).absolute())
