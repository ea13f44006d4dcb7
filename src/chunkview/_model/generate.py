"""The one place where code is written: constructors, changers and readers for frozen classes.

attrs writes an `__init__` for each class, and cattrs a structuring function. Here it is both at
once, since most of the time would be lost between the two: `reader` writes a function that takes
the keys of a JSON object one after the other, in straight-line code, and makes the instance from
them. It knows one case only: everything is as it should be. Anything else, such as a missing string
or a count that is a text, is left to an ordinary function, which reads the object again from the
start.

An attrs class that is frozen sets its fields through `object.__setattr__`, one call for each. A
sibling that is laid out alike, but is not frozen, takes plain assignments; assigning `__class__`
then freezes the instance. For a text delta on CPython 3.11 that takes about a third of the time of
the generated `__init__` (benchmarks/test_decode.py, group "construct"); reading a message_delta
takes half of the time of a loop over a table of keys.

For a citation with a `url` and an optional `title`, this is what `reader` writes:

    def read_(data_):
        try:
            if data_.get('type') != tag_: return slow_(data_)
            get_ = data_.get
            url = get_('url')
            if url.__class__ is not type_url_: return slow_(data_)
            if len(data_) == 2:
                title = None
                extra = {}
                _memory = NOTHING_
            else:
                title = get_('title')
                if title is not None and title.__class__ is not type_title_: return slow_(data_)
                extra, _memory = rest_(data_)
        except Misfit_:
            return slow_(data_)
        made_ = unfrozen_()
        made_.extra = extra
        …
        made_.__class__ = cls_
        return made_
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .record import Key

__all__ = ["NOTHING", "MisfitError", "changer", "maker", "reader"]

T = TypeVar("T")

NOTHING: dict[str, Any] = {}
"""The memory of an object that came as it is written. Shared; never changed."""


class MisfitError(Exception):
    """A value that does not fit its field. It never leaves the package."""


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


def changer(cls: type[T], *names: str) -> Callable[..., T]:
    """Write a function that changes fields of an instance, as `attrs.evolve` does.

    It takes a fifth of the time.

    Args:
        cls: A class as for `maker`.
        *names: The fields to change.

    Returns:
        A function from an instance and the new values, in this order, to a new instance.
    """
    fields = [field.name for field in attrs.fields(cls)]  # type: ignore[arg-type]
    lines = [f"{name} = old_.{name}" for name in fields if name not in names]
    return _function("change_", ("old_", *names), [*lines, *_instance_of(fields)], cls)


def reader(
    cls: type[T],
    keys: Sequence[Key],
    slow: Callable[..., T],
    *,
    tag: str | None = None,
    given: tuple[str, ...] = (),
    rest: Callable[[dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]] | None = None,
) -> Callable[..., T]:
    """Write a function that makes an instance from a JSON object.

    Args:
        cls: A class as for `maker`.
        keys: The keys that its fields are read from.
        slow: Does the same for any object. The function calls it, with its own arguments, for an
            object that is not exactly as expected.
        tag: The `type` that the object must have, if that is to be checked.
        given: Fields that the function takes as further arguments.
        rest: From the object to the fields `extra` and `_memory`, for a class that has them.

    Returns:
        A function from the object and the further arguments to the instance. It raises what the
        keys' readers and `slow` raise.
    """
    arguments = ("data_", *given)
    slowly = f"return slow_({', '.join(arguments)})"
    scope: dict[str, Any] = {"rest_": rest, "slow_": slow, "tag_": tag, "Misfit_": MisfitError}
    lines: list[str] = []
    optional: list[Key] = []
    if tag is not None:
        lines += [f"if data_.get('type') != tag_: {slowly}"]
    for inside in dict.fromkeys(key.inside for key in keys):
        if inside:
            lines += [f"place_ = data_.get({inside!r})"]
            lines += [f"if place_.__class__ is not dict: {slowly}"]
        lines += [f"get_ = {'place_' if inside else 'data_'}.get"]
        for key in keys:
            if key.inside != inside:
                continue
            scope[f"read_{key.name}_"] = key.read_under_path
            scope[f"type_{key.name}_"] = key.exact
            if rest is not None and not key.is_expected:
                optional.append(key)
            else:
                lines += _lines_of(key, slowly)
    if rest is not None:
        # An object of this size has no other key, so nothing else is looked for.
        expected = len(keys) - len(optional) + (tag is not None)
        lines += [f"if len(data_) == {expected}:"]
        lines += [f"    {key.name} = None" for key in optional]
        lines += ["    extra = {}", "    _memory = NOTHING_", "else:"]
        lines += [f"    {line}" for key in optional for line in _lines_of(key, slowly)]
        lines += ["    extra, _memory = rest_(data_)"]
    read = {"extra", "_memory", *given, *(key.name for key in keys)}
    fields = {field.name: field.default for field in attrs.fields(cls)}  # type: ignore[arg-type]
    for name in fields.keys() - read:  # fields that are not on the wire
        scope[f"default_{name}_"] = fields[name]
        lines += [f"{name} = default_{name}_"]
    if not all(key.is_plain for key in keys):
        lines = ["try:", *(f"    {line}" for line in lines), "except Misfit_:", f"    {slowly}"]
    return _function("read_", arguments, [*lines, *_instance_of(fields)], cls, **scope)


def _lines_of(key: Key, slowly: str) -> list[str]:
    """Read one key."""
    name = key.name
    lines = [f"{name} = get_({key.wire!r})"]
    is_there = "" if key.is_expected else f"{name} is not None and "
    if key.exact is not None:
        bound = "" if key.least is None else f" or {name} < {key.least}"
        lines += [f"if {is_there}{name}.__class__ is not type_{name}_{bound}: {slowly}"]
    elif key.is_expected:
        lines += [f"if {name} is None: {slowly}"]
    if not key.is_plain:
        condition = "" if key.is_expected else f"if {name} is not None: "
        lines += [f"{condition}{name} = read_{name}_({name})"]
    return lines


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
    scope |= {"cls_": cls, "NOTHING_": NOTHING}
    scope["unfrozen_"] = type(cls.__name__, cls.__bases__, namespace)
    head = f"def {name}({', '.join(parameters)}):"
    exec("\n    ".join([head, *lines]), scope)  # noqa: S102 - the names come from our own classes
    function: Callable[..., Any] = scope[name]
    return function
