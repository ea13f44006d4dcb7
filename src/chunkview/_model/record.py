"""A JSON object as a frozen class whose annotations are its schema.

Blocks, citations, usage and `Message` share this. Reading is lenient about absence: a field whose
key is absent or null has its default, and so has a field whose value is of another type (a misfit).
Only an essential key must be there. `to_dict` writes the same JSON as was read: unknown keys and
misfits are kept in `extra`, and a private memory has what else would be written differently.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import attrs

from .._value import Value
from .._value import value as record
from ..errors import DecodeError, kind_of, shown
from .bounds import MAX_RECORD_DEPTH, bounded, copy_json
from .generate import NOTHING, MisfitError, per_class, put_reader, reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

T = TypeVar("T")
RecordT = TypeVar("RecordT", bound="Record")

__all__ = [
    "ABSENT",
    "REQUIRED_KEY",
    "Key",
    "MisfitError",
    "Record",
    "evolved",
    "put_record_reader",
    "read_as",
    "read_object",
    "read_record",
    "record",
    "schema",
    "to_json",
]

# Pickling and copying keep this very object, which they would not for an `object()` of our own.
ABSENT: Any = ...
"""What the memory of a record has for a key that was absent."""
REQUIRED_KEY = "required, but missing"
"""What is wrong with an object that lacks an essential key."""


@record
class Record(Value):
    """A JSON object of the API, read losslessly.

    Attributes:
        extra: The keys that the class does not name, and the misfits: values of named keys that
            are of another type. Compared, not hashed.
    """

    extra: dict[str, Any] = attrs.field(factory=dict[str, Any], kw_only=True, hash=False)
    # The named keys that came otherwise than they would be written: null (None), absent (ABSENT),
    # or a value that means the same, such as 10.0 for 10. They make no difference to what the
    # object means, so they are not compared.
    _memory: dict[str, Any] = attrs.field(
        default=NOTHING, kw_only=True, eq=False, repr=False, alias="memory"
    )

    _is_told_by_type: ClassVar[bool] = False
    """Whether objects of another `type` are of another class."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read the object.

        A key that is absent or null, or a value of another type, gives the field its default: ""
        for a string, None for a count, an empty tuple, dict or object elsewhere.

        Args:
            data: A JSON object (parsed): a dict or another mapping. It is not changed. Dicts and
                lists in it are kept by reference; other mappings become dicts, and tuples lists.

        Returns:
            An instance of this class.

        Raises:
            DecodeError: `data` is no object, or an essential key of it or of a part is missing or
                of the wrong type: a block's `type`, a tool's `name`. The error's `path` says
                where. Or the object is nested too deep, holds itself, grows beyond all bounds by
                shared references, or fails while it is read.
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
            A new, JSON-serialisable dict. For an object that was read, it is the same JSON as what
            was read. Where `attrs.evolve` changed a field, the field wins.
        """
        shape, memory = schema(type(self)), self._memory
        written: dict[str, Any] = {}
        if shape.tag is not None and "type" not in self.extra:
            came = memory.get("type", shape.tag)
            if came is not ABSENT:
                written["type"] = came
        for key in shape.keys:
            value = getattr(self, key.name)
            if memory and key.wire in memory and value == key.value_of(memory[key.wire]):
                if memory[key.wire] is not ABSENT:
                    written[key.wire] = copy_json(memory[key.wire])
            elif value is not None and not (key.wire in self.extra and value == key.default()):
                written[key.wire] = to_json(value)
        for name, value in self.extra.items():
            if name not in written:
                written[name] = copy_json(value)
        return written


def evolved(record: RecordT, extra: Mapping[str, Any] = NOTHING, **changes: Any) -> RecordT:
    """Change fields of a record. A new value of a field drops the misfit that came before it.

    Args:
        record: The record.
        extra: Unknown keys to add or replace.
        **changes: The new values, by the names of the fields.

    Returns:
        A new record.
    """
    if not record.extra and not extra:
        return attrs.evolve(record, **changes)
    dropped = {
        key.wire
        for key in schema(type(record)).keys
        if key.name in changes and changes[key.name] != key.default()
    }
    kept = {name: value for name, value in record.extra.items() if name not in dropped}
    return attrs.evolve(record, extra={**kept, **extra}, **changes)


def to_json(value: Any) -> Any:
    """Turn a field's value into a JSON value of its own."""
    if value.__class__ is str or value.__class__ is int:
        return value
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return copy_json(value)


