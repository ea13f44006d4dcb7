from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import accumulate, islice, takewhile
from typing import Any

import httpx_sse._decoders
import pytest
from anthropic._streaming import SSEDecoder
from hypothesis import given
from hypothesis import strategies as st

import chunkview
from chunkview import (
    ChunkDecoder,
    ChunkView,
    DecodeError,
    MessageStopChunk,
    PingChunk,
    TextDeltaChunk,
    aiter_chunks,
    decode,
    iter_chunks,
)
from chunkview._model.json import stdlib_loads
from chunkview._stream import fastpath as _fastpath
from chunkview._stream import framing as _framing
from chunkview.testing import strategies as cv
from support import PING, Recorded, as_async, delta, sdk_event, sse, text_delta, text_stream

PING_BYTES = b'event: ping\ndata: {"type": "ping"}\n\n'
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE_ENDINGS = [b"\n", b"\r\n", b"\r"]


def decoded(*pieces: bytes, **options: Any) -> list[ChunkView]:
    decoder = ChunkDecoder(**options)
    return [chunk for piece in pieces for chunk in decoder.feed(piece)] + decoder.close()


def one_by_one(body: bytes) -> list[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


def sdk_data(body: bytes) -> list[str]:
    return [event.data for event in SSEDecoder().iter_bytes(iter([body])) if event.data]


def httpx_sse_data(body: bytes) -> list[str]:
    decoder = httpx_sse._decoders.SSEDecoder()
    lines = body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    events = [decoder.decode(line) for line in [*lines, ""]]
    return [event.data for event in events if event is not None and event.data]


def until_it_fails(decoder: ChunkDecoder, pieces: list[bytes]) -> tuple[list[Any], DecodeError]:
    """What the plain loop sees before a decoder raises, at the end if not before; the error."""
    chunks: list[Any] = []
    try:
        for piece in pieces:
            chunks += decoder.feed(piece)
        chunks += decoder.close()
    except DecodeError as error:
        return chunks, error
    pytest.fail("nothing was wrong")


async def collected(source: Any, **options: Any) -> list[Any]:
    return [chunk async for chunk in aiter_chunks(source, **options)]


@given(cv.streams_with_bodies(), st.data())
def test_the_payloads_are_those_of_httpx_sse(pair: Any, data: Any) -> None:
    events, body = pair
    theirs = httpx_sse_data(body.removeprefix(BYTE_ORDER_MARK))
    expected = [payload for payload in theirs if payload.strip() != "[DONE]"]
    chunks = decoded(*data.draw(cv.segmentations(body)))
    assert [chunk.chunk.decode() for chunk in chunks] == expected  # type: ignore[union-attr]
    assert chunks == [decode(event) for event in events]


@given(cv.sse_bodies(quirks=False))
def test_the_payloads_are_those_of_the_sdk(body: bytes) -> None:
    theirs = sdk_data(body.removeprefix(BYTE_ORDER_MARK))
    assert [chunk.chunk.decode() for chunk in decoded(body)] == theirs  # type: ignore[union-attr]


@given(cv.streams_with_bodies(), st.data())
def test_a_parser_of_the_callers_is_given_every_payload(pair: Any, data: Any) -> None:
    events, body = pair
    seen: list[bytes] = []

    def loads(payload: bytes) -> Any:
        seen.append(payload)
        return json.loads(payload)

    pieces = data.draw(cv.segmentations(body))
    expected = [decode(event) for event in events]
    for collect in (
        lambda: decoded(*pieces, loads=loads),
        lambda: list(iter_chunks(pieces, loads=loads)),
        lambda: list(iter_chunks(body, loads=loads)),
        lambda: asyncio.run(collected(pieces, loads=loads)),
        lambda: asyncio.run(collected(memoryview(body), loads=loads)),
        lambda: asyncio.run(collected(as_async(pieces), loads=loads)),
    ):
        seen.clear()
        chunks = collect()
        assert chunks == expected
        payloads = [payload for payload in seen if payload.strip() != b"[DONE]"]
        assert [chunk.chunk for chunk in chunks] == payloads


class OwnDecodeError(Exception):
    """Like msgspec's, no ValueError."""


def own_loads(payload: bytes) -> Any:
    """A parser whose errors are its own."""
    try:
        return stdlib_loads(payload)
    except DecodeError as error:
        raise OwnDecodeError(error.problem) from error


BROKEN = [
    b"data: {",
    b"event: ping\ndata: NaN",
    b'data: {"type":\ndata: ping}',
    b'data: ["ping"]',
    b'event: content_block_stop\ndata: {"type":"content_block_stop"}',
    sse([text_delta("TEXT")]).strip().replace(b"TEXT", b"\xff"),
    sse([text_delta("TEXT")]).strip().replace(b"TEXT", b"\\ud800"),
    b'{"type":"error"}',
    b"<html>\n<body>Bad gateway</body></html>",
]


@given(
    cv.message_streams(),
    st.sampled_from(BROKEN),
    st.sampled_from(LINE_ENDINGS),
    st.sampled_from([None, stdlib_loads, own_loads]),
    st.data(),
)
def test_a_broken_event_comes_with_its_bytes_and_all_that_came_before(
    events: Any, broken: bytes, newline: bytes, loads: Any, data: Any
) -> None:
    place = data.draw(st.integers(0, len(events)))
    body = sse(events[:place]) + broken + b"\n\n" + sse(events[place:])
    decoder = ChunkDecoder(loads=loads)
    pieces = data.draw(cv.segmentations(body.replace(b"\n", newline)))
    chunks, error = until_it_fails(decoder, pieces)
    assert chunks == [decode(event) for event in events[:place]]
    assert error.received == broken.replace(b"\n", newline)
    lines = [line[len(b"data: ") :] for line in broken.split(b"\n") if line.startswith(b"data")]
    assert error.event == (b"\n".join(lines) or None)
    assert not error.truncated
    if loads is own_loads:
        own = isinstance(error.__cause__, OwnDecodeError)
        assert own is error.problem.startswith("invalid JSON: ")
    for _ in range(2):
        with pytest.raises(DecodeError) as again:
            decoder.feed(sse(events))
        assert (str(again.value), again.value.__cause__) == (str(error), error)
        assert decoder.close() == []

    iterator = iter_chunks(pieces, loads=loads)
    assert list(islice(iterator, len(chunks))) == chunks
    with pytest.raises(DecodeError) as caught:
        next(iterator)
    assert str(caught.value) == str(error)


@given(cv.message_streams(), st.data())
def test_an_event_may_have_so_many_bytes_and_no_more(events: Any, data: Any) -> None:
    lengths = [len(sse([event])) - len(b"\n\n") for event in events]
    limit = data.draw(st.sampled_from(lengths)) + data.draw(st.integers(-1, 1))
    allowed = len(list(takewhile(lambda length: length <= limit, lengths)))
    decoder = ChunkDecoder(max_event_bytes=limit)
    pieces = data.draw(cv.segmentations(sse(events)))
    if allowed == len(events):
        chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    else:
        chunks, error = until_it_fails(decoder, pieces)
        assert error.problem == f"an event of more than {limit} bytes"
        assert error.received is not None
        assert limit < len(error.received)
        assert sse(events[allowed:]).startswith(error.received)
        with pytest.raises(DecodeError, match=error.problem):
            list(iter_chunks(pieces, max_event_bytes=limit))
        with pytest.raises(DecodeError, match=error.problem):
            asyncio.run(collected(pieces, max_event_bytes=limit))
        with pytest.raises(DecodeError, match=error.problem):
            asyncio.run(collected(as_async(pieces), max_event_bytes=limit))
    assert chunks == [decode(event) for event in events[:allowed]]


@given(cv.message_streams(), st.data())
def test_a_body_cut_anywhere_gives_what_is_whole(events: Any, data: Any) -> None:
    body = sse(events)
    end = data.draw(st.integers(0, len(body)))
    bounds = [0, *accumulate(len(sse([event])) for event in events)]
    whole = sum(bound - len(b"\n\n") <= end for bound in bounds[1:])
    expected = [decode(event) for event in events[:whole]]
    pieces = data.draw(cv.segmentations(body[:end]))
    if end <= bounds[whole]:
        assert decoded(*pieces) == expected
        return
    chunks, error = until_it_fails(ChunkDecoder(), pieces)
    assert chunks == expected
    assert error.truncated
    assert error.received == body[bounds[whole] : end]
    assert error.event == (error.received.partition(b"data: ")[2] or None)


PROSE = st.text("xyz \n", min_size=1).map("Bad gateway {}".format)
DOCUMENTS = st.one_of(
    st.builds(json.dumps, cv.messages(), indent=st.none() | st.just(2)),
    PROSE.map("<html>\n{}\n</html>".format),
    PROSE,
)


@given(DOCUMENTS, st.data())
def test_a_document_is_no_event_stream_however_it_is_cut(document: str, data: Any) -> None:
    body = document.encode()
    chunks, error = until_it_fails(ChunkDecoder(), data.draw(cv.segmentations(body)))
    assert chunks == []
    assert error.received is not None
    shown = error.received.strip()[:80].decode()
    assert error.problem == f"the body is no event stream; it begins with {shown!r}"
    if body.startswith(b"Bad"):
        assert error.received.split() == body.split()  # all of it, for it may be the reason
    else:
        assert body.startswith(error.received)


@pytest.mark.parametrize("newline", LINE_ENDINGS)
def test_a_recorded_body_decodes_the_same_however_it_is_cut(
    recorded: Recorded, newline: bytes
) -> None:
    expected = [decode(event) for event in recorded.events]
    body = recorded.body.replace(b"\n", newline)
    for size in (1, 2, 3, 7, 64, 1_400, len(body)):
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        chunks = decoded(*pieces)
        assert chunks == expected
        assert [chunk.chunk for chunk in chunks] == recorded.payloads
    assert decoded(*pieces, loads=stdlib_loads) == expected


def test_the_chunk_is_the_payload_and_holds_no_more_than_it() -> None:
    (chunk,) = decoded(b"x: y\n" + PING_BYTES)
    assert chunk.chunk == b'{"type": "ping"}'
    assert chunk.to_event() == PING


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"type": "ping"}\n\n',
        b'data:{"type": "ping"}\n\n',
        b'data:  {"type": "ping"}\n\n',
        b'event: message_stop\ndata: {"type": "ping"}\n\n',
        b'data: {"type": "ping"}\nevent: ping\n\n',
        b'\xef\xbb\xbfevent: ping\ndata: {"type": "ping"}\n\n',
        b'\xef\xbb\xbfdata: {"type": "ping"}\n\n',
        b'\n\n\n: hello\n\n:\nevent: ping\n: there\ndata: {"type": "ping"}\n\n\n\n',
        b'data: {"type":\ndata: "ping"}\n\n',
        b'event: ping\ndata: {"type":\ndata: "ping"\ndata: }\n\n',
        b'event: ping\ndata:{"type":\ndata: "ping"}\n\n',
        b'event\ndata: {"type": "ping"}\n\n',
        b'id: 7\nretry: 100\nfoo: bar\nfoobar\ndata: {"type": "ping"}\n\n',
        b'data: {"type": "ping"}\nid\n\n',
        b'data: {"type": "ping"}\n\nevent: done\ndata: [DONE]\n\n',
        b'data: [DONE]\n\ndata: {"type": "ping"}\n\ndata:  [DONE] \n\n',
        b'data: [DONE]\n\ndata: {"type": "ping"}\n\ndata: [DONE]',
        b'data: {"type": "ping"}\n\ndata\n\ndata:\n\ndata: \n\n',
        b'data: {"type": "ping"}\n\nid: 8',
        b'data: {"type": "ping"}\n\nretry: 8\n',
        b'data: {"type": "ping"}\n\nretry: 8\nid: 7\n: bye',
        b'data: {"type": "ping"}\n\ndata:\n',
        b'data: {"type": "ping"}\n\n: bye',
        b'data: {"type": "ping"}\n',
        b'event: ping\ndata: {"type": "ping"}',
        b'\xef\xbb\xbfdata: {"type": "ping"}',
        b'datatype: x\ndata: {"type": "ping"}\ndat: x\n\n',
        b'unknown: fields\n\nonly: here\n\ndata: {"type": "ping"}\n\n',
    ],
)
@pytest.mark.parametrize("newline", LINE_ENDINGS)
def test_every_legal_format_is_read(body: bytes, newline: bytes) -> None:
    body = body.replace(b"\n", newline)
    assert decoded(body) == [PingChunk()]
    assert decoded(*one_by_one(body)) == [PingChunk()]


