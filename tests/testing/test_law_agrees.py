"""`assert_agrees` finds planted bugs, and shows both answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from chunkview import ChunkView, accumulate, encode, iter_chunks
from chunkview.recordings import read
from chunkview.testing import laws, recording
from chunkview.testing import strategies as cv
from support import block_start, message_start
from testing.law_support import (
    FEW,
    SEARCH,
    events_in,
    events_of,
    lines_in,
    right,
    right_coroutine,
    text_in,
)


def text_of(chunks: list[ChunkView]) -> str:
    return "".join(chunk.content for chunk in chunks)


def texts(event: dict[str, Any]) -> Iterator[str]:
    """The text that an event adds."""
    yield event.get("content_block", {}).get("text", "")
    if event.get("delta", {}).get("type") == "text_delta":
        yield event["delta"]["text"]


def reader(texts: Callable[[dict[str, Any]], Iterator[str]]) -> Callable[[Iterator[bytes]], str]:
    def parse(pieces: Iterator[bytes]) -> str:
        events = events_in(lines_in(text_in(pieces)))
        return "".join(text for event in events for text in texts(event))

    return parse


def first_text_lost(event: dict[str, Any]) -> Iterator[str]:
    if event["type"] != "content_block_start":
        yield from texts(event)


def thinking_in_the_text(event: dict[str, Any]) -> Iterator[str]:
    yield from texts(event)
    yield event.get("delta", {}).get("thinking", "")


def ping_crash(event: dict[str, Any]) -> Iterator[str]:
    yield from texts(event)
    if not event["type"].startswith("message"):
        yield str(event["index"])[:0]


def second_block_lost(event: dict[str, Any]) -> Iterator[str]:
    if event.get("index", 0) == 0:
        yield from texts(event)


@pytest.mark.parametrize("parse", [right, right_coroutine])
def test_a_right_parser_passes(parse: laws.Parser) -> None:
    laws.assert_agrees(parse, events_of, settings=FEW)


def test_any_answer_can_be_compared() -> None:
    laws.assert_agrees(accumulate, accumulate, settings=FEW)
    laws.assert_agrees(
        lambda pieces: (chunk.content for chunk in iter_chunks(pieces)),
        lambda chunks: (chunk.content for chunk in chunks),
        settings=FEW,
    )
    laws.assert_agrees(reader(texts), text_of, streams=cv.message_streams(), settings=FEW)


@pytest.mark.parametrize(
    "texts", [first_text_lost, thinking_in_the_text, ping_crash, second_block_lost]
)
def test_a_planted_bug_is_found(texts: Callable[[dict[str, Any]], Iterator[str]]) -> None:
    streams = cv.message_streams() | cv.message_streams(realistic=False)
    with pytest.raises(AssertionError, match="finds something else than chunkview"):
        laws.assert_agrees(reader(texts), text_of, streams=streams, settings=SEARCH)


def test_the_error_shows_both_answers_and_where_they_differ() -> None:
    with pytest.raises(AssertionError) as caught:
        laws.assert_agrees(
            lambda pieces: right(pieces)[1:], events_of, streams=recording("text"), settings=SEARCH
        )
    before, _, difference = str(caught.value).partition("They differ first at [0]:\n")
    assert "parse([body]) gives\n" in before
    assert "project(chunks) gives\n" in before
    assert difference.splitlines()[1].startswith("    {'type': 'message_start'")


def test_what_parse_raises_is_shown_and_is_the_cause() -> None:
    def parse(pieces: Iterator[bytes]) -> None:
        raise KeyError("index")

    with pytest.raises(AssertionError, match=r"gives\n    KeyError: 'index'") as caught:
        laws.assert_agrees(parse, text_of, settings=SEARCH)
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_exception_of_project_is_shown_with_its_stream() -> None:
    def project(chunks: list[ChunkView]) -> None:
        raise ZeroDivisionError

    with pytest.raises(AssertionError, match=r"^project raises ZeroDivisionError\.") as caught:
        laws.assert_agrees(right, project, streams=recording("text"), settings=FEW)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "b'event: message_start" in str(caught.value)


EVENTS = [message_start(), block_start(0), {"type": "message_stop"}]


@pytest.mark.parametrize(
    "streams",
    [
        recording("text"),
        [recording("text"), EVENTS],
        read("src/chunkview/testing/recordings"),
        next(read("src/chunkview/testing/recordings")),
        cv.message_streams(),
    ],
    ids=["body", "bodies and events", "recordings", "recording", "strategy"],
)
def test_streams_may_be_given_in_every_form(streams: laws.Streams) -> None:
    seen: list[bytes] = []

    def parse(pieces: Iterator[bytes]) -> list[Any]:
        seen.append(b"".join(pieces))
        return right(iter([seen[-1]]))

    laws.assert_agrees(parse, events_of, streams=streams, settings=settings(SEARCH, max_examples=5))
    assert all(body.startswith(b"event: message_start\n") for body in seen)


def test_each_of_the_streams_is_tried() -> None:
    seen: set[bytes] = set()

    def parse(pieces: Iterator[bytes]) -> list[Any]:
        seen.add(b"".join(pieces))
        return []

    bodies = [b"data\n\n", b"\n", b": x\n"]
    laws.assert_agrees(parse, events_of, streams=bodies, settings=SEARCH)
    assert seen == set(bodies)


def test_events_are_written_as_the_api_writes_them() -> None:
    def parse(pieces: Iterator[bytes]) -> list[Any]:
        assert list(pieces) == [b"".join(map(encode, EVENTS))]
        return EVENTS

    laws.assert_agrees(parse, events_of, streams=[EVENTS], settings=FEW)


def test_a_stream_that_chunkview_refuses_is_left_out() -> None:
    def parse(pieces: Iterator[bytes]) -> list[Any]:
        body = b"".join(pieces)
        assert body != BROKEN
        return right(iter([body]))

    laws.assert_agrees(parse, events_of, streams=[BROKEN, recording("text")], settings=FEW)


BROKEN = b"data: {\n\n"


def test_streams_that_chunkview_refuses_prove_nothing() -> None:
    with pytest.raises(AssertionError, match=r"^chunkview refuses every stream\. At last: Decode"):
        laws.assert_agrees(right, events_of, streams=[BROKEN], settings=FEW)
