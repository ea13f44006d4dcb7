"""How `chunkview bench` compares answers: which forms of an event it knows, and what it finds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import anthropic._streaming
import attrs
import httpx_sse
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import encode, iter_chunks
from chunkview._cli.bench.agreement import agreement
from chunkview._cli.bench.bodies import Body
from chunkview._cli.bench.sdk import sdk_event
from chunkview._cli.bench.structs import structs_wire
from chunkview.testing import recording
from chunkview.testing import strategies as cv

CITED = recording("citations")


def events_of(body: bytes) -> list[dict[str, Any]]:
    return [chunk.to_event() for chunk in iter_chunks(body)]


def of(answer: Any, body: bytes = CITED) -> Any:
    """The agreement of an answer with chunkview's for a body."""
    return agreement(lambda _: answer, [Body("body", body, 1)])


@attrs.frozen
class Attrs:
    type: str
    index: int | None = None


@dataclasses.dataclass
class Data:
    type: str
    index: int | None = None


class Model(pydantic.BaseModel):
    type: str
    index: int | None = None


class Extra(pydantic.BaseModel, extra="allow"):
    type: str
    more: list[str] = []


FORMS: dict[str, Callable[[bytes], Any]] = {
    "dicts": events_of,
    "chunk views": iter_chunks,
    "SDK objects": lambda body: [sdk_event(event) for event in events_of(body)],
    "models": lambda body: [Extra(**event) for event in events_of(body)],
    "Structs": lambda body: structs_wire([body]),
    "JSON in bytes": lambda body: [json.dumps(event).encode() for event in events_of(body)],
    "SSE objects": lambda body: [
        httpx_sse.ServerSentEvent(event["type"], json.dumps(event)) for event in events_of(body)
    ],
    "SSE objects of the SDK": lambda body: anthropic._streaming.SSEDecoder().iter_bytes(
        iter([body])
    ),
    "texts": lambda body: [chunk.content for chunk in iter_chunks(body)],
    "one text": lambda body: "".join(chunk.content for chunk in iter_chunks(body)),
    "no pings": lambda body: [e for e in events_of(body) if e["type"] != "ping"],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["text", "thinking_tool_call", "citations"])
def test_the_same_events_or_texts_agree_in_every_form(form: str, name: str) -> None:
    body = recording(name)
    found = of(FORMS[form](body), body)
    assert (found.status, found.problem) == ("agrees", "")
    assert found.compared == ("text" if "text" in form else "events")


@pytest.mark.parametrize("kind", [Attrs, Data, Model])
def test_keys_that_are_left_out_are_named_and_are_no_difference(kind: Any) -> None:
    answer = [
        kind(event["type"], event.get("index")) if kind is not Model else Model(**event)
        for event in events_of(CITED)
    ]
    found = of(answer)
    assert found.status == "leaves out"
    assert "message_start: message" in found.missing
    assert "content_block_delta: delta" in found.missing
    assert not [name for name in found.missing if name.endswith("index")]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


@given(cv.message_streams())
def test_a_stream_agrees_with_itself_and_with_its_copy_without_nulls(events: Any) -> None:
    body = b"".join(map(encode, events))
    assert of(deepcopy(events), body).status == "agrees"
    assert of(without_nulls(events), body).status == "agrees"


CHANGES: dict[str, Callable[[list[Any], int], None]] = {
    "lost": lambda events, at: events.pop(at),
    "repeated": lambda events, at: events.insert(at, events[at]),
    "of another type": lambda events, at: events.__setitem__(at, {"type": "other"}),
    "with another key": lambda events, at: events[at].update(another=5),
}


@given(cv.message_streams(), st.sampled_from(sorted(CHANGES)), st.data())
def test_a_changed_event_is_found_where_it_is(events: Any, change: str, data: Any) -> None:
    body = b"".join(map(encode, events))
    places = [at for at, event in enumerate(events) if event["type"] != "ping"]
    at = data.draw(st.sampled_from(places))
    changed = deepcopy(list(events))
    CHANGES[change](changed, at)
    found = of(changed, body)
    assert found.status == "differs"
    assert found.event is None or found.event >= at
    if change in ("of another type", "with another key"):
        assert found.event == at
    if change == "of another type":
        assert (found.expected, found.given) == (events[at], {"type": "other"})


def test_an_event_after_the_last_one_is_a_difference() -> None:
    found = of([*events_of(CITED), {"type": "message_stop"}])
    assert (found.status, found.event, found.expected) == ("differs", None, None)
    assert found.given == {"type": "message_stop"}


@given(st.data())
def test_a_changed_text_is_found_where_it_is(data: Any) -> None:
    whole = "".join(chunk.content for chunk in iter_chunks(CITED))
    at = data.draw(st.integers(0, len(whole)))
    found = of([whole[:at], "\0", whole[at:]])
    assert (found.status, found.problem) == ("differs", f"the text differs at character {at:,}")
    assert found.given.startswith(whole[max(at - 30, 0) : at] + "\0")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "the answer is None"),
        (5, "the answer is of type int"),
        ({"type": "ping"}, "the answer is of type dict"),
        (b"data", "the answer is of type bytes"),
        ([5], "an item is of type int"),
        ([None], "an item is None"),
        ([{"no": "type"}], "an item is of type dict"),
        ([b"no JSON"], "an item is of type bytes"),
        (["text", {"type": "ping"}], "an item is of type str"),
        ([Attrs], "an item is of type type"),
    ],
    ids=repr,
)
def test_anything_else_is_not_compared_and_the_reason_is_given(answer: Any, problem: str) -> None:
    found = of(answer)
    assert found.status == "not compared"
    assert found.problem.startswith(problem)


@pytest.mark.parametrize(
    ("expected", "given", "agrees"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1, 2], (1, 2), True),
        ([1, 2], [1], False),
        ([1], {"0": 1}, False),
        ("a", "b", False),
        ({}, None, False),
        (None, "", True),
        (None, 0, True),
        (None, 5, False),
    ],
    ids=repr,
)
def test_json_values_agree_by_value_and_kind(expected: Any, given: Any, agrees: bool) -> None:
    body = encode({"type": "new", "key": expected})
    assert (of([{"type": "new", "key": given}], body).status == "agrees") == agrees


def test_the_worst_of_several_bodies_counts_and_the_first_of_equals() -> None:
    bodies = [Body(name, recording("text"), 1) for name in ("a", "b", "c", "d")]
    good = events_of(bodies[0].data)
    answers = {"a": good, "b": [5], "c": good[1:], "d": good[2:]}
    found = agreement(lambda body: answers[body.name], bodies)
    assert (found.status, found.file) == ("differs", "c")
