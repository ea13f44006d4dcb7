"""The fast path of the decoder: events that it recognises by their bytes, without a JSON parser.

Theory of operation. The deltas of a block share their first bytes, up to the string that each one
brings. Such a series of deltas is a `Run`, and the shared bytes are its prefix. Once a delta has
shown the prefix, only the strings of the others are parsed. That makes a stream of text four times
as fast with the standard library, and twice as fast with msgspec (`one long text` in
benchmarks/test_wire.py). Of bytes that hold several events, a run takes its deltas in one loop over
the lines, without a call for each: a whole body takes three quarters of the time. Stop and ping
events are byte-identical in every stream. Chunks are immutable, so one instance serves them all: 5%
less for a recorded stream.

`FastPath` serves one stream. `Memory` keeps what the streams of this process have shown, so that
the next one need not learn it again. That only saves time: a run is used only after it was proven
to mean the same as the general path for every string. So one stream cannot change how another one
decodes.
"""

from __future__ import annotations

import functools
import itertools
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from .._chunks import (
    DELTAS,
    STRING_DELTAS,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    MessageStopChunk,
    Origin,
    PingChunk,
    decode,
    fold,
)
from .._model import TextBlock, ThinkingBlock, changer, inlined, loads, maker, per_class
from .._rules import faults_of_fields, faults_of_lines
from ..errors import DecodeError
from .framing import fields_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._chunks import ChunkView
    from .inspection import Inspector

    BareEvent = tuple[ChunkView, tuple[str, ...]]

__all__ = ["MEMORY", "FastPath", "InspectedFastPath", "Memory", "NoFastPath", "Run"]


class FastPath:
    """Recognises the events of one stream.

    Attributes:
        run: How the next delta will probably begin, or None.
    """

    __slots__ = ("_bare_events", "_memory", "_tries", "run")

    def __init__(self, memory: Memory | None = None) -> None:
        """Make a fast path for one stream.

        Args:
            memory: What earlier streams have shown. By default that of this process.
        """
        self._memory = MEMORY if memory is None else memory
        # The first event of a stream always takes the general path.
        self._bare_events: dict[bytes, BareEvent] = {}
        self._tries: dict[tuple[str, int], int] = {}
        """How often a run was looked for, by the type of its deltas and their block."""
        self.run: Run | CountedRun | None = None

    def recognise(self, event: bytes) -> ChunkView | None:
        """Decode an event if its bytes are known.

        Args:
            event: The bytes of one event, with its blank line.

        Returns:
            The chunk view, or None when only the general path can read the event.
        """
        run = self.run
        if run is not None and event.startswith(run.prefix):
            return run.decode(event)
        return self.known(event)

    def known(self, event: bytes) -> ChunkView | None:
        """Give the chunk view of a bare event that is known: the second half of `recognise`."""
        found = self._bare_events.get(event) if len(event) <= _MAX_BARE_EVENT else None
        return None if found is None else self._again(found[0])

    def _again(self, chunk: Any) -> ChunkView:
        """Give a chunk view again. The start of a block needs a block of its own, and its run."""
        if chunk.__class__ is not ContentBlockStartChunk:
            return chunk  # type: ignore[no-any-return]
        block, index = chunk.content_block, chunk.index
        self._expect_run(block.type, index)
        return _new_start()(chunk.chunk, index, _new_block(block.__class__)(block, {}))

    def _expect_run(self, block_type: str, index: int) -> None:
        """Guess how the deltas of a block begin: like those of the last block of its type.

        A wrong guess does no harm: a run decodes only events that begin with its prefix.
        """
        run = self._memory.run_of(_DELTAS_OF.get(block_type, ""), index)
        self.run = self._ready(run) or self.run

    def learn(self, event: bytes, payload: bytes, chunk: Any) -> None:
        """Look at an event that the general path has decoded.

        Args:
            event: The bytes of the event, with its blank line.
            payload: The event's JSON.
            chunk: The chunk view.
        """
        self._bare_events = self._memory.bare_events
        kind = chunk.__class__
        if kind is ContentBlockStartChunk:
            self._expect_run(chunk.content_block.type, chunk.index)
            if len(event) <= _MAX_BARE_EVENT and _is_empty(chunk.content_block):
                self._memory.keep(event, chunk)
        elif chunk.type == "content_block_delta":
            if chunk.delta_type in OPENINGS:
                self._find_run(event, payload, chunk.delta_type, chunk.index)
        elif kind in _BARE and len(event) <= _MAX_BARE_EVENT:
            self._memory.keep(event, chunk)

    def _find_run(self, event: bytes, payload: bytes, delta_type: str, index: int) -> None:
        """Find the run of a delta."""
        run = self._memory.run_of(delta_type, index)
        if run is None or not event.startswith(run.prefix):
            # To prove a run takes as long as to decode ten events. Where each event has another
            # `id:`, say, a new prefix is of no use.
            tries = self._tries.get((delta_type, index), 0)
            if tries == _MAX_TRIES or len(self._tries) == _MAX_INDEX:
                return
            self._tries[delta_type, index] = tries + 1
            before = event.rstrip(b"\r\n")[: -len(payload)]
            # The payload must be a line of its own, and the only data line.
            alone = event.startswith(payload, len(before)) and fields_of(before)[1] == b""
            run = self._memory.new_run(before, payload, delta_type, index) if alone else None
        self.run = self._ready(run)

    def _ready(self, run: Run | None) -> Run | CountedRun | None:
        """Get a run ready for this stream."""
        return run


