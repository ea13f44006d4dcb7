"""What the tests of the command line share: recordings, ways to run it, and kinds of output."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import strategies as st

from chunkview import TextBlock, accumulate, iter_chunks
from chunkview._cli.main import main
from chunkview._cli.record.sidecar import ENDED_WHOLE, Times, sidecar_of
from chunkview.testing import recording

Capture: TypeAlias = pytest.CaptureFixture[str]
Files: TypeAlias = Callable[..., list[str]]
Process: TypeAlias = subprocess.Popen[bytes]
Start: TypeAlias = Callable[..., Process]

TEXT = recording("text")
TOOL_CALL = recording("thinking_tool_call")
ERROR = recording("error")
# Kill a hung process after this many seconds.
GUARD_SECONDS = 60.0
needs_sigint = pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent")
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


def text_of(body: bytes) -> str:
    return "".join(chunk.content for chunk in iter_chunks(body))


def sections_of(body: bytes) -> list[str]:
    """The text of a message in the pieces in which it is shown: other blocks come between them."""
    blocks = accumulate(body).content
    return [
        "".join(block.text for block in run if isinstance(block, TextBlock))
        for is_text, run in itertools.groupby(blocks, lambda block: isinstance(block, TextBlock))
        if is_text
    ]


def thinking_of(body: bytes) -> str:
    return "".join(chunk.thinking for chunk in iter_chunks(body))


def pretend_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make standard output look like a terminal with colors."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def read_until(process: Process, expected: bytes) -> bytes:
    """Read the output until it contains `expected`, without waiting for more."""
    assert process.stdout is not None
    output = b""
    while expected not in output:
        data = os.read(process.stdout.fileno(), 65536)
        assert data, f"the output ended after {output!r}"
        output += data
    return output


def read_rest(process: Process) -> tuple[bytes, bytes, int]:
    output, errors = process.communicate()
    return output or b"", errors, process.returncode


def write_recorded(
    file: Path,
    body: bytes,
    path: str = "/v1/messages",
    *,
    status: int = 200,
    content_type: str = "application/json",
) -> None:
    """Write an answer as `chunkview record` does: the body, and its sidecar."""
    times = Times(
        started="2026-11-26T10:00:00+00:00",
        method="POST",
        path=path,
        request_headers=(),
        status=status,
        headers=(("content-type", content_type),),
        to_headers=0.0,
        pieces=((0.0, len(body)),),
        duration=0.0,
        ended=ENDED_WHOLE,
    )
    file.write_bytes(body)
    Path(sidecar_of(str(file))).write_bytes(times.to_bytes())


def without(*modules: str) -> str:
    """A program that runs the command line as if these modules were not installed."""
    return (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({modules!r}))\n"
        "from chunkview._cli.main import main\n"
        "sys.exit(main())\n"
    )


def run_on_terminal(start: Start, *arguments: str, columns: int = 200) -> str:
    """Run a program on a pseudo-terminal, and give all that it wrote there."""
    import pty

    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": ""}
    process = start(*arguments, stdout=theirs, stderr=theirs, **environment)
    os.close(theirs)
    written = b""
    # On Linux, reading at the end of a terminal is an OSError.
    with io.FileIO(ours) as terminal, contextlib.suppress(OSError):
        while data := terminal.read(65536):
            written += data
    process.wait()
    return written.decode()


def event_line(name: str) -> bytes:
    return f"event: {name}\n".encode()


DELTA = TEXT.index(event_line("message_delta"))


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def run(
    *arguments: str,
    is_terminal: bool = False,
    encoding: str = "utf-8",
    errors: str = "strict",
) -> tuple[str, str, int]:
    """Run the command line with outputs of one kind; return both outputs and the status."""
    kind = Terminal if is_terminal else io.TextIOWrapper
    # Without translation of line ends, the test reads back what was written.
    out = kind(io.BytesIO(), encoding, errors, newline="\n")
    complaints = io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace", newline="\n")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaints):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = int(str(end.code))
        out.flush()
        complaints.flush()
    written = [stream.buffer.getvalue().decode(encoding) for stream in (out, complaints)]  # type: ignore[attr-defined]
    return written[0], written[1], status


MODES = [["--no-color"], ["--chunks"], ["--json"]]

HARMFUL = "".join(
    map(
        chr,
        [
            *(code for code in range(0x20) if chr(code) not in "\n\t"),
            *range(0x7F, 0xA0),
            *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029),
            *range(0x202A, 0x202F),
            *range(0x2066, 0x206A),
        ],
    )
)
HALVES = "\ud83d\ude00\udcff"
harmful = st.text(st.sampled_from(HARMFUL + HALVES + 'a"\\ \n\t\u00e9\U0001f409'), min_size=1)
