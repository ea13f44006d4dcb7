# mypy: disable-error-code="comparison-overlap"
from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import httpx
import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    Accumulator,
    AnthropicStream,
    ContentBlockStopChunk,
    CostMetadata,
    DecodeError,
    IncompleteStreamError,
    InvalidJson,
    Message,
    ProtocolError,
    StreamError,
    ToolUseBlock,
    Usage,
    accumulate,
    decode,
    iter_chunks,
)
from chunkview._chunks.contract import common_finish_reasons
from chunkview.testing import ReplayServer, recording
from chunkview.testing import strategies as cv
from support import (
    MESSAGE_STOP,
    PING,
    Recorded,
    as_async,
    block_start,
    block_stop,
    delta,
    json_delta,
    message_delta,
    message_start,
    sdk_event,
    sse,
    text_delta,
    text_stream,
    tool_start,
    tool_stream,
)

REQUEST = {"model": "claude-test", "max_tokens": 100, "messages": [], "stream": True}


async def drain(stream: AnthropicStream) -> list[Any]:
    return [pair async for pair in stream]


class Closable:
    """A source that knows whether it was closed."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.closed = False

    def __iter__(self) -> Iterator[Any]:
        yield from self.items

    def close(self) -> bool:
        self.closed = True
        return True  # nothing that could be awaited


class AsyncClosable:
    """An asynchronous source that knows whether it was closed."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.closed = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return as_async(self.items)

    async def close(self) -> None:
        self.closed = True


