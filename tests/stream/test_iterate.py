"""What the iterators take as a source, and what they say about the usual mistakes."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkDecoder,
    DecodeError,
    PingChunk,
    accumulate,
    aiter_chunks,
    decode,
    iter_chunks,
)
from chunkview.testing import ReplayServer, recording
from chunkview.testing import strategies as cv
from stream_support import PING_BYTES, one_by_one
from support import PING, as_async, sdk_event, sse, text_stream

REQUEST = {"model": "m", "max_tokens": 1, "messages": [], "stream": True}
BODY = recording("thinking_tool_call")
REMEDY = "iter_bytes"


def everything(source: Any) -> list[Any]:
    return list(iter_chunks(source))


async def everything_async(source: Any) -> list[Any]:
    return [chunk async for chunk in aiter_chunks(source)]


async def drain(source: Any) -> None:
    async for _ in AnthropicStream(source):
        pass


READERS: list[Callable[[Any], Any]] = [
    everything,
    accumulate,
    lambda source: list(AnthropicStream(source)),
    lambda source: asyncio.run(everything_async(source)),
    lambda source: asyncio.run(drain(source)),
]


@given(cv.message_streams(), st.data())
def test_accumulate_takes_every_source_that_iter_chunks_takes(events: Any, data: Any) -> None:
    body = sse(events)
    expected = accumulate(events)
    pieces = data.draw(cv.segmentations(body))
    for source in (body, bytearray(body), memoryview(body), pieces, io.BytesIO(body)):
        assert accumulate(source) == expected
    assert accumulate(json.dumps(event) for event in events) == expected
    assert accumulate(iter_chunks(pieces)) == expected


def test_an_open_file_is_read_in_pieces_and_not_in_lines(tmp_path: Path) -> None:
    path = tmp_path / "recorded.sse"
    path.write_bytes(BODY)
    for buffering in (-1, 0):
        with path.open("rb", buffering) as file:
            assert everything(file) == everything(BODY)

    class Pipe(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> None:
            return None

    with pytest.raises(BlockingIOError, match="nothing to read yet"):
        everything(Pipe())


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize(
    "body",
    [
        BODY,
        BODY.replace(b"event: ", b"id: 1\nevent: "),
        b"\n".join(line for line in BODY.split(b"\n") if not line.startswith(b"event:")),
        b": welcome\n\n" + BODY,
        b": welcome\n" + BODY,
        BODY[: BODY.index(b"\n\n") + 2],
    ],
    ids=["events", "ids", "data only", "comment event", "comment", "one event"],
)
def test_lines_without_their_line_ends_are_refused(
    body: bytes, is_text: bool, read: Callable[[Any], Any]
) -> None:
    lines: list[Any] = body.split(b"\n")[:-1]
    if is_text:
        lines = [line.decode() for line in lines]
    with pytest.raises(DecodeError, match=REMEDY):
        read(lines)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_the_pieces_of_iter_text_are_refused(size: int, read: Callable[[Any], Any]) -> None:
    text = BODY.decode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    if size == 1:  # "e" alone might be anything
        with pytest.raises(DecodeError, match="invalid JSON"):
            read(pieces)
        return
    with pytest.raises(DecodeError, match=REMEDY):
        read(pieces)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("cut", [1, 2, 3, 1_000])
@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        (gzip.compress(BODY), "gzip.*decompress it first"),
        (b"\x28\xb5\x2f\xfd" + BODY, "zstd.*decompress it first"),
        (b"\0\0\0\x8b\0\0\0\x4b" + b"\x0b:event-type\x07\0\x05chunk" * 9, "AWS.*botocore"),
    ],
    ids=["gzip", "zstd", "AWS"],
)
def test_the_error_names_the_format_of_a_binary_body(
    body: bytes, remedy: str, cut: int, read: Callable[[Any], Any]
) -> None:
    with pytest.raises(DecodeError, match=remedy):
        read([body[at : at + cut] for at in range(0, len(body), cut)])


def test_deflated_bytes_are_refused() -> None:
    with pytest.raises(DecodeError):
        everything(zlib.compress(BODY))


@given(cv.streams_with_bodies(), st.data())
def test_no_legal_body_is_mistaken_for_lines_or_a_binary_body(pair: Any, data: Any) -> None:
    events, body = pair
    cuts = [at for at in range(len(body)) if body.startswith((b"data:", b"event:"), at)]
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert len(everything(pieces)) == len(events)
    assert len(everything(data.draw(cv.segmentations(body)))) == len(events)


def test_a_cut_in_a_text_that_looks_like_a_line_is_no_mistake() -> None:
    text = '{"type": "ping"}data: {'
    body = b"data: " + json.dumps({"type": "ping", "x": text}).encode() + b"\n\n"
    for at in range(len(body)):
        assert everything([body[:at], body[at:]]) == [PingChunk()]


def test_a_response_is_no_source_but_its_iterator_is() -> None:
    async def aiohttp_response(url: str) -> str:
        async with aiohttp.ClientSession() as session, session.post(url, json=REQUEST) as response:
            with pytest.raises(TypeError) as caught:
                await everything_async(response)
            assert await everything_async(response.content.iter_any()) == everything(BODY)
            return str(caught.value)

    async def coroutine(client: Any) -> str:
        answer = client.messages.create(model="m", max_tokens=1, messages=[], stream=True)
        with pytest.raises(TypeError) as caught:
            AnthropicStream(answer)
        answer.close()
        return str(caught.value)

    with ReplayServer(BODY) as server:
        url = f"{server.url}/v1/messages"
        with httpx.Client() as client, client.stream("POST", url, json=REQUEST) as response:
            with pytest.raises(TypeError, match=r"got Response: give its iter_bytes\(\)"):
                everything(response)
            assert everything(response.iter_bytes()) == everything(BODY)
        with requests.post(url, json=REQUEST, stream=True, timeout=10) as answer:
            assert everything(answer) == everything(BODY)  # it iterates over bytes by itself
        assert "give its content.iter_any()" in asyncio.run(aiohttp_response(url))
        with anthropic.Anthropic(base_url=server.url, api_key="none") as sdk:
            manager = sdk.messages.stream(model="m", max_tokens=1, messages=[])
            with pytest.raises(TypeError, match="enter it with a `with` statement first"):
                everything(manager)
        async_sdk = anthropic.AsyncAnthropic(base_url=server.url, api_key="none")
        assert "await it first" in asyncio.run(coroutine(async_sdk))


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("recorded.sse", r"got str: give bytes, or an open file \(open\(path, 'rb'\)\)"),
        (Path("recorded.sse"), r"Path: give bytes, or an open file"),
        (io.StringIO("data: {}"), r"open the file in binary mode"),
        ({"type": "ping"}, r"got dict: it is one event, or a response"),
        (5, "got int: there is nothing to iterate over"),
    ],
)
def test_an_object_that_is_no_source_is_refused_and_the_error_says_what_to_give(
    source: Any, remedy: str
) -> None:
    for read in READERS:
        with pytest.raises(TypeError, match=remedy):
            read(source)


def test_an_asynchronous_source_is_refused_by_synchronous_functions() -> None:
    readers: list[Any] = [everything, accumulate]
    for read in readers:
        with pytest.raises(TypeError, match=r"asynchronous: use aaccumulate\(\)"):
            read(as_async([]))


def test_json_lines_may_begin_with_a_byte_order_mark() -> None:
    events = text_stream("a")
    lines = [json.dumps(event) for event in events]
    chunks = list(iter_chunks(["\n", "\ufeff" + lines[0], *lines[1:]]))
    assert chunks == [decode(event) for event in events]
    assert [chunk.to_event() for chunk in chunks] == events
    with pytest.raises(DecodeError):
        list(iter_chunks([lines[0], "\ufeff" + lines[1]]))


def test_json_lines_may_have_blank_lines_between_them() -> None:
    events = text_stream("a")
    lines: Iterator[str] = (line for event in events for line in ("\n", json.dumps(event) + "\n"))
    assert everything(lines) == everything(events)


def test_the_plain_loop_sees_every_chunk_before_a_broken_event() -> None:
    body = BODY + b"data: {\n\n" + BODY
    for size in (1, 100, 1_400, len(body)):
        decoder = ChunkDecoder()
        chunks = []
        with pytest.raises(DecodeError, match="invalid JSON"):  # noqa: PT012
            for at in range(0, len(body), size):
                for chunk in decoder.feed(body[at : at + size]):
                    chunks.append(chunk)
            for chunk in decoder.close():
                chunks.append(chunk)
        assert chunks == everything(BODY)


def test_the_last_event_may_lack_its_blank_line_also_in_an_async_source() -> None:
    body = sse(text_stream("a")).rstrip(b"\n")
    chunks = asyncio.run(everything_async(as_async([body])))
    assert chunks == [decode(event) for event in text_stream("a")]


def test_iter_chunks_takes_bytes_pieces_and_events() -> None:
    events = text_stream("a", "b")
    expected = [decode(event) for event in events]
    body = sse(events)
    assert list(iter_chunks(body)) == expected
    assert list(iter_chunks(bytearray(body))) == expected
    assert list(iter_chunks(memoryview(body))) == expected
    assert list(iter_chunks(one_by_one(body))) == expected
    assert list(iter_chunks(events)) == expected
    assert list(iter_chunks([json.dumps(event) for event in events])) == expected
    assert list(iter_chunks(map(sdk_event, events))) == expected
    assert list(iter_chunks(expected)) == expected
    assert list(iter_chunks([])) == []


def test_exceptions_of_the_source_pass_through() -> None:
    def source() -> Iterator[bytes]:
        yield PING_BYTES
        raise ConnectionResetError("gone")

    chunks = iter_chunks(source())
    assert next(chunks) == PingChunk()
    with pytest.raises(ConnectionResetError):
        next(chunks)


TEXT_OF_A_STREAM = (
    "the items are text of an event stream, as iter_lines() and iter_text() give it: give the "
    "bytes of iter_bytes() (httpx), iter_content(None) (requests) or content.iter_any() (aiohttp)"
)


@pytest.mark.parametrize(
    "text",
    ["event: ping", "data: {}", "id: 1", "retry: 5", ": ping", "\ufeffdata: {}", " \t\r\ndata: {}"],
)
def test_the_error_for_text_of_a_stream_has_the_text_and_says_what_to_give(text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        everything([text])
    assert str(caught.value) == TEXT_OF_A_STREAM
    assert caught.value.event == text


def test_only_the_first_text_is_looked_at() -> None:
    events = [json.dumps(PING), "data: {}"]
    with pytest.raises(DecodeError, match="invalid JSON"):
        everything(events)


def test_the_errors_about_sources_are_these() -> None:
    with pytest.raises(TypeError) as caught:
        everything(as_async([]))
    assert str(caught.value) == (
        "expected an iterable, got async_generator, which is asynchronous: use aaccumulate(), "
        "aiter_messages() or aiter_chunks(), or AnthropicStream with `async for`"
    )

    class Pipe(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> None:
            return None

    with pytest.raises(BlockingIOError) as blocked:
        everything(Pipe())
    assert str(blocked.value) == ("the file is in non-blocking mode and has nothing to read yet")


def test_a_buffered_file_gives_what_has_come_without_waiting_for_more() -> None:
    class Pipe(io.BufferedIOBase):
        """Has one event, and would wait for more for ever."""

        def __init__(self) -> None:
            self.pieces = [sse([PING]), b""]

        def read1(self, size: int = -1, /) -> bytes:
            return self.pieces.pop(0)

        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("this waits until there is so much")

    assert everything(Pipe()) == [PingChunk()]


def test_accumulate_and_the_iterators_pass_their_options_to_the_decoder() -> None:
    seen: list[bytes] = []

    def loads(payload: bytes) -> Any:
        seen.append(payload)
        return json.loads(payload)

    body = sse(text_stream("a"))
    readers: list[Callable[..., Any]] = [
        accumulate,
        lambda source, **options: list(iter_chunks(source, **options)),
        lambda source, **options: list(AnthropicStream(source, **options)),
    ]
    for read in readers:
        seen.clear()
        read(body, loads=loads)
        assert len(seen) == len(text_stream("a"))
        with pytest.raises(DecodeError, match="an event of more than 20 bytes"):
            read(body, max_event_bytes=20)


def test_events_without_a_type_may_be_among_plain_events() -> None:
    start, *rest = text_stream("a")
    odd: list[Any] = [{"metrics": 1}, {"type": ["a"]}]
    assert accumulate([start, *odd, *rest]).text == "a"
    assert len(everything([start, *odd, *rest])) == len(rest) + 3


def test_a_whole_message_that_is_refused_gives_no_chunks() -> None:
    deep: Any = 0
    for _ in range(300):
        deep = [deep]
    with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
        everything([{"type": "message", "content": [], "deep": deep}])


def test_accumulate_takes_objects_of_the_sdk() -> None:
    events = text_stream("a", "b")
    assert accumulate(map(sdk_event, events)) == accumulate(events)
    assert accumulate([events[0], *map(sdk_event, events[1:])]) == accumulate(events)
