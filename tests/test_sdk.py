"""The types of the installed SDK against ours: each tag has a class, each key an attribute."""

from __future__ import annotations

import functools
import itertools
import operator
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

import anthropic
import pytest
from anthropic.lib import streaming
from anthropic.types import RawMessageStreamEvent
from anthropic.types.beta import BetaRawMessageStreamEvent
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from chunkview import (
    ErrorChunk,
    HelperEventChunk,
    UnknownBlock,
    UnknownCitation,
    UnknownDeltaChunk,
    decode,
)
from chunkview._chunks.decode import DELTAS, EVENTS
from chunkview._model import BLOCKS, CITATIONS
from chunkview._model.record import Record, schema
from chunkview.testing import strategies as cv
from chunkview.testing.strategies._events import ITERATION
from support import OLD_SDK, Event, drawn

UNIONS = [RawMessageStreamEvent, BetaRawMessageStreamEvent]

HELPER_UNIONS = [union for name, union in vars(streaming).items() if name.endswith("StreamEvent")]


def union_members(annotation: Any) -> list[Any]:
    """The members of a union of the SDK, which may be annotated with its discriminator."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return list(typing.get_args(annotation))


def tags(annotation: Any) -> dict[str, Any]:
    """The members of a union by the value of their `type`."""
    return {
        tag: member
        for member in union_members(annotation)
        for tag in typing.get_args(member.model_fields["type"].annotation)
    }


@pytest.mark.parametrize("union", UNIONS, ids=["ga", "beta"])
def test_every_tag_of_the_installed_sdk_has_a_class_of_ours(union: Any) -> None:
    events = tags(union)
    deltas = tags(events["content_block_delta"].model_fields["delta"].annotation)
    blocks = tags(events["content_block_start"].model_fields["content_block"].annotation)
    citations: dict[str, Any] = {}
    if not OLD_SDK or "citations_delta" in deltas:
        citations = tags(deltas["citations_delta"].model_fields["citation"].annotation)
    assert len(events) == 6
    assert len(deltas) >= (2 if OLD_SDK else 5)
    assert len(blocks) >= (2 if OLD_SDK else 12)
    assert len(citations) >= (0 if OLD_SDK else 5)
    assert events.keys() <= EVENTS.keys()
    assert deltas.keys() <= DELTAS.keys()
    assert blocks.keys() <= BLOCKS.keys()
    assert citations.keys() <= CITATIONS.keys()
    assert UnknownBlock not in BLOCKS.values()
    assert UnknownCitation not in CITATIONS.values()


def test_every_helper_event_of_the_sdk_is_told_apart() -> None:
    helpers = {tag for union in HELPER_UNIONS for tag in tags(union)}
    helpers -= tags(RawMessageStreamEvent).keys()
    known = {"text", "citation", "thinking", "signature", "input_json", "compaction"}
    assert {"text", "input_json"} <= helpers <= known if OLD_SDK else helpers == known
    for tag in helpers:
        assert isinstance(decode({"type": tag}), HelperEventChunk)
        assert decode({"type": tag, "text": "a", "thinking": "b", "signature": "c"}).content == ""


NO_ATTRIBUTE = {
    "content_block_stop.content_block": "the helper's own: what deltas have said already",
    "message_stop.message": "the helper's own: what deltas have said already",
    "APIStatusError.response": "the HTTP response, which no event brings",
    "APIStatusError.status_code": "of the HTTP response, which no event brings",
    "APIStatusError.workspace_id": "a header of the HTTP response, which no event brings",
    "APIStatusError.error_code": "a key of `details`, which is kept as it came",
}
"""What the SDK's classes name and ours do not, with the reason."""

OTHER_NAME = {"type": "error_type", "api_message": "error_message"}
"""What an exception of the SDK calls otherwise than ErrorChunk."""

