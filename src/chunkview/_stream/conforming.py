"""Streams that keep every rule, proven by their bytes, so that nobody has to decode their deltas.

Theory of operation. Most recorded streams are as the API sends them: each event has two lines, the
blocks come one after the other, and nothing is off. Regular expressions take such a stream from its
beginning to its end (see `grammar`).

1) The deltas of a block share their first bytes, up to their string. The expression proves these
   bytes once, as a group, and compares those of the next delta.
2) An event in another form is parsed and decoded, and its fields are checked as `check` does it.
3) The input of a tool is joined and parsed.

Where it is not proven that a stream keeps every rule, `read_conforming` gives None. The stream need
not break one. A Meter and `check` know more, and take several times as long.
"""

from __future__ import annotations

import functools
import re
from typing import Any, get_args

from .._chunks import (
    ContentBlockStartChunk,
    FinishReason,
    MessageDeltaChunk,
    MessageStartChunk,
    decode_object,
)
from .._model import (
    InvalidJson,
    RedactedThinkingBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    loads,
    parsed_input,
)
from .._rules import faults_of_fields, faults_of_lines
from ..common import CostMetadata
from .framing import end_of_event, fields_of_one
from .grammar import grammar
from .head import Head
from .partial_json import BLANKS
from .totals import Totals, totals_of

__all__ = ["begins_like_conforming", "read_conforming"]

_BEGIN = b"event: message_start\n"


def begins_like_conforming(data: bytes, start: int = 0) -> bool:
    """Whether `read_conforming` may prove something about a stream."""
    return data.startswith(_BEGIN, start)


def read_conforming(
    data: bytes, start: int = 0, *, checks_strings: bool = True
) -> tuple[Totals, int] | None:
    """Read a stream that keeps every rule, without decoding its deltas.

    Args:
        data: The bytes of one stream, or of several.
        start: Where the stream begins.
        checks_strings: Whether to prove that the strings of deltas are UTF-8 and that the input of
            tools is JSON. No total depends on it.

    Returns:
        Its totals, and where it ends. None if it is not proven that `check` finds nothing, but for
        what `checks_strings` leaves out.
    """
    if not begins_like_conforming(data, start):
        return None
    try:
        return _Reader(data, start, checks_strings=checks_strings).read()
    except (_NotProvenError, ValueError):  # a DecodeError is one
        return None


class _NotProvenError(Exception):
    """The stream may break a rule. This never leaves the module."""


