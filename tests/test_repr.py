"""How values show themselves."""

from __future__ import annotations

import contextlib
import io
import itertools
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.pretty import pretty_repr

import chunkview
from chunkview import (
    Accumulator,
    AnthropicStream,
    ChunkDecoder,
    ChunkviewError,
    CitationsDeltaChunk,
    ContentBlockStartChunk,
    CostMetadata,
    DecodeError,
    InvalidJson,
    Message,
    Meter,
    TextBlock,
    TextDeltaChunk,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UnknownChunk,
    UnknownCitation,
    Usage,
    common,
    decode,
    encode,
)
from chunkview._repr import WHOLE
from chunkview.testing import strategies as cv
from support import message_start, text_stream, tool_stream

CLASSES = [
    cls
    for name in chunkview.__all__
    if isinstance(cls := getattr(chunkview, name), type)
    and attrs.has(cls)
    and hasattr(cls, "__rich_repr__")
]

AT_MOST = WHOLE + 200
"""A value that is shortened may be a little longer."""

HUGE_TEXT = "a\n\U0001f600" * 200_000


class Wild:
    def __repr__(self) -> str:
        raise RuntimeError


class Wordy:
    def __repr__(self) -> str:
        return "w" * 1_000_000


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def shared(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value, {"a": value}, (value,)]
    return value


def holding_itself() -> Any:
    value: list[Any] = []
    value.append({"a": value})
    return value


