"""Files, folders, patterns, open files and URLs; and what goes wrong with them."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chunkview import ChunkviewError, DecodeError, accumulate
from chunkview.recordings import Recording, RecordingError, read
from chunkview.testing import recording
from recordings.writers import batch_results, bodies, cassette, event_lines, zstd
from support import text_stream

TEXT = recording("text")
STREAMS = [text_stream("a"), text_stream("b")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in {
        "b.sse": TEXT,
        "a/deep.ndjson": event_lines(STREAMS),
        "a/.hidden": b"x",
        ".git/config": b"x",
        "c.txt": b"What is this?\n",
        "d.gz": gzip.compress(batch_results(STREAMS)),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return tmp_path


def names(found: list[Recording], folder: Path) -> list[str]:
    return [os.path.relpath(one.name, folder).replace(os.sep, "/") for one in found]


def test_a_folder_is_walked_in_the_order_of_the_names_without_hidden_files(folder: Path) -> None:
    found = list(read(folder))
    assert names(found, folder) == [
        "b.sse",
        "c.txt",
        "d.gz#id-0",
        "d.gz#id-1",
        "a/deep.ndjson",
        "a/deep.ndjson#2",
    ]
    broken = {one.name: one.error for one in found if one.error is not None}
    (error,) = broken.values()
    assert isinstance(error, RecordingError)
    assert (error.file, error.offset) == (str(folder / "c.txt"), 0)
    assert str(error) == (
        f"{folder / 'c.txt'}: byte 0: no format that chunkview knows; it begins with "
        "'What is this?'"
    )


def test_a_pattern_gives_the_files_that_fit(folder: Path) -> None:
    assert names(list(read(f"{folder}/*.[sg]*")), folder) == ["b.sse", "d.gz#id-0", "d.gz#id-1"]
    assert names(list(read(f"{folder}/[a]")), folder) == ["a/deep.ndjson", "a/deep.ndjson#2"]
    assert len(list(read(f"{folder}/**"))) == 6
    deep = list(read(f"{folder}/**/*.ndjson"))
    assert names(deep, folder) == ["a/deep.ndjson", "a/deep.ndjson#2"]
    with pytest.raises(FileNotFoundError, match="no file fits the pattern"):
        list(read(f"{folder}/*.parquet"))


@pytest.mark.parametrize("suffix", ["times", "request"])
def test_what_record_writes_beside_a_body_is_left_out(folder: Path, suffix: str) -> None:
    (folder / f"b.sse.{suffix}").write_bytes(b'{"format": 1}')
    (folder / f"alone.{suffix}").write_bytes(TEXT)
    for place in (folder, f"{folder}/*"):
        found = names(list(read(place)), folder)
        assert f"b.sse.{suffix}" not in found
        assert f"alone.{suffix}" in found


def test_a_file_whose_name_looks_like_a_pattern_or_a_url_is_read(tmp_path: Path) -> None:
    for name in ("[x].sse", "a*b", "s3::x"):
        (tmp_path / name).write_bytes(TEXT)
        (one,) = read(str(tmp_path / name))
        assert one.source == TEXT


def test_a_file_that_you_name_and_that_is_missing_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read(tmp_path / "no"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_in_a_folder_what_cannot_be_opened_is_broken_and_a_pipe_is_left_out(folder: Path) -> None:
    (folder / "e").symlink_to(folder / "missing")
    os.mkfifo(folder / "f")
    found = {one.name: one for one in read(folder)}
    one = found[str(folder / "e")]
    assert isinstance(one.error, FileNotFoundError)
    assert one.format is None
    with pytest.raises(FileNotFoundError):
        accumulate(one.source)
    assert str(folder / "f") not in found
    assert len(found) == 7


def test_an_open_file_is_read_and_not_closed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(TEXT)
    with path.open("rb") as file:
        (one,) = read(file)
        assert (one.name, one.file, one.source) == (str(path), str(path), TEXT)
        assert not file.closed
    (one,) = read(io.BytesIO(TEXT))
    assert (one.name, one.file) == ("", "")


@pytest.mark.parametrize("source", [b"path", io.StringIO("x"), None, 5])
def test_what_is_no_file_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match="expected a path, or a file opened in binary mode"):
        list(read(source))


class Failing(io.RawIOBase):
    """A file that fails after some bytes."""

    def __init__(self, data: bytes, failure: OSError | None) -> None:
        self._pieces = [data]
        self._failure = failure

    def read(self, _size: int = -1, /) -> Any:
        if self._pieces:
            return self._pieces.pop()
        if self._failure is None:
            return None
        raise self._failure


@pytest.mark.parametrize("failure", [OSError(5, "Input/output error"), None])
@pytest.mark.parametrize("write", [bodies, event_lines, lambda _: gzip.compress(TEXT)[:-20]])
def test_a_file_that_fails_keeps_what_came_before(failure: OSError | None, write: Any) -> None:
    data = write(STREAMS)
    found = list(read(Failing(data, failure)))
    error = found[-1].error
    assert isinstance(error, RecordingError)
    assert error.problem.startswith("cannot be read any further: ")
    assert error.offset == len(data)
    with pytest.raises(ChunkviewError):
        accumulate(found[-1].source)
    if write is bodies:
        assert accumulate(found[0].source) == accumulate(STREAMS[0])


def test_fsspec_reaches_other_places(folder: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe({"/x/b.sse": TEXT, "/x/a.sse": TEXT, "/x/c/d": zstd(TEXT)})
    assert [one.name for one in read("memory://x")] == [
        "memory:///x/a.sse",
        "memory:///x/b.sse",
        "memory:///x/c/d",
    ]
    assert [one.file for one in read("memory://x/*.sse")] == [
        "memory:///x/a.sse",
        "memory:///x/b.sse",
    ]
    (one,) = read("memory://x/c/d")
    assert (one.name, one.source) == ("memory://x/c/d", TEXT)
    with pytest.raises(FileNotFoundError):
        list(read("memory://no"))
    with pytest.raises(FileNotFoundError):
        list(read("memory://x/*.gz"))
    with pytest.raises(ValueError, match="Protocol not known"):
        list(read("nothing://x"))


@pytest.mark.parametrize(
    ("module", "data", "extra"),
    [("zstandard", zstd(TEXT), "zstd"), ("yaml", cassette(STREAMS), "yaml")],
)
def test_a_missing_library_is_an_error_of_that_file_and_names_the_extra(
    module: str, data: bytes, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(TEXT)
    if module == "zstandard" and sys.version_info >= (3, 14):
        monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setitem(sys.modules, module, None)
    broken, good = read(tmp_path)
    with pytest.raises(DecodeError, match=rf"pip install 'chunkview\[{extra}\]'"):
        accumulate(broken.source)
    assert good.error is None


def test_a_url_without_fsspec_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ImportError, match=r"s3://b/x needs fsspec: pip install 'chunkview"):
        list(read("s3://b/x"))


PROGRAM = """
import io, sys
import chunkview
assert not any(name.startswith("chunkview.recordings") for name in sys.modules)
from chunkview.recordings import read
(one,) = read(io.BytesIO(b'{"type": "message_stop"}'))
print(sorted({"yaml", "zstandard", "fsspec", "botocore", "asyncio", "hypothesis", "glob"}
             & set(sys.modules)))
