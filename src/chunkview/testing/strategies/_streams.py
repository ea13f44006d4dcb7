"""Whole, valid streams as lists of events.

Their order is valid for `chunkview.accumulate`, and they do what the API is known to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ._assembly import Stream, block_types, streams_with
from ._features import Features
from ._given_blocks import check_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._features import GivenBlock

__all__ = ["check_count", "message_streams", "streams_without_findings"]


def message_streams(
    *,
    realistic: bool = True,
    thinking: bool = True,
    tools: bool | Mapping[str, SearchStrategy[dict[str, Any]]] = True,
    server_tools: bool = True,
    citations: bool = True,
    beta: bool = True,
    cut_off: bool = True,
    errors: bool = False,
    pings: bool = True,
    unknown: bool = True,
    model: str | SearchStrategy[str] | None = None,
    blocks: Sequence[GivenBlock] | SearchStrategy[Sequence[GivenBlock]] | None = None,
    min_blocks: int | None = None,
    max_blocks: int | None = None,
    min_deltas: int = 0,
    max_deltas: int = 5,
    min_message_deltas: int = 1,
    max_message_deltas: int = 2,
) -> SearchStrategy[Stream]:
    r"""Whole, valid streams: what the API sends for one message, as a list of events.

    Most streams have text or call tools, a fifth calls several. A text delta is a few words, which
    mostly begin with a blank. The rest is rare, but there: thinking, citations, server tools, and
    each of the other kinds of block in a few streams of a hundred.

    Like real streams, these have empty deltas; a tool's input as JSON text in any format, cut
    anywhere (inside `\u00e9`, between the two escapes of a surrogate pair); blocks that start with
    some text, or arrive whole; usage that omits some counts, and repeats or raises the others; a
    block that is never stopped, with its tool input cut in the middle.

    `chunkview.conformance.check` has findings only for what cannot be without them: a stream that
    is cut off, an unknown stop reason, no `message_delta`. With `cut_off=False`, `unknown=False`
    and `min_message_deltas=1` it has none.

    `thinking`, `tools`, `server_tools`, `citations`, `beta`, `cut_off`, `errors`, `pings` and
    `unknown` say whether something may occur. With all of them off, streams have text blocks only.

    Args:
        realistic: Draw what real streams have. If False, it is the widest search: any text in any
            field, each kind of block as often as another, short streams. It is slower.
        thinking: Thinking blocks, redacted ones too, and their deltas.
        tools: `tool_use` blocks. A mapping has your own tools: a strategy of inputs by the name of
            the tool, such as `hypothesis_jsonschema.from_schema(tool["input_schema"])`. `tool_use`
            blocks then call no other tools. Anthropic's own, such as `web_search`, come in
            `server_tool_use` blocks: `server_tools=False` leaves them out.
        server_tools: `server_tool_use`, `container_upload` and `*_tool_result` blocks.
        citations: Citations on text.
        beta: What only the beta API sends: compaction, fallback and MCP blocks, the advisor's
            results, `context_management`, `iterations` and more on usage.
        cut_off: Streams that reach their token limit in the middle of the last block: it has no
            `content_block_stop`, no signature, or a tool input that is not valid JSON.
        errors: Streams that break off with an `error` event, at any place. `accumulate` raises
            StreamError for them.
        pings: `ping` events, at any place.
        unknown: What no API documents: events at any place, blocks, deltas, stop reasons, and
            keys in objects of every kind.
        model: The model that the message names, or a strategy of models.
        blocks: The blocks, in this order and no others, or a strategy of such lists. Each item is
            the type of a block (`"tool_use"`), a whole block as the API gives it without streaming
            (`{"type": "text", "text": "Hello"}`), or a strategy of either. A whole block is cut
            into deltas in every way. An `id` that an earlier block has is changed. Only
            `cut_off=True` takes something from them, from the last block. The other arguments about
            blocks do not apply.
        min_blocks: How many content blocks there are at least, by default 0.
        max_blocks: How many content blocks there are at most, by default 4, or `min_blocks` if that
            is more.
        min_deltas: How many deltas a block has at least, if its content comes in deltas.
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

    Raises:
        ValueError: A least number is larger than the most, or negative; `blocks` and a number of
            blocks are both given; or no block is of a type in `blocks`.
        TypeError: An argument, or an item of `blocks` or `tools`, is none of the above. An input of
            a tool is looked at when it is drawn.
        DecodeError: An object in `blocks` is no block.
    """
    _check_tools(tools)
    if not isinstance(model, str | SearchStrategy | None):
        raise TypeError(f"model: expected a str or a strategy, got {type(model).__name__}")
    for name, number in {
        "min_blocks": min_blocks,
        "max_blocks": max_blocks,
        "min_deltas": min_deltas,
        "max_deltas": max_deltas,
        "min_message_deltas": min_message_deltas,
        "max_message_deltas": max_message_deltas,
    }.items():
        check_count(name, number)
    least = 0 if min_blocks is None else min_blocks
    features = Features(
        realistic=realistic,
        thinking=thinking,
        tools=bool(tools),
        own_tools=tuple(tools.items()) if isinstance(tools, Mapping) else (),
        server_tools=server_tools,
        citations=citations,
        beta=beta,
        cut_off=cut_off,
        errors=errors,
        pings=pings,
        unknown=unknown,
        model=model,
        given_blocks=blocks if isinstance(blocks, SearchStrategy | None) else st.just(blocks),
        min_blocks=least,
        max_blocks=max(4, least) if max_blocks is None else max_blocks,
        min_deltas=min_deltas,
        max_deltas=max_deltas,
        min_message_deltas=min_message_deltas,
        max_message_deltas=max_message_deltas,
    )
    for name in ("blocks", "deltas", "message_deltas"):
        fewest, most = getattr(features, f"min_{name}"), getattr(features, f"max_{name}")
        if fewest > most:
            raise ValueError(f"min_{name} is {fewest}, and max_{name} is {most}")
    if blocks is not None:
        if (min_blocks, max_blocks) != (None, None):
            raise ValueError("`blocks` says how many blocks there are: leave out their numbers")
        if not isinstance(blocks, SearchStrategy):
            if isinstance(blocks, (str, Mapping)) or not isinstance(blocks, Iterable):
                raise TypeError(f"blocks: expected a list of blocks, got {type(blocks).__name__}")
            if isinstance(tools, Mapping) and not tools and "tool_use" in blocks:
                raise ValueError("blocks has 'tool_use', and tools has no tool to call")
            check_blocks(blocks, block_types(features))
    return streams_with(features)


def check_count(name: str, number: object) -> None:
    """Look at a number of blocks or deltas; None is one that was left out.

    Raises:
        TypeError: It is no int.
        ValueError: It is negative.
    """
    if not isinstance(number, int | None):
        raise TypeError(f"{name}: expected an int, got {type(number).__name__}")
    if number is not None and number < 0:
        raise ValueError(f"{name}: expected 0 or more, got {number}")


def _check_tools(tools: object) -> None:
    if not isinstance(tools, (bool, Mapping)):
        raise TypeError(f"tools: expected a bool or a mapping, got {type(tools).__name__}")
    for name, inputs in tools.items() if isinstance(tools, Mapping) else ():
        if not isinstance(inputs, SearchStrategy):
            raise TypeError(
                f"tools: expected a strategy of inputs for {name!r}, got {type(inputs).__name__}; "
                "hypothesis_jsonschema.from_schema(input_schema) makes one"
            )
        # In a new folder, Hypothesis needs a second for the first st.text(). In an example, its
        # health check would fail.
        inputs.validate()


def streams_without_findings(*, tools: bool = True, min_blocks: int = 0) -> SearchStrategy[Stream]:
    """Valid streams to break: what is off with them afterwards is the break.

    Each block ends: while one is open, "twice" and "after" would be ambiguous. The only
    `message_delta` brings the stop reason.

    Args:
        tools: As for `message_streams`.
        min_blocks: As for `message_streams`.
    """
    return streams_with(
        Features(
            tools=tools,
            cut_off=False,
            min_blocks=min_blocks,
            max_blocks=3,
            max_deltas=2,
            max_message_deltas=1,
            unknown_reasons=False,
        )
    )
