"""`message_streams`, compared with chunkview and the SDK."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.data import ConjectureData

import chunkview
from chunkview import InvalidJson, StreamError, accumulate, decode
from chunkview._model import BLOCKS, CITATIONS
from chunkview.testing import strategies as cv
from support import any_streams, drawn, sdk_accumulate, without_nulls
from testing.drawing import (
    BETA_KEYS,
    BETA_TAGS,
    Predicate,
    Stream,
    deltas,
    few,
    forget,
    has_unknown,
    inside,
    keys,
    left_open,
    occurs,
    starts,
    tags,
)

if TYPE_CHECKING:
    from support import Event


@pytest.fixture(scope="module")
def streams() -> list[Stream]:
    return drawn(cv.message_streams(), 3) + drawn(cv.message_streams(realistic=False), 1)


def usages(stream: Stream) -> list[Event]:
    first = [event["message"]["usage"] for event in stream if event["type"] == "message_start"]
    return first + [event["usage"] for event in stream if event["type"] == "message_delta"]


@given(any_streams())
def test_every_stream_is_accepted_and_nothing_is_lost(stream: Stream) -> None:
    assert accumulate(stream).content is not None
    assert [decode(event).to_event() for event in stream] == stream


@given(any_streams())
def test_every_stream_can_be_written_as_json_and_read_back(stream: Stream) -> None:
    assert json.loads(json.dumps(stream, ensure_ascii=False, allow_nan=False).encode()) == stream
    numbers = [item for item in inside(stream) if isinstance(item, int)]
    assert all(-(2**63) <= number < 2**63 for number in numbers)


@given(any_streams())
def test_every_stream_is_new_and_may_be_changed(stream: Stream) -> None:
    accumulate(stream)
    forget(stream)


@pytest.mark.parametrize("beta", [False, True])
@settings(max_examples=50)
@given(data=st.data())
def test_the_official_sdk_accepts_every_stream(beta: bool, data: st.DataObject) -> None:
    realistic = data.draw(st.booleans())
    stream = data.draw(cv.message_streams(beta=beta, realistic=realistic))
    theirs, ours = sdk_accumulate(stream, beta=beta), accumulate(stream)
    assert theirs["stop_reason"] == ours.stop_reason
    assert theirs["usage"]["output_tokens"] == ours.usage.output_tokens
    assert len(theirs["content"]) == len(ours.content)
    for their_block, our_block in zip(theirs["content"], ours.content, strict=True):
        if isinstance(our_block, chunkview.TextBlock):
            assert their_block["text"] == our_block.text
        if isinstance(our_block, chunkview.ToolUseBlock) and isinstance(our_block.input, dict):
            assert without_nulls(their_block["input"]) == without_nulls(our_block.input)


@given(any_streams())
def test_counts_on_message_delta_are_never_smaller_than_before(stream: Stream) -> None:
    names = ("output_tokens", "input_tokens", "cache_read_input_tokens")
    for name in names:
        counts = [usage[name] for usage in usages(stream) if usage.get(name) is not None]
        assert counts == sorted(counts)


@given(cv.message_streams(blocks=["tool_use"] * 4) | cv.message_streams(min_blocks=4))
def test_each_call_of_a_tool_has_an_id_of_its_own(stream: Stream) -> None:
    ids = [block["id"] for block in starts(stream) if isinstance(block.get("id"), str)]
    assert len(set(ids)) == len(ids)


@given(cv.message_streams(min_blocks=2))
def test_the_id_of_a_call_says_what_is_called(stream: Stream) -> None:
    for block in starts(stream):
        prefix = PREFIXES.get(block["type"])
        assert prefix is None or re.fullmatch(rf"{prefix}_\d+(_\d+)?", block["id"])


PREFIXES = {"tool_use": "toolu", "server_tool_use": "srvtoolu", "mcp_tool_use": "mcptoolu"}


@given(any_streams(cut_off=False))
def test_a_stream_that_is_not_cut_off_ends_every_block_and_every_tool_input(
    stream: Stream,
) -> None:
    assert not left_open(stream)
    inputs = [getattr(block, "input", None) for block in accumulate(stream).content]
    assert not any(isinstance(tool_input, InvalidJson) for tool_input in inputs)


SERVER_TOOL_TAGS = {"server_tool_use", "container_upload"} | {
    tag for tag in BLOCKS if tag.endswith("_tool_result") and tag != "mcp_tool_result"
}
CUT_OFF_REASONS = {"max_tokens", "model_context_window_exceeded"}
FEATURES: dict[str, Predicate] = {
    "thinking": lambda stream: tags(stream) & {"thinking", "redacted_thinking", "thinking_delta"},
    "tools": lambda stream: "tool_use" in tags(stream),
    "server_tools": lambda stream: tags(stream) & SERVER_TOOL_TAGS,
    "citations": lambda stream: "citations_delta" in tags(stream),
    "beta": lambda stream: tags(stream) & BETA_TAGS or BETA_KEYS & set(keys(stream)),
    "cut_off": lambda stream: left_open(stream),
    "pings": lambda stream: "ping" in tags(stream),
    "unknown": lambda stream: has_unknown(stream),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_occurs_by_default(feature: str, streams: list[Stream]) -> None:
    assert any(FEATURES[feature](stream) for stream in streams)


@pytest.mark.parametrize("realistic", [True, False])
@pytest.mark.parametrize("feature", FEATURES)
@settings(max_examples=20)
@given(data=st.data())
def test_a_feature_that_is_off_never_occurs(
    realistic: bool, feature: str, data: st.DataObject
) -> None:
    options: dict[str, Any] = {feature: False, "realistic": realistic}
    assert not FEATURES[feature](data.draw(cv.message_streams(**options)))


ALL_OFF: dict[str, Any] = dict.fromkeys(FEATURES, False)


@few
@given(any_streams(**ALL_OFF))
def test_with_everything_off_there_is_only_text(stream: Stream) -> None:
    assert {block["type"] for block in starts(stream)} <= {"text"}
    assert {delta["type"] for delta in deltas(stream)} <= {"text_delta"}


@pytest.mark.parametrize("realistic", [True, False])
@few
@given(data=st.data())
def test_sizes_are_kept(realistic: bool, data: st.DataObject) -> None:
    stream = data.draw(
        cv.message_streams(
            realistic=realistic,
            min_blocks=1,
            max_blocks=2,
            max_deltas=1,
            min_message_deltas=0,
            max_message_deltas=3,
        )
    )
    assert 1 <= len(starts(stream)) <= 2
    assert len(deltas(stream)) <= len(starts(stream))
    assert len(usages(stream)) <= 4


@pytest.mark.parametrize("realistic", [True, False])
@few
@given(data=st.data(), count=st.integers(0, 7))
def test_numbers_of_blocks_and_deltas_are_exact(
    realistic: bool, data: st.DataObject, count: int
) -> None:
    stream = data.draw(
        cv.message_streams(
            realistic=realistic,
            min_blocks=count,
            max_blocks=count,
            min_deltas=count,
            max_deltas=count,
            cut_off=False,
        )
    )
    assert len(starts(stream)) == count
    for index, block in enumerate(starts(stream)):
        if block["type"] in ("text", "thinking", "tool_use", "server_tool_use", "mcp_tool_use"):
            own = [event for event in stream if event.get("index") == index and "delta" in event]
            assert len([event for event in own if event["type"] == "content_block_delta"]) == count


def test_exact_numbers_need_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        pytest.fail("an example was thrown away")

    monkeypatch.setattr(ConjectureData, "mark_invalid", refuse)
    drawn(cv.message_streams(min_blocks=3, max_blocks=3, min_deltas=2, max_deltas=2), 1)
    drawn(cv.message_streams(blocks=["tool_use"] * 3), 1)


@few
@given(cv.message_streams(errors=True))
def test_an_error_event_comes_last_and_is_raised(stream: Stream) -> None:
    if "error" not in tags(stream):
        assert accumulate(stream)
        return
    assert stream[-1]["type"] == "error"
    assert "message_stop" not in tags(stream)
    with pytest.raises(StreamError):
        accumulate(stream)


SEEN: dict[str, Predicate] = {
    "a ping before message_start": lambda stream: stream[0]["type"] == "ping",
    "a ping after message_stop": lambda stream: stream[-1]["type"] == "ping",
    "an empty text delta": lambda stream: {"type": "text_delta", "text": ""} in deltas(stream),
    "text that a block brings along": lambda stream: any(
        block["type"] == "text" and block["text"] for block in starts(stream)
    ),
    "a signature that a block brings along": lambda stream: any(
        block["type"] == "thinking" and block["signature"] for block in starts(stream)
    ),
    "a signature": lambda stream: "signature_delta" in tags(stream),
    "two calls of tools": lambda stream: (
        sum(block["type"] == "tool_use" for block in starts(stream)) > 1
    ),
    "two message_deltas": lambda stream: len(usages(stream)) == 3,
    "a message_delta without input tokens": lambda stream: "input_tokens" not in usages(stream)[1],
    "a message_delta with null for input tokens": lambda stream: (
        usages(stream)[1].get("input_tokens", 0) is None
    ),
    "a stop_sequence": lambda stream: any(
        event["type"] == "message_delta" and event["delta"]["stop_sequence"] for event in stream
    ),
    "an unknown delta": lambda stream: any(
        delta["type"].startswith("unknown") for delta in deltas(stream)
    ),
    "an unknown key on an event": lambda stream: any(
        event["type"] == "content_block_stop" and len(event) > 2 for event in stream
    ),
    "a cut in an escape": lambda stream: any(
        re.search(r"(?<!\\)(\\\\)*\\(u[0-9a-f]{0,3})?$", delta.get("partial_json", ""))
        for delta in deltas(stream)
    ),
    "a cut between surrogates": lambda stream: any(
        re.search(r"(?<!\\)(\\\\)*\\ud[89ab][0-9a-f]{2}$", delta.get("partial_json", ""))
        for delta in deltas(stream)
    ),
    "thinking cut off before its signature": lambda stream: any(
        isinstance(block, chunkview.ThinkingBlock) and not block.signature
        for block in accumulate(stream).content
    ),
    "a tool input cut off": lambda stream: any(
        isinstance(getattr(block, "input", None), InvalidJson)
        for block in accumulate(stream).content
    ),
    "a tool input that comes whole": lambda stream: any(
        block.get("input") for block in starts(stream)
    ),
    **{
        f"a block of type {tag}": lambda stream, tag=tag: tag in tags(stream)  # type: ignore[misc]
        for tag in BLOCKS
    },
    **{
        f"a citation of type {tag}": lambda stream, tag=tag: any(  # type: ignore[misc]
            delta["citation"]["type"] == tag
            for delta in deltas(stream)
            if delta["type"] == "citations_delta"
        )
        for tag in CITATIONS
    },
}


@pytest.mark.parametrize("what", SEEN)
def test_the_habits_of_real_streams_occur(what: str, streams: list[Stream]) -> None:
    # What Hypothesis draws depends on all that has been imported, so a rare case may be missing.
    # Then look for it.
    drawn_already = any(SEEN[what](stream) for stream in streams)
    assert drawn_already or occurs(cv.message_streams(realistic=False), SEEN[what])
