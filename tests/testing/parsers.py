"""Parsers of event streams that others wrote, as the laws take them.

Each gives the name and the data of each event that has data, and the name "message" to an event
that has none. What reads the bytes is theirs; only what stands in for a connection is ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn, TypeAlias
from unittest.mock import Mock

import httpx
from aiohttp import StreamReader
from aiohttp_sse_client.client import (  # type: ignore[import-untyped]
    EventSource as AiohttpEventSource,
)
from anthropic._streaming import SSEDecoder
from httpx_sse import EventSource
from sseclient import SSEClient

Event: TypeAlias = tuple[str, str]


def named(events: Any) -> list[Event]:
    return [(event.event or "message", event.data) for event in events if event.data]


def anthropic_sdk(pieces: Iterator[bytes]) -> list[Event]:
    return named(SSEDecoder().iter_bytes(pieces))


async def anthropic_sdk_async(pieces: AsyncIterator[bytes]) -> list[Event]:
    return named([event async for event in SSEDecoder().aiter_bytes(pieces)])


def httpx_sse(pieces: Iterator[bytes]) -> list[Event]:
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=pieces)
    return named(EventSource(response).iter_sse())


def httpx_lines(pieces: Iterator[bytes]) -> list[Event]:
    """The loop over `iter_lines` that many programs have. The few lines of fields are ours."""
    events: list[Event] = []
    name, data = "", list[str]()
    for line in httpx.Response(200, content=pieces).iter_lines():
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not line:
            if text := "\n".join(data):
                events.append((name or "message", text))
            name, data = "", []
    return events


def sseclient_py(pieces: Iterator[bytes]) -> list[Event]:
    return named(SSEClient(pieces).events())


class BodyEndedError(Exception):
    pass


def stop_instead_of_a_new_connection() -> NoReturn:
    raise BodyEndedError


READ_BUFSIZE = 2**16
"""What aiohttp's ClientSession has unless told otherwise."""


async def aiohttp_sse_client(pieces: AsyncIterator[bytes]) -> list[Event]:
    connection: Any = Mock(_reading_paused=False)
    reader = StreamReader(connection, READ_BUFSIZE)
    async for piece in pieces:
        reader.feed_data(piece)
    reader.feed_eof()
    source = AiohttpEventSource(
        "http://127.0.0.1", session=Mock(), on_error=stop_instead_of_a_new_connection
    )
    source._response = Mock(status=200, content=reader)
    events: list[Event] = []
    try:
        async for event in source:
            events.append((event.type or "message", event.data))
    except BodyEndedError:
        return events
    raise AssertionError("the client never stops by itself")
