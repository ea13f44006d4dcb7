"""`chunkview record` when the upstream, the client, the disk or record itself fails."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import socket
import struct
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn
from anthropic import Anthropic, InternalServerError

from chunkview import Meter
from chunkview._cli.main import main
from chunkview._cli.record import folder as folder_module
from chunkview._cli.record.folder import Folder, NewBody
from chunkview._cli.record.playing import recorded_answer
from chunkview._cli.record.recorder import Recorder
from chunkview._cli.record.server import Proxy
from chunkview._cli.record.tape import Tape
from chunkview.testing import ReplayServer, recording
from cli.console import TEXT, Capture, Start, needs_posix, read_rest, read_until
from cli.proxy import TOO_LONG, recording_from, written
from test_relay import STREAM_HEAD, Upstream, http_chunk
from testing.clients import FOREVER, MESSAGES, MODEL

FIRST_EVENT = TEXT[: TEXT.index(b"\n\n") + 2]


def received_before_the_cut(url: str) -> bytes:
    """Ask for a stream that is cut, and give what came."""
    pieces: list[bytes] = []
    with (
        httpx.stream("POST", f"{url}/v1/messages", json={"stream": True}) as response,
        pytest.raises(httpx.RemoteProtocolError, match="incomplete"),
    ):
        pieces.extend(response.iter_raw())
    return b"".join(pieces)


# --- the upstream ---------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 1500, len(TEXT)])
def test_an_answer_that_the_upstream_cuts_is_recorded_and_played_as_cut(
    length: int, tmp_path: Path
) -> None:
    pieces = [http_chunk(TEXT[:length])] if length else []
    with Upstream(STREAM_HEAD + b"\r\n", *pieces) as upstream:
        with recording_from(upstream.url, tmp_path) as proxy:
            assert received_before_the_cut(proxy.url) == TEXT[:length]
            tape = proxy.next()
    assert proxy.body(tape) == TEXT[:length]
    times = proxy.times(tape)
    assert (times.ended, tape.lost) == ("upstream", "")
    assert times.problem.startswith("RemoteProtocolError: ")
    with ReplayServer(recorded_answer(str(tmp_path / tape.name))) as server:
        assert received_before_the_cut(server.url) == TEXT[:length]


def test_an_answer_that_the_upstream_resets_is_recorded_as_far_as_it_came(tmp_path: Path) -> None:
    head = STREAM_HEAD + b"\r\n" + http_chunk(FIRST_EVENT)
    has_first = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(head)
        has_first.wait(TOO_LONG)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with listener, recording_from(url, tmp_path) as proxy:
        with httpx.stream("POST", f"{proxy.url}/v1/messages", json={}) as response:
            received = response.iter_raw()
            assert next(received) == FIRST_EVENT
            has_first.set()
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                list(received)
        tape = proxy.next()
    thread.join()
    assert (proxy.body(tape), tape.ended) == (FIRST_EVENT, "upstream")
    assert tape.problem.startswith("ReadError")


def test_an_upstream_that_gives_no_answer_is_an_error_of_the_api(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with recording_from(f"http://127.0.0.1:{port}", tmp_path) as proxy:
        with Anthropic(base_url=proxy.url, api_key="none", max_retries=0) as client:
            with pytest.raises(InternalServerError, match="no answer from the upstream"):
                client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES)
        tape = proxy.next()
    assert (tape.status, tape.ended, tape.name) == (None, "upstream", "")
    assert tape.problem.startswith("ConnectError")
    assert written(tmp_path) == {}


def test_each_piece_passes_before_the_next_one_comes(tmp_path: Path) -> None:
    with ReplayServer(TEXT, delay=FOREVER) as server:
        with recording_from(server.url, tmp_path) as proxy:
            with httpx.stream(
                "POST", f"{proxy.url}/v1/messages", json={"stream": True}
            ) as response:
                assert next(response.iter_raw()) == FIRST_EVENT
            tape = proxy.next()
    assert (proxy.body(tape), tape.ended) == (FIRST_EVENT, "client")


# --- the client -----------------------------------------------------------------------------------


def test_a_client_that_hangs_up_ends_the_request_and_its_answer_is_recorded(tmp_path: Path) -> None:
    with (
        Upstream(STREAM_HEAD + b"\r\n", http_chunk(FIRST_EVENT), stays_open=True) as upstream,
        recording_from(upstream.url, tmp_path) as proxy,
    ):
        with httpx.stream("POST", f"{proxy.url}/v1/messages", json={}) as response:
            next(response.iter_raw())
        assert upstream.was_left.wait(TOO_LONG)
        tape = proxy.next()
    assert (proxy.body(tape), tape.ended) == (FIRST_EVENT, "client")
    assert (tape.meter.id, tape.meter.complete) == ("msg_01ReplayText4vWqT8mZrKd2", False)


def test_a_client_that_hangs_up_before_the_answer_is_reported(tmp_path: Path) -> None:
    request = b"POST /v1/messages HTTP/1.1\r\nhost: relay\r\ncontent-length: 2\r\n\r\n{}"
    with Upstream(stays_open=True) as upstream, recording_from(upstream.url, tmp_path) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(request)
            assert upstream.has_request.wait(TOO_LONG)
        assert upstream.was_left.wait(TOO_LONG)
        tape = proxy.next()
    assert (tape.status, tape.ended, tape.name) == (None, "client", "")


def test_a_client_that_hangs_up_during_its_request_disturbs_nobody(tmp_path: Path) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nhost: relay\r\ncontent-length: 99\r\n\r\n{}"
    with ReplayServer(TEXT) as server, recording_from(server.url, tmp_path) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(head)
        assert proxy.raw()[1] == TEXT
        assert proxy.body(proxy.next()) == TEXT
    assert len(server.requests) == 1


# --- the disk -------------------------------------------------------------------------------------


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("method", ["write", "write_beside", "complete", "_opened_new"])
def test_an_answer_passes_when_the_disk_is_full_and_the_next_one_is_recorded(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ReplayServer(TEXT) as server, recording_from(server.url, tmp_path) as proxy:
        with monkeypatch.context() as patch:
            patch.setattr(folder_module if method == "_opened_new" else NewBody, method, full)
            assert proxy.raw()[1] == TEXT
            lost = proxy.next()
        assert proxy.raw()[1] == TEXT
        kept = proxy.next()
    assert (lost.lost, lost.name) == ("No space left on device", "")
    assert lost.meter.complete
    assert (proxy.body(kept), kept.lost) == (TEXT, "")
    # What there is of the other has the name of an incomplete recording.
    assert [name for name in written(tmp_path) if name.endswith(".sse")] == [kept.name]


def test_a_sidecar_that_cannot_be_written_to_its_end_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all = folder_module._write_all  # pyright: ignore[reportPrivateUsage]

    def write_half(file: io.FileIO, data: bytes) -> None:
        if data.startswith(b'{"format"'):
            file.write(data[:10])
            full()
        write_all(file, data)

    monkeypatch.setattr(folder_module, "_write_all", write_half)
    with ReplayServer(TEXT) as server, recording_from(server.url, tmp_path) as proxy:
        assert proxy.raw()[1] == TEXT
        assert proxy.next().lost == "No space left on device"
    [(name, data)] = written(tmp_path).items()
    assert name.endswith(".sse.partial")
    assert data == TEXT


def test_no_file_that_is_there_is_written_to(tmp_path: Path) -> None:
    """Neither a recording, nor one that another process is writing."""
    folder = Folder(tmp_path)
    (tmp_path / "a.sse").write_bytes(b"1")
    (tmp_path / "a-2.sse.partial").write_bytes(b"2")
    body = folder.new_body("a", ".sse")
    body.write(b"3")
    body.complete()
    assert written(tmp_path) == {"a.sse": b"1", "a-2.sse.partial": b"2", "a-3.sse": b"3"}


@needs_posix
def test_a_file_that_may_not_grow_is_reported_in_the_line_and_at_the_end(
    start: Start, tmp_path: Path
) -> None:
    program = (
        "import resource, sys\n"
        "from chunkview._cli.main import main\n"
        "before = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))\n"
        "status = main()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, before)\n"
        "sys.exit(status)\n"
    )
    with ReplayServer(TEXT) as server:
        process = start("-c", program, "record", "--to", server.url, str(tmp_path))
        shown = read_until(process, b"your_program.py").decode()
        url = shown.partition("ANTHROPIC_BASE_URL=")[2].split()[0]
        assert httpx.post(f"{url}/v1/messages", json={"stream": True}).content == TEXT
    process.terminate()
    printed, errors, status = read_rest(process)
    assert b"104 output tokens" in printed
    assert b"s in all, NOT RECORDED: File too large\n" in printed
    assert b"\n1 answer, 0 recorded in " in printed
    assert b", 1 NOT RECORDED\n" in printed
    assert (errors, status) == (b"", 1)
    [(name, data)] = written(tmp_path).items()
    assert name.endswith(".sse.partial")
    assert TEXT.startswith(data)


def test_no_byte_waits_for_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_hanging, goes_on = threading.Event(), threading.Event()
    write = NewBody.write

    def hang(body: NewBody, data: bytes) -> None:
        is_hanging.set()
        assert goes_on.wait(TOO_LONG)
        write(body, data)

    monkeypatch.setattr(NewBody, "write", hang)
    with ReplayServer(TEXT) as server, recording_from(server.url, tmp_path) as proxy:
        for _ in range(3):
            assert proxy.raw()[1] == TEXT
        assert is_hanging.wait(TOO_LONG)
        assert proxy.tapes.empty()
        goes_on.set()
        tapes = [proxy.next() for _ in range(3)]
        assert [proxy.body(tape) for tape in tapes] == [TEXT] * 3


def test_what_waits_for_the_disk_is_bounded_and_the_answers_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    write = NewBody.write

    def hang(body: NewBody, data: bytes) -> None:
        assert goes_on.wait(TOO_LONG)
        write(body, data)

    body = TEXT[:-1] + b": comment\n" * 1000 + b"\n"
    monkeypatch.setattr(NewBody, "write", hang)
    with ReplayServer(body, segment_size=1000) as server:
        with recording_from(server.url, tmp_path, max_waiting_bytes=3 * len(body)) as proxy:
            for _ in range(5):
                assert proxy.raw()[1] == body
            goes_on.set()
            tapes = [proxy.next() for _ in range(5)]
            assert proxy.raw()[1] == body
            assert proxy.body(proxy.next()) == body
    # With what an item takes beside its bytes, two answers fit.
    assert [proxy.body(tape) for tape in tapes[:2]] == [body, body]
    assert all(tape.lost.startswith("the disk is too slow: ") for tape in tapes[2:])
    assert all(tape.name == "" for tape in tapes[2:])
    assert sum(name.endswith(".partial") for name in written(tmp_path)) == 3


def test_a_disk_that_hangs_for_good_does_not_keep_record_from_ending(
    start: Start, tmp_path: Path
) -> None:
    program = (
        "import sys, threading\n"
        "from chunkview._cli.main import main\n"
        "from chunkview._cli.record.folder import NewBody\n"
        "def hang(*_):\n"
        "    print('hangs', flush=True)\n"
        "    threading.Event().wait()\n"
        "NewBody.write = hang\n"
        "from chunkview._cli.record.recorder import Recorder\n"
        "close = Recorder.close\n"
        "def closing(recorder):\n"
        "    print('closing', flush=True)\n"
        "    close(recorder)\n"
        "Recorder.close = closing\n"
        "sys.exit(main())\n"
    )
    with ReplayServer(TEXT) as server:
        process = start("-c", program, "record", "--to", server.url, str(tmp_path))
        shown = read_until(process, b"your_program.py").decode()
        url = shown.partition("ANTHROPIC_BASE_URL=")[2].split()[0]
        assert httpx.post(f"{url}/v1/messages", json={"stream": True}).content == TEXT
        read_until(process, b"hangs")
    process.terminate()
    read_until(process, b"closing")
    process.terminate()
    printed, errors, status = read_rest(process)
    assert b"1 answer, 0 recorded in " in printed
    assert (errors, status) == (b"", 1)


# --- record itself --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["feed", "close"])
def test_an_answer_passes_when_metering_raises(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the meter")

    with ReplayServer(TEXT) as server, recording_from(server.url, tmp_path) as proxy:
        with monkeypatch.context() as patch:
            patch.setattr(Meter, method, fail)
            assert proxy.raw()[1] == TEXT
            assert proxy.next().lost == "RuntimeError('a fault of the meter')"
        assert proxy.raw()[1] == TEXT
        assert proxy.body(proxy.next()) == TEXT


def test_a_body_that_is_not_compressed_as_it_says_passes(tmp_path: Path) -> None:
    head = STREAM_HEAD + b"content-encoding: gzip\r\n\r\n"
    with Upstream(head, http_chunk(TEXT), http_chunk(b"")) as upstream:
        with recording_from(upstream.url, tmp_path) as proxy:
            assert proxy.raw()[1] == TEXT
            tape = proxy.next()
    assert tape.lost.startswith("the body cannot be decompressed: ")


def test_a_fault_of_the_relay_is_reported_and_the_next_answer_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of the relay")

    with ReplayServer(TEXT) as server, recording_from(server.url, tmp_path) as proxy:
        with monkeypatch.context() as patch:
            patch.setattr(httpx.AsyncClient, "send", fail)
            assert proxy.raw()[0].status_code == 500
            tape = proxy.next()
        assert proxy.raw()[1] == TEXT
        assert proxy.body(proxy.next()) == TEXT
    assert (tape.ended, tape.problem) == ("upstream", "RuntimeError('a fault of the relay')")
    shown = "chunkview: Exception in ASGI application: RuntimeError('a fault of the relay')\n"
    assert capsys.readouterr().err == shown


def test_a_server_that_fails_ends_record_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of the server")

    monkeypatch.setattr(uvicorn.Server, "serve", fail)
    assert main(["record", "--to", "http://127.0.0.1:1", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    shown = "the server has ended: RuntimeError('a fault of the server')"
    assert captured.err == f"chunkview: {shown}\n"
    assert "\n0 answers, 0 recorded in " in captured.out


def test_a_stream_that_cannot_be_read_is_recorded_unchanged(tmp_path: Path) -> None:
    body = b"data: no JSON\n\n"
    with ReplayServer(body) as server, recording_from(server.url, tmp_path) as proxy:
        assert proxy.raw()[1] == body
        tape = proxy.next()
    assert (proxy.body(tape), tape.to_first_token) == (body, None)
    assert tape.meter.error is not None


def test_a_report_that_raises_is_complained_about_and_the_next_one_comes(
    tmp_path: Path, capsys: Capture
) -> None:
    seen: list[str] = []

    def report(tape: Tape) -> None:
        seen.append(tape.name)
        raise RuntimeError("a fault of the report")

    recorder = Recorder(Folder(tmp_path), report)
    with ReplayServer(TEXT) as server, Proxy(server.url, recorder) as proxy:
        for _ in range(2):
            received = httpx.post(f"{proxy.url}/v1/messages", json={"stream": True}).content
            assert received == TEXT
    recorder.close()
    assert [(tmp_path / name).read_bytes() for name in seen] == [TEXT, TEXT]
    assert capsys.readouterr().err.splitlines() == [
        f"chunkview: answer {number} cannot be reported: RuntimeError('a fault of the report')"
        for number in (1, 2)
    ]


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
def test_requests_without_a_body_pass(method: str, tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n"
    body = b"" if method == "HEAD" else b"{}"
    with Upstream(head, body) as upstream, recording_from(upstream.url, tmp_path) as proxy:
        response = httpx.request(method, f"{proxy.url}/v1/models")
        tape = proxy.next()
    assert (response.content, response.headers["content-length"]) == (body, "2")
    assert (proxy.body(tape), tape.ended, tape.is_metered) == (body, "whole", False)


def test_answers_go_on_when_nobody_reads_the_lines(start: Start, tmp_path: Path) -> None:
    with ReplayServer(TEXT) as server:
        process = start("-m", "chunkview", "record", "--to", server.url, str(tmp_path))
        shown = read_until(process, b"your_program.py").decode()
        assert process.stdout is not None
        process.stdout.close()
        url = shown.partition("ANTHROPIC_BASE_URL=")[2].split()[0]
        for _ in range(3):
            assert httpx.post(f"{url}/v1/messages", json={"stream": True}).content == TEXT
    process.terminate()
    process.wait()
    assert len(list(tmp_path.glob("*.sse"))) == 3
    assert process.stderr is not None
    assert (process.stderr.read(), process.returncode) == (b"", 141)


def test_many_clients_at_once_get_their_own_answers(tmp_path: Path) -> None:
    bodies = [recording("text"), recording("thinking_tool_call"), recording("citations")]
    with ReplayServer(bodies, segment_size=50) as server:
        with recording_from(server.url, tmp_path) as proxy, contextlib.ExitStack() as stack:
            responses = [
                stack.enter_context(
                    httpx.stream("POST", f"{proxy.url}/v1/messages", json={"stream": True})
                )
                for _ in range(9)
            ]
            streams = [response.iter_raw() for response in responses]
            # A piece of each in turn.
            received = list(itertools.zip_longest(*streams, fillvalue=b""))
            tapes = [proxy.next() for _ in range(9)]
            recorded = sorted(proxy.body(tape) for tape in tapes)
    assert recorded == sorted(bodies * 3)
    assert sorted(b"".join(pieces) for pieces in zip(*received, strict=True)) == recorded