class _Reader:
    """Reads one stream."""

    __slots__ = (
        "_at",
        "_blocks",
        "_calls_tool",
        "_checks_strings",
        "_data",
        "_events",
        "_grammar",
        "_start",
        "_tool_ids",
        "_unchecked",
    )

    def __init__(self, data: bytes, start: int, *, checks_strings: bool) -> None:
        self._data = data
        self._at = self._start = self._unchecked = start
        """Where we are, where the stream begins, and from where on nobody has checked for UTF-8."""
        self._events = 0
        """How many events come before `_unchecked`."""
        self._checks_strings = checks_strings
        self._grammar = grammar()
        self._blocks = 0
        """How many blocks have begun."""
        self._tool_ids: set[str] = set()
        self._calls_tool = False

    def read(self) -> tuple[Totals, int]:
        """Read the stream: as `read_conforming` does.

        Raises:
            _NotProvenError: The stream may break a rule.
        """
        data, grammar = self._data, self._grammar
        begin = grammar.begin.match(data, self._at)
        if begin is not None:
            self._at = begin.end()
        else:
            self._take_event(MessageStartChunk)
        while self._takes_block():
            pass
        totals: Totals | None = None
        if begin is not None and (end := grammar.end.match(data, self._at)) is not None:
            end.group().decode()
            totals = self._plain_totals(begin, end)
        return totals or self._other_totals(), self._at

    # -- message_start and message_delta -------------------------------------------------------

    def _plain_totals(self, begin: re.Match[bytes], end: re.Match[bytes]) -> Totals | None:
        """Add up the counts. None if there is something special about them.

        Args:
            begin: `message_start`, in the API's form.
            end: `message_delta` and `message_stop`, in the API's form.
        """
        model, name, sent, written, read, short, long, output, tier, region = begin.groups()
        reason, final_sent, final_written, final_read, final_output, *tools = end.groups()
        stop_reason = reason.decode()
        counts, total = (int(sent), int(written), int(read)), int(final_output)
        if stop_reason == "refusal" or total < int(output) or not total:
            return None
        if final_sent is not None:
            later = int(final_sent), int(final_written), int(final_read)
            if later[0] < counts[0] or later[1] < counts[1] or later[2] < counts[2]:
                return None
            counts = later
        self._check_reason(stop_reason)
        self._at = end.end()
        searches, fetches, for_short, for_long = map(_number, (*tools, short, long))
        model_name, service_tier, geo = map(_text, (model, tier, region))
        metadata = CostMetadata(
            counts[0],
            total,
            counts[2],
            model=model_name,
            cache_write_tokens=counts[1],
            cache_write_5m_tokens=for_short,
            cache_write_1h_tokens=for_long,
            web_search_requests=searches,
            web_fetch_requests=fetches,
            tier=service_tier,
            region=geo,
            final=True,
        )
        return Totals(
            name.decode(),
            model_name,
            stop_reason,
            counts[0],
            counts[2],
            counts[1],
            for_short,
            for_long,
            total,
            searches,
            service_tier,
            geo,
            metadata,
            self._events_so_far(),
            True,
        )

    def _other_totals(self) -> Totals:
        """Read the events in any form.

        Raises:
            _NotProvenError: The stream may break a rule.
        """
        head = Head()
        message = self._event_at(self._start, MessageStartChunk)[0].message
        if message.content or message.stop_reason:
            raise _NotProvenError
        head.start(message)
        head.has_content = self._blocks > 0
        falling = head.update(self._take_event(MessageDeltaChunk))
        stop = self._grammar.stop.match(self._data, self._at)
        if falling or stop is None:
            raise _NotProvenError
        self._at = stop.end()
        self._check_reason(head.stop_reason)
        return totals_of(
            (head.id, head.model, head.stop_reason),
            head.usage,
            head.cost_metadata(is_complete=True),
            self._events_so_far(),
            complete=True,
        )

    def _check_reason(self, reason: str | None) -> None:
        """Check that the stop reason fits the tool calls.

        Raises:
            _NotProvenError: It does not.
        """
        if reason not in _STOP_REASONS or (
            reason in _NOT_AFTER_CALLS if self._calls_tool else reason == "tool_use"
        ):
            raise _NotProvenError

    def _events_so_far(self) -> int:
        """Count the events, and check that they are UTF-8.

        Raises:
            _NotProvenError: The stream is too long.
            UnicodeDecodeError: They are not.
        """
        if self._at - self._start > _LONGEST:
            raise _NotProvenError
        data = self._data[self._unchecked : self._at]
        if self._checks_strings and not data.isascii():
            data.decode()
        self._unchecked = self._at
        self._events += data.count(b"\n") // _LINES
        return self._events

    # -- blocks --------------------------------------------------------------------------------

    def _takes_block(self) -> bool:
        """Take the next block, with its deltas and its end. Say whether there is one.

        Raises:
            _NotProvenError: It may break a rule.
        """
        data, at = self._data, self._at
        found = self._grammar.block.match(data, at)
        if found is None:
            if not data.startswith(_BLOCK, at):
                return False
            chunk = self._take_event(ContentBlockStartChunk)
            index, kind, tool_id = chunk.index, *_kind_of(chunk.content_block)
        else:
            self._at = found.end("start")
            number, tag, name = found.group("number", "type", "id")
            index, kind = int(number), tag.decode()
            tool_id = "" if name is None else name.decode()
        if index != self._blocks:
            raise _NotProvenError
        self._blocks += 1
        if kind in _TOOLS:
            self._note_call(tool_id, is_own=kind == "tool_use")
            found = self._after_input(b"%d" % index)
        elif found is None:
            found = self._deltas_at(self._at)
        self._take_deltas(found, b"%d" % index, kind)
        return True

    def _note_call(self, tool_id: str, *, is_own: bool) -> None:
        if tool_id in self._tool_ids:
            raise _NotProvenError
        self._tool_ids.add(tool_id)
        self._calls_tool |= is_own

    def _take_deltas(self, found: re.Match[bytes], index: bytes, kind: str) -> None:
        """Take the deltas of a block, and its end.

        Args:
            found: The first ones of them.
            index: The index of the block.
            kind: The type of the block.
        """
        takes = _TAKES[kind]
        is_signed = kind != "thinking"
        while True:
            at, delta, of_cited, of_stop = found.group("index", "kind", "cited", "stop")
            if at is not None:
                if at != index or delta not in takes:
                    raise _NotProvenError
                if delta == b"signature":
                    is_signed |= found.string[found.end("opening")] != _QUOTE
            elif of_cited is not None:
                found.group().decode()  # a Meter, too, notes what is no UTF-8 in a citation
                if of_cited != index or b"citations" not in takes:
                    raise _NotProvenError
            if of_stop is not None:
                break
            found = self._deltas_at(found.end())
        if of_stop != index or not is_signed:
            raise _NotProvenError
        self._at = found.end()

    def _deltas_at(self, at: int) -> re.Match[bytes]:
        """Find deltas that follow each other, or the end of a block.

        Raises:
            _NotProvenError: There is something else.
        """
        found = self._grammar.deltas.match(self._data, at)
        if found is None or found.end() == at:
            raise _NotProvenError
        return found

    def _after_input(self, index: bytes) -> re.Match[bytes]:
        """Take the input of a tool, and check it. Give what follows it.

        Args:
            index: The index of the block.
        """
        data = self._data
        pieces: list[bytes] = []
        end = data.find(_STOP, self._at - _BLANK) + _BLANK
        while (found := self._grammar.input.match(data, self._at)) is not None:
            if found["index"] != index:
                raise _NotProvenError
            if self._checks_strings:
                self._at = found.start("opening")
                pieces += self._pieces_up_to(end, found["opening"])
            elif (run := self._grammar.pieces.match(data, self._at)) is not None:
                self._at = run.end()
            else:
                raise _NotProvenError
        if pieces and not _is_input(pieces):
            raise _NotProvenError
        return self._deltas_at(self._at)

    def _pieces_up_to(self, end: int, opening: bytes) -> list[bytes]:
        """Take deltas of a tool's input, up to a ping or to the end of the block.

        Args:
            end: Where the block ends.
            opening: What these deltas begin with.

        Returns:
            What follows the beginning of each. Nobody has checked it.

        Raises:
            _NotProvenError: Another event is between them.
        """
        data, begin = self._data, self._at
        self._events_so_far()
        if (ping := data.find(_PING, begin, end)) >= 0:
            end = ping + _BLANK
        pieces = _pieces(opening).findall(data, begin, end)
        if sum(map(len, pieces)) + len(pieces) * len(opening) != end - begin:
            raise _NotProvenError
        self._events += len(pieces)
        self._at = self._unchecked = end
        return pieces

    # -- events in any form --------------------------------------------------------------------

    def _take_event(self, kind: type[Any]) -> Any:
        """Take an event of a kind, after pings. Check its bytes and its fields.

        Raises:
            _NotProvenError: It is another one, or may break a rule.
            DecodeError: It cannot be decoded.
        """
        while (found := self._grammar.ping.match(self._data, self._at)) is not None:
            self._at = found.end()
        self._events_so_far()
        chunk, self._at = self._event_at(self._at, kind)
        self._unchecked = self._at
        self._events += 1
        return chunk

    def _event_at(self, begin: int, kind: type[Any]) -> tuple[Any, int]:
        """Give an event, and where it ends: as `_take_event` does."""
        data = self._data
        end = end_of_event(data, begin, b"\n\n")
        fields = None if end < 0 else fields_of_one(data[begin:end])
        if fields is None:
            raise _NotProvenError
        name, payload = fields
        value = loads(payload)
        if value.__class__ is not dict or faults_of_lines(name, value, payload):
            raise _NotProvenError
        chunk = decode_object(value, payload)
        if chunk.__class__ is not kind or faults_of_fields(value, chunk):
            raise _NotProvenError
        return chunk, end


