"""The assistant's turn in the next request: what the API accepts of an answer.

The API refuses parts of what it sent itself, above all when an answer broke off or when another
model took over. `TURN_RULES` says what it refuses, how anybody knows, and what becomes of it here:
some blocks are left out (`blocks_of_turn`), some keys are written differently (`block_of_turn`). A
few faults cannot be mended without inventing something (`breach_of`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from ..errors import clipped, shown
from .blocks import (
    BLOCKS,
    AnyContentBlock,
    CompactionBlock,
    FallbackBlock,
    McpToolUseBlock,
    RedactedThinkingBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
)
from .citations import UnknownCitation
from .record import Key, Record, schema, to_json
from .repeats import RepeatedCalls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "TURN_RULES",
    "TurnRule",
    "block_of_turn",
    "blocks_of_turn",
    "breach_of",
    "half",
    "is_half",
]


class TurnRule(NamedTuple):
    """Something that the API refuses in the assistant's turn of a request.

    Attributes:
        name: The name of the rule.
        refused: What the API refuses.
        does: What `Message.to_param` does about it.
        source: The page of the API's documentation that says so, or the public report of someone
            who observed it.
    """

    name: str
    refused: str
    does: str
    source: str


_DOCS = "https://platform.claude.com/docs/en"
_FALLBACK = f"{_DOCS}/build-with-claude/refusals-and-fallback#continuing-the-conversation"

TURN_RULES: dict[str, TurnRule] = {
    rule.name: rule
    for rule in (
        TurnRule(
            "text_empty",
            "a text block without text",
            "leaves it out",
            "https://github.com/anthropics/anthropic-sdk-python/issues/461",
        ),
        TurnRule(
            "text_blank",
            "text blocks of white space alone, if no other text block has visible text",
            "leaves them out; beside visible text they stay",
            "https://github.com/LibreChat-AI/agents/pull/124",
        ),
        TurnRule(
            "thinking_unsigned",
            "`thinking` without its `signature`, as a stream that broke off leaves it",
            "leaves it out",
            f"{_DOCS}/build-with-claude/thinking#thinking-encryption",
        ),
        TurnRule(
            "thinking_last",
            "`thinking` or `redacted_thinking` as the last block",
            "leaves it out",
            "https://github.com/tailcallhq/forgecode/issues/3071",
        ),
        TurnRule(
            "input_not_object",
            "a tool's `input` that is no JSON object, or is missing",
            'writes `{"INVALID_JSON": text}`, and `{}` where there was no input',
            "https://github.com/anthropics/anthropic-sdk-typescript/issues/648",
        ),
        TurnRule(
            "tool_id_repeated",
            "two `tool_use` blocks with the same `id`",
            "keeps the first of two equal calls; two different calls stay",
            "https://github.com/trycua/cua/issues/524",
        ),
        TurnRule(
            "tool_id_invalid",
            (
                "the `id` of a `tool_use` that is not letters, digits, `_` and `-`; that of a "
                "`server_tool_use` that is not `srvtoolu_` and letters, digits and `_`"
            ),
            "leaves it as it is: the tool's result has to name the same `id`",
            "https://github.com/QwenLM/qwen-code/issues/8160",
        ),
        TurnRule(
            "caller_null",
            "`caller: null` in a tool's call or result",
            "leaves the key out",
            "https://github.com/langchain-ai/langchain/pull/34286",
        ),
        TurnRule(
            "citation_title_missing",
            "a citation without the key `document_title`, or `title` if it cites a search",
            "writes null",
            f"{_DOCS}/api/messages/create",
        ),
        TurnRule(
            "citation_file_id",
            "`file_id` in a citation of a document, null or not",
            "leaves the key out",
            "https://github.com/langchain-ai/langchain/pull/32592",
        ),
        TurnRule(
            "server_tool_unanswered",
            (
                "a `server_tool_use` or `mcp_tool_use` without its result after it, unless the "
                "answer ended with `pause_turn` or `tool_use`"
            ),
            "leaves it out",
            f"{_DOCS}/build-with-claude/handling-stop-reasons#tool-use",
        ),
        TurnRule(
            "caller_left_out",
            (
                "a call whose `caller` names the call of a server tool that was left out (by the "
                "meaning of the field: no report)"
            ),
            "leaves it out, and its result; `tool_calls` leaves out the calls, too",
            f"{_DOCS}/agents-and-tools/tool-use/programmatic-tool-calling",
        ),
        TurnRule(
            "declined_block",
            (
                "`thinking`, `redacted_thinking`, `connector_text` or `tool_use` before the last "
                "`fallback`"
            ),
            "leaves it out; `tool_calls` leaves out the calls, too",
            _FALLBACK,
        ),
        TurnRule(
            "declined_server_tool_unanswered",
            "a `server_tool_use` or `mcp_tool_use` without its result before the last `fallback`",
            "leaves it out, for any stop reason",
            _FALLBACK,
        ),
        TurnRule(
            "block_half",
            (
                "half a block: one of a type that this version does not know, which got deltas; "
                "and `connector_text` without text"
            ),
            "leaves it out",
            _FALLBACK,
        ),
        TurnRule(
            "compaction_empty",
            "a `compaction` with the empty string as its `content`",
            "leaves it out",
            f"{_DOCS}/api/beta/messages/create",
        ),
        TurnRule(
            "role_other",
            "an answer with another `role` than `assistant`",
            "writes `assistant`",
            f"{_DOCS}/api/messages/create",
        ),
        TurnRule(
            "key_invalid",
            "a key that is missing, null or of another type than it should be; an empty `name`",
            "leaves it as it is, but for a tool's `input`",
            f"{_DOCS}/api/messages/create",
        ),
    )
}
"""What the API refuses in the assistant's turn, by the name of the rule."""

