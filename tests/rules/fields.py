"""The slow, obvious reader of fields: one event or part to its values, by section 2 of the rules.

It imports nothing from chunkview, so that it can be compared with it. The tables have every named
key of the API's objects, what its value is, and so what its default is.
Comments that begin with "Choice:" name what the rules leave open, and what is done here.
"""

from __future__ import annotations

import json
from typing import Any

from rules.bodies import Event, RefusedError, error_words, is_error, parse
from rules.results import int_of

__all__ = [
    "BLOCKS",
    "CITATIONS",
    "DELTAS",
    "EVENTS",
    "ONE_STRING_DELTAS",
    "PARTS",
    "TOLD_BY_KEY",
    "Values",
    "contract",
    "read_block",
    "read_citation",
    "read_event",
    "read_part",
]

Values = dict[str, Any]
"""The values of an object: by the names of the attributes, the class under "is"."""

# What a field is: a kind, and the key where it is not the attribute's name. "?": the default is
# None. "!": essential. "*": essential to fit when it is there. "[…]": an array of these.
_COUNTS = {
    "input_tokens": "int?",
    "output_tokens": "int?",
    "cache_creation_input_tokens": "int?",
    "cache_read_input_tokens": "int?",
    "cache_creation": "cache_creation?",
}
_USAGE = {
    **_COUNTS,
    "server_tool_use": "server_tool_use?",
    "service_tier": "str?",
    "output_tokens_details": "output_tokens_details?",
    "inference_geo": "str?",
    "speed": "str?",
    "iterations": "[iteration]?",
    "fallback_credit": "object?",
}
_TOOL = {"id": "str", "name": "str!", "input": "input"}
_RESULT = {
    "tool_use_id": "str",
    "content": "any?",
    "is_error": "bool?",
    "caller": "object?",
}

PARTS: dict[str, tuple[str, dict[str, str]]] = {
    "message": (
        "Message",
        {
            "id": "str",
            "model": "str",
            "content": "[block]",
            "usage": "usage",
            "stop_reason": "str?",
            "stop_sequence": "str?",
            "role": "role",
            "stop_details": "object?",
            "container": "object?",
            "context_management": "object?",
            "diagnostics": "object?",
            "input_transformations": "array?",
        },
    ),
    "usage": ("Usage", _USAGE),
    "delta_usage": ("MessageDeltaUsage", _USAGE),
    "cache_creation": (
        "CacheCreation",
        {"ephemeral_5m_input_tokens": "int?", "ephemeral_1h_input_tokens": "int?"},
    ),
    "server_tool_use": (
        "ServerToolUsage",
        {"web_search_requests": "int?", "web_fetch_requests": "int?"},
    ),
    "output_tokens_details": ("OutputTokensDetails", {"thinking_tokens": "int?"}),
    "iteration": ("IterationUsage", {"type": "str", **_COUNTS, "model": "str?"}),
    "fallback_info": ("FallbackInfo", {"model": "str"}),
}
"""The class and the fields of each object that no `type` tells from others."""

BLOCKS: dict[str, tuple[str, dict[str, str]]] = {
    "text": ("TextBlock", {"text": "str", "citations": "[citation]?"}),
    "thinking": ("ThinkingBlock", {"thinking": "str", "signature": "str"}),
    "redacted_thinking": ("RedactedThinkingBlock", {"data": "str"}),
    "tool_use": ("ToolUseBlock", {**_TOOL, "caller": "object?", "toolset_name": "str?"}),
    "server_tool_use": ("ServerToolUseBlock", {**_TOOL, "caller": "object?"}),
    "mcp_tool_use": ("McpToolUseBlock", {**_TOOL, "server_name": "str"}),
    "container_upload": ("ContainerUploadBlock", {"file_id": "str"}),
    "compaction": (
        "CompactionBlock",
        {
            "content": "str?",
            "encrypted_content": "str?",
            "signature": "str?",
            "tool_changes": "array?",
        },
    ),
    "fallback": (
        "FallbackBlock",
        {"from_": "fallback_info from", "to": "fallback_info", "trigger": "object?"},
    ),
    "mcp_tool_listing": ("McpToolListingBlock", {"mcp_server_name": "str", "tools": "array"}),
    **dict.fromkeys(
        (
            "web_search_tool_result",
            "web_fetch_tool_result",
            "advisor_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "mcp_tool_result",
        ),
        ("ToolResultBlock", _RESULT),
    ),
}

