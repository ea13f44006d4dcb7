"""`chunkview stats --dask` on a real cluster of processes, some of which are killed."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

from chunkview._cli.stats.cluster import ClusterError, Setting, connected
from chunkview._cli.stats.remote import sum_up_remotely
from chunkview.arrow import to_batch
from chunkview.recordings import Summary, summaries
from engines.many_recordings import write_recordings

IS_REQUIRED = os.environ.get("REQUIRE_ENGINES") == "1"
COUNT = 10_000 if IS_REQUIRED else 400
"""How many files the folder has."""

try:
    from distributed import LocalCluster
except ImportError:
    if IS_REQUIRED:
        raise
    pytest.skip("there is no Dask: run `make engines`", allow_module_level=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers, each a process of its own with a nanny, which replaces it when it dies."""
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs="CRITICAL",
    ) as cluster:
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


def test_a_worker_that_is_killed_twice_costs_no_result(cluster: Any, tmp_path: Path) -> None:
    work = functools.partial(squared_once_killed, tmp_path)
    with connected(cluster.scheduler_address) as connection:
        results = list(connection.map(work, range(100), Setting()))
    assert results == [square(number) for number in range(100)]
    assert (tmp_path / "deaths").read_text() == "xxx"


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_kills_every_worker_is_named(cluster: Any) -> None:
    with connected(cluster.scheduler_address) as connection:
        with pytest.raises(ClusterError, match="4 workers died while they read part seven"):
            list(connection.map(die, ["part seven"], Setting()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings in every format."""
    folder = tmp_path_factory.mktemp("cluster") / "recordings"
    write_recordings(folder, COUNT)
    return folder


@attrs.define
class Count:
    """The simplest sums."""

    rows: int = 0

    def add(self, row: Summary) -> None:
        self.rows += bool(row)


def kill_when(parts: int, output: Path, cluster: Any) -> None:
    """Kill a worker when there are so many parts of the output."""
    while len(list(output.glob("part-*"))) < parts:
        time.sleep(0.001)
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)


def test_the_rows_of_a_cluster_are_those_of_one_process_though_a_worker_is_killed(
    cluster: Any, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "rows"
    killer = threading.Thread(target=kill_when, args=(3, output, cluster))
    killer.start()
    sums = list(sum_up_remotely(cluster.scheduler_address, [str(folder)], str(output), Count))
    killer.join()
    rows = to_batch(summaries(str(folder)))
    assert parquet.read_table(output).to_pylist() == rows.to_pylist()
    assert sum(count.rows for count in sums) == rows.num_rows >= COUNT
    assert {path.name for path in output.iterdir()} == {
        "_SUCCESS",
        *(f"part-{number:05}.parquet" for number in range(len(sums))),
    }
