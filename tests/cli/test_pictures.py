"""The pictures in docs/pictures show what the commands print today."""

from __future__ import annotations

import html
import importlib.util
import itertools
import re
from pathlib import Path
from types import ModuleType

import pytest

from cli.console import run

pytest.importorskip("pty")

ROOT = Path(__file__).parent.parent.parent
# A price list may change the prices.
PRICE = re.compile(r"\$[\d.]+")
# The figures of bench differ from run to run, and so do their units.
FIGURE = re.compile(r"\d[\d.,]*(?:\s[mun]?s\b|x|%)?")
# bench adds it if the figures vary a lot.
NOISE = re.compile(r"The times of .*", re.DOTALL)


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


def words_of(name: str, text: str) -> str:
    """What has to be the same. Spaces between two pieces of a line are not drawn."""
    text = FIGURE.sub("#", NOISE.sub("", text)) if name == "bench" else PRICE.sub("$", text)
    return "".join(text.split())


def check_pictures(name: str, written: str) -> None:
    written = re.sub(r"\x1b\[[\d;]*m", "", written)
    printed = words_of(name, f"$ chunkview {PICTURES.PICTURES[name]}\n{written}")
    for theme in PICTURES.THEMES:
        svg = (PICTURES.FOLDER / f"{name}-{theme}.svg").read_text(encoding="utf-8")
        assert words_of(name, " ".join(lines_of(svg))) == printed


@pytest.mark.parametrize("name", [name for name in PICTURES.PICTURES if name != "bench"])
def test_a_picture_shows_what_the_command_prints(name: str) -> None:
    """If this fails: `make pictures`, look at them, and commit them."""
    check_pictures(name, PICTURES.run(PICTURES.PICTURES[name]))


def test_the_picture_of_bench_shows_what_it_prints(
    in_this_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likewise, with figures that nothing is measured for. A real run takes half a minute."""
    for peer in ("anthropic", "msgspec"):
        pytest.importorskip(peer)
    PICTURES.write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", str(PICTURES.COLUMNS))
    check_pictures("bench", run(*PICTURES.PICTURES["bench"].split(), is_terminal=True)[0])


def test_figures_of_bench_may_differ_and_its_words_and_columns_may_not() -> None:
    line = "answer.sse  tidy (wrong)   132 us  2%  1.56x   54.2    324,771\n"
    for other in (
        "answer.sse  tidy (wrong)  0.98 ms  12%  11.5x  1,054.2    9\n",
        f"{line}\nThe times of SDK vary by more than 10%: let the machine do\nnothing else.\n",
    ):
        assert words_of("bench", other) == words_of("bench", line)
    for other in (
        line.replace("tidy", "neat"),
        line.replace("324,771", ""),
        line.replace("2%", "2% 3"),
        f"{line}events/s\n",
    ):
        assert words_of("bench", other) != words_of("bench", line)


def test_a_picture_loads_nothing() -> None:
    for path in (ROOT / "docs/pictures").glob("*.svg"):
        svg = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"@import|url\((?!#)|(?:href|src)=", svg), path.name
