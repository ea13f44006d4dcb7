"""Every code block of the README runs."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from chunkview._cli.main import build_parser
from chunkview.testing import recording

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TEST_MODULE = "# test_my_handler.py"
BUG = 'tokens += event["usage"]["output_tokens"]  # the bug: this count is cumulative'


def run_shell(example: Any) -> None:
    """Check that the make targets, extras and commands of a shell block exist."""
    for line in example.parsed.splitlines():
        check_command(*shlex.split(line, comments=True))


def check_command(command: str, *arguments: str) -> None:
    if command == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{arguments[0]}:.*##", makefile, re.MULTILINE)
    elif command == "pip":
        extras = re.findall(r"\[(.*?)\]", " ".join(arguments))
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        for extra in ",".join(extras).split(",") if extras else []:
            assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra
    else:
        assert command == "chunkview"
        parser = build_parser()
        assert parser.parse_args(arguments)


def run_python(example: Any) -> None:
    """Run a Python block. A file of a user, named in its first line, has a test of its own."""
    if not re.match(r"# \w+\.py\n", example.parsed):
        PythonEvaluator()(example)


DOCUMENT = Sybil(
    parsers=[CodeBlockParser("python", run_python), CodeBlockParser("sh", run_shell)],
    path=str(ROOT),
).parse(README)
EXAMPLES = list(DOCUMENT.examples())


@pytest.fixture(scope="module")
def namespace() -> dict[str, Any]:
    """The names that a reader has to supply: a response, and functions."""
    body = recording("thinking_tool_call")
    pieces = [body[at : at + 9] for at in range(0, len(body), 9)]
    DOCUMENT.namespace.update(
        response=SimpleNamespace(iter_bytes=lambda: pieces),
        forward=lambda text: None,
        meter=lambda reason, tokens: None,
        history=[],
    )
    return DOCUMENT.namespace


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"line {example.line}")
def test_every_code_block_runs(example: Any, namespace: dict[str, Any]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        example.evaluate()


def test_the_blocks_print_what_the_text_promises(namespace: dict[str, Any]) -> None:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for example in EXAMPLES:
            example.evaluate()
    text = shown.getvalue()
    assert "wants {" in text
    assert namespace["message"].text in text
    assert namespace["history"][-1]["role"] == "assistant"
    assert namespace["stream"].finish_reasons == ["tool_use"]


def test_every_code_block_is_python_or_shell() -> None:
    fences = re.findall(r"^```(\w*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    kinds = [fence for fence in fences if fence]
    assert set(kinds) == {"python", "sh"}
    assert len(kinds) == len(EXAMPLES)


def handler_tests(source: str, path: Path) -> subprocess.CompletedProcess[str]:
    path.write_text(source, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=path.parent,
        env={**os.environ, "CI": "1"},  # there, Hypothesis sets no deadline
    )


def test_the_test_module_of_a_user_finds_the_bug_and_passes_without_it(tmp_path: Path) -> None:
    (source,) = [
        str(example.parsed) for example in EXAMPLES if example.parsed.startswith(TEST_MODULE)
    ]
    assert len([line for line in source.splitlines() if line]) <= 17
    found = handler_tests(source, tmp_path / "test_my_handler.py")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "1 failed" in found.stdout
    assert "message_start" in found.stdout  # the shortest stream with the bug is shown
    assert BUG in source
    mended = source.replace(BUG, BUG.replace("+=", "="))
    passed = handler_tests(mended, tmp_path / "test_mended.py")
    assert passed.returncode == 0, passed.stdout + passed.stderr
