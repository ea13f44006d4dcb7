"""The state machine of `consumer_machine`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule

from .. import strategies as cv
from ._outcomes import Outcome
from ._report import literal, pieces_of, report

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ._laws import Consumer

__all__ = ["ConsumerMachine"]


MOST_OPEN = 3
"""How many consumers are open at a time."""


class _Open:
    """A consumer that is being fed.

    Attributes:
        consumer: The consumer.
        pieces: The whole stream, cut.
        whole: What a consumer gives that gets the stream in one piece.
        given: What this one has given so far.
        count: How many pieces it got.
    """

    def __init__(self, consumer: Consumer, pieces: list[bytes], whole: list[Any]) -> None:
        self.consumer = consumer
        self.pieces = pieces
        self.whole = whole
        self.given: list[Any] = []
        self.count = 0


class ConsumerMachine(RuleBasedStateMachine):
    """Feeds several consumers in turns. A subclass says which ones, and with what.

    Attributes:
        bodies: What the consumers read.
    """

    bodies: ClassVar[SearchStrategy[bytes]]

    consumers: Bundle[_Open] = Bundle("consumers")

    def __init__(self) -> None:
        super().__init__()
        self._open: list[_Open] = []

    def new_consumer(self) -> Consumer:
        """Make a consumer."""
        raise NotImplementedError

    @precondition(lambda self: len(self._open) < MOST_OPEN)
    @rule(
        target=consumers,
        pieces=st.runner().flatmap(lambda machine: machine.bodies).flatmap(cv.segmentations),
    )
    def open(self, pieces: list[bytes]) -> _Open:
        """Begin a stream."""
        reference = self.new_consumer()
        body = b"".join(pieces)
        whole = [*(reference.feed(body) or ()), *(reference.close() or ())]
        opened = _Open(self.new_consumer(), pieces, whole)
        self._open.append(opened)
        return opened

    @rule(opened=consumers, count=st.integers(1, 5))
    def feed(self, opened: _Open, count: int) -> None:
        """Feed a consumer its next pieces."""
        for piece in opened.pieces[opened.count : opened.count + count]:
            opened.count += 1
            opened.given += opened.consumer.feed(piece) or ()
            self._compare(opened, opened.whole[: len(opened.given)])

    @rule(opened=consumes(consumers))
    def close(self, opened: _Open) -> None:
        """Feed a consumer the rest of its stream, and close it."""
        self._open.remove(opened)
        self.feed(opened, len(opened.pieces))
        opened.given += opened.consumer.close() or ()
        self._compare(opened, opened.whole)

    def teardown(self) -> None:
        """End all streams: what consumers share should not reach the next example."""
        for opened in self._open:
            with suppress(Exception):
                opened.consumer.feed(b"".join(opened.pieces[opened.count :]))
                opened.consumer.close()

    def _compare(self, opened: _Open, expected: list[Any]) -> None:
        if opened.given == expected:
            return
        body = b"".join(opened.pieces)
        pieces = pieces_of(opened.pieces)
        raise AssertionError(
            report(
                f"A consumer that got {opened.count} of {len(opened.pieces)} pieces has given "
                "something else than one that got the stream at once.",
                f"{literal(body)}\npieces = {pieces}",
                ("the first one", Outcome(opened.given)),
                ("the second one", Outcome(opened.whole)),
            )
        )
