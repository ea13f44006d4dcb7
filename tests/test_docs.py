"""Every code block of the pages in docs/ runs."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import itertools
import json
import re
import shlex
import tempfile
import typing
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser

from chunkview import (
    Accumulator,
    AnthropicStream,
    ChunkView,
    ChunkviewError,
    Message,
    ProtocolError,
    accumulate,
    iter_chunks,
)
from chunkview.arrow import SummaryWriter
from chunkview.conformance import check
from chunkview.recordings import summaries
from chunkview.testing import (
    Answer,
    CutAfter,
    ErrorAfter,
    Fault,
    ReplayServer,
    Reply,
    ResetAfter,
    StallAfter,
    recording,
    recording_names,
)
from test_readme import ROOT, check_command, run_python, run_shell

PAGES = sorted((ROOT / "docs").rglob("*.md"))
BY_HAND = "# Run by hand on "
"""How a block begins that needs what the tests lack. It is compiled, not run."""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader has the package and an empty folder, and no checkout."""
    monkeypatch.chdir(tmp_path)


def run_or_compile(example: Any) -> None:
    """Run a block of Python, unless it is run by hand or its engine is not installed."""
    text = example.parsed
    engines = re.findall(r"^import (duckdb)$", text, re.MULTILINE)
    if text.startswith(BY_HAND) or not all(map(importlib.util.find_spec, engines)):
        compile(text, example.path, "exec")
    else:
        run_python(example)


def run_query(example: Any) -> None:
    """Run a query of DuckDB, if it is installed, on the rows of the bundled recordings."""
    if importlib.util.find_spec("duckdb") is None:
        return
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "rows")
        rows.mkdir()
        with SummaryWriter(str(rows / "part-00000.parquet")) as writer:
            for name in recording_names():
                writer.write(summaries(io.BytesIO(recording(name))))
        query = example.parsed.replace("rows/", f"{rows}/")
        assert len(duckdb.execute(query).fetchall()) > 1


def check_workflow(example: Any) -> None:
    """Check the steps of a workflow of GitHub: its actions, and the commands of this package."""
    workflow = yaml.safe_load(example.parsed)
    assert {"name", "permissions", "jobs"} <= workflow.keys()
    commands = 0
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "run" in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
            for line in step.get("run", "").splitlines():
                if line.startswith(("pip ", "chunkview ")):
                    check_command(*shlex.split(line))
                    commands += 1
    assert commands


KINDS = {"python": run_or_compile, "sh": run_shell, "sql": run_query, "yaml": check_workflow}
GOOD = recording("text")
# The index of the only block is wrong, and the last event cannot be read.
BAD = GOOD.replace(b'"index":0', b'"index":2') + b"event: more\ndata: no\n\ndata: yes\n\n"


class Response(SimpleNamespace):
    """What the pages call a response."""

    def __init__(self, body: bytes) -> None:
        super().__init__(content=body, size=9)

    def iter_bytes(self) -> list[bytes]:
        return [self.content[at : at + self.size] for at in range(0, len(self.content), self.size)]


def run_page(page: Path) -> dict[str, Any]:
    """Run the code blocks of a page, and give their names. Count those of each kind in `kinds`."""
    parsers = [CodeBlockParser(kind, run) for kind, run in KINDS.items()]
    document = Sybil(parsers=parsers, path=str(ROOT)).parse(page)
    forwarded: list[bytes] = []
    document.namespace.update(
        __name__=page.stem, response=Response(GOOD), forward=forwarded.append, forwarded=forwarded
    )
    count = 0
    for example in document.examples():
        example.evaluate()
        count += 1
    namespace: dict[str, Any] = document.namespace
    namespace["count"] = count
    return namespace


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_code_block_of_a_page_runs(page: Path) -> None:
    fences = re.findall(r"^```(\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences) <= {*KINDS, "text", "diff", "json"}
    assert run_page(page)["count"] == sum(fence in KINDS for fence in fences)


def test_the_relay_of_the_page_forwards_every_byte_and_counts_the_broken_rules() -> None:
    names = run_page(ROOT / "docs" / "checking-a-server.md")
    assert b"".join(names["forwarded"]) == GOOD
    assert names["broken_rules"] == Counter()
    names["forwarded"].clear()
    names["relay"]("bad", Response(BAD), names["forwarded"].append)
    assert b"".join(names["forwarded"]) == BAD
    assert names["broken_rules"]["bad", "index_not_consecutive"] == 1
    assert names["broken_rules"]["bad", "data_not_object"] == 1


def test_the_relay_of_the_page_counts_the_broken_rules_of_a_stream_that_is_cut() -> None:
    def cut() -> Iterator[bytes]:
        yield BAD[: BAD.index(b"event: content_block_stop")]
        raise httpx.ReadError("cut")

    names = run_page(ROOT / "docs" / "checking-a-server.md")
    with pytest.raises(httpx.ReadError):
        names["relay"]("bad", SimpleNamespace(iter_bytes=cut), names["forwarded"].append)
    assert names["broken_rules"]["bad", "index_not_consecutive"] == 1


def test_the_assertion_of_the_page_names_the_broken_rule() -> None:
    names = run_page(ROOT / "docs" / "checking-a-server.md")
    with pytest.raises(AssertionError, match="index_not_consecutive: content_block_start "):
        names["assert_conforms"](BAD)


# --- what breaks off ------------------------------------------------------------------------------

BREAKS = [CutAfter(events=8), ResetAfter(events=8), ErrorAfter(8)]
breaks = pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: type(fault).__name__)
REQUEST = {"model": "claude-test", "stream": True}
BEFORE = Accumulator()
BEFORE.extend(itertools.islice(iter_chunks(GOOD), 8))
SO_FAR: Any = BEFORE.message


