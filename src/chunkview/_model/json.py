"""JSON values: text parsed by one set of rules, and the door for values that are parsed already.

The rules for text: RFC 8259 and no more. NaN and Infinity are refused, numbers beyond a float's
range too, lone surrogates, a byte order mark, trailing text, and nesting deeper than `MAX_DEPTH`.
Of a repeated key the last one counts. The standard library and msgspec differ on several of
these; what one of them lets through is refused here.

A value that is not text (a dict, another mapping, the dump of an SDK object) is checked once,
where it comes in: by `bounded`. What is behind it consists of plain dicts and lists and is
bounded, so the rest of the package copies, writes and pickles it without looking again.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
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
    "default_loads",
    "failure_of",
    "loads",
    "stdlib_loads",
]

MAX_DEPTH = 200
"""How deep arrays and objects may be nested. Python's own recursion limit is not far above."""

MAX_RECORD_DEPTH = MAX_DEPTH + 3
"""The same for `from_dict`. A tool's input is JSON text of its own, so it may be `MAX_DEPTH`
levels deep, and in a message it lies three levels down (message, content, block): what `to_dict`
writes must be read again."""

_MAX_REPEATS = 2**20
"""How many items shared references and copies may add to a value. Written as JSON, a value that
holds the same list twice holds two lists: 60 lists that each hold the next one twice are 2**60."""

# No float reaches 10**309, so an integer of 310 digits is out of range.
_MAX_DIGITS = 309
# Looking at every 30th byte first: 309 digits in a row show as ten.
_STRIDE = 30
_DIGITS_TO_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_MAYBE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return number


def _counted(text: str) -> int:
    """Read an integer of a bounded number of digits: `int` takes quadratic time."""
    if len(text) - text.startswith("-") > _MAX_DIGITS:
        raise ValueError("number out of range")
    _finite(text)
    return int(text)


