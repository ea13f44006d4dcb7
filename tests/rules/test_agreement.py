"""The package against the slow reader, on streams in which nothing is wrong."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from chunkview import InvalidJson, Message, ToolUseBlock, accumulate
from chunkview.testing import strategies as cv
from rules.model import Result, read, read_body
from support import Recorded


def assert_same(message: Message, result: Result) -> None:
    assert result.error is None
    assert message.text == result.text
    assert message.thinking == result.thinking
    tools = [block for block in message.content if isinstance(block, ToolUseBlock)]
    assert [[tool.name, input_of(tool.input)] for tool in tools] == result.tools
    assert message.stop_reason == result.stop_reason
    for name, count in result.counts.items():
        assert getattr(message.usage, name) == count
    assert [block.type for block in message.content] == [block.type for block in result.blocks]


def input_of(value: Any) -> Any:
    return value.to_dict() if isinstance(value, InvalidJson) else value


@given(cv.message_streams(unknown=False))
def test_the_package_and_the_slow_reader_agree_on_valid_streams(events: Any) -> None:
    assert_same(accumulate(events), read(events))


def test_the_package_and_the_slow_reader_agree_on_recordings(recorded: Recorded) -> None:
    if not recorded.breaks_off:
        assert_same(accumulate(recorded.body), read_body(recorded.body))
