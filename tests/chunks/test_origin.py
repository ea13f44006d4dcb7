"""A delta from the wire keeps the bytes around its string, and gives all its bytes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import ChunkDecoder, iter_chunks
from chunkview._chunks import Origin, kept_by
from chunkview._model.json import stdlib_loads
from chunkview._stream import fastpath as _fastpath
from support import delta, examples

FIELDS = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
TEXTS = st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from('a"\\/é\n\x7f😀\u2028'))


@st.composite
def payloads(draw: Any) -> list[bytes]:
    """The payloads of a block of deltas: any strings, written with more escapes or fewer."""
    kind = draw(st.sampled_from(list(FIELDS)))
    index = draw(st.integers(0, 2))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    found = []
    for text in draw(st.lists(TEXTS, min_size=2, max_size=6)):
        event = delta(kind, index, **{FIELDS[kind]: text})
        written = json.dumps(event, ensure_ascii=draw(st.booleans()), separators=separators)
        padding = draw(st.sampled_from(["", " ", " " * 9, " " * 30, "\t"]))
        found.append(f"{written[:-1]}{padding}{written[-1]}{draw(st.sampled_from(['', ' ']))}")
    return [payload.encode() for payload in found]


def pieces_of(data: Any, payloads: list[bytes]) -> list[bytes]:
    newline = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    line = data.draw(st.sampled_from([b"", b"event: content_block_delta" + newline]))
    events = [line + b"data: " + payload + newline * 2 for payload in payloads]
    body = b"".join(events)
    size = data.draw(st.integers(1, 200))
    cut = [body[at : at + size] for at in range(0, len(body), size)]
    return data.draw(st.sampled_from([events, [body], cut]))  # type: ignore[no-any-return]


@pytest.mark.parametrize("loads", [None, stdlib_loads])
@given(payloads(), st.data())
def test_a_chunk_from_the_wire_has_its_event_byte_by_byte(
    loads: Any, payloads: list[bytes], data: Any
) -> None:
    decoder = ChunkDecoder() if loads is None else ChunkDecoder(loads=loads)
    chunks = [chunk for piece in pieces_of(data, payloads) for chunk in decoder.feed(piece)]
    chunks += decoder.close()
    assert [chunk.chunk for chunk in chunks] == payloads
    assert [chunk.to_event() for chunk in chunks] == [json.loads(payload) for payload in payloads]


@examples(0.5)
@given(payloads(), st.data(), st.text())
def test_a_chunk_that_is_changed_copied_or_pickled_has_the_bytes_too(
    payloads: list[bytes], data: Any, text: str
) -> None:
    protocol = data.draw(st.integers(0, pickle.HIGHEST_PROTOCOL))
    chunks: list[Any] = list(iter_chunks(pieces_of(data, payloads)))
    for chunk, payload in zip(chunks, payloads, strict=True):
        field = FIELDS[chunk.delta_type]
        changed = attrs.evolve(chunk, **{field: text})
        again = [pickle.loads(pickle.dumps(one, protocol)) for one in (chunk, changed)]
        copies = [copy.copy(changed), copy.deepcopy(changed), attrs.evolve(changed, index=5)]
        for one in (chunk, changed, *again, *copies):
            assert one.chunk == payload
            assert type(one.chunk) is bytes
        assert (chunk, changed) == tuple(again)
        event = json.loads(payload)
        event["delta"][field] = text
        assert changed.to_event() == again[1].to_event() == event


def test_the_deltas_of_a_run_share_what_surrounds_their_strings() -> None:
    texts = [b"first", b"second", "é".encode(), rb"an \"escape\"", b"", b"last"]
    body = b"".join(
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}'
        b"\n\n" % text
        for text in texts
    )
    first, second, *others = [kept_by(chunk) for chunk in iter_chunks(body)]
    assert type(first) is bytes  # it showed what surrounds the strings
    assert type(second) is Origin
    assert [kept is second for kept in others] == [True, False, True, True]


def test_what_follows_the_string_in_a_line_does_not_end_an_event() -> None:
    prefix = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'
    run: Any = _fastpath._proven(prefix, 6, "text_delta", 0)
    line = prefix + b'a"}}'
    chunks: list[Any] = []
    assert run.decode_lines([line, b""] * 2, 0, 4, chunks) == 4
    assert run.decode(line) is None
    chunks.append(run.decode(line + b"\n\n"))
    assert [chunk.chunk for chunk in chunks] == [line[6:]] * 3
