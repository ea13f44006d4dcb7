"""Closing a stream while somebody reads it, with the iterators of real clients."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import anthropic
import httpx
import pytest
import requests
import urllib3

from chunkview import AnthropicStream, ChunkviewError, IncompleteStreamError
from chunkview.testing import ReplayServer, recording
from support import PING, as_async, message_start, sse, text_delta

REQUEST = {"model": "m", "max_tokens": 1, "messages": [], "stream": True}
LONG = 60.0
"""Seconds until the server sends its second event: longer than any test waits."""
SOON = 20.0
"""Seconds, after which a test that hangs is ended."""


@contextmanager
def httpx_pieces(url: str) -> Iterator[Any]:
    with httpx.Client() as client, client.stream("POST", url, json=REQUEST) as response:
        yield response.iter_bytes()


@contextmanager
def requests_pieces(url: str) -> Iterator[Any]:
    with requests.post(url, json=REQUEST, stream=True, timeout=LONG) as response:
        yield response.iter_content(chunk_size=None)


@contextmanager
def urllib3_pieces(url: str) -> Iterator[Any]:
    with urllib3.PoolManager() as pool:
        yield pool.request("POST", url, json=REQUEST, preload_content=False).stream()


@contextmanager
def sdk_stream(url: str) -> Iterator[Any]:
    with (
        warnings.catch_warnings(),
        anthropic.Anthropic(base_url=url.removesuffix("/v1/messages"), api_key="none") as client,
    ):
        warnings.simplefilter("ignore", DeprecationWarning)
        yield client.messages.create(model="m", max_tokens=1, messages=[], stream=True)


SYNC_CLIENTS = [httpx_pieces, requests_pieces, urllib3_pieces, sdk_stream]


@asynccontextmanager
async def httpx_async_pieces(url: str) -> AsyncIterator[Any]:
    async with httpx.AsyncClient() as client, client.stream("POST", url, json=REQUEST) as response:
        yield response.aiter_bytes()


@asynccontextmanager
async def aiohttp_pieces(url: str) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession() as session:
        response = await session.post(url, json=REQUEST)
        yield response.content.iter_any()
        assert response.closed


@asynccontextmanager
async def sdk_async_stream(url: str) -> AsyncIterator[Any]:
    base_url = url.removesuffix("/v1/messages")
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key="none") as client:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            stream = await client.messages.create(model="m", max_tokens=1, messages=[], stream=True)
        yield stream


ASYNC_CLIENTS = [httpx_async_pieces, aiohttp_pieces, sdk_async_stream]


@pytest.fixture
def stalling_server() -> Iterator[str]:
    """A server that sends one event, and the next one much later."""
    with ReplayServer(recording("text"), delay=LONG) as server:
        yield f"{server.url}/v1/messages"


@pytest.mark.parametrize("client", SYNC_CLIENTS)
def test_a_thread_that_waits_for_bytes_ends_when_another_one_closes_the_stream(
    client: Callable[[str], Any], stalling_server: str
) -> None:
    outcome: list[Any] = []
    has_read = threading.Event()

    def read(stream: AnthropicStream) -> None:
        try:
            for _ in stream:
                has_read.set()
            outcome.append("the end")
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcome.append(error)

    with ExitStack() as stack:
        stream = AnthropicStream(stack.enter_context(client(stalling_server)))
        reader = threading.Thread(target=read, args=(stream,), daemon=True)
        reader.start()
        assert has_read.wait(SOON)
        stream.close()
        reader.join(SOON)
        assert not reader.is_alive()
    (error,) = outcome
    assert isinstance(error, IncompleteStreamError)
    assert error.partial == stream.message
    assert stream.message is not None
    stream.close()
    assert list(stream) == []


@pytest.mark.parametrize("client", ASYNC_CLIENTS)
def test_a_task_that_waits_for_bytes_ends_when_another_one_closes_the_stream(
    client: Callable[[str], Any], stalling_server: str
) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            stream = AnthropicStream(await stack.enter_async_context(client(stalling_server)))
            has_read = asyncio.Event()

            async def read() -> None:
                async for _ in stream:
                    has_read.set()

            reader = asyncio.ensure_future(read())
            await asyncio.wait_for(has_read.wait(), SOON)
            await asyncio.sleep(0)
            await stream.aclose()
            with pytest.raises(IncompleteStreamError) as caught:
                await asyncio.wait_for(reader, SOON)
            assert caught.value.partial == stream.message
            await stream.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("client", ASYNC_CLIENTS)
def test_leaving_an_asynchronous_stream_early_leaves_no_open_response(
    client: Callable[[str], Any], stalling_server: str
) -> None:
    async def run() -> None:
        async with (
            client(stalling_server) as source,
            AnthropicStream(source) as stream,
        ):
            async for _ in stream:
                break
        gc.collect()  # a response that is open would warn

    asyncio.run(run())


def test_leaving_early_closes_the_response_of_a_client_whose_generator_forgets_it(
    stalling_server: str,
) -> None:
    response = requests.post(stalling_server, json=REQUEST, stream=True, timeout=LONG)
    with AnthropicStream(response.iter_content(chunk_size=None)) as stream:
        next(iter(stream))
        assert not response.raw.closed
    assert response.raw.closed


def test_a_source_that_cannot_be_closed_says_so() -> None:
    class Reader:
        def at_eof(self) -> bool:
            return False

        async def readany(self) -> bytes:
            return sse([message_start()])

    class Pieces:
        """Like the iterator of an aiohttp whose reader has changed."""

        def __init__(self) -> None:
            self.read_func = Reader().readany

        def __aiter__(self) -> Pieces:
            return self

        async def __anext__(self) -> bytes:
            return await self.read_func()

    async def leave() -> None:
        async with AnthropicStream(Pieces()) as stream:
            async for _ in stream:
                break

    with pytest.warns(ResourceWarning, match="Pieces cannot be closed: close its response"):
        asyncio.run(leave())


def test_the_reader_of_a_generator_ends_with_its_next_item_and_closes_it() -> None:
    go_on, closed = threading.Event(), threading.Event()
    has_read = threading.Event()

    def source() -> Iterator[Any]:
        try:
            yield message_start()
            has_read.set()
            go_on.wait(SOON)
            yield PING
            yield text_delta("never asked for")
        finally:
            closed.set()

    stream = AnthropicStream(source())
    outcome: list[Any] = []

    def read() -> None:
        try:
            outcome.extend(stream)
        except ChunkviewError as error:
            outcome.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert has_read.wait(SOON)
    stream.close()
    assert not closed.is_set()
    go_on.set()
    reader.join(SOON)
    assert closed.is_set()
    (start, error) = outcome
    assert start[0].type == "message_start"
    assert isinstance(error, IncompleteStreamError)
    assert str(error) == "the stream was closed before its end"


def test_an_exception_of_a_source_that_was_closed_while_it_was_read_is_not_passed_on() -> None:
    class Source:
        def __init__(self) -> None:
            self.stream: AnthropicStream | None = None
            self.is_closed = False

        def __iter__(self) -> Iterator[Any]:
            yield message_start()
            assert self.stream is not None
            self.stream.close()
            closed_at_once.append(self.is_closed)
            raise ConnectionAbortedError("closed under its reader")

        def close(self) -> None:
            self.is_closed = True

    closed_at_once: list[bool] = []
    source = Source()
    source.stream = AnthropicStream(source)
    with pytest.raises(IncompleteStreamError, match="the stream was closed before its end"):
        list(source.stream)
    assert closed_at_once == [True]
    assert source.is_closed


def test_a_reader_that_is_in_its_loop_when_the_stream_is_closed_is_told_so() -> None:
    body = recording("text")
    for source in (body, iter([body]), iter([message_start(), PING, PING])):
        stream = AnthropicStream(source)
        seen = []
        with pytest.raises(IncompleteStreamError, match=r"was closed before its end"):  # noqa: PT012
            for chunk, _ in stream:
                seen.append(chunk.type)
                stream.close()
        assert seen == ["message_start"]
        assert list(stream) == []

    async def run() -> None:
        stream = AnthropicStream(as_async([body]))
        with pytest.raises(IncompleteStreamError, match=r"was closed before its end"):  # noqa: PT012
            async for _ in stream:
                await stream.aclose()
        assert [pair async for pair in stream] == []

    asyncio.run(run())


def test_a_reader_whose_message_is_complete_is_not_told_that_the_stream_was_closed() -> None:
    stream = AnthropicStream(recording("text"))
    for chunk, _ in stream:
        if chunk.type == "message_stop":
            stream.close()
    assert stream.finish().stop_reason == "end_turn"
