"""No event may be longer than `max_event_bytes`."""

from __future__ import annotations

import asyncio
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    ChunkDecoder,
    DecodeError,
    PingChunk,
    decode,
    iter_chunks,
)
from chunkview.testing import strategies as cv
from stream_support import (
    PING_BYTES,
    collected,
    decoded,
    one_by_one,
    until_it_fails,
)
from support import as_async, sse, text_delta


@given(cv.message_streams(), st.data())
def test_an_event_longer_than_the_limit_is_refused_however_it_is_cut(
    events: Any, data: Any
) -> None:
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


def test_a_body_that_is_no_event_stream_is_not_kept_without_bounds() -> None:
    decoder = ChunkDecoder(max_event_bytes=7 * len(b"Bad gateway\n\n"))
    for _ in range(7):
        assert decoder.feed(b"Bad gateway\n\n") == []
    with pytest.raises(DecodeError, match="the body is no event stream") as caught:
        decoder.feed(b"Bad gateway\n\n")
    assert caught.value.received == b"Bad gateway"


def test_an_event_may_be_exactly_as_long_as_the_limit() -> None:
    event = PING_BYTES[:-2]
    assert decoded(event + b"\n\n", max_event_bytes=len(event)) == [PingChunk()]
    for pieces in ([event + b"\n\n"], one_by_one(event)):
        with pytest.raises(DecodeError, match=f"an event of more than {len(event) - 1} bytes") as e:
            decoded(PING_BYTES[:-3].replace(b"ping", b"p") + b"}\n\n", *pieces, max_event_bytes=33)
        assert e.value.received is not None
        assert event.startswith(e.value.received)


def test_the_chunks_before_an_event_that_grows_too_long_are_returned() -> None:
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


def test_a_line_end_before_an_event_does_not_make_it_too_long() -> None:
    event = b'data: {"type": "ping"        }'
    decoder = ChunkDecoder(max_event_bytes=len(event))
    assert decoder.feed(b'data: {"type": "ping"}\n\n') == [PingChunk()]
    pieces = (b"\n", event[:-2], event[-2:-1], event[-1:], b"\n\n")
    assert [decoder.feed(piece) for piece in pieces] == [[], [], [], [], [PingChunk()]]
