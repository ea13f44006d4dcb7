"""Any event to a plain dict: mapping, JSON text, or an object of the `anthropic` SDK.

The SDK is not imported: its event objects are recognised by what they can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._json import check_depth, copy_json, loads, plain
from ._record import read_object
from .errors import DecodeError, kind_of

__all__ = ["new_event_dict", "sdk_event_dict"]


def new_event_dict(event: Any) -> dict[str, Any]:
    """Write an event as a new dict that shares nothing with it.

    Args:
        event: A mapping, JSON text (str or bytes), or an event object of the SDK.

    Returns:
        The event on the wire.

    Raises:
        DecodeError: The event is nested too deep, or is none of these.
    """
    if isinstance(event, Mapping):
        if type(event) is dict:
            check_depth(event)
            copied: dict[str, Any] = copy_json(event)
            return copied
        return plain(event)
    if isinstance(event, (str, bytes)):
        return read_object(loads(event))
    return sdk_event_dict(event)


def sdk_event_dict(event: Any) -> dict[str, Any]:
    """Dump an event object of the SDK: by alias, without unset fields, without warnings.

    Raises:
        DecodeError: The object cannot be dumped.
    """
    dump = getattr(event, "model_dump", None)
    if not callable(dump):
        raise DecodeError(
            f"expected a mapping, JSON text or an event of the anthropic SDK, got {kind_of(event)}"
        )
    try:
        dumped = dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise DecodeError(f"the event's own dump failed: {error}") from error
    check_depth(dumped)
    return read_object(dumped)
