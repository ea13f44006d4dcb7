"""Streams that each break one rule, with the name of the rule.

Each rule has a breaker, a function that takes a valid stream and breaks it. There is a module of
them for each group of rules. `_breaking` has what they share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ..._rules import RULES
from . import _broken_data, _broken_fields, _broken_lines, _broken_order
from ._broken_lines import plain_body
from ._streams import streams_without_findings

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from ._assembly import Stream

__all__ = ["broken_bodies", "broken_streams"]


def broken_streams(rule: str | None = None) -> SearchStrategy[tuple[str, Stream]]:
    """Streams that break a rule, and its name.

    The rules are those of `chunkview.conformance.RULES`, but for the group "wire": those are about
    bytes, and `broken_bodies` breaks them.

    Apart from the break, the stream is valid: `chunkview.conformance.check` finds the rule, and no
    other one than those that cannot be kept then. (Without `message_delta`, say, there is no stop
    reason.)

    `chunkview.accumulate` raises DecodeError where the rule is of the group "essential";
    ProtocolError for `message_start_missing`, `second_message` and `content_after_message_stop`;
    IncompleteStreamError for `stream_cut`; and StreamError for `event_after_error` and
    `error_misshapen`. It takes the other streams. With `strict="all"` it takes none.

    Args:
        rule: The name of a rule, by default any.

    Returns:
        A strategy of pairs: the rule, and the events (a new list of new dicts each time). Shrinks
        to a stream of a few short events.

    Raises:
        TypeError: `rule` is not a str.
        ValueError: There is no such rule, or it is about bytes.
    """
    rule = _known(rule)
    if rule in _broken_lines.BREAKS:
        raise ValueError(
            f"the rule {rule!r} is about bytes, and no list of events breaks it: "
            f"use broken_bodies({rule!r})"
        )
    return _any_stream() if rule is None else _stream(rule)


def broken_bodies(rule: str | None = None) -> SearchStrategy[tuple[str, bytes]]:
    """Bodies that break a rule, and its name.

    A rule of the group "wire" is broken by the lines of the body. The others are broken as by
    `broken_streams`, and the events are written as the API writes them: an `event:` line, one
    `data:` line, LF. To cut the body into pieces, use `segmentations`.

    `chunkview.accumulate` raises what `broken_streams` says. Of the rules about bytes, it raises
    DecodeError for `control_character` and for some cases of `data_not_object`, and StreamError for
    `body_is_error`. It takes the others. With `strict="all"` it takes none.

    Args:
        rule: The name of a rule, a key of `chunkview.conformance.RULES`; by default any.

    Returns:
        A strategy of pairs: the rule, and the body. Shrinks to the body of a few short events.

    Raises:
        TypeError: `rule` is not a str.
        ValueError: There is no such rule.
    """
    rule = _known(rule)
    return _any_body() if rule is None else _body(rule)


def _known(rule: str | None) -> str | None:
    if not isinstance(rule, str | None):
        raise TypeError(f"rule: expected the name of a rule, got {type(rule).__name__}")
    if rule is not None and rule not in RULES:
        names = ", ".join(RULES)
        raise ValueError(f"no rule of a stream is named {rule!r}; the rules are {names}")
    return rule


_BREAKS = {**_broken_order.BREAKS, **_broken_fields.BREAKS, **_broken_data.BREAKS}
_RULES = tuple([rule for rule in RULES if rule in _BREAKS])
_VALID = streams_without_findings()
_WITH_BLOCKS = streams_without_findings(min_blocks=1)
_VALID_FOR = {
    **dict.fromkeys(
        (
            "second_message",
            "index_reused",
            "index_not_consecutive",
            "blocks_overlap",
            "delta_after_block_stop",
            "block_stop_repeated",
            "block_not_stopped",
        ),
        _WITH_BLOCKS,
    ),
    "stop_reason_without_tool_use": streams_without_findings(tools=False),
}
"""The valid streams to break, where not any will do."""


@st.composite
def _any_stream(draw: DrawFn) -> tuple[str, Stream]:
    return draw(_stream(draw(st.sampled_from(_RULES))))


@st.composite
def _stream(draw: DrawFn, rule: str) -> tuple[str, Stream]:
    return rule, _BREAKS[rule](draw, draw(_VALID_FOR.get(rule, _VALID)))


@st.composite
def _any_body(draw: DrawFn) -> tuple[str, bytes]:
    return draw(_body(draw(st.sampled_from(tuple(RULES)))))


@st.composite
def _body(draw: DrawFn, rule: str) -> tuple[str, bytes]:
    if rule in _BREAKS:
        _, stream = draw(_stream(rule))
        return rule, plain_body(stream)
    return rule, _broken_lines.BREAKS[rule](draw, draw(_VALID))
