"""Hypothesis's entry point: `st.from_type(TextDeltaChunk)` works without an import of ours.

Hypothesis calls `register` while it is being imported itself, in every test run of everybody who
has chunkview installed. So nothing is built here: the strategies are imported when the first type
is asked for. And this module stands outside of `testing`, which brings an HTTP server along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import chunkview

from . import common

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["PUBLIC_CLASSES", "register"]

PUBLIC_CLASSES: tuple[type[Any], ...] = (
    *(value for name in chunkview.__all__ if isinstance(value := getattr(chunkview, name), type)),
    common.Usage,
)
"""Every public class, so that none is forgotten when one is added."""


def register() -> None:
    """Tell Hypothesis how to find a strategy for each public class."""
    from hypothesis.strategies import register_type_strategy

    for cls in PUBLIC_CLASSES:
        register_type_strategy(cls, _resolve)


def _resolve(cls: type[Any]) -> SearchStrategy[Any]:
    from .testing.strategies._values import values_of

    return values_of(cls)
