"""The JSON of pytest-benchmark to `RESULTS.md` and `chart.svg`.

    python -m benchmarks.report [--print] DIRECTORY

With `--print`, it only prints what was measured. A figure is the fastest round of all laps
(`--laps`), in CPU time. Disturbances only make a round slower, so slow spells of the machine do not
spoil the report. The tables and the chart show the Python of
`main*.json`, and what `chunkview bench --json` printed into `workloads/main.json`. The table of
targets also has the figures of other Pythons; missed ones come first.
"""

# ruff: noqa: RUF001 - the tables are for people: they have a multiplication sign and a dash

from __future__ import annotations

import json
import math
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from chunkview._cli.bench.figures import Figure
from chunkview._cli.bench.report import HEAD, cells_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HERE = Path(__file__).parent
OURS = "chunkview"
FAST = "chunkview + msgspec"
STRUCTS = "msgspec Structs"
ON_THE_WIRE = (
    ("SDK", OURS),
    ("SDK", FAST),
    (OURS, "floor, json"),
    (FAST, "floor, msgspec"),
    (FAST, STRUCTS),
)


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

    def ratio(
        self, section: str, row: str, above: str, below: str, below_row: str = ""
    ) -> float | None:
        """One figure divided by another, which is in the same row unless said."""
        over = self.figure(section, row, above)
        under = self.figure(section, below_row or row, below)
        return None if over is None or under is None else over / under


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
        ratios: Pairs of columns: the first divided by the second is a column too.
        unit: The unit of the figures.
    """

    section: str
    title: str
    text: str
    ratios: tuple[tuple[str, str], ...] = (("SDK", OURS), ("SDK", FAST))
    unit: str = "ns per event"


REASONS = """\
- **AnthropicStream** adds its cost at the events that are no deltas. Starting, ending and
  building a block, noting that fields are as they should be, and a `message_delta` take five to
  twenty microseconds each, spread over many small functions (the table below). A delta costs it
  0.6 µs more than the decoder takes.
- **Meter**, by estimates for one recorded body of about 105 µs: the regular expression 32, the
  calls of `feed` 13, results of server tools 14, `message_delta` and `message_stop` 12, closing
  and reading the totals 12, `message_start` 8, counting events 6. So four times as fast as
  decoding and accumulating is out of reach.
- **Segments of short streams** against Structs: a fifth of the events are no deltas, and these
  take the general path, with all the checks that Structs do not make.
- **Parsed results of tools**: the peers take the items as Any. chunkview checks the depth and
  type of each value.
- **SDK objects** on CPython 3.11: reading an attribute of a pydantic model takes 25 to 37 ns
  there.
- **Growth**: with Python's garbage collector off, "text without a block" grows to 1.13 instead of
  1.53. The collector walks what was made.
- **Stats**: a body costs 130 µs besides its deltas, which is what 100 deltas take to decode and
  accumulate. Reading the file takes 15, its price and its row 20, `message_start`,
  `message_delta` and each block 2 to 4. That the input of tools is JSON takes 8 for each tool. Of
  a result of 20 kB, parsing it takes most: it is parsed either way.
- **Memory of stats**: with Parquet, a row group of 16,384 rows and its compression take 35 MiB.
- **Byte by byte**: a call of `feed` that only appends a byte takes 0.22 µs, and the SDK's decoder
  takes 0.34 µs a byte.
- **To a Message**: counting a delta against `max_bytes` takes 20 ns, and the rest of a delta 47.
  Before there was `max_bytes`, the SDK took 12.1 times as long (8.7 on CPython 3.13). One short way
  serves three classes of deltas, for `add` and `extend`. A branch for each took a fifth less.
