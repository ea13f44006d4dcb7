"""Write the lists of names in docs/reference/, for readers who have the pages without the site.

`make reference` runs it. A page names what it documents in directives of autodoc. Before each block
of these comes a list with the first sentence about each name. The page about the command line has
a list of the commands.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

from chunkview._cli.main import build_parser

PAGES = Path(__file__).parent.parent / "docs/reference"

_LIST = r"(?:(?:^- `[^\n]*\n)+\n)?"
_BLOCK = re.compile(
    _LIST + r"(?P<block>^```\{eval-rst\}\n\.\. currentmodule:: (?P<module>\S+)\n.*?^```$)",
    re.MULTILINE | re.DOTALL,
)
_COMMANDS = re.compile(_LIST + r"(?P<block>^```\{command-help\}$)", re.MULTILINE)
_DIRECTIVE = re.compile(
    r"^\.\. (?P<kind>auto\w+|py:data):: (?P<name>\w+)(?P<text>(?:\n+   .*)*)", re.MULTILINE
)


def page(text: str) -> str:
    """The text of a page, with its lists written anew."""
    text = _COMMANDS.sub(lambda match: f"{commands()}\n{match['block']}", text)
    return _BLOCK.sub(lambda match: f"{listing(match)}\n{match['block']}", text)


def listing(block: re.Match[str]) -> str:
    """The list for one block: a line for each name."""
    module = importlib.import_module(block["module"])
    lines = []
    for directive in _DIRECTIVE.finditer(block["block"]):
        is_data = directive["kind"] == "py:data"  # what autodoc does not find has its text here
        text = directive["text"] if is_data else inspect.getdoc(getattr(module, directive["name"]))
        lines.append(f"- `{directive['name']}`: {first_sentence(text or '')}\n")
    return "".join(lines)


def commands() -> str:
    """The list of the commands."""
    parser: Any = build_parser()
    (group,) = parser._subparsers._group_actions
    return "".join(f"- `{each.dest}`: {each.help}.\n" for each in group._choices_actions)


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, in one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.?!]) (?=[A-Z`])", paragraph)[0]


if __name__ == "__main__":
    for path in sorted(PAGES.glob("*.md")):
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
