"""How bad it is to break each rule: what is written down is what is measured now."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import anthropic
import pytest

from chunkview._cli.check.requests import REQUESTS, Request
from chunkview._cli.check.rules import SERVER_RULES, AnyRule
from chunkview._rules import MEASURED, VERSIONS, Measured
from chunkview.conformance import RULES

ROOT = Path(__file__).parent.parent
# The rules about the form of the answer to `whole`, beside the stream: nothing in the request does.
OF_WHOLE = ("message_invalid", "_misshapen", "_incomplete", "_differs")


def tool_of_the_project(name: str) -> Any:
    """Import a script of .ci."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


severities = tool_of_the_project("severities")
rules_page = tool_of_the_project("rules_page")


def test_every_rule_is_measured_and_nothing_else() -> None:
    assert list(MEASURED) == list(RULES)
    assert set(severities.HOLDS) <= set(RULES)


def test_every_outcome_begins_with_one_of_four_words() -> None:
    words = {outcome.partition(" ")[0].strip(",") for row in MEASURED.values() for outcome in row}
    assert words == {"takes", "loses", "alters", "raises"}


def test_the_oldest_and_the_newest_supported_sdk_are_measured() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (supported,) = re.findall(r"^SDKS := (.*)$", makefile, re.MULTILINE)
    assert (supported.split()[0], supported.split()[-1]) == VERSIONS


@pytest.mark.skipif(
    anthropic.__version__ not in VERSIONS, reason="this version of the SDK is not measured"
)
def test_the_installed_sdk_does_what_is_written_down() -> None:
    is_oldest = anthropic.__version__ == VERSIONS[0]
    written = {name: row[:2] if is_oldest else row[2:4] for name, row in MEASURED.items()}
    assert severities.measured_sdk() == written


def test_chunkview_does_what_is_written_down() -> None:
    written = {name: row.chunkview for name, row in MEASURED.items()}
    assert severities.measured_chunkview() == written


@pytest.mark.parametrize("rule", RULES)
def test_breaking_a_rule_is_an_error_unless_everybody_takes_the_stream(rule: str) -> None:
    is_taken = set(MEASURED[rule]) == {"takes"}
    assert RULES[rule].severity == ("warning" if is_taken else "error")


def test_a_rule_that_is_not_measured_yet_counts_as_an_error() -> None:
    unknown = RULES["done_marker"]._replace(name="new")
    assert (unknown.severity, unknown.sdk) == ("error", "")


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        (("takes",) * 4, "The official SDK takes the stream."),
        (("loses content",) * 4, "The official SDK loses content."),
        (
            ("takes", "raises IndexError", "takes", "raises IndexError"),
            "messages.stream() raises IndexError; messages.create(stream=True) takes it.",
        ),
        (
            ("takes", "takes", "takes", "takes, but loses stop_reason"),
            (
                "messages.stream() takes it, but loses the stop_reason; "
                "messages.create(stream=True) takes it. "
                f"In version {VERSIONS[0]}, the SDK takes the stream."
            ),
        ),
    ],
)
def test_a_rule_says_in_a_sentence_what_the_sdk_does(
    outcomes: tuple[str, str, str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MEASURED, "done_marker", Measured(*outcomes, "takes"))
    assert RULES["done_marker"].sdk == sentence


def test_the_page_about_the_rules_is_what_the_table_and_the_measurement_give() -> None:
    assert rules_page.PAGE.read_text(encoding="utf-8") == rules_page.page(), "run make pages"


def test_the_page_about_the_requests_is_what_their_table_gives() -> None:
    written = rules_page.REQUESTS_PAGE.read_text(encoding="utf-8")
    assert written == rules_page.requests_page(), "run make pages"


def test_the_page_of_each_rule_is_a_heading_in_the_documentation() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (site,) = re.findall(r'^Documentation = "(.*)"$', project, re.MULTILINE)
    rules: list[AnyRule] = [*RULES.values(), *SERVER_RULES.values()]
    for rule in rules:
        page, _, anchor = rule.page.partition(".html#")
        written = (ROOT / f"docs/{page.removeprefix(site)}.md").read_text(encoding="utf-8")
        # The ids of the site are the headings as they are written: they have no blank in them.
        assert anchor == rule.name
        assert re.findall(r"^#+ (\S+)$", written, re.MULTILINE).count(anchor) == 1


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=lambda one: one.name)
def test_a_request_names_the_rules_that_its_answer_is_checked_by(request_: Request) -> None:
    """The page shows them, so they are those that the code of the request has in it."""
    assert set(request_.checks) <= SERVER_RULES.keys()
    if request_.unmet is not None:
        constants = request_.unmet.__code__.co_consts
        pairs = (one for pair in constants if isinstance(pair, tuple) for one in pair)
        found = SERVER_RULES.keys() & {*constants, *pairs}
        assert found == {name for name in request_.checks if not name.endswith(OF_WHOLE)}