TABLES: dict[type[Any], dict[str, Any]] = {
    UnknownBlock: BLOCKS,
    UnknownCitation: CITATIONS,
    UnknownDeltaChunk: DELTAS,
}
"""Where the class of a tag is found, by the class of the tags that are in no table."""

ERRORS = {"ErrorResponse", "BetaErrorResponse"}
"""The SDK's models of error events, of which old releases have one."""


def classes_in(annotation: Any, base: type[Any]) -> Iterator[type[Any]]:
    """The classes of a kind in an annotation, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, base):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from classes_in(inner, base)


def records_in(annotation: Any) -> list[type[Any]]:
    """Our classes in an annotation. The unknown one represents a union of blocks or citations."""
    records = list(classes_in(annotation, Record))
    return [cls for cls in records if cls in TABLES] or records


class Key(NamedTuple):
    """A key of a model of the SDK.

    Attributes:
        path: Where it is in an event.
        model: The model.
        field: What the model says of it.
        named: Whether it has an attribute of ours.
    """

    path: str
    model: type[BaseModel]
    field: FieldInfo
    named: bool


def keys(model: type[BaseModel], cls: type[Any], at: str, inside: str = "") -> Iterator[Key]:
    """The keys of a model of the SDK, and of the models under it.

    Args:
        model: The model.
        cls: Our class for it.
        at: Where the model is in an event.
        inside: The key of our flat class that holds the model, if any does.

    Yields:
        The keys, but for `type`, which the class tells. What we keep as it came is not looked
        into.
    """
    shape = schema(cls)
    ours = {key.wire: key.name for key in shape.keys if key.inside == inside}
    for name, field in model.model_fields.items():
        wire = field.alias or name
        if wire == "type":
            continue
        under = f"{at}.{wire}"
        members = list(classes_in(field.annotation, BaseModel))
        if not inside and any(key.inside == wire for key in shape.keys):
            for member in members:
                yield from keys(member, *class_for(member, cls, under), wire)
            continue
        yield Key(under, model, field, wire in ours)
        if wire in ours:
            kind = typing.get_type_hints(cls)[ours[wire]]
            for member, record in itertools.product(members, records_in(kind)):
                yield from keys(member, *class_for(member, record, under))


def class_for(model: type[BaseModel], cls: type[Any], at: str) -> tuple[type[Any], str]:
    """Our class for a model where an attribute names `cls`, and the path of its keys."""
    if cls not in TABLES:
        return cls, at
    tag = typing.get_args(model.model_fields["type"].annotation)[0]
    return TABLES[cls][tag], f"{at}({tag})"


def keys_of_events(union: Any) -> list[Key]:
    return [
        key
        for tag, event in tags(union).items()
        if EVENTS[tag] is not HelperEventChunk  # kept whole
        for key in keys(event, EVENTS[tag], tag)
    ]


@pytest.mark.parametrize("union", UNIONS + HELPER_UNIONS)
def test_every_key_of_the_installed_sdk_has_an_attribute_of_ours(union: Any) -> None:
    seen = keys_of_events(union)
    expected = {"message_start.message.usage.input_tokens", "content_block_stop.index"}
    if not OLD_SDK:
        expected |= {
            "content_block_delta.delta(citations_delta).citation(page_location).file_id",
            "content_block_start.content_block(text).citations(char_location).cited_text",
            "message_start.message.usage.cache_creation.ephemeral_1h_input_tokens",
        }
    assert expected <= {key.path for key in seen}
    assert [key.path for key in seen if not key.named and key.path not in NO_ATTRIBUTE] == []


def test_every_key_of_the_sdks_errors_has_an_attribute_of_ours() -> None:
    models = [model for name, model in vars(anthropic.types).items() if name in ERRORS]
    assert models
    for model in models:
        seen = list(keys(model, ErrorChunk, "error"))
        assert "error.error.message" in {key.path for key in seen}
        assert [key.path for key in seen if not key.named] == []
    # What an error holds besides is named by the exception that the SDK makes of it.
    for name in anthropic.APIStatusError.__annotations__:
        ours = OTHER_NAME.get(name, name)
        assert hasattr(ErrorChunk, ours) or f"APIStatusError.{name}" in NO_ATTRIBUTE, name


NOT_GENERATED = {
    ("stop_reason", "absent"): "the API writes it always, null if need be",
    ("stop_sequence", "absent"): "the API writes it always, null if need be",
    ("content", "absent"): "of a compaction: the API writes it always, null if need be",
}
"""What the SDK's types allow for a key and the strategies never give, with the reason."""

