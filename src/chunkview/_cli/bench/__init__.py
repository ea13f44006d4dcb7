"""`chunkview bench`: measures a parser beside chunkview and others, and compares its answers."""

from __future__ import annotations

from .command import add_bench

__all__ = ["add_bench"]
