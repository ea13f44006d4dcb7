# mypy: disable-error-code="comparison-overlap"
"""What the deltas of each kind of block amount to."""

from __future__ import annotations

from typing import Any

import pytest

from chunkview import (
    Accumulator,
    AnthropicStream,
    CharLocationCitation,
    CompactionBlock,
    ContentBlockStartChunk,
    InvalidJson,
    Message,
    MessageStopChunk,
    ProtocolError,
    TextBlock,
    TextDeltaChunk,
    ThinkingBlock,
    ToolUseBlock,
    UnknownBlock,
    Usage,
    accumulate,
    decode,
)
from stream_support import CITATION, STARTED, message_of, so_far
from support import (
    MESSAGE_STOP,
    Event,
    block_start,
    block_stop,
    delta,
    json_delta,
    message_delta,
    message_start,
    text_delta,
    text_stream,
    tool_start,
    tool_stream,
)


def test_a_stream_of_text_gives_its_message() -> None:
    assert accumulate(text_stream("Hel", "", "lo")) == Message(
        "msg_1", "claude-test", (TextBlock("Hello"),), Usage(10, 5), stop_reason="end_turn"
    )


def test_a_block_keeps_what_it_starts_with() -> None:
    start = block_start(type="text", text="a", citations=[CITATION], novelty=1)
    events = [message_start(), start, text_delta("b"), delta("citations_delta", citation=CITATION)]
    citation = CharLocationCitation("c", 0, 0, 1, "t")
    assert so_far(*events).content == (TextBlock("ab", (citation, citation), extra={"novelty": 1}),)


def test_a_block_without_citations_gets_none() -> None:
    events = [message_start(), block_start(type="text", text="", citations=[]), text_delta("b")]
    assert so_far(*events).content == (TextBlock("b", ()),)


def test_thinking_appends_and_its_signature_replaces() -> None:
    events = [
        message_start(),
        block_start(type="thinking", thinking="a", signature="old"),
        delta("thinking_delta", thinking="b"),
        delta("signature_delta", signature="older"),
        delta("thinking_delta", thinking="c"),
        delta("signature_delta", signature="new"),
    ]
    assert so_far(*events).content == (ThinkingBlock("abc", "new"),)
    assert so_far(*events[:3]).content == (ThinkingBlock("ab", "old"),)


@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use", "mcp_tool_use"])
def test_a_tools_input_is_parsed_when_its_block_ends(kind: str) -> None:
    events = tool_stream('{"pl', 'ace": "Z', 'ürich"', "}", type=kind, server_name="s")
    message = accumulate(events)
    assert message.content[0].input == {"place": "Zürich"}  # type: ignore[union-attr]


def test_a_tool_without_deltas_keeps_the_input_that_it_starts_with() -> None:
    assert accumulate(tool_stream(input={"x": 1})).tool_calls[0].input == {"x": 1}
    assert accumulate(tool_stream("", "", input={"x": 1})).tool_calls[0].input == {"x": 1}
    assert accumulate(tool_stream("{}", input={"x": 1})).tool_calls[0].input == {}


@pytest.mark.parametrize(
    "text",
    ['{"x', "{", "nonsense", '{"x": NaN}', '{"x": 1e999}', "[" * 300, "\ud800"],
)
def test_an_input_that_is_no_json_is_kept_unchanged_as_text(text: str) -> None:
    (tool,) = accumulate(tool_stream(text[:2], text[2:])).tool_calls
    assert tool.input == InvalidJson(text)
    assert tool.to_dict()["input"] == {"INVALID_JSON": text}


@pytest.mark.parametrize("text", ["[1, 2]", "null", "42", '"x"', "true"])
def test_an_input_that_is_no_object_is_kept_as_text(text: str) -> None:
    message = accumulate(tool_stream(text))
    assert message.tool_calls[0].input == InvalidJson(text)


def test_a_compaction_is_replaced_whole() -> None:
    events = [
        message_start(),
        block_start(type="compaction", content="old", encrypted_content="old", novelty=1),
        delta("compaction_delta", content="new", signature="s"),
    ]
    assert so_far(*events[:2]).content == (CompactionBlock("old", "old", extra={"novelty": 1}),)
    assert so_far(*events).content == (
        CompactionBlock("new", None, signature="s", extra={"novelty": 1}),
    )


def test_a_block_that_is_cut_is_kept_as_far_as_it_came() -> None:
    events = [message_start(), tool_start(), json_delta('{"x": [1'), message_delta("max_tokens")]
    accumulator = Accumulator()
    accumulator.extend(events)
    assert message_of(accumulator).tool_calls[0].input == InvalidJson('{"x": [1')
    accumulator.add(MESSAGE_STOP)
    assert message_of(accumulator).tool_calls[0].input == InvalidJson('{"x": [1')
    assert accumulator.complete


