"""Streams as bytes: the legal ways to write a body, to cut it into pieces, and to damage it.

Source of the framing rules:
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re
from itertools import accumulate, cycle
from typing import TYPE_CHECKING

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._stream import Framer
from ._broken import broken_bodies, broken_streams
from ._broken_lines import plain_body
from ._cuts import cut, draw_cuts
from ._events import vocabulary
from ._json import LAYOUTS, ORDERS, json_values, write_json
from ._objects import any_of
from ._streams import message_streams
from ._titled import Titled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hypothesis.strategies import DrawFn

    from ._assembly import Stream
    from ._objects import Event

__all__ = ["corrupted_bodies", "segmentations", "sse_bodies", "streams_with_bodies"]


def sse_bodies(
    streams: SearchStrategy[Stream] | None = None, *, quirks: bool = True, plain: bool = False
) -> SearchStrategy[bytes]:
    r"""Bodies of streamed responses, in all formats that mean the same.

    Each line ends in LF, CR or CRLF. There are comments, `id`, `retry` and unknown fields, extra
    blank lines, events without data, and sometimes a byte order mark. `event` comes before or
    after the data, with or without a space after the colon. The JSON is compact or spread over
    several `data` lines, its keys are in any order, and its text is UTF-8 or escaped.

    To format events of your own, pass `st.just(events)`. To get the events together with the
    body, use `streams_with_bodies`.

    A decoder must take all of these. A server should not send them: `conformance.check` finds a
    byte order mark, for example. `plain=True` gives bodies in which it finds nothing.

    Args:
        streams: The events, by default `message_streams()`.
        quirks: Also generate what the specification forbids but some gateways send, and
            `ChunkDecoder` accepts: missing or wrong `event` lines, `data: [DONE]` at the end, and
            no blank line after the last event.
        plain: Only write bodies as the API does: for each event an `event:` line, one `data:` line
            and a blank line, in LF. `quirks` makes no difference then.

    Returns:
        A strategy of bytes. Shrinks to what the API sends: `event: ...\ndata: {...}\n\n`.

    Raises:
        TypeError: `streams` is no strategy.
    """
    return streams_with_bodies(streams, quirks=quirks, plain=plain).map(lambda pair: pair[1])


def streams_with_bodies(
    streams: SearchStrategy[Stream] | None = None, *, quirks: bool = True, plain: bool = False
) -> SearchStrategy[tuple[Stream, bytes]]:
    """Streams as events and as a body that means the same.

    Args:
        streams: As for `sse_bodies`.
        quirks: As for `sse_bodies`.
        plain: As for `sse_bodies`.

    Returns:
        A strategy of pairs: the events, and the body. Shrinks like `sse_bodies`.

    Raises:
        TypeError: `streams` is no strategy.
    """
    streams = message_streams() if streams is None else streams
    if not isinstance(streams, SearchStrategy):
        got = type(streams).__name__
        raise TypeError(f"streams: expected a strategy, such as st.just(events), got {got}")
    if plain:
        return streams.map(lambda events: (events, plain_body(events)))
    return _streams_with_bodies(streams, quirks)


@st.composite
def _streams_with_bodies(
    draw: DrawFn, streams: SearchStrategy[Stream], quirks: bool
) -> tuple[Stream, bytes]:
    events = draw(streams)
    # A few formats in turn mix as well as one for each event, and are faster to draw.
    formats = draw(_FORMATS[quirks])
    blocks = [_lines(event, form) for event, form in zip(events, cycle(formats), strict=False)]
    ending = draw(st.sampled_from(_ENDINGS)) if quirks else "blank line"
    if quirks and draw(st.booleans()):
        blocks.append(["data: [DONE]", ""])
    lines = [line for block in blocks for line in block]
    newlines = [newline for form in formats for newline in form.newlines]
    body = _joined(lines, newlines)
    if ending == "blank line":
        body += draw(st.sampled_from(_TAILS)).replace("\n", newlines[0])
    else:
        body = body.rstrip("\r\n") + ("" if ending == "nothing" else newlines[0])
    return events, ("\ufeff" * draw(st.integers(0, 1)) + body).encode()


_ENDINGS = ("blank line", "end of line", "nothing")

# Lines without meaning, which may be in any event; and lines that make no event by themselves.
_IDLE_LINES = (
    ":",
    ": comment",
    ":data: {}",
    "id: 7",
    "id",
    "retry: 10",
    "unknown: field",
    "unknown",
    "Data: {}",
)
_IDLE_EVENTS = ("", ":\n", "id: 7\n", "data\n", "data:\n", "event: news\n", "unknown: field\n")
# What may follow the last event and its blank line.
_TAILS = ("", ": comment", "id: 7\n:", "retry: 10\n", "data\n\n", "event: news\n\n")


@attrs.frozen
class _Format:
    """How one event is written.

    Attributes:
        newlines: The ends of its lines, used in turn.
        space: Whether a space follows the colon of a field.
        ascii_only: Whether characters beyond ASCII are escaped.
        layout: Of the JSON, as for `write_json`.
        order: Of the JSON's keys, as for `write_json`.
        name: Where the event's name is: `first`, `last`, `missing` or `wrong`.
        idle_line: A line without meaning, after the first one.
        idle_event: Lines before the event that make no event, each with its end.
        blank_lines: How many blank lines there are after the one that ends the event.
    """

    newlines: list[str]
    space: bool
    ascii_only: bool
    layout: str
    order: str
    name: str
    idle_line: str | None
    idle_event: str
    blank_lines: int


def _formats(*names: str) -> SearchStrategy[list[_Format]]:
    form = st.builds(
        _Format,
        newlines=st.lists(st.sampled_from(("\n", "\r\n", "\r")), min_size=1, max_size=3),
        space=st.sampled_from((True, False)),
        ascii_only=st.booleans(),
        layout=st.sampled_from(LAYOUTS),
        order=st.sampled_from(ORDERS),
        name=st.sampled_from(names),
        idle_line=st.none() | st.sampled_from(_IDLE_LINES),
        idle_event=st.sampled_from(_IDLE_EVENTS),
        blank_lines=st.integers(0, 2),
    )
    return st.lists(form, min_size=1, max_size=3)


_FORMATS = {False: _formats("first", "last"), True: _formats("first", "last", "missing", "wrong")}


def _lines(event: Event, form: _Format) -> list[str]:
    """Write an event as lines, without their ends."""
    colon = ": " if form.space else ":"
    text = write_json(event, ascii_only=form.ascii_only, layout=form.layout, order=form.order)
    lines = [f"data{colon}{line}" for line in text.split("\n")]
    if form.name != "missing":
        name = "completion" if form.name == "wrong" else event.get("type")
        lines.insert(len(lines) if form.name == "last" else 0, f"event{colon}{name}")
    if form.idle_line is not None:
        lines.insert(1, form.idle_line)
    before = form.idle_event.split("\n") if form.idle_event else []
    return [*before, *lines, "", *[""] * form.blank_lines]


def _joined(lines: list[str], newlines: Iterable[str]) -> str:
    """Join lines, each with its end."""
    ends = cycle(newlines)
    body: list[str] = []
    after_cr = False
    for line in lines:
        end = next(ends)
        if after_cr and not line and end == "\n":
            end = "\r\n"  # after a CR, an LF alone would belong to the same line end
        body += (line, end)
        after_cr = end == "\r"
    return "".join(body)


def segmentations(body: bytes) -> SearchStrategy[list[bytes]]:
    """Ways to cut a body into pieces, as a connection may deliver it.

    Pieces may be empty, and as small as one byte each. Cuts inside a line end, a blank line or a
    character are more frequent than by chance.

    Args:
        body: The bytes.

    Returns:
        A strategy of lists of bytes that join to `body`. Shrinks to `[body]`.

    Raises:
        TypeError: `body` is not bytes.
    """
    if not isinstance(body, bytes):
        raise TypeError(f"body: expected bytes, got {type(body).__name__}")
    return _segmentations(Titled(f"{len(body)} bytes", body))


@st.composite
def _segmentations(draw: DrawFn, whole: Titled[bytes]) -> list[bytes]:
    body = whole.value
    way = draw(_WAYS_TO_CUT)
    if way == "evenly":
        return cut(body, range(size := draw(st.integers(1, 7)), len(body), size))
    if way == "anywhere":
        return cut(body, draw_cuts(draw, len(body)))
    at_line_ends = [match.start() + 1 for match in re.finditer(rb"[\r\n]", body)]
    in_characters = [match.start() + 1 for match in re.finditer(rb"[\xc0-\xff]", body)]
    return cut(body, draw_cuts(draw, len(body), at_line_ends, in_characters, min_cuts=1))


_WAYS_TO_CUT = st.sampled_from(("anywhere", "favoured", "favoured", "favoured", "evenly"))


def corrupted_bodies(
    streams: SearchStrategy[Stream] | None = None,
) -> SearchStrategy[bytes]:
    """Bodies that were damaged on the way, or are not an event stream.

    Bytes are overwritten, inserted, lost or repeated, or the body is cut off. JSON is invalid,
    nested too deep, too large, or of the wrong shape. Streams break the rules. Some bodies are
    HTML or JSON error documents, or arbitrary bytes. Some of all these decode. Use them to test
    that a parser gives "chunks or a ChunkviewError, nothing else".

    Args:
        streams: The events of the bodies to damage, by default `message_streams()`.

    Returns:
        A strategy of bytes. Shrinks to b"".
    """
    return _corrupted_bodies(message_streams() if streams is None else streams)


@st.composite
def _corrupted_bodies(draw: DrawFn, streams: SearchStrategy[Stream]) -> bytes:
    kind = draw(st.sampled_from(("bytes", "document", "damaged", "payload", "broken", "lines")))
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    if kind == "document":
        return draw(st.sampled_from(_DOCUMENTS))
    if kind == "broken":
        _, events = draw(broken_streams())
        return draw(sse_bodies(st.just(events)))
    if kind == "lines":
        return draw(broken_bodies())[1]
    body = draw(sse_bodies(streams))
    return _damaged(draw, body) if kind == "damaged" else _with_payload(draw, body)


_DOCUMENTS = (
    b"\xff\xfe\x00",
    b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n",
    b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    b'{"type": "message_stop"}\n\n',
    b"upstream connect error or disconnect/reset before headers",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",
)

_DEEP = 20_000
_PAYLOADS: SearchStrategy[bytes] = st.one_of(
    st.sampled_from(
        (
            b"",
            b"{",
            b"[DONE",
            b"NaN",
            b'{"type": "ping", "unknown": Infinity}',
            b'{"type": "ping", "unknown": 1e999}',
            b'{"type": "ping", "unknown": ' + b"9" * 5000 + b"}",
            b'{"type": "ping", "unknown": "\\ud800"}',
            b'{"type": "ping", "unknown": "\xff"}',
            b'{"type": "ping"} {"type": "ping"}',
            b'\xef\xbb\xbf{"type": "ping"}',
            b'{"type": "ping", "unknown": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
            b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
        )
    ),
    json_values().map(lambda value: write_json(value).encode()),
    st.tuples(
        any_of(vocabulary(beta=True, unknown=True).events), st.integers(0, 50), json_values()
    ).map(lambda parts: write_json(_with_other_value(*parts)).encode()),
)


def _with_other_value(event: Event, number: int, value: object) -> Event:
    """Replace one value in an event with any JSON value."""
    places = list(_values_in(event))
    holder, name = places[number % len(places)]
    holder[name] = value
    return event


def _values_in(value: Event) -> Iterator[tuple[Event, str]]:
    for name, item in value.items():
        yield value, name
        if isinstance(item, dict):
            yield from _values_in(item)


def _with_payload(draw: DrawFn, body: bytes) -> bytes:
    """Insert an event with bad data between two events of a body."""
    ends = accumulate(map(len, Framer().feed(body)), initial=0)
    place = draw(st.sampled_from(list(ends)))
    return body[:place] + b"data: " + draw(_PAYLOADS) + b"\n\n" + body[place:]


def _damaged(draw: DrawFn, body: bytes) -> bytes:
    """Overwrite, insert, lose or repeat bytes at a few places, or cut the body off."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(start + 40, len(body))))
        new = draw(
            st.sampled_from(
                (b"", body[start:end] * 2, b"\n", b"\r", b"\n\n", b"\xff", b"\xe2\x82", b'"', b"}")
            )
            | st.binary(max_size=4)
        )
        cut_off = draw(st.booleans())
        body = body[:start] + new + (b"" if cut_off else body[end:])
    return body