def page(name: str) -> dict[str, Any]:
    return run_page(ROOT / "docs" / name)


@breaks
def test_the_tutorial_and_the_page_on_errors_keep_what_came_before_a_break(fault: Fault) -> None:
    ask, read = page("tutorial.md")["ask"], page("errors.md")["read"]
    with ReplayServer(Answer(GOOD, fault)) as server, httpx.Client(base_url=server.url) as client:
        assert ask(client) == read(client, REQUEST) == SO_FAR


@breaks
def test_the_page_on_the_next_turn_keeps_what_came_before_a_break(fault: Fault) -> None:
    received = page("the-next-turn.md")["received"]
    with ReplayServer(Answer(GOOD, fault)) as server:
        with httpx.stream("POST", f"{server.url}/v1/messages", json=REQUEST) as response:
            assert received(response) == SO_FAR


@breaks
def test_a_span_says_why_the_stream_broke_off(fault: Fault) -> None:
    names = page("tracing.md")
    span = names["Span"]()
    with ReplayServer(Answer(GOOD, fault)) as server, httpx.Client(base_url=server.url) as client:
        with pytest.raises((ChunkviewError, httpx.HTTPError)) as caught:
            list(names["traced"](names["sent"](client, REQUEST), span, "claude-test"))
    assert span.attributes["error.type"] == type(caught.value).__name__
    assert span.attributes["gen_ai.usage.output_tokens"] == SO_FAR.usage.output_tokens


def test_a_span_counts_the_time_to_the_first_token_from_the_request() -> None:
    names = page("tracing.md")
    span, stall = names["Span"](), 0.2  # seconds before the status
    answer = Answer(GOOD, StallAfter(0, seconds=stall))
    with ReplayServer(answer) as server, httpx.Client(base_url=server.url) as client:
        list(names["traced"](names["sent"](client, REQUEST), span, "claude-test"))
    assert span.attributes["gen_ai.response.time_to_first_chunk"] >= stall


def test_an_event_with_a_garbled_line_is_skipped_as_the_page_on_errors_says() -> None:
    line = b'data: {"type":"content_block_delta"'
    garbled = GOOD.replace(line, b"da\xff" + line[2:], 1)
    stream = AnthropicStream(garbled)
    for _ in stream:
        pass
    assert len(stream.content) < len(accumulate(GOOD).text)
    assert [found.rule for found in stream.findings] == ["data_not_object"]
    with pytest.raises(ProtocolError, match="data_not_object"):
        accumulate(garbled, strict=True)
    unnamed = re.sub(rb"event: .*\n", b"", garbled)
    assert accumulate(unnamed).text == stream.content
    rules = {found.rule for found in check(unnamed)}
    assert rules == {"event_line_missing"}


# --- the agent loop -------------------------------------------------------------------------------

CALL = recording("thinking_tool_call")
AFTER_CALL = CALL.count(b"event: ") - 2  # events: without message_delta and message_stop


class Conversation:
    """Runs the loop of the page, and has the history, the lines of the log, and what it raised."""

    def __init__(self, names: dict[str, Any], replies: Any) -> None:
        self.history: list[Any] = [{"role": "user", "content": "?"}]
        self.error: BaseException | None = None
        log = io.StringIO()

        async def converse(url: str) -> None:
            async with httpx.AsyncClient(base_url=url) as client:
                await names["converse"](client, self.history, log, pause=0)

        with ReplayServer(replies) as server:
            try:
                asyncio.run(converse(server.url))
            except (asyncio.CancelledError, ChunkviewError, httpx.HTTPError) as error:
                self.error = error
        self.lines = [json.loads(line) for line in log.getvalue().splitlines()]


def roles(history: list[Any]) -> str:
    """The first letter of each role."""
    return "".join(turn["role"][0] for turn in history)


@pytest.mark.parametrize(
    "fault",
    [CutAfter(events=AFTER_CALL), ResetAfter(events=AFTER_CALL), ErrorAfter(AFTER_CALL)],
    ids=lambda fault: type(fault).__name__,
)
def test_the_agent_asks_again_after_a_break_and_logs_each_answer(fault: Fault) -> None:
    names = page("agent-loop.md")
    talk = Conversation(names, [Answer(GOOD, BREAKS[0]), Answer(CALL, fault), CALL, GOOD])
    assert talk.error is None
    assert roles(talk.history) == "uauauaua"
    assert talk.history[2] == names["GO_ON"]
    (broken,), (whole,) = talk.history[4]["content"], talk.history[6]["content"]
    assert broken["is_error"]
    assert "is_error" not in whole
    assert [bool(line["error"]) for line in talk.lines] == [True, True, False, False]
    messages = [Message.from_dict(line["message"]) for line in talk.lines]
    assert messages[0] == SO_FAR
    assert messages[3] == accumulate(GOOD)
    assert [message.to_param() for message in messages] == talk.history[1::2]


