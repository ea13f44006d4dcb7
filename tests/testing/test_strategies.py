"""What the strategies promise, measured against chunkview, the SDK and a parser of our own."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import chunkview
from chunkview import ChunkviewError, InvalidJson, accumulate, common, decode, iter_chunks
from chunkview._chunks.decode import DELTAS, EVENTS
from chunkview._model.blocks import BLOCKS, CITATIONS
from chunkview.testing import strategies as cv
from support import drawn, sdk_accumulate, without_nulls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

    from support import Event

    Stream = list[Event]
    Predicate = Callable[[Any], object]

HELPER_EVENTS = ("text", "thinking", "signature", "citation", "input_json", "compaction")

few = settings(max_examples=15)


def occurs(strategy: SearchStrategy[Any], predicate: Predicate) -> bool:
    """Whether a strategy gives a value like this before long (and no matter what shrinks)."""
    quick = settings(
        max_examples=2000, phases=[Phase.generate], derandomize=True, database=None, deadline=None
    )
    try:
        find(strategy, lambda value: bool(predicate(value)), settings=quick)
    except NoSuchExample:
        return False
    return True


def smallest(strategy: SearchStrategy[Any], predicate: Predicate = lambda _: True) -> Any:
    """What a failure of every value like this shrinks to."""
    plain = settings(
        max_examples=1000,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
    )
    return find(strategy, lambda value: bool(predicate(value)), settings=plain)


@pytest.fixture(scope="module")
def streams() -> list[Stream]:
    return drawn(cv.message_streams(), 4)


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    return drawn(cv.sse_bodies(), 2)


def starts(stream: Stream) -> list[Event]:
    return [event["content_block"] for event in stream if event["type"] == "content_block_start"]


def deltas(stream: Stream) -> list[Event]:
    return [event["delta"] for event in stream if event["type"] == "content_block_delta"]


def tags(stream: Stream) -> set[str]:
    """The types of events, blocks and deltas."""
    return {item["type"] for item in (*stream, *starts(stream), *deltas(stream))}


def usages(stream: Stream) -> list[Event]:
    first = [event["message"]["usage"] for event in stream if event["type"] == "message_start"]
    return first + [event["usage"] for event in stream if event["type"] == "message_delta"]


def left_open(stream: Stream) -> bool:
    types = [event["type"] for event in stream]
    return types.count("content_block_start") > types.count("content_block_stop")


def inside(value: Any) -> Iterator[Any]:
    """A JSON value and everything in it, keys included."""
    yield value
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from inside(item)
    elif isinstance(value, list):
        for item in value:
            yield from inside(item)


def keys(value: Any) -> Iterator[str]:
    """The keys in a JSON value, and its texts."""
    return (item for item in inside(value) if isinstance(item, str))


def forget(value: Any) -> None:
    """Empty a JSON value, so that whoever shares a part of it comes to notice."""
    items = list(value.values() if isinstance(value, dict) else value)
    for item in items:
        if isinstance(item, (dict, list)):
            forget(item)
    value.clear()


# --- whole streams


@given(cv.message_streams())
def test_every_stream_is_accepted_and_nothing_of_it_is_lost(stream: Stream) -> None:
    assert accumulate(stream).content is not None
    assert [decode(event).to_event() for event in stream] == stream


@given(cv.message_streams())
def test_every_stream_is_json_that_survives_being_written(stream: Stream) -> None:
    assert json.loads(json.dumps(stream, ensure_ascii=False, allow_nan=False).encode()) == stream
    numbers = [item for item in inside(stream) if isinstance(item, int)]
    assert all(-(2**63) <= number < 2**63 for number in numbers)


@given(cv.message_streams())
def test_every_stream_is_new_and_may_be_changed(stream: Stream) -> None:
    accumulate(stream)
    forget(stream)


@pytest.mark.parametrize("beta", [False, True])
@settings(max_examples=50)
@given(data=st.data())
def test_the_official_sdk_accepts_every_stream(beta: bool, data: st.DataObject) -> None:
    stream = data.draw(cv.message_streams(beta=beta))
    theirs, ours = sdk_accumulate(stream, beta=beta), accumulate(stream)
    assert theirs["stop_reason"] == ours.stop_reason
    assert theirs["usage"]["output_tokens"] == ours.usage.output_tokens
    assert len(theirs["content"]) == len(ours.content)
    for their_block, our_block in zip(theirs["content"], ours.content, strict=True):
        if isinstance(our_block, chunkview.TextBlock):
            assert their_block["text"] == our_block.text
        if isinstance(our_block, chunkview.ToolUseBlock) and isinstance(our_block.input, dict):
            assert without_nulls(their_block["input"]) == without_nulls(our_block.input)


@given(cv.message_streams())
def test_counts_on_message_delta_are_never_smaller_than_before(stream: Stream) -> None:
    names = ("output_tokens", "input_tokens", "cache_read_input_tokens")
    for name in names:
        counts = [usage[name] for usage in usages(stream) if usage.get(name) is not None]
        assert counts == sorted(counts)


@given(cv.message_streams(cut_off=False))
def test_a_stream_that_is_not_cut_off_ends_every_block_and_every_tool_input(
    stream: Stream,
) -> None:
    assert not left_open(stream)
    inputs = [getattr(block, "input", None) for block in accumulate(stream).content]
    assert not any(isinstance(tool_input, InvalidJson) for tool_input in inputs)


SERVER_TOOL_TAGS = {"server_tool_use", "container_upload"} | {
    tag for tag in BLOCKS if tag.endswith("_tool_result") and tag != "mcp_tool_result"
}
BETA_TAGS = {tag for tag in BLOCKS if tag.startswith("mcp_")} | {
    "advisor_tool_result",
    "compaction",
    "fallback",
    "compaction_delta",
}
BETA_KEYS = {
    "iterations",
    "fallback_credit",
    "context_management",
    "input_transformations",
    "estimated_tokens",
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
    "unknown": lambda stream: any(
        isinstance(item, str) and re.fullmatch("unknown(_[a-z]+)?", item) for item in inside(stream)
    ),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_occurs_by_default(feature: str, streams: list[Stream]) -> None:
    assert any(FEATURES[feature](stream) for stream in streams)


@pytest.mark.parametrize("feature", FEATURES)
@settings(max_examples=30)
@given(data=st.data())
def test_a_feature_that_is_off_never_occurs(feature: str, data: st.DataObject) -> None:
    off: dict[str, Any] = {feature: False}
    assert not FEATURES[feature](data.draw(cv.message_streams(**off)))


@few
@given(
    cv.message_streams(
        thinking=False,
        tools=False,
        server_tools=False,
        citations=False,
        beta=False,
        cut_off=False,
        pings=False,
        unknown=False,
    )
)
def test_with_everything_off_there_is_text_and_nothing_else(stream: Stream) -> None:
    assert {block["type"] for block in starts(stream)} <= {"text"}
    assert {delta["type"] for delta in deltas(stream)} <= {"text_delta"}


@few
@given(
    cv.message_streams(
        min_blocks=1, max_blocks=2, max_deltas=1, min_message_deltas=0, max_message_deltas=3
    )
)
def test_sizes_are_kept(stream: Stream) -> None:
    assert 1 <= len(starts(stream)) <= 2
    assert len(deltas(stream)) <= len(starts(stream))
    assert len(usages(stream)) <= 4


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
def test_what_real_streams_do_occurs(what: str, streams: list[Stream]) -> None:
    # What a run of Hypothesis draws depends on all that has been imported, so what is rare and
    # happens not to be there is looked for.
    drawn_already = any(SEEN[what](stream) for stream in streams)
    assert drawn_already or occurs(cv.message_streams(), SEEN[what])


# --- broken streams


@pytest.mark.parametrize("rule", cv.RULES)
@few
@given(data=st.data())
def test_a_broken_rule_raises_exactly_its_error(rule: str, data: st.DataObject) -> None:
    named, stream = data.draw(cv.broken_streams(rule))
    assert named == rule
    with pytest.raises(ChunkviewError) as caught:
        accumulate(stream)
    assert type(caught.value) is cv.RULES[rule]


@given(cv.broken_streams())
def test_any_rule_may_be_broken(broken: tuple[str, Stream]) -> None:
    rule, stream = broken
    with pytest.raises(cv.RULES[rule]):
        accumulate(stream)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="no rule is named 'nonsense'; the rules are event_before"):
        cv.broken_streams("nonsense")


# --- bodies


@given(cv.streams_with_bodies())
def test_a_body_decodes_to_the_chunks_of_its_events(pair: tuple[Stream, bytes]) -> None:
    stream, body = pair
    assert list(iter_chunks(body)) == [decode(event) for event in stream]


def parsed_by_the_specification(body: bytes) -> list[tuple[str, str]]:
    """Name and data of each event, as the WHATWG's text has it, line by line."""
    events = []
    name, data = "", ""
    for line in re.split("\r\n|\n|\r", body.decode().removeprefix("\ufeff")):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                events.append((name, data.removesuffix("\n")))
            name, data = "", ""
        elif field == "event":
            name = value
        elif field == "data":
            data += value + "\n"
    return events


