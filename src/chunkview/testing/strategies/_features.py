"""What may occur in a stream: the arguments of `message_streams`."""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
from hypothesis.strategies import SearchStrategy

from ..._repr import concise_repr
from ._objects import Event

__all__ = ["Block", "Features", "GivenBlock"]

Block: TypeAlias = tuple[Event, list[Event]]
"""A content block at its start, and its deltas."""

GivenBlock: TypeAlias = "str | Event | SearchStrategy[str | Event]"
"""How a test says which block it wants: its type, the whole block, or a strategy of these."""


@attrs.frozen(repr=False)
class Features:
    """What may occur in a stream. `message_streams` describes each.

    Attributes:
        own_tools: The names of the tools that a test gives, and strategies of their inputs. Empty
            unless it gives some.
        given_blocks: Lists of the blocks that a test gives; None unless it gives some.
        unknown_reasons: Stop reasons that no API documents, among what is unknown.
    """

    realistic: bool = True
    thinking: bool = True
    tools: bool = True
    own_tools: tuple[tuple[str, SearchStrategy[dict[str, Any]]], ...] = ()
    server_tools: bool = True
    citations: bool = True
    beta: bool = True
    cut_off: bool = True
    errors: bool = False
    pings: bool = True
    unknown: bool = True
    model: str | SearchStrategy[str] | None = None
    given_blocks: SearchStrategy[Any] | None = None
    min_blocks: int = 0
    max_blocks: int = 4
    min_deltas: int = 0
    max_deltas: int = 5
    min_message_deltas: int = 1
    max_message_deltas: int = 2
    unknown_reasons: bool = True

    __repr__ = concise_repr
