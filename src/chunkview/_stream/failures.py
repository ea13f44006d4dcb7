"""Errors that end a stream. They carry the message so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from ..errors import ChunkviewError, DecodeError, IncompleteStreamError, ProtocolError

if TYPE_CHECKING:
    from .._model import Message
    from .accumulate import Accumulator

__all__ = ["is_cut_after_end", "raise_unless_finished", "raise_with_partial"]


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
