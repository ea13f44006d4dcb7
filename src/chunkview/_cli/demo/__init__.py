"""`chunkview demo`: bundled recordings, streamed through the official client."""

from __future__ import annotations

from .command import add_demo

__all__ = ["add_demo"]
