"""`chunkview show --html`: what is in the file. tests/browser/ opens it in a browser."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import itertools
import json
import os
import re
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chunkview import TextBlock, accumulate, encode, iter_chunks
from chunkview._cli.display import printable
from chunkview._cli.main import main
from chunkview._cli.picture import page
from chunkview._cli.picture.page import page_of
from chunkview._cli.reading import Reading
from chunkview._cli.record.sidecar import Times, sidecar_of
from chunkview._stream import Framer, check_each
from chunkview.conformance import RULES, check
from chunkview.testing import recording
from chunkview.testing import strategies as cv
from cli.console import ERROR, TEXT, TOOL_CALL, Capture, Files, Start, read_rest
from support import examples

FOLDER = Path(page.__file__).parent
SCRIPTS = r"<script>(.*?)</script>"


class Page(HTMLParser):
    """Reads a picture: the names of its elements, their attributes, and the text of some."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: dict[str, str] = {}
        self._current = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        self._current = dict(attrs).get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self._current = ""

    def handle_data(self, data: str) -> None:
        self.texts[self._current] = self.texts.get(self._current, "") + data

    @property
    def facts(self) -> Any:
        return json.loads(self.texts["facts"])

    @property
    def policy(self) -> str:
        (policy,) = (value for _, value in self.attributes if "default-src" in (value or ""))
        return policy or ""


