"""A server that imitates the Messages API, and breaks the rules that its arguments name.

It runs as a process of its own, and needs nothing but the standard library. It prints its URL. A
request with the header `x-api-key: WRONG_KEY` is refused.

    python imitator.py [FAULT ...]
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = set(sys.argv[1:])
MODEL = "imitation-1"
TEXT = "hello"
WRONG_KEY = "sk-wrong"
HOSTILE = "\x1b]0;title\x07\x9b31m\u202e<&\"'>\ufffe\x00"


def error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def text_block(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    parts = [part for part in (text[:2], text[2:]) if part]
    if "text_twice" in FAULTS:
        parts = [part for part in parts for _ in range(2)]
    if "text_so_far" in FAULTS:
        parts = [text[:end] for end in range(1, len(text) + 1)]
    deltas = [{"type": "text_delta", "text": part} for part in parts]
    return {"type": "text", "text": ""}, deltas


def tool_block(
    number: int, city: str, name: str = "get_weather"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    name = HOSTILE if "hostile" in FAULTS else name
    block = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
    parts = ("", '{"city": ', json.dumps(city) + "}")
    return block, [{"type": "input_json_delta", "partial_json": part} for part in parts]


def thinking_block() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return {"type": "thinking", "thinking": "", "signature": ""}, [
        {"type": "thinking_delta", "thinking": "Twenty-seven times 453."},
        {"type": "signature_delta", "signature": "c2lnbmF0dXJl"},
    ]


Answer = tuple[list[tuple[dict[str, Any], list[dict[str, Any]]]], str, "str | None"]


def answer_to(request: dict[str, Any]) -> Answer:
    """Blocks with their deltas, the stop reason and the stop sequence."""
    tool_choice = request.get("tool_choice", {})
    choice = tool_choice.get("type")
    if choice == "tool" and "no_tools" not in FAULTS:
        tools = [tool["name"] for tool in request["tools"]]
        names = [tools[0]] if "first_tool" in FAULTS else [tool_choice["name"]]
        if "always_parallel" in FAULTS:
            names *= 2
        calls = [tool_block(number, "Paris", name) for number, name in enumerate(names)]
        return calls, "tool_use", None
    if choice == "any" and "no_tools" not in FAULTS:
        calls = [tool_block(1, "Paris"), tool_block(2, "Rome")]
        return calls[: 1 if "one_call" in FAULTS else 2], "tool_use", None
    if "thinking" in request and "no_thinking" not in FAULTS:
        return [thinking_block(), text_block("12231")], "end_turn", None
    if request.get("max_tokens", 999) < 100 and "no_max_tokens" not in FAULTS:
        return [text_block("one two three")], "max_tokens", None
    if request.get("stop_sequences") and "no_stop_sequence" not in FAULTS:
        text = "1 2 3 4 5 6" if "stop_sequence_in_text" in FAULTS else "1 2 3 4 "
        return [text_block(text)], "stop_sequence", request["stop_sequences"][0]
    if "no_text" in FAULTS:
        return [], "end_turn", None
    if "empty_text" in FAULTS:
        return [text_block("")], "end_turn", None
    return [text_block(f"  {TEXT}" if "strips_whole" in FAULTS else TEXT)], "end_turn", None


def usage(output: int) -> dict[str, int]:
    counts = {
        "input_tokens": 12,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
    }
    if "whole_differs" in FAULTS:
        del counts["cache_read_input_tokens"]
    return counts


def events_of(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    blocks, reason, sequence = answer_to(request)
    message = {
        "id": "msg_1" if "same_id" in FAULTS else f"msg_{Handler.answers}",
        "type": "message",
        "role": "user" if "role_user" in FAULTS else "assistant",
        "model": request["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(1),
    }
    yield {"type": "message_start", "message": message}
    yield {"type": "ping"}
    if "error_event" in FAULTS or "overloaded_event" in FAULTS:
        kind = "api_error" if "error_event" in FAULTS else "overloaded_error"
        yield error(kind, "Something went wrong")
        return
    for number, (block, deltas) in enumerate(blocks):
        index: Any = number * 2 + 1 if "index_gap" in FAULTS else number
        index = str(index) if "index_is_text" in FAULTS else index
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {
        "stop_reason": None if "no_stop_reason" in FAULTS else reason,
        "stop_sequence": sequence,
    }
    output = 9 if "counts_too_many" in FAULTS else min(9, request.get("max_tokens", 9))
    counts = usage(output)
    if "no_final_count" in FAULTS:
        del counts["output_tokens"]
    yield {"type": "message_delta", "delta": delta, "usage": counts}
    yield {"type": "message_stop"}


def whole_message(request: dict[str, Any]) -> dict[str, Any]:
    blocks, reason, sequence = answer_to(request)
    differs = "whole_differs" in FAULTS
    counts = usage(9)
    if differs:
        counts["cache_read_input_tokens"] = 5
    if "whole_without_zeros" in FAULTS:
        del counts["cache_creation_input_tokens"]
    nothing = {"cache_read_input_tokens": None} if "whole_without_zeros" in FAULTS else {}
    message = {
        "id": "msg_1" if "same_id" in FAULTS else f"msg_{Handler.answers}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"} if differs else block
            for block, _ in blocks[:1]
        ]
        + [{"type": "text", "text": TEXT}],
        "stop_reason": "max_tokens" if differs else reason,
        "stop_sequence": sequence,
        "usage": counts | nothing,
    }
    if not differs:
        message["content"] = [{"type": "text", "text": TEXT}]
    if "whole_is_string" in FAULTS:
        message["content"] = TEXT
    if "whole_stops_oddly" in FAULTS:
        message["stop_reason"] = "stop"
    if "whole_without_usage" in FAULTS:
        del message["usage"]
    if "whole_without_id" in FAULTS:
        del message["id"]
    return message


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers = 0

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        try:
            self.answer()
        except OSError:
            self.close_connection = True

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            request = json.loads(body)
        except ValueError:
            request = None
        if isinstance(request, list) and "array_closes" in FAULTS:
            self.close_connection = True
            return
        if not isinstance(request, dict):
            if "broken_json_500" in FAULTS:
                self.send_json(500, {"detail": "Internal Server Error"})
            else:
                self.send_json(400, error("invalid_request_error", "the body is not valid JSON"))
            return
        if self.answer_badly(request):
            self.close_connection = True
            return
        Handler.answers += 1
        key = self.headers["x-api-key"]
        if self.path.removesuffix("" if "no_query" in FAULTS else "?beta=true") != "/v1/messages":
            self.send_json(404, {"detail": "Not Found"})
        elif "says_key" in FAULTS:
            self.send_json(401, error("authentication_error", f"invalid x-api-key: {key}"))
        elif key == WRONG_KEY:
            self.send_json(401, error("authentication_error", "invalid x-api-key"))
        elif self.is_limited():
            self.send_limit()
        elif "no_post" in FAULTS:
            self.send_error(501, "Unsupported method ('POST')")
        elif "forbids" in FAULTS:
            self.send_json(403, {"message": "not here"})
        elif "refuses" in FAULTS:
            self.send_json(422, {"detail": [{"loc": ["body", "system"], "input": request}]})
        elif "refuses_stream" in FAULTS and request.get("stream"):
            self.send_json(400, error("invalid_request_error", "stream: not supported"))
        elif "refuses_model" in FAULTS:
            self.send_json(400, {"error": "Which model? There are several."})
        elif "refuses_keyless" in FAULTS:
            self.send_json(400, {"detail": {"reason": "No API key was given."}})
        elif (
            "error_with_200" in FAULTS
            and {"messages", "max_tokens"} <= request.keys()
            and request["model"] == MODEL
        ):
            status = 200 if request["messages"] else 400
            self.send_json(status, error("api_error", "Something went wrong"))
        elif "fails" in FAULTS and "tool_choice" in request:
            self.send_json(502, "Bad Gateway")
        elif request["model"] != MODEL and "any_model" not in FAULTS:
            shape: dict[str, Any] | None = None
            if "detail" in FAULTS:
                shape = {"detail": "no such model"}
            if "error_string" in FAULTS:
                shape = {"type": "error", "error": "no such model"}
            words = error("not_found_error", f"model: {request['model']}")
            self.send_json(404, shape or words)
        elif request.get("messages") == []:
            fails = "empty_messages_500" in FAULTS
            words = error("invalid_request_error", "messages: at least one message is required")
            self.send_json(500 if fails else 400, words)
        elif "messages" not in request:
            words = error("invalid_request_error", "messages: Field required")
            self.send_json(422 if "status_422" in FAULTS else 400, words)
        elif "max_tokens" not in request and "no_limit_needed" not in FAULTS:
            self.send_json(400, error("invalid_request_error", "max_tokens: Field required"))
        elif (
            not request.get("stream") and "whole_is_stream" not in FAULTS
        ) or "no_streams" in FAULTS:
            self.send_json(200, whole_message(request))
        else:
            self.send_events(request)

    def is_limited(self) -> bool:
        """Whether there were too many requests: with `limited_once`, before each second answer."""
        if "limited_once" in FAULTS or "limited_once_long" in FAULTS:
            return self.answers % 2 == 1
        if "limited_later" in FAULTS:
            return self.answers > 1
        return "limited" in FAULTS or "overloaded" in FAULTS or "limited_with_header" in FAULTS

    def send_limit(self) -> None:
        after = ""
        if "limited_once" in FAULTS or "limited_with_header" in FAULTS:
            after = "0"
        elif "limited_once_long" in FAULTS:
            after = "3600"
        if "overloaded" in FAULTS:
            self.send_json(503, error("overloaded_error", "Overloaded"))
        else:
            self.send_json(429, error("rate_limit_error", "Slow down"), retry_after=after)

    def answer_badly(self, request: dict[str, Any]) -> bool:
        """Answer in a way that HTTP does not allow, or not at all."""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        beginning = b"".join(self.events(request))[:99] if "messages" in request else b""
        if "hangs" in FAULTS or ("hangs_later" in FAULTS and "tool_choice" in request):
            time.sleep(600)
        elif "closes" in FAULTS:
            pass
        elif "resets_at_once" in FAULTS:
            self.reset()
        elif "not_http" in FAULTS:
            self.wfile.write(b"220 mail.example ESMTP\r\n\r\n")
        elif "html" in FAULTS or ("html_later" in FAULTS and self.answers):
            page = b"<!DOCTYPE html>\n<p>Welcome</p>\n"
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n" + page)
        elif "redirects" in FAULTS:
            self.wfile.write(
                b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://[bad\r\n"
                b"content-length: 0\r\n\r\n"
            )
        elif "redirects_well" in FAULTS:
            self.wfile.write(
                b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\n"
                b"content-length: 0\r\n\r\n"
            )
        elif "endless_headers" in FAULTS:
            self.wfile.write(head)
            while True:
                self.wfile.write(b"x-more: more\r\n" * 100)
        elif "dribbles" in FAULTS:
            self.wfile.write(head)
            while True:
                self.wfile.write(b"x")
                time.sleep(0.02)
        elif "endless" in FAULTS:
            self.wfile.write(head + b"\r\n")
            while True:
                self.wfile.write(b'event: ping\ndata: {"type": "ping"}\n\n' * 1000)
        elif "endless_pings" in FAULTS:
            self.wfile.write(head + b"\r\n")
            while True:
                self.wfile.write(b'event: ping\ndata: {"type": "ping"}\n\n')
                time.sleep(0.02)
        elif "not_gzip" in FAULTS:
            self.wfile.write(head + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nno!!")
        elif "breaks_off" in FAULTS:
            self.wfile.write(head + b"content-length: 9999\r\n\r\n" + beginning)
        elif "resets" in FAULTS:
            self.wfile.write(head + b"content-length: 9999\r\n\r\n" + beginning)
            self.wfile.flush()
            time.sleep(0.1)
            self.reset()
        elif "stalls" in FAULTS:
            self.wfile.write(head + b"\r\n" + b"".join(self.events(request)))
            time.sleep(600)
        else:
            return False
        return True

    def reset(self) -> None:
        """Close the connection so that the client gets a reset instead of an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def events(self, request: dict[str, Any]) -> Iterator[bytes]:
        for event in events_of(request):
            name = f"event: {event['type']}\n" if "no_event_lines" not in FAULTS else ""
            yield f"{name}data: {json.dumps(event)}\n\n".encode()
        if "not_utf8" in FAULTS:
            yield b"data: \xff\xfe\n\n"

    def send_events(self, request: dict[str, Any]) -> None:
        self.send_response(200)
        kind = "text/plain" if "text_plain" in FAULTS else "text/event-stream; charset=utf-8"
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(self.events(request)):
            if "slow" in FAULTS and number == 2:
                time.sleep(0.3)
            if "slow_start" in FAULTS and number == 0:
                time.sleep(0.3)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def send_json(self, status: int, value: Any, *, retry_after: str = "") -> None:
        body = json.dumps(value).encode()
        if "error_html" in FAULTS and status != 200:
            body = b"<h1>Error</h1>"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if retry_after:
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
