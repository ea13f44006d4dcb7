"""Every code block of the pages in docs/ runs."""

from __future__ import annotations

import importlib.util
import io
import re
import shlex
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser

from chunkview.arrow import SummaryWriter
from chunkview.recordings import summaries
from chunkview.testing import recording, recording_names
from test_readme import ROOT, check_command, run_python, run_shell

PAGES = sorted((ROOT / "docs").rglob("*.md"))
BY_HAND = "# Run by hand on "
"""How a block begins that needs what the tests lack. It is compiled, not run."""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader has the package and an empty folder, and no checkout."""
    monkeypatch.chdir(tmp_path)


def run_or_compile(example: Any) -> None:
    """Run a block of Python, unless it is run by hand or its engine is not installed."""
    text = example.parsed
    engines = re.findall(r"^import (duckdb)$", text, re.MULTILINE)
    if text.startswith(BY_HAND) or not all(map(importlib.util.find_spec, engines)):
        compile(text, example.path, "exec")
    else:
        run_python(example)


def run_query(example: Any) -> None:
    """Run a query of DuckDB, if it is installed, on the rows of the bundled recordings."""
    if importlib.util.find_spec("duckdb") is None:
        return
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "rows")
        rows.mkdir()
        with SummaryWriter(str(rows / "part-00000.parquet")) as writer:
            for name in recording_names():
                writer.write(summaries(io.BytesIO(recording(name))))
        query = example.parsed.replace("rows/", f"{rows}/")
        assert len(duckdb.execute(query).fetchall()) > 1


def check_workflow(example: Any) -> None:
    """Check the steps of a workflow of GitHub: its actions, and the commands of this package."""
    workflow = yaml.safe_load(example.parsed)
    assert {"name", "permissions", "jobs"} <= workflow.keys()
    commands = 0
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "run" in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
            for line in step.get("run", "").splitlines():
                if line.startswith(("pip ", "chunkview ")):
                    check_command(*shlex.split(line))
                    commands += 1
    assert commands


KINDS = {"python": run_or_compile, "sh": run_shell, "sql": run_query, "yaml": check_workflow}
GOOD = recording("text")
# The index of the only block is wrong, and the last event cannot be read.
BAD = GOOD.replace(b'"index":0', b'"index":2') + b"event: more\ndata: no\n\ndata: yes\n\n"


class Response(SimpleNamespace):
    """What the pages call a response."""

    def __init__(self, body: bytes) -> None:
        super().__init__(content=body, size=9)

    def iter_bytes(self) -> list[bytes]:
        return [self.content[at : at + self.size] for at in range(0, len(self.content), self.size)]


def run_page(page: Path) -> dict[str, Any]:
    """Run the code blocks of a page, and give their names. Count those of each kind in `kinds`."""
    parsers = [CodeBlockParser(kind, run) for kind, run in KINDS.items()]
    document = Sybil(parsers=parsers, path=str(ROOT)).parse(page)
    forwarded: list[bytes] = []
    document.namespace.update(
        __name__=page.stem, response=Response(GOOD), forward=forwarded.append, forwarded=forwarded
    )
    count = 0
    for example in document.examples():
        example.evaluate()
        count += 1
    namespace: dict[str, Any] = document.namespace
    namespace["count"] = count
    return namespace


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_code_block_of_a_page_runs(page: Path) -> None:
    fences = re.findall(r"^```(\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences) <= {*KINDS, "text", "diff", "json"}
    assert run_page(page)["count"] == sum(fence in KINDS for fence in fences)


def test_the_relay_of_the_page_forwards_every_byte_and_counts_the_broken_rules() -> None:
    names = run_page(ROOT / "docs" / "checking-a-server.md")
    assert b"".join(names["forwarded"]) == GOOD
    assert names["broken_rules"] == Counter()
    names["forwarded"].clear()
    names["relay"]("bad", Response(BAD))
    assert b"".join(names["forwarded"]) == BAD
    assert names["broken_rules"]["bad", "index_not_consecutive"] == 1
    assert names["broken_rules"]["bad", "data_not_object"] == 1


def test_the_assertion_of_the_page_names_the_broken_rule() -> None:
    names = run_page(ROOT / "docs" / "checking-a-server.md")
    with pytest.raises(AssertionError, match="index_not_consecutive: content_block_start "):
        names["assert_conforms"](BAD)
