"""Summaries: a row for each recording, which agrees with the slow ways to know the same."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import pickle
import typing
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import (
    AnthropicStream,
    ChunkviewError,
    CostMetadata,
    IncompleteStreamError,
    Meter,
    ProtocolError,
    StreamError,
    Usage,
    accumulate,
)
from chunkview.conformance import check
from chunkview.pricing import cost, why_no_cost
from chunkview.recordings import Recording, RecordingError, Summary, read, summaries
from chunkview.testing import recording, workload, workload_names
from chunkview.testing import strategies as cv
from recordings.writers import COMPRESSIONS, FORMATS, Streams, json_line, wrapped
from support import Event, drawn, examples, sse, text_stream

NAMES = list(FORMATS)
CORPUS = os.environ.get("CHUNKVIEW_CORPUS")
STREAMS = st.lists(cv.message_streams(), min_size=1, max_size=3)
BODIES = st.one_of(
    cv.message_streams().map(sse),
    cv.message_streams().map(lambda events: sse(events, separators=(",", ":"))),
    cv.sse_bodies(),
    cv.broken_bodies().map(lambda broken: broken[1]),
    cv.corrupted_bodies(),
    st.builds(workload, st.sampled_from(workload_names()), st.integers(10, 60), st.integers(0, 9)),
)


def rows_of(data: bytes, **options: Any) -> list[Summary]:
    return list(summaries(io.BytesIO(data), **options))


def expected(one: Recording) -> Summary:
    """The row of a recording, by decoding and accumulating it."""
    stream = AnthropicStream(one.source)
    error: Exception | None = None
    try:
        for _ in stream:
            pass
    except ChunkviewError as failure:
        error = failure
    error = error or one.error
    text = None if error is None else str(error)
    if isinstance(error, RecordingError):
        text = f"byte {error.offset}: {error.problem}"
    usage = stream.usage or Usage()
    split, tools = usage.cache_creation, usage.server_tool_use
    metadata = stream.cost_metadata
    message = stream.message
    is_complete = bool(stream.finish_reasons) or (
        message is not None and not isinstance(error, (IncompleteStreamError, StreamError))
    )
    return Summary(
        one.name,
        one.when,
        stream.id,
        stream.model,
        stream.finish_reasons[0] if stream.finish_reasons else None,
        usage.input_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        split.ephemeral_5m_input_tokens if split else None,
        split.ephemeral_1h_input_tokens if split else None,
        usage.output_tokens,
        tools.web_search_requests if tools else None,
        usage.service_tier,
        usage.inference_geo,
        cost(metadata, when=one.when),
        why_no_cost(metadata, when=one.when),
        complete=is_complete,
        error=text,
        bytes=one.size,
    )


def without(row: Summary, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.to_dict().items() if name not in names}


def assert_right(data: bytes) -> None:
    """The rows are those of the recordings, by a stream, a Meter and `check`."""
    rows, found = rows_of(data), list(read(io.BytesIO(data)))
    assert [row.source for row in rows] == [one.name for one in found]
    for row, one in zip(rows, found, strict=True):
        if not isinstance(one.source, bytes):
            assert without(row, "events", "findings", "complete") == without(
                expected(one), "events", "findings", "complete"
            )
            continue
        meter = Meter()
        meter.feed(one.source)
        meter.close()
        totals = (row.id, row.model, row.stop_reason, row.events, row.complete)
        assert totals == (meter.id, meter.model, meter.stop_reason, meter.events, meter.complete)
        assert row.error == (None if meter.error is None else str(meter.error))
        counts = meter.usage or Usage()
        assert (row.input_tokens, row.output_tokens) == (counts.input_tokens, counts.output_tokens)
        assert row.cost == cost(meter, when=one.when)
        assert row.why_no_cost == why_no_cost(meter, when=one.when)
        assert row.bytes == len(one.source)
        rules = tuple(dict.fromkeys(finding.rule for finding in check(one.source)))
        assert row.findings == rules


@given(BODIES)
@examples(3)
def test_the_row_of_a_body_has_what_a_meter_and_check_find(body: bytes) -> None:
    """For bodies of all kinds: totals and error are the Meter's, the findings those of `check`."""
    assert_right(body)


