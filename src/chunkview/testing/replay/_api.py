"""What the API answers beside messages: its models, and the count of a request's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ..._stream import Meter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["COUNT_TOKENS", "MESSAGES", "MODELS", "model", "models", "models_of", "token_count"]

MESSAGES = "/v1/messages"
COUNT_TOKENS = "/v1/messages/count_tokens"
MODELS = "/v1/models"

_CHARACTERS_OF_A_TOKEN = 4
# The parts of a request that are no settings.
_COUNTED = ("messages", "system", "tools")
# A model is in the first event, which is far shorter.
_HEAD_BYTES = 65536


def token_count(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request to count tokens: one token for each four characters of its strings."""
    characters = sum(_characters_of(request.get(name)) for name in _COUNTED)
    return {"input_tokens": max(characters // _CHARACTERS_OF_A_TOKEN, 1)}


def _characters_of(value: Any) -> int:
    """Count the characters of all strings in a JSON value, keys left out."""
    count = 0
    # A loop: the value may be nested too deeply for calls.
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            count += len(one)
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return count


def models_of(bodies: Iterable[bytes]) -> list[str]:
    """Name the models of bodies, each once, in their order."""
    names: dict[str, None] = {}
    for body in bodies:
        meter = Meter()
        meter.feed(body[:_HEAD_BYTES])
        if meter.model:
            names[meter.model] = None
    return list(names)


def models(names: list[str]) -> dict[str, Any]:
    """Answer a request for the list of models: all of them, on one page."""
    return {
        "data": [model(name) for name in names],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }


def model(name: str) -> dict[str, Any]:
    """Answer a request for one model.

    Args:
        name: Its id, which may be percent-encoded.
    """
    name = unquote(name)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        # The API writes the start of Unix time when it does not know the date.
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
    }
