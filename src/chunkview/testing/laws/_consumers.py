"""The law about consumers: what is fed piece by piece, and gives what it has found so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import hypothesis
    from hypothesis.stateful import RuleBasedStateMachine

    from ._parsers import Streams

__all__ = ["Consumer", "consumer_machine"]


class Consumer(Protocol):
    """What `consumer_machine` tests: an object that reads one stream."""

    def feed(self, data: bytes, /) -> Iterable[Any] | None:
        """Take the next bytes, and give what they complete; None is the same as nothing."""

    def close(self) -> Iterable[Any] | None:
        """End the stream, and give what is left."""


def consumer_machine(
    factory: Callable[[], Consumer],
    *,
    streams: Streams | None = None,
    settings: hypothesis.settings | None = None,
) -> type[RuleBasedStateMachine]:
    """Make a state machine that feeds several consumers, in turns.

    ```python
    TestMyDecoder = laws.consumer_machine(MyDecoder).TestCase
    ```

    Each consumer reads a stream of its own, cut anywhere, with empty pieces. What it has given so
    far must be the beginning of what a consumer gives that gets the same stream in one piece, and
    all of it after `close`. An exception is a failure too: the streams are whole and valid.

    Args:
        factory: Makes a consumer, for example its class.
        streams: What the consumers read; by default bodies in all formats that mean the same,
            `strategies.sse_bodies(quirks=False)`.
        settings: Hypothesis's settings, by default those of your profile without a deadline.

    Returns:
        The class of the machine. pytest and unittest run its `TestCase`.
    """
    from .. import strategies as cv
    from ._cases import bodies_of
    from ._machine import ConsumerMachine
    from ._search import settings_of

    class Machine(ConsumerMachine):
        bodies = bodies_of(streams, cv.sse_bodies(quirks=False))

        def new_consumer(self) -> Consumer:
            return factory()

    Machine.__name__ = Machine.__qualname__ = "Consumers"
    Machine.TestCase.settings = settings_of(settings)
    return Machine
