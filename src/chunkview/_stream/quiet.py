"""Events that tell no total, recognised by their bytes, so that nobody has to decode them.

Theory of operation. One regular expression takes many events: deltas, pings, and the starts and
stops of blocks. It knows them in the form in which the API writes them: the keys in this order, and
each one once. All strings but one are plain ASCII. So the JSON cannot mean anything else.

The one string is that of a delta, and it is the last thing in its event. It may hold anything but a
quote that no backslash escapes. Every key has quotes, so no key can follow that string.

The deltas of a block share their first bytes, up to that string. The expression proves these bytes
once, as its first group. Those of the next delta it only compares, which is faster.

Two events are recognised although they tell something: the start of a call of the caller's own
tools, and `message_stop`. Each of them can only be the last event of a match.

Every other form of these events is left to the JSON parser, but for what `is_delta` recognises.
"""

from __future__ import annotations

import functools
import re

__all__ = ["CALL", "END", "is_delta", "quiet_events"]

CALL, END = 3, 4
"""The `lastindex` of a match that ends with the start of a call, or with `message_stop`. The id and
the name of the call are the groups 2 and 3."""


@functools.cache  # made at first use: that takes some milliseconds
def quiet_events(newline: str, is_named: bool) -> re.Pattern[bytes]:
    """Write the expression for any number of events, also none.

    Args:
        newline: What ends a line: LF or CRLF.
        is_named: Whether each event has an `event:` line and a `data:` line. Otherwise it has only
            the latter.
    """

    def opening(name: str, more: str) -> str:
        name_line = f"event: ?{name}{newline}" if is_named else ""
        return name_line + "data: ?" + _pattern(f'{{"type":"{name}"{more}')

    def event(name: str, more: str = "") -> str:
        return opening(name, more) + rf" *\}}{newline}{newline}"

    def start(block: str) -> str:
        return event("content_block_start", f',"index":INDEX,"content_block":{{{block}}}')

    delta = opening("content_block_delta", ',"index":INDEX,"delta":{"type":"DELTA":"')
    text = rf'{_TEXT}"\}} *\}}{newline}{newline}'
    quiet = [
        rf"({delta}){text}(?:\1{text})*",
        event("content_block_stop", ',"index":INDEX'),
        *map(start, _STARTS),
        event("content_block_delta", ',"index":INDEX,"delta":CITATION'),
        event("ping"),
    ]
    last = [start(_CALL), event("message_stop") + "()"]
    return re.compile(f"(?:{'|'.join(quiet)})*(?:{'|'.join(last)})?".encode("latin-1"))


def is_delta(event: bytes) -> bool:
    """Whether the bytes of an event show that it is a delta of one string.

    This also recognises forms that `quiet_events` does not, and deltas that are broken: after the
    string, anything without a quote may come.

    Args:
        event: The event, with its blank line.
    """
    event = event.lstrip(b"\r\n")
    found = _delta_opening().match(event)
    if found is None:
        return False
    rest = event[found.end() :]
    if 0x5C in rest:  # a memchr
        rest = _ESCAPE.sub(b"", rest)
    shape = rest.translate(None, _WITHOUT_SHAPE)
    return shape in _SHAPES and rest.endswith(shape[1:])


@functools.cache
def _delta_opening() -> re.Pattern[bytes]:
    """Write the expression for the beginning of a delta, up to its string."""
    opening = _pattern('{"type":"content_block_delta","index":INDEX,"delta":{"type":"DELTA":"')
    return re.compile(rf"(?:event: ?content_block_delta\r?\n)?data: ?{opening}".encode())


def _pattern(json: str) -> str:
    """Write the expression for JSON. A space may follow a colon, a comma or an opening brace."""
    pattern = re.sub(r":|,|\\{", r"\g<0> ?", re.escape(json))
    for name, part in _PARTS.items():
        pattern = pattern.replace(name, part)
    return pattern


_TEXT = r'[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*'
"""The string of a delta, without its quotes."""
_SAFE = r"[ !#-\[\]-~]*"
_BEYOND_ASCII = r"[\xc2-\xdf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
_VALID = rf'"{_SAFE}(?:(?:\\["\\/bfnrt]|{_BEYOND_ASCII}){_SAFE})*"'
"""A string in which nothing can be wrong: UTF-8, mostly up to U+FFFF, with short escapes."""
_MEMBER = rf"{_VALID}: ?(?:{_VALID}|0|[1-9][0-9]{{0,9}}|null)"
_DELTA_KEYS = "|".join(
    f'{kind}_delta", ?"{key}'
    for kind, key in (
        ("text", "text"),
        ("input_json", "partial_json"),
        ("thinking", "thinking"),
        ("signature", "signature"),
    )
)
_PARTS = {
    "INDEX": "(?:0|[1-9][0-9]{0,9})",
    "DELTA": f"(?:{_DELTA_KEYS})",
    "WORD": "[A-Za-z0-9_-]+",
    "ID": "([A-Za-z0-9_-]+)",
    "NAME": "([A-Za-z0-9_-]+)",
    "CALLER": r'(?:, ?"caller": ?\{"type": ?"direct"\})?',
    "CITATION": (
        r'\{ ?"type": ?"citations_delta", ?"citation": ?'
        rf"\{{{_MEMBER}(?:, ?{_MEMBER})*\}}\}}"
    ),
}
"""What differs between events of one form, by its name in the JSON below."""
_STARTS = (
    '"type":"text","text":""',
    '"citations":[],"type":"text","text":""',
    '"type":"thinking","thinking":"","signature":""',
    '"type":"server_tool_use","id":"WORD","name":"WORD","input":{}CALLER',
)
_CALL = '"type":"tool_use","id":"ID","name":"NAME","input":{}CALLER'

_ESCAPE = re.compile(rb"\\[^\r\n]")
_WITHOUT_SHAPE = bytes(set(range(256)).difference(b'"\r\n'))
_SHAPES = (b'"\n\n', b'"\r\n\r\n', b'"\r\n\r')
"""What is left after the opening quote, without all but quotes and line ends."""
