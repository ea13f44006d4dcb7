"""The command line, mostly through `main`, and as a process of its own where that matters."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import __version__, accumulate, decode, iter_chunks
from chunkview._cli.display import Transcript, as_table
from chunkview._cli.main import main
from chunkview._cli.reading import Reading
from chunkview.testing import recording, recording_names
from support import (
    MESSAGE_STOP,
    block_start,
    block_stop,
    delta,
    message_delta,
    message_start,
    sse,
    tool_start,
    tool_stream,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, TypeAlias

    Capture: TypeAlias = pytest.CaptureFixture[str]
    Files: TypeAlias = Callable[..., list[str]]
    Process: TypeAlias = subprocess.Popen[bytes]
    Start: TypeAlias = Callable[..., Process]

TEXT = recording("text")
TOOL_CALL = recording("thinking_tool_call")
ERROR = recording("error")
COMPLETE = ("citations", "text", "thinking_tool_call")
# Who waits that long waits in vain.
GUARD_SECONDS = 60.0

needs_sigint = pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent")
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")


def text_of(body: bytes) -> str:
    return "".join(chunk.content for chunk in iter_chunks(body))


def thinking_of(body: bytes) -> str:
    return "".join(chunk.thinking for chunk in iter_chunks(body))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write bodies to files, by name, and give their paths."""

    def write(**bodies: bytes) -> list[str]:
        paths = [tmp_path / f"{name}.sse" for name in bodies]
        for path, body in zip(paths, bodies.values(), strict=True):
            path.write_bytes(body)
        return [str(path) for path in paths]

    return write


def pretend_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make standard output a terminal with colors, as far as anyone can tell."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `python` with arguments and pipes; who hangs is killed, and fails the test."""
    with contextlib.ExitStack() as stack:

        def start_python(
            *arguments: str,
            stdin: int | IO[bytes] = subprocess.PIPE,
            stdout: int | IO[bytes] = subprocess.PIPE,
            stderr: int | IO[bytes] = subprocess.PIPE,
            **environment: str,
        ) -> Process:
            # A shell that runs the tests in the background has SIGINT ignored, which children
            # inherit; a handler of ours they do not.
            before = signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                process = subprocess.Popen(
                    [sys.executable, *arguments],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "", **environment},
                )
            finally:
                signal.signal(signal.SIGINT, before)
            guard = threading.Timer(GUARD_SECONDS, process.kill)
            guard.start()
            stack.callback(guard.cancel)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start_python


def read_until(process: Process, expected: bytes) -> bytes:
    """Read the output until it holds `expected`, and no further than has been written."""
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


# show: text and summary


@pytest.mark.parametrize("name", COMPLETE)
def test_show_prints_the_text_of_a_recording_as_it_is(
    name: str, files: Files, capsys: Capture
) -> None:
    assert main(["show", *files(body=recording(name))]) == 0
    captured = capsys.readouterr()
    assert text_of(recording(name)) in captured.out
    assert captured.err == ""


def test_show_ends_with_a_summary(files: Files, capsys: Capture) -> None:
    main(["show", *files(body=TEXT)])
    assert capsys.readouterr().out == text_of(TEXT) + (
        "\n\n"
        "model          claude-3-5-sonnet-20240620\n"
        "id             msg_01ReplayText4vWqT8mZrKd2\n"
        "finish reason  end_turn (stop)\n"
        "tokens         12 input, 1,536 cached, 0 cache write, 104 output\n"
        "cost metadata  5-minute cache write 0, 1-hour cache write 0, tier standard\n"
        "cost           $0.002057\n"
    )


def test_the_summary_lists_tool_calls_with_their_input(files: Files, capsys: Capture) -> None:
    main(["show", *files(body=TOOL_CALL)])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "tool call" in line)
    [tool] = accumulate(iter_chunks(TOOL_CALL)).tool_calls
    label, name, tool_input = re.split(r" +", line.replace("tool call", "tool_call"), maxsplit=2)
    assert (label, name, json.loads(tool_input)) == ("tool_call", tool.name, tool.input)


def test_the_summary_tells_server_tools_from_tools_of_ones_own(
    files: Files, capsys: Capture
) -> None:
    main(["show", *files(body=recording("citations"))])
    out = capsys.readouterr().out
    assert "\nserver tool    web_search {" in out
    assert "web searches 1" in out


def test_a_tool_input_that_is_no_json_is_shown_as_text(files: Files, capsys: Capture) -> None:
    body = TOOL_CALL.replace(b'"partial_json":"ue}"', b'"partial_json":"\\u001b"')
    assert main(["show", *files(body=body)]) == 0
    out = capsys.readouterr().out
    assert 'find_copies with invalid JSON: {"title": "The Tombs' in out
    assert '"on_shelf": tr\\x1b\n' in out


def test_a_stop_sequence_is_shown_with_its_reason(files: Files, capsys: Capture) -> None:
    body = TEXT.replace(
        b'"stop_reason":"end_turn","stop_sequence":null',
        b'"stop_reason":"stop_sequence","stop_sequence":"\\n\\nHuman:"',
    )
    main(["show", *files(body=body)])
    assert r"stop_sequence (stop), at '\n\nHuman:'" in capsys.readouterr().out


