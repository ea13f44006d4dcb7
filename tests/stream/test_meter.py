"""Meter: the totals are those of an AnthropicStream, and nothing that is fed makes it raise."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkDecoder,
    ChunkviewError,
    CostMetadata,
    DecodeError,
    IncompleteStreamError,
    Message,
    Meter,
    ProtocolError,
    StreamError,
    ToolUseBlock,
    Usage,
    encode,
)
from chunkview._stream.quiet import CALL, END, is_delta, quiet_events
from chunkview.testing import strategies as cv
from rules.lenient import lenient_bodies, lenient_streams
from stream_support import ERROR, PING_BYTES, one_by_one
from support import (
    MESSAGE_STOP,
    Recorded,
    block_start,
    block_stop,
    delta,
    examples,
    message_delta,
    message_start,
    sse,
    text_delta,
)

TOOL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


class Totals:
    """What an AnthropicStream has of a body, to compare with a meter."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.meter = Meter()
        self.checks = False
        self.stream = AnthropicStream(self.source())
        self.error: ChunkviewError | None = None

    def source(self) -> Any:
        for piece in self.pieces:
            self.meter.feed(piece)
            yield piece
            if self.checks:
                self.assert_same()

    def read(self, *, checks: bool) -> None:
        self.checks = checks
        try:
            for _ in self.stream:
                pass
        except ChunkviewError as error:
            self.error = error
        self.meter.close()

    def assert_same(self) -> None:
        meter, stream = self.meter, self.stream
        message = stream.message
        assert (meter.id, meter.model, meter.usage) == (stream.id, stream.model, stream.usage)
        assert meter.cost_metadata == stream.cost_metadata
        assert ([meter.stop_reason] if meter.stop_reason else None) == stream.finish_reasons
        assert meter.complete == stream._accumulator.complete
        if message is not None and meter.usage is not None:
            assert meter.usage.to_dict() == message.usage.to_dict()
        calls = [] if message is None else calls_of(message)
        if all(call.id for call in calls):
            assert meter.tool_names == tuple(names_of(calls))
        else:  # each start counts, also a repeated one
            assert set(meter.tool_names) == set(names_of(calls))
            assert len(meter.tool_names) >= len(names_of(calls))
        assert meter.events == stream._accumulator._next_position


def calls_of(message: Message) -> list[ToolUseBlock]:
    return [block for block in message.content if isinstance(block, ToolUseBlock)]


def names_of(calls: list[ToolUseBlock]) -> list[str]:
    """The names of tool calls; of several with the same id and name, the first one's."""
    keys = [(call.id or object(), call.name) for call in calls]
    return [name for _, name in dict.fromkeys(keys)]


def assert_agreement(pieces: list[bytes], *, checks: bool = False) -> None:
    """The meter has the totals of a stream that reads the same pieces, and its error."""
    totals = Totals(pieces)
    totals.read(checks=checks)
    meter, error = totals.meter, totals.error
    if isinstance(error, DecodeError) and b"content_block_delta" in (error.received or b""):
        return  # a fault inside a delta, of which the meter says nothing
    totals.assert_same()
    assert type(meter.error) is type(error)
    assert str(meter.error) == str(error)
    assert meter.error is None or meter.error.partial is None
    assert meter.bytes <= sum(map(len, pieces))


def with_cuts(bodies: Any) -> Any:
    return bodies.flatmap(lambda body: st.tuples(cv.segmentations(body), st.booleans()))


@given(with_cuts(cv.sse_bodies()))
def test_a_meter_agrees_with_the_stream_on_valid_bodies(drawn: Any) -> None:
    pieces, checks = drawn
    assert_agreement(pieces, checks=checks)


@given(with_cuts(cv.corrupted_bodies() | st.binary(max_size=200)))
def test_a_meter_agrees_with_the_stream_on_corrupted_bodies(drawn: Any) -> None:
    pieces, checks = drawn
    assert_agreement(pieces, checks=checks)


@examples(3)
@given(with_cuts(lenient_bodies()))
def test_a_meter_agrees_with_the_stream_on_bodies_in_disorder(drawn: Any) -> None:
    pieces, checks = drawn
    assert_agreement(pieces, checks=checks)


