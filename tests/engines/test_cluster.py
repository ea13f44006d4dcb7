"""`chunkview stats --dask` on a real cluster of processes, some of which are killed."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

from chunkview._cli import main
from chunkview._cli.stats.cluster import ClusterError, Setting, connected
from chunkview._cli.stats.dataset import Dataset
from chunkview._cli.stats.local import Done
from chunkview._cli.stats.remote import sum_up_remotely
from chunkview.arrow import SCHEMA, to_batch
from chunkview.recordings import summaries
from chunkview.testing import recording
from engines.many_recordings import write_recordings

IS_REQUIRED = os.environ.get("REQUIRE_ENGINES") == "1"
TAKES_LONG = "takes long: `make engines` runs it"
takes_long = pytest.mark.skipif(not IS_REQUIRED, reason=TAKES_LONG)
COUNT = 10_000 if IS_REQUIRED else 400
"""How many files the folder has."""

try:
    import dask
    from distributed import LocalCluster
except ImportError:
    if IS_REQUIRED:
        raise
    pytest.skip("there is no Dask: run `make engines`", allow_module_level=True)


@contextlib.contextmanager
def running(workers: int, **options: Any) -> Iterator[Any]:
    """Run a cluster on this machine. Each worker is a process of its own."""
    with dask.config.set(options):
        with LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as cluster:
            yield cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of which nobody kills a worker. It takes seconds to start."""
    if not IS_REQUIRED:
        pytest.skip(TAKES_LONG)
    with running(2) as cluster:
        yield cluster


def square(number: int) -> int:
    return number * number


def squared_once_killed(folder: Path, number: int) -> int:
    """Kill the worker the first time that it is asked for the square of 7."""
    if number == 7:
        with (folder / "deaths").open("a") as deaths:
            deaths.write("x")
        if (folder / "deaths").stat().st_size < 3:
            os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


