"""SDK objects to chunk views, against Mirascope 1.25.7's wrapper of the same name.

Mirascope needs an older SDK than the other benchmarks, so `make bench` runs this file in an
environment of its own. In other environments only chunkview is measured.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest
from anthropic._models import construct_type
from anthropic.types import RawMessageStreamEvent

from chunkview import decode

from .events import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Measure

ATTRIBUTES = (
    "content",
    "thinking",
    "signature",
    "finish_reasons",
    "model",
    "id",
    "usage",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "cost_metadata",
    "common_finish_reasons",
    "common_usage",
)
OBJECTS = {"text delta": EVENTS["text_delta"], "message_start": EVENTS["message_start"]}
PEERS = [
    "chunkview",
    pytest.param(
        "Mirascope",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("mirascope") is None,
            reason="Mirascope 1.25.7 has an environment of its own: make bench",
        ),
    ),
]
BATCH = 200


def wrapper(peer: str) -> Callable[[Any], Any]:
    if peer == "chunkview":
        return decode
    from mirascope.core.anthropic.call_response_chunk import (  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]
        AnthropicCallResponseChunk,
    )

    return lambda event: AnthropicCallResponseChunk(chunk=event)  # pyright: ignore[reportUnknownVariableType, reportUnknownLambdaType]


def wrap_each(wrap: Callable[[Any], Any], events: list[Any]) -> None:
    for event in events:
        wrap(event)


def read_each(chunks: list[Any]) -> None:
    for chunk in chunks:
        chunk.content  # noqa: B018
        chunk.thinking  # noqa: B018
        chunk.signature  # noqa: B018
        chunk.finish_reasons  # noqa: B018
        chunk.model  # noqa: B018
        chunk.id  # noqa: B018
        chunk.usage  # noqa: B018
        chunk.input_tokens  # noqa: B018
        chunk.cached_tokens  # noqa: B018
        chunk.output_tokens  # noqa: B018
        chunk.cost_metadata  # noqa: B018
        chunk.common_finish_reasons  # noqa: B018
        chunk.common_usage  # noqa: B018


def sdk_object(name: str) -> Any:
    return construct_type(type_=RawMessageStreamEvent, value=OBJECTS[name])


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("name", OBJECTS)
def test_construct(measure: Measure, name: str, peer: str) -> None:
    wrap, event = wrapper(peer), sdk_object(name)
    measure("wrapper", f"construct, {name}", peer, BATCH, wrap_each, wrap, [event] * BATCH)
    assert wrap(event).chunk is event


@pytest.mark.parametrize("peer", PEERS)
def test_read(measure: Measure, peer: str) -> None:
    event = sdk_object("text delta")
    chunk = wrapper(peer)(event)
    measure("wrapper", "read 13 attributes", peer, BATCH, read_each, [chunk] * BATCH)

    ours = decode(event)
    assert str(chunk) == str(ours) == event.delta.text
    for name in ATTRIBUTES:
        if name == "cost_metadata":
            # Its class is not ours. A text delta has no counts.
            assert chunk.cost_metadata.input_tokens is ours.cost_metadata.input_tokens is None
        else:
            assert getattr(chunk, name) == getattr(ours, name), name
