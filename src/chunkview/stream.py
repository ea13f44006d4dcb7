"""AnthropicStream: iterate over a stream's chunks and finished tool calls, keep the totals."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .accumulate import Accumulator
from .blocks import ToolUseBlock
from .call_response_chunk import common_finish_reasons
from .chunks import ContentBlockStopChunk
from .errors import DecodeError, ProtocolError
from .usage import cost_metadata
from .wire import MAX_EVENT_BYTES, Intake, items_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from . import common
    from .call_response_chunk import (
        AnthropicCallResponseChunk,
        FinishReason,
        MessageStreamEvent,
    )
    from .common import CostMetadata
    from .message import Message
    from .usage import Usage

    Pair = tuple[AnthropicCallResponseChunk, ToolUseBlock | None]

__all__ = ["AnthropicStream"]


class AnthropicStream:
    """A stream of Anthropic's, iterated over as pairs of chunk view and finished tool call.

    Iterate with `for` or `async for`, according to the source. The attributes are the totals so
    far: usage replaces, it never adds up. As a context manager (sync or async) it closes its
    source, so that leaving the loop early frees the connection.

    Example:
        ```python
        with AnthropicStream(client.messages.create(..., stream=True)) as stream:
            for chunk, tool in stream:
                print(chunk.content, end="", flush=True)
        print(stream.usage)
        ```

    Exceptions of the source pass through unchanged; `message` is then what had come before.
    """

    def __init__(
        self,
        source: Iterable[MessageStreamEvent] | AsyncIterable[MessageStreamEvent] | bytes,
        *,
        loads: Callable[[bytes], Any] | None = None,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        """Wrap a source. Nothing is read before the first iteration.

        Args:
            source: An iterable or asynchronous iterable of events (a `Stream` or `AsyncStream`
                of the SDK, mappings, JSON text as `str`, chunk views) or of pieces of an SSE
                body (bytes, cut anywhere), or one whole body as bytes.
            loads: As for `ChunkDecoder`; for bytes only.
            max_event_bytes: As for `ChunkDecoder`.

        Raises:
            TypeError: The source is not iterable, or is a str, such as the path of a file.
        """
        self._source = items_of(source)
        self._is_async = hasattr(self._source, "__aiter__")
        self._is_sync = hasattr(self._source, "__iter__")
        if not self._is_async and not self._is_sync:
            raise TypeError(f"expected an iterable of events or bytes, got {type(source).__name__}")
        self._intake = Intake(loads=loads, max_event_bytes=max_event_bytes)
        self._accumulator = Accumulator()
        self._closed = False
        self._pairs: Any = None
        self._async_pairs: Any = None

    def __iter__(self) -> Generator[Pair]:
        """Iterate over what is left of the stream.

        Yields:
            `(chunk, tool)`: the chunk view, and the tool call that it completes (on the
            `content_block_stop` of a tool use block) or None.

        Raises:
            DecodeError: An event cannot be decoded; `partial` is the message before it.
            ProtocolError: The events are out of order; `partial` is the message before that.
            StreamError: The API sent an error event; `partial` is the message before it.
            IncompleteStreamError: The stream ended early; `partial` is the message so far. Raised
                again when a stream that has failed is iterated over once more.
            TypeError: The source is asynchronous.
        """
        if not self._is_sync:
            raise TypeError("the source is asynchronous: iterate with `async for`")
        if self._pairs is None:
            self._pairs = self._iterate()
        elif self._pairs.gi_frame is None and self._failed:
            self._pairs = self._iterate_again()
        pairs: Generator[Pair] = self._pairs
        return pairs

    def __aiter__(self) -> AsyncGenerator[Pair]:
        """Iterate asynchronously over what is left of the stream: as `__iter__`."""
        if self._async_pairs is None:
            self._async_pairs = self._iterate_async()
        elif self._async_pairs.ag_frame is None and self._failed:
            self._async_pairs = self._iterate_again_async()
        pairs: AsyncGenerator[Pair] = self._async_pairs
        return pairs

    @property
    def _failed(self) -> bool:
        return not self._closed and not self._accumulator.complete

    def _iterate_again(self) -> Generator[Pair]:
        """After a failure: say again that the stream is not complete."""
        self._accumulator.finish()
        yield from ()

    async def _iterate_again_async(self) -> AsyncGenerator[Pair]:
        for pair in self._iterate_again():
            yield pair

    def _iterate(self) -> Generator[Pair]:
        for item in self._source:
            for chunk in self._intake.take(item):
                yield self._take(chunk)
            self._check()
        for chunk in self._intake.end():
            yield self._take(chunk)
        self._finish()

    async def _iterate_async(self) -> AsyncGenerator[Pair]:
        if not self._is_async:
            for pair in self:
                yield pair
            return
        async for item in self._source:
            for chunk in self._intake.take(item):
                yield self._take(chunk)
            self._check()
        for chunk in self._intake.end():
            yield self._take(chunk)
        self._finish()

    def _take(self, chunk: AnthropicCallResponseChunk) -> Pair:
        try:
            self._accumulator.add(chunk)
        except (DecodeError, ProtocolError) as error:
            raise self._accumulator.with_partial(error) from error.__cause__
        if isinstance(chunk, ContentBlockStopChunk):
            block = self._accumulator.block(chunk.index)
            return chunk, block if isinstance(block, ToolUseBlock) else None
        return chunk, None

    def _check(self) -> None:
        try:
            self._intake.check()
        except DecodeError as error:
            failure = self._accumulator.with_partial(error)
            raise failure from failure.__cause__

    def _finish(self) -> None:
        self._check()
        self._accumulator.finish()

    def close(self) -> None:
        """Close the source, and with it the connection.

        Raises:
            TypeError: The source is asynchronous; await `aclose()` instead.
        """
        if not self._is_sync:
            raise TypeError("the source is asynchronous: await aclose()")
        self._closed = True
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
        if self._pairs is not None:
            # Another thread may be reading: the source, closed under it, will tell it.
            with contextlib.suppress(ValueError):
                self._pairs.close()

    async def aclose(self) -> None:
        """Close the source, and with it the connection."""
        self._closed = True
        close = getattr(self._source, "aclose", None) or getattr(self._source, "close", None)
        try:
            closing = None if close is None else close()
            if closing is not None and hasattr(closing, "__await__"):
                await closing
        finally:
            if self._async_pairs is not None:
                # Another task may be reading: the source, closed under it, will tell it.
                with contextlib.suppress(RuntimeError):
                    await self._async_pairs.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def message(self) -> Message | None:
        """The message as far as it has come; None before `message_start`."""
        return self._accumulator.partial

    @property
    def message_param(self) -> dict[str, Any] | None:
        """The assistant turn to send back to the API (`Message.to_param()`), or None."""
        message = self.message
        return None if message is None else message.to_param()

    @property
    def content(self) -> str:
        """The visible text so far."""
        message = self.message
        return "" if message is None else message.text

    @property
    def thinking(self) -> str:
        """The thinking so far."""
        message = self.message
        return "" if message is None else message.thinking

    @property
    def signature(self) -> str:
        """The signatures of the thinking so far."""
        message = self.message
        return "" if message is None else message.signature

    @property
    def id(self) -> str | None:
        """The message's id; None before `message_start`."""
        head = self._accumulator.head
        return None if head is None else head.id

    @property
    def model(self) -> str | None:
        """The model that answers; None before `message_start`."""
        head = self._accumulator.head
        return None if head is None else head.model

    @property
    def usage(self) -> Usage | None:
        """The usage so far, in tokens; None before `message_start`."""
        head = self._accumulator.head
        return None if head is None else head.usage

    @property
    def input_tokens(self) -> int | None:
        """Prompt tokens, without cache reads and writes, or None."""
        usage = self.usage
        return None if usage is None else usage.input_tokens

    @property
    def cached_tokens(self) -> int | None:
        """Prompt tokens read from the cache, or None."""
        usage = self.usage
        return None if usage is None else usage.cache_read_input_tokens

    @property
    def output_tokens(self) -> int | None:
        """Tokens generated so far, or None."""
        usage = self.usage
        return None if usage is None else usage.output_tokens

    @property
    def finish_reasons(self) -> list[FinishReason] | None:
        """The stop reason as a one-element list, or None while there is none."""
        head = self._accumulator.head
        if head is None or head.stop_reason is None:
            return None
        return [head.stop_reason]  # type: ignore[list-item]  # pyright: ignore[reportReturnType]

    @property
    def common_finish_reasons(self) -> list[common.FinishReason] | None:
        """The stop reason in provider-agnostic words, or None."""
        head = self._accumulator.head
        return None if head is None else common_finish_reasons(head.stop_reason)

    @property
    def cost_metadata(self) -> CostMetadata:
        """What a price calculation needs, as far as the stream has come. Never None."""
        return cost_metadata(self.usage, self.model)
