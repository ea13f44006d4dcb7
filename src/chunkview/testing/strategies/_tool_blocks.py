"""Blocks that call a tool: the input arrives as JSON text, cut anywhere, or whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from ._cuts import draw_fragments
from ._json import write_json
from ._titled import Titled
from ._words import phrases

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from ._features import Block, Features
    from ._objects import Event

__all__ = ["real_calls", "tool_blocks", "with_own_tools"]


def real_calls() -> SearchStrategy[tuple[str, dict[str, Any]]]:
    """The names and inputs of tools as programs have them. Shrinks to one without input."""
    return st.builds(_call, st.sampled_from(_NAMES), phrases())


def _call(name: str, text: str) -> tuple[str, dict[str, Any]]:
    inputs: dict[str, dict[str, Any]] = {
        "get_time": {},
        "get_weather": {"city": text, "days": len(text)},
        "search": {"query": text},
        "write_file": {"path": "notes/r\u00e9sum\u00e9.md", "content": f"{text}\n"},
        "plan": {"steps": [{"text": text, "done": False}], "budget": 1.5, "parent": None},
    }
    return name, inputs[name]


# First the one that examples shrink to.
_NAMES = ("get_time", *("get_weather", "search") * 3, *("write_file", "plan") * 2)


def with_own_tools(blocks: SearchStrategy[Event], features: Features) -> SearchStrategy[Event]:
    """The blocks of a strategy, as calls of the tools that a test gives, if it gives some."""
    if not features.own_tools:
        return blocks
    calls = st.one_of([st.tuples(st.just(name), inputs) for name, inputs in features.own_tools])
    return st.builds(_renamed, blocks, calls)


def _renamed(block: Event, call: tuple[str, dict[str, Any]]) -> Event:
    name, tool_input = call
    if not isinstance(tool_input, dict):
        raise TypeError(
            f"tools: the input of {name!r} has to be a dict, got {type(tool_input).__name__}"
        )
    return {**block, "name": name, "input": tool_input}


def tool_blocks(blocks: SearchStrategy[Event], features: Features) -> SearchStrategy[Block]:
    """Blocks whose input arrives in deltas, or sometimes whole with the start.

    Args:
        blocks: The blocks, whole.
        features: How many deltas there are, and whether the formats are those of the API.
    """
    return _tool_blocks(Titled("...", (blocks, features)))


@st.composite
def _tool_blocks(draw: DrawFn, arguments: Titled[tuple[SearchStrategy[Event], Features]]) -> Block:
    blocks, features = arguments.value
    block = draw(blocks)
    if features.max_deltas == 0:
        return block, []
    form = draw(_REAL_FORMS if features.realistic else _FORMS)
    if form == "whole" and features.min_deltas == 0:
        return block, []
    return {**block, "input": {}}, _input_deltas(draw, block["input"], form, features)


def _input_deltas(draw: DrawFn, tool_input: Any, form: str, features: Features) -> list[Event]:
    """Draw the deltas that bring a tool's input."""
    *words, layout = form.split()
    text = write_json(
        tool_input,
        ascii_only="ascii" in words,
        layout="compact" if layout == "whole" else layout,
    )
    pieces = [""] if "empty" in words and features.max_deltas > 1 else []
    most = features.max_deltas - len(pieces)
    least = max(1, features.min_deltas - len(pieces), min(2, most) if "cut" in words else 1)
    pieces += draw_fragments(draw, text, least, most)
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


# A form is the layout of the JSON text, as for `write_json`, or `whole`. Before it may be words:
# `ascii`, if characters beyond ASCII are escaped; `cut`, if there are two pieces at least; `empty`,
# if an empty delta comes first, as it does from the API. What comes whole is rare, but first, so
# that examples shrink to it: the stream is shorter.
_REAL_FORMS = st.sampled_from(
    ("whole", "compact", *("empty cut spaced",) * 4, *("ascii cut spaced",) * 4)
)
_FORMS = st.sampled_from(
    (
        *("whole",) * 2,
        *("compact", "spaced", "lines"),
        *("ascii compact", "ascii spaced", "ascii lines"),
    )
)
