"""One answer: its copy on the disk, its totals and its times.

All of this runs in the thread that writes. The relay only hands over bytes and times.
"""

from __future__ import annotations

import re
import zlib
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from ..._stream import ChunkDecoder, Meter, has_content
from ...errors import ChunkviewError
from ..console import reason_of
from .redaction import Mask, redacted_body, redacted_headers, redacted_target, secrets_of
from .sidecar import STOPPED, Headers, Times, sidecar_of

if TYPE_CHECKING:
    from .folder import Folder, NewBody

__all__ = ["Asked", "Tape"]

_SUFFIXES = {
    "text/event-stream": ".sse",
    "application/json": ".json",
    "application/x-jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
}
_OTHER_SUFFIX = ".bin"
_METERED = "/v1/messages"
_NOT_COMPRESSED = ("", "identity")


@attrs.frozen
class Asked:
    """A request.

    Attributes:
        number: Which one it is, from 1.
        started: When it was sent, in UTC.
        method: Its method.
        target: Its path and query.
        headers: Its headers.
        body: Its body.
    """

    number: int
    started: datetime
    method: str
    target: str = attrs.field(repr=False)
    headers: Headers = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    @property
    def stem(self) -> str:
        """The name of the recording, without its suffix."""
        return f"{self.started:%Y%m%d-%H%M%S}-{self.number:04}"


