"""The replay server plays recorded answers with their status, cuts and times."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview.testing import RecordedAnswer, ReplayServer
from chunkview.testing.replay import _replies
from testing.clients import (
    COMPLETE,
    FOREVER,
    MESSAGES,
    MODEL,
    TEXT,
    ask,
    chunks_of,
    exchange,
    http_chunks,
    http_connection,
    http_request,
    summary,
    sync_client,
)


def test_each_piece_is_one_http_chunk() -> None:
    answer = RecordedAnswer([(0, b"data: 1"), (0, b""), (0, b"\n\n"), (0.001, b"x")])
    with ReplayServer(answer) as server:
        assert chunks_of(server) == [b"data: 1", b"\n\n", b"x"]


def test_a_piece_waits_for_its_time_and_close_ends_the_wait() -> None:
    answer = RecordedAnswer([(0, b"first"), (FOREVER, b"second")])
    with ReplayServer(answer) as server, http_connection(server) as connection:
        assert ask(connection).read1() == b"first"


def test_the_end_of_an_answer_waits_for_its_time() -> None:
    answer = RecordedAnswer([(0, b"first")], duration=FOREVER)
    with ReplayServer(answer) as server, http_connection(server) as connection:
        response = ask(connection)
        assert response.read1() == b"first"
        assert not response.isclosed()


@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=6).map(sorted),
    st.lists(st.integers(0, 30), min_size=6, max_size=6),
)
def test_the_waits_end_at_the_times_of_the_recording(times: list[int], late: list[int]) -> None:
    """Time that sending takes is not added to the waits."""
    now = 1000.0

    class Closing(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal now
            now += timeout or 0.0
            return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_replies.time, "monotonic", lambda: now)  # type: ignore[attr-defined]
        playback = _replies.Playback(b"", segment_size=None, delay=0)
        playback.closing = Closing()
        for at, sending in zip(times, late, strict=False):
            before = now
            playback.until(float(at), since=1000.0)
            assert now == max(before, 1000.0 + at)
            now += sending


def test_the_status_and_the_headers_are_those_of_the_recording() -> None:
    headers = {"Content-Type": "application/json", "retry-after": "7", "Request-Id": "req_1"}
    answer = RecordedAnswer([(0, b'{"a" : 1}')], status=529, headers=headers)
    with ReplayServer([answer, RecordedAnswer([], status=204)]) as server:
        with http_connection(server) as connection:
            for payload in ({"stream": True}, {}):
                response = ask(connection, payload)
                if payload:
                    assert (response.status, response.read()) == (529, b'{"a" : 1}')
                    assert response.headers["retry-after"] == "7"
                    assert response.headers.get_all("request-id") == ["req_1"]
                else:
                    assert (response.status, response.read()) == (204, b"")
                    assert response.headers["request-id"] == "req_replay_0002"


def test_an_answer_that_was_cut_is_cut_after_its_last_piece() -> None:
    answer = RecordedAnswer([(0, b"first"), (0, b"second")], is_whole=False)
    with ReplayServer(answer) as server:
        body = exchange(server, http_request())[1]
        assert body == b"5\r\nfirst\r\n6\r\nsecond\r\n"
        with pytest.raises(ValueError, match="invalid literal"):
            list(http_chunks(body))
    assert server.errors == []


def test_an_http_1_0_client_gets_the_pieces_without_chunks() -> None:
    with ReplayServer(RecordedAnswer([(0, b"first"), (0, b"second")])) as server:
        head, body = exchange(server, http_request(version="1.0", headers="accept: */*"))
    assert b"transfer-encoding" not in head.lower()
    assert body == b"firstsecond"


def test_a_client_that_asks_for_no_stream_gets_the_message_of_a_recorded_one() -> None:
    with ReplayServer(RecordedAnswer([(0, TEXT[:99]), (0, TEXT[99:])])) as server:
        with sync_client(server) as client:
            message = client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES)
    assert summary(message) == COMPLETE["text"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"pieces": [(1, b""), (0.5, b"")]},
        {"pieces": [(-1, b"")]},
        {"pieces": [(float("nan"), b"")]},
        {"pieces": [(float("inf"), b"")]},
        {"pieces": [(1, b"")], "to_headers": 2.0},
        {"pieces": [(1, b"")], "duration": 0.5},
        {"pieces": [], "status": 199},
        {"pieces": [], "status": 600},
        {"pieces": [], "headers": {"a": "b\r\nc: d"}},
    ],
    ids=str,
)
def test_what_cannot_be_played_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"pieces|status|headers"):
        RecordedAnswer(**wrong)


@pytest.mark.parametrize("pieces", [[(0, "text")], [("0", b"")], [5], 5], ids=str)
def test_pieces_of_another_type_are_refused_at_once(pieces: Any) -> None:
    with pytest.raises(TypeError):
        RecordedAnswer(pieces)
