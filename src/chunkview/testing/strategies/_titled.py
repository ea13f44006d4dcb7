"""A short stand-in for what would fill pages in the repr of a strategy.

Hypothesis shows strategies with all their arguments when something goes wrong, and warns of a
repr that is too long.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Titled"]

T = TypeVar("T")


# Not an attrs class: Hypothesis shows those field by field, whatever their own repr.
class Titled(Generic[T]):
    """A value that is shown by its title.

    Attributes:
        title: What the repr is.
        value: The value.
    """

    def __init__(self, title: str, value: T) -> None:
        self.title = title
        self.value = value

    def __repr__(self) -> str:
        return self.title
