"""The rules that an answer of a server breaks.

The stream in it goes through `conformance.check`. Then come status, content type, times, and
whether the answer is what the request asked for. A breach that only follows from another one is
left out: where the connection breaks off, the missing end of the stream is no news.

Two kinds of answers say nothing about the server's streams. If the first request is refused, the
key, the model or the URL is probably wrong. If there were too many requests, one is sent again.
"""

from __future__ import annotations

import itertools
import re
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import attrs

from ..._chunks import TextDeltaChunk, events_of_whole_message, is_message
from ..._model import loads
from ..._stream import AnthropicStream
from ...errors import ChunkviewError, DecodeError, StreamError, shown
from .breaches import Breach, Checked, breaches_in, excerpt
from .requests import LONGEST_WAIT
from .rules import rule_of
from .server import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..._model import Message, Usage
    from .requests import Request, Unmet
    from .server import Server

__all__ = ["Examiner", "differences", "repetition_in"]

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
# The groups of rules about fields, and what it is called to break one in a message that is not
# streamed, by the severity.
_OF_FIELDS = ("essential", "fields")
_RULES_OF_FIELDS = {"error": "whole_message_misshapen", "warning": "whole_message_incomplete"}
# A message that is not streamed has no such event.
_OF_MESSAGE_DELTA = frozenset(
    {
        "final_count_missing",
        "final_usage_missing",
        "message_delta_delta_missing",
        "message_delta_fields_missing",
    }
)
_EVENT_STREAM = "text/event-stream"
_JSON = "application/json"
# How much of a body is shown.
_LONGEST_EXCERPT = 300
# The statuses and the types of errors that say that there were too many requests.
_LIMITS = (429, 529)
_LIMIT_ERRORS = ("overloaded_error", "rate_limit_error")
# With one of these, the answer to the first request is about key, model or URL, whichever request
# that is.
_OF_SETUP = (*range(300, 400), 401, 403, 404, 405, 501)
_PLAIN = ("text", "whole")
_KEY = re.compile(r"api.?key|authenticat|authoriz", re.IGNORECASE)
_MODEL = re.compile(r"\bmodel\b", re.IGNORECASE)
_COUNTS = ("input_tokens", "output_tokens")


