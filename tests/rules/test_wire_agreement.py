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
from rules.lenient import lenient_bodies
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


NAMES = ("ping", "message_stop", "error", "news", "content_block_stop", "api_error", "", " error")
DATA = (
    *("", " ", "x", "5", "null", '"x"', "[1]", "[DONE]", " [DONE] ", "{", "}", "{}", '{"a":"\t"}'),
    *(
        '{"a":"\\ud83d"}',
        '{"error":null}',
        '{"error":"x"}',
        '{"type":5,"error":"x"}',
        '{"index":0}',
    ),
    *(
        '{"type":"error"}',
        '{"type":"api_error","message":"x"}',
        '{"message":"x"}',
        '{"type":"ping"}',
    ),
    *('{"type":"message_stop"}', '{"type":"message","content":[]}', '{"code":5,"type":"x"}', "NaN"),
)
LINES = st.one_of(
    st.builds("event:{}{}".format, st.sampled_from(("", " ")), st.sampled_from(NAMES)),
    st.builds("data:{}{}".format, st.sampled_from(("", " ")), st.sampled_from(DATA)),
    st.builds("data:{}{}".format, st.sampled_from(("", " ")), st.sampled_from(DATA)),
    st.sampled_from(("", "", "", ": hi", "id: 1", "retry", "event", "data", "news: x", "\ufeff")),
    st.sampled_from(("dat", "<p>", " {", '{"type":"ping"}', "\ufeffdata: {}", "\ufeff {}", " ")),
)
ENDS = st.sampled_from(("\n", "\n", "\r\n", "\r", ""))
ROUGH = st.builds(
    lambda lines, newline, end: (newline.join(lines) + end).encode(),
    st.lists(LINES, max_size=10),
    st.sampled_from(("\n", "\n", "\r\n", "\r")),
    ENDS,
)


@examples(10)
@given(ROUGH, st.data())
def test_the_decoder_and_the_slow_reader_agree_on_lines_in_any_order(
    body: bytes, data: Any
) -> None:
    note(body)
    pieces = data.draw(cv.segmentations(body))
    loads = data.draw(st.sampled_from([None, stdlib_loads]))
    assert got(pieces, loads=loads) == expected(body)
