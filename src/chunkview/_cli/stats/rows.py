"""The rows in a file: CSV, JSON lines or Parquet.

A process that reads recordings encodes its rows (`Encoder`), so that the one which writes the file
(`Output`) has little to do. The file appears under its name when it is whole.
"""

from __future__ import annotations

import csv
import io
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from ...recordings import Summary
from ..replacing import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import BinaryIO

    from typing_extensions import Self

__all__ = ["FORMATS", "Format", "Output", "format_of"]

_COLUMNS = tuple(field.name for field in attrs.fields(Summary))


class Format(Protocol):
    """A format of rows."""

    def encode(self, rows: list[Summary]) -> bytes:
        """Encode some rows. A part of the output may consist of several such pieces."""
        raise NotImplementedError

    def writer(self, file: BinaryIO) -> Writer:
        """Begin a file."""
        raise NotImplementedError


class Writer(Protocol):
    """Writes encoded rows to a file."""

    def write(self, encoded: bytes) -> None:
        """Add what `encode` gave."""

    def close(self) -> None:
        """End the file, without closing it."""

    def abandon(self) -> None:
        """End the work on a file that is not wanted."""


class _Bytes:
    """Writes the pieces one after the other."""

    def __init__(self, file: BinaryIO, head: bytes = b"") -> None:
        self._file = file
        file.write(head)

    def write(self, encoded: bytes) -> None:
        self._file.write(encoded)

    def close(self) -> None:
        """There is nothing to write at the end."""

    def abandon(self) -> None:
        """There is nothing to end."""


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
    """Parquet. A row is encoded in Arrow's own format, which is copied rather than parsed."""

    def __init__(self) -> None:
        # Without pyarrow, this fails before anything is read.
        from ... import arrow  # noqa: F401  # pyright: ignore[reportUnusedImport]

    def encode(self, rows: list[Summary]) -> bytes:
        from ...arrow import to_batch

        encoded: bytes = to_batch(rows).serialize().to_pybytes()
        return encoded

    def writer(self, file: BinaryIO) -> Writer:
        return _ParquetWriter(file)


class _ParquetWriter:
    def __init__(self, file: BinaryIO) -> None:
        from ...arrow import SummaryWriter

        self._sink = _Sink(file)
        self._writer = SummaryWriter(self._sink)

    def write(self, encoded: bytes) -> None:
        import pyarrow as pa  # type: ignore[import-untyped]

        from ...arrow import SCHEMA

        self._writer.write_batch(pa.ipc.read_record_batch(pa.py_buffer(encoded), SCHEMA))

    def close(self) -> None:
        self._writer.close()

    def abandon(self) -> None:
        # pyarrow ends every file, even when nobody wants it and the disk is full.
        self._sink.is_wanted = False
        self._writer.close()


class _Sink(io.RawIOBase):
    """Passes what is written on to a file, as long as it is wanted."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.is_wanted = True
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._file.write(data) if self.is_wanted else len(data)


class Output:
    """A file of rows. It has a hidden name until it is whole.

    As a context manager it ends the file at the end of the block. If the block raises, the file
    goes away, and one that was there before stays.
    """

    def __init__(self, path: str, format: Format) -> None:  # noqa: A002
        """Prepare a file.

        Args:
            path: Where it is to be. A pipe or a device gets the rows at once.
            format: Its format.
        """
        self._file = replacing(path)
        self._format = format

    def write(self, encoded: bytes) -> None:
        """Add encoded rows.

        Raises:
            OSError: The file cannot be written.
        """
        self._writer.write(encoded)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._writer = self._format.writer(stack.enter_context(self._file))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is not None:
            self._writer.abandon()
            self._stack.__exit__(exc_type, exc, traceback)
            return
        with self._stack:
            try:
                self._writer.close()
            except BaseException:
                self._writer.abandon()
                raise


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
