"""Mappings, JSON text, SDK objects and chunk views decode alike."""

from __future__ import annotations

import enum
import json
import types
from collections import OrderedDict, UserDict
from typing import Any

import pytest
from hypothesis import given

from chunkview import (
    DecodeError,
    PingChunk,
    TextDeltaChunk,
    decode,
)
from chunkview.testing import strategies as cv
from support import (
    PING,
    STRING_DELTAS,
    delta,
    message_start,
    sdk_event,
    text_delta,
)


def read_only(value: Any) -> Any:
    """A JSON value with read-only mappings for its objects."""
    if isinstance(value, dict):
        return types.MappingProxyType({name: read_only(item) for name, item in value.items()})
    return [read_only(item) for item in value] if isinstance(value, list) else value


@given(cv.events())
def test_a_mapping_of_any_kind_decodes_like_the_dict(event: Any) -> None:
    chunk = decode(event)
    mappings: list[Any] = [UserDict(event), types.MappingProxyType(event), OrderedDict(event)]
    mappings += [read_only(event), {name: read_only(event[name]) for name in event}]
    for mapping in mappings:
        decoded = decode(mapping)
        assert decoded == chunk
        assert decoded.to_event() == event
        assert decoded.chunk is mapping
    assert decode(chunk) is chunk


def test_a_mapping_with_a_mapping_inside_decodes_like_the_dict() -> None:
    event = types.MappingProxyType(
        {"type": "message_start", "message": OrderedDict(message_start()["message"])}
    )
    assert decode(event) == decode(message_start())
    assert decode(event).chunk is event
    assert decode(event).to_event() == message_start()


def test_a_mapping_nested_100_000_levels_deep_is_refused() -> None:
    nested: Any = {}
    for _ in range(100_000):
        nested = types.MappingProxyType({"a": nested})
    with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
        decode(types.MappingProxyType({"type": "sunrise", "at": nested}))


def test_values_of_subclasses_decode_like_plain_values() -> None:
    class Text(str):
        __slots__ = ()

    class Index(enum.IntEnum):
        FIRST = 0

    event = delta("text_delta", Index.FIRST, text=Text("a"))
    assert decode(event) == TextDeltaChunk(0, "a")
    assert decode({**event, "type": Text("content_block_delta")}) == TextDeltaChunk(0, "a")
    assert decode(Text(json.dumps(PING))) == PingChunk()


def test_a_chunk_view_is_returned_unchanged() -> None:
    chunk = TextDeltaChunk(0, "a")
    assert decode(chunk) is chunk


@pytest.mark.parametrize(("kind", "field"), STRING_DELTAS.items())
def test_the_hot_deltas_of_the_sdk_are_read_by_attribute(kind: str, field: str) -> None:
    event: Any = types.SimpleNamespace(
        __pydantic_extra__={},
        type="content_block_delta",
        index=1,
        delta=types.SimpleNamespace(type=kind, __pydantic_extra__=None, **{field: "a"}),
    )
    chunk = decode(event)
    assert chunk == decode(delta(kind, 1, **{field: "a"}))
    assert chunk.chunk is event


def test_an_object_is_refused_with_the_reason_if_its_own_dump_fails() -> None:
    class Event:
        type = "message_start"

        def model_dump(self, **_: Any) -> Any:
            raise ValueError("out of order")

    event = Event()
    with pytest.raises(DecodeError, match="the event's own dump failed: out of order") as caught:
        decode(event)
    assert caught.value.event is event


def test_an_sdk_object_is_kept_and_written_with_its_unknown_keys() -> None:
    event = {**text_delta("a"), "novelty": 1}
    built = sdk_event(event)
    chunk = decode(built)
    assert chunk.chunk is built
    assert chunk.to_event() == event


def test_an_sdk_object_with_a_wrong_type_is_refused_like_the_dict() -> None:
    for event in (text_delta([5]), {**text_delta("a"), "index": "zero"}):  # type: ignore[arg-type]
        with pytest.raises(DecodeError) as of_dict:
            decode(event)
        with pytest.raises(DecodeError) as of_object:
            decode(sdk_event(event))
        assert str(of_object.value) == str(of_dict.value)


class AttributeDict(dict[str, Any]):
    """A mapping whose keys are attributes too, such as those of python-box or munch."""

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(name) from None
        return AttributeDict(value) if isinstance(value, dict) else value


@given(cv.events())
def test_a_mapping_with_attributes_is_read_as_a_mapping(event: Any) -> None:
    assert decode(AttributeDict(event)) == decode(event)
    assert decode(AttributeDict(event)).to_event() == event
