"""Bodies that keep every rule, proven by their bytes, so that nobody has to decode their deltas.

Theory of operation. Most recorded streams are as the API sends them: each event has two lines, the
blocks come one after the other, and nothing is off. Regular expressions take such a body from its
beginning to its end. They know the events in the form in which the API writes them, and every string
in them is checked: UTF-8, no control characters, no half characters, no unknown escapes.

1) The deltas of a block share their first bytes, up to their string. The expression proves these
   bytes once, as a group, and compares those of the next delta.
2) An event of another form is parsed and decoded, and its fields are checked as in `check`.
3) The input of a tool is joined and parsed.

Where a body cannot be proven to keep every rule, `read_conforming` gives None. That does not mean
that it breaks one. A Meter and `check` tell more, and take several times as long.
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
from ..errors import DecodeError
from .framing import end_of_event, fields_of_one
from .head import Head
from .partial_json import BLANKS

if TYPE_CHECKING:
    from .._chunks import ChunkView
    from .._model import Usage
    from ..common import CostMetadata

__all__ = ["Conforming", "read_conforming"]


class Conforming(NamedTuple):
    """The totals of a stream that keeps every rule.

    Attributes:
        id: The message's id.
        model: The model that answered.
        stop_reason: Why generation ended.
        usage: The final usage.
        cost_metadata: The facts that a price calculation needs.
        events: How many events there are.
        end: Where in the bytes the stream ends.
    """

    id: str
    model: str
    stop_reason: str
    usage: Usage
    cost_metadata: CostMetadata
    events: int
    end: int


def read_conforming(data: bytes, start: int = 0) -> Conforming | None:
    """Read a stream that keeps every rule, without decoding its deltas.

    Args:
        data: The bytes of one stream or of several.
        start: Where the stream begins.

    Returns:
        Its totals. None if it is not proven that `check` would find nothing.
    """
    try:
        return _Reader(data, start).read()
    except (_NotProvenError, DecodeError):
        return None


class _NotProvenError(Exception):
    """The stream may break a rule. It never leaves this module."""


class _Reader:
    """Reads one stream."""

    __slots__ = ("_at", "_calls_tool", "_data", "_grammar", "_start", "_tool_ids")

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._at = self._start = start
        self._grammar = _grammar()
        self._tool_ids: set[str] = set()
        self._calls_tool = False

    def read(self) -> Conforming:
        """Read the stream.

        Raises:
            _NotProvenError: It may break a rule.
        """
        if not self._data.startswith(b"event: message_start\n", self._at):
            raise _NotProvenError
        head = Head()
        begin = self._decoded(MessageStartChunk)
        if begin.message.content or begin.message.stop_reason:
            raise _NotProvenError
        head.start(begin.message)
        count = 0
        while self._begins_block(count):
            count += 1
        head.has_content = count > 0
        end = self._decoded(MessageDeltaChunk)
        reason = end.stop_reason
        if reason not in _STOP_REASONS:
            raise _NotProvenError
        if reason in _NOT_AFTER_CALLS if self._calls_tool else reason == "tool_use":
            raise _NotProvenError
        if head.update(end) or head.usage is None:
            raise _NotProvenError
        found = self._grammar.end.match(self._data, self._at)
        if found is None:
            raise _NotProvenError
        data, start, at = self._data, self._start, found.end()
        if at - start > _LONGEST:
            raise _NotProvenError
        if not data.isascii():
            try:
                data[start:at].decode()
            except UnicodeDecodeError:
                raise _NotProvenError from None
        return Conforming(
            head.id,
            head.model,
            head.stop_reason or "",
            head.usage,
            head.cost_metadata(is_complete=True),
            data.count(b"\n", start, at) // _LINES,
            at,
        )

    def _begins_block(self, index: int) -> bool:
        """Take the next block. Say whether there is one."""
        found = self._grammar.start.match(self._data, self._at)
        if found is not None:
            self._at = found.end()
            if int(found["index"]) != index:
                raise _NotProvenError
            kind = found.lastgroup
            if kind in ("call", "server_call"):
                own_id = found["id"]
                self._note_call((own_id or found["other_id"]).decode(), is_own=own_id is not None)
        else:
            if not self._data.startswith(b"event: content_block_start\n", self._at):
                return False
            chunk = self._decoded(ContentBlockStartChunk)
            if chunk.index != index:
                raise _NotProvenError
            kind = self._kind_of(chunk.content_block)
        self._take_deltas(str(index).encode(), _TAKES.get(kind or "", ()))
        return True

    def _kind_of(self, block: Any) -> str:
        """Which deltas a block takes that starts in an unusual form."""
        if isinstance(block, TextBlock):
            return "text"
        if isinstance(block, (ToolResultBlock, RedactedThinkingBlock)):
            return "result"
        if isinstance(block, ThinkingBlock) and not block.signature:
            return "thinking"
        if isinstance(block, (ToolUseBlock, ServerToolUseBlock)) and block.input == {}:
            is_own = isinstance(block, ToolUseBlock)
            self._note_call(block.id, is_own=is_own)
            return "call" if is_own else "server_call"
        raise _NotProvenError

    def _note_call(self, tool_id: str, *, is_own: bool) -> None:
        if tool_id in self._tool_ids:
            raise _NotProvenError
        self._tool_ids.add(tool_id)
        self._calls_tool |= is_own

    def _take_deltas(self, index: bytes, takes: tuple[bytes, ...]) -> None:
        """Take the deltas of a block, and its end.

        Args:
            index: The index of the block.
            takes: The deltas that the block takes.
        """
        data, at, grammar = self._data, self._at, self._grammar
        inputs: list[bytes] = []
        is_signed = False
        while True:
            found = grammar.deltas.match(data, at)
            if found is None or found.end() == at:
                raise _NotProvenError
            at = found.end()
            of_stop = found["stop"]
            if of_stop is not None:
                if of_stop != index:
                    raise _NotProvenError
                break
            kind = found["kind"] or found["input"]
            if kind is None:
                if found["cited"] is None:
                    continue  # pings alone
                kind = b"citations"
            if (found["index"] or found["cited"]) != index or kind not in takes:
                raise _NotProvenError
            if kind == b"input_json":
                inputs += grammar.partial_json.findall(data, found.start("opening"), at)
            elif kind == b"signature":
                is_signed |= data[found.end("opening")] != _QUOTE
        if inputs and not _is_input(b"".join(inputs)):
            raise _NotProvenError
        if takes is _THINKING and not is_signed:
            raise _NotProvenError
        self._at = at

    def _decoded(self, kind: type[Any]) -> Any:
        """Take an event, and check its fields. Its form does not matter."""
        data = self._data
        found = self._grammar.pings.match(data, self._at)
        begin = self._at if found is None else found.end()
        end = end_of_event(data, begin, b"\n\n")
        event = data[begin:end]
        fields = fields_of_one(event)
        if fields is None or end < 0:
            raise _NotProvenError
        name, payload = fields
        value = loads(payload)
        if value.__class__ is not dict or faults_of_lines(name, value, payload):
            raise _NotProvenError
        chunk: ChunkView = decode_object(value, payload)
        if chunk.__class__ is not kind or faults_of_fields(value, chunk):
            raise _NotProvenError
        self._at = end
        return chunk


def _is_input(strings: bytes) -> bool:
    """Whether the pieces of a tool's input make up an object. They are the insides of strings."""
    text: str = json.loads(b'"%b"' % strings)
    return not text.strip(BLANKS) or not isinstance(parsed_input(text), InvalidJson)


