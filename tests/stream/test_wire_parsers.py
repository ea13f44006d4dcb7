"""A JSON parser of the caller's own, and exceptions that interrupt the decoder."""

from __future__ import annotations

import asyncio
import json
import sys
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
)
from support import as_async, sse, text_delta, text_stream


@given(cv.streams_with_bodies(), st.data())
def test_a_custom_parser_sees_every_payload(pair: Any, data: Any) -> None:
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


def test_a_custom_parser_brings_its_own_rules() -> None:
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
