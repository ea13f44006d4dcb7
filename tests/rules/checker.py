"""The slow, obvious checker: a body or events to the findings of section 4 of the reading rules.

It goes on after what would raise. It imports nothing from chunkview, so that it can be compared
with it. Quoted sentences are from the reading rules. Comments that begin with "Choice:" name what
the rules leave open, and what is done here.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from rules.bodies import (
    LEAVE_OUT,
    Event,
    RefusedError,
    are_joined,
    events_of_object,
    fields_of,
    fold,
    is_cut,
    is_error,
    is_unknown,
    object_in,
    why_unreadable,
)
from rules.fields import BLOCKS, CITATIONS, DELTAS, EVENTS, PARTS
from rules.model import ONE_STRING, TOLD_BY_KEY, OrderError, Reader
from rules.results import TOOLS, Finding, int_of, whole_characters

__all__ = [
    "check_agents",
    "check_body",
    "check_events",
    "faults_of_fields",
    "summary_of_findings",
]


class Item(NamedTuple):
    """What a body has at one place.

    Attributes:
        event: The folded event, or None where there is none.
        faults: The rules of the group wire that it breaks.
        refused: The rule that keeps it from being read, or "".
        counts: Whether it has a number of its own. What is skipped has none.
        begins: Whether it shows that the body is a stream: it has data, or an event.
    """

    event: Event | None
    faults: list[str]
    refused: str = ""
    counts: bool = True
    begins: bool = True


STOPS = Item(None, [], counts=False, begins=False)
"""Nothing can be read from here on."""


def check_body(body: bytes) -> list[Finding]:
    """The findings of a body."""
    return check_items(items_of(body))


def check_events(events: list[Event]) -> list[Finding]:
    """The findings of events that somebody else has read from a body.

    Choice: the group wire is about bytes. Events have none of its findings.
    """
    return check_items(Item(event, []) for event in events)


def check_agents(events: list[tuple[str | None, Event]]) -> list[Finding]:
    """The findings of events of several agents, each with the parent of its agent.

    Choice: the position is among all events. An agent may have many messages, one after the other,
    since each is the answer to a request of its own.
    """
    checkers: dict[str | None, Checker] = {}
    for position, (parent, event) in enumerate(events):
        checker = checkers.setdefault(parent, Checker(is_body=False))
        checker.position = position
        checker.take(Item(event, []))
    for checker in checkers.values():
        checker.end()
    return [finding for checker in checkers.values() for finding in checker.findings()]


def summary_of_findings(findings: list[Finding]) -> Counter[tuple[str, int, int]]:
    """The findings in a form to compare."""
    return Counter((f.rule, f.position, f.count) for f in findings)


# -- a whole stream ----------------------------------------------------------------------------


def check_items(items: Iterator[Item]) -> list[Finding]:
    checker = Checker()
    for item in items:
        if item is STOPS:
            return checker.findings()
        checker.take(item)
    checker.end()
    return checker.findings()


class Checker:
    """Takes the items of a stream, one message after the other."""

    def __init__(self, *, is_body: bool = True) -> None:
        self.is_body = is_body
        self.messages = [Reader()]
        self.position = 0
        self.next_of_message = 0
        """The number of the event after the last one of the message."""
        self.is_after_error = False
        self.is_cut = False
        """The body ended in the middle of an event."""

    @property
    def message(self) -> Reader:
        return self.messages[-1]

    def findings(self) -> list[Finding]:
        # "At most 100 a stream." Choice: of each message.
        return [finding for message in self.messages for finding in message.result.findings[:100]]

    def take(self, item: Item) -> None:
        self.message.position = self.position
        refused = item.refused
        fields: list[str] = []
        is_failure = item.event is not None and is_error(item.event)
        if item.event is not None:
            try:
                self.use(item.event, is_failure=is_failure)
                fields = faults_of_fields(item.event)
            except RefusedError as error:
                refused = error.rule
            except OrderError:
                # The rule is among the findings already. The event can be read all the same.
                fields = faults_of_fields(item.event)
        is_after_error = self.is_after_error
        self.is_after_error |= is_failure and not refused
        for rule in item.faults:
            if rule == "last_event_unterminated" and item.event is None and not item.refused:
                # A cut event: whether the message is complete shows at the end.
                self.is_cut = True
            else:
                self.message.found(rule)
        if refused:
            self.message.found(refused)
        index = None if item.event is None else int_of(item.event.get("index"))
        blocks = [block for block in self.message.result.blocks if block.index == index]
        has_index = item.event is not None and str(item.event.get("type")).startswith(
            "content_block_"
        )
        for rule in fields:
            is_of_block = has_index and blocks and not is_after_error
            self.message.found(rule, blocks[-1] if is_of_block else None)
        if is_after_error and item.counts:
            self.message.found("event_after_error")
        self.position += item.counts
        self.next_of_message = self.position

    def use(self, event: Event, *, is_failure: bool) -> None:
        if self.is_after_error and not is_failure:
            if not self.is_body and event.get("type") == "message_start":
                # Choice: an error ends the answer to one request, and an agent may send another.
                Reader().use(event)  # it has to be readable
                self.begin(event)
            else:
                # "What follows is not read." Choice: but for its bytes and its fields. So a copy of
                # the message tells whether the event can be read.
                copy.deepcopy(self.message).use(event)
            return
        try:
            self.message.use(event)
        except OrderError as error:
            if str(error) != "second_message" or not self.message.has_stopped:
                raise
            if not self.is_body:
                self.message.take_back("second_message")
            self.begin(event)

    def begin(self, event: Event) -> None:
        """A new message begins. What shows at the end of the one before shows now."""
        self.end_message(self.next_of_message)
        self.messages.append(Reader())
        self.is_after_error = False
        self.message.position = self.position
        self.message.use(event)

    def end(self) -> None:
        message = self.message
        message.position = self.position
        if self.is_cut and (message.has_stopped or message.result.stop_reason):
            message.found("last_event_unterminated")
        self.end_message(self.position)

    def end_message(self, position: int) -> None:
        message = self.message
        message.position = position
        # Choice: a message that never started is not cut, too.
        rules = {finding.rule for finding in message.result.findings}
        never_started = not message.result.has_message and "message_start_missing" in rules
        is_complete = bool(message.has_stopped or message.result.stop_reason)
        # Choice: what is missing before message_stop is missing because of the error.
        if message.has_stopped or (not self.is_after_error and (is_complete or not never_started)):
            message.end()


# -- bytes -------------------------------------------------------------------------------------


def items_of(body: bytes) -> Iterator[Item]:
    """The items of a body, with what is off on the wire."""
    faults: list[str] = []
    if body.startswith(b"\xef\xbb\xbf"):
        faults, body = ["byte_order_mark"], body[3:]
    if body.strip()[:1] == b"{":
        yield from items_of_object(body, faults)
        return
    for item in items_of_lines(body):
        # Choice: a byte order mark is at the first data or event, whatever that is.
        if item.begins:
            yield item._replace(faults=faults + item.faults)
            faults = []
        else:
            yield item


def items_of_object(body: bytes, faults: list[str]) -> Iterator[Item]:
    if object_in(body) is None:
        # Choice: that the body is no stream is all there is to say of it.
        yield Item(None, [], "data_not_object")
        yield STOPS
        return
    events, _ = events_of_object(body, set())
    is_message = events[0].get("type") == "message_start" and len(events) > 1
    faults = [*faults, "body_is_message" if is_message else "body_is_error"]
    for event in events:
        yield Item(event, faults + half_characters(event))
        faults = []


def items_of_lines(body: bytes) -> Iterator[Item]:
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    unfinished = lines.pop()
    block: list[bytes] = []
    has_begun = has_unknown = False
    for line in lines:
        if line != b"":
            block.append(line)
            continue
        names, data = fields_of(block)
        if is_unknown(block):
            if b"\n".join(block).lstrip()[:1] in (b"{", b"<"):
                yield Item(None, [], "data_not_object", begins=False)
                # Choice: behind an event this is a broken event, else the body is no stream.
                if not has_begun:
                    yield STOPS
                    return
                block = []
                continue
            has_unknown = True
        item = item_of(names, data)
        if item is not None:
            yield item
            has_begun |= item.begins
        block = []
    if unfinished:
        block.append(unfinished)
    names, data = fields_of(block)
    text = b"\n".join(data)
    item = item_of(names, data)
    if object_in(text) is not None:
        assert item is not None
        yield item._replace(faults=[*item.faults, "last_event_unterminated"])
    elif are_joined(data):
        yield Item(None, ["last_event_unterminated"], "data_not_object")
    elif data and text.strip() == b"[DONE]":
        assert item is not None
        # Choice: the marker is noted, although no event is made of its name.
        yield item._replace(event=None, counts=False, begins=True)
    elif is_cut(block, unfinished, has_begun=has_begun):
        yield Item(None, ["last_event_unterminated"], counts=False, begins=bool(text.strip()))
    elif data:
        yield Item(None, [], counts=False)
    elif not has_begun and not data and (has_unknown or is_unknown(block)):
        yield Item(None, [], "data_not_object", begins=False)
        yield STOPS


def item_of(names: list[str], data: list[bytes]) -> Item | None:
    """The item that some lines are; None where they are nothing."""
    faults = faults_of_lines(names, data)
    try:
        event = fold(names, data, set())
    except RefusedError as refused:
        # The rule that refuses it is among the faults, but where events are joined.
        rest = [rule for rule in faults if rule == "event_line_missing"]
        return Item(None, rest, refused.rule)
    if event is LEAVE_OUT:
        return Item(None, faults, counts=False, begins=bool(data)) if faults or data else None
    return Item(event, faults + half_characters(event))


def faults_of_lines(names: list[str], data: list[bytes]) -> list[str]:
    """What is off with the `event:` line and the data of an event."""
    name = names[-1] if names else ""
    text = b"\n".join(data)
    found = object_in(text)
    if text.strip() == b"[DONE]":
        # Choice: that is all there is to say of it, even where its name makes an event of it.
        return ["done_marker_named" if name else "done_marker"]
    if found is None:
        if not text.strip():
            return ["data_not_object"] if name else []
        # Choice: what keeps the data from being read is named, where it has a rule of its own.
        rule = why_unreadable(text, set()).rule
        return [rule] if name else ["event_line_missing", rule]
    tag = found.get("type")
    faults = [] if isinstance(tag, str) else ["event_type_missing"]
    if not name:
        faults.append("event_line_missing")
    elif isinstance(tag, str) and tag != name:
        faults.append("event_line_differs")
    return faults


def half_characters(event: Event) -> list[str]:
    has_half = any(re.search("[\ud800-\udfff]", whole_characters(s)) for s in strings_in(event))
    return ["half_character"] if has_half else []


def strings_in(value: Any) -> Iterator[str]:
    """All strings of a value. Choice: the keys of objects are strings, too."""
    level = [value]
    while level:
        item = level.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            level += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            level += item


# -- fields ------------------------------------------------------------------------------------


def faults_of_fields(event: Event) -> list[str]:
    """What is off with the fields of an event that can be read.

    Choice: each rule once, even where two fields break it.
    """
    if is_error(event):
        return []
    reads = {
        "message_start": faults_of_message,
        "content_block_start": faults_of_block_start,
        "content_block_delta": faults_of_delta,
        "message_delta": faults_of_message_delta,
    }
    tag = event.get("type")
    read = reads.get(tag) if isinstance(tag, str) else None
    return sorted(set(read(event))) if read else []


def faults_of_message(event: Event) -> Iterator[str]:
    message = event.get("message")
    if not isinstance(message, dict):
        yield "message_missing"
        return
    content, usage = message.get("content"), message.get("usage")
    fields = dict(PARTS["message"][1])
    if not isinstance(content, list):
        yield "message_content_missing"
        del fields["content"]
    else:
        for block in content:
            yield from faults_of_block(block)
    if not isinstance(usage, dict):
        yield "message_usage_missing"
        del fields["usage"]
    elif usage.get("input_tokens") is None or usage.get("output_tokens") is None:
        yield "count_missing"
    if message.get("id") in (None, ""):
        yield "message_id_missing"
    if message.get("model") in (None, ""):
        yield "message_model_missing"
    if message.get("type") is None:
        yield "message_type_missing"
    if message.get("role") is None:
        yield "message_role_missing"
    if not {"stop_reason", "stop_sequence"} <= message.keys():
        yield "message_stop_fields_missing"
    if not (fit({**fields, "type": "str?"}, message)):
        yield "misfit_value"


def faults_of_message_delta(event: Event) -> Iterator[str]:
    delta, usage = event.get("delta"), event.get("usage")
    fields = dict(EVENTS["message_delta"][1])
    if not isinstance(delta, dict):
        yield "message_delta_delta_missing"
    elif not {"stop_reason", "stop_sequence"} <= delta.keys():
        yield "message_delta_fields_missing"
    if not isinstance(usage, dict):
        yield "final_usage_missing"
        del fields["usage"]
    elif usage.get("output_tokens") is None:
        yield "final_count_missing"
    if not fit(fields, event):
        yield "misfit_value"


def faults_of_block_start(event: Event) -> Iterator[str]:
    yield from faults_of_block(event["content_block"])


def faults_of_block(block: Any) -> Iterator[str]:
    tag = block["type"]
    # Choice: the strings are the content of these blocks, not their signatures or ids.
    strings = {"text": "text", "thinking": "thinking", "redacted_thinking": "data"}
    if tag in strings and block.get(strings[tag]) is None:
        yield "block_string_missing"
    if tag in TOOLS:
        if block.get("id") in (None, ""):
            yield "tool_id_missing"
        if block.get("input") is None:
            yield "tool_input_missing"
    if not fits("block", block):
        yield "misfit_value"


def faults_of_delta(event: Event) -> Iterator[str]:
    delta = event["delta"]
    tag = delta.get("type")
    # Choice: a type that is no string is as good as none, as with the type of an event or a block.
    if not isinstance(tag, str):
        yield "delta_type_missing"
        told = [tag for key, tag in TOLD_BY_KEY.items() if delta.get(key) is not None]
        tag = told[0] if len(told) == 1 else ""
    # Choice: a citation is what its delta lacks, although it is no string.
    its_field = {**ONE_STRING, "citations_delta": "citation"}.get(tag)
    if its_field is not None and delta.get(its_field) is None:
        yield "delta_string_missing"
    if tag and tag in DELTAS and not fit(DELTAS[tag][1], event):
        yield "misfit_value"


def fit(fields: dict[str, str], data: dict[str, Any]) -> bool:
    """Whether all the fields of an object have the JSON type that they should, or are null."""
    for name, what in fields.items():
        kind, _, key = what.partition(" ")
        value: Any = data
        for step in (key or name).split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None and not fits(kind, value):
            return False
    return True


def fits(kind: str, value: Any) -> bool:
    """Whether a value has the JSON type of a field, and what is inside it, too."""
    kind = kind.rstrip("?!*")
    simple = {
        "str": str,
        "role": str,
        "bool": bool,
        "object": dict,
        "input": dict,
        "array": list,
        "any": object,
    }
    if kind in simple:
        return isinstance(value, simple[kind])
    if kind == "int":
        return int_of(value) is not None
    if kind == "index":
        return True  # Essential: the event is refused otherwise.
    if kind.startswith("["):
        return isinstance(value, list) and all(fits(kind[1:-1], item) for item in value)
    if not isinstance(value, dict):
        return False
    if kind in PARTS:
        return fit(PARTS[kind][1], value)
    tag = value.get("type")
    row = (BLOCKS if kind == "block" else CITATIONS).get(tag) if isinstance(tag, str) else None
    return row is None or fit(row[1], value)