_QUOTE = 0x22
_STOP_REASONS = frozenset(get_args(FinishReason))
_NOT_AFTER_CALLS = ("end_turn", "stop_sequence")
_LONGEST = 16 * 1024 * 1024
"""How many bytes a stream may have here. It is less than a Meter allows for an event or for names."""
_LINES = 3
"""How many line feeds an event has, if it has an event line and a data line."""

_THINKING = (b"thinking", b"signature")
_TAKES: dict[str, tuple[bytes, ...]] = {
    "text": (b"text", b"citations"),
    "cited_text": (b"text", b"citations"),
    "thinking": _THINKING,
    "call": (b"input_json",),
    "server_call": (b"input_json",),
}
"""The deltas that a block takes, by its kind."""


_STARTS = {
    "text": '"type":"text","text":""',
    "cited_text": '"citations":[],"type":"text","text":""',
    "thinking": '"type":"thinking","thinking":"","signature":""',
    "call": '"type":"tool_use","id":"IDENTITY","name":"WORD","input":{}CALLER',
    "server_call": '"type":"server_tool_use","id":"OTHER","name":"WORD","input":{}CALLER',
}
"""The forms in which the API starts most blocks."""


class _Grammar(NamedTuple):
    """The expressions for the events of a stream.

    Attributes:
        pings: Any number of pings.
        start: The start of a block, in one of the API's forms.
        deltas: Pings, and then deltas that follow each other, or the end of a block.
        end: `message_stop`.
        partial_json: The string of a delta of a tool's input.
    """

    pings: re.Pattern[bytes]
    start: re.Pattern[bytes]
    deltas: re.Pattern[bytes]
    end: re.Pattern[bytes]
    partial_json: re.Pattern[bytes]


