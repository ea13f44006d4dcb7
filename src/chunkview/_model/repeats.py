"""Tool calls that come twice: some servers send a call again when its block ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .record import to_json

if TYPE_CHECKING:
    from .blocks import ToolUseBlock

__all__ = ["RepeatedCalls"]


class RepeatedCalls:
    """Finds the calls that are equal to an earlier one and have its id.

    The time is linear in the calls. Mostly the ids differ, and then nothing is compared.
    """

    __slots__ = ("_first", "_texts")

    def __init__(self) -> None:
        self._first: dict[str, ToolUseBlock] = {}
        self._texts: dict[str, set[str]] = {}

    def has(self, call: ToolUseBlock) -> bool:
        """Say whether a call repeats an earlier one, and remember it."""
        if not call.id:
            return False
        if call.id not in self._first:
            self._first[call.id] = call
            return False
        texts = self._texts.setdefault(call.id, {_text_of(self._first[call.id])})
        text = _text_of(call)
        is_repeated = text in texts
        texts.add(text)
        return is_repeated


def _text_of(call: ToolUseBlock) -> str:
    """What is compared of a call, as JSON.

    Equal calls have one text, though they may be written differently. True is not 1 here, unlike in
    Python: a tool may tell them apart.
    """
    compared = (call.name, call.input, call.caller, call.toolset_name, call.extra)
    try:
        return json.dumps(_with_whole_numbers(to_json(compared)), sort_keys=True)
    except (TypeError, ValueError):  # no JSON, or an integer that Python will not write
        return f"no JSON {id(call)}"


def _with_whole_numbers(value: Any) -> Any:
    """Write 1.0 as 1, which it equals."""
    if isinstance(value, dict):
        return {key: _with_whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
