"""What to write instead of a value that is no body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from ..._model import Message
from ._faults import Fault

if TYPE_CHECKING:
    import attrs

__all__ = ["got", "is_body"]


def is_body(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Validate the field of a body.

    Raises:
        TypeError: It is not bytes.
    """
    if not isinstance(value, bytes):
        raise TypeError(f"{field.name}: expected bytes, {got(value)}")


def got(value: object) -> str:
    """Name the type of what is no body, and say what to write instead, if that is known."""
    if isinstance(value, type):
        return f"got the class {value.__name__}"
    remedy = _remedy(value)
    return f"got {type(value).__name__}" + (f"; {remedy}" if remedy else "")


def _remedy(value: object) -> str:
    from ...recordings import Recording  # only a mistake needs it

    if isinstance(value, Fault):
        return f"wrap it: Answer(body, {value!r})"
    if isinstance(value, Recording):
        return "its body is chunkview.recordings.body_of(recording)"
    if isinstance(value, Message):
        return 'make a stream of it: b"".join(map(encode, message.to_events()))'
    if isinstance(value, str):
        return "recording(name) gives a body by its name, path.read_bytes() that of a file"
    if isinstance(value, PathLike):
        return "read it: path.read_bytes()"
    if isinstance(value, (bytearray, memoryview)):
        return "make it bytes: bytes(body)"
    if isinstance(value, Mapping):
        return "an event is sent as encode(event), an error as (529, error)"
    return "give its members one by one" if isinstance(value, Sequence) else ""