class Key(NamedTuple):
    """One named key of a JSON object.

    Attributes:
        name: The attribute.
        wire: The key on the wire, which differs where the key is a Python keyword.
        inside: The key of the object that holds this one, or "" for the object itself.
        exact: The type of a value that needs no look inside, or None for any other.
        parts: What is inside a value that has such parts: the class of the record that it is, the
            classes of the records that it may be by their `type`, or `tuple` for an array.
        least: The least value that needs no reader, or None where there is no such bound.
        is_plain: Whether a value of that type needs no reader.
        read: From a JSON value that is not null to the attribute's value; raises MisfitError, and
            DecodeError where something essential is missing inside.
        default: Makes the attribute's value for a key that is absent, null, or a misfit.
        missing_rule: The rule that is broken where the key is missing or does not fit, if the key
            is essential; else "".
        misfit_rule: The rule that is broken where a value that is there does not fit, if it has to;
            else "".
        converts: Whether a value that is read may be written differently.
        always: Whether a chunk made by hand writes the key even if it is None.
    """

    name: str
    wire: str
    inside: str
    exact: type | None
    parts: type | Mapping[str, type] | None
    least: int | None
    is_plain: bool
    read: Callable[[Any], Any]
    default: Callable[[], Any]
    missing_rule: str
    misfit_rule: str
    converts: bool
    always: bool

    @property
    def path(self) -> str:
        """Where the key is, for an error."""
        return f"{self.inside}.{self.wire}" if self.inside else self.wire

    @property
    def is_expected(self) -> bool:
        """Whether an ordinary object has the key, and not as a null."""
        return bool(self.missing_rule) or self.default() is not None

    @property
    def json_type(self) -> type | None:
        """The type of an ordinary value, or None where it may be any."""
        if self.parts is None:
            return self.exact
        return list if self.parts is tuple else dict

    def read_under_path(self, value: Any) -> Any:
        """Read a value that is not null.

        Raises:
            MisfitError: The value does not fit.
            DecodeError: Something essential is missing inside. Its path begins with the key.
        """
        try:
            return self.read(value)
        except DecodeError as error:
            raise error.under(self.path) from None

    def value_of(self, came: Any) -> Any:
        """Read what was found under the key.

        Args:
            came: The value, or ABSENT.

        Returns:
            The attribute's value.

        Raises:
            MisfitError: The value does not fit, and the field has a default.
            DecodeError: The key is essential and not there, the value does not fit and has to, or
                something essential is missing inside. The path begins with the key.
        """
        if came is ABSENT or (came is None and not self.missing_rule):
            if self.missing_rule:
                raise DecodeError(REQUIRED_KEY, path=self.path, rule=self.missing_rule)
            return self.default()
        try:
            return self.read_under_path(came)
        except MisfitError as misfit:
            rule = self.missing_rule or self.misfit_rule
            if rule:
                raise DecodeError(str(misfit), path=self.path, rule=rule) from None
            raise


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
    keys = [
        _key_of(field, hints[field.name])
        for field in attrs.fields(cls)
        if field.alias not in _NOT_ON_THE_WIRE
    ]
    names = {key.wire for key in keys}
    tag = getattr(cls, "type", None)
    if not isinstance(tag, str):  # no tag, or one that is a field
        return Schema(tuple(keys), None, frozenset(names))
    return Schema(tuple(keys), tag, frozenset(names | {"type"}))


_NOT_ON_THE_WIRE = ("extra", "memory", "chunk", "doubt")


def _key_of(field: attrs.Attribute[Any], kind: Any) -> Key:
    marks = field.metadata
    read = marks.get("read")
    exact = marks.get("exact", _exact(kind))
    return Key(
        name=field.name,
        wire=marks.get("wire", field.name),
        inside=marks.get("inside", ""),
        exact=exact,
        parts=_parts(kind),
        least=marks.get("least"),
        is_plain=exact is not None and (read is None or "least" in marks),
        read=read or _reader(kind),
        default=_default(kind, field.default),
        missing_rule=marks.get("missing_rule", ""),
        misfit_rule=marks.get("misfit_rule", ""),
        converts=exact is int or read is not None,
        always=field.default is attrs.NOTHING,
    )


def read_record(cls: type[Any], data: Any) -> Any:
    """Read an object as a record of a class.

    Args:
        cls: The class.
        data: The JSON value, which has passed `bounded` or comes from text.

    Returns:
        An instance of the class.

    Raises:
        MisfitError: It is no object.
        DecodeError: Its tag is that of another class, or something essential is missing.
    """
    return _record_readers[cls](read_object(data), False)


class _RecordReaders(dict[type[Any], "Callable[..., Any]"]):
    def __missing__(self, cls: type[Any]) -> Callable[..., Any]:
        put_record_reader(self, cls, cls)
        return self[cls]


_record_readers = _RecordReaders()


def put_record_reader(table: dict[Any, Callable[..., Any]], name: Any, cls: type[Any]) -> None:
    """Put the function that reads the objects of a class into a table, as `put_reader` does."""
    slow = functools.partial(_read_slowly, cls)
    put_reader(table, name, cls, slow, functools.partial(_record_reader, cls))


