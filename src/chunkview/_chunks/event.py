"""An event as a frozen class: how a chunk is read from its event, and written back.

The annotations of the class are its schema, as they are for the records of `_model`. A chunk is
flat, so a field's metadata says in which object of the event its key is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from .._model import (
    ABSENT,
    MisfitError,
    per_class,
    put_reader,
    put_record_reader,
    reader,
    schema,
    to_json,
)
from .._value import Value
from ..errors import shown
from .contract import AnthropicCallResponseChunk
from .sources import new_event_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

__all__ = ["INDEX", "IN_DELTA", "ONE_STRING", "Variant", "put_event_reader"]


def _read_index(value: Any) -> int:
    """Read the number of a block."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        index = int(value) if isinstance(value, int) or value.is_integer() else -1
        if index >= 0:
            return index
    raise MisfitError(f"expected an index, got {'null' if value is None else shown(value)}")


IN_DELTA = {"inside": "delta"}
"""Marks a field whose key is in the event's `delta`."""
ONE_STRING = {**IN_DELTA, "misfit_rule": "delta_string_misfit"}
"""Marks the one string of a delta. It may be missing. If it is there, the answer depends on it."""
INDEX = {"read": _read_index, "exact": int, "least": 0, "missing_rule": "index_missing"}
"""Marks the number of a block."""


class Variant(Value, AnthropicCallResponseChunk):
    """How a chunk is read from its event, and written back.

    Both follow the schema of the class: `IN_DELTA` on a field says in which object of the event
    its key is.
    """

    __slots__ = ()

    @classmethod
    def from_event(cls, event: dict[str, Any], source: Any) -> Self:
        """Read an event of this class.

        Args:
            event: The event, which has passed `bounded` or comes from text.
            source: What the chunk keeps as its `chunk`.

        Returns:
            The chunk view.

        Raises:
            DecodeError: Something essential is missing or of the wrong type.
        """
        made: Self = _event_readers[cls](event, source, False)
        return made

    def to_event(self) -> dict[str, Any]:
        cls = type(self)
        source: Any = self.chunk
        if source is None:
            event: dict[str, Any] = {}
            original: Any = None
        else:
            event = new_event_dict(source)
            original = cls.from_event(event, None)
        event["type"] = self.type
        for key in schema(cls).keys:
            value = getattr(self, key.name)
            if original is None:
                is_written = value is not None or key.always
            else:
                # Dicts and lists are kept unchanged, so writing them does no harm. (They may be
                # equal and not the same: 1 is 1.0 to Python.)
                is_written = value != getattr(original, key.name) or isinstance(value, (dict, list))
            if is_written:
                place = event
                if key.inside:
                    # What is absent, null or a misfit there becomes an object.
                    if not isinstance(event.get(key.inside), dict):
                        event[key.inside] = {}
                    place = event[key.inside]
                place[key.wire] = to_json(value)
        return event


class _EventReaders(dict[type[Any], "Callable[..., Any]"]):
    def __missing__(self, cls: type[Any]) -> Callable[..., Any]:
        put_event_reader(self, cls, cls)
        return self[cls]


_event_readers = _EventReaders()


def put_event_reader(table: dict[Any, Callable[..., Any]], name: Any, cls: type[Any]) -> None:
    """Put the function that reads the events of a class into a table, as `put_reader` does.

    Its arguments are the event, what the chunk keeps as its `chunk`, and whether the event has yet
    to pass `bounded`.
    """
    slow = functools.partial(_read_slowly, cls)
    put_reader(table, name, cls, slow, functools.partial(_event_reader, cls))


@per_class
def _event_reader(cls: type[Any]) -> Callable[..., Any]:
    tags = {"": cls.type, "delta": getattr(cls, "delta_type", None)}
    return reader(
        cls,
        schema(cls).keys,
        functools.partial(_read_slowly, cls),
        put_record_reader,
        tags={place: tag for place, tag in tags.items() if isinstance(tag, str)},
        given=("chunk",),
    )


def _read_slowly(cls: type[Any], event: dict[str, Any], source: Any) -> Any:
    """Read any event of a class: with absent keys, nulls and misfits."""
    fields: dict[str, Any] = {}
    for key in schema(cls).keys:
        place = event.get(key.inside) if key.inside else event
        came = place.get(key.wire, ABSENT) if isinstance(place, dict) else ABSENT
        try:
            fields[key.name] = key.value_of(came)
        except MisfitError:
            fields[key.name] = key.default()
    return cls(**fields, chunk=source)