def test_a_finish_reason_that_only_anthropic_has_is_shown_as_it_came(
    files: Files, capsys: Capture
) -> None:
    main(["show", *files(body=TEXT.replace(b"end_turn", b"some_day"))])
    assert "finish reason  some_day (no common counterpart)\n" in capsys.readouterr().out


def test_thinking_is_marked_line_by_line_and_set_apart(files: Files, capsys: Capture) -> None:
    main(["show", *files(body=TOOL_CALL)])
    out = capsys.readouterr().out
    marked = "".join(f"| {line}\n" for line in thinking_of(TOOL_CALL).split("\n"))
    assert out.startswith(f"{marked}\n{text_of(TOOL_CALL)}\n\nmodel ")
    assert "\033" not in out


def test_thinking_is_dimmed_on_a_terminal(
    files: Files, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_terminal(monkeypatch)
    main(["show", *files(body=TOOL_CALL)])
    out = capsys.readouterr().out
    assert out.startswith("\033[2m| The\033[0m\033[2m user wants")
    before, _, after = out.rpartition("\033[0m")
    assert text_of(TOOL_CALL) not in before
    assert text_of(TOOL_CALL) in after


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})],
    ids=["--no-color", "NO_COLOR", "TERM=dumb"],
)
def test_there_are_no_colors_for_who_wants_none(
    arguments: list[str],
    environment: dict[str, str],
    files: Files,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend_terminal(monkeypatch)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    main(["show", *files(first=TOOL_CALL, second=TEXT), *arguments])
    assert "\033" not in capsys.readouterr().out


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_is_spared_the_control_characters_of_a_text_and_nobody_else(
    *,
    is_terminal: bool,
    files: Files,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    body = TEXT.replace(b'"text":"I"', b'"text":"\\u001b]0;title\\u0007 \\t\\n"')
    main(["show", *files(body=body)])
    shown = r"\x1b]0;title\x07" if is_terminal else "\033]0;title\007"
    assert capsys.readouterr().out.startswith(f"{shown} \t\n\u2019d hand you")


def test_without_the_prices_extra_the_summary_names_it(start: Start, files: Files) -> None:
    process = start("-c", without("genai_prices"), "show", *files(body=TEXT))
    output, errors, status = read_rest(process)
    assert b"pip install 'chunkview[prices]'" in output
    assert (errors, status) == (b"", 0)


def without(*modules: str) -> str:
    """A program that runs the command line as if these modules were not installed."""
    return (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({modules!r}))\n"
        "from chunkview._cli.main import main\n"
        "sys.exit(main())\n"
    )


# show: chunks and JSON


def test_chunks_prints_each_chunk_view_on_a_line(files: Files, capsys: Capture) -> None:
    assert main(["show", "--chunks", *files(body=TOOL_CALL)]) == 0
    assert capsys.readouterr().out.splitlines() == [repr(chunk) for chunk in iter_chunks(TOOL_CALL)]


@pytest.mark.parametrize("name", recording_names())
def test_json_prints_an_object_for_each_event(name: str, files: Files, capsys: Capture) -> None:
    body = recording(name)
    (file,) = files(body=body)
    main(["show", "--json", file])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    chunks = list(iter_chunks(body))
    assert [row["event"] for row in rows] == [chunk.to_event() for chunk in chunks]
    assert "".join(row["content"] for row in rows) == text_of(body)
    assert "".join(row["thinking"] for row in rows) == thinking_of(body)
    for row, chunk in zip(rows, chunks, strict=True):
        for key in ("type", "model", "id", "input_tokens", "cached_tokens", "output_tokens"):
            assert row[key] == getattr(chunk, key)
        assert row["file"] == file
        assert row["usage"] == row["event"].get(
            "usage", row["event"].get("message", {}).get("usage")
        )
        assert body[row["offset"] :].startswith(f"event: {row['type']}\n".encode())
    assert len({row["offset"] for row in rows}) == len(rows)


def test_the_objects_of_json_have_the_keys_that_help_lists(files: Files, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["show", "--help"])
    _, _, listed = capsys.readouterr().out.partition("always all of them:\n")
    documented = re.findall(
        r"\w+", " ".join(re.findall(r"^  ((?:\w+, )*\w+)", listed, re.MULTILINE))
    )
    main(["show", "--json", *files(body=TEXT)])
    for line in capsys.readouterr().out.splitlines():
        assert list(json.loads(line)) == documented


def test_json_of_several_files_is_nothing_but_json(files: Files, capsys: Capture) -> None:
    paths = files(first=TEXT, second=TOOL_CALL)
    assert main(["show", "--json", *paths]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted({row["file"] for row in rows}) == paths


def test_output_in_an_encoding_that_lacks_characters_goes_on(start: Start, files: Files) -> None:
    (file,) = files(body=TEXT)
    ascii_only = "ascii:strict"
    output, errors, status = read_rest(
        start("-m", "chunkview", "show", file, PYTHONIOENCODING=ascii_only)
    )
    assert output.startswith(rb"I\u2019d hand you")
    assert (errors, status) == (b"", 0)
    process = start("-m", "chunkview", "show", "--json", file, PYTHONIOENCODING=ascii_only)
    rows = [json.loads(line) for line in read_rest(process)[0].splitlines()]
    assert "".join(row["content"] for row in rows) == text_of(TEXT)


# show: several files


def test_several_files_have_a_head_each_and_totals_at_the_end(
    files: Files, capsys: Capture
) -> None:
    paths = files(first=TEXT, second=TOOL_CALL)
    assert main(["show", *paths]) == 0
    out = capsys.readouterr().out
    first, second = (f"==> {path} <==\n" for path in paths)
    assert out.startswith(f"{first}{text_of(TEXT)}\n\nmodel ")
    assert f"\n\n{second}| The user" in out
    head, *rows = out.rpartition("\n\n")[2].splitlines()
    cells = ["file", "finish reason", "input", "cached", "cache write", "output", "cost"]
    assert re.split(r"  +", head.strip()) == cells
    assert [row.split() for row in rows] == [
        [paths[0], "end_turn", "12", "1,536", "0", "104", "$0.002057"],
        [paths[1], "tool_use", "612", "0", "0", "187", "$0.004641"],
        ["total", "624", "1,536", "0", "291", "$0.006698"],
    ]


def test_a_total_that_lacks_a_part_says_so(files: Files, capsys: Capture) -> None:
    unknown = TEXT.replace(b"claude-3-5-sonnet-20240620", b"no-such-model")
    main(["show", *files(first=TEXT, second=unknown)])
    out = capsys.readouterr().out
    assert "not known: not on the price list" in out
    assert re.split(r"  +", out.splitlines()[-1])[1:] == [
        "24",
        "3,072",
        "0",
        "208",
        "at least $0.002057",
    ]


def test_totals_of_nothing_are_not_known(tmp_path: Path, capsys: Capture) -> None:
    assert main(["show", str(tmp_path / "one"), str(tmp_path / "two")]) == 1
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "?", "?", "?", "?", "?"]


def test_one_file_alone_has_neither_head_nor_totals(files: Files, capsys: Capture) -> None:
    main(["show", *files(only=TEXT)])
    out = capsys.readouterr().out
    assert "==>" not in out
    assert "total" not in out


def test_chunks_of_several_files_have_heads_and_no_totals(files: Files, capsys: Capture) -> None:
    first, second = files(first=TEXT, second=TEXT)
    main(["show", "--chunks", first, second])
    lines = capsys.readouterr().out.splitlines()
    chunks = [repr(chunk) for chunk in iter_chunks(TEXT)]
    assert lines == [f"==> {first} <==", *chunks, "", f"==> {second} <==", *chunks]


@needs_posix
def test_on_a_terminal_several_files_have_a_bar_and_a_table(start: Start, files: Files) -> None:
    paths = files(first=TEXT, broken=ERROR)
    written = run_on_terminal(start, "-m", "chunkview", "show", *paths)
    assert "reading" in written
    shown = re.sub(r"\r|\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    assert f"{text_of(TEXT)}\n\nmodel " in shown
    assert f"\nchunkview: {paths[1]}: byte 1258: " in shown
    assert "│ total" in shown


@needs_posix
def test_without_rich_a_terminal_gets_plain_lines(start: Start, files: Files) -> None:
    paths = files(first=TEXT, second=TEXT)
    written = run_on_terminal(start, "-c", without("rich"), "show", *paths)
    assert "\x1b" not in written
    assert "reading" not in written
    assert "\ntotal " in written


def run_on_terminal(start: Start, *arguments: str) -> str:
    """Run a program on a pseudo-terminal of 200 columns and give all that it wrote there."""
    import pty

    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm", "COLUMNS": "200", "NO_COLOR": ""}
    process = start(*arguments, stdout=theirs, stderr=theirs, **environment)
    os.close(theirs)
    written = b""
    # Linux reports the end of a terminal as an error.
    with io.FileIO(ours) as terminal, contextlib.suppress(OSError):
        while data := terminal.read(65536):
            written += data
    process.wait()
    return written.decode()


# show: what is broken


def event_line(name: str) -> bytes:
    return f"event: {name}\n".encode()


STOP = TEXT.index(event_line("message_stop"))
DELTA = TEXT.index(event_line("message_delta"))
NOT_JSON = TEXT.replace(b'"text":"I"}', b'"text":"I"')
NOT_UTF8 = TEXT.replace(b"caf\xc3\xa9", b"caf\xe9")
BAD_FIELD = TEXT.replace(b'"text":" outrun"', b'"text":7')
TWICE = TEXT[:DELTA] + TEXT[: TEXT.index(event_line("content_block_start"))] + TEXT[DELTA:]
BROKEN = {
    "JSON that is none": (
        NOT_JSON,
        NOT_JSON.index(event_line("content_block_delta")),
        "invalid JSON",
        "",
    ),
    "bytes that are no UTF-8": (
        NOT_UTF8,
        NOT_UTF8.rindex(b"event:", 0, NOT_UTF8.index(b"caf\xe9")),
        "utf-8",
        "there is a dragon 🐉",
    ),
    "a field of the wrong type": (
        BAD_FIELD,
        BAD_FIELD.rindex(b"event:", 0, BAD_FIELD.index(b'"text":7')),
        "content_block_delta.delta.text: expected str, got int",
        "learning that the only way to",
    ),
    "a second start": (TWICE, DELTA, "message_start came a second time", text_of(TEXT)),
    "no end": (TEXT[:STOP], STOP, "the stream ended before message_stop", text_of(TEXT)),
    "an end within an event": (
        TEXT[: DELTA + 70],
        DELTA,
        "the body ends in the middle of an event",
        text_of(TEXT),
    ),
    "an error event": (
        ERROR,
        ERROR.index(event_line("error")),
        "error event: overloaded_error: Overloaded",
        text_of(ERROR),
    ),
    "nothing at all": (b"", 0, "the stream ended before message_start", ""),
    "an error document": (
        b'{"type": "error", "error": {"type": "api_error", "message": "No"}}\n',
        0,
        'the body is no event stream; it begins with \'{"type": "error"',
        "",
    ),
    "a page": (b"<!DOCTYPE html>\n<p>Bad gateway\n\n", 0, "the body is no event stream", ""),
    "some text": (b"Bad gateway\n\nTry later\n\n", 0, "the body is no event stream", ""),
    "headers before the body": (
        b'HTTP/1.1 401 Unauthorized\r\nvia: x\r\n\r\n{"type": "error"}',
        len(b"HTTP/1.1 401 Unauthorized\r\nvia: x\r\n\r\n"),
        "the body is no event stream; it begins with '{",
        "",
    ),
}


@pytest.mark.parametrize(("body", "offset", "problem", "text"), BROKEN.values(), ids=BROKEN)
def test_of_a_broken_file_the_text_before_is_shown_and_the_place_is_named(
    body: bytes,
    offset: int,
    problem: str,
    text: str,
    files: Files,
    capsys: Capture,
) -> None:
    (file,) = files(broken=body)
    assert main(["show", file]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"chunkview: {file}: byte {offset}: ")
    assert problem in captured.err
    assert len(captured.err.splitlines()) == 1
    assert text in captured.out


def test_a_message_that_is_not_finished_has_a_summary_that_says_so(
    files: Files, capsys: Capture
) -> None:
    main(["show", *files(broken=ERROR)])
    out = capsys.readouterr().out
    assert out.startswith(f"{text_of(ERROR)}\n\nmodel ")
    assert "finish reason  none, the message is not finished\n" in out


def test_the_other_files_are_shown_all_the_same(
    files: Files, capsys: Capture, tmp_path: Path
) -> None:
    first, broken, last = files(first=TEXT, broken=NOT_JSON, last=TOOL_CALL)
    missing = str(tmp_path / "no\x1b such")
    assert main(["show", first, missing, str(tmp_path), broken, last]) == 1
    captured = capsys.readouterr()
    assert captured.out.count(text_of(TEXT)) == 1
    assert text_of(TOOL_CALL) in captured.out
    assert [line.split(": ")[1] for line in captured.err.splitlines()] == [
        missing.replace("\x1b", "\\x1b"),
        str(tmp_path),
        broken,
    ]
    totals = captured.out.rpartition("\n\n")[2].splitlines()
    assert [line.split()[-2] for line in totals[3:4]] == ["?"]
    assert totals[-1].startswith("total ")


@pytest.mark.parametrize("mode", ["--chunks", "--json"])
@pytest.mark.parametrize(
    ("body", "last"),
    [(ERROR, "overloaded_error"), (TWICE, "message_start")],
    ids=["error event", "out of order"],
)
def test_an_event_that_can_be_read_but_not_taken_is_the_last_chunk(
    mode: str,
    body: bytes,
    last: str,
    files: Files,
    capsys: Capture,
) -> None:
    assert main(["show", mode, *files(broken=body)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert last.replace("_", "") in lines[-1].lower().replace("_", "")
    if mode == "--json":
        row = json.loads(lines[-1])
        assert body[row["offset"] :].startswith(event_line(row["type"]))


@given(
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    gap=st.sampled_from([b"", b": a comment\n\n", b"\n\n\n"]),
    bom=st.booleans(),
    sizes=st.lists(st.integers(1, 400), min_size=1),
)
def test_the_offset_does_not_depend_on_the_cut_or_the_line_ends(
    line_end: bytes,
    gap: bytes,
    bom: bool,
    sizes: list[int],
) -> None:
    """However a body comes, each event is where its first line begins."""
    events = ERROR.replace(b"\n\n", b"\n\n" + gap).replace(b"\n", line_end)
    body = b"\xef\xbb\xbf" * bom + events

    def segments() -> Iterator[bytes]:
        start = 0
        while start < len(body):
            for size in sizes:
                yield body[start : start + size]
                start += size

    pending = (segment for segment in segments() if segment)
    reading = Reading(lambda: next(pending, b""))
    found = [offset for offset, _ in reading]
    assert reading.failure is not None
    found.append(reading.failure.offset)
    expected = [match.start() for match in re.finditer(rb"event: ", body)]
    # The mark stands before the first event, on its line.
    assert found == [0 if bom else expected[0], *expected[1:]]


def test_a_source_that_fails_is_reported_and_what_came_before_is_kept() -> None:
    pieces = iter([TEXT[:DELTA], TEXT[DELTA : DELTA + 9]])

    def read() -> bytes:
        for piece in pieces:
            return piece
        raise OSError(5, "Input/output error")

    reading = Reading(read)
    assert "".join(chunk.content for _, chunk in reading) == text_of(TEXT)
    assert reading.stream.content == text_of(TEXT)
    assert reading.failure is not None
    assert reading.failure.offset == DELTA
    assert reading.failure.problem == "cannot be read any further: Input/output error"


# show: what a terminal would obey


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


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def run(
    *arguments: str,
    is_terminal: bool = False,
    encoding: str = "utf-8",
    errors: str = "strict",
) -> tuple[str, str, int]:
    """Run the command line with outputs of a kind: what it wrote to each, and its status."""
    kind = Terminal if is_terminal else io.TextIOWrapper
    # No line ends are translated, so that what is read back is what was written.
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


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each string in a JSON value, as the container and the key under which it is."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        if isinstance(item, str):
            yield value, key
        elif isinstance(item, (dict, list)):
            yield from places(item)


@st.composite
def bodies_with(draw: st.DrawFn, text: str) -> bytes:
    """A recorded stream with a text in the place of any string or key, or around its bytes."""
    body = recording(draw(st.sampled_from(recording_names())))
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]
    container, key = draw(st.sampled_from(list(places(events))))
    where = draw(st.sampled_from(["value", "value", "key", "line"]))
    if where == "value":
        container[key] = text
    elif where == "key":
        container[text] = container.pop(key)
    lines = [b"data: " + json.dumps(event).encode() for event in events]
    if where == "line":
        lines.insert(draw(st.integers(0, len(lines))), text.encode(errors="surrogatepass"))
    return b"\n\n".join([*lines, b""])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("harmful")


MODES = [["--no-color"], ["--chunks"], ["--json"]]


@needs_posix
@given(
    data=st.data(),
    texts=st.lists(harmful, min_size=2, max_size=3),
    mode=st.sampled_from(MODES),
    is_missing=st.booleans(),
)
def test_nothing_that_a_terminal_would_obey_reaches_it(
    place: Path, data: st.DataObject, texts: list[str], mode: list[str], is_missing: bool
) -> None:
    """Wherever a text is, in streams and names, a terminal gets no control but line feed, tab."""
    paths = []
    for number, text in enumerate(texts):
        name = (text.replace("\0", "") + str(number)).encode(errors="surrogatepass")[-200:]
        path = os.fsdecode(os.fsencode(place / "x").removesuffix(b"x") + name.replace(b"/", b""))
        Path(path).write_bytes(data.draw(bodies_with(text)))
        paths.append(path)
    if is_missing:
        Path(paths[-1]).unlink()
    for files in (paths, paths[:1]):
        out, complaints, _ = run("show", *mode, *files, is_terminal=True)
        assert not set(HARMFUL + HALVES) & set(out + complaints)
        piped, _, _ = run("show", *mode, *files)
        if mode == ["--json"]:
            rows, exact = ([json.loads(line) for line in o.split("\n")[:-1]] for o in (out, piped))
            assert rows == exact
            assert {row["file"] for row in rows} <= set(files)
    assert not set(HARMFUL + HALVES) & set(run("serve", *paths, "missing\x9b")[1])


@given(text=st.text(st.sampled_from(HARMFUL + "ab \n\t\u00e9")), thinking=st.booleans())
def test_to_a_pipe_a_text_stays_exactly_as_it_is(place: Path, text: str, thinking: bool) -> None:
    """What is not a terminal gets each character of the text."""
    kind = "thinking" if thinking else "text"
    path = place / "piped.sse"
    start = block_start(0, type=kind, **{kind: ""}, **({"signature": ""} if thinking else {}))
    chunk = content_delta(kind, text)
    events = [message_start(), start, chunk, block_stop(), message_delta(), MESSAGE_STOP]
    path.write_bytes(sse(events))
    out, complaints, status = run("show", str(path))
    shown = "| " + text.replace("\n", "\n| ") if thinking and text else text
    assert out.startswith(shown)
    assert (complaints, status) == ("", 0)
    rows = [json.loads(line) for line in run("show", "--json", str(path))[0].split("\n")[:-1]]
    assert "".join(row[kind if thinking else "content"] for row in rows) == text


def content_delta(kind: str, text: str) -> dict[str, Any]:
    fields: Any = {kind: text}
    return delta(f"{kind}_delta", **fields)


def transcript_of(*parts: tuple[str, str], is_terminal: bool) -> str:
    transcript = Transcript(is_terminal=is_terminal, color=False)
    chunks = [decode(content_delta(kind, part)) for kind, part in parts]
    return "".join([*map(transcript.add, chunks), transcript.end()])


@given(
    texts=st.lists(st.text(st.sampled_from(HALVES + "ab\n"))),
    kind=st.sampled_from(["text", "thinking"]),
    is_terminal=st.booleans(),
)
def test_half_a_character_is_joined_to_its_other_half_or_marked(
    texts: list[str], kind: str, is_terminal: bool
) -> None:
    """However a text is cut, its halves are joined, and one that stays alone is U+FFFD."""
    joined = "".join(texts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    shown = transcript_of(*[(kind, text) for text in texts], is_terminal=is_terminal)
    assert shown == transcript_of((kind, joined), is_terminal=is_terminal)


def test_half_a_character_ends_where_the_thinking_ends() -> None:
    parts = [("thinking", "a\ud83d"), ("text", "\ude00b"), ("text", "\ud83d")]
    shown = transcript_of(*parts, is_terminal=False)
    assert shown == "| a\ufffd\n\n\ufffdb\ufffd\n\n"


@needs_posix
@pytest.mark.parametrize("mode", [[], *MODES], ids=" ".join)
def test_a_pseudo_terminal_gets_no_escapes_but_those_of_the_command_line_itself(
    mode: list[str], start: Start, tmp_path: Path
) -> None:
    bad = "\x1b]0;title\x07\x9b31m\u202e\x7f"
    body = b"".join(
        b"data: %b\n\n" % json.dumps(event).encode()
        for event in [
            message_start(model=bad),
            tool_start(name=bad, input={bad: bad}),
            block_stop(),
            block_start(1),
            delta("text_delta", 1, text=bad),
            {"type": "error", "error": {"type": bad, "message": bad}},
        ]
    )
    path = tmp_path / bad
    path.write_bytes(body)
    arguments = [*mode, str(path), str(path), str(tmp_path / f"missing{bad}")]
    written = run_on_terminal(start, "-m", "chunkview", "show", *arguments)
    assert "31m" in written
    ours = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r\n?")
    assert not set(HARMFUL) & set(ours.sub("", written))


def test_an_argument_that_is_not_known_is_named_without_its_controls(capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["show", "file", "--\x1b[31m\u202e\udcff"])
    err = capsys.readouterr().err
    assert err.endswith("unrecognized arguments: --\\x1b[31m\\u202e\\xff\n")


def test_the_demo_shows_nothing_of_an_error_that_a_terminal_would_obey(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harmless = recording("error")
    bad = harmless.replace(b"Overloaded", "\x9b31m\u202e".encode())
    assert bad != harmless
    monkeypatch.setattr(
        "chunkview._cli.demo.recording", lambda name: bad if name == "error" else recording(name)
    )
    out, _, status = run("demo", "--no-delay", is_terminal=True)
    assert status == 0
    assert "\x9b" not in out
    assert "\\x9b31m\\u202e" in out


# show: names and encodings


@needs_posix
def test_a_name_that_is_not_utf_8_is_shown_by_its_bytes(tmp_path: Path, start: Start) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\x80.sse"
    Path(os.fsdecode(name)).write_bytes(ERROR)
    for environment in ({"PYTHONUTF8": "1"}, {"PYTHONUTF8": "1", "PYTHONIOENCODING": ":strict"}):
        arguments = ["-m", "chunkview", "show", os.fsdecode(name), os.fsdecode(name)]
        output, errors, _ = read_rest(start(*arguments, **environment))
        assert f"==> {tmp_path}/\\xff\\x80.sse <==\n" in output.decode()
        assert f"\n{tmp_path}/\\xff\\x80.sse  none " in output.decode()
        assert errors.decode().startswith(f"chunkview: {tmp_path}/\\xff\\x80.sse: byte ")
        output, _, _ = read_rest(start(*arguments, "--json", **environment))
        rows = [json.loads(line) for line in output.decode().splitlines()]
        assert {row["file"] for row in rows} == {os.fsdecode(name)}


ENCODINGS = [
    f"{encoding}:{errors}"
    for encoding in ("ascii", "latin-1", "cp1252", "utf-8", "utf-16")
    for errors in ("strict", "surrogateescape", "surrogatepass", "replace")
    if (encoding, errors) != ("utf-16", "surrogateescape")
]


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("mode", MODES, ids=" ".join)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_of_the_output_is_a_reason_to_stop(
    encoding: str, mode: list[str], tmp_path: Path, *, is_terminal: bool
) -> None:
    name, _, errors = encoding.partition(":")
    dragon = TEXT.replace(b'"text":"I"', '"text":"\U0001f409\xe9I"'.encode())
    paths = [str(tmp_path / "\xe9.sse"), str(tmp_path / "plain.sse")]
    for path, body in zip(paths, (dragon, TEXT), strict=True):
        Path(path).write_bytes(body)
    out, complaints, status = run(
        "show", *mode, *paths, is_terminal=is_terminal, encoding=name, errors=errors
    )
    assert (complaints, status) == ("", 0)
    if mode == ["--json"]:
        rows = [json.loads(line) for line in out.splitlines()]
        assert "".join(row["content"] for row in rows) == text_of(dragon) + text_of(TEXT)
        assert sorted({row["file"] for row in rows}) == sorted(paths)


@needs_posix
@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"], ["demo", "--no-delay"]])
def test_the_c_locale_is_no_reason_to_stop(
    arguments: list[str], start: Start, files: Files
) -> None:
    paths = files(body=TEXT) if arguments[0] == "show" else []
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    output, errors, status = read_rest(start("-m", "chunkview", *arguments, *paths, **plain))
    assert b"\\u2019d hand you" in output
    assert (errors, status) == (b"", 0)


# show: what is absurdly long


@given(
    rows=st.integers(1, 5).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(0, 10_000).map("x".__mul__), min_size=columns, max_size=columns),
            min_size=1,
            max_size=40,
        )
    ),
    data=st.data(),
)
def test_a_table_is_not_much_longer_than_its_cells(
    rows: list[list[str]], data: st.DataObject
) -> None:
    """A cell adds a bounded number of spaces to each row, however long it is."""
    columns = len(rows[0])
    words = data.draw(st.integers(0, columns))
    table = as_table(rows, words=words)
    assert [line.split() for line in table.splitlines()] == [
        [cell for cell in row if cell] for row in rows
    ]
    assert len(table) <= sum(len(cell) for row in rows for cell in row) + len(rows) * columns * 202


def test_one_long_name_among_many_tool_calls_is_written_once(files: Files, capsys: Capture) -> None:
    calls, length = 300, 100_000
    events = [message_start()]
    for number in range(calls):
        name = "x" * length if number == 0 else "get_weather"
        events += [tool_start(number, id=f"toolu_{number}", name=name), block_stop(number)]
    body = sse([*events, message_delta("tool_use"), MESSAGE_STOP])
    assert main(["show", *files(body=body)]) == 0
    out = capsys.readouterr().out
    assert len(out) < len(body)
    assert f"\ntool call      {'x' * 200}... (100,000 characters) {{}}\n" in out
    assert out.count("tool call      get_weather {}\n") == calls - 1


@pytest.mark.parametrize("is_terminal", [True, False])
def test_one_long_stop_reason_among_many_files_is_not_padded_to(
    files: Files, *, is_terminal: bool
) -> None:
    length = 100_000
    long = TEXT.replace(b"end_turn", b"x" * length)
    paths = files(long=long, **{f"file{number}": TEXT for number in range(100)})
    out, _, status = run("show", *paths, is_terminal=is_terminal)
    assert status == 0
    assert len(out) < 3 * length
    assert "... (100,000 characters)" in re.sub(r"\s*│\s*│?\s*", "", out)


def test_a_tool_input_is_shown_whole_unless_it_is_absurdly_long(
    files: Files, capsys: Capture
) -> None:
    for length, end in ((9_000, 'x"}\n'), (50_000, "x... (50,009 characters)\n")):
        main(["show", *files(body=sse(tool_stream(json.dumps({"a": "x" * length}))))])
        (line,) = re.findall("(?m)^tool call.*\n", capsys.readouterr().out)
        assert line.endswith(end)
        assert len(line) < 11_000


def test_an_error_is_told_at_a_bounded_length(files: Files, capsys: Capture) -> None:
    assert main(["show", *files(body=ERROR.replace(b"Overloaded", b"x" * 100_000))]) == 1
    err = capsys.readouterr().err
    assert len(err) < 3_000
    assert err.endswith("xxx...\n")


def test_counts_that_make_no_sense_have_no_cost(files: Files, capsys: Capture) -> None:
    body = TEXT.replace(b'"input_tokens":12', b'"input_tokens":-12')
    assert main(["show", *files(first=body, second=TEXT)]) == 0
    out = capsys.readouterr().out
    assert "tokens         -12 input" in out
    assert "cost           not known: " in out
    assert out.endswith(" at least $0.002057\n")


# show: live


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [([], "I\u2019d hand you"), (["--chunks"], "MessageStart"), (["--json"], '"offset": 0')],
    ids=["text", "--chunks", "--json"],
)
def test_live_input_is_shown_before_it_ends(arguments: list[str], shown: str, start: Start) -> None:
    process = start("-m", "chunkview", "show", "-", *arguments)
    assert process.stdin is not None
    half = TEXT.index(b" **A Wizard")
    process.stdin.write(TEXT[:half])
    process.stdin.flush()
    before = read_until(process, shown.encode())
    assert b"Earthsea" not in before
    process.stdin.write(TEXT[half:])
    output, errors, status = read_rest(process)
    assert b"Earthsea" in output
    assert (errors, status) == (b"", 0)


def test_standard_input_is_named_in_messages(
    start: Start,
) -> None:
    process = start("-m", "chunkview", "show", "-")
    output, errors = process.communicate(ERROR)
    assert output.decode().startswith(text_of(ERROR))
    assert errors.startswith(b"chunkview: standard input: byte 1258: error event: ")
    assert process.returncode == 1


@needs_posix
def test_standard_input_that_does_not_wait_is_reported(
    start: Start,
) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    with io.FileIO(ours), io.FileIO(theirs, "wb"):
        process = start("-m", "chunkview", "show", "-", stdin=ours)
        _, errors, status = read_rest(process)
    assert errors.startswith(b"chunkview: standard input: byte 0: cannot be read any further: ")
    assert status == 1


@needs_sigint
def test_ctrl_c_ends_quietly(start: Start) -> None:
    process = start("-m", "chunkview", "show", "-")
    assert process.stdin is not None
    process.stdin.write(TEXT[:DELTA])
    process.stdin.flush()
    read_until(process, "crème and the rain".encode())
    process.send_signal(signal.SIGINT)
    _, errors, status = read_rest(process)
    assert (errors, status) == (b"", 130)


@needs_posix
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["show", "--help"], ["show"], ["show", "--json"], ["demo", "--no-delay"]],
    ids=" ".join,
)
def test_a_reader_that_goes_away_ends_it_quietly(
    arguments: list[str],
    start: Start,
    files: Files,
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    paths = files(body=TEXT) if arguments[0] == "show" and arguments[-1] != "--help" else []
    with io.FileIO(writer, "wb"):
        process = start("-m", "chunkview", *arguments, *paths, stdout=writer)
        _, errors, status = read_rest(process)
    assert (errors, status) == (b"", 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_output_that_is_full_is_reported(start: Start, files: Files) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("-m", "chunkview", "show", *files(body=TEXT), stdout=full)
        _, errors, status = read_rest(process)
    assert (errors, status) == (b"chunkview: No space left on device\n", 1)


def test_outputs_that_were_closed_from_the_start_change_nothing_else(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["show", *files(first=TEXT, second=TEXT)]) == 0
    assert main(["show", *files(first=TEXT, second=ERROR)]) == 1


# serve


def ask(url: str) -> bytes:
    """Ask a server for a stream, by means of the standard library only."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=GUARD_SECONDS)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/messages", b'{"stream": true}')
        return connection.getresponse().read()


@needs_sigint
def test_serve_plays_its_files_in_turn_until_ctrl_c(start: Start, files: Files) -> None:
    paths = files(first=TEXT, second=b"\xff is no stream", third=ERROR)
    process = start("-m", "chunkview", "serve", *paths, "--segment-size", "700", "--delay", "0.001")
    shown = read_until(process, b"curl").decode()
    url = re.findall(r"ANTHROPIC_BASE_URL=(\S+)", shown)[0]
    assert [ask(url) for _ in range(4)] == [TEXT, b"\xff is no stream", ERROR, TEXT]
    process.send_signal(signal.SIGINT)
    _, errors, status = read_rest(process)
    assert (errors, status) == (b"", 0)


def test_the_official_client_streams_from_serve(start: Start, files: Files) -> None:
    from anthropic import Anthropic, DefaultHttpxClient

    process = start("-m", "chunkview", "serve", *files(body=TEXT))
    url = re.findall(rb"ANTHROPIC_BASE_URL=(\S+)", read_until(process, b"curl"))[0].decode()
    with (
        DefaultHttpxClient(mounts={"all://127.0.0.1": None}) as http_client,
        Anthropic(base_url=url, api_key="none", http_client=http_client) as client,
        client.messages.stream(
            max_tokens=100,
            model="claude-3-5-sonnet-20240620",
            messages=[{"role": "user", "content": "Recommend a fantasy book"}],
        ) as stream,
    ):
        assert stream.get_final_text() == text_of(TEXT)


def test_serve_names_a_file_that_it_cannot_read(
    files: Files, capsys: Capture, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing.sse")
    assert main(["serve", *files(body=TEXT), missing]) == 1
    captured = capsys.readouterr()
    assert captured.err == f"chunkview: {missing}: No such file or directory\n"
    assert captured.out == ""


def test_serve_says_that_a_port_is_taken(files: Files, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", *files(body=TEXT), "--port", str(port)]) == 1
    assert capsys.readouterr().err.startswith(f"chunkview: cannot listen on port {port}: ")


# demo


def test_the_demo_streams_through_the_official_client_without_key_or_network(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    for name in ("ALL_PROXY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert main(["demo", "--no-delay"]) == 0
    captured = capsys.readouterr()
    text, tool_call, error = re.split(r"\n--- \d\. .*\n\n", captured.out)[1:]
    assert text.startswith(f"{text_of(TEXT)}\n\nmodel ")
    assert "finish reason  end_turn (stop)\n" in text
    assert tool_call.startswith("| The user wants")
    assert text_of(TOOL_CALL) in tool_call
    assert 'tool call      find_copies {"title": "The Tombs of Atuan"' in tool_call
    assert error.startswith(text_of(ERROR))
    assert "The client raised APIStatusError: " in error
    assert f"stream.content is still {text_of(ERROR)!r}\n" in error
    assert captured.err == ""


def test_without_the_client_the_demo_names_the_extra(start: Start) -> None:
    output, errors, status = read_rest(start("-c", without("anthropic"), "demo"))
    assert errors.startswith(b"chunkview: the demo cannot run: ")
    assert b"pip install 'chunkview[sdk]'" in errors
    assert (output, status) == (b"", 1)


@needs_sigint
def test_ctrl_c_ends_the_demo_quietly(start: Start) -> None:
    process = start("-m", "chunkview", "demo")
    read_until(process, "I\u2019d hand you".encode())
    process.send_signal(signal.SIGINT)
    _, errors, status = read_rest(process)
    assert (errors, status) == (b"", 130)


# the whole


def test_the_version_is_that_of_the_package(capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"chunkview {__version__}\n"


@pytest.mark.parametrize("command", [[], ["show"], ["serve"], ["demo"]], ids=" ".join)
def test_help_has_examples_that_the_parser_takes(command: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    out = capsys.readouterr().out
    assert out.isascii()
    _, _, examples = out.partition("examples:\n")
    lines = examples.partition("\n\n")[0].splitlines()
    assert lines
    for line in lines:
        arguments = line.partition("chunkview ")[2].partition(" | ")[0].partition("   (")[0]
        with pytest.raises(SystemExit, match="0"):
            main([*arguments.split(), "--help"])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["show"],
        ["serve"],
        ["show", "--chunks", "--json", "-"],
        ["serve", "-", "--port", "65536"],
        ["serve", "-", "--port", "http"],
        ["serve", "-", "--segment-size", "0"],
        ["serve", "-", "--delay", "nan"],
        ["serve", "-", "--delay", "-1"],
    ],
    ids=" ".join,
)
def test_arguments_that_make_no_sense_end_with_status_2(
    arguments: list[str], capsys: Capture
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    captured = capsys.readouterr()
    assert captured.err.startswith("usage: chunkview")
    assert captured.out == ""


def test_show_imports_nothing_that_it_does_not_need(start: Start, files: Files) -> None:
    program = (
        "import sys\n"
        "from chunkview._cli.main import main\n"
        "main()\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    process = start("-c", program, "show", "--json", *files(body=TEXT))
    loaded = read_rest(process)[1].decode().split()
    assert "chunkview" in loaded
    heavy = {"anthropic", "asyncio", "genai_prices", "http", "hypothesis", "pydantic", "rich"}
    assert heavy.isdisjoint(loaded)
