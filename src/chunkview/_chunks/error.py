"""Error events. Servers write them in many shapes, and here is all that tells and reads them."""

# The tag of a class is narrower than the `str` of its base.
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import attrs

from .._model import MisfitError, copy_json, maker, record
from ..errors import shown
from .event import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

__all__ = ["ErrorChunk", "is_error", "read_usual_error"]


@final
@record
class ErrorChunk(Variant):
    """`error`: the API, or a server that imitates it, gave up in mid-stream.

    Servers write errors in many shapes. An event is an error if its type is `error`, or if its
    `event:` line says so; if it has no type and an `error`; or if its type is unknown, ends in
    `_error`, and a `message` is with it.

    Source: https://docs.anthropic.com/en/api/errors; of `details`, the class `APIStatusError` of
    the official SDK, https://github.com/anthropics/anthropic-sdk-python (`_exceptions.py`).

    Attributes:
        error_type: For example `overloaded_error`; "" where the event names none.
        error_message: The message, from wherever it is; "" where there is none.
        request_id: The request's id, or None.
        details: More about the cause, for programs: an object, unchanged, or None. Its
            `error_code` names the cause, and does not change as the wording of the message may.
    """

    type: ClassVar[Literal["error"]] = "error"

    error_type: str
    error_message: str
    request_id: str | None = None
    details: dict[str, Any] | None = attrs.field(default=None, kw_only=True, hash=False)
    # The event, after folding. What was folded is in no `chunk`.
    _event: dict[str, Any] | None = attrs.field(
        default=None, kw_only=True, eq=False, repr=False, alias="event"
    )

    @classmethod
    def from_event(cls, event: dict[str, Any], source: Any) -> Self:
        """Read an error of any shape."""
        error_type, error_message = _words_of(event)
        request_id, error = event.get("request_id"), event.get("error")
        details = error.get("details") if isinstance(error, dict) else None
        return cls(
            error_type,
            error_message,
            request_id if isinstance(request_id, str) else None,
            details=details if isinstance(details, dict) else None,
            event=event,
            chunk=source,
        )

    def to_event(self) -> dict[str, Any]:
        if self._event is None:
            return self._rewritten({})
        event: dict[str, Any] = copy_json(self._event)
        return event if self.from_event(event, None) == self else self._rewritten(event)

    def _rewritten(self, event: dict[str, Any]) -> dict[str, Any]:
        """Write the fields that are new in the API's own shape. The rest stays."""
        old = self.from_event(event, None)
        words = self.error_type, self.error_message
        has_new_words = not event or words != (old.error_type, old.error_message)
        error = event.get("error")
        if has_new_words or (self.details != old.details and not isinstance(error, dict)):
            error = error if isinstance(error, dict) else {}
            # What would be read instead of the new words goes.
            error.pop("error", None)
            for place in (error, event):
                if not self.error_type:
                    place.pop("code", None)
                if not self.error_message:
                    for key in _PLACES_OF_WORDS:
                        place.pop(key, None)
            error |= {"type": self.error_type, "message": self.error_message}
            if self.error_type == "error":  # as a type, it would say no more than the event's
                error["code"] = self.error_type
            event |= {"type": "error", "error": error}
        if self.details != old.details:
            event["error"]["details"] = copy_json(self.details)
        if self.request_id != old.request_id:
            event["request_id"] = self.request_id
        return event


def read_usual_error(event: dict[str, Any], source: Any, _is_unchecked: bool) -> ErrorChunk:
    """Read an error of the API's own shape, as `ErrorChunk.from_event` does more slowly.

    In this shape nothing can be nested deeper than it may be.

    Args:
        event: An `error` event, which may have yet to pass `bounded`.
        source: What the chunk keeps as its `chunk`.

    Raises:
        KeyError, TypeError: The error has another shape.
        MisfitError: The same, or a value is of another type, or says nothing.
    """
    error = event["error"]
    error_type, message, request_id = error["type"], error["message"], event.get("request_id")
    if (
        error.__class__ is dict
        and error_type.__class__ is str
        and message.__class__ is str
        and (request_id is None or request_id.__class__ is str)
        and error_type != "error"
        and message
        and len(error) == 2 + ("details" in error)
        and len(event) == 2 + ("request_id" in event)
        and error.get("details") is None
    ):
        return _maker()(source, event, error_type, message, request_id)
    raise MisfitError


@functools.cache
def _maker() -> Callable[..., ErrorChunk]:
    """Written at the first error: most processes meet none."""
    return maker(ErrorChunk, "chunk", "_event")


def is_error(event: dict[str, Any]) -> bool:
    """Whether an event is an error, though its type is no type that the API has.

    Args:
        event: The event: without a `type`, or with an unknown one.
    """
    tag = event.get("type")
    if isinstance(tag, str):
        return tag.endswith("_error") and isinstance(event.get("message"), str)
    return event.get("error") is not None


def _words_of(event: dict[str, Any], levels: int = 20) -> tuple[str, str]:
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
    for key in _PLACES_OF_WORDS:
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


_PLACES_OF_WORDS = ("error", "message", "detail", "errors", "msg", "base_resp", "status_msg")
"""The keys under which servers write what went wrong; the first one that says something counts.

FastAPI has `detail`, Cloudflare `errors`, MiniMax `base_resp` with `status_msg` in it.
"""


def _words_in(value: Any, levels: int) -> tuple[str, str]:
    """Find the type and the message in a value under one of `_PLACES_OF_WORDS`."""
    if isinstance(value, str):
        return "", value
    if isinstance(value, dict) and levels:
        return _words_of(value, levels)
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
