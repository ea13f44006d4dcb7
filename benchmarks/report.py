"""The JSON of pytest-benchmark to `RESULTS.md` and `chart.svg`.

    python -m benchmarks.report DIRECTORY

A figure is the fastest round of all laps (`--laps`). Disturbances only make a round slower, so slow
spells of the machine do not spoil the report. The tables and the chart show the Python of
`main*.json`. The table of targets also has the figures of other Pythons.
"""

# ruff: noqa: RUF001 - the tables are for people: they have a multiplication sign and a dash

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = Path(__file__).parent
OURS = "chunkview"


@attrs.frozen
class Figures:
    """The figures of one Python: one per section, row, peer and lap."""

    machine: dict[str, Any]
    mirascope: dict[str, Any]
    sections: dict[str, dict[str, dict[str, list[float]]]]

    @classmethod
    def of(cls, runs: Iterable[dict[str, Any]]) -> Figures:
        """Join the JSON of several runs. Times are in nanoseconds per event."""
        machines: list[dict[str, Any]] = []
        sections: dict[str, dict[str, dict[str, list[float]]]] = {}
        for run in runs:
            machines.append(run["machine_info"])
            is_mirascopes = "mirascope" in run["machine_info"]["packages"]
            for benchmark in run["benchmarks"]:
                info = benchmark["extra_info"]
                if info["section"] == "wrapper" and not is_mirascopes:
                    continue
                row = sections.setdefault(info["section"], {}).setdefault(info["row"], {})
                figures = info.get("figures")
                if figures is None:
                    figures = {info["peer"]: benchmark["stats"]["min"] / info["per"] * 1e9}
                for peer, figure in figures.items():
                    row.setdefault(peer, []).append(figure)
        own = [machine for machine in machines if "mirascope" in machine["packages"]]
        others = [machine for machine in machines if "mirascope" not in machine["packages"]]
        return cls((others or own)[-1], own[-1] if own else {}, sections)

    @property
    def python(self) -> str:
        """The Python, such as `CPython 3.11`."""
        return python_of(self.machine)

    def figure(self, section: str, row: str, peer: str) -> float | None:
        """The best figure of all laps, or None if there is none."""
        figures = self.sections.get(section, {}).get(row, {}).get(peer)
        return None if figures is None else min(figures)

    def ratio(self, section: str, row: str, peer: str, ours: str = OURS) -> float | None:
        """The peer's figure divided by ours."""
        theirs, mine = self.figure(section, row, peer), self.figure(section, row, ours)
        return None if theirs is None or mine is None else theirs / mine

    def growth(self, section: str, small: str, large: str) -> float | None:
        """Our figure for the larger input divided by our figure for the smaller one."""
        few, many = self.figure(section, small, OURS), self.figure(section, large, OURS)
        return None if few is None or many is None else many / few


def python_of(machine: dict[str, Any]) -> str:
    """The Python of a run, without its patch release."""
    version = machine["python_version"].rpartition(".")[0]
    return f"{machine['python_implementation']} {version}"


@attrs.frozen
class Table:
    """How a section is shown.

    Attributes:
        section: The section.
        title: Its heading.
        text: What is compared.
        floors: For each column of ours, the peer that is its floor.
        unit: The unit of the figures.
    """

    section: str
    title: str
    text: str
    floors: dict[str, str] = attrs.field(factory=dict)
    unit: str = "ns per event"


