"""How a notebook shows a message."""

from __future__ import annotations

import html.parser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chunkview import Message, RedactedThinkingBlock, TextBlock, Usage, accumulate
from chunkview.testing import recording
from chunkview.testing import strategies as cv
from support import examples

ALLOWED = {"table", "tr", "th", "td", "div"}


class Page(html.parser.HTMLParser):
    """What a browser makes of HTML: its elements with their attributes, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.cells:
            self.cells[-1] += data


def page_of(message: Message) -> Page:
    shown: Any = message
    return Page(shown._repr_html_())


@given(cv.messages().map(Message.from_dict))
@examples(1)
def test_whatever_a_message_says_is_text_on_the_page(message: Message) -> None:
    page = page_of(message)
    assert page.elements <= ALLOWED
    assert page.attributes <= {"style"}
    page.text.encode()  # no half characters


@given(st.sampled_from(["<script>alert(1)</script>", "</td><img src=x onerror=alert(1)>", "&lt;"]))
def test_markup_in_a_text_is_shown_and_not_obeyed(text: str) -> None:
    message = Message("msg_1", text, (TextBlock(text),), Usage())
    page = page_of(message)
    assert text in page.cells[0]
    assert text in page.text.removeprefix(f"text{text}")  # the model's name
    assert page.elements <= ALLOWED


def test_the_blocks_come_in_order_and_the_usage_below() -> None:
    page = page_of(accumulate(recording("thinking_tool_call")))
    kinds = [page.text.index(word) for word in ("thinking", "text", "tool_use", "187 tokens out")]
    assert kinds == sorted(kinds)
    assert "find_copies" in page.cells[2]
    assert '"within_m": 1500' in page.cells[2]
    assert "612 tokens in" in page.text


def test_a_block_of_another_type_is_shown_as_its_json() -> None:
    page = page_of(Message("msg_1", "m", (RedactedThinkingBlock("secret"),), Usage()))
    assert page.text == 'redacted_thinking{\n "data": "secret"\n}m · not finished'


def test_a_huge_message_is_shown_by_its_beginning() -> None:
    blocks = tuple(TextBlock("a" * 20_000) for _ in range(300))
    page = page_of(Message("msg_1", "m", blocks, Usage()))
    assert len(page.text) < 1_100_000
    assert "200 more blocks" in page.text
    assert "10,000 more characters" in page.text


def test_a_message_without_anything_is_shown() -> None:
    page = page_of(Message("", "", (), Usage()))
    assert page.text == "no model · not finished"