class InspectedFastPath(FastPath):
    """A fast path for a stream of which somebody wants the findings.

    Most events break no rule, and they cost what they cost without the findings. The first event
    that breaks a rule is left to the general path, which notes the finding. Here the others are
    only counted.
    """

    __slots__ = ("_inspector",)

    def __init__(self, inspector: Inspector, memory: Memory | None = None) -> None:
        """Make a fast path for one stream.

        Args:
            inspector: Counts the rules that are broken once more.
            memory: As for `FastPath`.
        """
        super().__init__(memory)
        self._inspector = inspector

    def known(self, event: bytes) -> ChunkView | None:
        found = self._bare_events.get(event) if len(event) <= _MAX_BARE_EVENT else None
        if found is None:
            return None
        rules = found[1]
        if rules and not self._inspector.knows(rules):
            return None
        chunk: ChunkView = self._again(found[0])
        if rules:
            self._inspector.repeats.append((chunk, rules))
        return chunk

    def _ready(self, run: Run | None) -> Run | CountedRun | None:
        if run is None or not run.faults:
            return run
        # A finding about a block needs the general path.
        return None if "delta_type_missing" in run.faults else CountedRun(run, self._inspector)


class CountedRun:
    """A run of deltas that each break the same rules.

    Attributes:
        prefix: As for `Run`.
        line: As for `Run`.
        opening: As for `Run`.
    """

    __slots__ = ("_inspector", "_run", "line", "opening", "prefix")

    def __init__(self, run: Run, inspector: Inspector) -> None:
        self.prefix = run.prefix
        self.line = run.line
        self.opening = run.opening
        self._run = run
        self._inspector = inspector

    def decode(self, event: bytes) -> ChunkView | None:
        """Decode an event, and note that it breaks the rules. None for the first that does."""
        rules = self._run.faults
        if not self._inspector.knows(rules):
            return None
        chunk: ChunkView | None = self._run.decode(event)
        if chunk is not None:
            self._inspector.repeats.append((chunk, rules))
        return chunk

    def decode_lines(self, lines: list[bytes], at: int, last: int, chunks: list[ChunkView]) -> int:
        """Decode no events: `decode` has to note each one."""
        del lines, last, chunks
        return at


class NoFastPath:
    """Recognises no event: a parser of the caller's own must see every one."""

    __slots__ = ()

    run = None

    def recognise(self, event: bytes) -> None:
        """Recognise nothing."""

    def known(self, event: bytes) -> None:
        """Know nothing."""

    def learn(self, event: bytes, payload: bytes, chunk: ChunkView) -> None:
        """Learn nothing."""


