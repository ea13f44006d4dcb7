# mypy: disable-error-code="comparison-overlap"
from __future__ import annotations

import copy
import json
import sys
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chunkview
from chunkview import (
    Accumulator,
    AnthropicStream,
    CharLocationCitation,
    ChunkviewError,
    CompactionBlock,
    ContentBlockStartChunk,
    DecodeError,
    IncompleteStreamError,
    InvalidJson,
    Message,
    MessageStopChunk,
    PingChunk,
    ProtocolError,
    StreamError,
    TextBlock,
    TextDeltaChunk,
    ThinkingBlock,
    ToolUseBlock,
    UnknownBlock,
    Usage,
    accumulate,
    decode,
    iter_chunks,
)
from chunkview._model.blocks import BLOCKS
from chunkview.testing import strategies as cv
from chunkview.testing.strategies._streams import TAKES
from support import (
    MESSAGE_STOP,
    PING,
    Event,
    Recorded,
    block_start,
    block_stop,
    delta,
    examples,
    json_delta,
    message_delta,
    message_start,
    sdk_accumulate,
    sse,
    text_delta,
    text_stream,
    tool_start,
    tool_stream,
    without_nulls,
)

HELPER = {"type": "text", "text": "a", "snapshot": "a"}
UNKNOWN = {"type": "sunrise"}
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
CITATION = {
    "type": "char_location",
    "cited_text": "c",
    "document_index": 0,
    "document_title": "t",
    "start_char_index": 0,
    "end_char_index": 1,
}


KEPT = ("container", "context_management", "input_transformations")
"""What a null on `message_delta` leaves as it was."""


class Model:
    """The message by the plainest means: dicts that are changed event by event."""

    def __init__(self, events: list[Event]) -> None:
        self.message: Event | None = None
        self.inputs: dict[int, str] = {}
        self.starts: list[Event] = []
        self.unhandled: list[Event] = []
        for event in copy.deepcopy(events):
            self.take(event)
        for index, text in self.inputs.items():
            if text:
                self.content[index]["input"] = parsed(text)

    @property
    def content(self) -> list[Event]:
        assert self.message is not None
        content: list[Event] = self.message["content"]
        return content

    def take(self, event: Event) -> None:
        match event:
            case {"type": "message_start", "message": message}:
                self.message = message
                self.starts = list(message["content"])
            case {"type": "content_block_start", "content_block": block}:
                self.content.append(block)
                self.starts.append(dict(block))
                if block["type"] == "fallback" and self.message is not None:
                    self.message["model"] = block["to"]["model"]
            case {"type": "content_block_delta", "index": index}:
                self.take_delta(event, self.content[index], event["delta"])
            case {"type": "message_delta", "delta": delta, "usage": usage, **rest}:
                assert self.message is not None
                self.message["usage"] |= without_nulls(usage)
                replaced = dict.fromkeys(("stop_reason", "stop_sequence", "stop_details"))
                news = {**replaced, **delta, **rest, "type": "message"}
                kept = {name for name in KEPT if news.get(name) is None}
                self.message |= {name: news[name] for name in news if name not in kept}

    def take_delta(self, event: Event, block: Event, delta: Event) -> None:
        match block["type"], delta["type"]:
            case "text", "text_delta":
                block["text"] += delta["text"]
            case "text", "citations_delta":
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            case "thinking", "thinking_delta":
                block["thinking"] += delta["thinking"]
            case "thinking", "signature_delta":
                block["signature"] = delta["signature"]
            case "compaction", "compaction_delta":
                replaced = {"encrypted_content": None, **delta, "type": "compaction"}
                self.content[event["index"]] = self.starts[event["index"]] | replaced
            case (("tool_use" | "server_tool_use" | "mcp_tool_use"), "input_json_delta"):
                index = event["index"]
                self.inputs[index] = self.inputs.get(index, "") + delta["partial_json"]
            case _:
                self.unhandled.append(event)


