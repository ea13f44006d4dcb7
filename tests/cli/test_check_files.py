"""`chunkview check` on files and standard input: findings, reports and exit statuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import iter_chunks
from chunkview._cli.check.breaches import Checked
from chunkview._cli.check.files import check_files, items_of_file
from chunkview._cli.check.requests import REQUESTS
from chunkview._cli.check.rules import SERVER_RULES
from chunkview._cli.main import main
from chunkview._rules import VERSIONS
from chunkview.conformance import RULES, check
from chunkview.testing import recording, recording_names
from chunkview.testing import strategies as cv
from chunkview.testing._examples import broken_body
from cli.console import (
    DELTA,
    GUARD_SECONDS,
    HALVES,
    HARMFUL,
    TEXT,
    TOOL_CALL,
    Capture,
    Files,
    Start,
    event_line,
    harmful,
    needs_posix,
    run,
    run_on_terminal,
)
from cli.test_terminal import bodies_with

GAP = TEXT.replace(b'"index":0', b'"index":2')
# A warning and no error.
REPEATED_STOP = TEXT + event_line("message_stop") + b'data: {"type": "message_stop"}\n\n'


def report(*arguments: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(run("check", "--json", *arguments)[0])
    return value


def rules_of(report: dict[str, Any]) -> dict[str, int]:
    return {row["rule"]: row["count"] for row in report["rules"]}


@pytest.mark.parametrize("name", recording_names())
def test_a_recording_of_the_api_breaks_no_rule(name: str, files: Files) -> None:
    out, complaints, status = run("check", "--strict", *files(body=recording(name)))
    assert (out, complaints, status) == ("No rule is broken in 1 stream\n", "", 0)


def test_a_block_says_what_was_seen_and_what_to_send(files: Files) -> None:
    paths = files(good=TEXT, gap=GAP, again=GAP)
    out, complaints, status = run("check", *paths)
    assert (complaints, status) == ("", 1)
    lines = out.splitlines()
    assert lines[0] == "error      index_not_consecutive"
    assert lines[1] == (
        "  seen     content_block_start does not have the next index: index 2 came, and 0 is due"
    )
    assert lines[2] == f"  count    2 times in {paths[1]}, {paths[2]}"
    assert lines[3] == f"  first    {paths[1]}, event 1"
    assert lines[4].startswith("  sent     ")
    assert "content_block_start" in lines[4]
    rule = RULES["index_not_consecutive"]
    for text in (rule.promise, rule.sdk, rule.mend, rule.page):
        assert text in out
    assert lines[-1] == "1 rule broken (1 error, 0 warnings) in 3 streams"


END = {
    "missing end": (TEXT[:DELTA], "stream_cut"),
    "end mark": (TEXT + b"data: [DONE]\n\n", "done_marker"),
    "unsigned thinking": (
        re.sub(rb"event: content_block_delta\ndata: .*signature_delta.*\n\n", b"", TOOL_CALL),
        "thinking_without_signature",
    ),
}


@pytest.mark.parametrize("case", END)
def test_what_follows_the_last_event_has_no_number_of_an_event(case: str, files: Files) -> None:
    body, rule = END[case]
    count = body.count(b"data: {")
    paths = files(body=body)
    (row,) = report(*paths)["rules"]
    assert (row["rule"], row["first"]["position"]) == (rule, count)
    first = next(line for line in run("check", *paths)[0].splitlines() if "  first" in line)
    assert first.endswith(f", after event {count - 1}")
    assert ("at the end of the message" in first) == (case != "end mark")


BLOCKS = {
    "tool_input_invalid": ("block 0", "\"{'city': 'Paris'}\""),
    "thinking_without_signature": ("block 0", "'Hmm'"),
    "block_not_stopped": ("block 0", "text 'Hello world'"),
}


@pytest.mark.parametrize("rule", BLOCKS)
def test_what_shows_at_the_end_about_a_block_names_the_block_and_shows_it(
    rule: str, files: Files
) -> None:
    """Nothing was sent at the end, so the block is shown."""
    body = broken_body(rule).partition(b"event: message_stop")[0]
    out = run("check", *files(body=body))[0]
    block, beginning = BLOCKS[rule]
    lines = out[out.index(f"{rule}\n") :].splitlines()
    assert lines[1].startswith(f"  seen     {block}: ")
    assert lines[1].endswith(f": {beginning}")
    assert f", {block}, seen at the end of the message, after event " in lines[3]
    assert not lines[4].startswith("  sent")


@pytest.mark.parametrize("name", RULES)
def test_the_report_names_no_event_beyond_the_last_one(name: str, files: Files) -> None:
    """For each rule: "event 7" in a report is an event of the stream, counted from 0."""
    body = broken_body(name)
    events = body.count(b"data:")
    for number in re.findall(r", event (\d+)\n", run("check", *files(body=body))[0]):
        assert int(number) < events
    assert ", after event" not in run("check", *files(body=b""))[0]


def test_what_was_sent_is_shown_and_not_the_events_that_were_made_of_it(files: Files) -> None:
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]}
    error = {"error": {"code": 500}}
    for value in (message, error):
        text = json.dumps(value, indent=1)
        paths = files(body=text.encode())
        found = report(*paths)["checked"][0]["findings"]
        assert found[0]["rule"] in ("body_is_message", "body_is_error")
        assert len(found) > 1
        for finding in found:
            assert (finding["event"], finding["position"]) == (" ".join(text.split()), None)
        out = run("check", *paths)[0]
        assert "event 0" not in out
        assert "message_start" not in "".join(re.findall("  sent.*", out))


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_a_message_whose_request_did_not_ask_for_a_stream_is_skipped(
    tmp_path: Path, is_folder: bool
) -> None:
    message = b'{"type": "message", "role": "assistant", "content": []}'
    path = tmp_path / "a.json"
    path.write_bytes(message)
    place = str(tmp_path if is_folder else path)
    assert "body_is_message" in rules_of(report(place))
    assert "The answer to any other request is one JSON object" in run("check", place)[0]
    (tmp_path / "a.json.request").write_bytes(b'{"stream": true}')
    assert "body_is_message" in rules_of(report(place))
    (tmp_path / "a.json.request").write_bytes(b'{"model": "m"}')
    xml = tmp_path / "report.xml"
    out, complaints, status = run("check", "--strict", "--junit", str(xml), place)
    why = "its request did not ask for a stream, or was refused"
    assert out == f"note: not checked: {path}: {why}\nNo stream was checked\n"
    assert (complaints, status) == ("", 1)
    (suite,) = ET.parse(xml).getroot()
    assert (suite.get("tests"), suite.get("skipped")) == ("1", "1")
    assert [part.get("message") for part in suite[0]] == [why]
    xml.unlink()
    (one,) = report(place)["checked"]
    assert (one["skipped"], one["findings"]) == (why, [])


@pytest.mark.parametrize("form", ["compact", "indented", "with headers", "in a list of files"])
def test_an_error_document_that_should_have_been_a_stream_is_found(form: str, files: Files) -> None:
    """`curl -N ... | chunkview check -` fails where the key or the model is wrong."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    body = json.dumps(error, indent=1 if form == "indented" else None).encode() + b"\n"
    if form == "with headers":
        body = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + body
    paths = files(body=body, **({"good": TEXT} if form == "in a list of files" else {}))
    found = report(*paths)
    assert rules_of(found) == {"body_is_error": 1}
    assert found["rules"][0]["first"]["event"] == " ".join(body.decode().split("\r\n")[-1].split())
    assert run("check", *paths)[2] == 1


