"""Streams that keep every rule, proven by their bytes, so that nobody has to decode their deltas.

Theory of operation. Most recorded streams are as the API sends them: each event has two lines, the
blocks come one after the other, and nothing is off. Regular expressions take such a stream from its
beginning to its end. They know the events in the form in which the API writes them. They also check
each string: no control character, no half of a character, no unknown escape.

1) The deltas of a block share their first bytes, up to their string. The expression proves these
   bytes once, as a group, and compares those of the next delta.
2) An event in another form is parsed and decoded, and its fields are checked as `check` does it.
3) The input of a tool is joined and parsed.

Where it is not proven that a stream keeps every rule, `read_conforming` gives None. The stream need
not break one. A Meter and `check` know more, and take several times as long.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

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
from ..errors import DecodeError
from .framing import end_of_event, fields_of_one
from .head import Head
from .partial_json import BLANKS
from .totals import Totals, totals_of

__all__ = ["begins_like_conforming", "read_conforming"]

_BEGIN = b"event: message_start\n"


def begins_like_conforming(data: bytes, start: int = 0) -> bool:
    """Whether `read_conforming` may prove something about a stream."""
    return data.startswith(_BEGIN, start)


def read_conforming(data: bytes, start: int = 0) -> tuple[Totals, int] | None:
    """Read a stream that keeps every rule, without decoding its deltas.

    Args:
        data: The bytes of one stream, or of several.
        start: Where the stream begins.

    Returns:
        Its totals, and where it ends. None if it is not proven that `check` finds nothing.
    """
    if not begins_like_conforming(data, start):
        return None
    try:
        return _Reader(data, start).read()
    except (_NotProvenError, DecodeError, UnicodeDecodeError):
        return None


class _NotProvenError(Exception):
    """The stream may break a rule. This never leaves the module."""


class _Reader:
    """Reads one stream."""

    __slots__ = ("_at", "_blocks", "_calls_tool", "_data", "_grammar", "_start", "_tool_ids")

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._at = self._start = start
        self._grammar = _grammar()
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
        end = None if begin is None else grammar.end.match(data, self._at)
        if begin is None or end is None or (totals := self._plain_totals(begin, end)) is None:
            totals = self._other_totals()
        at = self._at if end is None else end.end()
        if at - self._start > _LONGEST:
            raise _NotProvenError
        if not data.isascii():
            data[self._start : at].decode()
        return totals, at

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
            self._events_up_to(end.end()),
            True,
        )

    def _other_totals(self) -> Totals:
        """Read the events in any form.

        Raises:
            _NotProvenError: The stream may break a rule.
        """
        end_of_blocks, self._at = self._at, self._start
        head = Head()
        message = self._take_event(MessageStartChunk).message
        if message.content or message.stop_reason:
            raise _NotProvenError
        head.start(message)
        head.has_content = self._blocks > 0
        self._at = end_of_blocks
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
            self._events_up_to(self._at),
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

    def _events_up_to(self, end: int) -> int:
        return self._data.count(b"\n", self._start, end) // _LINES

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
            found = self._deltas_at(self._at)
        else:
            index, kind = int(found["number"]), found["type"].decode()
            tool_id = "" if found["id"] is None else found["id"].decode()
        if index != self._blocks:
            raise _NotProvenError
        self._blocks += 1
        if tool_id:
            self._note_call(tool_id, is_own=kind == "tool_use")
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
        inputs: list[bytes] = []
        is_signed = kind != "thinking"
        while True:
            at, of_cited, of_stop = found["index"], found["cited"], found["stop"]
            if at is not None:
                delta = found["kind"] or found["input"]
                if at != index or delta not in takes:
                    raise _NotProvenError
                if delta == b"input_json":
                    inputs.append(found.string[found.start("opening") : found.end()])
                elif delta == b"signature":
                    is_signed |= found.string[found.end("opening")] != _QUOTE
            elif of_cited is not None and (of_cited != index or b"citations" not in takes):
                raise _NotProvenError
            if of_stop is not None:
                break
            found = self._deltas_at(found.end())
        if of_stop != index or not is_signed or (inputs and not self._is_input(inputs)):
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

    def _is_input(self, deltas: list[bytes]) -> bool:
        """Whether the pieces of a tool's input make up an object."""
        strings = self._grammar.partial_json.findall(b"".join(deltas))
        text: str = json.loads(b'"%b"' % b"".join(strings))
        return not text.strip(BLANKS) or not isinstance(parsed_input(text), InvalidJson)

    # -- events in any form --------------------------------------------------------------------

    def _take_event(self, kind: type[Any]) -> Any:
        """Take an event of a kind, after pings. Check its bytes and its fields.

        Raises:
            _NotProvenError: It is another one, or may break a rule.
            DecodeError: It cannot be decoded.
        """
        data = self._data
        found = self._grammar.pings.match(data, self._at)
        begin = self._at if found is None else found.end()
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
        self._at = end
        return chunk


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
        case (ToolUseBlock() | ServerToolUseBlock()) if block.input == {}:
            return block.type, block.id
        case _:
            raise _NotProvenError


