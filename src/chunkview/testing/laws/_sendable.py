"""The law about the next turn. It needs nothing beyond the standard library."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["assert_sendable"]

__tracebackhide__ = True


def assert_sendable(
    param: Mapping[str, Any],
    *,
    stop_reason: str | None = "pause_turn",
    answer: Mapping[str, Any] | None = None,
) -> None:
    """Assert that the API accepts an assistant's turn in the next request.

    `Message.to_param()` gives such turns. Use the law for a turn that your own program makes or
    changes: one that a gateway rewrites, a history that is stored and read again. It is written
    from the API's documentation and from public reports, apart from `to_param`.
    docs/the-next-turn.md has the rules, each with its source.

    What depends on the rest of the request is not looked at: whether each `tool_use` has its
    `tool_result` in the next message, whether the tools are known, whether the last message may be
    the assistant's. A turn without content passes, though the API takes it only as the last
    message. So do blocks of unknown types and unknown keys.

    Args:
        param: The turn, as a JSON object: `role` and `content`. It is not changed.
        stop_reason: Why the answer ended; None if it broke off. It decides whether the call of a
            server tool may be without its result. Unless you say it, it may.
        answer: The answer that the turn is made of, as a JSON object. With it, no `caller` may name
            a call that the answer has and the turn has not. Without it, such a call may be in an
            earlier turn.

    Raises:
        AssertionError: The API would refuse the turn. The text has the block, and the name of the
            rule.
        TypeError: `param` is no JSON object.
    """
    if not isinstance(param, Mapping):
        raise TypeError(
            f"param: expected a turn, as Message.to_param() gives it, got {type(param).__name__}"
        )
    try:
        json.dumps(param, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        _fail("not_json", param, f"it cannot be written as JSON: {error}")
    _require("role_other", param.get("role") == "assistant", param, "the role is not assistant")
    content = param.get("content")
    if isinstance(content, str):
        _require("text_empty", content != "", param, "content is empty")
        _require("text_blank", content.strip() != "", param, "content is white space alone")
        return
    is_list = isinstance(content, list) and all(isinstance(block, dict) for block in content)
    _require("content_invalid", is_list, param, "content is not a list of blocks")
    blocks: list[dict[str, Any]] = list(content or ())
    for block in blocks:
        _require("key_invalid", isinstance(block.get("type"), str), block, "it has no type")
        _assert_keys(block)
        check = _CHECKS.get(block["type"])
        if check is not None:
            check(block)
    _assert_texts(blocks)
    _assert_calls(blocks)
    _assert_before_fallback(blocks)
    if answer is not None:
        _assert_callers(blocks, answer)
    if stop_reason not in ("pause_turn", "tool_use"):
        for number in _calls_without_result(blocks):
            _fail("server_tool_unanswered", blocks[number], "no result of this call follows it")
    if blocks:
        is_thinking = blocks[-1]["type"] in ("thinking", "redacted_thinking")
        _require("thinking_last", not is_thinking, blocks[-1], "the last block is thinking")


_KEYS: dict[str, dict[str, type]] = {
    "text": {"text": str},
    "thinking": {"thinking": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str},
    "server_tool_use": {"id": str, "name": str},
    "mcp_tool_use": {"id": str, "name": str, "server_name": str},
    "container_upload": {"file_id": str},
    "fallback": {"from": dict, "to": dict},
    "mcp_tool_listing": {"mcp_server_name": str, "tools": list},
}
"""The keys without which the API takes no block of a type."""

_WITH_CONTENT = (
    "web_search_tool_result",
    "web_fetch_tool_result",
    "advisor_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
)
"""The results that need their `content`; that of an MCP tool does not."""

_CITATIONS: dict[str, tuple[str, ...]] = {
    "char_location": ("document_title", "cited_text"),
    "page_location": ("document_title", "cited_text"),
    "content_block_location": ("document_title", "cited_text"),
    "web_search_result_location": ("title", "cited_text", "encrypted_index", "url"),
    "search_result_location": ("title", "cited_text", "source"),
}
"""The title's key, which may be null but not missing, and the strings that a citation needs."""


def _assert_keys(block: dict[str, Any]) -> None:
    tag = block["type"]
    needed = {"tool_use_id": str} if tag.endswith("_tool_result") else {}
    for name, kind in _KEYS.get(tag, needed).items():
        is_there = isinstance(block.get(name), kind)
        _require("key_invalid", is_there, block, f"{name} has to be a {kind.__name__}")
    if block.get("name") == "":
        _fail("key_invalid", block, "name is empty")
    is_result = tag.endswith("_tool_result")
    if "caller" in block and (is_result or tag in ("tool_use", "server_tool_use")):
        caller = block["caller"]
        _require("caller_null", caller is not None, block, "caller is null; leave the key out")
        _require("key_invalid", isinstance(caller, dict), block, "caller has to be an object")
    if "is_error" in block and is_result:
        is_bool = isinstance(block["is_error"], bool)
        _require("key_invalid", is_bool, block, "is_error has to be a bool; leave out a null")
    if tag in _WITH_CONTENT:
        _require("key_invalid", block.get("content") is not None, block, "it has no content")
    if tag == "text":
        citations = block.get("citations")
        is_list = citations is None or isinstance(citations, list)
        _require("key_invalid", is_list, block, "citations is no list")
        for citation in citations or ():
            _assert_citation(block, citation)


