"""A recording as the body of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._chunks import encode
from .._stream import iter_chunks
from ._read import is_body

if TYPE_CHECKING:
    from ._recording import Recording

__all__ = ["body_of"]


def body_of(recording: Recording) -> bytes:
    """Give a recording as the body of a streamed answer.

    Args:
        recording: One that `read` gave.

    Returns:
        The recorded body unchanged; or, in a format that keeps no body, its events as the API
        writes them.

    Raises:
        DecodeError: The recording is broken, or an event of it cannot be decoded.
        OSError: The file cannot be read.
    """
    if recording.error is not None:
        raise recording.error
    source = recording.source
    if isinstance(source, bytes) and is_body(source):
        return source
    return b"".join(map(encode, iter_chunks(source)))
