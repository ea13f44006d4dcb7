"""Each event decodes to its class, and is written again as it was read."""

from __future__ import annotations

import json
import sys
from collections import UserDict
from typing import Any

import attrs
import pytest
from hypothesis import given
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
from chunkview._model.bounds import MAX_DEPTH
from chunkview._model.record import to_json
from chunkview.testing import strategies as cv
from support import (
    MESSAGE_STOP,
    PING,
    STRING_DELTAS,
    Event,
    Recorded,
    block_start,
    block_stop,
    delta,
    examples,
    message_delta,
    sdk_event,
    sse,
    text_delta,
)

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


@pytest.mark.parametrize("tag", CLASSES)
@examples(1 / 6)
@given(st.data())
def test_an_event_of_each_type_has_its_class(tag: str, data: Any) -> None:
    event = data.draw(cv.events(tag))
    chunk = decode(event)
    assert type(chunk) is CLASSES[tag]
    if CLASSES[tag] in (HelperEventChunk, UnknownChunk):
        assert chunk == CLASSES[tag](event["type"], event)
        fields = {}
    elif tag in DELTAS:
        assert (chunk.type, chunk.delta_type) == ("content_block_delta", tag)  # type: ignore[union-attr]
        fields = event | event["delta"]
    else:
        assert chunk.type == tag
        fields = event | event.get("delta", {})
    assert chunk.chunk is event
    assert chunk.to_event() == event
    for name in (field.name for field in attrs.fields(type(chunk)) if field.name in fields):
        assert to_json(getattr(chunk, name)) == fields[name]


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
def test_json_text_as_str_or_bytes_decodes_like_the_dict(
    event: Event, chunk: AnthropicCallResponseChunk
) -> None:
    text = json.dumps(event)
    for source in (text, text.encode(), bytearray(text.encode()), memoryview(text.encode())):
        decoded = decode(source)
        assert decoded == chunk
        assert decoded.chunk == (source if isinstance(source, str) else bytes(source))
        assert decoded.to_event() == event


def test_an_unknown_stop_reason_is_kept() -> None:
    chunk = decode(message_delta("boredom"))
    assert chunk.finish_reasons == ["boredom"]
    assert chunk.common_finish_reasons is None


@pytest.mark.parametrize(("kind", "field"), STRING_DELTAS.items())
def test_the_hot_deltas_take_the_short_way(
    kind: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The long way looks the reader up in this table.
    monkeypatch.setattr(sys.modules["chunkview._chunks.decode"], "_READERS", None)
    event = delta(kind, 1, **{field: "a"})
    chunk = decode(event)
    assert getattr(chunk, field) == "a"
    assert chunk.index == 1  # type: ignore[union-attr]
    assert chunk.chunk is event


@st.composite
def thinking_deltas(draw: Any) -> Event:
    """Thinking deltas with their keys in any order, and an estimate, a null or no such key."""
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
    chunks = {
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


def test_recorded_events_decode_and_are_written_as_they_were_read(recorded: Recorded) -> None:
    for event, payload in zip(recorded.events, recorded.payloads, strict=True):
        chunk = decode(event)
        assert not isinstance(chunk, (UnknownChunk, UnknownDeltaChunk))
        assert chunk.to_event() == event
        assert decode(payload) == chunk
        assert decode(payload).to_event() == event
        for beta in (False, True):
            assert decode(sdk_event(event, beta=beta)) == chunk


ODD: Any = st.sampled_from(["", "error", "what came", None, 0, True, [], {}, {"type": "x"}])
ERRORS = st.builds(
    lambda error, beside: {"type": "error", "error": error, **beside},
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("api_error") | ODD,
            "message": st.just("Overloaded") | ODD,
            "details": st.none() | ODD,
            "error": ODD,
            "code": ODD,
        },
    )
    | ODD,
    st.fixed_dictionaries(
        {}, optional={"request_id": st.text() | ODD, "message": ODD, "code": ODD, "detail": ODD}
    ),
)


@given(ERRORS | cv.events("error"))
def test_the_short_way_reads_an_error_as_the_long_way_does(event: Event) -> None:
    long = ErrorChunk.from_event(event, event)
    short = decode(event)
    assert attrs.astuple(short, recurse=False) == attrs.astuple(long, recurse=False)
    assert type(short) is ErrorChunk
    assert short.chunk is event
    assert short.to_event() == event


@given(cv.events("compaction_delta"))
def test_the_short_way_reads_a_compaction_as_the_long_way_does(event: Event) -> None:
    long = CompactionDeltaChunk.from_event(event, event)
    short = decode(event)
    assert attrs.astuple(short, recurse=False) == attrs.astuple(long, recurse=False)
    assert short.to_event() == event


@pytest.mark.parametrize("key", ["details", "request_id", "message", "type"])
def test_an_error_that_is_nested_too_deep_is_refused(key: str) -> None:
    deep: Any = {}
    for _ in range(MAX_DEPTH):
        deep = [deep]
    error = {"type": "api_error", "message": "Overloaded", key: deep}
    with pytest.raises(DecodeError, match="nested deeper"):
        decode({"type": "error", "error": error})
    with pytest.raises(DecodeError, match="nested deeper"):
        decode({"type": "error", "error": {"type": "a", "message": "b"}, "request_id": deep})
