"""Content blocks in the making.

A `Draft` takes a delta in O(1): it only collects the parts. The parts are joined once, and a tool's
input is parsed once, when the block ends or when somebody asks for it. Each class says in `takes`
which deltas it takes, and how.

A start may be repeated while its block is open. Then the draft is asked whether it is the same
block (`is_repeated_by`), and it takes what its own start left empty (`fill`). These two steps cost
no more than the size of the new event, amortised: they never look at the whole block.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from operator import attrgetter
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

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
    UnknownBlock,
    changer,
    evolved,
    half,
    joined_halves,
    parsed_input,
    schema,
)
from .partial_json import BLANKS, ObjectScan, read_partial

__all__ = [
    "PARTS",
    "TAKERS",
    "CompactionDraft",
    "Draft",
    "InputDraft",
    "Kind",
    "PartsDraft",
    "State",
    "TextDraft",
    "ThinkingDraft",
    "draft_of",
    "row_of",
]

Takes: TypeAlias = Mapping[type, Callable[[Any, Any], None]]
Kind: TypeAlias = "type[Draft] | str | None"
"""The kind of a block; None is the kind that no block is of."""


def row_of(table: Mapping[type, Any], cls: type) -> Any:
    """Look up a class in a table. A subclass finds the row of its base. None without a row."""
    row = table.get(cls)
    if row is None:
        return next((table[base] for base in cls.__mro__ if base in table), None)
    return row


class State(Enum):
    """Whether a block takes deltas: now, again, or never."""

    OPEN = auto()
    PAUSED = auto()
    CLOSED = auto()


_NOTHING: Mapping[str, Any] = MappingProxyType({})


# Written when they are first used: writing them takes half a millisecond.
@functools.cache
def _text_changer() -> Callable[..., TextBlock]:
    return changer(TextBlock, "text", "citations")


@functools.cache
def _thinking_changer() -> Callable[..., ThinkingBlock]:
    return changer(ThinkingBlock, "thinking", "signature")


class Draft:
    """A content block in the making. This class takes no deltas: its block starts whole.

    Attributes:
        start: The block as it started.
        index: Its index on the wire.
        place: Its place in the message.
        kind: What tells it from other blocks of its index: its class if it takes deltas, else the
            type of the block. All tool uses are of one kind, since one delta fits them all.
        state: Whether it takes deltas.
        is_side: Whether no start began it.
        beside: For a side block, the block of its index that was open when it began.
        was_stopped: Whether a content_block_stop closed it.
        was_paused: Whether a stop reason ever paused it.
        is_half: Whether it is of an unknown type and got deltas, which it cannot take.
    """

    __slots__ = (
        "_built",
        "_filled",
        "_filled_extra",
        "beside",
        "index",
        "is_half",
        "is_side",
        "kind",
        "place",
        "start",
        "state",
        "was_paused",
        "was_stopped",
    )

    takes: ClassVar[Takes] = {}
    """How the draft takes a delta, by the delta's class."""

    def __init__(self, start: AnyContentBlock, index: int) -> None:
        self.start = start
        self.index = index
        self.place = 0
        self.kind: Kind = type(self) if self.takes else start.type
        self.state = State.OPEN
        self.is_side = False
        self.beside: Draft | None = None
        self.was_stopped = False
        self.was_paused = False
        self.is_half = False
        self._built: AnyContentBlock | None = None
        self._filled: Mapping[str, Any] = _NOTHING
        self._filled_extra: Mapping[str, Any] = _NOTHING

    def block(self) -> AnyContentBlock:
        """The block, as far as it was received."""
        return self._build() if self._built is None else self._built

    def end(self) -> None:
        """Build the block, and drop the parts that it was built from. No delta may follow."""
        if self._built is None:
            self._built = self._build()

    def lack(self) -> None:
        """Note that a delta came which the block does not take."""
        if self.is_half or not isinstance(self.start, UnknownBlock):
            return
        self.is_half = True
        if self._built is not None:
            self._built = self._build()

    def is_repeated_by(self, again: AnyContentBlock) -> bool:
        """Whether a start is the start of this block once more."""
        start = self.start
        return (
            type(again) is type(start)
            and again.type == start.type
            and getattr(again, "id", "") == getattr(start, "id", "")
            and getattr(again, "name", "") == getattr(start, "name", "")
            and self._goes_on_with(again)
        )

    def fill(self, again: AnyContentBlock) -> None:
        """Take what a repeated start brings and this block does not have yet."""
        for name, is_field, value in _values_of(again):
            if _is_empty(value) or not _is_empty(self._value(name, is_field=is_field)):
                continue
            if not is_field:
                self._filled_extra = _with(self._filled_extra, name, value)
            elif not self._has_by_deltas(name):
                self._filled = _with(self._filled, name, value)

    def _goes_on_with(self, again: AnyContentBlock) -> bool:
        """Whether a start of the same type, id and name contradicts nothing of this block."""
        # All that such a block brings is in its start. Two results that differ are two blocks.
        for name, is_field, value in _values_of(again):
            own = self._value(name, is_field=is_field)
            if not (_is_empty(value) or _is_empty(own) or value == own):
                return False
        return True

    def _has_by_deltas(self, _name: str) -> bool:
        """Whether deltas brought something for a field."""
        return False

    def _value(self, name: str, *, is_field: bool) -> Any:
        """What the starts brought for a field, or under an unknown key."""
        if is_field:
            return self._filled[name] if name in self._filled else getattr(self.start, name)
        if name in self._filled_extra:
            return self._filled_extra[name]
        return _unknown_keys_of(self.start).get(name)

    def _whole_start(self) -> Any:
        """The block as it started, with what repetitions of the start filled in."""
        start = self.start
        if not self._filled and not self._filled_extra:
            return start
        if isinstance(start, UnknownBlock):
            return attrs.evolve(start, data={**start.data, **self._filled_extra})
        return evolved(start, self._filled_extra, **self._filled)

    def _build(self) -> AnyContentBlock:
        """Build the block from its start and the deltas so far."""
        block: Any = self._whole_start()
        return half(block) if self.is_half else block


