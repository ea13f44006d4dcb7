from __future__ import annotations

from typing import Any, ClassVar

import attrs
import pytest

from chunkview import DecodeError
from chunkview._model import Record, maker, record
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
        "more": [1],
    }.items():
        with pytest.raises(DecodeError, match=rf"^{name}(\[0\])?: expected "):
            read_record(Kinds, {**good, name: bad})


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
