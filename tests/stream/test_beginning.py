"""Bodies that are no event stream are refused, and the error shows how they begin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    ChunkDecoder,
    DecodeError,
)
from chunkview.testing import strategies as cv
from stream_support import (
    decoded,
    one_by_one,
    until_it_fails,
)

PROSE = st.text("xyz \n", min_size=1).map("Bad gateway {}".format)


DOCUMENTS = st.one_of(
    st.builds(json.dumps, cv.messages(), indent=st.none() | st.just(2)),
    PROSE.map("<html>\n{}\n</html>".format),
    PROSE,
)


@given(DOCUMENTS, st.data())
def test_a_document_is_no_event_stream_however_it_is_cut(document: str, data: Any) -> None:
    body = document.encode()
    chunks, error = until_it_fails(ChunkDecoder(), data.draw(cv.segmentations(body)))
    assert chunks == []
    assert error.received is not None
    shown = error.received.strip()[:80].decode()
    assert error.problem == f"the body is no event stream; it begins with {shown!r}"
    if body.startswith(b"Bad"):
        assert error.received.split() == body.split()  # all of it, for it may be the reason
    else:
        assert body.startswith(error.received)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "error", "error": {"type": "api_error", "message": "m"}}',
        b'{\n  "type": "error",\n\n  "error": {}\n}\n',
        b"<!DOCTYPE html>\n<html></html>",
        b"<html>\n\n</html>\n\n",
        b"Internal Server Error",
        b"upstream connect error or disconnect/reset before headers.\n\nreset reason: overflow\n",
        b"HTTP/1.1 502 Bad Gateway\nContent-Length: 0\n\n",
    ],
)
def test_a_body_that_is_no_event_stream_is_refused_and_shown(body: bytes) -> None:
    for pieces in ([body], one_by_one(body)):
        with pytest.raises(DecodeError, match="the body is no event stream; it begins with") as e:
            decoded(*pieces)
        assert repr(body[:6].decode())[1:-1] in str(e.value)
        assert e.value.received is not None
        assert body.startswith(e.value.received)
        if body[:1] not in b"{<":
            assert e.value.received == body


@pytest.mark.parametrize("start", [b"{", b"<", b"\n<", b"\n {"])
def test_a_document_is_refused_as_soon_as_it_cannot_be_lines(start: bytes) -> None:
    with pytest.raises(DecodeError, match="the body is no event stream"):
        ChunkDecoder().feed(start + b"x\n\n")


def test_joined_lines_that_hold_no_field_are_refused_at_the_end() -> None:
    for pieces in ([b'x: }data: {"a":1}'], one_by_one(b'x: }data: {"a":1}')):
        with pytest.raises(DecodeError, match="the lines have no line ends") as caught:
            decoded(*pieces)
        assert caught.value.received == b'x: }data: {"a":1}'
