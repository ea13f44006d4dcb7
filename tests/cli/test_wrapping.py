"""Lines break between words, and nothing of the text is lost."""

from __future__ import annotations

import itertools
import re
import textwrap
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chunkview._cli.cells import cells_of, may_break, width_of
from chunkview._cli.wrapping import Wrapper, wrapped

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
PIECES = [
    "a",
    "bc",
    "word",
    "long-word,",
    "e\u0301",
    "漢",
    "字。",
    "「",
    "한",
    "🐉",
    FAMILY,
    "❤\ufe0f",
]
texts = st.lists(st.sampled_from([*PIECES, FAMILY, " ", " ", "  ", "\t", "\n", "x" * 50])).map(
    "".join
)
columns_of_a_terminal = st.integers(1, 12) | st.integers(40, 200)
marks = st.sampled_from(["", "| "])


def wrapped_in_pieces(text: str, cuts: list[int], columns: int | None, mark: str) -> list[str]:
    """What is written for each piece of a text, and at the end."""
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    wrapper = Wrapper(columns, mark=mark)
    pieces = [text[begin:end] for begin, end in itertools.pairwise(places)]
    return [*map(wrapper.add, pieces), wrapper.end_line()]


def breaks_of(text: str, output: str) -> list[tuple[str, str]]:
    """The line breaks that were added: the text before and after each of them.

    It fails if anything else was added, or anything was left out.
    """
    found: list[tuple[str, str]] = []
    at = 0
    for number, character in enumerate(output):
        if at < len(text) and character == text[at]:
            at += 1
        else:
            assert character == "\n", (text, output)
            if at < len(text):
                found.append((text[:at], text[at:]))
            else:
                assert number == len(output) - 1
    assert at == len(text)
    return found


@given(text=texts, columns=columns_of_a_terminal, mark=marks)
def test_without_the_added_line_breaks_and_marks_it_is_the_text(
    text: str, columns: int, mark: str
) -> None:
    """Only line breaks are added, and a mark at the beginning of each line."""
    output = wrapped(text, columns, mark=mark)
    if text:
        assert output.startswith(mark)
        assert all(line.startswith(mark) for line in output.removesuffix("\n").split("\n"))
    breaks_of(text, re.sub(f"(?m)^{re.escape(mark)}", "", output))


@given(text=texts, columns=columns_of_a_terminal)
def test_a_line_breaks_at_white_space_or_beside_a_wide_character(text: str, columns: int) -> None:
    """No word is broken."""
    for before, after in breaks_of(text, wrapped(text, columns)):
        is_at_space = before[-1].isspace() or after[0].isspace()
        assert is_at_space or may_break(before[-1], after[0])


@given(text=texts, columns=st.integers(40, 200), mark=marks)
def test_no_line_is_wider_than_the_terminal_unless_one_word_is(
    text: str, columns: int, mark: str
) -> None:
    """What can be seen of each line is within the terminal, as rich measures it."""
    for line in wrapped(text, columns, mark=mark).split("\n"):
        longest = max(map(cell_len, line.removeprefix(mark).split()), default=0)
        seen = line.rstrip().expandtabs()
        assert cell_len(seen) <= columns or longest > columns - 1 - len(mark)


@given(
    text=texts,
    columns=columns_of_a_terminal | st.none(),
    cuts=st.lists(st.integers(1, 60)),
    mark=marks,
)
def test_the_cut_of_a_text_does_not_matter(
    text: str, columns: int | None, cuts: list[int], mark: str
) -> None:
    """For every cut, the joined outputs are those of the whole text."""
    outputs = wrapped_in_pieces(text, cuts, columns, mark)
    assert "".join(outputs) == wrapped(text, columns, mark=mark)


@given(text=texts, columns=st.integers(3, 80), cuts=st.lists(st.integers(1, 60)))
def test_no_more_than_a_word_is_held_back(text: str, columns: int, cuts: list[int]) -> None:
    """What is not yet written is a part of one word that fits into a line."""
    places = sorted({len(text), *(cut for cut in cuts if cut < len(text))})
    outputs = wrapped_in_pieces(text, cuts, columns, "")
    for number, place in enumerate(places, 1):
        written = "".join(outputs[:number])
        is_written = len(re.sub(r"\s", "", written))
        held_back = re.sub(r"\s", "", text[:place])[is_written:]
        assert text[:place].endswith(held_back)
        assert width_of(held_back) < columns


