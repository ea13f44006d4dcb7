"""Bad events are refused, and the error names the place and keeps the event."""

from __future__ import annotations

import copy
import json
import types
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from chunkview import (
    DecodeError,
    TextDeltaChunk,
    decode,
)
from chunkview._chunks.decode import DELTAS, EVENTS
from chunkview.testing import strategies as cv
from support import (
    Event,
    block_start,
    delta,
    examples,
    message_delta,
    message_start,
    sdk_event,
    text_delta,
)

Place = tuple[Any, ...]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The place of each value in an event: the keys and numbers that lead to it."""
    for step in value if isinstance(value, dict) else range(len(value)):
        yield (*place, step)
        if isinstance(value[step], (dict, list)):
            yield from places(value[step], (*place, step))


def written(place: Place) -> str:
    """A place as an error writes it."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


DELTA = {"index": int, "delta": dict, "delta.type": str}
EXACT: dict[str, dict[str, type]] = {
    "message_start": {
        "message": dict,
        "message.id": str,
        "message.model": str,
        "message.content": list,
        "message.usage": dict,
        "message.usage.input_tokens": int,
        "message.usage.output_tokens": int,
    },
    "content_block_start": {"index": int, "content_block": dict, "content_block.type": str},
    "text_delta": {**DELTA, "delta.text": str},
    "input_json_delta": {**DELTA, "delta.partial_json": str},
    "thinking_delta": {**DELTA, "delta.thinking": str},
    "signature_delta": {**DELTA, "delta.signature": str},
    "citations_delta": {**DELTA, "delta.citation": dict, "delta.citation.type": str},
    "compaction_delta": DELTA,
    "content_block_stop": {"index": int},
    "message_delta": {"delta": dict, "usage": dict, "usage.output_tokens": int},
    "error": {"error": dict, "error.type": str, "error.message": str},
}
"""The fields that an event must have, with the exact type of each."""


TAGS = [*(tag for tag in EVENTS if tag != "content_block_delta"), *DELTAS, "unknown"]
MISSING: Any = object()
OF_ANOTHER_TYPE = [None, True, 7, 1.5, "unheard_of", [], {}, MISSING]


@pytest.mark.parametrize("tag", TAGS)
@examples(1 / 3)
@given(st.data())
def test_a_wrong_value_is_kept_or_refused_with_its_place(tag: str, data: Any) -> None:
    event = data.draw(cv.events(tag))
    place = data.draw(st.sampled_from(list(places(event))))
    *path, last = place
    broken: Any = copy.deepcopy(event)
    inside: Any = broken
    for step in path:
        inside = inside[step]
    value = data.draw(st.sampled_from(OF_ANOTHER_TYPE))
    if value is MISSING:
        del inside[last]
    else:
        inside[last] = value
    note(f"{written(place)} = {value!r}")
    try:
        chunk = decode(broken)
    except DecodeError as error:
        event_type = broken.get("type")
        where = f"{event_type}.{written(place)}" if isinstance(event_type, str) else "type"
        # The error may also be about a field that the new value does not have.
        assert error.path == where or error.path.startswith(f"{where}.")
        assert str(error) == f"{error.path}: {error.problem}"
        assert error.event is broken
        with pytest.raises(DecodeError) as caught:
            decode(json.dumps(broken))
        assert str(caught.value) == str(error)
    else:
        assert chunk.to_event() == broken
        exact = EXACT.get(tag, {}).get(written(place))
        assert exact is None or type(value) is exact


