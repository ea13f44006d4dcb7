"""The regular expressions for a stream's events, in the form in which the API writes them.

They are made from the API's JSON. A word in capitals marks what differs between events of one
form, and `_PARTS` says what may be there. Each expression also checks the strings that it takes: no
control character, no half of a character, no unknown escape.
"""

from __future__ import annotations

import functools
import re
import sys
from typing import NamedTuple

__all__ = ["Grammar", "grammar"]


class Grammar(NamedTuple):
    """The expressions for the events of a stream. Pings may come before each of them.

    Attributes:
        begin: `message_start`, with its counts as groups. No pings come before it.
        block: The start of a block, and what `deltas` finds.
        deltas: Deltas that differ only in their string, or a citation; and the end of the block.
        input: The beginning of a delta of a tool's input, up to its string.
        pieces: Deltas of a tool's input.
        end: `message_delta`, with its counts as groups, and `message_stop`.
        stop: `message_stop`.
        ping: A ping.
    """

    begin: re.Pattern[bytes]
    block: re.Pattern[bytes]
    deltas: re.Pattern[bytes]
    input: re.Pattern[bytes]
    pieces: re.Pattern[bytes]
    end: re.Pattern[bytes]
    stop: re.Pattern[bytes]
    ping: re.Pattern[bytes]


@functools.cache  # made at first use: that takes some milliseconds
def grammar() -> Grammar:
    """Make the expressions."""

    def opening(name: str, more: str) -> str:
        return rf"event: {name}\ndata: " + _pattern(f'{{"type":"{name}"{more}')

    def event(name: str, more: str = "") -> str:
        return opening(name, more) + r" *\}\n\n"

    pings = f"(?:{event('ping')})*"
    delta = opening("content_block_delta", ',"index":INDEX,"delta":{"type":"DELTA":"')
    piece = opening("content_block_delta", ',"index":INDEX,"delta":{"type":"INPUT":"')
    text = rf'{_CHARACTERS}"\}} {_ALL}\}}\n\n'
    cited = event("content_block_delta", ',"index":CITED,"delta":CITATION')
    stop = event("content_block_stop", ',"index":STOPPED')
    deltas = rf"{pings}(?:(?P<opening>{delta}){text}(?:(?P=opening){text}){_ALL}|{cited})?"
    deltas += f"{pings}(?:{stop})?"
    starts = "|".join(map(_pattern, _STARTS))
    start = opening("content_block_start", ',"index":NUMBER,"content_block":{') + _TYPE
    patterns = (
        event("message_start", f',"message":{_MESSAGE}'),
        rf"(?P<start>{pings}{start}(?:{starts})\}} *\}}\n\n){deltas}",
        deltas,
        rf"{pings}(?P<opening>{piece})",
        rf"{pings}(?P<opening>{piece}){text}(?:(?P=opening){text}){_ALL}",
        pings + event("message_delta", _END) + pings + event("message_stop"),
        pings + event("message_stop"),
        event("ping"),
    )
    return Grammar(*(re.compile(pattern.encode("latin-1")) for pattern in patterns))


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
# Nothing that was taken has to be given back. If `re` is told so, it takes a fifth less time.
_ALL = "*+" if sys.version_info >= (3, 11) else "*"
_PLAIN = rf'[^"\\\x00-\x1f]{_ALL}'
_CHARACTERS = rf'{_PLAIN}(?:\\(?:["\\/bfnrt]|{_WHOLE}){_PLAIN}){_ALL}'
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
    "DELTA": '(?P<kind>text|thinking|signature)_delta", ?"(?P=kind)',
    "INPUT": 'input_json_delta", ?"partial_json',
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
