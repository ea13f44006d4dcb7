"""The limits that a caller sets."""

from __future__ import annotations

from ..errors import shown

__all__ = ["checked_limit"]


def checked_limit(name: str, value: int) -> int:
    """Give a limit, if it is one.

    Args:
        name: The name of the parameter.
        value: The number of bytes that the caller gave.

    Raises:
        TypeError: It is no int. A bool is none either.
    """
    if isinstance(value, bool) or not isinstance(value, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"expected {name} to be an int (sys.maxsize: no limit), got {shown(value)}")
    return value
