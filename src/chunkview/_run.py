"""Runs: the deltas of one block begin with the same bytes, and that is put to use.

A stream is mostly such deltas. To parse the one string that each of them brings, instead of its
JSON, makes a stream of text four times as fast with the standard library, and twice as fast with
msgspec (`one long text` in benchmarks/test_wire.py).
"""

from __future__ import annotations

import functools
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING

from .decode import STRING_DELTAS, decode
from .errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call_response_chunk import AnthropicCallResponseChunk

__all__ = ["CLOSES", "CLOSES_AND_BLANK_LINE", "OPENINGS", "Run", "recalled"]

_MAX_START = 512
"""How many bytes a run's start may have: the API's have about 120, and they are cached."""
_MAX_LAST = 64
"""Of how many blocks of a message the last run is remembered."""


class Run:
    """The deltas of one block, which begin with the same bytes up to the string they bring."""

    __slots__ = ("head", "index", "length", "make", "start")

    def __init__(
        self,
        start: bytes,
        head: int,
        make: Callable[..., AnthropicCallResponseChunk],
        index: int,
    ) -> None:
        self.start = start
        """The lines of the event up to and with the quote that opens the string."""
        self.length = len(start)
        self.head = head
        """Where in these the payload begins."""
        self.make = make
        self.index = index

    @classmethod
    def after(cls, head: bytes, payload: bytes, delta_type: str, index: int) -> Run | None:
        """Learn from one delta.

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
        if run is not None and 0 <= index < _MAX_LAST:
            _last[delta_type, index] = run
        return run

    def decode(
        self, data: bytes, closes: frozenset[str], end_of_lines: int | None
    ) -> AnthropicCallResponseChunk | None:
        """Decode one event that begins with `start`.

        Args:
            data: Bytes that begin with `start`, and may hold exactly one event.
            closes: What may follow the string: `CLOSES` or `CLOSES_AND_BLANK_LINE`.
            end_of_lines: Where the event's lines end in `data`, counted from its end.

        Returns:
            The chunk view; None when the event is not quite of this kind.
        """
        try:
            text = data[self.length :].decode()
            value, end = scanstring(text, 0)
        except ValueError:
            return None
        # No line can end inside a string, so what is closed like this has one line of data.
        close = text[end:]
        if close not in closes:
            lines = close[:end_of_lines]
            if lines.replace(" ", "") + close[len(lines) :] not in closes:
                return None
        # An escape might be a lone surrogate: whoever writes \\u at all is looked at closely.
        if "\\" in text and "\\u" in text:
            return None
        return self.make(data[self.head : end_of_lines], self.index, value)


# The API pads its events with spaces between the last two braces.
CLOSES = frozenset("}" + " " * spaces + "}" for spaces in range(24))
CLOSES_AND_BLANK_LINE = frozenset(close + "\n\n" for close in CLOSES)


def recalled(block_type: str, index: int) -> Run | None:
    """Guess the run of a block that has just started: the one that such a block had last.

    A wrong guess does no harm, since a run decodes only what begins with its very bytes.
    """
    return _last.get((_DELTAS_OF.get(block_type, ""), index))


_DELTAS_OF = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "tool_use": "input_json_delta",
    "server_tool_use": "input_json_delta",
    "mcp_tool_use": "input_json_delta",
}
_last: dict[tuple[str, int], Run] = {}


# Streams begin their events alike, so that nearly every run has been proven for another one: to
# look it up takes a twentieth of the time of proving it anew.
@functools.lru_cache(maxsize=256)
def _proven(start: bytes, head: int, delta_type: str, index: int) -> Run | None:
    """Make a run, unless the bytes do not mean what they seem to mean.

    That is not assumed but tried: with an empty string behind them they must decode to an empty
    delta of the same block.
    """
    make, _ = STRING_DELTAS[delta_type]
    try:
        empty = decode(start[head:] + b'"}}')
    except DecodeError:
        return None
    return Run(start, head, make, index) if empty == make(None, index, "") else None


OPENINGS = {
    delta_type: re.compile(rb'"%b"\s*:\s*"' % name.encode())
    for delta_type, (_, name) in STRING_DELTAS.items()
    if delta_type != "signature_delta"  # comes once in a block
}
"""What opens the string of a delta, by the delta's type."""
