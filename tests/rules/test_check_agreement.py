"""`check` against the slow checker, on streams and bodies in which anything may be off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

from hypothesis import given, note
from hypothesis import strategies as st

from chunkview import AnthropicStream, ChunkviewError
from chunkview._model.json import stdlib_loads
from chunkview._stream import wire
from chunkview.conformance import RULES, Finding, check
from chunkview.testing import strategies as cv
from rules.bodies import Event
from rules.cases import CASES, needs_cases
from rules.checker import check_agents, check_body, check_events, summary_of_findings
from rules.lenient import lenient_bodies, lenient_streams, rough_bodies
from rules.model import read_body
from support import Recorded, examples

Summary = Counter[tuple[str, int, int]]


def summary(findings: Iterable[Finding]) -> Summary:
    return Counter((f.rule, f.position, f.count) for f in findings)


def one_by_one(body: bytes) -> Iterator[bytes]:
    return (body[at : at + 1] for at in range(len(body)))


def without_msgspec(source: Any) -> list[Finding]:
    """The findings where the standard library parses JSON."""
    with mock.patch.object(wire, "parser", return_value=stdlib_loads):
        return check(source)


@examples(4)
@given(lenient_streams(), st.booleans())
def test_check_and_the_slow_checker_agree_on_events(events: list[Event], as_text: bool) -> None:
    source: list[Any] = [*map(json.dumps, events)] if as_text else events
    assert summary(check(source)) == summary_of_findings(check_events(events))


@examples(4)
@given(lenient_bodies())
def test_check_and_the_slow_checker_agree_on_bodies(body: bytes) -> None:
    note(body)
    assert summary(check(body)) == summary_of_findings(check_body(body))


@examples(10)
@given(rough_bodies())
def test_check_and_the_slow_checker_agree_on_lines_in_any_order(body: bytes) -> None:
    note(body)
    assert summary(check(body)) == summary_of_findings(check_body(body))


def wrapped(parent: str | None, event: Event) -> Event:
    """An event as Claude Code prints it."""
    return {"type": "stream_event", "event": event, "parent_tool_use_id": parent}


@examples(2)
@given(lenient_streams(), lenient_streams(), st.booleans(), st.data())
def test_check_and_the_slow_checker_agree_on_the_events_of_two_agents(
    main: list[Event], sub: list[Event], twice: bool, data: Any
) -> None:
    streams = {None: [*main, *main] if twice else main, "toolu_1": list(sub)}
    turns = [parent for parent, events in streams.items() for _ in events]
    taken = {parent: iter(events) for parent, events in streams.items()}
    events = [(parent, next(taken[parent])) for parent in data.draw(st.permutations(turns))]
    found = check(wrapped(parent, event) for parent, event in events)
    want = check_agents(events) if events else check_events([])
    assert summary(found) == summary_of_findings(want)


BODIES = st.one_of(
    lenient_bodies(),
    rough_bodies(),
    cv.corrupted_bodies(),
    st.binary(max_size=200),
)


@examples(4)
@given(BODIES, st.data())
def test_check_is_the_same_for_every_cut_and_every_json_library(body: bytes, data: Any) -> None:
    note(body)
    found = check(body)
    cuts = [one_by_one(body), data.draw(cv.segmentations(body))]
    for other in (*map(check, cuts), without_msgspec(body)):
        assert summary(other) == summary(found)
        assert [finding.chunk for finding in other] == [finding.chunk for finding in found]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
TAGS = st.sampled_from(
    (
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop", "ping", "error", "message", "stream_event", "news"),
    )
)
KEYS = st.sampled_from(
    ("message", "index", "content_block", "delta", "usage", "error", "event", "session_id")
)
ANY_EVENTS = st.one_of(
    st.dictionaries(st.text(max_size=8), JSON, max_size=4),
    st.builds(
        lambda tag, rest: {"type": tag, **rest}, TAGS, st.dictionaries(KEYS, JSON, max_size=4)
    ),
    JSON.map(json.dumps),
)


@examples(4)
@given(st.lists(ANY_EVENTS, max_size=6))
def test_check_raises_for_no_events(events: list[Any]) -> None:
    for finding in check(events):
        assert finding.rule in RULES


@given(lenient_bodies())
def test_a_stream_that_is_read_to_its_end_has_the_findings_that_check_has(body: bytes) -> None:
    note(body)
    stream = AnthropicStream(body)
    try:
        for _ in stream:
            pass
    except ChunkviewError:
        found = {(f.rule, f.position) for f in check(body)}
        # What is noted at the end where the stream broke is not at its end.
        assert {(f.rule, f.position) for f in stream.findings} <= found
    else:
        assert summary(stream.findings) == summary(check(body))
        assert read_body(body).error in (None, "IncompleteStreamError")


# -- streams of others -------------------------------------------------------------------------


@needs_cases
def test_check_and_the_slow_checker_agree_on_the_streams_of_compatible_servers(
    record_property: Callable[[str, object], None],
) -> None:
    bodies = [path.read_bytes() for path in sorted(CASES.glob("*.sse"))]
    for body in bodies:
        want = summary_of_findings(check_body(body))
        assert summary(check(body)) == want
        assert summary(check(one_by_one(body))) == want
    lines_of_agents = [path.read_text().splitlines() for path in sorted(CASES.glob("*.ndjson"))]
    for lines in lines_of_agents:
        values = [json.loads(line) for line in lines if line.strip()]
        events = [
            (value["parent_tool_use_id"], value["event"])
            for value in values
            if value["type"] == "stream_event"
        ]
        want = summary_of_findings(check_agents(events))
        assert summary(check(lines)) == summary(check(values)) == want
    for path in CASES.glob("*.bin"):
        assert [f.rule for f in check(path.read_bytes())] == ["data_not_object"]
    number = len(bodies) + len(lines_of_agents)
    record_property("summary", f"{number} cases of compatible servers were checked")


def test_a_recorded_stream_has_no_finding_of_severity_error(recorded: Recorded) -> None:
    found = check(recorded.body)
    assert summary(found) == summary_of_findings(check_body(recorded.body))
    assert [f for f in found if RULES[f.rule].severity == "error"] == []
