"""Write the pages about the rules, and about the requests that check sends to a server.

`make pages` runs it, and so does `make severities`. Everything comes from the tables of rules, from
what severities.py measured, from the examples, and from the table of requests.
"""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from chunkview._cli.check.requests import REQUESTS, Request
from chunkview._cli.check.rules import SERVER_RULES, AnyRule, ServerRule
from chunkview._rules import MEASURED, VERSIONS
from chunkview.conformance import RULES
from chunkview.testing._examples import EXAMPLES, IMPLIED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "why-a-stream-breaks.md"
REQUESTS_PAGE = DOCS / "requests-of-check.md"

HEAD = """\
# Why a stream breaks

<!-- Written by `make pages`. Change the tables of rules or the examples, not this page. -->

Many servers imitate Anthropic's Messages API, and many proxies rewrite its streams. This page lists
what can be wrong with such a stream: {count} rules that a stream should keep. For each rule it says
what the API promises, what happens to a client when the rule is broken, and how a server mends it.
{server_count} more rules are about the answers of a server that `chunkview check --url` asks. They
are not in `chunkview.conformance.RULES`, and have no example.

Nobody has to read all of it. A report of check leads to the section of each rule (`page`). If you
write a server, read the errors of "The order of events" first, then those of "The fields of an
event".

Each rule of a stream has the smallest stream that breaks it, shown as its difference from a valid
stream: lines with `-` are missing, lines with `+` are there instead.
`chunkview.testing.broken_body(rule)` gives the whole body, for your own tests.

What happens to a client is measured: the smallest stream went through the official SDK (anthropic
{oldest} and {newest}; where a sentence names no version, both do the same) and through
`chunkview.accumulate`. The SDK was used in two ways:

- `messages.create(stream=True)`: `for event in client.messages.create(..., stream=True)`;
- `messages.stream()`: `client.messages.stream(...)`, with its `text_stream` and its final message.

Content is text, thinking, its signature, and the names and inputs of tools. "Takes the stream"
means that the content is there, or that the same error comes as without the fault.

## Errors and warnings

A broken rule is an **error** in these cases:

- The official SDK raises an exception or waits in vain, or it loses or alters content, the stop
  reason or a final count.
- chunkview raises.
- A server does not do what the request asked for. Only `chunkview check --url` can tell.

Any other broken rule is a **warning**.
"""

GROUPS = {
    "wire": "Bytes and lines",
    "order": "The order of events",
    "essential": "What an event cannot do without",
    "fields": "The fields of an event",
    "data": "What the message amounts to",
    "server": "The answers of a server",
    "setup": "The first request to a server",
}
"""The headings, by group."""

CONTEXT = 48
"""How many characters of an unchanged part of a long line are shown."""


def page() -> str:
    """The text of the page."""
    text = HEAD.format(
        count=len(RULES), server_count=len(SERVER_RULES), oldest=VERSIONS[0], newest=VERSIONS[1]
    )
    every: list[AnyRule] = [*RULES.values(), *SERVER_RULES.values()]
    groups = {group: [rule for rule in every if rule.group == group] for group in GROUPS}
    text += "\n## All rules\n"
    for group, rules in groups.items():
        text += (
            f"\n**{GROUPS[group]}**\n\n| rule | severity | what is wrong |\n| --- | --- | --- |\n"
        )
        for rule in rules:
            text += f"| [{rule.name}](#{rule.name}) | {rule.severity} | {prose(rule.problem)} |\n"
    for group, rules in groups.items():
        text += f"\n## {GROUPS[group]}\n"
        for rule in rules:
            text += section(rule)
    return text


def section(rule: AnyRule) -> str:
    """What the page says about one rule."""
    source = f" ([source]({rule.source}))" if rule.source else ""
    difference = "" if isinstance(rule, ServerRule) else "\n".join(difference_of(rule.name))
    parts = [
        f"### {rule.name}",
        f"**{rule.severity}**: {prose(rule.problem)}.",
        f"What the API does: {prose(rule.promise)}{source}" if rule.promise else "",
        f"```diff\n{difference}\n```" if difference else "",
        result(rule),
        f"How to mend it: {prose(rule.mend)}" if rule.mend else "",
    ]
    if rule.name in IMPLIED:
        other, reason = IMPLIED[rule.name]
        parts.append(f"Such a stream also breaks [{other}](#{other}): {prose(reason)}.")
    return "".join(f"\n{part}\n" for part in parts if part)


def result(rule: AnyRule) -> str:
    """What the SDK and chunkview do."""
    if isinstance(rule, ServerRule):
        return prose(rule.sdk)
    measured = MEASURED[rule.name]
    if set(measured) == {"takes"}:
        return "The official SDK and chunkview take the stream."
    return f"{prose(rule.sdk)} {rule.chunkview}"


CODE = re.compile(
    r"`[^`]+`|\w+(?:_\w+)+|event:|\[DONE\]|messages\.(?:stream\(\)|create\(stream=True\))"
)
"""What is set as code: what is already, the names of events and fields, and a few more."""


def prose(text: str) -> str:
    """Text with its code in backticks."""
    return CODE.sub(lambda match: "`" + match[0].strip("`") + "`", text)


# -- the difference of two streams ------------------------------------------------------------


