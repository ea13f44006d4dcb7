"""Claude Code's logs, and the results of batches."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import StreamError, accumulate, iter_messages
from chunkview.pricing import cost
from chunkview.recordings import Recording, RecordingError, read
from chunkview.testing import strategies as cv
from recordings.test_formats import distinct
from recordings.writers import (
    FIRST_LINE,
    LAST_LINE,
    USER_LINE,
    assistant,
    assistant_lines,
    json_line,
    wrapped,
)
from support import examples, message_delta, text_stream


def read_lines(*lines: Any) -> list[Recording]:
    data = b"".join(line if isinstance(line, bytes) else json_line(line) for line in lines)
    return list(read(io.BytesIO(data)))


MESSAGES = st.lists(cv.messages(unknown=False), min_size=1, max_size=3)


@given(messages=MESSAGES, data=st.data())
@examples(0.5)
def test_lines_of_a_message_are_joined_by_its_id(messages: Any, data: st.DataObject) -> None:
    """For any interleaving of agents: each message comes once, whole, with its parent."""
    parents = data.draw(st.lists(st.sampled_from([None, "toolu_1"]), min_size=3, max_size=3))
    waiting = []
    for number, message in enumerate(messages):
        message["id"] = f"msg_{number}"
        waiting.append(assistant_lines(message, parents[number]))
    lines: list[Any] = [FIRST_LINE]
    while any(waiting):
        rest = data.draw(st.sampled_from([one for one in waiting if one]))
        lines += [rest.pop(0), USER_LINE]
    found = read_lines(*lines, LAST_LINE)
    by_id = {accumulate(one.source).id: one for one in found}
    assert len(found) == len(messages)
    for number, message in enumerate(messages):
        one = by_id[message["id"]]
        assert (one.parent, one.format, one.error) == (parents[number], "claude-code", None)
        read_back = accumulate(one.source).to_dict()
        assert read_back["content"] == accumulate([message]).to_dict()["content"]
        assert read_back["stop_reason"] == message["stop_reason"]


@given(streams=st.lists(cv.message_streams(), min_size=2, max_size=3), seed=st.integers(0, 2**32))
@examples(0.3)
def test_interleaved_sub_agents_are_told_apart_by_their_parent(streams: Any, seed: int) -> None:
    distinct(streams)
    chance = random.Random(seed)
    waiting = {f"toolu_{number}": list(events) for number, events in enumerate(streams)}
    lines: list[Any] = [FIRST_LINE]
    while waiting:
        parent = chance.choice(sorted(waiting))
        lines.append(wrapped(waiting[parent].pop(0), parent))
        if not waiting[parent]:
            del waiting[parent]
    found = {one.parent: accumulate(one.source) for one in read_lines(*lines)}
    assert found == {f"toolu_{number}": accumulate(events) for number, events in enumerate(streams)}
    assert len(list(iter_messages(lines))) == len(streams)


def message(*texts: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": text} for text in texts]
    usage = {"input_tokens": 3, "output_tokens": 1}
    start: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    return {**start, "content": content, "stop_reason": None, "usage": usage, **fields}


def test_a_message_that_was_streamed_is_not_given_again() -> None:
    events = [wrapped(event) for event in text_stream("a")]
    events.insert(4, assistant(message("a"), 0))
    later = assistant(message("a"), 1)
    (one,) = read_lines(FIRST_LINE, *events, later, LAST_LINE)
    assert accumulate(one.source).text == "a"


def test_the_counts_of_lines_without_a_stop_reason_are_not_final() -> None:
    """They are those of the beginning, so that a price would be too low."""
    price = {"model": "claude-3-5-sonnet-20240620"}
    (open_one,) = read_lines(assistant(message("a", **price), 0))
    (whole,) = read_lines(assistant(message("a", stop_reason="end_turn", **price), 0))
    assert accumulate(open_one.source).usage.output_tokens == 1
    assert cost(accumulate(open_one.source).cost_metadata) is None
    assert cost(accumulate(whole.source).cost_metadata) is not None


def test_a_line_that_a_resumed_session_repeats_is_read_once() -> None:
    (one,) = read_lines(assistant(message("a"), 0), assistant(message("b"), 1))
    (again,) = read_lines(*[assistant(message("a"), 0), assistant(message("b"), 1)] * 2)
    assert accumulate(one.source).text == accumulate(again.source).text == "ab"


def test_transcripts_of_sessions_are_read() -> None:
    """Those of ~/.claude/projects have `sessionId`, and lines of many other types."""
    lines: list[Any] = [
        {"type": "file-history-snapshot", "messageId": "x", "snapshot": {}},
        {"type": "user", "message": {"role": "user", "content": "x"}, "sessionId": "s"},
        {"type": "assistant", "message": message("a"), "sessionId": "s", "uuid": "1"},
        {"type": "mode", "sessionId": "s"},
        {"type": "assistant", "message": message("b"), "sessionId": "s", "uuid": "2"},
        {"type": "summary", "summary": "x", "leafUuid": "2"},
    ]
    (one,) = read_lines(*lines)
    assert (accumulate(one.source).text, one.line, one.format) == ("ab", 3, "claude-code")


def test_a_log_without_answers_is_an_error() -> None:
    (one,) = read_lines(FIRST_LINE, USER_LINE, LAST_LINE)
    assert str(one.error) == "recording: byte 0: there is no stream in it"


def test_a_broken_line_breaks_the_message_of_its_parent_alone() -> None:
    first = [wrapped(event) for event in text_stream("a")]
    second = [wrapped(event, "toolu_1") for event in text_stream("b")]
    broken = json_line(first[2]).replace(b'"text_delta"', b'"text_delta')
    lines = [*first[:2], *second[:3], broken, *first[3:], *second[3:], *first]
    found = read_lines(*lines)
    assert [(one.parent, one.error is None) for one in found] == [
        (None, False),
        ("toolu_1", True),
        (None, True),
    ]
    error = found[0].error
    assert isinstance(error, RecordingError)
    place = sum(len(json_line(line)) for line in lines[:5])
    assert error.offset == place
    assert "invalid JSON" in error.problem
    assert list(found[1].source) == second
    with pytest.raises(RecordingError) as raised:
        accumulate(found[0].source)
    assert raised.value.partial is not None
    assert raised.value.partial.text == ""


def test_a_broken_line_that_tells_no_parent_breaks_all_that_are_not_finished() -> None:
    first = [wrapped(event) for event in text_stream("a")]
    second = [wrapped(event, "toolu_1") for event in text_stream("b")]
    found = read_lines(*first[:3], *second[:3], b"{broken}\n", *first[3:], *second[3:])
    assert [one.error is None for one in found] == [False, False]


def test_results_of_a_batch_have_the_name_of_their_request() -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "No"}}
    good, refused, bare, gone = read_lines(
        {"custom_id": "a", "result": {"type": "succeeded", "message": message("x")}},
        {"custom_id": "b", "result": {"type": "errored", "error": error}},
        {"custom_id": "c", "result": {"type": "errored", "error": error["error"]}},
        {"custom_id": "d", "result": {"type": "expired"}},
    )
    assert [one.name for one in (good, refused, bare, gone)] == ["#a", "#b", "#c", "#d"]
    assert accumulate(good.source).text == "x"
    assert good.error is refused.error is gone.error is None
    for one in (refused, bare):
        with pytest.raises(StreamError, match="invalid_request_error: No"):
            accumulate(one.source)
    with pytest.raises(StreamError, match="expired: the batch has no answer to this request"):
        accumulate(gone.source)


@pytest.mark.parametrize("value", ["[1]", "5", '"x"', "null"])
def test_a_line_that_is_no_object_is_broken(value: str) -> None:
    lines = [json.dumps(event) for event in text_stream("a")]
    found = read_lines("\n".join([*lines, value, *lines]).encode())
    assert [one.error is None for one in found] == [False, True]


def test_a_line_or_a_message_that_is_too_long_is_broken_and_the_others_go_on() -> None:
    long = text_stream("x" * 5_000)
    many = text_stream(*["x" * 100] * 50)
    for middle in (long, many):
        data = b"".join(map(json_line, [*text_stream("a"), *middle, *text_stream("b")]))
        found = list(read(io.BytesIO(data), max_bytes=2_000))
        assert [one.error is None for one in found] == [True, False, True]
        assert "more than 2000 bytes" in str(found[1].error)


def test_rows_of_two_files_are_two_streams_though_the_first_one_is_cut() -> None:
    rows: list[Any] = [
        {"file": name, "offset": 0, "delta_type": None, "event": event}
        for name, events in (("a", text_stream("a")[:3]), ("b", text_stream("b")))
        for event in events
    ]
    cut, whole = read_lines(*rows)
    assert list(cut.source) == text_stream("a")[:3]
    assert accumulate(whole.source).text == "b"


def test_an_event_that_is_no_message_is_kept_with_the_message_before_it() -> None:
    found = read_lines(*text_stream("a"), {"type": "ping"}, *text_stream("b"), message_delta())
    assert [len(one.source) for one in found] == [7, 7]
    assert found[1].offset == found[1].offsets[0] > 0
    assert found[1].line == 8


def test_a_long_log_keeps_the_order_and_loses_no_message() -> None:
    """Of more agents and messages than are kept, each still comes once and whole."""
    count = 1_200
    streamed = [
        wrapped(event, f"toolu_{number}")
        for number in range(count)
        for event in text_stream(str(number))
    ]
    joined = [
        assistant(message(text, id=f"msg_{number}x"), at)
        for number in range(count)
        for at, text in enumerate(("a", str(number)))
    ]
    texts = [str(number) for number in range(count)]
    found = read_lines(*distinct_ids(streamed))
    assert [accumulate(one.source).text for one in found] == texts
    found = read_lines(*joined)
    assert [accumulate(one.source).text for one in found] == [f"a{text}" for text in texts]


def distinct_ids(lines: list[Any]) -> list[Any]:
    for line in lines:
        if line["event"]["type"] == "message_start":
            line["event"]["message"]["id"] = line["parent_tool_use_id"]
    return lines


def test_a_message_of_lines_may_be_text_and_may_lack_an_id() -> None:
    lines = [assistant(message(content="a"), 0), assistant(message("b", id=None), 1)]
    first, second = read_lines(*lines, assistant(message("c", id=None), 2))[:2]
    assert accumulate(first.source).text == "a"
    assert accumulate(second.source).text == "b"


def test_a_message_of_lines_that_is_too_long_or_broken_is_an_error() -> None:
    lines = [assistant(message("x" * 900), number) for number in range(5)]
    data = b"".join(map(json_line, [*lines, assistant(message("b", id="msg_2"), 9)]))
    long, good = read(io.BytesIO(data), max_bytes=3_000)
    assert "more than 3000 bytes" in str(long.error)
    assert accumulate(good.source).text == "b"
    (broken,) = read_lines(lines[0], b"{broken}\n", lines[1])
    with pytest.raises(RecordingError) as raised:
        accumulate(broken.source)
    assert raised.value.partial is not None
    (lone, after) = read_lines(b"{broken}\n", *text_stream("a"))
    assert lone.error is not None
    assert after.error is None


def test_a_log_that_ends_inside_a_line_breaks_what_is_not_finished() -> None:
    events = [wrapped(event) for event in text_stream("a")]
    (one,) = read_lines(*events[:3], json_line(events[3])[:-20])
    assert isinstance(one.error, RecordingError)
    assert one.offsets == tuple(len(b"".join(map(json_line, events[:at]))) for at in range(3))
    with pytest.raises(RecordingError, match="invalid JSON"):
        list(one.source)
