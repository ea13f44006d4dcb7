"""What the picture shows of one stream: its events, blocks, findings and totals, as JSON.

Texts are ready to show: control characters, and those that change the direction of text, are
escapes. An event's JSON is text already, since JavaScript would round its long numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ..._chunks import (
    CitationsDeltaChunk,
    ContentBlockStartChunk,
    ErrorChunk,
    InputJsonDeltaChunk,
    MessageDeltaChunk,
    MessageStartChunk,
    SignatureDeltaChunk,
)
from ..._rules import RULES
from ..._stream import check_each
from ..display import as_number, price_of, printable, printable_text, shortened
from ..reading import Item
from .blocks import facts_of_block, head_of_block
from .texts import name_shown, pretty_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..._chunks import ChunkView
    from ..._model import Message
    from ..._rules import Finding
    from ..._stream import Timings
    from ...common import CostMetadata
    from ..reading import Kept
    from ..streams import Stream

__all__ = ["facts_of"]

_LONGEST_EXCERPT = 120
# What cannot be decoded is shown up to this many characters.
_LONGEST_BROKEN = 10_000


def facts_of(stream: Stream) -> tuple[dict[str, Any], str]:
    """Read a stream to its end, and collect what to show of it.

    Args:
        stream: The stream. Nothing of it has been read.

    Returns:
        The facts, which `picture.js` describes; and why the stream could not be read to its end,
        or "".
    """
    facts: dict[str, Any] = {
        "name": printable(stream.name),
        "problem": printable(stream.problem),
        "summary": [],
        "lanes": ["message"],
        "events": [],
        "findings": [],
        "blocks": [],
    }
    reading = stream.reading
    if reading is None:
        return facts, stream.problem
    kept = reading.keep()
    for _ in reading:
        pass
    kept.keep_rest()
    problem = stream.problem
    if reading.failure is not None:
        problem = f"byte {reading.failure.offset}: {reading.failure.problem}"
    events = _Events(kept)
    findings = check_each(events.items(), events.add)
    message = reading.stream.message
    facts["problem"] = printable(shortened(problem, _LONGEST_BROKEN))
    rows = _summary(message, reading.stream.timings)
    facts["summary"] = [[name, name_shown(value)] for name, value in rows if value]
    facts["lanes"] = events.lanes
    facts["events"] = events.facts
    facts["findings"] = [_facts_of_finding(finding) for finding in findings]
    facts["blocks"] = [] if message is None else list(map(facts_of_block, message.content))
    return facts, problem


class _Events:
    """Collects the events of a stream.

    Attributes:
        facts: Those of each event.
        lanes: The name of each lane. Lane 0 has what is about the message; each block start opens
            a lane.
    """

    def __init__(self, kept: Kept) -> None:
        self.facts: list[dict[str, Any]] = []
        self.lanes = ["message"]
        self._kept = kept
        self._lane_of_index: dict[int, int] = {}
        self._item = Item(b"", 0, None)
        self._event = bytearray()
        """The bytes of the event that was read last, if the source is a body."""

    def items(self) -> Iterator[Any]:
        """Give the items of the source again."""
        for item in self._kept.items:
            if isinstance(item.value, bytes):
                if item.offset != self._item.offset:
                    self._event.clear()
                self._event += item.value
            self._item = item
            yield item.value

    def add(self, chunk: ChunkView | None, _: object) -> None:
        """Collect the next event.

        Args:
            chunk: Its chunk view; None if it cannot be decoded.
        """
        facts: dict[str, Any] = {"offset": self._item.offset}
        if self._item.seconds is not None:
            facts["seconds"] = round(self._item.seconds, 6)
        if chunk is None:
            facts.update(type="not readable", lane=0, json=self._broken(self._item))
        else:
            facts.update(
                type=name_shown(_type_of(chunk)),
                lane=self._lane_of(chunk),
                json=pretty_json(chunk.to_event()),
            )
            added = chunk.content or chunk.thinking
            if isinstance(chunk, InputJsonDeltaChunk):
                added = chunk.partial_json
            if added:
                facts["characters"] = len(added)
            if excerpt := added or _words_of(chunk):
                facts["text"] = printable(_cut(excerpt).replace("\n", "↵"))
            if label := _label_of(chunk):
                facts["label"] = name_shown(label)
        self.facts.append(facts)

    def _lane_of(self, chunk: ChunkView) -> int:
        index: int | None = getattr(chunk, "index", None)
        if index is None:
            return 0
        head = "no start"
        if isinstance(chunk, ContentBlockStartChunk):
            head = head_of_block(chunk.content_block)
        elif index in self._lane_of_index:
            return self._lane_of_index[index]
        self._lane_of_index[index] = lane = len(self.lanes)
        self.lanes.append(name_shown(f"{index} {head}"))
        return lane

    def _broken(self, item: Item) -> str:
        """What was read of an event that cannot be decoded."""
        value = item.value
        if isinstance(value, bytes):
            text = self._event.decode(errors="backslashreplace")
        else:
            text = value if isinstance(value, str) else repr(value)
        return printable_text(shortened(text, _LONGEST_BROKEN), is_terminal=True)


def _type_of(chunk: ChunkView) -> str:
    """What an event is called: a delta by the type of the delta."""
    return getattr(chunk, "delta_type", "") or chunk.type or "no type"


def _words_of(chunk: ChunkView) -> str:
    """What an event says, if it adds no text."""
    words: list[str | None] = []
    if isinstance(chunk, MessageStartChunk):
        words = [chunk.model, _counts(chunk.cost_metadata)]
    elif isinstance(chunk, MessageDeltaChunk):
        words = [chunk.stop_reason, chunk.stop_sequence, _counts(chunk.cost_metadata)]
    elif isinstance(chunk, ContentBlockStartChunk):
        words = [head_of_block(chunk.content_block)]
    elif isinstance(chunk, SignatureDeltaChunk):
        words = [f"{len(chunk.signature):,} characters"]
    elif isinstance(chunk, CitationsDeltaChunk):
        words = [str(getattr(chunk.citation, "cited_text", None) or "")]
    elif isinstance(chunk, ErrorChunk):
        words = [chunk.error_type, chunk.error_message]
    return ", ".join(filter(None, words))


def _label_of(chunk: ChunkView) -> str:
    """What is written beside the mark of an event about the message."""
    counts = chunk.cost_metadata
    words: list[str | None] = []
    if isinstance(chunk, MessageStartChunk) and counts.input_tokens is not None:
        words = [f"{as_number(counts.input_tokens)} in"]
    elif isinstance(chunk, MessageDeltaChunk):
        words = [chunk.stop_reason]
        if counts.output_tokens is not None:
            words.append(f"{as_number(counts.output_tokens)} out")
    elif isinstance(chunk, ErrorChunk):
        words = [chunk.error_type]
    return ", ".join(filter(None, words))


def _cut(text: str) -> str:
    """Cut an excerpt, before the characters of a long text are escaped."""
    return text if len(text) <= _LONGEST_EXCERPT else f"{text[:_LONGEST_EXCERPT]}…"


def _counts(counts: CostMetadata) -> str:
    """The token counts that are known."""
    named = {
        "input": counts.input_tokens,
        "cached": counts.cached_tokens,
        "cache write": counts.cache_write_tokens,
        "output": counts.output_tokens,
    }
    known = {name: count for name, count in named.items() if count is not None}
    return ", ".join(f"{as_number(count)} {name}" for name, count in known.items())


def _summary(message: Message | None, timings: Timings | None) -> Iterator[tuple[str, str]]:
    """Give the facts about the whole stream: names, and values to show."""
    if message is not None:
        price = price_of(message)
        yield "model", message.model
        yield "id", message.id
        yield "stop reason", message.stop_reason or "none"
        if message.stop_sequence:
            yield "stop sequence", repr(message.stop_sequence)
        yield "tokens", _counts(message.cost_metadata) or "not known"
        yield "cost", price if isinstance(price, str) else as_number(price)
    if timings is not None:
        for name, seconds in attrs.asdict(timings).items():
            yield name.replace("_", " "), "" if seconds is None else f"{seconds:.3f} s"


def _facts_of_finding(finding: Finding) -> dict[str, Any]:
    rule = RULES[finding.rule]
    return {
        "rule": rule.name,
        "severity": rule.severity,
        "message": printable(finding.message),
        "position": finding.position,
        "count": finding.count,
        "promise": rule.promise,
        "sdk": rule.sdk,
        "mend": rule.mend,
        "page": rule.page,
    }
