"""Summaries of recorded streams as Arrow record batches, for Spark, DuckDB and Parquet.

`summaries` turns batches with a column of bodies into batches with a row for each stream. It takes
and gives an iterator of record batches, like a function for Spark's `mapInArrow`. It needs pyarrow
(extra `arrow`).
"""

# pyarrow has no types.
# pyright: reportUnknownParameterType=false

from __future__ import annotations

import functools
import io
import itertools
import operator
from datetime import datetime, timezone
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

import attrs

from . import recordings
from .recordings import Place, Summary

try:
    import pyarrow as pa  # type: ignore[import-untyped]
except ImportError as _error:
    raise ImportError("chunkview.arrow needs pyarrow: pip install 'chunkview[arrow]'") from _error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["SCHEMA", "SummaryWriter", "summaries", "to_batch"]

_COST = pa.decimal128(38, 12)
_EXACT = Context(_COST.precision, traps=[])
_TYPES = {
    "str": pa.string(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "Decimal": _COST,
    # Parquet gives the items this name.
    "tuple[str, ...]": pa.list_(pa.field("element", pa.string())),
}
"""The Arrow type of each type that an attribute of `Summary` has."""


def _field_of(attribute: attrs.Attribute[Any]) -> pa.Field:
    kind, _, optional = str(attribute.type).partition(" | ")
    return pa.field(attribute.name, _TYPES[kind], nullable=bool(optional))


SCHEMA: pa.Schema = pa.schema(
    [_field_of(attribute) for attribute in attrs.fields(Summary)],
    metadata={"chunkview.schema": "1"},
)
"""The columns of a row: the attributes of `chunkview.recordings.Summary`, in the same order.

The metadata has the version of the schema as `chunkview.schema`. `cost` is an exact decimal, in US
dollars."""

_values_of = operator.attrgetter(*SCHEMA.names)
_BODIES = {"binary", "string", "binary_view", "string_view", "null"}
_MOST_ROWS = 4096
"""How many rows a batch has at most: about 1 MB."""
_ROW_GROUP = 16_384
_LARGEST = 2**63 - 1


def summaries(
    batches: Iterable[pa.RecordBatch],
    column: str = "body",
    keep: Sequence[str] = (),
    *,
    source: str | None = None,
    when: str | None = None,
    findings: bool = True,
    provider: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """Sum up the recordings in a column, one batch after the other.

    A body may be in each format that `chunkview.recordings.read` reads, and may hold several
    streams. A body gives one row or more: what cannot be read gives a row with an `error`, and so
    does a null.

    Args:
        batches: Batches that have the columns named below.
        column: The column of bodies: binary or string, also dictionary-encoded.
        keep: Columns to carry over. Each row has the values of the body's row.
        source: The column of names, such as paths or ids of requests. Without it, the column
            `source` of the result is "", or `#2` for the second stream of a body.
        when: The column of the times or days when the bodies were recorded; without a time zone,
            UTC. It is used where a body does not tell its time. The prices are those of that day.
        findings: As for `chunkview.recordings.summaries`.
        provider: As for `chunkview.recordings.summaries`.

    Yields:
        Batches of at most 4,096 rows. Their columns are those of `SCHEMA`, and then those of
        `keep`.

    Raises:
        KeyError: A batch lacks a column.
        TypeError: The column holds neither bytes nor text, or `when` holds no times.
        ValueError: A column of `keep` has the name of a column of `SCHEMA`.
    """
    if isinstance(keep, str):
        raise TypeError(f"keep takes the names of columns: use [{keep!r}]")
    for name in keep:
        if name in SCHEMA.names:
            raise ValueError(f"every row has a column {name!r}: rename the one to keep")
    sum_up = functools.partial(recordings.summaries, findings=findings, provider=provider)
    for batch in batches:
        yield from _of_batch(batch, column, keep, source, when, sum_up)


def to_batch(rows: Iterable[Summary]) -> pa.RecordBatch:
    """Make a record batch of summaries.

    Args:
        rows: The summaries.

    Returns:
        A batch with the columns of `SCHEMA`. A count of more than 63 bits is null. A character that
        UTF-8 lacks, such as half of a surrogate pair, is a question mark.
    """
    columns = list(zip(*map(_values_of, rows), strict=True)) or [()] * len(SCHEMA)
    arrays = [_array_of(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


class SummaryWriter:
    """Writes summaries to a Parquet file, in row groups of 16,384 rows.

    The file depends on the rows alone, not on how many of them each call of `write` takes. As a
    context manager it closes the file at the end of the block.
    """

    def __init__(self, file: Any) -> None:
        """Begin the file.

        Args:
            file: A path, or a file that is open for writing in binary mode. It is not closed.
        """
        from pyarrow import parquet

        self._writer = parquet.ParquetWriter(file, SCHEMA, compression="zstd")
        self._batches: list[pa.RecordBatch] = []
        self._waiting = 0
        """How many rows these batches have."""

    def write(self, rows: Iterable[Summary]) -> None:
        """Add rows.

        Raises:
            OSError: The file cannot be written.
        """
        waiting = iter(rows)
        while some := list(itertools.islice(waiting, _MOST_ROWS)):
            self.write_batch(to_batch(some))

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch that `to_batch` made.

        Raises:
            OSError: The file cannot be written.
        """
        self._batches.append(batch)
        self._waiting += batch.num_rows
        if self._waiting >= _ROW_GROUP:
            self._flush(_ROW_GROUP)

    def close(self) -> None:
        """Write the rest, and end the file.

        Raises:
            OSError: The file cannot be written.
        """
        self._flush(1)
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _flush(self, fewest: int) -> None:
        """Write row groups, as long as there are so many rows. Keep the other ones."""
        # In one piece, so that the file does not depend on how the rows were cut.
        batches, self._batches = self._batches, []
        table = pa.Table.from_batches(batches, SCHEMA).combine_chunks()
        batches.clear()  # the memory is that of the table alone
        at = 0
        while table.num_rows - at >= fewest:
            self._writer.write_table(table.slice(at, _ROW_GROUP), _ROW_GROUP)
            at += _ROW_GROUP
        self._batches = table.slice(at).to_batches()
        self._waiting = max(0, table.num_rows - at)


def _of_batch(
    batch: pa.RecordBatch,
    column: str,
    keep: Sequence[str],
    source: str | None,
    when: str | None,
    sum_up: Callable[[Any], Iterator[Summary]],
) -> Iterator[pa.RecordBatch]:
    bodies = _column(batch, column)
    if _kind_of(bodies.type) not in _BODIES:
        raise TypeError(f"expected bytes or text in column {column!r}, got {bodies.type}")
    kept = {name: _column(batch, name) for name in keep}
    fields = [batch.schema.field(name) for name in keep]
    schema = pa.schema([*SCHEMA, *fields], metadata=SCHEMA.metadata)
    names = None if source is None else _column(batch, source).cast(pa.string())
    times = None if when is None else _times_in(batch, when)
    rows: list[Summary] = []
    places: list[int] = []

    def made() -> pa.RecordBatch:
        taken = pa.array(places, pa.int64())
        arrays = [*to_batch(rows).columns, *(kept[name].take(taken) for name in keep)]
        rows.clear()
        places.clear()
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    for place in range(len(bodies)):
        name = None if names is None else names[place].as_py()
        time = None if times is None else _time_of(times[place])
        for row in _of_body(bodies[place], name or "", time, sum_up):
            rows.append(row)
            places.append(place)
            if len(rows) == _MOST_ROWS:
                yield made()
    if rows:
        yield made()


def _of_body(
    body: pa.Scalar,
    name: str,
    when: datetime | None,
    sum_up: Callable[[Any], Iterator[Summary]],
) -> Iterator[Summary]:
    if not body.is_valid:
        yield Summary(name, when, error="the body is null")
        return
    if isinstance(body, pa.DictionaryScalar):
        body = body.value
    open_body = functools.partial(io.BytesIO, body.as_buffer())
    yield from sum_up(Place(name, open_body, is_named=True, when=when))


def _times_in(batch: pa.RecordBatch, name: str) -> pa.Array:
    times = _column(batch, name)
    kind = times.type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_null(kind)):
        raise TypeError(f"expected times or days in column {name!r}, got {kind}")
    return times.cast(pa.timestamp("us"), safe=False)


def _time_of(time: pa.Scalar) -> datetime | None:
    try:
        found: datetime | None = time.as_py()
    except (OverflowError, ValueError):  # a year that Python does not have
        return None
    return None if found is None else found.replace(tzinfo=timezone.utc)


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Take a column by its name.

    Raises:
        KeyError: There is none, or more than one.
    """
    if batch.schema.names.count(name) != 1:
        names = ", ".join(map(repr, batch.schema.names))
        raise KeyError(f"expected one column {name!r}; the batch has {names or 'no columns'}")
    return batch.column(name)


def _kind_of(type: pa.DataType) -> str:  # noqa: A002
    if pa.types.is_dictionary(type):
        type = type.value_type  # noqa: A001
    return str(type).removeprefix("large_").removeprefix("fixed_size_").partition("[")[0]


def _array_of(values: Sequence[Any], type: pa.DataType) -> pa.Array:  # noqa: A002
    try:
        return pa.array(values, type)
    except (OverflowError, UnicodeEncodeError, pa.ArrowInvalid):
        return pa.array([_mended(value) for value in values], type)


def _mended(value: Any) -> Any:
    """Make a value fit into its column."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, tuple):
        return [_mended(item) for item in value]
    if isinstance(value, Decimal):
        rounded = value.quantize(Decimal(1).scaleb(-_COST.scale), context=_EXACT)
        return None if rounded.is_nan() else rounded
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        return None
    return value
