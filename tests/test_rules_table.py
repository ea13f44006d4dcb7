"""The texts of the rules: they are all there, plain, and true of what can be checked."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest

from chunkview import decode
from chunkview._model.bounds import MAX_DEPTH
from chunkview._rules.measured import MEASURED
from chunkview.conformance import RULES, Rule

HOSTS = {
    "docs.anthropic.com",  # the one host of the API's documentation, as in the docstrings
    "github.com",  # the official SDK's source, for what is not documented
    "html.spec.whatwg.org",  # event streams
    "www.rfc-editor.org",  # JSON
}

EVENTS = {
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "ping",
    "error",
}

every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)


def sentences(text: str) -> int:
    """How many sentences a text has, not counting full stops in code."""
    return len(re.findall(r"[.?!](?= |$)", re.sub(r"`[^`]*`", "code", text)))


def data_lines(rule: Rule) -> list[str]:
    """The whole `data:` lines that a text shows."""
    return [
        line
        for text in (rule.promise, rule.mend)
        for line in re.findall(r"`data: (\{[^`]*\})`", text)
    ]


def test_each_rule_has_its_own_name_and_is_measured() -> None:
    assert [rule.name for rule in RULES.values()] == list(RULES)
    assert set(RULES) == set(MEASURED)


def test_the_groups_are_the_five_of_the_docstring_and_each_is_in_one_piece() -> None:
    groups = [rule.group for rule in RULES.values()]
    assert list(dict.fromkeys(groups)) == ["wire", "order", "essential", "fields", "data"]
    assert groups == sorted(groups, key=list(dict.fromkeys(groups)).index)


@every_rule
def test_a_rule_has_all_its_texts_in_tidy_form(rule: Rule) -> None:
    for text in rule:
        assert text
        assert text == " ".join(text.split())
    for text in (rule.problem, rule.promise, rule.mend):
        assert text.count("`") % 2 == 0


@every_rule
def test_a_problem_is_a_short_clause_that_fits_into_a_sentence(rule: Rule) -> None:
    assert len(rule.problem) <= 85
    assert sentences(rule.problem) == 0
    # The message goes on with ": " and what was seen.
    assert not rule.problem.endswith((".", ":", ","))
    # Reports show it without marks for code.
    assert "`" not in rule.problem
    assert rule.problem[0].islower() or rule.problem.startswith("[DONE]")


@every_rule
@pytest.mark.parametrize("name", ["promise", "mend"])
def test_a_promise_and_a_mend_are_one_or_two_sentences(rule: Rule, name: str) -> None:
    text = getattr(rule, name)
    assert text.endswith(".")
    assert sentences(text) in (1, 2)
    assert text[0].isupper() or text[0] == "`"
    assert len(text) <= 200


@every_rule
def test_a_page_is_of_a_known_host(rule: Rule) -> None:
    url = urlsplit(rule.source)
    assert url.scheme == "https"
    assert url.netloc in HOSTS
    assert len(url.path) > 1
    assert url.fragment or not rule.source.endswith("#")


@every_rule
def test_what_only_the_source_of_the_sdk_shows_is_said_to_be_undocumented(rule: Rule) -> None:
    if urlsplit(rule.source).netloc == "github.com":
        assert "not documented" in rule.promise


@pytest.mark.parametrize("name", ["problem", "promise", "mend"])
def test_no_text_serves_two_rules(name: str) -> None:
    texts = [getattr(rule, name) for rule in RULES.values()]
    assert len(set(texts)) == len(texts)


@every_rule
def test_every_whole_data_line_is_an_event_of_the_api(rule: Rule) -> None:
    for line in data_lines(rule):
        event = json.loads(line)
        assert event["type"] in EVENTS
        assert decode(event).to_event() == event


@every_rule
def test_every_event_line_names_an_event_of_the_api_unless_it_is_to_be_removed(rule: Rule) -> None:
    names = re.findall(r"`event: (\w+)`", rule.mend)
    assert set(names) <= EVENTS or rule.mend.startswith("Remove")


def test_some_rules_show_data_lines() -> None:
    assert sum(bool(data_lines(rule)) for rule in RULES.values()) >= 5


def test_too_deep_names_the_limit_of_this_package() -> None:
    rule = RULES["too_deep"]
    assert f" {MAX_DEPTH} levels" in rule.problem
    assert f" {MAX_DEPTH} levels" in rule.mend


def test_a_rule_without_a_text_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="mend"):
        Rule("name", "wire", "a problem", "A promise.", "https://example.com/page")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_what_clients_do_is_only_said_of_a_rule_that_was_measured() -> None:
    rule = RULES["too_deep"]._replace(name="mine")
    assert (rule.sdk, rule.chunkview) == ("", "")
    assert RULES["too_deep"].chunkview == "chunkview raises DecodeError."
