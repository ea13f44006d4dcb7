"""The bytes of a file of conforming streams, with so many in memory that they hold the next one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .._stream import begins_like_conforming
from ..errors import DecodeError
from ._recording import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Ahead"]

_STOP = b"\n\nevent: message_stop\n"
_AFTER_STOP = 1024
"""How many bytes have to be there after the beginning of `message_stop`: more than it has."""
_ENOUGH = 64
"""So many bytes tell how a stream begins."""
_READ_SIZE = 256 * 1024
_LONGEST = 16 * 1024 * 1024


class Ahead:
    """Reads a file as far as the end of the next stream.

    Memory: the next stream, at most 16 MiB and a quarter.

    Attributes:
        data: The bytes in memory.
        at: Where in them the next stream begins.
        has_ended: Whether they are the last ones of the file.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Begin.

        Args:
            pieces: The bytes of the file. It may raise DecodeError.
        """
        self.data = b""
        self.at = 0
        self.has_ended = False
        self._pieces = pieces
        self._is_broken = False
        self._offset = 0
        """How many bytes of the file come before those in memory."""
        self._searched = 0
        """Up to where we have looked for the end of the stream."""

    def holds_stream(self) -> bool:
        """Read on until a whole stream is there. False if there is none, or it is too long."""
        while True:
            size = len(self.data) - self.at
            if self._is_broken or (
                size >= _ENOUGH and not begins_like_conforming(self.data, self.at)
            ):
                return False
            if self.has_ended:
                return size > 0
            stop = self.data.find(_STOP, max(self.at, self._searched))
            if 0 <= stop <= len(self.data) - _AFTER_STOP:
                return True
            if size > _LONGEST:
                return False
            self._searched = max(self.at, len(self.data) - _AFTER_STOP)
            self._read()

    def rest(self) -> tuple[Iterator[bytes], int] | None:
        """Give all bytes from the next stream on, and how many come before them.

        None if there are none.
        """
        if self.has_ended and self.at and self.at == len(self.data):
            return None
        return itertools.chain([self.data[self.at :]], self._pieces), self._offset + self.at

    def _read(self) -> None:
        parts = [self.data[self.at :]]
        self._offset += self.at
        self._searched -= self.at
        self.at = size = 0
        self.has_ended = True
        try:
            for piece in self._pieces:
                parts.append(piece)
                size += len(piece)
                if size >= _READ_SIZE:
                    self.has_ended = False
                    break
        except DecodeError as error:
            self._is_broken, self._pieces = True, iter(Broken((), error))
        self.data = b"".join(parts)
