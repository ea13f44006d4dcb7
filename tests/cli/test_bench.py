"""`chunkview bench`: what it measures, what it compares, and what it prints."""

from __future__ import annotations

import functools
import gzip
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyperf  # type: ignore[import-untyped]
import pytest

from chunkview._cli.bench.bodies import Body, Row
from chunkview._cli.bench.figures import figures_of, suite_of
from chunkview._cli.bench.functions import Function
from chunkview._cli.bench.measuring import compare, measure
from chunkview._cli.bench.timing import Effort, drain, time_calls
from chunkview._cli.bench.worker import Job, run, run_in_process
from chunkview.recordings import RecordingError
from chunkview.testing import recording, recording_names
from cli.console import ERROR, TEXT, TOOL_CALL, Start, read_rest, without
from cli.console import run as run_cli
from support import recorded_streams

if TYPE_CHECKING:
    pass

PARSERS = '''
import json, os

operations = 0


def loads(data):
    global operations
    operations += 1
    return json.loads(data)


def good(body):
    for line in body.splitlines():
        if line.startswith(b"data:"):
            yield loads(line[5:])


def slow(body):
    """Decodes everything twenty times."""
    print("this is not the report")
    for _ in range(20):
        events = list(good(body))
    return events


def wrong(body):
    """Loses the blanks of the text."""
    for event in good(body):
        if event.get("delta", {}).get("type") == "text_delta":
            event["delta"]["text"] = event["delta"]["text"].strip()
        yield event


def text(body):
    return (event.get("delta", {}).get("text", "") for event in good(body))


def pieces(given):
    return good(b"".join(given))


def one_piece(given):
    (piece,) = given
    return good(piece)


def raises(body):
    for number, event in enumerate(good(body)):
        if number == 3:
            raise KeyError("no")
        yield event


async def asynchronous(body):
    yield {}


def raises_later(body):
    """Raises when it is measured, after the comparison."""
    if operations:
        raise KeyError("later")
    return good(body)


def ends(body):
    os._exit(3)


def exits(body):
    raise SystemExit("no")


number = 5
'''


def line_of(code: str) -> str:
    """The file and the number of the first line with some code in it, as a failure names it."""
    lines = PARSERS.splitlines()
    number = next(number for number, line in enumerate(lines, 1) if f"raise {code}" in line)
    return f"parsers_of_a_user.py:{number}"