"""
"""Why targets are missed. Measured by hand in November 2026."""

WORKLOADS = (
    "What `chunkview bench benchmarks.peers:httpx_sse_body` prints: whole bodies of the workloads "
    "that `chunkview.testing.workload` makes, by httpx-sse with plain dicts, by chunkview, and by "
    "the peers of the command. Means, and the standard deviation in percent."
)

TABLES = (
    Table(
        "profile",
        "Where the time of a stream goes",
        "The recorded streams, one event per feed, each event timed alone, at its best. The clock "
        "takes about 60 ns of each figure.",
        (("AnthropicStream", "ChunkDecoder"),),
    ),
    Table(
        "parsed dict",
        "Parsed dict to chunk view",
        "`chunkview.decode(event)` for one event, repeated, against the SDK's own construction of "
        "the event (`construct_type`), a cattrs tagged union, a discriminated pydantic "
        "`TypeAdapter` and `msgspec.convert` to tagged Structs. The floor is a plain tuple of "
        'the fields, for a known type of event and without checks. "All recorded" is every event '
        "of the recorded streams, one after the other.",
        (("SDK", OURS), ("cattrs", OURS), ("pydantic", OURS), (OURS, "tuple")),
    ),
    Table(
        "construct",
        "Constructing a TextDeltaChunk",
        "The generated constructor against the `__init__` that attrs generates for a frozen class.",
        (("attrs", OURS),),
    ),
    Table(
        "wrapper",
        "SDK object to chunk view",
        "Objects of the SDK, wrapped by `chunkview.decode` and by Mirascope's "
        "`AnthropicCallResponseChunk`. Then all thirteen attributes of a wrapped text delta are "
        "read. This runs in an environment of its own, because Mirascope needs an older SDK.",
        (("Mirascope", OURS),),
        unit="ns per chunk",
    ),
    Table(
        "short",
        "SSE bytes to chunk views: short streams",
        'Forty streams of forty events, as most real ones are: `testing.workload("short")`, from '
        "text alone to a server tool with a result of 20 kB. Byte by byte: the first ten of them. "
        "The SDK runs its `SSEDecoder` and its construction. httpx-sse gives plain dicts. msgspec "
        "Structs use the floor's framing. The floor finds the payload and parses its JSON. It "
        "knows no line ending but LF, no types and no errors.",
        ON_THE_WIRE,
    ),
    Table(
        "wire",
        "SSE bytes to chunk views: recorded streams",
        "The recorded streams, cut in three ways, and one long text.",
        ON_THE_WIRE,
    ),
    Table(
        "shape",
        "Bodies of proxies",
        "The same events without their `event:` lines, and with CRLF as the line ending. One "
        "event per feed.",
        (("no event: lines", "as the API"), ("CRLF", "as the API")),
    ),
    Table(
        "stream",
        "Whole streams",
        "Iterating over each chunk of a stream: bytes to chunks, to chunks with a message at the "
        "end, and to chunks, tool calls and totals. `messages.stream()` is what the SDK does with "
        "the body of a response, without HTTP. chunkview uses msgspec.",
        (
            ("iter_chunks", "ChunkDecoder"),
            ("AnthropicStream", "ChunkDecoder"),
            ("messages.stream()", "AnthropicStream"),
        ),
        unit="ns per chunk",
    ),
    Table(
        "meter",
        "Totals alone",
        "`Meter`, which does not decode deltas, against decoding and accumulating.",
        (("decoder + accumulator", "Meter"), ("AnthropicStream", "Meter")),
    ),
    Table(
        "proxy",
        "CPU of a proxy that meters",
        "A proxy on this machine that passes recorded streams on, event by event, with and without "
        "a `Meter`: by httpx, by asyncio, and by blocking sockets.",
        (("meters", "forwards"),),
    ),
    Table(
        "stats",
        "Sums of recordings",
        "`chunkview.recordings.summaries` on a folder of bodies, on one core, against reading, "
        "decoding and accumulating each. A row has the totals, the price and the broken rules.",
        (("accumulate", "stats"), ("accumulate", "stats, no findings")),
        unit="ns per body",
    ),
    Table(
        "stats cores",
        "Sums of recordings on two cores",
        "`chunkview stats` with its start: CPU time on the longest path, which is that of the "
        "command and of one of its processes.",
        (("one process", "two processes"),),
        unit="seconds",
    ),
    Table(
        "stats cluster",
        "Sums of recordings on a cluster of one machine",
        "`chunkview stats` by two processes of its own, and by two workers of a Dask cluster that "
        "runs already: the CPU time of all processes, with those of the cluster.",
        (("Dask", "two processes"),),
        unit="seconds",
    ),
    Table(
        "stats memory",
        "Memory of sums",
        "The largest process of `chunkview stats`, on 1,000 and on 100,000 recordings.",
        (("100,000", "1,000"),),
        unit="MiB",
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
        (("100,000", "100"),),
    ),
    Table(
        "wire flood",
        "Growth of the decoder",
        "One kind of event, again and again, one event per feed.",
        (("100,000", "100"),),
    ),
    Table(
        "strategies",
        "Drawing streams with Hypothesis",
        "The CPU time of an example, in a test with 400 examples that does nothing with them: the "
        "default of `message_streams()`, and its widest search.",
        (("realistic=False", "default"),),
        unit="ms per example",
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
    """A cost target of the design: a figure, or one figure divided by another.

    Attributes:
        what: What is measured.
        section: The section.
        row: The row. If there is none, it is the worst row of the section.
        above: The column of the figure.
        below: The column of the figure that it is divided by.
        least: The least that is allowed.
        most: The most that is allowed.
        below_row: The row of the figure that it is divided by, if that is another row.
        unit: The unit.
        python: The target is for this Python only.
        note: Where the target comes from.
    """

    what: str
    section: str
    row: str
    above: str
    below: str = ""
    least: float = attrs.field(default=0, kw_only=True)
    most: float = attrs.field(default=math.inf, kw_only=True)
    below_row: str = attrs.field(default="", kw_only=True)
    unit: str = attrs.field(default="×", kw_only=True)
    python: str = attrs.field(default="", kw_only=True)
    note: str = attrs.field(default="", kw_only=True)

    @property
    def limit(self) -> str:
        """The target in words."""
        quotient = f"{self.above} / {self.below} " if self.below else ""
        limit = f"≤ {self.most:,g}" if self.least == 0 else f"≥ {self.least:,g}"
        note = f" ({self.note})" if self.note else ""
        return f"{quotient}{limit}{self.unit}{note}"

    def figure(self, figures: Figures) -> tuple[float, str] | None:
        """The figure and its row, or None if it was not measured."""
        rows = [self.row] if self.row else figures.sections.get(self.section, {})
        found = [
            (figure, row) for row in rows if (figure := self._of_row(figures, row)) is not None
        ]
        worst = max if self.least == 0 else min
        return worst(found, default=None)

    def _of_row(self, figures: Figures, row: str) -> float | None:
        if not self.below:
            return figures.figure(self.section, row, self.above)
        return figures.ratio(self.section, row, self.above, self.below, self.below_row)

    def verdict(self, figures: Figures) -> tuple[str, str]:
        """The figure and whether it meets the target, both in words."""
        if self.python not in ("", figures.python):
            return "", ""
        measured = self.figure(figures)
        if measured is None:
            return "not measured", ""
        figure, row = measured
        worst = "" if self.row else f" ({row})"
        met = self.least <= figure <= self.most
        return number(figure) + self.unit + worst, "met" if met else MISSED


MISSED = "**missed**"
EACH_EVENT, SEGMENTS, WHOLE = "one event per feed", "1,400-byte segments", "whole bodies"
FLAT = 1.25
"""A cost per event counts as flat if it grows by at most this factor."""


def _wire_targets() -> Iterator[Target]:
    for section, name, goals in (
        ("short", "short streams", ((9, 7.5, 1.6), (7, 0, 1.0), (8.5, 0, 2.1))),
        ("wire", "recorded streams", ((12, 0, 1.35), (10, 0, 1.2), (12, 0, 2.1))),
    ):
        for cut, (fast, slow, structs) in zip((EACH_EVENT, SEGMENTS, WHOLE), goals, strict=True):
            what = f"Bytes to chunk views, {name}, {cut}"
            yield Target(what, section, cut, "SDK", FAST, least=fast)
            if slow:
                yield Target(f"{what}, standard library", section, cut, "SDK", OURS, least=slow)
            yield Target(what, section, cut, FAST, STRUCTS, most=structs)


def _stream_targets() -> Iterator[Target]:
    for bodies in ("recorded", "short"):
        row = f"{bodies}, {EACH_EVENT}"
        ours, alone = "AnthropicStream", "ChunkDecoder"
        what = f"AnthropicStream, {bodies} streams"
        yield Target(what, "stream", row, ours, alone, most=1.5)
        yield Target(what, "stream", row, "messages.stream()", ours, least=8)
        yield Target(f"iter_chunks, {bodies}", "stream", row, "iter_chunks", alone, most=1.2)


def _meter_targets() -> Iterator[Target]:
    for cut in (EACH_EVENT, SEGMENTS):
        row = f"recorded, {cut}"
        yield Target(f"Meter, {row}", "meter", row, "decoder + accumulator", "Meter", least=4)
    yield Target(
        "CPU of an httpx proxy that meters", "proxy", "httpx", "meters", "forwards", most=1.1
    )


def _stats_targets() -> Iterator[Target]:
    for row in ("recorded", "short streams", "workloads of 200 deltas"):
        for ours in ("stats", "stats, no findings"):
            yield Target(f"{ours}, {row}", "stats", row, "accumulate", ours, least=4)
    yield Target("stats on two cores", "stats cores", "", "one process", "two processes", least=1.7)
    yield Target("Memory of stats", "stats memory", "", "100,000", "1,000", most=FLAT)


# A target with "of before" wants a share of the time that chunkview took before its hot path was
# written anew. The ratio to the peer was then, on CPython 3.11: message_start 0.427, an SDK object
# of message_start 0.0784, the first body 0.42. The limit is this ratio divided by the share.
TARGETS = (
    *_wire_targets(),
    Target("Bodies without event lines", "shape", "", "no event: lines", "as the API", most=1.15),
    Target("Bodies with CRLF", "shape", "", "CRLF", "as the API", most=1.15),
    Target("Byte by byte, short streams", "short", "byte by byte", "SDK", FAST, least=1.5),
    Target("Byte by byte, text", "growth", "1,000,000 bytes, one by one", "SDK", OURS, least=1.5),
    Target("Parsed dict, text delta", "parsed dict", "text_delta", "SDK", OURS, least=20),
    Target("Parsed dict, all recorded", "parsed dict", "all recorded", "SDK", OURS, least=18),
    Target("Parsed dict, worst kind of event", "parsed dict", "", "cattrs", OURS, least=1),
    Target("Parsed dict, worst kind of event", "parsed dict", "", "pydantic", OURS, least=1),
    Target(
        "Parsed dict, message_start",
        "parsed dict",
        "message_start",
        "pydantic",
        OURS,
        least=1.07,
        note="0.4 of before",
    ),
    *_stream_targets(),
    *_meter_targets(),
    *_stats_targets(),
    Target("SDK object", "wrapper", "construct, text delta", "Mirascope", OURS, least=5),
    Target(
        "SDK object, message_start",
        "wrapper",
        "construct, message_start",
        "Mirascope",
        OURS,
        least=0.131,
        note="0.6 of before",
    ),
    Target("Reading 13 attributes", "wrapper", "read 13 attributes", "Mirascope", OURS, least=5),
    *(
        Target(f"To a Message, {row}", "accumulate", row, "SDK", OURS, least=10)
        for row in ("2,000 deltas of text", "2,000 deltas of tool input")
    ),
    *(
        Target(
            f"Cost per delta of {kind}, 100,000 against 1,000",
            "accumulate",
            f"100,000 deltas of {kind}",
            OURS,
            OURS,
            most=FLAT,
            below_row=f"1,000 deltas of {kind}",
        )
        for kind in ("text", "tool input")
    ),
    Target("Accumulating, worst kind of event", "flood", "", "100,000", "100", most=FLAT),
    Target("Decoding, worst kind of event", "wire flood", "", "100,000", "100", most=FLAT),
    Target(
        "An example of message_streams()",
        "strategies",
        "message_streams()",
        "default",
        most=6.67,
        unit=" ms",
        note="150 a second",
    ),
    Target("A kept text chunk", "footprint", "a kept text chunk, bytes", OURS, most=150, unit=" B"),
    *(
        Target(
            f"Idle decoder, {state}",
            "footprint",
            f"idle decoder {state}, bytes",
            OURS,
            most=1024,
            unit=" B",
        )
        for state in ("new", "in mid-stream")
    ),
    Target(
        "First body of a process",
        "footprint",
        "first body, ms",
        "SDK",
        OURS,
        least=0.42,
        note="that of before",
    ),
    *(
        Target("Import", "footprint", "import, ms", "SDK", OURS, least=least, python=python)
        for python, least in (("CPython 3.11", 18), ("CPython 3.13", 16.5))
    ),
)


def target_table(pythons: Sequence[Figures]) -> str:
    """The cost targets, and whether each Python meets them: missed ones first."""
    head = ["what", "target"]
    for figures in pythons:
        head += [figures.python, ""]
    rows = [
        [target.what, target.limit, *(cell for f in pythons for cell in target.verdict(f))]
        for target in TARGETS
    ]
    return markdown_table(head, sorted(rows, key=lambda row: MISSED not in row))


def losses(figures: Figures) -> list[str]:
    """One line for each peer and section in which the peer is faster than chunkview."""
    lines = []
    for table in TABLES:
        faster: dict[str, list[tuple[str, float]]] = {}
        measured = figures.sections.get(table.section, {})
        for row, peers in measured.items():
            for peer in [peer for peer in peers if peer not in (OURS, FAST, "attrs")]:
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
    """The figures of a section, one row for each comparison, and the ratios of its table."""
    rows = figures.sections[table.section]
    peers = list(dict.fromkeys(peer for row in rows.values() for peer in row))
    ratios = [pair for pair in table.ratios if set(pair) <= set(peers)]
    head = [table.unit, *peers, *(f"{above} / {below}" for above, below in ratios)]
    lines = []
    for row in rows:
        shown = [figures.figure(table.section, row, peer) for peer in peers]
        cells = [row, *("" if figure is None else number(figure) for figure in shown)]
        for above, below in ratios:
            ratio = figures.ratio(table.section, row, above, below)
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
    lines.append(f"- Workloads: version {streams['workloads']}")
    laps = len(figures.sections["parsed dict"]["text_delta"][OURS])
    lines.append(f"- CPU times. The peers took turns in each of {laps} laps. The best lap is shown")
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


def workloads_text(directory: Path) -> list[str]:
    """The section with the table of `chunkview bench`, if it was run."""
    path = directory / "workloads" / "main.json"
    if not path.exists():
        return []
    report = json.loads(path.read_text(encoding="utf-8"))
    figures = [Figure(**figure) for figure in report["figures"]]
    table = markdown_table(HEAD, [line for group in cells_of(figures) for line in group])
    return [f"## The workloads\n\n{WORKLOADS}\n\n{table}"]


def results(pythons: Sequence[Figures], workloads: Sequence[str] = ()) -> str:
    """The whole of `RESULTS.md`."""
    figures, *others = pythons
    losing = "\n".join(losses(figures)) or "Nowhere in these benchmarks."
    parts = [
        "# Benchmark results\n\n`make bench` writes this file. The code is beside it.",
        machine_text(pythons),
        "## Where chunkview is slower\n\n" + losing,
        "## Cost targets\n\n" + target_table(pythons),
        "## Why targets are missed\n\n" + REASONS.rstrip(),
    ]
    if others:
        parts.append(f"All figures outside this table are from {figures.python}.")
    return "\n\n".join([*parts, *section_texts(figures), *workloads]) + "\n"


def section_texts(figures: Figures) -> list[str]:
    """The title, the text and the table of each section that was measured."""
    return [
        f"## {table.title}\n\n{table.text}\n\n{section_table(figures, table)}"
        for table in TABLES
        if table.section in figures.sections
    ]


def printed(pythons: Sequence[Figures]) -> str:
    """The targets and the tables of what was measured."""
    targets = [line for line in target_table(pythons).splitlines() if "not measured" not in line]
    return "\n\n".join(["\n".join(targets), *section_texts(pythons[0])])


PANELS = (
    ("parsed dict", "text_delta", "Parsed dict to chunk view: a text delta"),
    ("short", EACH_EVENT, "SSE bytes to chunk views: short streams, one event per feed"),
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
    *options, directory = arguments
    paths = Path(directory).glob("*.json")
    by_python: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(paths, key=lambda path: (not path.name.startswith("main"), path.name)):
        run = json.loads(path.read_text(encoding="utf-8"))
        by_python.setdefault(python_of(run["machine_info"]), []).append(run)
    pythons = [Figures.of(runs) for runs in by_python.values()]
    if options == ["--print"]:
        print(printed(pythons))
        return
    text = results(pythons, workloads_text(Path(directory)))
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    (HERE / "chart.svg").write_text(chart(pythons[0]), encoding="utf-8")
    print(target_table(pythons))


if __name__ == "__main__":
    main(sys.argv[1:])
