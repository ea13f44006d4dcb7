"""Dicts, mappings and objects are checked once, where they come in: depth, size and kind."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
import sys
import types
from collections import OrderedDict, UserDict, UserList
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chunkview import (
    AnthropicCallResponseChunk,
    DecodeError,
    Message,
    TextDeltaChunk,
    ToolUseBlock,
    UnknownBlock,
    UnknownChunk,
    UnknownCitation,
    Usage,
    decode,
    iter_chunks,
    read_block,
    read_citation,
)
from chunkview._model import bounds as _bounds
from chunkview._model.bounds import MAX_DEPTH, MAX_RECORD_DEPTH, bounded
from support import block_start, delta, message_delta, message_start, sse, text_delta

WRAPPERS: list[Callable[[Any], Any]] = [
    lambda value: [value],
    lambda value: (value,),
    lambda value: {"a": value},
    lambda value: types.MappingProxyType({"a": value}),
    lambda value: UserDict({"a": value, "b": 1}),
    lambda value: OrderedDict(a=value),
    lambda value: [value, value],
    lambda value: {"a": value, "b": (value, 1)},
]
SHARING = WRAPPERS[-2:]

scalars: Any = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
small: Any = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(types.MappingProxyType)
    ),
    max_leaves=5,
)


def wrapped(value: Any, shared: list[Any], wrappers: list[Any], levels: int) -> Any:
    for wrap in shared:
        value = wrap(value)
    for wrap in itertools.islice(itertools.cycle(wrappers), levels):
        value = wrap(value)
    return value


values = st.builds(
    wrapped,
    small,
    st.lists(st.sampled_from(SHARING), max_size=8),
    st.lists(st.sampled_from(WRAPPERS[:-2]), min_size=1, max_size=5),
    st.integers(0, 5) | st.integers(185, MAX_RECORD_DEPTH),
)


def plain(value: Any) -> Any:
    """The oracle: a value as JSON, by the simplest means."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


TOOL: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "f"}
MESSAGE = message_start()["message"]
EVENTS: list[Callable[[Any], dict[str, Any]]] = [
    lambda value: {"type": "sunrise", "at": value},
    lambda value: {"type": "ping", "surprise": value},
    lambda value: {"type": "text", "snapshot": value},
    lambda value: {**text_delta("a"), "novelty": value},
    lambda value: delta("text_delta", text="a", novelty=value),
    lambda value: delta("scent_delta", smell=value),
    lambda value: delta("citations_delta", citation={"type": "dream", "of": value}),
    lambda value: message_start(novelty=value),
    lambda value: message_delta(novelty=value),
    lambda value: block_start(**TOOL, input={"x": value}),
    lambda value: block_start(type="mcp_tool_result", tool_use_id="t", content=value),
    lambda value: block_start(type="hologram", light=value),
]
READERS: list[tuple[Callable[[Any], Any], Callable[[Any], dict[str, Any]]]] = [
    (Message.from_dict, lambda value: {**MESSAGE, "novelty": value}),
    (Message.from_dict, lambda value: {**MESSAGE, "content": [{**TOOL, "input": {"x": value}}]}),
    (read_block, lambda value: {**TOOL, "input": {"x": value}}),
    (read_block, lambda value: {"type": "hologram", "light": value}),
    (UnknownBlock.from_dict, lambda value: {"type": "hologram", "light": value}),
    (ToolUseBlock.from_dict, lambda value: {**TOOL, "input": {"x": value}}),
    (read_citation, lambda value: {"type": "dream", "of": value}),
    (UnknownCitation.from_dict, lambda value: {"type": "dream", "of": value}),
    (Usage.from_dict, lambda value: {"input_tokens": 1, "output_tokens": 1, "novelty": value}),
]


def works(value: Any) -> None:
    """Use a value in every way. The deepest ones are near Python's own limit of recursion."""
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value) == value == copy.copy(value)
    assert hash(copy.deepcopy(value)) == hash(value)
    assert repr(value)


@given(values, st.sampled_from(EVENTS), st.sampled_from([dict, types.MappingProxyType]))
def test_an_event_works_in_every_way_if_it_is_within_bounds_and_else_is_refused(
    value: Any, make: Any, kind: Any
) -> None:
    expected = plain(make(value))
    event = kind(make(value))
    if depth(expected) > MAX_DEPTH:
        with pytest.raises(DecodeError, match=f"nested deeper than {MAX_DEPTH} levels") as caught:
            decode(event)
        assert caught.value.event is event
        return
    chunk = decode(event)
    assert chunk.chunk is event
    assert chunk.to_event() == expected
    assert decode(json.dumps(expected)) == chunk == decode(chunk.to_event())
    works(attrs.evolve(chunk, chunk=None))
    assert plain(event) == expected  # decode did not change it


@given(values, st.sampled_from(READERS))
def test_a_record_works_in_every_way_if_it_is_within_bounds_and_else_is_refused(
    value: Any, place: Any
) -> None:
    read, make = place
    expected = plain(make(value))
    if depth(expected) > MAX_RECORD_DEPTH:
        with pytest.raises(DecodeError, match=f"nested deeper than {MAX_RECORD_DEPTH} levels"):
            read(make(value))
        return
    record = read(make(value))
    assert record.to_dict() == expected
    assert read(types.MappingProxyType(record.to_dict())) == record
    works(record)


