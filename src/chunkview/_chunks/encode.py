"""Events back to the bytes of an event stream."""

from __future__ import annotations

import functools
import json
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
    line = _line_of(parsed.get("type"))
    return b"%sdata: %s\n\n" % (line, _json_text(parsed))


def _line_of(tag: Any) -> bytes:
    """The `event:` line; empty without a type, or for one that does not fit on a line."""
    if not isinstance(tag, str) or not tag or "\n" in tag or "\r" in tag:
        return b""
    try:
        return b"event: %s\n" % tag.encode()
    except UnicodeEncodeError:  # half a character
        return b""


def _json_text(event: dict[str, Any]) -> bytes:
    try:
        return _dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character, which can only be written as an escape
        return _dumps(event, ensure_ascii=True).encode()


_dumps = functools.partial(json.dumps, allow_nan=False, separators=(",", ":"))