@examples(2)
@given(cv.broken_streams().map(lambda pair: pair[1]) | lenient_streams(), st.booleans())
def test_a_meter_agrees_with_the_stream_on_broken_streams(events: Any, as_one: bool) -> None:
    pieces = [encode(event) for event in events if is_encodable(event)]
    assert_agreement([b"".join(pieces)] if as_one else pieces, checks=True)


def is_encodable(event: Any) -> bool:
    try:
        encode(event)
    except DecodeError:
        return False
    return True


MESSAGE: dict[str, Any] = {
    **message_start()["message"],
    "content": [{"type": "text", "text": "a"}, TOOL],
    "stop_reason": "tool_use",
}


@pytest.mark.parametrize(
    "document",
    [
        MESSAGE,
        {**MESSAGE, "content": [{"type": "text", "text": "a"}, {"type": "tool_use"}]},
        {"error": {"message": "no"}},
        {"detail": "no"},
    ],
)
def test_a_meter_agrees_with_the_stream_on_a_body_that_is_one_document(document: Any) -> None:
    for body in (json.dumps(document).encode(), json.dumps(document, indent=2).encode()):
        for pieces in ([body], one_by_one(body), [body + b"\n\n"]):
            assert_agreement(pieces)


@pytest.mark.parametrize("cut", [1, 100, 1400, 100_000])
def test_a_meter_agrees_with_the_stream_on_recordings(recorded: Recorded, cut: int) -> None:
    body = recorded.body
    assert_agreement([body[at : at + cut] for at in range(0, len(body), cut)])


# -- what a delta is ---------------------------------------------------------------------------

OPENING = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'
)
SNIPPETS = [
    b'"', b'"', b"\\", b"\\", b"}", b"}}", b",", b" ", b"a", b"\n", b"\r\n", b"\r", b"\n\n",
    b"\xff",
    b"\\u00", b"\x00", b'"type":"message_stop"', b',"type":"message_stop"', rb'"t\u0079pe":"x"',
    b'"index":-1', b'"delta":5', b"event: error", b"data: ", b"data: {}", b":", b"id: 1\n",
    b'"}}\n\n',
    OPENING, PING_BYTES,
]  # fmt: skip
STARTED = sse([message_start(), block_start(0)])


@example(OPENING, b'"}}\n\n\\', b"")
@examples(10)
@given(
    st.sampled_from([OPENING, OPENING.partition(b"\n")[2], OPENING.replace(b"\n", b"\r\n")]),
    st.lists(st.sampled_from(SNIPPETS), max_size=8).map(b"".join),
    st.sampled_from([b'"}}\n\n', b'"} }\r\n\r\n', b'"}}\r\n\r', b"\n\n", b"\r\n\r\n", b""]),
)
def test_what_is_told_to_be_a_delta_by_its_bytes_is_one(
    opening: bytes, inside: bytes, end: bytes
) -> None:
    """No other event passes for one. Only its string, or what follows that, may be broken."""
    event = opening + inside + end
    if not is_delta(event):
        return
    decoder = ChunkDecoder()
    decoder.feed(STARTED)
    try:
        chunks = [*decoder.feed(event), *decoder.close()]
    except DecodeError as error:
        assert error.received is not None
        assert error.received.rstrip(b"\r\n") == event.rstrip(b"\r\n")
        return
    (chunk,) = chunks
    assert (chunk.type, chunk.index) == ("content_block_delta", 0)  # type: ignore[union-attr]


