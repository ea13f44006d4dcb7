"""The peers: other ways from an event, or from bytes, to typed Python objects.

Each is set up for speed, as its documentation advises. All read the same description of the wire,
`wire_types`. Like chunkview, they make frozen objects and check types. Unlike chunkview, they drop
unknown keys and refuse unknown tags.
"""

from __future__ import annotations

import codecs
import functools
import json
import operator
import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs
import cattrs
import httpx_sse
import msgspec
import pydantic
from anthropic import NOT_GIVEN, Anthropic
from anthropic._models import construct_type
from anthropic._streaming import SSEDecoder, Stream
from anthropic.lib.streaming import MessageStream
from anthropic.types import RawMessageStreamEvent
from cattrs.strategies import configure_tagged_union

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Make = Callable[[str, dict[str, Any]], Any]
    Read = Callable[[Any], Any]


def wire_types(make: Make, one_of: Callable[[dict[str, Any]], Any]) -> Any:
    """Describe the events of a stream to a library.

    Args:
        make: Makes a class from a name and the types of the fields. Optional fields default to
            None.
        one_of: Makes the union of classes, which are given by their tags.

    Returns:
        The type of an event.
    """

    def union(**variants: dict[str, Any]) -> Any:
        return one_of({tag: make(tag, fields) for tag, fields in variants.items()})

    array: Any = list
    count, text = int | None, str | None
    cache_creation = make(
        "cache_creation", {"ephemeral_5m_input_tokens": count, "ephemeral_1h_input_tokens": count}
    )
    counts = {
        "output_tokens": int,
        "cache_creation_input_tokens": count,
        "cache_read_input_tokens": count,
    }
    usage = make(
        "usage",
        {"input_tokens": int, "service_tier": text, "cache_creation": cache_creation | None}
        | {"inference_geo": text}
        | counts,
    )
    server_tools = make("server_tools", {"web_search_requests": int, "web_fetch_requests": count})
    delta_usage = make(
        "delta_usage", {"input_tokens": count, "server_tool_use": server_tools | None} | counts
    )
    citation = union(
        web_search_result_location={
            "cited_text": str,
            "url": str,
            "encrypted_index": str,
            "title": text,
        },
        char_location={
            "cited_text": str,
            "document_index": int,
            "start_char_index": int,
            "end_char_index": int,
            "document_title": text,
            "file_id": text,
        },
    )
    tool_use = {"id": str, "name": str, "input": dict[str, Any]}
    block = union(
        text={"text": str, "citations": array[citation] | None},
        thinking={"thinking": str, "signature": text},
        redacted_thinking={"data": str},
        tool_use=tool_use,
        server_tool_use=tool_use,
        web_search_tool_result={"tool_use_id": str, "content": Any},
        compaction={"content": text},
    )
    message = make(
        "message",
        {
            "type": str,
            "id": str,
            "model": str,
            "role": str,
            "content": array[block],
            "usage": usage,
            "stop_reason": text,
            "stop_sequence": text,
        },
    )
    delta = union(
        text_delta={"text": str},
        input_json_delta={"partial_json": str},
        thinking_delta={"thinking": str},
        signature_delta={"signature": str},
        citations_delta={"citation": citation},
        compaction_delta={"content": text},
    )
    stop = make("stop", {"stop_reason": text, "stop_sequence": text})
    return union(
        message_start={"message": message},
        content_block_start={"index": int, "content_block": block},
        content_block_delta={"index": int, "delta": delta},
        content_block_stop={"index": int},
        message_delta={"delta": stop, "usage": delta_usage},
        message_stop={},
        ping={},
        error={"error": make("error_details", {"type": str, "message": str})},
    )


def _is_optional(kind: Any) -> bool:
    return type(None) in typing.get_args(kind)


def _union(classes: Iterable[Any]) -> Any:
    return functools.reduce(operator.or_, classes)


