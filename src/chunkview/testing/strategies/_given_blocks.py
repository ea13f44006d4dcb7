"""Blocks that a test gives: by their type, or whole, to be streamed in many ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._model import Message
from ._cuts import draw_fragments, draw_words
from ._json import LAYOUTS, write_json
from ._titled import Titled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

    from ._features import Block, Features, GivenBlock
    from ._objects import Event
    from ._wide_blocks import BlocksByType

__all__ = ["blocks_of", "check_blocks", "given_blocks", "streamed"]


def check_blocks(given: Sequence[GivenBlock], types: BlocksByType) -> None:
    """Look at blocks that a test gives.

    Raises:
        ValueError: There is no such type of block, or a block lacks what makes its content.
        TypeError: It is neither a type, nor a block, nor a strategy.
        DecodeError: It is no block.
    """
    for block in given:
        if isinstance(block, str):
            if block not in types:
                raise ValueError(
                    f"no block has the type {block!r}; the types are {', '.join(types)}"
                )
        elif isinstance(block, Mapping):
            blocks_of(_message_of(block))
        elif not isinstance(block, SearchStrategy):
            raise TypeError(
                f"expected the type of a block, a block, or a strategy of them, got {block!r}"
            )


def _message_of(block: Mapping[str, Any]) -> Message:
    message = Message.from_dict({"content": [block]})
    # Without its text, a text block would be one without text.
    for key in _NEEDED.get(block["type"], ()):
        if key not in block:
            raise ValueError(f"a block of the type {block['type']!r} needs the key {key!r}")
    return message


def given_blocks(
    given: SearchStrategy[Any], features: Features, types: BlocksByType
) -> SearchStrategy[list[Block]]:
    """Draw the blocks that a test gives.

    Args:
        given: Lists of what the test gives.
        features: How many deltas each block has.
        types: Blocks by their type.
    """
    return _given_blocks(given, Titled("...", (features, types)))


@st.composite
def _given_blocks(
    draw: DrawFn, given: SearchStrategy[Any], arguments: Titled[tuple[Features, BlocksByType]]
) -> list[Block]:
    features, types = arguments.value
    blocks: list[Block] = []
    for item in draw(given):
        block = draw(item) if isinstance(item, SearchStrategy) else item
        check_blocks([block], types)
        if isinstance(block, str):
            blocks.append(draw(types[block]))
        else:
            ((start, deltas),) = blocks_of(_message_of(block))
            blocks.append(
                streamed(draw, block, start, deltas, features.min_deltas, features.max_deltas)
            )
    return blocks


def blocks_of(message: Message) -> list[Block]:
    """Give the blocks of a message as they start, and the deltas that bring the rest."""
    blocks: list[Block] = []
    for event in message.to_events():
        if event["type"] == "content_block_start":
            blocks.append((event["content_block"], []))
        elif event["type"] == "content_block_delta":
            blocks[-1][1].append(event["delta"])
    return blocks


_NEEDED = {"text": ("text",), "thinking": ("thinking",), "tool_use": ("name", "input")}

_STRINGS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    **dict.fromkeys(
        ("tool_use", "server_tool_use", "mcp_tool_use"), ("input_json_delta", "partial_json")
    ),
}
"""The deltas that bring the content of a block, and the key of their string."""


def streamed(
    draw: DrawFn,
    whole: Mapping[str, Any],
    start: Event,
    deltas: list[Event],
    min_deltas: int,
    max_deltas: int,
) -> Block:
    """Draw one of the ways to stream a block.

    Args:
        draw: The `draw` of `st.composite`.
        whole: The whole block. It is not changed.
        start: The block as `blocks_of` starts it.
        deltas: Its deltas.
        min_deltas: How many deltas there are at least, if its content can come in deltas.
        max_deltas: How many deltas there are at most.
    """
    tag, key = _STRINGS.get(start["type"], ("", ""))
    others = [delta for delta in deltas if delta["type"] != tag]
    text = "".join([delta[key] for delta in deltas if delta["type"] == tag])
    if tag == "input_json_delta":
        text = draw(_rewritten(text or ("{}" if start.get("input") == {} else "")))
    least, most = max(1, min_deltas - len(others)), max_deltas - len(others)
    if most < least or (min_deltas == 0 and tag and draw(_COMES_WHOLE)):
        return deepcopy(dict(whole)), []
    if not text and (tag in ("", "input_json_delta") or min_deltas <= len(others)):
        return start, deltas
    draw_pieces = draw_fragments if tag == "input_json_delta" else draw_words
    pieces = draw_pieces(draw, text, least, most)
    if key in start and len(pieces) > least and draw(_BEGINS_WITH_TEXT):
        start[key] = pieces.pop(0)
    strings = [{"type": tag, key: piece} for piece in pieces]
    is_last = tag == "thinking_delta" or draw(st.booleans())
    return start, [*strings, *others] if is_last else [*others, *strings]


# First, because the stream is shorter.
_COMES_WHOLE = st.sampled_from((True, *[False] * 7))
_BEGINS_WITH_TEXT = st.sampled_from((*[False] * 7, True))


def _rewritten(text: str) -> SearchStrategy[str]:
    """JSON text in any format. What is no JSON stays as it is."""
    try:
        value = json.loads(text)
        formats = [
            write_json(value, ascii_only=ascii_only, layout=layout)
            for ascii_only in (False, True)
            for layout in LAYOUTS
        ]
        "".join(formats).encode()
    except (ValueError, RecursionError):
        return st.just(text)
    return st.sampled_from(formats)
