"""The official SDK: what its client does with the bytes of a stream. It needs anthropic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anthropic._models import construct_type
from anthropic._streaming import SSEDecoder
from anthropic.types import RawMessageStreamEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["sdk_event", "sdk_wire"]


def sdk_event(event: Any) -> Any:
    """Construct an event as the SDK's client does."""
    return construct_type(type_=RawMessageStreamEvent, value=event)


def sdk_wire(pieces: Iterable[bytes]) -> list[Any]:
    """The SDK's decoder and construction, without an HTTP response."""
    return [
        sdk_event(sse.json())
        for sse in SSEDecoder().iter_bytes(iter(pieces))
        if sse.event != "ping"
    ]
