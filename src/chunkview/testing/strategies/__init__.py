"""Hypothesis strategies for Anthropic's streams: parts, events, whole streams, bodies.

Everything here gives what the wire holds, JSON objects as plain dicts and bodies as bytes, except
`chunks`, which gives chunk views. For a value of any other class of chunkview, ask for the class:
`st.from_type(TextBlock)`, `st.from_type(Message)`. That works without importing this module, and
so in `st.builds` and wherever Hypothesis looks at annotations; the base classes
(AnthropicCallResponseChunk, ContentBlock, Citation) give any of their variants.

Whatever is generated is new each time, so that it may be changed, and can be written as JSON
without loss: no lone surrogates, no NaN or infinity, integers within 64 bits.

Example:
    ```python
    from hypothesis import given
    from chunkview.testing import strategies as cv

    @given(cv.message_streams(thinking=False))
    def test_my_gateway_passes_every_stream_on(events): ...
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        "chunkview.testing.strategies needs hypothesis: pip install 'chunkview[testing]'"
    ) from error

from ..._chunks import decode
from ._bodies import (
    corrupted_bodies,
    segmentations,
    sse_bodies,
    streams_with_bodies,
)
from ._broken import RULES, broken_streams
from ._events import content_block_deltas, vocabulary
from ._objects import UNKNOWN, extended
from ._streams import message_streams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

    from ..._chunks import AnthropicCallResponseChunk
    from ._objects import Event

__all__ = [
    "RULES",
    "broken_streams",
    "chunks",
    "citations",
    "content_blocks",
    "corrupted_bodies",
    "delta_usages",
    "deltas",
    "events",
    "message_streams",
    "messages",
    "segmentations",
    "sse_bodies",
    "streams_with_bodies",
    "usages",
]


def events(
    type: str | None = None,  # noqa: A002 - the key's name on the wire
    *,
    beta: bool = True,
    unknown: bool = True,
) -> SearchStrategy[Event]:
    """Single events, as dicts.

    Each stands for itself: for events that follow one another as they should, there is
    `message_streams`.

    Args:
        type: The event's type. For a `content_block_delta` also the type of the delta
            (`text_delta`); `unknown` for a type that no API documents; and a type of the events
            that `client.messages.stream()` of the SDK adds (`text`, `input_json`). By default any
            that stands on the wire.
        beta: With what only the beta API sends.
        unknown: With what no API documents: tags, and keys in objects of every kind.

    Returns:
        A strategy of dicts. Shrinks to `{"type": "ping"}`, or to the event of the given type with
        no more than its required keys, numbers at 0 and text at "".

    Raises:
        ValueError: No event is of that type.
    """
    words = vocabulary(beta=beta, unknown=unknown)
    if type in words.deltas and type != UNKNOWN:
        return extended(content_block_deltas(words.deltas[type]), unknown=unknown)
    if type in words.helper_events:
        return extended(words.helper_events[type], unknown=unknown)
    return extended(_chosen(words.events, type), unknown=unknown)


def deltas(
    type: str | None = None,  # noqa: A002
    *,
    beta: bool = True,
    unknown: bool = True,
) -> SearchStrategy[Event]:
    """What stands under `delta` of a `content_block_delta`, as dicts.

    Args:
        type: The delta's type, or `unknown`; by default any.
        beta: With what only the beta API sends.
        unknown: With what no API documents.

    Returns:
        A strategy of dicts. Shrinks to a delta that adds nothing.

    Raises:
        ValueError: No delta is of that type.
    """
    words = vocabulary(beta=beta, unknown=unknown)
    return extended(_chosen(words.deltas, type), unknown=unknown)


def content_blocks(
    type: str | None = None,  # noqa: A002
    *,
    beta: bool = True,
    unknown: bool = True,
) -> SearchStrategy[Event]:
    """Content blocks as they stand in a message, as dicts.

    Args:
        type: The block's type, or `unknown`; by default any.
        beta: With what only the beta API sends.
        unknown: With what no API documents.

    Returns:
        A strategy of dicts. Shrinks to a block with nothing in it.

    Raises:
        ValueError: No block is of that type.
    """
    words = vocabulary(beta=beta, unknown=unknown)
    return extended(_chosen(words.blocks, type), unknown=unknown)


def citations(
    type: str | None = None,  # noqa: A002
    *,
    unknown: bool = True,
) -> SearchStrategy[Event]:
    """Citations, as dicts.

    Args:
        type: The citation's type, or `unknown`; by default any.
        unknown: With what no API documents.

    Returns:
        A strategy of dicts. Shrinks to a citation of "".

    Raises:
        ValueError: No citation is of that type.
    """
    words = vocabulary(beta=True, unknown=unknown)
    return extended(_chosen(words.citations, type), unknown=unknown)


def usages(*, beta: bool = True, unknown: bool = True) -> SearchStrategy[Event]:
    """The `usage` of a message, as dicts.

    Args:
        beta: With what only the beta API sends.
        unknown: With keys that no API documents.

    Returns:
        A strategy of dicts. Shrinks to no tokens in and none out.
    """
    return extended(vocabulary(beta=beta, unknown=unknown).usage, unknown=unknown)


def delta_usages(*, beta: bool = True, unknown: bool = True) -> SearchStrategy[Event]:
    """The `usage` of a `message_delta`, as dicts.

    Args:
        beta: With what only the beta API sends.
        unknown: With keys that no API documents.

    Returns:
        A strategy of dicts. Shrinks to `{"output_tokens": 0}`.
    """
    return extended(vocabulary(beta=beta, unknown=unknown).delta_usage, unknown=unknown)


def messages(*, beta: bool = True, unknown: bool = True) -> SearchStrategy[Event]:
    """Whole messages, as the API answers without streaming, as dicts.

    Args:
        beta: With what only the beta API sends.
        unknown: With what no API documents.

    Returns:
        A strategy of dicts. Shrinks to a message without content.
    """
    return extended(vocabulary(beta=beta, unknown=unknown).message, unknown=unknown)


def chunks(
    type: str | None = None,  # noqa: A002
    *,
    beta: bool = True,
    unknown: bool = True,
) -> SearchStrategy[AnthropicCallResponseChunk]:
    """Chunk views, as `chunkview.decode` makes them of `events`.

    `st.from_type(TextDeltaChunk)` asks for the same by class.

    Args:
        type: As for `events`.
        beta: As for `events`.
        unknown: As for `events`.

    Returns:
        A strategy of chunk views whose `chunk` is the event. Shrinks like `events`.

    Raises:
        ValueError: No event is of that type.
    """
    return events(type, beta=beta, unknown=unknown).map(decode)


def _chosen(table: Mapping[str, SearchStrategy[Event]], tag: str | None) -> SearchStrategy[Event]:
    if tag is None:
        return st.one_of(*table.values())
    if tag not in table:
        raise ValueError(f"nothing here has the type {tag!r}; there are {', '.join(table)}")
    return table[tag]
