"""Events that lack what is essential are refused; the error names the place and keeps the event."""

from __future__ import annotations

import json
import types
from typing import Any

import attrs
import pytest

from chunkview import (
    AnthropicCallResponseChunk,
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    DecodeError,
    ErrorChunk,
    InvalidJson,
    Message,
    MessageDeltaChunk,
    MessageDeltaUsage,
    MessageStartChunk,
    TextBlock,
    TextDeltaChunk,
    UnknownChunk,
    UnknownDeltaChunk,
    Usage,
    WebSearchResultLocationCitation,
    decode,
)
from support import (
    WEB_CITATION,
    Event,
    block_start,
    delta,
    message_delta,
    message_start,
    sdk_event,
    text_delta,
)

TOOL: Event = {"type": "tool_use", "id": "t", "input": {}}
PARTS_OF_BLOCKS = "content_block_start.content_block"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            "content_block_start.index: required, but missing",
        ),
        (
            {"type": "content_block_start", "index": 0},
            f"{PARTS_OF_BLOCKS}: required, but missing",
        ),
        (
            {"type": "content_block_start", "index": 0, "content_block": None},
            f"{PARTS_OF_BLOCKS}: expected object, got null",
        ),
        (
            {"type": "content_block_start", "index": 0, "content_block": "text"},
            f"{PARTS_OF_BLOCKS}: expected object, got str",
        ),
        (block_start(text=""), f"{PARTS_OF_BLOCKS}.type: required, but missing"),
        (block_start(type=None), f"{PARTS_OF_BLOCKS}.type: expected str, got null"),
        (block_start(type=["text"]), f"{PARTS_OF_BLOCKS}.type: expected str, got list"),
        (block_start(**TOOL), f"{PARTS_OF_BLOCKS}.name: required, but missing"),
        (block_start(**TOOL, name=None), f"{PARTS_OF_BLOCKS}.name: expected str, got null"),
        (
            message_start(content=[{"type": "text"}, {"text": ""}]),
            "message_start.message.content[1].type: required, but missing",
        ),
        (
            message_start(content=[{"type": "text"}, None]),
            "message_start.message.content[1]: expected object, got null",
        ),
        (
            message_start(content=[TOOL], id=5),
            "message_start.message.content[0].name: required, but missing",
        ),
        (
            {"type": "content_block_delta", "index": 0},
            "content_block_delta.delta: required, but missing",
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": None},
            "content_block_delta.delta: expected object, got null",
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": "text"},
            "content_block_delta.delta: expected object, got str",
        ),
        (delta("text_delta", text=5), "content_block_delta.delta.text: expected str, got int"),
        (
            delta("input_json_delta", partial_json={"x": 1}),
            "content_block_delta.delta.partial_json: expected str, got dict",
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": {"thinking": ["hm"]}},
            "content_block_delta.delta.thinking: expected str, got list",
        ),
        (
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": ""}},
            "content_block_delta.index: required, but missing",
        ),
        (text_delta("a", True), "content_block_delta.index: expected an index, got True"),
        (text_delta("a", -1), "content_block_delta.index: expected an index, got -1"),
        (delta("scent_delta", 0.5), "content_block_delta.index: expected an index, got 0.5"),
        (
            {"type": "content_block_stop", "index": None},
            "content_block_stop.index: expected an index, got null",
        ),
        ({"type": "content_block_stop"}, "content_block_stop.index: required, but missing"),
    ],
)
def test_a_bad_event_is_refused_and_the_error_names_the_place_and_keeps_the_event(
    event: Event, message: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(event)
    assert str(caught.value) == message
    assert caught.value.event is event
    text = json.dumps(event)
    with pytest.raises(DecodeError) as caught:
        decode(text)
    assert str(caught.value) == message
    assert caught.value.event == text


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        ({}, UnknownChunk("", {})),
        ({"type": None}, UnknownChunk("", {"type": None})),
        ({"type": ["ping"]}, UnknownChunk("", {"type": ["ping"]})),
        (
            {"type": "message_start"},
            MessageStartChunk(Message("", "", (), Usage())),
        ),
        (
            {"type": "message_start", "message": {"id": 5, "content": [{"type": "text"}]}},
            MessageStartChunk(Message("", "", (TextBlock(""),), Usage(), extra={"id": 5})),
        ),
        (
            message_start(usage={"input_tokens": 1, "output_tokens": "2"}),
            MessageStartChunk(
                Message("msg_1", "claude-test", (), Usage(1, extra={"output_tokens": "2"}))
            ),
        ),
        (delta("text_delta"), TextDeltaChunk(0, "")),
        (delta("text_delta", text=None), TextDeltaChunk(0, "")),
        (delta("text_delta", 2.0, text="a"), TextDeltaChunk(2, "a")),
        (
            {"type": "content_block_delta", "index": 0, "delta": {"text": "a", "thinking": None}},
            TextDeltaChunk(0, "a"),
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": {"type": 5, "text": "a"}},
            TextDeltaChunk(0, "a"),
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": {"text": "a", "thinking": "b"}},
            UnknownDeltaChunk(0, "", {"text": "a", "thinking": "b"}),
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": {}},
            UnknownDeltaChunk(0, "", {}),
        ),
        (
            delta("citations_delta", citation={**WEB_CITATION, "url": 1}),
            CitationsDeltaChunk(
                0, WebSearchResultLocationCitation("It rains.", "", "eA==", extra={"url": 1})
            ),
        ),
        (delta("citations_delta", citation="a"), CitationsDeltaChunk(0, None)),
        (delta("compaction_delta", content=[]), CompactionDeltaChunk(0, None)),
        (
            {"type": "message_delta", "usage": {"output_tokens": 1.0}},
            MessageDeltaChunk(None, None, MessageDeltaUsage(1)),
        ),
        (
            {"type": "message_delta", "delta": {"stop_reason": 1, "stop_sequence": "a"}},
            MessageDeltaChunk(None, "a", None),
        ),
        ({"type": "error"}, ErrorChunk("", "")),
        ({"type": "error", "error": "overloaded"}, ErrorChunk("", "overloaded")),
        ({"type": "error", "error": {"type": "x"}}, ErrorChunk("x", "")),
        ({"error": {"code": 529, "message": {"error": "busy"}}}, ErrorChunk("529", "busy")),
        (
            {"type": "rate_limit_error", "message": "slowly"},
            ErrorChunk("rate_limit_error", "slowly"),
        ),
    ],
)
def test_what_is_not_essential_has_a_default_and_is_written_unchanged(
    event: Event, chunk: AnthropicCallResponseChunk
) -> None:
    for source in (event, json.dumps(event)):
        decoded = decode(source)
        assert decoded == chunk
        assert type(decoded) is type(chunk)
        assert json.dumps(decoded.to_event()) == json.dumps(event)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"detail": "Not Found"}, ("", "Not Found")),
        ({"detail": {"code": "x", "message": "m"}}, ("x", "m")),
        ({"detail": [{"type": "missing", "msg": "field required"}, {"msg": "too long"}]},
         ("missing", "field required; too long")),
        ({"errors": [{"code": 10000, "message": "Authentication error"}]},
         ("10000", "Authentication error")),
        ({"error": {"errors": ["a", "b"]}}, ("", "a; b")),
        ({"code": 401, "msg": "expired"}, ("401", "expired")),
        ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, ("", "login fail")),
        ({"error": "rate_limit", "message": "slowly"}, ("rate_limit", "slowly")),
        ({"error": "busy", "message": "slowly", "code": 529}, ("529", "busy: slowly")),
        ({"error": {"type": "api_error"}, "message": "m"}, ("api_error", "m")),
        ({"error": "", "message": "m"}, ("", "m")),
        ({"error": True, "message": "m"}, ("", "m")),
        ({"error": 500}, ("", "500")),
        ({"error": {"code": True, "message": "m"}}, ("", "m")),
    ],
)  # fmt: skip
def test_the_words_of_an_error_are_read_from_where_servers_write_them(
    event: Event, words: tuple[str, str]
) -> None:
    event = {"type": "error", **event}
    assert decode(event) == ErrorChunk(*words)
    chunk = decode(event)
    assert isinstance(chunk, ErrorChunk)
    silent = attrs.evolve(chunk, error_type="", error_message="")
    assert decode(silent.to_event()) == ErrorChunk("", "")


