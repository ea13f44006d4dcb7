"""The chunk views: their attributes, equality, and the events that they write."""

# mypy: disable-error-code="comparison-overlap"
from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chunkview
from chunkview import (
    AnthropicCallResponseChunk,
    CompactionDeltaChunk,
    ContentBlockStartChunk,
    CostMetadata,
    ErrorChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageDeltaUsage,
    MessageStartChunk,
    MessageStopChunk,
    PingChunk,
    TextBlock,
    TextDeltaChunk,
    ThinkingBlock,
    ThinkingDeltaChunk,
    UnknownChunk,
    UnknownDeltaChunk,
    Usage,
    decode,
)
from chunkview._chunks.decode import DELTAS
from chunkview.common import Usage as CommonUsage
from chunkview.testing import strategies as cv
from support import (
    Event,
    Recorded,
    block_start,
    delta,
    examples,
    message_delta,
    message_start,
    text_delta,
)

CHUNK_CLASSES = [
    cls
    for name in chunkview.__all__
    if name.endswith("Chunk") and not name.endswith("CallResponseChunk")
    for cls in [getattr(chunkview, name)]
]


COMMON_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


@given(cv.events())
def test_every_attribute_has_the_value_of_the_event(event: Any) -> None:
    chunk = decode(event)
    tag = event["type"]
    message = event["message"] if tag == "message_start" else {}
    delta = event["delta"] if tag in ("content_block_delta", "message_delta") else {}
    block = event["content_block"] if tag == "content_block_start" else {}
    usage = event["usage"] if tag == "message_delta" else message.get("usage", {})

    def joined(name: str, *tags: str) -> str:
        parts = [*message.get("content", ()), block, delta]
        return "".join(part[name] for part in parts if part.get("type") in tags)

    assert str(chunk) == chunk.content == joined("text", "text", "text_delta")
    assert chunk.thinking == joined("thinking", "thinking", "thinking_delta")
    assert chunk.signature == joined("signature", "thinking", "signature_delta")
    assert (chunk.model, chunk.id) == (message.get("model"), message.get("id"))

    stopped = message or (delta if tag == "message_delta" else {})
    reason = stopped.get("stop_reason")
    common_reason = COMMON_REASONS.get(str(reason))
    assert chunk.finish_reasons == (None if reason is None else [reason])
    assert chunk.common_finish_reasons == (None if common_reason is None else [common_reason])

    assert usage == ({} if chunk.usage is None else chunk.usage.to_dict())
    names = ("input_tokens", "cache_read_input_tokens", "output_tokens")
    counts = [usage.get(name) for name in names]
    assert [chunk.input_tokens, chunk.cached_tokens, chunk.output_tokens] == counts
    cost = chunk.cost_metadata
    assert [cost.input_tokens, cost.cached_tokens, cost.output_tokens] == counts
    assert cost.model == chunk.model
    read, cached, wrote = (count or 0 for count in counts)
    expected = CommonUsage(read, cached, wrote, read + wrote) if usage else None
    assert chunk.common_usage == expected


TAGS = ["message_start", "content_block_start", *DELTAS, "message_delta", "error"]


@pytest.mark.parametrize("tag", TAGS)
@examples(1 / 4)
@given(st.data())
def test_evolve_changes_one_field_and_keeps_every_key(tag: str, data: Any) -> None:
    chunk, other = data.draw(cv.chunks(tag)), data.draw(cv.chunks(tag))
    names = [field.name for field in attrs.fields(type(chunk)) if field.eq]
    name = data.draw(st.sampled_from(names))
    changed = attrs.evolve(chunk, **{name: getattr(other, name)})
    event = changed.to_event()
    assert decode(event) == changed
    assert event.keys() >= chunk.chunk.keys()
    assert event.get("delta", {}).keys() >= chunk.chunk.get("delta", {}).keys()
    again = attrs.evolve(changed, **{name: getattr(chunk, name)})
    assert again == chunk
    assert again.to_event() == chunk.chunk


def test_a_chunk_matches_by_position_and_is_flat() -> None:
    match decode(text_delta("hi", 2)):
        case TextDeltaChunk(index, text):
            assert (index, text) == (2, "hi")
        case other:
            pytest.fail(f"no match: {other}")


