"""The slow, obvious reader of streams: events to a message, by the reading rules.

It imports nothing from chunkview, so that it can be compared with it. It searches lists where the
package has tables, and it joins text again for each question: clarity is all that counts here.

Quoted sentences are from the reading rules. Comments that begin with "Choice:" name what the rules
leave open, and what is done here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rules.bodies import (
    MAX_DEPTH,
    WHOLE,
    Ending,
    Event,
    RefusedError,
    depth_of,
    error_words,
    events_of,
    is_error,
)
from rules.results import (
    COUNTS,
    MESSAGE_FIELDS,
    MESSAGE_KEYS,
    TOOLS,
    Block,
    Finding,
    Result,
    int_of,
    is_empty,
    list_of_objects,
    string,
    whole_characters,
)

__all__ = [
    "COUNTS",
    "Block",
    "Finding",
    "OrderError",
    "Reader",
    "Result",
    "events_of",
    "read",
    "read_body",
]

TAKES = {
    "text_delta": "text",
    "citations_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
    "compaction_delta": "compaction",
}
"""The kind of block that takes a delta."""

ONE_STRING = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}

TOLD_BY_KEY = {**{key: tag for tag, key in ONE_STRING.items()}, "citation": "citations_delta"}

STOP_REASONS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "compaction",
    "refusal",
    "model_context_window_exceeded",
)


CUT_OFF = ("max_tokens", "model_context_window_exceeded", "refusal")
"""The stop reasons of a message that did not come to its end."""


def read_body(body: bytes) -> Result:
    """Read a body to its end, or to its first error."""
    reached: set[str] = set()
    events, ending = events_of(body, reached)
    result = read(events, ending)
    result.reached |= reached
    return result


def read(events: list[Event], ending: Ending = WHOLE) -> Result:
    """Read events to their end, or to the first error.

    Args:
        events: The folded events.
        ending: How the body ended that held them.
    """
    reader = Reader()
    for event in events:
        reader.take(event)
        if reader.result.error is not None:
            return reader.result
        reader.position += 1
    if ending.kind == "DecodeError":
        reader.result.error = "DecodeError"
        reader.result.error_message = ending.problem
    else:
        # Choice: an event that was cut at the end is not taken, and says nothing about whether
        # the message is finished. So it is an IncompleteStreamError only where the message is not.
        reader.end()
    return reader.result


def has_text(parts: list[str]) -> bool:
    """Whether the deltas of a tool's input are more than white space."""
    return bool("".join(parts).strip(" \t\r\n"))


class OrderError(Exception):
    """An event out of order: a ProtocolError of the package, with its rule."""


