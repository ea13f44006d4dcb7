"""Bodies that are no event stream are refused, and the error shows how they begin."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    ChunkDecoder,
    DecodeError,
    PingChunk,
)
from chunkview.testing import strategies as cv
from stream_support import (
    decoded,
    one_by_one,
    until_it_fails,
)

PROSE = st.text("xyz \n", min_size=1).map("Bad gateway {}".format)


DOCUMENTS = st.one_of(
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


@pytest.mark.parametrize("event", [b'data: {"type":"ping"}\n\n', b"data: [DONE]\n\n", b": c\n\n"])
@pytest.mark.parametrize("begin", [b'{"error":{"message":"overloaded"}}', b'{"a": 1,\n'])
def test_an_event_after_a_document_is_part_of_the_document_however_it_is_cut(
    begin: bytes, event: bytes
) -> None:
    whole = until_it_fails(ChunkDecoder(), [begin + event])
    for pieces in ([begin, event], one_by_one(begin + event)):
        chunks, error = until_it_fails(ChunkDecoder(), pieces)
        assert chunks == whole[0] == []
        assert error.problem == whole[1].problem


def test_only_the_beginning_of_a_body_is_looked_at_for_another_format() -> None:
    zero = b"\x00\n\n"
    assert decoded(b": c\n\n", zero, b'data: {"type":"ping"}\n\n') == [PingChunk()]


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "error", "error": {"type": "api_error", "mess',
        b'{\n  "type": "error",\n\n  "error": {}\n}}\n',
        b'{"a": "\t"}',
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


@pytest.mark.parametrize("start", [b"<", b"\n<", b": hi\n\n{", b": hi\n\n {"])
def test_a_document_is_refused_as_soon_as_it_cannot_be_lines(start: bytes) -> None:
    with pytest.raises(DecodeError, match="the body is no event stream"):
        ChunkDecoder().feed(start + b"x\n\n")


def test_joined_lines_that_hold_no_field_are_refused_at_the_end() -> None:
    for pieces in ([b'x: }data: {"a":1}'], one_by_one(b'x: }data: {"a":1}')):
        with pytest.raises(DecodeError, match="the lines have no line ends") as caught:
            decoded(*pieces)
        assert caught.value.received == b'x: }data: {"a":1}'


NO_LINE_ENDS = (
    "the lines have no line ends, as iter_lines() gives them: feed the bytes of iter_bytes() "
    "(httpx), iter_content(None) (requests) or content.iter_any() (aiohttp)"
)

JOINED = "events that are not separated by blank lines: each one has to end with one"


@pytest.mark.parametrize(
    "lines",
    [
        [b"event: message_start", b'data: {"type":'],
        [b'data: {"type":"ping"}', b"data: {"],
        [b'data:{"type":"ping"}', b"event: message_stop"],
    ],
)
def test_lines_without_line_ends_are_refused_with_the_second_one(lines: list[bytes]) -> None:
    decoder = ChunkDecoder()
    assert decoder.feed(lines[0]) == []
    with pytest.raises(DecodeError) as caught:
        decoder.feed(lines[1])
    assert str(caught.value) == NO_LINE_ENDS
    assert caught.value.received == b"".join(lines)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"event: ping\n", b'data: {"type":"ping"}\n\n'),
        (b"event: ping\r", b'data: {"type":"ping"}\r\r'),
        (b'data: {"type":"ping"}\n', b"data:\n\n"),
        (b'data: {"type":"ping",', b'data: "x"}\n\n'),
        (b"data: {broken}", b"data: x\n\n"),
        (b"data: [1]", b"data: x\n\n"),
        (b"data: ", b"data: x\n\n"),
        (b": welcome", b"event: ping\n\n"),
        (b"novelty", b"event: ping\n\n"),
    ],
)
def test_a_piece_that_begins_like_a_line_is_no_mistake_unless_the_line_before_is_whole(
    first: bytes, second: bytes
) -> None:
    def outcome(*pieces: bytes) -> Any:
        decoder = ChunkDecoder()
        try:
            return [chunk for piece in pieces for chunk in decoder.feed(piece)]
        except DecodeError as error:
            return str(error), error.received

    assert outcome(first, second) == outcome(first + second)


def test_only_the_first_pieces_of_a_body_are_looked_at() -> None:
    decoder = ChunkDecoder()
    for _ in range(8):
        decoder.feed(b":\n\n")
    assert decoder.feed(b"event: ping") == []
    assert decoder.feed(b"data: {") == []


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (b': okevent: message_startdata: {"type":"ping"}', NO_LINE_ENDS),
        (b'id: 1event: pingdata:{"type":"ping"}', NO_LINE_ENDS),
        (b'data: {"a":1}data: {"type":"ping"}', NO_LINE_ENDS),
        (b'data: {"a":1}\ndata: {"type":"ping"}', JOINED),
        (b'data: {"a":1}\rdata: {"type":"ping"}', JOINED),
        (b"data: {", "the body ends in the middle of an event"),
        (b"i", "the body ends in the middle of an event"),
        (b"\nre", "the body ends in the middle of an event"),
        (b"\rretry", "the body ends in the middle of an event"),
        (b": a\rid: 1\rret", "the body ends in the middle of an event"),
        (b"\xef\xbb", "the body ends in the middle of an event"),
    ],
)
def test_the_end_of_a_body_without_an_event_says_what_is_wrong(rest: bytes, problem: str) -> None:
    decoder = ChunkDecoder()
    decoder.feed(rest)
    with pytest.raises(DecodeError) as caught:
        decoder.close()
    assert str(caught.value) == problem
    assert caught.value.received == rest


def test_one_line_that_holds_a_whole_event_is_no_mistake() -> None:
    event = b'data: {"type": "ping", "x": "}data: {"}'
    decoder = ChunkDecoder()
    assert decoder.feed(event) + decoder.close() == [PingChunk()]


def test_the_first_eight_pieces_are_looked_at_and_the_error_has_what_came() -> None:
    decoder = ChunkDecoder()
    for _ in range(6):
        decoder.feed(b":\n\n")
    decoder.feed(b"event: ping")
    with pytest.raises(DecodeError, match="the lines have no line ends"):
        decoder.feed(b"data: {")

    decoder = ChunkDecoder()
    decoder.feed(b"\x1f")
    with pytest.raises(DecodeError, match="gzip") as caught:
        decoder.feed(b"\x8bxyz")
    assert caught.value.received == b"\x1f\x8bxyz"
