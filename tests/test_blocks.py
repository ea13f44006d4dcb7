from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

import chunkview
from chunkview import (
    CharLocationCitation,
    ContentBlock,
    DecodeError,
    FallbackBlock,
    FallbackInfo,
    InvalidJson,
    McpToolListingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UnknownCitation,
    read_block,
)
from chunkview._model import BLOCKS
from chunkview.testing import strategies as cv

CHAR = {
    "type": "char_location",
    "cited_text": "The grass is green.",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 19,
}


@given(cv.content_blocks())
def test_a_block_is_read_as_the_class_of_its_tag_and_written_unchanged(wire: Any) -> None:
    block = read_block(wire)
    assert type(block) is BLOCKS.get(wire["type"], UnknownBlock)
    assert block.type == wire["type"]
    assert block.to_dict() == wire
    assert type(block).from_dict(wire) == block


def test_a_block_is_read_by_its_tag() -> None:
    block = read_block({"type": "text", "text": "hi"})
    assert block == TextBlock("hi")
    assert block.type == "text"


def test_a_block_matches_positionally() -> None:
    match read_block({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}):
        case ToolUseBlock(id, name, {"x": x}):
            assert (id, name, x) == ("toolu_1", "f", 1)
        case other:
            pytest.fail(f"no match: {other}")


def test_unknown_keys_and_explicit_nulls_are_written_again() -> None:
    wire = {"type": "text", "text": "hi", "citations": None, "novelty": {"a": [1, None]}}
    block = read_block(wire)
    assert block.extra == {"novelty": {"a": [1, None]}}
    assert block.to_dict() == wire


def test_a_written_dict_shares_nothing_with_the_block() -> None:
    block = ToolUseBlock("toolu_1", "f", {"list": [1]})
    block.to_dict()["input"]["list"].append(2)
    assert block.input == {"list": [1]}


def test_the_citations_of_a_text_are_read_by_their_tags() -> None:
    block = read_block(
        {"type": "text", "text": "hi", "citations": [CHAR, {"type": "from_a_dream", "x": 1}]}
    )
    assert isinstance(block, TextBlock)
    assert block.citations == (
        CharLocationCitation("The grass is green.", 0, 0, 19),
        UnknownCitation("from_a_dream", {"type": "from_a_dream", "x": 1}),
    )


def test_an_unknown_block_is_kept_whole() -> None:
    wire = {"type": "hologram", "type_of_light": "coherent", "data": None}
    block = read_block(wire)
    assert block == UnknownBlock("hologram", wire)
    assert block.to_dict() == wire


@pytest.mark.parametrize("tag", [tag for tag, cls in BLOCKS.items() if cls is ToolResultBlock])
def test_every_tool_result_has_the_same_class(tag: str) -> None:
    wire = {"type": tag, "tool_use_id": "srvtoolu_1", "content": [{"type": "x"}]}
    block = read_block(wire)
    assert block == ToolResultBlock(tag, "srvtoolu_1", [{"type": "x"}])
    assert block.to_dict() == wire


def test_a_tool_result_of_a_later_api_is_a_tool_result_if_it_has_the_fields_of_one() -> None:
    alike = {"type": "telepathy_tool_result", "tool_use_id": "t", "content": "hm", "is_error": True}
    assert read_block(alike) == ToolResultBlock("telepathy_tool_result", "t", "hm", True)
    different = {"type": "telepathy_tool_result", "thoughts": []}
    assert read_block(different) == UnknownBlock("telepathy_tool_result", different)


def test_a_null_result_is_a_result() -> None:
    wire = {"type": "mcp_tool_result", "tool_use_id": "t", "content": None, "is_error": False}
    assert read_block(wire).to_dict() == wire


def test_a_key_that_is_a_python_keyword_has_an_underscore() -> None:
    wire = {
        "type": "fallback",
        "from": {"model": "a"},
        "to": {"model": "b", "why": "c"},
        "trigger": {"type": "refusal", "category": None},
    }
    block = read_block(wire)
    assert isinstance(block, FallbackBlock)
    assert block.from_ == FallbackInfo("a")
    assert block.to.extra == {"why": "c"}
    assert block.to_dict() == wire


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ([], "^expected object, got list$"),
        ({}, "^type: required, but missing$"),
        ({"type": 1}, "^type: expected str, got int$"),
        ({"type": "tool_use", "id": "t", "input": {}}, "^name: required, but missing$"),
        ({"type": "tool_use", "name": None}, "^name: expected str, got null$"),
        ({"type": "server_tool_use", "name": 5}, "^name: expected str, got int$"),
        ({"type": "mcp_tool_use"}, "^name: required, but missing$"),
    ],
)
def test_a_block_that_lacks_what_is_essential_is_refused_with_the_place(
    wire: Any, message: str
) -> None:
    with pytest.raises(DecodeError, match=message):
        read_block(wire)


