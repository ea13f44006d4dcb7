"""`chunkview show --chunks` and `--json`."""

from __future__ import annotations

import json
import re

import pytest

from chunkview import iter_chunks
from chunkview._cli.main import main
from chunkview.testing import recording, recording_names
from cli.console import TEXT, TOOL_CALL, Capture, Files, text_of, thinking_of


def test_chunks_prints_each_chunk_view_on_a_line(files: Files, capsys: Capture) -> None:
    assert main(["show", "--chunks", *files(body=TOOL_CALL)]) == 0
    assert capsys.readouterr().out.splitlines() == [repr(chunk) for chunk in iter_chunks(TOOL_CALL)]


@pytest.mark.parametrize("name", recording_names())
def test_json_prints_an_object_for_each_event(name: str, files: Files, capsys: Capture) -> None:
    body = recording(name)
    (file,) = files(body=body)
    main(["show", "--json", file])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    chunks = list(iter_chunks(body))
    assert [row["event"] for row in rows] == [chunk.to_event() for chunk in chunks]
    assert "".join(row["content"] for row in rows) == text_of(body)
    assert "".join(row["thinking"] for row in rows) == thinking_of(body)
    for row, chunk in zip(rows, chunks, strict=True):
        for key in ("type", "model", "id", "input_tokens", "cached_tokens", "output_tokens"):
            assert row[key] == getattr(chunk, key)
        assert row["file"] == file
        assert row["usage"] == row["event"].get(
            "usage", row["event"].get("message", {}).get("usage")
        )
        assert body[row["offset"] :].startswith(f"event: {row['type']}\n".encode())
    assert len({row["offset"] for row in rows}) == len(rows)


def test_the_objects_of_json_have_the_keys_that_help_lists(files: Files, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["show", "--help"])
    _, _, listed = capsys.readouterr().out.partition("always all of them:\n")
    listed, _, _ = listed.partition("\n\n")
    documented = re.findall(
        r"\w+", " ".join(re.findall(r"^  ((?:\w+, )*\w+)", listed, re.MULTILINE))
    )
    main(["show", "--json", *files(body=TEXT)])
    for line in capsys.readouterr().out.splitlines():
        assert list(json.loads(line)) == documented


def test_json_of_several_files_is_nothing_but_json(files: Files, capsys: Capture) -> None:
    paths = files(first=TEXT, second=TOOL_CALL)
    assert main(["show", "--json", *paths]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted({row["file"] for row in rows}) == paths
