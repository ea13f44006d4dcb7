"""Content blocks and citations: what a message is made of.

Source: https://docs.anthropic.com/en/api/messages (`content`), and the beta API for compaction,
fallback and MCP. A new block type is one class and one row in `BLOCKS`; a new kind of citation is
one class and one row in `CITATIONS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from ..errors import DecodeError, kind_of
from .bounds import copy_json
from .record import Record, concise_repr, read_object, read_record, record, rich_repr

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "CharLocationCitation",
    "Citation",
    "CompactionBlock",
    "ContainerUploadBlock",
    "ContentBlock",
    "ContentBlockLocationCitation",
    "FallbackBlock",
    "FallbackInfo",
    "InvalidJson",
    "McpToolListingBlock",
    "McpToolUseBlock",
    "PageLocationCitation",
    "RedactedThinkingBlock",
    "SearchResultLocationCitation",
    "ServerToolUseBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolResultBlock",
    "ToolUseBlock",
    "UnknownBlock",
    "UnknownCitation",
    "WebSearchResultLocationCitation",
]


class Citation(Record):
    """Where a passage of the answer comes from. The base of all citations.

    Attributes:
        type: The tag on the wire.
        extra: Keys that the class does not name.
    """

    __slots__ = ()

    type: ClassVar[str]

    @classmethod
    def _read(cls, data: dict[str, Any]) -> Self:
        """Read a citation; on `Citation` itself, by its tag."""
        if cls is not Citation:
            return super()._read(data)
        tag = read_tag(data)
        known = CITATIONS.get(tag)
        if known is None:
            return UnknownCitation(tag, data)  # type: ignore[return-value]
        return read_record(known, data)  # type: ignore[no-any-return]


@record
class CharLocationCitation(Citation):
    """A passage of a plain text document.

    Attributes:
        cited_text: The passage.
        document_index: Which document of the request, from 0.
        start_char_index: The passage's first character, from 0.
        end_char_index: The character after its last one.
        document_title: The document's title.
        file_id: The file the document came from.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "char_location"

    cited_text: str
    document_index: int
    start_char_index: int
    end_char_index: int
    document_title: str | None = None
    file_id: str | None = None


@record
class PageLocationCitation(Citation):
    """Pages of a PDF document.

    Attributes:
        cited_text: The passage.
        document_index: Which document of the request, from 0.
        start_page_number: The first page, from 1.
        end_page_number: The page after the last one.
        document_title: The document's title.
        file_id: The file the document came from.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "page_location"

    cited_text: str
    document_index: int
    start_page_number: int
    end_page_number: int
    document_title: str | None = None
    file_id: str | None = None


@record
class ContentBlockLocationCitation(Citation):
    """Blocks of a document with custom content.

    Attributes:
        cited_text: The passage.
        document_index: Which document of the request, from 0.
        start_block_index: The first block, from 0.
        end_block_index: The block after the last one.
        document_title: The document's title.
        file_id: The file the document came from.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "content_block_location"

    cited_text: str
    document_index: int
    start_block_index: int
    end_block_index: int
    document_title: str | None = None
    file_id: str | None = None


@record
class WebSearchResultLocationCitation(Citation):
    """A web page that the search server tool found.

    Attributes:
        cited_text: The passage.
        url: The page's address.
        encrypted_index: What the API wants back with the citation, opaque.
        title: The page's title.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "web_search_result_location"

    cited_text: str
    url: str
    encrypted_index: str
    title: str | None = None


@record
class SearchResultLocationCitation(Citation):
    """A search result that the request brought along.

    Attributes:
        cited_text: The passage.
        source: Where the search result says that it comes from.
        search_result_index: Which search result of the request, from 0.
        start_block_index: The first block, from 0.
        end_block_index: The block after the last one.
        title: The search result's title.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "search_result_location"

    cited_text: str
    source: str
    search_result_index: int
    start_block_index: int
    end_block_index: int
    title: str | None = None


@record
class UnknownCitation(Citation):
    """A citation of a kind that this version does not know.

    Attributes:
        type: The tag on the wire.
        data: The whole citation as it came.
    """

    type: str  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    data: dict[str, Any] = attrs.field(hash=False)

    @classmethod
    def _read(cls, data: dict[str, Any]) -> Self:
        """Keep a citation whole, whatever is in it."""
        return cls(read_tag(data), data)

    def to_dict(self) -> dict[str, Any]:
        """Write the citation as it came."""
        return {**copy_json(self.data), "type": self.type}


