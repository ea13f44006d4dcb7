"""JSON, one value a line: events, Claude Code's logs, the results of a batch, whole messages.

Each line is told by itself, so a file may hold all of them.

Sources: https://docs.claude.com/en/docs/claude-code/headless (stream-json);
https://docs.anthropic.com/en/api/retrieving-message-batch-results.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .._chunks import EVENTS, events_of_whole_message, is_error, is_message, unwrapped
from .._model import loads
from ..errors import DecodeError, kind_of
from ._growing import Growing
from ._when import time_read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._input import Input, Line
    from ._recording import Maker, Recording

__all__ = ["Lines", "Place", "read_lines"]

# So many agents and messages are kept open, since a later line may go on with them. Then the one
# that has waited longest is given. Memory depends on this, not on the length of the log.
_MOST_OPEN = 32
# How many ids of streamed messages are kept. The line that repeats a message comes soon after it.
_MOST_IDS = 1_000


class Place(NamedTuple):
    """Where a value is in the file.

    Attributes:
        offset: How many bytes come before it.
        size: How many bytes it has.
        line: Its line, from 1; None if it is not a line.
    """

    offset: int
    size: int
    line: int | None


def read_lines(lines: Iterable[Line], source: Input, maker: Maker) -> Iterator[Recording]:
    """Give the recordings of a file of JSON lines.

    Args:
        lines: The lines of the file.
        source: The file.
        maker: Makes the recordings.
    """
    recordings = Lines(maker)
    for line in lines:
        place = Place(line.offset, len(line.data or b""), line.number)
        if line.data is None:
            problem = f"a line of more than {maker.max_bytes} bytes"
            yield from recordings.add_broken(problem, place)
        elif text := line.text:
            try:
                value = loads(text)
            except DecodeError as error:
                yield from recordings.add_broken(error.problem, place, text)
            else:
                yield from recordings.add(value, place, text)
    yield from recordings.end(source.take_error(), source.offset)


class Lines:
    """Takes the values of a file, one after the other, and gives recordings."""

    def __init__(self, maker: Maker) -> None:
        """Begin a file.

        Args:
            maker: Makes the recordings.
        """
        self._maker = maker
        self._is_claude_code = self._has_unknown = False
        self._is_empty = True
        self._error_document: tuple[bytes, Place] | None = None
        """The error of the API that is all the file has so far: its JSON, and where it is."""
        self._file_of_row: Any = None
        self._streams: dict[Any, Growing] = {}
        """By parent; the events without a wrapper are under False."""
        self._joined: dict[tuple[str | None, Any], _Joined] = {}
        """The messages of `assistant` lines, by parent and id."""
        self._streamed: dict[str, None] = {}
        """The ids of messages that came as events."""

    def add(self, value: Any, place: Place, text: bytes) -> Iterator[Recording]:
        """Take the next value.

        Args:
            value: The value.
            place: Where it is.
            text: Its JSON.
        """
        is_first, self._is_empty, self._error_document = self._is_empty, False, None
        if not isinstance(value, dict):
            if self._open():
                yield from self.add_broken(f"expected object, got {kind_of(value)}", place, text)
            else:
                yield from self._add_unknown(place, text)
            return
        tag = value.get("type")
        if is_first and tag == "error":
            self._error_document = text, place
        if isinstance(value.get("result"), dict) and "custom_id" in value:
            yield self._of_batch(value, place)
        elif tag == "stream_event" and unwrapped(value) is not value:
            yield from self._add_wrapped(value, place)
        elif tag == "assistant" and isinstance(value.get("message"), dict):
            yield from self._add_assistant(value, place)
        elif isinstance(value.get("event"), dict) and value.keys() >= _KEYS_OF_ROW:
            if self._file_of_row != value["file"]:
                yield from self._end_stream(False)
                self._file_of_row = value["file"]
            yield from self._add_event(value["event"], place)
        elif tag.__class__ is str and tag in EVENTS:
            yield from self._add_event(value, place)
        elif self._is_other_line(value):
            pass
        elif is_message(value) or (is_error(value) and False not in self._streams):
            yield self._maker.make(
                text, "message", offset=place.offset, line=place.line, size=len(text)
            )
        elif isinstance(tag, str) or False in self._streams:
            yield from self._add_event(value, place)
        else:
            yield from self._add_unknown(place, text)

    def add_broken(self, problem: str, place: Place, text: bytes = b"") -> Iterator[Recording]:
        """Take a line that cannot be read.

        It breaks the message that it belongs to. If the line does not say which one that is, it
        breaks all that are not finished.

        Args:
            problem: What is wrong.
            place: Where the line is.
            text: The line.
        """
        self._is_empty, self._error_document = False, None
        error = self._maker.error(problem, place.offset)
        found = _PARENT.search(text) if _WRAPPED.search(text) else None
        if found is not None:
            parent = None if found[1] is None else found[1].decode(errors="replace")
            stream = self._streams.get(parent)
            if stream is not None:
                stream.break_off(error)
                return
        elif self._streams or self._joined:
            for one in self._open():
                one.break_off(error)
            return
        lone = Growing(self._maker, self._format, offset=place.offset, line=place.line)
        lone.break_off(error)
        yield from lone.end()

    def _add_unknown(self, place: Place, text: bytes) -> Iterator[Recording]:
        """Take a value that is of no known format. A file gets one error for all of them."""
        if not self._has_unknown:
            self._has_unknown = True
            error = self._maker.error_of_unknown(text, place.offset)
            yield self._maker.make((), None, error=error, offset=place.offset, line=place.line)

    def end(self, error: DecodeError | None, offset: int) -> Iterator[Recording]:
        """Take the end of the file.

        Args:
            error: What ended it early, or None.
            offset: Where that was.
        """
        if self._error_document is not None and error is None:
            # Nothing but one JSON object is no event, but the body of an answer without a stream.
            text, place = self._error_document
            yield self._maker.make(
                text, "message", offset=place.offset, line=place.line, size=len(text)
            )
            return
        open_ones = self._open()
        if error is not None:
            if not open_ones:
                open_ones = [Growing(self._maker, self._format, offset=offset)]
            for one in open_ones:
                one.break_off(error)
        for one in open_ones:
            yield from one.end()

    def _open(self) -> list[Growing | _Joined]:
        """Those that a later line may go on with."""
        return [*self._streams.values(), *self._joined.values()]

    @property
    def _format(self) -> Any:
        return "claude-code" if self._is_claude_code else "events"

    def _is_other_line(self, value: dict[str, Any]) -> bool:
        """Whether this is a line of Claude Code that holds no answer."""
        if value.get("type") in _OTHER_TYPES or not _KEYS_OF_LINES.isdisjoint(value):
            self._is_claude_code = True
        return self._is_claude_code

    def _of_batch(self, value: dict[str, Any], place: Place) -> Recording:
        result, name = value["result"], value["custom_id"]
        kind, message, error = (result.get(key) for key in ("type", "message", "error"))
        if isinstance(message, dict) and kind == "succeeded":
            items = events_of_whole_message(message)
        elif isinstance(error, dict):
            items = [error if error.get("type") == "error" else {"type": "error", "error": error}]
        else:
            # The API says no more of a request that was canceled or has expired.
            problem = "the batch has no answer to this request"
            items = [{"type": "error", "error": {"type": kind, "message": problem}}]
        return self._maker.make(
            tuple(items),
            "batch",
            label=name if isinstance(name, str) else "",
            is_one_of_many=True,
            offset=place.offset,
            line=place.line,
            offsets=(place.offset,) * len(items),
            size=place.size,
        )

    def _add_event(self, event: dict[str, Any], place: Place) -> Iterator[Recording]:
        stream = self._streams.get(False)
        if stream is not None and stream.begins_next(event):
            yield from self._end_stream(False)
            stream = None
        if stream is None:
            stream = self._streams[False] = Growing(
                self._maker, "events", offset=place.offset, line=place.line
            )
            stream.begins_next(event)
        stream.add(event, place.offset, place.size)

    def _end_stream(self, key: Any) -> Iterator[Recording]:
        stream = self._streams.pop(key, None)
        if stream is not None:
            yield from stream.end()

    def _add_wrapped(self, value: dict[str, Any], place: Place) -> Iterator[Recording]:
        self._is_claude_code = True
        parent, event = _parent_of(value), value["event"]
        stream = self._streams.get(parent)
        if event.get("type") == "message_start":
            self._note_streamed(event)
        if stream is not None and stream.begins_next(event):
            yield from self._end_stream(parent)
            stream = None
        if stream is None:
            if len(self._streams) >= _MOST_OPEN:
                yield from self._end_stream(next(iter(self._streams)))
            stream = Growing(
                self._maker,
                "claude-code",
                is_one_of_many=True,
                parent=parent,
                offset=place.offset,
                line=place.line,
                when=time_read(value.get("timestamp")),
            )
            stream.begins_next(event)
        else:
            del self._streams[parent]
        self._streams[parent] = stream  # the last one is the one that waits least
        stream.add(value, place.offset, place.size)

    def _note_streamed(self, event: dict[str, Any]) -> None:
        message = event.get("message")
        name = message.get("id") if isinstance(message, dict) else None
        if isinstance(name, str):
            self._streamed[name] = None
            if len(self._streamed) > _MOST_IDS:
                del self._streamed[next(iter(self._streamed))]

    def _add_assistant(self, value: dict[str, Any], place: Place) -> Iterator[Recording]:
        self._is_claude_code = True
        message = value["message"]
        name = message.get("id")
        if isinstance(name, str) and name in self._streamed:
            return
        # A line without an id is a message of its own.
        key = _parent_of(value), name if isinstance(name, str) else (place.offset,)
        joined = self._joined.pop(key, None)
        if joined is None:
            if len(self._joined) >= _MOST_OPEN:
                yield from self._joined.pop(next(iter(self._joined))).end()
            joined = _Joined(
                self._maker,
                parent=key[0],
                offset=place.offset,
                line=place.line,
                when=time_read(value.get("timestamp")),
            )
        joined.add(value, place)
        self._joined[key] = joined


_KEYS_OF_ROW = {"file", "offset", "delta_type", "event"}
"""What `chunkview show --json` writes, and nothing else does."""
_OTHER_TYPES = ("system", "user", "result", "summary", "file-history-snapshot", "queue-operation")
_KEYS_OF_LINES = {"session_id", "sessionId", "parentUuid"}
"""Claude Code's lines: with `sessionId` in the transcripts of ~/.claude/projects."""
_WRAPPED = re.compile(rb'"type"\s*:\s*"stream_event"')
_PARENT = re.compile(rb'"parent_tool_use_id"\s*:\s*(?:null|"([^"\\]*)")')


