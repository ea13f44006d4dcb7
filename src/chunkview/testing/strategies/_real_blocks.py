"""Blocks as most streams have them: text and tools, then thinking, citations and server tools.

A block takes few choices, so drawing is fast, and the shrinker takes a block away at once. The
kinds that are rare are those of the widest search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import strategies as st

from ._events import vocabulary
from ._objects import OPAQUE, UNKNOWN, any_of, future_objects
from ._tool_blocks import real_calls, tool_blocks, with_own_tools
from ._wide_blocks import wide_blocks
from ._words import pieces, sentences

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ._features import Block, Features
    from ._objects import Event
    from ._wide_blocks import BlocksByType

__all__ = ["UNNUMBERED", "Group", "is_answered", "real_blocks", "real_groups"]

_TOOL, _SERVER_TOOL = "toolu_", "srvtoolu_"
UNNUMBERED = (_TOOL, _SERVER_TOOL)
"""The ids of calls that have no number yet. That of the message is added to them."""

Group: TypeAlias = "tuple[SearchStrategy[Block], ...]"


def real_groups(features: Features) -> list[Group]:
    """Blocks, and calls of server tools with their results, each as many times as it weighs.

    The first one is the simplest.

    There is one table for all places in a stream. If it depended on the place, a block would become
    another one when the shrinker takes away the block before it.
    """
    rare = wide_blocks(features)
    blocks = real_blocks(features, rare)
    groups: list[Group] = []

    def add(weight: int, *group: SearchStrategy[Block]) -> None:
        groups.extend([group] * weight)

    add(1, _texts(features, 0))
    add(150, blocks["text"])
    if features.unknown:
        add(26, blocks[UNKNOWN])
    if features.tools:
        add(240, blocks["tool_use"])
    if features.thinking:
        add(44, blocks["thinking"])
    if features.citations and features.max_deltas:
        add(14, _cited_texts(features))
    if features.server_tools:
        add(5, blocks["server_tool_use"], _FOUND_PAGES)
        for name, tag in _RESULTS.items():
            add(7, tool_blocks(_server_calls(name), features), rare[tag])
        add(1, blocks["server_tool_use"])
        add(6, st.one_of([rare[tag] for tag in _RESULTS.values()]))
        add(14, rare["container_upload"])
        if features.beta:
            add(3, rare["advisor_tool_result"])
    add(1, rare["text"])
    if features.tools:
        add(1, rare["tool_use"])
    if features.thinking:
        add(4, rare["thinking"])
        add(8, rare["redacted_thinking"])
    if features.beta:
        add(14, rare["fallback"])
        add(14, rare["compaction"])
        add(5, rare["mcp_tool_use"])
        add(5, rare["mcp_tool_result"])
        add(3, rare["mcp_tool_listing"])
    return groups


def real_blocks(features: Features, rare: BlocksByType) -> BlocksByType:
    """Blocks by their type. Those that `rare` has, but for the frequent types."""
    calls = real_calls().map(_tool_use)
    future_deltas = st.lists(future_objects(), max_size=min(1, features.max_deltas))
    unknown = {UNKNOWN: st.tuples(future_objects(), future_deltas)} if features.unknown else {}
    return (
        rare
        | unknown
        | {
            "text": _texts(features, 1),
            "thinking": _thinking(features),
            "tool_use": tool_blocks(with_own_tools(calls, features), features),
            "server_tool_use": tool_blocks(_server_calls("web_search"), features),
        }
    )


def _tool_use(call: tuple[str, dict[str, Any]]) -> Event:
    name, tool_input = call
    return {"type": "tool_use", "id": _TOOL, "name": name, "input": tool_input}


# -- text -------------------------------------------------------------------------------------


def _texts(features: Features, min_pieces: int) -> SearchStrategy[Block]:
    """Text blocks with at least so many deltas, if that many are allowed."""
    most = features.max_deltas
    if not most:
        return sentences().map(lambda text: ({"type": "text", "text": text}, []))
    return pieces(min(most, max(min_pieces, features.min_deltas)), most).map(_text)


def _text(texts: list[str]) -> Block:
    return {"type": "text", "text": ""}, _text_deltas(texts)


def _text_deltas(texts: list[str]) -> list[Event]:
    """The deltas of a text. It begins with a word rather than with the blank before it."""
    texts = [text.lstrip(" ") or text for text in texts[:1]] + texts[1:]
    return [{"type": "text_delta", "text": text} for text in texts]


def _cited_texts(features: Features) -> SearchStrategy[Block]:
    """Text blocks with a citation, which comes before the text."""
    known = vocabulary(beta=features.beta, unknown=False).citations
    least, most = max(1, features.min_deltas) - 1, features.max_deltas - 1
    return st.builds(_cited_text, any_of(known), pieces(least, most))


def _cited_text(citation: Event, texts: list[str]) -> Block:
    start = {"type": "text", "text": "", "citations": []}
    return start, [{"type": "citations_delta", "citation": citation}, *_text_deltas(texts)]


def _thinking(features: Features) -> SearchStrategy[Block]:
    """Thinking blocks, with their signature in the last delta."""
    least, most = max(0, features.min_deltas - 1), features.max_deltas - 1
    if most < 0:
        return st.builds(_thought, sentences(), _SIGNATURES).map(lambda start: (start, []))
    return st.builds(_streamed_thought, pieces(least, most), _SIGNATURES)


def _thought(thinking: str, signature: str) -> Event:
    return {"type": "thinking", "thinking": thinking, "signature": signature}


def _streamed_thought(texts: list[str], signature: str) -> Block:
    deltas: list[Event] = [{"type": "thinking_delta", "thinking": text} for text in texts]
    return _thought("", ""), [*deltas, {"type": "signature_delta", "signature": signature}]


_SIGNATURES = OPAQUE.map("Er{}==".format)


# -- server tools -----------------------------------------------------------------------------

_RESULTS = {
    "web_search": "web_search_tool_result",
    "web_fetch": "web_fetch_tool_result",
    "code_execution": "code_execution_tool_result",
    "bash_code_execution": "bash_code_execution_tool_result",
    "text_editor_code_execution": "text_editor_code_execution_tool_result",
    "tool_search_tool_regex": "tool_search_tool_result",
}
"""The types of the results, by the names of the server tools."""


def _server_calls(name: str) -> SearchStrategy[Event]:
    return sentences().map(
        lambda query: {
            "type": "server_tool_use",
            "id": _SERVER_TOOL,
            "name": name,
            "input": {"query": query},
        }
    )


def _found_pages(titles: list[str]) -> Block:
    pages = [
        {
            "type": "web_search_result",
            "title": title,
            "url": f"https://example.com/{number}",
            "encrypted_content": "EqgfCioIARgB",
            "page_age": None,
        }
        for number, title in enumerate(titles)
    ]
    return {"type": "web_search_tool_result", "tool_use_id": "", "content": pages}, []


_FOUND_PAGES = pieces(0, 3).map(_found_pages)


def is_answered(group: list[Block]) -> bool:
    """Whether a group is the call of a server tool and its result."""
    return len(group) == 2 and group[0][0]["type"] == "server_tool_use"
