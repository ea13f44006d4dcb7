"""Whether an answer should have been a stream: what the request and the status say about it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

__all__ = ["is_stream_due", "is_stream_due_by_sidecars"]

_NEVER_STREAMED = ("/messages/count_tokens", "/messages/batches")


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


def is_stream_due_by_sidecars(times: bytes, request: bytes) -> bool | None:
    """Tell the same from what `chunkview record` wrote beside an answer.

    Args:
        times: The sidecar with the times, or b"".
        request: The sidecar with the body of the request, or b"".
    """
    value = _parsed(times)
    asked, answer = (
        one if isinstance(one, dict) else {}
        for one in (
            value.get(key) if isinstance(value, dict) else None for key in ("request", "response")
        )
    )
    return is_stream_due(asked.get("method"), asked.get("path"), request, answer.get("status"))


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
