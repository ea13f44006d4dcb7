"""What the laws are tried on: bodies, whole, cut, and with other line ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import accumulate, cycle, pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._chunks import encode
from ...recordings import Recording, body_of
from .. import strategies as cv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import DrawFn

    from ._laws import Streams

__all__ = [
    "Case",
    "bodies_of",
    "cut_bodies",
    "fewest_cuts",
    "whole_bodies",
    "with_other_line_ends",
    "with_small_ones",
]

__tracebackhide__ = True


# Not an attrs class: Hypothesis shows those field by field, and the report has the fields already.
class Case:
    """A body, and what the parser gets in its place, in pieces."""

    def __init__(self, body: bytes, pieces: list[bytes]) -> None:
        self.body = body
        self.pieces = pieces

    def __repr__(self) -> str:
        return "<a body in pieces>"


def bodies_of(streams: Streams | None, default: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """Make a strategy of bodies of what a caller gave as `streams`.

    Raises:
        DecodeError: A recording is broken.
        TypeError: They are no streams.
        ValueError: There are no streams.
    """
    if streams is None:
        return default
    if isinstance(streams, SearchStrategy):
        return streams.map(_body)
    if isinstance(streams, (str, Mapping)) or not isinstance(streams, (Iterable, Recording)):
        raise _not_a_stream(streams)
    given = [streams] if isinstance(streams, (bytes, Recording)) else streams
    bodies = sorted((_body(stream) for stream in given), key=len)
    if not bodies:
        raise ValueError("streams: there are none")
    return st.sampled_from(bodies)


_SMALL_AND_BAD = (
    b"data: {}\n\n",
    b"data: []\n\n",
    b"data: null\n\n",
    b"data: 1\n\n",
    b'data: "x"\n\n',
    b'data: {"type": 1}\n\n',
    b'data: {"type": "x"}\n\n',
    b'data: {"type": "content_block_delta"}\n\n',
    b'data: {"type": "content_block_delta", "index": 0, "delta": null}\n\n',
    b"data: {\n\n",
    b"data: \xff\n\n",
    b"data: " + b"[" * 100_000 + b"\n\n",
    b"data: " + b"9" * 5_000 + b"\n\n",
)


def with_small_ones(damaged: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """Damaged bodies, and half of the time small ones that break many parsers."""
    return st.sampled_from(_SMALL_AND_BAD) | damaged


def _body(stream: bytes | Recording | Iterable[Any]) -> bytes:
    if isinstance(stream, bytes):
        return stream
    if isinstance(stream, Recording):
        return body_of(stream)
    if isinstance(stream, (str, bytearray, Mapping)) or not isinstance(stream, Iterable):
        raise _not_a_stream(stream)
    return b"".join(map(encode, stream))


def _not_a_stream(value: object) -> TypeError:
    return TypeError(
        "streams: expected a list of streams, each bytes, a Recording or a list of events, got "
        f"{type(value).__name__}. recordings.read(path) reads files, testing.recording(name) "
        "one that chunkview has"
    )


@st.composite
def whole_bodies(draw: DrawFn, bodies: SearchStrategy[bytes]) -> Case:
    """Bodies in one piece."""
    body = draw(bodies)
    return Case(body, [body])


@st.composite
def cut_bodies(draw: DrawFn, bodies: SearchStrategy[bytes]) -> Case:
    """Bodies cut anywhere."""
    body = draw(bodies)
    return Case(body, draw(cv.segmentations(body)))


@st.composite
def with_other_line_ends(
    draw: DrawFn, bodies: SearchStrategy[bytes], endings: Sequence[bytes]
) -> Case:
    """Bodies in LF, with pieces that have one of the endings, or several in turn."""
    body = re.sub(rb"\r\n|\r", b"\n", draw(bodies))
    ends = draw(st.lists(st.sampled_from([*endings, b"\n"]), min_size=1, max_size=3))
    *lines, rest = body.split(b"\n")
    pieces: list[bytes] = []
    for line, end in zip(lines, cycle(ends), strict=False):
        # After a CR, an LF alone would belong to the same line end.
        joins = not line and end == b"\n" and bool(pieces) and pieces[-1].endswith(b"\r")
        pieces.append(line + (b"\r\n" if joins else end))
    return Case(body, [*pieces, rest])


def fewest_cuts(case: Case, is_broken: Callable[[list[bytes]], bool]) -> list[bytes]:
    """Leave out cuts as long as the law is broken. Hypothesis often keeps many.

    Args:
        case: A case that breaks the law.
        is_broken: Whether some pieces of its body break it.

    Returns:
        Pieces of the body that break it.
    """
    cuts = list(accumulate(map(len, case.pieces)))[:-1]
    while cuts:
        half = (len(cuts) + 1) // 2
        parts: list[list[int]] = [[], cuts[:half], cuts[half:]] if len(cuts) > 1 else [[]]
        for part in parts:
            if is_broken(_cut(case.body, part)):
                cuts = part
                break
        else:
            break
    return _cut(case.body, cuts)


def _cut(body: bytes, cuts: list[int]) -> list[bytes]:
    return [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]
