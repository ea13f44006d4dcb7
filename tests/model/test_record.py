from __future__ import annotations

import json
from typing import Any, ClassVar

import attrs
import pytest

from chunkview import DecodeError, TextBlock
from chunkview._model import Record, maker, record
from chunkview._model.generate import inlined
from chunkview._model.record import read_record, schema


def class_of(**annotations: Any) -> type[Any]:
    cls: type[Any] = attrs.make_class(
        "Made",
        {name: attrs.field(default=None) for name in annotations},
        bases=(Record,),
        frozen=True,
        slots=True,
        weakref_slot=False,
    )
    cls.__annotations__ = annotations
    return cls


@pytest.mark.parametrize("annotation", [float, str | list[Any], set[str], bytes, int | str | None])
def test_an_annotation_that_no_reader_knows_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="no reader for the annotation"):
        schema(class_of(field=annotation))


def test_every_kind_of_annotation_is_checked() -> None:
    @record
    class Kinds(Record):
        obj: dict[str, Any]
        items: list[Any]
        text: str
        number: int | None = None
        flag: bool | None = None
        more: tuple[str, ...] | None = None

    good = {"obj": {}, "items": [], "text": ""}
    assert read_record(Kinds, good) == Kinds({}, [], "")
    for name, bad in {
        "obj": "text",
        "items": {},
        "text": 1,
        "number": True,
        "flag": 1,
        "more": ["a", 1],
    }.items():
        made = read_record(Kinds, {**good, name: bad})
        assert made == Kinds({}, [], "", extra={name: bad})
        assert made.to_dict() == {**good, name: bad}
        # Nothing else is a misfit.
        fitting = {"obj": {"a": 1}, "items": [1], "text": "a", "number": 1, "flag": True}
        fitting["more"] = ["a"]
        made = read_record(Kinds, {**good, name: fitting[name]})
        value = getattr(made, name)
        assert (list(value) if name == "more" else value) == fitting[name]
        assert made.extra == {}


def test_an_essential_key_is_checked() -> None:
    @record
    class Essential(Record):
        name: str = attrs.field(metadata={"missing_rule": "tool_name_missing"})
        text: str

    assert read_record(Essential, {"name": "f"}) == Essential("f", "")
    for bad, problem in {
        "{}": "^name: required, but missing$",
        '{"name": null}': "^name: expected str, got null$",
        '{"name": 1, "text": 2}': "^name: expected str, got int$",
    }.items():
        with pytest.raises(DecodeError, match=problem):
            read_record(Essential, json.loads(bad))


def test_a_field_may_have_any_name() -> None:
    names = ("cls", "draft", "rest", "data", "get", "place", "made", "read", "type_", "defaults")
    cls = class_of(**dict.fromkeys(names, str | None))
    given = {name: name.upper() for name in names}
    made = read_record(cls, {**given, "unknown": 1})
    assert {name: getattr(made, name) for name in names} == given
    assert made.extra == {"unknown": 1}
    assert maker(cls, *names)(*given.values(), {}, frozenset()) == cls(**given)


def test_a_required_key_that_is_null_is_written_again() -> None:
    @record
    class Result(Record):
        type: ClassVar[str] = "result"

        content: Any = attrs.field(hash=False)

    made = read_record(Result, {"type": "result", "content": None})
    assert made.to_dict() == {"type": "result", "content": None}


def test_a_source_without_the_line_that_makes_the_instance_is_refused() -> None:
    with pytest.raises(ValueError, match="made_ = make_"):
        inlined("def written_(): pass", TextBlock)
