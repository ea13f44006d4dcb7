"""Every exception that chunkview raises on its own account, one small tree.

`ChunkviewError` is the root. What was received, and what was understood before things went
wrong, travels with the exception: nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .call_response_chunk import AnthropicCallResponseChunk
    from .message import Message

__all__ = [
    "ChunkviewError",
    "DecodeError",
    "IncompleteStreamError",
    "ProtocolError",
    "StreamError",
]


class ChunkviewError(Exception):
    """The root of every error that chunkview raises about what it was given."""


class DecodeError(ChunkviewError, ValueError):
    """Bytes, JSON text or an event that cannot be read.

    `str(error)` says where and what:
    `content_block_delta.delta.text: expected str, got int`.

    Attributes:
        problem: What is wrong, without the place.
        path: Where, as dotted wire names that begin with the event's type, or "" when the
            input as a whole is meant.
        event: The event as it was given, or None when there was none to speak of.
        received: From the wire only: the bytes of the event that could not be read (at the end
            of a body, of everything that was still unread). None elsewhere.
        chunks: From the wire only: the chunk views that the same call decoded before the
            broken event, in order. Iterators yield them before they raise, so there it is empty.
        truncated: Whether the body ended in the middle of an event.
        partial: The message as it was before, where the accumulator that holds it is out of
            reach (`accumulate`, `AnthropicStream`), or None.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str = "",
        event: object = None,
        received: bytes | None = None,
        chunks: Sequence[AnthropicCallResponseChunk] = (),
        truncated: bool = False,
        partial: Message | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path
        self.event = event
        self.received = received
        self.chunks: list[AnthropicCallResponseChunk] = list(chunks)
        self.truncated = truncated
        self.partial = partial

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem

    def under(self, name: str) -> DecodeError:
        """Put `name` before the path, as the error passes the field that it came from.

        Args:
            name: The wire name of the enclosing field, or `[i]` for the i-th item of an array.

        Returns:
            This error.
        """
        joint = "" if not self.path or self.path.startswith("[") else "."
        self.path = f"{name}{joint}{self.path}"
        return self


class ProtocolError(ChunkviewError):
    """Events in an order that the API never sends.

    Attributes:
        chunk: The chunk view that came at the wrong moment, or None.
        partial: The message as it was before, where the accumulator that holds it is out of
            reach (`accumulate`, `AnthropicStream`), or None.
    """

    def __init__(
        self,
        problem: str,
        *,
        chunk: AnthropicCallResponseChunk | None = None,
        partial: Message | None = None,
    ) -> None:
        super().__init__(problem)
        self.chunk = chunk
        self.partial = partial


class IncompleteStreamError(ChunkviewError):
    """A stream that ended before its `message_stop`.

    Attributes:
        partial: The message as far as it was received, ready for `to_param()`, or None when
            not even `message_start` came.
    """

    def __init__(self, problem: str, *, partial: Message | None = None) -> None:
        super().__init__(problem)
        self.partial = partial


class StreamError(ChunkviewError):
    """An `error` event in mid-stream: the API gave up after it had answered 200.

    Source: https://docs.anthropic.com/en/api/messages-streaming (error events).

    Attributes:
        error_type: The API's error type, for example `overloaded_error`, or None.
        error_message: The API's message, or None.
        request_id: The request's id when the event names it, else None.
        chunk: The `ErrorChunk`.
        partial: The message as far as it was received, ready for `to_param()`, or None when
            the error came before `message_start`.
    """

    def __init__(
        self,
        problem: str,
        *,
        error_type: str | None = None,
        error_message: str | None = None,
        request_id: str | None = None,
        chunk: AnthropicCallResponseChunk | None = None,
        partial: Message | None = None,
    ) -> None:
        super().__init__(problem)
        self.error_type = error_type
        self.error_message = error_message
        self.request_id = request_id
        self.chunk = chunk
        self.partial = partial


def kind_of(value: Any) -> str:
    """Name a JSON value's kind for an error message, at a bounded length."""
    return "null" if value is None else type(value).__name__


def shown(value: Any) -> str:
    """Show a value in an error message, at a bounded length and without fail.

    An integer of thousands of digits, or a value nested without end, has a `repr` that raises.
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"<{kind_of(value)}>"
    return text if len(text) <= 80 else f"{text[:77]}..."
