"""The pytest plugin, in projects of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fnmatch import fnmatch
from importlib import metadata

import pytest

from chunkview.testing import recording, recording_names, workload_names

pytest_plugins = ["pytester"]

# Each run loads the plugin by its name and no others: some of them import chunkview's dependencies.
ALONE = ("-p", "_chunkview_pytest", "-p", "no:cacheprovider", "-W", "error", "--strict-markers")
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str, *arguments: object) -> pytest.RunResult:
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess(*ALONE, *map(str, arguments))

    return run


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    (found,) = (one for one in metadata.entry_points(group="pytest11") if one.name == "chunkview")
    assert found.value == "_chunkview_pytest"


def test_a_run_that_does_not_use_the_plugin_imports_neither_chunkview_nor_attrs(run: Run) -> None:
    result = run(
        """
        import sys

        def test_nothing_is_imported(request):
            assert request.config.pluginmanager.has_plugin("_chunkview_pytest")
            assert not {"chunkview", "attr", "attrs", "hypothesis"} & set(sys.modules)
        """
    )
    result.assert_outcomes(passed=1)


REPLAY = """
import json, os, urllib.request
from pathlib import Path

import pytest
from chunkview import accumulate
from chunkview.testing import ApiError, recording

def ask(**options):
    url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
    assert os.environ["ANTHROPIC_API_KEY"] == "none"
    request = json.dumps({"stream": True, **options}).encode()
    with urllib.request.urlopen(url, request) as response:
        return response.read()

def test_a_recorded_text_is_sent(anthropic_replay):
    assert ask() == recording("text")
    (request,) = anthropic_replay.requests
    assert request.body == {"stream": True}
    assert os.environ["ANTHROPIC_BASE_URL"] == anthropic_replay.url

def test_the_environment_is_as_before():
    assert os.environ["ANTHROPIC_BASE_URL"] == "http://before"
    assert os.environ["ANTHROPIC_API_KEY"] == "secret"
    assert os.environ["ANTHROPIC_AUTH_TOKEN"] == "secret"
    assert "NO_PROXY" not in os.environ

@pytest.mark.anthropic_replay("citations", b"data: {}\\n\\n", segment_size=7)
def test_replies_are_sent_in_turn():
    assert "ANTHROPIC_AUTH_TOKEN" not in os.environ
    assert [ask() for _ in range(3)] == [
        recording("citations"), b"data: {}\\n\\n", recording("citations")
    ]

@pytest.mark.anthropic_replay("recorded/answer.sse")
@pytest.mark.parametrize("number", [1, 2])
def test_a_path_is_beside_the_file_of_the_test(number, anthropic_replay):
    assert ask() == recording("thinking_tool_call")

@pytest.mark.anthropic_replay(Path(__file__).parent / "recorded")
def test_a_folder_gives_all_its_streams_as_bodies():
    assert ask() == recording("thinking_tool_call")
    assert accumulate(ask()) == accumulate(recording("text"))

@pytest.mark.anthropic_replay({"any": "text", "other": ["error", "recorded/answer.sse"]})
def test_a_mapping_chooses_by_the_model():
    assert ask(model="any") == recording("text")
    assert ask(model="other") == recording("error")
    assert ask(model="other") == recording("thinking_tool_call")

@pytest.fixture
def answer():
    return ask()

@pytest.mark.anthropic_replay("text")
class TestClass:
    def test_the_marker_of_a_class_is_for_each_test_and_its_fixtures(self, answer):
        assert answer == recording("text")

    @pytest.mark.anthropic_replay(ApiError(429, {"type": "error"}))
    def test_the_nearest_marker_counts(self):
        with pytest.raises(urllib.error.HTTPError, match="429"):
            ask()
"""


def test_the_server_sends_what_the_marker_says(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("BASE_URL", "http://before"),
        ("API_KEY", "secret"),
        ("AUTH_TOKEN", "secret"),
    ):
        monkeypatch.setenv(f"ANTHROPIC_{name}", value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    folder = pytester.mkdir("recorded")
    (folder / "answer.sse").write_bytes(recording("thinking_tool_call"))
    (folder / "events.jsonl").write_bytes(json_lines(recording("text")))
    run(REPLAY).assert_outcomes(passed=9)


def json_lines(body: bytes) -> bytes:
    lines = [line[len(b"data: ") :] for line in body.splitlines() if line.startswith(b"data: ")]
    return b"".join(line + b"\n" for line in lines)


MISUSED = """
import unittest

import pytest
from chunkview.testing import CutAfter, recording

@pytest.mark.anthropic_replay("txet")
def test_misspelled(): ...

@pytest.mark.anthropic_replay("empty")
def test_empty(): ...

@pytest.mark.anthropic_replay("notes.txt")
def test_no_recording(): ...

@pytest.mark.anthropic_replay("text", CutAfter(10))
def test_fault_alone(): ...

@pytest.mark.anthropic_replay(["text", "error"])
def test_list(): ...

@pytest.mark.anthropic_replay("text", segmentsize=7)
def test_keyword(): ...

@pytest.mark.anthropic_replay("text", segment_size=0)
def test_value(): ...

def test_late_recording(request):
    request.getfixturevalue("anthropic_recording")

@pytest.mark.usefixtures("anthropic_workload")
class TestCase(unittest.TestCase):
    def test_of_unittest(self): ...

