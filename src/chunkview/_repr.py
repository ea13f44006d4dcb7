"""The `repr` of values: complete if it is short, otherwise shortened, and never an error.

A short value is shown as the call that makes it. When that takes more than `WHOLE` characters, it
is shortened: each part gets half of the room that is left, so that after a text of 500 kB, or
10,000 blocks, there is room for what follows. Neither way reads more of a value than it shows.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["WHOLE", "concise_repr", "rich_repr"]

WHOLE = 2_000
"""How many characters the `repr` of a value may have. A longer one is shortened to about that."""

# A shortened part gets at least this many characters. With less room left, "..." is shown.
_LEAST = 24
# A longer integer is shown by its size: writing it takes quadratic time, and Python may refuse.
_MAX_BITS = 2_000


def concise_repr(self: Any) -> str:
    """Show the fields that differ from their defaults, as a call that makes the value."""
    try:
        return _show(self, WHOLE, whole=True)
    except (_TooLongError, RecursionError):
        pass
    try:
        return _show(self, WHOLE, whole=False)
    except RecursionError:  # hardly any stack is left
        return f"{type(self).__name__}(...)"


def rich_repr(self: Any) -> Iterator[tuple[str, Any]]:
    """Give rich the fields that `repr` shows.

    Source: https://rich.readthedocs.io/en/stable/pretty.html (rich repr protocol).
    """
    yield from _shown_fields(self)


def _shown_fields(value: Any) -> Iterator[tuple[str, Any]]:
    for name, parameter, default in _fields(type(value)):  # type: ignore[arg-type]
        item = getattr(value, name)
        # A default is a scalar or empty, so the comparison is cheap.
        if type(item) is not type(default) or item != default:
            yield parameter, item


@functools.cache
def _fields(cls: type[Any]) -> list[tuple[str, str, Any]]:
    """The attribute, the parameter and the default of each field that is shown."""
    return [
        (
            field.name,
            field.alias or field.name,
            field.default.factory() if isinstance(field.default, attrs.Factory) else field.default,  # type: ignore[arg-type]
        )
        for field in sorted(attrs.fields(cls), key=lambda field: field.kw_only)
        if field.repr
    ]


class _TooLongError(Exception):
    """The whole `repr` does not fit into the room."""


def _show(value: Any, room: int, *, whole: bool) -> str:
    """Show a value.

    Args:
        value: A value of this package or a JSON value; others are shown by their own `repr`.
        room: How many characters there are.
        whole: Whether nothing may be left out.

    Returns:
        The text. When it may be shortened, it can be a little longer than `room`.

    Raises:
        _TooLongError: The whole text has more characters than `room`.
    """
    kind = type(value)
    if kind is str:
        # One character more than fits shows that it is too long.
        return _fit(repr(value[: max(room, 0) + 1]), room, whole=whole)
    labelled: Iterable[tuple[Any, Any]]
    if kind is dict:
        opening, closing, labelled = "{", "}", value.items()
    elif kind is list:
        opening, closing, labelled = "[", "]", ((None, item) for item in value)
    elif kind is tuple:
        closing = ",)" if len(value) == 1 else ")"
        opening, labelled = "(", ((None, item) for item in value)
    elif kind.__repr__ is concise_repr:  # type: ignore[comparison-overlap]
        opening, closing, labelled = f"{kind.__name__}(", ")", _shown_fields(value)
    else:
        return _fit(_other(value), room, whole=whole)

    parts: list[str] = []
    left = room - len(opening) - len(closing)
    for label, item in labelled:
        if left < _LEAST and not whole:
            rest = f" {len(value) - len(parts)} more" if kind in (dict, list, tuple) else ""
            parts.append(f"...{rest}")
            break
        share = left if whole else max(left // 2, _LEAST)
        part = ""
        if kind is dict:
            part = f"{_show(label, share, whole=whole)}: "
        elif label is not None:
            part = f"{label}="
        part += _show(item, share - len(part), whole=whole)
        parts.append(part)
        left -= len(part) + 2
    if whole and left < -2:
        raise _TooLongError
    return f"{opening}{', '.join(parts)}{closing}"


def _other(value: Any) -> str:
    """Show a scalar, or an object that is not of this package."""
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return f"<int of {value.bit_length()} bits>"
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - showing an object of another package must not fail
        return f"<{type(value).__name__}>"


def _fit(text: str, room: int, *, whole: bool) -> str:
    if len(text) <= room:
        return text
    if whole:
        raise _TooLongError
    end = text[-1] if text.endswith(("'", '"')) else ""
    return f"{text[: max(room, _LEAST) - 4]}...{end}"