_OF_DOCUMENT = {"cited_text": "str", "document_index": "int?"}
_TITLE = {"document_title": "str?", "file_id": "str?"}
_BLOCK_RANGE = {"start_block_index": "int?", "end_block_index": "int?"}
CITATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "char_location": (
        "CharLocationCitation",
        {**_OF_DOCUMENT, "start_char_index": "int?", "end_char_index": "int?", **_TITLE},
    ),
    "page_location": (
        "PageLocationCitation",
        {**_OF_DOCUMENT, "start_page_number": "int?", "end_page_number": "int?", **_TITLE},
    ),
    "content_block_location": (
        "ContentBlockLocationCitation",
        {**_OF_DOCUMENT, **_BLOCK_RANGE, **_TITLE},
    ),
    "web_search_result_location": (
        "WebSearchResultLocationCitation",
        {"cited_text": "str", "url": "str", "encrypted_index": "str", "title": "str?"},
    ),
    "search_result_location": (
        "SearchResultLocationCitation",
        {
            "cited_text": "str",
            "source": "str",
            "search_result_index": "int?",
            **_BLOCK_RANGE,
            "title": "str?",
        },
    ),
}

ONE_STRING_DELTAS = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}
TOLD_BY_KEY = {
    **{key: tag for tag, key in ONE_STRING_DELTAS.items()},
    "citation": "citations_delta",
}

DELTAS: dict[str, tuple[str, dict[str, str]]] = {
    "text_delta": ("TextDeltaChunk", {"text": "str* delta.text"}),
    "input_json_delta": ("InputJsonDeltaChunk", {"partial_json": "str* delta.partial_json"}),
    "thinking_delta": (
        "ThinkingDeltaChunk",
        {"thinking": "str* delta.thinking", "estimated_tokens": "int? delta.estimated_tokens"},
    ),
    "signature_delta": ("SignatureDeltaChunk", {"signature": "str* delta.signature"}),
    "citations_delta": ("CitationsDeltaChunk", {"citation": "citation? delta.citation"}),
    "compaction_delta": (
        "CompactionDeltaChunk",
        {
            "summary": "str? delta.content",
            "encrypted_content": "str? delta.encrypted_content",
        },
    ),
    "": ("UnknownDeltaChunk", {"delta_type": "str delta.type", "delta": "object!"}),
}

EVENTS: dict[str, tuple[str, dict[str, str]]] = {
    "message_start": ("MessageStartChunk", {"message": "message"}),
    "content_block_start": (
        "ContentBlockStartChunk",
        {"index": "index!", "content_block": "block!"},
    ),
    "content_block_stop": ("ContentBlockStopChunk", {"index": "index!"}),
    "message_delta": (
        "MessageDeltaChunk",
        {
            "stop_reason": "str? delta.stop_reason",
            "stop_sequence": "str? delta.stop_sequence",
            "usage": "delta_usage?",
            "stop_details": "object? delta.stop_details",
            "container": "object? delta.container",
            "context_management": "object?",
            "input_transformations": "array?",
        },
    ),
    "message_stop": ("MessageStopChunk", {}),
    "ping": ("PingChunk", {}),
}
_OF_THE_HELPER = ("text", "thinking", "signature", "citation", "input_json", "compaction")

_ABSENT: Any = object()
_MISFIT: Any = object()


