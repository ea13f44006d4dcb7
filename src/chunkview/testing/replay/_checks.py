"""Checks of arguments that several values have in common."""

from __future__ import annotations

import reprlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import attrs

__all__ = ["check_seconds", "of_type"]


def of_type(*types: type, expected: str) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """Make a validator for a field of an attrs class. It raises a TypeError.

    Args:
        types: What the field takes.
        expected: The same in words.
    """

    def check(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, types):
            raise TypeError(f"{field.name}: expected {expected}, got {reprlib.repr(value)}")

    return check


def check_seconds(name: str, seconds: object) -> None:
    """Check an argument that is a time to wait.

    Raises:
        TypeError: It is no number.
        ValueError: It is negative, or longer than the system can wait.
    """
    problem = f"{name}: expected seconds, 0 or more, got {seconds!r}"
    if not isinstance(seconds, (int, float)):
        raise TypeError(problem)
    if not 0 <= seconds <= threading.TIMEOUT_MAX:
        raise ValueError(problem)
