"""What the laws find in parsers of event streams that others wrote.

A test that fails here may be good news: a fault was mended. Then change docs/laws.md, too.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import settings
from packaging.version import Version

from chunkview import ChunkView
from chunkview.testing import laws
from chunkview.testing import strategies as cv
from testing.law_support import FEW, SEARCH
from testing.parsers import (
    READ_BUFSIZE,
    aiohttp_sse_client,
    anthropic_sdk,
    anthropic_sdk_async,
    httpx_lines,
    httpx_sse,
    sseclient_py,
)

PAGE = Path(__file__).parent.parent.parent / "docs" / "laws.md"
TRIED = {
    "aiohttp": "3.9",
    "anthropic": "2.14.0",
    "httpx": "0.28.1",
    "httpx-sse": "0.4.3",
    "aiohttp-sse-client": "0.2.1",
    "sseclient-py": "1.9.0",
}
"""The versions whose faults are listed here. Older ones have others."""
pytestmark = pytest.mark.skipif(
    any(Version(metadata.version(name)) < Version(version) for name, version in TRIED.items()),
    reason="another version of a parser has other faults",
)

PARSERS: list[laws.Parser] = [
    anthropic_sdk,
    anthropic_sdk_async,
    httpx_sse,
    httpx_lines,
    sseclient_py,
    aiohttp_sse_client,
]
STRICT_ABOUT_UTF_8: list[laws.Parser] = [
    anthropic_sdk,
    anthropic_sdk_async,
    sseclient_py,
    aiohttp_sse_client,
]
PACKAGES: dict[str, list[laws.Parser]] = {
    "anthropic": [anthropic_sdk, anthropic_sdk_async],
    "httpx-sse": [httpx_sse],
    "httpx": [httpx_lines],
    "sseclient-py": [sseclient_py],
    "aiohttp-sse-client": [aiohttp_sse_client],
}


def name_of(parse: laws.Parser) -> str:
    return str(getattr(parse, "__name__", parse))


def decoded(parse: laws.Parser) -> laws.Parser:
    """A parser that gives the JSON of the data instead of its text."""

    def events(found: list[tuple[str, str]]) -> list[Any]:
        return [(name, json.loads(data)) for name, data in found]

    async def parse_async(pieces: Any) -> list[Any]:
        return events(await parse(pieces))

    return parse_async if inspect.iscoroutinefunction(parse) else lambda got: events(parse(got))


def named_events(chunks: list[ChunkView]) -> list[Any]:
    return [(event["type"], event) for event in (chunk.to_event() for chunk in chunks)]


def cuts(parse: laws.Parser, **options: Any) -> None:
    laws.assert_cuts_do_not_matter(parse, **options)


def line_endings(parse: laws.Parser, **options: Any) -> None:
    laws.assert_line_endings_do_not_matter(parse, **options)


def crlf(parse: laws.Parser, **options: Any) -> None:
    laws.assert_line_endings_do_not_matter(parse, endings=[b"\r\n"], **options)


def total(parse: laws.Parser, **options: Any) -> None:
    laws.assert_total(parse, **options)


def total_in_utf_8(parse: laws.Parser, **options: Any) -> None:
    laws.assert_total(parse, raises=UnicodeDecodeError, **options)


def agrees(parse: laws.Parser, **options: Any) -> None:
    laws.assert_agrees(decoded(parse), named_events, **options)


Law = Callable[..., None]
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


@attrs.frozen
class Finding:
    """A fault that a law finds.

    Attributes:
        parsers: Who has it.
        law: The law.
        stream: The smallest stream that shows it.
        shows: What the report says.
    """

    parsers: list[laws.Parser]
    law: Law
    stream: bytes
    shows: str


BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONG_LINE = b'event: ping\ndata: {"type": "ping", "x": "%b"}\n\n' % (b"x" * 2 * READ_BUFSIZE)

FINDINGS = {
    "a byte order mark hides the first line": Finding(
        PARSERS, agrees, BYTE_ORDER_MARK + PING, r"\[\('message', \{'type': 'ping'\}\)\]"
    ),
    "bytes that are no UTF-8 raise UnicodeDecodeError": Finding(
        STRICT_ABOUT_UTF_8,
        total,
        b"data: \xff\n\n",
        "raises UnicodeDecodeError",
    ),
    "an LF after a CRLF does not end the event": Finding(
        [sseclient_py], crlf, PING * 2, "depends on the ends of the lines"
    ),
    "where CR and LF are mixed, the cuts decide which events become one": Finding(
        [sseclient_py],
        cuts,
        PING.replace(b"\n", b"\r", 2)[:-1] + b"\r\n" + PING,
        "depends on where the body is cut",
    ),
    "a text is cut at U+2028 and other characters that end no line here": Finding(
        [httpx_lines],
        agrees,
        'event: ping\ndata: {"type": "ping", "x": "\u2028"}\n\n'.encode(),
        "JSONDecodeError: Unterminated string",
    ),
    "CR does not end a line": Finding(
        [aiohttp_sse_client], line_endings, PING, r"parse\(\[other\]\) gives\n    \[\]"
    ),
    "a line of more than 128 KiB raises an exception": Finding(
        [aiohttp_sse_client], total_in_utf_8, LONG_LINE, "raises (ValueError|LineTooLong)"
    ),
}


def cases(*, has_it: bool) -> list[Any]:
    """Each finding with each parser that has it, or has it not."""
    return [
        pytest.param(finding, parse, id=f"{name_of(parse)}: {title}")
        for title, finding in FINDINGS.items()
        for parse in PARSERS
        if (parse in finding.parsers) == has_it
    ]


@pytest.mark.parametrize(("finding", "parse"), cases(has_it=True))
def test_a_fault_is_found(finding: Finding, parse: laws.Parser) -> None:
    with pytest.raises(AssertionError, match=finding.shows):
        finding.law(parse, streams=finding.stream, settings=SEARCH)


@pytest.mark.parametrize(("finding", "parse"), cases(has_it=False))
def test_the_other_parsers_do_not_have_it(finding: Finding, parse: laws.Parser) -> None:
    finding.law(parse, streams=finding.stream, settings=settings(FEW, max_examples=3))


def all_but(left_out: laws.Parser) -> list[laws.Parser]:
    return [parse for parse in PARSERS if parse != left_out]


KEPT: list[tuple[Law, list[laws.Parser]]] = [
    (cuts, all_but(sseclient_py)),
    (crlf, all_but(sseclient_py)),
    (line_endings, [anthropic_sdk, anthropic_sdk_async, httpx_sse, httpx_lines]),
    (total, [httpx_sse, httpx_lines]),
    (total_in_utf_8, [anthropic_sdk, anthropic_sdk_async, sseclient_py]),
]


@pytest.mark.parametrize(
    ("law", "parse"), [(law, parse) for law, parsers in KEPT for parse in parsers]
)
def test_the_laws_that_a_parser_keeps_find_nothing(law: Law, parse: laws.Parser) -> None:
    law(parse, settings=FEW)


@pytest.mark.parametrize("parse", all_but(httpx_lines))
def test_all_but_one_agree_on_bodies_as_the_api_writes_them(parse: laws.Parser) -> None:
    agrees(parse, streams=cv.message_streams(), settings=FEW)


def rows_of_the_page() -> Iterator[list[str]]:
    text = PAGE.read_text(encoding="utf-8")
    for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        yield row.split(" | ")


def test_the_page_lists_each_fault_and_the_packages_that_have_it() -> None:
    listed = {row[0]: set(re.findall(r"`([\w-]+)`", row[2])) for row in rows_of_the_page()}
    for title, finding in FINDINGS.items():
        packages = {
            package for package, parsers in PACKAGES.items() if parsers[0] in finding.parsers
        }
        assert listed[title] == packages


def test_the_page_names_the_versions_that_were_tried() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for package in PACKAGES:
        assert f"{package} {TRIED[package]}" in text
