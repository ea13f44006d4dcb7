"""Texts that are far too long are cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview._cli.display import as_table
from chunkview._cli.main import main
from cli.console import ERROR, TEXT, Capture, Files, run
from support import (
    MESSAGE_STOP,
    block_stop,
    message_delta,
    message_start,
    sse,
    tool_start,
    tool_stream,
)


@given(
    rows=st.integers(1, 5).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(0, 10_000).map("x".__mul__), min_size=columns, max_size=columns),
            min_size=1,
            max_size=40,
        )
    ),
    data=st.data(),
)
def test_a_table_is_not_much_longer_than_its_cells(
    rows: list[list[str]], data: st.DataObject
) -> None:
    """A cell adds a bounded number of spaces to each row, however long it is."""
    columns = len(rows[0])
    words = data.draw(st.integers(0, columns))
    table = as_table(rows, words=words)
    assert [line.split() for line in table.splitlines()] == [
        [cell for cell in row if cell] for row in rows
    ]
    assert len(table) <= sum(len(cell) for row in rows for cell in row) + len(rows) * columns * 202


def test_one_long_name_among_many_tool_calls_is_written_once(files: Files, capsys: Capture) -> None:
    calls, length = 300, 100_000
    events = [message_start()]
    for number in range(calls):
        name = "x" * length if number == 0 else "get_weather"
        events += [tool_start(number, id=f"toolu_{number}", name=name), block_stop(number)]
    body = sse([*events, message_delta("tool_use"), MESSAGE_STOP])
    assert main(["show", *files(body=body)]) == 0
    out = capsys.readouterr().out
    assert len(out) < len(body)
    assert f"tool call {'x' * 200}... (100,000 characters)\n  {{}}\n" in out
    assert out.count("tool call get_weather\n  {}\n") == calls - 1


@pytest.mark.parametrize("is_terminal", [True, False])
def test_one_long_stop_reason_does_not_pad_the_rows_of_other_files(
    files: Files, *, is_terminal: bool
) -> None:
    length = 100_000
    long = TEXT.replace(b"end_turn", b"x" * length)
    paths = files(long=long, **{f"file{number}": TEXT for number in range(100)})
    out, _, status = run("show", *paths, is_terminal=is_terminal)
    assert status == 0
    assert len(out) < 3 * length
    assert "... (100,000 characters)" in out


def test_a_tool_input_is_shown_whole_unless_it_is_far_too_long(
    files: Files, capsys: Capture
) -> None:
    for length, end in ((9_000, 'x"\n  }'), (50_000, "x... (50,009 characters)")):
        main(["show", *files(body=sse(tool_stream(json.dumps({"a": "x" * length}))))])
        shown = capsys.readouterr().out.partition("\n\nmodel ")[0]
        assert shown.endswith(end)
        assert len(shown) < 11_000


def test_the_message_about_an_error_has_a_bounded_length(files: Files, capsys: Capture) -> None:
    assert main(["show", *files(body=ERROR.replace(b"Overloaded", b"x" * 100_000))]) == 1
    err = capsys.readouterr().err
    assert len(err) < 3_000
    assert err.endswith("xxx...\n")
