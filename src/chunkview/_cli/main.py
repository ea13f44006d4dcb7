"""The command line: `chunkview show`, `serve`, `record`, `check`, `stats` and `demo`.

This module parses the arguments, and does all reading and writing. `display` formats what is
shown, and `reading` finds the place where a file is broken. Data goes to standard output, messages
go to standard error.
"""

from __future__ import annotations

import io
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import ChunkviewError
from ..recordings import RecordingError
from .arguments import FOREVER, Parser, add_no_color, described, numeral
from .check import add_check
from .console import complain, has_color, reason_of
from .display import (
    TOTALS_HEAD,
    TOTALS_WORDS,
    Transcript,
    as_json,
    as_table,
    printable_name,
    summary,
    totals,
)
from .progress import Progress
from .record import add_record
from .stats import add_stats
from .streams import bodies_of, streams_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import TextIO

    from .._model import Message
    from ..testing import RecordedAnswer, Reply
    from .streams import Stream

__all__ = ["main"]

# What a shell reports for a program that the signal ended: 128 + its number.
_INTERRUPTED = 130
_BROKEN_PIPE = 141

# The error handlers of Python that raise for some of the characters that an encoding lacks.
_STOPPING = ("strict", "surrogateescape", "surrogatepass")

_DESCRIPTION = "Look at, replay, record, check, sum up and try out Anthropic's event streams."
_EPILOG = """\
examples:
  chunkview show answer.sse
  curl -N https://api.anthropic.com/v1/messages ... | chunkview show -
  chunkview serve answer.sse --port 8080
  chunkview record --to https://api.anthropic.com recordings
  chunkview check answer.sse
  chunkview stats recordings --by model,day
  chunkview demo

exit status:
  0    success
  1    a file could not be read, a check failed, or the server or the demo could not run
  2    the arguments are invalid
  130  ended by Ctrl-C (but serve and record exit with 0: Ctrl-C is how they end)
  141  the reader of the output went away
"""
_SHOW_DESCRIPTION = """\
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
_SHOW_EPILOG = """\
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
_SERVE_DESCRIPTION = """\
Play recordings to any client of the Messages API, on 127.0.0.1 only. Each request gets the next
stream; after the last one comes the first again. Ctrl-C ends the server with exit status 0.

A FILE that is a body is sent unchanged, as one stream. Of all other formats, which show names, each
stream is sent as a body.

With --as-recorded, each file needs the sidecar that chunkview record wrote. Its answer comes with
the same status, cuts and times, and breaks off where it did. A FILE may be a folder then: it means
the answers to POST /v1/messages in it.
"""
_SERVE_EPILOG = """\
examples:
  chunkview serve answer.sse
  chunkview serve first.sse second.sse --port 8080 --delay 0.05
  chunkview serve answer.sse --segment-size 7   (cuts events and characters apart)
  chunkview serve --as-recorded recordings
"""
_DEMO_DESCRIPTION = """\
Stream three bundled recordings through the official client: a text, a tool call after some
thinking, and an answer that an error interrupts. It runs offline, without an API key. It needs the
client: pip install 'chunkview[sdk]'
"""
_DEMO_EPILOG = """\
examples:
  chunkview demo
  chunkview demo --no-delay
"""

_SERVING = """\
Listening on {url} until Ctrl-C. Point a client at it:

  ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=none python your_program.py
  curl -N {url}/v1/messages -d '{{"stream": true}}'
"""

