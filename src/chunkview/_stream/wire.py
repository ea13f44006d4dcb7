"""The bytes of an event stream to chunk views.

`ChunkDecoder` takes bytes, cut anywhere, and gives the chunk views that they complete. It does no
input or output of its own, and it does not judge the order of events.

Theory of operation. Two paths decode an event to the same chunk. The fast path (fastpath.py)
recognises what it has seen before. The general path parses JSON, and folds the `event:` line into
the event where it matters. How a piece gets there depends on how it was cut:

- `feed` itself takes the middle of a line, and tries the fast path for a piece that is one event:
  most clients read what the API sends event by event. `_take_whole` is the general path for such a
  piece.
- A piece of several events is split into lines, all at once (`_take_lines`). A run of deltas is
  then one loop over the lines.
- The rest of a piece waits in the `Framer`. If the next piece is not shorter, it is joined with
  that piece and looked at again. Otherwise the framer goes on where it was, since an event may come
  byte by byte.
- The framer also cuts what is rare: mixed line ends, and more blank lines than one.

Until the first event with data, a `Beginning` looks whether the body is an event stream at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._chunks import DONE, decode_object, events_of_document, fold, refuse_joined
from .._model import parser, stdlib_loads
from ..errors import DecodeError, clipped, kind_of
from .beginning import Beginning, has_only_unknown_fields, not_a_stream
from .fastpath import FastPath, NoFastPath
from .framing import Framer, fields_of, fields_of_one, lines_of
from .limits import checked_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import ChunkView

    Fields = tuple[bytes, bytes | None]

__all__ = ["MAX_EVENT_BYTES", "ChunkDecoder", "Piece"]

Piece = bytes | bytearray | memoryview
"""What `ChunkDecoder.feed` takes: some bytes of a body."""

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
        "_beginning",
        "_fast",
        "_framer",
        "_has_raised",
        "_is_over",
        "_loads",
        "_max_event_bytes",
        "_usual_size",
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

        Raises:
            TypeError: `max_event_bytes` is no int.
        """
        checked_limit("max_event_bytes", max_event_bytes)
        self.error: DecodeError | None = None
        self._loads = parser(loads)
        self._max_event_bytes = max_event_bytes
        self._usual_size = min(max_event_bytes, _USUAL_SIZE)
        self._framer = Framer(max_event_bytes)
        # A parser of the caller's own must see every event.
        has_fast_path = loads is None or loads is stdlib_loads
        self._fast = FastPath() if has_fast_path else NoFastPath()
        # None after the first event with data.
        self._beginning: Beginning | None = Beginning(max_event_bytes)
        self._has_raised = False
        self._is_over = False

    def __repr__(self) -> str:
        """How far the decoder is, at a bounded length."""
        waiting = len(self._framer.buffer)
        if self.error is not None:
            state = f"{type(self.error).__name__}: {clipped(str(self.error))}"
        elif self._is_over:
            state = "closed"
        elif self._beginning is not None and self._beginning.document is not None:
            state = "in a body that is one JSON object"
        else:
            state = f"{waiting} bytes of an incomplete event" if waiting else "between two events"
        return f"<{type(self).__name__}: {state}>"

    def feed(self, data: Piece) -> list[ChunkView]:
        """Take the next bytes of the body.

        Args:
            data: Bytes, cut anywhere.

        Returns:
            The chunk views of the events that these bytes complete, in order. The `chunk` of each
            is its payload: the bytes of the event's JSON. Its `to_event()` has the name of the
            `event:` line as its type where the JSON has none. Where one of the events is broken,
            the chunk views before it; the next call raises.

        Raises:
            DecodeError: The data of an event is invalid UTF-8, invalid JSON or no event, or it is
                longer than `max_event_bytes`, or the body is no event stream, and there is no chunk
                view before it to return. `received` is that event's bytes. Raised again, as a new
                error with the first as its cause, whenever the decoder is fed afterwards.
            TypeError: `data` is not bytes.
        """
        if self._is_over:
            raise self._refusal(data)
        piece: Any = data if data.__class__ is bytes else as_bytes(data)
        chunks: list[ChunkView] | None = None
        framer = self._framer
        try:
            buffer = framer.buffer
            if buffer:
                if 0x0A not in piece and 0x0D not in piece and self._beginning is None:
                    buffer += piece
                    if len(buffer) > self._max_event_bytes:
                        framer.extend(b"")  # line ends before the event do not count
                        self._check_length()
                    return []
            elif len(piece) <= self._usual_size:
                run = self._fast.run
                if run is not None and piece.startswith(run.prefix):
                    chunk = run.decode(piece)
                else:
                    chunk = self._fast.known(piece)
                if chunk is not None:
                    return [chunk]
            chunks = []
            self._take_piece(piece, chunks)
        except DecodeError as error:
            self._fail(error, is_raised=not chunks)
            if not chunks:
                raise
        except BaseException as error:
            self._interrupt(error)
            raise
        return chunks

    def close(self) -> list[ChunkView]:
        """Say that the body has ended.

        Returns:
            The chunk view of a last event that lacks its blank line but is whole, else nothing.
            Of a body that is one JSON object: the chunk views of the events that amount to the
            message, or of one error event; their `chunk` is that event. Nothing too when the
            decoder was closed before, or has raised before.

        Raises:
            DecodeError: The body ended in the middle of an event (`truncated` is True, and
                `received` has the beginning of that event). Or the body was no event stream. Or
                an event before the end was broken, and `feed` has not raised that yet.
        """
        if self.error is not None:
            if self._has_raised:
                return []
            self._has_raised = True
            raise self.error
        if self._is_over:
            return []
        self._is_over = True
        if self._beginning is None and not self._framer.buffer:
            return []
        chunks: list[ChunkView] = []
        try:
            self._decode_rest(chunks)
        except DecodeError as error:
            self._fail(error, is_raised=not chunks)
            if not chunks:
                raise
        except BaseException as error:
            self._interrupt(error)
            raise
        return chunks

    def _refusal(self, data: Any) -> DecodeError:
        """Make the error of a decoder that takes no more bytes."""
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
            rule=first.rule,
        )
        again.__cause__ = first
        return again

    def _fail(self, error: DecodeError, *, is_raised: bool) -> None:
        """Note what broke the body, and whether the caller has seen that error."""
        self.error = error
        self._has_raised = is_raised
        self._is_over = True
        self._framer.clear()

    def _interrupt(self, interruption: BaseException) -> None:
        """Note that part of the body may be lost: nothing that follows can be trusted."""
        kind = type(interruption).__name__
        problem = f"the decoder was interrupted ({kind}): part of the body is lost"
        self._fail(DecodeError(problem), is_raised=False)

    def _take_piece(self, piece: bytes, chunks: list[ChunkView]) -> None:
        """Take the next bytes of the body."""
        beginning = self._beginning
        if beginning is not None and beginning.document is not None:
            beginning.takes(piece)
            return
        if self._take_whole(piece, chunks):
            return
        if beginning is not None:
            if beginning.takes(piece):
                return
            beginning.look_at(self._framer.buffer, piece)
        self._take_bytes(piece, chunks)

    def _take_whole(self, piece: bytes, chunks: list[ChunkView]) -> bool:
        """Take a piece if it is exactly one event with data, of the usual form."""
        if self._framer.buffer or len(piece) > self._max_event_bytes:
            return False
        fields = fields_of_one(piece)
        if fields is None or not (fields[1] or self._beginning is None):
            return False
        # `feed` has tried the fast path for what is not longer.
        chunk = self._fast.recognise(piece) if len(piece) > self._usual_size else None
        if chunk is not None:
            chunks.append(chunk)
        else:
            self._take_generally(piece, chunks, fields)
        return True

    def _take_bytes(self, piece: bytes, chunks: list[ChunkView]) -> None:
        """Take bytes of events, and keep the rest."""
        framer = self._framer
        rest = len(framer.buffer)
        if rest > len(piece):
            event, piece = framer.complete(piece)
            if event:
                self._take_event(event, chunks)
        elif rest:
            # To search the rest again takes no longer than to search the piece.
            piece = framer.take_rest() + piece
        if piece:
            self._take_events(piece, chunks)
        if framer.is_too_long:
            self._check_length()

    def _take_events(self, piece: bytes, chunks: list[ChunkView]) -> None:
        """Take bytes that begin with an event, and keep the rest."""
        newline = _newline_of(piece)
        if (
            not newline
            or self._framer.is_after_cr
            or piece.startswith(newline)
            or len(piece) > self._max_event_bytes
        ):
            self._take_framed(piece, chunks)
        elif len(piece) > 2 * _WINDOW:
            # With the rest before it, a window is not longer than two. So this is not done again.
            for at in range(0, len(piece), _WINDOW):
                self._take_bytes(piece[at : at + _WINDOW], chunks)
        else:
            self._take_lines(piece.split(newline), newline, chunks)

    def _take_framed(self, piece: bytes, chunks: list[ChunkView]) -> None:
        for event in self._framer.feed(piece):
            self._take_event(event, chunks)

    def _take_lines(self, lines: list[bytes], newline: bytes, chunks: list[ChunkView]) -> None:
        """Take the events in some lines, and keep the rest.

        To split bytes into lines at once takes a third of the time of looking for the end of each
        event.

        Args:
            lines: The lines, without their line ends. The last one has none.
            newline: Their line end.
            chunks: Where the chunk views go.
        """
        fast = self._fast
        at, last = 0, len(lines) - 1
        while at < last:
            run = fast.run
            if run is not None and lines[at + run.line].startswith(run.opening):
                # It may leave the first event to the general path.
                at = run.decode_lines(lines, at, last, chunks)
            try:
                end = lines.index(b"", at, last) + 1
            except ValueError:
                break
            if end == at + 1:  # there may be many more blank lines
                self._take_framed(newline.join(lines[at:]), chunks)
                return
            self._take_event(newline.join(lines[at:end]) + newline, chunks)
            at = end
        self._framer.keep(newline.join(lines[at:]))

    def _take_event(self, event: bytes, chunks: list[ChunkView]) -> None:
        """Take one event. So `chunks` has those before a broken one."""
        chunk = self._fast.recognise(event)
        if chunk is not None:
            chunks.append(chunk)
        else:
            self._take_generally(event, chunks, fields_of_one(event))

    def _take_generally(self, event: bytes, chunks: list[ChunkView], fields: Fields | None) -> None:
        """Take one event by the general path.

        Args:
            event: The event.
            chunks: Where its chunk view goes.
            fields: Its name and its data, if they are known.
        """
        chunk = self._decode(event, fields)
        if chunk is not None:
            chunks.append(chunk)

    def _check_length(self) -> None:
        """Refuse an event that is too long.

        Raises:
            DecodeError: The event in the buffer is.
        """
        if self._framer.is_too_long:
            problem = f"an event of more than {self._max_event_bytes} bytes"
            raise DecodeError(problem, received=self._framer.rest.strip(b"\r\n"))

    def _decode_rest(self, chunks: list[ChunkView]) -> None:
        """Decode what only the end of the body completes."""
        beginning = self._beginning
        if beginning is not None and beginning.document is not None:
            self._decode_document(beginning.document.body, chunks)
            return
        rest = self._framer.take_rest()
        mistake = None if beginning is None else beginning.mistake_at_end(rest)
        try:
            chunk = self._decode_last(rest)
        except DecodeError:
            if mistake is not None:
                raise mistake from None
            raise
        if chunk is not None:
            chunks.append(chunk)
        elif mistake is not None:
            raise mistake
        elif self._beginning is not None:
            self._beginning.check_end()

    def _decode_document(self, body: bytes, chunks: list[ChunkView]) -> None:
        """Decode a body that is one JSON object."""
        try:
            document = self._loads(body)
        except Exception as error:
            if not _is_about_its_input(error):
                raise
            raise not_a_stream(body) from error
        if document.__class__ is not dict:
            raise not_a_stream(body)
        self._decode_parsed_document(document, chunks)

    def _decode_parsed_document(self, document: dict[str, Any], chunks: list[ChunkView]) -> None:
        # extend keeps those before a broken one
        chunks.extend(decode_object(event, event) for event in events_of_document(document))

    def _decode(self, event: bytes, fields: Fields | None) -> ChunkView | None:
        """Decode one event in the general way. None when it is to be skipped."""
        if self._beginning is not None:
            event = self._beginning.without_mark(event)
        name, payload = fields or fields_of(event)
        try:
            if payload:
                self._beginning = None
                chunk = self._decode_payload(name, payload)
            else:
                chunk = self._decode_without_data(event, name, payload)
        except DecodeError as error:
            error.received = event.strip(b"\r\n")
            raise
        if chunk is not None:
            self._fast.learn(event, payload or b"", chunk)
        return chunk

    def _decode_payload(self, name: bytes, payload: bytes) -> ChunkView | None:
        try:
            value = self._loads(payload)
        except Exception as error:
            if payload.strip() != DONE and not _is_about_its_input(error):
                raise
            value = error
        return self._decode_value(name, value, payload)

    def _decode_value(self, name: bytes, value: Any, payload: bytes) -> ChunkView | None:
        """Decode an event whose data has been parsed; `value` may be the parser's exception."""
        # The usual event says itself what it is. Its line does not matter.
        if value.__class__ is dict and value.get("type").__class__ is str and name != b"error":
            return decode_object(value, payload)
        event = fold(name, value, payload)
        return None if event is None else decode_object(event, payload)

    def _decode_without_data(
        self, event: bytes, name: bytes, payload: bytes | None
    ) -> ChunkView | None:
        """Decode an event without data, or skip it.

        Raises:
            DecodeError: It proves that the body is no event stream.
        """
        folded = fold(name, None, b"")
        if folded is not None:
            self._beginning = None
            return decode_object(folded, b"")
        if payload is not None:
            self._beginning = None
        elif has_only_unknown_fields(event):
            # Unknown fields are legal. Refuse at once only what cannot be meant as a field.
            if event.lstrip()[:1] in (b"{", b"<"):
                raise not_a_stream(event)
            if self._beginning is not None:
                self._beginning.keep(event)
        return None

    def _decode_last(self, rest: bytes) -> ChunkView | None:
        """Decode the last event, which lacks its blank line, if its data is a whole object.

        The fast path must not learn it, or it would take the same bytes for a whole event where
        more lines follow.

        Raises:
            DecodeError: The event is cut off, or broken.
        """
        if self._beginning is not None:
            rest = self._beginning.without_mark(rest)
        name, payload = fields_of(rest)
        has_data = payload is not None and bool(payload.strip())
        if not has_data and self._is_cut(rest, name, payload):
            raise DecodeError(_CUT, received=rest, truncated=True, rule="stream_cut")
        try:
            if payload is None or not has_data:
                return self._decode_without_data(rest, b"", payload)
            self._beginning = None
            return self._decode_last_payload(name, payload)
        except DecodeError as error:
            error.received = rest
            raise

    def _decode_last_payload(self, name: bytes, payload: bytes) -> ChunkView | None:
        value: Any = None
        cause: Exception | None = None
        try:
            value = self._loads(payload)
        except Exception as error:
            if payload.strip() != DONE and not _is_about_its_input(error):
                raise
            cause = error
        if value.__class__ is dict:
            return self._decode_value(name, value, payload)
        if payload.strip() == DONE:
            return None
        refuse_joined(payload)
        raise DecodeError(_CUT, event=payload, truncated=True, rule="stream_cut") from cause

    def _is_cut(self, event: bytes, name: bytes, payload: bytes | None) -> bool:
        """Whether the body ends in the middle of an event, which has no data so far."""
        if payload is not None:
            return bool(name) or not event.endswith((b"\n", b"\r"))
        if self._beginning is not None:
            return self._beginning.is_cut(event)
        return any(field not in (b"", b"id", b"retry") for field, _ in lines_of(event))


def as_bytes(data: Piece) -> bytes:
    """Copy bytes of another kind, since their owner may change them.

    Raises:
        TypeError: It is not bytes of any kind.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"feed takes bytes, got {kind_of(data)}")


def _newline_of(data: bytes) -> bytes:
    """The line end in some bytes: LF or CRLF, or nothing if there are several, or lone CRs."""
    if 0x0D not in data:
        return b"\n"
    ends = data.count(b"\r\n")
    return b"\r\n" if data.count(b"\n") == ends == data.count(b"\r") else b""


_WINDOW = 16 * 1024
"""How many bytes are split into lines at once. That bounds the memory that the lines take."""
_USUAL_SIZE = 512
"""How many bytes most events have, at most."""
_CUT = "the body ends in the middle of an event"


def _is_about_its_input(error: Exception) -> bool:
    """Whether a parser's exception says that the JSON is bad, rather than a time-out or no memory.

    Parsers raise a ValueError, or a class of their own that is named like msgspec's DecodeError.
    """
    if isinstance(error, (ValueError, RecursionError)):
        return True
    return any(cls.__name__.endswith("DecodeError") for cls in type(error).__mro__)
