"""Measures one figure in a fresh interpreter: `python footprint.py FUNCTION [ARGUMENT]` prints it.

The imports at the top are modules that every interpreter has loaded already. Others would make an
import that is measured too cheap.
"""

from __future__ import annotations

import gc
import os
import sys
import time

TYPE_CHECKING = False  # importing it from `typing` would load `typing`
if TYPE_CHECKING:
    from collections.abc import Callable

    from chunkview import Accumulator, ChunkDecoder

COUNT = 20_000


def resident() -> int:
    """The resident memory of this process in bytes."""
    gc.collect()
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - pathlib is not imported yet
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def allocated() -> int:
    """The memory of Python objects in bytes. It is exact; `resident` counts pages."""
    import tracemalloc

    if not tracemalloc.is_tracing():
        tracemalloc.start()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def import_time(module: str) -> float:
    """The CPU time to import a module, in milliseconds."""
    start = time.process_time()
    __import__(module)
    return (time.process_time() - start) * 1000


def first_body_by_chunkview(path: str) -> float:
    """The CPU time to decode the first body of a process, event by event, in milliseconds.

    The imports come before. What is generated, cached or imported at the first event is measured.
    """
    from chunkview import ChunkDecoder

    return _time_of(lambda events: [ChunkDecoder().feed(event) for event in events], path)


def first_body_by_sdk(path: str) -> float:
    """The same for the SDK's decoder and its construction of events."""
    from anthropic._models import construct_type
    from anthropic._streaming import SSEDecoder
    from anthropic.types import RawMessageStreamEvent

    def decode(events: list[bytes]) -> list[object]:
        return [
            construct_type(type_=RawMessageStreamEvent, value=sse.json())
            for sse in SSEDecoder().iter_bytes(iter(events))
            if sse.event != "ping"
        ]

    return _time_of(decode, path)


def _time_of(decode: Callable[[list[bytes]], list[object]], path: str) -> float:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib is not imported yet
        body = file.read()
    events = [event + b"\n\n" for event in body.split(b"\n\n") if event]
    start = time.process_time()
    made = decode(events)
    taken = time.process_time() - start
    assert len(made) in (len(events), len(events) - 1)  # the SDK skips a ping
    return taken * 1000


def import_memory(module: str) -> float:
    """The memory that importing a module takes, in bytes."""
    before = resident()
    __import__(module)
    return resident() - before


def text_event(number: int) -> bytes:
    """A text delta on the wire: 122 bytes of payload, and a different text for each number."""
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":" the word %010d"}     }\n\n' % number
    )


def kept_by_chunkview() -> float:
    """The memory of a text chunk decoded from the wire, with its source, in bytes."""
    from chunkview import ChunkDecoder

    feed = ChunkDecoder().feed
    warm = [feed(text_event(number)) for number in range(1000)]
    before = allocated()
    kept = [chunk for number in range(COUNT) for chunk in feed(text_event(number))]
    taken = allocated() - before
    assert len(kept) == COUNT and len(warm) == 1000  # noqa: PT018
    return taken / COUNT


def kept_by_sdk() -> float:
    """The memory of a text event of the SDK, which does not keep its source, in bytes."""
    from anthropic._models import construct_type
    from anthropic._streaming import SSEDecoder
    from anthropic.types import RawMessageStreamEvent

    def feed(data: bytes) -> list[object]:
        return [
            construct_type(type_=RawMessageStreamEvent, value=sse.json())
            for sse in SSEDecoder().iter_bytes(iter([data]))
        ]

    warm = [feed(text_event(number)) for number in range(1000)]
    before = allocated()
    kept = [event for number in range(COUNT) for event in feed(text_event(number))]
    taken = allocated() - before
    assert len(kept) == COUNT and len(warm) == 1000  # noqa: PT018
    return taken / COUNT


def idle_decoder(feeds: str, count: int = 10_000) -> float:
    """The memory of a decoder that waits for more, after `feeds` events, in bytes."""
    from chunkview import ChunkDecoder

    ChunkDecoder().feed(text_event(0))
    events = [text_event(number) for number in range(int(feeds))]
    before = allocated()
    decoders = [ChunkDecoder() for _ in range(count)]
    for decoder in decoders:
        for event in events:
            decoder.feed(event)
    return (allocated() - before) / count


def interleaved_memory() -> float:
    """The memory of a stream, in bytes, if 10,000 are decoded and accumulated in turn."""
    __import__("chunkview")
    before = resident()
    streams, _, _ = _interleave(10_000)
    return (resident() - before) / len(streams)


def interleaved_speed() -> float:
    """Chunks per second, if 10,000 streams are decoded and accumulated in turn."""
    _, chunks, seconds = _interleave(10_000)
    return chunks / seconds


def _interleave(count: int) -> tuple[list[tuple[ChunkDecoder, Accumulator]], int, float]:
    from chunkview import Accumulator, ChunkDecoder
    from chunkview.testing import recording

    events = [event + b"\n\n" for event in recording("text").split(b"\n\n") if event]
    chunks = 0
    start = time.perf_counter()
    streams = [(ChunkDecoder(), Accumulator()) for _ in range(count)]
    for event in events:
        for decoder, accumulator in streams:
            decoded = decoder.feed(event)
            accumulator.extend(decoded)
            chunks += len(decoded)
    seconds = time.perf_counter() - start
    assert all(accumulator.complete for _, accumulator in streams)
    return streams, chunks, seconds


def dropped(count: str) -> float:
    """The growth of memory after decoding and dropping `count` chunks, in bytes."""
    from chunkview import ChunkDecoder

    feed = ChunkDecoder().feed
    for number in range(1000):
        feed(text_event(number))
    before = resident()
    for number in range(int(count)):
        feed(text_event(number))
    return resident() - before


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