def _number(digits: bytes | None) -> int | None:
    return None if digits is None else int(digits)


def _text(word: bytes | None) -> str | None:
    return None if word is None else word.decode()


_BLOCK = b"event: content_block_start\n"
_QUOTE = 0x22
_STOP_REASONS = frozenset(get_args(FinishReason))
_NOT_AFTER_CALLS = ("end_turn", "stop_sequence")
_LONGEST = 16 * 1024 * 1024
"""How many bytes a stream may have. So no bound is met that others set: for an event, for names."""
_LINES = 3
"""How many line feeds an event has: of its name, of its data, and of the blank line."""
_TAKES: dict[str, tuple[bytes, ...]] = {
    "text": (b"text", b"citations"),
    "thinking": (b"thinking", b"signature"),
    "tool_use": (b"input_json",),
    "server_tool_use": (b"input_json",),
    "": (),
}
"""The deltas that a block takes, by its type. "" is any type that takes none."""


class _Grammar(NamedTuple):
    """The expressions for the events of a stream. Pings may come before each of them.

    Attributes:
        begin: `message_start`, with its counts as groups. No pings come before it.
        block: The start of a block, and what `deltas` finds.
        deltas: Deltas that differ only in their string, or a citation; and the end of the block.
        end: `message_delta`, with its counts as groups, and `message_stop`.
        stop: `message_stop`.
        pings: Pings alone.
        partial_json: The string of a delta of a tool's input. No pings come before it.
    """

    begin: re.Pattern[bytes]
    block: re.Pattern[bytes]
    deltas: re.Pattern[bytes]
    end: re.Pattern[bytes]
    stop: re.Pattern[bytes]
    pings: re.Pattern[bytes]
    partial_json: re.Pattern[bytes]


@functools.cache  # made at first use: that takes some milliseconds
def _grammar() -> _Grammar:
    def opening(name: str, more: str) -> str:
        return rf"event: {name}\ndata: " + _pattern(f'{{"type":"{name}"{more}')

    def event(name: str, more: str = "") -> str:
        return opening(name, more) + r" *\}\n\n"

    pings = f"(?:{event('ping')})*"
    delta = opening("content_block_delta", ',"index":INDEX,"delta":{"type":"DELTA":"')
    text = rf'{_CHARACTERS}"\}} *\}}\n\n'
    cited = event("content_block_delta", ',"index":CITED,"delta":CITATION')
    stop = event("content_block_stop", ',"index":STOPPED')
    deltas = rf"{pings}(?:(?P<opening>{delta}){text}(?:(?P=opening){text})*|{cited})?"
    deltas += f"{pings}(?:{stop})?"
    starts = "|".join(map(_pattern, _STARTS))
    start = opening("content_block_start", ',"index":NUMBER,"content_block":{') + _TYPE
    patterns = (
        event("message_start", f',"message":{_MESSAGE}'),
        rf"{pings}{start}(?:{starts})\}} *\}}\n\n{deltas}",
        deltas,
        pings + event("message_delta", _END) + pings + event("message_stop"),
        pings + event("message_stop"),
        pings,
        r'"partial_json": ?"([^"\\]*(?:\\.[^"\\]*)*)"',
    )
    return _Grammar(*(re.compile(pattern.encode("latin-1")) for pattern in patterns))


def _pattern(json_text: str) -> str:
    """Write the expression for JSON. A space may follow a colon, a comma or an opening brace."""
    pattern = re.sub(r":|,|\\{", r"\g<0> ?", re.escape(json_text))
    for name, part in _PARTS.items():
        pattern = pattern.replace(name, part)
    return pattern


