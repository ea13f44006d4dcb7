from __future__ import annotations

import typing
import weakref
from typing import Any

import attrs
import pytest
from anthropic.types import Message
from anthropic.types.beta import BetaMessage

from chunkview import (
    AnthropicCallResponseChunk,
    BaseCallResponseChunk,
    TextDeltaChunk,
    decode,
)
from chunkview._chunks import FinishReason, common_finish_reasons
from chunkview.common import Usage
from support import OLD_SDK, message_delta

ATTRIBUTES = sorted(
    {
        name
        for cls in (BaseCallResponseChunk, AnthropicCallResponseChunk)
        for name, member in vars(cls).items()
        if isinstance(member, property)
    }
)


def test_the_generic_parameters_are_those_of_the_reference() -> None:
    assert issubclass(AnthropicCallResponseChunk, BaseCallResponseChunk)
    (base,) = AnthropicCallResponseChunk.__orig_bases__  # type: ignore[attr-defined]
    assert typing.get_origin(base) is BaseCallResponseChunk
    assert typing.get_args(base)[1] is FinishReason


def test_the_contract_has_the_attributes_of_the_reference() -> None:
    assert {*ATTRIBUTES} == {
        "content",
        "thinking",
        "signature",
        "finish_reasons",
        "model",
        "id",
        "usage",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "cost_metadata",
        "common_finish_reasons",
        "common_usage",
    }


def test_a_reason_that_is_not_listed_passes_through() -> None:
    chunk = decode(message_delta("tired"))
    assert chunk.finish_reasons == ["tired"]
    assert chunk.common_finish_reasons is None


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_of_the_contract_is_read_only(name: str) -> None:
    chunk = TextDeltaChunk(0, "a")
    getattr(chunk, name)
    with pytest.raises(AttributeError):
        setattr(chunk, name, None)


def test_the_base_class_works_for_other_providers() -> None:
    @attrs.frozen
    class OtherChunk(BaseCallResponseChunk[dict[str, int], str]):
        @property
        def input_tokens(self) -> int | None:
            return 3

    chunk = OtherChunk(chunk={"x": 1})
    assert chunk.chunk == {"x": 1}
    assert chunk.content == str(chunk) == ""
    assert chunk.usage is None
    assert chunk.common_usage == Usage(3, 0, 0, 3)


@pytest.mark.parametrize("base", [BaseCallResponseChunk, AnthropicCallResponseChunk])
def test_the_base_classes_cannot_be_made_directly(base: Any) -> None:
    with pytest.raises(TypeError, match=r"use chunkview\.decode\(event\)"):
        base(chunk={"type": "ping"})


def literals(annotation: Any) -> set[Any]:
    """The values of the literals in an annotation, however deep."""
    if typing.get_origin(annotation) is typing.Literal:
        return set(typing.get_args(annotation))
    return {value for inner in typing.get_args(annotation) for value in literals(inner)}


def test_the_finish_reasons_are_those_of_the_sdk() -> None:
    ours = set(typing.get_args(FinishReason))
    theirs = {
        reason
        for message in (Message, BetaMessage)
        for reason in literals(message.model_fields["stop_reason"].annotation)
    }
    assert theirs <= ours if OLD_SDK else theirs == ours
    for reason in ours:
        assert common_finish_reasons(reason) is not None


def test_a_failed_match_stays_cheap_because_there_is_no_abc() -> None:
    assert type(AnthropicCallResponseChunk) is type


def test_a_chunk_view_has_no_room_for_weak_references() -> None:
    with pytest.raises(TypeError, match="weak reference"):
        weakref.ref(TextDeltaChunk(0, "a"))