@pytest.mark.parametrize("anthropic_workload", ["shrt"], indirect=True)
def test_workload(anthropic_workload): ...

@pytest.mark.parametrize("anthropic_recording", ["txet"], indirect=True)
def test_name(anthropic_recording): ...

@pytest.mark.parametrize("anthropic_recording", [recording("text")], ids=[""], indirect=True)
def test_body(anthropic_recording): ...
"""


def test_a_mistake_in_using_the_plugin_is_one_sentence(run: Run, pytester: pytest.Pytester) -> None:
    pytester.mkdir("empty")
    (pytester.path / "notes.txt").write_text("a few notes")
    names = ", ".join(recording_names())
    problems = {
        "misspelled": f"anthropic_replay: there is no recording txet ({names}) and no file *txet",
        "empty": "anthropic_replay: there are no recordings in *empty",
        "no_recording": "anthropic_replay: *notes.txt: byte 0: no format that chunkview knows; *",
        "fault_alone": "anthropic_replay: bodies: *; wrap it: Answer(body, CutAfter(size=10, *))",
        "list": "anthropic_replay: bodies: *, got list; give its members one by one",
        "keyword": "anthropic_replay: there is no argument segmentsize; there are segment_size, *",
        "value": "anthropic_replay: segment_size: expected one byte or more, got 0",
        "late_recording": "anthropic_recording: the test, or a fixture that it uses, has to name *",
        "of_unittest": "anthropic_workload: the test, or a fixture that it uses, has to name *",
        "workload": "anthropic_workload: no workload is named 'shrt'; the names are *short*",
        "name": f"anthropic_recording: *, or the name of one of chunkview's ({names}), "
        "got the name 'txet'; chunkview.recordings.read(path) reads others",
        "body": "anthropic_recording: *, got bytes; *",
    }
    result = run(MISUSED)
    result.assert_outcomes(errors=len(problems) - 1, failed=1)
    text = result.stdout.str().partition("short test summary")[0]
    _, *parts = re.split(r"^_+ .*?test_(\w+).*_+$", text, flags=re.MULTILINE)
    shown = dict(zip(parts[::2], parts[1::2], strict=True))
    assert shown.keys() == problems.keys()
    for name, problem in problems.items():
        (line,) = [line for line in shown[name].splitlines() if line and line[0] not in "=_"]
        assert fnmatch(line, problem.replace("[", "[[]")), line


PARAMETRIZED = """
import urllib.request

import pytest
from chunkview import ChunkDecoder, iter_chunks
from chunkview.recordings import body_of

def test_recording(anthropic_recording):
    assert list(iter_chunks(anthropic_recording.source))

def test_replayed(anthropic_recording, anthropic_replay):
    url = anthropic_replay.url + "/v1/messages"
    with urllib.request.urlopen(url, b'{"stream": true}') as response:
        assert response.read() == body_of(anthropic_recording)

def test_workload(anthropic_workload):
    assert ChunkDecoder().feed(anthropic_workload)

@pytest.mark.parametrize("anthropic_workload", ["short"], indirect=True)
@pytest.mark.parametrize(argnames=("anthropic_recording", "x"), argvalues=[("of my own", 1)])
def test_chosen(anthropic_workload, anthropic_recording, x):
    assert len(list(iter_chunks(anthropic_workload))) == 40
"""


def test_without_an_option_the_tests_run_on_what_chunkview_has(run: Run) -> None:
    result = run(PARAMETRIZED, "-v", "-p", "xdist", "-n", "2")
    result.assert_outcomes(passed=2 * len(recording_names()) + len(workload_names()) + 1)
    for name in recording_names():
        result.stdout.fnmatch_lines([f"*::test_recording[[]{name}]*"])
    for name in workload_names():
        result.stdout.fnmatch_lines([f"*::test_workload[[]{name}]*"])


def test_a_user_runs_the_tests_on_recordings_of_their_own(
    run: Run, pytester: pytest.Pytester
) -> None:
    folder = pytester.mkdir("logs")
    (folder / "a.sse").write_bytes(recording("text"))
    (folder / "below").mkdir()
    (folder / "below" / "two.jsonl").write_bytes(json_lines(recording("text") * 2))
    # What `chunkview record` wrote for a request that counts tokens.
    (folder / "b.json").write_text('{"input_tokens": 1}')
    sidecar = {"request": {"path": "/v1/messages/count_tokens"}}
    (folder / "b.json.times").write_text(json.dumps(sidecar))
    result = run(PARAMETRIZED, "-v", "--anthropic-recordings", "./logs")
    result.assert_outcomes(passed=2 * 3 + len(workload_names()) + 1)
    names = ["a.sse", "below/two.jsonl", "below/two.jsonl#2"]
    result.stdout.fnmatch_lines([f"*::test_recording[[]{name}] PASSED*" for name in names])


@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("empty", "there are no recordings in empty"),
        ("missing", "there is no file or folder missing"),
        ("", "expected a file or a folder, got nothing"),
    ],
)
def test_a_path_without_recordings_is_an_error(
    run: Run, pytester: pytest.Pytester, folder: str, problem: str
) -> None:
    pytester.mkdir("empty")
    result = run(PARAMETRIZED, "--anthropic-recordings", folder)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --anthropic-recordings: {problem}"])
