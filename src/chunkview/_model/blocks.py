"""Content blocks: what a message is made of.

Source: https://docs.anthropic.com/en/api/messages (`content`), and the beta API for compaction,
fallback and MCP. A new block type is one class, one row in `BLOCKS`, and one member of
`AnyContentBlock`.
"""

# The tag of a class is narrower than the `str` of its base, or it is a field.
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import attrs

from .._value import Value, value
from ..errors import DecodeError, shown
from .bounds import MAX_RECORD_DEPTH, bounded
from .citations import AnyCitation
from .json import loads
from .record import Record, read_as, read_record, record
from .tagged import TaggedRecord, UnknownRecord, by_tag, read_tagged

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BLOCKS",
    "AnyContentBlock",
    "CompactionBlock",
    "ContainerUploadBlock",
    "ContentBlock",
    "FallbackBlock",
    "FallbackInfo",
    "InvalidJson",
    "McpToolListingBlock",
    "McpToolUseBlock",
    "RedactedThinkingBlock",
    "ServerToolUseBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolResultBlock",
    "ToolUseBlock",
    "UnknownBlock",
    "read_block",
    "read_input",
]


@final
@value
class InvalidJson(Value):
    """A tool input that is no JSON object, kept as text.

    A stream that `max_tokens` cuts, or fine-grained tool streaming, can end in such an input.

    Attributes:
        text: The exact text. Where the input was not text, but some other JSON value: its JSON.
    """

    text: str

    def to_dict(self) -> dict[str, str]:
        """Write the input in the form in which the API's documentation wants it back.

        Source: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming

        Returns:
            `{"INVALID_JSON": text}`, which `from_dict` of the tool uses reads as an InvalidJson.
        """
        return {"INVALID_JSON": self.text}


def read_input(value: Any) -> dict[str, Any] | InvalidJson:
    """Read a tool's input.

    What `InvalidJson.to_dict` wrote becomes an InvalidJson again. Without that, a message that was
    stored and read again would run a tool whose call was cut off.

    Args:
        value: A JSON value. A string is JSON text, as some servers send it.

    Returns:
        The object, or an InvalidJson with the text of what is none.
    """
    if isinstance(value, str):
        return parsed_input(value)
    if not isinstance(value, dict):
        return InvalidJson(_text_of(value))
    if len(value) == 1:
        text = value.get("INVALID_JSON")
        if isinstance(text, str):
            return InvalidJson(text)
    return value


def _text_of(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError):  # no JSON value, or an integer that Python will not write
        return shown(value)


def parsed_input(text: str) -> dict[str, Any] | InvalidJson:
    """Parse a tool's input, which is an object. Anything else is kept verbatim."""
    try:
        value = loads(text)
    except DecodeError:
        return InvalidJson(text)
    return read_input(value) if isinstance(value, dict) else InvalidJson(text)


_INPUT = {"read": read_input, "exact": dict}
_NAME = {"missing_rule": "tool_name_missing"}


class ContentBlock(TaggedRecord):
    """One block of a message's content. The base of all blocks.

    `read_block` reads one by its tag.

    Attributes:
        type: The tag on the wire.
    """

    __slots__ = ()


@final
@record
class TextBlock(ContentBlock):
    """Text for the user.

    Attributes:
        text: The text.
        citations: Where the text comes from, or None.
    """

    type: ClassVar[Literal["text"]] = "text"

    text: str
    citations: tuple[AnyCitation, ...] | None = None


@final
@record
class ThinkingBlock(ContentBlock):
    """The model's thinking, or a summary of it.

    Attributes:
        thinking: The text.
        signature: What the API needs to accept the block again, opaque; "" until the stream
            brings it.
    """

    type: ClassVar[Literal["thinking"]] = "thinking"

    thinking: str
    signature: str = ""


@final
@record
class RedactedThinkingBlock(ContentBlock):
    """Thinking that the API encrypted.

    Attributes:
        data: The cipher text, opaque.
    """

    type: ClassVar[Literal["redacted_thinking"]] = "redacted_thinking"

    data: str


@final
@record
class ToolUseBlock(ContentBlock):
    """The model calls one of the caller's tools.

    Attributes:
        id: The call's id, which the result must name.
        name: The tool.
        input: The tool's arguments; an InvalidJson when they are no JSON object.
        caller: Who called the tool, unchanged.
        toolset_name: The toolset that the tool belongs to.
    """

    type: ClassVar[Literal["tool_use"]] = "tool_use"

    id: str
    name: str = attrs.field(metadata=_NAME)
    input: dict[str, Any] | InvalidJson = attrs.field(hash=False, metadata=_INPUT)
    caller: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    toolset_name: str | None = attrs.field(default=None, kw_only=True)


@final
@record
class ServerToolUseBlock(ContentBlock):
    """A call of a server tool, which Anthropic runs.

    Attributes:
        id: The call's id.
        name: The tool, for example `web_search`.
        input: The tool's arguments; an InvalidJson when they are no JSON object.
        caller: Who called the tool, unchanged.
    """

    type: ClassVar[Literal["server_tool_use"]] = "server_tool_use"

    id: str
    name: str = attrs.field(metadata=_NAME)
    input: dict[str, Any] | InvalidJson = attrs.field(hash=False, metadata=_INPUT)
    caller: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)


