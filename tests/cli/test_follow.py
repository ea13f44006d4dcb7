"""`chunkview show --follow`: a file that grows, is replaced, or is cut short."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview._cli.main import main
from cli.console import (
    DELTA,
    ERROR,
    TEXT,
    TOOL_CALL,
    Capture,
    Start,
    needs_posix,
    needs_sigint,
    read_rest,
    read_until,
    run,
    text_of,
)

Step: TypeAlias = Callable[[], object]


def follow(path: Path, *steps: Step, mode: tuple[str, ...] = ()) -> tuple[str, str, int]:
    """Follow a file. Each time there is nothing to read, the next step is done; then Ctrl-C."""
    left = iter(steps)

    def sleep(_seconds: float) -> None:
        step = next(left, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chunkview._cli.following.time", SimpleNamespace(sleep=sleep))
        return run("show", "--follow", *mode, str(path))


def appending(path: Path, data: bytes) -> Step:
    def append() -> None:
        with path.open("ab") as file:
            file.write(data)

    return append


def replacing(path: Path, data: bytes) -> Step:
    def replace() -> None:
        new = path.with_suffix(".new")
        new.write_bytes(data)
        new.replace(path)

    return replace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "answer.sse"
    path.write_bytes(b"")
    return path


@given(cuts=st.lists(st.integers(0, len(TEXT + ERROR + TOOL_CALL)), max_size=8))
def test_however_a_file_grows_it_is_shown_as_if_it_had_been_whole(
    cuts: list[int], place: Path
) -> None:
    """For every cut, the output is that of `show`, but for the totals."""
    body = TEXT + ERROR + TOOL_CALL
    path = place / "growing.sse"
    path.write_bytes(body)
    whole, complaints, _ = run("show", str(path))
    path.write_bytes(b"")
    places = sorted({0, len(body), *cuts})
    pieces = [body[begin:end] for begin, end in itertools.pairwise(places)]
    out, followed_complaints, status = follow(path, *(appending(path, piece) for piece in pieces))
    assert whole.startswith(out)
    assert whole.removeprefix(out).startswith("\nfile ")
    assert (followed_complaints, status) == (complaints, 1)


@needs_sigint
def test_a_growing_file_is_shown_while_it_grows_until_ctrl_c(path: Path, start: Start) -> None:
    process = start("-m", "chunkview", "show", "--follow", str(path))
    appending(path, TEXT[:DELTA])()
    read_until(process, text_of(TEXT).encode())
    appending(path, TEXT[DELTA:])()
    read_until(process, b"104 output")
    appending(path, TOOL_CALL[: len(TOOL_CALL) // 2])()
    read_until(process, b"| The user")
    process.send_signal(signal.SIGINT)
    output, errors, status = read_rest(process)
    assert b"finish reason  none, the message is not finished" in output
    assert (errors, status) == (b"", 0)


@needs_posix
def test_a_file_that_is_replaced_goes_on_with_the_new_one(path: Path) -> None:
    out, complaints, status = follow(
        path,
        appending(path, TEXT),
        replacing(path, TOOL_CALL),
        appending(path, TEXT),
    )
    assert out.startswith(text_of(TEXT))
    assert f"\n==> {path} <==\n| The user" in out
    assert f"\n==> {path}#2 <==\n{text_of(TEXT)}" in out
    problem = "another file has taken its name: that one is read from its start"
    assert (complaints, status) == (f"chunkview: {path}: {problem}\n", 0)


@needs_posix
def test_while_a_file_has_no_name_the_old_one_is_followed(path: Path) -> None:
    moved = path.with_suffix(".1")
    out, complaints, _ = follow(
        path,
        appending(path, TEXT[:DELTA]),
        lambda: path.rename(moved),
        appending(moved, TEXT[DELTA:]),
        lambda: path.write_bytes(TOOL_CALL),
    )
    assert "104 output" in out
    assert text_of(TOOL_CALL) in out
    assert complaints.count("\n") == 1


def test_a_file_that_is_cut_short_is_read_again(path: Path) -> None:
    out, complaints, status = follow(
        path,
        appending(path, TEXT[:DELTA]),
        lambda: os.truncate(path, 0),
        appending(path, TOOL_CALL),
    )
    assert "finish reason  none" in out
    assert f"\n==> {path} <==\n| The user" in out
    assert complaints.splitlines() == [
        f"chunkview: {path}: byte {DELTA}: the stream ended before message_stop",
        f"chunkview: {path}: the file was cut short: it is read again from its start",
    ]
    assert status == 1


def test_an_empty_file_that_is_replaced_is_no_broken_stream(path: Path) -> None:
    out, complaints, _ = follow(path, replacing(path, TEXT))
    assert out.startswith("==> ")
    assert "before message_start" not in complaints


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"type": "ping"}\n', "only the body of an answer can be followed"),
        (b"<html>\n\n", "byte 0: the body is no event stream"),
    ],
)
def test_what_is_no_stream_is_not_followed(body: bytes, problem: str, path: Path) -> None:
    path.write_bytes(body)
    _, complaints, status = follow(path)
    assert complaints.startswith(f"chunkview: {path}: {problem}")
    assert (complaints.count("\n"), status) == (1, 1)


def test_a_file_that_is_given_up_is_not_read_again_from_its_start(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"data: ")
        file.truncate(65 * 2**20)
    _, complaints, status = follow(path)
    problem = f"byte 0: an event of more than {64 * 2**20} bytes"
    assert (complaints, status) == (f"chunkview: {path}: {problem}\n", 1)


@needs_posix
def test_a_file_that_cannot_be_read_ends_with_status_1(tmp_path: Path, capsys: Capture) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(TEXT)
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("root reads everything")
    assert main(["show", "--follow", str(secret)]) == 1
    assert capsys.readouterr().err == f"chunkview: {secret}: Permission denied\n"


def test_json_and_chunks_are_followed_as_well(path: Path) -> None:
    for mode in ("--json", "--chunks"):
        path.write_bytes(TEXT[:DELTA])
        out, complaints, status = follow(path, appending(path, TEXT[DELTA:]), mode=(mode,))
        assert (complaints, status) == ("", 0)
        assert out == run("show", mode, str(path))[0]
    assert json.loads(run("show", "--json", str(path))[0].splitlines()[0])["offset"] == 0
