"""Requests without `stream`: the replay server answers with a Message or an error."""

from __future__ import annotations

import json

import pytest

from chunkview import accumulate, iter_chunks
from chunkview.testing import ReplayServer, recording
from support import sse, text_stream
from testing.clients import COMPLETE, MESSAGES, MODEL, ask, http_connection, summary, sync_client


@pytest.mark.parametrize("name", COMPLETE)
def test_a_request_without_stream_gets_the_message_of_the_body(name: str) -> None:
    with ReplayServer(recording(name)) as server:
        with sync_client(server) as client:
            whole = client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
        with http_connection(server) as connection:
            answer = json.load(ask(connection, {"stream": False}))
    assert summary(whole) == COMPLETE[name]
    assert answer == accumulate(iter_chunks(recording(name))).to_dict()


@pytest.mark.parametrize(
    ("error_type", "status"),
    [
        ("invalid_request_error", 400),
        ("authentication_error", 401),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("request_too_large", 413),
        ("rate_limit_error", 429),
        ("api_error", 500),
        ("timeout_error", 504),
        ("overloaded_error", 529),
        ("an_error_of_next_year", 500),
    ],
)
def test_without_stream_an_error_event_is_answered_as_that_error(
    error_type: str, status: int
) -> None:
    error = {"type": "error", "error": {"type": error_type, "message": "No more"}}
    body = sse([*text_stream("Once")[:3], error])
    with ReplayServer(body) as server, http_connection(server) as connection:
        response = ask(connection, {"stream": False})
        answer = json.load(response)
    assert response.status == status
    assert answer == {
        "type": "error",
        "error": {"type": error_type, "message": "No more"},
        "request_id": response.headers["request-id"],
    }


@pytest.mark.parametrize("body", [b"", b"<html>", sse(text_stream("Once")[:-2]), b"data: {}\n\n"])
def test_without_stream_a_body_that_is_not_a_message_is_an_api_error(
    body: bytes,
) -> None:
    with ReplayServer(body) as server, http_connection(server) as connection:
        response = ask(connection, {})
        answer = json.load(response)
    assert (response.status, answer["error"]["type"]) == (500, "api_error")
    assert answer["error"]["message"].startswith("the recorded body is not a whole message: ")
