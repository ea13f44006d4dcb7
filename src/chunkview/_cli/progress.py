"""A progress bar on standard error, if that is a terminal and rich is installed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    import rich.progress
    from typing_extensions import Self

__all__ = ["Progress"]


class Progress:
    """Shows how many files have been read. Without rich or a terminal it does nothing.

    As a context manager it draws the bar within the block, and removes it at the end.
    """

    def __init__(self, total: int | None, *, color: bool, is_wanted: bool = True) -> None:
        """Prepare the bar.

        Args:
            total: How many files there are; None if nobody knows.
            color: Whether the bar may have colors.
            is_wanted: Whether there is to be a bar.
        """
        self._bar = _bar(color=color) if is_wanted and sys.stderr.isatty() else None
        if self._bar is not None:
            self._task = self._bar.add_task("reading", total=total)

    @property
    def is_drawn(self) -> bool:
        """Whether there is a bar."""
        return self._bar is not None

    def advance(self, files: int = 1) -> None:
        """Note that files have been read."""
        if self._bar is not None:
            self._bar.advance(self._task, files)

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
        from rich import progress
        from rich.console import Console
    except ImportError:
        return None
    # By default rich would also redirect what is printed to standard output.
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("files"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True, color_system="auto" if color else None),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