_SERVER_CALLS = (ServerToolUseBlock, McpToolUseBlock)
_CALLS = (ToolUseBlock, *_SERVER_CALLS)
_THINKING = (ThinkingBlock, RedactedThinkingBlock)

_MAY_WAIT = ("pause_turn", "tool_use")
"""The stop reasons after which the API runs a server's tool at the start of the next request."""


def half(block: UnknownBlock) -> UnknownBlock:
    """Mark a block whose deltas only a later version can read.

    The mark makes no difference to what the block equals and to what it is written as. So a block
    that was written and read again has none.
    """
    return attrs.evolve(block, memory={"is_half": True})


def is_half(block: UnknownBlock) -> bool:
    """Whether a block is known to lack what its deltas brought."""
    return "is_half" in block._memory  # pyright: ignore[reportPrivateUsage]


# -- which blocks ----------------------------------------------------------------------------------


def blocks_of_turn(
    content: Sequence[AnyContentBlock], stop_reason: str | None
) -> list[AnyContentBlock]:
    """Choose the blocks that the API accepts.

    Args:
        content: The blocks of the answer.
        stop_reason: Why the answer ended; None where it broke off.

    Returns:
        The blocks to send back, in order.
    """
    accepted = _without_orphans(content, list(_accepted(content, stop_reason)))
    chosen: list[AnyContentBlock] = list(_once(accepted))
    if not any(block.text.strip() for block in chosen if isinstance(block, TextBlock)):
        chosen[:] = [block for block in chosen if not isinstance(block, TextBlock)]
    while chosen and isinstance(chosen[-1], _THINKING):
        chosen.pop()
    return chosen


def _accepted(
    content: Sequence[AnyContentBlock], stop_reason: str | None
) -> Iterator[AnyContentBlock]:
    """The blocks that nothing is wrong with if each is looked at alone."""
    boundary = max(
        (place for place, block in enumerate(content) if isinstance(block, FallbackBlock)),
        default=-1,
    )
    may_wait = stop_reason in _MAY_WAIT
    unanswered = _unanswered(content)
    for place, block in enumerate(content):
        is_declined = place < boundary
        if is_declined and _is_dropped_with_its_model(block):
            continue
        if place in unanswered and (is_declined or not may_wait):
            continue
        if not _is_empty(block):
            yield block


def _unanswered(content: Sequence[AnyContentBlock]) -> set[int]:
    """The places of the calls of server tools that no result follows."""
    answered: set[str] = set()
    unanswered: set[int] = set()
    for place in range(len(content) - 1, -1, -1):
        block = content[place]
        if isinstance(block, ToolResultBlock):
            answered.add(block.tool_use_id)
        elif isinstance(block, _SERVER_CALLS) and block.id not in answered:
            unanswered.add(place)
    return unanswered


def _without_orphans(
    content: Sequence[AnyContentBlock], accepted: list[AnyContentBlock]
) -> list[AnyContentBlock]:
    """Leave out what calls made that are left out. The time is linear in the blocks."""
    called: dict[str, list[int]] = {}
    for place, block in enumerate(accepted):
        if caller := _caller_of(block):
            called.setdefault(caller, []).append(place)
    if not called:
        return accepted
    kept = Counter(block.id for block in accepted if isinstance(block, _SERVER_CALLS))
    gone = [
        call
        for call in {block.id for block in content if isinstance(block, _SERVER_CALLS)}
        if not kept[call]
    ]
    results: dict[str, list[int]] = {}
    for place, block in enumerate(accepted):
        if isinstance(block, ToolResultBlock):
            results.setdefault(block.tool_use_id, []).append(place)
    orphans: set[int] = set()
    while gone:
        for place in called.pop(gone.pop(), ()):
            block = accepted[place]
            orphans.add(place)
            if isinstance(block, _SERVER_CALLS):
                kept[block.id] -= 1
                if not kept[block.id]:
                    gone.append(block.id)
                    orphans.update(results.get(block.id, ()))
    return [block for place, block in enumerate(accepted) if place not in orphans]