def parsed(text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return {"INVALID_JSON": text}
    return value if isinstance(value, dict) else {"INVALID_JSON": text}


STREAMS = st.one_of(
    cv.message_streams(),
    cv.message_streams(min_blocks=2, max_blocks=5),
    cv.message_streams(max_blocks=1, tools=False, cut_off=False),  # ends for any reason
)


@examples(3)
@given(STREAMS, st.data())
def test_a_message_is_what_its_events_amount_to_at_any_time(events: Any, data: Any) -> None:
    end = data.draw(st.integers(1, len(events)))
    accumulator = Accumulator()
    for event in events[:end]:
        accumulator.add(event)
    model = Model(events[:end])
    assert [chunk.chunk for chunk in accumulator.unhandled] == model.unhandled
    assert accumulator.complete is any(event["type"] == "message_stop" for event in events[:end])
    partial, head = accumulator.partial, accumulator.head
    if model.message is None:
        assert partial is head is None
        with pytest.raises(ProtocolError, match="message_start has not come"):
            accumulator.message()
    else:
        assert partial is not None
        assert head is not None
        assert without_nulls(partial.to_dict()) == without_nulls(model.message)
        assert head == attrs.evolve(partial, content=head.content)
        assert partial.content == tuple(map(accumulator.block, range(len(partial.content))))
    # Nothing of this makes a difference to what comes after.
    accumulator.extend(map(decode, events[end:]))
    assert accumulator.finish() == accumulate(events)


@pytest.mark.parametrize("tag", [*BLOCKS, "unknown"])
@examples(1 / 6)
@given(st.data())
def test_a_block_of_each_type_and_any_end_amount_to_what_they_should(tag: str, data: Any) -> None:
    start = data.draw(cv.events("message_start"))
    block = data.draw(cv.content_blocks(tag))
    index = len(start["message"]["content"])
    deltas = [data.draw(cv.deltas(kind)) for kind in 2 * TAKES.get(tag, ())]
    ends = [data.draw(cv.events("message_delta")) for _ in range(2)]
    for end in ends:
        end["delta"]["stop_details"] = data.draw(st.sampled_from([None, {"type": "refusal"}]))
    events = [
        start,
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        *ends,
        MESSAGE_STOP,
    ]
    assert without_nulls(accumulate(events).to_dict()) == without_nulls(Model(events).message)


@given(cv.message_streams(min_blocks=1))
def test_a_partial_input_is_a_beginning_of_the_whole(events: Any) -> None:
    whole: Any = accumulate(events).content
    accumulator = Accumulator()
    partial: Any = None
    for event in events:
        accumulator.add(event)
        if not event["type"].startswith("content_block_"):
            continue
        index = event["index"]
        if not hasattr(whole[index], "input"):
            with pytest.raises(ProtocolError, match=f"block {index} has no tool input"):
                accumulator.partial_input(index)
        elif event["type"] == "content_block_stop":
            assert accumulator.partial_input(index) == whole[index].input
            assert partial == whole[index].input or isinstance(whole[index].input, InvalidJson)
        else:
            partial = accumulator.partial_input(index)
            assert is_beginning(partial, whole[index].input)


def is_beginning(part: Any, whole: Any) -> bool:
    """Whether a JSON value is another one as far as that has been read; a number is any number."""
    if isinstance(whole, InvalidJson):
        return isinstance(part, dict)
    if isinstance(part, str):
        return isinstance(whole, str) and whole.startswith(part)
    if isinstance(part, dict):
        return all(
            name in whole and is_beginning(value, whole[name]) for name, value in part.items()
        )
    if isinstance(part, list):
        return all(map(is_beginning, part, whole)) and len(part) <= len(whole)
    if isinstance(whole, (int, float)) and not isinstance(whole, bool):
        return isinstance(part, (int, float)) and not isinstance(part, bool)
    return bool(part is whole)


def so_far(*events: Any) -> Message:
    accumulator = Accumulator()
    accumulator.extend(events)
    return accumulator.message()


def test_a_stream_of_text_amounts_to_its_message() -> None:
    assert accumulate(text_stream("Hel", "", "lo")) == Message(
        "msg_1", "claude-test", (TextBlock("Hello"),), Usage(10, 5), stop_reason="end_turn"
    )


def test_recorded_streams_amount_to_what_the_sdk_makes_of_them(whole: Recorded) -> None:
    message = accumulate(whole.events)
    for beta in (False, True):
        sdk = without_nulls(sdk_accumulate(whole.events, beta=beta))
        assert without_nulls(message.to_dict()) == sdk
    assert Message.from_dict(message.to_dict()) == message


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
    block: Any = message.content[0]
    assert block.input == {"place": "Zürich"}


def test_a_tool_without_deltas_keeps_the_input_that_it_starts_with() -> None:
    assert accumulate(tool_stream(input={"x": 1})).tool_calls[0].input == {"x": 1}
    assert accumulate(tool_stream("", "", input={"x": 1})).tool_calls[0].input == {"x": 1}
    assert accumulate(tool_stream("{}", input={"x": 1})).tool_calls[0].input == {}


@pytest.mark.parametrize(
    "text",
    ['{"x', "{", "nonsense", '{"x": NaN}', '{"x": 1e999}', '{"x": "\\ud800"}', "[" * 300, "\ud800"],
)
def test_an_input_that_is_no_json_is_kept_letter_by_letter(text: str) -> None:
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


def test_a_compaction_delta_that_no_block_takes_is_refused_at_once() -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), block_start(type="compaction", content="old")])
    with pytest.raises(DecodeError, match="signature: expected str, got int"):
        accumulator.add(delta("compaction_delta", content="new", signature=5))
    assert accumulator.message().content == (CompactionBlock("old"),)
    with pytest.raises(StreamError) as caught:
        accumulator.add(ERROR)
    assert caught.value.partial == accumulator.message()