def _assert_citation(block: dict[str, Any], citation: Any) -> None:
    is_object = isinstance(citation, dict) and isinstance(citation.get("type"), str)
    _require("key_invalid", is_object, block, "a citation is no object with a type")
    title, *strings = _CITATIONS.get(citation["type"], ("type",))
    _require("citation_title_missing", title in citation, block, f"a citation has no {title}")
    if title == "document_title":
        has_none = "file_id" not in citation
        _require("citation_file_id", has_none, block, "a citation has a file_id; leave it out")
    for name in strings:
        is_string = isinstance(citation.get(name), str)
        _require("key_invalid", is_string, block, f"a citation has no {name}")


def _assert_thinking(block: dict[str, Any]) -> None:
    is_signed = isinstance(block.get("signature"), str) and block["signature"] != ""
    _require("thinking_unsigned", is_signed, block, "thinking has no signature")


def _assert_input(block: dict[str, Any]) -> None:
    is_object = isinstance(block.get("input"), dict)
    _require("input_not_object", is_object, block, "input is no JSON object")


def _assert_compaction(block: dict[str, Any]) -> None:
    _require("compaction_empty", block.get("content") != "", block, "content is empty")


def _assert_connector_text(block: dict[str, Any]) -> None:
    _require("block_half", bool(block.get("connector_text")), block, "it has no text")


_CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "thinking": _assert_thinking,
    "tool_use": _assert_input,
    "server_tool_use": _assert_input,
    "mcp_tool_use": _assert_input,
    "compaction": _assert_compaction,
    "connector_text": _assert_connector_text,
}


def _assert_texts(blocks: list[dict[str, Any]]) -> None:
    texts = [block for block in blocks if block["type"] == "text"]
    for block in texts:
        _require("text_empty", block["text"] != "", block, "text is empty")
    if texts and "".join([block["text"] for block in texts]).strip() == "":
        _fail("text_blank", texts[0], "no text block has anything but white space")


def _assert_calls(blocks: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for block in blocks:
        if block["type"] == "server_tool_use":
            is_taken = re.fullmatch("srvtoolu_[a-zA-Z0-9_]+", block["id"]) is not None
            _require("tool_id_invalid", is_taken, block, "id is not srvtoolu_ and letters")
        if block["type"] == "tool_use":
            is_taken = re.fullmatch("[a-zA-Z0-9_-]+", block["id"]) is not None
            _require("tool_id_invalid", is_taken, block, "id is not letters, digits, _ and -")
            is_new = block["id"] not in seen
            _require("tool_id_repeated", is_new, block, "an earlier one has its id")
            seen.add(block["id"])


def _assert_before_fallback(blocks: list[dict[str, Any]]) -> None:
    tags = [block["type"] for block in blocks]
    if "fallback" not in tags:
        return
    last = len(tags) - 1 - tags[::-1].index("fallback")
    for block in blocks[:last]:
        if block["type"] in ("thinking", "redacted_thinking", "connector_text", "tool_use"):
            _fail("declined_block", block, "it comes before the last fallback block")
    for number in _calls_without_result(blocks):
        if number < last:
            problem = "it comes before the last fallback block, and no result follows it"
            _fail("declined_server_tool_unanswered", blocks[number], problem)


def _assert_callers(blocks: list[dict[str, Any]], answer: Mapping[str, Any]) -> None:
    content = answer.get("content")
    left_out = _server_call_ids(content if isinstance(content, list) else []) - _server_call_ids(
        blocks
    )
    for block in blocks:
        if block["type"] not in ("tool_use", "server_tool_use"):
            continue
        caller = block.get("caller")
        parent = caller.get("tool_id") if isinstance(caller, dict) else None
        if isinstance(parent, str) and parent in left_out:
            _fail("caller_left_out", block, "its caller is a call that was left out")


def _server_call_ids(blocks: Iterable[dict[str, Any]]) -> set[str]:
    tags = ("server_tool_use", "mcp_tool_use")
    return {
        block["id"]
        for block in blocks
        if block["type"] in tags and isinstance(block.get("id"), str)
    }


def _calls_without_result(blocks: list[dict[str, Any]]) -> list[int]:
    results: dict[str, int] = {}
    for number, block in enumerate(blocks):
        if block["type"].endswith("_tool_result"):
            results[block["tool_use_id"]] = number
    return [
        number
        for number, block in enumerate(blocks)
        if block["type"] in ("server_tool_use", "mcp_tool_use")
        and results.get(block["id"], -1) < number
    ]


def _require(rule: str, is_kept: bool, shown: Any, problem: str) -> None:
    if not is_kept:
        _fail(rule, shown, problem)


def _fail(rule: str, shown: Any, problem: str) -> None:
    try:
        text = repr(shown)
    except Exception:  # noqa: BLE001 - the breach matters more than how it is shown
        text = f"<{type(shown).__name__}>"
    if len(text) > 400:
        text = f"{text[:400]}..."
    raise AssertionError(f"{rule}: {problem}: {text}")
