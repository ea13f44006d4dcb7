"""Any key of an event or a part may be absent, null or of another type.

`rules.fields` says what is read then, and the same JSON is written again.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import json
import pickle
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st

from chunkview import (
    ChunkDecoder,
    DecodeError,
    ErrorChunk,
    Message,
    MessageDeltaUsage,
    UnknownChunk,
    Usage,
    decode,
    read_block,
    read_citation,
)
from chunkview._chunks.decode import DELTAS, EVENTS
from chunkview._model import MisfitError
from chunkview.testing import strategies as cv
from rules import fields
from rules.bodies import error_words, is_error
from support import Event, block_start, examples, lines_run_by, message_delta, message_start

# Some of the packages have functions of these names.
_event: Any = importlib.import_module("chunkview._chunks.event")
_generate: Any = importlib.import_module("chunkview._model.generate")
_decode: Any = importlib.import_module("chunkview._chunks.decode")
_record: Any = importlib.import_module("chunkview._model.record")

Place = tuple[Any, ...]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The place of each value in a JSON value: the keys and numbers that lead to it."""
    for step in value if isinstance(value, dict) else range(len(value)):
        yield (*place, step)
        if isinstance(value[step], (dict, list)):
            yield from places(value[step], (*place, step))


MISSING: Any = object()
OTHER_VALUES = st.sampled_from(
    [
        *(MISSING, MISSING, None, None),
        *(True, 7, 0, -1, 1.5, 10.0, 2**63),
        *("", "unheard_of", '{"a": 1}', "[1]", "x_error"),
        *([], [5], [{}], [None], {}, {"a": 1.0}, {"INVALID_JSON": "{"}),
        *("text", "tool_use", "char_location", "web_search_tool_result"),
        *("message_start", "content_block_delta", "text_delta", "citations_delta", "error"),
    ]
)


@st.composite
def changed(
    draw: Any, values: st.SearchStrategy[Any], *, most: int = 3, fixed: tuple[Place, ...] = ()
) -> Any:
    """Values with one change or several, each anywhere but at the fixed places.

    A change drops a value, puts another in its place, writes an integer as a float, or adds a key.
    """
    value = copy.deepcopy(draw(values))
    for _ in range(draw(st.integers(1, most))):
        all_places = [place for place in places(value) if place not in fixed]
        if not all_places:
            break
        *path, last = draw(st.sampled_from(all_places))
        inside: Any = value
        for step in path:
            inside = inside[step]
        old = inside[last]
        if type(old) is int and draw(st.booleans()):
            inside[last] = float(old) if abs(old) < 2**53 else old
        elif isinstance(old, dict) and draw(st.booleans()):
            name = draw(st.sampled_from(["novelty", "error", "message", "text", "type"]))
            other = draw(OTHER_VALUES.filter(lambda other: other is not MISSING))
            old[name] = copy.deepcopy(other)  # a later change may be inside it
        else:
            other = draw(OTHER_VALUES)
            if other is MISSING:
                del inside[last]
            else:
                inside[last] = copy.deepcopy(other)
    return value


def as_json(value: Any) -> str:
    """The JSON of a value. It tells 10, 10.0 and true apart, which Python calls equal."""
    return json.dumps(value, sort_keys=True)


def values_of(value: Any) -> Any:
    """What `rules.fields` gives, from an object of the package."""
    if attrs.has(type(value)):
        names = [field.name for field in attrs.fields(type(value))]
        return {
            "is": type(value).__name__,
            **{
                name: values_of(getattr(value, name))
                for name in names
                if name != "chunk" and not name.startswith("_")
            },
        }
    return [values_of(item) for item in value] if isinstance(value, tuple) else value


def refusal_of(read: Callable[[Any], Any], value: Any) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        read(value)
    error = caught.value
    assert str(error) == (f"{error.path}: {error.problem}" if error.path else error.problem)
    return error


TAGS = [*(tag for tag in EVENTS if tag != "content_block_delta"), *DELTAS, "unknown"]

CONTRACT = (
    *("content", "thinking", "signature", "model", "id", "usage"),
    *("input_tokens", "cached_tokens", "output_tokens", "finish_reasons"),
)


