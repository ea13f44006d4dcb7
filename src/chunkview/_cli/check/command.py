"""The command: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..arguments import (
    FOREVER,
    add_no_color,
    completed_as_path,
    described,
    numeral,
    parts_of_url,
)
from ..console import columns_of, complain, has_color, reason_of
from ..help_texts import HELP_COLUMNS
from ..wrapping import wrapped
from .files import check_files
from .report import Report, as_blocks, as_json, last_line, line_of
from .requests import LONGEST_WAIT, REQUESTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .breaches import Breach, Checked

__all__ = ["add_check"]

_INTERRUPTED = 130
_USAGE = 2

_DESCRIPTION = """\
Check which rules of the Messages API streams break. A stream comes from a
file. Or it comes from a server that imitates the API: then check sends it a
few short requests, and looks at its answers as well.

For each broken rule there is a block: what was seen, where it was seen first,
what the API does, what its SDK makes of it, and what to send instead. Events
are counted from 0, pings included. The words of a model are not compared. A
rule is an error or a warning; the page of each rule begins with which it is:
https://chunkview.github.io/chunkview/why-a-stream-breaks.html

A FILE is an SSE body, or recordings in any format that chunkview show reads:
JSON lines of events, the output of Claude Code
(claude -p --output-format stream-json --verbose --include-partial-messages),
a message, a cassette, a HAR file, frames of AWS, each also compressed; or a
folder, a pattern or a URL. Each stream in it is checked by itself; but a body
that holds several messages is one stream. A message whose request did not ask
for a stream is skipped, if the recording has the request. So are, in a folder,
answers to other requests, such as count_tokens.
"""
_EPILOG = """\
examples:
  chunkview check answer.sse
  chunkview check --json *.sse | jq .rules
  chunkview check --url http://127.0.0.1:8000 --model my-model
  chunkview check --url http://127.0.0.1:8000 --model my-model \\
      --without thinking,two_tool_calls --header 'authorization: Bearer TOKEN'
  curl -N https://api.anthropic.com/v1/messages ... | chunkview check -

requests, in the order of sending:
{requests}
  If the first one is refused, no other is sent: then the key, the model or the
  URL is probably wrong. If there were too many requests (429, 529,
  overloaded_error), the request is sent once more, after the seconds that
  Retry-After says, {longest_wait} at most. A gateway may answer 429 for a while after a
  request that failed (a cooldown). Then one bad request changes the next
  answers: switch cooldowns off while you check.

exit status:
  0    all was checked, and no rule is broken, or only rules of severity warning
  1    a rule of severity error is broken (with --strict, any rule), or a file
       cannot be read, or a request was not checked because of a rate limit, or
       there was nothing to check
  2    the arguments are invalid, or httpx is not installed
  130  ended by Ctrl-C, after the report of what has been checked

