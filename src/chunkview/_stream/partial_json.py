"""A tool's input while its text is not complete: whether it ends here, and what is in it so far."""

from __future__ import annotations

import json
import math
from typing import Any

from .._model import InvalidJson

__all__ = ["BLANKS", "ObjectScan", "read_partial"]

BLANKS = " \t\r\n"
"""The white space of JSON."""


class ObjectScan:
    """Looks for the end of a JSON object in a text that comes in parts. It does not parse.

    Attributes:
        is_blank: Whether there is nothing but white space so far.
        is_broken: Whether the text cannot become an object: it begins with something else, or
            something follows the object.
    """

    __slots__ = ("_depth", "_in_string", "_is_escaped", "is_blank", "is_broken")

    def __init__(self) -> None:
        self.is_blank = True
        self.is_broken = False
        self._depth = 0
        self._in_string = False
        self._is_escaped = False

    @property
    def is_balanced(self) -> bool:
        """Whether each bracket that was opened is closed again, and nothing follows."""
        return self._depth == 0 and not self.is_blank and not self.is_broken

    def take(self, part: str) -> None:
        """Take the next part."""
        for char in "" if self.is_broken else part:
            if self._in_string:
                if self._is_escaped:
                    self._is_escaped = False
                elif char == "\\":
                    self._is_escaped = True
                elif char == '"':
                    self._in_string = False
            elif char in BLANKS:
                continue
            elif self._depth == 0 and (char != "{" or not self.is_blank):
                self.is_blank = False
                self.is_broken = True
                return
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self.is_blank = False
                self._depth += 1
            elif char in "}]":
                self._depth -= 1


def read_partial(text: str) -> Any:
    """Read the beginning of a JSON object.

    Args:
        text: The text so far, which is not blank.

    Returns:
        A dict with the keys and values so far; the last string may be incomplete. An InvalidJson
        when the text cannot be the beginning of an object.

    Raises:
        ImportError: jiter is not installed.
    """
    try:
        from jiter import from_json
    except ImportError as error:
        raise ImportError(
            "reading a tool input that is not complete needs jiter: "
            "pip install 'chunkview[partial]'"
        ) from error
    try:
        value = from_json(text.encode(), partial_mode="trailing-strings", allow_inf_nan=False)
    except ValueError:
        return InvalidJson(text)
    # jiter stops after the first value, and it reads numbers beyond a float's range as inf.
    if isinstance(value, dict) and _is_finite(value) and not _has_more(text):
        return value
    return InvalidJson(text)


def _is_finite(value: Any) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, float) and not math.isfinite(item):
            return False
    return True


def _has_more(text: str) -> bool:
    """Whether something follows a whole JSON value."""
    try:
        _, end = json.JSONDecoder().raw_decode(text.lstrip(BLANKS))
    except (ValueError, RecursionError):
        return False
    return text.lstrip(BLANKS)[end:].strip(BLANKS) != ""
