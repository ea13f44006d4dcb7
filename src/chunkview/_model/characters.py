"""Half characters: JSON can hold one half of a pair of surrogates, as an escape.

A server that cuts its text between two deltas may cut a character in half. Python keeps each half
in a str. It can be written as an escape again, but not as UTF-8.
"""

from __future__ import annotations

from typing import Any

__all__ = ["joined_halves", "with_whole_characters"]


def joined_halves(text: str) -> str:
    """Join halves that follow one another. A half that is alone remains."""
    return _joined(text, "surrogatepass")


def with_whole_characters(value: Any) -> Any:
    """Put U+FFFD for each half that is alone.

    Args:
        value: A JSON value.

    Returns:
        The value, or a copy where something had to be replaced.
    """
    if isinstance(value, str):
        return _joined(value, "replace")
    if isinstance(value, dict):
        return {
            with_whole_characters(key): with_whole_characters(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_whole_characters(item) for item in value]
    return value


def _joined(text: str, alone: str) -> str:
    """Join halves. What becomes of one that is alone says `alone`, an error handler."""
    if text.isascii():
        return text
    try:
        text.encode()  # finds out fastest
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", alone)
    return text
