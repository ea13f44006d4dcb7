"""A JSON object as a frozen class whose annotations are its schema.

Here stands what blocks, citations, usage and `Message` share: reading a mapping field by field
with the path of whatever does not fit, keeping every key that the class does not name, and
writing back exactly what was read.
"""

from __future__ import annotations

import functools
import types
import typing
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import attrs

from .._repr import concise_repr, rich_repr
from ..errors import DecodeError, kind_of, shown
from .json import MAX_RECORD_DEPTH, bounded, copy_json
from .make import maker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attrs import frozen as record
    from typing_extensions import Self
else:
    # The same class decorator; `concise_repr` serves them all, which is shorter to read than a row
    # of `None`s and saves generating a method for each class at import.
    record = functools.partial(attrs.frozen, repr=False, weakref_slot=False)

T = TypeVar("T")

__all__ = [
    "Key",
    "Record",
    "concise_repr",
    "keys_reader",
    "read_object",
    "record",
    "rich_repr",
    "schema",
    "to_json",
]


@record
class Record:
    """A JSON object of the API, read losslessly.

    Attributes:
        extra: The keys that the class does not name, with their values. Compared, not hashed.
    """

    extra: dict[str, Any] = attrs.field(factory=dict[str, Any], kw_only=True, hash=False)
    # The names of the optional keys that came as an explicit null. They make no difference to
    # what the object means, so they are not compared, but `to_dict` writes them again.
    _nulls: frozenset[str] = attrs.field(
        default=frozenset(), kw_only=True, eq=False, repr=False, alias="nulls"
    )

    __repr__ = concise_repr
    __rich_repr__ = rich_repr

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read the object.

        Args:
            data: A JSON object (parsed): a dict or another mapping. It is not changed. Dicts and
                lists in it are kept by reference; other mappings become dicts, and tuples lists.

        Returns:
            An instance of this class; on `Citation` and `ContentBlock`, of a subclass.

        Raises:
            DecodeError: A required key is missing, or a value is of the wrong type; the error's
                `path` says where. Or the object is nested too deep, holds itself, grows beyond
                all bounds by shared references, or fails while it is read.
        """
        return cls._read(bounded(data, MAX_RECORD_DEPTH))

    @classmethod
    def _read(cls, data: dict[str, Any]) -> Self:
        """Read an object that has been let in by `bounded`."""
        made: Self = read_record(cls, data)
        return made

    def to_dict(self) -> dict[str, Any]:
        """Write the object as the wire has it.

        Returns:
            A new, JSON-serialisable dict. For an object that was read, it equals what was read,
            unknown keys and explicit nulls included.
        """
        shape = schema(type(self))
        written: dict[str, Any] = {} if shape.tag is None else {"type": shape.tag}
        for key in shape.keys:
            value = getattr(self, key.name)
            if value is not None:
                written[key.wire] = to_json(value)
            elif key.wire in self._nulls:
                written[key.wire] = None
        for name, value in self.extra.items():
            written[name] = copy_json(value)
        return written


def to_json(value: Any) -> Any:
    """Turn a field's value into a JSON value of its own."""
    if value.__class__ is str or value.__class__ is int:
        return value
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return copy_json(value)


def per_class(make: Callable[[type[Any]], T]) -> Callable[[type[Any]], T]:
    """Make something for a class once, when it is first wanted.

    Resolving the annotations of classes that are never read costs nothing that way.
    """
    return functools.cache(make)  # type: ignore[return-value]


class Key(NamedTuple):
    """One named key of a JSON object.

    Attributes:
        name: The attribute.
        wire: The key on the wire, which differs where the key is a Python keyword.
        inside: The key of the object that holds this one, or "" for the object itself.
        exact: The type of a value that is taken without further ado, or None.
        read: From the JSON value to the attribute's value; raises DecodeError.
        nullable: Whether it may be null.
        required: Whether the key must be there.
        always: Whether the key is written even when it is null and nobody has sent it.
        default: The attribute's value where the key is absent.
    """

    name: str
    wire: str
    inside: str
    exact: type | None
    read: Callable[[Any], Any]
    nullable: bool
    required: bool
    always: bool
    default: Any


class Schema(NamedTuple):
    """What a class reads and writes.

    Attributes:
        keys: The named keys, in the order of the fields.
        tag: The fixed `type` that the object has on the wire, or None where it has none.
        names: All the keys on the wire that are not extra.
    """

    keys: tuple[Key, ...]
    tag: str | None
    names: frozenset[str]


@per_class
def schema(cls: type[Any]) -> Schema:
    """The schema of a class, from its annotations."""
    hints = typing.get_type_hints(cls)
    keys = []
    for field in attrs.fields(cls):
        if field.alias in ("extra", "nulls", "chunk"):
            continue
        kind = hints[field.name]
        optional = type(None) in typing.get_args(kind)
        always = field.default is attrs.NOTHING
        keys.append(
            Key(
                name=field.name,
                wire=field.metadata.get("wire", field.name),
                inside=field.metadata.get("inside", ""),
                exact=_exact(kind),
                read=field.metadata.get("read") or _reader(kind),
                nullable=optional or kind is Any,
                required=field.metadata.get("required", always and not optional),
                always=always,
                default=None if always else field.default,
            )
        )
    names = {key.wire for key in keys}
    tag = getattr(cls, "type", None)
    if not isinstance(tag, str):  # no tag, or one that is a field
        return Schema(tuple(keys), None, frozenset(names))
    return Schema(tuple(keys), tag, frozenset(names | {"type"}))


