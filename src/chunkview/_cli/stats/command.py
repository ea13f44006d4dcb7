"""The command: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...recordings import Place
from ..arguments import add_files, add_no_color, completed_as_path, described, numeral
from ..console import columns_of, complain, has_color, name_of, reason_of
from ..progress import Progress
from ..streams import note_of_left_out
from .cluster import ClusterError
from .local import Work, WorkerDiedError, sum_up
from .parts import parts_of
from .remote import sum_up_remotely
from .rows import FORMATS, Output, format_of
from .sums import GROUPS, Sums
from .table import as_json, as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["add_stats"]

_DESCRIPTION = """\
Sum up recorded streams: tokens, cost (needs the extra "prices"), errors and
broken rules, by model or day, say. With -o, also write a row for each stream.
In a message whose request did not ask for a stream, no broken rule is looked
for. Answers that chunkview record recorded of other requests, such as
count_tokens, are left out of a folder.

A PATH is what chunkview show reads, in any format: a file, a folder, a pattern
or a URL. A file that cannot be read is a row with an error; the others go on.

All cores read the files. Streams are not decoded, but for those that may break
a rule. Memory does not grow with the number of files.

With --dask, the workers of a cluster do the same (extra "dask", also on the
workers and the scheduler). They read the files themselves, and write the rows
as Parquet files into a new folder, which gets a file _SUCCESS at the end. When
a worker dies, another one takes its part. So all of them have to see the files
and the folder: by URLs, or in shared folders.
"""
_EPILOG = """\
examples:
  chunkview stats recordings
  chunkview stats recordings --by model,day
  chunkview stats 's3://bucket/2026/11/**/*.sse.gz' --by day -o rows.parquet
  chunkview stats recordings --by error --json | jq .groups
  chunkview stats recordings -o rows.csv --no-findings
  chunkview stats s3://bucket/11/ --dask tcp://host:8786 -o s3://bucket/rows/

columns of the file that -o writes, one row for each stream:
  source, when, id, model, stop_reason,
  input_tokens (without the cache), cache_read_input_tokens,
  cache_creation_input_tokens, ephemeral_5m_input_tokens and
  ephemeral_1h_input_tokens (parts of it), output_tokens, web_search_requests,
  service_tier, inference_geo,
  cost (US dollars), why_no_cost,
  events, bytes, complete, error
  findings               the rules that the stream breaks, as chunkview check
                         names them

The day is that of `when`, in UTC: what the recording says, or else the day in
its path (2026-11-26 or 2026/11/26), or when the file was modified.

exit status:
  0    success
  1    a file could not be read, the output could not be written, or the cluster
       failed
  2    the arguments are invalid
  130  ended by Ctrl-C: no file was written (with --dask, the folder has no
       _SUCCESS)