CITATION = {
    "type": "web_search_result_location",
    "cited_text": "It rains.",
    "url": "https://example.com",
    "encrypted_index": "eA==",
    "title": None,
}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "type: required, but missing"),
        ({"type": None}, "type: expected str, got null"),
        ({"type": ["ping"]}, "type: expected str, got list"),
        ({"type": "message_start"}, "message_start.message: required, but missing"),
        (
            message_start(usage={"input_tokens": 1}),
            "message_start.message.usage.output_tokens: required, but missing",
        ),
        (
            message_start(content=[{"type": "text"}]),
            "message_start.message.content[0].text: required, but missing",
        ),
        (
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            "content_block_start.index: required, but missing",
        ),
        (
            {"type": "content_block_start", "index": 0, "content_block": "text"},
            "content_block_start.content_block: expected object, got str",
        ),
        ({"type": "content_block_delta", "index": 0}, "content_block_delta.delta: required"),
        (
            {"type": "content_block_delta", "index": 0, "delta": None},
            "content_block_delta.delta: expected object, got null",
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": {}},
            "content_block_delta.delta.type: required, but missing",
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": {"type": ["text_delta"]}},
            "content_block_delta.delta.type: expected str, got list",
        ),
        (delta("text_delta"), "content_block_delta.delta.text: required, but missing"),
        (
            delta("text_delta", text=None),
            "content_block_delta.delta.text: expected str, got null",
        ),
        (
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": ""}},
            "content_block_delta.index: required, but missing",
        ),
        (
            text_delta("a", True),
            "content_block_delta.index: expected int, got bool",
        ),
        (
            delta("scent_delta", 0.5),  # type: ignore[arg-type]
            "content_block_delta.index: expected int, got float",
        ),
        (
            delta("citations_delta", citation={**CITATION, "url": 1}),
            "content_block_delta.delta.citation.url: expected str, got int",
        ),
        (
            delta("compaction_delta", content=[]),
            "content_block_delta.delta.content: expected str, got list",
        ),
        ({"type": "content_block_stop"}, "content_block_stop.index: required, but missing"),
        (
            {"type": "message_delta", "usage": {"output_tokens": 1}},
            "message_delta.delta: required, but missing",
        ),
        ({"type": "message_delta", "delta": {}}, "message_delta.usage: required, but missing"),
        (
            {"type": "message_delta", "delta": {"stop_reason": 1}, "usage": {"output_tokens": 1}},
            "message_delta.delta.stop_reason: expected str, got int",
        ),
        ({"type": "error"}, "error.error: required, but missing"),
        ({"type": "error", "error": "overloaded"}, "error.error: expected object, got str"),
        ({"type": "error", "error": {"type": "x"}}, "error.error.message: required"),
    ],
)
def test_a_bad_event_is_refused_and_the_error_names_the_place_and_keeps_the_event(
    event: Event, message: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(event)
    assert str(caught.value).startswith(message)
    assert caught.value.event is event
    text = json.dumps(event)
    with pytest.raises(DecodeError) as caught:
        decode(text)
    assert str(caught.value).startswith(message)
    assert caught.value.event == text


@pytest.mark.parametrize("source", [5, None, [], 1.5, object(), types.SimpleNamespace(type="ping")])
def test_a_value_that_is_not_an_event_is_refused(source: Any) -> None:
    with pytest.raises(DecodeError, match="expected a mapping, JSON text or an event of the"):
        decode(source)


@pytest.mark.parametrize(
    "text", ["", "{", "nonsense", "[]", "1", '"ping"', "null", b"\xff", "\ud800"]
)
def test_text_that_is_not_a_json_object_is_refused_and_kept_in_the_error(text: str | bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(text)
    assert caught.value.event == text


def deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda value: {"type": "sunrise", "at": value},
        lambda value: {"type": "text", "snapshot": value},
        lambda value: delta("scent_delta", smell=value),
        lambda value: message_start(novelty=value),
        lambda value: block_start(type="tool_use", id="t", name="f", input={"x": value}),
        lambda value: block_start(type="mcp_tool_result", tool_use_id="t", content=value),
        lambda value: block_start(type="hologram", light=value),
        lambda value: delta("citations_delta", citation={"type": "dream", "of": value}),
        lambda value: message_delta(novelty=value),
    ],
)
def test_nesting_is_bounded_everywhere_that_json_is_kept(make: Any) -> None:
    assert decode(make(deep(150))).to_event() == make(deep(150))
    for levels in (250, 100_000):
        with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
            decode(make(deep(levels)))


@pytest.mark.parametrize(
    "make", [dict, types.MappingProxyType, json.dumps, sdk_event, lambda event: {**event}]
)
@pytest.mark.parametrize("place", ["event", "delta"])
def test_an_unknown_key_is_bounded_too(place: str, make: Any) -> None:
    def event(levels: int) -> Event:
        if place == "delta":
            return delta("text_delta", text="a", novelty=deep(levels))
        return {**text_delta("a"), "novelty": deep(levels)}

    chunk = decode(make(event(190)))
    assert chunk == TextDeltaChunk(0, "a")
    assert chunk.to_event() == event(190)
    with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
        decode(make(event(200)))


def test_an_event_that_contains_itself_is_refused() -> None:
    event: Event = {"type": "sunrise"}
    event["again"] = [event, event]
    with pytest.raises(DecodeError, match="nested deeper"):
        decode(event)
