"""Bytes of an event stream to chunk views, without any input or output of its own.

`ChunkDecoder` takes the bytes as they come, however they are cut, and gives the chunk views that
they complete. It knows nothing of connections, and it does not judge the order of events.

The framing is that of the WHATWG: lines end in LF, CR or CRLF; a blank line ends an event; the
`data` lines of an event are joined. Source:
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

Two paths give the same chunks. The general one cuts the bytes into events and parses each one's
JSON. The fast one (`_run`) recognises the next delta of a block by the bytes that it begins with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._json import bounding, default_loads, stdlib_loads
from ._run import CLOSES, CLOSES_AND_BLANK_LINE, OPENINGS, Run, recalled
from .chunks import (
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    MessageStopChunk,
    PingChunk,
)
from .decode import decode, decode_object
from .errors import DecodeError, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

    from .call_response_chunk import AnthropicCallResponseChunk, MessageStreamEvent

    Piece = bytes | bytearray | memoryview

__all__ = ["MAX_EVENT_BYTES", "ChunkDecoder", "aiter_chunks", "iter_chunks"]

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""How many bytes one event may have, unless the caller says otherwise: 64 MiB."""

_BOM = b"\xef\xbb\xbf"
_DONE = b"[DONE]"  # the end mark of OpenAI's streams, which some gateways append
_FIELDS = frozenset((b"data", b"event", b"id", b"retry"))


