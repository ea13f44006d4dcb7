"""The fast path of the decoder: events that need no JSON parser, recognised by their bytes.

Successive deltas of a block share their leading bytes, up to the string that each one brings. Once
one delta has shown these bytes (a *run*), only the strings of the others have to be parsed. That
makes a stream of text four times as fast with the standard library, and twice as fast with msgspec
(`one long text` in benchmarks/test_wire.py). Stop and ping events are byte-identical in every
stream. Chunks are immutable, so one instance serves them all: 5% less for a recorded stream.

What is remembered only saves time. A run is used only after it has been proven to mean the same as
the general path for every string, so one stream cannot change how another one decodes.
"""

from __future__ import annotations

import functools
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from .._chunks import (
    STRING_DELTAS,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    MessageStopChunk,
    PingChunk,
    decode,
)
from ..errors import DecodeError
from .framing import data_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import ChunkView

__all__ = ["MEMORY", "FastPath", "Memory", "Run"]


class FastPath:
    """Recognises the events of one stream.

    Attributes:
        run: How the next delta will probably begin, or None.
    """

    __slots__ = ("_bare_events", "_memory", "_tried", "run")

    def __init__(self, memory: Memory | None = None) -> None:
        """Make a fast path for one stream.

        Args:
            memory: What earlier streams have shown; that of this process unless given.
        """
        self._memory = MEMORY if memory is None else memory
        # The first event of a stream always takes the general path.
        self._bare_events: dict[bytes, ChunkView] = {}
        self._tried: object = None
        self.run: Run | None = None

    def recognise(self, event: bytes) -> ChunkView | None:
        """Decode an event that is known by its bytes.

        Args:
            event: The bytes of one event, with its blank line.

        Returns:
            The chunk view, or None when only the general path can read the event.
        """
        run = self.run
        if run is not None and event.startswith(run.start):
            return run.decode(event)
        return self._bare_events.get(event) if len(event) < _SHORT else None

    def learn(self, event: bytes, payload: bytes, chunk: ChunkView) -> None:
        """Look at an event that the general path has decoded.

        Args:
            event: The bytes of the event, with its blank line.
            payload: The event's JSON.
            chunk: The chunk view.
        """
        self._bare_events = self._memory.bare_events
        kind = chunk.__class__
        if kind is ContentBlockStartChunk:
            block_type, index = chunk.content_block.type, chunk.index  # type: ignore[union-attr]
            self.run = self._memory.recall(block_type, index) or self.run
        elif chunk.type == "content_block_delta":
            delta_type, index = chunk.delta_type, chunk.index  # type: ignore[union-attr]
            # What has been tried in vain is not tried again for each delta.
            if delta_type in OPENINGS and self._tried != (delta_type, index):
                self._tried = (delta_type, index)
                head = event.rstrip(b"\r\n")[: -len(payload)]
                # The payload must be a line of its own, and the only data line.
                alone = event.startswith(payload, len(head)) and data_of(head) == b""
                self.run = self._memory.learn(head, payload, delta_type, index) if alone else None
        elif kind in _BARE and len(event) < _SHORT:
            self._memory.keep(event, chunk)


class NoFastPath:
    """The fast path of a decoder that has none: a parser of the caller's own sees every event."""

    __slots__ = ()

    def recognise(self, event: bytes) -> None:
        """Recognise nothing."""

    def learn(self, event: bytes, payload: bytes, chunk: ChunkView) -> None:
        """Learn nothing."""


class Run:
    """The deltas of one block, which begin with the same bytes up to the string they bring.

    Attributes:
        start: The lines of the event up to and with the quote that opens the string.
        head: Where in these the payload begins.
        index: The block.
    """

    __slots__ = ("_length", "_make", "head", "index", "start")

    def __init__(
        self,
        start: bytes,
        head: int,
        make: Callable[..., ChunkView],
        index: int,
    ) -> None:
        self.start = start
        self.head = head
        self.index = index
        self._length = len(start)
        self._make = make

    def decode(self, event: bytes) -> ChunkView | None:
        """Decode one event that begins with `start`.

        Args:
            event: Bytes that begin with `start`; perhaps one event with its blank line.

        Returns:
            The chunk view, or None when the bytes are not exactly one event of this run.
        """
        try:
            text = event[self._length :].decode()
            value, end = scanstring(text, 0)
        except ValueError:
            return None
        # A line cannot end inside a JSON string, so this is the only data line.
        close = text[end:]
        newlines = _CLOSES.get(close)
        if newlines is None:
            newlines = _newlines_behind(close)
            if newlines is None:
                return None
        # A `\u` escape may be a lone surrogate: leave such text to the general path.
        if "\\" in text and "\\u" in text:
            return None
        return self._make(event[self.head : newlines], self.index, value)


