"""The streams in what an argument FILE names: a body as it arrives, or recordings of any format."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import DecodeError
from ..recordings import body_of, is_body, places_of, read, recordings_of
from .console import complain, is_regular, name_of, opened, reason_of
from .following import GrowingFile
from .reading import Body, Reading
from .record.sidecar import PacedFile, SidecarError, times_that_fit

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from ..recordings import Place, Recording

__all__ = [
    "Rest",
    "Stream",
    "bodies_of",
    "followed",
    "is_place",
    "name_of_recording",
    "note_of_left_out",
    "places_in",
    "streams_of",
]

_READ_SIZE = 64 * 1024
_NO_BODY = "only the body of an answer can be followed, as curl -N or chunkview record writes it"
# Fewer bytes do not tell whether a file is compressed, or begins with headers.
_ENOUGH = 5


@attrs.frozen
class Stream:
    """A stream to show.

    Attributes:
        name: How to call it in heads and messages.
        file: The file that it is in, for other programs.
        is_one_of_many: Whether the argument FILE holds more than this stream, as far as is known.
        reading: What reads it; None if it cannot be read.
        problem: Why it cannot be read, or why its times are not known, or "".
    """

    name: str
    file: str
    is_one_of_many: bool = False
    reading: Reading | None = None
    problem: str = ""


def streams_of(
    file: str, *, before_read: Callable[[int], None], clock: Callable[[], float]
) -> Iterator[Stream]:
    """Give the streams of an argument FILE.

    Args:
        file: A path, a folder, a pattern, a URL, or `-` for standard input.
        before_read: As for `Reading`; called for a body alone.
        clock: As for `AnthropicStream`. It measures the first stream of a body that may be live.
    """
    name = name_of(file)
    try:
        if is_place(file):
            for stream in _of_place(file, before_read, clock):
                yield attrs.evolve(stream, is_one_of_many=True)
            return
        with opened(file) as source:
            before_read(0)
            timed = _timed(source, file, clock)
            timed_clock = None if timed.clock is None else _begun(timed.clock)
            rest = Rest(timed.read, file)
            for stream in _of_open_file(rest, file, before_read, timed_clock):
                yield attrs.evolve(stream, problem=stream.problem or timed.problem)
    except OSError as error:
        yield Stream(name, file, problem=reason_of(error))
    except (ImportError, ValueError) as error:
        yield Stream(name, file, problem=str(error))


def _of_place(
    place: str, before_read: Callable[[int], None], clock: Callable[[], float]
) -> Iterator[Stream]:
    """Give the streams of all files in a place. A file with recorded times is read with them."""
    timed = ""
    for recording in _recordings_in(place):
        if recording.file == timed:
            continue
        if Path(f"{recording.file}.times").is_file():
            timed = recording.file
            yield from streams_of(timed, before_read=before_read, clock=clock)
        else:
            yield _of_recording(recording)


def followed(file: str, *, before_read: Callable[[int], None]) -> Iterator[Stream]:
    """Give the streams of a body that still grows, without end.

    Args:
        file: The path of the file.
        before_read: As for `Reading`.
    """
    problem = ""
    while True:
        try:
            with GrowingFile(file) as source:
                if problem:
                    complain(problem, file=file)
                rest = Rest(source.read, file)
                if not is_body(rest.start):
                    yield Stream(file, file, problem=_NO_BODY)
                    return
                # A file may be replaced before anything was written to it.
                if rest.start or not source.problem:
                    for stream in _of_open_file(rest, file, before_read, None):
                        yield attrs.evolve(
                            stream, is_one_of_many=stream.is_one_of_many or problem != ""
                        )
                problem = source.problem
        except OSError as error:
            yield Stream(file, file, problem=reason_of(error))
            return
        if not problem:
            # What is in it is no stream.
            return


def is_place(file: str) -> bool:
    """Whether an argument FILE is a folder, a pattern or a URL: what cannot be opened itself."""
    return file != "-" and (not Path(file).exists() or Path(file).is_dir())


def places_in(file: str | Place) -> Iterator[Place]:
    """Find the files of an argument FILE.

    Raises:
        FileNotFoundError: There is no such file, none fits the pattern, or the folder is empty.
        ImportError: It is a URL, and a library for it is missing.
        ValueError: It is a URL that is not known.
    """
    is_empty = True
    for place in places_of(file):
        is_empty = False
        yield place
    if is_empty:
        raise FileNotFoundError(errno.ENOENT, "there are no recordings in it", file)


def _recordings_in(file: str) -> Iterator[Recording]:
    """Read a folder, a pattern or a URL. Say how many answers are left out."""
    left_out = 0
    for place in places_in(file):
        if place.is_named or place.is_for_messages():
            yield from recordings_of(place)
        else:
            left_out += 1
    if left_out:
        complain(note_of_left_out(left_out), file=file)


def note_of_left_out(count: int) -> str:
    """Say how many answers are left out, since they are to other requests."""
    words = "1 answer is" if count == 1 else f"{count:,} answers are"
    return f"{words} left out: to other requests than POST /v1/messages"


def bodies_of(
    file: str, *, skips: Callable[[Recording, Exception], bool] | None = None
) -> Iterator[tuple[str, bytes]]:
    """Give the bodies of the streams of an argument FILE, each with the name of its recording.

    What is no body is written as one.

    Args:
        file: As for `streams_of`.
        skips: Whether to go on with the next recording of a folder, a pattern or a URL: gets one
            that cannot be read, and why. Without it, the first such recording raises.

    Raises:
        OSError: It cannot be read.
        ImportError: It is a URL, and a library for it is missing.
        ValueError: A recording is broken, or it is a URL that is not known.
    """
    if is_place(file):
        for recording in _recordings_in(file):
            try:
                named = _named_body_of(recording)
            except (DecodeError, OSError) as error:  # noqa: PERF203 - the others go on
                if skips is None or not skips(recording, error):
                    raise
            else:
                yield named
        return
    with opened(file) as source:
        rest = Rest(source.read, file)
        if is_body(rest.start):
            yield name_of(file), b"".join(iter(rest.read_some, b""))
        else:
            yield from map(_named_body_of, read(rest))


def _named_body_of(recording: Recording) -> tuple[str, bytes]:
    return name_of_recording(recording), body_of(recording)


def _of_open_file(
    source: Rest,
    file: str,
    before_read: Callable[[int], None],
    clock: Callable[[], float] | None,
) -> Iterator[Stream]:
    if not is_body(source.start):
        yield from map(_of_recording, read(source))
        return
    is_first = True

    def before(position: int) -> None:
        nonlocal is_first
        if not is_first:  # the start has been read
            before_read(position)
        is_first = False

    name = name_of(file)
    body = Body(source.read_some, before_read=before)
    count = 0
    while True:
        count += 1
        label = f"#{count}" if count > 1 else ""
        yield Stream(f"{name}{label}", file, count > 1, Reading.of(body, clock=clock))
        clock = None  # nobody knows when the next answer was asked for
        if not body.goes_on():
            return


@attrs.frozen
class _Timed:
    """How to read a file, and the clock for it; None if nobody knows when its bytes came."""

    read: Callable[[int], bytes | None]
    clock: Callable[[], float] | None
    problem: str = ""


def _timed(source: io.FileIO, file: str, clock: Callable[[], float]) -> _Timed:
    """A file that may be live has the clock. One that `chunkview record` wrote has its own."""
    if not is_regular(source):
        return _Timed(source.read, clock)
    if file != "-":
        try:
            times = times_that_fit(file, os.fstat(source.fileno()).st_size)
        except SidecarError as error:
            return _Timed(source.read, None, str(error))
        if times is not None:
            paced = PacedFile(source.read, times)
            return _Timed(lambda _: paced.read(), paced.clock)
    return _Timed(source.read, None)


def _begun(clock: Callable[[], float]) -> Callable[[], float]:
    """A clock that has begun: what it gives first is the time of now."""
    first = [clock()]
    return lambda: first.pop() if first else clock()


def _of_recording(recording: Recording) -> Stream:
    name, is_one_of_many = name_of_recording(recording), recording.name != recording.file
    if isinstance(recording.error, OSError):
        problem = reason_of(recording.error)
        return Stream(name, recording.file, is_one_of_many=True, problem=problem)
    return Stream(name, recording.file, is_one_of_many, Reading.of(recording))


def name_of_recording(recording: Recording) -> str:
    """Name a recording in a message."""
    return name_of(recording.file) + recording.name[len(recording.file) :]


class Rest:
    """An open file with its first bytes read. They are still given.

    Attributes:
        start: The first bytes, at least as many as tell the format.
        name: The argument FILE.
    """

    def __init__(self, read: Callable[[int], bytes | None], name: str) -> None:
        """Wait for the first bytes."""
        self.name = name
        self._read = read
        self._has_given = True
        self.start = b""
        with suppress(OSError):  # the next read raises it again, or has more
            while len(self.start.strip()) < _ENOUGH and (data := self.read_some()):
                self.start += data
        self._has_given = False

    def read(self, size: int = -1, /) -> Any:
        """Read what has arrived: None if nothing has, in a file that does not wait."""
        if self._has_given:
            return self._read(size)
        self._has_given = True
        return self.start or self._read(size)

    def read_some(self) -> bytes:
        """Read what has arrived.

        Raises:
            OSError: The file cannot be read.
        """
        data: bytes | None = self.read(_READ_SIZE)
        if data is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return data
