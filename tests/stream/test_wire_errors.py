"""Broken events and cut bodies: the error says where, and no chunk is lost."""

from __future__ import annotations

import asyncio
from itertools import accumulate, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    ChunkDecoder,
    DecodeError,
    PingChunk,
    TextDeltaChunk,
    aiter_chunks,
    decode,
    iter_chunks,
)
from chunkview._model.json import stdlib_loads
from chunkview.testing import strategies as cv
from stream_support import (
    LINE_ENDINGS,
    PING_BYTES,
    decoded,
    until_it_fails,
)
from support import as_async, sse, text_delta


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
    b"event: news\ndata: NaN",
    b'data: {"type":\ndata: ping}',
    b'data: ["ping"]',
    b'event: content_block_stop\ndata: {"type":"content_block_stop"}',
    sse([text_delta("TEXT")]).strip().replace(b"TEXT", b"\xff"),
    sse([text_delta("TEXT")]).strip().replace(b"TEXT", b"\x01"),
    sse([text_delta("a")]).strip() + b"\n" + sse([text_delta("b")]).strip(),
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
def test_the_chunks_before_a_broken_event_are_returned_and_the_error_has_its_bytes(
    events: Any, broken: bytes, newline: bytes, loads: Any, data: Any
) -> None:
    place = data.draw(st.integers(0, len(events)))
    # Blank lines before an event are none of its bytes.
    blank = data.draw(st.sampled_from((b"", b"", b"\n", b"\n\n\n")))
    body = sse(events[:place]) + blank + broken + b"\n\n" + sse(events[place:])
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
def test_a_body_cut_anywhere_gives_its_whole_events(events: Any, data: Any) -> None:
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


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (b"data: {broken", "invalid JSON"),
        (b"data: nonsense", "invalid JSON"),
        (b'data: {"type": "ping"} x', "invalid JSON"),
        (b'data: {"type": "p\xffng"}', "invalid JSON"),
        (b"data: []", "expected object, got list"),
        (b'data: {"type": "content_block_stop"}', "content_block_stop.index: required"),
        (b'data: {"type": "ping", "x": NaN}', "invalid JSON"),
        (b'data: {"type": "ping", "x": 1e999}', "invalid JSON"),
        (b'data: {"type": "ping", "x": "\t"}', "invalid JSON: a raw control character"),
        (b"event: ping2\ndata: x", "invalid JSON"),
        (
            b'data: {"type": "ping"}\nevent: ping\ndata: {"type": "ping"}',
            "events that are not separated by blank lines",
        ),
        (b"data: " + b"[" * 100_000, "nested deeper|invalid JSON"),
        (b'{"type":"error","error":{"type":"api_error","message":"m"}}', "no event stream"),
        (b"<html>\n<body>Bad gateway</body>\n</html>", "no event stream"),
    ],
)
@pytest.mark.parametrize("loads", [None, stdlib_loads], ids=["default", "stdlib"])
def test_the_error_for_a_broken_event_says_what_is_wrong_and_has_its_bytes(
    broken: bytes, problem: str, loads: Any
) -> None:
    decoder = ChunkDecoder(loads=loads)
    assert decoder.feed(PING_BYTES) == [PingChunk()]
    body = sse([text_delta("a")]) + PING_BYTES + broken + b"\n\n" + PING_BYTES
    assert decoder.feed(body) == [TextDeltaChunk(0, "a"), PingChunk()]
    with pytest.raises(DecodeError, match=problem) as caught:
        decoder.feed(PING_BYTES)
    assert caught.value.received == broken
    lines = [line.removeprefix(b"data: ") for line in broken.split(b"\n") if b"data: " in line]
    assert caught.value.event == (b"\n".join(lines) or None)
    assert decoder.close() == []


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
def test_unknown_lines_after_the_last_event_are_reported(rest: bytes) -> None:
    for before in (PING_BYTES, b"data:\n\n"):
        decoder = ChunkDecoder()
        decoder.feed(before + rest)
        with pytest.raises(DecodeError, match="the body ends in the middle of an event") as caught:
            decoder.close()
        assert caught.value.received == rest


