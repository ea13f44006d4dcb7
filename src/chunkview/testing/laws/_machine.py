"""The state machine of `consumer_machine`."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, Flaky
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule

from ._report import shortly
from ._turns import Turns, shortest, simplest

if TYPE_CHECKING:
    from collections.abc import Callable
    from unittest import TestCase

    from hypothesis.strategies import SearchStrategy

    from ._cases import Case
    from ._turns import Failure, Taker

__all__ = ["ConsumerMachine", "shorten_failures"]

__tracebackhide__ = True

MOST_OPEN = 3
"""How many consumers are open at a time."""


class _FoundError(AssertionError):
    """Some turns fail. Hypothesis looks for smaller ones."""

    def __init__(self, turns: Turns, failure: Failure) -> None:
        super().__init__(failure.text)
        self.turns = turns
        self.failure = failure


class _FoundAtOnceError(_FoundError, FailedHealthCheck):
    """Hypothesis should not search on: it raises a failed health check at once."""


class ConsumerMachine(RuleBasedStateMachine):
    """Feeds several consumers in turns. A subclass says which ones, and with what.

    The rules only write down the turns, and `teardown` takes them. So what Hypothesis draws never
    depends on the consumers, which may remember something of earlier examples.

    Attributes:
        cases: What the consumers read.
        may_be_empty: Whether a consumer may give nothing for all streams.
        taker: Makes consumers, and feeds them.
        has_begun: Whether turns have been taken in this search.
        first: The first failure of this search.
    """

    cases: ClassVar[SearchStrategy[Case]]
    may_be_empty: ClassVar[bool]
    taker: ClassVar[Taker]
    has_begun: ClassVar[bool] = False
    first: ClassVar[Failure | None] = None

    # The number of an open consumer. Hypothesis calls it consumer_0 in its list of steps.
    consumers: Bundle[int] = Bundle("consumer")

    def __init__(self) -> None:
        super().__init__()
        self._streams: list[tuple[bytes, ...]] = []
        self._order: list[int] = []
        self._open: set[int] = set()

    @precondition(lambda self: len(self._open) < MOST_OPEN)
    @rule(target=consumers, case=st.runner().flatmap(lambda machine: machine.cases))
    def open(self, case: Case) -> int:
        """Begin a stream."""
        number = len(self._streams)
        self._streams.append(tuple(case.pieces))
        self._order.append(number)
        self._open.add(number)
        return number

    @rule(opened=consumers, count=st.integers(1, 5))
    def feed(self, opened: int, count: int) -> None:
        """Feed a consumer its next pieces."""
        fed = self._order.count(opened) - 1
        self._order += [opened] * min(count, len(self._streams[opened]) - fed)

    @rule(opened=consumes(consumers))
    def close(self, opened: int) -> None:
        """Feed a consumer the rest of its stream, and close it."""
        self.feed(opened, len(self._streams[opened]))
        self._order.append(opened)
        self._open.remove(opened)

    def teardown(self) -> None:
        """Take the turns, and finish all streams. The first time, begin with the simplest turns."""
        machine = type(self)
        if self._streams and not machine.has_begun:
            machine.has_begun = True
            for turns in simplest(b"".join(self._streams[0])):
                self._take(turns, _FoundAtOnceError)
        self._take(Turns(tuple(self._streams), tuple(self._order)), _FoundError)

    @classmethod
    def _take(cls, turns: Turns, found: type[_FoundError]) -> None:
        failure = cls.taker.take(turns)
        if failure is None:
            return
        cls.first = cls.first or failure
        if not failure.repeats(cls.taker.take(turns)):
            turns, failure, found = Turns(), failure.at_first(), _FoundAtOnceError
        raise found(turns, failure) from failure.error


def shorten_failures(machine: type[ConsumerMachine]) -> None:
    """Let a machine's TestCase fail with few calls, and without Hypothesis's frames."""
    case: Any = machine.TestCase
    run = case.runTest

    @wraps(run)
    def feed_consumers_in_turns(self: TestCase) -> None:
        __tracebackhide__ = False  # pytest shows this one frame: no frame is the caller's
        machine.has_begun = machine.taker.has_given = False
        machine.first = None
        shortly(lambda: _search(machine, lambda: run(self)))

    case.runTest = feed_consumers_in_turns


def _search(machine: type[ConsumerMachine], run: Callable[[], None]) -> None:
    """Run a machine. What it raises has the fewest calls that fail."""
    try:
        run()
    except _FoundError as found:
        failure = shortest(found.turns, found.failure, machine.taker)
    except Flaky:  # not the same calls in the next example, but in a later one
        if machine.first is None:
            raise
        failure = machine.first.at_first()
    else:
        if machine.has_begun and not (machine.taker.has_given or machine.may_be_empty):
            raise AssertionError("The consumer gives nothing for any stream.")
        return
    raise AssertionError(failure.text) from failure.error