class ChunkDecoder:
    """Decodes the bytes of an event stream, cut anywhere, into chunk views.

    The same decoder serves httpx, aiohttp, requests, urllib3 and files, sync or async: whoever
    reads the bytes feeds them. The time taken is linear in the bytes, whether they come one by
    one or 50 MB at once.

    A decoder that has raised is of no further use: what follows a broken event cannot be
    trusted, so feeding it again raises again.

    Example:
        ```python
        decoder = ChunkDecoder()
        for data in response.iter_bytes():
            for chunk in decoder.feed(data):
                print(chunk.content, end="")
        decoder.close()
        ```
    """

    __slots__ = (
        "_after_cr",
        "_begun",
        "_buffer",
        "_foreign",
        "_learned",
        "_loads",
        "_max_event_bytes",
        "_may_run",
        "_over",
        "_run",
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
                parser of your own replaces both and brings its own rules; what it raises becomes
                the cause of a DecodeError.
            max_event_bytes: How many bytes one event may have. This bounds the memory that a
                stream without end can take.
        """
        self._loads = default_loads() if loads is None else bounding(loads)
        self._max_event_bytes = max_event_bytes
        # A caller's own parser shall see every event.
        self._may_run = loads is None or loads is stdlib_loads
        self._buffer = bytearray()
        self._after_cr = False
        self._begun = False
        self._foreign = bytearray()
        self._learned: object = None
        self._run: Run | None = None
        self._over = ""

    def feed(self, data: Piece) -> list[AnthropicCallResponseChunk]:
        """Take the next bytes of the body.

        Args:
            data: Bytes, cut anywhere.

        Returns:
            The chunk views of the events that these bytes complete, in order. The `chunk` of each
            is its payload: the bytes of the event's JSON.

        Raises:
            DecodeError: An event is invalid UTF-8, invalid JSON or no event, or is longer than
                `max_event_bytes`, or the body is no event stream. `received` is that event's
                bytes, and `chunks` holds the chunk views that this call had decoded before it.
            TypeError: `data` is not bytes.
        """
        piece: Any = data if data.__class__ is bytes else as_bytes(data)
        run = self._run
        if run is not None and piece.startswith(run.start) and not (self._buffer or self._after_cr):
            # One event at a time is how the API sends, and how most clients read.
            chunk = run.decode(piece, CLOSES_AND_BLANK_LINE, -2)
            if chunk is not None and len(piece) <= self._max_event_bytes:
                return [chunk]
        if self._over:
            raise DecodeError(f"nothing can be fed any more: {self._over}", received=piece)
        # An int is found by memchr; bytes would be taken for one first, at ten times the cost.
        if 0x0D in piece or self._after_cr:
            piece = self._with_lf(piece)
        if self._buffer:
            # A blank line that these bytes complete begins with the last byte before them, at
            # the earliest: nothing is searched twice.
            searched = len(self._buffer) - 1
            self._buffer += piece
            if self._buffer.find(b"\n\n", searched) < 0:
                return self._wait([])
            piece = bytes(self._buffer)
            self._buffer.clear()
        chunks: list[AnthropicCallResponseChunk] = []
        start, size = 0, len(piece)
        while start < size:
            end = _end_of_event(piece, start)
            if end < 0:
                self._buffer += piece[start:]
                return self._wait(chunks)
            self._decode(piece[start:end], chunks)
            start = end + 2
        return chunks

    def close(self) -> list[AnthropicCallResponseChunk]:
        """Say that the body has ended.

        Returns:
            The chunk view of a last event that lacks its blank line but is whole, else nothing.
            Nothing too when the decoder was closed before.

        Raises:
            DecodeError: The body ended in the middle of an event (`truncated` is True and
                `received` holds what came of it), or was no event stream, or the decoder has
                raised before.
        """
        if self._over:
            if self._over == _CLOSED:
                return []
            raise DecodeError(f"nothing can be closed any more: {self._over}")
        rest = bytes(self._buffer)
        self._buffer.clear()
        chunks: list[AnthropicCallResponseChunk] = []
        self._decode(rest, chunks, at_end=True)
        if self._foreign and not self._begun:
            foreign = bytes(self._foreign)
            raise self._failure(DecodeError(_not_a_stream(foreign)), foreign, [])
        self._run = None
        self._over = _CLOSED
        return chunks

    def _with_lf(self, data: bytes) -> bytes:
        """Turn every line ending into LF, also one that is split between two feeds."""
        if not data:
            return data
        ends_with_cr = data.endswith(b"\r")
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._after_cr = ends_with_cr
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _wait(self, chunks: list[AnthropicCallResponseChunk]) -> list[AnthropicCallResponseChunk]:
        """Wait for the rest of an event, unless it is too long already."""
        # A last LF may be the first of the two that end the event, which are no part of it.
        if len(self._buffer) - self._buffer.endswith(b"\n") > self._max_event_bytes:
            raise self._failure(self._too_long(), bytes(self._buffer), chunks)
        return chunks

    def _too_long(self) -> DecodeError:
        return DecodeError(f"an event of more than {self._max_event_bytes} bytes")

    def _failure(
        self, error: DecodeError, received: bytes, chunks: list[AnthropicCallResponseChunk]
    ) -> DecodeError:
        """Give the error what was received, and refuse all that follows."""
        error.received = received
        error.chunks = chunks
        self._over = f"the decoder has raised ({error})"
        self._run = None
        self._buffer.clear()
        return error

    def _decode(
        self, block: bytes, chunks: list[AnthropicCallResponseChunk], *, at_end: bool = False
    ) -> None:
        """Decode the lines of one event, without the blank line that ends it, into `chunks`."""
        run = self._run
        if run is not None and block.startswith(run.start):
            chunk = run.decode(block, CLOSES, None)
            if chunk is not None and len(block) <= self._max_event_bytes:
                chunks.append(chunk)
                return
        if not self._begun and block.startswith(_BOM):
            block = block[len(_BOM) :]
        try:
            if len(block) > self._max_event_bytes:
                raise self._too_long()
            shared = _SHARED.get(block) if len(block) < _SHORT and self._may_run else None
            if shared is not None:
                self._begun = True
                chunks.append(shared)
                return
            payload = _payload(block)
            if not payload:
                self._pass_over(block, payload, at_end=at_end)
                return
            self._begun = True
            chunk = self._decode_payload(payload, at_end=at_end)
        except DecodeError as error:
            raise self._failure(error, block, chunks) from error.__cause__
        if chunk is None:
            return
        chunks.append(chunk)
        if self._may_run:
            if isinstance(chunk, ContentBlockStartChunk):
                self._run = recalled(chunk.content_block.type, chunk.index) or self._run
            elif chunk.type == "content_block_delta":
                self._learn(block, payload, chunk)
            elif chunk.__class__ in _BARE and len(block) < _SHORT and len(_SHARED) < _MAX_SHARED:
                _SHARED[block] = chunk

    def _decode_payload(self, payload: bytes, *, at_end: bool) -> AnthropicCallResponseChunk | None:
        try:
            event = self._loads(payload)
        except Exception as error:
            # Any exception: a caller's parser has errors of its own.
            if payload.strip() == _DONE:
                return None
            raise _unreadable(payload, error, at_end=at_end) from error
        if event.__class__ is not dict:
            raise DecodeError(f"expected object, got {kind_of(event)}", event=payload)
        return decode_object(event, payload)

    def _pass_over(self, block: bytes, payload: bytes | None, *, at_end: bool) -> None:
        """Pass over lines that hold no data, unless they show that something is wrong."""
        if payload is not None:
            self._begun = True
            if at_end and not block.endswith(b"\n"):
                raise DecodeError(_CUT, truncated=True)
            return
        names = {line.partition(b":")[0] for line in block.split(b"\n") if line}
        if at_end and self._is_cut(block, names):
            raise DecodeError(_CUT, truncated=True)
        if not names or names & _FIELDS or b"" in names:
            return
        # Unknown fields are legal, so only what cannot be meant as one is refused at once.
        if block.lstrip()[:1] in (b"{", b"<"):
            raise DecodeError(_not_a_stream(block))
        if not self._begun:
            self._foreign += block if at_end else block + b"\n\n"
            if len(self._foreign) > self._max_event_bytes:
                raise DecodeError(_not_a_stream(bytes(self._foreign)))

    def _is_cut(self, block: bytes, names: set[bytes]) -> bool:
        """Whether the lines at the end of a body are the beginning of an event."""
        if self._begun:
            return not names <= {b"", b"id", b"retry"}
        last = block[block.rfind(b"\n") + 1 :]
        beginnings = (_BOM, *_FIELDS)
        return b"event" in names or any(last and name.startswith(last) for name in beginnings)

    def _learn(self, block: bytes, payload: bytes, chunk: AnthropicCallResponseChunk) -> None:
        """Find out how the next delta of the same block will begin."""
        delta_type = getattr(chunk, "delta_type", None)
        if delta_type not in OPENINGS:
            return
        index: int = getattr(chunk, "index")  # noqa: B009 - every delta has one
        if self._learned != (delta_type, index):  # else tried before, and in vain
            self._learned = (delta_type, index)
            head = block[: -len(payload)]
            # The payload is a line of its own, the last one, only if what precedes it has no data.
            alone = block.endswith(payload) and _payload(head) == b""
            self._run = Run.after(head, payload, delta_type, index) if alone else None


_CLOSED = "the decoder was closed"
_CUT = "the body ends in the middle of an event"


def as_bytes(data: Piece) -> bytes:
    """Copy bytes of another kind, since their owner may change them.

    Raises:
        TypeError: It is not bytes of any kind.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return bytes(data)
    raise TypeError(f"feed takes bytes, got {kind_of(data)}")


def _not_a_stream(body: bytes) -> str:
    start = body.strip()[:80].decode(errors="replace")
    return f"the body is no event stream; it begins with {start!r}"


# Events that hold next to nothing come as the same bytes again and again, in every stream. Since
# chunk views cannot be changed, one serves for all: 5% less for a recorded stream
# (benchmarks/test_wire.py).
_BARE = (ContentBlockStopChunk, MessageStopChunk, PingChunk)
_SHORT = 128  # bytes
_MAX_SHARED = 512
_SHARED: dict[bytes, AnthropicCallResponseChunk] = {}


def _end_of_event(data: bytes, start: int) -> int:
    """Find the blank line that ends an event: the place of the first of its two LFs, or -1."""
    end = data.find(b"\n\n", start, start + _NEAR)
    if end >= 0:
        return end
    # From line to line, by memchr: looking for two bytes takes 20 times as long on a long line.
    end = data.find(b"\n", start + _NEAR - 1)
    while end >= 0 and not data.startswith(b"\n", end + 1):
        end = data.find(b"\n", end + 1)
    return end


_NEAR = 512


def _unreadable(payload: bytes, error: Exception, *, at_end: bool) -> DecodeError:
    """Say that a payload is no JSON, or no whole one where the body ends."""
    if at_end:
        return DecodeError(_CUT, event=payload, truncated=True)
    if isinstance(error, DecodeError):
        return DecodeError(error.problem, event=payload)
    return DecodeError(f"invalid JSON: {error}", event=payload)


def _payload(block: bytes) -> bytes | None:
    """Join the data of an event's lines; None when there is no data line."""
    # What the API sends: an event line, one data line.
    event, _, payload = block.partition(b"\ndata: ")
    if event.startswith(b"event: ") and 0x0A not in payload and 0x0A not in event:
        return payload or _payload_of_lines(block)
    return _payload_of_lines(block)


def _payload_of_lines(block: bytes) -> bytes | None:
    data = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value[1:] if value.startswith(b" ") else value)
    return b"\n".join(data) if data else None


