"""The demo: bundled recordings, streamed through the official client from a loopback server.

It needs the `anthropic` SDK (extra `sdk`), but no API key and no network.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

from ..._chunks import ErrorChunk, decode
from ...anthropic import anthropic_call
from ...testing import ReplayServer, recording
from ..display import BOLD, printable, styled
from ..show import summary
from ..wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    import anthropic

    from ..._stream import AnthropicStream
    from ..show import Transcript

__all__ = ["run"]

_RECORDINGS = ("text", "thinking_tool_call", "error")

_FIND_COPIES = {
    "name": "find_copies",
    "description": "Find library copies of a book near a place.",
    "input_schema": {"type": "object", "properties": {"title": {"type": "string"}}},
}


def run(
    write: Callable[[str], None],
    *,
    transcript: Callable[[], Transcript],
    columns: int | None,
    color: bool,
    delay: float,
) -> None:
    """Run the demo.

    Args:
        write: Shows text at once.
        transcript: Makes a transcript for one stream.
        columns: As for `Wrapper`.
        color: Whether heads are bold.
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

        show = partial(_show, write=write, transcript=transcript, columns=columns)

        def say(text: str, style: str = "") -> None:
            write(styled(wrapped(text, columns), style, color=color))

        say(
            f"A replay server at {server.url} plays three recordings to the official anthropic "
            "client. This needs no key and no network."
        )

        say("\n--- 1. recommend_book('fantasy'): the text appears while it arrives\n\n", BOLD)
        show(recommend_book("fantasy"))

        say("\n--- 2. find_book('The Tombs of Atuan'): thinking, text and a tool call\n\n", BOLD)
        show(find_book("The Tombs of Atuan"))

        say("\n--- 3. recommend_book('sea'): an error event ends the stream\n\n", BOLD)
        stream = recommend_book("sea")
        try:
            show(stream)
        except anthropic.APIStatusError as error:
            say(f"\nThe client raised {type(error).__name__}: {_words_of(error)}")
            say("The text so far is kept. stream.content is:")
            say(f"  {stream.content!r}")


def _show(
    stream: AnthropicStream,
    *,
    write: Callable[[str], None],
    transcript: Callable[[], Transcript],
    columns: int | None,
) -> None:
    """Show one stream as it arrives, then the summary of its message."""
    shown = transcript()
    try:
        with stream:
            for chunk, _ in stream:
                write(shown.add(chunk))
    finally:
        write(shown.end())
        if stream.message is not None:
            write(summary(stream.message, columns=columns))


def _words_of(error: anthropic.APIStatusError) -> str:
    """Give the words of an error event. The exception's own message is the event as a dict."""
    event = decode(error.body) if isinstance(error.body, dict) else None
    if not isinstance(event, ErrorChunk):
        return printable(error.message)
    return printable(f"{event.error_message} ({event.error_type})")
