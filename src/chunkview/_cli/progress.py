"""A progress bar on standard error, if that is a terminal and rich is installed."""

from __future__ import annotations

import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from types import TracebackType

    import rich.progress
    from typing_extensions import Self

__all__ = ["Progress"]


class Progress:
    """Shows how far several recordings have been read. Without rich or a terminal it does nothing.

    As a context manager it draws the bar within the block, and removes it at the end.
    """

    def __init__(self, files: Sequence[str], *, color: bool) -> None:
        """Prepare the bar.

        Args:
            files: The paths of the files, in the order of reading. There is no bar for a single
                file, nor when the size of a file is not known, for example of a pipe.
            color: Whether the bar may have colors.
        """
        self._bar = _bar(color=color) if len(files) > 1 and sys.stderr.isatty() else None
        self._before = 0
        self._position = 0
        if self._bar is not None:
            sizes = [_size(file) for file in files]
            if None in sizes:
                self._bar = None
            else:
                self._task = self._bar.add_task("reading", total=sum(filter(None, sizes)))

    @property
    def is_drawn(self) -> bool:
        """Whether there is a bar."""
        return self._bar is not None

    def advance(self, position: int) -> None:
        """Note how far the current file has been read.

        Args:
            position: The number of bytes.
        """
        self._position = position
        if self._bar is not None:
            self._bar.update(self._task, completed=self._before + position)

    def end_file(self) -> None:
        """Note that the next file begins."""
        self._before += self._position
        self._position = 0

    @contextmanager
    def between_streams(self) -> Generator[None]:
        """Hide the bar while something else is written."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        yield
        self._bar.start()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar(*, color: bool) -> rich.progress.Progress | None:
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        return None
    # By default rich would also redirect what is printed to standard output.
    return Bar(
        console=Console(stderr=True, color_system="auto" if color else None),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _size(file: str) -> int | None:
    """How many bytes will be read from a file; None when unknown."""
    if file == "-":
        return None
    try:
        status = Path(file).stat()
    except OSError:
        return 0
    if stat.S_ISDIR(status.st_mode):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None
