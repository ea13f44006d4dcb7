"""What the default streams find in a handler, and what the streams that show it shrink to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, find, given, seed, settings

from chunkview import InvalidJson, accumulate
from chunkview.testing import strategies as cv
from test_readme import ROOT
from testing.openai_handler import BUGS, FINISH_REASONS, openai_chunks

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
    except (KeyError, IndexError, ValueError):  # what the bugs raise
        return False


@given(cv.message_streams())
def test_the_handler_without_a_bug_is_right(events: Stream) -> None:
    assert answer_of(events) == expected(events)


def shown_for(bug: str) -> Stream:
    """The stream that Hypothesis shows for a bug."""
    default = settings(
        max_examples=300,
        phases=[Phase.generate, Phase.shrink],
        derandomize=True,
        database=None,
        deadline=None,
    )
    return find(cv.message_streams(), lambda events: not is_right(events, bug), settings=default)


def rows_of_page() -> dict[str, tuple[str, ...]]:
    """The types of the events of the stream that the page shows for each bug."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {bug: tuple(re.findall("[a-z_]+", events)) for bug, events in rows if bug in BUGS}


def test_the_page_has_a_row_for_each_bug() -> None:
    assert tuple(rows_of_page()) == BUGS


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_is_found_and_shrinks_to_what_the_page_shows(bug: str) -> None:
    stream = shown_for(bug)
    assert not is_right(stream, bug)
    assert is_right(stream)
    events = [
        event["delta"]["type"] if event["type"] == "content_block_delta" else event["type"]
        for event in stream
    ]
    shown = rows_of_page()[bug]
    # Another version of Hypothesis may find another stream of the same kind, with a delta more.
    assert set(events) <= {"message_start", *shown, "message_delta", "message_stop"}
    assert len(events) <= len(shown) + 3 + 1


@pytest.mark.parametrize("bug", BUGS)
def test_each_planted_bug_is_found_from_any_seed(bug: str) -> None:
    assert all(is_found(bug, number) for number in range(3))


def is_found(bug: str, number: int) -> bool:
    """Whether one of the 300 streams of a run shows the bug."""

    def look(events: Stream) -> None:
        if not is_right(events, bug):
            raise FoundError

    quick = settings(max_examples=300, phases=[Phase.generate], database=None, deadline=None)
    try:
        seed(number)(quick(given(cv.message_streams())(look)))()
    except FoundError:
        return True
    return False


class FoundError(Exception):
    """A stream shows the bug."""
