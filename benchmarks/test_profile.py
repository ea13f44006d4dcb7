"""Where the time of a stream goes, by kind of event: decoding, accumulating, and the rest."""

from __future__ import annotations

import collections
import functools
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from chunkview import Accumulator, AnthropicStream, ChunkDecoder

from .conftest import note, recorded_streams
from .test_wire import by_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    Take = Callable[[bytes], object]

KINDS = (
    "deltas of one string",
    "block starts",
    "block stops",
    "message_start, with making the stream",
    "message_delta",
    "other events",
)


def decoding() -> Take:
    return ChunkDecoder().feed


def accumulating() -> Take:
    feed, extend = ChunkDecoder().feed, Accumulator().extend
    return lambda event: extend(feed(event))


def streaming() -> Take:
    """Give each event to an AnthropicStream. The chunk is what its iteration gives for it."""
    pieces: list[bytes] = []

    def source() -> Iterator[bytes]:
        while True:
            yield pieces.pop()

    chunks = iter(AnthropicStream(source()))

    def take(event: bytes) -> None:
        pieces.append(event)
        next(chunks)

    return take


READINGS: dict[str, Callable[[], Take]] = {
    "ChunkDecoder": decoding,
    "decoder + accumulator": accumulating,
    "AnthropicStream": streaming,
}


def kind_of(event: bytes) -> str:
    tag = re.search(rb'"type": ?"(\w+)"', event)
    name = b"" if tag is None else tag[1]
    if name == b"content_block_delta":
        is_citation = b'"citations_delta"' in event
        return "other events" if is_citation else "deltas of one string"
    names = {
        b"content_block_start": "block starts",
        b"content_block_stop": "block stops",
        b"message_start": "message_start, with making the stream",
        b"message_delta": "message_delta",
    }
    return names.get(name, "other events")


def times_of(make: Callable[[], Take], events: list[bytes]) -> list[int]:
    """Time each event, in nanoseconds. Making the reader counts for the first one."""
    times = []
    begin = time.perf_counter_ns()
    take = make()
    for event in events:
        take(event)
        end = time.perf_counter_ns()
        times.append(end - begin)
        begin = time.perf_counter_ns()
    return times


@functools.cache
def profile(laps: int) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Measure the recorded streams, the readings in turns. Each event counts at its best.

    Returns:
        By kind of event: nanoseconds per event of each reading, and the number of events.
    """
    sums: dict[str, dict[str, float]] = collections.defaultdict(lambda: dict.fromkeys(READINGS, 0))
    counts: dict[str, int] = collections.Counter()
    for body in recorded_streams():
        events = by_event(body)[:-1]  # an error event at the end would raise
        best: dict[str, list[int]] = {}
        for _ in range(laps):
            for reading, make in READINGS.items():
                times = times_of(make, events)
                best[reading] = list(map(min, best.get(reading, times), times))
        for number, event in enumerate(events):
            kind = kind_of(event)
            counts[kind] += 1
            for reading in READINGS:
                sums[kind][reading] += best[reading][number]
    means = {
        kind: {reading: total / counts[kind] for reading, total in readings.items()}
        for kind, readings in sums.items()
    }
    return means, counts


@pytest.mark.parametrize("kind", KINDS)
def test_where_the_time_goes(benchmark: BenchmarkFixture, kind: str) -> None:
    laps = 15 if benchmark.enabled else 1
    means, counts = benchmark.pedantic(lambda: profile(laps))  # type: ignore[no-untyped-call]
    figures: dict[str, Any] = dict(means[kind])
    total = sum(means[name]["AnthropicStream"] * counts[name] for name in counts)
    figures["% of the stream's time"] = figures["AnthropicStream"] * counts[kind] / total * 100
    figures["% of the events"] = counts[kind] / sum(counts.values()) * 100
    note(benchmark, "profile", kind, figures=figures)
