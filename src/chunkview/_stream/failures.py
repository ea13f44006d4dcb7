"""Errors that end a stream. They carry the message so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from .._chunks import UnknownChunk
from ..errors import ChunkviewError, DecodeError, IncompleteStreamError, ProtocolError

if TYPE_CHECKING:
    from .._chunks import ChunkView
    from .._model import Message
    from .accumulate import Accumulator

__all__ = [
    "NOTHING_CAME",
    "end_without_message",
    "is_cut_after_end",
    "mistake_of",
    "raise_unless_finished",
    "raise_with_partial",
]

NOTHING_CAME = "no event came (was the source empty, or read before?)"
_IS_OPENAIS = "its events are those of OpenAI's API: ask for a stream of Anthropic's Messages API"
_IS_BATCH = "its events are the results of a batch: give the message in each (result.message)"


def end_without_message(mistake: str) -> IncompleteStreamError:
    """Make the error about a stream that had no message.

    Args:
        mistake: `NOTHING_CAME`, or what `mistake_of` says of an event.
    """
    ended = "the stream ended before message_start"
    return IncompleteStreamError(f"{ended}: {mistake}" if mistake else ended)


def mistake_of(chunk: ChunkView, before: str) -> str:
    """Say what a stream is, if it is none of Anthropic's, and what to give instead.

    Args:
        chunk: An event that came before any message.
        before: What this function said of the event before; of the first one, `NOTHING_CAME`.

    Returns:
        A sentence, or "" if no event so far tells.
    """
    if before not in ("", NOTHING_CAME):
        return before
    if not isinstance(chunk, UnknownChunk):
        return ""
    if "choices" in chunk.event or chunk.event_type.startswith("response."):
        return _IS_OPENAIS
    return _IS_BATCH if chunk.event.keys() >= {"custom_id", "result"} else ""


def raise_unless_finished(error: DecodeError | ProtocolError, accumulator: Accumulator) -> None:
    """Raise an error that ends a stream, unless `is_cut_after_end`.

    Args:
        error: What the source or `Accumulator.add` raised.
        accumulator: What took the events before it.

    Raises:
        ChunkviewError: As by `raise_with_partial`.
    """
    if not is_cut_after_end(error, accumulator):
        raise_with_partial(error, accumulator.message)


def is_cut_after_end(error: ChunkviewError, accumulator: Accumulator) -> bool:
    """Whether a body ends in the middle of an event, but its message was finished before that."""
    return isinstance(error, DecodeError) and error.truncated and accumulator.complete


def raise_with_partial(error: DecodeError | ProtocolError, partial: Message | None) -> NoReturn:
    """Raise an error that ends a stream, with the message so far.

    Args:
        error: What the source or `Accumulator.add` raised.
        partial: The message so far.

    Raises:
        ChunkviewError: The same error with its `partial`. A body that ends inside an event gets
            the same error as one that ends between two events: an IncompleteStreamError.
    """
    if isinstance(error, DecodeError) and error.truncated:
        problem = f"the stream ended early: {error}"
        raise IncompleteStreamError(problem, partial=partial) from error
    error.partial = partial
    raise error from error.__cause__