class Tape:
    """Records the answer to one request. Nothing in it raises: `lost` says what went wrong.

    Attributes:
        asked: The request.
        shown_target: Its path and query, without secrets.
        meter: The totals of the answer.
        is_metered: Whether the answer has totals.
        status: The status of the answer, or None if there is none.
        to_first_token: When the first text, thinking or tool input of a stream came, in seconds
            since the request. None where there is none.
        duration: When the answer ended, in seconds since the request.
        ended: How it ended, as in `Times`.
        problem: Why the upstream broke off, or "".
        lost: Why the recording is not complete, or "". The totals go on.
        is_overrun: Whether bytes are missing from the totals, too: the recorder left them out.
        note: What else is to be said about the recording, or "".
        name: The name of the file, or "" before it is there.
    """

    def __init__(self, asked: Asked, folder: Folder, *, keeps_request: bool) -> None:
        self.asked = asked
        self.shown_target = redacted_target(asked.target)
        path = asked.target.partition("?")[0]
        self.is_metered = asked.method == "POST" and path.endswith(_METERED)
        self.meter = Meter()
        self.status: int | None = None
        self.to_first_token: float | None = None
        self.duration = 0.0
        self.ended = STOPPED
        self.problem = ""
        self.lost = ""
        self.is_overrun = False
        self.note = ""
        self.name = ""
        self._folder = folder
        self._keeps_request = keeps_request
        self._mask = Mask(secrets_of(asked.headers, asked.target))
        self._headers: Headers = ()
        self._to_headers = 0.0
        self._pieces: list[tuple[float, int]] = []
        self._body: NewBody | None = None
        self._inflater: _Inflater | None = None
        self._first: ChunkDecoder | None = None

    def begin(self, seconds: float, status: int, headers: Headers) -> None:
        """Take the status and the headers of the answer.

        Args:
            seconds: When they came, since the request.
            status: The status.
            headers: The names, in lower case, and the values of the headers.
        """
        self.status, self._headers, self._to_headers = status, headers, seconds
        values = dict(headers)
        suffix = _SUFFIXES.get(_word(values.get("content-type", "").partition(";")[0]))
        if suffix == ".sse" and self.is_metered:
            self._first = ChunkDecoder()
        suffix = suffix or _OTHER_SUFFIX
        coding = _word(values.get("content-encoding", ""))
        if coding in _Inflater.CODINGS:
            self._inflater = _Inflater()
        elif coding not in _NOT_COMPRESSED:
            self.is_metered, self._first = False, None
            self.note = f"stored compressed: {coding:.40}"
            suffix += f".{coding}" if re.fullmatch(r"[a-z0-9-]{1,20}", coding) else ".compressed"
        try:
            self._body = self._folder.new_body(self.asked.stem, suffix)
            if self._keeps_request and self.asked.body:
                self._write_request(self._body)
        except OSError as error:
            self.lose(reason_of(error))

    def add(self, seconds: float, data: bytes) -> None:
        """Take the next piece of the body.

        Args:
            seconds: When it came, since the request.
            data: The bytes, as the upstream sent them.
        """
        if self._inflater is not None:
            try:
                data = self._inflater.feed(data)
            except zlib.error as error:
                self.lose(f"the body cannot be decompressed: {error}")
                self._inflater, self.is_metered, self._first = None, False, None
                return
        if not data:
            return
        self._pieces.append((seconds, len(data)))
        if self.is_metered:
            self.meter.feed(data)
        if self._first is not None:
            self._look_for_content(self._first, seconds, data)
        self._write(self._mask.feed(data))

    def end(self, seconds: float, ended: str, problem: str) -> None:
        """Complete the recording.

        Args:
            seconds: When the answer ended, since the request.
            ended: How it ended, as in `Times`.
            problem: Why the upstream broke off, or "".
        """
        problem = self._mask.masked(problem.encode(errors="backslashreplace")).decode()
        self.duration, self.ended, self.problem = seconds, ended, problem
        self.meter.close()
        self._write(self._mask.end())
        if self._body is None:
            return
        if self.lost:
            # The relay may have given it up.
            self._body.abandon()
            return
        try:
            self._body.write_beside(sidecar_of(str(self._body.path)), self._times().to_bytes())
            self._body.complete()
        except OSError as error:
            self.lose(reason_of(error))
        else:
            self.name = self._body.path.name

    def lose(self, why: str) -> None:
        """Give the recording up. The file that there is keeps the name of an incomplete one."""
        self.lost = self.lost or why
        if self._body is not None:
            self._body.abandon()

    def _times(self) -> Times:
        return Times(
            started=self.asked.started.isoformat(timespec="milliseconds"),
            method=self.asked.method,
            path=self.shown_target,
            request_headers=redacted_headers(self.asked.headers),
            status=self.status or 0,
            headers=redacted_headers(self._headers),
            to_headers=self._to_headers,
            pieces=tuple(self._pieces),
            duration=self.duration,
            ended=self.ended,
            problem=self.problem,
        )

    def _write(self, data: bytes) -> None:
        if self._body is None or self.lost:
            return
        try:
            self._body.write(data)
        except OSError as error:
            self.lose(reason_of(error))

    def _write_request(self, body: NewBody) -> None:
        sent = self.asked.body
        coding = _word(dict(self.asked.headers).get("content-encoding", ""))
        if coding in _Inflater.CODINGS:
            try:
                sent = _Inflater().whole(sent)
            except zlib.error:
                coding = "broken"
        if coding in _NOT_COMPRESSED or coding in _Inflater.CODINGS:
            body.write_beside(f"{body.path}.request", redacted_body(sent, self._mask))
        else:
            # Secrets cannot be found in it.
            self.note = "the request is not kept: it cannot be decompressed"

    def _look_for_content(self, decoder: ChunkDecoder, seconds: float, data: bytes) -> None:
        try:
            if any(map(has_content, decoder.feed(data))):
                self.to_first_token, self._first = seconds, None
        except ChunkviewError:
            self._first = None


class _Inflater:
    """Decompresses a body, piece by piece."""

    CODINGS = ("gzip", "x-gzip", "deflate")

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=47)

    def feed(self, data: bytes) -> bytes:
        """Decompress the next bytes.

        Raises:
            zlib.error: They are not compressed as they should be.
        """
        parts: list[bytes] = []
        while data:
            if self._member.eof:
                # A body may have several members.
                self._member = zlib.decompressobj(wbits=47)
            parts.append(self._member.decompress(data))
            data = self._member.unused_data
        return b"".join(parts)

    def whole(self, data: bytes) -> bytes:
        """Decompress a whole body.

        Raises:
            zlib.error: It is not compressed as it should be, or it is cut.
        """
        plain = self.feed(data)
        if not self._member.eof:
            raise zlib.error("the end is missing")
        return plain


def _word(text: str) -> str:
    return text.strip().lower()