def test_the_agent_gives_up_after_four_breaks_and_at_once_if_it_is_refused() -> None:
    names = page("agent-loop.md")
    talk = Conversation(names, Answer(GOOD, BREAKS[0]))
    assert isinstance(talk.error, httpx.RemoteProtocolError)
    assert roles(talk.history) == "uauauaua"
    assert len(talk.lines) == 4
    talk = Conversation(names, (400, {"type": "error", "error": {"message": "no"}}))
    assert isinstance(talk.error, httpx.HTTPStatusError)
    assert "no" in talk.error.response.text
    assert (roles(talk.history), talk.lines) == ("u", [])


def test_the_agent_sends_a_paused_turn_as_the_last_one_also_after_a_break() -> None:
    paused = GOOD.replace(b'"end_turn"', b'"pause_turn"')
    talk = Conversation(page("agent-loop.md"), [paused, Answer(GOOD, CutAfter(0)), GOOD])
    assert roles(talk.history) == "uaa"


def test_a_turn_that_is_cancelled_is_kept_and_logged() -> None:
    names = page("agent-loop.md")

    def cancel(*words: str, **options: Any) -> None:
        if "file" in options:
            print(*words, **options)
        elif words[0]:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    names["print"] = cancel
    talk = Conversation(names, Answer(GOOD, StallAfter(events=8)))
    assert isinstance(talk.error, asyncio.CancelledError)
    assert roles(talk.history) == "ua"
    assert talk.lines[0]["error"] == "CancelledError()"
    assert Message.from_dict(talk.lines[0]["message"]).to_param() == talk.history[1]


def test_a_tool_that_is_cancelled_leaves_its_call_with_a_result() -> None:
    names = page("agent-loop.md")

    async def cancelled(**query: Any) -> str:
        raise asyncio.CancelledError

    names["TOOLS"]["find_copies"] = cancelled
    talk = Conversation(names, CALL)
    assert isinstance(talk.error, asyncio.CancelledError)
    assert roles(talk.history) == "uau"
    assert talk.history[2]["content"][0]["is_error"]
    assert talk.lines[0]["error"] is None


def test_the_agent_is_the_same_without_async_and_await() -> None:
    text = (ROOT / "docs" / "agent-loop.md").read_text(encoding="utf-8")
    source = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    changes = {
        "asyncio": "time",
        "AsyncClient": "Client",
        "aiter_bytes": "iter_bytes",
        "aread": "read",
    }
    for old, new in changes.items():
        source = source.replace(old, new)
    names: dict[str, Any] = {}
    exec(re.sub(r"\b(async|await) ", "", source), names)
    history, log = [{"role": "user", "content": "?"}], io.StringIO()
    replies: list[Reply] = [Answer(CALL, CutAfter(events=AFTER_CALL)), CALL, GOOD]
    with ReplayServer(replies) as server, httpx.Client(base_url=server.url) as client:
        assert names["converse"](client, history, log, pause=0) == accumulate(GOOD).text
    assert roles(history) == "uauaua"


# --- the match ------------------------------------------------------------------------------------


def test_the_match_of_the_page_has_a_case_for_each_class_as_a_type_checker_proves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = pytest.importorskip("mypy.api")
    monkeypatch.setenv("MYPYPATH", str(ROOT / "src"))
    text = (ROOT / "docs" / "chunks.md").read_text(encoding="utf-8")
    source = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]

    def complaints(source: str) -> str:
        path = tmp_path / "program.py"
        path.write_text(source, encoding="utf-8")
        report: str = api.run(["--strict", f"--cache-dir={tmp_path / 'cache'}", str(path)])[0]
        return report

    assert complaints(source).startswith("Success")
    for cls in typing.get_args(ChunkView):
        assert f"cv.{cls.__name__}(" in source
    less = source.replace(" | cv.UnknownChunk()", "")
    assert 'incompatible type "UnknownChunk"; expected "Never"' in complaints(less)


def test_the_match_of_the_page_takes_every_chunk() -> None:
    described = page("chunks.md")["described"]
    for name in recording_names():
        assert all(map(described, iter_chunks(recording(name))))


def test_a_chunk_that_comes_twice_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    names = page("chunks.md")
    events = [chunk.to_event() for chunk in iter_chunks(CALL)]
    last = max(at for at, event in enumerate(events) if event["type"] == "content_block_stop")
    del events[last], events[-1]
    capsys.readouterr()
    chunks = [chunk for chunk, _ in AnthropicStream(names["logged"](iter_chunks(events)))]
    assert len(chunks) == len(events) + 1
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == events
