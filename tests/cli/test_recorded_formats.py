"""The command line on recordings of every format."""

from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import accumulate, encode, iter_chunks, iter_messages
from chunkview._cli.main import main
from chunkview.recordings import read
from chunkview.testing import recording
from chunkview.testing import strategies as cv
from cli.console import (
    DELTA,
    ERROR,
    TEXT,
    TOOL_CALL,
    Capture,
    Files,
    Start,
    read_rest,
    read_until,
    run,
    text_of,
)
from cli.test_serve import ask
from recordings.writers import COMPRESSIONS, FORMATS, claude_code, frames
from support import examples, recorded_streams, text_stream

STREAMS = [one.events for one in recorded_streams() if one.name in ("text", "thinking_tool_call")]
NOT_JSON = TEXT.replace(b'"text":"I"}', b'"text":"I"')


def write(place: Path, name: str, streams: Any, compression: str = "plain") -> str:
    path = place / "recording"
    path.write_bytes(COMPRESSIONS[compression](FORMATS[name][0](streams)))
    return str(path)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", FORMATS)
def test_show_prints_each_stream_of_a_file(name: str, compression: str, tmp_path: Path) -> None:
    path = write(tmp_path, name, STREAMS, compression)
    out, complaints, status = run("show", path)
    assert (complaints, status) == ("", 0)
    for body in (TEXT, TOOL_CALL):
        after = "model " if body is TEXT else "tool call find_copies\n  {"
        assert f"{text_of(body)}\n\n{after}" in out
    heads = re.findall(r"(?m)^==> (.*) <==$", out)
    assert len(set(heads)) == len(heads) >= 1
    assert all(head.startswith(f"{path}#") for head in heads)
    assert out.splitlines()[-1].split()[:5] == ["total", "624", "1,536", "0", "291"]


@pytest.mark.parametrize("name", FORMATS)
@given(streams=st.lists(cv.message_streams(), min_size=1, max_size=2))
@examples(0.2)
def test_what_show_prints_as_json_can_be_read_again(name: str, streams: Any, place: Path) -> None:
    """For each format: `show --json` and `read` give the messages of the file."""
    for number, events in enumerate(streams):
        events[[event["type"] for event in events].index("message_start")]["message"]["id"] = (
            f"msg_{number}"
        )
    path = write(place, name, streams)
    out, complaints, status = run("show", "--json", path)
    assert (complaints, status) == ("", 0)
    again = [accumulate(one.source) for one in read(io.BytesIO(out.encode()))]
    assert again == [accumulate(events) for events in streams]


@pytest.mark.parametrize("name", [name for name, (_, kind) in FORMATS.items() if kind == "events"])
def test_the_offset_is_the_place_of_the_event_in_its_file(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, name, STREAMS)
    data = Path(path).read_bytes()
    rows = [json.loads(line) for line in run("show", "--json", path)[0].splitlines()]
    assert {row["file"] for row in rows} == {path}
    if name != "a list of events":
        assert [row["offset"] for row in rows] == [0, *_line_ends(data)[:-1]]


def _line_ends(data: bytes) -> list[int]:
    return [match.end() for match in re.finditer(b"\n", data)]


def test_a_body_of_several_messages_has_a_head_for_each_but_the_first(
    files: Files, capsys: Capture
) -> None:
    (path,) = files(body=TEXT + ERROR + TOOL_CALL)
    assert main(["show", path]) == 1
    captured = capsys.readouterr()
    assert re.findall(r"(?m)^==> (.*) <==$", captured.out) == [f"{path}#2", f"{path}#3"]
    place = len(TEXT) + ERROR.index(b"event: error")
    assert captured.err.startswith(f"chunkview: {path}#2: byte {place}: the server sent ")
    assert text_of(TOOL_CALL) in captured.out


def test_show_goes_on_with_the_next_message_after_a_broken_one(
    files: Files, capsys: Capture
) -> None:
    place = NOT_JSON.index(b"event: content_block_delta")
    body = NOT_JSON + TOOL_CALL
    for data in (body, gzip.compress(body)):
        (path,) = files(body=data)
        assert main(["show", "--chunks", path]) == 1
        captured = capsys.readouterr()
        assert captured.err.startswith(f"chunkview: {path}: byte {place}: invalid JSON: ")
        lines = captured.out.splitlines()
        begin = lines.index(f"==> {path}#2 <==")
        assert lines[begin + 1 :] == [repr(chunk) for chunk in iter_chunks(TOOL_CALL)]


def test_the_first_message_of_live_input_is_shown_before_the_second_one_ends(start: Start) -> None:
    process = start("-m", "chunkview", "show", "-")
    assert process.stdin is not None
    half = len(TEXT) + TOOL_CALL.index(b"event: message_delta")
    process.stdin.write((TEXT + TOOL_CALL)[:half])
    process.stdin.flush()
    before = read_until(process, text_of(TOOL_CALL).encode())
    assert b"\n==> standard input#2 <==\n" in before
    assert b"104 output" in before
    process.stdin.write((TEXT + TOOL_CALL)[half:])
    output, errors, status = read_rest(process)
    assert b"187 output" in output
    assert (errors, status) == (b"", 0)


