"""The parts of closing one by one: what is closed, what is shut down, and what is left alone."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from chunkview import AnthropicStream
from chunkview._stream.closing import close_source, close_source_async, unblock
from support import message_start


class Closable:
    """Notes how often it was closed, and by which method."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.error = error

    def close(self) -> None:
        self.calls.append("close")
        if self.error is not None:
            raise self.error


class AsyncClosable(Closable):
    async def aclose(self) -> None:
        self.calls.append("aclose")


class Response(Closable):
    """A response whose generators know it as `self`."""

    headers: Any = ()

    def pieces(self) -> Iterator[bytes]:
        yield b""
        yield b""

    async def apieces(self) -> AsyncIterator[bytes]:
        yield b""
        yield b""


def test_a_source_and_the_response_that_it_names_are_both_closed() -> None:
    source: Any = Closable()
    source.response = Closable()
    close_source(source)
    assert source.calls == source.response.calls == ["close"]


def test_a_source_that_cannot_be_closed_leaves_its_response_to_be_closed() -> None:
    class Source:
        response = Closable()

    close_source(Source())
    assert Source.response.calls == ["close"]
    close_source([])


def test_the_response_of_a_generator_is_closed_before_and_after_its_first_item() -> None:
    for reads in (0, 1):
        response = Response()
        pieces = response.pieces()
        for _ in range(reads):
            next(pieces)
        close_source(pieces)
        assert response.calls == ["close"]
        assert list(pieces) == []


def test_an_object_that_is_no_response_is_not_closed_with_its_generator() -> None:
    class Reader(Closable):
        def pieces(self) -> Iterator[bytes]:
            yield b""

    reader = Reader()
    close_source(reader.pieces())
    assert reader.calls == []


def test_an_error_of_closing_is_raised_unless_the_generator_is_running() -> None:
    with pytest.raises(ValueError, match="no"):
        close_source(Closable(ValueError("no")))
    with pytest.raises(OSError, match="no"):
        close_source(Closable(OSError("no")))
    running: Any = Closable(ValueError("generator already executing"))
    running.gi_running = True
    running.response = Closable()
    close_source(running)
    assert running.response.calls == ["close"]


def test_an_asynchronous_source_is_closed_by_aclose_or_else_by_close() -> None:
    for source, expected in ((AsyncClosable(), ["aclose"]), (Closable(), ["close"])):
        asyncio.run(close_source_async(source))
        assert source.calls == expected
    asyncio.run(close_source_async(object()))


def test_an_asynchronous_generator_is_closed_with_its_response_unless_it_is_running() -> None:
    async def run() -> None:
        response = Response()
        pieces: Any = response.apieces()
        await pieces.__anext__()
        await close_source_async(pieces)
        assert response.calls == ["close"]
        assert [piece async for piece in pieces] == []

    asyncio.run(run())
    running: Any = AsyncClosable()
    running.ag_running = True
    running.response = AsyncClosable()
    asyncio.run(close_source_async(running))
    assert running.calls == []
    assert running.response.calls == ["aclose"]


class Reader:
    """Like aiohttp's StreamReader."""

    def __init__(self, *, protocol: Any, at_eof: bool = False) -> None:
        self._protocol = protocol
        self.is_at_eof = at_eof
        self.fed_eof = 0

    async def readany(self) -> bytes:
        return b""

    def at_eof(self) -> bool:
        return self.is_at_eof

    def feed_eof(self) -> None:
        self.fed_eof += 1


class Pieces:
    """Like the iterator of aiohttp's `content.iter_any()`."""

    def __init__(self, read_func: Any) -> None:
        self.read_func = read_func


def test_the_connection_of_aiohttp_is_closed_unless_its_body_has_ended() -> None:
    for at_eof in (False, True):
        protocol = Closable()
        reader = Reader(protocol=protocol, at_eof=at_eof)
        asyncio.run(close_source_async(Pieces(reader.readany)))
        assert protocol.calls == ([] if at_eof else ["close"])
        assert reader.fed_eof == (not at_eof)


@pytest.mark.parametrize("protocol", [None, object()])
def test_the_connection_of_an_aiohttp_that_has_changed_is_left_to_the_caller(protocol: Any) -> None:
    with pytest.warns(ResourceWarning) as caught:
        asyncio.run(close_source_async(Pieces(Reader(protocol=protocol).readany)))
    (warning,) = caught
    assert str(warning.message) == (
        "Pieces cannot be closed: close its response yourself "
        "(`async with session.post(...) as response`)"
    )


def test_a_read_function_of_nobody_is_left_alone() -> None:
    async def read() -> bytes:
        return b""

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(close_source_async(Pieces(read)))


class Socket:
    def __init__(self, error: Exception | None = None) -> None:
        self.shut_down: list[Any] = []
        self.error = error

    def shutdown(self, how: Any = None) -> None:
        self.shut_down.append(how)
        if self.error is not None:
            raise self.error

    def get_extra_info(self, name: str) -> Any:
        return self if name == "socket" else None


class Source:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@pytest.mark.parametrize("error", [None, OSError("closed already")])
def test_the_socket_of_httpx_is_shut_down_in_both_directions(error: Exception | None) -> None:
    found = Socket(error)
    response = Source(extensions={"network_stream": found})
    unblock(Source(response=response))
    unblock(response)
    assert found.shut_down == [socket.SHUT_RDWR] * 2


@pytest.mark.parametrize(
    "error", [None, OSError("closed"), ValueError("no socket"), RuntimeError("closed")]
)
def test_the_response_of_urllib3_is_shut_down_itself(error: Exception | None) -> None:
    found = Socket(error)
    unblock(Source(response=Source(raw=found)))
    unblock(found)
    assert found.shut_down == [None] * 2


def test_a_source_without_a_socket_is_left_alone() -> None:
    for source in (
        object(),
        Source(extensions=None),
        Source(extensions="text"),
        Source(extensions={}),
        Source(extensions={"network_stream": Source(get_extra_info=lambda name: None)}),
        Source(raw=Source(shutdown=None)),
    ):
        unblock(source)


def test_a_stream_whose_generator_begins_to_run_while_it_is_closed_closes_all_the_same() -> None:
    class Racing(Closable):
        """A source in which another thread begins to read just before it is closed."""

        def __iter__(self) -> Iterator[Any]:
            return iter([message_start()])

    source = Racing()
    stream = AnthropicStream(source)

    class Pairs:
        gi_running = False

        def close(self) -> None:
            raise ValueError("generator already executing")

    stream._pairs = Pairs()
    stream.close()
    assert source.calls == ["close"]
