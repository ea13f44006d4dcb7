"""`chunkview show` on broken streams: the text before, the place, and the reason."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview._cli.main import main
from chunkview._cli.reading import Reading
from cli.console import DELTA, ERROR, TEXT, TOOL_CALL, Capture, Files, event_line, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


NOT_JSON = TEXT.replace(b'"text":"I"}', b'"text":"I"')
NOT_UTF8 = TEXT.replace(b"caf\xc3\xa9", b"caf\xe9")
BAD_FIELD = TEXT.replace(b'"text":" outrun"', b'"text":7')
TWICE = TEXT[:DELTA] + TEXT[: TEXT.index(event_line("content_block_start"))] + TEXT[DELTA:]
BROKEN = {
    "invalid JSON": (
        NOT_JSON,
        NOT_JSON.index(event_line("content_block_delta")),
        "invalid JSON",
        "",
    ),
    "bytes that are not UTF-8": (
        NOT_UTF8,
        NOT_UTF8.rindex(b"event:", 0, NOT_UTF8.index(b"caf\xe9")),
        "utf-8",
        "there is a dragon 🐉",
    ),
    "a field of the wrong type": (
        BAD_FIELD,
        BAD_FIELD.rindex(b"event:", 0, BAD_FIELD.index(b'"text":7')),
        "content_block_delta.delta.text: expected str, got int",
        "learning that the only way to",
    ),
    "a second start": (TWICE, DELTA, "message_start came a second time", text_of(TEXT)),
    "no end": (TEXT[:DELTA], DELTA, "the stream ended before message_stop", text_of(TEXT)),
    "an end within an event": (
        TEXT[: DELTA + 70],
        DELTA,
        "the body ends in the middle of an event",
        text_of(TEXT),
    ),
    "an error event": (
        ERROR,
        ERROR.index(event_line("error")),
        "error event: overloaded_error: Overloaded",
        text_of(ERROR),
    ),
    "nothing at all": (b"", 0, "the stream ended before message_start", ""),
    "an error document": (
        b'{"type": "error", "error": {"type": "api_error", "message": "No"}}\n',
        0,
        "error event: api_error: No",
        "",
    ),
    "a page": (b"<!DOCTYPE html>\n<p>Bad gateway\n\n", 0, "the body is no event stream", ""),
    "some text": (b"Bad gateway\n\nTry later\n\n", 0, "the body is no event stream", ""),
    "headers before the body": (
        b'HTTP/1.1 401 Unauthorized\r\nvia: x\r\n\r\n{"type": "error"}',
        len(b"HTTP/1.1 401 Unauthorized\r\nvia: x\r\n\r\n"),
        "error event: an error event without words",
        "",
    ),
}


@pytest.mark.parametrize(("body", "offset", "problem", "text"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_shown_up_to_the_place_that_the_message_names(
    body: bytes,
    offset: int,
    problem: str,
    text: str,
    files: Files,
    capsys: Capture,
) -> None:
    (file,) = files(broken=body)
    assert main(["show", file]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"chunkview: {file}: byte {offset}: ")
    assert problem in captured.err
    assert len(captured.err.splitlines()) == 1
    assert text in captured.out


def test_the_summary_says_that_a_message_is_not_finished(files: Files, capsys: Capture) -> None:
    main(["show", *files(broken=ERROR)])
    out = capsys.readouterr().out
    assert out.startswith(f"{text_of(ERROR)}\n\nmodel ")
    assert "finish reason  none, the message is not finished\n" in out


def test_show_goes_on_with_the_next_file_after_a_broken_one(
    files: Files, capsys: Capture, tmp_path: Path
) -> None:
    first, broken, last = files(first=TEXT, broken=NOT_JSON, last=TOOL_CALL)
    missing = str(tmp_path / "no\x1b such")
    below = f"{first}/x"
    assert main(["show", first, missing, below, broken, last]) == 1
    captured = capsys.readouterr()
    assert captured.out.count(text_of(TEXT)) == 1
    assert text_of(TOOL_CALL) in captured.out
    assert [line.split(": ")[1] for line in captured.err.splitlines()] == [
        missing.replace("\x1b", "\\x1b"),
        below,
        broken,
    ]
    totals = captured.out.rpartition("\n\n")[2].splitlines()
    assert [line.split()[-2] for line in totals[3:4]] == ["?"]
    assert totals[-1].startswith("total ")


@pytest.mark.parametrize("mode", ["--chunks", "--json"])
@pytest.mark.parametrize(
    ("body", "last"),
    [(ERROR, "overloaded_error"), (TWICE, "message_start")],
    ids=["error event", "out of order"],
)
def test_an_error_event_or_a_misplaced_event_is_the_last_chunk(
    mode: str,
    body: bytes,
    last: str,
    files: Files,
    capsys: Capture,
) -> None:
    assert main(["show", mode, *files(broken=body)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert last.replace("_", "") in lines[-1].lower().replace("_", "")
    if mode == "--json":
        row = json.loads(lines[-1])
        assert body[row["offset"] :].startswith(event_line(row["type"]))


@given(
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    gap=st.sampled_from([b"", b": a comment\n\n", b"\n\n\n"]),
    bom=st.booleans(),
    sizes=st.lists(st.integers(1, 400), min_size=1),
)
def test_the_offset_does_not_depend_on_the_cut_or_the_line_ends(
    line_end: bytes,
    gap: bytes,
    bom: bool,
    sizes: list[int],
) -> None:
    """An event's offset is the place of its first line, for every way to cut the body."""
    events = ERROR.replace(b"\n\n", b"\n\n" + gap).replace(b"\n", line_end)
    body = b"\xef\xbb\xbf" * bom + events

    def segments() -> Iterator[bytes]:
        start = 0
        while start < len(body):
            for size in sizes:
                yield body[start : start + size]
                start += size

    pending = (segment for segment in segments() if segment)
    reading = Reading(lambda: next(pending, b""))
    found = [offset for offset, _ in reading]
    assert reading.failure is not None
    found.append(reading.failure.offset)
    expected = [match.start() for match in re.finditer(rb"event: ", body)]
    # The mark is part of the first event's first line.
    assert found == [0 if bom else expected[0], *expected[1:]]


def test_a_failing_source_is_reported_and_everything_before_is_kept() -> None:
    pieces = iter([TEXT[:DELTA], TEXT[DELTA : DELTA + 9]])

    def read() -> bytes:
        for piece in pieces:
            return piece
        raise OSError(5, "Input/output error")

    reading = Reading(read)
    assert "".join(chunk.content for _, chunk in reading) == text_of(TEXT)
    assert reading.stream.content == text_of(TEXT)
    assert reading.failure is not None
    assert reading.failure.offset == DELTA
    assert reading.failure.problem == "cannot be read any further: Input/output error"


def test_a_stream_without_blank_lines_is_read_no_further_than_an_event_may_be_long() -> None:
    """The number of bytes read is bounded, and so is the memory that they take."""
    piece = b"x" * 2**20
    sizes: list[int] = []
    reading = Reading(lambda: piece, before_read=sizes.append)
    assert list(reading) == []
    assert reading.failure is not None
    assert reading.failure.problem == f"an event of more than {64 * 2**20} bytes"
    assert sizes[-1] == 64 * 2**20
