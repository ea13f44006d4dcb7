"""Whether a function's answers agree with chunkview's.

Items of an answer are compared as events, in JSON: dicts with a `type`; objects that write
themselves as one (`to_event`, `to_dict`, `model_dump`), msgspec Structs, attrs and dataclass
objects; JSON in bytes, or in the attribute `data` of an object, as parsers of server-sent events
have it. If all items are strings, they are compared joined, with the text of the message. Anything
else is not compared.

Pings are left out: many parsers skip them. A null, and an empty value for a key that the event does
not have, are the same as no key: classes have defaults. A key that is missing is not a difference,
but it is named.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from ..._stream import iter_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .bodies import Body

__all__ = ["BAD", "Agreement", "Status", "agreement", "failure_of", "worst_of"]

Status: TypeAlias = Literal["agrees", "leaves out", "not compared", "differs", "fails"]

# From the best to the worst.
_ORDER: tuple[Status, ...] = ("agrees", "leaves out", "not compared", "differs", "fails")

BAD: frozenset[Status] = frozenset({"differs", "fails"})
"""What is the matter with a parser that gives other answers than chunkview."""

# The files of what imports and calls the function. Frozen modules have a name such as <frozen ...>.
_NOT_THE_FUNCTIONS = ("<", str(Path(__file__).parent), str(Path(importlib.__file__).parent))

_CONTEXT = 30
"""Characters that are shown on each side of the first difference of two texts."""


@attrs.frozen
class Agreement:
    """How a function's answers compare with chunkview's.

    Attributes:
        status: The result.
        compared: What was compared: "events", "text", or "" for nothing.
        problem: Why it fails or was not compared, or where it differs, or "".
        file: The name of the body with the first difference, or "".
        event: The number of the event that differs, pings included, from 0; None for a text.
        expected: What chunkview gives there, as JSON, or None.
        given: What the function gives there, as JSON, or None.
        missing: The keys that are left out, each with the type of its event.
    """

    status: Status
    compared: str = ""
    problem: str = ""
    file: str = ""
    event: int | None = None
    expected: Any = None
    given: Any = None
    missing: tuple[str, ...] = ()


def agreement(call: Callable[[Body], Any], bodies: Iterable[Body]) -> Agreement:
    """Compare the answers for all bodies.

    Args:
        call: Gives the function's answer for a body.
        bodies: The bodies, one at least.
    """
    return worst_of(_of_body(call, body) for body in bodies)


def worst_of(agreements: Iterable[Agreement]) -> Agreement:
    """Give the worst of the results, and the first of several that are equally bad.

    Args:
        agreements: The results, one at least.

    Returns:
        That result, with the missing keys of all.
    """
    found = list(agreements)
    worst = max(found, key=lambda one: _ORDER.index(one.status))
    missing = dict.fromkeys(name for one in found for name in one.missing)
    return attrs.evolve(worst, missing=tuple(missing))


def _of_body(call: Callable[[Body], Any], body: Body) -> Agreement:
    try:
        given = _items_of(call(body))
        found = _compared(given, body.data)
    except _NotComparedError as problem:
        return Agreement("not compared", problem=str(problem), file=body.name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the function's, and shown
        return Agreement("fails", problem=failure_of(error), file=body.name)
    # Another process reads them.
    expected, other = _as_json(found.expected), _as_json(found.given)
    return attrs.evolve(found, file=body.name, expected=expected, given=other)


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=repr))


class _NotComparedError(Exception):
    """An answer cannot be compared; the text says why."""


def failure_of(error: BaseException) -> str:
    """Describe an exception in one line, with the place in the function's code, if it got there."""
    text = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(_NOT_THE_FUNCTIONS):
            return f"{text} ({Path(frame.filename).name}:{frame.lineno})"
    return text


def _items_of(answer: Any) -> list[Any]:
    if isinstance(answer, str):
        return [answer]
    if hasattr(answer, "__await__") or hasattr(answer, "__aiter__"):
        raise TypeError("the function is async: give one that calls asyncio.run")
    if isinstance(answer, (bytes, Mapping)) or not isinstance(answer, Iterable):
        raise _NotComparedError(
            f"the answer is {_described(answer)}, and not one item after the other"
        )
    return list(answer)


