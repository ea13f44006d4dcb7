"""The peers: other ways from an event, or from bytes, to typed Python objects.

Each is set up for speed, as its documentation advises. All read the same description of the wire,
`wire_types`. Like chunkview, they make frozen objects and check types. Unlike chunkview, they drop
unknown keys and refuse unknown tags. Those of `chunkview bench` are in the package.
"""

from __future__ import annotations

import codecs
import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs
import cattrs
import httpx_sse
import msgspec
import pydantic
from anthropic import NOT_GIVEN, Anthropic
from anthropic._streaming import Stream
from anthropic.lib.streaming import MessageStream
from anthropic.types import RawMessageStreamEvent
from cattrs.strategies import configure_tagged_union

from chunkview._cli.bench.peers import chunkview_wire, floor_wire
from chunkview._cli.bench.sdk import sdk_event, sdk_wire
from chunkview._cli.bench.structs import STRUCTS, floor_wire_msgspec, structs_wire
from chunkview._cli.bench.wire_types import is_optional, union_of, wire_types

__all__ = [
    "READERS",
    "TUPLES",
    "chunkview_wire",
    "floor_wire",
    "floor_wire_msgspec",
    "httpx_sse_body",
    "httpx_sse_wire",
    "sdk_event",
    "sdk_stream",
    "sdk_wire",
    "structs_wire",
    "without_nulls",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Read = Callable[[Any], Any]


def _cattrs() -> tuple[Read, Read]:
    converter = cattrs.Converter(detailed_validation=False)

    def make(name: str, fields: dict[str, Any]) -> Any:
        attributes = {
            field: attrs.field(type=kind, default=None if is_optional(kind) else attrs.NOTHING)
            for field, kind in sorted(fields.items(), key=lambda item: is_optional(item[1]))
        }
        return attrs.make_class(name, attributes, frozen=True)

    def one_of(variants: dict[str, Any]) -> Any:
        tags = {cls: tag for tag, cls in variants.items()}
        events = union_of(tags)
        configure_tagged_union(events, converter, tags.__getitem__, tag_name="type")
        return events

    event = wire_types(make, one_of)
    return (
        lambda data: converter.structure(data, event),
        lambda made: converter.unstructure(made, event),
    )


def _pydantic() -> tuple[Read, Read]:
    config = pydantic.ConfigDict(frozen=True)

    def make(name: str, fields: dict[str, Any]) -> Any:
        definitions: dict[str, Any] = {
            field: (kind, None if is_optional(kind) else ...) for field, kind in fields.items()
        }
        return pydantic.create_model(name, __config__=config, **definitions)

    def one_of(variants: dict[str, Any]) -> Any:
        tagged = (
            pydantic.create_model(tag, __base__=cls, type=(Literal[tag], ...))  # type: ignore[arg-type]
            for tag, cls in variants.items()
        )
        return Annotated[union_of(tagged), pydantic.Field(discriminator="type")]

    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(wire_types(make, one_of))
    return adapter.validate_python, adapter.dump_python


# `convert` examines a Union again at each call, but it remembers a Struct. With the Union inside a
# Struct it is ten times as fast.
_Holder = msgspec.defstruct("_Holder", [("event", STRUCTS)], array_like=True)


READERS: dict[str, tuple[Read, Read]] = {
    "SDK": (sdk_event, lambda made: made.to_dict()),
    "cattrs": _cattrs(),
    "pydantic": _pydantic(),
    "msgspec.convert": (
        lambda event: msgspec.convert((event,), _Holder).event,  # type: ignore[attr-defined]
        msgspec.to_builtins,
    ),
}
"""For each peer: from a parsed event to its object, and back."""

TUPLES: dict[str, Read] = {
    "message_start": lambda event: (
        (message := event["message"])["id"],
        message["model"],
        (usage := message["usage"])["input_tokens"],
        usage["output_tokens"],
    ),
    "content_block_start": lambda event: (event["index"], (event["content_block"])["type"]),
    "text_delta": lambda event: (event["index"], event["delta"]["text"]),
    "input_json_delta": lambda event: (event["index"], event["delta"]["partial_json"]),
    "thinking_delta": lambda event: (event["index"], event["delta"]["thinking"]),
    "signature_delta": lambda event: (event["index"], event["delta"]["signature"]),
    "compaction_delta": lambda event: (event["index"], event["delta"]["content"]),
    "citations_delta": lambda event: (
        event["index"],
        (citation := event["delta"]["citation"])["cited_text"],
        citation.get("url"),
    ),
    "content_block_stop": lambda event: (event["type"], event["index"]),
    "message_delta": lambda event: (
        event["delta"]["stop_reason"],
        event["usage"]["output_tokens"],
    ),
    "message_stop": lambda event: (event["type"],),
    "ping": lambda event: (event["type"],),
    "error": lambda event: ((error := event["error"])["type"], error["message"]),
}
"""The floor: pick the wanted fields of a known type of event, without checks."""


def sdk_stream(pieces: Iterable[bytes]) -> Any:
    """What `client.messages.stream()` does with the body of a response; gives its final message."""
    raw: Stream[RawMessageStreamEvent] = Stream(
        cast_to=typing.cast("type[RawMessageStreamEvent]", RawMessageStreamEvent),
        response=_Response(pieces),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        client=_CLIENT,
    )
    with MessageStream(raw, output_format=NOT_GIVEN) as stream:
        for _ in stream:
            pass
        return stream.get_final_message()


_CLIENT = Anthropic(api_key="not used: nothing is sent")


def httpx_sse_wire(pieces: Iterable[bytes]) -> list[Any]:
    """httpx-sse and the standard library's JSON give plain dicts."""
    source = httpx_sse.EventSource(_Response(pieces))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return [sse.json() for sse in source.iter_sse()]


def httpx_sse_body(body: bytes) -> list[Any]:
    """The same for a whole body, as `chunkview bench` gives it."""
    return httpx_sse_wire([body])


class _Response:
    """The part of an HTTP response that httpx-sse and the SDK use."""

    headers: typing.ClassVar = {"content-type": "text/event-stream"}

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def iter_bytes(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        """There is no connection."""

    def iter_text(self) -> Iterator[str]:
        return codecs.iterdecode(self._pieces, "utf-8")


def without_nulls(value: Any) -> Any:
    """A JSON value without its null members, which the peers treat differently."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [without_nulls(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
