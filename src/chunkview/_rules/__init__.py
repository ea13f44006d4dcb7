"""The rules that a stream should keep, and the findings of those that it breaks."""

from __future__ import annotations

from .fields import FIELDS, Field, faults_of_fields, has_its_string
from .findings import MAX_FINDINGS, Fault, Finding, Findings
from .lines import faults_of_lines
from .measured import MEASURED, VERSIONS, Measured
from .table import RULES, Rule

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
]
