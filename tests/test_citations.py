from __future__ import annotations

from typing import Any

import attrs
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


def test_only_a_value_that_is_no_object_is_no_citation() -> None:
    for read in (read_citation, UnknownCitation.from_dict):
        with pytest.raises(DecodeError, match=r"^expected object, got list$"):
            read([])  # type: ignore[arg-type]


@pytest.mark.parametrize("wire", [{}, {"type": None, "url": "u"}, {"type": 5}])
def test_a_citation_without_a_type_is_kept_whole(wire: Any) -> None:
    citation = read_citation(wire)
    assert citation == UnknownCitation("", wire) == UnknownCitation.from_dict(wire)
    assert citation.to_dict() == wire


def test_a_count_that_is_absent_or_a_misfit_is_none() -> None:
    absent = {key: value for key, value in CHAR.items() if key != "document_index"}
    plain = CharLocationCitation("The grass is green.", None, 0, 19)
    for wire in (absent, {**CHAR, "document_index": None}):
        assert read_citation(wire) == plain
        assert read_citation(wire).to_dict() == wire
    misfit = read_citation({**CHAR, "document_index": True})
    assert misfit == attrs.evolve(plain, extra={"document_index": True})
    assert misfit.to_dict() == {**CHAR, "document_index": True}
    assert misfit.to_dict()["document_index"] is True


def test_the_table_names_each_tag_once() -> None:
    assert all(cls.type == tag for tag, cls in CITATIONS.items())
