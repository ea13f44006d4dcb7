"""The blocks of a message in the making: which of them a delta or a stop is for.

An index names blocks by their kind: several blocks may be open at one index, but at most one of
each kind, which is the newest of its kind. A `_Slot` has what else there is to know of an index.
Text and thinking that no open block takes go to a *side block*, which no content_block_start began.
It goes on as long as it is the newest block of the message, so at most one side block is not
closed.

A block is open, paused or closed. A stop reason pauses open blocks: a paused block goes on if a
delta comes for it. What is closed stays closed.

Every step here costs O(1), amortised. The lists of a slot may hold blocks that were closed since;
those at the end are dropped when somebody looks for the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .drafts import State, ThinkingDraft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .drafts import Draft, Kind

__all__ = ["Blocks"]


class _Slot:
    """What is at one index.

    Attributes:
        last: The newest block of all.
        started: The newest block that a start began, so no side block.
        open: The open blocks but for side blocks, in the order of the message.
        open_count: How many of them are open.
        paused: The blocks that a stop reason ever paused, likewise. They may be open again.
        unsigned: The thinking blocks, likewise. They may have got a signature.
    """

    __slots__ = ("last", "open", "open_count", "paused", "started", "unsigned")

    def __init__(self) -> None:
        self.last: Draft | None = None
        self.started: Draft | None = None
        self.open = _NO_DRAFTS
        self.open_count = 0
        self.paused = _NO_DRAFTS
        self.unsigned = _NO_DRAFTS


_NO_DRAFTS: list[Any] = []
"""An empty list of a slot that nothing was added to. Most slots never need their own."""

_NOTHING = _Slot()
"""The slot of an index that no block has named. It is never changed."""


class Blocks:
    """The drafts of a message, in the order in which they appeared.

    Attributes:
        drafts: All of them.
        highest: The highest index that a start had, -1 before the first.
        newest_start: The newest block that a start began, so no side block.
    """

    __slots__ = (
        "_newest",
        "_open_count",
        "_side",
        "_slots",
        "_with_open",
        "drafts",
        "highest",
        "newest_start",
    )

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.highest = -1
        self.newest_start: Draft | None = None
        self._slots: dict[int, _Slot] = {}
        self._newest: dict[tuple[int, Kind], Draft] = {}
        self._with_open: dict[int, _Slot] = {}
        """The slots in which a block may be open."""
        self._open_count = 0
        self._side: Draft | None = None
        """The newest block, if it is a side block."""

    def __iter__(self) -> Iterator[Draft]:
        return iter(self.drafts)

    # -- looking -------------------------------------------------------------------------------

    def last(self, index: int) -> Draft | None:
        """The newest block of an index."""
        return self._slot(index).last

    def newest(self, index: int, kind: Kind) -> Draft | None:
        """The newest block of a kind at an index. An older one never takes anything."""
        return self._newest.get((index, kind))

    def started(self, index: int) -> Draft | None:
        """The newest block of an index that a start began."""
        return self._slot(index).started

    def newest_open(self, index: int) -> Draft | None:
        """The newest open block of an index."""
        side = self._side
        if side is not None and side.index == index and side.state is State.OPEN:
            return side
        return self._newest_open_start(index)

    def newest_paused(self, index: int) -> Draft | None:
        """The newest paused block of an index at which none is open."""
        side = self._side
        if side is not None and side.index == index and side.state is State.PAUSED:
            return side
        return _top(self._slot(index).paused)

    def going_on(self, index: int) -> Draft | None:
        """The newest block of an index that a start began and that is not closed."""
        last_open, last_paused = self._newest_open_start(index), _top(self._slot(index).paused)
        if last_open is None or last_paused is None:
            return last_open or last_paused
        return last_open if last_open.place > last_paused.place else last_paused

    def overlaps(self, index: int) -> bool:
        """Whether a block is open at another index. Side blocks do not count."""
        return self._open_count > self._slot(index).open_count

    def unsigned(self, index: int) -> ThinkingDraft | None:
        """The thinking that a signature is for which comes late.

        It is the newest thinking of the index that has no signature, or else the thinking just
        before the newest block of the index, if that has none.
        """
        slot = self._slot(index)
        while slot.unsigned and slot.unsigned[-1].signature:
            slot.unsigned.pop()
        if slot.unsigned:
            unsigned: ThinkingDraft = slot.unsigned[-1]
            return unsigned
        place = len(self.drafts) if slot.last is None else slot.last.place
        before = self.drafts[place - 1] if place else None
        if isinstance(before, ThinkingDraft) and before.state is not State.OPEN:
            return None if before.signature else before
        return None

    # -- changing ------------------------------------------------------------------------------

    def start(self, draft: Draft) -> None:
        """Add a block that a start began."""
        self._append(draft)
        self._note_start(draft)
        self._open(draft)

    def add_closed(self, draft: Draft) -> None:
        """Add a block that came whole, with message_start."""
        draft.state = State.CLOSED
        draft.was_stopped = True
        draft.end()
        self._append(draft)
        self._note_start(draft)

    def start_side(self, draft: Draft) -> None:
        """Add a side block."""
        draft.beside = self._newest_open_start(draft.index)
        draft.is_side = True
        self._append(draft)
        self._side = draft

    def make_ordinary(self, side: Draft) -> None:
        """Note that a side block got its start: it goes on like any other block."""
        side.is_side = False
        side.beside = None
        self._side = None
        self._note_start(side)
        self._open(side)

    def close(self, draft: Draft) -> None:
        """Close a block for good."""
        if draft.state is State.OPEN and not draft.is_side:
            self._open_count -= 1
            self._slots[draft.index].open_count -= 1
        draft.state = State.CLOSED
        draft.end()

    def lack(self, index: int) -> None:
        """Note that no block of an index took a delta. An unknown block may be what it was for."""
        started = self.started(index)
        if started is not None:
            started.lack()

    def resume(self, draft: Draft) -> None:
        """Let a paused block go on."""
        draft.state = State.OPEN
        if not draft.is_side:
            self._open(draft)

    def pause(self) -> None:
        """Pause every open block."""
        for slot in self._with_open.values():
            for draft in slot.open:
                if draft.state is State.OPEN:
                    draft.state = State.PAUSED
                    if not draft.was_paused:
                        draft.was_paused = True
                        slot.paused = _added(slot.paused, draft)
            slot.open.clear()
            slot.open_count = 0
        self._with_open.clear()
        self._open_count = 0
        if self._side is not None and self._side.state is State.OPEN:
            self._side.state = State.PAUSED

    def _slot(self, index: int) -> _Slot:
        return self._slots.get(index, _NOTHING)

    def _newest_open_start(self, index: int) -> Draft | None:
        opened = self._slot(index).open
        while opened and opened[-1].state is not State.OPEN:
            opened.pop()
        return opened[-1] if opened else None

    def _append(self, draft: Draft) -> None:
        # A side block ends when it is no longer the newest block.
        if self._side is not None:
            self.close(self._side)
            self._side = None
        draft.place = len(self.drafts)
        self.drafts.append(draft)
        slot = self._slots.get(draft.index)
        if slot is None:
            slot = self._slots[draft.index] = _Slot()
        slot.last = self._newest[draft.index, draft.kind] = draft
        if isinstance(draft, ThinkingDraft):
            slot.unsigned = _added(slot.unsigned, draft)

    def _note_start(self, draft: Draft) -> None:
        self._slots[draft.index].started = self.newest_start = draft
        if draft.index > self.highest:
            self.highest = draft.index

    def _open(self, draft: Draft) -> None:
        slot = self._with_open[draft.index] = self._slots[draft.index]
        # A block that goes on may be older than others that are open. Each of those is passed by
        # at most one block of each kind that takes deltas.
        at = len(slot.open)
        while at and slot.open[at - 1].place > draft.place:
            at -= 1
        if slot.open is _NO_DRAFTS:
            slot.open = [draft]
        else:
            slot.open.insert(at, draft)
        slot.open_count += 1
        self._open_count += 1


def _added(drafts: list[Any], draft: Draft) -> list[Any]:
    """Append to a list of a slot, which the first draft makes."""
    if drafts is _NO_DRAFTS:
        return [draft]
    drafts.append(draft)
    return drafts


def _top(paused: list[Draft]) -> Draft | None:
    """The newest that is not closed."""
    while paused and paused[-1].state is State.CLOSED:
        paused.pop()
    return paused[-1] if paused else None
