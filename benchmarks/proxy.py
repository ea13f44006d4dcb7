"""A proxy that passes on what a server sends, and meters it or not.

`test_meter.py` runs this file as a process of its own. It prints its port. Then it relays so many
connections, one after the other, and prints the CPU time that the second half of them took, in
seconds: a proxy runs for long. There are three kinds. `sockets` is the least that a relay in Python
can do, and `asyncio` the least that an asynchronous one can do. `httpx` reads the response of an
HTTP server, as a gateway does.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from typing import TYPE_CHECKING

from chunkview import Meter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


def main(kind: str, mode: str, server_port: str, connections: str) -> None:
    arguments = mode == "meters", int(server_port), int(connections)
    if kind == "sockets":
        with_sockets(*arguments)
    else:
        with_asyncio(pieces_by_httpx() if kind == "httpx" else pieces_by_asyncio, *arguments)


def finish(meter: Meter | None) -> None:
    if meter is not None:
        meter.close()
        if not meter.cost_metadata.final:
            raise ValueError(f"{meter!r} is not final")


def with_sockets(is_metered: bool, server_port: int, connections: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    before = 0.0
    for number in range(connections):
        if number == connections // 2:
            before = time.process_time()
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", server_port))
        meter = Meter() if is_metered else None
        while data := server.recv(65536):
            client.sendall(data)
            if meter is not None:
                meter.feed(data)
        finish(meter)
        server.close()
        client.close()
    print(time.process_time() - before)


async def pieces_by_asyncio(port: int) -> AsyncIterator[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while data := await reader.read(65536):
        yield data
    writer.close()


def pieces_by_httpx() -> Callable[[int], AsyncIterator[bytes]]:
    import httpx

    client = httpx.AsyncClient(timeout=60, trust_env=False)

    async def pieces(port: int) -> AsyncIterator[bytes]:
        async with client.stream("POST", f"http://127.0.0.1:{port}/v1/messages") as response:
            async for data in response.aiter_bytes():
                yield data

    return pieces


def with_asyncio(
    pieces: Callable[[int], AsyncIterator[bytes]],
    is_metered: bool,
    server_port: int,
    connections: int,
) -> None:
    finished = 0
    before = 0.0

    async def relay(_: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        nonlocal finished, before
        meter = Meter() if is_metered else None
        async for data in pieces(server_port):
            client.write(data)
            await client.drain()
            if meter is not None:
                meter.feed(data)
        finish(meter)
        finished += 1
        if finished == connections // 2:
            before = time.process_time()
        if finished == connections:
            done.set()
        client.close()

    async def serve() -> None:
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await done.wait()
        print(time.process_time() - before)

    done = asyncio.Event()
    asyncio.run(serve())


if __name__ == "__main__":
    main(*sys.argv[1:])
