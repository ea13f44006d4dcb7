"""`consumer_machine` finds planted bugs, and shows the streams."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

from chunkview import ChunkDecoder
from chunkview.testing import laws, recording
from chunkview.testing.laws._machine import _search
from chunkview.testing.laws._turns import Taker, Turns
from testing.law_support import FEW, SEARCH, Decoder, events_of


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
    with pytest.raises(AssertionError, match=r"something else than whole_\d, which got"):
        run_state_machine_as_test(machine, settings=SEARCH)


HALF = Turns(((b': {"a": 1}', b"\n\n"),))


def test_what_is_given_too_early_is_seen_before_the_end() -> None:
    failure = Taker(GivesHalfAnEvent, "factory").take(HALF)
    assert failure is not None
    assert failure.code.endswith("consumer_0.feed(body_0[:10])")


def test_consumers_that_are_left_open_are_closed_after_a_failure() -> None:
    turns = Turns(((b"a", b"b\n"), (b"c\n",), (b"d\n",)), (0, 0, 1, 1))
    failure = Taker(SharedBuffer, "factory").take(turns)
    assert failure is not None
    assert failure.code.endswith("consumer_1.feed(body_1)")
    assert SharedBuffer.shared == []


class SharedDecoder:
    """Its decoder is closed for ever when the first object is closed."""

    decoder: Any

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        return events_of(self.decoder.feed(data))

    def close(self) -> list[dict[str, Any]]:
        return events_of(self.decoder.close())


class SharedDict(Buffer):
    """It gives how many lines all objects have got: no two calls give the same."""

    shared: dict[tuple[int, bytes], bool]

    def feed(self, data: bytes) -> list[Any]:
        lines = super().feed(data)
        self.shared.update({(id(self), line): True for line in lines})
        return [len(self.shared) for _ in lines]


class SharedBytes:
    shared = bytearray()

    def feed(self, data: bytes) -> None:
        self.shared.extend(data)

    def close(self) -> list[bytes]:
        data = bytes(self.shared)
        self.shared.clear()
        return [data]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factory", [SharedDecoder, SharedDict, SharedBytes, SharedBuffer])
def test_shared_state_is_shown_by_two_objects_on_the_smallest_stream(
    factory: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fresh() -> dict[str, Any]:
        monkeypatch.setattr(SharedDecoder, "decoder", ChunkDecoder(), raising=False)
        monkeypatch.setattr(SharedDict, "shared", {}, raising=False)
        return {factory.__name__: factory}

    fresh()
    few = settings(max_examples=20, database=None)
    machine: Any = hypothesis.seed(seed)(laws.consumer_machine(factory, settings=few))
    with pytest.raises(AssertionError) as caught:
        machine.TestCase("runTest").runTest()
    problem, code, *_ = str(caught.value).split("\n\n")
    assert "something else" in problem
    assert not hasattr(caught.value, "__notes__")
    assert code.count(f"= {factory.__name__}()") in (2, 3)
    assert code.count("b'data: ") == 3  # message_start, message_delta, message_stop
    # In another program, the last call gives the same.
    *calls, last = code.splitlines()
    names = fresh()
    exec("\n".join(calls), names)
    if caught.value.__cause__ is not None:
        with pytest.raises(type(caught.value.__cause__)):
            eval(last, names)
    else:
        assert eval(last, names) != names["whole_0"]


class BrokenAfterAWhile(Decoder):
    """What earlier objects got decides what it gives."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1
        self.is_broken = self.made % 100 == 0

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        return [] if self.is_broken else super().feed(data)


def test_calls_that_fail_only_once_are_shown_as_such() -> None:
    machine = laws.consumer_machine(BrokenAfterAWhile, streams=STREAMS, settings=SEARCH)
    with pytest.raises(AssertionError, match="The same calls give something else when they are"):
        run_state_machine_as_test(machine)


def test_calls_that_do_not_fail_in_a_later_example_are_shown_as_such() -> None:
    machine = laws.consumer_machine(Decoder)

    def run() -> None:
        machine.first = Taker(GivesHalfAnEvent, "Half").take(HALF)
        raise FlakyStrategyDefinition("it fails no more")

    with pytest.raises(AssertionError, match=r"(?s)^The same calls .* = Half\(\)\n"):
        _search(machine, run)  # type: ignore[arg-type]


def test_what_hypothesis_finds_flaky_without_a_failure_is_its_own_to_say() -> None:
    def run() -> None:
        raise FlakyStrategyDefinition("the strategy of streams is at fault")

    machine: Any = laws.consumer_machine(Decoder)
    with pytest.raises(FlakyStrategyDefinition):
        _search(machine, run)


@pytest.mark.parametrize("nothing", [None, []])
def test_a_consumer_that_never_gives_anything_does_not_pass(nothing: Any) -> None:
    class Silent:
        def feed(self, data: bytes) -> Any:
            return nothing

        def close(self) -> Any:
            return nothing

    machine: Any = laws.consumer_machine(Silent, settings=FEW)
    with pytest.raises(AssertionError, match=r"^The consumer gives nothing for any stream\.$"):
        machine.TestCase("runTest").runTest()
    machine = laws.consumer_machine(Silent, streams=STREAMS, settings=FEW)  # it may leave out pings
    machine.TestCase("runTest").runTest()


@pytest.mark.parametrize("missing", ["feed", "close"])
def test_a_class_without_a_method_is_refused_at_once(missing: str) -> None:
    methods = {name: None for name in ("feed", "close") if name != missing}
    with pytest.raises(TypeError, match=rf"^factory: Half has no {missing}\(\)$"):
        laws.consumer_machine(type("Half", (), methods))


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
    assert machine.TestCase.settings.max_examples == FEW.max_examples
    assert laws.consumer_machine(Decoder).TestCase.settings.deadline is None
