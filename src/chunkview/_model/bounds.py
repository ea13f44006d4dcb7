"""The one check of values that did not come as text: dicts, other mappings, dumps of SDK objects.

Such a value is checked once, where it comes in, by `bounded`. Afterwards it consists of plain dicts
and lists and is bounded, so the rest of the package copies, writes and pickles it without another
check. JSON text is bounded by its parser.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import DecodeError, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "MAX_DEPTH",
    "MAX_RECORD_DEPTH",
    "bounded",
    "bounding",
    "check_depth",
    "copy_json",
    "failure_of",
    "is_small",
]

MAX_DEPTH = 200
"""How deep arrays and objects may be nested. Python's own recursion limit is not far above."""

MAX_RECORD_DEPTH = MAX_DEPTH + 3
"""The same for `from_dict`. A tool's input is a JSON text of its own, `MAX_DEPTH` deep at most, and
lies three levels down in a message. `from_dict` must read what `to_dict` writes."""

_MAX_REPEATS = 2**20
"""How many items shared references and copies may add to a value. Written as JSON, a value that
holds the same list twice holds two lists: 60 lists that each hold the next one twice are 2**60."""


def bounded(value: Any, levels: int = MAX_DEPTH) -> dict[str, Any]:
    """Check a JSON object that did not come as text.

    The time is linear in the number of distinct dicts, lists and tuples and of their items.

    Args:
        value: A dict or another mapping. It is not changed.
        levels: How deep it may be nested.

    Returns:
        The value itself when it consists of plain dicts and lists. Otherwise a copy, in which
        any other mapping is a dict and any other list, or tuple, is a list; a part in which there
        is nothing to replace is not copied.

    Raises:
        DecodeError: It is no mapping; it is nested too deep, or holds itself; shared references
            make it grow beyond all bounds when it is written; or a mapping's own methods failed.
    """
    try:
        if value.__class__ is dict and (is_small(value, levels) or _is_plain(value, levels)):
            return value
        return _bounded(value, levels)
    except (DecodeError, MemoryError, OSError):
        raise
    except Exception as error:
        raise failure_of("the object's own methods failed", error) from error


def is_small(value: Any, levels: int = 50) -> bool:
    """Pass a dict or list that is plain and small, as most are.

    As long as no more dicts and lists are reached than there may be levels, a value is not nested
    too deep, and its shape does not matter: that takes half of the time of the walk by levels
    (benchmarks/test_decode.py).
    """
    reached: list[Any] = [value]
    room = 10_000  # items: what is shared is walked through, and counted, each time
    for container in reached:
        room -= len(container)
        if room < 0 or len(reached) > levels:
            return False
        for item in container.values() if container.__class__ is dict else container:
            kind = item.__class__
            if kind is str or kind is int or item is None:
                continue
            if kind is dict or kind is list:
                reached.append(item)
            elif kind is not bool and kind is not float:
                return False
    return True


def _is_plain(value: Any, levels: int) -> bool:
    """Pass what is plain, and not too large however often its parts are shared.

    This takes a fifth of the time of `_bounded`.
    """
    level: list[Any] = [value]
    room = 100_000  # items
    for _ in range(levels):
        below: list[Any] = []
        for container in level:
            room -= len(container)
            if room < 0:
                return False
            for item in container.values() if container.__class__ is dict else container:
                kind = item.__class__
                if kind is dict or kind is list:
                    below.append(item)
                elif kind not in _SCALARS:
                    return False
        if not below:
            return True
        level = below
    return False


class _Container:
    """A dict, list, tuple or mapping on the way through `_bounded`.

    Attributes:
        given: The container.
        plain: What it becomes: itself, or a copy as a dict or list. A copy may have one item more
            than is allowed: then it is refused.
        rest: The keys (or indices) and items that have not been looked at.
        key: The key of the item that is being walked through.
        is_open: Whether it has not been looked at to the end.
        height: How many levels it has, as far as it has been looked at.
        size: How many items it has, with the items of what it holds, as often as they are reached.
    """

    __slots__ = ("given", "height", "is_open", "key", "plain", "rest", "size")

    def __init__(self, given: Any) -> None:
        plain: Any = given
        if given.__class__ is not dict and given.__class__ is not list:
            if isinstance(given, Mapping):
                plain = dict(itertools.islice(given.items(), _MAX_REPEATS + 1))
            else:
                plain = list(itertools.islice(given, _MAX_REPEATS + 1))
        self.given = given
        self.plain = plain
        self.rest = iter(plain.items() if plain.__class__ is dict else enumerate(plain))
        self.key: Any = None
        self.is_open = True
        self.height = 1
        self.size = len(plain)

    @property
    def copied(self) -> int:
        """How many items had to be copied."""
        return 0 if self.plain is self.given else len(self.plain)

    def put(self, key: Any, inner: _Container) -> None:
        """Take in an item that has been looked at."""
        inner.is_open = False
        if inner.plain is not inner.given:
            if self.plain is self.given:
                self.plain = self.plain.copy()
            self.plain[key] = inner.plain
        self.height = max(self.height, inner.height + 1)
        self.size += inner.size


