"""What a terminal gets: colors, a progress bar, a table, and no control characters of a stream."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import decode
from chunkview._cli.main import main
from chunkview._cli.show.transcript import Transcript
from chunkview.testing import recording, recording_names
from cli.console import (
    ERROR,
    HALVES,
    HARMFUL,
    MODES,
    TEXT,
    TOOL_CALL,
    Capture,
    Files,
    Start,
    harmful,
    needs_posix,
    pretend_terminal,
    run,
    run_on_terminal,
    without,
)
from support import (
    MESSAGE_STOP,
    block_start,
    block_stop,
    delta,
    message_delta,
    message_start,
    sse,
    tool_start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_thinking_is_dimmed_on_a_terminal(
    files: Files, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_terminal(monkeypatch)
    main(["show", *files(body=TOOL_CALL)])
    out = capsys.readouterr().out
    dimmed = "".join(re.findall(r"(?s)\033\[2m(.*?)\033\[0m", out))
    assert dimmed.startswith("| The user wants to know")
    assert "Let me see" not in dimmed
    assert "\nLet me see" in out


@pytest.mark.parametrize(
    ("is_terminal", "arguments", "environment", "has_color"),
    [
        (True, "", "", True),
        (True, "--no-color", "", False),
        (True, "", "NO_COLOR=1", False),
        (True, "", "NO_COLOR=", True),
        (True, "", "TERM=dumb", False),
        (True, "--no-color", "FORCE_COLOR=1", False),
        (True, "", "NO_COLOR=1 FORCE_COLOR=1", False),
        (True, "", "TERM=dumb FORCE_COLOR=1", True),
        (False, "", "", False),
        (False, "", "FORCE_COLOR=1", True),
        (False, "", "FORCE_COLOR=0", True),
        (False, "", "FORCE_COLOR=", False),
        (False, "--no-color", "FORCE_COLOR=1", False),
        (False, "", "NO_COLOR=1 FORCE_COLOR=1", False),
    ],
)
def test_the_option_decides_about_colors_then_the_environment_then_the_output(
    is_terminal: bool,
    arguments: str,
    environment: str,
    has_color: bool,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for setting in environment.split():
        monkeypatch.setenv(*setting.split("="))
    paths = files(first=TOOL_CALL, second=TEXT)
    out, _, _ = run("show", *arguments.split(), *paths, is_terminal=is_terminal)
    assert ("\033" in out) == has_color


@pytest.mark.parametrize("is_terminal", [True, False])
def test_control_characters_are_escaped_on_a_terminal_only(
    *,
    is_terminal: bool,
    files: Files,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    body = TEXT.replace(b'"text":"I"', b'"text":"\\u001b]0;title\\u0007 \\t\\n"')
    main(["show", *files(body=body)])
    shown = r"\x1b]0;title\x07" if is_terminal else "\033]0;title\007"
    assert capsys.readouterr().out.startswith(f"{shown} \t\n\u2019d hand you")


@needs_posix
def test_on_a_terminal_several_files_have_a_bar_and_a_table(start: Start, files: Files) -> None:
    paths = files(first=TEXT, broken=ERROR)
    written = run_on_terminal(start, "-m", "chunkview", "show", *paths)
    assert "reading" in written
    shown = re.sub(r"\r|\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    assert "and the rain outside.\n\nmodel " in shown
    assert f"\nchunkview: {paths[1]}: byte 1258: " in shown
    assert re.search(r"(?m)^total  .* at least \$", shown)


@needs_posix
def test_without_rich_a_terminal_gets_plain_lines(start: Start, files: Files) -> None:
    paths = files(first=TEXT, second=TEXT)
    written = run_on_terminal(start, "-c", without("rich"), "show", *paths)
    assert "\x1b" not in written
    assert "reading" not in written
    assert "\ntotal " in written


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each string in a JSON value, as the container and the key under which it is."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        if isinstance(item, str):
            yield value, key
        elif isinstance(item, (dict, list)):
            yield from places(item)


@st.composite
def bodies_with(draw: st.DrawFn, text: str) -> bytes:
    """A recorded stream in which the text replaces a string or a key, or is a line of its own."""
    body = recording(draw(st.sampled_from(recording_names())))
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]
    container, key = draw(st.sampled_from(list(places(events))))
    where = draw(st.sampled_from(["value", "value", "key", "line"]))
    if where == "value":
        container[key] = text
    elif where == "key":
        container[text] = container.pop(key)
    lines = [b"data: " + json.dumps(event).encode() for event in events]
    if where == "line":
        lines.insert(draw(st.integers(0, len(lines))), text.encode(errors="surrogatepass"))
    return b"\n\n".join([*lines, b""])


@needs_posix
@given(
    data=st.data(),
    texts=st.lists(harmful, min_size=2, max_size=3),
    mode=st.sampled_from(MODES),
    is_missing=st.booleans(),
)
def test_no_control_character_of_a_stream_or_a_name_reaches_a_terminal(
    place: Path, data: st.DataObject, texts: list[str], mode: list[str], is_missing: bool
) -> None:
    """A terminal gets no control characters but line feeds and tabs."""
    paths = []
    for number, text in enumerate(texts):
        name = (text.replace("\0", "") + str(number)).encode(errors="surrogatepass")[-200:]
        path = os.fsdecode(os.fsencode(place / "x").removesuffix(b"x") + name.replace(b"/", b""))
        Path(path).write_bytes(data.draw(bodies_with(text)))
        paths.append(path)
    if is_missing:
        Path(paths[-1]).unlink()
    for files in (paths, paths[:1]):
        out, complaints, _ = run("show", *mode, *files, is_terminal=True)
        assert not set(HARMFUL + HALVES) & set(out + complaints)
        piped, _, _ = run("show", *mode, *files)
        if mode == ["--json"]:
            rows, exact = ([json.loads(line) for line in o.split("\n")[:-1]] for o in (out, piped))
            assert rows == exact
            assert {row["file"] for row in rows} <= set(files)
    assert not set(HARMFUL + HALVES) & set(run("serve", *paths, "missing\x9b")[1])


@given(text=st.text(st.sampled_from(HARMFUL + "ab \n\t\u00e9")), thinking=st.booleans())
def test_a_pipe_gets_the_text_unchanged(place: Path, text: str, thinking: bool) -> None:
    """An output that is not a terminal gets each character of the text."""
    kind = "thinking" if thinking else "text"
    path = place / "piped.sse"
    start = block_start(0, type=kind, **{kind: ""}, **({"signature": ""} if thinking else {}))
    chunk = content_delta(kind, text)
    events = [message_start(), start, chunk, block_stop(), message_delta(), MESSAGE_STOP]
    path.write_bytes(sse(events))
    out, complaints, status = run("show", str(path))
    shown = "| " + text.replace("\n", "\n| ") if thinking and text else text
    assert out.startswith(shown)
    assert (complaints, status) == ("", 0)
    rows = [json.loads(line) for line in run("show", "--json", str(path))[0].split("\n")[:-1]]
    assert "".join(row[kind if thinking else "content"] for row in rows) == text


def content_delta(kind: str, text: str) -> dict[str, Any]:
    fields: Any = {kind: text}
    return delta(f"{kind}_delta", **fields)


def transcript_of(*parts: tuple[str, str], is_terminal: bool) -> str:
    transcript = Transcript(is_terminal=is_terminal, color=False)
    chunks = [decode(content_delta(kind, part)) for kind, part in parts]
    return "".join([*map(transcript.add, chunks), transcript.end()])


@given(
    texts=st.lists(st.text(st.sampled_from(HALVES + "ab\n"))),
    kind=st.sampled_from(["text", "thinking"]),
    is_terminal=st.booleans(),
)
def test_half_a_character_is_joined_to_its_other_half_or_replaced(
    texts: list[str], kind: str, is_terminal: bool
) -> None:
    """For every cut of a text, its halves are joined, and a half without the other is U+FFFD."""
    joined = "".join(texts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    shown = transcript_of(*[(kind, text) for text in texts], is_terminal=is_terminal)
    assert shown == transcript_of((kind, joined), is_terminal=is_terminal)


def test_half_a_character_is_not_joined_across_thinking_and_text() -> None:
    parts = [("thinking", "a\ud83d"), ("text", "\ude00b"), ("text", "\ud83d")]
    shown = transcript_of(*parts, is_terminal=False)
    assert shown == "| a\ufffd\n\n\ufffdb\ufffd\n\n"


@needs_posix
@pytest.mark.parametrize("mode", [[], *MODES], ids=" ".join)
def test_a_pseudo_terminal_gets_no_escape_sequences_of_a_stream(
    mode: list[str], start: Start, tmp_path: Path
) -> None:
    bad = "\x1b]0;title\x07\x9b31m\u202e\x7f"
    body = b"".join(
        b"data: %b\n\n" % json.dumps(event).encode()
        for event in [
            message_start(model=bad),
            tool_start(name=bad, input={bad: bad}),
            block_stop(),
            block_start(1),
            delta("text_delta", 1, text=bad),
            {"type": "error", "error": {"type": bad, "message": bad}},
        ]
    )
    path = tmp_path / bad
    path.write_bytes(body)
    arguments = [*mode, str(path), str(path), str(tmp_path / f"missing{bad}")]
    written = run_on_terminal(start, "-m", "chunkview", "show", *arguments)
    assert "31m" in written
    ours = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r\n?")
    assert not set(HARMFUL) & set(ours.sub("", written))


def test_an_unknown_argument_is_named_with_its_control_characters_escaped(capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["show", "file", "--\x1b[31m\u202e\udcff"])
    err = capsys.readouterr().err
    assert err.endswith("unrecognized arguments: --\\x1b[31m\\u202e\\xff\n")
