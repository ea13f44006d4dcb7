"""Every format gives back the streams that were written into it."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import random
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chunkview import ChunkviewError, Message, StreamError, accumulate
from chunkview.conformance import check
from chunkview.recordings import (
    Format,
    Recording,
    RecordingError,
    is_other_file,
    read,
    summaries,
)
from chunkview.testing import strategies as cv
from recordings.writers import COMPRESSIONS, FORMATS, OF_LINES, Streams
from support import examples, text_stream

NAMES = list(FORMATS)
TEXT_STREAM = text_stream("Hello ", "wörld\n")
STREAMS = st.lists(cv.message_streams(), min_size=1, max_size=2)


def read_bytes(data: bytes, **options: Any) -> list[Recording]:
    return list(read(io.BytesIO(data), **options))


def written(name: str, streams: Streams) -> tuple[bytes, list[Message]]:
    """A file, and the messages that it holds."""
    write, _ = FORMATS[name]
    return write(streams), [accumulate(events) for events in streams]


@pytest.mark.parametrize("name", NAMES)
@given(streams=STREAMS, compression=st.sampled_from(list(COMPRESSIONS)))
@examples(0.2)
def test_the_messages_that_were_written_are_read(
    name: str, streams: Streams, compression: str
) -> None:
    """For each format and compression: `read` gives recordings that amount to the messages."""
    data, messages = written(name, distinct(streams))
    found = read_bytes(COMPRESSIONS[compression](data))
    assert [one.error for one in found] == [None] * len(messages)
    assert {one.format for one in found} == {FORMATS[name][1]}
    assert [accumulate(one.source) for one in found] == messages
    assert [accumulate(one.source) for one in found] == messages  # a source can be used twice
    for one in found:
        check(one.source)
    assert len({one.name for one in found}) == len(found)


def distinct(streams: Streams) -> Streams:
    """Give each message an id of its own, as the API does: logs are joined by the id."""
    for number, events in enumerate(streams):
        for event in events:
            if event["type"] == "message_start":
                event["message"]["id"] = f"msg_{number}"
    return streams


@given(
    names=st.lists(st.sampled_from(OF_LINES), min_size=2, max_size=2).map(
        lambda names: [names[0]] * 2
    ),
    first=STREAMS,
    second=STREAMS,
)
@examples(0.2)
def test_two_files_joined_hold_the_streams_of_both(
    names: list[str], first: Streams, second: Streams
) -> None:
    distinct(first + second)
    parts = [written(name, streams) for name, streams in zip(names, (first, second), strict=True)]
    joiner = b"\n" if names[0] == "documents of messages" else b""
    found = read_bytes(joiner.join(data for data, _ in parts))
    assert [accumulate(one.source) for one in found] == parts[0][1] + parts[1][1]
    assert all(one.error is None for one in found)


@pytest.mark.parametrize("name", NAMES)
@given(streams=STREAMS, data=st.data())
@examples(0.2)
def test_a_file_that_was_cut_gives_what_came_before_and_says_that_it_was_cut(
    name: str, streams: Streams, data: st.DataObject
) -> None:
    """The first messages are whole; nothing is a message that was not written."""
    # A stream that is cut between two of them is a whole message, too.
    assume(all(sum(event["type"] == "message_delta" for event in one) == 1 for one in streams))
    whole, messages = written(name, distinct(streams))
    cut = data.draw(st.integers(1, len(whole) - 1))
    found = read_bytes(whole[:cut])
    good = [message for one in found if (message := message_or_none(one)) is not None]
    assert all(message in messages for message in good)
    assert good == messages[: len(good)]
    is_yaml = name in ("a cassette", "a cassette of bytes")  # half of it may be valid YAML
    has_error = any(one.error for one in found)
    if len(good) == len(found) < len(messages) and not has_error and not is_yaml:
        # Of the next message there is at most half a line.
        assert cut < read_bytes(whole)[len(good)].offset + len("event: message_start")


def message_or_none(recording: Recording) -> Message | None:
    """The message of a recording; None if it says that it is not whole."""
    try:
        return accumulate(recording.source)
    except ChunkviewError:
        return None


@pytest.mark.parametrize("compression", ["gzip", "zstd", "both"])
@given(streams=STREAMS, data=st.data())
@examples(0.2)
def test_a_compressed_file_that_was_cut_gives_the_messages_before_the_cut(
    compression: str, streams: Streams, data: st.DataObject
) -> None:
    # A stream that is cut between two of them is a whole message, too.
    assume(all(sum(event["type"] == "message_delta" for event in one) == 1 for one in streams))
    whole, messages = written("bodies", distinct(streams))
    packed = COMPRESSIONS[compression](whole)
    cut = data.draw(st.integers(5, len(packed) - 1))
    found = read_bytes(packed[:cut])
    assert found[-1].error is not None
    good = [message for one in found if (message := message_or_none(one)) is not None]
    assert good == messages[: len(good)]


SEEDS = [b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\0\0\0", b"HTTP/1.1 200\r\n\r\n", b'{"', b"[{"]
SEEDS += [b"interactions:\n- ", b"data: ", b'{"type":"assistant","message":{"id":1}}\n']
SEEDS += [b'{"log":{"entries":[', b'{"custom_id":1,"result":{"type":', b"\xef\xbb\xbf", b"---\n"]


@given(
    start=st.sampled_from(SEEDS),
    data=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)),
)
@examples(2)
def test_any_bytes_give_recordings_or_an_error_of_chunkview(start: bytes, data: bytes) -> None:
    assert_total(start + data)


@pytest.mark.parametrize("name", NAMES)
@given(streams=STREAMS, compression=st.sampled_from(list(COMPRESSIONS)), seed=st.integers(0, 2**32))
@examples(0.2)
def test_any_change_of_a_file_gives_recordings_or_an_error_of_chunkview(
    name: str, streams: Streams, compression: str, seed: int
) -> None:
    data = bytearray(COMPRESSIONS[compression](FORMATS[name][0](streams)))
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(data))
        data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
    assert_total(bytes(data))


def assert_total(data: bytes) -> None:
    """Reading gives at least one recording. One that is broken raises its error when it is used."""
    found = read_bytes(data)
    assert found
    for one in found:
        message_or_none(one)
        if one.error is not None:
            with pytest.raises(type(one.error)):
                for _ in one.source:
                    pass


@pytest.mark.parametrize("name", NAMES)
def test_the_size_of_the_pieces_does_not_matter(name: str) -> None:
    """A file that gives one byte at a time is read like one that gives all."""
    streams: Streams = [[*TEXT_STREAM], [*TEXT_STREAM]]
    data, messages = written(name, distinct(streams))

    class Slow(io.BytesIO):
        def read1(self, _size: int | None = -1, /) -> bytes:
            return super().read(1)

    found = list(read(Slow(data)))
    assert [accumulate(one.source) for one in found] == messages
    assert found == read_bytes(data)


def test_the_suffix_of_a_file_does_not_matter(tmp_path: Path) -> None:
    for name, (compression, pack) in itertools.product(NAMES, COMPRESSIONS.items()):
        data, messages = written(name, distinct([[*TEXT_STREAM]]))
        path = tmp_path / f"{name}-{compression}.png"
        path.write_bytes(pack(data))
        assert [accumulate(one.source) for one in read(path)] == messages


def test_a_recording_is_pickled_by_its_public_name_and_its_annotations_resolve() -> None:
    whole, cut = read_bytes(b"".join(map(FORMATS["lines of events"][0], [[TEXT_STREAM]] * 2))[:-9])
    pickled = pickle.dumps((whole, cut))
    assert b"Recording" in pickled
    again, cut_again = pickle.loads(pickled)
    assert again == whole
    with pytest.raises(RecordingError, match="invalid JSON"):
        accumulate(cut_again.source)
    assert typing.get_type_hints(Recording)["format"] == Format | None
    assert Recording.__module__ == RecordingError.__module__ == "chunkview.recordings"


@pytest.mark.parametrize(
    "text",
    [
        '{"input_tokens": 1}',
        '{\n  "name": "x"\n}',
        '{"name": "x", "type": "module"}',
        '{"type": "module"}\n{"type": "module"}',
        '{"level": "info"}\n' * 3,
        '{"error": null}',
        '{"type": "api_error"}',
        "[1, 2]",
        '["a"]',
        '[{"name": "x"}, {"name": "y"}]',
    ],
)
def test_json_that_is_no_message_no_event_and_no_error_is_of_no_known_format(text: str) -> None:
    (one,) = read_bytes(text.encode())
    assert isinstance(one.error, RecordingError)
    assert one.error.problem.startswith("no format that chunkview knows; it begins with ")
    assert (one.format, is_other_file(one)) == (None, True)
    (row,) = summaries(io.BytesIO(text.encode()))
    assert (row.events, row.findings, row.error is None) == (0, None, False)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "error"}',
        '{"error": {"type": "api_error"}}',
        '{"error": "Overloaded"}',
        '{"type": "api_error", "message": "Overloaded"}',
    ],
)
def test_an_error_of_any_shape_is_a_recording(text: str) -> None:
    (one,) = read_bytes(text.encode())
    assert one.error is None
    with pytest.raises(StreamError):
        accumulate(one.source)


def test_after_what_is_no_recording_the_file_is_read_on() -> None:
    lines = [{"name": "x"}, {"type": "message", "role": "assistant", "content": []}, {"name": "y"}]
    found = read_bytes("\n".join(map(json.dumps, lines)).encode())
    assert [(one.format, one.line, one.error is None) for one in found] == [
        (None, 1, False),
        ("message", 2, True),
    ]


def test_objects_without_a_type_belong_to_the_events_before_them() -> None:
    lines = [*TEXT_STREAM, {"index": 0}, 5]
    (one,) = read_bytes("\n".join(map(json.dumps, lines)).encode())
    assert isinstance(one.error, RecordingError)
    assert one.error.problem == "expected object, got int"
    assert len(list(itertools.islice(one.source, len(lines) - 1))) == len(lines) - 1


@pytest.mark.parametrize("text", [b"", b" \r\n\t", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_an_empty_file_is_an_error(text: bytes, compression: str) -> None:
    (one,) = read_bytes(COMPRESSIONS[compression](text))
    assert isinstance(one.error, RecordingError)
    assert (one.error.problem, one.format) == ("it is empty", None)
    with pytest.raises(RecordingError):
        accumulate(one.source)
