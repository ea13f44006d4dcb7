"""What the default streams have: text and tools first, everything else sometimes."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview.testing import strategies as cv
from support import drawn
from test_readme import ROOT
from testing.census import HABITS, blank_share, shares
from testing.drawing import Stream, few, starts

if TYPE_CHECKING:
    from support import Event

PAGE = ROOT / "docs" / "testing-your-handler.md"


@pytest.fixture(scope="module")
def real() -> list[Stream]:
    return drawn(cv.message_streams(), 5)


@pytest.fixture(scope="module")
def wide() -> list[Stream]:
    return drawn(cv.message_streams(realistic=False), 1)


# What Hypothesis draws depends on its version and on all that has been imported. The figures of the
# page are from 40 runs; in five, each one may be less. The widest search has a third of these.
def test_most_streams_have_text_and_half_of_them_tools_and_a_fifth_several(
    real: list[Stream],
) -> None:
    share = shares(real)
    assert share["text"] > 35
    assert share["a call of a tool"] > 30
    assert share["several calls of tools"] > 9
    assert share["a tool's input in several pieces"] > 20
    assert share["text beyond ASCII"] > 12
    assert blank_share(real) > 40


def test_what_is_rare_is_less_frequent_than_in_the_widest_search(
    real: list[Stream], wide: list[Stream]
) -> None:
    rare, usual = shares(real), shares(wide)
    assert rare["anything unknown"] < usual["anything unknown"]
    assert rare["no block"] < usual["no block"]
    assert usual["text"] < rare["text"]


def test_the_page_has_each_habit() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("| streams that have |") :]
    assert set(HABITS) <= set(re.findall(r"^\| (.+?) \|", table, re.MULTILINE))


@few
@given(cv.sse_bodies(cv.message_streams(min_blocks=1)).flatmap(cv.segmentations))
def test_pieces_of_a_body_join_to_json(pieces: list[bytes]) -> None:
    body = b"".join(pieces).decode("utf-8-sig")
    assert json.dumps("message_start") in body


def test_a_cut_is_often_inside_a_character() -> None:
    bodies = st.lists(st.sampled_from("a\u00e9\U0001f600\n"), min_size=4, max_size=9)
    segmented = bodies.map("".join).map(str.encode).flatmap(cv.segmentations)
    cut = [pieces for pieces in drawn(segmented, 2) if not is_text(pieces)]
    assert len(cut) > 40


def is_text(pieces: list[bytes]) -> bool:
    try:
        for piece in pieces:
            piece.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(cv.message_streams(beta=False, unknown=False, min_blocks=2))
def test_the_pages_of_a_search_belong_to_the_search_before_them(stream: Stream) -> None:
    for call, result in itertools.pairwise(starts(stream)):
        names = (call.get("name"), result["type"])
        if names == ("web_search", "web_search_tool_result") and is_from_table(result):
            assert result["tool_use_id"] == call["id"]


def is_from_table(result: Event) -> bool:
    """Whether the result is not of the widest search, which has results without a call, too."""
    pages = result["content"]
    return isinstance(pages, list) and any("EqgfCioIARgB" in page.values() for page in pages)
