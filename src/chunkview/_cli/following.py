"""A file that something else still writes to."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["GrowingFile"]

_SECONDS_BETWEEN_LOOKS = 0.1


class GrowingFile:
    """Reads a file from its start, and waits at its end until there is more.

    Reading ends when another file has taken the name, as when logs are rotated, or when the file
    was cut short. A file that is cut and is as long as before at the next look goes unnoticed.

    Attributes:
        problem: Why reading has ended; "" before.
    """

    def __init__(self, file: str) -> None:
        """Open a file.

        Args:
            file: Its path.

        Raises:
            OSError: It cannot be opened.
        """
        self.problem = ""
        self._path = file
        self._file = io.FileIO(file)
        self._position = 0

    def read(self, size: int, /) -> bytes:
        """Read what there is. Wait if there is nothing.

        Args:
            size: How many bytes it may be.

        Returns:
            At least one byte, or b"" when reading has ended.

        Raises:
            OSError: The file cannot be read.
        """
        while True:
            if data := self._file.read(size):
                self._position += len(data)
                return data
            self.problem = self._end()
            if self.problem:
                return b""
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _end(self) -> str:
        ours = os.fstat(self._file.fileno())
        if ours.st_size < self._position:
            return "the file was cut short: it is read again from its start"
        try:
            named = Path(self._path).stat()
        except FileNotFoundError:
            # It has no name any more, or another one. A new file may come.
            return ""
        if os.path.samestat(ours, named):
            return ""
        return "another file has taken its name: that one is read from its start"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
