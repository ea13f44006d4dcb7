"""Streams that repeat one kind of event as often as you want, to measure growth.

Accumulating an event must cost the same at any time. Each row here is a kind of event that could
break that promise: the events before it, and the n-th event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support import (
    PING,
    block_start,
    block_stop,
    delta,
    json_delta,
    message_delta,
    message_start,
    text_delta,
    tool_start,
)

CITATION = {
    "type": "char_location",
    "cited_text": "a",
    "document_index": 0,
    "document_title": "b",
    "start_char_index": 0,
    "end_char_index": 1,
}
FALLBACK = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
STARTED = [message_start(), block_start()]
Row = tuple[Callable[[int], list[Any]], Callable[[int], Any]]


def after(*events: Any) -> Callable[[int], list[Any]]:
    return lambda _: list(events)


def open_blocks(count: int) -> list[Any]:
    return [message_start(), *map(block_start, range(count))]


def large_block(count: int) -> list[Any]:
    changes = [0] * 100 * count
    return [message_start(), block_start(type="compaction", content=None, tool_changes=changes)]


def with_key(number: int) -> Any:
    return {**message_delta(None), f"key_{number}": 1}


def with_delta_key(number: int) -> Any:
    event = message_delta(None)
    return {**event, "delta": {**event["delta"], f"key_{number}": 1}}


FLOODS: dict[str, Row] = {
    "text_delta": (after(*STARTED), lambda _: text_delta("a")),
    "thinking_delta": (
        after(message_start(), block_start(type="thinking", thinking="")),
        lambda _: delta("thinking_delta", thinking="a"),
    ),
    "signature_delta": (
        after(message_start(), block_start(type="thinking", thinking="")),
        lambda n: delta("signature_delta", signature=f"{n}"),
    ),
    "input_json_delta": (after(message_start(), tool_start()), lambda _: json_delta("1")),
    "citations_delta": (after(*STARTED), lambda _: delta("citations_delta", citation=CITATION)),
    "compaction_delta to a large block": (
        large_block,
        lambda n: delta("compaction_delta", content=f"{n}"),
    ),
    "unknown delta": (after(*STARTED), lambda _: delta("scent_delta")),
    "delta to an unknown block": (
        after(message_start(), block_start(type="scent")),
        lambda _: text_delta("a"),
    ),
    "deltas to two blocks in turn": (
        after(*STARTED, block_start(1)),
        lambda n: text_delta("a", n % 2),
    ),
    "deltas to many blocks in turn": (open_blocks, lambda n: text_delta("a", n)),
    "content_block_start": (after(message_start()), block_start),
    "content_block_start of a fallback": (
        after(message_start()),
        lambda n: block_start(n, **FALLBACK),
    ),
    "content_block_start and stop": (
        after(message_start()),
        lambda n: block_stop(n // 2) if n % 2 else block_start(n // 2),
    ),
    "content_block_stop of many blocks": (open_blocks, block_stop),
    "message_delta": (after(*STARTED), lambda n: message_delta(input_tokens=n)),
    "message_delta after many blocks": (open_blocks, lambda _: message_delta()),
    "message_delta with a new key": (after(*STARTED), with_key),
    "message_delta with a new key in its delta": (after(*STARTED), with_delta_key),
    "message_delta with a new count": (
        after(*STARTED),
        lambda n: message_delta(None, **{f"key_{n}": 1}),
    ),
    "message_delta with iterations": (
        after(*STARTED),
        lambda n: message_delta(
            iterations=[{"type": "message", "input_tokens": n, "output_tokens": n}]
        ),
    ),
    "ping": (after(*STARTED), lambda _: PING),
    "unknown event": (after(*STARTED), lambda n: {"type": "scent", "of": n}),
    "helper event": (after(*STARTED), lambda _: {"type": "text", "text": "a", "snapshot": "a"}),
}


def flood(kind: str, count: int) -> tuple[list[Any], list[Any]]:
    """The events before, and so many events of the kind."""
    before, make = FLOODS[kind]
    return before(count), [make(number) for number in range(count)]
