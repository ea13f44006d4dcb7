"""The decoder against other decoders: httpx-sse and the SDK."""

from __future__ import annotations

from typing import Any

import httpx_sse._decoders
import pytest
from anthropic._streaming import SSEDecoder
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    decode,
    iter_chunks,
)
from chunkview._stream.framing import Framer, fields_of
from chunkview.testing import strategies as cv
from stream_support import (
    BYTE_ORDER_MARK,
    decoded,
)
from support import Recorded


def sdk_data(body: bytes) -> list[str]:
    return [event.data for event in SSEDecoder().iter_bytes(iter([body])) if event.data]


def httpx_sse_data(body: bytes) -> list[str]:
    decoder = httpx_sse._decoders.SSEDecoder()
    lines = body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    events = [decoder.decode(line) for line in [*lines, ""]]
    return [event.data for event in events if event is not None and event.data]


@given(cv.streams_with_bodies(), st.data())
def test_the_payloads_are_those_of_httpx_sse(pair: Any, data: Any) -> None:
    events, body = pair
    theirs = httpx_sse_data(body.removeprefix(BYTE_ORDER_MARK))
    expected = [payload for payload in theirs if payload.strip() != "[DONE]"]
    chunks = decoded(*data.draw(cv.segmentations(body)))
    assert [chunk.chunk.decode() for chunk in chunks] == expected  # type: ignore[union-attr]
    assert chunks == [decode(event) for event in events]


NAMED = st.lists(
    st.sampled_from(
        [
            "event: news",
            "event:news",
            "event:  news",
            "event: a:b",
            "event: ",
            "event:",
            "event",
            "events: x",
            "eventx",
            'data: {"a":1}',
            'data:{"a":1}',
            "data: {",
            "data: }",
            "data:",
            ": event: x",
            "id: event",
            "",
            "",
        ]
    ),
    max_size=12,
)


@given(NAMED, st.sampled_from(["\n", "\r\n", "\r"]))
def test_the_name_of_an_event_is_that_of_httpx_sse(lines: list[str], newline: str) -> None:
    decoder = httpx_sse._decoders.SSEDecoder()
    theirs = [decoder.decode(line) for line in [*lines, ""]]
    found = [event for event in theirs if event is not None and event.data != ""]
    body = newline.join([*lines, "", ""]).encode()
    ours = [fields_of(event) for event in Framer().feed(body)]
    # An event without a name is a "message" to the WHATWG.
    assert [(name or b"message", data) for name, data in ours if data] == [
        (event.event.encode(), event.data.encode()) for event in found
    ]


@given(cv.sse_bodies(quirks=False))
def test_the_payloads_are_those_of_the_sdk(body: bytes) -> None:
    theirs = sdk_data(body.removeprefix(BYTE_ORDER_MARK))
    assert [chunk.chunk.decode() for chunk in decoded(body)] == theirs  # type: ignore[union-attr]


def test_the_framing_is_that_of_the_sdk_and_of_httpx_sse(recorded: Recorded) -> None:
    ours = [chunk.chunk.decode() for chunk in iter_chunks(recorded.body)]  # type: ignore[union-attr]
    assert ours == sdk_data(recorded.body) == httpx_sse_data(recorded.body)


@pytest.mark.parametrize(
    ("body", "ours", "sdk", "httpx_sse_gives"),
    [
        pytest.param(
            b'data: {"type": "ping"}\n\ndata: [DONE]\n\n',
            1, 2, 2,
            id="ours skips [DONE], which is no event of Anthropic's",
        ),
        pytest.param(
            b'\xef\xbb\xbfdata: {"type": "ping"}\n\n',
            1, 0, 0,
            id="ours skips a byte order mark, as the WHATWG asks",
        ),
    ],
)  # fmt: skip
def test_each_deliberate_difference_to_other_decoders_is_listed(
    body: bytes, ours: int, sdk: int, httpx_sse_gives: int
) -> None:
    assert len(decoded(body)) == ours
    assert len(sdk_data(body)) == sdk
    assert len(httpx_sse_data(body)) == httpx_sse_gives