@pytest.fixture
def parsers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module `parsers_of_a_user` in the current folder."""
    name = "parsers_of_a_user"
    (tmp_path / f"{name}.py").write_text(PARSERS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop(name, None)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def bench(*arguments: str) -> tuple[dict[str, Any], str, int]:
    """Run the command with `--json`; give the report, the messages and the status."""
    out, messages, status = run_cli("bench", *arguments, "--json", "--without", "SDK")
    return json.loads(out) if out else {}, messages, status


def answers(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {answer["function"]: answer for answer in report["answers"]}


def body_of(data: bytes, name: str = "text") -> Body:
    return Body(name, data, data.count(b"data: "))


# -- what is measured ------------------------------------------------------------------------------


def test_a_parser_that_does_twenty_times_the_work_takes_twenty_times_as_long(parsers: Any) -> None:
    """The clock counts operations."""
    rows = [Row("text", (body_of(TEXT),)), Row("tool", (body_of(TOOL_CALL), body_of(TEXT)))]
    functions = [
        Function("slow", "parsers_of_a_user:slow"),
        Function("chunkview", "parsers_of_a_user:good"),
    ]
    do = functools.partial(run, timer=lambda: parsers.operations / 1000)
    told: list[str] = []
    agreements = compare(functions, rows, None, tell=told.append, do=do)
    effort = Effort(rounds=3, values=4, least=0.5)
    results = measure(functions, rows, agreements, None, effort, tell=told.append, do=do)
    figures = figures_of(suite_of(results), rows, functions)
    events = {"text": rows[0].events, "tool": rows[1].events, "all": sum(r.events for r in rows)}
    for figure in figures:
        times = 20 if figure.function == "slow" else 1
        assert figure.mean == pytest.approx(times * events[figure.row] / 1000)
        assert figure.std == pytest.approx(0)
        assert figure.ratio == pytest.approx(times)
        assert figure.events_per_second == pytest.approx(1000 / times)
    size = len(TOOL_CALL) + 2 * len(TEXT)
    assert figures[-1].megabytes_per_second * figures[-1].mean * 1e6 == pytest.approx(size)
    assert [(figure.row, figure.function) for figure in figures] == [
        (row, function.name) for row in events for function in functions
    ]
    assert "round 3 of 3: measuring slow" in told


def test_a_measurement_takes_at_least_the_time_that_was_asked_for(parsers: Any) -> None:
    rows = [Row("text", (body_of(TEXT),))]
    functions = [Function("chunkview", "parsers_of_a_user:good")]
    do = functools.partial(run, timer=lambda: parsers.operations / 1000)
    agreements = compare(functions, rows, None, tell=print, do=do)
    ((_, result),) = measure(
        functions, rows, agreements, None, Effort(1, 2, 1.0), tell=print, do=do
    )
    timing = result.timings["text"]
    assert 1000 <= timing.loops * rows[0].events < 5000
    assert len(timing.values) == 2


@pytest.mark.parametrize(
    ("answer", "left"), [(iter("abc"), 0), (map(str, [1, 2]), 0), (["a"], 1), ("abc", 3)]
)
def test_a_generator_does_its_work_while_it_is_measured(answer: Any, left: int) -> None:
    drain(answer)
    assert len(list(answer)) == left


def test_what_is_no_iterable_is_not_drained() -> None:
    drain(5)
    drain(None)


def test_the_workloads_are_measured_unless_there_are_files(
    parsers: Any, in_this_process: None
) -> None:
    report, _, status = bench("parsers_of_a_user:good", "--without", "msgspec Structs")
    rows = list(dict.fromkeys(figure["row"] for figure in report["figures"]))
    assert rows == [
        *("chat", "citations", "many_tools", "server_tools", "short", "thinking", "tool_call"),
        "all",
    ]
    functions = list(dict.fromkeys(figure["function"] for figure in report["figures"]))
    assert functions == ["parsers_of_a_user:good", "chunkview", "floor"]
    assert (report["workload_version"], report["segments"], status) == (1, None, 0)


def test_files_are_read_in_all_formats_and_folders_with_what_is_below(
    parsers: Any, in_this_process: None, tmp_path: Path
) -> None:
    (tmp_path / "bodies" / "below").mkdir(parents=True)
    (tmp_path / "bodies" / "one.sse").write_bytes(TEXT)
    (tmp_path / "bodies" / "below" / "two.sse.gz").write_bytes(gzip.compress(TOOL_CALL))
    (tmp_path / "three.jsonl").write_bytes(
        b"".join(line[6:] + b"\n" for line in TEXT.splitlines() if line.startswith(b"data: "))
    )
    report, messages, status = bench("parsers_of_a_user:wrong", "bodies", "three.jsonl")
    assert (messages, status) == ("", 1)
    # Each row with a wrong answer is named, and its times are marked.
    wrong = [one for one in report["answers"] if one["function"] == "parsers_of_a_user:wrong"]
    assert [one["file"] for one in wrong] == ["bodies/one.sse", "three.jsonl"]
    marked = {figure["function"] for figure in report["figures"] if figure["is_wrong"]}
    assert marked == {"parsers_of_a_user:wrong"}
    events = {
        figure["row"]: round(figure["events_per_second"] * figure["mean"])
        for figure in report["figures"]
    }
    text, tool = (body.count(b"data: ") for body in (TEXT, TOOL_CALL))
    assert events == {"bodies": text + tool, "three.jsonl": text, "all": 2 * text + tool}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "No such file or directory"),
        (b"data: {\n\n", "invalid JSON"),
        (b"", "there is no event in it"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_named(
    parsers: Any, in_this_process: None, tmp_path: Path, data: bytes | None, message: str
) -> None:
    if data is not None:
        (tmp_path / "a.sse").write_bytes(data)
    report, messages, status = bench("parsers_of_a_user:good", "a.sse")
    assert (report, status) == ({}, 1)
    assert "a.sse" in messages
    assert message in messages


def test_segments_are_given_as_pieces(parsers: Any, in_this_process: None, tmp_path: Path) -> None:
    (tmp_path / "a.sse").write_bytes(TEXT)
    size = len(TEXT) - 1
    report, _, status = bench("parsers_of_a_user:pieces", "a.sse", "--segments", str(size))
    assert (report["segments"], status) == (size, 0)
    assert {answer["status"] for answer in report["answers"]} == {"agrees"}
    failing, _, _ = bench("parsers_of_a_user:one_piece", "a.sse", "--segments", str(size))
    assert "too many values" in answers(failing)["parsers_of_a_user:one_piece"]["problem"]
    _, _, status = bench("parsers_of_a_user:one_piece", "a.sse", "--segments", str(size + 1))
    assert status == 0


# -- what is compared ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "status", "problem"),
    [
        ("good", "agrees", ""),
        ("text", "agrees", ""),
        ("wrong", "differs", "event 5 differs in delta.text"),
        ("raises", "fails", "KeyError: 'no' (" + line_of('KeyError("no")')),
        ("asynchronous", "fails", "TypeError: the function is async: give one that calls asyncio"),
        ("exits", "fails", f"SystemExit: no ({line_of('SystemExit')})"),
    ],
)
def test_the_answers_of_each_function_are_compared(
    parsers: Any, in_this_process: None, tmp_path: Path, function: str, status: str, problem: str
) -> None:
    (tmp_path / "a.sse").write_bytes(TEXT)
    report, _, code = bench(f"parsers_of_a_user:{function}", "a.sse")
    answer = answers(report)[f"parsers_of_a_user:{function}"]
    assert answer["status"] == status
    assert answer["problem"].startswith(problem)
    assert code == int(status != "agrees")
    assert {one["status"] for one in report["answers"][1:]} == {"agrees"}
    measured = {figure["function"] for figure in report["figures"]}
    assert (f"parsers_of_a_user:{function}" in measured) == (status != "fails")
    assert "chunkview" in measured


def test_a_body_that_ends_with_an_error_is_measured(
    parsers: Any, in_this_process: None, tmp_path: Path
) -> None:
    (tmp_path / "a.sse").write_bytes(ERROR)
    report, _, status = bench("parsers_of_a_user:good", "a.sse")
    assert status == 0
    assert {answer["status"] for answer in report["answers"]} <= {"agrees", "leaves out"}


# -- the command -----------------------------------------------------------------------------------


def test_a_slow_and_a_wrong_parser_are_both_shown(
    start: Start, parsers: Any, tmp_path: Path
) -> None:
    """In processes of their own, with the clock of the machine."""
    (tmp_path / "a.sse").write_bytes(TEXT)
    process = start(
        *("-m", "chunkview", "bench", "parsers_of_a_user:slow", "a.sse", "--fast"),
        *("--peer", "wrong=parsers_of_a_user:wrong", "--pyperf", "out.json"),
        *("--without", "SDK", "--without", "msgspec Structs", "--without", "floor"),
    )
    output, errors, status = read_rest(process)
    lines = output.decode().splitlines()
    assert lines[0].startswith("Python 3.")
    assert lines[1].startswith("whole bodies, ")
    assert lines[3].split() == ["bodies", "function", "time", "+-", "ratio", "MB/s", "events/s"]
    for name, line in zip(("slow", "wrong", "chunkview"), lines[4:7], strict=True):
        assert name in line
    text = output.decode()
    assert "  parsers_of_a_user:slow: the same events\n" in text
    assert "  wrong: DIFFERS for a.sse: event 5 differs in delta.text\n" in text
    assert '    chunkview gives {"delta.text": "' in text
    assert '    wrong gives {"delta.text": "' in text
    assert status == 1
    # What the function prints is not in the report.
    assert b"this is not the report" in errors
    assert b"this is not the report" not in output
    suite = pyperf.BenchmarkSuite.load(str(tmp_path / "out.json"))
    assert set(suite.get_benchmark_names()) == {
        f"a.sse: {name}" for name in ("parsers_of_a_user:slow", "wrong", "chunkview")
    }


def test_a_function_that_ends_its_process_is_named(parsers: Any, tmp_path: Path) -> None:
    job = Job(Function("mine", "parsers_of_a_user:ends"), (Row("text", (body_of(TEXT),)),))
    assert run_in_process(job).problem == "its process ended by itself"


def test_a_function_that_raises_only_when_it_is_measured_is_named(
    parsers: Any, in_this_process: None, tmp_path: Path
) -> None:
    (tmp_path / "a.sse").write_bytes(TEXT)
    place = "parsers_of_a_user:raises_later"
    report, messages, status = bench(place, "a.sse")
    problem = "KeyError: 'later' (" + line_of('KeyError("later")') + ")"
    assert (report, messages, status) == ({}, f"chunkview: {place}: {problem}\n", 1)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("parsers_of_a_user:nothing", "ImportError: parsers_of_a_user has no nothing"),
        ("no_such_module:parse", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("parsers_of_a_user:number", "TypeError: parsers_of_a_user:number is no function"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_named(
    parsers: Any, in_this_process: None, place: str, message: str
) -> None:
    report, messages, status = bench(place)
    assert (report, messages, status) == ({}, f"chunkview: {place}: {message}\n", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["parsers"],
        ["parsers.py"],
        ["parsers:"],
        ["a:b", "--peer", "c:d"],
        ["a:b", "--peer", "=c:d"],
        ["a:b", "--peer", "mine=c"],
        ["a:b", "--peer", "SDK=c:d"],
        ["a:b", "--peer", "mine=c:d", "--peer", "mine=e:f"],
        ["a:b", "--without", "chunkview"],
        ["a:b", "--segments", "0"],
        ["a:b", "--fast", "--rigorous"],
    ],
    ids=" ".join,
)
def test_invalid_arguments_end_with_status_2(arguments: list[str]) -> None:
    assert run_cli("bench", *arguments)[2] == 2


def test_without_pyperf_the_message_names_the_extra(start: Start) -> None:
    process = start("-c", without("pyperf"), "bench", "a:b")
    _, errors, status = read_rest(process)
    assert errors == b"chunkview: bench needs pyperf: pip install 'chunkview[bench]'\n"
    assert status == 2


def test_on_a_terminal_the_answers_that_differ_are_red(
    parsers: Any, in_this_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    (tmp_path / "a.sse").write_bytes(TEXT)
    peer = "good=parsers_of_a_user:good"
    arguments = ("bench", "parsers_of_a_user:wrong", "a.sse", "--without", "SDK", "--peer", peer)
    out, messages, status = run_cli(*arguments, is_terminal=True)
    assert out.count("\x1b[1;31m") == 1
    assert "\x1b[1;31m  parsers_of_a_user:wrong: DIFFERS" in out
    assert "\n  good: the same events\n" in out
    assert (messages, status) == ("", 1)
    assert "\x1b" not in run_cli(*arguments, "--no-color", is_terminal=True)[0]


def test_a_parser_of_a_library_is_measured(in_this_process: None, tmp_path: Path) -> None:
    path = tmp_path / "a.sse"
    path.write_bytes(recording("citations"))
    report, _, status = bench("chunkview:iter_chunks", str(path))
    assert status == 0
    assert answers(report)["chunkview:iter_chunks"]["status"] == "agrees"


# -- the folder of recorded streams ----------------------------------------------------------------


def test_the_corpus_is_read_with_subfolders_and_compressed_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "one.sse").write_bytes(TEXT)
    (tmp_path / "README.md").write_text("About these recordings.")
    (tmp_path / "below" / "two.sse.gz").write_bytes(gzip.compress(TOOL_CALL))
    monkeypatch.setenv("CHUNKVIEW_CORPUS", str(tmp_path))
    found = recorded_streams.__wrapped__()
    assert {one.body for one in found} >= {TEXT, TOOL_CALL}
    assert len(found) == len(recording_names()) + 2


@pytest.mark.parametrize("file", [None, "README.md"])
def test_a_corpus_that_holds_no_stream_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str | None
) -> None:
    if file:
        (tmp_path / file).write_text("About these recordings.")
    monkeypatch.setenv("CHUNKVIEW_CORPUS", str(tmp_path))
    problem = "holds no stream" if file else "there are no recordings in it"
    with pytest.raises((AssertionError, FileNotFoundError), match=problem):
        recorded_streams.__wrapped__()


def test_a_broken_file_in_the_corpus_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "one.sse").write_bytes(TEXT)
    (tmp_path / "two.sse.gz").write_bytes(gzip.compress(TEXT)[:50])
    monkeypatch.setenv("CHUNKVIEW_CORPUS", str(tmp_path))
    with pytest.raises(RecordingError, match="two"):
        recorded_streams.__wrapped__()


def test_what_is_slow_only_at_first_is_not_counted() -> None:
    ticks = calls = 0

    def slow_at_first() -> None:
        nonlocal ticks, calls
        calls += 1
        ticks += 4 if calls <= 8 else 1

    effort = Effort(rounds=1, values=3, least=0.02)
    timing = time_calls([slow_at_first], effort, timer=lambda: ticks / 1_000)
    assert timing.values == pytest.approx([0.001] * 3)


@pytest.mark.parametrize(
    ("function", "segments", "hint"),
    [
        ("pieces", [], "; it takes pieces: give --segments"),
        ("good", ["--segments", "100"], "; it takes the whole body: leave out --segments"),
        ("raises", [], ""),
        ("raises", ["--segments", "100"], ""),
    ],
)
def test_a_function_that_takes_bodies_in_the_other_form_is_told_so(
    parsers: Any,
    in_this_process: None,
    tmp_path: Path,
    function: str,
    segments: list[str],
    hint: str,
) -> None:
    (tmp_path / "a.sse").write_bytes(TEXT)
    place = f"parsers_of_a_user:{function}"
    report, _, status = bench(place, "a.sse", *segments)
    (answer,) = [one for one in report["answers"] if one["function"] == place]
    assert (answer["status"], status) == ("fails", 1)
    assert answer["problem"].endswith(hint)
    assert ("it takes" in answer["problem"]) == bool(hint)


def test_a_built_in_peer_that_fails_is_no_failure_of_the_command(
    parsers: Any, in_this_process: None, tmp_path: Path
) -> None:
    (tmp_path / "a.sse").write_bytes(TEXT.replace(b"\n", b"\r\n"))
    report, _, status = bench(
        "parsers_of_a_user:good", "a.sse", "--peer", "chunks=chunkview:iter_chunks"
    )
    by_name = {one["function"]: one["status"] for one in report["answers"]}
    assert by_name["floor"] in ("differs", "fails")
    assert {by_name["parsers_of_a_user:good"], by_name["chunks"]} == {"agrees"}
    assert status == 0


def test_a_peer_without_a_name_is_refused_with_the_form(parsers: Any) -> None:
    _, messages, status = run_cli("bench", "parsers_of_a_user:good", "--peer", "sse:parse")
    assert "expected NAME=package.module:function, got 'sse:parse'" in messages
    assert status == 2
