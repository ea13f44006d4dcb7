"""Any event to a plain dict: mapping, JSON text, or an object of the `anthropic` SDK.

The SDK is not imported. Its event objects are recognised by their `model_dump` method.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._model import bounded, copy_json, failure_of, loads
from ..errors import DecodeError, kind_of
from .wrappers import unwrapped

__all__ = [
    "event_dict",
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
    raise DecodeError(f"expected object, got {kind_of(event)}", rule="data_not_object")


def object_in(text: bytes) -> dict[str, Any] | None:
    """Parse the data of an event that needs none. None where it is no JSON object."""
    try:
        value = loads(text)
    except DecodeError:
        return None
    return value if isinstance(value, dict) else None


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
