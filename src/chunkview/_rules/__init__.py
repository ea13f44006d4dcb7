"""The rules that a stream should keep, and the findings of those that it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fields import FIELDS, Field, faults_of_fields, has_its_string
from .findings import MAX_FINDINGS, Fault, Finding, Findings
from .lines import faults_of_lines
from .table import RULES, Rule, page_of_rule

if TYPE_CHECKING:
    from .measured import MEASURED, VERSIONS, Measured

__all__ = [
    "FIELDS",
    "MAX_FINDINGS",
    "MEASURED",
    "RULES",
    "VERSIONS",
    "Fault",
    "Field",
    "Finding",
    "Findings",
    "Measured",
    "Rule",
    "faults_of_fields",
    "faults_of_lines",
    "has_its_string",
    "page_of_rule",
]


def __getattr__(name: str) -> Any:
    """Load measured.py when its names are first asked for: few programs do."""
    if name in ("MEASURED", "VERSIONS", "Measured"):
        from . import measured

        return getattr(measured, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
