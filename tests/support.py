"""Shared by the tests: recorded streams, events made by hand, the SDK as an oracle."""

from __future__ import annotations

import functools
import gc
import json
import os
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import anthropic
import attrs
from anthropic._models import construct_type
from anthropic.lib.streaming import _messages
from anthropic.types import RawMessageStreamEvent
from anthropic.types.beta import BetaRawMessageStreamEvent
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from chunkview.testing import recording, recording_names
from chunkview.testing import strategies as cv

Event = dict[str, Any]


def examples(times: float) -> settings:
    """A multiple of the examples that the profile asks for, and at least five."""
    return settings(max_examples=max(5, int(times * settings().max_examples)))


def lines_run_by(step: Callable[[], object]) -> int:
    """How many lines of Python a step runs."""
    lines = 0

    def trace(_frame: Any, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    gc.disable()  # Hypothesis has a callback, whose lines would count
    sys.settrace(trace)
    try:
        step()
    finally:
        sys.settrace(before)
        gc.enable()
    return lines


def drawn(strategy: SearchStrategy[Any], rounds: int, first: int = 0) -> list[Any]:
    """Draw a hundred values a round, the same ones in each test run.

    The values of one round are far from independent, hence several rounds.

    Args:
        strategy: Where the values come from.
        rounds: How many rounds.
        first: The number of the first round. Another number gives other values.
    """
    values: list[Any] = []

    def collect(value: Any) -> None:
        values.append(value)

    quick = settings(
        max_examples=100,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    for number in range(first, first + rounds):
        seed(number)(quick(given(strategy)(collect)))()
    return values


def any_streams(**options: Any) -> SearchStrategy[list[Event]]:
    """Streams that look real, and those of the widest search."""
    return cv.message_streams(**options) | cv.message_streams(**options, realistic=False)


@attrs.frozen
class Recorded:
    """A recorded body and its events, parsed in the simplest way."""

    name: str
    body: bytes

    @property
    def payloads(self) -> list[bytes]:
        """The payload of each event."""
        lines = self.body.replace(b"\r\n", b"\n").split(b"\n")
        return [line[len(b"data: ") :] for line in lines if line.startswith(b"data: ")]

    @property
    def events(self) -> list[Event]:
        """The events, parsed."""
        return [json.loads(payload) for payload in self.payloads]

    @property
    def breaks_off(self) -> bool:
        """Whether the stream ends in an error event."""
        return bool(self.events[-1]["type"] == "error")


@functools.cache
def recorded_streams() -> list[Recorded]:
    """The bundled recordings, and all streams in the folder CHUNKVIEW_CORPUS and below."""
    streams = [Recorded(name, recording(name)) for name in recording_names()]
    corpus = os.environ.get("CHUNKVIEW_CORPUS")
    if corpus:
        from chunkview._cli.streams import bodies_of
        from chunkview.recordings import is_other_file

        bodies = bodies_of(corpus, skips=lambda recording, _: is_other_file(recording))
        found = [Recorded(Path(name).stem, body) for name, body in bodies]
        assert found, f"CHUNKVIEW_CORPUS={corpus} holds no stream"
        streams += found
    return streams


def message_start(**fields: Any) -> Event:
    message: Event = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    return {"type": "message_start", "message": {**message, **fields}}


def block_start(index: int = 0, **block: Any) -> Event:
    content_block = block or {"type": "text", "text": ""}
    return {"type": "content_block_start", "index": index, "content_block": content_block}


def tool_start(index: int = 0, **fields: Any) -> Event:
    tool = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}, **fields}
    return block_start(index, **tool)


def delta(kind: str, index: float = 0, **fields: Any) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def text_delta(text: str, index: int = 0) -> Event:
    return delta("text_delta", index, text=text)


def json_delta(partial_json: str, index: int = 0) -> Event:
    return delta("input_json_delta", index, partial_json=partial_json)


