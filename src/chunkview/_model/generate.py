"""The one place where code is written: constructors and readers for frozen classes.

attrs writes an `__init__` for each class, and cattrs a structuring function. Here it is both at
once, since most of the time would be lost between the two: `reader` writes a function that takes
the keys of a JSON object one after the other, in straight-line code, and makes the instance from
them. Whatever is not exactly as expected is left to the reader of its key, an ordinary function.

An attrs class that is frozen sets its fields through `object.__setattr__`, one call for each. A
sibling that is laid out alike, but is not frozen, takes plain assignments; assigning `__class__`
then freezes the instance. For a text delta on CPython 3.11 that takes about a third of the time of
the generated `__init__` (benchmarks/test_decode.py, group "construct"); reading a message_delta
takes half of the time of a loop over a table of keys.

For a citation with a required `url` and an optional `title`, this is what `reader` writes:

    def read_(data_):
        get_ = data_.get
        url = get_('url', MISSING_)
        if url.__class__ is not type_url_:
            url = read_url_(url)
        if len(data_) == 2:
            title = None
            extra = {}
            _nulls = NO_NULLS_
        else:
            title = get_('title')
            if title is not None and title.__class__ is not type_title_:
                title = read_title_(title)
            extra, _nulls = rest_(data_)
        made_ = unfrozen_()
        made_.extra = extra
        …
        made_.__class__ = cls_
        return made_
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import attrs

from ..errors import DecodeError, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .record import Key

__all__ = ["MISSING", "NO_NULLS", "REQUIRED_KEY", "maker", "reader"]

T = TypeVar("T")

MISSING: Any = object()
"""What a key's reader is given where the key is absent."""
NO_NULLS: frozenset[str] = frozenset()
REQUIRED_KEY = "required, but missing"
"""What is wrong with an object that lacks a key."""


def maker(cls: type[T], *names: str) -> Callable[..., T]:
    """Write a positional constructor that does not check its arguments.

    Args:
        cls: A frozen, slotted attrs class whose fields have neither converters nor validators.
        *names: The fields in the order of the constructor's parameters. The fields that are not
            named follow in their own order, and may be left out if they have a default.

    Returns:
        A function that takes one argument for each field.
    """
    defaults = {field.name: field.default for field in attrs.fields(cls)}  # type: ignore[arg-type]
    fields = dict.fromkeys((*names, *defaults))
    parameters = [
        name if name in names or defaults[name] is attrs.NOTHING else f"{name}=defaults_[{name!r}]"
        for name in fields
    ]
    return _function("make_", parameters, _instance_of(fields), cls, defaults_=defaults)


def reader(
    cls: type[T],
    keys: Sequence[Key],
    *,
    given: tuple[str, ...] = (),
    rest: Callable[[dict[str, Any]], tuple[dict[str, Any], frozenset[str]]] | None = None,
    required: int = 0,
) -> Callable[..., T]:
    """Write a function that makes an instance from a JSON object.

    Args:
        cls: A class as for `maker`.
        keys: The keys that its fields are read from. An absent key that is not required reads as
            None.
        given: Fields that the function takes as further arguments.
        rest: From the object to the fields `extra` and `_nulls`, for a class that has them.
        required: How many keys are required. An object of exactly this size has no other key, so
            nothing else is looked for. -1 never takes this shortcut.

    Returns:
        A function from the object and the further arguments to the instance. It raises what the
        keys' readers raise.
    """
    scope: dict[str, Any] = {"rest_": rest}
    lines: list[str] = []
    optional: list[Key] = []
    for inside in dict.fromkeys(key.inside for key in keys):
        if inside:
            lines += [f"place_ = data_.get({inside!r}, MISSING_)"]
            lines += ["if place_.__class__ is not dict:", f"    place_ = place_{inside}_(place_)"]
            scope[f"place_{inside}_"] = _place_reader(inside)
        lines += [f"get_ = {'place_' if inside else 'data_'}.get"]
        for key in keys:
            if key.inside != inside:
                continue
            scope[f"read_{key.name}_"] = key.checked
            scope[f"type_{key.name}_"] = key.exact
            if rest is not None and not key.required:
                optional.append(key)
            else:
                lines += _lines_of(key)
    if rest is not None:
        lines += [f"if len(data_) == {required}:"]
        lines += [f"    {key.name} = None" for key in optional]
        lines += ["    extra = {}", "    _nulls = NO_NULLS_", "else:"]
        lines += [f"    {line}" for key in optional for line in _lines_of(key)]
        lines += ["    extra, _nulls = rest_(data_)"]
    fields = [field.name for field in attrs.fields(cls)]  # type: ignore[arg-type]
    return _function("read_", ("data_", *given), [*lines, *_instance_of(fields)], cls, **scope)


def _lines_of(key: Key) -> list[str]:
    """Read one key."""
    name, wire = key.name, key.wire
    if key.exact is None:
        if key.required:
            return [f"{name} = read_{name}_(get_({wire!r}, MISSING_))"]
        return [
            f"{name} = get_({wire!r})",
            f"if {name} is not None:",
            f"    {name} = read_{name}_({name})",
        ]
    if key.required:
        return [
            f"{name} = get_({wire!r}, MISSING_)",
            f"if {name}.__class__ is not type_{name}_:",
            f"    {name} = read_{name}_({name})",
        ]
    return [
        f"{name} = get_({wire!r})",
        f"if {name} is not None and {name}.__class__ is not type_{name}_:",
        f"    {name} = read_{name}_({name})",
    ]


def _place_reader(inside: str) -> Callable[[Any], NoReturn]:
    """Make the function that says what is wrong with an object inside of the event."""

    # An event has been checked when it is read, so that each of its objects is a plain dict.
    def read_place(value: Any) -> NoReturn:
        if value is MISSING:
            raise DecodeError(REQUIRED_KEY, path=inside)
        raise DecodeError(f"expected object, got {kind_of(value)}", path=inside)

    return read_place


def _instance_of(fields: Iterable[str]) -> list[str]:
    """Make the instance from variables of the fields' names."""
    return [
        "made_ = unfrozen_()",
        *(f"made_.{name} = {name}" for name in fields),
        "made_.__class__ = cls_",
        "return made_",
    ]


def _function(
    name: str, parameters: Iterable[str], lines: list[str], cls: type[Any], **scope: Any
) -> Callable[..., Any]:
    """Write a function for a class. Its own names end in "_", which no field's name does."""
    namespace: dict[str, Any] = {
        "__slots__": cls.__slots__,
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    scope |= {"cls_": cls, "MISSING_": MISSING, "NO_NULLS_": NO_NULLS}
    scope["unfrozen_"] = type(cls.__name__, cls.__bases__, namespace)
    head = f"def {name}({', '.join(parameters)}):"
    exec("\n    ".join([head, *lines]), scope)  # noqa: S102 - the names come from our own classes
    function: Callable[..., Any] = scope[name]
    return function