CITATIONS: dict[str, type[Citation]] = {
    cls.type: cls
    for cls in (
        CharLocationCitation,
        PageLocationCitation,
        ContentBlockLocationCitation,
        WebSearchResultLocationCitation,
        SearchResultLocationCitation,
    )
}


@attrs.frozen(repr=False, weakref_slot=False)
class InvalidJson:
    """A tool input that is not valid JSON, kept letter by letter.

    Streams cut by `max_tokens`, and fine-grained tool streaming, end in such inputs.

    Attributes:
        text: The exact text.
    """

    text: str

    __repr__ = concise_repr
    __rich_repr__ = rich_repr

    def to_dict(self) -> dict[str, str]:
        """Write the input as the API's documentation asks for it to be sent back.

        Source: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming

        Returns:
            `{"INVALID_JSON": text}`, which `from_dict` of the tool uses reads as an InvalidJson.
        """
        return {"INVALID_JSON": self.text}


def read_input(value: Any) -> dict[str, Any] | InvalidJson:
    """Read a tool's input, or what `InvalidJson.to_dict` makes of one that is not valid JSON.

    Otherwise a message that was stored and read again would run a tool whose call was cut off.

    Raises:
        DecodeError: It is no object.
    """
    tool_input = read_object(value)
    if len(tool_input) == 1:
        text = tool_input.get("INVALID_JSON")
        if isinstance(text, str):
            return InvalidJson(text)
    return tool_input


_INPUT = {"read": read_input}


class ContentBlock(Record):
    """One block of a message's content. The base of all blocks.

    Attributes:
        type: The tag on the wire.
        extra: Keys that the class does not name.
    """

    __slots__ = ()

    type: ClassVar[str]

    @classmethod
    def _read(cls, data: dict[str, Any]) -> Self:
        """Read a content block; on `ContentBlock` itself, by its tag.

        A `*_tool_result` of a later API is a ToolResultBlock when it has the family's fields; any
        other tag without a class gives an UnknownBlock.
        """
        if cls is not ContentBlock:
            return super()._read(data)
        tag = read_tag(data)
        known = BLOCKS.get(tag)
        if known is not None:
            return read_record(known, data)  # type: ignore[no-any-return]
        if tag.endswith("_tool_result"):
            try:
                return read_record(ToolResultBlock, data)  # type: ignore[no-any-return]
            except DecodeError:
                # A newcomer that only shares the family's name is kept whole instead.
                return UnknownBlock(tag, data)  # type: ignore[return-value]
        return UnknownBlock(tag, data)  # type: ignore[return-value]


@record
class TextBlock(ContentBlock):
    """Text for the user.

    Attributes:
        text: The text.
        citations: Where it comes from, or None.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "text"

    text: str
    citations: tuple[Citation, ...] | None = None


@record
class ThinkingBlock(ContentBlock):
    """The model's thinking, or a summary of it.

    Attributes:
        thinking: The text.
        signature: What the API needs to accept the block again, opaque; "" while the stream has
            not brought it.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "thinking"

    thinking: str
    # Required by the API's description; some compatible servers leave it out of the start.
    signature: str | None = None


@record
class RedactedThinkingBlock(ContentBlock):
    """Thinking that the API encrypted.

    Attributes:
        data: The cipher text, opaque.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "redacted_thinking"

    data: str


@record
class ToolUseBlock(ContentBlock):
    """The model asks for a tool of the caller's.

    Attributes:
        id: The call's id, which the result must name.
        name: The tool.
        input: The tool's arguments; an InvalidJson when their text is no JSON. (JSON that is no
            object, which no tool takes, is kept as its value, like the SDK does.)
        caller: Who asked for the tool, as it came.
        toolset_name: The toolset that the tool belongs to.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "tool_use"

    id: str
    name: str
    input: dict[str, Any] | InvalidJson = attrs.field(hash=False, metadata=_INPUT)
    caller: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    toolset_name: str | None = attrs.field(default=None, kw_only=True)


