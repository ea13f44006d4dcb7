"""The report: the table of targets, from figures that are made up."""

# ruff: noqa: RUF001 - the report has a multiplication sign

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .report import (
    MISSED,
    OURS,
    TARGETS,
    Figures,
    Target,
    number,
    target_table,
    workloads_text,
)

if TYPE_CHECKING:
    from pathlib import Path

LEAST = Target("Decoding", "wire", "row", "SDK", OURS, least=9)
MOST = Target("Growth", "flood", "", "100,000", "100", most=1.25)


def figures(sections: dict[str, Any], python: str = "3.11.7") -> Figures:
    benchmarks = [
        {"extra_info": {"section": section, "row": row, "figures": peers}}
        for section, rows in sections.items()
        for row, peers in rows.items()
    ]
    machine = {
        "python_implementation": "CPython",
        "python_version": python,
        "packages": {"attrs": "26.1.0"},
    }
    return Figures.of([{"machine_info": machine, "benchmarks": benchmarks}])


@pytest.mark.parametrize(("sdk", "verdict"), [(900.0, "met"), (899.0, MISSED)])
def test_a_ratio_meets_its_target_if_it_is_large_enough(sdk: float, verdict: str) -> None:
    made = figures({"wire": {"row": {"SDK": sdk, OURS: 100.0}}})
    assert LEAST.verdict(made) == (f"{number(sdk / 100)}×", verdict)
    assert LEAST.limit == "SDK / chunkview ≥ 9×"


def test_a_target_without_a_row_is_for_the_worst_row() -> None:
    rows = {"text": {"100": 5.0, "100,000": 5.0}, "stops": {"100": 5.0, "100,000": 7.0}}
    assert MOST.verdict(figures({"flood": rows})) == ("1.40× (stops)", MISSED)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert LEAST.verdict(figures({})) == ("not measured", "")
    assert MOST.verdict(figures({"flood": {"text": {"100": 5.0}}})) == ("not measured", "")


def test_a_target_of_one_python_is_left_out_for_the_others() -> None:
    (on_313,) = [target for target in TARGETS if target.python == "CPython 3.13"]
    row = {"footprint": {"import, ms": {"SDK": 1000.0, OURS: 50.0}}}
    assert on_313.verdict(figures(row)) == ("", "")
    assert on_313.verdict(figures(row, "3.13.0")) == ("20.0×", "met")


def test_the_best_lap_counts() -> None:
    made = figures({"wire": {"row": {"SDK": 900.0, OURS: 100.0}}})
    made.sections["wire"]["row"]["SDK"].append(800.0)
    assert LEAST.figure(made) == (8.0, "row")


def test_missed_targets_come_first_in_the_table() -> None:
    wire = {"one event per feed": {"SDK": 900.0, "chunkview + msgspec": 100.0}}
    lines = target_table([figures({"wire": wire, "short": wire})]).splitlines()[2:]
    assert len(lines) == len(TARGETS)
    missed = [MISSED in line for line in lines]
    assert missed == sorted(missed, reverse=True)
    assert missed.count(True) == 1


def test_the_report_has_the_table_of_the_bench_command(tmp_path: Path) -> None:
    assert workloads_text(tmp_path) == []
    figure = {
        "row": "chat",
        "function": "mine",
        "mean": 0.002,
        "std": 0.0001,
        "ratio": 2.5,
        "megabytes_per_second": 70.0,
        "events_per_second": 1234.0,
    }
    (tmp_path / "workloads").mkdir()
    (tmp_path / "workloads" / "main.json").write_text(json.dumps({"figures": [figure]}))
    (text,) = workloads_text(tmp_path)
    assert "| chat | mine | 2.00 ms | 5% | 2.50x | 70.0 | 1,234 |" in text
