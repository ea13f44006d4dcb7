from __future__ import annotations

import typing

import chunkview
from chunkview import AnyCitation, AnyContentBlock, ChunkView, TextDeltaChunk, ToolUseBlock
from chunkview._chunks.decode import DELTAS, EVENTS
from chunkview._model import BLOCKS, CITATIONS
from support import delta, text_stream, tool_stream
from typed_program import replay, salvaged, shout, tags


def test_the_program_that_the_type_checkers_read_also_runs() -> None:
    shown, tools = replay([*text_stream("Hel", "lo")])
    assert shown == "claude-test: Hello[end_turn, 5]"
    assert tools == []
    shown, tools = replay(tool_stream('{"x": 1}'))
    assert shown == "claude-test: get_weather![tool_use, 5]"
    assert tools == [ToolUseBlock("toolu_1", "get_weather", {"x": 1})]
    assert shout(TextDeltaChunk(0, "hi")) == TextDeltaChunk(0, "HI")
    assert salvaged(text_stream("Hello")[:3]) == salvaged(text_stream("Hello")) == "Hello"
    assert tags([*text_stream("Hello"), delta("dream")]) == [
        "message_start",
        "text",
        "text_delta",
        "content_block_stop 0",
        "message_delta",
        "message_stop",
        "dream",
        "text",
        "dream",
    ]


def test_each_union_has_all_its_classes_and_no_base_class() -> None:
    def named(ending: str) -> set[type]:
        values = [getattr(chunkview, name) for name in chunkview.__all__ if name.endswith(ending)]
        return {cls for cls in values if isinstance(cls, type) and hasattr(cls, "type")}

    chunks = {*typing.get_args(ChunkView)}
    assert chunks == {*EVENTS.values(), *DELTAS.values(), chunkview.UnknownChunk}
    assert chunks == named("Chunk")
    blocks = {*typing.get_args(AnyContentBlock)}
    assert blocks == {*BLOCKS.values(), chunkview.UnknownBlock}
    assert blocks == named("Block")
    citations = {*typing.get_args(AnyCitation)}
    assert citations == {*CITATIONS.values(), chunkview.UnknownCitation}
    assert citations == named("Citation")
