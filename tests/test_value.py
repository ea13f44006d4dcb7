"""Equality and hash of the frozen values: one of each serves all classes."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chunkview
from chunkview import common
from chunkview._value import Value
from chunkview.conformance import Finding
from support import examples

CLASSES = [
    cls
    for cls in [*vars(chunkview).values(), common.Usage, common.CostMetadata, Finding]
    if isinstance(cls, type) and issubclass(cls, Value)
]


@attrs.frozen(eq=False)
class Pair(Value):
    compared: Any
    unhashed: Any = attrs.field(hash=False)
    left_out: Any = attrs.field(eq=False)


@attrs.frozen
class AttrsPair:
    compared: Any
    unhashed: Any = attrs.field(hash=False)
    left_out: Any = attrs.field(eq=False)


ITEMS = st.none() | st.booleans() | st.integers(0, 2) | st.floats(0, 1) | st.text(max_size=1)
FIELDS = st.tuples(ITEMS, ITEMS | st.lists(ITEMS, max_size=1), ITEMS | st.lists(ITEMS, max_size=1))


@given(FIELDS, FIELDS)
def test_values_are_equal_and_hash_equal_as_attrs_has_it(left: Any, right: Any) -> None:
    pairs, attrs_pairs = (Pair(*left), Pair(*right)), (AttrsPair(*left), AttrsPair(*right))
    assert (pairs[0] == pairs[1]) is (attrs_pairs[0] == attrs_pairs[1])
    assert (pairs[0] != pairs[1]) is (attrs_pairs[0] != attrs_pairs[1])
    if left[0] == right[0]:
        assert hash(pairs[0]) == hash(pairs[1])
        assert hash(attrs_pairs[0]) == hash(attrs_pairs[1])


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
@examples(0.2)
@given(st.data())
def test_two_values_are_equal_if_their_class_and_compared_fields_are(cls: Any, data: Any) -> None:
    left = data.draw(st.from_type(cls))
    right = data.draw(st.just(attrs.evolve(left)) | st.from_type(cls))
    compared = [field.name for field in attrs.fields(type(left)) if field.eq]
    are_equal = type(left) is type(right) and all(
        getattr(left, name) == getattr(right, name) for name in compared
    )
    assert (left == right) is (right == left) is are_equal
    assert (left != right) is not are_equal
    assert not are_equal or hash(left) == hash(right)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
@examples(0.1)
@given(st.data())
def test_each_compared_field_makes_a_difference(cls: Any, data: Any) -> None:
    value = data.draw(st.from_type(cls))
    for field in attrs.fields(type(value)):
        other = attrs.evolve(value, **{field.alias: "what no event has \0"})
        assert (other == value) is not field.eq


def test_a_value_leaves_the_comparison_with_another_class_to_that_class() -> None:
    class Equal:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, chunkview.PingChunk)

        __hash__ = None  # type: ignore[assignment]

    class Ping(chunkview.PingChunk):  # type: ignore[misc]
        pass

    assert chunkview.PingChunk() == Equal()
    assert chunkview.PingChunk() != Ping()
    assert Ping() == Ping()
    assert hash(Ping()) == hash(Ping())