TABLES = (
    Table(
        "parsed dict",
        "Parsed dict to chunk view",
        "`chunkview.decode(event)` for one event, repeated, against the SDK's own construction of "
        "the event (`construct_type`), a cattrs tagged union, a discriminated pydantic "
        "`TypeAdapter` and `msgspec.convert` to tagged Structs. The floor is a plain tuple of "
        'the fields, for a known type of event and without checks. "All recorded" is every event '
        "of the recorded streams, one after the other.",
        {OURS: "tuple"},
    ),
    Table(
        "construct",
        "Constructing a TextDeltaChunk",
        "The generated constructor against the `__init__` that attrs generates for a frozen class.",
    ),
    Table(
        "wrapper",
        "SDK object to chunk view",
        "A text delta of the SDK, wrapped by `chunkview.decode` and by Mirascope's "
        "`AnthropicCallResponseChunk`. Then all thirteen attributes of the wrapper are read. This "
        "runs in an environment of its own, because Mirascope needs an older SDK.",
        unit="ns per chunk",
    ),
    Table(
        "wire",
        "SSE bytes to chunk views",
        "The recorded streams, cut in three ways, and one long text. The SDK runs its "
        "`SSEDecoder` and its construction. httpx-sse gives plain dicts. msgspec Structs use the "
        "floor's framing. The floor finds the payload and parses its JSON. It knows no line "
        "ending but LF, no types and no errors.",
        {OURS: "floor, json", "chunkview + msgspec": "floor, msgspec"},
    ),
    Table(
        "meter",
        "The totals of a stream",
        "The usage of the recorded streams, and of one long text, from their bytes: by `Meter`, by "
        "`ChunkDecoder` and `Accumulator`, and by `AnthropicStream`.",
    ),
    Table(
        "proxy",
        "CPU of a proxy that meters",
        "A process passes the recorded streams on, one event at a time, and does nothing else. "
        "`httpx` reads the response of an HTTP server. `asyncio` and `sockets` copy bytes from one "
        "connection to another.",
    ),
    Table(
        "accumulate",
        "Chunk views to a Message",
        "`chunkview.accumulate` against the SDK's `accumulate_event`, from the events' objects. "
        "The SDK copies the text and parses the tool input again for each delta, so its larger "
        "sizes are left out.",
        unit="ns per delta",
    ),
    Table(
        "growth",
        "Growth on the wire",
        "One text delta fed 1,000 bytes at a time, and many deltas fed byte by byte. If the time "
        "is linear, the time per byte does not depend on the size. The SDK's larger sizes are "
        "left out.",
        unit="ns per byte",
    ),
    Table(
        "flood",
        "Growth of the accumulator",
        "Streams of one kind of event. If the time is linear, the time per event does not depend "
        "on their number.",
        unit="ns per event",
    ),
    Table(
        "footprint",
        "Import time and memory",
        "Each is measured in a fresh interpreter, without the start of the interpreter. A kept "
        "text chunk includes the bytes that it was decoded from. The SDK's event object does not "
        "keep them.",
        unit="",
    ),
)


@attrs.frozen
class Target:
    """A cost target of the design: chunkview is at least so many times as good as the peer."""

    what: str
    section: str
    row: str
    at_least: float
    peer: str = "SDK"
    ours: str = OURS


EACH_EVENT, LONG_TEXT = "one event per feed", "2,000 text deltas"
FAST = "chunkview + msgspec"
METER, BOTH = "Meter", "decoder + accumulator"
TARGETS = (
    Target("Parsed dict to chunk view, text delta", "parsed dict", "text_delta", 18),
    Target("Parsed dict to chunk view, all recorded events", "parsed dict", "all recorded", 14),
    Target("SDK object to chunk view", "wrapper", "construct", 4, "Mirascope"),
    Target("Reading all thirteen attributes", "wrapper", "read 13 attributes", 5, "Mirascope"),
    Target("Bytes to chunk views, recorded, one event per feed", "wire", EACH_EVENT, 6),
    Target("Bytes to chunk views, one long text", "wire", LONG_TEXT, 9),
    Target("The same with msgspec, recorded", "wire", EACH_EVENT, 9, ours=FAST),
    Target("The same with msgspec, one long text", "wire", LONG_TEXT, 11, ours=FAST),
    Target("Totals by Meter, recorded, one event per feed", "meter", EACH_EVENT, 4, BOTH, METER),
    Target("Totals by Meter, recorded, segments", "meter", "1,400-byte segments", 4, BOTH, METER),
    Target("CPU of an httpx proxy that meters", "proxy", "httpx", 0.91, "forwards", "meters"),
    Target("2,000 deltas of text to a Message", "accumulate", "2,000 deltas of text", 10),
    Target("2,000 deltas of tool input", "accumulate", "2,000 deltas of tool input", 10),
    Target("`import chunkview`", "footprint", "import, seconds", 15),
    Target("Memory of a kept text chunk", "footprint", "a kept text chunk, bytes", 4),
)
FLAT = 1.25
"""A cost per event counts as flat if it grows by at most this factor."""
IDLE_BYTES = 1024


def target_table(pythons: Sequence[Figures]) -> str:
    """The cost targets, and whether each Python meets them."""
    head = ["what", "target"]
    rows = [[what, target] for what, target, *_ in target_rows(pythons[0])]
    for figures in pythons:
        head += [figures.python, ""]
        for row, (_, _, *verdict) in zip(rows, target_rows(figures), strict=True):
            row += verdict
    return markdown_table(head, rows)


