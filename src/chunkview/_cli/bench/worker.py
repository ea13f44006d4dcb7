"""Jobs: to compare the answers of one function, or to measure it, in a process of its own.

What one function imports and leaves in memory does not slow the others down.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

import attrs

from .agreement import Agreement, agreement, failure_of
from .bodies import Row
from .functions import Function, load
from .timing import Effort, Timing, call_with, time_calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bodies import Body

__all__ = ["CLOCK", "Job", "Result", "run", "run_in_process"]


# CPU time: what other programs do meanwhile does not count. On Windows, its steps are too large.
_TIMER = time.perf_counter if sys.platform == "win32" else time.process_time
CLOCK = "wall clock" if sys.platform == "win32" else "CPU time"
"""What is measured."""


@attrs.frozen
class Job:
    """What a process does.

    Attributes:
        function: The function.
        rows: The bodies.
        segment_size: The bytes of a piece, or None for whole bodies.
        effort: How much to measure. None: compare the answers instead.
    """

    function: Function
    rows: tuple[Row, ...]
    segment_size: int | None = None
    effort: Effort | None = None


@attrs.frozen
class Result:
    """What a process found out.

    Attributes:
        problem: Why the function cannot be loaded or measured, or "".
        agreements: How the answers compare, by row; empty if they were measured.
        timings: What was measured, by row; empty if they were compared.
        metadata: What pyperf says about the process; empty if they were compared.
    """

    problem: str = ""
    agreements: dict[str, Agreement] = attrs.field(factory=dict[str, Agreement])
    timings: dict[str, Timing] = attrs.field(factory=dict[str, Timing])
    metadata: dict[str, Any] = attrs.field(factory=dict[str, Any])


def run_in_process(job: Job) -> Result:
    """Do a job in a new process, which imports everything anew."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_print_to_stderr) as pool:
        try:
            return pool.submit(run, job).result()
        except BrokenProcessPool:
            return Result(problem="its process ended by itself")


def _print_to_stderr() -> None:
    """Send what the function prints to standard error: standard output is for the report."""
    os.dup2(2, 1)


def run(job: Job, *, timer: Callable[[], float] = _TIMER) -> Result:
    """Do a job in this process.

    Args:
        job: The job.
        timer: A clock in seconds.
    """
    try:
        function = load(job.function.place)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the module's, and shown
        return Result(problem=failure_of(error))

    def prepared(body: Body) -> Callable[[], Any]:
        return call_with(
            function,
            body.data,
            segment_size=job.segment_size,
            takes_pieces=job.function.takes_pieces,
        )

    def with_hint(found: Agreement, row: Row) -> Agreement:
        """Say so if the function takes pieces, and got a whole body; or the other way round."""
        if found.status != "fails" or job.function.takes_pieces:
            return found
        gets_bytes = job.segment_size is None
        other = agreement(
            lambda body: function((body.data,) if gets_bytes else body.data), row.bodies[:1]
        )
        if other.status == "fails":
            return found
        hint = "pieces: give --segments" if gets_bytes else "the whole body: leave out --segments"
        return attrs.evolve(found, problem=f"{found.problem}; it takes {hint}")

    if job.effort is None:
        return Result(
            agreements={
                row.name: with_hint(agreement(lambda body: prepared(body)(), row.bodies), row)
                for row in job.rows
            }
        )
    # What is loaded by now is not looked at again by the collector. The process ends after the job.
    gc.collect()
    gc.freeze()
    try:
        timings = {
            row.name: time_calls([prepared(body) for body in row.bodies], job.effort, timer=timer)
            for row in job.rows
        }
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the function's, and shown
        return Result(problem=failure_of(error))
    return Result(timings=timings, metadata=_metadata())


def _metadata() -> dict[str, Any]:
    from pyperf import Run  # type: ignore[import-untyped]

    found: dict[str, Any] = Run((1.0,), collect_metadata=True).get_metadata()
    return {**found, "timer": CLOCK}
