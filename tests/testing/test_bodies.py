"""`sse_bodies`, `segmentations` and `corrupted_bodies`, compared with a plain parser."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import ChunkviewError, decode, iter_chunks
from chunkview.testing import strategies as cv
from support import drawn
from testing.drawing import Predicate, Stream, few, occurs

if TYPE_CHECKING:
    pass


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    return drawn(cv.sse_bodies(), 2)


@given(cv.streams_with_bodies())
def test_a_body_decodes_to_the_chunks_of_its_events(pair: tuple[Stream, bytes]) -> None:
    stream, body = pair
    assert list(iter_chunks(body)) == [decode(event) for event in stream]


def parsed_by_the_specification(body: bytes) -> list[tuple[str, str]]:
    """Name and data of each event, line by line, like the WHATWG's text."""
    events = []
    name, data = "", ""
    for line in re.split("\r\n|\n|\r", body.decode().removeprefix("\ufeff")):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                events.append((name, data.removesuffix("\n")))
            name, data = "", ""
        elif field == "event":
            name = value
        elif field == "data":
            data += value + "\n"
    return events


@given(cv.streams_with_bodies(quirks=False))
def test_a_body_without_quirks_means_the_same_to_any_parser(pair: tuple[Stream, bytes]) -> None:
    stream, body = pair
    found = [
        (name, json.loads(data)) for name, data in parsed_by_the_specification(body) if data.strip()
    ]
    assert found == [(event["type"], event) for event in stream]


@few
@given(st.data())
def test_given_events_are_formatted(data: st.DataObject) -> None:
    stream = data.draw(cv.message_streams(max_blocks=1))
    body = data.draw(cv.sse_bodies(st.just(stream)))
    assert list(iter_chunks(body)) == [decode(event) for event in stream]


FORMATS: dict[str, bytes] = {
    "LF": rb"\n",
    "CR": rb"\r(?!\n)",
    "CRLF": rb"\r\n",
    "a byte order mark": rb"^\xef\xbb\xbf",
    "a comment": rb"[\r\n]:",
    "no space after the colon": rb"data:\{",
    "several data lines": rb"data: ?\{[\r\n]+data:",
    "the name after the data": rb"\}(\r\n|\n|\r)event:",
    "additional blank lines": rb"\n\n\n",
    "retry": rb"retry: 10",
    "escapes": rb"\\u00",
    "raw UTF-8": rb"[^\xef][\x80-\xff]",
    "another key first": rb'data: ?\{"(index|delta|message)"',
    "a name that is wrong": rb"event: ?completion",
    "no blank line at the end": rb"\}$",
    "a comment at the end": rb"[\r\n]: comment$",
    "an event without data at the end": rb"(\n\n|\r\r|\r\n\r\n)event: news[\r\n]+$",
    "[DONE]": rb"data: \[DONE\]",
}


@pytest.mark.parametrize("what", FORMATS)
def test_every_formatting_occurs(what: str, bodies: list[bytes]) -> None:
    def has(body: bytes) -> bool:
        return re.search(FORMATS[what], body) is not None

    assert any(map(has, bodies)) or occurs(cv.sse_bodies(), has)


@given(st.data())
def test_segments_join_to_the_body_and_decode_alike(data: st.DataObject) -> None:
    body = data.draw(cv.sse_bodies(cv.message_streams(max_blocks=2)))
    pieces = data.draw(cv.segmentations(body))
    assert b"".join(pieces) == body
    assert list(iter_chunks(pieces)) == list(iter_chunks(body))


SEGMENTATIONS: dict[str, Predicate] = {
    "one byte at a time": lambda pieces: all(len(piece) == 1 for piece in pieces),
    "empty pieces": lambda pieces: b"" in pieces,
    "a cut within CRLF": lambda pieces: any(piece.endswith(b"\r") for piece in pieces[:-1]),
    "a cut within a character": lambda pieces: any(piece.endswith(b"\xc3") for piece in pieces),
}


@pytest.mark.parametrize("what", SEGMENTATIONS)
def test_every_way_to_cut_occurs(what: str) -> None:
    body = 'data: {"type": "ping", "unknown": "\u00e9"}\r\n\r\n'.encode()
    assert occurs(cv.segmentations(body), SEGMENTATIONS[what])


@given(cv.corrupted_bodies())
def test_a_corrupted_body_gives_chunks_or_a_chunkview_error(body: bytes) -> None:
    with contextlib.suppress(ChunkviewError):
        list(iter_chunks(body))


@pytest.mark.parametrize("decodes", [True, False])
def test_a_corrupted_body_may_or_may_not_decode(decodes: bool) -> None:
    def is_decoded(body: bytes) -> bool:
        try:
            return list(iter_chunks(body)) != []
        except ChunkviewError:
            return False

    assert occurs(cv.corrupted_bodies(), lambda body: is_decoded(body) is decodes)
