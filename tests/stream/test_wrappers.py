"""Events in a wrapper: Claude Code's lines and objects, and the events of boto3."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pickle
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    DecodeError,
    ErrorChunk,
    IncompleteStreamError,
    PingChunk,
    StreamError,
    UnknownChunk,
    aaccumulate,
    accumulate,
    decode,
    iter_chunks,
    iter_messages,
)
from chunkview._chunks import parent_of, unwrapped
from chunkview.testing import strategies as cv
from support import MESSAGE_STOP, PING, as_async, sse, text_stream


@dataclasses.dataclass
class StreamEvent:
    """As in the Claude Agent SDK."""

    uuid: str
    session_id: str
    event: dict[str, Any]
    parent_tool_use_id: str | None = None


@dataclasses.dataclass
class SystemMessage:
    """As in the Claude Agent SDK: a message without an event."""

    subtype: str
    data: dict[str, Any]


StreamEvent.__module__ = SystemMessage.__module__ = "claude_agent_sdk.types"


def wrapped(event: Any, parent: str | None = None) -> dict[str, Any]:
    return {
        "type": "stream_event",
        "event": event,
        "session_id": "s",
        "parent_tool_use_id": parent,
        "uuid": "u",
    }


FIRST_LINE = {"type": "system", "subtype": "init", "session_id": "s"}
OTHER_LINES: list[Any] = [
    FIRST_LINE,
    {"type": "assistant", "message": {"type": "message", "content": []}, "session_id": "s"},
    {"type": "result", "subtype": "success", "session_id": "s", "result": "x", "error": None},
    {"type": "rate_limit_event"},
    {"no": "type"},
]

WRAPPERS: dict[str, Any] = {
    "dicts": wrapped,
    "mappings": lambda event: types.MappingProxyType(wrapped(event)),
    "lines": lambda event: json.dumps(wrapped(event)) + "\n",
    "objects": lambda event: StreamEvent("u", "s", event),
    "boto3": lambda event: {"chunk": {"bytes": json.dumps(event).encode()}},
}


@pytest.mark.parametrize("kind", WRAPPERS)
@given(events=cv.message_streams())
def test_the_chunk_is_the_wrapper_and_to_event_gives_the_event(kind: str, events: Any) -> None:
    items = [WRAPPERS[kind](event) for event in events]
    chunks = list(iter_chunks(items))
    assert chunks == [decode(event) for event in events]
    assert all(chunk.chunk is item for chunk, item in zip(chunks, items, strict=True))
    assert [chunk.to_event() for chunk in chunks] == events
    whole = accumulate(events)
    assert accumulate(items) == accumulate(iter(items)) == accumulate(chunks) == whole
    assert asyncio.run(aaccumulate(as_async(items))) == whole
    stream = AnthropicStream(items)
    assert [chunk for chunk, _ in _without_repeats(stream)] == chunks
    assert stream.finish() == whole
    assert list(iter_messages(items)) == [whole]


@pytest.mark.parametrize("kind", ["dicts", "lines"])
def test_the_other_lines_of_claude_code_are_skipped(kind: str) -> None:
    lines: list[Any] = [FIRST_LINE]
    for event in text_stream("a", "b"):
        lines += [wrapped(event), *OTHER_LINES]
    items = lines if kind == "dicts" else [json.dumps(line) for line in lines]
    assert list(iter_chunks(items)) == [decode(event) for event in text_stream("a", "b")]
    assert accumulate(items) == accumulate(text_stream("a", "b"))


def test_the_other_messages_of_the_agent_sdk_are_skipped() -> None:
    items: list[Any] = [SystemMessage("init", {})]
    for event in text_stream("a"):
        items += [StreamEvent("u", "s", event), SystemMessage("x", {})]
    assert accumulate(items) == accumulate(text_stream("a"))


def test_before_the_first_wrapper_an_unknown_event_is_no_line_of_claude_code() -> None:
    assert list(iter_chunks([{"type": "dawn"}])) == [UnknownChunk("dawn", {"type": "dawn"})]
    assert list(iter_chunks([{"type": "stream_event"}, {"type": "stream_event", "event": 5}])) == [
        decode({"type": "stream_event"}),
        decode({"type": "stream_event", "event": 5}),
    ]


def test_errors_and_events_between_the_wrappers_are_taken() -> None:
    items: list[Any] = [wrapped(PING), PING, {"error": "Busy"}]
    assert list(iter_chunks(items)) == [PingChunk(), PingChunk(), ErrorChunk("", "Busy")]


FORMS: dict[str, Any] = {
    "dict": lambda event: event,
    "text": json.dumps,
    "blank line": lambda event: "\n" + json.dumps(event),
    "wrapper": lambda event: {"type": "stream_event", "event": event},
    "line": lambda event: json.dumps({"type": "stream_event", "event": event}),
    "boto3": lambda event: {"chunk": {"bytes": json.dumps(event).encode()}},
    "bytes": lambda event: sse([event]),
    "chunk": decode,
}


@given(st.lists(st.sampled_from(sorted(FORMS)), min_size=4))
def test_items_of_all_forms_may_follow_one_another(forms: list[str]) -> None:
    events = [PING, *text_stream("a", "b"), PING]
    items = [FORMS[forms[at % len(forms)]](event) for at, event in enumerate(events)]
    # An accumulator takes chunk views as they are. So they do not tell it of wrappers to come.
    if isinstance(items[0], PingChunk):
        items[0] = PING
    assert accumulate(items).text == "ab"
    assert accumulate(items) == asyncio.run(aaccumulate(as_async(items)))
    assert accumulate(items) == accumulate(iter_chunks(items))


def test_what_the_wrapper_holds_is_checked() -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    for event in ({"type": "ping", "a": deep}, {"type": "content_block_stop"}):
        item = wrapped(event)
        with pytest.raises(DecodeError) as caught:
            list(iter_chunks([item]))
        assert caught.value.event is item
    for payload in (b"{", b"[1]", b'"x"'):
        item = {"chunk": {"bytes": payload}}
        with pytest.raises(DecodeError) as caught:
            list(iter_chunks([item]))
        assert caught.value.event is item


def test_an_exception_of_boto3_is_an_error_event_with_its_words() -> None:
    item = {
        "modelStreamErrorException": {"message": "Try again", "originalStatusCode": 500},
    }
    start = {"chunk": {"bytes": json.dumps(text_stream()[0]).encode()}}
    with pytest.raises(StreamError) as caught:
        accumulate([start, item])
    assert caught.value.error_type == "modelStreamErrorException"
    assert caught.value.error_message == "Try again"
    assert caught.value.partial is not None
    chunk = caught.value.chunk
    assert chunk is not None
    assert chunk.chunk is item
    assert chunk.to_event() == {
        "type": "error",
        "error": {
            "type": "modelStreamErrorException",
            "message": "Try again",
            "originalStatusCode": 500,
        },
    }


@pytest.mark.parametrize(
    "item",
    [
        {"chunk": {"bytes": "text"}},
        {"chunk": 5},
        {"chunk": {}},
        {"chunk": {"bytes": b"{}"}, "more": 1},
        {"otherException": {"message": "m"}},
        {"throttlingException": "m"},
        {"amazon-bedrock-invocationMetrics": {}},
    ],
)
def test_a_mapping_that_only_looks_like_a_wrapper_is_an_event(item: Any) -> None:
    assert unwrapped(item) is item
    assert list(iter_chunks([item])) == [decode(item)]


def test_an_object_that_fails_is_no_wrapper() -> None:
    class Hostile:
        @property
        def event(self) -> Any:
            raise KeyError("event")

    class Hungry:
        @property
        def event(self) -> Any:
            raise MemoryError

    class Failing(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise KeyError(key)

        def __iter__(self) -> Any:
            raise RuntimeError("no keys")

        def __len__(self) -> int:
            return 1

    items: list[Any] = [Hostile(), Failing(), types.SimpleNamespace(event=5)]
    for item in items:
        with pytest.raises(DecodeError) as caught:
            list(iter_chunks([item]))
        assert caught.value.event is item
    with pytest.raises(MemoryError):
        list(iter_chunks([Hungry()]))


# -- sub-agents --------------------------------------------------------------------------------


def interleaved(data: Any, streams: dict[str | None, list[Any]]) -> list[Any]:
    """The events of several agents, each in its own order."""
    rest = {parent: list(events) for parent, events in streams.items()}
    items = []
    while any(rest.values()):
        parent = data.draw(st.sampled_from([parent for parent, events in rest.items() if events]))
        items.append(wrapped(rest[parent].pop(0), parent))
    return items


@given(
    st.lists(cv.message_streams(max_blocks=2), min_size=2, max_size=3),
    st.sampled_from(["dicts", "lines", "objects", "chunks"]),
    st.data(),
)
def test_accumulate_and_anthropic_stream_follow_the_parent_of_the_first_event(
    streams: list[Any], kind: str, data: Any
) -> None:
    parents = [None, "toolu_1", "toolu_2"][: len(streams)]
    by_parent: dict[str | None, list[Any]] = dict(zip(parents, streams, strict=True))
    items = interleaved(data, by_parent)
    first = items[0]["parent_tool_use_id"]
    if kind == "lines":
        items = [json.dumps(item) for item in items]
    elif kind == "objects":
        items = [StreamEvent("u", "s", item["event"], item["parent_tool_use_id"]) for item in items]
    elif kind == "chunks":
        items = list(iter_chunks(items))
    whole = accumulate(by_parent[first])
    assert accumulate(items) == whole
    assert asyncio.run(aaccumulate(as_async(items))) == whole
    stream = AnthropicStream(items)
    chunks = [decode(event) for event in by_parent[first]]
    assert [chunk for chunk, _ in _without_repeats(stream)] == chunks
    assert stream.finish() == whole
    assert len(list(iter_chunks(items))) == len(items)
    for parent, events in by_parent.items():
        assert list(iter_messages(items, parent=parent)) == [accumulate(events)]
    messages = list(iter_messages(items))
    expected = [accumulate(events) for events in streams]
    assert len(messages) == len(expected)
    assert all(message in expected for message in messages)


def _without_repeats(stream: Any) -> list[Any]:
    """The pairs of a stream. A chunk that completes several tool calls comes once with each."""
    pairs: list[Any] = []
    for pair in stream:
        if not pairs or pairs[-1][0] is not pair[0]:
            pairs.append(pair)
    return pairs


def test_the_parent_of_what_is_no_wrapper_is_none() -> None:
    misfit = {**wrapped(PING), "parent_tool_use_id": 5}
    sources = [None, b"{}", "{", '"stream_event', "{}", {}, PING, wrapped(PING), misfit]
    assert [parent_of(source) for source in sources] == [None] * len(sources)
    assert parent_of(wrapped(PING, "t")) == parent_of(json.dumps(wrapped(PING, "t"))) == "t"
    assert parent_of(StreamEvent("u", "s", PING, "t")) == "t"


@pytest.mark.parametrize("kind", ["dicts", "lines", "objects", "boto3"])
def test_wrapped_chunks_can_be_copied_and_pickled(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = types.ModuleType("claude_agent_sdk.types")
    module.StreamEvent = StreamEvent
    monkeypatch.setitem(sys.modules, "claude_agent_sdk", types.ModuleType("claude_agent_sdk"))
    monkeypatch.setitem(sys.modules, "claude_agent_sdk.types", module)
    (chunk,) = iter_chunks([WRAPPERS[kind](MESSAGE_STOP)])
    for copied in (copy.deepcopy(chunk), pickle.loads(pickle.dumps(chunk))):
        assert copied == chunk
        assert copied.to_event() == MESSAGE_STOP


# -- the streams of compatible servers ---------------------------------------------------------


def test_an_unfinished_interleaved_recording_keeps_each_agent_apart(tmp_path: Path) -> None:
    lines = [
        json.dumps(wrapped(event, parent))
        for pair in zip(text_stream("A")[:-2], text_stream("B")[:-2], strict=True)
        for event, parent in zip(pair, (None, "toolu_1"), strict=True)
    ]
    path = tmp_path / "recorded.ndjson"
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    ways: list[tuple[Any, str]] = [
        ({}, "A"),
        ({"parent": None}, "A"),
        ({"parent": "toolu_1"}, "B"),
    ]
    for options, text in ways:
        with pytest.raises(IncompleteStreamError) as caught:
            list(iter_messages(lines, **options))
        assert caught.value.partial is not None
        assert caught.value.partial.text == text
    with path.open(encoding="utf-8") as file, pytest.raises(TypeError, match="binary mode"):
        accumulate(file)
    with path.open("rb") as binary, pytest.raises(DecodeError, match=r"recordings\.read"):
        accumulate(binary)


def test_bytes_are_never_a_wrapper() -> None:
    event = wrapped(PING)
    (chunk,) = iter_chunks([sse([event])])
    assert chunk == UnknownChunk("stream_event", event)
    assert chunk.to_event() == event
