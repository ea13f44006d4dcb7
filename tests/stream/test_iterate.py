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
from anthropic._models import construct_type
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkDecoder,
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    Meter,
    PingChunk,
    ProtocolError,
    StreamError,
    aaccumulate,
    accumulate,
    aiter_chunks,
    decode,
    iter_chunks,
    iter_messages,
)
from chunkview.conformance import check
from chunkview.testing import ReplayServer, recording
from chunkview.testing import strategies as cv
from stream_support import PING_BYTES, one_by_one
from support import OLD_SDK, PING, as_async, sdk_event, sdk_message, sse, text_stream

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


def rules_of(source: Any) -> list[str]:
    return [finding.rule for finding in check(source)]


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
        (
            BODY.decode(),
            r"got str: encode it if it is a body \(text.encode\(\)\), and if it is a p",
        ),
        ("recorded.sse", r", and if it is a path, open the file \(open\(path, 'rb'\)\)$"),
        (Path("recorded.sse"), r"Path: open the file \(open\(path, 'rb'\)\)$"),
        (io.StringIO("data: {}"), r"open the file in binary mode"),
        (PING, "got dict: wrap it in a list if it is an event or a message, and give the"),
        ({"body": []}, "message, and give the stream if it is a response that holds one$"),
        (decode(PING), "got PingChunk: wrap it in a list"),
        (sdk_message({"type": "message"}), "got Message: wrap it in a list"),
        (accumulate(BODY), r"got Message: give its to_events\(\)$"),
        (httpx.Response(200).iter_bytes, "got method: call it$"),
        (httpx.Response(200).aiter_bytes, "got method: call it$"),
        (lambda: BODY, "got function: call it$"),
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


PLAIN_TEXT = r" \(if this is the text of an answer, give its events or bytes\)$"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("text", "problem"),
    [("Hello", "^invalid JSON: "), ("5", "^expected object, got int"), ("{", "^invalid JSON: ")],
)
def test_the_text_of_an_answer_is_no_source(
    text: str, problem: str, read: Callable[[Any], Any]
) -> None:
    with pytest.raises(DecodeError, match=problem + ".*" + PLAIN_TEXT) as caught:
        read(["\n", text, " world"])
    assert caught.value.event == text


def test_only_the_first_text_may_be_that_of_an_answer() -> None:
    with pytest.raises(DecodeError, match=r"^invalid JSON: [^(]*$"):
        everything([json.dumps(PING), "Hello"])


NO_MESSAGE = "the stream ended before message_start"
OPENAI = (
    f"{NO_MESSAGE}: its events are those of OpenAI's API: ask for a stream of Anthropic's "
    "Messages API"
)
BATCH = (
    f"{NO_MESSAGE}: its events are the results of a batch: give the message in each "
    "(result.message)"
)
CHOICES = {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hi"}}]}
RESULT = {"custom_id": "a", "result": {"type": "canceled"}}


@pytest.mark.parametrize("read", [*READERS[1:3], READERS[4]])
@pytest.mark.parametrize("is_bytes", [False, True])
@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([], f"{NO_MESSAGE}: no event came (was the source empty, or read before?)"),
        ([PING], NO_MESSAGE),
        ([PING, {"type": "novelty"}], NO_MESSAGE),
        ([{"type": "text", "text": "a", "snapshot": "a"}], NO_MESSAGE),
        ([CHOICES, CHOICES, PING], OPENAI),
        ([PING, CHOICES, RESULT], OPENAI),
        ([{"type": "response.created", "response": {}}], OPENAI),
        ([RESULT, CHOICES], BATCH),
    ],
)
def test_the_error_of_a_source_without_a_message_says_what_it_may_be_instead(
    events: list[Any], problem: str, is_bytes: bool, read: Callable[[Any], Any]
) -> None:
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    with pytest.raises(IncompleteStreamError) as caught:
        read(body if is_bytes else events)
    assert str(caught.value) == problem
    assert caught.value.rule == "stream_cut"
    with pytest.raises(IncompleteStreamError) as caught:
        list(iter_messages(events))
    assert str(caught.value) == problem
    meter = Meter()
    meter.feed(body)
    meter.close()
    assert str(meter.error) == problem