def _kind_of(block: Any) -> tuple[str, str]:
    """Give the type of a block that starts in another form, and the id of a tool use.

    Raises:
        _NotProvenError: Not every block of this type is known to keep the rules.
    """
    match block:
        case TextBlock() | ToolResultBlock() | RedactedThinkingBlock():
            return block.type if isinstance(block, TextBlock) else "", ""
        case ThinkingBlock(signature=""):
            return block.type, ""
        case ToolUseBlock() | ServerToolUseBlock() if block.input == {}:
            return block.type, block.id
        case _:
            raise _NotProvenError


def _is_input(pieces: list[bytes]) -> bool:
    """Whether the deltas of a tool's input make up a JSON object, in strings that break no rule.

    Args:
        pieces: The deltas from their strings on.
    """
    ends = b"".join(pieces)
    if 0 in ends or (0x5C in ends and _SURROGATE.search(ends) is not None):
        return False  # it may be half of a character
    # Without what backslashes escape, each quote is the end of a string.
    for escape, mark in _MARKS:
        ends = ends.replace(escape, mark)
    strings = _END_OF_PIECE.sub(b"", ends)
    for escape, mark in _MARKS:
        strings = strings.replace(mark, escape)
    # What is left of a delta in another form is no JSON here: a quote, or a line feed.
    text: str = loads(b'"%b"' % strings)
    return not text.strip(BLANKS) or not isinstance(parsed_input(text), InvalidJson)