def _not_json(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_rules: dict[str, Any] = {"parse_float": _finite, "parse_constant": _not_json}
_scan = json.JSONDecoder(**_rules).scan_once  # type: ignore[attr-defined]
# Calling Python for each integer takes longer, so that is for texts with many digits in a row.
_scan_counting = json.JSONDecoder(**_rules, parse_int=_counted).scan_once  # type: ignore[attr-defined]


def _parse(data: bytes, scan: Callable[[str, int], tuple[Any, int]]) -> Any:
    text = data.decode()
    start = 0 if text.startswith("{") else len(text) - len(text.lstrip(" \t\n\r"))
    try:
        value, end = scan(text, start)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    if end != len(text) and text[end:].strip(" \t\n\r"):
        raise ValueError(f"text after the JSON value, at character {end}")
    return value


def _checked(parse: Callable[[bytes], Any], *refusals: type[Exception]) -> Callable[[bytes], Any]:
    """Wrap a library's parser in the rules that it does not keep by itself.

    Each check is a fast scan of the text that most texts pass; only a suspicious one costs more.
    """

    def checked_loads(data: bytes) -> Any:
        try:
            # Long rows of digits are the standard library's. Integers have to be counted before
            # they are read. And msgspec takes an exponent from 100,000 on for 100,000: that makes
            # a difference only where a row of zeros makes up for such an exponent.
            if len(data) >= _MAX_DIGITS and _has_many_digits(data):
                value = _parse(data, _scan_counting)
            else:
                value = parse(data)
        except RecursionError:
            raise DecodeError(f"JSON nested deeper than {MAX_DEPTH} levels") from None
        except refusals as error:
            raise DecodeError(f"invalid JSON: {error}") from None
        if len(data) > MAX_DEPTH and _may_be_deep(data):
            check_depth(value)
        if 0x5C in data and _MAYBE_SURROGATE.search(data):  # a backslash
            _refuse_lone_surrogates(value)
        return value

    return checked_loads


def _may_be_deep(data: bytes) -> bool:
    # Counting takes longer than walking where the text is long: long texts are mostly strings.
    return len(data) > 4096 or data.count(b"{") + data.count(b"[") > MAX_DEPTH


def _has_many_digits(data: bytes) -> bool:
    samples = data[::_STRIDE].translate(_DIGITS_TO_ZERO)
    return b"0" * (_MAX_DIGITS // _STRIDE) in samples and b"0" * _MAX_DIGITS in data.translate(
        _DIGITS_TO_ZERO
    )


stdlib_loads = _checked(lambda data: _parse(data, _scan), ValueError)


@functools.cache
def default_loads() -> Callable[[bytes], Any]:
    """Choose the parser: msgspec's when it is installed, else the standard library's.

    msgspec is imported here, at first use, so that `import chunkview` does not pay for it.

    Returns:
        A function from UTF-8 JSON text (bytes) to a Python value, which raises DecodeError.
    """
    try:
        import msgspec
    except ImportError:
        return stdlib_loads
    return _checked(msgspec.json.Decoder().decode, msgspec.DecodeError, ValueError)


def loads(text: str | bytes) -> Any:
    """Parse JSON text strictly.

    Memory: a text of nothing but tiny arrays, objects or numbers, n bytes long, becomes a value of
    up to 45 times n bytes, because Python's smallest lists and dicts are that large (`[[[…` is the
    worst; `[[],[],…` takes 22, `[0,0,…` 4). While it is parsed, the standard library's parser has
    the text as str besides, at 1 to 4 times n. The checks add a few hundred bytes for each level
    of nesting, and copies of the text where it has 309 digits in a row.

    Args:
        text: A whole JSON document; bytes are UTF-8.

    Returns:
        dict, list, str, int, float, bool or None.

    Raises:
        DecodeError: The text breaks one of the rules in this module's header.
    """
    if isinstance(text, str):
        try:
            text = text.encode()
        except UnicodeEncodeError as error:
            raise DecodeError(f"invalid JSON: {error}") from None
    return default_loads()(text)


def bounding(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Put a caller's own parser behind the door; what ours gives is bounded already."""
    if parse is stdlib_loads:
        return parse

    def bounded_loads(data: bytes) -> Any:
        value = parse(data)
        return bounded(value) if isinstance(value, Mapping) else value

    return bounded_loads


def check_depth(value: Any) -> None:
    """Refuse a value that is nested deeper than `MAX_DEPTH`.

    It goes depth first, so that it needs no more memory than one iterator a level.

    Args:
        value: A JSON value as a parser makes it: a tree of dicts and lists.

    Raises:
        DecodeError: It is nested deeper.
    """
    stack: list[Iterator[Any]] = [iter((value,))]
    while stack:
        for item in stack[-1]:
            kind = item.__class__
            if kind is dict:
                inner = iter(item.values())
            elif kind is list:
                inner = iter(item)
            else:
                continue
            if len(stack) > MAX_DEPTH:
                raise _too_deep(MAX_DEPTH)
            stack.append(inner)
            break
        else:
            stack.pop()


def _too_deep(levels: int) -> DecodeError:
    return DecodeError(f"nested deeper than {levels} levels")


def bounded(value: Any, levels: int = MAX_DEPTH) -> dict[str, Any]:
    """Let a JSON object in: the one check of a value that did not come as text.

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
        # Most events are small and plain. As long as no more dicts and lists are reached than
        # there may be levels, the value is not nested too deep, and its shape does not matter:
        # that takes half of the time of the walk by levels (benchmarks/test_decode.py).
        if value.__class__ is dict:
            reached: list[Any] = [value]
            room = 10_000  # items: what is shared is walked through, and counted, each time
            for container in reached:
                room -= len(container)
                if room < 0 or len(reached) > levels:
                    break
                for item in container.values() if container.__class__ is dict else container:
                    kind = item.__class__
                    if kind is str or kind is int or item is None:
                        continue
                    if kind is dict or kind is list:
                        reached.append(item)
                    elif kind is not bool and kind is not float:
                        room = -1
            else:
                if room >= 0:
                    return value
            if _is_plain(value, levels):
                return value
        return _bounded(value, levels)
    except (DecodeError, MemoryError, OSError):
        raise
    except Exception as error:
        raise failure_of("the object's own methods failed", error) from error


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


def _scalars(value: Any) -> Iterator[Any]:
    """All keys and scalars within a JSON value, at one iterator a level."""
    stack: list[Iterator[Any]] = [iter((value,))]
    while stack:
        for item in stack[-1]:
            if isinstance(item, dict):
                yield from item
                stack.append(iter(item.values()))
                break
            if isinstance(item, list):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()


def _refuse_lone_surrogates(value: Any) -> None:
    for scalar in _scalars(value):
        if isinstance(scalar, str):
            try:
                scalar.encode()
            except UnicodeEncodeError:
                raise DecodeError("invalid JSON: lone surrogate in a string") from None
