"""The replay server with the real `anthropic` clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import APIConnectionError, APIStatusError

from chunkview.testing import ApiError, ReplayServer, recording
from testing.clients import (
    COMPLETE,
    FOREVER,
    MESSAGES,
    MODEL,
    OVERLOADED,
    TEXT,
    async_client,
    summary,
    sync_client,
    text_of,
    text_of_event,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anthropic.types import Message
    from anthropic.types.beta import BetaMessageParam


@pytest.mark.parametrize("name", COMPLETE)
def test_the_sync_client_accumulates_every_complete_recording(name: str) -> None:
    with (
        ReplayServer(recording(name)) as server,
        sync_client(server) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
    ):
        assert summary(stream.get_final_message()) == COMPLETE[name]


@pytest.mark.parametrize("name", COMPLETE)
def test_the_async_client_accumulates_every_complete_recording(name: str) -> None:
    async def final_message(server: ReplayServer) -> Message:
        async with (
            async_client(server) as client,
            client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
        ):
            return await stream.get_final_message()

    with ReplayServer(recording(name)) as server:
        assert summary(asyncio.run(final_message(server))) == COMPLETE[name]


def test_the_beta_clients_get_the_same_text() -> None:
    messages: list[BetaMessageParam] = [{"role": "user", "content": "Recommend a book"}]

    async def async_text(server: ReplayServer) -> str:
        async with async_client(server) as client:
            stream = await client.beta.messages.create(
                model=MODEL, max_tokens=100, messages=messages, stream=True
            )
            return "".join([text_of_event(event) async for event in stream])

    with ReplayServer(TEXT) as server:
        with sync_client(server) as client:
            stream = client.beta.messages.create(
                model=MODEL, max_tokens=100, messages=messages, stream=True
            )
            assert "".join(map(text_of_event, stream)) == text_of(TEXT)
        assert asyncio.run(async_text(server)) == text_of(TEXT)
    assert len(server.requests) == 2


@pytest.mark.parametrize("segment_size", [1, 7, 4096, (1, 2, 300), None])
def test_the_client_reads_the_same_text_for_every_cut_of_the_body(
    segment_size: int | tuple[int, ...] | None,
) -> None:
    with (
        ReplayServer(TEXT, segment_size=segment_size) as server,
        sync_client(server) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
    ):
        assert "".join(stream.text_stream) == text_of(TEXT)


def test_a_stream_may_be_left_early() -> None:
    with ReplayServer(TEXT) as server, sync_client(server) as client:
        for _ in range(5):
            with client.messages.create(
                model=MODEL, max_tokens=100, messages=MESSAGES, stream=True
            ) as stream:
                assert next(iter(stream)).type == "message_start"
        assert client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES).content
    assert len(server.requests) == 6


def test_an_error_event_reaches_the_client_after_the_text_before_it() -> None:
    text: list[str] = []
    with (
        ReplayServer(recording("error")) as server,
        sync_client(server) as client,
        client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream,
        pytest.raises(APIStatusError, match="Overloaded"),
    ):
        text.extend(stream.text_stream)
    assert "".join(text) == text_of(recording("error")) != ""


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("reply", [ApiError(529, OVERLOADED), (529, OVERLOADED)])
def test_an_api_error_is_answered_with_and_without_stream(
    reply: ApiError | tuple[int, Mapping[str, Any]], stream: bool
) -> None:
    with (
        ReplayServer(reply) as server,
        sync_client(server) as client,
        pytest.raises(APIStatusError) as caught,
    ):
        client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES, stream=stream)
    assert caught.value.status_code == 529
    assert caught.value.body == OVERLOADED
    assert caught.value.request_id == "req_replay_0001"


def test_a_client_that_tries_again_gets_the_next_body() -> None:
    # `retry-after-ms` shortens the client's wait before the second try.
    busy = ApiError(529, OVERLOADED, headers={"Retry-After-Ms": "1"})
    with ReplayServer([busy, TEXT]) as server, sync_client(server, max_retries=1) as client:
        with client.messages.stream(model=MODEL, max_tokens=100, messages=MESSAGES) as stream:
            assert stream.get_final_text() == text_of(TEXT)
        assert stream.response.headers["request-id"] == "req_replay_0002"
    assert len(server.requests) == 2


def test_the_client_notices_a_stream_that_close_cut() -> None:
    server = ReplayServer(TEXT, delay=FOREVER).start()
    with (
        sync_client(server) as client,
        client.messages.create(
            model=MODEL, max_tokens=100, messages=MESSAGES, stream=True
        ) as stream,
    ):
        assert next(stream).type == "message_start"
        server.close()
        with pytest.raises(Exception, match="incomplete"):
            next(stream)
        with pytest.raises(APIConnectionError):
            client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES)
