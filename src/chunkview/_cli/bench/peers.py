"""What a parser is measured beside: chunkview, the SDK, msgspec Structs and the floor.

Each takes the pieces of a body, and gives its events.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..._stream import ChunkDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["OURS", "PEERS", "chunkview_wire", "floor_wire", "installed_peers"]

OURS = "chunkview"
PEERS = ("SDK", "msgspec Structs", "floor")
"""What else there is, if it is installed."""


def chunkview_wire(
    pieces: Iterable[bytes], loads: Callable[[bytes], Any] | None = None
) -> list[Any]:
    """Chunk views, by `ChunkDecoder`.

    Args:
        pieces: The body.
        loads: What reads JSON. None: msgspec if it is installed, else the standard library.
    """
    decoder = ChunkDecoder(loads=loads)
    chunks: list[Any] = []
    for piece in pieces:
        chunks += decoder.feed(piece)
    return chunks + decoder.close()


def floor_wire(pieces: Iterable[bytes], loads: Callable[[bytes], Any] = json.loads) -> list[Any]:
    """The floor: find the data of each event, and parse its JSON.

    It knows no line ending but LF, one line of data for each event, no types and no errors. No
    parser that reads the JSON can do less.
    """
    parsed = []
    rest = b""
    for piece in pieces:
        *events, rest = (rest + piece).split(b"\n\n")
        for event in events:
            parsed.append(loads(event[event.index(b"data: ") + 6 :]))  # noqa: PERF401
    return parsed


def installed_peers() -> dict[str, str]:
    """Give the peers with an installed library: their names, and `module:function`."""
    package = __name__.rpartition(".")[0]
    peers = {OURS: f"{__name__}:chunkview_wire"}
    if find_spec("anthropic"):
        peers["SDK"] = f"{package}.sdk:sdk_wire"
    if find_spec("msgspec"):
        peers["msgspec Structs"] = f"{package}.structs:structs_wire"
        peers["floor"] = f"{package}.structs:floor_wire_msgspec"
    else:
        peers["floor"] = f"{__name__}:floor_wire"
    return peers