@pytest.mark.parametrize("tag", TAGS)
@given(st.data())
def test_a_changed_event_is_read_as_the_rules_say_or_refused_for_what_is_essential(
    tag: str, data: Any
) -> None:
    event = data.draw(changed(cv.events(tag)))
    before = copy.deepcopy(event)
    refused: list[str] = []
    expected = fields.read_event(event, refused)
    note(f"{refused} {expected}")
    text = json.dumps(event)
    if refused:
        error = refusal_of(decode, event)
        assert error.path in refused
        assert error.event is event
        assert str(refusal_of(decode, text)) == str(error)
        assert str(refusal_of(decode, text.encode())) == str(error)
        return
    chunk = decode(event)
    assert as_json(values_of(chunk)) == as_json(expected)
    assert as_json(chunk.to_event()) == as_json(event) == as_json(before)
    assert chunk.chunk is event
    seen = {name: values_of(getattr(chunk, name)) for name in CONTRACT}
    assert as_json(seen) == as_json(fields.contract(expected))
    assert str(chunk) == chunk.content
    assert chunk.cost_metadata.output_tokens == chunk.output_tokens
    assert (chunk.common_usage is None) == (
        chunk.input_tokens is chunk.cached_tokens is chunk.output_tokens is None
    )
    assert chunk.common_finish_reasons is None or chunk.finish_reasons is not None
    twins = (
        decode(chunk.to_event()),
        decode(text),
        decode(text.encode()),
        *copies_of(chunk),
    )
    for twin in twins:
        assert type(twin) is type(chunk)
        assert twin == chunk
        assert hash(twin) == hash(chunk)
        assert repr(twin) == repr(chunk)
        assert as_json(twin.to_event()) == as_json(event)


def copies_of(value: Any) -> list[Any]:
    return [pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)]


@pytest.mark.parametrize("tag", TAGS)
@examples(1 / 2)
@given(st.data())
def test_a_changed_event_on_the_wire_is_read_like_the_dict(tag: str, data: Any) -> None:
    event = data.draw(changed(cv.events(tag)))
    body = b"data: %s\n\n" % json.dumps(event).encode()
    refused: list[str] = []
    fields.read_event(event, refused)
    if refused:
        error = refusal_of(ChunkDecoder().feed, body)
        assert str(error) == str(refusal_of(decode, event))
        return
    (chunk,) = ChunkDecoder().feed(body)
    assert chunk == decode(event)
    assert as_json(chunk.to_event()) == as_json(event)


class Part(NamedTuple):
    """A kind of object that can be read by itself.

    Attributes:
        wire: Its JSON objects.
        read: The package's reader.
        expected: The slow reader.
    """

    wire: Callable[[], st.SearchStrategy[Any]]
    read: Callable[[Any], Any]
    expected: Callable[[Any, list[str]], fields.Values]


def part(kind: str) -> Callable[[Any, list[str]], fields.Values]:
    return lambda data, refused: fields.read_part(kind, data, "", refused)


PARTS = {
    "block": Part(
        cv.content_blocks, read_block, lambda data, refused: fields.read_block(data, "", refused)
    ),
    "citation": Part(
        lambda: cv.citations(),
        read_citation,
        lambda data, refused: fields.read_citation(data, "", refused),
    ),
    "usage": Part(cv.usages, Usage.from_dict, part("usage")),
    "delta usage": Part(
        lambda: cv.delta_usages() | cv.usages(), MessageDeltaUsage.from_dict, part("delta_usage")
    ),
    "message": Part(cv.messages, Message.from_dict, part("message")),
}


@pytest.mark.parametrize("kind", PARTS)
@examples(1.5)
@given(st.data())
def test_a_changed_part_is_read_as_the_rules_say_or_refused_for_what_is_essential(
    kind: str, data: Any
) -> None:
    wire, read, slow = PARTS[kind]
    value = data.draw(changed(wire()))
    before = copy.deepcopy(value)
    refused: list[str] = []
    expected = slow(value, refused)
    note(f"{refused} {expected}")
    if refused:
        assert refusal_of(read, value).path in refused
        return
    made = read(value)
    assert as_json(values_of(made)) == as_json(expected)
    assert as_json(made.to_dict()) == as_json(value) == as_json(before)
    for twin in (read(made.to_dict()), type(made).from_dict(value), *copies_of(made)):
        assert type(twin) is type(made)
        assert twin == made
        assert hash(twin) == hash(made)
        assert as_json(twin.to_dict()) == as_json(value)


