"""Blocks of every kind with anything in them, for the widest search."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

from ._blocks import TOOL_RESULTS
from ._events import vocabulary
from ._json import texts
from ._objects import OPAQUE, UNKNOWN, any_of, or_null, tagged, unknown_objects
from ._tool_blocks import tool_blocks, with_own_tools

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ._features import Block, Features
    from ._objects import Event

__all__ = ["TAKES", "BlocksByType", "wide_blocks", "wide_groups"]

TAKES: dict[str, tuple[str, ...]] = {
    "text": ("text_delta", "citations_delta"),
    "thinking": ("thinking_delta", "signature_delta"),
    "tool_use": ("input_json_delta",),
    "server_tool_use": ("input_json_delta",),
    "mcp_tool_use": ("input_json_delta",),
    "compaction": ("compaction_delta",),
}
"""The deltas that each type of block takes. The other types take none."""

BlocksByType: TypeAlias = "dict[str, SearchStrategy[Block]]"


def wide_groups(features: Features) -> list[SearchStrategy[Block]]:
    """The kinds of block that may occur, by the group that each belongs to.

    Choose the group first: among so many kinds of block, text would be rare otherwise.
    """
    blocks = wide_blocks(features)
    # Twice, because most streams consist of text.
    groups = [["text"], ["text"]]
    if features.thinking:
        groups += [["thinking"], ["redacted_thinking"]]
    if features.tools:
        groups.append(["tool_use"])
    if features.server_tools:
        results = [tag for tag in blocks if tag in TOOL_RESULTS and tag != "mcp_tool_result"]
        groups += [["server_tool_use"], [*results, "container_upload"]]
    if features.beta:
        groups.append(["compaction"])
        groups.append(["mcp_tool_use", "mcp_tool_result", "mcp_tool_listing", "fallback"])
    if features.unknown:
        groups.append([UNKNOWN])
    return [st.one_of([blocks[tag] for tag in group]) for group in groups]


def wide_blocks(features: Features) -> BlocksByType:
    """Blocks by their type, those too that the features leave out."""
    words = vocabulary(beta=features.beta, unknown=features.unknown)
    limit = features.max_deltas
    unknown_deltas = [unknown_objects()] if features.unknown else []

    def deltas(*tags: str, but: int = 0, at_most: int = limit) -> SearchStrategy[list[Event]]:
        """Deltas of some types, fewer by `but` than a block may have."""
        any_delta = st.one_of(*[words.deltas[tag] for tag in tags], *unknown_deltas)
        most = min(at_most, max(0, limit - but))
        least = min(most, max(0, features.min_deltas - but))
        return st.lists(any_delta, min_size=least, max_size=most)

    table: BlocksByType = {
        tag: st.tuples(block, st.builds(list)) for tag, block in words.blocks.items()
    }
    for tag in TAKES.keys() & table.keys():
        if "input_json_delta" in TAKES[tag]:
            table[tag] = tool_blocks(words.blocks[tag], features)
    cited = st.lists(any_of(words.citations), max_size=1 if features.citations else 0)
    text_start = tagged("text", {"text": st.just("") | texts()}, {"citations": or_null(cited)})
    thoughts = deltas("thinking_delta", but=1)
    unsigned = st.tuples(_UNSIGNED, st.builds(operator.add, thoughts, _SIGNATURES))
    signed = st.tuples(_SIGNED, deltas("thinking_delta"))
    table |= {
        "text": st.tuples(text_start, deltas(*TAKES["text"][: 1 + features.citations])),
        "thinking": unsigned | signed if limit else signed,
        "tool_use": tool_blocks(with_own_tools(words.blocks["tool_use"], features), features),
    }
    if features.beta:
        table["compaction"] = st.tuples(_COMPACTION_START, deltas("compaction_delta", at_most=1))
    if features.unknown:
        table[UNKNOWN] = st.tuples(unknown_objects(), deltas())
    return table


# A signature is never empty: nor would the API take one back, on which SDK and chunkview differ.
_OPAQUE = OPAQUE.map(lambda text: text or "=")
_STARTED_THINKING = {"thinking": st.just("") | texts()}
_UNSIGNED = tagged("thinking", {**_STARTED_THINKING, "signature": st.just("")})
_SIGNED = tagged("thinking", {**_STARTED_THINKING, "signature": _OPAQUE})
_SIGNATURES = tagged("signature_delta", {"signature": _OPAQUE}).map(lambda delta: [delta])
_COMPACTION_START = tagged(
    "compaction", {"content": st.none()}, {"encrypted_content": st.none() | OPAQUE}
)
