"""AnthropicStream: iterates over the chunks and finished tool calls of a stream, and keeps totals.

A synchronous and an asynchronous generator read the source. They share what happens to a chunk
(`_pairs_of`) and to an exception (`_failures`). Closing is the delicate part, since another thread
or task may be reading: see closing.py.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import common
from .._chunks import (
    ChunkView,
    ContentBlockStopChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageStartChunk,
    MessageStopChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
    common_finish_reasons,
)
from .._model import InvalidJson, RepeatedCalls, ToolUseBlock
from ..errors import (
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    ProtocolError,
    kind_of,
)
from .accumulate import HeadAccumulator
from .closing import close_source, close_source_async, unblock
from .failures import is_cut_after_end, raise_with_partial
from .inspection import Inspector
from .intake import Intake
from .items import items_of
from .order import CUT_OFF
from .size import MAX_BYTES
from .summary import summary_of
from .timings import Stopwatch, TimedIntake, TimedItems
from .wire import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from .._chunks import FinishReason
    from .._model import Message, Usage
    from .._rules import Finding
    from ..common import CostMetadata
    from .accumulate import Strict
    from .drafts import Draft
    from .items import AsyncSource
    from .timings import Timings

__all__ = ["AnthropicStream", "Pair"]

Pair = tuple[ChunkView, ToolUseBlock | None]
"""What an `AnthropicStream` gives: a chunk view, and the tool call that it completes, or None."""

_COMPLETES_NOTHING = frozenset({TextDeltaChunk, InputJsonDeltaChunk, ThinkingDeltaChunk})
"""The most frequent chunks, none of which can complete a tool call."""


class AnthropicStream:
    """A stream of Anthropic's: an iterator over pairs of chunk view and finished tool call.

    Iterate with `for` or `async for`, according to the source. The attributes are the totals so
    far: a later usage replaces an earlier one, counts are never added up. As a context manager
    (sync or async) it closes its source, so leaving the loop early frees the connection.

    Example:
        ```python
        with AnthropicStream(client.messages.create(..., stream=True)) as stream:
            for chunk, tool in stream:
                print(chunk.content, end="", flush=True)
        print(stream.finish().usage)
        ```

    Exceptions of the source pass through unchanged. `message` is then the message so far.

    A stream belongs to one thread or task. Only `close()` and `aclose()` may be called by others.
    """

    def __init__(
        self,
        source: AsyncSource,
        *,
        strict: Strict = False,
        max_bytes: int = MAX_BYTES,
        loads: Callable[[bytes], Any] | None = None,
        max_event_bytes: int = MAX_EVENT_BYTES,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Wrap a source. Nothing is read before the first iteration.

        Args:
            source: An iterable or asynchronous iterable of events (a `Stream` or `AsyncStream`
                of the SDK, mappings, JSON text as `str`, chunk views) or of pieces of an SSE
                body (bytes, cut anywhere), or one whole body as bytes, or a file opened in binary
                mode. `iter_chunks` says more. Of Claude Code's interleaved sub-agents, only the one
                of the first event is followed; `iter_messages` gives all messages.
            strict: As for `Accumulator`. The error comes instead of the chunk.
            max_bytes: As for `Accumulator`. It bounds the message; its chunks are in your hands.
            loads: As for `ChunkDecoder`; for bytes only.
            max_event_bytes: As for `ChunkDecoder`.
            clock: Gives the time in seconds and never goes back, such as `time.perf_counter`. Then
                `timings` says how long the stream took. Time begins with the iteration. To count
                from the request, give a generator that sends it and then yields from the response
                (`close` says what that costs).

        Raises:
            TypeError: The source is none of these, such as a path or a response; the error says
                what to give instead. Or the clock cannot be called, or a limit is no int.
        """
        if clock is not None and not callable(clock):
            raise TypeError(
                "clock must be a function that gives seconds, such as time.perf_counter, "
                f"not {kind_of(clock)}"
            )
        self._source: Any = source
        self._items = items_of(source)
        self._is_async = hasattr(self._items, "__aiter__")
        self._is_sync = hasattr(self._items, "__iter__")
        self._accumulator = HeadAccumulator(strict=strict, max_bytes=max_bytes)
        self._inspector = Inspector(self._accumulator.noted)
        options: dict[str, Any] = {
            "one_parent": True,
            "inspector": self._inspector,
            "loads": loads,
            "max_event_bytes": max_event_bytes,
        }
        self._stopwatch = None if clock is None else Stopwatch(clock)
        if self._stopwatch is None:
            self._intake = Intake(**options)
        else:
            self._intake = TimedIntake(self._stopwatch, **options)
            self._items = TimedItems(self._items, self._stopwatch)
        self._with_reason: ChunkView | None = None
        """The chunk that brought the stop reason."""
        self._handed_out = RepeatedCalls()
        self._closed = False
        self._pairs: Any = None
        self._async_pairs: Any = None

    def __repr__(self) -> str:
        """The message so far, at a bounded length."""
        return f"<AnthropicStream: {summary_of(self.message)}>"

    def __iter__(self) -> Generator[Pair]:
        """Iterate over what is left of the stream.

        Yields:
            `(chunk, tool)`: the chunk view, and the tool call that it completes, or None. Each tool
            call comes once. It is complete at its `content_block_stop`. If its input is whole, it
            is also complete when the next tool use starts at its index, and at `message_stop`. A
            chunk that completes several comes once with each. If the source ends without
            `message_stop`, the chunk that brought the stop reason comes again with each tool call
            that is left. Tool calls that `message_start` brings come at the end of the message.

        Raises:
            DecodeError: An event cannot be decoded; `partial` is the message before it.
            ProtocolError: An event is refused (see `Accumulator`), does not fit into `max_bytes`,
                or has a finding that `strict` does not allow; `partial` is the message so far.
            StreamError: The API sent an error event; `partial` is the message before it.
            IncompleteStreamError: The stream ended early, or another thread closed it; `partial`
                is the message so far. Raised again when a stream that has failed is iterated over
                once more.
            TypeError: The source is asynchronous.
        """
        if not self._is_sync:
            raise TypeError("the source is asynchronous: iterate with `async for`")
        if self._closed:
            # An iteration that was under way says that it was cut short; a new one has nothing.
            return _nothing()
        if self._pairs is None:
            self._pairs = self._iterate()
        elif self._pairs.gi_frame is None and self._failed:
            self._pairs = self._iterate_again()
        pairs: Generator[Pair] = self._pairs
        return pairs

    def __aiter__(self) -> AsyncGenerator[Pair]:
        """Iterate asynchronously over what is left of the stream: as `__iter__`."""
        if self._closed:
            return _async(_nothing())
        if self._async_pairs is None:
            self._async_pairs = self._iterate_async() if self._is_async else _async(self)
        elif self._async_pairs.ag_frame is None and self._failed:
            self._async_pairs = _async(self._iterate_again())
        pairs: AsyncGenerator[Pair] = self._async_pairs
        return pairs

    @property
    def _failed(self) -> bool:
        return not self._closed and not self._accumulator.complete

    def _iterate_again(self) -> Generator[Pair]:
        """After a failure: say again that the stream is not complete."""
        self.finish()
        yield from ()

    def _iterate(self) -> Generator[Pair]:
        intake, inspector, add = self._intake, self._inspector, self._accumulator.add
        repeats = inspector.repeats
        with self._failures():
            for item in self._items:
                chunks = intake.chunks_of(item)
                if inspector.found:
                    self._accumulator.expect(inspector.take())
                for chunk in chunks:
                    if self._closed:
                        break
                    if repeats and repeats[0][0] is chunk:
                        inspector.count()
                    if chunk.__class__ in _COMPLETES_NOTHING:
                        add(chunk)
                        yield chunk, None
                    else:
                        yield from self._pairs_of(chunk)
                if self._closed:
                    break
                if not intake.is_sound:
                    intake.check()
            yield from self._last_pairs()
        if self._closed:
            close_source(self._source)
        self.finish()

    async def _iterate_async(self) -> AsyncGenerator[Pair]:
        intake, inspector, add = self._intake, self._inspector, self._accumulator.add
        repeats = inspector.repeats
        with self._failures():
            async for item in self._items:
                chunks = intake.chunks_of(item)
                if inspector.found:
                    self._accumulator.expect(inspector.take())
                for chunk in chunks:
                    if self._closed:
                        break
                    if repeats and repeats[0][0] is chunk:
                        inspector.count()
                    if chunk.__class__ in _COMPLETES_NOTHING:
                        add(chunk)
                        yield chunk, None
                    else:
                        for pair in self._pairs_of(chunk):
                            yield pair
                if self._closed:
                    break
                if not intake.is_sound:
                    intake.check()
            for pair in self._last_pairs():
                yield pair
        if self._closed:
            await close_source_async(self._source)
        self.finish()

    @contextmanager
    def _failures(self) -> Generator[None]:
        """Give the errors that end the stream the message so far."""
        try:
            yield
        except (DecodeError, ProtocolError) as error:
            self._accumulator.expect(self._inspector.take())
            self._accumulator.note_error(error)
            raise_with_partial(error, self.message)
        except ChunkviewError:
            raise
        except Exception:
            # A source that is closed while it is read may raise anything.
            if not self._closed:
                raise

    def _pairs_of(self, chunk: ChunkView) -> tuple[Pair, ...]:
        """Take a chunk. Give it with each tool call that it completes, or with None."""
        accumulator = self._accumulator
        accumulator.add(chunk)
        tools: list[ToolUseBlock] = []
        if accumulator.closed:
            is_stop = isinstance(chunk, ContentBlockStopChunk)
            tools += self._tools_of(accumulator.take_closed(), are_stopped=is_stop)
        if isinstance(chunk, MessageStopChunk):
            tools += self._tools_at_end()
        elif isinstance(chunk, (MessageStartChunk, MessageDeltaChunk)) and chunk.finish_reasons:
            self._with_reason = chunk
        return tuple([(chunk, tool) for tool in tools]) if tools else ((chunk, None),)

    def _last_pairs(self) -> Iterator[Pair]:
        """Take the end of the source."""
        if self._closed:
            return
        try:
            chunks = self._intake.end()
            self._accumulator.expect(self._inspector.take())
            for chunk in chunks:
                yield from self._pairs_of(chunk)
            self._intake.check()
        except DecodeError as error:
            if not is_cut_after_end(error, self._accumulator):
                raise
            self._accumulator.note_error(error)
        if self._with_reason is not None:
            for tool in self._tools_at_end():
                yield self._with_reason, tool

    def _tools_at_end(self) -> list[ToolUseBlock]:
        """The tool calls that are finished though their blocks were never stopped."""
        return self._tools_of(self._accumulator.take_waiting(), are_stopped=False)

    def _tools_of(self, drafts: list[Draft], *, are_stopped: bool) -> list[ToolUseBlock]:
        """The tool calls of blocks that ended, but for those that must not be handed out."""
        return [
            tool
            for draft in drafts
            if isinstance(tool := draft.block(), ToolUseBlock)
            if are_stopped or self._is_whole(tool)
            # Some servers send a call twice.
            if not self._handed_out.has(tool)
        ]

    def _is_whole(self, tool: ToolUseBlock) -> bool:
        if isinstance(tool.input, InvalidJson):
            return False
        head = self._accumulator.head
        # No input at all is a whole input, unless the message was cut off before it.
        return bool(tool.input) or head is None or head.stop_reason not in CUT_OFF

    def finish(self) -> Message:
        """Give the finished message. This reads nothing: iterate over the stream first.

        Returns:
            The Message.

        Raises:
            IncompleteStreamError: There was no `message_stop` and no stop reason so far; `partial`
                is the message so far.
            ProtocolError: As for `Accumulator.finish`.
        """
        if self._closed and not self._accumulator.complete:
            raise IncompleteStreamError(
                "the stream was closed before its end", partial=self.message
            )
        if self._pairs is None and self._async_pairs is None:
            raise IncompleteStreamError("nothing was read yet: iterate over the stream first")
        return self._accumulator.finish()

    def close(self) -> None:
        """Close the source, and with it the connection.

        Another thread may be reading the stream: it gets no more chunks, and an
        IncompleteStreamError unless the message is complete. If that thread waits for bytes, it
        ends at once where the socket of the source can be found (httpx, requests, the SDK), and
        elsewhere with the next bytes: a generator of yours hides the socket.

        Raises:
            TypeError: The source is asynchronous; await `aclose()` instead.
        """
        if not self._is_sync:
            raise TypeError("the source is asynchronous: await aclose()")
        self._closed = True
        is_being_read = self._pairs is not None and self._pairs.gi_running
        if is_being_read:
            unblock(self._source)
        if not is_being_read or not hasattr(self._source, "gi_frame"):
            close_source(self._source)
        # Else the reader closes it: nobody else can close a generator that is running.

    async def aclose(self) -> None:
        """Close the source, and with it the connection.

        Another task may be reading the stream: it gets no more chunks, and an
        IncompleteStreamError unless the message is complete. If that task waits for bytes, it ends
        at once where the response of the source can be found (httpx, aiohttp, the SDK), and
        elsewhere with the next bytes: a generator of yours hides the response. To end that one at
        once, cancel the task.
        """
        self._closed = True
        await close_source_async(self._source)

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
        """The message so far; None before `message_start`."""
        return self._accumulator.message

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is off with the stream so far, in the order in which it was found.

        There is one finding for each rule and block, and at most 100. Findings about bytes are
        there if the source gives bytes, those about fields if it gives bytes or events. What shows
        only at the end, such as a missing stop reason, is there after the iteration.
        """
        return self._accumulator.findings

    @property
    def timings(self) -> Timings | None:
        """How long the stream took so far, in seconds; None without a `clock`."""
        return None if self._stopwatch is None else self._stopwatch.timings

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
        """The message's id, or None."""
        head = self._accumulator.head
        return None if head is None else head.id or None

    @property
    def model(self) -> str | None:
        """The model that answers, or None."""
        head = self._accumulator.head
        return None if head is None else head.model or None

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
        return [head.stop_reason] if head is not None and head.stop_reason else None

    @property
    def common_finish_reasons(self) -> list[common.FinishReason] | None:
        """The stop reason in provider-agnostic words, or None."""
        head = self._accumulator.head
        return None if head is None else common_finish_reasons(head.stop_reason)

    @property
    def common_usage(self) -> common.Usage | None:
        """Provider-agnostic token counts.

        None when there are no counts at all; else a missing count is 0.
        """
        return common.Usage.from_counts(self.input_tokens, self.cached_tokens, self.output_tokens)

    @property
    def cost_metadata(self) -> CostMetadata:
        """The facts that a price calculation needs, as far as they are known. Never None."""
        return self._accumulator.cost_metadata


def _nothing() -> Generator[Pair]:
    yield from ()


async def _async(pairs: Iterable[Pair]) -> AsyncGenerator[Pair]:
    for pair in pairs:
        yield pair
