"""What of a request and an answer may be written to a file.

Headers and the parameters of a query are written if they are known to be harmless. The value of any
other one is replaced. So a header that nobody has thought of cannot give a key away.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Mask", "redacted_body", "redacted_headers", "redacted_target", "secrets_of"]

_REDACTED = "***"

_HARMLESS_HEADERS = re.compile(
    r"accept|accept-(encoding|language|ranges)|age|allow|anthropic-(beta|version)"
    r"|anthropic-dangerous-direct-browser-access|anthropic-(fast-|priority-)?ratelimit-[a-z-]+"
    r"|cache-control|cf-cache-status|cf-ray|connection|content-(encoding|language|length|type)"
    r"|date|expect|host|keep-alive|request-id|retry-after|retry-after-ms|server|te"
    r"|transfer-encoding|user-agent|vary|via|x-app|x-envoy-upstream-service-time|x-request-id"
    r"|x-should-retry|x-stainless-[a-z-]+"
)
_HARMLESS_PARAMETERS = {"after_id", "before_id", "beta", "limit", "order", "page"}

# Names of headers, parameters and keys in JSON whose values are secrets.
_SECRET = re.compile(r"auth|cookie|credential|key|passw|secret|token|signature", re.IGNORECASE)
_SECRET_KEY = re.compile(
    r"(.*[_-])?(api_?key|key|token|secret|password|authorization|cookie|credentials?)",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 16
"""Shorter values are words, such as "none", which may occur in any answer."""


def redacted_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Give headers with the values that are harmless. Others are replaced by `***`."""
    return tuple(
        (name, value if _HARMLESS_HEADERS.fullmatch(name.lower()) else _REDACTED)
        for name, value in headers
    )


def redacted_target(target: str) -> str:
    """Give the target of a request, with `***` for each parameter that may be a secret."""
    path, mark, query = target.partition("?")
    parts: list[str] = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        if equals:
            parts.append(part if name in _HARMLESS_PARAMETERS else f"{name}={_REDACTED}")
        else:
            # A parameter without a name may be a key.
            parts.append(part if part in {*_HARMLESS_PARAMETERS, ""} else _REDACTED)
    return path + mark + "&".join(parts)


def secrets_of(headers: Iterable[tuple[str, str]], target: str) -> frozenset[str]:
    """Find the secrets of a request that an answer, or the request's own body, may repeat.

    Args:
        headers: The headers of the request.
        target: Its path and query.

    Returns:
        Each value of 16 characters or more of a header or a parameter with the name of a secret,
        also without `Bearer` before it or a cookie's name.
    """
    found: set[str] = set()
    for name, value in headers:
        if _SECRET.search(name) and not _HARMLESS_HEADERS.fullmatch(name.lower()):
            found |= {value, *value.split(), *re.split(r"[;=\s]+", value)}
    for part in target.partition("?")[2].split("&"):
        name, equals, value = part.partition("=")
        if not equals:
            found |= {part, unquote_plus(part)}
        elif _SECRET.search(name):
            found |= {value, unquote_plus(value)}
    return frozenset(value for value in found if len(value) >= _SHORTEST_SECRET)


class Mask:
    """Replaces secrets in a body by as many asterisks, wherever the body is cut."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Prepare for a body.

        Args:
            secrets: What to replace.
        """
        longest_first = sorted(secrets, key=len, reverse=True)
        self._secrets = [secret.encode("utf-8", "surrogateescape") for secret in longest_first]
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)))
        # A longer rest cannot be the beginning of a secret.
        self._longest_rest = max(map(len, self._secrets), default=1) - 1
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes, and give those that may be written."""
        if not self._secrets:
            return data
        masked = self.masked(self._rest + data)
        cut = max(len(masked) - self._longest_rest, 0)
        self._rest = masked[cut:]
        return masked[:cut]

    def end(self) -> bytes:
        """Give the last bytes."""
        rest, self._rest = self._rest, b""
        return rest

    def masked(self, data: bytes) -> bytes:
        """Give a whole body without the secrets."""
        if not self._secrets:
            return data
        return self._pattern.sub(lambda match: b"*" * len(match[0]), data)


def redacted_body(body: bytes, mask: Mask) -> bytes:
    """Give the body of a request without secrets.

    Args:
        body: The body.
        mask: The secrets of its headers.

    Returns:
        The body, unchanged but for asterisks. If it is JSON that has a key such as
        `authorization_token`, it is written anew, with `***` for the strings under such keys.
    """
    try:
        value = json.loads(body)
        redacted = _redacted_value(value)
    except (ValueError, RecursionError):
        return mask.masked(body)
    if redacted != value:
        body = json.dumps(redacted, ensure_ascii=False).encode(errors="backslashreplace")
    return mask.masked(body)


def _redacted_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _REDACTED
            if isinstance(member, str) and _SECRET_KEY.fullmatch(key)
            else _redacted_value(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        members: Sequence[Any] = value
        return [_redacted_value(member) for member in members]
    return value
