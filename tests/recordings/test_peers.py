"""The libraries that write and read these formats, as oracles."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from chunkview import accumulate
from chunkview.recordings import read
from chunkview.testing import ReplayServer, recording
from chunkview.testing import strategies as cv
from recordings.writers import frame, frames, messages_of
from support import examples, text_stream

vcr: Any = pytest.importorskip("vcr")
eventstream: Any = pytest.importorskip("botocore.eventstream")
NAMES = ("text", "thinking_tool_call", "citations")


@pytest.mark.parametrize("serializer", ["yaml", "json"])
@pytest.mark.parametrize("client", ["requests", "httpx"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_cassette_of_vcrpy_has_the_streams_of_the_server(
    serializer: str, client: str, tmp_path: Path
) -> None:
    path = tmp_path / "cassette"
    bodies = [recording(name) for name in NAMES]
    tape: Any = vcr.VCR(serializer=serializer)
    with ReplayServer(bodies) as server, tape.use_cassette(str(path), record_mode="all"):
        for body in bodies:
            url, request = f"{server.url}/v1/messages", {"stream": True}
            if client == "requests":
                content = requests.post(url, json=request, timeout=60).content
            else:
                content = httpx.post(url, json=request, timeout=60).content
            assert content == body
    found = list(read(path))
    assert [one.format for one in found] == ["cassette"] * len(NAMES)
    assert [one.name for one in found] == [f"{path}#{number}" for number in (1, 2, 3)]
    assert [accumulate(one.source) for one in found] == [accumulate(body) for body in bodies]


def read_by_botocore(data: bytes) -> list[tuple[dict[str, Any], bytes]] | None:
    """The headers and payloads of all frames; None if botocore finds one broken, or the end."""
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(data)
    try:
        found = [(message.headers, message.payload) for message in buffer]
    except (eventstream.ParserError, KeyError, ValueError):
        return None
    return None if buffer._data else found


@given(streams=st.lists(cv.message_streams(), min_size=1, max_size=2), data=st.data())
@examples(0.5)
def test_botocore_and_chunkview_find_the_same_frames_broken(
    streams: Any, data: st.DataObject
) -> None:
    """Each changed byte of each frame is found by both, and none where nothing has changed."""
    body = bytearray(frames(streams))
    assert read_by_botocore(bytes(body)) is not None
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] ^= data.draw(st.integers(1, 255))
    by_botocore = read_by_botocore(bytes(body))
    found = list(read(io.BytesIO(bytes(body))))
    assert (by_botocore is None) == any(one.error is not None for one in found)


def test_botocore_reads_the_frames_that_the_tests_write() -> None:
    headers = {"message_type": "exception", "exception_type": "throttlingException"}
    data = frame(b'{"message": "Slow down"}', **headers)
    assert read_by_botocore(data) == [
        (
            {":message-type": "exception", ":exception-type": "throttlingException"},
            b'{"message": "Slow down"}',
        )
    ]


def test_a_gzip_file_of_several_members_with_padding_is_read() -> None:
    streams = [text_stream("a"), text_stream("b" * 100_000)]
    parts = [gzip.compress(frames([events])) for events in streams]
    data = parts[0] + parts[1] + b"\0" * 512
    assert gzip.decompress(data) == frames(streams)
    found = list(read(io.BytesIO(data)))
    assert [accumulate(one.source).to_dict() for one in found] == messages_of(streams)


@given(seed=st.integers(0, 2**32))
@examples(2)
def test_gzip_and_chunkview_find_the_same_files_broken(seed: int) -> None:
    """A changed byte that Python's gzip finds is an error here, and no other is."""
    chance = random.Random(seed)
    body = bytearray(gzip.compress(recording("text"), mtime=0))
    at = chance.randrange(2, len(body))
    body[at] ^= chance.randint(1, 255)
    try:
        whole = gzip.decompress(bytes(body)) == recording("text")
    except (OSError, EOFError, zlib.error):
        whole = False
    found = list(read(io.BytesIO(bytes(body))))
    assert whole == all(one.error is None for one in found)
