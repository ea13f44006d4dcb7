"""Take the pictures of the command line: real runs on a terminal of 80 columns, as SVG.

`make pictures` runs it. It writes a light and a dark picture of each command to docs/pictures.
tests/cli/test_pictures.py compares the words of the pictures with what the commands print.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
from rich.text import Text

from chunkview.testing import broken_body, recording

PICTURES = {
    "demo": "demo --no-delay",
    "show": "show answer.sse",
    "check": "check imitation.sse",
    "stats": "stats --by model,day recordings",
    "bench": "bench my_parser:parse answer.sse --peer tidy=my_parser:tidy",
}
"""The pictures, and the arguments of their commands."""

ROOT = Path(__file__).parent.parent


def block_of_page(page: str, first_line: str) -> bytes:
    """Give the block of Python on a page in docs/ that begins with a line."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"(?s)```python\n({re.escape(first_line)}\n.*?)```", text)
    return str(found).encode()


FILES = {
    "answer.sse": recording("citations"),
    "my_parser.py": block_of_page("benchmarking.md", "# my_parser.py"),
    "imitation.sse": broken_body("index_not_consecutive"),
    **{
        f"recordings/2026-11-{day}/{name}.sse": recording(name)
        for day, names in (
            (25, ("text", "citations", "error")),
            (26, ("text", "thinking_tool_call")),
        )
        for name in names
    },
}
"""The files that the commands read."""

THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
FOLDER = ROOT / "docs/pictures"
COLUMNS = 80
# What the terminal's own font is. A picture in a README cannot load one.
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_ADDRESS = re.compile(r"(http://127\.0\.0\.1):\d+")


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    for name, arguments in PICTURES.items():
        written = run(arguments)
        for theme in THEMES:
            path = FOLDER / f"{name}-{theme}.svg"
            path.write_text(drawn(name, arguments, written, theme), encoding="utf-8")


def run(arguments: str) -> str:
    """Run a command on a pseudo-terminal, and give what it writes to standard output."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        ours, theirs = pty.openpty()
        environment = {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "PYTHONUTF8": "1"}
        left_out = ("NO_COLOR", "FORCE_COLOR", "CI")
        kept = {name: value for name, value in os.environ.items() if name not in left_out}
        process = subprocess.Popen(  # noqa: S603 - the arguments are those of PICTURES
            [sys.executable, "-m", "chunkview", *arguments.split()],
            cwd=folder,
            env={**kept, **environment},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.DEVNULL,  # a progress bar draws and erases there
        )
        os.close(theirs)
        written = b""
        # On Linux, reading at the end of a terminal is an OSError.
        with io.FileIO(ours) as terminal, suppress(OSError):
            while data := terminal.read(65536):
                written += data
        process.wait()
    # The port differs from run to run.
    return _ADDRESS.sub(r"\1:8080", written.decode().replace("\r\n", "\n"))


def write_files(folder: Path) -> None:
    """Write the files that the commands read."""
    for name, body in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def drawn(name: str, arguments: str, written: str, theme: str) -> str:
    """Draw what a command wrote, after a line with the command itself."""
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(Text.assemble(("$ ", "bold green"), (f"chunkview {arguments}", "bold")))
    for line in Text.from_ansi(written.rstrip("\n")).split(allow_blank=True):
        # A terminal goes on with a long word in the next line; rich would begin it there.
        for part in line.divide(range(COLUMNS, line.cell_len, COLUMNS)):
            console.print(part, no_wrap=True)
    console.print()  # rich cuts off the lower part of the last line
    svg = console.export_svg(title="chunkview", theme=THEMES[theme], unique_id=f"{name}-{theme}")
    # A white frame cannot be seen on a white page.
    svg = svg.replace('stroke="rgba(255,255,255,0.35)"', 'stroke="rgba(128,128,128,0.5)"')
    svg = re.sub(r"(?s)\s*@font-face \{.*?\}", "", svg)
    return re.sub(r"font-family: (Fira Code|arial|helvetica)[^;]*;", f"font-family: {_FONT};", svg)


if __name__ == "__main__":
    main()
