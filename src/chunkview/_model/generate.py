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

    def read(data_):
        get_ = data_.get
        url = get_('url', MISSING)
        if url.__class__ is not type_url:
            url = read_url(url)
        if len(data_) == 2:
            title = None
            extra = {}
            _nulls = NO_NULLS
        else:
            title = get_('title')
            if title is not None and title.__class__ is not type_title:
                title = read_title(title)
            extra, _nulls = rest(data_)
        made_ = draft()
        made_.extra = extra
        …
        made_.__class__ = cls
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
        name if name in names or defaults[name] is attrs.NOTHING else f"{name}=defaults[{name!r}]"
        for name in fields
    ]
    head = f"def make({', '.join(parameters)}):"
    return _function(head, _instance_of(fields), cls, defaults=defaults)


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
        keys: The keys that its fields are read from. A key that is not required has the default
            None.
        given: Fields that the function takes as further arguments.
        rest: From the object to the fields `extra` and `_nulls`, for a class that has them.
        required: How many keys an object has at least. One with just so many has no optional key,
            and no rest.

    Returns:
        A function from the object and the further arguments to the instance. It raises what the
        keys' readers raise.
    """
    scope: dict[str, Any] = {"rest": rest}
    lines: list[str] = []
    optional: list[Key] = []
    for inside in dict.fromkeys(key.inside for key in keys):
        if inside:
            lines += [f"place_ = data_.get({inside!r}, MISSING)"]
            lines += ["if place_.__class__ is not dict:", f"    place_ = place_{inside}(place_)"]
            scope[f"place_{inside}"] = _place_reader(inside)
        lines += [f"get_ = {'place_' if inside else 'data_'}.get"]
        for key in keys:
            if key.inside != inside:
                continue
            scope[f"read_{key.name}"] = key.checked
            scope[f"type_{key.name}"] = key.exact
            if rest is not None and not key.required:
                optional.append(key)
            else:
                lines += _lines_of(key)
    if rest is not None:
        lines += [f"if len(data_) == {required}:"]
        lines += [f"    {key.name} = None" for key in optional]
        lines += ["    extra = {}", "    _nulls = NO_NULLS", "else:"]
        lines += [f"    {line}" for key in optional for line in _lines_of(key)]
        lines += ["    extra, _nulls = rest(data_)"]
    fields = [field.name for field in attrs.fields(cls)]  # type: ignore[arg-type]
    head = f"def read({', '.join(('data_', *given))}):"
    return _function(head, [*lines, *_instance_of(fields)], cls, **scope)


def _lines_of(key: Key) -> list[str]:
    """Read one key."""
    name, wire = key.name, key.wire
    if key.exact is None:
        if key.required:
            return [f"{name} = read_{name}(get_({wire!r}, MISSING))"]
        return [
            f"{name} = get_({wire!r})",
            f"if {name} is not None:",
            f"    {name} = read_{name}({name})",
        ]
    if key.required:
        return [
            f"{name} = get_({wire!r}, MISSING)",
            f"if {name}.__class__ is not type_{name}:",
            f"    {name} = read_{name}({name})",
        ]
    return [
        f"{name} = get_({wire!r})",
        f"if {name} is not None and {name}.__class__ is not type_{name}:",
        f"    {name} = read_{name}({name})",
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
        "made_ = draft()",
        *(f"made_.{name} = {name}" for name in fields),
        "made_.__class__ = cls",
        "return made_",
    ]


def _function(head: str, lines: list[str], cls: type[Any], **scope: Any) -> Callable[..., Any]:
    namespace: dict[str, Any] = {
        "__slots__": cls.__slots__,
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    scope |= {"cls": cls, "MISSING": MISSING, "NO_NULLS": NO_NULLS}
    scope["draft"] = type(cls.__name__, cls.__bases__, namespace)
    exec("\n    ".join([head, *lines]), scope)  # noqa: S102 - the names come from our own classes
    name = head.removeprefix("def ").partition("(")[0]
    function: Callable[..., Any] = scope[name]
    return function