State = tuple[str, str, str]
"""A model's name, a key, and "there", "null" or "absent"."""


def legal_states(key: Key) -> Iterator[State]:
    """What the SDK's types allow for a key."""
    name = key.path.rpartition(".")[2]
    yield key.model.__name__, name, "there"
    if type(None) in typing.get_args(key.field.annotation):
        yield key.model.__name__, name, "null"
    if not key.field.is_required():
        yield key.model.__name__, name, "absent"


def is_of(model: type[BaseModel], value: Any) -> bool:
    """Whether a value has the tag of a model, or the model none."""
    tag = model.model_fields.get("type")
    if not isinstance(value, dict):
        return False
    return tag is None or value["type"] in typing.get_args(tag.annotation)


def states(model: type[BaseModel], value: Event) -> Iterator[State]:
    """How the keys of a model, and of the models under it, are in a value."""
    for name, field in model.model_fields.items():
        wire = field.alias or name
        if value.get(wire) is None:
            yield model.__name__, wire, "null" if wire in value else "absent"
            continue
        yield model.__name__, wire, "there"
        items = value[wire] if isinstance(value[wire], list) else [value[wire]]
        for member, item in itertools.product(classes_in(field.annotation, BaseModel), items):
            if is_of(member, item):
                yield from states(member, item)


@pytest.mark.parametrize("union", UNIONS, ids=["ga", "beta"])
def test_every_key_is_generated_in_each_way_that_the_sdk_allows(union: Any) -> None:
    api: dict[str, Any] = {"beta": union is BetaRawMessageStreamEvent, "unknown": False}
    events = tags(union)
    message = events["message_start"].model_fields["message"].annotation
    usage = message.model_fields["usage"].annotation
    samples: list[tuple[Any, Any]] = [
        *((model, cv.events(tag, **api)) for tag, model in events.items()),
        (message, cv.messages(**api)),
        (
            events["message_delta"].model_fields["delta"].annotation,
            cv.events("message_delta", **api).map(operator.itemgetter("delta")),
        ),
        (usage, cv.usages(**api)),
        (events["message_delta"].model_fields["usage"].annotation, cv.delta_usages(**api)),
    ]
    if "iterations" in usage.model_fields:
        members = classes_in(usage.model_fields["iterations"].annotation, BaseModel)
        samples += [(one, ITERATION.filter(functools.partial(is_of, one))) for one in members]
    deltas = tags(events["content_block_delta"].model_fields["delta"].annotation)
    samples += [(model, cv.deltas(tag, **api)) for tag, model in deltas.items()]
    blocks = tags(events["content_block_start"].model_fields["content_block"].annotation)
    samples += [(model, cv.content_blocks(tag, **api)) for tag, model in blocks.items()]
    if "citations_delta" in deltas:
        citations = tags(deltas["citations_delta"].model_fields["citation"].annotation)
        samples += [(model, cv.citations(tag, unknown=False)) for tag, model in citations.items()]
    lacking = {
        state
        for key in keys_of_events(union)
        for state in legal_states(key)
        if state[1:] not in NOT_GENERATED
    }
    for number in range(10):
        for model, strategy in samples:
            if number == 0 or any(model.__name__ == state[0] for state in lacking):
                for value in drawn(strategy, 1, number):
                    lacking.difference_update(states(model, value))
    assert sorted(lacking) == []