def keys_reader(
    keys: tuple[Key, ...],
) -> Callable[[dict[str, Any]], tuple[list[Any], list[str]]]:
    """Make the reader of named keys.

    Args:
        keys: The keys.

    Returns:
        A function from an object to the attributes' values, in the order of the keys, and the
        names of the keys that came as null. It raises DecodeError with the path from the object
        on.
    """
    rows = [(key.wire, key.exact, _REQUIRED if key.required else key.default, key) for key in keys]

    def read_keys(data: dict[str, Any]) -> tuple[list[Any], list[str]]:
        values: list[Any] = []
        nulls: list[str] = []
        get = data.get
        for wire, exact, default, key in rows:
            value = get(wire, _MISSING)
            if value.__class__ is exact:  # the most frequent case, and the cheapest
                values.append(value)
            elif value is _MISSING:
                if default is _REQUIRED:
                    raise DecodeError(_REQUIRED_KEY, path=wire)
                values.append(default)
            elif value is None and key.nullable:
                nulls.append(wire)
                values.append(None)
            else:
                try:
                    values.append(key.read(value))
                except DecodeError as error:
                    raise error.under(wire) from None
        return values, nulls

    return read_keys


_REQUIRED_KEY = "required, but missing"
_MISSING: Any = object()
_REQUIRED: Any = object()
_NO_NULLS: frozenset[str] = frozenset()


@per_class
def _plan(
    cls: type[Any],
) -> tuple[
    Callable[..., Any],
    Callable[[dict[str, Any]], tuple[list[Any], list[str]]],
    str | None,
    frozenset[str],
]:
    """How to make a record, how to read its keys, its tag, and which keys are its own."""
    keys, tag, names = schema(cls)
    make = maker(cls, "extra", "_nulls", *(key.name for key in keys))
    return make, keys_reader(keys), tag, names


def read_record(cls: type[Any], data: Any) -> Any:
    """Read an object that has been let in: `cls._read` where that does no more."""
    data = read_object(data)
    make, read_keys, tag, names = _plan(cls)
    if tag is not None and data.get("type") != tag:
        if "type" not in data:
            raise DecodeError(_REQUIRED_KEY, path="type")
        other = data["type"]
        # The text of a tag may be shown; the `repr` of something else may fail.
        got = shown(other) if isinstance(other, str) else kind_of(other)
        raise DecodeError(f"expected {tag}, got {got}", path="type")
    values, nulls = read_keys(data)
    extra: dict[str, Any] = {}
    if not data.keys() <= names:
        extra = {name: data[name] for name in data if name not in names}
    return make(extra, frozenset(nulls) if nulls else _NO_NULLS, *values)


def _expect(expected: type) -> Callable[[Any], Any]:
    """Make the reader of a scalar type."""
    if expected is int:
        # True and False are no token counts, though Python counts them as integers.
        def read_int(value: Any) -> Any:
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            raise DecodeError(f"expected int, got {kind_of(value)}")

        return read_int

    def read(value: Any) -> Any:
        if isinstance(value, expected):
            return value
        raise DecodeError(f"expected {expected.__name__}, got {kind_of(value)}")

    return read


def read_object(value: Any) -> dict[str, Any]:
    """Check that a value is a JSON object.

    Raises:
        DecodeError: It is not.
    """
    if isinstance(value, dict):
        return value
    raise DecodeError(f"expected object, got {kind_of(value)}")


def _read_list(value: Any) -> Any:
    if isinstance(value, list):
        return value
    raise DecodeError(f"expected array, got {kind_of(value)}")


def _read_tuple(read_item: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Make the reader of an array whose items are read; an error's path names the item."""

    def read(value: Any) -> tuple[Any, ...]:
        items = []
        for index, item in enumerate(_read_list(value)):
            try:
                items.append(read_item(item))
            except DecodeError as error:  # noqa: PERF203 - it must name the item
                raise error.under(f"[{index}]") from None
        return tuple(items)

    return read


_SCALARS: dict[Any, Callable[[Any], Any]] = {kind: _expect(kind) for kind in (str, int, bool)}


def _reader(kind: Any) -> Callable[[Any], Any]:
    """Find the reader for an annotation.

    Annotations in use: a scalar, `dict[str, Any]` (a JSON object), `list[Any]` (a JSON array), a
    record class, a tuple of one of these, each also optional, and Any.
    """
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        # `X | None` reads as X: null is dealt with before.
        return _reader(typing.get_args(kind)[0])
    if origin is tuple:
        return _read_tuple(_reader(typing.get_args(kind)[0]))
    if origin is dict:
        return read_object
    if origin is list:
        return _read_list
    if isinstance(kind, type) and issubclass(kind, Record):
        own = kind._read.__func__ is not Record._read.__func__  # type: ignore[attr-defined]
        return kind._read if own else functools.partial(read_record, kind)  # pyright: ignore[reportPrivateUsage]
    return _SCALARS.get(kind) or _as_it_is


def _exact(kind: Any) -> type | None:
    """The scalar type of an annotation, for the check that most values pass."""
    scalars = [one for one in (kind, *typing.get_args(kind)) if one in _SCALARS]
    return scalars[0] if scalars and typing.get_origin(kind) is not tuple else None


def _as_it_is(value: Any) -> Any:
    return value