"""
_MOST_REASONS = 3
_PROVIDERS = ("anthropic", "aws", "google")


def add_stats(commands: Any) -> None:
    """Add the command `stats`.

    Args:
        commands: What `add_subparsers` of the parser gave.
    """
    stats = described(
        commands.add_parser("stats", help="sum up recorded streams, by model or day"),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    stats.set_defaults(run=lambda arguments: _run(stats, arguments))
    add_files(stats, metavar="PATH")
    completed_as_path(
        stats.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            help=f"write a row for each stream: {', '.join(FORMATS)}; with --dask, a new folder",
        )
    )
    stats.add_argument(
        "--by",
        type=_columns,
        default=(),
        metavar="COLUMN,...",
        help=f"a line of the table for each: {', '.join(GROUPS)}",
    )
    stats.add_argument("--json", action="store_true", help="print the table as JSON")
    stats.add_argument(
        "--jobs",
        type=numeral(int, lambda jobs: jobs >= 1, "one process or more"),
        metavar="N",
        help="how many processes read (default: one for each core)",
    )
    stats.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="let the Dask cluster of this scheduler read and write (tcp://host:8786)",
    )
    stats.add_argument(
        "--no-findings",
        action="store_true",
        help="do not look for broken rules; it takes less time",
    )
    stats.add_argument(
        "--provider",
        choices=_PROVIDERS,
        metavar="NAME",
        help=f"who sends the bill: {', '.join(_PROVIDERS)} (default: the model's name tells)",
    )
    add_no_color(stats)


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in GROUPS:
            raise argparse.ArgumentTypeError(f"expected {', '.join(GROUPS)}, got {name!r}")
    return tuple(dict.fromkeys(names))


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse arguments that do not fit together.

    Raises:
        SystemExit: By argparse.
    """
    output: str | None = arguments.output
    if arguments.dask is None:
        if output is not None:
            try:
                format_of(output)
            except (ValueError, ImportError) as error:
                parser.error(f"argument -o/--output: {error}")
        return
    if arguments.jobs is not None:
        parser.error("--jobs is about this computer; the cluster has its own number of workers")
    if "-" in arguments.files:
        parser.error("a cluster cannot read standard input")
    if output is not None and Path(output).suffix.lower() in FORMATS.keys() - {".parquet"}:
        parser.error("with --dask, -o names a new folder, for Parquet files")


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    _check(parser, arguments)
    sums = Sums(arguments.by)
    try:
        _sum_up(arguments, sums)
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(reason_of(error), file=str(error.filename or ""))
        return 1
    except (ImportError, ValueError, WorkerDiedError, ClusterError) as error:
        complain(str(error))
        return 1
    if arguments.json:
        print(json.dumps(as_json(sums), indent=2))
    else:
        print(as_text(sums, columns=columns_of(sys.stdout)), end="")
    shown = dict(sums.reasons.most_common(_MOST_REASONS))
    for reason, count in shown.items():
        complain(f"{count:,} without a price: {reason}")
    if (more := sums.total.without_price - sum(shown.values())) > 0:
        complain(f"{more:,} more without a price, for other reasons")
    for name, problem in sums.problems:
        complain(problem, file=name)
    if sums.left_out:
        complain(note_of_left_out(sums.left_out))
    unread = sums.total.unread
    if (more := unread - len(sums.problems)) > 0:
        complain(f"{more:,} more files or recordings in which no event could be read")
    return int(unread > 0)


def _sum_up(arguments: argparse.Namespace, sums: Sums) -> None:
    """Read all files. Add their rows to the sums, and write them.

    Args:
        arguments: The arguments.
        sums: Empty sums.

    Raises:
        OSError: A place cannot be listed, or the output cannot be written.
        ImportError: A library for a URL is missing.
        ValueError: fsspec does not know such URLs.
        WorkerDiedError: A process died.
        ClusterError: The cluster cannot do the work.
    """
    paths: list[str] = arguments.files
    options = {"findings": not arguments.no_findings, "provider": arguments.provider}
    is_local = arguments.dask is None
    row_format = format_of(arguments.output) if is_local and arguments.output else None
    processes = 1 if "-" in paths else arguments.jobs or _cores()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="chunkview-"))
        work = Work(arguments.by, options, row_format, folder)
        output = None
        if row_format is not None:
            output = stack.enter_context(Output(arguments.output, row_format))
        if is_local:
            parts = sum_up(parts_of(map(_source_of, paths)), work, processes)
        else:
            parts = sum_up_remotely(arguments.dask, paths, arguments.output, arguments.by, options)
        progress: Progress | None = None
        for done in parts:
            if progress is None:
                # By now there are all processes: one that has threads should not be forked.
                color = has_color(sys.stderr, is_refused=arguments.no_color)
                progress = stack.enter_context(Progress(_count(paths), color=color))
            sums.merge(done.sums)
            for piece in done.rows():
                if output is not None:
                    output.write(piece)
            progress.advance(done.files)


def _source_of(path: str) -> str | Place:
    if path != "-":
        return path
    return Place(name_of(path), lambda: io.FileIO(0, closefd=False))


def _count(paths: Sequence[str]) -> int | None:
    """How many files there are, if there is a terminal to show it."""
    if not sys.stderr.isatty() or "-" in paths:
        return None
    return sum(len(part.files) for part in parts_of(paths))


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
