"""The fast path against the general one, for tricky bytes and any earlier streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import ChunkDecoder, DecodeError
from chunkview._model.json import stdlib_loads
from chunkview._stream.fastpath import MEMORY, NoFastPath
from support import examples


def general_decoder() -> ChunkDecoder:
    decoder = ChunkDecoder()
    decoder._fast = NoFastPath()
    return decoder


def outcome(decoder: ChunkDecoder, event: bytes) -> Any:
    try:
        chunks = decoder.feed(event)
    except DecodeError as error:
        return error.received  # the two JSON libraries say it in different words
    return [(type(chunk), chunk, chunk.chunk, json.dumps(chunk.to_event())) for chunk in chunks]


def escaped(letters: str, places: set[int]) -> str:
    return "".join(
        f"\\u{ord(letter):04x}" if at in places else letter for at, letter in enumerate(letters)
    )


# Keys and values of a delta, some written with escapes, in any order, once or several times, and
# the same names again in objects beside it: everything that could make a head mean something else
# than it seems to mean.
NAMES = ["text", "thinking", "partial_json", "type", "index", "delta", "x", 'a"text', "data"]
KEYS = st.builds(
    lambda name, places: escaped(json.dumps(name)[1:-1], places) if '"' not in name else '\\"text',
    st.sampled_from(NAMES),
    st.sets(st.integers(0, 3), max_size=1),
)
VALUES = st.sampled_from(
    ['""', '"q"', '"text_delta"', '"thinking_delta"', '"content_block_delta"', "0", "1", "null"]
)
TAGGED = st.sampled_from(
    [
        '"type":"content_block_delta"',
        '"index":0',
        '"type":"text_delta"',
        '"type":"thinking_delta"',
        '"type":"input_json_delta"',
    ]
)
PAIRS = st.builds('"{}":{}'.format, KEYS, VALUES) | TAGGED
OBJECTS = st.builds(
    lambda pairs, last: "{" + ",".join([*pairs, last]) + "}",
    st.lists(PAIRS, max_size=3),
    st.sampled_from(['"text":"\0"', '"thinking":"\0"', '"partial_json":"\0"', '"x":1']),
)
DELTAS = (
    st.sampled_from(
        [
            '{"type":"text_delta","text":"\0"}',
            '{"type":"text_delta","\\u0074ext":"\0"}',
            '{"type":"text_delta","text":""}',
            '{"type":"text_delta","\\u0074ext":""}',
            '{"text":"","type":"text_delta","text":"\0"}',
            '{"type":"thinking_delta","thinking":"\0"}',
            '{"type":"thinking_delta","estimated_tokens":3,"thinking":"\0"}',
            '{"type":"thinking_delta","estimated_tokens":null,"thinking":"\0"}',
            '{"type":"input_json_delta","partial_json":"\0"}',
        ]
    )
    | OBJECTS
)
MEMBERS = st.one_of(
    st.just('"type":"content_block_delta"'),
    st.just('"index":0'),
    st.builds('"delta":{}'.format, DELTAS),
    st.builds('"{}":{}'.format, KEYS, OBJECTS),
    PAIRS,
)
TRAPS = st.builds(
    '"type":"content_block_delta","index":0,"delta":{{"type":"text_delta",{}}},"{}":{{{}}}'.format,
    st.sampled_from(
        [
            '"text":""',
            '"\\u0074ext":""',
            '"text":"q"',
            '"te\\u0078t":"probe"',
            '"text":"a","b":"\0"',
        ]
    ),
    KEYS,
    st.sampled_from(
        ['"text":"\0"', '"\\u0074ext":"\0"', '"a":{},"text":"\0"', '"text":"","a":"\0"']
    ),
)
UNTYPED = st.sampled_from(
    ['"type":null', '"type":5', '"error":null', '"error":{}', '"error":"\0"', '"message":"\0"']
)
PAYLOADS = st.one_of(
    st.builds('{{"type":"content_block_delta","index":0,"delta":{}}}'.format, DELTAS),
    TRAPS.map("{{{}}}".format),
    # The type is in the event line only, or the event is an error for want of a type.
    st.builds('{{"index":0,"delta":{}}}'.format, DELTAS),
    st.builds('{{{},"index":0,"delta":{}}}'.format, PAIRS | UNTYPED, DELTAS),
    st.lists(MEMBERS, min_size=1, max_size=5).map(lambda members: "{" + ",".join(members) + "}"),
)
TEXTS = st.sampled_from(
    ["", "q", "probe", "INJECTED", '\\"', "\\n", "é", "\\u00e9", "}}", "\\ud800"]
)
NEWLINES = st.sampled_from(["\n", "\r\n", "\r"])
HEADS = st.sampled_from(
    [
        "data: ",
        "data:{}data: ",
        ": {}data:",
        *["event: content_block_delta{}data: "] * 3,
        "event:content_block_delta{}: hi{}data:",
        "event: error{}data: ",
        "event: error{}event: content_block_delta{}data: ",
        "event: content_block_delta{}event: error{}data: ",
        "event: content_block_delta{}event{}data: ",
        "event: content_block_stop{}data: ",
        "event: ping{}data: ",
        "event: api_error{}data: ",
        "event:  error{}data: ",
    ]
)
TAILS = st.sampled_from(
    [
        *[""] * 6,
        "{}event: error",
        "{}event: content_block_delta",
        "{}event: ping",
        "{}event:",
        "{}id: event: error",
        "{}event: error{}event: news",
    ]
)


@st.composite
def events_with_one_head(draw: Any) -> list[bytes]:
    """Events that are alike but for one string."""
    payload, newline = draw(PAYLOADS), draw(NEWLINES)
    head = draw(HEADS).replace("{}", newline)
    # A run that was learned without lines behind it must not be taken for one with them.
    tails = st.just("") if draw(st.booleans()) else TAILS
    pairs = draw(st.lists(st.tuples(TEXTS, tails), min_size=2, max_size=4))
    return [
        (head + payload.replace("\0", text) + tail.replace("{}", newline) + newline * 2).encode()
        for text, tail in pairs
    ]


@examples(3)
@given(st.lists(events_with_one_head(), min_size=1, max_size=3), st.data())
def test_events_decode_as_they_do_alone_after_any_other_streams(
    groups: list[list[bytes]], data: Any
) -> None:
    MEMORY.clear()
    events = [event for group in groups for event in group]
    decoders = [ChunkDecoder(), ChunkDecoder(), ChunkDecoder(loads=stdlib_loads)]
    for event in data.draw(st.permutations(events * 2)):
        at = data.draw(st.integers(0, len(decoders) - 1))
        expected = outcome(general_decoder(), event)
        assert outcome(decoders[at], event) == expected
        if decoders[at].error is not None:
            decoders[at] = ChunkDecoder()


BARE = st.builds(
    lambda lines, newline: (newline.join(lines) + newline * 2).encode(),
    st.lists(
        st.sampled_from(
            [
                "event: ping",
                "event: message_stop",
                "event: content_block_stop",
                "event: error",
                "event:",
                'data: {"type":"ping"}',
                'data: {"type":"message_stop"}',
                'data: {"index":0}',
                'data: {"type":"content_block_stop","index":0}',
                "data: {}",
                "data:",
                "data: [DONE]",
                "data: x",
                ": hi",
            ]
        ),
        min_size=1,
        max_size=3,
    ),
    NEWLINES,
)


@examples(3)
@given(st.lists(BARE, min_size=1, max_size=6))
def test_bare_events_decode_as_they_do_alone_whatever_their_event_line_is(
    events: list[bytes],
) -> None:
    decoder = ChunkDecoder()
    decoder.feed(b'data: {"type":"dawn"}\n\n')
    for event in events * 2:
        general = general_decoder()
        general.feed(b'data: {"type":"dawn"}\n\n')
        assert outcome(decoder, event) == outcome(general, event)
        if decoder.error is not None:
            decoder = ChunkDecoder()
            decoder.feed(b'data: {"type":"dawn"}\n\n')


def test_a_key_with_an_escape_cannot_inject_text() -> None:
    start = (
        b'data: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n'
    )

    def event(text: bytes) -> bytes:
        return (
            b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
            b'"\\u0074ext":""},"x":{"text":"' + text + b'"}}\n\n'
        )

    for text in (b"INJECTED", b"q", b"INJECTED", b"probe", b"INJECTED"):
        chunk = ChunkDecoder().feed(start + event(text))[1]
        assert chunk.content == ""
        assert chunk.to_event()["x"] == {"text": text.decode()}
        assert chunk.to_event()["delta"]["text"] == ""


@pytest.mark.parametrize("tokens", [b"", b'"estimated_tokens":null,', b'"estimated_tokens":7,'])
def test_a_thinking_delta_that_says_more_is_read_whole(tokens: bytes) -> None:
    event = (
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta",'
        + tokens
        + b'"thinking":"TEXT"}}\n\n'
    )
    decoder = ChunkDecoder()
    for text in (b"a", b"b", b"c"):
        body = event.replace(b"TEXT", text)
        assert outcome(decoder, body) == outcome(general_decoder(), body)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("event", ['{"type":"message_stop"}', '{"type":"ping"}', "delta"])
def test_a_last_event_without_its_blank_line_teaches_nothing(event: str, newline: str) -> None:
    if event == "delta":
        event = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}'
    line = f"data: {event}{newline}".encode()
    more = f"event: message_stop{newline}{newline}".encode()
    for _ in range(2):
        decoder = ChunkDecoder()
        assert decoder.feed(line) == []
        assert len(decoder.close()) == 1
        decoder = ChunkDecoder()
        decoder.feed(b'data: {"type":"dawn"}\n\n')
        assert decoder.feed(line) == []
        assert len(decoder.feed(more)) == 1
