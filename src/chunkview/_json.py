"""JSON text to Python values, by one set of rules whichever library parses.

The rules: RFC 8259 and no more. NaN and Infinity are refused, numbers beyond a float's range too,
lone surrogates, a byte order mark, trailing text, and nesting deeper than `MAX_DEPTH`. Of a
repeated key the last one counts. The standard library and msgspec differ on several of these;
what one of them lets through is refused here.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MAX_DEPTH",
    "check_depth",
    "copy_json",
    "default_loads",
    "loads",
    "plain",
    "stdlib_loads",
]

MAX_DEPTH = 200
"""How deep arrays and objects may be nested. Python's own recursion limit is not far above."""

# No float reaches 10**309, so an integer of 310 digits is out of range, whatever the digits.
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


def _not_json(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_scan = json.JSONDecoder(parse_float=_finite, parse_constant=_not_json).scan_once  # type: ignore[attr-defined]


def _stdlib_parse(data: bytes) -> Any:
    text = data.decode()
    start = 0 if text.startswith("{") else len(text) - len(text.lstrip(" \t\n\r"))
    try:
        value, end = _scan(text, start)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    if end != len(text) and text[end:].strip(" \t\n\r"):
        raise ValueError(f"text after the JSON value, at character {end}")
    return value


def _checked(parse: Callable[[bytes], Any], *refusals: type[Exception]) -> Callable[[bytes], Any]:
    """Wrap a library's parser in the rules that it does not keep by itself."""

    def checked_loads(data: bytes) -> Any:
        try:
            value = parse(data)
        except RecursionError:
            raise DecodeError(f"JSON nested deeper than {MAX_DEPTH} levels") from None
        except refusals as error:
            raise DecodeError(f"invalid JSON: {error}") from None
        # Each check is a fast scan that most texts pass; only a suspicious value is walked.
        if len(data) > MAX_DEPTH and _may_be_deep(data):
            check_depth(value)
        if len(data) >= _MAX_DIGITS and _has_many_digits(data):
            _refuse_huge_integers(value)
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


stdlib_loads = _checked(_stdlib_parse, ValueError)


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


def check_depth(value: Any) -> None:
    """Refuse a value that is nested deeper than `MAX_DEPTH`, without recursion.

    Args:
        value: A JSON value.

    Raises:
        DecodeError: It is nested deeper.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += [child for child in item.values() if isinstance(child, (dict, list))]
            elif isinstance(item, list):
                below += [child for child in item if isinstance(child, (dict, list))]
        if not below:
            return
        # By identity, where there are many: an object that is shared, or that holds itself, is
        # looked at once a level.
        level = below if len(below) < 100 else list({id(item): item for item in below}.values())
    raise DecodeError(f"nested deeper than {MAX_DEPTH} levels")


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
    if value is None or isinstance(value, (str, int, float)):
        return value
    return plain(value) if isinstance(value, Mapping) else value


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a mapping into plain dicts and lists, whatever mappings and sequences it holds.

    Raises:
        DecodeError: It is nested too deep.
    """
    try:
        copied: dict[str, Any] = _plain(value)
    except RecursionError:
        raise DecodeError("nested too deep") from None
    check_depth(copied)
    return copied


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _scalars(value: Any) -> list[Any]:
    """All keys and scalars within a JSON value."""
    found: list[Any] = []
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            found.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
        else:
            found.append(item)
    return found


def _refuse_huge_integers(value: Any) -> None:
    for scalar in _scalars(value):
        if isinstance(scalar, int):
            try:
                float(scalar)
            except OverflowError:
                raise DecodeError("invalid JSON: number out of range") from None


def _refuse_lone_surrogates(value: Any) -> None:
    for scalar in _scalars(value):
        if isinstance(scalar, str):
            try:
                scalar.encode()
            except UnicodeEncodeError:
                raise DecodeError("invalid JSON: lone surrogate in a string") from None
