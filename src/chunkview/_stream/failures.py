"""Errors that end a stream. They carry the message so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ChunkviewError, DecodeError, IncompleteStreamError, ProtocolError

if TYPE_CHECKING:
    from .._model import Message
    from .accumulate import Accumulator

__all__ = ["is_cut_after_end", "raise_unless_finished", "with_partial"]


def raise_unless_finished(error: DecodeError | ProtocolError, accumulator: Accumulator) -> None:
    """Raise an error that ends a stream, with the message so far.

    Args:
        error: What the source or `Accumulator.add` raised.
        accumulator: What took the events before it.

    Raises:
        ChunkviewError: Always, unless the body ends in the middle of an event, but its message was
            finished before that.
    """
    if not is_cut_after_end(error, accumulator):
        failure = with_partial(error, accumulator.message)
        raise failure from failure.__cause__


def is_cut_after_end(error: ChunkviewError, accumulator: Accumulator) -> bool:
    """Whether a body ends in the middle of an event, but its message was finished before that."""
    return isinstance(error, DecodeError) and error.truncated and accumulator.complete


def with_partial(error: DecodeError | ProtocolError, partial: Message | None) -> ChunkviewError:
    """Give an error that ends a stream the message so far.

    Args:
        error: What the source or `Accumulator.add` raised.
        partial: The message so far.

    Returns:
        The same error with its `partial`. A body that ends inside an event gets the same error as
        one that ends between two events: an IncompleteStreamError.
    """
    if isinstance(error, DecodeError) and error.truncated:
        incomplete = IncompleteStreamError(f"the stream ended early: {error}", partial=partial)
        incomplete.__cause__ = error
        return incomplete
    error.partial = partial
    return error
