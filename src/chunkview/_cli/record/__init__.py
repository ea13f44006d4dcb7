"""`chunkview record`: a proxy on this machine that records what the API answers."""

from __future__ import annotations

from .command import add_record

__all__ = ["add_record"]