@pytest.mark.parametrize("wrap", WRAPPERS[:-1])
def test_the_depth_is_counted_exactly(wrap: Any) -> None:
    for levels in (MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 100_000):
        value: Any = 0
        for _ in range(levels - 2):
            value = [value] if wrap in SHARING else wrap(value)
        event = {"type": "ping", "surprise": wrap(value)}
        if levels <= MAX_DEPTH:
            decode(event).to_event()
            continue
        with pytest.raises(DecodeError, match=r"^ping: nested deeper than 200 levels$"):
            decode(event)


@pytest.mark.parametrize("wrap", SHARING)
@pytest.mark.parametrize("levels", [60, 190])
def test_shared_references_are_visited_once_and_their_copies_are_bounded(
    wrap: Any, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited = []

    class Counted(_bounds._Container):
        def __init__(self, given: Any) -> None:
            visited.append(given)
            super().__init__(given)

    monkeypatch.setattr(_bounds, "_Container", Counted)
    value: Any = []
    for _ in range(levels // 2 if wrap is SHARING[1] else levels):
        value = wrap(value)
    for given_value in (value, (value,), types.MappingProxyType({"a": value})):
        visited.clear()
        with pytest.raises(DecodeError, match="shared references add more than 1048576 items"):
            decode({"type": "ping", "surprise": given_value})
        assert len(visited) <= 2 * levels


def test_the_depth_of_a_shared_value_counts_where_it_is_deepest() -> None:
    shared: Any = 0
    for _ in range(150):
        shared = [shared]
    deeper = shared
    for _ in range(100):
        deeper = [deeper]
    with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
        decode({"type": "ping", "shallow": shared, "deep": deeper})


def test_a_few_shared_references_are_accepted() -> None:
    value: Any = [1]
    for _ in range(10):
        value = [value, value]
    event = {"type": "sunrise", "at": value, "again": [value] * 20}
    chunk = decode(event)
    assert isinstance(chunk, UnknownChunk)
    assert chunk.event is event
    assert chunk.to_event() == event


def test_a_large_value_without_shared_references_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_bounds, "_MAX_REPEATS", 100)
    event = {"type": "sunrise", "at": [[i] for i in range(60_000)]}
    assert bounded(event) is event
    with pytest.raises(DecodeError, match="shared references add more than 100 items"):
        bounded({**event, "again": [event["at"]]})
    with pytest.raises(DecodeError, match="mappings and tuples with more than 100 items"):
        bounded({"type": "sunrise", "at": tuple(range(101))})
    assert bounded({"type": "sunrise", "at": tuple(range(100))})


def test_mappings_that_create_more_mappings_without_end_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_bounds, "_MAX_REPEATS", 1_000)

    class Endless(Mapping[str, Any]):
        def __init__(self, items: int) -> None:
            self.items_of_each = items

        def __len__(self) -> int:
            return self.items_of_each

        def __iter__(self) -> Iterator[str]:
            return map(str, itertools.count()) if len(self) == 0 else map(str, range(len(self)))

        def __getitem__(self, key: str) -> Any:
            return Endless(len(self))

    for items, problem in ((1, "nested deeper"), (2, "nested deeper|more than"), (0, "more than")):
        with pytest.raises(DecodeError, match=problem):
            decode({"type": "ping", "surprise": Endless(items)})


@pytest.mark.parametrize("kind", [list, dict, UserDict])
def test_a_value_that_contains_itself_is_refused(kind: Any) -> None:
    event: dict[str, Any] = {"type": "ping"}
    value = kind()
    if kind is list:
        value.append((event, value))
    else:
        value["again"] = [event]
    event["surprise"] = value
    with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
        decode(event)


def test_only_mappings_and_tuples_are_copied() -> None:
    untouched = {"deep": [{"er": 1}]}
    event = {"type": "sunrise", "a": [untouched, ({"b": untouched}, UserDict(c=untouched))]}
    before = copy.deepcopy(event)
    chunk = decode(event)
    assert isinstance(chunk, UnknownChunk)
    assert chunk.event == {
        "type": "sunrise",
        "a": [untouched, [{"b": untouched}, {"c": untouched}]],
    }
    assert chunk.event["a"][0] is untouched
    assert chunk.event["a"][1][0]["b"] is untouched
    assert chunk.event["a"][1][1]["c"] is untouched
    assert event == before
    assert type(event["a"][1]) is tuple


def test_a_subclass_of_list_or_dict_becomes_a_plain_one() -> None:
    class Items(list[Any]):
        pass

    chunk = decode({"type": "sunrise", "at": Items([OrderedDict(a=1)]), "raw": UserList([1])})
    assert isinstance(chunk, UnknownChunk)
    assert type(chunk.event["at"]) is list
    assert type(chunk.event["at"][0]) is dict
    assert type(chunk.event["raw"]) is UserList  # UserList is not a list: it is kept unchanged


