"""Content blocks in the making.

A `Draft` takes a delta in O(1): it only collects the parts. The parts are joined once, and a tool's
input is parsed once, when the block ends or when somebody asks for it. Each class says in `takes`
which deltas it takes, and how.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs

from .._chunks import (
    CitationsDeltaChunk,
    CompactionDeltaChunk,
    InputJsonDeltaChunk,
    SignatureDeltaChunk,
    TextDeltaChunk,
    ThinkingDeltaChunk,
)
from .._model import (
    AnyCitation,
    AnyContentBlock,
    CompactionBlock,
    InvalidJson,
    McpToolUseBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    loads,
    read_input,
)
from ..errors import DecodeError

__all__ = ["Draft", "InputDraft", "PartsDraft", "TextDraft", "ThinkingDraft", "draft_of", "row_of"]

Takes = Mapping[type, Callable[[Any, Any], None]]


def row_of(table: Mapping[type, Any], cls: type) -> Any:
    """Look up a class in a table. A subclass finds the row of its base. None without a row."""
    row = table.get(cls)
    if row is None:
        return next((table[base] for base in cls.__mro__ if base in table), None)
    return row


class Draft:
    """A content block in the making. This class takes no deltas: its block starts whole.

    Attributes:
        start: The block as it started.
        is_open: Whether the block has not ended yet.
        ended_with_message: Whether the block was still open when the message ended.
    """

    __slots__ = ("_built", "ended_with_message", "is_open", "start")

    takes: ClassVar[Takes] = {}
    """How the draft takes a delta, by the delta's class."""

    def __init__(self, start: AnyContentBlock, *, is_open: bool) -> None:
        self.start = start
        self.is_open = is_open
        self.ended_with_message = False
        self._built: AnyContentBlock | None = None if is_open else start

    def block(self) -> AnyContentBlock:
        """The block, as far as it was received."""
        return self._build() if self._built is None else self._built

    def end(self) -> None:
        """End the block, and drop the parts that it was built from."""
        self._built = self._build()
        self.is_open = False

    def _build(self) -> AnyContentBlock:
        """Build the block from its start and the deltas so far."""
        return self.start


class PartsDraft(Draft):
    """A block whose deltas are pieces of one string."""

    __slots__ = ("parts",)

    def __init__(self, start: AnyContentBlock, *, is_open: bool) -> None:
        super().__init__(start, is_open=is_open)
        self.parts: list[str] = []

    def end(self) -> None:
        super().end()
        self.parts = []

    def _joined(self) -> str:
        """The string so far. The next call does not join the same parts again."""
        if len(self.parts) > 1:
            self.parts[:] = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


class TextDraft(PartsDraft):
    """A text block. Deltas append to its text and to its citations."""

    __slots__ = ("citations",)

    start: TextBlock

    def __init__(self, start: AnyContentBlock, *, is_open: bool) -> None:
        super().__init__(start, is_open=is_open)
        self.citations: list[AnyCitation] = []

    def _add_text(self, chunk: TextDeltaChunk) -> None:
        self.parts.append(chunk.text)

    def _add_citation(self, chunk: CitationsDeltaChunk) -> None:
        self.citations.append(chunk.citation)

    def _build(self) -> AnyContentBlock:
        citations = self.start.citations
        if self.citations:
            citations = (*(citations or ()), *self.citations)
        return attrs.evolve(self.start, text=self.start.text + self._joined(), citations=citations)

    takes: ClassVar[Takes] = {TextDeltaChunk: _add_text, CitationsDeltaChunk: _add_citation}


class ThinkingDraft(PartsDraft):
    """A thinking block. Deltas append to its text. A signature replaces the one before."""

    __slots__ = ("signature",)

    start: ThinkingBlock

    def __init__(self, start: AnyContentBlock, *, is_open: bool) -> None:
        super().__init__(start, is_open=is_open)
        self.signature = self.start.signature

    def _add_thinking(self, chunk: ThinkingDeltaChunk) -> None:
        self.parts.append(chunk.thinking)

    def _set_signature(self, chunk: SignatureDeltaChunk) -> None:
        self.signature = chunk.signature

    def _build(self) -> AnyContentBlock:
        thinking = self.start.thinking + self._joined()
        return attrs.evolve(self.start, thinking=thinking, signature=self.signature)

    takes: ClassVar[Takes] = {
        ThinkingDeltaChunk: _add_thinking,
        SignatureDeltaChunk: _set_signature,
    }


