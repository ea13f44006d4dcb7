"""What all commands leave out of a folder alike, and what they say of an empty one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from chunkview._cli.main import main
from chunkview._cli.record.playing import recorded_answer
from cli.console import TEXT, Capture, run, write_recorded
from cli.test_serve import served

WHOLE = b'{"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn"}'
NOTE = "3 answers are left out: to other requests than POST /v1/messages"
NOTHING = "there are no recordings in it"
BENCH = ["bench", "json:loads"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `chunkview record` writes for a client that also counts tokens and lists models."""
    error = b'{"type": "error", "error": {"type": "not_found_error", "message": "No model"}}'
    write_recorded(tmp_path / "1.sse", TEXT, content_type="text/event-stream")
    write_recorded(tmp_path / "2.json", b'{"input_tokens": 1}', "/v1/messages/count_tokens")
    write_recorded(tmp_path / "3.json", b'{"data": []}', "/v1/models?limit=2")
    write_recorded(tmp_path / "4.json", error, "/v1/models/x", status=404)
    return tmp_path


def test_stats_leaves_out_answers_to_other_requests(folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / ".rows.jsonl"
    out, complaints, status = run("stats", "--json", "-o", str(rows), str(folder))
    total = json.loads(out)["total"]
    assert (complaints, status) == (f"chunkview: {NOTE}\n", 0)
    assert [total[key] for key in ("streams", "errors", "unread", "with_findings")] == [1, 0, 0, 0]
    assert len(rows.read_text().splitlines()) == 1


def test_check_skips_answers_to_other_requests(folder: Path) -> None:
    out, complaints, status = run("check", str(folder))
    names = ", ".join(str(folder / f"{number}.json") for number in (2, 3, 4))
    why = "it answers another request than POST /v1/messages"
    assert out == f"note: not checked: {names}: {why}\nNo rule is broken in 1 stream\n"
    assert (complaints, status) == ("", 0)


@pytest.mark.parametrize("form", [[], ["--chunks"], ["--json"], ["--html", "-"]])
def test_show_leaves_out_answers_to_other_requests(
    folder: Path, form: list[str], capsys: Capture
) -> None:
    assert main(["show", *form, str(folder)]) == 0
    assert capsys.readouterr().err == f"chunkview: {folder}: {NOTE}\n"


def test_serve_leaves_out_answers_to_other_requests(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    answers, status = served([str(folder)], monkeypatch)
    assert (answers, status) == ([TEXT], 0)
    assert capsys.readouterr().err == f"chunkview: {folder}: {NOTE}\n"


@pytest.mark.usefixtures("in_this_process")
def test_bench_leaves_out_answers_to_other_requests(folder: Path) -> None:
    _, complaints, _ = run(*BENCH, str(folder))
    assert complaints == f"chunkview: {folder}: {NOTE}\n"


@pytest.mark.parametrize("command", [["stats"], ["check"], ["show"]], ids=lambda words: words[0])
def test_a_file_that_is_named_is_told_by_its_content(folder: Path, command: list[str]) -> None:
    _, complaints, status = run(*command, str(folder / "2.json"))
    assert "no format that chunkview knows; it begins with '{\"input_tokens\": 1}'" in complaints
    assert status == 1


@pytest.mark.parametrize("pattern", ["", "*"], ids=["folder", "pattern"])
@pytest.mark.parametrize(
    "command",
    [["stats"], ["check"], ["show"], ["show", "--html", "-"], ["serve"], BENCH],
    ids=lambda words: " ".join(words[:2]),
)
def test_for_each_command_an_empty_folder_is_an_error(
    command: list[str], pattern: str, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / ".hidden").write_bytes(TEXT)
    place = str(tmp_path / pattern)
    _, complaints, status = run(*command, place)
    assert complaints.startswith(f"chunkview: {place}: {NOTHING}\n")
    assert status == 1


def test_the_reports_of_check_have_an_empty_folder(tmp_path: Path) -> None:
    place, xml = tmp_path / "empty", tmp_path / "report.xml"
    place.mkdir()
    out, _, status = run("check", "--json", "--junit", str(xml), str(place))
    (one,) = json.loads(out)["checked"]
    assert (one["name"], one["problem"], status) == (str(place), NOTHING, 1)
    (suite,) = ET.parse(xml).getroot()
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")


@pytest.mark.parametrize("command", ["stats", "check", "show"])
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_an_empty_file_is_an_error_by_itself(command: str, is_folder: bool, tmp_path: Path) -> None:
    file = tmp_path / "empty.sse"
    file.write_bytes(b"")
    _, complaints, status = run(command, str(tmp_path if is_folder else file))
    assert str(file) in complaints
    assert status == 1


@pytest.mark.parametrize(
    ("asked", "status", "is_checked"),
    [(None, 200, True), (True, 200, True), (False, 200, False), (True, 529, False)],
)
@pytest.mark.parametrize("body", [WHOLE, b'{"error": "Overloaded"}'], ids=["message", "error"])
def test_stats_has_findings_of_what_check_checks(
    body: bytes, asked: Any, status: int, is_checked: bool, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    write_recorded(file, body, status=status)
    if asked is not None:
        Path(f"{file}.request").write_text(json.dumps({"stream": asked}))
    total = json.loads(run("stats", "--json", str(tmp_path))[0])["total"]
    (one,) = json.loads(run("check", "--json", str(tmp_path))[0])["checked"]
    assert bool(one["findings"]) == bool(total["with_findings"]) == is_checked
    assert bool(one["skipped"]) != is_checked


def test_serve_as_recorded_leaves_out_a_message_that_was_not_streamed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """An error is played, and so is a file that is named."""
    write_recorded(folder / "5.json", WHOLE)
    write_recorded(folder / "6.json", b'{"type": "error"}', status=529)
    write_recorded(folder / "7.sse", b"", content_type="text/event-stream")
    answers, status = served(["--as-recorded", str(folder)], monkeypatch)
    played = [recorded_answer(str(folder / name)) for name in ("1.sse", "6.json", "7.sse")]
    assert (answers, status) == (played, 0)
    why = "it is a message that was not streamed"
    named = str(folder / "5.json")
    assert capsys.readouterr().err == f"chunkview: {named}: warning: left out: {why}\n"
    assert served(["--as-recorded", named], monkeypatch) == ([recorded_answer(named)], 0)
    warning = f"chunkview: {named}: warning: not for a client that streams: {why}\n"
    assert capsys.readouterr().err == warning
