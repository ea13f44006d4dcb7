"""Turns: several consumers read a stream each, a call at a time, in an order that is given."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from ._outcomes import Outcome, outcome_of_call
from ._report import literal, report, slices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._laws import Consumer

__all__ = ["Failure", "Taker", "Turns", "shortest", "simplest"]

__tracebackhide__ = True


@attrs.frozen
class Turns:
    """What several consumers read, and in which order.

    Attributes:
        streams: The pieces of each consumer's stream.
        order: Consumers by their number. The first time, one is made; then it gets a piece each
            time; the last time, it is closed. What is left of the streams follows at the end.
    """

    streams: tuple[tuple[bytes, ...], ...] = ()
    order: tuple[int, ...] = ()


@attrs.frozen(eq=False)
class Failure:
    """Calls that a right consumer would have answered otherwise.

    Attributes:
        problem: What is wrong, as a sentence.
        code: All calls, as code to paste.
        calls: The wrong answers, each with its code.
    """

    problem: str
    code: str
    calls: tuple[tuple[str, Outcome], ...]

    @property
    def text(self) -> str:
        """The failure for a person."""
        return report(self.problem, self.code, *self.calls)

    @property
    def error(self) -> Exception | None:
        """What a consumer raised."""
        return self.calls[0][1].error

    def at_first(self) -> Failure:
        """The failure, if the same calls gave something else when they were made again."""
        problem = (
            "The same calls give something else when they are made again. Do the consumers share "
            f"state? At first: {self.problem}"
        )
        return attrs.evolve(self, problem=problem)

    def repeats(self, other: Failure | None) -> bool:
        """Whether the same calls gave the same."""
        return other is not None and self.text == other.text


class Taker:
    """Makes consumers, and feeds them in turns.

    Attributes:
        has_given: Whether a consumer has given anything yet.
    """

    def __init__(self, factory: Callable[[], Consumer], name: str) -> None:
        """Take what makes a consumer, and what the code calls to make one."""
        self._factory = factory
        self._name = name
        self.has_given = False

    def take(self, turns: Turns) -> Failure | None:
        """Feed new consumers in turns. Give the first failure, or None."""
        taking = _Taking(self._factory, self._name)
        failure = taking.take(turns)
        self.has_given |= taking.has_given
        return failure


def simplest(body: bytes) -> Iterator[Turns]:
    """One consumer that gets a body at once, then two that get it in turns."""
    yield Turns(((body,),))
    yield Turns(((body[:1], body[1:]),) * 2, (0, 1) * 4)


def shortest(turns: Turns, failure: Failure, taker: Taker) -> Failure:
    """Leave out the consumers and the cuts that a failure does not need."""
    found = True
    while found:
        found = False
        for fewer in _smaller(turns):
            other = taker.take(fewer)
            if other is not None and type(other.error) is type(failure.error):
                turns, failure, found = fewer, other, True
                break
    return failure


def _smaller(turns: Turns) -> Iterator[Turns]:
    for number in range(len(turns.streams)):
        streams = turns.streams[:number] + turns.streams[number + 1 :]
        order = (other - (other > number) for other in turns.order if other != number)
        yield Turns(streams, tuple(order))
    for number, pieces in enumerate(turns.streams):
        places = [place for place, other in enumerate(turns.order) if other == number]
        for at in range(1, len(pieces)):
            joined = (*pieces[: at - 1], pieces[at - 1] + pieces[at], *pieces[at + 1 :])
            streams = (*turns.streams[:number], joined, *turns.streams[number + 1 :])
            # The two pieces had the turns `at` and `at + 1`, if they had any: one of them goes.
            for left_out in (*places[at : at + 2], len(turns.order))[:2]:
                yield Turns(streams, turns.order[:left_out] + turns.order[left_out + 1 :])


class _Failed(Exception):  # noqa: N818 - it ends the turns
    def __init__(self, failure: Failure) -> None:
        self.failure = failure


class _Taking:
    """One run of turns. It notes each call as code.

    Attributes:
        has_given: Whether a consumer that got its stream at once has given anything.
    """

    def __init__(self, factory: Callable[[], Consumer], name: str) -> None:
        self._factory = factory
        self._name = name
        self._bodies: dict[bytes, int] = {}
        self._wholes: list[list[Any]] = []
        self._code: list[str] = []
        self.has_given = False

    def take(self, turns: Turns) -> Failure | None:
        readers: list[_Reader] = []
        try:
            for number, pieces in enumerate(turns.streams):
                readers.append(_Reader(self, number, pieces))
            for number in turns.order:
                next(readers[number].calls, None)
            for reader in readers:
                for _ in reader.calls:
                    pass
        except _Failed as failed:
            # What consumers share should not reach the next run.
            for reader in readers:
                reader.end()
            return failed.failure
        return None

    def whole(self, body: bytes) -> int:
        """Give the number of a body. A consumer has got each one at once."""
        number = self._bodies.get(body)
        if number is None:
            number = self._bodies[body] = len(self._bodies)
            consumer = self.new(f"whole_{number}")
            name = f"whole_{number}"
            whole = self.given(f"{name}.feed(body_{number})", partial(consumer.feed, body))
            whole += self.given(f"{name}.close()", consumer.close)
            self._wholes.append(whole)
            self.has_given |= bool(whole)
        return number

    def new(self, name: str) -> Consumer:
        consumer: Consumer = self._call(f"{name} = {self._name}()", self._factory)
        return consumer

    def given(self, code: str, call: Callable[[], Iterable[Any] | None]) -> list[Any]:
        given: list[Any] = self._call(code, lambda: list(call() or ()))
        return given

    def compare(self, name: str, given: list[Any], body: int, *, at_the_end: bool) -> None:
        whole = self._wholes[body]
        if given != (whole if at_the_end else whole[: len(given)]):
            raise self._failed(
                f"{name} has given something else than whole_{body}, which got the stream at once.",
                (name, Outcome(given)),
                (f"whole_{body}", Outcome(whole)),
            )

    def _call(self, code: str, call: Callable[[], Any]) -> Any:
        self._code.append(code)
        outcome = outcome_of_call(call)
        if outcome.error is not None:
            problem = f"A consumer raises {type(outcome.error).__name__}, which it may not."
            raise self._failed(problem, (code, outcome)) from outcome.error
        return outcome.answer

    def _failed(self, problem: str, *calls: tuple[str, Outcome]) -> _Failed:
        bodies = [literal(body, f"body_{number}") for body, number in self._bodies.items()]
        return _Failed(Failure(problem, "\n".join([*bodies, *self._code]), calls))


class _Reader:
    """A consumer that reads a stream in several calls.

    Attributes:
        calls: Makes the next call, each time that it is advanced.
    """

    def __init__(self, taking: _Taking, number: int, pieces: tuple[bytes, ...]) -> None:
        self._taking = taking
        self._name = f"consumer_{number}"
        self._pieces = list(pieces)
        self._body = taking.whole(b"".join(pieces))
        self._consumer: Consumer | None = None
        self.calls = self._calls()

    def _calls(self) -> Iterator[None]:
        taking, name, body = self._taking, self._name, self._body
        consumer = self._consumer = taking.new(name)
        yield
        given: list[Any] = []
        for code in slices_of(self._pieces, f"body_{body}"):
            piece = self._pieces.pop(0)
            given += taking.given(f"{name}.feed({code})", partial(consumer.feed, piece))
            taking.compare(name, given, body, at_the_end=False)
            yield
        self._consumer = None
        given += taking.given(f"{name}.close()", consumer.close)
        taking.compare(name, given, body, at_the_end=True)
        yield

    def end(self) -> None:
        """End the stream, though something has failed."""
        if self._consumer is not None:
            with suppress(Exception):
                self._consumer.feed(b"".join(self._pieces))
                self._consumer.close()