@pytest.mark.parametrize("cls", CHUNK_CLASSES, ids=lambda cls: cls.__name__)
def test_every_variant_is_frozen_and_slotted_and_takes_its_event_by_keyword(
    cls: type[AnthropicCallResponseChunk],
) -> None:
    assert issubclass(cls, AnthropicCallResponseChunk)
    fields = attrs.fields(cls)
    assert fields.chunk.kw_only
    assert fields.chunk.default is None
    assert "chunk" not in cls.__match_args__
    arguments = [None for field in fields if not field.kw_only]
    chunk = cls(*arguments)
    assert not hasattr(chunk, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        chunk.chunk = {}  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del chunk.chunk


def made_by_hand(_event: Event) -> TextDeltaChunk:
    return TextDeltaChunk(0, "hi")


@pytest.mark.parametrize("make", [decode, made_by_hand])
def test_a_decoded_chunk_is_as_frozen_as_one_made_by_hand(make: object) -> None:
    chunk = make(text_delta("hi"))  # type: ignore[operator]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        chunk.text = "ho"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del chunk.text
    with pytest.raises(AttributeError):
        chunk.novelty = 1
    assert chunk == TextDeltaChunk(0, "hi")
    assert hash(chunk) == hash(TextDeltaChunk(0, "hi"))
    assert type(chunk) is TextDeltaChunk


def test_equality_hash_and_repr_ignore_the_original_event() -> None:
    decoded, made = decode(text_delta("hi")), TextDeltaChunk(0, "hi")
    assert decoded == made
    assert hash(decoded) == hash(made)
    assert repr(decoded) == repr(made) == "TextDeltaChunk(index=0, text='hi')"


def test_str_is_the_content() -> None:
    assert str(decode(text_delta("hi"))) == "hi"
    assert str(PingChunk()) == ""


def test_message_start_has_the_attributes_of_its_message() -> None:
    chunk = decode(
        message_start(
            content=[{"type": "text", "text": "a"}, {"type": "thinking", "thinking": "b"}],
            stop_reason="refusal",
            usage={"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3},
        )
    )
    assert isinstance(chunk, MessageStartChunk)
    assert (chunk.id, chunk.model, chunk.content, chunk.thinking) == (
        "msg_1",
        "claude-test",
        "a",
        "b",
    )
    assert chunk.signature == ""
    assert chunk.usage is chunk.message.usage
    assert (chunk.input_tokens, chunk.output_tokens, chunk.cached_tokens) == (1, 2, 3)
    assert chunk.cost_metadata == CostMetadata(1, 2, 3, model="claude-test", final=False)
    assert chunk.common_usage == CommonUsage(1, 3, 2, 3)
    assert chunk.finish_reasons == ["refusal"]
    assert chunk.common_finish_reasons == ["content_filter"]


def test_message_delta_has_the_stop_reason_and_the_token_counts() -> None:
    chunk = decode(message_delta("max_tokens", cache_read_input_tokens=3))
    assert chunk.finish_reasons == ["max_tokens"]
    assert chunk.common_finish_reasons == ["length"]
    assert chunk.usage == MessageDeltaUsage(5, cache_read_input_tokens=3)
    assert (chunk.input_tokens, chunk.output_tokens, chunk.cached_tokens) == (None, 5, 3)
    assert chunk.cost_metadata == CostMetadata(None, 5, 3)
    assert chunk.common_usage == CommonUsage(0, 3, 5, 5)
    assert decode(message_delta(None)).finish_reasons is None
    assert decode(message_delta(None)).common_finish_reasons is None


@pytest.mark.parametrize(("reason", "common"), COMMON_REASONS.items())
def test_every_stop_reason_has_a_word_that_all_providers_share(reason: str, common: str) -> None:
    assert decode(message_delta(reason)).common_finish_reasons == [common]


def test_finish_reasons_is_a_new_list_at_each_access() -> None:
    chunk = decode(message_delta())
    reasons = chunk.finish_reasons
    assert reasons is not None
    reasons.clear()
    assert chunk.finish_reasons == ["end_turn"]


def test_text_in_a_block_start_is_content() -> None:
    text = decode(block_start(type="text", text="hi"))
    assert (text.content, text.thinking, text.signature) == ("hi", "", "")
    thinking = decode(block_start(type="thinking", thinking="hm", signature="c2ln"))
    assert (thinking.content, thinking.thinking, thinking.signature) == ("", "hm", "c2ln")
    unsigned = decode(block_start(type="thinking", thinking="hm"))
    assert (unsigned.thinking, unsigned.signature) == ("hm", "")


def test_a_delta_fills_its_own_attribute_only() -> None:
    thinking = decode(delta("thinking_delta", thinking="hm"))
    assert (thinking.content, thinking.thinking, thinking.signature) == ("", "hm", "")
    signature = decode(delta("signature_delta", signature="s"))
    assert (signature.content, signature.thinking, signature.signature) == ("", "", "s")
    summary = decode(delta("compaction_delta", content="so far"))
    assert summary.content == ""


@pytest.mark.parametrize(
    "chunk",
    [TextDeltaChunk(0, "a"), InputJsonDeltaChunk(0, "{"), PingChunk(), MessageStopChunk()],
)
def test_attributes_without_a_value_are_none(chunk: AnthropicCallResponseChunk) -> None:
    assert chunk.usage is chunk.input_tokens is chunk.output_tokens is chunk.cached_tokens is None
    assert chunk.model is chunk.id is chunk.finish_reasons is chunk.common_finish_reasons is None
    assert chunk.common_usage is None
    assert chunk.cost_metadata == CostMetadata(final=False)


def test_a_chunk_made_by_hand_is_written_from_its_fields() -> None:
    assert TextDeltaChunk(1, "a").to_event() == text_delta("a", 1)
    assert MessageDeltaChunk("end_turn", None, MessageDeltaUsage(5)).to_event() == message_delta()
    assert CompactionDeltaChunk(0, None).to_event() == delta("compaction_delta", content=None)
    assert ErrorChunk("t", "m").to_event() == {
        "type": "error",
        "error": {"type": "t", "message": "m"},
    }
    assert UnknownDeltaChunk(0, "scent_delta", {"smell": 1}).to_event() == delta(
        "scent_delta", smell=1
    )
    assert UnknownChunk("sunrise", {}).to_event() == {"type": "sunrise"}
    assert ContentBlockStartChunk(0, TextBlock("a")).to_event() == block_start(
        type="text", text="a"
    )


def evolve(chunk: Any, **changes: Any) -> Any:
    """`attrs.evolve` of a chunk of any class."""
    return attrs.evolve(chunk, **changes)


def test_after_evolve_the_fields_win_and_the_unknown_keys_stay() -> None:
    event = {**delta("text_delta", text="a", novelty=1), "more": [1]}
    evolved = evolve(decode(event), text="b")
    assert evolved.to_event() == {**delta("text_delta", text="b", novelty=1), "more": [1]}

    event = {**message_delta(), "context_management": {"applied_edits": []}, "more": None}
    evolved = evolve(decode(event), stop_reason=None, context_management=None)
    assert evolved.to_event() == {**message_delta(None), "context_management": None, "more": None}

    event = {"type": "error", "error": {"type": "t", "message": "m", "details": None}}
    evolved = evolve(decode(event), error_message="n", request_id="r")
    assert evolved.to_event() == {
        "type": "error",
        "error": {"type": "t", "message": "n", "details": None},
        "request_id": "r",
    }


def test_after_evolve_a_misfit_or_a_missing_object_makes_way() -> None:
    for event in (
        {"type": "message_delta"},
        {"type": "message_delta", "delta": None},
        {"type": "message_delta", "delta": "stop"},
    ):
        evolved = evolve(decode(event), stop_reason="end_turn")
        assert evolved.to_event() == {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    event = message_start(id=5, usage="none", novelty=1)
    chunk: Any = decode(event)
    evolved = evolve(chunk, message=evolve(chunk.message, id="msg_2", usage=Usage(1)))
    assert evolved.to_event() == message_start(id="msg_2", usage={"input_tokens": 1}, novelty=1)
    misfit = {"type": "error", "error": "busy", "request_id": 5}
    evolved = evolve(decode(misfit), error_type="overloaded_error")
    assert evolved.to_event() == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "busy"},
        "request_id": 5,
    }


def test_a_delta_that_is_told_by_its_key_gets_a_type_when_the_key_goes() -> None:
    event = {"type": "content_block_delta", "index": 0, "delta": {"citation": {"type": "dream"}}}
    assert decode(event).to_event() == event
    evolved = evolve(decode(event), citation=None)
    assert evolved.to_event() == delta("citations_delta", citation=None)
    assert decode(evolved.to_event()) == evolved


def test_a_written_event_shares_nothing_with_the_original() -> None:
    event = {"type": "sunrise", "colours": ["red"]}
    decode(event).to_event()["colours"].append("gold")
    assert event == {"type": "sunrise", "colours": ["red"]}
    start = message_start(novelty={"a": []})
    decode(start).to_event()["message"]["novelty"]["a"].append(1)
    assert start == message_start(novelty={"a": []})


def test_pickle_and_copy_keep_recorded_chunks_and_their_events(recorded: Recorded) -> None:
    for event in recorded.events:
        chunk = decode(event)
        for twin in (pickle.loads(pickle.dumps(chunk)), copy.copy(chunk), copy.deepcopy(chunk)):
            assert twin == chunk
            assert twin.to_event() == event


def test_thinking_and_signature_can_be_read_from_chunks_made_by_hand() -> None:
    assert ThinkingDeltaChunk(0, "hm").thinking == "hm"
    block = ThinkingBlock("hm", "s")
    assert ContentBlockStartChunk(0, block).signature == "s"
