"""How texts are written for the picture."""

from __future__ import annotations

import json
from typing import Any

from ..display import json_escaped, printable, shortened

__all__ = ["name_shown", "pretty_json"]

_LONGEST_NAME = 200


def name_shown(name: str) -> str:
    """Write a name from a stream: of a model, a tool or an event.

    Args:
        name: The name.

    Returns:
        At most its first 200 characters, on one line, without control characters.
    """
    return printable(shortened(name, _LONGEST_NAME))


def pretty_json(value: Any) -> str:
    """Write JSON with indents. Control characters are escapes.

    Args:
        value: A JSON value.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2)
    # In a string, a line feed is an escape already. So each one here ends a line.
    return "\n".join(json_escaped(line, is_terminal=True) for line in text.split("\n"))