keys of the object that --json prints, always all of them:
  chunkview              the version of this program
  server, model          the URL and the model that were checked, or null
  errors, warnings       how many rules of each severity are broken
  streams                how many streams were checked
  not_checked            requests that were not checked because of a rate limit
  interrupted            whether Ctrl-C ended the check
  left_out, not_sent     requests that --without names; that came after the
                         end of the check
  notes                  what else a reader should know: strings
  rules                  an object for each broken rule, the errors first:
                         rule, group, severity, count, in (files or requests),
                         first (in, position, message, event), problem,
                         promise, sdk, mend, page (what our documentation says
                         about the rule), source (what the API's says); promise,
                         sdk and source are null for a mistake in the arguments
  checked                an object for each file or request: name, problem (why
                         a file could not be read, or null), skipped (why a file
                         was not checked, or null), answer (of a server:
                         status, content_type, bytes,
                         seconds_to_first_byte, longest_gap_seconds,
                         waited_seconds; or null), findings (rule, severity,
                         count, position, message, event)
  position               the number of the event, from 0; what shows only at
                         the end has the number of events; null where it is
                         not about an event
"""

# `threading` overflows on a longer wait than this, and an answer may take ten timeouts.
_LONGEST_TIMEOUT = FOREVER / 10
_SECONDS = f"seconds, more than 0 and at most {_LONGEST_TIMEOUT:,.0f}"
# Shorter keys are words such as "none".
_SHORTEST_SECRET = 8
_SECRET_HEADER = re.compile("auth|cookie|key|secret|token")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~][ -~]*)?")


def add_check(commands: Any) -> None:
    """Add the command `check`.

    Args:
        commands: What `add_subparsers` of the parser gave.
    """
    requests = "".join(
        wrapped(f"  {one.name:<20}{one.asks}", HELP_COLUMNS, indent=" " * 22)
        for one in REQUESTS.values()
    )
    check = described(
        commands.add_parser("check", help="check streams, or a server, against the API's rules"),
        description=_DESCRIPTION,
        epilog=_EPILOG.format(requests=requests, longest_wait=f"{LONGEST_WAIT:g}"),
    )
    check.set_defaults(run=lambda arguments: _run(check, arguments))
    completed_as_path(
        check.add_argument("files", nargs="*", metavar="FILE", help="a stream; - is standard input")
    )
    check.add_argument("--json", action="store_true", help="print the report as a JSON object")
    completed_as_path(
        check.add_argument("--junit", metavar="FILE", help="also write the report as JUnit XML")
    )
    check.add_argument("--strict", action="store_true", help="exit with 1 for warnings, too")
    add_no_color(check)
    server = check.add_argument_group("a server instead of files")
    server.add_argument("--url", type=_url, help="its URL, as an SDK takes it")
    server.add_argument("--model", metavar="NAME", help="the model to ask")
    server.add_argument(
        "--key",
        type=_key,
        default=os.environ.get("ANTHROPIC_API_KEY", ""),
        help="the API key, sent as x-api-key (default: ANTHROPIC_API_KEY in the environment)",
    )
    server.add_argument(
        "--header",
        type=_header,
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="a further header; may be repeated",
    )
    server.add_argument(
        "--without",
        type=_names,
        action="append",
        default=[],
        metavar="NAMES",
        help="requests to leave out, with commas between them; may be repeated",
    )
    server.add_argument(
        "--timeout",
        type=numeral(float, lambda seconds: 0 < seconds <= _LONGEST_TIMEOUT, _SECONDS),
        default=60.0,
        metavar="SECONDS",
        help="how long the server may be silent (default: 60); an answer may take 10 times as long",
    )
    server.add_argument(
        "--slow",
        type=numeral(float, lambda seconds: 0 < seconds <= _LONGEST_TIMEOUT, _SECONDS),
        default=10.0,
        metavar="SECONDS",
        help="a longer silence is a warning (default: 10)",
    )


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if bool(arguments.files) == bool(arguments.url):
        parser.error("give files, or --url and --model")
    if arguments.url and not arguments.model:
        parser.error("--url needs --model")
    report = Report()
    try:
        checks = _server(arguments, report) if arguments.url else _checks_of(arguments.files)
    except ImportError as error:
        complain(str(error))
        return _USAGE
    try:
        for checked in checks:
            report.checked.append(checked)
            if checked.problem:
                complain(checked.problem, file=checked.name)
            elif arguments.url and not arguments.json:
                line = wrapped(line_of(checked), columns_of(sys.stdout), indent="  ")
                print(line, end="", flush=True)
    except KeyboardInterrupt:
        report.is_interrupted = True
    _show(report, arguments)
    status = int(report.fails(is_strict=arguments.strict))
    if arguments.junit is not None and not _write_junit(report, arguments):
        status = 1
    return _INTERRUPTED if report.is_interrupted else status


def _checks_of(files: list[str]) -> Iterator[Checked]:
    for file in files:
        yield from check_files(file)


def _server(arguments: argparse.Namespace, report: Report) -> Iterator[Checked]:
    """Prepare to send the requests to the server.

    Raises:
        ImportError: httpx is not installed.
    """
    from .answers import Examiner
    from .server import Server, shown_url

    left_out = {name for names in arguments.without for name in names}
    secrets = _secrets_of(arguments.key, arguments.header)
    report.server, report.model = shown_url(arguments.url), arguments.model
    report.left_out = [name for name in REQUESTS if name in left_out]
    report.not_sent = [name for name in REQUESTS if name not in left_out]

    def checks() -> Iterator[Checked]:
        with Server(
            arguments.url,
            key=arguments.key,
            headers=dict(arguments.header),
            timeout=arguments.timeout,
        ) as server:
            examiner = Examiner(server, model=arguments.model, slow=arguments.slow)
            while report.not_sent:
                checked = examiner.examine(REQUESTS[report.not_sent[0]])
                is_first = not report.checked
                del report.not_sent[0]
                yield _without_secrets(checked, secrets)
                rules = {breach.rule.name: breach.rule for breach in checked.breaches}
                # Each further request would only wait as long.
                hangs = is_first and checked.answer["status"] is None and "answer_hangs" in rules
                if hangs or any(rule.group == "setup" for rule in rules.values()):
                    return

    return checks()


def _secrets_of(key: str, headers: Sequence[tuple[str, str]]) -> list[str]:
    """Give the key, and the values of headers that look like one: `authorization: Bearer TOKEN`."""
    values = [value for name, value in headers if _SECRET_HEADER.search(name)]
    return [
        secret
        for secret in (key, *(value.split()[-1] for value in values if value))
        if len(secret) >= _SHORTEST_SECRET
    ]


def _without_secrets(checked: Checked, secrets: Sequence[str]) -> Checked:
    """Blot out the secrets: reports are published, and a server may repeat what it was sent."""
    if not secrets:
        return checked
    # An excerpt may end within a secret.
    beginnings = "|".join(re.escape(secret[:_SHORTEST_SECRET]) for secret in secrets)
    secret = re.compile(rf"""(?:{beginnings})[^\s"'\\]*""")

    def blotted(breach: Breach) -> Breach:
        return attrs.evolve(
            breach,
            message=secret.sub("***", breach.message),
            event=secret.sub("***", breach.event),
        )

    return attrs.evolve(checked, breaches=tuple(map(blotted, checked.breaches)))


def _show(report: Report, arguments: argparse.Namespace) -> None:
    if arguments.json:
        ascii_only = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
        print(as_json(report, ascii_only=ascii_only, is_terminal=sys.stdout.isatty()))
        return
    if arguments.url:
        print()
    columns = columns_of(sys.stdout)
    color = has_color(sys.stdout, is_refused=arguments.no_color)
    sys.stdout.writelines(as_blocks(report, columns=columns, color=color))
    for note in report.notes:
        print(wrapped(f"note: {note}", columns, indent="      "), end="")
    print(wrapped(last_line(report), columns), end="")


def _write_junit(report: Report, arguments: argparse.Namespace) -> bool:
    from .junit import as_junit

    try:
        Path(arguments.junit).write_bytes(as_junit(report, is_strict=arguments.strict))
    except OSError as error:
        complain(reason_of(error), file=arguments.junit)
        return False
    return True


def _url(text: str) -> str:
    if parts_of_url(text):
        return text
    raise argparse.ArgumentTypeError(
        f"expected http://HOST or https://HOST, and a port of at most 65535 if any, got {text!r}"
    )


def _key(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    raise argparse.ArgumentTypeError("expected printable ASCII characters")


def _header(text: str) -> tuple[str, str]:
    match = _HEADER.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected NAME:VALUE, got {text!r}")
    return match[1].lower(), match[2] or ""


def _names(text: str) -> Sequence[str]:
    names = text.split(",")
    for name in names:
        if name not in REQUESTS:
            raise argparse.ArgumentTypeError(
                f"there is no request {name!r}; the names are {', '.join(REQUESTS)}"
            )
    return names