@functools.cache  # made at first use: that takes some milliseconds
def _grammar() -> _Grammar:
    def opening(name: str, more: str) -> str:
        return rf"event: {name}\ndata: " + _pattern(f'{{"type":"{name}"{more}')

    def event(name: str, more: str = "") -> str:
        return opening(name, more) + r" *\}\n\n"

    pings = f"(?:{event('ping')})*"
    starts = "|".join(f"(?P<{kind}>{_pattern(form)})" for kind, form in _STARTS.items())
    start = opening("content_block_start", ',"index":INDEX,"content_block":{')
    delta = opening("content_block_delta", ',"index":INDEX,"delta":{"type":"DELTA":"')
    cited = event("content_block_delta", ',"index":CITED,"delta":CITATION}')
    text = rf'{_CHARACTERS}"\}} *\}}\n\n'
    stop = event("content_block_stop", ',"index":STOPPED')
    patterns = (
        pings,
        rf"{pings}{start}(?:{starts})\}} *\}}\n\n",
        rf"{pings}(?:(?P<opening>{delta}){text}(?:(?P=opening){text})*|{cited}|{stop})?",
        event("message_stop"),
        r'"partial_json": ?"([^"\\]*(?:\\.[^"\\]*)*)"',
    )
    return _Grammar(*(re.compile(pattern.encode("latin-1")) for pattern in patterns))


def _pattern(json_text: str) -> str:
    """Write the expression for JSON. A space may follow a colon, a comma or an opening brace."""
    pattern = re.sub(r":|,|\\{", r"\g<0> ?", re.escape(json_text))
    for name, part in _PARTS.items():
        pattern = pattern.replace(name, part)
    return pattern


_WHOLE = (
    r"u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}"
    r"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
"""The escape of a whole character, without its backslash."""
_PLAIN = r'[^"\\\x00-\x1f]*'
_CHARACTERS = rf'{_PLAIN}(?:\\(?:["\\/bfnrt]|{_WHOLE}){_PLAIN})*'
"""The inside of a string that breaks no rule, if it is UTF-8."""
_NUMBER = "(?:0|[1-9][0-9]{0,9})"
_MEMBER = (
    rf'"(?:cited_text|encrypted_index|source|url)": ?"{_CHARACTERS}"'
    rf'|"(?:document_title|file_id|title)": ?(?:"{_CHARACTERS}"|null)'
    r'|"(?:(?:start|end)_(?:char_index|page_number|block_index)|document_index'
    rf'|search_result_index)": ?{_NUMBER}'
)
"""A field of a citation."""
_PARTS = {
    "INDEX": f"(?P<index>{_NUMBER})",
    "CITED": f"(?P<cited>{_NUMBER})",
    "STOPPED": f"(?P<stop>{_NUMBER})",
    "DELTA": (
        '(?:(?P<kind>text|thinking|signature)_delta", ?"(?P=kind)'
        '|(?P<input>input_json)_delta", ?"partial_json)'
    ),
    "CITATION": (
        r'\{ ?"type": ?"citations_delta", ?"citation": ?'
        rf'\{{"type": ?"[a-z_]+"(?:, ?(?:{_MEMBER}))*\}}'
    ),
    "WORD": "[A-Za-z0-9_-]+",
    "IDENTITY": "(?P<id>[A-Za-z0-9_-]+)",
    "OTHER": "(?P<other_id>[A-Za-z0-9_-]+)",
    "CALLER": r'(?:, ?"caller": ?\{"type": ?"direct"\})?',
}
"""What differs between events of one form, by its name in the JSON."""
