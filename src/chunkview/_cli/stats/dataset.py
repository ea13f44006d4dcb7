"""A folder of Parquet files with the rows, which the workers of a cluster write.

Each part of the run has a file of its own, `part-00017.parquet`. A worker writes it under a hidden
name and then renames it: a task that runs twice replaces its own file. When the folder has all of
its files, it gets the empty file `_SUCCESS`, as Spark writes one.
"""

from __future__ import annotations

import errno
import posixpath
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...recordings import Summary

__all__ = ["Dataset"]


@attrs.frozen
class Dataset:
    """The output folder. Every worker has a copy of this object.

    Attributes:
        folder: An absolute path, or a URL that fsspec knows.
        run: What tells this run from others.
    """

    folder: str
    run: str = attrs.field(factory=lambda: uuid.uuid4().hex[:12])

    def begin(self) -> None:
        """Make the folder, and a file in it by which the workers know it.

        Raises:
            OSError: It cannot be written, or it is not empty.
        """
        files, folder = self._open()
        files.makedirs(folder, exist_ok=True)
        if self.names():
            problem = "the folder is not empty; name a new one"
            raise FileExistsError(errno.EEXIST, problem, self.folder)
        files.touch(self._path(self._marker))

    def is_seen(self) -> bool:
        """Whether this computer sees the folder that `begin` made."""
        files, _ = self._open()
        return bool(files.exists(self._path(self._marker)))

    def write(self, number: int, rows: Iterable[Summary]) -> None:
        """Write the file of a part.

        Args:
            number: The number of the part, from 0.
            rows: Its rows.

        Raises:
            OSError: The file cannot be written.
        """
        from ...arrow import SummaryWriter

        files, _ = self._open()
        name = _name_of(number)
        hidden = self._path(f".{name}.{uuid.uuid4().hex[:12]}")
        try:
            with files.open(hidden, "wb") as file, SummaryWriter(file) as writer:
                writer.write(rows)
            files.mv(hidden, self._path(name))
        except BaseException:
            with suppress(OSError):
                files.rm_file(hidden)
            raise

    def finish(self, parts: int) -> None:
        """Check that the file of each part is there, and say so with `_SUCCESS`.

        Args:
            parts: How many parts there are.

        Raises:
            OSError: A file is missing, or the folder cannot be written.
        """
        files, _ = self._open()
        names = self.names()
        missing = [name for name in map(_name_of, range(parts)) if name not in names]
        if missing:
            problem = f"{len(missing)} of {parts} files are missing, such as {missing[0]}"
            raise FileNotFoundError(errno.ENOENT, problem, self.folder)
        # A worker that was killed leaves the file that it was writing.
        for name in names:
            if name.startswith("."):
                files.rm_file(self._path(name))
        files.touch(self._path("_SUCCESS"))

    def abandon(self) -> None:
        """End a run that failed. What the workers wrote remains, without `_SUCCESS`."""
        files, _ = self._open()
        with suppress(OSError):
            files.rm_file(self._path(self._marker))

    def names(self) -> set[str]:
        """Name the files in the folder."""
        files, folder = self._open()
        files.invalidate_cache()
        try:
            return {posixpath.basename(name) for name in files.ls(folder, detail=False)}
        except FileNotFoundError:  # an object store has no empty folders
            return set()

    @property
    def _marker(self) -> str:
        return f".run-{self.run}"

    def _path(self, name: str) -> str:
        return posixpath.join(self._open()[1], name)

    def _open(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]
        from fsspec.implementations.local import (  # type: ignore[import-untyped]
            LocalFileSystem,
        )

        if "://" in self.folder:
            found: tuple[Any, str] = url_to_fs(self.folder)
            return found
        return LocalFileSystem(), self.folder


def _name_of(number: int) -> str:
    return f"part-{number:05}.parquet"
