"""`chunkview show`: the text, the thinking and the summary of one stream."""

from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview import IncompleteStreamError, Message, Timings, accumulate, iter_chunks
from chunkview._cli.main import main
from chunkview._cli.show.summary import summary
from chunkview.testing import recording
from cli.console import (
    DELTA,
    TEXT,
    TOOL_CALL,
    Capture,
    Files,
    Start,
    read_rest,
    sections_of,
    text_of,
    thinking_of,
    without,
)

COMPLETE = ("citations", "text", "thinking_tool_call")


@pytest.mark.parametrize("name", COMPLETE)
def test_show_prints_the_text_of_a_recording_unchanged(
    name: str, files: Files, capsys: Capture
) -> None:
    assert main(["show", *files(body=recording(name))]) == 0
    captured = capsys.readouterr()
    assert all(text in captured.out for text in sections_of(recording(name)))
    assert captured.err == ""


def test_show_ends_with_a_summary(files: Files, capsys: Capture) -> None:
    main(["show", *files(body=TEXT)])
    assert capsys.readouterr().out == text_of(TEXT) + (
        "\n\n"
        "model          claude-3-5-sonnet-20240620\n"
        "id             msg_01ReplayText4vWqT8mZrKd2\n"
        "finish reason  end_turn (stop)\n"
        "tokens         12 input, 1,536 cached, 0 cache write, 104 output\n"
        "cost metadata  5-minute cache write 0, 1-hour cache write 0, tier standard\n"
        "cost           $0.002057\n"
    )


def test_a_tool_call_is_shown_with_its_input_after_the_text_before_it(
    files: Files, capsys: Capture
) -> None:
    main(["show", *files(body=TOOL_CALL)])
    _, _, after = capsys.readouterr().out.partition(f"{text_of(TOOL_CALL)}\n\n")
    head, shown = after.partition("\n\nmodel ")[0].split("\n", 1)
    [tool] = accumulate(iter_chunks(TOOL_CALL)).tool_calls
    assert head == f"tool call {tool.name}"
    assert json.loads(shown) == tool.input


def test_a_web_search_is_shown_with_what_it_found(files: Files, capsys: Capture) -> None:
    body = recording("citations")
    main(["show", *files(body=body)])
    before, after = sections_of(body)
    begin = (
        f"{before}\n\n"
        "server tool web_search\n"
        '  {"query": "Skerry Point lighthouse lamp museum"}\n\n'
        "result of web_search\n"
        "  - The Skerry Point lens \u2013 Harbour Museum (March 4, 2025)\n"
        "    https://museum.example/collection/skerry-point-lens\n"
        "  - Lighthouses of the north coast\n"
        "    https://lights.example/north-coast\n\n"
        f"{after}\n\n"
        "[1] Keeper\u2019s log, characters 118 to 175: "
    )
    out = capsys.readouterr().out
    assert out.startswith(begin)
    assert "web searches 1" in out


def test_a_tool_input_that_is_not_json_is_shown_as_text(files: Files, capsys: Capture) -> None:
    body = TOOL_CALL.replace(b'"partial_json":"ue}"', b'"partial_json":"\\u001b"')
    assert main(["show", *files(body=body)]) == 0
    out = capsys.readouterr().out
    assert '\ntool call find_copies\n  invalid JSON: {"title": "The Tombs' in out
    assert '"on_shelf": tr\\x1b\n' in out


def test_a_stop_sequence_is_shown_with_its_reason(files: Files, capsys: Capture) -> None:
    body = TEXT.replace(
        b'"stop_reason":"end_turn","stop_sequence":null',
        b'"stop_reason":"stop_sequence","stop_sequence":"\\n\\nHuman:"',
    )
    main(["show", *files(body=body)])
    assert r"stop_sequence (stop), at '\n\nHuman:'" in capsys.readouterr().out


def test_a_finish_reason_without_a_common_counterpart_is_shown_unchanged(
    files: Files, capsys: Capture
) -> None:
    main(["show", *files(body=TEXT.replace(b"end_turn", b"some_day"))])
    assert "finish reason  some_day (no common counterpart)\n" in capsys.readouterr().out


