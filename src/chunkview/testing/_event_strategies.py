"""Events and their parts as the API writes them: dicts, each by the tag that it has on the wire.

One table per family, built once for the API as it is and once with its beta. Which event may
follow which stands in `_stream_strategies`.

Source: https://docs.anthropic.com/en/api/messages-streaming, and the types of the official SDK.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import attrs
from hypothesis import strategies as st

from ..call_response_chunk import FinishReason
from ._json_strategies import (
    fragments,
    json_objects,
    json_texts,
    json_values,
    names,
    texts,
    with_unknown_keys,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

__all__ = [
    "HELPER_EVENTS",
    "TOOL_RESULTS",
    "UNKNOWN",
    "Event",
    "Vocabulary",
    "any_of",
    "objects",
    "unknown_objects",
    "unknown_tags",
    "vocabulary",
]

Event: TypeAlias = dict[str, Any]
"""A JSON object of the API, parsed."""

if TYPE_CHECKING:
    Events = SearchStrategy[Event]

UNKNOWN = "unknown"
"""Asks for a thing whose tag no API documents; such a tag is `unknown` or begins with it."""


@attrs.frozen
class Vocabulary:
    """What an API can say. All tables go from a tag to a strategy.

    Attributes:
        citations: Citations.
        blocks: Content blocks as they stand in a message.
        deltas: What stands under `delta` of a `content_block_delta`.
        events: Whole events.
        usage: The usage on a message.
        delta_usage: The usage on a `message_delta`.
        message: Whole messages.
        message_start: Messages as they start: no content, no stop reason.
        stop_reasons: Stop reasons.
    """

    citations: dict[str, Events]
    blocks: dict[str, Events]
    deltas: dict[str, Events]
    events: dict[str, Events]
    usage: Events
    delta_usage: Events
    message: Events
    started_message: Events
    stop_reasons: tuple[str, ...]


@functools.cache
def vocabulary(beta: bool) -> Vocabulary:
    """The vocabulary of the API, with or without what only its beta has."""
    stop_reasons = tuple(
        reason for reason in get_args(FinishReason) if beta or reason != "compaction"
    )
    citations = _citations()
    blocks = _blocks(citations, beta=beta)
    deltas = _deltas(citations, beta=beta)
    usage, delta_usage = _usages(beta=beta)
    started = _messages(usage, st.builds(list), st.none(), beta=beta)
    message = _messages(
        usage,
        st.lists(any_of(blocks), max_size=3),
        st.none() | st.sampled_from(stop_reasons),
        beta=beta,
    )
    events = _events(
        blocks,
        deltas,
        citations,
        message_start=started | message,
        delta_usage=delta_usage,
        stop_reasons=stop_reasons,
        beta=beta,
    )
    return Vocabulary(
        citations=citations,
        blocks=blocks,
        deltas=deltas,
        events=events,
        usage=usage,
        delta_usage=delta_usage,
        message=message,
        started_message=started,
        stop_reasons=stop_reasons,
    )


def any_of(table: Mapping[str, SearchStrategy[Event]]) -> SearchStrategy[Event]:
    """Any row of a table. Shrinks towards the first."""
    return st.one_of(*table.values())


def objects(
    required: Mapping[str, SearchStrategy[Any]],
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[Event]:
    """JSON objects, made anew each time. Shrinks to the required keys alone."""
    return st.fixed_dictionaries(dict(required), optional=dict(optional or {}))


def tagged(
    tag: str,
    required: Mapping[str, SearchStrategy[Any]] | None = None,
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[Event]:
    """JSON objects with a fixed `type`."""
    return objects({"type": st.just(tag), **(required or {})}, optional)


def unknown_tags() -> SearchStrategy[str]:
    """Tags that no API documents. Shrinks to "unknown"."""
    return st.just(UNKNOWN) | names().map("unknown_{}".format)


def unknown_objects() -> SearchStrategy[Event]:
    """Objects whose tag no API documents, with anything in them."""
    return st.builds(_with_tag, unknown_tags(), json_objects())


def _with_tag(tag: str, data: Event) -> Event:
    return {**data, "type": tag}


def _ids(prefix: str) -> SearchStrategy[str]:
    return st.integers(0, 10**6).map(f"{prefix}_{{}}".format)


def _or_null(values: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.none() | values


_TEXT = texts()
_INDEX = st.integers(0, 9)
_NUMBER = st.integers(0, 10**6)
_TOKENS = st.integers(0, 10**9)
_MODEL = st.sampled_from(("claude", "claude-sonnet-4-5", "claude-opus-4-1-20250805"))
_OPAQUE = st.text("AQg+/=", max_size=20)
_URL = _NUMBER.map("https://example.com/{}".format)
_CALLER = tagged("direct") | tagged("code_execution_20260120", {"tool_id": _ids("srvtoolu")})


def _citations() -> dict[str, Events]:
    document = {"document_title": _or_null(_TEXT), "file_id": _or_null(_ids("file"))}
    return {
        "char_location": tagged(
            "char_location",
            {
                "cited_text": _TEXT,
                "document_index": _INDEX,
                "start_char_index": _NUMBER,
                "end_char_index": _NUMBER,
            },
            document,
        ),
        "page_location": tagged(
            "page_location",
            {
                "cited_text": _TEXT,
                "document_index": _INDEX,
                "start_page_number": _NUMBER,
                "end_page_number": _NUMBER,
            },
            document,
        ),
        "content_block_location": tagged(
            "content_block_location",
            {
                "cited_text": _TEXT,
                "document_index": _INDEX,
                "start_block_index": _NUMBER,
                "end_block_index": _NUMBER,
            },
            document,
        ),
        "web_search_result_location": tagged(
            "web_search_result_location",
            {"cited_text": _TEXT, "url": _URL, "encrypted_index": _OPAQUE},
            {"title": _or_null(_TEXT)},
        ),
        "search_result_location": tagged(
            "search_result_location",
            {
                "cited_text": _TEXT,
                "source": _TEXT,
                "search_result_index": _INDEX,
                "start_block_index": _NUMBER,
                "end_block_index": _NUMBER,
            },
            {"title": _or_null(_TEXT)},
        ),
    }


def _outcome(tag: str, *results: Events) -> Events:
    """The `content` of a tool result: a result, or an error of the same family."""
    error_code = st.sampled_from(("unavailable", "invalid_tool_input", "max_uses_exceeded"))
    return st.one_of(*results, tagged(f"{tag}_error", {"error_code": error_code}))


def _execution(kind: str) -> Events:
    output = tagged(f"{kind}_output", {"file_id": _ids("file")})
    return tagged(
        f"{kind}_result",
        {
            "stdout": _TEXT,
            "stderr": _TEXT,
            "return_code": st.integers(0, 255),
            "content": st.lists(output, max_size=2),
        },
    )


_WEB_PAGE = tagged(
    "web_search_result",
    {"url": _URL, "title": _TEXT, "encrypted_content": _OPAQUE},
    {"page_age": _or_null(_TEXT)},
)
_FETCHED = tagged(
    "web_fetch_result",
    {
        "url": _URL,
        "content": tagged(
            "document",
            {
                "source": tagged("text", {"media_type": st.just("text/plain"), "data": _TEXT}),
                "title": _or_null(_TEXT),
            },
        ),
    },
    {"retrieved_at": _or_null(st.just("2026-01-31T00:00:00Z"))},
)
_VIEWED = tagged(
    "text_editor_code_execution_view_result",
    {"file_type": st.sampled_from(("text", "image", "pdf")), "content": _TEXT},
    {"num_lines": _or_null(_NUMBER), "start_line": _or_null(_NUMBER)},
)
_FOUND_TOOLS = tagged(
    "tool_search_tool_search_result",
    {
        "tool_references": st.lists(
            tagged("tool_reference", {"tool_name": names()}),
            max_size=2,
        )
    },
)

TOOL_RESULTS: dict[str, SearchStrategy[Any]] = {
    "web_search_tool_result": st.lists(_WEB_PAGE, max_size=2)
    | _outcome("web_search_tool_result"),
    "web_fetch_tool_result": _outcome("web_fetch_tool_result", _FETCHED),
    "code_execution_tool_result": _outcome(
        "code_execution_tool_result", _execution("code_execution")
    ),
    "bash_code_execution_tool_result": _outcome(
        "bash_code_execution_tool_result", _execution("bash_code_execution")
    ),
    "text_editor_code_execution_tool_result": _outcome(
        "text_editor_code_execution_tool_result",
        _VIEWED,
        tagged("text_editor_code_execution_create_result", {"is_file_update": st.booleans()}),
    ),
    "tool_search_tool_result": _outcome("tool_search_tool_result", _FOUND_TOOLS),
    "advisor_tool_result": _outcome(
        "advisor_tool_result", tagged("advisor_result", {"text": _TEXT})
    ),
    "mcp_tool_result": _TEXT | st.lists(tagged("text", {"text": _TEXT}), max_size=2),
}
"""The `content` of each kind of tool result."""

_BETA_TOOL_RESULTS = frozenset({"advisor_tool_result", "mcp_tool_result"})


def _blocks(citations: dict[str, Events], *, beta: bool) -> dict[str, Events]:
    caller = {"caller": _CALLER}
    blocks = {
        "text": tagged(
            "text",
            {"text": _TEXT},
            {"citations": _or_null(st.lists(any_of(citations), max_size=2))},
        ),
        "thinking": tagged("thinking", {"thinking": _TEXT, "signature": _OPAQUE}),
        "redacted_thinking": tagged("redacted_thinking", {"data": _OPAQUE}),
        "tool_use": tagged(
            "tool_use",
            {"id": _ids("toolu"), "name": names(), "input": json_objects()},
            caller,
        ),
        "server_tool_use": tagged(
            "server_tool_use",
            {
                "id": _ids("srvtoolu"),
                "name": st.sampled_from(("web_search", "web_fetch", "code_execution")),
                "input": json_objects(),
            },
            caller,
        ),
        "container_upload": tagged("container_upload", {"file_id": _ids("file")}),
    }
    for tag, content in TOOL_RESULTS.items():
        if tag == "mcp_tool_result":
            result = tagged(
                tag,
                {"tool_use_id": _ids("mcptoolu"), "is_error": st.booleans(), "content": content},
            )
        else:
            result = tagged(tag, {"tool_use_id": _ids("srvtoolu"), "content": content}, caller)
        if beta or tag not in _BETA_TOOL_RESULTS:
            blocks[tag] = result
    if not beta:
        return blocks
    model = objects({"model": _MODEL})
    return blocks | {
        "mcp_tool_use": tagged(
            "mcp_tool_use",
            {
                "id": _ids("mcptoolu"),
                "name": names(),
                "input": json_objects(),
                "server_name": names(),
            },
        ),
        "mcp_tool_listing": tagged(
            "mcp_tool_listing",
            {
                "mcp_server_name": names(),
                "tools": st.lists(
                    objects({"name": names(), "input_schema": tagged("object")}), max_size=2
                ),
            },
        ),
        "compaction": tagged(
            "compaction",
            {"content": _or_null(_TEXT)},
            {
                "encrypted_content": _or_null(_OPAQUE),
                "signature": _or_null(_OPAQUE),
                "tool_changes": st.builds(list),
            },
        ),
        "fallback": tagged(
            "fallback",
            {"from": model, "to": model},
            {"trigger": tagged("refusal", {"category": st.none() | st.just("cyber")})},
        ),
    }


def _deltas(citations: dict[str, Events], *, beta: bool) -> dict[str, Events]:
    fragment = json_texts(json_objects()).flatmap(fragments).flatmap(st.sampled_from)
    deltas = {
        "text_delta": tagged("text_delta", {"text": _TEXT}),
        "input_json_delta": tagged("input_json_delta", {"partial_json": st.just("") | fragment}),
        "thinking_delta": tagged("thinking_delta", {"thinking": _TEXT}),
        "signature_delta": tagged("signature_delta", {"signature": _OPAQUE}),
        "citations_delta": tagged("citations_delta", {"citation": any_of(citations)}),
    }
    if beta:
        deltas["compaction_delta"] = tagged(
            "compaction_delta",
            {"content": _or_null(_TEXT)},
            {"encrypted_content": _or_null(_OPAQUE)},
        )
    return deltas


def _usages(*, beta: bool) -> tuple[Events, Events]:
    """The usage on a message, and the usage on a `message_delta`."""
    written = objects(
        {"ephemeral_5m_input_tokens": _TOKENS, "ephemeral_1h_input_tokens": _TOKENS}
    )
    requests = objects({"web_search_requests": _INDEX}, {"web_fetch_requests": _INDEX})
    later: dict[str, SearchStrategy[Any]] = {
        "cache_creation_input_tokens": _or_null(_TOKENS),
        "cache_read_input_tokens": _or_null(_TOKENS),
        "server_tool_use": _or_null(requests),
        "output_tokens_details": _or_null(objects({"thinking_tokens": _TOKENS})),
    }
    only_at_start: dict[str, SearchStrategy[Any]] = {
        "cache_creation": _or_null(written),
        "service_tier": _or_null(st.sampled_from(("standard", "priority", "batch"))),
        "inference_geo": _or_null(st.sampled_from(("us", "not_available"))),
    }
    if beta:
        iteration = objects(
            {
                "type": st.sampled_from(("message", "compaction", "fallback_message")),
                "input_tokens": _TOKENS,
                "output_tokens": _TOKENS,
            },
            {
                "cache_creation_input_tokens": _TOKENS,
                "cache_read_input_tokens": _TOKENS,
                "cache_creation": _or_null(written),
                "model": _MODEL,
            },
        )
        later["iterations"] = _or_null(st.lists(iteration, max_size=2))
        only_at_start["speed"] = _or_null(st.sampled_from(("standard", "fast")))
        only_at_start["fallback_credit"] = _or_null(tagged("redeemed"))
    return (
        objects({"input_tokens": _TOKENS, "output_tokens": _TOKENS}, later | only_at_start),
        objects({"output_tokens": _TOKENS}, {"input_tokens": _or_null(_TOKENS)} | later),
    )


_CONTAINER = objects(
    {"id": _ids("container")}, {"expires_at": st.just("2026-01-31T00:00:00Z")}
)
_STOP_DETAILS = tagged(
    "refusal", {"category": st.none() | st.just("cyber"), "explanation": _or_null(_TEXT)}
)
_EDITS = objects(
    {
        "applied_edits": st.lists(
            tagged("clear_tool_uses_20250919", {"cleared_input_tokens": _TOKENS}), max_size=1
        )
    }
)


def _beta_report() -> dict[str, SearchStrategy[Any]]:
    """What the beta API reports about the request, on messages and on `message_delta`."""
    dropped = tagged("thinking_dropped", {"message_index": _INDEX})
    return {
        "context_management": _or_null(_EDITS),
        "input_transformations": st.lists(dropped, max_size=1),
    }


def _messages(
    usage: Events,
    content: SearchStrategy[list[Event]],
    stop_reason: SearchStrategy[str | None],
    *,
    beta: bool,
) -> Events:
    return objects(
        {
            "id": _ids("msg"),
            "type": st.just("message"),
            "role": st.just("assistant"),
            "model": _MODEL,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": st.none(),
            "usage": usage,
        },
        {
            "stop_details": st.none(),
            "container": _or_null(_CONTAINER),
            "diagnostics": _or_null(objects({"cache_miss_reason": st.none()})),
            **(_beta_report() if beta else {}),
        },
    )


def message_deltas(
    stop_reason: SearchStrategy[str | None], usage: Events, *, beta: bool
) -> Events:
    """`message_delta` events with a stop reason and usage of the caller's choice."""
    return st.builds(
        _message_delta,
        stop_reason,
        _TEXT,
        objects({}, {"stop_details": _or_null(_STOP_DETAILS), "container": _or_null(_CONTAINER)}),
        usage,
        objects({}, _beta_report() if beta else {}),
    )


