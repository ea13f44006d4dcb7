# mypy: disable-error-code="comparison-overlap"
"""Leaving a stream early closes its source."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    IncompleteStreamError,
    decode,
)
from chunkview.testing import strategies as cv
from stream_support import assert_totals, drain, message_after
from support import (
    PING,
    as_async,
    message_start,
    text_stream,
)


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


@given(cv.message_streams(), st.data())
def test_leaving_anywhere_closes_the_source_and_keeps_the_message_so_far(
    events: Any, data: Any
) -> None:
    end = data.draw(st.integers(0, len(events)))
    expected = [decode(event) for event in events[:end]]
    message = message_after(events[:end])

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


def test_a_stream_can_be_closed_while_it_is_read() -> None:
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


def test_a_source_without_close_is_left_alone() -> None:
    with AnthropicStream(text_stream("a")) as stream:
        assert next(iter(stream))
    AnthropicStream([]).close()


def test_an_asynchronous_source_is_not_iterated_or_closed_by_mistake() -> None:
    stream = AnthropicStream(as_async([]))
    with pytest.raises(TypeError, match=r"^the source is asynchronous: iterate with `async for`$"):
        iter(stream)
    with pytest.raises(TypeError, match=r"^the source is asynchronous: await aclose\(\)$"):
        stream.close()