@given(st.lists(BODIES, min_size=2, max_size=3))
@examples(1)
def test_each_stream_of_a_file_has_the_row_of_its_recording(bodies: list[bytes]) -> None:
    """Several bodies in one file: names, cuts and rows are those of `read`."""
    assert_right(b"".join(bodies))


@pytest.mark.parametrize(
    "start", [b'{"type":"message_st', b"{}", b'{"type":"message_start"}', b'{"type":"ping"}', b""]
)
@pytest.mark.parametrize("end", [b"\n\n", b""])
def test_a_name_alone_begins_no_stream(start: bytes, end: bytes) -> None:
    """The event after a stream has to be a `message_start`, or it belongs to that stream."""
    assert_right(recording("text") + b"event: message_start\ndata: " + start + end)


@given(cv.message_streams().map(sse))
@examples(1)
def test_the_row_of_a_stream_agrees_with_anthropic_stream(body: bytes) -> None:
    """Invariant 11: for streams without faults in deltas, all totals are those of the stream."""
    (row,), (one,) = rows_of(body), read(io.BytesIO(body))
    assert without(row, "events", "findings") == without(expected(one), "events", "findings")
    assert row.events == sum(1 for _ in accumulate_events(one))


def accumulate_events(one: Recording) -> Iterator[Any]:
    from chunkview import iter_chunks

    return iter_chunks(one.source)


@pytest.mark.skipif(not CORPUS, reason="CHUNKVIEW_CORPUS names no folder")
@pytest.mark.parametrize("path", sorted(Path(CORPUS).glob("*.sse")) if CORPUS else [])
def test_the_row_of_a_recorded_stream_is_right(path: Path) -> None:
    assert_right(path.read_bytes())


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_the_rows_of_each_format_are_those_of_its_messages(name: str, compression: str) -> None:
    streams = distinct(drawn(cv.message_streams(), 1)[:5])
    data = COMPRESSIONS[compression](FORMATS[name][0](streams))
    messages = [accumulate(events) for events in streams]
    rows = rows_of(data)
    assert [row.error for row in rows] == [None] * len(messages)
    for row, message in zip(rows, messages, strict=True):
        assert (row.id, row.model, row.stop_reason) == (
            message.id,
            message.model,
            message.stop_reason,
        )
        assert row.input_tokens == message.usage.input_tokens
        assert row.output_tokens == message.usage.output_tokens
        assert row.cache_read_input_tokens == message.usage.cache_read_input_tokens
        assert row.complete
        assert row.events > 0
        assert 0 < row.bytes <= max(len(data), len(FORMATS[name][0](streams)))


def distinct(streams: Streams) -> Streams:
    """Give each message an id of its own: logs are joined by the id."""
    for number, events in enumerate(streams):
        for event in events:
            if event["type"] == "message_start":
                event["message"]["id"] = f"msg_{number}"
    return streams


@pytest.mark.parametrize("name", NAMES)
@given(streams=STREAMS, cut=st.integers(0, 10_000))
@examples(0.2)
def test_the_rows_of_a_file_that_was_cut_are_those_of_its_recordings(
    name: str, streams: Streams, cut: int
) -> None:
    data = FORMATS[name][0](distinct(streams))
    assert_right(data[: 1 + cut % len(data)])


def test_a_folder_of_every_format_gives_the_rows_of_each_file_in_order(tmp_path: Path) -> None:
    streams = [text_stream("a"), text_stream("b")]
    for name, (compression, pack) in itertools.product(NAMES, COMPRESSIONS.items()):
        place = tmp_path / compression / f"{name}.x"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(pack(FORMATS[name][0](distinct(streams))))
    rows, found = list(summaries(tmp_path)), list(read(tmp_path))
    assert [row.source for row in rows] == [one.name for one in found]
    assert [row.when for row in rows] == [one.when for one in found]
    assert {(row.id, row.error) for row in rows} == {("msg_0", None), ("msg_1", None)}


