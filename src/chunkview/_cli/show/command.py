"""The command: its arguments, and what it does with them."""

from __future__ import annotations

import io
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..arguments import add_files, add_no_color, described
from ..console import columns_of, complain, has_color
from ..display import as_table, printable_name
from ..progress import Progress
from ..streams import streams_of
from .rows import as_json
from .summary import TOTALS_HEAD, TOTALS_WORDS, summary, totals
from .transcript import Transcript

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import TextIO

    from ..._model import Message
    from ..streams import Stream

__all__ = ["add_show", "transcript_for"]

_DESCRIPTION = """\
Show recorded or live streams: the text as it arrives, the thinking marked with "| ", and then a
summary with the finish reason, the tokens, the cost (needs the extra "prices") and the tool calls.
After several streams come their totals.

A FILE is the body of an answer, also with the headers of curl -i; JSON lines: events, what --json
prints, the log of Claude Code (claude -p --output-format stream-json), the results of a batch; a
message; a cassette of VCR.py; a HAR file; or frames of AWS: each also compressed with gzip or zstd.
The content tells. A FILE may hold several streams, and may be a folder, a pattern or a URL. A body
is shown as it arrives.

The summary of a live stream, from a pipe, has its timing: the seconds until the first text,
thinking or tool input, counted from the start of reading, and the output tokens per second, from
the first event to the end. A file does not tell when its bytes came, unless it was made by
chunkview record: then its sidecar FILE.times does, and time is counted from the request.

On a terminal, control characters are shown as escapes; pipes and files get the text unchanged. The
summary shows at most 200 characters of a name and 10,000 of a tool's input; --json shows
everything.

When a file is broken, cut short, ended by an error event, or amounts to no message (it begins a
second one, say), show prints everything before that place. Standard error names the file and the
byte offset of the event's first line (the size of the file if it ends between two events). Then
show goes on with the next file.
"""
_EPILOG = """\
examples:
  chunkview show answer.sse
  chunkview show --chunks answer.sse | grep ToolUse
  chunkview show --json *.sse | jq -r 'select(.thinking != "") | .thinking'
  claude -p --output-format stream-json --verbose 'Hello' | chunkview show -
  chunkview show recordings/ cassettes/*.yaml batch.jsonl.gz
  curl -N https://api.anthropic.com/v1/messages ... | chunkview show -

keys of the objects that --json prints, always all of them:
  file, offset           the file, and the event's byte offset in it (in a compressed file: in what
                         it decompresses to; in a cassette or HAR file: in the answer)
  type, delta_type       the types of the event and of its delta, or null
  index                  the content block's number, or null
  content, thinking      the text that the event adds, or ""
  finish_reasons         the stop reason in a list, or null
  common_finish_reasons  the same as "stop", "length", "tool_calls" or "content_filter", or null
  model, id              the message's, on message_start, else null
  usage                  the event's usage, unchanged, or null
  input_tokens, cached_tokens, output_tokens
                         from that usage, or null; cumulative: use the last value, do not sum
  event                  the whole event, unchanged
"""


def add_show(commands: Any) -> None:
    """Add the command `show`.

    Args:
        commands: What `add_subparsers` of the parser gave.
    """
    show = described(
        commands.add_parser("show", help="show recorded or live streams"),
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    show.set_defaults(run=_run)
    add_files(show)
    shape = show.add_mutually_exclusive_group()
    shape.add_argument("--chunks", action="store_true", help="print each chunk view on a line")
    shape.add_argument("--json", action="store_true", help="print each chunk as a JSON object")
    add_no_color(show)


def _run(arguments: argparse.Namespace) -> int:
    files: list[str] = arguments.files
    messages: list[tuple[str, Message | None]] = []
    status = 0
    with Progress(files, color=has_color(sys.stderr, is_refused=arguments.no_color)) as progress:
        # Output to the bar's terminal waits until the bar is gone.
        is_held_back = progress.is_drawn and sys.stdout.isatty()
        out: TextIO = io.StringIO() if is_held_back else sys.stdout

        def before_read(position: int) -> None:
            # The next bytes may take a while.
            out.flush()
            progress.advance(position)

        for file in files:
            for stream in streams_of(file, before_read=before_read, clock=time.perf_counter):
                if (len(files) > 1 or stream.is_one_of_many) and not arguments.json:
                    print(
                        "\n" * bool(messages) + f"==> {printable_name(stream.name)} <==", file=out
                    )
                message, problem = _show_stream(stream, arguments, out)
                with progress.between_streams():
                    if isinstance(out, io.StringIO):
                        sys.stdout.write(out.getvalue())
                        out.seek(0)
                        out.truncate()
                    sys.stdout.flush()
                    if problem:
                        complain(problem, file=stream.name)
                status = status or int(bool(problem))
                messages.append((stream.name, message))
            progress.end_file()
    if len(messages) > 1 and not arguments.json and not arguments.chunks:
        _print_totals(totals(messages), color=has_color(sys.stdout, is_refused=arguments.no_color))
    return status


def _show_stream(
    stream: Stream, arguments: argparse.Namespace, out: TextIO
) -> tuple[Message | None, str]:
    """Show one stream; return the message so far, and the problem or ""."""
    reading = stream.reading
    if reading is None:
        return None, stream.problem
    if arguments.json:
        ascii_only = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
        is_terminal = sys.stdout.isatty()
        for offset, chunk in reading.with_last():
            row = as_json(
                stream.file, offset, chunk, ascii_only=ascii_only, is_terminal=is_terminal
            )
            print(row, file=out)
    elif arguments.chunks:
        for _, chunk in reading.with_last():
            # Python's repr escapes all control characters.
            print(repr(chunk), file=out)
    else:
        transcript = transcript_for(arguments)
        for _, chunk in reading:
            out.write(transcript.add(chunk))
        out.write(transcript.end())
        if (message := reading.stream.message) is not None:
            columns = columns_of(sys.stdout)
            out.write(summary(message, reading.stream.timings, columns=columns))
    failure = reading.failure
    problem = f"byte {failure.offset}: {failure.problem}" if failure else stream.problem
    return reading.stream.message, problem


def transcript_for(arguments: argparse.Namespace) -> Transcript:
    """Begin the transcript of a stream, for standard output."""
    return Transcript(
        is_terminal=sys.stdout.isatty(),
        color=has_color(sys.stdout, is_refused=arguments.no_color),
        columns=columns_of(sys.stdout),
    )


def _print_totals(rows: Sequence[Sequence[str]], *, color: bool) -> None:
    print()
    if sys.stdout.isatty():
        with suppress(ImportError):
            _print_rich_table(rows, color=color)
            return
    print(as_table([TOTALS_HEAD, *rows], words=TOTALS_WORDS), end="")


def _print_rich_table(rows: Sequence[Sequence[str]], *, color: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in TOTALS_HEAD[:TOTALS_WORDS]:
        table.add_column(name, overflow="fold")
    for name in TOTALS_HEAD[TOTALS_WORDS:]:
        table.add_column(name, justify="right")
    for row in rows[:-1]:
        table.add_row(*row)
    table.add_section()
    table.add_row(*rows[-1])
    Console(
        file=sys.stdout, color_system="auto" if color else None, markup=False, emoji=False
    ).print(table)