class Run:
    """The deltas of one block, which begin with the same bytes up to the string they bring.

    Attributes:
        prefix: These bytes: the lines of the event up to and with the quote that opens the string.
        payload_at: Where in the prefix the payload begins.
        index: The block.
        faults: The rules that each of these deltas breaks.
        line: Which line of an event the data is on, from 0.
        opening: The prefix's part of that line.
        decode: From an event with this prefix to its chunk view, or None when the bytes are not
            exactly one event of this run.
        decode_lines: Decodes the events of this run that follow each other in a list of lines. It
            takes the lines, the place of the next event, the place after the last whole line, and
            the list that the chunk views go to. It returns the place of the next event.
    """

    __slots__ = (
        "decode",
        "decode_lines",
        "faults",
        "index",
        "line",
        "opening",
        "payload_at",
        "prefix",
    )

    def __init__(
        self,
        prefix: bytes,
        payload_at: int,
        delta_type: str,
        index: int,
        faults: tuple[str, ...] = (),
    ) -> None:
        self.prefix = prefix
        self.payload_at = payload_at
        self.index = index
        self.faults = faults
        head, _, self.opening = prefix.rpartition(b"\n")
        self.line = 1 if head else 0
        self.decode, self.decode_lines = _decoders(delta_type)(prefix, payload_at, index)


@functools.cache
def _decoders(delta_type: str) -> Callable[[bytes, int, int], tuple[Any, Any]]:
    """Write the functions of the runs of one type of delta. They are the hot path."""
    _, name = STRING_DELTAS[delta_type]
    return inlined(
        _DECODERS,
        DELTAS[delta_type],
        "chunk",
        "index",
        name,
        Origin=Origin,
        closes=_CLOSES,
        line_closes=_LINE_CLOSES,
        newlines_after=_newlines_after,
        repeat=itertools.repeat,
        scanstring=scanstring,
    )


_DECODERS = r"""
def written_(prefix, payload_at, index):
    length = len(prefix)
    head, _, opening = prefix.replace(b"\r\n", b"\n").rpartition(b"\n")
    line_length = len(opening)
    line_payload_at = line_length - (length - payload_at)
    # What surrounds the strings, by what follows them: in an event, and in a line.
    origins, line_origins = {}, {}

    def decode(event):
        try:
            text = event[length:].decode()
            value, end = scanstring(text, 0)
            is_escaped = "\\" in text
            if is_escaped and "\\u" in text:
                value.encode()  # fails for a lone surrogate
        except ValueError:
            return None
        # A line cannot end inside a JSON string, so this is the only data line.
        close = text[end:]
        kept = origins.get(close)
        if kept is None:
            newlines = closes.get(close) or newlines_after(close)
            if newlines is None:
                return None
            kept = Origin(prefix[payload_at:], b'"' + close[:newlines].encode())
            if len(origins) < 128:  # a server may write the spaces in any place
                origins[close] = kept
        if is_escaped:
            kept = event[payload_at : len(kept.closing) - 1 - len(close)]
        made_ = make_(kept, index, value)
        return made_

    def decode_lines(lines, at, last, chunks):
        append, before = chunks.append, len(chunks)
        rest = iter(lines[at:last])
        # Events of an `event:` line, a `data:` line and the blank line, or without the first.
        heads = rest if head else repeat(head)
        for first, line, blank in zip(heads, rest, rest):
            if blank or first != head or not line.startswith(opening):
                break
            try:
                text = line[line_length:].decode()
                value, end = scanstring(text, 0)
                is_escaped = "\\" in text
                if is_escaped and "\\u" in text:
                    value.encode()
            except ValueError:
                break
            close = text[end:]
            kept = line_origins.get(close)
            if kept is None:
                if close not in line_closes:
                    break
                kept = line_origins[close] = Origin(prefix[payload_at:], b'"' + close.encode())
            if is_escaped:
                kept = line[line_payload_at:]
            made_ = make_(kept, index, value)
            append(made_)
        return at + (len(chunks) - before) * (3 if head else 2)

    return decode, decode_lines
"""
"""How to decode a run: one event, and as many as there are. `inlined` replaces `make_`."""


# The API pads its events with spaces between the last two braces.
_CLOSES = {
    "}" + " " * spaces + "}" + newlines: -len(newlines)
    for spaces in range(24)
    for newlines in ("\n\n", "\r\n\r\n", "\r\n\r", "\r\r")
}
"""What may follow the string of a delta, and where its line ends, counted from the end."""
_LINE_CLOSES = frozenset(close.rstrip("\r\n") for close in _CLOSES)
"""The same without the line ends."""


def _newlines_after(close: str) -> int | None:
    """Say the same for spaces in other places, and for more of them."""
    line = close.rstrip("\r\n")
    if "\n" in line or "\r" in line:
        return None
    return _CLOSES.get(line.replace(" ", "") + close[len(line) :])


