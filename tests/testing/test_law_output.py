"""What pytest prints for a failed law: the caller's line, and the text with the stream to paste."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

MODULE = r"""
import json
from chunkview.testing import laws

STREAMS = [b'event: ping\ndata: {"type": "ping"}\n\n']

def cut_and_split(pieces):
    return [line for piece in pieces for line in piece.split(b"\n")]

def read_json(pieces):
    return json.loads(b"".join(pieces))

def refuse(pieces):
    raise OSError("never")

def coroutine(pieces):
    async def read(): ...
    return read()

def my_projection(chunks):
    assert chunks == "mine"

class Shared:
    data = bytearray()

    def feed(self, data):
        self.data += data

    def close(self):
        data = bytes(self.data)
        self.data.clear()
        return [data]

class Broken(Shared):
    def feed(self, data):
        raise KeyError("key")

def test_cuts():
    laws.assert_cuts_do_not_matter(cut_and_split, streams=STREAMS)

def test_line_endings():
    laws.assert_line_endings_do_not_matter(cut_and_split, streams=STREAMS)

def test_total():
    laws.assert_total(read_json)

def test_agrees():
    laws.assert_agrees(cut_and_split, list, streams=STREAMS)

def test_refuses():
    laws.assert_cuts_do_not_matter(refuse, streams=STREAMS)

def test_sendable():
    laws.assert_sendable({"role": "user", "content": "Hello"})

def test_assertion():
    laws.assert_agrees(list, my_projection, streams=STREAMS)

TestShared = laws.consumer_machine(Shared, streams=STREAMS).TestCase
TestBroken = laws.consumer_machine(lambda: Broken(), streams=STREAMS).TestCase

def test_no_function():
    laws.assert_total(b"parse")

def test_no_async_def():
    laws.assert_total(coroutine)

def test_no_streams():
    laws.assert_total(list, streams=[])

def test_name():
    laws.assert_total(list, streams="text")

def test_names():
    laws.assert_total(list, streams=["text"])

def test_events():
    laws.assert_total(list, streams=[{"type": "ping"}])

def test_number():
    laws.assert_total(list, streams=1)

def test_endings():
    laws.assert_line_endings_do_not_matter(list, endings=b"\r\n")

def test_factory():
    laws.consumer_machine(Shared())
"""

NO_STREAMS = (
    "streams: expected a list of streams, each bytes, a Recording or a list of events, got {}. "
    "recordings.read(path) reads files, testing.recording(name) one that chunkview has"
)
PROBLEMS = {
    "cuts": "What the parser gives depends on where the body is cut.",
    "line_endings": "What the parser gives depends on the ends of the lines.",
    "total": "The parser raises JSONDecodeError, which it may not.",
    "agrees": "The parser finds something else than chunkview.",
    "assertion": "project raises AssertionError.",
    "refuses": "The parser refuses every stream. At last: OSError: never",
    "sendable": "role_other: the role is not assistant: {'role': 'user', 'content': 'Hello'}",
    "no_function": "parse: expected a function, got bytes",
    "no_async_def": "parse is no `async def`, but gives something to await.",
    "no_streams": "streams: there are none",
    "name": NO_STREAMS.format("str"),
    "names": NO_STREAMS.format("str"),
    "events": NO_STREAMS.format("dict"),
    "number": NO_STREAMS.format("int"),
    "endings": "endings: expected a list of bytes, got bytes",
    "factory": "factory: expected a class, or a function that makes a consumer, got Shared",
}
BODY = b'event: ping\ndata: {"type": "ping"}\n\n'


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pytest prints for each test of the module, by its name."""
    folder = tmp_path_factory.mktemp("laws")
    (folder / "test_module.py").write_text(MODULE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    text = result.stdout.partition("= FAILURES =")[2].partition("short test summary")[0]
    _, *parts = re.split(r"^_+ (?:test_|Test)(\w+)(?:\.runTest)? _+$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def frames_of(failure: str) -> list[str]:
    """The lines of code that the last exception passed."""
    return re.findall(r"^>\s+(.*)$", last_exception(failure), re.MULTILINE)


def last_exception(failure: str) -> str:
    return failure.rpartition("the direct cause of the following exception:")[2]


def text_of(failure: str) -> str:
    lines = re.findall(r"^E {7}(.*)$", last_exception(failure), re.MULTILINE)
    return "\n".join(lines).partition(": ")[2]


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_failure_shows_the_line_that_calls_the_law_and_what_is_wrong(
    failures: dict[str, str], name: str
) -> None:
    (line,) = frames_of(failures[name])
    assert line.startswith("laws.")
    assert line in MODULE
    assert text_of(failures[name]).startswith(PROBLEMS[name])
    assert "site-packages" not in failures[name]
    assert "chunkview/testing" not in failures[name]


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_failure_has_nothing_of_hypothesis(failures: dict[str, str], name: str) -> None:
    assert "case=" not in failures[name]
    assert "reproduce_failure" not in failures[name]


@pytest.mark.parametrize("name", ["cuts", "agrees", "assertion"])
def test_the_text_of_a_failure_has_the_stream(failures: dict[str, str], name: str) -> None:
    names: dict[str, Any] = {}
    exec(text_of(failures[name]).split("\n\n")[1], names)
    assert names["body"] == BODY


def test_an_assertion_of_the_caller_keeps_its_own_frame(failures: dict[str, str]) -> None:
    assert '>       assert chunks == "mine"' in failures["assertion"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Shared", "something else than whole_0, which got the stream at once."),
        ("Broken", "A consumer raises KeyError, which it may not."),
    ],
)
def test_a_failure_of_a_machine_shows_no_search(
    failures: dict[str, str], name: str, problem: str
) -> None:
    assert len(frames_of(failures[name])) == 1
    assert problem in text_of(failures[name]).partition("\n")[0]
    assert "hypothesis/stateful.py" not in failures[name]


def test_the_text_of_a_machine_is_code_that_makes_the_same_calls(failures: dict[str, str]) -> None:
    names: dict[str, Any] = {}
    exec(MODULE, names)
    code = text_of(failures["Shared"]).split("\n\n")[1]
    *calls, last = code.splitlines()
    exec("\n".join(calls), names)
    assert names["body_0"] == BODY
    assert last.endswith(".close()")
    shown = f"{last.removesuffix('.close()')} gives\n    {eval(last, names)}\n"
    assert shown in text_of(failures["Shared"])
