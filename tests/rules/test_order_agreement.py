"""The package against the slow reader, on streams with their events in disorder."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chunkview import Accumulator, ChunkviewError, MessageStartChunk, decode
from rules.bodies import Event
from rules.lenient import lenient_streams
from rules.model import read
from rules.summaries import as_far_as_decoded, summary_of, summary_of_model
from support import examples

STREAMS = lenient_streams()


def accumulated(events: list[Any], *, at_once: bool) -> tuple[Accumulator, ChunkviewError | None]:
    """What an accumulator has of a stream up to its end or its first error."""
    accumulator = Accumulator()
    try:
        if at_once:
            accumulator.extend(events)
        else:
            for event in events:
                accumulator.add(event)
        accumulator.finish()
    except ChunkviewError as error:
        return accumulator, error
    return accumulator, None


@examples(3)
@given(STREAMS, st.booleans(), st.booleans())
def test_the_package_and_the_slow_reader_agree_on_streams_in_disorder(
    events: list[Event], as_chunks: bool, at_once: bool
) -> None:
    result = read(events)
    given_events = as_far_as_decoded(events) if as_chunks else events
    accumulator, error = accumulated(given_events, at_once=at_once)
    assert summary_of(accumulator, error) == summary_of_model(result)


@given(STREAMS)
def test_each_character_of_a_finished_stream_is_in_one_block_or_unhandled(
    events: list[Event],
) -> None:
    accumulator, error = accumulated(events, at_once=True)
    if error is not None:
        return
    message = accumulator.finish()
    chunks: list[Any] = [decode(event) for event in events]
    unhandled = "".join(chunk.content + chunk.thinking for chunk in accumulator.unhandled)
    # A message_start that comes again repeats the content of the first one.
    starts = [chunk for chunk in chunks if isinstance(chunk, MessageStartChunk)]
    repeated = [chunk for chunk in starts if chunk.message.content][1:]
    received = "".join(
        chunk.content + chunk.thinking
        for chunk in chunks
        if not any(chunk is other for other in repeated)
    )
    kept = message.text + message.thinking + unhandled
    # Two halves make one character, so count UTF-16 units.
    assert Counter(units(kept)) == Counter(units(received))


def units(text: str) -> list[bytes]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [data[at : at + 2] for at in range(0, len(data), 2)]