FORMS = [
    block_start(0),
    block_start(1, type="text", text="", citations=None),
    block_start(1, citations=[], type="text", text=""),
    block_start(1, type="text", text="a"),
    block_start(2, type="thinking", thinking="", signature=""),
    block_start(1, **TOOL),
    block_start(1, **TOOL, caller={"type": "direct"}),
    block_start(1, **{**TOOL, "name": ""}),
    block_start(1, **{**TOOL, "id": "t", "name": "g"}),
    block_start(3, type="server_tool_use", id="s", name="web_search", input={}),
    block_start(3, type="web_search_tool_result", tool_use_id="s", content=[]),
    block_start(4, type="fallback", **{"from": {"model": "a"}, "to": {"model": "b"}}),
    block_start(-1),
    block_start(0.0),  # type: ignore[arg-type]
    block_start(True),
    block_start(1234567890123),
    block_stop(0),
    block_stop(1),
    block_stop(4),
    block_stop(-1),
    block_stop(1.5),  # type: ignore[arg-type]
    block_stop(False),
    text_delta("a"),
    text_delta('"type":"message_stop"'),
    text_delta("\u00e9\n\t\\"),
    delta("thinking_delta", thinking="a"),
    delta("input_json_delta", partial_json='{"a": "'),
    delta("signature_delta", signature="a+/="),
    delta(
        "citations_delta", citation={"type": "message_stop", "cited_text": 'a "b" \u00e9', "n": 0}
    ),
    delta("citations_delta", citation={"type": "char_location", "more": {"type": "error"}}),
    {"type": "ping"},
    {"type": "ping", "more": 1},
    {"type": "message_stop"},
    message_delta(),
    message_start(),
    ERROR,
]
"""Events in the forms that are recognised by their bytes, and in forms like these."""
CHANGES = [
    (b'"type"', rb'"t\u0079pe"'), (b'"type"', b'"type":"error","type"'),
    (b'"index"', b'"index":-1,"index"'), (b'"index"', rb'"inde\u0078"'),
    (b'}\n\n', b',"type":"message_stop"}\n\n'), (b'}\n\n', b',"index":-1}\n\n'),
    (b'}\n\n', rb',"t\u0079pe":"message_stop"}' + b"\n\n"),
    (b'}\n\n', b',"type":"error"}\n\n'), (b'}\n\n', b',"delta":5}\n\n'),
    (b'}}\n\n', b',"type":"tool_use","id":"u","name":"h","input":{}}}\n\n'),
    (b'}\n\n', b',"content_block":{"type":"tool_use","name":"i"}}\n\n'),
    (b"event: ", b"event: error\nevent: "), (b"event: ", b"event:"), (b"event: ", b"event:  "),
    (b"\ndata: ", b"\nevent: error\ndata: "), (b"\ndata: ", b"\ndata:"),
    (b"\ndata: ", b"\n:\ndata: "), (b"\ndata: ", b"\ndata: \ndata: "),
    (b"\n\n", b"\nevent: error\n\n"), (b"\n\n", b"\ndata: {}\n\n"), (b"\n\n", b"\n\n\n"),
    (b"\n\n", b"\r\n\n"), (b"\n\n", b"\n\r\n"), (b"\n\n", b"\r\r"), (b"\n", b"\r"),
    (b"\n\n", b" \n\n"), (b"\n\n", b"\n \n\n"), (b"}\n\n", b"}   }\n\n"), (b"}\n\n", b"   }\n\n"),
    (b"event: ", b"x: "), (b"event: content_block_", b"event: "), (b'":', b'": '), (b",", b", "),
    (b'":', b'" :'), (b"}\n\n", b"\n\n"), (b'"', b""), (b"{}", b'{"type":"message_stop"}'),
    (b'""', rb'"\""'), (b'""', b'"\xff"'), (b'""', rb'"\x"'), (b'""', b"5"), (b'"t"', b'"\xe9"'),
]  # fmt: skip
"""What makes another event of such an event, or none at all."""


def changed(event: dict[str, Any], change: tuple[bytes, bytes], last: bool) -> bytes:
    """The bytes of an event with a change where something comes first, or last."""
    data, (old, new) = sse([event]), change
    return new.join(data.rsplit(old, 1)) if last else data.replace(old, new, 1)


changed_events = st.builds(
    changed, st.sampled_from(FORMS), st.sampled_from(CHANGES), st.booleans()
) | st.sampled_from(FORMS).map(lambda event: sse([event]))


@examples(8)
@given(st.lists(changed_events, max_size=6), st.sampled_from([b"\n", b"\r\n"]), st.data())
def test_an_event_that_looks_like_a_quiet_one_means_the_same_as_to_the_stream(
    events: list[bytes], line_end: bytes, data: Any
) -> None:
    begin = data.draw(st.sampled_from([STARTED, sse([message_start()]), b""]))
    body = (begin + b"".join(events)).replace(b"\n", line_end)
    assert_agreement([body])
    assert_agreement(data.draw(cv.segmentations(body)), checks=data.draw(st.booleans()))
    assert_same_for_each_cut(body, data)


