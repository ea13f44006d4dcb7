"""Bytes of an event stream to chunk views, without any input or output of its own.

`ChunkDecoder` takes bytes, cut anywhere, and gives the chunk views that they complete. It knows
nothing of connections, and it does not judge the order of events. `Framer` cuts out the events.
Two paths decode an event to the same chunk: `FastPath` recognises what it has seen before; the
general path parses JSON.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from .._chunks import decode_object
from .._model import parser, stdlib_loads
from ..errors import DecodeError, kind_of
from .fastpath import FastPath, NoFastPath
from .framing import BYTE_ORDER_MARK, Framer, data_of, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import ChunkView

    Piece = bytes | bytearray | memoryview

__all__ = ["MAX_EVENT_BYTES", "ChunkDecoder"]

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""How many bytes one event may have, unless the caller says otherwise: 64 MiB."""


class ChunkDecoder:
    """Decodes the bytes of an event stream, cut anywhere, into chunk views.

    The same decoder serves httpx, aiohttp, requests, urllib3 and files, sync or async: your code
    reads the bytes and feeds them. The time taken is linear in the bytes, whether they come one
    by one or 50 MB at once.

    The loop below sees every chunk that precedes a broken event: `feed` returns them, and the
    next call raises the error. What follows a broken event cannot be trusted, so a decoder that
    has raised raises again whenever it is fed.

    Example:
        ```python
        decoder = ChunkDecoder()
        for data in response.iter_bytes():
            for chunk in decoder.feed(data):
                print(chunk.content, end="")
        for chunk in decoder.close():
            print(chunk.content, end="")
        ```

    Attributes:
        error: What broke the body, as soon as it is known, or None. The next call of `feed` or
            `close` raises it.
    """

    __slots__ = (
        "_fast",
        "_framer",
        "_has_begun",
        "_has_raised",
        "_is_over",
        "_loads",
        "_looks",
        "_max_event_bytes",
        "_no_stream",
        "error",
    )

    def __init__(
        self,
        *,
        loads: Callable[[bytes], Any] | None = None,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        """Make a decoder for one body.

        Args:
            loads: From the bytes of a JSON document to a Python value. By default msgspec parses
                when it is installed, else the standard library, by the same strict rules. A
                parser of your own replaces both and brings its own rules. What it raises about
                its input (a ValueError, or a class of the name `…DecodeError`) becomes the cause
                of a DecodeError.
            max_event_bytes: How many bytes one event may have, without its blank line. This
                bounds the memory that a stream without end can take.
        """
        self.error: DecodeError | None = None
        self._loads = parser(loads)
        self._max_event_bytes = max_event_bytes
        self._framer = Framer(max_event_bytes)
        # A parser of the caller's own shall see every event.
        has_fast_path = loads is None or loads is stdlib_loads
        self._fast = FastPath() if has_fast_path else NoFastPath()
        self._looks = 0
        self._has_begun = False
        self._has_raised = False
        self._is_over = False
        self._no_stream: bytearray | None = None

    def feed(self, data: Piece) -> list[ChunkView]:
        """Take the next bytes of the body.

        Args:
            data: Bytes, cut anywhere.

        Returns:
            The chunk views of the events that these bytes complete, in order. The `chunk` of each
            is its payload: the bytes of the event's JSON. Where one of the events is broken, the
            chunk views before it; the next call raises.

        Raises:
            DecodeError: An event is invalid UTF-8, invalid JSON or no event, or is longer than
                `max_event_bytes`, or the body is no event stream, and there is no chunk view
                before it to return. `received` is that event's bytes. Raised again, as a new
                error with the first as its cause, whenever the decoder is fed afterwards.
            TypeError: `data` is not bytes.
        """
        if self._is_over:
            raise self._refusal(data)
        piece: Any = data if data.__class__ is bytes else as_bytes(data)
        chunks: list[ChunkView] = []
        try:
            fast, framer = self._fast, self._framer
            if not framer.buffer and len(piece) <= self._max_event_bytes:
                # One event at a time is how the API sends, and how most clients read.
                chunk = fast.recognise(piece)
                if chunk is not None:
                    return [chunk]
            if not self._has_begun and self._looks < _MAX_LOOKS and piece:
                self._look_at_start(piece)
            for event in framer.feed(piece):
                chunk = fast.recognise(event) or self._decode(event)
                if chunk is not None:
                    chunks.append(chunk)
            if framer.is_too_long:
                self._refuse_long_event()
        except DecodeError as error:
            self._fail(error)
            if not chunks:
                self._has_raised = True
                raise
        except BaseException as error:
            self._interrupt(error)
            raise
        return chunks

    def close(self) -> list[ChunkView]:
        """Say that the body has ended.

        Returns:
            The chunk view of a last event that lacks its blank line but is whole, else nothing.
            Nothing too when the decoder was closed before, or has raised before.

        Raises:
            DecodeError: The body ended in the middle of an event (`truncated` is True and
                `received` holds what came of it), or was no event stream, or an event before
                the end was broken and `feed` has not raised that yet.
        """
        error = self.error
        if error is None:
            if self._is_over:
                return []
            self._is_over = True
            try:
                return self._decode_rest()
            except DecodeError as failure:
                self._fail(failure)
                self._has_raised = True
                raise
            except BaseException as interruption:
                self._interrupt(interruption)
                raise
        if self._has_raised:
            return []
        self._has_raised = True
        raise error

    def _decode_rest(self) -> list[ChunkView]:
        rest = self._framer.rest
        self._framer.clear()
        was_joined = not self._has_begun and _were_joined(rest)
        try:
            chunk = self._decode(rest, at_end=True)
        except DecodeError:
            if was_joined:
                raise DecodeError(_NO_LINE_ENDS, received=rest) from None
            raise
        if chunk is not None:
            return [chunk]
        if was_joined:
            raise DecodeError(_NO_LINE_ENDS, received=rest)
        if self._no_stream and not self._has_begun:
            body = bytes(self._no_stream)
            raise DecodeError(_not_a_stream(body), received=body)
        return []

    def _refusal(self, data: Any) -> DecodeError:
        """Make the error of a decoder that can take nothing any more."""
        first = self.error
        if first is None:
            return DecodeError("nothing can be fed any more: the decoder was closed", received=data)
        if not self._has_raised:
            self._has_raised = True
            return first
        again = DecodeError(
            first.problem,
            path=first.path,
            event=first.event,
            received=first.received,
            truncated=first.truncated,
        )
        again.__cause__ = first
        return again

    def _refuse_long_event(self) -> None:
        problem = f"an event of more than {self._max_event_bytes} bytes"
        raise DecodeError(problem, received=self._framer.rest.rstrip(b"\r\n"))

    def _fail(self, error: DecodeError) -> None:
        self.error = error
        self._is_over = True
        self._framer.clear()

    def _interrupt(self, error: BaseException) -> None:
        """Note that some of the body may be lost: nothing that follows could be trusted."""
        kind = type(error).__name__
        self._fail(DecodeError(f"the decoder was interrupted ({kind}): part of the body is lost"))

    def _decode(self, event: bytes, *, at_end: bool = False) -> ChunkView | None:
        """Decode one event in the general way; None when it holds no data."""
        if not self._has_begun:
            event = event.removeprefix(BYTE_ORDER_MARK)
        payload = data_of(event)
        try:
            if not payload:
                self._pass_over(event, payload, at_end=at_end)
                return None
            self._has_begun = True
            chunk = self._decode_payload(payload, at_end=at_end)
        except DecodeError as error:
            error.received = event if at_end else event.rstrip(b"\r\n")
            raise
        if chunk is not None:
            self._fast.learn(event, payload, chunk)
        return chunk

    def _decode_payload(self, payload: bytes, *, at_end: bool) -> ChunkView | None:
        try:
            value = self._loads(payload)
        except Exception as error:
            if payload.strip() == _DONE:
                return None
            if not _is_about_its_input(error):
                raise
            raise _unreadable(payload, error, at_end=at_end) from error
        if value.__class__ is not dict:
            raise DecodeError(f"expected object, got {kind_of(value)}", event=payload)
        return decode_object(value, payload)

    def _look_at_start(self, piece: bytes) -> None:
        """Refuse what is no text, and lines without their line ends, as soon as they show."""
        self._looks += 1
        rest = self._framer.rest
        if rest and piece.startswith((b"data:", b"event:")) and self._is_whole_line(rest):
            raise DecodeError(_NO_LINE_ENDS, received=rest + piece)
        for magic, problem in _BINARY.items():
            if (rest + piece[: len(magic)]).startswith(magic):
                raise DecodeError(problem, received=rest + piece)

    def _is_whole_line(self, line: bytes) -> bool:
        """Whether this is one line without a line end that could only have ended here."""
        if 0x0A in line or 0x0D in line:
            return False
        if _EVENT_LINE.fullmatch(line):
            return True
        payload = data_of(line)
        if not payload or not payload.endswith(b"}"):
            return False
        try:
            stdlib_loads(payload)
        except DecodeError:
            return False
        return True

    def _pass_over(self, event: bytes, payload: bytes | None, *, at_end: bool) -> None:
        """Skip an event without data, unless it proves that the body is not an event stream."""
        if payload is not None:
            self._has_begun = True
            if at_end and not event.endswith((b"\n", b"\r")):
                raise DecodeError(_CUT, truncated=True)
            return
        if at_end and self._is_cut(event):
            raise DecodeError(_CUT, truncated=True)
        names = [name for name, _ in islice(lines_of(event), 1)]
        if not names or any(name in _FIELDS for name, _ in lines_of(event)):
            return
        # Unknown fields are legal. Only what cannot be meant as a field is refused at once.
        if event.lstrip()[:1] in (b"{", b"<"):
            raise DecodeError(_not_a_stream(event))
        if not self._has_begun:
            self._no_stream = self._no_stream or bytearray()
            self._no_stream += event
            if len(self._no_stream) > self._max_event_bytes:
                raise DecodeError(_not_a_stream(bytes(self._no_stream)))

    def _is_cut(self, event: bytes) -> bool:
        """Whether the lines at the end of a body are the beginning of an event."""
        names = (name for name, _ in lines_of(event))
        if self._has_begun:
            return any(name not in (b"", b"id", b"retry") for name in names)
        last = event[max(event.rfind(b"\n"), event.rfind(b"\r")) + 1 :]
        beginnings = (BYTE_ORDER_MARK, b"data", b"event", b"id", b"retry")
        return (last != b"" and any(name.startswith(last) for name in beginnings)) or any(
            name == b"event" for name in names
        )


def as_bytes(data: Piece) -> bytes:
    """Copy bytes of another kind, since their owner may change them.

    Raises:
        TypeError: It is not bytes of any kind.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return bytes(data)
    raise TypeError(f"feed takes bytes, got {kind_of(data)}")


_DONE = b"[DONE]"  # the end mark of OpenAI's streams, which some gateways append
_FIELDS = frozenset((b"data", b"event", b"id", b"retry", b""))
"""The fields of an event; a comment is a field without a name."""
_CUT = "the body ends in the middle of an event"
_NO_LINE_ENDS = (
    "the lines have no line ends, as iter_lines() gives them: feed the bytes of iter_bytes() "
    "(httpx), iter_content(None) (requests) or content.iter_any() (aiohttp)"
)
_EVENT_LINE = re.compile(rb"event: ?\w+")
_JOINED_LINES = re.compile(rb"(?:event: ?\w+|\})data: ?\{")
_MAX_LOOKS = 8
"""How many pieces are looked at: lines without line ends show in the third, at the latest."""
_COMPRESSED = (
    "the body is compressed with {}: read it with iter_bytes() instead of iter_raw(), or "
    "decompress it first"
)
_BINARY = {
    b"\x1f\x8b": _COMPRESSED.format("gzip"),
    b"\x28\xb5\x2f\xfd": _COMPRESSED.format("zstd"),
    b"\x00": (
        "the body is no text; it may hold the frames of AWS "
        "(application/vnd.amazon.eventstream): let botocore read them, and decode the bytes of "
        "each event"
    ),
}
"""How bodies begin that are no text, and what to do about them."""


def _were_joined(body: bytes) -> bool:
    """Whether a body seems to be lines of an event stream without their line ends."""
    if 0x0A in body or 0x0D in body:
        return False
    return _JOINED_LINES.search(body) is not None


def _not_a_stream(body: bytes) -> str:
    start = body.strip()[:80].decode(errors="replace")
    return f"the body is no event stream; it begins with {start!r}"


def _is_about_its_input(error: Exception) -> bool:
    """Whether a parser's exception tells of bad JSON, and not of a time-out or of lack of memory.

    Parsers raise a ValueError, or a class of their own that is named like msgspec's DecodeError.
    """
    if isinstance(error, (ValueError, RecursionError)):
        return True
    return any(cls.__name__.endswith("DecodeError") for cls in type(error).__mro__)


def _unreadable(payload: bytes, error: Exception, *, at_end: bool) -> DecodeError:
    """Say that a payload is no JSON, or no whole one where the body ends."""
    if at_end:
        return DecodeError(_CUT, event=payload, truncated=True)
    if isinstance(error, DecodeError):
        return DecodeError(error.problem, event=payload)
    return DecodeError(f"invalid JSON: {error}", event=payload)
