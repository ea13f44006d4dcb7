"""Files that appear under their names when they are whole."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import BinaryIO

__all__ = ["replacing"]


@contextmanager
def replacing(path: str) -> Generator[BinaryIO]:
    """Write a file. It has a hidden name until the block ends.

    If the block raises, the file goes away, and one that was there before stays.

    Args:
        path: Where the file is to be. A pipe or a device gets the bytes at once.

    Raises:
        OSError: The file cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    hidden = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with hidden.open("wb") as file:
            yield file
        hidden.replace(target)
    finally:
        with suppress(OSError):
            hidden.unlink()