def test_the_size_of_the_pieces_does_not_matter() -> None:
    bodies = [workload("short", seed=seed) for seed in range(5)]
    bodies.insert(2, recording("error"))
    bodies.append(recording("text")[:-300])
    data = b"".join(bodies)

    class Slow(io.BytesIO):
        def read1(self, _size: int | None = -1, /) -> bytes:
            return super().read(777)

    assert list(summaries(Slow(data))) == rows_of(data)
    assert [row.bytes for row in rows_of(data)] == list(map(len, bodies))


def test_many_streams_in_a_large_file_are_read_piece_by_piece() -> None:
    """A file is never in memory as a whole: no more than a stream and one piece."""
    body = workload("chat", deltas=200)
    largest = 0

    class Endless(io.RawIOBase):
        count = 0

        def read(self, _size: int = -1) -> bytes:
            self.count += 1
            return body if self.count <= 200 else b""

    from chunkview.recordings import _ahead

    holds_stream = _ahead.Ahead.holds_stream

    def watched(self: Any) -> bool:
        nonlocal largest
        found = holds_stream(self)
        largest = max(largest, len(self.data))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ahead.Ahead, "holds_stream", watched)
        rows = list(summaries(Endless()))
    assert [row.bytes for row in rows] == [len(body)] * 200
    assert largest < 2 * 256 * 1024


def test_a_file_that_breaks_off_gives_the_streams_before_and_says_why() -> None:
    class Broken(io.RawIOBase):
        parts: typing.ClassVar = [recording("text"), recording("text")]

        def read(self, _size: int = -1) -> bytes:
            if not self.parts:
                raise OSError(5, "Input/output error")
            return self.parts.pop()

    first, second = summaries(Broken())
    assert first.error is None
    assert second.error == "byte 9478: cannot be read any further: Input/output error"
    assert (second.stop_reason, second.complete, second.findings) == ("end_turn", True, None)


def test_a_stream_longer_than_allowed_is_an_error() -> None:
    body = workload("chat", deltas=20)
    (row,) = rows_of(body, max_bytes=len(body))
    assert row.error is None
    (row,) = rows_of(body, max_bytes=len(body) - 1)
    assert row.error == f"byte 0: more than {len(body) - 1} bytes"


def test_what_follows_a_stream_belongs_to_it_unless_it_begins_the_next_one() -> None:
    body = recording("text")
    (row,) = rows_of(body + b"data: [DONE]\n\n")
    assert row.findings == ("done_marker",)
    assert row.bytes == len(body) + 14
    first, second = rows_of(body + b"\n" + body)
    assert first.findings == second.findings == ()


def test_a_file_that_cannot_be_read_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "a.sse").write_bytes(recording("text"))
    (tmp_path / "b").symlink_to(tmp_path / "nothing")
    (tmp_path / "c.sse").write_bytes(recording("error"))
    (tmp_path / "d").write_text("no format")
    first, missing, broken, unknown = summaries(tmp_path)
    assert first.error is None
    assert missing.error == "No such file or directory"
    assert broken.error == "overloaded_error: Overloaded"
    assert unknown.error == ("byte 0: no format that chunkview knows; it begins with 'no format'")
    assert (missing.events, missing.bytes, missing.findings) == (0, 0, None)


def test_a_missing_file_that_is_named_raises() -> None:
    with pytest.raises(FileNotFoundError):
        list(summaries("nothing"))


def test_nobody_looks_for_findings_if_they_are_not_wanted() -> None:
    body = recording("text").replace(b'"index":0', b'"index":2')
    (with_findings,), (without_findings,) = rows_of(body), rows_of(body, findings=False)
    assert with_findings.findings == ("index_not_consecutive",)
    assert without_findings.findings is None
    assert without(with_findings, "findings") == without(without_findings, "findings")
    (row,) = rows_of(recording("text"), findings=False)
    assert row.findings is None


