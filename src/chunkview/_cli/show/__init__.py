"""`chunkview show`: what is in streams."""

from __future__ import annotations

from .command import add_show, transcript_for

__all__ = ["add_show", "transcript_for"]
