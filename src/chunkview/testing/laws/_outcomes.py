"""What a parser makes of some pieces: an answer, or an exception."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis.errors import HypothesisException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._laws import Parser

__all__ = ["Outcome", "collected", "outcome_of", "outcome_of_call"]

__tracebackhide__ = True


@attrs.frozen(eq=False)
class Outcome:
    """What a call gave.

    Attributes:
        answer: What it returned.
        error: What it raised instead, or None.
    """

    answer: Any = None
    error: Exception | None = None

    def agrees(self, other: Outcome) -> bool:
        """Whether both have equal answers, or exceptions of the same class."""
        if self.error is None and other.error is None:
            return bool(self.answer == other.answer)
        return type(self.error) is type(other.error)


def outcome_of(parse: Parser, pieces: Sequence[bytes]) -> Outcome:
    """Call a parser.

    Raises:
        TypeError: The parser is no function, or it is asynchronous, but no `async def`.
    """
    if not callable(parse):
        raise TypeError(f"parse: expected a function, got {type(parse).__name__}")
    if _is_async(parse):
        return outcome_of_call(lambda: _run(_awaited(parse, pieces)))
    outcome = outcome_of_call(lambda: collected(parse(iter(pieces))))
    if isinstance(outcome.answer, (Awaitable, AsyncIterator)):
        if inspect.iscoroutine(outcome.answer):
            outcome.answer.close()
        raise TypeError(
            "parse is no `async def`, but gives something to await. Write it as `async def`: "
            "then it gets the pieces as an asynchronous iterator"
        )
    return outcome


def collected(value: Any) -> Any:
    """Collect what an iterator gives in a list; leave other values as they are."""
    return list(value) if isinstance(value, Iterator) else value


def outcome_of_call(call: Callable[[], Any]) -> Outcome:
    """Call a function. What Hypothesis raises in it is not caught."""
    try:
        return Outcome(call())
    except HypothesisException:
        raise  # the parser calls `assume`, or draws
    except Exception as error:  # noqa: BLE001 - which exceptions are right is for the law to say
        return Outcome(error=error)


def _is_async(parse: Parser) -> bool:
    return any(
        inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        for function in (parse, getattr(parse, "__call__", None))  # noqa: B004 - an object's method
    )


async def _awaited(parse: Parser, pieces: Sequence[bytes]) -> Any:
    result = parse(_asynchronous(pieces))
    if isinstance(result, Awaitable):
        result = await result
    if isinstance(result, AsyncIterator):
        return [item async for item in result]
    return collected(result)


async def _asynchronous(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _run(coroutine: Any) -> Any:
    """Run a coroutine in a loop of its own. `asyncio.run` would change the loop of this thread."""
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
