"""SSE bytes to chunk views: recorded and short streams, a long text, other bodies, and growth."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from chunkview import ChunkDecoder
from chunkview._model.json import stdlib_loads

from .events import EVENTS
from .peers import (
    chunkview_wire,
    floor_wire,
    floor_wire_msgspec,
    httpx_sse_wire,
    sdk_wire,
    structs_wire,
    without_nulls,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_benchmark.fixture import BenchmarkFixture

    from .conftest import Compare, Growth, Measure

    Wire = Callable[[Iterable[bytes]], list[Any]]


def chunkview_wire_stdlib(pieces: Iterable[bytes]) -> list[Any]:
    return chunkview_wire(pieces, stdlib_loads)


PEERS: dict[str, Wire] = {
    "chunkview": chunkview_wire_stdlib,
    "chunkview + msgspec": chunkview_wire,
    "SDK": sdk_wire,
    "httpx-sse + json": httpx_sse_wire,
    "msgspec Structs": structs_wire,
    "floor, json": floor_wire,
    "floor, msgspec": floor_wire_msgspec,
}


def by_event(body: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in body.split(b"\n\n") if event]


def by_segment(body: bytes) -> list[bytes]:
    return [body[start : start + 1400] for start in range(0, len(body), 1400)]


CUTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "one event per feed": by_event,
    "1,400-byte segments": by_segment,
    "whole bodies": lambda body: [body],
}


def text_event(text: str) -> bytes:
    """A text delta as the API writes it: no blanks, except for padding before the last brace."""
    delta = {"type": "text_delta", "text": text}
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    payload = json.dumps(event, separators=(",", ":"))[:-1] + " " * (len(text) % 8) + "}"
    return b"event: content_block_delta\ndata: " + payload.encode() + b"\n\n"


def assert_same(peer: str, theirs: list[Any], pieces: list[bytes]) -> None:
    """Check that the peer found the same events: their number, their texts, and more if it can."""
    ours = chunkview_wire(pieces)
    assert chunkview_wire_stdlib(pieces) == ours
    if peer == "SDK":
        ours = [chunk for chunk in ours if chunk.type != "ping"]
    events = [chunk.to_event() for chunk in ours]
    if peer.startswith("chunkview"):
        assert theirs == ours
    elif peer in ("SDK", "msgspec Structs"):
        for made, event in zip(theirs, events, strict=True):
            text = getattr(getattr(made, "delta", None), "text", "")
            assert (event.get("delta") or {}).get("text", "") == text
            assert getattr(made, "index", None) == event.get("index")
    else:
        assert without_nulls(theirs) == without_nulls(events)


def compare_peers(
    compare: Compare, section: str, row: str, peers: dict[str, Wire], bodies: list[list[bytes]]
) -> None:
    count = sum(len(by_event(b"".join(pieces))) for pieces in bodies)
    decoded = compare(section, row, count, peers, bodies)
    for peer in peers:
        for theirs, pieces in zip(decoded[peer], bodies, strict=True):
            assert_same(peer, theirs, pieces)


@pytest.mark.parametrize("cut", CUTS)
def test_recorded_streams(compare: Compare, streams: list[bytes], cut: str) -> None:
    compare_peers(compare, "wire", cut, PEERS, [CUTS[cut](body) for body in streams])


@pytest.mark.parametrize("cut", CUTS)
def test_short_streams(compare: Compare, shorts: list[bytes], cut: str) -> None:
    compare_peers(compare, "short", cut, PEERS, [CUTS[cut](body) for body in shorts])


def test_short_streams_byte_by_byte(compare: Compare, shorts: list[bytes]) -> None:
    peers = {peer: PEERS[peer] for peer in ("chunkview", "chunkview + msgspec", "SDK")}
    # Ten of the forty are enough: a byte takes as long as half an event.
    bodies = [[body[at : at + 1] for at in range(len(body))] for body in shorts[:10]]
    compare_peers(compare, "short", "byte by byte", peers, bodies)


def without_event_lines(body: bytes) -> bytes:
    return re.sub(rb"^event: .*\n", b"", body, flags=re.MULTILINE)


def with_crlf(body: bytes) -> bytes:
    return body.replace(b"\n", b"\r\n")


SHAPES: dict[str, Callable[[bytes], bytes]] = {
    "as the API": lambda body: body,
    "no event: lines": without_event_lines,
    "CRLF": with_crlf,
}
OWN: dict[str, Wire] = {"": chunkview_wire, ", standard library": chunkview_wire_stdlib}


@pytest.mark.parametrize("library", OWN)
@pytest.mark.parametrize("bodies", ["recorded", "short"])
def test_other_bodies(
    compare: Compare, streams: list[bytes], shorts: list[bytes], bodies: str, library: str
) -> None:
    """Some proxies leave the `event:` lines out; others write CRLF."""
    originals = [by_event(body) for body in (streams if bodies == "recorded" else shorts)]
    shaped = [
        {name: [shape(event) for event in events] for name, shape in SHAPES.items()}
        for events in originals
    ]

    def reader(shape: str) -> Callable[[dict[str, list[bytes]]], list[Any]]:
        return lambda body: OWN[library](body[shape])

    readers = {shape: reader(shape) for shape in SHAPES}
    decoded = compare("shape", bodies + library, sum(map(len, originals)), readers, shaped)
    assert decoded["as the API"] == decoded["no event: lines"] == decoded["CRLF"]


@pytest.mark.parametrize("peer", PEERS)
def test_one_long_text(measure: Measure, peer: str) -> None:
    pieces = [text_event(f" word {number}") for number in range(2000)]
    decoded = measure("wire", "2,000 text deltas", peer, len(pieces), PEERS[peer], pieces)
    assert_same(peer, decoded, pieces)


@pytest.mark.parametrize("kind", EVENTS)
def test_growth_of_any_event(growth: Growth, kind: str) -> None:
    """Few and many events of each kind in one decoder: this shows whether the cost grows."""
    name = EVENTS[kind]["type"]
    bare = json.dumps(EVENTS[kind], separators=(",", ":"))[:-1]

    def prepare(count: int) -> tuple[list[bytes], Callable[[list[bytes]], None]]:
        # The padding makes the bytes of one event differ from those of the next.
        kinds = [f"event: {name}\ndata: {bare}{' ' * n}}}\n\n".encode() for n in range(16)]
        return [kinds[number % 16] for number in range(count)], feed_each

    growth("wire flood", kind, prepare)


def feed_each(frames: list[bytes]) -> None:
    feed = ChunkDecoder().feed
    for frame in frames:
        feed(frame)


@pytest.mark.parametrize("peer", ["chunkview", "SDK"])
@pytest.mark.parametrize("size", [500_000, 5_000_000, 50_000_000], ids="{:,}".format)
def test_one_event_in_1_kb_feeds(
    measure_once: Measure, benchmark: BenchmarkFixture, size: int, peer: str
) -> None:
    if peer == "SDK" and size > 5_000_000:
        pytest.skip("takes the SDK minutes: its time grows with the square of the event")
    size = size if benchmark.enabled else size // 100
    event = text_event("x" * size)
    pieces = [event[start : start + 1000] for start in range(0, len(event), 1000)]
    row = f"one event of {size:,} bytes"
    decoded = measure_once("growth", row, peer, len(event), PEERS[peer], pieces)
    assert_same(peer, decoded, pieces)


@pytest.mark.parametrize("peer", ["chunkview", "SDK"])
@pytest.mark.parametrize("size", [100_000, 1_000_000, 10_000_000], ids="{:,}".format)
def test_one_byte_at_a_time(
    measure_once: Measure, benchmark: BenchmarkFixture, size: int, peer: str
) -> None:
    if peer == "SDK" and size > 1_000_000:
        pytest.skip("the smaller sizes are enough to see the SDK's figure")
    size = size if benchmark.enabled else size // 100
    event = text_event(" and the lamp")
    body = event * (size // len(event))
    pieces = [body[at : at + 1] for at in range(len(body))]
    row = f"{size:,} bytes, one by one"
    decoded = measure_once("growth", row, peer, len(body), PEERS[peer], pieces)
    assert_same(peer, decoded, pieces)
