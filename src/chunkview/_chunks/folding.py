"""What an event of a body means: its `event:` line and its data, folded into one object.

The decoder needs this only where the data alone does not say it: for the line `event: error`, for
data without a string `type`, and for data that is no JSON object. A body that is one JSON object is
read here, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._model import events_of_message, is_object
from ..errors import DecodeError, kind_of
from .error import is_error

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DONE",
    "events_of_document",
    "events_of_whole_message",
    "fold",
    "is_message",
    "refuse_joined",
]

DONE = b"[DONE]"
"""The end mark of OpenAI's streams, which some gateways append."""

_NEED_NO_DATA = (b"ping", b"message_stop")


def fold(name: bytes, value: Any, payload: bytes) -> dict[str, Any] | None:
    """Fold the `event:` line into the event.

    Args:
        name: The value of the last `event:` line, or b"".
        value: The data, parsed; the parser's exception where it is no JSON.
        payload: The data: the values of the `data:` lines, joined with line feeds.

    Returns:
        The event, which may be `value` itself. None for what is no event and may be skipped.

    Raises:
        DecodeError: The data is no JSON object, and its event needs one.
    """
    if name == b"error":
        return _error_event(value, payload)
    if not isinstance(value, dict):
        return _event_without_object(name, value, payload)
    # An `error` without a type beside it is an error, also under the line of another event.
    if isinstance(value.get("type"), str) or is_error(value) or not name:
        return value
    return {**value, "type": name.decode(errors="replace")}


def _error_event(value: Any, payload: bytes) -> dict[str, Any]:
    """Give the event of the line `event: error`. Its data may be anything, or nothing."""
    if isinstance(value, Exception) or not payload:
        value = payload.decode(errors="replace")
    if isinstance(value, dict):
        tag = value.get("type")
        if tag == "error":
            return value
        if not isinstance(tag, str):
            return {**value, "type": "error"}
    # An object with a type of its own, such as "server_error", keeps it there.
    return {"type": "error", "error": value}


def _event_without_object(name: bytes, value: Any, payload: bytes) -> dict[str, Any] | None:
    text = payload.strip()
    needs_no_data = name in _NEED_NO_DATA
    if text == DONE and not needs_no_data:
        return None
    refuse_joined(payload)
    if needs_no_data:
        return {"type": name.decode()}
    if not text:
        return None
    if isinstance(value, Exception):
        said = value.problem if isinstance(value, DecodeError) else f"invalid JSON: {value}"
        rule = getattr(value, "rule", "") or "data_not_object"
        raise DecodeError(said, event=payload, rule=rule) from value
    problem = f"expected object, got {kind_of(value)}"
    raise DecodeError(problem, event=payload, rule="data_not_object")


def refuse_joined(payload: bytes) -> None:
    """Refuse data that is several events, which have no blank lines between them.

    Args:
        payload: Data that is no JSON object.

    Raises:
        DecodeError: Each of its lines is an object by itself; the last one may be anything.
    """
    start = 0
    while (end := payload.find(b"\n", start)) >= 0:
        if not is_object(payload[start:end]):
            return
        start = end + 1
    if start:
        problem = "events that are not separated by blank lines: each one has to end with one"
        raise DecodeError(problem, event=payload, rule="data_not_object")


def events_of_document(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the events of a body that is one JSON object.

    Args:
        document: A message, or an error document: any other object.

    Returns:
        The events that amount to the message, or one error event.
    """
    if is_message(document):
        return events_of_whole_message(document)
    if document.get("type") == "error" or is_error(document):
        return [document]
    return [{"type": "error", "error": document}]


def is_message(value: Mapping[str, Any]) -> bool:
    """Whether an object is a whole message. Some servers leave out its `type`."""
    tag = value.get("type")
    if isinstance(tag, str):
        return tag == "message"
    is_answer = value.get("role") == "assistant" and isinstance(value.get("content"), list)
    return is_answer and value.get("error") is None


def events_of_whole_message(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the events of a stream that amounts to a message.

    `Message.to_events` does the same for a Message. Here nothing is checked yet, so that the events
    before a broken block can be decoded. Each block comes whole, unchanged.

    Args:
        message: The message, as the API gives it without streaming.
    """
    content = message.get("content")
    blocks: list[dict[str, Any]] = []
    for index, block in enumerate(content if isinstance(content, (list, tuple)) else ()):
        blocks.append({"type": "content_block_start", "index": index, "content_block": block})
        blocks.append({"type": "content_block_stop", "index": index})
    return events_of_message(message, blocks, message.get("usage"))
