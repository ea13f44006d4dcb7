"""What a request and the head of its answer say: should it be a stream, or a message at all?"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

__all__ = ["Exchange", "is_for_messages", "is_stream_due"]

_NEVER_STREAMED = ("/messages/count_tokens", "/messages/batches")
_FOR_MESSAGES = re.compile(
    r"/messages(?:/batches/[^/]+/results)?/?$"
    r"|/invoke[\w-]*$|(?<!count-tokens):(?:stream)?rawpredict$",  # of Bedrock and of Vertex
    re.IGNORECASE,
)


class Exchange(NamedTuple):
    """What the sidecar of `chunkview record` says. What it does not say is None.

    Attributes:
        started: When the request was sent.
        method: The method of the request.
        path: Its path.
        status: The status of the answer.
        content_type: The content type of the answer.
    """

    started: Any = None
    method: Any = None
    path: Any = None
    status: Any = None
    content_type: Any = None

    @classmethod
    def from_sidecar(cls, data: bytes) -> Exchange:
        """Read a sidecar. It may be b"" or no sidecar."""
        if not data:  # as of most files
            return cls()
        value = _parsed(data)
        request, response = (_member(value, key) for key in ("request", "response"))
        headers = response.get("headers")
        kinds = [
            pair[1]
            for pair in (headers if isinstance(headers, list) else ())
            if isinstance(pair, list) and len(pair) == 2 and pair[0] == "content-type"
        ]
        return cls(
            started=request.get("started"),
            method=request.get("method"),
            path=request.get("path"),
            status=response.get("status"),
            content_type=next(iter(kinds), None),
        )


def is_for_messages(url: Any, content_type: Any) -> bool:
    """Tell whether an answer may hold messages, or their errors. Others count tokens, say.

    Args:
        url: The URL or path of the request. None if it is not known.
        content_type: The content type of the answer. None if it is not known. A stream counts
            from each path.
    """
    if not isinstance(url, str) or "event" in str(content_type):
        return True
    return _FOR_MESSAGES.search(urlsplit(url).path) is not None


def is_stream_due(method: Any, url: Any, body: Any, status: Any) -> bool | None:
    """Tell whether a stream was asked for, and not refused.

    Args:
        method: The method of the request.
        url: Its URL or path.
        body: Its body, as text or bytes. What is not known may be None.
        status: The status of the answer, as a number or its digits.

    Returns:
        The answer; None if nothing tells.
    """
    if str(status)[:1] in ("4", "5"):
        return False
    if isinstance(method, str) and method != "POST":
        return False
    path = urlsplit(url).path if isinstance(url, str) else ""
    if "stream" in path.lower():  # of Bedrock and Vertex: no field of the body says it
        return True
    asked = _parsed(body)
    if isinstance(asked, dict):
        return asked.get("stream") is True
    return False if path.rstrip("/").endswith(_NEVER_STREAMED) else None


def _member(value: Any, key: str) -> dict[str, Any]:
    member = value.get(key) if isinstance(value, dict) else None
    return member if isinstance(member, dict) else {}


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