@attrs.frozen
class _Answered:
    """An answer, with its body, and the findings if it is a stream."""

    answer: Answer
    body: bytes
    findings: list[Breach]
    seconds_waited: float = 0.0

    @property
    def limit(self) -> str:
        """What says that there were too many requests; "" if nothing does."""
        status = self.answer.status or 0
        if status not in _LIMITS and not (
            status >= 400 and _error_type(self.body) in _LIMIT_ERRORS
        ):
            return ""
        after = self.answer.retry_after
        parts = [str(status), f"Retry-After: {after}" if after else "no Retry-After header"]
        if self.seconds_waited:
            parts.append(f"the same again {self.seconds_waited:g} s later")
        return f"{', '.join(parts)}: {_words(self.body)}"

    @property
    def seconds_to_wait(self) -> float | None:
        """How long to wait before the request is sent again; None if it is not to be."""
        after = self.answer.retry_after
        if not self.limit or not after.isascii() or not after.isdigit():
            return None
        # A wait of 0 seconds is one, too.
        return max(float(after), 0.1) if float(after) <= LONGEST_WAIT else None


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
        self._names: dict[str, str] = {}
        """The first request whose answer has an id, by id."""
        self._is_first = True
        self._waits = True

    def examine(self, request: Request) -> Checked:
        """Send a request, and examine the answer.

        Args:
            request: The request.

        Returns:
            The breaches.
        """
        begin = time.perf_counter()
        answered = self._answer_to(request)
        wait = answered.seconds_to_wait
        if self._waits and wait is not None:
            time.sleep(wait)
            answered = attrs.evolve(self._answer_to(request), seconds_waited=wait)
            # A server with a limit that is not over by then is not waited for again.
            self._waits = not answered.limit
        answer = answered.answer
        facts = {
            "status": answer.status,
            "content_type": answer.content_type,
            "bytes": answer.size,
            "seconds_to_first_byte": answer.first_byte,
            "longest_gap_seconds": answer.longest_gap,
            "waited_seconds": answered.seconds_waited,
        }
        breaches = tuple(self._breaches(request, answered))
        self._is_first = False
        seconds = time.perf_counter() - begin
        checked = Checked(request.name, breaches, answer=facts, seconds=seconds, asks=request.asks)
        is_answered = checked.is_checked and all(one.rule.group != "setup" for one in breaches)
        is_stream = request.is_streamed and answer.status == 200 and is_answered
        return attrs.evolve(checked, is_stream=is_stream)

    def _answer_to(self, request: Request) -> _Answered:
        """Send a request, and read the answer to its end."""
        answer, pieces = self._server.ask(request.body(self._model), request.query)
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
                findings = breaches_in(kept(), body)
            for _ in kept():
                pass
        return _Answered(answer, bytes(body), findings)

    def _breaches(self, request: Request, answered: _Answered) -> Iterator[Breach]:
        """Say which rules an answer breaks."""
        answer, body = answered.answer, answered.body
        yield from self._of_transport(request, answer)
        if answer.status is None:
            return
        limit, refusal = answered.limit, self._refusal(request, answered)
        if refusal is not None:
            yield refusal
            return
        if limit:
            yield _breach("rate_limited", limit)
        else:
            yield from _of_status(request, answer, body)
        if request.is_streamed and answer.status == 200:
            yield from _of_stream(answer, answered.findings)
        if answer.fault is None:
            if answer.status >= 400:
                yield from _of_error_document(body)
            elif answer.status == 200 and request.unmet is not None:
                yield from self._of_message(request, request.unmet, answered)

    def _refusal(self, request: Request, answered: _Answered) -> Breach | None:
        """Say what is probably wrong if the first request is refused, else None."""
        status, body = answered.answer.status or 0, answered.body
        is_plain = request.name in _PLAIN and 400 <= status <= 499
        is_page = status in (200, 501) and _is_page(answered)
        if (
            not self._is_first
            or request.is_invalid
            or answered.limit
            or not (is_plain or is_page or status in _OF_SETUP)
        ):
            return None
        words = _words(body)
        if location := answered.answer.location:
            words = f"a redirect to {location}"
        elif is_page:
            words = f"a page of HTML: {words}"
        name = rf"(?<![\w.-]){re.escape(self._model)}(?![\w.-])"
        if is_page or 300 <= status <= 399 or status in (405, 501):
            rule = "url_refused"
        elif status == 422:  # it is about the fields of a request, and may repeat all of them
            rule = "request_refused"
        elif re.search(name, words):
            rule = "model_refused"
        elif status in (401, 403) or _KEY.search(words):
            rule = "key_refused"
        elif _MODEL.search(words):
            rule = "model_refused"
        else:
            rule = "url_refused" if status == 404 else "request_refused"
        return _breach(rule, f"POST {self._server.shown_url} is answered with {status}: {words}")

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
        self, request: Request, unmet: Callable[[Message], Iterator[Unmet]], answered: _Answered
    ) -> Iterator[Breach]:
        """Say in what the message of an answer is not what the request asked for."""
        body = answered.body
        is_misshapen = False
        if not request.is_streamed:
            value = _parsed(body)
            if not isinstance(value, dict) or not is_message(value):
                yield _breach("whole_message_invalid", _excerpt(body))
                return
            of_whole = [*_of_whole_message(value, body)]
            yield from of_whole
            is_misshapen = any(one.rule.name == "whole_message_misshapen" for one in of_whole)
        message, pieces, failure = _message_of(body)
        if isinstance(failure, StreamError):
            if failure.error_type in _LIMIT_ERRORS:
                yield _breach("rate_limited", f"an error event after the status 200: {failure}")
            elif all(one.rule.name != "body_is_error" for one in answered.findings):
                yield _breach("error_event_sent", str(failure))
        if message is None or failure is not None:
            return
        for rule, seen in unmet(message):
            yield _breach(rule, seen)
        if repetition := repetition_in(pieces):
            yield _breach("text_repeated", repetition)
        if message.role not in ("", "assistant"):  # a rule of the stream is about a missing one
            yield _breach("role_differs", f"role is {shown(message.role)}")
        if message.id and self._names.setdefault(message.id, request.name) != request.name:
            other = self._names[message.id]
            yield _breach("message_id_repeated", f"{shown(message.id)}, as in {other}")
        if request.name == "text":
            self._streamed = message
        elif request.name == "whole" and self._streamed is not None and not is_misshapen:
            found = [*differences(self._streamed, message)]
            if found:
                yield _breach("whole_message_differs", "; ".join(found))
            texts = self._streamed.text, message.text
            if texts[0] != texts[1] and "".join(texts[0].split()) == "".join(texts[1].split()):
                seen = f"{shown(texts[0])} in the stream, {shown(texts[1])} in the whole message"
                yield _breach("white_space_differs", seen)