@given(BODIES)
@examples(1)
def test_without_findings_the_row_is_otherwise_the_same(body: bytes) -> None:
    for row, other in zip(rows_of(body), rows_of(body, findings=False), strict=True):
        assert other.findings is None
        assert without(row, "findings") == without(other, "findings")


# -- when ----------------------------------------------------------------------------------------


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("bucket/day=2026-11-26/a.sse", utc(2026, 11, 26)),
        ("bucket/2026/11/26/a.sse", utc(2026, 11, 26)),
        ("bucket/year=2026/month=11/day=6/a.sse", utc(2026, 11, 6)),
        ("2025-01-01 backup/2026-02-28/a.sse", utc(2026, 2, 28)),
        ("a-2026-11-26.sse", utc(2026, 11, 26)),
        ("2026-11-26/2026-13-01.sse", utc(2026, 11, 26)),
        ("12026-11-26", None),
        ("2026-11-260", None),
        ("1999-11-26", None),
        ("20261126", None),
    ],
)
def test_the_day_is_in_the_path(path: str, day: datetime | None, tmp_path: Path) -> None:
    place = tmp_path / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(recording("text"))
    os.utime(place, (1_000_000_000, 1_000_000_000))
    (row,) = summaries(place)
    assert row.when == (day or utc(2001, 9, 9, 1, 46, 40))


def write_har(**entry: Any) -> bytes:
    content = {"mimeType": "text/event-stream", "text": recording("text").decode()}
    response = {"status": 200, "headers": [], "content": content, **entry.pop("response", {})}
    return json.dumps(
        {"log": {"entries": [{"request": {}, "response": response, **entry}]}}
    ).encode()


CASSETTE = b"""\
interactions:
- recorded_at: Wed, 04 Mar 2026 05:06:07 GMT
  request: {}
  response:
    headers: {content-type: [text/event-stream]}
    body: {string: 'data: {}'}
"""


@pytest.mark.parametrize(
    ("data", "when"),
    [
        (
            write_har(startedDateTime="2026-03-04T05:06:07.123+02:00"),
            utc(2026, 3, 4, 3, 6, 7, 123000),
        ),
        (write_har(startedDateTime="2026-03-04T05:06:07Z"), utc(2026, 3, 4, 5, 6, 7)),
        (
            write_har(
                response={"headers": [{"name": "Date", "value": "Wed, 04 Mar 2026 05:06:07 GMT"}]}
            ),
            utc(2026, 3, 4, 5, 6, 7),
        ),
        (write_har(startedDateTime="yesterday"), None),
        (write_har(startedDateTime=5), None),
        (write_har(startedDateTime="2026-99-04T05:06:07Z"), None),
        (
            CASSETTE,
            utc(2026, 3, 4, 5, 6, 7),
        ),
        (
            b"HTTP/1.1 200 OK\r\ndate: Wed, 04 Mar 2026 05:06:07 GMT\r\n\r\n" + recording("text"),
            utc(2026, 3, 4, 5, 6, 7),
        ),
        (
            b"".join(
                json_line({**wrapped(event), "timestamp": "2026-03-04T05:06:07.5Z"})
                for event in text_stream("x")
            ),
            utc(2026, 3, 4, 5, 6, 7, 500000),
        ),
        (
            json_line(
                {
                    "type": "assistant",
                    "sessionId": "s",
                    "timestamp": "2026-03-04T05:06:07",
                    "message": {"id": "m", "role": "assistant", "content": [], "usage": {}},
                }
            ),
            utc(2026, 3, 4, 5, 6, 7),
        ),
        (recording("text"), None),
    ],
)
def test_the_time_is_what_the_format_says(data: bytes, when: datetime | None) -> None:
    (row,) = rows_of(data)
    assert row.when == when


