"""The rules of a stream, and the findings of those that a stream breaks.

`RULES` has a row for each rule. A rule of severity "error" is one whose breach makes the official
SDK raise, or lose or change content, or makes chunkview raise; the rest are warnings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from .._chunks import ChunkView
from .._repr import concise_repr, rich_repr

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_FINDINGS", "RULES", "Finding", "Findings", "Rule"]


MAX_FINDINGS: Final = 100
"""The most findings that one stream can have."""


class Rule(NamedTuple):
    """A rule that a stream should keep.

    Attributes:
        name: The name, as `Finding.rule` and `ProtocolError.rule` have it.
        group: What the rule is about: "order" or "data".
        severity: "error" or "warning".
        sentence: What is wrong where the rule is broken.
    """

    name: str
    group: str
    severity: str
    sentence: str


@attrs.frozen(repr=False, weakref_slot=False)
class Finding:
    """A rule that a stream breaks.

    There is one finding for each rule and block, or for each rule where it is not about a block.

    Attributes:
        rule: The name of the rule.
        message: What is wrong, for a person to read.
        position: The number of the first event that breaks the rule, counted from 0, pings
            included. What shows only at the end has the number that the next event would have.
        count: How many times the rule is broken.
        chunk: The first event that breaks the rule; None for what shows only at the end.
    """

    rule: str
    message: str
    position: int
    count: int = 1
    chunk: ChunkView | None = None

    __repr__ = concise_repr
    __rich_repr__ = rich_repr


class Findings:
    """The findings of one stream. It keeps the first 100, and noting one costs O(1)."""

    __slots__ = ("_findings",)

    def __init__(self) -> None:
        self._findings: dict[tuple[str, int | None], Finding] = {}

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings.values())

    def note(
        self,
        rule: str,
        position: int,
        *,
        chunk: ChunkView | None = None,
        place: int | None = None,
        index: int | None = None,
    ) -> Finding:
        """Note that a rule is broken.

        Args:
            rule: The name of the rule.
            position: The number of the event.
            chunk: The event.
            place: The place in the message of the block that the breach is about, if any.
            index: The index on the wire of that block, or that the event names. The message
                mentions it.

        Returns:
            The finding of this rule and block, with this breach counted.
        """
        known = self._findings.get((rule, place))
        if known is not None:
            finding = attrs.evolve(known, count=known.count + 1)
        else:
            sentence = RULES[rule].sentence
            message = sentence if index is None else f"block {index}: {sentence}"
            finding = Finding(rule, message, position, chunk=chunk)
        if known is not None or len(self._findings) < MAX_FINDINGS:
            self._findings[rule, place] = finding
        return finding


def _rules(group: str, *rows: tuple[str, str, str]) -> dict[str, Rule]:
    return {name: Rule(name, group, severity, sentence) for name, severity, sentence in rows}


RULES: dict[str, Rule] = {
    **_rules(
        "order",
        ("message_start_missing", "error", "an event of a message came before message_start"),
        ("message_start_repeated", "warning", "message_start came again"),
        ("second_message", "error", "message_start came again, for a second message"),
        ("block_start_repeated", "error", "content_block_start came again for an open block"),
        ("index_reused", "error", "content_block_start has an index that had a block already"),
        ("index_not_consecutive", "error", "content_block_start does not have the next index"),
        ("blocks_overlap", "warning", "a block of another index was open at the start"),
        ("blocks_interleave", "warning", "content_block_delta came after the next block"),
        ("delta_without_block", "error", "content_block_delta came without a block"),
        ("delta_after_block_stop", "warning", "content_block_delta came for a closed block"),
        ("delta_type_mismatch", "error", "content_block_delta does not fit the open block"),
        ("block_stop_without_start", "error", "content_block_stop came without a block"),
        ("block_stop_repeated", "warning", "content_block_stop came for a closed block"),
        ("block_not_stopped", "warning", "content_block_stop is missing"),
        ("content_after_stop_reason", "warning", "content came after the stop_reason"),
        ("content_after_message_stop", "error", "content came after message_stop"),
        ("message_delta_missing", "warning", "message_stop came without a message_delta"),
        ("message_delta_after_message_stop", "error", "message_delta came after message_stop"),
        ("stop_reason_erased", "error", "message_delta came again, without a stop_reason"),
        ("message_stop_missing", "warning", "the stream ended without message_stop"),
        ("message_stop_repeated", "warning", "message_stop came again"),
        ("stream_cut", "error", "the stream ended without message_stop or a stop_reason"),
        ("event_after_error", "warning", "an event came after an error event"),
    ),
    **_rules(
        "data",
        ("stop_reason_missing", "warning", "the message has no stop_reason"),
        ("stop_reason_unknown", "warning", "the API's documentation does not list the stop_reason"),
        (
            "tool_use_without_stop_reason",
            "warning",
            "the stop_reason does not say that a tool is called",
        ),
        (
            "stop_reason_without_tool_use",
            "warning",
            "the stop_reason is tool_use, but no tool is called",
        ),
        ("tool_input_invalid", "error", "the tool's input is no JSON object"),
        ("tool_id_repeated", "warning", "another tool use has the same id"),
        ("thinking_without_signature", "warning", "the thinking has no signature"),
        ("count_falls", "warning", "a token count is lower than the one before it"),
        ("error_misshapen", "warning", "the error event does not have the API's form"),
    ),
}
"""The rules, by name."""