def test_thinking_is_marked_line_by_line_and_set_apart(files: Files, capsys: Capture) -> None:
    main(["show", *files(body=TOOL_CALL)])
    out = capsys.readouterr().out
    marked = "".join(f"| {line}\n" for line in thinking_of(TOOL_CALL).split("\n"))
    assert out.startswith(f"{marked}\n{text_of(TOOL_CALL)}\n\ntool call ")
    assert "\033" not in out


def test_without_the_prices_extra_the_summary_names_it(start: Start, files: Files) -> None:
    process = start("-c", without("genai_prices"), "show", *files(body=TEXT))
    output, errors, status = read_rest(process)
    assert b"pip install 'chunkview[prices]'" in output
    assert (errors, status) == (b"", 0)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"claude-3-5-sonnet-20240620", b"no-such-model", "not on the price list: no-such-model"),
        (b'"output_tokens":104', b'"output_tokens":"many"', "output_tokens cannot be read"),
        (b'"output_tokens":104', b'"novelty":104', "no message_delta says how many tokens"),
        (b'"input_tokens":12', b'"input_tokens":-12', "input_tokens makes no sense: -12"),
        (b"event: message_delta", b"event: error", "the message is not finished"),
    ],
)
def test_the_summary_says_why_there_is_no_cost(
    files: Files, capsys: Capture, old: bytes, new: bytes, why: str
) -> None:
    assert old in TEXT
    main(["show", *files(body=TEXT.replace(old, new))])
    (row,) = [row for row in capsys.readouterr().out.splitlines() if row.startswith("cost  ")]
    assert row.removeprefix("cost").strip().startswith(f"not known: {why}")


def test_counts_that_make_no_sense_have_no_cost(files: Files, capsys: Capture) -> None:
    body = TEXT.replace(b'"input_tokens":12', b'"input_tokens":-12')
    assert main(["show", *files(first=body, second=TEXT)]) == 0
    out = capsys.readouterr().out
    assert "tokens         -12 input" in out
    assert "cost           not known: " in out
    assert out.endswith(" at least $0.002057\n")


def timing_of(message: Message, timings: Timings | None) -> list[str]:
    lines = summary(message, timings).splitlines()
    return [line.removeprefix("timing").strip() for line in lines if line.startswith("timing")]


@pytest.mark.parametrize(
    ("timings", "shown"),
    [
        (None, []),
        (Timings(), []),
        (Timings(duration=2.0), ["52.0 output tokens per second"]),
        (
            Timings(0.5, 0.75, 0.1, 2.5),
            ["0.75 s to the first token, 52.0 output tokens per second"],
        ),
        (Timings(0.5, 0.5, 0.0, 0.5), ["0.50 s to the first token"]),
        (Timings(0.5, None, 0.1, 2.5), ["52.0 output tokens per second"]),
    ],
)
def test_the_summary_has_the_times_that_are_known(
    timings: Timings | None, shown: list[str]
) -> None:
    assert timing_of(accumulate(TEXT), timings) == shown


@pytest.mark.parametrize("count", [0, -3, 10**400])
def test_a_count_that_makes_no_sense_has_no_rate(count: int) -> None:
    message = accumulate(TEXT)
    message = attrs.evolve(message, usage=attrs.evolve(message.usage, output_tokens=count))
    assert timing_of(message, Timings(0.5, 0.75, 0.1, 2.5)) == ["0.75 s to the first token"]


def test_a_message_that_is_cut_off_has_no_rate() -> None:
    with pytest.raises(IncompleteStreamError) as caught:
        accumulate(TEXT[:DELTA])
    assert caught.value.partial is not None
    shown = timing_of(caught.value.partial, Timings(0.5, 0.75, 0.1, 2.5))
    assert shown == ["0.75 s to the first token"]


@given(st.from_type(Message), st.from_type(Timings))
def test_the_summary_takes_every_message_and_all_times(message: Message, timings: Timings) -> None:
    assert summary(message, timings).endswith("\n")
