"""The demo: bundled recordings, streamed through the official client from a loopback server.

It needs the `anthropic` SDK (extra `sdk`), but no API key and no network.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ...anthropic import anthropic_call
from ...testing import ReplayServer, recording
from ..display import printable
from ..show.summary import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._stream import AnthropicStream
    from ..show.transcript import Transcript

__all__ = ["run"]

_RECORDINGS = ("text", "thinking_tool_call", "error")

_FIND_COPIES = {
    "name": "find_copies",
    "description": "Find library copies of a book near a place.",
    "input_schema": {"type": "object", "properties": {"title": {"type": "string"}}},
}


def run(
    write: Callable[[str], None], *, transcript: Callable[[], Transcript], delay: float
) -> None:
    """Run the demo.

    Args:
        write: Shows text at once.
        transcript: Makes a transcript for one stream.
        delay: Seconds to wait between two events of a stream.
    """
    import anthropic

    with (
        ReplayServer([recording(name) for name in _RECORDINGS], delay=delay) as server,
        # A proxy named in the environment cannot reach this machine.
        anthropic.DefaultHttpxClient(mounts={"all://127.0.0.1": None}) as http_client,
        anthropic.Anthropic(
            base_url=server.url, api_key="demo", http_client=http_client, max_retries=0
        ) as client,
        warnings.catch_warnings(),
    ):
        # The client warns that the models of the recordings are old.
        warnings.simplefilter("ignore", DeprecationWarning)

        @anthropic_call("claude-3-5-sonnet-20240620", stream=True, client=client)
        def recommend_book(genre: str) -> str:
            return f"Recommend a {genre} book"

        @anthropic_call(
            "claude-sonnet-4-5-20250929",
            stream=True,
            client=client,
            tools=[_FIND_COPIES],
            # The oldest supported clients have no parameter `thinking`.
            extra_body={"thinking": {"type": "enabled", "budget_tokens": 1024}},
        )
        def find_book(title: str) -> str:
            return f"Where can I borrow {title}?"

        write(f"A replay server on {server.url} plays recordings to the anthropic client.\n")

        write("\n--- 1. recommend_book('fantasy'): the text appears as its chunks arrive.\n\n")
        _show(recommend_book("fantasy"), write, transcript())

        write("\n--- 2. find_book(...): thinking, text, and a tool call with its whole input.\n\n")
        _show(find_book("The Tombs of Atuan"), write, transcript())

        write("\n--- 3. recommend_book('sea'): the API breaks off; the text so far is kept.\n\n")
        stream = recommend_book("sea")
        try:
            _show(stream, write, transcript())
        except anthropic.APIStatusError as error:
            write(f"The client raised {type(error).__name__}: {printable(error.message)}\n")
            write(f"stream.content is still {stream.content!r}\n")


def _show(stream: AnthropicStream, write: Callable[[str], None], transcript: Transcript) -> None:
    """Show one stream as it arrives, then the summary of its message."""
    try:
        with stream:
            for chunk, _ in stream:
                write(transcript.add(chunk))
    finally:
        write(transcript.end())
    if stream.message is not None:
        write(summary(stream.message))
