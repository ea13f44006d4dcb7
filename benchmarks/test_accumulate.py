"""Chunk views to a Message, against the SDK's `accumulate_event`, and how the cost grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event

from chunkview import Accumulator, Message, accumulate, decode
from floods import FLOODS, flood

from .peers import sdk_event, without_nulls

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from .conftest import Growth, Measure

START: dict[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "output_tokens": 1},
    },
}
END: list[dict[str, Any]] = [
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 412},
    },
    {"type": "message_stop"},
]
BLOCKS: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": ""},
    "tool input": {"type": "tool_use", "id": "toolu_01", "name": "write_file", "input": {}},
}


def stream(kind: str, count: int) -> list[dict[str, Any]]:
    """The events of a stream with `count` deltas of a few characters."""
    if kind == "text":
        deltas = [{"type": "text_delta", "text": " and a lamp"}] * count
    else:
        parts = ['{"content": "', *[" and a lamp"] * (count - 2), '"}']
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    return [
        START,
        {"type": "content_block_start", "index": 0, "content_block": BLOCKS[kind]},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        *END,
    ]


def sdk_accumulate(events: list[Any]) -> Any:
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    return snapshot


@pytest.mark.parametrize("kind", FLOODS)
def test_growth_of_any_event(growth: Growth, kind: str) -> None:
    """Few and many events of each kind: this shows whether the cost per event grows."""

    def prepare(count: int) -> tuple[list[Any], Callable[[list[Any]], None]]:
        chunks = [decode(event) for events in flood(kind, count) for event in events]
        return chunks, lambda chunks: Accumulator().extend(chunks)

    growth("flood", kind, prepare)


PEERS: dict[str, tuple[Callable[[Any], Any], Callable[[list[Any]], Any]]] = {
    "chunkview": (decode, accumulate),
    "SDK": (sdk_event, sdk_accumulate),
}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("count", [1000, 2000, 10_000, 100_000], ids="{:,}".format)
@pytest.mark.parametrize("kind", BLOCKS)
def test_accumulate(
    measure: Measure, benchmark: BenchmarkFixture, kind: str, count: int, peer: str
) -> None:
    if peer == "SDK" and count > (2000 if kind == "tool input" else 10_000):
        pytest.skip("takes the SDK too long: its time grows with the square of the block")
    read, take = PEERS[peer]
    events = stream(kind, count if benchmark.enabled else count // 10)
    items = [read(event) for event in events]
    row = f"{count:,} deltas of {kind}"
    made = measure("accumulate", row, peer, count, take, items)

    ours = accumulate(events)
    written = made.to_dict()
    assert made.content[0].type == BLOCKS[kind]["type"]
    assert without_nulls(written) == without_nulls(ours.to_dict())
    assert isinstance(made, Message) == (peer == "chunkview")
