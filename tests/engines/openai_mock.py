"""A small server of the OpenAI kind, for proxies that translate its answers into Anthropic's.

It answers `POST /v1/chat/completions` as vLLM does, streamed and whole. A word is a token.

- It thinks (`reasoning_content`) when the request names a reasoning effort.
- It calls tools when it is given some: one call, or two when the last message has the word "two" or
  "both" in it. The arguments fit the tool's schema. After a tool's result it answers with text.
- Otherwise it writes the text `TEXT`. `max_tokens` and stop strings cut what it writes. A stop
  string that is not in the text cuts it after the fifth word.

The model `MODEL` streams arguments in small parts. The model `AT_ONCE` streams all calls in one
chunk, as servers do that parse the calls only when the model has written them.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]

MODEL = "mock-model"
AT_ONCE = "mock-model-at-once"
REASONING = "The question is short, so the answer can be, too. "
TEXT = (
    "One is the first number. Two, three, four, five, six, seven, eight, nine and ten follow it. "
    "Then come eleven, twelve, thirteen, fourteen, fifteen, sixteen, seventeen, eighteen, nineteen "
    "and twenty. It goes on like that: there is no last number, and nobody has to count them all."
)
AFTER_TOOL = "It is 21 degrees and sunny there."


class RefusedError(Exception):
    """The server refuses a request."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": None, "code": status}}


@dataclass
class Answer:
    """What the model says, cut to what the request allows."""

    reasoning: str = ""
    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)  # names and arguments
    finish_reason: str = "stop"
    stop_reason: str | None = None  # vLLM's own field: the stop string that was met

    @property
    def tokens(self) -> int:
        written = [self.reasoning, self.text, *itertools.chain.from_iterable(self.calls)]
        return sum(len(words(text)) for text in written)


@contextlib.contextmanager
def openai_mock() -> Iterator[str]:
    """Run the server. Gives its URL, with `/v1` at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(path: str, request: Json) -> Answer:
    """What the model says to a request."""
    if path != "/v1/chat/completions":
        raise RefusedError(404, "NotFoundError", f"no such path: {path}")
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RefusedError(400, "BadRequestError", "messages: at least one message is required")
    if request.get("model") not in (MODEL, AT_ONCE):
        raise RefusedError(
            404, "NotFoundError", f"The model `{request.get('model')}` does not exist."
        )

    made = Answer()
    if request.get("reasoning_effort") not in (None, "none"):
        made.reasoning = REASONING
    if messages[-1].get("role") == "tool":
        made.text = AFTER_TOOL
    elif request.get("tools") and request.get("tool_choice") != "none":
        made.calls = calls(request)
        made.finish_reason = "tool_calls"
    else:
        made.text = TEXT

    stop = request.get("stop") or []
    for string in [stop] if isinstance(stop, str) else stop:
        if made.text:
            made.text = before_stop(made.text, string)
            made.stop_reason = string

    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit and made.tokens > limit and not made.calls:
        made.reasoning, made.text = cut(made.reasoning, made.text, limit)
        made.finish_reason, made.stop_reason = "length", None
    return made


def words(text: str) -> list[str]:
    """The words of a text, each with the blanks that follow it."""
    return re.findall(r"\S+\s*", text)


def cut(reasoning: str, text: str, limit: int) -> tuple[str, str]:
    thoughts = words(reasoning)[:limit]
    return "".join(thoughts), "".join(words(text)[: limit - len(thoughts)])


def before_stop(text: str, stop: str) -> str:
    if stop in text:
        return text.partition(stop)[0]
    return "".join(words(text)[:5])


def calls(request: Json) -> list[tuple[str, str]]:
    tools = {tool["function"]["name"]: tool["function"] for tool in request["tools"]}
    choice = request.get("tool_choice")
    name = choice["function"]["name"] if isinstance(choice, dict) else next(iter(tools))
    if name not in tools:
        raise RefusedError(400, "BadRequestError", f"tool_choice names no tool: {name}")
    names = [name]
    asked = re.search(r"\b(two|both)\b", said(request["messages"][-1]), re.IGNORECASE)
    if asked and request.get("parallel_tool_calls") is not False:
        names.append(name if isinstance(choice, dict) else list(tools)[-1])
    cities = itertools.cycle(["Paris", "Rome"])
    return [
        (name, json.dumps(value(tools[name].get("parameters") or {}, next(cities))))
        for name in names
    ]


def said(message: Json) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)


def value(schema: Json, string: str) -> Any:
    """A value that fits a schema, with a string for where the schema lets it choose one."""
    if schema.get("enum"):
        return schema["enum"][0]
    if "properties" in schema:
        return {name: value(one, string) for name, one in schema["properties"].items()}
    values = {"array": [], "boolean": True, "integer": 3, "null": None, "number": 1.5, "object": {}}
    return values.get(schema.get("type", "string"), string)


def usage(request: Json, made: Answer) -> Json:
    read = len(words(json.dumps(request["messages"])))
    return {
        "prompt_tokens": read,
        "completion_tokens": made.tokens,
        "total_tokens": read + made.tokens,
    }


def whole(request: Json, made: Answer) -> Json:
    """The answer as one document."""
    message: Json = {"role": "assistant", "content": made.text or None}
    if made.reasoning:
        message["reasoning_content"] = made.reasoning
    if made.calls:
        message["tool_calls"] = whole_calls(made)
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": made.finish_reason,
        "stop_reason": made.stop_reason,
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request["model"],
        "choices": [choice],
        "usage": usage(request, made),
    }


def whole_calls(made: Answer) -> list[Json]:
    return [
        {
            "index": number,
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for number, (name, arguments) in enumerate(made.calls)
    ]


def chunks(request: Json, made: Answer) -> Iterator[Json]:
    """The answer as the chunks of a stream."""

    def chunk(delta: Json, **more: object) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **more}
        return {**head, "choices": [choice]}

    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": request["model"],
    }
    used = usage(request, made)
    yield chunk({"role": "assistant", "content": ""})
    for word in words(made.reasoning):
        yield chunk({"reasoning_content": word})
    for word in words(made.text):
        yield chunk({"content": word})
    if request["model"] == AT_ONCE and made.calls:
        yield chunk({"tool_calls": whole_calls(made)})
        made = replace(made, calls=[])
    for number, (name, arguments) in enumerate(made.calls):
        begin = {"name": name, "arguments": ""}
        call = {"index": number, "id": f"call_{number}", "type": "function", "function": begin}
        yield chunk({"tool_calls": [call]})
        for start in range(0, len(arguments), 8):
            part = {"arguments": arguments[start : start + 8]}
            yield chunk({"tool_calls": [{"index": number, "function": part}]})
    yield chunk({}, finish_reason=made.finish_reason, stop_reason=made.stop_reason)
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": used}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            request = json.loads(body)
            made = answer(self.path, request)
        except RefusedError as refused:
            self.send_json(refused.status, refused.body)
            return
        if request.get("stream"):
            self.send_stream(chunks(request, made))
        else:
            self.send_json(200, whole(request, made))

    def send_json(self, status: int, document: Json) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_stream(self, documents: Iterator[Json]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        for document in documents:
            self.wfile.write(b"data: " + json.dumps(document).encode() + b"\n\n")
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Log nothing: a test shows the log of the proxy."""
