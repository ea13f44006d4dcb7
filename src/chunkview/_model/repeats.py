"""Tool calls that come twice: some servers send a call again when its block ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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
    """The call as JSON, which is the same for equal calls."""
    try:
        return json.dumps(call.to_dict(), sort_keys=True)
    except (TypeError, ValueError):  # no JSON, or an integer that Python will not write
        return f"no JSON {id(call)}"
