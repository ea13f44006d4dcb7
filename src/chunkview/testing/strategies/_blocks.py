"""Content blocks and citations, each by its tag on the wire.

Source: https://docs.anthropic.com/en/api/messages (`content`), and the types of the official SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from ._json import names, tool_inputs
from ._objects import (
    INDEX,
    MODEL,
    NUMBER,
    OPAQUE,
    TEXT,
    URL,
    ids,
    objects,
    or_null,
    tagged,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ._objects import Events

__all__ = ["FALLBACK_INFO", "TOOL_RESULTS", "blocks", "citations"]

_CALLER = tagged("direct") | tagged("code_execution_20260120", {"tool_id": ids("srvtoolu")})


def citations() -> dict[str, Events]:
    """Strategies of citations, by their type."""
    document = {"document_title": or_null(TEXT), "file_id": or_null(ids("file"))}
    return {
        "char_location": tagged(
            "char_location",
            {
                "cited_text": TEXT,
                "document_index": INDEX,
                "start_char_index": NUMBER,
                "end_char_index": NUMBER,
            },
            document,
        ),
        "page_location": tagged(
            "page_location",
            {
                "cited_text": TEXT,
                "document_index": INDEX,
                "start_page_number": NUMBER,
                "end_page_number": NUMBER,
            },
            document,
        ),
        "content_block_location": tagged(
            "content_block_location",
            {
                "cited_text": TEXT,
                "document_index": INDEX,
                "start_block_index": NUMBER,
                "end_block_index": NUMBER,
            },
            document,
        ),
        "web_search_result_location": tagged(
            "web_search_result_location",
            {"cited_text": TEXT, "url": URL, "encrypted_index": OPAQUE},
            {"title": or_null(TEXT)},
        ),
        "search_result_location": tagged(
            "search_result_location",
            {
                "cited_text": TEXT,
                "source": TEXT,
                "search_result_index": INDEX,
                "start_block_index": NUMBER,
                "end_block_index": NUMBER,
            },
            {"title": or_null(TEXT)},
        ),
    }


def _outcome(tag: str, *results: Events) -> Events:
    """The `content` of a tool result: a result, or an error of the same family."""
    error_code = st.sampled_from(("unavailable", "too_many_requests"))
    return st.one_of(*results, tagged(f"{tag}_error", {"error_code": error_code}))


def _execution(kind: str) -> Events:
    output = tagged(f"{kind}_output", {"file_id": ids("file")})
    return tagged(
        f"{kind}_result",
        {
            "stdout": TEXT,
            "stderr": TEXT,
            "return_code": st.integers(0, 255),
            "content": st.lists(output, max_size=2),
        },
    )


_WEB_PAGE = tagged(
    "web_search_result",
    {"url": URL, "title": TEXT, "encrypted_content": OPAQUE},
    {"page_age": or_null(TEXT)},
)
_FETCHED = tagged(
    "web_fetch_result",
    {
        "url": URL,
        "content": tagged(
            "document",
            {
                "source": tagged("text", {"media_type": st.just("text/plain"), "data": TEXT}),
                "title": or_null(TEXT),
            },
        ),
    },
    {"retrieved_at": or_null(st.just("2026-01-31T00:00:00Z"))},
)
_VIEWED = tagged(
    "text_editor_code_execution_view_result",
    {"file_type": st.sampled_from(("text", "image", "pdf")), "content": TEXT},
    {"num_lines": or_null(NUMBER), "start_line": or_null(NUMBER)},
)
_FOUND_TOOLS = tagged(
    "tool_search_tool_search_result",
    {
        "tool_references": st.lists(
            tagged("tool_reference", {"tool_name": names()}),
            max_size=2,
        )
    },
)

_TOOL_CHANGE = st.one_of(
    *(
        tagged(tag, {"tool": tagged("tool_reference", {"tool_name": names()})})
        for tag in ("tool_addition", "tool_removal")
    )
)

FALLBACK_INFO = objects({"model": MODEL})

TOOL_RESULTS: dict[str, SearchStrategy[Any]] = {
    "web_search_tool_result": st.lists(_WEB_PAGE, max_size=2) | _outcome("web_search_tool_result"),
    "web_fetch_tool_result": _outcome("web_fetch_tool_result", _FETCHED),
    "code_execution_tool_result": _outcome(
        "code_execution_tool_result", _execution("code_execution")
    ),
    "bash_code_execution_tool_result": _outcome(
        "bash_code_execution_tool_result", _execution("bash_code_execution")
    ),
    "text_editor_code_execution_tool_result": _outcome(
        "text_editor_code_execution_tool_result",
        _VIEWED,
        tagged("text_editor_code_execution_create_result", {"is_file_update": st.booleans()}),
    ),
    "tool_search_tool_result": _outcome("tool_search_tool_result", _FOUND_TOOLS),
    "advisor_tool_result": _outcome(
        "advisor_tool_result", tagged("advisor_result", {"text": TEXT})
    ),
    "mcp_tool_result": TEXT | st.lists(tagged("text", {"text": TEXT}), max_size=2),
}
"""The `content` of each kind of tool result."""

_BETA_TOOL_RESULTS = frozenset({"advisor_tool_result", "mcp_tool_result"})


def blocks(citation: Events, *, beta: bool) -> dict[str, Events]:
    """Content blocks of a whole message.

    Args:
        citation: The citations of a text block.
        beta: Include what only the beta API has.

    Returns:
        Strategies, by the type of the block.
    """
    caller = {"caller": or_null(_CALLER)}
    table = {
        "text": tagged(
            "text",
            {"text": TEXT},
            {"citations": or_null(st.lists(citation, max_size=2))},
        ),
        "thinking": tagged("thinking", {"thinking": TEXT, "signature": OPAQUE}),
        "redacted_thinking": tagged("redacted_thinking", {"data": OPAQUE}),
        "tool_use": tagged(
            "tool_use",
            {"id": ids("toolu"), "name": names(), "input": tool_inputs()},
            caller | {"toolset_name": or_null(names())},
        ),
        "server_tool_use": tagged(
            "server_tool_use",
            {
                "id": ids("srvtoolu"),
                "name": st.sampled_from(("web_search", "web_fetch", "code_execution")),
                "input": tool_inputs(),
            },
            caller,
        ),
        "container_upload": tagged("container_upload", {"file_id": ids("file")}),
    }
    for tag, content in TOOL_RESULTS.items():
        if tag == "mcp_tool_result":
            result = tagged(
                tag,
                {"tool_use_id": ids("mcptoolu"), "is_error": st.booleans(), "content": content},
            )
        else:
            result = tagged(tag, {"tool_use_id": ids("srvtoolu"), "content": content}, caller)
        if beta or tag not in _BETA_TOOL_RESULTS:
            table[tag] = result
    if not beta:
        return table
    return table | {
        "mcp_tool_use": tagged(
            "mcp_tool_use",
            {
                "id": ids("mcptoolu"),
                "name": names(),
                "input": tool_inputs(),
                "server_name": names(),
            },
        ),
        "mcp_tool_listing": tagged(
            "mcp_tool_listing",
            {
                "mcp_server_name": names(),
                "tools": st.lists(
                    objects({"name": names(), "input_schema": tagged("object")}), max_size=2
                ),
            },
        ),
        "compaction": tagged(
            "compaction",
            {"content": or_null(TEXT)},
            {
                "encrypted_content": or_null(OPAQUE),
                "signature": or_null(OPAQUE),
                "tool_changes": or_null(st.lists(_TOOL_CHANGE, max_size=2)),
            },
        ),
        "fallback": tagged(
            "fallback",
            {"from": FALLBACK_INFO, "to": FALLBACK_INFO},
            {"trigger": tagged("refusal", {"category": st.none() | st.just("cyber")})},
        ),
    }
