"""The folder of the recordings: new files in it, which only their owner can read.

A body is written to `NAME.sse.partial`, and has its own name when it is complete and its sidecar is
there. So nobody reads half a recording.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from itertools import count
from pathlib import Path

__all__ = ["Folder", "NewBody"]

_PARTIAL = ".partial"
_ONLY_OWNER_FILE = 0o600
_ONLY_OWNER_FOLDER = 0o700


class Folder:
    """The folder that recordings are written to."""

    def __init__(self, path: Path) -> None:
        """Make the folder, if it is not there. Only its owner can open it then.

        Raises:
            OSError: It cannot be made, or is no folder.
        """
        path.mkdir(mode=_ONLY_OWNER_FOLDER, parents=True, exist_ok=True)
        self.path = path

    def new_body(self, stem: str, suffix: str) -> NewBody:
        """Begin a body. If the name is taken, it gets a number.

        Args:
            stem: The beginning of its name.
            suffix: The end of its name, such as `.sse`.

        Raises:
            OSError: The file cannot be made.
        """
        names = (f"{stem}-{number}" if number > 1 else stem for number in count(1))
        while True:
            path = self.path / (next(names) + suffix)
            partial = path.with_name(path.name + _PARTIAL)
            try:
                file = _opened_new(partial)
            except FileExistsError:
                continue
            # Only now: another process may have been writing it a moment ago.
            if not path.exists():
                return NewBody(path, partial, file)
            file.close()
            partial.unlink()


class NewBody:
    """A body that is being written.

    Attributes:
        path: Its path, once it is complete.
    """

    def __init__(self, path: Path, partial: Path, file: io.FileIO) -> None:
        self.path = path
        self._partial = partial
        self._file = file

    def write(self, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            OSError: They cannot be written.
        """
        _write_all(self._file, data)

    def write_beside(self, path: str, data: bytes) -> None:
        """Write another file of this recording.

        Raises:
            OSError: It cannot be written. It is not there then.
        """
        with _opened_new(Path(path)) as file:
            try:
                _write_all(file, data)
            except OSError:
                with suppress(OSError):
                    Path(path).unlink()
                raise

    def complete(self) -> None:
        """Give the file its name.

        Raises:
            OSError: The file cannot be closed or renamed.
        """
        self._file.close()
        self._partial.rename(self.path)

    def abandon(self) -> None:
        """Leave the file incomplete, with the name that says so."""
        with suppress(OSError):
            self._file.close()


def _opened_new(path: Path) -> io.FileIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return io.FileIO(os.open(path, flags, _ONLY_OWNER_FILE), "w")


def _write_all(file: io.FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = file.write(rest)
        rest = rest[written or 0 :]
