"""What `make check-wheel` asks of dist/: run by the Python of an environment with only the wheel.

It imports nothing but the standard library and what the wheel brought along.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
from importlib import metadata
from pathlib import Path

DIST = Path(__file__).parent.parent / "dist"


def check(what: str, holds: bool) -> None:
    """Print a fact that holds; end with one that does not."""
    if not holds:
        raise SystemExit(f"check-wheel: not so: {what}")
    sys.stdout.write(f"{what}\n")


def chunkview_command(*arguments: str) -> str:
    """Run the installed command and return what it printed."""
    command = [str(Path(sysconfig.get_path("scripts"), "chunkview")), *arguments]
    shown = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")  # noqa: S603
    return shown.stdout


def check_installed() -> None:
    """The wheel holds what it must, and brought attrs and nothing else."""
    installed = {distribution.metadata["Name"] for distribution in metadata.distributions()}
    check("only chunkview and attrs are installed", installed == {"chunkview", "attrs"})
    names = {str(path) for path in metadata.files("chunkview") or ()}
    for name in ("chunkview/py.typed", "chunkview/testing/recordings/text.sse"):
        check(f"the wheel holds {name}", name in names)
    check("the wheel holds LICENSE", any(name.endswith("/licenses/LICENSE") for name in names))
    check("the wheel holds no tests", not any(name.startswith("tests") for name in names))


def check_use() -> None:
    """The package is imported, decodes, and runs as a command."""
    import chunkview
    from chunkview.testing import recording

    version = metadata.version("chunkview")
    check("import chunkview", Path(chunkview.__file__).is_relative_to(sys.prefix))
    check(f"__version__ is that of the wheel, {version}", chunkview.__version__ == version)
    delta = {"type": "text_delta", "text": "Hi"}
    chunk = chunkview.decode({"type": "content_block_delta", "index": 0, "delta": delta})
    check("decode", chunk == chunkview.TextDeltaChunk(0, "Hi") and chunk.content == "Hi")
    check("chunkview --version", version in chunkview_command("--version"))
    text = chunkview.accumulate(chunkview.iter_chunks(recording("text"))).text
    path = Path(chunkview.__file__).parent / "testing" / "recordings" / "text.sse"
    check("chunkview show text.sse", text in chunkview_command("show", str(path)))


def check_sdist() -> None:
    """The sdist holds what it takes to test, measure and build the package again."""
    (path,) = DIST.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("tests/test_decode.py", "benchmarks/conftest.py", "LICENSE", "pyproject.toml"):
        check(f"the sdist holds {name}", name in names)


check_installed()
check_use()
check_sdist()
