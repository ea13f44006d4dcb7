"""Whole, valid streams as lists of events.

Their order is valid for `chunkview.accumulate`, and they do what the API is known to do.
"""

from __future__ import annotations

import functools
import operator
from copy import deepcopy
from typing import TYPE_CHECKING, TypeAlias

import attrs
from hypothesis import strategies as st

from ..._repr import concise_repr
from ._blocks import TOOL_RESULTS
from ._events import message_deltas, vocabulary
from ._json import fragments, json_texts, texts
from ._objects import (
    OPAQUE,
    UNKNOWN,
    Event,
    add_unknown_keys,
    any_of,
    or_null,
    tagged,
    unknown_objects,
)
from ._titled import Titled

if TYPE_CHECKING:
    from collections.abc import Collection

    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["TAKES", "Stream", "message_streams", "streams_without_findings", "unused_id"]

Stream: TypeAlias = list[Event]


@attrs.frozen
class _Features:
    """What may occur in a stream; the arguments of `message_streams`."""

    thinking: bool = True
    tools: bool = True
    server_tools: bool = True
    citations: bool = True
    beta: bool = True
    cut_off: bool = True
    pings: bool = True
    unknown: bool = True
    min_blocks: int = 0
    max_blocks: int = 4
    max_deltas: int = 5
    min_message_deltas: int = 1
    max_message_deltas: int = 2
    unknown_reasons: bool = True


def message_streams(
    *,
    thinking: bool = True,
    tools: bool = True,
    server_tools: bool = True,
    citations: bool = True,
    beta: bool = True,
    cut_off: bool = True,
    pings: bool = True,
    unknown: bool = True,
    min_blocks: int = 0,
    max_blocks: int = 4,
    max_deltas: int = 5,
    min_message_deltas: int = 1,
    max_message_deltas: int = 2,
) -> SearchStrategy[Stream]:
    r"""Whole, valid streams: what the API sends for one message, as a list of events.

    Like real streams, these have empty deltas; a tool's input as JSON text in any format, cut
    anywhere (inside `\u00e9`, between the two escapes of a surrogate pair); blocks that start with
    some text, or arrive whole; usage that omits some counts, and repeats or raises the others; a
    block that is never stopped, with its tool input cut in the middle.

    `chunkview.conformance.check` has findings only for what cannot be without them: a stream that
    is cut off, an unknown stop reason, no `message_delta`. With `cut_off=False`, `unknown=False`
    and `min_message_deltas=1` it has none.

    Each of the first eight arguments says whether something may occur. With all of them off,
    streams have text blocks only.

    Args:
        thinking: Thinking blocks, redacted ones too, and their deltas.
        tools: `tool_use` blocks.
        server_tools: `server_tool_use`, `container_upload` and `*_tool_result` blocks.
        citations: Citations on text.
        beta: What only the beta API sends: compaction, fallback and MCP blocks, the advisor's
            results, `context_management`, `iterations` and more on usage.
        cut_off: Streams that reach their token limit in the middle of the last block: it has no
            `content_block_stop`, no signature, or a tool input that is not valid JSON.
        pings: `ping` events, at any place.
        unknown: What no API documents: events at any place, blocks, deltas, stop reasons, and
            keys in objects of every kind.
        min_blocks: How many content blocks there are at least.
        max_blocks: How many content blocks there are at most.
        max_deltas: How many deltas a block has at most. With 0, a tool's input arrives whole, in
            the `content_block_start`.
        min_message_deltas: How many `message_delta` events there are at least. The API sends at
            least one; with 0 some streams have none, and so no stop reason, which `accumulate`
            accepts.
        max_message_deltas: How many `message_delta` events there are at most.

    Returns:
        A strategy of lists of events: a new list of new dicts for each example. Shrinks to
        `message_start`, `message_delta` and `message_stop`, with the id "msg_0" and no tokens
        used.
    """
    features = _Features(
        thinking=thinking,
        tools=tools,
        server_tools=server_tools,
        citations=citations,
        beta=beta,
        cut_off=cut_off,
        pings=pings,
        unknown=unknown,
        min_blocks=min_blocks,
        max_blocks=max_blocks,
        max_deltas=max_deltas,
        min_message_deltas=min_message_deltas,
        max_message_deltas=max_message_deltas,
    )
    return _streams_of(features)


def streams_without_findings(*, tools: bool = True, min_blocks: int = 0) -> SearchStrategy[Stream]:
    """Valid streams to break: what is off with them afterwards is the break.

    Each block ends: while one is open, "twice" and "after" would be ambiguous. The only
    `message_delta` brings the stop reason.

    Args:
        tools: As for `message_streams`.
        min_blocks: As for `message_streams`.
    """
    return _streams_of(
        _Features(
            tools=tools,
            cut_off=False,
            min_blocks=min_blocks,
            max_blocks=3,
            max_deltas=2,
            max_message_deltas=1,
            unknown_reasons=False,
        )
    )


def _streams_of(features: _Features) -> SearchStrategy[Stream]:
    return _streams(Titled(concise_repr(features), features))