_MESSAGE = (
    '{"model":"MODEL","id":"MESSAGE","type":"message","role":"assistant","content":[],'
    '"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":COUNT,'
    '"cache_creation_input_tokens":COUNT,"cache_read_input_tokens":COUNTSPLIT,'
    '"output_tokens":COUNTTIERGEO}}'
)
_END = (
    ',"delta":{"stop_reason":"REASON","stop_sequence":SEQUENCE},'
    '"usage":{PROMPT"output_tokens":COUNTTOOLS}'
)
_STARTS = (
    '"type":"text","text":""',
    '"citations":[],"type":"text","text":""',
    '"type":"thinking","thinking":"","signature":""',
    '"type":"USE","id":"IDENTITY","name":"NAME","input":{}CALLER',
)
"""The forms in which the API starts most blocks."""
_TYPE = r'(?=(?:"citations": ?\[\], ?)?"type": ?"(?P<type>[a-z_]+)")'

_WHOLE = (
    r"u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}"
    r"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
"""The escape of a whole character, without its first backslash."""
_PLAIN = r'[^"\\\x00-\x1f]*'
_CHARACTERS = rf'{_PLAIN}(?:\\(?:["\\/bfnrt]|{_WHOLE}){_PLAIN})*'
"""The inside of a string that breaks no rule, if it is UTF-8."""
_NUMBER = "(?:0|[1-9][0-9]{0,9})"
_MEMBER = (
    rf'"(?:cited_text|encrypted_index|source|url)": ?"{_CHARACTERS}"'
    rf'|"(?:document_title|file_id|title)": ?(?:"{_CHARACTERS}"|null)'
    r'|"(?:document_index|search_result_index|(?:start|end)_(?:block_index|char_index|page_number))'
    rf'": ?{_NUMBER}'
)
"""A field of a citation."""
_PARTS = {
    "MODEL": "([A-Za-z0-9_.:@/-]+)",
    "MESSAGE": "([A-Za-z0-9_-]+)",
    "SPLIT": (
        rf'(?:, ?"cache_creation": ?\{{ ?"ephemeral_5m_input_tokens": ?({_NUMBER})'
        rf', ?"ephemeral_1h_input_tokens": ?({_NUMBER})\}})?'
    ),
    "TIER": '(?:, ?"service_tier": ?"([a-z_]+)")?',
    "GEO": '(?:, ?"inference_geo": ?"([a-z_]+)")?',
    "REASON": "([a-z_]+)",
    "SEQUENCE": f'(?:null|"{_CHARACTERS}")',
    "PROMPT": (
        rf'(?:"input_tokens": ?({_NUMBER}), ?"cache_creation_input_tokens": ?({_NUMBER})'
        rf', ?"cache_read_input_tokens": ?({_NUMBER}), ?)?'
    ),
    "TOOLS": (
        rf'(?:, ?"server_tool_use": ?\{{ ?"web_search_requests": ?({_NUMBER})'
        rf'(?:, ?"web_fetch_requests": ?({_NUMBER}))?\}})?'
    ),
    "COUNT": f"({_NUMBER})",
    "NUMBER": f"(?P<number>{_NUMBER})",
    "INDEX": f"(?P<index>{_NUMBER})",
    "CITED": f"(?P<cited>{_NUMBER})",
    "STOPPED": f"(?P<stop>{_NUMBER})",
    "DELTA": (
        '(?:(?P<kind>text|thinking|signature)_delta", ?"(?P=kind)'
        '|(?P<input>input_json)_delta", ?"partial_json)'
    ),
    "CITATION": (
        r'\{ ?"type": ?"citations_delta", ?"citation": ?'
        rf'\{{ ?"type": ?"[a-z_]+"(?:, ?(?:{_MEMBER}))*\}}\}}'
    ),
    "USE": "(?:server_)?tool_use",
    "IDENTITY": "(?P<id>[A-Za-z0-9_-]+)",
    "NAME": "[A-Za-z0-9_-]+",
    "CALLER": r'(?:, ?"caller": ?\{ ?"type": ?"direct"\})?',
}
"""What differs between events of one form, by its name in the JSON above."""
