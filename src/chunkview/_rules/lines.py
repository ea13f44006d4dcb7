"""Which rules the lines of one event break: its `event:` line and its data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._chunks import DONE
from ..errors import DecodeError, kind_of, shown
from .findings import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["faults_of_lines"]


def faults_of_lines(name: bytes, value: Any, payload: bytes) -> tuple[Fault, ...]:
    """Find what is off with the lines of an event.

    Args:
        name: The value of the last `event:` line, or b"".
        value: The data, parsed; the parser's exception where it is no JSON.
        payload: The data: the values of the `data:` lines, joined with line feeds.

    Returns:
        The rules that they break, with what was seen. An event without a name and without data is
        none, and breaks no rule.
    """
    if value.__class__ is dict and name:
        tag = value.get("type")
        if (
            tag.__class__ is str
            and name == tag.encode(errors="surrogatepass")
            # To look for one byte takes a tenth of the time.
            and not (0x5C in payload and b"\\u" in payload)
        ):
            return ()  # most events
    return tuple(_faults_of_lines(name, value, payload))


def _faults_of_lines(name: bytes, value: Any, payload: bytes) -> Iterator[Fault]:
    text = payload.strip()
    if text == DONE:
        yield Fault("done_marker_named", f"event: {_shown(name)}") if name else Fault("done_marker")
        return
    if not name:
        if not text:
            return
        tag = value.get("type") if isinstance(value, dict) else None
        due = f"event: {tag} is due" if isinstance(tag, str) and tag else ""
        yield Fault("event_line_missing", due)
    if not isinstance(value, dict):
        yield _fault_of_data(name, value, text)
        return
    tag = value.get("type")
    if not isinstance(tag, str):
        seen = f"type is {kind_of(tag)}" if "type" in value else ""
        yield Fault("event_type_missing", seen)
    elif name and name != tag.encode(errors="surrogatepass"):
        yield Fault("event_line_differs", f"event: {_shown(name)}, type {shown(tag, 40)}")
    if 0x5C in payload and (half := _half_character(payload)):
        yield Fault("half_character", half)


def _fault_of_data(name: bytes, value: Any, text: bytes) -> Fault:
    under = f" under event: {_shown(name)}" if name else ""
    if not text:
        return Fault("data_not_object", f"no data{under}")
    if isinstance(value, DecodeError) and value.rule:
        return Fault(value.rule, f"{value.problem}{under}")
    if isinstance(value, Exception):
        return Fault("data_not_object", f"invalid JSON: {value}{under}")
    return Fault("data_not_object", f"{kind_of(value)} {shown(value, 40)}{under}")


def _shown(name: bytes) -> str:
    return shown(name.decode(errors="replace"), 40)


_ESCAPES = (
    rb"\\\\"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""A backslash, a whole character beyond U+FFFF, or half of one. The first that fits counts.

Few streams need it, so `re` compiles it when it is first used.
"""


def _half_character(payload: bytes) -> str:
    """Find the first escape of a lone surrogate. "" where there is none."""
    for found in re.finditer(_ESCAPES, payload):
        if found[1]:
            return found[1].decode()
    return ""
