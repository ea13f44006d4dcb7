"""The arguments of `chunkview stats --dask`. tests/engines runs it on a cluster."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from chunkview._cli import main
from chunkview._cli.stats.cluster import Setting
from chunkview._cli.stats.dataset import Dataset
from chunkview.testing import recording

DASK = ["--dask", "tcp://127.0.0.1:9"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["x", "--jobs", "2"], "--jobs is about this computer"),
        (["x", "-"], "a cluster cannot read standard input"),
        (["x", "-o", "rows.csv"], "with --dask, -o names a new folder"),
        (["x", "-o", "rows.JSONL"], "with --dask, -o names a new folder"),
    ],
)
def test_arguments_that_do_not_fit_a_cluster_are_refused(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["stats", *arguments, *DASK])
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err


def test_without_a_scheduler_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("chunkview._cli.stats.cluster._CONNECT_SECONDS", 0.5)
    (tmp_path / "a.sse").touch()
    assert main(["stats", str(tmp_path), "-o", str(tmp_path / "rows"), *DASK]) == 1
    assert "no scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err
    assert not (tmp_path / "rows").exists()


def test_without_dask_the_error_names_the_extra(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['distributed'] = None; from chunkview._cli import main; "
        f"sys.exit(main({['stats', str(tmp_path), *DASK]}))"
    )
    (tmp_path / "a.sse").write_bytes(recording("text"))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 1
    assert "pip install 'chunkview[dask]'" in ran.stderr


@pytest.mark.parametrize(
    ("missing", "extra"), [("yaml", "yaml"), ("zstandard", "zstd"), ("pyarrow", "dask")]
)
def test_a_worker_says_which_library_it_lacks(tmp_path: Path, missing: str, extra: str) -> None:
    """A process without the library reads the setting of this one."""
    dataset = Dataset(str(tmp_path / "rows"))
    dataset.begin()
    program = (
        "import importlib.util, pickle, sys; find = importlib.util.find_spec; "
        f"unknown = {[missing, 'compression']}; "
        "importlib.util.find_spec = lambda name: name not in unknown and find(name); "
        f"sys.modules[{missing!r}] = None; "
        "print(pickle.load(sys.stdin.buffer).problem())"
    )
    setting = Setting(dataset=dataset)
    assert setting.problem() is None
    ran = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(setting), capture_output=True
    )
    assert f"pip install 'chunkview[{extra}]'" in ran.stdout.decode(), ran.stderr
