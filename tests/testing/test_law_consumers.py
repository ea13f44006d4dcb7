"""`consumer_machine` finds planted bugs, and shows the streams."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from chunkview.testing import laws, recording
from chunkview.testing.laws._cases import Case
from testing.law_support import FEW, SEARCH, Decoder


class Buffer:
    """A consumer of the lines of a body, whose unfinished line is in a list."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        *lines, rest = b"".join([*self.begun, data]).split(b"\n")
        self.begun[:] = [rest]
        return lines

    def close(self) -> list[bytes]:
        rest, self.begun[:] = b"".join(self.begun), []
        return [rest]


class SharedBuffer(Buffer):
    shared: list[bytes] = []  # noqa: RUF012 - the bug

    def __init__(self) -> None:
        self.begun = self.shared


class BeginningOfALineLost(Buffer):
    def feed(self, data: bytes) -> list[bytes]:
        return super().feed(data) if b"\n" in data else []


class EndsAtAnEmptyPiece(Decoder):
    is_over = False

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        self.is_over |= not data
        return [] if self.is_over else super().feed(data)

    def close(self) -> list[dict[str, Any]] | None:
        return [] if self.is_over else super().close()


class GivenTwice(Decoder):
    def feed(self, data: bytes) -> list[dict[str, Any]]:
        events = super().feed(data)
        return [*events, *events] if len(events) == 1 else events


class GivesHalfAnEvent(Decoder):
    """It gives a part of an event as soon as it can be seen: later ones are right."""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        return super().feed(data) or ([{"type": "ping"}] if data.endswith(b"}") else [])


class CrashesAtAnEmptyPiece(Decoder):
    def feed(self, data: bytes) -> list[dict[str, Any]]:
        assert data[0] >= 0
        return super().feed(data)


# With few bytes: what is tested here is the machine, and generated streams take long.
STREAMS = [
    b'data: {"type": "ping"}\n\n',
    b'event: ping\r\ndata: {"type": "ping"}\r\n\r\ndata: {"type": "ping", "x": 1}\r\n\r\n',
]


@pytest.mark.parametrize("factory", [Buffer, lambda: Decoder()])
def test_a_right_consumer_passes(factory: Any) -> None:
    run_state_machine_as_test(laws.consumer_machine(factory, streams=STREAMS), settings=FEW)


def test_by_default_the_streams_are_generated() -> None:
    machine = laws.consumer_machine(Decoder)
    run_state_machine_as_test(machine, settings=settings(FEW, max_examples=1))


@pytest.mark.parametrize(
    "factory",
    [SharedBuffer, BeginningOfALineLost, EndsAtAnEmptyPiece, GivenTwice, GivesHalfAnEvent],
)
def test_a_planted_bug_is_found(factory: Any) -> None:
    machine = laws.consumer_machine(factory, streams=STREAMS)
    with pytest.raises(AssertionError, match="something else than one that got the stream at once"):
        run_state_machine_as_test(machine, settings=SEARCH)


def test_what_is_given_too_early_is_seen_before_the_end() -> None:
    machine: Any = laws.consumer_machine(GivesHalfAnEvent, streams=STREAMS)()
    opened = machine.open(Case(b': {"a": 1}\n\n', [b': {"a": 1}', b"\n\n"]))
    with pytest.raises(AssertionError, match="A consumer that got 1 of 2 pieces"):
        machine.feed(opened, 1)


def test_consumers_that_are_left_open_are_closed_at_the_end() -> None:
    machine: Any = laws.consumer_machine(SharedBuffer, streams=STREAMS)()
    machine.feed(machine.open(Case(b"begun\n", [b"begun", b"\n"])), 1)
    assert SharedBuffer.shared == [b"begun"]
    machine.teardown()
    assert SharedBuffer.shared == []


def test_an_exception_is_a_failure() -> None:
    machine = laws.consumer_machine(CrashesAtAnEmptyPiece, streams=STREAMS)
    with pytest.raises(AssertionError, match="A consumer raises IndexError") as caught:
        run_state_machine_as_test(machine, settings=SEARCH)
    assert isinstance(caught.value.__cause__, IndexError)
    assert ".feed(b'') gives\n    IndexError: index out of range" in str(caught.value)


def test_the_error_shows_the_calls_as_code() -> None:
    machine = laws.consumer_machine(EndsAtAnEmptyPiece, streams=recording("text"), settings=SEARCH)
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(machine)
    names: dict[str, Any] = {"EndsAtAnEmptyPiece": EndsAtAnEmptyPiece}
    exec(str(caught.value).split("\n\n")[1], names)
    assert names["body_0"] == recording("text")
    assert any(name.startswith("consumer_") and one.is_over for name, one in names.items())
    assert max(map(len, str(caught.value).splitlines())) < 3_000


def test_its_test_case_runs_with_the_settings() -> None:
    machine = laws.consumer_machine(Decoder, settings=FEW)
    assert machine.TestCase.settings is FEW
    assert laws.consumer_machine(Decoder).TestCase.settings.deadline is None
