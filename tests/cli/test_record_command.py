"""`chunkview record`: what it writes, prints and passes on, and what plays it again."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import socket
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from anthropic import Anthropic, APIStatusError
from hypothesis import given
from hypothesis import strategies as st

from chunkview import iter_chunks
from chunkview._cli.main import main
from chunkview._cli.record.playing import recorded_answer, recordings_in
from chunkview._cli.record.report import Sums
from chunkview._cli.record.sidecar import PacedFile, Times
from chunkview._stream import has_content
from chunkview.testing import ApiError, ReplayServer, recording
from cli.console import (
    TEXT,
    Capture,
    Process,
    Start,
    needs_posix,
    needs_sigint,
    read_rest,
    read_until,
    without,
)
from cli.proxy import recording_from, written
from test_relay import STREAM_HEAD, Upstream, http_chunk
from testing.clients import COMPLETE, MESSAGES, MODEL, OVERLOADED, chunks_of, summary, text_of

WITH_WORDS = 800
EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def client_of(url: str) -> Anthropic:
    return Anthropic(base_url=url, api_key="sk-ant-api03-a-secret-key", max_retries=0)


def listening(process: Process) -> str:
    """The URL that a command listens on."""
    shown = read_until(process, b"your_program.py").decode()
    return shown.partition("ANTHROPIC_BASE_URL=")[2].split()[0]


class Served:
    """What `chunks_of` needs to know about a server."""

    def __init__(self, url: str) -> None:
        self.port = int(url.rpartition(":")[2])


# --- end to end -----------------------------------------------------------------------------------


@needs_sigint
@pytest.mark.parametrize("name", COMPLETE)
def test_what_the_official_client_gets_is_played_again_with_equal_bytes_and_cuts(
    name: str, start: Start, tmp_path: Path
) -> None:
    """Client, record, ReplayServer; then client, `serve --as-recorded`."""
    body, folder = recording(name), str(tmp_path / "made")
    with ReplayServer(body, segment_size=[700, 41, 3]) as server:
        cuts = chunks_of(server)
        record = start("-m", "chunkview", "record", "--to", server.url, folder)
        with client_of(listening(record)) as client:
            with client.messages.stream(model=MODEL, max_tokens=9, messages=MESSAGES) as stream:
                message = stream.get_final_message()
    record.send_signal(signal.SIGINT)
    printed, errors, status = read_rest(record)
    assert (errors, status) == (b"", 0)
    assert b"1 answer, 1 recorded in " in printed
    assert summary(message) == COMPLETE[name]

    serve = start("-m", "chunkview", "serve", "--as-recorded", folder)
    url = listening(serve)
    with client_of(url) as client:
        with client.messages.stream(model=MODEL, max_tokens=9, messages=MESSAGES) as stream:
            assert stream.get_final_message() == message
    assert chunks_of(Served(url)) == cuts  # type: ignore[arg-type]
    assert b"".join(cuts) == body


@needs_sigint
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_record_with_a_summary_and_breaks_off_what_runs(
    number: str, start: Start, tmp_path: Path
) -> None:
    first = TEXT[: TEXT.index(b"\n\n") + 2]
    with Upstream(STREAM_HEAD + b"\r\n", http_chunk(first), stays_open=True) as upstream:
        process = start("-m", "chunkview", "record", "--to", upstream.url, str(tmp_path))
        with httpx.stream("POST", f"{listening(process)}/v1/messages", json={}) as response:
            received = response.iter_raw()
            assert next(received) == first
            process.send_signal(getattr(signal, number))
            with pytest.raises(httpx.RemoteProtocolError):
                list(received)
        printed, errors, status = read_rest(process)
    assert b"record was stopped" in printed, printed
    assert (errors, status) == (b"", 0)
    assert b"1 answer, 1 recorded in " in printed
    [file] = tmp_path.glob("*.sse")
    assert file.read_bytes() == first


def test_the_line_of_an_answer_has_its_tokens_and_the_summary_their_sum(
    start: Start, tmp_path: Path
) -> None:
    with ReplayServer([TEXT, (529, OVERLOADED)]) as server:
        process = start("-m", "chunkview", "record", "--to", server.url, str(tmp_path))
        url = listening(process)
        for _ in range(3):
            httpx.post(f"{url}/v1/messages?key=hidden", json={"stream": True})
    process.terminate()
    printed = read_rest(process)[0].decode()
    lines = [line for line in printed.splitlines() if line.startswith("POST ")]
    name = r"\d{8}-\d{6}-%s"
    whole = (
        r"POST /v1/messages\?key=\*\*\* 200, claude-3-5-sonnet-20240620, 12 input, 1,536 cached, "
        r"0 cache write, 104 output tokens, \$\d\.\d{6}, \d+\.\d\d s to the first token, "
        rf"\d+\.\d\d s in all, {name}\.sse"
    )
    failed = (
        r"POST /v1/messages\?key=\*\*\* 529, \d+\.\d\d s in all, overloaded_error: Overloaded, "
        rf"{name}\.json"
    )
    patterns = [whole % "0001", failed % "0002", whole % "0003"]
    assert [bool(re.fullmatch(*pair)) for pair in zip(patterns, lines, strict=True)] == [True] * 3
    assert "\n3 answers, 3 recorded in " in printed
    assert "\n24 input, 3,072 cached, 0 cache write, 208 output tokens, $0.00" in printed


def test_what_an_answer_does_not_say_is_left_out_and_never_zero_or_a_question_mark(
    tmp_path: Path,
) -> None:
    body = TEXT.replace(b"claude-3-5-sonnet-20240620", b"mine")
    body = re.sub(rb'"cache_(read|creation)_input_tokens":\d+,', b"", body)
    body = re.sub(rb'"cache_creation":\{[^}]*\},', b"", body)
    sums = Sums()
    with ReplayServer([body, TEXT]) as server, recording_from(server.url, tmp_path) as proxy:
        proxy.raw()
        line = sums.add(proxy.next())
        assert "mine, 12 input, 104 output tokens, cost not known: not on the price list" in line
        assert sums.lines("DIR", 0)[1] == "12 input, 104 output tokens, cost not known"
        proxy.raw()
        sums.add(proxy.next())
    assert sums.lines("DIR", 0)[1] == (
        "24 input, 1,536 cached, 0 cache write, 208 output tokens, at least $0.002057"
    )
    assert "?" not in line


def test_lines_of_record_wrap_between_words(start: Start, tmp_path: Path) -> None:
    with ReplayServer(TEXT) as server:
        arguments = ("record", "--to", server.url, str(tmp_path / "recordings"))
        process = start("-m", "chunkview", *arguments, COLUMNS="60")
        httpx.post(f"{listening(process)}/v1/messages", json={"stream": True})
    process.terminate()
    printed = read_rest(process)[0].decode()
    for line in printed.splitlines():
        assert len(line.rstrip()) <= 60 or str(tmp_path) in line
    joined = " ".join(printed.split())
    assert "12 input, 1,536 cached, 0 cache write, 104 output tokens" in joined


def test_record_without_its_packages_says_what_to_install(start: Start, tmp_path: Path) -> None:
    for missing in ("httpx", "starlette", "uvicorn"):
        program = without(missing)
        process = start("-c", program, "record", "--to", "http://127.0.0.1:1", str(tmp_path))
        printed, errors, status = read_rest(process)
        assert b"pip install 'chunkview[record]'" in errors
        assert (printed, status) == (b"", 2)


def test_record_says_why_it_cannot_begin(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    to = ["record", "--to", "http://127.0.0.1:1"]
    assert main([*to, str(file)]) == 1
    assert capsys.readouterr().err == (
        f"chunkview: {file}: it is a file: DIR is the folder for the recordings\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([*to, "--port", str(port), str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"chunkview: cannot listen on port {port}: ")


# --- what is written ------------------------------------------------------------------------------


@needs_posix
def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    before = os.umask(0)
    try:
        with ReplayServer(TEXT) as server:
            with recording_from(server.url, folder, keeps_requests=True) as proxy:
                proxy.raw()
                proxy.next()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {".sse": 0o600, ".times": 0o600, ".request": 0o600}


def test_a_recording_has_the_body_and_the_sidecar_what_http_said(tmp_path: Path) -> None:
    with ReplayServer(TEXT, segment_size=1000) as server:
        with recording_from(server.url, tmp_path) as proxy:
            _, received = proxy.raw("/v1/messages?beta=true")
            tape = proxy.next()
    assert received == proxy.body(tape) == TEXT
    assert set(written(tmp_path)) == {tape.name, f"{tape.name}.times"}
    times = proxy.times(tape)
    assert (times.method, times.path, times.status) == ("POST", "/v1/messages?beta=true", 200)
    assert (times.ended, times.problem, times.size) == ("whole", "", len(TEXT))
    assert ("request-id", "req_replay_0001") in times.headers
    value = json.loads((tmp_path / f"{tape.name}.times").read_bytes())
    assert value["format"] == 1
    assert list(value) == [
        *("format", "request", "response", "to_headers", "pieces", "duration", "ended", "problem")
    ]


def test_the_time_to_the_first_token_is_that_of_the_piece_that_brings_it(tmp_path: Path) -> None:
    with ReplayServer(TEXT) as server, recording_from(server.url, tmp_path) as proxy:
        proxy.raw()
        tape = proxy.next()
    # The server sends each event in a piece.
    number = next(at for at, chunk in enumerate(iter_chunks(TEXT)) if has_content(chunk))
    assert number > 0
    expected, _ = proxy.times(tape).pieces[number]
    assert tape.to_first_token == expected


def test_requests_are_kept_only_if_asked_and_without_keys(tmp_path: Path) -> None:
    body = {"stream": True, "max_tokens": 5, "mcp_servers": [{"authorization_token": "abcdef"}]}
    for keeps in (False, True):
        folder = tmp_path / str(keeps)
        with ReplayServer(TEXT) as server:
            with recording_from(server.url, folder, keeps_requests=keeps) as proxy:
                proxy.raw(json=body)
                proxy.next()
        assert server.requests[0].body == body
        kept = [path.read_bytes() for path in folder.glob("*.request")]
        assert len(kept) == keeps
        assert all(
            json.loads(data)["mcp_servers"] == [{"authorization_token": "***"}] for data in kept
        )
        assert all(json.loads(data)["max_tokens"] == 5 for data in kept)


def test_a_request_that_cannot_be_read_is_not_kept(tmp_path: Path) -> None:
    with ReplayServer(TEXT) as server:
        with recording_from(server.url, tmp_path, keeps_requests=True) as proxy:
            for coding, sent in (("zstd", b"?"), ("gzip", b"?"), ("gzip", gzip.compress(b"{}"))):
                headers = {"content-encoding": coding}
                httpx.post(f"{proxy.url}/v1/messages", content=sent, headers=headers)
                tape = proxy.next()
                kept = tmp_path / f"{tape.name}.request"
                assert kept.exists() == (len(sent) > 1) == (not tape.note)
    assert kept.read_bytes() == b"{}"


def test_two_recorders_never_write_to_one_file(tmp_path: Path) -> None:
    with ReplayServer(TEXT) as server:
        with (
            recording_from(server.url, tmp_path) as one,
            recording_from(server.url, tmp_path) as two,
        ):
            names = set()
            for _ in range(5):
                for proxy in (one, two):
                    proxy.raw()
                    names.add(proxy.next().name)
    assert len(names) == 10
    assert all((tmp_path / name).read_bytes() == TEXT for name in names)


# --- what passes ----------------------------------------------------------------------------------


def test_the_upstream_gets_the_request_as_the_client_wrote_it(tmp_path: Path) -> None:
    head = (
        b"POST /v1/messages?beta=true&q=%2f HTTP/1.1\r\nHost: here\r\nX-Api-Key: secret\r\n"
        b"anthropic-beta: one\r\nanthropic-beta: two\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
        b"Accept-Encoding: gzip, br, deflate;q=0.5, zstd\r\nContent-Length: 2\r\n\r\n{}"
    )
    with Upstream(EMPTY) as upstream:
        with recording_from(f"{upstream.url}/behind/", tmp_path) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                client.sendall(head)
                with client.makefile("rb") as file:
                    assert b"200 OK" in file.read()
            proxy.next()
    assert upstream.heads[0].startswith(b"POST /behind/v1/messages?beta=true&q=%2f HTTP/1.1\r\n")
    assert upstream.bodies == [b"{}"]
    sent = [pair for pair in upstream.headers() if pair != ("connection", "keep-alive")]
    assert sorted(sent) == [
        ("accept-encoding", "gzip, deflate;q=0.5"),
        ("anthropic-beta", "one"),
        ("anthropic-beta", "two"),
        ("content-length", "2"),
        ("host", upstream.url.removeprefix("http://")),
        ("x-api-key", "secret"),
    ]


def test_without_a_wish_of_the_client_the_upstream_is_asked_not_to_compress(tmp_path: Path) -> None:
    with Upstream(EMPTY) as upstream, recording_from(upstream.url, tmp_path) as proxy:
        request = b"POST /v1/messages HTTP/1.0\r\ncontent-length: 0\r\n\r\n"
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(request)
            with client.makefile("rb") as file:
                file.read()
        proxy.next()
    assert ("accept-encoding", "identity") in upstream.headers()


@pytest.mark.parametrize(
    "target", ["//{}/x", "/@{}/x", "@{}/x", "http://{}/x", "x:@{}/", "*", "/#a"]
)
def test_no_target_of_a_request_leads_to_another_server(target: str, tmp_path: Path) -> None:
    with Upstream(EMPTY) as upstream, Upstream(EMPTY) as other:
        with recording_from(upstream.url, tmp_path) as proxy:
            path = target.format(other.url.removeprefix("http://"))
            head = f"OPTIONS {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n"
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                client.sendall(head.encode())
                with client.makefile("rb") as file:
                    status = file.readline()
    assert status.startswith(b"HTTP/1.")
    assert other.heads == []


def test_a_proxy_of_the_environment_gets_the_name_of_the_upstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Upstream(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n") as upstream:
        monkeypatch.setenv("HTTPS_PROXY", upstream.url)
        with recording_from("https://api.example", tmp_path) as proxy:
            monkeypatch.delenv("HTTPS_PROXY")
            assert proxy.raw()[0].status_code == 502
            tape = proxy.next()
    assert upstream.heads[0].startswith(b"CONNECT api.example:443 HTTP/1.1\r\n")
    assert tape.problem == "ProxyError: 403 Forbidden"


def test_the_response_has_the_headers_of_the_upstream(tmp_path: Path) -> None:
    head = (
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/elsewhere\r\nset-cookie: a=1\r\n"
        b"set-cookie: b=2\r\nserver: upstream\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
        b"connection: close, x-hop\r\nx-hop: 1\r\ncontent-type: text/plain\r\n"
        b"content-length: 5\r\n\r\n"
    )
    with Upstream(head, b"moved") as upstream:
        with recording_from(upstream.url, tmp_path) as proxy:
            with httpx.Client(base_url=proxy.url) as client:
                response = client.post("/v1/models", content=b"")
                client.cookies.clear()
                client.post("/v1/models", content=b"")
            tapes = [proxy.next(), proxy.next()]
    assert (response.status_code, response.content) == (307, b"moved")
    assert sorted(response.headers.multi_items()) == [
        ("content-length", "5"),
        ("content-type", "text/plain"),
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("location", "/v1/elsewhere"),
        ("server", "upstream"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]
    assert b"cookie" not in upstream.heads[1].lower()
    assert [Path(tape.name).suffix for tape in tapes] == [".bin", ".bin"]
    assert ("set-cookie", "***") in proxy.times(tapes[0]).headers


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_body_passes_unchanged_and_is_recorded_decompressed(
    encoding: str, compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    body = compress(TEXT)
    head = STREAM_HEAD + b"content-encoding: %b\r\n\r\n" % encoding.encode()
    pieces = [http_chunk(body[at : at + 10]) for at in range(0, len(body), 10)]
    with Upstream(head, *pieces, http_chunk(b"")) as upstream:
        with recording_from(upstream.url, tmp_path) as proxy:
            response, received = proxy.raw()
            tape = proxy.next()
            with client_of(proxy.url) as client:
                with client.messages.stream(model=MODEL, max_tokens=9, messages=MESSAGES) as stream:
                    assert "".join(stream.text_stream) == text_of(TEXT)
            proxy.next()
    assert (response.headers["content-encoding"], received) == (encoding, body)
    assert proxy.body(tape) == TEXT
    assert proxy.times(tape).size == len(TEXT)
    assert tape.meter.complete


def test_a_compression_that_is_not_known_passes_and_is_recorded_compressed(tmp_path: Path) -> None:
    body = bytes.fromhex("28b52ffd") + bytes(range(256))
    head = STREAM_HEAD + b"content-encoding: zstd\r\n\r\n"
    with Upstream(head, http_chunk(body), http_chunk(b"")) as upstream:
        with recording_from(upstream.url, tmp_path) as proxy:
            assert proxy.raw()[1] == body
            tape = proxy.next()
    assert tape.name.endswith(".sse.zstd")
    assert (proxy.body(tape), tape.note) == (body, "stored compressed: zstd")


def test_a_message_that_is_not_streamed_is_recorded_and_played(tmp_path: Path) -> None:
    with ReplayServer(recording("thinking_tool_call")) as server:
        with recording_from(server.url, tmp_path) as proxy, client_of(proxy.url) as client:
            message = client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
            tape = proxy.next()
    assert tape.name.endswith(".json")
    assert (tape.meter.id, tape.to_first_token) == (message.id, None)
    with ReplayServer(recorded_answer(str(tmp_path / tape.name))) as server:
        with client_of(server.url) as client:
            again = client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
    assert again == message


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("status", [400, 429, 529])
def test_an_error_of_the_api_passes_and_is_recorded_and_played(
    status: int, is_stream: bool, tmp_path: Path
) -> None:
    reply = ApiError(status, OVERLOADED, {"retry-after": "7", "request-id": "req_of_upstream"})
    with ReplayServer(reply) as server, recording_from(server.url, tmp_path) as proxy:
        seen = [error_of(proxy.url, is_stream)]
        tape = proxy.next()
    assert tape.name.endswith(".json")
    assert json.loads(proxy.body(tape)) == OVERLOADED
    assert str(tape.meter.error) == "overloaded_error: Overloaded"
    [file] = recordings_in(str(tmp_path))
    with ReplayServer(recorded_answer(file)) as server:
        seen.append(error_of(server.url, is_stream))
    assert seen == [(status, OVERLOADED, "req_of_upstream", "7")] * 2


def error_of(url: str, is_stream: bool) -> tuple[int, object, str | None, str]:
    """What the official client says about an error."""
    with client_of(url) as client, pytest.raises(APIStatusError) as caught:
        client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES, stream=is_stream)
    error = caught.value
    return error.status_code, error.body, error.request_id, error.response.headers["retry-after"]


# --- what plays and shows it ----------------------------------------------------------------------


def sidecar(length: int, **changes: Any) -> bytes:
    """A sidecar for a body of two pieces. The first has the beginning and a few words."""
    value: dict[str, Any] = {
        "format": 1,
        "request": {"started": "", "method": "POST", "path": "/v1/messages", "headers": []},
        "response": {"status": 200, "headers": [["content-type", "text/event-stream"]]},
        "to_headers": 0.25,
        "pieces": [[0.5, WITH_WORDS], [8.5, length - WITH_WORDS]],
        "duration": 8.5,
        "ended": "whole",
        "problem": "",
    }
    return json.dumps(value | changes).encode()


def test_show_has_the_timing_of_the_sidecar(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(TEXT)
    (tmp_path / "a.sse.times").write_bytes(sidecar(len(TEXT)))
    assert main(["show", str(file)]) == 0
    shown = capsys.readouterr().out
    # 104 tokens in the eight seconds from the first event to the end.
    assert "timing         0.50 s to the first token, 13.0 output tokens per second\n" in shown


@pytest.mark.parametrize("pattern", ["", "/*"])
def test_show_has_the_timings_of_all_sidecars_in_a_folder(
    pattern: str, capsys: Capture, tmp_path: Path
) -> None:
    for name in ("a.sse", "b.sse", "c.sse"):
        (tmp_path / name).write_bytes(TEXT)
    for name in ("a.sse", "c.sse"):
        (tmp_path / f"{name}.times").write_bytes(sidecar(len(TEXT)))
    assert main(["show", f"{tmp_path}{pattern}"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("==> ") == 3
    assert shown.count("0.50 s to the first token") == 2


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 20))
def test_the_clock_of_a_paced_file_shows_when_each_byte_came(lengths: list[int], size: int) -> None:
    """However many bytes a read gives."""
    body = bytes(range(sum(lengths)))
    came = [at for at, length in enumerate(lengths, start=1) for _ in range(length)]
    value = json.loads(sidecar(WITH_WORDS))
    value |= {"pieces": list(enumerate(lengths, start=1)), "duration": len(lengths) + 1}
    source = io.BytesIO(body)
    paced = PacedFile(
        lambda wanted: source.read(size), Times.from_bytes(json.dumps(value).encode())
    )
    assert paced.clock() == 0
    seen: list[tuple[int, float]] = []
    while data := paced.read():
        seen += [(byte, paced.clock()) for byte in data]
    assert seen == list(zip(body, came, strict=True))
    assert paced.clock() == len(lengths) + 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"no JSON", "it is not a sidecar of chunkview record"),
        (b"[]", "it is not a sidecar of chunkview record"),
        (sidecar(len(TEXT), format=2), "its format is 2; this version reads 1"),
        (
            sidecar(len(TEXT) - 1),
            f"it is about {len(TEXT) - 1} bytes, and the body has {len(TEXT)}",
        ),
        (sidecar(len(TEXT), request=5), "it is damaged"),
        (sidecar(len(TEXT), pieces=[[9, len(TEXT)]]), "a time is before the one that precedes it"),
        (sidecar(len(TEXT), duration=float("nan")), "a time is before the one"),
        (sidecar(len(TEXT), duration=1e9), "a number is out of range"),
        (sidecar(len(TEXT), ended="?"), "the end or the status is not a known one"),
    ],
)
def test_a_sidecar_that_is_of_no_use_is_named(
    data: bytes, problem: str, capsys: Capture, tmp_path: Path
) -> None:
    """`show` shows the body without times. `serve --as-recorded` cannot begin."""
    file = tmp_path / "a.sse"
    file.write_bytes(TEXT)
    (tmp_path / "a.sse.times").write_bytes(data)
    for arguments in (["show"], ["serve", "--as-recorded"]):
        assert main([*arguments, str(file)]) == 1
        captured = capsys.readouterr()
        assert captured.err.startswith(f"chunkview: {file}: {file}.times: ")
        assert problem in captured.err
        assert ("claude-3-5-sonnet" in captured.out) == (arguments == ["show"])
        assert "first token" not in captured.out


def test_serve_as_recorded_says_what_is_missing(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(TEXT)
    assert main(["serve", "--as-recorded", str(file)]) == 1
    assert "there is no sidecar a.sse.times with its times" in capsys.readouterr().err
    assert main(["serve", "--as-recorded", str(tmp_path)]) == 1
    problem = "no file in this folder has a sidecar (NAME.times) of POST /v1/messages: "
    assert problem in capsys.readouterr().err
    assert main(["serve", "--as-recorded", str(tmp_path / "missing")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_folder_is_played_in_the_order_of_the_requests(tmp_path: Path) -> None:
    with ReplayServer([TEXT, (529, OVERLOADED)]) as server:
        with recording_from(server.url, tmp_path) as proxy:
            tapes = []
            for path in ("/v1/messages", "/v1/messages?beta=true", "/v1/models", "/v1/messages"):
                proxy.raw(path)
                tapes.append(proxy.next())
    # The replay server itself answers 404 to /v1/models.
    del tapes[2]
    assert recordings_in(str(tmp_path)) == [str(tmp_path / tape.name) for tape in tapes]
