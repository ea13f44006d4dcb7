"""chunkview's exceptions.

`ChunkviewError` is the root. An exception keeps the data received and the message so far. What the
source raises, such as an exception of an HTTP client, is none of these, and passes unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._chunks import AnthropicCallResponseChunk
    from ._model import Message

__all__ = [
    "ChunkviewError",
    "DecodeError",
    "IncompleteStreamError",
    "ProtocolError",
    "StreamError",
]


class ChunkviewError(Exception):
    """The base class of all errors that chunkview raises about its input.

    Attributes:
        partial: The message so far, ready for `to_param()`. It is set when the caller has no
            accumulator (`accumulate`, `iter_messages`, `AnthropicStream`, and their asynchronous
            counterparts), and on every StreamError and IncompleteStreamError. None otherwise, and
            before `message_start`.
        rule: The name of the rule that the stream breaks, a key of `chunkview.conformance.RULES`.
            "" where the stream is not to blame: an error event tells of a failure elsewhere, or the
            caller made a mistake.
    """

    partial: Message | None
    rule: str = ""

    def __init__(self, problem: str, *, rule: str = "", partial: Message | None = None) -> None:
        super().__init__(problem)
        if rule:
            self.rule = rule
        self.partial = partial


class DecodeError(ChunkviewError, ValueError):
    """Bytes, JSON text or an event that cannot be read.

    `str(error)` says where and what:
    `content_block_delta.delta.text: expected str, got int`.

    Attributes:
        problem: What is wrong, without the place.
        path: Where, as dotted wire names that begin with the event's type, or "" for the input as
            a whole.
        event: The event, unchanged, or None when the input was not read as far as an event.
        received: If bytes were decoded: the bytes of the event that could not be read; at the
            end of a body, everything that was still unread. Otherwise None.
        truncated: Whether the body ended in the middle of an event.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str = "",
        event: object = None,
        received: bytes | None = None,
        truncated: bool = False,
        rule: str = "",
        partial: Message | None = None,
    ) -> None:
        super().__init__(problem, rule=rule, partial=partial)
        self.problem = problem
        self.path: str = path
        self.event = event
        self.received = received
        self.truncated = truncated

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem

    def under(self, name: str) -> DecodeError:
        """Put `name` before the path. Called for each enclosing field that the error passes.

        Args:
            name: The wire name of the enclosing field, or `[i]` for the i-th item of an array.

        Returns:
            This error.
        """
        joint = "" if not self.path or self.path.startswith("[") else "."
        self.path = f"{name}{joint}{self.path}"
        return self


class ProtocolError(ChunkviewError):
    """Events that amount to no message, or a finding that `strict` does not allow.

    Attributes:
        chunk: The chunk view that breaks the rule; None for what shows only at the end.
    """

    def __init__(
        self,
        problem: str,
        *,
        rule: str = "",
        chunk: AnthropicCallResponseChunk | None = None,
        partial: Message | None = None,
    ) -> None:
        super().__init__(problem, rule=rule, partial=partial)
        self.chunk = chunk


class IncompleteStreamError(ChunkviewError):
    """A stream that ended before `message_stop` or a stop reason.

    `partial` is the message so far.
    """

    rule = "stream_cut"


class StreamError(ChunkviewError):
    """The server sent an error: as an event of a stream, or as a document instead of the stream.

    Source: https://docs.anthropic.com/en/api/messages-streaming (error events).

    Attributes:
        error_type: The API's error type, for example `overloaded_error`; "" where the event names
            none, None on an error made by hand.
        error_message: The API's message; "" where the event has none, None on an error made by
            hand.
        request_id: The request's id when the event names it, else None.
        chunk: The `ErrorChunk`.
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
        super().__init__(problem, partial=partial)
        self.error_type = error_type
        self.error_message = error_message
        self.request_id = request_id
        self.chunk = chunk


def kind_of(value: Any) -> str:
    """Name the type of a JSON value for an error message."""
    return "null" if value is None else type(value).__name__


def shown(value: Any, size: int = 80) -> str:
    """Show a value in an error message. The text is bounded, and showing it never fails.

    The `repr` of an integer with thousands of digits, or of a deeply nested value, raises; the
    `repr` of the caller's object may raise anything.

    Args:
        value: The value.
        size: How many characters the text may have.
    """
    if isinstance(value, str):
        value = value[: size + 20]
    try:
        text = repr(value)
    except (MemoryError, OSError):
        raise
    except Exception:  # noqa: BLE001 - the error that is being reported matters more
        return f"<{kind_of(value)}>"
    return clipped(text, size)


def clipped(text: str, size: int = 80) -> str:
    """Shorten a text for an error message.

    Args:
        text: The text.
        size: How many characters it may have.

    Returns:
        The text, or its beginning and an ellipsis.
    """
    return text if len(text) <= size else f"{text[: size - 3]}..."
