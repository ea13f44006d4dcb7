"""`chunkview check` finds in a LiteLLM proxy what is wrong there, and nothing else.

The proxy is the real one, in an environment of its own that `make check-litellm` makes. Behind it
is `openai_mock`. Nothing here uses the network beyond this machine.

The rules below are those that a person found broken when reading the answers of the release that
the Makefile names.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engines.openai_mock import AT_ONCE, MODEL, openai_mock

BIN = Path(__file__).resolve().parents[2] / ".venvs" / "litellm" / "bin"
START_SECONDS = 180
CHECK_SECONDS = 120

# In each stream of another provider, the `message_delta` of LiteLLM has no `stop_sequence`.
ALWAYS = {"message_delta_fields_missing"}
# To broken JSON it answers with the error document of another API, that of OpenAI.
BROKEN_JSON = {"error_document_misshapen"}
# To a body that is an array it answers 500, with a text.
JSON_ARRAY = {"status_unexpected", "error_document_misshapen"}

STREAMED = {
    "text": ALWAYS,
    # It does not pass on that a stop string was met. The stop reason is end_turn.
    "stop_sequence": ALWAYS | {"stop_sequence_ignored"},
    "max_tokens": ALWAYS,
    "tool_call": ALWAYS,
    "two_tool_calls": ALWAYS,
    "tool_result": ALWAYS,
    "thinking": ALWAYS | {"thinking_without_signature"},
    "whole": set(),
    "beta_query": ALWAYS,
    "bad_model": set(),
    "missing_messages": set(),
    # It notes only in the translation that there are no messages, and answers 500.
    "empty_messages": {"status_unexpected"},
    "missing_max_tokens": set(),
    "broken_json": BROKEN_JSON,
    "json_array": JSON_ARRAY,
}
# Of several tool calls in one chunk, it drops all but the first, and joins the arguments of all.
STREAMED_AT_ONCE = {
    **STREAMED,
    "two_tool_calls": ALWAYS | {"tool_calls_not_parallel", "tool_input_invalid"},
}
# An answer from `mock_response` is the same text whatever was asked for, and it is never streamed.
MOCKED = {
    "text": {"body_is_message"},
    "stop_sequence": {"body_is_message", "stop_sequence_ignored"},
    "max_tokens": {"body_is_message", "max_tokens_ignored"},
    "tool_call": {"body_is_message", "tool_choice_ignored"},
    "two_tool_calls": {"body_is_message", "tool_choice_ignored"},
    "tool_result": {"body_is_message"},
    "thinking": {"body_is_message", "thinking_missing"},
    "whole": set(),
    "beta_query": {"body_is_message"},
    "bad_model": set(),
    "missing_messages": set(),
    # It answers 200, with the same text.
    "empty_messages": {"status_unexpected"},
    "missing_max_tokens": set(),
    "broken_json": BROKEN_JSON,
    "json_array": JSON_ARRAY,
}


@dataclass
class Proxy:
    url: str
    key: str
    log: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A LiteLLM proxy in front of the mock."""
    if not (BIN / "litellm").exists():
        reason = "there is no LiteLLM: run `make check-litellm`"
        if os.environ.get("REQUIRE_ENGINES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(openai_mock())
        folder = tmp_path_factory.mktemp("litellm")
        yield stack.enter_context(litellm(upstream, folder))


@pytest.fixture
def proxy(running: Proxy) -> Iterator[Proxy]:
    """The proxy. Pytest shows what it logs during a test if the test fails."""
    before = running.log.stat().st_size
    yield running
    with running.log.open("rb") as log:
        log.seek(before)
        print(log.read().decode(errors="replace"))


@contextlib.contextmanager
def litellm(upstream: str, folder: Path) -> Iterator[Proxy]:
    """Run LiteLLM in front of a server of the OpenAI kind, and stop it at the end."""
    shared = {"api_base": upstream, "api_key": "none"}
    config = folder / "config.json"  # JSON is YAML, too
    config.write_text(
        json.dumps(
            {
                "model_list": [
                    {"model_name": name, "litellm_params": {**shared, **parameters}}
                    for name, parameters in {
                        "streamed": {"model": f"hosted_vllm/{MODEL}"},
                        "at-once": {"model": f"hosted_vllm/{AT_ONCE}"},
                        "mocked": {"model": f"hosted_vllm/{MODEL}", "mock_response": "Hello."},
                    }.items()
                ],
                # One failure of a model must not change the answers that follow it.
                "router_settings": {"disable_cooldowns": True, "num_retries": 0},
                "litellm_settings": {"telemetry": False, "request_timeout": 30},
            }
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    proxy = Proxy(
        url=f"http://127.0.0.1:{port}",
        key=f"sk-{secrets.token_hex(24)}",
        log=folder / "proxy.log",
    )
    # Nothing else of the environment: LiteLLM reads many variables, keys of providers among them.
    environment = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "LITELLM_MASTER_KEY": proxy.key,
        # It would fetch these from the network.
        "LITELLM_LOCAL_MODEL_COST_MAP": "true",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "true",
        "LITELLM_LOCAL_AUTOROUTER_PRESETS": "true",
        "LITELLM_LOCAL_BLOG_POSTS": "true",
        "LITELLM_LOCAL_POLICY_TEMPLATES": "true",
        "DISABLE_ADMIN_UI": "true",
        "NO_DOCS": "true",
    }
    command = [
        str(BIN / "litellm"),
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with proxy.log.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--telemetry", "False"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(f"{proxy.url}/health/liveliness", process, proxy.log)
            yield proxy
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    last = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < last:
        try:
            opener.open(url, timeout=5).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"LiteLLM does not start.\n{log.read_text(errors='replace')}")


def broken_rules(proxy: Proxy, model: str) -> dict[str, set[str]]:
    """Run `chunkview check`. Gives the names of the rules that each answer breaks."""
    return {
        checked["name"]: {finding["rule"] for finding in checked["findings"]}
        for checked in report(proxy, model)["checked"]
    }


def report(proxy: Proxy, model: str) -> dict[str, Any]:
    command = ["-m", "chunkview", "check", "--url", proxy.url, "--model", model, "--json"]
    done = subprocess.run(
        [sys.executable, *command, "--key", proxy.key],
        capture_output=True,
        text=True,
        timeout=CHECK_SECONDS,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 1, "the check ends with the status for errors"
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def test_the_findings_in_a_translated_stream_are_those_that_a_person_finds(proxy: Proxy) -> None:
    assert broken_rules(proxy, "streamed") == STREAMED


def test_two_tool_calls_that_litellm_joins_into_one_are_found(proxy: Proxy) -> None:
    assert broken_rules(proxy, "at-once") == STREAMED_AT_ONCE


def test_a_whole_message_instead_of_a_stream_is_found(proxy: Proxy) -> None:
    assert broken_rules(proxy, "mocked") == MOCKED
