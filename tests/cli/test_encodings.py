"""File names and output encodings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.console import ERROR, MODES, TEXT, Files, Start, needs_posix, read_rest, run, text_of
from support import text_stream


def test_characters_that_the_output_encoding_lacks_are_escaped(start: Start, files: Files) -> None:
    (file,) = files(body=TEXT)
    ascii_only = "ascii:strict"
    output, errors, status = read_rest(
        start("-m", "chunkview", "show", file, PYTHONIOENCODING=ascii_only)
    )
    assert output.startswith(rb"I\u2019d hand you")
    assert (errors, status) == (b"", 0)
    process = start("-m", "chunkview", "show", "--json", file, PYTHONIOENCODING=ascii_only)
    rows = [json.loads(line) for line in read_rest(process)[0].splitlines()]
    assert "".join(row["content"] for row in rows) == text_of(TEXT)


@needs_posix
def test_a_name_that_is_not_utf_8_is_shown_with_its_bytes_escaped(
    tmp_path: Path, start: Start
) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\x80.sse"
    Path(os.fsdecode(name)).write_bytes(ERROR)
    for environment in ({"PYTHONUTF8": "1"}, {"PYTHONUTF8": "1", "PYTHONIOENCODING": ":strict"}):
        arguments = ["-m", "chunkview", "show", os.fsdecode(name), os.fsdecode(name)]
        output, errors, _ = read_rest(start(*arguments, **environment))
        assert f"==> {tmp_path}/\\xff\\x80.sse <==\n" in output.decode()
        assert f"\n{tmp_path}/\\xff\\x80.sse  none " in output.decode()
        assert errors.decode().startswith(f"chunkview: {tmp_path}/\\xff\\x80.sse: byte ")
        output, _, _ = read_rest(start(*arguments, "--json", **environment))
        rows = [json.loads(line) for line in output.decode().splitlines()]
        assert {row["file"] for row in rows} == {os.fsdecode(name)}


ENCODINGS = [
    f"{encoding}:{errors}"
    for encoding in ("ascii", "latin-1", "cp1252", "utf-8", "utf-16")
    for errors in ("strict", "surrogateescape", "surrogatepass", "replace")
    if (encoding, errors) != ("utf-16", "surrogateescape")
]


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("mode", MODES, ids=" ".join)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_show_works_in_every_output_encoding(
    encoding: str, mode: list[str], tmp_path: Path, *, is_terminal: bool
) -> None:
    name, _, errors = encoding.partition(":")
    dragon = TEXT.replace(b'"text":"I"', '"text":"\U0001f409\xe9I"'.encode())
    paths = [str(tmp_path / "\xe9.sse"), str(tmp_path / "plain.sse")]
    for path, body in zip(paths, (dragon, TEXT), strict=True):
        Path(path).write_bytes(body)
    out, complaints, status = run(
        "show", *mode, *paths, is_terminal=is_terminal, encoding=name, errors=errors
    )
    assert (complaints, status) == ("", 0)
    if mode == ["--json"]:
        rows = [json.loads(line) for line in out.splitlines()]
        assert "".join(row["content"] for row in rows) == text_of(dragon) + text_of(TEXT)
        assert sorted({row["file"] for row in rows}) == sorted(paths)


@needs_posix
@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"], ["demo", "--no-delay"]])
def test_the_commands_work_in_the_c_locale(
    arguments: list[str], start: Start, files: Files
) -> None:
    paths = files(body=TEXT) if arguments[0] == "show" else []
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    output, errors, status = read_rest(start("-m", "chunkview", *arguments, *paths, **plain))
    assert b"\\u2019d hand you" in output
    assert (errors, status) == (b"", 0)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_half_a_character_is_a_mark_in_the_text_and_an_escape_in_json(
    files: Files, *, is_terminal: bool
) -> None:
    texts = ["a\ud83d", "\ude00 b\ud83d", "c"]
    body = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in text_stream(*texts))
    (path,) = files(body=body)
    out, complaints, status = run("show", path, is_terminal=is_terminal)
    assert (complaints, status) == ("", 0)
    assert out.startswith("a\U0001f600 b\ufffdc\n")
    out, complaints, status = run("show", "--json", path, is_terminal=is_terminal)
    assert (complaints, status) == ("", 0)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["content"] for row in rows if row["delta_type"]] == texts