def _caller_of(block: AnyContentBlock) -> str:
    """The id of the call that made a call, or "" where the model made it."""
    if not isinstance(block, (ToolUseBlock, ServerToolUseBlock)):
        return ""
    caller = (block.caller or {}).get("tool_id")
    return caller if isinstance(caller, str) else ""


def _is_dropped_with_its_model(block: AnyContentBlock) -> bool:
    """Whether a block is worth nothing after the model that wrote it gave up."""
    return isinstance(block, (*_THINKING, ToolUseBlock)) or block.type == "connector_text"


def _is_empty(block: AnyContentBlock) -> bool:
    """Whether a block lacks what makes it one."""
    if isinstance(block, TextBlock):
        return block.text == ""
    if isinstance(block, ThinkingBlock):
        return block.signature == ""
    if isinstance(block, CompactionBlock):
        return block.content == ""
    if isinstance(block, UnknownBlock):
        has_no_text = block.type == "connector_text" and not block.data.get("connector_text")
        return has_no_text or is_half(block)
    return False


def _once(blocks: Iterable[AnyContentBlock]) -> Iterator[AnyContentBlock]:
    """Blocks without the tool calls that repeat an earlier one."""
    repeated = RepeatedCalls()
    for block in blocks:
        if not (isinstance(block, ToolUseBlock) and repeated.has(block)):
            yield block


# -- how they are written --------------------------------------------------------------------------


def block_of_turn(block: AnyContentBlock) -> dict[str, Any]:
    """Write a block as the API accepts it.

    Args:
        block: One of `blocks_of_turn`.

    Returns:
        A new dict. It is what the server sent, but for what the API refuses.
    """
    written = block.to_dict()
    if isinstance(block, _CALLS):
        written["input"] = to_json(block.input)
    if isinstance(block, ThinkingBlock) and written.get("thinking") is None:
        written["thinking"] = ""
    if isinstance(block, (*_CALLS, ToolResultBlock)):
        for name in ("caller", "is_error"):
            if written.get(name, "") is None:
                del written[name]
    if isinstance(block, TextBlock) and block.citations:
        for citation, came in zip(block.citations, written["citations"], strict=True):
            for name in _TITLES & schema(type(citation)).names:
                came.setdefault(name, None)
            if "file_id" in schema(type(citation)).names:
                came.pop("file_id", None)
    return written


_TITLES = frozenset({"document_title", "title"})
"""The keys of citations that a request has to have, though they may be null."""


_IDS = {
    "tool_use": re.compile(r"[a-zA-Z0-9_-]+"),
    "server_tool_use": re.compile(r"srvtoolu_[a-zA-Z0-9_]+"),
}
"""The ids that the API takes, by the type of the call."""


def breach_of(blocks: Sequence[AnyContentBlock]) -> str:
    """Find what the API refuses although it is written by `block_of_turn`.

    Args:
        blocks: The blocks that `blocks_of_turn` gives.

    Returns:
        The first breach, with its rule and its place; "" where there is none.
    """
    ids: set[str] = set()
    for place, block in enumerate(blocks):
        written = block_of_turn(block)
        try:
            json.dumps(written, allow_nan=False)
        except (TypeError, ValueError) as error:
            problem = f"cannot be written as JSON: {error}"
            return f"not_json: content[{place}], a {clipped(block.type)}, {problem}"
        if isinstance(block, UnknownBlock):
            continue
        for path, problem in _faulty_keys(block, written):
            return f"key_invalid: content[{place}].{path} of a {block.type} {problem}"
        if not isinstance(block, _CALLS):
            continue
        at = f"content[{place}].id of a {block.type} is {shown(block.id)}"
        expected = _IDS.get(block.type)
        if expected is not None and not expected.fullmatch(block.id):
            return f"tool_id_invalid: {at}"
        if isinstance(block, ToolUseBlock):
            if block.id in ids:
                return f"tool_id_repeated: {at}, and so is that of an earlier one"
            ids.add(block.id)
    return ""


_NEED_CONTENT = frozenset(
    tag for tag, cls in BLOCKS.items() if cls is ToolResultBlock and tag != "mcp_tool_result"
)
"""The results that a request may not have without `content`."""


def _is_content_of_result(record: Record, key: Key) -> bool:
    """Whether a key is the content of a result that needs it."""
    is_result = isinstance(record, ToolResultBlock) and record.type in _NEED_CONTENT
    return is_result and key.name == "content"


def _faulty_keys(record: Record, written: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Which keys of an object the API refuses, and why."""
    for key in schema(type(record)).keys:
        value = written.get(key.wire)
        if key.wire in record.extra and key.wire in written:
            yield key.wire, f"is {shown(value)}"
        elif value is None and (key.is_expected or _is_content_of_result(record, key)):
            yield key.wire, "is missing"
        elif key.name == "name" and value == "":
            yield key.wire, "is empty"
    if isinstance(record, TextBlock):
        for number, citation in enumerate(record.citations or ()):
            if not isinstance(citation, UnknownCitation):
                for path, problem in _faulty_keys(citation, written["citations"][number]):
                    yield f"citations[{number}].{path}", problem