@st.composite
def _streams(draw: DrawFn, titled_features: Titled[_Features]) -> Stream:
    features = titled_features.value
    words = vocabulary(beta=features.beta, unknown=features.unknown)
    blocks = _with_ids_of_their_own(draw(_lists_of_blocks(features)))
    message = draw(words.started_message)
    stream: Stream = [{"type": "message_start", "message": message}]
    cut_off = bool(features.cut_off and blocks and draw(st.booleans()))
    for index, (start, deltas) in enumerate(blocks):
        ends_early = cut_off and index == len(blocks) - 1
        stream.append({"type": "content_block_start", "index": index, "content_block": start})
        stream.extend(
            {"type": "content_block_delta", "index": index, "delta": delta}
            for delta in (_without_end(draw, deltas) if ends_early else deltas)
        )
        if not (ends_early and draw(st.booleans())):
            stream.append({"type": "content_block_stop", "index": index})
    uses_tools = any(start["type"] == "tool_use" for start, _ in blocks)
    reasons = _stop_reasons(features, uses_tools=uses_tools, cut_off=cut_off)
    stream += _message_deltas(draw, features, draw(reasons), message["usage"])
    stream.append({"type": "message_stop"})
    if features.unknown:
        add_unknown_keys(draw, stream)
    for place, event in draw(_interruptions(features)):
        stream.insert(place % (len(stream) + 1), event)
    return stream


def _with_ids_of_their_own(blocks: list[_Block]) -> list[_Block]:
    """Give a tool use whose id an earlier one has another id."""
    known: set[str] = set()
    changed: list[_Block] = []
    for start, deltas in blocks:
        block = start
        if isinstance(block.get("id"), str):
            block = {**block, "id": unused_id(block["id"], known)}
            known.add(block["id"])
        changed.append((block, deltas))
    return changed


def unused_id(wanted: str, known: Collection[str]) -> str:
    """Give an id that is not among those known: the one wanted, if possible."""
    while wanted in known:
        wanted = f"{wanted}_{len(known)}"
    return wanted


_Block: TypeAlias = tuple[Event, list[Event]]
"""A content block at its start, and its deltas."""

TAKES: dict[str, tuple[str, ...]] = {
    "text": ("text_delta", "citations_delta"),
    "thinking": ("thinking_delta", "signature_delta"),
    "tool_use": ("input_json_delta",),
    "server_tool_use": ("input_json_delta",),
    "mcp_tool_use": ("input_json_delta",),
    "compaction": ("compaction_delta",),
}
"""The deltas that each type of block takes. The other types take none."""


@st.composite
def _blocks(draw: DrawFn, features: Titled[_Features]) -> _Block:
    # Draw the group first: among so many kinds of block, text would be rare otherwise.
    return draw(draw(_groups(features.value)))


@functools.cache
def _lists_of_blocks(features: _Features) -> SearchStrategy[list[_Block]]:
    blocks = _blocks(Titled(concise_repr(features), features))
    return st.lists(blocks, min_size=features.min_blocks, max_size=features.max_blocks)


@functools.cache
def _groups(features: _Features) -> SearchStrategy[SearchStrategy[_Block]]:
    """The kinds of block that may occur, by the group that each belongs to."""
    words = vocabulary(beta=features.beta, unknown=features.unknown)
    limit = features.max_deltas
    unknown_deltas = [unknown_objects()] if features.unknown else []

    def deltas(*tags: str, max_size: int = limit) -> SearchStrategy[list[Event]]:
        known = [words.deltas[tag] for tag in tags]
        return st.lists(st.one_of(*known, *unknown_deltas), max_size=min(max_size, limit))

    def whole(*tags: str) -> tuple[SearchStrategy[_Block], ...]:
        return tuple(st.tuples(words.blocks[tag], st.builds(list)) for tag in tags)

    def tool(tag: str) -> SearchStrategy[_Block]:
        return _tool_blocks(Titled(tag, words.blocks[tag]), limit)

    text_deltas = TAKES["text"] if features.citations else TAKES["text"][:1]
    cited = st.lists(any_of(words.citations), max_size=1 if features.citations else 0)
    text_start = tagged("text", {"text": st.just("") | texts()}, {"citations": or_null(cited)})
    # Twice, because most streams consist of text.
    groups: list[tuple[SearchStrategy[_Block], ...]] = [
        (st.tuples(text_start, deltas(*text_deltas)),)
    ] * 2
    if features.thinking:
        thoughts = deltas("thinking_delta", max_size=max(0, limit - 1))
        thinking = st.tuples(_UNSIGNED, st.builds(operator.add, thoughts, _SIGNATURES))
        signed = st.tuples(_SIGNED, deltas("thinking_delta"))
        groups += [(thinking, signed) if limit else (signed,), whole("redacted_thinking")]
    if features.tools:
        groups.append((tool("tool_use"),))
    if features.server_tools:
        results = (tag for tag in words.blocks if tag in TOOL_RESULTS and tag != "mcp_tool_result")
        groups.append((tool("server_tool_use"),))
        groups.append(whole(*results, "container_upload"))
    if features.beta:
        compaction = st.tuples(_COMPACTION_START, deltas("compaction_delta", max_size=1))
        listed = whole("mcp_tool_result", "mcp_tool_listing", "fallback")
        groups += [(compaction,), (tool("mcp_tool_use"), *listed)]
    if features.unknown:
        groups.append((st.tuples(unknown_objects(), deltas()),))
    return st.sampled_from([st.one_of(group) for group in groups])