def test_a_fallback_renames_the_model() -> None:
    fallback: Any = {"from": {"model": "claude-test"}, "to": {"model": "other"}, "trigger": None}
    message = so_far(message_start(), block_start(type="fallback", **fallback))
    assert message.model == "other"


def test_usage_is_replaced_count_by_count() -> None:
    start = message_start(
        usage={
            "input_tokens": 10,
            "output_tokens": 1,
            "cache_read_input_tokens": 4,
            "service_tier": "standard",
        }
    )
    deltas = [
        message_delta(None, output_tokens=50, input_tokens=11),
        message_delta(output_tokens=90, cache_read_input_tokens=None),
    ]
    message = accumulate([start, *deltas, MESSAGE_STOP])
    assert message.usage == Usage(11, 90, cache_read_input_tokens=4, service_tier="standard")
    assert message.stop_reason == "end_turn"


def test_the_fields_of_message_delta_replace_or_keep_as_they_should() -> None:
    first: Event = {
        **message_delta("refusal"),
        "context_management": {"applied_edits": []},
        "input_transformations": [],
        "novelty": 1,
    }
    first["delta"] |= {
        "container": {"id": "c"},
        "stop_details": {"type": "refusal"},
        "stop_sequence": "###",
        "oddity": 2,
    }
    second: Event = {
        **message_delta(None),
        "context_management": None,
        "input_transformations": None,
    }
    second["delta"] |= {"container": None, "stop_details": None}
    start = message_start(container={"id": "old"}, input_transformations=[1])

    message = so_far(start, first)
    assert message.container == {"id": "c"}
    assert message.context_management == {"applied_edits": []}
    assert message.input_transformations == []
    assert (message.stop_reason, message.stop_sequence) == ("refusal", "###")
    assert message.stop_details == {"type": "refusal"}
    assert message.extra == {"novelty": 1, "oddity": 2}

    message = so_far(start, first, second)
    assert message.container == {"id": "c"}
    assert message.context_management == {"applied_edits": []}
    assert message.input_transformations == []
    assert message.stop_reason is message.stop_sequence is message.stop_details is None
    assert message.extra == {"novelty": 1, "oddity": 2}


def test_a_message_delta_made_by_hand_has_no_unknown_keys() -> None:
    chunk = chunkview.MessageDeltaChunk("end_turn", None, chunkview.MessageDeltaUsage(5))
    accumulator = Accumulator()
    accumulator.extend([message_start(), chunk])
    assert accumulator.message().extra == {}


def test_an_unknown_key_never_takes_the_place_of_a_known_one() -> None:
    event = message_delta()
    event["delta"] |= {"id": "msg_2", "content": "none", "role": "user"}
    message = so_far(message_start(), event)
    assert message.id == "msg_1"
    assert message.to_dict()["content"] == []


def test_a_block_that_is_open_at_message_delta_is_closed_there() -> None:
    events = [message_start(), tool_start(), json_delta('{"x": [1'), message_delta("max_tokens")]
    accumulator = Accumulator()
    accumulator.extend(events)
    assert accumulator.message().tool_calls[0].input == InvalidJson('{"x": [1')
    with pytest.raises(ProtocolError, match="input_json_delta for block 0, which has ended"):
        accumulator.add(json_delta("]}"))
    with pytest.raises(ProtocolError, match="block 0 has ended already"):
        accumulator.add(block_stop())
    accumulator.add(MESSAGE_STOP)
    assert accumulator.complete


def test_a_block_that_is_open_at_message_stop_is_closed_there() -> None:
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