@given(cv.streams_with_bodies(quirks=False))
def test_a_body_without_quirks_means_the_same_to_any_parser(pair: tuple[Stream, bytes]) -> None:
    stream, body = pair
    found = [
        (name, json.loads(data)) for name, data in parsed_by_the_specification(body) if data.strip()
    ]
    assert found == [(event["type"], event) for event in stream]


@few
@given(st.data())
def test_given_events_are_formatted(data: st.DataObject) -> None:
    stream = data.draw(cv.message_streams(max_blocks=1))
    body = data.draw(cv.sse_bodies(st.just(stream)))
    assert list(iter_chunks(body)) == [decode(event) for event in stream]


FORMATS: dict[str, bytes] = {
    "LF": rb"\n",
    "CR": rb"\r(?!\n)",
    "CRLF": rb"\r\n",
    "a byte order mark": rb"^\xef\xbb\xbf",
    "a comment": rb"[\r\n]:",
    "no space after the colon": rb"data:\{",
    "several data lines": rb"data: ?\{[\r\n]+data:",
    "the name after the data": rb"\}(\r\n|\n|\r)event:",
    "additional blank lines": rb"\n\n\n",
    "retry": rb"retry: 10",
    "escapes": rb"\\u00",
    "raw UTF-8": rb"[^\xef][\x80-\xff]",
    "another key first": rb'data: ?\{"(index|delta|message)"',
    "a name that is wrong": rb"event: ?completion",
    "no blank line at the end": rb"\}$",
    "a comment at the end": rb"[\r\n]: comment$",
    "an event without data at the end": rb"(\n\n|\r\r|\r\n\r\n)event: ping[\r\n]+$",
    "[DONE]": rb"data: \[DONE\]",
}


