"""Live input, Ctrl-C, and outputs that end, are full or are closed."""

from __future__ import annotations

import io
import itertools
import os
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from chunkview import iter_chunks
from chunkview._cli.main import main
from cli.console import (
    DELTA,
    ERROR,
    TEXT,
    Capture,
    Files,
    Start,
    needs_posix,
    needs_sigint,
    read_rest,
    read_until,
    text_of,
)


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


def test_the_summary_of_a_live_stream_has_its_timing(start: Start) -> None:
    process = start("-m", "chunkview", "show", "-")
    assert process.stdin is not None
    half = TEXT.index(b" **A Wizard")
    process.stdin.write(TEXT[:half])
    process.stdin.flush()
    read_until(process, "I\u2019d hand you".encode())
    process.stdin.write(TEXT[half:])
    output, _, _ = read_rest(process)
    timing = (
        rb"\ntiming         \d+\.\d\d s to the first token, [\d,]+\.\d output tokens per second\n"
    )
    assert re.search(timing, output)


def test_a_file_has_no_timing_not_even_as_standard_input(start: Start, files: Files) -> None:
    [path] = files(body=TEXT)
    with Path(path).open("rb") as file:
        output, _, _ = read_rest(start("-m", "chunkview", "show", "-", path, stdin=file))
    assert output.count(b"\ntokens ") == 2
    assert b"first token" not in output


@needs_posix
def test_the_timing_is_computed_from_the_clock(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(100)
    time = SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr("chunkview._cli.show.command.time", time)
    ours, theirs = os.pipe()
    with io.FileIO(ours), io.FileIO(theirs, "wb") as pipe:
        pipe.write(TEXT)
        pipe.close()
        assert main(["show", f"/dev/fd/{ours}"]) == 0
    # The clock ticks before and after each event, and before and after the end.
    chunks = list(iter_chunks(TEXT))
    first = next(number for number, chunk in enumerate(chunks) if chunk.content)
    rate = 104 / (2 * len(chunks))
    shown = f"timing         {2 * first + 1}.00 s to the first token, {rate:.1f} output tokens per"
    assert shown in capsys.readouterr().out


def test_standard_input_is_named_in_messages(
    start: Start,
) -> None:
    process = start("-m", "chunkview", "show", "-")
    output, errors = process.communicate(ERROR)
    assert output.decode().startswith(text_of(ERROR))
    assert errors.startswith(b"chunkview: standard input: byte 1258: the server sent ")
    assert process.returncode == 1


@needs_posix
def test_a_non_blocking_standard_input_is_reported(
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
def test_ctrl_c_ends_show_quietly(start: Start) -> None:
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
def test_a_command_ends_quietly_when_the_reader_of_its_output_goes_away(
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
def test_a_full_output_is_reported(start: Start, files: Files) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("-m", "chunkview", "show", *files(body=TEXT), stdout=full)
        _, errors, status = read_rest(process)
    assert (errors, status) == (b"chunkview: No space left on device\n", 1)


def test_show_works_with_closed_outputs(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["show", *files(first=TEXT, second=TEXT)]) == 0
    assert main(["show", *files(first=TEXT, second=ERROR)]) == 1
