"""JSON text to Python values, by one set of rules whichever library parses.

The rules are those of RFC 8259 and no more. NaN and Infinity are refused, and so are numbers beyond
a float's range, raw control characters in strings, a byte order mark, trailing text, and nesting
deeper than `MAX_DEPTH`. Half a character is taken, such as the escape of U+D83D alone: some servers
cut a text there. The last one of a repeated key counts.

The standard library and msgspec differ on several of these. So msgspec only reads what it accepts:
a text that it refuses is read again by the standard library, which takes it or says what is wrong.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from ..errors import DecodeError
from .bounds import MAX_DEPTH, bounding, check_depth

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["default_loads", "is_object", "loads", "parser", "stdlib_loads"]

# No float reaches 10**309, so an integer of 310 digits is out of range.
_MAX_DIGITS = 309
# Sample every 60th byte first: a row of 309 digits gives five adjacent samples that are digits.
_STRIDE = 60
_DIGITS_TO_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))

# Shorter texts are not nested deeper than `MAX_DEPTH`: each level takes two brackets.
_MIN_DEEP = 2 * MAX_DEPTH


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
# Slower, since it calls Python for each integer: only for texts with many digits in a row.
_scan_counting = json.JSONDecoder(**_rules, parse_int=_counted).scan_once  # type: ignore[attr-defined]


class _ControlCharacterError(ValueError):
    """A raw control character in a string."""


def _parse(data: bytes, scan: Callable[[str, int], tuple[Any, int]], errors: str = "strict") -> Any:
    text = data.decode("utf-8", errors)
    start = 0 if text.startswith("{") else len(text) - len(text.lstrip(" \t\n\r"))
    try:
        value, end = scan(text, start)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Invalid control character"):
            raise
        raise _ControlCharacterError(
            f"a raw control character in a string, U+{ord(text[error.pos]):04X} at character "
            f"{error.pos}: it has to be escaped"
        ) from None
    if end != len(text) and text[end:].strip(" \t\n\r"):
        raise ValueError(f"text after the JSON value, at character {end}")
    return value


def _checked(
    parse: Callable[[bytes], Any] | None, errors: str = "strict"
) -> Callable[[bytes], Any]:
    """Make a parser that keeps the rules.

    Each check is a fast scan of the text that most texts pass; only a suspicious one costs more.

    Args:
        parse: A library's parser. What it refuses, the standard library reads once more. None for
            the standard library alone.
        errors: How the standard library decodes bytes that are no UTF-8.
    """

    def checked_loads(data: bytes) -> Any:
        try:
            # The standard library parses texts with long rows of digits, for two reasons. The
            # digits of an integer have to be counted before it is read. And msgspec reads any
            # exponent beyond 100,000 as 100,000, which only matters beside a long row of zeros.
            if len(data) >= _MAX_DIGITS and _has_many_digits(data):
                value = _parse(data, _scan_counting, errors)
            else:
                value = _parse(data, _scan, errors) if parse is None else parse(data)
        except RecursionError:
            problem = f"JSON nested deeper than {MAX_DEPTH} levels"
            raise DecodeError(problem, rule="too_deep") from None
        except ValueError as error:  # msgspec's DecodeError is one
            if parse is not None:
                return stdlib_loads(data)
            is_control = isinstance(error, _ControlCharacterError)
            rule = "control_character" if is_control else "data_not_object"
            raise DecodeError(f"invalid JSON: {error}", rule=rule) from None
        if len(data) > _MIN_DEEP and _may_be_deep(data):
            check_depth(value)
        return value

    return checked_loads


def _may_be_deep(data: bytes) -> bool:
    """Whether a text whose JSON is valid may be nested deeper than `MAX_DEPTH`."""
    # For a long text, counting takes longer than walking the value: most of the text is strings.
    if len(data) > 1024:
        return True
    # Each level takes two brackets, and an object around another level `"":` besides. So a short
    # text has to have many arrays: for an ordinary message_start, one count is enough.
    arrays = data.count(b"[")
    objects = (len(data) - _MIN_DEEP) // 3
    return arrays + objects >= MAX_DEPTH and arrays + data.count(b"{") > MAX_DEPTH


def _has_many_digits(data: bytes) -> bool:
    # In a short text, so many digits in a row would cover this byte.
    if len(data) < 2 * _MAX_DIGITS and not 0x30 <= data[_MAX_DIGITS - 1] <= 0x39:
        return False
    samples = data[::_STRIDE].translate(_DIGITS_TO_ZERO)
    return b"0" * (_MAX_DIGITS // _STRIDE) in samples and b"0" * _MAX_DIGITS in data.translate(
        _DIGITS_TO_ZERO
    )


stdlib_loads = _checked(None)
_loads_halves = _checked(None, "surrogatepass")


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
    decode = msgspec.json.Decoder().decode
    if issubclass(msgspec.DecodeError, ValueError):
        return _checked(decode)

    def decode_with_value_error(data: bytes) -> Any:
        """Raise what later releases of msgspec raise."""
        try:
            return decode(data)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error

    return _checked(decode_with_value_error)


def parser(loads: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    """Choose what parses the events of a stream.

    Args:
        loads: A caller's own parser, or None.

    Returns:
        For None, the default parser; otherwise the caller's, whose values are checked, since it
        may know no bounds.
    """
    if loads is None:
        return default_loads()
    return loads if loads is stdlib_loads else bounding(loads)


def loads(text: str | bytes) -> Any:
    """Parse JSON text strictly.

    Memory: a text of nothing but tiny arrays, objects or numbers, n bytes long, becomes a value of
    up to 45 times n bytes, because Python's smallest lists and dicts are that large (`[[[…` is the
    worst; `[[],[],…` takes 22, `[0,0,…` 4). While it is parsed, the standard library's parser has
    the text as str besides, at 1 to 4 times n. The checks add a few hundred bytes for each level
    of nesting, and copies of the text where it has 309 digits in a row.

    Args:
        text: A whole JSON document; bytes are UTF-8. A str may have half characters.

    Returns:
        dict, list, str, int, float, bool or None.

    Raises:
        DecodeError: The text breaks one of the rules in this module's header.
    """
    if isinstance(text, bytes):
        return default_loads()(text)
    try:
        return default_loads()(text.encode())
    except UnicodeEncodeError:  # half a character that is no escape
        return _loads_halves(text.encode(errors="surrogatepass"))


def is_object(text: bytes) -> bool:
    """Whether a text is one JSON object."""
    try:
        return isinstance(stdlib_loads(text), dict)
    except DecodeError:
        return False