@pytest.mark.parametrize("kind", PARTS)
@examples(1)
@given(st.data())
def test_absence_and_null_make_no_difference_but_a_misfit_does(kind: str, data: Any) -> None:
    wire, read, slow = PARTS[kind]
    value = data.draw(wire())
    one, other = (
        data.draw(changed(st.just(value), most=1)),
        data.draw(changed(st.just(value), most=1)),
    )
    refused: list[str] = []
    expected = [slow(one, refused), slow(other, refused)]
    assume(not refused)
    are_equal = expected[0] == expected[1]
    assert (read(one) == read(other)) is are_equal
    if are_equal:
        assert hash(read(one)) == hash(read(other))


@pytest.mark.parametrize("kind", PARTS)
@examples(1)
@given(st.data())
def test_a_named_key_that_is_null_is_as_good_as_absent(kind: str, data: Any) -> None:
    wire, read, _ = PARTS[kind]
    value = data.draw(wire())
    made = read(value)
    assume(not type(made).__name__.startswith("Unknown"))
    key = data.draw(st.sampled_from(sorted(value.keys() - made.extra.keys())))
    without = {name: item for name, item in value.items() if name != key}
    try:
        absent = read(without)
    except DecodeError as error:
        assert error.path == key
        assert refusal_of(read, {**value, key: None}).path == key
        return
    null = read({**value, key: None})
    if not (kind == "citation" and key == "type"):  # it is kept whole then
        assert null == absent
        assert hash(null) == hash(absent)
        assert absent.extra == null.extra == made.extra
    assert as_json(null.to_dict()) == as_json({**value, key: None})
    assert as_json(absent.to_dict()) == as_json(without)