@record
class ServerToolUseBlock(ContentBlock):
    """The model uses a tool that runs at Anthropic's.

    Attributes:
        id: The call's id.
        name: The tool, for example `web_search`.
        input: The tool's arguments; an InvalidJson when their text is no JSON.
        caller: Who asked for the tool, as it came.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "server_tool_use"

    id: str
    name: str
    input: dict[str, Any] | InvalidJson = attrs.field(hash=False, metadata=_INPUT)
    caller: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)


@record
class McpToolUseBlock(ContentBlock):
    """The model uses a tool of an MCP server (beta).

    Attributes:
        id: The call's id.
        name: The tool.
        input: The tool's arguments; an InvalidJson when their text is no JSON.
        server_name: The MCP server.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "mcp_tool_use"

    id: str
    name: str
    input: dict[str, Any] | InvalidJson = attrs.field(hash=False, metadata=_INPUT)
    server_name: str


@record
class ToolResultBlock(ContentBlock):
    """What a server tool or MCP tool gave: the whole family of `*_tool_result` blocks.

    Attributes:
        type: Which of the family, for example `web_search_tool_result`.
        tool_use_id: The call that this answers.
        content: The result as it came: an array, an object or a string.
        is_error: Whether the tool failed (MCP tools say so here), or None.
        caller: Who asked for the tool, as it came.
        extra: Keys that this class does not name.
    """

    type: str  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    tool_use_id: str
    content: Any = attrs.field(hash=False)
    is_error: bool | None = None
    caller: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)


@record
class ContainerUploadBlock(ContentBlock):
    """A file that the model put into its container.

    Attributes:
        file_id: The file.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "container_upload"

    file_id: str


@record
class CompactionBlock(ContentBlock):
    """A summary in the place of earlier turns (beta).

    Attributes:
        content: The summary, or None when compaction failed.
        encrypted_content: What the API wants back with the block, opaque.
        signature: The summary's signature, opaque.
        tool_changes: The changes of tools in the range that was compacted, as they came.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "compaction"

    content: str | None = None
    encrypted_content: str | None = None
    signature: str | None = attrs.field(default=None, kw_only=True)
    tool_changes: list[Any] | None = attrs.field(default=None, kw_only=True, hash=False)


@record
class FallbackInfo(Record):
    """One end of a fallback.

    Attributes:
        model: The model.
        extra: Keys that this class does not name.
    """

    model: str


@record
class FallbackBlock(ContentBlock):
    """Another model took over in mid-stream (beta).

    Attributes:
        from_: The model that gave up (`from` on the wire).
        to: The model that goes on.
        trigger: Why, as it came.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "fallback"

    from_: FallbackInfo = attrs.field(metadata={"wire": "from"})
    to: FallbackInfo
    trigger: dict[str, Any] | None = attrs.field(default=None, hash=False)


@record
class McpToolListingBlock(ContentBlock):
    """The tools that an MCP server offers (beta).

    Attributes:
        mcp_server_name: The MCP server.
        tools: The tools, as they came.
        extra: Keys that this class does not name.
    """

    type: ClassVar[str] = "mcp_tool_listing"

    mcp_server_name: str
    tools: list[Any] = attrs.field(hash=False)


@record
class UnknownBlock(ContentBlock):
    """A block of a kind that this version does not know.

    Attributes:
        type: The tag on the wire.
        data: The whole block as it came.
    """

    type: str  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    data: dict[str, Any] = attrs.field(hash=False)

    @classmethod
    def _read(cls, data: dict[str, Any]) -> Self:
        """Keep a block whole, whatever is in it."""
        return cls(read_tag(data), data)

    def to_dict(self) -> dict[str, Any]:
        """Write the block as it came."""
        return {**copy_json(self.data), "type": self.type}


BLOCKS: dict[str, type[ContentBlock]] = {
    **{
        cls.type: cls
        for cls in (
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
        )
    },
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


def read_tag(data: Any) -> str:
    """Read the `type` of a tagged JSON object.

    Raises:
        DecodeError: No object, or no string under `type`.
    """
    tag = read_object(data).get("type")
    if isinstance(tag, str):
        return tag
    problem = f"expected str, got {kind_of(tag)}" if "type" in data else "required, but missing"
    raise DecodeError(problem, path="type")