def _parent_of(value: dict[str, Any]) -> str | None:
    parent = value.get("parent_tool_use_id")
    return parent if isinstance(parent, str) else None


class _Joined:
    """A message of Claude Code, from lines that have a block each."""

    def __init__(self, maker: Maker, **place: Any) -> None:
        self._maker = maker
        self._place = place
        self._message: dict[str, Any] = {}
        self._blocks: list[Any] = []
        self._offsets: list[int] = []
        self._uuids: set[str] = set()
        self._size = 0
        self._error: DecodeError | None = None

    def add(self, value: dict[str, Any], place: Place) -> None:
        """Take the next line of the message."""
        name = value.get("uuid")
        if isinstance(name, str):
            if name in self._uuids:  # a session that was resumed may repeat its lines
                return
            self._uuids.add(name)
        self._size += place.size
        if self._size > self._maker.max_bytes:
            problem = f"more than {self._maker.max_bytes} bytes"
            self.break_off(self._maker.error(problem, place.offset))
        if self._error is not None:
            return
        message = value["message"]
        content = message.get("content")
        if isinstance(content, list):
            self._blocks += content
            self._offsets += [place.offset] * len(content)
        elif isinstance(content, str):
            self._blocks.append({"type": "text", "text": content})
            self._offsets.append(place.offset)
        news = {key: one for key, one in message.items() if one is not None}
        self._message = {**message, **self._message, **news}

    def break_off(self, error: DecodeError) -> None:
        """Note why the message is not whole. The first reason counts."""
        self._error = self._error or error

    def end(self) -> Iterator[Recording]:
        """Give the recording: the events of a stream that amounts to the message."""
        message = {**self._message, "content": self._blocks}
        events = events_of_whole_message(message)
        if message.get("stop_reason") is None:
            # The lines repeat the counts of the beginning. They are not those of the whole answer.
            events[-2] = {key: one for key, one in events[-2].items() if key != "usage"}
        first = self._place["offset"]
        last = self._offsets[-1] if self._offsets else first
        yield self._maker.make(
            tuple(events),
            "claude-code",
            is_one_of_many=True,
            offsets=(first, *(at for at in self._offsets for _ in range(2)), last, last),
            error=self._error,
            size=self._size,
            **self._place,
        )
