"""Replies that depend on the request, the other paths of the API, and the log."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from chunkview import accumulate
from chunkview.testing import (
    Answer,
    AnsweredRequest,
    CutAfter,
    ReceivedRequest,
    ReplayServer,
    Reply,
    recording,
)
from chunkview.testing.replay import Replies
from testing.clients import (
    FOREVER,
    MESSAGES,
    MODEL,
    OVERLOADED,
    TEXT,
    ask,
    exchange,
    http_connection,
    http_request,
    sync_client,
)

TOOL_CALL = recording("thinking_tool_call")


def statuses(server: ReplayServer, *payloads: dict[str, Any]) -> list[int | bytes]:
    """The bodies of the answers to requests for streams, or their status if it is not 200."""
    answers: list[int | bytes] = []
    with http_connection(server) as connection:
        for payload in payloads:
            response = ask(connection, {"stream": True, **payload})
            body = response.read()
            answers.append(body if response.status == 200 else response.status)
    return answers


def test_a_function_gives_the_reply_to_each_request() -> None:
    def reply(request: ReceivedRequest) -> Reply:
        if request.headers["x-api-key"] != "right":
            return 401, {"type": "error"}
        return TOOL_CALL if "tools" in request.body else TEXT

    with ReplayServer(reply) as server, http_connection(server) as connection:
        seen: list[tuple[int, bytes]] = []
        for key, setting in (("wrong", "system"), ("right", "tools"), ("right", "system")):
            body = json.dumps({"stream": True, setting: []})
            connection.request("POST", "/v1/messages", body, {"x-api-key": key})
            response = connection.getresponse()
            seen.append((response.status, response.read()))
    assert [status for status, _ in seen] == [401, 200, 200]
    assert [body for _, body in seen[1:]] == [TOOL_CALL, TEXT]
    assert len(server.requests) == 3


def test_a_function_may_be_one_of_several_replies() -> None:
    with ReplayServer([TEXT, lambda request: request.model.encode()]) as server:
        assert statuses(server, {}, {"model": "m"}, {}) == [TEXT, b"m", TEXT]


def test_the_first_key_that_fits_decides_and_has_its_own_turns() -> None:
    with ReplayServer(
        {
            "small": [b"1", b"2"],
            lambda request: "tools" in request.body: TOOL_CALL,
            "large": (529, OVERLOADED),
        }
    ) as server:
        small, large = {"model": "small", "tools": []}, {"model": "large"}
        answers = statuses(server, small, large, small, {**large, "tools": []}, small)
    assert answers == [b"1", 529, b"2", TOOL_CALL, b"1"]


def test_a_request_that_fits_no_key_is_not_found() -> None:
    with ReplayServer({"small": TEXT}) as server, http_connection(server) as connection:
        response = ask(connection, {"model": "large"})
        answer = json.load(response)
    assert response.status == 404
    assert answer["error"]["type"] == "not_found_error"
    assert "'large'" in answer["error"]["message"]
    assert server.requests == []


def test_functions_of_several_requests_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=FOREVER)

    def reply(_: ReceivedRequest) -> Reply:
        both.wait()
        return TEXT

    answers: list[Any] = []
    with ReplayServer(reply) as server:
        threads = [
            threading.Thread(target=lambda: answers.append(exchange(server, http_request())))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 2


@pytest.mark.parametrize("wrong", [RuntimeError("no"), "text", None, [TEXT]], ids=repr)
def test_a_function_that_raises_or_gives_no_reply_is_an_error_of_the_server(wrong: Any) -> None:
    def reply(_: ReceivedRequest) -> Any:
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    server = ReplayServer(reply).start()
    assert exchange(server, http_request()) == (b"", b"")
    with pytest.raises(RuntimeError if isinstance(wrong, Exception) else TypeError):
        server.close()


@pytest.mark.parametrize(
    ("bodies", "error", "message"),
    [
        ({}, ValueError, "at least one"),
        ({"small": []}, ValueError, "at least one"),
        ({"small": "text"}, TypeError, "got str"),
        ({5: TEXT}, TypeError, "a model or a function as key, got 5"),
    ],
)
def test_a_mapping_without_replies_is_refused_at_once(
    bodies: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ReplayServer(bodies)


# -- the other paths ------------------------------------------------------------------------------


def test_the_official_client_counts_tokens() -> None:
    with ReplayServer(TEXT) as server, sync_client(server) as client:
        few = client.messages.count_tokens(model=MODEL, messages=MESSAGES)
        many = client.messages.count_tokens(model=MODEL, messages=MESSAGES, system="x" * 400)
        beta = client.beta.messages.count_tokens(model=MODEL, messages=[])
    assert few.input_tokens > 0
    assert many.input_tokens == few.input_tokens + 100
    assert beta.input_tokens == 1
    assert server.requests == []


def test_a_count_of_tokens_takes_any_json() -> None:
    deep: Any = "x" * 40
    for _ in range(200):
        deep = {"a": [deep]}
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        for messages, count in ((deep, 10), (None, 1), ("y" * 8, 2), ([1, True], 1)):
            response = ask(
                connection, {"messages": messages}, path="/v1/messages/count_tokens?beta=true"
            )
            assert json.load(response) == {"input_tokens": count}


def test_the_official_client_lists_the_models_of_the_bodies() -> None:
    bodies: dict[str, Replies] = {
        "small": [TEXT, b"no stream"],
        "large": Answer(TOOL_CALL),
        "none": (529, OVERLOADED),
    }
    with ReplayServer(bodies) as server, sync_client(server) as client:
        names = [model.id for model in client.models.list()]
        one = client.models.retrieve("any/model")
    models = {str(accumulate(body).model) for body in (TEXT, TOOL_CALL)}
    assert names[:3] == ["small", "large", "none"]
    assert set(names[3:]) == models
    assert (one.id, one.display_name, one.type) == ("any/model", "any/model", "model")


def test_without_a_known_model_the_list_is_empty() -> None:
    with ReplayServer(lambda _: TEXT) as server, sync_client(server) as client:
        assert list(client.models.list()) == []


# -- the log --------------------------------------------------------------------------------------


def test_each_answer_is_logged_with_its_size_and_without_query_or_headers() -> None:
    log: list[AnsweredRequest] = []
    bodies: list[Reply] = [
        TEXT,
        (529, OVERLOADED),
        Answer(TEXT, CutAfter(100)),
        Answer(TEXT, CutAfter(0)),
    ]
    with ReplayServer(bodies, on_answer=log.append) as server:
        for payload in (b'{"stream": true, "model": "m"}', b"{}", b'{"stream": true}', b"{}"):
            exchange(server, http_request(payload))
        exchange(server, b"GET /v1/models?key=secret HTTP/1.1\r\nconnection: close\r\n\r\n")
        exchange(server, b"no request\r\n")
        with socket.create_connection(("127.0.0.1", server.port)):
            pass  # no request, so no line
    seen = [(one.method, one.path, one.model, one.status) for one in log]
    assert seen == [
        ("POST", "/v1/messages", "m", 200),
        ("POST", "/v1/messages", "", 529),
        ("POST", "/v1/messages", "", 200),
        ("POST", "/v1/messages", "", None),
        ("GET", "/v1/models", "", 200),
        ("", "", "", 400),
    ]
    assert [one.size for one in log][:4] == [len(TEXT), len(json.dumps(OVERLOADED)), 100, 0]
    assert "secret" not in repr(log)