@per_class
def _record_reader(cls: type[Any]) -> Callable[..., Any]:
    keys, tag, names = schema(cls)
    return reader(
        cls,
        keys,
        functools.partial(_read_slowly, cls),
        put_record_reader,
        tags={} if tag is None else {"": tag},
        rest=functools.partial(_unknown, names),
    )


def _read_slowly(cls: type[Any], data: dict[str, Any]) -> Any:
    """Read any object as a record: with absent keys, nulls and misfits."""
    keys, tag, names = schema(cls)
    fields: dict[str, Any] = {}
    memory: dict[str, Any] = {}
    extra = _unknown(names, data)
    if tag is not None:
        came = data.get("type", ABSENT)
        if came != tag:
            if cls._is_told_by_type:
                raise _other_type(tag, came)
            place = memory if came is ABSENT or came is None else extra
            place["type"] = came
    for key in keys:
        came = data.get(key.wire, ABSENT)
        try:
            fields[key.name] = value = key.value_of(came)
        except MisfitError:
            fields[key.name] = key.default()
            extra[key.wire] = came
            continue
        is_odd = came is None or (came is ABSENT and value is not None)
        if is_odd or (key.converts and value is not came):
            memory[key.wire] = came
    return cls(**fields, extra=extra, memory=memory or NOTHING)


def _other_type(tag: str, came: Any) -> DecodeError:
    if came is ABSENT:
        return DecodeError(REQUIRED_KEY, path="type")
    # The text of a tag may be shown; the `repr` of something else may fail.
    got = shown(came) if isinstance(came, str) else kind_of(came)
    return DecodeError(f"expected {tag}, got {got}", path="type")


def _unknown(names: frozenset[str], data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}


def _expect(expected: type) -> Callable[[Any], Any]:
    """Make the reader of a scalar type."""
    if expected is int:
        # True and False are no token counts, though Python counts them as integers. Some servers
        # write whole numbers with a decimal point.
        def read_int(value: Any) -> Any:
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if isinstance(value, float) and value.is_integer():
                return int(value)
            raise MisfitError(f"expected int, got {kind_of(value)}")

        return read_int

    def read(value: Any) -> Any:
        if isinstance(value, expected):
            return value
        raise MisfitError(f"expected {expected.__name__}, got {kind_of(value)}")

    return read


def read_object(value: Any) -> dict[str, Any]:
    """Check that a value is a JSON object.

    Raises:
        MisfitError: It is not.
    """
    if isinstance(value, dict):
        return value
    raise MisfitError(f"expected object, got {kind_of(value)}")


def _read_list(value: Any) -> Any:
    if isinstance(value, list):
        return value
    raise MisfitError(f"expected array, got {kind_of(value)}")


def _read_tuple(read_item: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Make the reader of an array whose items are read; an error's path names the item.

    An item that is a misfit makes a misfit of the whole array.
    """

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


_CLASSES: dict[Any, Mapping[str, type]] = {}


def read_as(kind: Any, read: Callable[[Any], Any], classes: Mapping[str, type]) -> None:
    """Register the reader for an annotation: for a union of records, which their tags tell apart.

    Args:
        kind: The annotation, a union.
        read: From a JSON value to an instance of one of its members; raises MisfitError and
            DecodeError.
        classes: The records' classes by their tags.
    """
    _READERS[kind] = read
    _CLASSES[kind] = classes


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
    """The type whose instances need no reader, for the check that most values pass."""
    kind = _without_none(kind)
    return kind if kind in _SCALARS else {dict: dict, list: list}.get(typing.get_origin(kind))


def _parts(kind: Any) -> type | Mapping[str, type] | None:
    """What is inside a value of an annotation, as for `Key`."""
    kind = _without_none(kind)
    if kind in _CLASSES:
        return _CLASSES[kind]
    if typing.get_origin(kind) is tuple:
        return tuple
    return kind if isinstance(kind, type) and issubclass(kind, Record) else None


def _default(kind: Any, own: Any) -> Callable[[], Any]:
    """Find what a field of an annotation has where nothing fits.

    Args:
        kind: The annotation.
        own: The default of the field in Python.

    Returns:
        Makes the value: the field's own default, None where the annotation allows it, else "", 0
        items, or a record read from an empty object.
    """
    if own is not attrs.NOTHING and own is not None:
        return lambda: own
    if kind is Any or type(None) in typing.get_args(kind):
        return lambda: None
    if kind is str:
        return str
    origin = typing.get_origin(kind)
    if origin in (tuple, list, dict):
        return typing.cast("type[Any]", origin)
    if isinstance(kind, type) and issubclass(kind, Record):
        return functools.partial(read_record, kind, {})
    # What is left is essential (a block, an index), or a tool's input.
    return dict


def _without_none(kind: Any) -> Any:
    """Reduce `X | None` to X: a null is dealt with before a value is read."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    others = [other for other in typing.get_args(kind) if other is not type(None)]
    return functools.reduce(operator.or_, others)
