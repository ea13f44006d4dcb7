"""The pictures in docs/pictures show what the commands print today."""

from __future__ import annotations

import html
import importlib.util
import itertools
import re
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("pty")

ROOT = Path(__file__).parent.parent.parent
# A price list may change the prices.
PRICE = re.compile(r"\$[\d.]+")


def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", ROOT / ".ci/pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(svg: str) -> list[str]:
    """The lines of a picture, without the title. A line may be drawn in several pieces."""
    texts = re.findall(r'<text [^>]*? y="([\d.]+)"[^>]*>(.*?)</text>', svg)[1:]
    lines = itertools.groupby(texts, lambda text: text[0])
    return [html.unescape("".join(text for _, text in line)) for _, line in lines]


PICTURES = pictures()


@pytest.mark.parametrize("name", PICTURES.PICTURES)
def test_a_picture_shows_what_the_command_prints(name: str) -> None:
    """If this fails: `make pictures`, look at them, and commit them."""
    arguments = PICTURES.PICTURES[name]
    written = re.sub(r"\x1b\[[\d;]*m", "", PICTURES.run(arguments))
    printed = "".join(PRICE.sub("$", f"$ chunkview {arguments}\n{written}").split())
    for theme in PICTURES.THEMES:
        svg = (PICTURES.FOLDER / f"{name}-{theme}.svg").read_text(encoding="utf-8")
        # Spaces between two pieces of a line are not drawn.
        assert "".join(PRICE.sub("$", " ".join(lines_of(svg))).split()) == printed


def test_a_picture_loads_nothing() -> None:
    for path in (ROOT / "docs/pictures").glob("*.svg"):
        svg = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"@import|url\((?!#)|(?:href|src)=", svg), path.name
