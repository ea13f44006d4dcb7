"""Measure what a broken rule does to the official SDK and to chunkview; write what was measured.

`make severities` runs it. The example of each rule (`chunkview.testing.broken_body`), and the valid
stream that it is made from, go through the oldest and the newest SDK that the project supports,
each in its own environment, and through `chunkview.accumulate`. The result is the file MEASURED,
which `Rule.severity` reads.

    severities.py PYTHON PYTHON   measure with the SDKs of two environments, oldest first; write
    severities.py --sdk           measure with the SDK of this environment; print JSON

An outcome begins with one of four words. The SDK, or chunkview,

- `raises` an exception, whose class follows: the valid stream does not raise it;
- `loses` content that is in the broken stream, or the error that ends it;
- `alters` content;
- `takes` the stream: it gives the content of the broken stream, or raises the same exception as for
  the valid stream.

Content is text, thinking, its signature, and the names and inputs of tools. A stop reason or a
count of output tokens that is lost is told, but is no content. The same SDK says what it makes of
the valid stream. So an SDK that is older than thinking is not blamed for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import anthropic

from chunkview import InvalidJson, accumulate
from chunkview.testing._examples import EXAMPLES, broken_body, valid_body

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "src/chunkview/_rules/measured.py"


Parts: TypeAlias = "dict[str, list[str]]"
"""What a reader found in a stream, by kind. The kinds are CONTENT and TOLD."""

CONTENT = ("text", "text_stream", "thinking", "signature", "name", "json", "tool")
"""The kinds of content. Events have `name` and `json` where a message has `tool`."""

TOLD = ("stop_reason", "output_tokens")
"""What else a message may lose."""

HOLDS: dict[str, Parts] = {
    "half_character": {"text": ["Hello world\ud83d"], "text_stream": ["Hello world\ud83d"]},
    "block_start_repeated": {"name": ["weather", "weather"]},
    "tool_name_missing": {"tool": ['weather {"city": "Paris"}', "None {}"]},
    "thinking_without_signature": {"signature": []},
    "tool_input_invalid": {"json": ["{'city': 'Paris'}"], "tool": ["weather {'city': 'Paris'}"]},
    "message_delta_missing": {"stop_reason": []},
    "stop_reason_missing": {"stop_reason": []},
    "stream_cut": {"stop_reason": []},
}
"""What a broken stream holds, by kind, where that is not what the valid stream holds."""

LOSES = {"last_event_unterminated": "loses the last event"}
"""What a reader loses of any such stream, where the error in the example is only one case."""


class Result(NamedTuple):
    """What a reader makes of a body.

    Attributes:
        raised: The class of the exception, or "".
        parts: What it found before that.
    """

    raised: str
    parts: Parts


Reader: TypeAlias = "Callable[[bytes, Parts], None]"


def outcome(rule: str, read: Reader) -> str:
    """Say what a reader does with the example of a rule."""
    valid, broken = result_of(read, valid_body(rule)), result_of(read, broken_body(rule))
    if broken.raised != valid.raised:
        return f"raises {broken.raised}" if broken.raised else LOSES.get(rule, "loses the error")
    # A kind that is not in the valid stream, or that this reader does not give, is not expected.
    due = {
        kind: HOLDS.get(rule, {}).get(kind, parts) if parts else []
        for kind, parts in valid.parts.items()
    }
    pairs = [("".join(broken.parts[kind]), "".join(due[kind])) for kind in CONTENT]
    if any(len(found) < len(expected) for found, expected in pairs):
        return "loses content"
    if any(found != expected for found, expected in pairs):
        return "alters content"
    lost = [kind for kind in TOLD if due[kind] and not broken.parts[kind]]
    return "takes" + "".join(f", but loses {kind}" for kind in lost)


def result_of(read: Reader, body: bytes) -> Result:
    """Read a body."""
    parts: Parts = {kind: [] for kind in (*CONTENT, *TOLD)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pydantic, and of models that are retired
            read(body, parts)
    except Exception as error:  # noqa: BLE001 - its class is what is measured
        return Result(type(error).__name__, parts)
    return Result("", parts)


# -- the readers ------------------------------------------------------------------------------


def sdk_events(body: bytes, parts: Parts) -> None:
    """Iterate over the events of the SDK, and look for content as its users do."""
    for event in _sdk_messages(body).create(**_REQUEST, stream=True):
        tag = _get(event, "type")
        if tag == "content_block_start":
            _add_strings(_get(event, "content_block"), ("text", "thinking", "name"), parts)
        elif tag == "content_block_delta":
            delta = _get(event, "delta")
            kind, key = _STRINGS.get(_get(delta, "type"), ("text", ""))
            _add(kind, _get(delta, key), parts)


_STRINGS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("json", "partial_json"),
}
"""By the type of a delta: the kind of its content, and the key that has it."""


def sdk_helper(body: bytes, parts: Parts) -> None:
    """Read `text_stream` of `messages.stream()` and its final message."""
    with _sdk_messages(body).stream(**_REQUEST) as stream:
        parts["text_stream"].extend(stream.text_stream)
        _add_message(stream.get_final_message(), parts)


def chunkview_accumulate(body: bytes, parts: Parts) -> None:
    """Accumulate the stream with chunkview."""
    _add_message(accumulate(body), parts)


def _add_message(message: Any, parts: Parts) -> None:
    for block in _get(message, "content") or ():
        _add_strings(block, ("text", "thinking", "signature"), parts)
        if _get(block, "type") == "tool_use":
            given = _get(block, "input")
            text = given.text if isinstance(given, InvalidJson) else json.dumps(given)
            parts["tool"].append(f"{_get(block, 'name')} {text}")
    for kind, value in (
        ("stop_reason", _get(message, "stop_reason")),
        ("output_tokens", _get(_get(message, "usage"), "output_tokens")),
    ):
        if value is not None:
            parts[kind].append(str(value))


def _add_strings(value: Any, kinds: tuple[str, ...], parts: Parts) -> None:
    for kind in kinds:
        _add(kind, _get(value, kind), parts)


def _add(kind: str, value: Any, parts: Parts) -> None:
    if isinstance(value, str):
        parts[kind].append(value)


def _get(value: Any, name: str) -> Any:
    return getattr(value, name, None)


_REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-4-5-20250929",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello"}],
}


def _sdk_messages(body: bytes) -> Any:
    """The `messages` of a client that gets this body as its answer."""
    # The SDK uses httpx; new releases use httpx2.
    client = next(cls for cls in anthropic.DefaultHttpxClient.__mro__ if cls.__name__ == "Client")
    http: Any = sys.modules[client.__module__.partition(".")[0]]

    def answer(_request: Any) -> Any:
        return http.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    return anthropic.Anthropic(
        api_key="none",
        base_url="http://test.invalid",
        max_retries=0,
        http_client=http.Client(transport=http.MockTransport(answer)),
    ).messages


# -- measuring --------------------------------------------------------------------------------


def measured_sdk() -> dict[str, tuple[str, str]]:
    """What the SDK of this environment does: for each rule, in raw iteration and in the helper."""
    return {rule: (outcome(rule, sdk_events), outcome(rule, sdk_helper)) for rule in EXAMPLES}


def measured_chunkview() -> dict[str, str]:
    """What `chunkview.accumulate` does, for each rule."""
    return {rule: outcome(rule, chunkview_accumulate) for rule in EXAMPLES}


# -- writing ----------------------------------------------------------------------------------

HEAD = '''\
"""What the official SDK and chunkview do when a rule is broken: measured, not decided.

