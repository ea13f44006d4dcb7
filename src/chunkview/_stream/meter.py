"""Meter: the totals of a stream, from its bytes, for programs that pass the bytes on.

Theory of operation. `Meter.feed` only collects. The meter looks at the bytes when there are 32 KiB
of them, and when somebody asks for a total. `_Totals` then takes the events in three ways:

1) Nine of ten events are deltas, and no total depends on the text that they bring. Nor does any
   depend on pings, or on where most blocks start and stop. A regular expression takes all of these
   that follow each other (quiet.py), and the meter only counts them. This is right as soon as the
   message has a block: from then on, such an event cannot be out of order.
2) The JSON of any other event is parsed. The `Head` takes what it says about the message.
3) What is unusual or broken goes to a `ChunkDecoder`, one event at a time. So errors are the same.
   Most streams need none.

No block is kept. Where the order forbids an event, an Accumulator is made that is at the same point
of the stream, so that it says why.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from .._chunks import (
    DELTAS,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    ErrorChunk,
    MessageDeltaChunk,
    MessageStartChunk,
    MessageStopChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    UnknownDeltaChunk,
    decode_object,
)
from .._model import FallbackBlock, Message, ToolUseBlock, loads, maker, refusal_of
from ..errors import ChunkviewError, DecodeError, IncompleteStreamError, clipped
from .accumulate import Accumulator
from .failures import NOTHING_CAME, end_without_message, mistake_of
from .framing import Framer, end_of_event, fields_of
from .head import Head
from .limits import checked_limit
from .quiet import CALL, END, is_delta, quiet_events
from .summary import summary
from .wire import MAX_EVENT_BYTES, ChunkDecoder, as_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import ChunkView
    from .._model import MessageDeltaUsage, Usage
    from ..common import CostMetadata
    from .wire import Piece

__all__ = ["Meter"]


class Meter:
    """Takes the bytes of an event stream, cut anywhere, and keeps the totals.

    It is for programs that pass the bytes on: gateways, proxies, tracers. It costs a fraction of
    decoding the stream, because it does not decode deltas. `feed` and `close` never raise for
    what the bytes say: `error` tells what went wrong. Every attribute can be read at any time.

    The totals are those of an AnthropicStream that reads the same bytes, with one difference: a
    fault inside a delta, such as a string that is no UTF-8, goes unnoticed.

    Besides the totals, a meter holds one event that is still incomplete, at most, and less than 32
    KiB that it has not looked at yet. It belongs to one stream and to one thread.

    Example:
        ```python
        async def relay(response):
            meter = Meter()
            try:
                async for data in response.aiter_bytes():
                    meter.feed(data)
                    yield data
            finally:
                meter.close()
                bill(meter.id, meter.cost_metadata, meter.error)
        ```
    """

    __slots__ = ("_bytes", "_error", "_is_over", "_looked_at", "_totals", "_unread", "_wanted")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        """Make a meter for one stream.

        Args:
            max_event_bytes: How many bytes one event may have, without its blank line. A longer
                one is an error.

        Raises:
            TypeError: `max_event_bytes` is no int.
        """
        checked_limit("max_event_bytes", max_event_bytes)
        self._totals = _Totals(max_event_bytes)
        self._error: ChunkviewError | None = None
        self._is_over = False
        self._bytes = 0
        self._unread = bytearray()
        """What was not looked at, after an event that is still incomplete."""
        self._looked_at = 0
        """How many bytes the meter has looked at, of an event that is still incomplete."""
        self._wanted = _COLLECTED
        """How many bytes to collect before looking at them."""

    def __repr__(self) -> str:
        """The totals, at a bounded length."""
        usage, error = self.usage, self.error
        if usage is None:
            state = f"no message yet, {self.bytes} bytes"
        else:
            name, tools = f"{self.model} {self.id}", self.tool_names
            state = summary(name, self.stop_reason, tools, usage.output_tokens)
        failure = "" if error is None else f", {type(error).__name__}: {clipped(str(error))}"
        return f"<Meter: {state}{failure}>"

    def feed(self, data: Piece) -> None:
        """Take the next bytes of the body. After an error, the meter only counts them.

        Args:
            data: Bytes, cut anywhere.

        Raises:
            TypeError: `data` is not bytes.
        """
        unread = self._unread
        unread += data if data.__class__ is bytes else as_bytes(data)
        if len(unread) >= self._wanted:
            self._catch_up()

    def close(self) -> None:
        """Say that the body has ended. After an error, or once more, this does nothing."""
        self._catch_up()
        if not self._is_over:
            self._is_over = True
            self._run(self._totals.end, bytes(self._unread))

    @property
    def bytes(self) -> int:
        """How many bytes were fed, also after an error."""
        return self._bytes + len(self._unread)

    @property
    def events(self) -> int:
        """How many events came so far: those for which a ChunkDecoder gives a chunk view.

        Pings count, and so does the event of a StreamError or ProtocolError. Comments and `[DONE]`
        do not. A body that is one message counts as the events that amount to it.
        """
        return self._read.events

    @property
    def error(self) -> ChunkviewError | None:
        """Why the meter stopped, or None: the error that AnthropicStream raises.

        It is a StreamError for an error event, a ProtocolError for a second message or for another
        event that the order forbids, a DecodeError for what is no event. After `close`, it is an
        IncompleteStreamError if the stream ended too early. Its `partial` is None: a meter has no
        message.
        """
        self._catch_up()
        return self._error

    @property
    def complete(self) -> bool:
        """Whether the message is finished: `message_stop` or a stop reason has come."""
        return self._read.is_complete

    @property
    def id(self) -> str | None:
        """The message's id, or None."""
        return self._read.head.id or None

    @property
    def model(self) -> str | None:
        """The model that answers, or None."""
        return self._read.head.model or None

    @property
    def stop_reason(self) -> str | None:
        """Why generation ended, or None while it goes on."""
        return self._read.head.stop_reason or None

    @property
    def usage(self) -> Usage | None:
        """The usage so far, in tokens; None before `message_start`."""
        return self._read.head.usage

    @property
    def cost_metadata(self) -> CostMetadata:
        """The facts that a price calculation needs, as far as they are known. Never None."""
        return self._read.cost_metadata

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The names of the calls of the caller's own tools, in the order in which they began.

        They are those of `Message.tool_calls`, so without server tools. Some servers send a call
        twice. A meter does not know the input of a call, so of several with one id and one name,
        the first counts. A call without an id counts whenever it starts.
        """
        return tuple(self._read.tool_names)

    @property
    def _read(self) -> _Totals:
        """The totals of all that was fed."""
        self._catch_up()
        return self._totals

    def _catch_up(self) -> None:
        """Look at what was collected."""
        unread = self._unread
        if len(unread) == self._looked_at:
            return
        data = bytes(unread)
        unread.clear()
        self._bytes += len(data)
        rest = b"" if self._is_over else self._run(self._totals.take_bytes, data)
        if rest:
            unread += rest
            self._bytes -= len(rest)
        self._looked_at = len(unread)
        self._wanted = self._looked_at + _COLLECTED

    def _run(self, step: Callable[[Any], Any], data: Any) -> Any:
        """Take a step. If it fails, stop and say why."""
        try:
            return step(data)
        except ChunkviewError as error:
            self._is_over = True
            self._error = self._totals.final_error(error)
        except BaseException as interruption:
            self._is_over = True
            kind = type(interruption).__name__
            problem = f"the meter was interrupted ({kind}): bytes are lost"
            self._error = DecodeError(problem)
            raise
        return b""


class _Totals:
    """What a meter knows of a stream.

    Attributes:
        head: The message but for its content.
        events: As for `Meter`.
        tool_names: As for `Meter`.
        skips_deltas: Whether a delta makes no difference: the message has content, and goes on.
    """

    __slots__ = (
        "_decoder",
        "_fallbacks",
        "_framer",
        "_has_content",
        "_has_started",
        "_is_beginning",
        "_is_past_beginning",
        "_is_stopped",
        "_kept",
        "_max_event_bytes",
        "_mistake",
        "_tools",
        "_unknown_counts",
        "events",
        "head",
        "skips_deltas",
        "tool_names",
    )

    def __init__(self, max_event_bytes: int) -> None:
        self.head = Head()
        self.events = 0
        self.tool_names: list[str] = []
        self.skips_deltas = False
        self._max_event_bytes = max_event_bytes
        self._framer = Framer(max_event_bytes)
        self._decoder: ChunkDecoder | None = None
        """Gets the events that need it, one at a time, and the end of the body."""
        self._is_past_beginning = False
        """Whether an event with data has come."""
        self._has_started = False
        """Whether message_start has come."""
        self._is_beginning = False
        """Whether message_start was the last event of the message."""
        self._has_content = False
        """Whether the message has a block, a fallback block too."""
        self._is_stopped = False
        """Whether message_stop has come."""
        self._mistake = NOTHING_CAME
        """As that of an Accumulator."""
        self._tools: set[tuple[str, str]] = set()
        """The id and the name of each tool call that has an id."""
        self._fallbacks: dict[int, tuple[str, str]] = {}
        """The two models of each fallback block that is open, by its index."""
        self._unknown_counts: dict[str, int] = {}
        """How many characters each unknown count takes, with its name."""
        self._kept = 0
        """How many characters these take, at most."""

    @property
    def is_complete(self) -> bool:
        """Whether the message is finished."""
        return self._is_stopped or bool(self.head.stop_reason)

    @property
    def cost_metadata(self) -> CostMetadata:
        """The same as that of the message."""
        return self.head.cost_metadata(is_complete=self.is_complete)

    # -- bytes to events -----------------------------------------------------------------------

    def take_bytes(self, data: bytes) -> bytes:
        """Take the next bytes of the body.

        Returns:
            The beginning of an event that is still incomplete. It belongs before the next bytes.

        Raises:
            ChunkviewError: The stream ends here.
        """
        framer = self._framer
        if framer.buffer and self.skips_deltas and len(framer.buffer) <= _MAX_JOINED:
            data = framer.rest + data
            framer.clear()
        if framer.buffer:
            event, data = framer.complete(data)
            if framer.is_too_long:
                self._take_chunks(framer.rest)
            if not event:
                return b""
            self._take_event(event)
        size = len(data)
        if size > self._max_event_bytes:
            self._take_framed(data)
            return b""
        line_end = "\r\n" if 0x0D in data else "\n"
        start = 0
        while start < size and (end := self._take_next(data, start, line_end)) > start:
            start = end
        rest = data[start:]
        if size - start > _MAX_JOINED or 0x0D in rest or rest.startswith(b"\n"):
            self._take_framed(rest)
            return b""
        return rest

    def _take_next(self, data: bytes, start: int, line_end: str) -> int:
        """Take the event that begins at `start`, and those after it that tell no total.

        Returns:
            Where the rest begins: `start` if there is no whole event.
        """
        if self.skips_deltas or (self._is_beginning and data.startswith(_BLOCK_STARTS, start)):
            is_named = data.startswith(b"event:", start)
            found = quiet_events(line_end, is_named).match(data, start, start + _WINDOW)
            if found is not None and found.end() > start and not self._fallbacks:
                self._take_quiet(found, 3 if is_named else 2)
                return found.end()
        end = end_of_event(data, start, line_end.encode() * 2)
        if end < 0:
            return start
        if end - start < _SHORTEST and (more := _BLANK_LINES.match(data, end)):
            end = more.end()
        event = data[start:end]
        if event[0] in b"\r\n" or 0x0D in event:  # it may not be one event
            self._take_framed(event)
        else:
            self._take_event(event)
        return end

    def _take_quiet(self, found: re.Match[bytes], lines: int) -> None:
        """Take events that tell no total, and what may follow them.

        Args:
            found: A match of `quiet_events`.
            lines: How many lines each event has.
        """
        self.events += found.string.count(b"\n", found.start(), found.end()) // lines
        self._is_beginning = False
        self._has_content = self.head.has_content = self.skips_deltas = True
        if found.lastindex == CALL:
            self._note_tool(found[2].decode(), found[3].decode())
        elif found.lastindex == END:
            self._is_stopped = True
            self.skips_deltas = False

    def _take_framed(self, data: bytes) -> None:
        framer = self._framer
        for event in framer.feed(data):
            self._take_event(event)
        if framer.is_too_long:
            self._take_chunks(framer.rest)

    def _take_event(self, event: bytes) -> None:
        """Take an event by its JSON."""
        chunk = self._decoded(event)
        if chunk is None:
            self._take_chunks(event)
        elif chunk is _SKIPPED:
            self.events += 1
        else:
            self._take(chunk)

    def _decoded(self, event: bytes) -> Any:
        """Decode an event as a ChunkDecoder does that has seen the events before it.

        Returns:
            Its chunk view; `_SKIPPED` if no total depends on the event; None if a ChunkDecoder has
            to see it, since it is unusual or broken.
        """
        if not self._is_past_beginning and (
            self._decoder is not None or not event.startswith((b"event:", b"data:"))
        ):
            return None
        name, payload = fields_of(event)
        if not payload or name == b"error":
            return None
        try:
            value = loads(payload)
            if value.__class__ is not dict or value.get("type").__class__ is not str:
                return None
            if self.skips_deltas and _is_skipped(value):
                return _SKIPPED
            chunk = decode_object(value, payload)
        except DecodeError:
            return _SKIPPED if self.skips_deltas and is_delta(event) else None
        self._is_past_beginning = True
        return chunk

    def _take_chunks(self, data: bytes) -> None:
        for chunk in self._made_decoder().feed(data):
            self._is_past_beginning = True
            self._take(chunk)

    def _made_decoder(self) -> ChunkDecoder:
        """The decoder. It is made when it is needed first."""
        if self._decoder is None:
            self._decoder = ChunkDecoder(max_event_bytes=self._max_event_bytes)
            if self._is_past_beginning:
                self._decoder.feed(_PING)
        return self._decoder

    def end(self, rest: bytes) -> bytes:
        """Take the end of the body.

        Args:
            rest: The beginning of an event that is still incomplete.

        Returns:
            Nothing.

        Raises:
            ChunkviewError: The stream should not end here.
        """
        rest = rest or self._framer.rest
        if rest:
            self._take_chunks(rest)
        if self._decoder is not None or not self._is_past_beginning:
            decoder = self._made_decoder()
            for chunk in decoder.close():
                self._take(chunk)
            if decoder.error is not None:  # it followed these
                raise decoder.error
        if not self._has_started:
            raise end_without_message(self._mistake)
        if not self.is_complete:
            self._accumulator().finish()
        return b""

    # -- events to totals ----------------------------------------------------------------------

    def _take(self, chunk: Any) -> None:
        self.events += 1
        kind = chunk.__class__
        if kind is MessageStartChunk:
            self._start(chunk)
        elif kind in _OF_MESSAGE:
            if not self._has_started or (self._is_stopped and kind in _CONTENT):
                self._refuse(chunk)
            self._is_beginning = False
            if kind is MessageDeltaChunk:
                self._update(chunk)
            elif kind is MessageStopChunk:
                self._is_stopped = True
            elif kind in _BEGIN_BLOCKS:
                self._has_content = True
                self.head.note_block(getattr(chunk, "content_block", None))
                if kind is ContentBlockStartChunk:
                    self._note_block(chunk.index, chunk.content_block)
            elif kind is ContentBlockStopChunk:
                self._fallbacks.pop(chunk.index, None)
            self.skips_deltas = self.head.has_content and not self._is_stopped
        elif kind is ErrorChunk:
            self._refuse(chunk)
        elif not self._has_started:
            self._mistake = mistake_of(chunk, self._mistake)

    def _start(self, chunk: MessageStartChunk) -> None:
        message, old = chunk.message, self.head.id
        if self._has_started and (
            not self._is_beginning or (old and message.id and old != message.id)
        ):
            self._refuse(chunk)
        self._has_started = self._is_beginning = True
        self.head.start(_shortened(message))
        self._keep_unknown_counts(message.usage)
        # Of a repeated message_start, the content counts if there is none yet.
        if not self._has_content:
            self._has_content = bool(message.content)
            for block in message.content:
                self.head.note_block(block)
                if isinstance(block, ToolUseBlock):
                    self._note_tool(block.id, block.name)

    def _update(self, chunk: MessageDeltaChunk) -> None:
        usage = chunk.usage
        # Without the event: the head would look for unknown keys of the message.
        details = _shortened_details(chunk.stop_details)
        self.head.update(_new_delta()(chunk.stop_reason, usage, details, None))
        if usage is not None:
            self._keep_unknown_counts(usage)
        if chunk.stop_reason:  # no block is open any longer
            self._fallbacks.clear()

    def _note_block(self, index: int, block: Any) -> None:
        if isinstance(block, ToolUseBlock):
            self._note_tool(block.id, block.name)
        elif isinstance(block, FallbackBlock):
            models = (block.from_.model, block.to.model)
            if self._fallbacks.get(index) != models:  # else its start is repeated
                self._keep(sum(map(len, models)))
                self._fallbacks[index] = models
                self.head.change_model(block.to.model)

    def _note_tool(self, tool_id: str, name: str) -> None:
        key = (tool_id, name)
        if key in self._tools:
            return
        self._keep(len(tool_id) + len(name))
        self.tool_names.append(name)
        if tool_id:
            self._tools.add(key)

    def _keep_unknown_counts(self, usage: Usage | MessageDeltaUsage) -> None:
        for name, value in usage.extra.items():
            size = len(name) + len(repr(value))
            self._keep(size - self._unknown_counts.get(name, 0))
            self._unknown_counts[name] = size

    def _keep(self, size: int) -> None:
        """Bound what ever new names can take.

        Raises:
            DecodeError: It is too much.
        """
        self._kept += size
        if self._kept > _MAX_KEPT:
            raise DecodeError(f"tools and counts whose names take more than {_MAX_KEPT} characters")

    # -- errors --------------------------------------------------------------------------------

    def _refuse(self, chunk: ChunkView) -> None:
        """Raise what an accumulator raises, which does not take this event either.

        Raises:
            StreamError: It is an error event.
            ProtocolError: The order of events forbids it.
        """
        self._accumulator().add(chunk)

    def _accumulator(self) -> Accumulator:
        """Make an accumulator that is at the same point of the stream."""
        accumulator = Accumulator()
        message = self.head.message()
        if message is not None:
            accumulator.add(MessageStartChunk(message))
            if not self._is_beginning:
                accumulator.add(ContentBlockStopChunk(0))
            if self._is_stopped:
                accumulator.add(MessageStopChunk())
        return accumulator

    def final_error(self, error: ChunkviewError) -> ChunkviewError | None:
        """The error that AnthropicStream raises where a step raised one."""
        if isinstance(error, DecodeError) and error.truncated:
            if self.is_complete:
                return None
            incomplete = IncompleteStreamError(f"the stream ended early: {error}")
            incomplete.__cause__ = error
            return incomplete
        error.partial = None
        return error.with_traceback(None)


def _shortened(message: Message) -> Message:
    """A message without what no total depends on."""
    if not message.content and not message.extra:
        return message
    details = _shortened_details(message.stop_details)
    return Message(
        message.id, message.model, (), message.usage, message.stop_reason, stop_details=details
    )


def _shortened_details(details: dict[str, Any] | None) -> dict[str, Any] | None:
    """The details of a stop, without what the price does not depend on."""
    return None if details is None else {"category": refusal_of("refusal", details) or None}


def _is_skipped(value: dict[str, Any]) -> bool:
    """Whether the JSON of an event says that no total depends on it."""
    kind = value["type"]
    if kind not in _SKIPPED_TYPES:
        return False
    index: Any = value.get("index")
    if index.__class__ is not int or index < 0:
        return False
    if kind == "content_block_delta":
        return value.get("delta").__class__ is dict
    # Nothing inside the result of a tool can be wrong, and most are long.
    block: Any = value.get("content_block")
    tag = block.get("type") if block.__class__ is dict else None
    return isinstance(tag, str) and tag.endswith("_tool_result")


_SKIPPED = object()
_SKIPPED_TYPES = frozenset({"content_block_delta", "content_block_start"})
_PING = b'data: {"type":"ping"}\n\n'
"""Tells a decoder that this is an event stream."""


@functools.cache
def _new_delta() -> Callable[..., MessageDeltaChunk]:
    return maker(MessageDeltaChunk, "stop_reason", "usage", "stop_details", "stop_sequence")


_BEGIN_BLOCKS = frozenset({ContentBlockStartChunk, TextDeltaChunk, ThinkingDeltaChunk})
"""The events that begin a block, if there is none."""
_CONTENT = _BEGIN_BLOCKS.union(DELTAS.values(), (UnknownDeltaChunk,))
"""The events that may not come after message_stop."""
_OF_MESSAGE = _CONTENT.union((ContentBlockStopChunk, MessageDeltaChunk, MessageStopChunk))
"""The events that need a message."""

_COLLECTED = 32 * 1024
"""How many bytes to collect before looking at them."""
_MAX_JOINED = 16 * 1024
"""How long an incomplete event may be to be joined with what follows: that copies it."""
_WINDOW = 64 * 1024
"""How many bytes the regular expression sees at once. It takes memory for each event."""
_BLOCK_STARTS = (
    b"event: content_block_start",
    b'data: {"type":"content_block_start"',
    b'data: {"type": "content_block_start"',
)
_SHORTEST = 5
"""How many bytes an event with a field has, at least."""
_BLANK_LINES = re.compile(rb"[\r\n]+")
_MAX_KEPT = 16 * 1024 * 1024
"""How many characters a stream of ever new names may make a meter keep."""
