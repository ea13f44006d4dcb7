"""The events of a stream, described once for every library that makes objects of them.

Each class has the fields that recorded streams have. Unknown keys are not kept.
"""

from __future__ import annotations

import functools
import operator
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Make = Callable[[str, dict[str, Any]], Any]

__all__ = ["is_optional", "union_of", "wire_types"]


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


def is_optional(kind: Any) -> bool:
    """Whether a type allows None."""
    return type(None) in typing.get_args(kind)


def union_of(classes: Iterable[Any]) -> Any:
    """Join classes with `|`."""
    return functools.reduce(operator.or_, classes)