_CONTAINERS = (dict, list, tuple, Mapping)
_SCALARS = frozenset({str, int, float, bool, type(None)})


def _bounded(value: Any, levels: int) -> dict[str, Any]:
    """The same as `bounded`, whatever the shape: depth first, what is shared once."""
    if not isinstance(value, Mapping):
        raise DecodeError(f"expected object, got {kind_of(value)}")
    root = _Container(value)
    # By identity. The entries keep the containers alive: a mapping may make its items when it is
    # asked for them, and the id of an object that is gone is used again.
    known = {id(value): root}
    stack = [root]
    copied = root.copied
    while stack:
        container = stack[-1]
        for key, item in container.rest:
            if item.__class__ in _SCALARS or not isinstance(item, _CONTAINERS):
                continue
            inner = known.get(id(item))
            if inner is None:
                inner = known[id(item)] = _Container(item)
                container.key = key
                stack.append(inner)
                copied += inner.copied
                break
            if inner.is_open:  # it holds itself
                raise _too_deep(levels)
            container.put(key, inner)
        else:
            stack.pop()
            if stack:
                stack[-1].put(stack[-1].key, container)
        if len(stack) > levels:
            raise _too_deep(levels)
        if copied > _MAX_REPEATS:
            raise DecodeError(f"mappings and tuples with more than {_MAX_REPEATS} items")
    if root.height > levels:
        raise _too_deep(levels)
    if root.size - sum(len(container.plain) for container in known.values()) > _MAX_REPEATS:
        raise DecodeError(f"shared references add more than {_MAX_REPEATS} items")
    return root.plain  # type: ignore[no-any-return]


def failure_of(what: str, error: Exception) -> DecodeError:
    """Make the DecodeError for an exception out of somebody else's object.

    Args:
        what: What failed.
        error: The exception, whose own `str` may fail too.
    """
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - it is the caller's object; its type is named instead
        said = ""
    said = said if len(said) <= 500 else f"{said[:500]}..."
    return DecodeError(f"{what}: {said or type(error).__name__}")


def copy_json(value: Any) -> Any:
    """Copy a JSON value so that a change to the copy does not reach the original."""
    if isinstance(value, dict):
        copied = {}
        for key, item in value.items():
            copied[key] = copy_json(item)
        return copied
    if isinstance(value, (list, tuple)):
        items = []
        for item in value:
            items.append(copy_json(item))  # noqa: PERF401 - a comprehension costs a frame a level
        return items
    if value.__class__ in _SCALARS or not isinstance(value, Mapping):
        return value
    return copy_json(dict(value.items()))


def bounding(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Check the values of a caller's own parser. The package's own parsers are bounded."""

    def bounded_loads(data: bytes) -> Any:
        value = parse(data)
        return bounded(value) if isinstance(value, Mapping) else value

    return bounded_loads


def check_depth(value: Any) -> None:
    """Refuse a value that is nested deeper than `MAX_DEPTH`.

    It goes depth first, up to 256 items at a time, so that it needs little memory for each level.

    Args:
        value: A JSON value as a parser makes it: a tree of dicts and lists.

    Raises:
        DecodeError: It is nested deeper.
    """
    if is_small([value]):
        return
    levels: list[Iterator[Any]] = [iter((value,))]
    while levels:
        items = list(itertools.islice(levels[-1], 256))
        inner = [
            item.values() if item.__class__ is dict else item
            for item in items
            if item.__class__ is dict or item.__class__ is list
        ]
        if inner:
            if len(levels) > MAX_DEPTH:
                raise _too_deep(MAX_DEPTH)
            levels.append(itertools.chain.from_iterable(inner))
        elif not items:
            levels.pop()


def _too_deep(levels: int) -> DecodeError:
    return DecodeError(f"nested deeper than {levels} levels", rule="too_deep")