def difference_of(rule: str) -> Iterator[str]:
    """The lines in which the example of a rule differs from the valid stream.

    Where events were added, left out or moved, the events before and after are shown, too.
    """
    valid, broken = EXAMPLES[rule]
    if len(broken) == 1:  # no stream at all
        yield "+" + shortened(broken[0])
        return
    steps = SequenceMatcher(None, valid, broken, autojunk=False).get_opcodes()
    is_in_place = len(valid) == len(broken) and all(
        tag in ("equal", "replace") for tag, *_ in steps
    )
    for tag, start, end, new_start, new_end in steps:
        old, new = valid[start:end], broken[new_start:new_end]
        if is_in_place:
            if tag == "replace":
                for frames in zip(old, new, strict=True):
                    yield from changes(*frames)
        elif tag == "equal":
            yield from context(old, is_first=start == 0, is_last=end == len(valid))
        else:
            yield from ("-" + shortened(line) for frame in old for line in frame.split("\n")[:-2])
            yield from ("+" + shortened(line) for frame in new for line in frame.split("\n")[:-2])


def context(frames: list[str], *, is_first: bool, is_last: bool) -> Iterator[str]:
    """The event before a change, and the event after it, without their `event:` lines."""
    lines = [" " + shortened(frame.split("\n")[1]) for frame in frames]
    if is_first:
        yield lines[-1]
    elif is_last:
        yield lines[0]
    elif len(lines) <= 2:
        yield from lines
    else:
        yield from (lines[0], " …", lines[-1])


def changes(old: str, new: str) -> Iterator[str]:
    """The lines in which two frames differ, and the `event:` line."""
    olds, news = old.split("\n")[:-1], new.split("\n")[:-1]
    for tag, start, end, new_start, new_end in SequenceMatcher(None, olds, news).get_opcodes():
        before, after = olds[start:end], news[new_start:new_end]
        if tag == "equal":
            yield from (" " + shortened(line) for line in before if line)
        elif len(before) == len(after) == 1:
            yield from pair(before[0], after[0])
        else:
            yield from ("-" + (shortened(line) or "(the blank line)") for line in before)
            yield from ("+" + shortened(line) for line in after)


def pair(old: str, new: str) -> Iterator[str]:
    """Two lines, each with what differs and a little of what does not."""
    head = shared(old, new)
    tail = shared(old[head:][::-1], new[head:][::-1])
    for sign, line in (("-", old), ("+", new)):
        end = len(line) - tail
        before, middle, after = line[:head], line[head:end], line[end:]
        if len(before) > 2 * CONTEXT:
            before = "data: …" + before[-CONTEXT:]
        if len(after) > 2 * CONTEXT:
            after = after[:CONTEXT] + "…"
        yield sign + visible(before + shortened(middle) + after)


def shared(one: str, other: str) -> int:
    """How many characters two texts share at their beginnings."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def shortened(line: str) -> str:
    """A line, without the middle of a very long one."""
    is_long = len(line) > 4 * CONTEXT
    return visible(f"{line[: 2 * CONTEXT]}…{line[-CONTEXT:]}" if is_long else line)


def visible(line: str) -> str:
    """A line with names for what cannot be seen."""
    return line.replace("\ufeff", "<BOM>").replace("\t", "<TAB>")


# -- the requests -----------------------------------------------------------------------------

REQUESTS_HEAD = """\
# What check asks a server

<!-- Written by `make pages`. Change the table of requests, not this page. -->

`chunkview check --url` sends {count} requests to `/v1/messages`, one after the other. The answer to
{streams} of them should be a stream, that to `whole` one message, and that to {errors} an error.
`--without` leaves out the requests that you name.

What a stream or a message has in it is checked by the [rules of a stream](why-a-stream-breaks.md).
These rules are about every answer: {rules}. Some answers are checked by more rules:
"""


def requests_page() -> str:
    """The text of the page about the requests."""
    requests = REQUESTS.values()
    of_some = {name for request in requests for name in request.checks}
    of_all = [
        rule.name
        for rule in SERVER_RULES.values()
        if rule.group == "server" and rule.name not in of_some
    ]
    text = REQUESTS_HEAD.format(
        count=len(REQUESTS),
        streams=sum(request.is_streamed for request in requests),
        errors=sum(request.is_invalid for request in requests),
        rules=links_to(of_all),
    )
    text += "\n| request | it asks for | status | rules about its answer |\n"
    text += "| --- | --- | --- | --- |\n"
    for request in requests:
        row = (f"[{request.name}](#{request.name})", prose(request.asks), status_of(request))
        text += f"| {' | '.join((*row, links_to(request.checks)))} |\n"
    for request in requests:
        url = "/v1/messages" + (f"?{request.query}" if request.query else "")
        head = f"`POST {url}`, for {prose(request.asks)}:"
        language = "text" if request.raw else "json"
        text += f"\n## {request.name}\n\n{head}\n\n```{language}\n{body_of(request)}\n```\n"
    return text


def links_to(rules: Iterable[str]) -> str:
    """Links to the rules on the other page."""
    return ", ".join(f"[{name}]({PAGE.name}#{name})" for name in rules)


def status_of(request: Request) -> str:
    """The status that is due."""
    return f"{request.status}" if request.is_exact else f"{request.status}, or another 4xx"


def body_of(request: Request) -> str:
    """The body of a request, as a person reads it."""
    sent = request.body("MODEL").decode()
    return sent if request.raw else json.dumps(json.loads(sent), indent=1)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    REQUESTS_PAGE.write_text(requests_page(), encoding="utf-8")
