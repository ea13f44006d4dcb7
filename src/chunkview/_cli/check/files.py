"""Files to check: event streams, whole messages, and JSON lines."""

from __future__ import annotations

import errno
import os
import re
from itertools import chain
from typing import TYPE_CHECKING

from ..._chunks import is_message
from ..._model import loads
from ...conformance import check
from ...errors import DecodeError
from ..console import name_of, opened, reason_of
from .breaches import Checked, breaches_of

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator

__all__ = ["check_file", "items_of_file"]

_READ_SIZE = 64 * 1024
# How many bytes of the beginning are kept for the report.
_START = 2_000
# A longer line is cut. An event may be as long.
_LONGEST_LINE = 64 * 1024 * 1024
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def check_file(file: str) -> Checked:
    """Check a file.

    Args:
        file: Its path, or `-` for standard input.

    Returns:
        The rules that it breaks; or why it could not be read.
    """
    name = name_of(file)
    start = bytearray()
    try:
        with opened(file) as source:
            findings = check(_noted(items_of_file(_pieces(source)), start))
    except OSError as error:
        return Checked(name, is_stream=False, problem=reason_of(error))
    return Checked(name, tuple(breaches_of(findings, start)))


def items_of_file(pieces: Iterator[bytes]) -> Iterator[bytes | str]:
    """Give the items of a source: str for a file of JSON lines, else bytes.

    The first line that is not blank decides. It is a JSON line if it is an object with a type, and
    is neither a whole message nor an error document: these are bodies.

    Args:
        pieces: The bytes of the file, however they are cut.
    """
    before: list[bytes] = []
    start = b""
    while not start and (piece := next(pieces, b"")):
        before.append(piece)
        start = b"".join(before).removeprefix(_BYTE_ORDER_MARK).strip()
    pieces = chain(before, pieces)
    if not start.startswith(b"{"):
        yield from pieces
        return
    lines = _lines(pieces)
    blank: list[bytes] = []
    for line in lines:
        blank.append(line)
        if line.removeprefix(_BYTE_ORDER_MARK).strip():
            break
    first = b"".join(blank)
    if not _is_event(first.removeprefix(_BYTE_ORDER_MARK)):
        yield first
        yield from lines
        return
    for line in chain([first], lines):
        yield line.decode(errors="surrogateescape")


def _noted(items: Iterator[bytes | str], start: bytearray) -> Iterator[bytes | str]:
    """Give the items, and keep the beginning of a body."""
    for item in items:
        if isinstance(item, bytes) and len(start) < _START:
            start += item[:_START]
        yield item


def _pieces(source: io.FileIO) -> Iterator[bytes]:
    while True:
        data = source.read(_READ_SIZE)
        if data is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if not data:
            return
        yield data


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut after each line feed."""
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        for part in _LINE.findall(piece):
            parts.append(part)
            size += len(part)
            if part.endswith(b"\n") or size >= _LONGEST_LINE:
                yield b"".join(parts)
                parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _is_event(line: bytes) -> bool:
    try:
        value = loads(line)
    except DecodeError:
        return False
    return (
        isinstance(value, dict)
        and isinstance(value.get("type"), str)
        and value["type"] != "error"
        and not is_message(value)
    )