@pytest.mark.parametrize("what", FORMATS)
def test_every_formatting_occurs(what: str, bodies: list[bytes]) -> None:
    def has(body: bytes) -> bool:
        return re.search(FORMATS[what], body) is not None

    assert any(map(has, bodies)) or occurs(cv.sse_bodies(), has)


@given(st.data())
def test_segments_join_to_the_body_and_decode_alike(data: st.DataObject) -> None:
    body = data.draw(cv.sse_bodies(cv.message_streams(max_blocks=2)))
    pieces = data.draw(cv.segmentations(body))
    assert b"".join(pieces) == body
    assert list(iter_chunks(pieces)) == list(iter_chunks(body))


SEGMENTATIONS: dict[str, Predicate] = {
    "one byte at a time": lambda pieces: all(len(piece) == 1 for piece in pieces),
    "empty pieces": lambda pieces: b"" in pieces,
    "a cut within CRLF": lambda pieces: any(piece.endswith(b"\r") for piece in pieces[:-1]),
    "a cut within a character": lambda pieces: any(piece.endswith(b"\xc3") for piece in pieces),
}


@pytest.mark.parametrize("what", SEGMENTATIONS)
def test_every_way_to_cut_occurs(what: str) -> None:
    body = 'data: {"type": "ping", "unknown": "\u00e9"}\r\n\r\n'.encode()
    assert occurs(cv.segmentations(body), SEGMENTATIONS[what])