@contextlib.contextmanager
def nothing_written() -> Generator[None]:
    """Read everything with the functions that serve until a reader is written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_generate, "LATER", sys.maxsize)
        patch.setattr(_record, "_record_readers", _record._RecordReaders())
        patch.setattr(_event, "_event_readers", _event._EventReaders())
        patch.setattr(_decode, "_EVENT_READERS", {})
        patch.setattr(_decode, "_DELTA_READERS", {})
        yield


def outcome(read: Callable[..., Any], *arguments: Any) -> Any:
    try:
        made = read(*arguments)
    except DecodeError as error:
        return str(error)
    return repr(made), as_json(json_of(made) if hasattr(made, "to_dict") else made.to_event())


@pytest.mark.parametrize("tag", TAGS)
@given(st.data())
def test_a_written_reader_reads_events_as_the_function_that_serves_before(
    tag: str, data: Any
) -> None:
    event = data.draw(changed(cv.events(tag), most=2))
    written = outcome(decode, event)
    assert written == outcome(decode, json.dumps(event))
    with nothing_written():
        assert written == outcome(decode, event) == outcome(decode, json.dumps(event))


@pytest.mark.parametrize("kind", PARTS)
@given(st.data())
def test_a_written_reader_reads_parts_as_the_function_that_serves_before(
    kind: str, data: Any
) -> None:
    wire, read, _ = PARTS[kind]
    value = data.draw(changed(wire()))
    written = outcome(read, value)
    with nothing_written():
        assert written == outcome(read, value)


def test_a_reader_is_written_at_a_later_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_generate, "LATER", 3)
    table: dict[str, Any] = {}
    written: list[str] = []

    class Read:
        pass

    def slow(*arguments: Any) -> Any:
        return arguments

    def make() -> Callable[..., Any]:
        written.append("written")
        return lambda *arguments: "fast"

    _generate.put_reader(table, "a", Read, slow, make)
    assert table["a"]({}, "source", False) == ({}, "source")
    with pytest.raises(MisfitError):
        table["a"]({}, "source", True)
    assert written == []
    assert [table["a"]({}, "source", True) for _ in range(3)] == ["fast"] * 3
    assert written == ["written"]


def with_value(value: Any, path: list[str], new: Any) -> Any:
    """A JSON value with another one at a place; what is no object on the way there becomes one."""
    if not path:
        return new
    inside = value if isinstance(value, dict) else {}
    return {**inside, path[0]: with_value(inside.get(path[0]), path[1:], new)}


def json_of(value: Any) -> Any:
    if isinstance(value, tuple):
        return [json_of(item) for item in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


def keys_of(made: Any) -> dict[str, str]:
    """The key of each field, by the attribute's name: `delta.text` where it is in the delta.

    There is none for what is kept whole, and for errors, which have many shapes.
    """
    name = type(made).__name__
    tables = (fields.PARTS, fields.BLOCKS, fields.CITATIONS, fields.EVENTS, fields.DELTAS)
    rows = [row for table in tables for row in table.values() if row[0] == name]
    if not rows or name == "UnknownDeltaChunk":
        return {}
    return {field: what.partition(" ")[2] or field for field, what in rows[0][1].items()}


TABLES: dict[str, tuple[Any, dict[str, Any]]] = {
    "block": (cv.content_blocks, fields.BLOCKS),
    "citation": (cv.citations, fields.CITATIONS),
}


@pytest.mark.parametrize("kind", PARTS)
@examples(1)
@given(st.data())
def test_a_changed_field_of_a_part_wins_and_the_rest_is_the_same(kind: str, data: Any) -> None:
    wire, read, slow = PARTS[kind]
    if kind in TABLES:
        strategy, table = TABLES[kind]
        wire = functools.partial(strategy, data.draw(st.sampled_from(sorted(table))))
    value = data.draw(changed(wire(), fixed=(("type",), ("name",))))
    refused: list[str] = []
    slow(value, refused)
    assume(not refused)
    made, other = read(value), read(data.draw(wire()))
    assert type(made) is type(other)
    keys = keys_of(made)
    name = data.draw(st.sampled_from(sorted(keys)))
    old, new = getattr(made, name), getattr(other, name)
    note(f"{name} = {new!r}")
    after = attrs.evolve(made, **{name: new})
    written = after.to_dict()
    key = keys[name]
    if new == old:  # but not always the same JSON: a null in it is as good as absent
        assert written.get(key) in (value.get(key), json_of(new))
    else:
        assert written.get(key) == json_of(new) or (key in made.extra and new is None)
    rest = {n: item for n, item in value.items() if n != key}
    assert as_json({n: item for n, item in written.items() if n != key}) == as_json(rest)
    back = attrs.evolve(after, **{name: old})
    assert as_json(back.to_dict()) == as_json(value)


OF_FIELDS = [*(tag for tag in fields.EVENTS if fields.EVENTS[tag][1]), *filter(None, fields.DELTAS)]
FIXED = ("type",), ("index",), ("content_block",), ("content_block", "type"), ("delta", "type")


@pytest.mark.parametrize("tag", OF_FIELDS)
@given(st.data())
def test_a_changed_field_of_a_chunk_wins_and_the_rest_is_the_same(tag: str, data: Any) -> None:
    event = data.draw(changed(cv.events(tag), fixed=FIXED))
    refused: list[str] = []
    fields.read_event(event, refused)
    assume(not refused)
    chunk, other = decode(event), data.draw(cv.chunks(tag))
    assume(type(chunk) is type(other))
    keys = keys_of(chunk)
    name = data.draw(st.sampled_from(sorted(keys)))
    old, new = getattr(chunk, name), getattr(other, name)
    note(f"{name} = {new!r}")
    after = attrs.evolve(chunk, **{name: new})
    written = after.to_event()
    assert decode(written) == after
    if new == old:  # 0 is equal to 0.0 in a dict: either may be written
        assert written == event
    else:
        expected = with_value(event, keys[name].split("."), json_of(new))
        assert as_json(written) == as_json(expected)
    assert as_json(chunk.to_event()) == as_json(event)
    again = attrs.evolve(after, **{name: old})
    assert again == chunk
    assert as_json(again.to_event()) == as_json(event)


PLACES_OF_WORDS = ("error", "message", "detail", "errors", "base_resp", "status_msg", "msg")
WORDS: Any = st.sampled_from(["", "boom", "overloaded_error", "error", None, 5, True, [1], {}])
ERRORS: Any = st.recursive(
    WORDS,
    lambda inner: st.dictionaries(
        st.sampled_from([*PLACES_OF_WORDS, "type", "code", "details", "request_id", "novelty"]),
        inner | st.lists(inner, max_size=2),
        max_size=4,
    ),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@examples(4)
@given(ERRORS, st.sampled_from([MISSING, "error", None, 5, "x_error", "sunrise", "error_x"]))
def test_an_error_of_any_shape_is_told_from_other_events_and_gives_its_words(
    event: Event, tag: Any
) -> None:
    event = {**event, "type": tag} if tag is not MISSING else event
    chunk = decode(event)
    assert isinstance(chunk, ErrorChunk) is is_error(event)
    assert isinstance(chunk, ErrorChunk | UnknownChunk)
    if isinstance(chunk, ErrorChunk):
        assert (chunk.error_type, chunk.error_message) == error_words(event)
        assert chunk.type == "error"
    assert as_json(chunk.to_event()) == as_json(event)
    for twin in (decode(chunk.to_event()), decode(json.dumps(event)), *copies_of(chunk)):
        assert twin == chunk
        assert hash(twin) == hash(chunk)
        assert as_json(twin.to_event()) == as_json(event)


@examples(4)
@given(
    ERRORS.map(lambda event: {**event, "type": "error"}),
    st.fixed_dictionaries(
        {},
        optional={
            "error_type": st.sampled_from(["", "error", "api_error"]),
            "error_message": st.sampled_from(["", "sorry"]),
            "request_id": st.sampled_from([None, "req_1"]),
            "details": st.sampled_from([None, {}, {"error_code": "c"}]),
        },
    ),
)
def test_new_words_of_an_error_of_any_shape_are_read_back_and_no_other_key_is_lost(
    event: Event, new: dict[str, Any]
) -> None:
    chunk = decode(event)
    assert isinstance(chunk, ErrorChunk)
    after = attrs.evolve(chunk, **new)
    written = after.to_event()
    assert decode(written) == after
    if after == chunk:
        assert as_json(written) == as_json(event)
    assert as_json(written.get("novelty")) == as_json(event.get("novelty"))
    if isinstance(event.get("error"), dict):
        assert as_json(written["error"].get("novelty")) == as_json(event["error"].get("novelty"))
    if "request_id" not in new:
        assert as_json(written.get("request_id")) == as_json(event.get("request_id"))
    if new.keys() <= {"request_id"}:
        assert as_json({**written, "request_id": 0}) == as_json({**event, "request_id": 0})


MISFIT_PARTS: dict[str, Callable[[int], Event]] = {
    "blocks": lambda n: message_start(id=5, content=[{"type": "text", "text": 1, "id": 2}] * n),
    "citations": lambda n: block_start(
        type="text",
        text=None,
        citations=[*({"type": "char_location", "document_index": "x"} for _ in range(n)), 5],
    ),
    "iterations": lambda n: message_delta(iterations=[{"type": 1, "cache_creation": 2}] * n + [3]),
    "inputs": lambda n: message_start(
        usage=None, content=[{"type": "tool_use", "name": "f", "input": "[1]"}] * n
    ),
    "errors": lambda n: functools.reduce(
        lambda inner, _: {"error": inner, "message": {}, "code": 1}, range(n), {"type": "error"}
    ),
}


@pytest.mark.parametrize("kind", MISFIT_PARTS)
def test_reading_and_writing_misfits_takes_time_in_proportion_to_their_number(kind: str) -> None:
    few, many = MISFIT_PARTS[kind](20), MISFIT_PARTS[kind](80)
    decode(few).to_event()  # makes the readers
    assert lines_run_by(lambda: decode(many)) <= 4.2 * lines_run_by(lambda: decode(few))
    for event in (few, many):
        event["novelty"] = None
    chunks = decode(few), decode(many)
    assert lines_run_by(chunks[1].to_event) <= 4.2 * lines_run_by(chunks[0].to_event)
