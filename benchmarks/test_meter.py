"""The totals of a stream: Meter against decoding and accumulating, and in a proxy."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chunkview import Accumulator, AnthropicStream, ChunkDecoder, Meter

from .conftest import note
from .test_wire import CUTS, by_event, text_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_benchmark.fixture import BenchmarkFixture

    from chunkview import Usage

    from .conftest import Measure

    Read = Callable[[Iterable[bytes]], Usage | None]


def by_meter(pieces: Iterable[bytes]) -> Usage | None:
    meter = Meter()
    for piece in pieces:
        meter.feed(piece)
    meter.close()
    return meter.usage


def by_accumulator(pieces: Iterable[bytes]) -> Usage | None:
    decoder, accumulator = ChunkDecoder(), Accumulator()
    for piece in pieces:
        accumulator.extend(decoder.feed(piece))
    accumulator.extend(decoder.close())
    message = accumulator.message
    return None if message is None else message.usage


def by_stream(pieces: Iterable[bytes]) -> Usage | None:
    stream = AnthropicStream(pieces)
    for _ in stream:
        pass
    return stream.usage


PEERS: dict[str, Read] = {
    "Meter": by_meter,
    "decoder + accumulator": by_accumulator,
    "AnthropicStream": by_stream,
}


def read_all(read: Read, streams: list[list[bytes]]) -> list[Usage | None]:
    return [read(pieces) for pieces in streams]


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("cut", CUTS)
def test_recorded_streams(measure: Measure, streams: list[bytes], cut: str, peer: str) -> None:
    pieces = [CUTS[cut](body) for body in streams]
    events = sum(len(by_event(body)) for body in streams)
    usages = measure("meter", f"recorded, {cut}", peer, events, read_all, PEERS[peer], pieces)
    assert usages == read_all(by_accumulator, pieces)


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("cut", ["one event per feed", "1,400-byte segments"])
def test_one_long_text(measure: Measure, streams: list[bytes], cut: str, peer: str) -> None:
    start, block, *_, end = by_event(streams[0])
    body = start + block + b"".join(text_event(f" word {number}") for number in range(2000)) + end
    row = f"2,000 text deltas, {cut}"
    measure("meter", row, peer, 2000, PEERS[peer], CUTS[cut](body))


@pytest.mark.parametrize("kind", ["httpx", "asyncio", "sockets"])
def test_proxy(benchmark: BenchmarkFixture, streams: list[bytes], kind: str) -> None:
    bodies = streams if benchmark.enabled else streams[:2]
    laps = 10 if benchmark.enabled else 1
    modes = ("forwards", "meters")

    def take_turns() -> dict[str, float]:
        turns = [{mode: cpu_of_proxy(kind, mode, bodies) for mode in modes} for _ in range(laps)]
        return {mode: min(turn[mode] for turn in turns) for mode in modes}

    seconds: Any = benchmark.pedantic(take_turns)  # type: ignore[no-untyped-call]
    events = sum(len(by_event(body)) for body in bodies)
    figures = {mode: taken / events * 1e9 for mode, taken in seconds.items()}
    note(benchmark, "proxy", kind, figures=figures)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def cpu_of_proxy(kind: str, mode: str, bodies: list[bytes]) -> float:
    """Send bodies through a proxy twice, each event when the one before has arrived.

    So the proxy gets events as the API sends them, without the waiting.

    Returns:
        The CPU time that the proxy took for the second time, in seconds.
    """
    script = str(Path(__file__).with_name("proxy.py"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port_of_server, count = str(server.getsockname()[1]), str(2 * len(bodies))
        command = [sys.executable, script, kind, mode, port_of_server, count]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
            assert proxy.stdout is not None
            port = int(proxy.stdout.readline())
            for body in bodies * 2:
                with socket.create_connection(("127.0.0.1", port)) as client:
                    sender, _ = server.accept()
                    with sender:
                        if kind == "httpx":
                            sender.recv(65536)
                            sender.sendall(HEAD)
                        for event in by_event(body):
                            sender.sendall(event)
                            missing = len(event)
                            while missing:
                                missing -= len(client.recv(missing))
                    assert client.recv(1) == b""
            return float(proxy.stdout.readline())
