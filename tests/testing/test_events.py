"""`events`, the strategies of their parts, and `st.from_type`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chunkview
from chunkview import InvalidJson, common, decode
from chunkview._chunks.decode import DELTAS, EVENTS
from chunkview._model import BLOCKS, CITATIONS
from chunkview.testing import strategies as cv
from support import drawn
from testing.drawing import BETA_KEYS, BETA_TAGS, has_unknown, keys, occurs, tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from support import Event


HELPER_EVENTS = ("text", "thinking", "signature", "citation", "input_json", "compaction")
FAMILIES: dict[str, tuple[Callable[..., SearchStrategy[Event]], list[str]]] = {
    "deltas": (cv.deltas, [*DELTAS, "unknown"]),
    "content_blocks": (cv.content_blocks, [*BLOCKS, "unknown"]),
    "citations": (cv.citations, [*CITATIONS, "unknown"]),
}


@pytest.mark.parametrize(
    ("family", "tag"), [(family, tag) for family, (_, row) in FAMILIES.items() for tag in row]
)
@settings(max_examples=5)
@given(data=st.data())
def test_a_family_gives_each_type_when_asked(family: str, tag: str, data: st.DataObject) -> None:
    assert data.draw(FAMILIES[family][0](tag))["type"].split("_")[0] == tag.split("_")[0]


@pytest.mark.parametrize("tag", [*EVENTS, "unknown"])
@settings(max_examples=5)
@given(data=st.data())
def test_events_and_chunks_give_each_type_when_asked(tag: str, data: st.DataObject) -> None:
    event, chunk = data.draw(cv.events(tag)), data.draw(cv.chunks(tag))
    assert event["type"].startswith(tag)
    assert chunk.type.startswith(tag)
    assert chunk.to_event() == chunk.chunk


@pytest.mark.parametrize("tag", DELTAS)
@settings(max_examples=5)
@given(data=st.data())
def test_events_give_each_type_of_delta_when_asked(tag: str, data: st.DataObject) -> None:
    event = data.draw(cv.events(tag))
    assert (event["type"], event["delta"]["type"]) == ("content_block_delta", tag)


@given(cv.events())
def test_events_are_those_of_the_api_and_round_trip(event: Event) -> None:
    assert event["type"] not in HELPER_EVENTS
    assert decode(event).to_event() == event


@given(cv.events(unknown=False, beta=False))
def test_events_without_unknown_and_beta_have_neither(event: Event) -> None:
    assert not has_unknown(event)
    assert not BETA_KEYS & set(keys(event))
    assert not BETA_TAGS & tags([event])


@given(cv.messages(), cv.usages(), cv.delta_usages())
def test_messages_and_usages_round_trip(message: Event, usage: Event, later: Event) -> None:
    assert chunkview.Message.from_dict(message).to_dict() == message
    assert chunkview.Usage.from_dict(usage).to_dict() == usage
    assert chunkview.MessageDeltaUsage.from_dict(later).to_dict() == later


@pytest.mark.parametrize("family", ["events", "chunks", *FAMILIES])
def test_a_type_that_does_not_exist_is_refused(family: str) -> None:
    with pytest.raises(ValueError, match="no strategy has the type 'nonsense'; the types are "):
        getattr(cv, family)("nonsense")


def test_all_types_that_events_takes_are_named() -> None:
    with pytest.raises(ValueError, match="; the types are ") as caught:
        cv.events("tekst_delta")
    types = str(caught.value).partition("; the types are ")[2].split(", ")
    assert {"ping", "text_delta", "input_json"} < set(types)
    for type_ in types:
        cv.events(type_)


PUBLIC_CLASSES = [
    *(value for value in map(vars(chunkview).get, chunkview.__all__) if isinstance(value, type)),
    common.Usage,
]


@pytest.mark.parametrize("cls", PUBLIC_CLASSES)
@settings(max_examples=5)
@given(data=st.data())
def test_from_type_knows_every_public_class(cls: type[Any], data: st.DataObject) -> None:
    assert isinstance(data.draw(st.from_type(cls)), cls)


@pytest.mark.parametrize(
    "base",
    [chunkview.AnthropicCallResponseChunk, chunkview.ContentBlock, chunkview.Citation],
)
def test_from_type_gives_every_variant_of_a_base_class(base: type[Any]) -> None:
    variants = {cls for cls in PUBLIC_CLASSES if issubclass(cls, base)} - {base}
    assert {type(value) for value in drawn(st.from_type(base), 4)} == variants


@given(st.from_type(chunkview.AnthropicCallResponseChunk))
def test_a_chunk_of_any_class_round_trips(chunk: chunkview.AnthropicCallResponseChunk) -> None:
    assert decode(chunk.to_event()) == chunk


def test_a_tool_input_of_a_block_may_be_invalid_json() -> None:
    blocks = st.from_type(chunkview.ToolUseBlock)
    assert occurs(blocks, lambda block: isinstance(block.input, InvalidJson))
    assert occurs(blocks, lambda block: isinstance(block.input, dict))