@examples(10)
@given(changed_events, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_the_expression_takes_whole_is_an_event_that_tells_no_total(
    event: bytes, newline: str, is_named: bool
) -> None:
    """A decoder finds one event in it, of a type that is quiet or may come last."""
    event = event.replace(b"\n", newline.encode())
    found = quiet_events(newline, is_named).fullmatch(event)
    if found is None or not event:
        return
    decoder = ChunkDecoder()
    try:
        chunks = [*decoder.feed(event), *decoder.close()]
    except DecodeError:
        assert b'"content_block_delta"' in event
        return
    (chunk,) = chunks
    block = getattr(chunk, "content_block", None)
    assert chunk.type in QUIET_TYPES
    assert (found.lastindex == CALL) == isinstance(block, ToolUseBlock)
    assert (found.lastindex == END) == (chunk.type == "message_stop")
    if isinstance(block, ToolUseBlock):
        assert (block.id, block.name) == (found[2].decode(), found[3].decode())


QUIET_TYPES = {
    "ping",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_stop",
}


@given(st.lists(st.sampled_from(FORMS), min_size=1, max_size=4))
def test_the_expression_takes_exactly_the_events_that_it_takes_one_by_one(
    events: list[dict[str, Any]],
) -> None:
    """Also where the bytes end within an event."""
    quiet = quiet_events("\n", True)
    kind: int | None = None
    ends, end = [(0, kind)], 0
    for event in map(encode, filter(is_encodable, events)):
        found = quiet.fullmatch(event)
        if found is None or kind in (CALL, END):
            break
        end += len(event)
        kind = found.lastindex if found.lastindex in (CALL, END) else None
        ends.append((end, kind))
    body = b"".join(map(encode, filter(is_encodable, events)))
    for size in range(len(body) + 1):
        taken = quiet.match(body, 0, size)
        assert taken is not None
        kind = taken.lastindex if taken.lastindex in (CALL, END) else None
        assert (taken.end(), kind) == [pair for pair in ends if pair[0] <= size][-1]


@pytest.mark.parametrize("cut", [1000, 1400, 16_384, 40_000, 10**9])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [10, 15_000, 17_000, 33_000, 70_000])
def test_how_long_an_event_is_makes_no_difference(size: int, newline: bytes, cut: int) -> None:
    long = "a" * size
    events = [
        block_start(1, type="web_search_tool_result", content=[{"type": "x", "title": long}]),
        block_stop(1),
        block_start(2),
        *[text_delta("b", 2)] * 30,
        text_delta(long, 2),
        delta("citations_delta", 2, citation={"type": "x", "cited_text": long}),
        delta("signature_delta", 2, signature=long),
        *[text_delta("c", 2)] * 300,
        block_stop(2),
        block_start(3, **TOOL),
        message_delta(),
        {"type": "message_stop"},
    ]
    body = (STARTED + sse(events)).replace(b"\n", newline)
    assert_agreement([body[at : at + cut] for at in range(0, len(body), cut)])


def test_a_meter_collects_less_than_32_kib_besides_one_incomplete_event() -> None:
    meter = Meter()
    for piece in [STARTED, *[data(DELTA % "a")] * 2000]:
        meter.feed(piece)
        assert len(meter._unread) < 32 * 1024
    meter.feed(data(DELTA % ("a" * 20_000))[:-2])
    for _ in range(500):
        meter.feed(b"a" * 100)
        assert len(meter._unread) < 32 * 1024 + 20_500


