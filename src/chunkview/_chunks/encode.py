"""Events back to the bytes of an event stream."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from .contract import AnthropicCallResponseChunk
from .sources import new_event_dict

if TYPE_CHECKING:
    from .contract import MessageStreamEvent

__all__ = ["encode"]


def encode(event: MessageStreamEvent) -> bytes:
    """Write one event as the API sends it.

    `ChunkDecoder().feed(encode(chunk)) == [chunk]`. The JSON is compact. Half a character is
    written as its escape; two halves that meet in one string are one character to every parser.

    Args:
        event: A chunk view, or an event that `decode` takes.

    Returns:
        The `event:` line, the `data:` line and the blank line, in UTF-8. The `event:` line is left
        out when the event has no type, or one that does not fit on a line.

    Raises:
        DecodeError: The event is no event at all.
        TypeError: The event has a value that is no JSON.
        ValueError: The event has a number that is no JSON (NaN, Infinity).
    """
    parsed: dict[str, Any]
    if isinstance(event, AnthropicCallResponseChunk):
        parsed = event.to_event()
    else:
        parsed = new_event_dict(
            bytes(event) if isinstance(event, (bytearray, memoryview)) else event
        )
    text = json.dumps(parsed, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    data = b"data: %s\n\n" % _HALF.sub(_escaped, text).encode()
    tag = parsed.get("type")
    if not isinstance(tag, str) or not tag or _NOT_ON_A_LINE.search(tag):
        return data
    return b"event: %s\n%s" % (tag.encode(), data)


_HALF = re.compile("[\ud800-\udfff]")
_NOT_ON_A_LINE = re.compile("[\r\n\ud800-\udfff]")


def _escaped(half: re.Match[str]) -> str:
    return f"\\u{ord(half[0]):04x}"