def target_rows(figures: Figures) -> list[tuple[str, str, str, str]]:
    """One row for each target: what, target, figure, met or missed."""
    rows = []
    for target in TARGETS:
        ratio = figures.ratio(target.section, target.row, target.peer, target.ours)
        against = f"{target.peer}: ≥ {target.at_least:g}×"
        rows.append((target.what, against, *_verdict(ratio, "×", target.at_least)))
    for kind in ("text", "tool input"):
        few, many = (f"{count} deltas of {kind}" for count in ("1,000", "100,000"))
        growth = figures.growth("accumulate", few, many)
        what = f"Cost per delta of {kind}, 100,000 against 1,000"
        rows.append((what, f"flat: ≤ {FLAT:g}×", *_verdict(growth, "×", most=FLAT)))
    worst, what = max(
        [(growth, kind) for kind, growth in growth_of_floods(figures).items()],
        default=(None, "not measured"),
    )
    what = f"Cost per event of any kind, 100,000 against 100 (worst: {what})"
    rows.append((what, f"flat: ≤ {FLAT:g}×", *_verdict(worst, "×", most=FLAT)))
    for state in ("new", "in mid-stream"):
        size = figures.figure("footprint", f"idle decoder {state}, bytes", OURS)
        what = f"Idle decoder, {state}"
        rows.append((what, f"≤ {IDLE_BYTES:,} bytes", *_verdict(size, " bytes", most=IDLE_BYTES)))
    return rows


def growth_of_floods(figures: Figures) -> dict[str, float]:
    """The cost of an event among 100,000 of its kind, divided by its cost among 100."""
    ratios = {
        kind: figures.ratio("flood", kind, "100,000", ours="100")
        for kind in figures.sections.get("flood", {})
    }
    return {kind: ratio for kind, ratio in ratios.items() if ratio is not None}


def _verdict(
    figure: float | None, unit: str, least: float = 0, most: float = float("inf")
) -> tuple[str, str]:
    if figure is None:
        return "not measured", ""
    return number(figure) + unit, "met" if least <= figure <= most else "**missed**"


def losses(figures: Figures) -> list[str]:
    """One line for each peer and section in which the peer is faster than chunkview."""
    lines = []
    for table in TABLES:
        faster: dict[str, list[tuple[str, float]]] = {}
        measured = figures.sections.get(table.section, {})
        for row, peers in measured.items():
            for peer in [peer for peer in peers if peer not in (OURS, FAST)]:
                # A peer that uses msgspec is compared with chunkview on msgspec.
                ours = FAST if FAST in peers and "msgspec" in peer else OURS
                ratio = figures.ratio(table.section, row, peer, ours)
                if ratio is not None and ratio < 1:
                    faster.setdefault(peer, []).append((row, 1 / ratio))
        for peer, rows in faster.items():
            times = [times for _, times in rows]
            span = "–".join(dict.fromkeys(number(edge) for edge in (min(times), max(times))))
            everywhere = len(rows) == sum(peer in row for row in measured.values())
            where = "everywhere" if everywhere else ", ".join(row for row, _ in rows)
            lines.append(f"- {table.title}: **{peer}** is {span}× as fast ({where}).")
    return lines


