"""The rules that a stream should keep, and the findings of those that it breaks."""

from __future__ import annotations

from .findings import MAX_FINDINGS, Fault, Finding, Findings
from .table import RULES, Rule

__all__ = ["MAX_FINDINGS", "RULES", "Fault", "Finding", "Findings", "Rule"]
