"""The bundled recordings."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from chunkview.testing import recording, recording_names
from testing.clients import COMPLETE, TEXT, text_of


def test_the_bundled_recordings_are_named() -> None:
    assert recording_names() == ("citations", "error", "text", "thinking_tool_call")


def test_an_unknown_recording_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'tetx'; the names are citations, error, text, thinking"):
        recording("tetx")


@pytest.mark.parametrize("name", recording_names())
def test_a_recording_has_the_wire_format_of_the_api(name: str) -> None:
    events = recording(name).decode().split("\n\n")
    assert events.pop() == ""
    for event in events:
        head, data = event.split("\n")
        assert head == f"event: {json.loads(data.removeprefix('data: '))['type']}"
    assert any(event.endswith("  }") for event in events)


def test_the_recordings_have_the_content_of_their_names() -> None:
    assert {*COMPLETE, "error"} == {*recording_names()}
    assert "🐉" in text_of(TEXT)
    assert b'"type":"char_location"' in recording("citations")
    assert b'"type":"web_search_result_location"' in recording("citations")
    assert b"event: error\n" in recording("error")


def test_importing_the_server_imports_neither_hypothesis_nor_a_client() -> None:
    code = (
        "import sys, chunkview.testing; "
        "print(*{'hypothesis', 'anthropic', 'asyncio', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