@takes_long
def test_a_task_that_is_killed_twice_costs_no_result(tmp_path: Path) -> None:
    work = functools.partial(squared_once_killed, tmp_path)
    # A worker may fail to come back when the machine is busy. The third one remains.
    with running(3) as cluster, connected(cluster.scheduler_address) as connection:
        results = list(connection.map(work, range(100), Setting()))
    assert results == [square(number) for number in range(100)]
    assert (tmp_path / "deaths").read_text() == "xxx"


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@takes_long
def test_what_kills_every_worker_is_named() -> None:
    allowed = {"distributed.scheduler.allowed-failures": 1}
    with running(3, **allowed) as cluster, connected(cluster.scheduler_address) as connection:
        with pytest.raises(ClusterError, match="2 workers died while they read part seven"):
            list(connection.map(die, ["part seven"], Setting()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings in every format."""
    folder = tmp_path_factory.mktemp("cluster") / "recordings"
    write_recordings(folder, COUNT)
    return folder


def kill_when(parts: int, output: Path, cluster: Any) -> None:
    """Kill a worker when there are so many parts of the output."""
    while len(list(output.glob("part-*"))) < parts:
        time.sleep(0.001)
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)


def rows_in(output: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(output).to_pylist()
    return rows


def rows_here(*paths: object) -> list[dict[str, Any]]:
    """The rows that one process makes."""
    rows: list[dict[str, Any]] = []
    for path in paths:
        rows += to_batch(summaries(str(path))).to_pylist()
    return rows


def sum_up(cluster: Any, paths: list[Any], output: Path | None) -> list[Done]:
    """What the parts amount to."""
    return list(parts_of_cluster(cluster.scheduler_address, paths, output))


def parts_of_cluster(address: str, paths: list[Any], output: Path | None) -> Iterator[Done]:
    place = None if output is None else str(output)
    return sum_up_remotely(address, list(map(str, paths)), place, (), {})


def counted(parts: list[Done]) -> int:
    totals = [part.sums.total for part in parts]
    return sum(total.streams + total.unread for total in totals)


def test_the_rows_of_a_cluster_are_those_of_one_process_though_a_worker_is_killed(
    folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "rows"
    with running(2) as cluster:
        killer = threading.Thread(target=kill_when, args=(3, output, cluster))
        killer.start()
        parts = sum_up(cluster, [folder], output)
        killer.join()
    rows = rows_in(output)
    assert rows == rows_here(folder)
    assert counted(parts) == len(rows) >= COUNT
    assert {path.name for path in output.iterdir()} == {
        "_SUCCESS",
        *(f"part-{number:05}.parquet" for number in range(len(parts))),
    }


def test_one_more_option_gives_the_same_table_and_the_same_rows(
    cluster: Any, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["stats", str(folder / "day=2026-11-01"), "--by", "model,day", "--json", "-o"]
    here = main([*command, str(tmp_path / "rows.parquet"), "--jobs", "1"]), capsys.readouterr()
    there = (
        main([*command, str(tmp_path / "rows"), "--dask", cluster.scheduler_address]),
        capsys.readouterr(),
    )
    assert here == there
    assert rows_in(tmp_path / "rows") == rows_in(tmp_path / "rows.parquet")


def test_sums_need_no_output(cluster: Any, folder: Path) -> None:
    day = folder / "day=2026-11-02"
    assert counted(sum_up(cluster, [day], None)) == len(rows_here(day))


def test_files_may_have_any_name_and_any_number_of_streams(cluster: Any, tmp_path: Path) -> None:
    folder = tmp_path / "Übung 🐉"
    folder.mkdir()
    (folder / "line\nfeed [x] *.sse").write_bytes(recording("text"))
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.sse")).write_bytes(recording("text"))
    (folder / "many.sse").write_bytes(recording("text") * COUNT)
    (folder / "none.sse").write_bytes(b"")
    paths = [folder, f"file://{folder}/many.sse"]
    parts = sum_up(cluster, paths, tmp_path / "rows")
    assert rows_in(tmp_path / "rows") == rows_here(*paths)
    assert counted(parts) == 2 * COUNT + 3


def test_without_a_file_the_output_has_no_row_and_all_columns(cluster: Any, tmp_path: Path) -> None:
    assert counted(sum_up(cluster, [], tmp_path / "rows")) == 0
    table = parquet.read_table(tmp_path / "rows")
    assert (table.num_rows, table.schema.names) == (0, SCHEMA.names)


def test_paths_are_those_of_the_client(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.sse").write_bytes(recording("text"))
    monkeypatch.chdir(tmp_path)
    sum_up(cluster, ["a.sse"], Path("rows"))
    assert rows_in(tmp_path / "rows") == rows_here(tmp_path / "a.sse")


def test_a_file_that_is_gone_is_a_row(cluster: Any, tmp_path: Path) -> None:
    paths = [tmp_path / "gone.sse", tmp_path / "here.sse"]
    paths[1].write_bytes(recording("text"))
    sum_up(cluster, paths, tmp_path / "rows")
    gone, here = rows_in(tmp_path / "rows")
    assert (gone["source"], gone["complete"], here["complete"]) == (str(paths[0]), False, True)
    assert "No such file" in gone["error"]


# -- what cannot work ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (Setting(chunkview="9.9"), "2 workers: it has chunkview .*, and this computer has 9.9"),
        (Setting(prices="9.9"), "2 workers: it has genai-prices .*, and this computer has 9.9"),
        (Setting(extras=frozenset({"magic"})), r"2 workers: it lacks .*'chunkview\[magic\]'"),
        (Setting(file="/no/such"), "2 workers: it does not see /no/such: use a folder that they"),
        (Setting(dataset=Dataset("/no/such")), "2 workers: it does not see /no/such"),
    ],
    ids=["chunkview", "prices", "extra", "input", "output"],
)
def test_a_worker_that_would_make_other_rows_is_named_before_the_run(
    cluster: Any, setting: Setting, problem: str
) -> None:
    with connected(cluster.scheduler_address) as connection:
        cluster.wait_for_workers(2, timeout=60)
        with pytest.raises(ClusterError, match=problem):
            connection.check(setting)
        with pytest.raises(ClusterError, match=problem.removeprefix("2 workers: ")):
            list(connection.map(square, [1], setting))


@takes_long
def test_the_first_task_may_come_before_the_first_worker() -> None:
    with running(0) as cluster:
        later = threading.Timer(0.5, cluster.scale, [1])
        later.start()
        with connected(cluster.scheduler_address) as connection:
            assert connection.threads == 0
            connection.check(Setting())
            assert list(connection.map(square, [3], Setting())) == [9]
        later.join()


def test_an_address_without_a_scheduler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chunkview._cli.stats.cluster._CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "nonsense"):
        with pytest.raises(ClusterError, match=f"no scheduler answers at {address}"):
            with connected(address):
                pass


def test_an_output_that_is_not_empty_is_refused(cluster: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "part-00000.parquet").write_bytes(b"old")
    with pytest.raises(FileExistsError, match="not empty"):
        sum_up(cluster, [folder], tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_an_output_that_goes_away_ends_the_run(cluster: Any, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows"
    parts = parts_of_cluster(cluster.scheduler_address, [folder], output)
    next(parts)
    shutil.rmtree(output)
    with pytest.raises((ClusterError, FileNotFoundError), match=r"No such file|are missing"):
        list(parts)
    assert not output.exists()


@takes_long
def test_a_scheduler_that_dies_ends_the_run_without_success(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows"
    with contextlib.ExitStack() as stack:
        scheduler = stack.enter_context(
            process("dask_scheduler", "--port", "0", "--scheduler-file", str(tmp_path / "address"))
        )
        stack.enter_context(
            process("dask_worker", "--scheduler-file", str(tmp_path / "address"), "--no-nanny")
        )
        address = address_in(tmp_path / "address")
        parts = parts_of_cluster(address, [folder], output)
        next(parts)
        scheduler.kill()
        with pytest.raises(ClusterError, match="the scheduler went away"):
            list(parts)
    names = {path.name for path in output.iterdir() if not path.name.startswith(".part")}
    assert names
    assert all(name.startswith("part-") for name in names)


def address_in(file: Path) -> str:
    """Wait until a scheduler has written its address."""
    while True:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.01)


@contextlib.contextmanager
def process(program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of Dask, and kill it at the end."""
    command = [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    running = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
