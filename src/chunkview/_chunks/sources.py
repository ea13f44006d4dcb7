"""Any event to a plain dict: mapping, JSON text, or an object of the `anthropic` SDK.

The SDK is not imported. Its event objects are recognised by their `model_dump` method.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._model import bounded, copy_json, failure_of, loads
from ..errors import DecodeError, kind_of, shown
from .wrappers import unwrapped

__all__ = [
    "PLACES_OF_WORDS",
    "error_words",
    "event_dict",
    "is_error",
    "new_event_dict",
    "object_in",
    "sdk_event_dict",
    "text_event_dict",
]


def event_dict(event: Any) -> dict[str, Any]:
    """Turn an event into plain dicts and lists, and check its bounds.

    Args:
        event: A mapping, or an event object of the SDK.

    Returns:
        The event on the wire. It may share its parts with `event`.

    Raises:
        DecodeError: The event is none of these, it fails while it is read, or `bounded` refuses
            it.
    """
    return bounded(event if isinstance(event, Mapping) else sdk_event_dict(event))


def text_event_dict(text: str | bytes) -> dict[str, Any]:
    """Parse an event.

    Raises:
        DecodeError: The text is no JSON, or no object.
    """
    event = loads(text)
    if isinstance(event, dict):
        return event
    raise DecodeError(f"expected object, got {kind_of(event)}")


def object_in(text: bytes) -> dict[str, Any] | None:
    """Parse the data of an event that needs none. None where it is no JSON object."""
    try:
        value = loads(text)
    except DecodeError:
        return None
    return value if isinstance(value, dict) else None


def is_error(event: dict[str, Any]) -> bool:
    """Whether an event is an error, though its type is no type that the API has.

    Args:
        event: The event: without a `type`, or with an unknown one.
    """
    tag = event.get("type")
    if isinstance(tag, str):
        return tag.endswith("_error") and isinstance(event.get("message"), str)
    return event.get("error") is not None


def error_words(event: dict[str, Any], levels: int = 20) -> tuple[str, str]:
    """Find the type and the message of an error, in whatever shape a server wrote it.

    Args:
        event: The error event, or an object in it.
        levels: How many levels down to look.

    Returns:
        The two, each "" where there is nothing.
    """
    tag, code, error = event.get("type"), event.get("code"), event.get("error")
    kind = tag if isinstance(tag, str) and tag != "error" else ""
    if not kind and isinstance(code, (str, int)) and not isinstance(code, bool):
        kind = code if isinstance(code, str) else shown(code)
    inner_kind = message = ""
    for key in PLACES_OF_WORDS:
        found_kind, message = _words_in(event.get(key), levels - 1)
        inner_kind = inner_kind or found_kind
        if message:
            break
    else:
        # A number, say, tells little, so it only counts where there are no words.
        if error is not None and not isinstance(error, (str, dict)):
            message = _json_text(error)
    # Beside a message, a string under `error` names the error.
    beside = event.get("message")
    if isinstance(error, str) and error and isinstance(beside, str) and beside:
        return (kind, f"{error}: {beside}") if kind else (error, beside)
    return inner_kind or kind, message


PLACES_OF_WORDS = ("error", "message", "detail", "errors", "msg", "base_resp", "status_msg")
"""The keys under which servers write what went wrong; the first one that says something counts.

FastAPI has `detail`, Cloudflare `errors`, MiniMax `base_resp` with `status_msg` in it.
"""


def _words_in(value: Any, levels: int) -> tuple[str, str]:
    """Find the type and the message in a value under one of `PLACES_OF_WORDS`."""
    if isinstance(value, str):
        return "", value
    if isinstance(value, dict) and levels:
        return error_words(value, levels)
    if not isinstance(value, list) or not levels:
        return "", ""
    found = [_words_in(item, levels - 1) for item in value[:_MOST_ERRORS]]
    kind = next((kind for kind, _ in found if kind), "")
    return kind, "; ".join([message for _, message in found if message])


_MOST_ERRORS = 20
"""Of a list of errors, how many are read."""


def _json_text(value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError):  # no JSON value, or an integer that Python will not write
        return shown(value)


def new_event_dict(event: Any) -> dict[str, Any]:
    """Copy the event that a chunk view holds into a new dict that shares nothing with it.

    Args:
        event: A mapping, JSON text (str or bytes), an event object of the SDK, or a wrapper of
            one of these.

    Returns:
        The event on the wire, without its wrapper.

    Raises:
        DecodeError: As for `event_dict` and `text_event_dict`. Never for an event that was
            decoded and has not changed since.
    """
    if isinstance(event, str):
        inner: dict[str, Any] = unwrapped(text_event_dict(event))
        return inner
    if not isinstance(event, bytes):
        event = unwrapped(event)
    if isinstance(event, bytes):
        return text_event_dict(event)
    # A dict was checked when it was decoded. Other objects are read anew.
    copied: dict[str, Any] = copy_json(event if event.__class__ is dict else event_dict(event))
    return copied


def sdk_event_dict(event: Any) -> Any:
    """Dump an event object of the SDK: by alias, without unset fields, without warnings.

    Returns:
        What the object gives, which is not checked.

    Raises:
        DecodeError: The object cannot be dumped.
    """
    try:
        dump = getattr(event, "model_dump", None)
        if callable(dump):
            return dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise failure_of("the event's own dump failed", error) from error
    raise DecodeError(
        f"expected a mapping, JSON text or an event of the anthropic SDK, got {kind_of(event)}"
    )
