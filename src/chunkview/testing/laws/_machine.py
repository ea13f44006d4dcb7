"""The state machine of `consumer_machine`."""

from __future__ import annotations

from contextlib import suppress
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule

from ._outcomes import Outcome, outcome_of_call
from ._report import literal, report, shortly, slices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from unittest import TestCase

    from hypothesis.strategies import SearchStrategy

    from ._cases import Case
    from ._laws import Consumer

__all__ = ["ConsumerMachine", "shorten_failures"]

__tracebackhide__ = True

MOST_OPEN = 3
"""How many consumers are open at a time."""


class _Open:
    """A consumer that is being fed.

    Attributes:
        number: Its number, from 0.
        consumer: The consumer.
        pieces: The whole stream, cut.
        slices: The code of each piece.
        whole: What a consumer gives that gets the stream in one piece.
        given: What this one has given so far.
        count: How many pieces it got.
    """

    def __init__(
        self,
        number: int,
        consumer: Consumer,
        pieces: list[bytes],
        slices: list[str],
        whole: list[Any],
    ) -> None:
        self.number = number
        self.consumer = consumer
        self.pieces = pieces
        self.slices = slices
        self.whole = whole
        self.given: list[Any] = []
        self.count = 0


class ConsumerMachine(RuleBasedStateMachine):
    """Feeds several consumers in turns. A subclass says which ones, and with what.

    It notes each call as a line of code, for the text of a failure.

    Attributes:
        cases: What the consumers read.
        factory_name: What the code calls to make a consumer.
    """

    cases: ClassVar[SearchStrategy[Case]]
    factory_name: ClassVar[str]

    # Hypothesis numbers what is in a bundle, in its list of steps: consumer_0, consumer_1.
    consumers: Bundle[_Open] = Bundle("consumer")

    def __init__(self) -> None:
        super().__init__()
        self._open: list[_Open] = []
        self._number = 0
        # The bodies and their names, and the calls as code.
        self._names: dict[bytes, str] = {}
        self._code: list[str] = []

    def new_consumer(self) -> Consumer:
        """Make a consumer."""
        raise NotImplementedError

    @precondition(lambda self: len(self._open) < MOST_OPEN)
    @rule(target=consumers, case=st.runner().flatmap(lambda machine: machine.cases))
    def open(self, case: Case) -> _Open:
        """Begin a stream."""
        number, self._number = self._number, self._number + 1
        name = self._names.setdefault(case.body, f"body_{len(self._names)}")
        reference = self._new(f"whole_{number}")
        whole = [
            *self._given(f"whole_{number}.feed({name})", lambda: reference.feed(case.body)),
            *self._given(f"whole_{number}.close()", reference.close),
        ]
        consumer = self._new(f"consumer_{number}")
        opened = _Open(number, consumer, case.pieces, slices_of(case.pieces, name), whole)
        self._open.append(opened)
        return opened

    @rule(opened=consumers, count=st.integers(1, 5))
    def feed(self, opened: _Open, count: int) -> None:
        """Feed a consumer its next pieces."""
        next_ones = slice(opened.count, opened.count + count)
        for piece, code in zip(opened.pieces[next_ones], opened.slices[next_ones], strict=True):
            opened.count += 1
            opened.given += self._given(
                f"consumer_{opened.number}.feed({code})",
                partial(opened.consumer.feed, piece),
            )
            self._compare(opened, opened.whole[: len(opened.given)])

    @rule(opened=consumes(consumers))
    def close(self, opened: _Open) -> None:
        """Feed a consumer the rest of its stream, and close it."""
        self._open.remove(opened)
        self.feed(opened, len(opened.pieces))
        opened.given += self._given(f"consumer_{opened.number}.close()", opened.consumer.close)
        self._compare(opened, opened.whole)

    def teardown(self) -> None:
        """End all streams: what consumers share should not reach the next example."""
        for opened in self._open:
            with suppress(Exception):
                opened.consumer.feed(b"".join(opened.pieces[opened.count :]))
                opened.consumer.close()

    def _new(self, name: str) -> Consumer:
        consumer: Consumer = self._call(f"{name} = {self.factory_name}()", self.new_consumer)
        return consumer

    def _given(self, code: str, call: Callable[[], Iterable[Any] | None]) -> list[Any]:
        given: list[Any] = self._call(code, lambda: list(call() or ()))
        return given

    def _call(self, code: str, call: Callable[[], Any]) -> Any:
        """Note a call, and make it."""
        self._code.append(code)
        outcome = outcome_of_call(call)
        if outcome.error is not None:
            problem = f"A consumer raises {type(outcome.error).__name__}, which it may not."
            raise AssertionError(self._report(problem, (code, outcome))) from outcome.error
        return outcome.answer

    def _compare(self, opened: _Open, expected: list[Any]) -> None:
        if opened.given == expected:
            return
        raise AssertionError(
            self._report(
                f"A consumer that got {opened.count} of {len(opened.pieces)} pieces has given "
                "something else than one that got the stream at once.",
                (f"consumer_{opened.number}", Outcome(opened.given)),
                (f"whole_{opened.number}", Outcome(opened.whole)),
            )
        )

    def _report(self, problem: str, *calls: tuple[str, Outcome]) -> str:
        bodies = [literal(body, name) for body, name in self._names.items()]
        return report(problem, "\n".join([*bodies, *self._code]), *calls)


def shorten_failures(machine: type[ConsumerMachine]) -> None:
    """Leave Hypothesis's frames out of the failures of a machine's TestCase."""
    case: Any = machine.TestCase
    run = case.runTest

    @wraps(run)
    def feed_consumers_in_turns(self: TestCase) -> None:
        __tracebackhide__ = False  # pytest shows this one frame: no frame is the caller's
        shortly(lambda: run(self))

    case.runTest = feed_consumers_in_turns
