"""The arguments of `chunkview stats --dask`. tests/engines runs it on a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chunkview._cli import main

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
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 1
    assert "pip install 'chunkview[dask]'" in ran.stderr