def test_the_message_can_be_asked_for_at_any_time_and_the_stream_goes_on() -> None:
    events = [*text_stream("a", "b", "c")[:-1], PING, MESSAGE_STOP]
    accumulator = Accumulator()
    texts = []
    for event in events:
        accumulator.add(event)
        texts.append(accumulator.message().text)
    assert texts == ["", "", "a", "ab", "abc", "abc", "abc", "abc", "abc"]
    assert accumulator.finish() == accumulate(events)


def test_deltas_that_no_rule_covers_are_kept() -> None:
    unhandled = [
        delta("scent_delta", 0, smell="rose"),
        text_delta("a", 1),
        delta("scent_delta", 1, smell="lily"),
    ]
    accumulator = Accumulator()
    accumulator.extend([message_start(), block_start(0), block_start(1, type="hologram")])
    accumulator.extend(unhandled)
    assert accumulator.unhandled == [decode(event) for event in unhandled]
    assert accumulator.message().content == (
        TextBlock(""),
        UnknownBlock("hologram", {"type": "hologram"}),
    )


STARTED = [message_start(), block_start(0)]

BLOCKS_AND_THEIR_DELTAS: list[tuple[dict[str, Any], set[str]]] = [
    ({"type": "text", "text": ""}, {"text_delta", "citations_delta"}),
    ({"type": "thinking", "thinking": ""}, {"thinking_delta", "signature_delta"}),
    ({"type": "tool_use", "id": "t", "name": "n", "input": {}}, {"input_json_delta"}),
    ({"type": "compaction"}, {"compaction_delta"}),
    ({"type": "redacted_thinking", "data": ""}, set()),
    ({"type": "mcp_tool_result", "tool_use_id": "t", "content": ""}, set()),
]
DELTAS: dict[str, dict[str, Any]] = {
    "text_delta": {"text": "a"},
    "citations_delta": {"citation": CITATION},
    "thinking_delta": {"thinking": "a"},
    "signature_delta": {"signature": "a"},
    "input_json_delta": {"partial_json": "a"},
    "compaction_delta": {"content": "a"},
}

OUT_OF_ORDER: Any = [
    ([], block_start(), "content_block_start came before message_start"),
    ([], text_delta("a"), "content_block_delta came before message_start"),
    ([], block_stop(), "content_block_stop came before message_start"),
    ([], message_delta(), "message_delta came before message_start"),
    ([], MESSAGE_STOP, "message_stop came before message_start"),
    ([], HELPER, "text came before message_start"),
    (STARTED, message_start(), "message_start came a second time"),
    (STARTED, block_start(0), "block 0 started where 1 is next"),
    (STARTED, block_start(2), "block 2 started where 1 is next"),
    (STARTED, block_start(-1), "block -1 started where 1 is next"),
    (STARTED, block_start(10**5_000), "block <int> started where 1 is next"),
    (STARTED, text_delta("a", 1), "block 1 has not started"),
    (STARTED, text_delta("a", -1), "block -1 has not started"),
    (STARTED, text_delta("a", 10**5_000), "block <int> has not started"),
    (STARTED, block_stop(1), "block 1 has not started"),
    ([*STARTED, block_stop()], block_stop(), "block 0 has ended already"),
    ([*STARTED, block_stop()], text_delta("a"), "text_delta for block 0, which has ended"),
    (
        [*STARTED, block_stop()],
        delta("scent_delta"),
        "scent_delta for block 0, which has ended",
    ),
    (
        [message_start(content=[{"type": "text", "text": ""}])],
        text_delta("a"),
        "text_delta for block 0, which has ended",
    ),
    *[
        ([*STARTED, MESSAGE_STOP], event, f"{event['type']} came after message_stop")
        for event in (
            message_start(),
            block_start(1),
            text_delta("a"),
            block_stop(),
            message_delta(),
            MESSAGE_STOP,
            ERROR,
            HELPER,
        )
    ],
    *[
        (
            [message_start(), block_start(0, **block)],
            delta(kind, **fields),
            f"{kind} does not fit block 0, a {block['type']} block",
        )
        for block, fits in BLOCKS_AND_THEIR_DELTAS
        for kind, fields in DELTAS.items()
        if kind not in fits
    ],
]


