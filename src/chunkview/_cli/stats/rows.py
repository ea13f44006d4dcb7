"""The rows in a file: CSV, JSON lines or Parquet.

A process that reads recordings encodes its rows (`Encoder`), so that the one which writes the file
(`Output`) has little to do. The file appears under its name when it is whole.
"""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from ...recordings import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import BinaryIO

    from typing_extensions import Self

__all__ = ["FORMATS", "Format", "Output", "format_of"]

_COLUMNS = tuple(field.name for field in attrs.fields(Summary))


class Format(Protocol):
    """A format of rows."""

    def encode(self, rows: list[Summary]) -> bytes:
        """Encode some rows. A part of the output may consist of several such pieces."""

    def writer(self, file: BinaryIO) -> Writer:
        """Begin a file."""


class Writer(Protocol):
    """Writes encoded rows to a file."""

    def write(self, encoded: bytes) -> None:
        """Add what `encode` gave."""

    def close(self) -> None:
        """End the file, without closing it."""


class _Bytes:
    """Writes the pieces one after the other."""

    def __init__(self, file: BinaryIO, head: bytes = b"") -> None:
        self._file = file
        file.write(head)

    def write(self, encoded: bytes) -> None:
        self._file.write(encoded)

    def close(self) -> None:
        """There is nothing to write at the end."""


class _JsonLines:
    def encode(self, rows: list[Summary]) -> bytes:
        return "".join([f"{json.dumps(row.to_dict())}\n" for row in rows]).encode()

    def writer(self, file: BinaryIO) -> Writer:
        return _Bytes(file)


class _Csv:
    def encode(self, rows: list[Summary]) -> bytes:
        return _csv_lines([_cell_of(value) for value in row.to_dict().values()] for row in rows)

    def writer(self, file: BinaryIO) -> Writer:
        return _Bytes(file, _csv_lines([_COLUMNS]))


def _csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")


def _cell_of(value: Any) -> Any:
    if value.__class__ is list:
        return " ".join(value)
    return str(value).lower() if value.__class__ is bool else value


class _Parquet:
    """Parquet, by way of Arrow's own format."""

    def __init__(self) -> None:
        # Without pyarrow, this raises before anything is read.
        from ... import arrow

        self._arrow = arrow

    def __reduce__(self) -> Any:
        return (_Parquet, ())

    def encode(self, rows: list[Summary]) -> bytes:
        return self._arrow.to_bytes(rows)

    def writer(self, file: BinaryIO) -> Writer:
        return _ParquetWriter(self._arrow.SummaryWriter(file))


FORMATS: dict[str, Callable[[], Format]] = {
    ".csv": _Csv,
    ".jsonl": _JsonLines,
    ".ndjson": _JsonLines,
    ".parquet": _Parquet,
}
"""The formats, by the suffix of the file."""


def format_of(path: str) -> Format:
    """Tell the format of a file by its name.

    Raises:
        ValueError: The suffix is that of no format.
        ImportError: A library is missing; the error names the extra.
    """
    make = FORMATS.get(Path(path).suffix.lower())
    if make is None:
        raise ValueError(f"the name has to end in {', '.join(FORMATS)}: {path}")
    return make()
