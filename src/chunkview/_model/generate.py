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

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from ..errors import DecodeError
from .bounds import is_small

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .record import Key

__all__ = ["NOTHING", "MisfitError", "changer", "maker", "put_reader", "reader"]

T = TypeVar("T")

NOTHING: dict[str, Any] = {}
"""The memory of an object that came as it is written. Shared; never changed."""


LATER = 16
"""At which use the reader of a class is written."""


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
    return _function("make_", parameters, _instance_of(fields), cls, {"defaults_": defaults})


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
    return _function("change_", ("old_", *names), [*lines, *_instance_of(fields)], cls, {})


def reader(
    cls: type[T],
    keys: Sequence[Key],
    slow: Callable[..., T],
    put_part: Callable[[dict[str, Any], str, type[Any]], None],
    *,
    tags: Mapping[str, str],
    given: tuple[str, ...] = (),
    rest: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Callable[..., T]:
    """Write a function that makes an instance from a JSON object.

    Args:
        cls: A class as for `maker`.
        keys: The keys that its fields are read from.
        slow: Does the same for any object. The function calls it, with its own arguments, for an
            object that is not exactly as expected.
        put_part: Puts the reader of a part into a table, as `put_reader` does, given the table, the
            name in it and the part's class.
        tags: The fixed `type` of the object, under "", and of an object in it, under its key.
        given: Fields that the function takes as further arguments.
        rest: From an object with unknown keys to its `extra`, for a class that has one.

    Returns:
        A function from the object, the further arguments, and whether the object has yet to pass
        `bounded`, to the instance. It raises what the keys' readers and `slow` raise. Of an object
        that has yet to pass, it makes an instance only if `bounded` would let it in unchanged;
        otherwise it raises a MisfitError, KeyError, TypeError or DecodeError.
    """
    scope: dict[str, Any] = {"rest_": rest, "slow_": slow, "is_small_": is_small}
    scope |= {"Misfit_": MisfitError, "DecodeError_": DecodeError}
    lines: list[str] = []
    nullable: list[str] = []
    for inside in dict.fromkeys(("", *(key.inside for key in keys))):
        here = [key for key in keys if key.inside == inside]
        place = "place_" if inside else "data_"
        if inside:
            lines += [f"place_ = data_[{inside!r}]"]
            lines += ["if place_.__class__ is not dict: raise Misfit_"]
        count = {key.wire for key in here if key.is_expected}
        if inside in tags:
            lines += [f"if {place}['type'] != {tags[inside]!r}: raise Misfit_"]
            count.add("type")
        if not inside:
            count |= {key.inside for key in keys} - {""}
        lines += [f"count_ = {len(count)}"]
        for key in here:
            reading = [*_fitting(key), *_reading(key, scope, put_part)]
            if key.is_expected:
                lines += [f"{key.name} = {place}[{key.wire!r}]", *reading]
                continue
            lines += [f"if {key.wire!r} in {place}:", f"    {key.name} = {place}[{key.wire!r}]"]
            lines += ["    count_ += 1", f"    if {key.name} is None:"]
            lines += [f"        nulls_ += {1 << len(nullable)}", "    else:"]
            lines += [f"        {line}" for line in reading]
            lines += ["else:", f"    {key.name} = None"]
            nullable.append(key.wire)
        if rest is None:
            lines += [f"if unchecked_ and len({place}) != count_: raise Misfit_"]
    if rest is not None:
        lines += ["if len(data_) == count_:", "    extra = {}", "else:", "    extra = rest_(data_)"]
        lines += ["    if unchecked_ and not is_small_(extra): raise Misfit_"]
        lines += ["_memory = memory_of_(nulls_) if nulls_ else NOTHING_"]
        scope["memory_of_"] = _memories(nullable)
    fields = {field.name: field.default for field in attrs.fields(cls)}  # type: ignore[arg-type]
    for name in fields.keys() - {"extra", "_memory", *given, *(key.name for key in keys)}:
        scope[f"default_{name}_"] = fields[name]  # a field that is not on the wire
        lines += [f"{name} = default_{name}_"]
    lines = [
        "at_, nulls_ = '', 0",
        "try:",
        *(f"    {line}" for line in lines),
        "except (Misfit_, KeyError, TypeError):",
        "    if unchecked_: raise",
        "except DecodeError_ as error_:",
        "    raise error_.under(at_) from None",
        "else:",
        *(f"    {line}" for line in _instance_of(fields)),
        f"return slow_({', '.join(('data_', *given))})",
    ]
    return _function("read_", ("data_", *given, "unchecked_"), lines, cls, scope)


def put_reader(
    table: dict[Any, Callable[..., Any]],
    name: Any,
    slow: Callable[..., T],
    make: Callable[[], Callable[..., T]],
) -> None:
    """Put a function that `reader` writes into a table, and write it when that pays.

    To write one takes as long as to read some fifty objects without it. So it is written at the
    `LATER`th use: a process that reads one short stream never waits for it.

    Args:
        table: The table, in which the function is replaced.
        name: The function's name there.
        slow: Does the same for any object that has passed `bounded`.
        make: Calls `reader`.
    """
    uses = 0

    def first(*arguments: Any) -> T:
        nonlocal uses
        uses += 1
        if uses >= LATER:
            table[name] = made = make()
            return made(*arguments)
        *arguments, is_unchecked = arguments  # type: ignore[assignment]
        if is_unchecked:
            raise MisfitError
        return slow(*arguments)

    table[name] = first


def _fitting(key: Key) -> list[str]:
    """Check that a value, which is there, is of the type that an ordinary one has."""
    if key.json_type is None:
        return [f"if {key.name} is None: raise Misfit_"]
    bound = "" if key.least is None else f" or {key.name} < {key.least}"
    return [f"if {key.name}.__class__ is not {key.json_type.__name__}{bound}: raise Misfit_"]


def _reading(
    key: Key,
    scope: dict[str, Any],
    put_part: Callable[[dict[str, Any], str, type[Any]], None],
) -> list[str]:
    """Read a value of that type."""
    name, parts, read = key.name, key.parts, f"read_{key.name}_"
    at = f"at_ = {key.path!r}"
    if parts is tuple:
        scope[read] = key.read
        reading = ["if unchecked_: raise Misfit_", at, f"{name} = {read}({name})"]
        return [f"if {name}:", *(f"    {line}" for line in reading), "else:", f"    {name} = ()"]
    if isinstance(parts, type):
        put_part(scope, read, parts)
        return [at, f"{name} = {read}({name}, unchecked_)"]
    if parts is not None:
        scope[read] = {}
        for tag, part in parts.items():
            put_part(scope[read], tag, part)
        return [at, f"{name} = {read}[{name}['type']]({name}, unchecked_)"]
    if key.json_type in _SCALARS:
        return []
    reading = [f"if unchecked_ and not is_small_({name}): raise Misfit_"]
    if not key.is_plain:
        scope[read] = key.read
        reading += [f"{name} = {read}({name})"]
    return [f"if {name}:", *(f"    {line}" for line in reading)]


_SCALARS = (str, int, bool)


def _memories(names: Sequence[str]) -> Callable[[int], dict[str, Any]]:
    """Make a function from a set of names, as the bits of an integer, to the memory of their nulls.

    The memories are shared: the API sends the same nulls again and again.
    """

    @functools.lru_cache(maxsize=256)
    def memory_of(bits: int) -> dict[str, Any]:
        return {name: None for place, name in enumerate(names) if bits >> place & 1}

    return memory_of


def _instance_of(fields: Iterable[str]) -> list[str]:
    """Make the instance from variables of the fields' names."""
    return [
        "made_ = unfrozen_()",
        *(f"made_.{name} = {name}" for name in fields),
        "made_.__class__ = cls_",
        "return made_",
    ]


def _function(
    name: str, parameters: Iterable[str], lines: list[str], cls: type[Any], scope: dict[str, Any]
) -> Callable[..., Any]:
    """Write a function for a class. Its own names end in "_", which no field's name does."""
    scope |= {"cls_": cls, "NOTHING_": NOTHING, "unfrozen_": _unfrozen(cls)}
    head = f"def {name}({', '.join(parameters)}):"
    exec("\n    ".join([head, *lines]), scope)  # noqa: S102 - the names come from our own classes
    function: Callable[..., Any] = scope[name]
    return function


@functools.cache
def _unfrozen(cls: type[Any]) -> type[Any]:
    namespace: dict[str, Any] = {
        "__slots__": cls.__slots__,
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    return type(cls.__name__, cls.__bases__, namespace)