# A signature is never empty: nor would the API take one back, on which SDK and chunkview differ.
_OPAQUE = OPAQUE.map(lambda text: text or "=")
_STARTED_THINKING = {"thinking": st.just("") | texts()}
_UNSIGNED = tagged("thinking", {**_STARTED_THINKING, "signature": st.just("")})
_SIGNED = tagged("thinking", {**_STARTED_THINKING, "signature": _OPAQUE})
_SIGNATURES = tagged("signature_delta", {"signature": _OPAQUE}).map(lambda delta: [delta])
_COMPACTION_START = tagged(
    "compaction", {"content": st.none()}, {"encrypted_content": st.none() | OPAQUE}
)


# Rare, but first, so that examples shrink to it: the stream is shorter.
_COMES_WHOLE = st.sampled_from((True, False, False, False))


@st.composite
def _tool_blocks(draw: DrawFn, blocks: Titled[SearchStrategy[Event]], max_deltas: int) -> _Block:
    """Blocks whose input arrives in deltas, or whole with the start."""
    block = draw(blocks.value)
    tool_input = block["input"]
    if max_deltas == 0 or draw(_COMES_WHOLE):
        return block, []
    text = draw(json_texts(st.just(tool_input)))
    pieces = draw(fragments(text, max_deltas))
    deltas: list[Event] = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return {**block, "input": {}}, deltas


def _without_end(draw: DrawFn, deltas: list[Event]) -> list[Event]:
    """Cut a tool's input in the middle, or thinking before its signature.

    Text may end anywhere anyway.
    """
    if deltas and deltas[-1]["type"] == "signature_delta" and draw(st.booleans()):
        return deltas[:-1]
    if not deltas or deltas[0]["type"] != "input_json_delta":
        return deltas
    length = sum(len(delta["partial_json"]) for delta in deltas)
    left = draw(st.integers(0, length - 1))
    kept: list[Event] = []
    for delta in deltas:
        piece = delta["partial_json"][:left]
        left -= len(piece)
        kept.append({**delta, "partial_json": piece})
        if left == 0:
            break
    return kept


def _stop_reasons(features: _Features, *, uses_tools: bool, cut_off: bool) -> SearchStrategy[str]:
    """The stop reasons that fit the content of a stream."""
    if cut_off:
        return st.sampled_from(("max_tokens", "model_context_window_exceeded"))
    if uses_tools:
        return st.just("tool_use")
    words = vocabulary(beta=features.beta, unknown=features.unknown)
    known = [reason for reason in words.stop_reasons if reason != "tool_use"]
    has_unknown = features.unknown and features.unknown_reasons
    return st.sampled_from([*known, UNKNOWN] if has_unknown else known)


def _message_deltas(
    draw: DrawFn, features: _Features, stop_reason: str, usage: Event
) -> list[Event]:
    """The `message_delta` events of a stream. Only the last one must give the stop reason."""
    number = draw(st.integers(features.min_message_deltas, features.max_message_deltas))
    rest = vocabulary(beta=features.beta, unknown=features.unknown).delta_rest
    events: list[Event] = []
    said: Event = {}
    for left in reversed(range(number)):
        reason = st.just(stop_reason) if left == 0 else st.none() | st.just(stop_reason)
        event = draw(message_deltas(reason, rest))
        # What was said about the stop is not taken back.
        event["delta"] |= {k: v for k, v in said.items() if event["delta"].get(k) is None}
        said = {k: v for k, v in event["delta"].items() if v is not None}
        event["usage"] = _added(usage, event["usage"])
        usage = {**usage, **{k: v for k, v in event["usage"].items() if v is not None}}
        events.append(event)
    return events


def _added(before: Event, more: Event) -> Event:
    """Add usage to usage: the counts on the wire are cumulative."""
    after = {}
    for name, value in more.items():
        old = before.get(name)
        if old is None or value is None:
            after[name] = value
        elif isinstance(value, dict):
            after[name] = _added(old, value)
        elif isinstance(value, list):
            after[name] = [*deepcopy(old), *value]
        else:
            after[name] = old + value
    return after


@functools.cache
def _interruptions(features: _Features) -> SearchStrategy[list[tuple[int, Event]]]:
    """Events without meaning that may be at any place, each with its place."""
    events = [tagged("ping")] if features.pings else []
    if features.unknown:
        events.append(unknown_objects())
    if not events:
        return st.builds(list)
    # Enough for every place of a stream of the default size; used modulo its length.
    return st.lists(st.tuples(st.integers(0, 63), st.one_of(events)), max_size=3)