def test_words_are_looked_for_at_a_bounded_depth() -> None:
    event: Any = {"message": "m"}
    for _ in range(100):
        event = {"error": event}
    assert decode({**event, "type": "error"}) == ErrorChunk("", "")


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


def test_an_event_without_a_type_that_is_too_deep_is_refused() -> None:
    deep: object = 0
    for _ in range(300):
        deep = [deep]
    with pytest.raises(DecodeError, match=r"^nested deeper than 200 levels$") as caught:
        decode({"surprise": deep})
    assert caught.value.path == ""


def test_words_and_inputs_that_are_no_json_are_shown() -> None:
    error = decode({"type": "error", "error": {1, 2}})
    assert isinstance(error, ErrorChunk)
    assert error.error_message == "{1, 2}"
    start = decode(
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "name": "f", "input": {1, 2}},
        }
    )
    assert start.content_block.input == InvalidJson("{1, 2}")  # type: ignore[union-attr]


def test_a_block_of_another_class_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"^type: expected text, got 'tool_use'$"):
        TextBlock.from_dict({"type": "tool_use", "text": "x"})
    with pytest.raises(DecodeError, match=r"^type: required, but missing$"):
        TextBlock.from_dict({"text": "x"})
    with pytest.raises(DecodeError, match=r"^type: expected text, got null$"):
        TextBlock.from_dict({"type": None, "text": "x"})


@pytest.mark.parametrize("tag", ["text_delta", "thinking_delta"])
def test_a_negative_index_is_refused_in_every_form_of_the_event(tag: str) -> None:
    event = delta(tag, -1, **{tag.removesuffix("_delta"): "a"})
    for form in (event, json.dumps(event), sdk_event(event), types.MappingProxyType(event)):
        with pytest.raises(DecodeError, match=r"index: expected an index, got -1"):
            decode(form)
