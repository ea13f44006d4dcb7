"""AWS event-stream frames (`application/vnd.amazon.eventstream`), as Bedrock sends a stream.

A frame is: its length, the length of its headers, the CRC-32 of these two; the headers; the
payload; the CRC-32 of all before. Numbers are big-endian, of 32 bits. botocore reads frames, too,
but it takes 32 MB on disk and 1.7 times as long: 20.6 ms for a stream of 2,000 deltas (505 KB),
against 12.0 ms for this module. tests/recordings/test_peers.py compares the two.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (the frame);
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html (payloads).
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import TYPE_CHECKING, Any
from zlib import crc32

from .._model import loads
from ..errors import DecodeError, clipped, shown
from ._growing import Growing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._input import Input
    from ._recording import Maker, Recording

__all__ = ["begins_like_frames", "read_frames"]

_PRELUDE = struct.Struct("!III")
_CRC = struct.Struct("!I")
_OVERHEAD = _PRELUDE.size + _CRC.size
# botocore allows 16 MiB of payload and 128 KiB of headers, in later releases 24 MiB.
_LONGEST = 24 * 1024 * 1024 + 128 * 1024 + _OVERHEAD
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""How many bytes the value of a header has, by its type."""
_BYTES, _TEXT = 6, 7
"""The types of header with a value that begins with its length, in 16 bits."""


def begins_like_frames(start: bytes) -> bool:
    """Whether a body begins like a frame, also like a broken one. No text has these bytes."""
    return start.startswith(b"\0") or b"\x0d:message-type\x07" in start


def read_frames(source: Input, maker: Maker) -> Iterator[Recording]:
    """Give the messages of a body of frames.

    A frame with a wrong checksum breaks its message. Reading goes on at the next frame with a
    correct prelude.
    """
    messages = _Messages(maker)
    buffer = bytearray()
    begin = source.offset
    for piece in source.pieces():
        buffer += piece
        at = 0
        while len(buffer) - at >= _PRELUDE.size:
            size = _size_of_frame(buffer, at)
            if size is None:
                messages.note_broken("the prelude of a frame is broken", begin + at)
                at = _next_prelude(buffer, at + 1)
                continue
            if len(buffer) - at < size:
                break
            yield from messages.add(bytes(buffer[at : at + size]), begin + at)
            at += size
        del buffer[:at]
        begin += at
    ended = source.take_error()
    if ended is not None:
        messages.note(ended, begin)
    elif buffer:
        messages.note_broken("the last frame is cut", begin, truncated=True)
    yield from messages.end()


def _size_of_frame(buffer: bytearray, at: int) -> int | None:
    """How many bytes a frame has; None if its prelude is broken."""
    size, size_of_headers, crc = _PRELUDE.unpack_from(buffer, at)
    is_possible = _OVERHEAD <= size <= _LONGEST and size_of_headers <= size - _OVERHEAD
    return size if is_possible and crc == crc32(buffer[at : at + 8]) else None


def _next_prelude(buffer: bytearray, at: int) -> int:
    """Find the next place where a frame may begin. The end of the buffer has to be seen again."""
    while len(buffer) - at >= _PRELUDE.size:
        at = buffer.find(0, at)
        if at < 0:
            return len(buffer)
        if len(buffer) - at < _PRELUDE.size or _size_of_frame(buffer, at) is not None:
            return at
        at += 1
    return at


class _Messages:
    """Takes frames, and gives recordings."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._current: Growing | None = None

    def add(self, frame: bytes, offset: int) -> Iterator[Recording]:
        """Take the next frame."""
        try:
            event = _event_of(frame)
        except DecodeError as error:
            self.note_broken(error.problem, offset)
            return
        if event is None:
            return
        current = self._current
        if current is None or current.begins_next(event):
            yield from self.end()
            current = self._begin(offset)
            current.begins_next(event)
        current.add(event, offset, len(frame))

    def note(self, error: DecodeError, offset: int) -> None:
        """Note why the current message is not whole."""
        (self._current or self._begin(offset)).break_off(error)

    def note_broken(self, problem: str, offset: int, *, truncated: bool = False) -> None:
        """Note a frame that cannot be read."""
        self.note(self._maker.error(problem, offset, truncated=truncated), offset)

    def end(self) -> Iterator[Recording]:
        """Give the message so far."""
        current, self._current = self._current, None
        if current is not None:
            yield from current.end()

    def _begin(self, offset: int) -> Growing:
        self._current = Growing(self._maker, "aws", offset=offset)
        return self._current


def _event_of(frame: bytes) -> dict[str, Any] | None:
    """Give the event in a frame; None for one that brings none.

    Raises:
        DecodeError: The frame is broken, or not from `invoke_model_with_response_stream`.
    """
    size, size_of_headers, _ = _PRELUDE.unpack_from(frame)
    (crc,) = _CRC.unpack_from(frame, size - _CRC.size)
    if crc != crc32(memoryview(frame)[: size - _CRC.size]):
        raise DecodeError("the checksum of a frame is wrong")
    headers = _headers_of(frame[_PRELUDE.size : _PRELUDE.size + size_of_headers])
    payload = frame[_PRELUDE.size + size_of_headers : size - _CRC.size]
    kind = headers.get(":message-type", "event")
    if kind == "error":
        words = {key: headers.get(f":error-{key}", "") for key in ("code", "message")}
        return {"type": "error", "error": {"type": words["code"], "message": words["message"]}}
    event_type = headers.get(":event-type", "")
    if event_type == "initial-response":
        return None
    value = loads(payload) if payload.strip() else {}
    if not isinstance(value, dict):
        raise DecodeError(f"the payload of a frame is no object: {shown(value)}")
    if kind == "exception":
        return {"type": "error", "error": {**value, "type": headers.get(":exception-type", "")}}
    if not isinstance(value.get("bytes"), str):
        name = clipped(event_type) or "without a type"
        raise DecodeError(
            f"a frame {name!r} that holds no event of Anthropic's; frames of Bedrock's "
            "invoke_model_with_response_stream do, those of converse_stream do not"
        )
    try:
        event = loads(base64.b64decode(value["bytes"], validate=True))
    except binascii.Error as error:
        raise DecodeError(f"the payload of a frame is no base64: {error}") from None
    if not isinstance(event, dict):
        raise DecodeError(f"the event in a frame is no object: {shown(event)}")
    return event


def _headers_of(data: bytes) -> dict[str, str]:
    """Read the headers of a frame. Only those of type text are given."""
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name, kind = data[at + 1 : end].decode(), data[end]
            at = end + 1
            if kind in (_BYTES, _TEXT):
                (size,) = struct.unpack_from("!H", data, at)
                value = data[at + 2 : at + 2 + size]
                if kind == _TEXT:
                    headers[name] = value.decode()
                at += 2 + size
            else:
                at += _SIZES[kind]
    except (IndexError, KeyError, UnicodeDecodeError, struct.error):
        raise DecodeError("the headers of a frame are broken") from None
    if at > len(data):
        raise DecodeError("the headers of a frame are broken")
    return headers
