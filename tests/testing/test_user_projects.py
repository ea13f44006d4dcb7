"""The files that docs/laws.md and docs/pytest.md show are run as a user's project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chunkview.testing import recording_names, workload_names

pytest_plugins = ["pytester"]
DOCS = Path(__file__).parent.parent.parent / "docs"
FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFTEST = """
from hypothesis import Phase, settings

settings.register_profile("few", max_examples=%d, phases=[Phase.generate], database=None)
settings.load_profile("few")
"""


def files_of(page: str) -> dict[str, str]:
    return dict(FILE.findall((DOCS / page).read_text(encoding="utf-8")))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no plugins but chunkview's: some of them take a second to import."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, files: dict[str, str], max_examples: int) -> pytest.RunResult:
    for name, text in {"conftest.py": CONFTEST % max_examples, **files}.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    return pytester.runpytest_subprocess("-p", "_chunkview_pytest", "-p", "no:cacheprovider")


def test_the_test_module_of_each_law_passes_with_the_parser_of_the_page(
    pytester: pytest.Pytester,
) -> None:
    files = files_of("laws.md")
    result = run(pytester, files, max_examples=2)
    result.assert_outcomes(passed=len([name for name in files if name.startswith("test_")]))


def test_the_files_that_the_page_of_the_plugin_shows_pass(pytester: pytest.Pytester) -> None:
    tests = 2 + len(recording_names()) + len(workload_names()) + 2
    run(pytester, files_of("pytest.md"), max_examples=1).assert_outcomes(passed=tests)


def test_each_law_of_the_page_finds_the_bug_that_is_planted(pytester: pytest.Pytester) -> None:
    files = files_of("laws.md")
    planted = {
        'b"".join(pieces).decode("utf-8-sig", errors="replace")': (
            '"".join(piece.decode("utf-8-sig", errors="replace") for piece in pieces)'
            '.replace(chr(0xFFFD), "?")'
        ),
        "self.data = bytearray()": "self.data = shared",
        "class MyDecoder": "shared = bytearray()\n\n\nclass MyDecoder",
        r"\r\n|\r|\n": r"\r\n|\n",
        "(ValueError, RecursionError)": "KeyError",
        "return event\n": 'return {key: event[key] for key in event if key != "index"}\n',
    }
    for right, wrong in planted.items():
        assert right in files["my_parser.py"]
        files["my_parser.py"] = files["my_parser.py"].replace(right, wrong)
    result = run(pytester, files, max_examples=20)
    assert result.parseoutcomes()["failed"] >= 5