@given(cv.corrupted_bodies())
def test_a_corrupted_body_gives_chunks_or_an_error_of_ours(body: bytes) -> None:
    with contextlib.suppress(ChunkviewError):
        list(iter_chunks(body))


@pytest.mark.parametrize("decodes", [True, False])
def test_a_corrupted_body_may_or_may_not_decode(decodes: bool) -> None:
    def is_decoded(body: bytes) -> bool:
        try:
            return list(iter_chunks(body)) != []
        except ChunkviewError:
            return False

    assert occurs(cv.corrupted_bodies(), lambda body: is_decoded(body) is decodes)


# --- events, their parts, and values


FAMILIES: dict[str, tuple[Callable[..., SearchStrategy[Event]], list[str]]] = {
    "deltas": (cv.deltas, [*DELTAS, "unknown"]),
    "content_blocks": (cv.content_blocks, [*BLOCKS, "unknown"]),
    "citations": (cv.citations, [*CITATIONS, "unknown"]),
}


@pytest.mark.parametrize(
    ("family", "tag"), [(family, tag) for family, (_, row) in FAMILIES.items() for tag in row]
)
@settings(max_examples=5)
@given(data=st.data())
def test_a_family_gives_each_type_when_asked(family: str, tag: str, data: st.DataObject) -> None:
    assert data.draw(FAMILIES[family][0](tag))["type"].split("_")[0] == tag.split("_")[0]


@pytest.mark.parametrize("tag", [*EVENTS, "unknown"])
@settings(max_examples=5)
@given(data=st.data())
def test_events_and_chunks_give_each_type_when_asked(tag: str, data: st.DataObject) -> None:
    event, chunk = data.draw(cv.events(tag)), data.draw(cv.chunks(tag))
    assert event["type"].startswith(tag)
    assert chunk.type.startswith(tag)
    assert chunk.to_event() == chunk.chunk


@pytest.mark.parametrize("tag", DELTAS)
@settings(max_examples=5)
@given(data=st.data())
def test_events_give_each_type_of_delta_when_asked(tag: str, data: st.DataObject) -> None:
    event = data.draw(cv.events(tag))
    assert (event["type"], event["delta"]["type"]) == ("content_block_delta", tag)


@given(cv.events())
def test_events_stand_on_the_wire_and_round_trip(event: Event) -> None:
    assert event["type"] not in HELPER_EVENTS
    assert decode(event).to_event() == event


@given(cv.events(unknown=False, beta=False))
def test_events_without_unknown_and_beta_hold_neither(event: Event) -> None:
    assert not FEATURES["unknown"]([event])
    assert not BETA_KEYS & set(keys(event))
    assert not BETA_TAGS & tags([event])


@given(cv.messages(), cv.usages(), cv.delta_usages())
def test_messages_and_usages_round_trip(message: Event, usage: Event, later: Event) -> None:
    assert chunkview.Message.from_dict(message).to_dict() == message
    assert chunkview.Usage.from_dict(usage).to_dict() == usage
    assert chunkview.MessageDeltaUsage.from_dict(later).to_dict() == later


@pytest.mark.parametrize("family", ["events", "chunks", *FAMILIES])
def test_a_type_that_does_not_exist_is_refused(family: str) -> None:
    with pytest.raises(ValueError, match="no strategy has the type 'nonsense'; the types are "):
        getattr(cv, family)("nonsense")


PUBLIC_CLASSES = [
    *(value for value in map(vars(chunkview).get, chunkview.__all__) if isinstance(value, type)),
    common.Usage,
]


@pytest.mark.parametrize("cls", PUBLIC_CLASSES)
@settings(max_examples=5)
@given(data=st.data())
def test_from_type_knows_every_public_class(cls: type[Any], data: st.DataObject) -> None:
    assert isinstance(data.draw(st.from_type(cls)), cls)


@pytest.mark.parametrize(
    "base",
    [chunkview.AnthropicCallResponseChunk, chunkview.ContentBlock, chunkview.Citation],
)
def test_from_type_gives_every_variant_of_a_base_class(base: type[Any]) -> None:
    variants = {cls for cls in PUBLIC_CLASSES if issubclass(cls, base)} - {base}
    assert {type(value) for value in drawn(st.from_type(base), 4)} == variants


