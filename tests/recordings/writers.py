"""Writers of every format in which people keep streams, in the plainest way."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import yaml
import zstandard

from chunkview import Message, accumulate, encode, iter_chunks
from chunkview._cli.show.rows import as_json
from support import Event, sse

Streams = list[list[Event]]


def json_line(value: Any, **options: Any) -> bytes:
    return json.dumps(value, **options).encode() + b"\n"


def bodies(streams: Streams) -> bytes:
    return b"".join(map(sse, streams))


def curl_output(streams: Streams) -> bytes:
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200 \r\ncontent-type: text/event-stream\r\n\r\n"
    return head + bodies(streams)


def event_lines(streams: Streams) -> bytes:
    return b"".join(json_line(event) for events in streams for event in events)


def event_list(streams: Streams) -> bytes:
    return json.dumps([event for events in streams for event in events], indent=1).encode()


def rows_of_show(streams: Streams) -> bytes:
    """What `chunkview show --json` writes."""
    rows = [
        as_json(f"{number}.sse", 0, chunk, ascii_only=False, is_terminal=False)
        for number, events in enumerate(streams)
        for chunk in iter_chunks(events)
    ]
    return "".join(f"{row}\n" for row in rows).encode()


def wrapped(event: Any, parent: str | None = None) -> Event:
    """A `stream_event` of Claude Code."""
    return {
        "type": "stream_event",
        "event": event,
        "session_id": "s",
        "parent_tool_use_id": parent,
        "uuid": "u",
    }


FIRST_LINE = {"type": "system", "subtype": "init", "session_id": "s", "tools": []}
USER_LINE = {"type": "user", "message": {"role": "user", "content": "x"}, "session_id": "s"}
LAST_LINE = {"type": "result", "subtype": "success", "session_id": "s", "result": "x"}


def claude_code(streams: Streams) -> bytes:
    """A log with partial messages: the events, and after each block an `assistant` line."""
    lines: list[Event] = [FIRST_LINE]
    for events in streams:
        for event in events:
            lines.append(wrapped(event))
            if event["type"] == "content_block_stop":
                start = next(one for one in events if one["type"] == "message_start")
                message = {**start["message"], "content": [{"type": "text", "text": "x"}]}
                lines.append(assistant(message, 0))
        lines.append(USER_LINE)
    return b"".join(map(json_line, [*lines, LAST_LINE]))


def assistant(message: Event, number: int, parent: str | None = None) -> Event:
    """An `assistant` line of Claude Code."""
    return {
        "type": "assistant",
        "message": message,
        "parent_tool_use_id": parent,
        "session_id": "s",
        "uuid": f"{message.get('id')}-{number}",
    }


def assistant_lines(message: Event, parent: str | None = None) -> list[Event]:
    """The lines of a whole message without partial ones: a line for each block."""
    lines = [
        assistant({**message, "content": [block], "stop_reason": None}, number, parent)
        for number, block in enumerate(message["content"])
    ] or [assistant(message, 0, parent)]
    lines[-1]["message"]["stop_reason"] = message["stop_reason"]
    return lines


def messages_of(streams: Streams) -> list[Event]:
    return [accumulate(events).to_dict() for events in streams]


def batch_results(streams: Streams) -> bytes:
    return b"".join(
        json_line({"custom_id": f"id-{number}", "result": {"type": "succeeded", "message": one}})
        for number, one in enumerate(messages_of(streams))
    )


def message_lines(streams: Streams) -> bytes:
    return b"".join(map(json_line, messages_of(streams)))


def message_documents(streams: Streams) -> bytes:
    return b"\n".join(json.dumps(one, indent=2).encode() for one in messages_of(streams))


HEADERS = {"Content-Type": ["text/event-stream; charset=utf-8"]}
OTHER_HEADERS = {"Content-Type": ["text/html"]}


def interactions(streams: Streams, string: Callable[[bytes], Any]) -> list[Event]:
    """The exchanges of a cassette: a page comes first."""
    request = {"method": "POST", "uri": "http://x/v1/messages", "body": "{}", "headers": {}}
    status = {"code": 200, "message": "OK"}
    answers = [(OTHER_HEADERS, b"<html>no: data\n\n</html>"), *((HEADERS, sse(s)) for s in streams)]
    return [
        {
            "request": request,
            "response": {"body": {"string": string(body)}, "headers": headers, "status": status},
        }
        for headers, body in answers
    ]


def cassette(streams: Streams) -> bytes:
    value = {"interactions": interactions(streams, bytes.decode), "version": 1}
    return yaml.dump(value, Dumper=yaml.CDumper).encode()


def binary_cassette(streams: Streams) -> bytes:
    """Bodies as they were sent, compressed."""
    value = {"interactions": interactions(streams, gzip.compress), "version": 1}
    text: str = yaml.dump(value)
    return text.encode()


def json_cassette(streams: Streams) -> bytes:
    value = {"version": 1, "interactions": interactions(streams, bytes.decode)}
    return json.dumps(value, indent=4).encode()


def har(streams: Streams, *, indent: int | None = 2) -> bytes:
    contents: list[Event] = [{"mimeType": "text/html", "text": "<p>", "size": 3}]
    for number, events in enumerate(streams):
        content: Event = {"mimeType": "text/event-stream", "text": sse(events).decode()}
        if number % 2:
            content |= {"text": base64.b64encode(sse(events)).decode(), "encoding": "base64"}
        contents.append(content)
    entries = [
        {"request": {"url": "x"}, "response": {"status": 200, "headers": [], "content": content}}
        for content in contents
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}, indent=indent).encode()


def flat_har(streams: Streams) -> bytes:
    return har(streams, indent=None)


def frame(payload: bytes, **headers: str) -> bytes:
    """A frame of AWS. `message_type` is the header `:message-type`."""
    head = b""
    for name, value in headers.items():
        key = b":" + name.replace("_", "-").encode()
        head += struct.pack("!B", len(key)) + key + b"\x07"
        head += struct.pack("!H", len(value.encode())) + value.encode()
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return body + struct.pack("!I", zlib.crc32(body))


def event_frame(event: Any) -> bytes:
    text = base64.b64encode(json.dumps(event).encode()).decode()
    payload = json.dumps({"bytes": text, "p": "abcdefghijk"}).encode()
    return frame(payload, event_type="chunk", content_type="application/json", message_type="event")


def frames(streams: Streams) -> bytes:
    return b"".join(event_frame(event) for events in streams for event in events)


FORMATS: dict[str, tuple[Callable[[Streams], bytes], str]] = {
    "bodies": (bodies, "sse"),
    "the output of curl": (curl_output, "sse"),
    "lines of events": (event_lines, "events"),
    "a list of events": (event_list, "events"),
    "the output of show": (rows_of_show, "events"),
    "a log of Claude Code": (claude_code, "claude-code"),
    "batch results": (batch_results, "batch"),
    "lines of messages": (message_lines, "message"),
    "documents of messages": (message_documents, "message"),
    "a cassette": (cassette, "cassette"),
    "a cassette of bytes": (binary_cassette, "cassette"),
    "a cassette in JSON": (json_cassette, "cassette"),
    "a HAR file": (har, "har"),
    "a HAR file on one line": (flat_har, "har"),
    "frames": (frames, "aws"),
}
"""Each writer, and the format that its recordings have."""

OF_LINES = [
    "bodies",
    "lines of events",
    "the output of show",
    "a log of Claude Code",
    "batch results",
    "lines of messages",
    "documents of messages",
    "frames",
]
"""The formats of which two files make one file when they are joined."""


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd,
    "both": lambda data: gzip.compress(zstd(data)),
}


def chunks_as_body(source: Any) -> bytes:
    return b"".join(map(encode, iter_chunks(source)))


def message_of(source: Any) -> Message:
    return accumulate(source)
