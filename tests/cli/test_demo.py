"""`chunkview demo`."""

from __future__ import annotations

import re
import signal

import pytest

from chunkview._cli.main import main
from chunkview.testing import recording
from cli.console import (
    ERROR,
    TEXT,
    TOOL_CALL,
    Capture,
    Start,
    needs_sigint,
    read_rest,
    read_until,
    run,
    text_of,
    without,
)


def test_the_demo_escapes_the_control_characters_of_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harmless = recording("error")
    bad = harmless.replace(b"Overloaded", "\x9b31m\u202e".encode())
    assert bad != harmless
    monkeypatch.setattr(
        "chunkview._cli.demo.program.recording",
        lambda name: bad if name == "error" else recording(name),
    )
    out, _, status = run("demo", "--no-delay", is_terminal=True)
    assert status == 0
    assert "\x9b" not in out
    assert "\\x9b31m\\u202e" in out


def test_the_demo_streams_through_the_official_client_without_key_or_network(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    for name in ("ALL_PROXY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert main(["demo", "--no-delay"]) == 0
    captured = capsys.readouterr()
    text, tool_call, error = re.split(r"\n--- \d\. .*\n\n", captured.out)[1:]
    assert text.startswith(f"{text_of(TEXT)}\n\nmodel ")
    assert "finish reason  end_turn (stop)\n" in text
    assert tool_call.startswith("| The user wants")
    assert text_of(TOOL_CALL) in tool_call
    assert '\ntool call find_copies\n  {\n    "title": "The Tombs of Atuan",\n' in tool_call
    assert error.startswith(text_of(ERROR))
    assert "The client raised APIStatusError: Overloaded (overloaded_error)\n" in error
    assert f"stream.content is:\n  {text_of(ERROR)!r}\n" in error
    assert captured.err == ""


def test_without_the_client_the_demo_names_the_extra(start: Start) -> None:
    output, errors, status = read_rest(start("-c", without("anthropic"), "demo"))
    assert errors.startswith(b"chunkview: the demo cannot run: ")
    assert b"pip install 'chunkview[sdk]'" in errors
    assert (output, status) == (b"", 1)


@needs_sigint
def test_ctrl_c_ends_the_demo_quietly(start: Start) -> None:
    process = start("-m", "chunkview", "demo")
    read_until(process, "I\u2019d hand you".encode())
    process.send_signal(signal.SIGINT)
    _, errors, status = read_rest(process)
    assert (errors, status) == (b"", 130)
