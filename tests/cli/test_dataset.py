"""The Parquet files that the workers of a cluster write, without a cluster."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import fsspec  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

from chunkview._cli.stats.dataset import Dataset
from chunkview.recordings import Summary

ROWS = [Summary("a.sse"), Summary("b.sse", output_tokens=3)]


@pytest.fixture(params=["path", "file URL", "memory URL", "a slash at the end", "an odd name"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder that does not exist yet, in several places."""
    yield {
        "path": str(tmp_path / "out"),
        "file URL": f"file://{tmp_path}/out",
        "memory URL": "memory://rows/out",
        "a slash at the end": "memory://rows/out/",
        "an odd name": str(tmp_path / "Übung 🐉" / "a [b] * :: c"),
    }[request.param]
    fsspec.filesystem("memory").store.clear()


def names(dataset: Dataset) -> list[str]:
    return sorted(dataset.names())


def test_a_dataset_is_whole_when_each_part_has_its_file(folder: str) -> None:
    dataset = Dataset(folder)
    dataset.begin()
    for number in (1, 0):
        dataset.write(number, ROWS[number:])
    dataset.finish(2)
    assert names(dataset) == ["_SUCCESS", "part-00000.parquet", "part-00001.parquet"]
    with (
        fsspec.open(f"{folder.rstrip('/')}/part-00000.parquet")
        if "://" in folder
        else (Path(folder, "part-00000.parquet").open("rb")) as file
    ):
        assert [row["source"] for row in parquet.read_table(file).to_pylist()] == ["a.sse", "b.sse"]


def test_a_part_that_is_written_again_replaces_its_file(folder: str) -> None:
    dataset = Dataset(folder)
    dataset.begin()
    dataset.write(0, ROWS)
    before = names(dataset)
    pickle.loads(pickle.dumps(dataset)).write(0, ROWS)
    assert names(dataset) == before
    dataset.finish(1)


def test_what_breaks_while_it_is_written_leaves_nothing(folder: str) -> None:
    def rows() -> Iterator[Summary]:
        yield from ROWS
        raise KeyError("x")

    dataset = Dataset(folder)
    dataset.begin()
    before = names(dataset)
    with pytest.raises(KeyError):
        dataset.write(0, rows())
    assert names(dataset) == before


def test_a_file_appears_when_it_is_whole(folder: str) -> None:
    seen: set[str] = set()

    def rows() -> Iterator[Summary]:
        yield from ROWS
        seen.update(dataset.names())

    dataset = Dataset(folder)
    dataset.begin()
    dataset.write(0, rows())
    assert all(name.startswith(".") for name in seen)
    assert "part-00000.parquet" in names(dataset)


def test_the_rest_of_a_killed_worker_is_removed_at_the_end(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    dataset.begin()
    dataset.write(0, ROWS)
    (tmp_path / ".part-00000.parquet.0123").write_bytes(b"PAR1")
    dataset.finish(1)
    assert names(dataset) == ["_SUCCESS", "part-00000.parquet"]


def test_a_missing_part_is_named_and_there_is_no_success(folder: str) -> None:
    dataset = Dataset(folder)
    dataset.begin()
    dataset.write(0, ROWS)
    dataset.write(2, ROWS)
    with pytest.raises(FileNotFoundError, match=r"1 of 3 files .* part-00001\.parquet"):
        dataset.finish(3)
    assert "_SUCCESS" not in names(dataset)


def test_a_folder_that_is_not_empty_is_refused(folder: str) -> None:
    first = Dataset(folder)
    first.begin()
    first.write(0, ROWS)
    first.finish(1)
    before = names(first)
    with pytest.raises(FileExistsError, match="not empty"):
        Dataset(folder).begin()
    assert names(first) == before


def test_a_run_that_fails_before_its_first_part_leaves_an_empty_folder(folder: str) -> None:
    dataset = Dataset(folder)
    dataset.begin()
    dataset.abandon()
    assert names(dataset) == []
    Dataset(folder).begin()


def test_a_run_that_fails_later_leaves_its_parts_without_success(folder: str) -> None:
    dataset = Dataset(folder)
    dataset.begin()
    dataset.write(0, ROWS)
    dataset.abandon()
    assert names(dataset) == ["part-00000.parquet"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"x")
    with pytest.raises(FileExistsError):
        Dataset(str(path)).begin()
    assert path.read_bytes() == b"x"


def test_a_worker_sees_the_folder_of_its_own_run_only(folder: str) -> None:
    dataset = Dataset(folder)
    assert not dataset.is_seen()
    dataset.begin()
    assert pickle.loads(pickle.dumps(dataset)).is_seen()
    assert not Dataset(folder).is_seen()
