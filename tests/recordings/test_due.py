"""Whether a message should have been a stream: what the recording knows of its request."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from chunkview.recordings import read, summaries
from chunkview.recordings._due import is_for_messages, is_stream_due

MESSAGE: dict[str, Any] = {"type": "message", "role": "assistant", "content": []}
ASKED = '{"stream": true}'
NOT_ASKED = '{"stream": false}'
URL = "https://api.anthropic.com/v1/messages"


@pytest.mark.parametrize(
    ("method", "url", "body", "status", "due"),
    [
        ("POST", URL, ASKED, 200, True),
        ("POST", f"{URL}?beta=true", ASKED.encode(), "200", True),
        ("POST", URL, NOT_ASKED, 200, False),
        ("POST", URL, "{}", 200, False),
        ("POST", URL, ASKED, 529, False),
        ("POST", URL, ASKED, "400", False),
        ("POST", URL, None, 200, None),
        ("POST", URL, "{", 200, None),
        ("POST", URL, "[1]", None, None),
        (None, None, None, None, None),
        (None, None, ASKED, None, True),
        ("GET", "/v1/models", None, 200, False),
        ("POST", "/v1/messages/count_tokens", None, 200, False),
        ("POST", "/model/x/invoke-with-response-stream", "{}", 200, True),
        ("POST", "/model/x/invoke", "{}", 200, False),
    ],
)
def test_a_stream_is_due_if_it_was_asked_for_and_not_refused(
    method: Any, url: Any, body: Any, status: Any, due: bool | None
) -> None:
    assert is_stream_due(method, url, body, status) is due


@pytest.mark.parametrize(
    ("stream", "is_named"), [(True, True), (False, True), (False, False)], ids=str
)
def test_the_sidecars_of_a_file_tell_it(tmp_path: Path, stream: bool, is_named: bool) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(MESSAGE))
    place = file if is_named else tmp_path
    assert [one.is_stream_due for one in read(place)] == [None]
    (tmp_path / "a.json.request").write_text(json.dumps({"stream": stream}))
    assert [one.is_stream_due for one in read(place)] == [stream]
    for times in ("{", "[1]", '{"request": 5}', '{"request": {}, "response": {"status": 200}}'):
        (tmp_path / "a.json.times").write_text(times)
        assert [one.is_stream_due for one in read(place)] == [stream]
    refused = {"request": {"method": "POST", "path": "/v1/messages"}, "response": {"status": 429}}
    (tmp_path / "a.json.times").write_text(json.dumps(refused))
    assert [one.is_stream_due for one in read(place)] == [False]


def test_the_files_of_a_remote_folder_have_sidecars_too() -> None:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe_file("/due/a.json", json.dumps(MESSAGE).encode())
    system.pipe_file("/due/b.json", json.dumps(MESSAGE).encode())
    system.pipe_file("/due/b.json.request", NOT_ASKED.encode())
    assert [one.is_stream_due for one in read("memory://due/")] == [None, False]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", ["har", "vcr", "betamax", "no request"])
def test_the_request_in_a_cassette_or_a_har_file_tells_it(kind: str, stream: bool) -> None:
    asked, answer = json.dumps({"stream": stream}), json.dumps(MESSAGE)
    request: Any = {"method": "POST", "uri": URL, "body": asked}
    response: Any = {"status": {"code": 200, "message": "OK"}, "body": {"string": answer}}
    if kind == "betamax":
        request["body"] = {"encoding": "utf-8", "string": asked}
    if kind == "no request":
        request = None
    document: Any = {"interactions": [{"request": request, "response": response}]}
    if kind == "har":
        request = {"method": "POST", "url": URL, "postData": {"text": asked}}
        response = {"status": 200, "content": {"text": answer, "mimeType": "application/json"}}
        document = {"log": {"entries": [{"request": request, "response": response}]}}
    (one,) = read(io.BytesIO(json.dumps(document).encode()))
    assert one.is_stream_due is (None if kind == "no request" else stream)


def test_a_stream_says_nothing_about_it() -> None:
    (one,) = read(io.BytesIO(b'event: ping\ndata: {"type": "ping"}\n\n'))
    assert one.is_stream_due is None


@pytest.mark.parametrize(
    ("url", "content_type", "is_so"),
    [
        (None, None, True),
        (URL, None, True),
        (f"{URL}?beta=true", "application/json", True),
        ("/anthropic/v1/messages/", "application/json", True),
        ("/v1/messages/batches/msgbatch_1/results", "application/x-jsonl", True),
        ("/model/x/invoke", "application/json", True),
        ("/model/x/invoke-with-response-stream", None, True),
        ("/v1/projects/p/models/claude:rawPredict", "application/json", True),
        ("/v1/projects/p/models/claude:streamRawPredict", None, True),
        ("/api/chat", "text/event-stream; charset=utf-8", True),
        ("/api/chat", "application/json", False),
        ("/v1/messages/count_tokens", "application/json", False),
        ("/v1/messages/batches", "application/json", False),
        ("/v1/messages/batches/msgbatch_1", "application/json", False),
        ("/v1/models", "application/json", False),
        ("/model/x/count-tokens", None, False),
        ("/v1/projects/p/models/count-tokens:rawPredict", None, False),
    ],
)
def test_an_answer_is_for_messages_if_its_path_says_so_or_if_it_is_a_stream(
    url: Any, content_type: Any, is_so: bool
) -> None:
    assert is_for_messages(url, content_type) is is_so


@pytest.mark.parametrize("value", [{"input_tokens": 1}, MESSAGE, {"type": "error", "error": {}}])
def test_of_a_folder_answers_to_other_requests_are_left_out(tmp_path: Path, value: Any) -> None:
    """Their sidecars say it. What is named itself is read."""
    file = tmp_path / "a.json"
    file.write_text(json.dumps(value))
    sidecar = tmp_path / "a.json.times"
    response = {"headers": [["x", "y"], 5, ["content-type", "application/json"]]}
    for path, is_read in (("/v1/messages", True), ("/v1/messages/count_tokens", False)):
        sidecar.write_text(json.dumps({"request": {"path": path}, "response": response}))
        for place in (tmp_path, f"{tmp_path}/*.json"):
            assert len(list(read(place))) == len(list(summaries(place))) == is_read
        assert len(list(read(file))) == len(list(summaries(file))) == 1
