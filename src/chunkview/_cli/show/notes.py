"""Citations, as numbered notes to the text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..._model import (
    CharLocationCitation,
    ContentBlockLocationCitation,
    PageLocationCitation,
    SearchResultLocationCitation,
    WebSearchResultLocationCitation,
)
from ..display import LONGEST_ADDRESS, LONGEST_NAME, printable, shortened

if TYPE_CHECKING:
    from ..._model import AnyCitation

__all__ = ["Notes", "note_of"]

_LONGEST_PASSAGE = 500


class Notes:
    """Numbers the citations of a message. Equal ones have one number."""

    def __init__(self) -> None:
        """Begin with number 1."""
        self._numbers: dict[AnyCitation, int] = {}
        self._due: list[AnyCitation] = []

    def number_of(self, citation: AnyCitation) -> int:
        """Give the number of a citation. If it is new, its note is due."""
        number = self._numbers.get(citation)
        if number is None:
            number = self._numbers[citation] = len(self._numbers) + 1
            self._due.append(citation)
        return number

    def take_due(self) -> list[str]:
        """Give the notes that were not given yet."""
        due, self._due = self._due, []
        return [f"[{self._numbers[citation]}] {note_of(citation)}" for citation in due]


def note_of(citation: AnyCitation) -> str:
    """Say where a passage comes from, and quote it.

    Args:
        citation: The citation.

    Returns:
        A line that a terminal can show.
    """
    match citation:
        case CharLocationCitation():
            place = _range("character", citation.start_char_index, citation.end_char_index)
            source = f"{_document(citation)}, {place}"
        case PageLocationCitation():
            place = _range("page", citation.start_page_number, citation.end_page_number)
            source = f"{_document(citation)}, {place}"
        case ContentBlockLocationCitation():
            place = _range("block", citation.start_block_index, citation.end_block_index)
            source = f"{_document(citation)}, {place}"
        case WebSearchResultLocationCitation():
            source = _titled(citation.title, citation.url)
        case SearchResultLocationCitation():
            source = _titled(citation.title, citation.source)
        case _:
            return _text(json.dumps(citation.to_dict(), ensure_ascii=False))
    return f'{source}: "{_text(citation.cited_text)}"'


def _document(
    citation: CharLocationCitation | PageLocationCitation | ContentBlockLocationCitation,
) -> str:
    return _name(citation.document_title or f"document {citation.document_index}")


def _titled(title: str | None, place: str) -> str:
    place = printable(shortened(place, LONGEST_ADDRESS))
    return f"{_name(title)}, {place}" if title else place


def _range(unit: str, first: int | None, end: int | None) -> str:
    """Name what lies between a first place and the place after the last one."""
    if first is None or end is None:
        return f"unknown {unit}s"
    return f"{unit} {first}" if first >= end - 1 else f"{unit}s {first} to {end - 1}"


def _name(text: str) -> str:
    return printable(shortened(text, LONGEST_NAME))


def _text(text: str) -> str:
    return printable(shortened(" ".join(text.split()), _LONGEST_PASSAGE))
