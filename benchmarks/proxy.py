"""A proxy that passes on what a server sends, and meters it or not.

`test_meter.py` runs this file as a process of its own. It prints its port. Then it relays so many
connections, one after the other, and prints the CPU time that the second half of them took, in
seconds: a proxy runs for long. There are two kinds. `sockets` is the least that a relay in Python
can do. `asyncio` is what an asynchronous gateway does at least, before HTTP and its own work.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time

from chunkview import Meter


def main(kind: str, is_metered: str, server_port: str, connections: str) -> None:
    KINDS[kind](is_metered == "meters", int(server_port), int(connections))


def finish(meter: Meter | None) -> None:
    if meter is not None:
        meter.close()
        if not meter.cost_metadata.is_final:
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


def with_asyncio(is_metered: bool, server_port: int, connections: int) -> None:
    number = 0
    before = 0.0

    async def relay(_: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        nonlocal number, before
        if number == connections // 2:
            before = time.process_time()
        number += 1
        reader, writer = await asyncio.open_connection("127.0.0.1", server_port)
        meter = Meter() if is_metered else None
        while data := await reader.read(65536):
            client.write(data)
            await client.drain()
            if meter is not None:
                meter.feed(data)
        finish(meter)
        writer.close()
        client.close()
        if number == connections:
            done.set()

    async def serve() -> None:
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await done.wait()
        print(time.process_time() - before)

    done = asyncio.Event()
    asyncio.run(serve())


KINDS = {"sockets": with_sockets, "asyncio": with_asyncio}

if __name__ == "__main__":
    main(*sys.argv[1:])
