"""AnthropicStream: iterate over a stream's chunks and finished tool calls, keep the totals."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._chunks import (
    ContentBlockStopChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageStopChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    common_finish_reasons,
)
from .._model import InvalidJson, ToolUseBlock, cost_metadata
from ..errors import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    clipped,
    shown,
)
from .accumulate import Accumulator
from .closing import close_source, close_source_async, unblock
from .iterate import Intake, items_of
from .wire import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from types import TracebackType

    from typing_extensions import Self

    from .. import common
    from .._chunks import ChunkView, FinishReason
    from .._model import Message, Usage
    from ..common import CostMetadata
    from .iterate import AsyncSource

    Pair = tuple[ChunkView, ToolUseBlock | None]

__all__ = ["AnthropicStream"]

_COMPLETES_NOTHING = frozenset({TextDeltaChunk, InputJsonDeltaChunk, ThinkingDeltaChunk})
"""The most frequent chunks, none of which can complete a tool call."""

_CUT_OFF = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})
"""Stop reasons of a message that ends where it should not."""


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

    A stream belongs to one thread or task, but for `close()` and `aclose()`.
    """

    def __init__(
        self,
        source: AsyncSource,
        *,
        loads: Callable[[bytes], Any] | None = None,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        """Wrap a source. Nothing is read before the first iteration.

        Args:
            source: An iterable or asynchronous iterable of events (a `Stream` or `AsyncStream`
                of the SDK, mappings, JSON text as `str`, chunk views) or of pieces of an SSE
                body (bytes, cut anywhere), or one whole body as bytes, or a file opened in binary
                mode.
            loads: As for `ChunkDecoder`; for bytes only.
            max_event_bytes: As for `ChunkDecoder`.

        Raises:
            TypeError: The source is none of these, such as a path or a response; the error says
                what to give instead.
        """
        self._source: Any = source
        self._items = items_of(source)
        self._is_async = hasattr(self._items, "__aiter__")
        self._is_sync = hasattr(self._items, "__iter__")
        self._intake = Intake(loads=loads, max_event_bytes=max_event_bytes)
        self._accumulator = Accumulator()
        self._closed = False
        self._pairs: Any = None
        self._async_pairs: Any = None

    def __repr__(self) -> str:
        """What the stream has brought so far, at a bounded length."""
        message = self.message
        if message is None:
            return "<AnthropicStream: no message yet>"
        state = message.stop_reason or "unfinished"
        parts = [clipped(f"{message.model} {message.id}"), clipped(state)]
        if message.text:
            parts.append(shown(message.text))
        tools = [clipped(tool.name) for tool in message.tool_calls]
        if tools:
            parts.append("calls " + clipped(", ".join(tools)))
        parts.append(f"{message.usage.output_tokens} output tokens")
        return f"<AnthropicStream: {', '.join(parts)}>"

    def __iter__(self) -> Generator[Pair]:
        """Iterate over what is left of the stream.

        Yields:
            `(chunk, tool)`: the chunk view, and the tool call that it completes, or None. A tool
            call is complete when its block ends: at its `content_block_stop`, or with the message
            if its input is whole. A chunk that completes several comes once with each.

        Raises:
            DecodeError: An event cannot be decoded; `partial` is the message before it.
            ProtocolError: The events are out of order; `partial` is the message before that.
            StreamError: The API sent an error event; `partial` is the message before it.
            IncompleteStreamError: The stream ended early, or another thread closed it; `partial`
                is the message so far. Raised again when a stream that has failed is iterated over
                once more.
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
        intake, add = self._intake, self._accumulator.add
        try:
            for item in self._items:
                if self._closed:
                    break
                for chunk in intake.chunks_of(item):
                    if chunk.__class__ in _COMPLETES_NOTHING:
                        add(chunk)
                        yield chunk, None
                    else:
                        yield from self._pairs_of(chunk)
                intake.check()
            if not self._closed:
                for chunk in intake.end():
                    yield from self._pairs_of(chunk)
        except (DecodeError, ProtocolError) as error:
            failure = self._accumulator.with_partial(error)
            raise failure from failure.__cause__
        except ChunkviewError:
            raise
        except Exception:
            # A source that is closed under its reader may raise anything.
            if not self._closed:
                raise
        if self._closed:
            close_source(self._source)
        self._finish()

    async def _iterate_async(self) -> AsyncGenerator[Pair]:
        if not self._is_async:
            for pair in self:
                yield pair
            return
        intake, add = self._intake, self._accumulator.add
        try:
            async for item in self._items:
                if self._closed:
                    break
                for chunk in intake.chunks_of(item):
                    if chunk.__class__ in _COMPLETES_NOTHING:
                        add(chunk)
                        yield chunk, None
                    else:
                        for pair in self._pairs_of(chunk):
                            yield pair
                intake.check()
            if not self._closed:
                for chunk in intake.end():
                    for pair in self._pairs_of(chunk):
                        yield pair
        except (DecodeError, ProtocolError) as error:
            failure = self._accumulator.with_partial(error)
            raise failure from failure.__cause__
        except ChunkviewError:
            raise
        except Exception:
            if not self._closed:
                raise
        if self._closed:
            await close_source_async(self._source)
        self._finish()

    def _finish(self) -> None:
        if self._closed and not self._accumulator.complete:
            raise IncompleteStreamError(
                "the stream was closed before its end", partial=self._accumulator.partial
            )
        self._accumulator.finish()

    def _pairs_of(self, chunk: ChunkView) -> tuple[Pair, ...]:
        """Take a chunk; give it with each tool call that it completes, or with None."""
        accumulator = self._accumulator
        ends_message = isinstance(chunk, (MessageDeltaChunk, MessageStopChunk))
        ending = accumulator.open_blocks if ends_message else ()
        accumulator.add(chunk)
        if isinstance(chunk, ContentBlockStopChunk):
            block = accumulator.block(chunk.index)
            return ((chunk, block if isinstance(block, ToolUseBlock) else None),)
        tools = [
            block
            for block in map(accumulator.block, ending)
            if isinstance(block, ToolUseBlock) and self._is_whole(block)
        ]
        return tuple([(chunk, tool) for tool in tools]) or ((chunk, None),)

    def _is_whole(self, tool: ToolUseBlock) -> bool:
        """Whether a tool call is finished though its block was never stopped."""
        if isinstance(tool.input, InvalidJson):
            return False
        head = self._accumulator.head
        # No input at all is the whole input, unless the message was cut before it could come.
        return bool(tool.input) or head is None or head.stop_reason not in _CUT_OFF

    def close(self) -> None:
        """Close the source, and with it the connection.

        Another thread may be reading the stream: it gets no more chunks, and an
        IncompleteStreamError unless the message is complete. A thread that waits for bytes is
        woken where the source lets its socket be found (httpx, requests, the SDK); elsewhere it
        ends with the next bytes.

        Raises:
            TypeError: The source is asynchronous; await `aclose()` instead.
        """
        if not self._is_sync:
            raise TypeError("the source is asynchronous: await aclose()")
        self._closed = True
        if self._pairs is None or not self._pairs.gi_running:
            close_source(self._source)
            if self._pairs is not None:
                with suppress(ValueError):  # another thread has just begun to read
                    self._pairs.close()
            return
        unblock(self._source)
        if not hasattr(self._source, "gi_frame"):
            close_source(self._source)
        # Else the reader closes it: a generator that is running cannot be closed by others.

    async def aclose(self) -> None:
        """Close the source, and with it the connection.

        Another task may be reading the stream: it gets no more chunks, and an
        IncompleteStreamError unless the message is complete.
        """
        self._closed = True
        try:
            await close_source_async(self._source)
        finally:
            if self._async_pairs is not None:
                with suppress(RuntimeError):  # another task is reading, and will find it closed
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
    def finish_reasons(self) -> list[FinishReason | str] | None:
        """The stop reason as a one-element list, or None while there is none."""
        head = self._accumulator.head
        if head is None or head.stop_reason is None:
            return None
        return [head.stop_reason]

    @property
    def common_finish_reasons(self) -> list[common.FinishReason] | None:
        """The stop reason in provider-agnostic words, or None."""
        head = self._accumulator.head
        return None if head is None else common_finish_reasons(head.stop_reason)

    @property
    def cost_metadata(self) -> CostMetadata:
        """What a price calculation needs, as far as the stream has come. Never None."""
        return cost_metadata(self.usage, self.model)