@given(text=texts)
def test_text_for_a_pipe_is_unchanged_and_not_held_back(text: str) -> None:
    assert Wrapper(None).add(text) == text


words = st.text(st.sampled_from("ab,-"), min_size=1, max_size=60)


@given(words=st.lists(words, min_size=1), columns=st.integers(40, 200))
def test_lines_are_as_full_as_those_of_textwrap(words: list[str], columns: int) -> None:
    """A line ends only where the next word does not fit. A longer word has its own line."""
    text = " ".join(words)
    expected = textwrap.wrap(text, columns - 1, break_long_words=False, break_on_hyphens=False)
    output = wrapped(text, columns)
    too_long = any(len(word) >= columns for word in words)
    assert too_long or [line.rstrip(" ") for line in output.splitlines()] == expected


def test_a_word_that_is_longer_than_a_line_is_not_broken() -> None:
    url = "https://example.com/" + "x" * 50
    assert wrapped(f"see {url} and more", 40) == f"see \n{url} and more\n"
    outputs = wrapped_in_pieces(f"see {url}", [30, 50], 40, "")
    assert outputs == ["see ", f"\n{url[:46]}", url[46:], "\n"]


def test_no_line_breaks_where_the_next_one_has_no_more_room() -> None:
    url = "https://example.com/" + "x" * 50
    assert wrapped(f"page  {url}", 40, indent=" " * 6) == f"page  {url}\n"
    assert wrapped(f"page  {url}", 40, indent=" " * 5) == f"page  \n     {url}\n"


def test_what_follows_a_long_word_is_counted_from_where_the_terminal_folds_it() -> None:
    """The word fills a line and 35 cells of the next one."""
    assert wrapped("x" * 75 + " abcd efgh", 40) == "x" * 75 + " \nabcd efgh\n"
    assert wrapped("x" * 75 + " abc efgh", 40) == "x" * 75 + " abc \nefgh\n"


def test_further_lines_are_indented() -> None:
    text = "one two three four five six seven eight nine"
    assert wrapped(text, 20, mark="  ", indent="    ") == (
        "  one two three \n      four five six \n      seven eight \n      nine\n"
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("漢字漢字漢字", ["漢字漢字", "漢字"]),
        ("漢字漢字。字", ["漢字漢", "字。字"]),
        ("漢字漢「字」", ["漢字漢", "「字」"]),
        ("漢字漢a b", ["漢字漢a ", "b"]),
        ("漢字漢字\u0301字", ["漢字漢字\u0301", "字"]),
        (f"aa aa {FAMILY}", ["aa aa ", FAMILY]),
    ],
)
def test_lines_of_wide_characters(text: str, lines: list[str]) -> None:
    assert wrapped(text, 9) == "".join(f"{line}\n" for line in lines)


@given(text=st.lists(st.sampled_from([*PIECES, FAMILY])).map("".join))
def test_no_text_is_taken_for_narrower_than_it_is(text: str) -> None:
    """Also where one character changes the width of the one before it."""
    assert width_of(text) >= cell_len(text)
    assert width_of("\u2764\ufe0f") == 2


def test_no_character_is_taken_for_narrower_than_it_is() -> None:
    """The tables of rich are of a newer Unicode, and count invisible characters as one cell."""
    codes = (*range(0x20, 0x3400), *range(0x1F000, 0x1FB00), *range(0x3400, 0x30000, 31))
    too_narrow = [
        character
        for character in map(chr, codes)
        if cells_of(character) < cell_len(character)
        and unicodedata.category(character) not in ("Cc", "Cf", "Cn", "Co", "Cs")
    ]
    # Signs of the I Ching and counting rods, which Unicode 16 made wide.
    assert all(unicodedata.category(character) in ("So", "No") for character in too_narrow)
    assert len(too_narrow) < 200
