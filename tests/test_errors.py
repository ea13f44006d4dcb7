from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import chunkview
from chunkview import (
    Accumulator,
    AnthropicStream,
    ChunkDecoder,
    ChunkviewError,
    DecodeError,
    ErrorChunk,
    IncompleteStreamError,
    Meter,
    PingChunk,
    ProtocolError,
    StreamError,
    accumulate,
    iter_chunks,
    iter_messages,
)
from chunkview.conformance import check
from chunkview.errors import kind_of, shown
from chunkview.recordings import read as read_recordings
from chunkview.testing import ReplayServer, recording
from support import message_start


def test_all_errors_are_one_tree() -> None:
    for error in (DecodeError, ProtocolError, IncompleteStreamError, StreamError):
        assert issubclass(error, ChunkviewError)
    assert issubclass(DecodeError, ValueError)


def test_the_path_grows_as_the_error_passes_upwards() -> None:
    error = DecodeError("expected str, got int", path="text")
    error.under("[2]").under("citations").under("delta")
    assert error.path == "delta.citations[2].text"
    assert str(error) == "delta.citations[2].text: expected str, got int"
    assert str(DecodeError("no JSON")) == "no JSON"


def test_errors_keep_what_they_carry_through_pickle() -> None:
    message = chunkview.Message.from_dict(message_start()["message"])
    for error in (
        DecodeError("p", path="a", event={"x": 1}, received=b"b"),
        ProtocolError("p", chunk=PingChunk(), partial=message),
        IncompleteStreamError("p", partial=message),
        StreamError("p", error_type="t", error_message="m", request_id="r", partial=message),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert vars(copy) == vars(error)


def test_any_value_can_be_shown_at_a_bounded_length() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert shown(3) == "3"
    assert shown("x" * 200) == "'" + "x" * 76 + "..."
    assert shown(10**5_000) == "<int>"
    assert shown(nested) == "<list>"


@pytest.mark.parametrize(("value", "name"), [(None, "null"), (1, "int"), ({}, "dict")])
def test_kinds_are_named_as_json_and_python_name_them(value: object, name: str) -> None:
    assert kind_of(value) == name


@pytest.mark.parametrize(
    "read",
    [
        accumulate,
        lambda body: [*iter_messages(body)],
        lambda body: [*AnthropicStream(body)],
        lambda body: Accumulator().extend(iter_chunks(body)),
    ],
    ids=["accumulate", "iter_messages", "AnthropicStream", "Accumulator"],
)
def test_an_error_event_raises_where_a_message_is_read(read: Callable[[bytes], object]) -> None:
    """docs/errors.md has this and the next test as a table."""
    with pytest.raises(StreamError, match="Overloaded") as caught:
        read(recording("error"))
    assert caught.value.partial is not None


def test_an_error_event_raises_nothing_where_no_message_is_read(tmp_path: Path) -> None:
    body = recording("error")
    assert isinstance([*iter_chunks(body)][-1], ErrorChunk)
    assert isinstance(ChunkDecoder().feed(body)[-1], ErrorChunk)
    meter = Meter()
    meter.feed(body)
    meter.close()
    assert isinstance(meter.error, StreamError)
    assert check(body) == []
    (tmp_path / "error.sse").write_bytes(body)
    assert [one.error for one in read_recordings(tmp_path)] == [None]
    with ReplayServer(body) as server:
        url = f"{server.url}/v1/messages"
        answers = [
            httpx.post(url, json={"model": "m", "stream": stream}, trust_env=False)
            for stream in (True, False)
        ]
    assert [answer.status_code for answer in answers] == [200, 529]
    assert answers[0].content == body
    assert answers[1].json()["error"]["type"] == "overloaded_error"
