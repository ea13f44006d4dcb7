from __future__ import annotations

import pickle

import pytest

import chunkview
from chunkview import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    PingChunk,
    ProtocolError,
    StreamError,
)
from chunkview.errors import kind_of, shown
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
