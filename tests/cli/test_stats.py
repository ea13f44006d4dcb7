"""`chunkview stats`: rows and sums of recordings, on the cores of this computer."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import os
import re
import signal
import sys
import time
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview._cli.stats import local
from chunkview._cli.stats.parts import parts_of
from chunkview._cli.stats.rows import FORMATS, Output, format_of
from chunkview._cli.stats.sums import GROUPS, Sum, Sums
from chunkview._cli.stats.table import as_text
from chunkview.recordings import Summary, summaries
from chunkview.testing import recording, recording_names, workload
from cli.console import (
    ERROR,
    TEXT,
    TOOL_CALL,
    Files,
    Start,
    needs_posix,
    needs_sigint,
    read_rest,
    run,
    run_on_terminal,
    without,
)
from recordings.writers import FORMATS as WRITERS
from support import examples, text_stream

SUFFIXES = list(FORMATS)
NAMES = [field.name for field in attrs.fields(Summary)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with recordings of every format, by day, one of them broken."""
    place = tmp_path / "recordings"
    streams = [text_stream("a"), text_stream("b")]
    for number, (name, (write, _)) in enumerate(WRITERS.items()):
        for number_of_stream, events in enumerate(streams):
            events[0]["message"]["id"] = f"msg_{number_of_stream}"
        path = place / f"day=2026-11-{1 + number % 3:02}" / f"{name}.x"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write(streams))
    for seed in range(120):
        body = workload("short", seed=seed) if seed % 9 else recording("error")
        (place / f"{seed:03}.sse").write_bytes(body)
    (place / "broken").write_text("no format")
    return place


