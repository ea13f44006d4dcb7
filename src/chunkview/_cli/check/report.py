"""The report for a person, and the one for programs, as strings. Nothing here reads or writes.

For a person there is a block of lines for each broken rule: what was seen and where, what the API
and its SDK do, and what to send instead.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from ... import __version__
from ..._rules import RULES, VERSIONS
from ..display import (
    BOLD,
    DIM,
    json_escaped,
    printable,
    printable_name,
    shortened,
    styled,
)
from ..wrapping import wrapped
from .breaches import by_rule, plural
from .requests import REQUESTS
from .rules import ServerRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .breaches import Breach, BrokenRule, Checked
    from .rules import AnyRule

__all__ = ["Report", "as_blocks", "as_json", "block_of", "last_line", "line_of"]

# How much of what was seen is shown.
_LONGEST = 500
# How many files or requests are named: all requests are.
_MOST_NAMES = len(REQUESTS)
_NOT_TRIED = (
    "whether the words and the counts are true, nor images, documents, system prompts, caching, "
    "server tools, long answers, many requests at once, or other paths such as "
    "/v1/messages/count_tokens"
)
# Where the texts of a block begin.
_INDENT = 11
# The colors of GCC: yellow can hardly be read on white.
_STYLES = {"error": "1;31", "warning": "1;35"}


@attrs.define
class Report:
    """What has been checked so far.

    Attributes:
        server: The URL of the server; "" for files.
        model: The model that was asked; "" for files.
        checked: The files or the requests, in order.
        left_out: The requests that `--without` names.
        not_sent: Requests that were not sent, because the server cannot be reached or refuses the
            first one, or because the check was interrupted.
        is_interrupted: Whether Ctrl-C ended the check.
    """

    server: str = ""
    model: str = ""
    checked: list[Checked] = attrs.field(factory=list)
    left_out: list[str] = attrs.field(factory=list)
    not_sent: list[str] = attrs.field(factory=list)
    is_interrupted: bool = False

    @property
    def notes(self) -> list[str]:
        """What a reader should know besides the broken rules."""
        notes: list[str] = []
        rules = [row.rule for row in by_rule(self.checked)]
        root = base_url_of(self.server)
        if root != self.server:
            notes.append(f"the official SDK adds /v1/messages to its base_url, so give it {root}")
        if self.server and not rules:
            notes.append(f"check does not try {_NOT_TRIED}")
        skipped: dict[str, list[str]] = {}
        for one in self.checked:
            if one.skipped:
                skipped.setdefault(one.skipped, []).append(one.name)
        notes += [f"not checked: {_names(names)}: {why}" for why, names in skipped.items()]
        if any(rule.name in RULES for rule in rules):
            notes.append(f"the SDK is anthropic for Python, {' and '.join(VERSIONS)}")
        return notes

    def count(self, severity: str) -> int:
        """Count the broken rules of one severity."""
        return sum(row.rule.severity == severity for row in by_rule(self.checked))

    @property
    def streams(self) -> int:
        """How many streams were checked."""
        return sum(one.is_stream for one in self.checked)

    @property
    def not_checked(self) -> list[str]:
        """The requests that were not checked, because there were too many."""
        return [one.name for one in self.checked if one.is_limited]

    def fails(self, *, is_strict: bool) -> bool:
        """Whether a rule of severity error is broken, or something could not be checked.

        If nothing was checked at all, nothing is proved either.

        Args:
            is_strict: Whether any warning counts, too.
        """
        return not any(one.is_checked for one in self.checked) or any(
            one.problem or one.failing(is_strict=is_strict) for one in self.checked
        )


def base_url_of(url: str) -> str:
    """Give the part of a URL that the official SDK takes as its `base_url`.

    Args:
        url: The URL of a server, with or without `/v1` or `/v1/messages`.
    """
    rest = url.rstrip("/").removesuffix("/messages").removesuffix("/v1")
    return url if rest == url.rstrip("/") else rest


def line_of(checked: Checked) -> str:
    """Sum one request up in a line.

    Args:
        checked: The request.
    """
    counts = [
        plural(count, severity)
        for severity in ("error", "warning")
        if (count := checked.count(severity))
    ]
    line = f"{printable_name(checked.name):<18} {', '.join(counts) or 'ok'}"
    return f"{line} (waited {checked.waited:g} s for a rate limit)" if checked.waited else line


def last_line(report: Report) -> str:
    """Sum the whole check up in a line."""
    answered = [one for one in report.checked if one.answer.get("status") is not None]
    further = sum(one.is_checked and not one.is_stream for one in answered)
    answers = plural(report.streams, "stream")
    if further:
        answers += f" and {plural(further, 'other answer')}"
    errors, warnings = report.count("error"), report.count("warning")
    if errors or warnings:
        counts = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}"
        line = f"{plural(errors + warnings, 'rule')} broken ({counts}) in {answers}"
    elif not any(one.is_checked for one in report.checked):
        line = f"No {'answer' if report.server else 'stream'} was checked"
    elif report.server:
        requests = plural(len(report.checked), "request")
        line = f"No rule is broken in the {requests} sent ({answers})"
    else:
        line = f"No rule is broken in {answers}"
    if report.not_checked:
        of_all = plural(len(report.checked), "request")
        was = "was" if len(report.not_checked) == 1 else "were"
        line += f"; {len(report.not_checked)} of {of_all} {was} not checked: rate limit"
    if report.left_out:
        line += f"; left out: {', '.join(report.left_out)}"
    if report.not_sent:
        line += f"; not sent: {_names(report.not_sent)}"
    if report.is_interrupted:
        line += "; interrupted"
    return line


def block_of(row: BrokenRule) -> list[tuple[str, str]]:
    """Describe a broken rule.

    Args:
        row: The rule, and who breaks it.

    Returns:
        Labels, and a text for each. A terminal can show the texts.
    """
    breach, rule = row.first, row.rule
    is_setup = rule.group == "setup"
    times = "once" if row.count == 1 else f"{row.count:,} times"
    lines = [
        ("seen", printable(shortened(breach.message, _LONGEST))),
        ("count", "" if is_setup else f"{times} in {_names(row.names)}"),
        ("first", "" if is_setup else _place(row)),
        ("sent", printable(breach.event)),
        ("the API", rule.promise),
        ("the SDK", _of_clients(rule)),
        ("mend", rule.mend),
        ("page", rule.page),
    ]
    return [(label, text) for label, text in lines if text]


def as_blocks(report: Report, *, columns: int | None, color: bool) -> Iterator[str]:
    """Write a block for each broken rule.

    Args:
        report: The report.
        columns: As for `Wrapper`.
        color: Whether severities have colors, names are bold and labels dim.

    Yields:
        Lines, each with its line feed.
    """
    for row in by_rule(report.checked):
        severity = styled(row.rule.severity, _STYLES[row.rule.severity], color=color)
        padding = " " * (_INDENT - len(row.rule.severity))
        yield f"{severity}{padding}{styled(row.rule.name, BOLD, color=color)}\n"
        for label, text in block_of(row):
            begin = f"  {label}"
            lines = wrapped(f"{begin:<{_INDENT}}{text}", columns, indent=" " * _INDENT)
            yield styled(begin, DIM, color=color) + lines[len(begin) :]
        yield "\n"


def as_json(report: Report, *, ascii_only: bool, is_terminal: bool) -> str:
    """Write the report for programs.

    Args:
        report: The report.
        ascii_only: Whether to write characters beyond ASCII as JSON escapes.
        is_terminal: Whether a terminal will show it.

    Returns:
        A JSON object on one line, always with the same keys in the same order.
    """
    value = {
        "chunkview": __version__,
        "server": report.server or None,
        "model": report.model or None,
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "streams": report.streams,
        "not_checked": report.not_checked,
        "interrupted": report.is_interrupted,
        "left_out": report.left_out,
        "not_sent": report.not_sent,
        "notes": report.notes,
        "rules": [_json_of_rule(row) for row in by_rule(report.checked)],
        "checked": [_json_of_checked(one) for one in report.checked],
    }
    text = json.dumps(value, ensure_ascii=ascii_only)
    return json_escaped(text, is_terminal=is_terminal)


def _json_of_rule(row: BrokenRule) -> dict[str, Any]:
    rule = row.rule
    return {
        "rule": rule.name,
        "group": rule.group,
        "severity": rule.severity,
        "count": row.count,
        "in": list(row.names),
        "first": {"in": row.names[0], **_json_of_breach(row.first)},
        "problem": rule.problem,
        "promise": rule.promise or None,
        "sdk": rule.sdk or None,
        "mend": rule.mend,
        "page": rule.page,
        "source": rule.source or None,
    }


def _json_of_checked(checked: Checked) -> dict[str, Any]:
    return {
        "name": checked.name,
        "problem": checked.problem or None,
        "skipped": checked.skipped or None,
        "answer": checked.answer or None,
        "findings": [
            {
                "rule": breach.rule.name,
                "severity": breach.rule.severity,
                "count": breach.count,
                **_json_of_breach(breach),
            }
            for breach in checked.breaches
        ],
    }


def _json_of_breach(breach: Breach) -> dict[str, Any]:
    return {
        "position": breach.position,
        "message": breach.message,
        "event": breach.event or None,
    }


def _of_clients(rule: AnyRule) -> str:
    """Say what the SDK does, and what chunkview does if that is why the rule is an error."""
    if isinstance(rule, ServerRule) or "raises" not in rule.chunkview:
        return rule.sdk
    return f"{rule.sdk} {rule.chunkview}"


def _place(row: BrokenRule) -> str:
    """Say where a rule is broken first."""
    asks = f" ({row.asks})" if row.asks else ""
    place = f", {row.first.place}" if row.first.place else ""
    return f"{printable_name(row.names[0])}{asks}{place}"


def _names(names: Sequence[str]) -> str:
    shown = [printable_name(name) for name in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        shown.append(f"{len(names) - _MOST_NAMES:,} more")
    return ", ".join(shown)
