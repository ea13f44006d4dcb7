"""msgspec Structs: the events as tagged Structs, made from the JSON text. It needs msgspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .peers import floor_wire
from .wire_types import is_optional, union_of, wire_types

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["STRUCTS", "floor_wire_msgspec", "structs_wire"]


def _make(name: str, fields: dict[str, Any]) -> Any:
    definitions = [
        (field, kind, None) if is_optional(kind) else (field, kind)
        for field, kind in fields.items()
    ]
    return msgspec.defstruct(name, definitions, frozen=True, kw_only=True)


def _one_of(variants: dict[str, Any]) -> Any:
    return union_of(
        msgspec.defstruct(tag, [], bases=(cls,), tag=tag, tag_field="type", frozen=True)
        for tag, cls in variants.items()
    )


STRUCTS = wire_types(_make, _one_of)
"""The Union of all events."""

_decode_structs = msgspec.json.Decoder(STRUCTS).decode
_decode_plain = msgspec.json.Decoder().decode


def structs_wire(pieces: Iterable[bytes]) -> list[Any]:
    """The floor's framing, with tagged Structs made from the JSON text."""
    return floor_wire(pieces, _decode_structs)


def floor_wire_msgspec(pieces: Iterable[bytes]) -> list[Any]:
    """The floor with msgspec's JSON."""
    return floor_wire(pieces, _decode_plain)
