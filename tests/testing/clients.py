"""Clients of the replay server, from the `anthropic` SDK down to the bare socket."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING

from anthropic import Anthropic, AsyncAnthropic

from chunkview.testing import ReplayServer, recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anthropic.types import Message, MessageParam
    from anthropic.types.beta import BetaRawMessageStreamEvent


TEXT = recording("text")
# The `summary` of each recording that ends normally.
COMPLETE = {
    "text": ("end_turn", 104, ["text"]),
    "thinking_tool_call": ("tool_use", 187, ["thinking", "text", "tool_use"]),
    "citations": (
        "end_turn",
        213,
        ["text", "server_tool_use", "web_search_tool_result", "text", "text", "text", "text"],
    ),
}
MODEL = "claude-3-5-sonnet-20240620"
MESSAGES: list[MessageParam] = [{"role": "user", "content": "Recommend a fantasy book"}]
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
# Seconds. Longer than any test takes, so a test that waits for it hangs.
FOREVER = 3600.0


def text_of(body: bytes) -> str:
    """Join the text deltas of a body, with the standard library only."""
    events = (json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: "))
    return "".join(event.get("delta", {}).get("text", "") for event in events)


def text_of_event(event: BetaRawMessageStreamEvent) -> str:
    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        return event.delta.text
    return ""


def summary(message: Message) -> tuple[str | None, int, list[str]]:
    """The stop reason, the output tokens and the types of the blocks."""
    types: list[str] = [block.type for block in message.content]
    return message.stop_reason, message.usage.output_tokens, types


def sync_client(server: ReplayServer, *, max_retries: int = 0) -> Anthropic:
    return Anthropic(base_url=server.url, api_key="none", max_retries=max_retries)


def async_client(server: ReplayServer) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=server.url, api_key="none", max_retries=0)


def http_connection(server: ReplayServer) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("127.0.0.1", server.port))


def ask(
    connection: http.client.HTTPConnection,
    payload: object = None,
    *,
    method: str = "POST",
    path: str = "/v1/messages",
) -> http.client.HTTPResponse:
    body = json.dumps({"stream": True} if payload is None else payload)
    connection.request(method, path, body)
    return connection.getresponse()


def http_request(
    body: bytes = b'{"stream": true}', *, version: str = "1.1", headers: str = "connection: close"
) -> bytes:
    head = f"POST /v1/messages HTTP/{version}\r\ncontent-length: {len(body)}\r\n{headers}\r\n\r\n"
    return head.encode() + body


def exchange(server: ReplayServer, request: bytes) -> tuple[bytes, bytes]:
    """Send `request` unchanged and return the answer's head and body."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    return head, body


def exchange_to_the_end(server: ReplayServer, request: bytes) -> bytes:
    """Send `request`, end the sending side, and return everything that the server sends."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            return file.read()


def http_chunks(body: bytes) -> Iterator[bytes]:
    """Take a chunked body apart by RFC 9112, 7.1, without trailers."""
    while True:
        size, _, body = body.partition(b"\r\n")
        end = int(size, 16)
        chunk, line_end, body = body[:end], body[end : end + 2], body[end + 2 :]
        assert line_end == b"\r\n"
        if not chunk:
            assert body == b""
            return
        yield chunk


def chunks_of(server: ReplayServer) -> list[bytes]:
    return list(http_chunks(exchange(server, http_request())[1]))


HEAD = b"POST /v1/messages HTTP/1.1\r\nconnection: close\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
CHUNKED_REQUEST = CHUNKED + b'A;x=1\r\n{"stream":\r\n5\r\ntrue}\r\n0\r\nchecksum: 1\r\n\r\n'