@final
@record
class McpToolUseBlock(ContentBlock):
    """The model calls a tool of an MCP server (beta).

    Attributes:
        id: The call's id.
        name: The tool.
        input: The tool's arguments; an InvalidJson when they are no JSON object.
        server_name: The MCP server.
    """

    type: ClassVar[Literal["mcp_tool_use"]] = "mcp_tool_use"

    id: str
    name: str = attrs.field(metadata=_NAME)
    input: dict[str, Any] | InvalidJson = attrs.field(hash=False, metadata=_INPUT)
    server_name: str


@final
@record
class ToolResultBlock(ContentBlock):
    """The result of a server tool or an MCP tool: any block with a type like `*_tool_result`.

    Attributes:
        type: The tag on the wire, for example `web_search_tool_result`.
        tool_use_id: The call that this answers.
        content: The result, unchanged: an array, an object or a string.
        is_error: Whether the tool failed (MCP tools say so here), or None.
        caller: Who called the tool, unchanged.
    """

    type: str = attrs.field(metadata={"missing_rule": "block_type_missing"})  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    tool_use_id: str
    content: Any = attrs.field(hash=False)
    is_error: bool | None = None
    caller: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)


@final
@record
class ContainerUploadBlock(ContentBlock):
    """A file that the model put into its container.

    Attributes:
        file_id: The file.
    """

    type: ClassVar[Literal["container_upload"]] = "container_upload"

    file_id: str


@final
@record
class CompactionBlock(ContentBlock):
    """A summary that replaces earlier turns (beta).

    Attributes:
        content: The summary, or None when compaction failed.
        encrypted_content: What the API wants back with the block, opaque.
        signature: The summary's signature, opaque.
        tool_changes: How the tools changed in the turns that were compacted, unchanged.
    """

    type: ClassVar[Literal["compaction"]] = "compaction"

    content: str | None = None
    encrypted_content: str | None = None
    signature: str | None = attrs.field(default=None, kw_only=True)
    tool_changes: list[Any] | None = attrs.field(default=None, kw_only=True, hash=False)


@final
@record
class FallbackInfo(Record):
    """One side of a fallback.

    Attributes:
        model: The model.
    """

    model: str


@final
@record
class FallbackBlock(ContentBlock):
    """Another model took over in the middle of the stream (beta).

    Attributes:
        from_: The model that gave up (`from` on the wire).
        to: The model that goes on.
        trigger: The reason, unchanged.
    """

    type: ClassVar[Literal["fallback"]] = "fallback"

    from_: FallbackInfo = attrs.field(metadata={"wire": "from"})
    to: FallbackInfo
    trigger: dict[str, Any] | None = attrs.field(default=None, hash=False)


@final
@record
class McpToolListingBlock(ContentBlock):
    """The tools that an MCP server offers (beta).

    Attributes:
        mcp_server_name: The MCP server.
        tools: The tools, unchanged.
    """

    type: ClassVar[Literal["mcp_tool_listing"]] = "mcp_tool_listing"

    mcp_server_name: str
    tools: list[Any] = attrs.field(hash=False)


@final
class UnknownBlock(UnknownRecord, ContentBlock):
    """A block of a kind that this version does not know.

    Attributes:
        type: The tag on the wire.
        data: The whole block.
    """

    __slots__ = ()


AnyContentBlock = (
    TextBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ServerToolUseBlock
    | McpToolUseBlock
    | ToolResultBlock
    | ContainerUploadBlock
    | CompactionBlock
    | FallbackBlock
    | McpToolListingBlock
    | UnknownBlock
)
"""Every class of block: what `read_block` gives, for an exhaustive `match`."""


def read_block(data: Mapping[str, Any]) -> AnyContentBlock:
    """Read a content block by its tag.

    Args:
        data: A JSON object (parsed): a dict or another mapping. It is not changed.

    Returns:
        An instance of the class of its tag. A `*_tool_result` of a later API is a ToolResultBlock
        if it says which call it answers. Any other block without a class is an UnknownBlock.

    Raises:
        DecodeError: It is not an object with a `type`, it is a tool use without a `name`, or
            `from_dict` would refuse it for its depth or size.
    """
    return read_tagged(BLOCKS, _read_unlisted, bounded(data, MAX_RECORD_DEPTH))


BLOCKS: dict[str, type[AnyContentBlock]] = {
    **by_tag(
        TextBlock,
        ThinkingBlock,
        RedactedThinkingBlock,
        ToolUseBlock,
        ServerToolUseBlock,
        McpToolUseBlock,
        ContainerUploadBlock,
        CompactionBlock,
        FallbackBlock,
        McpToolListingBlock,
    ),
    **dict.fromkeys(
        (
            "web_search_tool_result",
            "web_fetch_tool_result",
            "advisor_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "mcp_tool_result",
        ),
        ToolResultBlock,
    ),
}
"""The class of a block, by its tag."""


def _read_unlisted(tag: str, data: dict[str, Any]) -> ToolResultBlock | UnknownBlock:
    """Read a block with a tag that is not in `BLOCKS`."""
    if tag.endswith("_tool_result") and isinstance(data.get("tool_use_id"), str):
        result: ToolResultBlock = read_record(ToolResultBlock, data)
        return result
    return UnknownBlock(tag, data)


read_as(AnyContentBlock, functools.partial(read_tagged, BLOCKS, _read_unlisted), BLOCKS)