def test_a_sidecar_tells_the_time_before_the_path_does(tmp_path: Path) -> None:
    place = tmp_path / "2026-11-26.sse"
    place.write_bytes(recording("text"))
    sidecar = tmp_path / "2026-11-26.sse.times"
    sidecar.write_text('{"request": {"started": "2026-03-04T05:06:07+00:00"}}')
    for source in (place, tmp_path, str(tmp_path / "*.sse")):
        (row,) = summaries(source)
        assert row.when == utc(2026, 3, 4, 5, 6, 7)
    for damaged in ("", "[]", '{"request": {}}', '{"request": {"started": 1}}'):
        sidecar.write_text(damaged)
        (row,) = summaries(tmp_path)
        assert row.when == utc(2026, 11, 26)


def test_a_store_tells_when_a_file_was_modified() -> None:
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.pipe("/summaries/2026-11-26.sse", recording("text"))
    files.pipe(
        "/summaries/2026-11-26.sse.times", b'{"request": {"started": "2026-03-04T05:06:07Z"}}'
    )
    files.pipe("/summaries/other.sse", recording("text"))
    first, second = summaries("memory://summaries")
    assert first.when == utc(2026, 3, 4, 5, 6, 7)
    assert second.when is None or second.when.tzinfo is not None
    files.rm("/summaries", recursive=True)


@pytest.mark.parametrize(
    ("details", "when"),
    [
        ({"mtime": 1_000_000_000.0}, utc(2001, 9, 9, 1, 46, 40)),
        ({"LastModified": utc(2026, 3, 4)}, utc(2026, 3, 4)),
        ({"LastModified": datetime(2026, 3, 4)}, utc(2026, 3, 4)),
        ({"updated": "2026-03-04T05:06:07.000Z"}, utc(2026, 3, 4, 5, 6, 7)),
        ({"mtime": 1e300}, None),
        ({"size": 3}, None),
    ],
)
def test_each_store_has_its_own_name_for_the_time(details: Any, when: datetime | None) -> None:
    class Stored(io.BytesIO):
        pass

    file: Any = Stored(recording("text"))
    file.details = details
    (row,) = summaries(file)
    assert row.when == when


def test_the_price_is_that_of_the_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []

    def price(_metadata: CostMetadata, **options: Any) -> tuple[Decimal, None]:
        asked.append(options)
        return Decimal("0.5"), None

    monkeypatch.setattr("chunkview.recordings._summary._price_or_reason", lambda: price)
    (tmp_path / "2026-11-26.sse").write_bytes(recording("text"))
    (row,) = summaries(tmp_path, provider="aws")
    assert row.cost == Decimal("0.5")
    assert asked == [{"when": utc(2026, 11, 26), "provider": "aws"}]


def test_without_price_lists_the_row_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chunkview.recordings._summary._price_or_reason", lambda: "pip install it")
    (row,) = rows_of(recording("text"))
    assert (row.cost, row.why_no_cost) == (None, "pip install it")


# -- the class ------------------------------------------------------------------------------------


def test_a_summary_is_a_value_with_a_public_name() -> None:
    (row,) = rows_of(recording("text"))
    assert Summary.__module__ == "chunkview.recordings"
    assert pickle.loads(pickle.dumps(row)) == row
    assert hash(row) == hash(pickle.loads(pickle.dumps(row)))
    hints = typing.get_type_hints(Summary)
    assert list(row.to_dict()) == list(hints)


@given(BODIES)
@examples(0.5)
def test_a_row_is_json(body: bytes) -> None:
    for row in rows_of(gzip.compress(body)):
        again = json.loads(json.dumps(row.to_dict()))
        assert again == row.to_dict()
        assert (again["cost"] is None) == (row.cost is None)


def test_an_event_that_the_order_forbids_counts_as_with_a_meter() -> None:
    events: list[Event] = [*text_stream("x"), *text_stream("y")[1:]]
    lines = b"".join(map(json_line, events))
    (row,) = rows_of(lines)
    meter = Meter()
    meter.feed(sse(events))
    meter.close()
    assert isinstance(meter.error, ProtocolError)
    assert (row.error, row.events) == (str(meter.error), meter.events)
