"""The functions that are measured, named as `package.module:function`."""

from __future__ import annotations

import importlib
import operator
import os
import re
import sys
from typing import TYPE_CHECKING, Any, cast

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Function", "is_place_of_function", "load"]

_PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@attrs.frozen
class Function:
    """A function to measure.

    Attributes:
        name: Its name in the table.
        place: Its module and name, as for `load`.
        takes_pieces: Whether it takes the pieces of a body in any case.
    """

    name: str
    place: str
    takes_pieces: bool = False


def is_place_of_function(text: str) -> bool:
    """Whether a text has the form `package.module:function`."""
    return _PLACE.fullmatch(text) is not None


def load(place: str) -> Callable[[Any], Any]:
    """Import a function, from the current folder or what is installed.

    Args:
        place: Its module and its name, for example `my_package.parser:parse`.

    Raises:
        Exception: What the module raises while it is imported.
        ImportError: There is no such module, or nothing of this name in it.
        TypeError: It cannot be called.
    """
    module_name, _, name = place.partition(":")
    if os.getcwd() not in sys.path:  # noqa: PTH109
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    module = importlib.import_module(module_name)
    try:
        function = operator.attrgetter(name)(module)
    except AttributeError as error:
        raise ImportError(f"{module_name} has no {name}") from error
    if not callable(function):
        raise TypeError(f"{place} is no function")
    return cast("Callable[[Any], Any]", function)
