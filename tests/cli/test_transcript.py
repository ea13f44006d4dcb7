"""The blocks of a stream as `chunkview show` prints them: told apart, and in order."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import accumulate, decode
from chunkview._cli.show.transcript import Transcript
from chunkview._model import BLOCKS, TextBlock, ThinkingBlock
from chunkview.testing import recording
from chunkview.testing import strategies as cv
from cli.console import HARMFUL, harmful, run
from support import (
    Event,
    block_start,
    block_stop,
    delta,
    examples,
    json_delta,
    message_start,
    signature,
    text_delta,
    thinking_delta,
    tool_start,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
KEYS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def shown(
    *events: Event, is_terminal: bool = False, columns: int | None = None, color: bool = False
) -> str:
    """The transcript of a stream."""
    transcript = Transcript(is_terminal=is_terminal, color=color, columns=columns)
    return "".join([*(transcript.add(decode(event)) for event in events), transcript.end()])


def block(**fields: Any) -> str:
    """The transcript of one block that begins whole."""
    return shown(block_start(**fields), block_stop())


CHAR = {
    "type": "char_location",
    "cited_text": "It  rains.\n",
    "document_index": 0,
    "document_title": "Log",
    "start_char_index": 4,
    "end_char_index": 9,
}
PAGE = {
    "type": "page_location",
    "cited_text": "It rains.",
    "document_index": 3,
    "start_page_number": 2,
    "end_page_number": 3,
}
CONTENT = {
    "type": "content_block_location",
    "cited_text": "It rains.",
    "document_index": 0,
    "document_title": "Log",
    "start_block_index": None,
    "end_block_index": 2,
}
WEB = {
    "type": "web_search_result_location",
    "cited_text": "It rains.",
    "url": "https://example.com",
    "encrypted_index": "eA==",
    "title": "Weather",
}
SEARCH = {
    "type": "search_result_location",
    "cited_text": "It rains.",
    "source": "kb/7",
    "search_result_index": 0,
    "start_block_index": 0,
    "end_block_index": 1,
}


@pytest.mark.parametrize(
    ("citation", "note"),
    [
        (CHAR, 'Log, characters 4 to 8: "It rains."'),
        (PAGE, 'document 3, page 2: "It rains."'),
        (CONTENT, 'Log, unknown blocks: "It rains."'),
        (WEB, 'Weather, https://example.com: "It rains."'),
        (SEARCH, 'kb/7: "It rains."'),
        ({"type": "new", "x": 1}, '{"type": "new", "x": 1}'),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_citation_is_a_note_that_says_where_the_passage_is_from(
    citation: dict[str, Any], note: str
) -> None:
    events = [text_delta("Rain"), delta("citations_delta", citation=citation), block_stop()]
    assert shown(block_start(), *events) == f"Rain\n\n[1] {note}\n\n"


def cited(index: int, text: str, *citations: dict[str, Any]) -> list[Event]:
    deltas = [delta("citations_delta", index, citation=citation) for citation in citations]
    return [block_start(index), *deltas, text_delta(text, index), block_stop(index)]


def test_on_a_terminal_the_numbers_of_the_notes_follow_the_cited_passages() -> None:
    events = [*cited(0, "One", CHAR), *cited(1, ", two", WEB, CHAR), *cited(2, ".")]
    notes = (
        '[1] Log, characters 4 to 8: "It rains."\n[2] Weather, https://example.com: "It rains."\n\n'
    )
    assert shown(*events, is_terminal=True, columns=80) == f"One[1], two[2][1].\n\n{notes}"
    assert shown(*events) == f"One, two.\n\n{notes}"


def test_notes_come_before_the_next_block_and_their_numbers_go_on_after_it() -> None:
    events = [*cited(0, "One", CHAR), tool_start(1), block_stop(1), *cited(2, "two", WEB, CHAR)]
    out = shown(*events, is_terminal=True, columns=80)
    assert re.findall(r"(?m)^\[\d\]|^tool call|One\[1\]|two\[2\]\[1\]", out) == [
        "One[1]",
        "[1]",
        "tool call",
        "two[2][1]",
        "[2]",
    ]


def result(kind: str, content: Any, **fields: Any) -> str:
    return block(type=f"{kind}_tool_result", tool_use_id="t", content=content, **fields)


BASH = "bash_code_execution"


@pytest.mark.parametrize(
    ("out", "lines"),
    [
        (
            block(type="tool_use", id="t", name="f", input={"a": [1, "é"]}),
            ["tool call f", '  {"a": [1, "é"]}'],
        ),
        (
            block(type="tool_use", id="t", name="", input={}, caller={"type": "code_execution_1"}),
            ["tool call (no name), called by code_execution_1", "  {}"],
        ),
        (
            block(type="server_tool_use", id="t", name="web_search", input={"query": "x"}),
            ["server tool web_search", '  {"query": "x"}'],
        ),
        (
            block(type="mcp_tool_use", id="t", name="f", server_name="s", input={}),
            ["MCP tool f of s", "  {}"],
        ),
        (
            result(
                "web_search",
                [
                    {"type": "web_search_result", "title": "T", "url": "u", "page_age": "May 2"},
                    {"type": "web_search_result", "title": "S", "url": "v", "page_age": None},
                ],
            ),
            ["result of web_search", "  - T (May 2)", "    u", "  - S", "    v"],
        ),
        (
            result("web_search", {"type": "web_search_tool_result_error", "error_code": "e"}),
            ["error of web_search", "  e"],
        ),
        (
            result(
                "web_fetch",
                {
                    "type": "web_fetch_result",
                    "url": "u",
                    "content": {
                        "type": "document",
                        "title": "T",
                        "source": {"type": "text", "media_type": "text/plain", "data": "x" * 1000},
                    },
                },
            ),
            ["result of web_fetch", "  T", "  u", "  (1,000 characters of text/plain)"],
        ),
        (
            result(
                BASH,
                {
                    "type": f"{BASH}_result",
                    "stdout": "a\nb\n",
                    "stderr": "c",
                    "return_code": 1,
                    "content": [{"type": f"{BASH}_output", "file_id": "file_1"}],
                },
            ),
            [
                f"result of {BASH}",
                *("  stdout:", "    a", "    b", "  stderr:", "    c"),
                *("  file: file_1", "  return code: 1"),
            ],
        ),
        (
            result(
                "text_editor_code_execution",
                {"type": "text_editor_code_execution_view_result", "content": "a\nb"},
            ),
            ["result of text_editor_code_execution", "  a", "  b"],
        ),
        (
            result(
                "text_editor_code_execution",
                {"type": "text_editor_code_execution_create_result", "is_file_update": False},
            ),
            ["result of text_editor_code_execution", "  the file is new"],
        ),
        (
            result(
                "text_editor_code_execution",
                {"type": "text_editor_code_execution_str_replace_result", "lines": ["-a", "+b"]},
            ),
            ["result of text_editor_code_execution", "  -a", "  +b"],
        ),
        (
            result(
                "tool_search",
                {
                    "type": "tool_search_tool_search_result",
                    "tool_references": [{"type": "tool_reference", "tool_name": "f"}],
                },
            ),
            ["result of tool_search", "  - f"],
        ),
        (
            result("advisor", {"type": "advisor_result", "text": "Do it."}),
            ["result of advisor", "  Do it."],
        ),
        (
            result("mcp", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
            ["result of mcp", "  a", "  b"],
        ),
        (
            result("web_search", [{"type": "web_search_result", "title": None}]),
            ["result of web_search", "  - (no name)", "    (no address)"],
        ),
        (result(BASH, {"type": f"{BASH}_result", "stdout": None}), [f"result of {BASH}"]),
        (result("mcp", "no", is_error=True), ["error of mcp", "  no"]),
        (result("new", {"type": "new", "a": 1}), ["result of new", '  {"type": "new", "a": 1}']),
        (
            block(type="redacted_thinking", data="x" * 1234),
            ["redacted thinking (1,234 encrypted characters)"],
        ),
        (block(type="container_upload", file_id="f"), ["file f in the container"]),
        (block(type="compaction", content="a\nb"), ["summary of earlier turns", "  a", "  b"]),
        (block(type="compaction", content=None), ["compaction that failed"]),
        (
            block(type="fallback", **{"from": {"model": "a"}, "to": {"model": "b"}}),
            ["b takes over from a"],
        ),
        (
            block(type="mcp_tool_listing", mcp_server_name="s", tools=[{"name": "f"}, "g"]),
            ["tools of the MCP server s", "  - f", "  - g"],
        ),
        (block(type="new", a=1), ["block of unknown type new", '  {"type": "new", "a": 1}']),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_each_kind_of_block_is_shown(out: str, lines: list[str]) -> None:
    assert out == "\n".join(lines) + "\n\n"


@pytest.mark.parametrize("tag", sorted({*BLOCKS, "unknown"}))
@examples(0.3)
@given(data=st.data())
def test_every_block_has_a_head_and_can_be_shown(tag: str, data: st.DataObject) -> None:
    """Blocks of every kind and shape are shown, without control characters."""
    value = data.draw(cv.content_blocks(tag))
    content = data.draw(st.just(value.get("content")) | st.recursive(harmful, st.lists))
    if "content" in value:
        value["content"] = content
    out = shown(block_start(**value), block_stop(), is_terminal=True, columns=80)
    read = decode(block_start(**value)).content_block  # type: ignore[union-attr]
    if not isinstance(read, (TextBlock, ThinkingBlock)):
        assert re.match(r"\S", out)
    assert not set(HARMFUL) & set(out)


def test_the_result_names_the_tool_that_was_called() -> None:
    call = block_start(type="server_tool_use", id="t", name="my_search", input={})
    found = {"type": "web_search_tool_result", "tool_use_id": "t", "content": []}
    out = shown(call, block_stop(), block_start(1, **found), block_stop(1))
    assert out == "server tool my_search\n  {}\n\nresult of my_search\n  []\n\n"


def test_a_long_list_is_cut() -> None:
    tools = [{"name": f"tool_{number}"} for number in range(70)]
    lines = block(type="mcp_tool_listing", mcp_server_name="s", tools=tools).splitlines()
    assert lines[-3:] == ["  - tool_49", "  - and 20 more", ""]


def test_a_long_input_has_a_line_for_each_member() -> None:
    value = {"title": "x" * 30, "near": {"place": "Zürich", "within": 1500}, "tags": ["y" * 60] * 2}
    parts = json.dumps(value)
    out = shown(tool_start(), json_delta(parts[:20]), json_delta(parts[20:]), block_stop())
    assert out == (
        "tool call get_weather\n"
        "  {\n"
        f'    "title": "{"x" * 30}",\n'
        '    "near": {"place": "Zürich", "within": 1500},\n'
        '    "tags": [\n'
        f'      "{"y" * 60}",\n'
        f'      "{"y" * 60}"\n'
        "    ]\n"
        "  }\n\n"
    )


@given(value=st.dictionaries(st.text(), json_values))
def test_the_lines_of_an_input_are_its_json(value: dict[str, Any]) -> None:
    """They can be parsed, also when they are long."""
    out = shown(tool_start(), json_delta(json.dumps(value)), block_stop())
    assert json.loads(out.partition("\n")[2]) == value


def test_what_is_not_whole_says_so() -> None:
    assert shown(tool_start(), json_delta('{"a": "b')) == (
        'tool call get_weather\n  invalid JSON: {"a": "b\n  (cut off)\n\n'
    )
    assert shown(tool_start()) == "tool call get_weather\n  {}\n  (cut off)\n\n"
    assert shown(block_start(type="compaction", content=None)) == ""
    assert shown(tool_start(), json_delta('{"a": 1}')) == 'tool call get_weather\n  {"a": 1}\n\n'


def test_deltas_without_a_start_are_shown() -> None:
    assert shown(json_delta('{"a": 1}'), block_stop()) == 'tool call (no name)\n  {"a": 1}\n\n'
    assert shown(text_delta("a", 3), thinking_delta("b", 4)) == "a\n\n| b\n\n"
    assert shown(delta("compaction_delta", content="a")) == "summary of earlier turns\n  a\n\n"
    assert shown(delta("citations_delta", citation=SEARCH), block_stop()) == (
        '\n[1] kb/7: "It rains."\n\n'
    )


def test_thinking_that_is_left_out_is_mentioned() -> None:
    start = block_start(type="thinking", thinking="", signature="")
    tokens = [delta("thinking_delta", thinking="", estimated_tokens=700) for _ in range(2)]
    out = shown(start, *tokens, signature("abc"), block_stop())
    assert out == "| (thinking that is not shown, about 1,400 tokens)\n\n"
    assert shown(start, signature("abc"), block_stop()) == "| (thinking that is not shown)\n\n"
    assert shown(start, thinking_delta("a"), signature("abc"), block_stop()) == "| a\n\n"
    assert shown(start, block_stop()) == ""


def test_counts_that_make_no_sense_are_not_added_up() -> None:
    start = block_start(type="thinking", thinking="", signature="")
    counts = [10**4299, 9 * 10**4299, -5, 7]
    events = [delta("thinking_delta", thinking="", estimated_tokens=count) for count in counts]
    assert shown(start, *events) == "| (thinking that is not shown, about 7 tokens)\n\n"


def test_two_pieces_of_thinking_are_told_apart() -> None:
    start = {"type": "thinking", "thinking": "", "signature": ""}
    first = [block_start(0, **start), thinking_delta("a"), block_stop(0)]
    second = [block_start(1, **start), thinking_delta("b", 1), block_stop(1)]
    assert shown(*first, *second) == "| a\n\n| b\n\n"


def test_unknown_deltas_of_an_unknown_block_are_shown() -> None:
    out = shown(block_start(type="new"), delta("new_delta", a=1), block_stop())
    assert out == (
        'block of unknown type new\n  {"type": "new"}\n  {"type": "new_delta", "a": 1}\n\n'
    )


def test_a_block_that_begins_in_the_place_of_an_open_one_ends_that() -> None:
    events = [tool_start(name="f"), json_delta('{"a": 1}'), tool_start(name="g"), block_stop()]
    assert shown(*events) == 'tool call f\n  {"a": 1}\n\ntool call g\n  {}\n\n'


def test_blocks_that_are_open_at_the_same_time_are_shown_whole() -> None:
    events = [
        tool_start(0, name="f"),
        tool_start(1, name="g"),
        json_delta('{"a":', 0),
        json_delta("{}", 1),
        json_delta("1}", 0),
        block_stop(0),
        block_stop(1),
    ]
    out = shown(*events)
    assert out.split("\n\n")[-3:] == ['tool call f\n  {"a": 1}', "tool call g\n  {}", ""]


def test_the_content_that_a_message_starts_with_is_shown() -> None:
    content = [
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "text", "text": "b", "citations": [SEARCH]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"c": 1}},
    ]
    out = shown(message_start(content=content))
    assert out == '| a\n\nb\n\n[1] kb/7: "It rains."\n\ntool call f\n  {"c": 1}\n\n'


def test_heads_are_bold_and_thinking_and_notes_are_dim() -> None:
    start = block_start(type="thinking", thinking="a", signature="")
    events = [start, block_stop(), *cited(1, "b", SEARCH), tool_start(2, name="f"), block_stop(2)]
    out = shown(*events, color=True)
    assert re.findall(r"(?s)\x1b\[(\d)m(.*?)\x1b\[0m", out) == [
        ("2", "| a"),
        ("2", "\n"),
        ("2", '[1] kb/7: "It rains."\n'),
        ("1", "tool call f\n"),
    ]
    assert re.sub(r"\x1b\[\dm", "", out) == shown(*events)


def cut(events: list[Event], sizes: list[int]) -> list[Event]:
    """The same stream with its deltas in more pieces."""
    found: list[Event] = []
    for event, size in zip(events, itertools.cycle(sizes), strict=False):
        key = KEYS.get(event.get("delta", {}).get("type"), "")
        text = event["delta"][key] if key else ""
        pieces = [text[at : at + size] for at in range(0, len(text), size)] or [text]
        for piece in pieces if key else ():
            found.append({**event, "delta": {**event["delta"], key: piece}})
        if not key:
            found.append(event)
    return found


@given(
    events=cv.message_streams(),
    sizes=st.lists(st.integers(1, 9), min_size=1),
    columns=st.none() | st.integers(40, 200),
)
def test_the_cut_of_a_stream_into_deltas_does_not_matter(
    events: list[Event], sizes: list[int], columns: int | None
) -> None:
    is_terminal = columns is not None
    assert shown(*cut(events, sizes), is_terminal=is_terminal, columns=columns) == shown(
        *events, is_terminal=is_terminal, columns=columns
    )


@given(cv.message_streams())
def test_the_blocks_of_a_stream_are_shown_in_their_order(events: list[Event]) -> None:
    """On a pipe, the text and the thinking of each block are in the output, unchanged."""
    message = accumulate(events)
    out = shown(*events)
    at = 0
    for one in message.content:
        if isinstance(one, TextBlock):
            expected = one.text
        elif isinstance(one, ThinkingBlock):
            expected = one.thinking.replace("\n", "\n| ")
        else:
            expected = getattr(one, "name", "")
            expected = expected if expected.isprintable() else ""
        expected = expected.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert expected in out[at:]
        at = out.index(expected, at) + len(expected)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_recording_fits_into_the_terminal(
    columns: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for name in ("text", "citations", "thinking_tool_call", "error"):
        path = tmp_path / "a.sse"
        path.write_bytes(recording(name))
        out, _, _ = run("show", "--no-color", str(path), is_terminal=True)
        long_words = re.compile("https:|msg_|claude-")
        lines = [line for line in out.splitlines() if not long_words.search(line)]
        assert max(map(len, lines)) <= columns