OF_THE_OBJECT = [
    KeyError("k"),
    AttributeError("gone"),
    IndexError(),
    LookupError("l"),
    RuntimeError("r"),
    RecursionError("deep"),
    NotImplementedError(),
    ZeroDivisionError("z"),
    OverflowError("o"),
    AssertionError("a"),
    ValueError("v"),
    TypeError("t"),
    type("OwnError", (Exception,), {})("own"),
    type("MuteError", (Exception,), {"__str__": lambda self: 1 / 0})(),
]
OF_THE_MACHINE = [
    MemoryError(),
    OSError("disk"),
    TimeoutError("late"),
    KeyboardInterrupt(),
    SystemExit(),
]


def hostile(error: BaseException) -> list[Any]:
    """Events that raise an error, each in another place."""

    def fail(*_: object, **__: object) -> Any:
        raise error

    class Keys(Mapping[str, Any]):
        __len__ = __iter__ = fail

        def __getitem__(self, key: str) -> Any:
            return {"type": "text_delta", "text": "a"}[key]

    class Values(Mapping[str, Any]):
        __getitem__ = fail

        def __len__(self) -> int:
            return 2

        def __iter__(self) -> Iterator[str]:
            return iter(["type", "text"])

    class Dict(dict[str, Any]):
        items = __getitem__ = get = fail

    class Items(list[Any]):
        __iter__ = fail

    class Dumps:
        type = "ping"
        model_dump = fail

    class Properties:
        type = property(fail)
        model_dump = property(fail)

    class Delta:
        type = "content_block_delta"
        index = property(fail)
        delta = types.SimpleNamespace(type="text_delta", text="a")
        model_dump = fail

    inner = [Keys(), Values(), Dict(type="ping"), Items([1])]
    return [
        *inner[:-1],
        Dumps(),
        Properties(),
        Delta(),
        *[{"type": "sunrise", "at": value} for value in inner],
        *[{"type": "content_block_delta", "index": 0, "delta": value} for value in inner],
        *[{"type": "message_start", "message": {**MESSAGE, "usage": value}} for value in inner],
        types.SimpleNamespace(model_dump=lambda **_: {"type": "sunrise", "at": Keys()}),
    ]


@pytest.mark.parametrize("error", OF_THE_OBJECT, ids=lambda error: type(error).__name__)
def test_an_error_in_an_objects_own_code_becomes_a_decode_error(error: Exception) -> None:
    for event in hostile(error):
        with pytest.raises(DecodeError, match=r"fail|expected a mapping") as caught:
            decode(event)
        # A property that raises AttributeError counts as missing.
        assert caught.value.__cause__ is error or isinstance(error, AttributeError)
        assert caught.value.event is event
        if isinstance(event, Mapping):
            with pytest.raises(DecodeError):
                read_block(event)


@pytest.mark.parametrize("error", OF_THE_MACHINE, ids=lambda error: type(error).__name__)
def test_an_error_of_the_machine_passes_through(error: BaseException) -> None:
    for event in hostile(error):
        with pytest.raises(type(error)) as caught:
            decode(event)
        assert caught.value is error


def test_the_error_text_of_an_object_is_shortened() -> None:
    class Event:
        def model_dump(self, **_: Any) -> Any:
            raise ValueError("x" * 10_000)

    with pytest.raises(DecodeError) as caught:
        decode(Event())  # type: ignore[arg-type]
    assert len(str(caught.value)) < 600


def test_an_object_that_fails_in_to_event_raises_a_decode_error() -> None:
    class Once(UserDict[str, Any]):
        def items(self) -> Any:
            if self.data.pop("left", None) is None:
                raise RuntimeError("read already")
            return {"type": "ping"}.items()

    chunk = decode(Once(left=1))
    with pytest.raises(DecodeError, match="read already"):
        chunk.to_event()


def test_the_result_of_a_users_own_parser_is_checked() -> None:
    deep: Any = 0
    for _ in range(300):
        deep = [deep]

    def parse(_: bytes) -> Any:
        return {"type": "news", "surprise": deep}

    with pytest.raises(DecodeError, match="nested deeper than 200 levels"):
        list(iter_chunks([sse([{"type": "news"}])], loads=parse))
    shared: Any = {"type": "ping", "surprise": (1,)}
    (chunk,) = iter_chunks([sse([{"type": "ping"}])], loads=lambda _: shared)
    assert isinstance(chunk, AnthropicCallResponseChunk)


def test_a_string_delta_of_the_usual_shape_is_not_checked_item_by_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> Any:
        raise AssertionError("walked")

    monkeypatch.setattr(sys.modules["chunkview._chunks.decode"], "bounded", fail)
    assert decode(text_delta("a")) == TextDeltaChunk(0, "a")
    text = json.dumps(message_start(novelty=[1]))
    assert decode(text) == decode(text.encode())  # the parser has bounded the text already


@example(value={"a": (1, {"b": types.MappingProxyType({})})})
@given(small.map(lambda value: {"a": value}))
def test_the_check_returns_the_same_json(value: Any) -> None:
    assert bounded(value) == plain(value)
    assert plain(bounded(value)) == bounded(value)
