"""Recorded streams in the formats in which people keep them.

`read` gives a `Recording` for each stream in a file, a folder or a remote place. The content of a
file tells its format: SSE bodies, JSON lines of events, logs of Claude Code, results of Message
Batches, whole messages, VCR cassettes, HAR files and AWS frames, each also compressed with gzip or
zstd. docs/recordings.md says what each format keeps, and what it lacks.
"""

from __future__ import annotations

# The annotations of the public classes are resolved here.
from datetime import datetime  # noqa: F401  # pyright: ignore[reportUnusedImport]
from decimal import Decimal  # noqa: F401  # pyright: ignore[reportUnusedImport]
from typing import Any  # noqa: F401  # pyright: ignore[reportUnusedImport]

from ..errors import DecodeError  # noqa: F401  # pyright: ignore[reportUnusedImport]
from ._body import body_of

# For the command line, which lists the files before it reads them, or reads while they arrive.
from ._places import Place as Place
from ._places import is_url as is_url
from ._places import places_of as places_of
from ._read import is_body as is_body
from ._read import is_other_file as is_other_file
from ._read import read
from ._read import recordings_of as recordings_of
from ._recording import Format, Readable, Recording, RecordingError
from ._sse import Boundary as Boundary
from ._sse import tag_of_sse as tag_of_sse
from ._summary import Summary, summaries

__all__ = [
    "Format",
    "Readable",
    "Recording",
    "RecordingError",
    "Summary",
    "body_of",
    "read",
    "summaries",
]

for _public in (Readable, Recording, RecordingError, Summary):
    _public.__module__ = __name__
