"""How a delta from the wire keeps its event in few bytes: without the string that it has already.

The deltas of a block differ by their strings only. So a chunk keeps, in place of the payload, what
surrounds the string in it: an `Origin`, one object for all of them. `chunk` writes the payload
again. That halves the memory of a chunk. To change, copy or pickle a chunk reads `chunk`, so the
result has the payload itself, whatever becomes of its string.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeVar

from .contract import BaseCallResponseChunk

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Origin", "keeps_origin", "kept_by"]

ClassT = TypeVar("ClassT", bound="type[Any]")


class Origin:
    """What surrounds the string of a delta, which has no escapes.

    Attributes:
        opening: The payload up to the string, with the quote that opens it.
        closing: The payload from the quote that closes the string.
    """

    __slots__ = ("closing", "opening")

    def __init__(self, opening: bytes, closing: bytes) -> None:
        self.opening = opening
        self.closing = closing


# A slot's descriptor reads the slot under any name. So where the property below hides the slot
# `chunk`, this reads it still.
_base: Any = BaseCallResponseChunk
_base._kept = _base.chunk
kept_by: Callable[[Any], Any] = operator.attrgetter("_kept")
"""What a chunk keeps: the original event, or an Origin."""


def keeps_origin(name: str) -> Callable[[ClassT], ClassT]:
    """Let the chunks of a class keep an Origin.

    Args:
        name: The field with the string.

    Returns:
        A class decorator, to go above that of attrs: attrs drops what has the name of a field.
    """
    string_of = operator.attrgetter(name)

    def chunk(self: Any) -> Any:
        """The original event, exactly as it was given."""
        kept = self._kept
        if kept.__class__ is Origin:
            return kept.opening + string_of(self).encode() + kept.closing
        return kept

    def decorate(cls: ClassT) -> ClassT:
        # attrs sets the field by way of the property, and a `maker` writes to the slot.
        cls.chunk = property(chunk, cls.chunk.__set__)
        return cls

    return decorate