def read_event(event: Event, refused: list[str]) -> Values:
    """Read an event as the chunk view of it.

    Args:
        event: The event.
        refused: Takes the path of each essential value that is missing or wrong. If there is one,
            the event is refused, and what this function gives is of no use.

    Returns:
        The values.
    """
    tag = event.get("type")
    if isinstance(tag, str) and tag in EVENTS:
        return _read_object(*EVENTS[tag], event, tag, refused)
    if tag == "content_block_delta":
        return _read_delta(event, refused)
    if is_error(event):
        return _read_error(event)
    name = tag if isinstance(tag, str) else ""
    cls = "HelperEventChunk" if name in _OF_THE_HELPER else "UnknownChunk"
    return {"is": cls, "event_type": name, "event": event}


def _read_delta(event: Event, refused: list[str]) -> Values:
    path = "content_block_delta"
    delta = event.get("delta")
    if not isinstance(delta, dict):
        refused.append(f"{path}.delta")
        delta = {}
    tag = delta.get("type")
    if not isinstance(tag, str):
        told = [tag for key, tag in TOLD_BY_KEY.items() if delta.get(key) is not None]
        tag = told[0] if len(told) == 1 else ""
    cls, fields = DELTAS.get(tag, DELTAS[""])
    return _read_object(cls, {"index": "index!", **fields}, event, path, refused)


def _read_error(event: Event) -> Values:
    kind, message = error_words(event)
    error, request_id = event.get("error"), event.get("request_id")
    details = error.get("details") if isinstance(error, dict) else None
    return {
        "is": "ErrorChunk",
        "error_type": kind,
        "error_message": message,
        "request_id": request_id if isinstance(request_id, str) else None,
        "details": details if isinstance(details, dict) else None,
    }


def read_part(kind: str, data: Any, path: str, refused: list[str]) -> Values:
    """Read one of `PARTS`."""
    cls, fields = PARTS[kind]
    if not isinstance(data, dict):
        refused.append(path)
        return {}
    values = _read_object(cls, fields, data, path, refused)
    values["extra"] = _extra(fields, values, data)
    if kind == "message" and data.get("type") in (None, "message"):
        values["extra"].pop("type", None)
    return values


def read_block(data: Any, path: str, refused: list[str]) -> Values:
    """Read a content block. A block and its `type` are essential."""
    if not isinstance(data, dict):
        refused.append(path)
        return {}
    tag = data.get("type")
    if not isinstance(tag, str):
        refused.append(_under(path, "type"))
        return {}
    row = BLOCKS.get(tag)
    if row is None and tag.endswith("_tool_result") and isinstance(data.get("tool_use_id"), str):
        row = "ToolResultBlock", _RESULT
    return _read_tagged(row, "UnknownBlock", data, tag, path, refused)


def read_citation(data: dict[str, Any], path: str, refused: list[str]) -> Values:
    """Read a citation."""
    tag = data.get("type")
    # Choice: a citation without a type is kept whole, like one of an unknown type.
    name = tag if isinstance(tag, str) else ""
    return _read_tagged(CITATIONS.get(name), "UnknownCitation", data, name, path, refused)


def _read_tagged(
    row: tuple[str, dict[str, str]] | None,
    unknown: str,
    data: dict[str, Any],
    tag: str,
    path: str,
    refused: list[str],
) -> Values:
    if row is None:
        return {"is": unknown, "type": tag, "data": data, "extra": {}}
    cls, fields = row
    values = _read_object(cls, fields, data, path, refused)
    values["extra"] = _extra(fields, values, data)
    del values["extra"]["type"]
    return values if cls != "ToolResultBlock" else {**values, "type": tag}


def _read_object(
    cls: str, fields: dict[str, str], data: dict[str, Any], path: str, refused: list[str]
) -> Values:
    values: Values = {"is": cls}
    for name, what in fields.items():
        kind, _, key = what.partition(" ")
        value: Any = data
        for step in (key or name).split("."):
            value = value.get(step, _ABSENT) if isinstance(value, dict) else _ABSENT
        values[name] = _read_value(kind, value, _under(path, key or name), refused)
    return values


def _extra(fields: dict[str, str], values: Values, data: dict[str, Any]) -> dict[str, Any]:
    """The keys that have no field, and the misfits, which get their default meanwhile."""
    extra = dict(data)
    for name, what in fields.items():
        kind, _, key = what.partition(" ")
        value = data.get(key or name)
        if value is None or _fitted(kind, value, "", []) is not _MISFIT:
            extra.pop(key or name, None)
    return extra


