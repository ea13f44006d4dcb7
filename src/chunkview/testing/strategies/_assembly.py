"""Whole streams, put together from their parts: the message, its blocks, its end.

The two styles, real streams and the widest search, differ in what their parts are drawn from and in
how often something rare occurs. `_style` makes a table of that once for each set of features.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, TypeAlias

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ._events import message_deltas, vocabulary
from ._features import Block
from ._given_blocks import given_blocks
from ._objects import (
    MODELS,
    UNKNOWN,
    Event,
    Events,
    add_unknown_keys,
    future_objects,
    tagged,
    unknown_objects,
    weighted,
)
from ._real_blocks import UNNUMBERED, is_answered, real_blocks, real_groups
from ._titled import Titled
from ._wide_blocks import wide_blocks, wide_groups

if TYPE_CHECKING:
    from collections.abc import Collection

    from ._features import Features
    from ._real_blocks import Group
    from ._wide_blocks import BlocksByType

__all__ = ["Stream", "block_types", "streams_with", "unused_id"]

Stream: TypeAlias = list[Event]


@functools.lru_cache(maxsize=64)
def streams_with(features: Features) -> SearchStrategy[Stream]:
    """Streams in which these features may occur."""
    style = (_real if features.realistic else _wide)(features)
    return _streams(Titled(repr(features), (features, style)))


def block_types(features: Features) -> BlocksByType:
    """Blocks by their type, in the style of the features."""
    rare = wide_blocks(features)
    return real_blocks(features, rare) if features.realistic else rare


@attrs.frozen
class _Insertions:
    """What is put into a stream, at any place.

    Attributes:
        pings: The places of pings.
        events: Further events without meaning, each with its place.
        keys: Whether keys that no API documents are added: "any", "few" or "".
    """

    pings: tuple[int, ...] = ()
    events: SearchStrategy[list[tuple[int, Event]]] | None = None
    keys: str = ""


@attrs.frozen
class _Style:
    """What the parts of a stream are drawn from.

    Attributes:
        message: Draws the message in `message_start`.
        blocks: The blocks.
        cut_off: Whether the stream ends in the middle of its last block.
        stop_reasons: The stop reason. It is drawn even if the content decides it. Otherwise,
            without its tools, a stream would take more choices than the shrinker leaves.
        end_counts: How many `message_delta` events there are.
        end: Draws a `message_delta` with a stop reason, which may be None.
        insertions: What is put in.
    """

    message: Callable[[DrawFn], Event]
    blocks: SearchStrategy[list[Block]]
    cut_off: SearchStrategy[bool]
    stop_reasons: SearchStrategy[str]
    end_counts: SearchStrategy[int]
    end: Callable[[DrawFn, str | None], Event]
    insertions: SearchStrategy[_Insertions]


@st.composite
def _streams(draw: DrawFn, arguments: Titled[tuple[Features, _Style]]) -> Stream:
    features, style = arguments.value
    message = style.message(draw)
    blocks = _numbered(draw(style.blocks), message["id"].rpartition("_")[2])
    if features.model is not None:
        model = features.model
        message["model"] = draw(model) if isinstance(model, SearchStrategy) else model
    stream: Stream = [{"type": "message_start", "message": message}]
    cut_off = bool(features.cut_off and blocks and draw(style.cut_off))
    for index, (start, deltas) in enumerate(blocks):
        ends_early = cut_off and index == len(blocks) - 1
        stream.append({"type": "content_block_start", "index": index, "content_block": start})
        stream.extend(
            {"type": "content_block_delta", "index": index, "delta": delta}
            for delta in (_without_end(draw, deltas) if ends_early else deltas)
        )
        if not (ends_early and draw(st.booleans())):
            stream.append({"type": "content_block_stop", "index": index})
    stop_reason = draw(style.stop_reasons)
    if cut_off:
        stop_reason = draw(_CUT_OFF)
    elif any(start["type"] == "tool_use" for start, _ in blocks):
        stop_reason = "tool_use"
    stream += _ends(draw, style, stop_reason, message["usage"])
    stream.append({"type": "message_stop"})
    _insert(draw, stream, draw(style.insertions))
    if features.errors and draw(st.booleans()):
        # At message_stop at the latest: a ping may follow it.
        stop = [event["type"] for event in stream].index("message_stop")
        end = draw(st.integers(0, stop))
        stream[end:] = [draw(vocabulary(beta=False, unknown=False).events["error"])]
    return stream


def _numbered(blocks: list[Block], number: str) -> list[Block]:
    """Give each call of a tool an id of its own, and name that id in the result after it."""
    used: set[str] = set()
    renamed: dict[str, str] = {}
    changed: list[Block] = []
    for start, deltas in blocks:
        block = start
        if isinstance(block.get("id"), str):
            wanted = block["id"] + number if block["id"] in UNNUMBERED else block["id"]
            own = unused_id(wanted, used)
            used.add(own)
            renamed[block["id"]] = own
            block = {**block, "id": own}
        elif block.get("tool_use_id") in renamed:
            block = {**block, "tool_use_id": renamed[block["tool_use_id"]]}
        changed.append((block, deltas))
    return changed


def unused_id(wanted: str, known: Collection[str]) -> str:
    """Give an id that is not among those known: the one wanted, if possible."""
    while wanted in known:
        wanted = f"{wanted}_{len(known)}"
    return wanted


def _without_end(draw: DrawFn, deltas: list[Event]) -> list[Event]:
    """Cut a tool's input in the middle, or thinking before its signature.

    Text may end anywhere anyway.
    """
    if deltas and deltas[-1]["type"] == "signature_delta":
        return deltas[: draw(st.sampled_from((-1, -1, None)))]
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


_CUT_OFF = st.sampled_from(("max_tokens", "model_context_window_exceeded"))


def _ends(draw: DrawFn, style: _Style, stop_reason: str, usage: Event) -> list[Event]:
    """The `message_delta` events of a stream. Only the last one must give the stop reason."""
    events: list[Event] = []
    said: Event = {}
    for left in reversed(range(draw(style.end_counts))):
        event = style.end(draw, stop_reason if left == 0 or draw(st.booleans()) else None)
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


def _insert(draw: DrawFn, stream: Stream, insertions: _Insertions) -> None:
    if insertions.keys:
        add_unknown_keys(draw, stream, few=insertions.keys == "few")
    for place in insertions.pings:
        stream.insert(place % (len(stream) + 1), {"type": "ping"})
    if insertions.events is not None:
        for place, event in draw(insertions.events):
            stream.insert(place % (len(stream) + 1), event)


def _events_at_places(*events: Events, min_size: int) -> SearchStrategy[list[tuple[int, Event]]]:
    # Enough for every place of a stream of the default size; used modulo its length.
    placed = st.tuples(st.integers(0, 63), st.one_of(*events))
    return st.lists(placed, min_size=min_size, max_size=3)


def _lists_of_blocks(features: Features) -> SearchStrategy[list[Block]]:
    if features.given_blocks is not None:
        return given_blocks(features.given_blocks, features, block_types(features))
    return _real_lists(features) if features.realistic else _wide_lists(features)


# -- the widest search ------------------------------------------------------------------------


def _wide(features: Features) -> _Style:
    words = vocabulary(beta=features.beta, unknown=features.unknown)
    meaningless = [_PINGS] * features.pings + [unknown_objects()] * features.unknown
    insertions = _Insertions(
        events=_events_at_places(*meaningless, min_size=0) if meaningless else None,
        keys="any" if features.unknown else "",
    )
    return _Style(
        message=lambda draw: draw(words.started_message),
        blocks=_lists_of_blocks(features),
        cut_off=st.booleans(),
        stop_reasons=st.sampled_from(_reasons(features)),
        end_counts=st.integers(features.min_message_deltas, features.max_message_deltas),
        end=lambda draw, reason: draw(message_deltas(st.just(reason), words.delta_rest)),
        insertions=st.just(insertions),
    )


_PINGS = tagged("ping")


def _wide_lists(features: Features) -> SearchStrategy[list[Block]]:
    block = weighted(*[(1, group) for group in wide_groups(features)])
    return st.lists(block, min_size=features.min_blocks, max_size=features.max_blocks)


def _reasons(features: Features) -> list[str]:
    """The stop reasons of a stream that calls no tool and is not cut off."""
    words = vocabulary(beta=features.beta, unknown=features.unknown)
    known = [reason for reason in words.stop_reasons if reason != "tool_use"]
    return [*known, UNKNOWN] if features.unknown and features.unknown_reasons else known


# -- real streams -----------------------------------------------------------------------------


def _real(features: Features) -> _Style:
    words = vocabulary(beta=features.beta, unknown=features.unknown)
    least, most = features.min_message_deltas, features.max_message_deltas
    return _Style(
        message=functools.partial(_real_message, words.started_message),
        blocks=_lists_of_blocks(features),
        cut_off=st.sampled_from((False,) * 4 + (True,)),
        stop_reasons=st.sampled_from(
            [*["end_turn"] * 12, *_reasons(features), *["stop_sequence"] * 2]
        ),
        end_counts=st.sampled_from([*[least] * 8, *range(least, most + 1)]),
        end=functools.partial(_real_end, words.delta_rest),
        insertions=st.sampled_from(_real_insertions(features)),
    )


def _real_lists(features: Features) -> SearchStrategy[list[Block]]:
    groups = real_groups(features)
    text = (real_blocks(features, wide_blocks(features))["text"],)
    # One choice says whether another block comes, and which. At the beginning of a stream, most
    # choices of the end mean a text. If they were other choices there than later, a block would
    # become another one when the shrinker takes away the block before it.
    ends: list[Group] = [(), *[text] * (len(groups) // 5)]
    choices = [*((group, True) for group in ends), *((group, False) for group in groups)]
    return _lists_of_groups(
        Titled("...", (st.sampled_from(groups), st.sampled_from(choices))),
        features.min_blocks,
        features.max_blocks,
    )


@st.composite
def _lists_of_groups(
    draw: DrawFn,
    strategies: Titled[tuple[SearchStrategy[Group], SearchStrategy[tuple[Group, bool]]]],
    min_blocks: int,
    max_blocks: int,
) -> list[Block]:
    """Draw groups of blocks.

    Args:
        draw: The `draw` of `st.composite`.
        strategies: Groups; and groups with whether the list ends instead, if it is not empty.
        min_blocks: How many blocks there are at least.
        max_blocks: How many blocks there are at most. The last group may have to be shortened.
    """
    groups, choices = strategies.value
    blocks: list[Block] = []
    while True:
        if len(blocks) < min_blocks:
            group, is_end = draw(groups), False
        else:
            # Draw this even if the list is full. Otherwise, without one of its blocks, a list would
            # take more choices than the shrinker leaves.
            group, is_end = draw(choices)
        if not group or (is_end and blocks) or len(blocks) == max_blocks:
            break
        drawn = [draw(block) for block in group[: max_blocks - len(blocks)]]
        if is_answered(drawn):
            drawn[1][0]["tool_use_id"] = drawn[0][0]["id"]
        blocks += drawn
    return blocks


def _real_message(wide: Events, draw: DrawFn) -> Event:
    """Draw the message at the start of a stream, with the usage that the API sends."""
    kind, model = draw(_REAL_MESSAGES)
    if kind == "wide":
        return draw(wide)
    number, input_tokens, output_tokens = draw(_IDS), draw(_INPUT_TOKENS), draw(_FIRST_TOKENS)
    usage: Event = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    if kind != "plain":
        cached = input_tokens if kind == "cached" else 0
        usage |= {
            "cache_creation_input_tokens": cached,
            "cache_read_input_tokens": 4 * cached,
            "cache_creation": {
                "ephemeral_5m_input_tokens": cached,
                "ephemeral_1h_input_tokens": 0,
            },
            "service_tier": "standard",
        }
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


_REAL_MESSAGES = st.sampled_from(
    [
        *((kind, model) for kind in ("plain", "whole", "cached", "whole") for model in MODELS),
        ("wide", ""),
    ]
)
_IDS = st.integers(0, 10**6)
_INPUT_TOKENS = st.integers(0, 20_000)
_FIRST_TOKENS = st.integers(0, 20)


def _real_end(wide: Events, draw: DrawFn, stop_reason: str | None) -> Event:
    """Draw a `message_delta`, with the usage that the API sends."""
    repeated = draw(_REPEATED_COUNTS)
    if repeated is None or stop_reason == "refusal":
        return draw(message_deltas(st.just(stop_reason), wide))
    stop_sequence = draw(_STOP_SEQUENCES) if stop_reason == "stop_sequence" else None
    return {
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason, "stop_sequence": stop_sequence},
        "usage": {"output_tokens": draw(_LAST_TOKENS), **repeated},
    }


_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
# Nothing is added to the counts that are repeated. Gateways that do not know them send null.
_REPEATED: dict[str, int | None] = dict.fromkeys(_COUNTS, 0)
_UNKNOWN: dict[str, int | None] = dict.fromkeys(_COUNTS)
_REPEATED_COUNTS = st.sampled_from([*[{}, _REPEATED, _REPEATED] * 4, _UNKNOWN, None])
_STOP_SEQUENCES = st.sampled_from(("", "\n\nHuman:", "</answer>", "\u3002"))
_LAST_TOKENS = st.integers(0, 4_000)


def _real_insertions(features: Features) -> list[_Insertions]:
    # The API sends a ping after the first content_block_start. Others ping before anything else.
    insertions = [_Insertions()] * 6
    if features.pings:
        insertions += [_Insertions((2,))] * 5
        insertions += [_Insertions((place,)) for place in range(12)]
        insertions += [_Insertions((2, place)) for place in (3, 5, -1)]
    if features.unknown:
        few = _events_at_places(future_objects(), min_size=1)
        insertions += [_Insertions(keys="few"), _Insertions(events=few)] * 2
        anything = _events_at_places(unknown_objects(), min_size=0)
        insertions.append(_Insertions((2,) if features.pings else (), anything, keys="any"))
    return insertions
