"""`chunkview show` with several files: heads and totals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chunkview import iter_chunks
from chunkview._cli.main import main
from chunkview._cli.show.summary import as_totals
from cli.console import TEXT, TOOL_CALL, Capture, Files, text_of


def test_several_files_have_a_head_each_and_totals_at_the_end(
    files: Files, capsys: Capture
) -> None:
    paths = files(first=TEXT, second=TOOL_CALL)
    assert main(["show", *paths]) == 0
    out = capsys.readouterr().out
    first, second = (f"==> {path} <==\n" for path in paths)
    assert out.startswith(f"{first}{text_of(TEXT)}\n\nmodel ")
    assert f"\n\n{second}| The user" in out
    head, *rows = out.rpartition("\n\n")[2].splitlines()
    cells = ["file", "finish reason", "input", "cached", "cache write", "output", "cost"]
    assert re.split(r"  +", head.strip()) == cells
    assert [row.split() for row in rows] == [
        [paths[0], "end_turn", "12", "1,536", "0", "104", "$0.002057"],
        [paths[1], "tool_use", "612", "0", "0", "187", "$0.004641"],
        ["total", "624", "1,536", "0", "291", "$0.006698"],
    ]


def test_a_total_that_lacks_a_part_says_so(files: Files, capsys: Capture) -> None:
    unknown = TEXT.replace(b"claude-3-5-sonnet-20240620", b"no-such-model")
    main(["show", *files(first=TEXT, second=unknown)])
    out = capsys.readouterr().out
    assert "not known: not on the price list" in out
    assert re.split(r"  +", out.splitlines()[-1])[1:] == [
        "24",
        "3,072",
        "0",
        "208",
        "at least $0.002057",
    ]


def test_the_totals_of_unreadable_files_are_not_known(tmp_path: Path, capsys: Capture) -> None:
    assert main(["show", str(tmp_path / "one"), str(tmp_path / "two")]) == 1
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "?", "?", "?", "?", "?"]


def test_a_single_file_has_neither_head_nor_totals(files: Files, capsys: Capture) -> None:
    main(["show", *files(only=TEXT)])
    out = capsys.readouterr().out
    assert "==>" not in out
    assert "total" not in out


def test_chunks_of_several_files_have_heads_and_no_totals(files: Files, capsys: Capture) -> None:
    first, second = files(first=TEXT, second=TEXT)
    main(["show", "--chunks", first, second])
    lines = capsys.readouterr().out.splitlines()
    chunks = [repr(chunk) for chunk in iter_chunks(TEXT)]
    assert lines == [f"==> {first} <==", *chunks, "", f"==> {second} <==", *chunks]


@pytest.mark.parametrize(
    ("columns", "totals"),
    [
        (
            93,
            """\
file                    finish reason  input  cached  cache write  output                cost
thinking_and_tools.sse  tool_use       1,612       0            0     187           $0.004641
broken                  none              27       0            0       1                   ?
total                                  1,639       0            0     188  at least $0.004641
""",
        ),
        (
            80,
            """\
file
  finish reason  input  cached  cache write  output                cost
thinking_and_tools.sse
  tool_use       1,612       0            0     187           $0.004641
broken
  none              27       0            0       1                   ?
total
                 1,639       0            0     188  at least $0.004641
""",
        ),
        (
            50,
            """\
thinking_and_tools.sse
  tool_use, 1,612 input, 0 cached, 0 cache write,
  187 output, cost $0.004641
broken
  none, 27 input, 0 cached, 0 cache write,
  1 output, cost ?
total
  1,639 input, 0 cached, 0 cache write,
  188 output, cost at least $0.004641
""",
        ),
    ],
)
def test_totals_fit_into_the_terminal(columns: int, totals: str) -> None:
    rows = [
        ("thinking_and_tools.sse", "tool_use", "1,612", "0", "0", "187", "$0.004641"),
        ("broken", "none", "27", "0", "0", "1", "?"),
        ("total", "", "1,639", "0", "0", "188", "at least $0.004641"),
    ]
    shown = as_totals(rows, columns=columns)
    assert [line.rstrip() for line in shown.splitlines()] == totals.splitlines()
