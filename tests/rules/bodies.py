"""The slow, obvious reader of bodies: bytes to folded events, by section 1 of the reading rules.

It imports nothing from chunkview, so that it can be compared with it. Framing follows the WHATWG:
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream.
Comments that begin with "Choice:" name what the rules leave open, and what is done here.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

__all__ = [
    "LEAVE_OUT",
    "MAX_DEPTH",
    "WHOLE",
    "Ending",
    "Event",
    "RefusedError",
    "are_joined",
    "depth_of",
    "error_words",
    "events_of",
    "events_of_object",
    "fields_of",
    "fold",
    "is_cut",
    "is_error",
    "is_unknown",
    "object_in",
    "parse",
    "why_unreadable",
]

Event = dict[str, Any]

MAX_DEPTH = 200
"""How many levels of objects and arrays an event may have."""

LEAVE_OUT = object()


class Ending(NamedTuple):
    """How a body ended.

    Attributes:
        kind: "whole" when nothing was left over, "cut" when it ended inside an event, "DecodeError"
            when an event could not be read.
        problem: The cause in words, or "".
    """

    kind: str
    problem: str = ""


WHOLE = Ending("whole")


class RefusedError(Exception):
    """An event that cannot be read: a DecodeError of the package.

    Attributes:
        rule: The rule of section 4 that it breaks.
    """

    def __init__(self, problem: str, rule: str = "data_not_object") -> None:
        super().__init__(problem)
        self.rule = rule


def events_of(body: bytes, reached: set[str] | None = None) -> tuple[list[Event], Ending]:
    """Read a body.

    Args:
        body: The whole body.
        reached: Takes the name of each row of the rules that was used.

    Returns:
        The folded events, as far as they could be read, and how the body ended.
    """
    seen: set[str] = set() if reached is None else reached
    if body.startswith(b"\xef\xbb\xbf"):
        seen.add("1 byte order mark")
        body = body[3:]
    if body.strip()[:1] == b"{":
        return events_of_object(body, seen)
    events: list[Event] = []
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    # What follows the last line end is a line too, but nothing ended it.
    unfinished = lines.pop()
    block: list[bytes] = []
    has_begun = has_unknown = False
    for line in lines:
        if line != b"":
            block.append(line)
            continue
        names, data = fields_of(block)
        if is_unknown(block):
            # Choice: the WHATWG skips such lines. But lines that begin like JSON or HTML are an
            # answer that nobody would see, in the middle of a stream as well.
            if b"\n".join(block).lstrip()[:1] in (b"{", b"<"):
                return events, _NO_STREAM
            has_unknown = True
        try:
            event = fold(names, data, seen)
        except RefusedError as refused:
            return events, Ending("DecodeError", str(refused))
        if event is not LEAVE_OUT:
            events.append(event)
        has_begun |= event is not LEAVE_OUT or bool(data)
        block = []
    if unfinished:
        block.append(unfinished)
    names, data = fields_of(block)
    text = b"\n".join(data)
    if object_in(text) is not None:
        # "At the end, an event without its blank line is taken if its data is a whole JSON object."
        seen.add("1 last event without its blank line")
        events.append(fold(names, data, seen))
    elif are_joined(data):
        seen.add("1 events without blank lines")
        return events, Ending("DecodeError", "events that are not separated by blank lines")
    elif data and text.strip() == b"[DONE]":
        pass
    elif is_cut(block, unfinished, has_begun=has_begun):
        # Choice: all other events are cut, an `event: ping` without data too: nobody knows what
        # would have followed.
        seen.add("1 cut inside an event")
        return events, Ending("cut", "the body ends in the middle of an event")
    elif not has_begun and not data and (has_unknown or is_unknown(block)):
        # Choice: the rules do not name bodies that are no event stream at all (a text, say). The
        # WHATWG would read no event from them, without an error.
        return events, _NO_STREAM
    return events, WHOLE


_NO_STREAM = Ending("DecodeError", "the body is no event stream")


def fields_of(block: list[bytes]) -> tuple[list[str], list[bytes]]:
    """The values of the `event:` lines and of the `data:` lines."""
    names: list[str] = []
    data: list[bytes] = []
    for line in block:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            names.append(value.decode(errors="replace"))
        elif name == b"data":
            data.append(value)
    return names, data


def is_unknown(block: list[bytes]) -> bool:
    """Whether there are lines, and none of them is a line of an event stream."""
    known = (b"", b"event", b"data", b"id", b"retry")
    return bool(block) and all(line.partition(b":")[0] not in known for line in block)


def is_cut(block: list[bytes], unfinished: bytes, *, has_begun: bool) -> bool:
    """Whether a body ends in the middle of these lines, which hold no whole object."""
    names, data = fields_of(block)
    if data:
        # Choice: data that is empty is left out, as anywhere else, if its line has its end.
        is_empty = not b"\n".join(data).strip()
        return not is_empty or bool(unfinished) or bool(names and names[-1])
    if has_begun:
        # Choice: nothing but comments, `id` and `retry` may follow the last event.
        return any(line.partition(b":")[0] not in (b"", b"id", b"retry") for line in block)
    names_of_fields = (b"\xef\xbb\xbf", b"data", b"event", b"id", b"retry")
    is_a_beginning = unfinished and any(name.startswith(unfinished) for name in names_of_fields)
    return bool(is_a_beginning or names)


def fold(names: list[str], data: list[bytes], reached: set[str]) -> Any:
    """Fold the `event:` line into the event.

    Args:
        names: The values of the `event:` lines. The last one counts.
        data: The values of the `data:` lines.
        reached: Takes the names of rows.

    Returns:
        The event, or a mark that says to leave it out.
    """
    name = names[-1] if names else ""
    text = b"\n".join(data)
    found = object_in(text)
    # 1. "`event: error`: an error, whatever its data is." Choice: without data, too.
    if name == "error":
        reached.add("1.1 event: error")
        return _error_event(text)
    if text.strip() == b"[DONE]" and name not in ("ping", "message_stop"):
        reached.add("1 [DONE]")
        return LEAVE_OUT
    if found is None:
        if are_joined(data):
            # Choice: this comes before rule 4, by which the last of such events, `event:
            # message_stop`, would need no data. The case 58_single_newlines asks for it.
            reached.add("1 events without blank lines")
            raise RefusedError("events that are not separated by blank lines")
        # 4. "`event: ping` and `event: message_stop` need no data; empty or non-object data is
        # fine there." Choice: [DONE] is such data, and so is JSON that is broken.
        if name in ("ping", "message_stop"):
            reached.add(f"1.4 {name} without an object")
            return {"type": name}
        # Choice: white space alone is empty data.
        if not text.strip():
            reached.add("1 empty data")
            return LEAVE_OUT
        raise why_unreadable(text, reached)
    event = dict(found)
    if isinstance(event.get("type"), str):
        return event
    # 3. comes before 4: an event with an error in it is no event of the type in its name.
    if event.get("error") is not None:
        return event
    # 4. "No string `type`: the `event:` name is the type."
    if name:
        reached.add("1.4 type from the event line")
        event["type"] = name
    else:
        reached.add("1.6 no type at all")
    return event


def are_joined(data: list[bytes]) -> bool:
    """Whether the lines are events without blank lines between them.

    Choice: each line but the last is an object by itself. The last one may be anything: [DONE], or
    an event that the end of the body cut.
    """
    return len(data) > 1 and all(object_in(line) is not None for line in data[:-1])


def is_error(event: Event) -> bool:
    """Whether a folded event is an error: rules 2, 3 and 5.

    Rule 5 is asked for a type that comes from the `event:` line as well. Otherwise the folded
    event would decode to something else than the event that it was folded from.
    """
    tag = event.get("type")
    if tag == "error":
        return True
    if not isinstance(tag, str):
        return event.get("error") is not None
    return tag.endswith("_error") and isinstance(event.get("message"), str)


def _error_event(text: bytes) -> Event:
    """The folded event of `event: error`.

    "Under `event: error`, data that is no object becomes {"type": "error", "error": <data>}."
    Choice: <data> is the JSON value, or the text where it is no JSON.
    Choice: an object that has another type of its own is put under `error` too. If "error" replaced
    its type ({"code": 500, "message": "…", "type": "server_error"}), the type would be lost.
    """
    try:
        value = parse(text)
    except RefusedError:
        value = text.decode(errors="replace")
    if isinstance(value, dict) and not isinstance(value.get("type"), str):
        return {**value, "type": "error"}
    if isinstance(value, dict) and value["type"] == "error":
        return value
    return {"type": "error", "error": value}


def events_of_object(body: bytes, reached: set[str]) -> tuple[list[Event], Ending]:
    """Read a body that is one JSON object: a message, or an error document."""
    document = object_in(body)
    if document is None:
        return [], Ending("DecodeError", "the body is no event stream")
    # Choice: a Message is an object of the type "message", or one without a type that has the role
    # and the content of a message.
    is_answer = document.get("role") == "assistant" and isinstance(document.get("content"), list)
    has_no_type = not isinstance(document.get("type"), str) and document.get("error") is None
    if document.get("type") != "message" and not (has_no_type and is_answer):
        reached.add("1 body is an error document")
        if is_error(document):
            return [document], WHOLE
        return [{"type": "error", "error": document}], WHOLE
    reached.add("1 body is a message")
    # Choice: misfits stay in message_start.
    content = document.get("content")
    blocks = content if isinstance(content, list) else []
    start = {**document, "content": [] if blocks or content is None else content}
    events: list[Event] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    delta: dict[str, Any] = {}
    for key in ("stop_reason", "stop_sequence"):
        value = document.get(key)
        fits = value is None or isinstance(value, str)
        delta[key] = value if fits else None
        start[key] = None if fits else value
    # Choice: what the API says of the stop belongs to the end as well, and to the end alone.
    if isinstance(document.get("stop_details"), dict):
        delta["stop_details"] = start.pop("stop_details")
    events.append({"type": "message_delta", "delta": delta, "usage": document.get("usage")})
    events.append({"type": "message_stop"})
    return events, WHOLE


def error_words(event: Event) -> tuple[str, str]:
    """The type and the message of an error, from wherever they are.

    Returns:
        The two, each "" where there is nothing.
    """
    own = event.get("type")
    kind = own if isinstance(own, str) and own != "error" else ""
    kind = kind or _code(event)
    error, beside = event.get("error"), event.get("message")
    # Choice: a string under `error` names the error if a message is beside it.
    if isinstance(error, str) and error and isinstance(beside, str) and beside:
        return (kind, f"{error}: {beside}") if kind else (error, beside)
    # Choice: where else servers write the words. The first key that has some counts.
    places = ("error", "message", "detail", "errors", "msg", "base_resp", "status_msg")
    found = [_words_in(event.get(key)) for key in places]
    with_words = [at for at, (_, message) in enumerate(found) if message]
    found = found[: with_words[0] + 1] if with_words else found
    kinds = [inner_kind for inner_kind, _ in found if inner_kind]
    message = found[-1][1]
    if not message and isinstance(error, (int, float, list)):
        message = json.dumps(error)
    return kinds[0] if kinds else kind, message


def _words_in(value: Any) -> tuple[str, str]:
    if isinstance(value, str):
        return "", value
    if isinstance(value, dict):
        return error_words(value)
    if not isinstance(value, list):
        return "", ""
    # Choice: twenty errors of a list are enough.
    found = [_words_in(item) for item in value[:20]]
    kinds = [kind for kind, _ in found if kind]
    return kinds[0] if kinds else "", "; ".join(message for _, message in found if message)


def _code(event: Event) -> str:
    code = event.get("code")
    return str(code) if isinstance(code, (str, int)) and not isinstance(code, bool) else ""


def parse(text: bytes | str) -> Any:
    """Parse JSON strictly: no NaN, no number beyond a float, no more levels than `MAX_DEPTH`.

    Raises:
        RefusedError: It is no JSON.
    """
    try:
        decoded = text if isinstance(text, str) else text.decode()
        value = json.loads(decoded, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"invalid JSON: {error}") from None
    if depth_of(value) > MAX_DEPTH:
        raise RefusedError(f"nested deeper than {MAX_DEPTH} levels", "too_deep")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def depth_of(value: Any) -> int:
    """How many levels of objects and arrays a value has; a string has none."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [
            below for item in level for below in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def object_in(text: bytes) -> Event | None:
    try:
        value = parse(text)
    except RefusedError:
        return None
    return value if isinstance(value, dict) else None


def why_unreadable(text: bytes, reached: set[str]) -> RefusedError:
    """Why data is no object."""
    try:
        value = parse(text)
    except RefusedError as refused:
        if "control character" in str(refused):
            reached.add("1 control character")
            refused.rule = "control_character"
        else:
            reached.add("1 data that is no JSON")
        return refused
    reached.add("1 data that is no object")
    return RefusedError(f"expected object, got {type(value).__name__}")
