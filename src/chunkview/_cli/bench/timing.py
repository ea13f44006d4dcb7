"""How long a function takes for the bodies of a row."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Effort", "Timing", "call_with", "drain", "time_calls"]

_WARM = 40
"""How often the bodies are parsed before it counts, unless it takes too long."""
_MOST_WARMING = 30
"""How much time that may take, as a multiple of the least time of a measurement."""


@attrs.frozen
class Effort:
    """How much is measured.

    Attributes:
        rounds: How many processes measure each function, in turns with the other functions.
        values: How many times each process measures each row.
        least: How many seconds a measurement takes at least: the row is repeated until then.
    """

    rounds: int
    values: int
    least: float


@attrs.frozen
class Timing:
    """The measurements of one process for a row.

    Attributes:
        loops: How often the bodies are parsed in one measurement.
        warmup: The seconds of the measurement that is not counted, for one loop.
        values: The seconds of each measurement, for one loop.
    """

    loops: int
    warmup: float
    values: tuple[float, ...]


def call_with(
    function: Callable[[Any], Any], body: bytes, *, segment_size: int | None, takes_pieces: bool
) -> Callable[[], Any]:
    """Prepare a call of a function with a body.

    Args:
        function: The function.
        body: The body.
        segment_size: The bytes of a piece, or None for the whole body.
        takes_pieces: Whether the function takes pieces in any case, and not the body as bytes.
    """
    if segment_size is None:
        argument: Any = (body,) if takes_pieces else body
        return lambda: function(argument)
    pieces = [body[at : at + segment_size] for at in range(0, len(body), segment_size)]
    return lambda: function(iter(pieces))


def drain(answer: Any) -> None:
    """Take all items of an answer, so that a generator does its work."""
    if isinstance(answer, Iterable) and not isinstance(answer, (str, bytes, Mapping, list, tuple)):
        deque(answer, maxlen=0)


def time_calls(
    calls: Sequence[Callable[[], Any]], effort: Effort, *, timer: Callable[[], float]
) -> Timing:
    """Measure calls, made one after the other, and what their answers take to be drained.

    Args:
        calls: The calls.
        effort: How much to measure.
        timer: A clock in seconds, such as `time.perf_counter`.
    """

    def measure(loops: int) -> float:
        gc.collect()
        start = timer()
        for _ in range(loops):
            for call in calls:
                drain(call())
        return timer() - start

    loops = 1
    taken = measure(loops)
    while taken < effort.least:
        # The first loops may be slow: go step by step.
        wanted = effort.least / taken if taken > 0 else 10.0
        loops = max(loops + 1, int(loops * min(max(wanted, 1.1), 10.0)))
        taken = measure(loops)
    # A library may get faster with use: chunkview writes code for a class when it is used often.
    passes, spent, is_settled = loops, taken, False
    while spent < _MOST_WARMING * effort.least and not (is_settled and passes >= _WARM):
        before, taken = taken, measure(loops)
        is_settled = taken > 0.9 * before
        passes, spent = passes + loops, spent + taken
    values = tuple(measure(loops) / loops for _ in range(effort.values))
    return Timing(loops, taken / loops, values)
