from __future__ import annotations

import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import ChunkDecoder, DecodeError, PingChunk
from chunkview._stream.framing import Framer, fields_of, lines_of
from chunkview.testing import strategies as cv

BODIES = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b"data: x", b"event: y", b":", b"\xff"]),
    max_size=40,
).map(b"".join)

LINE_END = re.compile(rb"\r\n|\n|\r")


def events_of(body: bytes) -> list[list[bytes]]:
    """The lines of each complete event, by the plainest means: split into lines, then group."""
    lines = LINE_END.split(body)
    events: list[list[bytes]] = [[]]
    for line in lines[:-1]:
        if line:
            events[-1].append(line)
        elif events[-1]:
            events.append([])
    return events[:-1]


def framed(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    framer = Framer()
    events = [event for piece in pieces for event in framer.feed(piece)]
    return events, framer.rest


@given(BODIES, st.data())
def test_the_events_are_the_lines_between_blank_lines_however_a_body_is_cut(
    body: bytes, data: Any
) -> None:
    events, _ = framed(data.draw(cv.segmentations(body)))
    lines = [[line for line in LINE_END.split(event) if line] for event in events]
    assert [event for event in lines if event] == events_of(body)


@given(BODIES, st.data())
def test_events_and_rest_join_to_the_body_and_the_offset_says_where_the_rest_begins(
    body: bytes, data: Any
) -> None:
    framer = Framer()
    fed = 0
    for piece in data.draw(cv.segmentations(body)):
        begin = framer.offset
        events = framer.feed(piece)
        fed += len(piece)
        # An LF that belongs to the CR at the end of the piece before is in neither.
        skipped = framer.offset - begin - sum(map(len, events))
        assert skipped in (0, 1)
        assert b"".join(events) == body[begin + skipped : framer.offset]
        assert framer.rest == body[framer.offset : fed]


@given(BODIES, st.data())
def test_an_event_is_given_as_soon_as_its_blank_line_has_come(body: bytes, data: Any) -> None:
    framer = Framer()
    given_so_far: list[bytes] = []
    fed = b""
    for piece in data.draw(cv.segmentations(body)):
        given_so_far += framer.feed(piece)
        fed += piece
        whole = [event for event in given_so_far if event.strip(b"\r\n")]
        assert len(whole) == len(events_of(fed))


@given(BODIES, st.integers(1, 30), st.data())
def test_the_limit_is_that_of_the_lines_without_the_blank_line(
    body: bytes, limit: int, data: Any
) -> None:
    framer = Framer(limit)
    events: list[bytes] = []
    for piece in data.draw(cv.segmentations(body)):
        events += framer.feed(piece)
        if framer.is_too_long:
            assert len(framer.rest.strip(b"\r\n")) > limit
            break
    unlimited, rest = framed([body])
    lengths = [len(event.strip(b"\r\n")) for event in [*unlimited, rest] if event.strip(b"\r\n")]
    assert framer.is_too_long == any(length > limit for length in lengths)
    assert all(len(event.strip(b"\r\n")) <= limit for event in events)


@given(BODIES)
def test_the_data_are_the_values_of_the_data_lines(event: bytes) -> None:
    values = [
        re.sub(rb"^data(: ?)?", b"", line)
        for line in LINE_END.split(event)
        if line == b"data" or line.startswith(b"data:")
    ]
    names = [
        re.sub(rb"^event(: ?)?", b"", line)
        for line in LINE_END.split(event)
        if line == b"event" or line.startswith(b"event:")
    ]
    assert fields_of(event) == (
        names[-1] if names else b"",
        b"\n".join(values) if values else None,
    )
    assert [name + b"|" + value for name, value in lines_of(event)] == [
        re.sub(rb"^([^:]*)(: ?)?", rb"\1|", line) for line in LINE_END.split(event) if line
    ]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_blank_lines_within_are_left_out(newline: bytes) -> None:
    lines = newline.join((b"event: ping", b"", b"", b"data: {}"))
    assert list(lines_of(lines)) == [(b"event", b"ping"), (b"data", b"{}")]


@pytest.mark.parametrize("newline", [b"\n", b"\r", b"\r\n"])
def test_blank_lines_in_a_row_are_one_event(newline: bytes) -> None:
    events, rest = framed([newline * 1_000 + b"data: x" + newline * 1_001])
    assert [event.strip(b"\r\n") for event in events] == [b"", b"data: x", b""]
    assert rest == b""


@pytest.mark.parametrize("line", [b"a\n", b"data:x\n", b"data:\n", b"id: 1\n", b":\n"])
def test_many_short_lines_take_no_more_memory_than_a_few_copies_of_them(line: bytes) -> None:
    body = b"event: ping\n" + line * (400_000 // len(line)) + b"\n"
    decoder = ChunkDecoder()
    tracemalloc.start()
    try:
        try:
            decoder.feed(body)
        except DecodeError as error:
            assert "data" in str(line)
            del error
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * len(body)


@pytest.mark.parametrize("newline", [b"", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n"])
def test_the_limit_does_not_count_the_line_ends_behind_an_event(newline: bytes) -> None:
    decoder = ChunkDecoder(max_event_bytes=21)
    assert decoder.feed(b'data: {"type":"ping"}' + newline) + decoder.close() == [PingChunk()]
    with pytest.raises(DecodeError, match="an event of more than 20 bytes"):
        ChunkDecoder(max_event_bytes=20).feed(b'data: {"type":"ping"}' + newline)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_a_body_may_begin_with_its_blank_line(newline: bytes) -> None:
    for body in (newline, newline * 2, newline * 2 + b"data: x" + newline * 2):
        events, rest = framed([body])
        assert b"".join(events) + rest == body
        assert [event.strip(b"\r\n") for event in events if event.strip(b"\r\n")] == (
            [b"data: x"] if b"x" in body else []
        )


def test_a_line_that_begins_with_its_end_ends_an_event_too() -> None:
    assert framed([b"\r\n\ndata: x\r\n\n"]) == ([b"\r\n\n", b"data: x\r\n\n"], b"")
    assert framed([b"a\n\n", b"\n\r\n", b"b\r\n\r\n"])[0] == [b"a\n\n", b"\n\r\n", b"b\r\n\r\n"]


def test_an_empty_piece_changes_nothing_anywhere() -> None:
    event = b'data: {"type":"ping"}'
    for pieces in (
        [event + b"\r\n\r", b"", b"\n" + event + b"\r\n\r\n"],
        [event + b"\r\n\r", b"\n", b"", event + b"\r\n\r\n"],
        [b"", event + b"\r\r", b"", b"\n" + event + b"\r\r"],
    ):
        decoder = ChunkDecoder(max_event_bytes=len(event))
        chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
        assert chunks + decoder.close() == [PingChunk()] * 2


@pytest.mark.parametrize("before", [b"", b"\n", b"\n\n", b"\r", b"\r\n"])
def test_blank_lines_before_an_event_do_not_count(before: bytes) -> None:
    event = b'data: {"type":"ping"}'
    for pieces in ([before + event + b"\n\n"], [before + event, b"\n\n"], [before, event, b"\n\n"]):
        decoder = ChunkDecoder(max_event_bytes=len(event))
        assert [chunk for piece in pieces for chunk in decoder.feed(piece)] == [PingChunk()]
