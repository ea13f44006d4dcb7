"""What a failed law says: the body and its pieces as code to paste, and what each call gave."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._outcomes import Outcome

__all__ = ["describe", "literal", "pieces_of", "report", "shortly", "slices_of"]

__tracebackhide__ = True

_MAX_ANSWER = 2_000
_MAX_BODY = 20_000
"""How many characters of an answer and of a literal are shown."""

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")

# In bodies for the depth of JSON, a few bytes are repeated thousands of times.
_REPEATED = re.compile(rb"(.{1,8}?)\1{49,}", re.DOTALL)


def report(problem: str, body: str, *calls: tuple[str, Outcome]) -> str:
    """Write the text of an AssertionError.

    Args:
        problem: What is wrong, as a sentence.
        body: The lines that define the names in the calls.
        calls: Calls as code, each with its outcome.
    """
    shown = [f"{call} gives\n    {describe(outcome)}" for call, outcome in calls]
    differing = [outcome.answer for _, outcome in calls if isinstance(outcome.answer, list)]
    if len(differing) == 2 and len(calls) == 2:
        shown.append(_first_difference(*differing))
    return "\n\n".join([problem, body, *filter(None, shown)])


def literal(data: bytes, name: str = "body") -> str:
    r"""Write an assignment that makes bytes, a line of it for each line of the body.

    What is too long to paste is shortened, which a comment says.
    """
    shown: list[str] = []
    room = _MAX_BODY
    for match in _LINE.finditer(data):
        text = _line(match[0])
        if len(text) > room:
            shown += [text[:room], f"# ... cut here: {name} has {len(data):,} bytes"]
            break
        shown.append(text)
        room -= len(text)
    return "\n    ".join([f"{name} = (", *(shown or ["b''"])]) + "\n)"


def pieces_of(pieces: Sequence[bytes], name: str = "body") -> str:
    """Write the list of pieces as slices of a name, for example `[body[:7], body[7:]]`."""
    return f"[{', '.join(slices_of(pieces, name)) or name}]"


def slices_of(pieces: Sequence[bytes], name: str) -> list[str]:
    """Write each piece of a body as a slice of its name."""
    ends = list(accumulate(map(len, pieces), initial=0))
    return [_slice(name, start, end, ends[-1]) for start, end in pairwise(ends)]


def describe(outcome: Outcome) -> str:
    """Show an answer or an exception on a line."""
    if outcome.error is None:
        return _shown(outcome.answer)
    return f"{type(outcome.error).__name__}: {_clipped(str(outcome.error))}"


def shortly(search: Callable[[], None]) -> None:
    """Search. What the laws raise has no frames of Hypothesis, where pytest would show them.

    An exception of the caller's own code keeps all frames.
    """
    try:
        search()
    except Exception as error:
        *_, (frame, _) = walk_tb(error.__traceback__)
        if "__tracebackhide__" in frame.f_globals:
            raise error.with_traceback(None)  # noqa: B904 - it is the same error
        raise


def _slice(name: str, start: int, end: int, size: int) -> str:
    if start == end:
        return "b''" if size else name
    return name if end - start == size else f"{name}[{start or ''}:{end if end < size else ''}]"


def _first_difference(first: list[Any], second: list[Any]) -> str:
    both = zip(first, second, strict=False)
    number = next((n for n, (a, b) in enumerate(both) if a != b), min(len(first), len(second)))
    values = [_shown(one[number]) if number < len(one) else "nothing" for one in (first, second)]
    return f"They differ first at [{number}]:\n    {values[0]}\n    {values[1]}"


def _line(line: bytes) -> str:
    """Write a line as a sum. It begins and ends with a literal, so that lines join."""
    parts: list[str] = []
    at = 0
    for match in _REPEATED.finditer(line):
        count = (match.end() - match.start()) // len(match[1])
        parts += [repr(line[at : match.start()]), f"{match[1]!r} * {count}"]
        at = match.end()
    return " + ".join([*parts, repr(line[at:])])


def _shown(value: Any) -> str:
    try:
        return _clipped(repr(value))
    except Exception:  # noqa: BLE001 - the breach matters more than how it is shown
        return f"<{type(value).__name__}>"


def _clipped(text: str) -> str:
    return text if len(text) <= _MAX_ANSWER else f"{text[:_MAX_ANSWER]}..."
