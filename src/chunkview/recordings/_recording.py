"""A recording: one stream, and the place where it was found."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import attrs

from .._stream import checked_limit
from ..errors import DecodeError, clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["UNKNOWN", "Broken", "Format", "Maker", "Readable", "Recording", "RecordingError"]

UNKNOWN = "no format that chunkview knows"
"""What an error says of a file that holds something else than recordings."""

Format: TypeAlias = Literal[
    "sse", "events", "claude-code", "batch", "message", "cassette", "har", "aws"
]
"""In which format a stream was kept. Compression does not count."""


class Readable(Protocol):
    """A file that is open in binary mode, as far as `read` needs it."""

    def read(self, size: int = ..., /) -> bytes | None:
        """Read at most `size` bytes: b"" at the end."""


class RecordingError(DecodeError):
    """A file that cannot be read any further, or a part of it that cannot be read.

    Attributes:
        file: The path or URL of the file; "" if it has no name.
        offset: How many bytes of the file come before the part that cannot be read. In a compressed
            file: of what it decompresses to. In a cassette or HAR file: of the answer's body.
    """

    def __init__(
        self, problem: str, *, file: str = "", offset: int = 0, truncated: bool = False
    ) -> None:
        super().__init__(problem, truncated=truncated)
        self.file = file
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.file or 'recording'}: byte {self.offset}: {self.problem}"


@attrs.frozen
class Recording:
    """One recorded stream.

    Attributes:
        name: The file, and what tells the stream from others in it: `log.jsonl#2` is the second,
            `results.jsonl#my-id` the one with this `custom_id`.
        source: What `chunkview.accumulate`, `iter_chunks`, `AnthropicStream` and `check` take: the
            body as bytes, or the events. It can be iterated over again. If the recording is broken,
            it ends by raising `error`, after all that can be read.
        format: In which format the stream was kept; None if that cannot be told.
        parent: Of Claude Code: the tool call that started the sub-agent, or None for the main
            agent. None in all other formats.
        file: The path or URL of the file; "" if it has no name.
        offset: How many bytes of the file come before the recording. In a compressed file: of what
            it decompresses to. In a cassette or HAR file: of the answer's body.
        line: In which line the recording begins, counted from 1; None in formats without lines.
        offsets: Where each item of `source` begins, counted as for `offset`. Empty if `source` is
            bytes.
        size: How many bytes of the file belong to the recording, counted as for `offset`: the body,
            or the lines, frames or values that its events were in. 0 if nothing can be read.
        when: When the stream was recorded, in UTC; None if nothing tells. It is what the format
            says: `startedDateTime` of a HAR file, `recorded_at` of a cassette, the header `date` of
            an answer, the `timestamp` of Claude Code's lines. Otherwise it is what the sidecar of
            `chunkview record` says, then the day in the path (`2026-11-26`, `2026/11/26`,
            `year=2026/month=11/day=26`; its beginning), and then when the file was modified.
        is_stream_due: Of a message or an error document, which were not streamed: whether a stream
            was due. False if the request did not ask for one, or the status is that of an error. A
            cassette or HAR file tells it, or what `chunkview record` wrote beside the file. None if
            nothing does.
        error: Why the recording is not whole, or None. The stream itself may break rules all the
            same, or end early: `accumulate` and `check` say that.
    """

    name: str
    source: Any = attrs.field(repr=False)
    format: Format | None
    parent: str | None = None
    file: str = ""
    offset: int = 0
    line: int | None = None
    offsets: tuple[int, ...] = attrs.field(default=(), repr=False)
    size: int = attrs.field(default=0, repr=False)
    when: datetime | None = attrs.field(default=None, repr=False)
    is_stream_due: bool | None = attrs.field(default=None, repr=False)
    error: DecodeError | OSError | None = None


class Broken:
    """A source that ends by raising an error. It can be iterated over again."""

    def __init__(self, items: Sequence[Any], error: DecodeError | OSError) -> None:
        """Keep the items.

        Args:
            items: What can be read.
            error: What follows.
        """
        self._items = items
        self._error = error

    def __iter__(self) -> Iterator[Any]:
        yield from self._items
        raise self._error.with_traceback(None)


class Maker:
    """Makes the recordings of one file, and numbers them.

    Attributes:
        file: The path or URL of the file, or "".
        max_bytes: How many bytes a recording may have.
        count: How many recordings were made.
        when: When the recordings were made, if they do not say it themselves.
        is_stream_due: Gives that attribute of a message. Few files have one.
    """

    def __init__(
        self,
        file: str,
        max_bytes: int,
        label: str = "",
        format: Format | None = None,  # noqa: A002
        when: datetime | None = None,
    ) -> None:
        """Begin a file.

        Args:
            file: The path or URL of the file, or "".
            max_bytes: How many bytes a recording may have.
            label: What the names of all recordings begin with, after the file.
            format: The format of all recordings; None if each one says its own.
            when: When the recordings were made, if they do not say it themselves.
        """
        self.file = file
        self.when = when
        self.is_stream_due: Callable[[], bool | None] = lambda: None
        self.max_bytes = checked_limit("max_bytes", max_bytes)
        self.count = 0
        self._label = label
        self._format: Format | None = format

    def make(
        self,
        source: Any,
        format: Format | None,  # noqa: A002
        *,
        label: str = "",
        is_one_of_many: bool = False,
        error: DecodeError | OSError | None = None,
        when: datetime | None = None,
        **place: Any,
    ) -> Recording:
        """Make the next recording.

        Args:
            source: The body, or the events.
            format: The format, unless the file decides it.
            label: What tells the recording from others in the file, if not its number.
            is_one_of_many: Whether the first one has a number, too.
            error: Why the recording is not whole.
            when: When it was recorded, if it says that itself.
            **place: Further attributes of the recording.
        """
        if error is not None and not isinstance(source, Broken):
            source = Broken((source,) if isinstance(source, bytes) and source else source, error)
        return Recording(
            self.next_name(label, is_one_of_many=is_one_of_many),
            source,
            self._format or format,
            file=self.file,
            error=error,
            when=when or self.when,
            is_stream_due=self.is_stream_due() if format == "message" else None,
            **place,
        )

    def next_name(self, label: str = "", *, is_one_of_many: bool = False) -> str:
        """Count the next recording, and name it: arguments as for `make`."""
        self.count += 1
        if not label and (is_one_of_many or self.count > 1):
            label = str(self.count)
        label = "#".join(filter(None, (self._label, label)))
        return f"{self.file}#{label}" if label else self.file

    def error(self, problem: str, offset: int, *, truncated: bool = False) -> RecordingError:
        """Make an error about a part of the file."""
        return RecordingError(problem, file=self.file, offset=offset, truncated=truncated)

    def error_of_unknown(self, start: bytes, offset: int) -> RecordingError:
        """Make the error about a file of no known format.

        Args:
            start: How the file begins, without white space.
            offset: Where that is.
        """
        begin = clipped(" ".join(start[:80].decode(errors="replace").split()))
        return self.error(f"{UNKNOWN}; it begins with {begin!r}", offset)
