# mypy: disable-error-code="comparison-overlap"
"""Everything that a stream can be read from: events, bytes, files, clients."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
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
    AnthropicStream,
    DecodeError,
    accumulate,
    decode,
    iter_chunks,
)
from chunkview.testing import ReplayServer, recording
from chunkview.testing import strategies as cv
from stream_support import drain
from support import (
    as_async,
    sdk_event,
    sse,
    text_stream,
)

REQUEST = {"model": "claude-test", "max_tokens": 100, "messages": [], "stream": True}


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


def test_a_path_is_refused_as_a_source() -> None:
    with pytest.raises(
        TypeError,
        match=r"^expected an iterable of events or bytes, got str: encode it if it is a body",
    ):
        AnthropicStream("recorded.sse")
    with pytest.raises(
        TypeError,
        match=r"^expected an iterable of events or bytes, got str: encode it if it is a body",
    ):
        next(iter_chunks("recorded.sse"))


@pytest.mark.parametrize("source", [None, 5, object()])
def test_a_source_must_be_iterable(source: Any) -> None:
    kind = "null" if source is None else type(source).__name__
    expected = f"^expected an iterable of events or bytes, got {kind}: there is nothing to iterate"
    with pytest.raises(TypeError, match=expected):
        AnthropicStream(source)


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


def test_the_sdk_raises_its_own_exception_for_an_error_event() -> None:
    with (
        ReplayServer(recording("error")) as server,
        anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0) as client,
    ):
        stream = AnthropicStream(client.messages.create(**REQUEST))  # type: ignore[call-overload]
        with pytest.raises(anthropic.APIStatusError):
            list(stream)
        assert stream.content


def test_the_pieces_of_a_body_may_be_of_any_kind_of_bytes() -> None:
    body = sse(text_stream("a", "b"))
    kinds: list[Any] = [bytes, bytearray, memoryview]
    places = range(0, len(body), 50)
    pieces = [kinds[number % 3](body[at : at + 50]) for number, at in enumerate(places)]
    assert list(iter_chunks(pieces)) == list(iter_chunks(body))
