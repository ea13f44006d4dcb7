"""Checks the packages in dist/ for `make check-wheel`.

The Python that runs it has only the wheel installed, so it imports nothing but the standard library
and the package.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

DIST = Path(__file__).parent.parent / "dist"


def check(what: str, holds: bool) -> None:
    """Print a fact that is true. Stop at one that is not.

    Raises:
        SystemExit: It is not true.
    """
    if not holds:
        raise SystemExit(f"check-wheel: not true: {what}")
    sys.stdout.write(f"{what}\n")


def chunkview_command(*arguments: str) -> str:
    """Run the installed command and return what it printed."""
    command = [str(Path(sysconfig.get_path("scripts"), "chunkview")), *arguments]
    shown = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")  # noqa: S603
    return shown.stdout


def check_installed() -> None:
    """The wheel has the right files, and its installation brought attrs and nothing else."""
    installed = {distribution.metadata["Name"] for distribution in metadata.distributions()}
    check("only chunkview and attrs are installed", installed == {"chunkview", "attrs"})
    names = {str(path) for path in metadata.files("chunkview") or ()}
    for name in (
        "chunkview/py.typed",
        "chunkview/testing/recordings/text.sse",
        "chunkview/_cli/picture/picture.css",
        "chunkview/_cli/picture/picture.html",
        "chunkview/_cli/picture/picture.js",
    ):
        check(f"the wheel has {name}", name in names)
    for entry in metadata.distribution("chunkview").entry_points:
        module = entry.module.partition(".")[0]
        check(f"the wheel has {module}, which {entry.group} loads", find_spec(module) is not None)
    check("the wheel has LICENSE", any(name.endswith("/licenses/LICENSE") for name in names))
    check("the wheel has no tests", not any(name.startswith("tests") for name in names))


RELATIVE = re.compile(r"(?:\]\(|(?:src|srcset)=\")(?!https?://|#)")
"""The beginning of a link or picture that works in the repository only."""


def check_page() -> None:
    """The page on PyPI, which is the README, has links and pictures that work there."""
    page = metadata.metadata("chunkview").get_payload()
    check("the page has the README", "# chunkview" in page)
    check("the page has its pictures", len(re.findall(r'(?:src|srcset)="https://', page)) == 4)
    check("the page has no relative links", RELATIVE.search(page) is None)


def check_use() -> None:
    """The package is imported, decodes, and runs as a command."""
    import chunkview
    from chunkview.testing import recording

    version = metadata.version("chunkview")
    check("import chunkview", Path(chunkview.__file__).is_relative_to(sys.prefix))
    check(f"__version__ is the version of the wheel, {version}", chunkview.__version__ == version)
    delta = {"type": "text_delta", "text": "Hi"}
    chunk = chunkview.decode({"type": "content_block_delta", "index": 0, "delta": delta})
    check("decode", chunk == chunkview.TextDeltaChunk(0, "Hi") and chunk.content == "Hi")
    check("chunkview --version", version in chunkview_command("--version"))
    text = chunkview.accumulate(chunkview.iter_chunks(recording("text"))).text
    path = Path(chunkview.__file__).parent / "testing" / "recordings" / "text.sse"
    check("chunkview show text.sse", text in chunkview_command("show", str(path)))
    picture = chunkview_command("show", "--html", "-", str(path))
    check("chunkview show --html - text.sse", picture.startswith("<!doctype html>"))


def check_sdist() -> None:
    """The sdist has all that testing, measuring and building the package needs."""
    (path,) = DIST.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("tests/conftest.py", "benchmarks/conftest.py", "LICENSE", "pyproject.toml"):
        check(f"the sdist has {name}", name in names)


check_installed()
check_page()
check_use()
check_sdist()
