"""The decoder against the slow reader of bodies, on bodies in which anything may be off."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from chunkview import ChunkDecoder, DecodeError, decode
from chunkview._model.json import stdlib_loads
from chunkview.testing import strategies as cv
from rules.bodies import Event, events_of
from rules.lenient import lenient_bodies, rough_bodies
from support import examples

Outcome = tuple[list[Any], str]


def written(event: Event) -> str:
    return json.dumps(event, sort_keys=True)


def expected(body: bytes) -> Outcome:
    """What the slow reader says: the chunk of each event, and how the body ends."""
    events, ending = events_of(body)
    chunks = []
    for event in events:
        try:
            chunks.append((decode(event), written(event)))
        except DecodeError:
            return chunks, "DecodeError"
    return chunks, ending.kind


def got(pieces: list[bytes], **options: Any) -> Outcome:
    """What the decoder says."""
    decoder = ChunkDecoder(**options)
    return outcome(decoder, pieces)


def outcome(decoder: ChunkDecoder, pieces: list[bytes]) -> Outcome:
    chunks: list[Any] = []
    try:
        for piece in pieces:
            chunks += decoder.feed(piece)
        chunks += decoder.close()
        chunks += decoder.close()
    except DecodeError as error:
        ending = "cut" if error.truncated else "DecodeError"
    else:
        ending = "whole"
    return [(chunk, written(chunk.to_event())) for chunk in chunks], ending


@examples(4)
@given(lenient_bodies(), st.data())
def test_the_decoder_and_the_slow_reader_agree_however_a_body_is_cut(
    body: bytes, data: Any
) -> None:
    pieces = data.draw(cv.segmentations(body))
    loads = data.draw(st.sampled_from([None, stdlib_loads]))
    assert got(pieces, loads=loads) == expected(body)


@examples(10)
@given(rough_bodies(), st.data())
def test_the_decoder_and_the_slow_reader_agree_on_lines_in_any_order(
    body: bytes, data: Any
) -> None:
    note(body)
    pieces = data.draw(cv.segmentations(body))
    loads = data.draw(st.sampled_from([None, stdlib_loads]))
    assert got(pieces, loads=loads) == expected(body)
