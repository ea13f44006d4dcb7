"""Single events as the API writes them, and the vocabulary of all their parts.

There is one table per family, built once for each kind of API. `_streams` knows the order of
events.

Source: https://docs.anthropic.com/en/api/messages-streaming, and the types of the official SDK.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, get_args

import attrs
from hypothesis import strategies as st

from ..._chunks import FinishReason
from ._blocks import blocks, citations
from ._cuts import fragments
from ._json import json_texts, json_values, tool_inputs
from ._objects import (
    INDEX,
    MODEL,
    OPAQUE,
    TEXT,
    TOKENS,
    UNKNOWN,
    Event,
    Events,
    any_of,
    ids,
    objects,
    or_null,
    tagged,
    unknown_objects,
    unknown_tags,
)
from ._titled import Titled

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = [
    "CACHE_CREATION",
    "ITERATION",
    "OUTPUT_TOKENS_DETAILS",
    "SERVER_TOOL_USE",
    "Vocabulary",
    "content_block_deltas",
    "message_deltas",
    "vocabulary",
]


@attrs.frozen
class Vocabulary:
    """All that an API can send. Each table maps a tag to a strategy.

    Attributes:
        citations: Citations.
        blocks: Content blocks of a whole message.
        deltas: The `delta` of a `content_block_delta`.
        events: Whole events.
        helper_events: The events that `client.messages.stream()` of the SDK adds.
        usage: The usage on a message.
        delta_usage: The usage on a `message_delta`.
        delta_rest: The keys of a `message_delta` beside its delta: usage, and more.
        message: Whole messages.
        started_message: Messages at their start: no content, no stop reason.
        stop_reasons: Stop reasons.
    """

    citations: dict[str, Events]
    blocks: dict[str, Events]
    deltas: dict[str, Events]
    events: dict[str, Events]
    helper_events: dict[str, Events]
    usage: Events
    delta_usage: Events
    delta_rest: Events
    message: Events
    started_message: Events
    stop_reasons: tuple[str, ...]


@functools.cache
def vocabulary(*, beta: bool, unknown: bool) -> Vocabulary:
    """The vocabulary of the API.

    Args:
        beta: Include what only the beta API has.
        unknown: Include tags that no API documents: a row `UNKNOWN` in each table.

    Returns:
        The tables.
    """
    rest = {UNKNOWN: unknown_objects()} if unknown else {}
    any_citation = citations() | rest
    any_block = blocks(any_of(any_citation), beta=beta) | rest
    any_delta = _deltas(any_of(any_citation), beta=beta) | rest
    usage, delta_usage = _usages(beta=beta)
    reasons = [reason for reason in get_args(FinishReason) if beta or reason != "compaction"]
    any_reason = st.none() | st.sampled_from(reasons)
    if unknown:
        any_reason |= unknown_tags()
    started_message = _messages(usage, st.builds(list), st.none(), beta=beta)
    message = _messages(usage, st.lists(any_of(any_block), max_size=3), any_reason, beta=beta)
    delta_rest = objects({"usage": delta_usage}, _beta_report() if beta else None)
    events = {
        "ping": tagged("ping"),
        "message_stop": tagged("message_stop"),
        "content_block_stop": tagged("content_block_stop", {"index": INDEX}),
        "content_block_delta": content_block_deltas(any_of(any_delta)),
        "content_block_start": tagged(
            "content_block_start", {"index": INDEX, "content_block": any_of(any_block)}
        ),
        "message_delta": message_deltas(any_reason, delta_rest),
        "message_start": tagged("message_start", {"message": started_message | message}),
        "error": _ERROR,
    }
    return Vocabulary(
        citations=any_citation,
        blocks=any_block,
        deltas=any_delta,
        events=events | rest,
        helper_events=_helper_events(any_of(any_citation), beta=beta),
        usage=usage,
        delta_usage=delta_usage,
        delta_rest=delta_rest,
        message=message,
        started_message=started_message,
        stop_reasons=tuple(reasons),
    )


def _deltas(citation: Events, *, beta: bool) -> dict[str, Events]:
    fragment = json_texts(tool_inputs()).flatmap(fragments).flatmap(st.sampled_from)
    estimate = {"estimated_tokens": or_null(TOKENS)} if beta else None
    deltas = {
        "text_delta": tagged("text_delta", {"text": TEXT}),
        "input_json_delta": tagged("input_json_delta", {"partial_json": st.just("") | fragment}),
        "thinking_delta": tagged("thinking_delta", {"thinking": TEXT}, estimate),
        "signature_delta": tagged("signature_delta", {"signature": OPAQUE}),
        "citations_delta": tagged("citations_delta", {"citation": citation}),
    }
    if beta:
        deltas["compaction_delta"] = tagged(
            "compaction_delta",
            {"content": or_null(TEXT)},
            {"encrypted_content": or_null(OPAQUE)},
        )
    return deltas


CACHE_CREATION = objects({"ephemeral_5m_input_tokens": TOKENS, "ephemeral_1h_input_tokens": TOKENS})
SERVER_TOOL_USE = objects({"web_search_requests": INDEX}, {"web_fetch_requests": INDEX})
OUTPUT_TOKENS_DETAILS = objects({"thinking_tokens": TOKENS})
ITERATION = objects(
    {
        "type": st.sampled_from(("message", "compaction", "advisor_message", "fallback_message")),
        "input_tokens": TOKENS,
        "output_tokens": TOKENS,
    },
    {
        "cache_creation_input_tokens": TOKENS,
        "cache_read_input_tokens": TOKENS,
        "cache_creation": or_null(CACHE_CREATION),
        "model": or_null(MODEL),
    },
)


def _usages(*, beta: bool) -> tuple[Events, Events]:
    """The usage on a message, and the usage on a `message_delta`."""
    later: dict[str, SearchStrategy[Any]] = {
        "cache_creation_input_tokens": or_null(TOKENS),
        "cache_read_input_tokens": or_null(TOKENS),
        "server_tool_use": or_null(SERVER_TOOL_USE),
        "output_tokens_details": or_null(OUTPUT_TOKENS_DETAILS),
    }
    only_at_start: dict[str, SearchStrategy[Any]] = {
        "cache_creation": or_null(CACHE_CREATION),
        "service_tier": or_null(st.sampled_from(("standard", "priority", "batch"))),
        "inference_geo": or_null(st.sampled_from(("us", "not_available"))),
        "speed": or_null(st.sampled_from(("standard", "fast"))),
    }
    if beta:
        later["iterations"] = or_null(st.lists(ITERATION, max_size=2))
        later["fallback_credit"] = or_null(tagged("redeemed"))
    return (
        objects({"input_tokens": TOKENS, "output_tokens": TOKENS}, later | only_at_start),
        objects({"output_tokens": TOKENS}, {"input_tokens": or_null(TOKENS)} | later),
    )


_CONTAINER = {
    "container": or_null(
        objects({"id": ids("container")}, {"expires_at": st.just("2026-01-31T00:00:00Z")})
    )
}
_MAYBE_CONTAINER = objects({}, _CONTAINER)
_REFUSED = tagged(
    "refusal", {"category": st.none() | st.just("cyber"), "explanation": or_null(TEXT)}
)
_REFUSAL = objects({"stop_details": or_null(_REFUSED)})
_NO_DETAILS = objects({}, {"stop_details": st.none()})
_EDITS = objects(
    {
        "applied_edits": st.lists(
            tagged("clear_tool_uses_20250919", {"cleared_input_tokens": TOKENS}), max_size=1
        )
    }
)


def _beta_report() -> dict[str, SearchStrategy[Any]]:
    """The keys of the beta API about the request, on messages and on `message_delta`."""
    dropped = tagged("thinking_dropped", {"message_index": INDEX})
    return {
        "context_management": or_null(_EDITS),
        "input_transformations": or_null(st.lists(dropped, max_size=1)),
    }


def _messages(
    usage: Events,
    content: SearchStrategy[list[Event]],
    stop_reason: SearchStrategy[str | None],
    *,
    beta: bool,
) -> Events:
    beginning = objects(
        {
            "id": ids("msg"),
            "type": st.just("message"),
            "role": st.just("assistant"),
            "model": MODEL,
            "content": content,
        }
    )
    end = objects(
        {"usage": usage},
        {
            **_CONTAINER,
            "diagnostics": or_null(objects({"cache_miss_reason": st.none()})),
            **(_beta_report() if beta else {}),
        },
    )
    return _stopped_messages(Titled("...", beginning), stop_reason, Titled("...", end))


@st.composite
def _stopped_messages(
    draw: DrawFn,
    beginning: Titled[Events],
    stop_reasons: SearchStrategy[str | None],
    end: Titled[Events],
) -> Event:
    return {**draw(beginning.value), **_stop(draw, draw(stop_reasons)), **draw(end.value)}


def _stop(draw: DrawFn, stop_reason: str | None) -> Event:
    """The keys about why a message stopped, for a message and for a `message_delta`."""
    return {
        "stop_reason": stop_reason,
        "stop_sequence": draw(TEXT) if stop_reason == "stop_sequence" else None,
        **draw(_REFUSAL if stop_reason == "refusal" else _NO_DETAILS),
    }


@st.composite
def message_deltas(
    draw: DrawFn, stop_reasons: SearchStrategy[str | None], rest: SearchStrategy[Event]
) -> Event:
    """`message_delta` events with given stop reasons. Shrinks like these.

    Args:
        draw: The `draw` of `st.composite`.
        stop_reasons: The stop reasons.
        rest: The keys beside the delta: `Vocabulary.delta_rest`.
    """
    delta = {**_stop(draw, draw(stop_reasons)), **draw(_MAYBE_CONTAINER)}
    return {"type": "message_delta", "delta": delta, **draw(rest)}


_ERROR = tagged(
    "error",
    {
        "error": objects(
            {"type": st.sampled_from(("overloaded_error", "api_error")), "message": TEXT},
            {"details": or_null(objects({"error_code": st.just("ramp_limit_exceeded")}))},
        )
    },
    {"request_id": or_null(ids("req"))},
)


def _helper_events(citation: Events, *, beta: bool) -> dict[str, Events]:
    events = {
        "text": tagged("text", {"text": TEXT, "snapshot": TEXT}),
        "thinking": tagged("thinking", {"thinking": TEXT, "snapshot": TEXT}),
        "signature": tagged("signature", {"signature": OPAQUE}),
        "citation": tagged(
            "citation", {"citation": citation, "snapshot": st.lists(citation, max_size=2)}
        ),
        "input_json": tagged("input_json", {"partial_json": TEXT, "snapshot": json_values()}),
    }
    if beta:
        events["compaction"] = tagged("compaction", {"content": or_null(TEXT)})
    return events


def content_block_deltas(deltas: SearchStrategy[Event]) -> SearchStrategy[Event]:
    """`content_block_delta` events around the given deltas. Shrinks to block 0."""
    return tagged("content_block_delta", {"index": INDEX, "delta": deltas})