"""


def test_importing_the_package_loads_no_recordings_and_those_load_no_other_library() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() in ("[]", "['glob']")


def peak_of(write: Any, count: int) -> tuple[int, int, int]:
    """Read a file that is made while it is read: its size, its recordings, the peak of memory."""
    import tracemalloc

    part = write(STREAMS)
    size = 0

    class Made(io.RawIOBase):
        def __init__(self) -> None:
            self._parts: Iterator[bytes] = iter([part * 64] * (count // 64))

        def read(self, _size: int = -1, /) -> bytes:
            nonlocal size
            data = next(self._parts, b"")
            size += len(data)
            return data

    tracemalloc.start()
    try:
        found = sum(1 for one in read(Made()) if one.error is None)
        return size, found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["lines of events", "bodies", "a log of Claude Code", "frames"])
def test_a_long_file_takes_no_more_memory_than_a_short_one(name: str) -> None:
    """The memory depends on the longest message, not on the number of messages."""
    from recordings.writers import FORMATS

    write = FORMATS[name][0]
    short, long = peak_of(write, 128), peak_of(write, 4_096)
    assert long[0] == 32 * short[0]
    assert long[0] > 2_500_000
    assert long[2] < short[2] + 1_000_000  # another thread of the process may take some
    if name != "a log of Claude Code":  # there, one id is one message
        assert long[1] == 2 * 4_096


def test_a_folder_that_cannot_be_listed_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("a"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(read(folder))
    assert names(found, folder) == ["b.sse", "c.txt", "d.gz#id-0", "d.gz#id-1", "a"]
    assert isinstance(found[-1].error, PermissionError)
