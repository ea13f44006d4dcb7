"""What the default streams find in a handler, and what the streams that show it shrink to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import Phase, find, given, settings

from chunkview import InvalidJson, accumulate
from chunkview.testing import strategies as cv
from test_readme import ROOT
from testing.openai_handler import FINISH_REASONS, openai_chunks

if TYPE_CHECKING:
    from testing.drawing import Stream

PAGE = ROOT / "docs" / "testing-your-handler.md"


def answer_of(events: Stream, bug: str = "") -> dict[str, Any]:
    """What an application makes of the handler's chunks."""
    text, calls, reason, tokens = "", list[dict[str, Any]](), None, None
    for chunk in openai_chunks(events, bug):
        tokens = chunk.get("usage", {}).get("completion_tokens", tokens)
        for choice in chunk["choices"]:
            reason = choice["finish_reason"] or reason
            text += choice["delta"].get("content", "")
            for part in choice["delta"].get("tool_calls", ()):
                if "id" in part:
                    calls.append({"index": part["index"], "id": part["id"], "arguments": ""})
                calls[-1]["arguments"] += part["function"]["arguments"]
    inputs = [parsed(call["arguments"]) for call in calls]
    places = [(call["index"], call["id"]) for call in calls]
    return {"text": text, "calls": places, "inputs": inputs, "reason": reason, "tokens": tokens}


def parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def expected(events: Stream) -> dict[str, Any]:
    message = accumulate(events)
    calls = [block for block in message.content if block.type == "tool_use"]
    reason = message.stop_reason
    return {
        "text": message.text,
        "calls": [(number, call.id) for number, call in enumerate(calls)],  # type: ignore[union-attr]
        "inputs": [given_input(call) for call in calls],
        "reason": reason and FINISH_REASONS.get(reason, "stop"),
        "tokens": message.usage.output_tokens,
    }


def given_input(call: Any) -> Any:
    return call.input.text if isinstance(call.input, InvalidJson) else call.input


def is_right(events: Stream, bug: str = "") -> bool:
    try:
        return answer_of(events, bug) == expected(events)
    except Exception:
        return False


@given(cv.message_streams())
def test_the_handler_without_a_bug_is_right(events: Stream) -> None:
    assert answer_of(events) == expected(events)


def smallest(bug: str) -> Stream:
    """The stream that Hypothesis shows for a bug."""
    default = settings(
        max_examples=300,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
    )
    return find(cv.message_streams(), lambda events: not is_right(events, bug), settings=default)
