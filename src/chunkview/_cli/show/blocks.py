"""Content blocks that are no text: what is shown of a tool call, of a result, and of the others.

A block has a head, which says what it is, and a body of further lines. All of it can be shown on a
terminal as it is. Names and long bodies are cut.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..._model import (
    CompactionBlock,
    ContainerUploadBlock,
    FallbackBlock,
    InvalidJson,
    McpToolListingBlock,
    McpToolUseBlock,
    RedactedThinkingBlock,
    ServerToolUseBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
)
from ..display import LONGEST_ADDRESS, LONGEST_NAME, json_escaped, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..._model import AnyContentBlock

__all__ = ["body_of", "head_of", "lines_of_json"]

# How many characters are shown of a tool's input or result, and how many things of a list.
_LONGEST = 10_000
_MOST_ITEMS = 50


def head_of(block: AnyContentBlock, tool: str = "") -> str:
    """Say what a block is.

    Args:
        block: Any block but text and thinking.
        tool: The name of the tool that a result is from, if it is known.
    """
    match block:
        case ToolUseBlock():
            head = f"tool call {_name(block.name)}{_caller(block.caller)}"
        case ServerToolUseBlock():
            head = f"server tool {_name(block.name)}{_caller(block.caller)}"
        case McpToolUseBlock():
            head = f"MCP tool {_name(block.name)} of {_name(block.server_name)}"
        case ToolResultBlock():
            outcome = "error" if _has_failed(block) else "result"
            head = f"{outcome} of {_name(tool or block.type.removesuffix('_tool_result'))}"
        case RedactedThinkingBlock():
            head = f"redacted thinking ({len(block.data):,} encrypted characters)"
        case ContainerUploadBlock():
            head = f"file {_name(block.file_id)} in the container"
        case CompactionBlock():
            head = "summary of earlier turns" if block.content else "compaction that failed"
        case FallbackBlock():
            head = f"{_name(block.to.model)} takes over from {_name(block.from_.model)}"
        case McpToolListingBlock():
            head = f"tools of the MCP server {_name(block.mcp_server_name)}"
        case _:
            head = f"block of unknown type {_name(block.type)}"
    return head


def body_of(block: AnyContentBlock, width: int) -> list[str]:
    """Give the further lines about a block.

    Args:
        block: Any block but text and thinking.
        width: How long a line of JSON may become.
    """
    match block:
        case ToolUseBlock() | ServerToolUseBlock() | McpToolUseBlock():
            return _lines_of_input(block.input, width)
        case ToolResultBlock():
            return _lines_of_result(block.content, width)
        case CompactionBlock():
            return _lines_of_text(block.content or "")
        case FallbackBlock():
            return lines_of_json(block.trigger, width) if block.trigger else []
        case McpToolListingBlock():
            names = [tool.get("name") if isinstance(tool, dict) else tool for tool in block.tools]
            return _items([[_name(name)] for name in names[: _MOST_ITEMS + 1]], len(names))
        case UnknownBlock():
            return lines_of_json(block.data, width)
        case _:
            return []


def lines_of_json(value: Any, width: int) -> list[str]:
    """Write JSON on one line if it fits, else each member on a line of its own.

    Args:
        value: The JSON value.
        width: How long a line may become. A long string or number may make it longer.
    """
    text = _compact(value)
    if len(text) > _LONGEST:
        return [shortened(text, _LONGEST)]
    return list(_indented(value, width))


def _indented(value: Any, width: int, before: str = "", after: str = "") -> Iterator[str]:
    line = f"{before}{_compact(value)}{after}"
    if not value or not isinstance(value, (dict, list)) or len(line) <= width:
        yield line
        return
    if isinstance(value, dict):
        brackets = "{}"
        members = [(f"{_compact(name)}: ", member) for name, member in value.items()]
    else:
        brackets = "[]"
        members = [("", member) for member in value]
    yield before + brackets[0]
    for number, (name, member) in enumerate(members, 1):
        comma = "," if number < len(members) else ""
        for inner in _indented(member, width - 2, name, comma):
            yield f"  {inner}"
    yield brackets[1] + after


def _compact(value: Any) -> str:
    return json_escaped(json.dumps(value, ensure_ascii=False), is_terminal=True)


def _lines_of_input(value: dict[str, Any] | InvalidJson, width: int) -> list[str]:
    if isinstance(value, InvalidJson):
        return [f"invalid JSON: {printable(shortened(value.text, _LONGEST))}"]
    return lines_of_json(value, width)


def _name(value: Any) -> str:
    text = "" if value is None else str(value)
    return printable(shortened(text, LONGEST_NAME)) or "(no name)"


def _address(value: Any) -> str:
    return printable(shortened(str(value), LONGEST_ADDRESS)) if value else "(no address)"


def _caller(caller: dict[str, Any] | None) -> str:
    """Say who called a tool, if it was another tool."""
    by = (caller or {}).get("type", "direct")
    return "" if by == "direct" else f", called by {_name(by)}"


def _has_failed(block: ToolResultBlock) -> bool:
    is_error = isinstance(block.content, dict) and "error_code" in block.content
    return is_error or block.is_error is True


def _lines_of_text(text: str) -> list[str]:
    return [printable(line) for line in shortened(text, _LONGEST).split("\n")] if text else []


def _items(items: list[list[str]], count: int) -> list[str]:
    """Write a list. Of each item the first line has a dash, and the others are below it.

    Args:
        items: The items, or more of them than are shown.
        count: How many there are in all.
    """
    lines: list[str] = []
    for first, *others in items[:_MOST_ITEMS]:
        lines += [f"- {first}", *(f"  {other}" for other in others)]
    if count > _MOST_ITEMS:
        lines.append(f"- and {count - _MOST_ITEMS:,} more")
    return lines


def _lines_of_result(content: Any, width: int) -> list[str]:
    """Write the result of a tool. What is not known is JSON."""
    if isinstance(content, str):
        return _lines_of_text(content)
    if isinstance(content, list):
        parts = content[:_MOST_ITEMS]
        if parts and all(_kind(part) == "text" for part in parts):
            return _lines_of_text("\n".join(str(part.get("text")) for part in parts))
        if parts and all(_kind(part) == "web_search_result" for part in parts):
            return _items([_page(part) for part in parts], len(content))
    elif isinstance(content, dict):
        if "error_code" in content:
            message = content.get("error_message")
            return [f"{_name(content['error_code'])}{f': {_name(message)}' if message else ''}"]
        read = _RESULTS.get(_kind(content))
        if read is not None:
            return read(content)
    return lines_of_json(content, width)


def _kind(content: Any) -> str:
    kind = content.get("type") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) else ""


def _page(result: dict[str, Any]) -> list[str]:
    age = result.get("page_age")
    title = _name(result.get("title"))
    return [f"{title} ({_name(age)})" if age else title, _address(result.get("url"))]


def _fetched(result: dict[str, Any]) -> list[str]:
    document = result.get("content")
    document = document if isinstance(document, dict) else {}
    source = document.get("source")
    source = source if isinstance(source, dict) else {}
    lines = [_address(result.get("url"))]
    if document.get("title"):
        lines.insert(0, _name(document["title"]))
    if isinstance(data := source.get("data"), str):
        kind = source.get("media_type") or "text"
        lines.append(f"({len(data):,} characters of {_name(kind)})")
    return lines


def _executed(result: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for name in ("stdout", "stderr"):
        output = result.get(name)
        if output and isinstance(output, str):
            lines += [f"{name}:", *(f"  {line}" for line in _lines_of_text(output.rstrip("\n")))]
    files = result.get("content")
    for file in files[:_MOST_ITEMS] if isinstance(files, list) else ():
        lines.append(f"file: {_name(file.get('file_id') if isinstance(file, dict) else file)}")
    if (code := result.get("return_code")) is not None:
        lines.append(f"return code: {_name(code)}")
    return lines


def _viewed(result: dict[str, Any]) -> list[str]:
    return _lines_of_text(str(result.get("content") or ""))


def _created(result: dict[str, Any]) -> list[str]:
    return ["the file is changed" if result.get("is_file_update") else "the file is new"]


def _replaced(result: dict[str, Any]) -> list[str]:
    lines = result.get("lines")
    return _lines_of_text("\n".join(map(str, lines))) if isinstance(lines, list) else []


def _found(result: dict[str, Any]) -> list[str]:
    tools = result.get("tool_references")
    tools = tools if isinstance(tools, list) else []
    names = [tool.get("tool_name") if isinstance(tool, dict) else tool for tool in tools]
    return _items([[_name(name)] for name in names[:_MOST_ITEMS]], len(tools))


def _advised(result: dict[str, Any]) -> list[str]:
    return _lines_of_text(str(result.get("text") or ""))


_RESULTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "web_fetch_result": _fetched,
    "code_execution_result": _executed,
    "bash_code_execution_result": _executed,
    "text_editor_code_execution_view_result": _viewed,
    "text_editor_code_execution_create_result": _created,
    "text_editor_code_execution_str_replace_result": _replaced,
    "tool_search_tool_search_result": _found,
    "advisor_result": _advised,
}
"""How to write what a server tool gave, by its type.

Source: https://docs.claude.com/en/docs/agents-and-tools/tool-use (each tool's page).
"""
