"""Which rules of order and data a stream breaks (`_rules` has the rules).

The functions look at the blocks and change nothing. `Accumulator` asks them before it takes an
event, and at the end, and notes what they give. Each step costs O(1) but for the end, which walks
the blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._model import InvalidJson, ToolUseBlock
from .._rules import Fault
from ..errors import clipped, shown
from .drafts import InputDraft, PartsDraft, ThinkingDraft

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._chunks import ErrorChunk
    from .blocks import Blocks
    from .drafts import Draft, Kind

    FaultOfBlock = tuple[Fault, Draft | None]

__all__ = [
    "CUT_OFF",
    "beginning_of",
    "fault_of_delta",
    "faults_at_end",
    "faults_of_start",
    "has_form_of_api",
    "lacks_stop",
]

CUT_OFF = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})
"""Stop reasons of a message that was cut off."""


def faults_of_start(blocks: Blocks, index: int) -> list[Fault]:
    """Find what is off with the place of a new block.

    Args:
        blocks: The blocks before it.
        index: Its index.

    Returns:
        The rules that its start breaks.
    """
    faults: list[Fault] = []
    due = blocks.highest + 1
    if index != due:
        is_used = blocks.started(index) is not None
        rule = "index_reused" if is_used else "index_not_consecutive"
        faults.append(Fault(rule, f"index {index} came, and {due} is due"))
    if blocks.overlaps(index):
        faults.append(Fault("blocks_overlap"))
    return faults


def fault_of_delta(
    blocks: Blocks, chunk: Any, kind: Kind, taker: Draft | None
) -> FaultOfBlock | None:
    """Find what is off with the place of a delta. A side block does not make it right.

    Args:
        blocks: The blocks so far.
        chunk: The delta.
        kind: The kind of block that takes such deltas; None if no kind is known to.
        taker: The block of its index that takes it, if there is one.

    Returns:
        The rule that it breaks, and the block that this is about; None where nothing is off.
    """
    index, delta_type = chunk.index, clipped(chunk.delta_type)
    if taker is not None and not taker.is_side:
        newest = blocks.newest_start
        if newest is None or taker is newest:
            return None
        seen = f"{delta_type} came after the start of block {newest.index}"
        return Fault("blocks_interleave", seen), taker
    started, going_on = blocks.started(index), blocks.going_on(index)
    if started is None:
        return Fault("delta_without_block", delta_type), None
    if going_on is None:
        return Fault("delta_after_block_stop", delta_type), started
    if kind is None:
        return None
    seen = f"{delta_type} in a block of type {clipped(going_on.start.type)}"
    return Fault("delta_type_mismatch", seen), going_on


def faults_at_end(
    blocks: Blocks, stop_reason: str | None, *, is_complete: bool, is_stopped: bool
) -> Iterator[FaultOfBlock]:
    """Find what shows only at the end.

    Args:
        blocks: The blocks of the message.
        stop_reason: Its stop reason.
        is_complete: Whether it is finished.
        is_stopped: Whether `message_stop` came.

    Yields:
        Each rule that is broken, and the block that this is about.
    """
    if not is_complete:
        yield Fault("stream_cut"), None
        return
    if not is_stopped:
        yield Fault("message_stop_missing"), None
        for draft in filter(lacks_stop, blocks):
            yield Fault("block_not_stopped", beginning_of(draft)), draft
    calls_tool = any(isinstance(draft.start, ToolUseBlock) for draft in blocks)
    if not stop_reason:  # "" is none
        yield Fault("stop_reason_missing"), None
    if calls_tool and stop_reason in ("end_turn", "stop_sequence"):
        seen = f"stop_reason is {stop_reason}, and tool_use is due"
        yield Fault("tool_use_without_stop_reason", seen), None
    if stop_reason == "tool_use" and not calls_tool:
        yield Fault("stop_reason_without_tool_use"), None
    # A message that was cut off may have half a last block.
    half = blocks.drafts[-1] if blocks.drafts and stop_reason in CUT_OFF else None
    yield from _faults_of_data(draft for draft in blocks if draft is not half)


def _faults_of_data(drafts: Iterable[Draft]) -> Iterator[FaultOfBlock]:
    for draft in drafts:
        block: Any = draft.block()
        if isinstance(draft, InputDraft) and isinstance(block.input, InvalidJson):
            yield Fault("tool_input_invalid", shown(block.input.text)), draft
        if isinstance(draft, ThinkingDraft) and not block.signature:
            yield Fault("thinking_without_signature", shown(block.thinking)), draft


def lacks_stop(draft: Draft) -> bool:
    """Whether a block should have been stopped and was not. A side block has no stop to miss."""
    return not draft.was_stopped and not draft.is_side


def beginning_of(draft: Draft) -> str:
    """Show the beginning of a block, at a bounded length, so that a person finds it."""
    kind = clipped(draft.start.type)
    if not isinstance(draft, PartsDraft):
        return kind
    return f"{kind} {shown(getattr(draft.block(), draft.field))}"


def has_form_of_api(chunk: ErrorChunk) -> bool:
    """Whether an error event is of the form that the API's description gives."""
    match chunk.to_event():
        case {"type": "error", "error": {"type": str(), "message": str()}}:
            return True
        case _:
            return False
