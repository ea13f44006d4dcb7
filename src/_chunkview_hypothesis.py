"""Hypothesis's entry point: it makes `st.from_type(TextDeltaChunk)` work without an import.

Hypothesis loads this module whenever it is imported, in each project with chunkview installed. So
this module imports nothing until both packages are there. `register` is called twice: by
Hypothesis, and by chunkview at the end of its import. The second call finds both.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["public_classes", "register"]


def register() -> None:
    """Tell Hypothesis how to find a strategy for each public class, if chunkview is imported."""
    # A package that another thread is still importing has no `__all__`. It calls again at its end.
    if not hasattr(sys.modules.get("chunkview"), "__all__"):
        return
    from hypothesis.strategies import register_type_strategy

    for cls in public_classes():
        register_type_strategy(cls, _values_of)


def public_classes() -> tuple[type[Any], ...]:
    """Give every public class, including future ones."""
    import chunkview
    from chunkview import common

    values = (getattr(chunkview, name) for name in chunkview.__all__)
    return (*(value for value in values if isinstance(value, type)), common.Usage)


def _values_of(cls: type[Any]) -> SearchStrategy[Any]:
    from chunkview.testing.strategies import _values

    return _values.values_of(cls)