def drawn(*bodies: bytes, problems: bool = False) -> list[dict[str, Any]]:
    """The facts about the streams in some files."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.sse") for number, _ in enumerate(bodies)]
        for file, body in zip(files, bodies, strict=True):
            file.write_bytes(body)
        target = Path(folder, "out.html")
        status = main(["show", "--html", str(target), *map(str, files)])
        assert problems or status == 0
        facts: list[dict[str, Any]] = Page(target.read_text(encoding="utf-8")).facts
        return facts


def same_json(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@examples(0.5)
@given(cv.message_streams())
def test_every_event_is_in_the_picture_with_its_whole_json(events: list[cv.Event]) -> None:
    body = b"".join(map(encode, events))
    [facts] = drawn(body, problems=True)
    chunks = list(iter_chunks(body))
    assert len(facts["events"]) == len(chunks)
    for shown, chunk in zip(facts["events"], chunks, strict=True):
        assert same_json(json.loads(shown["json"]), chunk.to_event())
        assert body[shown["offset"] :].startswith((b"event:", b"data:"))
        assert shown["lane"] < len(facts["lanes"])


@examples(0.5)
@given(cv.broken_bodies())
def test_the_findings_are_those_of_check_at_the_events_that_break_the_rule(
    broken: tuple[str, bytes],
) -> None:
    rule, body = broken
    assume(not body.lstrip().startswith(b"{"))  # a document, which is read as its events
    facts, *others = drawn(body, problems=True)
    assume(not others)  # each message of a body is a stream of its own
    findings = check(body)
    assert [(one["rule"], one["position"], one["count"]) for one in facts["findings"]] == [
        (finding.rule, finding.position, finding.count) for finding in findings
    ]
    assert rule in {one["rule"] for one in facts["findings"]}
    for finding in findings:
        if finding.chunk is not None:
            shown = facts["events"][finding.position]
            assert same_json(json.loads(shown["json"]), finding.chunk.to_event())


@examples(0.5)
@given(cv.broken_bodies().map(lambda broken: broken[1]) | cv.corrupted_bodies())
def test_check_each_hands_over_the_events_by_position(body: bytes) -> None:
    seen: list[Any] = []
    assert check_each(body, lambda *event: seen.append(event)) == check(body)
    for finding in check(body):
        assert finding.position <= len(seen)
        if finding.chunk is not None:
            assert seen[finding.position] == (finding.chunk, None)
    assert all((chunk is None) == (received is not None) for chunk, received in seen)


HARMFUL = st.sampled_from(
    [
        "</script>",
        "<!--",
        "<script>",
        "]]>",
        "\u2028",
        "\u202e",
        "\x1b[31m",
        "\ud83d",
        "\x00",
        "&lt;",
    ]
)
TEXTS = st.lists(st.text() | HARMFUL, max_size=4).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)


@given(VALUES)
def test_the_page_holds_any_facts_and_no_element_more(facts: Any) -> None:
    empty = Page(page_of([]).decode())
    full = Page(page_of(facts).decode())
    assert same_json(full.facts, facts)
    assert full.elements == empty.elements
    assert full.attributes == empty.attributes
    rest = [{**one.texts, "facts": ""} for one in (empty, full)]
    assert rest[0] == rest[1]


@given(TEXTS)
def test_text_that_a_model_writes_stays_text(text: str) -> None:
    before = b'"text":""'
    assert before in TEXT
    body = TEXT.replace(before, b'"text":' + json.dumps(text).encode())
    [facts] = drawn(body, problems=True)
    first = next(event for event in facts["events"] if event["type"] == "content_block_start")
    assert json.loads(first["json"])["content_block"]["text"] == text
    [block] = facts["blocks"]
    texts = [first.get("text"), block["text"], *first["json"].split("\n")]
    shown = json.dumps(texts, ensure_ascii=False)
    assert not re.search(
        "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown
    )


def test_the_policy_allows_the_program_and_the_style_and_nothing_else() -> None:
    read = Page(page_of([]).decode())
    [program] = re.findall(SCRIPTS, page_of([]).decode(), re.DOTALL)
    hashes = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, text in {"script": program, "style": read.texts["style"]}.items()
    }
    assert read.policy == (
        f"default-src 'none'; script-src 'sha256-{hashes['script']}'; "
        f"style-src 'sha256-{hashes['style']}'; base-uri 'none'; form-action 'none'"
    )


def test_the_page_loads_nothing() -> None:
    read = Page(page_of([]).decode())
    assert not {"src", "href", "srcset", "data", "action"} & {name for name, _ in read.attributes}
    assert not re.search(r"url\(|@import", (FOLDER / "picture.css").read_text(encoding="utf-8"))


def test_the_program_writes_no_html_and_can_be_in_a_page() -> None:
    program = (FOLDER / "picture.js").read_text(encoding="utf-8")
    html = r"innerHTML|outerHTML|insertAdjacent|document\.write|createContextualFragment"
    code = r"\beval\b|Function\(|setAttribute\(\"on|fetch\(|import\("
    assert not re.search(f"{html}|{code}", program)
    assert not re.search(r"</script|<!--", program, re.IGNORECASE)


def test_the_summary_and_the_blocks_are_those_of_the_message() -> None:
    [facts] = drawn(TOOL_CALL)
    message = accumulate(TOOL_CALL)
    summary = dict(facts["summary"])
    assert summary["model"] == message.model
    assert summary["id"] == message.id
    assert summary["stop reason"] == "tool_use"
    assert summary["tokens"] == "612 input, 0 cached, 0 cache write, 187 output"
    thinking, text, tool = facts["blocks"]
    assert (thinking["form"], thinking["text"]) == ("thinking", message.thinking)
    assert (text["form"], text["text"]) == ("text", message.text)
    assert tool["head"] == "tool_use find_copies"
    assert json.loads(tool["text"]) == message.tool_calls[0].input
    assert facts["lanes"] == ["message", "0 thinking", "1 text", "2 tool_use find_copies"]


def test_citations_are_notes_of_their_block() -> None:
    [facts] = drawn(recording("citations"))
    message = accumulate(recording("citations"))
    for block, shown in zip(message.content, facts["blocks"], strict=True):
        citations = (isinstance(block, TextBlock) and block.citations) or ()
        assert len(shown["notes"]) == len(citations)
        for citation, note in zip(citations, shown["notes"], strict=True):
            assert printable(getattr(citation, "cited_text", "")) in note
            assert printable(getattr(citation, "url", "")) in note
    assert any(block["notes"] for block in facts["blocks"])


def test_invalid_tool_input_is_shown_as_the_text_that_it_is() -> None:
    [facts] = drawn(TOOL_CALL.replace(b'"partial_json":"ue}"', b'"partial_json":"\\u001b"'))
    assert facts["blocks"][2]["form"] == "invalid JSON"
    assert facts["blocks"][2]["text"].endswith(": tr\\x1b")


def test_a_long_number_is_shown_digit_by_digit() -> None:
    [facts] = drawn(
        TEXT.replace(b'"output_tokens":104', b'"output_tokens":104,"x":9007199254740993')
    )
    assert '"x": 9007199254740993' in facts["events"][-2]["json"]


def test_events_after_the_failure_are_shown_and_the_problem_says_where_it_is(
    files: Files, tmp_path: Path, capsys: Capture
) -> None:
    events = Framer().feed(TEXT)
    broken = b"data: {broken <b>\n\n"
    body = b"".join([*events[:5], broken, *events[5:]])
    target = tmp_path / "out.html"
    assert main(["show", "--html", str(target), *files(body=body)]) == 1
    place = len(b"".join(events[:5]))
    assert f"byte {place}: invalid JSON" in capsys.readouterr().err
    [facts] = Page(target.read_text(encoding="utf-8")).facts
    assert len(facts["events"]) == len(events) + 1
    assert facts["problem"].startswith(f"byte {place}: invalid JSON")
    shown = facts["events"][5]
    assert (shown["type"], shown["offset"], shown["json"]) == (
        "not readable",
        place,
        broken.decode(),
    )
    [finding] = [one for one in facts["findings"] if one["rule"] == "data_not_object"]
    assert (finding["position"], finding["severity"]) == (5, RULES["data_not_object"].severity)


def test_an_error_event_is_shown_with_its_words() -> None:
    [facts] = drawn(ERROR, problems=True)
    assert facts["events"][-1]["text"] == "overloaded_error, Overloaded"
    assert "Overloaded" in facts["problem"]


def test_each_event_has_the_time_at_which_it_was_recorded(tmp_path: Path) -> None:
    pieces = [(0.5 + number / 8, event) for number, event in enumerate(Framer().feed(TEXT))]
    # Two events of one piece have the same time, and a cut event has the time of its end.
    pieces[3] = (pieces[3][0], pieces[3][1] + pieces[4][1][:7])
    pieces[4] = (pieces[4][0], pieces[4][1][7:])
    pieces[6:8] = [(pieces[6][0], pieces[6][1] + pieces[7][1])]
    file = tmp_path / "timed.sse"
    file.write_bytes(TEXT)
    sizes = tuple((at, len(piece)) for at, piece in pieces)
    times = Times("", "POST", "/v1/messages", (), 200, (), 0.25, sizes, 99.0, "whole")
    Path(sidecar_of(str(file))).write_bytes(times.to_bytes())
    target = tmp_path / "out.html"
    assert main(["show", "--html", str(target), str(file)]) == 0
    [facts] = Page(target.read_text(encoding="utf-8")).facts
    expected = [0.5 + number / 8 for number in range(len(facts["events"]))]
    expected[7] = expected[6]
    assert [event["seconds"] for event in facts["events"]] == expected
    assert dict(facts["summary"])["to first event"] == "0.500 s"
    assert dict(facts["summary"])["duration"] == "99.000 s"


def test_time_counts_from_the_start_of_reading() -> None:
    pieces = iter([*Framer().feed(TEXT), b""])
    times = itertools.count(1_000)
    reading = Reading(lambda: next(pieces), clock=lambda: float(next(times)))
    kept = reading.keep()
    chunks = [chunk for _, chunk in reading]
    # The clock is looked at before each piece, for each piece, and after it.
    assert [item.seconds for item in kept.items] == [3 * at + 1 for at in range(len(chunks))]
    assert reading.stream.timings is not None
    assert reading.stream.timings.to_first_event == 2.0


def test_an_event_that_comes_in_pieces_and_cannot_be_read_is_shown_whole(tmp_path: Path) -> None:
    events = Framer().feed(TEXT)
    broken = b"data: {broken\n\n"
    pieces = [*events[:3], broken[:4], broken[4:9], broken[9:], *events[3:]]
    file = tmp_path / "cut.sse"
    file.write_bytes(b"".join(pieces))
    sizes = tuple((number / 8, len(piece)) for number, piece in enumerate(pieces))
    times = Times("", "POST", "/v1/messages", (), 200, (), 0.0, sizes, 99.0, "whole")
    Path(sidecar_of(str(file))).write_bytes(times.to_bytes())
    target = tmp_path / "out.html"
    assert main(["show", "--html", str(target), str(file)]) == 1
    [facts] = Page(target.read_text(encoding="utf-8")).facts
    shown = facts["events"][3]
    assert (shown["json"], shown["seconds"]) == (broken.decode(), 5 / 8)


def test_a_live_stream_has_the_times_of_its_arrival(start: Start, tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    process = start("-m", "chunkview", "show", "--html", str(target), "-")
    assert process.stdin is not None
    process.stdin.write(TEXT)
    process.stdin.close()
    process.stdin = None
    output, errors, status = read_rest(process)
    assert (status, errors) == (0, b"")
    [facts] = Page(target.read_text(encoding="utf-8")).facts
    seconds = [event["seconds"] for event in facts["events"]]
    assert seconds == sorted(seconds)
    assert facts["name"] == "standard input"
    assert output.decode().startswith(str(target))


def test_a_file_has_no_times_if_nobody_recorded_them() -> None:
    [facts] = drawn(TEXT)
    assert not any("seconds" in event for event in facts["events"])


def test_a_picture_has_all_streams_of_a_folder_and_says_what_cannot_be_read(
    tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "1.sse").write_bytes(TEXT)
    (folder / "2.jsonl").write_text("not JSON\n")
    (folder / "3.sse").write_bytes(TOOL_CALL + TEXT)
    target = tmp_path / "out.html"
    assert main(["show", "--html", str(target), str(folder)]) == 1
    facts = Page(target.read_text(encoding="utf-8")).facts
    names = [Path(one["name"]).name for one in facts]
    assert names == ["1.sse", "2.jsonl", "3.sse", "3.sse#2"]
    assert [bool(one["problem"]) for one in facts] == [False, True, False, False]
    assert [len(one["events"]) for one in facts if not one["problem"]] == [
        len(list(iter_chunks(body))) for body in (TEXT, TOOL_CALL, TEXT)
    ]
    captured = capsys.readouterr()
    assert "2.jsonl" in captured.err
    assert re.fullmatch(r".*out\.html: 4 streams, \d+ events, \d+ findings?\n", captured.out)


def test_json_lines_and_whole_messages_are_shown_as_events(tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    chunks = list(iter_chunks(TEXT))
    lines.write_text("".join(f"{json.dumps(chunk.to_event())}\n" for chunk in chunks))
    whole = tmp_path / "message.json"
    whole.write_text(json.dumps(accumulate(TEXT).to_dict()))
    target = tmp_path / "out.html"
    assert main(["show", "--html", str(target), str(lines), str(whole)]) == 0
    first, second = Page(target.read_text(encoding="utf-8")).facts
    assert [json.loads(event["json"]) for event in first["events"]] == [
        chunk.to_event() for chunk in chunks
    ]
    assert second["blocks"] == first["blocks"]


def test_a_file_that_is_no_picture_is_not_replaced(files: Files, capsys: Capture) -> None:
    one, other = files(one=TEXT, other=TOOL_CALL)
    assert main(["show", "--html", one, other]) == 1
    assert Path(one).read_bytes() == TEXT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "one.sse: it is a file, and no picture" in captured.err


def test_an_older_picture_is_replaced(files: Files, tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    for body in (b"", TEXT, TOOL_CALL):
        target.write_bytes(target.read_bytes() if target.exists() else body)
        assert main(["show", "--html", str(target), *files(body=body or ERROR)]) in (0, 1)
    [facts] = Page(target.read_text(encoding="utf-8")).facts
    assert facts["lanes"][-1] == "2 tool_use find_copies"


@pytest.mark.parametrize("name", ["missing.sse", "empty.sse", "a.json"])
def test_without_an_event_an_older_picture_stays(
    name: str, files: Files, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "empty.sse").write_bytes(b"")
    (tmp_path / "a.json").write_bytes(b'{"name": "x"}')
    target, other = tmp_path / "out.html", str(tmp_path / name)
    assert main(["show", "--html", str(target), other]) == 1
    assert not target.exists()
    assert main(["show", "--html", str(target), *files(body=TEXT)]) == 0
    before = target.read_bytes()
    capsys.readouterr()
    assert main(["show", "--html", str(target), other]) == 1
    assert target.read_bytes() == before
    captured = capsys.readouterr()
    assert captured.out == ""
    problem = "there is no event to draw: the picture is not written"
    assert captured.err.endswith(f"out.html: {problem}\n")


def test_a_picture_that_cannot_be_written_to_its_end_leaves_the_older_one(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    target = folder / "out.html"
    assert main(["show", "--html", str(target), *files(body=TEXT)]) == 0
    before = target.read_bytes()

    def full(_path: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    assert main(["show", "--html", str(target), *files(body=TOOL_CALL)]) == 1
    assert target.read_bytes() == before
    assert list(folder.iterdir()) == [target]


def test_a_file_that_cannot_be_opened_is_in_the_picture_with_the_reason(
    files: Files, tmp_path: Path, capsys: Capture
) -> None:
    target, missing = tmp_path / "out.html", str(tmp_path / "missing.sse")
    assert main(["show", "--html", str(target), missing, *files(body=TEXT)]) == 1
    [facts, _] = Page(target.read_text(encoding="utf-8")).facts
    assert facts["problem"] == "No such file or directory"
    assert facts["events"] == []
    assert "missing.sse: No such file or directory" in capsys.readouterr().err


def test_an_event_among_json_lines_that_cannot_be_read_is_shown_as_its_line(tmp_path: Path) -> None:
    lines = [json.dumps(chunk.to_event()) for chunk in iter_chunks(TEXT)]
    lines[3] = '{"type": "content_block_delta", "index": true}'
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines))
    target = tmp_path / "out.html"
    assert main(["show", "--html", str(target), str(file)]) == 1
    [facts] = Page(target.read_text(encoding="utf-8")).facts
    assert len(facts["events"]) == len(lines)
    assert facts["events"][3]["type"] == "not readable"
    assert "'index': True" in facts["events"][3]["json"]


def test_a_target_that_cannot_be_written_is_named(
    files: Files, tmp_path: Path, capsys: Capture
) -> None:
    target = tmp_path / "no" / "out.html"
    assert main(["show", "--html", str(target), *files(body=TEXT)]) == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_the_target_may_be_standard_output(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["show", "--html", "-", *files(body=TEXT)]) == 0
    written = out.buffer.getvalue()
    assert written.startswith(page.START)
    [facts] = Page(written.decode()).facts
    assert len(facts["events"]) == len(list(iter_chunks(TEXT)))
