"""How the replay server cuts a body into HTTP chunks, and the head of a stream."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from chunkview.testing import ReplayServer
from chunkview.testing import strategies as cv
from testing.clients import FOREVER, TEXT, ask, chunks_of, exchange, http_connection, http_request


@pytest.mark.parametrize("size", [1, 2, 100, len(TEXT) - 1, len(TEXT), len(TEXT) + 1])
def test_each_segment_is_one_http_chunk_of_the_given_size(size: int) -> None:
    with ReplayServer(TEXT, segment_size=size) as server:
        chunks = chunks_of(server)
    assert b"".join(chunks) == TEXT
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}
    assert 1 <= len(chunks[-1]) <= size


def test_several_sizes_are_used_in_turn() -> None:
    with ReplayServer(b"abcdefghijk", segment_size=[1, 3, 2]) as server:
        assert chunks_of(server) == [b"a", b"bcd", b"ef", b"g", b"hij", b"k"]


def test_without_a_size_each_event_is_one_http_chunk() -> None:
    with ReplayServer(TEXT) as server:
        chunks = chunks_of(server)
    assert chunks == [event + b"\n\n" for event in TEXT.split(b"\n\n")[:-1]]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_events_are_separated_at_every_line_ending(end: bytes) -> None:
    events = [b"event: ping" + end + b"data: {}" + end + end, b": x" + end + end + end, b"data: 1"]
    with ReplayServer(b"".join(events)) as server:
        assert chunks_of(server) == events


def test_a_delay_between_the_segments_does_not_change_them() -> None:
    with ReplayServer(b"abc", segment_size=1, delay=0.001) as server:
        assert chunks_of(server) == [b"a", b"b", b"c"]


def test_the_first_segment_comes_without_delay() -> None:
    with (
        ReplayServer(b"abc", segment_size=1, delay=FOREVER) as server,
        http_connection(server) as connection,
    ):
        assert ask(connection).read1() == b"a"


def test_an_empty_body_is_an_empty_stream() -> None:
    with ReplayServer(b"") as server:
        assert chunks_of(server) == []


def test_the_head_of_a_stream_is_that_of_the_api() -> None:
    with ReplayServer(TEXT) as server, http_connection(server) as connection:
        response = ask(connection)
        response.read()
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.headers["request-id"] == "req_replay_0001"


def test_an_http_1_0_client_gets_the_body_without_chunks() -> None:
    with ReplayServer(TEXT, segment_size=100) as server:
        head, body = exchange(server, http_request(version="1.0", headers="accept: */*"))
    assert b"transfer-encoding" not in head.lower()
    assert body == TEXT


@given(cv.sse_bodies(cv.message_streams(max_blocks=1)) | cv.corrupted_bodies())
def test_each_http_chunk_ends_with_a_blank_line_and_has_no_other(body: bytes) -> None:
    """Without a size, the chunks join to the body, and each is one event of it."""
    with ReplayServer(body) as server:
        chunks = chunks_of(server)
    assert b"".join(chunks) == body
    *whole, _ = chunks or [b""]
    blank_line = re.compile(rb"(\r\n|\n|\r(?!\n)){2}")
    assert all(blank_line.search(chunk) for chunk in whole)
    assert not any(blank_line.search(chunk.strip(b"\r\n")) for chunk in chunks)
