"""Streams that repeat one kind of event as often as you want, to measure growth.

Accumulating an event must cost the same at any time. Each row here is a kind of event that could
break that promise: the events before it, and the n-th event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stream_support import CITATION, STARTED
from support import (
    MESSAGE_STOP,
    PING,
    block_start,
    block_stop,
    delta,
    json_delta,
    message_delta,
    message_start,
    signature,
    sse,
    text_delta,
    thinking_delta,
    tool_start,
)

FALLBACK: dict[str, Any] = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
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


def in_turn(*makes: Callable[[int], Any]) -> Callable[[int], Any]:
    """The n-th event is made by one after the other."""
    return lambda n: makes[n % len(makes)](n // len(makes))


def always(event: Any) -> Callable[[int], Any]:
    return lambda _: event


def kinds_at_one_index(count: int) -> list[Any]:
    return [message_start(), block_start(), *(block_start(type=f"kind_{n}") for n in range(count))]


def paused_at_one_index(count: int) -> list[Any]:
    return [*kinds_at_one_index(count), message_delta()]


def unsigned_at_one_index(count: int) -> list[Any]:
    return [message_start(), *[block_start(**THINKING), block_stop()] * count]


def unsigned_before_others(count: int) -> list[Any]:
    blocks = [
        event
        for n in range(count)
        for event in (
            block_start(2 * n, **THINKING),
            block_stop(2 * n),
            block_start(2 * n + 1),
            block_stop(2 * n + 1),
        )
    ]
    return [message_start(), *blocks]


THINKING: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
RESULT: dict[str, Any] = {"type": "web_search_tool_result", "content": []}
IN_TOOL = [message_start(), tool_start()]
STOPPED = [*STARTED, block_stop(), message_delta(), MESSAGE_STOP]

DISORDER: dict[str, Row] = {
    "text without a block": (after(message_start()), lambda n: text_delta("a", n)),
    "a side block that goes on": (after(*IN_TOOL), always(text_delta("a"))),
    "side blocks in turn": (
        after(*IN_TOOL),
        in_turn(always(text_delta("a")), always(thinking_delta("a"))),
    ),
    "side blocks below many open blocks": (
        kinds_at_one_index,
        in_turn(always(thinking_delta("a", 1)), always(text_delta("a", 1))),
    ),
    "side blocks that are stopped": (
        after(*IN_TOOL),
        in_turn(always(text_delta("a")), always(block_stop())),
    ),
    "side blocks that get their start": (
        after(*IN_TOOL),
        in_turn(always(text_delta("a")), always(block_start()), always(block_stop())),
    ),
    "text of a closed block": (after(*STARTED, block_stop()), always(text_delta("a"))),
    "repeated start": (after(*STARTED), always(block_start())),
    "repeated start between empty deltas": (
        after(*STARTED),
        in_turn(always(text_delta("")), always(block_start())),
    ),
    "repeated start between deltas": (
        after(*STARTED),
        in_turn(always(text_delta("a")), always(block_start())),
    ),
    "repeated start with a new key": (
        after(*STARTED),
        lambda n: block_start(type="text", text="", **{f"key_{n}": 1}),
    ),
    "repeated start of a large block": (
        large_block,
        always(block_start(type="compaction", content=None)),
    ),
    "repeated start of a tool without an id": (
        after(message_start(), tool_start(id=""), json_delta('{"a": "')),
        in_turn(always(json_delta("}")), always(tool_start(id=""))),
    ),
    "repeated start of a tool without an id whose input is no JSON": (
        after(message_start(), tool_start(id=""), json_delta("{a}")),
        in_turn(always(json_delta(" ")), always(tool_start(id=""))),
    ),
    "repeated start of a tool with blank input": (
        after(*IN_TOOL),
        in_turn(always(json_delta(" ")), always(tool_start())),
    ),
    "tools at one index": (after(message_start()), lambda n: tool_start(id=f"t_{n}")),
    "tools with one id": (
        after(message_start()),
        in_turn(lambda n: tool_start(n), lambda n: json_delta("{}", n), block_stop),
    ),
    "tools without ids at one index": (
        after(message_start()),
        in_turn(always(tool_start(id="")), always(json_delta("{}"))),
    ),
    "results at one index": (
        after(message_start()),
        lambda n: block_start(**RESULT, tool_use_id=f"t_{n}"),
    ),
    "kinds at one index": (after(message_start()), lambda n: block_start(type=f"kind_{n}")),
    "indices that are not consecutive": (
        after(message_start()),
        lambda n: block_start(2 * n + 5),
    ),
    "indices downwards": (after(message_start()), lambda n: block_start(1_000_000 - n)),
    "stop without a start": (after(*STARTED), always(block_stop(7))),
    "stop of a closed block": (after(*STARTED, block_stop()), always(block_stop())),
    "stops of many kinds at one index": (kinds_at_one_index, always(block_stop())),
    "stops of many paused blocks": (paused_at_one_index, always(block_stop())),
    "late signatures of one index": (unsigned_at_one_index, always(signature("s"))),
    "late signatures in front of other blocks": (
        unsigned_before_others,
        lambda n: signature("s", 2 * n + 1),
    ),
    "signature for nothing": (unsigned_before_others, lambda n: signature("s", 1_000_000 + n)),
    "late empty signatures of a block with many keys": (
        lambda count: [
            message_start(),
            block_start(**THINKING, **{f"key_{n}": 1 for n in range(10 * count)}),
            block_stop(),
        ],
        always(signature("")),
    ),
    "empty signature": (after(message_start(), block_start(**THINKING)), always(signature(""))),
    "pauses and goings on": (
        after(*STARTED),
        in_turn(always(message_delta()), always(text_delta("a"))),
    ),
    "pauses and goings on below many paused blocks": (
        paused_at_one_index,
        in_turn(always(text_delta("a")), always(message_delta())),
    ),
    "starts and pauses": (
        after(message_start()),
        in_turn(block_start, always(message_delta())),
    ),
    "starts and pauses at one index": (
        after(message_start()),
        in_turn(lambda n: block_start(type=f"kind_{n}"), always(message_delta())),
    ),
    "deltas after a stop reason": (after(*STARTED, message_delta()), always(text_delta("a"))),
    "deltas to many paused blocks": (
        lambda count: [*open_blocks(count), message_delta()],
        lambda n: text_delta("a", n),
    ),
    "message_delta without its reason": (
        after(*STARTED, message_delta()),
        always(message_delta(None)),
    ),
    "message_delta with falling counts": (
        after(*STARTED, message_delta(input_tokens=10**9)),
        lambda n: message_delta(input_tokens=10**9 - n),
    ),
    "message_start again": (
        after(message_start()),
        lambda n: message_start(usage={"input_tokens": n, "output_tokens": 1}),
    ),
    "message_start again with a new key": (
        after(message_start()),
        lambda n: message_start(**{f"key_{n}": 1}),
    ),
    "message_stop again": (after(*STOPPED), always(MESSAGE_STOP)),
    "message_delta after message_stop": (after(*STOPPED), always(message_delta())),
    "stop after message_stop": (after(*STOPPED), always(block_stop())),
    "stops of many blocks after message_stop": (
        lambda count: [*open_blocks(count), message_delta(), MESSAGE_STOP],
        block_stop,
    ),
    "delta that nothing takes": (after(*STARTED), always(json_delta("1"))),
    "citation that nothing takes": (
        after(*IN_TOOL),
        always(delta("citations_delta", citation=CITATION)),
    ),
}
"""Events in disorder. Several of these rows have more than 100 findings."""

FLOODS: dict[str, Row] = {
    **DISORDER,
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


OffWire = tuple[bytes, Callable[[int], bytes]]


def of_bytes(*pieces: bytes) -> Callable[[int], bytes]:
    """The n-th piece is one after the other."""
    return lambda n: pieces[n % len(pieces)]


TEXT_START = sse(STARTED)
WHOLE = sse([*STARTED, block_stop(), message_delta(), MESSAGE_STOP])
MISSHAPEN: dict[str, Any] = {"type": "error", "error": "boom"}
MISFITS = message_start(id=1, model=[], usage={"input_tokens": "1"}, role=None, content="x")
POOR_DELTA: dict[str, Any] = {"type": "message_delta", "usage": {"iterations": [5]}}

OFF_WIRE: dict[str, OffWire] = {
    "error events": (TEXT_START, of_bytes(sse([MISSHAPEN]))),
    "error events and other events": (TEXT_START, of_bytes(sse([MISSHAPEN]), sse([PING]))),
    "error events and broken events": (TEXT_START, of_bytes(sse([MISSHAPEN]), b"data: x\n\n")),
    "second messages": (b"", of_bytes(WHOLE)),
    "second messages with faults": (b"", of_bytes(sse([MISFITS, MESSAGE_STOP]))),
    "second messages after an error": (WHOLE + sse([MISSHAPEN]), of_bytes(WHOLE)),
    "second messages in the middle": (TEXT_START, of_bytes(sse([message_start()]))),
    "events without a message": (b"", of_bytes(sse([text_delta("a")]))),
    "content after message_stop": (WHOLE, lambda n: sse([block_start(n), text_delta("a", n)])),
    "data that is no object": (TEXT_START, of_bytes(b"data: x\n\n", b"event: a\ndata: [1]\n\n")),
    "no data": (TEXT_START, of_bytes(b"event: a\n\n", b"event: ping\n\n")),
    "events that are not separated": (TEXT_START, of_bytes(b"data: {}\ndata: {}\n\n")),
    "HTML between events": (TEXT_START, of_bytes(b"<p>\n\n")),
    "no index": (TEXT_START, of_bytes(sse([{"type": "content_block_stop"}]))),
    "no block": (TEXT_START, of_bytes(sse([{"type": "content_block_start", "index": 1}]))),
    "[DONE]": (TEXT_START, of_bytes(b"data: [DONE]\n\n")),
    "[DONE] with a name": (TEXT_START, of_bytes(b"event: data\ndata: [DONE]\n\n")),
    "[DONE] by turns with text": (
        TEXT_START,
        of_bytes(b"data: [DONE]\n\n", sse([text_delta("a")])),
    ),
    "no event lines": (TEXT_START, of_bytes(b'data: {"type":"ping"}\n\n')),
    "deltas without event lines": (
        TEXT_START,
        of_bytes(sse([text_delta("a")]).partition(b"\n")[2]),
    ),
    "other event lines": (TEXT_START, of_bytes(b'event: a\ndata: {"type":"ping"}\n\n')),
    "no types": (TEXT_START, of_bytes(b"event: ping\ndata: {}\n\n")),
    "half characters": (TEXT_START, of_bytes(sse([text_delta("a")]).replace(b'"a"', rb'"\ud83d"'))),
    "control characters": (TEXT_START, of_bytes(sse([text_delta("a")]).replace(b'"a"', b'"\t"'))),
    "message_start again with faulty fields": (b"", of_bytes(sse([MISFITS]))),
    "message_delta with faulty fields": (TEXT_START, of_bytes(sse([POOR_DELTA]))),
    "blocks with faulty fields": (
        TEXT_START,
        lambda n: sse([block_start(n + 1, type="text", text=5, citations=[5])]),
    ),
    "tools with faulty fields": (
        TEXT_START,
        lambda n: sse([tool_start(n + 1, id=None, input="{}", caller=5), block_stop(n + 1)]),
    ),
    "deltas with faulty fields": (TEXT_START, of_bytes(sse([delta("text_delta")]))),
    "deltas with faulty fields to many blocks": (
        TEXT_START,
        lambda n: sse([block_start(n + 1), delta("text_delta", n + 1)]),
    ),
    "deltas without a type": (
        TEXT_START,
        of_bytes(sse([{"type": "content_block_delta", "index": 0, "delta": {"text": "a"}}])),
    ),
}
"""Bytes in which something is off: the bytes before, and the n-th piece of a body."""
