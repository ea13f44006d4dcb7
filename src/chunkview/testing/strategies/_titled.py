"""A value with a short `repr`.

Hypothesis shows a strategy with all its arguments when something goes wrong, which could fill
pages, and warns when the `repr` is too long.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Titled"]

T = TypeVar("T")


# Not an attrs class: Hypothesis shows those field by field and ignores their own repr.
class Titled(Generic[T]):
    """A value whose `repr` is a title.

    Attributes:
        title: The `repr`.
        value: The value.
    """

    def __init__(self, title: str, value: T) -> None:
        self.title = title
        self.value = value

    def __repr__(self) -> str:
        return self.title
