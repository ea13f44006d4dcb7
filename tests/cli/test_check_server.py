"""`chunkview check --url` against a server in another process, sound or with planted faults."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chunkview import Message, Usage
from chunkview._cli.check.answers import differences as differences_of
from chunkview._cli.check.answers import repetition_in
from chunkview._cli.check.requests import REQUESTS
from chunkview._cli.check.server import Watch, messages_url, shown_url
from chunkview.testing import strategies as cv
from cli.console import (
    HALVES,
    HARMFUL,
    Start,
    needs_sigint,
    read_rest,
    read_until,
    run,
    run_on_terminal,
    without,
)

IMITATOR = str(Path(__file__).with_name("imitator.py"))
MODEL = "imitation-1"
WRONG_KEY = "sk-wrong"
CLEAN = "No rule is broken in the 15 requests sent (8 streams and 7 other answers)"
STREAMED = [name for name, request in REQUESTS.items() if request.is_streamed]
# A body that is no request is refused before anything else.
UNREAD = ("broken_json", "json_array")
INVALID_REQUESTS = [name for name, request in REQUESTS.items() if request.is_invalid]

Imitator: TypeAlias = Callable[..., str]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no key of this machine."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def imitator(start: Start) -> Imitator:
    """Start the imitator with faults, and give its URL."""

    def start_imitator(*faults: str) -> str:
        process = start(IMITATOR, *faults)
        return read_until(process, b"\n").decode().strip()

    return start_imitator


def check(url: str, *arguments: str, model: str = MODEL) -> dict[str, Any]:
    out, complaints, status = run("check", "--json", "--url", url, "--model", model, *arguments)
    assert complaints == ""
    report: dict[str, Any] = json.loads(out)
    assert status == int(report["errors"] > 0 or report["not_checked"] != [])
    return report


def only(*names: str) -> list[str]:
    return ["--without", ",".join(name for name in REQUESTS if name not in names)]


def places(report: dict[str, Any]) -> dict[str, list[str]]:
    return {row["rule"]: row["in"] for row in report["rules"]}


def test_a_sound_imitation_breaks_no_rule(imitator: Imitator) -> None:
    url = imitator()
    out, complaints, status = run("check", "--strict", "--url", url, "--model", MODEL)
    lines = out.splitlines()
    assert [line.split() for line in lines[:-3]] == [[name, "ok"] for name in REQUESTS]
    assert lines[-2].startswith("note: check does not try whether the words ")
    assert lines[-1] == CLEAN
    assert (complaints, status) == ("", 0)
    report = check(f"{url}/v1/messages/")
    assert (report["server"], report["model"]) == (f"{url}/v1/messages/", MODEL)
    for checked in report["checked"]:
        assert checked["findings"] == []
        assert checked["answer"]["status"] in (200, 400, 404)
        assert checked["answer"]["bytes"] > 0


def test_three_planted_faults_are_seen_and_nothing_else(imitator: Imitator) -> None:
    url = imitator("no_event_lines", "index_gap", "no_stop_reason")
    assert places(check(url)) == {
        "event_line_missing": STREAMED,
        "index_not_consecutive": STREAMED,
        "stop_reason_missing": STREAMED,
        "stop_reason_never_sent": ["stop_sequence", "max_tokens"],
    }


def test_what_without_names_is_not_sent_and_the_report_says_so(imitator: Imitator) -> None:
    url = imitator("no_thinking", "one_call")
    assert set(places(check(url))) == {"thinking_missing", "tool_calls_not_parallel"}
    arguments = ["--without", "two_tool_calls,thinking", "--without", "whole"]
    report = check(url, *arguments)
    assert report["rules"] == []
    assert report["left_out"] == ["two_tool_calls", "thinking", "whole"]
    out, _, status = run("check", "--url", url, "--model", MODEL, *arguments)
    assert out.endswith("; left out: two_tool_calls, thinking, whole\n")
    assert status == 0


OF_TEXT = ["text", "stop_sequence", "max_tokens", "tool_result", "thinking", "beta_query"]
ANSWERS: dict[str, dict[str, list[str]]] = {
    "whole_without_zeros": {},
    "no_text": {
        "text_missing": ["text", "tool_result", "beta_query"],
        "whole_message_differs": ["whole"],
    },
    "no_stop_sequence": {"stop_sequence_ignored": ["stop_sequence"]},
    "stop_sequence_in_text": {"stop_sequence_ignored": ["stop_sequence"]},
    "no_max_tokens": {"max_tokens_ignored": ["max_tokens"]},
    "no_tools": {"tool_choice_ignored": ["tool_call", "two_tool_calls"]},
    "first_tool": {"other_tool_called": ["tool_call"]},
    "always_parallel": {"parallel_calls_not_disabled": ["tool_call"]},
    "one_call": {"tool_calls_not_parallel": ["two_tool_calls"]},
    "counts_too_many": {"max_tokens_exceeded": ["max_tokens"]},
    "strips_whole": {"white_space_differs": ["whole"]},
    "no_query": {
        "status_unexpected": ["beta_query"],
        "error_document_misshapen": ["beta_query"],
    },
    "no_limit_needed": {"status_unexpected": ["missing_max_tokens"]},
    "array_closes": {"answer_missing": ["json_array"]},
    "no_thinking": {"thinking_missing": ["thinking"]},
    "any_model": {"status_unexpected": ["bad_model"]},
    "status_422": {"status_unexpected": ["missing_messages"]},
    "empty_messages_500": {"status_unexpected": ["empty_messages"]},
    "broken_json_500": {
        "status_unexpected": ["broken_json", "json_array"],
        "error_document_misshapen": ["broken_json", "json_array"],
    },
    "fails": {
        "status_unexpected": ["tool_call", "two_tool_calls"],
        "error_document_misshapen": ["tool_call", "two_tool_calls"],
    },
    "detail": {"error_document_misshapen": ["bad_model"]},
    "error_string": {"error_document_misshapen": ["bad_model"]},
    "error_html": {"error_document_misshapen": INVALID_REQUESTS},
    "whole_differs": {"whole_message_differs": ["whole"]},
    "whole_is_stream": {
        "content_type_unexpected": ["whole"],
        "whole_message_invalid": ["whole"],
    },
    "whole_without_id": {"whole_message_incomplete": ["whole"]},
    "whole_without_usage": {"whole_message_misshapen": ["whole"]},
    "whole_is_string": {"whole_message_misshapen": ["whole"], "text_missing": ["whole"]},
    "error_event": {"error_event_sent": STREAMED},
    "overloaded_event": {"rate_limited": STREAMED},
    "error_with_200": {"body_is_error": STREAMED, "whole_message_invalid": ["whole"]},
    "text_twice": {
        "text_repeated": OF_TEXT,
    },
    "text_so_far": {"text_repeated": OF_TEXT},
    "role_user": {"role_differs": STREAMED},
    "same_id": {"message_id_repeated": [*STREAMED[1:7], "whole", "beta_query"]},
    "text_plain": {"content_type_unexpected": STREAMED},
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_an_answer_that_is_not_what_was_asked_for_is_found(fault: str, imitator: Imitator) -> None:
    assert places(check(imitator(fault))) == ANSWERS[fault]


def test_pieces_of_text_may_repeat_some_of_what_was_sent() -> None:
    """Few pieces prove nothing: a model may write a word twice."""
    for pieces in (
        [],
        ["a"],
        ["a", "a"],
        ["a", "ab"],
        ["a"] * 4,
        ["a", "a", "b"],
        ["a", "ab", "c"],
    ):
        assert repetition_in(pieces) == ""
    assert "comes twice" in repetition_in(["a", "a", "b", "b"])
    assert "all the text so far" in repetition_in(["a", "ab", "abc"])


@pytest.mark.parametrize("fault", ["no_final_count", "no_stop_reason"])
def test_the_count_at_the_beginning_is_not_taken_for_the_final_one(
    fault: str, imitator: Imitator
) -> None:
    rows = check(imitator("no_max_tokens", fault), *only("max_tokens"))["rules"]
    seen = {row["rule"]: row["first"]["message"] for row in rows}
    if fault == "no_stop_reason":
        assert seen["stop_reason_never_sent"].endswith(": max_tokens is due")
    else:
        assert seen["max_tokens_ignored"].endswith("and no final count of output tokens")


def test_each_difference_of_the_whole_message_is_named(imitator: Imitator) -> None:
    (row,) = check(imitator("whole_differs"))["rules"]
    assert row["first"]["message"].split(": ", 1)[1].split("; ") == [
        "the stream has the blocks ['text'], the whole message has ['thinking', 'text']",
        "stop_reason is 'end_turn' in the stream, 'max_tokens' in the whole message",
        "the same prompt has 12 tokens in the stream, 17 in the whole message",
    ]


def test_a_whole_message_is_not_compared_without_the_stream(imitator: Imitator) -> None:
    assert check(imitator("whole_differs"), "--without", "text")["rules"] == []


def usages(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(dict.fromkeys(keys, st.none() | st.integers(0, 2)))


def differences(streamed: dict[str, Any], whole: dict[str, Any]) -> list[str]:
    messages = [Message("", "", (), Usage(**usage)) for usage in (streamed, whole)]
    return [*differences_of(*messages)]


CACHE = ("cache_creation_input_tokens", "cache_read_input_tokens")


@given(usages(*CACHE, "input_tokens", "output_tokens"), usages(*CACHE))
def test_a_count_of_the_cache_that_is_left_out_is_0(
    streamed: dict[str, Any], whole: dict[str, Any]
) -> None:
    """Two messages do not differ more or less where a 0 of the cache is a null."""
    whole = streamed | whole
    nulls = [
        {key: (count or None) if key in CACHE else count for key, count in usage.items()}
        for usage in (streamed, whole)
    ]
    assert differences(streamed, whole) == differences(*nulls)
    for key in ("input_tokens", "output_tokens"):
        assert differences(streamed | {key: None}, streamed | {key: 0}) == []
        assert differences(streamed | {key: None}, streamed | {key: 1}) == [
            f"the whole message has {key}, the stream does not"
        ]


def test_what_is_said_of_a_whole_message_is_not_about_events(imitator: Imitator) -> None:
    url = imitator("whole_is_string", "whole_without_usage", "whole_without_id")
    rows = {row["rule"]: row for row in check(url)["rules"]}
    assert rows["whole_message_misshapen"]["first"]["message"].endswith(
        ": content is str 'hello'; usage is missing"
    )
    assert rows["whole_message_incomplete"]["first"]["message"].endswith(": id is missing")
    for row in rows.values():
        assert "message_start" not in str(row)
        assert "message_delta" not in str(row)


def test_what_the_data_of_a_whole_message_breaks_has_the_rule_of_a_stream(
    imitator: Imitator,
) -> None:
    (row,) = check(imitator("whole_stops_oddly"), *only("whole"))["rules"]
    assert (row["rule"], row["in"]) == ("stop_reason_unknown", ["whole"])
    assert row["first"]["message"].endswith(" (here: the answer to stream: false)")


def test_a_text_that_is_empty_is_not_called_no_text(imitator: Imitator) -> None:
    row = check(imitator("empty_text"), *only("text"))["rules"][0]
    assert row["first"]["message"] == "the message has no text: the text is empty"


def test_the_event_that_cannot_be_decoded_is_shown(imitator: Imitator) -> None:
    (row,) = check(imitator("index_is_text"), *only("text"))["rules"]
    assert (row["rule"], row["first"]["position"]) == ("index_missing", 2)
    assert row["first"]["event"].startswith("event: content_block_start data: {")


def test_a_server_that_cannot_stream_is_found(imitator: Imitator) -> None:
    assert places(check(imitator("no_streams"), *only("text"))) == {"body_is_message": ["text"]}


TRANSPORT = {
    "hangs": {"answer_hangs"},
    "closes": {"answer_missing"},
    "resets_at_once": {"answer_missing"},
    "not_http": {"answer_not_http"},
    "endless_headers": {"answer_not_http"},
    "dribbles": {"answer_endless"},
    "endless": {"answer_endless"},
    "endless_pings": {"answer_endless"},
    "not_gzip": {"answer_not_http"},
    "breaks_off": {"answer_breaks_off"},
    "resets": {"answer_breaks_off"},
    "stalls": {"answer_hangs"},
}


@pytest.mark.parametrize("fault", TRANSPORT)
def test_an_answer_that_http_does_not_allow_is_found_and_its_consequences_are_not(
    fault: str, imitator: Imitator, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeout = "0.3" if TRANSPORT[fault] == {"answer_hangs"} else "30"
    if fault in ("dribbles", "endless_pings"):
        monkeypatch.setattr("chunkview._cli.check.server._MOST_TIMEOUTS", 0.05)
    if fault == "endless":
        monkeypatch.setattr("chunkview._cli.check.server._MAX_BODY_BYTES", 1_000_000)
    report = check(imitator(fault), "--timeout", timeout, "--slow", "100", *only("text"))
    assert places(report).keys() == TRANSPORT[fault]


def test_a_connection_that_is_made_after_the_deadline_is_shut_down() -> None:
    class Stream:
        def get_extra_info(self, name: str) -> Any:
            return {"socket": ours}[name]

    ours, theirs = socket.socketpair()
    with ours, theirs, Watch(0.001) as watch:
        while not watch.has_ended:
            time.sleep(0.001)
        watch.trace("connection.connect_tcp.complete", {"return_value": Stream()})
        assert theirs.recv(1) == b""


# --- Mistakes in the arguments --------------------------------------------------------------------


REFUSALS = {
    "key": ("key_refused", (), ["--key", WRONG_KEY], "answered with 401: invalid x-api-key\n"),
    "no key": ("key_refused", ("refuses_keyless",), [], "No API key was given"),
    "forbidden": ("key_refused", ("forbids",), [], "answered with 403: not here\n"),
    "model": ("model_refused", (), ["--model", "wrong-1"], "404: model: wrong-1\n"),
    "no model": ("model_refused", ("refuses_model",), [], "400: Which model? There are several."),
    "path": ("url_refused", (), [], "/elsewhere/v1/messages is answered with 404: Not Found\n"),
    "redirect": ("url_refused", ("redirects_well",), [], "307: a redirect to /elsewhere\n"),
    "bad redirect": ("url_refused", ("redirects",), [], "307: a redirect to http://[bad\n"),
    "page": ("url_refused", ("html",), [], "with 200: a page of HTML: <!DOCTYPE html> <p>Wel"),
    "no POST": (
        "url_refused",
        ("no_post",),
        [],
        "is answered with 501: a page of HTML: <!DOCTYPE HTML>",
    ),
    "fields": ("request_refused", ("refuses",), [], 'answered with 422: {"detail": [{"loc": ['),
    "stream": ("request_refused", ("refuses_stream",), [], "400: stream: not supported\n"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_if_the_first_request_is_refused_the_report_says_why_and_no_other_is_sent(
    case: str, imitator: Imitator
) -> None:
    rule, faults, arguments, words = REFUSALS[case]
    url = imitator(*faults) + ("/elsewhere" if case == "path" else "")
    arguments = ["--url", url, "--model", MODEL, *arguments]
    out, complaints, status = run("check", *arguments)
    assert (complaints, status) == ("", 1)
    blocks = out.split("\n\n")
    assert blocks[0] == "text               1 error"
    assert blocks[1].startswith(f"error      {rule}\n  seen     the first request is refused")
    assert words in blocks[1]
    assert "  count" not in out
    assert "  first" not in out
    last = "1 rule broken (1 error, 0 warnings) in 0 streams and 1 other answer; not sent: "
    assert blocks[2].startswith(f"{last}stop_sequence, ")
    assert len(blocks) == 3
    assert json.loads(run("check", "--json", *arguments)[0])["not_sent"] == [*REQUESTS][1:]


def test_a_refusal_of_what_not_every_server_can_do_is_no_mistake(imitator: Imitator) -> None:
    report = check(imitator("refuses_stream"), "--without", "text")
    assert places(report) == {
        "status_unexpected": [name for name in STREAMED if name != "text"],
    }
    assert report["not_sent"] == []


def test_a_refusal_of_the_key_is_a_mistake_whatever_is_asked_for(imitator: Imitator) -> None:
    report = check(imitator(), "--key", WRONG_KEY, "--without", "text")
    assert places(report) == {"key_refused": ["stop_sequence"]}


# --- Too many requests ----------------------------------------------------------------------------


def test_a_limit_that_passes_is_no_finding(imitator: Imitator) -> None:
    """After the seconds in Retry-After the request is sent again, and that answer counts."""
    out, complaints, status = run(
        "check", "--strict", "--url", imitator("limited_once"), "--model", MODEL
    )
    assert (complaints, status) == ("", 0)
    assert "stop_sequence      ok (waited 0.1 s for a rate limit)\n" in out
    assert out.endswith(
        "No rule is broken in the 15 requests sent (8 streams and 7 other answers)\n"
    )


LIMITS = {
    "limited": "429, no Retry-After header: Slow down",
    "limited_with_header": "429, Retry-After: 0, the same again 0.1 s later: Slow down",
    "overloaded": "503, no Retry-After header: Overloaded",
}


@pytest.mark.parametrize("fault", LIMITS)
def test_a_limit_is_a_warning_and_the_check_fails_because_it_checked_nothing(
    fault: str, imitator: Imitator
) -> None:
    out, _, status = run("check", "--json", "--url", imitator(fault), "--model", MODEL)
    report = json.loads(out)
    names = [name for name in REQUESTS if name not in UNREAD]
    assert places(report) == {"rate_limited": names}
    assert (report["errors"], report["warnings"], report["streams"]) == (0, 1, 0)
    assert report["rules"][0]["first"]["message"].endswith(LIMITS[fault])
    # It waits for one request, and for no other when that was in vain.
    waits = [one["answer"]["waited_seconds"] for one in report["checked"]]
    assert sum(wait > 0 for wait in waits) == (fault == "limited_with_header")
    assert (report["not_checked"], status) == (names, 1)


@pytest.mark.parametrize("fault", ["limited_later", "overloaded_event"])
def test_the_check_fails_if_a_limit_left_a_request_unchecked(
    fault: str, imitator: Imitator, tmp_path: Path
) -> None:
    """A limit is no fault of the server; but in CI, what was not checked must not be green."""
    url, xml = imitator(fault), tmp_path / "report.xml"
    out, _, status = run("check", "--url", url, "--model", MODEL, "--junit", str(xml))
    count, streams = (12, 1) if fault == "limited_later" else (len(STREAMED), 0)
    answers = "2 other answers" if fault == "limited_later" else "7 other answers"
    assert out.splitlines()[-1] == (
        f"1 rule broken (0 errors, 1 warning) in {streams} stream{'s' * (streams != 1)} and "
        f"{answers}; {count} of 15 requests were not checked: rate limit"
    )
    assert status == 1
    (suite,) = ET.parse(xml).getroot()
    assert suite.get("failures") == str(count)


def test_a_long_limit_is_not_waited_for(imitator: Imitator) -> None:
    report = check(imitator("limited_once_long"))
    assert report["streams"] > 0
    assert "429, Retry-After: 3600: Slow down" in report["rules"][0]["first"]["message"]
    assert all(one["answer"]["waited_seconds"] == 0 for one in report["checked"])
    names = [name for name in REQUESTS if name not in UNREAD]
    assert places(report) == {"rate_limited": names[::2]}


@pytest.mark.parametrize("fault", ["html_later", "not_utf8"])
def test_an_answer_that_is_no_stream_is_found(fault: str, imitator: Imitator) -> None:
    assert places(check(imitator(fault), *only("text", "stop_sequence")))


@pytest.mark.parametrize("fault", ["slow", "slow_start"])
def test_a_slow_server_is_a_warning(fault: str, imitator: Imitator) -> None:
    report = check(imitator(fault), *only("text"), "--slow", "0.1")
    assert "answer_slow" in places(report)
    assert (report["errors"], report["warnings"]) == (0, 1)


def test_a_server_that_hangs_at_one_request_is_sent_the_others(imitator: Imitator) -> None:
    report = check(imitator("hangs_later"), "--timeout", "2", "--slow", "100")
    assert places(report) == {"answer_hangs": ["tool_call", "two_tool_calls"]}
    assert report["not_sent"] == []


def test_a_server_that_hangs_at_the_first_request_is_sent_no_other(imitator: Imitator) -> None:
    report = check(imitator("hangs"), "--timeout", "0.3")
    assert places(report) == {"answer_hangs": ["text"]}
    assert report["not_sent"] == [name for name in REQUESTS if name != "text"]


def test_a_port_where_nothing_listens_is_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # it does not listen
        report = check(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert places(report) == {"server_unreachable": ["text"]}
    assert report["streams"] == 0


def test_a_server_without_tls_is_found(imitator: Imitator) -> None:
    url = imitator().replace("http:", "https:")
    assert places(check(url)) == {"server_unreachable": ["text"]}


def test_the_key_is_sent_and_blotted_out_of_the_report(
    imitator: Imitator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url, xml = imitator("says_key"), tmp_path / "report.xml"
    arguments = ["--url", url, "--model", MODEL, *only("text"), "--junit", str(xml)]
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    for given_key in ([], ["--key", "sk-ant-other"]):
        out, _, _ = run("check", *arguments, *given_key)
        assert "invalid x-api-key: ***" in out
        assert "sk-ant" not in out + xml.read_text()
    # What is no secret is shown.
    assert "invalid x-api-key: none" in run("check", *arguments, "--key", "none")[0]
    assert "invalid x-api-key: None" in run("check", *arguments, "--key", "")[0]
    header = ["--key", "", "--header", "x-api-key: given"]
    assert "invalid x-api-key: given" in run("check", *arguments, *header)[0]
    header = ["--key", "", "--header", "x-api-key: given-in-a-header", "--header", "token:"]
    out = run("check", *arguments, *header)[0]
    assert "invalid x-api-key: ***" in out


def test_names_that_a_server_makes_up_reach_no_terminal_and_break_no_xml(
    imitator: Imitator, tmp_path: Path
) -> None:
    url, xml = imitator("hostile", "index_gap"), tmp_path / "report.xml"
    arguments = ["--url", url, "--model", MODEL, "--no-color", "--junit", str(xml)]
    out, complaints, status = run("check", *arguments, is_terminal=True)
    assert not set(HARMFUL + HALVES) & set(out + complaints)
    assert status == 1
    (suite,) = ET.parse(xml).getroot()
    assert [case.get("name") for case in suite] == [*REQUESTS]
    assert {case.get("classname") for case in suite} == {url}


def test_junit_says_what_was_left_out(imitator: Imitator, tmp_path: Path) -> None:
    url, xml = imitator("hangs"), tmp_path / "report.xml"
    arguments = ["--timeout", "0.3", "--without", "thinking", "--junit", str(xml)]
    run("check", "--url", url, "--model", MODEL, *arguments)
    (suite,) = ET.parse(xml).getroot()
    reasons = {case.get("name"): part.get("message") for case in suite for part in case}
    assert reasons.pop("text") == "1 rule broken: answer_hangs"
    assert reasons.pop("thinking") == "left out with --without"
    assert set(reasons.values()) == {"not sent"}
    sizes = len(REQUESTS), len(REQUESTS) - 1
    assert (suite.get("tests"), suite.get("skipped")) == tuple(map(str, sizes))


@needs_sigint
def test_ctrl_c_reports_the_answers_so_far(
    start: Start, imitator: Imitator, tmp_path: Path
) -> None:
    xml = tmp_path / "report.xml"
    options = ["--url", imitator("hangs_later"), "--model", MODEL, "--junit", str(xml)]
    # The line of a request says that the next one is on its way.
    process = start("-m", "chunkview", "check", *options)
    read_until(process, b"max_tokens ")
    process.send_signal(signal.SIGINT)
    output, errors, status = read_rest(process)
    last = output.decode().splitlines()[-1]
    assert last.startswith(
        "No rule is broken in the 3 requests sent (3 streams); not sent: tool_call"
    )
    assert last.endswith("; interrupted")
    assert (errors, status) == (b"", 130)
    assert len(ET.parse(xml).findall(".//skipped")) == len(REQUESTS) - 3


def test_without_httpx_the_complaint_names_the_extra(start: Start) -> None:
    arguments = ["check", "--url", "http://127.0.0.1:1", "--model", "m"]
    process = start("-c", without("httpx"), *arguments)
    _, errors, status = read_rest(process)
    assert b"pip install 'chunkview[check]'" in errors
    assert len(errors.splitlines()) == 1
    assert status == 2


INVALID = [
    [],
    ["--url", "http://127.0.0.1"],
    ["--url", "http://127.0.0.1", "--model", "m", "FILE"],
    ["--url", "127.0.0.1:8000", "--model", "m"],
    ["--url", "ftp://127.0.0.1", "--model", "m"],
    ["--url", "http://127.0.0.1:port", "--model", "m"],
    ["--url", "http://[bad", "--model", "m"],
    ["--url", "http://a b", "--model", "m"],
    ["--url", "http://xn--a.example\u00e9", "--model", "m"],
    ["--url", "http://127.0.0.1", "--model", "m", "--without", "everything"],
    ["--url", "http://127.0.0.1", "--model", "m", "--header", "no colon"],
    ["--url", "http://127.0.0.1", "--model", "m", "--header", "a: b\nc: d"],
    ["--url", "http://127.0.0.1", "--model", "m", "--key", "a\nb"],
    ["--url", "http://127.0.0.1", "--model", "m", "--timeout", "0"],
    ["--url", "http://127.0.0.1", "--model", "m", "--slow", "nan"],
]


@pytest.mark.parametrize("arguments", INVALID, ids=repr)
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    out, complaints, status = run("check", *arguments)
    assert (out, status) == ("", 2)
    assert complaints.startswith("usage: chunkview check")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "http://127.0.0.1:99999"], "a port of at most 65535"),
        (["--url", "http://127.0.0.1", "--timeout", "0"], "seconds, more than 0"),
        (["--url", "http://127.0.0.1", "--slow", "1e12"], "and at most "),
    ],
)
def test_a_number_out_of_range_is_told_the_range(arguments: list[str], words: str) -> None:
    assert words in " ".join(run("check", *arguments, "--model", "m")[1].split())


@pytest.mark.parametrize(
    ("url", "expected", "shown"),
    [
        ("http://a", "http://a/v1/messages", "http://a"),
        ("http://a/", "http://a/v1/messages", "http://a/"),
        ("http://a/v1", "http://a/v1/messages", "http://a/v1"),
        (
            "https://u:p@a:8/x/v1/messages?k=1#f",
            "https://u:p@a:8/x/v1/messages?k=1",
            "https://a:8/x/v1/messages",
        ),
    ],
)
def test_a_url_is_taken_as_sdks_and_documents_give_it(url: str, expected: str, shown: str) -> None:
    assert (messages_url(url), shown_url(url)) == (expected, shown)


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/messages", "/x", "/x/v1"])
def test_a_url_that_is_no_base_url_of_the_sdk_gets_a_note(path: str, imitator: Imitator) -> None:
    """With base_url .../v1 the official SDK would ask for /v1/v1/messages."""
    url = imitator()
    root = path.removesuffix("/messages").rstrip("/").removesuffix("/v1")
    out = run("check", "--url", url + path, "--model", MODEL, *only("text"))[0]
    note = f"note: the official SDK adds /v1/messages to its base_url, so give it {url}{root}\n"
    notes = check(url + path, *only("text"))["notes"]
    assert [f"note: {note}" for note in notes] == re.findall("note: .*", out)
    assert (note in out) is ("/v1" in path)


# --- Any bytes at all -----------------------------------------------------------------------------


class Repeater:
    """Answers every request with the same bytes, and closes the connection."""

    def __init__(self) -> None:
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    request = b""
                    while not request.endswith((b"}", b"[1]")):
                        request += connection.recv(65536)
                    connection.sendall(self.answer)
                except OSError:
                    pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture(scope="module")
def repeater() -> Iterator[Repeater]:
    repeater = Repeater()
    yield repeater
    repeater.close()


STATUSES = [100, 101, 103, 200, 200, 200, 200, 204, 302, 400, 404, 500, 999]
TYPES = ["text/event-stream", "application/json", "text/html; charset=\xff", "", "\x00"]
NAMES = ["content-type", "content-length", "transfer-encoding", "content-encoding", "location"]
VALUES = [*TYPES, "chunked", "gzip", "br", "99", "-1", "http://[", "//x:99999", "a=b"]
headers = st.lists(
    st.tuples(st.sampled_from([*NAMES, "set-cookie", "a b"]), st.sampled_from(VALUES)),
    max_size=3,
)
whole_bodies = st.builds(
    lambda value: json.dumps(value).encode(),
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["type", "error", "message", "content", "usage", "role", "id"])
                | st.text(),
                inner | st.sampled_from(["message", "error", "assistant"]),
            )
        ),
        max_leaves=9,
    ),
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Bytes that are more or less an answer."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary())
    status = draw(
        st.sampled_from([100, 101, 103, 200, 200, 200, 200, 204, 302, 400, 404, 500, 999])
    )
    kind = draw(st.sampled_from(TYPES))
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}"]
    lines += [f"{name}: {value}" for name, value in draw(headers)]
    body = draw(st.binary() | whole_bodies | cv.corrupted_bodies() | cv.sse_bodies())
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(answer=answers(), name=st.sampled_from([*REQUESTS]), is_json=st.booleans())
def test_whatever_a_server_answers_check_ends_with_a_report(
    repeater: Repeater, tmp_path: Path, answer: bytes, name: str, is_json: bool
) -> None:
    """For every answer there is a report, without a traceback."""
    repeater.answer = answer
    xml = tmp_path / "report.xml"
    arguments = ["--url", repeater.url, "--model", "m\udcff", *only(name), "--junit", str(xml)]
    out, complaints, status = run(
        "check", *["--json"] * is_json, "--no-color", *arguments, is_terminal=True
    )
    assert complaints == ""
    assert status in (0, 1)
    assert not set(HARMFUL + HALVES) & set(out)
    if is_json:
        assert json.loads(out)["checked"][0]["name"] == name
    assert len(ET.parse(xml).findall(".//testcase")) == len(REQUESTS)


@pytest.mark.parametrize("columns", [120, 60])
def test_the_report_of_a_server_fits_a_terminal(
    columns: int, start: Start, imitator: Imitator
) -> None:
    options = ["--url", imitator("index_gap", "no_tools"), "--model", MODEL, "--no-color"]
    shown = run_on_terminal(start, "-m", "chunkview", "check", *options, columns=columns)
    lines = shown.replace("\r", "").splitlines()
    assert "text               1 error" in lines
    blocks = lines[lines.index("") : max(at for at, line in enumerate(lines) if not line)]
    assert [line for line in blocks if len(line) > columns and not line.startswith("  page")] == []