def _with(values: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Add a value to a dict. The first one makes the dict."""
    made = values if isinstance(values, dict) else {}
    made[name] = value
    return made


def _values_of(block: AnyContentBlock) -> Iterator[tuple[str, bool, Any]]:
    """The values of a block: name, whether it is a field (else an unknown key), and value."""
    if isinstance(block, UnknownBlock):
        yield from ((name, False, value) for name, value in block.data.items())
        return
    named = schema(type(block))
    for key in named.keys:
        yield key.name, True, getattr(block, key.name)
    for name, value in block.extra.items():
        if name not in named.names:  # else it is a misfit
            yield name, False, value


def _unknown_keys_of(block: AnyContentBlock) -> dict[str, Any]:
    return block.data if isinstance(block, UnknownBlock) else block.extra


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {}, (), InvalidJson(""))


class PartsDraft(Draft):
    """A block whose deltas are pieces of one string.

    Attributes:
        parts: The pieces. They only become more: `Accumulator` counts by them.
    """

    __slots__ = ("_checked", "_has_part", "_joined", "_joined_count", "parts")

    field: ClassVar[str]
    """The field that the parts are for."""
    part: ClassVar[tuple[type, Callable[[Any], str]]]
    """The class of the deltas that bring the parts, and from such a delta to its part."""

    def __init__(self, start: AnyContentBlock, index: int) -> None:
        super().__init__(start, index)
        self.parts: list[str] = []
        self._joined = ""
        self._joined_count = 0
        self._checked = 0
        self._has_part = False

    def end(self) -> None:
        super().end()
        self.parts = []
        self._joined = ""
        self._joined_count = 0

    def _text(self) -> str:
        """The parts, joined. The next call does not join the same parts again."""
        parts = self.parts
        if self._joined_count < len(parts):
            self._joined += "".join(parts[self._joined_count :])
            self._joined_count = len(parts)
        return self._joined

    def _has_by_deltas(self, name: str) -> bool:
        return name == self.field and self._has_parts()

    def _has_parts(self) -> bool:
        """Whether a part has some text. Each part is looked at once."""
        if not self._has_part:
            self._has_part = any(self.parts[self._checked :])
            self._checked = len(self.parts)
        return self._has_part

    def _goes_on_with(self, again: AnyContentBlock) -> bool:
        # A block goes on unless a start brings text of its own to a block that has some.
        has_text = self._value(self.field, is_field=True) or self._has_parts()
        return not (getattr(again, self.field) and has_text)


class TextDraft(PartsDraft):
    """A text block. Deltas append to its text and to its citations."""

    __slots__ = ("_citations",)

    field = "text"
    part = (TextDeltaChunk, attrgetter("text"))

    def __init__(self, start: AnyContentBlock, index: int) -> None:
        super().__init__(start, index)
        self._citations: list[AnyCitation] | None = None

    def _add_text(self, chunk: TextDeltaChunk) -> None:
        self.parts.append(chunk.text)

    def _add_citation(self, chunk: CitationsDeltaChunk) -> None:
        if chunk.citation is None:
            return
        if self._citations is None:
            self._citations = []
        self._citations.append(chunk.citation)

    def _has_by_deltas(self, name: str) -> bool:
        return (name == "citations" and bool(self._citations)) or super()._has_by_deltas(name)

    def _build(self) -> AnyContentBlock:
        start: TextBlock = self._whole_start()
        citations = start.citations
        if self._citations:
            citations = (*(citations or ()), *self._citations)
        text = joined_halves(start.text + self._text())
        if start.__class__ is TextBlock and not start.extra:
            return _text_changer()(start, text, citations)
        return evolved(start, text=text, citations=citations)

    takes: ClassVar[Takes] = {TextDeltaChunk: _add_text, CitationsDeltaChunk: _add_citation}


class ThinkingDraft(PartsDraft):
    """A thinking block. Deltas append to its text. A signature replaces the one before."""

    __slots__ = ("_signature",)

    field = "thinking"
    part = (ThinkingDeltaChunk, attrgetter("thinking"))

    def __init__(self, start: AnyContentBlock, index: int) -> None:
        super().__init__(start, index)
        self._signature: str | None = None

    @property
    def signature(self) -> Any:
        """The signature so far; "" while there is none."""
        return self._signature or self._value("signature", is_field=True)

    def sign(self, chunk: SignatureDeltaChunk) -> None:
        """Take a signature, also one that comes late. An empty one replaces none."""
        if not chunk.signature:
            return
        self._signature = chunk.signature
        # Only the first one finds the block built: later ones are no longer for a closed block.
        if self._built is not None:
            built: Any = self._built
            self._built = evolved(built, signature=self.signature)

    def _add_thinking(self, chunk: ThinkingDeltaChunk) -> None:
        self.parts.append(chunk.thinking)

    def _has_by_deltas(self, name: str) -> bool:
        return (name == "signature" and bool(self._signature)) or super()._has_by_deltas(name)

    def _build(self) -> AnyContentBlock:
        start: ThinkingBlock = self._whole_start()
        thinking = joined_halves(start.thinking + self._text())
        if start.__class__ is ThinkingBlock and not start.extra:
            return _thinking_changer()(start, thinking, self.signature)
        return evolved(start, thinking=thinking, signature=self.signature)

    takes: ClassVar[Takes] = {ThinkingDeltaChunk: _add_thinking, SignatureDeltaChunk: sign}


class InputDraft(PartsDraft):
    """A tool use. Deltas are pieces of the input's JSON text, which is parsed when it ends."""

    __slots__ = ("_scan",)

    field = "input"
    part = (InputJsonDeltaChunk, attrgetter("partial_json"))

    def __init__(self, start: AnyContentBlock, index: int) -> None:
        super().__init__(start, index)
        self._scan: ObjectScan | None = None

    @property
    def id(self) -> str:
        """The id of the tool use."""
        start: Any = self.start
        return str(start.id)

    def _add_json(self, chunk: InputJsonDeltaChunk) -> None:
        self.parts.append(chunk.partial_json)

    def _has_parts(self) -> bool:
        return not self._scanned().is_blank

    def _goes_on_with(self, again: AnyContentBlock) -> bool:
        # Servers that give no ids start the next call like this one. So a call that is whole is
        # not repeated. The {} of a start is no input yet.
        if self.id:
            return True
        scan = self._scanned()
        if scan.is_blank:
            start = self._value("input", is_field=True)
            return not start or isinstance(start, InvalidJson)
        if scan.is_balanced and isinstance(parsed_input(self._text()), InvalidJson):
            # No text that follows can make an object of it.
            scan.is_broken = True
        return not scan.is_balanced

    def _scanned(self) -> ObjectScan:
        """Look at the parts that came since the last time."""
        if self._scan is None:
            self._scan = ObjectScan()
        for part in self.parts[self._checked :]:
            self._scan.take(part)
        self._checked = len(self.parts)
        return self._scan

    def _build(self) -> AnyContentBlock:
        start: ToolUseBlock | ServerToolUseBlock | McpToolUseBlock = self._whole_start()
        text = joined_halves(self._text())
        if not text.strip(BLANKS):
            return start
        return evolved(start, input=parsed_input(text))

    def partial_input(self) -> Any:
        """Read the part of the input that was received.

        Raises:
            ImportError: jiter is not installed.
        """
        text = joined_halves(self._text())
        if self._built is not None or not text.strip(BLANKS):
            return self.block().input  # type: ignore[union-attr]
        return read_partial(text)

    takes: ClassVar[Takes] = {InputJsonDeltaChunk: _add_json}


class CompactionDraft(Draft):
    """A compaction. Each delta is the whole content, and replaces the one before."""

    __slots__ = ("_content",)

    def __init__(self, start: AnyContentBlock, index: int) -> None:
        super().__init__(start, index)
        self._content: dict[str, Any] = {}

    def _replace(self, chunk: CompactionDeltaChunk) -> None:
        # Keys that the chunk does not name replace those of the block, too.
        absent = {"content": None, "encrypted_content": None}
        content = {**absent, **chunk.to_event()["delta"], "type": "compaction"}
        self._content = content

    def _build(self) -> AnyContentBlock:
        start: CompactionBlock = self._whole_start()
        if not self._content:
            return start
        return CompactionBlock.from_dict({**start.to_dict(), **self._content})

    takes: ClassVar[Takes] = {CompactionDeltaChunk: _replace}


_DRAFTS: dict[type[AnyContentBlock], type[Draft]] = {
    TextBlock: TextDraft,
    ThinkingBlock: ThinkingDraft,
    ToolUseBlock: InputDraft,
    ServerToolUseBlock: InputDraft,
    McpToolUseBlock: InputDraft,
    CompactionBlock: CompactionDraft,
}


TAKERS: dict[type, type[Draft]] = {
    delta: draft
    for draft in (TextDraft, ThinkingDraft, InputDraft, CompactionDraft)
    for delta in draft.takes
}
"""The kind of block that takes a delta, by the delta's class. No block takes other deltas."""

PARTS = tuple(draft.part for draft in (TextDraft, ThinkingDraft, InputDraft))
"""The classes of the deltas that bring parts, and from such a delta to its part."""


def draft_of(block: AnyContentBlock, index: int) -> Draft:
    """Make the draft of a block.

    Args:
        block: The block as it starts.
        index: Its index on the wire.

    Returns:
        The draft of its class, open.
    """
    draft = _DRAFTS.get(block.__class__) or row_of(_DRAFTS, block.__class__) or Draft
    return draft(block, index)
