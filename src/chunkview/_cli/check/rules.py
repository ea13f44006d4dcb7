"""The rules for the answers of a server, beside the rules for what is in a stream.

`SERVER_RULES` has the same columns as `chunkview.conformance.RULES`. The groups are "server", and
"setup" for what keeps check from asking the server at all. A mistake in the arguments of check is
no fault of the server, so its rule does not say what the API and the SDK do.
docs/why-a-stream-breaks.md has these rules, too: .ci/rules_page.py writes it.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ..._rules import page_of_rule
from ...conformance import RULES, Rule

__all__ = ["SERVER_RULES", "AnyRule", "ServerRule", "rule_of"]


class ServerRule(NamedTuple):
    """A rule that the answers of a server should keep. The columns are those of `Rule`."""

    name: str
    severity: str
    problem: str
    promise: str
    sdk: str
    mend: str
    source: str
    group: str = "server"

    @property
    def page(self) -> str:
        """Where the documentation explains the rule, a URL."""
        return page_of_rule(self.name)


AnyRule: TypeAlias = Rule | ServerRule
"""A rule of a stream or of a server."""


def rule_of(name: str) -> AnyRule:
    """Give the rule of this name, about a stream or about a server."""
    return SERVER_RULES.get(name) or RULES[name]


_DOCS = "https://docs.anthropic.com/en"
_STREAMING = f"{_DOCS}/api/messages-streaming"
_MESSAGES = f"{_DOCS}/api/messages"
_ERRORS = f"{_DOCS}/api/errors"
_STOP_REASONS = f"{_DOCS}/api/handling-stop-reasons"
_TOOLS = f"{_DOCS}/docs/agents-and-tools/tool-use/implement-tool-use"
_THINKING = f"{_DOCS}/docs/build-with-claude/extended-thinking"
_HTTP = "https://www.rfc-editor.org/rfc/rfc9112"

SERVER_RULES: dict[str, ServerRule] = {
    rule.name: rule
    for rule in (
        ServerRule(
            "server_unreachable",
            "error",
            "no connection can be made",
            "",
            "",
            "Start the server, or give --url the address at which it listens. Let the URL begin "
            "with https only if the server has TLS.",
            "",
            "setup",
        ),
        ServerRule(
            "key_refused",
            "error",
            "the first request is refused, probably because of the key",
            "",
            "",
            "Give the key with --key, or as ANTHROPIC_API_KEY in the environment. It is sent as "
            "x-api-key. For a server that wants a bearer token: "
            "--header 'authorization: Bearer TOKEN'.",
            "",
            "setup",
        ),
        ServerRule(
            "model_refused",
            "error",
            "the first request is refused, probably because of the model",
            "",
            "",
            "Give --model a name that the server knows, and that the key may use.",
            "",
            "setup",
        ),
        ServerRule(
            "url_refused",
            "error",
            "the first request is refused, probably because of the URL",
            "",
            "",
            "Give --url the address under which the server has /v1/messages; look at the port, "
            "too. If the server redirects from there, to /v1/messages/ for example, let it answer "
            "there itself: check follows no redirect.",
            "",
            "setup",
        ),
        ServerRule(
            "request_refused",
            "error",
            "the first request is refused",
            "The API answers a request for a word of text with 200.",
            "The official SDK raises APIStatusError.",
            "Look at the server's words. If they are about key, model or URL, mend the arguments "
            "of check. Otherwise let the server accept the request: it has model, max_tokens, "
            "stream and messages.",
            f"{_ERRORS}#http-errors",
            "setup",
        ),
        ServerRule(
            "rate_limited",
            "warning",
            "there were too many requests, so this one was not checked",
            "The API answers 429 (rate_limit_error) or 529 (overloaded_error). The header "
            "Retry-After says how many seconds to wait.",
            "The official SDK tries twice more, and waits as long as Retry-After says. Then it "
            "raises APIStatusError.",
            "Run check again later, or raise the limit. A gateway may refuse all requests for a "
            "while after one that failed (a cooldown): switch that off while you check.",
            f"{_DOCS}/api/rate-limits",
        ),
        ServerRule(
            "answer_missing",
            "error",
            "the server closed the connection without an answer",
            "The API answers each request with a status, headers and a body.",
            "The official SDK tries twice more, and then raises APIConnectionError.",
            "Answer with status 500 and an error document where a request makes the server fail.",
            _ERRORS,
        ),
        ServerRule(
            "answer_not_http",
            "error",
            "the answer is not valid HTTP",
            "The API answers with HTTP/1.1 or HTTP/2.",
            "The official SDK raises APIConnectionError, or an error of httpx once the body "
            "has begun.",
            "Let an HTTP library write the status line, the headers and the chunks of the body.",
            _HTTP,
        ),
        ServerRule(
            "answer_hangs",
            "error",
            "the server sent nothing for too long",
            "The API sends pings while it has nothing else to send, and ends each answer.",
            "The official SDK waits, for ten minutes unless told otherwise, and then raises "
            "APITimeoutError.",
            "Send a ping every few seconds. End the body after message_stop.",
            f"{_STREAMING}#ping-events",
        ),
        ServerRule(
            "answer_breaks_off",
            "error",
            "the connection broke off within the answer",
            "The API ends the body as HTTP requires, also after an error event.",
            "The official SDK raises an error of httpx. What came before is lost to "
            "get_final_message().",
            "Send an error event where generation fails, and then end the body.",
            f"{_STREAMING}#error-events",
        ),
        ServerRule(
            "answer_endless",
            "error",
            "the answer did not end",
            "The API ends the answer after message_stop.",
            "The official SDK reads on.",
            "End the body after message_stop. Heed max_tokens.",
            f"{_STREAMING}#event-types",
        ),
        ServerRule(
            "answer_slow",
            "warning",
            "the server took long to send something",
            "The API sends message_start at once, and pings while it has nothing else to send.",
            "The official SDK waits. Proxies and load balancers may end the connection.",
            "Send message_start when the request is accepted, and a ping every few seconds. Flush "
            "the output after each event.",
            f"{_STREAMING}#ping-events",
        ),
        ServerRule(
            "status_unexpected",
            "error",
            "the answer has another status than is due",
            "The API answers a valid request with 200, and an invalid one with a status from 400 "
            "to 499.",
            "The official SDK raises APIStatusError for 400 and more. A status below that is "
            "taken for success.",
            "Answer a valid request with 200, one for an unknown model with 404, and any other "
            "invalid one with 400: look at the request before you stream or translate it.",
            f"{_ERRORS}#http-errors",
        ),
        ServerRule(
            "content_type_unexpected",
            "warning",
            "the answer has another content type than is due",
            "The API sends streams as text/event-stream, everything else as application/json.",
            "The official SDK reads streams of any content type. Other clients do not.",
            "Send the header content-type: text/event-stream with a stream, and application/json "
            "with a message or an error.",
            "https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model",
        ),
        ServerRule(
            "error_event_sent",
            "error",
            "the stream ends with an error event",
            "The API sends an error event only when it fails.",
            "The official SDK raises APIStatusError.",
            "Answer the request. If it is not valid, answer with status 400 instead of a stream.",
            f"{_STREAMING}#error-events",
        ),
        ServerRule(
            "text_missing",
            "error",
            "the message has no text",
            "The API answers a question with a text block.",
            "The official SDK gives a message without text.",
            "Send what the model generates as a text block, with text_delta events.",
            f"{_STREAMING}#text-delta",
        ),
        ServerRule(
            "stop_sequence_ignored",
            "error",
            "the stop sequence did not end the message",
            "The API stops at a stop sequence, leaves it out, and sends stop_reason "
            '"stop_sequence" with the sequence as stop_sequence.',
            "The official SDK passes the wrong stop_reason on.",
            'Send stop_reason "stop_sequence" and the sequence in message_delta.',
            _STOP_REASONS,
        ),
        ServerRule(
            "max_tokens_ignored",
            "error",
            "max_tokens did not end the message",
            'The API stops at max_tokens and sends stop_reason "max_tokens".',
            "The official SDK passes the wrong stop_reason on, so that a cut answer looks like "
            "a whole one.",
            'Send stop_reason "max_tokens" in message_delta when the limit ends the answer.',
            _STOP_REASONS,
        ),
        ServerRule(
            "stop_reason_never_sent",
            "error",
            "the request decides the stop_reason, and the answer has none",
            "The API sends a stop_reason with each message: stop_sequence, max_tokens or tool_use "
            "in answer to these requests.",
            "The official SDK gives a message whose stop_reason is None, so a cut answer looks "
            "like a whole one, and an agent loop may run no tool.",
            "Send the stop_reason in message_delta: max_tokens at the limit, stop_sequence after "
            "one, tool_use after a tool call.",
            _STOP_REASONS,
        ),
        ServerRule(
            "max_tokens_exceeded",
            "warning",
            "the message has more output tokens than max_tokens allows",
            "The API generates max_tokens tokens at most, and counts them as output_tokens.",
            "The official SDK passes the count on, so a client pays or plans for too much.",
            "Cut the answer at max_tokens. Count as output_tokens what the model generated.",
            _MESSAGES,
        ),
        ServerRule(
            "tool_choice_ignored",
            "error",
            "tool_choice asks for a tool call, and there is none",
            'With tool_choice "tool" or "any" the API always calls a tool.',
            "The official SDK gives a message without a tool use, so an agent loop ends.",
            "Make the model call the tool, and send the call as a tool_use block.",
            f"{_TOOLS}#forcing-tool-use",
        ),
        ServerRule(
            "other_tool_called",
            "error",
            "another tool is called than the one that tool_choice names",
            'With tool_choice {"type": "tool", "name": "..."} the API calls this tool.',
            "The official SDK gives a tool use that the client did not ask for.",
            "Make the model call the tool that tool_choice names, wherever it is in the list of "
            "tools.",
            f"{_TOOLS}#forcing-tool-use",
        ),
        ServerRule(
            "parallel_calls_not_disabled",
            "warning",
            "disable_parallel_tool_use is true, and there are several tool calls",
            "With disable_parallel_tool_use and a tool_choice of tool or any, the API calls "
            "exactly one tool.",
            "The official SDK gives a message with all tool uses. A client that expects one may "
            "run only the first.",
            "Let the model make one call, or send only its first call.",
            f"{_TOOLS}#parallel-tool-use",
        ),
        ServerRule(
            "tool_calls_not_parallel",
            "warning",
            "two tool calls are asked for, and there is one",
            "The API may call several tools in one message, each in a block of its own.",
            "The official SDK gives a message with one tool use.",
            "Send each tool call as a tool_use block with an index of its own. A model may also "
            "choose to make one call at a time: then this is no fault of the server.",
            f"{_TOOLS}#parallel-tool-use",
        ),
        ServerRule(
            "thinking_missing",
            "error",
            "thinking is enabled, and there is none",
            "With thinking enabled the API sends a thinking block before the text.",
            "The official SDK gives a message without thinking.",
            "Send the reasoning as a thinking block, with thinking_delta events and a "
            "signature_delta. Leave this request out if the model cannot think.",
            f"{_THINKING}#streaming-thinking",
        ),
        ServerRule(
            "text_repeated",
            "error",
            "each piece of text comes twice, or comes with all the text before it",
            "Each delta has only the text that is new.",
            "The official SDK joins the deltas, so its text has everything more than once.",
            "Send what the model has added since the last delta, once. Many engines give the whole "
            "text so far: cut off what was sent.",
            f"{_STREAMING}#text-delta",
        ),
        ServerRule(
            "role_differs",
            "warning",
            "the message has another role than assistant",
            "The role of a reply is always assistant.",
            "The official SDK passes the role on. A client that adds the message to its next "
            "request tells the model that the user wrote it.",
            'Send "role": "assistant", in message_start or in the whole message.',
            _MESSAGES,
        ),
        ServerRule(
            "message_id_repeated",
            "warning",
            "an earlier answer had the same id",
            "Each message has an id of its own.",
            "The official SDK passes the id on. Clients that file messages by id take two for one.",
            "Make a new id for each answer, such as one of a UUID.",
            _MESSAGES,
        ),
        ServerRule(
            "error_document_misshapen",
            "error",
            "the body of an error is not an error document",
            'The API sends {"type": "error", "error": {"type": "...", "message": "..."}}.',
            "The official SDK raises APIStatusError, but without the type and the message of "
            "the error.",
            "Send the error as a JSON object of this form, with each status.",
            f"{_ERRORS}#error-shapes",
        ),
        ServerRule(
            "whole_message_invalid",
            "error",
            "the answer to stream: false is not a message",
            "Without stream the API answers with one JSON object of type message.",
            "The official SDK gives an object without the attributes of a message, or raises.",
            "Send the message as one JSON object, without events.",
            _MESSAGES,
        ),
        ServerRule(
            "whole_message_misshapen",
            "error",
            "the answer to stream: false lacks what clients need, or has it in another type",
            "Without stream the API answers with a message that has its content as an array of "
            "blocks, and a usage.",
            "The official SDK gives a message with None or with another type in these places, and "
            "the client's code raises there.",
            'Send the whole message: "content": [{"type": "text", "text": "Hello"}], and "usage": '
            '{"input_tokens": 25, "output_tokens": 15} with your counts.',
            _MESSAGES,
        ),
        ServerRule(
            "whole_message_incomplete",
            "warning",
            "the answer to stream: false lacks a field of a message, or has it in another type",
            "Without stream the API answers with a message that has id, type, role, model, "
            "content, stop_reason, stop_sequence and usage.",
            "The official SDK gives a message with None or with another type in these places.",
            'Send all fields: "id": "msg_01", "type": "message", "role": "assistant", "model": '
            '"my-model", "stop_sequence": null, and the counts of the usage as numbers.',
            _MESSAGES,
        ),
        ServerRule(
            "whole_message_differs",
            "error",
            "the answers with and without stream differ in form",
            "The API gives the same kinds of blocks, stop reason and counts either way.",
            "The official SDK gives a message of another form.",
            "Make the stream and the whole message from the same source.",
            _MESSAGES,
        ),
        ServerRule(
            "white_space_differs",
            "warning",
            "the texts with and without stream differ only in white space",
            "The API sends the text that the model writes, with its white space, either way.",
            "The official SDK gives the text that was sent.",
            "Do not strip the text or its pieces. A piece often begins with a blank.",
            _MESSAGES,
        ),
    )
}
"""The rules, by name."""
