"""Half characters: joined where they meet, and replaced where they cannot be written."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import Message, TextBlock, ToolUseBlock, Usage, accumulate
from chunkview._model import joined_halves
from support import text_stream

HIGH, LOW, WHOLE = "\ud83d", "\ude00", "\U0001f600"
any_text = st.text(st.characters() | st.sampled_from([HIGH, LOW]))


@given(any_text)
def test_halves_that_meet_are_joined_and_nothing_else_changes(text: str) -> None:
    joined = joined_halves(text)
    assert joined.encode("utf-16-le", "surrogatepass") == text.encode("utf-16-le", "surrogatepass")
    assert not any(a + b == HIGH + LOW for a, b in pairwise(joined))
    assert joined_halves(joined) == joined


@given(any_text)
def test_a_text_cut_anywhere_is_the_same_text(text: str) -> None:
    assert accumulate(text_stream(*text)).text == joined_halves(text)


@pytest.mark.parametrize("half", [HIGH, LOW])
def test_a_half_that_stays_alone_is_escaped_in_json_and_replaced_in_a_param(half: str) -> None:
    block: Any = TextBlock(f"a{half}")
    tool = ToolUseBlock("t", "f", {f"k{half}": [f"v{half}", 1]})
    message = Message("m", "c", (block, tool), Usage())
    assert message.to_dict()["content"][0]["text"] == f"a{half}"
    assert json.dumps(f"a{half}")[2:8] in json.dumps(message.to_dict())
    text, call = message.to_param()["content"]
    assert text["text"] == "a\ufffd"
    assert call["input"] == {"k\ufffd": ["v\ufffd", 1]}
