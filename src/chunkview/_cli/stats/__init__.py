"""`chunkview stats`: sums of recordings, and a table with a row for each."""

from __future__ import annotations

from .command import add_stats

__all__ = ["add_stats"]