@given(st.from_type(chunkview.AnthropicCallResponseChunk))
def test_a_chunk_of_any_class_round_trips(chunk: chunkview.AnthropicCallResponseChunk) -> None:
    assert decode(chunk.to_event()) == chunk


def test_a_tool_input_of_a_block_may_be_no_json() -> None:
    blocks = st.from_type(chunkview.ToolUseBlock)
    assert occurs(blocks, lambda block: isinstance(block.input, InvalidJson))
    assert occurs(blocks, lambda block: isinstance(block.input, dict))


# --- what they shrink to


MESSAGE_START = {
    "type": "message_start",
    "message": {
        "id": "msg_0",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    },
}
MESSAGE_DELTA = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 0},
}
MESSAGE_STOP = {"type": "message_stop"}


def test_the_smallest_stream_is_a_message_without_content() -> None:
    assert smallest(cv.message_streams()) == [MESSAGE_START, MESSAGE_DELTA, MESSAGE_STOP]
    without_delta = cv.message_streams(min_message_deltas=0)
    assert smallest(without_delta) == [MESSAGE_START, MESSAGE_STOP]


def test_a_stream_shrinks_to_what_it_fails_on() -> None:
    stream = smallest(
        cv.message_streams(), lambda stream: any(delta.get("text") for delta in deltas(stream))
    )
    text = deltas(stream)[0]["text"]
    assert len(text) == 1
    assert stream == [
        MESSAGE_START,
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        },
        {"type": "content_block_stop", "index": 0},
        MESSAGE_DELTA,
        MESSAGE_STOP,
    ]


def test_a_body_shrinks_to_what_the_api_sends() -> None:
    body = smallest(cv.sse_bodies(cv.message_streams(min_message_deltas=0)))
    start, stop = (
        json.dumps(event, separators=(",", ":")) for event in (MESSAGE_START, MESSAGE_STOP)
    )
    written = f"event: message_start\ndata: {start}\n\nevent: message_stop\ndata: {stop}\n\n"
    assert body == written.encode()


def test_a_broken_stream_shrinks_to_a_few_events() -> None:
    rule, stream = smallest(cv.broken_streams(), lambda broken: broken[0] == "block_stopped_twice")
    assert rule == "block_stopped_twice"
    assert [event["type"] for event in stream] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_the_smallest_of_the_others_are_small() -> None:
    assert smallest(cv.events()) == {"type": "ping"}
    assert smallest(cv.deltas("text_delta")) == {"type": "text_delta", "text": ""}
    assert smallest(cv.delta_usages()) == {"output_tokens": 0}
    assert smallest(cv.segmentations(b"abc")) == [b"abc"]
    assert smallest(cv.corrupted_bodies()) == b""


# --- how they fit into Hypothesis


@pytest.mark.parametrize("name", sorted(set(cv.__all__) - {"RULES", "segmentations"}))
def test_a_strategy_has_a_repr_that_fits_a_screen(name: str) -> None:
    assert len(repr(getattr(cv, name)())) < 800


def run(source: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, check=False
    )


def test_importing_hypothesis_registers_the_classes_but_imports_no_strategies() -> None:
    result = run(
        "import sys, hypothesis.strategies as st\n"
        "assert 'chunkview._hypothesis' in sys.modules\n"
        "assert 'chunkview.testing.strategies' not in sys.modules\n"
        "assert 'chunkview.testing._event_strategies' not in sys.modules\n"
        "from chunkview import TextDeltaChunk\n"
        "st.from_type(TextDeltaChunk).validate()\n"
    )
    assert result.returncode == 0, result.stderr


def test_without_hypothesis_the_error_says_what_to_install() -> None:
    result = run(
        "import sys\n"
        "sys.modules['hypothesis'] = None\n"
        "import chunkview.testing\n"
        "import chunkview.testing.strategies\n"
    )
    assert "needs hypothesis: pip install 'chunkview[testing]'" in result.stderr