class Memory:
    """What streams have shown, for the streams that follow. Its size is bounded.

    Attributes:
        bare_events: The chunk views of events that hold no more than an index, and the rules that
            these break, by the bytes of the events.
    """

    __slots__ = ("_runs", "bare_events")

    def __init__(self) -> None:
        self.bare_events: dict[bytes, BareEvent] = {}
        self._runs: dict[tuple[str, int], Run] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.bare_events.clear()
        self._runs.clear()
        _proven.cache_clear()

    def keep(self, event: bytes, chunk: ChunkView) -> None:
        """Remember a bare event."""
        if len(self.bare_events) >= _MAX_BARE_EVENTS:
            self.bare_events.clear()  # or odd events of one stream would stay for ever
        self.bare_events[event] = chunk, _faults_of(event)

    def run_of(self, delta_type: str, index: int) -> Run | None:
        """Give the last run of such deltas of a block of that index."""
        return self._runs.get((delta_type, index))

    def new_run(self, before: bytes, payload: bytes, delta_type: str, index: int) -> Run | None:
        """Make the run of a delta, and remember it.

        Args:
            before: The lines of the event before the payload.
            payload: The event's JSON.
            delta_type: A key of `OPENINGS`.
            index: The delta's block.

        Returns:
            The run; None when the string is not the last thing in the event.
        """
        opening = OPENINGS[delta_type].search(payload)
        if opening is None or len(before) + opening.end() > _MAX_PREFIX:
            return None
        run = _proven(before + payload[: opening.end()], len(before), delta_type, index)
        if run is not None and 0 <= index < _MAX_INDEX:
            self._runs[delta_type, index] = run
        return run


# Written when they are first used: writing them takes half a millisecond.
@functools.cache
def _new_start() -> Callable[..., ContentBlockStartChunk]:
    return maker(ContentBlockStartChunk, "chunk", "index", "content_block")


@per_class
def _new_block(cls: type[Any]) -> Callable[..., Any]:
    """How to copy an empty block: with an `extra` of its own, since that can be changed."""
    return changer(cls, "extra")


def _is_empty(block: Any) -> bool:
    """Whether a block holds nothing that could be changed, nor anything else than usual."""
    if block.__class__ is TextBlock:
        return not (block.text or block.citations or block.extra)
    if block.__class__ is ThinkingBlock:
        return not (block.thinking or block.signature or block.extra)
    return False


_BARE = (ContentBlockStopChunk, MessageStopChunk, PingChunk)
_MAX_BARE_EVENT = 192
"""How many bytes a bare event has at most."""
_MAX_BARE_EVENTS = 512
_MAX_PREFIX = 512
"""How many bytes the prefix of a run has at most. The API's have about 120."""
_MAX_TRIES = 3
"""How often a stream looks for the runs of one type of delta and one block."""
_MAX_INDEX = 64
"""The runs of how many blocks of a message are remembered."""
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


# Nearly every run was proven for an earlier stream. Looking it up takes a twentieth of the time of
# proving it again.
@functools.lru_cache(maxsize=256)
def _proven(prefix: bytes, payload_at: int, delta_type: str, index: int) -> Run | None:
    """Make a run, unless its prefix means something else than it seems to mean.

    Try it: with two different strings after it, the prefix must decode to the deltas of the block
    that bring these strings. Its `event:` lines count, as on the general path. That is enough. The
    prefix ends with the quote that opens the value of some key. Either that key is the delta's, and
    every string counts. Or it is another key (the delta's own name may be escaped, or come twice),
    and then no string makes a difference.
    """
    make, _ = STRING_DELTAS[delta_type]
    for text in ("", "probe"):
        expected: Any = make(None, index, text)
        name, payload = fields_of(prefix + text.encode() + b'"}}\n\n')
        try:
            event = fold(name, loads(payload or b""), payload or b"")
            if event is None or decode(event) != expected:
                return None
        except DecodeError:
            return None
    return Run(prefix, payload_at, delta_type, index, _faults_of(prefix + b'probe"}}\n\n'))


def _faults_of(event: bytes) -> tuple[str, ...]:
    """Find the rules that an event breaks. It can be decoded, and brings a string at most."""
    name, payload = fields_of(event)
    value: Any
    try:
        value = loads(payload or b"")
    except DecodeError as error:
        value = error
    faults = list(faults_of_lines(name, value, payload or b""))
    folded: Any = fold(name, value, payload or b"")
    faults += faults_of_fields(folded, decode(folded))
    return tuple([fault.rule for fault in faults])