LARGE = {
    "text": HUGE_TEXT,
    "bytes": b"\xff" * 500_000,
    "texts": [HUGE_TEXT] * 10_000,
    "items": list(range(1_000_000)),
    "keys": {str(i): i for i in range(100_000)},
    "long keys": {HUGE_TEXT + str(i): 1 for i in range(3)},
    "tuple": (1,) * 100_000,
    "empty lists": [[]] * 100_000,
    "integer": 10**400_000,
    "integers": [10**5_000] * 1_000,
    "deep": nested(100_000),
    "shared": shared(150),
    "holding itself": holding_itself(),
    "wild": [Wild()] * 1_000,
    "wordy": Wordy(),
    "wordies": [Wordy()] * 20,
    "blocks": tuple(TextBlock("some text") for _ in range(10_000)),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_repr_of_any_value_is_bounded_and_never_fails(name: str) -> None:
    value: Any = LARGE[name]
    for holder in (
        TextBlock(value),
        InvalidJson(value),
        ToolUseBlock("t", "f", {"x": value}),
        ToolResultBlock("x", "t", value, extra={"novelty": [value]}),
        UnknownBlock("x", value),
        UnknownCitation("x", value),
        UnknownChunk("x", value),
        CitationsDeltaChunk(0, UnknownCitation("x", value)),
        ContentBlockStartChunk(0, TextBlock(value)),
        Message("m", "c", (TextBlock(value),) * 3, Usage(1, 2), "end_turn"),
        CostMetadata(value),
        common.Usage(1, value, 2, 3),
        TextDeltaChunk(0, "a", chunk=value),
    ):
        assert len(repr(holder)) <= AT_MOST
        assert repr(holder).startswith(f"{type(holder).__name__}(")


@pytest.mark.parametrize(
    "value",
    [Wild(), [Wild()], 10**5_000, -(10**5_000), {10**5_000: 1}, {"a": (10**5_000,)}],
    ids=itertools.count(),
)
def test_what_has_no_repr_is_named(value: Any) -> None:
    shown = repr(UnknownChunk("x", {"type": "x", "a": value}))
    assert "<Wild>" in shown or "<int of 16610 bits>" in shown


def test_what_comes_after_something_large_is_shown_too() -> None:
    content = tuple(TextBlock(f"text {i}", extra={"n": i}) for i in range(10_000))
    message = Message("msg_1", "claude", content, Usage(1, 2), "end_turn")
    shown = repr(message)
    assert shown.startswith(
        "Message(id='msg_1', model='claude', content=(TextBlock(text='text 0', "
    )
    assert shown.endswith("usage=Usage(input_tokens=1, output_tokens=2), stop_reason='end_turn')")
    assert " more), usage=" in shown
    assert repr(UnknownBlock("x", {"a": [0] * 10_000})).endswith(" more]})")
    assert len(shown) <= AT_MOST
    assert repr(TextBlock("a" * 500_000)) == f"TextBlock(text='{'a' * 984}...')"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@given(st.data())
def test_a_short_repr_makes_the_value_again(cls: type[Any], data: Any) -> None:
    value = data.draw(st.from_type(cls))
    shown = repr(value)
    assert len(shown) <= AT_MOST
    if len(shown) < WHOLE and "..." not in shown:
        assert eval(shown, {**vars(chunkview), "inf": float("inf")}) == value
        assert type(eval(shown, vars(chunkview))) is type(value)


def test_up_to_two_thousand_characters_nothing_is_left_out() -> None:
    for length in (1_900, WHOLE - len("TextBlock(text='')")):
        block = TextBlock("x" * length)
        assert eval(repr(block), vars(chunkview)) == block
    longer = TextBlock("x" * (length + 1))
    assert "..." in repr(longer)
    deep = UnknownChunk("x", {"type": "x", "at": nested(190)})
    assert eval(repr(deep), vars(chunkview)) == deep
    many = UnknownChunk("x", {"type": "x", "at": [1] * 600})
    assert eval(repr(many), vars(chunkview)) == many


def test_tuples_of_every_length_are_shown_as_python_writes_them() -> None:
    value: Any
    for value in ((), (1,), (1, 2), ((1,), [], {}, {"a": 1, 2: None})):
        assert repr(ToolResultBlock("x", "t", value)) == (
            f"ToolResultBlock(type='x', tool_use_id='t', content={value!r})"
        )


def test_even_without_stack_something_is_shown() -> None:
    message = Message("m", "c", (TextBlock("x", extra={"a": nested(50)}),), Usage(1, 2))

    def at_the_limit() -> str:
        try:
            return at_the_limit()
        except RecursionError:
            return repr(message)

    assert at_the_limit().startswith("Message(")


def test_rich_is_given_what_the_repr_shows() -> None:
    message = Message("m", "c", (TextBlock("x"),), Usage(1, 2), extra={"a": 1})
    assert list(message.__rich_repr__()) == [
        ("id", "m"),
        ("model", "c"),
        ("content", (TextBlock("x"),)),
        ("usage", Usage(1, 2)),
        ("extra", {"a": 1}),
    ]
    assert pretty_repr(message, max_width=200) == repr(message)
    chunk = decode(message_start())
    assert pretty_repr(chunk, max_width=1_000) == repr(chunk)
    assert "chunk=" not in pretty_repr(chunk)
    assert pretty_repr(CostMetadata(1)) == "CostMetadata(input_tokens=1)"
    out = io.StringIO()
    Console(file=out, width=200).print(TextBlock("x"), InvalidJson("{"))
    assert out.getvalue() == "TextBlock(text='x')\nInvalidJson(text='{')\n"


@given(st.one_of(cv.sse_bodies(), cv.corrupted_bodies()), st.data())
def test_the_repr_of_what_reads_a_body_is_short_at_any_time(body: bytes, data: Any) -> None:
    """And changes nothing."""
    readers = ChunkDecoder(), Meter(), Accumulator()
    looked_at = ChunkDecoder(), Meter(), Accumulator()
    for piece in data.draw(cv.segmentations(body)):
        for decoder, meter, accumulator in (readers, looked_at):
            meter.feed(piece)
            with contextlib.suppress(ChunkviewError):
                accumulator.extend(decoder.feed(piece))
        for reader in looked_at:
            assert repr(reader).startswith(f"<{type(reader).__name__}: ")
            assert len(repr(reader)) < 500
    for _, meter, _ in (readers, looked_at):
        meter.close()
    assert readers[1].usage == looked_at[1].usage
    assert str(readers[1].error) == str(looked_at[1].error)
    assert readers[2].message == looked_at[2].message


def test_the_repr_of_a_decoder_says_how_far_it_is() -> None:
    decoder = ChunkDecoder()
    assert repr(decoder) == "<ChunkDecoder: between two events>"
    decoder.feed(b"event: ping")
    assert repr(decoder) == "<ChunkDecoder: 11 bytes of an incomplete event>"
    decoder.feed(b"\ndata: {}\n\n")
    assert repr(decoder) == "<ChunkDecoder: between two events>"
    decoder.close()
    assert repr(decoder) == "<ChunkDecoder: closed>"
    document = ChunkDecoder()
    document.feed(b'{"type": "message"')
    assert repr(document) == "<ChunkDecoder: in a body that is one JSON object>"
    broken = ChunkDecoder()
    with pytest.raises(DecodeError):
        broken.feed(b"data: {\n\n")
    assert repr(broken).startswith("<ChunkDecoder: DecodeError: invalid JSON: ")


def test_the_repr_of_an_accumulator_is_that_of_a_stream() -> None:
    events = [*text_stream("a")[:-2], *tool_stream("{}")[1:]]
    accumulator, stream = Accumulator(), AnthropicStream(events)
    assert repr(accumulator) == "<Accumulator: no message yet>"
    for event, _ in zip(events, stream, strict=True):
        accumulator.add(event)
        assert repr(accumulator) == repr(stream).replace("AnthropicStream", "Accumulator")
    assert repr(accumulator) == (
        "<Accumulator: claude-test msg_1, tool_use, 'a', calls get_weather, 5 output tokens>"
    )


def test_the_repr_of_a_meter_shows_its_error() -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    meter = Meter()
    meter.feed(encode(message_start()))
    assert repr(meter) == "<Meter: claude-test msg_1, unfinished, 1 output tokens>"
    meter.feed(encode(overloaded))
    assert repr(meter) == (
        "<Meter: claude-test msg_1, unfinished, 1 output tokens, "
        "StreamError: overloaded_error: Overloaded>"
    )
    lines = Meter()
    lines.feed(b"event: pingdata: {}")
    lines.close()
    assert repr(lines).startswith("<Meter: no message yet, 19 bytes, DecodeError: the lines have")
    assert len(repr(lines)) < 200
    cut = Meter()
    cut.feed(encode(message_start()))
    cut.close()
    assert repr(cut).endswith(
        ", 1 output tokens, IncompleteStreamError: the stream ended before message_stop>"
    )


def test_every_class_of_values_shows_itself_that_way() -> None:
    assert len(CLASSES) > 35
    assert dict(common.Usage(1, 2, 3, 4).__rich_repr__())["total_tokens"] == 4