def test_a_source_that_was_read_before_is_empty() -> None:
    source = iter(text_stream("a"))
    accumulate(source)
    with pytest.raises(IncompleteStreamError, match="read before"):
        accumulate(source)


def test_what_comes_before_a_message_does_not_matter_where_one_comes() -> None:
    assert accumulate([PING, CHOICES, *text_stream("a")]).text == "a"


def test_a_stream_that_was_not_iterated_over_says_so_when_it_is_finished() -> None:
    for source in (text_stream("a"), as_async(text_stream("a"))):
        stream = AnthropicStream(source)
        with pytest.raises(IncompleteStreamError, match=r"^nothing was read yet: iterate over"):
            stream.finish()
    stream = AnthropicStream(text_stream("a"))
    assert [chunk.content for chunk, _ in stream if chunk.content] == ["a"]
    assert stream.finish().text == "a"


def outcome_of(source: Any, strict: Any) -> Any:
    """The messages and the chunks, or what is wrong."""
    try:
        return list(iter_messages(source, strict=strict)), everything(source)
    except ChunkviewError as error:
        return type(error), str(error)


@given(cv.messages(), cv.message_streams(), st.booleans())
def test_an_object_of_the_sdk_is_read_as_its_dict_and_its_json_are(
    message: Any, events: Any, beta: bool
) -> None:
    """Whole messages too, also among events."""
    objects = [sdk_message(message, beta=beta), *(sdk_event(one, beta=beta) for one in events)]
    dump = {"mode": "json", "by_alias": True, "exclude_unset": True, "warnings": False}
    dicts = [one.model_dump(**dump) for one in objects]  # the SDK changes some unknown values
    texts = [json.dumps(one) for one in dicts]
    for strict in (False, True, "all"):
        expected = outcome_of(dicts, strict)
        assert outcome_of(texts, strict) == expected
        assert outcome_of(objects, strict) == expected
    assert rules_of(objects) == rules_of(dicts)


@pytest.mark.parametrize("beta", [False, True])
def test_a_whole_message_of_the_sdk_is_taken_by_each_reader(beta: bool) -> None:
    expected = accumulate(BODY)
    message = sdk_message(expected.to_dict(), beta=beta)
    for strict in (False, True, "all"):
        assert accumulate([message], strict=strict) == expected
    assert asyncio.run(aaccumulate(as_async([message]))) == expected
    assert list(iter_messages([message, message])) == [expected, expected]
    assert [tool for _, tool in AnthropicStream([message]) if tool] == [*expected.tool_calls]
    assert everything([message]) == everything([expected.to_dict()])
    with pytest.raises(ProtocolError, match="a second time"):
        accumulate([*map(sdk_event, text_stream("a")), message])


def test_an_unknown_object_of_the_sdk_is_kept_as_its_dict_is() -> None:
    event = {"type": "novelty", "a": 1}
    known, unknown = sdk_event(PING), sdk_event(event)
    assert everything([unknown, known]) == [decode(event), PingChunk()]
    assert everything([known, unknown]) == [PingChunk(), decode(event)]
    assert everything([unknown])[0].chunk is unknown
    assert accumulate([known, unknown, *map(sdk_event, text_stream("a"))]).text == "a"
    assert rules_of([unknown, *text_stream("a")]) == rules_of([event, *text_stream("a")])


@pytest.mark.skipif(OLD_SDK, reason="the SDK has no class for it")
def test_an_error_body_of_the_sdk_is_an_error() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    body: Any = construct_type(type_=anthropic.types.ErrorResponse, value=error)
    for source in ([error], [body], [PING, body]):
        with pytest.raises(StreamError, match=r"^overloaded_error: Overloaded$"):
            accumulate(source)