def thinking_delta(text: str, index: int = 0) -> Event:
    return delta("thinking_delta", index, thinking=text)


def signature(text: str, index: int = 0) -> Event:
    return delta("signature_delta", index, signature=text)


def block_stop(index: int = 0) -> Event:
    return {"type": "content_block_stop", "index": index}


def message_delta(stop_reason: str | None = "end_turn", **usage: Any) -> Event:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason, "stop_sequence": None},
        "usage": {"output_tokens": 5, **usage},
    }


WEB_CITATION: Event = {
    "type": "web_search_result_location",
    "cited_text": "It rains.",
    "url": "https://example.com",
    "encrypted_index": "eA==",
    "title": None,
}

STRING_DELTAS = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}
"""The deltas that are one string: the key of the string, by type."""

MESSAGE_STOP: Event = {"type": "message_stop"}
PING: Event = {"type": "ping"}


def text_stream(*texts: str) -> list[Event]:
    deltas = [text_delta(text) for text in texts]
    return [message_start(), block_start(), *deltas, block_stop(), message_delta(), MESSAGE_STOP]


def tool_stream(*parts: str, **fields: Any) -> list[Event]:
    deltas = [json_delta(part) for part in parts]
    end = [block_stop(), message_delta("tool_use"), MESSAGE_STOP]
    return [message_start(), tool_start(**fields), *deltas, *end]


def whole(*events: Event, reason: str = "end_turn") -> list[Event]:
    """A stream with these events between its beginning and its end."""
    return [message_start(), *events, message_delta(reason), MESSAGE_STOP]


def sse(events: list[Event], **options: Any) -> bytes:
    """The events as the API writes them."""
    return b"".join(
        b"event: %s\ndata: %s\n\n"
        % (event["type"].encode(), json.dumps(event, ensure_ascii=False, **options).encode())
        for event in events
    )


async def as_async(items: Iterable[Any]) -> AsyncIterator[Any]:
    """An asynchronous source of the items."""
    for item in items:
        yield item


def sdk_event(event: Event, *, beta: bool = False) -> Any:
    """The event as the SDK constructs it."""
    union: Any = BetaRawMessageStreamEvent if beta else RawMessageStreamEvent
    return construct_type(type_=union, value=event)


def sdk_message(message: Event, *, beta: bool = False) -> Any:
    """A whole message as the SDK constructs it."""
    types: Any = anthropic.types.beta.BetaMessage if beta else anthropic.types.Message
    return construct_type(type_=types, value=message)


OLD_SDK = anthropic.__version__.startswith("0.")
"""Whether the installed SDK is older than 1.0. Its unions have fewer members then."""

SDK_EVENTS = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)
"""The events that the SDK gives to its users."""


def sdk_accumulate(events: list[Event], *, beta: bool = False) -> dict[str, Any]:
    """The message that the SDK accumulates from a stream, as JSON."""
    with warnings.catch_warnings():
        # The SDK warns about values that its types do not list, but keeps them.
        warnings.filterwarnings("ignore", "Pydantic serializer warnings")
        return _sdk_accumulate(events, beta=beta)


def _sdk_accumulate(events: list[Event], *, beta: bool) -> dict[str, Any]:
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        if event["type"] not in SDK_EVENTS:
            continue
        built = sdk_event(event, beta=beta)
        if beta:
            from anthropic.lib.streaming import _beta_messages  # missing in 0.40

            snapshot = _beta_messages.accumulate_event(
                event=built,
                current_snapshot=snapshot,
                json_bufs=buffers,
                request_headers=None,  # type: ignore[arg-type]
            )
        else:
            snapshot = _messages.accumulate_event(
                event=built, current_snapshot=snapshot, json_bufs=buffers
            )
    dumped: dict[str, Any] = snapshot.to_dict(mode="json", warnings=False)
    return dumped


def without_nulls(value: Any) -> Any:
    """A JSON value without its null keys: the SDK adds and drops these freely."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
