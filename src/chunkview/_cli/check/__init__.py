"""`chunkview check`: which rules files, or the answers of a server, break."""

from __future__ import annotations

from .command import add_check

__all__ = ["add_check"]