def _message_delta(
    stop_reason: str | None, stop_sequence: str, details: Event, usage: Event, report: Event
) -> Event:
    if stop_reason != "refusal" and "stop_details" in details:
        details["stop_details"] = None
    delta = {
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence if stop_reason == "stop_sequence" else None,
        **details,
    }
    return {"type": "message_delta", "delta": delta, "usage": usage, **report}


HELPER_EVENTS = ("text", "thinking", "signature", "citation", "input_json", "compaction")
"""Events that `client.messages.stream()` of the SDK adds on its own account."""


def _events(
    blocks: dict[str, Events],
    deltas: dict[str, Events],
    citations: dict[str, Events],
    *,
    message_start: Events,
    delta_usage: Events,
    stop_reasons: tuple[str, ...],
    beta: bool,
) -> dict[str, Events]:
    citation = any_of(citations)
    any_stop_reason = st.none() | st.sampled_from(stop_reasons)
    events = {
        "ping": tagged("ping"),
        "message_start": tagged("message_start", {"message": message_start}),
        "content_block_start": tagged(
            "content_block_start", {"index": _INDEX, "content_block": any_of(blocks)}
        ),
        "content_block_delta": content_block_deltas(any_of(deltas)),
        "content_block_stop": tagged("content_block_stop", {"index": _INDEX}),
        "message_delta": message_deltas(any_stop_reason, delta_usage, beta=beta),
        "message_stop": tagged("message_stop"),
        "error": tagged(
            "error",
            {
                "error": objects(
                    {
                        "type": st.sampled_from(("overloaded_error", "api_error")),
                        "message": _TEXT,
                    }
                )
            },
            {"request_id": _or_null(_ids("req"))},
        ),
        "text": tagged("text", {"text": _TEXT, "snapshot": _TEXT}),
        "thinking": tagged("thinking", {"thinking": _TEXT, "snapshot": _TEXT}),
        "signature": tagged("signature", {"signature": _OPAQUE}),
        "citation": tagged(
            "citation", {"citation": citation, "snapshot": st.lists(citation, max_size=2)}
        ),
        "input_json": tagged("input_json", {"partial_json": _TEXT, "snapshot": json_values()}),
    }
    if beta:
        events["compaction"] = tagged("compaction", {"content": _or_null(_TEXT)})
    return events


def content_block_deltas(deltas: SearchStrategy[Event]) -> SearchStrategy[Event]:
    """`content_block_delta` events around the given deltas."""
    return tagged("content_block_delta", {"index": _INDEX, "delta": deltas})


def extended(values: SearchStrategy[Event], *, unknown: bool) -> SearchStrategy[Event]:
    """The same values, with keys that no API documents when these are asked for."""
    return values.flatmap(with_unknown_keys) if unknown else values
