"""How wide the lines are: COLUMNS decides, for every command and every kind of output."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview._cli.bench.figures import Figure
from chunkview._cli.bench.report import HEAD, as_text
from chunkview._cli.console import columns_of
from chunkview.testing import broken_body
from cli.console import ERROR, TEXT, TOOL_CALL, Files, Terminal, run
from support import examples


@pytest.mark.parametrize(
    ("named", "is_terminal", "columns"),
    [
        ("40", True, 40),
        ("40", False, 40),
        ("1000", False, 200),
        # As if it was not set. This terminal does not tell its width.
        *((named, True, 80) for named in ("", "0", "-5", "wide", "9" * 5000)),
        *((named, False, None) for named in ("", "0", "-5", "wide", "9" * 5000)),
    ],
)
def test_columns_decides_and_then_the_terminal(
    named: str, is_terminal: bool, columns: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", named)
    stream = (Terminal if is_terminal else io.TextIOWrapper)(io.BytesIO())
    assert columns_of(stream) == columns


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize(
    "command",
    [["show"], ["check"], ["stats"], ["stats", "--by", "model,stop_reason"]],
    ids=" ".join,
)
def test_a_pipe_with_columns_gets_the_lines_that_a_terminal_gets(
    command: list[str], columns: int, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    broken = broken_body("index_not_consecutive")
    paths = files(text=TEXT, tool=TOOL_CALL, error=ERROR, broken=broken, other=b"no format")
    piped = run(*command, *paths)
    assert piped == run(*command, *paths, is_terminal=True)
    monkeypatch.delenv("COLUMNS")
    whole = run(*command, *paths)
    assert max(map(len, whole[0].splitlines())) > 80
    for text in piped[:2]:
        for line in text.splitlines():
            longest = max(map(len, line.split()), default=0)
            assert len(line.rstrip()) <= columns or longest > columns // 2, line
    # Messages have the same words.
    assert piped[1].split() == whole[1].split()


def figure(row: str, function: str, mean: float, ratio: float | None) -> Figure:
    return Figure(row, function, mean, mean / 50, ratio, 1234.5, 1_234_567.0)


@given(st.integers(40, 200), st.floats(1e-9, 999), st.none() | st.floats(0.01, 999))
@examples(3)
def test_the_figures_of_bench_fit_and_none_is_lost(
    columns: int, mean: float, ratio: float | None
) -> None:
    figures = [figure("all", "my_parser:parse", mean, ratio), figure("all", "SDK", 1.0, 1.0)]
    shown = as_text(figures, [], None, columns=columns, color=False)
    table = shown.partition("\n\n")[2].partition("\n\n")[0]
    assert max(len(line.rstrip()) for line in table.splitlines()) <= columns
    whole = as_text(figures, [], None, columns=None, color=False).partition("\n\n")[2]
    head, first, _ = whole.splitlines()[:3]
    assert head.split() == list(HEAD)
    words = table.replace(",\n", "\n").split()
    assert set(first.replace("all", "").split()) <= {word.strip(",") for word in words}


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (12.0, "12.0 s"),
        (0.99949, "999 ms"),
        (0.9996, "1.00 s"),
        (0.00111, "1.11 ms"),
        (3e-10, "0.300 ns"),
    ],
)
def test_a_time_has_three_digits(mean: float, expected: str) -> None:
    shown = as_text([figure("all", "f", mean, 1.0)], [], None, columns=None, color=False)
    assert f"  {expected}  " in shown


def test_a_message_wraps_and_keeps_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    _, complaints, _ = run("show", "a-missing-file-with-a-long-name.sse")
    assert complaints.replace(" \n  ", " ") == (
        "chunkview: a-missing-file-with-a-long-name.sse: No such file or directory\n"
    )