def iter_chunks(
    source: Iterable[MessageStreamEvent] | Piece,
    *,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Iterator[AnthropicCallResponseChunk]:
    """Decode a stream, whatever it comes as.

    Args:
        source: One whole body as bytes, or an iterable: of pieces of a body (bytes, cut
            anywhere), or of events (mappings, JSON text as `str`, objects of the SDK, chunk
            views).
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Yields:
        The chunk views, in order. Those that came before a broken event are yielded before the
        error is raised.

    Raises:
        DecodeError: As for `ChunkDecoder.feed` and `close`, and `decode`.
        TypeError: The source is a str, such as the path of a file.
    """
    intake = Intake(loads=loads, max_event_bytes=max_event_bytes)
    for item in items_of(source):
        yield from intake.take(item)
        intake.check()
    yield from intake.end()
    intake.check()


async def aiter_chunks(
    source: AsyncIterable[MessageStreamEvent] | Iterable[MessageStreamEvent] | Piece,
    *,
    loads: Callable[[bytes], Any] | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> AsyncIterator[AnthropicCallResponseChunk]:
    """Decode an asynchronous stream, whatever it comes as.

    Args:
        source: As for `iter_chunks`, or an asynchronous iterable of the same items.
        loads: As for `ChunkDecoder`; for bytes only.
        max_event_bytes: As for `ChunkDecoder`.

    Yields:
        The chunk views, in order. Those that came before a broken event are yielded before the
        error is raised.

    Raises:
        DecodeError: As for `ChunkDecoder.feed` and `close`, and `decode`.
        TypeError: The source is a str, such as the path of a file.
    """
    items: Any = source
    if not hasattr(items, "__aiter__"):
        for chunk in iter_chunks(items, loads=loads, max_event_bytes=max_event_bytes):
            yield chunk
        return
    intake = Intake(loads=loads, max_event_bytes=max_event_bytes)
    async for item in items:
        for chunk in intake.take(item):
            yield chunk
        intake.check()
    for chunk in intake.end():
        yield chunk
    intake.check()


def items_of(source: Any) -> Any:
    """Give the items of a source: one whole body is its own only item.

    Raises:
        TypeError: The source is a str, such as the path of a file.
    """
    if isinstance(source, str):
        raise TypeError("a str is no stream: give bytes, or an open file (open(path, 'rb'))")
    return (source,) if isinstance(source, (bytes, bytearray, memoryview)) else source


def _decode_one(event: Any) -> list[AnthropicCallResponseChunk]:
    """Decode an event in the shape of `ChunkDecoder.feed`, for `Intake` to treat both alike."""
    return [decode(event)]


class Intake:
    """Takes the items of a source, pieces of a body or events, and gives chunk views.

    What the synchronous and the asynchronous iterators have in common. An error is held back
    until `check`, so that the chunk views before it are handed out first.
    """

    __slots__ = ("_decoder", "_error", "_options")

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._decoder: ChunkDecoder | None = None
        self._error: DecodeError | None = None

    def take(self, item: Any) -> list[AnthropicCallResponseChunk]:
        """Take one item of the source."""
        if not isinstance(item, (bytes, bytearray, memoryview)):
            return self._held_back(_decode_one, item)
        if self._decoder is None:
            self._decoder = ChunkDecoder(**self._options)
        return self._held_back(self._decoder.feed, item)

    def end(self) -> list[AnthropicCallResponseChunk]:
        """The source has ended."""
        return [] if self._decoder is None else self._held_back(self._decoder.close)

    def check(self) -> None:
        """Raise the error that was held back.

        Raises:
            DecodeError: There was one.
        """
        if self._error is not None:
            error, self._error = self._error, None  # else the two would hold each other
            raise error

    def _held_back(
        self, step: Callable[..., list[AnthropicCallResponseChunk]], *args: Any
    ) -> list[AnthropicCallResponseChunk]:
        try:
            return step(*args)
        except DecodeError as error:
            self._error = error
            chunks, error.chunks = error.chunks, []
            return chunks
