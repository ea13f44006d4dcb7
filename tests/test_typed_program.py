from __future__ import annotations

from chunkview import TextDeltaChunk, ToolUseBlock
from support import text_stream, tool_stream
from typed_program import replay, shout


def test_the_program_that_the_type_checkers_read_also_runs() -> None:
    shown, tools = replay([*text_stream("Hel", "lo")])
    assert shown == "claude-test: Hello[end_turn, 5]"
    assert tools == []
    shown, tools = replay(tool_stream('{"x": 1}'))
    assert shown == "claude-test: get_weather![tool_use, 5]"
    assert tools == [ToolUseBlock("toolu_1", "get_weather", {"x": 1})]
    assert shout(TextDeltaChunk(0, "hi")) == TextDeltaChunk(0, "HI")