def _compared(given: list[Any], body: bytes) -> Agreement:
    chunks = list(iter_chunks(body))
    if given and all(isinstance(item, str) for item in given):
        return _compared_text("".join(given), "".join(chunk.content for chunk in chunks))
    expected = [
        (number, chunk.to_event()) for number, chunk in enumerate(chunks) if chunk.type != "ping"
    ]
    events = [event for event in map(_event_of, given) if event["type"] != "ping"]
    return _compared_events(events, expected)


def _compared_text(given: str, expected: str) -> Agreement:
    if given == expected:
        return Agreement("agrees", "text")
    pairs = enumerate(zip(given, expected, strict=False))
    shorter = min(len(given), len(expected))
    at = next((at for at, (one, other) in pairs if one != other), shorter)
    around = slice(max(at - _CONTEXT, 0), at + _CONTEXT)
    problem = f"the text differs at character {at:,}"
    return Agreement("differs", "text", problem, expected=expected[around], given=given[around])


def _compared_events(
    given: Sequence[Mapping[str, Any]], expected: Sequence[tuple[int, Mapping[str, Any]]]
) -> Agreement:
    missing: dict[str, None] = {}
    for (number, event), other in zip(expected, given, strict=False):
        if event["type"] != other["type"]:
            problem = f"event {number} is of another type"
            return Agreement("differs", "events", problem, "", number, event, other)
        for path, one, another in _differences(event, other, ()):
            name = ".".join(path)
            if another is _MISSING:
                missing[f"{event['type']}: {name}"] = None
                continue
            problem = f"event {number} differs in {name}"
            return Agreement("differs", "events", problem, "", number, {name: one}, {name: another})
    counts = f"there are {len(given):,} events and not {len(expected):,}, pings left out"
    if len(given) < len(expected):
        number, event = expected[len(given)]
        return Agreement("differs", "events", counts, "", number, event)
    if len(given) > len(expected):
        return Agreement("differs", "events", counts, given=given[len(expected)])
    return Agreement("leaves out" if missing else "agrees", "events", missing=tuple(missing))


_MISSING = object()
"""In place of the value of a key that is left out."""


def _differences(
    expected: Any, given: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Give the places where two JSON values differ: the path, and both values."""
    if isinstance(expected, Mapping) and isinstance(given, Mapping):
        for key, value in expected.items():
            if value is not None or given.get(key):
                yield from _differences(value, given.get(key, _MISSING), (*path, str(key)))
        for key, value in given.items():
            if value and key not in expected:
                yield (*path, str(key)), None, value
    elif isinstance(expected, list) and isinstance(given, (list, tuple)):
        if len(expected) != len(given):
            yield path, expected, list(given)
            return
        for one, other in zip(expected, given, strict=True):
            yield from _differences(one, other, path)
    elif isinstance(expected, bool) or isinstance(given, bool):
        if expected is not given:
            yield path, expected, given
    elif expected != given:
        yield path, expected, given


def _event_of(item: Any) -> Mapping[str, Any]:
    """Give an item as the JSON of an event.

    Raises:
        _NotComparedError: It is none.
    """
    value = None if isinstance(item, type) else _json_of(item)
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        return value
    raise _NotComparedError(
        f"an item is {_described(item)}: neither text, nor an event with a type (a dict, an object "
        "with to_event, to_dict or model_dump, a Struct, an attrs object or a dataclass object)"
    )


def _json_of(item: Any) -> Any:
    if isinstance(item, Mapping):
        return item
    if isinstance(item, bytes):
        return _parsed(item)
    if hasattr(item, "__struct_fields__"):
        import msgspec

        return msgspec.to_builtins(item)
    if hasattr(item, "to_event"):
        return item.to_event()
    if hasattr(item, "model_dump"):
        # An old SDK makes objects of a wrong class of what it does not know, and warns.
        return item.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
    if hasattr(item, "to_dict"):
        return item.to_dict()
    if isinstance(getattr(item, "data", None), (str, bytes)):
        return _parsed(item.data)
    if attrs.has(type(item)):
        return attrs.asdict(item)
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return dataclasses.asdict(item)
    return None


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _described(value: Any) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
