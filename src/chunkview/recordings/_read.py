"""`read`: finds the files, tells their formats, and hands them to the readers."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from .._model import loads
from ..errors import DecodeError
from ._aws import begins_like_frames, read_frames
from ._compression import compression_of, decompressed
from ._exchanges import begins_like_cassette, entries_of, load_yaml, read_exchanges
from ._input import Input, pieces_of
from ._lines import Lines, read_lines
from ._lines import Place as PlaceOfValue
from ._places import places_of
from ._recording import UNKNOWN, Broken, Maker, Recording
from ._sse import begins_like_sse, read_head, read_sse
from ._when import time_in_headers

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Iterable, Iterator

    from ._input import Line
    from ._places import Place
    from ._recording import Readable

    Pieces = Iterator[bytes]
    Head = Callable[[Pieces, Maker], Generator[Any, None, tuple[Pieces, int] | None]]

__all__ = ["MAX_BYTES", "is_body", "is_other_file", "read", "read_place", "recordings_of"]

MAX_BYTES = 256 * 1024 * 1024
"""How many bytes a recording may have, unless the caller says otherwise: as for `Accumulator`."""

_MOST_LAYERS = 4
"""How often a file may be compressed, and how often an answer may be in another one."""


def read(
    source: str | os.PathLike[str] | Readable, *, max_bytes: int = MAX_BYTES
) -> Iterator[Recording]:
    """Read recorded streams, one by one. The content tells the format.

    A file is read piece by piece: the memory it takes depends on its longest message, not on its
    size. Cassettes in YAML, HAR files and other JSON documents are read as a whole.

    Args:
        source: The path of a file. Or a folder: its files are read in the order of their names,
            but for hidden ones. Or a pattern with `*`, `?`, `[…]` or `**`. Or a URL such as
            `s3://…` or `gs://…`, also with a pattern: it needs the extra `fsspec`, and the library
            for the place. Or a file that is open in binary mode; it is not closed. Of a folder or a
            pattern, answers that `chunkview record` recorded of other requests than those for
            messages are left out: of `count_tokens` and `models`, say.
        max_bytes: How many bytes a message, a line, or a document may have. What is longer is a
            broken recording.

    Yields:
        Each recording. One that cannot be read, or not to its end, has `error`, and its `source`
        raises that error: so does a file that holds no stream, and a file in a folder that cannot
        be opened. The others go on.

    Raises:
        OSError: The file that you name cannot be opened, or no file fits the pattern.
        ImportError: It is a URL, and a library for it is missing; the error names the extra.
        TypeError: The source is none of these; the error says what to give instead.
        ValueError: fsspec does not know such URLs.
    """
    for place in places_of(source):
        if place.is_named or place.is_for_messages():
            yield from recordings_of(place, max_bytes)


def is_body(start: bytes) -> bool:
    """Whether a file is the body of an event stream, or nothing that `read` knows.

    Args:
        start: The first bytes of the file: all, or five at least.
    """
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    return not (
        text.startswith((b"{", b"["))
        or start.startswith(b"HTTP/")
        or compression_of(start)
        or begins_like_frames(start)
        or begins_like_cassette(start)
    )


def is_other_file(recording: Recording) -> bool:
    """Whether this is no recording, but a file of no known format, such as a README in a folder."""
    error = recording.error
    return isinstance(error, DecodeError) and error.problem.startswith(UNKNOWN)


def recordings_of(place: Place, max_bytes: int = MAX_BYTES) -> Iterator[Recording]:
    """Read the recordings of a file."""
    yield from read_place(place, max_bytes)


def read_place(place: Place, max_bytes: int, head: Head | None = None) -> Iterator[Any]:
    """Read the recordings of a file.

    Args:
        place: The file.
        max_bytes: As for `read`.
        head: Takes the first recordings in its own way. It gets the pieces of the file, yields what
            it makes of them, and returns the other pieces, and where in the file they begin; None
            if there are none.

    Yields:
        What `head` yields, and then each other recording.
    """
    maker = Maker(place.name, max_bytes)
    maker.is_stream_due = place.is_stream_due
    try:
        file = place.open()
    except OSError as error:
        if place.is_named:
            raise
        yield maker.make((), None, error=error)
        return
    try:
        maker.when = place.time(file)
        pieces, offset = pieces_of(file, place.name), 0
        if head is not None:
            rest = yield from head(pieces, maker)
            if rest is None:
                return
            pieces, offset = rest
        yield from _read_all(Input(pieces, place.name, max_bytes=max_bytes, offset=offset), maker)
    finally:
        file.close()


def _read_body(body: bytes, maker: Maker) -> Iterator[Recording]:
    """Give the recordings of an answer in a cassette or a HAR file."""
    yield from _read_all(Input(iter((body,)), maker.file, max_bytes=maker.max_bytes), maker)


def _read_all(source: Input, maker: Maker) -> Iterator[Recording]:
    """Give all recordings of a file, and at least one."""
    try:
        source = _unpacked(source, maker)
        yield from _read_format(source, maker)
        error = source.take_error()
        if error is None and not maker.count:
            error = maker.error("there is no stream in it", 0)
    except DecodeError as failure:
        error = failure
    if error is not None:
        yield maker.make((), None, error=error)


def _unpacked(source: Input, maker: Maker) -> Input:
    """Take off compression, and the headers of an answer.

    Raises:
        DecodeError: There are too many layers, or headers without end.
    """
    encoding = ""
    for _ in range(2 * _MOST_LAYERS):
        start = source.peek(5)
        if start.startswith(b"HTTP/"):
            headers = read_head(source)
            if headers is None:
                raise maker.error("headers of an answer that do not end", source.offset)
            encoding = headers.get("content-encoding", "").strip().lower()
            maker.when = time_in_headers(headers) or maker.when
            continue
        kind = compression_of(start) or (encoding if encoding == "deflate" else "")
        if not kind and encoding == "br":
            problem = "the body is compressed with br: call curl with --compressed"
            raise maker.error(problem, source.offset)
        if not kind:
            return source
        pieces = decompressed(_pieces_or_error(source), kind, maker.error)
        source, encoding = Input(pieces, source.name, max_bytes=source.max_bytes), ""
    raise maker.error("it is compressed too many times", 0)


def _pieces_or_error(source: Input) -> Iterator[bytes]:
    yield from source.pieces()
    error = source.take_error()
    if error is not None:
        raise error


def _read_format(source: Input, maker: Maker) -> Iterator[Recording]:
    """Tell the format, and give the recordings."""
    start = source.peek_text()
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if begins_like_frames(source.peek(4096)):
        yield from read_frames(source, maker)
    elif text.startswith((b"{", b"[")):
        yield from _read_json(source, maker)
    elif begins_like_cassette(source.peek(1024)):
        text = source.rest()
        if (ended := source.take_error()) is not None:
            raise ended
        found = entries_of(load_yaml(text, maker))
        if found is None:
            raise maker.error("YAML that is no cassette: it has no interactions", 0)
        yield from read_exchanges(*found, maker, _read_body)
    elif begins_like_sse(source.peek(4096)):
        yield from read_sse(source, maker)
    elif text:
        raise maker.error_of_unknown(text, 0)
    else:
        raise source.take_error() or maker.error("it is empty", 0)


def _read_json(source: Input, maker: Maker) -> Iterator[Recording]:
    """Give the recordings of JSON: one value a line, or documents over many lines."""
    lines = source.lines()
    before: list[Line] = []
    first = _next_text(lines, before)
    try:
        value = loads(first)
    except DecodeError:
        # Is it a broken line, or the first one of a document over many lines?
        is_lines = before[-1].data is None
        if first.endswith(b"}"):
            is_lines = _next_text(lines, before).startswith(b"{")
    else:
        is_lines = isinstance(value, dict) and entries_of(value) is None
    if is_lines:
        yield from read_lines(itertools.chain(before, lines), source, maker)
    else:
        yield from _read_documents(_joined(before, lines, maker), maker, source.take_error())


def _next_text(lines: Iterator[Line], before: list[Line]) -> bytes:
    """Take the next line that is not blank."""
    for line in lines:
        before.append(line)
        if line.data is None or line.text:
            return line.text
    return b""


def _joined(before: list[Line], lines: Iterable[Line], maker: Maker) -> bytes:
    parts: list[bytes] = []
    size = 0
    for line in itertools.chain(before, lines):
        size += maker.max_bytes + 1 if line.data is None else len(line.data)
        if size > maker.max_bytes:
            raise maker.error(f"a document of more than {maker.max_bytes} bytes", 0)
        parts.append(line.data or b"")
    return b"".join(parts)


def _read_documents(text: bytes, maker: Maker, ended: DecodeError | None) -> Iterator[Recording]:
    """Give the recordings of JSON documents, one after the other."""
    lines = Lines(maker)
    for at, document in _documents_of(text):
        try:
            value = loads(document)
        except DecodeError as error:
            problem = ended or maker.error(error.problem, at)
            yield maker.make(Broken((document,), problem), "message", error=problem, offset=at)
            ended = None
            continue
        found = entries_of(value)
        if found is not None:
            yield from read_exchanges(*found, maker, _read_body)
            continue
        for item in value if isinstance(value, list) else (value,):
            item_text = document if item is value else json.dumps(item).encode()
            place = PlaceOfValue(at, len(item_text), None)
            yield from lines.add(item, place, item_text)
    yield from lines.end(ended, len(text))


def _documents_of(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut JSON documents apart, as far as they are JSON. Give each with its place."""
    rest = text.decode(errors="surrogateescape").removeprefix("\ufeff")
    at = len(text) - len(rest.encode(errors="surrogateescape"))
    scan = json.JSONDecoder(strict=False).raw_decode
    while rest.strip():
        blank = len(rest) - len(rest.lstrip())
        at, rest = at + blank, rest[blank:]
        try:
            _, end = scan(rest)
        except (ValueError, RecursionError):
            end = len(rest)
        document = rest[:end].encode(errors="surrogateescape")
        yield at, document
        at, rest = at + len(document), rest[end:]