def test_iterators_yield_the_chunks_before_a_broken_event() -> None:
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


def test_an_error_that_is_raised_again_says_all_that_the_first_one_said() -> None:
    decoder = ChunkDecoder()
    with pytest.raises(DecodeError) as first:
        decoder.feed(b'data: {"type": "content_block_stop"}\n\n')
    with pytest.raises(DecodeError) as again:
        decoder.feed(b"")
    for name in ("problem", "path", "event", "received", "truncated"):
        assert getattr(again.value, name) == getattr(first.value, name)
    assert again.value is not first.value
    assert again.value.path == "content_block_stop.index"
    assert again.value.received == b'data: {"type": "content_block_stop"}'

    decoder = ChunkDecoder()
    decoder.feed(b"data: {")
    with pytest.raises(DecodeError):
        decoder.close()
    with pytest.raises(DecodeError) as cut:
        decoder.feed(b"")
    assert cut.value.truncated

    decoder = ChunkDecoder()
    decoder.close()
    with pytest.raises(DecodeError) as closed:
        decoder.feed(b"x")
    assert str(closed.value) == "nothing can be fed any more: the decoder was closed"
    assert closed.value.received == b"x"


@pytest.mark.parametrize("newline", [b"", *LINE_ENDINGS])
def test_a_last_event_that_is_no_whole_object_is_cut(newline: bytes) -> None:
    for payload in (b"nonsense", b"\xff\xfe", b'{"type":', b"[1]", b'"x"', b"{} x", b'{"x":"\0"}'):
        decoder = ChunkDecoder()
        decoder.feed(PING_BYTES + b"data: " + payload + newline)
        with pytest.raises(DecodeError, match="the body ends in the middle of an event") as caught:
            decoder.close()
        assert caught.value.truncated
        assert caught.value.event == payload


def test_a_byte_order_mark_is_skipped_before_the_first_event_only() -> None:
    mark = b"\xef\xbb\xbf"
    assert decoded(mark + PING_BYTES) == decoded(mark + b": hi\n\n" + PING_BYTES) == [PingChunk()]
    assert decoded(b"\n\n" + PING_BYTES) == [PingChunk()]
    assert decoded(b": hi\n\n" + mark + b'data: {"type": "p"}\n\n' + PING_BYTES) == [PingChunk()]


def test_the_chunks_of_a_source_of_bytes_and_events_keep_its_order() -> None:
    event = sse([text_delta("a")])
    items: list[Any] = [event[:-2], text_delta("b"), event, text_delta("c"), b"\n\n", event]
    chunks = list(iter_chunks(items))
    assert [chunk.content for chunk in chunks] == ["a", "b", "a", "c", "a"]
    items = [event[:-2], "\n", b"\n\n", event[:-2], decode(text_delta("b")), " ", text_delta("c")]
    assert [chunk.content for chunk in iter_chunks(items)] == ["a", "a", "b", "c"]
    cut: list[Any] = [event[:-9], text_delta("b")]
    with pytest.raises(DecodeError, match="the body ends in the middle of an event"):
        list(iter_chunks(cut))


@pytest.mark.parametrize("end", [b"X", b" ", b"\t"])
def test_the_bytes_of_a_broken_event_are_whole_whatever_they_end_with(end: bytes) -> None:
    decoder = ChunkDecoder()
    with pytest.raises(DecodeError) as caught:
        decoder.feed(b"data: {" + end + b"\n\n")
    assert caught.value.received == b"data: {" + end
    decoder = ChunkDecoder(max_event_bytes=7)
    with pytest.raises(DecodeError, match="more than 7 bytes") as caught:
        decoder.feed(b"data: {" + end + b"\n\n")
    assert caught.value.received == b"data: {" + end