@pytest.mark.parametrize(("before", "event", "message"), OUT_OF_ORDER)
def test_what_is_out_of_order_is_refused_and_leaves_the_state_as_it_was(
    before: list[Event], event: Event, message: str
) -> None:
    # As chunk views too: those have a shorter way.
    for first, then in (before, event), (list(map(decode, before)), decode(event)):
        accumulator = Accumulator()
        accumulator.extend(first)
        partial, complete = accumulator.partial, accumulator.complete
        with pytest.raises(ProtocolError) as caught:
            accumulator.add(then)
        assert str(caught.value) == message
        assert caught.value.chunk == decode(event)
        assert accumulator.partial == partial
        assert accumulator.complete == complete
        with pytest.raises(ProtocolError) as caught:
            accumulate([*first, then])
        assert caught.value.partial == partial


def test_pings_and_unknown_events_may_come_at_any_time() -> None:
    events = text_stream("a", "b")
    with_pings = [noise for event in events for noise in (PING, UNKNOWN, event, UNKNOWN, PING)]
    assert accumulate(with_pings) == accumulate(events)


def test_the_helper_events_of_the_sdk_repeat_and_do_not_count() -> None:
    events = text_stream("a")
    assert accumulate([*events[:3], HELPER, *events[3:]]) == accumulate(events)


@pytest.mark.parametrize("end", range(len(text_stream("a", "b"))))
def test_a_stream_that_ends_early_keeps_what_came(end: int) -> None:
    events = text_stream("a", "b")[:end]
    with pytest.raises(IncompleteStreamError) as caught:
        accumulate(events)
    if not events:
        assert caught.value.partial is None
        assert str(caught.value) == "the stream ended before message_start"
    else:
        assert caught.value.partial == so_far(*events)
        assert str(caught.value) == "the stream ended before message_stop"


def test_a_body_that_breaks_off_or_turns_bad_keeps_what_came() -> None:
    body = sse(text_stream("a", "b"))
    cut = body[: body.index(b"content_block_stop") + 30]
    with pytest.raises(IncompleteStreamError, match="ends in the middle of an event") as broken_off:
        accumulate(iter_chunks(cut))
    assert broken_off.value.partial is not None
    assert broken_off.value.partial.text == "ab"
    assert isinstance(broken_off.value.__cause__, DecodeError)
    with pytest.raises(DecodeError, match="invalid JSON") as turned_bad:
        accumulate(iter_chunks(sse(text_stream("a", "b")[:4]) + b"data: {\n\n"))
    assert turned_bad.value.partial is not None
    assert turned_bad.value.partial.text == "ab"


def test_an_error_event_keeps_what_came_before_it() -> None:
    error: Event = {**ERROR, "request_id": "req_1"}
    with pytest.raises(StreamError) as caught:
        accumulate([*text_stream("a", "b")[:-2], error])
    assert str(caught.value) == "overloaded_error: Overloaded"
    assert caught.value.error_type == "overloaded_error"
    assert caught.value.error_message == "Overloaded"
    assert caught.value.request_id == "req_1"
    assert caught.value.chunk == decode(error)
    assert caught.value.partial is not None
    assert caught.value.partial.to_param() == {
        "role": "assistant",
        "content": [{"type": "text", "text": "ab"}],
    }
    with pytest.raises(StreamError) as caught:
        accumulate([ERROR])
    assert caught.value.partial is None


def test_before_message_start_there_is_no_message() -> None:
    accumulator = Accumulator()
    accumulator.add(PingChunk())
    assert accumulator.partial is accumulator.head is None
    with pytest.raises(ProtocolError, match=r"^no message yet: message_start has not come$"):
        accumulator.message()


def test_the_head_is_the_message_without_the_content() -> None:
    accumulator = Accumulator()
    accumulator.extend(text_stream("a"))
    assert accumulator.head is not None
    assert accumulator.head.content == ()
    assert accumulator.head.stop_reason == "end_turn"


def test_an_event_that_cannot_be_decoded_is_refused() -> None:
    accumulator = Accumulator()
    accumulator.extend(STARTED)
    with pytest.raises(DecodeError, match=r"content_block_delta\.delta\.text"):
        accumulator.add(delta("text_delta"))
    assert accumulator.message().text == ""


def test_what_came_before_an_event_out_of_order_is_accumulated() -> None:
    accumulator = Accumulator()
    with pytest.raises(ProtocolError):
        accumulator.extend([*STARTED, text_delta("a"), text_delta("b", 1), text_delta("c")])
    accumulator.add(text_delta("d"))
    assert accumulator.message().text == "ad"


