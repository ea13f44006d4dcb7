"""The guarantees of docs/guarantees.md, each as a property with its number.

Here they are tested on generated streams. The tests of the modules do it on recorded ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import pickle
from typing import Any

import anthropic
import attrs
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from chunkview import (
    Accumulator,
    AnthropicStream,
    ChunkDecoder,
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    InvalidJson,
    Message,
    MessageDeltaChunk,
    Meter,
    ProtocolError,
    StreamError,
    ToolUseBlock,
    UnknownBlock,
    Usage,
    accumulate,
    aiter_chunks,
    decode,
    encode,
    iter_chunks,
)
from chunkview._model.json import stdlib_loads
from chunkview._stream.fastpath import NoFastPath
from chunkview.conformance import RULES
from chunkview.pricing import cost
from chunkview.testing import ReplayServer
from chunkview.testing import strategies as cv
from rules.lenient import lenient_bodies, lenient_streams
from support import (
    SDK_EVENTS,
    any_streams,
    as_async,
    examples,
    sdk_accumulate,
    sdk_event,
    sse,
    without_nulls,
)
from testing.breaches import OF_EVENTS, RAISES

BLOCK_STOP = "content_block_stop"

# Streams on which the SDK must agree. It reads unknown tags and beta fields in its own way.
PLAIN: dict[str, Any] = {"unknown": False, "cut_off": False}

json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(cv.events())
def test_1_an_event_is_written_as_it_was_read(event: Any) -> None:
    before = copy.deepcopy(event)
    chunk = decode(event)
    assert chunk.chunk is event
    assert chunk.to_event() == event == before
    assert decode(chunk.to_event()) == chunk
    bare = attrs.evolve(chunk, chunk=None)
    assert decode(bare.to_event()) == chunk


@given(cv.messages())
def test_1_a_message_is_written_as_it_was_read(data: Any) -> None:
    message = Message.from_dict(data)
    assert message.to_dict() == data
    assert Message.from_dict(message.to_dict()) == message
    json.dumps(message.to_dict())


@given(cv.events(), st.booleans())
def test_2_json_text_decodes_like_the_dict(event: Any, ascii_only: bool) -> None:
    chunk = decode(event)
    text = json.dumps(event, ensure_ascii=ascii_only)
    for source in (text, text.encode(), bytearray(text.encode()), memoryview(text.encode())):
        assert decode(source) == chunk
        assert decode(source).to_event() == event


@given(any_streams(unknown=False))
def test_2_sdk_objects_decode_like_the_events_that_they_are_made_from(events: Any) -> None:
    for event in events:
        if event["type"] in SDK_EVENTS:
            built = sdk_event(event, beta=True)
            note(f"{event!r}\n{built!r}")
            assert without_nulls(decode(built).to_event()) == without_nulls(event)
            assert decode(built) == decode(event)
            assert decode(built).chunk is built


@given(cv.streams_with_bodies(any_streams()), st.data())
def test_3_the_format_and_the_cut_of_the_bytes_and_the_json_library_do_not_matter(
    pair: Any, data: Any
) -> None:
    events, body = pair
    expected = [decode(event) for event in events]
    pieces = data.draw(cv.segmentations(body))
    for loads in (None, stdlib_loads):
        for feeds in ([body], pieces, [body[i : i + 1] for i in range(len(body))]):
            decoder = ChunkDecoder(loads=loads)
            chunks = [chunk for feed in feeds for chunk in decoder.feed(feed)] + decoder.close()
            assert chunks == expected
            assert [chunk.to_event() for chunk in chunks] == events


STARTS = [
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"',
    # Here the last string is not the text.
    (
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
        rb'"te\u0078t":"b"},"unknown":{"text":"'
    ),
]


@given(
    st.lists(
        st.sampled_from(
            [
                b'"',
                b"}",
                b" ",
                b"\n",
                b"\\",
                b"u",
                b"\\ud800",
                b"dc00",
                b"0041",
                b"a",
                b"\xc3\xa9",
                b"\xff",
            ]
        ),
        max_size=8,
    ),
    st.sampled_from([b"", b'"}}', b'" } }']),
    st.sampled_from([b"\n\n", b"\n \n", b"\n\n ", b" \n\n", b"\n"]),
    st.sampled_from(STARTS),
)
def test_3_the_fast_path_decodes_a_delta_like_the_general_path(
    text: list[bytes], close: bytes, end: bytes, start: bytes
) -> None:
    body = start + b'a"}}\n\n' + start + b"".join(text) + close + end
    outcomes = []
    for is_fast in (True, False):
        decoder = ChunkDecoder()
        if not is_fast:
            decoder._fast = NoFastPath()
        pieces = [body[: body.index(b"\n\n") + 2], body[body.index(b"\n\n") + 2 :]]
        chunks: list[Any] = []
        failure = ""
        try:
            for piece in pieces:
                chunks += decoder.feed(piece)
            chunks += decoder.close()
        except DecodeError as error:
            failure = str(error)
        outcomes.append((chunks, [chunk.chunk for chunk in chunks], failure))
    assert outcomes[0] == outcomes[1]


@given(any_streams())
def test_4_joined_content_is_the_text_of_the_message(events: Any) -> None:
    chunks = [decode(event) for event in events]
    accumulator = Accumulator()
    accumulator.extend(chunks)
    message = accumulator.finish()
    # Deltas to a block of an unknown type are not part of the message's text.
    unhandled = {id(chunk) for chunk in accumulator.unhandled}
    taken = [chunk for chunk in chunks if id(chunk) not in unhandled]
    assert "".join(chunk.content for chunk in taken) == message.text
    assert "".join(chunk.thinking for chunk in taken) == message.thinking


@given(any_streams(beta=False, **PLAIN))
def test_5_accumulate_agrees_with_the_sdk(events: Any) -> None:
    assert without_nulls(accumulate(events).to_dict()) == without_nulls(sdk_accumulate(events))


@given(any_streams(**PLAIN))
def test_5_accumulate_agrees_with_the_beta_sdk(events: Any) -> None:
    ours, theirs = accumulate(events).to_dict(), sdk_accumulate(events, beta=True)
    assert without_nulls(ours) == without_nulls(theirs)


@given(any_streams())
def test_6_the_totals_of_the_stream_are_the_final_usage(events: Any) -> None:
    stream = AnthropicStream(events)
    pairs = list(stream)
    message = accumulate(events)
    assert stream.message == message
    assert stream.usage == message.usage
    stopped = [message.content[chunk.index] for chunk, _ in pairs if chunk.type == BLOCK_STOP]  # type: ignore[union-attr]
    # A block that was never stopped may come with `message_delta`.
    tools = [tool for chunk, tool in pairs if tool is not None and chunk.type == BLOCK_STOP]
    calls = [block for block in stopped if isinstance(block, ToolUseBlock)]
    assert tools == [call for at, call in enumerate(calls) if call not in calls[:at]]
    # For each count, the last value that is not null.
    counts = [chunk.usage for chunk, _ in pairs if chunk.usage is not None]
    for field in attrs.fields(Usage):
        if field.alias in ("extra", "memory"):
            continue
        values = [getattr(usage, field.name) for usage in counts]
        last = [value for value in values if value is not None][-1:] or [None]
        assert getattr(message.usage, field.name) == last[0]


@given(cv.chunks())
def test_7_chunks_are_frozen_and_equal_after_pickle_and_copy(chunk: Any) -> None:
    for field in attrs.fields(type(chunk)):
        with pytest.raises(AttributeError):
            setattr(chunk, field.name, None)
        with pytest.raises(AttributeError):
            delattr(chunk, field.name)
    twin = decode(chunk.to_event())
    assert twin == chunk
    assert hash(twin) == hash(chunk)
    for copied in (pickle.loads(pickle.dumps(chunk)), copy.copy(chunk), copy.deepcopy(chunk)):
        assert copied == chunk
        assert hash(copied) == hash(chunk)
        assert copied.to_event() == chunk.to_event()
        assert repr(copied) == repr(chunk)


def mangled(event: Any, path: list[int], value: Any) -> Any:
    """The event with one value replaced or removed."""
    event = copy.deepcopy(event)
    place = event
    for step in path:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = keys[step % len(keys)]
        if not isinstance(place[key], (dict, list)) or step % 5 == 0:
            if value == "missing":
                del place[key]
            else:
                place[key] = value
            break
        place = place[key]
    return event


@given(
    json_values
    | st.builds(
        mangled,
        cv.events(),
        st.lists(st.integers(0, 20), max_size=5),
        json_values | st.just("missing"),
    )
)
def test_8_arbitrary_json_gives_a_chunk_or_a_chunkview_error(event: Any) -> None:
    try:
        chunk = decode(event)
    except DecodeError as error:
        assert str(error)
        assert error.event is event
        return
    assert chunk.to_event() == event or event != event
    assert str(chunk) == chunk.content
    assert repr(chunk)
    hash(chunk)
    for name in ("finish_reasons", "common_finish_reasons", "common_usage", "cost_metadata"):
        getattr(chunk, name)


@given(cv.corrupted_bodies() | st.binary(max_size=200), st.data())
def test_8_arbitrary_bytes_give_chunks_or_a_chunkview_error(body: bytes, data: Any) -> None:
    def outcome(pieces: list[bytes], loads: Any) -> tuple[list[Any], bool]:
        chunks: list[Any] = []
        try:
            for chunk in iter_chunks(pieces, loads=loads):
                chunks.append(chunk)
        except ChunkviewError:
            return chunks, True
        return chunks, False

    pieces = data.draw(cv.segmentations(body))
    expected = outcome([body], None)
    assert outcome(pieces, None) == expected
    assert outcome(pieces, stdlib_loads) == expected
    assert outcome([body[i : i + 1] for i in range(len(body))], None) == expected
    try:
        accumulate(expected[0])
    except ChunkviewError as error:
        assert error.partial is None or error.partial.to_param()


@given(cv.streams_with_bodies(any_streams()), st.data())
def test_9_sync_and_async_give_the_same(pair: Any, data: Any) -> None:
    events, body = pair
    pieces = data.draw(cv.segmentations(body))

    async def collect(items: Any) -> tuple[Any, Any, Any, Any]:
        stream = AnthropicStream(as_async(items))
        return (
            [chunk async for chunk in aiter_chunks(as_async(items))],
            [chunk async for chunk in aiter_chunks(items)],
            [item async for item in stream],
            stream.message,
        )

    for items in (events, pieces):
        stream = AnthropicStream(items)
        chunks = list(iter_chunks(items))
        assert asyncio.run(collect(items)) == (chunks, chunks, list(stream), stream.message)


@pytest.mark.parametrize("rule", OF_EVENTS)
@examples(1 / 6)
@given(st.data(), st.booleans())
def test_10_a_broken_rule_raises_or_is_a_finding_and_nothing_received_is_lost(
    rule: str, data: Any, as_chunks: bool
) -> None:
    _, events = data.draw(cv.broken_streams(rule))
    expected = RAISES.get(rule)
    if as_chunks and expected is not DecodeError:
        events = [decode(event) for event in events]

    accumulator = Accumulator()
    received = []
    failure: ChunkviewError | None = None
    try:
        for event in events:
            before = accumulator.message
            accumulator.add(event)
            received.append(event)
        accumulator.finish()
    except ChunkviewError as error:
        failure = error
        if len(received) < len(events):
            assert accumulator.message == before  # the state is unchanged
            offender = events[len(received)]
            if isinstance(error, DecodeError):
                assert error.event is offender
            else:
                assert error.chunk == decode(offender)  # type: ignore[attr-defined]
            if isinstance(error, ProtocolError):
                assert error.rule == rule
            if isinstance(error, StreamError):
                assert error.error_type == error.chunk.error_type  # type: ignore[union-attr]
                assert error.error_message == error.chunk.error_message  # type: ignore[union-attr]
                assert error.request_id == error.chunk.request_id  # type: ignore[union-attr]
    assert (None if failure is None else type(failure)) is expected
    chunks = [decode(event) for event in received]
    assert_nothing_is_lost(chunks, accumulator)

    stream = AnthropicStream(events)
    if failure is None:
        pairs = list(stream)
        assert stream.finish() == accumulator.message == accumulate(events)
        assert [chunk for chunk, _ in without_repeats(pairs)] == chunks
        about_events = [f for f in stream.findings if RULES[f.rule].group in ("order", "data")]
        assert tuple(about_events) == accumulator.findings
        return
    for read in (lambda: accumulate(events), lambda: list(stream)):
        with pytest.raises(type(failure)) as caught:
            read()
        assert str(caught.value) == str(failure)
        assert caught.value.partial == accumulator.message
    assert stream.message == accumulator.message


def without_repeats(pairs: list[Any]) -> list[Any]:
    """Pairs of a stream, but for a chunk that comes again with another tool call."""
    kept: list[Any] = []
    for chunk, tool in pairs:
        if not any(chunk is other for other, _ in kept):
            kept.append((chunk, tool))
    return kept


def assert_nothing_is_lost(chunks: Any, accumulator: Accumulator) -> None:
    """Each character of text and of thinking is in one block."""
    message = accumulator.message
    if message is None:
        return
    for kind, whole in (("content", message.text), ("thinking", message.thinking)):
        parts = [getattr(chunk, kind) for chunk in chunks]
        assert halves("".join(parts)) == halves(whole)


def halves(text: str) -> list[bytes]:
    """The characters of a text in the order of their codes, each half of a pair by itself."""
    units = text.encode("utf-16-le", "surrogatepass")
    return sorted(units[at : at + 2] for at in range(0, len(units), 2))


@examples(2)
@given(lenient_streams())
def test_10_in_a_stream_in_disorder_no_character_is_lost(events: Any) -> None:
    accumulator = Accumulator()
    taken = []
    try:
        for event in events:
            accumulator.add(event)
            taken.append(decode(event))
    except ChunkviewError:
        pass
    # Of a repeated message_start, the content that is there already is not taken again.
    starts = [chunk for chunk in taken if chunk.type == "message_start"]
    if all(not chunk.message.content for chunk in starts[1:]):  # type: ignore[union-attr]
        assert_nothing_is_lost(taken, accumulator)
    assert len(accumulator.unhandled) <= len(taken)


@examples(2)
@given(any_streams() | lenient_streams())
def test_11_there_is_no_price_unless_the_counts_are_final(events: Any) -> None:
    stream = AnthropicStream(events)
    taken: list[Any] = []
    with contextlib.suppress(ChunkviewError):
        taken.extend(chunk for chunk, _ in stream)
    message = stream.message
    if message is None:
        assert not stream.cost_metadata.final
        return
    assert stream.cost_metadata == message.cost_metadata
    final = message.cost_metadata.final
    if final:
        usage = message.usage
        written = [usage.output_tokens, *(one.output_tokens for one in usage.iterations or ())]
        assert any(written) or not message.content
        deltas = [chunk for chunk in taken if isinstance(chunk, MessageDeltaChunk)]
        assert any(chunk.output_tokens is not None for chunk in deltas)
    else:
        assert cost(attrs.evolve(message.cost_metadata, model="claude-sonnet-4-5")) is None


@examples(2)
@given(cv.sse_bodies() | cv.corrupted_bodies() | lenient_bodies(), st.data())
def test_11_a_meter_agrees_with_the_stream(body: bytes, data: Any) -> None:
    meter = Meter()
    stream = AnthropicStream([body])
    failure: ChunkviewError | None = None
    try:
        list(stream)
    except ChunkviewError as error:
        failure = error
    for piece in data.draw(cv.segmentations(body)):
        meter.feed(piece)
    meter.close()
    if isinstance(failure, DecodeError) and b"content_block_delta" in (failure.received or b""):
        return  # a fault inside a delta is not the meter's business
    assert (meter.id, meter.model, meter.usage) == (stream.id, stream.model, stream.usage)
    assert ([meter.stop_reason] if meter.stop_reason else None) == stream.finish_reasons
    assert meter.cost_metadata == stream.cost_metadata
    assert (type(meter.error), str(meter.error)) == (type(failure), str(failure))


@examples(2)
@given(lenient_streams())
def test_12_the_message_of_a_stream_in_disorder_reads_back_and_streams_again(events: Any) -> None:
    accumulator = Accumulator()
    with contextlib.suppress(ChunkviewError):
        accumulator.extend(events)
    message = accumulator.message
    if message is not None:
        assert Message.from_dict(message.to_dict()) == message
        json.dumps(message.to_param()).encode()


@given(any_streams())
def test_12_the_events_of_a_message_amount_to_it(events: Any) -> None:
    message = accumulate(events)
    again = message.to_events()
    assert accumulate(again) == message
    assert accumulate(b"".join(map(encode, again))) == message
    restored = Message.from_dict(json.loads(json.dumps(message.to_dict())))
    assert restored == message
    assert accumulate(restored.to_events()) == message


@given(
    any_streams(unknown=False),
    st.dictionaries(
        st.sampled_from(("id", "content", "usage", "stop_reason", "stop_sequence", "stop_details")),
        st.sampled_from((5, True, "5", [], {}, None)),
    ),
)
def test_12_what_does_not_fit_in_a_message_is_in_its_events(events: Any, odd: Any) -> None:
    message = accumulate(
        {**event, "message": {**event["message"], **odd}} if "message" in event else event
        for event in events
    )
    assert accumulate(message.to_events()) == message
    assert accumulate([message.to_dict()]) == message
    assert accumulate(json.dumps(message.to_dict()).encode()) == message


@given(any_streams(unknown=False), st.data())
def test_10_a_stream_cut_anywhere_keeps_everything_received(events: Any, data: Any) -> None:
    end = data.draw(st.integers(0, len(events)))
    accumulator = Accumulator()
    accumulator.extend(events[:end])
    text = "".join(decode(event).content for event in events[:end])
    if not accumulator.complete:
        missing = "message_start" if accumulator.message is None else "message_stop"
        with pytest.raises(IncompleteStreamError) as caught:
            accumulator.finish()
        assert str(caught.value).startswith(f"the stream ended before {missing}")
        assert caught.value.partial == accumulator.message
    if accumulator.message is None:
        assert text == ""
    else:
        assert accumulator.message.text == text
        json.dumps(accumulator.message.to_param())


@examples(0.4)
@given(any_streams(unknown=False))
def test_the_real_client_receives_the_served_stream(events: Any) -> None:
    """Sync and async, the message is the one that was served."""
    expected = accumulate(events)
    request: Any = {"model": "m", "max_tokens": 1, "messages": [], "stream": True}

    async def asynchronously(url: str) -> Any:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="none") as client:
            stream = AnthropicStream(await client.beta.messages.create(**request))
            async for _ in stream:
                pass
            return stream.message

    with ReplayServer(sse(events)) as server:
        with anthropic.Anthropic(base_url=server.url, api_key="none") as client:
            stream = AnthropicStream(client.beta.messages.create(**request))
            assert "".join(chunk.content for chunk, _ in stream) == expected.text
        assert without_nulls(stream.message.to_dict()) == without_nulls(expected.to_dict())  # type: ignore[union-attr]
        assert asyncio.run(asynchronously(server.url)) == stream.message


@given(any_streams(tools=True, min_blocks=1))
def test_a_tool_input_is_the_parsed_text_or_the_text_itself(events: Any) -> None:
    texts: dict[int, str] = {}
    for event in events:
        if event["type"] != "content_block_delta":
            continue
        if event["delta"]["type"] == "input_json_delta":
            texts.setdefault(event["index"], "")
            texts[event["index"]] += event["delta"]["partial_json"]
    content = accumulate(events).content
    for index, text in texts.items():
        block = content[index]
        if text == "" or isinstance(block, UnknownBlock):
            continue
        tool_input = block.input  # type: ignore[union-attr]
        if isinstance(tool_input, InvalidJson):
            assert tool_input.text == text
        else:
            assert tool_input == json.loads(text)
