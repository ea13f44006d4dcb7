"""Files to check: event streams, whole messages, and JSON lines."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from ..._chunks import is_message, unwrapped
from ..._model import loads
from ...errors import DecodeError
from ...recordings import RecordingError, is_body, read, recordings_of
from ..console import is_regular, name_of, opened, reason_of
from ..streams import Rest, is_place, name_of_recording, places_in
from .breaches import Checked, breaches_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...recordings import Recording

__all__ = ["check_files", "items_of_file"]

_NOT_DUE = "its request did not ask for a stream, or was refused"
_OTHER = "it answers another request than POST /v1/messages"
_EMPTY = "it is empty"
_NO_EVENTS = "Claude Code wrote messages, and events only with --include-partial-messages"
# How many bytes of the beginning are kept for the report.
_START = 2_000
# A longer line is cut. An event may be as long.
_LONGEST_LINE = 64 * 1024 * 1024
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = _BYTE_ORDER_MARK + b" \t\r\n"


def check_files(file: str) -> Iterator[Checked]:
    """Check a file, or all recordings in it.

    Args:
        file: A path, a folder, a pattern, a URL, or `-` for standard input.

    Yields:
        The rules that each stream breaks; or why it could not be read.
    """
    name = name_of(file)
    try:
        if is_place(file):
            for place in places_in(file):
                if place.is_named or place.is_for_messages():
                    yield from map(_checked, recordings_of(place))
                else:
                    yield Checked(place.name, is_stream=False, skipped=_OTHER)
            return
        with opened(file) as source:
            rest = Rest(source.read, file)
            if not rest.start.strip(_BLANK):
                yield Checked(name, is_stream=False, problem=_EMPTY)
            elif is_body(rest.start):
                start = bytearray()
                items = _noted(items_of_file(iter(rest.read_some, b"")), start)
                yield Checked(name, tuple(breaches_in(items, start)))
            else:
                # By its name, a file is read with what `chunkview record` wrote beside it.
                has_name = file != "-" and is_regular(source)
                yield from map(_checked, read(file if has_name else rest))
    except OSError as error:
        yield Checked(name, is_stream=False, problem=reason_of(error))
    except (ImportError, ValueError) as error:
        yield Checked(name, is_stream=False, problem=str(error))


def _checked(recording: Recording) -> Checked:
    name = name_of_recording(recording)
    error = recording.error
    if isinstance(error, OSError):
        return Checked(name, is_stream=False, problem=reason_of(error))
    if isinstance(error, RecordingError):
        problem = f"byte {error.offset}: {error.problem}"
        return Checked(name, is_stream=False, problem=problem)
    source = recording.source
    if recording.is_stream_due is False:
        return Checked(name, is_stream=False, skipped=_NOT_DUE)
    start = source[:_START] if isinstance(source, bytes) else b""
    if recording.format == "claude-code" and all(unwrapped(item) is item for item in source):
        return Checked(name, is_stream=False, skipped=_NO_EVENTS)
    return Checked(name, tuple(breaches_in(source, start)))


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