# Seconds between two events of the demo: its three streams take about three seconds in all.
_DEMO_DELAY = 0.03


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments, without the program's name; those of the process unless given.

    Returns:
        The exit status, as `--help` lists it.

    Raises:
        SystemExit: By argparse: after `--help` and `--version`, and with status 2 when the
            arguments are invalid.
    """
    # Both are None in a process that was started with closed outputs.
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        # Escape characters that the output's encoding lacks. In the C locale, Python's own handler
        # (surrogateescape) raises for all of them but the bytes of file names.
        if isinstance(stream, io.TextIOWrapper) and stream.errors in _STOPPING:
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            arguments = build_parser().parse_args(argv)
            status: int = arguments.run(arguments)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return _BROKEN_PIPE
    except OSError as error:
        _drop_output()
        complain(reason_of(error))
        return 1
    return status


def _drop_output() -> None:
    """Discard the buffered output, or the interpreter would try to write it at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line, with all its commands."""
    parser = described(Parser(prog="chunkview"), description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"chunkview {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    show = described(
        commands.add_parser("show", help="show recorded or live streams"),
        description=_SHOW_DESCRIPTION,
        epilog=_SHOW_EPILOG,
    )
    show.set_defaults(run=_show)
    _add_files(show)
    shape = show.add_mutually_exclusive_group()
    shape.add_argument("--chunks", action="store_true", help="print each chunk view on a line")
    shape.add_argument("--json", action="store_true", help="print each chunk as a JSON object")
    add_no_color(show)

    serve = described(
        commands.add_parser("serve", help="play recordings to a client"),
        description=_SERVE_DESCRIPTION,
        epilog=_SERVE_EPILOG,
    )
    serve.set_defaults(run=lambda arguments: _serve(serve, arguments))
    _add_files(serve)
    serve.add_argument(
        "--port",
        type=numeral(int, lambda port: 0 <= port <= 0xFFFF, "a port"),
        default=0,
        metavar="N",
        help="the port (default: any free one)",
    )
    serve.add_argument(
        "--segment-size",
        type=numeral(int, lambda size: size >= 1, "one byte or more"),
        metavar="N",
        help="bytes to send at a time (default: a whole event)",
    )
    serve.add_argument(
        "--delay",
        type=numeral(float, lambda delay: 0 <= delay < FOREVER, "seconds"),
        default=0.0,
        metavar="SECONDS",
        help="wait between two segments (default: 0)",
    )
    serve.add_argument(
        "--as-recorded", action="store_true", help="play the cuts and times of chunkview record"
    )

    add_record(commands)
    add_check(commands)
    add_stats(commands)

    demo = described(
        commands.add_parser("demo", help="stream recordings through the official client"),
        description=_DEMO_DESCRIPTION,
        epilog=_DEMO_EPILOG,
    )
    demo.set_defaults(run=_demo)
    demo.add_argument("--no-delay", action="store_true", help="do not wait between events")
    add_no_color(demo)
    return parser


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="recorded streams, in any format; a folder, a pattern or a URL; - is standard input",
    )


def _show(arguments: argparse.Namespace) -> int:
    files: list[str] = arguments.files
    messages: list[tuple[str, Message | None]] = []
    status = 0
    color = has_color(sys.stderr, is_refused=arguments.no_color)
    # What comes from a pipe may be live: a person looks at it, and not at a bar.
    is_wanted = len(files) > 1 and not any(map(_is_pipe, files))
    with Progress(len(files), color=color, is_wanted=is_wanted) as progress:
        # Output to the bar's terminal waits until the bar is gone.
        is_held_back = progress.is_drawn and sys.stdout.isatty()
        out: TextIO = io.StringIO() if is_held_back else sys.stdout

        def before_read(_position: int) -> None:
            # The next bytes may take a while.
            out.flush()

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
            progress.advance()
    if len(messages) > 1 and not arguments.json and not arguments.chunks:
        _print_totals(totals(messages), color=has_color(sys.stdout, is_refused=arguments.no_color))
    return status


def _is_pipe(file: str) -> bool:
    path = Path(file)
    return file == "-" or (path.exists() and not path.is_file() and not path.is_dir())


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
        transcript = _transcript(arguments)
        for _, chunk in reading:
            out.write(transcript.add(chunk))
        out.write(transcript.end())
        if (message := reading.stream.message) is not None:
            out.write(summary(message, reading.stream.timings))
    failure = reading.failure
    problem = f"byte {failure.offset}: {failure.problem}" if failure else stream.problem
    return reading.stream.message, problem


def _transcript(arguments: argparse.Namespace) -> Transcript:
    return Transcript(
        is_terminal=sys.stdout.isatty(), color=has_color(sys.stdout, is_refused=arguments.no_color)
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


def _serve(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    from ..testing import ReplayServer

    if arguments.as_recorded and (arguments.delay or arguments.segment_size):
        parser.error("--as-recorded has its own cuts and times")
    file = ""
    bodies: list[Reply] = []
    try:
        for file in arguments.files:
            if arguments.as_recorded:
                bodies += _recorded(file)
            else:
                bodies += bodies_of(file)
    except OSError as error:
        complain(reason_of(error), file=file)
        return 1
    except RecordingError as error:
        complain(f"byte {error.offset}: {error.problem}", file=file)
        return 1
    except (ImportError, ChunkviewError, ValueError) as error:
        complain(str(error), file=file)
        return 1
    server = ReplayServer(
        bodies,
        segment_size=arguments.segment_size,
        delay=arguments.delay,
        port=arguments.port,
    )
    try:
        server.start()
    except OSError as error:
        complain(f"cannot listen on port {arguments.port}: {reason_of(error)}")
        return 1
    with suppress(KeyboardInterrupt), server:
        print(_SERVING.format(url=server.url), flush=True)
        while True:
            time.sleep(FOREVER)
    return 0


def _recorded(argument: str) -> list[RecordedAnswer]:
    from .record.playing import recorded_answer, recordings_in

    return [recorded_answer(file) for file in recordings_in(argument)]


def _demo(arguments: argparse.Namespace) -> int:
    try:
        from . import demo as _demo
    except ImportError as error:
        complain(f"the demo cannot run: {error}")
        return 1
    _demo.run(
        lambda text: print(text, end="", flush=True),
        transcript=lambda: _transcript(arguments),
        delay=0.0 if arguments.no_delay else _DEMO_DELAY,
    )
    return 0
