"""The streams of compatible servers: each gives what it should, from bytes and from events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chunkview import (
    AnthropicStream,
    ChunkviewError,
    DecodeError,
    IncompleteStreamError,
    InvalidJson,
    Message,
    aaccumulate,
    accumulate,
    decode,
    iter_chunks,
    iter_messages,
)
from rules.bodies import events_of
from rules.cases import CASES, needs_cases
from support import as_async


def one_by_one(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


def iterated(source: Any) -> Message:
    stream = AnthropicStream(source)
    for _ in stream:
        pass
    return stream.finish()


async def iterated_async(source: Any) -> Message:
    stream = AnthropicStream(as_async(source))
    async for _ in stream:
        pass
    return stream.finish()


def readings(body: bytes) -> Iterator[tuple[str, Any]]:
    """Each way to read a body."""
    for cut, pieces in (("whole", [body]), ("byte by byte", one_by_one(body))):
        yield f"{cut}, accumulate", lambda pieces=pieces: accumulate(iter(pieces))
        yield f"{cut}, stream", lambda pieces=pieces: iterated(iter(pieces))
        yield f"{cut}, async", lambda pieces=pieces: asyncio.run(aaccumulate(as_async(pieces)))
        yield f"{cut}, async stream", lambda pieces=pieces: asyncio.run(iterated_async(pieces))
    events, ending = events_of(body)
    if ending.kind == "whole":
        yield "events, accumulate", lambda: accumulate(events)
        yield "events, stream", lambda: iterated(events)
        yield "texts of events", lambda: accumulate(map(json.dumps, events))


def outcome(read: Any) -> tuple[Message | None, ChunkviewError | None]:
    try:
        return read(), None
    except ChunkviewError as error:
        return error.partial, error


def seen(message: Message) -> dict[str, Any]:
    tools = [block for block in message.content if block.type == "tool_use"]
    inputs: list[Any] = [tool.input for tool in tools]  # type: ignore[union-attr]
    return {
        "text": message.text,
        "thinking": message.thinking,
        "tools": [
            [tool.name, value.to_dict() if isinstance(value, InvalidJson) else value]  # type: ignore[union-attr]
            for tool, value in zip(tools, inputs, strict=True)
        ],
        "stop_reason": message.stop_reason,
        "input_tokens": message.usage.input_tokens,
        "output_tokens": message.usage.output_tokens,
    }


def problems_of(body: bytes, want: dict[str, Any]) -> Iterator[str]:
    for way, read in readings(body):
        message, error = outcome(read)
        raised = None if error is None else type(error).__name__
        if raised != want.get("raises"):
            yield f"{way}: {raised} ({error}) where {want.get('raises')} is due"
            continue
        words = f"{error} {getattr(error, 'error_type', '')}"
        if want.get("error_contains", "") not in words:
            yield f"{way}: the error says {words!r}"
        if "partial_text" in want and want["partial_text"] != ("" if not message else message.text):
            yield f"{way}: partial {message!r}"
        if error is None and message is not None:
            got = seen(message)
            yield from (
                f"{way}: {key} is {got[key]!r}"
                for key in got
                if key in want and got[key] != want[key]
            )
            counts = (message.usage.input_tokens, message.usage.output_tokens)
            if any(count is not None and type(count) is not int for count in counts):
                yield f"{way}: counts {counts!r}"
    if "messages" in want:
        texts = [message.text for message in iter_messages(iter([body]))]
        if texts != want["messages"]:
            yield f"iter_messages: {texts}"


@needs_cases
def test_every_case_gives_what_it_should_in_every_way_of_reading_it(
    record_property: Callable[[str, object], None],
) -> None:
    expected = json.loads((CASES / "expected.json").read_text())
    wrong = {}
    for name, want in expected.items():
        problems = list(problems_of((CASES / name).read_bytes(), want))
        if problems:
            wrong[name] = problems
    assert not wrong
    assert set(expected) == {path.name for path in CASES.glob("*.sse")}
    record_property("summary", f"{len(expected)} cases of compatible servers ran")


@needs_cases
def test_the_chunks_of_every_case_are_written_as_they_were_read() -> None:
    for path in CASES.glob("*.sse"):
        try:
            for chunk in iter_chunks(path.read_bytes()):
                assert decode(chunk.to_event()) == chunk
        except DecodeError:
            assert json.loads((CASES / "expected.json").read_text())[path.name]["raises"]


@needs_cases
def test_the_lines_of_claude_code_are_a_stream_as_text_and_as_dicts() -> None:
    for name, messages in (
        ("39_claude_code.ndjson", ["Hello world"]),
        ("67_cc_interleaved_subagents.ndjson", ["A", "B"]),
    ):
        lines = (CASES / name).read_text().splitlines()
        dicts = [json.loads(line) for line in lines if line.strip()]
        for source in (lines, dicts):
            message, error = outcome(lambda source=source: accumulate(source))
            assert message is not None
            assert message.text == messages[0]
            given: list[str] = []
            # One of them breaks off before either agent has stopped.
            with contextlib.suppress(IncompleteStreamError) if error else contextlib.nullcontext():
                given.extend(message.text for message in iter_messages(source))
            assert given == messages


@needs_cases
def test_the_frames_of_aws_are_an_error_that_names_the_remedy() -> None:
    with pytest.raises(DecodeError, match=r"recordings\.read"):
        accumulate((CASES / "38_bedrock_eventstream.bin").read_bytes())