# The API pads its events with spaces between the last two braces.
_CLOSES = {
    "}" + " " * spaces + "}" + newlines: -len(newlines)
    for spaces in range(24)
    for newlines in ("\n\n", "\r\n\r\n", "\r\n\r", "\r\r")
}
"""What may follow the string of a delta, with the place where its line ends."""


def _newlines_behind(close: str) -> int | None:
    """The same for spaces in other places, and for more of them."""
    line = close.rstrip("\r\n")
    if "\n" in line or "\r" in line:
        return None
    return _CLOSES.get(line.replace(" ", "") + close[len(line) :])


class Memory:
    """What streams have shown, for the streams that follow. It has bounds.

    Attributes:
        bare_events: The chunk views of events that hold no more than an index, by their bytes.
    """

    __slots__ = ("_runs", "bare_events")

    def __init__(self) -> None:
        self.bare_events: dict[bytes, ChunkView] = {}
        self._runs: dict[tuple[str, int], Run] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.bare_events.clear()
        self._runs.clear()
        _proven.cache_clear()

    def keep(self, event: bytes, chunk: ChunkView) -> None:
        """Remember a bare event."""
        if len(self.bare_events) < _MAX_BARE_EVENTS:
            self.bare_events[event] = chunk

    def recall(self, block_type: str, index: int) -> Run | None:
        """Guess the run of a block that has just started: the last run of such a block.

        A wrong guess does no harm, since a run decodes only what begins with its very bytes.
        """
        return self._runs.get((_DELTAS_OF.get(block_type, ""), index))

    def learn(self, head: bytes, payload: bytes, delta_type: str, index: int) -> Run | None:
        """Learn a run from one of its deltas.

        Args:
            head: The lines of the event up to the payload.
            payload: The event's JSON.
            delta_type: A key of `OPENINGS`.
            index: The delta's block.

        Returns:
            The run; None when the string is not the last thing in the event.
        """
        opening = OPENINGS[delta_type].search(payload)
        if opening is None or len(head) + opening.end() > _MAX_START:
            return None
        run = _proven(head + payload[: opening.end()], len(head), delta_type, index)
        if run is not None and 0 <= index < _MAX_INDEX:
            self._runs[delta_type, index] = run
        return run


_BARE = (ContentBlockStopChunk, MessageStopChunk, PingChunk)
_SHORT = 128
"""How many bytes a bare event has at most."""
_MAX_BARE_EVENTS = 512
_MAX_START = 512
"""How many bytes the start of a run has at most. The API's have about 120."""
_MAX_INDEX = 64
"""Of how many blocks of a message the last run is remembered."""
_DELTAS_OF = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "tool_use": "input_json_delta",
    "server_tool_use": "input_json_delta",
    "mcp_tool_use": "input_json_delta",
}

MEMORY = Memory()
"""What the streams of this process have shown."""

OPENINGS = {
    delta_type: re.compile(rb'"%b"\s*:\s*"' % name.encode())
    for delta_type, (_, name) in STRING_DELTAS.items()
    if delta_type != "signature_delta"  # comes once in a block
}
"""What opens the string of a delta, by the delta's type."""


# Streams begin their events alike, so that nearly every run has been proven for an earlier one:
# looking it up takes a twentieth of the time of proving it anew.
@functools.lru_cache(maxsize=256)
def _proven(start: bytes, head: int, delta_type: str, index: int) -> Run | None:
    """Make a run, unless the bytes mean something else than they seem to mean.

    That is tried out: with two different strings behind them, the bytes must decode to the deltas
    of the block that bring these strings. `start` ends with the quote that opens the value of some
    key. Either that key is the delta's, and every string counts; or it is another one (the delta's
    own name may be escaped, or come twice), and then no string makes a difference.
    """
    make, _ = STRING_DELTAS[delta_type]
    for text in ("", "probe"):
        expected: Any = make(None, index, text)
        try:
            if decode(start[head:] + text.encode() + b'"}}') != expected:
                return None
        except DecodeError:
            return None
    return Run(start, head, make, index)
