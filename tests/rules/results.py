"""What the slow reader of streams gives: the message so far, its blocks, and what is off.

Quoted sentences are from the reading rules. Comments that begin with "Choice:" name what the rules
leave open, and what is done here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from rules.bodies import Event, RefusedError, parse

__all__ = [
    "COUNTS",
    "MESSAGE_FIELDS",
    "MESSAGE_KEYS",
    "TOOLS",
    "Block",
    "Finding",
    "Result",
    "int_of",
    "is_empty",
    "list_of_objects",
    "string",
    "whole_characters",
]

COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
"""The counts that are compared; the package has more of the same kind."""

TOOLS = ("tool_use", "server_tool_use", "mcp_tool_use")

MESSAGE_FIELDS: dict[str, type] = {
    "stop_reason": str,
    "stop_sequence": str,
    "stop_details": dict,
    "container": dict,
    "context_management": dict,
    "diagnostics": dict,
    "input_transformations": list,
}
"""The fields of a message that are None where nothing else is there, and their types."""

MESSAGE_KEYS = {"id", "type", "role", "model", "content", "usage", *MESSAGE_FIELDS}


@dataclass
class Finding:
    """A rule that a stream breaks.

    Attributes:
        rule: The rule's name.
        block: The block that it is about, as its place in `Result.blocks`, or None.
        position: The number of the first event that breaks it. What shows at the end of a stream
            only has the number that the next event would have had.
        count: How often.
    """

    rule: str
    block: int | None
    position: int
    count: int = 1


@dataclass
class Block:
    """A content block.

    Attributes:
        index: The index on the wire.
        type: The block's type; `kind` is "tool_use" for every tool use.
        start: The start, with what a repetition of it filled in.
        parts: The texts of its deltas: text, thinking, or a tool's input.
        signature: The signature of thinking.
        citations: The citations of text.
        compaction: The last compaction delta.
        state: "open"; "paused" when a stop reason closed it; "closed".
        is_side: No start began it.
        beside: For a side block, the block beside which it began.
        was_stopped: A content_block_stop closed it.
    """

    index: int
    type: str
    start: dict[str, Any]
    is_side: bool = False
    beside: Block | None = None
    state: str = "open"
    was_stopped: bool = False
    parts: list[str] = field(default_factory=list)
    signature: str = ""
    citations: list[Any] = field(default_factory=list)
    compaction: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        # "An index names blocks, by kind (text, thinking, tool, …)". Choice: all tool uses are of
        # one kind, since one delta fits them all.
        return "tool_use" if self.type in TOOLS else self.type

    @property
    def id(self) -> str:
        return string(self.start.get("id"))

    @property
    def name(self) -> str:
        return string(self.start.get("name"))

    @property
    def own_text(self) -> str:
        """The text of a text block, or the thinking of a thinking block."""
        if self.kind not in ("text", "thinking"):
            return ""
        return whole_characters(string(self.start.get(self.kind)) + "".join(self.parts))

    @property
    def text(self) -> str:
        return self.own_text if self.type == "text" else ""

    @property
    def thinking(self) -> str:
        return self.own_text if self.type == "thinking" else ""

    @property
    def input(self) -> dict[str, Any] | None:
        """A tool's input, {"INVALID_JSON": text} where there is no object; None for others."""
        if self.kind != "tool_use":
            return None
        # "Deltas replace the start's input unless all are blank."
        text = whole_characters("".join(self.parts))
        if text.strip(" \t\r\n"):
            return object_of_text(text)
        value = self.start.get("input")
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        # "A string in the start is JSON text. What is no object is InvalidJson, never {}."
        # Choice: that holds for the empty string, too.
        if isinstance(value, str):
            return object_of_text(value)
        # Choice: the text of another value is compact JSON.
        return {"INVALID_JSON": json.dumps(value, ensure_ascii=False, separators=(",", ":"))}

    @property
    def rest(self) -> dict[str, Any]:
        """What the start brought under other keys, nulls left out; compaction as it is now."""
        keys = ("type", "text", "thinking", "signature", "citations", "id", "name", "input")
        rest = {**self.start, **(self.compaction or {})}
        if self.kind in ("text", "thinking", "tool_use"):
            return {k: v for k, v in rest.items() if k not in keys and v is not None}
        return {k: v for k, v in rest.items() if k != "type" and v is not None}


@dataclass
class Result:
    """What a stream gives.

    Attributes:
        error: "DecodeError", "ProtocolError", "StreamError", "IncompleteStreamError", or None.
        rule: The rule of section 4 that a ProtocolError names.
        error_type: The type that an error event gives.
        error_message: The words of the error event, or what could not be read.
        has_message: Whether message_start came.
        blocks: The content so far.
        id: The message's id, or "".
        model: The model, or "".
        counts: The counts by name; None for those that nobody gave.
        fields: The other fields of a message: stop_reason, stop_sequence, and so on.
        unknown: Keys that nobody knows, of the message and of message_delta.
        unhandled: The events of the deltas that nothing took.
        findings: What is off with the order and the data.
        reached: The rows of the rules that were used.
    """

    error: str | None = None
    rule: str | None = None
    error_type: str = ""
    error_message: str = ""
    has_message: bool = False
    blocks: list[Block] = field(default_factory=list)
    id: str = ""
    model: str = ""
    counts: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(COUNTS))
    fields: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(MESSAGE_FIELDS))
    unknown: dict[str, Any] = field(default_factory=dict)
    unhandled: list[Event] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        return "".join([block.text for block in self.blocks])

    @property
    def thinking(self) -> str:
        return "".join([block.thinking for block in self.blocks])

    @property
    def tools(self) -> list[list[Any]]:
        """The caller's own tools: name and input of each call."""
        return [[b.name, b.input] for b in self.blocks if b.type == "tool_use"]

    @property
    def stop_reason(self) -> str | None:
        reason: str | None = self.fields["stop_reason"]
        return reason


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def int_of(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def list_of_objects(value: Any) -> list[Any]:
    # Choice: a list with something else in it is a misfit as a whole.
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return list(value)
    return []


def object_of_text(text: str) -> dict[str, Any]:
    try:
        value = parse(text)
    except RefusedError:
        return {"INVALID_JSON": text}
    return value if isinstance(value, dict) else {"INVALID_JSON": text}


def whole_characters(text: str) -> str:
    """Join halves of characters that follow one another."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