@pytest.mark.parametrize(
    ("wire", "block"),
    [
        ({"type": "text"}, TextBlock("")),
        ({"type": "text", "text": None}, TextBlock("")),
        ({"type": "text", "text": 5}, TextBlock("", extra={"text": 5})),
        ({"type": "text", "text": "", "citations": 1}, TextBlock("", extra={"citations": 1})),
        (
            {"type": "text", "text": "", "citations": [CHAR, 1]},
            TextBlock("", extra={"citations": [CHAR, 1]}),
        ),
        (
            {"type": "text", "text": "", "citations": [{**CHAR, "document_index": True}]},
            TextBlock(
                "",
                (
                    CharLocationCitation(
                        "The grass is green.", None, 0, 19, extra={"document_index": True}
                    ),
                ),
            ),
        ),
        ({"type": "thinking"}, ThinkingBlock("", "")),
        ({"type": "tool_use", "name": "f"}, ToolUseBlock("", "f", {})),
        ({"type": "tool_use", "name": "f", "input": None}, ToolUseBlock("", "f", {})),
        ({"type": "tool_use", "name": "f", "input": '{"x": 1}'}, ToolUseBlock("", "f", {"x": 1})),
        (
            {"type": "tool_use", "name": "f", "input": "[1]"},
            ToolUseBlock("", "f", InvalidJson("[1]")),
        ),
        ({"type": "tool_use", "name": "f", "input": ""}, ToolUseBlock("", "f", InvalidJson(""))),
        (
            {"type": "tool_use", "name": "f", "input": ["é", True]},
            ToolUseBlock("", "f", InvalidJson('["é",true]')),
        ),
        (
            {"type": "fallback", "from": {}, "to": "b"},
            FallbackBlock(FallbackInfo(""), FallbackInfo(""), extra={"to": "b"}),
        ),
        ({"type": "mcp_tool_result"}, ToolResultBlock("mcp_tool_result", "", None)),
        (
            {"type": "mcp_tool_listing", "tools": {}},
            McpToolListingBlock("", [], extra={"tools": {}}),
        ),
    ],
)
def test_what_is_not_essential_has_a_default_and_is_written_unchanged(
    wire: Any, block: ContentBlock
) -> None:
    assert read_block(wire) == block
    assert read_block(wire).to_dict() == wire


def test_a_class_reads_only_its_own_tag() -> None:
    assert TextBlock.from_dict({"type": "text", "text": "a"}) == TextBlock("a")
    with pytest.raises(DecodeError, match="type: expected text, got 'thinking'"):
        TextBlock.from_dict({"type": "thinking", "text": "a"})
    for other in (10**5_000, ["thinking"], {"type": "text"}):
        with pytest.raises(DecodeError, match=r"^type: expected text, got (int|list|dict)$"):
            TextBlock.from_dict({"type": other, "text": "a"})


def test_the_base_class_names_the_function_that_reads_a_block() -> None:
    with pytest.raises(TypeError, match=r"^ContentBlock is a base class .*chunkview\.read_block"):
        ContentBlock.from_dict({"type": "text", "text": "a"})


def test_json_in_a_block_is_compared_but_not_hashed() -> None:
    one, other = ToolUseBlock("t", "f", {"x": 1}), ToolUseBlock("t", "f", {"x": 2})
    assert hash(one) == hash(other)
    assert one != other
    assert TextBlock("a", extra={"x": 1}) != TextBlock("a")
    assert hash(TextBlock("a", extra={"x": 1})) == hash(TextBlock("a"))


def test_the_repr_shows_the_fields_that_are_set_and_evaluates_to_the_block() -> None:
    block = ToolUseBlock("t", "f", InvalidJson('{"x'), toolset_name="s", extra={"y": 1})
    assert repr(block) == (
        "ToolUseBlock(id='t', name='f', input=InvalidJson(text='{\"x'), "
        "extra={'y': 1}, toolset_name='s')"
    )
    assert eval(repr(block), vars(chunkview)) == block


def test_invalid_json_is_written_as_the_documentation_asks() -> None:
    block = ToolUseBlock("t", "f", InvalidJson('{"x'))
    assert block.to_dict()["input"] == {"INVALID_JSON": '{"x'}


def test_the_table_names_each_tag_once() -> None:
    assert all(cls.type == tag for tag, cls in BLOCKS.items() if cls is not ToolResultBlock)
