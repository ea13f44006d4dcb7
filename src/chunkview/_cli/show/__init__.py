"""`chunkview show`: what is in streams."""

from __future__ import annotations

from .command import add_show, transcript_for
from .summary import summary
from .transcript import Transcript

__all__ = ["Transcript", "add_show", "summary", "transcript_for"]
