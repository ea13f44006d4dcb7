"""`chunkview.arrow`: batches of bodies to batches of rows, and Parquet files."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import attrs
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from chunkview import iter_chunks, recordings
from chunkview.arrow import SCHEMA, SummaryWriter, summaries, to_batch
from chunkview.recordings import Summary
from chunkview.testing import recording
from chunkview.testing import strategies as cv
from recordings.writers import har
from support import examples

TEXT = recording("text")
KINDS = [
    pa.binary(),
    pa.large_binary(),
    pa.string(),
    pa.large_string(),
    pa.dictionary(pa.int32(), pa.binary()),
    pa.dictionary(pa.int8(), pa.string()),
]
"""The types that a column of bodies may have."""

bodies = st.one_of(cv.sse_bodies(), cv.corrupted_bodies(), st.binary(max_size=40)).map(bytes)
some_text = st.text(max_size=10) | st.text(st.characters(categories=["Cs"]), max_size=2)
some_counts = st.none() | st.integers(0, 9) | st.integers()
SOME_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": some_text,
    "str | None": st.none() | some_text,
    "int": st.integers(0, 2**63 - 1),
    "int | None": some_counts,
    "bool": st.booleans(),
    "datetime | None": st.none() | st.datetimes(timezones=st.just(timezone.utc)),
    "Decimal | None": st.none()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.decimals(0, 10, places=9),
    "tuple[str, ...] | None": st.none() | st.lists(some_text, max_size=2).map(tuple),
}
rows_of_any_kind = st.builds(
    Summary, **{field.name: SOME_VALUES[str(field.type)] for field in attrs.fields(Summary)}
)


def as_row(summary: Summary) -> dict[str, Any]:
    """A summary as Arrow gives it, if Arrow has room for all of its values."""
    row = {name: getattr(summary, name) for name in SCHEMA.names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}


def rows_of(batches: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


def batch_of(values: list[Any], kind: pa.DataType | None = None, **more: Any) -> pa.RecordBatch:
    body = pa.array(values, pa.binary() if kind is None else kind)
    columns = {"body": body, **{name: pa.array(value) for name, value in more.items()}}
    return pa.RecordBatch.from_pydict(columns)


# -- summaries ------------------------------------------------------------------------------------


@examples(0.5)
@given(st.lists(st.lists(bodies | st.none(), max_size=4), max_size=3))
def test_each_body_gives_the_rows_of_its_recordings_however_the_batches_are_cut(
    groups: list[list[bytes | None]],
) -> None:
    batches = [batch_of(group, number=list(range(len(group)))) for group in groups]
    rows = rows_of(summaries(iter(batches), keep=["number"]))
    expected = [
        {**as_row(row), "number": number}
        for group in groups
        for number, body in enumerate(group)
        for row in (
            [Summary("", error="the body is null")]
            if body is None
            else recordings.summaries(io.BytesIO(body))
        )
    ]
    assert rows == expected
    assert rows == rows_of(
        summaries((one for batch in batches for one in slices(batch)), keep=("number",))
    )


def slices(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    return [batch.slice(at, 1) for at in range(batch.num_rows)]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_column_of_bodies_may_be_bytes_or_text_in_each_encoding(kind: pa.DataType) -> None:
    values: list[Any] = [TEXT, None, TEXT]
    if "string" in str(kind):
        values = [TEXT.decode(), None, TEXT.decode()]
    first, null, last = rows_of(summaries([batch_of(values, kind)]))
    assert first == last == as_row(*recordings.summaries(io.BytesIO(TEXT)))
    assert null["error"] == "the body is null"


def test_a_column_of_fixed_size_or_of_nulls_alone_is_one_of_bodies() -> None:
    batch = batch_of([TEXT], pa.binary(len(TEXT)))
    assert rows_of(summaries([batch])) == rows_of(summaries([batch_of([TEXT])]))
    (row,) = rows_of(summaries([batch_of([None], pa.null())]))
    assert row["error"] == "the body is null"
    assert not row["complete"]


def test_a_body_of_text_is_read_also_where_it_is_not_utf_8() -> None:
    body = TEXT.replace(b"text_delta", b"text_d\xffelta")
    (row,) = rows_of(summaries([pa.RecordBatch.from_arrays([broken_text(body)], ["body"])]))
    assert row == as_row(*recordings.summaries(io.BytesIO(body)))


def broken_text(body: bytes) -> pa.Array:
    return pa.array([body]).cast(pa.string(), safe=False)


def test_each_stream_of_a_body_is_a_row_with_the_kept_values_of_the_body() -> None:
    batch = batch_of([TEXT + TEXT, gzip.compress(TEXT)], day=["mon", "tue"], path=["a.sse", "b.gz"])
    rows = rows_of(summaries([batch], keep=["day"], source="path"))
    assert [(row["source"], row["day"]) for row in rows] == [
        ("a.sse", "mon"),
        ("a.sse#2", "mon"),
        ("b.gz", "tue"),
    ]
    assert all(row["complete"] for row in rows)


def test_names_may_be_numbers_or_missing() -> None:
    rows = rows_of(summaries([batch_of([TEXT, TEXT], name=[7, None])], source="name"))
    assert [row["source"] for row in rows] == ["7", ""]


NOON = datetime(2026, 11, 26, 12, 0, 0, 5, timezone.utc)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (pa.array([NOON, None]), NOON),
        (pa.array([NOON.replace(tzinfo=None), None]), NOON),
        (pa.array([NOON, None]).cast(pa.timestamp("ns", "Asia/Tokyo")), NOON),
        (pa.array([NOON.date(), None]), MIDNIGHT),
        (pa.array([NOON.date(), None], pa.date64()), MIDNIGHT),
        (pa.array([2**62, None], pa.timestamp("us")), None),
        (pa.nulls(2), None),
    ],
    ids=["UTC", "no zone", "nanoseconds in Tokyo", "day", "date64", "far away", "null"],
)
def test_a_column_of_times_says_when_the_bodies_were_recorded(
    times: pa.Array, expected: datetime | None
) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([TEXT + TEXT, None]), times], ["body", "at"])
    rows = rows_of(summaries([batch], when="at"))
    assert [row["when"] for row in rows] == [expected, expected, None]


def test_a_time_in_the_body_comes_first_and_a_day_in_the_name_last() -> None:
    plain = har([[chunk.to_event() for chunk in iter_chunks(TEXT)]])
    dated = plain.replace(b'"request"', b'"startedDateTime": "2026-11-01T08:00:00Z", "request"')
    batch = batch_of([dated, plain], at=[NOON, NOON], path=["2026-10-01/x", "2026-10-01/x"])
    rows = rows_of(summaries([batch], source="path", when="at"))
    assert [row["when"] for row in rows] == [datetime(2026, 11, 1, 8, tzinfo=timezone.utc), NOON]


def test_the_options_are_those_of_the_recordings() -> None:
    body = TEXT.replace(b'"index":0', b'"index":2')
    for options in ({}, {"findings": False}, {"provider": "aws"}):
        (row,) = rows_of(summaries([batch_of([body])], **options))
        assert row == as_row(*recordings.summaries(io.BytesIO(body), **options))


def test_kept_columns_keep_their_types() -> None:
    columns = {
        "body": pa.array([TEXT + TEXT]),
        "tags": pa.array([{"team": "a", "list": [1, 2]}]),
        "tenant": pa.array(["x"]).dictionary_encode(),
    }
    batch = pa.RecordBatch.from_pydict(columns)
    (made,) = summaries([batch], keep=["tags", "tenant"])
    assert made.schema.names == [*SCHEMA.names, "tags", "tenant"]
    assert made.schema.metadata == SCHEMA.metadata
    assert made.schema.types[-2:] == batch.schema.types[-2:]
    assert made.column("tags").to_pylist() == 2 * [{"team": "a", "list": [1, 2]}]


def test_a_body_of_many_streams_gives_batches_of_bounded_size() -> None:
    sizes = [batch.num_rows for batch in summaries([batch_of([TEXT * 9000, TEXT])])]
    assert sizes == [4096, 4096, 809]


def test_a_batch_is_taken_only_when_the_rows_of_the_one_before_are_given() -> None:
    taken: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            taken.append(number)
            yield batch_of([TEXT])

    made = summaries(batches())
    assert taken == []
    next(made)
    assert taken == [0]
    next(made)
    assert taken == [0, 1]


def test_a_stream_of_batches_can_be_read_as_one_table() -> None:
    made = summaries([batch_of([]), batch_of([TEXT])])
    assert pa.RecordBatchReader.from_batches(SCHEMA, made).read_all().num_rows == 1


@pytest.mark.parametrize(
    ("batch", "options", "error", "problem"),
    [
        (batch_of([TEXT]), {"column": "x"}, KeyError, "expected one column 'x'.*'body'"),
        (batch_of([TEXT]), {"keep": ["day"]}, KeyError, "expected one column 'day'"),
        (batch_of([TEXT]), {"source": "path"}, KeyError, "expected one column 'path'"),
        (batch_of([TEXT]), {"when": "at"}, KeyError, "expected one column 'at'"),
        (batch_of([TEXT], at=[7]), {"when": "at"}, TypeError, "times or days.*'at', got int64"),
        (batch_of([TEXT]), {"keep": "day"}, TypeError, r"use \['day'\]"),
        (batch_of([1], pa.int64()), {}, TypeError, "expected bytes or text.*'body', got int64"),
        (batch_of([], pa.int64()), {}, TypeError, "got int64"),
        (batch_of([TEXT], model=["x"]), {"keep": ["model"]}, ValueError, "'model': rename"),
        (
            pa.RecordBatch.from_arrays([pa.array([TEXT]), pa.array([TEXT])], ["body", "body"]),
            {},
            KeyError,
            "expected one column 'body'",
        ),
    ],
    ids=[
        "column",
        "keep",
        "source",
        "when",
        "no times",
        "keep is text",
        "numbers",
        "no rows",
        "clash",
        "twice",
    ],
)
def test_a_wrong_column_is_named(
    batch: pa.RecordBatch, options: dict[str, Any], error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        list(summaries([batch], **options))


# -- rows -----------------------------------------------------------------------------------------


def test_the_schema_has_a_version() -> None:
    """Whoever changes the columns counts the version up, here and in the schema."""
    assert SCHEMA.metadata == {b"chunkview.schema": b"1"}
    assert [f"{field.name}: {field.type}" for field in SCHEMA] == [
        "source: string",
        "when: timestamp[us, tz=UTC]",
        "id: string",
        "model: string",
        "stop_reason: string",
        "input_tokens: int64",
        "cache_read_input_tokens: int64",
        "cache_creation_input_tokens: int64",
        "ephemeral_5m_input_tokens: int64",
        "ephemeral_1h_input_tokens: int64",
        "output_tokens: int64",
        "web_search_requests: int64",
        "service_tier: string",
        "inference_geo: string",
        "cost: decimal128(38, 12)",
        "why_no_cost: string",
        "events: int64",
        "bytes: int64",
        "complete: bool",
        "error: string",
        "findings: list<element: string>",
    ]
    always = {"source", "events", "bytes", "complete"}
    assert {field.name for field in SCHEMA if not field.nullable} == always


@examples(1)
@given(st.lists(rows_of_any_kind, max_size=4))
def test_a_batch_has_every_value_that_its_column_can_hold(rows: list[Summary]) -> None:
    batch = to_batch(rows)
    assert batch.schema.equals(SCHEMA, check_metadata=True)
    for row, made in zip(rows, batch.to_pylist(), strict=True):
        for name, value in as_row(row).items():
            if isinstance(value, str):
                value = value.encode(errors="replace").decode()
            elif isinstance(value, list):
                value = [item.encode(errors="replace").decode() for item in value]
            elif isinstance(value, Decimal):
                if abs(value) >= 10**26:
                    value = None
                else:
                    assert abs(made[name] - value) <= Decimal("1E-12") / 2
                    continue
            elif isinstance(value, int) and not -(2**63) < value < 2**63:
                value = None
            assert made[name] == value, name


def test_no_row_is_a_batch_without_rows() -> None:
    assert to_batch([]).num_rows == 0
    assert to_batch([]).schema.equals(SCHEMA, check_metadata=True)


@examples(0.2)
@given(st.lists(st.integers(0, 3), max_size=6))
def test_a_parquet_file_depends_on_the_rows_alone(sizes: list[int]) -> None:
    rows = [Summary(f"{number}.sse", cost=Decimal(number) / 8) for number in range(sum(sizes))]
    written = io.BytesIO()
    with SummaryWriter(written) as writer:
        start = 0
        for size in sizes:
            writer.write(iter(rows[start : start + size]))
            start += size
    at_once = io.BytesIO()
    with SummaryWriter(at_once) as writer:
        writer.write(rows)
    assert written.getvalue() == at_once.getvalue()
    table = parquet.read_table(io.BytesIO(written.getvalue()))
    assert table.schema.equals(SCHEMA, check_metadata=True)
    assert table.to_pylist() == [as_row(row) for row in rows]


def test_a_parquet_file_is_written_in_row_groups() -> None:
    written = io.BytesIO()
    with SummaryWriter(written) as writer:
        writer.write(Summary("x") for _ in range(16_384))
        begun = written.tell()
        writer.write([Summary("y")])
    assert begun > 1000
    file = parquet.ParquetFile(io.BytesIO(written.getvalue()))
    groups = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert groups == [16_384, 1]


def test_a_time_keeps_its_microseconds() -> None:
    when = datetime(2026, 11, 26, 12, 30, 1, 234567, timezone.utc)
    assert to_batch([Summary("x", when=when)]).column("when")[0].as_py() == when


def test_without_pyarrow_the_import_names_the_extra() -> None:
    program = "import sys; sys.modules['pyarrow'] = None; import chunkview.arrow"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'chunkview[arrow]'" in ran.stderr
