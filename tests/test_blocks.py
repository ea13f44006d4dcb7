from __future__ import annotations

from typing import Any

import pytest

import chunkview
from chunkview import (
    CharLocationCitation,
    Citation,
    ContentBlock,
    DecodeError,
    FallbackBlock,
    FallbackInfo,
    InvalidJson,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UnknownCitation,
)
from chunkview._model.blocks import BLOCKS, CITATIONS

CHAR = {
    "type": "char_location",
    "cited_text": "The grass is green.",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 19,
}


def test_a_block_is_read_by_its_tag() -> None:
    block = ContentBlock.from_dict({"type": "text", "text": "hi"})
    assert block == TextBlock("hi")
    assert block.type == "text"


def test_a_block_matches_positionally() -> None:
    match ContentBlock.from_dict(
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}
    ):
        case ToolUseBlock(id, name, {"x": x}):
            assert (id, name, x) == ("toolu_1", "f", 1)
        case other:
            pytest.fail(f"no match: {other}")


def test_what_was_read_is_written_again_with_unknown_keys_and_explicit_nulls() -> None:
    wire = {"type": "text", "text": "hi", "citations": None, "novelty": {"a": [1, None]}}
    block = ContentBlock.from_dict(wire)
    assert block.extra == {"novelty": {"a": [1, None]}}
    assert block.to_dict() == wire


def test_what_is_written_shares_nothing_with_the_block() -> None:
    block = ToolUseBlock("toolu_1", "f", {"list": [1]})
    block.to_dict()["input"]["list"].append(2)
    assert block.input == {"list": [1]}


def test_citations_are_read_by_their_tags_too() -> None:
    block = ContentBlock.from_dict(
        {"type": "text", "text": "hi", "citations": [CHAR, {"type": "from_a_dream", "x": 1}]}
    )
    assert isinstance(block, TextBlock)
    assert block.citations == (
        CharLocationCitation("The grass is green.", 0, 0, 19),
        UnknownCitation("from_a_dream", {"type": "from_a_dream", "x": 1}),
    )


def test_an_unknown_block_is_kept_whole() -> None:
    wire = {"type": "hologram", "type_of_light": "coherent", "data": None}
    block = ContentBlock.from_dict(wire)
    assert block == UnknownBlock("hologram", wire)
    assert block.to_dict() == wire


@pytest.mark.parametrize("tag", [tag for tag, cls in BLOCKS.items() if cls is ToolResultBlock])
def test_every_tool_result_is_one_family(tag: str) -> None:
    wire = {"type": tag, "tool_use_id": "srvtoolu_1", "content": [{"type": "x"}]}
    block = ContentBlock.from_dict(wire)
    assert block == ToolResultBlock(tag, "srvtoolu_1", [{"type": "x"}])
    assert block.to_dict() == wire


def test_a_tool_result_of_a_later_api_joins_the_family_if_it_looks_like_it() -> None:
    alike = {"type": "telepathy_tool_result", "tool_use_id": "t", "content": "hm", "is_error": True}
    assert ContentBlock.from_dict(alike) == ToolResultBlock(
        "telepathy_tool_result", "t", "hm", True
    )
    different = {"type": "telepathy_tool_result", "thoughts": []}
    assert ContentBlock.from_dict(different) == UnknownBlock("telepathy_tool_result", different)


def test_a_null_result_is_a_result() -> None:
    wire = {"type": "mcp_tool_result", "tool_use_id": "t", "content": None, "is_error": False}
    assert ContentBlock.from_dict(wire).to_dict() == wire


def test_a_key_that_is_a_python_keyword_has_an_underscore() -> None:
    wire = {
        "type": "fallback",
        "from": {"model": "a"},
        "to": {"model": "b", "why": "c"},
        "trigger": {"type": "refusal", "category": None},
    }
    block = ContentBlock.from_dict(wire)
    assert isinstance(block, FallbackBlock)
    assert block.from_ == FallbackInfo("a")
    assert block.to.extra == {"why": "c"}
    assert block.to_dict() == wire


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ([], "expected object, got list"),
        ({}, "type: required, but missing"),
        ({"type": 1}, "type: expected str, got int"),
        ({"type": "text"}, "text: required, but missing"),
        ({"type": "text", "text": None}, "text: expected str, got null"),
        ({"type": "text", "text": "", "citations": 1}, "citations: expected array, got int"),
        (
            {"type": "text", "text": "", "citations": [CHAR, {**CHAR, "document_index": True}]},
            r"citations\[1\].document_index: expected int, got bool",
        ),
        ({"type": "tool_use", "id": "t", "name": "f", "input": []}, "input: expected object"),
        ({"type": "fallback", "from": {}, "to": {"model": "b"}}, "from.model: required"),
    ],
)
def test_a_bad_block_is_refused_with_the_place(wire: Any, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        ContentBlock.from_dict(wire)


def test_a_known_class_reads_only_its_own() -> None:
    assert TextBlock.from_dict({"type": "text", "text": "a"}) == TextBlock("a")
    with pytest.raises(DecodeError, match="type: expected text, got 'thinking'"):
        TextBlock.from_dict({"type": "thinking", "text": "a"})
    for other in (10**5_000, ["thinking"], {"type": "text"}):
        with pytest.raises(DecodeError, match=r"^type: expected text, got (int|list|dict)$"):
            TextBlock.from_dict({"type": other, "text": "a"})
    assert Citation.from_dict(CHAR) == CharLocationCitation.from_dict(CHAR)
    assert UnknownCitation.from_dict(CHAR) == UnknownCitation("char_location", CHAR)


def test_json_inside_is_left_out_of_the_hash_but_compared() -> None:
    one, other = ToolUseBlock("t", "f", {"x": 1}), ToolUseBlock("t", "f", {"x": 2})
    assert hash(one) == hash(other)
    assert one != other
    assert TextBlock("a", extra={"x": 1}) != TextBlock("a")
    assert hash(TextBlock("a", extra={"x": 1})) == hash(TextBlock("a"))


def test_the_repr_shows_what_is_set_and_makes_the_block_again() -> None:
    block = ToolUseBlock("t", "f", InvalidJson('{"x'), toolset_name="s", extra={"y": 1})
    assert repr(block) == (
        "ToolUseBlock(id='t', name='f', input=InvalidJson(text='{\"x'), "
        "extra={'y': 1}, toolset_name='s')"
    )
    assert eval(repr(block), vars(chunkview)) == block


def test_invalid_json_is_written_as_the_documentation_asks() -> None:
    block = ToolUseBlock("t", "f", InvalidJson('{"x'))
    assert block.to_dict()["input"] == {"INVALID_JSON": '{"x'}


def test_the_tables_name_each_tag_once() -> None:
    assert all(cls.type == tag for tag, cls in CITATIONS.items())
    assert all(cls.type == tag for tag, cls in BLOCKS.items() if cls is not ToolResultBlock)
