from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from chunkview import (
    CharLocationCitation,
    Citation,
    DecodeError,
    UnknownCitation,
    read_citation,
)
from chunkview._model import CITATIONS
from chunkview.testing import strategies as cv

CHAR = {
    "type": "char_location",
    "cited_text": "The grass is green.",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 19,
}


@given(cv.citations())
def test_a_citation_is_read_as_the_class_of_its_tag_and_written_unchanged(wire: Any) -> None:
    citation = read_citation(wire)
    assert type(citation) is CITATIONS.get(wire["type"], UnknownCitation)
    assert citation.type == wire["type"]
    assert citation.to_dict() == wire
    assert type(citation).from_dict(wire) == citation


def test_a_class_reads_only_its_own_tag_but_the_unknown_one_reads_any() -> None:
    assert read_citation(CHAR) == CharLocationCitation("The grass is green.", 0, 0, 19)
    with pytest.raises(DecodeError, match="type: expected char_location, got 'page_location'"):
        CharLocationCitation.from_dict({**CHAR, "type": "page_location"})
    assert UnknownCitation.from_dict(CHAR) == UnknownCitation("char_location", CHAR)


def test_the_base_class_names_the_function_that_reads_a_citation() -> None:
    with pytest.raises(TypeError, match=r"^Citation is a base class .*chunkview\.read_citation"):
        Citation.from_dict(CHAR)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ([], "expected object, got list"),
        ({}, "^type: required, but missing"),
        ({"type": None}, "^type: expected str, got null"),
        ({**CHAR, "document_index": True}, "^document_index: expected int, got bool"),
    ],
)
def test_a_bad_citation_is_refused_with_the_place(wire: Any, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        read_citation(wire)


def test_the_table_names_each_tag_once() -> None:
    assert all(cls.type == tag for tag, cls in CITATIONS.items())
