"""`workload`: named bodies that are valid, of known size, and always the same."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    accumulate,
)
from chunkview.conformance import check
from chunkview.testing import WORKLOAD_VERSION, workload, workload_names, workloads

NAMES = ("chat", "citations", "many_tools", "server_tools", "short", "thinking", "tool_call")

# The digests of four bodies each. If you change these bytes, raise WORKLOAD_VERSION.
PINNED = {
    "chat": "b4110ab62624839c",
    "citations": "4a370f06618efa4d",
    "many_tools": "33694509e6e09b97",
    "server_tools": "7cd1b7975e6ec047",
    "short": "f87d388cdd814c1d",
    "thinking": "4157b4981656f579",
    "tool_call": "c5e47c3f62ee7b7a",
}


def events_of(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(frame.split(b"data: ")[1]) for frame in body.split(b"\n\n") if frame]


def deltas_of(body: bytes) -> list[dict[str, Any]]:
    return [event["delta"] for event in events_of(body) if event["type"] == "content_block_delta"]


def digest(name: str) -> str:
    bodies = b"".join(workload(name, 200, seed) for seed in range(4))
    return hashlib.sha256(bodies).hexdigest()[:16]


def test_the_workloads_are_named() -> None:
    assert workload_names() == NAMES


def test_an_unknown_workload_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'chatt'; the names are chat, citations, many_tools, ser"):
        workload("chatt")


def test_a_workload_of_a_few_deltas_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 deltas, not 9"):
        workload("chat", 9)


def test_the_bytes_of_a_workload_change_with_the_version_only() -> None:
    assert WORKLOAD_VERSION == 1
    assert {name: digest(name) for name in NAMES} == PINNED


def test_a_workload_has_2000_deltas_unless_told_otherwise() -> None:
    assert workload("chat") == workload("chat", 2000, 0) != workload("chat", 2000, 1)
    assert len(deltas_of(workload("chat"))) == 2000


@given(st.sampled_from(NAMES), st.integers(10, 300), st.integers(0, 10**6))
def test_a_workload_is_valid_and_has_the_deltas_that_were_asked_for(
    name: str, deltas: int, seed: int
) -> None:
    body = workload(name, deltas, seed)
    assert check(body) == []
    assert body == workload(name, deltas, seed)
    if name == "short":
        assert len(events_of(body)) == 40
    else:
        assert len(deltas_of(body)) == deltas


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_has_the_wire_format_of_the_api(name: str) -> None:
    frames = workload(name, 600).decode().split("\n\n")
    assert frames.pop() == ""
    padding = Counter[int]()
    for frame in frames:
        head, data = frame.split("\n")
        payload = data.removeprefix("data: ")
        event = json.loads(payload)
        assert head == f"event: {event['type']}"
        if event["type"] == "ping":
            assert payload == '{"type": "ping"}'
            continue
        bare = json.dumps(event, ensure_ascii=False, separators=(",", ":"))[:-1]
        blanks = payload.removeprefix(bare).removesuffix("}")
        assert set(blanks) <= {" "}
        padding[len(blanks)] += 1
    assert max(padding) == 15
    pings = sum(frame.startswith("event: ping") for frame in frames)
    assert pings == (1 if name == "short" else 2)


# The median of the recorded streams is 9 characters for text, 8 for thinking and 6 for tool input.
@pytest.mark.parametrize(
    ("name", "kind", "key"),
    [
        ("chat", "text_delta", "text"),
        ("thinking", "thinking_delta", "thinking"),
        ("tool_call", "input_json_delta", "partial_json"),
    ],
)
def test_deltas_are_as_long_as_recorded_ones(name: str, kind: str, key: str) -> None:
    lengths = [len(delta[key]) for delta in deltas_of(workload(name)) if delta["type"] == kind]
    assert 5 <= median(lengths) <= 10
    assert max(lengths) <= 60


def test_thinking_is_signed_and_comes_before_the_text() -> None:
    thinking, text = accumulate(workload("thinking")).content
    assert isinstance(thinking, ThinkingBlock) and isinstance(text, TextBlock)  # noqa: PT018
    assert len(thinking.signature) > 1000
    assert len(thinking.thinking) > 3 * len(text.text)


def test_a_tool_call_has_a_large_input() -> None:
    message = accumulate(workload("tool_call"))
    (call,) = message.tool_calls
    assert message.stop_reason == "tool_use"
    assert isinstance(call.input, dict)
    assert len(json.dumps(call.input)) > 10_000


def test_many_tools_are_called_each_with_an_id() -> None:
    calls = accumulate(workload("many_tools")).tool_calls
    assert len(calls) > 50
    assert len({call.id for call in calls}) == len(calls)
    assert all(call.input for call in calls)


def test_citations_of_documents_fit_the_text_that_they_cite() -> None:
    blocks = [block for block in accumulate(workload("citations")).content if block.citations]  # type: ignore[union-attr]
    assert len(blocks) > 50
    for block in blocks:
        assert isinstance(block, TextBlock)
        for citation in block.citations or ():
            cited = citation.to_dict()
            assert cited["type"] == "char_location"
            length = cited["end_char_index"] - cited["start_char_index"]
            assert length == len(cited["cited_text"])


@pytest.mark.parametrize(("name", "seed"), [("server_tools", 0), ("server_tools", 5), ("short", 3)])
def test_each_server_tool_has_its_result_and_what_is_cited_was_found(name: str, seed: int) -> None:
    content = accumulate(workload(name, seed=seed)).content
    found: set[str] = set()
    for at, block in enumerate(content):
        if isinstance(block, ServerToolUseBlock):
            result = content[at + 1]
            assert isinstance(result, ToolResultBlock)
            assert result.tool_use_id == block.id
            assert result.type == f"{block.name}_tool_result"
            assert 12_000 < len(json.dumps(result.to_dict())) < 32_000
            if block.name == "web_search":
                found |= {page["url"] for page in result.to_dict()["content"]}
        if isinstance(block, TextBlock):
            assert {citation.to_dict()["url"] for citation in block.citations or ()} <= found
    assert found


def test_any_twenty_short_bodies_in_a_row_have_the_same_mix() -> None:
    def kind(seed: int) -> tuple[str, ...]:
        message = accumulate(workload("short", seed=seed))
        kinds = {block.type for block in message.content} - {"text", "web_search_tool_result"}
        cites = any(isinstance(block, TextBlock) and block.citations for block in message.content)
        return (*sorted(kinds), *["citations" for _ in [0] if cites])

    mix = {
        (): 7,
        ("tool_use",): 4,
        ("thinking",): 2,
        ("thinking", "tool_use"): 1,
        ("citations",): 2,
        ("server_tool_use", "citations"): 4,
    }
    assert Counter(map(kind, range(20))) == Counter(map(kind, range(13, 33))) == mix


def test_the_workloads_need_the_standard_library_alone() -> None:
    # The file is run on its own, outside the package.
    code = (
        "import runpy, sys; names = set(sys.stdlib_module_names); "
        f"made = runpy.run_path({workloads.__file__!r})['workload']('short'); "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "print(len(made), *loaded - names - {'__main__'})"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{len(workload('short'))}\n"
