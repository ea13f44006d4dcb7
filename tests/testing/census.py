"""How many streams of a strategy have what.

`PYTHONPATH=src:tests python -m testing.census` prints the table of docs/testing-your-handler.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chunkview.testing import strategies as cv
from support import drawn
from testing.drawing import Predicate, deltas, has_unknown, left_open, starts, tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support import Event
    from testing.drawing import Stream


def texts(stream: Stream) -> list[str]:
    return [delta["text"] for delta in deltas(stream) if delta["type"] == "text_delta"]


def is_unknown(item: Event) -> bool:
    return bool(item["type"].startswith("unknown"))


def has(*wanted: str) -> Predicate:
    return lambda stream: tags(stream) & set(wanted)


def calls(stream: Stream) -> int:
    return sum(block["type"] == "tool_use" for block in starts(stream))


HABITS: dict[str, Predicate] = {
    "text": lambda stream: any(texts(stream)),
    "text or a call of a tool": lambda stream: any(texts(stream)) or calls(stream),
    "text beyond ASCII": lambda stream: not "".join(texts(stream)).isascii(),
    "a delta that begins or ends with a blank": lambda stream: any(
        text != text.strip() for text in texts(stream)
    ),
    "a call of a tool": calls,
    "several calls of tools": lambda stream: calls(stream) > 1,
    "a tool's input in several pieces": lambda stream: (
        sum(bool(delta.get("partial_json")) for delta in deltas(stream)) > 1
    ),
    "thinking": has("thinking"),
    "redacted thinking": has("redacted_thinking"),
    "a citation in a delta": has("citations_delta"),
    "a call of a server tool": has("server_tool_use"),
    "a result of a server tool or of MCP": lambda stream: any(
        block["type"].endswith("_tool_result") for block in starts(stream)
    ),
    "a fallback": has("fallback"),
    "a compaction": has("compaction"),
    "a block of MCP": has("mcp_tool_use", "mcp_tool_result", "mcp_tool_listing"),
    "an uploaded file": has("container_upload"),
    "a ping": has("ping"),
    "an empty delta": lambda stream: any(
        "" in (delta.get("text"), delta.get("thinking"), delta.get("partial_json"))
        for delta in deltas(stream)
    ),
    "an unknown block": lambda stream: any(map(is_unknown, starts(stream))),
    "an unknown delta": lambda stream: any(map(is_unknown, deltas(stream))),
    "an unknown event": lambda stream: any(map(is_unknown, stream)),
    "anything unknown": has_unknown,
    "a block without its stop": left_open,
    "no block": lambda stream: not starts(stream),
}
"""What a stream may have."""


def shares(streams: list[Stream]) -> dict[str, float]:
    """In how many streams of a hundred each habit is."""
    return {
        name: 100 * sum(bool(habit(stream)) for stream in streams) / len(streams)
        for name, habit in HABITS.items()
    }


def blank_share(streams: Iterable[Stream]) -> float:
    """How many text deltas of a hundred that are not empty begin with a blank."""
    found = [text[0].isspace() for stream in streams for text in texts(stream) if text]
    return 100 * sum(found) / len(found)


def row(name: str, *figures: float) -> str:
    cells = [f"{figure:.0f}%" if figure >= 10 else f"{figure:.1f}%" for figure in figures]
    return f"| {' | '.join([name, *cells])} |"


def main() -> None:
    options: tuple[dict[str, Any], ...] = ({}, {"realistic": False})
    samples = [drawn(cv.message_streams(**option), 40) for option in options]
    real, wide = map(shares, samples)
    for name in HABITS:
        print(row(name, real[name], wide[name]))
    print(row("text deltas that begin with a blank", *map(blank_share, samples)))


if __name__ == "__main__":
    main()