`make severities` writes this file; .ci/severities.py says how it is measured. The SDKs are
anthropic {oldest} and {newest}, on Python {python}.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["MEASURED", "VERSIONS", "Measured"]

VERSIONS: Final = ("{oldest}", "{newest}")
"""The oldest and the newest version of the SDK that were measured."""


class Measured(NamedTuple):
    """What happens to the example of a rule.

    Each outcome begins with "takes", "loses", "alters" or "raises".

    Attributes:
        oldest_events: In raw iteration over the events, with the oldest SDK.
        oldest_helper: In `messages.stream()`, with the oldest SDK.
        newest_events: In raw iteration over the events, with the newest SDK.
        newest_helper: In `messages.stream()`, with the newest SDK.
        chunkview: In `chunkview.accumulate`.
    """

    oldest_events: str
    oldest_helper: str
    newest_events: str
    newest_helper: str
    chunkview: str


MEASURED: dict[str, Measured] = {{
'''


def text_of(
    versions: list[str], sdks: list[dict[str, tuple[str, str]]], ours: dict[str, str]
) -> str:
    """The text of the file MEASURED, in the form that ruff gives it."""
    oldest, newest = sdks
    text = HEAD.format(
        oldest=versions[0], newest=versions[1], python=".".join(map(str, sys.version_info[:2]))
    )
    for rule in EXAMPLES:
        cells = [json.dumps(cell) for cell in (*oldest[rule], *newest[rule], ours[rule])]
        row = f'    "{rule}": Measured({", ".join(cells)}),'
        if len(row) > 100:
            row = "\n".join(
                [f'    "{rule}": Measured(', *(f"        {cell}," for cell in cells), "    ),"]
            )
        text += row + "\n"
    return text + "}\n"


def main(arguments: list[str]) -> None:
    """Measure, and write or print."""
    if arguments == ["--sdk"]:
        json.dump([anthropic.__version__, measured_sdk()], sys.stdout)
        return
    answers = [
        json.loads(subprocess.check_output([python, __file__, "--sdk"]))  # noqa: S603
        for python in arguments
    ]
    text = text_of(
        [version for version, _ in answers], [rows for _, rows in answers], measured_chunkview()
    )
    MEASURED.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