def test_an_error_event_among_events_is_no_error_document(files: Files) -> None:
    error = b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n'
    assert rules_of(report(*files(first=error + json_lines(TEXT)))) == {}
    assert rules_of(report(*files(last=json_lines(TEXT) + error))) == {}
    broken = run("check", *files(after_a_broken_line=b'{"type": "ping"}}\n' + error))
    assert "body_is_error" not in broken[0]
    assert "after_a_broken_line" in broken[1]


def test_a_refusal_that_was_recorded_is_not_counted_as_a_stream(tmp_path: Path) -> None:
    error = b'{"type": "error", "error": {"type": "not_found_error", "message": "model: m"}}'
    (tmp_path / "a.sse").write_bytes(TEXT)
    (tmp_path / "b.sse").write_bytes(error)
    times = {"response": {"status": 404}}
    (tmp_path / "b.sse.times").write_text(json.dumps(times))
    out, _, status = run("check", "--strict", str(tmp_path))
    assert out.startswith(f"note: not checked: {tmp_path}/b.sse: ")
    assert out.endswith("No rule is broken in 1 stream\n")
    assert status == 0


def test_messages_of_claude_code_are_no_streams_to_check(files: Files) -> None:
    """Without --include-partial-messages its lines have whole messages: no event was sent."""
    message = {"type": "message", "role": "assistant", "id": "msg_1", "content": []}
    lines = [{"type": "assistant", "session_id": "1", "message": message}]
    paths = files(log=b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    out, complaints, status = run("check", *paths)
    assert "only with --include-partial-messages\n" in out
    assert out.endswith("\nNo stream was checked\n")
    assert (complaints, status) == ("", 1)


@pytest.mark.parametrize(
    "rule",
    [
        "index_missing",
        "data_not_object",
        "delta_string_misfit",
        "block_type_missing",
        "control_character",
        "too_deep",
    ],
)
@pytest.mark.parametrize("is_lines", [False, True], ids=["body", "lines"])
def test_an_event_that_cannot_be_decoded_is_shown(rule: str, is_lines: bool, files: Files) -> None:
    body = broken_body(rule)
    if is_lines:
        body = b"".join(line[5:].strip() + b"\n" for line in body.split(b"\n") if b"data" in line)
    rows = {row["rule"]: row for row in report(*files(body=body))["rules"]}
    if is_lines and rule not in rows:  # it is no JSON, and a recording of lines ends there
        return
    event = "".join(rows[rule]["first"]["event"].split()).removesuffix("...")
    assert event
    assert event in "".join(body.decode().split())


def test_without_an_event_the_report_says_that_none_came(files: Files) -> None:
    (row,) = report(*files(body=b": keep-alive\n\n"))["rules"]
    assert row["rule"] == "stream_cut"
    assert row["first"]["message"].endswith(": no event came")
    assert "request reached the server" in row["mend"]


def test_the_report_says_that_chunkview_raises_where_the_sdk_takes_the_stream(
    files: Files,
) -> None:
    out = run("check", *files(body=broken_body("block_type_missing")))[0]
    assert "  the SDK  The official SDK takes the stream. chunkview raises DecodeError.\n" in out
    assert "chunkview takes" not in run("check", *files(body=GAP))[0]


def test_of_a_long_body_the_beginning_is_shown(files: Files) -> None:
    message = {"content": [{"type": "text", "text": "x" * 99_999}], "role": "assistant"}
    (row, *_) = report(*files(body=json.dumps(message).encode()))["rules"]
    assert row["first"]["event"] == f"{json.dumps(message)[:400]}..."


def test_many_files_are_counted_and_as_many_named_as_there_are_requests(files: Files) -> None:
    most = len(REQUESTS)
    paths = files(**{f"gap{number}": GAP for number in range(most + 2)})
    end = f"{', '.join(paths[:most])}, 2 more\n"
    assert f"{most + 2} times in {end}" in run("check", *paths)[0]


def test_the_report_says_once_which_sdk_it_means(files: Files) -> None:
    note = f"note: the SDK is anthropic for Python, {' and '.join(VERSIONS)}\n"
    assert run("check", *files(gap=GAP, stop=REPEATED_STOP))[0].count(note) == 1
    assert "note: " not in run("check", *files(good=TEXT))[0]


@pytest.mark.parametrize(
    ("body", "arguments", "status"),
    [
        (TEXT, ["--strict"], 0),
        (REPEATED_STOP, [], 0),
        (REPEATED_STOP, ["--strict"], 1),
        (GAP, [], 1),
        (TEXT[:DELTA], [], 1),
    ],
    ids=["clean", "warning", "warning, strict", "error", "cut"],
)
def test_the_exit_status_is_1_for_errors_and_with_strict_for_warnings(
    body: bytes, arguments: list[str], status: int, files: Files
) -> None:
    assert run("check", *arguments, *files(body=body))[2] == status


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_checked(
    files: Files, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing\x1b.sse")
    (body,) = files(body=GAP)
    out, complaints, status = run("check", missing, body, f"{body}/below")
    assert "index_not_consecutive" in out
    assert out.endswith("1 rule broken (1 error, 0 warnings) in 1 stream\n")
    assert [line.split(": ")[1] for line in complaints.splitlines()] == [
        missing.replace("\x1b", "\\x1b"),
        f"{body}/below",
    ]
    assert status == 1
    assert run("check", *files(body=TEXT), missing)[2] == 1
    out, _, status = run("check", missing)
    assert (out, status) == ("No stream was checked\n", 1)


def test_standard_input_is_checked(start: Start) -> None:
    process = start("-m", "chunkview", "check", "-")
    output, errors = process.communicate(GAP)
    assert b"first    standard input, event 1\n" in output
    assert (errors, process.returncode) == (b"", 1)


@needs_posix
def test_a_non_blocking_standard_input_is_a_complaint(start: Start) -> None:
    program = (
        "import os, sys\n"
        "os.set_blocking(0, False)\n"
        "from chunkview._cli.main import main\n"
        "sys.exit(main())\n"
    )
    process = start("-c", program, "check", "-")
    assert process.wait() == 1
    assert process.stderr is not None
    assert process.stderr.read().startswith(b"chunkview: standard input: ")


def test_ctrl_c_reports_what_has_been_checked(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = files(gap=GAP, interrupted=TEXT, never=TEXT)

    def interrupted(file: str) -> Iterator[Checked]:
        if file == paths[1]:
            raise KeyboardInterrupt
        return check_files(file)

    monkeypatch.setattr("chunkview._cli.check.command.check_files", interrupted)
    xml = tmp_path / "report.xml"
    out, complaints, status = run("check", "--junit", str(xml), *paths)
    assert "index_not_consecutive" in out
    assert out.endswith("1 rule broken (1 error, 0 warnings) in 1 stream; interrupted\n")
    assert (complaints, status) == ("", 130)
    assert len(ET.parse(xml).findall(".//testcase")) == 1
    assert report(*paths)["interrupted"] is True


def test_the_json_report_has_the_keys_that_the_help_names(files: Files, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    documented = capsys.readouterr().out
    paths = files(gap=GAP, good=TEXT)
    found = report(*paths)
    assert list(found) == [
        "chunkview",
        "server",
        "model",
        "errors",
        "warnings",
        "streams",
        "not_checked",
        "interrupted",
        "left_out",
        "not_sent",
        "notes",
        "rules",
        "checked",
    ]
    (row,) = found["rules"]
    (finding,) = found["checked"][0]["findings"]
    for key in [*found, *row, *row["first"], *finding, *found["checked"][0]]:
        assert key in documented
    assert row["rule"] == "index_not_consecutive"
    assert row["in"] == [paths[0]]
    assert row["first"]["position"] == finding["position"] == 1
    assert json.loads(finding["event"].partition("data:")[2] or finding["event"])["index"] == 2
    assert [one["name"] for one in found["checked"]] == paths
    assert found["checked"][1]["findings"] == []
    missing = report("missing.sse")
    assert missing["streams"] == 0
    assert missing["checked"][0]["problem"]


def test_a_rule_of_the_server_has_a_name_of_its_own_and_every_column() -> None:
    assert not SERVER_RULES.keys() & RULES.keys()
    for rule in SERVER_RULES.values():
        # A mistake in the arguments of check is none of the API, of the SDK and of the server.
        is_mistake = rule.group == "setup" and not rule.source
        assert all([rule.name, rule.problem, rule.mend])
        assert all([rule.promise, rule.sdk, rule.source]) != is_mistake
        assert rule.severity in ("error", "warning")
        assert is_mistake or rule.source.startswith("https://")


# --- JSON lines -----------------------------------------------------------------------------------


def json_lines(body: bytes, *, wrapped: bool = False) -> bytes:
    events = [chunk.to_event() for chunk in iter_chunks(body)]
    lines: list[Any] = events
    if wrapped:
        lines = [{"type": "system", "session_id": "1"}]
        lines += [
            {"type": "stream_event", "event": event, "session_id": "1", "parent_tool_use_id": None}
            for event in events
        ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.mark.parametrize("wrapped", [False, True], ids=["events", "Claude Code"])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n \n"], ids=["", "mark", "blank"])
def test_a_file_of_json_lines_is_checked(before: bytes, wrapped: bool, files: Files) -> None:
    good, bad = (before + json_lines(body, wrapped=wrapped) for body in (TEXT, GAP))
    assert run("check", "--strict", *files(good=good))[::2] == (
        "No rule is broken in 1 stream\n",
        0,
    )
    assert rules_of(report(*files(bad=bad))) == {"index_not_consecutive": 1}


BODIES = st.sampled_from(
    [
        TEXT,
        json_lines(TOOL_CALL),
        b'{"type": "message",\n "content": []}\n',
        b"{\n}",
        b"{",
        b"\n\n",
        b"",
        b"\xef\xbb\xbf\n",
        b'{"type": "ping"}\r\n\r\n{"type": "ping"}',
    ]
)


@given(body=BODIES, data=st.data())
def test_the_items_of_a_file_do_not_depend_on_the_cut(body: bytes, data: st.DataObject) -> None:
    """However a file is cut, its items are the same text or the same bytes."""
    pieces = data.draw(cv.segmentations(body))
    whole, cut = [*items_of_file(iter([body]))], [*items_of_file(filter(None, pieces))]
    if any(isinstance(item, str) for item in whole):
        assert cut == whole
        assert "".join(map(str, cut)).encode() == body
    else:
        assert b"".join(bytes(item) for item in cut if isinstance(item, bytes)) == body
        assert len(cut) == sum(isinstance(item, bytes) for item in cut)


def test_a_whole_message_and_an_error_document_are_bodies() -> None:
    message = b'{"type": "message", "role": "assistant", "content": []}\n'
    error = b'{"type": "error", "error": {"type": "api_error", "message": "No"}}\n'
    for body in (message, error):
        assert [*items_of_file(iter([body]))] == [body]


# --- The report on a terminal, and in CI ----------------------------------------------------------


@needs_posix
@pytest.mark.parametrize("columns", [200, 80, 40])
def test_a_terminal_of_any_width_gets_blocks_that_fit(
    columns: int, start: Start, files: Files
) -> None:
    paths = files(gap=GAP, stop=REPEATED_STOP)
    shown = run_on_terminal(
        start, "-m", "chunkview", "check", "--no-color", *paths, columns=columns
    )
    lines = shown.replace("\r", "").splitlines()
    assert "\x1b" not in shown
    blocks = lines[: max(at for at, line in enumerate(lines) if not line)]
    for line in blocks:
        longest = max(map(len, line[11:].split()), default=0)
        assert len(line.rstrip()) <= columns or longest > columns - 12
    assert any(line.startswith("error      index_not_consecutive") for line in lines)
    assert any(line.startswith("warning    message_stop_repeated") for line in lines)
    assert any(line.startswith("  seen     content_block_start") for line in lines)
    joined = " ".join(shown.split())
    assert joined.endswith("2 rules broken (1 error, 1 warning) in 2 streams")
    assert RULES["index_not_consecutive"].mend in joined or columns < 80


@needs_posix
def test_a_terminal_gets_colors(start: Start, files: Files) -> None:
    shown = run_on_terminal(start, "-m", "chunkview", "check", *files(gap=GAP))
    assert "\x1b[1;31merror" in shown


@given(data=st.data(), text=harmful, is_json=st.booleans())
def test_no_control_character_of_a_stream_reaches_a_terminal(
    place: Path, data: st.DataObject, text: str, is_json: bool
) -> None:
    """A terminal gets no control character of a stream, and the XML is always valid."""
    name = text.replace("\0", "").replace("/", "").encode(errors="surrogatepass")[-200:] + b"1"
    path = place / name.decode(errors="surrogateescape")
    path.write_bytes(data.draw(bodies_with(text)))
    xml = place / "report.xml"
    arguments = ["--json"] * is_json + ["--no-color", "--junit", str(xml), str(path), f"{xml}/x"]
    out, complaints, _ = run("check", *arguments, is_terminal=True)
    assert not set(HARMFUL + HALVES) & set(out + complaints)
    if is_json:
        exact = json.loads(run("check", *arguments)[0])
        assert json.loads(out) == exact
    cases = ET.parse(xml).findall(".//testcase")
    assert len(cases) == 2


def test_junit_has_a_case_for_each_file_and_a_failure_where_an_error_is(
    files: Files, tmp_path: Path
) -> None:
    xml = tmp_path / "report.xml"
    paths = files(good=TEXT, gap=GAP, stop=REPEATED_STOP)
    missing = str(tmp_path / "missing")
    assert run("check", "--junit", str(xml), *paths, missing)[2] == 1
    (suite,) = ET.parse(xml).getroot()
    assert [suite.get(key) for key in ("tests", "failures", "errors")] == ["4", "1", "1"]
    good, gap, stop, unreadable = suite
    assert [case.get("name") for case in suite] == [*paths, missing]
    assert len(good) == 0
    (failure,) = gap
    assert (failure.tag, failure.get("type")) == ("failure", "index_not_consecutive")
    assert failure.get("message") == "1 rule broken: index_not_consecutive"
    assert "seen: content_block_start" in str(failure.text)
    (output,) = stop
    assert output.tag == "system-out"
    assert "message_stop_repeated" in str(output.text)
    assert [part.tag for part in unreadable] == ["error"]
    run("check", "--strict", "--junit", str(xml), *paths)
    assert ET.parse(xml).getroot()[0].get("failures") == "2"


def test_a_report_that_cannot_be_written_is_a_complaint(files: Files, tmp_path: Path) -> None:
    out, complaints, status = run("check", "--junit", str(tmp_path), *files(good=TEXT))
    assert out == "No rule is broken in 1 stream\n"
    assert complaints.startswith(f"chunkview: {tmp_path}: ")
    assert status == 1


@given(cv.message_streams())
def test_check_reports_what_the_function_finds(place: Path, events: list[dict[str, Any]]) -> None:
    """The report has the rules that `conformance.check` finds in the same stream, and no others."""
    path = place / "generated.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert rules_of(report(str(path))).keys() == {found.rule for found in check(events)}


def test_check_of_files_imports_no_http_client(files: Files) -> None:
    program = (
        "import sys\n"
        "from chunkview._cli.main import main\n"
        "main()\n"
        "print(*{'httpx', 'rich'} & set(sys.modules), file=sys.stderr)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program, "check", *files(body=GAP)],
        capture_output=True,
        timeout=GUARD_SECONDS,
    )
    assert shown.stderr.strip() == b""