class Both(Closable):
    """A source that can be read either way."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return as_async(self.items)


class ClosedByAclose(AsyncClosable):
    """An asynchronous source that is closed as generators are."""

    async def aclose(self) -> None:
        await super().close()

    async def close(self) -> None:
        raise NotImplementedError


def message_of(events: list[Any]) -> Message | None:
    accumulator = Accumulator()
    accumulator.extend(events)
    return accumulator.partial


def assert_totals(stream: AnthropicStream, message: Message | None) -> None:
    """The totals of a stream are those of the message so far."""
    assert stream.message == message
    if message is None:
        assert stream.message_param is stream.usage is stream.id is stream.model is None
        assert stream.finish_reasons is stream.common_finish_reasons is None
        assert stream.input_tokens is stream.cached_tokens is stream.output_tokens is None
        assert stream.content == stream.thinking == stream.signature == ""
        assert stream.cost_metadata == CostMetadata()
        return
    assert stream.message_param == message.to_param()
    assert stream.content == message.text
    assert (stream.thinking, stream.signature) == (message.thinking, message.signature)
    assert (stream.id, stream.model) == (message.id, message.model)
    assert stream.usage == message.usage
    assert stream.input_tokens == message.usage.input_tokens
    assert stream.cached_tokens == message.usage.cache_read_input_tokens
    assert stream.output_tokens == message.usage.output_tokens
    reason = message.stop_reason
    assert stream.finish_reasons == (None if reason is None else [reason])
    assert stream.common_finish_reasons == common_finish_reasons(reason)
    assert stream.cost_metadata == message.cost_metadata


@given(cv.message_streams())
def test_the_totals_are_those_of_the_message_so_far(events: Any) -> None:
    stream = AnthropicStream(events)
    assert_totals(stream, None)
    for number, (chunk, tool) in enumerate(stream, start=1):
        assert chunk == decode(events[number - 1])
        message = message_of(events[:number])
        assert_totals(stream, message)
        block = message.content[chunk.index] if chunk.type == "content_block_stop" else None  # type: ignore[union-attr]
        assert tool == (block if isinstance(block, ToolUseBlock) else None)
    assert number == len(events)
    assert list(stream) == []
    assert_totals(stream, accumulate(events))


@given(cv.message_streams(pings=False, unknown=False), st.data())
def test_a_source_may_hold_events_of_any_kind_or_bytes(events: Any, data: Any) -> None:
    body = sse(events)
    pieces = data.draw(cv.segmentations(body))
    expected = list(AnthropicStream(events))
    for source in (
        [decode(event) for event in events],
        [sdk_event(event, beta=True) for event in events],
        [json.dumps(event) for event in events],
        pieces,
    ):
        assert list(AnthropicStream(source)) == expected
        assert asyncio.run(drain(AnthropicStream(as_async(source)))) == expected
        assert asyncio.run(drain(AnthropicStream(source))) == expected
    for whole in (body, bytearray(body), memoryview(body)):
        assert list(AnthropicStream(whole)) == expected
        assert asyncio.run(drain(AnthropicStream(whole))) == expected

    seen = []

    def loads(payload: bytes) -> Any:
        seen.append(payload)
        return json.loads(payload)

    assert [chunk.chunk for chunk, _ in AnthropicStream(body, loads=loads)] == seen
    with pytest.raises(DecodeError, match="an event of more than 9 bytes"):
        list(AnthropicStream(body, max_event_bytes=9))


@given(cv.message_streams(), st.data())
def test_leaving_anywhere_closes_the_source_and_keeps_what_came(events: Any, data: Any) -> None:
    end = data.draw(st.integers(0, len(events)))
    expected = [decode(event) for event in events[:end]]
    message = message_of(events[:end])

    def leave(source: Closable) -> AnthropicStream:
        with AnthropicStream(source) as stream:
            assert [chunk for chunk, _ in islice(stream, end)] == expected
            assert not source.closed
        return stream

    async def leave_async(source: Any) -> AnthropicStream:
        async with AnthropicStream(source) as stream:
            pairs = stream.__aiter__()
            assert [(await pairs.__anext__())[0] for _ in range(end)] == expected
            assert not source.closed
        assert [pair async for pair in stream] == []
        return stream

    for source in (Closable(events), Both(events)):
        stream = leave(source)
        assert source.closed
        assert list(stream) == []
        assert_totals(stream, message)
    sources = (Closable(events), AsyncClosable(events), Both(events), ClosedByAclose(events))
    for any_source in sources:
        assert_totals(asyncio.run(leave_async(any_source)), message)
        assert any_source.closed


@given(cv.message_streams(), st.data())
def test_an_exception_of_the_source_passes_through_anywhere(events: Any, data: Any) -> None:
    end = data.draw(st.integers(0, len(events)))
    failure = ConnectionResetError("gone")

    def failing() -> Iterator[Any]:
        yield from events[:end]
        raise failure

    async def failing_async() -> AsyncIterator[Any]:
        for event in failing():
            yield event

    message = message_of(events[:end])
    is_whole = any(event["type"] == "message_stop" for event in events[:end])
    stream = AnthropicStream(failing())
    with pytest.raises(ConnectionResetError) as caught:
        list(stream)
    assert caught.value is failure
    assert_totals(stream, message)
    with contextlib.nullcontext() if is_whole else pytest.raises(IncompleteStreamError):
        assert list(stream) == []

    stream = AnthropicStream(failing_async())
    with pytest.raises(ConnectionResetError) as caught:
        asyncio.run(drain(stream))
    assert caught.value is failure
    assert_totals(stream, message)
    with contextlib.nullcontext() if is_whole else pytest.raises(IncompleteStreamError):
        assert asyncio.run(drain(stream)) == []


@given(cv.message_streams(), st.data())
def test_a_body_cut_anywhere_ends_early_and_keeps_what_came(events: Any, data: Any) -> None:
    body = sse(events)
    end = data.draw(st.integers(0, len(body) - len(b"\n\n") - 1))
    pieces = data.draw(cv.segmentations(body[:end]))
    whole = [event for n, event in enumerate(events) if len(sse(events[: n + 1])) - 2 <= end]
    message = message_of(whole)
    stopped = any(event["type"] == "message_stop" for event in whole)
    if stopped and sse(whole).startswith(body[:end]):
        return  # nothing is missing but what may follow the message
    stream = AnthropicStream(pieces)
    with pytest.raises(IncompleteStreamError) as caught:
        list(stream)
    assert caught.value.partial == message
    assert_totals(stream, message)
    with pytest.raises(IncompleteStreamError) as again:
        accumulate(iter_chunks(pieces))
    assert again.value.partial == message
    assert str(again.value) == str(caught.value)


def test_a_stream_gives_each_chunk_and_keeps_the_totals(whole: Recorded) -> None:
    message = accumulate(whole.events)
    stream = AnthropicStream(whole.events)
    pairs = list(stream)
    assert [chunk for chunk, _ in pairs] == [decode(event) for event in whole.events]
    assert [tool for _, tool in pairs if tool is not None] == list(message.tool_calls)
    assert stream.message == message
    assert stream.content == message.text == "".join(chunk.content for chunk, _ in pairs)
    assert stream.thinking == message.thinking == "".join(chunk.thinking for chunk, _ in pairs)
    assert stream.signature == message.signature
    assert (stream.id, stream.model) == (message.id, message.model)
    assert stream.usage == message.usage
    assert stream.input_tokens == message.usage.input_tokens
    assert stream.output_tokens == message.usage.output_tokens
    assert stream.cached_tokens == message.usage.cache_read_input_tokens
    assert stream.finish_reasons == [message.stop_reason]
    assert stream.common_finish_reasons is not None
    assert stream.cost_metadata == message.cost_metadata
    assert stream.message_param == message.to_param()


def test_before_the_first_event_nothing_is_known() -> None:
    stream = AnthropicStream(text_stream("a"))
    assert stream.message is stream.message_param is stream.usage is None
    assert stream.id is stream.model is stream.finish_reasons is None
    assert stream.common_finish_reasons is stream.input_tokens is stream.output_tokens is None
    assert stream.cached_tokens is None
    assert stream.content == stream.thinking == stream.signature == ""
    assert stream.cost_metadata == CostMetadata()


def test_the_totals_are_those_so_far() -> None:
    stream = AnthropicStream(text_stream("a", "b"))
    pairs = iter(stream)
    for _ in range(3):
        next(pairs)
    assert stream.content == "a"
    assert stream.usage == Usage(10, 1)
    assert stream.finish_reasons is None
    assert [chunk.content for chunk, _ in stream] == ["b", "", "", ""]
    assert stream.usage == Usage(10, 5)
    assert list(stream) == []


def test_a_finished_tool_call_comes_with_the_stop_of_its_block() -> None:
    pairs = list(AnthropicStream(tool_stream('{"x"', ": 1}")))
    tools = [(chunk, tool) for chunk, tool in pairs if tool is not None]
    assert tools == [(ContentBlockStopChunk(0), ToolUseBlock("toolu_1", "get_weather", {"x": 1}))]


def test_a_tool_call_cut_short_is_kept_in_the_message() -> None:
    events = tool_stream('{"x": [1')
    del events[-3]  # the block's stop
    stream = AnthropicStream(events)
    assert all(tool is None for _, tool in stream)
    assert stream.message is not None
    assert stream.message.tool_calls[0].input == InvalidJson('{"x": [1')


def test_a_server_tool_is_no_call_of_the_callers() -> None:
    events = tool_stream("{}", type="server_tool_use")
    assert all(tool is None for _, tool in AnthropicStream(events))


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([*text_stream("a")[:-1]], IncompleteStreamError),
        ([*text_stream("a")[:3], message_start()], ProtocolError),
        (
            [*text_stream("a")[:3], {"type": "error", "error": {"type": "t", "message": "m"}}],
            StreamError,
        ),
    ],
)
def test_a_stream_that_fails_keeps_what_came(events: list[Any], error: type[Any]) -> None:
    async def consume(stream: AnthropicStream) -> None:
        await drain(stream)

    runs: list[tuple[AnthropicStream, Callable[[AnthropicStream], Any]]] = [
        (AnthropicStream(events), list),
        (AnthropicStream(sse(events)), list),
        (AnthropicStream(as_async(events)), lambda stream: asyncio.run(consume(stream))),
    ]
    for stream, run in runs:
        with pytest.raises(error) as caught:
            run(stream)
        assert caught.value.partial == stream.message
        assert stream.content == "a"


def test_an_event_that_cannot_be_decoded_leaves_the_message_so_far() -> None:
    stream = AnthropicStream(sse(text_stream("a")[:3]) + b"data: {\n\n")
    with pytest.raises(DecodeError):
        list(stream)
    assert stream.content == "a"


def test_a_stream_that_has_failed_says_so_again() -> None:
    async def twice(stream: AnthropicStream) -> None:
        for _ in range(3):
            with pytest.raises(IncompleteStreamError):
                await drain(stream)

    stream = AnthropicStream(text_stream("a")[:-1])
    for _ in range(3):
        with pytest.raises(IncompleteStreamError) as caught:
            list(stream)
        assert caught.value.partial == stream.message
    asyncio.run(twice(AnthropicStream(as_async(text_stream("a")[:-1]))))


def test_a_stream_can_be_closed_while_somebody_reads_it() -> None:
    class Stuck:
        """A source whose reader closes the stream from within, as another thread would."""

        def __init__(self) -> None:
            self.closed = False
            self.stream: AnthropicStream | None = None

        def __iter__(self) -> Iterator[Any]:
            yield message_start()
            assert self.stream is not None
            self.stream.close()
            yield PING

        def close(self) -> None:
            self.closed = True

    class AsyncStuck(AsyncClosable):
        def __init__(self) -> None:
            super().__init__([message_start()])
            self.never = asyncio.Event()

        async def __aiter__(self) -> AsyncIterator[Any]:
            yield self.items[0]
            await self.never.wait()

    async def close_while_reading() -> AsyncStuck:
        source = AsyncStuck()
        stream = AnthropicStream(source)
        reading = asyncio.ensure_future(drain(stream))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await stream.aclose()
        source.never.set()
        with contextlib.suppress(IncompleteStreamError):
            await reading
        return source

    source = Stuck()
    source.stream = AnthropicStream(source)
    with pytest.raises(IncompleteStreamError):
        list(source.stream)
    assert source.closed
    assert asyncio.run(close_while_reading()).closed


def test_a_connection_that_breaks_within_an_event_ends_the_stream_early() -> None:
    body = sse(text_stream("a", "b"))
    for end in range(len(sse(text_stream("a")[:3])), len(body) - 2):
        stream = AnthropicStream([body[:end]])
        with pytest.raises(IncompleteStreamError) as caught:
            list(stream)
        assert caught.value.partial == stream.message
        assert stream.content in ("a", "ab")


def test_exceptions_of_the_source_pass_through_and_leave_the_message_so_far() -> None:
    def source() -> Iterator[Any]:
        yield from text_stream("a")[:3]
        raise ConnectionResetError("gone")

    stream = AnthropicStream(source())
    with pytest.raises(ConnectionResetError):
        list(stream)
    assert stream.content == "a"


def test_leaving_the_loop_early_closes_the_source() -> None:
    source = Closable(text_stream("a", "b"))
    with AnthropicStream(source) as stream:
        for chunk, _ in stream:
            if chunk.content:
                break
    assert source.closed
    assert list(stream) == []
    assert stream.content == "a"


def test_leaving_the_loop_early_closes_an_asynchronous_source() -> None:
    async def leave_early(source: Any) -> AnthropicStream:
        async with AnthropicStream(source) as stream:
            async for chunk, _ in stream:
                if chunk.content:
                    break
        return stream

    source = AsyncClosable(text_stream("a", "b"))
    stream = asyncio.run(leave_early(source))
    assert source.closed
    assert stream.content == "a"
    synchronous = Closable(text_stream("a", "b"))
    asyncio.run(leave_early(synchronous))
    assert synchronous.closed
    assert asyncio.run(leave_early(as_async(text_stream("a")))).content == "a"


def test_iteration_goes_on_where_it_was_left() -> None:
    async def in_two_parts(stream: AnthropicStream) -> list[str]:
        first = [chunk.content async for chunk, _ in stream if chunk.content][:1]
        return first + [chunk.content async for chunk, _ in stream]

    async def close_at_once(source: Any) -> None:
        await AnthropicStream(source).aclose()

    assert asyncio.run(in_two_parts(AnthropicStream(as_async(text_stream("a"))))) == ["a"]
    asyncio.run(close_at_once(text_stream("a")))
    asyncio.run(close_at_once(AsyncClosable([])))


def test_a_source_that_cannot_be_closed_need_not_be() -> None:
    with AnthropicStream(text_stream("a")) as stream:
        assert next(iter(stream))
    AnthropicStream([]).close()


def test_an_asynchronous_source_is_not_iterated_or_closed_by_mistake() -> None:
    stream = AnthropicStream(as_async([]))
    with pytest.raises(TypeError, match=r"^the source is asynchronous: iterate with `async for`$"):
        iter(stream)
    with pytest.raises(TypeError, match=r"^the source is asynchronous: await aclose\(\)$"):
        stream.close()


def test_a_path_is_no_stream() -> None:
    with pytest.raises(
        TypeError,
        match=r"^expected an iterable of events or bytes, got str: give bytes, or an open",
    ):
        AnthropicStream("recorded.sse")
    with pytest.raises(
        TypeError,
        match=r"^expected an iterable of events or bytes, got str: give bytes, or an open",
    ):
        next(iter_chunks("recorded.sse"))


@pytest.mark.parametrize("source", [None, 5, object()])
def test_a_source_must_be_iterable(source: Any) -> None:
    kind = "null" if source is None else type(source).__name__
    expected = f"^expected an iterable of events or bytes, got {kind}: there is nothing to iterate"
    with pytest.raises(TypeError, match=expected):
        AnthropicStream(source)


def test_totals_never_add_up() -> None:
    events = [
        message_start(),
        block_start(),
        text_delta("a"),
        block_stop(),
        message_delta(None, output_tokens=50),
        PING,
        message_delta(output_tokens=90),
        MESSAGE_STOP,
    ]
    stream = AnthropicStream(events)
    list(stream)
    assert (stream.input_tokens, stream.output_tokens) == (10, 90)


def test_unknown_deltas_do_not_end_the_stream() -> None:
    events = text_stream("a")
    events.insert(3, delta("scent_delta", smell="rose"))
    stream = AnthropicStream(events)
    assert len(list(stream)) == len(events)


@contextmanager
def pieces_of_httpx(url: str) -> Iterator[Iterator[bytes]]:
    with httpx.Client() as client, client.stream("POST", url, json=REQUEST) as response:
        yield response.iter_bytes()


@contextmanager
def pieces_of_requests(url: str) -> Iterator[Iterator[bytes]]:
    with requests.post(url, json=REQUEST, stream=True, timeout=10) as response:
        yield response.iter_content(chunk_size=None)


@contextmanager
def pieces_of_urllib3(url: str) -> Iterator[Iterator[bytes]]:
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", url, json=REQUEST, preload_content=False)
        yield response.stream()
        response.release_conn()


@pytest.mark.parametrize("pieces_of", [pieces_of_httpx, pieces_of_requests, pieces_of_urllib3])
def test_the_iterator_of_each_client_is_a_source(pieces_of: Any) -> None:
    body = recording("thinking_tool_call")
    with (
        ReplayServer(body, segment_size=11) as server,
        pieces_of(f"{server.url}/v1/messages") as pieces,
    ):
        assert list(AnthropicStream(pieces)) == list(AnthropicStream(body))


def test_the_iterators_of_asynchronous_clients_are_sources() -> None:
    body = recording("thinking_tool_call")

    async def with_httpx(url: str) -> list[Any]:
        async with (
            httpx.AsyncClient() as client,
            client.stream("POST", url, json=REQUEST) as response,
        ):
            return await drain(AnthropicStream(response.aiter_bytes()))

    async def with_aiohttp(url: str) -> list[Any]:
        async with aiohttp.ClientSession() as session, session.post(url, json=REQUEST) as response:
            return await drain(AnthropicStream(response.content.iter_any()))

    with ReplayServer(body, segment_size=11) as server:
        url = f"{server.url}/v1/messages"
        expected = list(AnthropicStream(body))
        assert asyncio.run(with_httpx(url)) == expected
        assert asyncio.run(with_aiohttp(url)) == expected


def test_an_open_file_is_a_source(tmp_path: Path) -> None:
    body = recording("citations")
    path = tmp_path / "recorded.sse"
    path.write_bytes(body)
    with AnthropicStream(path.open("rb")) as stream:
        assert list(stream) == list(AnthropicStream(body))
    assert list(AnthropicStream(io.BytesIO(body))) == list(AnthropicStream(body))


@pytest.mark.parametrize("name", ["text", "thinking_tool_call", "citations"])
def test_the_streams_of_the_sdk_are_sources(name: str) -> None:
    body = recording(name)
    expected = [(chunk, tool) for chunk, tool in AnthropicStream(body) if chunk.type != "ping"]
    parameters: Any = {**REQUEST, "messages": [{"role": "user", "content": "Hi"}]}

    async def asynchronously(url: str) -> list[Any]:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="none") as client:
            async with AnthropicStream(await client.messages.create(**parameters)) as stream:
                return await drain(stream)

    with ReplayServer(body) as server:
        with anthropic.Anthropic(base_url=server.url, api_key="none") as client:
            with AnthropicStream(client.messages.create(**parameters)) as stream:
                assert list(stream) == expected
            with AnthropicStream(client.beta.messages.create(**parameters)) as stream:
                assert list(stream) == expected
            del parameters["stream"]
            with client.messages.stream(**parameters) as helper:
                stream = AnthropicStream(helper)
                assert "".join(chunk.content for chunk, _ in stream) == stream.content
            assert stream.message == accumulate(chunk for chunk, _ in expected)
            parameters["stream"] = True
        assert asyncio.run(asynchronously(server.url)) == expected


def test_an_error_event_over_the_sdk_is_the_sdks_own_exception() -> None:
    with (
        ReplayServer(recording("error")) as server,
        anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0) as client,
    ):
        stream = AnthropicStream(client.messages.create(**REQUEST))  # type: ignore[call-overload]
        with pytest.raises(anthropic.APIStatusError):
            list(stream)
        assert stream.content


def tools_of(events: list[Any]) -> list[Any]:
    return [(chunk.type, tool.name, tool.input) for chunk, tool in AnthropicStream(events) if tool]


UNSTOPPED: Any = [
    ([json_delta('{"a": 1}')], "tool_use", [{"a": 1}]),
    ([json_delta('{"a": 1}')], "max_tokens", [{"a": 1}]),
    ([json_delta('{"a": ')], "max_tokens", []),
    ([json_delta('{"a": ')], "tool_use", []),
    ([], "tool_use", [{}]),
    ([], "max_tokens", []),
]


@pytest.mark.parametrize(("deltas", "stop_reason", "inputs"), UNSTOPPED)
def test_a_tool_call_whose_block_was_never_stopped_comes_with_the_end_of_the_message(
    deltas: list[Any], stop_reason: str, inputs: list[Any]
) -> None:
    events = [message_start(), tool_start(), *deltas, message_delta(stop_reason), MESSAGE_STOP]
    expected = [("message_delta", "get_weather", value) for value in inputs]
    assert tools_of(events) == expected
    assert asyncio.run(drain(AnthropicStream(as_async(events)))) == list(AnthropicStream(events))


def test_a_message_without_message_delta_hands_out_its_tool_calls_at_message_stop() -> None:
    events = [message_start(), tool_start(), json_delta("{}"), MESSAGE_STOP]
    assert tools_of(events) == [("message_stop", "get_weather", {})]


def test_a_chunk_that_completes_several_tool_calls_comes_once_with_each() -> None:
    starts = [event for i in range(3) for event in (tool_start(i), json_delta(f'{{"n": {i}}}', i))]
    events = [message_start(), *starts, message_delta("tool_use"), MESSAGE_STOP]
    assert [value["n"] for _, _, value in tools_of(events)] == [0, 1, 2]


@given(cv.message_streams(), st.data())
def test_every_tool_call_of_the_message_is_handed_out_once_in_order(events: Any, data: Any) -> None:
    stops = [at for at, event in enumerate(events) if event["type"] == "content_block_stop"]
    left_out = data.draw(st.sets(st.sampled_from(stops))) if stops else set()
    kept = [event for at, event in enumerate(events) if at not in left_out]
    stream = AnthropicStream(kept)
    handed_out = [tool for _, tool in stream if tool is not None]
    assert stream.message is not None
    of_message = list(stream.message.tool_calls)
    assert sorted(map(repr, handed_out)) == sorted(
        repr(tool)
        for tool in of_message
        if tool in handed_out or not isinstance(tool.input, InvalidJson)
    ) or stream.message.stop_reason in ("max_tokens", "refusal", "model_context_window_exceeded")
    assert all(tool in of_message for tool in handed_out)


def test_the_repr_of_a_stream_says_what_it_has_so_far() -> None:
    stream = AnthropicStream([*text_stream("x" * 100_000)[:-1], PING, MESSAGE_STOP])
    assert repr(stream) == "<AnthropicStream: no message yet>"
    pairs = iter(stream)
    for _ in range(3):
        next(pairs)
    assert "claude-test msg_1, unfinished, 'xxx" in repr(stream)
    list(stream)
    assert "end_turn" in repr(stream)
    assert "5 output tokens" in repr(stream)
    assert len(repr(stream)) < 400
    tools = AnthropicStream(tool_stream('{"a": 1}'))
    list(tools)
    assert "calls get_weather" in repr(tools)
