"""The requests that `check --url` sends, and what each asks for.

Each is as short and as cheap as its purpose allows. The prompts leave the model little choice, so
the form of an answer does not depend on luck: one word, the numbers in order, a forced tool call.
No request sets the temperature, because some models refuse that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from ..._model import Message, RedactedThinkingBlock, ThinkingBlock, ToolUseBlock

__all__ = ["LONGEST_WAIT", "NO_SUCH_MODEL", "REQUESTS", "Request", "Unmet"]

Unmet = tuple[str, str]
"""A rule of `SERVER_RULES` that a message breaks, and what was seen."""

LONGEST_WAIT = 30.0
"""Seconds. A server may say how long to wait before a request is sent again."""

NO_SUCH_MODEL = "chunkview-no-such-model"

_WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather in one city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name"}},
        "required": ["city"],
    },
}
_TIME = {
    **_WEATHER,
    "name": "get_time",
    "description": "Get the current time in one city.",
}
_STOP_SEQUENCE = "5"
_THINKING = (ThinkingBlock, RedactedThinkingBlock)


@attrs.frozen
class Request:
    """A request to `/v1/messages`.

    Attributes:
        name: Its name in reports, and for `--without`.
        asks: What it asks for, in a few words.
        fields: The fields of the request that differ between requests. None leaves a field out.
        unmet: Says in what the message of an answer is not what the request asked for. None where
            the request is invalid, and an error is due instead of a message.
        checks: The rules of `SERVER_RULES` that only some answers are checked by, this one too.
        status: The status that is due.
        is_exact: Whether no other status will do. Else any from 400 to 499 will do for an error.
        raw: The body, where it is not made of fields.
        query: The query of the URL, without the question mark.
    """

    name: str
    asks: str
    fields: dict[str, Any]
    unmet: Callable[[Message], Iterator[Unmet]] | None
    checks: tuple[str, ...]
    status: int = 200
    is_exact: bool = True
    raw: bytes = b""
    query: str = ""

    @property
    def is_invalid(self) -> bool:
        """Whether an error is due."""
        return self.unmet is None

    @property
    def is_streamed(self) -> bool:
        """Whether a stream is due."""
        return not self.is_invalid and bool(self.fields.get("stream", True))

    def allows(self, status: int) -> bool:
        """Whether an answer may have this status."""
        return status == self.status or (not self.is_exact and 400 <= status <= 499)

    def body(self, model: str) -> bytes:
        """Make the body of the request.

        Args:
            model: The model to ask.
        """
        fields = {"model": model, "max_tokens": 1024, "stream": True, **self.fields}
        present = {key: value for key, value in fields.items() if value is not None}
        return self.raw or json.dumps(present).encode()


def _text(message: Message) -> Iterator[Unmet]:
    if not message.text.strip():
        is_empty = any(block.type == "text" for block in message.content)
        yield "text_missing", "the text is empty" if is_empty else _content(message)


def _stopped(message: Message) -> Iterator[Unmet]:
    reason, sequence = message.stop_reason, message.stop_sequence
    # A rule of the stream is about a message without a stop reason.
    if reason is not None and (reason, sequence) != ("stop_sequence", _STOP_SEQUENCE):
        yield (
            "stop_sequence_ignored",
            (
                f"stop_sequences is [{_STOP_SEQUENCE!r}] in the request; the message has "
                f"stop_reason {reason!r} and stop_sequence {sequence!r}"
            ),
        )
    elif _STOP_SEQUENCE in message.text:
        yield "stop_sequence_ignored", f"the text has the stop sequence in it: {message.text!r}"


def _cut(message: Message) -> Iterator[Unmet]:
    reason, tokens = message.stop_reason, message.usage.output_tokens
    seen = f"max_tokens is {_CUT['max_tokens']} in the request; the message has "
    if reason not in (None, "max_tokens"):
        seen += f"stop_reason {reason!r} and {tokens} output tokens"
        yield "max_tokens_ignored", seen
    elif tokens is not None and tokens > _CUT["max_tokens"]:
        yield "max_tokens_exceeded", f"{seen}{tokens} output tokens"


def _called(message: Message) -> Iterator[Unmet]:
    """The request forces the second of two tools, and forbids parallel calls."""
    calls = _calls(message)
    others = [name for name in calls if name != _TIME["name"]]
    if not calls:
        yield "tool_choice_ignored", _content(message)
    if others:
        seen = f"tool_choice names {_TIME['name']}; the message calls {', '.join(others)}"
        yield "other_tool_called", seen
    if len(calls) > 1:
        yield "parallel_calls_not_disabled", _content(message)


def _called_twice(message: Message) -> Iterator[Unmet]:
    calls = _calls(message)
    if not calls:
        yield "tool_choice_ignored", _content(message)
    elif len(calls) == 1:
        yield "tool_calls_not_parallel", _content(message)


def _thought(message: Message) -> Iterator[Unmet]:
    if not any(isinstance(block, _THINKING) for block in message.content):
        yield "thinking_missing", _content(message)


def _calls(message: Message) -> list[str]:
    """The names of the tools that a message calls."""
    return [block.name for block in message.content if isinstance(block, ToolUseBlock)]


def _content(message: Message) -> str:
    return f"the message has {', '.join(block.type for block in message.content) or 'no blocks'}"


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


_ONE_WORD = [_user("Reply with the one word hello, and nothing else.")]
_CUT: dict[str, Any] = {
    "max_tokens": 8,
    "messages": [_user("Write down the numbers from one to a hundred in words.")],
}
_ASK_WEATHER = _user("What is the weather in Paris?")
_OF_ERRORS = ("error_document_misshapen",)

REQUESTS: dict[str, Request] = {
    request.name: request
    for request in (
        Request(
            "text", "a word of text", {"messages": _ONE_WORD}, unmet=_text, checks=("text_missing",)
        ),
        Request(
            "stop_sequence",
            "text that a stop sequence ends",
            {
                "stop_sequences": [_STOP_SEQUENCE],
                "messages": [
                    _user(
                        "Write the digits from 1 to 9 in order, with spaces between them, and "
                        "nothing else."
                    )
                ],
            },
            unmet=_stopped,
            checks=("stop_sequence_ignored",),
        ),
        Request(
            "max_tokens",
            "text that max_tokens cuts",
            _CUT,
            unmet=_cut,
            checks=("max_tokens_ignored", "max_tokens_exceeded"),
        ),
        Request(
            "tool_call",
            "one tool call: tool_choice forces the second of two tools",
            {
                "tools": [_WEATHER, _TIME],
                "tool_choice": {
                    "type": "tool",
                    "name": _TIME["name"],
                    "disable_parallel_tool_use": True,
                },
                # It would call both if it could choose.
                "messages": [_user("What is the weather in Paris, and what time is it there?")],
            },
            unmet=_called,
            checks=("tool_choice_ignored", "other_tool_called", "parallel_calls_not_disabled"),
        ),
        Request(
            "two_tool_calls",
            "two tool calls in one message",
            {
                "tools": [_WEATHER],
                "tool_choice": {"type": "any"},
                "messages": [
                    _user(
                        "What is the weather in Paris, and what is it in Rome? Call the tool for "
                        "both cities at once."
                    )
                ],
            },
            unmet=_called_twice,
            checks=("tool_choice_ignored", "tool_calls_not_parallel"),
        ),
        Request(
            "tool_result",
            "text after the result of a tool",
            {
                "tools": [_WEATHER],
                "messages": [
                    _ASK_WEATHER,
                    {
                        "role": "assistant",
                        "content": [
                            {
                                "type": "tool_use",
                                "id": "toolu_01A09q90qw90lq917835lq9",
                                "name": _WEATHER["name"],
                                "input": {"city": "Paris"},
                            }
                        ],
                    },
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "tool_use_id": "toolu_01A09q90qw90lq917835lq9",
                                "content": "18 degrees, light rain",
                            }
                        ],
                    },
                ],
            },
            unmet=_text,
            checks=("text_missing",),
        ),
        Request(
            "thinking",
            "thinking before the text",
            {
                # The API accepts no smaller budget, and max_tokens has to be larger.
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "max_tokens": 2048,
                "messages": [_user("What is 27 times 453?")],
            },
            unmet=_thought,
            checks=("thinking_missing",),
        ),
        Request(
            "whole",
            "the request `text` with stream: false",
            {"stream": False, "messages": _ONE_WORD},
            unmet=_text,
            checks=(
                "text_missing",
                "whole_message_invalid",
                "whole_message_misshapen",
                "whole_message_incomplete",
                "whole_message_differs",
                "white_space_differs",
            ),
        ),
        Request(
            "beta_query",
            "text, to /v1/messages?beta=true as the beta client of the SDK asks",
            {"messages": _ONE_WORD},
            unmet=_text,
            checks=("text_missing",),
            query="beta=true",
        ),
        Request(
            "bad_model",
            "an error: there is no such model",
            {"model": NO_SUCH_MODEL, "messages": _ONE_WORD},
            unmet=None,
            checks=_OF_ERRORS,
            status=404,
            is_exact=False,
        ),
        Request(
            "missing_messages",
            "an error: no messages field",
            {},
            unmet=None,
            checks=_OF_ERRORS,
            status=400,
        ),
        Request(
            "empty_messages",
            "an error: an empty list of messages",
            {"messages": []},
            unmet=None,
            checks=_OF_ERRORS,
            status=400,
            is_exact=False,
        ),
        Request(
            "missing_max_tokens",
            "an error: no max_tokens field",
            {"max_tokens": None, "messages": _ONE_WORD},
            unmet=None,
            checks=_OF_ERRORS,
            status=400,
        ),
        Request(
            "broken_json",
            "an error: the body is no JSON",
            {},
            unmet=None,
            checks=_OF_ERRORS,
            status=400,
            is_exact=False,
            # A list that is opened and not closed.
            raw=b'{"max_tokens": 1024, "stream": true, "messages": [}',
        ),
        Request(
            "json_array",
            "an error: the body is JSON, but no object",
            {},
            unmet=None,
            checks=_OF_ERRORS,
            status=400,
            is_exact=False,
            raw=b"[1]",
        ),
    )
}
"""The requests by name, in the order of sending."""
