"""The HTML file: the facts as JSON, and the program and the style that show them.

The file needs nothing else, and may do nothing else: its policy allows the one program and the one
style in it, by their hashes, and no connection. The facts cannot leave the element that they are
in, and the program writes them as text, never as HTML.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from string import Template
from typing import Any

from ..display import json_escaped

__all__ = ["START", "page_of"]

START = b"<!doctype html>\n<!-- A picture of streams, by chunkview."
"""How every picture begins."""


def page_of(facts: Any) -> bytes:
    """Write the file.

    Args:
        facts: What `picture.js` shows: JSON.

    Returns:
        HTML in UTF-8.
    """
    style, program = _read("picture.css"), _read("picture.js")
    page = Template(_read("picture.html")).substitute(
        style=style,
        style_hash=_hash_of(style),
        program=program,
        program_hash=_hash_of(program),
        facts=_inside_script(facts),
    )
    return page.encode()


def _inside_script(facts: Any) -> str:
    """Write JSON that an element of HTML can hold: nothing in it begins or ends a tag."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return json_escaped(text, is_terminal=False).replace("<", "\\u003c")


def _hash_of(text: str) -> str:
    """Write the hash of an element's content for a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return (files(__name__.rpartition(".")[0]) / name).read_text(encoding="utf-8")
