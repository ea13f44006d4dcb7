"""The report as JUnit XML, which CI systems show. Each file or request is a test case."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ..display import printable_name
from .breaches import by_rule, plural
from .report import block_of

if TYPE_CHECKING:
    from .breaches import Checked
    from .report import Report

__all__ = ["as_junit"]

# `printable` leaves these two, and XML has no way to write them.
_NOT_XML = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}


def as_junit(report: Report, *, is_strict: bool) -> bytes:
    """Write the report as JUnit XML.

    A test case has one failure at most, because many readers show only the first. Its text has a
    block for each broken rule. Warnings are output of the test case, unless the check is strict.

    Args:
        report: The report.
        is_strict: Whether a warning is a failure.

    Returns:
        An XML document in UTF-8.
    """
    suite = ET.Element("testsuite", name="chunkview check")
    failures = problems = 0
    for one in report.checked:
        case = _case(suite, report, one.name, one.seconds)
        if one.problem:
            problems += 1
            _text(case, "error", "cannot be read", one.problem, one.problem)
            continue
        if one.skipped:
            ET.SubElement(case, "skipped", message=one.skipped)
            continue
        failing = one.failing(is_strict=is_strict)
        if failing:
            failures += 1
            names = ", ".join(breach.rule.name for breach in failing)
            summary = f"{plural(len(failing), 'rule')} broken: {names}"
            _text(case, "failure", failing[0].rule.name, summary, _blocks(one))
        elif one.breaches:
            ET.SubElement(case, "system-out").text = _xml(_blocks(one))
    for name, reason in (
        *((name, "left out with --without") for name in report.left_out),
        *((name, "not sent") for name in report.not_sent),
    ):
        ET.SubElement(_case(suite, report, name, 0.0), "skipped", message=reason)
    suite.attrib.update(
        tests=str(len(suite)),
        failures=str(failures),
        errors=str(problems),
        skipped=str(len(suite.findall("testcase/skipped"))),
        time=f"{sum(one.seconds for one in report.checked):.3f}",
    )
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(suite: ET.Element, report: Report, name: str, seconds: float) -> ET.Element:
    group = _xml(report.server) or "files"
    return ET.SubElement(suite, "testcase", classname=group, name=_xml(name), time=f"{seconds:.3f}")


def _text(case: ET.Element, tag: str, kind: str, summary: str, text: str) -> None:
    ET.SubElement(case, tag, type=kind, message=_xml(summary)).text = _xml(text)


def _blocks(checked: Checked) -> str:
    """A block for each rule that one file or request breaks."""
    blocks: list[str] = []
    for row in by_rule([checked]):
        lines = [f"{row.rule.severity} {row.rule.name}"]
        lines += [f"  {label}: {text}" for label, text in block_of(row)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _xml(text: str) -> str:
    """Escape what XML cannot have in it. Line feeds stay."""
    return "\n".join(printable_name(line) for line in text.split("\n")).translate(_NOT_XML)
