"""The shapes in which `chunkview show` prints a stream. Nothing here reads or writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._chunks import MessageStopChunk
from .rows import as_json
from .summary import summary

if TYPE_CHECKING:
    from ..._chunks import AnthropicCallResponseChunk
    from ..._stream import AnthropicStream
    from .transcript import Transcript

__all__ = ["Lines", "Rows", "Text", "View"]


class View:
    """Shows one stream.

    Attributes:
        has_last: Whether the event that ends a broken stream is shown as well.
    """

    has_last = True

    def add(self, offset: int, chunk: AnthropicCallResponseChunk) -> str:
        """Take the next chunk view.

        Args:
            offset: How many bytes of the file come before its event.
            chunk: The chunk view.

        Returns:
            What to write.
        """
        raise NotImplementedError

    def pause(self) -> str:
        """Give what to write when nothing more may come."""
        return ""

    def end(self) -> str:
        """Give what to write after the last chunk view."""
        return ""


class Lines(View):
    """A line for each chunk view."""

    def add(self, offset: int, chunk: AnthropicCallResponseChunk) -> str:
        # Python's repr escapes all control characters.
        return f"{chunk!r}\n"


class Rows(View):
    """A JSON object for each chunk view."""

    def __init__(self, file: str, *, ascii_only: bool, is_terminal: bool) -> None:
        """Begin.

        Args:
            file: As for `as_json`.
            ascii_only: As for `as_json`.
            is_terminal: As for `as_json`.
        """
        self._file = file
        self._ascii_only = ascii_only
        self._is_terminal = is_terminal

    def add(self, offset: int, chunk: AnthropicCallResponseChunk) -> str:
        row = as_json(
            self._file,
            offset,
            chunk,
            ascii_only=self._ascii_only,
            is_terminal=self._is_terminal,
        )
        return f"{row}\n"


class Text(View):
    """The blocks of the message, and its summary."""

    has_last = False

    def __init__(
        self, stream: AnthropicStream, transcript: Transcript, *, columns: int | None
    ) -> None:
        """Begin.

        Args:
            stream: The stream, for the summary.
            transcript: Shows the blocks.
            columns: As for `Wrapper`.
        """
        self._stream = stream
        self._transcript = transcript
        self._columns = columns
        self._is_complete = False
        self._has_summary = False

    def add(self, offset: int, chunk: AnthropicCallResponseChunk) -> str:
        if isinstance(chunk, MessageStopChunk):
            self._is_complete = True
        return self._transcript.add(chunk)

    def pause(self) -> str:
        return self.end() if self._is_complete else ""

    def end(self) -> str:
        rest = self._transcript.end()
        message = self._stream.message
        if message is None or self._has_summary:
            return rest
        self._has_summary = True
        return rest + summary(message, self._stream.timings, columns=self._columns)
