"""Parsed dict to chunk view, against the SDK's construction, other libraries and a plain tuple."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chunkview import TextDeltaChunk, decode
from chunkview._model import maker

from .events import EVENTS, NOT_OF_THE_SDK, delta
from .peers import READERS, TUPLES, floor_wire, sdk_event, without_nulls

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Measure


DECODERS: dict[str, Callable[[Any], Any]] = {
    "chunkview": decode,
    **{name: read for name, (read, _) in READERS.items()},
}
BATCH = 200


def for_each(read: Callable[[Any], Any], items: list[Any]) -> None:
    for item in items:
        read(item)


@pytest.mark.parametrize("peer", [*DECODERS, "tuple"])
@pytest.mark.parametrize("variant", EVENTS)
def test_parsed_dict(measure: Measure, variant: str, peer: str) -> None:
    if peer == "SDK" and variant in NOT_OF_THE_SDK:
        pytest.skip("the SDK has no class for it")
    event = EVENTS[variant]
    read = TUPLES[variant.partition(",")[0]] if peer == "tuple" else DECODERS[peer]
    measure("parsed dict", variant, peer, BATCH, for_each, read, [event] * BATCH)

    ours = decode(event)
    assert ours.to_event() == event
    if peer == "tuple":
        assert set(read(event)) <= _leaves(event)
    elif peer != "chunkview":
        _, write = READERS[peer]
        assert without_nulls(write(read(event))) == without_nulls(ours.to_event())


@pytest.mark.parametrize("peer", ["chunkview", "SDK"])
def test_recorded_streams(measure: Measure, streams: list[bytes], peer: str) -> None:
    # The SDK skips pings before it constructs anything.
    events = [event for body in streams for event in floor_wire([body]) if event["type"] != "ping"]
    measure("parsed dict", "all recorded", peer, len(events), for_each, DECODERS[peer], events)

    for event in events:
        written = json.loads(json.dumps(sdk_event(event).to_dict()))
        assert without_nulls(written) == without_nulls(decode(event).to_event())


@pytest.mark.parametrize("peer", ["chunkview", "attrs"])
def test_construct(measure: Measure, peer: str) -> None:
    event = EVENTS["text_delta"]
    make = maker(TextDeltaChunk, "chunk")

    def by_maker(text: str) -> TextDeltaChunk:
        return make(event, 0, text)

    def by_init(text: str) -> TextDeltaChunk:
        return TextDeltaChunk(0, text, chunk=event)

    construct = by_maker if peer == "chunkview" else by_init
    measure("construct", "TextDeltaChunk", peer, BATCH, for_each, construct, ["lamp"] * BATCH)
    assert by_maker("lamp") == by_init("lamp") == decode(delta("text_delta", text="lamp"))


def _leaves(value: Any) -> set[Any]:
    children = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)):
        return {value}
    return {leaf for child in children for leaf in _leaves(child)}
