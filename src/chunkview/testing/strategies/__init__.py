"""Hypothesis strategies for Anthropic's streams: parts, events, whole streams, bodies.

These strategies generate what the API sends: JSON objects as plain dicts, and bodies as bytes.
`chunks` alone generates chunk views. For a value of any other class of chunkview, ask for the
class: `st.from_type(TextBlock)`, `st.from_type(Message)`. That works without importing this
module, also in `st.builds` and where Hypothesis reads annotations. For a base class
(AnthropicCallResponseChunk, ContentBlock, Citation) it generates all variants.

Every value is new, so you may change it. Every value can be written as JSON without loss: no lone
surrogates, no NaN or infinity, integers within 64 bits.

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
except ImportError as _error:
    raise ImportError(
        "chunkview.testing.strategies needs hypothesis: pip install 'chunkview[testing]'"
    ) from _error

from ..._chunks import decode
from ._assembly import Stream
from ._bodies import (
    corrupted_bodies,
    segmentations,
    sse_bodies,
    streams_with_bodies,
)
from ._broken import broken_bodies, broken_streams
from ._events import content_block_deltas, vocabulary
from ._like import streams_like, streams_of
from ._objects import UNKNOWN, Event, extended
from ._streams import message_streams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

    from ..._chunks import ChunkView

__all__ = [
    "Event",
    "Stream",
    "broken_bodies",
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
    "streams_like",
    "streams_of",
    "streams_with_bodies",
    "usages",
]


def events(
    type: str | None = None,  # noqa: A002 - the key's name on the wire
    *,
    beta: bool = True,
    unknown: bool = True,
) -> SearchStrategy[Event]:
    """Single events, as dicts. For events in a valid order, use `message_streams`.

    Args:
        type: The event's type, by default any that the API sends. The type of a delta
            (`text_delta`) gives `content_block_delta` events; `unknown` a type that no API
            documents; `text`, `input_json` and the like the events that `client.messages.stream()`
            of the SDK adds.
        beta: Include what only the beta API sends.
        unknown: Include what no API documents: tags, and keys in objects of every kind.

    Returns:
        A strategy of dicts. Shrinks to `{"type": "ping"}`, or to an event of the given type with
        only its required keys, numbers at 0 and text at "".

    Raises:
        ValueError: No event is of that type.
    """
    words = vocabulary(beta=beta, unknown=unknown)
    if type in words.deltas and type != UNKNOWN:
        return extended(content_block_deltas(words.deltas[type]), unknown=unknown)
    if type in words.helper_events:
        return extended(words.helper_events[type], unknown=unknown)
    others = [*words.deltas, *words.helper_events]
    return _chosen(words.events, type, *others, unknown=unknown)


def deltas(
    type: str | None = None,  # noqa: A002
    *,
    beta: bool = True,
    unknown: bool = True,
) -> SearchStrategy[Event]:
    """The `delta` of a `content_block_delta`, as dicts.

    Args:
        type: The delta's type, or `unknown`; by default any.
        beta: Include what only the beta API sends.
        unknown: Include what no API documents.

    Returns:
        A strategy of dicts. Shrinks to a `text_delta` with "", or to a delta of the given type
        that adds nothing.

    Raises:
        ValueError: No delta is of that type.
    """
    return _chosen(vocabulary(beta=beta, unknown=unknown).deltas, type, unknown=unknown)


def content_blocks(
    type: str | None = None,  # noqa: A002
    *,
    beta: bool = True,
    unknown: bool = True,
) -> SearchStrategy[Event]:
    """Content blocks of a whole message, as dicts.

    Args:
        type: The block's type, or `unknown`; by default any.
        beta: Include what only the beta API sends.
        unknown: Include what no API documents.

    Returns:
        A strategy of dicts. Shrinks to a `text` block with "", or to an empty block of the given
        type.

    Raises:
        ValueError: No block is of that type.
    """
    return _chosen(vocabulary(beta=beta, unknown=unknown).blocks, type, unknown=unknown)


def citations(
    type: str | None = None,  # noqa: A002
    *,
    unknown: bool = True,
) -> SearchStrategy[Event]:
    """Citations, as dicts.

    Args:
        type: The citation's type, or `unknown`; by default any.
        unknown: Include what no API documents.

    Returns:
        A strategy of dicts. Shrinks to a citation of "" with numbers at 0.

    Raises:
        ValueError: No citation is of that type.
    """
    return _chosen(vocabulary(beta=True, unknown=unknown).citations, type, unknown=unknown)


def usages(*, beta: bool = True, unknown: bool = True) -> SearchStrategy[Event]:
    """The `usage` of a message, as dicts.

    Args:
        beta: Include what only the beta API sends.
        unknown: Include keys that no API documents.

    Returns:
        A strategy of dicts. Shrinks to `{"input_tokens": 0, "output_tokens": 0}`.
    """
    return extended(vocabulary(beta=beta, unknown=unknown).usage, unknown=unknown)


def delta_usages(*, beta: bool = True, unknown: bool = True) -> SearchStrategy[Event]:
    """The `usage` of a `message_delta`, as dicts.

    Args:
        beta: Include what only the beta API sends.
        unknown: Include keys that no API documents.

    Returns:
        A strategy of dicts. Shrinks to `{"output_tokens": 0}`.
    """
    return extended(vocabulary(beta=beta, unknown=unknown).delta_usage, unknown=unknown)


def messages(*, beta: bool = True, unknown: bool = True) -> SearchStrategy[Event]:
    """Whole messages, which the API answers without streaming, as dicts.

    They can be decoded, but need not keep the rules: the `stop_reason` may be None, for example.
    For messages that do, use `message_streams().map(accumulate)`.

    Args:
        beta: Include what only the beta API sends.
        unknown: Include what no API documents.

    Returns:
        A strategy of dicts. Shrinks to a message without content.
    """
    return extended(vocabulary(beta=beta, unknown=unknown).message, unknown=unknown)


def chunks(
    type: str | None = None,  # noqa: A002
    *,
    beta: bool = True,
    unknown: bool = True,
) -> SearchStrategy[ChunkView]:
    """Chunk views: `chunkview.decode` of `events`.

    `st.from_type(TextDeltaChunk)` generates the same for one class.

    Args:
        type: As for `events`.
        beta: As for `events`.
        unknown: As for `events`.

    Returns:
        A strategy of chunk views, each with the event as its `chunk`. Shrinks like `events`.

    Raises:
        ValueError: No event is of that type.
    """
    return events(type, beta=beta, unknown=unknown).map(decode)


def _chosen(
    table: Mapping[str, SearchStrategy[Event]], tag: str | None, *others: str, unknown: bool
) -> SearchStrategy[Event]:
    """The values of one row of a table, or of all rows.

    Args:
        table: Strategies by their tag.
        tag: One of them, or None.
        *others: Tags that the caller takes beside those of the table, for the error.
        unknown: Whether to add keys that no API documents.
    """
    if tag is None:
        return extended(st.one_of(*table.values()), unknown=unknown)
    if tag not in table:
        tags = ", ".join(dict.fromkeys([*table, *others]))
        raise ValueError(f"no strategy has the type {tag!r}; the types are {tags}")
    return extended(table[tag], unknown=unknown)