PARTIAL = [
    ("", {}),
    ("{", {}),
    ('{"pla', {}),
    ('{"place":', {}),
    ('{"place": "Zür', {"place": "Zür"}),
    ('{"place": "a", "days": [1, 2', {"place": "a", "days": [1, 2]}),
    ('{"place": "a"}', {"place": "a"}),
    ("nonsense", InvalidJson("nonsense")),
    ('{"place": NaN', InvalidJson('{"place": NaN')),
    ("\ud800", InvalidJson("\ud800")),
]


@pytest.mark.parametrize(("text", "expected"), PARTIAL)
def test_a_partial_input_is_read_as_far_as_it_goes(text: str, expected: Any) -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start()])
    for letter in text:
        accumulator.add(json_delta(letter))
    assert accumulator.partial_input(0) == expected


def test_the_input_of_a_block_that_has_ended_is_no_longer_partial() -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start(), json_delta('{"x": [1'), block_stop()])
    assert accumulator.partial_input(0) == InvalidJson('{"x": [1')
    accumulator.extend([tool_start(1), json_delta('{"x": 1}', 1), block_stop(1)])
    assert accumulator.partial_input(1) == {"x": 1}


def test_only_a_tool_has_a_partial_input() -> None:
    accumulator = Accumulator()
    accumulator.extend(STARTED)
    with pytest.raises(ProtocolError, match="block 0 has no tool input"):
        accumulator.partial_input(0)
    with pytest.raises(ProtocolError, match="block 1 has not started"):
        accumulator.partial_input(1)


def test_without_jiter_the_error_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jiter", None)
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start(), json_delta("{")])
    expected = (
        r"^reading a tool input that is not complete needs jiter: "
        r"pip install 'chunkview\[partial\]'$"
    )
    with pytest.raises(ImportError, match=expected):
        accumulator.partial_input(0)


def test_add_and_extend_are_the_same() -> None:
    one, other = Accumulator(), Accumulator()
    events = [*text_stream("a", "b")[:-2], tool_start(1), json_delta("{}", 1)]
    for event in events:
        one.add(event)
    other.extend(events)
    assert one.message() == other.message()


def test_what_was_given_is_never_changed() -> None:
    events = tool_stream('{"x": 1}', input={"y": []})
    chunks = [decode(event) for event in events]
    accumulate(chunks)
    assert events == tool_stream('{"x": 1}', input={"y": []})
    assert chunks == [decode(event) for event in events]


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
    assert accumulator.message() == one_by_one.message()
    accumulator.add(block_stop())
    with pytest.raises(ProtocolError, match="which has ended"):
        accumulator.add(decode(piece))


def test_a_block_lets_go_of_its_parts_when_it_ends() -> None:
    accumulator = Accumulator()
    accumulator.extend([*STARTED, *[TextDeltaChunk(0, "a")] * 100, block_stop()])
    (draft,) = accumulator._drafts
    assert draft.parts == []  # type: ignore[attr-defined]
    assert accumulator.block(0) == TextBlock("a" * 100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1e999', InvalidJson('{"a": 1e999')),
        ('{"a": [-1e999, ', InvalidJson('{"a": [-1e999, ')),
        ('{"a": 1}x', InvalidJson('{"a": 1}x')),
        ('{"a": 1} {', InvalidJson('{"a": 1} {')),
        ('{"a": 1} \n', {"a": 1}),
        ("[1", InvalidJson("[1")),
        ("4", InvalidJson("4")),
    ],
)
def test_a_partial_input_is_no_more_than_the_whole_could_be(text: str, expected: Any) -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start(), json_delta(text)])
    assert accumulator.partial_input(0) == expected


def test_a_subclass_of_a_chunk_or_a_block_is_taken_as_its_base_is() -> None:
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


def test_the_texts_of_errors_are_bounded_whatever_the_stream_holds() -> None:
    long = "x" * 1_000_000
    streams: list[list[Any]] = [
        [message_start(), delta(long)],
        [message_start(), {"type": "error", "error": {"type": long, "message": long}}],
        [message_start(), block_start(type=long), block_stop(), delta(long)],
        [message_start(), block_start(10**4_000)],
        [message_start(), {"type": "content_block_stop", "index": long}],
        [message_start(), block_start(type="text", text="", citations=[{"type": long}, {"a": 1}])],
    ]
    for events in streams:
        with pytest.raises(ChunkviewError) as caught:
            accumulate(events)
        assert len(str(caught.value)) <= 500
