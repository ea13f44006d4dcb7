"""The rules that an answer of a server breaks.

The stream in it goes through `conformance.check`. Then come status, content type, times, and
whether the answer is what the request asked for. A breach that only follows from another one is
left out: where the connection breaks off, the missing end of the stream is no news.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import attrs

from ..._chunks import events_of_whole_message, is_message
from ..._model import loads
from ..._stream import AnthropicStream
from ...conformance import check
from ...errors import ChunkviewError, DecodeError, StreamError
from .breaches import Breach, Checked, breach_of
from .rules import rule_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..._model import Message, Usage
    from .requests import Request, Unmet
    from .server import Answer, Server

__all__ = ["Examiner"]

# What the end of a stream breaks when the connection breaks off.
_OF_THE_END = frozenset(
    {
        "block_not_stopped",
        "last_event_unterminated",
        "message_delta_missing",
        "message_stop_missing",
        "stop_reason_missing",
        "stream_cut",
        "tool_input_invalid",
    }
)
# The groups of rules that apply to a message which is not streamed.
_OF_WHOLE_MESSAGES = ("essential", "fields", "data")
_EVENT_STREAM = "text/event-stream"
_JSON = "application/json"
# How much of a body is shown.
_LONGEST_EXCERPT = 300
_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)


class Examiner:
    """Sends requests to a server, and examines its answers."""

    def __init__(self, server: Server, *, model: str, slow: float) -> None:
        """Prepare.

        Args:
            server: The server.
            model: The model to ask.
            slow: A server that is silent for more seconds than this is slow.
        """
        self._server = server
        self._model = model
        self._slow = slow
        self._streamed: Message | None = None

    def examine(self, request: Request) -> Checked:
        """Send a request, and examine the answer.

        Args:
            request: The request.

        Returns:
            The breaches.
        """
        begin = time.perf_counter()
        answer, pieces = self._server.ask(request.body(self._model))
        body = bytearray()

        def kept() -> Iterator[bytes]:
            for piece in pieces:
                body.extend(piece)
                yield piece

        # A stream is checked as it arrives. Other answers are read to the end first. The generator
        # is closed at once: a later garbage collection might find the locks of httpx taken.
        findings: list[Breach] = []
        with closing(pieces):
            if request.is_streamed:
                findings = [breach_of(finding) for finding in check(kept())]
            for _ in kept():
                pass
        breaches = [*self._of_transport(request, answer)]
        is_stream = request.is_streamed and answer.status == 200
        if answer.status is not None:
            breaches += _of_status(request, answer, bytes(body))
        if is_stream:
            breaches += _of_stream(answer, findings)
        if answer.status is not None and answer.fault is None:
            if request.unmet is None:
                breaches += _of_error_document(bytes(body)) if answer.status >= 400 else ()
            elif answer.status == 200:
                breaches += self._of_message(request, request.unmet, bytes(body))
        facts = {
            "status": answer.status,
            "content_type": answer.content_type,
            "bytes": answer.size,
            "seconds_to_first_byte": answer.first_byte,
            "longest_gap_seconds": answer.longest_gap,
        }
        seconds = time.perf_counter() - begin
        return Checked(request.name, tuple(breaches), is_stream, facts, seconds)

    def _of_transport(self, request: Request, answer: Answer) -> Iterator[Breach]:
        if answer.fault is not None:
            yield _breach(answer.fault.rule, answer.fault.seen)
        # What is not streamed is sent when all of it has been generated.
        if not request.is_streamed:
            return
        if answer.first_byte is not None and answer.first_byte > self._slow:
            yield _breach("answer_slow", f"{answer.first_byte:.1f} seconds to the first byte")
        if answer.longest_gap > self._slow:
            yield _breach("answer_slow", f"{answer.longest_gap:.1f} seconds without a byte")

    def _of_message(
        self, request: Request, unmet: Callable[[Message], Iterator[Unmet]], body: bytes
    ) -> Iterator[Breach]:
        """Say in what the message of an answer is not what the request asked for."""
        if not request.is_streamed:
            value = _parsed(body)
            if not isinstance(value, dict) or not is_message(value):
                yield _breach("whole_message_invalid", _excerpt(body))
                return
            yield from _of_whole_message(value)
        message, failure = _message_of(body)
        if isinstance(failure, StreamError):
            yield _breach("error_event_sent", str(failure))
        if message is None or failure is not None:
            return
        for rule, seen in unmet(message):
            yield _breach(rule, seen)
        if request.name == "text":
            self._streamed = message
        elif request.name == "whole" and self._streamed is not None:
            differences = [*_differences(self._streamed, message)]
            if differences:
                yield _breach("whole_message_differs", "; ".join(differences))


def _of_whole_message(message: dict[str, Any]) -> Iterator[Breach]:
    """Look at the fields of a message that is not streamed, by the rules of a stream."""
    for finding in check(events_of_whole_message(message)):
        breach = breach_of(finding)
        if breach.rule.group in _OF_WHOLE_MESSAGES:
            seen = f"{breach.message} (here: the answer to stream: false)"
            yield attrs.evolve(breach, message=seen, position=None, event="")


def _of_status(request: Request, answer: Answer, body: bytes) -> Iterator[Breach]:
    """Look at status and content type."""
    status = answer.status or 0
    if request.name == "malformed":
        due, is_due = "400", status == 400
    elif request.is_invalid:
        due, is_due = "404 (or another status from 400 to 499)", 400 <= status <= 499
    else:
        due, is_due = "200", status == 200
    if not is_due:
        sent = f"a redirect to {answer.location}" if answer.location else _excerpt(body)
        yield _breach("status_unexpected", f"{status} instead of {due}: {sent}")
        return
    expected = _EVENT_STREAM if request.is_streamed else _JSON
    # The rule of the stream is about a whole message, whose content type is right.
    is_whole = request.is_streamed and answer.content_type == _JSON and _parsed(body) is not None
    if answer.content_type != expected and not is_whole:
        kind = answer.content_type or "no content type"
        yield _breach("content_type_unexpected", f"{kind} instead of {expected}")


def _of_stream(answer: Answer, findings: list[Breach]) -> list[Breach]:
    if answer.fault is None:
        return findings
    return [finding for finding in findings if finding.rule.name not in _OF_THE_END]


def _of_error_document(body: bytes) -> Iterator[Breach]:
    value = _parsed(body)
    if not isinstance(value, dict):
        yield _breach("error_document_misshapen", f"no JSON object: {_excerpt(body)}")
        return
    error = value.get("error")
    if value.get("type") != "error":
        yield _breach("error_document_misshapen", f'no "type": "error": {_excerpt(body)}')
    elif not isinstance(error, dict) or not all(
        isinstance(error.get(key), str) for key in ("type", "message")
    ):
        yield _breach(
            "error_document_misshapen", f"no error with type and message: {_excerpt(body)}"
        )


def _differences(streamed: Message, whole: Message) -> Iterator[str]:
    """Compare what does not depend on the words that a model chooses.

    The texts may differ, because the model is not asked for certainty, and so may the counts of
    output tokens. The prompt is the same, so its tokens are.
    """
    kinds = [[block.type for block in message.content] for message in (streamed, whole)]
    if kinds[0] != kinds[1]:
        yield f"the stream has the blocks {kinds[0]}, the whole message has {kinds[1]}"
    reasons = streamed.stop_reason, whole.stop_reason
    # Rules of the stream are about a missing stop reason, and about a missing count.
    if None not in reasons and reasons[0] != reasons[1]:
        yield f"stop_reason is {reasons[0]!r} in the stream, {reasons[1]!r} in the whole message"
    for key in _COUNTS:
        counts = [getattr(message.usage, key) for message in (streamed, whole)]
        if (counts[0] is None) != (counts[1] is None):
            there, missing = (
                ("whole message", "stream")
                if counts[0] is None
                else (
                    "stream",
                    "whole message",
                )
            )
            yield f"the {there} has {key}, the {missing} does not"
    prompts = [_prompt_tokens(message.usage) for message in (streamed, whole)]
    if None not in prompts and prompts[0] != prompts[1]:
        yield f"the same prompt has {prompts[0]} tokens in the stream, else {prompts[1]}"


def _prompt_tokens(usage: Usage) -> int | None:
    """All tokens of the prompt. The second request may read a cache that the first one wrote."""
    if usage.input_tokens is None:
        return None
    cached = (usage.cache_creation_input_tokens, usage.cache_read_input_tokens)
    return usage.input_tokens + sum(count or 0 for count in cached)


def _message_of(body: bytes) -> tuple[Message | None, ChunkviewError | None]:
    stream = AnthropicStream(body)
    try:
        for _ in stream:
            pass
    except ChunkviewError as error:
        return stream.message, error
    return stream.message, None


def _parsed(body: bytes) -> Any:
    """Parse a body. None if it is no JSON."""
    try:
        return loads(body)
    except DecodeError:
        return None


def _excerpt(body: bytes) -> str:
    if not body.strip():
        return "an empty body"
    text = " ".join(body[: 4 * _LONGEST_EXCERPT].decode(errors="replace").split())
    return text if len(text) <= _LONGEST_EXCERPT else f"{text[:_LONGEST_EXCERPT]}..."


def _breach(rule: str, seen: str) -> Breach:
    return Breach(rule_of(rule), f"{rule_of(rule).problem}: {seen}")