def _read_value(kind: str, value: Any, path: str, refused: list[str]) -> Any:
    """Read what is found under a key, or give the default."""
    if value is _ABSENT or (value is None and not kind.endswith("!")):
        if kind.endswith("!"):
            refused.append(path)
        return _default(kind)
    fitted = _fitted(kind, value, path, refused)
    if fitted is not _MISFIT:
        return fitted
    if kind.endswith(("!", "*")):
        refused.append(path)
    return _default(kind)


def _default(kind: str) -> Any:
    if kind.endswith("?"):
        return None
    defaults: Values = {"str": "", "str*": "", "role": "assistant", "array": [], "[block]": []}
    if kind in PARTS:
        return read_part(kind, {}, "", [])
    return {} if kind == "input" else defaults.get(kind)


def _fitted(kind: str, value: Any, path: str, refused: list[str]) -> Any:
    """Read a value that is not null. Gives `_MISFIT` where it does not fit."""
    kind = kind.rstrip("?!*")
    simple = {"str": str, "role": str, "bool": bool, "object": dict, "array": list, "any": object}
    if kind in simple:
        return value if isinstance(value, simple[kind]) else _MISFIT
    if kind == "int":
        count = int_of(value)
        return _MISFIT if count is None else count
    if kind == "index":
        index = int_of(value)
        return _MISFIT if index is None or index < 0 else index
    if kind == "input":
        return _input(value)
    if kind == "block":
        return read_block(value, path, refused)
    if kind.startswith("["):
        inner = kind[1:-1]
        if not isinstance(value, list):
            return _MISFIT
        items = [_fitted(inner, item, f"{path}[{i}]", refused) for i, item in enumerate(value)]
        # Choice: an item that does not fit makes a misfit of the array.
        return _MISFIT if any(item is _MISFIT for item in items) else items
    if not isinstance(value, dict):
        return _MISFIT
    if kind == "citation":
        return read_citation(value, path, refused)
    return read_part(kind, value, path, refused)


def _input(value: Any) -> Values:
    """Read a tool's input. What is no object is an InvalidJson."""
    if isinstance(value, str):
        try:
            parsed = parse(value)
        except RefusedError:
            parsed = None
        return _input(parsed) if isinstance(parsed, dict) else {"is": "InvalidJson", "text": value}
    if not isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return {"is": "InvalidJson", "text": text}
    # What to_dict() writes for an InvalidJson is one again.
    if value.keys() == {"INVALID_JSON"} and isinstance(value["INVALID_JSON"], str):
        return {"is": "InvalidJson", "text": value["INVALID_JSON"]}
    return value


def _under(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def contract(values: Values) -> Values:
    """The attributes that every chunk view has, from the values of one."""
    cls = values["is"]
    message = values["message"] if cls == "MessageStartChunk" else {}
    blocks = [*message.get("content", ()), values.get("content_block", {})]

    def joined(name: str, block: str, delta: str) -> str:
        own = values[name] if cls == delta else ""
        return "".join([part[name] for part in blocks if part.get("is") == block] + [own])

    usage = message.get("usage") or (values["usage"] if cls == "MessageDeltaChunk" else None)
    if usage == _default("usage"):
        usage = None
    reason = message.get("stop_reason") if message else values.get("stop_reason")
    counts = usage or {}
    return {
        "content": joined("text", "TextBlock", "TextDeltaChunk"),
        "thinking": joined("thinking", "ThinkingBlock", "ThinkingDeltaChunk"),
        "signature": joined("signature", "ThinkingBlock", "SignatureDeltaChunk"),
        "model": message.get("model") or None,
        "id": message.get("id") or None,
        "usage": usage,
        "input_tokens": counts.get("input_tokens"),
        "cached_tokens": counts.get("cache_read_input_tokens"),
        "output_tokens": counts.get("output_tokens"),
        "finish_reasons": [reason] if reason else None,  # "" is none
    }
