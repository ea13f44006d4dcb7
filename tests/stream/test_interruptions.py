"""Interruptions at a bad moment: a signal, a lack of memory, a reader that has just begun."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chunkview import ChunkDecoder, DecodeError
from chunkview._stream.closing import close_source
from chunkview.errors import shown


def test_a_decoder_that_is_interrupted_while_it_closes_says_so_once() -> None:
    def interrupt(_: bytes) -> Any:
        raise KeyboardInterrupt

    decoder = ChunkDecoder(loads=interrupt)
    assert decoder.feed(b'data: {"type":"ping"}') == []
    with pytest.raises(KeyboardInterrupt):
        decoder.close()
    with pytest.raises(DecodeError, match=r"interrupted \(KeyboardInterrupt\)"):
        decoder.close()
    assert decoder.close() == []


def test_a_lack_of_memory_in_a_repr_passes_through() -> None:
    class Exhausted:
        def __repr__(self) -> str:
            raise MemoryError

    with pytest.raises(MemoryError):
        shown(Exhausted())


def test_a_generator_is_not_closed_while_it_runs() -> None:
    def read() -> Iterator[str]:
        close_source(reader)  # as another thread would, in the middle of this read
        yield "read on"

    reader = read()
    assert list(reader) == ["read on"]


def test_a_value_error_from_the_close_of_a_source_is_raised() -> None:
    class Source:
        def close(self) -> None:
            raise ValueError("closed twice")

    with pytest.raises(ValueError, match="closed twice"):
        close_source(Source())
