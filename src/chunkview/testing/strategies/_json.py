"""JSON of every kind, and its text in every format, which the other strategies build on.

Every JSON library can read and write these values: no lone surrogates, no NaN or infinity,
integers within 64 bits, little nesting.
"""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "AWKWARD_TEXTS",
    "LAYOUTS",
    "ORDERS",
    "json_objects",
    "json_texts",
    "json_values",
    "names",
    "texts",
    "tool_inputs",
    "write_json",
]

# What readers of event streams get wrong: line ends (also those of Python's `splitlines`, which
# are none in an event stream), field names, JSON's own signs, a character of two UTF-16 halves.
AWKWARD_TEXTS = (
    " ",
    "\n",
    "\r\n\r\n",
    "\u2028",
    "\x85",
    "\x00",
    "\ufeff",
    '"',
    "\\",
    "\\u00e9",
    "data: {}\n\n",
    "[DONE]",
    '"}}',
    "\u00e9",
    "\U0001f600",
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(AWKWARD_TEXTS)

_NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=6)

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)
_OBJECTS = st.dictionaries(_NAMES | _TEXTS, _VALUES, max_size=3)

# A tool's input is sent as text that is cut anywhere, so it has many characters to escape.
_TOOL_INPUTS = _OBJECTS | st.dictionaries(
    _NAMES, st.text('a\u00e9\U0001f600"\\\n', max_size=8), max_size=2
)


def texts() -> SearchStrategy[str]:
    """Text of any characters but surrogates. Shrinks to ""."""
    return _TEXTS


def names() -> SearchStrategy[str]:
    """Short names of lower-case letters. Shrinks to "a"."""
    return _NAMES


def json_values() -> SearchStrategy[Any]:
    """Any JSON value, a few levels deep. Shrinks to None."""
    return _VALUES


def json_objects() -> SearchStrategy[dict[str, Any]]:
    """Any JSON object, a few levels deep. Shrinks to {}."""
    return _OBJECTS


def tool_inputs() -> SearchStrategy[dict[str, Any]]:
    """The input of a tool, often with characters that JSON escapes. Shrinks to {}."""
    return _TOOL_INPUTS


def write_json(
    value: Any, *, ascii_only: bool = False, layout: str = "compact", order: str = "given"
) -> str:
    """Write JSON text in one of many formats.

    Args:
        value: The JSON value.
        ascii_only: Whether all characters beyond ASCII are escaped, and slashes too.
        layout: `compact` (no whitespace), `spaced` or `lines` (one value a line).
        order: Of the keys, at all levels: `given`, `sorted` or `reversed`.

    Returns:
        The text.
    """
    text = json.dumps(
        _reversed_keys(value) if order == "reversed" else value,
        ensure_ascii=ascii_only,
        allow_nan=False,
        separators=(",", ":") if layout == "compact" else None,
        indent=1 if layout == "lines" else None,
        sort_keys=order == "sorted",
    )
    # In JSON, slashes only occur in strings, where they may be escaped.
    return text.replace("/", "\\/") if ascii_only else text


def _reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed_keys(value[name]) for name in reversed(value)}
    if isinstance(value, list):
        return [_reversed_keys(item) for item in value]
    return value


LAYOUTS = ("compact", "spaced", "lines")
ORDERS = ("given", "sorted", "reversed")


def json_texts(values: SearchStrategy[Any]) -> SearchStrategy[str]:
    """JSON text in any formatting.

    Args:
        values: The JSON values to write.

    Returns:
        A strategy that shrinks to compact text in raw UTF-8.
    """
    return st.builds(write_json, values, ascii_only=st.booleans(), layout=st.sampled_from(LAYOUTS))