@pytest.mark.parametrize("write_log", [claude_code, frames, lambda _: gzip.compress(TEXT)])
def test_standard_input_may_have_any_format(write_log: Any, start: Start) -> None:
    process = start("-m", "chunkview", "show", "-")
    output, errors = process.communicate(write_log([text_stream("x")]))
    assert (errors, process.returncode) == (b"", 0)
    assert output


def test_folders_and_patterns_are_shown_and_checked(files: Files, tmp_path: Path) -> None:
    first, second = files(a=TEXT, b=TOOL_CALL)
    (tmp_path / "c").write_bytes(b"something")
    for place in (str(tmp_path), f"{tmp_path}/*"):
        out, complaints, status = run("show", place)
        assert re.findall(r"(?m)^==> (.*) <==$", out)[:2] == [first, second]
        assert complaints == (
            f"chunkview: {tmp_path}/c: byte 0: no format that chunkview knows; it begins with "
            "'something'\n"
        )
        assert status == 1
        out, complaints, status = run("check", place)
        assert out.endswith("No rule is broken in 2 streams\n")
        assert (complaints[:30], status) == (f"chunkview: {tmp_path}/c"[:30], 1)
    for command in ("show", "check", "serve"):
        _, complaints, status = run(command, f"{tmp_path}/*.x")
        assert complaints == f"chunkview: {tmp_path}/*.x: no file fits the pattern\n"
        assert status == 1


def test_a_url_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("show", "check", "serve"):
        _, complaints, status = run(command, "nothing://x/y")
        assert complaints.startswith("chunkview: nothing://x/y: Protocol not known")
        assert status == 1
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    _, complaints, _ = run("show", "s3://x/y")
    assert "pip install 'chunkview[fsspec]'" in complaints


def test_a_broken_file_is_shown_up_to_its_fault(files: Files, capsys: Capture) -> None:
    packed = gzip.compress(TEXT)
    (path,) = files(body=packed[:-100])
    assert main(["show", path]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("I\u2019d hand you")
    assert re.fullmatch(rf"chunkview: {path}: byte \d+: the gzip data ends early\n", captured.err)
    # Also if the message was finished before that.
    for data in (packed[:-4], packed[:-8] + b"12345678"):
        (path,) = files(body=data)
        assert main(["show", path]) == 1
        captured = capsys.readouterr()
        assert text_of(TEXT) in captured.out
        assert f"chunkview: {path}: byte " in captured.err
    _, complaints, status = run("check", path)
    assert ": broken gzip data: " in complaints
    assert status == 1


def test_check_looks_at_each_recording(tmp_path: Path) -> None:
    bad = [event | ({"index": 2} if "index" in event else {}) for event in STREAMS[0]]
    for name in ("lines of events", "a cassette", "frames", "a log of Claude Code"):
        path = write(tmp_path, name, [STREAMS[1], bad])
        out, complaints, status = run("check", "--json", path)
        report = json.loads(out)
        assert (complaints, status, report["streams"]) == ("", 1, 2)
        (rule,) = report["rules"]
        second = 3 if name == "a cassette" else 2  # its first exchange is a page
        assert (rule["rule"], rule["in"]) == ("index_not_consecutive", [f"{path}#{second}"])


def test_serve_sends_each_recording_as_a_body(start: Start, tmp_path: Path) -> None:
    path = write(tmp_path, "batch results", STREAMS, "gzip")
    (tmp_path / "body").write_bytes(TEXT + ERROR)
    process = start("-m", "chunkview", "serve", path, str(tmp_path / "body"))
    shown = read_until(process, b"curl").decode()
    url = re.findall(r"ANTHROPIC_BASE_URL=(\S+)", shown)[0]
    first, second, third = ask(url), ask(url), ask(url)
    assert [*iter_messages(first), *iter_messages(second)] == [
        accumulate(events) for events in STREAMS
    ]
    assert first == b"".join(map(encode, iter_chunks(first)))
    assert third == TEXT + ERROR


def test_serve_names_a_recording_that_is_broken(files: Files, capsys: Capture) -> None:
    (path,) = files(body=gzip.compress(recording("text"))[:-100])
    assert main(["serve", path]) == 1
    assert "the gzip data ends early" in capsys.readouterr().err
    (path,) = files(body=b'{"type": "ping"}\n{"type": "ping"\n')
    assert main(["serve", path]) == 1
    assert capsys.readouterr().err.startswith(f"chunkview: {path}: byte 17: invalid JSON")


def test_an_offset_counts_from_the_beginning_of_the_file(files: Files, capsys: Capture) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    (path,) = files(body=head + TEXT + TEXT[:DELTA])
    assert main(["show", path]) == 1
    place = len(head) + len(TEXT) + DELTA
    assert capsys.readouterr().err.startswith(f"chunkview: {path}#2: byte {place}: ")
