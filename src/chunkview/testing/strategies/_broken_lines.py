"""How a body breaks each rule of the wire: its bytes, its lines, and the JSON in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

from ..._chunks import EVENTS
from ..._stream import accumulate
from ._breaking import WORDS, at_end, block_events, start_count
from ._json import write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn

    from ._assembly import Stream

__all__ = ["BREAKS", "plain_body"]

_BreakOfBody: TypeAlias = "Callable[[DrawFn, Stream], bytes]"
"""Writes a valid stream as a body that breaks a rule."""


def plain_body(stream: Stream) -> bytes:
    """Write events as the API does: an `event:` line, one `data:` line, a blank line, in LF."""
    return b"".join(_frames(stream))


def _frames(stream: Stream) -> list[bytes]:
    """The lines of each event, with its blank line."""
    return [_frame(event["type"], write_json(event)) for event in stream]


def _frame(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _event_line_missing(draw: DrawFn, stream: Stream) -> bytes:
    frames = _frames(stream)
    only = draw(st.none() | st.integers(0, len(frames) - 1))
    return b"".join(
        [
            frame.partition(b"\n")[2] if only in (None, place) else frame
            for place, frame in enumerate(frames)
        ]
    )


def _event_line_differs(draw: DrawFn, stream: Stream) -> bytes:
    frames = _frames(stream)
    place = draw(st.integers(0, len(frames) - 1))
    # Under `event: error`, anything is an error.
    names = [name for name in ("message", *EVENTS) if name not in ("error", stream[place]["type"])]
    frames[place] = _frame(draw(st.sampled_from(names)), write_json(stream[place]))
    return b"".join(frames)


def _event_type_missing(draw: DrawFn, stream: Stream) -> bytes:
    frames = _frames(stream)
    # Without its type, an unknown event may be anything.
    known = [place for place, event in enumerate(stream) if event["type"] in EVENTS]
    place = draw(st.sampled_from(known))
    name = stream[place].pop("type")
    if draw(st.booleans()):
        stream[place]["type"] = draw(st.sampled_from((None, 0)))
    frames[place] = _frame(name, write_json(stream[place]))
    return b"".join(frames)


def _data_not_object(draw: DrawFn, stream: Stream) -> bytes:
    # An event more than there should be: what is not read must not be missed.
    name = draw(st.sampled_from(("ping", "content_block_delta", "news")))
    ping = _frame("ping", '{"type":"ping"}')
    joined = ping[:-1] + ping
    frame = draw(
        st.sampled_from(_NO_OBJECTS).map(lambda data: _frame(name, data)) | st.just(joined)
    )
    return _with_frame(draw, stream, frame)


def _done_marker(draw: DrawFn, stream: Stream) -> bytes:
    return _with_frame(draw, stream, b"data: [DONE]\n\n")


def _done_marker_named(draw: DrawFn, stream: Stream) -> bytes:
    name = draw(st.sampled_from(("data", "done", "message", "content_block_delta")))
    return _with_frame(draw, stream, _frame(name, "[DONE]"))


def _byte_order_mark(_draw: DrawFn, stream: Stream) -> bytes:
    return "\ufeff".encode() + plain_body(stream)


def _last_event_unterminated(draw: DrawFn, stream: Stream) -> bytes:
    body = plain_body(stream)
    if draw(st.booleans()):
        frame = _frame("ping", '{"type":"ping"}')
        return body + frame[: draw(st.integers(1, len(frame) - 3))]
    return body[: -draw(st.integers(1, 2))]


def _control_character(draw: DrawFn, stream: Stream) -> bytes:
    control = draw(st.sampled_from("\t\x00\x0b\x1f"))
    return _with_raw_text(draw, stream, control)


def _half_character(draw: DrawFn, stream: Stream) -> bytes:
    # The other half may come with the next delta.
    return _with_raw_text(draw, stream, *draw(st.sampled_from((_HALVES[:1], _HALVES[1:], _HALVES))))


def _body_is_message(_draw: DrawFn, stream: Stream) -> bytes:
    return write_json(accumulate(stream).to_dict()).encode()


def _body_is_error(draw: DrawFn, _stream: Stream) -> bytes:
    return write_json(draw(WORDS.events["error"])).encode()


def _with_frame(draw: DrawFn, stream: Stream, frame: bytes) -> bytes:
    """A body with a frame more, at any place. Shrinks to the end."""
    frames = _frames(stream)
    frames.insert(len(frames) - draw(st.integers(0, len(frames))), frame)
    return b"".join(frames)


def _with_raw_text(draw: DrawFn, stream: Stream, *pieces: str) -> bytes:
    """A body with a text block more, whose deltas begin with something that is not escaped."""
    deltas = [draw(WORDS.deltas["text_delta"]) for _ in pieces]
    block = block_events(start_count(stream), {"type": "text", "text": ""}, *deltas)
    frames = _frames(at_end(stream, *block))
    for piece, event in zip(pieces, block[1:-1], strict=True):
        (frame,) = _frames([event])
        frames[frames.index(frame)] = frame.replace(b'"text":"', b'"text":"' + piece.encode(), 1)
    return b"".join(frames)


_NO_OBJECTS = ("", "null", "[1]", '"text"', "{", "NaN", "keep-alive", '{"type":"ping"} {}')
_HALVES = (r"\ud83d", r"\ude00")

BREAKS: dict[str, _BreakOfBody] = {
    "event_line_missing": _event_line_missing,
    "event_line_differs": _event_line_differs,
    "event_type_missing": _event_type_missing,
    "data_not_object": _data_not_object,
    "done_marker": _done_marker,
    "done_marker_named": _done_marker_named,
    "byte_order_mark": _byte_order_mark,
    "last_event_unterminated": _last_event_unterminated,
    "control_character": _control_character,
    "half_character": _half_character,
    "body_is_message": _body_is_message,
    "body_is_error": _body_is_error,
}
"""The breakers, by rule."""
