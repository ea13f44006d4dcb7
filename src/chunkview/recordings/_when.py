"""When a stream was recorded: times as the formats write them, and days in the names of folders."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["day_in", "time_in_headers", "time_of_file", "time_read"]

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))? ?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
_DAY = re.compile(
    # With two fixed characters at the beginning, the search takes a third of the time.
    r"20(?<!\d20)(\d\d)(?:-(\d\d)-(\d\d)|[/\\](\d\d)[/\\](\d\d)"
    r"|[/\\]month=(\d\d?)[/\\]day=(\d\d?))(?!\d)"
)
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "modified")
"""The names that fsspec's file systems have for the time of modification."""


def time_read(text: Any) -> datetime | None:
    """Read a time as ISO 8601 or HTTP writes it.

    Args:
        text: The time. Without a time zone, it is UTC.

    Returns:
        The time in UTC, or None where there is none.
    """
    if not isinstance(text, str):
        return None
    found = _ISO.fullmatch(text.strip())
    try:
        if found is None:
            return _in_utc(_http_date(text))
        day, time, fraction, zone = found.groups()
        zone = "+00:00" if not zone or zone in "Zz" else f"{zone[:3]}:{zone[-2:]}"
        return _in_utc(datetime.fromisoformat(f"{day}T{time}.{(fraction or '0')[:6]:0<6}{zone}"))
    except (ValueError, TypeError, OverflowError):
        return None


def time_in_headers(headers: Mapping[str, str]) -> datetime | None:
    """Read the header `date` of an answer. The names of the headers are in lower case."""
    return time_read(headers.get("date"))


def day_in(path: str) -> datetime | None:
    """Find a day in a path: `2026-11-26`, `2026/11/26`, or `year=2026/month=11/day=26`.

    Returns:
        The beginning of the last day that the path names, in UTC. None where it names none.
    """
    day: datetime | None = None
    for found in _DAY.finditer(path):
        year, month, of_month = (int(part) for part in found.groups() if part is not None)
        try:
            day = datetime(2000 + year, month, of_month, tzinfo=timezone.utc)
        except ValueError:
            continue
    return day


def time_of_file(file: Any) -> datetime | None:
    """Find when an open file was modified: on a disk, or in a store that fsspec reaches."""
    try:
        details: Any = getattr(file, "details", None)
        if not isinstance(details, dict):
            return _in_utc(datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, timezone.utc))
        for name in _MODIFIED:
            value = details.get(name)
            if isinstance(value, (int, float)):
                return datetime.fromtimestamp(value, timezone.utc)
            if isinstance(value, datetime):
                return _in_utc(value)
            if (read := time_read(value)) is not None:
                return read
    except (OSError, ValueError, OverflowError, AttributeError):
        return None
    return None


def _http_date(text: str) -> datetime:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)


def _in_utc(when: datetime) -> datetime:
    if when.tzinfo is None:
        return when.replace(tzinfo=timezone.utc)
    return when.astimezone(timezone.utc)
