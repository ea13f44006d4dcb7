"""A fast way to make instances of frozen classes: for the deltas, of which a stream has thousands.

An attrs class that is frozen sets its fields through `object.__setattr__`, one call for each. A
sibling that is laid out alike, but is not frozen, takes plain assignments; assigning `__class__`
then freezes the instance. For a text delta on CPython 3.11 that takes about a third of the time
of the generated `__init__` (`benchmarks/test_decode.py`, group "construct").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["maker"]

T = TypeVar("T")


def maker(cls: type[T], *names: str) -> Callable[..., T]:
    """Write a positional constructor that does not check its arguments.

    Args:
        cls: A frozen, slotted attrs class whose fields have neither converters nor validators.
        *names: The fields in the order of the constructor's parameters; the fields that are not
            named follow in their own order, and may be left out if they have a default.

    Returns:
        A function that takes one argument for each field.
    """
    namespace: dict[str, Any] = {
        "__slots__": cls.__slots__,  # type: ignore[attr-defined]
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    draft = type(cls.__name__, cls.__bases__, namespace)
    defaults = {field.name: field.default for field in attrs.fields(cls)}  # type: ignore[arg-type]
    fields = dict.fromkeys((*names, *defaults))
    parameters = [
        name if name in names or defaults[name] is attrs.NOTHING else f"{name}=defaults[{name!r}]"
        for name in fields
    ]
    source = "\n    ".join(
        [
            f"def make({', '.join(parameters)}):",
            "made = draft()",
            *(f"made.{name} = {name}" for name in fields),
            "made.__class__ = cls",
            "return made",
        ]
    )
    scope: dict[str, Any] = {"draft": draft, "cls": cls, "defaults": defaults}
    exec(source, scope)  # noqa: S102 - the names come from our own classes
    make: Callable[..., T] = scope["make"]
    return make
