# mypy: disable-error-code="comparison-overlap"
"""Tool input that is still incomplete."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given

from chunkview import (
    Accumulator,
    InvalidJson,
    ProtocolError,
    accumulate,
)
from chunkview.testing import strategies as cv
from stream_support import STARTED
from support import (
    block_stop,
    json_delta,
    message_start,
    tool_start,
)


@given(cv.message_streams(min_blocks=1))
def test_a_partial_input_is_a_beginning_of_the_whole(events: Any) -> None:
    whole: Any = accumulate(events).content
    accumulator = Accumulator()
    partial: Any = None
    for event in events:
        accumulator.add(event)
        if not event["type"].startswith("content_block_"):
            continue
        index = event["index"]
        if not hasattr(whole[index], "input"):
            with pytest.raises(ProtocolError, match=f"block {index} has no tool input"):
                accumulator.partial_input(index)
        elif event["type"] == "content_block_stop":
            assert accumulator.partial_input(index) == whole[index].input
            assert partial == whole[index].input or isinstance(whole[index].input, InvalidJson)
        else:
            partial = accumulator.partial_input(index)
            assert is_beginning(partial, whole[index].input)


def is_beginning(part: Any, whole: Any) -> bool:
    """Whether a JSON value is another one as far as that has been read; a number is any number."""
    if isinstance(whole, InvalidJson):
        return isinstance(part, dict)
    if isinstance(part, str):
        return isinstance(whole, str) and whole.startswith(part)
    if isinstance(part, dict):
        return all(
            name in whole and is_beginning(value, whole[name]) for name, value in part.items()
        )
    if isinstance(part, list):
        return all(map(is_beginning, part, whole)) and len(part) <= len(whole)
    if isinstance(whole, (int, float)) and not isinstance(whole, bool):
        return isinstance(part, (int, float)) and not isinstance(part, bool)
    return bool(part is whole)


PARTIAL = [
    ("", {}),
    ("{", {}),
    ('{"pla', {}),
    ('{"place":', {}),
    ('{"place": "Zür', {"place": "Zür"}),
    ('{"place": "a", "days": [1, 2', {"place": "a", "days": [1, 2]}),
    ('{"place": "a"}', {"place": "a"}),
    ("nonsense", InvalidJson("nonsense")),
    ('{"place": NaN', InvalidJson('{"place": NaN')),
    ("\ud800", InvalidJson("\ud800")),
]


@pytest.mark.parametrize(("text", "expected"), PARTIAL)
def test_a_partial_input_is_read_as_far_as_it_goes(text: str, expected: Any) -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start()])
    for letter in text:
        accumulator.add(json_delta(letter))
    assert accumulator.partial_input(0) == expected


def test_the_input_of_a_block_that_has_ended_is_no_longer_partial() -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start(), json_delta('{"x": [1'), block_stop()])
    assert accumulator.partial_input(0) == InvalidJson('{"x": [1')
    accumulator.extend([tool_start(1), json_delta('{"x": 1}', 1), block_stop(1)])
    assert accumulator.partial_input(1) == {"x": 1}


def test_only_a_tool_has_a_partial_input() -> None:
    accumulator = Accumulator()
    accumulator.extend(STARTED)
    with pytest.raises(ProtocolError, match="block 0 has no tool input"):
        accumulator.partial_input(0)
    with pytest.raises(ProtocolError, match="block 1 has not started"):
        accumulator.partial_input(1)


def test_without_jiter_the_error_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jiter", None)
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start(), json_delta("{")])
    expected = (
        r"^reading a tool input that is not complete needs jiter: "
        r"pip install 'chunkview\[partial\]'$"
    )
    with pytest.raises(ImportError, match=expected):
        accumulator.partial_input(0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1e999', InvalidJson('{"a": 1e999')),
        ('{"a": [-1e999, ', InvalidJson('{"a": [-1e999, ')),
        ('{"a": 1}x', InvalidJson('{"a": 1}x')),
        ('{"a": 1} {', InvalidJson('{"a": 1} {')),
        ('{"a": 1} \n', {"a": 1}),
        ("[1", InvalidJson("[1")),
        ("4", InvalidJson("4")),
    ],
)
def test_a_partial_input_that_cannot_become_an_object_is_kept_as_text(
    text: str, expected: Any
) -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start(), json_delta(text)])
    assert accumulator.partial_input(0) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (' \t\r\n{"a": 1} \t\r\n', {"a": 1}),
        ('\v{"a": 1}', InvalidJson('\v{"a": 1}')),
        ('{"a": 1}\v', InvalidJson('{"a": 1}\v')),
        ('{"a": 1}X', InvalidJson('{"a": 1}X')),
        ('{"a": NaN}', InvalidJson('{"a": NaN}')),
        ('{"a": Infinity', InvalidJson('{"a": Infinity')),
    ],
)
def test_white_space_around_a_partial_input_is_that_of_json(text: str, expected: Any) -> None:
    accumulator = Accumulator()
    accumulator.extend([message_start(), tool_start(), json_delta(text)])
    assert accumulator.partial_input(0) == expected