def test_a_stream_of_the_api_needs_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one takes longer than many deltas do."""
    monkeypatch.setattr("chunkview._stream.meter.ChunkDecoder", None)
    meter = metered(STARTED, data(DELTA % "a") * 3, PING_BYTES, FINISH)
    assert (meter.error, meter.events) == (None, 9)


def test_streams_of_the_api_need_the_parser_only_for_what_tells_a_total(
    monkeypatch: pytest.MonkeyPatch, recorded: Recorded
) -> None:
    parsed: list[bytes] = []

    def counting(payload: bytes) -> Any:
        parsed.append(payload)
        return json.loads(payload)

    monkeypatch.setattr("chunkview._stream.meter.loads", counting)
    metered(recorded.body)
    types = {json.loads(payload)["type"] for payload in parsed}
    assert types <= {"message_start", "message_delta", "content_block_start"}


EVENTS = [
    *(OPENING + part + b'"}}\n\n' for part in SNIPPETS),
    *(OPENING.replace(b"0", b"1") + part + b'"}}\n\n' for part in SNIPPETS[:6]),
    sse([delta("text_delta", text=5)]),
    sse([block_start(1)]),
    sse([block_start(1, type="web_search_tool_result", content=[{"type": "x"}])]),
    sse([block_stop(0)]),
    sse([message_delta()]),
    sse([{"type": "message_stop"}]),
    PING_BYTES,
    b"\n",
]


@examples(10)
@given(st.lists(st.sampled_from(EVENTS), max_size=8), st.sampled_from([b"\n", b"\r\n"]), st.data())
def test_the_cut_does_not_matter_also_where_deltas_are_broken(
    events: list[bytes], line_end: bytes, data: Any
) -> None:
    body = (STARTED + b"".join(events)).replace(b"\n", line_end)
    assert_same_for_each_cut(body, data)


def assert_same_for_each_cut(body: bytes, data: Any) -> None:
    expected = totals_of([body])
    assert totals_of(data.draw(cv.segmentations(body)), asks=data.draw(st.booleans())) == expected
    assert totals_of(one_by_one(body)) == expected


@given(st.sampled_from([1, 2, 3]), st.sampled_from([b"\n", b"\r\n"]), st.data())
def test_the_cut_does_not_matter_for_a_broken_delta_after_blank_lines(
    count: int, line_end: bytes, data: Any
) -> None:
    broken = OPENING + b'\xff"}}\n\n'
    body = (STARTED + b"\n" * count + broken + b"\n" * count + broken + FINISH).replace(
        b"\n", line_end
    )
    assert_same_for_each_cut(body, data)
    assert totals_of([body])[0][2] == 7


def totals_of(pieces: list[bytes], *, asks: bool = False) -> Any:
    """What a meter has at the end, and whether it is asked before makes no difference."""
    meter = Meter()
    for piece in pieces:
        meter.feed(piece)
        if asks:
            assert meter.events >= 0
    meter.close()
    return (
        (type(meter.error), str(meter.error), meter.events, meter.bytes, meter.complete),
        (meter.id, meter.model, meter.usage, meter.stop_reason, meter.tool_names),
    )


# -- hostile events ----------------------------------------------------------------------------


def data(payload: str, *lines: str) -> bytes:
    return "\n".join([*lines, f"data: {payload}", "", ""]).encode()


DELTA = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}'
HOSTILE = {
    "the type comes twice": data(DELTA[:-1] % "a" + ',"type":"message_stop"}'),
    "the type comes twice, once escaped": data(DELTA[:-1] % "a" + r',"t\u0079pe":"message_stop"}'),
    "the type comes twice, after spaces": data(DELTA[:-1] % "a" + ' , "type" : "message_stop"}'),
    "the first type is another": data('{"type":"ping",' + DELTA[1:] % "a"),
    "an error under the line of a delta": data(
        json.dumps(ERROR), "event: content_block_delta"
    ),
    "a delta under the line of an error": data(DELTA % "a", "event: error"),
    "the line of an error after the data": data(DELTA % "a")[:-1] + b"event: error\n\n",
    "the line of an error after a backslash": (
        (DELTA[:-2] % "a").join(["data: ", "\\\nevent: error\n\n"]).encode()
    ),
    "the line of an error in the string": data(DELTA % "a\nevent: error\nb"),
    "the line of an error after a CR": data(DELTA % "a").replace(b"\n\n", b"\revent: error\n\n"),
    "a delta in a list": data(f'[{DELTA % "a"}]'),
    "two lines of data": data(DELTA % "a", 'data: {"type":"message_stop"}'),
    "a delta in the text of a delta": data(DELTA % json.dumps(DELTA % "a")[1:-1]),
    "a delta in a comment": data('{"type":"message_stop"}', ": " + DELTA % "a"),
    "a delta in a message_stop": data('{"delta":' + DELTA % "a" + ',"type":"message_stop"}'),
    "a type in a citation": data(
        '{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta",'
        '"citation":{"type":"message_stop"}}}'
    ),
    "a block start in a delta": data(
        json.dumps({"type": "content_block_delta", "index": 0, "delta": TOOL})
    ),
    "a tool call in a tool result": data(
        json.dumps(block_start(1, type="x_tool_result", content=[TOOL]))
    ),
    "a tool result that becomes a tool call": data(
        '{"type":"content_block_start","index":1,"content_block":'
        '{"type":"x_tool_result","type":"tool_use","name":"g"}}'
    ),
    "a tool result and then a tool call": data(
        '{"type":"content_block_start","index":1,"content_block":{"type":"x_tool_result"},'
        '"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}'
    ),
    "a stop reason in the text": data(DELTA % r'\"stop_reason\":\"max_tokens\"'),
    "the string ends with a backslash": data(DELTA % "\\\\\\\\"),
    "an index that is a float": data((DELTA % "a").replace('"index":0', '"index":0.0')),
    "an index that is large": data((DELTA % "a").replace('"index":0', '"index":123456789012')),
    "a text for a block that is not there": data((DELTA % "a").replace('"index":0', '"index":7')),
    "half a character": data(DELTA % r"\ud83d"),
    "an end mark": b"data: [DONE]\n\n",
    "a named end mark": data("[DONE]", "event: content_block_delta"),
    "an unknown event": data('{"type":"content_block_delta_2","index":0,"delta":{}}'),
    "no type, but a line": data((DELTA % "a").replace('"type":"content_block_delta",', "")
        , "event: content_block_delta"),
    "only blank lines": b"\n" * 50,
    "a long event": data(DELTA % ("a" * 50_000)),
    "an error event": sse([ERROR]),
}  # fmt: skip
FINISH = sse([block_start(3, **TOOL), message_delta(), {"type": "message_stop"}])


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_event_means_the_same_as_to_the_stream(name: str, line_end: bytes) -> None:
    event = HOSTILE[name]
    for before in (b"", data(DELTA % "b") * 3, sse([text_delta("b")])):
        for after in (b"", data(DELTA % "b") * 3):
            body = (STARTED + before + event + after + FINISH).replace(b"\n", line_end)
            for pieces in ([body], by_event(body, line_end), one_by_one(body)):
                assert_agreement(pieces)
                assert_agreement(pieces, checks=len(pieces) < 50)


def by_event(body: bytes, line_end: bytes) -> list[bytes]:
    blank = line_end * 2
    return [event + blank for event in body.split(blank) if event]


@pytest.mark.parametrize(
    "fault",
    [
        data(DELTA % "\\x"),
        data(DELTA % "a").replace(b'"a"', b'"\xff"'),
        data(DELTA % "\x01"),
        data(DELTA % "a")[:-3] + b"\n\n",
        data((DELTA % "a").replace('"a"', "5")),
        data((DELTA % "a").replace('"text_delta"', '"citations_delta"').replace('"text"', '"x"')),
    ],
)
def test_a_fault_inside_a_delta_is_passed_over(fault: bytes) -> None:
    for repeats in (1, 3):
        meter = metered(STARTED + fault * repeats + FINISH)
        assert meter.error is None
        assert (meter.events, meter.complete, meter.tool_names) == (5 + repeats, True, ("f",))


# -- totals ------------------------------------------------------------------------------------


def metered(*pieces: bytes, **options: Any) -> Meter:
    meter = Meter(**options)
    for piece in pieces:
        meter.feed(piece)
    meter.close()
    return meter


def test_a_new_meter_has_nothing() -> None:
    meter = Meter()
    assert (meter.bytes, meter.events, meter.complete, meter.tool_names) == (0, 0, False, ())
    assert (meter.id, meter.model, meter.stop_reason) == (None, None, None)
    assert (meter.usage, meter.error) == (None, None)
    assert meter.cost_metadata == CostMetadata(final=False)
    assert repr(meter) == "<Meter: no message yet, 0 bytes>"


def test_the_totals_can_be_read_after_each_piece() -> None:
    meter = Meter()
    meter.feed(STARTED)
    assert repr(meter) == "<Meter: claude-test msg_1, unfinished, 1 output tokens>"
    meter.feed(data(DELTA % "a"))
    assert (meter.events, meter.bytes) == (3, len(STARTED + data(DELTA % "a")))
    assert not meter.complete
    meter.feed(FINISH)
    assert meter.complete
    assert repr(meter).startswith("<Meter: claude-test msg_1, end_turn, calls f, ")
    assert meter.cost_metadata.final
    meter.close()
    assert meter.error is None


def test_the_names_are_those_of_the_callers_own_tools_once_for_each_call() -> None:
    blocks = [
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "server_tool_use", "id": "b", "name": "web_search", "input": {}},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "mcp_tool_use", "id": "c", "name": "m", "server_name": "s", "input": {}},
        {"type": "tool_use", "id": "d", "name": "f", "input": {}},
        {"type": "tool_use", "id": "", "name": "g", "input": {}},
        {"type": "tool_use", "id": "", "name": "g", "input": {}},
    ]
    events = [message_start(content=[{"type": "tool_use", "id": "z", "name": "h", "input": {}}])]
    for index, block in enumerate(blocks):
        events += [block_start(index, **block), block_stop(index)]
    assert metered(sse(events)).tool_names == ("h", "f", "f", "g", "g")


def test_a_repeated_start_is_merged_and_brings_its_tools_if_there_are_none() -> None:
    tool = {"type": "tool_use", "id": "z", "name": "h", "input": {}}
    meter = metered(sse([message_start(id=""), message_start(content=[tool])]))
    assert (meter.id, meter.tool_names) == ("msg_1", ("h",))
    other = {**tool, "id": "y", "name": "i"}
    again = metered(sse([message_start(content=[tool]), message_start(content=[other])]))
    assert again.tool_names == ("h",)
    assert isinstance(meter.error, IncompleteStreamError)


def test_a_fallback_changes_the_model() -> None:
    block = {"type": "fallback", "from": {"model": "claude-test"}, "to": {"model": "other"}}
    assert metered(sse([message_start(), block_start(0, **block)])).model == "other"


def test_a_delta_without_its_block_and_an_end_without_usage_tell_no_total() -> None:
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    body = sse([message_start(), text_delta("a"), end, MESSAGE_STOP])
    assert_agreement([body])
    assert metered(body).usage == Usage(input_tokens=10, output_tokens=1)


@pytest.mark.parametrize("between", [[], [block_stop(0)], [message_delta()]])
def test_the_repeated_start_of_an_open_fallback_changes_nothing(between: Any) -> None:
    first, second = (
        block_start(index, type="fallback", **{"from": {"model": "a"}, "to": {"model": model}})
        for index, model in enumerate(("b", "c"))
    )
    assert_agreement([sse([message_start(), first, second, *between, first])])


# -- errors ------------------------------------------------------------------------------------


def test_after_an_error_only_bytes_are_counted() -> None:
    meter = Meter()
    meter.feed(STARTED + sse([ERROR]))
    error = meter.error
    assert isinstance(error, StreamError)
    assert (error.error_type, str(error)) == ("overloaded_error", "overloaded_error: Overloaded")
    more = FINISH * 100
    meter.feed(more)
    meter.close()
    meter.close()
    assert meter.error is error
    assert (meter.events, meter.complete) == (3, False)
    assert meter.bytes == len(STARTED + sse([ERROR]) + more)


def test_a_second_message_stops_the_meter() -> None:
    meter = metered(STARTED, FINISH, STARTED)
    assert isinstance(meter.error, ProtocolError)
    assert meter.error.rule == "second_message"
    assert (meter.events, meter.complete) == (6, True)


def test_a_stream_that_ends_early_says_so_at_the_end() -> None:
    meter = Meter()
    meter.feed(STARTED)
    assert meter.error is None
    meter.close()
    assert isinstance(meter.error, IncompleteStreamError)
    assert meter.error.partial is None
    assert str(metered().error) == (
        "the stream ended before message_start: "
        "no event came (was the source empty, or read before?)"
    )
    assert str(metered(PING_BYTES).error) == "the stream ended before message_start"
    cut = metered(STARTED, b"event: ping\nda")
    assert isinstance(cut.error, IncompleteStreamError)
    assert isinstance(cut.error.__cause__, DecodeError)
    assert metered(STARTED, FINISH, b"event: ping\nda").error is None


@pytest.mark.parametrize("wrong", ["text", None, 5, [1, 2], {}])
def test_what_is_no_bytes_is_a_type_error_and_changes_nothing(wrong: Any) -> None:
    meter = Meter()
    meter.feed(STARTED)
    with pytest.raises(TypeError, match="feed takes bytes, got "):
        meter.feed(wrong)
    for kind in (bytearray, memoryview):
        meter.feed(kind(data(DELTA % "a")))
    meter.feed(FINISH)
    meter.close()
    assert (meter.error, meter.events) == (None, 7)


def test_an_event_that_is_too_long_is_an_error() -> None:
    long = data(DELTA % ("a" * 500))
    assert metered(STARTED, long, FINISH, max_event_bytes=600).error is None
    for pieces in ([STARTED, long, FINISH], [STARTED + long + FINISH], one_by_one(STARTED + long)):
        meter = metered(*pieces, max_event_bytes=400)
        assert isinstance(meter.error, DecodeError)
        assert str(meter.error) == "an event of more than 400 bytes"
        assert meter.events == 2


def test_what_never_ends_is_an_error() -> None:
    """Names of tools and unknown counts are kept, so their size is bounded."""
    name = "n" * 1_000_000
    meter = Meter()
    meter.feed(STARTED)
    for index in range(20):
        meter.feed(sse([block_start(index, type="tool_use", id=str(index), name=name)]))
    assert str(meter.error) == "tools and counts whose names take more than 16777216 characters"
    assert len(meter.tool_names) == 16

    meter = Meter()
    meter.feed(STARTED)
    for key in ["a"] * 20 + [str(number) for number in range(20)]:
        usage = {"output_tokens": 1, f"unknown_{key}": name}
        meter.feed(sse([{"type": "message_delta", "delta": {}, "usage": usage}]))
    assert meter.events == 2 + 20 + 16
    assert isinstance(meter.error, DecodeError)


def test_an_interrupted_meter_says_that_bytes_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    meter = Meter()
    meter.feed(STARTED)
    with monkeypatch.context() as patch:
        patch.setattr("chunkview._stream.meter.quiet_events", interrupt)
        meter.feed(PING_BYTES)
        with pytest.raises(KeyboardInterrupt):
            assert meter.events
    assert str(meter.error) == "the meter was interrupted (KeyboardInterrupt): bytes are lost"
    meter.feed(FINISH)
    meter.close()
    assert not meter.complete


# -- cost --------------------------------------------------------------------------------------


def flood(kind: str, count: int) -> bytes:
    """Many events of one kind, each with another index or key where it can have one."""
    return sse(
        [
            {
                "block starts": block_start(index),
                "starts of other tools": block_start(
                    index, type="server_tool_use", id=f"s{index}", name="web_search", input={}
                ),
                "stops": block_stop(index),
                "deltas": text_delta("a", index),
                "message_deltas": {
                    "type": "message_delta",
                    "delta": {f"unknown_{index}": "a" * 50},
                    "usage": {"output_tokens": index},
                },
                "pings": {"type": "ping"},
            }[kind]
            for index in range(count)
        ]
    )


@pytest.mark.parametrize(
    "kind",
    ["block starts", "starts of other tools", "stops", "deltas", "message_deltas", "pings"],
)
def test_a_meter_does_not_grow_with_the_stream(kind: str) -> None:
    body = flood(kind, 3000)
    half = len(body) // 2
    meter = Meter()
    meter.feed(STARTED + body[:half])
    assert meter.events
    tracemalloc.start()
    try:
        for at in range(half, len(body), 1400):
            meter.feed(body[at : at + 1400])
        assert meter.events == 3002
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # The fast path of the process remembers 512 bare events and empty starts.
    assert grown < 350_000
    assert meter.error is None


def test_a_long_event_that_grows_too_long_is_the_error_of_the_stream() -> None:
    start = sse([message_start(), block_start(type="text", text=""), text_delta("a")])
    piece = b"x" * 60_000
    pieces = [start, b"data: " + piece, piece + b"\n\n", sse([text_delta("b")])]
    meter = Meter(max_event_bytes=100_000)
    for data in pieces:
        meter.feed(data)
        meter.events  # noqa: B018 - it looks at the bytes
    stream = AnthropicStream(iter(pieces), max_event_bytes=100_000)
    with pytest.raises(ChunkviewError) as raised:
        list(stream)
    assert str(meter.error) == str(raised.value)
