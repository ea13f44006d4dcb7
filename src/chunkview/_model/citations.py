"""Citations: where a passage of a text block comes from.

Source: https://docs.anthropic.com/en/api/messages (`content`). A new kind of citation is one class,
one row in `CITATIONS`, and one member of `AnyCitation`.
"""

# The tag of a class is narrower than the `str` of its base.
# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from .bounds import MAX_RECORD_DEPTH, bounded
from .record import read_as, read_object, record
from .tagged import TaggedRecord, UnknownRecord, by_tag, read_tagged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

__all__ = [
    "CITATIONS",
    "AnyCitation",
    "CharLocationCitation",
    "Citation",
    "ContentBlockLocationCitation",
    "PageLocationCitation",
    "SearchResultLocationCitation",
    "UnknownCitation",
    "WebSearchResultLocationCitation",
    "read_citation",
]


class Citation(TaggedRecord):
    """Where a passage of the answer comes from. The base of all citations.

    `read_citation` reads one by its tag.

    Attributes:
        type: The tag on the wire.
    """

    __slots__ = ()


@final
@record
class CharLocationCitation(Citation):
    """A passage of a plain text document.

    Attributes:
        cited_text: The passage.
        document_index: Which document of the request, from 0.
        start_char_index: The passage's first character, from 0.
        end_char_index: The character after its last one.
        document_title: The document's title.
        file_id: The file the document came from.
    """

    type: ClassVar[Literal["char_location"]] = "char_location"

    cited_text: str
    document_index: int | None
    start_char_index: int | None
    end_char_index: int | None
    document_title: str | None = None
    file_id: str | None = None


@final
@record
class PageLocationCitation(Citation):
    """Pages of a PDF document.

    Attributes:
        cited_text: The passage.
        document_index: Which document of the request, from 0.
        start_page_number: The first page, from 1.
        end_page_number: The page after the last one.
        document_title: The document's title.
        file_id: The file the document came from.
    """

    type: ClassVar[Literal["page_location"]] = "page_location"

    cited_text: str
    document_index: int | None
    start_page_number: int | None
    end_page_number: int | None
    document_title: str | None = None
    file_id: str | None = None


@final
@record
class ContentBlockLocationCitation(Citation):
    """Blocks of a document with custom content.

    Attributes:
        cited_text: The passage.
        document_index: Which document of the request, from 0.
        start_block_index: The first block, from 0.
        end_block_index: The block after the last one.
        document_title: The document's title.
        file_id: The file the document came from.
    """

    type: ClassVar[Literal["content_block_location"]] = "content_block_location"

    cited_text: str
    document_index: int | None
    start_block_index: int | None
    end_block_index: int | None
    document_title: str | None = None
    file_id: str | None = None


@final
@record
class WebSearchResultLocationCitation(Citation):
    """A web page that the search server tool found.

    Attributes:
        cited_text: The passage.
        url: The page's address.
        encrypted_index: What the API wants back with the citation, opaque.
        title: The page's title.
    """

    type: ClassVar[Literal["web_search_result_location"]] = "web_search_result_location"

    cited_text: str
    url: str
    encrypted_index: str
    title: str | None = None


@final
@record
class SearchResultLocationCitation(Citation):
    """A search result that the request brought along.

    Attributes:
        cited_text: The passage.
        source: Where the search result says that it comes from.
        search_result_index: Which search result of the request, from 0.
        start_block_index: The first block, from 0.
        end_block_index: The block after the last one.
        title: The search result's title.
    """

    type: ClassVar[Literal["search_result_location"]] = "search_result_location"

    cited_text: str
    source: str
    search_result_index: int | None
    start_block_index: int | None
    end_block_index: int | None
    title: str | None = None


@final
class UnknownCitation(UnknownRecord, Citation):
    """A citation of a kind that this version does not know, or that does not say its kind.

    Attributes:
        type: The tag on the wire; "" where there is none.
        data: The whole citation.
    """

    __slots__ = ()

    @classmethod
    def _read(cls, data: dict[str, Any]) -> Self:
        """Keep any object: unlike that of a block, the type of a citation is not essential."""
        tag = data.get("type")
        return cls(tag if isinstance(tag, str) else "", data)


AnyCitation = (
    CharLocationCitation
    | PageLocationCitation
    | ContentBlockLocationCitation
    | WebSearchResultLocationCitation
    | SearchResultLocationCitation
    | UnknownCitation
)
"""Every class of citation: what `read_citation` gives, for an exhaustive `match`."""


def read_citation(data: Mapping[str, Any]) -> AnyCitation:
    """Read a citation by its tag.

    Args:
        data: A JSON object (parsed): a dict or another mapping. It is not changed.

    Returns:
        An instance of the class of its tag; an UnknownCitation where no class has the tag, or
        where there is none.

    Raises:
        DecodeError: It is no object, or `from_dict` would refuse it for its depth or size.
    """
    return _read(bounded(data, MAX_RECORD_DEPTH))


def _read(data: Any) -> AnyCitation:
    """Read a citation that has passed `bounded`.

    Raises:
        MisfitError: It is no object.
    """
    if not isinstance(read_object(data).get("type"), str):
        return UnknownCitation("", data)
    return read_tagged(CITATIONS, UnknownCitation, data)


CITATIONS: dict[str, type[AnyCitation]] = by_tag(
    CharLocationCitation,
    PageLocationCitation,
    ContentBlockLocationCitation,
    WebSearchResultLocationCitation,
    SearchResultLocationCitation,
)
"""The class of a citation, by its tag."""


read_as(AnyCitation, _read, CITATIONS)