def test_a_block_that_is_open_at_message_stop_ends_there() -> None:
    assert accumulate([message_start(), block_start(), text_delta("a"), MESSAGE_STOP]).text == "a"


def test_blocks_may_overlap() -> None:
    events = [
        message_start(),
        block_start(0),
        tool_start(1),
        text_delta("a", 0),
        json_delta("{", 1),
        text_delta("b", 0),
        json_delta("}", 1),
        block_stop(0),
        block_stop(1),
    ]
    content = (TextBlock("ab"), ToolUseBlock("toolu_1", "get_weather", {}))
    assert so_far(*events).content == content
    assert so_far(*map(decode, events)).content == content


def test_content_that_the_message_starts_with_counts() -> None:
    start = message_start(content=[{"type": "text", "text": "a"}])
    message = so_far(start, block_start(1), text_delta("b", 1))
    assert message.content == (TextBlock("a"), TextBlock("b"))


def test_deltas_that_no_rule_covers_are_kept() -> None:
    unhandled = [
        delta("scent_delta", 0, smell="rose"),
        json_delta("a", 1),
        delta("scent_delta", 1, smell="lily"),
    ]
    accumulator = Accumulator()
    accumulator.extend([message_start(), block_start(0), block_start(1, type="hologram")])
    accumulator.extend(unhandled)
    assert accumulator.unhandled == [decode(event) for event in unhandled]
    assert message_of(accumulator).content == (
        TextBlock(""),
        UnknownBlock("hologram", {"type": "hologram"}),
    )


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (block_start(), text_delta("1")),
        (tool_start(), json_delta("1")),
        (block_start(type="thinking", thinking=""), delta("thinking_delta", thinking="1")),
    ],
)
def test_the_deltas_of_the_last_block_take_the_short_way(
    start: Event, piece: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("taken the long way")

    accumulator, one_by_one = Accumulator(), Accumulator()
    for each in (accumulator, one_by_one):
        each.extend([message_start(), start])
    with monkeypatch.context() as patch:
        patch.setattr(Accumulator, "_add", refuse)
        accumulator.extend([decode(piece)] * 3)
    for _ in range(3):
        one_by_one.add(piece)
    assert accumulator.message == one_by_one.message
    for event in (message_delta(), decode(piece)):
        accumulator.add(event)
    assert [finding.rule for finding in accumulator.findings] == ["content_after_stop_reason"]
    for event in (block_stop(), decode(piece)):
        accumulator.add(event)
    assert [finding.rule for finding in accumulator.findings] != ["content_after_stop_reason"]
    accumulator.add(MESSAGE_STOP)
    with pytest.raises(ProtocolError, match="came after message_stop"):
        accumulator.add(decode(piece))


def test_a_block_lets_go_of_its_parts_when_it_ends() -> None:
    accumulator = Accumulator()
    accumulator.extend([*STARTED, *[TextDeltaChunk(0, "a")] * 100, block_stop()])
    (draft,) = accumulator._blocks.drafts
    assert draft.parts == []  # type: ignore[attr-defined]
    assert accumulator.block(0) == TextBlock("a" * 100)


def test_a_subclass_of_a_chunk_or_a_block_is_taken_like_its_base() -> None:
    class Delta(TextDeltaChunk):  # type: ignore[misc]
        __slots__ = ()

    class Block(TextBlock):  # type: ignore[misc]
        __slots__ = ()

    class Stop(MessageStopChunk):  # type: ignore[misc]
        __slots__ = ()

    events: list[Any] = [
        message_start(),
        ContentBlockStartChunk(0, Block("a")),
        Delta(0, "b"),
        text_delta("c"),
        block_stop(),
        message_delta(),
        Stop(),
    ]
    assert accumulate(events).text == "abc"
    assert [chunk.content for chunk, _ in AnthropicStream(events)][1:4] == ["a", "b", "c"]


def test_a_delta_of_an_unknown_type_for_no_block_is_unhandled() -> None:
    accumulator = Accumulator()
    accumulator.add(message_start())
    accumulator.add(delta("new_delta", 5, new="a"))
    assert [chunk.to_event() for chunk in accumulator.unhandled] == [delta("new_delta", 5, new="a")]


def test_text_without_a_start_goes_on_after_a_stop_reason() -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), text_delta("a"), message_delta(), text_delta("b")])
    message = accumulator.finish()
    assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "ab"}]
