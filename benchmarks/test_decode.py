"""Parsed dict to chunk view, against the SDK's construction, other libraries and a plain tuple."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chunkview import TextDeltaChunk, decode
from chunkview._model import maker

from .peers import READERS, TUPLES, floor_wire, sdk, without_nulls

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Measure


def _delta(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}}


EVENTS: dict[str, dict[str, Any]] = {
    "text_delta": _delta("text_delta", text=" and the lamp"),
    "input_json_delta": _delta("input_json_delta", partial_json='{"city": "Li'),
    "thinking_delta": _delta("thinking_delta", thinking="The log gives the date"),
    "signature_delta": _delta("signature_delta", signature="ErUBCkYIBxgCIkDbEx" * 16),
    "citations_delta": _delta(
        "citations_delta",
        citation={
            "type": "web_search_result_location",
            "cited_text": "The lamp was lit on 4 May.",
            "url": "https://example.org/lamp",
            "title": "The lamp",
            "encrypted_index": "Eo8BCioIBhgBIiQ" * 8,
        },
    ),
    "content_block_start": {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "text", "text": ""},
    },
    "content_block_stop": {"type": "content_block_stop", "index": 0},
    "message_start": {
        "type": "message_start",
        "message": {
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 2318,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 0,
                    "ephemeral_1h_input_tokens": 0,
                },
                "output_tokens": 3,
                "service_tier": "standard",
            },
        },
    },
    "message_delta": {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 2318, "output_tokens": 412, "cache_read_input_tokens": 0},
    },
    "message_stop": {"type": "message_stop"},
}

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
    event = EVENTS[variant]
    read = TUPLES[variant] if peer == "tuple" else DECODERS[peer]
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
        written = json.loads(json.dumps(sdk(event).to_dict()))
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
    assert by_maker("lamp") == by_init("lamp") == decode(_delta("text_delta", text="lamp"))


def _leaves(value: Any) -> set[Any]:
    children = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)):
        return {value}
    return {leaf for child in children for leaf in _leaves(child)}
