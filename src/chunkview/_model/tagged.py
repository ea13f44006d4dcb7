"""Objects that are told apart by their `type`: what content blocks and citations share.

A table gives the class of each tag. An object with a tag of no class is kept whole.
"""

# The tag of a class is narrower than the `str` of its base, and here and there it is a field.
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from ..errors import DecodeError, kind_of
from .bounds import copy_json
from .record import REQUIRED_KEY, Record, read_record, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

__all__ = ["TaggedRecord", "UnknownRecord", "by_tag", "read_tag", "read_tagged"]

TaggedT = TypeVar("TaggedT", bound="TaggedRecord")
OtherT = TypeVar("OtherT")


class TaggedRecord(Record):
    """A JSON object that its `type` tells apart from its siblings.

    Attributes:
        type: The tag on the wire.
    """

    __slots__ = ()

    type: ClassVar[str]
    _is_told_by_type: ClassVar[bool] = True

    @classmethod
    def _read(cls, data: dict[str, Any]) -> Self:
        """Read an object of this class; a base class, which has no tag, reads none.

        Raises:
            TypeError: This is a base class.
        """
        if not hasattr(cls, "type"):
            raise TypeError(
                f"{cls.__name__} is a base class and cannot be read; chunkview.read_block(data) "
                "finds the class of a block, chunkview.read_citation(data) that of a citation"
            )
        return super()._read(data)


@record
class UnknownRecord(TaggedRecord):
    """An object of a kind that this version does not know, kept whole.

    Attributes:
        type: The tag on the wire; "" where there is none.
        data: The whole object.
    """

    type: str  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    data: dict[str, Any] = attrs.field(hash=False)

    @classmethod
    def _read(cls, data: dict[str, Any]) -> Self:
        """Keep any object that has a tag."""
        return cls(read_tag(data), data)

    def to_dict(self) -> dict[str, Any]:
        """Write the object unchanged, as a new dict."""
        written: dict[str, Any] = copy_json(self.data)
        return {**written, "type": self.type} if self.type else written


def by_tag(*classes: type[TaggedT]) -> dict[str, type[TaggedT]]:
    """Make the table that finds a class by its tag."""
    return {cls.type: cls for cls in classes}


def read_tag(data: Any) -> str:
    """Read the `type` of a tagged JSON object.

    Raises:
        DecodeError: `data` is not an object, or it has no string under `type`.
    """
    if not isinstance(data, dict):
        raise DecodeError(f"expected object, got {kind_of(data)}", rule="content_block_missing")
    tag = data.get("type")
    if isinstance(tag, str):
        return tag
    problem = f"expected str, got {kind_of(tag)}" if "type" in data else REQUIRED_KEY
    raise DecodeError(problem, path="type", rule="block_type_missing")


def read_tagged(
    classes: Mapping[str, type[TaggedT]], other: Callable[[str, dict[str, Any]], OtherT], data: Any
) -> TaggedT | OtherT:
    """Read an object as the class of its tag.

    Args:
        classes: The class of each known tag.
        other: Reads an object of any other tag, from the tag and the object.
        data: The JSON value, which has passed `bounded` or comes from text.

    Returns:
        An instance of the class, or what `other` gives.

    Raises:
        DecodeError: It is not an object with a `type`, or its class refuses it.
    """
    tag = read_tag(data)
    cls = classes.get(tag)
    if cls is None:
        return other(tag, data)
    known: TaggedT = read_record(cls, data)
    return known