def number(value: float) -> str:
    """A number with three digits, or with separators for thousands."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.{1 if value >= 10 else 2}f}"


def section_table(figures: Figures, table: Table) -> str:
    """The figures of a section, one row for each comparison, and our ratios to SDK and floor."""
    rows = figures.sections[table.section]
    peers = list(dict.fromkeys(peer for row in rows.values() for peer in row))
    ours = [peer for peer in (OURS, FAST) if peer in peers]
    rivals = [("SDK", ours), ("Mirascope", ours), ("attrs", ours)]
    ratios = [(mine, rival) for rival, mines in rivals if rival in peers for mine in mines]
    floors = [(mine, floor) for mine, floor in table.floors.items() if floor in peers]
    head = [table.unit, *peers]
    head += [f"{rival} / {mine}" for mine, rival in ratios]
    head += [f"{mine} / {floor}" for mine, floor in floors]
    lines = []
    for row in rows:
        shown = [figures.figure(table.section, row, peer) for peer in peers]
        cells = [row, *("" if figure is None else number(figure) for figure in shown)]
        for mine, theirs in [*ratios, *((floor, mine) for mine, floor in floors)]:
            ratio = figures.ratio(table.section, row, theirs, mine)
            cells.append("" if ratio is None else f"{number(ratio)}×")
        lines.append(cells)
    return markdown_table(head, lines)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. All columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine_text(pythons: Sequence[Figures]) -> str:
    """The machine, the versions and the streams behind the figures."""
    figures = pythons[0]
    machine, streams = figures.machine, figures.machine["streams"]
    cpu = machine["cpu"].get("brand_raw", machine["machine"])
    lines = [f"- {cpu}, {machine['cpu']['count']} cores; {machine['system']} {machine['release']}"]
    lines += [versions_text(figures) for figures in pythons]
    lines.append(
        f"- Recorded streams: {streams['count']} ({streams['bytes']:,} bytes), "
        f"from {streams['from']}"
    )
    laps = len(figures.sections["parsed dict"]["text_delta"][OURS])
    lines.append(f"- Every peer was measured in each of {laps} laps. The best lap is shown")
    return "\n".join(lines)


def versions_text(figures: Figures) -> str:
    """The versions of one Python and its packages."""
    machine = figures.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    text = f"- {machine['python_implementation']} {machine['python_version']}; {packages}"
    if figures.mirascope:
        own = figures.mirascope["packages"]
        text += f"; mirascope {own['mirascope']} with anthropic {own['anthropic']}"
    return text


def results(pythons: Sequence[Figures]) -> str:
    """The whole of `RESULTS.md`."""
    figures, *others = pythons
    losing = "\n".join(losses(figures)) or "Nowhere in these benchmarks."
    parts = [
        "# Benchmark results\n\n`make bench` writes this file. The code is beside it.",
        machine_text(pythons),
        "## Where chunkview is slower\n\n" + losing,
        "## Cost targets\n\n" + target_table(pythons),
    ]
    if others:
        parts.append(f"All figures outside this table are from {figures.python}.")
    parts += [
        f"## {table.title}\n\n{table.text}\n\n{section_table(figures, table)}"
        for table in TABLES
        if table.section in figures.sections
    ]
    return "\n\n".join(parts) + "\n"


PANELS = (
    ("parsed dict", "text_delta", "Parsed dict to chunk view: a text delta"),
    ("wire", EACH_EVENT, "SSE bytes to chunk views: recorded streams, one event per feed"),
    (
        "accumulate",
        "2,000 deltas of tool input",
        "Chunk views to a Message: 2,000 deltas of tool input",
    ),
)
WIDTH, LEFT, BAR, GAP = 760, 170, 16, 7
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #6e7781 }
.title { font-weight: 600 }
.figure { font-size: 12px }
rect { fill: #8c959f }
.ours { fill: #d9730d }
""".strip()


def chart(figures: Figures) -> str:
    """Bars for some comparisons, in colours for both light and dark backgrounds."""
    drawn: list[str] = []
    y = 0
    for section, row, title in PANELS:
        measured = figures.sections.get(section, {}).get(row, {})
        peers = {peer: min(laps) for peer, laps in measured.items()}
        if not peers:
            continue
        y += 28
        drawn.append(f'<text class="title" x="0" y="{y}">{escape(title)}</text>')
        y += 12
        scale = (WIDTH - LEFT - 190) / max(peers.values())
        for peer, figure in sorted(peers.items(), key=lambda item: item[1]):
            ours = ' class="ours"' if peer in (OURS, FAST) else ""
            ratio = figures.ratio(section, row, "SDK", peer)
            label = f"{number(figure / 1000)} µs"
            if ratio is not None and peer != "SDK":
                label += f" ({number(ratio)}×)"
            width = figure * scale
            drawn += [
                f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(peer)}</text>',
                f'<rect{ours} x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>',
                f'<text class="figure" x="{LEFT + width + 6:.1f}" y="{y + 13}">{label}</text>',
            ]
            y += BAR + GAP
    legend = "Time per event, shorter is better. In brackets: times as fast as the SDK."
    y += 26
    drawn.append(f'<text class="figure" x="0" y="{y}">{legend}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 8}" role="img">'
    title = "<title>Time per event: chunkview and its peers; shorter is better</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *drawn, "</svg>", ""])


def main(arguments: Sequence[str]) -> None:
    (directory,) = arguments
    paths = Path(directory).glob("*.json")
    by_python: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(paths, key=lambda path: (not path.name.startswith("main"), path.name)):
        run = json.loads(path.read_text(encoding="utf-8"))
        by_python.setdefault(python_of(run["machine_info"]), []).append(run)
    pythons = [Figures.of(runs) for runs in by_python.values()]
    (HERE / "RESULTS.md").write_text(results(pythons), encoding="utf-8")
    (HERE / "chart.svg").write_text(chart(pythons[0]), encoding="utf-8")
    print(target_table(pythons))


if __name__ == "__main__":
    main(sys.argv[1:])
