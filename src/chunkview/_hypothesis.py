"""Hypothesis's entry point: it makes `st.from_type(TextDeltaChunk)` work without an import.

Hypothesis calls `register` whenever it is imported, in all projects with chunkview installed. So
`register` must be cheap: it imports the strategies only when the first type is asked for. And this
module is not in `testing`, because that imports an HTTP server.
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
"""Every public class, including future ones."""


def register() -> None:
    """Tell Hypothesis how to find a strategy for each public class."""
    from hypothesis.strategies import register_type_strategy

    for cls in PUBLIC_CLASSES:
        register_type_strategy(cls, _resolve)


def _resolve(cls: type[Any]) -> SearchStrategy[Any]:
    from .testing.strategies._values import values_of

    return values_of(cls)
