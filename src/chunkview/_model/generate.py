"""The one place where code is written: what makes, changes and reads frozen classes.

attrs writes an `__init__` for each class, and cattrs a structuring function. Here it is both at
once, since most of the time would be lost between the two: `reader` writes a function that takes
the keys of a JSON object one after the other, in straight-line code, and makes the instance from
them. It knows one case only: everything is as it should be. Anything else, such as a missing string
or a count that is a text, is left to an ordinary function, which reads the object again from the
start. `put_reader` has that function read everything until a class has been used often enough.

Three things make the written code fast (benchmarks/test_decode.py):

- Frozen instances: an attrs class that is frozen sets its fields through `object.__setattr__`, one
  call for each. A sibling that is laid out alike, but is not frozen, takes plain assignments;
  assigning `__class__` then freezes the instance. A text delta takes a third of the time.
- Counted keys: if an object has as many keys as were found, then no other key is looked for. Nulls
  are bits, and there is one memory for each set of nulls. Parts are read by the function that was
  written for their class. A message_start takes half of the time that it takes with a loop over its
  keys for the unknown ones and the nulls, and with general functions for its parts.
- No walk: an event that did not come as text has yet to pass `bounded`. If all its keys are known
  and all its values are of the expected types, then only what is kept as a dict or list can be
  deep, and usually that is empty. So a message_start that is a dict does without the walk, which
  would take two thirds of the time of reading it.

For a citation with a `url` and an optional `title`, this is what `reader` writes:

    def read_(data_, unchecked_):
        at_, nulls_ = '', 0
        try:
            if data_['type'] != 'citation': raise Misfit_
            count_ = 2
            url = data_['url']
            if url.__class__ is not str: raise Misfit_
            if 'title' in data_:
                title = data_['title']
                count_ += 1
                if title is None:
                    nulls_ += 1
                else:
                    if title.__class__ is not str: raise Misfit_
            else:
                title = None
            if len(data_) == count_:
                extra = {}
            else:
                extra = rest_(data_)
                if unchecked_ and not is_small_(extra): raise Misfit_
            _memory = memory_of_(nulls_) if nulls_ else NOTHING_
        except (Misfit_, KeyError, TypeError):
            if unchecked_: raise
        except DecodeError_ as error_:
            raise error_.under(at_) from None
        else:
            made_ = unfrozen_()
            made_.extra = extra
            …
            made_.__class__ = cls_
            return made_
        return slow_(data_)

A part, such as the usage of a message, is read with the line before it saying where an error is:

    at_ = 'usage'
    usage = read_usage_(usage, unchecked_)
"""

from __future__ import annotations

import collections
import functools
import re
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from ..errors import DecodeError
from .bounds import is_small

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .record import Key

    PutPart = Callable[[dict[str, Any], str, type[Any]], None]

__all__ = [
    "NOTHING",
    "MisfitError",
    "changer",
    "inlined",
    "maker",
    "per_class",
    "put_reader",
    "reader",
]

T = TypeVar("T")

NOTHING: dict[str, Any] = {}
"""The memory of an object that came as it is written. Shared; never changed."""

LATER = 16
"""At which use of a class its reader is written."""


class MisfitError(Exception):
    """A value that does not fit its field. It never leaves the package."""


def per_class(make: Callable[[type[Any]], T]) -> Callable[[type[Any]], T]:
    """Make something for a class once, when it is first wanted.

    Classes that are never read cost nothing that way. (`functools.cache` itself is typed for
    hashable arguments, which mypy says that `type[Any]` is not.)
    """
    return functools.cache(make)  # type: ignore[return-value]


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
    lines = [*_instance_of({name: name for name in fields}), "return made_"]
    return _function("make_", parameters, lines, cls, {"defaults_": defaults})


def inlined(source: str, cls: type[Any], *names: str, **scope: Any) -> Callable[..., Any]:
    """Write a function of the caller's, with what `maker` writes in place of a call of it.

    That call is a tenth of what it takes to decode a delta.

    Args:
        source: The source of the function `written_`. Its line `made_ = make_(…)` makes the
            instance; the arguments are names of variables.
        cls: A class as for `maker`.
        *names: The fields that the arguments are for, in order. The others get their defaults.
        **scope: What other names in the source mean.

    Returns:
        The function.

    Raises:
        ValueError: The source has no such line.
    """
    fields = {field.name: field.default for field in attrs.fields(cls)}
    defaults = {f"default_{name}_": fields[name] for name in fields.keys() - set(names)}

    def instance(call: re.Match[str]) -> str:
        arguments = zip(names, call["arguments"].split(", "), strict=True)
        values = {name: f"default_{name}_" for name in fields} | dict(arguments)
        return "\n".join(call["margin"] + line for line in _instance_of(values))

    call = r"(?m)^(?P<margin> *)made_ = make_\((?P<arguments>.*)\)$"
    source, count = re.subn(call, instance, source)
    if not count:
        raise ValueError("the source has no line `made_ = make_(…)`")
    return _written("written_", source, cls, scope | defaults)


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
    values = {name: name if name in names else f"old_.{name}" for name in fields}
    lines = [*_instance_of(values), "return made_"]
    return _function("change_", ("old_", *names), lines, cls, {})


