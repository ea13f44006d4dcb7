"""What all frozen values of this package share: equality, hash and `repr`.

attrs would write an `__eq__` and a `__hash__` for each class while the package is imported, and
compiling them takes a tenth of that time (3.11; an eighth on 3.13). Here are one of each, which
read the same fields. What is compared and what is hashed is said on the fields, as ever.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any

import attrs

from ._repr import concise_repr, rich_repr

if TYPE_CHECKING:
    from collections.abc import Callable

    # Type checkers know what this class decorator does.
    from attrs import frozen as value
else:
    value = functools.partial(attrs.frozen, eq=False, repr=False, weakref_slot=False)

__all__ = ["Value", "value"]


class Value:
    """The base of frozen attrs classes, which `value` decorates.

    Two instances are equal if they are of the very same class and their compared fields are equal.
    """

    __slots__ = ()
    __repr__ = concise_repr
    __rich_repr__ = rich_repr

    def __eq__(self, other: object) -> bool:
        """Compare the fields with those of an instance of the same class."""
        cls = self.__class__
        if other.__class__ is not cls:
            return NotImplemented
        compared = _compared[cls]
        is_equal: bool = compared(self) == compared(other)
        return is_equal

    def __hash__(self) -> int:
        """Hash the fields that are compared and not marked `hash=False`."""
        cls = self.__class__
        return hash((cls.__qualname__, _hashed[cls](self)))


class _Getters(dict[type[Any], "Callable[[Any], Any]"]):
    """From a class to a function that gives the values of some of an instance's fields."""

    def __init__(self, is_chosen: Callable[[attrs.Attribute[Any]], bool]) -> None:
        self._is_chosen = is_chosen

    def __missing__(self, cls: type[Any]) -> Callable[[Any], Any]:
        names = [field.name for field in attrs.fields(cls) if self._is_chosen(field)]
        self[cls] = operator.attrgetter(*names) if names else lambda _: ()
        return self[cls]


_compared = _Getters(lambda field: bool(field.eq))
_hashed = _Getters(lambda field: bool(field.eq) and field.hash is not False)
