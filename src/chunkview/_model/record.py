"""A JSON object as a frozen class whose annotations are its schema.

Blocks, citations, usage and `Message` share this: an object is read key by key, an error names the
path of what does not fit, unknown keys are kept, and `to_dict` writes exactly what was read.
"""

from __future__ import annotations

import functools
import types
import typing
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import attrs

from .._repr import concise_repr, rich_repr
from ..errors import DecodeError, kind_of, shown
from .bounds import MAX_RECORD_DEPTH, bounded, copy_json
from .generate import MISSING, NO_NULLS, REQUIRED_KEY, reader

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
    "REQUIRED_KEY",
    "Key",
    "Record",
    "per_class",
    "read_as",
    "read_object",
    "read_record",
    "record",
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
            An instance of this class.

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

    Classes that are never read cost nothing that way. (`functools.cache` itself is typed for
    hashable arguments, which mypy says that `type[Any]` is not.)
    """
    return functools.cache(make)  # type: ignore[return-value]


class Key(NamedTuple):
    """One named key of a JSON object.

    Attributes:
        name: The attribute.
        wire: The key on the wire, which differs where the key is a Python keyword.
        inside: The key of the object that holds this one, or "" for the object itself.
        exact: The type of a value that needs no reader, or None.
        read: From the JSON value to the attribute's value; raises DecodeError.
        nullable: Whether it may be null.
        required: Whether the key must be there. An absent key that is not required reads as None.
        always: Whether a chunk made by hand writes the key even if it is null.
    """

    name: str
    wire: str
    inside: str
    exact: type | None
    read: Callable[[Any], Any]
    nullable: bool
    required: bool
    always: bool

    def checked(self, value: Any) -> Any:
        """Read the value that was found under the key.

        Args:
            value: The value, or `MISSING`.

        Returns:
            The attribute's value.

        Raises:
            DecodeError: The value does not fit, or the key is missing. The path begins with it.
        """
        path = f"{self.inside}.{self.wire}" if self.inside else self.wire
        if value is MISSING:
            raise DecodeError(REQUIRED_KEY, path=path)
        if value is None and self.nullable:
            return None
        try:
            return self.read(value)
        except DecodeError as error:
            raise error.under(path) from None


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
            )
        )
    names = {key.wire for key in keys}
    tag = getattr(cls, "type", None)
    if not isinstance(tag, str):  # no tag, or one that is a field
        return Schema(tuple(keys), None, frozenset(names))
    return Schema(tuple(keys), tag, frozenset(names | {"type"}))


def read_record(cls: type[Any], data: Any) -> Any:
    """Read an object as a record of a class.

    Args:
        cls: The class.
        data: The JSON value, which has passed `bounded` or comes from text.

    Returns:
        An instance of the class.

    Raises:
        DecodeError: It is no object, its tag is that of another class, or a key does not fit.
    """
    tag = schema(cls).tag
    data = read_object(data)
    if tag is not None and data.get("type") != tag:
        if "type" not in data:
            raise DecodeError(REQUIRED_KEY, path="type")
        other = data["type"]
        # The text of a tag may be shown; the `repr` of something else may fail.
        got = shown(other) if isinstance(other, str) else kind_of(other)
        raise DecodeError(f"expected {tag}, got {got}", path="type")
    return _record_reader(cls)(data)


@per_class
def _record_reader(cls: type[Any]) -> Callable[[dict[str, Any]], Any]:
    keys, tag, names = schema(cls)
    required = [key for key in keys if key.required]
    return reader(
        cls,
        keys,
        rest=functools.partial(_rest, names),
        # A required key that may be null must be looked for among the nulls.
        required=-1 if any(key.nullable for key in required) else len(required) + (tag is not None),
    )


def _rest(names: frozenset[str], data: dict[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Give the unknown keys of an object, and which known keys are null."""
    extra: dict[str, Any] = {}
    nulls: list[str] = []
    for name, value in data.items():
        if name not in names:
            extra[name] = value
        elif value is None:
            nulls.append(name)
    return extra, _shared_set(tuple(nulls)) if nulls else NO_NULLS


@functools.lru_cache(maxsize=256)
def _shared_set(names: tuple[str, ...]) -> frozenset[str]:
    """Make a set once: the API sends the same nulls again and again."""
    return frozenset(names)


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
_READERS: dict[Any, Callable[[Any], Any]] = {**_SCALARS, Any: lambda value: value}


def read_as(kind: Any, read: Callable[[Any], Any]) -> None:
    """Register the reader for an annotation: for a union of records, which their tags tell apart.

    Args:
        kind: The annotation, a union.
        read: From a JSON value to an instance of one of its members; raises DecodeError.
    """
    _READERS[kind] = read


def _reader(kind: Any) -> Callable[[Any], Any]:
    """Find the reader for an annotation.

    Annotations in use: a scalar, `dict[str, Any]` (a JSON object), `list[Any]` (a JSON array), a
    record class, a union that `read_as` registered, a tuple of one of these, each also optional,
    and Any.

    Raises:
        TypeError: The annotation is none of these: nothing would check the values.
    """
    kind = _without_none(kind)
    if kind in _READERS:
        return _READERS[kind]
    origin = typing.get_origin(kind)
    if origin is tuple:
        return _read_tuple(_reader(typing.get_args(kind)[0]))
    if origin is dict:
        return read_object
    if origin is list:
        return _read_list
    if isinstance(kind, type) and issubclass(kind, Record):
        return functools.partial(read_record, kind)
    raise TypeError(f"no reader for the annotation {kind}")


def _exact(kind: Any) -> type | None:
    """The scalar type of an annotation, for the check that most values pass."""
    kind = _without_none(kind)
    return kind if kind in _SCALARS else None


def _without_none(kind: Any) -> Any:
    """Reduce `X | None` to X: a null is dealt with before a value is read."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    others = [other for other in typing.get_args(kind) if other is not type(None)]
    return others[0] if len(others) == 1 else kind