class Reader:
    """Takes the events of one message."""

    def __init__(self) -> None:
        self.result = Result()
        self.position = 0
        self.is_beginning = False
        """message_start was the last event of the message."""
        self.has_stopped = False
        """message_stop came."""
        self.had_delta = False
        """A message_delta came."""
        self.had_reason = False
        """A message_delta brought a stop reason."""
        self.misfits: set[str] = set()
        """The counts that came with a value of another type."""

    def take(self, event: Event) -> None:
        """Take the next event. What is wrong with it is the error of the result."""
        result = self.result
        try:
            self.use(event)
        except RefusedError as refused:
            result.error, result.error_message = "DecodeError", str(refused)
        except OrderError as protocol:
            result.error, result.rule = "ProtocolError", str(protocol)

    def use(self, event: Event) -> None:
        """Take the next event.

        Raises:
            RefusedError: It cannot be read. The message does not change.
            OrderError: It is out of order. The message does not change, and the rule that is broken
                is among the findings.
        """
        # Choice: the depth is checked before the rules about errors.
        self.check_depth(event)
        if is_error(event):
            self.fail(event)
            return
        tag = event.get("type")
        take = self.TAKES.get(tag) if isinstance(tag, str) else None
        # "Pings, unknown and error events do not" need a message. Choice: nor do the events
        # that the SDK's helper adds.
        if take is not None:
            take(self, event)
            self.is_beginning = tag == "message_start"

    def check_depth(self, event: Event) -> None:
        if depth_of(event) > MAX_DEPTH:
            self.reached("2 too deep")
            raise RefusedError("nested too deep", "too_deep")

    # -- the message ---------------------------------------------------------------------------

    def start_message(self, event: Event) -> None:
        result = self.result
        message = event.get("message")
        if not isinstance(message, dict):
            # "An empty message in message_start", absent, null or a misfit.
            self.reached("2 message misfit" if message is not None else "2 message absent")
            message = {}
        # Every block is read before anything changes.
        content = message.get("content")
        if not isinstance(content, list):
            self.reached("2 content misfit" if content is not None else "2 content absent")
            content = []
        blocks = [
            # Choice: the blocks that message_start brings are closed, and numbered from 0.
            Block(index, *self.content_block(block), state="closed", was_stopped=True)
            for index, block in enumerate(content)
        ]
        for block in blocks:
            self.take_own(block)
        new_id = self.string_field(message, "id")
        if result.has_message:
            # "message_start again: before any other event of the message it is merged." Choice:
            # pings, and events of unknown types, are not of the message.
            has_conflict = new_id and result.id and new_id != result.id
            if has_conflict or not self.is_beginning:
                self.reached("3 second message: " + ("ids" if self.is_beginning else "late"))
                self.found("second_message")
                raise OrderError("second_message")
            self.reached("3 message_start merged")
            self.found("message_start_repeated")
        result.has_message = True
        result.id = new_id or result.id
        result.model = self.string_field(message, "model") or result.model
        self.merge_counts(message.get("usage"), "message")
        # Choice: content is merged like the rest, so that it never comes twice.
        result.blocks = result.blocks or blocks
        self.merge_fields(message)
        self.merge_unknown(message)

    def message_delta(self, event: Event) -> None:
        self.needs_message()
        result = self.result
        delta = event.get("delta")
        if not isinstance(delta, dict):
            self.reached("2 message_delta without delta")
            delta = {}
        if self.has_stopped:
            self.reached("3 message_delta after message_stop")
            self.found("message_delta_after_message_stop")
        if self.had_delta:
            self.reached("3 several message_deltas")
        self.had_delta = True
        reason = delta.get("stop_reason")
        # Choice: a misfit is a null here, too. The SDK lets it replace the reason.
        if not (isinstance(reason, str) and reason) and result.stop_reason:
            self.reached("3 null erases no stop reason")
            self.found("stop_reason_erased")
        # "Closes open blocks only when it brings a stop reason." Choice: "" is none, as servers
        # write that have no null. It is kept where there is no other.
        if isinstance(reason, str) and reason:
            for block in result.blocks:
                if block.state == "open":
                    self.reached("3 stop reason closes a block")
                    block.state = "paused"
            self.had_reason = True
            if reason not in STOP_REASONS:
                self.found("stop_reason_unknown")
        elif any(block.state == "open" for block in result.blocks):
            self.reached("3 message_delta without reason closes nothing")
        self.merge_counts(event.get("usage"), "message_delta")
        # Choice: where a key is both in the delta and beside it, the one beside it counts. Fields
        # of a message are read from their place only: `context_management` and
        # `input_transformations` beside the delta, the others in it.
        beside = ("context_management", "input_transformations")
        self.merge_fields({k: v for k, v in delta.items() if k not in (*beside, "diagnostics")})
        self.merge_fields({k: v for k, v in event.items() if k in beside})
        self.merge_unknown({**delta, **{k: v for k, v in event.items() if k != "delta"}})

    def stop_message(self, _event: Event) -> None:
        self.needs_message()
        if self.has_stopped:
            self.reached("3 message_stop repeated")
            self.found("message_stop_repeated")
            return
        self.has_stopped = True
        # Choice: these two show at message_stop, also where a late message_delta follows.
        if not self.had_delta:
            self.found("message_delta_missing")
        self.find_open_blocks()

    def fail(self, event: Event) -> None:
        result = self.result
        self.reached("3 error event")
        tag = event.get("type")
        by_type = "1.2 type error" if tag == "error" else "1.5 type ends in _error"
        self.reached(by_type if isinstance(tag, str) else "1.3 error without a type")
        result.error = "StreamError"
        result.error_type, result.error_message = error_words(event)
        error = event.get("error")
        if not (
            event.get("type") == "error"
            and isinstance(error, dict)
            and isinstance(error.get("type"), str)
            and isinstance(error.get("message"), str)
        ):
            self.reached("1 error of another shape")
            self.found("error_misshapen")

    def merge_counts(self, usage: Any, where: str) -> None:
        counts = self.result.counts
        if not isinstance(usage, dict):
            what = "misfit" if usage is not None else "absent"
            self.reached(f"2 usage {what} on {where}")
            usage = {}
        for name in COUNTS:
            value = usage.get(name)
            count = int_of(value)
            if count is not None:
                # Choice: a negative count is a count. Finding out what makes sense is pricing's.
                if isinstance(value, float):
                    self.reached("2 integral float")
                old = counts[name]
                if old is not None and count < old and where == "message_delta":
                    self.found("count_falls")
                if name in self.misfits:
                    self.reached("2 later value replaces a misfit")
                counts[name] = count
            elif value is not None:
                self.reached(f"2 count misfit on {where}")
                self.misfits.add(name)
            elif name in ("input_tokens", "output_tokens"):
                self.reached(f"2 count absent on {where}")

    def merge_fields(self, values: dict[str, Any]) -> None:
        # "Null or absent erases nothing." Choice: neither does a misfit.
        for name, wanted in MESSAGE_FIELDS.items():
            value = values.get(name)
            if isinstance(value, wanted):
                if name == "stop_reason" and value == "" and self.result.stop_reason:
                    continue
                self.result.fields[name] = value
            elif value is not None:
                self.reached("2 message field misfit")

    def merge_unknown(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            # Choice: misfits of known fields are not among the unknown keys here. The package
            # keeps both in `extra`.
            if name in MESSAGE_KEYS:
                continue
            if value is not None:
                self.result.unknown[name] = value
            elif name in self.result.unknown:
                self.reached("3 null erases no unknown key")

    # -- content blocks ------------------------------------------------------------------------

    def start_block(self, event: Event) -> None:
        index = self.index(event)
        tag, start = self.content_block(event.get("content_block"))
        self.needs_message()
        self.not_after_stop()
        result = self.result
        used = [block for block in result.blocks if block.index == index]
        new = Block(index, tag, start)
        same_kind = [b for b in used if b.state == "open" and b.kind == new.kind]
        assert len(same_kind) <= 1  # "It has at most one open block of each kind."
        old = same_kind[0] if same_kind else None
        if any(b.state == "open" and b.kind != new.kind for b in used):
            self.reached("3 start leaves blocks of other kinds open")
        if old is not None and self.is_repetition(old, new):
            self.reached("3 start repeated")
            self.fill(old, new)
            # Choice: a side block that gets its start goes on like any other block.
            if old.is_side:
                self.reached("3 side block gets its start")
                old.is_side = False
                old.beside = None
            else:
                self.found("block_start_repeated", old)
            self.find_late_content(old)
            return
        if old is not None:
            self.reached("3 start closes the open block of its kind")
            old.state = "closed"
        # Content of other indices that is open. Side blocks have no start that could overlap.
        overlaps = any(
            b.state == "open" and b.index != index and not b.is_side for b in result.blocks
        )
        highest = max([b.index for b in result.blocks if not b.is_side], default=-1)
        self.append(new)
        if any(not block.is_side for block in used):
            self.reached("3 index reused")
            self.found("index_reused", new)
        elif index != highest + 1:
            # Choice: due is the index after the highest one so far.
            self.reached("3 index not consecutive")
            self.found("index_not_consecutive", new)
        if overlaps:
            self.reached("3 blocks overlap")
            self.found("blocks_overlap", new)
        self.take_own(new)
        self.find_late_content(new)
        if new.kind == "tool_use" and new.id:
            others = [b for b in result.blocks if b is not new and b.kind == "tool_use"]
            if any(b.id == new.id for b in others):
                self.found("tool_id_repeated", new)
        # The rules do not say so, but the package does: a fallback block names the model that
        # goes on.
        if new.type == "fallback":
            to = start.get("to")
            result.model = (string(to.get("model")) if isinstance(to, dict) else "") or result.model

    def is_repetition(self, old: Block, new: Block) -> bool:
        """Whether a start is the start of `old` again."""
        # "When type, id and name agree". Choice: "" agrees with "" only.
        if (old.type, old.id, old.name) != (new.type, new.id, new.name):
            return False
        if old.kind == "tool_use":
            # "A tool without an id whose input is already whole is not repeated: a new block."
            # Choice: whole is an object. The {} of a start is none yet, but the {} of deltas is:
            # two calls without arguments must not become one.
            value = old.input or ({} if has_text(old.parts) else {"INVALID_JSON": ""})
            is_whole = "INVALID_JSON" not in value
            if not old.id and is_whole:
                self.reached("3 tool without id, input whole: a new block")
                return False
            # Choice: a tool's input is not "text of its own", so that an input in the start of a
            # repetition is dropped where the block has one.
            return True
        if old.kind in ("text", "thinking"):
            # "And it brings no text of its own to a block that has some".
            return not (old.own_text and new.own_text)
        # Choice: for the blocks that come whole (tool results, redacted thinking), all that they
        # bring is their text. Otherwise the second of two results at one index would be lost.
        return all(
            is_empty(value) or is_empty(old.start.get(key)) or value == old.start[key]
            for key, value in new.start.items()
        )

    def fill(self, old: Block, new: Block) -> None:
        """Fill what is empty with what a repeated start brings, key by key."""
        for key, value in new.start.items():
            by_deltas = has_text(old.parts) if key == "input" else any(old.parts)
            if key in ("text", "thinking", "input") and by_deltas:
                continue
            # A misfit is as good as nothing: a later value replaces it.
            is_misfit = key in ("text", "thinking") and not isinstance(old.start.get(key), str)
            if (is_misfit or is_empty(old.start.get(key))) and not is_empty(value):
                self.reached("3 repeated start fills what is empty")
                old.start[key] = value
        if not old.signature:
            old.signature = string(new.start.get("signature")) if old.kind == "thinking" else ""
        if not old.citations and old.kind == "text":
            old.citations = list_of_objects(new.start.get("citations"))

    def take_own(self, block: Block) -> None:
        """Take what the start brings beside its text."""
        if block.kind == "thinking":
            block.signature = string(block.start.get("signature"))
        elif block.kind == "text":
            block.citations = list_of_objects(block.start.get("citations"))
        if block.kind in ("text", "thinking"):
            self.string_field(block.start, block.kind, "block string")
        elif block.kind == "tool_use":
            self.string_field(block.start, "id", "tool id")
            value = block.start.get("input")
            if not isinstance(value, dict):
                kinds = {type(None): "absent", str: "a string"}
                self.reached("2 tool input " + kinds.get(type(value), "no object"))

    def delta(self, event: Event) -> None:
        # Choice: where the index is missing too, the delta is the one that is named.
        delta = event.get("delta")
        if not isinstance(delta, dict):
            self.reached("2 delta missing")
            raise RefusedError("delta is essential", "delta_missing")
        index = self.index(event)
        tag = self.delta_type(delta)
        key = ONE_STRING.get(tag)
        if key is not None and delta.get(key) is None:
            self.reached("2 delta string absent")
        elif key is not None and not isinstance(delta[key], str):
            self.reached("2 delta string misfit")
            raise RefusedError(f"{key} is essential when it is there", "delta_string_misfit")
        self.needs_message()
        self.not_after_stop()
        kind = TAKES.get(tag)
        taker = self.taker(index, kind)
        self.find_order_of_delta(index, tag, taker)
        if taker is None and kind in ("text", "thinking"):
            taker = self.other_taker(index, tag, string(delta.get(key or "")))
        if taker is None:
            # "Another delta that nothing takes goes to unhandled."
            self.reached("3 unhandled")
            self.result.unhandled.append(event)
            self.find_late_content(None)
            return
        self.find_late_content(taker)
        if taker.state == "paused":
            # "A block closed that way goes on if input comes for it." Choice: any delta is input.
            self.reached("3 block goes on after a stop reason")
            taker.state = "open"
        self.add(taker, tag, delta)

    def taker(self, index: int, kind: str | None) -> Block | None:
        """The open block of an index that takes a delta; side blocks count, too.

        A side block is open as long as it is the newest block.
        """
        # Choice: a block that a stop reason closed is asked only while nothing newer of its kind
        # began at its index.
        of_kind = [b for b in self.result.blocks if b.index == index and b.kind == kind]
        for block in of_kind[-1:]:
            if block.state == "open" or (
                block.state == "paused" and (not block.is_side or block is self.result.blocks[-1])
            ):
                return block
        return None

    def other_taker(self, index: int, tag: str, text: str) -> Block | None:
        """The block of text, thinking, citation or signature that no open block takes."""
        if tag == "signature_delta":
            return self.unsigned(index)
        if tag == "citations_delta":
            # Choice: a citation is no text, so it begins no side block.
            return None
        # "Text or thinking that no open block takes begins a side block of that index."
        # Choice: so does "".
        self.reached("3 side block begins" + ("" if text else " without text"))
        if any(block.is_side and block.index == index for block in self.result.blocks):
            self.reached("3 another side block begins")
        kind = TAKES[tag]
        # Choice: "the one beside which a side block began" is the newest open block of the index
        # that had a start.
        started = [
            block
            for block in self.result.blocks
            if block.index == index and block.state == "open" and not block.is_side
        ]
        beside = started[-1] if started else None
        side = Block(index, kind, {"type": kind}, is_side=True, beside=beside)
        self.append(side)
        # Choice: a side block that begins after a stop reason is open until the next one.
        return side

    def unsigned(self, index: int) -> Block | None:
        """The closed thinking block without a signature that a signature is for, or None."""
        # "A signature for a thinking block that is closed and has none (of its index, or the block
        # just before) is that block's."
        blocks = self.result.blocks

        def fits(block: Block) -> bool:
            return block.type == "thinking" and block.state != "open" and not block.signature

        own = [block for block in blocks if block.index == index]
        # Choice: of several that fit, the newest.
        for block in reversed(own):
            if fits(block):
                self.reached("3 late signature, of its index")
                return block
        # Choice: just before the newest block of the index; where the index has no block, the
        # newest block of all.
        # Two blocks may be equal, so they are told by identity.
        place = next(
            (at for at, block in enumerate(blocks) if own and block is own[-1]), len(blocks)
        )
        if place > 0 and fits(blocks[place - 1]):
            self.reached("3 late signature, of the block just before")
            return blocks[place - 1]
        return None

    def add(self, block: Block, tag: str, delta: dict[str, Any]) -> None:
        if tag in ("text_delta", "thinking_delta", "input_json_delta"):
            if block.is_side and block.parts:
                self.reached("3 side block goes on")
            part = string(delta.get(ONE_STRING[tag]))
            if whole_characters("".join([*block.parts, part])) != "".join([*block.parts, part]):
                self.reached("1 halves of a character joined")
            block.parts.append(part)
        elif tag == "signature_delta":
            # "An empty signature replaces none."
            new = string(delta.get("signature"))
            if not new:
                self.reached("3 empty signature")
            block.signature = new or block.signature
        elif tag == "citations_delta":
            # Choice: a citation that is absent or no object adds nothing.
            if isinstance(delta.get("citation"), dict):
                block.citations.append(delta["citation"])
        else:
            # Choice: each compaction delta replaces the one before, nulls and all.
            fields = {key: value for key, value in delta.items() if key != "type"}
            block.compaction = {"content": None, "encrypted_content": None, **fields}

    def stop_block(self, event: Event) -> None:
        index = self.index(event)
        self.needs_message()
        used = [block for block in self.result.blocks if block.index == index]
        open_blocks = [block for block in used if block.state == "open"]
        if open_blocks:
            newest = open_blocks[-1]
            self.reached("3 stop closes a block")
            self.stop(newest)
            if newest.beside is not None:
                self.reached("3 stop closes a side block and the one beside")
                self.stop(newest.beside)
            return
        # Choice: a stop that comes after the stop reason is the stop of the newest block that the
        # stop reason closed. After it, that block does not go on.
        paused = [block for block in used if block.state == "paused"]
        if paused:
            self.reached("3 stop after the stop reason")
            self.stop(paused[-1])
            return
        # "A stop for nothing is passed over."
        self.reached("3 stop for nothing")
        started = [block for block in used if not block.is_side]
        if started:
            self.found("block_stop_repeated", started[-1])
        else:
            self.found("block_stop_without_start")

    def stop(self, block: Block) -> None:
        block.state = "closed"
        block.was_stopped = True

    def append(self, block: Block) -> None:
        """Begin a block, which ends every side block: it goes on as long as it is the newest."""
        for other in self.result.blocks:
            if other.is_side:
                other.state = "closed"
        self.result.blocks.append(block)

    # -- the end -------------------------------------------------------------------------------

    def end(self) -> None:
        result = self.result
        # "message_stop or a stop reason makes it finished." Choice: the stop reason may be one
        # that message_start brought.
        if not (self.has_stopped or result.stop_reason):
            self.reached("3 incomplete" if result.has_message else "3 incomplete: no message")
            result.error = "IncompleteStreamError"
            self.found("stream_cut")
            return
        self.reached("3 finished by " + ("message_stop" if self.has_stopped else "a stop reason"))
        if not self.has_stopped:
            self.found("message_stop_missing")
            self.find_open_blocks()
        self.find_data()

    # -- reading fields ------------------------------------------------------------------------

    def index(self, event: Event) -> int:
        # "An int or an integral float, not a bool, not negative".
        index = int_of(event.get("index"))
        if index is None or index < 0:
            kind = "absent" if event.get("index") is None else "misfit"
            self.reached("2 index " + (kind if index is None else "negative"))
            raise RefusedError("index is essential", "index_missing")
        if isinstance(event["index"], float):
            self.reached("2 integral float as index")
        return index

    def content_block(self, block: Any) -> tuple[str, dict[str, Any]]:
        """The type of a block and a copy of it."""
        if not isinstance(block, dict):
            self.reached("2 content_block missing")
            raise RefusedError("content_block is essential", "content_block_missing")
        tag = block.get("type")
        if not isinstance(tag, str):
            self.reached("2 block type missing")
            raise RefusedError("a block's type is essential", "block_type_missing")
        if tag in TOOLS and not isinstance(block.get("name"), str):
            self.reached("2 tool name missing")
            raise RefusedError("a tool's name is essential", "tool_name_missing")
        return tag, dict(block)

    def delta_type(self, delta: dict[str, Any]) -> str:
        tag = delta.get("type")
        if isinstance(tag, str):
            return tag
        # "A delta without type is told by its one known key". Choice: a type that is no string is
        # a misfit, and so absent; a key that is null is not there.
        told = [TOLD_BY_KEY[key] for key in TOLD_BY_KEY if delta.get(key) is not None]
        self.reached("2 delta without type, " + ("told" if len(told) == 1 else "unknown"))
        return told[0] if len(told) == 1 else ""

    def string_field(self, place: dict[str, Any], name: str, label: str = "") -> str:
        value = place.get(name)
        if not isinstance(value, str):
            what = "absent" if value is None else "misfit"
            self.reached(f"2 {label or 'message ' + name} {what}")
        return string(value)

    def needs_message(self) -> None:
        if not self.result.has_message:
            self.reached("3 no message_start")
            self.found("message_start_missing")
            raise OrderError("message_start_missing")

    def not_after_stop(self) -> None:
        if self.has_stopped:
            self.reached("3 content after message_stop")
            self.found("content_after_message_stop")
            raise OrderError("content_after_message_stop")

    # -- findings ------------------------------------------------------------------------------

    def reached(self, row: str) -> None:
        self.result.reached.add(row)

    def found(self, rule: str, block: Block | None = None) -> None:
        """Note a finding: "One finding per rule and block; where there is no block, per rule"."""
        blocks = self.result.blocks
        # By identity: two blocks may be equal.
        place = None if block is None else [b is block for b in blocks].index(True)
        for finding in self.result.findings:
            if (finding.rule, finding.block) == (rule, place):
                finding.count += 1
                return
        self.result.findings.append(Finding(rule, place, self.position))

    def take_back(self, rule: str) -> None:
        """Undo that a rule about no block was found once."""
        findings = self.result.findings
        place = [(finding.rule, finding.block) for finding in findings].index((rule, None))
        findings[place].count -= 1
        if not findings[place].count:
            del findings[place]

    def find_order_of_delta(self, index: int, tag: str, taker: Block | None) -> None:
        """What is off with the place of a delta. Side blocks do not make it right."""
        blocks = self.result.blocks
        if taker is not None and not taker.is_side:
            if taker is not [block for block in blocks if not block.is_side][-1]:
                # Choice: the delta is for a block that is open, but not the one that started last.
                self.found("blocks_interleave", taker)
            return
        started = [block for block in blocks if block.index == index and not block.is_side]
        if not started:
            self.found("delta_without_block")
        elif all(block.state == "closed" for block in started):
            self.found("delta_after_block_stop", started[-1])
        elif tag in TAKES:
            # Choice: also where the block is of an unknown type. The SDK loses the delta.
            going_on = [block for block in started if block.state != "closed"]
            self.found("delta_type_mismatch", going_on[-1])

    def find_late_content(self, block: Block | None) -> None:
        if self.had_reason:
            self.found("content_after_stop_reason", block)

    def find_open_blocks(self) -> None:
        for block in self.result.blocks:
            # Choice: side blocks have no stop of their own to miss.
            if not block.was_stopped and not block.is_side:
                self.found("block_not_stopped", block)

    def find_data(self) -> None:
        """What is off with the data of a finished message, seen at its end."""
        result = self.result
        reason = result.stop_reason
        calls = any(block.type == "tool_use" for block in result.blocks)
        if not reason:
            self.found("stop_reason_missing")
        # Choice: the reasons that say that the message is whole.
        if calls and reason in ("end_turn", "stop_sequence"):
            self.found("tool_use_without_stop_reason")
        if reason == "tool_use" and not calls:
            self.found("stop_reason_without_tool_use")
        for block in result.blocks:
            # Choice: a message that was cut off may have half a last block.
            may_be_half = block is result.blocks[-1] and reason in CUT_OFF
            if block.kind == "tool_use" and "INVALID_JSON" in (block.input or {}):
                self.reached("3 tool input invalid")
                if not may_be_half:
                    self.found("tool_input_invalid", block)
            if block.kind == "tool_use" and block.parts:
                blank = not "".join(block.parts).strip()
                replaced = not blank and not is_empty(block.start.get("input"))
                if blank and not is_empty(block.start.get("input")):
                    self.reached("3 blank deltas leave the start's input")
                if replaced:
                    self.reached("3 deltas replace the start's input")
            if block.type == "thinking" and not block.signature and not may_be_half:
                self.found("thinking_without_signature", block)

    TAKES: dict[str, Callable[[Reader, Event], None]] = {  # noqa: RUF012
        "message_start": start_message,
        "content_block_start": start_block,
        "content_block_delta": delta,
        "content_block_stop": stop_block,
        "message_delta": message_delta,
        "message_stop": stop_message,
    }
