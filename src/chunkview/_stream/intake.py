"""The items of a source to chunk views.

An item is a piece of a body, an event, an event in a wrapper, or a whole message. The synchronous
and the asynchronous functions share the `Intake`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from .._chunks import (
    EVENTS,
    AnthropicCallResponseChunk,
    Origin,
    UnknownChunk,
    decode,
    decode_object,
    event_dict,
    events_of_whole_message,
    is_error,
    is_message,
    is_other_message,
    kept_by,
    parent_of,
    text_event_dict,
    unwrapped,
)
from .._rules import has_its_string
from ..errors import DecodeError
from .inspection import CheckingDecoder, InspectedDecoder
from .limits import checked_limit
from .wire import MAX_EVENT_BYTES, ChunkDecoder

if TYPE_CHECKING:
    from .._chunks import ChunkView
    from .inspection import Inspector

__all__ = ["EVERY_PARENT", "EveryParent", "Intake"]


class EveryParent(Enum):
    """The type of `EVERY_PARENT`."""

    EVERY_PARENT = "every parent"

    def __repr__(self) -> str:
        return self.name


EVERY_PARENT: Final = EveryParent.EVERY_PARENT
"""All parents: the main agent, which None means, and every sub-agent."""


class Intake:
    """Takes the items of a source and gives chunk views.

    Attributes:
        parent: Of the last item with an event, broken or not: the tool call that started the
            sub-agent (`parent_tool_use_id`), or None.
        has_seen_wrapper: Whether an event came in a wrapper.
        is_sound: Whether it is certain that `check` would not raise.
    """

    __slots__ = (
        "_decoder",
        "_error",
        "_followed",
        "_goes_on",
        "_has_seen_text",
        "_inspector",
        "_options",
        "has_seen_wrapper",
        "is_sound",
        "parent",
    )

    def __init__(
        self,
        *,
        one_parent: bool = False,
        inspector: Inspector | None = None,
        goes_on: bool = False,
        **options: Any,
    ) -> None:
        """Prepare to take items.

        Args:
            one_parent: Whether to give only the chunk views of the parent of the first event.
            inspector: Takes the faults of the items, if anybody wants them.
            goes_on: Whether a broken event of a body is a fault, and no error.
            **options: The options of `ChunkDecoder`.

        Raises:
            TypeError: `max_event_bytes` is no int, though there may be no bytes to decode.
        """
        checked_limit("max_event_bytes", options.get("max_event_bytes", MAX_EVENT_BYTES))
        self.parent: str | None = None
        self._followed: Any = _NO_PARENT_YET if one_parent else EVERY_PARENT
        self._options = options
        self._decoder: ChunkDecoder | None = None
        self._error: DecodeError | None = None
        self._has_seen_text = False
        self.has_seen_wrapper = False
        self.is_sound = False
        self._inspector = inspector
        self._goes_on = goes_on

    def follow(self, parent: str | None) -> None:
        """Give only the chunk views of one parent from now on.

        Args:
            parent: The id of the tool call that started the sub-agent; None for the main agent.
        """
        self._followed = parent

    def chunks_of(self, item: Any) -> list[ChunkView]:
        """Take one item of the source.

        Returns:
            Its chunk views. If it is broken, those before the fault; `check` raises.

        Raises:
            DecodeError: The item is broken, and no chunk view precedes the fault.
        """
        # What most sources give is told first, and takes the shortest way.
        decoder, followed = self._decoder, self._followed
        if (
            item.__class__ is bytes
            and decoder is not None
            and (followed is None or followed is EVERY_PARENT)
        ):
            self.parent = None
            chunks = decoder.feed(item)
            self.is_sound = decoder.error is None
            return chunks
        self.is_sound = False
        if self._decoder is None:
            if isinstance(item, AnthropicCallResponseChunk):
                source: Any = kept_by(item)
                if source.__class__ in (bytes, Origin) or (
                    source.__class__ is dict and "event" not in source
                ):
                    return self._of_parent(None, [cast("ChunkView", item)])
                return self._of_parent(parent_of(source), [cast("ChunkView", item)])
            if item.__class__ is dict:
                tag = item.get("type")
                if tag.__class__ is str and tag in EVENTS:
                    chunk = decode_object(item, item)
                    if self._inspector is not None:
                        self._inspector.look_at(item, chunk)
                    return self._of_parent(None, [chunk])
        if isinstance(item, (bytes, bytearray, memoryview)):
            if self._decoder is None:
                self._decoder = self._new_decoder()
            return self._of_parent(None, self._decoder.feed(item))
        if self._decoder is None:
            return self._chunks_of_event(item)
        if isinstance(item, str) and not item.strip():
            return []
        # An event after bytes ends their body, so that the chunks keep the order of the source.
        before = self._decoder.close()
        if self._decoder.error is not None:
            return before
        self._decoder = None
        found = [] if self._inspector is None else self._inspector.take()
        chunks = self.chunks_of(item)
        if self._inspector is not None:
            self._inspector.put_before(found, len(before))
        return before + chunks

    def _new_decoder(self) -> ChunkDecoder:
        if self._inspector is None:
            return ChunkDecoder(**self._options)
        decoder = CheckingDecoder if self._goes_on else InspectedDecoder
        return decoder(self._inspector, **self._options)

    @property
    def is_broken(self) -> bool:
        """Whether a body is broken so that the rest of it cannot be decoded."""
        error = None if self._decoder is None else self._decoder.error
        return error is not None and not error.truncated

    def check(self) -> None:
        """Raise the error that follows the last chunk views, if there is one.

        Raises:
            DecodeError: There is one.
        """
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._decoder is not None and self._decoder.error is not None:
            self._decoder.close()

    def end(self) -> list[ChunkView]:
        """Take the end of the source.

        Returns:
            The chunk views that only the end completes, mostly none. If what is left is broken,
            those before the fault; `check` raises.

        Raises:
            DecodeError: The source has ended too early, and there is no chunk view to return.
        """
        return [] if self._decoder is None else self._of_parent(None, self._decoder.close())

    def _chunks_of_event(self, item: Any) -> list[ChunkView]:
        """Take an item that is neither bytes nor a chunk view."""
        if isinstance(item, str):
            if not item.strip():
                return []
            if not self._has_seen_text:
                _refuse_lines(item)
                self._has_seen_text = True
                item = item.removeprefix("\ufeff")  # the byte order mark of a file of lines
                event: Any = _parsed_first(item)
            else:
                event = _parsed(item)
        else:
            event = item
        if event.__class__ is not dict and isinstance(event, Mapping):
            event = _plain(event)
        if event.__class__ is dict:
            tag = event.get("type")
            if tag.__class__ is str and tag in EVENTS:
                return self._of_parent(None, [self._decoded(event, item)])
        elif hasattr(type(event), "model_dump"):
            chunk = decode(event)
            if not isinstance(chunk, UnknownChunk):
                self._look_at(event, chunk)
                return self._of_parent(None, [chunk])
            event = chunk.event  # a whole message, say: go on as with its dict
        elif is_other_message(event):
            return []
        inner = unwrapped(event)
        if inner is not event:
            self.has_seen_wrapper = True
            # What is not followed is not read, and so cannot break what is.
            is_followed = self._follows(parent_of(event))
            return [self._decoded(inner, item)] if is_followed else []
        if event.__class__ is dict:
            if is_message(event):
                return self._of_parent(None, self._chunks_of_message(event))
            if self._is_other_line(event):
                return []
        return self._of_parent(None, [self._decoded(event, item)])

    def _decoded(self, event: Any, item: Any) -> ChunkView:
        """Decode the event of an item, which becomes the `chunk`.

        Args:
            event: The item itself, its JSON, or the event in a wrapper: a mapping, or JSON text.
            item: The item of the source.
        """
        if event is item:
            return self._decoded_object(event)
        if not isinstance(item, str):
            try:
                # What is in a wrapper has not been checked.
                event = text_event_dict(event) if isinstance(event, bytes) else event_dict(event)
            except DecodeError as error:
                error.event = item
                raise
        chunk = decode_object(event, item)
        if self._inspector is not None:
            self._inspector.look_at(event, chunk)
        return chunk

    def _decoded_object(self, event: Any) -> ChunkView:
        """Decode an item that is an event itself: a mapping, or an object of the SDK."""
        chunk = decode(event)
        self._look_at(event, chunk)
        return chunk

    def _look_at(self, event: Any, chunk: ChunkView) -> None:
        """Look for faults in an item that is an event itself."""
        # Writing an object of the SDK as a dict takes long, and most deltas need no look.
        if self._inspector is not None and not has_its_string(chunk):
            event = event if event.__class__ is dict else chunk.to_event()
            self._inspector.look_at(event, chunk)

    def _is_other_line(self, event: dict[str, Any]) -> bool:
        """Whether this is a line of Claude Code that holds no event, such as a tool's result."""
        return not is_error(event) and (self.has_seen_wrapper or "session_id" in event)

    def _chunks_of_message(self, message: dict[str, Any]) -> list[ChunkView]:
        chunks: list[ChunkView] = []
        try:
            chunks.extend(decode_object(event, event) for event in events_of_whole_message(message))
        except DecodeError as error:
            if not chunks:
                raise
            self._error = error
        return chunks

    def _of_parent(self, parent: str | None, chunks: list[ChunkView]) -> list[ChunkView]:
        """Note whose chunk views these are, and leave them out if another parent is followed."""
        followed = self._followed
        if followed is parent or followed is EVERY_PARENT:  # most items
            self.parent = parent
            return chunks
        return chunks if self._follows(parent) else []

    def _follows(self, parent: str | None) -> bool:
        """Note whose event the item brings, and say whether that parent is followed."""
        self.parent = parent
        followed = self._followed
        if followed is parent or followed is EVERY_PARENT or followed == parent:
            return True
        if followed is not _NO_PARENT_YET:
            return False
        self._followed = parent
        return True


_NO_PARENT_YET = object()
"""The parent to follow is that of the first event, which has not come yet."""


def _parsed_first(text: str) -> dict[str, Any]:
    """Parse the first text of a source, which may be the text of an answer."""
    try:
        return _parsed(text)
    except DecodeError as error:
        problem = f"{error.problem} (if this is the text of an answer, give its events or bytes)"
        raise DecodeError(problem, event=text, rule=error.rule) from error.__cause__


def _parsed(text: str) -> dict[str, Any]:
    try:
        return text_event_dict(text)
    except DecodeError as error:
        error.event = text
        raise


def _plain(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return event_dict(event)
    except DecodeError as error:
        error.event = event
        raise


def _refuse_lines(text: str) -> None:
    """Refuse the items of `iter_lines()` and `iter_text()`.

    Raises:
        DecodeError: The text belongs to the body of an event stream.
    """
    if text.lstrip("\ufeff \t\r\n").startswith(("event:", "data:", "id:", "retry:", ":")):
        raise DecodeError(
            "the items are text of an event stream, as iter_lines() and iter_text() give it: "
            "give the bytes of iter_bytes() (httpx), iter_content(None) (requests) or "
            "content.iter_any() (aiohttp)",
            event=text,
        )