def test_events_of_every_length_are_found() -> None:
    """The search for a blank line changes its way where lines are long."""
    comment = PING_BYTES[:-2] + b"\n: "
    for length in [*range(400, 640), 5_000, 70_000]:
        event = text_delta("x" * length)
        assert decoded(sse([event]) + PING_BYTES, loads=json.loads) == [decode(event), PingChunk()]
        assert decoded(comment + b"x" * length + b"\n\n" + PING_BYTES) == [PingChunk()] * 2


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"\r\n\r\n", b": only\n\n: comments\n", b"\xef\xbb\xbf"]
)
def test_a_body_without_events_gives_nothing(body: bytes) -> None:
    assert decoded(body) == decoded(*one_by_one(body)) == []


def test_mixed_line_endings_are_read() -> None:
    body = b'data: {"type": "ping"}\r\n\ndata: {"type": "ping"}\n\r\ndata: {"type": "ping"}\r\rdata'
    body += b': {"type": "ping"}\n\rdata: {"type": "ping"}\r\n\r\n'
    assert decoded(body) == decoded(*one_by_one(body)) == [PingChunk()] * 5


def test_a_crlf_that_is_split_between_two_feeds_is_one_line_ending() -> None:
    assert decoded(b"event: ping\r", b'\ndata: {"type": "ping"}\r', b"\n\r", b"\n") == [PingChunk()]
    assert decoded(b"event: ping\r", b"", b'\ndata: {"type":\r', b'data: "ping"}\r\r') == [
        PingChunk()
    ]


