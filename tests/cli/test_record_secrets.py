"""Secrets of a request are in no file that `chunkview record` writes."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkview._cli.record.folder import Folder
from chunkview._cli.record.redaction import (
    Mask,
    redacted_body,
    redacted_headers,
    redacted_target,
    secrets_of,
)
from chunkview._cli.record.tape import Asked, Tape
from chunkview.testing import ReplayServer
from cli.console import TEXT
from cli.proxy import recording_from, written
from testing.clients import MODEL

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# No word of an answer or of a sidecar is like this.
secrets = st.text(LETTERS, min_size=13, max_size=40).map("Q9~{}".format)
SECRET_HEADERS = [
    *("x-api-key", "authorization", "cookie", "proxy-authorization", "x-goog-api-key"),
    *("x-amz-security-token", "api-key", "x-my-secret", "cf-access-client-secret"),
]
# Nobody knows what is in them.
other_headers = st.from_regex(r"x-[a-z]{1,9}", fullmatch=True).filter(lambda name: name != "x-app")
STARTED = datetime(2026, 1, 31, tzinfo=timezone.utc)


@st.composite
def asked(draw: st.DrawFn) -> tuple[Asked, list[str], list[str]]:
    """A request; the secrets that an answer may repeat; and those of unknown headers."""
    echoed = draw(st.lists(secrets, min_size=1, max_size=4, unique=True))
    silent = draw(st.lists(secrets, max_size=3, unique=True))
    headers: list[tuple[str, str]] = [("content-type", "application/json")]
    query: list[str] = ["beta=true"]
    for secret in echoed:
        how = draw(st.sampled_from(["plain", "Bearer {}", "Basic {}", "a=1; session={}; b=2", "?"]))
        if how == "?":
            query.append(draw(st.sampled_from(["key={}", "access_token={}", "{}"])).format(secret))
        else:
            name = draw(st.sampled_from(SECRET_HEADERS))
            headers.append((name, secret if how == "plain" else how.format(secret)))
    for secret in silent:
        if draw(st.booleans()):
            headers.append((draw(other_headers), secret))
        else:
            query.append(f"{draw(st.sampled_from(['q', 'user', 'x']))}={secret}")
    body = {
        "model": "m",
        "max_tokens": 5,
        "mcp_servers": [{"url": "u", "authorization_token": draw(secrets)}],
        "messages": [{"role": "user", "content": f"my key is {echoed[0]}"}],
    }
    hidden = [*silent, body["mcp_servers"][0]["authorization_token"]]  # type: ignore[index]
    target = "/v1/messages?" + "&".join(draw(st.permutations(query)))
    sent = json.dumps(body).encode()
    return Asked(1, STARTED, "POST", target, tuple(headers), sent), echoed, hidden


@given(asked(), st.data())
def test_no_secret_of_a_request_is_in_any_file_or_line(
    drawn: tuple[Asked, list[str], list[str]], data: st.DataObject
) -> None:
    """Neither when the answer repeats it, in a header, in its body cut anywhere, or in an error."""
    request, echoed, hidden = drawn
    body = TEXT + "".join(f"data: {secret}\n\n" for secret in echoed).encode()
    first = data.draw(st.integers(len(TEXT), len(body)))
    size = data.draw(st.integers(1, 50))
    pieces = [body[:first], *(body[at : at + size] for at in range(first, len(body), size))]
    with TemporaryDirectory() as place:
        tape = Tape(request, Folder(Path(place)), keeps_request=True)
        headers = (("content-type", "text/event-stream"), ("x-echo", " ".join(echoed)))
        tape.begin(0.1, 200, headers)
        for piece in pieces:
            tape.add(0.2, piece)
        tape.end(0.3, "upstream", f"ReadError: {echoed[0]}")
        files = written(Path(place))
    assert tape.lost == ""
    assert len(files) == 3
    shown = "".join([*map(bytes.decode, files.values()), *files, tape.shown_target, tape.problem])
    assert [secret for secret in [*echoed, *hidden] if secret in shown] == []
    recorded = files[tape.name]
    assert len(recorded) == len(body)
    assert recorded.startswith(TEXT)
    assert b"/v1/messages?" in files[f"{tape.name}.times"]


@given(st.lists(secrets, max_size=3), st.lists(st.sampled_from([b"a", b"*", None]), max_size=30))
def test_a_mask_gives_the_same_bytes_wherever_a_body_is_cut(
    hidden: list[str], parts: list[bytes | None]
) -> None:
    """It changes nothing else, and keeps the length."""
    words = [secret.encode() for secret in hidden] or [b"word"]
    body = b"".join(words[0] if part is None else part for part in parts)
    whole = Mask(hidden).masked(body)
    assert len(whole) == len(body)
    assert not any(secret.encode() in whole for secret in hidden)
    for size in (1, 2, 7, 100):
        mask = Mask(hidden)
        cut = [mask.feed(body[at : at + size]) for at in range(0, len(body), size)]
        assert b"".join([*cut, mask.end()]) == whole
    if not hidden:
        assert whole == body


def test_what_is_harmless_is_kept() -> None:
    headers = (
        ("anthropic-version", "2023-06-01"),
        ("Content-Type", "application/json"),
        ("anthropic-ratelimit-input-tokens-remaining", "5"),
        ("x-stainless-lang", "python"),
        ("request-id", "req_1"),
    )
    assert redacted_headers(headers) == headers
    page = "/v1/models?limit=20&after_id=abcdefghijklmnopqrstuvw"
    assert secrets_of(headers, page) == frozenset()
    for target in ("/v1/messages", "/v1/messages?beta=true", page, "/a?"):
        assert redacted_target(target) == target


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a?key=1", "/a?key=***"),
        ("/a?beta=true&%6Bey=1&limit", "/a?beta=true&%6Bey=***&limit"),
        ("/a?sk-ant-1", "/a?***"),
        ("/a?b=1?key=2", "/a?b=***"),
    ],
)
def test_a_parameter_that_is_not_known_is_not_shown(target: str, shown: str) -> None:
    assert redacted_target(target) == shown


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"max_tokens":  5}', None),
        (b"no JSON", None),
        (b"[" * 100_000, None),
        (b'{"tools": [{"input_schema": {"properties": {"key": {"type": "string"}}}}]}', None),
        (b'{"a": [{"api_key": "x"}]}', b'{"a": [{"api_key": "***"}]}'),
        (b'{"Authorization": "x", "t": "\xc3\xa9"}', b'{"Authorization": "***", "t": "\xc3\xa9"}'),
        (b'{"client_secret": "\\ud83d"}', b'{"client_secret": "***"}'),
        (b'{"token": "x", "b": "\\ud83d"}', b'{"token": "***", "b": "\\ud83d"}'),
    ],
)
def test_the_body_of_a_request_loses_its_keys_and_nothing_else(
    body: bytes, kept: bytes | None
) -> None:
    assert redacted_body(body, Mask([])) == (body if kept is None else kept)


def test_a_short_value_is_not_looked_for_in_answers() -> None:
    """A key such as "none" may be a word of the answer."""
    assert secrets_of((("x-api-key", "message_start"),), "/") == frozenset()


def test_the_official_clients_key_is_in_no_file(tmp_path: Path) -> None:
    from anthropic import Anthropic

    key = "sk-ant-api03-0123456789abcdef"
    with ReplayServer(TEXT) as server:
        with recording_from(server.url, tmp_path, keeps_requests=True) as proxy:
            with Anthropic(base_url=proxy.url, api_key=key) as client:
                content = f"my key is {key}"
                client.messages.create(
                    model=MODEL, max_tokens=9, messages=[{"role": "user", "content": content}]
                )
                proxy.next()
    assert server.requests[0].body["messages"][0]["content"] == content
    assert any(key in value for value in server.requests[0].headers.values())
    assert len(written(tmp_path)) == 3
    assert not any(key.encode() in data for data in written(tmp_path).values())
    assert not any(re.search(key, name) for name in written(tmp_path))
