"""`chunkview serve`."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import signal
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from chunkview._cli.console import log_answer
from chunkview._cli.main import main
from chunkview._cli.record.playing import recorded_answer
from chunkview.testing import AnsweredRequest, ReplayServer, Reply
from cli.console import (
    ERROR,
    GUARD_SECONDS,
    TEXT,
    Capture,
    Files,
    Start,
    needs_sigint,
    read_rest,
    read_until,
    text_of,
)
from cli.proxy import recording_from


def ask(url: str) -> bytes:
    """Ask a server for a stream, with the standard library only."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=GUARD_SECONDS)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/messages?key=a", b'{"stream": true, "model": "my-model"}')
        return connection.getresponse().read()


@needs_sigint
def test_serve_plays_its_files_in_turn_until_ctrl_c(start: Start, files: Files) -> None:
    paths = files(first=TEXT, second=b"\xff is no stream", third=ERROR)
    process = start("-m", "chunkview", "serve", *paths, "--segment-size", "700", "--delay", "0.001")
    shown = read_until(process, b"curl").decode()
    url = re.findall(r"ANTHROPIC_BASE_URL=(\S+)", shown)[0]
    assert [ask(url) for _ in range(4)] == [TEXT, b"\xff is no stream", ERROR, TEXT]
    process.send_signal(signal.SIGINT)
    _, log, status = read_rest(process)
    warning, *lines = log.decode().splitlines()
    assert warning.startswith(f"chunkview: {paths[1]}: warning: no client will understand ")
    line = r"\d\d:\d\d:\d\d POST /v1/messages my-model 200 (\d+) B"
    sizes = [int(match[1]) for match in map(re.compile(line).fullmatch, lines) if match]
    assert sorted(sizes) == [14, len(ERROR), len(TEXT), len(TEXT)]
    assert (len(lines), status) == (4, 0)


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        (TEXT, ""),
        (TEXT[:500], ""),
        (ERROR, ""),
        (b"# Notes\n\nText\n", "the body is no event stream; it begins with '# Notes\\n\\nText'"),
        (b"", "it has no event"),
        (b": only a comment\n\n", "it has no event"),
        (b"data: x\n\n", "invalid JSON: no JSON value at character 0"),
    ],
)
def test_serve_warns_of_what_no_client_understands(
    body: bytes, warning: str, files: Files, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chunkview._cli.serve.time", SimpleNamespace(sleep=interrupt))
    (path,) = files(body=body)
    assert main(["serve", path]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("Listening on ")
    expected = f"chunkview: {path}: warning: no client will understand this: {warning}\n"
    assert captured.err == (expected if warning else "")


def served(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[list[Reply], int]:
    """The answers that serve would play, and the exit status."""
    answers: list[Reply] = []

    class Server:
        url = "http://127.0.0.1:1"

        def __init__(self, given: list[Reply], **_options: object) -> None:
            answers.extend(given)

        def start(self) -> None:
            pass

        def __enter__(self) -> None:
            raise KeyboardInterrupt

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("chunkview.testing.ReplayServer", Server)
    return answers, main(["serve", *arguments])


def test_of_a_folder_serve_leaves_out_what_it_cannot_read_and_names_it(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "README.md").write_text("# Notes")
    (tmp_path / "a.sse").write_bytes(TEXT)
    (tmp_path / "b.json").write_text('{"type": "message", "id"')
    (tmp_path / "c.sse.gz").write_bytes(gzip.compress(TEXT)[:500])
    (tmp_path / "d.sse").write_bytes(b": nothing\n\n")
    (tmp_path / "e.sse").symlink_to("nowhere")
    (tmp_path / "below" / "f.sse").write_bytes(ERROR)
    answers, status = served([str(tmp_path)], monkeypatch)
    assert (answers, status) == ([TEXT, b": nothing\n\n", ERROR], 0)
    told = [line.split(": ", 3)[1:] for line in capsys.readouterr().err.splitlines()]
    assert [(name.removeprefix(f"{tmp_path}/"), kind) for name, kind, _ in told] == [
        ("README.md", "warning"),
        ("b.json", "warning"),
        ("c.sse.gz", "warning"),
        ("d.sse", "warning"),
        ("e.sse", "warning"),
    ]
    assert [problem for _, _, problem in told][::4] == [
        "left out: byte 0: no format that chunkview knows; it begins with '# Notes'",
        "left out: No such file or directory",
    ]


def test_serve_stops_when_nothing_is_left(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.md").write_text("# Notes")
    assert served([str(tmp_path)], monkeypatch) == ([], 1)
    *_, last = capsys.readouterr().err.splitlines()
    assert last == "chunkview: there is nothing to serve"


def test_a_file_that_is_named_and_cannot_be_read_is_an_error(
    files: Files, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, broken = files(good=TEXT, broken=gzip.compress(TEXT)[:500])
    assert served([good, broken], monkeypatch) == ([], 1)
    assert capsys.readouterr().err == f"chunkview: {broken}: byte 2117: the gzip data ends early\n"


def test_of_recordings_serve_leaves_out_those_without_their_times(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ReplayServer(TEXT) as server, recording_from(server.url, tmp_path) as proxy:
        tapes = []
        for _ in range(3):
            proxy.raw()
            tapes.append(proxy.next())
    longer, broken, good = (tmp_path / tape.name for tape in tapes)
    longer.write_bytes(TEXT + b"\n")
    broken.with_name(f"{broken.name}.times").write_text("no sidecar")
    answers, status = served(["--as-recorded", str(tmp_path)], monkeypatch)
    assert (answers, status) == ([recorded_answer(str(good))], 0)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"chunkview: {longer}: warning: left out: {longer}.times: it is about ")
    assert second.startswith(f"chunkview: {broken}: warning: left out: {broken}.times: ")


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


def test_a_line_of_the_log_has_no_control_characters_and_no_gaps(capsys: Capture) -> None:
    log_answer(AnsweredRequest("POST", "/v1/\x1b[2J", "a\nb" + "x" * 9000, 200, 5))
    log_answer(AnsweredRequest("", "", "", None, 0))
    first, second = capsys.readouterr().err.splitlines()
    assert first.isprintable()
    assert len(first) < 3000
    assert second[8:] == " - - - - 0 B"