@functools.lru_cache(maxsize=256)  # most indexes are below ten
def _pieces(opening: bytes) -> re.Pattern[bytes]:
    """Write the expression for what follows the same beginning in each event."""
    return re.compile(re.escape(opening) + rb"([^\n]*\n\n)")


def _number(digits: bytes | None) -> int | None:
    return None if digits is None else int(digits)


def _text(word: bytes | None) -> str | None:
    return None if word is None else word.decode()


_BLOCK = b"event: content_block_start\n"
_STOP = b"\n\nevent: content_block_stop\n"
_PING = b"\n\nevent: ping\n"
_BLANK = 2
"""How many bytes of the event before begin these two."""
_QUOTE = 0x22
_TOOLS = ("tool_use", "server_tool_use")
_END_OF_PIECE = re.compile(rb'"\} *\}\n\n')
_MARKS = ((b"\\\\", b"\0\1"), (b'\\"', b"\0\2"))
"""The escapes of a backslash and of a quote, and what replaces them while we look for quotes."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STOP_REASONS = frozenset(get_args(FinishReason))
_NOT_AFTER_CALLS = ("end_turn", "stop_sequence")
_LONGEST = 16 * 1024 * 1024
"""How many bytes a stream may have. So no bound is met that others set: for an event, for names."""
_LINES = 3
"""How many line feeds an event has: of its name, of its data, and of the blank line."""
_TAKES: dict[str, tuple[bytes, ...]] = {
    "text": (b"text", b"citations"),
    "thinking": (b"thinking", b"signature"),
    **dict.fromkeys((*_TOOLS, ""), ()),
}
"""The deltas that a block takes, but for the input of tools. "" is any type that takes none."""
