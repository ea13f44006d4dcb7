"""The documents, the Makefile and the workflows name only what exists."""

from __future__ import annotations

import importlib
import pkgutil
import pydoc
import re
import runpy
from pathlib import Path

import pytest

import chunkview

ROOT = Path(__file__).parent.parent
PACKAGE = Path(chunkview.__file__).parent
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("docs/*/*.md")]
)
REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))
WORKFLOWS = sorted((ROOT / ".github").glob("*/*.yml"))
_BLOCK = re.MULTILINE | re.DOTALL
_CODE = re.compile(r"```.*?```", re.DOTALL)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def code_of(document: Path) -> list[str]:
    """The words in backticks, without the code blocks."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"`([^`\n]+)`", _CODE.sub("", text))


def exists(path: str, document: Path) -> bool:
    """Whether a file or folder is there, beside the document, in the repository or the package."""
    places = [ROOT / document.parent, ROOT, PACKAGE, *PACKAGE.iterdir()]
    # The tests may run without the sources, against an installed wheel.
    inside = path.removeprefix("src/chunkview/")
    return any((place / inside).exists() for place in places)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_relative_link_of_a_document_leads_to_a_file(document: Path) -> None:
    text = _CODE.sub("", (ROOT / document).read_text(encoding="utf-8"))
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [link for link in links if not (ROOT / document.parent / link).exists()] == []


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md"])
def test_every_file_that_a_document_names_exists(document: str) -> None:
    made = {"dist/", "site/"}  # by make
    files = [
        word for word in code_of(Path(document)) if re.fullmatch(r"[\w./]+(/|\.py|\.md)", word)
    ]
    assert files
    assert [word for word in files if word not in made and not exists(word, Path(document))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_target_of_make_that_a_document_names_exists(document: Path) -> None:
    targets = [word.split()[1] for word in code_of(document) if re.match(r"make [a-z]", word)]
    described = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)
    assert [target for target in targets if target not in described] == []


def test_every_test_that_the_makefile_or_the_settings_leave_out_exists() -> None:
    texts = [MAKEFILE, (ROOT / "pyproject.toml").read_text(encoding="utf-8")]
    left_out = {name for text in texts for name in re.findall(r"\bnot (\w+_\w+)", text)}
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "benchmarks").glob("test_*.py")]
    sources = [path.read_text(encoding="utf-8") for path in files]
    names = [name for text in sources for name in re.findall(r"def (test_\w+)", text)]
    assert left_out
    assert [word for word in left_out if not any(word in name for name in names)] == []


def test_the_reference_has_every_public_name_once() -> None:
    named: list[str] = []
    for page in REFERENCE:
        text = page.read_text(encoding="utf-8")
        for module, block in re.findall(r"^\.\. currentmodule:: (\S+)\n(.*?)^```", text, _BLOCK):
            names = re.findall(r"^\.\. (?:auto\w+|py:data):: (\w+)", block, re.MULTILINE)
            named += [f"{module}.{name}" for name in names]
    public = {
        module.name: importlib.import_module(module.name).__all__
        for module in pkgutil.walk_packages([str(PACKAGE)], "chunkview.")
        if "._" not in module.name and hasattr(importlib.import_module(module.name), "__all__")
    }
    # These give the names of others, which have a page.
    for name in ("chunkview.errors", "chunkview.call_response_chunk"):
        assert set(public.pop(name)) <= set(chunkview.__all__)
    for name in ("chunkview.testing.replay", "chunkview.testing.workloads"):
        assert set(public.pop(name)) <= set(public["chunkview.testing"])
    public["chunkview.common"] = ["FinishReason", "Usage"]
    assert [name for name in public if f"`{name}`" not in (chunkview.__doc__ or "")] == []
    wanted = [f"{module}.{name}" for module, names in public.items() for name in names]
    assert sorted(named) == sorted([*wanted, *(f"chunkview.{name}" for name in chunkview.__all__)])


@pytest.mark.parametrize("page", REFERENCE, ids=lambda page: page.name)
def test_the_lists_of_a_page_of_the_reference_are_what_make_reference_writes(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert runpy.run_path(str(ROOT / ".ci" / "reference.py"))["page"](text) == text


@pytest.mark.parametrize("page", REFERENCE, ids=lambda page: page.name)
def test_a_page_of_the_reference_says_how_to_read_the_docstrings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = re.findall(r"`python -m pydoc (\S+)`", text)
    assert names or page.stem == "command-line"
    assert [name for name in names if pydoc.locate(name) is None] == []
    name = "" if page.stem == "index" else f"{page.stem}.html"
    assert f"(https://chunkview.github.io/chunkview/reference/{name})" in text


def test_the_table_of_extras_has_each_extra() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (block,) = re.findall(r"^\[project.optional-dependencies\]\n(.*?)^\[", settings, _BLOCK)
    page = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page, re.MULTILINE)
    listed = [extra for row in rows for extra in re.findall(r"\w+", row)]
    assert sorted(listed) == sorted(re.findall(r"^(\w+) = ", block, re.MULTILINE))


def test_the_reference_has_each_page_and_each_command() -> None:
    index = (ROOT / "docs" / "reference" / "index.md").read_text(encoding="utf-8")
    linked = re.findall(r"^\S.*\]\(([\w-]+)\.md\)", index, re.MULTILINE)
    assert sorted(linked) == sorted(page.stem for page in REFERENCE if page.stem != "index")
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert re.findall(r"^```\{command-help\} (\w+)", page, re.MULTILINE) == re.findall(
        r"^- `(\w+)`", page, re.MULTILINE
    )


def test_every_path_in_the_settings_exists() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    tests = re.findall(r'"(tests/[\w/.]+)"', settings)
    sources = re.findall(r'"src/chunkview/([\w/.]+)"', settings)
    assert tests
    assert sources
    assert [path for path in tests if not (ROOT / path).exists()] == []
    assert [path for path in sources if not (PACKAGE / path).exists()] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(workflow: Path) -> None:
    actions = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v[0-9.]+|\$/.*", action), action