class InputDraft(PartsDraft):
    """A tool use. Deltas are pieces of the input's JSON text, which is parsed when it ends."""

    __slots__ = ()

    start: ToolUseBlock | ServerToolUseBlock | McpToolUseBlock

    def _add_json(self, chunk: InputJsonDeltaChunk) -> None:
        self.parts.append(chunk.partial_json)

    def _build(self) -> AnyContentBlock:
        text = self._joined()
        if not text:
            return self.start
        return attrs.evolve(self.start, input=_object_or_text(text))

    def partial_input(self) -> Any:
        """Read the part of the input that was received.

        Raises:
            ImportError: jiter is not installed.
        """
        if self._built is not None:
            return self._built.input  # type: ignore[union-attr]
        text = self._joined()
        if not text:
            return self.start.input
        try:
            from jiter import from_json
        except ImportError as error:
            raise ImportError(
                "reading a tool input that is not complete needs jiter: "
                "pip install 'chunkview[partial]'"
            ) from error
        try:
            value = from_json(text.encode(), partial_mode="trailing-strings", allow_inf_nan=False)
        except ValueError:
            return InvalidJson(text)
        # jiter stops after the first value, and it reads numbers beyond a float's range as inf.
        if isinstance(value, dict) and _is_finite(value) and not _has_more(text):
            return value
        return InvalidJson(text)

    takes: ClassVar[Takes] = {InputJsonDeltaChunk: _add_json}


class CompactionDraft(Draft):
    """A compaction. Each delta is the whole content, and replaces the one before."""

    __slots__ = ("_content",)

    start: CompactionBlock

    def __init__(self, start: AnyContentBlock, *, is_open: bool) -> None:
        super().__init__(start, is_open=is_open)
        self._content: dict[str, Any] = {}

    def _replace(self, chunk: CompactionDeltaChunk) -> None:
        # Keys that the chunk does not name replace those of the block, so the block must be able
        # to read them. Check the delta alone: a block may be large and have many deltas.
        content = {"encrypted_content": None, **chunk.to_event()["delta"], "type": "compaction"}
        try:
            CompactionBlock.from_dict(content)
        except DecodeError as error:
            error.event = chunk.chunk
            raise error.under("content_block_delta.delta") from None
        self._content = content

    def _build(self) -> AnyContentBlock:
        if not self._content:
            return self.start
        return CompactionBlock.from_dict({**self.start.to_dict(), **self._content})

    takes: ClassVar[Takes] = {CompactionDeltaChunk: _replace}


_DRAFTS: dict[type[AnyContentBlock], type[Draft]] = {
    TextBlock: TextDraft,
    ThinkingBlock: ThinkingDraft,
    ToolUseBlock: InputDraft,
    ServerToolUseBlock: InputDraft,
    McpToolUseBlock: InputDraft,
    CompactionBlock: CompactionDraft,
}


def draft_of(block: AnyContentBlock, *, is_open: bool) -> Draft:
    """Make the draft of a block.

    Args:
        block: The block as it starts.
        is_open: Whether deltas may follow.

    Returns:
        The draft of its class.
    """
    draft: type[Draft] = row_of(_DRAFTS, type(block)) or Draft
    return draft(block, is_open=is_open)


def _object_or_text(text: str) -> dict[str, Any] | InvalidJson:
    """Parse a tool's input, which is an object; anything else is kept verbatim."""
    try:
        value = loads(text)
    except DecodeError:
        return InvalidJson(text)
    return read_input(value) if isinstance(value, dict) else InvalidJson(text)


def _is_finite(value: Any) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, float) and not math.isfinite(item):
            return False
    return True


def _has_more(text: str) -> bool:
    """Whether something follows a whole JSON value."""
    try:
        _, end = json.JSONDecoder().raw_decode(text.lstrip(" \t\r\n"))
    except (ValueError, RecursionError):
        return False
    return text.lstrip(" \t\r\n")[end:].strip(" \t\r\n") != ""