def _of_whole_message(message: dict[str, Any], body: bytes) -> Iterator[Breach]:
    """Look at the fields of a message that is not streamed, by the rules of a stream.

    Those about the fields of events are not named: what they say of a stream would mislead.
    """
    sent = _excerpt(body)
    seen: dict[str, list[str]] = {}
    for breach in breaches_in(events_of_whole_message(message), body):
        rule = breach.rule
        if rule.group == "data":
            words = f"{breach.message} (here: the answer to stream: false)"
            yield attrs.evolve(breach, message=words, position=None, event=sent, place="")
        elif rule.group in _OF_FIELDS and rule.name not in _OF_MESSAGE_DELTA:
            words = breach.message.replace(f"{rule.problem}: ", "").replace("message.", "")
            seen.setdefault(_RULES_OF_FIELDS[rule.severity], []).append(words)
    for name, parts in seen.items():
        yield attrs.evolve(_breach(name, "; ".join(parts)), event=sent)


def _of_status(request: Request, answer: Answer, body: bytes) -> Iterator[Breach]:
    """Look at status and content type."""
    status = answer.status or 0
    if not request.allows(status):
        due = str(request.status)
        if not request.is_exact:
            due += " (or another status from 400 to 499)"
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


def differences(streamed: Message, whole: Message) -> Iterator[str]:
    """Compare what does not depend on the words that a model chooses.

    The texts may differ, because the model is not asked for certainty, and so may the counts of
    output tokens. The prompt is the same, so its tokens are.

    Args:
        streamed: The message of a stream.
        whole: The message that the same request without streaming gives.

    Yields:
        In what they differ, for a person.
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
        # Some servers leave out a count of 0. The counts of the cache are in the sum below.
        if None in counts and any(counts):
            places = ("stream", "whole message")
            there, missing = places if counts[1] is None else reversed(places)
            yield f"the {there} has {key}, the {missing} does not"
    prompts = [_prompt_tokens(message.usage) for message in (streamed, whole)]
    if None not in prompts and prompts[0] != prompts[1]:
        yield (
            f"the same prompt has {prompts[0]} tokens in the stream, {prompts[1]} in the whole "
            "message"
        )


def _prompt_tokens(usage: Usage) -> int | None:
    """All tokens of the prompt. The second request may read a cache that the first one wrote."""
    if usage.input_tokens is None:
        return None
    cached = (usage.cache_creation_input_tokens, usage.cache_read_input_tokens)
    return usage.input_tokens + sum(count or 0 for count in cached)


def _message_of(body: bytes) -> tuple[Message | None, list[str], ChunkviewError | None]:
    """Give the message of an answer, its pieces of text, and why it could not be read."""
    stream = AnthropicStream(body)
    pieces: list[str] = []
    try:
        for chunk, _ in stream:
            if isinstance(chunk, TextDeltaChunk) and chunk.text:
                pieces.append(chunk.text)
    except ChunkviewError as error:
        return stream.message, pieces, error
    return stream.message, pieces, None


def repetition_in(pieces: Sequence[str]) -> str:
    """Say how pieces of text repeat what was sent; "" if that is not certain.

    A model may write a word twice, so few pieces prove nothing.

    Args:
        pieces: The pieces, in order.
    """
    pairs = [*itertools.pairwise(pieces)]
    if len(pairs) > 1 and all(new != old and new.startswith(old) for old, new in pairs):
        return f"each has all the text so far: {shown(pieces[0])}, then {shown(pieces[1])}"
    if len(set(pieces)) > 1 and pieces[::2] == pieces[1::2]:
        return f"each comes twice: {shown(pieces[0])}, then {shown(pieces[1])}"
    return ""


def _parsed(body: bytes) -> Any:
    """Parse a body. None if it is no JSON."""
    try:
        return loads(body)
    except DecodeError:
        return None


def _is_page(answered: _Answered) -> bool:
    """Whether an answer is HTML: of a web server, or of an application that runs in a browser."""
    return answered.answer.content_type == "text/html" or answered.body.lstrip().startswith(b"<")


def _error_type(body: bytes) -> str:
    """Give the type of the error in an error document; "" if there is none."""
    value = _parsed(body)
    error = value.get("error") if isinstance(value, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return kind if isinstance(kind, str) else ""


def _words(body: bytes) -> str:
    """Give a server's own words about an error: the message in the body, else its beginning."""
    value = _parsed(body)
    for keys in (("error", "detail"), ("message",)):
        if isinstance(value, dict):
            value = next((value[key] for key in keys if value.get(key)), value)
    return _excerpt(value.encode(errors="replace") if isinstance(value, str) else body)


def _excerpt(body: bytes) -> str:
    return excerpt(body, _LONGEST_EXCERPT)


def _breach(rule: str, seen: str) -> Breach:
    return Breach(rule_of(rule), f"{rule_of(rule).problem}: {seen}")
