"""The deltas of a run take the fast path, and decode as they do alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chunkview import (
    ChunkDecoder,
    DecodeError,
    TextDeltaChunk,
    decode,
    iter_chunks,
)
from chunkview._stream import fastpath as _fastpath
from stream_support import (
    LINE_ENDINGS,
    PING_BYTES,
    decoded,
    one_by_one,
)
from support import delta, sse, text_delta, text_stream


def refuse(data: bytes) -> Any:
    raise AssertionError(f"parsed as JSON: {data!r}")


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("newline", LINE_ENDINGS)
def test_only_the_first_delta_of_a_run_is_parsed_as_json(
    separators: tuple[str, str], newline: bytes
) -> None:
    texts = ["a", "b", "", "é", 'say \\"no\\"\\n', "c" * 2_000]
    events = [text_delta(text.replace("\\", "")) for text in texts]
    body = sse(events, separators=separators).replace(b'"}}', b'"}        } ')
    pieces = [piece + newline * 2 for piece in body.replace(b"\n", newline).split(newline * 2)][:-1]
    for cut in (pieces, [b"".join(pieces)], one_by_one(b"".join(pieces))):
        decoder = ChunkDecoder()
        expected = [decode(event) for event in events]
        first = decoder.feed(pieces[0])
        decoder._loads = refuse
        chunks = [chunk for piece in cut for chunk in decoder.feed(piece)]
        assert first + chunks == [expected[0], *expected]
        assert [chunk.to_event() for chunk in chunks] == events


def test_a_run_learned_from_one_stream_serves_the_next() -> None:
    blocks: list[tuple[Any, str, str]] = [
        ({"type": "text", "text": ""}, "text_delta", "text"),
        ({"type": "thinking", "thinking": ""}, "thinking_delta", "thinking"),
        (
            {"type": "tool_use", "id": "t", "name": "n", "input": {}},
            "input_json_delta",
            "partial_json",
        ),
    ]
    for index, (block, kind, field) in enumerate(blocks):
        events = [
            {"type": "content_block_start", "index": index, "content_block": block},
            delta(kind, index, **{field: "a"}),
            delta(kind, index, **{field: "b"}),
        ]
        decoded(sse(events))
        decoder = ChunkDecoder()
        decoder.feed(sse(events[:1]))
        decoder._loads = refuse
        assert decoder.feed(sse(events[1:])) == [decode(event) for event in events[1:]]


def test_bare_events_are_parsed_once_for_all_streams() -> None:
    body = sse([{"type": "content_block_stop", "index": 3}, {"type": "message_stop"}]) + PING_BYTES
    expected = decoded(body)
    decoder = ChunkDecoder()
    decoder.feed(sse([text_delta("a")]))
    decoder._loads = refuse
    assert decoder.feed(body) + decoder.close() == expected
    assert decoded(body, loads=json.loads) == expected


def test_only_bare_events_are_shared_and_not_without_bounds() -> None:
    stops = [{"type": "content_block_stop", "index": index} for index in range(1_000)]
    decoded(sse([*text_stream("a", "b"), {"type": "ping", "long": "x" * 200}, *stops]))
    shared = _fastpath.MEMORY.bare_events
    assert 0 < len(shared) <= _fastpath._MAX_BARE_EVENTS
    assert {type(chunk) for chunk, _ in shared.values()} <= set(_fastpath._BARE)
    assert max(map(len, shared)) <= _fastpath._MAX_BARE_EVENT


def test_one_event_at_a_time_goes_straight_to_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = ChunkDecoder()
    decoder.feed(sse([text_delta("a")]))
    monkeypatch.delattr(ChunkDecoder, "_decode")
    assert decoder.feed(sse([text_delta("b")])) == [TextDeltaChunk(0, "b")]


def test_runs_are_not_remembered_without_bounds() -> None:
    for index in (63, 64, 10**9):
        decoded(sse([text_delta("a", index), text_delta("b", index)]))
    memory = _fastpath.MEMORY
    assert [index for _, index in memory._runs] == [63]
    assert None not in memory._runs.values()
    assert memory.run_of("text_delta", 63) is not None
    assert memory.run_of("text_delta", 64) is memory.run_of("", 63) is None


TRICKY = [
    "", "a", " ", "}}", '"', "\\", '"}}', "\n", "\r\n", "\t", "\u2028", "\x00", "é", "日本",
    "😀", "\\u0041", "\ufeff", "data: x", "\x7f", "\x85",
]  # fmt: skip


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("text_delta", "text"),
        ("input_json_delta", "partial_json"),
        ("thinking_delta", "thinking"),
        ("signature_delta", "signature"),
    ],
)
def test_the_deltas_of_a_run_decode_as_each_does_alone(
    kind: str, field: str, ascii_only: bool
) -> None:
    events = [delta(kind, index, **{field: text}) for index in (0, 0, 1) for text in TRICKY]
    for separators in ((",", ":"), (", ", ": "), (" ,\t", " :")):
        bodies = [
            b"data: " + json.dumps(event, ensure_ascii=ascii_only, separators=separators).encode()
            for event in events
        ]
        expected = [decode(event) for event in events]
        assert decoded(*[body + b"\n\n" for body in bodies]) == expected
        assert decoded(b"\n\n".join(bodies)) == expected
        assert decoded(b"\r\n\r\n".join(bodies)) == expected


START = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'


@pytest.mark.parametrize(
    "rest",
    [
        b'b"}}',
        b'b" } } ',
        b'b"},"novelty":1}',
        b'b","novelty":1}}',
        b'b","text":"c"}}',
        b'b"},"index":4}',
        b'b"},"delta":{"type":"text_delta","text":"c"}}',
        b'b"}\ndata: }',
        b'b"}}\nid: 4',
        b'b"}}\nevent: content_block_delta',
        b'b"}}\nevent: error',
        b'b"}}\nevent: error\nevent: ping',
        b'b"}}\n: bye',
        b'b"\ndata:  }}',
        b'\\ud83d\\ude00"}}',
        b'\\ud800"}}',
        b'\\n\\"\\\\"}}',
        b'b"},"type":"ping"}',
    ],
)
def test_a_delta_that_only_begins_like_the_last_one_decodes_as_it_does_alone(rest: bytes) -> None:
    first = START + b'a"}}\n\n'
    (alone,) = decoded(START + rest + b"\n\n")
    assert decoded(first, START + rest + b"\n\n") == [TextDeltaChunk(0, "a"), alone]
    assert decoded(first + START + rest + b"\n\n" + first) == [
        TextDeltaChunk(0, "a"),
        alone,
        TextDeltaChunk(0, "a"),
    ]
    (_, chunk) = decoded(first, START + rest + b"\n\n")
    assert chunk.to_event() == alone.to_event()


@pytest.mark.parametrize(
    "rest",
    [
        b'b"}',
        b'b"}}}',
        b'b"}} x',
        b"b",
        b'\\x"}}',
        b'\xff"}}',
        b'\x01"}}',
        b'b"},,}',
    ],
)
def test_a_broken_delta_is_refused_in_a_run_as_alone(rest: bytes) -> None:
    first = START + b'a"}}\n\n'
    with pytest.raises(DecodeError) as alone:
        decoded(START + rest + b"\n\n")
    for pieces in ((first, START + rest + b"\n\n"), (first + START + rest + b"\n\n",)):
        with pytest.raises(DecodeError) as in_a_run:
            decoded(*pieces)
        assert str(in_a_run.value) == str(alone.value)
        assert in_a_run.value.received == START + rest


@pytest.mark.parametrize("more", [b"\n\n", b"\ndata:\n\n", b"\ndata: }\n\n", b"\n"])
def test_a_delta_of_a_run_is_not_given_before_its_blank_line(more: bytes) -> None:
    first = START + b'a"}}\n\n'
    decoder = ChunkDecoder()
    assert decoder.feed(first) == [TextDeltaChunk(0, "a")]
    assert decoder.feed(first[:-2]) == []
    if b"}" in more:
        with pytest.raises(DecodeError, match="not separated by blank lines"):
            decoder.feed(more)
    else:
        assert decoder.feed(more) + decoder.close() == [TextDeltaChunk(0, "a")]


@pytest.mark.parametrize("tail", [b" ", b"\n \n", b"\n\n ", b" \n\n", b"\n", b"\n\n\n"])
def test_spaces_behind_a_delta_of_a_run_are_no_part_of_it(tail: bytes) -> None:
    first, second = START + b'a"}}\n\n', START + b'b"}}'
    rest = [b"data: 1\n\n", b'data: {"type": "ping"}\n\n']

    def outcome(pieces: list[bytes]) -> tuple[list[Any], list[Any], str]:
        chunks = []
        try:
            for chunk in iter_chunks(pieces):
                chunks.append(chunk)
        except DecodeError as error:
            return chunks, [chunk.chunk for chunk in chunks], str(error)
        return chunks, [chunk.chunk for chunk in chunks], ""

    for last in rest:
        whole = outcome([first + second + tail + last])
        assert outcome([first, second + tail, last]) == whole
        assert outcome([first, second + tail + last]) == whole
        assert outcome(one_by_one(first + second + tail + last)) == whole


def test_a_delta_that_begins_in_the_middle_of_a_line_is_part_of_that_line() -> None:
    decoder = ChunkDecoder()
    delta_bytes = START + b'a"}}\n\n'
    assert decoder.feed(delta_bytes) == [TextDeltaChunk(0, "a")]
    assert decoder.feed(b": a comment that goes on: ") == []
    assert decoder.feed(delta_bytes) == []
    assert decoder.feed(delta_bytes) == [TextDeltaChunk(0, "a")]


def test_a_line_that_only_looks_like_the_payload_is_not_taken_for_it() -> None:
    payloads = [START[len(b"data: ") :] + text + b'"}}' for text in (b"a", b"b", b"c")]
    pieces = [b"data: %s\n%s\n\n" % (payloads[0], last) for last in (payloads[0], payloads[1])]
    assert decoded(*pieces) == [TextDeltaChunk(0, "a")] * 2
    twice = b"data: %s\ndata:\n\n" % payloads[2]
    assert decoded(twice, twice) == [TextDeltaChunk(0, "c")] * 2


def test_a_very_long_beginning_is_not_remembered() -> None:
    novelty = b'{"novelty":"' + b"x" * 600 + b'","index":0,"type":"content_block_delta","delta":'
    bodies = [b'data: %s{"type":"text_delta","text":"%d"}}\n\n' % (novelty, i) for i in range(3)]
    assert decoded(*bodies) == [TextDeltaChunk(0, str(i)) for i in range(3)]
    assert not _fastpath.MEMORY._runs


def test_a_stream_with_escaped_keys_decodes() -> None:
    event = (
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","te\\u0078t":"%d"}}'
    )
    bodies = [b"data: " + event % i + b"\n\n" for i in range(3)]
    assert decoded(*bodies) == [TextDeltaChunk(0, str(i)) for i in range(3)]


def test_a_stream_with_strings_that_are_not_last_decodes() -> None:
    bodies = [
        b'data: {"delta":{"text":"%d","type":"text_delta"},"index":0,"type":"content_block_delta"}'
        % i
        for i in range(3)
    ]
    assert decoded(*[body + b"\n\n" for body in bodies]) == [
        TextDeltaChunk(0, str(i)) for i in range(3)
    ]