def _cattrs() -> tuple[Read, Read]:
    converter = cattrs.Converter(detailed_validation=False)

    def make(name: str, fields: dict[str, Any]) -> Any:
        attributes = {
            field: attrs.field(type=kind, default=None if _is_optional(kind) else attrs.NOTHING)
            for field, kind in sorted(fields.items(), key=lambda item: _is_optional(item[1]))
        }
        return attrs.make_class(name, attributes, frozen=True)

    def one_of(variants: dict[str, Any]) -> Any:
        tags = {cls: tag for tag, cls in variants.items()}
        union = _union(tags)
        configure_tagged_union(union, converter, tags.__getitem__, tag_name="type")
        return union

    event = wire_types(make, one_of)
    return (
        lambda data: converter.structure(data, event),
        lambda made: converter.unstructure(made, event),
    )


def _pydantic() -> tuple[Read, Read]:
    config = pydantic.ConfigDict(frozen=True)

    def make(name: str, fields: dict[str, Any]) -> Any:
        definitions: dict[str, Any] = {
            field: (kind, None if _is_optional(kind) else ...) for field, kind in fields.items()
        }
        return pydantic.create_model(name, __config__=config, **definitions)

    def one_of(variants: dict[str, Any]) -> Any:
        tagged = (
            pydantic.create_model(tag, __base__=cls, type=(Literal[tag], ...))  # type: ignore[arg-type]
            for tag, cls in variants.items()
        )
        union = _union(tagged)
        return Annotated[union, pydantic.Field(discriminator="type")]

    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(wire_types(make, one_of))
    return adapter.validate_python, adapter.dump_python


def _msgspec() -> Any:
    def make(name: str, fields: dict[str, Any]) -> Any:
        definitions = [
            (field, kind, None) if _is_optional(kind) else (field, kind)
            for field, kind in fields.items()
        ]
        return msgspec.defstruct(name, definitions, frozen=True, kw_only=True)

    def one_of(variants: dict[str, Any]) -> Any:
        tagged = (
            msgspec.defstruct(tag, [], bases=(cls,), tag=tag, tag_field="type", frozen=True)
            for tag, cls in variants.items()
        )
        return _union(tagged)

    return wire_types(make, one_of)


_STRUCTS = _msgspec()
# `convert` examines a Union again at each call, but it remembers a Struct. With the Union inside a
# Struct it is ten times as fast.
_Holder = msgspec.defstruct("_Holder", [("event", _STRUCTS)], array_like=True)


def sdk(event: Any) -> Any:
    """Construct an event as the SDK's client does."""
    return construct_type(type_=RawMessageStreamEvent, value=event)


READERS: dict[str, tuple[Read, Read]] = {
    "SDK": (sdk, lambda made: made.to_dict()),
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


def sdk_wire(pieces: Iterable[bytes]) -> list[Any]:
    """The SDK's decoder and construction, without an HTTP response."""
    return [sdk(sse.json()) for sse in SSEDecoder().iter_bytes(iter(pieces)) if sse.event != "ping"]


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


def floor_wire(pieces: Iterable[bytes], loads: Callable[[bytes], Any] = json.loads) -> list[Any]:
    """The floor finds the payload and parses its JSON."""
    parsed = []
    rest = b""
    for piece in pieces:
        *events, rest = (rest + piece).split(b"\n\n")
        for event in events:
            parsed.append(loads(event[event.index(b"data: ") + 6 :]))  # noqa: PERF401
    return parsed


_decode_structs = msgspec.json.Decoder(_STRUCTS).decode
_decode_plain = msgspec.json.Decoder().decode


def structs_wire(pieces: Iterable[bytes]) -> list[Any]:
    """The floor's framing, with tagged Structs made from the JSON text."""
    return floor_wire(pieces, _decode_structs)


def floor_wire_msgspec(pieces: Iterable[bytes]) -> list[Any]:
    """The floor with msgspec's JSON."""
    return floor_wire(pieces, _decode_plain)


def without_nulls(value: Any) -> Any:
    """A JSON value without its null members, which the peers treat differently."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [without_nulls(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