def rows_in(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, as `Summary.to_dict` writes them."""
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        table: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return [
            Summary(
                **{**row, "findings": None if row["findings"] is None else tuple(row["findings"])}
            ).to_dict()
            for row in table
        ]
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [dict(row) for row in csv.DictReader(file)]
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_rows_are_the_summaries_of_the_recordings(
    suffix: str, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / f"rows{suffix}"
    _, _, status = run("stats", str(folder), "-o", str(output))
    assert status == 1  # one file is broken
    expected: list[dict[str, Any]] = [row.to_dict() for row in summaries(folder)]
    if suffix == ".csv":
        expected = [{name: cell_of(value) for name, value in row.items()} for row in expected]
    assert rows_in(output) == expected
    assert len(expected) == 120 + 2 * len(WRITERS) + 1


def cell_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_number_of_processes_does_not_matter(suffix: str, folder: Path, tmp_path: Path) -> None:
    """Output and table are the same bytes, with one process and with several."""
    found = set()
    for jobs in ("1", "3"):
        output = tmp_path / f"{jobs}{suffix}"
        shown = run("stats", str(folder), "-o", str(output), "--jobs", jobs, "--by", "model,day")
        found.add((shown, output.read_bytes()))
    assert len(found) == 1


def test_a_large_part_comes_back_in_a_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = [tmp_path / "memory.jsonl", tmp_path / "file.jsonl"]
    run("stats", str(folder), "-o", str(outputs[0]), "--jobs", "2")
    monkeypatch.setattr(local, "_MOST_ROWS", 2)
    monkeypatch.setattr(local, "_MOST_BYTES", 3_000)
    spools = []
    ends = local._Spool.end

    def end(self: Any) -> Any:
        found = ends(self)
        spools.append(found[1])
        return found

    monkeypatch.setattr(local._Spool, "end", end)
    run("stats", str(folder), "-o", str(outputs[1]), "--jobs", "1")
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert all(spool is not None and not Path(spool).exists() for spool in spools)


# -- sums ------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.builds(
        Summary,
        source=st.sampled_from(["a", "b"]),
        model=st.sampled_from(["m", "n", None]),
        error=st.sampled_from([None, "e"]),
        events=st.integers(0, 2),
        input_tokens=st.none() | st.integers(0, 9),
        output_tokens=st.none() | st.integers(0, 9),
        cost=st.none() | st.integers(0, 9).map(Decimal),
        why_no_cost=st.none() | st.sampled_from(["x", "y"]),
        complete=st.booleans(),
        findings=st.none() | st.just(()) | st.just(("rule",)),
    ),
    max_size=8,
)


@given(ROWS, st.integers(0, 8), st.sampled_from([(), ("model",), ("model", "error"), ("source",)]))
@examples(1)
def test_sums_of_parts_are_the_sums_of_the_whole(
    rows: list[Summary], cut: int, by: tuple[str, ...]
) -> None:
    whole, first, second = Sums(by), Sums(by), Sums(by)
    for row in rows:
        whole.add(row)
    for row in rows[:cut]:
        first.add(row)
    for row in rows[cut:]:
        second.add(row)
    first.merge(second)
    assert written(first) == written(whole)
    assert first.total.to_dict() == whole.total.to_dict()


def written(sums: Sums) -> Any:
    groups = [(key, one.to_dict()) for key, one in sums.in_order()]
    return groups, sums.reasons


@given(ROWS)
@examples(1)
def test_a_sum_is_what_the_rows_say(rows: list[Summary]) -> None:
    total = Sum()
    for row in rows:
        total.add(row)
    unread = [row for row in rows if row.error is not None and not row.events]
    rows = [row for row in rows if row not in unread]
    known = [row.input_tokens for row in rows if row.input_tokens is not None]
    prices = [row.cost for row in rows if row.cost is not None]
    assert total.to_dict() == {
        "streams": len(rows),
        "input_tokens": sum(known) if known else None,
        "cache_read_input_tokens": None,
        "cache_creation_input_tokens": None,
        "output_tokens": total.counts["output_tokens"],
        "web_search_requests": None,
        "cost": float(sum(prices)) if prices else None,
        "without_price": len(rows) - len(prices),
        "errors": sum(row.error is not None for row in rows),
        "incomplete": sum(not row.complete for row in rows),
        "with_findings": sum(bool(row.findings) for row in rows),
        "unread": len(unread),
    }


@pytest.mark.parametrize("by", GROUPS)
def test_by_each_column_the_groups_add_up_to_the_total(by: str, folder: Path) -> None:
    out, _, _ = run("stats", str(folder), "--by", by, "--json", "--jobs", "1")
    shown = json.loads(out)
    assert sum(group["streams"] for group in shown["groups"]) == shown["total"]["streams"]
    assert [by in group for group in shown["groups"]] == [True] * len(shown["groups"])
    rows = list(summaries(folder))
    assert {group[by] for group in shown["groups"]} == {GROUPS[by](row) for row in rows}


HEAD = ["day", "streams", "input", "cache read", "cache write", "output", "searches", "cost"]
HEAD += ["no price", "errors", "incomplete", "findings", "not read"]
MODEL = "claude-3-5-sonnet-20240620"


def test_the_table_has_a_line_for_each_day_and_model(tmp_path: Path) -> None:
    for day, body in itertools.product(("2026-11-01", "2026-11-02"), (TEXT, TOOL_CALL)):
        place = tmp_path / day / f"{len(body)}.sse"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(body)
    out, complaints, status = run("stats", str(tmp_path), "--by", "day,model")
    assert (complaints, status) == ("", 0)
    head, *lines = [re.split(r" {2,}", line) for line in out.splitlines()]
    assert head == [*HEAD[:1], "model", *HEAD[1:]]
    text = [
        "claude-3-5-sonnet-20240620",
        "1",
        "12",
        "1,536",
        "0",
        "104",
        "?",
        "$0.002057",
        *"00000",
    ]
    tool = ["claude-sonnet-4-5-20250929", "1", "612", "0", "0", "187", "?", "$0.004641", *"00000"]
    assert lines == [
        ["2026-11-01", *text],
        ["2026-11-01", *tool],
        ["2026-11-02", *text],
        ["2026-11-02", *tool],
        ["total", "4", "1,248", "3,072", "0", "582", "?", "$0.013396", *"00000"],
    ]


def test_without_columns_there_is_only_the_total(files: Files) -> None:
    out, _, status = run("stats", *files(first=TEXT, second=ERROR))
    assert status == 0
    assert len(out.splitlines()) == 2
    assert out.splitlines()[1].split()[0] == "2"


def test_values_that_are_not_known_come_last(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("no format")
    (tmp_path / "b").write_bytes(TEXT)
    out, _, _ = run("stats", str(tmp_path), "--by", "model")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        MODEL,
        "-",
        "total",
    ]


def test_a_cost_is_at_least_the_sum_where_a_price_is_missing(files: Files) -> None:
    """In the groups and in the total; where no price is known, there is none."""
    mine = TEXT.replace(MODEL.encode(), b"mine")
    paths = files(a=TEXT, b=TEXT[:-200], c=mine)
    for columns in ("", "40"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", columns)
            out = " ".join(run("stats", *paths, "--by", "model")[0].split())
        assert out.count("at least $0.00") == 2
        assert out.count("?") >= 1


def test_what_cannot_be_read_is_counted_once_as_that(files: Files) -> None:
    """It is no stream, and so neither without a price, nor an error, nor incomplete."""
    paths = files(a=TEXT, b=b"no format", c=b"")
    out, complaints, _ = run("stats", *paths)
    shown = dict(zip(*(re.split(r" {2,}", line.strip()) for line in out.splitlines()), strict=True))
    assert (shown["streams"], shown["not read"]) == ("1", "2")
    assert [shown[name] for name in ("no price", "errors", "incomplete", "findings")] == ["0"] * 4
    assert "at least" not in out
    assert "without a price" not in complaints
    assert json.loads(run("stats", *paths, "--json")[0])["total"]["unread"] == 2


def test_errors_of_one_kind_are_one_group_wherever_they_are(files: Files) -> None:
    """The file, the place in it, and other numbers do not make a kind."""
    zipped = gzip.compress(TEXT)
    cut = [TEXT[:800], TEXT[:900], zipped[:-20], zipped[:-40], b"\0 1", b"no 2"]
    broken = [TEXT[:at] + b"data: {x\n\n" for at in (TEXT.index(b"event: content"), len(TEXT))]
    paths = files(**{f"n{at}": body for at, body in enumerate([*cut, *broken])})
    found = json.loads(run("stats", *paths, "--by", "error", "--json")[0])["groups"]
    kinds = {one["error"] for one in found}
    assert len(kinds) == len(found) < len(paths)
    assert not [kind for kind in kinds if re.search(r"\d|/", kind or "")]


def test_models_of_one_family_are_no_kind_of_reason(files: Files) -> None:
    bodies = [TEXT.replace(MODEL.encode(), f"mine-{number}".encode()) for number in range(5)]
    _, complaints, _ = run("stats", *files(**{f"n{at}": one for at, one in enumerate(bodies)}))
    lines = complaints.splitlines()
    assert lines[0] == "chunkview: 1 without a price: not on the price list: mine-0"
    assert lines[-1] == "chunkview: 2 more without a price, for other reasons"
    assert len(lines) == 4


# -- arguments and faults --------------------------------------------------------------------------


def test_why_there_is_no_price_is_said_once(files: Files) -> None:
    unknown = TEXT.replace(MODEL.encode(), b"mine")
    _, complaints, status = run("stats", *files(a=unknown, b=unknown, c=TEXT))
    assert complaints == "chunkview: 2 without a price: not on the price list: mine\n"
    assert status == 0


def test_without_price_lists_the_command_says_so_once(start: Start, files: Files) -> None:
    paths = files(a=TEXT, b=TEXT)
    out, errors, status = read_rest(start("-c", without("genai_prices"), "stats", *paths))
    assert status == 0
    assert errors.decode() == (
        "chunkview: 2 without a price: chunkview.pricing needs the price lists: "
        "pip install 'chunkview[prices]'\n"
    )
    assert out.splitlines()[1].split()[6] == b"?"


def test_a_file_that_is_missing_is_a_row_and_the_status(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"
    (path,) = files(a=TEXT)
    out, _, status = run("stats", "nothing", path, "-o", str(output))
    assert status == 1
    assert out.splitlines()[1].split()[0] == "1"
    assert [row["error"] for row in rows_in(output)] == ["No such file or directory", None]


def test_a_stream_that_ends_in_an_error_is_no_failure_of_the_command(files: Files) -> None:
    assert run("stats", *files(a=ERROR))[2] == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--by", "color"], "expected model, day, stop_reason, tier, geo, error, source"),
        (["-o", "rows.xml"], "the name has to end in .csv, .jsonl, .ndjson, .parquet: rows.xml"),
        (["--jobs", "0"], "expected one process or more"),
        (["--jobs", "x"], "expected one process or more"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], problem: str) -> None:
    _, complaints, status = run("stats", ".", *arguments)
    assert status == 2
    assert problem in complaints


def test_without_pyarrow_parquet_is_refused_before_anything_is_read(start: Start) -> None:
    process = start("-c", without("pyarrow"), "stats", "nothing", "-o", "rows.parquet")
    _, errors, status = read_rest(process)
    assert status == 2
    assert b"pip install 'chunkview[arrow]'" in errors


def test_no_file_fits_the_pattern(tmp_path: Path) -> None:
    output = tmp_path / "rows.csv"
    pattern = str(tmp_path / "*.sse")
    _, complaints, status = run("stats", pattern, "-o", str(output))
    assert status == 1
    assert complaints == f"chunkview: {pattern}: no file fits the pattern\n"
    assert list(tmp_path.iterdir()) == []


def test_standard_input_is_read(start: Start) -> None:
    process = start("-m", "chunkview", "stats", "-", "--by", "source")
    out, errors = process.communicate(TEXT)
    assert (errors, process.returncode) == (b"", 0)
    assert out.splitlines()[1].startswith(b"standard input ")


def test_the_provider_decides_the_price(files: Files) -> None:
    (path,) = files(a=TEXT.replace(MODEL.encode(), b"claude-opus-4-5-20251101"))
    usual, of_aws = (
        json.loads(run("stats", path, "--json", *options)[0])["total"]["cost"]
        for options in ([], ["--provider", "aws"])
    )
    assert 0 < usual < of_aws


def test_a_provider_that_is_not_known_is_refused(files: Files) -> None:
    out, complaints, status = run("stats", *files(a=TEXT), "--provider", "antropic")
    assert (out, status) == ("", 2)
    assert "argument --provider: invalid choice: 'antropic' (choose from " in complaints


def test_without_findings_nobody_looks(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"
    run("stats", *files(a=TEXT), "-o", str(output), "--no-findings")
    assert [row["findings"] for row in rows_in(output)] == [None]
    run("stats", *files(a=TEXT), "-o", str(output))
    assert [row["findings"] for row in rows_in(output)] == [[]]


# -- the output ------------------------------------------------------------------------------------


class Full(io.BytesIO):
    def write(self, _data: Any, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_the_file_that_was_there(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(b"old")
    row_format = format_of(str(path))
    encoded = row_format.encode([Summary("a")])

    def fail() -> None:
        with Output(str(path), row_format) as output:
            output.write(encoded)
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@needs_posix
def test_the_command_says_that_the_disk_is_full(files: Files) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    paths = files(**{f"f{number}": TEXT for number in range(300)})
    process_out = run_to_device(paths)
    assert process_out == (1, "chunkview: No space left on device\n")


def run_to_device(paths: list[str]) -> tuple[int, str]:
    link = Path(paths[0]).with_name("full.csv")
    link.symlink_to("/dev/full")
    _, complaints, status = run("stats", *paths, "-o", str(link), "--jobs", "1")
    return status, complaints


def test_the_output_cannot_be_made(files: Files, tmp_path: Path) -> None:
    output = tmp_path / "no folder" / "rows.csv"
    _, complaints, status = run("stats", *files(a=TEXT), "-o", str(output))
    assert status == 1
    assert "No such file or directory" in complaints


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row_format = format_of(str(path))
    with Output(str(path), row_format) as output:
        output.write(row_format.encode([Summary("a")]))
        assert not path.exists()
    assert [row["source"] for row in rows_in(path)] == ["a"]
    assert list(tmp_path.iterdir()) == [path]


@needs_sigint
def test_ctrl_c_ends_the_command_and_leaves_no_half_file(start: Start, tmp_path: Path) -> None:
    place = tmp_path / "recordings"
    place.mkdir()
    for number in range(400):
        (place / f"{number:04}.sse").write_bytes(workload("chat", deltas=400))
    output = tmp_path / "rows.csv"
    process = start("-m", "chunkview", "stats", str(place), "-o", str(output), "--jobs", "2")
    while not list(tmp_path.glob(".rows.csv.*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors, status = read_rest(process)
    assert (errors, status) in ((b"", 130), (b"", 0))  # it may have been faster
    assert list(tmp_path.glob(".rows*")) == []
    assert output.exists() == (status == 0)


def test_a_process_that_dies_ends_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("only a fork has the change")
    monkeypatch.setattr(local, "_done", die)
    output = tmp_path / "rows.csv"
    _, complaints, status = run("stats", str(folder), "-o", str(output), "--jobs", "2")
    assert status == 1
    assert complaints == "chunkview: a process died, as if it had too little memory\n"
    assert not output.exists()


def die(*_: Any) -> None:
    os._exit(9)


def test_work_that_is_not_wanted_any_more_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Set:
        def is_set(self) -> bool:
            return True

    monkeypatch.setattr(local, "_stop", Set())
    (done, *_) = local.sum_up(parts_of([str(folder)]), local.Work(()), 1)
    assert done.sums.total.streams == 0


@needs_posix
def test_a_broken_pipe_ends_the_command(start: Start, files: Files) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start("-m", "chunkview", "stats", *files(a=TEXT), stdout=writer)
    os.close(writer)
    _, errors, status = read_rest(process)
    assert (errors, status) == (b"", 141)


@needs_posix
def test_on_a_terminal_there_is_a_bar_and_a_table(start: Start, folder: Path) -> None:
    written = run_on_terminal(start, "-m", "chunkview", "stats", str(folder), "--by", "tier")
    assert "reading" in written
    assert "total" in written


def test_a_pool_is_made_only_for_several_parts(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "ProcessPoolExecutor", None)
    assert run("stats", *files(a=TEXT), "--jobs", "9")[2] == 0


def test_only_a_single_thread_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.active_count", lambda: 2)
    assert local._context().get_start_method() == "spawn"


def test_the_help_names_all_columns() -> None:
    out, _, status = run("stats", "--help")
    assert status == 0
    for name in (*NAMES, *GROUPS):
        assert name in out


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_the_table_fits_the_terminal_and_has_every_number_that_is_not_zero(columns: int) -> None:
    sums = Sums(("model", "day"))
    for day in (25, 26):
        for name in recording_names():
            (one,) = summaries(io.BytesIO(recording(name)))
            when = datetime(2026, 11, day, tzinfo=timezone.utc)
            sums.add(attrs.evolve(one, when=when))
    written = as_text(sums, columns=columns)
    assert max(len(line.rstrip()) for line in written.splitlines()) <= columns
    whole = as_text(sums, columns=None)
    for word in ("claude-sonnet-4-5-20250929", "2026-11-25", "1,536", "errors", "total"):
        assert word in whole
        assert word in " ".join(written.split())
    assert "findings" in whole
    assert "findings" not in written  # no stream has one


def test_what_cannot_be_read_is_named_and_no_more_than_five_of_it(tmp_path: Path) -> None:
    (tmp_path / "good.sse").write_bytes(TEXT)
    for number in range(7):
        (tmp_path / f"notes{number}.txt").write_text("hello")
    _, messages, status = run("stats", str(tmp_path))
    assert status == 1
    for number in range(5):
        assert f"notes{number}.txt: byte 0: no format that chunkview knows" in messages
    assert "notes5.txt" not in messages
    assert "2 more files or recordings in which no event could be read" in messages