def reader(
    cls: type[T],
    keys: Sequence[Key],
    slow: Callable[..., T],
    put_part: PutPart,
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
        put_part: From a table, a name and a class: puts the reader of a part into the table, as
            `put_reader` does.
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
        count = {key.wire for key in here if key.is_expected}
        if inside:
            lines += [f"place_ = data_[{inside!r}]"]
            lines += ["if place_.__class__ is not dict: raise Misfit_"]
        else:
            count |= {key.inside for key in keys if key.inside}
        if inside in tags:
            lines += [f"if {place}['type'] != {tags[inside]!r}: raise Misfit_"]
            count |= {"type"}
        lines += [f"count_ = {len(count)}"]
        for key in here:
            lines += _lines_of(key, place, nullable, _reading(key, scope, put_part))
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
        *_indented(lines),
        "except (Misfit_, KeyError, TypeError):",
        "    if unchecked_: raise",
        "except DecodeError_ as error_:",
        "    raise error_.under(at_) from None",
        "else:",
        *_indented([*_instance_of({name: name for name in fields}), "return made_"]),
        f"return slow_({', '.join(('data_', *given))})",
    ]
    return _function("read_", ("data_", *given, "unchecked_"), lines, cls, scope)


_uses: collections.Counter[type[Any]] = collections.Counter()


def put_reader(
    table: dict[Any, Callable[..., Any]],
    name: Any,
    cls: type[T],
    slow: Callable[..., T],
    make: Callable[[], Callable[..., T]],
) -> None:
    """Put a function that `reader` writes into a table, and write it when that pays.

    To write one takes as long as to read some fifty objects without it. So it is written when its
    class is used for the `LATER`th time: a process that reads one short stream never waits for it.

    Args:
        table: The table, in which the function is replaced then.
        name: The function's name there.
        cls: Its class.
        slow: Does the same for any object that has passed `bounded`.
        make: Calls `reader`.
    """

    def first(*arguments: Any) -> T:
        _uses[cls] += 1
        if _uses[cls] >= LATER:
            table[name] = made = make()
            return made(*arguments)
        if arguments[-1]:  # it has yet to pass `bounded`
            raise MisfitError
        return slow(*arguments[:-1])

    table[name] = first


def _lines_of(key: Key, place: str, nullable: list[str], reading: list[str]) -> list[str]:
    """Take a key out of a place, check the type of its value, and read it."""
    name = key.name
    taken = f"{name} = {place}[{key.wire!r}]"
    if key.json_type is None:
        reading = [f"if {name} is None: raise Misfit_", *reading]
    else:
        bound = "" if key.least is None else f" or {name} < {key.least}"
        kind = key.json_type.__name__
        reading = [f"if {name}.__class__ is not {kind}{bound}: raise Misfit_", *reading]
    if key.is_expected:
        return [taken, *reading]
    nullable.append(key.wire)
    return [
        f"if {key.wire!r} in {place}:",
        f"    {taken}",
        "    count_ += 1",
        f"    if {name} is None:",
        f"        nulls_ += {1 << len(nullable) - 1}",
        "    else:",
        *_indented(_indented(reading)),
        "else:",
        f"    {name} = None",
    ]


def _reading(key: Key, scope: dict[str, Any], put_part: PutPart) -> list[str]:
    """Read a value that is of the type that an ordinary one has."""
    name, parts, read = key.name, key.parts, f"read_{key.name}_"
    at = f"at_ = {key.path!r}"
    if parts is tuple:
        scope[read] = key.read
        reading = ["if unchecked_: raise Misfit_", at, f"{name} = {read}({name})"]
        return [f"if {name}:", *_indented(reading), "else:", f"    {name} = ()"]
    if isinstance(parts, type):
        put_part(scope, read, parts)
        return [at, f"{name} = {read}({name}, unchecked_)"]
    if parts is not None:
        scope[read] = {}
        for tag, part in parts.items():
            put_part(scope[read], tag, part)
        return [at, f"{name} = {read}[{name}['type']]({name}, unchecked_)"]
    if key.json_type in (str, int, bool):
        return []
    # What is empty is not deep, and it is what it is read as.
    scope[read] = key.read
    kept = name if key.json_type else f"[{name}]"
    reading = [f"if unchecked_ and not is_small_({kept}): raise Misfit_"]
    reading += [f"{name} = {read}({name})"] * (not key.is_plain)
    return [f"if {name}:", *_indented(reading)]


def _memories(names: Sequence[str]) -> Callable[[int], dict[str, Any]]:
    """Make a function from a set of names, as the bits of an integer, to the memory of their nulls.

    The memories are shared: the API sends the same nulls again and again.
    """

    @functools.lru_cache(maxsize=256)
    def memory_of(bits: int) -> dict[str, Any]:
        return {name: None for place, name in enumerate(names) if bits >> place & 1}

    return memory_of


def _instance_of(values: Mapping[str, str]) -> list[str]:
    """Make an instance.

    Args:
        values: The values of its fields: names of variables.
    """
    return [
        "made_ = unfrozen_()",
        *(f"made_.{name} = {value}" for name, value in values.items()),
        "made_.__class__ = cls_",
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _function(
    name: str, parameters: Iterable[str], lines: list[str], cls: type[Any], scope: dict[str, Any]
) -> Callable[..., Any]:
    """Write a function for a class. Its own names end in "_", which no field's name does."""
    head = f"def {name}({', '.join(parameters)}):"
    return _written(name, "\n    ".join([head, *lines]), cls, scope)


def _written(name: str, source: str, cls: type[Any], scope: dict[str, Any]) -> Callable[..., Any]:
    scope |= {"cls_": cls, "NOTHING_": NOTHING, "unfrozen_": _unfrozen(cls)}
    exec(source, scope)  # noqa: S102 - the names come from our own classes
    function: Callable[..., Any] = scope[name]
    return function


@per_class
def _unfrozen(cls: type[Any]) -> type[Any]:
    """Make the sibling of a class whose instances take plain assignments."""
    namespace: dict[str, Any] = {
        "__slots__": cls.__slots__,
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    return type(cls.__name__, cls.__bases__, namespace)