def test_an_event_is_given_as_soon_as_it_is_complete() -> None:
    decoder = ChunkDecoder()
    assert decoder.feed(PING_BYTES[:-1]) == []
    assert decoder.feed(b"\n") == [PingChunk()]
    assert decoder.feed(PING_BYTES.replace(b"\n", b"\r")) == [PingChunk()]


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_bytes_of_any_kind_are_taken_and_may_be_changed_afterwards(make: Any) -> None:
    buffer = bytearray(sse(text_stream("a", "b")))
    decoder = ChunkDecoder()
    chunks = decoder.feed(make(buffer))
    expected = list(map(decode, text_stream("a", "b")))
    buffer[:] = b"x" * len(buffer)
    assert chunks == expected
    assert [chunk.to_event() for chunk in chunks] == text_stream("a", "b")


def test_what_is_not_bytes_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="feed takes bytes, got str"):
        ChunkDecoder().feed("data: {}")  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Each test learns for itself how streams begin."""
    _fastpath.MEMORY.clear()


def refuse(data: bytes) -> Any:
    raise AssertionError(f"parsed as JSON: {data!r}")


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("newline", LINE_ENDINGS)
def test_only_the_first_delta_of_a_run_is_parsed_as_json(
    separators: tuple[str, str], newline: bytes
) -> None:
    texts = ["a", "b", "", "é", 'say \\"no\\"\\n', "c" * 2_000]
    events = [text_delta(text.replace("\\", "")) for text in texts]
    body = sse(events, separators=separators).replace(b'"}}', b'"}        } ')
    pieces = [piece + newline * 2 for piece in body.replace(b"\n", newline).split(newline * 2)][:-1]
    for cut in (pieces, [b"".join(pieces)], one_by_one(b"".join(pieces))):
        decoder = ChunkDecoder()
        expected = [decode(event) for event in events]
        first = decoder.feed(pieces[0])
        decoder._loads = refuse
        chunks = [chunk for piece in cut for chunk in decoder.feed(piece)]
        assert first + chunks == [expected[0], *expected]
        assert [chunk.to_event() for chunk in chunks] == events


def test_what_one_stream_has_taught_serves_the_next() -> None:
    blocks: list[tuple[Any, str, str]] = [
        ({"type": "text", "text": ""}, "text_delta", "text"),
        ({"type": "thinking", "thinking": ""}, "thinking_delta", "thinking"),
        (
            {"type": "tool_use", "id": "t", "name": "n", "input": {}},
            "input_json_delta",
            "partial_json",
        ),
    ]
    for index, (block, kind, field) in enumerate(blocks):
        events = [
            {"type": "content_block_start", "index": index, "content_block": block},
            delta(kind, index, **{field: "a"}),
            delta(kind, index, **{field: "b"}),
        ]
        decoded(sse(events))
        decoder = ChunkDecoder()
        decoder.feed(sse(events[:1]))
        decoder._loads = refuse
        assert decoder.feed(sse(events[1:])) == [decode(event) for event in events[1:]]


def test_bare_events_are_parsed_once_for_all_streams() -> None:
    body = sse([{"type": "content_block_stop", "index": 3}, {"type": "message_stop"}]) + PING_BYTES
    expected = decoded(body)
    decoder = ChunkDecoder()
    decoder.feed(sse([text_delta("a")]))
    decoder._loads = refuse
    assert decoder.feed(body) + decoder.close() == expected
    assert decoded(body, loads=json.loads) == expected


def test_only_bare_events_are_shared_and_not_without_bounds() -> None:
    stops = [{"type": "content_block_stop", "index": index} for index in range(1_000)]
    decoded(sse([*text_stream("a", "b"), {"type": "ping", "long": "x" * 200}, *stops]))
    shared = _fastpath.MEMORY.bare_events
    assert len(shared) == _fastpath._MAX_BARE_EVENTS
    assert {type(chunk) for chunk in shared.values()} <= set(_fastpath._BARE)
    assert max(map(len, shared)) < _fastpath._SHORT


def test_one_event_at_a_time_goes_straight_to_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = ChunkDecoder()
    decoder.feed(sse([text_delta("a")]))
    monkeypatch.delattr(ChunkDecoder, "_decode")
    assert decoder.feed(sse([text_delta("b")])) == [TextDeltaChunk(0, "b")]


def test_what_the_api_sends_is_not_split_into_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_framing, "lines_of")
    events = text_stream("a", "b")
    chunks = ChunkDecoder(loads=json.loads).feed(sse(events))
    assert chunks == [decode(event) for event in events]


def test_runs_are_not_remembered_without_bounds() -> None:
    for index in (63, 64, 10**9):
        decoded(sse([text_delta("a", index), text_delta("b", index)]))
    memory = _fastpath.MEMORY
    assert [index for _, index in memory._runs] == [63]
    assert None not in memory._runs.values()
    assert memory.recall("text", 63) is not None
    assert memory.recall("text", 64) is memory.recall("image", 63) is None


TRICKY = [
    "", "a", " ", "}}", '"', "\\", '"}}', "\n", "\r\n", "\t", "\u2028", "\x00", "é", "日本",
    "😀", "\\u0041", "\ufeff", "data: x", "\x7f", "\x85",
]  # fmt: skip


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("text_delta", "text"),
        ("input_json_delta", "partial_json"),
        ("thinking_delta", "thinking"),
        ("signature_delta", "signature"),
    ],
)
def test_the_deltas_of_a_run_decode_as_each_does_alone(
    kind: str, field: str, ascii_only: bool
) -> None:
    events = [delta(kind, index, **{field: text}) for index in (0, 0, 1) for text in TRICKY]
    for separators in ((",", ":"), (", ", ": "), (" ,\t", " :")):
        bodies = [
            b"data: " + json.dumps(event, ensure_ascii=ascii_only, separators=separators).encode()
            for event in events
        ]
        expected = [decode(event) for event in events]
        assert decoded(*[body + b"\n\n" for body in bodies]) == expected
        assert decoded(b"\n\n".join(bodies)) == expected
        assert decoded(b"\r\n\r\n".join(bodies)) == expected


START = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'


@pytest.mark.parametrize(
    "rest",
    [
        b'b"}}',
        b'b" } } ',
        b'b"},"novelty":1}',
        b'b","novelty":1}}',
        b'b","text":"c"}}',
        b'b"},"index":4}',
        b'b"},"delta":{"type":"text_delta","text":"c"}}',
        b'b"}\ndata: }',
        b'b"}}\nid: 4',
        b'b"}}\n: bye',
        b'b"\ndata:  }}',
        b'\\ud83d\\ude00"}}',
        b'\\n\\"\\\\"}}',
        b'b"},"type":"ping"}',
    ],
)
def test_a_delta_that_only_begins_like_the_last_one_is_read_for_itself(rest: bytes) -> None:
    first = START + b'a"}}\n\n'
    (alone,) = decoded(START + rest + b"\n\n")
    assert decoded(first, START + rest + b"\n\n") == [TextDeltaChunk(0, "a"), alone]
    assert decoded(first + START + rest + b"\n\n" + first) == [
        TextDeltaChunk(0, "a"),
        alone,
        TextDeltaChunk(0, "a"),
    ]
    (_, chunk) = decoded(first, START + rest + b"\n\n")
    assert chunk.to_event() == alone.to_event()


@pytest.mark.parametrize(
    "rest",
    [
        b'b"}',
        b'b"}}}',
        b'b"}} x',
        b"b",
        b'\\ud800"}}',
        b'\\x"}}',
        b'\xff"}}',
        b'\x01"}}',
        b'b"},,}',
    ],
)
def test_a_broken_delta_is_refused_in_a_run_as_alone(rest: bytes) -> None:
    first = START + b'a"}}\n\n'
    with pytest.raises(DecodeError) as alone:
        decoded(START + rest + b"\n\n")
    for pieces in ((first, START + rest + b"\n\n"), (first + START + rest + b"\n\n",)):
        with pytest.raises(DecodeError) as in_a_run:
            decoded(*pieces)
        assert str(in_a_run.value) == str(alone.value)
        assert in_a_run.value.received == START + rest


@pytest.mark.parametrize("more", [b"\n\n", b"\ndata:\n\n", b"\ndata: }\n\n", b"\n"])
def test_a_delta_of_a_run_is_not_given_before_its_blank_line(more: bytes) -> None:
    first = START + b'a"}}\n\n'
    decoder = ChunkDecoder()
    assert decoder.feed(first) == [TextDeltaChunk(0, "a")]
    assert decoder.feed(first[:-2]) == []
    if b"}" in more:
        with pytest.raises(DecodeError, match="invalid JSON"):
            decoder.feed(more)
    else:
        assert decoder.feed(more) + decoder.close() == [TextDeltaChunk(0, "a")]


@pytest.mark.parametrize("tail", [b" ", b"\n \n", b"\n\n ", b" \n\n", b"\n", b"\n\n\n"])
def test_spaces_behind_a_delta_of_a_run_are_no_part_of_it(tail: bytes) -> None:
    first, second = START + b'a"}}\n\n', START + b'b"}}'
    rest = [b"data: 1\n\n", b'data: {"type": "ping"}\n\n']

    def outcome(pieces: list[bytes]) -> tuple[list[Any], list[Any], str]:
        chunks = []
        try:
            for chunk in iter_chunks(pieces):
                chunks.append(chunk)
        except DecodeError as error:
            return chunks, [chunk.chunk for chunk in chunks], str(error)
        return chunks, [chunk.chunk for chunk in chunks], ""

    for last in rest:
        whole = outcome([first + second + tail + last])
        assert outcome([first, second + tail, last]) == whole
        assert outcome([first, second + tail + last]) == whole
        assert outcome(one_by_one(first + second + tail + last)) == whole


def test_the_limit_does_not_depend_on_the_cut() -> None:
    event = PING_BYTES[:-2]
    for limit in (len(event) - 1, len(event), len(event) + 1):
        for cut in range(len(PING_BYTES) + 1):
            decoder = ChunkDecoder(max_event_bytes=limit)
            pieces = (PING_BYTES[:cut], PING_BYTES[cut:])
            if limit < len(event):
                with pytest.raises(DecodeError, match="an event of more than"):
                    [decoder.feed(piece) for piece in pieces]
            else:
                assert [c for piece in pieces for c in decoder.feed(piece)] == [PingChunk()]


def test_a_delta_that_begins_in_the_middle_of_a_line_is_part_of_that_line() -> None:
    decoder = ChunkDecoder()
    delta_bytes = START + b'a"}}\n\n'
    assert decoder.feed(delta_bytes) == [TextDeltaChunk(0, "a")]
    assert decoder.feed(b": a comment that goes on: ") == []
    assert decoder.feed(delta_bytes) == []
    assert decoder.feed(delta_bytes) == [TextDeltaChunk(0, "a")]


def test_a_line_that_only_looks_like_the_payload_is_not_taken_for_it() -> None:
    payloads = [START[len(b"data: ") :] + text + b'"}}' for text in (b"a", b"b", b"c")]
    pieces = [b"data: %s\n%s\n\n" % (payloads[0], last) for last in (payloads[0], payloads[1])]
    assert decoded(*pieces) == [TextDeltaChunk(0, "a")] * 2
    twice = b"data: %s\ndata:\n\n" % payloads[2]
    assert decoded(twice, twice) == [TextDeltaChunk(0, "c")] * 2


def test_a_very_long_beginning_is_not_remembered() -> None:
    novelty = b'{"novelty":"' + b"x" * 600 + b'","index":0,"type":"content_block_delta","delta":'
    bodies = [b'data: %s{"type":"text_delta","text":"%d"}}\n\n' % (novelty, i) for i in range(3)]
    assert decoded(*bodies) == [TextDeltaChunk(0, str(i)) for i in range(3)]
    assert not _fastpath.MEMORY._runs


def test_a_stream_whose_keys_are_escaped_is_read_all_the_same() -> None:
    event = (
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","te\\u0078t":"%d"}}'
    )
    bodies = [b"data: " + event % i + b"\n\n" for i in range(3)]
    assert decoded(*bodies) == [TextDeltaChunk(0, str(i)) for i in range(3)]


def test_a_stream_whose_strings_do_not_come_last_is_read_all_the_same() -> None:
    bodies = [
        b'data: {"delta":{"text":"%d","type":"text_delta"},"index":0,"type":"content_block_delta"}'
        % i
        for i in range(3)
    ]
    assert decoded(*[body + b"\n\n" for body in bodies]) == [
        TextDeltaChunk(0, str(i)) for i in range(3)
    ]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (b"data: {broken", "invalid JSON"),
        (b"data: nonsense", "invalid JSON"),
        (b'data: {"type": "ping"} x', "invalid JSON"),
        (b'data: {"type": "p\xffng"}', "invalid JSON"),
        (b"data: []", "expected object, got list"),
        (b"data: {}", "type: required, but missing"),
        (b'data: {"type": "content_block_stop"}', "content_block_stop.index: required"),
        (b'data: {"type": "ping", "x": NaN}', "invalid JSON"),
        (b'data: {"type": "ping", "x": 1e999}', "invalid JSON"),
        (b'data: {"type": "ping", "x": "\\udc00"}', "invalid JSON"),
        (b"data: " + b"[" * 100_000, "nested deeper|invalid JSON"),
        (b"event: error\ndata: Internal server error", "invalid JSON"),
        (b'{"type":"error","error":{"type":"api_error","message":"m"}}', "no event stream"),
        (b"<html>\n<body>Bad gateway</body>\n</html>", "no event stream"),
    ],
)
@pytest.mark.parametrize("loads", [None, stdlib_loads], ids=["default", "stdlib"])
def test_a_broken_event_is_reported_with_its_bytes_and_what_came_before(
    broken: bytes, problem: str, loads: Any
) -> None:
    decoder = ChunkDecoder(loads=loads)
    assert decoder.feed(PING_BYTES) == [PingChunk()]
    body = sse([text_delta("a")]) + PING_BYTES + broken + b"\n\n" + PING_BYTES
    assert decoder.feed(body) == [TextDeltaChunk(0, "a"), PingChunk()]
    with pytest.raises(DecodeError, match=problem) as caught:
        decoder.feed(PING_BYTES)
    assert caught.value.received == broken
    payload = broken.rpartition(b"data: ")[2] if b"data: " in broken else None
    assert caught.value.event == payload
    assert decoder.close() == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "error", "error": {"type": "api_error", "message": "m"}}',
        b'{\n  "type": "error",\n\n  "error": {}\n}\n',
        b"<!DOCTYPE html>\n<html></html>",
        b"<html>\n\n</html>\n\n",
        b"Internal Server Error",
        b"upstream connect error or disconnect/reset before headers.\n\nreset reason: overflow\n",
        b"HTTP/1.1 502 Bad Gateway\nContent-Length: 0\n\n",
    ],
)
def test_a_body_that_is_no_event_stream_is_refused_and_shown(body: bytes) -> None:
    for pieces in ([body], one_by_one(body)):
        with pytest.raises(DecodeError, match="the body is no event stream; it begins with") as e:
            decoded(*pieces)
        assert repr(body[:6].decode())[1:-1] in str(e.value)
        assert e.value.received is not None
        assert body.startswith(e.value.received)
        if body[:1] not in b"{<":
            assert e.value.received == body


@pytest.mark.parametrize("start", [b"{", b"<", b"\n<", b"\n {"])
def test_a_document_is_refused_as_soon_as_it_cannot_be_lines(start: bytes) -> None:
    with pytest.raises(DecodeError, match="the body is no event stream"):
        ChunkDecoder().feed(start + b"x\n\n")


def test_what_is_no_event_stream_is_not_kept_without_bounds() -> None:
    decoder = ChunkDecoder(max_event_bytes=7 * len(b"Bad gateway\n\n"))
    for _ in range(7):
        assert decoder.feed(b"Bad gateway\n\n") == []
    with pytest.raises(DecodeError, match="the body is no event stream") as caught:
        decoder.feed(b"Bad gateway\n\n")
    assert caught.value.received == b"Bad gateway"


@pytest.mark.parametrize(
    "rest",
    [
        b"\xef\xbb",
        b"d",
        b"id: 7\nda",
        b"foo: bar\nretry: 7\neve",
        b"data",
        b"data: ",
        b"event: message_stop",
        b"event: message_stop\n",
        b'event: message_stop\ndata: {"type":',
        b'data: {"type": "message_stop"',
        b'data: {"type": "text", "text": "\xf0\x9f',
        b"data: [DON",
        b'data: {"type":\ndata: ',
    ],
)
def test_a_body_that_ends_within_an_event_is_cut_short(rest: bytes) -> None:
    for before in (b"", PING_BYTES):
        decoder = ChunkDecoder()
        decoder.feed(before + rest)
        with pytest.raises(DecodeError, match="the body ends in the middle of an event") as caught:
            decoder.close()
        assert caught.value.received == rest
        assert caught.value.truncated
        payload = rest.partition(b"data: ")[2].replace(b"\ndata: ", b"\n")
        assert caught.value.event == (payload or None)


@pytest.mark.parametrize("rest", [b"novelty", b"novelty: 1", b"foo\nbar\n"])
def test_what_follows_the_last_event_and_makes_no_sense_is_reported(rest: bytes) -> None:
    for before in (PING_BYTES, b"data:\n\n"):
        decoder = ChunkDecoder()
        decoder.feed(before + rest)
        with pytest.raises(DecodeError, match="the body ends in the middle of an event") as caught:
            decoder.close()
        assert caught.value.received == rest


def test_a_last_event_without_its_blank_line_comes_on_close() -> None:
    decoder = ChunkDecoder()
    assert decoder.feed(b'data: {"type": "message_stop"}') == []
    assert decoder.close() == [MessageStopChunk()]
    assert decoder.close() == []
    with pytest.raises(DecodeError, match="fed any more: the decoder was closed") as caught:
        decoder.feed(PING_BYTES)
    assert caught.value.received == PING_BYTES


def test_an_event_may_be_as_long_as_allowed_and_no_longer() -> None:
    event = PING_BYTES[:-2]
    assert decoded(event + b"\n\n", max_event_bytes=len(event)) == [PingChunk()]
    for pieces in ([event + b"\n\n"], one_by_one(event)):
        with pytest.raises(DecodeError, match=f"an event of more than {len(event) - 1} bytes") as e:
            decoded(PING_BYTES[:-3].replace(b"ping", b"p") + b"}\n\n", *pieces, max_event_bytes=33)
        assert e.value.received is not None
        assert event.startswith(e.value.received)


def test_what_is_too_long_to_wait_for_comes_with_what_was_before_it() -> None:
    decoder = ChunkDecoder(max_event_bytes=40)
    assert decoder.feed(PING_BYTES + b"data: " + b"x" * 34) == [PingChunk()]
    with pytest.raises(DecodeError, match="an event of more than 40 bytes") as caught:
        decoder.feed(b"x")
    assert caught.value.received == b"data: " + b"x" * 35
    decoder = ChunkDecoder(max_event_bytes=40)
    assert decoder.feed(PING_BYTES + b"data: " + b"x" * 35) == [PingChunk()]
    with pytest.raises(DecodeError, match="an event of more than 40 bytes"):
        decoder.close()


def test_the_limit_holds_for_a_run_and_not_for_a_whole_feed() -> None:
    short, long = sse([text_delta("a")]), sse([text_delta("a" * 50)])
    decoder = ChunkDecoder(max_event_bytes=len(short) + 10)
    assert len(decoder.feed(short * 100)) == 100
    with pytest.raises(DecodeError, match="an event of more than"):
        decoder.feed(long)


def test_a_parser_of_the_callers_brings_its_own_rules() -> None:
    seen = []

    def loads(data: bytes) -> Any:
        seen.append(data)
        return json.loads(data)

    (chunk,) = decoded(b'data: {"type": "dawn", "at": NaN}\n\n', loads=loads)
    assert chunk.type == "dawn"
    assert seen == [b'{"type": "dawn", "at": NaN}']
    seen.clear()
    decoded(sse([text_delta(text) for text in "abc"]), loads=loads)
    assert len(seen) == 3
    with pytest.raises(DecodeError, match="invalid JSON: Expecting") as caught:
        decoded(b"data: {x\n\n", loads=loads)
    assert caught.value.event == b"{x"


def test_iter_chunks_takes_bytes_pieces_and_events() -> None:
    events = text_stream("a", "b")
    expected = [decode(event) for event in events]
    body = sse(events)
    assert list(iter_chunks(body)) == expected
    assert list(iter_chunks(bytearray(body))) == expected
    assert list(iter_chunks(memoryview(body))) == expected
    assert list(iter_chunks(one_by_one(body))) == expected
    assert list(iter_chunks(events)) == expected
    assert list(iter_chunks([json.dumps(event) for event in events])) == expected
    assert list(iter_chunks(map(sdk_event, events))) == expected
    assert list(iter_chunks(expected)) == expected
    assert list(iter_chunks([])) == []


def test_iterators_yield_what_came_before_a_broken_event() -> None:
    body = PING_BYTES * 3 + b"data: {\n\n" + PING_BYTES

    async def collect(pieces: Any, into: list[Any]) -> None:
        async for chunk in aiter_chunks(pieces):
            into.append(chunk)

    got: list[Any] = []
    with pytest.raises(DecodeError):
        got.extend(iter_chunks([body]))  # extend keeps what was yielded before the error
    assert got == [PingChunk()] * 3
    for pieces in (as_async([body]), [body]):
        got = []
        with pytest.raises(DecodeError):
            asyncio.run(collect(pieces, got))
        assert got == [PingChunk()] * 3


def test_a_body_cut_short_is_reported_at_the_end_of_the_iteration() -> None:
    chunks = iter_chunks(PING_BYTES + b"event: mess")
    assert next(chunks) == PingChunk()
    with pytest.raises(DecodeError, match="ends in the middle") as caught:
        next(chunks)
    assert caught.value.received == b"event: mess"


def test_exceptions_of_the_source_pass_through() -> None:
    def source() -> Iterator[bytes]:
        yield PING_BYTES
        raise ConnectionResetError("gone")

    chunks = iter_chunks(source())
    assert next(chunks) == PingChunk()
    with pytest.raises(ConnectionResetError):
        next(chunks)


def test_the_framing_is_that_of_the_sdk_and_of_httpx_sse(recorded: Recorded) -> None:
    ours = [chunk.chunk.decode() for chunk in iter_chunks(recorded.body)]  # type: ignore[union-attr]
    assert ours == sdk_data(recorded.body) == httpx_sse_data(recorded.body)


@pytest.mark.parametrize(
    ("body", "ours", "sdk", "httpx_sse_gives"),
    [
        pytest.param(
            b'data: {"type": "ping"}\n\ndata: [DONE]\n\n',
            1, 2, 2,
            id="ours skips [DONE], which is no event of Anthropic's",
        ),
        pytest.param(
            b'\xef\xbb\xbfdata: {"type": "ping"}\n\n',
            1, 0, 0,
            id="ours skips a byte order mark, as the WHATWG asks",
        ),
    ],
)  # fmt: skip
def test_each_deliberate_difference_to_other_decoders_is_listed(
    body: bytes, ours: int, sdk: int, httpx_sse_gives: int
) -> None:
    assert len(decoded(body)) == ours
    assert len(sdk_data(body)) == sdk
    assert len(httpx_sse_data(body)) == httpx_sse_gives


def test_the_public_names_are_the_same_objects() -> None:
    assert chunkview.ChunkDecoder is ChunkDecoder


class Interruption(BaseException):
    """What a signal handler might raise."""


@pytest.mark.parametrize(
    "kind", [KeyboardInterrupt, SystemExit, Interruption, MemoryError, TimeoutError, LookupError]
)
def test_a_decoder_that_was_interrupted_says_so_and_passes_the_interruption_on(kind: Any) -> None:
    body = sse(text_stream("a", "b"))

    def loads(payload: bytes) -> Any:
        if b'"b"' in payload:
            raise kind("timed out")
        return json.loads(payload)

    decoder = ChunkDecoder(loads=loads)
    with pytest.raises(kind, match="timed out"):
        decoder.feed(body)
    with pytest.raises(DecodeError, match=r"interrupted.*part of the body is lost") as first:
        decoder.feed(PING_BYTES)
    with pytest.raises(DecodeError, match="interrupted") as again:
        decoder.feed(PING_BYTES)
    assert again.value.__cause__ is first.value
    assert decoder.close() == []

    decoder = ChunkDecoder(loads=loads)
    with pytest.raises(kind):
        decoder.feed(body)
    with pytest.raises(DecodeError, match=f"interrupted .{kind.__name__}."):
        decoder.close()
    assert decoder.close() == []

    decoder = ChunkDecoder(loads=loads)
    decoder.feed(sse([text_delta("b")]).rstrip())
    with pytest.raises(kind):
        decoder.close()
    with pytest.raises(DecodeError, match="interrupted"):
        decoder.close()
    assert decoder.close() == []


@pytest.mark.parametrize("place", range(1, 12))
def test_an_interruption_anywhere_within_feed_is_noticed(place: int) -> None:
    decoder = ChunkDecoder()
    body = sse([*text_stream("a", "b")[:4]])
    for event in body.split(b"\n\n")[:3]:
        decoder.feed(event + b"\n\n")
    rest = sse([text_delta("c"), {"type": "dawn"}])
    calls = 0

    def interrupt(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call"
        if calls == place + 1:  # the first call is that of `feed`
            raise Interruption

    sys.setprofile(interrupt)
    try:
        chunks = decoder.feed(rest)
    except Interruption:
        sys.setprofile(None)
        with pytest.raises(DecodeError, match="interrupted"):
            decoder.feed(PING_BYTES)
    else:
        sys.setprofile(None)
        assert len(chunks) == 2
        assert decoder.feed(PING_BYTES) == [PingChunk()]
    finally:
        sys.setprofile(None)
