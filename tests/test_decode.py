from __future__ import annotations

import copy
import enum
import json
import sys
import types
from collections import OrderedDict, UserDict
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from chunkview import (
    AnthropicCallResponseChunk,
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    ContentBlockStopChunk,
    DecodeError,
    ErrorChunk,
    HelperEventChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageDeltaUsage,
    MessageStartChunk,
    MessageStopChunk,
    PingChunk,
    SignatureDeltaChunk,
    TextBlock,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    UnknownChunk,
    UnknownCitation,
    UnknownDeltaChunk,
    decode,
    iter_chunks,
)
from chunkview._chunks.decode import DELTAS
from chunkview._model.record import to_json
from chunkview.testing import strategies as cv
from support import (
    MESSAGE_STOP,
    PING,
    Event,
    Recorded,
    block_start,
    block_stop,
    delta,
    examples,
    message_delta,
    message_start,
    sdk_event,
    sse,
    text_delta,
)

Place = tuple[Any, ...]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Where there is a value within an event: the keys and numbers that lead there."""
    for step in value if isinstance(value, dict) else range(len(value)):
        yield (*place, step)
        if isinstance(value[step], (dict, list)):
            yield from places(value[step], (*place, step))


def written(place: Place) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


CLASSES: dict[str, type[AnthropicCallResponseChunk]] = {
    "message_start": MessageStartChunk,
    "content_block_start": ContentBlockStartChunk,
    "content_block_stop": ContentBlockStopChunk,
    "message_delta": MessageDeltaChunk,
    "message_stop": MessageStopChunk,
    "ping": PingChunk,
    "error": ErrorChunk,
    "text_delta": TextDeltaChunk,
    "input_json_delta": InputJsonDeltaChunk,
    "thinking_delta": ThinkingDeltaChunk,
    "signature_delta": SignatureDeltaChunk,
    "citations_delta": CitationsDeltaChunk,
    "compaction_delta": CompactionDeltaChunk,
    "text": HelperEventChunk,
    "thinking": HelperEventChunk,
    "signature": HelperEventChunk,
    "citation": HelperEventChunk,
    "input_json": HelperEventChunk,
    "compaction": HelperEventChunk,
    "unknown": UnknownChunk,
}


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
"""What an event cannot do without, and of which type each is."""


MISSING: Any = object()
OF_ANOTHER_TYPE = [None, True, 7, 1.5, "unheard_of", [], {}, MISSING]


@pytest.mark.parametrize("tag", CLASSES)
@examples(1 / 3)
@given(st.data())
def test_a_mistake_is_noticed_and_the_error_says_where(tag: str, data: Any) -> None:
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
        # What is refused may be something that the new value lacks.
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


@pytest.mark.parametrize("tag", CLASSES)
@examples(1 / 6)
@given(st.data())
def test_an_event_of_each_type_has_its_class(tag: str, data: Any) -> None:
    event = data.draw(cv.events(tag))
    chunk: AnthropicCallResponseChunk = decode(event)
    assert type(chunk) is CLASSES[tag]
    if CLASSES[tag] in (HelperEventChunk, UnknownChunk):
        assert chunk == CLASSES[tag](event["type"], event)
        fields = {}
    elif tag in DELTAS:
        assert (chunk.type, chunk.delta_type) == ("content_block_delta", tag)  # type: ignore[attr-defined]
        fields = event | event["delta"]
    else:
        assert chunk.type == tag
        fields = event | event.get("delta", {})
    assert chunk.chunk is event
    assert chunk.to_event() == event
    for name in (field.name for field in attrs.fields(type(chunk)) if field.name in fields):
        assert to_json(getattr(chunk, name)) == fields[name]


def read_only(value: Any) -> Any:
    """A JSON value whose objects cannot be changed."""
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


CITATION = {
    "type": "web_search_result_location",
    "cited_text": "It rains.",
    "url": "https://example.com",
    "encrypted_index": "eA==",
    "title": None,
}

EVENTS_AND_CHUNKS: list[tuple[Event, AnthropicCallResponseChunk]] = [
    (block_start(), ContentBlockStartChunk(0, TextBlock(""))),
    (text_delta("hi", 3), TextDeltaChunk(3, "hi")),
    (delta("input_json_delta", partial_json='{"'), InputJsonDeltaChunk(0, '{"')),
    (delta("thinking_delta", thinking="hm"), ThinkingDeltaChunk(0, "hm")),
    (
        delta("thinking_delta", thinking="", estimated_tokens=50),
        ThinkingDeltaChunk(0, "", estimated_tokens=50),
    ),
    (delta("thinking_delta", estimated_tokens=None, thinking="hm"), ThinkingDeltaChunk(0, "hm")),
    (delta("signature_delta", signature="c2ln"), SignatureDeltaChunk(0, "c2ln")),
    (
        delta("citations_delta", citation={"type": "dream", "of": 1}),
        CitationsDeltaChunk(0, UnknownCitation("dream", {"type": "dream", "of": 1})),
    ),
    (delta("compaction_delta", content="so far"), CompactionDeltaChunk(0, "so far")),
    (delta("compaction_delta", content=None), CompactionDeltaChunk(0, None)),
    (
        delta("scent_delta", 1, smell="rose"),
        UnknownDeltaChunk(1, "scent_delta", {"type": "scent_delta", "smell": "rose"}),
    ),
    (block_stop(2), ContentBlockStopChunk(2)),
    (message_delta(), MessageDeltaChunk("end_turn", None, MessageDeltaUsage(5))),
    (MESSAGE_STOP, MessageStopChunk()),
    (PING, PingChunk()),
    (
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        ErrorChunk("overloaded_error", "Overloaded"),
    ),
    (
        {"type": "error", "error": {"type": "api_error", "message": "m"}, "request_id": "req_1"},
        ErrorChunk("api_error", "m", "req_1"),
    ),
    (
        {"type": "error", "error": {"type": "t", "message": "m", "details": {"error_code": "c"}}},
        ErrorChunk("t", "m", details={"error_code": "c"}),
    ),
    (
        {"type": "error", "error": {"type": "t", "message": "m", "details": None}},
        ErrorChunk("t", "m"),
    ),
    (
        {"type": "text", "text": "a", "snapshot": "aa"},
        HelperEventChunk("text", {"type": "text", "text": "a", "snapshot": "aa"}),
    ),
    ({"type": "sunrise", "at": 6}, UnknownChunk("sunrise", {"type": "sunrise", "at": 6})),
]


@pytest.mark.parametrize(("event", "chunk"), EVENTS_AND_CHUNKS)
def test_each_event_has_its_chunk(event: Event, chunk: AnthropicCallResponseChunk) -> None:
    decoded = decode(event)
    assert decoded == chunk
    assert decoded.chunk is event
    assert decoded.type == event["type"]
    assert decoded.to_event() == event


@pytest.mark.parametrize(("event", "chunk"), EVENTS_AND_CHUNKS)
def test_json_text_of_any_kind_decodes_alike(
    event: Event, chunk: AnthropicCallResponseChunk
) -> None:
    text = json.dumps(event)
    for source in (text, text.encode(), bytearray(text.encode()), memoryview(text.encode())):
        decoded = decode(source)
        assert decoded == chunk
        assert decoded.chunk == (source if isinstance(source, str) else bytes(source))
        assert decoded.to_event() == event


def test_a_mapping_that_is_no_dict_decodes_alike() -> None:
    event = types.MappingProxyType(
        {"type": "message_start", "message": OrderedDict(message_start()["message"])}
    )
    assert decode(event) == decode(message_start())
    assert decode(event).chunk is event
    assert decode(event).to_event() == message_start()


def test_a_mapping_that_is_nested_without_end_is_refused() -> None:
    nested: Any = {}
    for _ in range(100_000):
        nested = types.MappingProxyType({"a": nested})
    with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
        decode(types.MappingProxyType({"type": "sunrise", "at": nested}))


def test_values_of_subclasses_are_taken_for_what_they_are() -> None:
    class Text(str):
        __slots__ = ()

    class Index(enum.IntEnum):
        FIRST = 0

    event = delta("text_delta", Index.FIRST, text=Text("a"))
    assert decode(event) == TextDeltaChunk(0, "a")
    assert decode({**event, "type": Text("content_block_delta")}) == TextDeltaChunk(0, "a")
    assert decode(Text(json.dumps(PING))) == PingChunk()


STRING_DELTAS = pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("text_delta", "text"),
        ("input_json_delta", "partial_json"),
        ("thinking_delta", "thinking"),
        ("signature_delta", "signature"),
    ],
)


@STRING_DELTAS
def test_the_hot_deltas_take_the_short_way(
    kind: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The long way looks the reader up in this table.
    monkeypatch.setattr(sys.modules["chunkview._chunks.decode"], "_READERS", None)
    event = delta(kind, 1, **{field: "a"})
    chunk: Any = decode(event)
    assert getattr(chunk, field) == "a"
    assert chunk.index == 1
    assert chunk.chunk is event


@STRING_DELTAS
def test_the_hot_deltas_of_the_sdk_are_read_by_attribute(kind: str, field: str) -> None:
    event: Any = types.SimpleNamespace(
        type="content_block_delta",
        index=1,
        delta=types.SimpleNamespace(type=kind, **{field: "a"}),
    )
    chunk = decode(event)
    assert chunk == decode(delta(kind, 1, **{field: "a"}))
    assert chunk.chunk is event


@st.composite
def thinking_deltas(draw: Any) -> Event:
    """Thinking deltas whose keys are in any order, with an estimate, a null or none."""
    inside = {"type": "thinking_delta", "thinking": draw(st.sampled_from(["", "hm", "\n", "é"]))}
    estimate = draw(st.sampled_from(["none", None, 0, 50]))
    if estimate != "none":
        inside["estimated_tokens"] = estimate
    ordered = dict(draw(st.permutations(list(inside.items()))))
    return {"type": "content_block_delta", "index": draw(st.integers(0, 1)), "delta": ordered}


@given(st.lists(thinking_deltas(), min_size=1, max_size=6))
def test_every_way_of_decoding_reads_the_estimate_of_a_thinking_delta(events: list[Event]) -> None:
    expected = [
        ThinkingDeltaChunk(
            event["index"], event["delta"]["thinking"], event["delta"].get("estimated_tokens")
        )
        for event in events
    ]
    body = sse(events)
    pieces = [sse([event]) for event in events]
    chunks: dict[str, list[Any]] = {
        "dict": [decode(event) for event in events],
        "mapping": [decode(UserDict(event)) for event in events],
        "text": [decode(json.dumps(event)) for event in events],
        "sdk": [decode(sdk_event(event)) for event in events],
        "beta sdk": [decode(sdk_event(event, beta=True)) for event in events],
        "one event at a time": list(iter_chunks(pieces)),
        "whole": list(iter_chunks(body)),
        "byte by byte": list(iter_chunks(body[i : i + 1] for i in range(len(body)))),
    }
    assert chunks == dict.fromkeys(chunks, expected)
    for way in chunks.values():
        assert [chunk.to_event() for chunk in way] == events


def test_an_object_whose_dump_fails_is_refused_with_the_reason() -> None:
    class Event:
        type = "message_start"

        def model_dump(self, **_: Any) -> Any:
            raise ValueError("out of order")

    event = Event()
    with pytest.raises(DecodeError, match="the event's own dump failed: out of order") as caught:
        decode(event)
    assert caught.value.event is event


def test_a_chunk_view_is_returned_as_it_is() -> None:
    chunk = TextDeltaChunk(0, "a")
    assert decode(chunk) is chunk


def test_recorded_events_decode_and_are_written_again(recorded: Recorded) -> None:
    for event, payload in zip(recorded.events, recorded.payloads, strict=True):
        chunk = decode(event)
        assert not isinstance(chunk, (UnknownChunk, UnknownDeltaChunk))
        assert chunk.to_event() == event
        assert decode(payload) == chunk
        assert decode(payload).to_event() == event
        for beta in (False, True):
            assert decode(sdk_event(event, beta=beta)) == chunk


def test_an_sdk_object_is_kept_and_written_from_what_it_holds() -> None:
    event = {**text_delta("a"), "novelty": 1}
    built = sdk_event(event)
    chunk = decode(built)
    assert chunk.chunk is built
    assert chunk.to_event() == event


def test_an_sdk_object_with_something_mistyped_is_refused_like_the_dict() -> None:
    for event in (text_delta([5]), {**text_delta("a"), "index": "zero"}):  # type: ignore[arg-type]
        with pytest.raises(DecodeError) as of_dict:
            decode(event)
        with pytest.raises(DecodeError) as of_object:
            decode(sdk_event(event))
        assert str(of_object.value) == str(of_dict.value)


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
def test_a_bad_event_is_refused_with_the_place_and_carried_along(
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
def test_what_is_no_event_at_all_is_refused(source: Any) -> None:
    with pytest.raises(DecodeError, match="expected a mapping, JSON text or an event of the"):
        decode(source)


@pytest.mark.parametrize(
    "text", ["", "{", "nonsense", "[]", "1", '"ping"', "null", b"\xff", "\ud800"]
)
def test_text_that_is_no_json_object_is_refused_and_carried_along(text: str | bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(text)
    assert caught.value.event == text


def test_a_stop_reason_that_is_not_listed_is_passed_on() -> None:
    chunk = decode(message_delta("boredom"))
    assert chunk.finish_reasons == ["boredom"]
    assert chunk.common_finish_reasons is None


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
def test_nesting_is_bounded_wherever_json_is_kept(make: Any) -> None:
    assert decode(make(deep(150))).to_event() == make(deep(150))
    for levels in (250, 100_000):
        with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
            decode(make(deep(levels)))


@pytest.mark.parametrize(
    "make", [dict, types.MappingProxyType, json.dumps, sdk_event, lambda event: {**event}]
)
@pytest.mark.parametrize("place", ["event", "delta"])
def test_a_key_that_nothing_reads_is_bounded_too(place: str, make: Any) -> None:
    def event(levels: int) -> Event:
        if place == "delta":
            return delta("text_delta", text="a", novelty=deep(levels))
        return {**text_delta("a"), "novelty": deep(levels)}

    chunk = decode(make(event(190)))
    assert chunk == TextDeltaChunk(0, "a")
    assert chunk.to_event() == event(190)
    with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
        decode(make(event(200)))


def test_an_object_that_holds_itself_is_refused() -> None:
    event: Event = {"type": "sunrise"}
    event["again"] = [event, event]
    with pytest.raises(DecodeError, match="nested deeper"):
        decode(event)
